/* A directory to scan, and a log of what a scan told about it. */
#ifndef SADA_UNIT_DISK_SCAN_UTIL_H
#define SADA_UNIT_DISK_SCAN_UTIL_H

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "crypto/hash.h"
#include "disk/scan_priv.h"
#include "store/file.h"
#include "tap.h"

#define LOG_MAX 20000

/* An item, or (found 0) a report. */
struct told {
	char *path;
	size_t len;
	unsigned found, diff;
	struct sada_row row;		/* the draft; pointers are stale */
	const char *why;
};

/* All of a test's state. */
static struct {
	char dir[64];
	int root, sdir;
	struct sada_err err;
	struct sada_scan_result res;
	struct told log[LOG_MAX];
	size_t n;
	uint64_t seq;			/* of the dots of new covers */
	unsigned threads;
	/* What EACH returns: by default 1, 0 for what is gone. */
	int (*answer)(const struct sada_item *it, struct sada_row *row);
	struct sada_txn *txn;
	int dry;			/* sdir -1 */
	struct sada_version v;
	/* Counted by the calls below. */
	long opens, dirs, lists;
} sc;

static inline void
sc_log_free(void)
{
	while (sc.n > 0)
		free(sc.log[--sc.n].path);
}

static inline struct told *
sc_log(const char *path, size_t len, unsigned found)
{
	struct told *t = &sc.log[sc.n++];

	assert(sc.n < LOG_MAX);
	memset(t, 0, sizeof(*t));
	t->path = sada_memdup(path, len);
	t->len = len;
	t->found = found;
	return t;
}

static inline int
sc_each(const struct sada_item *it, struct sada_row *row, void *ctx,
    struct sada_err *err)
{
	struct told *t = sc_log(it->path, it->len, it->found);

	(void)ctx;
	(void)err;
	t->diff = it->diff;
	t->row = *row;
	if (sc.answer != NULL)
		return sc.answer(it, row);
	if (row->ncover == 0) {
		memset(&sc.v, 0, sizeof(sc.v));
		sc.v.dot.seq = sc.seq;
		sc.v.kind = row->kind;
		sc.v.mode = row->mode;
		sc.v.size = row->size;
		sc.v.content = row->content;
		sc.v.mtime_s = row->mtime_s;
		sc.v.mtime_ns = row->mtime_ns;
		row->cover = &sc.v;
		row->ncover = 1;
	}
	return it->found != SADA_FOUND_GONE;
}

static inline void
sc_report(const char *path, size_t len, unsigned special, const char *why,
    void *ctx)
{
	(void)ctx;
	(void)special;
	sc_log(path, len, 0)->why = why;
}

/*
 * Scan with W, which is read from "work" if it is there; a next W is
 * published.  The result is sada_scan()'s.
 */
static inline int
sc_scan(void)
{
	struct sada_work *old = NULL;
	struct sada_ignore *ig = NULL;
	struct sada_work_writer *wr = NULL;
	struct sada_work_info info = { 0 };
	struct sada_scan_opts o = { 0 };
	int rc;

	sc_log_free();
	sc.seq++;
	rc = sada_work_open(&old, sc.sdir, "work", &sc.err);
	if (rc < 0 && rc != SADA_NOTFOUND)
		return rc;
	rc = sada_ignore_new(&ig, &sc.err);
	assert(rc == 0);
	o.root = sc.root;
	o.sdir = sc.dry ? -1 : sc.sdir;
	o.old = old;
	o.ignore = ig;
	o.txn = sc.txn;
	o.threads = sc.threads;
	o.each = sc_each;
	o.report = sc_report;
	rc = sada_scan(&wr, &sc.res, &o, &sc.err);
	if (rc == 0 && wr != NULL) {
		CHECK_INT(sc.res.rows, sada_work_writer_rows(wr));
		if ((rc = sada_work_writer_finish(wr, &info, &sc.err)) == 0)
			rc = sada_work_publish(sc.sdir, 0, &sc.err);
	}
	sada_work_free(old);
	sada_ignore_free(ig);
	return rc;
}

