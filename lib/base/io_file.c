/*
 * The two ends of io: the system's own calls, in the table that is used
 * outside of tests; and whole small files, read with a cap or published
 * atomically, which are made of the calls between.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io_priv.h"
#include "base/quote.h"

/*
 * Where libc has no wrapper (openat2) or one that may emulate, the kernel
 * is asked directly; nothing is retried or completed here.
 */

_Static_assert(sizeof(off_t) == 8, "files are larger than 2 GiB");

/* Without these a stat cannot tell one state of a file from another. */
#define STATX_NEEDED (STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | \
    STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME)

static int
sys_openat(int dfd, const char *name, int flags, mode_t mode)
{
	return openat(dfd, name, flags, mode);
}

static int
sys_openat2(int dfd, const char *path, int flags, uint64_t mode,
    uint64_t resolve)
{
	struct open_how how;

	memset(&how, 0, sizeof(how));
	how.flags = (uint64_t)(unsigned)flags;
	how.mode = mode;
	how.resolve = resolve;
	return (int)syscall(SYS_openat2, dfd, path, &how, sizeof(how));
}

static int
sys_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	struct statx x;

	memset(&x, 0, sizeof(x));
	if (statx(dfd, name, flags,
	    STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &x) != 0)
		return -1;
	if ((x.stx_mask & STATX_NEEDED) != STATX_NEEDED) {
		errno = EOPNOTSUPP;
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->kind = x.stx_mode & S_IFMT;
	st->mode = x.stx_mode & 07777;
	st->uid = x.stx_uid;
	st->nlink = x.stx_nlink;
	st->ino = x.stx_ino;
	st->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	st->size = x.stx_size;
	st->mtime_s = x.stx_mtime.tv_sec;
	st->mtime_ns = x.stx_mtime.tv_nsec;
	st->ctime_s = x.stx_ctime.tv_sec;
	st->ctime_ns = x.stx_ctime.tv_nsec;
	if (x.stx_mask & STATX_BLOCKS)
		st->blocks = x.stx_blocks;
	if (x.stx_mask & STATX_BTIME) {
		st->btime_s = x.stx_btime.tv_sec;
		st->btime_ns = x.stx_btime.tv_nsec;
	}
	if (x.stx_mask & STATX_MNT_ID)
		st->mnt = x.stx_mnt_id;
	return 0;
}

static ssize_t
sys_getdents(int fd, void *p, size_t n)
{
	return syscall(SYS_getdents64, fd, p, n);
}

static int
sys_sync_range(int fd, off_t off, off_t n, unsigned flags)
{
	return sync_file_range(fd, off, n, flags);
}

static int
sys_renameat2(int od, const char *on, int nd, const char *nn,
    unsigned flags)
{
	return (int)syscall(SYS_renameat2, od, on, nd, nn, flags);
}

static int
sys_fadvise(int fd, off_t off, off_t n, int advice)
{
	int rc = posix_fadvise(fd, off, n, advice);

	if (rc == 0)
		return 0;
	errno = rc;
	return -1;
}

static int
sys_getlk(int fd, struct flock *l)
{
	return fcntl(fd, F_GETLK, l);
}

static void *
sys_mmap(int fd, size_t n)
{
	return mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
}

static int
sys_clock(int id, struct timespec *ts)
{
	return clock_gettime(id, ts);
}

static int
sys_nap(const struct timespec *ts)
{
	return nanosleep(ts, NULL);
}

static ssize_t
sys_random(void *p, size_t n)
{
	return getrandom(p, n, 0);
}

const struct sada_io_ops sada_io_system = {
	.openat = sys_openat,
	.openat2 = sys_openat2,
	.read = read,
	.write = write,
	.pread = pread,
	.pwrite = pwrite,
	.statx = sys_statx,
	.getdents = sys_getdents,
	.fsync = fsync,
	.fdatasync = fdatasync,
	.syncfs = syncfs,
	.sync_range = sys_sync_range,
	.renameat2 = sys_renameat2,
	.unlinkat = unlinkat,
	.mkdirat = mkdirat,
	.symlinkat = symlinkat,
	.readlinkat = readlinkat,
	.fchmod = fchmod,
	.utimensat = utimensat,
	.ftruncate = ftruncate,
	.lseek = lseek,
	.fadvise = sys_fadvise,
	.flock = flock,
	.getlk = sys_getlk,
	.mmap = sys_mmap,
	.munmap = munmap,
	.close = close,
	.clock = sys_clock,
	.nap = sys_nap,
	.random = sys_random,
};

/* Whole small files.  A temp is ".tmp-", 16 hex digits, NUL. */

#define TEMP ".tmp-"
#define TEMP_NAME (5 + 16 + 1)

/* SADA_FORMAT with sentence "NAME TEXT". */
static int
refuse(struct sada_err *err, const char *name, const char *text)
{
	struct sada_buf q = { 0 };
	int rc;

	sada_quote(&q, name, strlen(name));
	rc = sada_err_set(err, SADA_FORMAT, "%s %s", sada_buf_str(&q), text);
	sada_buf_release(&q);
	return rc;
}

