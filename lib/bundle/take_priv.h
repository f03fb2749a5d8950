/* What the parts of taking a bundle share. */
#ifndef SADA_BUNDLE_TAKE_PRIV_H
#define SADA_BUNDLE_TAKE_PRIV_H

#include "bundle/sealed.h"
#include "bundle/take.h"
#include "crypto/idset.h"
#include "tree/tree.h"

/* One op that came, or that waited in a parked file. */
struct taken_op {
	struct sada_id id;
	unsigned char *rec;		/* the record, own */
	size_t len;
	struct sada_id author, changes;	/* changes: of the tree, inline too */
	int verified;			/* its author signed it */
	int replayed;			/* its root was checked */
	int map;			/* its whole map came and was checked,
					   or that of all that stand on it */
	int admitted;
	int refused;			/* parked, and found to be bad */
};

/* A member record that came. */
struct taken_member {
	struct sada_member m;
	unsigned char *rec;
	size_t len;
};

/*
 * A list of ops and the member records they need.  WAITED: it comes from a
 * parked file; a bad op there is no fault of the bundle that is taken.
 */
struct taken_list {
	int waited;
	struct taken_op *op;
	size_t nop, capop;
	struct taken_member *member;
	size_t nmember, capmember;
	struct sada_idset who;		/* author -> index in member */
};

/*
 * Where DELTA's ordinals have come to: they ascend, so that one walk over
 * the changes finds all.  E, before which BASE versions lie, is the last
 * slot that C, over the changes of op OP - 1, gave.
 */
struct told {
	struct sada_cursor *c;
	struct sada_entry e;
	uint64_t base;
	size_t op;
};

struct sada_take {
	struct sada_take_opts o;
	struct sada_txn *txn;
	struct sada_nodes ns, cns;	/* of maps, of changes trees */
	struct sada_opener *opener;
	struct sada_peer sender;
	struct sada_bundle_head head;
	struct sada_buf head_bytes;	/* HEAD borrows from it */
	struct sada_ack ack;
	struct taken_list list;
	struct sada_idset ids;		/* op id -> index in list */
	struct told told;
	uint64_t op_bytes;
	uint64_t objects, raw_bytes, nodes;	/* counted against the caps */
	struct sada_pool *pool;
	int adopt;			/* take the bundle's group as ours */
	int alias;			/* record it as another name of ours */
};

/* No bundle's op records, and no parked ones, take more than this. */
#define TAKE_OPS_MAX ((uint64_t)512 << 20)
#define PARK_OPS_MAX ((uint64_t)128 << 20)
/* Aliases of a group: of a bundle, and taken over from others. */
#define TAKE_ALIASES_MAX 4096
#define KEEP_ALIASES_MAX 2048

/* Free what L holds. */
void taken_list_release(struct taken_list *l);
/* Add a copy of an op record (decoded as OP); its index. */
size_t taken_list_op(struct taken_list *l, const struct sada_op *op,
    const void *rec, size_t n);
/* Add a copy of a member record. */
void taken_list_member(struct taken_list *l, const struct sada_member *m,
    const void *rec, size_t n);
/* The member record of author A in L, or NULL. */
const struct taken_member *taken_list_find(const struct taken_list *l,
    const struct sada_id *a);

/* ---- replay.c ---- */
/*
 * Stage op O in LOG and check it: parents, prev, signature (against its
 * author's member record in LOG or L), changes replayed on the join of its
 * parents' maps.  Returns 0 when it may be admitted, LATER when something
 * is missing (NEED, of 128 bytes, says what; *LACKS_MAP, when a map is), and it is not staged then.
 * Errors: FORMAT AUTH SYS DAMAGED.
 */
SADA_MUST int take_stage(struct sada_take *t, struct sada_log *log,
    const struct taken_list *l, struct taken_op *o, char *need,
    int *lacks_map, struct sada_err *err);

/* ---- content.c ---- */
/* Take a BLOCK, PREFIX or DELTA record. */
SADA_MUST int take_block(struct sada_take *t, const unsigned char *p,
    size_t n, struct sada_err *err);
SADA_MUST int take_prefix(struct sada_take *t, const unsigned char *p,
    size_t n, struct sada_err *err);
SADA_MUST int take_delta(struct sada_take *t, const unsigned char *p,
    size_t n, struct sada_err *err);
/* Wait for the blocks under way.  Errors: as take_block(). */
SADA_MUST int take_drain(struct sada_take *t, struct sada_err *err);
/* Count N objects of BYTES raw bytes against the head's caps.  FORMAT. */
SADA_MUST int take_count(struct sada_take *t, uint64_t n, uint64_t bytes,
    struct sada_err *err);

/* ---- park.c ---- */
/*
 * Park the ops of L that are not admitted: file "parked/<hex>", durable.
 */
SADA_MUST int park_write(int sdir, const struct taken_list *l,
    struct sada_err *err);
/*
 * Call EACH with every parked list and its file's name; EACH may keep
 * nothing of it.  A bad file is passed over: the ops come again.
 */
SADA_MUST int park_each(int sdir,
    int (*each)(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);
/* Remove a parked file. */
SADA_MUST int park_remove(int sdir, const char *name, struct sada_err *err);

#endif
