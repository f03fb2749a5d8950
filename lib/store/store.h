/*
 * The object store: immutable bytes named by their hash, in packs.
 *
 * A transaction writes one pack.  Commit order (the log comes after it):
 * pack and index written to temps, both fsynced, index renamed, pack
 * renamed, directory fsynced.  The index is derived: deleted or damaged it
 * is rebuilt from the pack.  Reads re-hash what they return.
 *
 * Threads: one store may be read, and one transaction may be filled, by
 * several threads; a struct sada_fill belongs to one thread at a time.
 */
#ifndef SADA_STORE_STORE_H
#define SADA_STORE_STORE_H

#include "format/types.h"

struct sada_store;
struct sada_txn;
struct sada_fill;

enum {
	SADA_STORE_WRITE = 1	/* the caller holds the replica's lock: temps
				   and folded packs may be cleaned, every pack
				   not known durable is fsynced (rule R0) */
};
/*
 * Open the packs in directory DIRFD (borrowed while the store lives).
 * Missing or bad indexes are rebuilt (in memory only without WRITE).
 * *OUT is new; free it with sada_store_free().  A damaged pack does not
 * fail the open; reads of what it held do.  Errors: SYS.
 */
SADA_MUST int sada_store_open(struct sada_store **out, int dirfd,
    unsigned flags, struct sada_err *err);
/* Close; NULL is fine.  No transaction may be open. */
void sada_store_free(struct sada_store *s);
/*
 * Look for packs that another process published since; cheap when nothing
 * changed (directory mtime).  Errors: SYS.
 */
SADA_MUST int sada_store_refresh(struct sada_store *s, struct sada_err *err);

/*
 * Is the object held, by the indexes (it is not read)?  1 or 0; what a sweep
 * will take away is not, though it can be got for a while.  The first 0
 * costs the hash of every index, and a look into the packs of those that
 * are damaged.
 */
int sada_store_has(struct sada_store *s, unsigned type,
    const struct sada_id *id);
/*
 * As that, but a damaged index may hide the object and no 0 costs more than
 * a look: for who would put it then.
 */
int sada_store_has_quick(struct sada_store *s, unsigned type,
    const struct sada_id *id);
/*
 * Check every index as a whole and make those that are damaged anew, on
 * disk, too, if S is open with SADA_STORE_WRITE.  Errors: SYS.
 */
SADA_MUST int sada_store_check(struct sada_store *s, struct sada_err *err);
/*
 * Append the object's bytes to OUT.  Errors: NOTFOUND, DAMAGED (the bytes
 * do not hash to ID), SYS.
 */
SADA_MUST int sada_store_get(struct sada_store *s, unsigned type,
    const struct sada_id *id, struct sada_buf *out, struct sada_err *err);

/*
 * Begin a transaction; *OUT is new; end it with sada_txn_commit() or
 * sada_txn_abort(), then it is gone.  Nothing is created until the first
 * object is put.  S may be shared; the lock is not needed to fill.
 */
SADA_MUST int sada_txn_begin(struct sada_txn **out, struct sada_store *s,
    struct sada_err *err);

/*
 * Put an object of N <= SADA_OBJECT_MAX bytes through the transaction's
 * own fill (one thread: the owner's).  An object that the store or the
 * transaction has already is not written again; the copy that the store
 * has is read and re-hashed first, and written anew when damaged.  *ID is
 * its id.  Errors: SYS.
 */
SADA_MUST int sada_txn_put(struct sada_txn *t, unsigned type, const void *p,
    size_t n, struct sada_id *id, struct sada_err *err);
/* As sada_store_get(), but what the transaction has comes first. */
SADA_MUST int sada_txn_get(struct sada_txn *t, unsigned type,
    const struct sada_id *id, struct sada_buf *out, struct sada_err *err);
/* As sada_store_has(), the transaction's own objects included. */
int sada_txn_has(struct sada_txn *t, unsigned type,
    const struct sada_id *id);
/* As sada_store_has_quick(), the transaction's own objects included. */
int sada_txn_has_quick(struct sada_txn *t, unsigned type,
    const struct sada_id *id);

/*
 * A fill: a worker's own half-filled data block.  *OUT is new; end it with
 * sada_fill_end(), which writes what is left (or sada_fill_drop()).  The
 * worker that fills it hashes, compresses and writes whole blocks by
 * itself; only the append offset and the index are shared.
 */
SADA_MUST int sada_fill_new(struct sada_fill **out, struct sada_txn *t,
    struct sada_err *err);
/* As sada_txn_put(), from the worker that owns F.  Errors: SYS. */
SADA_MUST int sada_fill_put(struct sada_fill *f, unsigned type,
    const void *p, size_t n, struct sada_id *id, struct sada_err *err);
/* Write the rest of F's block and free F.  Errors: SYS. */
SADA_MUST int sada_fill_end(struct sada_fill *f, struct sada_err *err);
/* Free F without writing the rest; the transaction must be aborted. */
void sada_fill_drop(struct sada_fill *f);

/*
 * Add a whole encoded block (24-byte head and frame, N bytes) as it came
 * from a bundle: checked, decompressed, every object hashed; written as
 * it stands when at least one object is new and none is a duplicate, else
 * its new objects are put one by one.  May be called from worker threads.
 * EACH (may be NULL) is told each object (under no lock).  Errors: FORMAT
 * SYS, what EACH returns.
 */
