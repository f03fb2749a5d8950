/* What the parts of the log share. */
#ifndef SADA_LOG_LOG_PRIV_H
#define SADA_LOG_LOG_PRIV_H

#include "base/pool.h"
#include "log/log.h"

/* A segment longer than this gets no further frame. */
#define SADA_LOG_SEGMENT_MAX (64u << 20)

/* No op. */
#define SADA_LOG_NONE UINT32_MAX

/* "00000001.log" and a NUL. */
#define SADA_SEGMENT_NAME 13
/* Segments are numbered from 1 to this. */
#define SADA_SEGMENT_LAST 99999999u

/* One record of a frame. */
struct sada_rec {
	unsigned type;			/* SADA_LOG_* */
	int rc;				/* OP: what its decoding returned */
	const unsigned char *p;		/* borrowed from the frame */
	size_t n;
	struct sada_id id;		/* OP: hash of the record */
	struct sada_op op;		/* OP: valid when rc is 0, borrows p */
};

/* Records; {0} is empty, end with sada_recs_release(). */
struct sada_recs {
	struct sada_rec *v;
	size_t n, cap;
};

/* A valid frame where it stands. */
struct sada_scanned {
	struct sada_frame f;
	uint64_t segment, off;
	struct sada_rec *recs;
	size_t n;
};

/* Where a scan of a segment ended. */
struct sada_stop {
	uint64_t off;	/* the end of the file if all was valid */
	uint64_t size;	/* the file's, as far as it could be read */
	int whole;	/* the hash there holds, but not the content */
};

/* Reads frames, decodes them on several threads, gives them in order. */
struct sada_scan;

/* One open-addressing table: from hashes to op numbers. */
struct sada_slot {
	uint32_t hash, num;		/* num: op number + 1, 0: free */
};
struct sada_table {
	struct sada_slot *v;
	unsigned bits;			/* it has 1 << bits slots */
	uint32_t used;
};

/* The hints of one op. */
struct sada_hinted {
	struct sada_hint *h;		/* of BYTES; NULL: not decoded yet */
	size_t n, len;
	unsigned char bytes[];
};

/* What the index keeps of an op for its own use. */
struct sada_link {
	struct sada_hinted *hints;	/* own; NULL: not read yet */
	uint32_t prev;			/* the op that it names as prev */
	uint32_t same;			/* next op of this author, epoch, seq */
	uint32_t full;			/* all ops below are it or in its past */
};

/* The newest member record of an author. */
struct sada_known {
	struct sada_member m;
	struct sada_id hash;		/* of the record */
	unsigned char *p;		/* its bytes, owned */
	size_t n;
};

/*
 * 1. ops[i] and links[i] are of op i, in the order of admission; every
 *    parent and prev has a lower number.
 * 2. ids has every op; dots has the newest op of each (author, epoch,
 *    seq), from which links[].same leads to the others.
 * 3. With WRITE: fd is the newest segment, all before offset END in it is
 *    valid and durable, and nothing lies behind unless the log is dead.
 * 4. due: the next own op must open an epoch, for a reason that came
 *    after the last own LOCAL op.
 */
struct sada_log {
	int dirfd, fd;
	int rfd;			/* segment RSEG, for reading records */
	uint64_t rseg;
	unsigned flags;
	int dead;			/* a commit failed (rule R1) */
	int was_cut, due;

	uint64_t segment, end, max;
	struct sada_id last;		/* hash of the last frame */

	struct sada_id self;
	struct sada_op_info *ops;
	struct sada_link *links;
	uint32_t n;
	size_t ops_cap, links_cap;
	struct sada_table ids, dots;
	uint64_t key[4];		/* random multipliers */
	uint32_t **arena;		/* blocks of parents */
	size_t narena, arena_cap, arena_left;

	size_t hinted;			/* bytes of hints kept, of ops that can
					   be read again */

	/* Staged ops: from number STAGED on; what was true before them. */
	uint32_t staged;		/* SADA_LOG_NONE: there are none */
	int staged_due;
	size_t staged_forks;

	uint32_t own_last;
	uint64_t *forks;		/* own epochs with two ops at a seq */
	size_t nforks, forks_cap;

	int has_group;
	struct sada_id group;
	struct sada_id *aliases;
	size_t naliases, aliases_cap;
	struct sada_known *known;	/* by author id */
	size_t nknown, known_cap;
};

