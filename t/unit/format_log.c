/* The log's headers, frames and records: golden bytes, damage, numbers. */
#include "format_util.h"

static const char gold_header[] = "736164616c6f6731" "01000000" "00000000"
    "0300000000000000" "0000000000000000"
    "d7f2f05b6d13fd135b902d8d978a83b26aaba2513d2c6ab867964ffb8a8b8064";
static const char gold_frame[] = "5346524d" "03000000" "2f000000" "02000000"
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
    "0320" "1111111111111111111111111111111111111111111111111111111111111111"
    "050b" "0900000000000000776879"
    "25de427ae7750e52b50b68c387c0033accd504fb4735e114a22569203a2eab14";

static void
test_header(void)
{
	struct sada_buf b = {0};
	struct sada_id hash;
	uint64_t seg = 0;
	size_t i;
	int j;

	sada_log_header(&b, 3);
	CHECK_INT(b.len, SADA_LOG_HEADER);
	CHECK(is_hex(&b, gold_header));
	CHECK_INT(sada_log_header_check(b.p, b.len, &seg, NULL), 0);
	CHECK_INT(seg, 3);
	for (i = 0; i < b.len; i++)
		CHECK_INT(sada_log_header_check(b.p, i, &seg, NULL),
		    SADA_FORMAT);
	for (i = 0; i < b.len; i++)
		for (j = 0; j < 8; j++) {
			b.p[i] ^= (unsigned char)(1 << j);
			CHECK_INT(sada_log_header_check(b.p, b.len, &seg,
			    NULL), SADA_FORMAT);
			b.p[i] ^= (unsigned char)(1 << j);
		}
	/* Whole, but of another version, or with fields that may not be. */
	for (i = 0; i < 32; i++) {
		b.p[i] ^= 0x40;
		sada_hash(&hash, SADA_CTX_FILE, b.p, 32);
		memcpy(b.p + 32, hash.b, sizeof(hash.b));
		CHECK_INT(sada_log_header_check(b.p, b.len, &seg, NULL),
		    i >= 8 && i < 16 ? SADA_VERSION :
		    i >= 16 && i < 24 ? 0 : SADA_FORMAT);
		b.p[i] ^= 0x40;
	}
	sada_buf_reset(&b);
	for (i = 0; i < NHOSTILE; i++)
		if (hostile[i] != 0) {
			sada_buf_reset(&b);
			sada_log_header(&b, hostile[i]);
			CHECK_INT(sada_log_header_check(b.p, b.len, &seg,
			    NULL), 0);
			CHECK(seg == hostile[i]);
		}
	sada_buf_release(&b);
}

static void
test_golden_frame(void)
{
	struct sada_buf pay = {0}, b = {0};
	struct sada_id a, prev, hash;
	struct sada_frame f;
	size_t i;
	int j;

	memset(a.b, 0x11, sizeof(a.b));
	memset(prev.b, 0xcc, sizeof(prev.b));
	sada_log_record(&pay, SADA_LOG_GROUP, a.b, sizeof(a.b));
	sada_log_record(&pay, SADA_LOG_EPOCH, "\x09\0\0\0\0\0\0\0why", 11);
	sada_frame_encode(&b, SADA_FRAME_LOCALMETA, 2, &pay, &prev, 3, 64,
	    &hash);
	CHECK(is_hex(&b, gold_frame));
	CHECK_INT(sada_frame_decode(&f, b.p, b.len, 3, 64, NULL), 0);
	CHECK(f.kind == SADA_FRAME_LOCALMETA && f.count == 2 &&
	    f.len == pay.len && memcmp(f.payload, pay.p, pay.len) == 0 &&
	    f.total == b.len && sada_id_cmp(&f.prev, &prev) == 0 &&
	    sada_id_cmp(&f.hash, &hash) == 0);
	/* Only at its place. */
	CHECK_INT(sada_frame_decode(&f, b.p, b.len, 3, 65, NULL),
	    SADA_FORMAT);
	CHECK_INT(sada_frame_decode(&f, b.p, b.len, 2, 64, NULL),
	    SADA_FORMAT);
	for (i = 0; i < b.len; i++) {
		unsigned char *cut = sada_malloc(i + 1);

		memcpy(cut, b.p, i);
		cut = sada_realloc(cut, i > 0 ? i : 1);
		CHECK_INT(sada_frame_decode(&f, cut, i, 3, 64, NULL),
		    SADA_FORMAT);
		free(cut);
		for (j = 0; j < 8; j++) {
			b.p[i] ^= (unsigned char)(1 << j);
			CHECK_INT(sada_frame_decode(&f, b.p, b.len, 3, 64,
			    NULL), SADA_FORMAT);
			b.p[i] ^= (unsigned char)(1 << j);
		}
	}
	sada_buf_release(&pay);
	sada_buf_release(&b);
}

