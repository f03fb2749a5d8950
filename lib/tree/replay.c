/*
 * Replay: a map with the slots of a changes tree put in place of its own.
 * Both are walked side by side; a subtree of the map that lies before the
 * next change goes into the result unread.
 */
#include <assert.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

struct replay {
	struct sada_cursor *base, *changes;
	struct sada_build *build;
	struct sada_replay_counts counts;
};

/* Put change E into the result; PRESENT: the map has a slot there. */
static int
change(struct replay *r, const struct sada_entry *e, int present,
    struct sada_err *err)
{
	if (e->nv == 0) {
		r->counts.gone += (uint64_t)(present != 0);
		return 0;
	}
	r->counts.set++;
	return sada_build_add(r->build, e, err);
}

/* Take over what stands next in the map, up to before CHANGE (or all). */
static int
keep_one(struct replay *r, struct sada_err *err)
{
	struct sada_cursor *c = r->base;
	unsigned height = sada_cursor_height(c);
	int rc;

	if (height == 0)
		rc = sada_build_add(r->build, sada_cursor_entry(c), err);
	else
		rc = sada_build_subtree(r->build, sada_cursor_ref(c),
		    height - 1, sada_cursor_last(c) ? SADA_SUBTREE_OPEN : 0,
		    err);
	sada_cursor_pass(c);
	return rc;
}

/*
 * Where what stands next in the map lies to change E: <0 wholly before,
 * 0 at its path or around it, >0 behind (an entry).
 */
static int
place(const struct sada_cursor *c, const struct sada_entry *e)
{
	const struct sada_ref *ref;
	const struct sada_entry *own;
	unsigned height = sada_cursor_height(c);

	if (height == SADA_HEIGHT_ROOT)
		return 0;
	if (height == 0) {
		own = sada_cursor_entry(c);
		return sada_path_cmp(own->path, own->len, e->path, e->len);
	}
	ref = sada_cursor_ref(c);
	return sada_path_cmp(ref->last, ref->len, e->path, e->len) < 0 ?
	    -1 : 0;
}

/* The map up to change E, then E. */
static int
one_change(struct replay *r, const struct sada_entry *e,
    struct sada_err *err)
{
	int c, rc;

	while (!sada_cursor_end(r->base)) {
		c = place(r->base, e);
		if (c > 0)
			break;
		if (c == 0 && sada_cursor_height(r->base) == 0) {
			sada_cursor_pass(r->base);
			return change(r, e, 1, err);
		}
		rc = c < 0 ? keep_one(r, err) :
		    sada_cursor_enter(r->base, err);
		if (rc < 0)
			return rc;
	}
	return change(r, e, 0, err);
}

int
sada_replay(struct sada_nodes *ns, const struct sada_id *base,
    struct sada_nodes *cns, const struct sada_id *changes,
    struct sada_id *out, struct sada_replay_counts *counts,
    struct sada_err *err)
{
	struct replay r = { .base = NULL };
	struct sada_id root = *base;
	struct sada_entry e;
	int rc;

	assert((cns->flags & SADA_NODE_CHANGES) != 0);
	if ((rc = sada_cursor_open(&r.changes, cns, changes, err)) < 0 ||
	    (rc = sada_cursor_open(&r.base, ns, base, err)) < 0)
		goto out;
	while ((rc = sada_cursor_next(r.changes, &e, err)) > 0) {
		if (r.build == NULL)
			sada_build_new(&r.build, ns);
		if ((rc = one_change(&r, &e, err)) < 0)
			goto out;
	}
	if (rc < 0)
		goto out;
	if (r.build != NULL) {
		while (!sada_cursor_end(r.base))
			if ((rc = sada_cursor_height(r.base) ==
			    SADA_HEIGHT_ROOT ?
			    sada_cursor_enter(r.base, err) :
			    keep_one(&r, err)) < 0)
				goto out;
		rc = sada_build_finish(r.build, &root, err);
		r.build = NULL;
		if (rc < 0)
			goto out;
	}
	*out = root;
	if (counts != NULL)
		*counts = r.counts;
	rc = 0;
out:
	sada_build_free(r.build);
	sada_cursor_free(r.base);
	sada_cursor_free(r.changes);
	return rc;
}
