/* One driver of many; what no driver decides is decided here. */
#include <string.h>

#include "merge/lines_priv.h"
#include "merge/merge.h"
#include "merge/sqlite.h"

static int
same(const struct sada_span *a, const struct sada_span *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

int
sada_merge_bytes(struct sada_buf *out, unsigned driver,
    const struct sada_three *in, struct sada_err *err)
{
	const struct sada_span *one = NULL;

	if (sada_merge_too_large(in))
		return 0;
	if (same(&in->a, &in->base))
		one = &in->b;
	else if (same(&in->b, &in->base) || same(&in->a, &in->b))
		one = &in->a;
	if (one != NULL) {
		sada_buf_add(out, one->p, one->n);
		return 1;
	}
	switch (driver) {
	case SADA_MERGE_TEXT:
		return sada_merge_text(out, in, err);
	case SADA_MERGE_UNION:
		return sada_merge_union(out, in, err);
	case SADA_MERGE_JSON:
		return sada_merge_json(out, in, err);
	case SADA_MERGE_SQLITE:
		return sada_merge_sqlite(out, in, err);
	default:
		return 0;
	}
}
