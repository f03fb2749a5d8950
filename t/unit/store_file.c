/* Whole files: cuts, lists, round trips, holes, what they consist of. */
#include "format/object.h"
#include "store/chunker.h"
#include "store/file.h"
#include "store_util.h"

/* Of 32 MiB of noise() under seed 1. */
#define GEAR0 UINT64_C(0x7e69d9ccd576f54d)
#define CUT0 273171

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

static void
noise(struct sada_buf *b, size_t n, uint64_t x)
{
	size_t i;

	for (i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		sada_put_u8(b, (uint8_t)(x >> 56));
	}
}

/* All cuts of B; their number, at most MAX. */
static size_t
cuts(const struct sada_buf *b, size_t *end, size_t max)
{
	struct sada_chunker *c = sada_malloc(sizeof(*c));
	size_t at = 0, n = 0;

	sada_chunker_init(c);
	while (at < b->len && n < max) {
		at += sada_chunker_cut(c, b->p + at, b->len - at);
		end[n++] = at;
	}
	free(c);
	return n;
}

static void
test_chunker(void)
{
	struct sada_buf a = { 0 }, b = { 0 };
	size_t ea[400], eb[400], na, nb, i, j, same = 0, len;
	struct sada_chunker *c = sada_malloc(sizeof(*c));

	/* Known for ever: the ids of large files hang on it. */
	sada_chunker_init(c);
	CHECK(c->gear[0] != c->gear[1]);
	noise(&a, (size_t)32 << 20, 1);
	na = cuts(&a, ea, 400);
	printf("# %zu chunks of %zu KiB, gear[0] %016llx, first cut %zu\n",
	    na, a.len / na / 1024, (unsigned long long)c->gear[0], ea[0]);
	CHECK_INT(c->gear[0], GEAR0);
	CHECK_INT(ea[0], CUT0);
	CHECK(a.len / na > 200 << 10 && a.len / na < 400 << 10);
	for (i = 0; i < na; i++) {
		len = ea[i] - (i > 0 ? ea[i - 1] : 0);
		CHECK(len <= SADA_CUT_MAX);
		CHECK(len >= SADA_CUT_MIN || i == na - 1);
	}
	/* Bytes put in near the start leave nearly all cuts alone. */
	sada_buf_add(&b, a.p, 1000);
	sada_buf_adds(&b, "something new");
	sada_buf_add(&b, a.p + 1000, a.len - 1000);
	nb = cuts(&b, eb, 400);
	for (i = 0; i < na; i++)
		for (j = 0; j < nb; j++)
			same += ea[i] + 13 == eb[j];
	printf("# %zu of %zu cuts stay\n", same, na);
	CHECK(same + 8 >= na);
	/* Zeros never cut: the largest chunk. */
	memset(a.p, 0, a.len);
	na = cuts(&a, ea, 400);
	CHECK_INT(na, 32);
	sada_buf_release(&a);
	sada_buf_release(&b);
	free(c);
}

static int
gather(const void *p, size_t n, void *ctx)
{
	CHECK(n <= SADA_CHUNK_MAX);
	sada_buf_add(ctx, p, n);
	return 0;
}

struct told {
	int lists, chunks, missing;
	uint64_t bytes;
	int listed_first;
};

static int
tell(unsigned type, const struct sada_id *id, uint64_t len, void *ctx)
{
	struct told *t = ctx;

	(void)id;
	if (type == SADA_OBJ_LIST) {
		t->lists++;
		t->missing += len == 0;
	} else {
		if (t->chunks++ == 0)
			t->listed_first = t->lists > 0;
		t->bytes += len;
	}
	return 0;
}

