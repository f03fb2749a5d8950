/*
 * What merges came to: a cache, so that a conflict which stands for a year
 * is not merged again each night.  It may be lost at any time.
 */
#ifndef SADA_MERGE_CACHE_H
#define SADA_MERGE_CACHE_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"

/* What came of a merge; KEY is a hash of all that it depends on. */
struct sada_merged {
	struct sada_id key;
	uint8_t why;			/* 0: clean, else the caller's word
					   for why it is not merged */
	uint64_t size;			/* of the merged content */
	struct sada_id content;
};

struct sada_merge_cache;
/* An empty cache; free with sada_merge_cache_free(). */
struct sada_merge_cache *sada_merge_cache_new(void);
/* Free; NULL is fine. */
void sada_merge_cache_free(struct sada_merge_cache *c);
/* The result for KEY: 1 and *OUT, or 0. */
int sada_merge_cache_get(struct sada_merge_cache *c,
    const struct sada_id *key, struct sada_merged *out);
/* Keep X. */
void sada_merge_cache_put(struct sada_merge_cache *c,
    const struct sada_merged *x);
/*
 * A print of the settings under which a directory was merged last; zero when
 * none is known.
 */
const struct sada_id *sada_merge_cache_print(
    const struct sada_merge_cache *c);
/* Set it. */
void sada_merge_cache_set_print(struct sada_merge_cache *c,
    const struct sada_id *print);
/*
 * Append the file of C to OUT: what was asked or put since it was loaded.
 * 1 when that differs from what was loaded, else 0.
 *
 * File "merged": magic "sadamrg1", 32 print, then records sorted by key: 32 key, u8
 * why, le64 size, 32 content; 32 H("sada.merge.v1", all before it).
 */
int sada_merge_cache_encode(struct sada_merge_cache *c,
    struct sada_buf *out);
/* Load the N bytes at P: 1; anything wrong with them: 0, nothing is loaded. */
int sada_merge_cache_decode(struct sada_merge_cache *c, const void *p,
    size_t n);

#endif
