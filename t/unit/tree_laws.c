/*
 * The laws of join: commutative, associative, idempotent, monotone, for any
 * input.  Small maps of one to three slots with up to three versions each,
 * contexts of a few dots, all at random: dots that two versions share,
 * versions whose dot is in nobody's context, registers of one directory
 * that differ.  Millions of triples go through the join of slots, and some
 * hundred thousands of joins through nodes and the whole of sada_join().
 * What must come out is also said without joining: for each version the
 * highest of unseen, present, removed.
 *
 * SADA_TEST_ROUNDS: how many triples; TAP_SEED.
 */
#include "tree_util.h"
#include "tree/tree_priv.h"

#define TRIPLES 10000000
#define WHOLE 30		/* one triple in so many also through nodes */
#define BATCH 4000		/* of those share a transaction */

#define SLOTS 3
#define VERSIONS 12		/* that a slot may have */
#define DOTS 8
#define REGISTERS 3		/* of a directory's version */
#define MOST 3			/* versions of a slot of a random map */
#define DIRS 3			/* of VERSIONS, the last so many */

/* The versions there are, in each of their registers, with their ids. */
static struct {
	struct sada_version v[VERSIONS][REGISTERS];
	struct sada_id id[VERSIONS];
	int at[VERSIONS];	/* in the order of ids */
} pool;

/* A context, and of each slot which versions (by bits) in which register. */
struct small {
	uint16_t ctx;
	uint16_t has[SLOTS];
	uint8_t reg[SLOTS][DIRS];
};

static struct {
	long triples, whole, forged, dropped, kept;
} sum;

static int
seen(const struct sada_dot *d, void *ctx)
{
	return ((const struct small *)ctx)->ctx >> (d->seq - 1) & 1;
}

static void
pool_make(void)
{
	struct sada_version *v;
	int i, k;

	for (i = 0; i < VERSIONS; i++) {
		for (k = 0; k < REGISTERS; k++) {
			v = &pool.v[i][k];
			memset(v, 0, sizeof(*v));
			v->dot.author.b[0] = (unsigned char)(i % 3);
			v->dot.epoch = 7;
			/* Some dots are shared: that is forged. */
			v->dot.seq = (uint64_t)(i % DOTS) + 1;
			v->dot.author.b[0] = (unsigned char)(v->dot.seq % 3);
			v->kind = i < VERSIONS - DIRS ? SADA_FILE : SADA_DIR;
			v->mode = (uint16_t)(v->kind == SADA_DIR ? 0700 + k :
			    0644);
			if (v->kind == SADA_DIR) {
				v->stamp_lamport = (uint64_t)k / 2;
				continue;
			}
			v->size = 1;
			v->content.b[0] = (unsigned char)(i + 1);
		}
		sada_version_id(&pool.id[i], &pool.v[i][0]);
		for (k = i; k > 0 && sada_id_cmp(&pool.id[pool.at[k - 1]],
		    &pool.id[i]) > 0; k--)
			pool.at[k] = pool.at[k - 1];
		pool.at[k] = i;
	}
}

static void
small_make(struct small *s, int slots)
{
	uint64_t r = tap_rand();
	int i, k, n;

	memset(s, 0, sizeof(*s));
	s->ctx = (uint16_t)(r & ((1 << DOTS) - 1));
	r >>= DOTS;
	for (i = 0; i < slots; i++) {
		for (n = (int)(r & 3), r >>= 2; n > 0; n--, r >>= 4)
			s->has[i] |= (uint16_t)(1 << (r & 15) % VERSIONS);
		r ^= tap_rand();
		for (k = 0; k < DIRS; k++, r >>= 2)
			if (s->has[i] >> (VERSIONS - DIRS + k) & 1)
				s->reg[i][k] = (uint8_t)((r & 3) % REGISTERS);
	}
	/* As a rule who has a version has its dot; else it is forged. */
	if ((r & 7) == 0) {
		sum.forged++;
		return;
	}
	for (i = 0; i < slots; i++)
		for (k = 0; k < VERSIONS; k++)
			if (s->has[i] >> k & 1)
				s->ctx |= (uint16_t)(1 << k % DOTS);
}

