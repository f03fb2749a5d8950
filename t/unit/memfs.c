/* Memfs: the table of calls, syncs, locks, time, faults, the whole. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfs_priv.h"

/* ---- syncs, locks, time ---- */

static int
sync_one(const char *what, int fd)
{
	struct mfile *f;

	if (memfs_enter(what) < 0)
		return -1;
	f = memfs_file(fd);
	if (f == NULL || (f->flags & O_PATH))
		return (int)memfs_leave(memfs_fail(EBADF));
	if (memfs.lie & (f->node->kind == S_IFDIR ? MEMFS_LIE_DIRS :
	    MEMFS_LIE_FILES))
		return (int)memfs_leave(0);
	if (f->node->kind == S_IFDIR)
		memfs_sync_dir(f->node);
	else
		memfs_clean(f->node);
	return (int)memfs_leave(0);
}

static int
mem_fsync(int fd)
{
	return sync_one("fsync", fd);
}

static int
mem_fdatasync(int fd)
{
	return sync_one("fdatasync", fd);
}

static int
mem_syncfs(int fd)
{
	struct mfile *f;

	if (memfs_enter("syncfs") < 0)
		return -1;
	f = memfs_file(fd);
	if (f == NULL || (f->flags & O_PATH))
		return (int)memfs_leave(memfs_fail(EBADF));
	if (memfs.lie == 0)
		memfs_settle(f->node->disk);
	return (int)memfs_leave(0);
}

static int
mem_sync_range(int fd, off_t off, off_t n, unsigned flags)
{
	(void)off;
	(void)n;
	(void)flags;
	if (memfs_enter("sync_range") < 0)
		return -1;
	return (int)memfs_leave(memfs_file(fd) != NULL ? 0 : -1);
}

static int
mem_fadvise(int fd, off_t off, off_t n, int advice)
{
	(void)fd;
	(void)off;
	(void)n;
	(void)advice;
	return 0;
}

static int
mem_flock(int fd, int op)
{
	struct mfile *f;
	int want = op & ~LOCK_NB, busy;

	if (memfs_enter("flock") < 0)
		return -1;
	if ((f = memfs_file(fd)) == NULL || (f->flags & O_PATH))
		return (int)memfs_leave(memfs_fail(EBADF));
	busy = f->node->ex - (f->lock == LOCK_EX) > 0 || (want == LOCK_EX &&
	    f->node->sh - (f->lock == LOCK_SH) > 0);
	if (want != LOCK_UN && busy)
		return (int)memfs_leave(memfs_fail(EWOULDBLOCK));
	memfs_unlock(f);
	if (want != LOCK_UN) {
		f->lock = want;
		f->node->ex += want == LOCK_EX;
		f->node->sh += want == LOCK_SH;
	}
	return (int)memfs_leave(0);
}

/* Nobody else is there who could hold one. */
static int
mem_getlk(int fd, struct flock *l)
{
	if (memfs_enter("getlk") < 0)
		return -1;
	if (memfs_file(fd) == NULL)
		return (int)memfs_leave(memfs_fail(EBADF));
	l->l_type = F_UNLCK;
	return (int)memfs_leave(0);
}

static int
mem_clock(int id, struct timespec *ts)
{
	int64_t t;

	pthread_mutex_lock(&memfs.lock);
	t = id == CLOCK_REALTIME ? (memfs.wall += 1000) :
	    (memfs.ticks += 1000);
	ts->tv_sec = t / 1000000000;
	ts->tv_nsec = t % 1000000000;
	return (int)memfs_leave(0);
}

static int
mem_nap(const struct timespec *ts)
{
	int64_t ns = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;

	pthread_mutex_lock(&memfs.lock);
	memfs.wall += ns;
	memfs.ticks += ns;
	return (int)memfs_leave(0);
}

static ssize_t
mem_random(void *p, size_t n)
{
	unsigned char *q = p;
	size_t i;
	uint64_t z = 0;

	pthread_mutex_lock(&memfs.lock);
	for (i = 0; i < n; i++, z >>= 8) {
		if (i % 8 == 0)
			z = memfs_rand();
		q[i] = (unsigned char)z;
	}
	return memfs_leave((ssize_t)n);
}

