/*
 * A replica's secret: made, kept in locked memory, written to and read
 * from its key file, and used to sign.
 *
 * Key file, 108 bytes:
 *
 *	offset	bytes
 *	0	8	"sadakey1"
 *	8	4	le32 KDF id, 0 = none
 *	12	32	seed of the Ed25519 pair
 *	44	32	seed of the X25519 pair
 *	76	32	H("sada.file.v1", bytes 0 to 75)
 *
 * Every version ends in that hash over all before it.  The reader checks
 * magic, then hash, then KDF id, then size; an unknown digit in the magic
 * or an unknown KDF id is a newer format.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/io.h"
#include "crypto/hash_priv.h"
#include "crypto/key_priv.h"

#define MAGIC "sadakey1"
#define MAGIC_LEN 8
#define KDF_NONE 0
#define OFF_KDF 8
#define OFF_SIGN 12
#define OFF_BOX 44
#define OFF_HASH 76
#define FILE_LEN 108

_Static_assert(crypto_sign_SEEDBYTES == SADA_SEED_LEN &&
    crypto_box_SEEDBYTES == SADA_SEED_LEN &&
    crypto_sign_PUBLICKEYBYTES == SADA_PK_LEN &&
    crypto_box_PUBLICKEYBYTES == SADA_PK_LEN &&
    crypto_sign_BYTES == SADA_SIG_LEN &&
    crypto_sign_SECRETKEYBYTES == 64 && crypto_box_SECRETKEYBYTES == 32,
    "key sizes of the library");

void
sada_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

static struct sada_key *
key_alloc(void)
{
	struct sada_key *k;

	/* sodium_malloc locks too, where the limit allows it. */
	k = sodium_malloc(sizeof(*k));
	assert(k != NULL);
	return k;
}

/* Fill in what follows from the seeds, and close K to writing. */
static void
key_derive(struct sada_key *k)
{
	int rc;

	rc = crypto_sign_seed_keypair(k->pub.sign, k->sign_sk, k->sign_seed);
	assert(rc == 0);
	rc = crypto_box_seed_keypair(k->pub.box, k->box_sk, k->box_seed);
	assert(rc == 0);
	sada_hash(&k->pub.id, SADA_CTX_ID, k->pub.sign,
	    sizeof(k->pub.sign));
	rc = sodium_mprotect_readonly(k);
	assert(rc == 0);
}

void
sada_key_new(struct sada_key **out)
{
	struct sada_key *k;

	k = key_alloc();
	sada_io_random(k->sign_seed, sizeof(k->sign_seed));
	sada_io_random(k->box_seed, sizeof(k->box_seed));
	key_derive(k);
	*out = k;
}

void
sada_key_free(struct sada_key *k)
{
	sodium_free(k);		/* wipes; NULL is fine */
}

const struct sada_pub *
sada_key_pub(const struct sada_key *k)
{
	return &k->pub;
}

void
sada_key_encode(struct sada_buf *out, const struct sada_key *k)
{
	struct sada_id sum;
	unsigned char *p;

	/*
	 * Room for all comes first: growing later would leave a copy of
	 * the seeds in freed memory.
	 */
	p = sada_buf_reserve(out, FILE_LEN);
	sada_buf_add(out, MAGIC, MAGIC_LEN);
	sada_put_u32(out, KDF_NONE);
	sada_buf_add(out, k->sign_seed, sizeof(k->sign_seed));
	sada_buf_add(out, k->box_seed, sizeof(k->box_seed));
	sada_hash(&sum, SADA_CTX_FILE, p, OFF_HASH);
	sada_buf_add(out, sum.b, sizeof(sum.b));
}

int
sada_key_decode(struct sada_key **out, const void *bytes, size_t n,
    struct sada_err *err)
{
	const unsigned char *p = bytes;
	struct sada_key *k;
	struct sada_id sum;

	*out = NULL;
	if (n < OFF_SIGN + sizeof(sum.b) ||
	    memcmp(p, MAGIC, MAGIC_LEN - 1) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the key file is damaged: it does not begin as one");
	if (p[MAGIC_LEN - 1] != MAGIC[MAGIC_LEN - 1])
		return sada_err_set(err, SADA_VERSION,
		    "the key file has a newer format: update sada");
	sada_hash(&sum, SADA_CTX_FILE, p, n - sizeof(sum.b));
	if (sodium_memcmp(sum.b, p + n - sizeof(sum.b), sizeof(sum.b)) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the key file is damaged: its hash does not match");
	if (sada_le32(p + OFF_KDF) != KDF_NONE)
		return sada_err_set(err, SADA_VERSION,
		    "the key file is protected in a way that this version "
		    "does not know: update sada");
	if (n != FILE_LEN)
		return sada_err_set(err, SADA_FORMAT,
		    "the key file has a wrong size");
	k = key_alloc();
	memcpy(k->sign_seed, p + OFF_SIGN, sizeof(k->sign_seed));
	memcpy(k->box_seed, p + OFF_BOX, sizeof(k->box_seed));
	key_derive(k);
	*out = k;
	return 0;
}

/*
 * What is signed: a fixed prefix that no other program signs, the
 * context, a long hash of the bytes.
 */
#define SIG_PREFIX "sada sig v1"	/* with its NUL */
#define SIG_PREFIX_LEN 12
#define SIG_HASH_LEN 64
#define SIG_INPUT_LEN (SIG_PREFIX_LEN + SADA_PERSONAL_LEN + SIG_HASH_LEN)

_Static_assert(sizeof(SIG_PREFIX) == SIG_PREFIX_LEN, "NUL included");

static void
sig_input(unsigned char in[SIG_INPUT_LEN], enum sada_ctx ctx, const void *p,
    size_t n)
{
	memcpy(in, SIG_PREFIX, SIG_PREFIX_LEN);
	in += SIG_PREFIX_LEN;
	memcpy(in, sada_ctx_personal(ctx), SADA_PERSONAL_LEN);
	in += SADA_PERSONAL_LEN;
	sada_hash_keyed(in, SIG_HASH_LEN, ctx, NULL, p, n);
}

void
sada_sign(unsigned char sig[SADA_SIG_LEN], const struct sada_key *k,
    enum sada_ctx ctx, const void *p, size_t n)
{
	unsigned char in[SIG_INPUT_LEN];
	int rc;

	sig_input(in, ctx, p, n);
	rc = crypto_sign_detached(sig, NULL, in, sizeof(in), k->sign_sk);
	assert(rc == 0);
}

int
sada_verify_sig(const unsigned char *sig, const unsigned char *sign,
    enum sada_ctx ctx, const void *p, size_t n, struct sada_err *err)
{
	unsigned char in[SIG_INPUT_LEN];

	sig_input(in, ctx, p, n);
	if (crypto_sign_verify_detached(sig, in, sizeof(in), sign) != 0)
		return sada_err_set(err, SADA_AUTH,
		    "the signature is not by the key that it should be by");
	return 0;
}
