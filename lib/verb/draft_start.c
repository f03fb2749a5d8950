/* The start of an op: its dot, its parents, the state that it is made on. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "verb/snap_priv.h"

/*
 * An op names SADA_PARENTS_MAX parents: of more heads, which only a flood
 * of others' ops can make, the own OWN come first, and what there is room
 * for.  The rest joins when they are merged and recorded on again.
 */
static int
fewer_parents(struct sada_draft *d, const uint32_t *own, size_t nown,
    struct sada_err *err)
{
	uint32_t *ops = sada_calloc(SADA_PARENTS_MAX, sizeof(*ops));
	size_t i, n = 0;
	int rc;

	if (sada_log_own_tip(d->r->log, d->st.past, &ops[0]))
		n++;
	for (i = 0; i < nown && n < SADA_PARENTS_MAX; i++)
		ops[n++] = own[i];
	for (i = 0; i < d->st.n && n < SADA_PARENTS_MAX; i++)
		ops[n++] = d->st.heads[i];
	sada_state_release(&d->st);
	rc = sada_state_init(&d->st, d->r->log, d->r->store, d->txn, ops, n,
	    NULL, err);
	free(ops);
	return rc;
}

/*
 * An own op that came back below others' heads may have come without its
 * map, and without its changes too: it cannot be a parent then.
 */
int
sada_map_held(const struct sada_replica *r, uint32_t op)
{
	const struct sada_id *root = &sada_log_op(r->log, op)->root;

	return sada_id_zero(root) ||
	    sada_store_has(r->store, SADA_OBJ_NODE, root);
}

/* The dot of D's op: the next of an epoch, or the first of a new one. */
static void
next_dot(struct sada_draft *d, int new_epoch)
{
	const struct sada_op_info *o;
	uint32_t tip;

	d->dot.author = sada_key_pub(d->r->key)->id;
	sada_io_random(&d->dot.tag, sizeof(d->dot.tag));
	if (new_epoch || !sada_log_own_tip(d->r->log, d->st.past, &tip)) {
		sada_io_random(&d->dot.epoch, sizeof(d->dot.epoch));
		d->dot.seq = 1;
		return;
	}
	o = sada_log_op(d->r->log, tip);
	d->dot.epoch = o->dot.epoch;
	d->dot.seq = o->dot.seq + 1;
	d->prev = o->id;
}

/* Start on the N OPS, of which the NOWN own heads OWN come first. */
static int
start(struct sada_draft *d, const uint32_t *ops, size_t n,
    const uint32_t *own, size_t nown, struct sada_err *err)
{
	struct sada_replica *r = d->r;
	size_t i;
	int rc;

	if ((rc = sada_txn_begin(&d->txn, r->store, err)) < 0 ||
	    (rc = sada_state_init(&d->st, r->log, r->store, d->txn, ops, n,
	    NULL, err)) < 0)
		return rc;
	if (d->st.n > SADA_PARENTS_MAX &&
	    (rc = fewer_parents(d, own, nown, err)) < 0)
		return rc;
	d->lamport = 1;
	for (i = 0; i < d->st.n; i++) {
		uint64_t l = sada_log_op(r->log, d->st.heads[i])->lamport;

		if (d->lamport <= l)
			d->lamport = l + 1;
	}
	d->cns.store = r->store;
	d->cns.txn = d->txn;
	d->cns.flags = SADA_NODE_CHANGES;
	if ((rc = sada_carry_new(&d->carry, r->log, d->st.past, &d->st.ns,
	    &d->st.root, err)) < 0)
		return rc;
	sada_wait_init(d);
	sada_build_new(&d->build, &d->cns);
	return sada_cursor_open(&d->base, &d->st.ns, &d->st.root, err);
}

int
sada_draft_init(struct sada_draft *d, struct sada_replica *r,
    struct sada_err *err)
{
	int new_epoch = sada_log_epoch_due(r->log);
	uint32_t *ops, *own = NULL;
	size_t n = 0, nown = 0, i, k;
	int rc;

	memset(d, 0, sizeof(*d));
	d->r = r;
	if (new_epoch)
		sada_log_own_heads(&own, &nown, r->log);
	ops = sada_calloc(r->nlaid + nown + 1, sizeof(*ops));
	for (i = 0; i < r->nlaid; i++)
		ops[n++] = r->laid[i];
	for (i = k = 0; i < nown; i++)
		if (sada_map_held(r, own[i]))
			ops[n++] = own[k++] = own[i];
	if ((rc = start(d, ops, n, own, k, err)) < 0)
		sada_draft_release(d);
	else
		next_dot(d, new_epoch);
	free(ops);
	free(own);
	return rc;
}

int
sada_draft_init_older(struct sada_draft *d, struct sada_replica *r,
    uint32_t number, struct sada_err *err)
{
	const struct sada_work_info *in = sada_work_info(r->work);
	const struct sada_older *o = &in->older[number - 1];
	uint32_t *ops;
	size_t n = 0, i;
	int rc;

	memset(d, 0, sizeof(*d));
	d->r = r;
	d->older = number;
	ops = sada_calloc(o->n, sizeof(*ops));
	for (i = 0; i < o->n; i++)
		n += (size_t)sada_log_find(r->log, &o->heads[i], &ops[n]);
	assert(n == o->n);
	if ((rc = start(d, ops, n, NULL, 0, err)) < 0)
		sada_draft_release(d);
	else
		next_dot(d, 0);
	free(ops);
	return rc;
}

void
sada_draft_release(struct sada_draft *d)
{
	sada_build_free(d->build);
	sada_cursor_free(d->base);
	sada_state_release(&d->st);
	sada_txn_abort(d->txn);
	sada_wait_release(d);
	sada_carry_free(d->carry);
	free(d->lost);
	sada_idset_release(&d->brought);
	memset(d, 0, sizeof(*d));
}
