/*
 * What is carried against the letter of sada-store(5), over histories in
 * which ops move the same few paths at once, and share dots or lack them.
 */
#include "carry_util.h"

#define OPS 330
#define WORDS (OPS / 64 + 1)
#define HINTS 6			/* of an op, in random histories */
#define LANES 5			/* lines of ops that know little of others */
#define TEXT SADA_PATH_MAX
#define ROUNDS 1000		/* small histories, and so many times less */
#define WIDE 100		/* wide ones */
#define ENOUGH 200		/* in so many there is some of all */

/* What the histories had, so that a test of nothing is seen. */
static struct {
	long moved, far, ends, twins, forked, flooded, dotless, idle;
} sum;

/* ---- ops ---- */

struct op {
	struct sada_dot dot;
	struct sada_id id;
	uint32_t no;			/* in the log */
	uint64_t lamport, past[WORDS];
	struct sada_hint h[HINTS];	/* of texts that stay */
	size_t nh;
	int in;				/* the state's past */
};

static struct op op[OPS];
static size_t nop;

static int
knows(const struct op *o, size_t k)
{
	return (int)(o->past[k / 64] >> k % 64 & 1);
}

/* ---- paths ---- */

static const char *const part[] = { "a", "b", "a!", "c" };
static char far_path[TEXT + 1], deep_path[TEXT + 1];

/* Paths that have no room for more below them. */
static void
make_paths(void)
{
	size_t i, n;

	for (i = 0; i < SADA_PATH_MAX - 1; i++)
		far_path[i] = i % 200 == 199 ? '/' : 'x';
	for (i = n = 0; i < SADA_DEPTH_MAX; i++) {
		deep_path[n++] = 'y';
		if (i + 1 < SADA_DEPTH_MAX)
			deep_path[n++] = '/';
	}
	assert(sada_path_ok(far_path, strlen(far_path)));
	assert(sada_path_ok(deep_path, strlen(deep_path)));
}

/* A path of few; it stays. */
static const char *
some_path(size_t odd)
{
	static char all[4 + 16 + 64][16];
	static size_t n;
	size_t i, k;

	for (; n < 84; n++) {
		i = n < 4 ? 1 : n < 20 ? 2 : 3;
		k = n - (n < 4 ? 0 : n < 20 ? 4 : 20);
		for (; i > 0; i--, k /= 4)
			(void)snprintf(all[n] + strlen(all[n]), 5, "%s%s",
			    part[k % 4], i > 1 ? "/" : "");
	}
	if (odd > 0 && tap_below(odd) == 0)
		return tap_below(2) == 0 ? far_path : deep_path;
	i = tap_below(3);
	return all[i == 0 ? tap_below(4) : i == 1 ? 4 + tap_below(16) :
	    20 + tap_below(64)];
}

static int
same(const char *a, size_t na, const char *b, size_t nb)
{
	return na == nb && memcmp(a, b, na) == 0;
}

static int
below(const char *path, size_t len, const char *top, size_t n)
{
	return len > n && memcmp(path, top, n) == 0 && path[n] == '/';
}

/* ---- histories ---- */

static size_t
some_hints(struct sada_hint h[HINTS], size_t most)
{
	struct sada_hint x;
	size_t i, n = 0, want = 1 + tap_below(most), k;

	for (k = 0; k < want; k++) {
		x = hint(tap_below(2) == 0 ? SADA_HINT_FILE : SADA_HINT_DIR,
		    some_path(0), some_path(40));
		if (same(x.from, x.from_len, x.to, x.to_len))
			continue;
		for (i = 0; i < n && sada_path_cmp(h[i].from, h[i].from_len,
		    x.from, x.from_len) < 0; i++)
			continue;
		if (i < n && same(h[i].from, h[i].from_len, x.from,
		    x.from_len))
			continue;
		memmove(&h[i + 1], &h[i], (n - i) * sizeof(*h));
		h[i] = x;
		n++;
	}
	return n;
}

/*
 * N ops in LANES lines, of which one sometimes hears of another; of a FORKED
 * history many ops have the dot of another one.
 */
