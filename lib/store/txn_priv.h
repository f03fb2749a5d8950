/* A transaction and its fills, for lib/store only. */
#ifndef SADA_STORE_TXN_PRIV_H
#define SADA_STORE_TXN_PRIV_H

#include "crypto/idset.h"
#include "store/store_priv.h"

/*
 * The level of all blocks: 2 saves 4% more and takes 16% longer, and then
 * it is slower than tar and zstd.
 */
#define SADA_BLOCK_LEVEL 1

/* Objects that wait for a block: contents in one, maps in another. */
struct sada_lane {
	struct sada_buf dir, data;
	size_t *ent;			/* their entries in the table */
	size_t n, cap;
};

/*
 * 1. LOCK is held while the lanes change, and before the transaction's
 *    lock: a get may look into another thread's fill.
 * 2. Lives as long as the transaction, so that a get may wait for it;
 *    once ended it is used again by the next sada_fill_new().
 */
struct sada_fill {
	struct sada_txn *txn;
	uint32_t slot;
	int live;
	pthread_mutex_t lock;
	struct sada_lane lane[2];
	void *cctx;			/* ZSTD_CCtx, made when first used */
	struct sada_buf raw, out;	/* scratch of a flush */
	struct sada_buf get, file;	/* scratch of put and of file.c */
};

/* Block number of an entry that still waits in fill (number & MASK). */
#define SADA_PENDING 0x80000000u
#define SADA_PENDING_MASK 0x7fffffffu

/*
 * 1. All below LOCK is read and changed under it.
 * 2. Blocks and heads are in the order of the file, without gaps; a block
 *    that could not be written sets FAILED, and nothing is committed.
 */
struct sada_txn {
	struct sada_store *store;
	uint32_t serial;
	pthread_mutex_t own_lock;	/* who uses OWN */
	struct sada_fill *own;
	pthread_mutex_t lock;
	int fd;				/* -1: nothing written yet */
	char temp[SADA_TEMP_NAME];
	uint64_t off, since;		/* end; bytes since writeback */
	struct sada_table t;
	struct sada_buf heads;
	size_t *slot;			/* open addressing: entry + 1 */
	size_t nslot;			/* a power of two */
	struct sada_fill **fill;
	size_t nfill, cap_fill;
	uint64_t raw_bytes;
	struct sada_idset hits;		/* what the store had, and its type; not
					   kept with the replica's lock, which
					   keeps sweeps away */
	int no_fold;			/* it stands for itself: a sweep's */
	int failed;
	struct sada_err why;
};

/*
 * Is a good copy in the store?  It is read, into scratch B, unless it was
 * before: an index is no evidence, and a damaged copy heals by a new one.
 * That it need not be put is noted.
 */
int sada_txn_hit(struct sada_txn *t, unsigned type,
    const struct sada_id *id, struct sada_buf *b);

enum {
	SADA_PUT_ANYWAY = 1	/* even if the store has it: it is folded */
};
/* Put object ID, whose hash has been computed. */
SADA_MUST int sada_fill_add(struct sada_fill *f, unsigned type,
    const void *p, size_t n, const struct sada_id *id, unsigned flags,
    struct sada_err *err);
/* Write what waits in F.  Errors: SYS. */
SADA_MUST int sada_fill_flush(struct sada_fill *f, struct sada_err *err);

/* Note that the transaction cannot be committed. */
void sada_txn_fail(struct sada_txn *t, const struct sada_err *why);
/* Under LOCK: the entry's number, or SIZE_MAX. */
size_t sada_txn_find(const struct sada_txn *t, unsigned type,
    const struct sada_id *id);
/* Under LOCK: add an entry; one that is there already keeps its slot. */
void sada_txn_enter(struct sada_txn *t, const struct sada_ent *e);
/* Under LOCK: make the slots anew from the entries. */
void sada_txn_reslot(struct sada_txn *t, size_t nslot);
/* Is it in the transaction? */
int sada_txn_own(struct sada_txn *t, unsigned type,
    const struct sada_id *id);
/*
 * Write the encoded block of N bytes and enter the NENT objects E, whose
 * block number is filled in; it is also *NUMBER.  Errors: SYS.
 */
SADA_MUST int sada_txn_write(struct sada_txn *t, const unsigned char *p,
    size_t n, struct sada_ent *e, size_t nent, uint32_t *number,
    struct sada_err *err);
/*
 * Make a temp in the packs' directory, locked against clean-up; *FD is
 * open for reading and writing.  Errors: SYS.
 */
SADA_MUST int sada_txn_temp(struct sada_store *s, int *fd,
    char name[SADA_TEMP_NAME], struct sada_err *err);

/*
 * Take the objects of P in that LIVE has a bit for, by their number in P's
 * index; NULL: all.  1 done, 0 something in P is damaged.  Errors: SYS.
 */
SADA_MUST int sada_take_pack(struct sada_txn *t, struct sada_pack *p,
    const unsigned char *live, struct sada_err *err);
/*
 * Take small packs in (fold.c): *TAKEN is a new array of the packs that
 * are wholly in T now, each with a reference.  Errors: SYS.
 */
SADA_MUST int sada_fold(struct sada_txn *t, struct sada_pack ***taken,
    size_t *ntaken, struct sada_err *err);

#endif
