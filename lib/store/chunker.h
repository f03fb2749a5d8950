/* Cutting large contents by content. */
#ifndef SADA_STORE_CHUNKER_H
#define SADA_STORE_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#include "format/types.h"

#define SADA_CUT_MIN ((size_t)64 << 10)
#define SADA_CUT_AVG ((size_t)256 << 10)
#define SADA_CUT_MAX ((size_t)SADA_CHUNK_MAX)

/*
 * A gear hash h' = (h << 1) + gear[byte], starting at 0 with the byte
 * after the first 64 KiB of a chunk.  The chunk ends behind the byte that
 * makes the top 20 bits of h zero, from 256 KiB on the top 16; at 1 MiB in
 * any case.  gear[i] is SipHash-2-4 of the one byte i under the 16 bytes
 * "sada gear table1".  Same bytes, same cuts, everywhere and for ever:
 * content ids depend on it.
 */
struct sada_chunker {
	uint64_t gear[256];
};
/* Make the gear table. */
void sada_chunker_init(struct sada_chunker *c);
/*
 * The length of the first chunk of the N > 0 bytes at P.  With less than
 * SADA_CUT_MAX bytes P must reach to the end of the content.
 */
size_t sada_chunker_cut(const struct sada_chunker *c, const void *p,
    size_t n);

/*
 * File lists: after a piece whose id has its first 10 bits zero, but not
 * before the 64th of its list, and after the 4,096th in any case, a list
 * ends; lists of a level are the pieces of the level above.  At the end
 * each level's rest is a list, up to the level with one piece alone: that
 * is the content.
 */
#define SADA_LIST_CUT_MIN 64
/* Does a list of N pieces end with piece ID? */
int sada_list_cut(const struct sada_id *id, size_t n);

#endif
