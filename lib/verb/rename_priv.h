/*
 * Changes that wait until all are known, and which of them are renames.
 *
 * They lie in memory as compact records, in the order in which they were
 * added (path order, as everything), up to a limit that the caller holds.
 */
#ifndef SADA_VERB_RENAME_PRIV_H
#define SADA_VERB_RENAME_PRIV_H

#include "format/types.h"

/* Over one of these, changes are no longer kept waiting. */
#define SADA_MOVES_MAX 200000u
#define SADA_MOVES_BYTES ((size_t)24 << 20)

enum sada_move_side {
	SADA_MOVE_GONE = 1,		/* nothing has its name any more */
	SADA_MOVE_NEW = 2,		/* nothing had its name */
	SADA_MOVE_OTHER = 3
};
#define SADA_MOVE_NONE UINT32_MAX

/* One change; N bytes at TAIL are the caller's. */
struct sada_move {
	const char *path;
	size_t len;
	unsigned side;			/* enum sada_move_side */
	uint8_t kind;			/* FILE, LINK: what can be matched */
	uint64_t size;
	struct sada_id content;
	uint32_t mate;			/* its other side, or NONE */
	uint8_t score;			/* how alike they are, 1 to 100 */
	const void *tail;
	size_t ntail;
};

struct sada_moves;
/* *OUT is new and empty; free with sada_moves_free(). */
void sada_moves_new(struct sada_moves **out);
/* Free; NULL is fine. */
void sada_moves_free(struct sada_moves *x);
/* Add a copy of M (but for mate and score). */
void sada_moves_add(struct sada_moves *x, const struct sada_move *m);
/* How many there are, and are they over the limit? */
uint32_t sada_moves_count(const struct sada_moves *x);
int sada_moves_full(const struct sada_moves *x);
/*
 * Record I in *M; borrowed from X, but the path from PATH (reset here),
 * which gets a NUL too.
 */
void sada_moves_get(const struct sada_moves *x, uint32_t i,
    struct sada_move *m, struct sada_buf *path);

/*
 * Append the content of M to OUT: 1, or 0 when it is not held.
 */
typedef int sada_move_load(struct sada_buf *out, const struct sada_move *m,
    void *ctx, struct sada_err *err);
/*
 * Find the renames, beside those that were paired before: files and links
 * that are gone under one name and new under another, one to one.
 *  1. Same kind and content (no empty files): those with the same base
 *     name first, then those whose paths end, then begin alike.
 *  2. Text files that are alike by 60 of 100 or more; only with LOAD.
 *  3. A directory that is gone has moved to a new one when half or more of
 *     its gone files did, under the same names below; then what is left of
 *     it has moved with it, whatever its content.
 * The result depends on the records alone.  Errors: what LOAD returns, SYS.
 */
SADA_MUST int sada_moves_match(struct sada_moves *x, sada_move_load *load,
    void *ctx, struct sada_err *err);

/*
 * Append the hints of what was matched to OUT, as op.h has them; *N is
 * how many.  LIVES tells if there is an entry at or below a directory
 * after all; then the files that it covers are told one by one.  Errors:
 * what LIVES returns below 0.
 */
SADA_MUST int sada_moves_hints(struct sada_moves *x, struct sada_buf *out,
    uint32_t *n, int (*lives)(const char *path, size_t len, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);

/*
 * For display, after matching: pair the records of directories that moved
 * with those where they stand now.
 */
void sada_moves_pair_dirs(struct sada_moves *x);

/* ---- moves.c, for the two halves of the matching ---- */

/* A directory in which there are records. */
struct sada_move_dir {
	const char *path;
	uint32_t up;			/* its parent; of the root NONE */
	uint16_t len;
};
/*
 * A directory that is gone and where it went.  HINT: it is told; else it
 * went with one above.
 */
struct sada_moved_dir {
	uint32_t rec;			/* the GONE record */
	uint32_t to;			/* the NEW record, or NONE */
	uint32_t top;			/* index of the one that is told, at
					   it or above; or NONE */
	int hint;
};
/*
 * Invariants:
 *  1. rec[i] points into the blocks; dir[] too.
 *  2. moved[] is sorted by path; set by sada_moves_match().
 */
struct sada_moves {
	unsigned char **rec;
	size_t n, cap;
	struct sada_move_dir *dir;
	size_t ndir, capdir;
	uint32_t last;			/* directory of the record added last */
	unsigned char **block;
	size_t nblock, capblock, left, bytes;
	struct sada_moved_dir *moved;
	size_t nmoved;
};

/*
 * Put ID and SCORE in the place of record I's content and score, which are
 * needed no more.
 */
void sada_move_note(struct sada_moves *x, uint32_t i,
    const struct sada_id *id, unsigned score);
/* Fields of record I. */
unsigned sada_move_side(const struct sada_moves *x, uint32_t i);
unsigned sada_move_kind(const struct sada_moves *x, uint32_t i);
uint64_t sada_move_size(const struct sada_moves *x, uint32_t i);
uint32_t sada_move_dir(const struct sada_moves *x, uint32_t i);
uint32_t sada_move_mate(const struct sada_moves *x, uint32_t i);
const unsigned char *sada_move_content(const struct sada_moves *x,
    uint32_t i);
const char *sada_move_name(const struct sada_moves *x, uint32_t i,
    size_t *len);
/* GONE record G and NEW record T are one that was renamed. */
void sada_move_pair(struct sada_moves *x, uint32_t g, uint32_t t,
    unsigned score);
/* May record I be matched: a link, or a file that is not empty? */
int sada_move_fits(const struct sada_moves *x, uint32_t i);
/* Components at the end, or at the start, that the paths of A and B share. */
unsigned sada_move_tail(const struct sada_moves *x, uint32_t a, uint32_t b);
unsigned sada_move_lead(const struct sada_moves *x, uint32_t a, uint32_t b);

/* rename_text.c: step 2. */
SADA_MUST int sada_moves_alike(struct sada_moves *x, sada_move_load *load,
    void *ctx, struct sada_err *err);
/* rename_dir.c: step 3. */
void sada_moves_dirs(struct sada_moves *x);

#endif
