/* Packs and indexes: round trips, rebuilt indexes, damage at every byte. */
#include "store_util.h"

#define N 40

static const size_t sizes[] = { 0, 1, 7, 100, 1000, 5000, 70000 };

static void
make(struct known *k, size_t n, uint64_t seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		known_make(&k[i], seed, i, sizes[tap_below(7)] +
		    tap_below(50));
}

static int
good(struct sada_store *s, const struct known *k, size_t n)
{
	size_t i;
	int ok = 1;

	for (i = 0; i < n; i++)
		ok = ok && known_get(s, &k[i]) == 0 &&
		    sada_store_has(s, k[i].type, &k[i].id);
	return ok;
}

static struct sada_store *
must_open(int dfd, unsigned flags)
{
	struct sada_store *s;
	struct sada_err err;
	int rc = sada_store_open(&s, dfd, flags, &err);

	CHECK_INT(rc, 0);
	if (rc < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	return s;
}

static int
count_each(unsigned type, const struct sada_id *id, uint32_t len, void *ctx)
{
	(void)type;
	(void)id;
	(void)len;
	++*(int *)ctx;
	return 0;
}

static void
test_round_trip(void)
{
	struct sada_store_stat st;
	struct sada_store *s, *r;
	struct known k[N];
	struct sada_loc loc;
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct sada_id none = { { 1 } };
	char path[64], name[64];
	int dfd = dir_new(path), n = 0;

	make(k, N, 1);
	s = must_open(dfd, SADA_STORE_WRITE);
	r = must_open(dfd, 0);
	CHECK_INT(known_commit(s, k, N, &err), 0);
	CHECK(good(s, k, N));
	CHECK_INT(known_get(r, &k[0]), SADA_NOTFOUND);
	CHECK_INT(sada_store_refresh(r, &err), 0);
	CHECK(good(r, k, N));
	CHECK_INT(sada_store_get(r, 1, &none, &b, &err), SADA_NOTFOUND);
	/* Of another type there is no such object. */
	CHECK_INT(sada_store_get(r, k[5].type % 4 + 1, &k[5].id, &b, &err),
	    SADA_NOTFOUND);
	CHECK_INT(damages(s, NULL), 0);
	/* The same again writes nothing. */
	CHECK_INT(known_commit(s, k, N, &err), 0);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 1);
	CHECK_INT(sada_store_each(r, count_each, &n, &err), 0);
	sada_store_stat(r, &st);
	CHECK_INT(st.packs, 1);
	CHECK_INT(st.objects, n);
	CHECK_INT(sada_store_locate(r, k[3].type, &k[3].id, &loc), 1);
	CHECK_INT(loc.len, k[3].b.len);
	CHECK(sada_store_block_objects(r, &loc) >= 1);
	CHECK_INT(sada_store_block_raw(r, &loc, &b, &err), 0);
	CHECK(b.len > 24);
	sada_store_free(s);
	sada_store_free(r);

	/* Without its index; then a reader writes none, a writer does. */
	CHECK_INT(dir_drop(dfd, ".idx"), 1);
	r = must_open(dfd, 0);
	CHECK(good(r, k, N));
	CHECK_INT(damages(r, NULL), 1);
	CHECK_INT(dir_count(dfd, ".idx", NULL), 0);
	sada_store_free(r);
	s = must_open(dfd, SADA_STORE_WRITE);
	CHECK(good(s, k, N));
	CHECK_INT(dir_count(dfd, ".idx", name), 1);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	sada_buf_release(&b);
	known_free(k, N);
	dir_end(dfd, path);
}

/* A small pack with its bytes and those of its index. */
struct small {
	int dfd;
	char path[64], pack[64], idx[64];
	struct known k[6];
	struct sada_buf pb, ib;
};

static void
small_make(struct small *m)
{
	struct sada_store *s;
	struct sada_err err;
	size_t i;

	memset(m, 0, sizeof(*m));
	m->dfd = dir_new(m->path);
	for (i = 0; i < 6; i++)
		known_make(&m->k[i], 9, i, i * 17);
	s = must_open(m->dfd, SADA_STORE_WRITE);
	CHECK_INT(known_commit(s, m->k, 6, &err), 0);
	sada_store_free(s);
	CHECK_INT(dir_count(m->dfd, ".pack", m->pack), 1);
	CHECK_INT(dir_count(m->dfd, ".idx", m->idx), 1);
	file_load(m->dfd, m->pack, &m->pb);
	file_load(m->dfd, m->idx, &m->ib);
	printf("# pack %zu bytes, index %zu bytes\n", m->pb.len, m->ib.len);
}

static void
small_end(struct small *m)
{
	known_free(m->k, 6);
	sada_buf_release(&m->pb);
	sada_buf_release(&m->ib);
	dir_end(m->dfd, m->path);
}

