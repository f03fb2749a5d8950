/*
 * Public-key cryptography that costs next to nothing and protects nothing,
 * for simulations: nine tenths of their time went into it.  Keyed hashes
 * stand in, so that a wrong key and every changed byte are still seen;
 * anybody could forge, and nobody here does.  Linked into a program it
 * replaces what the library of that name would give.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* As the library declares them; only lib/crypto includes its header. */
int crypto_generichash(unsigned char *out, size_t outlen,
    const unsigned char *in, unsigned long long inlen,
    const unsigned char *key, size_t keylen);
void randombytes_buf(void *p, size_t n);
int crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk,
    const unsigned char *seed);
int crypto_sign_detached(unsigned char *sig, unsigned long long *siglen,
    const unsigned char *m, unsigned long long mlen,
    const unsigned char *sk);
int crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long mlen,
    const unsigned char *pk);
int crypto_core_ed25519_is_valid_point(const unsigned char *p);
int crypto_box_seed_keypair(unsigned char *pk, unsigned char *sk,
    const unsigned char *seed);
int crypto_box_keypair(unsigned char *pk, unsigned char *sk);
int crypto_scalarmult(unsigned char *q, const unsigned char *n,
    const unsigned char *p);
int crypto_box_seal(unsigned char *c, const unsigned char *m,
    unsigned long long mlen, const unsigned char *pk);
int crypto_box_seal_open(unsigned char *m, const unsigned char *c,
    unsigned long long clen, const unsigned char *pk,
    const unsigned char *sk);
void *sodium_malloc(size_t n);
void sodium_free(void *p);
int sodium_mprotect_readonly(void *p);

#define SEAL 48			/* 32 of a one-time key, 16 of a tag */

int
crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk,
    const unsigned char *seed)
{
	(void)crypto_generichash(pk, 32, seed, 32,
	    (const unsigned char *)"a public key to sign", 20);
	memcpy(sk, seed, 32);
	memcpy(sk + 32, pk, 32);
	return 0;
}

int
crypto_sign_detached(unsigned char *sig, unsigned long long *siglen,
    const unsigned char *m, unsigned long long mlen, const unsigned char *sk)
{
	if (siglen != NULL)
		*siglen = 64;
	return crypto_generichash(sig, 64, m, mlen, sk + 32, 32);
}

int
crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long mlen, const unsigned char *pk)
{
	unsigned char is[64];

	(void)crypto_generichash(is, 64, m, mlen, pk, 32);
	return memcmp(is, sig, 64) == 0 ? 0 : -1;
}

int
crypto_core_ed25519_is_valid_point(const unsigned char *p)
{
	(void)p;
	return 1;
}

int
crypto_box_seed_keypair(unsigned char *pk, unsigned char *sk,
    const unsigned char *seed)
{
	memcpy(sk, seed, 32);
	(void)crypto_generichash(pk, 32, seed, 32,
	    (const unsigned char *)"a public key to seal", 20);
	pk[31] &= 0x7f;
	return 0;
}

int
crypto_box_keypair(unsigned char *pk, unsigned char *sk)
{
	unsigned char seed[32];

	randombytes_buf(seed, sizeof(seed));
	return crypto_box_seed_keypair(pk, sk, seed);
}

/* Only asked whether a point is of large order. */
int
crypto_scalarmult(unsigned char *q, const unsigned char *n,
    const unsigned char *p)
{
	return crypto_generichash(q, 32, n, 32, p, 32);
}

/* The stream and the tag of what one-time key ONCE seals to PK. */
static void
mask(unsigned char out[64], unsigned char tag[16], const unsigned char *once,
    const unsigned char *pk, const unsigned char *body, size_t n)
{
	(void)crypto_generichash(out, 64, once, 32, pk, 32);
	(void)crypto_generichash(tag, 16, body, n, out + 32, 32);
}

int
crypto_box_seal(unsigned char *c, const unsigned char *m,
    unsigned long long mlen, const unsigned char *pk)
{
	unsigned char out[64], tag[16];
	size_t i;

	if (mlen > 32)
		abort();
	randombytes_buf(c, 32);
	(void)crypto_generichash(out, 64, c, 32, pk, 32);
	for (i = 0; i < mlen; i++)
		c[SEAL + i] = m[i] ^ out[i];
	mask(out, tag, c, pk, c + SEAL, (size_t)mlen);
	memcpy(c + 32, tag, 16);
	return 0;
}

int
crypto_box_seal_open(unsigned char *m, const unsigned char *c,
    unsigned long long clen, const unsigned char *pk,
    const unsigned char *sk)
{
	unsigned char out[64], tag[16];
	size_t i;

	(void)sk;
	if (clen < SEAL || clen > SEAL + 32)
		return -1;
	mask(out, tag, c, pk, c + SEAL, (size_t)clen - SEAL);
	if (memcmp(tag, c + 32, 16) != 0)
		return -1;
	for (i = 0; i < clen - SEAL; i++)
		m[i] = c[SEAL + i] ^ out[i];
	return 0;
}

void *
sodium_malloc(size_t n)
{
	return malloc(n);
}

void
sodium_free(void *p)
{
	free(p);
}

int
sodium_mprotect_readonly(void *p)
{
	(void)p;
	return 0;
}
