/*
 * Sweeping: what is marked stays and the rest goes, but not before the next
 * writer has seen that what took over is whole.
 */
#include "store_sweep_util.h"

#define MAX 64			/* objects of a test */

/* ---- marks ---- */

struct in_pack {
	char has[MAX];
};

/*
 * NPACK packs with objects out of K; some have the same ones, since each was
 * filled by one who knew of no other.
 */
static void
put_random(int dfd, const struct known *k, size_t n, struct in_pack *in,
    size_t npack)
{
	struct sada_store *s[6];
	struct known some[MAX];
	struct sada_err err;
	size_t p, i, m;

	for (p = 0; p < npack; p++)
		s[p] = must_open(dfd, SADA_STORE_WRITE);
	for (p = 0; p < npack; p++) {
		m = 0;
		for (i = 0; i < n; i++) {
			in[p].has[i] = (char)(i % npack == p ||
			    tap_below(4) == 0);
			if (in[p].has[i])
				some[m++] = k[i];
		}
		must(known_commit(s[p], some, m, &err), &err);
	}
	for (p = 0; p < npack; p++)
		sada_store_free(s[p]);
}

/* What is not marked, in all packs. */
static void
count_dead(const struct known *k, const char *live, size_t n,
    const struct in_pack *in, size_t npack, struct sada_sweep_stat *st)
{
	size_t p, i;

	memset(st, 0, sizeof(*st));
	for (p = 0; p < npack; p++)
		for (i = 0; i < n; i++)
			if (in[p].has[i] && !live[i]) {
				st->objects++;
				st->bytes += k[i].b.len;
			}
}

static void
one_round(struct known *k, size_t n, size_t npack, unsigned part)
{
	struct in_pack in[6];
	struct sada_sweep_stat want, st;
	struct sada_store *s, *before;
	struct sada_sweep *w;
	struct sada_err err;
	char path[64], live[MAX];
	int dfd = dir_new(path), anew, some = 0;
	uint64_t all = 0;
	size_t i;

	memset(in, 0, sizeof(in));
	put_random(dfd, k, n, in, npack);
	before = must_open(dfd, 0);
	s = must_open(dfd, SADA_STORE_WRITE);
	must(sada_sweep_new(&w, s, &err), &err);
	for (i = 0; i < n; i++) {
		all += k[i].b.len;
		live[i] = (char)(tap_below(100) < part);
		some |= live[i];
		if (!live[i])
			continue;
		CHECK_INT(sada_sweep_mark(w, k[i].type, &k[i].id),
		    SADA_SWEEP_NEW);
		CHECK_INT(sada_sweep_mark(w, k[i].type, &k[i].id),
		    SADA_SWEEP_OLD);
		CHECK_INT(sada_sweep_mark(w, k[i].type % 4 + 1, &k[i].id),
		    SADA_SWEEP_NONE);
	}
	count_dead(k, live, n, in, npack, &want);
	CHECK_INT(sada_sweep_commit(w, SADA_SWEEP_DRY, &st, &err), 0);
	CHECK_INT(st.objects, want.objects);
	CHECK_INT(st.bytes, want.bytes);
	CHECK_INT(st.packs_old + st.packs_new + st.size_old + st.size_new, 0);
	sada_sweep_free(w);
	CHECK_INT(dir_count(dfd, ".pack", NULL), npack);

	CHECK_INT(sweep_in(s, k, live, n, 0, &st, &err), 0);
	CHECK_INT(st.objects, want.objects);
	CHECK_INT(st.bytes, want.bytes);
	anew = some && (npack > 1 || want.bytes >= all / 8 + 1);
	CHECK_INT(st.packs_old, anew ? npack : 0);
	CHECK_INT(st.packs_new, anew);
	/* Nothing is away yet, but nothing may rely on what will be. */
	for (i = 0; i < n; i++) {
		CHECK_INT(known_get(s, &k[i]), 0);
		CHECK_INT(sada_store_has(s, k[i].type, &k[i].id),
		    !anew || live[i]);
	}
	sada_store_free(s);
	CHECK_INT(dir_count(dfd, "swept", NULL), anew);
	s = must_open(dfd, 0);
	for (i = 0; i < n; i++) {
		CHECK_INT(known_get(s, &k[i]), 0);
		CHECK_INT(sada_store_has(s, k[i].type, &k[i].id),
		    !anew || live[i]);
	}
	next_writer(dfd);
	judge(dfd, k, live, n, anew);
	judge_clean(dfd, anew ? 1 : (int)npack);
	/* Who had them open still has them. */
	CHECK_INT(sada_store_refresh(before, &err), 0);
	for (i = 0; i < n; i++) {
		CHECK_INT(known_get(s, &k[i]), 0);
		CHECK_INT(known_get(before, &k[i]), 0);
	}
	sada_store_free(before);
	sada_store_free(s);
	/* And again: there is nothing left to do. */
	if (anew) {
		st = sweep(dfd, k, live, n);
		CHECK_INT(st.objects + st.packs_old + st.packs_new, 0);
		judge(dfd, k, live, n, 1);
		judge_clean(dfd, 1);
	}
	dir_end(dfd, path);
}

