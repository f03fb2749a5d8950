/* What the parts of the store share. */
#ifndef SADA_STORE_STORE_PRIV_H
#define SADA_STORE_STORE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/io.h"
#include "store/index_priv.h"
#include "store/store.h"

#define SADA_TEMP_NAME 24	/* ".tmp-", 16 hex digits, NUL */

/*
 * A pack open for reading.
 *
 * 1. Immutable once it is in a store, but for IX, which may be replaced
 *    by a better one (the old one lives on behind its NEXT), and OLD.
 * 2. SERIAL is unique in the process's store: the cache's key.
 */
struct sada_pack {
	atomic_int refs;
	uint32_t serial;
	int fd;
	char name[SADA_PACK_NAME];
	uint64_t size;
	_Atomic(struct sada_index *) ix;	/* never NULL */
	unsigned char *folded;		/* NFOLDED half names of 16 bytes */
	uint32_t nfolded;
	int damaged;			/* header, trailer or name is wrong */
	int foreign;			/* of a version that is not known */
	atomic_int old;			/* all its objects are in another */
	atomic_int going;		/* swept, or its file is gone: what it
					   has can be read, but nothing new may
					   rely on it */
};

/*
 * Open pack NAME.  A damaged one opens all the same, with what could be
 * found in it.  With REBUILT (may be NULL) told: the index was made anew
 * from the pack, and is worth writing.  *OUT is new, with one reference.
 * Errors: NOTFOUND SYS.
 */
SADA_MUST int sada_pack_open(struct sada_pack **out, int dirfd,
    const char *name, uint32_t serial, int *rebuilt, struct sada_err *err);
/* One more user of P. */
void sada_pack_ref(struct sada_pack *p);
/* One user less; the last frees it. */
void sada_pack_unref(struct sada_pack *p);	/* NULL is fine */
/* Is NAME the name of a pack? */
int sada_pack_name_ok(const char *name, size_t n);
/* Does P's trailer name pack NAME as folded? */
int sada_pack_folds(const struct sada_pack *p, const char *name);
/*
 * Append the bytes of block B (head, frame) of the file FD called NAME,
 * checked.  Errors: DAMAGED SYS.
 */
SADA_MUST int sada_pack_block(int fd, const char *name,
    const struct sada_blk *b, struct sada_buf *out, struct sada_err *err);

/* What a walk over a pack found (scan.c). */
struct sada_scan {
	struct sada_table t;
	struct sada_id hash;		/* that the trailer should have */
	unsigned char *folded;
	uint32_t nfolded;
	int whole;			/* all is as it should be */
	void (*bad)(const char *what, uint32_t block, void *ctx);
	void *ctx;			/* BAD may be NULL */
};
enum { SADA_SCAN_OBJECTS = 1 };		/* decompress and hash them too */
/*
 * Walk the pack NAME on FD of SIZE bytes from its start; damage is told
 * to BAD and left out.  SC is empty but for BAD and CTX; release it with
 * sada_scan_release().  Errors: SYS.
 */
SADA_MUST int sada_pack_scan(struct sada_scan *sc, int fd, const char *name,
    uint64_t size, unsigned flags, struct sada_err *err);
/* Free what SC holds. */
void sada_scan_release(struct sada_scan *sc);
/* The name that a pack with trailer hash HASH has. */
void sada_pack_name(char out[SADA_PACK_NAME], const struct sada_id *hash);
/* Append a trailer without its hash. */
void sada_trailer_encode(struct sada_buf *out, uint32_t blocks,
    uint64_t length, const unsigned char *folded, uint32_t nfolded);
/* The header of every pack. */
void sada_pack_header(unsigned char out[SADA_PACK_HEADER]);
/*
 * Read the trailer at OFF, which must end the file of SIZE bytes: *FOLDED
 * is new, free with free().  Errors: FORMAT SYS.
 */
SADA_MUST int sada_trailer_read(int fd, uint64_t off, uint64_t size,
    uint32_t *blocks, unsigned char **folded, uint32_t *nfolded,
    struct sada_buf *bytes, struct sada_err *err);

/* A raw block, shared while somebody reads it. */
struct sada_raw {
	atomic_int refs;
	uint32_t serial, block;
	struct sada_buf b;
};
/* One user less; the last frees it. */
void sada_raw_unref(struct sada_raw *r);	/* NULL is fine */

#define SADA_CACHE_BLOCKS 8
struct sada_cache {
	pthread_mutex_t lock;
	struct sada_raw *raw[SADA_CACHE_BLOCKS];	/* newest first */
};
/* Make C empty. */
void sada_cache_init(struct sada_cache *c);
/* Free what C holds; C itself is the caller's. */
void sada_cache_release(struct sada_cache *c);
/* Let go of all blocks. */
void sada_cache_forget(struct sada_cache *c);
/* The block if it is there, with a reference; else NULL. */
struct sada_raw *sada_cache_get(struct sada_cache *c, uint32_t serial,
    uint32_t block);
/* Keep R, too. */
void sada_cache_put(struct sada_cache *c, struct sada_raw *r);

