/*
 * Renames by content, and the hints that tell them.
 *
 * Records with one content are sorted by their paths read from the end, so
 * that those whose last components are alike stand together: then they are
 * paired from the longest such run to the shortest.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "verb/rename_priv.h"

/* Up to so many pairs of one run are weighed one by one. */
#define WEIGH_MAX 4096

/* A record of a run: how many last components it shares with the one before. */
struct near {
	uint32_t rec;
	uint32_t shared;
};

/* Order of names, byte by byte. */
static int
name_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int c = n > 0 ? memcmp(a, b, n) : 0;

	return c != 0 ? c : (na > nb) - (na < nb);
}

/* Order of directories A and B, read from the last component to the first. */
static int
dir_cmp(const struct sada_moves *x, uint32_t a, uint32_t b)
{
	const struct sada_move_dir *p = &x->dir[a], *q = &x->dir[b];
	size_t i, j;
	int c;

	while (p != q && p->len > 0 && q->len > 0) {
		i = sada_path_base(p->path, p->len);
		j = sada_path_base(q->path, q->len);
		if ((c = name_cmp(p->path + i, p->len - i, q->path + j,
		    q->len - j)) != 0)
			return c;
		p = &x->dir[p->up];
		q = &x->dir[q->up];
	}
	return (p->len > 0) - (q->len > 0);
}

/* By content, then by path from the end, then as they were added. */
static int
by_content(const void *pa, const void *pb, void *ctx)
{
	const struct sada_moves *x = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	const char *p, *q;
	size_t na, nb;
	int c = memcmp(sada_move_content(x, a), sada_move_content(x, b),
	    SADA_ID_LEN);

	if (c != 0)
		return c;
	if (sada_move_kind(x, a) != sada_move_kind(x, b))
		return sada_move_kind(x, a) < sada_move_kind(x, b) ? -1 : 1;
	if (sada_move_size(x, a) != sada_move_size(x, b))
		return sada_move_size(x, a) < sada_move_size(x, b) ? -1 : 1;
	p = sada_move_name(x, a, &na);
	q = sada_move_name(x, b, &nb);
	if ((c = name_cmp(p, na, q, nb)) != 0 ||
	    (c = dir_cmp(x, sada_move_dir(x, a), sada_move_dir(x, b))) != 0)
		return c;
	return (a > b) - (a < b);
}

static int
same_content(const struct sada_moves *x, uint32_t a, uint32_t b)
{
	return memcmp(sada_move_content(x, a), sada_move_content(x, b),
	    SADA_ID_LEN) == 0 && sada_move_kind(x, a) == sada_move_kind(x, b)
	    && sada_move_size(x, a) == sada_move_size(x, b);
}

static int
by_number(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return (a > b) - (a < b);
}

/*
 * Pair GONE[NG] with TO[NT], both in the order of their paths: few by how
 * alike their paths begin, many as they come.
 */
static void
pair_run(struct sada_moves *x, uint32_t *gone, size_t ng, uint32_t *to,
    size_t nt)
{
	size_t i, j, bi, bj, left = ng < nt ? ng : nt;
	unsigned lead, best;

	qsort(gone, ng, sizeof(*gone), by_number);
	qsort(to, nt, sizeof(*to), by_number);
	if (ng * nt > WEIGH_MAX || ng > WEIGH_MAX || nt > WEIGH_MAX) {
		for (i = 0; i < left; i++)
			sada_move_pair(x, gone[i], to[i], 100);
		return;
	}
	for (; left > 0; left--) {
		best = 0;
		bi = ng;
		bj = nt;
		for (i = 0; i < ng; i++)
			for (j = 0; j < nt && sada_move_mate(x, gone[i]) ==
			    SADA_MOVE_NONE; j++) {
				if (sada_move_mate(x, to[j]) !=
				    SADA_MOVE_NONE)
					continue;
				lead = sada_move_lead(x, gone[i], to[j]);
				if (bi < ng && lead <= best)
					continue;
				best = lead;
				bi = i;
				bj = j;
			}
		sada_move_pair(x, gone[bi], to[bj], 100);
	}
}

/* Pair what is in the run V[N]. */
static void
pair_near(struct sada_moves *x, const struct near *v, size_t n,
    uint32_t *space)
{
	size_t i, ng = 0, nt = 0;

	for (i = 0; i < n; i++)
		ng += sada_move_side(x, v[i].rec) == SADA_MOVE_GONE;
	if (ng == 0 || ng == n)
		return;
	for (i = 0, nt = ng, ng = 0; i < n; i++)
		if (sada_move_side(x, v[i].rec) == SADA_MOVE_GONE)
			space[ng++] = v[i].rec;
		else
			space[nt++] = v[i].rec;
	pair_run(x, space, ng, space + ng, nt - ng);
}

