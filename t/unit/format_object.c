/* File lists and ancestors: round trips, golden bytes, damage. */
#include "format_util.h"

#define ONES "11111111111111111111111111111111" \
    "11111111111111111111111111111111"
#define TWOS "22222222222222222222222222222222" \
    "22222222222222222222222222222222"
#define THREES "33333333333333333333333333333333" \
    "33333333333333333333333333333333"
#define CCS "cccccccccccccccccccccccccccccccc" \
    "cccccccccccccccccccccccccccccccc"
#define DOT0 ONES "07000000000000000100000000000000" "0807060504030201"
#define DOT1 TWOS "09000000000000002c01000000000000" "f0ffffffffffffff"

static void
test_golden(void)
{
	struct sada_piece piece[2] = {{.size = 1 << 20}, {.size = 1}};
	struct sada_dot dot[2] = {
		{.epoch = 7, .seq = 1, .tag = UINT64_C(0x102030405060708)},
		{.epoch = 9, .seq = 300, .tag = UINT64_MAX - 15}
	};
	struct sada_ancestor a[2] = {{.dot = dot, .ndot = 2,
	    .kind = SADA_FILE, .mode = 0644, .size = 5},
	    {.dot = dot, .ndot = 1, .kind = SADA_LINK, .other = 1}};
	struct sada_buf b = {0};

	memset(dot[0].author.b, 0x11, SADA_ID_LEN);
	memset(dot[1].author.b, 0x22, SADA_ID_LEN);
	memset(piece[0].id.b, 0xcc, SADA_ID_LEN);
	memset(piece[1].id.b, 0x33, SADA_ID_LEN);
	a[0].content = piece[0].id;
	a[1].content = piece[1].id;
	sada_list_encode(&b, 0, piece, 2);
	CHECK(is_hex(&b, "0002" "808040" CCS "01" THREES));
	sweep(canon_list, &b);
	sada_buf_reset(&b);
	sada_anc_encode(&b, a, 2);
	CHECK(is_hex(&b, "02" "02" DOT0 DOT1 "01" "a403" "05" CCS
	    "01" DOT0 "07" "00" "00" THREES));
	sweep(canon_anc, &b);
	sada_buf_release(&b);
}

static void
test_lists(void)
{
	struct sada_piece *piece = sada_calloc(SADA_LIST_MAX, sizeof(*piece));
	struct sada_piece *got;
	struct sada_buf b = {0};
	unsigned level, lev;
	uint64_t sum, total;
	size_t i, n, count;
	int round;

	for (round = 0; round < 300; round++) {
		n = round == 299 ? SADA_LIST_MAX :
		    1 + tap_below((size_t)round + 1);
		level = (unsigned)tap_below(SADA_LIST_LEVEL_MAX + 1);
		for (i = 0, sum = 0; i < n; i++) {
			rand_bytes(&piece[i].id, SADA_ID_LEN);
			piece[i].size = 1 + rand_num(level == 0 ?
			    SADA_CHUNK_MAX - 1 : UINT64_C(1) << 50);
			sum += piece[i].size;
		}
		sada_buf_reset(&b);
		sada_list_encode(&b, level, piece, n);
		CHECK_INT(sada_list_decode(&lev, &got, &count, &total, b.p,
		    b.len, NULL), 0);
		CHECK(lev == level && count == n && total == sum);
		for (i = 0; i < n; i++)
			CHECK(got[i].size == piece[i].size &&
			    sada_id_cmp(&got[i].id, &piece[i].id) == 0);
		free(got);
		if (round < 6)
			sweep(canon_list, &b);
	}
	sada_buf_release(&b);
	free(piece);
}

