/* Contexts against a naive reachability matrix, on random histories. */
#include "log_util.h"

#define N 90

/* What the test knows of the history. */
static struct {
	struct kit_op op[N];
	int author[N], prev[N];		/* prev: -1 none */
	int par[N][8], npar[N];
	unsigned char past[N][N];	/* past[i][j]: j is in the past of i */
	uint64_t lamport[N];
} h;

/* Make op I with random parents and, now and then, a fork. */
static void
grow(struct kit *k, struct sada_log *l, struct sada_buf *b, int i)
{
	struct sada_id ids[8];
	int j, m, p, same[N], nsame = 0, want = (int)tap_below(4);

	(void)l;
	h.author[i] = (int)tap_below(KIT_KEYS);
	h.npar[i] = 0;
	h.lamport[i] = 0;
	memset(h.past[i], 0, sizeof(h.past[i]));
	for (j = 0; i > 0 && j < want; j++) {
		p = (int)tap_below((size_t)i);
		if (tap_below(3) > 0 && i > 6)
			p = i - 1 - (int)tap_below(6);
		for (m = 0; m < h.npar[i]; m++)
			if (h.par[i][m] == p)
				break;
		if (m < h.npar[i])
			continue;
		h.par[i][h.npar[i]++] = p;
		h.past[i][p] = 1;
		for (m = 0; m < i; m++)
			h.past[i][m] |= h.past[p][m];
		if (h.lamport[p] > h.lamport[i])
			h.lamport[i] = h.lamport[p];
	}
	h.lamport[i]++;
	h.past[i][i] = 1;
	for (j = 0; j < i; j++)
		if (h.author[j] == h.author[i])
			same[nsame++] = j;
	h.prev[i] = nsame > 0 && tap_below(8) > 0 ?
	    same[tap_below(4) > 0 ? (size_t)nsame - 1 :
	    tap_below((size_t)nsame)] : -1;
	for (j = 0; j < h.npar[i]; j++)
		ids[j] = h.op[h.par[i][j]].id;
	kit_op(k, b, &h.op[i], h.author[i], tap_rand() % 3, h.prev[i] >= 0 ?
	    &h.op[h.prev[i]] : NULL, ids, (size_t)h.npar[i], "");
}

static void
check_heads(const struct sada_log *l, const struct sada_context *c,
    const unsigned char *in)
{
	uint32_t *v, last = 0;
	size_t n, i;
	int j, m, want[N], count = 0, ok = 1;

	for (j = 0; j < N; j++) {
		want[j] = in[j];
		for (m = 0; m < N; m++)
			if (in[m] && m != j && h.past[m][j])
				want[j] = 0;
		count += want[j];
	}
	sada_context_heads(&v, &n, l, c);
	CHECK_INT(n, count);
	for (i = 0; i < n; i++) {
		ok &= want[v[i]];
		if (i > 0)
			ok &= sada_id_cmp(&h.op[v[i - 1]].id,
			    &h.op[v[i]].id) < 0;
	}
	CHECK(ok);
	free(v);

	for (count = 0, j = 0; j < N; j++) {
		want[j] = in[j];
		for (m = 0; m < N; m++)
			if (in[m] && h.prev[m] == j)
				want[j] = 0;
		count += want[j];
	}
	sada_log_tips(&v, &n, l, c);
	CHECK_INT(n, count);
	for (i = 0, ok = 1; i < n; i++) {
		ok &= want[v[i]] && (i == 0 || v[i] > last);
		last = v[i];
	}
	CHECK(ok);
	free(v);
}

static void
check_context(const struct sada_log *l, const struct sada_context *c,
    const unsigned char *in)
{
	struct sada_dot d;
	int j, ok = 1, seen = 1, lam = 1;

	for (j = 0; j < N; j++) {
		ok &= sada_context_has(c, (uint32_t)j) == in[j];
		d = h.op[j].dot;
		seen &= sada_context_seen(l, c, &d) == in[j];
		lam &= sada_context_lamport(l, c, &d) ==
		    (in[j] ? h.lamport[j] : 0);
		lam &= sada_context_lamport(l, NULL, &d) == h.lamport[j];
		d.tag ^= 1;
		seen &= !sada_context_seen(l, c, &d);
		lam &= sada_context_lamport(l, c, &d) == 0;
	}
	CHECK(ok);
	CHECK(seen);
	CHECK(lam);
	CHECK(!sada_context_has(c, N));
	check_heads(l, c, in);
}