static int
reg_of(const struct small *s, int slot, int v)
{
	return v < VERSIONS - DIRS ? 0 : s->reg[slot][v - VERSIONS + DIRS];
}

/* The join of N small maps by sada_join_slot(). */
static void
join(struct small *out, const struct small *const *in, size_t n, int slots)
{
	static const size_t map[3] = { 0, 1, 2 };
	struct sada_have h[3 * VERSIONS];
	struct sada_side side[3];
	struct small o;
	size_t i, k, nh;
	int s, v;

	memset(&o, 0, sizeof(o));
	for (i = 0; i < n; i++) {
		side[i].seen = seen;
		side[i].ctx = (void *)(uintptr_t)in[i];
		o.ctx |= in[i]->ctx;
	}
	for (s = 0; s < slots; s++) {
		for (i = nh = 0; i < n; i++)
			for (v = 0; v < VERSIONS; v++) {
				if ((in[i]->has[s] >> v & 1) == 0)
					continue;
				h[nh].id = pool.id[v];
				h[nh].v = &pool.v[v][reg_of(in[i], s, v)];
				h[nh++].map = i;
			}
		nh = sada_join_slot(h, nh, side, map, n);
		for (k = 0; k < nh; k++) {
			v = (int)((h[k].v - pool.v[0]) / REGISTERS);
			i = (size_t)((h[k].v - pool.v[0]) % REGISTERS);
			o.has[s] |= (uint16_t)(1 << v);
			if (v >= VERSIONS - DIRS)
				o.reg[s][v - VERSIONS + DIRS] = (uint8_t)i;
		}
	}
	*out = o;
}

static void
join2(struct small *out, const struct small *a, const struct small *b,
    int slots)
{
	const struct small *in[2] = { a, b };

	join(out, in, 2, slots);
}

