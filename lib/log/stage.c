/*
 * Staging: ops that are tried before they are committed.  They stand
 * behind all others in the index, and go the way they came.
 */
#include <assert.h>
#include <string.h>

#include "log/log_priv.h"

int
sada_log_stage(struct sada_log *l, const void *p, size_t n, uint32_t *i,
    struct sada_err *err)
{
	struct sada_rec r;
	uint32_t k;
	size_t j;
	int rc = 0;

	memset(&r, 0, sizeof(r));
	sada_hash(&r.id, SADA_CTX_OP, p, n);
	if (sada_log_find(l, &r.id, i))
		return 0;
	r.type = SADA_LOG_OP;
	r.p = p;
	r.n = n;
	if ((r.rc = sada_op_decode(&r.op, p, n, err)) < 0)
		return r.rc;
	for (j = 0; j < r.op.nparents; j++)
		if (!sada_log_find(l, &r.op.parents[j], &k)) {
			rc = sada_err_set(err, SADA_NOTFOUND,
			    "a parent of an op is not held");
			goto out;
		}
	if (l->staged == SADA_LOG_NONE) {
		l->staged = l->n;
		l->staged_due = l->due;
		l->staged_forks = l->nforks;
	}
	*i = l->n;
	(void)sada_index_add(l, &r, SADA_FRAME_PULLED, 0, 0);
out:
	sada_op_release(&r.op);
	return rc;
}

void
sada_log_unstage_last(struct sada_log *l)
{
	assert(l->staged != SADA_LOG_NONE && l->n > l->staged);
	sada_index_truncate(l, l->n - 1);
	if (l->n == l->staged)
		sada_log_unstage(l);
}

void
sada_log_unstage(struct sada_log *l)
{
	if (l->staged == SADA_LOG_NONE)
		return;
	if (l->n > l->staged)
		sada_index_truncate(l, l->staged);
	l->due = l->staged_due;
	l->nforks = l->staged_forks;
	l->staged = SADA_LOG_NONE;
}
