/*
 * Merger: what folding needs to bring versions of one path together that
 * differ in content.
 *
 * An entry of one version's list is an ancestor of another version if that
 * one's list has the same entry (sada_anc_same()), or if it is ALONE and all
 * dots of the entry lie in the past of its op: then it was made with that
 * entry in view, or with what had replaced it.  That holds for one name
 * only: not for entries that were another, nor for versions shown where
 * they do not live.  From which of them two versions are merged is told in
 * bases.h.  Without one both stand.  What is equal to the base gives way,
 * whatever the kind; else the driver of the path decides.  What is not here
 * is told as lacked, and both stand until it comes.
 */
#ifndef SADA_TREE_MERGER_H
#define SADA_TREE_MERGER_H

#include "merge/cache.h"
#include "merge/merge.h"
#include "store/file.h"
#include "tree/ancestor.h"
#include "tree/state.h"

struct sada_merger_opts {
	struct sada_state *st;		/* borrowed; its log may be NULL: then no
					   dot has an op */
	/*
	 * Where merged contents are put, and read first; NULL: a transaction
	 * of its own that is never committed.
	 */
	struct sada_txn *txn;
	/*
	 * The driver of PATH (enum sada_driver); *COMMAND is its text when
	 * that is COMMAND.  NULL: text.
	 */
	unsigned (*driver)(const char *path, size_t len,
	    const char **command, void *ctx);
	/* Run COMMAND: 1 and the merge in OUT, 0 conflict.  NULL: 0. */
	int (*run)(struct sada_buf *out, const char *command,
	    const char *path, size_t len, const struct sada_three *in,
	    void *ctx, struct sada_err *err);
	/* An object that is not here would settle a conflict.  May be NULL. */
	void (*lack)(unsigned type, const struct sada_id *id, uint64_t size,
	    void *ctx);
	/*
	 * Not NULL: nothing is merged, but sada_fold_bases() tells each
	 * base that a merge of bytes could need.
	 */
	void (*base)(const struct sada_ancestor *a, void *ctx);
	void *ctx;
	struct sada_merge_cache *cache;	/* borrowed, may be NULL */
};

struct sada_merger;
/* *OUT is new; free it with sada_merger_free() before OPTS's parts. */
SADA_MUST int sada_merger_new(struct sada_merger **out,
    const struct sada_merger_opts *opts, struct sada_err *err);
/* Free; NULL is fine. */
void sada_merger_free(struct sada_merger *m);
/* Where contents of a view that was folded with M are read from. */
struct sada_source sada_merger_source(const struct sada_merger *m);
/* The driver of PATH. */
unsigned sada_merger_driver(const struct sada_merger *m, const char *path,
    size_t len, const char **command);

/* Is M there to tell bases only?  And tell A. */
int sada_merger_asks(const struct sada_merger *m);
void sada_merger_tell(const struct sada_merger *m,
    const struct sada_ancestor *a);

/*
 * The list of version V, as sada_anc_load(); one that is not here is told as
 * lacked.
 */
SADA_MUST int sada_merger_list(struct sada_merger *m,
    const struct sada_version *v, struct sada_ancestor **a, size_t *n,
    struct sada_err *err);
/* The ops of dot D in the state's past, as sada_context_ops(). */
size_t sada_merger_ops(const struct sada_merger *m, const struct sada_dot *d,
    uint32_t *out, size_t max);
/* The past of op I, borrowed until the next call; and has it seen dot D? */
const struct sada_context *sada_merger_past(struct sada_merger *m,
    uint32_t i);
int sada_merger_seen(const struct sada_merger *m,
    const struct sada_context *past, const struct sada_dot *d);
/* Eight odd numbers that nobody can guess, for tables. */
const uint64_t *sada_merger_key(const struct sada_merger *m);

/* One content of a three-way merge. */
struct sada_side3 {
	uint8_t kind;
	uint64_t size;
	struct sada_id id;
};
/* Are they the same? */
int sada_side3_same(const struct sada_side3 *a, const struct sada_side3 *b);
/*
 * What may still be done for the versions of one slot: merges of bytes, and
 * the bytes of their sides.  What a merge comes to does not count, nor
 * whether it was done before.
 */
#define SADA_MELDS_MAX 64
#define SADA_MELDS_BYTES ((uint64_t)128 << 20)
struct sada_meld_left {
	unsigned melds;
	uint64_t bytes;
};
/* The three sides and what comes of them. */
struct sada_meld {
	const char *path;		/* chooses the driver */
	size_t len;
	const struct sada_ancestor *anc;	/* of the base */
	struct sada_side3 base, a, b;	/* A is the higher */
	struct sada_meld_left *left;	/* borrowed, is made less */
	struct sada_side3 out;
	unsigned from;			/* enum sada_from */
	unsigned apart;			/* not merged: enum sada_apart */
	unsigned lacks;			/* LACKS: SADA_LACK_* */
};
enum {
	SADA_LACK_BASE = 1, SADA_LACK_A = 2, SADA_LACK_B = 4
};
enum sada_from {
	SADA_FROM_A = 1, SADA_FROM_B, SADA_FROM_BOTH
};
/*
 * Merge: 1 with OUT (whose content is held) and FROM, or 0 with APART.
 * Errors: SYS DAMAGED.
 */
SADA_MUST int sada_meld(struct sada_merger *m, struct sada_meld *x,
    struct sada_err *err);

#endif
