/*
 * Nodes: the dispatch on the level, inner nodes, the paths that leaves and
 * inner nodes write alike, and the writing of leaves; node_leaf.c reads
 * those.  The layout stands in node.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/codec_priv.h"
#include "format/node_priv.h"

/* The least bytes of an entry of an inner node. */
#define REF_MIN (1 + 1 + SADA_ID_LEN + 3)
/* A path of more components than allowed is no shorter than this. */
#define DEEP_MIN (2 * SADA_DEPTH_MAX + 1)

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "map node refused: %s", why);
}

/* '/' sorts below every other byte; a path has no NUL. */
static unsigned
rank(char c)
{
	return c == '/' ? 0 : (unsigned char)c;
}

/*
 * Is the path at P valid, given that its first SHARED bytes begin a valid
 * one?  Components that end within them need no second look.
 */
static int
path_rest_ok(const char *p, size_t n, size_t shared)
{
	const char *slash, *end = p + n;

	if (n >= DEEP_MIN)
		return sada_path_ok(p, n);
	if (n == 0)
		return 1;
	slash = shared > 0 ? memrchr(p, '/', shared) : NULL;
	if (slash != NULL)
		p = slash + 1;
	for (;;) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!sada_name_ok(p,
		    (size_t)((slash != NULL ? slash : end) - p)))
			return 0;
		if (slash == NULL)
			return 1;
		p = slash + 1;
	}
}

int
sada_node_path(struct sada_node_mem *m, struct sada_rd *r, int first,
    size_t prev, size_t *len, struct sada_err *err)
{
	const unsigned char *bytes;
	const char *before;
	char *p;
	uint64_t shared = get_var(r), rest = get_var(r);

	if (r->bad || shared > prev || rest > SADA_PATH_MAX - shared)
		return refuse(err, "a path's length");
	if ((bytes = sada_get_bytes(r, (size_t)rest)) == NULL)
		return refuse(err, "it is cut short");
	*len = (size_t)(shared + rest);
	if (m->textcap - m->ntext < *len)
		m->text = sada_grow(m->text, &m->textcap, m->ntext + *len, 1);
	p = m->text + m->ntext;
	before = p - prev;
	memcpy(p, before, (size_t)shared);
	memcpy(p + shared, bytes, (size_t)rest);
	if (!first && (rest == 0 || (shared < prev &&
	    rank(p[shared]) <= rank(before[shared]))))
		return refuse(err, "paths out of order");
	if (!path_rest_ok(p, *len, (size_t)shared))
		return refuse(err, "a path that may not travel");
	m->ntext += *len;
	return 0;
}

/*
 * Append path P (N bytes), which follows PREV (NP bytes; NULL: none).
 * Asserts their order.
 */
static void
put_path(struct sada_buf *out, const char *prev, size_t np,
    const char *p, size_t n)
{
	size_t shared = 0;

	assert(n <= SADA_PATH_MAX);
	if (prev != NULL) {
		while (shared < np && shared < n && p[shared] == prev[shared])
			shared++;
		assert(shared < n);
		assert(shared == np || rank(p[shared]) > rank(prev[shared]));
	}
	sada_put_var(out, shared);
	sada_put_var(out, n - shared);
	sada_buf_add(out, p + shared, n - shared);
}

void
sada_inner_encode(struct sada_buf *out, unsigned level,
    const struct sada_ref *r, size_t n)
{
	size_t i;

	assert(level >= 1 && level <= SADA_LEVEL_MAX);
	assert(n >= 1 && n <= SADA_NODE_MAX);
	sada_put_u8(out, (uint8_t)level);
	sada_put_var(out, n);
	for (i = 0; i < n; i++) {
		assert(!sada_id_zero(&r[i].id));
		assert(r[i].entries >= 1 && r[i].multi <= r[i].entries);
		put_path(out, i > 0 ? r[i - 1].last : NULL,
		    i > 0 ? r[i - 1].len : 0, r[i].last, r[i].len);
		put_id(out, &r[i].id);
		sada_put_var(out, r[i].entries);
		sada_put_var(out, r[i].multi);
		sada_put_var(out, r[i].bytes);
	}
}

