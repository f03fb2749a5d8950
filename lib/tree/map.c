/* Questions to a whole map: one slot, its totals, its nodes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

/* Read the child that I of UP names into NODE; LO as its lower bound. */
static int
child(struct sada_nodes *ns, const struct sada_node *up, size_t i,
    struct sada_node *node, struct sada_err *err)
{
	return sada_nodes_child(ns, &up->ref[i], up->level - 1,
	    i > 0 ? up->ref[i - 1].last : NULL, i > 0 ? up->ref[i - 1].len : 0,
	    node, err);
}

int
sada_map_get(struct sada_nodes *ns, const struct sada_id *root,
    const char *path, size_t len, struct sada_node *node,
    struct sada_entry *e, struct sada_err *err)
{
	struct sada_node up = { 0 }, swap;
	size_t i;
	int rc = 0;

	if (sada_id_zero(root))
		return 0;
	if ((rc = sada_nodes_get(ns, root, node, err)) < 0)
		goto out;
	for (;;) {
		i = sada_node_find(node, path, len);
		rc = 0;
		if (i == node->n)
			goto out;
		if (node->level == 0)
			break;
		swap = up;
		up = *node;
		*node = swap;
		if ((rc = child(ns, &up, i, node, err)) < 0)
			goto out;
	}
	if (sada_path_cmp(node->e[i].path, node->e[i].len, path, len) == 0) {
		*e = node->e[i];
		rc = 1;
	}
out:
	sada_node_release(&up);
	return rc;
}

int
sada_map_below(struct sada_nodes *ns, const struct sada_id *root,
    const char *path, size_t len, struct sada_err *err)
{
	struct sada_cursor *c = NULL;
	struct sada_entry e;
	int rc;

	if ((rc = sada_cursor_open(&c, ns, root, err)) < 0 ||
	    (rc = sada_cursor_seek(c, path, len, err)) < 0)
		goto out;
	rc = sada_cursor_next(c, &e, err);
	if (rc > 0 && sada_path_cmp(e.path, e.len, path, len) == 0)
		rc = sada_cursor_next(c, &e, err);
	if (rc > 0)
		rc = sada_path_below(e.path, e.len, path, len);
out:
	sada_cursor_free(c);
	return rc;
}

int
sada_map_stat(struct sada_nodes *ns, const struct sada_id *root,
    struct sada_map_stat *st, struct sada_err *err)
{
	struct sada_node node = { 0 };
	struct sada_ref all = { .entries = 0 };
	size_t i;
	int rc = 0;

	memset(st, 0, sizeof(*st));
	if (sada_id_zero(root))
		goto out;
	if ((rc = sada_nodes_get(ns, root, &node, err)) < 0)
		goto out;
	for (i = 0; i < node.n; i++) {
		if (node.level == 0)
			sada_ref_add_entry(&all, &node.e[i]);
		else if ((rc = sada_ref_add(&all, &node.ref[i], err)) < 0)
			goto out;
	}
	st->entries = all.entries;
	st->multi = all.multi;
	st->bytes = all.bytes;
out:
	sada_node_release(&node);
	return rc;
}

int
sada_map_multi(struct sada_nodes *ns, const struct sada_id *root,
    int (*each)(const struct sada_entry *e, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct sada_cursor *c;
	unsigned height;
	int rc;

	if ((rc = sada_cursor_open(&c, ns, root, err)) < 0)
		return rc;
	while (rc >= 0 && !sada_cursor_end(c)) {
		height = sada_cursor_height(c);
		if (height > 0 && (height == SADA_HEIGHT_ROOT ||
		    sada_cursor_ref(c)->multi > 0)) {
			rc = sada_cursor_enter(c, err);
			continue;
		}
		if (height == 0 && sada_cursor_entry(c)->nv > 1)
			rc = each(sada_cursor_entry(c), ctx, err);
		sada_cursor_pass(c);
	}
	sada_cursor_free(c);
	return rc < 0 ? rc : 0;
}

/* A node on the way of sada_map_nodes(), its bytes, and the next child. */
struct visit {
	struct sada_node node;
	struct sada_buf raw;
	struct sada_id id;
	size_t i;
	const char *lo;
	size_t nlo;
};

/* Read node ID into V; UP: its parent, whose I names it, or NULL. */
static int
visit_open(struct visit *v, struct sada_nodes *ns, const struct sada_id *id,
    const struct visit *up, struct sada_err *err)
{
	int rc;

	v->id = *id;
	v->i = 0;
	v->lo = NULL;
	v->nlo = 0;
	sada_buf_reset(&v->raw);
	if ((rc = sada_nodes_raw(ns, id, &v->raw, err)) < 0 ||
	    (rc = sada_node_decode(&v->node, v->raw.p, v->raw.len, ns->flags,
	    err)) < 0 || up == NULL)
		return rc;
	v->lo = up->lo;
	v->nlo = up->nlo;
	if (up->i > 0) {
		v->lo = up->node.ref[up->i - 1].last;
		v->nlo = up->node.ref[up->i - 1].len;
	}
	return sada_nodes_check(&v->node, &up->node.ref[up->i],
	    up->node.level - 1, v->lo, v->nlo, err);
}

int
sada_map_nodes(struct sada_nodes *ns, const struct sada_id *root,
    int (*each)(const struct sada_id *id, const void *p, size_t n,
    unsigned level, void *ctx), void *ctx, struct sada_err *err)
{
	struct visit *stack, *v;
	size_t i;
	int rc = 0;

	stack = sada_calloc(SADA_LEVEL_MAX + 1, sizeof(*stack));
	v = stack;
	if (sada_id_zero(root) ||
	    (rc = visit_open(v, ns, root, NULL, err)) < 0)
		goto out;
	for (;;) {
		if (v->node.level > 0 && v->i < v->node.n) {
			if ((rc = visit_open(v + 1, ns,
			    &v->node.ref[v->i].id, v, err)) < 0)
				goto out;
			v++;
			continue;
		}
		if ((rc = each(&v->id, v->raw.p, v->raw.len, v->node.level,
		    ctx)) < 0)
			goto out;
		rc = 0;
		if (v == stack)
			break;
		v--;
		v->i++;
	}
out:
	for (i = 0; i <= SADA_LEVEL_MAX; i++) {
		sada_node_release(&stack[i].node);
		sada_buf_release(&stack[i].raw);
	}
	free(stack);
	return rc;
}
