/* Sealed bundles: round trips, sizes, cuts, damage, golden bytes. */
#include <malloc.h>

#include "bundle_util.h"
#include "crypto_util.h"

/* A small bundle's content. */
static void
small(struct script *s)
{
	s->n = 0;
	script_add(s, SADA_REC_HEAD, 40, 1);
	script_add(s, SADA_REC_MEMBER, 20, 2);
	script_add(s, SADA_REC_OP, 30, 3);
	script_add(s, SADA_REC_BLOCK, 50, 4);
	script_add(s, SADA_REC_MAP, 32, 5);
}

/* One of several segments, with records that span them. */
static void
large(struct script *s)
{
	size_t i;

	s->n = 0;
	script_add(s, SADA_REC_HEAD, 100, 1);
	for (i = 0; i < 40; i++)
		script_add(s, i % 3 == 0 ? SADA_REC_PREFIX : i % 3 == 1 ?
		    SADA_REC_BLOCK : SADA_REC_DELTA, i * 5000, i + 2);
	script_add(s, SADA_REC_BLOCK, (5u << 20) / 2, 77);
}

static int
round_trip(struct script *s, size_t step)
{
	struct source src = { 0 };
	struct sink out = { 0 };
	struct sada_err err;
	size_t told, n;
	int rc;

	if ((rc = script_seal(&out, s, ANN, &err)) < 0)
		return rc;
	n = out.b.len;
	CHECK_INT(sada_padme(n), n);
	CHECK_INT(sada_sealed_for(out.b.p, n, pub_of(BOB), &err), 1);
	CHECK_INT(sada_sealed_for(out.b.p, n, pub_of(CAT), &err), 1);
	CHECK_INT(sada_sealed_for(out.b.p, n, pub_of(ANN), &err), 0);
	src.p = out.b.p;
	src.n = n;
	src.step = step;
	rc = script_open(&src, s, step % 2 ? BOB : CAT, &told, &err);
	CHECK_INT(told, s->n);
	CHECK_INT(src.at, n);
	sada_buf_release(&out.b);
	return rc;
}

static void
test_sizes(void)
{
	/* HEAD of 10 and the heads of records take 48 bytes of the first. */
	static const size_t around[] = {
		0, 1, 127, 128, 16383, 16384, 65535, 65536,
		SADA_SEGMENT - 72 - 48, 2 * SADA_SEGMENT - 2 * 72 - 48,
		(3u << 20) + 12345, (4u << 20) - 72,
	};
	struct script s;
	size_t i, j;
	int off;

	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (off = -2; off <= 6; off++) {
			if (off < 0 && around[i] < 2)
				continue;
			s.n = 0;
			script_add(&s, SADA_REC_HEAD, 10, 1);
			script_add(&s, SADA_REC_BLOCK,
			    around[i] + (size_t)off, 0);
			CHECK_INT(round_trip(&s, 0), 0);
		}
	for (j = 0; j < 3; j++) {
		static const size_t step[] = { 0, 65537, 4000 };

		small(&s);
		CHECK_INT(round_trip(&s, j == 2 ? 1 : step[j]), 0);
		large(&s);
		CHECK_INT(round_trip(&s, step[j]), 0);
	}
	/* META of more than its raw cap, and records of the greatest size. */
	s.n = 0;
	script_add(&s, SADA_REC_HEAD, 0, 0);
	for (i = 0; i < 5; i++)
		script_add(&s, SADA_REC_NODE, 200000 * i, 0);
	script_add(&s, SADA_REC_NODE, META_MAX - RECORD_HEAD_MAX, 0);
	script_add(&s, SADA_REC_NODE, 250000, 9);
	script_add(&s, SADA_REC_NODE, META_MAX - RECORD_HEAD_MAX, 3);
	script_add(&s, SADA_REC_OP, 0, 0);
	script_add(&s, SADA_REC_BLOCK, SADA_RECORD_MAX, 0);
	CHECK_INT(round_trip(&s, 0), 0);
}