static int
same(const struct small *a, const struct small *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* unseen 0 < present 1 < removed 2 */
static int
standing(const struct small *a, int slot, int v)
{
	return a->has[slot] >> v & 1 ? 1 : a->ctx >> v % DOTS & 1 ? 2 : 0;
}

/* Is AB, by the definition, the join of A and B? */
static int
is_join(const struct small *ab, const struct small *a, const struct small *b,
    int slots)
{
	int s, v, sa, sb, most, reg;

	if (ab->ctx != (a->ctx | b->ctx))
		return 0;
	for (s = 0; s < slots; s++)
		for (v = 0; v < VERSIONS; v++) {
			if (((a->has[s] | b->has[s]) >> v & 1) == 0) {
				if (ab->has[s] >> v & 1)
					return 0;
				continue;
			}
			sa = standing(a, s, v);
			sb = standing(b, s, v);
			most = sa > sb ? sa : sb;
			if ((ab->has[s] >> v & 1) != (most == 1))
				return 0;
			sum.dropped += most == 2;
			sum.kept += most == 1;
			if (most != 1 || v < VERSIONS - DIRS)
				continue;
			/* Registers of a pool's version ascend. */
			reg = sa == 1 ? reg_of(a, s, v) : 0;
			if (sb == 1 && reg_of(b, s, v) > reg)
				reg = reg_of(b, s, v);
			if (reg_of(ab, s, v) != reg)
				return 0;
		}
	return 1;
}

static void
laws(const struct small *a, const struct small *b, const struct small *c,
    int slots)
{
	const struct small *all[3] = { c, a, b };
	struct small ab, ba, bc, l, r, ac;
	int ok;

	join2(&ab, a, b, slots);
	join2(&ba, b, a, slots);
	join2(&bc, b, c, slots);
	join2(&l, &ab, c, slots);
	join2(&r, a, &bc, slots);
	ok = same(&ab, &ba) && same(&l, &r) && is_join(&ab, a, b, slots);
	join(&r, all, 3, slots);
	ok &= same(&l, &r);
	join2(&r, a, a, slots);
	ok &= same(a, &r);
	/* A lies below AB, and stays below when C comes to both. */
	join2(&r, a, &ab, slots);
	ok &= same(&ab, &r);
	join2(&ac, a, c, slots);
	join2(&r, &ac, &l, slots);
	ok &= same(&l, &r);
	CHECK(ok);
	sum.triples++;
}

/* ---- through nodes ---- */

/* The map of S as nodes in B's transaction. */
static void
root_of(struct sada_nodes *ns, const struct small *s, struct sada_id *root)
{
	static const char *const path[SLOTS] = { "a", "a/b", "c" };
	struct sada_version v[VERSIONS];
	struct sada_build *b;
	struct sada_entry e;
	struct sada_err err;
	int i, k;

	sada_build_new(&b, ns);
	for (i = 0; i < SLOTS; i++) {
		e.path = path[i];
		e.len = strlen(path[i]);
		e.v = v;
		for (k = 0, e.nv = 0; k < VERSIONS; k++)
			if (s->has[i] >> pool.at[k] & 1)
				v[e.nv++] = pool.v[pool.at[k]][reg_of(s, i,
				    pool.at[k])];
		if (e.nv > 0)
			must(sada_build_add(b, &e, &err), &err);
	}
	must(sada_build_finish(b, root, &err), &err);
}

/* Does sada_join() of the N maps IN come to EXPECT? */
static int
whole(struct box *b, const struct small *const *in, size_t n,
    const struct small *expect)
{
	struct sada_side side[3];
	struct sada_nodes none = { 0 };
	struct sada_id got, want;
	size_t i;

	for (i = 0; i < n; i++) {
		root_of(&b->ns, in[i], &side[i].root);
		side[i].seen = seen;
		side[i].ctx = (void *)(uintptr_t)in[i];
	}
	must(sada_join(&b->ns, side, n, &got, &b->err), &b->err);
	root_of(&none, expect, &want);
	sum.whole++;
	return id_eq(&got, &want);
}

static void
laws_whole(struct box *box, const struct small *a, const struct small *b,
    const struct small *c)
{
	const struct small *in[3] = { a, b, c };
	struct small ab, abc;

	join2(&ab, a, b, SLOTS);
	join2(&abc, &ab, c, SLOTS);
	CHECK(whole(box, in, 2, &ab));
	CHECK(whole(box, in, 3, &abc));
	in[0] = c;
	in[1] = &ab;
	CHECK(whole(box, in, 2, &abc));
	in[2] = in[0];
	CHECK(whole(box, in, 3, &abc));
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS");
	long i, n = s != NULL && *s != '\0' ? strtol(s, NULL, 0) : TRIPLES;
	struct small m[3];
	struct box box;
	int k, slots;

	sada_crypto_init();
	tap_seed(1);
	pool_make();
	box_open(&box);
	for (i = 0; i < n && tap.failed < 20; i++) {
		/* Most of the work is in the slots: mostly one. */
		slots = i % 4 == 0 ? 1 + (int)tap_below(SLOTS) : 1;
		for (k = 0; k < 3; k++)
			small_make(&m[k], slots);
		laws(&m[0], &m[1], &m[2], slots);
		if (i % WHOLE != 0)
			continue;
		laws_whole(&box, &m[0], &m[1], &m[2]);
		if (i / WHOLE % BATCH == BATCH - 1) {
			sada_txn_abort(box.txn);
			box_begin(&box);
		}
	}
	printf("# triples %ld, with forged maps about %ld; versions kept %ld "
	    "dropped %ld; joins through nodes %ld\n", sum.triples, sum.forged,
	    sum.kept, sum.dropped, sum.whole);
	CHECK(sum.kept > 0 && sum.dropped > 0 && sum.forged > 0);
	box_close(&box);
	return tap_done();
}
