/* Op and member records. */
#ifndef SADA_FORMAT_OP_H
#define SADA_FORMAT_OP_H

#include "format/types.h"

/*
 * Op record: u8 version 1, u8 kind 1, u8 flags, 32 author, le64 epoch,
 * le64 seq, le64 tag, 32 prev, var nparents, 32 each, le64 wall_ns, 32 root,
 * INLINE: var length, bytes; else 32 changes; var nhints (0), var n_set,
 * var n_gone, var n_lost, var n_before, var length, message; 64 signature
 * under "sada.op.v1" of all bytes before it.  Id = H("sada.op.v1", record).
 */
#define SADA_OP_RECORD_MAX (256u << 10)

/*
 * Append the record of OP, signed by K (whose id is OP's author), and set
 * OP->sig.  *ID (may be NULL) is its id.
 */
void sada_op_encode(struct sada_buf *out, struct sada_op *op,
    const struct sada_key *k, struct sada_id *id);
/*
 * Decode a record.  OP borrows P but for the parents, a new array: free
 * with sada_op_release().  The signature is not verified.  Errors: FORMAT
 * VERSION.
 */
SADA_MUST int sada_op_decode(struct sada_op *op, const void *p, size_t n,
    struct sada_err *err);
/* Verify the signature of the record at P under SIGN.  Errors: AUTH. */
SADA_MUST int sada_op_verify(const void *p, size_t n,
    const unsigned char *sign, struct sada_err *err);
/* Free what OP holds. */
void sada_op_release(struct sada_op *op);

/*
 * Member record: u8 version 1, 32 sign, 32 box, var length, name, le64
 * number, le64 wall_ns; 64 signature by sign under "sada.member.v1".
 */
#define SADA_MEMBER_RECORD_MAX 512
/* Append the record of the holder of K. */
void sada_member_encode(struct sada_buf *out, const struct sada_member *m,
    const struct sada_key *k);
/* Decode and verify the self-signature.  Errors: FORMAT VERSION AUTH. */
SADA_MUST int sada_member_decode(struct sada_member *m, const void *p,
    size_t n, struct sada_err *err);

/* Is S (NUL-terminated) a NAME: [A-Za-z0-9][A-Za-z0-9._-]{0,63}? */
int sada_member_name_ok(const char *s);

#endif
