/*
 * After the swaps: the directories' own mode and mtime, and the next W.
 *
 * A directory in which we changed something has our time on it: it gets
 * the one that T wants, or, when the user's was there, that one back.  Its
 * row is always racy: a name made in it meanwhile would leave no trace in
 * its stat, so the next scan reads it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/apply_priv.h"

/* What directory A is to look like. */
struct dress {
	int set_mode, set_time;
	unsigned mode;
	int64_t s;
	uint32_t ns;
	int user_mode, user_time;	/* what is there is the user's */
};

/* W's row of directory A, if it was one then. */
static const struct sada_row *
dir_row(const struct sada_act *a)
{
	return a->w != NULL && a->w->kind == SADA_DIR ? a->w : NULL;
}

static void
wanted(struct dress *d, const struct sada_run *r, const struct sada_act *a)
{
	const struct sada_name *t = a->t;
	const struct sada_row *w = dir_row(a);
	const struct sada_seen *seen = w != NULL ? &w->seen : NULL;
	int real = t != NULL && t->kind == SADA_DIR;
	int meta = real && !(a->flags & SADA_ACT_TOUCH) &&
	    a->put == SADA_PUT_META;

	memset(d, 0, sizeof(*d));
	d->mode = a->was.mode;
	d->s = a->was.mtime_s;
	d->ns = a->was.mtime_ns;
	if (a->put == SADA_PUT_NEW) {
		d->set_mode = 1;
		d->mode = t->mode;
		d->set_time = t->mtime_ns != SADA_NO_MTIME;
		d->s = t->mtime_s;
		d->ns = t->mtime_ns;
		return;
	}
	if (seen != NULL) {
		unsigned mode = (w->flags & SADA_ROW_NOSTAT) ? w->mode :
		    seen->mode;

		/* What T wants and stands there already is T's. */
		d->user_mode = a->was.mode != mode &&
		    !(meta && a->was.mode == t->mode) &&
		    !(r->recover && a->was.mode == (mode | 0300));
		/* Nobody's time was recorded for one without a version. */
		d->user_time = (w->flags & SADA_ROW_IMPLIED) == 0 &&
		    (a->was.mtime_s != seen->mtime_s ||
		    a->was.mtime_ns != seen->mtime_ns);
		if (!d->user_mode)
			d->mode = meta ? t->mode : mode;
	} else {
		/* A new one that a crash left undressed is ours. */
		if (r->recover && real && a->was.mode == 0700)
			d->mode = t->mode;
		d->user_mode = real && d->mode != t->mode;
		d->user_time = 1;
	}
	if (r->recover)
		d->user_time = 0;
	d->set_mode = (a->flags & SADA_ACT_LOOSE) != 0 ||
	    d->mode != a->was.mode;
	d->set_time = (a->flags & SADA_ACT_TOUCHED) != 0;
	if (!d->user_time && real && t->mtime_ns != SADA_NO_MTIME) {
		d->set_time = 1;
		d->s = t->mtime_s;
		d->ns = t->mtime_ns;
	}
}

static int
finish_dir(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	const struct sada_row *w;
	struct sada_stat st;
	struct dress d;
	int fd = -1, rc;

	if ((rc = sada_io_open_below(&fd, r->o->root, a->path,
	    O_RDONLY | O_DIRECTORY, err)) < 0)
		return rc;
	if (a->there != SADA_DIR && a->put != SADA_PUT_NEW) {
		if ((rc = sada_io_stat(fd, "", &st, err)) < 0)
			goto out;
		sada_seen_of(&a->was, &st);
		a->there = SADA_DIR;
	}
	wanted(&d, r, a);
	if ((d.set_mode && (rc = sada_io_chmod(fd, d.mode, err)) < 0) ||
	    (d.set_time && (rc = sada_io_utime(fd, "", d.s, d.ns,
	    err)) < 0) ||
	    (!r->many && (rc = sada_io_fsync(fd, "a directory", err)) < 0) ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0)
		goto out;
	/* A refused one keeps its old row: the scan reads it again. */
	if (a->t == NULL || a->did == SADA_DID_LEAVE ||
	    a->did == SADA_DID_FAIL || (a->w != NULL &&
	    a->w->kind != SADA_DIR && a->keep != SADA_KEEP_NEW))
		goto out;
	if (a->flags & SADA_ACT_TOUCH)
		a->keep = SADA_KEEP_NEW;
	sada_seen_of(&a->seen, &st);
	w = dir_row(a);
	if (d.user_mode)
		a->seen.mode = w != NULL ? w->seen.mode : a->t->mode;
	if (d.user_time && w != NULL) {
		a->seen.mtime_s = w->seen.mtime_s;
		a->seen.mtime_ns = w->seen.mtime_ns;
	} else if (d.user_time && a->t->mtime_ns != SADA_NO_MTIME) {
		a->seen.mtime_s = a->t->mtime_s;
		a->seen.mtime_ns = a->t->mtime_ns;
	}
	a->rowflags = SADA_ROW_RACY;
out:
	sada_io_close(fd);
	return rc;
}

