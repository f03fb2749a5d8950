/* Whole files in the store: chunking on the way in, streaming out. */
#ifndef SADA_STORE_FILE_H
#define SADA_STORE_FILE_H

#include "store/store.h"

/*
 * A new content from an open file: SIZE bytes are read from FD at its
 * start.  Up to SADA_CHUNK_MAX bytes it is one chunk; above, it is cut by
 * content (gear hash, normalised; 64 KiB to 1 MiB, 256 KiB on average) and
 * lists of about 1,024 items, cut by content, in levels, name the chunks
 * (lib/store/chunker.h).  *ID is the content id.  *GOT is how many bytes
 * there were (less when the file shrank meanwhile).  With F NULL nothing
 * is stored, only the id computed.  Errors: SYS.
 */
SADA_MUST int sada_file_put(struct sada_fill *f, int fd, uint64_t size,
    struct sada_id *id, uint64_t *got, struct sada_err *err);
/* The same from bytes in memory. */
SADA_MUST int sada_file_put_bytes(struct sada_fill *f, const void *p,
    uint64_t size, struct sada_id *id, struct sada_err *err);

/*
 * Where contents come from: a store, or a transaction over it (either may
 * be NULL, not both).
 */
struct sada_source {
	struct sada_store *store;
	struct sada_txn *txn;
};

/* Is the content (and, for a list, all that it names) held?  1, 0, <0. */
SADA_MUST int sada_file_held(const struct sada_source *src,
    const struct sada_id *id, uint64_t size, struct sada_err *err);

/*
 * Call EACH with the bytes of content ID in order, in pieces of up to
 * SADA_CHUNK_MAX.  SIZE must be what the content adds up to.  Errors:
 * NOTFOUND DAMAGED SYS, what EACH returns.
 */
SADA_MUST int sada_file_get(const struct sada_source *src,
    const struct sada_id *id, uint64_t size,
    int (*each)(const void *p, size_t n, void *ctx), void *ctx,
    struct sada_err *err);

/* Append the bytes of content ID to OUT.  Errors: NOTFOUND DAMAGED SYS. */
SADA_MUST int sada_file_load(const struct sada_source *src,
    const struct sada_id *id, uint64_t size, struct sada_buf *out,
    struct sada_err *err);

/*
 * Write content ID to FD (empty, at offset 0): aligned zero runs of 64 KiB
 * become holes.  Errors: as sada_file_get().
 */
SADA_MUST int sada_file_write(const struct sada_source *src,
    const struct sada_id *id, uint64_t size, int fd, struct sada_err *err);

/*
 * Call EACH for every object that content ID consists of, lists before
 * what they name, (type, id, raw length).  Objects that are not held are
 * told with length 0 of lists unread; EACH decides.  Errors: DAMAGED SYS,
 * what EACH returns.
 */
SADA_MUST int sada_file_objects(const struct sada_source *src,
    const struct sada_id *id, uint64_t size,
    int (*each)(unsigned type, const struct sada_id *id, uint64_t len,
    void *ctx), void *ctx, struct sada_err *err);

#endif
