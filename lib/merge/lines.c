/*
 * Lines as numbers: all lines of the three sides are sorted, and equal ones
 * get one number.  Sorting and not hashing, since the bytes may be a
 * stranger's, who can make hashes collide.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/lines_priv.h"

/* A line and where it stands: WHERE counts through base, a, b. */
struct entry {
	uint64_t key;			/* its first bytes, for speed */
	const unsigned char *p;
	uint32_t n, where;
};

static int
bytes_cmp(const void *a, size_t na, const void *b, size_t nb)
{
	size_t least = na < nb ? na : nb;
	int c = least > 0 ? memcmp(a, b, least) : 0;

	return c != 0 ? c : (na > nb) - (na < nb);
}

int
sada_merge_swapped(const struct sada_three *in)
{
	return bytes_cmp(in->b.p, in->b.n, in->a.p, in->a.n) < 0;
}

int
sada_merge_too_large(const struct sada_three *in)
{
	return in->base.n > SADA_MERGE_MAX || in->a.n > SADA_MERGE_MAX ||
	    in->b.n > SADA_MERGE_MAX;
}

/* Equal lines stay in order, so that the outcome is the same anywhere. */
static int
entry_cmp(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	int c;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if ((c = bytes_cmp(a->p, a->n, b->p, b->n)) != 0)
		return c;
	return (a->where > b->where) - (a->where < b->where);
}

static uint64_t
key_of(const unsigned char *p, size_t n)
{
	uint64_t key = 0;
	size_t i;

	for (i = 0; i < 8; i++)
		key = key << 8 | (i < n ? p[i] : 0);
	return key;
}

/* How many lines S has, or SIZE_MAX when they cannot be merged. */
static size_t
count(const struct sada_span *s)
{
	const unsigned char *p = s->p, *end, *nl;
	size_t n = 0;

	if (s->n == 0)
		return 0;
	if (memchr(p, '\0', s->n) != NULL)
		return SIZE_MAX;
	for (end = p + s->n; p < end; p = nl + 1) {
		if (++n > SADA_MERGE_LINES)
			return SIZE_MAX;
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			break;
	}
	return n;
}

/* Add the lines of S to E, counted from WHERE. */
static void
split(struct entry *e, uint32_t where, const struct sada_span *s)
{
	const unsigned char *p = s->p, *end, *nl;

	if (s->n == 0)
		return;
	for (end = p + s->n; p < end; p += e[where++].n) {
		nl = memchr(p, '\n', (size_t)(end - p));
		e[where].p = p;
		e[where].n = (uint32_t)((nl != NULL ? nl + 1 : end) - p);
		e[where].key = key_of(p, e[where].n);
		e[where].where = where;
	}
}

/*
 * Give the lines of base, a and b, in the order that they sort in, numbers:
 * SEQ, whose arrays are one, and LINE are new.  1, or 0 when they have
 * no lines or too many.
 */
static int
number_lines(struct sada_span **line, struct sada_seq seq[3],
    const struct sada_three *in)
{
	struct sada_span side[3] = { in->base, in->a, in->b };
	struct entry *e;
	uint32_t *number;
	size_t n[3], i, k, total = 0, last = 0;

	if (sada_merge_too_large(in))
		return 0;
	if (sada_merge_swapped(in)) {
		side[1] = in->b;
		side[2] = in->a;
	}
	for (i = 0; i < 3; i++) {
		if ((n[i] = count(&side[i])) == SIZE_MAX)
			return 0;
		total += n[i];
	}
	e = sada_calloc(total + 1, sizeof(*e));
	number = sada_calloc(total + 1, sizeof(*number));
	*line = sada_calloc(total + 1, sizeof(**line));
	for (i = 0, k = 0; i < 3; k += n[i++]) {
		split(e, (uint32_t)k, &side[i]);
		seq[i].v = number + k;
		seq[i].n = seq[i].cap = n[i];
	}
	qsort(e, total, sizeof(*e), entry_cmp);
	for (i = 0; i < total; i++) {
		if (i > 0 && bytes_cmp(e[i - 1].p, e[i - 1].n, e[i].p,
		    e[i].n) != 0)
			last++;
		(*line)[last].p = e[i].p;
		(*line)[last].n = e[i].n;
		number[e[i].where] = (uint32_t)last;
	}
	free(e);
	return 1;
}

int
sada_lines_merge(struct sada_lines *l, int *conflicts,
    const struct sada_three *in, struct sada_err *err)
{
	struct sada_seq seq[3];
	int far, rc = 0;

	memset(l, 0, sizeof(*l));
	if (!number_lines(&l->line, seq, in))
		return 0;
	far = sada_seq_far(&seq[0], &seq[1]) || sada_seq_far(&seq[0], &seq[2]);
	if (!far)
		rc = sada_git_merge(&l->out, &seq[0], &seq[1], &seq[2], err);
	free(seq[0].v);
	if (rc < 0)
		return rc;
	*conflicts = rc;
	return !far;
}

int
sada_lines_far(const struct sada_three *in)
{
	struct sada_span *line = NULL;
	struct sada_seq seq[3];
	int far;

	if (!number_lines(&line, seq, in))
		return 0;
	far = sada_seq_far(&seq[0], &seq[1]) || sada_seq_far(&seq[0], &seq[2]);
	free(seq[0].v);
	free(line);
	return far;
}

void
sada_lines_release(struct sada_lines *l)
{
	free(l->line);
	l->line = NULL;
	sada_seq_release(&l->out);
}
