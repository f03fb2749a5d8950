/* What the tests of merging share: spans, and answers as they are due. */
#ifndef SADA_UNIT_MERGE_UTIL_H
#define SADA_UNIT_MERGE_UTIL_H

#include <string.h>

#include "merge/merge.h"
#include "tap.h"

static inline struct sada_span
span(const void *p, size_t n)
{
	struct sada_span s = { p, n };

	return s;
}

static inline struct sada_span
text(const char *s)
{
	return span(s, strlen(s));
}

typedef int merge_fn(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err);

/*
 * Merge three sides, and once more with a and b swapped: both must say the
 * same.  The answer is appended to OUT, and OUT left alone by a conflict.
 */
static inline int
merge_both_ways(merge_fn *fn, struct sada_buf *out, struct sada_span base,
    struct sada_span a, struct sada_span b)
{
	struct sada_three in = { base, a, b }, swapped = { base, b, a };
	struct sada_err err = { 0 };
	struct sada_buf other = { 0 };
	size_t before = out->len;
	int rc, again;

	rc = fn(out, &in, &err);
	again = fn(&other, &swapped, &err);
	CHECK(rc == 0 || rc == 1);
	CHECK_INT(rc, again);
	CHECK(rc != 0 || (out->len == before && other.len == 0));
	CHECK(rc != 1 || (out->len - before == other.len && (other.len == 0 ||
	    memcmp(out->p + before, other.p, other.len) == 0)));
	sada_buf_release(&other);
	return rc;
}

#endif