/* The size of a file with N payload bytes, the slow way. */
static uint64_t
naive_size(unsigned nslots, uint64_t n)
{
	uint64_t plain = 0, size;

	for (; n > SEGMENT_PAYLOAD; n -= SEGMENT_PAYLOAD)
		plain += SADA_SEGMENT;
	plain += n + 72;
	size = 16 + 96 * (uint64_t)nslots + 24 + 32;
	for (; plain > 65536; plain -= 65536)
		size += 65553;
	return size + plain + 17;
}

static void
test_padding(void)
{
	uint64_t n, padded, last = 0, size, want;
	unsigned slots, i;

	CHECK_INT(sada_padme(0), 0);
	CHECK_INT(sada_padme(1), 1);
	CHECK_INT(sada_padme(9), 10);
	CHECK_INT(sada_padme(1000), 1024);
	CHECK_INT(sada_padme(100000), 100352);
	CHECK_INT(sada_padme((UINT64_C(1) << 40) + 1),
	    (UINT64_C(1) << 40) + (UINT64_C(1) << 34));
	for (n = 1; n < 300000; n++) {
		CHECK(sada_padme(n) >= n && sada_padme(n) * 100 <= n * 112);
		CHECK(sada_padme(sada_padme(n)) == sada_padme(n));
	}
	for (slots = 1; slots <= 64; slots *= 2)
		for (last = 0, n = 1; n < 5000000;
		    n += 1 + tap_below(n % 65536 > 65000 ? 30 : 3000)) {
			padded = sada_sealed_padded(slots, n);
			size = sada_sealed_size(slots, padded);
			CHECK(size == naive_size(slots, padded));
			CHECK(padded >= n && padded >= last);
			CHECK(sada_padme(size) == size);
			/* No smaller Padme size could have been hit. */
			want = sada_padme(naive_size(slots, n));
			for (i = 0; want < size && i < 3; i++) {
				uint64_t k = n;

				while (naive_size(slots, k) < want)
					k += want - naive_size(slots, k) > 300
					    ? want - naive_size(slots, k) - 300
					    : 1;
				CHECK(naive_size(slots, k) != want);
				want = sada_padme(want + 1);
			}
			CHECK(want == size);
			last = padded;
		}
}

/* How many records lie wholly in the payload's first N bytes. */
static size_t
whole(const struct script *s, size_t n)
{
	size_t i;

	for (i = 0; i < s->n && s->r[i].end_at <= n; i++)
		;
	return i;
}

/* Where byte AT of a file lies in the payload: the start of its segment. */
static size_t
verified_before(size_t at)
{
	size_t header = sada_sealed_header_len(2);

	if (at < header)
		return 0;
	return (at - header) / (16 * CHUNK_SEALED) * SEGMENT_PAYLOAD;
}

static void
cut_at(const struct sink *out, const struct script *s, size_t n)
{
	struct sada_err err = { 0 };
	unsigned char *copy;
	size_t told;

	copy = sada_malloc(n);
	memcpy(copy, out->b.p, n);
	CHECK_INT(open_bytes(copy, n, s, BOB, &told, &err), SADA_FORMAT);
	CHECK(strncmp(err.msg, n == 0 ? "bundle is empty" :
	    "bundle is truncated", n == 0 ? 16 : 19) == 0);
	CHECK(told <= whole(s, verified_before(n)));
	free(copy);
}

