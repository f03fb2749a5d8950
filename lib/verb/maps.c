/*
 * Maps of old ops: a cache of the log's replay.
 *
 * An op whose map is no longer held gets it back from its parents' maps
 * and its own changes; what the parents lack comes from theirs, and so on
 * down to ops whose maps are held.  The nodes go into a transaction that
 * is never committed.
 */
#include <stdlib.h>
#include <string.h>

#include "format/op.h"
#include "verb/look_priv.h"

static int
has_node(struct sada_store *store, struct sada_txn *txn,
    const struct sada_id *id)
{
	return sada_id_zero(id) || (txn != NULL ?
	    sada_txn_has(txn, SADA_OBJ_NODE, id) :
	    sada_store_has(store, SADA_OBJ_NODE, id));
}

int
sada_changes_open(struct sada_changes *c, struct sada_log *log,
    struct sada_store *store, struct sada_txn *txn, uint32_t i,
    struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	int rc;

	memset(c, 0, sizeof(*c));
	c->ns.store = store;
	c->ns.txn = txn;
	c->ns.flags = SADA_NODE_CHANGES;
	if ((rc = sada_log_read(log, i, &c->rec, err)) < 0 ||
	    (rc = sada_op_decode(&c->op, c->rec.p, c->rec.len, err)) < 0)
		return rc;
	if (c->op.flags & SADA_OP_INLINE) {
		c->ns.inl = c->op.inl;
		c->ns.inl_len = c->op.inl_len;
		sada_hash(&c->root, SADA_CTX_NODE, c->op.inl, c->op.inl_len);
		return 0;
	}
	c->root = c->op.changes;
	if (has_node(store, txn, &c->root))
		return 0;
	sada_id_hex(hex, &sada_log_op(log, i)->id);
	return sada_err_set(err, SADA_NOTFOUND,
	    "what op %.12s changed is not held here", hex);
}

void
sada_changes_release(struct sada_changes *c)
{
	sada_op_release(&c->op);
	sada_buf_release(&c->rec);
	memset(c, 0, sizeof(*c));
}

static int
has_map(struct sada_log *log, struct sada_store *store,
    struct sada_txn *txn, uint32_t i)
{
	return has_node(store, txn, &sada_log_op(log, i)->root);
}

/* Replay op I on its parents' maps, which are held. */
static int
replay_op(struct sada_log *log, struct sada_store *store,
    struct sada_txn *txn, uint32_t i, struct sada_err *err)
{
	const struct sada_op_info *op = sada_log_op(log, i);
	char hex[SADA_HEX_LEN + 1];
	struct sada_changes c;
	struct sada_state st;
	struct sada_err why;
	struct sada_id root;
	int rc;

	memset(&st, 0, sizeof(st));
	sada_id_hex(hex, &op->id);
	rc = sada_changes_open(&c, log, store, txn, i, &why);
	if (rc == 0)
		rc = sada_state_init(&st, log, store, txn, op->parents,
		    op->nparents, NULL, &why);
	if (rc == 0)
		rc = sada_replay(&st.ns, &st.root, &c.ns, &c.root, &root,
		    NULL, &why);
	if (rc == 0 && sada_id_cmp(&root, &op->root) != 0)
		rc = sada_err_set(&why, SADA_DAMAGED,
		    "the changes of op %.12s do not give its map", hex);
	if (rc == SADA_NOTFOUND)
		rc = sada_err_set(err, SADA_NOTFOUND,
		    "the map of op %.12s is not held here", hex);
	else if (rc < 0 && err != NULL)
		*err = why;
	sada_changes_release(&c);
	sada_state_release(&st);
	return rc;
}

int
sada_maps_make(struct sada_log *log, struct sada_store *store,
    struct sada_txn *txn, const uint32_t *ops, size_t n,
    struct sada_err *err)
{
	uint32_t *stack = NULL, i;
	size_t depth, cap = 0, k, was;
	int rc = 0;

	for (k = 0; k < n && rc == 0; k++) {
		stack = sada_grow(stack, &cap, 1, sizeof(*stack));
		stack[0] = ops[k];
		for (depth = 1; depth > 0 && rc == 0;) {
			const struct sada_op_info *op;
			uint32_t p;

			i = stack[depth - 1];
			if (has_map(log, store, txn, i)) {
				depth--;
				continue;
			}
			op = sada_log_op(log, i);
			was = depth;
			stack = sada_grow(stack, &cap, depth + op->nparents,
			    sizeof(*stack));
			for (p = 0; p < op->nparents; p++)
				if (!has_map(log, store, txn, op->parents[p]))
					stack[depth++] = op->parents[p];
			if (depth == was) {
				rc = replay_op(log, store, txn, i, err);
				depth--;
			}
		}
	}
	free(stack);
	return rc;
}

int
sada_state_make(struct sada_state *st, struct sada_log *log,
    struct sada_store *store, const uint32_t *ops, size_t n,
    struct sada_err *err)
{
	struct sada_txn *txn = NULL;
	int rc;

	memset(st, 0, sizeof(*st));
	if ((rc = sada_txn_begin(&txn, store, err)) < 0 ||
	    (rc = sada_maps_make(log, store, txn, ops, n, err)) < 0 ||
	    (rc = sada_state_init(st, log, store, txn, ops, n, NULL,
	    err)) < 0)
		goto out;
	st->scratch = txn;
	txn = NULL;
out:
	sada_txn_abort(txn);
	return rc;
}
