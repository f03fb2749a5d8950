/* Keys under the file key, for lib/crypto only. */
#ifndef SADA_CRYPTO_SEAL_PRIV_H
#define SADA_CRYPTO_SEAL_PRIV_H

#include "crypto/seal.h"

/* *SUB = kdf(FK, N, CTX), 32 secret bytes; wipe it after use. */
void sada_filekey_sub(unsigned char sub[32], const unsigned char *fk,
    uint64_t n, const char ctx[8]);

#endif
