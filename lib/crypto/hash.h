/* Hashes: BLAKE2b with one closed table of contexts.  Only sodium is used. */
#ifndef SADA_CRYPTO_HASH_H
#define SADA_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SADA_ID_LEN 32
#define SADA_HEX_LEN 64

/* 32 bytes that name something; all zero names nothing. */
struct sada_id {
	unsigned char b[SADA_ID_LEN];
};

/*
 * What is hashed.  Each has a 16-byte personal string of its own, so no
 * object can pass for another kind: H(ctx, x) =
 * BLAKE2b-256(personal = string zero-padded, le64(length of x) || x).
 */
enum sada_ctx {
	SADA_CTX_CHUNK,		/* "sada.chunk.v1"   file content */
	SADA_CTX_LIST,		/* "sada.list.v1"    file list */
	SADA_CTX_NODE,		/* "sada.node.v1"    map node */
	SADA_CTX_ANC,		/* "sada.anc.v1"     ancestors */
	SADA_CTX_VERSION,	/* "sada.version.v1" version record */
	SADA_CTX_OP,		/* "sada.op.v1"      op record with signature */
	SADA_CTX_MEMBER,	/* "sada.member.v1"  member record */
	SADA_CTX_ID,		/* "sada.id.v1"      Ed25519 public key */
	SADA_CTX_NAME,		/* "sada.name.v1"    conflict name */
	SADA_CTX_STATE,		/* "sada.state.v1"   heads and root */
	SADA_CTX_MERGE,		/* "sada.merge.v1"   sides of a merge */
	SADA_CTX_PACK,		/* "sada.pack.v1"    pack trailer */
	SADA_CTX_INDEX,		/* "sada.index.v1"   pack index */
	SADA_CTX_FRAME,		/* "sada.frame.v1"   log frame */
	SADA_CTX_HEAD,		/* "sada.bhead.v1"   bundle's clear header */
	SADA_CTX_SEGMENT,	/* "sada.seg.v1"     bundle segment */
	SADA_CTX_HINT,		/* "sada.hint.v1"    slot hint */
	SADA_CTX_ACK,		/* "sada.ack.v1"     acknowledgement */
	SADA_CTX_FILE,		/* "sada.file.v1"    small local files */
	SADA_CTX_COUNT
};

/* Prepare the library; call once before anything else.  Asserts on failure. */
void sada_crypto_init(void);

/* *OUT = H(CTX, P[0..N)). */
void sada_hash(struct sada_id *out, enum sada_ctx ctx, const void *p,
    size_t n);
/* The same over two pieces A and B joined. */
void sada_hash2(struct sada_id *out, enum sada_ctx ctx, const void *a,
    size_t na, const void *b, size_t nb);

/* A hash whose input comes in pieces; the total length is told first. */
struct sada_hasher {
	_Alignas(64) unsigned char opaque[384];
	uint64_t left;		/* bytes that the caller still owes */
};
/* Start a hash over TOTAL bytes. */
void sada_hasher_init(struct sada_hasher *h, enum sada_ctx ctx,
    uint64_t total);
/* Add N bytes. */
void sada_hasher_add(struct sada_hasher *h, const void *p, size_t n);
/* Finish; the caller has added exactly TOTAL bytes. */
void sada_hasher_end(struct sada_hasher *h, struct sada_id *out);

/* SipHash-2-4 of N bytes under the 16-byte key KEY: cuts and checksums. */
uint64_t sada_siphash(const unsigned char key[16], const void *p, size_t n);

/* memcmp order of ids; 0 when equal. */
int sada_id_cmp(const struct sada_id *a, const struct sada_id *b);
/* Are all 32 bytes zero? */
int sada_id_zero(const struct sada_id *a);
/* Write 64 lower-case hex digits and a NUL to OUT. */
void sada_id_hex(char out[SADA_HEX_LEN + 1], const struct sada_id *a);
/*
 * Read the first N (1 to 64) hex digits of S into *OUT, the rest zero.
 * Returns 0, or -1 when a character is not a hex digit or N is another;
 * *OUT is then as before.
 */
int sada_id_parse(struct sada_id *out, const char *s, size_t n);

#endif
