/*
 * Tests of lib/crypto/seal: known answers from a door of known bytes (made
 * with another implementation), slots, tag, the chunk stream against all
 * that a carrier or a fellow recipient can do to it.
 */
#include "base/buf.h"
#include "crypto/seal.h"
#include "crypto_util.h"
#include "tap.h"

#define FULL (SADA_CHUNK_RAW + SADA_CHUNK_OVER)
#define ROUNDS 10000

static const char fk_hex[] = "404142434445464748494a4b4c4d4e4f"
    "505152535455565758595a5b5c5d5e5f";

/* A file key, a binding, and a big plaintext with room to open it. */
struct fix {
	unsigned char fk[SADA_FILEKEY_LEN];
	struct sada_id bind;
	unsigned char raw[SADA_CHUNK_RAW + 1];
	unsigned char out[SADA_CHUNK_RAW + 1];
	unsigned char chunk[4][FULL + 1];
	unsigned char head[SADA_STREAM_HEAD_LEN];
	size_t len[4];
};

static void
fix_init(struct fix *f)
{
	size_t i;

	unhex(f->fk, sizeof(f->fk), fk_hex);
	sada_hash(&f->bind, SADA_CTX_HEAD, "clear header", 12);
	for (i = 0; i < sizeof(f->raw); i++)
		f->raw[i] = (unsigned char)(i % 251);
}

/* Start opening under F's own header, key and binding. */
static struct sada_stream *
pull_new(const struct fix *f)
{
	struct sada_stream *s;
	struct sada_err err;

	CHECK_INT(sada_stream_pull_new(&s, f->head, f->fk, &err), 0);
	sada_stream_bind(s, &f->bind);
	return s;
}

/* Open one chunk with S; the refusal or 0. */
static int
pull(struct sada_stream *s, struct fix *f, const unsigned char *p, size_t n,
    unsigned *flags)
{
	struct sada_err err;

	return sada_stream_pull(s, f->out, p, n, flags, &err);
}

/* Open one chunk as the first of a stream. */
static int
pull_first(struct fix *f, const unsigned char *p, size_t n)
{
	struct sada_stream *s = pull_new(f);
	unsigned flags;
	int rc;

	rc = pull(s, f, p, n, &flags);
	sada_stream_free(s);
	return rc;
}

/* Fill F's four chunks: three full ones, then "the last words". */
static void
seal_four(struct fix *f)
{
	struct sada_stream *s;
	size_t i;

	sada_stream_push_new(&s, f->head, f->fk);
	sada_stream_bind(s, &f->bind);
	for (i = 0; i < 3; i++) {
		f->len[i] = FULL;
		sada_stream_push(s, f->chunk[i], f->raw, SADA_CHUNK_RAW, 0);
	}
	f->len[3] = 14 + SADA_CHUNK_OVER;
	sada_stream_push(s, f->chunk[3], "the last words", 14,
	    SADA_STREAM_FINAL);
	sada_stream_free(s);
}

