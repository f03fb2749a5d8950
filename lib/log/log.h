/*
 * The op log: the only commit point of a replica.
 *
 * One append-only file in segments holds the records of all authors in
 * the order of admission.  Open reads it once and keeps an index of ops in
 * memory; ops are numbered 0, 1, ... in that order, so a parent's number is
 * always lower than its child's.
 */
#ifndef SADA_LOG_LOG_H
#define SADA_LOG_LOG_H

#include "format/op.h"
#include "format/logframe.h"
#include "format/types.h"

struct sada_log;

/* What the index keeps of an op. */
struct sada_op_info {
	struct sada_id id;
	struct sada_dot dot;
	struct sada_id prev, root;
	struct sada_id changes;		/* root of the tree, also when INLINE */
	uint64_t lamport;		/* 1 + the highest parent's */
	uint32_t *parents;		/* op numbers, ascending */
	uint32_t nparents;
	uint8_t flags;			/* SADA_OP_* */
	uint8_t local;			/* came in a LOCAL frame */
	int64_t wall_ns;
	uint64_t n_set, n_gone, n_lost, n_before;
	uint32_t nhints;		/* of renames: sada_log_hints() */
	uint32_t hints_len;		/* their bytes */
	uint32_t segment;
	uint64_t off;			/* of the record in its segment file */
	uint32_t len;
};

/*
 * Is there an op that L lacks though something names it that was written
 * after it had been committed?  1, 0.  Asked when the end of the log is torn.
 */
struct sada_log_witness {
	int (*lacks)(const struct sada_log *l, void *ctx);
	void *ctx;
};

enum { SADA_LOG_WRITE = 1 };
/*
 * Open the log in directory DIRFD (borrowed).  With WRITE (the caller
 * holds the lock): every segment is fsynced first (rule R0); a torn tail
 * with nothing valid behind it is copied to directory QUARFD, and cut;
 * then an EPOCH record is due (sada_log_epoch_due()).  Without WRITE a
 * torn tail is ignored.  Damage with valid frames behind it, or with W (NULL:
 * none) as its witness: DAMAGED, as all other damage that no interrupted
 * commit can leave.
 * SELF is this replica's author id.  *OUT is new, free it with
 * sada_log_free().  Errors: SYS DAMAGED VERSION.
 */
SADA_MUST int sada_log_open(struct sada_log **out, int dirfd, int quarfd,
    const struct sada_id *self, const struct sada_log_witness *w,
    unsigned flags, struct sada_err *err);
/*
 * Make *L what sada_log_open() would give for W and FLAGS now, and read only
 * what was appended since; no op may be staged.  Numbers of ops stay as long as
 * the log is the same, and all is read anew if it is not.  An EPOCH record
 * that was due for a cut tail stays due.  When this fails, *L is freed and
 * NULL.  Errors: as of sada_log_open().
 */
SADA_MUST int sada_log_refresh(struct sada_log **l, int quarfd,
    const struct sada_log_witness *w, unsigned flags, struct sada_err *err);
/* Free; NULL is fine. */
void sada_log_free(struct sada_log *l);

/*
 * Make the first segment of a new replica, holding one LOCALMETA frame of
 * PAYLOAD (COUNT records).  Durable on return.  Errors: SYS.
 */
SADA_MUST int sada_log_create(int dirfd, const struct sada_buf *payload,
    uint32_t count, struct sada_err *err);

/*
 * Append one frame of COUNT records and fsync: the commit.  PAYLOAD's ops
 * are admitted and indexed in order; each op's parents must be held or
 * earlier in PAYLOAD (assert: the caller checked).  Ops already held must
 * not be in it.  On failure nothing is admitted and the log refuses all
 * further commits (rule R1).  Errors: SYS.
 */
SADA_MUST int sada_log_commit(struct sada_log *l, unsigned kind,
    const struct sada_buf *payload, uint32_t count, struct sada_err *err);

/*
 * Admit the op record of N bytes at P in memory only, behind all others: it
 * has a number (*I) and takes part in contexts, until sada_log_unstage().
 * Its parents must be held or staged (else NOTFOUND); an op that is there
 * already gives its number.  Works on a log opened for reading too.  The
 * record bytes of a staged op cannot be read back.  Errors: FORMAT,
 * NOTFOUND.
 */
SADA_MUST int sada_log_stage(struct sada_log *l, const void *p, size_t n,
    uint32_t *i, struct sada_err *err);
/* Forget the op that was staged last. */
void sada_log_unstage_last(struct sada_log *l);
/* Forget all staged ops; must come before a commit. */
void sada_log_unstage(struct sada_log *l);

/* How many ops are held, staged ones included. */
uint32_t sada_log_count(const struct sada_log *l);
/* Op number I, borrowed until the next commit. */
const struct sada_op_info *sada_log_op(const struct sada_log *l, uint32_t i);
/* Number of the op with this id in *I: 1, or 0 when it is not held. */
int sada_log_find(const struct sada_log *l, const struct sada_id *id,
    uint32_t *i);
/*
 * Numbers of the ops whose id starts with the first NHEX hex digits of
 * PREFIX: how many there are; the first two go to OUT.
 */
unsigned sada_log_abbrev(const struct sada_log *l,
    const struct sada_id *prefix, unsigned nhex, uint32_t out[2]);
/*
 * A new array with 1 for each op to which no other is concurrent: all are in
 * its past, or it in theirs.  Of some such ops this may not be seen.
 */
void sada_log_lined(unsigned char **out, const struct sada_log *l);
/* Append op I's record bytes to OUT, id verified.  Errors: SYS DAMAGED. */
SADA_MUST int sada_log_read(struct sada_log *l, uint32_t i,
    struct sada_buf *out, struct sada_err *err);