/* log.c */

/* Roll over above MAX bytes instead of SADA_LOG_SEGMENT_MAX: for tests. */
void sada_log_segment_max(struct sada_log *l, uint64_t max);
/* Take in a record that is no op.  Errors: FORMAT VERSION AUTH. */
SADA_MUST int sada_log_note(struct sada_log *l, const struct sada_rec *r,
    struct sada_err *err);

/* segment.c */

/* Write the name of segment NUMBER. */
void sada_segment_name(char name[SADA_SEGMENT_NAME], uint64_t number);
/*
 * Numbers of the segments in DIRFD, ascending.  *OUT is a new array of
 * *N, free with free().  Errors: SYS.
 */
SADA_MUST int sada_segment_list(uint64_t **out, size_t *n, int dirfd,
    struct sada_err *err);
/* Publish segment NUMBER with a header alone.  Errors: SYS. */
SADA_MUST int sada_segment_new(int dirfd, uint64_t number, unsigned flags,
    struct sada_err *err);
/*
 * Find a whole frame that begins in [FROM, SIZE) of segment NUMBER: 1 and
 * *FOUND, or 0.  Errors: SYS; DAMAGED when there is too much that looks
 * like one.
 */
SADA_MUST int sada_segment_find(int fd, uint64_t number, uint64_t from,
    uint64_t size, uint64_t *found, struct sada_err *err);
/*
 * Copy [OFF, SIZE) of segment NUMBER to a new file in QUARFD, durably.
 * Errors: SYS.
 */
SADA_MUST int sada_segment_save(int fd, uint64_t number, uint64_t off,
    uint64_t size, int quarfd, struct sada_err *err);

/* scan.c */

/*
 * Append the records of payload P to RECS, ops decoded; a record that
 * cannot be has its rc set.  The frame codec has checked the payload.
 */
void sada_recs_parse(struct sada_recs *recs, const void *p, size_t n);
/* Free what RECS holds. */
void sada_recs_release(struct sada_recs *recs);
/* A sentence in ERR on why R's op was refused; returns the code. */
int sada_rec_why(const struct sada_rec *r, struct sada_err *err);

/*
 * Prepare scans of about TOTAL bytes.  EACH is called for every valid
 * frame in order; what it returns ends the scan when it is not 0.  *OUT
 * is new; free it with sada_scan_free().  Errors: SYS.
 */
SADA_MUST int sada_scan_new(struct sada_scan **out, uint64_t total,
    int (*each)(const struct sada_scanned *s, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);
/* Free; NULL is fine. */
void sada_scan_free(struct sada_scan *s);
/*
 * Scan segment NUMBER, of SIZE bytes, from offset FROM to the first thing
 * that is no valid frame.  Errors: SYS, what EACH returns.
 */
SADA_MUST int sada_scan_run(struct sada_scan *s, struct sada_stop *stop,
    int fd, uint64_t number, uint64_t from, uint64_t size,
    struct sada_err *err);
/*
 * How long the frame is whose head, SADA_FRAME_HEAD bytes, is at P; 0 if
 * that is no head.  Nothing is checked by a hash yet.
 */
uint64_t sada_frame_length(const unsigned char *p);
/* Did decoding F fail with RC though the frame's hash holds? */
int sada_frame_whole(const struct sada_frame *f, int rc);

/* index.c */

/* Start with no op, for author SELF (NULL: none). */
void sada_index_init(struct sada_log *l, const struct sada_id *self);
/* Free what the index holds. */
void sada_index_release(struct sada_log *l);
/*
 * Add the op of R, of a frame of KIND, whose bytes lie at OFF of SEGMENT.
 * It must not be held.  Parents that are not held are left out; returns
 * how many.
 */
unsigned sada_index_add(struct sada_log *l, const struct sada_rec *r,
    unsigned kind, uint64_t segment, uint64_t off);
/* The first op with the author, epoch and seq of D, or SADA_LOG_NONE. */
uint32_t sada_index_lane(const struct sada_log *l,
    const struct sada_dot *d);

/* hints.c */

/* Keep the hints of op I, which was decoded as OP. */
void sada_index_hint(struct sada_log *l, uint32_t i,
    const struct sada_op *op);
/* Forget the hints of all ops from FROM on. */
void sada_index_unhint(struct sada_log *l, uint32_t from);

#endif
