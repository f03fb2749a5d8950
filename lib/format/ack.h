/* Acknowledgements: what a replica has, lacks and needs, signed by it. */
#ifndef SADA_FORMAT_ACK_H
#define SADA_FORMAT_ACK_H

#include "format/types.h"

/* "I have this op and all of its past." */
struct sada_have {
	struct sada_id author;
	uint64_t epoch, seq;
	struct sada_id op;
};
/* A content (or, size 0 and type set, an ancestors object) that is lacked. */
struct sada_want {
	uint8_t type;			/* SADA_OBJ_CHUNK, _LIST or _ANC */
	struct sada_id id;
	uint64_t size;			/* of the content */
};
/*
 * One acknowledgement.  Of two by one author the one with the greater
 * (incarnation, counter) holds, whatever it says.
 */
struct sada_ack {
	struct sada_id author;
	uint64_t incarnation, counter;
	struct sada_have *have;		/* sorted by op id */
	size_t nhave;
	struct sada_want *want;		/* sorted by (type, id) */
	size_t nwant;
	struct sada_id *need;		/* ops whose maps are needed whole; sorted */
	size_t nneed;
};
#define SADA_ACK_HAVE_MAX 65536
#define SADA_ACK_WANT_MAX 65536
#define SADA_ACK_NEED_MAX 4096

/*
 * u8 version 1, 32 author, le64 incarnation, le64 counter, var nhave x (32
 * author, le64 epoch, var seq, 32 op), var nwant x (u8 type, 32 id, var
 * size), var nneed x 32; 64 signature under "sada.ack.v1" of all before.
 */
void sada_ack_encode(struct sada_buf *out, const struct sada_ack *a,
    const struct sada_key *k);
/*
 * Decode; arrays are new, free with sada_ack_release().  The signature is
 * checked under SIGN unless that is NULL.  Errors: FORMAT VERSION AUTH.
 */
SADA_MUST int sada_ack_decode(struct sada_ack *a, const void *p, size_t n,
    const unsigned char *sign, struct sada_err *err);
/* Free what A holds. */
void sada_ack_release(struct sada_ack *a);

#endif
