/*
 * Taking a bundle: read in one pass without the lock, then committed with
 * it: applied whole, parked, or not at all.
 */
#ifndef SADA_BUNDLE_TAKE_H
#define SADA_BUNDLE_TAKE_H

#include "format/bundle.h"
#include "log/log.h"
#include "peer/peer.h"
#include "store/store.h"

struct sada_take_opts {
	int sdir;			/* ".sada" */
	struct sada_store *store;
	struct sada_log *log;		/* open for reading is enough */
	const struct sada_key *key;
	const struct sada_peers *peers;
	unsigned join;			/* another group is welcome */
	/* Source of bytes, as for sada_opener_new(). */
	int (*read)(void *p, size_t n, size_t *got, void *ctx,
	    struct sada_err *err);
	void *ctx;
};

struct sada_take;
/*
 * Read and verify the whole bundle: contents and map nodes go into the
 * temp of a pack, ops are replayed where what they need is held.  Nothing
 * is visible yet.  *OUT is new, free with sada_take_free().  Errors: FORMAT
 * VERSION AUTH GUARD (another group; --join) SYS DAMAGED.
 */
SADA_MUST int sada_take_read(struct sada_take **out,
    const struct sada_take_opts *opts, struct sada_err *err);

struct sada_take_result {
	uint64_t ops;			/* admitted now, parked ones included */
	uint64_t parked;		/* of this bundle's ops: now parked */
	char needs[128];		/* what parked ops lack */
	int news;			/* anything new: ops, contents, acks */
	struct sada_err late;		/* code != 0: what went wrong behind
					   the commit; caches, nothing lost */
};
/*
 * Commit with the lock held: LOG and STORE are open for writing.  Ops (of this
 * bundle and of parked ones) whose past is here are admitted in one log
 * frame; others are parked.  Errors: SYS DAMAGED FORMAT GUARD (ours has got
 * ops of another group meanwhile).  Once committed it does not fail: see LATE.
 */
SADA_MUST int sada_take_commit(struct sada_take *t, struct sada_log *log,
    struct sada_take_result *res, struct sada_err *err);
/* Who sent it; borrowed. */
const struct sada_peer *sada_take_sender(const struct sada_take *t);
/* How many of its ops LOG does not hold. */
uint64_t sada_take_new_ops(const struct sada_take *t,
    const struct sada_log *log);
/* Drop it (uncommitted: nothing stays); NULL is fine. */
void sada_take_free(struct sada_take *t);

/*
 * Call EACH for every op that is parked in SDIR.  Errors: SYS, what EACH
 * returns below 0.
 */
SADA_MUST int sada_parked_each(int sdir,
    int (*each)(const struct sada_op *op, void *ctx, struct sada_err *err),
    void *ctx, struct sada_err *err);
/*
 * Read all that is parked in SDIR and call BAD for each file that does not
 * hold; the others pass over those.  Errors: SYS, what BAD returns below 0.
 */
SADA_MUST int sada_parked_check(int sdir,
    int (*bad)(const char *name, const char *why, void *ctx), void *ctx,
    struct sada_err *err);
/* How many bundles' ops are parked in SDIR. */
SADA_MUST int sada_parked_count(int sdir, uint64_t *n,
    struct sada_err *err);

#endif
