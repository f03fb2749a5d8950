/*
 * Maps that a liar made: wrong levels, counts, order, cuts, missing and
 * shared nodes.  Nothing crashes or runs without end, and a map that is
 * not canonical never passes the check.
 */
#include "tree/view.h"
#include "tree_util.h"

static struct model good;
static struct sada_id good_root;

static int
seen_some(const struct sada_dot *d, void *ctx)
{
	(void)ctx;
	return (int)(d->tag & 1);
}

static uint64_t
lamport(const struct sada_dot *d, void *ctx)
{
	(void)ctx;
	return d->seq;
}

static const struct sada_view_by by = { .lamport = lamport };

static int
each_node(const struct sada_id *id, const void *p, size_t n, unsigned level,
    void *ctx)
{
	(void)id;
	(void)p;
	(void)n;
	(void)level;
	++*(uint64_t *)ctx;
	return 0;
}

/* A code that hostile nodes may give. */
static int
fair(int rc)
{
	return rc >= 0 || rc == SADA_FORMAT || rc == SADA_NOTFOUND ||
	    rc == SADA_DAMAGED;
}

static int
walk(struct box *b, const struct sada_id *root)
{
	struct sada_cursor *c;
	struct sada_entry e;
	char p[SADA_PATH_MAX + 1];
	size_t i, len;
	int rc, all;

	must(sada_cursor_open(&c, &b->ns, root, &b->err), &b->err);
	while ((all = sada_cursor_next(c, &e, &b->err)) > 0)
		continue;
	for (i = 0; i < 20; i++) {
		len = rand_path(p, KEYS_DENSE, 3000);
		rc = sada_cursor_seek(c, p, len, &b->err);
		CHECK(fair(rc));
		rc = sada_cursor_next(c, &e, &b->err);
		CHECK(fair(rc));
	}
	sada_cursor_free(c);
	return all;
}

static void
look(struct box *b, const struct sada_id *root)
{
	struct sada_node node = { 0 };
	struct sada_map_stat st;
	struct sada_entry e;
	struct sada_view *v;
	struct sada_name n;
	const struct sada_name *copies;
	char p[SADA_PATH_MAX + 1];
	uint64_t count = 0;
	size_t i, len;
	int rc;

	for (i = 0; i < 10; i++) {
		len = rand_path(p, KEYS_DENSE, 3000);
		CHECK(fair(sada_map_get(&b->ns, root, p, len, &node, &e,
		    &b->err)));
		CHECK(fair(sada_map_below(&b->ns, root, p, len, &b->err)));
		rc = sada_view_one(&v, &b->ns, root, &by, p, len,
		    &n, &b->err);
		CHECK(fair(rc));
		sada_view_free(v);
	}
	sada_node_release(&node);
	CHECK(fair(sada_map_stat(&b->ns, root, &st, &b->err)));
	CHECK(fair(sada_map_nodes(&b->ns, root, each_node, &count,
	    &b->err)));
	must(sada_view_open(&v, &b->ns, root, &by, &b->err),
	    &b->err);
	while ((rc = sada_view_next(v, &n, &b->err)) > 0)
		continue;
	CHECK(fair(rc));
	if (rc == 0)
		CHECK(fair(sada_view_copies(v, &copies, &i, &b->err)));
	sada_view_free(v);
}

/* Diff, join and replay with map ROOT on either side. */
static void
combine(struct box *b, const struct sada_id *root)
{
	struct sada_side side[3] = { { .seen = seen_some },
	    { .seen = seen_some }, { .seen = seen_some } };
	struct sada_entry x, y;
	struct sada_version v[4];
	struct sada_diff *d;
	struct sada_id changes, out;
	struct model ch = { 0 };
	char p[SADA_PATH_MAX + 1];
	size_t i, len;
	int rc;

	for (i = 0; i < 2; i++) {
		must(sada_diff_open(&d, &b->ns, i ? root : &good_root,
		    i ? &good_root : root, &b->err), &b->err);
		while ((rc = sada_diff_next(d, &x, &y, &b->err)) > 0)
			continue;
		CHECK(fair(rc));
		sada_diff_free(d);
		side[i].root = *root;
		side[1 - i].root = good_root;
		CHECK(fair(sada_join(&b->ns, side, 2 + i, &out, &b->err)));
	}
	for (i = 0; i < 3; i++) {
		if (i == 2)
			model_set(&ch, "\xff", 1, v, rand_slot(v));
		else
			len = rand_path(p, KEYS_DENSE, 3000),
			model_set(&ch, p, len, v, i == 0 ? 0 : rand_slot(v));
		model_build(&b->cns, &ch, &changes);
		CHECK(fair(sada_replay(&b->ns, root, &b->cns, &changes, &out,
		    NULL, &b->err)));
	}
	model_free(&ch);
	/* And as a changes tree. */
	CHECK(fair(sada_replay(&b->ns, &good_root, &b->cns, root, &out, NULL,
	    &b->err)));
}

