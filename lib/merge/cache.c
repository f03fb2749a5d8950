/* What merges came to, in memory and as a small file. */
#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "merge/cache.h"

#define MAGIC "sadamrg1"
#define MAGIC_LEN 8
#define HEAD (MAGIC_LEN + SADA_ID_LEN)
#define RECORD (SADA_ID_LEN + 1 + 8 + SADA_ID_LEN)

struct item {
	struct sada_merged m;
	int used;		/* asked or put since the file was loaded */
};

struct sada_merge_cache {
	struct item *item;
	size_t n, cap;
	void *tree;		/* of indexes + 1, by key */
	size_t loaded;		/* records of the file */
	int put;		/* one is new, or the print is */
	struct sada_id print;
};

static int
by_key(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/*
 * A node of the tree: the key first, so that a key can be looked for.  The
 * items may move, so it holds an index.
 */
struct ref {
	struct sada_id key;
	size_t at;
};

struct sada_merge_cache *
sada_merge_cache_new(void)
{
	return sada_calloc(1, sizeof(struct sada_merge_cache));
}

void
sada_merge_cache_free(struct sada_merge_cache *c)
{
	if (c == NULL)
		return;
	tdestroy(c->tree, free);
	free(c->item);
	free(c);
}

static struct item *
find(const struct sada_merge_cache *c, const struct sada_id *key)
{
	struct ref **node = tfind(key, &c->tree, by_key);

	return node == NULL ? NULL : &c->item[(*node)->at];
}

int
sada_merge_cache_get(struct sada_merge_cache *c, const struct sada_id *key,
    struct sada_merged *out)
{
	struct item *i = find(c, key);

	if (i == NULL)
		return 0;
	i->used = 1;
	*out = i->m;
	return 1;
}

static void
keep(struct sada_merge_cache *c, const struct sada_merged *x, int used)
{
	struct item *i = find(c, &x->key);
	struct ref *r;
	void *node;

	if (i == NULL) {
		c->item = sada_grow(c->item, &c->cap, c->n + 1,
		    sizeof(*c->item));
		i = &c->item[c->n];
		r = sada_malloc(sizeof(*r));
		r->key = x->key;
		r->at = c->n++;
		node = tsearch(r, &c->tree, by_key);
		assert(node != NULL);
	}
	i->m = *x;
	i->used = used;
}

void
sada_merge_cache_put(struct sada_merge_cache *c, const struct sada_merged *x)
{
	keep(c, x, 1);
	c->put = 1;
}

static int
item_order(const void *a, const void *b)
{
	return memcmp((*(const struct item *const *)a)->m.key.b,
	    (*(const struct item *const *)b)->m.key.b, SADA_ID_LEN);
}

const struct sada_id *
sada_merge_cache_print(const struct sada_merge_cache *c)
{
	return &c->print;
}

void
sada_merge_cache_set_print(struct sada_merge_cache *c,
    const struct sada_id *print)
{
	if (sada_id_cmp(&c->print, print) != 0)
		c->put = 1;
	c->print = *print;
}

int
sada_merge_cache_encode(struct sada_merge_cache *c, struct sada_buf *out)
{
	const struct item **v = sada_calloc(c->n + 1, sizeof(*v));
	size_t i, n = 0, start = out->len;
	struct sada_id check;

	for (i = 0; i < c->n; i++)
		if (c->item[i].used)
			v[n++] = &c->item[i];
	qsort(v, n, sizeof(*v), item_order);
	sada_buf_add(out, MAGIC, MAGIC_LEN);
	sada_buf_add(out, c->print.b, SADA_ID_LEN);
	for (i = 0; i < n; i++) {
		sada_buf_add(out, v[i]->m.key.b, SADA_ID_LEN);
		sada_put_u8(out, v[i]->m.why);
		sada_put_u64(out, v[i]->m.size);
		sada_buf_add(out, v[i]->m.content.b, SADA_ID_LEN);
	}
	sada_hash(&check, SADA_CTX_MERGE, out->p + start, out->len - start);
	sada_buf_add(out, check.b, SADA_ID_LEN);
	free(v);
	return c->put || n != c->loaded;
}

static void
get_id(struct sada_rd *r, struct sada_id *id)
{
	const unsigned char *p = sada_get_bytes(r, SADA_ID_LEN);

	if (p != NULL)
		memcpy(id->b, p, SADA_ID_LEN);
}

int
sada_merge_cache_decode(struct sada_merge_cache *c, const void *p, size_t n)
{
	struct sada_merged m;
	struct sada_id check;
	struct sada_rd r;
	size_t i, k;

	if (n < HEAD + SADA_ID_LEN || memcmp(p, MAGIC, MAGIC_LEN) != 0 ||
	    (n - HEAD - SADA_ID_LEN) % RECORD != 0)
		return 0;
	sada_hash(&check, SADA_CTX_MERGE, p, n - SADA_ID_LEN);
	if (memcmp((const unsigned char *)p + n - SADA_ID_LEN, check.b,
	    SADA_ID_LEN) != 0)
		return 0;
	k = (n - HEAD - SADA_ID_LEN) / RECORD;
	sada_rd_init(&r, (const unsigned char *)p + MAGIC_LEN,
	    SADA_ID_LEN + k * RECORD);
	get_id(&r, &c->print);
	for (i = 0; i < k; i++) {
		memset(&m, 0, sizeof(m));
		get_id(&r, &m.key);
		m.why = sada_get_u8(&r);
		m.size = sada_get_u64(&r);
		get_id(&r, &m.content);
		keep(c, &m, 0);
	}
	c->loaded = k;
	return 1;
}