static void
test_known(struct fix *f)
{
	struct sada_io_ops ops;
	unsigned char slot[SADA_SLOT_LEN], fk[SADA_FILEKEY_LEN];
	unsigned char tag[SADA_TAG_LEN];
	struct sada_stream *s;
	struct sada_key *k;
	struct sada_id id;

	door_known(&ops, 0);
	sada_key_new(&k);
	sada_filekey_new(fk);
	CHECK(is_hex(fk, sizeof(fk), fk_hex));
	sada_slot_make(slot, fk, sada_key_pub(k));
	CHECK(is_hex(slot, sizeof(slot), "7d6eddae8f7cefbdb7d8e8e3bc8ee8ac"
	    "675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f"
	    "fd84123be2fa47e6c4fe6832432c064e"
	    "3cf7250b2c391afe74385aed253292cde187e0202cf17ccdb3cf2f01c92875fd"
	    ));
	sada_slot_dummy(slot);
	CHECK(is_hex(slot, sizeof(slot), "808182838485868788898a8b8c8d8e8f"
	    "736845d54e87de09d6bb114aa7042c50a4a015bd9901d1a0026f5956533a1519"
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	    "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	    ));
	sada_head_tag(tag, fk, "clear header", 12);
	CHECK(is_hex(tag, sizeof(tag), "0d91bde08225d27d9ae4b63dd33d3434"
	    "c88da7c67eb73e7ccc0a7cbfc62f0868"));
	sada_key_free(k);

	door_known(&ops, 0);
	sada_stream_push_new(&s, f->head, f->fk);
	CHECK(is_hex(f->head, sizeof(f->head),
	    "000102030405060708090a0b0c0d0e0f1011121314151617"));
	sada_stream_bind(s, &f->bind);
	sada_stream_push(s, f->chunk[0], f->raw, SADA_CHUNK_RAW, 0);
	sada_hash(&id, SADA_CTX_CHUNK, f->chunk[0], FULL);
	CHECK(is_hex(id.b, sizeof(id.b), "c34ed7e78694bb72ef896e13622a925a"
	    "12377f7edb83de85333b2de6d8fec064"));
	sada_stream_push(s, f->chunk[1], "the last words", 14,
	    SADA_STREAM_FINAL);
	CHECK(is_hex(f->chunk[1], 14 + SADA_CHUNK_OVER,
	    "215d78309dc0e8073362881638292cc714cc28610b0e228d0274bacf738340"));
	sada_stream_free(s);

	door_known(&ops, 0);
	sada_stream_push_new(&s, f->head, f->fk);
	sada_stream_bind(s, &f->bind);
	sada_stream_push(s, f->chunk[1], NULL, 0, SADA_STREAM_FINAL);
	CHECK(is_hex(f->chunk[1], SADA_CHUNK_OVER,
	    "d7a69f60644801004e98be452c3bffff76"));
	sada_stream_free(s);
	sada_io_use(NULL);
}

/*
 * Chunks with right authentication but a form that push never makes:
 * "abc" without FINAL, and tags PUSH, REKEY and unknown ones.  The full
 * ones are the known chunk 0 with the tag's bits changed and its MAC new.
 */
static const char *const odd_short[] = {
	"d4d2edae1a5dadc4272cfc44483bcca28d9bb321",	/* MESSAGE, short */
	"d5d2edae39f29b8470def54e35004a7bd0966c7e",	/* PUSH */
	"d6d2edae53878a44b990ef5822c5c753139225db",	/* REKEY */
	"d0d2edaea808f3c40463151d9427d54082aecfae",	/* 4 */
	"d3d2edaefbc7be04df79023b5b764eca4aa0fac4",	/* 7 */
};
static const struct {
	unsigned char tag;
	const char *mac;
} odd_full[] = {
	{ 1, "bc8ee967710eb642df8f8c2a4a902a53" },
	{ 2, "e7d438dd06e2ccbd1913590e2d6c1788" },
	{ 4, "f42f5d1d86ec43dbbaff8db7db448a4a" },
};

static void
test_forms(struct fix *f)
{
	unsigned char small[20];
	size_t i, j;

	unhex(f->head, sizeof(f->head),
	    "000102030405060708090a0b0c0d0e0f1011121314151617");
	for (i = 0; i < sizeof(odd_short) / sizeof(odd_short[0]); i++) {
		unhex(small, sizeof(small), odd_short[i]);
		memset(f->out, 0x77, 3);
		CHECK_INT(pull_first(f, small, sizeof(small)), SADA_FORMAT);
		/* It was opened, then wiped: so the vector is a right one. */
		for (j = 0; j < 3; j++)
			CHECK_INT(f->out[j], 0);
	}
	CHECK_INT(pull_first(f, f->chunk[0], FULL), 0);
	for (i = 0; i < sizeof(odd_full) / sizeof(odd_full[0]); i++) {
		memcpy(f->chunk[1], f->chunk[0], FULL);
		f->chunk[1][0] ^= odd_full[i].tag;
		unhex(f->chunk[1] + FULL - 16, 16, odd_full[i].mac);
		memset(f->out, 0x77, SADA_CHUNK_RAW);
		CHECK_INT(pull_first(f, f->chunk[1], FULL), SADA_FORMAT);
		for (j = 0; j < SADA_CHUNK_RAW; j++)
			CHECK_INT(f->out[j], 0);
	}
}

static void
test_slots(struct fix *f)
{
	unsigned char slot[SADA_SLOT_LEN], fk[SADA_FILEKEY_LEN];
	struct sada_key *k[4];
	struct sada_err err;
	size_t i, j;
	int rc;

	for (i = 0; i < 4; i++)
		sada_key_new(&k[i]);
	for (i = 0; i < 4; i++) {
		sada_slot_make(slot, f->fk, sada_key_pub(k[i]));
		for (j = 0; j < 4; j++) {
			CHECK_INT(sada_slot_matches(slot, sada_key_pub(k[j])),
			    i == j);
			memset(fk, 0x55, sizeof(fk));
			rc = sada_slot_open(fk, slot, k[j], &err);
			CHECK_INT(rc, i == j ? 0 : SADA_AUTH);
			CHECK((memcmp(fk, f->fk, sizeof(fk)) == 0) ==
			    (i == j));
			/* A refusal leaves zeros, never something else. */
			CHECK(rc == 0 || (fk[0] == 0 &&
			    memcmp(fk, fk + 1, sizeof(fk) - 1) == 0));
		}
	}
	for (i = 0; i < 8 * sizeof(slot); i++) {
		slot[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(sada_slot_open(fk, slot, k[3], &err), SADA_AUTH);
		/* The hint speaks for the one-time key, not for the box. */
		CHECK_INT(sada_slot_matches(slot, sada_key_pub(k[3])),
		    i / 8 >= 48);
		slot[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	CHECK_INT(sada_slot_open(fk, slot, k[3], &err), 0);
	for (i = 0; i < 300; i++) {
		sada_slot_dummy(slot);
		/* No one-time key has the top bit. */
		CHECK_INT(slot[16 + 31] & 0x80, 0);
		CHECK(!sada_slot_matches(slot, sada_key_pub(k[i % 4])));
		CHECK_INT(sada_slot_open(fk, slot, k[i % 4], &err), SADA_AUTH);
	}
	for (i = 0; i < 4; i++)
		sada_key_free(k[i]);
}

static void
test_tag(struct fix *f)
{
	unsigned char a[SADA_TAG_LEN], b[SADA_TAG_LEN], head[200];
	size_t i;

	memcpy(head, f->raw, sizeof(head));
	sada_head_tag(a, f->fk, head, sizeof(head));
	sada_head_tag(b, f->fk, head, sizeof(head));
	CHECK_INT(sada_tag_cmp(a, b), 0);
	for (i = 0; i < 8 * sizeof(head); i++) {
		head[i / 8] ^= (unsigned char)(1u << i % 8);
		sada_head_tag(b, f->fk, head, sizeof(head));
		CHECK(sada_tag_cmp(a, b) != 0);
		head[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < 8 * sizeof(f->fk); i++) {
		f->fk[i / 8] ^= (unsigned char)(1u << i % 8);
		sada_head_tag(b, f->fk, head, sizeof(head));
		CHECK(sada_tag_cmp(a, b) != 0);
		f->fk[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < sizeof(head); i++) {
		sada_head_tag(b, f->fk, head, i);
		CHECK(sada_tag_cmp(a, b) != 0);
	}
	memcpy(b, a, sizeof(b));
	for (i = 0; i < 8 * sizeof(b); i++) {
		b[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK(sada_tag_cmp(a, b) != 0);
		b[i / 8] ^= (unsigned char)(1u << i % 8);
	}
}

/* The right stream opens; behind FINAL nothing does. */
static void
test_whole(struct fix *f)
{
	struct sada_stream *s = pull_new(f);
	unsigned flags;
	size_t i;

	for (i = 0; i < 4; i++) {
		CHECK_INT(pull(s, f, f->chunk[i], f->len[i], &flags), 0);
		CHECK_INT(flags, i == 3 ? SADA_STREAM_FINAL : 0);
		CHECK(memcmp(f->out, i == 3 ? (const unsigned char *)
		    "the last words" : f->raw,
		    f->len[i] - SADA_CHUNK_OVER) == 0);
	}
	for (i = 0; i < 4; i++) {
		flags = 9;
		CHECK_INT(pull(s, f, f->chunk[i], f->len[i], &flags),
		    SADA_FORMAT);
		CHECK_INT(flags, 0);
	}
	sada_stream_free(s);
	sada_stream_free(NULL);
}

/*
 * A chunk that continues a stream rightly behind its FINAL one, and a
 * right chunk after one of a wrong size, are refused as well.
 */
static void
test_dead(struct fix *f)
{
	static const size_t wrong[] = { 0, SADA_CHUNK_OVER - 1, FULL + 1 };
	unsigned char end[17], more[20];
	struct sada_stream *s;
	unsigned flags;
	size_t i;

	unhex(f->head, sizeof(f->head),
	    "000102030405060708090a0b0c0d0e0f1011121314151617");
	unhex(end, sizeof(end), "d7a69f60644801004e98be452c3bffff76");
	unhex(more, sizeof(more), "48f729f7c86f520bfcc4852cf79c69c78f75870f");
	s = pull_new(f);
	CHECK_INT(pull(s, f, end, sizeof(end), &flags), 0);
	CHECK_INT(flags, SADA_STREAM_FINAL);
	CHECK_INT(pull(s, f, more, sizeof(more), &flags), SADA_FORMAT);
	CHECK_INT(flags, 0);
	sada_stream_free(s);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		s = pull_new(f);
		CHECK_INT(pull(s, f, f->chunk[0], wrong[i], &flags),
		    SADA_FORMAT);
		CHECK_INT(pull(s, f, end, sizeof(end), &flags), SADA_FORMAT);
		sada_stream_free(s);
	}
}

/*
 * Every sequence of four of the four chunks (256: drops, doubles, other
 * orders): each opens as far as it is the right one, then nothing more.
 */
static void
test_order(struct fix *f)
{
	struct sada_stream *s;
	size_t seq, i, at;
	unsigned flags;
	int good;

	for (seq = 0; seq < 256; seq++) {
		s = pull_new(f);
		good = 1;
		for (i = 0; i < 4; i++) {
			at = seq >> 2 * i & 3;
			good = good && at == i;
			CHECK_INT(pull(s, f, f->chunk[at], f->len[at], &flags),
			    good ? 0 : SADA_FORMAT);
			CHECK_INT(flags, good && i == 3 ? SADA_STREAM_FINAL :
			    0);
		}
		sada_stream_free(s);
	}
}

/* Chunks of another stream with the same key and binding do not fit. */
static void
test_splice(struct fix *f, struct fix *g)
{
	struct sada_stream *s;
	unsigned flags;
	size_t i, at;

	seal_four(g);
	CHECK(memcmp(f->head, g->head, sizeof(f->head)) != 0);
	for (at = 0; at < 4; at++) {
		s = pull_new(f);
		for (i = 0; i < at; i++)
			CHECK_INT(pull(s, f, f->chunk[i], f->len[i], &flags),
			    0);
		CHECK_INT(pull(s, f, g->chunk[at], g->len[at], &flags),
		    SADA_FORMAT);
		/* Once refused, the right one comes too late. */
		CHECK_INT(pull(s, f, f->chunk[at], f->len[at], &flags),
		    SADA_FORMAT);
		sada_stream_free(s);
	}
}

/* A full chunk cut, lengthened, flipped at each 13th byte and at its ends. */
static void
test_damage_full(struct fix *f)
{
	unsigned char was;
	size_t i, n;

	for (n = 0; n <= FULL + 1; n += n < 40 || n > FULL - 140 ? 1 : 97)
		CHECK_INT(pull_first(f, f->chunk[0], n),
		    n == FULL ? 0 : SADA_FORMAT);
	for (i = 0; i < FULL; i += i < 40 || i > FULL - 40 ? 1 : 13) {
		was = f->chunk[0][i];
		f->chunk[0][i] ^= (unsigned char)(1 + tap_below(255));
		CHECK_INT(pull_first(f, f->chunk[0], FULL), SADA_FORMAT);
		f->chunk[0][i] = was;
	}
	CHECK_INT(pull_first(f, f->chunk[0], FULL), 0);
}

/* Short last chunks of each size to 300: every cut, every bit flipped. */
static void
test_damage_last(struct fix *f)
{
	struct sada_stream *s;
	unsigned flags;
	size_t i, n, len;

	for (n = 0; n <= 300; n++) {
		sada_stream_push_new(&s, f->head, f->fk);
		sada_stream_bind(s, &f->bind);
		sada_stream_push(s, f->chunk[0], f->raw, n,
		    SADA_STREAM_FINAL);
		sada_stream_free(s);
		len = n + SADA_CHUNK_OVER;
		s = pull_new(f);
		CHECK_INT(pull(s, f, f->chunk[0], len, &flags), 0);
		CHECK_INT(flags, SADA_STREAM_FINAL);
		CHECK(memcmp(f->out, f->raw, n) == 0);
		sada_stream_free(s);
		if (n % 25 != 14)
			continue;
		for (i = 0; i < len; i++)
			CHECK_INT(pull_first(f, f->chunk[0], i), SADA_FORMAT);
		f->chunk[0][len] = 0;
		CHECK_INT(pull_first(f, f->chunk[0], len + 1), SADA_FORMAT);
		for (i = 0; i < 8 * len; i++) {
			f->chunk[0][i / 8] ^= (unsigned char)(1u << i % 8);
			CHECK_INT(pull_first(f, f->chunk[0], len),
			    SADA_FORMAT);
			f->chunk[0][i / 8] ^= (unsigned char)(1u << i % 8);
		}
	}
	/* A last chunk may be full as well, but not longer. */
	sada_stream_push_new(&s, f->head, f->fk);
	sada_stream_bind(s, &f->bind);
	sada_stream_push(s, f->chunk[0], f->raw, SADA_CHUNK_RAW,
	    SADA_STREAM_FINAL);
	sada_stream_free(s);
	s = pull_new(f);
	CHECK_INT(pull(s, f, f->chunk[0], FULL, &flags), 0);
	CHECK_INT(flags, SADA_STREAM_FINAL);
	sada_stream_free(s);
}

/* Each bit of binding, key and header decides; the tag's key is another. */
static void
test_binding(struct fix *f)
{
	size_t i, last = 3;
	struct sada_stream *s;

	sada_stream_push_new(&s, f->head, f->fk);
	sada_stream_bind(s, &f->bind);
	f->len[last] = 14 + SADA_CHUNK_OVER;
	sada_stream_push(s, f->chunk[last], "the last words", 14,
	    SADA_STREAM_FINAL);
	sada_stream_free(s);
	for (i = 0; i < 8 * SADA_ID_LEN; i++) {
		f->bind.b[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(pull_first(f, f->chunk[last], f->len[last]),
		    SADA_FORMAT);
		f->bind.b[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < 8 * sizeof(f->fk); i++) {
		f->fk[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(pull_first(f, f->chunk[last], f->len[last]),
		    SADA_FORMAT);
		f->fk[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < 8 * sizeof(f->head); i++) {
		f->head[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(pull_first(f, f->chunk[last], f->len[last]),
		    SADA_FORMAT);
		f->head[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	CHECK_INT(pull_first(f, f->chunk[last], f->len[last]), 0);
}

static int
cmp32(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Sort ROUNDS pieces of 32 bytes; how many equal a neighbour? */
static int
doubles(unsigned char *p)
{
	int i, n = 0;

	qsort(p, ROUNDS, 32, cmp32);
	for (i = 1; i < ROUNDS; i++)
		n += memcmp(p + 32 * i, p + 32 * (i - 1), 32) == 0;
	return n;
}

/*
 * The same input sealed 10,000 times: no hint, one-time key, box, dummy,
 * file key, stream header or chunk comes twice.
 */
static void
test_fresh(struct fix *f)
{
	enum { HINT, ONCE, BOX, DUMMY, FILEKEY, HEAD, CHUNK, KINDS };
	unsigned char slot[SADA_SLOT_LEN], *seen[KINDS];
	struct sada_stream *s;
	struct sada_key *k;
	size_t i;

	sada_key_new(&k);
	for (i = 0; i < KINDS; i++)
		seen[i] = sada_calloc(ROUNDS, 32);
	for (i = 0; i < ROUNDS; i++) {
		sada_slot_make(slot, f->fk, sada_key_pub(k));
		memcpy(seen[HINT] + 32 * i, slot, 16);
		memcpy(seen[ONCE] + 32 * i, slot + 16, 32);
		memcpy(seen[BOX] + 32 * i, slot + 64, 32);
		sada_slot_dummy(slot);
		memcpy(seen[DUMMY] + 32 * i, slot + 16, 32);
		sada_filekey_new(seen[FILEKEY] + 32 * i);
		sada_stream_push_new(&s, f->head, f->fk);
		memcpy(seen[HEAD] + 32 * i, f->head, SADA_STREAM_HEAD_LEN);
		sada_stream_bind(s, &f->bind);
		sada_stream_push(s, f->chunk[0], f->raw, 15,
		    SADA_STREAM_FINAL);
		memcpy(seen[CHUNK] + 32 * i, f->chunk[0], 32);
		sada_stream_free(s);
	}
	for (i = 0; i < KINDS; i++) {
		CHECK_INT(doubles(seen[i]), 0);
		free(seen[i]);
	}
	sada_key_free(k);
}

int
main(void)
{
	struct fix *f, *g;

	sada_crypto_init();
	tap_seed(2);
	f = sada_calloc(1, sizeof(*f));
	g = sada_calloc(1, sizeof(*g));
	fix_init(f);
	fix_init(g);
	test_known(f);
	test_forms(f);
	test_dead(f);
	test_slots(f);
	test_tag(f);
	seal_four(f);
	test_whole(f);
	test_order(f);
	test_splice(f, g);
	test_damage_full(f);
	test_damage_last(f);
	test_binding(f);
	test_fresh(f);
	free(f);
	free(g);
	return tap_done();
}
