/*
 * What is done with several maps at once, in step: diff and join.
 *
 * A step is to the next path that any of the maps has, or the next subtree
 * that is the same in all.  A subtree that differs is entered, the highest
 * first, so that equal ones come to stand side by side again as soon as
 * the maps agree behind a difference.
 *
 * Join: for each version the order is unseen < present < removed, and the
 * join takes the highest that any side says.  A version that one side has
 * is present there; a side that lacks it says removed if it has seen its
 * dot.  That is commutative, associative and idempotent whatever the dots
 * say, so forged ones are joined like all others.  What it is to have seen
 * a dot of which there are several ops is state.c's to say.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

enum {
	STEP_END = 0,
	STEP_SAME = 1,	/* all stand before the same subtree */
	STEP_SLOT = 2	/* AT tells who has the least path */
};
struct step {
	struct sada_cursor **c;
	const struct sada_entry **at;	/* of each cursor, NULL: none */
	size_t n;
	const struct sada_entry *least;	/* one of AT */
	unsigned what;			/* what the last step came to */
};

/* Free what S holds. */
static void
step_release(struct step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		sada_cursor_free(s->c[i]);
	free(s->c);
	free(s->at);
	memset(s, 0, sizeof(*s));
}

/* Open cursors over N maps.  Release with step_release(). */
static int
step_init(struct step *s, struct sada_nodes *ns,
    const struct sada_id *root, size_t n, struct sada_err *err)
{
	size_t i;
	int rc = 0;

	memset(s, 0, sizeof(*s));
	s->what = STEP_END;
	s->n = n;
	s->c = sada_calloc(n, sizeof(*s->c));
	s->at = sada_calloc(n, sizeof(*s->at));
	for (i = 0; i < n && rc == 0; i++)
		rc = sada_cursor_open(&s->c[i], ns, &root[i], err);
	if (rc < 0)
		step_release(s);
	return rc;
}

/*
 * Does one and the same subtree stand next on all sides?  What a ref says
 * of its child is compared too: the child itself is not read then, and
 * two maps that disagree about it are not both true.
 */
static int
all_same(const struct step *s)
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
pass(struct step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->what == STEP_SAME ||
		    (s->what == STEP_SLOT && s->at[i] != NULL))
			sada_cursor_pass(s->c[i]);
	s->what = STEP_END;
}

/* All cursors stand before entries or at their end: which are the least? */
static int
least(struct step *s)
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

