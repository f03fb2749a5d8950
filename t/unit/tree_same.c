/*
 * A thousand replicas that hear of the same edits in a thousand orders show
 * the same names, covers and contents, whatever they looked at meanwhile
 * and whatever their caches hold.
 */
#include "base/quote.h"
#include "store/file.h"
#include "tree/merger.h"
#include "tree_util.h"

#define REPLICAS 1000
#define AUTHORS 7
#define PATHS 14

static const char *const paths[PATHS] = { "a", "b.txt", "c.tar.gz", "d", "d/e",
    "d/f~0123456789", "f", ".hidden", "g", "h.c", "i", "j", "k.txt", "l" };

/* What one author knows: the first op, and his own. */
struct author {
	struct sada_dot dot[2];
	struct model map;
	struct sada_id root;
};

struct world {
	struct box box;
	struct sada_dot first;
	struct author who[AUTHORS];
	struct sada_merge_cache *cache;	/* one that is never cold */
	uint64_t groups, merged;
};

/* A context: which of the ops were heard of. */
struct heard {
	struct world *w;
	unsigned who;			/* bits */
};

static int
seen(const struct sada_dot *d, void *ctx)
{
	const struct heard *h = ctx;
	size_t i;

	if (sada_dot_cmp(d, &h->w->first) == 0)
		return h->who != 0;
	for (i = 0; i < AUTHORS; i++)
		if (sada_dot_cmp(d, &h->w->who[i].dot[1]) == 0)
			return h->who >> i & 1;
	return 0;
}

/* As states have it: highest lamport of the dot's op, here its seq. */
static uint64_t
lamport(const struct sada_dot *d, void *ctx)
{
	(void)ctx;
	return d->seq;
}

static void
content_put(struct world *w, struct sada_version *v, const char *p, size_t n)
{
	struct sada_fill *f;
	struct sada_err *e = &w->box.err;

	must(sada_fill_new(&f, w->box.txn, e), e);
	must(sada_file_put_bytes(f, p, n, &v->content, e), e);
	must(sada_fill_end(f, e), e);
	v->size = n;
}

/* Nine lines, some of which WHO changed, so that some of it merges. */
static void
write_text(struct world *w, struct sada_version *v, int who)
{
	struct sada_buf b = { 0 };
	size_t i, hit = tap_below(9);

	for (i = 0; i < 9; i++)
		if (who >= 0 && i == hit)
			sada_buf_addf(&b, "line %zu by %zu\n", i,
			    tap_below(2));
		else
			sada_buf_addf(&b, "line %zu\n", i);
	if (who >= 0 && tap_below(9) == 0)
		sada_put_u8(&b, 0);
	content_put(w, v, (char *)b.p, b.len);
	sada_buf_release(&b);
}

static void
plain(struct sada_version *v, const struct sada_dot *d)
{
	memset(v, 0, sizeof(*v));
	v->dot = *d;
	v->kind = SADA_FILE;
	v->mode = 0644;
	v->mtime_s = 1000;
}

/* What author A makes of BASE. */
static void
edit(struct world *w, struct sada_version *v, size_t a,
    const struct sada_version *base)
{
	struct sada_ancestor anc;
	struct sada_dot dot = base->dot;
	struct sada_buf b = { 0 };
	struct sada_err *e = &w->box.err;

	plain(v, &w->who[a].dot[1]);
	v->mtime_s += (int64_t)tap_below(5);
	if (tap_below(12) == 0) {
		v->kind = SADA_DIR;
		v->stamp_lamport = tap_below(3);
		v->stamp_author = v->dot.author;
		return;
	}
	write_text(w, v, (int)a);
	if (tap_below(8) == 0)
		v->mode = 0600;
	if (tap_below(12) == 0) {
		v->kind = SADA_LINK;
		v->mode = 0;
	}
	if (tap_below(10) == 0)
		return;
	memset(&anc, 0, sizeof(anc));
	anc.dot = &dot;
	anc.ndot = 1;
	anc.kind = base->kind;
	anc.mode = base->mode;
	anc.size = base->size;
	anc.content = base->content;
	sada_anc_encode(&b, &anc, 1);
	must(sada_txn_put(w->box.txn, SADA_OBJ_ANC, b.p, b.len, &v->anc, e),
	    e);
	sada_buf_release(&b);
}

static void
world_init(struct world *w)
{
	struct sada_version base, v;
	size_t a, p;

	memset(w, 0, sizeof(*w));
	box_open(&w->box);
	w->cache = sada_merge_cache_new();
	w->first.author.b[0] = 99;
	w->first.seq = 1;
	for (a = 0; a < AUTHORS; a++) {
		w->who[a].dot[0] = w->first;
		w->who[a].dot[1].author.b[0] = (unsigned char)(a + 1);
		w->who[a].dot[1].seq = 2 + tap_below(3);
		w->who[a].dot[1].tag = tap_below(1000);
	}
	for (p = 0; p < PATHS; p++) {
		plain(&base, &w->first);
		write_text(w, &base, -1);
		for (a = 0; a < AUTHORS; a++) {
			v = base;
			if (tap_below(3) != 0)
				edit(w, &v, a, &base);
			if (tap_below(12) != 0)
				model_set(&w->who[a].map, paths[p],
				    strlen(paths[p]), &v, 1);
		}
	}
	for (a = 0; a < AUTHORS; a++)
		model_build(&w->box.ns, &w->who[a].map, &w->who[a].root);
}