static void
test_marks(void)
{
	struct known k[MAX];
	size_t n, i, round;

	for (round = 0; round < 48; round++) {
		int large = round % 8 == 0;

		n = 8 + tap_below(large ? 10 : MAX - 8);
		for (i = 0; i < n; i++)
			known_make(&k[i], 100 + round, i, large ? 40000 +
			    tap_below(200000) : tap_below(3000));
		one_round(k, n, 1 + tap_below(5), round % 4 == 1 ? 95 :
		    round % 4 == 2 ? 10 : 60);
		known_free(k, n);
	}
	/* Large objects alone are blocks that are copied as they stand. */
	for (i = 0; i < 8; i++)
		known_make(&k[i], 99, i, 300000);
	for (round = 0; round < 3; round++)
		one_round(k, 8, 1 + round, 50);
	known_free(k, 8);
}

/* ---- nothing to do ---- */

static void
test_nothing(void)
{
	char path[64], live[8];
	struct sada_sweep_stat st;
	struct known k[8];
	struct dump d;
	int dfd = dir_new(path);
	size_t i;

	for (i = 0; i < 8; i++)
		known_make(&k[i], 21, i, 500);
	/* An empty store. */
	memset(live, 1, sizeof(live));
	st = sweep(dfd, k, live, 8);
	CHECK_INT(st.objects + st.packs_old, 0);
	CHECK_INT(dir_count(dfd, "", NULL), 2);
	/* One pack of which all lives. */
	put_pack(dfd, k, 8);
	dump_take(&d, dfd);
	st = sweep(dfd, k, live, 8);
	CHECK_INT(st.objects + st.bytes + st.packs_old + st.packs_new, 0);
	CHECK(dump_same(&d, dfd));
	/* One pack of which nothing does; then two. */
	memset(live, 0, sizeof(live));
	st = sweep(dfd, k, live, 8);
	CHECK_INT(st.objects, 8);
	CHECK_INT(st.packs_old + st.packs_new, 0);
	CHECK(dump_same(&d, dfd));
	dump_free(&d);
	known_free(k, 8);
	for (i = 0; i < 8; i++)
		known_make(&k[i], 22, i, 500);
	put_pack(dfd, k, 8);
	dump_take(&d, dfd);
	st = sweep(dfd, k, live, 8);
	CHECK_INT(st.objects, 16);
	CHECK_INT(st.packs_old + st.packs_new, 0);
	CHECK(dump_same(&d, dfd));
	dump_free(&d);
	known_free(k, 8);
	dir_end(dfd, path);
}

/* ---- by the store that made the packs ---- */

/*
 * As many packs as there may be of a size, in no order of names: one more
 * would fold them, and what is dead would be taken in.  Then a second sweep
 * through the same store, before anybody has unlinked anything.
 */
