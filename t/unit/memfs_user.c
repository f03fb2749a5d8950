/* Memfs: the hand of the user, and copies of whole directories. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "memfs_priv.h"

/* Make durable what the user did on the disk of W. */
static int
done(const struct mwalk *w, int rc)
{
	int e = errno;

	if (w->dir != NULL)
		memfs_settle(w->dir->disk);
	errno = e;
	return rc;
}

static int
find(struct mwalk *w, const char *path)
{
	return memfs_resolve(w, memfs.root, path, WALK_NOFOLLOW);
}

static void
set_bytes(struct mnode *x, const void *p, size_t n)
{
	memfs_resize(x, n);
	if (n > 0)
		memcpy(x->data, p, n);
}

int
memfs_put(const char *path, const void *p, size_t n, unsigned mode)
{
	struct mwalk w;

	if (find(&w, path) < 0)
		return -1;
	if (w.node == NULL) {
		memfs_step();
		w.node = memfs_node_new(w.dir->disk, S_IFREG, mode);
		memfs_link(w.dir, w.name, w.len, w.node);
	} else if (w.node->kind != S_IFREG) {
		return memfs_fail(EISDIR);
	}
	memfs_dirty(w.node, 0);
	set_bytes(w.node, p, n);
	w.node->mtime = w.node->ctime = memfs_now();
	return done(&w, 0);
}

static int
make(const char *path, uint32_t kind, unsigned mode, const char *text)
{
	struct mwalk w;

	if (find(&w, path) < 0)
		return -1;
	if (w.node != NULL)
		return memfs_fail(EEXIST);
	memfs_step();
	w.node = memfs_node_new(w.dir->disk, kind, mode);
	memfs_link(w.dir, w.name, w.len, w.node);
	if (text != NULL)
		set_bytes(w.node, text, strlen(text));
	return done(&w, 0);
}

int
memfs_mkdir(const char *path, unsigned mode)
{
	return make(path, S_IFDIR, mode, NULL);
}

int
memfs_symlink(const char *path, const char *text)
{
	return make(path, S_IFLNK, 0777, text);
}

int
memfs_rename(const char *from, const char *to)
{
	struct mwalk a, b;
	struct mnode *x;

	if (find(&a, from) < 0 || find(&b, to) < 0)
		return -1;
	if ((x = a.node) == NULL || b.node != NULL)
		return memfs_fail(x == NULL ? ENOENT : EEXIST);
	if (x->kind == S_IFDIR)
		for (const struct mnode *d = b.dir; d != NULL; d = d->parent)
			if (d == x)
				return memfs_fail(EINVAL);
	memfs_step();
	memfs_ref(x);
	memfs_unlink(a.dir, memfs_find(a.dir, a.name, a.len));
	memfs_link(b.dir, b.name, b.len, x);
	x->ctime = memfs_now();
	memfs_unref(x);
	return done(&b, 0);
}

int
memfs_chmod(const char *path, unsigned mode)
{
	struct mwalk w;

	if (find(&w, path) < 0)
		return -1;
	if (w.node == NULL || w.node->kind == S_IFLNK)
		return memfs_fail(ENOENT);
	memfs_step();
	memfs_attr(w.node);
	w.node->mode = mode & 07777;
	w.node->ctime = memfs_now();
	return done(&w, 0);
}

int
memfs_remove(const char *path)
{
	struct mwalk w;

	if (find(&w, path) < 0)
		return -1;
	if (w.node == NULL)
		return memfs_fail(ENOENT);
	memfs_step();
	memfs_unlink(w.dir, memfs_find(w.dir, w.name, w.len));
	return done(&w, 0);
}

uint32_t
memfs_kind(const char *path)
{
	struct mwalk w;

	return memfs.root == NULL || find(&w, path) < 0 ||
	    w.node == NULL ? 0 : w.node->kind;
}

const unsigned char *
memfs_bytes(const char *path, size_t *n)
{
	struct mwalk w;

	*n = 0;
	if (find(&w, path) < 0 || w.node == NULL || w.node->kind == S_IFDIR)
		return NULL;
	*n = w.node->size;
	return w.node->data != NULL ? w.node->data :
	    (const unsigned char *)"";
}

/* ---- walking ---- */

struct walk {
	void (*each)(const char *name, uint32_t kind, unsigned mode,
	    const unsigned char *p, size_t n, void *ctx);
	void *ctx;
	char path[4096];
};

