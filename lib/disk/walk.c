/*
 * The walk: takes the directories' jobs in path order, tells differences,
 * and writes the next W.
 *
 * Nothing is written as long as nothing differs.  At the first difference
 * the directories on the way to it get frames in the writer, with the rows
 * before it; below them, what does not differ is copied as whole subtrees.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/scan_priv.h"

enum row_state {
	ROW_OLD,		/* as in W; it comes when it is passed */
	ROW_ADDED,		/* in the writer */
	ROW_NONE		/* dropped, or none yet; one is made if
				   anything below needs it */
};

/*
 * A directory on the way to what is being looked at.  Invariants:
 *  1. The rows of block OLD before CUR (HAVE) or before the next one were
 *     passed; they are in the writer exactly when DIRTY.
 *  2. DIRTY implies that UP is dirty.
 */
struct frame {
	struct frame *up;
	size_t base, len;	/* its name and its end in the path */
	struct sada_wref old;	/* its block in W, off 0: none */
	struct sada_wblock it;
	struct sada_wrow cur;
	int opened, have;	/* IT is; CUR is the next row to pass */
	enum row_state state;
	int dirty;
	int racy;		/* its row has SADA_ROW_RACY */
};

struct walk {
	struct sada_scan *s;
	const struct sada_work *old;
	struct sada_order *order;
	struct sada_scan_result *res;
	struct sada_work_writer *out;
	struct sada_buf path;	/* of what is being looked at */
	struct sada_buf pass;	/* of a row that is passed */
	struct sada_err *err;
};

enum outcome { SAME_ROW, NEW_ROW, NO_ROW };

static int put_row(struct walk *w, struct frame *f, const struct sada_row *r);

/* Read F's next row into CUR if it is not there: 1, 0 at the end, <0. */
static int
peek(struct walk *w, struct frame *f)
{
	int rc;

	if (f->have)
		return 1;
	if (f->old.off == 0)
		return 0;
	if (!f->opened) {
		f->opened = 1;
		if ((rc = sada_wblock_open(&f->it, w->old, &f->old, 0,
		    w->err)) < 0)
			return rc;
	}
	rc = sada_wblock_next(&f->it, &f->cur, w->err);
	f->have = rc > 0;
	return rc;
}

/* Write row R of F as it was, with all that is below it. */
static int
put_old(struct walk *w, struct frame *f, const struct sada_wrow *r)
{
	struct sada_row row = r->row;
	int rc;

	sada_buf_reset(&w->pass);
	sada_buf_add(&w->pass, w->path.p, f->len);
	if (f->len > 0)
		sada_buf_add(&w->pass, "/", 1);
	sada_buf_add(&w->pass, r->name, r->len);
	row.path = sada_buf_str(&w->pass);
	row.len = w->pass.len;
	if (row.slot == NULL) {
		row.slot = row.path;
		row.slot_len = row.len;
	}
	if ((rc = put_row(w, f, &row)) < 0 || r->sub.off == 0)
		return rc;
	return sada_work_writer_graft(w->out, w->old, &r->sub, w->err);
}

/* Pass the row in CUR. */
static int
pass(struct walk *w, struct frame *f)
{
	f->have = 0;
	return f->dirty ? put_old(w, f, &f->cur) : 0;
}

/* Pass the rows before NAME; is CUR then its row?  1, 0, <0. */
static int
seek(struct walk *w, struct frame *f, const char *name, size_t len)
{
	int rc, c;

	while ((rc = peek(w, f)) > 0) {
		if ((c = sada_wrow_cmp(&f->cur, name, len)) >= 0)
			return c == 0;
		if ((rc = pass(w, f)) < 0)
			break;
	}
	return rc;
}

