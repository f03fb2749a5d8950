/*
 * What gc must leave: the objects that what is kept needs.
 *
 * First come the maps of the states that are kept, with the contents that
 * they show; then the changes of all ops, for those are the log's meaning
 * and any map can be made from them again.  A node that is marked has all
 * below it marked, and is not entered twice; so maps that show contents
 * come before changes that do not.
 *
 * What only a merge needs, old contents as bases, is marked for paths with
 * several versions, and, where what was edited was itself a merge that no
 * version holds, for the next merge.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/want.h"
#include "format/object.h"
#include "verb/gc_priv.h"

struct marking {
	struct sada_replica *r;
	struct sada_sweep *w;
	const struct sada_keeping *k;
	struct sada_txn *txn;		/* maps that were made for this */
	struct sada_idset entered;	/* nodes that no pack of W holds */
	struct sada_meter meter;
	int must;			/* what is missing is an error */
	int rc;				/* of a callback */
	struct sada_err *err;
};

/* Contents: of the entries of a map, or none. */
enum { NODES = 0, CONTENTS = 1 };

static int
damaged(struct marking *m, const char *what)
{
	char why[300];

	(void)snprintf(why, sizeof(why), "%.250s", m->err->msg);
	return sada_err_set(m->err, SADA_DAMAGED, "%s cannot be read (%s): "
	    "nothing was dropped; sada-verify says more", what, why);
}

/*
 * Read object ID to OUT: 1, 0 when it is not held.  Errors: SYS; DAMAGED:
 * what hangs on it cannot be told.
 */
static int
get(struct marking *m, unsigned type, const struct sada_id *id,
    struct sada_buf *out, const char *what)
{
	int rc = sada_txn_get(m->txn, type, id, out, m->err);

	if (rc == SADA_NOTFOUND && !m->must)
		return 0;
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
		return damaged(m, what);
	return rc < 0 ? rc : 1;
}

/* ---- contents ---- */

/* List ID and all that it names.  One that its author malformed is empty. */
static int
mark_list(struct marking *m, const struct sada_id *id, unsigned depth)
{
	struct sada_piece *piece = NULL;
	struct sada_buf b = {0};
	struct sada_err drop;
	unsigned level;
	size_t i, n = 0;
	int rc;

	if (sada_sweep_mark(m->w, SADA_OBJ_LIST, id) != SADA_SWEEP_NEW ||
	    depth > SADA_LIST_LEVEL_MAX)
		return 0;
	if ((rc = get(m, SADA_OBJ_LIST, id, &b, "a file list")) <= 0 ||
	    sada_list_decode(&level, &piece, &n, NULL, b.p, b.len,
	    &drop) < 0)
		goto out;
	for (i = 0; i < n && rc >= 0; i++) {
		if (level == 0)
			(void)sada_sweep_mark(m->w, SADA_OBJ_CHUNK,
			    &piece[i].id);
		else
			rc = mark_list(m, &piece[i].id, depth + 1);
	}
out:
	free(piece);
	sada_buf_release(&b);
	return rc < 0 ? rc : 0;
}

static int
mark_content(struct marking *m, const struct sada_id *id, uint64_t size)
{
	int must = m->must, rc;

	if (size <= SADA_CHUNK_MAX) {
		(void)sada_sweep_mark(m->w, SADA_OBJ_CHUNK, id);
		return 0;
	}
	/* A content may be wanted still. */
	m->must = 0;
	rc = mark_list(m, id, 0);
	m->must = must;
	return rc;
}

/*
 * The ancestors of V.  ALL: the contents of all of them; else only the
 * newest, when it was a merged one.
 */
static int
mark_ancestors(struct marking *m, const struct sada_version *v, int all)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	struct sada_err drop;
	size_t i, n = 0;
	int rc = 0;

	if (sada_id_zero(&v->anc))
		return 0;
	(void)sada_sweep_mark(m->w, SADA_OBJ_ANC, &v->anc);
	/* One that is damaged counts as one that is not here. */
	if (sada_txn_get(m->txn, SADA_OBJ_ANC, &v->anc, &b, &drop) < 0 ||
	    sada_anc_decode(&a, &n, b.p, b.len, &drop) < 0)
		goto out;
	if (!all && n > 0)
		n = a[0].ndot > 1;
	for (i = 0; i < n && rc == 0; i++)
		rc = mark_content(m, &a[i].content, a[i].size);
out:
	free(a);
	sada_buf_release(&b);
	return rc;
}

