/*
 * The canonical property of acknowledgements and first records: what is
 * accepted, the encoder writes back the same.  Each gives 0 (refused),
 * 1 (accepted, same bytes) or -1 (accepted, other bytes: a fault).
 */
#ifndef SADA_UNIT_ACK_CANON_H
#define SADA_UNIT_ACK_CANON_H

#include <string.h>

#include "format/bundle.h"

/* Signature and author are left out: no key can make any given ones. */
static inline int
canon_ack(const void *p, size_t n)
{
	const unsigned char *b = p;
	struct sada_key *k = NULL;
	struct sada_buf back = { 0 };
	struct sada_ack a;
	int rc = 0;

	if (sada_ack_decode(&a, p, n, NULL, NULL) < 0)
		return 0;
	sada_key_new(&k);
	a.author = sada_key_pub(k)->id;
	sada_ack_encode(&back, &a, k);
	rc = back.len == n && back.p[0] == b[0] &&
	    memcmp(back.p + 33, b + 33, n - 33 - SADA_SIG_LEN) == 0 ? 1 : -1;
	sada_buf_release(&back);
	sada_key_free(k);
	sada_ack_release(&a);
	return rc;
}

static inline int
canon_head(const void *p, size_t n)
{
	struct sada_bundle_head h;
	struct sada_buf back = { 0 };
	int rc = 0;

	if (sada_bundle_head_decode(&h, p, n, NULL) < 0)
		return 0;
	sada_bundle_head_encode(&back, &h);
	rc = back.len == n && memcmp(back.p, p, n) == 0 ? 1 : -1;
	sada_buf_release(&back);
	sada_bundle_head_release(&h);
	return rc;
}

#endif
