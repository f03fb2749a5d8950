/*
 * gc in histories of replicas in memory: what must be there after it by a
 * naive model, and by a twin that was left alone.
 */
#include "verb_gc_util.h"

/* ---- a naive model of one replica ---- */

#define TEXTS 24
#define PATHS 6
#define STATES 48

static const char *const ages[] = { "0", "4h", "12h", "2d", "1w", "1y",
	NULL };
static const int64_t age_hours[] = { 0, 4, 12, 48, 168, 8760, -1 };
#define AGES (sizeof(ages) / sizeof(ages[0]))

/* What a state shows: a text's number at each path, or -1. */
struct state {
	int64_t at;
	int shows[PATHS];
	char op[SADA_VERB_HEX];
};
struct naive {
	struct state st[STATES];
	size_t n;
	int now[PATHS];			/* the directory */
	char stored[TEXTS];
	int64_t clock;
	char text[TEXTS][1600];
};

/*
 * How long before the last state number I came, where no pause counts as
 * more than a quarter of AGE.
 */
static int64_t
old_by(const int64_t *at, size_t n, size_t i, int64_t age)
{
	int64_t sum = 0, gap;

	for (; i + 1 < n; i++) {
		gap = at[i + 1] - at[i];
		sum += gap < 0 ? 0 : gap < age / 4 ? gap : age / 4;
	}
	return sum;
}

/* Was state I of N in force within AGE (< 0: of course)? */
static int
in_window(const int64_t *at, size_t n, size_t i, int64_t age)
{
	return age < 0 || i + 1 >= n || old_by(at, n, i + 1, age) < age;
}

static void
naive_text(struct naive *m, unsigned t)
{
	size_t i, n = 20 + tap_below(sizeof(m->text[t]) - 30);

	n = (size_t)snprintf(m->text[t], 20, "number %u ", t) + n - 20;
	for (i = strlen(m->text[t]); i < n; i++)
		m->text[t][i] = (char)('a' + tap_below(26));
	m->text[t][n] = '\0';
}

static void
naive_edit(struct naive *m)
{
	char path[8];
	unsigned p;
	size_t i, n = 1 + tap_below(3);

	for (i = 0; i < n; i++) {
		p = (unsigned)tap_below(PATHS);
		(void)snprintf(path, sizeof(path), "p%u", p);
		m->now[p] = (int)tap_below(TEXTS + 3);
		if (m->now[p] >= TEXTS)
			m->now[p] = -1;
		put(root[0], path, m->now[p] < 0 ? NULL :
		    m->text[m->now[p]]);
	}
}

static void
naive_snap(struct naive *m)
{
	struct state *s = &m->st[m->n];
	int64_t by = (int64_t)tap_below(tap_below(3) == 0 ? 200 : 6) * HOUR +
	    MINUTE;
	size_t i;

	if (tap_below(12) == 0)
		by += tap_below(2) == 0 ? 10 * YEAR : -10 * YEAR;
	m->clock += by;
	memfs_clock_add(by);
	naive_edit(m);
	snap(root[0], s->op);
	if (s->op[0] == '\0')
		return;
	s->at = m->clock;
	memcpy(s->shows, m->now, sizeof(s->shows));
	m->n++;
	for (i = 0; i < PATHS; i++)
		if (m->now[i] >= 0)
			m->stored[m->now[i]] = 1;
}

/* Every state lists what it did, and has what must be there, no more. */
static void
naive_check(struct naive *m)
{
	struct sada_replica *r = open_it(root[0], 0);
	char path[8], hex[SADA_VERB_HEX];
	struct shows x;
	size_t i, p, k;
	int t;

	for (i = 0; i < m->n; i++) {
		look(r, m->st[i].op, &x);
		CHECK_INT(x.rc, 0);
		for (p = 0, k = 0; p < PATHS; p++) {
			if ((t = m->st[i].shows[p]) < 0)
				continue;
			(void)snprintf(path, sizeof(path), "p%zu", p);
			content_id(hex, m->text[t], strlen(m->text[t]));
			CHECK(k < x.n);
			CHECK_STR(x.s[k].path, path);
			CHECK_STR(x.s[k].content, hex);
			CHECK_INT(x.s[k].held, m->stored[t]);
			k++;
		}
		CHECK_INT(x.n, k);
	}
	sada_close(r);
}