static int
inner_decode(struct sada_node *node, struct sada_rd *r, struct sada_err *err)
{
	struct sada_node_mem *m = node->mem;
	struct sada_ref *f;
	const char *text;
	uint64_t sum = 0, n;
	size_t i;
	int rc;

	n = sada_get_count(r, REF_MIN);
	if (r->bad || n < 1 || n > SADA_NODE_MAX)
		return refuse(err, "its number of entries");
	m->ref = sada_grow(m->ref, &m->refcap, (size_t)n, sizeof(*m->ref));
	for (i = 0; i < n; i++) {
		f = &m->ref[i];
		if ((rc = sada_node_path(m, r, i == 0,
		    i > 0 ? f[-1].len : 0, &f->len, err)) < 0)
			return rc;
		get_id(r, &f->id);
		f->entries = get_var(r);
		f->multi = get_var(r);
		f->bytes = get_var(r);
		if (r->bad)
			return refuse(err, "it is cut short");
		if (sada_id_zero(&f->id))
			return refuse(err, "a child without a name");
		if (f->entries < 1 || f->multi > f->entries ||
		    f->entries > UINT64_MAX - sum)
			return refuse(err, "a child's counts");
		sum += f->entries;
	}
	text = m->text;
	for (i = 0; i < n; i++) {
		m->ref[i].last = text;
		text += m->ref[i].len;
	}
	node->ref = m->ref;
	node->n = (size_t)n;
	return 0;
}

int
sada_node_decode(struct sada_node *node, const void *p, size_t n,
    unsigned flags, struct sada_err *err)
{
	struct sada_rd r;
	unsigned level;
	int rc;

	if (node->mem == NULL) {
		node->mem = sada_calloc(1, sizeof(*node->mem));
		/* So that even the empty path has an address. */
		node->mem->text = sada_grow(NULL, &node->mem->textcap, 4096,
		    1);
	}
	node->mem->nv = 0;
	node->mem->ntext = 0;
	node->level = 0;
	node->n = 0;
	node->e = NULL;
	node->ref = NULL;
	if (n > SADA_OBJECT_MAX)
		return refuse(err, "it is too large");
	sada_rd_init(&r, p, n);
	level = sada_get_u8(&r);
	if (r.bad)
		return refuse(err, "it is empty");
	if (level > SADA_LEVEL_MAX)
		return refuse(err, "its level");
	rc = level == 0 ? sada_leaf_decode(node, &r, flags, err) :
	    inner_decode(node, &r, err);
	if (rc < 0)
		return rc;
	if (sada_rd_left(&r) != 0) {
		node->n = 0;
		return refuse(err, "bytes follow it");
	}
	node->level = level;
	return 0;
}

void
sada_node_release(struct sada_node *node)
{
	struct sada_node_mem *m = node->mem;

	if (m != NULL) {
		free(m->e);
		free(m->ref);
		free(m->v);
		free(m->dot);
		free(m->text);
		free(m->used);
		free(m);
	}
	memset(node, 0, sizeof(*node));
}

/*
 * Leaves, written: first the tables of authors and dots, sorted, then the
 * entries that point into them.  Versions of one operation mostly stand
 * together, so runs are dropped before sorting.
 */

/* The tables; the last index found is the first guess for the next. */
struct tables {
	const struct sada_dot **dot;
	const struct sada_id **author;
	size_t ndot, nauthor;
	size_t last_dot, last_author;
};

static int
dot_order(const void *a, const void *b)
{
	return sada_dot_cmp(*(const struct sada_dot *const *)a,
	    *(const struct sada_dot *const *)b);
}

static int
author_order(const void *a, const void *b)
{
	return sada_id_cmp(*(const struct sada_id *const *)a,
	    *(const struct sada_id *const *)b);
}

/* Note an author, unless it is that of the one before. */
static void
note_author(struct tables *t, const struct sada_id *a)
{
	if (t->nauthor == 0 || sada_id_cmp(t->author[t->nauthor - 1], a) != 0)
		t->author[t->nauthor++] = a;
}

static void
tables_sort(struct tables *t)
{
	size_t i, n;

	if (t->ndot > 1)
		qsort(t->dot, t->ndot, sizeof(*t->dot), dot_order);
	for (i = n = 0; i < t->ndot; i++)
		if (n == 0 || sada_dot_cmp(t->dot[n - 1], t->dot[i]) != 0)
			t->dot[n++] = t->dot[i];
	t->ndot = n;
	for (i = 0; i < t->ndot; i++)
		note_author(t, &t->dot[i]->author);
	if (t->nauthor > 1)
		qsort(t->author, t->nauthor, sizeof(*t->author),
		    author_order);
	for (i = n = 0; i < t->nauthor; i++)
		if (n == 0 || sada_id_cmp(t->author[n - 1], t->author[i]) != 0)
			t->author[n++] = t->author[i];
	t->nauthor = n;
}

