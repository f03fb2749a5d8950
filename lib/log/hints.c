/*
 * Hints of renames: the index only counts them; they are read again from
 * the op's record when they are asked for, and kept for the next time.  Of
 * staged ops, which cannot be read again, they are always kept.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log/log_priv.h"

/* Bytes of hints that are kept of ops whose records can be read again. */
#define KEEP_MAX ((size_t)32 << 20)

/* What K takes, decoded or not. */
static size_t
size_of(const struct sada_hinted *k)
{
	return sizeof(*k) + k->len + k->n * sizeof(*k->h);
}

void
sada_index_unhint(struct sada_log *l, uint32_t from)
{
	uint32_t i;

	for (i = from; i < l->n; i++) {
		struct sada_hinted *k = l->links[i].hints;

		if (k == NULL)
			continue;
		if (i < l->staged)
			l->hinted -= size_of(k);
		free(k->h);
		free(k);
		l->links[i].hints = NULL;
	}
}

/* Forget those that can be read again. */
static void
make_room(struct sada_log *l)
{
	uint32_t n = l->n;

	if (l->staged != SADA_LOG_NONE)
		l->n = l->staged;
	sada_index_unhint(l, 0);
	l->n = n;
	assert(l->hinted == 0);
}

void
sada_index_hint(struct sada_log *l, uint32_t i, const struct sada_op *op)
{
	struct sada_hinted *k;

	if (op->nhints == 0)
		return;
	assert(l->links[i].hints == NULL);
	k = sada_malloc(sizeof(*k) + op->hints_len);
	memcpy(k->bytes, op->hints, op->hints_len);
	k->len = op->hints_len;
	k->n = op->nhints;
	k->h = NULL;
	l->links[i].hints = k;
	if (i < l->staged)
		l->hinted += size_of(k);
}

/* Read the hints of op I, which is not staged. */
static int
read_hints(struct sada_log *l, uint32_t i, struct sada_err *err)
{
	struct sada_buf rec = { 0 };
	struct sada_op op;
	int rc;

	memset(&op, 0, sizeof(op));
	if ((rc = sada_log_read(l, i, &rec, err)) < 0 ||
	    (rc = sada_op_decode(&op, rec.p, rec.len, err)) < 0)
		goto out;
	if (l->hinted > KEEP_MAX)
		make_room(l);
	sada_index_hint(l, i, &op);
out:
	sada_op_release(&op);
	sada_buf_release(&rec);
	return rc;
}

int
sada_log_hints(struct sada_log *l, uint32_t i, const struct sada_hint **h,
    size_t *n, struct sada_err *err)
{
	struct sada_hinted *k;
	struct sada_op op;
	int rc;

	assert(i < l->n);
	*h = NULL;
	*n = 0;
	if (l->ops[i].nhints == 0)
		return 0;
	if (l->links[i].hints == NULL && (rc = read_hints(l, i, err)) < 0)
		return rc;
	k = l->links[i].hints;
	if (k->h == NULL) {
		memset(&op, 0, sizeof(op));
		op.hints = k->bytes;
		op.hints_len = k->len;
		op.nhints = (uint32_t)k->n;
		sada_op_hints(&k->h, &op);
	}
	*h = k->h;
	*n = k->n;
	return 0;
}
