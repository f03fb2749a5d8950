/*
 * Nodes on their way from and to the store, where they end, and what can
 * be held against a node that its parent's ref promised: nothing that a
 * node says is believed that another node says otherwise.
 */
#include <assert.h>
#include <string.h>

#include "base/path.h"
#include "tree/tree_priv.h"

static int
refuse(struct sada_err *err, const struct sada_id *id, const char *why)
{
	char hex[SADA_HEX_LEN + 1];

	sada_id_hex(hex, id);
	return sada_err_set(err, SADA_FORMAT, "map node %.16s refused: %s",
	    hex, why);
}

int
sada_nodes_raw(struct sada_nodes *ns, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_id own;

	if (ns->inl != NULL) {
		sada_hash(&own, SADA_CTX_NODE, ns->inl, ns->inl_len);
		if (sada_id_cmp(&own, id) == 0) {
			sada_buf_add(out, ns->inl, ns->inl_len);
			return 0;
		}
	}
	ns->nread++;
	if (ns->txn != NULL)
		return sada_txn_get(ns->txn, SADA_OBJ_NODE, id, out, err);
	if (ns->store != NULL)
		return sada_store_get(ns->store, SADA_OBJ_NODE, id, out, err);
	return sada_err_set(err, SADA_NOTFOUND, "map node not held");
}

int
sada_nodes_get(struct sada_nodes *ns, const struct sada_id *id,
    struct sada_node *node, struct sada_err *err)
{
	struct sada_buf raw = { 0 };
	int rc;

	if ((rc = sada_nodes_raw(ns, id, &raw, err)) < 0)
		goto out;
	rc = sada_node_decode(node, raw.p, raw.len, ns->flags, err);
out:
	sada_buf_release(&raw);
	return rc;
}

const char *
sada_node_path_at(const struct sada_node *node, size_t i, size_t *len)
{
	assert(i < node->n);
	*len = node->level == 0 ? node->e[i].len : node->ref[i].len;
	return node->level == 0 ? node->e[i].path : node->ref[i].last;
}

