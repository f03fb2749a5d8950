/*
 * Slots for recipients and the tag over the clear header.
 *
 * Slot, 96 bytes:
 *
 *	offset	bytes
 *	0	16	hint
 *	16	32	one-time X25519 public key of the sealed box
 *	48	48	box of the file key: Poly1305 tag 16, ciphertext 32
 *
 * All of a slot looks random to who does not know the recipient's public
 * key; who does can match the hint, and only its holder can open it.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/io.h"
#include "crypto/hash_priv.h"
#include "crypto/key_priv.h"
#include "crypto/seal.h"
#include "crypto/seal_priv.h"

#define HINT_LEN 16
#define ONCE_LEN 32

_Static_assert(crypto_box_SEALBYTES + SADA_FILEKEY_LEN ==
    SADA_SLOT_LEN - HINT_LEN, "a slot is a hint and a sealed file key");
_Static_assert(crypto_kdf_KEYBYTES == SADA_FILEKEY_LEN &&
    crypto_kdf_CONTEXTBYTES == 8, "the file key is a KDF key");

void
sada_filekey_new(unsigned char fk[SADA_FILEKEY_LEN])
{
	sada_io_random(fk, SADA_FILEKEY_LEN);
}

void
sada_filekey_sub(unsigned char sub[32], const unsigned char *fk, uint64_t n,
    const char ctx[8])
{
	int rc;

	rc = crypto_kdf_derive_from_key(sub, 32, n, ctx, fk);
	assert(rc == 0);
}

/* The hint for BOX, an X25519 key, of the sealed box that begins at P. */
static void
hint_make(unsigned char hint[HINT_LEN], const unsigned char *box,
    const unsigned char *p)
{
	unsigned char h[32];
	int rc;

	/* The input has one length, so none is put in front of it. */
	rc = crypto_generichash_blake2b_salt_personal(h, sizeof(h), p,
	    ONCE_LEN, box, SADA_PK_LEN, NULL,
	    sada_ctx_personal(SADA_CTX_HINT));
	assert(rc == 0);
	memcpy(hint, h, HINT_LEN);
}

void
sada_slot_make(unsigned char slot[SADA_SLOT_LEN], const unsigned char *fk,
    const struct sada_pub *p)
{
	int rc;

	/* Fails for a key of small order, which sada_pub_init() refuses. */
	rc = crypto_box_seal(slot + HINT_LEN, fk, SADA_FILEKEY_LEN, p->box);
	assert(rc == 0);
	hint_make(slot, p->box, slot + HINT_LEN);
}

void
sada_slot_dummy(unsigned char slot[SADA_SLOT_LEN])
{
	unsigned char sk[crypto_box_SECRETKEYBYTES];
	int rc;

	/*
	 * The one-time key must be a real one: most strings of 32 random
	 * bytes are no multiple of the base point, and anybody can tell.
	 */
	sada_io_random(slot, SADA_SLOT_LEN);
	rc = crypto_box_keypair(slot + HINT_LEN, sk);
	assert(rc == 0);
	sodium_memzero(sk, sizeof(sk));
}

int
sada_slot_matches(const unsigned char *slot, const struct sada_pub *p)
{
	unsigned char hint[HINT_LEN];

	hint_make(hint, p->box, slot + HINT_LEN);
	return sodium_memcmp(hint, slot, HINT_LEN) == 0;
}

int
sada_slot_open(unsigned char fk[SADA_FILEKEY_LEN],
    const unsigned char *slot, const struct sada_key *k,
    struct sada_err *err)
{
	if (!sada_slot_matches(slot, &k->pub) ||
	    crypto_box_seal_open(fk, slot + HINT_LEN,
	    SADA_SLOT_LEN - HINT_LEN, k->pub.box, k->box_sk) != 0) {
		sodium_memzero(fk, SADA_FILEKEY_LEN);
		return sada_err_set(err, SADA_AUTH,
		    "the bundle is not sealed for this replica");
	}
	return 0;
}

void
sada_head_tag(unsigned char tag[SADA_TAG_LEN], const unsigned char *fk,
    const void *p, size_t n)
{
	unsigned char sub[32];

	sada_filekey_sub(sub, fk, 1, "sadaHEAD");
	sada_hash_keyed(tag, SADA_TAG_LEN, SADA_CTX_HEAD, sub, p, n);
	sodium_memzero(sub, sizeof(sub));
}

int
sada_tag_cmp(const unsigned char *a, const unsigned char *b)
{
	return sodium_memcmp(a, b, SADA_TAG_LEN);
}
