/*
 * A replica in a temporary directory, trees as small tables, and maps made
 * of them: what the tests of apply share.
 */
#ifndef SADA_UNIT_DISK_APPLY_UTIL_H
#define SADA_UNIT_DISK_APPLY_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/apply.h"
#include "tap.h"

#define NPATH 9

/* Parents stand before their children. */
static const char *const paths[NPATH] = {
	"a", "b", "d", "d/e", "d/e/z", "d/x", "d/y", "f", "f/g"
};
static const int parents[NPATH] = { -1, -1, -1, 2, 3, 2, 2, -1, 7 };

/* What is at a path; kind 0: nothing. */
struct thing {
	int kind, mode, text;		/* TEXT numbers a content */
	long mtime;
};
struct tree {
	struct thing at[NPATH];
};

static struct {
	char dir[64];
	int root, sdir, packs;
	struct sada_store *store;
	uint64_t seq;
	int reported[8];
} rep;

static inline void
rep_cmd(const char *fmt, const char *arg)
{
	char cmd[256];

	(void)snprintf(cmd, sizeof(cmd), fmt, arg);
	if (system(cmd) != 0)
		printf("# %s failed\n", cmd);
}

static inline void
rep_open(void)
{
	struct sada_err err;
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(rep.dir, sizeof(rep.dir), "%s/apply.XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	CHECK(mkdtemp(rep.dir) != NULL);
	rep.root = open(rep.dir, O_RDONLY | O_DIRECTORY);
	CHECK(mkdirat(rep.root, ".sada", 0700) == 0);
	rep.sdir = openat(rep.root, ".sada", O_RDONLY | O_DIRECTORY);
	CHECK(mkdirat(rep.sdir, "packs", 0700) == 0);
	rep.packs = openat(rep.sdir, "packs", O_RDONLY | O_DIRECTORY);
	CHECK_INT(sada_store_open(&rep.store, rep.packs, SADA_STORE_WRITE,
	    &err), 0);
}

static inline void
rep_close(void)
{
	sada_store_free(rep.store);
	close(rep.packs);
	close(rep.sdir);
	close(rep.root);
	rep_cmd("chmod -R u+rwX %s", rep.dir);
	rep_cmd("rm -rf %s", rep.dir);
}

static inline size_t
text_of(char out[64], int n)
{
	return (size_t)snprintf(out, 64, "content %d%*s", n, n % 7, "");
}

/* A random tree; about half of the paths are there. */
static inline void
tree_random(struct tree *t)
{
	int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < NPATH; i++) {
		struct thing *x = &t->at[i];

		if (parents[i] >= 0 && t->at[parents[i]].kind != SADA_DIR)
			continue;
		x->kind = (int)tap_below(5);
		if (x->kind == 4)
			x->kind = SADA_DIR;
		x->mode = x->kind == SADA_DIR ? (tap_below(4) ? 0755 : 0555) :
		    tap_below(2) ? 0644 : 0755;
		x->text = (int)tap_below(4);
		x->mtime = 1000000 + (long)tap_below(3);
		if (x->kind == 0)
			memset(x, 0, sizeof(*x));
	}
}

/* The map of T, its contents in the store. */
static inline struct sada_id
tree_map(const struct tree *t)
{
	struct sada_nodes ns = { .store = rep.store };
	struct sada_build *b;
	struct sada_fill *f;
	struct sada_err err;
	struct sada_id map;
	char text[64];
	int i;

	CHECK_INT(sada_txn_begin(&ns.txn, rep.store, &err), 0);
	CHECK_INT(sada_fill_new(&f, ns.txn, &err), 0);
	sada_build_new(&b, &ns);
	for (i = 0; i < NPATH; i++) {
		const struct thing *x = &t->at[i];
		struct sada_version v = { 0 };
		struct sada_entry e = { .path = paths[i],
		    .len = strlen(paths[i]), .v = &v, .nv = 1 };

		if (x->kind == 0)
			continue;
		v.dot.author.b[0] = 1;
		v.dot.seq = ++rep.seq;
		v.kind = (uint8_t)x->kind;
		v.mtime_s = x->mtime;
		if (x->kind != SADA_LINK)
			v.mode = (uint16_t)x->mode;
		if (x->kind == SADA_DIR) {
			v.stamp_lamport = v.dot.seq;
			v.stamp_author = v.dot.author;
		} else {
			v.size = text_of(text, x->text);
			CHECK_INT(sada_file_put_bytes(f, text, v.size,
			    &v.content, &err), 0);
		}
		CHECK_INT(sada_build_add(b, &e, &err), 0);
	}
	CHECK_INT(sada_build_finish(b, &map, &err), 0);
	CHECK_INT(sada_fill_end(f, &err), 0);
	CHECK_INT(sada_txn_commit(ns.txn, &err), 0);
	return map;
}