/* With the pack damaged: reported, and never wrong bytes. */
static void
check_bad_pack(struct small *m, int named)
{
	struct sada_store *s;
	int i, rc, bad = 0, lost;

	s = must_open(m->dfd, 0);
	for (i = 0; i < 6; i++) {
		rc = known_get(s, &m->k[i]);
		CHECK(rc == 0 || rc == SADA_DAMAGED ||
		    (!named && rc == SADA_NOTFOUND));
		bad += rc != 0;
	}
	CHECK(damages(s, &lost) >= 1);
	if (named)
		CHECK_INT(lost, bad);
	sada_store_free(s);
}

static void
test_pack_damage(void)
{
	struct small m;
	unsigned char was;
	size_t i;

	small_make(&m);
	for (i = 0; i < m.pb.len; i++) {
		was = m.pb.p[i];
		m.pb.p[i] ^= (unsigned char)(1u << tap_below(8));
		file_save(m.dfd, m.pack, m.pb.p, m.pb.len);
		check_bad_pack(&m, 1);
		(void)dir_drop(m.dfd, ".idx");
		check_bad_pack(&m, 0);
		file_save(m.dfd, m.idx, m.ib.p, m.ib.len);
		m.pb.p[i] = (unsigned char)~was;
		file_save(m.dfd, m.pack, m.pb.p, m.pb.len);
		check_bad_pack(&m, 1);
		m.pb.p[i] = was;
	}
	small_end(&m);
}

static void
test_pack_cut(void)
{
	struct small m;
	size_t i;

	small_make(&m);
	for (i = 0; i < m.pb.len; i++) {
		file_save(m.dfd, m.pack, m.pb.p, i);
		check_bad_pack(&m, 1);
		(void)dir_drop(m.dfd, ".idx");
		check_bad_pack(&m, 0);
		file_save(m.dfd, m.idx, m.ib.p, m.ib.len);
	}
	/* And longer than it should be. */
	sada_put_u8(&m.pb, 0);
	file_save(m.dfd, m.pack, m.pb.p, m.pb.len);
	check_bad_pack(&m, 1);
	small_end(&m);
}

static void
test_index_damage(void)
{
	struct sada_store *s;
	struct sada_err err;
	struct small m;
	unsigned char was;
	size_t i, j;

	small_make(&m);
	for (i = 0; i < m.ib.len; i++) {
		was = m.ib.p[i];
		m.ib.p[i] ^= (unsigned char)(1u << tap_below(8));
		file_save(m.dfd, m.idx, m.ib.p, m.ib.len);
		m.ib.p[i] = was;
		s = must_open(m.dfd, 0);
		CHECK(damages(s, NULL) >= 1);
		sada_store_free(s);
		s = must_open(m.dfd, i % 2 ? SADA_STORE_WRITE : 0);
		/* Neither a get nor a has goes by what it says. */
		for (j = 0; i % 3 > 0 && j < 6; j++)
			CHECK(sada_store_has(s, m.k[j].type, &m.k[j].id));
		CHECK(known_get(s, &m.k[i % 6]) == 0);
		CHECK(good(s, m.k, 6));
		sada_store_free(s);
	}
	/* Checked by a writer it is whole on disk, too. */
	m.ib.p[m.ib.len - 100] ^= 1;
	file_save(m.dfd, m.idx, m.ib.p, m.ib.len);
	m.ib.p[m.ib.len - 100] ^= 1;
	s = must_open(m.dfd, SADA_STORE_WRITE);
	CHECK_INT(sada_store_check(s, &err), 0);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	for (i = 0; i < m.ib.len; i++) {
		file_save(m.dfd, m.idx, m.ib.p, i);
		s = must_open(m.dfd, 0);
		CHECK(good(s, m.k, 6));
		CHECK(damages(s, NULL) >= 1);
		sada_store_free(s);
	}
	s = must_open(m.dfd, SADA_STORE_WRITE);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	small_end(&m);
}

/* A damaged copy heals by the next put; another pack's copy serves. */
static void
test_heal(void)
{
	struct sada_store *s;
	struct sada_err err;
	struct small m;

	small_make(&m);
	m.pb.p[32 + 24 + 5] ^= 1;
	file_save(m.dfd, m.pack, m.pb.p, m.pb.len);
	s = must_open(m.dfd, SADA_STORE_WRITE);
	CHECK_INT(known_get(s, &m.k[0]), SADA_DAMAGED);
	CHECK_INT(known_commit(s, m.k, 6, &err), 0);
	CHECK(good(s, m.k, 6));
	sada_store_free(s);
	s = must_open(m.dfd, 0);
	CHECK(good(s, m.k, 6));
	sada_store_free(s);
	small_end(&m);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261122);
	test_round_trip();
	test_pack_damage();
	test_pack_cut();
	test_index_damage();
	test_heal();
	return tap_done();
}
