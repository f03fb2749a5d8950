/*
 * Nodes: the dispatch on the level, inner nodes, and the paths that leaves
 * and inner nodes write alike.  The layout stands in node.h.
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

void
sada_node_put_path(struct sada_buf *out, const char *prev, size_t np,
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
		sada_node_put_path(out, i > 0 ? r[i - 1].last : NULL,
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
