/* What the tests of sweeping share: to sweep, to judge, whole directories. */
#ifndef SADA_UNIT_STORE_SWEEP_UTIL_H
#define SADA_UNIT_STORE_SWEEP_UTIL_H

#include "store_util.h"

static inline void
must(int rc, const struct sada_err *err)
{
	if (rc >= 0)
		return;
	printf("Bail out! %s\n", err->msg);
	exit(1);
}

static inline struct sada_store *
must_open(int dfd, unsigned flags)
{
	struct sada_store *s;
	struct sada_err err;

	must(sada_store_open(&s, dfd, flags, &err), &err);
	return s;
}

/* One pack with the N objects K, whatever others have. */
static inline void
put_pack(int dfd, const struct known *k, size_t n)
{
	struct sada_store *s = must_open(dfd, SADA_STORE_WRITE);
	struct sada_err err;

	must(known_commit(s, k, n, &err), &err);
	sada_store_free(s);
}

/* Sweep through S; all K of N with LIVE set are marked. */
static inline int
sweep_in(struct sada_store *s, const struct known *k, const char *live,
    size_t n, unsigned flags, struct sada_sweep_stat *st,
    struct sada_err *err)
{
	struct sada_sweep *w = NULL;
	size_t i;
	int rc;

	memset(st, 0, sizeof(*st));
	if ((rc = sada_sweep_new(&w, s, err)) < 0)
		return rc;
	for (i = 0; i < n; i++)
		if (live[i])
			(void)sada_sweep_mark(w, k[i].type, &k[i].id);
	rc = sada_sweep_commit(w, flags, st, err);
	sada_sweep_free(w);
	return rc;
}

/* As one command would: open, sweep, close. */
static inline struct sada_sweep_stat
sweep(int dfd, const struct known *k, const char *live, size_t n)
{
	struct sada_store *s = must_open(dfd, SADA_STORE_WRITE);
	struct sada_sweep_stat st;
	struct sada_err err;

	must(sweep_in(s, k, live, n, 0, &st, &err), &err);
	sada_store_free(s);
	return st;
}

/* What any later writer does first. */
static inline void
next_writer(int dfd)
{
	sada_store_free(must_open(dfd, SADA_STORE_WRITE));
}

/*
 * Of the N objects K those that are LIVE (NULL: all) can be got from a store
 * opened now.  GONE: and no other can.
 */
static inline void
judge(int dfd, const struct known *k, const char *live, size_t n, int gone)
{
	struct sada_store *s = must_open(dfd, 0);
	size_t i;

	for (i = 0; i < n; i++) {
		if (live == NULL || live[i])
			CHECK_INT(known_get(s, &k[i]), 0);
		else if (gone)
			CHECK_INT(known_get(s, &k[i]), SADA_NOTFOUND);
	}
	sada_store_free(s);
}

/* No list, no temps, an index for each of PACKS packs, no damage. */
static inline void
judge_clean(int dfd, int packs)
{
	struct sada_store *s = must_open(dfd, 0);

	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	CHECK_INT(dir_count(dfd, "swept", NULL), 0);
	CHECK_INT(dir_count(dfd, ".pack", NULL), packs);
	CHECK_INT(dir_count(dfd, ".idx", NULL), packs);
	CHECK_INT(dir_count(dfd, "", NULL), 2 * packs + 2);
}

/* ---- the directory as a whole ---- */

struct file {
	char name[64];
	struct sada_buf b;
	ino_t ino;
};
struct dump {
	struct file f[64];
	size_t n;
};

static inline void
dump_take(struct dump *d, int dfd)
{
	DIR *dir = fdopendir(openat(dfd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;
	struct file *f;
	struct stat st;

	memset(d, 0, sizeof(*d));
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || d->n == 64)
			continue;
		f = &d->f[d->n++];
		(void)snprintf(f->name, sizeof(f->name), "%.63s", e->d_name);
		file_load(dfd, f->name, &f->b);
		if (fstatat(dfd, f->name, &st, 0) == 0)
			f->ino = st.st_ino;
	}
	closedir(dir);
}

static inline void
dump_free(struct dump *d)
{
	while (d->n > 0)
		sada_buf_release(&d->f[--d->n].b);
}

/* Make the directory what it was. */
static inline void
dump_back(const struct dump *d, int dfd)
{
	size_t i;

	(void)dir_drop(dfd, "");
	for (i = 0; i < d->n; i++)
		file_save(dfd, d->f[i].name, d->f[i].b.p, d->f[i].b.len);
}

static inline const struct file *
dump_find(const struct dump *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->f[i].name, name) == 0)
			return &d->f[i];
	return NULL;
}

/* Is the directory what it was, to the inode? */
static inline int
dump_same(const struct dump *d, int dfd)
{
	const struct file *f;
	struct dump now;
	size_t i;
	int same;

	dump_take(&now, dfd);
	same = now.n == d->n;
	for (i = 0; i < d->n && same; i++) {
		f = dump_find(&now, d->f[i].name);
		same = f != NULL && f->ino == d->f[i].ino &&
		    f->b.len == d->f[i].b.len && memcmp(f->b.p,
		    d->f[i].b.p, f->b.len) == 0;
	}
	dump_free(&now);
	return same;
}

/* The first pack of D that is not in BEFORE (NULL: at all), or exit. */
static inline const struct file *
dump_new(const struct dump *d, const struct dump *before)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strstr(d->f[i].name, ".pack") != NULL &&
		    (before == NULL || dump_find(before, d->f[i].name) == NULL))
			return &d->f[i];
	printf("Bail out! no new pack\n");
	exit(1);
}

/* Do all packs of BEFORE lie there still, as they were? */
static inline int
all_there(const struct dump *before, int dfd)
{
	const struct file *f;
	struct dump now;
	size_t i;
	int yes = 1;

	dump_take(&now, dfd);
	for (i = 0; i < before->n; i++) {
		if (strstr(before->f[i].name, ".pack") == NULL)
			continue;
		f = dump_find(&now, before->f[i].name);
		yes &= f != NULL && f->b.len == before->f[i].b.len &&
		    memcmp(f->b.p, before->f[i].b.p, f->b.len) == 0;
	}
	dump_free(&now);
	return yes;
}

/* ---- packs that were swept ---- */

/*
 * Three packs that were swept: of 12 objects, every third is dead.  BEFORE
 * and AFTER are what the directory was.
 */
struct swept {
	char path[64], live[12];
	struct known k[12];
	int dfd;
	struct dump before, after;
};

static inline void
swept_new(struct swept *x, uint64_t seed)
{
	size_t i;

	x->dfd = dir_new(x->path);
	for (i = 0; i < 12; i++) {
		known_make(&x->k[i], seed, i, 300 + 40 * i);
		x->live[i] = i % 3 != 0;
	}
	for (i = 0; i < 3; i++)
		put_pack(x->dfd, x->k + 4 * i, 4);
	dump_take(&x->before, x->dfd);
	(void)sweep(x->dfd, x->k, x->live, 12);
	dump_take(&x->after, x->dfd);
	CHECK_INT(x->after.n, x->before.n + 3);
}

static inline void
swept_end(struct swept *x)
{
	dump_free(&x->before);
	dump_free(&x->after);
	known_free(x->k, 12);
	dir_end(x->dfd, x->path);
}

#endif
