/*
 * Loading libgit2.
 *
 * It brings a dozen libraries for networks along, and linking them at each
 * start takes 5 ms of CPU, of 6 that a small command takes in all; few
 * commands ever ask it something.  So it is loaded as an option would be,
 * by the name that its own header gives the interface, and never unloaded.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "git/load.h"

#define SONAME "libgit2.so." LIBGIT2_SOVERSION

/* Where each function goes. */
static const struct call {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(name) { "git_" #name, offsetof(struct sada_git, name) },
	SADA_GIT_CALLS(CALL)
#undef CALL
};

int
sada_git_start(struct sada_git *g, struct sada_err *err)
{
	/* Once it is loaded, this gives the same again. */
	void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL), *f;
	size_t i = 0, n = sizeof(calls) / sizeof(calls[0]);
	int users;

	for (; lib != NULL && i < n; i++) {
		if ((f = dlsym(lib, calls[i].name)) == NULL)
			break;
		/* ISO C has no cast from an object to a function. */
		memcpy((char *)g + calls[i].at, &f, sizeof(f));
	}
	if (i < n)
		return sada_err_set(err, SADA_SYS, "cannot load libgit2, "
		    "which merges text and reads ignore rules; install it: "
		    "%s", dlerror());
	if ((users = g->libgit2_init()) < 0)
		return sada_git_fail(g, "libgit2 does not start", err);
	return users;
}

int
sada_git_fail(const struct sada_git *g, const char *what,
    struct sada_err *err)
{
	const git_error *e = g->error_last();

	return sada_err_set(err, SADA_SYS, "%s: %s", what,
	    e != NULL && e->message != NULL ? e->message : "unknown error");
}