static void
test_ancestors(void)
{
	struct sada_ancestor a[SADA_ANCESTORS_MAX], *got;
	struct sada_dot dot[SADA_ANC_DOTS_MAX];
	struct sada_buf b = {0};
	size_t i, j, n, count;
	int round;

	for (round = 0; round < 300; round++) {
		for (i = 0; i < SADA_ANC_DOTS_MAX; i++) {
			rand_bytes(&dot[i].author, SADA_ID_LEN);
			dot[i].author.b[0] = (unsigned char)i;
			dot[i].epoch = tap_rand();
			dot[i].seq = 1 + rand_num(UINT64_MAX - 1);
			dot[i].tag = tap_rand();
		}
		n = 1 + tap_below(round < 8 ? 2 : SADA_ANCESTORS_MAX);
		for (i = 0; i < n; i++) {
			a[i].ndot = 1 + tap_below(round < 8 ? 2 :
			    SADA_ANC_DOTS_MAX);
			a[i].dot = dot + tap_below(SADA_ANC_DOTS_MAX + 1 -
			    a[i].ndot);
			a[i].size = rand_num(INT64_MAX);
			a[i].kind = tap_below(2) ? SADA_FILE : SADA_LINK;
			a[i].other = tap_below(2) != 0;
			a[i].mode = a[i].kind == SADA_FILE ?
			    (uint16_t)tap_below(01000) : 0;
			rand_bytes(&a[i].content, SADA_ID_LEN);
		}
		sada_buf_reset(&b);
		sada_anc_encode(&b, a, n);
		CHECK_INT(sada_anc_decode(&got, &count, b.p, b.len, NULL), 0);
		CHECK_INT(count, n);
		for (i = 0; i < n; i++) {
			CHECK(got[i].ndot == a[i].ndot &&
			    got[i].size == a[i].size &&
			    got[i].kind == a[i].kind &&
			    got[i].other == a[i].other &&
			    got[i].mode == a[i].mode &&
			    sada_id_cmp(&got[i].content, &a[i].content) == 0);
			for (j = 0; j < a[i].ndot; j++)
				CHECK(sada_dot_cmp(&got[i].dot[j],
				    &a[i].dot[j]) == 0);
		}
		free(got);
		if (round < 8)
			sweep(canon_anc, &b);
	}
	sada_buf_release(&b);
}

static void
put_list0(struct sada_buf *b, size_t which, uint64_t value)
{
	unsigned char id[SADA_ID_LEN] = {9};

	sada_put_u8(b, 0);
	sada_put_var(b, which == 0 ? value : 2);
	sada_put_var(b, which == 1 ? value : 100);
	sada_buf_add(b, id, sizeof(id));
	sada_put_var(b, which == 2 ? value : 1);
	sada_buf_add(b, id, sizeof(id));
}

static void
put_list1(struct sada_buf *b, size_t which, uint64_t value)
{
	size_t start = b->len;

	put_list0(b, which, value);
	b->p[start] = 1;
}

static void
put_anc(struct sada_buf *b, size_t which, uint64_t value)
{
	unsigned char id[SADA_ID_LEN] = {9};

	sada_put_var(b, which == 0 ? value : 1);
	sada_put_var(b, which == 1 ? value : 1);
	sada_buf_add(b, id, sizeof(id));
	sada_put_u64(b, 1);
	sada_put_u64(b, which == 2 ? value : 1);
	sada_put_u64(b, 1);
	sada_put_u8(b, SADA_FILE);
	sada_put_var(b, which == 3 ? value : 0644);
	sada_put_var(b, which == 4 ? value : 9);
	sada_buf_add(b, id, sizeof(id));
}

/* Sums beyond what an off_t holds, empty pieces, levels. */
static void
test_caps(void)
{
	struct sada_buf b = {0};
	unsigned level;

	put_list1(&b, 1, INT64_MAX);
	CHECK_INT(canon_list(b.p, b.len), 0);
	sada_buf_reset(&b);
	put_list1(&b, 1, INT64_MAX - 1);
	CHECK_INT(canon_list(b.p, b.len), 1);
	sada_buf_reset(&b);
	put_list1(&b, 2, 0);
	CHECK_INT(canon_list(b.p, b.len), 0);
	sada_buf_reset(&b);
	put_list0(&b, 1, SADA_CHUNK_MAX + 1);
	CHECK_INT(canon_list(b.p, b.len), 0);
	for (level = 0; level < 256; level++) {
		sada_buf_reset(&b);
		put_list0(&b, 3, 0);
		b.p[0] = (unsigned char)level;
		CHECK_INT(canon_list(b.p, b.len),
		    level <= SADA_LIST_LEVEL_MAX);
	}
	sada_buf_release(&b);
}

