/*
 * A replica's keys: the secret, made, kept in locked memory, written to
 * and read from its key file, and used to sign; and the public half, which
 * raw keys are accepted, and the text that people copy.
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
 *
 * Public text, 117 characters: "sada1", then lower-case RFC 4648 base32
 * without padding of 70 bytes: Ed25519 key 32, X25519 key 32, the first 6
 * bytes of H("sada.id.v1", both keys).  70 bytes are exactly 112
 * characters, so no bit is left over and one pair of keys has one text.
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

/* The public half: which raw keys are accepted, and its text. */

#define PREFIX "sada1"
#define PREFIX_LEN 5
#define SUM_LEN 6
#define RAW_LEN (2 * SADA_PK_LEN + SUM_LEN)
#define BASE32_LEN (RAW_LEN / 5 * 8)

_Static_assert(RAW_LEN % 5 == 0, "no bits left over in the text");

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Is the X25519 key the one encoding of its value, that is below p? */
static int
box_canonical(const unsigned char *box)
{
	size_t i;

	/* p = 2^255 - 19 is 7f, thirty times ff, ed from the top down. */
	if (box[31] != 0x7f)
		return box[31] < 0x7f;
	for (i = 30; i > 0; i--)
		if (box[i] != 0xff)
			return 1;
	return box[0] < 0xed;
}

/* Is the X25519 key of large order?  Only then a secret comes of it. */
static int
box_large_order(const unsigned char *box)
{
	unsigned char scalar[crypto_scalarmult_SCALARBYTES];
	unsigned char q[crypto_scalarmult_BYTES];

	sada_io_random(scalar, sizeof(scalar));
	return crypto_scalarmult(q, scalar, box) == 0;
}

int
sada_pub_init(struct sada_pub *p, const unsigned char *sign,
    const unsigned char *box, struct sada_err *err)
{
	struct sada_pub pub;

	if (crypto_core_ed25519_is_valid_point(sign) != 1)
		return sada_err_set(err, SADA_FORMAT,
		    "the signing key is weak or no key at all");
	if (!box_canonical(box) || !box_large_order(box))
		return sada_err_set(err, SADA_FORMAT,
		    "the sealing key is weak or no key at all");
	memcpy(pub.sign, sign, sizeof(pub.sign));
	memcpy(pub.box, box, sizeof(pub.box));
	sada_hash(&pub.id, SADA_CTX_ID, sign, sizeof(pub.sign));
	*p = pub;
	return 0;
}

/* Encode RAW_LEN bytes, eight characters for every five. */
static void
base32_encode(char *out, const unsigned char *raw)
{
	size_t i, j;
	uint64_t v;

	for (i = 0; i < RAW_LEN; i += 5) {
		for (v = 0, j = 0; j < 5; j++)
			v = v << 8 | raw[i + j];
		for (j = 0; j < 8; j++)
			*out++ = alphabet[v >> (35 - 5 * j) & 31];
	}
}

static int
base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

/* Decode BASE32_LEN characters; -1 when one is not of the alphabet. */
static int
base32_decode(unsigned char *raw, const char *s)
{
	size_t i, j;
	uint64_t v;
	int c;

	for (i = 0; i < RAW_LEN; i += 5) {
		for (v = 0, j = 0; j < 8; j++) {
			if ((c = base32_value(*s++)) < 0)
				return -1;
			v = v << 5 | (uint64_t)c;
		}
		for (j = 0; j < 5; j++)
			raw[i + j] = (unsigned char)(v >> (32 - 8 * j));
	}
	return 0;
}

void
sada_pub_text(struct sada_buf *out, const struct sada_pub *p)
{
	unsigned char raw[RAW_LEN];
	char text[BASE32_LEN];
	struct sada_id sum;

	memcpy(raw, p->sign, SADA_PK_LEN);
	memcpy(raw + SADA_PK_LEN, p->box, SADA_PK_LEN);
	sada_hash(&sum, SADA_CTX_ID, raw, 2 * SADA_PK_LEN);
	memcpy(raw + 2 * SADA_PK_LEN, sum.b, SUM_LEN);
	base32_encode(text, raw);
	sada_buf_add(out, PREFIX, PREFIX_LEN);
	sada_buf_add(out, text, sizeof(text));
}

int
sada_pub_parse(struct sada_pub *out, const char *s, size_t n,
    struct sada_err *err)
{
	unsigned char raw[RAW_LEN];
	struct sada_id sum;

	if (n < PREFIX_LEN || memcmp(s, PREFIX, PREFIX_LEN) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the public key does not begin with " PREFIX);
	if (n != PREFIX_LEN + BASE32_LEN)
		return sada_err_set(err, SADA_FORMAT,
		    "the public key has %zu characters, not %d: copy all of it",
		    n, PREFIX_LEN + BASE32_LEN);
	if (base32_decode(raw, s + PREFIX_LEN) < 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the public key holds a character other than a-z and 2-7");
	sada_hash(&sum, SADA_CTX_ID, raw, 2 * SADA_PK_LEN);
	if (memcmp(sum.b, raw + 2 * SADA_PK_LEN, SUM_LEN) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the public key has a wrong checksum: copy it again");
	return sada_pub_init(out, raw, raw + SADA_PK_LEN, err);
}
