/* Maps: one root for one content, whatever the history; reading them. */
#include "tree_util.h"

/* A walk over ROOT gives M, and seeks find what they should. */
static void
check_cursor(struct box *b, const struct sada_id *root,
    const struct model *m)
{
	struct sada_cursor *c;
	struct sada_entry e;
	char p[SADA_PATH_MAX + 1];
	size_t i, len;
	int found, rc;

	must(sada_cursor_open(&c, &b->ns, root, &b->err), &b->err);
	for (i = 0; (rc = sada_cursor_next(c, &e, &b->err)) > 0; i++)
		CHECK(i < m->n && entry_eq(&e, &m->e[i]));
	CHECK_INT(rc, 0);
	CHECK_INT(i, m->n);
	for (i = 0; i < 40; i++) {
		len = rand_path(p, KEYS_MIX, 500);
		if (m->n > 0 && i % 2 == 0) {
			const struct sada_entry *at = &m->e[tap_below(m->n)];

			len = at->len;
			memcpy(p, at->path, len);
		}
		must(sada_cursor_seek(c, p, len, &b->err), &b->err);
		len = model_find(m, p, len, &found);
		for (found = 0; found < 3; found++, len++) {
			rc = sada_cursor_next(c, &e, &b->err);
			CHECK_INT(rc, len < m->n);
			if (rc <= 0)
				break;
			CHECK(entry_eq(&e, &m->e[len]));
		}
	}
	sada_cursor_free(c);
}

static void
check_points(struct box *b, const struct sada_id *root,
    const struct model *m)
{
	struct sada_map_stat st;
	struct sada_node node = { 0 };
	struct sada_entry e;
	char p[SADA_PATH_MAX + 1];
	uint64_t multi = 0, bytes = 0;
	size_t i, k, len, at;
	int found, below;

	for (i = 0; i < m->n; i++) {
		multi += m->e[i].nv > 1;
		for (k = 0; k < m->e[i].nv; k++)
			bytes += m->e[i].v[k].size;
	}
	must(sada_map_stat(&b->ns, root, &st, &b->err), &b->err);
	CHECK_INT(st.entries, m->n);
	CHECK_INT(st.multi, multi);
	CHECK_INT(st.bytes, bytes);
	for (i = 0; i < 40; i++) {
		len = rand_path(p, KEYS_MIX, 500);
		if (m->n > 0 && i % 2 == 0) {
			at = tap_below(m->n);
			len = m->e[at].len;
			memcpy(p, m->e[at].path, len);
			if (i % 4 == 0)
				len = sada_path_parent(p, len);
		}
		at = model_find(m, p, len, &found);
		CHECK_INT(sada_map_get(&b->ns, root, p, len, &node, &e,
		    &b->err), found);
		if (found)
			CHECK(entry_eq(&e, &m->e[at]));
		for (k = 0, below = 0; k < m->n; k++)
			below |= sada_path_below(m->e[k].path, m->e[k].len, p,
			    len);
		CHECK_INT(sada_map_below(&b->ns, root, p, len, &b->err),
		    below);
	}
	sada_node_release(&node);
}

struct nodes_seen {
	struct sada_id last;
	unsigned level;
	uint64_t n, entries;
	int bad;
};

static int
see_node(const struct sada_id *id, const void *p, size_t n, unsigned level,
    void *ctx)
{
	struct nodes_seen *s = ctx;
	struct sada_node node = { 0 };
	struct sada_id own;

	sada_hash(&own, SADA_CTX_NODE, p, n);
	s->bad |= !id_eq(&own, id);
	s->bad |= sada_node_decode(&node, p, n, 0, NULL) != 0;
	s->bad |= node.level != level;
	if (level == 0)
		s->entries += node.n;
	else	/* its last child came just before it */
		s->bad |= s->level + 1 != level ||
		    !id_eq(&s->last, &node.ref[node.n - 1].id);
	sada_node_release(&node);
	s->last = *id;
	s->level = level;
	s->n++;
	return 0;
}

static void
check_nodes(struct box *b, const struct sada_id *root,
    const struct model *m)
{
	struct nodes_seen s = { .n = 0 };

	must(sada_map_nodes(&b->ns, root, see_node, &s, &b->err), &b->err);
	CHECK(!s.bad);
	CHECK_INT(s.entries, m->n);
	CHECK(m->n == 0 || id_eq(&s.last, root));
}

