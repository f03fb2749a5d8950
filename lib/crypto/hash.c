/*
 * BLAKE2b under a closed table of contexts, SipHash, and ids as text.
 *
 * The context is the hash's personal string and the length goes in front
 * of the bytes, so two inputs that differ in kind or in length never meet
 * in one hash.  The library's randomness is led through the one door here
 * as well, so that tests can make every random byte known.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "crypto/hash_priv.h"

typedef crypto_generichash_blake2b_state blake;

_Static_assert(sizeof(blake) <= sizeof(((struct sada_hasher *)0)->opaque),
    "the hash state does not fit into struct sada_hasher");
_Static_assert(_Alignof(struct sada_hasher) >= _Alignof(blake),
    "struct sada_hasher is less aligned than the hash state");
_Static_assert(crypto_generichash_blake2b_PERSONALBYTES ==
    SADA_PERSONAL_LEN, "personal strings have 16 bytes");

static const unsigned char personals[SADA_CTX_COUNT][SADA_PERSONAL_LEN] = {
	[SADA_CTX_CHUNK] = "sada.chunk.v1",
	[SADA_CTX_LIST] = "sada.list.v1",
	[SADA_CTX_NODE] = "sada.node.v1",
	[SADA_CTX_ANC] = "sada.anc.v1",
	[SADA_CTX_VERSION] = "sada.version.v1",
	[SADA_CTX_OP] = "sada.op.v1",
	[SADA_CTX_MEMBER] = "sada.member.v1",
	[SADA_CTX_ID] = "sada.id.v1",
	[SADA_CTX_NAME] = "sada.name.v1",
	[SADA_CTX_STATE] = "sada.state.v1",
	[SADA_CTX_MERGE] = "sada.merge.v1",
	[SADA_CTX_PACK] = "sada.pack.v1",
	[SADA_CTX_INDEX] = "sada.index.v1",
	[SADA_CTX_FRAME] = "sada.frame.v1",
	[SADA_CTX_HEAD] = "sada.bhead.v1",
	[SADA_CTX_SEGMENT] = "sada.seg.v1",
	[SADA_CTX_HINT] = "sada.hint.v1",
	[SADA_CTX_ACK] = "sada.ack.v1",
	[SADA_CTX_FILE] = "sada.file.v1",
};

static const char *
door_name(void)
{
	return "sada";
}

static void
door_buf(void *const p, const size_t n)
{
	sada_io_random(p, n);
}

static uint32_t
door_word(void)
{
	unsigned char b[4];

	sada_io_random(b, sizeof(b));
	return sada_le32(b);
}

static const randombytes_implementation door = {
	.implementation_name = door_name,
	.random = door_word,
	.buf = door_buf,
};

void
sada_crypto_init(void)
{
	int rc;

	/* The library only reads the table; its prototype forgot const. */
	rc = randombytes_set_implementation(
	    (randombytes_implementation *)&door);
	assert(rc == 0);
	rc = sodium_init();	/* 1: has been called before */
	assert(rc >= 0);
}

const unsigned char *
sada_ctx_personal(enum sada_ctx ctx)
{
	assert((unsigned)ctx < SADA_CTX_COUNT);
	return personals[ctx];
}

/* Start over TOTAL bytes; all but the slot hint is hashed this way. */
static void
start(blake *s, size_t outlen, enum sada_ctx ctx, const unsigned char *key,
    uint64_t total)
{
	unsigned char le[8];
	int rc;

	rc = crypto_generichash_blake2b_init_salt_personal(s, key,
	    key != NULL ? 32 : 0, outlen, NULL, sada_ctx_personal(ctx));
	assert(rc == 0);
	sada_le64_put(le, total);
	rc = crypto_generichash_blake2b_update(s, le, sizeof(le));
	assert(rc == 0);
}

static void
add(blake *s, const void *p, size_t n)
{
	int rc;

	if (n == 0)
		return;		/* P may be NULL then */
	rc = crypto_generichash_blake2b_update(s, p, n);
	assert(rc == 0);
}

static void
end(blake *s, unsigned char *out, size_t outlen)
{
	int rc;

	rc = crypto_generichash_blake2b_final(s, out, outlen);
	assert(rc == 0);
}

void
sada_hash_keyed(unsigned char *out, size_t outlen, enum sada_ctx ctx,
    const unsigned char *key, const void *p, size_t n)
{
	blake s;

	start(&s, outlen, ctx, key, n);
	add(&s, p, n);
	end(&s, out, outlen);
}

void
sada_hash(struct sada_id *out, enum sada_ctx ctx, const void *p, size_t n)
{
	sada_hash_keyed(out->b, sizeof(out->b), ctx, NULL, p, n);
}

void
sada_hash2(struct sada_id *out, enum sada_ctx ctx, const void *a, size_t na,
    const void *b, size_t nb)
{
	blake s;

	assert(nb <= SIZE_MAX - na);
	start(&s, sizeof(out->b), ctx, NULL, na + nb);
	add(&s, a, na);
	add(&s, b, nb);
	end(&s, out->b, sizeof(out->b));
}

static blake *
state_of(struct sada_hasher *h)
{
	return (blake *)(void *)h->opaque;
}

void
sada_hasher_init(struct sada_hasher *h, enum sada_ctx ctx, uint64_t total)
{
	h->left = total;
	start(state_of(h), SADA_ID_LEN, ctx, NULL, total);
}

void
sada_hasher_add(struct sada_hasher *h, const void *p, size_t n)
{
	assert(n <= h->left);
	h->left -= n;
	add(state_of(h), p, n);
}

void
sada_hasher_end(struct sada_hasher *h, struct sada_id *out)
{
	assert(h->left == 0);
	end(state_of(h), out->b, sizeof(out->b));
}

uint64_t
sada_siphash(const unsigned char key[16], const void *p, size_t n)
{
	unsigned char out[crypto_shorthash_BYTES];

	_Static_assert(crypto_shorthash_KEYBYTES == 16 &&
	    crypto_shorthash_BYTES == 8, "SipHash-2-4, 64 bits");
	crypto_shorthash(out, p, n, key);
	return sada_le64(out);
}

int
sada_id_cmp(const struct sada_id *a, const struct sada_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

int
sada_id_zero(const struct sada_id *a)
{
	static const struct sada_id zero;

	return sada_id_cmp(a, &zero) == 0;
}

void
sada_id_hex(char out[SADA_HEX_LEN + 1], const struct sada_id *a)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < SADA_ID_LEN; i++) {
		out[2 * i] = digits[a->b[i] >> 4];
		out[2 * i + 1] = digits[a->b[i] & 15];
	}
	out[SADA_HEX_LEN] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
sada_id_parse(struct sada_id *out, const char *s, size_t n)
{
	struct sada_id id = { { 0 } };
	size_t i;
	int v;

	if (n < 1 || n > SADA_HEX_LEN)
		return -1;
	for (i = 0; i < n; i++) {
		if ((v = hex_value(s[i])) < 0)
			return -1;
		if (i % 2 == 0)
			v <<= 4;
		id.b[i / 2] = (unsigned char)(id.b[i / 2] | v);
	}
	*out = id;
	return 0;
}