/* May a run that crashed have left its time on the directory of A? */
static int
disturbed(const struct sada_act *a)
{
	return (a->flags & SADA_ACT_TOUCH) || ((a->flags & SADA_ACT_ROW) &&
	    a->t->kind == SADA_DIR);
}

int
sada_finish_dirs(struct sada_run *r, struct sada_err *err)
{
	const int row = SADA_ACT_TOUCH | SADA_ACT_ROW;
	const char *why;
	size_t i;
	int rc;

	for (i = r->plan.n; i-- > 0;) {
		struct sada_act *a = &r->plan.act[i];

		if (!(a->flags & (SADA_ACT_TOUCHED | SADA_ACT_FINISH)) &&
		    !(r->recover && disturbed(a)))
			continue;
		if ((rc = finish_dir(r, a, err)) == 0)
			continue;
		/* A user who moved it away meanwhile: nothing is lost. */
		if ((why = sada_why(err)) == NULL)
			return rc;
		if (a->did != SADA_DID_LEAVE && a->did != SADA_DID_FAIL &&
		    !(a->flags & row))
			sada_act_refuse(a, SADA_DID_FAIL, why);
	}
	return 0;
}

/* The last directories written, one below the other. */
struct dirs {
	struct sada_buf path;		/* of the deepest */
	int any;
};

/* Does the row's directory stand in the new W? */
static int
has_dir(const struct dirs *d, const struct sada_row *row)
{
	size_t n = sada_path_parent(row->path, row->len);

	return row->len == 0 || (d->any && d->path.len >= n &&
	    (n == 0 || memcmp(d->path.p, row->path, n) == 0) &&
	    (n == d->path.len || n == 0 || d->path.p[n] == '/'));
}

static int
add(struct sada_work_writer *w, struct dirs *d, const struct sada_row *row,
    struct sada_err *err)
{
	size_t n;

	/*
	 * A row whose directory has none shows nothing that a scan could
	 * reach; without the row the name is new, which loses nothing.
	 */
	if (!has_dir(d, row))
		return 0;
	if (row->kind == SADA_DIR) {
		sada_buf_reset(&d->path);
		sada_buf_add(&d->path, row->path, row->len);
		d->any = 1;
	} else {
		n = sada_path_parent(row->path, row->len);
		if (n < d->path.len)
			d->path.len = n;
	}
	return sada_work_writer_add(w, row, err);
}

/*
 * What is left in older states, in the next W: by the number that a row's
 * state had in the old one, where 0 is what was laid out until now.
 */
struct older {
	uint32_t number[SADA_OLDER_MAX + 1];
	struct sada_older of[SADA_OLDER_MAX];	/* borrows */
	size_t n;
};

/*
 * Does the old row of A stay, though the view says something else?  Where
 * both are a directory that is about its mode, and not about the name.
 */
static int
is_left(const struct sada_act *a)
{
	return a->keep == SADA_KEEP_OLD && a->w != NULL &&
	    !(a->flags & SADA_ACT_TOUCH) && (a->w->kind != SADA_DIR ||
	    a->t == NULL || a->t->kind != SADA_DIR);
}

static int
same_heads(const struct sada_older *a, const struct sada_id *heads, size_t n)
{
	size_t i;

	for (i = 0; i < n && a->n == n; i++)
		if (sada_id_cmp(&a->heads[i], &heads[i]) != 0)
			return 0;
	return a->n == n;
}