static void
test_sizes(struct box *b)
{
	struct sada_nodes dry = { .flags = 0 };
	struct model m;
	struct sada_id root, want, again;
	unsigned keys;
	size_t n;

	for (keys = 0; keys < NKEYS; keys++)
		for (n = 0; n <= 2000; n += n < 60 ? 1 : n / 3) {
			rand_model(&m, keys, n);
			naive_root(&m, &want);
			model_build(&b->ns, &m, &root);
			CHECK(id_eq(&root, &want));
			model_build(&dry, &m, &again);
			CHECK(id_eq(&again, &want));
			CHECK(sada_id_zero(&root) == (m.n == 0));
			CHECK_INT(sada_map_check(&b->ns, &root, &b->err), 0);
			check_cursor(b, &root, &m);
			check_points(b, &root, &m);
			check_nodes(b, &root, &m);
			model_free(&m);
		}
}

/* ---- replay ---- */

/* Put CH into M; *SET and *GONE are what a replay should count. */
static void
apply(struct model *m, const struct model *ch, uint64_t *set,
    uint64_t *gone)
{
	size_t i;

	*set = *gone = 0;
	for (i = 0; i < ch->n; i++) {
		if (ch->e[i].nv == 0) {
			*gone += (uint64_t)model_del(m, ch->e[i].path,
			    ch->e[i].len);
			continue;
		}
		model_set(m, ch->e[i].path, ch->e[i].len, ch->e[i].v,
		    ch->e[i].nv);
		++*set;
	}
}

/* Random changes to M: scattered, a run of deletes, or all behind it. */
static void
rand_changes(struct model *ch, const struct model *m, unsigned keys)
{
	char p[SADA_PATH_MAX + 1];
	struct sada_version v[4];
	size_t i, len, n = 1 + tap_below(1 + tap_below(60)), at;
	size_t how = tap_below(6);

	memset(ch, 0, sizeof(*ch));
	if (how == 0 && m->n > 0) {
		at = tap_below(4) == 0 ? 0 : tap_below(m->n);
		n = tap_below(4) == 0 ? m->n : tap_below(m->n - at) + 1;
		for (i = at; i < m->n && i < at + n; i++)
			model_set(ch, m->e[i].path, m->e[i].len, NULL, 0);
		return;
	}
	for (i = 0; i < n; i++) {
		len = rand_path(p, keys, m->n + 20);
		if (how == 1 && m->n > 0) {
			const struct sada_entry *last = &m->e[m->n - 1];

			len = last->len < 3000 ? last->len : 3000;
			memcpy(p, last->path, len);
			len += (size_t)snprintf(p + len, 16, "z%zu",
			    tap_below(1000));
			if (len - sada_path_base(p, len) > SADA_NAME_MAX)
				len = (size_t)snprintf(p, 16, "\xff%zu",
				    tap_below(1000));
		} else if (m->n > 0 && tap_below(3) == 0) {
			at = tap_below(m->n);
			len = m->e[at].len;
			memcpy(p, m->e[at].path, len);
		}
		model_set(ch, p, len, v, tap_below(3) == 0 ? 0 :
		    rand_slot(v));
	}
}

static void
one_replay(struct box *b, struct sada_id *root, struct model *m,
    const struct model *ch)
{
	struct sada_replay_counts counts;
	struct sada_id changes, want, old = *root;
	uint64_t set, gone;

	model_build(&b->cns, ch, &changes);
	CHECK_INT(sada_map_check(&b->cns, &changes, &b->err), 0);
	must(sada_replay(&b->ns, &old, &b->cns, &changes, root, &counts,
	    &b->err), &b->err);
	apply(m, ch, &set, &gone);
	naive_root(m, &want);
	CHECK(id_eq(root, &want));
	CHECK_INT(counts.set, set);
	CHECK_INT(counts.gone, gone);
}

static void
test_histories(struct box *b)
{
	struct model m, ch;
	struct sada_id root;
	size_t seed, round;
	unsigned keys;

	for (seed = 0; seed < 60; seed++) {
		keys = (unsigned)(seed % NKEYS);
		rand_model(&m, keys, seed % 3 == 0 ? 0 :
		    tap_below(seed % 3 == 1 ? 300 : 2000));
		model_build(&b->ns, &m, &root);
		for (round = 0; round < 25; round++) {
			rand_changes(&ch, &m, keys);
			one_replay(b, &root, &m, &ch);
			if (round % 8 == 0)
				CHECK_INT(sada_map_check(&b->ns, &root,
				    &b->err), 0);
			model_free(&ch);
		}
		model_free(&m);
	}
}