/*
 * The store.
 *
 * 1. PACK only grows but for what a commit through this store folded:
 *    then the slot is NULL.
 * 2. PACK and N are read under LOCK, changed under LOCK for writing and
 *    SCAN; SCAN comes first.
 */
struct sada_store {
	int dirfd;
	unsigned flags;
	pthread_rwlock_t lock;
	pthread_mutex_t scan;		/* one looks for packs, or repairs */
	struct sada_pack **pack;
	size_t n, cap;
	char (*gone)[SADA_PACK_NAME];	/* taken in by our commits, sorted: */
	size_t ngone, cap_gone;		/* they only wait to be unlinked */
	int synced;			/* all in PACK is durable; -1: a
					   sync failed, nothing is ever */
	atomic_uint serial;
	struct sada_stat seen;		/* the directory when last read */
	int racy;			/* it may have changed unseen since */
	struct sada_cache cache;
};

/*
 * Read the directory; packs that are swept or gone are marked as going.
 * DROP: forget those that are gone.  Errors: SYS.
 */
enum { SADA_STORE_DROP = 1 };
SADA_MUST int sada_store_scan(struct sada_store *s, unsigned flags,
    struct sada_err *err);
/* The pack in slot I with a reference, or NULL. */
struct sada_pack *sada_store_pack(struct sada_store *s, size_t i);
/* Put P (its reference is taken over) in; a pack of its name goes. */
void sada_store_add(struct sada_store *s, struct sada_pack *p);
/* Forget pack P. */
void sada_store_drop(struct sada_store *s, const struct sada_pack *p);
/* Forget pack P for as long as the store lives. */
void sada_store_retire(struct sada_store *s, const struct sada_pack *p);
/* Make all packs durable that are not known to be.  Errors: SYS. */
SADA_MUST int sada_store_sync(struct sada_store *s, struct sada_err *err);
/*
 * Sync all that is there, unlink what earlier runs left and what newer
 * packs have taken in.  Errors: SYS.
 */
SADA_MUST int sada_store_clean(struct sada_store *s, struct sada_err *err);
/*
 * Make sure that P's index is whole, else rebuild it; 1 if it is not the
 * one that P was opened with.  Errors: SYS.
 */
SADA_MUST int sada_store_recheck(struct sada_store *s, struct sada_pack *p,
    struct sada_err *err);
/* Write P's index if that is allowed; a failure costs only time. */
void sada_store_save_index(struct sada_store *s, struct sada_pack *p);

/*
 * Read block NUMBER (B) of the file FD called NAME: *OUT has a reference.
 * Errors: DAMAGED SYS.
 */
SADA_MUST int sada_read_block(struct sada_store *s, struct sada_raw **out,
    int fd, const char *name, uint32_t serial, uint32_t number,
    const struct sada_blk *b, struct sada_err *err);
/* Append the object E from there, its hash checked.  Errors: DAMAGED SYS. */
SADA_MUST int sada_read_object(struct sada_store *s, int fd,
    const char *name, uint32_t serial, const struct sada_blk *b,
    const struct sada_ent *e, struct sada_buf *out, struct sada_err *err);

/*
 * The list "swept" (sweep.c): packs that are to go, and those that have what
 * lives of them.
 */
struct sada_swept {
	char (*fresh)[SADA_PACK_NAME];
	char (*stale)[SADA_PACK_NAME];	/* sorted */
	size_t nfresh, nstale;
};
/*
 * Read it: 1, or 0 when there is none, or none that holds; then L is empty.
 * Free with sada_swept_release().  Errors: SYS.
 */
SADA_MUST int sada_swept_read(struct sada_swept *l, int dirfd,
    struct sada_err *err);
/* Publish it, durably; it names at least one new pack.  Errors: SYS. */
SADA_MUST int sada_swept_write(const struct sada_swept *l, int dirfd,
    struct sada_err *err);
/* Free what L holds. */
void sada_swept_release(struct sada_swept *l);
/* Unlink it, durably: 1, or 0 when there is none.  Errors: SYS. */
SADA_MUST int sada_swept_forget(int dirfd, struct sada_err *err);
/* Is pack NAME to go? */
int sada_swept_has(const struct sada_swept *l, const char *name);
/*
 * Unlink the packs of the list, then the list, if all that took over from
 * them are whole; else the list alone.  Errors: SYS.
 */
SADA_MUST int sada_swept_drop(struct sada_store *s, struct sada_err *err);

/* Is every byte of P as it should be?  1, 0 or SYS. */
SADA_MUST int sada_pack_whole(const struct sada_pack *p,
    struct sada_err *err);
/* Unlink P and its index, and forget it.  Errors: SYS. */
SADA_MUST int sada_store_unlink(struct sada_store *s, struct sada_pack *p,
    struct sada_err *err);

/* Append RAW bytes from the only frame in N bytes.  Errors: FORMAT. */
SADA_MUST int sada_block_unpack(struct sada_buf *out, const void *frame,
    size_t n, uint32_t raw, struct sada_err *err);

#endif
