/*
 * Cursors: a stack of nodes from the root to what stands next.
 *
 * What stands next is an entry or a subtree that was not entered.  Whoever
 * only wants entries enters every subtree; diff, join, replay and build
 * look at a subtree's id first and pass it whole when they can.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

struct frame {
	struct sada_node node;
	struct sada_id id;	/* of what NODE holds; zero: nothing */
	size_t i;		/* what stands next, or was entered */
	const char *lo;		/* all paths are greater; NULL: no bound */
	size_t nlo;		/* (its bytes lie in a frame above) */
};

/*
 * Invariants:
 *  1. depth frames are in use; f[0] is the root, each next one the child
 *     that its parent's i names.
 *  2. Unless done, i of the last frame is within its node.
 *  3. Without frames, and not done, the root stands next.
 *  4. What is not in use keeps its node, so that going back to it (by a
 *     seek just behind) needs no read.
 */
struct sada_cursor {
	struct sada_nodes *ns;
	struct sada_ref root;	/* only the id */
	unsigned depth;
	int done;
	struct frame f[SADA_LEVEL_MAX + 1];
};

int
sada_cursor_open(struct sada_cursor **out, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err)
{
	struct sada_cursor *c;

	(void)err;		/* nothing is read before the first step */
	c = sada_calloc(1, sizeof(*c));
	c->ns = ns;
	c->root.id = *root;
	c->done = sada_id_zero(root);
	*out = c;
	return 0;
}

void
sada_cursor_free(struct sada_cursor *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i <= SADA_LEVEL_MAX; i++)
		sada_node_release(&c->f[i].node);
	free(c);
}

int
sada_cursor_end(const struct sada_cursor *c)
{
	return c->done;
}

unsigned
sada_cursor_height(const struct sada_cursor *c)
{
	assert(!c->done);
	return c->depth == 0 ? SADA_HEIGHT_ROOT :
	    c->f[c->depth - 1].node.level;
}

const struct sada_entry *
sada_cursor_entry(const struct sada_cursor *c)
{
	const struct frame *f;

	assert(sada_cursor_height(c) == 0);
	f = &c->f[c->depth - 1];
	return &f->node.e[f->i];
}

const struct sada_ref *
sada_cursor_ref(const struct sada_cursor *c)
{
	const struct frame *f;

	assert(sada_cursor_height(c) > 0);
	if (c->depth == 0)
		return &c->root;
	f = &c->f[c->depth - 1];
	return &f->node.ref[f->i];
}

int
sada_cursor_last(const struct sada_cursor *c)
{
	unsigned d;

	for (d = 0; d < c->depth; d++)
		if (c->f[d].i + 1 < c->f[d].node.n)
			return 0;
	return 1;
}

/* Bring node ID into frame F, if it is not there still. */
static int
frame_load(struct frame *f, struct sada_nodes *ns, const struct sada_id *id,
    struct sada_err *err)
{
	int rc;

	if (sada_id_cmp(&f->id, id) == 0)
		return 0;
	memset(&f->id, 0, sizeof(f->id));
	if ((rc = sada_nodes_get(ns, id, &f->node, err)) < 0)
		return rc;
	f->id = *id;
	return 0;
}

int
sada_cursor_enter(struct sada_cursor *c, struct sada_err *err)
{
	struct frame *f, *up;
	const struct sada_ref *ref = sada_cursor_ref(c);
	int rc;

	f = &c->f[c->depth];
	if ((rc = frame_load(f, c->ns, &ref->id, err)) < 0)
		return rc;
	f->lo = NULL;
	f->nlo = 0;
	if (c->depth > 0) {
		up = f - 1;
		f->lo = up->lo;
		f->nlo = up->nlo;
		if (up->i > 0) {
			f->lo = up->node.ref[up->i - 1].last;
			f->nlo = up->node.ref[up->i - 1].len;
		}
		if ((rc = sada_nodes_check(&f->node, ref, up->node.level - 1,
		    f->lo, f->nlo, err)) < 0)
			return rc;
	}
	f->i = 0;
	c->depth++;
	return 0;
}

void
sada_cursor_pass(struct sada_cursor *c)
{
	assert(!c->done);
	while (c->depth > 0) {
		if (++c->f[c->depth - 1].i < c->f[c->depth - 1].node.n)
			return;
		c->depth--;
	}
	c->done = 1;
}

int
sada_cursor_next(struct sada_cursor *c, struct sada_entry *e,
    struct sada_err *err)
{
	int rc;

	while (!c->done && sada_cursor_height(c) > 0)
		if ((rc = sada_cursor_enter(c, err)) < 0)
			return rc;
	if (c->done)
		return 0;
	*e = *sada_cursor_entry(c);
	sada_cursor_pass(c);
	return 1;
}

/* Does PATH lie among the paths of F, or (in the root) anywhere? */
static int
frame_holds(const struct frame *f, const char *path, size_t len)
{
	const char *p;
	size_t n;

	if (f->lo != NULL && sada_path_cmp(path, len, f->lo, f->nlo) <= 0)
		return 0;
	p = sada_node_path_at(&f->node, f->node.n - 1, &n);
	return sada_path_cmp(path, len, p, n) <= 0;
}

int
sada_cursor_seek(struct sada_cursor *c, const char *path, size_t len,
    struct sada_err *err)
{
	struct frame *f;
	int rc;

	if (sada_id_zero(&c->root.id))
		return 0;
	/* After the end the frames are gone, but the root may be again. */
	c->done = 0;
	while (c->depth > 1 && !frame_holds(&c->f[c->depth - 1], path, len))
		c->depth--;
	for (;;) {
		if (c->depth == 0 || c->f[c->depth - 1].node.level > 0) {
			if (c->depth > 0) {
				f = &c->f[c->depth - 1];
				f->i = sada_node_find(&f->node, path, len);
				if (f->i == f->node.n)
					break;
			}
			if ((rc = sada_cursor_enter(c, err)) < 0)
				return rc;
			continue;
		}
		f = &c->f[c->depth - 1];
		f->i = sada_node_find(&f->node, path, len);
		if (f->i < f->node.n)
			return 0;
		break;
	}
	/* Only the root can end before PATH: its last path is a real one. */
	assert(c->depth == 1);
	c->depth = 0;
	c->done = 1;
	return 0;
}