static void
make_ops(size_t n, int forked)
{
	size_t tip[LANES], i, k, np;
	struct sada_id parents[LANES];
	struct op *o;
	int lane, other, key;

	memset(op, 0, sizeof(op));
	for (lane = 0; lane < LANES; lane++)
		tip[lane] = n;
	for (nop = 0; nop < n; nop++) {
		o = &op[nop];
		lane = (int)tap_below(LANES);
		key = (int)tap_below(KIT_KEYS);
		fresh_dot(&o->dot, key);
		for (i = 0; forked && i < 4 && nop > 0; i++) {
			k = tap_below(forked > 1 ? nop / 20 + 1 : nop);
			if (id_eq(&op[k].dot.author, &o->dot.author)) {
				o->dot = op[k].dot;
				break;
			}
		}
		for (np = 0, other = 0; other < LANES; other++) {
			if (tip[other] == n || (other != lane &&
			    tap_below(8) != 0))
				continue;
			parents[np++] = op[tip[other]].id;
			for (k = 0; k < WORDS; k++)
				o->past[k] |= op[tip[other]].past[k];
			if (op[tip[other]].lamport > o->lamport)
				o->lamport = op[tip[other]].lamport;
		}
		o->lamport++;
		o->past[nop / 64] |= (uint64_t)1 << nop % 64;
		if (tap_below(3) != 0)
			o->nh = some_hints(o->h, HINTS - 1);
		stage(&o->id, &o->no, &o->dot, key, parents, np, o->h,
		    o->nh);
		assert(o->no == sada_log_count(record) - 1);
		CHECK_INT(o->lamport, sada_log_op(record, o->no)->lamport);
		tip[lane] = nop;
	}
}

/* The past of a few ops, mostly of all. */
static void
make_state(struct sada_context **past)
{
	uint32_t no[OPS];
	size_t i, k, n = 0, leave = tap_below(3) == 0 ? 3 : nop + 1;

	for (i = 0; i < nop; i++)
		op[i].in = 0;
	for (i = 0; i < nop; i++) {
		if (leave <= nop && (tap_below(leave) == 0 || i + 3 > nop))
			continue;
		no[n++] = op[i].no;
		for (k = 0; k <= i; k++)
			op[k].in |= knows(&op[i], k);
	}
	sada_context_make(past, record, no, n);
	for (i = 0; i < nop; i++)
		CHECK_INT(sada_context_has(*past, op[i].no), op[i].in);
}

static void
make_map(struct model *m, size_t n)
{
	struct sada_version v[4];
	const char *p;
	size_t i, k, nv;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < n; i++) {
		nv = tap_below(3) == 0 ? 1 + tap_below(4) : 1;
		for (k = 0; k < nv; k++) {
			rand_version(&v[k]);
			if (tap_below(15) != 0)
				v[k].dot = op[tap_below(nop)].dot;
			/* Now and then one version lives in two slots. */
			if (m->n > 0 && tap_below(4) == 0)
				v[k] = m->e[tap_below(m->n)].v[0];
		}
		p = some_path(0);
		model_set(m, p, strlen(p), v, slot_sort(v, nv));
	}
}

/* ---- by the letter ---- */

/* Ops of the state that have D: how many; the first OPS go to OUT. */
static size_t
ops_of(const struct sada_dot *d, size_t out[OPS])
{
	size_t i, n = 0;

	for (i = 0; i < nop; i++)
		if (op[i].in && sada_dot_cmp(&op[i].dot, d) == 0)
			out[n++] = i;
	return n;
}

/* Does hint H lead a version of KIND from PATH? */
static int
leads(const struct sada_hint *h, const char *path, size_t len, unsigned kind)
{
	if (same(path, len, h->from, h->from_len))
		return (h->kind == SADA_HINT_DIR) == (kind == SADA_DIR);
	return h->kind == SADA_HINT_DIR && below(path, len, h->from,
	    h->from_len);
}

/* That of op O that does, with the longest from. */
static const struct sada_hint *
hint_of(const struct op *o, const char *path, size_t len, unsigned kind)
{
	const struct sada_hint *best = NULL;
	size_t i;

	for (i = 0; i < o->nh; i++)
		if (leads(&o->h[i], path, len, kind) && (best == NULL ||
		    o->h[i].from_len > best->from_len))
			best = &o->h[i];
	return best;
}

/* Is A before B in the order of ops? */
static int
higher(const struct op *a, const struct op *b)
{
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport;
	c = memcmp(a->dot.author.b, b->dot.author.b, SADA_ID_LEN);
	return c != 0 ? c > 0 : memcmp(a->id.b, b->id.b, SADA_ID_LEN) > 0;
}

/* Is op K one that may move a version whose dot has the N ops WROTE? */
static int
may_move(size_t k, const size_t *wrote, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (knows(&op[k], wrote[i]) || knows(&op[wrote[i]], k))
			return 0;
	return op[k].in;
}

