/*
 * The chunk stream: secretstream XChaCha20-Poly1305 with each chunk bound
 * to its bundle and its number.
 *
 * A sealed chunk is 1 byte of encrypted tag, the ciphertext, 16 bytes of
 * Poly1305.  Plaintext is cut at SADA_CHUNK_RAW bytes, so a stream has no
 * second form: only the last chunk may be shorter, and only the two tags
 * MESSAGE and FINAL are known.
 */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "crypto/seal_priv.h"

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
	sada_filekey_sub(sub, fk, 2, "sadaSTRM");
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
	sada_filekey_sub(sub, fk, 2, "sadaSTRM");
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