/* Everything with map ROOT; returns what the check says. */
static int
try(struct box *b, const struct sada_id *root)
{
	int all, rc;

	b->ns.nread = 0;
	all = walk(b, root);
	CHECK(fair(all));
	look(b, root);
	combine(b, root);
	CHECK(b->ns.nread < 20000);
	rc = sada_map_check(&b->ns, root, &b->err);
	CHECK(fair(rc));
	CHECK(all == 0 || rc < 0);
	return rc;
}

/* ---- nodes by hand ---- */

static void
put(struct box *b, const struct sada_buf *raw, struct sada_id *id)
{
	must(sada_txn_put(b->txn, SADA_OBJ_NODE, raw->p, raw->len, id,
	    &b->err), &b->err);
}

/* A leaf of the N entries from I of the good map, its ref told truly. */
static struct sada_ref
leaf(struct box *b, size_t i, size_t n)
{
	struct sada_ref r = { .entries = n };
	struct sada_buf raw = { 0 };
	size_t k, j;

	sada_leaf_encode(&raw, &good.e[i], n);
	put(b, &raw, &r.id);
	sada_buf_release(&raw);
	for (k = i; k < i + n; k++) {
		r.multi += good.e[k].nv > 1;
		for (j = 0; j < good.e[k].nv; j++)
			r.bytes += good.e[k].v[j].size;
	}
	r.last = good.e[i + n - 1].path;
	r.len = good.e[i + n - 1].len;
	return r;
}

static struct sada_ref
inner(struct box *b, unsigned level, const struct sada_ref *c, size_t n)
{
	struct sada_ref r = { .last = c[n - 1].last, .len = c[n - 1].len };
	struct sada_buf raw = { 0 };
	size_t i;

	sada_inner_encode(&raw, level, c, n);
	put(b, &raw, &r.id);
	sada_buf_release(&raw);
	for (i = 0; i < n; i++) {
		r.entries += c[i].entries;
		r.multi += c[i].multi;
		r.bytes += c[i].bytes;
	}
	return r;
}

static void
refused(struct box *b, struct sada_ref r)
{
	CHECK_INT(try(b, &r.id), SADA_FORMAT);
}

/* As refused(), and seen without a build anew. */
static void
refused_early(struct box *b, struct sada_ref r)
{
	CHECK_INT(walk(b, &r.id), SADA_FORMAT);
	refused(b, r);
}

/* Two maps that name one child and disagree about it are not both true. */
static void
disagree(struct box *b, struct sada_ref x, struct sada_ref y)
{
	struct sada_side side[2] = { { .root = x.id, .seen = seen_some },
	    { .root = y.id, .seen = seen_some } };
	struct sada_entry e, f;
	struct sada_diff *d;
	struct sada_id out;
	int rc;

	CHECK_INT(sada_join(&b->ns, side, 2, &out, &b->err), SADA_FORMAT);
	must(sada_diff_open(&d, &b->ns, &y.id, &x.id, &b->err), &b->err);
	while ((rc = sada_diff_next(d, &e, &f, &b->err)) > 0)
		continue;
	CHECK_INT(rc, SADA_FORMAT);
	sada_diff_free(d);
}

