/*
 * Layout, first half: look at what stands at each name and decide.
 *
 * A name whose stat is as W has it shows W's content; any other is read.
 * Only what the store holds, or what is equal, may be replaced.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/layout_priv.h"
#include "disk/scan.h"

int
sada_layout_new(struct sada_layout **out,
    const struct sada_layout_opts *opts, struct sada_err *err)
{
	struct sada_layout *l = sada_calloc(1, sizeof(*l));
	int rc = 0;

	*out = NULL;
	l->o = *opts;
	l->dfd = -1;
	if (opts->old != NULL &&
	    (rc = sada_work_cursor_open(&l->rows, opts->old, err)) == 0 &&
	    (rc = sada_work_cursor_next(l->rows, &l->row, err)) >= 0) {
		l->has_row = rc;
		rc = 0;
	}
	if (rc < 0)
		sada_layout_free(l);
	else
		*out = l;
	return rc;
}

void
sada_layout_free(struct sada_layout *l)
{
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++)
		free(l->item[i].path);
	free(l->item);
	sada_work_cursor_free(l->rows);
	sada_layout_forget(l);
	free(l);
}

const char *
sada_layout_base(const struct sada_item_at *a)
{
	return a->path + sada_path_base(a->path, a->len);
}

void
sada_layout_forget(struct sada_layout *l)
{
	sada_io_close(l->dfd);
	l->dfd = -1;
	free(l->dpath);
	l->dpath = NULL;
}

int
sada_layout_dir(struct sada_layout *l, const struct sada_item_at *a,
    int *fd, struct sada_err *err)
{
	size_t n = sada_path_parent(a->path, a->len);
	int rc;

	*fd = -1;
	if (l->dpath == NULL || l->dlen != n ||
	    memcmp(l->dpath, a->path, n) != 0) {
		sada_layout_forget(l);
		l->dpath = sada_memdup(a->path, n);
		l->dlen = n;
		if ((rc = sada_io_open_below(&l->dfd, l->o.root, l->dpath,
		    O_RDONLY | O_DIRECTORY, err)) < 0) {
			sada_layout_forget(l);
			return rc;
		}
	}
	*fd = l->dfd;
	return 0;
}

/* The item at PATH among the sorted ones, or NO_ACT. */
static size_t
find(const struct sada_layout *l, const char *path, size_t len)
{
	size_t lo = 0, hi = l->sorted, mid;
	int c;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		c = sada_path_cmp(l->item[mid].path, l->item[mid].len, path,
		    len);
		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SADA_NO_ACT;
}

static struct sada_item_at *
new_item(struct sada_layout *l, const char *path, size_t len)
{
	struct sada_item_at *a;

	l->item = sada_grow(l->item, &l->cap, l->n + 1, sizeof(*l->item));
	a = &l->item[l->n];
	memset(a, 0, sizeof(*a));
	a->path = sada_memdup(path, len);
	a->len = len;
	if (l->sorted == l->n && (l->n == 0 || sada_path_cmp(
	    l->item[l->n - 1].path, l->item[l->n - 1].len, path, len) < 0))
		l->sorted++;
	l->n++;
	a->up = len == 0 ? SADA_NO_ACT :
	    find(l, path, sada_path_parent(path, len));
	return a;
}

/* W's row at A: 1 and L->row, or 0.  Names that come out of order: 0. */
static int
row_at(struct sada_layout *l, const struct sada_item_at *a,
    struct sada_err *err)
{
	int c, rc;

	while (l->has_row) {
		c = sada_path_cmp(l->row.path, l->row.len, a->path, a->len);
		if (c >= 0)
			return c == 0;
		if ((rc = sada_work_cursor_next(l->rows, &l->row, err)) < 0)
			return rc;
		l->has_row = rc;
	}
	return 0;
}

/* What stands at a name. */
struct there {
	uint8_t kind;			/* 0: nothing */
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
};

