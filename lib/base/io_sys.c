/*
 * The system's own calls: the table that is used outside of tests.
 *
 * Where libc has no wrapper (openat2) or one that may emulate, the kernel
 * is asked directly; nothing is retried or completed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io_priv.h"

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
	.mmap = sys_mmap,
	.munmap = munmap,
	.close = close,
	.clock = sys_clock,
	.nap = sys_nap,
	.random = sys_random,
};