static void
test_by_hand(struct box *b)
{
	struct sada_ref c[4], r, all;
	size_t i;

	/* Cuts: too early, too late, a chain above one node. */
	c[0] = leaf(b, 0, 10);
	c[1] = leaf(b, 10, 30);
	c[2] = leaf(b, 40, 150);
	refused(b, inner(b, 1, c, 2));
	refused(b, inner(b, 1, c, 3));
	refused(b, c[2]);
	for (r = c[1], i = 1; i <= SADA_LEVEL_MAX; i++) {
		r = inner(b, (unsigned)i, &r, 1);
		refused(b, r);
	}
	c[3] = r;
	c[3].last = "zzzz";
	c[3].len = 4;
	/* Levels. */
	refused(b, inner(b, 2, c, 3));
	refused(b, inner(b, 32, c, 3));
	r = inner(b, 1, c, 3);
	refused(b, inner(b, 1, &r, 1));
	refused(b, inner(b, 3, &r, 1));
	refused(b, inner(b, 1, c, 4));
	/* Order across nodes, one node twice. */
	r = c[1];
	c[1] = leaf(b, 5, 35);
	refused(b, inner(b, 1, c, 3));
	c[1] = c[0];
	c[1].last = good.e[20].path;
	c[1].len = good.e[20].len;
	refused(b, inner(b, 1, c, 3));
	c[1] = r;
	/* Greatest paths. */
	r = c[1];
	all = inner(b, 1, c, 3);
	c[1].last = good.e[41].path;
	c[1].len = good.e[41].len;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	c[1].last = good.e[38].path;
	c[1].len = good.e[38].len;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	/* Counts. */
	c[1] = r;
	c[1].entries++;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	c[1].entries = UINT64_MAX - 1000;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	c[1] = r;
	c[1].multi = c[1].entries;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	c[1] = r;
	c[1].bytes = UINT64_MAX;
	refused_early(b, inner(b, 1, c, 3));
	disagree(b, all, inner(b, 1, c, 3));
	/* A child that is not held. */
	c[1] = r;
	c[1].id.b[0] ^= 1;
	r = inner(b, 1, c, 3);
	CHECK_INT(try(b, &r.id), SADA_NOTFOUND);
	CHECK_INT(try(b, &c[1].id), SADA_NOTFOUND);
}

/* Bytes that are no node at all. */
static void
test_garbage(struct box *b)
{
	struct sada_buf raw = { 0 };
	struct sada_ref c[3], r;
	size_t i, k;

	for (i = 0; i < 200; i++) {
		sada_buf_reset(&raw);
		for (k = tap_below(60); k > 0; k--)
			sada_put_u8(&raw, (uint8_t)(k % 7 == 0 ? tap_rand() :
			    tap_below(3)));
		sada_put_u8(&raw, (uint8_t)(i < 100 ? 33 + i : i % 33));
		c[1] = leaf(b, 10, 30);
		put(b, &raw, &c[1].id);
		c[0] = leaf(b, 0, 10);
		c[2] = leaf(b, 40, 150);
		r = inner(b, 1, c, 3);
		CHECK(try(b, &r.id) < 0);
		CHECK(try(b, &c[1].id) < 0);
	}
	sada_buf_release(&raw);
}

/*
 * The map below ID told again with lies: at each ref with a chance of 1 in
 * ODDS.  HONEST lies are told upwards consistently.
 */
