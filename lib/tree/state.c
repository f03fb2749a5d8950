/* The state of a set of heads: their past, and the join of their maps. */
#include <stdlib.h>
#include <string.h>

#include "crypto/idset.h"
#include "tree/state.h"

/* Heads joined at once: each takes a context of its own. */
#define BATCH 64

/* A side of a join: a head, or several that were joined already. */
struct side_ctx {
	const struct sada_state *st;
	struct sada_context *past;
	const uint32_t *head;
	size_t n;
	struct sada_idset forged;	/* first op of a dot with several: does
					   a head know them all? */
};

/* Does the past of HEAD have the N ops OP? */
static int
head_reaches(const struct sada_state *st, uint32_t head, const uint32_t *op,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!sada_context_reaches(st->log, &head, 1, op[i]))
			return 0;
	return 1;
}

/*
 * Has a head of the side seen all ops with dot D that any head has seen?  A
 * dot has several only when its author forged one: who has seen another of
 * them has not seen the versions of this one.
 */
static int
side_seen(const struct sada_dot *d, void *ctx)
{
	struct side_ctx *s = ctx;
	const struct sada_state *st = s->st;
	uint32_t *op, first, knows = 0;
	size_t n, i;

	if (!sada_context_seen_all(st->log, s->past, st->past, d))
		return 0;
	if (s->n == 1 ||
	    (n = sada_context_ops(st->log, st->past, d, &first, 1)) == 1)
		return 1;
	/* Together they have; but has one of them?  Each dot is asked once. */
	if (sada_idset_get(&s->forged, &sada_log_op(st->log, first)->id,
	    &knows))
		return knows != 0;
	op = sada_calloc(n, sizeof(*op));
	(void)sada_context_ops(st->log, st->past, d, op, n);
	for (i = 0; i < s->n && !knows; i++)
		knows = (uint32_t)head_reaches(st, s->head[i], op, n);
	free(op);
	(void)sada_idset_add(&s->forged, &sada_log_op(st->log, first)->id,
	    knows);
	return knows != 0;
}

/*
 * The root = the join of the maps of ST's heads, two of them or more.  What
 * was joined is a side of the next batch, which has seen all that it did.
 */
static int
join_heads(struct sada_state *st, struct sada_err *err)
{
	struct side_ctx ctx[BATCH] = { { .st = st } };
	struct sada_side side[BATCH];
	size_t at = 0, n = 0, i;
	int rc = 0;

	while (at < st->n && rc == 0) {
		for (; n < BATCH && at < st->n; n++, at++) {
			ctx[n].st = st;
			ctx[n].head = &st->heads[at];
			ctx[n].n = 1;
			sada_context_make(&ctx[n].past, st->log,
			    ctx[n].head, 1);
			side[n].root = sada_log_op(st->log,
			    st->heads[at])->root;
			side[n].seen = side_seen;
			side[n].ctx = &ctx[n];
		}
		rc = sada_join(&st->ns, side, n, &st->root, err);
		side[0].root = st->root;
		for (i = 1; i < n; i++) {
			sada_context_or(ctx[0].past, ctx[i].past);
			free(ctx[i].past);
		}
		sada_idset_release(&ctx[0].forged);
		ctx[0].n = at;
		n = 1;
	}
	free(ctx[0].past);
	return rc;
}

/* Find the first head whose map's root node is not held. */
static int
check_held(const struct sada_state *st, uint32_t *lack, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	size_t i;

	for (i = 0; i < st->n; i++) {
		const struct sada_op_info *op = sada_log_op(st->log,
		    st->heads[i]);

		if (sada_id_zero(&op->root))
			continue;
		if (st->ns.txn != NULL ?
		    sada_txn_has(st->ns.txn, SADA_OBJ_NODE, &op->root) :
		    sada_store_has(st->ns.store, SADA_OBJ_NODE, &op->root))
			continue;
		if (lack != NULL)
			*lack = st->heads[i];
		sada_id_hex(hex, &op->id);
		return sada_err_set(err, SADA_NOTFOUND,
		    "the map of op %.12s is not held here", hex);
	}
	return 0;
}

int
sada_state_init(struct sada_state *st, const struct sada_log *log,
    struct sada_store *store, struct sada_txn *txn, const uint32_t *ops,
    size_t n, uint32_t *lack, struct sada_err *err)
{
	int rc;

	memset(st, 0, sizeof(*st));
	st->log = log;
	st->ns.store = store;
	st->ns.txn = txn;
	sada_context_make(&st->past, log, ops, n);
	sada_context_heads(&st->heads, &st->n, log, st->past);
	if ((rc = check_held(st, lack, err)) < 0)
		goto out;
	if (st->n == 1)
		st->root = sada_log_op(log, st->heads[0])->root;
	if (st->n > 1) {
		if (txn == NULL) {
			if ((rc = sada_txn_begin(&st->scratch, store,
			    err)) < 0)
				goto out;
			st->ns.txn = st->scratch;
		}
		if ((rc = join_heads(st, err)) < 0)
			goto out;
	}
	rc = 0;
out:
	if (rc < 0)
		sada_state_release(st);
	return rc;
}

void
sada_state_release(struct sada_state *st)
{
	sada_txn_abort(st->scratch);
	free(st->heads);
	free(st->past);
	memset(st, 0, sizeof(*st));
}

struct sada_id *
sada_state_heads(const struct sada_state *st)
{
	struct sada_id *ids = sada_calloc(st->n + 1, sizeof(*ids));
	size_t i;

	for (i = 0; i < st->n; i++)
		ids[i] = sada_log_op(st->log, st->heads[i])->id;
	return ids;
}

void
sada_state_id(struct sada_id *out, const struct sada_state *st)
{
	struct sada_buf b = {0};
	size_t i;

	for (i = 0; i < st->n; i++)
		sada_buf_add(&b, sada_log_op(st->log, st->heads[i])->id.b,
		    SADA_ID_LEN);
	sada_buf_add(&b, st->root.b, SADA_ID_LEN);
	sada_hash(out, SADA_CTX_STATE, b.p, b.len);
	sada_buf_release(&b);
}

uint64_t
sada_state_lamport(const struct sada_dot *d, void *ctx)
{
	const struct sada_state *st = ctx;

	return sada_context_lamport(st->log, st->past, d);
}
