/* Op and member records. */
#ifndef SADA_FORMAT_OP_H
#define SADA_FORMAT_OP_H

#include "format/types.h"

/*
 * Op record: u8 version 1, u8 kind 1, u8 flags, 32 author, le64 epoch,
 * le64 seq, le64 tag, 32 prev, var nparents, 32 each, le64 wall_ns, 32 root,
 * INLINE: var length, bytes; else 32 changes; var nhints, each hint; var
 * n_set, var n_gone, var n_lost, var n_before, var length, message; 64
 * signature under "sada.op.v1" of all bytes before it.  Id =
 * H("sada.op.v1", record).
 *
 * Hint: u8 kind, var length, from, var length, to.  Both are valid paths,
 * not empty, and differ; hints are sorted by from, each from once; at most
 * SADA_HINTS_MAX of them, in at most SADA_HINTS_BYTES.
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

/* Append hint H (asserted to be valid) to what becomes OP->hints. */
void sada_hint_put(struct sada_buf *out, const struct sada_hint *h);
/*
 * The hints of OP, a new array of OP->nhints (NULL when there are none)
 * that borrows OP->hints; free with free().
 */
void sada_op_hints(struct sada_hint **out, const struct sada_op *op);
/*
 * May hints have been left out of H[N] for want of room?  Then not all
 * renames of its op stand there.
 */
int sada_hints_full(const struct sada_hint *h, size_t n);
/*
 * The hint of H[N] that says where PATH went: its own, else that of the
 * nearest directory above it; NULL when there is none.
 */
const struct sada_hint *sada_hint_of(const struct sada_hint *h, size_t n,
    const char *path, size_t len);
/*
 * Append to OUT where PATH (which H names as from, or which lies below)
 * went: 1, or 0 when that would be no valid path.
 */
int sada_hint_map(struct sada_buf *out, const struct sada_hint *h,
    const char *path, size_t len);
/* Append to OUT where PATH (to of H, or below it) came from; as above. */
int sada_hint_unmap(struct sada_buf *out, const struct sada_hint *h,
    const char *path, size_t len);
/*
 * The hints of H[N] sorted by to, for sada_hint_origins(): a new array, free
 * with free().
 */
void sada_hints_by_to(const struct sada_hint ***out,
    const struct sada_hint *h, size_t n);
/*
 * Those of BY[N] that name PATH as to, then the directory ones that name
 * one above it, nearest first: up to MAX go to OUT; returns how many.
 */
size_t sada_hint_origins(const struct sada_hint **out, size_t max,
    const struct sada_hint *const *by, size_t n, const char *path,
    size_t len);

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
