/* A replica's keys, their public text, signatures. */
#ifndef SADA_CRYPTO_KEY_H
#define SADA_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"

#define SADA_SIG_LEN 64
#define SADA_PK_LEN 32
#define SADA_SEED_LEN 32

/* The public half: two independent keys and the id that follows. */
struct sada_pub {
	unsigned char sign[SADA_PK_LEN];	/* Ed25519 */
	unsigned char box[SADA_PK_LEN];		/* X25519 */
	struct sada_id id;			/* H("sada.id.v1", sign) */
};

struct sada_key;

/*
 * Make a new key from the door's randomness.  *OUT is new, in locked
 * memory; free it with sada_key_free().
 */
void sada_key_new(struct sada_key **out);
/* Forget and free K; NULL is fine. */
void sada_key_free(struct sada_key *k);
/* The public half of K, borrowed until K is freed. */
const struct sada_pub *sada_key_pub(const struct sada_key *k);

/*
 * Append the key file of K: "sadakey1", le32 KDF id 0 (none), two seeds of
 * 32 bytes, a 32-byte H("sada.file.v1", all before).  Secret bytes: wipe
 * the buffer with sada_wipe().
 */
void sada_key_encode(struct sada_buf *out, const struct sada_key *k);
/* Read a key file.  *OUT is new.  Errors: FORMAT VERSION. */
SADA_MUST int sada_key_decode(struct sada_key **out, const void *p,
    size_t n, struct sada_err *err);
/* Overwrite N secret bytes. */
void sada_wipe(void *p, size_t n);

/*
 * Append the public text of P: "sada1" and lower-case RFC 4648 base32
 * without padding of sign || box || the first 6 bytes of
 * H("sada.id.v1", sign || box): 5 + 112 characters.
 */
void sada_pub_text(struct sada_buf *out, const struct sada_pub *p);
/*
 * Read a public text of N characters.  Refuses a bad checksum and
 * small-order keys.  Errors: FORMAT.
 */
SADA_MUST int sada_pub_parse(struct sada_pub *out, const char *s, size_t n,
    struct sada_err *err);
/*
 * Fill P from two raw keys.  P is untouched on failure.  Errors: FORMAT
 * when one is of small order or not in the one encoding of its value.
 */
SADA_MUST int sada_pub_init(struct sada_pub *p, const unsigned char *sign,
    const unsigned char *box, struct sada_err *err);

/*
 * Sign: Ed25519 over "sada sig v1\0" || 16-byte personal of CTX ||
 * BLAKE2b-512(personal CTX, le64(n) || bytes).
 */
void sada_sign(unsigned char sig[SADA_SIG_LEN], const struct sada_key *k,
    enum sada_ctx ctx, const void *p, size_t n);
/* Verify under the Ed25519 key SIGN.  Errors: AUTH. */
SADA_MUST int sada_verify_sig(const unsigned char *sig,
    const unsigned char *sign, enum sada_ctx ctx, const void *p, size_t n,
    struct sada_err *err);

#endif