/* A map of three levels, cut down from the front, the back, the middle. */
static void
test_shrink(struct box *b)
{
	struct model all = { 0 }, m, ch;
	struct sada_id full, root;
	struct sada_entry e;
	struct sada_version v;
	char p[64];
	size_t i, k, n = 9000, from, to;

	for (i = 0; i < n; i++) {
		plain_entry(&e, p, &v, i);
		model_set(&all, e.path, e.len, e.v, e.nv);
	}
	model_build(&b->ns, &all, &full);
	for (k = 0; k < 60; k++) {
		from = k % 3 == 1 ? tap_below(300) : 0;
		to = k % 3 == 0 ? n - tap_below(k < 30 ? 300 : n) :
		    from + tap_below(n - from);
		if (k % 3 == 2) {
			from = tap_below(k < 30 ? 200 : n);
			to = n;
		}
		memset(&ch, 0, sizeof(ch));
		for (i = from; i < to; i++)
			model_set(&ch, all.e[i].path, all.e[i].len, NULL, 0);
		model_copy(&m, &all);
		root = full;
		one_replay(b, &root, &m, &ch);
		model_free(&ch);
		/* And behind what is left. */
		model_set(&ch, "\xff", 1, &v, 1);
		one_replay(b, &root, &m, &ch);
		model_free(&ch);
		model_free(&m);
	}
	model_free(&all);
}

/* Delete entries FROM to TO of M, a map ROOT. */
static void
delete_run(struct box *b, struct sada_id root, const struct model *m,
    size_t from, size_t to)
{
	struct model left, ch = { 0 };
	size_t i;

	for (i = from; i < to; i++)
		model_set(&ch, m->e[i].path, m->e[i].len, NULL, 0);
	model_copy(&left, m);
	one_replay(b, &root, &left, &ch);
	model_free(&ch);
	model_free(&left);
}

/*
 * Delete up to where a node of level 1 begins: all, so that later ones are
 * taken whole (the last may be a chain then), or all but a few, so that a
 * leaf waits where a higher node would fit.
 */
static void
test_node_ends(struct box *b)
{
	struct model m = { 0 };
	struct sada_node node = { 0 };
	struct sada_buf raw = { 0 };
	struct sada_id root;
	struct sada_entry e;
	struct sada_version v;
	char p[64];
	size_t i, k, end, at = 0;

	for (i = 0; i < 12000; i++) {
		plain_entry(&e, p, &v, i);
		model_set(&m, e.path, e.len, e.v, e.nv);
	}
	model_build(&b->ns, &m, &root);
	must(sada_txn_get(b->txn, SADA_OBJ_NODE, &root, &raw, &b->err),
	    &b->err);
	must(sada_node_decode(&node, raw.p, raw.len, 0, &b->err), &b->err);
	sada_buf_release(&raw);
	CHECK_INT(node.level, 2);
	CHECK(node.n >= 3);
	for (k = 0; k + 1 < node.n; k++)
		at += (size_t)node.ref[k].entries;
	/* AT: where the last node of level 1 begins; the map's end moves. */
	for (i = 0, end = m.n; end > at; i++) {
		delete_run(b, root, &m, 0, at);
		for (k = 1; k < 20; k += 9) {
			delete_run(b, root, &m, k, at);
			delete_run(b, root, &m, k,
			    (size_t)node.ref[0].entries);
		}
		end = end > at + 150 && i < 4 ? end - (end - at) / 4 :
		    end > at + 150 ? at + 150 : end > at + 40 ? end - 20 :
		    end - 7;
		if (end > m.n || end <= at)
			break;
		while (m.n > end)
			(void)model_del(&m, m.e[m.n - 1].path,
			    m.e[m.n - 1].len);
		model_build(&b->ns, &m, &root);
	}
	sada_node_release(&node);
	model_free(&m);
}