/* F's block cannot stay as it is: have its rows so far in the writer. */
static int
make_dirty(struct walk *w, struct frame *f)
{
	struct sada_wblock again;
	struct sada_wrow r;
	struct frame *up = f->up;
	uint32_t passed;
	int rc = 0;

	if (f->dirty)
		return 0;
	if (up == NULL)
		rc = sada_work_writer_new(&w->out, w->s->o->sdir, w->err);
	else if ((rc = make_dirty(w, up)) == 0 && f->state == ROW_OLD) {
		rc = seek(w, up, (char *)w->path.p + f->base,
		    f->len - f->base);
		assert(rc != 0);
		/* Without what is below it: that comes now. */
		up->cur.sub.off = 0;
		if (rc > 0)
			rc = pass(w, up);
		f->state = ROW_ADDED;
	}
	if (rc < 0)
		return rc;
	f->dirty = 1;
	if (!f->opened)
		return 0;
	passed = f->it.next - (f->have ? 1 : 0);
	rc = sada_wblock_open(&again, w->old, &f->old, SADA_WBLOCK_KNOWN,
	    w->err);
	while (rc == 0 && again.next < passed)
		if ((rc = sada_wblock_next(&again, &r, w->err)) > 0)
			rc = put_old(w, f, &r);
	sada_wblock_release(&again);
	return rc;
}

/*
 * Add row R to F, which is dirty; its directory gets a row if it has none,
 * with no stat: nothing was recorded of it, so it is a change next time.
 */
static int
put_row(struct walk *w, struct frame *f, const struct sada_row *r)
{
	struct sada_row row;
	int rc;

	if (f->state == ROW_NONE && f->up != NULL) {
		memset(&row, 0, sizeof(row));
		row.path = row.slot = r->path;
		row.len = row.slot_len = f->len;
		row.flags = SADA_ROW_IMPLIED | SADA_ROW_RACY;
		row.kind = SADA_DIR;
		row.mode = 0700;
		row.mtime_ns = UINT32_MAX;
		if ((rc = put_row(w, f->up, &row)) < 0)
			return rc;
		f->state = ROW_ADDED;
		f->racy = 1;
	}
	return sada_work_writer_add(w->out, r, w->err);
}

/* F's directory must be read next time. */
static int
mark_racy(struct walk *w, struct frame *f)
{
	int rc;

	if (f->racy || f->up == NULL || w->s->o->sdir < 0)
		return 0;
	if ((rc = make_dirty(w, f)) < 0)
		return rc;
	if (f->state == ROW_ADDED)
		sada_work_writer_mark(w->out, (char *)w->path.p, f->len);
	f->racy = 1;
	return 0;
}

/* What is left of F: its last rows, or all of them at once. */
static int
leave(struct walk *w, struct frame *f)
{
	int rc = 0;

	if (!f->dirty && f->state == ROW_ADDED && f->old.off != 0)
		rc = sada_work_writer_graft(w->out, w->old, &f->old, w->err);
	else if (!f->dirty && f->state == ROW_NONE && f->old.off != 0)
		rc = make_dirty(w, f);
	while (f->dirty && rc >= 0 && (rc = peek(w, f)) > 0)
		rc = pass(w, f);
	return rc < 0 ? rc : 0;
}

static int
same_row(const struct sada_row *a, const struct sada_row *b)
{
	return a->path == b->path && a->slot == b->slot &&
	    a->slot_len == b->slot_len && a->flags == b->flags &&
	    a->kind == b->kind && a->mode == b->mode && a->size == b->size &&
	    sada_id_cmp(&a->content, &b->content) == 0 &&
	    a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	    a->cover == b->cover && a->ncover == b->ncover &&
	    a->left == b->left &&
	    memcmp(&a->seen, &b->seen, sizeof(a->seen)) == 0;
}