static void
naive_gc(struct naive *m)
{
	size_t a = tap_below(AGES), i, p;
	struct sada_gc_result res;
	int64_t at[STATES], age = age_hours[a] * HOUR;
	char must_have[TEXTS] = { 0 };

	if (tap_below(4) == 0)
		(void)memfs_remove("/r0/.sada/states");
	res = gc(root[0], ages[a]);
	for (i = 0; i < m->n; i++)
		at[i] = m->st[i].at;
	for (i = 0; i < m->n; i++)
		for (p = 0; p < PATHS && in_window(at, m->n, i, age); p++)
			if (m->st[i].shows[p] >= 0)
				must_have[m->st[i].shows[p]] = 1;
	/* A pack with little to drop stays. */
	for (i = 0; i < TEXTS; i++)
		if (res.packs_old > 0 && m->stored[i] && ages[a] != NULL)
			m->stored[i] = must_have[i];
	naive_check(m);
}

static void
test_naive(void)
{
	static struct naive m;
	unsigned history, i;

	for (history = 0; history < 40; history++) {
		memset(&m, 0, sizeof(m));
		world_begin(100 + history, 1);
		for (i = 0; i < TEXTS; i++)
			naive_text(&m, i);
		for (i = 0; i < PATHS; i++)
			m.now[i] = -1;
		while (m.n < 24) {
			naive_snap(&m);
			if (tap_below(6) == 0)
				naive_gc(&m);
		}
		naive_gc(&m);
		world_end();
	}
}

/* ---- histories of several ---- */

#define REVS 120

/* A state that was, and must it be as it was? */
struct rev {
	char name[SADA_VERB_HEX];
	int stays;
	struct shows x;
};

struct revs {
	struct rev r[REVS];
	size_t n;
	int64_t own_at[REVS];
	size_t nown, own[REVS];		/* oldest first; numbers in R */
	const char *self;
};

static void
add_rev(struct revs *v, struct sada_replica *r, const char *name, int stays)
{
	struct rev *x = &v->r[v->n];

	assert(v->n < REVS);
	(void)snprintf(x->name, sizeof(x->name), "%s", name);
	x->stays = stays;
	look(r, name, &x->x);
	v->n += x->x.rc == 0;
}

static int
on_own(const struct sada_log_entry *e, void *ctx)
{
	struct revs *v = ctx;

	if (strcmp(e->author, v->self) == 0 && v->nown < REVS) {
		memcpy(v->r[v->nown].name, e->id, SADA_VERB_HEX);
		v->own_at[v->nown++] = e->wall_ns;
	}
	return 0;
}

/* All states that gc may meet in replica K, and which of them stay. */
static void
find_revs(struct revs *v, unsigned k, int64_t age)
{
	static char name[REVS][SADA_VERB_HEX];
	struct sada_log_opts o = { .each = on_own, .ctx = v,
	    .flags = SADA_LOG_REVERSE };
	struct sada_replica *r = open_it(root[k], 0);
	struct sada_state_line *line = NULL;
	int64_t at[REVS];
	struct sada_err err;
	char rev[80];
	size_t i, n;

	memset(v, 0, sizeof(*v));
	v->self = r->name;
	must(sada_log_show(r, &o, &err), "log", &err);
	for (i = 0; i < v->nown; i++)
		memcpy(name[i], v->r[i].name, SADA_VERB_HEX);
	for (i = 0; i < v->nown; i++)
		add_rev(v, r, name[i], in_window(v->own_at, v->nown, i, age));
	must(sada_states_read(r, &line, &n, &err), "states", &err);
	assert(n < REVS);
	for (i = 0; i < n; i++)
		at[i] = line[i].wall_ns;
	for (i = 0; i < n; i++) {
		(void)snprintf(rev, sizeof(rev), "@~%zu", n - 1 - i);
		add_rev(v, r, rev, in_window(at, n, i, age));
	}
	sada_states_free(line, n);
	add_rev(v, r, "@", 1);
	add_rev(v, r, "@+", 1);
	for (i = 0; i < 3; i++) {
		(void)snprintf(rev, sizeof(rev), "k%zu@", i);
		add_rev(v, r, rev, 1);
	}
	sada_close(r);
}