/* How many items of kind FOUND came; 0: reports. */
static inline long
sc_count(unsigned found)
{
	size_t i;
	long k = 0;

	for (i = 0; i < sc.n; i++)
		k += sc.log[i].found == found;
	return k;
}

/* Items that are more than a refreshed stat. */
static inline long
sc_real(void)
{
	return (long)sc.n - sc_count(SADA_FOUND_STAT) - sc_count(0);
}

/* The item (found > 0) or report (found 0) for PATH, or NULL. */
static inline struct told *
sc_find(const char *path, int item)
{
	size_t i;

	for (i = 0; i < sc.n; i++)
		if (strcmp(sc.log[i].path, path) == 0 &&
		    (sc.log[i].found != 0) == item)
			return &sc.log[i];
	return NULL;
}

/* What was told of PATH: enum sada_found, 0 nothing. */
static inline unsigned
sc_found(const char *path)
{
	struct told *t = sc_find(path, 1);

	return t != NULL ? t->found : 0;
}

static inline void
sc_put(const char *path, const char *text)
{
	int fd = openat(sc.root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert(fd >= 0);
	assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static inline void
sc_mkdir(const char *path)
{
	assert(mkdirat(sc.root, path, 0755) == 0);
}

/* Remove all of PATH. */
static inline void
sc_rm(int dfd, const char *name)
{
	struct dirent *e;
	DIR *d;
	int fd;

	if (unlinkat(dfd, name, 0) == 0)
		return;
	fd = openat(dfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	assert(fd >= 0 && (d = fdopendir(fd)) != NULL);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			sc_rm(dirfd(d), e->d_name);
	closedir(d);
	assert(unlinkat(dfd, name, AT_REMOVEDIR) == 0);
}

static inline void
sc_close(void)
{
	if (sc.dir[0] == '\0')
		return;
	sc_log_free();
	close(sc.root);
	close(sc.sdir);
	sc_rm(AT_FDCWD, sc.dir);
	sc.dir[0] = '\0';
}

/* A new empty directory with its store. */
static inline void
sc_open(void)
{
	sc_close();
	strcpy(sc.dir, "/tmp/disk_scan.XXXXXX");
	assert(mkdtemp(sc.dir) != NULL);
	sc.root = open(sc.dir, O_RDONLY | O_DIRECTORY);
	assert(sc.root >= 0 && mkdirat(sc.root, ".sada", 0700) == 0);
	sc.sdir = openat(sc.root, ".sada", O_RDONLY | O_DIRECTORY);
	assert(sc.sdir >= 0);
	sc.answer = NULL;
	sc.dry = 0;
	sc.threads = 1 + (unsigned)tap_below(4);
}

/* Calls that count, and whose clock may run ahead. */
static struct sada_io_ops sc_ops;
static long sc_ahead;

static inline int
sc_openat(int dfd, const char *name, int flags, mode_t mode)
{
	__atomic_add_fetch(&sc.opens, 1, __ATOMIC_RELAXED);
	return openat(dfd, name, flags, mode);
}

static inline int
sc_clock(int id, struct timespec *ts)
{
	int rc = clock_gettime(id, ts);

	ts->tv_sec += sc_ahead;
	return rc;
}

static struct sada_io_ops sc_real_ops;

static inline ssize_t
sc_getdents(int fd, void *p, size_t n)
{
	__atomic_add_fetch(&sc.lists, 1, __ATOMIC_RELAXED);
	return sc_real_ops.getdents(fd, p, n);
}

/* Use the counting calls; AHEAD seconds are added to the clock. */
static inline void
sc_count_calls(long ahead)
{
	sada_io_use(NULL);
	sc_real_ops = *sada_io_ops();
	sc_ops = sc_real_ops;
	sc_ops.openat = sc_openat;
	sc_ops.getdents = sc_getdents;
	sc_ops.clock = sc_clock;
	sc_ahead = ahead;
	sc.opens = sc.lists = 0;
	sada_io_use(&sc_ops);
}

/*
 * Scan once with a clock far ahead, so that nothing is racy in W after it;
 * only stats may be refreshed.
 */
static inline void
sc_settle(void)
{
	sc_count_calls(100);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
	sada_io_use(NULL);
}

#endif
