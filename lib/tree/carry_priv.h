/*
 * What is shared by the search for what is carried.
 *
 * The work of it is counted, so that a test can hold it against what there
 * is: ops, hints and versions may all be forged, in any number.
 */
#ifndef SADA_TREE_CARRY_PRIV_H
#define SADA_TREE_CARRY_PRIV_H

#include "tree/carry.h"
#include "tree/tree_priv.h"

/* Hints that are looked at, their bytes and ops: older ones lead nowhere. */
#define SADA_CARRY_HINTS ((size_t)1 << 20)
#define SADA_CARRY_BYTES ((size_t)64 << 20)
#define SADA_CARRY_OPS ((size_t)1 << 14)
/* Steps of a version. */
#define SADA_CARRY_STEPS 64
/* Versions that are looked at where a hint leads. */
#define SADA_CARRY_LOOK 256
/* Versions that are carried, and the bytes of their paths. */
#define SADA_CARRY_MOVES ((size_t)1 << 17)
#define SADA_CARRY_PATHS ((size_t)32 << 20)
/* Ops of one dot that are looked at: of more nothing is known. */
#define SADA_CARRY_LANES 16
/* What one word has bits for. */
#define SADA_CARRY_BATCH 64

/* One version on its way. */
struct sada_move {
	const char *from, *to;		/* of the carry's texts */
	size_t from_len, to_len;
	struct sada_version v;
	struct sada_id id;		/* of V */
};

/* What the search did. */
struct sada_carry_work {
	uint64_t passes;		/* over the ops of the log */
	uint64_t tests;			/* of a version against an op */
	uint64_t looks;			/* at versions where a hint leads */
};

struct sada_carry {
	struct sada_move *in;		/* by (to, version id, from) */
	struct sada_move **out;		/* by (from, version id) */
	size_t n, cap;
	char **text;			/* own: paths of moves */
	size_t ntext, textcap;
	size_t bytes;			/* of all paths, each as often as used */
	struct sada_carry_work work;
};

/* ---- ops with hints ---- */

/* An op with hints. */
struct sada_mover {
	uint32_t op;
	struct sada_hint *h;		/* own, with the text behind */
	unsigned char *lives;		/* of each: 0 not known, 1 no, 2 yes */
	size_t n;
};

/* A hint, and the rank of its op. */
struct sada_led {
	const struct sada_hint *h;
	uint32_t rank;
	uint32_t run;			/* of the first from its place: how many
					   there are */
};

/*
 * All ops with hints that count.  Invariants:
 *  1. OP is sorted highest first; the place in it is the op's rank.
 *  2. LED is sorted by (from, directories first, rank); TABLE holds where
 *     each (from, kind) begins in it, as its number + 1; 0 is free.
 *  3. SINCE[i] is NULL, or of each rank a word: bit j stands for rank 64 i
 *     + j, which is that op or in its past.
 */
struct sada_movers {
	struct sada_log *log;
	struct sada_mover *op;
	size_t n, cap;
	struct sada_led *led;
	size_t nled;
	uint32_t *table;
	size_t mask;
	unsigned char key[16];		/* random */
	uint64_t **since;
	struct {
		size_t i;		/* which of SINCE it belongs to */
		uint64_t *all;		/* the same of each op of the log */
	} kept[4];
	size_t nkept, next;
	struct sada_carry_work *work;
};

/* Fill M with the ops of PAST.  Errors: as sada_log_hints(). */
SADA_MUST int sada_movers_init(struct sada_movers *m, struct sada_log *log,
    const struct sada_context *past, struct sada_carry_work *work,
    struct sada_err *err);
/* Free what M holds. */
void sada_movers_release(struct sada_movers *m);
/* Is the op of rank K one of the N ops OPS, or in the past of one? */
int sada_movers_before(struct sada_movers *m, size_t k, const uint32_t *ops,
    size_t n);
/* Is the op of rank K the one of rank OF, or in its past? */
int sada_movers_within(struct sada_movers *m, size_t k, size_t of);
/*
 * The hints that lead a version of KIND from PATH, or from above: parts of
 * LED, the nearest first, to OUT; how many.
 */
struct sada_leads {
	const struct sada_led *led;
	size_t n;
};
size_t sada_movers_leads(const struct sada_movers *m,
    struct sada_leads out[SADA_DEPTH_MAX + 1], const char *path, size_t len,
    unsigned kind);

/* ---- the search ---- */

/*
 * Fill C->in with what is carried, in the order of (from, version id).
 * Errors: as sada_carry_new().
 */
SADA_MUST int sada_carry_search(struct sada_carry *c, struct sada_log *log,
    const struct sada_context *past, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err);

#endif