/* Changes that lie in an op's record, not in the store. */
static void
test_inline(struct box *b)
{
	struct sada_nodes cns = { .flags = SADA_NODE_CHANGES };
	struct sada_buf raw = { 0 };
	struct model m, ch = { 0 };
	struct sada_id root, changes, want;
	struct sada_version v;
	uint64_t set, gone;

	rand_model(&m, KEYS_DENSE, 300);
	model_build(&b->ns, &m, &root);
	do
		rand_version(&v);
	while (v.kind != SADA_FILE);
	model_set(&ch, "new", 3, &v, 1);
	model_set(&ch, m.e[7].path, m.e[7].len, NULL, 0);
	sada_leaf_encode(&raw, ch.e, ch.n);
	sada_hash(&changes, SADA_CTX_NODE, raw.p, raw.len);
	CHECK_INT(sada_replay(&b->ns, &root, &cns, &changes, &root, NULL,
	    &b->err), SADA_NOTFOUND);
	cns.nread = 0;
	cns.inl = raw.p;
	cns.inl_len = raw.len;
	must(sada_replay(&b->ns, &root, &cns, &changes, &root, NULL,
	    &b->err), &b->err);
	apply(&m, &ch, &set, &gone);
	naive_root(&m, &want);
	CHECK(id_eq(&root, &want));
	CHECK_INT(cns.nread, 0);
	sada_buf_release(&raw);
	model_free(&m);
	model_free(&ch);
}

/* ---- cost ---- */

static void
build_plain(struct box *b, size_t n, struct sada_id *root)
{
	struct sada_build *build;
	struct sada_entry e;
	struct sada_version v;
	char p[64];
	size_t i;

	sada_build_new(&build, &b->ns);
	for (i = 0; i < n; i++) {
		plain_entry(&e, p, &v, i);
		must(sada_build_add(build, &e, &b->err), &b->err);
	}
	must(sada_build_finish(build, root, &b->err), &b->err);
}

static void
test_speed(struct box *b)
{
	struct sada_cursor *c;
	struct sada_entry e;
	struct sada_id root;
	long long t0 = sada_io_ticks(), t1, best = 0;
	size_t n = 78579, i, round;

	build_plain(b, n, &root);
	t1 = sada_io_ticks();
	printf("# build %zu: %lld us\n", n, (t1 - t0) / 1000);
	box_commit(b);
	for (round = 0; round < 3; round++) {
		t0 = sada_io_ticks();
		must(sada_cursor_open(&c, &b->ns, &root, &b->err), &b->err);
		for (i = 0; must(sada_cursor_next(c, &e, &b->err),
		    &b->err) > 0; i++)
			continue;
		sada_cursor_free(c);
		t1 = sada_io_ticks() - t0;
		if (round == 0 || t1 < best)
			best = t1;
		CHECK_INT(i, n);
	}
	printf("# walk %zu: %lld us\n", n, best / 1000);
	box_begin(b);
}

/* One edit in a large map writes a path of nodes. */
static void
test_million(struct box *b)
{
	struct model ch = { 0 };
	struct sada_entry e;
	struct sada_version v;
	struct sada_id root, changes, out;
	uint64_t worst = 0, reads = 0;
	char p[64];
	size_t k, n = 1000000;

	build_plain(b, n, &root);
	for (k = 0; k < 50; k++) {
		plain_entry(&e, p, &v, tap_below(n));
		if (k % 3 == 0)
			p[e.len - 1] = 'x';	/* a new one */
		v.size = 5;
		model_set(&ch, e.path, e.len, &v, k % 3 == 1 ? 0 : 1);
		model_build(&b->cns, &ch, &changes);
		b->ns.nread = b->ns.bytes_written = 0;
		must(sada_replay(&b->ns, &root, &b->cns, &changes, &out, NULL,
		    &b->err), &b->err);
		CHECK(!id_eq(&out, &root));
		if (b->ns.bytes_written > worst)
			worst = b->ns.bytes_written;
		if (b->ns.nread > reads)
			reads = b->ns.nread;
		model_free(&ch);
	}
	printf("# one edit in %zu: at most %" PRIu64 " bytes written, %"
	    PRIu64 " nodes read\n", n, worst, reads);
	CHECK(worst <= 65536);
	CHECK(reads <= 40);
}

int
main(void)
{
	struct box b;

	sada_crypto_init();
	tap_seed(20261122);
	box_open(&b);
	test_sizes(&b);
	test_histories(&b);
	test_shrink(&b);
	test_node_ends(&b);
	test_inline(&b);
	test_speed(&b);
	test_million(&b);
	box_close(&b);
	return tap_done();
}
