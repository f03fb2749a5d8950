/* Memfs: names; listing, renaming, making and removing them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "memfs_priv.h"

static size_t
put_dirent(unsigned char *p, size_t room, const char *name,
    const struct mnode *x, uint64_t off)
{
	size_t n = strlen(name), len = (19 + n + 1 + 7) & ~(size_t)7;
	uint16_t len16 = (uint16_t)len;

	if (len > room)
		return 0;
	memset(p, 0, len);
	memcpy(p, &x->ino, 8);
	memcpy(p + 8, &off, 8);
	memcpy(p + 16, &len16, 2);
	p[18] = (unsigned char)(x->kind >> 12);
	memcpy(p + 19, name, n);
	return len;
}

/* Is entry E after what F listed last? */
static int
is_after(const struct mfile *f, const struct ment *e)
{
	uint64_t at = (uint64_t)e->hash + 3;

	if (f->list < 3 || at != f->list)
		return f->list < 3 || at > f->list;
	return strcmp(e->name, f->list_name) > 0;
}

ssize_t
mem_getdents(int fd, void *buf, size_t room)
{
	unsigned char *p = buf;
	struct mfile *f;
	struct mnode *d;
	size_t done = 0, k = 1, i;

	if (memfs_enter("getdents") < 0)
		return -1;
	if ((f = memfs_file(fd)) == NULL)
		return memfs_leave(-1);
	d = f->node;
	if (d->kind != S_IFDIR || (f->flags & O_PATH))
		return memfs_leave(memfs_fail(d->kind != S_IFDIR ? ENOTDIR : EBADF));
	if (d->links == 0 && d != memfs.root)
		return memfs_leave(memfs_fail(ENOENT));
	for (; k > 0 && f->list < 2; f->list += k > 0, done += k)
		k = put_dirent(p + done, room - done, f->list == 0 ? "." :
		    "..", d, f->list + 1);
	for (i = 0; k > 0 && i < d->nent; i++) {
		if (!is_after(f, &d->ent[i]))
			continue;
		k = put_dirent(p + done, room - done, d->ent[i].name,
		    d->ent[i].node, d->ent[i].hash);
		if (k == 0)
			break;
		done += k;
		f->list = (uint64_t)d->ent[i].hash + 3;
		free(f->list_name);
		f->list_name = sada_strdup(d->ent[i].name);
	}
	return memfs_leave(done == 0 && k == 0 ? memfs_fail(EINVAL) : (ssize_t)done);
}

/* The last name of W: 0 an ordinary one, 1 ".", 2 "..", or none. */
static int
dots(const struct mwalk *w)
{
	if (w->len == 0 || (w->len == 1 && *w->name == '.'))
		return 1;
	return w->len == 2 && w->name[0] == '.' && w->name[1] == '.' ? 2 : 0;
}

/* May X at TO be replaced by FROM? */
static int
check_replace(const struct mnode *from, const struct mnode *to)
{
	if (from->kind == S_IFDIR && to->kind != S_IFDIR)
		return memfs_fail(ENOTDIR);
	if (from->kind != S_IFDIR && to->kind == S_IFDIR)
		return memfs_fail(EISDIR);
	if (to->kind == S_IFDIR && to->nent > 0)
		return memfs_fail(ENOTEMPTY);
	return 0;
}

/* Does directory D lie in X, or is it X? */
static int
is_below(const struct mnode *d, const struct mnode *x)
{
	for (; d != NULL; d = d->parent)
		if (d == x)
			return 1;
	return 0;
}

static int
rename_to(struct mwalk *a, struct mwalk *b, unsigned flags)
{
	struct mnode *x = a->node, *y = b->node;

	if (a->dir->disk != b->dir->disk)
		return memfs_fail(EXDEV);
	if (dots(a))
		return memfs_fail(EBUSY);
	if (dots(b))
		return memfs_fail(flags & RENAME_NOREPLACE ? EEXIST : EBUSY);
	if (x == NULL || ((flags & RENAME_EXCHANGE) && y == NULL))
		return memfs_fail(ENOENT);
	if (y != NULL && (flags & RENAME_NOREPLACE))
		return memfs_fail(EEXIST);
	if (x->disk != a->dir->disk)
		return memfs_fail(EBUSY);
	if (b->dir->links == 0 && b->dir != memfs.root)
		return memfs_fail(ENOENT);
	if (is_below(b->dir, x))
		return memfs_fail(EINVAL);
	if (y != NULL && is_below(a->dir, y))
		return memfs_fail(flags & RENAME_EXCHANGE ? EINVAL :
		    ENOTEMPTY);
	if (x == y)
		return 0;
	if (y != NULL && !(flags & RENAME_EXCHANGE) &&
	    check_replace(x, y) < 0)
		return -1;
	memfs_step();
	memfs_ref(x);
	if (y != NULL) {
		memfs_ref(y);
		memfs_unlink(b->dir, memfs_find(b->dir, b->name, b->len));
	}
	memfs_unlink(a->dir, memfs_find(a->dir, a->name, a->len));
	memfs_link(b->dir, b->name, b->len, x);
	memfs_attr(x);
	x->ctime = memfs_now();
	if (flags & RENAME_EXCHANGE)
		memfs_link(a->dir, a->name, a->len, y);
	if (y != NULL) {
		memfs_attr(y);
		y->ctime = memfs_now();
		memfs_unref(y);
	}
	memfs_unref(x);
	return 0;
}

