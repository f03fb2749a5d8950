/* Blocks: golden bytes, damage, hostile lengths in heads and directories. */
#include "format_util.h"

static void
test_head(void)
{
	unsigned char head[SADA_BLOCK_HEAD];
	char frame[] = "frame";
	struct sada_block_head h;
	struct sada_buf b = {0};
	size_t i;
	int j, rc;

	sada_block_head_encode(head, 2, 9, frame, 5);
	sada_buf_add(&b, head, sizeof(head));
	CHECK(is_hex(&b, "53424c4b" "02000000" "09000000" "05000000"
	    "da8223594bcf3061"));
	CHECK_INT(sada_block_head_decode(&h, head, NULL), 0);
	CHECK(h.objects == 2 && h.raw_len == 9 && h.frame_len == 5 &&
	    h.check == UINT64_C(0x6130cf4b592382da));
	CHECK_INT(sada_block_check(head, frame, 5, NULL), 0);
	CHECK_INT(sada_block_check(head, frame, 4, NULL), SADA_FORMAT);
	CHECK_INT(sada_block_check(head, frame, 6, NULL), SADA_FORMAT);
	for (i = 0; i < sizeof(head); i++)
		for (j = 0; j < 8; j++) {
			head[i] ^= (unsigned char)(1 << j);
			rc = sada_block_head_decode(&h, head, NULL);
			CHECK(rc == SADA_FORMAT || i >= 4);
			CHECK_INT(sada_block_check(head, frame, 5, NULL),
			    SADA_FORMAT);
			head[i] ^= (unsigned char)(1 << j);
		}
	for (i = 0; i < 5; i++)
		for (j = 0; j < 8; j++) {
			frame[i] = (char)(frame[i] ^ (1 << j));
			CHECK_INT(sada_block_check(head, frame, 5, NULL),
			    SADA_FORMAT);
			frame[i] = (char)(frame[i] ^ (1 << j));
		}
	sada_buf_release(&b);
}

static int
head_taken(uint64_t objects, uint64_t raw, uint64_t frame)
{
	unsigned char head[SADA_BLOCK_HEAD] = {0};
	struct sada_block_head h;

	sada_le32_put(head, SADA_BLOCK_MAGIC);
	sada_le32_put(head + 4, (uint32_t)objects);
	sada_le32_put(head + 8, (uint32_t)raw);
	sada_le32_put(head + 12, (uint32_t)frame);
	return sada_block_head_decode(&h, head, NULL) == 0;
}

static void
test_head_caps(void)
{
	size_t i;

	for (i = 0; i < NHOSTILE; i++) {
		uint32_t v = (uint32_t)hostile[i];

		CHECK_INT(head_taken(v, SADA_BLOCK_RAW_MAX, 9),
		    v >= 1 && v <= SADA_BLOCK_OBJECTS_MAX);
		CHECK_INT(head_taken(2, v, 9),
		    v >= 4 && v <= SADA_BLOCK_RAW_MAX);
		CHECK_INT(head_taken(2, 4, v), v >= 1 && v <= 1028);
	}
	CHECK_INT(head_taken(1, SADA_BLOCK_RAW_MAX + 1, 9), 0);
	CHECK_INT(head_taken(SADA_BLOCK_OBJECTS_MAX, SADA_BLOCK_RAW_MAX, 9),
	    1);
	CHECK_INT(head_taken(SADA_BLOCK_OBJECTS_MAX + 1, SADA_BLOCK_RAW_MAX,
	    9), 0);
	CHECK_INT(head_taken(3, 6, 9), 1);
	CHECK_INT(head_taken(3, 5, 9), 0);
}

static int
canon_two(const void *p, size_t n)
{
	return canon_dir(p, n, 2);
}

static void
put_dir(struct sada_buf *b, size_t which, uint64_t value)
{
	sada_put_u8(b, SADA_OBJ_CHUNK);
	sada_put_var(b, which == 0 ? value : 3);
	sada_put_u8(b, which == 2 ? (uint8_t)value : SADA_OBJ_ANC);
	sada_put_var(b, which == 1 ? value : 2);
	sada_buf_add(b, "abcde", 5);
}

static void
test_dir(void)
{
	struct sada_block_obj *dir;
	struct sada_buf b = {0};
	size_t len[50], sum, i, n;
	int round;

	put_dir(&b, 9, 0);
	CHECK(is_hex(&b, "010304026162636465"));
	sweep(canon_two, &b);
	CHECK_INT(sada_block_dir(&dir, b.p, b.len, 2, NULL), 0);
	CHECK(dir[0].type == SADA_OBJ_CHUNK && dir[0].off == 4 &&
	    dir[0].len == 3 && dir[1].type == SADA_OBJ_ANC &&
	    dir[1].off == 7 && dir[1].len == 2);
	free(dir);
	for (i = 0; i < NHOSTILE; i++)
		if (hostile[i] != 2 && hostile[i] <= UINT32_MAX) {
			CHECK_INT(sada_block_dir(&dir, b.p, b.len,
			    (uint32_t)hostile[i], NULL), SADA_FORMAT);
			CHECK(dir == NULL);
		}
	CHECK_INT(sweep_numbers(canon_two, put_dir, 3), 0);
	for (round = 0; round < 200; round++) {
		sada_buf_reset(&b);
		n = 1 + tap_below(50);
		for (i = sum = 0; i < n; i++) {
			len[i] = tap_below(300);
			sum += len[i];
			sada_put_u8(&b, (uint8_t)(1 + i % 4));
			sada_put_var(&b, len[i]);
		}
		rand_bytes(sada_buf_reserve(&b, sum), sum);
		b.len += sum;
		CHECK_INT(canon_dir(b.p, b.len, (uint32_t)n), 1);
		CHECK_INT(canon_dir(b.p, b.len - 1, (uint32_t)n), 0);
		CHECK_INT(sada_block_dir(&dir, b.p, b.len, (uint32_t)n, NULL),
		    0);
		for (i = 0, sum = b.len - sum; i < n; sum += len[i++])
			CHECK(dir[i].len == len[i] && dir[i].off == sum &&
			    dir[i].type == 1 + i % 4);
		free(dir);
	}
	sada_buf_release(&b);
}

/* Types that are none; an object of the greatest length, and one more. */
static void
test_dir_caps(void)
{
	struct sada_buf b = {0};
	unsigned char *raw;
	unsigned type;
	size_t n;

	for (type = 0; type < 256; type++) {
		sada_buf_reset(&b);
		put_dir(&b, 2, type);
		CHECK_INT(canon_two(b.p, b.len), type >= 1 && type <= 4);
	}
	for (n = SADA_OBJECT_MAX; n <= SADA_OBJECT_MAX + 1; n++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, SADA_OBJ_CHUNK);
		sada_put_var(&b, n);
		memset(sada_buf_reserve(&b, n), 'x', n);
		b.len += n;
		CHECK_INT(canon_dir(b.p, b.len, 1), n == SADA_OBJECT_MAX);
	}
	sada_buf_release(&b);
	raw = sada_calloc(1, SADA_BLOCK_RAW_MAX + 1);
	CHECK_INT(canon_dir(raw, SADA_BLOCK_RAW_MAX + 1, 1), 0);
	free(raw);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(3);
	test_head();
	test_head_caps();
	test_dir();
	test_dir_caps();
	return tap_done();
}
