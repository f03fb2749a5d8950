/*
 * State: a set of heads and the join of their maps.  The id of a state is
 * the hash of both; replicas that hold the same ops have the same id.
 */
#ifndef SADA_TREE_STATE_H
#define SADA_TREE_STATE_H

#include "log/log.h"
#include "tree/tree.h"

/* Invariants: heads sorted by op id; past is their context. */
struct sada_state {
	const struct sada_log *log;	/* borrowed */
	struct sada_nodes ns;		/* to read the map with */
	struct sada_txn *scratch;	/* own, never committed, or NULL */
	uint32_t *heads;		/* op numbers */
	size_t n;
	struct sada_context *past;
	struct sada_id root;
};

/*
 * The state of OPS (N op numbers of LOG; those in the past of others are
 * left out).  The join's nodes are put in TXN; with TXN NULL in a scratch
 * transaction that lives as long as ST.  ST->ns is set to read the map.
 * Release with sada_state_release().  Errors: NOTFOUND (the map of one
 * is not held: *LACK, when not NULL, is that op's number), DAMAGED, SYS.
 */
SADA_MUST int sada_state_init(struct sada_state *st,
    const struct sada_log *log, struct sada_store *store,
    struct sada_txn *txn, const uint32_t *ops, size_t n, uint32_t *lack,
    struct sada_err *err);
/* Free what ST holds; {0} is fine. */
void sada_state_release(struct sada_state *st);
/* H("sada.state.v1", head ids sorted || root). */
void sada_state_id(struct sada_id *out, const struct sada_state *st);
/* sada_lamport_fn over a struct sada_state. */
uint64_t sada_state_lamport(const struct sada_dot *d, void *st);
/* Ids of the heads, sorted; new array of ST->n, free with free(). */
struct sada_id *sada_state_heads(const struct sada_state *st);

#endif