/* The item and the draft of its row for find E, whose row is OLD or NULL. */
static void
make_item(const struct walk *w, const struct sada_find *e,
    const struct sada_row *old, struct sada_item *it, struct sada_row *draft)
{
	int keep = e->found == SADA_FOUND_KEPT || e->found == SADA_FOUND_GONE;

	memset(it, 0, sizeof(*it));
	it->path = (char *)w->path.p;
	it->len = w->path.len;
	it->found = e->found;
	it->diff = e->diff;
	it->row = old;
	if (keep) {
		*draft = *old;
		it->kind = old->kind;
		it->mode = old->mode;
		it->size = old->size;
		it->content = old->content;
		it->mtime_s = old->mtime_s;
		it->mtime_ns = old->mtime_ns;
		it->seen = old->seen;
		return;
	}
	it->kind = e->kind;
	it->mode = e->mode;
	it->size = e->size;
	it->content = e->content;
	it->mtime_s = e->mtime_s;
	it->mtime_ns = e->mtime_ns;
	it->seen = e->seen;
	it->racy = e->racy;
	memset(draft, 0, sizeof(*draft));
	if (e->found == SADA_FOUND_STAT) {
		*draft = *old;
		draft->flags &= SADA_ROW_COPY | SADA_ROW_IMPLIED;
	} else {
		draft->path = draft->slot = it->path;
		draft->len = draft->slot_len = it->len;
	}
	draft->flags |= e->racy ? SADA_ROW_RACY : 0;
	draft->kind = e->kind;
	draft->mode = e->mode;
	draft->size = e->size;
	draft->content = e->content;
	draft->mtime_s = e->mtime_s;
	draft->mtime_ns = e->mtime_ns;
	draft->seen = e->seen;
}

/*
 * Tell find E of F, at the walk's path; HIT: CUR is its row.  What comes
 * of its row is done; *OUT says what that was, and *RACY whether the row
 * has SADA_ROW_RACY.
 */
static int
tell(struct walk *w, struct frame *f, const struct sada_find *e, int hit,
    enum outcome *out, int *racy)
{
	struct sada_row old, draft, before;
	struct sada_item it;
	int rc, keep = e->found == SADA_FOUND_KEPT ||
	    e->found == SADA_FOUND_GONE;

	if (hit) {
		old = f->cur.row;
		old.path = (char *)w->path.p;
		old.len = w->path.len;
		if (old.slot == NULL) {
			old.slot = old.path;
			old.slot_len = old.len;
		}
	}
	make_item(w, e, hit ? &old : NULL, &it, &draft);
	before = draft;
	if ((rc = w->s->o->each(&it, &draft, w->s->o->ctx, w->err)) < 0)
		return rc;
	*racy = rc > 0 && (draft.flags & SADA_ROW_RACY) != 0;
	*out = rc == 0 ? NO_ROW : keep && same_row(&draft, &before) ?
	    SAME_ROW : NEW_ROW;
	if (w->s->o->sdir < 0)
		*out = SAME_ROW;
	if (*out == SAME_ROW)
		return 0;
	if (*out == NEW_ROW) {
		if ((rc = make_dirty(w, f)) == 0)
			rc = put_row(w, f, &draft);
	} else {
		if (e->found != SADA_FOUND_GONE)
			rc = mark_racy(w, f);
		if (rc == 0 && hit)
			rc = make_dirty(w, f);
	}
	if (hit)
		f->have = 0;
	return rc;
}

static void
report(struct walk *w, unsigned special, const char *why)
{
	if (special)
		w->res->special++;
	else
		w->res->skipped++;
	if (w->s->o->report != NULL)
		w->s->o->report((char *)w->path.p, w->path.len, special, why,
		    w->s->o->ctx);
}

/* Put NAME behind F's path. */
static void
set_path(struct walk *w, const struct frame *f, const char *name, size_t len)
{
	w->path.len = f->len;
	if (f->len > 0)
		sada_buf_add(&w->path, "/", 1);
	sada_buf_add(&w->path, name, len);
	(void)sada_buf_str(&w->path);
}

/* A frame for the directory at the walk's path, below F. */
static void
enter(struct walk *w, struct frame *f, struct frame *up, size_t name_len,
    const struct sada_wref *old, enum outcome out)
{
	memset(f, 0, sizeof(*f));
	f->up = up;
	f->len = w->path.len;
	f->base = f->len - name_len;
	f->old = *old;
	f->state = out == SAME_ROW ? ROW_OLD : out == NEW_ROW ? ROW_ADDED :
	    ROW_NONE;
}

/*
 * All rows of F are of names that are gone: tell them.  Directories among
 * them are gone with what is below them.
 */
