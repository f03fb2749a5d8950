/*
 * Sealed bundles made by hand: by a fellow recipient, who knows the file
 * key, and by a sender who breaks the rules.
 */
#include "base/io.h"
#include "bundle_util.h"
#include "store/zst.h"

/* ---- a door whose next bytes are chosen: forges a stream header ---- */

static const unsigned char *chosen;

static ssize_t
chosen_random(void *p, size_t n)
{
	memcpy(p, chosen, n);
	chosen += n;
	return (ssize_t)n;
}

/* Seal plaintext P under FK behind the clear header H, as it stands. */
static void
seal_plain(struct sada_buf *out, const struct sada_buf *h,
    const unsigned char *fk, const unsigned char *p, size_t n)
{
	unsigned char head[SADA_STREAM_HEAD_LEN];
	unsigned char sealed[CHUNK_SEALED];
	struct sada_io_ops ops = *sada_io_ops();
	struct sada_stream *s;
	struct sada_id hh;
	size_t k, at = 0;

	ops.random = chosen_random;
	chosen = h->p + h->len - SADA_TAG_LEN - SADA_STREAM_HEAD_LEN;
	sada_io_use(&ops);
	sada_stream_push_new(&s, head, fk);
	sada_io_use(NULL);
	CHECK(memcmp(head, h->p + h->len - SADA_TAG_LEN -
	    SADA_STREAM_HEAD_LEN, sizeof(head)) == 0);
	sada_hash(&hh, SADA_CTX_HEAD, h->p, h->len);
	sada_stream_bind(s, &hh);
	sada_buf_add(out, h->p, h->len);
	do {
		k = n - at < SADA_CHUNK_RAW ? n - at : SADA_CHUNK_RAW;
		sada_stream_push(s, sealed, p + at, k, at + k == n ?
		    SADA_STREAM_FINAL : 0);
		sada_buf_add(out, sealed, k + SADA_CHUNK_OVER);
		at += k;
	} while (at < n);
	sada_stream_free(s);
}

/* A clear header to TO under FK. */
static void
make_header(struct sada_buf *h, const unsigned char *fk, int to)
{
	unsigned char slot[SADA_SLOT_LEN], head[SADA_STREAM_HEAD_LEN];
	unsigned char tag[SADA_TAG_LEN];

	sada_buf_adds(h, SADA_BUNDLE_MAGIC);
	sada_put_u16(h, 1);
	sada_put_u16(h, 1);
	sada_put_u16(h, 1);
	sada_put_u16(h, 0);
	sada_slot_make(slot, fk, pub_of(to));
	sada_buf_add(h, slot, sizeof(slot));
	memset(head, 9, sizeof(head));
	sada_buf_add(h, head, sizeof(head));
	sada_head_tag(tag, fk, h->p, h->len);
	sada_buf_add(h, tag, sizeof(tag));
}

/* What a sender does otherwise than the rules say. */
struct craft {
	uint64_t number_add;
	uint32_t flags_xor, said_xor, head_xor;
	size_t segment;			/* payload of a segment; 0: right */
	int no_last, other_header;
	int signer;
};

/* Payload P in segments as C says. */
static void
make_plain(struct sada_buf *plain, const struct craft *c,
    const struct sada_buf *h, const unsigned char *p, size_t n)
{
	unsigned char b[SIGNED_LEN], sig[SADA_SIG_LEN];
	size_t size = c->segment > 0 ? c->segment : SEGMENT_PAYLOAD;
	size_t at = 0, k;
	uint64_t number = c->number_add;
	uint32_t flags;
	struct sada_id hh;

	sada_hash(&hh, SADA_CTX_HEAD, h->p, h->len);
	hh.b[0] ^= (unsigned char)c->other_header;
	do {
		k = n - at < size ? n - at : size;
		flags = (at + k == n && !c->no_last ? 1u : 0) ^ c->flags_xor;
		sada_segment_signed(b, number++, flags, p + at,
		    (uint32_t)k, &hh);
		sada_sign(sig, player[c->signer], SADA_CTX_SEGMENT, b,
		    sizeof(b));
		sada_buf_add(plain, sig, sizeof(sig));
		sada_put_u32(plain, (uint32_t)k ^ c->said_xor);
		sada_put_u32(plain, flags ^ c->head_xor);
		sada_buf_add(plain, p + at, k);
		at += k;
	} while (at < n);
}

/* Open a bundle of payload P made as C says; the records told too. */
static int
try_craft(const struct craft *c, const struct sada_buf *p, size_t *told,
    struct sada_err *err)
{
	unsigned char fk[SADA_FILEKEY_LEN];
	struct sada_buf h = { 0 }, plain = { 0 }, out = { 0 };
	int rc;

