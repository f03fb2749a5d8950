/*
 * What an op changed: its changes tree against the join of its parents'
 * maps, as letters and as patches.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "verb/deltas_priv.h"
#include "verb/look_priv.h"

/* One op at hand. */
struct telling {
	const struct sada_op_names *o;
	struct sada_dot dot;		/* the op's */
	struct sada_state base;
	struct sada_cursor *cursor;	/* over its map; NULL: not held */
	struct sada_deltas *deltas;
	struct sada_err *err;
};

static uint64_t
lamport(const struct sada_dot *d, void *ctx)
{
	return sada_context_lamport(ctx, NULL, d);
}

static int
wanted(const struct sada_op_names *o, const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < o->npath; i++)
		if (sada_path_in(path, len, (char *)o->path[i].p,
		    o->path[i].len))
			return 1;
	return o->npath == 0;
}

int
sada_op_touches(const struct sada_op_names *o, uint32_t i,
    struct sada_err *err)
{
	struct sada_cursor *cur = NULL;
	struct sada_changes c;
	struct sada_entry e;
	size_t k;
	int rc;

	if ((rc = sada_changes_open(&c, o->r->log, o->r->store, o->txn, i,
	    err)) < 0 ||
	    (rc = sada_cursor_open(&cur, &c.ns, &c.root, err)) < 0)
		goto out;
	rc = o->npath == 0;
	for (k = 0; k < o->npath && rc == 0; k++) {
		const char *path = (char *)o->path[k].p;

		if ((rc = sada_cursor_seek(cur, path, o->path[k].len,
		    err)) < 0 ||
		    (rc = sada_cursor_next(cur, &e, err)) <= 0)
			continue;
		rc = sada_path_in(e.path, e.len, path, o->path[k].len);
	}
out:
	sada_cursor_free(cur);
	sada_changes_release(&c);
	return rc;
}

/* Read F's content into B; 0 when it is not held. */
static int
load(struct sada_buf *b, const struct sada_face *f, const char *path,
    size_t len, void *ctx, struct sada_err *err)
{
	const struct telling *t = ctx;
	struct sada_source src = { t->o->r->store, NULL };
	int rc;

	(void)path;
	(void)len;
	rc = sada_file_load(&src, &f->content, f->size, b, err);
	return rc == SADA_NOTFOUND ? 0 : rc < 0 ? rc : 1;
}

static void
face_of(struct sada_face *f, const struct sada_version *v)
{
	memset(f, 0, sizeof(*f));
	if (v == NULL)
		return;
	f->kind = v->kind;
	f->mode = v->mode;
	f->size = v->size;
	f->content = v->content;
}

/* The letter for a slot that went from A to B; 0: nothing to tell. */
static char
letter(const struct sada_entry *was, const struct sada_entry *now,
    const struct sada_version *a, const struct sada_version *b,
    const char **why)
{
	*why = NULL;
	if (a == NULL && b == NULL)
		return 0;
	if (a == NULL)
		return 'A';
	if (b == NULL)
		return 'D';
	if (a->kind != b->kind)
		return 'T';
	if (a->size != b->size || sada_id_cmp(&a->content, &b->content) != 0)
		return 'M';
	if (a->mode != b->mode)
		return 'P';
	if (was->nv != now->nv) {
		*why = was->nv > now->nv ? "a version beside it went" :
		    "a version stands beside it";
		return 'M';
	}
	/* The mtime of a directory moves with its children. */
	return a->kind == SADA_DIR ? 0 : 'P';
}

/* The version of slot E that the op wrote, else the one that leads. */
static const struct sada_version *
written(const struct telling *t, const struct sada_entry *e)
{
	size_t i;

	for (i = 0; i < e->nv; i++)
		if (sada_dot_cmp(&e->v[i].dot, &t->dot) == 0)
			return &e->v[i];
	return sada_lead(e->v, e->nv, lamport, t->o->r->log);
}

/* The slot at E's path in the map before; nv 0 when there was none. */
static int
slot_before(struct telling *t, const struct sada_entry *e,
    struct sada_entry *was)
{
	int rc;

	memset(was, 0, sizeof(*was));
	if (t->cursor == NULL)
		return 0;
	if ((rc = sada_cursor_seek(t->cursor, e->path, e->len, t->err)) < 0 ||
	    (rc = sada_cursor_next(t->cursor, was, t->err)) < 0)
		return rc;
	if (rc == 0 || sada_path_cmp(was->path, was->len, e->path,
	    e->len) != 0)
		memset(was, 0, sizeof(*was));
	return 0;
}

static int
tell_slot(struct telling *t, const struct sada_entry *e)
{
	const struct sada_version *a, *b;
	struct sada_face fa, fb;
	struct sada_entry was;
	const char *why;
	char what;
	int rc;

	if ((rc = slot_before(t, e, &was)) < 0)
		return rc;
	a = sada_lead(was.v, was.nv, lamport, t->o->r->log);
	b = written(t, e);
	face_of(&fa, a);
	face_of(&fb, b);
	if (t->cursor != NULL) {
		what = letter(&was, e, a, b, &why);
		return what == 0 ? 0 : sada_deltas_add(t->deltas, e->path,
		    e->len, what, why, &fa, &fb, t->err);
	}
	/* Neither a patch nor a rename can be told. */
	what = b == NULL ? 'D' : 'M';
	face_of(&fb, NULL);
	return sada_deltas_add(t->deltas, e->path, e->len, what,
	    "what was before is not held here", &fa, &fb, t->err);
}

/* Open the join of the maps of op I's parents, if it can be had. */
static int
open_base(struct telling *t, uint32_t i)
{
	const struct sada_op_info *op = sada_log_op(t->o->r->log, i);
	struct sada_replica *r = t->o->r;
	int rc;

	if ((rc = sada_maps_make(r->log, r->store, t->o->txn, op->parents,
	    op->nparents, t->err)) == 0 &&
	    (rc = sada_state_init(&t->base, r->log, r->store, t->o->txn,
	    op->parents, op->nparents, NULL, t->err)) == 0)
		rc = sada_cursor_open(&t->cursor, &t->base.ns, &t->base.root,
		    t->err);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

int
sada_op_tell(const struct sada_op_names *o, uint32_t i, struct sada_err *err)
{
	struct telling t = { .o = o, .err = err };
	struct sada_deltas_opts d = { .change = o->change,
	    .patch = o->patch, .ctx = o->ctx, .load = load,
	    .load_ctx = &t };
	struct sada_hint *hint = NULL;
	struct sada_cursor *cur = NULL;
	struct sada_changes c;
	struct sada_entry e;
	int rc;

	t.dot = sada_log_op(o->r->log, i)->dot;
	if ((rc = sada_changes_open(&c, o->r->log, o->r->store, o->txn, i,
	    err)) < 0 ||
	    (rc = sada_cursor_open(&cur, &c.ns, &c.root, err)) < 0 ||
	    (rc = open_base(&t, i)) < 0)
		goto out;
	sada_op_hints(&hint, &c.op);
	d.hint = hint;
	d.nhint = c.op.nhints;
	sada_deltas_new(&t.deltas, &d);
	while ((rc = sada_cursor_next(cur, &e, err)) > 0)
		if (wanted(o, e.path, e.len) && (rc = tell_slot(&t, &e)) < 0)
			break;
	if (rc == 0)
		rc = sada_deltas_end(t.deltas, err);
out:
	sada_deltas_free(t.deltas);
	free(hint);
	sada_cursor_free(t.cursor);
	sada_state_release(&t.base);
	sada_cursor_free(cur);
	sada_changes_release(&c);
	return rc;
}
