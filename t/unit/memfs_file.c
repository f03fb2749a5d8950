/* Memfs: opening and closing, bytes, attributes. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfs_priv.h"

int
memfs_fail(int e)
{
	errno = e;
	return -1;
}

/*
 * Begin a call: the lock is taken; 0 if it may go on, else errno is set and
 * the lock given back.
 */
int
memfs_enter(const char *what)
{
	int e = 0;

	pthread_mutex_lock(&memfs.lock);
	memfs.calls++;
	memfs.ticks += 1000;
	memfs.wall += 1000;
	if (memfs.dead) {
		e = EIO;
	} else if (memfs.crash_at > 0 && memfs.calls >= memfs.crash_at) {
		memfs.dead = 1;
		memfs.fired = what;
		e = EIO;
	} else if (memfs.fail_at > 0 && (memfs.persist ?
	    memfs.calls >= memfs.fail_at : memfs.calls == memfs.fail_at)) {
		if (memfs.fired == NULL)
			memfs.fired = what;
		e = memfs.error;
	}
	if (e == 0)
		return 0;
	pthread_mutex_unlock(&memfs.lock);
	return memfs_fail(e);
}

/* End a call with RC. */
long
memfs_leave(long rc)
{
	pthread_mutex_unlock(&memfs.lock);
	return rc;
}

struct mfile *
memfs_file(int fd)
{
	struct mfile *f;

	if (fd < MEMFS_FD || fd >= MEMFS_FD + MEMFS_FILES)
		f = NULL;
	else
		f = &memfs.file[fd - MEMFS_FD];
	if (f == NULL || f->node == NULL) {
		errno = EBADF;
		return NULL;
	}
	return f;
}

/* The node that a path call starts from. */
static struct mnode *
start_of(int dfd, const char *path)
{
	struct mfile *f;

	if (*path == '/' || dfd == AT_FDCWD)
		return memfs.root;
	f = memfs_file(dfd);
	return f != NULL ? f->node : NULL;
}

int
memfs_walk_at(struct mwalk *w, int dfd, const char *path, unsigned flags)
{
	struct mnode *at = start_of(dfd, path);

	return at == NULL ? -1 : memfs_resolve(w, at, path, flags);
}

/* ---- open and close ---- */

static int
new_file(struct mnode *n, int flags, int proc)
{
	int i;

	for (i = 0; i < MEMFS_FILES; i++)
		if (memfs.file[i].node == NULL)
			break;
	if (i == MEMFS_FILES)
		return memfs_fail(EMFILE);
	memset(&memfs.file[i], 0, sizeof(memfs.file[i]));
	memfs.file[i].node = n;
	memfs.file[i].flags = flags;
	memfs.file[i].proc = proc;
	memfs_ref(n);
	return MEMFS_FD + i;
}

int
memfs_create(struct mwalk *w, uint32_t kind, mode_t mode)
{
	if (!memfs_has_room(w->dir->disk, MEMFS_INODE_COST))
		return memfs_fail(ENOSPC);
	if (w->dir->links == 0 && w->dir != memfs.root)
		return memfs_fail(ENOENT);
	memfs_step();
	w->node = memfs_node_new(w->dir->disk, kind, mode & ~022U);
	memfs_link(w->dir, w->name, w->len, w->node);
	return 0;
}