/* Counts at their caps, and one beyond. */
static void
test_counts(void)
{
	unsigned char id[SADA_ID_LEN] = {9};
	struct sada_buf b = {0};
	size_t i, n;

	for (n = SADA_LIST_MAX; n <= SADA_LIST_MAX + 1; n++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 0);
		sada_put_var(&b, n);
		for (i = 0; i < n; i++) {
			sada_put_var(&b, 1);
			sada_buf_add(&b, id, sizeof(id));
		}
		CHECK_INT(canon_list(b.p, b.len), n == SADA_LIST_MAX);
	}
	for (n = SADA_ANCESTORS_MAX; n <= SADA_ANCESTORS_MAX + 1; n++) {
		sada_buf_reset(&b);
		sada_put_var(&b, n);
		for (i = 0; i < n; i++) {
			sada_put_var(&b, 1);
			sada_buf_add(&b, id, sizeof(id));
			sada_put_u64(&b, 1);
			sada_put_u64(&b, 1);
			sada_put_u64(&b, 1);
			sada_put_u8(&b, SADA_FILE);
			sada_put_var(&b, 0644);
			sada_put_var(&b, 1);
			sada_buf_add(&b, id, sizeof(id));
		}
		CHECK_INT(canon_anc(b.p, b.len), n == SADA_ANCESTORS_MAX);
	}
	for (n = 0; n <= SADA_ANC_DOTS_MAX + 1; n++) {
		sada_buf_reset(&b);
		sada_put_var(&b, 1);
		sada_put_var(&b, n);
		for (i = 0; i < n; i++) {
			sada_buf_add(&b, id, sizeof(id));
			sada_put_u64(&b, 1);
			sada_put_u64(&b, i + 1);
			sada_put_u64(&b, 1);
		}
		/* Enough bytes that only the count can be at fault. */
		sada_put_u8(&b, SADA_LINK);
		sada_put_var(&b, 0);
		sada_put_var(&b, 1);
		sada_buf_add(&b, id, sizeof(id));
		CHECK_INT(canon_anc(b.p, b.len),
		    n >= 1 && n <= SADA_ANC_DOTS_MAX);
	}
	/* Two ancestors, the first without a dot. */
	sada_buf_reset(&b);
	sada_put_var(&b, 2);
	sada_put_var(&b, 0);
	sada_put_u8(&b, SADA_FILE);
	sada_put_var(&b, 0);
	sada_put_var(&b, 1);
	sada_buf_add(&b, id, sizeof(id));
	sada_put_var(&b, 2);
	for (i = 1; i < 3; i++) {
		sada_buf_add(&b, id, sizeof(id));
		sada_put_u64(&b, 1);
		sada_put_u64(&b, i);
		sada_put_u64(&b, 1);
	}
	sada_put_u8(&b, SADA_FILE);
	sada_put_var(&b, 0);
	sada_put_var(&b, 1);
	sada_buf_add(&b, id, sizeof(id));
	CHECK_INT(canon_anc(b.p, b.len), 0);
	sada_buf_release(&b);
}

/* Kinds and modes: one entry for each that could stand there. */
static void
test_kinds(void)
{
	unsigned char id[SADA_ID_LEN] = {9};
	struct sada_buf b = {0};
	unsigned kind, mode;

	for (kind = 0; kind < 256; kind++)
		for (mode = 0; mode < 02000; mode += 0377) {
			sada_buf_reset(&b);
			sada_put_var(&b, 1);
			sada_put_var(&b, 1);
			sada_buf_add(&b, id, sizeof(id));
			sada_put_u64(&b, 1);
			sada_put_u64(&b, 1);
			sada_put_u64(&b, 1);
			sada_put_u8(&b, (uint8_t)kind);
			sada_put_var(&b, mode);
			sada_put_var(&b, 1);
			sada_buf_add(&b, id, sizeof(id));
			/* 4: it was another name. */
			CHECK_INT(canon_anc(b.p, b.len),
			    ((kind & ~4u) == SADA_FILE && mode <= 0777) ||
			    ((kind & ~4u) == SADA_LINK && mode == 0));
		}
	sada_buf_release(&b);
}

int
main(void)
{
	unsigned t;
	static const enum sada_ctx want[] = {SADA_CTX_CHUNK, SADA_CTX_LIST,
	    SADA_CTX_NODE, SADA_CTX_ANC};

	sada_crypto_init();
	tap_seed(7);
	for (t = SADA_OBJ_CHUNK; t <= SADA_OBJ_ANC; t++)
		CHECK_INT(sada_type_ctx(t), want[t - 1]);
	test_golden();
	test_lists();
	test_ancestors();
	CHECK_INT(sweep_numbers(canon_list, put_list0, 3), 0);
	CHECK_INT(sweep_numbers(canon_list, put_list1, 3), 0);
	CHECK_INT(sweep_numbers(canon_anc, put_anc, 5), 0);
	test_caps();
	test_counts();
	test_kinds();
	return tap_done();
}
