/* The closed table of contexts and the keyed hash, for lib/crypto only. */
#ifndef SADA_CRYPTO_HASH_PRIV_H
#define SADA_CRYPTO_HASH_PRIV_H

#include "crypto/hash.h"

#define SADA_PERSONAL_LEN 16

/* The 16 bytes, zero-padded, that stand for CTX in every hash. */
const unsigned char *sada_ctx_personal(enum sada_ctx ctx);

/*
 * OUT (OUTLEN bytes, 16 to 64) = BLAKE2b with the personal string of CTX
 * over le64(N) || P[0..N), under the 32-byte KEY, or none when NULL.
 */
void sada_hash_keyed(unsigned char *out, size_t outlen, enum sada_ctx ctx,
    const unsigned char *key, const void *p, size_t n);

#endif
