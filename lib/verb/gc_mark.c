/*
 * What gc must leave: the objects that what is kept needs.
 *
 * First come the maps of the states that are kept, with the contents that
 * they show; then the changes of all ops, for those are the log's meaning
 * and a map can be made from them again; and the maps that cannot, of ops
 * that came with a whole one.
 *
 * Invariant: what is marked has been entered, or waits for that.  So all
 * that it names is marked in the end, and nothing is entered twice, whatever
 * its author made of it: a list may name any other list.  Whether contents
 * are marked, too, is settled by who comes first: so those that show them
 * come before those that do not.
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

/* A node or list that is to be entered. */
struct waiting {
	struct sada_id id;
	uint8_t type;
};

struct marking {
	struct sada_replica *r;
	struct sada_sweep *w;
	const struct sada_keeping *k;
	struct sada_txn *txn;		/* maps that were made for this */
	struct sada_idset entered;	/* what no pack of W holds */
	struct waiting *wait;		/* marked, and not entered yet */
	size_t nwait, capwait;
	struct sada_meter meter;
	int must;			/* what is missing is an error */
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

/* Mark the node or list ID: it is entered later, once. */
static void
enter(struct marking *m, unsigned type, const struct sada_id *id)
{
	switch (sada_sweep_mark(m->w, type, id)) {
	case SADA_SWEEP_NEW:
		sada_meter_add(&m->meter, 1);
		break;
	case SADA_SWEEP_NONE:
		if (sada_idset_add(&m->entered, id, type))
			break;
		return;
	default:
		return;
	}
	m->wait = sada_grow(m->wait, &m->capwait, m->nwait + 1,
	    sizeof(*m->wait));
	m->wait[m->nwait].id = *id;
	m->wait[m->nwait++].type = (uint8_t)type;
}

/* ---- contents ---- */

/* What the list in B names.  One that its author malformed is empty. */
static void
mark_pieces(struct marking *m, const struct sada_buf *b)
{
	struct sada_piece *piece = NULL;
	struct sada_err drop;
	unsigned level;
	size_t i, n = 0;

	if (sada_list_decode(&level, &piece, &n, NULL, b->p, b->len,
	    &drop) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		if (level == 0)
			(void)sada_sweep_mark(m->w, SADA_OBJ_CHUNK,
			    &piece[i].id);
		else
			enter(m, SADA_OBJ_LIST, &piece[i].id);
	}
	free(piece);
}

static void
mark_content(struct marking *m, const struct sada_id *id, uint64_t size)
{
	if (size <= SADA_CHUNK_MAX)
		(void)sada_sweep_mark(m->w, SADA_OBJ_CHUNK, id);
	else
		enter(m, SADA_OBJ_LIST, id);
}

/*
 * The ancestors of V.  ALL: the contents of all of them; else only the
 * newest, when it was a merged one.
 */
static void
mark_ancestors(struct marking *m, const struct sada_version *v, int all)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	struct sada_err drop;
	size_t i, n = 0;

	if (sada_id_zero(&v->anc))
		return;
	(void)sada_sweep_mark(m->w, SADA_OBJ_ANC, &v->anc);
	/* One that is damaged counts as one that is not here. */
	if (sada_txn_get(m->txn, SADA_OBJ_ANC, &v->anc, &b, &drop) < 0 ||
	    sada_anc_decode(&a, &n, b.p, b.len, &drop) < 0)
		n = 0;
	if (!all && n > 0)
		n = a[0].ndot > 1;
	for (i = 0; i < n; i++)
		mark_content(m, &a[i].content, a[i].size);
	free(a);
	sada_buf_release(&b);
}

static void
mark_entry(struct marking *m, const struct sada_entry *e)
{
	size_t i;

	for (i = 0; i < e->nv; i++) {
		if (e->v[i].kind == SADA_DIR)
			continue;
		mark_content(m, &e->v[i].content, e->v[i].size);
		mark_ancestors(m, &e->v[i], m->k->all || e->nv > 1);
	}
}

/* ---- maps and changes ---- */

/*
 * What the N bytes of a node at P name.  What nobody has replayed yet may be
 * malformed, and names nothing then.
 */