static void
test_same_store(void)
{
	char path[64], live[14];
	struct sada_sweep_stat st;
	struct sada_store *s;
	struct sada_err err;
	struct known k[14];
	int dfd = dir_new(path), round;
	size_t i;

	for (i = 0; i < 14; i++) {
		known_make(&k[i], 25, i, 300);
		live[i] = i % 2 == 0;
	}
	s = must_open(dfd, SADA_STORE_WRITE);
	for (i = 0; i < 14; i += 2)
		must(known_commit(s, k + i, 2, &err), &err);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 7);
	CHECK_INT(sweep_in(s, k, live, 14, 0, &st, &err), 0);
	CHECK_INT(st.packs_old, 7);
	for (round = 0; round < 2; round++) {
		/* The second list is instead of the first. */
		for (i = 0; i < 14; i++)
			if (live[i] || round == 0)
				CHECK_INT(sada_store_has(s, k[i].type,
				    &k[i].id), live[i]);
		judge(dfd, k, live, 14, 0);
		/* Fewer live. */
		for (i = 0; i < 14 && round == 0; i++)
			live[i] = i % 4 == 0;
		if (round == 0)
			CHECK_INT(sweep_in(s, k, live, 14, 0, &st, &err), 0);
	}
	sada_store_free(s);
	next_writer(dfd);
	judge(dfd, k, live, 14, 0);
	/* What is left of the first sweep goes with one more. */
	(void)sweep(dfd, k, live, 14);
	judge(dfd, k, live, 14, 0);
	next_writer(dfd);
	judge(dfd, k, live, 14, 1);
	judge_clean(dfd, 1);
	known_free(k, 14);
	dir_end(dfd, path);
}

/* ---- packs wholly dead ---- */

/* Beside one that comes out as it was, and must not go for that. */
static void
test_dead_pack(void)
{
	char path[64], live[8] = { 1, 1, 1, 1, 0, 0, 0, 0 };
	struct sada_sweep_stat st;
	struct known k[8];
	struct dump d, e;
	const struct file *f;
	int dfd = dir_new(path);
	size_t i;

	for (i = 0; i < 8; i++)
		known_make(&k[i], 23, i, 500);
	put_pack(dfd, k, 4);
	dump_take(&d, dfd);
	f = dump_new(&d, NULL);
	put_pack(dfd, k + 4, 2);
	put_pack(dfd, k + 6, 2);
	st = sweep(dfd, k, live, 8);
	CHECK_INT(st.objects, 4);
	CHECK_INT(st.packs_old, 3);
	CHECK_INT(st.packs_new, 1);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 3);
	judge(dfd, k, NULL, 8, 0);
	next_writer(dfd);
	judge(dfd, k, live, 8, 1);
	judge_clean(dfd, 1);
	dump_take(&e, dfd);
	CHECK_STR(dump_new(&e, NULL)->name, f->name);
	dump_free(&d);
	dump_free(&e);
	known_free(k, 8);
	dir_end(dfd, path);
}

/*
 * A pack that is too large to be put together with others, all alive, and a
 * small one that is dead: the list must name a pack that took over.
 */