/* Pair the records REC[N], sorted, which have one content. */
static void
match_group(struct sada_moves *x, const uint32_t *rec, size_t n)
{
	struct near *v = sada_malloc(n * sizeof(*v));
	uint32_t *space = sada_malloc(n * sizeof(*space));
	unsigned level, most = 0, least;
	size_t i, k, from;

	for (i = 0; i < n; i++) {
		v[i].rec = rec[i];
		v[i].shared = i == 0 ? 0 : sada_move_tail(x, rec[i - 1],
		    rec[i]);
		if (v[i].shared > most)
			most = v[i].shared;
	}
	for (level = most + 1; n > 0 && level-- > 0;) {
		for (from = 0, i = 1; i <= n; i++)
			if (i == n || v[i].shared < level) {
				pair_near(x, v + from, i - from, space);
				from = i;
			}
		/* Close the ranks. */
		least = UINT32_MAX;
		for (i = k = 0; i < n; i++) {
			if (v[i].shared < least)
				least = v[i].shared;
			if (sada_move_mate(x, v[i].rec) != SADA_MOVE_NONE)
				continue;
			v[k].rec = v[i].rec;
			v[k++].shared = least;
			least = UINT32_MAX;
		}
		n = k;
	}
	free(v);
	free(space);
}

/* Step 1. */
static void
match_content(struct sada_moves *x)
{
	uint32_t *rec = sada_malloc((x->n + 1) * sizeof(*rec)), i;
	size_t n = 0, from, to, gone;

	for (i = 0; i < x->n; i++)
		if (sada_move_fits(x, i) &&
		    sada_move_mate(x, i) == SADA_MOVE_NONE)
			rec[n++] = i;
	if (n > 1)
		qsort_r(rec, n, sizeof(*rec), by_content, x);
	for (from = 0; from < n; from = to) {
		gone = sada_move_side(x, rec[from]) == SADA_MOVE_GONE;
		for (to = from + 1; to < n && same_content(x, rec[from],
		    rec[to]); to++)
			gone += sada_move_side(x, rec[to]) == SADA_MOVE_GONE;
		if (gone > 0 && gone < to - from)
			match_group(x, rec + from, to - from);
	}
	free(rec);
}

int
sada_moves_match(struct sada_moves *x, sada_move_load *load, void *ctx,
    struct sada_err *err)
{
	uint32_t i, gone = 0, come = 0;
	int rc;

	for (i = 0; i < x->n; i++) {
		gone += sada_move_side(x, i) == SADA_MOVE_GONE;
		come += sada_move_side(x, i) == SADA_MOVE_NEW;
	}
	if (gone == 0 || come == 0)
		return 0;
	match_content(x);
	if (load != NULL && (rc = sada_moves_alike(x, load, ctx, err)) < 0)
		return rc;
	sada_moves_dirs(x);
	return 0;
}

/* ---- hints ---- */

/* Hints in the making; what they point to is in PATHS, as offsets. */
struct hinting {
	struct sada_moves *x;
	struct sada_buf paths;
	struct {
		size_t from, from_len, to, to_len;
		uint8_t kind;
	} h[SADA_HINTS_MAX];
	uint32_t n;
	size_t bytes;
	int full;
	unsigned char *told;		/* of moved[]: its hint is taken */
	struct sada_buf a, b, c;
};

/* How long V is as a var, below 2^14. */
static size_t
var_len(size_t v)
{
	return v < 0x80 ? 1 : 2;
}

/* Take a hint from FROM to TO, if there is room. */
static int
take(struct hinting *y, unsigned kind, const struct sada_move *from,
    const struct sada_move *to)
{
	size_t bytes = 1 + var_len(from->len) + from->len +
	    var_len(to->len) + to->len;

	if (y->full || y->n == SADA_HINTS_MAX ||
	    y->bytes + bytes > SADA_HINTS_BYTES) {
		y->full = 1;
		return 0;
	}
	y->h[y->n].kind = (uint8_t)kind;
	y->h[y->n].from = y->paths.len;
	y->h[y->n].from_len = from->len;
	sada_buf_add(&y->paths, from->path, from->len);
	y->h[y->n].to = y->paths.len;
	y->h[y->n].to_len = to->len;
	sada_buf_add(&y->paths, to->path, to->len);
	y->n++;
	y->bytes += bytes;
	return 1;
}