	sada_filekey_new(fk);
	make_header(&h, fk, BOB);
	make_plain(&plain, c, &h, p->p, p->len);
	seal_plain(&out, &h, fk, plain.p, plain.len);
	rc = open_bytes(out.p, out.len, NULL, BOB, told, err);
	sada_buf_release(&h);
	sada_buf_release(&plain);
	sada_buf_release(&out);
	return rc;
}

static void
rec(struct sada_buf *b, unsigned type, const void *p, size_t n)
{
	sada_put_u8(b, (uint8_t)type);
	sada_put_var(b, n);
	sada_buf_add(b, p, n);
}

/* A payload from Ann: sender, HEAD, then what the caller adds. */
static void
begin(struct sada_buf *b)
{
	sada_buf_reset(b);
	sada_buf_add(b, pub_of(ANN)->id.b, SADA_ID_LEN);
	rec(b, SADA_REC_HEAD, "head", 4);
}

static void
zeros(struct sada_buf *b, size_t n)
{
	memset(sada_buf_reserve(b, n), 0, n);
	b->len += n;
}

static void
test_segments(void)
{
	static const struct {
		struct craft c;
		int rc;
	} t[] = {
		{ { 0 }, 0 },
		{ { .number_add = 1 }, SADA_FORMAT },
		{ { .flags_xor = 1 }, SADA_FORMAT },
		{ { .flags_xor = 2 }, SADA_FORMAT },
		{ { .said_xor = 1 }, SADA_FORMAT },
		{ { .head_xor = 1 }, SADA_FORMAT },
		{ { .head_xor = 1u << 31 }, SADA_FORMAT },
		{ { .segment = SEGMENT_PAYLOAD - 1 }, SADA_FORMAT },
		{ { .segment = 5000 }, SADA_FORMAT },
		{ { .no_last = 1 }, SADA_FORMAT },
		{ { .other_header = 1 }, SADA_FORMAT },
		{ { .signer = BOB }, SADA_FORMAT },
		{ { .signer = EVE }, SADA_FORMAT },
	};
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t told, i, size;
	int rc;

	for (size = 0; size <= 3u << 20; size = size * 2 + 100000)
		for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
			begin(&b);
			rec(&b, SADA_REC_END, NULL, 0);
			zeros(&b, size);
			rc = try_craft(&t[i].c, &b, &told, &err);
			if (t[i].c.segment > b.len)
				continue;
			CHECK_INT(rc, t[i].rc);
			CHECK(rc == 0 || told <= 1);
		}
	sada_buf_release(&b);
}

/* A META record of RAW bytes at P that says SAID. */
static void
meta(struct sada_buf *b, const void *p, size_t raw, uint64_t said)
{
	struct sada_buf m = { 0 };

	sada_put_var(&m, said);
	sada_zst_pack(&m, p, raw, NULL, 0, 3);
	rec(b, SADA_REC_META, m.p, m.len);
	sada_buf_release(&m);
}

