/*
 * Merge through libgit2, which is given a line of fixed length for each
 * number.  So no line of a user's reaches its hash, which has no key: lines
 * made to collide would keep it busy for days.  And its marks of a conflict
 * are never taken for lines: no number is written with their signs.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "git/load.h"
#include "git/merge.h"

#define WIDTH 5				/* a number as a line: 4 x 6 bits */
#define DIGIT 0x40			/* above all of '<', '=' and '>' */

void
sada_seq_add(struct sada_seq *s, uint32_t v)
{
	if (s->n == s->cap)
		s->v = sada_grow(s->v, &s->cap, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = v;
}

void
sada_seq_release(struct sada_seq *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}

/* Write S as lines. */
static void
put_lines(struct sada_buf *out, const struct sada_seq *s)
{
	unsigned char *p;
	size_t i;
	int k;

	p = sada_buf_reserve(out, s->n * WIDTH + 1);
	for (i = 0; i < s->n; i++) {
		assert(s->v[i] < SADA_SEQ_MAX);
		for (k = 18; k >= 0; k -= 6)
			*p++ = (unsigned char)(DIGIT + (s->v[i] >> k & 63));
		*p++ = '\n';
	}
	out->len += s->n * WIDTH;
}

/* Read lines back, and marks; returns the number of conflicts. */
static int
get_lines(struct sada_seq *out, const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n, *nl;
	uint32_t v;
	int k, conflicts = 0;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		assert(nl != NULL);
		switch (*p) {
		case '<':
			conflicts++;
			sada_seq_add(out, SADA_SEQ_A);
			break;
		case '=':
			sada_seq_add(out, SADA_SEQ_B);
			break;
		case '>':
			sada_seq_add(out, SADA_SEQ_END);
			break;
		default:
			assert(nl - p == WIDTH - 1);
			for (v = 0, k = 0; k < WIDTH - 1; k++)
				v = v << 6 | (p[k] & 63u);
			sada_seq_add(out, v);
			break;
		}
	}
	return conflicts;
}

/* Merge IN: base, a, b as lines. */
static int
run(struct sada_seq *out, const struct sada_git *g,
    const struct sada_buf in[3], struct sada_err *err)
{
	git_merge_file_input side[3];
	git_merge_file_options o;
	git_merge_file_result res;
	size_t i;
	int rc;

	memset(&res, 0, sizeof(res));
	if (g->merge_file_options_init(&o,
	    GIT_MERGE_FILE_OPTIONS_VERSION) < 0)
		return sada_git_fail(g, "cannot merge", err);
	o.flags = GIT_MERGE_FILE_STYLE_MERGE;
	for (i = 0; i < 3; i++) {
		if (g->merge_file_input_init(&side[i],
		    GIT_MERGE_FILE_INPUT_VERSION) < 0)
			return sada_git_fail(g, "cannot merge", err);
		side[i].ptr = (const char *)in[i].p;
		side[i].size = in[i].len;
		side[i].path = "x";
		side[i].mode = 0100644;
	}
	if (g->merge_file(&res, &side[0], &side[1], &side[2], &o) < 0)
		return sada_git_fail(g, "cannot merge", err);
	rc = get_lines(out, (const unsigned char *)res.ptr, res.len);
	assert((rc == 0) == (res.automergeable != 0));
	g->merge_file_result_free(&res);
	return rc;
}

int
sada_git_merge(struct sada_seq *out, const struct sada_seq *base,
    const struct sada_seq *a, const struct sada_seq *b,
    struct sada_err *err)
{
	struct sada_buf in[3] = { { 0 }, { 0 }, { 0 } };
	struct sada_git g;
	size_t i;
	int rc, users;

	assert(base->n < INT_MAX / 4 / WIDTH && a->n < INT_MAX / 4 / WIDTH &&
	    b->n < INT_MAX / 4 / WIDTH);
	if ((users = sada_git_start(&g, err)) < 0)
		return users;
	put_lines(&in[0], base);
	put_lines(&in[1], a);
	put_lines(&in[2], b);
	rc = run(out, &g, in, err);
	for (i = 0; i < 3; i++)
		sada_buf_release(&in[i]);
	/* The first to start it leaves it on: a start costs 10 ms. */
	if (users > 1)
		(void)g.libgit2_shutdown();
	return rc;
}
