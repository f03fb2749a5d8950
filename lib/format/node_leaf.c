/*
 * Leaves, read: tables of authors and dots, then entries with their
 * versions.  This is on the way of every diff and join, so it allocates
 * nothing for an entry and hashes only where a slot has several versions,
 * whose order is that of their ids.
 */
#include <assert.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/node_priv.h"

/* The least bytes of a dot, an entry and a version. */
#define LEAF_DOT_MIN (1 + 8 + 1 + 8)
#define ENTRY_MIN (1 + 1 + 1)
#define VERSION_MIN (1 + 1 + 5)
/* A link's text is not longer than this. */
#define LINK_CAP 65535

enum {
	BITS_KIND = 3,
	BITS_ALONE = 4,
	BITS_ANC = 8,
	BITS_ALL = 15
};

/* A leaf that is being read. */
struct leaf {
	struct sada_rd *r;
	struct sada_node_mem *m;
	const unsigned char *author;	/* in the input */
	size_t nauthor, ndot;
	unsigned char *author_used, *dot_used;
	size_t author_left, dot_left;	/* how many were not seen yet */
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "map leaf refused: %s", why);
}

int
sada_version_ok(const struct sada_version *v)
{
	if (v->dot.seq < 1 || v->mode > 0777 || v->mtime_ns > 999999999)
		return 0;
	if (v->kind == SADA_DIR)
		return v->flags == 0 && v->size == 0 &&
		    sada_id_zero(&v->content) && sada_id_zero(&v->anc);
	if ((v->flags & ~SADA_V_ALONE) != 0 || v->stamp_lamport != 0 ||
	    !sada_id_zero(&v->stamp_author))
		return 0;
	if (v->kind == SADA_FILE)
		return v->size <= SIZE_CAP;
	return v->kind == SADA_LINK && v->mode == 0 && v->size <= LINK_CAP;
}

static void
see(unsigned char *used, size_t i, size_t *left)
{
	*left -= (size_t)(used[i] == 0);
	used[i] = 1;
}

/* The table of authors: where it lies, sorted. */
static int
leaf_authors(struct leaf *l, struct sada_err *err)
{
	size_t i;

	l->nauthor = (size_t)sada_get_count(l->r, SADA_ID_LEN);
	l->author = sada_get_bytes(l->r, l->nauthor * SADA_ID_LEN);
	if (l->r->bad)
		return refuse(err, "its number of authors");
	for (i = 1; i < l->nauthor; i++)
		if (memcmp(l->author + (i - 1) * SADA_ID_LEN,
		    l->author + i * SADA_ID_LEN, SADA_ID_LEN) >= 0)
			return refuse(err, "authors out of order");
	return 0;
}

static int
leaf_dots(struct leaf *l, struct sada_err *err)
{
	struct sada_node_mem *m = l->m;
	struct sada_dot *d;
	uint64_t a, before = 0;
	size_t i;

	l->ndot = (size_t)sada_get_count(l->r, LEAF_DOT_MIN);
	if (l->r->bad)
		return refuse(err, "its number of dots");
	m->dot = sada_grow(m->dot, &m->dotcap, l->ndot, sizeof(*m->dot));
	m->used = sada_grow(m->used, &m->usedcap, l->nauthor + l->ndot + 1,
	    1);
	memset(m->used, 0, l->nauthor + l->ndot);
	l->author_used = m->used;
	l->dot_used = m->used + l->nauthor;
	l->author_left = l->nauthor;
	l->dot_left = l->ndot;
	for (i = 0; i < l->ndot; i++) {
		d = &m->dot[i];
		a = get_var(l->r);
		d->epoch = sada_get_u64(l->r);
		d->seq = get_var(l->r);
		d->tag = sada_get_u64(l->r);
		if (l->r->bad)
			return refuse(err, "it is cut short");
		if (a >= l->nauthor || d->seq < 1)
			return refuse(err, "a dot's fields");
		memcpy(d->author.b, l->author + a * SADA_ID_LEN, SADA_ID_LEN);
		see(l->author_used, (size_t)a, &l->author_left);
		if (i > 0 && (a < before ||
		    (a == before && sada_dot_cmp(d - 1, d) >= 0)))
			return refuse(err, "dots out of order");
		before = a;
	}
	return 0;
}

/* What only a directory has. */
static void
version_dir(struct leaf *l, struct sada_version *v)
{
	uint64_t a;

	v->stamp_lamport = get_var(l->r);
	a = get_var(l->r);
	if (a >= l->nauthor) {
		l->r->bad = 1;
		return;
	}
	memcpy(v->stamp_author.b, l->author + a * SADA_ID_LEN, SADA_ID_LEN);
	see(l->author_used, (size_t)a, &l->author_left);
}