size_t
sada_node_find(const struct sada_node *node, const char *path, size_t len)
{
	size_t lo = 0, hi = node->n, mid, n;
	const char *p;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		p = sada_node_path_at(node, mid, &n);
		if (sada_path_cmp(p, n, path, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A sum that stays at the greatest number: the order does not matter. */
static uint64_t
sum(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

void
sada_ref_add_entry(struct sada_ref *r, const struct sada_entry *e)
{
	size_t i;

	r->entries++;
	r->multi += e->nv > 1;
	for (i = 0; i < e->nv; i++)
		r->bytes = sum(r->bytes, e->v[i].size);
}

int
sada_ref_add(struct sada_ref *r, const struct sada_ref *c,
    struct sada_err *err)
{
	if (c->entries > UINT64_MAX - r->entries)
		return sada_err_set(err, SADA_FORMAT,
		    "map refused: it claims too many entries");
	r->entries += c->entries;
	r->multi += c->multi;		/* each is at most its entries */
	r->bytes = sum(r->bytes, c->bytes);
	return 0;
}

int
sada_nodes_check(const struct sada_node *node, const struct sada_ref *ref,
    unsigned level, const char *lo, size_t nlo, struct sada_err *err)
{
	struct sada_ref all = { .entries = 0 };
	const char *p;
	size_t i, n;
	int rc;

	if (node->level != level)
		return refuse(err, &ref->id, "its level");
	p = sada_node_path_at(node, node->n - 1, &n);
	if (sada_path_cmp(p, n, ref->last, ref->len) != 0)
		return refuse(err, &ref->id, "its greatest path");
	p = sada_node_path_at(node, 0, &n);
	/* A leaf's first path; above, the first child's last is a bound. */
	if (lo != NULL && sada_path_cmp(p, n, lo, nlo) <= 0)
		return refuse(err, &ref->id, "order across nodes");
	for (i = 0; i < node->n; i++) {
		if (level == 0)
			sada_ref_add_entry(&all, &node->e[i]);
		else if ((rc = sada_ref_add(&all, &node->ref[i], err)) < 0)
			return rc;
	}
	if (all.entries != ref->entries || all.multi != ref->multi ||
	    all.bytes != ref->bytes)
		return refuse(err, &ref->id, "its counts");
	return 0;
}

int
sada_nodes_child(struct sada_nodes *ns, const struct sada_ref *ref,
    unsigned level, const char *lo, size_t nlo, struct sada_node *node,
    struct sada_err *err)
{
	int rc;

	if ((rc = sada_nodes_get(ns, &ref->id, node, err)) < 0)
		return rc;
	return sada_nodes_check(node, ref, level, lo, nlo, err);
}

int
sada_nodes_put(struct sada_nodes *ns, const void *p, size_t n,
    struct sada_id *id, struct sada_err *err)
{
	if (n > SADA_OBJECT_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "map refused: its slots are too large for a node");
	if (ns->txn == NULL) {
		sada_hash(id, SADA_CTX_NODE, p, n);
		return 0;
	}
	ns->nwritten++;
	ns->bytes_written += n;
	return sada_txn_put(ns->txn, SADA_OBJ_NODE, p, n, id, err);
}

int
sada_version_equal(const struct sada_version *a, const struct sada_version *b)
{
	return a->kind == b->kind && a->flags == b->flags &&
	    a->mode == b->mode && a->size == b->size &&
	    a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	    a->stamp_lamport == b->stamp_lamport &&
	    sada_dot_cmp(&a->dot, &b->dot) == 0 &&
	    sada_id_cmp(&a->content, &b->content) == 0 &&
	    sada_id_cmp(&a->anc, &b->anc) == 0 &&
	    sada_id_cmp(&a->stamp_author, &b->stamp_author) == 0;
}

int
sada_slot_equal(const struct sada_entry *a, const struct sada_entry *b)
{
	size_t i;

	if (a->nv != b->nv)
		return 0;
	for (i = 0; i < a->nv; i++)
		if (!sada_version_equal(&a->v[i], &b->v[i]))
			return 0;
	return 1;
}

/*
 * The end of a node is a pure function of the keys, so that equal maps are
 * cut alike whatever their history.  The rule stands in tree.h.
 */
int
sada_cut(unsigned level, size_t n, const char *path, size_t len)
{
	unsigned char key[16] = "sada.cut.v1";

	assert(level <= SADA_LEVEL_MAX && n <= SADA_NODE_MAX);
	if (n < SADA_CUT_MIN)
		return 0;
	if (n == SADA_NODE_MAX)
		return 1;
	key[15] = (unsigned char)level;
	return sada_siphash(key, path, len) >> 32 < SADA_CUT_BELOW;
}

/*
 * Is a map that came from elsewhere canonical?  There is one map for given
 * entries, so it is when building it anew from its entries gives its root.
 * What the cursor checks on the way (order, counts, levels) is refused
 * before that, with a better sentence.
 */
int
sada_map_check(struct sada_nodes *ns, const struct sada_id *root,
    struct sada_err *err)
{
	struct sada_nodes dry = { .flags = ns->flags };
	struct sada_cursor *c = NULL;
	struct sada_build *b = NULL;
	struct sada_entry e;
	struct sada_id again;
	int rc;

	sada_build_new(&b, &dry);
	if ((rc = sada_cursor_open(&c, ns, root, err)) < 0)
		goto out;
	while ((rc = sada_cursor_next(c, &e, err)) > 0)
		if ((rc = sada_build_add(b, &e, err)) < 0)
			goto out;
	if (rc < 0)
		goto out;
	rc = sada_build_finish(b, &again, err);
	b = NULL;
	if (rc == 0 && sada_id_cmp(&again, root) != 0)
		rc = sada_err_set(err, SADA_FORMAT,
		    "map refused: its nodes are not cut where they must be");
out:
	sada_build_free(b);
	sada_cursor_free(c);
	return rc;
}