static void
test_cuts(void)
{
	struct sink out = { 0 };
	struct script s;
	struct sada_err err;
	size_t i;

	small(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	for (i = 0; i < out.b.len; i++)
		cut_at(&out, &s, i);
	sada_buf_release(&out.b);

	memset(&out, 0, sizeof(out));
	large(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	CHECK(out.b.len > 6u << 20);
	for (i = 0; i < 8192; i += i < 600 ? 1 : 7)
		cut_at(&out, &s, i);
	for (i = 1; i < 100; i++) {
		cut_at(&out, &s, tap_below(out.b.len));
		cut_at(&out, &s, sada_sealed_header_len(2) +
		    tap_below(out.b.len / CHUNK_SEALED) * CHUNK_SEALED);
	}
	cut_at(&out, &s, out.b.len - 1);
	sada_buf_release(&out.b);
}

static void
test_flips(void)
{
	struct sink out = { 0 };
	struct script s;
	struct sada_err err = { 0 };
	size_t i, at, told;
	unsigned bit;
	int rc, bad = 0;

	small(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	for (i = 0; i < out.b.len; i++)
		for (bit = 1; bit < 256; bit *= i < 16 ? 2 : 8) {
			out.b.p[i] ^= (unsigned char)bit;
			rc = open_bytes(out.b.p, out.b.len, &s, BOB, &told,
			    &err);
			/* A slot that is not Bob's is only under the tag. */
			bad += rc != SADA_FORMAT && rc != SADA_VERSION;
			CHECK_INT(told, 0);
			out.b.p[i] ^= (unsigned char)bit;
		}
	CHECK_INT(bad, 0);
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, BOB, &told, &err), 0);
	sada_buf_release(&out.b);

	memset(&out, 0, sizeof(out));
	large(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	for (i = 0; i < 60; i++) {
		at = tap_below(out.b.len);
		out.b.p[at] ^= (unsigned char)(1 + tap_below(255));
		rc = open_bytes(out.b.p, out.b.len, &s, CAT, &told, &err);
		CHECK(rc == SADA_FORMAT || rc == SADA_VERSION);
		CHECK(told <= whole(&s, verified_before(at)));
		sada_buf_release(&out.b);
		memset(&out, 0, sizeof(out));
		CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	}
	sada_buf_add(&out.b, "", 1);
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, CAT, &told, &err),
	    SADA_FORMAT);
	CHECK(told < s.n);
	sada_buf_release(&out.b);
}

static void
test_people(void)
{
	struct sink out = { 0 };
	char hex[SADA_HEX_LEN + 1];
	struct sada_err err = { 0 };
	struct script s;
	size_t told;

	small(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, EVE, &told, &err),
	    SADA_FORMAT);
	CHECK_STR(err.msg, "bundle is not for this replica");
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, ANN, &told, &err),
	    SADA_FORMAT);
	sada_buf_release(&out.b);

	memset(&out, 0, sizeof(out));
	CHECK_INT(script_seal(&out, &s, EVE, &err), 0);
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, BOB, &told, &err),
	    SADA_AUTH);
	sada_id_hex(hex, &pub_of(EVE)->id);
	CHECK(strstr(err.msg, hex) != NULL);
	CHECK_INT(told, 0);
	sada_buf_release(&out.b);

	CHECK_INT(open_bytes("#!/bin/sh\necho no bundle, honestly\n", 35, &s,
	    BOB, &told, &err), SADA_FORMAT);
	CHECK_STR(err.msg, "this is no bundle");
	CHECK_INT(open_bytes("hello\n", 6, &s, BOB, &told, &err),
	    SADA_FORMAT);
	CHECK_STR(err.msg, "this is no bundle");
	CHECK_INT(sada_sealed_for("hello", 5, pub_of(BOB), &err),
	    SADA_FORMAT);
}

static void
test_slots(void)
{
	struct sada_pub to[SADA_SLOTS_MAX + 1];
	struct sada_sealer *w;
	struct sink out = { 0 };
	struct sada_err err;
	unsigned seen[4] = { 0 };
	size_t i, n;

	for (i = 0; i <= SADA_SLOTS_MAX; i++)
		to[i] = *pub_of(i == 0 ? BOB : CAT);
	CHECK_INT(sada_sealer_new(&w, player[ANN], to, SADA_SLOTS_MAX + 1,
	    sink_write, &out, &err), SADA_USAGE);
	CHECK(w == NULL && out.b.len == 0);
	for (n = 1; n <= SADA_SLOTS_MAX; n++) {
		for (i = 1; i < n; i *= 2)
			;
		sada_buf_reset(&out.b);
		CHECK_INT(sada_sealer_new(&w, player[ANN], to, n, sink_write,
		    &out, &err), 0);
		sada_sealer_free(w);
		CHECK_INT(out.b.len, sada_sealed_header_len((unsigned)i));
		CHECK_INT(sada_le16(out.b.p + AT_NSLOTS), i);
		CHECK_INT(sada_sealed_for(out.b.p, out.b.len, pub_of(BOB),
		    &err), 1);
	}
	/* Of three, Bob's slot stands anywhere among the four. */
	for (n = 0; n < 400; n++) {
		sada_buf_reset(&out.b);
		CHECK_INT(sada_sealer_new(&w, player[ANN], to, 3, sink_write,
		    &out, &err), 0);
		sada_sealer_free(w);
		for (i = 0; i < 4; i++)
			seen[i] += (unsigned)sada_slot_matches(out.b.p +
			    AT_SLOTS + i * SADA_SLOT_LEN, pub_of(BOB));
	}
	for (i = 0; i < 4; i++)
		CHECK(seen[i] > 60 && seen[i] < 140);
	sada_buf_release(&out.b);
}