/* Fill T from the entries; free T->dot, which holds both arrays. */
static void
tables_init(struct tables *t, const struct sada_entry *e, size_t n)
{
	const struct sada_version *v;
	void **mem;
	size_t i, j, all = 0;

	for (i = 0; i < n; i++)
		all += e[i].nv;
	/* At most: a dot each, its author, and a stamp's author. */
	mem = sada_malloc((3 * all + 1) * sizeof(*mem));
	memset(t, 0, sizeof(*t));
	t->dot = (const struct sada_dot **)mem;
	t->author = (const struct sada_id **)(mem + all);
	for (i = 0; i < n; i++)
		for (j = 0; j < e[i].nv; j++) {
			v = &e[i].v[j];
			assert(sada_version_ok(v));
			if (t->ndot == 0 ||
			    sada_dot_cmp(t->dot[t->ndot - 1], &v->dot) != 0)
				t->dot[t->ndot++] = &v->dot;
			if (v->kind == SADA_DIR)
				note_author(t, &v->stamp_author);
		}
	tables_sort(t);
}

static size_t
author_index(struct tables *t, const struct sada_id *a)
{
	const struct sada_id **at;

	if (sada_id_cmp(t->author[t->last_author], a) != 0) {
		at = bsearch(&a, t->author, t->nauthor, sizeof(*t->author),
		    author_order);
		assert(at != NULL);
		t->last_author = (size_t)(at - t->author);
	}
	return t->last_author;
}

static size_t
dot_index(struct tables *t, const struct sada_dot *d)
{
	const struct sada_dot **at;

	if (sada_dot_cmp(t->dot[t->last_dot], d) != 0) {
		at = bsearch(&d, t->dot, t->ndot, sizeof(*t->dot), dot_order);
		assert(at != NULL);
		t->last_dot = (size_t)(at - t->dot);
	}
	return t->last_dot;
}

static void
put_version(struct sada_buf *out, struct tables *t,
    const struct sada_version *v)
{
	int anc = v->kind != SADA_DIR && !sada_id_zero(&v->anc);

	sada_put_var(out, dot_index(t, &v->dot));
	sada_put_u8(out, (uint8_t)(v->kind |
	    ((v->flags & SADA_V_ALONE) != 0 ? 4 : 0) | (anc ? 8 : 0)));
	if (v->kind != SADA_LINK)
		sada_put_var(out, v->mode);
	if (v->kind != SADA_DIR) {
		sada_put_var(out, v->size);
		put_id(out, &v->content);
	}
	sada_put_svar(out, v->mtime_s);
	sada_put_var(out, v->mtime_ns);
	if (v->kind == SADA_DIR) {
		sada_put_var(out, v->stamp_lamport);
		sada_put_var(out, author_index(t, &v->stamp_author));
	}
	if (anc)
		put_id(out, &v->anc);
}

/* Are the versions of E in the order of their ids? */
static int
versions_sorted(const struct sada_entry *e)
{
	struct sada_id before, id;
	size_t i;

	if (e->nv < 2)
		return 1;
	sada_version_id(&before, &e->v[0]);
	for (i = 1; i < e->nv; i++) {
		sada_version_id(&id, &e->v[i]);
		if (sada_id_cmp(&before, &id) >= 0)
			return 0;
		before = id;
	}
	return 1;
}

void
sada_leaf_encode(struct sada_buf *out, const struct sada_entry *e, size_t n)
{
	struct tables t;
	size_t i, j, d, a;

	assert(n >= 1 && n <= SADA_NODE_MAX);
	tables_init(&t, e, n);
	sada_put_u8(out, 0);
	sada_put_var(out, t.nauthor);
	for (i = 0; i < t.nauthor; i++)
		put_id(out, t.author[i]);
	sada_put_var(out, t.ndot);
	for (d = a = 0; d < t.ndot; d++) {
		/* Both are sorted alike. */
		while (sada_id_cmp(t.author[a], &t.dot[d]->author) != 0)
			a++;
		sada_put_var(out, a);
		sada_put_u64(out, t.dot[d]->epoch);
		sada_put_var(out, t.dot[d]->seq);
		sada_put_u64(out, t.dot[d]->tag);
	}
	sada_put_var(out, n);
	for (i = 0; i < n; i++) {
		assert(e[i].nv <= SADA_SLOT_MAX);
		assert(versions_sorted(&e[i]));
		put_path(out, i > 0 ? e[i - 1].path : NULL,
		    i > 0 ? e[i - 1].len : 0, e[i].path, e[i].len);
		sada_put_var(out, e[i].nv);
		for (j = 0; j < e[i].nv; j++)
			put_version(out, &t, &e[i].v[j]);
	}
	free(t.dot);
}
