/* Parts of an op record: without its signature, for tests; its hints. */
#ifndef SADA_FORMAT_OP_PRIV_H
#define SADA_FORMAT_OP_PRIV_H

#include "format/op.h"

/* Append what of OP's record is signed.  Asserts its invariants. */
void sada_op_put_body(struct sada_buf *out, const struct sada_op *op);

/*
 * Read N hints from R as op.h lays them out; R is BAD when they are not
 * such.
 */
void sada_hints_check(struct sada_rd *r, uint64_t n);

#endif
