/* A JSON merge: both ways the same, and an answer that merges again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "merge/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sada_three in = { { p, 0 }, { p, 0 }, { p, 0 } }, again;
	struct sada_buf x = { 0 }, y = { 0 };
	const uint8_t *end = p + n, *cut;
	struct sada_span *side[] = { &in.base, &in.a, &in.b };
	size_t i;

	/* The sides have a NUL between them, which no JSON has. */
	for (i = 0; i < 3 && p < end; i++, p = cut + (cut < end)) {
		if ((cut = memchr(p, '\0', (size_t)(end - p))) == NULL)
			cut = end;
		side[i]->p = p;
		side[i]->n = (size_t)(cut - p);
	}
	again.base = in.base;
	again.a = in.b;
	again.b = in.a;
	if (sada_merge_json(&x, &in, NULL) == 1) {
		i = (size_t)sada_merge_json(&y, &again, NULL);
		assert(i == 1 && x.len == y.len &&
		    memcmp(x.p, y.p, x.len) == 0);
		again.base.p = again.a.p = again.b.p = x.p;
		again.base.n = again.a.n = again.b.n = x.len;
		sada_buf_reset(&y);
		i = (size_t)sada_merge_json(&y, &again, NULL);
		assert(i == 1 && x.len == y.len);
	}
	sada_buf_release(&x);
	sada_buf_release(&y);
	return 0;
}
