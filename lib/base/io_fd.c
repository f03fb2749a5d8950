/* Calls on an open handle: bytes, syncs, locks, maps; clock, randomness. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io_priv.h"

#define NAP_MAX_MS 50U

void
sada_io_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)sada_io_ops()->close(fd);
	errno = saved;
}

int
sada_io_close_checked(int fd, struct sada_err *err)
{
	/* The handle is gone even after EINTR: there is no second try. */
	if (sada_io_ops()->close(fd) != 0)
		return sada_err_sys(err, "close failed");
	return 0;
}

int
sada_io_read_some(int fd, void *p, size_t n, size_t *got,
    struct sada_err *err)
{
	ssize_t k;

	*got = 0;
	do
		k = sada_io_ops()->read(fd, p, n);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return sada_err_sys(err, "read failed");
	assert((size_t)k <= n);
	*got = (size_t)k;
	return 0;
}

int
sada_io_read(int fd, void *p, size_t n, size_t *got, struct sada_err *err)
{
	size_t done = 0, k;
	int rc = 0;

	while (done < n) {
		rc = sada_io_read_some(fd, (unsigned char *)p + done,
		    n - done, &k, err);
		if (rc < 0 || k == 0)
			break;
		done += k;
	}
	*got = done;
	return rc;
}

/*
 * Judge the result K of a write of up to LEFT bytes: 1 to go on, 0 to try
 * again, or an error.  A write of nothing would go on for ever.
 */
static int
wrote(ssize_t k, size_t left, struct sada_err *err)
{
	if (k < 0 && errno == EINTR)
		return 0;
	if (k == 0)
		errno = EIO;
	if (k <= 0)
		return sada_err_sys(err, "write failed");
	assert((size_t)k <= left);
	return 1;
}