static inline uint64_t
lamport_of(const struct sada_dot *d, void *ctx)
{
	(void)ctx;
	return d->seq;
}

static inline void
note_report(const char *path, size_t len, unsigned did, const char *why,
    void *ctx)
{
	(void)ctx;
	rep.reported[did]++;
	if (getenv("VERBOSE") != NULL)
		printf("# did %u %.*s: %s\n", did, (int)len, path,
		    why != NULL ? why : "");
}

/* Apply map MAP; the error code. */
static inline int
rep_apply(const struct sada_id *map, unsigned flags,
    struct sada_apply_result *res, struct sada_err *err)
{
	struct sada_nodes ns = { .store = rep.store };
	struct sada_apply_opts o = { .root = rep.root, .sdir = rep.sdir,
	    .src = { .store = rep.store }, .map = *map, .flags = flags,
	    .threads = 1, .report = note_report };
	struct sada_work *old = NULL;
	struct sada_view *view = NULL;
	int rc;

	memset(rep.reported, 0, sizeof(rep.reported));
	rc = sada_work_open(&old, rep.sdir, "work", err);
	if (rc == SADA_NOTFOUND)
		rc = 0;
	o.old = old;
	if (rc == 0)
		rc = sada_view_open(&view, &ns, map,
		    &(struct sada_view_by){ .lamport = lamport_of }, err);
	o.view = view;
	if (rc == 0)
		rc = sada_apply(res, &o, err);
	sada_view_free(view);
	sada_work_free(old);
	return rc;
}

/* What is on the disk; an unknown content has text -1. */
static inline void
tree_read(struct tree *t)
{
	char buf[128], text[64];
	struct stat st;
	ssize_t n;
	int i, k, fd;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < NPATH; i++) {
		struct thing *x = &t->at[i];

		if (fstatat(rep.root, paths[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		x->kind = S_ISDIR(st.st_mode) ? SADA_DIR :
		    S_ISREG(st.st_mode) ? SADA_FILE : SADA_LINK;
		x->mode = x->kind == SADA_LINK ? 0 : (int)(st.st_mode & 0777);
		x->mtime = st.st_mtime;
		if (x->kind == SADA_DIR)
			continue;
		if (x->kind == SADA_LINK) {
			n = readlinkat(rep.root, paths[i], buf, sizeof(buf));
		} else {
			fd = openat(rep.root, paths[i], O_RDONLY);
			n = read(fd, buf, sizeof(buf));
			close(fd);
		}
		x->text = -1;
		for (k = 0; k < 16; k++)
			if ((size_t)n == text_of(text, k) &&
			    memcmp(text, buf, (size_t)n) == 0)
				x->text = k;
	}
}

/* Equal at path I, apart from the mtime of directories if LAX. */
static inline int
thing_same(const struct thing *a, const struct thing *b, int lax)
{
	return a->kind == b->kind && (a->kind == 0 ||
	    ((a->kind == SADA_LINK || a->mode == b->mode) &&
	    (a->kind == SADA_DIR || a->text == b->text) &&
	    ((lax && a->kind == SADA_DIR) || a->mtime == b->mtime)));
}

static inline int
tree_same(const struct tree *a, const struct tree *b, int lax)
{
	int i, ok = 1;

	for (i = 0; i < NPATH; i++)
		if (!thing_same(&a->at[i], &b->at[i], lax)) {
			printf("# %s: kind %d/%d mode %o/%o text %d/%d mtime "
			    "%ld/%ld\n", paths[i], a->at[i].kind, b->at[i].kind,
			    (unsigned)a->at[i].mode, (unsigned)b->at[i].mode,
			    a->at[i].text, b->at[i].text, a->at[i].mtime,
			    b->at[i].mtime);
			ok = 0;
		}
	return ok;
}

#endif