static int
by_name(const void *a, const void *b)
{
	const struct ment *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
walk_dir(struct walk *w, const struct mnode *d, size_t len)
{
	const struct ment **e = sada_calloc(d->nent + 1, sizeof(*e));
	size_t i, n;

	for (i = 0; i < d->nent; i++)
		e[i] = &d->ent[i];
	qsort(e, d->nent, sizeof(*e), by_name);
	for (i = 0; i < d->nent; i++) {
		const struct mnode *x = e[i]->node;

		n = strlen(e[i]->name);
		if (len + n + 2 > sizeof(w->path))
			continue;
		if (len > 0)
			w->path[len] = '/';
		n += len > 0;
		memcpy(w->path + len + (len > 0), e[i]->name,
		    n + 1 - (len > 0));
		w->each(w->path, x->kind, x->mode, x->data, x->size, w->ctx);
		if (x->kind == S_IFDIR)
			walk_dir(w, x, len + n);
		w->path[len] = '\0';
	}
	free(e);
}

void
memfs_walk(const char *path, void (*each)(const char *name,
    uint32_t kind, unsigned mode, const unsigned char *p, size_t n,
    void *ctx), void *ctx)
{
	struct walk *w = sada_calloc(1, sizeof(*w));
	struct mwalk at;

	w->each = each;
	w->ctx = ctx;
	if (find(&at, path) == 0 && at.node != NULL &&
	    at.node->kind == S_IFDIR)
		walk_dir(w, at.node, 0);
	free(w);
}

/* ---- copies ---- */

static void
copy_children(struct mnode *to, const struct mnode *from,
    const struct mnode *over, enum memfs_copy how);

/* What X becomes when it is copied from SRC over OVER (may be NULL). */
static void
copy_attr(struct mnode *x, const struct mnode *src,
    const struct mnode *over, enum memfs_copy how)
{
	x->mode = src->mode;
	x->mtime = src->mtime;
	x->ctime = memfs_now();
	if (how == MEMFS_SAME) {
		x->ino = src->ino;
		x->ctime = src->ctime;
		x->btime = src->btime;
	} else if (how == MEMFS_OVER && over != NULL &&
	    over->kind == src->kind) {
		x->ino = over->ino;
		x->btime = over->btime;
	}
}

static struct mnode *
copy_node(const struct mnode *src, int disk, const struct mnode *over,
    enum memfs_copy how)
{
	struct mnode *x = memfs_node_new(disk, src->kind, src->mode);

	if (src->kind == S_IFDIR)
		copy_children(x, src, over, how);
	else
		set_bytes(x, src->data, src->size);
	copy_attr(x, src, over, how);
	return x;
}

static void
copy_children(struct mnode *to, const struct mnode *from,
    const struct mnode *over, enum memfs_copy how)
{
	const struct ment *old;
	size_t i, n;

	for (i = 0; i < from->nent; i++) {
		n = strlen(from->ent[i].name);
		old = over != NULL && over->kind == S_IFDIR ?
		    memfs_find(over, from->ent[i].name, n) : NULL;
		memfs_link(to, from->ent[i].name, n, copy_node(
		    from->ent[i].node, to->disk, old != NULL ? old->node :
		    NULL, how));
	}
}

int
memfs_copy(const char *from, const char *to, enum memfs_copy how)
{
	struct mwalk a, b;
	struct mnode *x, *old, hold;
	int disk;

	if (find(&a, from) < 0 || find(&b, to) < 0)
		return -1;
	if (a.node == NULL)
		return memfs_fail(ENOENT);
	memfs_step();
	old = b.node;
	if (old != NULL && old == memfs.disk[old->disk].root) {
		/* The root of a disk stays; what is below it is replaced. */
		disk = old->disk;
		hold = *old;
		old->ent = NULL;
		old->nent = old->capent = 0;
		copy_children(old, a.node, &hold, how);
		copy_attr(old, a.node, &hold, how);
		memfs_settle(disk);
		while (hold.nent > 0) {
			hold.nent--;
			free(hold.ent[hold.nent].name);
			hold.ent[hold.nent].node->links--;
			memfs_unref(hold.ent[hold.nent].node);
		}
		free(hold.ent);
		return 0;
	}
	disk = b.dir->disk;
	x = copy_node(a.node, disk, old, how);
	if (old != NULL)
		memfs_unlink(b.dir, memfs_find(b.dir, b.name, b.len));
	memfs_link(b.dir, b.name, b.len, x);
	memfs_settle(disk);
	return 0;
}