/* The number of the state of heads S in the next W; 0 when it has none. */
static uint32_t
older_number(struct older *o, const struct sada_older *s,
    const struct sada_apply_opts *opts)
{
	size_t i;

	if (s->n == 0 || same_heads(s, opts->heads, opts->nheads))
		return 0;
	for (i = 0; i < o->n; i++)
		if (same_heads(&o->of[i], s->heads, s->n))
			return (uint32_t)i + 1;
	if (o->n == SADA_OLDER_MAX)
		return 0;
	o->of[o->n++] = *s;
	return (uint32_t)o->n;
}

static void
find_older(struct older *o, const struct sada_run *r)
{
	const struct sada_work_info none = { 0 };
	const struct sada_work_info *in = r->o->old != NULL ?
	    sada_work_info(r->o->old) : &none;
	struct sada_older until = { in->heads, in->nheads };
	int used[SADA_OLDER_MAX + 1] = { 0 };
	size_t i;

	memset(o, 0, sizeof(*o));
	if (r->o->flags & SADA_APPLY_ADOPT)
		until = r->o->was;
	for (i = 0; i < r->plan.n; i++)
		if (is_left(&r->plan.act[i]))
			used[r->plan.act[i].w->left] = 1;
	for (i = 0; i <= in->nolder; i++)
		if (used[i])
			o->number[i] = older_number(o, i == 0 ? &until :
			    &in->older[i - 1], r->o);
}

/* The row of act A for the next W, from its old one; 0: none. */
static int
next_row(struct sada_row *out, const struct sada_act *a,
    const struct older *o)
{
	if (a->keep == SADA_KEEP_NEW) {
		sada_row_of(out, a->t);
		out->seen = a->seen;
		out->flags |= a->rowflags;
		return 1;
	}
	if (a->keep == SADA_KEEP_NONE || a->w == NULL)
		return 0;
	*out = *a->w;
	out->left = is_left(a) ? o->number[a->w->left] : 0;
	return 1;
}

static int
merge_rows(const struct sada_run *r, struct sada_work_writer *w,
    const struct older *o, struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct dirs dirs = { 0 };
	struct sada_row old, row;
	size_t i = 0;
	int have, cmp, rc;

	if ((rc = sada_work_cursor_open(&c, r->old, err)) < 0 ||
	    (rc = have = sada_work_cursor_next(c, &old, err)) < 0)
		goto out;
	while (have || i < r->plan.n) {
		const struct sada_act *a = i < r->plan.n ?
		    &r->plan.act[i] : NULL;

		cmp = !have ? -1 : i == r->plan.n ? 1 :
		    sada_path_cmp(a->path, a->len, old.path, old.len);
		/* A row without an act is what the view says. */
		old.left = 0;
		if (cmp > 0)
			rc = add(w, &dirs, &old, err);
		else if (next_row(&row, a, o))
			rc = add(w, &dirs, &row, err);
		if (rc < 0)
			goto out;
		if (cmp <= 0)
			i++;
		if (cmp >= 0 &&
		    (rc = have = sada_work_cursor_next(c, &old, err)) < 0)
			goto out;
	}
	rc = 0;
out:
	sada_work_cursor_free(c);
	sada_buf_release(&dirs.path);
	return rc;
}

int
sada_finish_work(struct sada_run *r, struct sada_err *err)
{
	const struct sada_apply_opts *o = r->o;
	struct sada_work_info info = { 0 };
	struct sada_work_writer *w = NULL;
	struct older older;
	struct sada_id *heads;
	int rc;

	if ((rc = sada_work_writer_new(&w, o->sdir, err)) < 0)
		return rc;
	find_older(&older, r);
	if ((rc = merge_rows(r, w, &older, err)) < 0) {
		sada_work_writer_free(w);
		return rc;
	}
	heads = sada_malloc((o->nheads + 1) * sizeof(*heads));
	if (o->nheads > 0)
		memcpy(heads, o->heads, o->nheads * sizeof(*heads));
	info.generation = r->generation + 1;
	info.heads = heads;
	info.nheads = o->nheads;
	info.root = o->map;
	info.left = r->res->left + r->res->wanted + r->res->failed;
	info.conflicts = r->plan.conflicts;
	info.older = older.of;
	info.nolder = older.n;
	rc = sada_work_writer_finish(w, &info, err);
	free(heads);
	if (rc == 0)
		rc = sada_work_publish(o->sdir, SADA_WORK_SYNC, err);
	if (rc == 0)
		r->res->changed = 1;
	return rc;
}