int
sada_io_write(int fd, const void *p, size_t n, struct sada_err *err)
{
	const unsigned char *q = p;
	ssize_t k;
	int rc;

	while (n > 0) {
		k = sada_io_ops()->write(fd, q, n);
		if ((rc = wrote(k, n, err)) < 0)
			return rc;
		if (rc > 0) {
			q += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

/* Can N bytes at offset OFF be named to the kernel?  Else errno. */
static int
offset_ok(uint64_t off, size_t n)
{
	if (off <= INT64_MAX && n <= INT64_MAX - off)
		return 1;
	errno = EOVERFLOW;
	return 0;
}

int
sada_io_pread(int fd, void *p, size_t n, uint64_t off, size_t *got,
    struct sada_err *err)
{
	size_t done = 0;
	ssize_t k;

	*got = 0;
	if (!offset_ok(off, n))
		return sada_err_sys(err, "read failed");
	while (done < n) {
		k = sada_io_ops()->pread(fd, (unsigned char *)p + done,
		    n - done, (off_t)(off + done));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return sada_err_sys(err, "read failed");
		if (k == 0)
			break;
		assert((size_t)k <= n - done);
		done += (size_t)k;
	}
	*got = done;
	return 0;
}

int
sada_io_pwrite(int fd, const void *p, size_t n, uint64_t off,
    struct sada_err *err)
{
	const unsigned char *q = p;
	ssize_t k;
	int rc;

	if (!offset_ok(off, n))
		return sada_err_sys(err, "write failed");
	while (n > 0) {
		k = sada_io_ops()->pwrite(fd, q, n, (off_t)off);
		if ((rc = wrote(k, n, err)) < 0)
			return rc;
		if (rc > 0) {
			q += k;
			off += (uint64_t)k;
			n -= (size_t)k;
		}
	}
	return 0;
}

/*
 * The syncs have one strike: after a failure the kernel forgets it and
 * the next call would say that all is well.  EINTR counts as a failure.
 */
static int
synced(int result, const char *what, struct sada_err *err)
{
	return result != 0 ? sada_io_fail(err, "sync", what) : 0;
}

int
sada_io_fsync(int fd, const char *what, struct sada_err *err)
{
	return synced(sada_io_ops()->fsync(fd), what, err);
}

int
sada_io_fdatasync(int fd, const char *what, struct sada_err *err)
{
	return synced(sada_io_ops()->fdatasync(fd), what, err);
}

int
sada_io_syncfs(int fd, struct sada_err *err)
{
	return synced(sada_io_ops()->syncfs(fd), "the file system", err);
}

void
sada_io_writeback(int fd)
{
	int saved = errno;

	(void)sada_io_ops()->sync_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	errno = saved;
}

int
sada_io_chmod(int fd, unsigned mode, struct sada_err *err)
{
	int rc;

	do
		rc = sada_io_ops()->fchmod(fd, (mode_t)(mode & 0777));
	while (rc != 0 && errno == EINTR);
	return rc != 0 ? sada_err_sys(err, "change of mode failed") : 0;
}

int
sada_io_truncate(int fd, uint64_t n, struct sada_err *err)
{
	int rc;

	if (!offset_ok(n, 0))
		return sada_err_sys(err, "truncate failed");
	do
		rc = sada_io_ops()->ftruncate(fd, (off_t)n);
	while (rc != 0 && errno == EINTR);
	return rc != 0 ? sada_err_sys(err, "truncate failed") : 0;
}

int
sada_io_seek(int fd, uint64_t off, int whence, uint64_t *out,
    struct sada_err *err)
{
	off_t at, end;

	assert(whence == SEEK_DATA || whence == SEEK_HOLE);
	*out = 0;
	if (!offset_ok(off, 0))
		return sada_err_sys(err, "seek failed");
	at = sada_io_ops()->lseek(fd, (off_t)off, whence);
	if (at >= 0) {
		*out = (uint64_t)at;
		return 0;
	}
	/* ENXIO: no more; EINVAL: the file system knows no holes. */
	if (errno != ENXIO && errno != EINVAL)
		return sada_err_sys(err, "seek failed");
	at = errno == EINVAL && whence == SEEK_DATA ? (off_t)off : -1;
	end = sada_io_ops()->lseek(fd, 0, SEEK_END);
	if (end < 0)
		return sada_err_sys(err, "seek failed");
	*out = (uint64_t)(at >= 0 && at < end ? at : end);
	return 0;
}

void
sada_io_advise(int fd, int advice)
{
	int saved = errno;

	(void)sada_io_ops()->fadvise(fd, 0, 0, advice);
	errno = saved;
}

/* Sleep about MS; a signal may cut it short, which only means a try more. */
static void
nap(unsigned ms)
{
	struct timespec ts = { 0 };

	ts.tv_nsec = (long)ms * 1000000;
	(void)sada_io_ops()->nap(&ts);
}

int
sada_io_lock(int fd, int op, unsigned wait_ms, struct sada_err *err)
{
	unsigned step = 1, left = wait_ms;

	/*
	 * flock() that waits can be ended by a signal only, so this polls.
	 * The naps are counted, not the clock: a suspended machine has not
	 * waited.
	 */
	for (;;) {
		if (sada_io_ops()->flock(fd, op | LOCK_NB) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return sada_err_sys(err, "lock failed");
		if (left == 0)
			break;
		if (step > left)
			step = left;
		nap(step);
		left -= step;
		step = step * 2 < NAP_MAX_MS ? step * 2 : NAP_MAX_MS;
	}
	return sada_err_set(err, SADA_BUSY, "another command holds the lock "
	    "(waited %u.%03u s): try again later", wait_ms / 1000,
	    wait_ms % 1000);
}

int
sada_io_locked(int fd, uint64_t off, uint64_t n)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = (off_t)off, .l_len = (off_t)n };

	return sada_io_ops()->getlk(fd, &l) == 0 && l.l_type != F_UNLCK;
}

int
sada_io_map(const unsigned char **out, int fd, size_t n,
    struct sada_err *err)
{
	void *p;

	assert(n > 0);
	*out = NULL;
	p = sada_io_ops()->mmap(fd, n);
	if (p == MAP_FAILED)
		return sada_err_sys(err, "cannot map a file");
	*out = p;
	return 0;
}

void
sada_io_unmap(const unsigned char *p, size_t n)
{
	/* The cast only takes the const back that the mapping was given. */
	if (p != NULL)
		(void)sada_io_ops()->munmap((void *)(uintptr_t)p, n);
}

static long long
clock_ns(int id)
{
	struct timespec ts;
	int rc;

	rc = sada_io_ops()->clock(id, &ts);
	assert(rc == 0);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

long long
sada_io_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

long long
sada_io_ticks(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void
sada_io_random(void *p, size_t n)
{
	unsigned char *q = p;
	ssize_t k;

	while (n > 0) {
		k = sada_io_ops()->random(q, n);
		if (k < 0 && errno == EINTR)
			continue;
		assert(k > 0 && (size_t)k <= n);
		q += k;
		n -= (size_t)k;
	}
}