/* Does something live where H leads that knows of op K? */
static int
lives_since(const struct model *m, const struct sada_hint *h, size_t k)
{
	size_t i, j, x, n, of[OPS];
	const struct sada_entry *e;

	for (i = 0; i < m->n; i++) {
		e = &m->e[i];
		if (!same(e->path, e->len, h->to, h->to_len) &&
		    (h->kind != SADA_HINT_DIR || !below(e->path, e->len,
		    h->to, h->to_len)))
			continue;
		for (j = 0; j < e->nv; j++) {
			n = ops_of(&e->v[j].dot, of);
			sum.flooded += n > SADA_CARRY_LANES;
			for (x = 0; x < n && n <= SADA_CARRY_LANES; x++)
				if (knows(&op[of[x]], k))
					return 1;
		}
	}
	return 0;
}

/* Where version V, which lives at E, is shown: a new text in OUT. */
static void
shown_at(const struct model *m, const struct sada_entry *e,
    const struct sada_version *v, struct sada_buf *out)
{
	size_t wrote[OPS], n = ops_of(&v->dot, wrote), k, best, last = OPS;
	struct sada_buf at = { 0 }, to = { 0 };
	const struct sada_hint *h;
	int steps;

	sada_buf_reset(out);
	sada_buf_add(out, e->path, e->len);
	sum.dotless += n == 0;
	sum.forked += n > 1;
	/* A dot of which nothing is known goes nowhere. */
	if (n == 0 || n > SADA_CARRY_LANES)
		return;
	sada_buf_add(&at, e->path, e->len);
	for (steps = 0; steps < SADA_CARRY_STEPS; steps++) {
		for (k = 0, best = OPS; k < nop; k++)
			if (hint_of(&op[k], (char *)at.p, at.len, v->kind) !=
			    NULL && may_move(k, wrote, n) && (last == OPS ||
			    (k != last && knows(&op[k], last))) &&
			    (best == OPS || higher(&op[k], &op[best])))
				best = k;
		if (best == OPS)
			break;
		h = hint_of(&op[best], (char *)at.p, at.len, v->kind);
		sada_buf_reset(&to);
		sada_buf_add(&to, h->to, h->to_len);
		sada_buf_add(&to, at.p + h->from_len, at.len - h->from_len);
		if (!sada_path_ok((char *)to.p, to.len)) {
			sum.ends++;
			break;
		}
		sada_buf_reset(&at);
		sada_buf_add(&at, to.p, to.len);
		last = best;
		if (!lives_since(m, h, best)) {
			sum.idle++;
			continue;
		}
		sada_buf_reset(out);
		sada_buf_add(out, at.p, at.len);
		sum.far += steps > 0;
	}
	sada_buf_release(&at);
	sada_buf_release(&to);
}

/* A version as it is shown. */
struct show {
	char *path, *at;		/* at: NULL where it lives */
	size_t len, at_len;
	struct sada_version v;
	struct sada_id id;
};

static int
show_order(const void *pa, const void *pb)
{
	const struct show *a = pa, *b = pb;
	int c = sada_path_cmp(a->path, a->len, b->path, b->len);

	if (c == 0)
		c = sada_id_cmp(&a->id, &b->id);
	if (c != 0)
		return c;
	if (a->at == NULL || b->at == NULL)
		return (a->at != NULL) - (b->at != NULL);
	return sada_path_cmp(a->at, a->at_len, b->at, b->at_len);
}

static size_t
naive(const struct model *m, struct show **out)
{
	struct sada_buf at = { 0 };
	struct show *x;
	size_t i, k, n = 0, cap = 0;

	*out = NULL;
	for (i = 0; i < m->n; i++)
		for (k = 0; k < m->e[i].nv; k++) {
			*out = sada_grow(*out, &cap, n + 1, sizeof(**out));
			x = &(*out)[n++];
			memset(x, 0, sizeof(*x));
			x->v = m->e[i].v[k];
			sada_version_id(&x->id, &x->v);
			shown_at(m, &m->e[i], &x->v, &at);
			x->path = sada_memdup(at.p, x->len = at.len);
			if (same(x->path, x->len, m->e[i].path, m->e[i].len))
				continue;
			x->at = sada_memdup(m->e[i].path,
			    x->at_len = m->e[i].len);
			sum.moved++;
		}
	if (n > 0)
		qsort(*out, n, sizeof(**out), show_order);
	sada_buf_release(&at);
	return n;
}

static void
shows_free(struct show *x, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(x[i].path);
		free(x[i].at);
	}
	free(x);
}

/* ---- against the library ---- */

