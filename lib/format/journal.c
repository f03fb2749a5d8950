/* The journal of an apply: its codec.  The format stands in the header. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/journal.h"

#define JOURNAL_VERSION 1
#define HEAD_LEN 11		/* magic, version, phase */

static const unsigned char magic[8] = "sadaJRN1";

void
sada_journal_encode(struct sada_buf *out, const struct sada_journal *j)
{
	struct sada_id h;
	size_t at = out->len, i;

	assert(j->nheads <= SADA_JOURNAL_HEADS_MAX);
	sada_buf_add(out, magic, sizeof(magic));
	sada_put_u16(out, JOURNAL_VERSION);
	sada_put_u8(out, j->phase);
	sada_put_var(out, j->generation);
	sada_put_var(out, j->serial);
	sada_put_var(out, j->nheads);
	for (i = 0; i < j->nheads; i++)
		sada_buf_add(out, j->heads[i].b, SADA_ID_LEN);
	sada_buf_add(out, j->map.b, SADA_ID_LEN);
	sada_hash(&h, SADA_CTX_FILE, out->p + at, out->len - at);
	sada_buf_add(out, h.b, SADA_ID_LEN);
}

/* Read heads and root; 0 when the bytes break the format. */
static int
get_ids(struct sada_journal *j, struct sada_rd *r)
{
	const unsigned char *p;
	uint64_t count, i;

	count = sada_get_count(r, SADA_ID_LEN);
	if (r->bad || count > SADA_JOURNAL_HEADS_MAX)
		return 0;
	if (count > 0)
		j->heads = sada_calloc((size_t)count, sizeof(*j->heads));
	j->nheads = (size_t)count;
	for (i = 0; i < count; i++) {
		if ((p = sada_get_bytes(r, SADA_ID_LEN)) == NULL)
			return 0;
		memcpy(j->heads[i].b, p, SADA_ID_LEN);
		if (i > 0 && sada_id_cmp(&j->heads[i - 1], &j->heads[i]) >= 0)
			return 0;
	}
	if ((p = sada_get_bytes(r, SADA_ID_LEN)) == NULL)
		return 0;
	memcpy(j->map.b, p, SADA_ID_LEN);
	return sada_rd_left(r) == 0;
}

int
sada_journal_decode(struct sada_journal *j, const void *p, size_t n,
    struct sada_err *err)
{
	const unsigned char *b = p;
	struct sada_id h;
	struct sada_rd r;

	memset(j, 0, sizeof(*j));
	if (n < HEAD_LEN + SADA_ID_LEN ||
	    memcmp(b, magic, sizeof(magic)) != 0)
		return sada_err_set(err, SADA_FORMAT, "the journal is no "
		    "journal");
	sada_hash(&h, SADA_CTX_FILE, b, n - SADA_ID_LEN);
	if (memcmp(h.b, b + n - SADA_ID_LEN, SADA_ID_LEN) != 0)
		return sada_err_set(err, SADA_FORMAT, "the journal is "
		    "damaged");
	sada_rd_init(&r, b + sizeof(magic), n - sizeof(magic) - SADA_ID_LEN);
	if (sada_get_u16(&r) != JOURNAL_VERSION)
		return sada_err_set(err, SADA_VERSION, "the journal is of a "
		    "newer format");
	j->phase = sada_get_u8(&r);
	j->generation = sada_get_var(&r);
	j->serial = sada_get_var(&r);
	if (r.bad || (j->phase != SADA_JOURNAL_PLAN &&
	    j->phase != SADA_JOURNAL_STAGED) || !get_ids(j, &r)) {
		free(j->heads);
		memset(j, 0, sizeof(*j));
		return sada_err_set(err, SADA_FORMAT, "the journal breaks its "
		    "format");
	}
	return 0;
}