static int
open_at(int dfd, const char *path, int flags, mode_t mode, unsigned how)
{
	struct mwalk w;
	int access = flags & O_ACCMODE;

	if (strcmp(path, "/proc/self/fd") == 0)
		return new_file(memfs.root, flags, 1);
	if ((flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) ==
	    (O_CREAT | O_EXCL))
		how |= WALK_NOFOLLOW;
	if (memfs_walk_at(&w, dfd, path, how) < 0)
		return -1;
	if (w.node == NULL) {
		if (!(flags & O_CREAT))
			return memfs_fail(ENOENT);
		if (w.slash)
			return memfs_fail(EISDIR);
		if (memfs_create(&w, S_IFREG, mode) < 0)
			return -1;
	} else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
		return memfs_fail(EEXIST);
	} else if (w.node->kind == S_IFLNK) {
		if (!(flags & O_PATH))
			return memfs_fail(flags & O_DIRECTORY ? ENOTDIR : ELOOP);
	}
	if (w.node->kind != S_IFDIR && (w.slash || (flags & O_DIRECTORY)))
		return memfs_fail(ENOTDIR);
	if (w.node->kind == S_IFDIR && !(flags & O_PATH) &&
	    (access != O_RDONLY || (flags & O_CREAT)))
		return memfs_fail(EISDIR);
	if ((flags & O_TRUNC) && w.node->kind == S_IFREG &&
	    w.node->size > 0) {
		memfs_dirty(w.node, 0);
		memfs_resize(w.node, 0);
		w.node->mtime = w.node->ctime = memfs_now();
	}
	return new_file(w.node, flags, 0);
}

int
mem_openat(int dfd, const char *path, int flags, mode_t mode)
{
	if (memfs_enter("openat") < 0)
		return -1;
	return (int)memfs_leave(open_at(dfd, path, flags, mode, 0));
}

int
mem_openat2(int dfd, const char *path, int flags, uint64_t mode,
    uint64_t how)
{
	if (memfs_enter("openat2") < 0)
		return -1;
	return (int)memfs_leave(open_at(dfd, path, flags, (mode_t)mode,
	    (unsigned)how));
}

void
memfs_unlock(struct mfile *f)
{
	f->node->ex -= f->lock == LOCK_EX;
	f->node->sh -= f->lock == LOCK_SH;
	f->lock = 0;
}

int
mem_close(int fd)
{
	/* A close that fails has closed all the same. */
	int hit = memfs_enter("close"), e = errno;
	struct mfile *f;

	if (hit < 0)
		pthread_mutex_lock(&memfs.lock);
	if ((f = memfs_file(fd)) == NULL)
		return (int)memfs_leave(-1);
	memfs_unlock(f);
	free(f->list_name);
	memfs_unref(f->node);
	memset(f, 0, sizeof(*f));
	if (hit < 0)
		errno = e;
	return (int)memfs_leave(hit);
}

/* ---- bytes ---- */

/* The regular file behind FD, open for what WRITE says. */
static struct mfile *
data_file(int fd, int writing)
{
	struct mfile *f = memfs_file(fd);
	int access;

	if (f == NULL)
		return NULL;
	access = f->flags & O_ACCMODE;
	if (f->node->kind == S_IFDIR && !writing && !(f->flags & O_PATH))
		errno = EISDIR;
	else if ((f->flags & O_PATH) || f->node->kind != S_IFREG ||
	    (writing ? access == O_RDONLY : access == O_WRONLY))
		errno = EBADF;
	else
		return f;
	return NULL;
}

static ssize_t
read_at(struct mfile *f, void *p, size_t n, uint64_t off)
{
	if (off >= f->node->size)
		return 0;
	if (n > f->node->size - off)
		n = f->node->size - (size_t)off;
	memcpy(p, f->node->data + off, n);
	return (ssize_t)n;
}

static ssize_t
write_at(struct mfile *f, const void *p, size_t n, uint64_t off)
{
	struct mnode *x = f->node;
	struct mdisk *d = &memfs.disk[x->disk];

	if (n == 0)
		return 0;
	if (off + n > x->size && !memfs_has_room(x->disk,
	    off + n - x->size)) {
		/* What there is room for is written. */
		uint64_t left = d->room > d->used ? d->room - d->used : 0;

		if (x->size + left <= off)
			return memfs_fail(ENOSPC);
		n = (size_t)(x->size + left - off);
	}
	memfs_dirty(x, off < x->size ? (size_t)off : x->size);
	if (off + n > x->size)
		memfs_resize(x, (size_t)off + n);
	memcpy(x->data + off, p, n);
	x->mtime = x->ctime = memfs_now();
	return (ssize_t)n;
}

ssize_t
mem_read(int fd, void *p, size_t n)
{
	struct mfile *f;
	ssize_t k = -1;

	if (memfs_enter("read") < 0)
		return -1;
	if ((f = data_file(fd, 0)) != NULL && (k = read_at(f, p, n,
	    f->off)) > 0)
		f->off += (uint64_t)k;
	return memfs_leave(k);
}