/* The versions of slot E are those of X[N] from I on; how many. */
static size_t
slot_is(const struct sada_entry *e, const struct show *x, size_t n, size_t i)
{
	const struct sada_version *v;
	size_t k;

	CHECK(e->nv > 0);
	for (k = 0; k < e->nv && i + k < n; k++) {
		v = &e->v[k];
		CHECK(same(e->path, e->len, x[i + k].path, x[i + k].len));
		CHECK(version_order(v, &x[i + k].v) == 0 &&
		    sada_register_cmp(v, &x[i + k].v) == 0);
		CHECK((v->at == NULL) == (x[i + k].at == NULL) &&
		    (v->at == NULL || same(v->at, v->at_len, x[i + k].at,
		    x[i + k].at_len)));
		sum.twins += k > 0 && version_order(v, &e->v[k - 1]) == 0;
	}
	CHECK_INT(k, e->nv);
	/* All of them. */
	CHECK(i + k == n || !same(e->path, e->len, x[i + k].path,
	    x[i + k].len));
	return k;
}

static void
entries_are(const struct sada_id *root, const struct sada_carry *c,
    const struct show *x, size_t n)
{
	struct sada_entries *s;
	struct sada_entry e;
	const char *p;
	size_t i, k, tries;
	int rc;

	must(sada_entries_open(&s, &box.ns, root, c, &err), &err);
	for (i = 0; (rc = must(sada_entries_next(s, &e, &err), &err)) > 0;
	    i += k)
		if ((k = slot_is(&e, x, n, i)) == 0)
			break;
	CHECK_INT(i, n);
	/* Either way, and on from there. */
	for (tries = 0; tries < 6; tries++) {
		p = some_path(12);
		must(sada_entries_seek(s, p, strlen(p), &err), &err);
		for (i = 0; i < n && sada_path_cmp(x[i].path, x[i].len, p,
		    strlen(p)) < 0; i++)
			continue;
		for (rc = 1; rc > 0 && tap_below(4) != 0; i += k) {
			k = 0;
			rc = must(sada_entries_next(s, &e, &err), &err);
			CHECK_INT(rc, i < n);
			if (rc == 0 || (k = slot_is(&e, x, n, i)) == 0)
				break;
		}
	}
	sada_entries_free(s);
}

struct eachs {
	const struct show *x;
	size_t i, n;
};

/* The next path that something of X is carried to. */
static int
each(const char *path, size_t len, void *ctx, struct sada_err *e)
{
	struct eachs *l = ctx;

	(void)e;
	while (l->i < l->n && l->x[l->i].at == NULL)
		l->i++;
	CHECK(l->i < l->n && same(path, len, l->x[l->i].path,
	    l->x[l->i].len));
	while (l->i < l->n && same(path, len, l->x[l->i].path,
	    l->x[l->i].len))
		l->i++;
	return 0;
}

static void
check_one(const struct model *m, const struct sada_context *past)
{
	struct sada_carry *c;
	struct sada_id root;
	struct show *x;
	struct eachs l;
	size_t n = naive(m, &x), i, moved = 0;

	for (i = 0; i < n; i++)
		moved += x[i].at != NULL;
	model_build(&box.ns, m, &root);
	must(sada_carry_new(&c, record, past, &box.ns, &root, &err), &err);
	CHECK_INT(c != NULL ? c->n : 0, moved);
	entries_are(&root, c, x, n);
	l = (struct eachs){ .x = x, .n = n };
	must(sada_carry_each(c, each, &l, &err), &err);
	while (l.i < n && x[l.i].at == NULL)
		l.i++;
	CHECK_INT(l.i, n);
	sada_carry_free(c);
	shows_free(x, n);
}

/* Small histories, with forks in some of them. */
static void
test_plain(size_t rounds)
{
	struct sada_context *past;
	struct model m;
	size_t round, i;

	for (round = 0; round < rounds; round++) {
		make_ops(2 + tap_below(40), (int)(round % 4 == 0));
		for (i = 0; i < 3; i++) {
			make_state(&past);
			make_map(&m, 1 + tap_below(30));
			check_one(&m, past);
			model_free(&m);
			free(past);
		}
		sada_log_unstage(record);
	}
}

/* More ops and dots than words have bits, and dots that most ops have. */
static void
test_wide(size_t rounds)
{
	struct sada_context *past;
	struct model m;
	size_t round;

	for (round = 0; round < rounds; round++) {
		make_ops(OPS - tap_below(60), (int)(round % 3));
		make_state(&past);
		make_map(&m, 90);
		check_one(&m, past);
		model_free(&m);
		free(past);
		sada_log_unstage(record);
	}
}

/* ---- by hand ---- */

