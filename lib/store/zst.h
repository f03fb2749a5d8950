/* zstd for the layers above: a frame, optionally with a prefix. */
#ifndef SADA_STORE_ZST_H
#define SADA_STORE_ZST_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Append one zstd frame (content size stored, no checksum) of N bytes at P
 * to OUT.  PREFIX (NP bytes, may be NULL) is the content that the reader
 * also has: with it long-distance matching over the whole prefix is on.
 * The frame is decompressed again and compared when PREFIX is given.
 */
void sada_zst_pack(struct sada_buf *out, const void *p, size_t n,
    const void *prefix, size_t np, int level);
/*
 * Append the RAW bytes that the frame of N bytes at P holds to OUT.  RAW
 * must be what the frame says; the window is capped.  Errors: FORMAT.
 */
SADA_MUST int sada_zst_unpack(struct sada_buf *out, const void *p, size_t n,
    size_t raw, const void *prefix, size_t np, struct sada_err *err);

#endif