static void
check_rev(struct sada_replica *r, const struct rev *was, unsigned seed)
{
	struct shows x;
	size_t i;
	int ok;

	look(r, was->name, &x);
	CHECK_INT(x.rc, 0);
	if (!was->stays)
		return;
	ok = x.n == was->x.n;
	for (i = 0; i < x.n && ok; i++)
		ok = strcmp(x.s[i].path, was->x.s[i].path) == 0 &&
		    strcmp(x.s[i].content, was->x.s[i].content) == 0 &&
		    x.s[i].held >= was->x.s[i].held;
	if (!ok)
		printf("# history %u: %s is not what it was\n", seed,
		    was->name);
	CHECK(ok);
}

struct tree {
	struct sada_buf b;
};

static void
on_tree(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct tree *t = ctx;

	if (strncmp(name, ".sada", 5) == 0)
		return;
	sada_buf_addf(&t->b, "%s %x %o %zu ", name, kind, mode, n);
	sada_buf_add(&t->b, p, kind == S_IFDIR ? 0 : n);
}

/*
 * gc in replica K.  A twin without it, in its place, lays out the same.
 */
static void
multi_gc(unsigned k, unsigned seed)
{
	static struct revs v;
	struct tree a = { { 0 } }, b = { { 0 } };
	size_t g = tap_below(AGES), i;
	struct sada_replica *r;
	char twin[8];

	find_revs(&v, k, age_hours[g] * HOUR);
	(void)snprintf(twin, sizeof(twin), "/t%c", root[k][2]);
	CHECK_INT(memfs_copy(root[k], twin, MEMFS_SAME), 0);
	(void)gc(root[k], ages[g]);
	r = open_it(root[k], 0);
	for (i = 0; i < v.n; i++)
		check_rev(r, &v.r[i], seed);
	sada_close(r);
	if (tap_below(2) == 0) {
		(void)merge(root[k]);
		(void)merge(twin);
		memfs_walk(root[k], on_tree, &a);
		memfs_walk(twin, on_tree, &b);
		if (a.b.len != b.b.len)
			printf("# history %u: the twin differs\n", seed);
		CHECK(a.b.len == b.b.len &&
		    memcmp(a.b.p, b.b.p, a.b.len) == 0);
		sada_buf_release(&a.b);
		sada_buf_release(&b.b);
	}
	(void)memfs_remove(twin);
}

static void
multi_edit(unsigned k)
{
	static const char *const paths[] = { "a", "b", "d/c", "d/e" };
	char t[300], dir[16];
	size_t i, n = 0;

	(void)snprintf(dir, sizeof(dir), "%s/d", root[k]);
	if (memfs_kind(dir) != S_IFDIR)
		(void)memfs_mkdir(dir, 0755);
	/* Lines of a common text, one of which differs. */
	for (i = 0; i < 7; i++)
		n += (size_t)snprintf(t + n, sizeof(t) - n, "line %zu %zu\n",
		    i, i % 3 == 0 ? tap_below(3) : 0);
	put(root[k], paths[tap_below(4)], tap_below(7) == 0 ? NULL : t);
}

static void
multi_history(unsigned seed)
{
	unsigned n = 2 + seed % 2, i, k, l;

	world_begin(seed, n);
	for (i = 0; i < 22; i++) {
		k = (unsigned)tap_below(n);
		memfs_clock_add((int64_t)tap_below(30) * HOUR + MINUTE);
		switch (tap_below(6)) {
		case 0:
		case 1:
			multi_edit(k);
			snap(root[k], NULL);
			break;
		case 2:
		case 3:
			l = (k + 1 + (unsigned)tap_below(n - 1)) % n;
			send(k, l);
			if (tap_below(2) == 0)
				(void)merge(root[l]);
			break;
		case 4:
			(void)merge(root[k]);
			break;
		default:
			multi_gc(k, seed);
			break;
		}
	}
	for (k = 0; k < n; k++)
		multi_gc(k, seed);
	world_end();
}

static void
test_multi(void)
{
	unsigned i;

	for (i = 0; i < 40; i++)
		multi_history(1000 + i);
}

int
main(void)
{
	tap_seed(20261202);
	test_naive();
	test_multi();
	return tap_done();
}
