/*
 * A table of calls that fails the n-th one, or shortens reads and writes.
 *
 * Arm it, run the operation, disarm it, judge what is left; repeat for
 * n = 1, 2, ... until it no longer fires.  Clock, randomness, naps, unmap
 * and advice never fail: nothing could be done about it.
 */
#ifndef SADA_UNIT_FAULT_H
#define SADA_UNIT_FAULT_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/io.h"

static struct {
	const struct sada_io_ops *real;
	long left;		/* calls until one fails; 0: none will */
	int error;		/* the errno to fail with */
	int persist;		/* go on failing */
	int cut;		/* shorten every read and write */
	long calls;		/* calls seen since armed */
	const char *fired;	/* the first call that failed, or NULL */
} fault;

static inline int
fault_hit(const char *what)
{
	fault.calls++;
	if (fault.left == 0 || --fault.left > 0)
		return 0;
	if (fault.fired == NULL)
		fault.fired = what;
	if (fault.persist)
		fault.left = 1;
	errno = fault.error;
	return 1;
}

/* Half of N, but not nothing. */
static inline size_t
fault_cut(size_t n)
{
	return fault.cut && n > 1 ? n / 2 : n;
}

#define FAULT(type, name, bad, params, args)				\
static inline type							\
fault_##name params							\
{									\
	if (fault_hit(#name))						\
		return bad;						\
	return fault.real->name args;					\
}

FAULT(int, openat, -1, (int d, const char *s, int f, mode_t m),
    (d, s, f, m))
FAULT(int, openat2, -1, (int d, const char *s, int f, uint64_t m,
    uint64_t r), (d, s, f, m, r))
FAULT(ssize_t, read, -1, (int fd, void *p, size_t n), (fd, p, fault_cut(n)))
FAULT(ssize_t, write, -1, (int fd, const void *p, size_t n),
    (fd, p, fault_cut(n)))
FAULT(ssize_t, pread, -1, (int fd, void *p, size_t n, off_t o),
    (fd, p, fault_cut(n), o))
FAULT(ssize_t, pwrite, -1, (int fd, const void *p, size_t n, off_t o),
    (fd, p, fault_cut(n), o))
FAULT(int, statx, -1, (int d, const char *s, int f, struct sada_stat *st),
    (d, s, f, st))
FAULT(ssize_t, getdents, -1, (int fd, void *p, size_t n), (fd, p, n))
FAULT(int, fsync, -1, (int fd), (fd))
FAULT(int, fdatasync, -1, (int fd), (fd))
FAULT(int, syncfs, -1, (int fd), (fd))
FAULT(int, sync_range, -1, (int fd, off_t o, off_t n, unsigned f),
    (fd, o, n, f))
FAULT(int, renameat2, -1, (int od, const char *on, int nd, const char *nn,
    unsigned f), (od, on, nd, nn, f))
FAULT(int, unlinkat, -1, (int d, const char *s, int f), (d, s, f))
FAULT(int, mkdirat, -1, (int d, const char *s, mode_t m), (d, s, m))
FAULT(int, symlinkat, -1, (const char *t, int d, const char *s), (t, d, s))
FAULT(ssize_t, readlinkat, -1, (int d, const char *s, char *p, size_t n),
    (d, s, p, n))
FAULT(int, fchmod, -1, (int fd, mode_t m), (fd, m))
FAULT(int, utimensat, -1, (int d, const char *s, const struct timespec *t,
    int f), (d, s, t, f))
FAULT(int, ftruncate, -1, (int fd, off_t n), (fd, n))
FAULT(off_t, lseek, -1, (int fd, off_t o, int w), (fd, o, w))
FAULT(int, flock, -1, (int fd, int op), (fd, op))
FAULT(int, getlk, -1, (int fd, struct flock *l), (fd, l))
FAULT(void *, mmap, MAP_FAILED, (int fd, size_t n), (fd, n))

/* A close that fails has closed all the same. */
static inline int
fault_close(int fd)
{
	int rc = fault.real->close(fd);

	return fault_hit("close") ? -1 : rc;
}

static struct sada_io_ops fault_ops;

/*
 * From now on fail call N (1 is the next; 0 none) with errno ERROR, and
 * all after it too if PERSIST.
 */
static inline void
fault_arm(long n, int error, int persist)
{
	sada_io_use(NULL);
	fault.real = sada_io_ops();
	fault.left = n;
	fault.error = error;
	fault.persist = persist;
	fault.calls = 0;
	fault.fired = NULL;
	fault_ops = *fault.real;
	fault_ops.openat = fault_openat;
	fault_ops.openat2 = fault_openat2;
	fault_ops.read = fault_read;
	fault_ops.write = fault_write;
	fault_ops.pread = fault_pread;
	fault_ops.pwrite = fault_pwrite;
	fault_ops.statx = fault_statx;
	fault_ops.getdents = fault_getdents;
	fault_ops.fsync = fault_fsync;
	fault_ops.fdatasync = fault_fdatasync;
	fault_ops.syncfs = fault_syncfs;
	fault_ops.sync_range = fault_sync_range;
	fault_ops.renameat2 = fault_renameat2;
	fault_ops.unlinkat = fault_unlinkat;
	fault_ops.mkdirat = fault_mkdirat;
	fault_ops.symlinkat = fault_symlinkat;
	fault_ops.readlinkat = fault_readlinkat;
	fault_ops.fchmod = fault_fchmod;
	fault_ops.utimensat = fault_utimensat;
	fault_ops.ftruncate = fault_ftruncate;
	fault_ops.lseek = fault_lseek;
	fault_ops.flock = fault_flock;
	fault_ops.getlk = fault_getlk;
	fault_ops.mmap = fault_mmap;
	fault_ops.close = fault_close;
	sada_io_use(&fault_ops);
}

/* Back to the system's calls; did a fault fire, and in which call? */
static inline const char *
fault_disarm(void)
{
	sada_io_use(NULL);
	return fault.fired;
}

#endif