/* Go past what the last step found, to the next: STEP_*. */
static int
step_next(struct step *s, struct sada_err *err)
{
	unsigned height, high;
	size_t i;
	int rc;

	pass(s);
	for (;;) {
		if (all_same(s))
			return (int)(s->what = STEP_SAME);
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
	return (int)(s->what = least(s) ? STEP_SLOT : STEP_END);
}

/* Diff: the paths whose slots two maps hold differently. */

struct sada_diff {
	struct step step;
	int same;		/* the roots are equal */
};

int
sada_diff_open(struct sada_diff **out, struct sada_nodes *ns,
    const struct sada_id *a, const struct sada_id *b, struct sada_err *err)
{
	struct sada_id root[2] = { *a, *b };
	struct sada_diff *d;
	int rc;

	*out = NULL;
	d = sada_calloc(1, sizeof(*d));
	d->same = sada_id_cmp(a, b) == 0;
	if ((rc = step_init(&d->step, ns, root, 2, err)) < 0) {
		free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void
sada_diff_free(struct sada_diff *d)
{
	if (d == NULL)
		return;
	step_release(&d->step);
	free(d);
}

/* One side of a difference at the path of LEAST. */
static void
diff_side(struct sada_entry *out, const struct sada_entry *e,
    const struct sada_entry *least)
{
	if (e != NULL) {
		*out = *e;
		return;
	}
	memset(out, 0, sizeof(*out));
	out->path = least->path;
	out->len = least->len;
}

int
sada_diff_next(struct sada_diff *d, struct sada_entry *a,
    struct sada_entry *b, struct sada_err *err)
{
	struct step *s = &d->step;
	int rc;

	if (d->same)
		return 0;
	while ((rc = step_next(s, err)) > 0) {
		if (rc == STEP_SAME || (s->at[0] != NULL &&
		    s->at[1] != NULL && sada_slot_equal(s->at[0], s->at[1])))
			continue;
		diff_side(a, s->at[0], s->least);
		diff_side(b, s->at[1], s->least);
		return 1;
	}
	return rc;
}

/* Join: all sides in step; where they differ, slot by slot. */

struct join {
	const struct sada_side *side;
	size_t nside;
	size_t *map;		/* of each side: its map in STEP */
	struct step step;
	struct sada_build *build;
	struct sada_have *have;
	size_t nhave, havecap;
	struct sada_version *out;
	size_t nout, outcap;
};

int
sada_register_cmp(const struct sada_version *a, const struct sada_version *b)
{
	int c;

	if (a->stamp_lamport != b->stamp_lamport)
		return a->stamp_lamport < b->stamp_lamport ? -1 : 1;
	if ((c = sada_id_cmp(&a->stamp_author, &b->stamp_author)) != 0)
		return c;
	if (a->mode != b->mode)
		return a->mode < b->mode ? -1 : 1;
	if (a->mtime_s != b->mtime_s)
		return a->mtime_s < b->mtime_s ? -1 : 1;
	if (a->mtime_ns != b->mtime_ns)
		return a->mtime_ns < b->mtime_ns ? -1 : 1;
	return 0;
}

/* By id; the same version of several sides by register, highest first. */
static int
have_order(const void *pa, const void *pb)
{
	const struct sada_have *a = pa, *b = pb;
	int c = sada_id_cmp(&a->id, &b->id);

	return c != 0 ? c : sada_register_cmp(b->v, a->v);
}

/* Do all sides that have the path at hand have equal slots there? */
static int
slots_equal(const struct step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->at[i] != NULL && s->at[i] != s->least &&
		    !sada_slot_equal(s->at[i], s->least))
			return 0;
	return 1;
}

/* Gather the versions at the path at hand. */
static void
gather(struct join *j)
{
	const struct step *s = &j->step;
	const struct sada_entry *e;
	struct sada_have *h;
	size_t i, k;

	j->nhave = 0;
	for (i = 0; i < s->n; i++) {
		if ((e = s->at[i]) == NULL)
			continue;
		j->have = sada_grow(j->have, &j->havecap, j->nhave + e->nv,
		    sizeof(*j->have));
		for (k = 0; k < e->nv; k++) {
			h = &j->have[j->nhave++];
			sada_version_id(&h->id, &e->v[k]);
			h->v = &e->v[k];
			h->map = i;
		}
	}
}

/* Has a side whose map is none of the N maps in H seen the dot of H? */
static int
removed(const struct sada_have *h, size_t n, const struct sada_side *side,
    const size_t *map, size_t nside)
{
	size_t i, k;

	for (i = 0; i < nside; i++) {
		for (k = 0; k < n && h[k].map != map[i]; k++)
			continue;
		if (k == n && side[i].seen(&h->v->dot, side[i].ctx))
			return 1;
	}
	return 0;
}

size_t
sada_join_slot(struct sada_have *h, size_t nh, const struct sada_side *side,
    const size_t *map, size_t nside)
{
	size_t i, n, kept = 0;

	if (nh > 1)
		qsort(h, nh, sizeof(*h), have_order);
	for (i = 0; i < nh; i += n) {
		for (n = 1; i + n < nh && sada_id_cmp(&h[i].id,
		    &h[i + n].id) == 0; n++)
			continue;
		if (!removed(&h[i], n, side, map, nside))
			h[kept++] = h[i];
	}
	return kept;
}

/* The slots at the path at hand, joined into OUT. */
static void
join_slot(struct join *j)
{
	size_t i;

	gather(j);
	j->nout = sada_join_slot(j->have, j->nhave, j->side, j->map,
	    j->nside);
	j->out = sada_grow(j->out, &j->outcap, j->nout, sizeof(*j->out));
	for (i = 0; i < j->nout; i++)
		j->out[i] = *j->have[i].v;
}

/* Join the slots at the path at hand and add what stays. */
static int
one_slot(struct join *j, struct sada_err *err)
{
	const struct step *s = &j->step;
	struct sada_entry e = *s->least;
	size_t i;

	for (i = 0; i < s->n && s->at[i] != NULL; i++)
		continue;
	if (i < s->n || !slots_equal(s)) {
		join_slot(j);
		if (j->nout == 0)
			return 0;
		e.v = j->out;
		e.nv = j->nout;
	}
	return sada_build_add(j->build, &e, err);
}

/*
 * A subtree that is the same on all sides.  It is never open: what the
 * rule did not end is the last of every side, and nothing follows.
 */
static int
one_subtree(struct join *j, struct sada_err *err)
{
	const struct sada_cursor *c = j->step.c[0];

	return sada_build_subtree(j->build, sada_cursor_ref(c),
	    sada_cursor_height(c) - 1, 0, err);
}

/* Open a cursor for each map that differs: sides often share one. */
static int
join_open(struct join *j, struct sada_nodes *ns, struct sada_err *err)
{
	struct sada_id *root;
	size_t i, k, n = 0;
	int rc;

	root = sada_calloc(j->nside, sizeof(*root));
	j->map = sada_calloc(j->nside, sizeof(*j->map));
	for (i = 0; i < j->nside; i++) {
		for (k = 0; k < n; k++)
			if (sada_id_cmp(&root[k], &j->side[i].root) == 0)
				break;
		if (k == n)
			root[n++] = j->side[i].root;
		j->map[i] = k;
	}
	rc = step_init(&j->step, ns, root, n, err);
	free(root);
	return rc;
}

int
sada_join(struct sada_nodes *ns, const struct sada_side *side, size_t n,
    struct sada_id *out, struct sada_err *err)
{
	struct join j = { .side = side, .nside = n };
	int rc;

	assert(n >= 1);
	if ((rc = join_open(&j, ns, err)) < 0)
		goto out;
	if (j.step.n == 1) {
		*out = side[0].root;
		goto out;
	}
	sada_build_new(&j.build, ns);
	while ((rc = step_next(&j.step, err)) > 0) {
		rc = rc == STEP_SAME ? one_subtree(&j, err) :
		    one_slot(&j, err);
		if (rc < 0)
			goto out;
	}
	if (rc == 0) {
		rc = sada_build_finish(j.build, out, err);
		j.build = NULL;
	}
out:
	sada_build_free(j.build);
	step_release(&j.step);
	free(j.map);
	free(j.have);
	free(j.out);
	return rc;
}