static int
mark_entry(struct marking *m, const struct sada_entry *e)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < e->nv && rc == 0; i++) {
		if (e->v[i].kind == SADA_DIR)
			continue;
		if ((rc = mark_content(m, &e->v[i].content,
		    e->v[i].size)) == 0)
			rc = mark_ancestors(m, &e->v[i], m->k->all ||
			    e->nv > 1);
	}
	return rc;
}

/* ---- maps and changes ---- */

/* Has node ID to be entered?  It is marked, or noted, from now on. */
static int
enter(struct marking *m, const struct sada_id *id)
{
	switch (sada_sweep_mark(m->w, SADA_OBJ_NODE, id)) {
	case SADA_SWEEP_NEW:
		sada_meter_add(&m->meter, 1);
		return 1;
	case SADA_SWEEP_NONE:
		return sada_idset_add(&m->entered, id, 0);
	default:
		return 0;
	}
}

static int mark_node(struct marking *m, const struct sada_id *id,
    unsigned how);

/* What the N bytes of a node at P name. */
static int
mark_below(struct marking *m, const void *p, size_t n, unsigned how)
{
	struct sada_node node = {0};
	size_t i;
	int rc;

	if ((rc = sada_node_decode(&node, p, n, SADA_NODE_CHANGES,
	    m->err)) < 0) {
		rc = damaged(m, "a map node");
		goto out;
	}
	for (i = 0; i < node.n && rc == 0; i++) {
		if (node.level == 0)
			rc = how == CONTENTS ? mark_entry(m, &node.e[i]) : 0;
		else if (node.level == 1 && how == NODES)
			(void)enter(m, &node.ref[i].id);
		else
			rc = mark_node(m, &node.ref[i].id, how);
	}
out:
	sada_node_release(&node);
	return rc;
}

static int
mark_node(struct marking *m, const struct sada_id *id, unsigned how)
{
	struct sada_buf b = {0};
	int rc;

	if (sada_id_zero(id) || !enter(m, id))
		return 0;
	if ((rc = get(m, SADA_OBJ_NODE, id, &b, "a map node")) > 0)
		rc = mark_below(m, b.p, b.len, how);
	sada_buf_release(&b);
	return rc;
}

/* The changes of op I. */
static int
mark_changes(struct marking *m, uint32_t i, unsigned how)
{
	const struct sada_op_info *op = sada_log_op(m->r->log, i);
	struct sada_changes c;
	int rc;

	m->must = 0;
	/* What lies in the record may lie in the store as well. */
	if ((rc = mark_node(m, &op->changes, how)) < 0 || how == NODES ||
	    (op->flags & SADA_OP_INLINE) == 0)
		return rc;
	rc = sada_changes_open(&c, m->r->log, m->r->store, NULL, i, m->err);
	if (rc == 0)
		rc = mark_below(m, c.op.inl, c.op.inl_len, how);
	sada_changes_release(&c);
	return rc;
}

/* ---- states ---- */

static int
is_held(const struct marking *m, const struct sada_id *root)
{
	return sada_id_zero(root) ||
	    sada_txn_has(m->txn, SADA_OBJ_NODE, root);
}

/*
 * The map of op I.  One that is not held is made again unless all is kept:
 * then its contents are known from its changes.
 */
static int
mark_map(struct marking *m, uint32_t i)
{
	const struct sada_id *root = &sada_log_op(m->r->log, i)->root;
	int rc;

	if (!is_held(m, root)) {
		if (m->k->all && !m->must)
			return 0;
		rc = sada_maps_make(m->r->log, m->r->store, m->txn, &i, 1,
		    m->err);
		if (rc == SADA_NOTFOUND && !m->must)
			return 0;
		if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
			return damaged(m, "the map of an op");
		if (rc < 0)
			return rc;
	}
	return mark_node(m, root, CONTENTS);
}

static void
mark_base(const struct sada_ancestor *a, void *ctx)
{
	struct marking *m = ctx;

	if (m->rc == 0)
		m->rc = mark_content(m, &a->content, a->size);
}

static int
mark_multi(const struct sada_entry *e, void *ctx, struct sada_err *err)
{
	(void)err;
	return mark_entry(ctx, e);
}