/* Numbers in a frame's head, its hash made right again where it fits. */
static void
test_frame_numbers(void)
{
	struct sada_buf pay = {0}, b = {0};
	struct sada_id prev = {{0}}, hash;
	struct sada_frame f;
	unsigned char where[16] = {1};
	size_t i, at;

	sada_log_record(&pay, SADA_LOG_OP, "op", 2);
	sada_frame_encode(&b, SADA_FRAME_LOCAL, 1, &pay, &prev, 1, 0, &hash);
	for (at = 0; at < 16; at++)
		for (i = 0; i < 256; i++) {
			unsigned char keep = b.p[at];

			b.p[at] = (unsigned char)i;
			sada_hash2(&hash, SADA_CTX_FRAME, where, 16, b.p,
			    b.len - SADA_FRAME_TAIL);
			memcpy(b.p + b.len - SADA_FRAME_TAIL, hash.b, 32);
			CHECK_INT(sada_frame_decode(&f, b.p, b.len, 1, 0,
			    NULL), i == keep ||
			    (at == 4 && i >= 1 && i <= 3) ? 0 : SADA_FORMAT);
			b.p[at] = keep;
		}
	for (i = 0; i < NHOSTILE; i++) {
		sada_le32_put(b.p + 8, (uint32_t)hostile[i]);
		CHECK(sada_frame_decode(&f, b.p, b.len, 1, 0, NULL) < 0);
	}
	sada_buf_release(&pay);
	sada_buf_release(&b);
}

static int
canon_records(const void *p, size_t n)
{
	return canon_payload(p, n, NULL);
}

static void
put_record(struct sada_buf *b, size_t which, uint64_t value)
{
	sada_put_u8(b, which == 0 ? (uint8_t)value : SADA_LOG_OP);
	sada_put_var(b, which == 1 ? value : 5);
	sada_buf_add(b, "bytes", 5);
	sada_put_u8(b, SADA_LOG_EPOCH);
	sada_put_var(b, which == 2 ? value : 8);
	sada_buf_add(b, "12345678", 8);
}

/* Which lengths each type of record may have, written by hand. */
static void
test_record_lengths(void)
{
	struct sada_buf b = {0};
	const unsigned char *p;
	struct sada_rd r;
	unsigned type, got;
	size_t n, len;
	int ok;

	for (type = 0; type < 8; type++)
		for (n = 0; n < 40; n++) {
			sada_buf_reset(&b);
			sada_put_u8(&b, (uint8_t)type);
			sada_put_var(&b, n);
			memset(sada_buf_reserve(&b, n + 1), 0, n + 1);
			b.len += n;
			ok = type == SADA_LOG_OP || type == SADA_LOG_MEMBER ?
			    n > 0 : type == SADA_LOG_EPOCH ? n >= 8 :
			    type != 0 && type < 6 && n == 32;
			sada_rd_init(&r, b.p, b.len);
			CHECK_INT(sada_log_next(&r, &got, &p, &len, NULL),
			    ok ? 1 : SADA_FORMAT);
			CHECK(!ok || (got == type && len == n));
		}
	sada_buf_release(&b);
}

static void
test_payloads(void)
{
	unsigned char rec[200];
	struct sada_buf pay = {0}, b = {0};
	struct sada_id prev = {{1}}, hash;
	struct sada_frame f;
	uint32_t count, seen;
	unsigned type;
	size_t n;
	int round;

	for (round = 0; round < 500; round++) {
		sada_buf_reset(&pay);
		sada_buf_reset(&b);
		count = (uint32_t)(1 + tap_below(6));
		for (seen = 0; seen < count; seen++) {
			type = (unsigned)(1 + tap_below(5));
			n = 8 + tap_below(sizeof(rec) - 8);
			if (type == SADA_LOG_GROUP || type == SADA_LOG_ALIAS)
				n = 32;
			rand_bytes(rec, n);
			sada_log_record(&pay, type, rec, n);
		}
		CHECK_INT(canon_payload(pay.p, pay.len, &seen), 1);
		CHECK_INT(seen, count);
		CHECK_INT(sweep_flips(canon_records, pay.p, pay.len), 0);
		sada_frame_encode(&b, 1 + (unsigned)tap_below(3), count, &pay,
		    &prev, 1, (uint64_t)round, &hash);
		CHECK_INT(sada_frame_decode(&f, b.p, b.len, 1,
		    (uint64_t)round, NULL), 0);
		CHECK_INT(f.count, count);
		/* A count that is not that of the records. */
		sada_buf_reset(&b);
		sada_frame_encode(&b, 1, count + 1, &pay, &prev, 1, 0, &hash);
		CHECK_INT(sada_frame_decode(&f, b.p, b.len, 1, 0, NULL),
		    SADA_FORMAT);
	}
	CHECK_INT(sweep_numbers(canon_records, put_record, 3), 0);
	sada_buf_release(&pay);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(5);
	test_header();
	test_golden_frame();
	test_frame_numbers();
	test_record_lengths();
	test_payloads();
	return tap_done();
}
