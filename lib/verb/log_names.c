/*
 * What an op changed: its changes tree against the join of its parents'
 * maps, as letters and as patches.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "git/patch.h"
#include "verb/look_priv.h"

/* Larger contents are not compared line by line. */
#define PATCH_MAX (UINT64_C(16) << 20)

/* One op at hand. */
struct telling {
	const struct sada_op_names *o;
	struct sada_dot dot;		/* the op's */
	struct sada_state base;
	struct sada_cursor *cursor;	/* over its map; NULL: not held */
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

/* ---- patches ---- */

static int
gather(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

static unsigned
git_mode(const struct sada_version *v)
{
	if (v == NULL)
		return 0;
	if (v->kind == SADA_LINK)
		return 0120000;
	return (v->mode & 0100) ? 0100755 : 0100644;
}

/* Read V's content into B; 0 when it is not held. */
static int
load(const struct telling *t, const struct sada_version *v,
    struct sada_buf *b)
{
	struct sada_source src = { t->o->r->store, NULL };
	int rc;

	if (v == NULL)
		return 1;
	rc = sada_file_get(&src, &v->content, v->size, gather, b, t->err);
	return rc == SADA_NOTFOUND ? 0 : rc < 0 ? rc : 1;
}

/* The patch from A to B (either may be NULL) at PATH. */
static int
patch_pair(const struct telling *t, const char *path, size_t len,
    const struct sada_version *a, const struct sada_version *b)
{
	struct sada_patch_side sa = { "a", 1, git_mode(a) };
	struct sada_patch_side sb = { "b", 1, git_mode(b) };
	struct sada_buf ba = {0}, bb = {0}, out = {0};
	unsigned flags = 0;
	int rc = 1;

	if (a != NULL && b != NULL && a->size == b->size &&
	    sada_id_cmp(&a->content, &b->content) == 0) {
		sa.n = sb.n = 0;
	} else if ((a != NULL && a->size > PATCH_MAX) ||
	    (b != NULL && b->size > PATCH_MAX)) {
		flags = SADA_PATCH_BINARY;
		sa.n = a != NULL;
		sb.n = b != NULL;
	} else {
		if ((rc = load(t, a, &ba)) == 1)
			rc = load(t, b, &bb);
		sa.p = ba.p;
		sa.n = ba.len;
		sb.p = bb.p;
		sb.n = bb.len;
	}
	if (rc == 0) {
		sada_buf_adds(&out, "Content of ");
		sada_quote(&out, path, len);
		sada_buf_adds(&out, " is not held here\n");
	} else if (rc > 0)
		rc = sada_patch(&out, path, len, &sa, &sb, flags, t->err);
	if (rc >= 0)
		rc = out.len > 0 ? t->o->patch((char *)out.p, out.len,
		    t->o->ctx) : 0;
	sada_buf_release(&ba);
	sada_buf_release(&bb);
	sada_buf_release(&out);
	return rc;
}

static int
tell_patch(const struct telling *t, const struct sada_entry *e,
    const struct sada_version *a, const struct sada_version *b)
{
	int rc = 0;

	if (a != NULL && a->kind == SADA_DIR)
		a = NULL;
	if (b != NULL && b->kind == SADA_DIR)
		b = NULL;
	if (a != NULL && b != NULL && a->kind != b->kind) {
		/* As git: the one goes, the other comes. */
		rc = patch_pair(t, e->path, e->len, a, NULL);
		a = NULL;
	}
	if (rc >= 0 && (a != NULL || b != NULL))
		rc = patch_pair(t, e->path, e->len, a, b);
	return rc;
}

/* ---- letters ---- */

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
	struct sada_entry was;
	struct sada_change c;
	int rc;

	if ((rc = slot_before(t, e, &was)) < 0)
		return rc;
	a = sada_lead(was.v, was.nv, lamport, t->o->r->log);
	b = written(t, e);
	memset(&c, 0, sizeof(c));
	if (t->cursor == NULL) {
		c.what = b == NULL ? 'D' : 'M';
		c.why = "what was before is not held here";
	} else if ((c.what = letter(&was, e, a, b, &c.why)) == 0)
		return 0;
	c.path = e->len > 0 ? e->path : ".";
	c.len = e->len > 0 ? e->len : 1;
	if (t->o->change != NULL)
		rc = t->o->change(&c, t->o->ctx);
	if (rc >= 0 && t->o->patch != NULL && t->cursor != NULL)
		rc = tell_patch(t, e, a, b);
	return rc;
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
	while ((rc = sada_cursor_next(cur, &e, err)) > 0)
		if (wanted(o, e.path, e.len) && (rc = tell_slot(&t, &e)) < 0)
			break;
out:
	sada_cursor_free(t.cursor);
	sada_state_release(&t.base);
	sada_cursor_free(cur);
	sada_changes_release(&c);
	return rc;
}