/* Sinks and sources that fail: the code and nothing else. */
static void
test_faults(void)
{
	struct source src = { 0 };
	struct sink out = { 0 };
	struct script s;
	struct sada_err err = { 0 };
	size_t told, size;
	long i;
	int rc;

	large(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	size = out.b.len;
	for (i = 1;; i++) {
		memset(&src, 0, sizeof(src));
		src.p = out.b.p;
		src.n = size;
		src.fail_in = i;
		rc = script_open(&src, &s, BOB, &told, &err);
		if (rc == 0)
			break;
		CHECK_INT(rc, SADA_SYS);
		CHECK_INT(err.sys, EIO);
	}
	CHECK(i > (long)(size / CHUNK_SEALED));
	for (i = 0; i < 30; i++) {
		sada_buf_reset(&out.b);
		out.limited = 1;
		out.left = tap_below(size);
		CHECK_INT(script_seal(&out, &s, ANN, &err), SADA_SYS);
		CHECK_INT(err.sys, ENOSPC);
	}
	sada_buf_release(&out.b);
}

static size_t base_bytes, peak_bytes;

static void
sample(void)
{
	struct mallinfo2 m = mallinfo2();
	size_t now = m.uordblks + m.hblkhd;

	if (now > base_bytes && now - base_bytes > peak_bytes)
		peak_bytes = now - base_bytes;
}

static void
test_memory(void)
{
	struct source src = { 0 };
	struct sink out = { 0 };
	struct script s;
	struct sada_err err;
	struct mallinfo2 m;
	size_t told, i;

	s.n = 0;
	script_add(&s, SADA_REC_HEAD, 100, 1);
	for (i = 0; i < 40; i++)
		script_add(&s, SADA_REC_BLOCK, 700000, 0);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	CHECK(out.b.len > 25u << 20);
	src.p = out.b.p;
	src.n = out.b.len;
	src.each = sample;
	m = mallinfo2();
	base_bytes = m.uordblks + m.hblkhd;
	CHECK_INT(script_open(&src, &s, BOB, &told, &err), 0);
	CHECK(peak_bytes < 4u << 20);
	sada_buf_release(&out.b);
}

#include "bundle_golden.h"

/* Every byte known: the format cannot change unseen. */
static void
test_golden(void)
{
	struct sada_key *keep[NPLAYERS];
	struct sada_io_ops ops;
	struct sink out = { 0 };
	struct sada_buf hex = { 0 };
	struct sada_err err;
	struct script s;
	size_t told, i;

	memcpy(keep, player, sizeof(keep));
	door_known(&ops, 0);
	players_new();
	small(&s);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	for (i = 0; i < out.b.len; i++)
		sada_buf_addf(&hex, "%02x", out.b.p[i]);
	CHECK_STR(sada_buf_str(&hex), golden);
	CHECK_INT(open_bytes(out.b.p, out.b.len, &s, BOB, &told, &err), 0);
	CHECK_INT(told, s.n);
	sada_io_use(NULL);
	players_free();
	memcpy(player, keep, sizeof(keep));
	sada_buf_release(&hex);
	sada_buf_release(&out.b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261122);
	players_new();
	test_sizes();
	test_padding();
	test_cuts();
	test_flips();
	test_people();
	test_slots();
	test_faults();
	test_memory();
	test_golden();
	players_free();
	return tap_done();
}