int
mem_renameat2(int od, const char *on, int nd, const char *nn,
    unsigned flags)
{
	struct mwalk a, b;
	int rc = -1;

	if (memfs_enter("renameat2") < 0)
		return -1;
	if (memfs_walk_at(&a, od, on, WALK_NOFOLLOW) == 0 &&
	    memfs_walk_at(&b, nd, nn, WALK_NOFOLLOW) == 0)
		rc = rename_to(&a, &b, flags);
	return (int)memfs_leave(rc);
}

static int
unlink_walk(struct mwalk *w, int flags)
{
	if (dots(w))
		return memfs_fail((flags & AT_REMOVEDIR) == 0 ? EISDIR :
		    dots(w) == 1 ? EINVAL : ENOTEMPTY);
	if (w->node == NULL)
		return memfs_fail(ENOENT);
	if (flags & AT_REMOVEDIR) {
		if (w->node->kind != S_IFDIR)
			return memfs_fail(ENOTDIR);
		if (w->node->nent > 0)
			return memfs_fail(ENOTEMPTY);
		if (w->node->disk != w->dir->disk)
			return memfs_fail(EBUSY);
	} else if (w->node->kind == S_IFDIR) {
		return memfs_fail(EISDIR);
	}
	memfs_step();
	w->node->ctime = memfs_now();
	memfs_unlink(w->dir, memfs_find(w->dir, w->name, w->len));
	return 0;
}

int
mem_unlinkat(int dfd, const char *name, int flags)
{
	struct mwalk w;
	int rc;

	if (memfs_enter("unlinkat") < 0)
		return -1;
	if ((rc = memfs_walk_at(&w, dfd, name, WALK_NOFOLLOW)) == 0)
		rc = unlink_walk(&w, flags);
	return (int)memfs_leave(rc);
}

/* A new name, of kind KIND; TEXT of a link. */
static int
make(int dfd, const char *name, uint32_t kind, mode_t mode,
    const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;
	struct mwalk w;

	if (memfs_walk_at(&w, dfd, name, WALK_NOFOLLOW) < 0)
		return -1;
	if (w.node != NULL)
		return memfs_fail(EEXIST);
	if (n > 4095)
		return memfs_fail(ENAMETOOLONG);
	if (kind == S_IFLNK && n == 0)
		return memfs_fail(ENOENT);
	if (!memfs_has_room(w.dir->disk, n + MEMFS_INODE_COST))
		return memfs_fail(ENOSPC);
	if (memfs_create(&w, kind, mode) < 0)
		return -1;
	if (n > 0) {
		/* The text comes with the name. */
		memfs_resize(w.node, n);
		memcpy(w.node->data, text, n);
	}
	return 0;
}

int
mem_mkdirat(int dfd, const char *name, mode_t mode)
{
	if (memfs_enter("mkdirat") < 0)
		return -1;
	return (int)memfs_leave(make(dfd, name, S_IFDIR, mode, NULL));
}

int
mem_symlinkat(const char *text, int dfd, const char *name)
{
	if (memfs_enter("symlinkat") < 0)
		return -1;
	return (int)memfs_leave(make(dfd, name, S_IFLNK, 0777, text));
}

/* The path of X, as /proc tells it. */
static size_t
path_of(char *p, size_t room, const struct mnode *x)
{
	const struct mnode *at[256];
	size_t n = 0, done = 0, len;

	for (; x != memfs.root && x != NULL && x->name != NULL && n < 256;
	    x = x->parent)
		at[n++] = x;
	if (n == 0 && room > 0)
		p[done++] = '/';
	while (n-- > 0) {
		len = strlen(at[n]->name);
		if (done + 1 + len > room)
			return room;
		p[done++] = '/';
		memcpy(p + done, at[n]->name, len);
		done += len;
	}
	return done;
}

ssize_t
mem_readlinkat(int dfd, const char *name, char *p, size_t room)
{
	struct mfile *f;
	struct mnode *x;

	if (memfs_enter("readlinkat") < 0)
		return -1;
	if ((f = memfs_file(dfd)) == NULL)
		return memfs_leave(-1);
	if (f->proc) {
		f = memfs_file((int)strtol(name, NULL, 10));
		return memfs_leave(f != NULL ? (ssize_t)path_of(p, room,
		    f->node) : memfs_fail(ENOENT));
	}
	if ((x = memfs_node_at(dfd, name, AT_SYMLINK_NOFOLLOW)) == NULL)
		return memfs_leave(-1);
	if (x->kind != S_IFLNK)
		return memfs_leave(memfs_fail(EINVAL));
	memcpy(p, x->data, x->size < room ? x->size : room);
	return memfs_leave((ssize_t)(x->size < room ? x->size : room));
}
