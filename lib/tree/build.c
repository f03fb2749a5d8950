/*
 * Building a map from sorted entries, bottom up: each level gathers keys
 * until the cut rule ends its node, whose ref is a key of the level above.
 *
 * A whole subtree of another map may be added without being read.  Built
 * from its entries it would come out the same exactly when no level up to
 * its own has keys waiting and its last nodes were ended by the rule.
 * Only the last node of a map at each level may have been ended by the
 * map's end instead; such a subtree waits as the "tail": when the build
 * ends behind it, it ended there too, and when anything follows, its last
 * nodes are read and reopened.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

/* Where a key of a waiting node has its path and its versions. */
struct spot {
	size_t path, v;
};

/* A node that waits for more keys. */
struct level {
	size_t n;			/* keys */
	struct spot *spot;		/* into text and v, which may move */
	struct sada_entry *e;		/* level 0 */
	struct sada_ref *ref;		/* above */
	struct sada_buf text;
	struct sada_version *v;
	size_t nv, vcap;
	uint64_t nodes;			/* ended so far; 2: several */
	int foreign;			/* the last one was not built here */
};

struct sada_build {
	struct sada_nodes *ns;
	/* One more than there are levels: finish looks at the ref above. */
	struct level lv[SADA_LEVEL_MAX + 2];
	struct sada_buf last;		/* greatest path so far */
	int any;			/* is there one? */
	int tailed;
	struct sada_ref tail;
	struct sada_buf tail_text;
	unsigned tail_level;
	struct sada_buf raw;		/* scratch of node_end() */
};

void
sada_build_new(struct sada_build **out, struct sada_nodes *ns)
{
	*out = sada_calloc(1, sizeof(**out));
	(*out)->ns = ns;
}

void
sada_build_free(struct sada_build *b)
{
	struct level *l;

	if (b == NULL)
		return;
	for (l = b->lv; l < b->lv + SADA_LEVEL_MAX + 2; l++) {
		free(l->spot);
		free(l->e);
		free(l->ref);
		free(l->v);
		sada_buf_release(&l->text);
	}
	sada_buf_release(&b->last);
	sada_buf_release(&b->tail_text);
	sada_buf_release(&b->raw);
	free(b);
}

static void
last_set(struct sada_build *b, const char *path, size_t len)
{
	assert(!b->any || sada_path_cmp((const char *)b->last.p, b->last.len,
	    path, len) < 0);
	(void)sada_buf_str(&b->last);	/* even the empty path has bytes */
	sada_buf_reset(&b->last);
	sada_buf_add(&b->last, path, len);
	b->any = 1;
}

/* Add the path of the next key of L; its other half is the caller's. */
static void
key_add(struct level *l, const char *path, size_t len)
{
	struct spot *s;

	assert(l->n < SADA_NODE_MAX);
	if (l->spot == NULL)
		l->spot = sada_malloc(SADA_NODE_MAX * sizeof(*l->spot));
	s = &l->spot[l->n];
	(void)sada_buf_reserve(&l->text, len + 1);
	s->path = l->text.len;
	s->v = l->nv;
	sada_buf_add(&l->text, path, len);
}

static int node_end(struct sada_build *b, unsigned level,
    struct sada_err *err);

/* Add a child's ref to the node that waits at LEVEL. */
static int
ref_push(struct sada_build *b, unsigned level, const struct sada_ref *ref,
    struct sada_err *err)
{
	struct level *l = &b->lv[level];

	/* With sixteen children a node only a forged map comes so far. */
	if (level > SADA_LEVEL_MAX && l->n > 0)
		return sada_err_set(err, SADA_FORMAT,
		    "map refused: it has too many levels");
	if (l->ref == NULL)
		l->ref = sada_malloc(SADA_NODE_MAX * sizeof(*l->ref));
	key_add(l, ref->last, ref->len);
	l->ref[l->n++] = *ref;
	return level <= SADA_LEVEL_MAX &&
	    sada_cut(level, l->n, ref->last, ref->len) ?
	    node_end(b, level, err) : 0;
}

