/* Renames of text that was edited too: files that are alike. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "git/similar.h"
#include "verb/rename_priv.h"

#define TEXT_MIN 200u
#define TEXT_MAX (8u << 20)
/* Alike are two of which so much of 100 is. */
#define ALIKE 60u
/* Files of each side that are looked at, and bytes of both that are read. */
#define FILES_MAX 400u
#define BYTES_MAX ((uint64_t)128 << 20)

/* One that is looked at. */
struct look {
	uint32_t rec;
	unsigned rank;			/* 0: its name is on the other side, 1:
					   its extension is, 2: neither */
	struct sada_sig *sig;		/* NULL: no text, or not held */
};

/* Two that are alike. */
struct alike {
	uint32_t gone, to;		/* indexes of looks */
	uint8_t score, base, tail, lead;
};

static int
bytes_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int c = n > 0 ? memcmp(a, b, n) : 0;

	return c != 0 ? c : (na > nb) - (na < nb);
}

/* The extension of record I with its dot, or "" */
static const char *
ext(const struct sada_moves *x, uint32_t i, size_t *len)
{
	size_t n, at;
	const char *name = sada_move_name(x, i, &n);

	for (at = n; at > 1 && name[at - 1] != '.'; at--)
		;
	*len = at > 1 ? n - (at - 1) : 0;
	return name + n - *len;
}

static int
by_name(const void *pa, const void *pb, void *ctx)
{
	const struct look *a = pa, *b = pb;
	const char *p, *q;
	size_t na, nb;

	p = sada_move_name(ctx, a->rec, &na);
	q = sada_move_name(ctx, b->rec, &nb);
	return bytes_cmp(p, na, q, nb);
}

static int
by_ext(const void *pa, const void *pb, void *ctx)
{
	const struct look *a = pa, *b = pb;
	const char *p, *q;
	size_t na, nb;

	p = ext(ctx, a->rec, &na);
	q = ext(ctx, b->rec, &nb);
	return bytes_cmp(p, na, q, nb);
}

static int
by_rank(const void *pa, const void *pb, void *ctx)
{
	const struct look *a = pa, *b = pb;

	(void)ctx;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->rec > b->rec) - (a->rec < b->rec);
}

/* Is one of V[N], which are sorted by CMP, equal to L? */
static int
has(const struct look *v, size_t n, const struct look *l,
    int (*cmp)(const void *, const void *, void *), struct sada_moves *x)
{
	size_t lo = 0, hi = n, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((c = cmp(&v[mid], l, x)) == 0)
			return 1;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* Rank those of A by those of B, which are put in another order. */
static void
rank(struct sada_moves *x, struct look *a, size_t na, struct look *b,
    size_t nb)
{
	size_t i;

	qsort_r(b, nb, sizeof(*b), by_ext, x);
	for (i = 0; i < na; i++)
		a[i].rank = has(b, nb, &a[i], by_ext, x) ? 1 : 2;
	qsort_r(b, nb, sizeof(*b), by_name, x);
	for (i = 0; i < na; i++)
		if (has(b, nb, &a[i], by_name, x))
			a[i].rank = 0;
}

/* The files of SIDE that have no mate; *N of them. */
static struct look *
gather(const struct sada_moves *x, unsigned side, size_t *n)
{
	struct look *l = NULL;
	size_t cap = 0;
	uint32_t i;

	*n = 0;
	for (i = 0; i < x->n; i++) {
		if (sada_move_side(x, i) != side ||
		    sada_move_kind(x, i) != SADA_FILE ||
		    sada_move_mate(x, i) != SADA_MOVE_NONE ||
		    sada_move_size(x, i) < TEXT_MIN ||
		    sada_move_size(x, i) > TEXT_MAX)
			continue;
		l = sada_grow(l, &cap, *n + 1, sizeof(*l));
		memset(&l[*n], 0, sizeof(*l));
		l[(*n)++].rec = i;
	}
	return l;
}

/* Sign those of L[N] that are text and held, while LEFT bytes last. */
static int
sign(struct sada_moves *x, struct look *l, size_t n, uint64_t *left,
    sada_move_load *load, void *ctx, struct sada_err *err)
{
	struct sada_buf text = {0}, path = {0};
	struct sada_move m;
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		sada_moves_get(x, l[i].rec, &m, &path);
		if (m.size > *left)
			continue;
		*left -= m.size;
		sada_buf_reset(&text);
		if ((rc = load(&text, &m, ctx, err)) < 0)
			break;
		/* Only a hint comes of it: without libgit2 there is none. */
		if (rc == 1 && sada_is_text(text.p, text.len) &&
		    sada_sig_new(&l[i].sig, text.p, text.len, NULL) < 0)
			l[i].sig = NULL;
		rc = 0;
	}
	sada_buf_release(&text);
	sada_buf_release(&path);
	return rc;
}

