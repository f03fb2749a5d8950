/*
 * How far is a sequence from another?  A merge takes time with the lines in
 * which its sides differ from the base, in the worst case with the square of
 * them, and a stranger's sides may differ in all.
 *
 * The search is that of Wu, Manber, Myers and Miller (An O(NP) sequence
 * comparison algorithm, 1990): with P deletions allowed, each diagonal is
 * followed as far as it goes.  That takes P times the differences, which is
 * just what is limited.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/lines_priv.h"

/* Down diagonal K from Y on, as far as A and B are equal there. */
static int32_t
slide(const struct sada_seq *a, const struct sada_seq *b, int32_t k,
    int32_t y)
{
	int32_t x = y - k, na = (int32_t)a->n, nb = (int32_t)b->n;

	while (x < na && y < nb && a->v[x] == b->v[y]) {
		x++;
		y++;
	}
	return y;
}

/* How far one comes on diagonal K of what is behind the neighbours'. */
static int32_t
reach(const struct sada_seq *a, const struct sada_seq *b, const int32_t *f,
    int32_t k)
{
	return slide(a, b, k, f[k - 1] + 1 > f[k + 1] ? f[k - 1] + 1 :
	    f[k + 1]);
}

/* Leave out of A and B how both begin, and how both end. */
static void
trim(struct sada_seq *a, struct sada_seq *b)
{
	while (a->n > 0 && b->n > 0 && a->v[0] == b->v[0]) {
		a->v++;
		b->v++;
		a->n--;
		b->n--;
	}
	while (a->n > 0 && b->n > 0 && a->v[a->n - 1] == b->v[b->n - 1]) {
		a->n--;
		b->n--;
	}
}

int
sada_seq_far(const struct sada_seq *one, const struct sada_seq *other)
{
	struct sada_seq a = *one, b = *other, t;
	int32_t *fp, *f, delta, p, most, k;

	trim(&a, &b);
	if (a.n > b.n) {
		t = a;
		a = b;
		b = t;
	}
	/* All of A deleted, all of B added: no two are farther. */
	if (a.n * (a.n + b.n) <= SADA_MERGE_FAR)
		return 0;
	delta = (int32_t)(b.n - a.n);
	for (most = 0; (uint64_t)(most + 1) * (uint64_t)(delta + 2 *
	    (most + 1)) <= SADA_MERGE_FAR; most++)
		;
	/* One diagonal more on either side stays at -1. */
	fp = sada_malloc(((size_t)delta + 2 * (size_t)most + 3) *
	    sizeof(*fp));
	memset(fp, 0xff, ((size_t)delta + 2 * (size_t)most + 3) *
	    sizeof(*fp));
	f = fp + most + 1;
	for (p = 0; p <= most && f[delta] < (int32_t)b.n; p++) {
		for (k = -p; k < delta; k++)
			f[k] = reach(&a, &b, f, k);
		for (k = delta + p; k >= delta; k--)
			f[k] = reach(&a, &b, f, k);
	}
	k = f[delta];
	free(fp);
	return k < (int32_t)b.n;
}