/* An op on op PARENT, or on none if that is itself, with the N hints H. */
static const struct sada_dot *
add(size_t parent, const struct sada_hint *h, size_t n)
{
	struct op *o = &op[nop];
	int on = parent < nop;

	memset(o, 0, sizeof(*o));
	fresh_dot(&o->dot, 0);
	if (on)
		memcpy(o->past, op[parent].past, sizeof(o->past));
	o->lamport = on ? op[parent].lamport + 1 : 1;
	o->past[nop / 64] |= (uint64_t)1 << nop % 64;
	for (; o->nh < n; o->nh++)
		o->h[o->nh] = h[o->nh];
	stage(&o->id, &o->no, &o->dot, 0, &op[parent].id, (size_t)on, h, n);
	nop++;
	return &o->dot;
}

static void
put(struct model *m, const char *path, const struct sada_dot *d)
{
	struct sada_version v = { .kind = SADA_FILE, .dot = *d };

	model_set(m, path, strlen(path), &v, 1);
}

/*
 * M is shown as it should, in the state of all ops; WANT are carried, what
 * lives at FROM to TO.
 */
static void
check_all(struct model *m, long want, const char *from, const char *to)
{
	struct sada_context *past;
	uint32_t no[OPS];
	struct show *x;
	size_t i, n, found = 0;

	for (i = 0; i < nop; i++) {
		no[i] = op[i].no;
		op[i].in = 1;
	}
	sada_context_make(&past, record, no, nop);
	want += sum.moved;
	check_one(m, past);
	CHECK_INT(sum.moved, want);
	n = naive(m, &x);
	for (i = 0; i < n; i++)
		found += x[i].at != NULL && same(x[i].at, x[i].at_len, from,
		    strlen(from)) && same(x[i].path, x[i].len, to,
		    strlen(to));
	CHECK_INT(found, 1);
	shows_free(x, n);
	free(past);
	model_free(m);
	sada_log_unstage(record);
	nop = 0;
}

/* Many versions wait, of which every other one knows of the move. */
static void
test_waiting(void)
{
	struct sada_hint h = hint(SADA_HINT_DIR, "d", "e");
	struct model m = { 0 };
	char path[8];

	nop = 0;
	put(&m, "e", add(0, &h, 1));
	while (nop < 200) {
		(void)snprintf(path, sizeof(path), "d/%03zu", nop);
		put(&m, path, add(nop % 2 == 0 ? 0 : nop, NULL, 0));
	}
	check_all(&m, 100, "d/001", "e/001");
}

/* One version arrives from several slots. */
static void
test_arrivals(void)
{
	struct sada_hint h[3] = { hint(SADA_HINT_FILE, "a", "c"),
	    hint(SADA_HINT_FILE, "b", "c"), hint(SADA_HINT_FILE, "d", "c") };
	struct model m = { 0 };

	nop = 0;
	put(&m, "c", add(0, h, 3));
	put(&m, "d", add(nop, NULL, 0));
	put(&m, "a", &op[1].dot);
	put(&m, "b", &op[1].dot);
	check_all(&m, 3, "b", "c");
}

/* One op moves a to b, one b to c: only who knows of the first moves a on. */
static void
test_next_step(int knowing)
{
	struct sada_hint first = hint(SADA_HINT_FILE, "a", "b");
	struct sada_hint other = hint(SADA_HINT_FILE, "x", "y");
	struct sada_hint next = hint(SADA_HINT_FILE, "b", "c");
	struct model m = { 0 };

	nop = 0;
	put(&m, "b", add(0, &first, 1));
	(void)add(knowing ? 0 : nop, &other, 1);
	put(&m, "c", add(1, &next, 1));
	put(&m, "a", add(nop, NULL, 0));
	/* What does not know of b as it is moves that. */
	check_all(&m, knowing ? 1 : 2, "a", knowing ? "c" : "b");
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS");
	size_t n = s != NULL && *s != '\0' ? strtoul(s, NULL, 0) : ROUNDS;

	tap_seed(20261130);
	carry_open();
	make_paths();
	test_waiting();
	test_arrivals();
	test_next_step(0);
	test_next_step(1);
	test_plain(n);
	test_wide(n / WIDE + 3);
	printf("# %ld moved, %ld of them far, %ld at no path, %ld not to be "
	    "shown, %ld twins; dots: %ld forked, %ld flooded, %ld of no op\n",
	    sum.moved, sum.far, sum.ends, sum.idle, sum.twins, sum.forked,
	    sum.flooded, sum.dotless);
	CHECK(n < ENOUGH || (sum.moved > 0 && sum.far > 0 && sum.ends > 0 &&
	    sum.idle > 0 && sum.twins > 0 && sum.forked > 0 &&
	    sum.flooded > 0 && sum.dotless > 0));
	carry_close();
	return tap_done();
}