static int
mark_below(struct marking *m, const void *p, size_t n, unsigned how)
{
	struct sada_node node = {0};
	size_t i;
	int rc;

	if ((rc = sada_node_decode(&node, p, n, SADA_NODE_CHANGES,
	    m->err)) < 0) {
		rc = m->must ? damaged(m, "a map node") : 0;
		goto out;
	}
	for (i = 0; i < node.n; i++) {
		if (node.level > 0)
			enter(m, SADA_OBJ_NODE, &node.ref[i].id);
		else if (how == CONTENTS)
			mark_entry(m, &node.e[i]);
	}
out:
	sada_node_release(&node);
	return rc;
}

/* Enter all that waits. */
static int
drain(struct marking *m, unsigned how)
{
	struct sada_buf b = {0};
	struct waiting x;
	int must = m->must, rc = 0;

	while (m->nwait > 0 && rc >= 0) {
		x = m->wait[--m->nwait];
		sada_buf_reset(&b);
		/* A content may be wanted still. */
		m->must = must && x.type == SADA_OBJ_NODE;
		rc = get(m, x.type, &x.id, &b, x.type == SADA_OBJ_NODE ?
		    "a map node" : "a file list");
		if (rc > 0 && x.type == SADA_OBJ_NODE)
			rc = mark_below(m, b.p, b.len, how);
		else if (rc > 0)
			mark_pieces(m, &b);
	}
	m->must = must;
	sada_buf_release(&b);
	return rc < 0 ? rc : 0;
}

static int
mark_node(struct marking *m, const struct sada_id *id, unsigned how)
{
	if (!sada_id_zero(id))
		enter(m, SADA_OBJ_NODE, id);
	return drain(m, how);
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
	return rc < 0 ? rc : drain(m, how);
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
	mark_content(ctx, &a->content, a->size);
}

static int
mark_multi(const struct sada_entry *e, void *ctx, struct sada_err *err)
{
	(void)err;
	mark_entry(ctx, e);
	return 0;
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
	if (rc == 0 && m->must)
		rc = sada_want_bases(&st, m->r->log, mark_base, m, m->err);
	sada_state_release(&st);
	if (rc == SADA_NOTFOUND && !m->must)
		return 0;
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
		return damaged(m, "a state");
	return rc < 0 ? rc : drain(m, CONTENTS);
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
		if (row.kind != SADA_DIR)
			mark_content(m, &row.content, row.size);
	sada_work_cursor_free(c);
	return rc < 0 ? rc : drain(m, CONTENTS);
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
		for (k = 0; k < ack.nwant; k++) {
			if (ack.want[k].type == SADA_OBJ_ANC)
				(void)sada_sweep_mark(m->w, SADA_OBJ_ANC,
				    &ack.want[k].id);
			else
				mark_content(m, &ack.want[k].id,
				    ack.want[k].size);
		}
		sada_ack_release(&ack);
		rc = drain(m, CONTENTS);
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
	if ((rc = mark_node(m, &changes, CONTENTS)) == 0 &&
	    (rc = mark_below(m, op->inl, op->inl_len, CONTENTS)) == 0)
		rc = drain(m, CONTENTS);
	return rc;
}

/*
 * The maps that could not be made again: of ops whose changes are not held,
 * as they came with a whole map, or that stand on one that is lost.
 */
static int
mark_lone(struct marking *m)
{
	uint32_t n = sada_log_count(m->r->log), i, k;
	unsigned char *there = sada_calloc((size_t)n + 1, 1);
	const struct sada_op_info *op;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++) {
		op = sada_log_op(m->r->log, i);
		there[i] = sada_id_zero(&op->changes) ||
		    (op->flags & SADA_OP_INLINE) != 0 ||
		    sada_store_has_quick(m->r->store, SADA_OBJ_NODE,
		    &op->changes);
		for (k = 0; k < op->nparents; k++)
			there[i] &= there[op->parents[k]];
		if (sada_id_zero(&op->root))
			there[i] = 1;
		else if (!there[i] && sada_store_has_quick(m->r->store,
		    SADA_OBJ_NODE, &op->root)) {
			rc = mark_node(m, &op->root, NODES);
			there[i] = 1;
		}
	}
	free(there);
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
	rc = mark_lone(&m);
out:
	sada_txn_abort(m.txn);
	free(m.wait);
	sada_idset_release(&m.entered);
	return rc;
}