static void
test_large(void)
{
	const size_t each = (size_t)1 << 20, n = 130;
	struct sada_sweep_stat st;
	struct sada_store *s;
	struct sada_sweep *w;
	struct sada_txn *t;
	struct sada_err err;
	struct sada_id id[130];
	struct sada_buf b = { 0 };
	struct known k;
	struct sada_buf got = { 0 };
	char path[64];
	int dfd = dir_new(path);
	size_t i, j;

	known_make(&k, 24, 0, 500);
	put_pack(dfd, &k, 1);
	s = must_open(dfd, SADA_STORE_WRITE);
	must(sada_txn_begin(&t, s, &err), &err);
	for (i = 0; i < n; i++) {
		sada_buf_reset(&b);
		for (j = 0; j < each / 8; j++)
			sada_put_u64(&b, tap_rand());
		must(sada_txn_put(t, SADA_OBJ_CHUNK, b.p, b.len, &id[i],
		    &err), &err);
	}
	must(sada_txn_commit(t, &err), &err);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 2);
	must(sada_sweep_new(&w, s, &err), &err);
	for (i = 0; i < n; i++)
		CHECK_INT(sada_sweep_mark(w, SADA_OBJ_CHUNK, &id[i]),
		    SADA_SWEEP_NEW);
	CHECK_INT(sada_sweep_commit(w, 0, &st, &err), 0);
	CHECK_INT(st.objects, 1);
	CHECK_INT(st.packs_new, 1);
	sada_sweep_free(w);
	sada_store_free(s);
	next_writer(dfd);
	judge(dfd, &k, "", 1, 1);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 1);
	CHECK_INT(dir_count(dfd, "", NULL), 4);
	s = must_open(dfd, 0);
	for (i = 0; i < n; i++) {
		sada_buf_reset(&got);
		CHECK_INT(sada_store_get(s, SADA_OBJ_CHUNK, &id[i], &got,
		    &err), 0);
	}
	sada_store_free(s);
	sada_buf_release(&got);
	sada_buf_release(&b);
	known_free(&k, 1);
	dir_end(dfd, path);
}

/* ---- the list ---- */

/* The list is the N bytes at P, which is none: all stays. */
static void
no_list(struct swept *x, const unsigned char *p, size_t n)
{
	file_save(x->dfd, "swept", p, n);
	judge(x->dfd, x->k, NULL, 12, 0);
	next_writer(x->dfd);
	CHECK(all_there(&x->before, x->dfd));
	CHECK_INT(dir_count(x->dfd, "swept", NULL), 0);
	judge(x->dfd, x->k, NULL, 12, 0);
}

static void
rehash(struct sada_buf *b)
{
	struct sada_id h;

	sada_hash(&h, SADA_CTX_FILE, b->p, b->len - SADA_ID_LEN);
	memcpy(b->p + b->len - SADA_ID_LEN, h.b, SADA_ID_LEN);
}

static void
test_list(void)
{
	struct swept x;
	struct sada_buf b = { 0 };
	size_t i;

	swept_new(&x, 31);
	file_load(x.dfd, "swept", &b);
	CHECK_INT(b.len, 16 + 4 * 16 + SADA_ID_LEN);
	for (i = 0; i < b.len; i++) {
		no_list(&x, b.p, i);
		b.p[i] ^= (unsigned char)(1u << tap_below(8));
		no_list(&x, b.p, b.len);
		b.p[i] = dump_find(&x.after, "swept")->b.p[i];
	}
	sada_put_u8(&b, 0);
	no_list(&x, b.p, b.len);
	b.len--;
	/* Hashed well, but it names no new pack, or more than there are. */
	memset(b.p + 8, 0, 4);
	b.p[12] = 4;
	rehash(&b);
	no_list(&x, b.p, b.len);
	for (i = 8; i < 16; i++) {
		memcpy(b.p, dump_find(&x.after, "swept")->b.p, b.len);
		b.p[i] = 0xff;
		rehash(&b);
		no_list(&x, b.p, b.len);
	}
	/* A new pack that nobody has. */
	memcpy(b.p, dump_find(&x.after, "swept")->b.p, b.len);
	b.p[16] ^= 1;
	rehash(&b);
	no_list(&x, b.p, b.len);
	/* Whole, and by then it holds. */
	file_save(x.dfd, "swept", dump_find(&x.after, "swept")->b.p, b.len);
	next_writer(x.dfd);
	judge(x.dfd, x.k, x.live, 12, 1);
	judge_clean(x.dfd, 1);
	sada_buf_release(&b);
	swept_end(&x);
}

/* ---- the new pack ---- */