/*
 * The hints of op I, staged or not: *H of *N, sorted by from, borrowed until
 * the next call, a commit or unstaging.  Nothing is read for an op without
 * hints, and what was read is kept for the next time, up to some MiB.
 * Errors: SYS DAMAGED.
 */
SADA_MUST int sada_log_hints(struct sada_log *l, uint32_t i,
    const struct sada_hint **h, size_t *n, struct sada_err *err);

/*
 * May two ops have one dot, the tag too?  1 also where many have one seq.
 */
int sada_log_forged(const struct sada_log *l);

/*
 * A context: a set of ops closed under parents, as bits by op number.
 * Free with free().
 */
struct sada_context {
	uint32_t n;			/* ops the log had when it was made */
	uint32_t low;			/* all below are in it; none of them
					   but low - 1 may be a head */
	uint64_t bits[];
};
/*
 * The past of OPS (N op numbers), themselves included.  *OUT is new, free
 * with free().
 */
void sada_context_make(struct sada_context **out, const struct sada_log *l,
    const uint32_t *ops, size_t n);
/* Is op I one of the N ops OPS, or in their past?  Looks no further. */
int sada_context_reaches(const struct sada_log *l, const uint32_t *ops,
    size_t n, uint32_t i);
/* Is op I in C? */
int sada_context_has(const struct sada_context *c, uint32_t i);
/* A copy: *OUT is new, free with free(). */
void sada_context_copy(struct sada_context **out,
    const struct sada_context *c);
/* How many ops are in C. */
uint64_t sada_context_count(const struct sada_context *c);
/* Add all of B (of the same log) to A; both must have the same n. */
void sada_context_or(struct sada_context *a, const struct sada_context *b);
/* Keep in A only what is in B too. */
void sada_context_and(struct sada_context *a, const struct sada_context *b);
/* Is an op with dot D in C?  (a dot may have several ops by a fork) */
int sada_context_seen(const struct sada_log *l,
    const struct sada_context *c, const struct sada_dot *d);
/*
 * Are all ops with dot D that are in ALL (NULL: the whole log) in C, and is
 * there one at least?  C is a part of ALL.
 */
int sada_context_seen_all(const struct sada_log *l,
    const struct sada_context *c, const struct sada_context *all,
    const struct sada_dot *d);
/*
 * Lamport of a dot: the highest among its ops in C (C NULL: in the whole
 * log), else 0.
 */
uint64_t sada_context_lamport(const struct sada_log *l,
    const struct sada_context *c, const struct sada_dot *d);
/*
 * The ops of C that have dot D: how many there are; the first MAX numbers go
 * to OUT.
 */
size_t sada_context_ops(const struct sada_log *l,
    const struct sada_context *c, const struct sada_dot *d, uint32_t *out,
    size_t max);
/*
 * The ops of C that no other op of C has in its past, sorted by id.  *OUT
 * is a new array of *N, free with free().  C NULL: of the whole log.
 */
void sada_context_heads(uint32_t **out, size_t *n,
    const struct sada_log *l, const struct sada_context *c);

/*
 * Tips of C (NULL: all): for each author, epoch and branch the op with the
 * highest seq that no other op of C names as prev; sorted by op number.
 * *OUT is new, free with free().
 */
void sada_log_tips(uint32_t **out, size_t *n, const struct sada_log *l,
    const struct sada_context *c);

/* This replica's own last op of a LOCAL frame: 1 and *I, or 0. */
int sada_log_own_last(const struct sada_log *l, uint32_t *i);
/*
 * The newest own op of a LOCAL frame in C that no op has as prev, of an epoch
 * without a fork: 1 and *I, or 0.
 */
int sada_log_own_tip(const struct sada_log *l, const struct sada_context *c,
    uint32_t *i);
/*
 * All own ops (of SELF) that no other own op has as prev or in its past,
 * by op number.  *OUT is a new array of *N, free with free().
 */
void sada_log_own_heads(uint32_t **out, size_t *n, const struct sada_log *l);
/*
 * Must the next own op open a new epoch: no own LOCAL op yet, an EPOCH
 * record since, a cut tail, own ops that came in a PULLED frame after the
 * last LOCAL one, or two own ops at one seq of the last LOCAL one's epoch?
 */
int sada_log_epoch_due(const struct sada_log *l);
/* Was a torn tail cut at this open? */
int sada_log_was_cut(const struct sada_log *l);

/* The group as it stands; 1, or 0 when none was recorded. */
int sada_log_group(const struct sada_log *l, struct sada_id *out);
/* Is G our group or an alias of it? */
int sada_log_group_is(const struct sada_log *l, const struct sada_id *g);
/* All aliases recorded: *N of them, borrowed. */
const struct sada_id *sada_log_aliases(const struct sada_log *l, size_t *n);

/* The newest member record of author A: 1 and *M, or 0. */
int sada_log_member(const struct sada_log *l, const struct sada_id *a,
    struct sada_member *m);
/* The bytes of that record, borrowed until the next commit; 1 or 0. */
int sada_log_member_bytes(const struct sada_log *l, const struct sada_id *a,
    const unsigned char **p, size_t *n);
/* Call EACH for every member known, by author id. */
SADA_MUST int sada_log_members(const struct sada_log *l,
    int (*each)(const struct sada_member *m, void *ctx), void *ctx,
    struct sada_err *err);

/*
 * Check every frame, record id, signature, chain and parent.  REPORT gets
 * a sentence for each damage.  Works on the files, before any recovery:
 * the log need not be open.  Errors: SYS.
 */
SADA_MUST int sada_log_verify(int dirfd,
    void (*report)(const char *what, void *ctx), void *ctx,
    struct sada_err *err);

#endif