/* Put "cannot DO NAME" before the sentence in ERR, which is SADA_SYS. */
static int
explain(struct sada_err *err, const char *what, const char *name)
{
	struct sada_buf q = { 0 };

	sada_quote(&q, name, strlen(name));
	(void)sada_err_prefix(err, "cannot %s %s", what, sada_buf_str(&q));
	sada_buf_release(&q);
	if (err != NULL)
		err->code = SADA_SYS;
	return SADA_SYS;
}

/*
 * Read FD to its end into OUT, one byte past MAX at most: the file may
 * grow while it is read, so its size is only a hint.
 */
static int
slurp_fd(int fd, uint64_t hint, size_t max, struct sada_buf *out,
    struct sada_err *err)
{
	size_t cap = max < SIZE_MAX ? max + 1 : max, total = 0, want, got;
	int rc;

	want = hint < cap ? (size_t)hint + 1 : cap;
	do {
		rc = sada_io_read(fd, sada_buf_reserve(out, want), want, &got,
		    err);
		if (rc < 0)
			return rc;
		out->len += got;
		total += got;
		if (got < want)
			break;
		want = total < cap - total ? total : cap - total;
	} while (want > 0);
	return 0;
}

int
sada_io_slurp(int dfd, const char *name, size_t max, struct sada_buf *out,
    struct sada_err *err)
{
	size_t start = out->len;
	struct sada_stat st;
	int fd = -1;
	int rc;

	/* O_NONBLOCK, so that a fifo at this name cannot hold us. */
	if ((rc = sada_io_open(&fd, dfd, name, O_RDONLY | O_NONBLOCK |
	    O_NOCTTY, 0, err)) < 0)
		return rc;
	if ((rc = sada_io_stat(fd, "", &st, err)) < 0) {
		rc = explain(err, "read", name);
		goto out;
	}
	if (st.kind != S_IFREG) {
		rc = refuse(err, name, "is not a regular file");
		goto out;
	}
	if ((rc = slurp_fd(fd, st.size, max, out, err)) < 0)
		rc = explain(err, "read", name);
	else if (out->len - start > max)
		rc = refuse(err, name, "is larger than it may be");
out:
	if (rc < 0)
		out->len = start;
	sada_io_close(fd);
	return rc;
}

/* Remove a temp after a failure; what cannot be removed is litter. */
static void
drop_temp(int dfd, const char *temp)
{
	struct sada_err ignored;

	if (sada_io_unlink(dfd, temp, 0, &ignored) < 0)
		return;
}

/* Write, sync and close new file TEMP; NAME stands in messages. */
static int
write_temp(int dfd, const char *temp, const char *name, const void *p,
    size_t n, unsigned flags, struct sada_err *err)
{
	int fd = -1;
	int rc;

	if (sada_io_open(&fd, dfd, temp, O_WRONLY | O_CREAT | O_EXCL, 0600,
	    err) < 0)
		return explain(err, "write", name);
	if ((rc = sada_io_write(fd, p, n, err)) < 0)
		rc = explain(err, "write", name);
	else if (!(flags & SADA_PUBLISH_CACHE))
		rc = sada_io_fsync(fd, name, err);
	if (rc < 0)
		sada_io_close(fd);
	else if ((rc = sada_io_close_checked(fd, err)) < 0)
		rc = explain(err, "write", name);
	if (rc < 0)
		drop_temp(dfd, temp);
	return rc;
}

int
sada_io_publish(int dfd, const char *name, const void *p, size_t n,
    unsigned flags, struct sada_err *err)
{
	unsigned char rnd[8];
	char temp[TEMP_NAME];
	int rc;

	sada_io_random(rnd, sizeof(rnd));
	(void)snprintf(temp, sizeof(temp), TEMP "%016llx",
	    (unsigned long long)sada_le64(rnd));
	if ((rc = write_temp(dfd, temp, name, p, n, flags, err)) < 0)
		return rc;
	if (sada_io_rename(dfd, temp, dfd, name, flags & SADA_PUBLISH_NEW ?
	    RENAME_NOREPLACE : 0, err) < 0) {
		drop_temp(dfd, temp);
		return explain(err, "write", name);
	}
	return flags & SADA_PUBLISH_CACHE ? 0 : sada_io_fsync(dfd, name, err);
}

struct temps {
	char (*name)[TEMP_NAME];
	size_t n, cap;
};

static int
list_temp(const struct sada_dirent *d, void *ctx)
{
	struct temps *t = ctx;

	if (d->len != TEMP_NAME - 1 ||
	    memcmp(d->name, TEMP, sizeof(TEMP) - 1) != 0)
		return 0;
	t->name = sada_grow(t->name, &t->cap, t->n + 1, sizeof(*t->name));
	memcpy(t->name[t->n++], d->name, TEMP_NAME);
	return 0;
}

int
sada_io_sweep(int dfd, struct sada_err *err)
{
	struct temps t = { NULL, 0, 0 };
	size_t i;
	int rc;

	rc = sada_io_list(dfd, list_temp, &t, err);
	for (i = 0; i < t.n && rc == 0; i++) {
		rc = sada_io_unlink(dfd, t.name[i], 0, err);
		if (rc == SADA_NOTFOUND)
			rc = 0;
	}
	free(t.name);
	return rc;
}
