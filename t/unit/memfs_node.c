/* Memfs: inodes, names, what a crash may take back, paths. */
#include <assert.h>
#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "memfs_priv.h"

#define TICK 4000000		/* ns: what file times are rounded to */
#define SECTOR 512

struct memfs memfs = { .lock = PTHREAD_MUTEX_INITIALIZER };

uint64_t
memfs_rand(void)
{
	uint64_t z = (memfs.rand += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct mtime
memfs_now(void)
{
	int64_t t = memfs.wall - memfs.wall % TICK;
	struct mtime m = { t / 1000000000, (uint32_t)(t % 1000000000) };

	return m;
}

struct mnode *
memfs_node_new(int disk, uint32_t kind, uint32_t mode)
{
	struct mnode *n = sada_calloc(1, sizeof(*n));

	n->ino = ++memfs.ino;
	n->disk = disk;
	n->kind = kind;
	n->mode = mode & 07777;
	n->mtime = n->ctime = memfs_now();
	n->btime.s = memfs.wall / 1000000000;
	n->btime.ns = (uint32_t)(memfs.wall % 1000000000);
	memfs.disk[disk].used += MEMFS_INODE_COST;
	return n;
}

void
memfs_ref(struct mnode *n)
{
	n->refs++;
}

static void
forget_dirty(struct mnode *x)
{
	if (!x->dirty)
		return;
	x->dirty = 0;
	*x->prev_dirty = x->next_dirty;
	if (x->next_dirty != NULL)
		x->next_dirty->prev_dirty = x->prev_dirty;
	free(x->base);
	x->base = NULL;
}

void
memfs_unref(struct mnode *n)
{
	size_t i;

	assert(n->refs > 0);
	if (--n->refs > 0)
		return;
	forget_dirty(n);
	memfs.disk[n->disk].used -= MEMFS_INODE_COST + n->size;
	for (i = 0; i < n->nent; i++) {
		if (n->ent[i].node->parent == n)
			n->ent[i].node->parent = NULL;
		memfs_unref(n->ent[i].node);
		free(n->ent[i].name);
	}
	free(n->ent);
	free(n->data);
	free(n);
}

int
memfs_has_room(int disk, uint64_t n)
{
	struct mdisk *d = &memfs.disk[disk];

	if (d->room == UINT64_MAX || d->used + n <= d->room)
		return 1;
	d->full = 1;
	return 0;
}

/* ---- names ---- */

static uint32_t
hash_name(const char *name, size_t n)
{
	uint32_t h = 2166136261U;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619U;
	return h ^ h >> 15;
}

static int
compare(uint32_t ha, const char *a, size_t na, const struct ment *b)
{
	size_t nb;
	int c;

	if (ha != b->hash)
		return ha < b->hash ? -1 : 1;
	nb = strlen(b->name);
	c = memcmp(a, b->name, na < nb ? na : nb);
	return c != 0 ? c : (na > nb) - (na < nb);
}

/* Where NAME is or would be among the entries of D. */
static size_t
place_of(const struct mnode *d, const char *name, size_t n, uint32_t h,
    int *found)
{
	size_t lo = 0, hi = d->nent, mid;
	int c;

	*found = 0;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = compare(h, name, n, &d->ent[mid]);
		if (c == 0) {
			*found = 1;
			return mid;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct ment *
memfs_find(const struct mnode *d, const char *name, size_t n)
{
	int found;
	size_t i = place_of(d, name, n, hash_name(name, n), &found);

	return found ? &d->ent[i] : NULL;
}

static void
insert(struct mnode *d, const char *name, size_t n, struct mnode *x)
{
	uint32_t h = hash_name(name, n);
	struct ment *e;
	int found;
	size_t i = place_of(d, name, n, h, &found);

	assert(!found);
	d->ent = sada_grow(d->ent, &d->capent, d->nent + 1, sizeof(*d->ent));
	e = &d->ent[i];
	memmove(e + 1, e, (d->nent++ - i) * sizeof(*e));
	e->name = sada_memdup(name, n);
	e->hash = h;
	e->node = x;
	x->links++;
	memfs_ref(x);
	if (x->kind == S_IFDIR) {
		x->parent = d;
		x->name = e->name;
	}
}

static void
take_out(struct mnode *d, struct ment *e)
{
	struct mnode *x = e->node;

	free(e->name);
	memmove(e, e + 1, (size_t)(&d->ent[d->nent] - e - 1) * sizeof(*e));
	d->nent--;
	x->links--;
	if (x->kind == S_IFDIR && x->parent == d) {
		x->parent = NULL;
		x->name = NULL;
	}
	memfs_unref(x);
}

/* ---- what is not durable ---- */

static void
drop_undo(struct mundo *u)
{
	if (u->dir != NULL)
		memfs_unref(u->dir);
	if (u->node != NULL)
		memfs_unref(u->node);
	free(u->name);
	memset(u, 0, sizeof(*u));
}

static struct mundo *
add_undo(int disk, enum mundo_kind kind, struct mnode *dir,
    struct mnode *node, const char *name, size_t n)
{
	struct mdisk *d = &memfs.disk[disk];
	const struct mnode *of = dir != NULL ? dir : node;
	struct mundo *u;

	d->undo = sada_grow(d->undo, &d->capundo, d->nundo + 1,
	    sizeof(*d->undo));
	u = &d->undo[d->nundo++];
	memset(u, 0, sizeof(*u));
	u->kind = kind;
	u->step = memfs.step;
	u->dir = dir;
	u->node = node;
	if (dir != NULL)
		memfs_ref(dir);
	memfs_ref(node);
	if (name != NULL)
		u->name = sada_memdup(name, n);
	u->mode = of->mode;
	u->mtime = of->mtime;
	u->ctime = of->ctime;
	return u;
}

void
memfs_step(void)
{
	memfs.step++;
}

void
memfs_link(struct mnode *d, const char *name, size_t n, struct mnode *x)
{
	(void)add_undo(d->disk, UNDO_LINK, d, x, name, n);
	insert(d, name, n, x);
	d->mtime = d->ctime = memfs_now();
}

void
memfs_unlink(struct mnode *d, struct ment *e)
{
	(void)add_undo(d->disk, UNDO_UNLINK, d, e->node, e->name,
	    strlen(e->name));
	take_out(d, e);
	d->mtime = d->ctime = memfs_now();
}

void
memfs_attr(struct mnode *x)
{
	(void)add_undo(x->disk, UNDO_ATTR, NULL, x, NULL, 0);
}

void
memfs_dirty(struct mnode *x, size_t from)
{
	struct mdisk *d = &memfs.disk[x->disk];

	if (!x->dirty) {
		x->dirty = 1;
		x->dsize = x->size;
		x->dmtime = x->mtime;
		x->dctime = x->ctime;
		x->next_dirty = d->dirty;
		x->prev_dirty = &d->dirty;
		if (d->dirty != NULL)
			d->dirty->prev_dirty = &x->next_dirty;
		d->dirty = x;
	}
	if (x->base == NULL && from < x->dsize)
		x->base = (unsigned char *)sada_memdup(x->data, x->dsize);
}

void
memfs_clean(struct mnode *x)
{
	struct mdisk *d = &memfs.disk[x->disk];
	size_t i;

	forget_dirty(x);
	for (i = 0; i < d->nundo; i++)
		if (d->undo[i].kind == UNDO_ATTR && d->undo[i].node == x)
			drop_undo(&d->undo[i]);
}

static void
drop_undos(struct mdisk *d, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		drop_undo(&d->undo[i]);
	memmove(d->undo, d->undo + n, (d->nundo - n) * sizeof(*d->undo));
	d->nundo -= n;
}

void
memfs_sync_dir(struct mnode *x)
{
	struct mdisk *d = &memfs.disk[x->disk];
	uint64_t step = 0;
	size_t n;

	for (n = 0; n < d->nundo; n++)
		if (d->undo[n].dir == x || (d->undo[n].kind == UNDO_ATTR &&
		    d->undo[n].node == x))
			step = d->undo[n].step;
	for (n = 0; n < d->nundo && d->undo[n].step <= step; n++)
		continue;
	if (n > 0)
		drop_undos(d, n);
}

void
memfs_settle(int disk)
{
	struct mdisk *d = &memfs.disk[disk];

	while (d->dirty != NULL)
		forget_dirty(d->dirty);
	if (d->nundo > 0)
		drop_undos(d, d->nundo);
}

void
memfs_resize(struct mnode *x, size_t size)
{
	if (size > x->cap) {
		size_t cap = x->cap < 64 ? 64 : x->cap;

		while (cap < size)
			cap *= 2;
		x->data = sada_realloc(x->data, cap);
		x->cap = cap;
	}
	if (size > x->size)
		memset(x->data + x->size, 0, size - x->size);
	memfs.disk[x->disk].used += size - x->size;
	x->size = size;
}

/* ---- what a reboot finds ---- */

/* Take back the last change. */
static void
undo_last(struct mdisk *d)
{
	struct mundo *u = &d->undo[d->nundo - 1];
	struct ment *e;

	switch (u->kind) {
	case UNDO_LINK:
		e = memfs_find(u->dir, u->name, strlen(u->name));
		assert(e != NULL && e->node == u->node);
		take_out(u->dir, e);
		break;
	case UNDO_UNLINK:
		insert(u->dir, u->name, strlen(u->name), u->node);
		break;
	case UNDO_ATTR:
		u->node->mode = u->mode;
		u->node->mtime = u->mtime;
		u->node->ctime = u->ctime;
		break;
	case UNDO_NONE:
		break;
	}
	if (u->kind == UNDO_LINK || u->kind == UNDO_UNLINK) {
		u->dir->mtime = u->mtime;
		u->dir->ctime = u->ctime;
	}
	drop_undo(u);
	d->nundo--;
}

/* Unsynced bytes of X: old, new, or some of each. */
static void
tear(struct mnode *x, enum memfs_loss loss)
{
	unsigned char *old = x->base != NULL ? x->base : x->data, *mix;
	size_t lo = x->dsize < x->size ? x->dsize : x->size;
	size_t hi = x->dsize < x->size ? x->size : x->dsize, size, at, n;
	unsigned how = loss == MEMFS_DROP ? 0 : (unsigned)(memfs_rand() % 4);

	if (how == 1)
		return;
	size = how == 0 ? x->dsize : memfs_rand() % 3 == 0 ? hi :
	    lo + memfs_rand() % (hi - lo + 1);
	mix = sada_malloc(size + 1);
	memset(mix, 0, size + 1);
	for (at = 0; at < size; at += SECTOR) {
		unsigned pick = how == 0 ? 0 : (unsigned)(memfs_rand() % 4);

		n = size - at < SECTOR ? size - at : SECTOR;
		if (pick >= 1 && at < x->size) {
			if (n > x->size - at)
				n = x->size - at;
			memcpy(mix + at, x->data + at, n);
		} else if (at < x->dsize) {
			if (n > x->dsize - at)
				n = x->dsize - at;
			memcpy(mix + at, old + at, n);
		} else if (memfs_rand() % 2 == 0) {
			memset(mix + at, (int)(memfs_rand() & 0xff), n);
		}
	}
	memfs.disk[x->disk].used += size - x->size;
	if (how == 0 || memfs_rand() % 2 == 0) {
		x->mtime = x->dmtime;
		x->ctime = x->dctime;
	}
	free(x->data);
	x->data = mix;
	x->cap = size + 1;
	x->size = size;
}

static void
close_all(void)
{
	size_t i;

	for (i = 0; i < MEMFS_FILES; i++) {
		struct mfile *f = &memfs.file[i];

		if (f->node == NULL)
			continue;
		f->node->ex -= f->lock == 2;
		f->node->sh -= f->lock == 1;
		free(f->list_name);
		memfs_unref(f->node);
		memset(f, 0, sizeof(*f));
	}
}

void
memfs_crash(int disk, enum memfs_loss loss, uint64_t seed)
{
	struct mdisk *d = &memfs.disk[disk];
	uint64_t old = memfs.rand, first, step;
	struct mnode *x;

	memfs_arm_none();
	close_all();
	if (loss == MEMFS_KILL)
		return;
	memfs.rand = seed;
	for (x = d->dirty; x != NULL; x = x->next_dirty)
		tear(x, loss);
	if (d->nundo > 0) {
		first = d->undo[0].step;
		step = d->undo[d->nundo - 1].step + 1;
		if (loss == MEMFS_DROP || memfs_rand() % 3 == 0)
			step = first;
		else if (memfs_rand() % 2 == 0)
			step = first + memfs_rand() % (step - first + 1);
		while (d->nundo > 0 && d->undo[d->nundo - 1].step >= step)
			undo_last(d);
	}
	memfs_settle(disk);
	memfs.rand = old;
}

/* ---- paths ---- */

/* Put the text of link L before what is left at P. */
static int
splice(struct mwalk *w, const struct mnode *l, const char *p)
{
	char rest[sizeof(w->buf)];
	size_t n = strlen(p);

	if (l->size == 0 || l->size + n + 2 > sizeof(w->buf)) {
		errno = l->size == 0 ? ENOENT : ENAMETOOLONG;
		return -1;
	}
	memcpy(rest, p, n + 1);
	memcpy(w->buf, l->data, l->size);
	memcpy(w->buf + l->size, rest, n + 1);
	return 0;
}

static int
refuse(int e)
{
	errno = e;
	return -1;
}

int
memfs_resolve(struct mwalk *w, struct mnode *dir, const char *path,
    unsigned flags)
{
	struct mnode *start = dir;
	struct ment *e;
	int links = 0, more;
	char *p, *end;
	size_t n = strlen(path);

	memset(w, 0, offsetof(struct mwalk, buf));
	if (n == 0)
		return refuse(ENOENT);
	if (n > 4095)
		return refuse(ENAMETOOLONG);
	memcpy(w->buf, path, n + 1);
	p = w->buf;
	if (*p == '/') {
		if (flags & RESOLVE_BENEATH)
			return refuse(EXDEV);
		dir = memfs.root;
	}
	w->node = w->dir = dir;
	for (;;) {
		while (*p == '/')
			p++;
		if (*p == '\0')
			return 0;
		end = p + strcspn(p, "/");
		more = end[strspn(end, "/")] != '\0';
		w->slash = *end == '/';
		n = (size_t)(end - p);
		if (n > 255)
			return refuse(ENAMETOOLONG);
		dir = w->node;
		if (dir->kind != S_IFDIR)
			return refuse(ENOTDIR);
		w->dir = dir;
		w->name = p;
		w->len = n;
		if (n == 1 && p[0] == '.') {
			p = end;
			continue;
		}
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if ((flags & RESOLVE_BENEATH) && dir == start)
				return refuse(EXDEV);
			w->node = dir->parent != NULL ? dir->parent :
			    memfs.root;
			if ((flags & RESOLVE_NO_XDEV) &&
			    w->node->disk != dir->disk)
				return refuse(EXDEV);
			p = end;
			continue;
		}
		e = memfs_find(dir, p, n);
		w->node = e != NULL ? e->node : NULL;
		if (e == NULL)
			return more ? refuse(ENOENT) : 0;
		if ((flags & RESOLVE_NO_XDEV) && e->node->disk != dir->disk)
			return refuse(EXDEV);
		if (e->node->kind == S_IFLNK &&
		    (more || w->slash || !(flags & WALK_NOFOLLOW))) {
			if ((flags & RESOLVE_NO_SYMLINKS) || ++links > 40)
				return refuse(ELOOP);
			if (splice(w, e->node, end) < 0)
				return -1;
			p = w->buf;
			w->node = *p == '/' ? memfs.root : dir;
			if (*p == '/' && (flags & RESOLVE_BENEATH))
				return refuse(EXDEV);
			continue;
		}
		p = end;
	}
}