/* Best first; then as they were added. */
static int
by_score(const void *pa, const void *pb)
{
	const struct alike *a = pa, *b = pb;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->base != b->base)
		return a->base > b->base ? -1 : 1;
	if (a->tail != b->tail)
		return a->tail > b->tail ? -1 : 1;
	if (a->lead != b->lead)
		return a->lead > b->lead ? -1 : 1;
	if (a->gone != b->gone)
		return a->gone < b->gone ? -1 : 1;
	return a->to < b->to ? -1 : 1;
}

/* May contents of these sizes be alike at all? */
static int
sizes_fit(uint64_t a, uint64_t b)
{
	uint64_t most = a > b ? a : b, least = a > b ? b : a;

	return least * 100 >= most * (ALIKE / 2);
}

/* Pair those of G[NG] and T[NT] that are alike. */
static void
pair(struct sada_moves *x, const struct look *g, size_t ng,
    const struct look *t, size_t nt)
{
	struct alike *a = NULL, *e;
	size_t i, j, n = 0, cap = 0;
	unsigned score, tail;

	for (i = 0; i < ng; i++)
		for (j = 0; j < nt && g[i].sig != NULL; j++) {
			if (t[j].sig == NULL || !sizes_fit(sada_move_size(x,
			    g[i].rec), sada_move_size(x, t[j].rec)))
				continue;
			score = sada_sig_alike(g[i].sig, t[j].sig);
			if (score < ALIKE)
				continue;
			tail = sada_move_tail(x, g[i].rec, t[j].rec);
			a = sada_grow(a, &cap, n + 1, sizeof(*a));
			e = &a[n++];
			e->gone = (uint32_t)i;
			e->to = (uint32_t)j;
			e->score = (uint8_t)score;
			e->base = tail > 0;
			e->tail = (uint8_t)tail;
			e->lead = (uint8_t)sada_move_lead(x, g[i].rec,
			    t[j].rec);
		}
	if (n > 1)
		qsort(a, n, sizeof(*a), by_score);
	for (i = 0; i < n; i++)
		if (sada_move_mate(x, g[a[i].gone].rec) == SADA_MOVE_NONE &&
		    sada_move_mate(x, t[a[i].to].rec) == SADA_MOVE_NONE)
			/* Equal samples of unequal contents. */
			sada_move_pair(x, g[a[i].gone].rec, t[a[i].to].rec,
			    a[i].score > 99 ? 99 : a[i].score);
	free(a);
}

int
sada_moves_alike(struct sada_moves *x, sada_move_load *load, void *ctx,
    struct sada_err *err)
{
	uint64_t left = BYTES_MAX / 2;
	size_t ng, nt, i;
	struct look *g = gather(x, SADA_MOVE_GONE, &ng);
	struct look *t = gather(x, SADA_MOVE_NEW, &nt);
	int rc = 0;

	if (ng == 0 || nt == 0)
		goto out;
	rank(x, g, ng, t, nt);
	rank(x, t, nt, g, ng);
	qsort_r(g, ng, sizeof(*g), by_rank, NULL);
	qsort_r(t, nt, sizeof(*t), by_rank, NULL);
	if (ng > FILES_MAX)
		ng = FILES_MAX;
	if (nt > FILES_MAX)
		nt = FILES_MAX;
	if ((rc = sign(x, g, ng, &left, load, ctx, err)) < 0)
		goto out;
	left += BYTES_MAX / 2;
	if ((rc = sign(x, t, nt, &left, load, ctx, err)) == 0)
		pair(x, g, ng, t, nt);
out:
	/* Only those within the limit were signed. */
	for (i = 0; i < ng; i++)
		sada_sig_free(g[i].sig);
	for (i = 0; i < nt; i++)
		sada_sig_free(t[i].sig);
	free(g);
	free(t);
	return rc;
}