/* The file or link BASE of DFD, by W or by reading it. */
static int
look_file(struct sada_layout *l, struct sada_item_at *a, struct there *t,
    int dfd, const char *base, struct sada_err *err)
{
	int has, rc;

	if ((rc = row_at(l, a, err)) < 0)
		return rc;
	if (t->kind == SADA_FILE) {
		has = rc;
		if ((rc = sada_layout_rows(l, a, dfd, base, has ? &l->row :
		    NULL, &t->content, &t->size, err)) != 0)
			return rc == 2 ? sada_err_set(err, SADA_AGAIN,
			    "it cannot be captured") : rc < 0 ? rc : 0;
		rc = has;
	}
	if (rc > 0 && l->row.kind == t->kind &&
	    !(l->row.flags & (SADA_ROW_NOSTAT | SADA_ROW_RACY)) &&
	    sada_seen_same(&l->row.seen, &a->was)) {
		/* The version's own values: a disk may know no modes. */
		t->mode = l->row.mode;
		t->size = l->row.size;
		t->content = l->row.content;
		t->mtime_s = l->row.mtime_s;
		t->mtime_ns = l->row.mtime_ns;
		return 0;
	}
	a->flags |= SADA_ITEM_HASH;
	if ((rc = sada_disk_content(&t->content, &a->was, dfd, base,
	    err)) < 0)
		return rc;
	t->size = a->was.size;
	a->id = t->content;
	return 0;
}

static int
refuse(struct sada_item_at *a, unsigned placed, const char *why)
{
	a->placed = (uint8_t)placed;
	a->why = why;
	return 0;
}

/*
 * What stands at A: 1 and *T, 0 when A is settled (its directory is not to
 * be had), <0.
 */
static int
look(struct sada_layout *l, struct sada_item_at *a, struct there *t,
    struct sada_err *err)
{
	const char *base = sada_layout_base(a), *why;
	int dfd, rc;

	memset(t, 0, sizeof(*t));
	/* In a directory that is yet to come there is nothing. */
	if (a->up != SADA_NO_ACT &&
	    (l->item[a->up].placed == SADA_PLACED_NEW ||
	    l->item[a->up].placed == SADA_PLACED_OVER))
		return 1;
	if (a->len == 0) {
		rc = sada_io_stat(l->o.root, "", &a->was, err);
	} else {
		if ((rc = sada_layout_dir(l, a, &dfd, err)) == 0)
			rc = sada_io_stat(dfd, base, &a->was, err);
		if (rc == SADA_NOTFOUND)
			return 1;
	}
	if (rc == 0) {
		t->kind = sada_kind_of(&a->was);
		t->mode = (uint16_t)(a->was.mode & 0777);
		t->mtime_s = a->was.mtime_s;
		t->mtime_ns = a->was.mtime_ns;
		/* A fresh copy looks at no content. */
		if ((t->kind == SADA_FILE || t->kind == SADA_LINK) &&
		    l->o.sdir >= 0)
			rc = look_file(l, a, t, dfd, base, err);
	}
	if (rc == SADA_NOTFOUND) {
		memset(t, 0, sizeof(*t));
		return 1;
	}
	if (rc < 0 && (why = sada_why(err)) != NULL)
		return refuse(a, SADA_PLACED_BLOCKED, why);
	return rc < 0 ? rc : 1;
}

/* The directory of A is not there and will not be: 1 and A is settled. */
static int
no_directory(const struct sada_layout *l, struct sada_item_at *a)
{
	const struct sada_item_at *up;

	if (a->up == SADA_NO_ACT)
		return 0;
	up = &l->item[a->up];
	if (up->kind == SADA_DIR && up->placed <= SADA_PLACED_META)
		return 0;
	(void)refuse(a, up->kind == SADA_DIR ? up->placed :
	    SADA_PLACED_BLOCKED, "its directory is not one here");
	return 1;
}

/* A file or link stands at A (as T) and is in the way. */
static int
over(struct sada_layout *l, struct sada_item_at *a, const struct there *t,
    unsigned placed, struct sada_err *err)
{
	int rc;

	if (l->o.flags & SADA_LAYOUT_KEEP)
		return refuse(a, SADA_PLACED_KEPT, "it exists");
	if (l->o.sdir < 0)
		return refuse(a, SADA_PLACED_EDIT, "it exists");
	rc = sada_file_held(&l->o.src, &t->content, t->size, err);
	if (rc == SADA_DAMAGED)
		rc = 0;
	if (rc < 0)
		return rc;
	if (rc == 0)
		return refuse(a, SADA_PLACED_EDIT,
		    "what stands there is not recorded");
	a->placed = (uint8_t)placed;
	return 0;
}

