/* Are two databases the same to those who ask them? */
#include <string.h>

#include "merge/sqlite_priv.h"

static int
same(struct sq_rows *x, struct sq_rows *y)
{
	size_t i;

	if (x->n != y->n)
		return 0;
	for (i = 0; i < x->n; i++)
		if (sada_sq_cmp(x, &x->v[i], y, &y->v[i]) != 0)
			return 0;
	return 1;
}

int
sada_sq_same_rows(struct sq *a, struct sq *b, const struct sq_tables *t,
    struct sada_err *err)
{
	static const char seq[] = "SELECT name, seq FROM sqlite_sequence";
	struct sq_rows x = {0}, y = {0};
	size_t i;
	int rc = 1;

	for (i = 0; rc == 1 && i < t->n; i++) {
		if ((rc = sada_sq_load(&x, a, &t->v[i], SQ_BAG, err)) == 1 &&
		    (rc = sada_sq_load(&y, b, &t->v[i], SQ_BAG, err)) == 1)
			rc = same(&x, &y);
		sada_sq_rows_release(&x);
		sada_sq_rows_release(&y);
	}
	if (rc == 1 && (rc = sada_sq_has_sequence(a, err)) <= 0)
		return rc < 0 ? rc : 1;
	if (rc == 1 && (rc = sada_sq_load_sql(&x, a, seq, 2, err)) == 1 &&
	    (rc = sada_sq_load_sql(&y, b, seq, 2, err)) == 1)
		rc = same(&x, &y);
	sada_sq_rows_release(&x);
	sada_sq_rows_release(&y);
	return rc;
}

int
sada_sqlite_built(void)
{
	return 1;
}

int
sada_sqlite_equal(const struct sada_span *a, const struct sada_span *b,
    struct sada_err *err)
{
	struct sq x = {0}, y = {0};
	struct sq_tables t = {0};
	long steps = SQ_STEPS;
	int rc;

	if (a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0))
		return 1;
	if ((rc = sada_sq_memory(&x, a, 0, &steps, err)) == 1 &&
	    (rc = sada_sq_memory(&y, b, 0, &steps, err)) == 1 &&
	    (rc = sada_sq_same_schema(&x, &y, err)) == 1 &&
	    (rc = sada_sq_tables(&t, &x, err)) == 1)
		rc = sada_sq_same_rows(&x, &y, &t, err);
	sada_sq_tables_release(&t);
	sada_sq_close(&y);
	sada_sq_close(&x);
	return rc;
}
