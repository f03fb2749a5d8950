/* Simulation: what users do to their files: eight paths chosen to clash. */
#include <sys/stat.h>

#include "sim.h"

#define NPATHS 8
#define PATH 1200

static const char *const paths[NPATHS - 1] = { "a", "a/b", "a/b/c", "A",
	"e\xcc\x81", "\xc3\xa9", "new\nline" };

/* One of the paths, below R's root. */
static void
path_of(struct sim *w, const struct sim_rep *r, char out[PATH])
{
	unsigned k = sim_below(w, 12);

	if (k >= NPATHS)
		k -= NPATHS;	/* those below "a" clash most */
	if (k == NPATHS - 1)
		(void)snprintf(out, PATH, "%s/%0255d", r->root, 7);
	else
		(void)snprintf(out, PATH, "%s/%s", r->root, paths[k]);
}

struct pick {
	unsigned at, n;
	char name[PATH];
};

static void
on_copy(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct pick *k = ctx;

	(void)kind;
	(void)mode;
	(void)p;
	(void)n;
	if (strncmp(name, ".sada", 5) != 0 && strchr(name, '~') != NULL &&
	    k->n++ == k->at)
		(void)snprintf(k->name, sizeof(k->name), "%s", name);
}

/* A conflict copy in R's directory; 0 when there is none. */
static int
copy_path(struct sim *w, const struct sim_rep *r, char out[PATH])
{
	struct pick k = { UINT32_MAX, 0, "" };

	memfs_walk(r->root, on_copy, &k);
	if (k.n == 0)
		return 0;
	k.at = sim_below(w, k.n);
	k.n = 0;
	memfs_walk(r->root, on_copy, &k);
	(void)snprintf(out, PATH, "%s/%.1100s", r->root, k.name);
	return 1;
}

/* The directories that PATH lies in are made, in place of what is there. */
static void
make_parents(const char *path)
{
	char dir[PATH];
	size_t i;

	for (i = 4; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = '\0';
		if (memfs_kind(dir) == S_IFDIR)
			continue;
		(void)memfs_remove(dir);
		(void)memfs_mkdir(dir, 0755);
	}
}

/* A file's bytes: few that are the same everywhere, some long, some new. */
static size_t
content(struct sim *w, char *out, size_t room)
{
	unsigned how = sim_below(w, 10), i, lines;
	size_t n = 0;

	if (how == 0)
		return 0;
	if (how < 4)
		return (size_t)snprintf(out, room, "common %u\n",
		    sim_below(w, 4));
	lines = how == 4 ? 120 : 2 + sim_below(w, 6);
	for (i = 0; i < lines && n + 60 < room; i++)
		n += (size_t)snprintf(out + n, room - n, "line %u %s\n", i,
		    i == 1 ? "" : "is the same in most files");
	return n + (size_t)snprintf(out + n, room - n, "own %" PRIx64 "\n",
	    sim_rand(w));
}

static void
write_file(struct sim *w, const char *path)
{
	char text[8192];
	size_t n = content(w, text, sizeof(text));

	make_parents(path);
	if (memfs_kind(path) != S_IFREG)
		(void)memfs_remove(path);
	(void)memfs_put(path, text, n, sim_below(w, 4) == 0 ? 0600 : 0644);
}

/* A line more, at the end or at the start. */
static void
append(struct sim *w, const char *path)
{
	char text[9000];
	const unsigned char *p;
	size_t n, k;

	if (memfs_kind(path) != S_IFREG) {
		write_file(w, path);
		return;
	}
	p = memfs_bytes(path, &n);
	if (n > 8000)
		n = 8000;
	k = (size_t)snprintf(text, sizeof(text), "more %" PRIx64 "\n",
	    sim_rand(w) & 0xff);
	if (sim_below(w, 2) == 0) {
		memcpy(text + k, p, n);
	} else {
		memmove(text + n, text, k);
		memcpy(text, p, n);
	}
	(void)memfs_put(path, text, n + k, 0644);
}

static void
swap_kind(struct sim *w, const char *path)
{
	char text[40];

	make_parents(path);
	(void)memfs_remove(path);
	if (sim_below(w, 2) == 0) {
		(void)memfs_mkdir(path, sim_below(w, 3) == 0 ? 0700 : 0755);
		return;
	}
	(void)snprintf(text, sizeof(text), "%sto%u", sim_below(w, 2) == 0 ?
	    "../../" : "", sim_below(w, 3));
	(void)memfs_symlink(path, text);
}

/* A name that is nobody's to sync, inside of a directory. */
static void
make_odd(struct sim *w, const char *root)
{
	static const char *const odd[] = { ".sada", ".SADA", ".Sada" };
	char path[PATH];

	(void)snprintf(path, sizeof(path), "%s/a/%s", root,
	    odd[sim_below(w, 3)]);
	make_parents(path);
	(void)memfs_remove(path);
	if (sim_below(w, 2) == 0)
		(void)memfs_put(path, "x", 1, 0644);
	else
		(void)memfs_mkdir(path, 0755);
}

/* Every name goes: what a guard is for. */
static void
remove_all(struct sim *w, const struct sim_rep *r)
{
	char path[PATH];
	unsigned i;

	sim_say(w, "  edit: all of %s goes", r->root);
	for (i = 0; i < NPATHS - 1; i++) {
		(void)snprintf(path, PATH, "%s/%s", r->root, paths[i]);
		(void)memfs_remove(path);
	}
	while (copy_path(w, r, path))
		(void)memfs_remove(path);
	(void)snprintf(path, PATH, "%s/%0255d", r->root, 7);
	(void)memfs_remove(path);
}

static void
edit_one(struct sim *w, struct sim_rep *r)
{
	static const unsigned modes[] = { 0644, 0600, 0755, 0444, 0700 };
	char path[PATH], to[PATH];
	unsigned how = sim_below(w, 40);

	if (sim_below(w, 60) == 0) {
		remove_all(w, r);
		return;
	}
	path_of(w, r, path);
	if (sim_below(w, 5) == 0)
		(void)copy_path(w, r, path);
	sim_say(w, "  edit %u of %.40s", how, path);
	if (how < 14) {
		write_file(w, path);
	} else if (how < 20) {
		append(w, path);
	} else if (how < 25) {
		(void)memfs_remove(path);
	} else if (how < 29) {
		(void)memfs_chmod(path, modes[sim_below(w, 5)]);
	} else if (how < 33) {
		swap_kind(w, path);
	} else if (how < 38) {
		path_of(w, r, to);
		if (strncmp(to, path, strlen(path)) == 0)
			return;
		make_parents(to);
		if (memfs_kind(path) == 0)
			return;
		(void)memfs_remove(to);
		(void)memfs_rename(path, to);
	} else if (how < 39) {
		make_odd(w, r->root);
	} else {
		(void)memfs_chmod(r->root, modes[sim_below(w, 5)] | 0700);
	}
}

void
sim_edit(struct sim *w, struct sim_rep *r)
{
	edit_one(w, r);
	sim_show(w, r);
}