/* Encode what waits at level L and sum it up in REF, all but the id. */
static int
node_encode(struct sada_build *b, unsigned level, struct sada_ref *ref,
    struct sada_err *err)
{
	struct level *l = &b->lv[level];
	const char *text = (const char *)l->text.p;
	size_t i;
	int rc;

	memset(ref, 0, sizeof(*ref));
	for (i = 0; i < l->n; i++) {
		if (level == 0) {
			l->e[i].path = text + l->spot[i].path;
			l->e[i].v = l->v != NULL ? l->v + l->spot[i].v : NULL;
			sada_ref_add_entry(ref, &l->e[i]);
		} else {
			l->ref[i].last = text + l->spot[i].path;
			if ((rc = sada_ref_add(ref, &l->ref[i], err)) < 0)
				return rc;
		}
	}
	ref->last = text + l->spot[l->n - 1].path;
	ref->len = level == 0 ? l->e[l->n - 1].len : l->ref[l->n - 1].len;
	sada_buf_reset(&b->raw);
	if (level == 0)
		sada_leaf_encode(&b->raw, l->e, l->n);
	else
		sada_inner_encode(&b->raw, level, l->ref, l->n);
	return 0;
}

/* End the node that waits at LEVEL. */
static int
node_end(struct sada_build *b, unsigned level, struct sada_err *err)
{
	struct level *l = &b->lv[level];
	struct sada_ref ref;
	int rc;

	assert(level <= SADA_LEVEL_MAX);
	if ((rc = node_encode(b, level, &ref, err)) < 0 ||
	    (rc = sada_nodes_put(b->ns, b->raw.p, b->raw.len, &ref.id,
	    err)) < 0)
		return rc;
	l->nodes++;
	l->foreign = 0;
	/* The ref's path lies in l->text, which the level above copies. */
	rc = ref_push(b, level + 1, &ref, err);
	l->n = 0;
	l->nv = 0;
	sada_buf_reset(&l->text);
	return rc;
}

/* Take the node REF of LEVEL as it is; all levels up to it are empty. */
static int
subtree_take(struct sada_build *b, const struct sada_ref *ref,
    unsigned level, struct sada_err *err)
{
	unsigned i;

	/*
	 * Below there are two nodes or more, or one: then this is a chain
	 * at the end of its map, and root_strip() sees to it.
	 */
	for (i = 0; i < level; i++)
		b->lv[i].nodes += 2;
	b->lv[level].nodes++;
	b->lv[level].foreign = 1;
	return ref_push(b, level + 1, ref, err);
}

/*
 * Add subtree REF piece by piece.  REOPEN: go down to the last leaf and
 * add its entries one by one, so that they wait for what follows.
 */
static int
subtree_expand(struct sada_build *b, const struct sada_ref *ref,
    unsigned level, int reopen, unsigned flags, struct sada_err *err)
{
	struct sada_node node = { 0 };
	size_t i;
	int rc;

	if ((rc = sada_nodes_child(b->ns, ref, level,
	    b->any ? (const char *)b->last.p : NULL, b->last.len, &node,
	    err)) < 0)
		goto out;
	for (i = 0; i < node.n && rc == 0; i++) {
		if (level == 0)
			rc = sada_build_add(b, &node.e[i], err);
		else if (i + 1 < node.n)
			rc = sada_build_subtree(b, &node.ref[i], level - 1,
			    0, err);
		else if (reopen)
			rc = subtree_expand(b, &node.ref[i], level - 1, 1, 0,
			    err);
		else
			rc = sada_build_subtree(b, &node.ref[i], level - 1,
			    flags, err);
	}
out:
	sada_node_release(&node);
	return rc;
}

/* Something follows the tail: read its last nodes and reopen them. */
static int
tail_reopen(struct sada_build *b, struct sada_err *err)
{
	struct sada_ref ref = b->tail;
	struct sada_buf text = b->tail_text;
	int rc;

	memset(&b->tail_text, 0, sizeof(b->tail_text));
	b->tailed = 0;
	/* Its entries lie above what was added before it. */
	rc = subtree_expand(b, &ref, b->tail_level, 1, 0, err);
	sada_buf_release(&text);
	return rc;
}

