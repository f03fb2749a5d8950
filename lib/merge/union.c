/*
 * Merge by lines without conflicts: where both sides changed the same lines,
 * the lines of the one stand before those of the other, each line as often
 * as the side has it that has it more often.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/lines_priv.h"

/* A line of a conflict, its end left out; ORDER counts through both sides. */
struct piece {
	const unsigned char *p;
	size_t n, order;
	uint32_t id;
	unsigned side, keep;
};

/* What has been written: does it end inside a line, and how do lines end? */
struct writer {
	struct sada_buf *out;
	int open, cr;
};

static void
put(struct writer *w, const struct sada_span *line)
{
	const unsigned char *p = line->p;

	if (w->open)
		sada_buf_adds(w->out, w->cr ? "\r\n" : "\n");
	sada_buf_add(w->out, p, line->n);
	w->open = p[line->n - 1] != '\n';
	if (!w->open)
		w->cr = line->n > 1 && p[line->n - 2] == '\r';
}

static int
content_cmp(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;
	size_t least = a->n < b->n ? a->n : b->n;
	int c = least > 0 ? memcmp(a->p, b->p, least) : 0;

	if (c != 0 || a->n != b->n)
		return c != 0 ? c : a->n < b->n ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int
order_cmp(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;

	return (a->order > b->order) - (a->order < b->order);
}

static int
same(const struct piece *a, const struct piece *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* Of N equal pieces in order drop those of side 1 that side 0 has as well. */
static void
drop(struct piece *t, size_t n)
{
	size_t i, first = 0;

	while (first < n && t[first].side == 0)
		first++;
	for (i = first; i < n && i < 2 * first; i++)
		t[i].keep = 0;
}

/* Write the conflict whose marks are at FROM and TO. */
static void
put_both(struct writer *w, const struct sada_lines *l, size_t from,
    size_t to)
{
	struct piece *t = sada_calloc(to - from, sizeof(*t));
	const struct sada_span *line;
	size_t i, k, n = 0;
	unsigned side = 0;

	for (i = from + 1; i < to; i++) {
		if (l->out.v[i] == SADA_SEQ_B) {
			side = 1;
			continue;
		}
		line = &l->line[l->out.v[i]];
		t[n].p = line->p;
		t[n].n = line->n;
		if (t[n].n > 0 && t[n].p[t[n].n - 1] == '\n')
			t[n].n--;
		if (t[n].n > 0 && t[n].p[t[n].n - 1] == '\r')
			t[n].n--;
		t[n].id = l->out.v[i];
		t[n].side = side;
		t[n].keep = 1;
		t[n].order = n;
		n++;
	}
	qsort(t, n, sizeof(*t), content_cmp);
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && same(&t[i], &t[k]); k++)
			;
		drop(t + i, k - i);
	}
	qsort(t, n, sizeof(*t), order_cmp);
	for (i = 0; i < n; i++)
		if (t[i].keep)
			put(w, &l->line[t[i].id]);
	free(t);
}

int
sada_merge_union(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err)
{
	struct writer w = { out, 0, 0 };
	struct sada_lines l;
	size_t i, from;
	int rc, conflicts = 0;

	rc = sada_lines_merge(&l, &conflicts, in, err);
	for (i = 0; rc > 0 && i < l.out.n; i++) {
		if (l.out.v[i] != SADA_SEQ_A) {
			put(&w, &l.line[l.out.v[i]]);
			continue;
		}
		for (from = i; l.out.v[i] != SADA_SEQ_END; i++)
			;
		put_both(&w, &l, from, i);
	}
	sada_lines_release(&l);
	return rc;
}
