/*
 * Leaves, written: first the tables of authors and dots, sorted, then the
 * entries that point into them.  Versions of one operation mostly stand
 * together, so runs are dropped before sorting.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/node_priv.h"

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
		sada_node_put_path(out, i > 0 ? e[i - 1].path : NULL,
		    i > 0 ? e[i - 1].len : 0, e[i].path, e[i].len);
		sada_put_var(out, e[i].nv);
		for (j = 0; j < e[i].nv; j++)
			put_version(out, &t, &e[i].v[j]);
	}
	free(t.dot);
}
