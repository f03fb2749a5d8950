/*
 * Loading libgit2.
 *
 * It brings a dozen libraries for networks along, and linking them at each
 * start takes 5 ms of CPU, of 6 that a small command takes in all; few
 * commands ever ask it something.  So it is loaded as an option would be,
 * by the name that its own header gives the interface, and never unloaded.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "git/load.h"

#define SONAME "libgit2.so." LIBGIT2_SOVERSION

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sada_git table;
static struct sada_err failure;		/* code 0: it is loaded */

/* Where each function goes. */
static const struct call {
	const char *name;
	size_t at;
} calls[] = {
#define CALL(name) { "git_" #name, offsetof(struct sada_git, name) },
	SADA_GIT_CALLS(CALL)
#undef CALL
};

static void
load(void)
{
	void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL), *f;
	size_t i;

	for (i = 0; lib != NULL && i < sizeof(calls) / sizeof(calls[0]);
	    i++) {
		if ((f = dlsym(lib, calls[i].name)) == NULL)
			break;
		/* ISO C has no cast from an object to a function. */
		memcpy((char *)&table + calls[i].at, &f, sizeof(f));
	}
	if (lib == NULL || i < sizeof(calls) / sizeof(calls[0]))
		(void)sada_err_set(&failure, SADA_SYS, "cannot load libgit2, "
		    "which merges text and reads ignore rules; install it: "
		    "%s", dlerror());
}

int
sada_git_start(const struct sada_git **g, struct sada_err *err)
{
	int users;

	*g = &table;
	(void)pthread_once(&once, load);
	if (failure.code != 0) {
		if (err != NULL)
			*err = failure;
		return failure.code;
	}
	if ((users = table.libgit2_init()) < 0)
		return sada_git_fail(&table, "libgit2 does not start", err);
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