/* Index of the directory in moved[] that PATH is, or lies below; or n. */
static size_t
moved_above(struct hinting *y, const char *path, size_t len)
{
	struct sada_moves *x = y->x;
	struct sada_move m;
	size_t at = len, lo, hi, mid;
	int c;

	for (; at > 0; at = sada_path_parent(path, at)) {
		for (lo = 0, hi = x->nmoved; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			sada_moves_get(x, x->moved[mid].rec, &m, &y->c);
			if ((c = sada_path_cmp(m.path, m.len, path, at)) == 0 &&
			    y->told[mid])
				return mid;
			if (c < 0)
				lo = mid + 1;
			else
				hi = mid;
			if (c == 0)
				break;
		}
	}
	return x->nmoved;
}

/* Is the rename from FROM to TO what the directories' hints say already? */
static int
is_told(struct hinting *y, const struct sada_move *from,
    const struct sada_move *to)
{
	size_t i = moved_above(y, from->path, from->len), top;
	struct sada_move m;

	if (i == y->x->nmoved)
		return 0;
	sada_moves_get(y->x, y->x->moved[i].rec, &m, &y->c);
	top = m.len;
	sada_moves_get(y->x, y->x->moved[i].to, &m, &y->c);
	return to->len == m.len + (from->len - top) &&
	    memcmp(to->path, m.path, m.len) == 0 &&
	    memcmp(to->path + m.len, from->path + top,
	    from->len - top) == 0;
}

static int
from_cmp(const struct hinting *y, uint32_t a, uint32_t b)
{
	return sada_path_cmp((char *)y->paths.p + y->h[a].from,
	    y->h[a].from_len, (char *)y->paths.p + y->h[b].from,
	    y->h[b].from_len);
}

static int
put_order(const void *pa, const void *pb, void *ctx)
{
	const struct hinting *y = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	int c = from_cmp(y, a, b);

	if (c == 0)
		c = (int)y->h[b].kind - (int)y->h[a].kind;
	return c != 0 ? c : (a > b) - (a < b);
}

/*
 * Sort what was taken and append it.  From one path one hint leads: two names
 * can show what lives there, one of them left by a merge.
 */
static void
put(struct hinting *y, struct sada_buf *out)
{
	uint32_t order[SADA_HINTS_MAX], i, k = 0;
	struct sada_hint h;

	for (i = 0; i < y->n; i++)
		order[i] = i;
	if (y->n > 1)
		qsort_r(order, y->n, sizeof(*order), put_order, y);
	for (i = 0; i < y->n; i++) {
		if (i > 0 && from_cmp(y, order[i - 1], order[i]) == 0)
			continue;
		k++;
		h.kind = y->h[order[i]].kind;
		h.from = (char *)y->paths.p + y->h[order[i]].from;
		h.from_len = y->h[order[i]].from_len;
		h.to = (char *)y->paths.p + y->h[order[i]].to;
		h.to_len = y->h[order[i]].to_len;
		sada_hint_put(out, &h);
	}
	y->n = k;
}

int
sada_moves_hints(struct sada_moves *x, struct sada_buf *out, uint32_t *n,
    int (*lives)(const char *path, size_t len, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct hinting *y = sada_calloc(1, sizeof(*y));
	struct sada_move from, to;
	uint32_t i;
	int rc = 0;

	y->x = x;
	y->told = sada_calloc(x->nmoved + 1, 1);
	for (i = 0; i < x->nmoved; i++) {
		if (!x->moved[i].hint)
			continue;
		sada_moves_get(x, x->moved[i].rec, &from, &y->a);
		sada_moves_get(x, x->moved[i].to, &to, &y->b);
		if ((rc = lives(from.path, from.len, ctx, err)) < 0)
			goto out;
		/* What an outer one says of it need not be said again. */
		if (rc == 0 && !is_told(y, &from, &to))
			y->told[i] = (unsigned char)take(y, SADA_HINT_DIR,
			    &from, &to);
		rc = 0;
	}
	for (i = 0; i < x->n && !y->full; i++) {
		if (sada_move_side(x, i) != SADA_MOVE_GONE ||
		    sada_move_mate(x, i) == SADA_MOVE_NONE)
			continue;
		sada_moves_get(x, i, &from, &y->a);
		sada_moves_get(x, from.mate, &to, &y->b);
		if (!is_told(y, &from, &to))
			(void)take(y, SADA_HINT_FILE, &from, &to);
	}
	put(y, out);
	*n = y->n;
out:
	sada_buf_release(&y->paths);
	sada_buf_release(&y->a);
	sada_buf_release(&y->b);
	sada_buf_release(&y->c);
	free(y->told);
	free(y);
	return rc;
}