static struct sada_ref
forge(struct box *b, const struct sada_ref *was, size_t odds, int honest)
{
	struct sada_node node = { 0 };
	struct sada_buf raw = { 0 }, text = { 0 };
	struct sada_ref r = *was, *f;
	size_t i, k;

	must(sada_store_get(b->store, SADA_OBJ_NODE, &was->id, &raw, &b->err),
	    &b->err);
	must(sada_node_decode(&node, raw.p, raw.len, 0, &b->err), &b->err);
	r.entries = r.multi = r.bytes = 0;
	for (i = 0; i < node.n; i++) {
		if (tap_below(odds) == 0 && node.n > 1) {	/* drop */
			k = node.level == 0 ? sizeof(*node.e) :
			    sizeof(*node.ref);
			node.n--;
			if (node.level == 0)
				memmove(&node.e[i], &node.e[i + 1],
				    (node.n - i) * k);
			else
				memmove(&node.ref[i], &node.ref[i + 1],
				    (node.n - i) * k);
			i--;
			continue;
		}
		if (node.level == 0) {
			r.entries++;
			r.multi += node.e[i].nv > 1;
			for (k = 0; k < node.e[i].nv; k++)
				r.bytes += node.e[i].v[k].size;
			continue;
		}
		f = &node.ref[i];
		*f = forge(b, f, odds, honest);
		if (!honest && tap_below(odds) == 0) {
			k = tap_below(node.n);
			switch (tap_below(5)) {
			case 0:
				f->id = node.ref[k].id;
				break;
			case 1:
				f->entries += 1 + tap_below(3);
				break;
			case 2:
				f->bytes ^= tap_rand();
				break;
			case 3:
				f->id = tap_below(2) ? was->id : good_root;
				break;
			default:
				f->multi = f->entries - f->multi;
			}
		}
		r.entries += f->entries;
		r.multi += f->multi;
		r.bytes += f->bytes;
	}
	sada_buf_reset(&raw);
	if (node.level == 0)
		sada_leaf_encode(&raw, node.e, node.n);
	else
		sada_inner_encode(&raw, node.level, node.ref, node.n);
	put(b, &raw, &r.id);
	if (honest) {	/* (it stays in the table of good paths) */
		const char *p = node.level == 0 ? node.e[node.n - 1].path :
		    node.ref[node.n - 1].last;
		int found;

		i = node.level == 0 ? node.e[node.n - 1].len :
		    node.ref[node.n - 1].len;
		k = model_find(&good, p, i, &found);
		assert(found);
		r.last = good.e[k].path;
		r.len = good.e[k].len;
	} else {
		int found;

		k = model_find(&good, was->last, was->len, &found);
		assert(found);
		r.last = good.e[k].path;
		r.len = good.e[k].len;
	}
	sada_node_release(&node);
	sada_buf_release(&raw);
	sada_buf_release(&text);
	return r;
}

static void
test_forged(struct box *b)
{
	struct sada_ref was = { .id = good_root }, r;
	size_t seed, bad = 0;
	struct sada_id again;
	int rc;

	was.last = good.e[good.n - 1].path;
	was.len = good.e[good.n - 1].len;
	for (seed = 0; seed < 120; seed++) {
		r = forge(b, &was, seed % 2 == 0 ? 20 : 300,
		    seed % 3 == 0);
		rc = try(b, &r.id);
		bad += rc < 0;
		/* What passes is what its own entries give. */
		if (rc == 0 && !id_eq(&r.id, &good_root)) {
			struct sada_cursor *c;
			struct sada_build *build;
			struct sada_entry e;

			sada_build_new(&build, &b->ns);
			must(sada_cursor_open(&c, &b->ns, &r.id, &b->err),
			    &b->err);
			while (must(sada_cursor_next(c, &e, &b->err),
			    &b->err) > 0)
				must(sada_build_add(build, &e, &b->err),
				    &b->err);
			sada_cursor_free(c);
			must(sada_build_finish(build, &again, &b->err),
			    &b->err);
			CHECK(id_eq(&again, &r.id));
		}
	}
	printf("# %zu of %zu forged maps refused\n", bad, seed);
	CHECK(bad > seed / 4);
}

/* Sizes whose sum does not fit stay at the greatest number. */
static void
test_overflow(struct box *b)
{
	struct model m = { 0 };
	struct sada_version v = { .kind = SADA_FILE, .dot = { .seq = 1 },
	    .size = INT64_MAX };
	struct sada_map_stat st;
	struct sada_id root;
	char p[16];
	size_t i;

	for (i = 0; i < 500; i++)
		model_set(&m, p, (size_t)snprintf(p, sizeof(p), "%zu", i), &v,
		    1);
	model_build(&b->ns, &m, &root);
	CHECK_INT(sada_map_check(&b->ns, &root, &b->err), 0);
	must(sada_map_stat(&b->ns, &root, &st, &b->err), &b->err);
	CHECK(st.bytes == UINT64_MAX);
	model_free(&m);
}

int
main(void)
{
	struct box b;

	sada_crypto_init();
	tap_seed(20261126);
	box_open(&b);
	rand_model(&good, KEYS_DENSE, 3000);
	model_build(&b.ns, &good, &good_root);
	CHECK_INT(try(&b, &good_root), 0);
	test_by_hand(&b);
	test_garbage(&b);
	box_commit(&b);
	box_begin(&b);
	test_forged(&b);
	test_overflow(&b);
	model_free(&good);
	box_close(&b);
	return tap_done();
}