static int
gone_rows(struct walk *w, struct frame *f)
{
	struct sada_find e = { .found = SADA_FOUND_GONE };
	struct sada_wref sub;
	struct frame below;
	enum outcome out;
	size_t len;
	int rc, racy;

	while ((rc = peek(w, f)) > 0) {
		len = f->cur.len;
		sub = f->cur.sub;
		set_path(w, f, f->cur.name, len);
		if ((rc = tell(w, f, &e, 1, &out, &racy)) < 0)
			return rc;
		if (sub.off != 0) {
			enter(w, &below, f, len, &sub, out);
			if ((rc = gone_rows(w, &below)) == 0)
				rc = leave(w, &below);
			sada_wblock_release(&below.it);
			if (rc < 0)
				return rc;
		}
		w->path.len = f->len;
		if (f->have && (rc = pass(w, f)) < 0)
			return rc;
	}
	return rc;
}

/* Below the name at the walk's path are rows, and no directory now. */
static int
gone_below(struct walk *w, struct frame *f, size_t name_len,
    const struct sada_wref *sub, enum outcome out)
{
	struct frame below;
	int rc;

	if (sub->off == 0)
		return 0;
	enter(w, &below, f, name_len, sub, out);
	if ((rc = gone_rows(w, &below)) == 0)
		rc = leave(w, &below);
	sada_wblock_release(&below.it);
	return rc;
}

/* Find E of F, which is no directory now. */
static int
walk_file(struct walk *w, struct frame *f, const struct sada_find *e,
    const char *name)
{
	struct sada_wref sub = { 0, 0 };
	enum outcome out = SAME_ROW;
	int hit, racy, rc = 0;

	if (e->found == SADA_FOUND_SKIP || e->found == SADA_FOUND_SPECIAL) {
		report(w, e->found == SADA_FOUND_SPECIAL, e->why);
		return 0;
	}
	if (e->found == SADA_FOUND_KEPT)
		report(w, 0, e->why);
	if ((hit = seek(w, f, name, e->name_len)) < 0)
		return hit;
	assert(hit == (e->found != SADA_FOUND_NEW));
	if (hit)
		sub = f->cur.sub;
	if (e->found != SADA_FOUND_SAME)
		rc = tell(w, f, e, hit, &out, &racy);
	if (rc < 0)
		return rc;
	if (e->found != SADA_FOUND_KEPT)
		return gone_below(w, f, e->name_len, &sub, out);
	/* Nobody can tell what is below: it stays if its row does. */
	if (out == NEW_ROW && sub.off != 0)
		return sada_work_writer_graft(w->out, w->old, &sub, w->err);
	return 0;
}

/* What directory E, whose job J is done, amounts to. */
static void
judge_dir(struct sada_find *e, const struct sada_job *j)
{
	int was_racy = e->row_racy;

	e->racy = e->racy || j->unsettled;
	if (e->found != SADA_FOUND_SAME)
		return;
	if (j->child_changed)
		e->diff |= SADA_DIFF_CHILD;
	if (e->new_mtime && e->diff != 0)
		e->diff |= SADA_DIFF_MTIME;
	if ((e->diff & SADA_DIFF_MODE) || ((e->diff & SADA_DIFF_CHILD) &&
	    (e->diff & SADA_DIFF_MTIME)))
		e->found = SADA_FOUND_CHANGED;
	else {
		e->diff = 0;
		if (e->new_stat || (e->racy != 0) != was_racy)
			e->found = SADA_FOUND_STAT;
	}
}

static int walk_finds(struct walk *w, struct frame *f, struct sada_job *j);

/* Directory E of F, which could not be read. */
static int
walk_unreadable(struct walk *w, struct frame *f, struct sada_find *e,
    const char *name, const char *why)
{
	if (e->found == SADA_FOUND_NEW) {
		report(w, 0, why);
		return mark_racy(w, f);
	}
	e->found = SADA_FOUND_KEPT;
	e->diff = 0;
	e->why = why;
	return walk_file(w, f, e, name);
}