const struct sada_io_ops *
memfs_ops(void)
{
	static const struct sada_io_ops ops = {
		.openat = mem_openat,
		.openat2 = mem_openat2,
		.read = mem_read,
		.write = mem_write,
		.pread = mem_pread,
		.pwrite = mem_pwrite,
		.statx = mem_statx,
		.getdents = mem_getdents,
		.fsync = mem_fsync,
		.fdatasync = mem_fdatasync,
		.syncfs = mem_syncfs,
		.sync_range = mem_sync_range,
		.renameat2 = mem_renameat2,
		.unlinkat = mem_unlinkat,
		.mkdirat = mem_mkdirat,
		.symlinkat = mem_symlinkat,
		.readlinkat = mem_readlinkat,
		.fchmod = mem_fchmod,
		.utimensat = mem_utimensat,
		.ftruncate = mem_ftruncate,
		.lseek = mem_lseek,
		.fadvise = mem_fadvise,
		.flock = mem_flock,
		.getlk = mem_getlk,
		.mmap = mem_mmap,
		.munmap = mem_munmap,
		.close = mem_close,
		.clock = mem_clock,
		.nap = mem_nap,
		.random = mem_random,
	};

	return &ops;
}

/* ---- the whole ---- */

void
memfs_restart(uint64_t seed, uint64_t ino)
{
	memfs.rand = seed;
	memfs.wall = INT64_C(1700000000000000000);
	memfs.ticks = 5000000000;
	memfs.ino = ino;
}

void
memfs_begin(uint64_t seed)
{
	assert(memfs.root == NULL);
	memfs_restart(seed, 100);
	memfs.step = 1;
	memfs.uid = (uint32_t)geteuid();
	memfs.ndisk = 1;
	memfs.disk[0].room = UINT64_MAX;
	memfs.root = memfs_node_new(0, S_IFDIR, 0755);
	memfs_ref(memfs.root);
	memfs.disk[0].root = memfs.root;
	memfs_machine("0123456789abcdef0123456789abcdef");
	memfs_arm_none();
}

void
memfs_end(void)
{
	int i;

	memfs_crash(0, MEMFS_KILL, 0);
	for (i = 0; i < memfs.ndisk; i++)
		memfs_settle(i);
	memfs_unref(memfs.root);
	for (i = 0; i < memfs.ndisk; i++) {
		assert(memfs.disk[i].used == 0 || i > 0);
		free(memfs.disk[i].undo);
	}
	memset(memfs.disk, 0, sizeof(memfs.disk));
	memfs.root = NULL;
	memfs.ndisk = 0;
}

void
memfs_reseed(uint64_t seed)
{
	memfs.rand = seed;
}

void
memfs_machine(const char *id)
{
	(void)memfs_mkdir("/etc", 0755);
	(void)memfs_put("/etc/machine-id", id, strlen(id), 0444);
}

void
memfs_clock_add(int64_t ns)
{
	memfs.wall += ns;
}

int
memfs_disk(const char *path)
{
	int k = memfs.ndisk++;

	assert(k < MEMFS_DISKS);
	memfs.disk[k].room = UINT64_MAX;
	memfs.disk[k].root = memfs_node_new(k, S_IFDIR, 0755);
	memfs_link(memfs.root, path + 1, strlen(path + 1),
	    memfs.disk[k].root);
	memfs_settle(0);
	return k;
}

size_t
memfs_open_count(void)
{
	size_t i, n = memfs.maps;

	for (i = 0; i < MEMFS_FILES; i++)
		n += memfs.file[i].node != NULL;
	return n;
}

/* ---- faults ---- */

void
memfs_arm_none(void)
{
	memfs.calls = memfs.crash_at = memfs.fail_at = 0;
	memfs.dead = 0;
	memfs.fired = NULL;
}

void
memfs_arm_fail(long n, int error, int persist)
{
	memfs_arm_none();
	memfs.fail_at = n;
	memfs.error = error;
	memfs.persist = persist;
}

void
memfs_arm_crash(long n)
{
	memfs_arm_none();
	memfs.crash_at = n;
}

long
memfs_calls(void)
{
	return memfs.calls;
}

const char *
memfs_fired(void)
{
	return memfs.fired;
}

void
memfs_room(int disk, uint64_t bytes)
{
	struct mdisk *d = &memfs.disk[disk];

	d->room = bytes == UINT64_MAX ? bytes : d->used + bytes;
	d->full = 0;
}

int
memfs_was_full(int disk)
{
	return memfs.disk[disk].full;
}

void
memfs_lie(unsigned which)
{
	memfs.lie = which;
}

int
memfs_dead(void)
{
	return memfs.dead;
}
