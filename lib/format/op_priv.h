/* An op record without its signature, for the tests of the codec. */
#ifndef SADA_FORMAT_OP_PRIV_H
#define SADA_FORMAT_OP_PRIV_H

#include "format/op.h"

/* Append what of OP's record is signed.  Asserts its invariants. */
void sada_op_put_body(struct sada_buf *out, const struct sada_op *op);

#endif