/* What the merges in the state of the N ops OP need. */
static int
mark_merges(struct marking *m, const uint32_t *op, size_t n)
{
	struct sada_state st;
	int rc;

	rc = sada_state_make(&st, m->r->log, m->r->store, op, n, m->err);
	if (rc == 0)
		rc = sada_map_multi(&st.ns, &st.root, mark_multi, m, m->err);
	/* Edits that followed a rename, too. */
	if (rc == 0 && m->must) {
		m->rc = 0;
		rc = sada_want_bases(&st, m->r->log, mark_base, m, m->err);
		rc = rc == 0 ? m->rc : rc;
	}
	sada_state_release(&st);
	if (rc == SADA_NOTFOUND && !m->must)
		return 0;
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
		return damaged(m, "a state");
	return rc;
}

static int
mark_states(struct marking *m)
{
	const struct sada_keeping *k = m->k;
	size_t s, i, n;
	int rc = 0;

	for (s = 0; s < k->nstate && rc == 0; s++) {
		m->must = s < SADA_KEEPING_LIVING;
		n = k->state_at[s + 1] - k->state_at[s];
		for (i = 0; i < n && rc == 0; i++)
			rc = mark_map(m, k->state[k->state_at[s] + i]);
		if (rc == 0 && (n > 1 || (m->must && n > 0)))
			rc = mark_merges(m, k->state + k->state_at[s], n);
	}
	m->must = 0;
	return rc;
}

/* ---- what else is needed ---- */

/* What the directory shows: merged contents are in no map. */
static int
mark_laid(struct marking *m)
{
	struct sada_work_cursor *c = NULL;
	struct sada_row row;
	int rc;

	if ((rc = sada_work_cursor_open(&c, m->r->work, m->err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, m->err)) > 0)
		if (row.kind != SADA_DIR && (rc = mark_content(m,
		    &row.content, row.size)) < 0)
			break;
	sada_work_cursor_free(c);
	return rc;
}

/* What peers asked for. */
static int
mark_asked(struct marking *m)
{
	const struct sada_peers *ps = &m->r->peers;
	struct sada_ack ack;
	size_t i, k;
	int rc = 0;

	for (i = 0; i < ps->n && rc == 0; i++) {
		memset(&ack, 0, sizeof(ack));
		if ((rc = sada_ack_load(&ack, m->r->sdir, &ps->p[i].pub,
		    m->err)) < 0)
			return rc;
		for (k = 0, rc = 0; k < ack.nwant && rc == 0; k++) {
			if (ack.want[k].type == SADA_OBJ_ANC)
				(void)sada_sweep_mark(m->w, SADA_OBJ_ANC,
				    &ack.want[k].id);
			else
				rc = mark_content(m, &ack.want[k].id,
				    ack.want[k].size);
		}
		sada_ack_release(&ack);
	}
	return rc;
}

/* What an op brought that waits for its past. */
static int
mark_parked(const struct sada_op *op, void *ctx, struct sada_err *err)
{
	struct marking *m = ctx;
	struct sada_id changes = op->changes;
	int rc;

	(void)err;
	if ((rc = mark_node(m, &op->root, CONTENTS)) < 0)
		return rc;
	if ((op->flags & SADA_OP_INLINE) == 0)
		return mark_node(m, &changes, CONTENTS);
	/* It is replayed out of the store. */
	sada_hash(&changes, SADA_CTX_NODE, op->inl, op->inl_len);
	if ((rc = mark_node(m, &changes, CONTENTS)) == 0)
		rc = mark_below(m, op->inl, op->inl_len, CONTENTS);
	return rc;
}

int
sada_gc_mark(struct sada_replica *r, struct sada_sweep *w,
    const struct sada_keeping *k, struct sada_err *err)
{
	struct sada_err own;
	struct marking m = { .r = r, .w = w, .k = k,
	    .meter = { .talk = &r->talk, .unit = "nodes" },
	    .err = err != NULL ? err : &own };
	uint32_t i, n = sada_log_count(r->log);
	int rc;

	if ((rc = sada_txn_begin(&m.txn, r->store, m.err)) < 0 ||
	    (rc = mark_states(&m)) < 0)
		goto out;
	for (i = k->since; i < n; i++)
		if ((rc = mark_changes(&m, i, CONTENTS)) < 0)
			goto out;
	if ((rc = mark_laid(&m)) < 0 || (rc = mark_asked(&m)) < 0 ||
	    (rc = sada_parked_each(r->sdir, mark_parked, &m, m.err)) < 0)
		goto out;
	for (i = 0; i < n; i++)
		if ((rc = mark_changes(&m, i, NODES)) < 0)
			goto out;
out:
	sada_txn_abort(m.txn);
	sada_idset_release(&m.entered);
	return rc;
}
