/*
 * The public half of a key: which raw keys are accepted, and the text
 * that people copy.
 *
 * Text, 117 characters: "sada1", then lower-case RFC 4648 base32 without
 * padding of 70 bytes: Ed25519 key 32, X25519 key 32, the first 6 bytes
 * of H("sada.id.v1", both keys).  70 bytes are exactly 112 characters, so
 * no bit is left over and one pair of keys has one text.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/io.h"
#include "crypto/key.h"

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
