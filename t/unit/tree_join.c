/*
 * Join against plain sets: random replicas, random and forged dots; equal
 * results whatever the order and the grouping of the sides.
 */
#include "tree_util.h"

/* A context as a sorted array of dots; a map as a model and as nodes. */
struct replica {
	struct sada_dot *dot;
	size_t n, cap;
	struct model map;
	struct sada_id root;
};

static int
seen(const struct sada_dot *d, void *ctx)
{
	const struct replica *r = ctx;
	size_t lo = 0, hi = r->n, mid;
	int c;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		c = sada_dot_cmp(&r->dot[mid], d);
		if (c == 0)
			return 1;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

static void
see(struct replica *r, const struct sada_dot *d)
{
	size_t i;

	if (seen(d, r))
		return;
	r->dot = sada_grow(r->dot, &r->cap, r->n + 1, sizeof(*r->dot));
	for (i = r->n++; i > 0 && sada_dot_cmp(&r->dot[i - 1], d) > 0; i--)
		r->dot[i] = r->dot[i - 1];
	r->dot[i] = *d;
}

static void
replica_free(struct replica *r)
{
	free(r->dot);
	model_free(&r->map);
	memset(r, 0, sizeof(*r));
}

static void
replica_copy(struct replica *to, const struct replica *from)
{
	size_t i;

	memset(to, 0, sizeof(*to));
	for (i = 0; i < from->n; i++)
		see(to, &from->dot[i]);
	model_copy(&to->map, &from->map);
	to->root = from->root;
}

/* The version of E with the id of V, or NULL. */
static const struct sada_version *
has(const struct sada_entry *e, const struct sada_version *v)
{
	size_t i;

	for (i = 0; e != NULL && i < e->nv; i++)
		if (version_order(&e->v[i], v) == 0)
			return &e->v[i];
	return NULL;
}

/* unseen 0 < present 1 < removed 2 */
static int
standing(const struct replica *r, const struct sada_entry *e,
    const struct sada_version *v)
{
	return has(e, v) != NULL ? 1 : seen(&v->dot, (void *)r) ? 2 : 0;
}

static const struct sada_entry *
slot(const struct model *m, const char *path, size_t len)
{
	int found;
	size_t i = model_find(m, path, len, &found);

	return found ? &m->e[i] : NULL;
}

/* *OUT = join of A and B by the definition; its root is not set. */
static void
naive_join(struct replica *out, const struct replica *a,
    const struct replica *b)
{
	const struct replica *side[2] = { a, b };
	const struct sada_entry *e[2], *all;
	const struct sada_version *v, *w;
	struct sada_version *keep;
	size_t s, i, k, n, len;
	const char *path;
	int at;

	replica_copy(out, a);
	model_free(&out->map);
	for (i = 0; i < b->n; i++)
		see(out, &b->dot[i]);
	for (s = 0; s < 2; s++)
		for (i = 0; i < side[s]->map.n; i++) {
			path = side[s]->map.e[i].path;
			len = side[s]->map.e[i].len;
			e[0] = slot(&a->map, path, len);
			e[1] = slot(&b->map, path, len);
			keep = sada_calloc((e[0] ? e[0]->nv : 0) +
			    (e[1] ? e[1]->nv : 0), sizeof(*keep));
			for (n = 0, all = e[0], at = 0; at < 2;
			    at++, all = e[1])
				for (k = 0; all && k < all->nv; k++) {
					v = &all->v[k];
					if (standing(a, e[0], v) > 1 ||
					    standing(b, e[1], v) > 1)
						continue;
					w = has(e[1 - at], v);
					if (w && sada_register_cmp(w, v) > 0)
						v = w;
					keep[n++] = *v;
				}
			n = slot_sort(keep, n);
			if (n > 0)
				model_set(&out->map, path, len, keep, n);
			free(keep);
		}
}

/* ---- random replicas ---- */

/* An honest write, delete or directory at R, with a dot of its own. */
static void
edit(struct replica *r, unsigned author, uint64_t *clock, unsigned keys,
    size_t spread)
{
	char p[SADA_PATH_MAX + 1];
	struct sada_version v;
	size_t len = rand_path(p, keys, spread), at;

	if (r->map.n > 0 && tap_below(2) == 0) {
		at = tap_below(r->map.n);
		len = r->map.e[at].len;
		memcpy(p, r->map.e[at].path, len);
	}
	rand_version(&v);
	v.dot.author.b[0] = (unsigned char)(100 + author);
	v.dot.seq = ++*clock;
	if (tap_below(3) == 0) {
		model_del(&r->map, p, len);
		return;
	}
	see(r, &v.dot);
	model_set(&r->map, p, len, &v, 1);
}

/* Anything: versions whose dots nobody saw, dots of versions it has not. */
static void
forge(struct replica *r, unsigned keys, size_t n)
{
	struct sada_version v;
	size_t i;

	rand_model(&r->map, keys, n);
	for (i = tap_below(200); i > 0; i--) {
		rand_version(&v);
		see(r, &v.dot);
	}
}

/* Are A and B the same map with registers forged apart here and there? */
static void
twist(struct replica *r)
{
	size_t i, k;

	for (i = 0; i < r->map.n; i++)
		for (k = 0; k < r->map.e[i].nv; k++)
			if (r->map.e[i].v[k].kind == SADA_DIR &&
			    tap_below(2) == 0)
				r->map.e[i].v[k].stamp_lamport = tap_below(9);
}

static void
shuffle(size_t *at, size_t n)
{
	size_t i, k, swap;

	for (i = 0; i < n; i++)
		at[i] = i;
	for (i = n; i > 1; i--) {
		k = tap_below(i);
		swap = at[i - 1];
		at[i - 1] = at[k];
		at[k] = swap;
	}
}

/* All orders and groupings of the N replicas in R give one root. */
static void
check_joins(struct box *b, struct replica *r, size_t n)
{
	struct sada_side side[6];
	struct replica all, sum, next;
	struct sada_id want, out;
	size_t i, k, at[6];

	replica_copy(&all, &r[0]);
	for (i = 0; i < n; i++) {
		model_build(&b->ns, &r[i].map, &r[i].root);
		naive_join(&next, &all, &r[i]);
		replica_free(&all);
		all = next;
	}
	naive_root(&all.map, &want);
	for (k = 0; k < 4; k++) {
		/* All at once; the last again, which changes nothing. */
		shuffle(at, n);
		for (i = 0; i <= n; i++) {
			side[i].root = r[at[i % n]].root;
			side[i].seen = seen;
			side[i].ctx = &r[at[i % n]];
		}
		must(sada_join(&b->ns, side, n + k % 2, &out, &b->err),
		    &b->err);
		CHECK(id_eq(&out, &want));
		/* Two and two, the contexts as sets. */
		replica_copy(&sum, &r[at[0]]);
		for (i = 1; i < n; i++) {
			side[k % 2].root = sum.root;
			side[k % 2].ctx = &sum;
			side[1 - k % 2].root = r[at[i]].root;
			side[1 - k % 2].ctx = &r[at[i]];
			must(sada_join(&b->ns, side, 2, &sum.root, &b->err),
			    &b->err);
			for (size_t d = 0; d < r[at[i]].n; d++)
				see(&sum, &r[at[i]].dot[d]);
		}
		CHECK(id_eq(&sum.root, &want));
		replica_free(&sum);
	}
	CHECK_INT(sada_map_check(&b->ns, &want, &b->err), 0);
	replica_free(&all);
}

static void
test_random(struct box *b)
{
	struct replica r[5], next;
	uint64_t clock[5];
	size_t seed, n, i, k, from, spread;
	unsigned keys;

	for (seed = 0; seed < 120; seed++) {
		n = 2 + tap_below(4);
		keys = (unsigned)tap_below(NKEYS);
		spread = seed % 4 == 0 ? 1500 : 80;
		memset(r, 0, sizeof(r));
		memset(clock, 0, sizeof(clock));
		for (k = 0; k < (spread > 1000 ? 800 : 40); k++)
			edit(&r[0], 0, &clock[0], keys, spread);
		for (i = 1; i < n; i++)
			replica_copy(&r[i], &r[0]);
		for (k = 0; k < 60; k++) {
			i = tap_below(n);
			if (tap_below(10) != 0) {
				edit(&r[i], (unsigned)i, &clock[i], keys,
				    spread);
				continue;
			}
			from = tap_below(n);
			naive_join(&next, &r[i], &r[from]);
			replica_free(&r[i]);
			r[i] = next;
		}
		if (seed % 3 == 0) {
			replica_free(&r[0]);
			forge(&r[0], keys, spread / 2);
			for (i = 1; i < n; i++)
				if (tap_below(2) == 0) {
					replica_free(&r[i]);
					forge(&r[i], keys, spread / 2);
				} else if (tap_below(2) == 0) {
					replica_free(&r[i]);
					replica_copy(&r[i], &r[0]);
					twist(&r[i]);
				}
		}
		check_joins(b, r, n);
		for (i = 0; i < n; i++)
			replica_free(&r[i]);
	}
}

/* Maps that share long runs and end in different places. */
static void
test_shared(struct box *b)
{
	struct replica r[3];
	struct sada_entry e;
	struct sada_version v;
	char p[64];
	size_t seed, i, k, n, from;

	for (seed = 0; seed < 40; seed++) {
		memset(r, 0, sizeof(r));
		n = 500 + tap_below(3000);
		for (i = 0; i < n; i++) {
			plain_entry(&e, p, &v, i);
			model_set(&r[0].map, p, e.len, &v, 1);
		}
		see(&r[0], &v.dot);
		for (k = 1; k < 3; k++) {
			replica_copy(&r[k], &r[0]);
			from = tap_below(n);
			/* Loses its end, its start or a few, seen or not. */
			for (i = 0; i < n; i++) {
				if (seed % 3 == 0 ? i < from :
				    seed % 3 == 1 ? i > from :
				    tap_below(n / 5) != 0)
					continue;
				plain_entry(&e, p, &v, i);
				model_del(&r[k].map, p, e.len);
			}
			if (tap_below(2) == 0)
				r[k].n = 0;
		}
		check_joins(b, r, 3);
		for (k = 0; k < 3; k++)
			replica_free(&r[k]);
	}
}

static int
seen_none(const struct sada_dot *d, void *ctx)
{
	(void)d;
	(void)ctx;
	return 0;
}

/* Two maps of 100,000 that differ in ten places. */
static void
test_cost(struct box *b)
{
	struct model ch = { 0 };
	struct sada_build *build;
	struct sada_side side[2] = { { .seen = seen_none },
	    { .seen = seen_none } };
	struct sada_entry e;
	struct sada_version v;
	struct sada_id root, changes, out;
	char p[64];
	size_t i, round, n = 100000;
	uint64_t worst = 0;

	sada_build_new(&build, &b->ns);
	for (i = 0; i < n; i++) {
		plain_entry(&e, p, &v, i);
		must(sada_build_add(build, &e, &b->err), &b->err);
	}
	must(sada_build_finish(build, &root, &b->err), &b->err);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 10; i++) {
			plain_entry(&e, p, &v, tap_below(n));
			if (i % 2 == 0)
				p[e.len - 1] = 'x';
			v.dot.seq = 2;
			model_set(&ch, p, e.len, &v, 1);
		}
		model_build(&b->cns, &ch, &changes);
		must(sada_replay(&b->ns, &root, &b->cns, &changes,
		    &side[1].root, NULL, &b->err), &b->err);
		side[0].root = root;
		b->ns.nread = 0;
		must(sada_join(&b->ns, side, 2, &out, &b->err), &b->err);
		if (b->ns.nread > worst)
			worst = b->ns.nread;
		model_free(&ch);
	}
	printf("# join of %zu with 10 differences: at most %" PRIu64
	    " nodes read\n", n, worst);
	CHECK(worst < 200);
	b->ns.nread = 0;
	side[1].root = root;
	must(sada_join(&b->ns, side, 2, &out, &b->err), &b->err);
	CHECK_INT(b->ns.nread, 0);
	CHECK(id_eq(&out, &root));
}

/* A register alone: the highest stays, whoever comes first. */
static void
test_register(void)
{
	struct sada_version v[6] = { { .mode = 0 } };
	size_t i, k;

	v[1].mtime_ns = 1;
	v[2].mtime_s = 1;
	v[3].mode = 1;
	v[4].stamp_author.b[31] = 1;
	v[5].stamp_lamport = 1;
	for (i = 0; i < 6; i++)
		for (k = 0; k < 6; k++)
			CHECK((i < k) == (sada_register_cmp(&v[i],
			    &v[k]) < 0) && (i == k) ==
			    (sada_register_cmp(&v[i], &v[k]) == 0));
}

int
main(void)
{
	struct box b;

	sada_crypto_init();
	tap_seed(20261123);
	box_open(&b);
	test_register();
	test_random(&b);
	test_shared(&b);
	test_cost(&b);
	box_close(&b);
	return tap_done();
}