static void
pick(struct sada_context **c, unsigned char *in, const struct sada_log *l)
{
	uint32_t v[5];
	size_t n = tap_below(5), i;
	int j;

	memset(in, 0, N);
	for (i = 0; i < n; i++) {
		v[i] = (uint32_t)tap_below(N);
		for (j = 0; j < N; j++)
			in[j] |= h.past[v[i]][j];
	}
	sada_context_make(c, l, v, n);
}

static void
test_random(struct kit *k)
{
	unsigned char ina[N], inb[N], in[N];
	struct sada_context *a, *b;
	struct sada_log *l = NULL;
	struct sada_buf p = { 0 };
	struct sada_err err;
	int i, j, round, batch;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	for (i = 0; i < N;) {
		sada_buf_reset(&p);
		batch = 1 + (int)tap_below(20);
		for (j = 0; j < batch && i < N; j++, i++)
			grow(k, l, &p, i);
		CHECK_INT(sada_log_commit(l, SADA_FRAME_PULLED, &p,
		    (uint32_t)j, &err), 0);
	}
	if (tap_below(2) == 0) {
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, 0, &err), 0);
	}
	for (i = 0; i < N; i++) {
		CHECK_INT(sada_log_op(l, (uint32_t)i)->nparents, h.npar[i]);
		CHECK_INT(sada_log_op(l, (uint32_t)i)->lamport, h.lamport[i]);
		for (j = 1; j < h.npar[i]; j++)
			CHECK(sada_log_op(l, (uint32_t)i)->parents[j - 1] <
			    sada_log_op(l, (uint32_t)i)->parents[j]);
	}
	memset(in, 1, N);
	check_heads(l, NULL, in);
	for (round = 0; round < 20; round++) {
		pick(&a, ina, l);
		pick(&b, inb, l);
		check_context(l, a, ina);
		if (round % 2 == 0) {
			sada_context_or(a, b);
			for (j = 0; j < N; j++)
				ina[j] |= inb[j];
		} else {
			sada_context_and(a, b);
			for (j = 0; j < N; j++)
				ina[j] &= inb[j];
		}
		check_context(l, a, ina);
		free(a);
		free(b);
	}
	sada_log_free(l);
	sada_buf_release(&p);
}

/* Two ops with one whole dot: the higher lamport, seen by either. */
static void
test_same_dot(struct kit *k)
{
	struct kit_op x, y, z;
	struct sada_context *c;
	struct sada_log *l = NULL;
	struct sada_buf p = { 0 };
	struct sada_err err;
	uint64_t seed = tap_rand();
	uint32_t i, at[2];

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	kit_op(k, &p, &x, 1, 1, NULL, NULL, 0, "");
	tap.rand = seed;
	kit_op(k, &p, &y, 2, 1, NULL, NULL, 0, "one");
	tap.rand = seed;
	kit_op(k, &p, &z, 2, 1, NULL, &x.id, 1, "two");
	CHECK(sada_dot_cmp(&y.dot, &z.dot) == 0);
	CHECK_INT(sada_log_commit(l, SADA_FRAME_PULLED, &p, 3, &err), 0);
	CHECK_INT(sada_context_lamport(l, NULL, &y.dot), 2);
	CHECK_INT(sada_context_ops(l, NULL, &y.dot, at, 1), 2);
	i = 1;
	sada_context_make(&c, l, &i, 1);
	CHECK_INT(sada_context_ops(l, c, &y.dot, at, 2), 1);
	CHECK_INT(at[0], 1);
	z.dot.tag ^= 1;
	CHECK_INT(sada_context_ops(l, NULL, &z.dot, at, 2), 0);
	z.dot.tag ^= 1;
	CHECK(sada_context_seen(l, c, &z.dot));
	CHECK(!sada_context_seen_all(l, c, NULL, &z.dot));
	CHECK(sada_context_seen_all(l, c, c, &z.dot));
	CHECK(sada_context_seen_all(l, NULL, NULL, &z.dot));
	CHECK_INT(sada_context_lamport(l, c, &z.dot), 1);
	free(c);
	i = 0;
	sada_context_make(&c, l, &i, 1);
	CHECK(!sada_context_seen(l, c, &z.dot));
	CHECK(!sada_context_seen_all(l, c, c, &z.dot));
	CHECK_INT(sada_context_lamport(l, c, &z.dot), 0);
	free(c);
	sada_log_free(l);
	sada_buf_release(&p);
}

int
main(void)
{
	struct kit k;
	int i;

	tap_seed(2);
	kit_init(&k);
	for (i = 0; i < 30; i++)
		test_random(&k);
	test_same_dot(&k);
	kit_release(&k);
	return tap_done();
}