SADA_MUST int sada_txn_add_block(struct sada_txn *t, const void *p, size_t n,
    int (*each)(unsigned type, const struct sada_id *id, const void *bytes,
    size_t len, void *ctx), void *ctx, struct sada_err *err);

/* What a transaction has written so far. */
struct sada_txn_stat {
	uint64_t objects, raw_bytes, packed_bytes;
};
/* Fill ST from T. */
void sada_txn_stat(const struct sada_txn *t, struct sada_txn_stat *st);

/*
 * Make the pack durable and visible: fold small packs in when there would
 * be too many of their size, write the trailer and the index, fsync both,
 * rename, fsync the directory.  Packs that others published meanwhile are
 * made durable too, even when nothing was put: objects that are not
 * written again may lie there.  T is gone in any case; on failure no temp
 * is left.  The caller holds the lock and appends the log record only
 * after this.  Errors: SYS.
 */
SADA_MUST int sada_txn_commit(struct sada_txn *t, struct sada_err *err);
/*
 * Put what was left out because the store had it and that a sweep has taken
 * away meanwhile; a commit does it, too, but until then such objects are
 * not held.  1 when packs were taken away since S was opened: what was only
 * read then may have gone as well; else 0.  The caller holds the lock.
 * Errors: SYS.
 */
SADA_MUST int sada_txn_settle(struct sada_txn *t, struct sada_err *err);
/* Drop everything; NULL is fine. */
void sada_txn_abort(struct sada_txn *t);

/*
 * Where an object lies: sort by (pack, block, off) to read in order.  Good
 * until the next commit through this store.
 */
struct sada_loc {
	uint32_t pack, block, off, len;
};
/* Fill LOC; 1 found, 0 not held, as sada_store_has() says. */
int sada_store_locate(struct sada_store *s, unsigned type,
    const struct sada_id *id, struct sada_loc *loc);
/* How many objects block LOC->block of pack LOC->pack holds. */
uint32_t sada_store_block_objects(struct sada_store *s,
    const struct sada_loc *loc);
/*
 * Append the block's bytes as they lie in the pack (head and frame),
 * checksum verified.  Errors: DAMAGED SYS.
 */
SADA_MUST int sada_store_block_raw(struct sada_store *s,
    const struct sada_loc *loc, struct sada_buf *out, struct sada_err *err);

/*
 * A sweep: what was not marked goes.  The packs with much that is not, and
 * small ones, are written anew without it; the old ones are unlinked by a
 * later run, once it has seen that the new ones are whole.
 */
struct sada_sweep;
/*
 * Begin: nothing is marked yet.  S is open with SADA_STORE_WRITE, and
 * nothing is put into it before the end.  *OUT is new, free it with
 * sada_sweep_free().  Errors: SYS.
 */
SADA_MUST int sada_sweep_new(struct sada_sweep **out, struct sada_store *s,
    struct sada_err *err);
enum sada_sweep_mark {
	SADA_SWEEP_OLD = 0,		/* it was marked before */
	SADA_SWEEP_NEW = 1,		/* it was not */
	SADA_SWEEP_NONE = 2		/* no pack that may be swept has it */
};
/* Mark an object, which shall stay; enum sada_sweep_mark. */
int sada_sweep_mark(struct sada_sweep *w, unsigned type,
    const struct sada_id *id);
/* What a sweep did. */
struct sada_sweep_stat {
	uint64_t objects, bytes;	/* not marked: raw bytes */
	uint64_t packs_old, packs_new;	/* written anew, and what became of
					   them */
	uint64_t size_old, size_new;	/* of those, on disk */
};
enum { SADA_SWEEP_DRY = 1 };		/* only count OBJECTS and BYTES */
/*
 * Do it; durable on return.  Damaged packs stay as they are.  Errors: SYS;
 * then all is as before, or partly done, with nothing lost.
 */
SADA_MUST int sada_sweep_commit(struct sada_sweep *w, unsigned flags,
    struct sada_sweep_stat *st, struct sada_err *err);
/* Free; NULL is fine. */
void sada_sweep_free(struct sada_sweep *w);

/*
 * Walk everything and check every byte: headers, trailers, names,
 * checksums, each object's hash, each index against its pack.  REPORT is
 * called for each damage with a sentence, the pack's name, and, for a
 * readable index, the objects lost (type 0 and id NULL when none can be
 * named).  Errors: SYS; damage is no error here.
 */
SADA_MUST int sada_store_verify(struct sada_store *s,
    void (*report)(const char *what, unsigned type, const struct sada_id *id,
    void *ctx), void *ctx, struct sada_err *err);

/*
 * Set damaged packs of which nothing is lost aside: what they hold goes
 * into a new pack, then they are moved to directory QUARANTINE; *MOVED
 * counts them.  S is open with SADA_STORE_WRITE.  Errors: SYS.
 */
SADA_MUST int sada_store_mend(struct sada_store *s, int quarantine,
    unsigned *moved, struct sada_err *err);

/*
 * Call EACH for every object held (by the indexes, any order, doubles
 * possible).  Errors: what EACH returns.
 */
SADA_MUST int sada_store_each(struct sada_store *s,
    int (*each)(unsigned type, const struct sada_id *id, uint32_t len,
    void *ctx), void *ctx, struct sada_err *err);

/* Sizes for status. */
struct sada_store_stat {
	uint64_t packs, objects, bytes;
};
/* Fill ST from S. */
void sada_store_stat(struct sada_store *s, struct sada_store_stat *st);

#endif