/* Put B as a file, in each way, and read it back in each way. */
static void
round_trip(struct sada_store *s, const char *path, const struct sada_buf *b,
    int *lists)
{
	struct sada_source src = { s, NULL };
	struct sada_buf back = { 0 };
	struct sada_id id, id2, id3;
	struct told told = { 0 };
	struct sada_txn *t;
	struct sada_fill *f;
	struct sada_err err;
	char name[100];
	uint64_t got;
	int fd;

	(void)snprintf(name, sizeof(name), "%s/file", path);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || (b->len > 0 &&
	    write(fd, b->p, b->len) != (ssize_t)b->len))
		exit(1);
	CHECK_INT(sada_file_put_bytes(NULL, b->p, b->len, &id, &err), 0);
	CHECK_INT(sada_file_put(NULL, fd, b->len, &id2, &got, &err), 0);
	CHECK(sada_id_cmp(&id, &id2) == 0);
	CHECK_INT(got, b->len);
	/* It was longer when it was looked at. */
	CHECK_INT(sada_file_put(NULL, fd, b->len + 3000000, &id2, &got,
	    &err), 0);
	CHECK(sada_id_cmp(&id, &id2) == 0);
	CHECK_INT(got, b->len);
	CHECK_INT(sada_file_held(&src, &id, b->len, &err), 0);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	CHECK_INT(sada_fill_new(&f, t, &err), 0);
	CHECK_INT(sada_file_put(f, fd, b->len, &id3, &got, &err), 0);
	CHECK(sada_id_cmp(&id, &id3) == 0);
	src.txn = t;
	CHECK_INT(sada_file_held(&src, &id, b->len, &err), 1);
	CHECK_INT(sada_file_get(&src, &id, b->len, gather, &back, &err), 0);
	CHECK(back.len == b->len &&
	    (b->len == 0 || memcmp(back.p, b->p, b->len) == 0));
	CHECK_INT(sada_fill_end(f, &err), 0);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	src.txn = NULL;
	CHECK_INT(sada_file_held(&src, &id, b->len, &err), 1);
	CHECK_INT(ftruncate(fd, 0), 0);
	CHECK_INT(sada_file_write(&src, &id, b->len, fd, &err), 0);
	close(fd);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	file_load(fd, "file", &back);
	CHECK(back.len == b->len &&
	    (b->len == 0 || memcmp(back.p, b->p, b->len) == 0));
	CHECK_INT(sada_file_objects(&src, &id, b->len, tell, &told, &err), 0);
	CHECK_INT(told.bytes, b->len);
	CHECK_INT(told.lists > 0, b->len > SADA_CHUNK_MAX);
	CHECK_INT(told.listed_first, b->len > SADA_CHUNK_MAX);
	*lists = told.lists;
	/* Of another size it is damaged, whatever the size. */
	CHECK(sada_file_get(&src, &id, b->len + 1, gather, &back, &err) < 0);
	if (b->len > SADA_CHUNK_MAX) {
		CHECK(sada_file_get(&src, &id, b->len - 1, gather, &back,
		    &err) < 0);
		CHECK(sada_file_held(&src, &id, b->len - 1, &err) <= 0);
	}
	(void)unlinkat(fd, "file", 0);
	close(fd);
	sada_buf_release(&back);
}

static void
test_sizes(void)
{
	static const size_t sizes[] = { 0, 1, 4096, SADA_CHUNK_MAX - 1,
	    SADA_CHUNK_MAX, SADA_CHUNK_MAX + 1, 3000000, 9000001 };
	struct sada_buf b = { 0 };
	char path[64], tmp[64];
	int dfd = dir_new(path), tfd = dir_new(tmp), lists;
	struct sada_store *s = must_open(dfd);
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		sada_buf_reset(&b);
		noise(&b, sizes[i], 100 + i);
		round_trip(s, tmp, &b, &lists);
		CHECK_INT(lists, sizes[i] > SADA_CHUNK_MAX);
	}
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	sada_buf_release(&b);
	dir_end(dfd, path);
	dir_end(tfd, tmp);
}