/* One payload for each rule of the grammar; RC for the whole. */
static int
grammar(struct sada_buf *b, int which)
{
	static const unsigned char odd[] = { 3, 0x80, 0 };
	static const unsigned char huge[] = {
		3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };
	static const unsigned char above[] = { 3, 0x81, 0x80, 0x80, 0x0a };
	unsigned char *big;

	begin(b);
	switch (which) {
	case 0:				/* no END */
		return SADA_FORMAT;
	case 1:				/* a second HEAD */
		rec(b, SADA_REC_HEAD, "head", 4);
		break;
	case 2:				/* no HEAD first */
		b->len = SADA_ID_LEN;
		rec(b, SADA_REC_BLOCK, "x", 1);
		break;
	case 3:				/* END first */
		b->len = SADA_ID_LEN;
		break;
	case 4:				/* an inner record outside */
		rec(b, SADA_REC_OP, "x", 1);
		break;
	case 5:				/* an outer one inside */
		meta(b, "\3\1x", 3, 3);
		break;
	case 6:				/* META says more, less, too much, 0 */
		meta(b, "\x10\1x", 3, 4);
		break;
	case 7:
		meta(b, "\x10\1x", 3, 2);
		break;
	case 8:
		meta(b, "\x10\1x", 3, META_MAX + 1);
		break;
	case 9:
		meta(b, "", 0, 0);
		break;
	case 10:			/* an inner record that is cut */
		meta(b, "\x10\2x", 3, 3);
		break;
	case 11:			/* a length not in its shortest form */
		sada_buf_add(b, odd, sizeof(odd));
		break;
	case 12:
		sada_buf_add(b, huge, sizeof(huge));
		break;
	case 13:			/* one above the cap */
		sada_buf_add(b, above, sizeof(above));
		break;
	case 14:			/* END with content */
		rec(b, SADA_REC_END, "x", 1);
		return SADA_FORMAT;
	case 15:			/* padding that is not zero */
		rec(b, SADA_REC_END, NULL, 0);
		zeros(b, 100);
		sada_put_u8(b, 1);
		return SADA_FORMAT;
	case 16:			/* the same in another segment */
		rec(b, SADA_REC_END, NULL, 0);
		zeros(b, SADA_SEGMENT);
		sada_put_u8(b, 1);
		return SADA_FORMAT;
	case 17:			/* a record that runs into the end */
		sada_put_u8(b, SADA_REC_BLOCK);
		sada_put_var(b, 10);
		sada_buf_add(b, "short", 5);
		return SADA_FORMAT;
	case 18:			/* a bomb */
		big = sada_calloc(1, META_MAX + 4096);
		meta(b, big, META_MAX + 4096, META_MAX);
		free(big);
		break;
	case 19:			/* META that is no frame */
		rec(b, SADA_REC_META, "\4abcd", 5);
		break;
	case 20:
		rec(b, SADA_REC_META, "", 0);
		break;
	case 21:			/* unknown types */
		rec(b, 7, "x", 1);
		rec(b, SADA_REC_END, NULL, 0);
		return SADA_VERSION;
	case 22:
		rec(b, 0, "x", 1);
		rec(b, SADA_REC_END, NULL, 0);
		return SADA_VERSION;
	case 23:
		meta(b, "\x14\1x", 3, 3);
		rec(b, SADA_REC_END, NULL, 0);
		return SADA_VERSION;
	case 24:
		b->len = SADA_ID_LEN;
		rec(b, 200, "x", 1);
		return SADA_VERSION;
	default:
		rec(b, SADA_REC_END, NULL, 0);
		return 0;
	}
	rec(b, SADA_REC_END, NULL, 0);
	return SADA_FORMAT;
}

static void
test_grammar(void)
{
	struct craft c = { 0 };
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t told;
	int i, want;

	for (i = 0; i <= 25; i++) {
		want = grammar(&b, i);
		CHECK_INT(try_craft(&c, &b, &told, &err), want);
		CHECK(told <= 1);
		CHECK(strlen(err.msg) > 10 || want == 0);
	}
	/* Too short for a sender, or for a payload. */
	begin(&b);
	b.len = SADA_ID_LEN - 1;
	CHECK_INT(try_craft(&c, &b, &told, &err), SADA_FORMAT);
	b.len = 0;
	CHECK_INT(try_craft(&c, &b, &told, &err), SADA_FORMAT);
	sada_buf_release(&b);
}

/* The plaintext of bundle OUT (two slots), opened with FK. */
static void
open_plain(struct sada_buf *plain, const struct sada_buf *out,
    unsigned char *fk, int who)
{
	size_t hlen = sada_sealed_header_len(2), at, k;
	struct sada_stream *s;
	struct sada_err err;
	struct sada_id hh;
	unsigned flags;

	if (sada_slot_open(fk, out->p + AT_SLOTS, player[who], &err) < 0)
		CHECK_INT(sada_slot_open(fk, out->p + AT_SLOTS +
		    SADA_SLOT_LEN, player[who], &err), 0);
	CHECK_INT(sada_stream_pull_new(&s, out->p + hlen - SADA_TAG_LEN -
	    SADA_STREAM_HEAD_LEN, fk, &err), 0);
	sada_hash(&hh, SADA_CTX_HEAD, out->p, hlen);
	sada_stream_bind(s, &hh);
	for (at = hlen; at < out->len; at += k) {
		k = out->len - at < CHUNK_SEALED ? out->len - at :
		    CHUNK_SEALED;
		CHECK_INT(sada_stream_pull(s, sada_buf_reserve(plain, k),
		    out->p + at, k, &flags, &err), 0);
		plain->len += k - SADA_CHUNK_OVER;
	}
	sada_stream_free(s);
}

