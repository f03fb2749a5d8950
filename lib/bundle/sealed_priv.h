/* What the writer and the reader of sealed bundles share. */
#ifndef SADA_BUNDLE_SEALED_PRIV_H
#define SADA_BUNDLE_SEALED_PRIV_H

#include "bundle/sealed.h"

enum {
	SEALED_VERSION = 1,
	SEALED_SUITE = 1,
	/* Offsets in the clear header. */
	AT_VERSION = 8,
	AT_SUITE = 10,
	AT_NSLOTS = 12,
	AT_ZERO = 14,
	AT_SLOTS = 16,
	/* Offsets in a segment. */
	AT_LENGTH = SADA_SIG_LEN,
	AT_FLAGS = SADA_SIG_LEN + 4,
	/* What a segment's signature is over. */
	SIGNED_LEN = 8 + 4 + 4 + 2 * SADA_ID_LEN,
	/* A record's type and the most bytes of a length. */
	RECORD_HEAD_MAX = 1 + 10
};

/* Payload bytes of every segment but the last. */
#define SEGMENT_PAYLOAD (SADA_SEGMENT - SADA_SEGMENT_HEAD)
/* A sealed chunk of full size. */
#define CHUNK_SEALED (SADA_CHUNK_RAW + SADA_CHUNK_OVER)
/* Raw bytes of a META record. */
#define META_MAX ((size_t)4 << 20)

_Static_assert(SADA_SEGMENT % SADA_CHUNK_RAW == 0,
    "segments end where chunks do");

/* The fixed part of a clear header, 16 bytes; the number of slots. */
SADA_MUST int sada_sealed_start(unsigned *nslots, const unsigned char *p,
    struct sada_err *err);

/*
 * The bytes that are signed for segment NUMBER with N payload bytes at P
 * and FLAGS, in the bundle whose header hash is HH.
 */
void sada_segment_signed(unsigned char out[SIGNED_LEN], uint64_t number,
    uint32_t flags, const void *p, uint32_t n, const struct sada_id *hh);

/*
 * The size of a bundle's file with NSLOTS slots and N > 0 bytes in its
 * payload stream.
 */
uint64_t sada_sealed_size(unsigned nslots, uint64_t n);
/*
 * How long the payload stream of N bytes must become, so that the file has
 * the least Padme size that it can have.
 */
uint64_t sada_sealed_padded(unsigned nslots, uint64_t n);

#endif