/* So many chunks that there are lists of lists. */
static void
test_levels(void)
{
	struct sada_piece *p = sada_calloc(5000, sizeof(*p));
	struct sada_source src = { NULL, NULL };
	struct told told = { 0 };
	struct sada_buf b = { 0 };
	struct sada_store *s;
	struct sada_txn *t;
	struct sada_id id, low;
	struct sada_err err;
	char path[64];
	int dfd = dir_new(path);
	unsigned k;
	size_t i;

	s = must_open(dfd);
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	CHECK_INT(sada_txn_put(t, SADA_OBJ_CHUNK, "abc", 3, &id, &err), 0);
	/* A list of one list of one list: more than any writer makes. */
	for (i = 0; i < 4000; i++) {
		p[i].id = id;
		p[i].size = 3;
	}
	sada_list_encode(&b, 0, p, 4000);
	CHECK_INT(sada_txn_put(t, SADA_OBJ_LIST, b.p, b.len, &low, &err), 0);
	/* 3 x 4000^4 bytes: told at once, since each list is told once. */
	for (k = 1; k <= 3; k++) {
		for (i = 0; i < 4000; i++) {
			p[i].id = low;
			p[i].size = k == 1 ? 12000 : k == 2 ? 48000000 :
			    UINT64_C(192000000000);
		}
		sada_buf_reset(&b);
		sada_list_encode(&b, k, p, 4000);
		CHECK_INT(sada_txn_put(t, SADA_OBJ_LIST, b.p, b.len, &low,
		    &err), 0);
	}
	src.txn = t;
	CHECK_INT(sada_file_held(&src, &low, UINT64_C(768000000000000),
	    &err), 1);
	CHECK_INT(sada_file_objects(&src, &low, UINT64_C(768000000000000),
	    tell, &told, &err), 0);
	CHECK_INT(told.lists, 4);
	/* A level left out is refused. */
	sada_buf_reset(&b);
	p[0].id = low;
	p[0].size = UINT64_C(768000000000000);
	sada_list_encode(&b, 5, p, 1);
	CHECK_INT(sada_txn_put(t, SADA_OBJ_LIST, b.p, b.len, &id, &err), 0);
	CHECK_INT(sada_file_held(&src, &id, p[0].size, &err), SADA_DAMAGED);
	/* A list that is not held: told with length 0. */
	memset(&p[0].id, 9, sizeof(p[0].id));
	sada_buf_reset(&b);
	sada_list_encode(&b, 5, p, 1);
	CHECK_INT(sada_txn_put(t, SADA_OBJ_LIST, b.p, b.len, &id, &err), 0);
	CHECK_INT(sada_file_held(&src, &id, p[0].size, &err), 0);
	memset(&told, 0, sizeof(told));
	CHECK_INT(sada_file_objects(&src, &id, p[0].size, tell, &told, &err),
	    0);
	CHECK_INT(told.missing, 1);
	/* Bytes that are no list. */
	CHECK_INT(sada_txn_put(t, SADA_OBJ_LIST, "?", 1, &id, &err), 0);
	CHECK_INT(sada_file_held(&src, &id, 2000000, &err), SADA_DAMAGED);
	sada_txn_abort(t);
	sada_store_free(s);
	sada_buf_release(&b);
	free(p);
	dir_end(dfd, path);
}

static void
test_holes(void)
{
	struct sada_buf b = { 0 };
	char path[64], tmp[64];
	int dfd = dir_new(path), tfd = dir_new(tmp), lists, round;
	struct sada_store *s = must_open(dfd);
	struct sada_source src = { s, NULL };
	struct sada_txn *t;
	struct sada_err err;
	struct sada_id id;
	struct stat st;
	size_t i, at, n;
	int fd;

	/* 8 MiB with bytes in two places only. */
	sada_buf_reserve(&b, (size_t)8 << 20);
	b.len = (size_t)8 << 20;
	memset(b.p, 0, b.len);
	b.p[70000] = 1;
	b.p[5000000] = 1;
	CHECK_INT(sada_txn_begin(&t, s, &err), 0);
	src.txn = t;
	CHECK_INT(sada_file_put_bytes(NULL, b.p, b.len, &id, &err), 0);
	sada_txn_abort(t);
	src.txn = NULL;
	round_trip(s, tmp, &b, &lists);
	fd = openat(tfd, "sparse", O_RDWR | O_CREAT, 0600);
	CHECK_INT(sada_file_write(&src, &id, b.len, fd, &err), 0);
	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(st.st_size, b.len);
	printf("# %lld of %lld bytes allocated\n",
	    (long long)st.st_blocks * 512, (long long)st.st_size);
	CHECK(st.st_blocks * 512 <= 2 * 65536);
	close(fd);
	/* Runs of zeros at random places. */
	for (round = 0; round < 12; round++) {
		sada_buf_reset(&b);
		noise(&b, tap_below(3000000), tap_rand());
		for (i = 0; i < 6 && b.len > 0; i++) {
			at = tap_below(b.len);
			n = tap_below(400000);
			if (n > b.len - at || i == 5)
				n = b.len - at;
			if (i < 5 || round % 2)
				memset(b.p + at, 0, n);
		}
		round_trip(s, tmp, &b, &lists);
	}
	sada_store_free(s);
	sada_buf_release(&b);
	dir_end(dfd, path);
	dir_end(tfd, tmp);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261125);
	test_chunker();
	test_sizes();
	test_levels();
	test_holes();
	return tap_done();
}
