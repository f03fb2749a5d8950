/*
 * Sealing: slots for recipients, the tag over the clear header, and the
 * chunk stream.
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
 *
 * The stream is secretstream XChaCha20-Poly1305 with each chunk bound to
 * its bundle and its number.  A sealed chunk is 1 byte of encrypted tag,
 * the ciphertext, 16 bytes of Poly1305.  Plaintext is cut at
 * SADA_CHUNK_RAW bytes, so a stream has no second form: only the last
 * chunk may be shorter, and only the two tags MESSAGE and FINAL are known.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/io.h"
#include "crypto/hash_priv.h"
#include "crypto/key_priv.h"
#include "crypto/seal.h"

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

/* *SUB = kdf(FK, N, CTX), 32 secret bytes; wipe it after use. */
static void
filekey_sub(unsigned char sub[32], const unsigned char *fk, uint64_t n,
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

	filekey_sub(sub, fk, 1, "sadaHEAD");
	sada_hash_keyed(tag, SADA_TAG_LEN, SADA_CTX_HEAD, sub, p, n);
	sodium_memzero(sub, sizeof(sub));
}

int
sada_tag_cmp(const unsigned char *a, const unsigned char *b)
{
	return sodium_memcmp(a, b, SADA_TAG_LEN);
}

/* The chunk stream. */

#define AD_LEN (SADA_ID_LEN + 8)
#define TAG_MESSAGE crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
#define TAG_FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

_Static_assert(crypto_secretstream_xchacha20poly1305_HEADERBYTES ==
    SADA_STREAM_HEAD_LEN &&
    crypto_secretstream_xchacha20poly1305_ABYTES == SADA_CHUNK_OVER &&
    crypto_secretstream_xchacha20poly1305_KEYBYTES == SADA_FILEKEY_LEN,
    "stream sizes of the library");

/*
 * Lies in locked memory.
 *
 * 1. NEXT is the number of the chunk that comes next.
 * 2. Once DONE (FINAL was seen, or a chunk was refused) none comes.
 * 3. BOUND before the first chunk, never changed after it.
 */
struct sada_stream {
	crypto_secretstream_xchacha20poly1305_state state;
	unsigned char ad[AD_LEN];	/* binding || le64(NEXT) */
	uint64_t next;
	int bound;
	int done;
};

static struct sada_stream *
stream_alloc(void)
{
	struct sada_stream *s;

	s = sodium_malloc(sizeof(*s));
	assert(s != NULL);
	memset(s, 0, sizeof(*s));
	return s;
}

void
sada_stream_push_new(struct sada_stream **out,
    unsigned char head[SADA_STREAM_HEAD_LEN], const unsigned char *fk)
{
	unsigned char sub[32];
	struct sada_stream *s;
	int rc;

	s = stream_alloc();
	filekey_sub(sub, fk, 2, "sadaSTRM");
	rc = crypto_secretstream_xchacha20poly1305_init_push(&s->state, head,
	    sub);
	assert(rc == 0);
	sodium_memzero(sub, sizeof(sub));
	*out = s;
}

int
sada_stream_pull_new(struct sada_stream **out, const unsigned char *head,
    const unsigned char *fk, struct sada_err *err)
{
	unsigned char sub[32];
	struct sada_stream *s;
	int rc;

	*out = NULL;
	s = stream_alloc();
	filekey_sub(sub, fk, 2, "sadaSTRM");
	rc = crypto_secretstream_xchacha20poly1305_init_pull(&s->state, head,
	    sub);
	sodium_memzero(sub, sizeof(sub));
	if (rc != 0) {
		sada_stream_free(s);
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle's stream header is damaged");
	}
	*out = s;
	return 0;
}

void
sada_stream_bind(struct sada_stream *s, const struct sada_id *binding)
{
	assert(s->next == 0 && !s->done);
	memcpy(s->ad, binding->b, SADA_ID_LEN);
	s->bound = 1;
}

/* The additional data of the next chunk, which is counted by this. */
static const unsigned char *
next_ad(struct sada_stream *s)
{
	assert(s->bound);
	sada_le64_put(s->ad + SADA_ID_LEN, s->next++);
	return s->ad;
}

void
sada_stream_push(struct sada_stream *s, unsigned char *out, const void *p,
    size_t n, unsigned flags)
{
	int final = (flags & SADA_STREAM_FINAL) != 0;
	int rc;

	assert((flags & ~(unsigned)SADA_STREAM_FINAL) == 0);
	assert(!s->done);
	assert(n == SADA_CHUNK_RAW || (final && n < SADA_CHUNK_RAW));
	rc = crypto_secretstream_xchacha20poly1305_push(&s->state, out, NULL,
	    p, n, next_ad(s), AD_LEN, final ? TAG_FINAL : TAG_MESSAGE);
	assert(rc == 0);
	s->done = final;
}

/* Does a chunk of N plaintext bytes with TAG have its only form? */
static int
form_ok(size_t n, unsigned char tag)
{
	return (tag == TAG_FINAL && n <= SADA_CHUNK_RAW) ||
	    (tag == TAG_MESSAGE && n == SADA_CHUNK_RAW);
}

int
sada_stream_pull(struct sada_stream *s, unsigned char *out,
    const unsigned char *p, size_t n, unsigned *flags, struct sada_err *err)
{
	unsigned char tag;
	size_t raw;

	*flags = 0;
	if (s->done)
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle goes on behind its end");
	s->done = 1;
	if (n < SADA_CHUNK_OVER || n > SADA_CHUNK_RAW + SADA_CHUNK_OVER)
		return sada_err_set(err, SADA_FORMAT,
		    "chunk %llu of the bundle has a wrong size",
		    (unsigned long long)s->next);
	raw = n - SADA_CHUNK_OVER;
	if (crypto_secretstream_xchacha20poly1305_pull(&s->state, out, NULL,
	    &tag, p, n, next_ad(s), AD_LEN) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "chunk %llu of the bundle is damaged, forged or not in "
		    "its place", (unsigned long long)(s->next - 1));
	if (!form_ok(raw, tag)) {
		sodium_memzero(out, raw);
		return sada_err_set(err, SADA_FORMAT,
		    "chunk %llu of the bundle has a wrong size or tag",
		    (unsigned long long)(s->next - 1));
	}
	if (tag == TAG_FINAL)
		*flags = SADA_STREAM_FINAL;
	else
		s->done = 0;
	return 0;
}

void
sada_stream_free(struct sada_stream *s)
{
	sodium_free(s);		/* wipes; NULL is fine */
}
