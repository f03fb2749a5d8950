/* File lists and ancestors. */
#ifndef SADA_FORMAT_OBJECT_H
#define SADA_FORMAT_OBJECT_H

#include "format/types.h"

/*
 * File list: u8 level (0: items are chunks), var count (1 to
 * SADA_LIST_MAX), then each: var size (at least 1, of a chunk at most
 * SADA_CHUNK_MAX, in all at most INT64_MAX), 32 id.  Nothing follows.
 */
#define SADA_LIST_MAX 4096
#define SADA_LIST_LEVEL_MAX 16
/* Append the list of N pieces at LEVEL. */
void sada_list_encode(struct sada_buf *out, unsigned level,
    const struct sada_piece *piece, size_t n);
/*
 * Decode; *PIECE is a new array of *COUNT, free with free().  *TOTAL (may
 * be NULL) is the sum of sizes, checked for overflow.  Errors: FORMAT.
 */
SADA_MUST int sada_list_decode(unsigned *level, struct sada_piece **piece,
    size_t *count, uint64_t *total, const void *p, size_t n,
    struct sada_err *err);

/*
 * Ancestors: var count (1 to 32), then each, newest first: var ndot (1 to
 * SADA_ANC_DOTS_MAX), its dots (32 author, le64 epoch, le64 seq, le64 tag;
 * sorted), u8 kind (FILE or LINK; plus 4: it was another name), var mode (of
 * a LINK 0), var size, 32 content.
 */
#define SADA_ANC_DOTS_MAX 64
/* Append the N ancestors A. */
void sada_anc_encode(struct sada_buf *out, const struct sada_ancestor *a,
    size_t n);
/*
 * Decode; *A is one new block (dots inside), free with free().  Errors:
 * FORMAT.
 */
SADA_MUST int sada_anc_decode(struct sada_ancestor **a, size_t *count,
    const void *p, size_t n, struct sada_err *err);

#endif