static int
decide_dir(struct sada_layout *l, struct sada_item_at *a,
    const struct there *t, struct sada_err *err)
{
	if (t->kind == 0) {
		a->placed = SADA_PLACED_NEW;
	} else if (t->kind == SADA_DIR) {
		if (!(a->flags & SADA_ITEM_PARENT) && t->mode != a->mode) {
			if (l->o.flags & SADA_LAYOUT_KEEP)
				a->flags |= SADA_ITEM_PARENT;
			else
				a->placed = SADA_PLACED_META;
		}
	} else if (t->kind == SADA_KIND_OTHER) {
		return refuse(a, l->o.flags & SADA_LAYOUT_KEEP ?
		    SADA_PLACED_KEPT : SADA_PLACED_BLOCKED,
		    "neither file, link nor directory stands there");
	} else {
		return over(l, a, t, SADA_PLACED_OVER, err);
	}
	return 0;
}

/* Is A a database, and does another's WAL or journal wait for it? */
static int
left_behind(struct sada_layout *l, const struct sada_item_at *a)
{
	struct sada_err e;
	int dfd;

	return a->kind == SADA_FILE && l->o.sdir >= 0 &&
	    sada_database_rule(l->o.db, a->path, a->len) &&
	    sada_layout_dir(l, a, &dfd, &e) == 0 &&
	    sada_database_busy(dfd, sada_layout_base(a)) != 0;
}

static int
decide_file(struct sada_layout *l, struct sada_item_at *a,
    const struct there *t, struct sada_err *err)
{
	unsigned no = l->o.flags & SADA_LAYOUT_KEEP ? SADA_PLACED_KEPT :
	    SADA_PLACED_BLOCKED;
	int rc;

	if (t->kind == a->kind && l->o.sdir >= 0 && t->size == a->size &&
	    sada_id_cmp(&t->content, &a->content) == 0) {
		if ((a->flags & SADA_ITEM_ROWS) && t->mode == a->mode)
			return 0;
		if (t->mtime_s == a->mtime_s && t->mtime_ns == a->mtime_ns &&
		    (a->kind == SADA_LINK || t->mode == a->mode))
			return 0;
		if (l->o.flags & SADA_LAYOUT_KEEP)
			return refuse(a, SADA_PLACED_KEPT, "it exists");
		a->placed = SADA_PLACED_META;
		return 0;
	}
	if (t->kind == SADA_DIR)
		return refuse(a, no, "a directory stands there");
	if (t->kind == SADA_KIND_OTHER)
		return refuse(a, no,
		    "neither file, link nor directory stands there");
	/* A name that is kept wants no content. */
	if (t->kind != 0 && (rc = over(l, a, t, SADA_PLACED_OVER, err)) < 0)
		return rc;
	if (t->kind != 0 && a->placed != SADA_PLACED_OVER)
		return 0;
	rc = sada_file_held(&l->o.src, &a->content, a->size, err);
	if (rc == 0)
		return refuse(a, SADA_PLACED_WANT, "its content is not here");
	if (rc > 0 && t->kind == 0 && left_behind(l, a))
		return refuse(a, SADA_PLACED_BLOCKED, "what a database that "
		    "is gone left behind stands beside it");
	if (rc > 0 && t->kind == 0)
		a->placed = SADA_PLACED_NEW;
	return rc < 0 ? rc : 0;
}

int
sada_layout_add(struct sada_layout *l, const struct sada_name *n,
    unsigned how, unsigned *placed, const char **why, struct sada_err *err)
{
	struct sada_item_at *a = new_item(l, n->path, n->len);
	struct there t;
	int rc = 0;

	a->kind = n->kind;
	a->mode = n->mode;
	a->size = n->size;
	a->content = n->content;
	a->mtime_s = n->mtime_s;
	a->mtime_ns = n->mtime_ns;
	if (how & SADA_LAYOUT_PARENT)
		a->flags |= SADA_ITEM_PARENT;
	if (!no_directory(l, a) && (rc = look(l, a, &t, err)) == 1)
		rc = a->kind == SADA_DIR ? decide_dir(l, a, &t, err) :
		    decide_file(l, a, &t, err);
	*placed = a->placed;
	*why = a->why;
	return rc;
}
