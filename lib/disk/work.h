/*
 * W: what was last laid out or recorded, name by name, with the stat read
 * back.  It is the stat cache of scan and the middle side of apply.
 *
 * File "work" (next one: "work.new") in the store, a cache with checks of
 * its own: a bad one is FORMAT and is rebuilt.  One block for each directory
 * holds its children; blocks lie in post-order, the root's last, and a
 * directory's row says how far back its block starts, so that an unchanged
 * subtree is copied as bytes.
 */
#ifndef SADA_DISK_WORK_H
#define SADA_DISK_WORK_H

#include "base/io.h"
#include "format/types.h"

enum {
	SADA_ROW_COPY = 1,	/* a conflict copy: slot differs from path */
	SADA_ROW_NOSTAT = 2,	/* stat unknown: compare by content */
	SADA_ROW_RACY = 4,	/* stat may hide a change made within the same
				   clock tick: compare by content */
	SADA_ROW_IMPLIED = 8	/* directory without a version */
};

/* The stat of a name as it was read back. */
struct sada_seen {
	uint64_t ino, size;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
	uint32_t mode;			/* 07777 bits */
};

/*
 * One name.  Invariants:
 *  1. cover is sorted by version id; empty only for IMPLIED.
 *  2. kind, mode, size, content, mtime are what the versions of the cover
 *     show (the view's values), not what the disk made of them: that is
 *     in seen.
 *  3. left: 0, or a merge could not lay the name out: then it shows the
 *     state of the older heads of this number less one.
 */
struct sada_row {
	const char *path;		/* full path, not NUL-terminated */
	size_t len;
	const char *slot;		/* = path, or a copy's slot */
	size_t slot_len;
	uint8_t flags;			/* SADA_ROW_* */
	uint8_t kind;
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;		/* SADA_NO_MTIME: none (IMPLIED) */
	struct sada_version *cover;
	size_t ncover;
	uint32_t left;
	struct sada_seen seen;
};
/* Is R a copy, or does a version of its cover live at another path? */
int sada_row_elsewhere(const struct sada_row *r);

struct sada_work;

/* Heads of a state that some names were left in. */
struct sada_older {
	struct sada_id *heads;		/* sorted */
	size_t n;			/* at least 1 */
};
#define SADA_OLDER_MAX 64

/* What the file's head says. */
struct sada_work_info {
	uint64_t generation;		/* counts publications */
	struct sada_id *heads;		/* L: sorted op ids, borrowed */
	size_t nheads;
	struct sada_id root;		/* join of their maps */
	uint64_t left;			/* names that could not be laid out */
	uint64_t rows;
	uint64_t copies;		/* rows that are sada_row_elsewhere() */
	uint64_t conflicts;		/* slots with more than one group */
	struct sada_older *older;	/* borrowed; at most SADA_OLDER_MAX */
	size_t nolder;
};

/*
 * Open file NAME in store directory SDIR and check its head and directory
 * of blocks (block contents are checked as they are read).  *OUT is new,
 * free with sada_work_free().  Errors: NOTFOUND FORMAT VERSION SYS.
 */
SADA_MUST int sada_work_open(struct sada_work **out, int sdir,
    const char *name, struct sada_err *err);
/* The head; borrowed. */
const struct sada_work_info *sada_work_info(const struct sada_work *w);
/* Free; NULL is fine. */
void sada_work_free(struct sada_work *w);
/* Check every block.  Errors: FORMAT. */
SADA_MUST int sada_work_check(const struct sada_work *w,
    struct sada_err *err);

/* All rows in path order. */
struct sada_work_cursor;
/* W NULL: no rows.  *OUT is new, free with sada_work_cursor_free(). */
SADA_MUST int sada_work_cursor_open(struct sada_work_cursor **out,
    const struct sada_work *w, struct sada_err *err);
/*
 * Next row: 1 and *R (borrowed until the next call), or 0.  Errors: FORMAT.
 */
SADA_MUST int sada_work_cursor_next(struct sada_work_cursor *c,
    struct sada_row *r, struct sada_err *err);
/* Free; NULL is fine. */
void sada_work_cursor_free(struct sada_work_cursor *c);

/* Writing the next W. */
struct sada_work_writer;
/* Create "work.new" in SDIR (truncating a stale one).  *OUT is new. */
SADA_MUST int sada_work_writer_new(struct sada_work_writer **out, int sdir,
    struct sada_err *err);
/*
 * Add the next row (copied), in path order; the root's row ("") first.  A
 * row's directory must have been added before it (assert).
 */
SADA_MUST int sada_work_writer_add(struct sada_work_writer *w,
    const struct sada_row *r, struct sada_err *err);
/*
 * Finish "work.new": INFO's generation, heads, root, left, conflicts and
 * older heads go into its head (rows and copies are counted here).  Not
 * fsynced: its checks tell.  W is gone in any case; on failure the file is
 * too.
 */
SADA_MUST int sada_work_writer_finish(struct sada_work_writer *w,
    const struct sada_work_info *info, struct sada_err *err);
/* Drop it and the file; NULL is fine. */
void sada_work_writer_free(struct sada_work_writer *w);

/* What becomes of the cover of one row, which has one version. */
struct sada_amend {
	const char *path;
	size_t len;
	uint8_t flags;			/* of the version */
	struct sada_id anc;
};
/*
 * Write all of SRC to W (new, empty) with the rows amended that NEXT
 * gives, in path order: 1 and *A (borrowed until the next call), or 0.
 * What has none of them is copied as bytes.  W is not finished.  Errors:
 * FORMAT (of SRC, or there is no such row) SYS.
 */
SADA_MUST int sada_work_amend(struct sada_work_writer *w,
    const struct sada_work *src, int (*next)(struct sada_amend *a,
    void *ctx), void *ctx, struct sada_err *err);

/* Make "work.new" the W: rename, no fsync (SYNC: fsync file and dir). */
enum { SADA_WORK_SYNC = 1 };
SADA_MUST int sada_work_publish(int sdir, unsigned flags,
    struct sada_err *err);
/*
 * Remove "work.new" if it is there; one that is open can still be read.
 */
SADA_MUST int sada_work_discard(int sdir, struct sada_err *err);

/* Fill SEEN from ST. */
void sada_seen_of(struct sada_seen *seen, const struct sada_stat *st);
/* Are all fields equal? */
int sada_seen_same(const struct sada_seen *a, const struct sada_stat *st);
/*
 * May a change after ST was read hide behind equal fields?  Yes when its
 * mtime or ctime is not older than NOW_NS minus 20 ms (coarse kernel
 * clock), or has whole seconds only and is within 2 s.
 */
int sada_seen_racy(const struct sada_stat *st, long long now_ns);

#endif