static void
world_free(struct world *w)
{
	size_t a;

	for (a = 0; a < AUTHORS; a++)
		model_free(&w->who[a].map);
	sada_merge_cache_free(w->cache);
	box_close(&w->box);
}

static void
put_name(struct sada_buf *out, const struct sada_name *n)
{
	struct sada_id id;
	size_t i;

	sada_quote(out, n->path, n->len);
	sada_buf_addf(out, " %u %o %u %" PRIu64 " %" PRId64 ".%u %u ",
	    n->kind, n->mode, n->groups, n->size, n->mtime_s, n->mtime_ns,
	    n->apart);
	sada_buf_add(out, n->content.b, SADA_ID_LEN);
	for (i = 0; i < n->ncover; i++) {
		sada_version_id(&id, &n->cover[i]);
		sada_buf_add(out, id.b, SADA_ID_LEN);
	}
}

/* All that the view of ROOT shows, as bytes. */
static void
look(struct world *w, const struct sada_id *root,
    struct sada_merge_cache *cache, struct sada_buf *out)
{
	struct sada_state st = { .ns = w->box.ns };
	struct sada_merger_opts o = { .st = &st, .cache = cache };
	struct sada_view_by by = { .lamport = lamport };
	struct sada_err *e = &w->box.err;
	const struct sada_name *copy;
	struct sada_view *v;
	struct sada_name n;
	size_t i, ncopy;

	must(sada_merger_new(&by.merger, &o, e), e);
	must(sada_view_open(&v, &w->box.ns, root, &by, e), e);
	while (must(sada_view_next(v, &n, e), e) > 0) {
		put_name(out, &n);
		w->merged += n.kind != SADA_DIR && n.ncover > 1;
	}
	must(sada_view_copies(v, &copy, &ncopy, e), e);
	for (i = 0; i < ncopy; i++) {
		put_name(out, &copy[i]);
		CHECK(copy[i].apart != SADA_APART_FIRST);
		CHECK(copy[i].groups > 1);
	}
	w->groups += ncopy;
	sada_view_free(v);
	sada_merger_free(by.merger);
}

/* One replica: all edits in an order of its own, some of them together. */
static void
live(struct world *w, struct sada_buf *out)
{
	struct sada_merge_cache *own = NULL, *cache;
	struct sada_side side[AUTHORS + 1];
	struct heard heard[AUTHORS + 1];
	struct sada_id root = { { 0 } };
	struct sada_buf glance = { 0 };
	size_t at[AUTHORS], i, k, n, swap;
	unsigned who = 0;

	for (i = 0; i < AUTHORS; i++)
		at[i] = i;
	for (i = AUTHORS; i > 1; i--) {
		k = tap_below(i);
		swap = at[i - 1];
		at[i - 1] = at[k];
		at[k] = swap;
	}
	if (tap_below(2) == 0)
		own = sada_merge_cache_new();
	cache = tap_below(3) == 0 ? w->cache : own;
	for (i = 0; i < AUTHORS; i += n) {
		n = 1 + tap_below(AUTHORS - i);
		side[0].root = root;
		heard[0].who = who;
		for (k = 1; k <= n; k++) {
			side[k].root = w->who[at[i + k - 1]].root;
			heard[k].who = 1u << at[i + k - 1];
			who |= heard[k].who;
		}
		for (k = 0; k <= n; k++) {
			side[k].seen = seen;
			heard[k].w = w;
			side[k].ctx = &heard[k];
		}
		must(sada_join(&w->box.ns, side, n + 1, &root, &w->box.err),
		    &w->box.err);
		if (tap_below(4) == 0) {
			sada_buf_reset(&glance);
			look(w, &root, cache, &glance);
		}
	}
	look(w, &root, cache, out);
	sada_merge_cache_free(own);
	sada_buf_release(&glance);
}

static void
test_same(void)
{
	struct sada_buf first = { 0 }, out = { 0 };
	struct world w;
	size_t i;

	world_init(&w);
	live(&w, &first);
	for (i = 1; i < REPLICAS; i++) {
		sada_buf_reset(&out);
		live(&w, &out);
		CHECK(out.len == first.len &&
		    memcmp(out.p, first.p, out.len) == 0);
	}
	printf("# %d replicas, %" PRIu64 " copies and %" PRIu64 " merged names "
	    "seen\n", REPLICAS, w.groups, w.merged);
	CHECK(w.groups > REPLICAS);
	CHECK(w.merged > REPLICAS);
	sada_buf_release(&first);
	sada_buf_release(&out);
	world_free(&w);
}

int
main(void)
{
	tap_seed(20261122);
	test_same();
	return tap_done();
}
