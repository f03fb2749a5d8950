/*
 * The entry map: a history-independent search tree over whole paths.
 *
 * Leaves hold entries, inner nodes refs to children; a node ends by a pure
 * function of its keys, so equal maps have equal roots on every replica.
 * Rule, the same for every level L: keys are taken in order (at a leaf the
 * path of the entry, above it the greatest path of the child); the node
 * ends after a key when it has SADA_CUT_MIN keys or more and the upper 32
 * bits of SipHash-2-4(key "sada.cut.v1" zero-padded with L in its last
 * byte, path) are below SADA_CUT_BELOW, or when it has SADA_NODE_MAX keys.
 * The root is the node of the lowest level that has only one node.  The
 * empty map has the zero id.
 *
 * Everything is a stream of entries sorted by path; memory is one node a
 * level for each cursor.
 */
#ifndef SADA_TREE_TREE_H
#define SADA_TREE_TREE_H

#include "format/node.h"
#include "store/store.h"

#define SADA_CUT_MIN 16
#define SADA_CUT_BELOW 0x05555555u	/* 1 in 48 */

/* Where nodes are read and written, and what that cost. */
struct sada_nodes {
	struct sada_store *store;	/* may be NULL with TXN set */
	struct sada_txn *txn;		/* NULL: build only computes ids */
	unsigned flags;			/* SADA_NODE_CHANGES: a changes tree */
	const void *inl;		/* bytes of one node that is not in the
					   store (changes in an op's record),
					   or NULL; its id is its hash */
	size_t inl_len;
	uint64_t nread, nwritten, bytes_written;	/* counters */
};

/* ---- cursor ---- */
struct sada_cursor;
/*
 * A cursor over map ROOT (zero: empty), before its first entry.  NS must
 * outlive it.  *OUT is new, free with sada_cursor_free().  Errors:
 * NOTFOUND (a node is missing) DAMAGED FORMAT SYS.
 */
SADA_MUST int sada_cursor_open(struct sada_cursor **out,
    struct sada_nodes *ns, const struct sada_id *root, struct sada_err *err);
/*
 * The next entry: 1 and *E (borrowed until the next call), 0 at the end.
 * Errors: as open; FORMAT when the order across nodes is broken.
 */
SADA_MUST int sada_cursor_next(struct sada_cursor *c, struct sada_entry *e,
    struct sada_err *err);
/* Go to before the first entry >= PATH, either way. */
SADA_MUST int sada_cursor_seek(struct sada_cursor *c, const char *path,
    size_t len, struct sada_err *err);
/* Free; NULL is fine. */
void sada_cursor_free(struct sada_cursor *c);

/*
 * The slot at PATH in map ROOT, by point lookup: 1 and *E in *NODE (which
 * the caller releases with sada_node_release()), or 0.
 */
SADA_MUST int sada_map_get(struct sada_nodes *ns, const struct sada_id *root,
    const char *path, size_t len, struct sada_node *node,
    struct sada_entry *e, struct sada_err *err);
/* Is there an entry strictly below directory PATH?  1, 0, <0. */
SADA_MUST int sada_map_below(struct sada_nodes *ns,
    const struct sada_id *root, const char *path, size_t len,
    struct sada_err *err);
/* Totals of map ROOT (one node is read). */
struct sada_map_stat {
	uint64_t entries, multi;
	uint64_t bytes;			/* stays at UINT64_MAX */
};
/* Fill ST.  Errors: as cursor. */
SADA_MUST int sada_map_stat(struct sada_nodes *ns,
    const struct sada_id *root, struct sada_map_stat *st,
    struct sada_err *err);
/*
 * Walk the whole map and check that it is canonical: order, cuts, counts,
 * levels, slots.  For maps that came whole from elsewhere.  Errors:
 * FORMAT, as cursor.
 */
SADA_MUST int sada_map_check(struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err);
/*
 * Call EACH (0, or below 0 to end) for every slot of map ROOT with more than
 * one version, in path order; subtrees without one are not read.
 */
SADA_MUST int sada_map_multi(struct sada_nodes *ns,
    const struct sada_id *root, int (*each)(const struct sada_entry *e,
    void *ctx, struct sada_err *err), void *ctx, struct sada_err *err);
/* Call EACH for every node of map ROOT, children before parents. */
SADA_MUST int sada_map_nodes(struct sada_nodes *ns,
    const struct sada_id *root,
    int (*each)(const struct sada_id *id, const void *p, size_t n,
    unsigned level, void *ctx), void *ctx, struct sada_err *err);

/* ---- build ---- */
struct sada_build;
/* Start a map; *OUT is new, end with finish or free. */
void sada_build_new(struct sada_build **out, struct sada_nodes *ns);
/* Add the next entry (copied); paths must ascend (assert). */
SADA_MUST int sada_build_add(struct sada_build *b,
    const struct sada_entry *e, struct sada_err *err);
/* Finish: *ROOT is the map; B is freed in any case. */
SADA_MUST int sada_build_finish(struct sada_build *b, struct sada_id *root,
    struct sada_err *err);
/* Free an unfinished build; NULL is fine. */
void sada_build_free(struct sada_build *b);

/* ---- replay ---- */
/*
 * *OUT = map BASE with the slots of changes tree CHANGES (nodes from CNS,
 * whose flags must hold SADA_NODE_CHANGES) put in place of its own; slots
 * without versions are dropped.  Nodes that no change touches are neither
 * read nor written.  COUNTS (may be NULL) receives how many slots were
 * set, and how many present ones were emptied.  Errors: as cursor, FORMAT.
 */
struct sada_replay_counts {
	uint64_t set, gone;
};
/* COUNTS may be NULL: see above. */
SADA_MUST int sada_replay(struct sada_nodes *ns, const struct sada_id *base,
    struct sada_nodes *cns, const struct sada_id *changes,
    struct sada_id *out, struct sada_replay_counts *counts,
    struct sada_err *err);

/* ---- diff ---- */
struct sada_diff;
/*
 * The paths at which maps A and B differ, in order; equal nodes are not
 * read.  *OUT is new, free with sada_diff_free().
 */
SADA_MUST int sada_diff_open(struct sada_diff **out, struct sada_nodes *ns,
    const struct sada_id *a, const struct sada_id *b, struct sada_err *err);
/*
 * Next difference: 1 with *A and *B borrowed until the next call (nv 0 =
 * absent on that side; path set in both), or 0.
 */
SADA_MUST int sada_diff_next(struct sada_diff *d, struct sada_entry *a,
    struct sada_entry *b, struct sada_err *err);
/* Free; NULL is fine. */
void sada_diff_free(struct sada_diff *d);

/* ---- join ---- */
/* One side of a join: a map, and whether it knows what came of a dot. */
struct sada_side {
	struct sada_id root;
	int (*seen)(const struct sada_dot *d, void *ctx);
	void *ctx;
};
/*
 * *OUT = the join of N >= 1 sides: for each path each version (by its id)
 * stays if some side has it and no side that lacks it has seen its dot.  Of
 * a directory's version that several sides have, the register with the
 * highest (stamp lamport, stamp author, mode, mtime) stays.  Subtrees that
 * are equal on all sides are not read.  Errors: as cursor.
 */
SADA_MUST int sada_join(struct sada_nodes *ns, const struct sada_side *side,
    size_t n, struct sada_id *out, struct sada_err *err);

/* Order of two directory registers: (lamport, author, mode, mtime). */
int sada_register_cmp(const struct sada_version *a,
    const struct sada_version *b);

#endif
