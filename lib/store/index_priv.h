/* The index of one pack: what is in which block. */
#ifndef SADA_STORE_INDEX_PRIV_H
#define SADA_STORE_INDEX_PRIV_H

#include <stdatomic.h>

#include "format/pack.h"

/* 32 hex digits, ".pack", NUL. */
#define SADA_PACK_NAME 38

/* Where an object lies in its pack. */
struct sada_ent {
	struct sada_id id;
	uint32_t block, off, len;
	uint8_t type;
};

/* Where a block lies in its pack. */
struct sada_blk {
	uint64_t off;
	uint32_t frame_len, raw_len, objects;
};

/*
 * All that an index says, growing.  {0} is empty; release with
 * sada_table_release().
 */
struct sada_table {
	struct sada_ent *ent;
	struct sada_blk *blk;
	size_t nent, cap_ent, nblk, cap_blk;
};

/* Free what T holds and make it empty. */
void sada_table_release(struct sada_table *t);
/* Append an object. */
void sada_table_ent(struct sada_table *t, const struct sada_ent *e);
/* Append a block. */
void sada_table_blk(struct sada_table *t, const struct sada_blk *b);
/* Order by id, type, place and length; both are struct sada_ent. */
int sada_ent_cmp(const void *pa, const void *pb);

/*
 * Append the index of T under pack trailer hash HASH.  T's objects are
 * sorted in place and doubles dropped, all but the first in the pack.
 */
void sada_index_encode(struct sada_buf *out, struct sada_table *t,
    const struct sada_id *hash);

/*
 * An index for reading, mapped or on the heap.
 *
 * 1. Its sizes fit together, its fanout rises, and its blocks lie end to
 *    end in the pack: checked when it is made.
 * 2. Its entries are only as good as the disk until CHECKED.
 */
struct sada_index {
	const unsigned char *p;
	size_t n;
	unsigned char *heap;		/* P when it is not mapped */
	atomic_int checked;		/* its whole hash was right */
	uint32_t objects, blocks;
	uint64_t end;			/* where the pack's trailer begins */
	struct sada_id hash;		/* of the pack's trailer */
	struct sada_index *next;	/* one that this replaced */
};

/*
 * Map the index of pack NAME in DIRFD; *OUT is new, free it with
 * sada_index_free().  Errors: NOTFOUND FORMAT SYS.
 */
SADA_MUST int sada_index_open(struct sada_index **out, int dirfd,
    const char *name, struct sada_err *err);
/*
 * The index in B, whose bytes it takes over; its whole hash is taken as
 * right.  *OUT is new.  Errors: FORMAT.
 */
SADA_MUST int sada_index_adopt(struct sada_index **out, struct sada_buf *b,
    struct sada_err *err);
/* Free IX and all that it replaced; NULL is fine. */
void sada_index_free(struct sada_index *ix);

/* Is the hash over the whole index right? */
int sada_index_whole(const struct sada_index *ix);
/*
 * Find an object, 1 or 0.  *E is within its block's raw length, or it is
 * not found.
 */
int sada_index_find(const struct sada_index *ix, unsigned type,
    const struct sada_id *id, struct sada_ent *e);
/* The number of the object's entry, or UINT32_MAX. */
uint32_t sada_index_number(const struct sada_index *ix, unsigned type,
    const struct sada_id *id);
/* Entry I < objects, block I < blocks, as they lie there. */
void sada_index_ent(const struct sada_index *ix, uint32_t i,
    struct sada_ent *e);
/* The block table entry I. */
void sada_index_blk(const struct sada_index *ix, uint32_t i,
    struct sada_blk *b);
/* The name of the index of pack NAME. */
void sada_index_name(char out[SADA_PACK_NAME], const char *name);

#endif