ssize_t
mem_pread(int fd, void *p, size_t n, off_t off)
{
	struct mfile *f;

	if (memfs_enter("pread") < 0)
		return -1;
	f = data_file(fd, 0);
	return memfs_leave(f != NULL ? read_at(f, p, n, (uint64_t)off) : -1);
}

/* A crash in the middle of a write: some of it was done. */
static void
write_some(int fd, const void *p, size_t n, const off_t *off)
{
	struct mfile *f;

	pthread_mutex_lock(&memfs.lock);
	if (memfs.calls == memfs.crash_at && n > 0 &&
	    (f = data_file(fd, 1)) != NULL) {
		n = (size_t)(memfs_rand() % (n + 1));
		(void)write_at(f, p, n, off != NULL ? (uint64_t)*off :
		    f->off);
	}
	pthread_mutex_unlock(&memfs.lock);
	errno = EIO;
}

ssize_t
mem_write(int fd, const void *p, size_t n)
{
	struct mfile *f;
	ssize_t k = -1;

	if (memfs_enter("write") < 0) {
		if (memfs.dead)
			write_some(fd, p, n, NULL);
		return -1;
	}
	if ((f = data_file(fd, 1)) != NULL && (k = write_at(f, p, n,
	    f->off)) > 0)
		f->off += (uint64_t)k;
	return memfs_leave(k);
}

ssize_t
mem_pwrite(int fd, const void *p, size_t n, off_t off)
{
	struct mfile *f;

	if (memfs_enter("pwrite") < 0) {
		if (memfs.dead)
			write_some(fd, p, n, &off);
		return -1;
	}
	f = data_file(fd, 1);
	return memfs_leave(f != NULL ? write_at(f, p, n, (uint64_t)off) : -1);
}

int
mem_ftruncate(int fd, off_t n)
{
	struct mfile *f;

	if (memfs_enter("ftruncate") < 0)
		return -1;
	if ((f = memfs_file(fd)) == NULL || (f->flags & O_PATH))
		return (int)memfs_leave(memfs_fail(EBADF));
	if (f->node->kind != S_IFREG || (f->flags & O_ACCMODE) == O_RDONLY)
		return (int)memfs_leave(memfs_fail(EINVAL));
	if ((uint64_t)n > f->node->size && !memfs_has_room(f->node->disk,
	    (uint64_t)n - f->node->size))
		return (int)memfs_leave(memfs_fail(ENOSPC));
	memfs_dirty(f->node, (uint64_t)n < f->node->size ? (size_t)n :
	    f->node->size);
	memfs_resize(f->node, (size_t)n);
	f->node->mtime = f->node->ctime = memfs_now();
	return (int)memfs_leave(0);
}

static off_t
seek_to(struct mfile *f, off_t off, int whence)
{
	off_t size = (off_t)f->node->size;

	if (f->node->kind == S_IFDIR) {
		if (off != 0 || whence != SEEK_SET)
			return memfs_fail(EINVAL);
		f->list = 0;
		return 0;
	}
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		off += (off_t)f->off;
		break;
	case SEEK_END:
		off += size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		/* All is data, and a hole is at the end. */
		if (off >= size)
			return memfs_fail(ENXIO);
		if (whence == SEEK_HOLE)
			off = size;
		break;
	default:
		return memfs_fail(EINVAL);
	}
	if (off < 0)
		return memfs_fail(EINVAL);
	f->off = (uint64_t)off;
	return off;
}

off_t
mem_lseek(int fd, off_t off, int whence)
{
	struct mfile *f;

	if (memfs_enter("lseek") < 0)
		return -1;
	f = memfs_file(fd);
	if (f == NULL || (f->flags & O_PATH))
		return memfs_leave(memfs_fail(EBADF));
	return memfs_leave(seek_to(f, off, whence));
}