static int
leaf_version(struct leaf *l, struct sada_version *v, struct sada_err *err)
{
	struct sada_rd *r = l->r;
	uint64_t dot, mode = 0, ns;
	unsigned bits;

	dot = get_var(r);
	bits = sada_get_u8(r);
	if (r->bad || dot >= l->ndot || (bits & ~(unsigned)BITS_ALL) != 0)
		return refuse(err, "a version's dot or bits");
	memset(v, 0, sizeof(*v));
	v->dot = l->m->dot[dot];
	see(l->dot_used, (size_t)dot, &l->dot_left);
	v->kind = (uint8_t)(bits & BITS_KIND);
	if ((bits & BITS_ALONE) != 0)
		v->flags = SADA_V_ALONE;
	if (v->kind != SADA_LINK)
		mode = get_var(r);
	if (v->kind != SADA_DIR) {
		v->size = get_var(r);
		get_id(r, &v->content);
	}
	v->mtime_s = sada_get_svar(r);
	ns = get_var(r);
	if (v->kind == SADA_DIR)
		version_dir(l, v);
	if ((bits & BITS_ANC) != 0) {
		get_id(r, &v->anc);
		if (v->kind == SADA_DIR || sada_id_zero(&v->anc))
			r->bad = 1;
	}
	if (r->bad || mode > 0777 || ns > 999999999)
		return refuse(err, "a version's fields");
	v->mode = (uint16_t)mode;
	v->mtime_ns = (uint32_t)ns;
	if (!sada_version_ok(v))
		return refuse(err, "a version's fields");
	return 0;
}

/* One entry: its path goes to the text, its versions to M's v. */
static int
leaf_entry(struct leaf *l, struct sada_entry *e, int first, unsigned flags,
    struct sada_err *err)
{
	struct sada_node_mem *m = l->m;
	struct sada_id before, id;
	uint64_t nv;
	size_t i;
	int rc;

	if ((rc = sada_node_path(m, l->r, first, first ? 0 : e[-1].len,
	    &e->len, err)) < 0)
		return rc;
	nv = sada_get_count(l->r, VERSION_MIN);
	if (l->r->bad || nv > SADA_SLOT_MAX)
		return refuse(err, "a slot's number of versions");
	if (nv == 0 && (flags & SADA_NODE_CHANGES) == 0)
		return refuse(err, "an empty slot");
	e->nv = (size_t)nv;
	if (m->vcap - m->nv < e->nv)
		m->v = sada_grow(m->v, &m->vcap, m->nv + e->nv,
		    sizeof(*m->v));
	for (i = 0; i < e->nv; i++, m->nv++) {
		if ((rc = leaf_version(l, &m->v[m->nv], err)) < 0)
			return rc;
		if (e->nv == 1)
			continue;
		sada_version_id(&id, &m->v[m->nv]);
		if (i > 0 && sada_id_cmp(&before, &id) >= 0)
			return refuse(err, "versions out of order");
		before = id;
	}
	return 0;
}

int
sada_leaf_decode(struct sada_node *node, struct sada_rd *r, unsigned flags,
    struct sada_err *err)
{
	struct sada_node_mem *m = node->mem;
	struct leaf l = {.r = r, .m = m};
	struct sada_version *v;
	const char *text;
	uint64_t n;
	size_t i;
	int rc;

	if ((rc = leaf_authors(&l, err)) < 0 ||
	    (rc = leaf_dots(&l, err)) < 0)
		return rc;
	n = sada_get_count(r, ENTRY_MIN);
	if (r->bad || n < 1 || n > SADA_NODE_MAX)
		return refuse(err, "its number of entries");
	m->e = sada_grow(m->e, &m->ecap, (size_t)n, sizeof(*m->e));
	for (i = 0; i < n; i++)
		if ((rc = leaf_entry(&l, &m->e[i], i == 0, flags, err)) < 0)
			return rc;
	if (l.author_left != 0 || l.dot_left != 0)
		return refuse(err, "an author or a dot that nothing uses");
	text = m->text;
	v = m->v;
	for (i = 0; i < n; i++) {
		m->e[i].path = text;
		m->e[i].v = NULL;
		text += m->e[i].len;
		if (m->e[i].nv > 0) {
			m->e[i].v = v;
			v += m->e[i].nv;
		}
	}
	node->e = m->e;
	node->n = (size_t)n;
	return 0;
}
