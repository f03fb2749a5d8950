/* Transactions: fills of several threads, gets under way, foreign blocks. */
#include <pthread.h>

#include "format/pack.h"
#include "store/zst.h"
#include "store_util.h"

#define N 300
#define THREADS 4

static struct sada_store *
must_open(int dfd)
{
	struct sada_store *s;
	struct sada_err err;

	if (sada_store_open(&s, dfd, SADA_STORE_WRITE, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	return s;
}

struct job {
	struct sada_txn *t;
	const struct known *k;
	uint64_t seed;
	int bad;
};

/* Put all objects in an order of one's own, and get some back. */
static void *
put_all(void *ctx)
{
	struct job *j = ctx;
	struct sada_fill *f;
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct sada_id id;
	const struct known *k;
	size_t i, at;

	j->bad += sada_fill_new(&f, j->t, &err) != 0;
	for (i = 0; i < N; i++) {
		k = &j->k[(i * 7 + j->seed * 13) % N];
		j->bad += sada_fill_put(f, k->type, k->b.p, k->b.len, &id,
		    &err) != 0 || sada_id_cmp(&id, &k->id) != 0;
		at = (i * 5 + j->seed) % N;
		k = &j->k[at];
		sada_buf_reset(&b);
		if (!sada_txn_has(j->t, k->type, &k->id))
			continue;
		j->bad += sada_txn_get(j->t, k->type, &k->id, &b, &err) != 0 ||
		    b.len != k->b.len ||
		    (b.len > 0 && memcmp(b.p, k->b.p, b.len) != 0);
	}
	j->bad += sada_fill_end(f, &err) != 0;
	sada_buf_release(&b);
	return NULL;
}

static void
test_threads(void)
{
	struct sada_txn_stat st;
	struct sada_store *s;
	struct sada_txn *t;
	struct known k[N];
	pthread_t th[THREADS];
	struct job j[THREADS];
	struct sada_err err;
	char path[64];
	int dfd = dir_new(path);
	size_t i, raw = 0;

	for (i = 0; i < N; i++) {
		known_make(&k[i], 3, i, 10 + tap_below(40000));
		raw += k[i].b.len;
	}
	s = must_open(dfd);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	for (i = 0; i < THREADS; i++) {
		j[i] = (struct job){ t, k, i, 0 };
		CHECK(pthread_create(&th[i], NULL, put_all, &j[i]) == 0);
	}
	for (i = 0; i < THREADS; i++) {
		(void)pthread_join(th[i], NULL);
		CHECK_INT(j[i].bad, 0);
	}
	sada_txn_stat(t, &st);
	CHECK_INT(st.objects, N);
	CHECK_INT(st.raw_bytes, raw);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	for (i = 0; i < N; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	known_free(k, N);
	dir_end(dfd, path);
}

/* Maps and contents do not share a block. */
static void
test_lanes(void)
{
	struct sada_store *s;
	struct known k[40];
	struct sada_loc a, b;
	struct sada_err err;
	char path[64];
	int dfd = dir_new(path);
	size_t i, j;

	for (i = 0; i < 40; i++)
		known_make(&k[i], 4, i, 500);
	s = must_open(dfd);
	CHECK_INT(known_commit(s, k, 40, &err), 0);
	for (i = 0; i < 40; i++)
		for (j = 0; j < 40; j++) {
			CHECK(sada_store_locate(s, k[i].type, &k[i].id, &a));
			CHECK(sada_store_locate(s, k[j].type, &k[j].id, &b));
			CHECK((a.block == b.block) == ((k[i].type ==
			    SADA_OBJ_CHUNK) == (k[j].type == SADA_OBJ_CHUNK)));
		}
	sada_store_free(s);
	known_free(k, 40);
	dir_end(dfd, path);
}

static void
test_abort(void)
{
	struct sada_store *s, *o;
	struct sada_txn *t;
	struct sada_fill *f;
	struct known k[2];
	struct sada_err err;
	struct sada_id id;
	char path[64];
	int dfd = dir_new(path);
	unsigned char *big = sada_calloc(1, SADA_OBJECT_MAX);

	known_make(&k[0], 5, 0, 100);
	known_make(&k[1], 5, 1, 100);
	s = must_open(dfd);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	CHECK_INT(dir_count(dfd, "", NULL), 2);		/* . and .. */
	sada_txn_abort(NULL);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	CHECK_INT(sada_txn_put(t, 1, big, SADA_OBJECT_MAX, &id, &err), 0);
	CHECK_INT(dir_count(dfd, ".tmp-", NULL), 1);
	/* Another writer cleans up around a transaction under way. */
	o = must_open(dfd);
	CHECK_INT(dir_count(dfd, ".tmp-", NULL), 1);
	sada_store_free(o);
	CHECK_INT(sada_fill_new(&f, t, &err), 0);
	CHECK_INT(sada_fill_put(f, k[0].type, k[0].b.p, k[0].b.len, &id,
	    &err), 0);
	sada_fill_drop(f);
	CHECK_INT(sada_txn_commit(t, &err), SADA_SYS);
	CHECK_INT(dir_count(dfd, "", NULL), 2);
	/* A temp that nobody holds goes. */
	file_save(dfd, ".tmp-0123456789abcdef", "x", 1);
	file_save(dfd, "00112233445566778899aabbccddeeff.idx", "x", 1);
	o = must_open(dfd);
	CHECK_INT(dir_count(dfd, "", NULL), 2);
	sada_store_free(o);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	CHECK_INT(sada_txn_put(t, 1, big, SADA_OBJECT_MAX, &id, &err), 0);
	sada_txn_abort(t);
	CHECK_INT(dir_count(dfd, "", NULL), 2);
	sada_store_free(s);
	free(big);
	known_free(k, 2);
	dir_end(dfd, path);
}

static int
count_block(unsigned type, const struct sada_id *id, const void *bytes,
    size_t len, void *ctx)
{
	struct sada_id is;

	sada_hash(&is, sada_type_ctx(type), bytes, len);
	CHECK(sada_id_cmp(&is, id) == 0);
	return ++*(int *)ctx > 1000 ? SADA_AGAIN : 0;
}

static void
test_blocks(void)
{
	struct sada_store *a, *b;
	struct sada_txn *t;
	struct sada_buf raw = { 0 };
	struct known k[20];
	struct sada_loc loc;
	struct sada_err err;
	struct sada_id id;
	char pa[64], pb[64];
	int da = dir_new(pa), db = dir_new(pb), n = 0;
	size_t i;

	for (i = 0; i < 20; i++) {
		known_make(&k[i], 6, i, 100 + i);
		k[i].type = SADA_OBJ_CHUNK;
		sada_hash(&k[i].id, SADA_CTX_CHUNK, k[i].b.p, k[i].b.len);
	}
	a = must_open(da);
	b = must_open(db);
	CHECK_INT(known_commit(a, k, 20, &err), 0);
	CHECK(sada_store_locate(a, k[0].type, &k[0].id, &loc));
	CHECK_INT(sada_store_block_objects(a, &loc), 20);
	CHECK_INT(sada_store_block_raw(a, &loc, &raw, &err), 0);

	/* One is known already: the others come one by one. */
	CHECK_INT(sada_txn_begin(&t, b, &err), 0);
	CHECK_INT(sada_txn_put(t, 1, k[3].b.p, k[3].b.len, &id, &err), 0);
	CHECK_INT(sada_txn_add_block(t, raw.p, raw.len, count_block, &n,
	    &err), 0);
	CHECK_INT(n, 20);
	sada_txn_abort(t);
	/* All new: as it stands; and again: nothing. */
	CHECK_INT(sada_txn_begin(&t, b, &err), 0);
	CHECK_INT(sada_txn_add_block(t, raw.p, raw.len, NULL, NULL, &err), 0);
	CHECK_INT(sada_txn_add_block(t, raw.p, raw.len, NULL, NULL, &err), 0);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	for (i = 0; i < 20; i++)
		CHECK_INT(known_get(b, &k[i]), 0);
	CHECK(sada_store_locate(b, k[0].type, &k[0].id, &loc));
	CHECK_INT(sada_store_block_objects(b, &loc), 20);
	CHECK_INT(damages(b, NULL), 0);

	CHECK_INT(sada_txn_begin(&t, b, &err), 0);
	for (i = 0; i < raw.len; i++) {
		CHECK_INT(sada_txn_add_block(t, raw.p, i, NULL, NULL, &err),
		    SADA_FORMAT);
		raw.p[i] ^= 4;
		CHECK_INT(sada_txn_add_block(t, raw.p, raw.len, NULL, NULL,
		    &err), SADA_FORMAT);
		raw.p[i] ^= 4;
	}
	CHECK_INT(sada_txn_commit(t, &err), 0);
	CHECK_INT(dir_count(db, ".pack", NULL), 1);

	/* A block that holds an object twice is well formed. */
	sada_buf_reset(&raw);
	for (i = 0; i < 4; i++)
		sada_buf_add(&raw, "\1\2", 2);
	sada_buf_add(&raw, "aabbaacc", 8);
	{
		struct sada_buf f = { 0 }, blk = { 0 };
		unsigned char head[SADA_BLOCK_HEAD];

		sada_zst_pack(&f, raw.p, raw.len, NULL, 0, 3);
		sada_block_head_encode(head, 4, (uint32_t)raw.len, f.p,
		    (uint32_t)f.len);
		sada_buf_add(&blk, head, sizeof(head));
		sada_buf_add(&blk, f.p, f.len);
		CHECK_INT(sada_txn_begin(&t, b, &err), 0);
		CHECK_INT(sada_txn_add_block(t, blk.p, blk.len, NULL, NULL,
		    &err), 0);
		CHECK_INT(sada_txn_commit(t, &err), 0);
		CHECK_INT(damages(b, NULL), 0);
		sada_buf_release(&f);
		sada_buf_release(&blk);
	}
	sada_store_free(a);
	sada_store_free(b);
	sada_buf_release(&raw);
	known_free(k, 20);
	dir_end(da, pa);
	dir_end(db, pb);
}

static void
test_zst(void)
{
	struct sada_buf a = { 0 }, b = { 0 }, z = { 0 }, plain = { 0 };
	struct sada_buf out = { 0 };
	struct sada_err err;
	size_t i;

	for (i = 0; i < 300000; i++)
		sada_put_u8(&a, (uint8_t)tap_rand());
	sada_buf_add(&b, a.p, 150000);
	sada_buf_adds(&b, "inserted");
	sada_buf_add(&b, a.p + 150000, 150000);
	sada_zst_pack(&z, b.p, b.len, a.p, a.len, 3);
	CHECK(z.len < 2000);
	CHECK_INT(sada_zst_unpack(&out, z.p, z.len, b.len, a.p, a.len, &err),
	    0);
	CHECK(out.len == b.len && memcmp(out.p, b.p, b.len) == 0);
	sada_zst_pack(&plain, b.p, 1000, NULL, 0, 1);
	for (i = 0; i < plain.len; i++) {
		sada_buf_reset(&out);
		CHECK_INT(sada_zst_unpack(&out, plain.p, i, 1000, NULL, 0,
		    &err), SADA_FORMAT);
	}
	CHECK_INT(sada_zst_unpack(&out, plain.p, plain.len, 999, NULL, 0,
	    &err), SADA_FORMAT);
	sada_put_u8(&plain, 0);
	CHECK_INT(sada_zst_unpack(&out, plain.p, plain.len, 1000, NULL, 0,
	    &err), SADA_FORMAT);
	sada_buf_reset(&z);
	sada_buf_reset(&out);
	sada_zst_pack(&z, "", 0, NULL, 0, 1);
	CHECK_INT(sada_zst_unpack(&out, z.p, z.len, 0, NULL, 0, &err), 0);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&z);
	sada_buf_release(&plain);
	sada_buf_release(&out);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261123);
	test_threads();
	test_lanes();
	test_abort();
	test_blocks();
	test_zst();
	return tap_done();
}