void *
mem_mmap(int fd, size_t n)
{
	unsigned char *p;
	struct mfile *f;

	if (memfs_enter("mmap") < 0)
		return MAP_FAILED;
	if ((f = data_file(fd, 0)) == NULL) {
		(void)memfs_leave(-1);
		return MAP_FAILED;
	}
	/* A copy, and no byte more, so that a sanitizer sees an overrun. */
	p = sada_malloc(n);
	memset(p, 0, n);
	(void)read_at(f, p, n, 0);
	memfs.maps++;
	(void)memfs_leave(0);
	return p;
}

int
mem_munmap(void *p, size_t n)
{
	(void)n;
	pthread_mutex_lock(&memfs.lock);
	assert(memfs.maps > 0);
	memfs.maps--;
	free(p);
	return (int)memfs_leave(0);
}

/* ---- attributes ---- */

static void
fill_stat(struct sada_stat *st, const struct mnode *x)
{
	memset(st, 0, sizeof(*st));
	st->kind = x->kind;
	st->mode = x->kind == S_IFLNK ? 0777 : x->mode;
	st->uid = memfs.uid;
	st->nlink = (uint32_t)x->links;
	st->ino = x->ino;
	st->dev = 64 + (uint64_t)x->disk;
	st->mnt = 20 + (uint64_t)x->disk;
	st->size = x->kind == S_IFDIR ? 4096 : x->size;
	st->blocks = (st->size + 4095) / 4096 * 8;
	st->mtime_s = x->mtime.s;
	st->mtime_ns = x->mtime.ns;
	st->ctime_s = x->ctime.s;
	st->ctime_ns = x->ctime.ns;
	st->btime_s = x->btime.s;
	st->btime_ns = x->btime.ns;
	if (x->kind == S_IFDIR && (x->links > 0 || x == memfs.root)) {
		st->nlink = 2;
		for (size_t i = 0; i < x->nent; i++)
			st->nlink += x->ent[i].node->kind == S_IFDIR;
	}
}

/* The node that NAME in DFD, or an empty NAME with AT_EMPTY_PATH, is. */
struct mnode *
memfs_node_at(int dfd, const char *name, int flags)
{
	struct mfile *f;
	struct mwalk w;

	if (*name == '\0' && (flags & AT_EMPTY_PATH)) {
		f = memfs_file(dfd);
		return f != NULL ? f->node : NULL;
	}
	if (memfs_walk_at(&w, dfd, name, flags & AT_SYMLINK_NOFOLLOW ?
	    WALK_NOFOLLOW : 0) < 0)
		return NULL;
	if (w.node == NULL)
		errno = ENOENT;
	return w.node;
}

int
mem_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	struct mnode *x;

	if (memfs_enter("statx") < 0)
		return -1;
	if ((x = memfs_node_at(dfd, name, flags)) == NULL)
		return (int)memfs_leave(-1);
	fill_stat(st, x);
	return (int)memfs_leave(0);
}

int
mem_fchmod(int fd, mode_t mode)
{
	struct mfile *f;

	if (memfs_enter("fchmod") < 0)
		return -1;
	f = memfs_file(fd);
	if (f == NULL || (f->flags & O_PATH))
		return (int)memfs_leave(memfs_fail(EBADF));
	memfs_step();
	memfs_attr(f->node);
	f->node->mode = mode & 07777;
	f->node->ctime = memfs_now();
	return (int)memfs_leave(0);
}

int
mem_utimensat(int dfd, const char *name, const struct timespec ts[2],
    int flags)
{
	struct mnode *x;

	if (memfs_enter("utimensat") < 0)
		return -1;
	if ((x = memfs_node_at(dfd, name, flags)) == NULL)
		return (int)memfs_leave(-1);
	memfs_step();
	memfs_attr(x);
	if (ts == NULL || ts[1].tv_nsec == UTIME_NOW) {
		x->mtime = memfs_now();
	} else if (ts[1].tv_nsec != UTIME_OMIT) {
		x->mtime.s = ts[1].tv_sec;
		x->mtime.ns = (uint32_t)ts[1].tv_nsec;
	}
	x->ctime = memfs_now();
	return (int)memfs_leave(0);
}