/* Do no keys wait at any level up to LEVEL? */
static int
at_cut(const struct sada_build *b, unsigned level)
{
	unsigned i;

	for (i = 0; i <= level; i++)
		if (b->lv[i].n > 0)
			return 0;
	return 1;
}

int
sada_build_subtree(struct sada_build *b, const struct sada_ref *ref,
    unsigned level, unsigned flags, struct sada_err *err)
{
	int rc;

	assert(level <= SADA_LEVEL_MAX);
	if (b->tailed && (rc = tail_reopen(b, err)) < 0)
		return rc;
	if (!at_cut(b, level))
		return subtree_expand(b, ref, level, 0, flags, err);
	if ((flags & SADA_SUBTREE_OPEN) == 0) {
		last_set(b, ref->last, ref->len);
		return subtree_take(b, ref, level, err);
	}
	/* LAST stays before the tail until it is known what becomes of it. */
	b->tailed = 1;
	b->tail = *ref;
	b->tail_level = level;
	(void)sada_buf_reserve(&b->tail_text, ref->len + 1);
	sada_buf_reset(&b->tail_text);
	sada_buf_add(&b->tail_text, ref->last, ref->len);
	b->tail.last = (const char *)b->tail_text.p;
	return 0;
}

int
sada_build_add(struct sada_build *b, const struct sada_entry *e,
    struct sada_err *err)
{
	struct level *l = &b->lv[0];
	int rc;

	if (b->tailed && (rc = tail_reopen(b, err)) < 0)
		return rc;
	if (e->nv > SADA_SLOT_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "map refused: a path has too many versions");
	last_set(b, e->path, e->len);
	if (l->e == NULL)
		l->e = sada_malloc(SADA_NODE_MAX * sizeof(*l->e));
	key_add(l, e->path, e->len);
	l->e[l->n++] = *e;
	if (e->nv > 0) {
		l->v = sada_grow(l->v, &l->vcap, l->nv + e->nv,
		    sizeof(*l->v));
		memcpy(l->v + l->nv, e->v, e->nv * sizeof(*l->v));
		l->nv += e->nv;
	}
	return sada_cut(0, l->n, e->path, e->len) ? node_end(b, 0, err) : 0;
}

/*
 * *ROOT is a node of LEVEL that holds the whole map but came from another,
 * where it may have been the last one with a single child: go down to the
 * lowest level that has only one node.
 */
static int
root_strip(struct sada_build *b, unsigned level, struct sada_id *root,
    struct sada_err *err)
{
	struct sada_node node = { 0 };
	int rc = 0;

	for (; level > 0; level--) {
		if ((rc = sada_nodes_get(b->ns, root, &node, err)) < 0)
			break;
		if (node.level != level) {
			rc = sada_err_set(err, SADA_FORMAT,
			    "map node refused: its level");
			break;
		}
		if (node.n > 1)
			break;
		*root = node.ref[0].id;
	}
	sada_node_release(&node);
	return rc;
}

int
sada_build_finish(struct sada_build *b, struct sada_id *root,
    struct sada_err *err)
{
	struct level *l;
	unsigned i;
	int rc = 0;

	memset(root, 0, sizeof(*root));
	if (b->tailed) {
		b->tailed = 0;
		last_set(b, b->tail.last, b->tail.len);
		if ((rc = subtree_take(b, &b->tail, b->tail_level, err)) < 0)
			goto out;
	}
	if (!b->any)
		goto out;
	for (i = 0;; i++) {
		assert(i <= SADA_LEVEL_MAX);
		l = &b->lv[i];
		if (l->n > 0 && (rc = node_end(b, i, err)) < 0)
			goto out;
		if (l->nodes == 1)
			break;
	}
	/* The only node of its level: its ref waits alone above. */
	assert(b->lv[i + 1].n == 1);
	*root = b->lv[i + 1].ref[0].id;
	if (l->foreign)
		rc = root_strip(b, i, root, err);
out:
	sada_build_free(b);
	return rc;
}