/*
 * An unchanged directory's row says nothing of its values; fill those
 * that a STAT or CHANGED item keeps.
 */
static void
fill_dir(struct sada_find *e, const struct sada_row *r)
{
	if (e->found == SADA_FOUND_NEW || (e->diff & SADA_DIFF_KIND))
		return;
	/* The first version of an implied one is what stands there. */
	if (e->found == SADA_FOUND_CHANGED &&
	    (r->flags & SADA_ROW_IMPLIED)) {
		e->mode = (uint16_t)(e->seen.mode & 0777);
		e->mtime_s = e->seen.mtime_s;
		e->mtime_ns = e->seen.mtime_ns;
		return;
	}
	if (!(e->diff & SADA_DIFF_MODE))
		e->mode = r->mode;
	if (!(e->diff & SADA_DIFF_MTIME)) {
		e->mtime_s = r->mtime_s;
		e->mtime_ns = r->mtime_ns;
	}
}

static int
walk_dir(struct walk *w, struct frame *f, struct sada_find *e,
    const char *name)
{
	struct sada_job *j = e->sub;
	enum outcome out = SAME_ROW;
	struct frame below;
	int hit, racy = e->row_racy, rc;

	sada_order_take(w->order, j);
	if (j->rc < 0) {
		if (w->err != NULL)
			*w->err = j->err;
		return j->rc;
	}
	w->res->dirs++;
	w->res->dirs_read += (uint64_t)j->read;
	w->res->files += j->files;
	w->res->ignored += j->ignored;
	if (j->why != NULL)
		return walk_unreadable(w, f, e, name, j->why);
	judge_dir(e, j);
	if (e->found != SADA_FOUND_SAME) {
		if ((hit = seek(w, f, name, e->name_len)) < 0)
			return hit;
		assert(hit == (e->found != SADA_FOUND_NEW));
		if (hit)
			fill_dir(e, &f->cur.row);
		if ((rc = tell(w, f, e, hit, &out, &racy)) < 0)
			return rc;
	}
	enter(w, &below, f, e->name_len, &j->old, out);
	below.racy = racy;
	if ((rc = walk_finds(w, &below, j)) == 0)
		rc = leave(w, &below);
	sada_wblock_release(&below.it);
	return rc;
}

/* All that job J found in F. */
static int
walk_finds(struct walk *w, struct frame *f, struct sada_job *j)
{
	struct sada_find *e;
	const char *name;
	size_t i;
	int rc;

	for (i = 0; i < j->n; i++) {
		e = &j->f[i];
		name = (char *)j->names.p + e->name_at;
		set_path(w, f, name, e->name_len);
		if (e->sub == NULL)
			rc = walk_file(w, f, e, name);
		else
			rc = walk_dir(w, f, e, name);
		w->path.len = f->len;
		/* After an error others still work on what is below it. */
		if (rc < 0)
			return rc;
		sada_job_free(e->sub);
		e->sub = NULL;
	}
	return 0;
}

int
sada_walk(struct sada_work_writer **writer, struct sada_scan_result *res,
    struct sada_scan *s, struct sada_order *order, struct sada_job *top,
    struct sada_err *err)
{
	struct walk w = { .s = s, .old = s->o->old, .order = order,
	    .res = res, .err = err };
	struct frame f;
	struct sada_wref ref = { 0, 0 };
	int rc;

	if (w.old != NULL)
		ref = w.old->top;
	(void)sada_buf_str(&w.path);
	enter(&w, &f, NULL, 0, &ref, NEW_ROW);
	f.racy = 1;
	if ((rc = walk_finds(&w, &f, top)) == 0 && f.dirty)
		rc = leave(&w, &f);
	sada_wblock_release(&f.it);
	sada_buf_release(&w.path);
	sada_buf_release(&w.pass);
	if (rc < 0) {
		sada_work_writer_free(w.out);
		w.out = NULL;
	}
	res->written = w.out != NULL;
	res->rows = w.out != NULL ? sada_work_writer_rows(w.out) :
	    w.old != NULL ? w.old->info.rows : 0;
	*writer = w.out;
	return rc;
}
