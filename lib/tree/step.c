/*
 * Several maps in step: the next path that any of them has, or the next
 * subtree that is the same in all.  A subtree that differs is entered,
 * the highest first, so that equal ones come to stand side by side again
 * as soon as the maps agree behind a difference.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

int
sada_step_init(struct sada_step *s, struct sada_nodes *ns,
    const struct sada_id *root, size_t n, struct sada_err *err)
{
	size_t i;
	int rc = 0;

	memset(s, 0, sizeof(*s));
	s->what = SADA_STEP_END;
	s->n = n;
	s->c = sada_calloc(n, sizeof(*s->c));
	s->at = sada_calloc(n, sizeof(*s->at));
	for (i = 0; i < n && rc == 0; i++)
		rc = sada_cursor_open(&s->c[i], ns, &root[i], err);
	if (rc < 0)
		sada_step_release(s);
	return rc;
}

void
sada_step_release(struct sada_step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		sada_cursor_free(s->c[i]);
	free(s->c);
	free(s->at);
	memset(s, 0, sizeof(*s));
}

/*
 * Does one and the same subtree stand next on all sides?  What a ref says
 * of its child is compared too: the child itself is not read then, and
 * two maps that disagree about it are not both true.
 */
static int
all_same(const struct sada_step *s)
{
	const struct sada_ref *a, *b;
	unsigned height;
	size_t i;

	if (sada_cursor_end(s->c[0]))
		return 0;
	height = sada_cursor_height(s->c[0]);
	if (height == 0 || height == SADA_HEIGHT_ROOT)
		return 0;
	a = sada_cursor_ref(s->c[0]);
	for (i = 1; i < s->n; i++) {
		if (sada_cursor_end(s->c[i]) ||
		    sada_cursor_height(s->c[i]) != height)
			return 0;
		b = sada_cursor_ref(s->c[i]);
		if (sada_id_cmp(&a->id, &b->id) != 0 || a->len != b->len ||
		    memcmp(a->last, b->last, a->len) != 0 ||
		    a->entries != b->entries || a->multi != b->multi ||
		    a->bytes != b->bytes)
			return 0;
	}
	return 1;
}

/* Go past what the last step found. */
static void
pass(struct sada_step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->what == SADA_STEP_SAME ||
		    (s->what == SADA_STEP_SLOT && s->at[i] != NULL))
			sada_cursor_pass(s->c[i]);
	s->what = SADA_STEP_END;
}

/* All cursors stand before entries or at their end: which are the least? */
static int
least(struct sada_step *s)
{
	const struct sada_entry *e;
	size_t i, j;
	int c;

	s->least = NULL;
	for (i = 0; i < s->n; i++) {
		s->at[i] = NULL;
		if (sada_cursor_end(s->c[i]))
			continue;
		e = sada_cursor_entry(s->c[i]);
		c = s->least == NULL ? -1 : sada_path_cmp(e->path, e->len,
		    s->least->path, s->least->len);
		if (c > 0)
			continue;
		if (c < 0)
			for (j = 0; j < i; j++)
				s->at[j] = NULL;
		s->at[i] = s->least = e;
	}
	return s->least != NULL;
}

int
sada_step(struct sada_step *s, struct sada_err *err)
{
	unsigned height, high;
	size_t i;
	int rc;

	pass(s);
	for (;;) {
		if (all_same(s))
			return (int)(s->what = SADA_STEP_SAME);
		for (i = 0, high = 0; i < s->n; i++) {
			if (sada_cursor_end(s->c[i]))
				continue;
			height = sada_cursor_height(s->c[i]);
			if (height > high)
				high = height;
		}
		if (high == 0)
			break;
		for (i = 0; i < s->n; i++)
			if (!sada_cursor_end(s->c[i]) &&
			    sada_cursor_height(s->c[i]) == high &&
			    (rc = sada_cursor_enter(s->c[i], err)) < 0)
				return rc;
	}
	return (int)(s->what = least(s) ? SADA_STEP_SLOT : SADA_STEP_END);
}