/* The new pack is not what it was: a reader, a writer, the next sweep. */
static void
no_pack(struct swept *x)
{
	struct sada_store *s;
	size_t i;

	judge(x->dfd, x->k, NULL, 12, 0);
	s = must_open(x->dfd, SADA_STORE_WRITE);
	for (i = 0; i < 12; i++)
		CHECK(sada_store_has(s, x->k[i].type, &x->k[i].id));
	sada_store_free(s);
	CHECK(all_there(&x->before, x->dfd));
	CHECK_INT(dir_count(x->dfd, "swept", NULL), 0);
	judge(x->dfd, x->k, NULL, 12, 0);
	(void)sweep(x->dfd, x->k, x->live, 12);
	judge(x->dfd, x->k, x->live, 12, 0);
	next_writer(x->dfd);
	judge(x->dfd, x->k, x->live, 12, 0);
	dump_back(&x->after, x->dfd);
}

static void
test_new_pack(void)
{
	struct swept x;
	const struct file *f;
	struct sada_buf b = { 0 };
	size_t i, step;

	swept_new(&x, 32);
	f = dump_new(&x.after, &x.before);
	sada_buf_add(&b, f->b.p, f->b.len);
	step = f->b.len / 40 + 1;
	for (i = 0; i < b.len; i += i < 60 || i + 60 > b.len ? 7 : step) {
		b.p[i] ^= 0x20;
		file_save(x.dfd, f->name, b.p, b.len);
		no_pack(&x);
		b.p[i] ^= 0x20;
		file_save(x.dfd, f->name, b.p, i);
		no_pack(&x);
	}
	CHECK_INT(unlinkat(x.dfd, f->name, 0), 0);
	no_pack(&x);
	/* Without its index it is whole. */
	CHECK_INT(dir_drop(x.dfd, ".idx"), 4);
	judge(x.dfd, x.k, NULL, 12, 0);
	next_writer(x.dfd);
	judge(x.dfd, x.k, x.live, 12, 1);
	judge_clean(x.dfd, 1);
	sada_buf_release(&b);
	swept_end(&x);
}

/* ---- damage before the sweep ---- */

/*
 * One byte of one of three packs is bad.  WHERE counts from the start, or
 * from the end below 0.  The pack stays, and the others are swept, unless
 * only what was not marked is LOST.
 */
static void
one_damaged(long where, int lost)
{
	char path[64], live[12];
	struct known k[12];
	struct sada_store *s;
	struct sada_buf b = { 0 };
	struct dump d;
	const struct file *f;
	int dfd = dir_new(path), was[12], round;
	size_t i;

	for (i = 0; i < 12; i++) {
		known_make(&k[i], 61, i, 300);
		live[i] = i % 4 != 0;
	}
	put_pack(dfd, k, 4);
	dump_take(&d, dfd);
	f = dump_new(&d, NULL);
	put_pack(dfd, k + 4, 4);
	put_pack(dfd, k + 8, 4);
	sada_buf_add(&b, f->b.p, f->b.len);
	b.p[where < 0 ? (size_t)((long)b.len + where) : (size_t)where] ^= 8;
	file_save(dfd, f->name, b.p, b.len);
	s = must_open(dfd, 0);
	for (i = 0; i < 12; i++)
		was[i] = known_get(s, &k[i]);
	sada_store_free(s);
	for (round = 0; round < 2; round++) {
		(void)sweep(dfd, k, live, 12);
		next_writer(dfd);
		s = must_open(dfd, 0);
		for (i = 0; i < 12; i++)
			if (live[i])
				CHECK_INT(known_get(s, &k[i]), was[i]);
			else if (i >= 4)
				CHECK_INT(known_get(s, &k[i]), SADA_NOTFOUND);
		sada_store_free(s);
		CHECK_INT(dir_count(dfd, f->name, NULL), !lost);
		CHECK_INT(dir_count(dfd, "swept", NULL), 0);
	}
	sada_buf_release(&b);
	dump_free(&d);
	known_free(k, 12);
	dir_end(dfd, path);
}

static void
test_damaged(void)
{
	static const long where[] = { 0, 9, 20, 70, 1000, -1, -40, -60 };
	size_t i;

	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		one_damaged(where[i], where[i] == 70);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261129);
	test_marks();
	test_nothing();
	test_same_store();
	test_dead_pack();
	test_large();
	test_list();
	test_new_pack();
	test_damaged();
	return tap_done();
}
