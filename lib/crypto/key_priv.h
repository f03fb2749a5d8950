/* What a key is made of, for lib/crypto only. */
#ifndef SADA_CRYPTO_KEY_PRIV_H
#define SADA_CRYPTO_KEY_PRIV_H

#include "crypto/key.h"

/*
 * Lies in locked memory that is left out of dumps, and is read-only once
 * it is filled.
 *
 * 1. The two seeds are independent; neither pair is made from the other.
 * 2. All other fields follow from the seeds.
 */
struct sada_key {
	unsigned char sign_seed[SADA_SEED_LEN];
	unsigned char box_seed[SADA_SEED_LEN];
	unsigned char sign_sk[64];	/* Ed25519: seed || public key */
	unsigned char box_sk[32];	/* X25519 */
	struct sada_pub pub;
};

#endif