/* Cat, a fellow recipient, makes Bob a bundle from what Ann sent both. */
static void
test_fellow(void)
{
	unsigned char fk[SADA_FILEKEY_LEN];
	struct sada_buf plain = { 0 }, h = { 0 }, forged = { 0 };
	struct craft c = { 0 };
	struct sink out = { 0 };
	struct script s = { 0 };
	struct sada_err err;
	size_t told, i;

	script_add(&s, SADA_REC_HEAD, 40, 1);
	script_add(&s, SADA_REC_BLOCK, 2000000, 2);
	CHECK_INT(script_seal(&out, &s, ANN, &err), 0);
	open_plain(&plain, &out.b, fk, CAT);
	sada_buf_add(&h, out.b.p, sada_sealed_header_len(2));

	/* Unchanged, it is the same bundle: the forger's tools are right. */
	seal_plain(&forged, &h, fk, plain.p, plain.len);
	CHECK(forged.len == out.b.len &&
	    memcmp(forged.p, out.b.p, forged.len) == 0);
	/* One byte of the payload changed, in the first and a later one. */
	for (i = 0; i < 20; i++) {
		size_t at = i < 10 ? 72 + 32 + i * 13 :
		    SADA_SEGMENT + 72 + tap_below(700000);

		plain.p[at] ^= 1;
		sada_buf_reset(&forged);
		seal_plain(&forged, &h, fk, plain.p, plain.len);
		CHECK_INT(open_bytes(forged.p, forged.len, &s, BOB, &told,
		    &err), SADA_FORMAT);
		CHECK_INT(told, i < 10 ? 0 : 1);
		plain.p[at] ^= 1;
	}
	/* Segments in another order, left out, said to be the last. */
	sada_buf_reset(&forged);
	seal_plain(&forged, &h, fk, plain.p + SADA_SEGMENT,
	    plain.len - SADA_SEGMENT);
	CHECK(open_bytes(forged.p, forged.len, NULL, BOB, &told, &err) < 0);
	CHECK_INT(told, 0);
	sada_buf_reset(&forged);
	seal_plain(&forged, &h, fk, plain.p, SADA_SEGMENT);
	CHECK_INT(open_bytes(forged.p, forged.len, NULL, BOB, &told, &err),
	    SADA_FORMAT);
	CHECK_INT(told, 0);
	/* Ann's segments under a header of Cat's, for Bob alone. */
	sada_buf_reset(&h);
	sada_buf_reset(&forged);
	make_header(&h, fk, BOB);
	seal_plain(&forged, &h, fk, plain.p, plain.len);
	CHECK_INT(open_bytes(forged.p, forged.len, NULL, BOB, &told, &err),
	    SADA_FORMAT);
	CHECK_INT(told, 0);
	/* In Ann's name, signed by Cat. */
	sada_buf_reset(&plain);
	begin(&plain);
	rec(&plain, SADA_REC_END, NULL, 0);
	c.signer = CAT;
	CHECK_INT(try_craft(&c, &plain, &told, &err), SADA_FORMAT);
	CHECK(strstr(err.msg, "forged") != NULL);
	sada_buf_release(&plain);
	sada_buf_release(&h);
	sada_buf_release(&forged);
	sada_buf_release(&out.b);
}

/* Chunks and whole segments exchanged between two bundles, and within one. */
static void
test_swaps(void)
{
	struct sink one = { 0 }, two = { 0 };
	struct script s = { 0 };
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t told, i, from, at, n, header = sada_sealed_header_len(2);

	script_add(&s, SADA_REC_HEAD, 40, 1);
	script_add(&s, SADA_REC_BLOCK, 3000000, 2);
	CHECK_INT(script_seal(&one, &s, ANN, &err), 0);
	CHECK_INT(script_seal(&two, &s, ANN, &err), 0);
	CHECK(one.b.len == two.b.len &&
	    memcmp(one.b.p, two.b.p, one.b.len) != 0);
	for (i = 0; i < 40; i++) {
		n = (i % 2 ? 16 : 1) * CHUNK_SEALED;
		at = header + tap_below(one.b.len / n - 1) * n;
		from = i % 4 < 2 ? at : header +
		    tap_below(one.b.len / n - 1) * n;
		if (i % 4 >= 2 && from == at)
			continue;
		sada_buf_reset(&b);
		sada_buf_add(&b, one.b.p, one.b.len);
		memcpy(b.p + at, (i % 4 < 2 ? two.b.p : one.b.p) + from, n);
		CHECK_INT(open_bytes(b.p, b.len, &s, BOB, &told, &err),
		    SADA_FORMAT);
		CHECK(told <= 1);
	}
	/* The header of one on the chunks of the other. */
	sada_buf_reset(&b);
	sada_buf_add(&b, one.b.p, header);
	sada_buf_add(&b, two.b.p + header, two.b.len - header);
	CHECK_INT(open_bytes(b.p, b.len, &s, BOB, &told, &err), SADA_FORMAT);
	CHECK_INT(told, 0);
	sada_buf_release(&one.b);
	sada_buf_release(&two.b);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(7);
	players_new();
	test_segments();
	test_grammar();
	test_fellow();
	test_swaps();
	players_free();
	return tap_done();
}
