/*
 * Sealing: slots for recipients, the header tag, the chunk stream.
 * Byte layout of the whole is lib/format/bundle.h; here are the keys.
 */
#ifndef SADA_CRYPTO_SEAL_H
#define SADA_CRYPTO_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/key.h"

#define SADA_FILEKEY_LEN 32
#define SADA_SLOT_LEN 96	/* hint 16 || crypto_box_seal(file key) 80 */
#define SADA_SLOTS_MAX 64
#define SADA_STREAM_HEAD_LEN 24
#define SADA_TAG_LEN 32
#define SADA_CHUNK_RAW 65536	/* plaintext of all chunks but the last */
#define SADA_CHUNK_OVER 17	/* what secretstream adds to a chunk */

/* A random file key; wipe it after use. */
void sada_filekey_new(unsigned char fk[SADA_FILEKEY_LEN]);

/*
 * Make a slot for the recipient key P: sealed box of FK, preceded by the
 * hint = first 16 bytes of BLAKE2b-256(key = recipient's X25519 public key,
 * personal "sada.hint.v1", the sealed box's first 32 bytes): only who
 * knows the recipient's key can match it.
 */
void sada_slot_make(unsigned char slot[SADA_SLOT_LEN],
    const unsigned char *fk, const struct sada_pub *p);
/* Fill a slot for nobody: as random as the others. */
void sada_slot_dummy(unsigned char slot[SADA_SLOT_LEN]);
/* Does the hint of SLOT match the recipient P? */
int sada_slot_matches(const unsigned char *slot, const struct sada_pub *p);
/* Open SLOT with K.  Errors: AUTH when it is not for K. */
SADA_MUST int sada_slot_open(unsigned char fk[SADA_FILEKEY_LEN],
    const unsigned char *slot, const struct sada_key *k,
    struct sada_err *err);

/*
 * Tag over the clear header: BLAKE2b-256(key = kdf(FK, 1, "sadaHEAD"),
 * personal "sada.bhead.v1", le64(n) || bytes): MAC and key commitment.
 */
void sada_head_tag(unsigned char tag[SADA_TAG_LEN], const unsigned char *fk,
    const void *p, size_t n);
/* Compare in constant time; 0 when equal. */
int sada_tag_cmp(const unsigned char *a, const unsigned char *b);

/*
 * secretstream XChaCha20-Poly1305 under kdf(FK, 2, "sadaSTRM").  Chunk i
 * has the additional data BINDING (32 bytes) || le64(i); the last has
 * TAG_FINAL, all others TAG_MESSAGE.
 */
struct sada_stream;

/* Start sealing; HEAD receives the 24 bytes that go into the header. */
void sada_stream_push_new(struct sada_stream **out,
    unsigned char head[SADA_STREAM_HEAD_LEN], const unsigned char *fk);
/* Start opening with HEAD from the header.  Errors: FORMAT. */
SADA_MUST int sada_stream_pull_new(struct sada_stream **out,
    const unsigned char *head, const unsigned char *fk,
    struct sada_err *err);
/* Set the 32 bytes that every chunk is bound to; before the first chunk. */
void sada_stream_bind(struct sada_stream *s, const struct sada_id *binding);
enum { SADA_STREAM_FINAL = 1 };
/*
 * Seal N plaintext bytes into N + SADA_CHUNK_OVER bytes at OUT.  N is
 * SADA_CHUNK_RAW; with FINAL it may be less.  Nothing follows FINAL.
 */
void sada_stream_push(struct sada_stream *s, unsigned char *out,
    const void *p, size_t n, unsigned flags);
/*
 * Open a sealed chunk of N bytes into OUT (N - SADA_CHUNK_OVER bytes);
 * *FLAGS tells FINAL.  Errors: FORMAT (forged, damaged, out of order, of
 * a size that push does not make, behind FINAL); after one, every further
 * chunk is refused.
 */
SADA_MUST int sada_stream_pull(struct sada_stream *s, unsigned char *out,
    const unsigned char *p, size_t n, unsigned *flags,
    struct sada_err *err);
/* Wipe and free; NULL is fine. */
void sada_stream_free(struct sada_stream *s);

#endif
