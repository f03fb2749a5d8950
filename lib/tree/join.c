/*
 * Join: for each version the order is unseen < present < removed, and the
 * join takes the highest that any side says.  A version that one side has
 * is present there; a side that lacks it says removed if it has seen its
 * dot.  That is commutative, associative and idempotent whatever the dots
 * say, so forged ones are joined like all others.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tree/tree_priv.h"

/* A version at the path at hand, and the map that has it. */
struct have {
	struct sada_id id;
	const struct sada_version *v;
	size_t map;
};

struct join {
	const struct sada_side *side;
	size_t nside;
	size_t *map;		/* of each side: its map in STEP */
	struct sada_step step;
	struct sada_build *build;
	struct have *have;
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
	const struct have *a = pa, *b = pb;
	int c = sada_id_cmp(&a->id, &b->id);

	return c != 0 ? c : sada_register_cmp(b->v, a->v);
}

/* Do all sides that have the path at hand have equal slots there? */
static int
slots_equal(const struct sada_step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->at[i] != NULL && s->at[i] != s->least &&
		    !sada_slot_equal(s->at[i], s->least))
			return 0;
	return 1;
}

/* Gather the versions at the path at hand, sorted by id. */
static void
gather(struct join *j)
{
	const struct sada_step *s = &j->step;
	const struct sada_entry *e;
	struct have *h;
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
	if (j->nhave > 1)
		qsort(j->have, j->nhave, sizeof(*j->have), have_order);
}

/* Has a side whose map is none of the N maps in H seen the dot of V? */
static int
removed(const struct join *j, const struct have *h, size_t n,
    const struct sada_version *v)
{
	size_t i, k;

	for (i = 0; i < j->nside; i++) {
		for (k = 0; k < n && h[k].map != j->map[i]; k++)
			continue;
		if (k == n && j->side[i].seen(&v->dot, j->side[i].ctx))
			return 1;
	}
	return 0;
}

/* The slots at the path at hand, joined into OUT. */
static void
join_slot(struct join *j)
{
	size_t i, n;

	gather(j);
	j->nout = 0;
	for (i = 0; i < j->nhave; i += n) {
		for (n = 1; i + n < j->nhave && sada_id_cmp(&j->have[i].id,
		    &j->have[i + n].id) == 0; n++)
			continue;
		if (removed(j, &j->have[i], n, j->have[i].v))
			continue;
		j->out = sada_grow(j->out, &j->outcap, j->nout + 1,
		    sizeof(*j->out));
		j->out[j->nout++] = *j->have[i].v;
	}
}

/* Join the slots at the path at hand and add what stays. */
static int
one_slot(struct join *j, struct sada_err *err)
{
	const struct sada_step *s = &j->step;
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
	rc = sada_step_init(&j->step, ns, root, n, err);
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
	while ((rc = sada_step(&j.step, err)) > 0) {
		rc = rc == SADA_STEP_SAME ? one_subtree(&j, err) :
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
	sada_step_release(&j.step);
	free(j.map);
	free(j.have);
	free(j.out);
	return rc;
}
