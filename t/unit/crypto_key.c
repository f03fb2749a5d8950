/*
 * Tests of lib/crypto/key: known answers from a door of known bytes (made
 * with another implementation), key file, public text, weak keys,
 * signatures.
 */
#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto_util.h"
#include "tap.h"

#define KEY_FILE_LEN 108
#define TEXT_LEN 117

static const char sign_hex[] = "03a107bff3ce10be1d70dd18e74bc099"
    "67e4d6309ba50d5f1ddc8664125531b8";
static const char box_hex[] = "5730800ab340fcb18ce5111eda9d705f"
    "91388b41e4544cbd103ba5942db2233e";
static const char id_hex[] = "893b0bf280d3a41a8aa52bf8f02a5070"
    "8b703f3542ae46d1320036edac0320df";
static const char file_hex[] = "736164616b65793100000000"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    "31d8c600316424a4ee546535db54007f183b4867fbe00859e8cf76673da843d7";
/* The same seeds with KDF id 1, and a right hash. */
static const char kdf_hex[] = "736164616b65793101000000"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    "eebd5895730960b036ed56cd4c036329e716d47ae48fec095d3a4f05858c1c5a";
static const char text_known[] = "sada1aoqqpp7tzyil4hlq3umoos6atft6jvrq"
    "tosq2xy53sdgiesvgg4fomeabkzub7frrtsrchw2tvyf7ejyrna6ivcmxuidxjmufwzcg"
    "pqllfklhtpk";

/* The key whose seeds are 00 to 1f and 20 to 3f. */
static struct sada_key *
known_key(void)
{
	struct sada_io_ops ops;
	struct sada_key *k;

	door_known(&ops, 0);
	sada_key_new(&k);
	CHECK_INT(door_next, 64);
	sada_io_use(NULL);
	return k;
}

static void
test_known(const struct sada_key *k)
{
	const struct sada_pub *p = sada_key_pub(k);
	struct sada_buf b = { 0 };
	unsigned char sig[SADA_SIG_LEN];

	CHECK(is_hex(p->sign, SADA_PK_LEN, sign_hex));
	CHECK(is_hex(p->box, SADA_PK_LEN, box_hex));
	CHECK(is_hex(p->id.b, SADA_ID_LEN, id_hex));
	sada_key_encode(&b, k);
	CHECK_INT(b.len, KEY_FILE_LEN);
	CHECK(is_hex(b.p, KEY_FILE_LEN, file_hex));
	sada_wipe(b.p, b.len);
	CHECK(b.p[0] == 0 && memcmp(b.p, b.p + 1, b.len - 1) == 0);
	sada_buf_reset(&b);
	sada_pub_text(&b, p);
	CHECK_STR(sada_buf_str(&b), text_known);
	sada_buf_release(&b);
	sada_sign(sig, k, SADA_CTX_OP, "hello, replica", 14);
	CHECK(is_hex(sig, 32, "20541235788491417b7893df5e7622fe"
	    "5758c4af99ff5482038665c6513ca851"));
	CHECK(is_hex(sig + 32, 32, "0f94b1b37c6d1aa059c151e3ee313424"
	    "1bbd3e89e873120a1ba17c1f4cf9ec04"));
	sada_sign(sig, k, SADA_CTX_MEMBER, NULL, 0);
	CHECK(is_hex(sig, 32, "89b9f37b3eecc9f76a205df8bc6cf4ae"
	    "9aecbd1af72cd25d51adad2990065818"));
	CHECK(is_hex(sig + 32, 32, "f3089f9b699982486f007624613038b9"
	    "783fdbfa5384b20edf739eea15be8f03"));
}

/* Decode N bytes; nothing may come out of a refusal. */
static int
decode(const void *p, size_t n)
{
	struct sada_key *k = NULL;
	struct sada_err err = { 0 };
	int rc;

	rc = sada_key_decode(&k, p, n, &err);
	CHECK((rc == 0) == (k != NULL));
	CHECK_INT(rc, err.code);
	sada_key_free(k);
	return rc;
}

static void
test_file(const struct sada_key *k)
{
	unsigned char file[KEY_FILE_LEN + 1];
	struct sada_buf b = { 0 };
	struct sada_key *two;
	size_t i, n;

	/* Behind other bytes, and back. */
	sada_buf_adds(&b, "before");
	sada_key_encode(&b, k);
	CHECK_INT(b.len, 6 + KEY_FILE_LEN);
	CHECK_INT(sada_key_decode(&two, b.p + 6, KEY_FILE_LEN, NULL), 0);
	CHECK(memcmp(sada_key_pub(two), sada_key_pub(k),
	    sizeof(struct sada_pub)) == 0);
	sada_buf_reset(&b);
	sada_key_encode(&b, two);
	CHECK(is_hex(b.p, b.len, file_hex));
	sada_key_free(two);
	sada_buf_release(&b);

	file[KEY_FILE_LEN] = 0;
	unhex(file, KEY_FILE_LEN, file_hex);
	for (n = 0; n <= sizeof(file); n++)
		CHECK_INT(decode(file, n), n == KEY_FILE_LEN ? 0 :
		    SADA_FORMAT);
	for (i = 0; i < 8 * KEY_FILE_LEN; i++) {
		file[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(decode(file, KEY_FILE_LEN),
		    i / 8 == 7 ? SADA_VERSION : SADA_FORMAT);
		file[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	CHECK_INT(decode(file, KEY_FILE_LEN), 0);
	unhex(file, KEY_FILE_LEN, kdf_hex);
	CHECK_INT(decode(file, KEY_FILE_LEN), SADA_VERSION);
	sada_key_free(NULL);
}

/* A right hash at the end of wrong bytes helps none of them. */
static void
test_file_hash(void)
{
	unsigned char file[KEY_FILE_LEN + 40];
	struct sada_id sum;
	size_t i, n;

	memset(file, 0, sizeof(file));
	unhex(file, KEY_FILE_LEN, file_hex);
	for (n = 0; n + SADA_ID_LEN <= sizeof(file); n++) {
		sada_hash(&sum, SADA_CTX_FILE, file, n);
		memcpy(file + n, sum.b, SADA_ID_LEN);
		CHECK_INT(decode(file, n + SADA_ID_LEN),
		    n == 76 ? 0 : SADA_FORMAT);
		memset(file, 0, sizeof(file));
		unhex(file, KEY_FILE_LEN, file_hex);
	}
	for (i = 0; i < 12; i++) {
		file[i] ^= 1;
		sada_hash(&sum, SADA_CTX_FILE, file, 76);
		memcpy(file + 76, sum.b, SADA_ID_LEN);
		CHECK_INT(decode(file, KEY_FILE_LEN),
		    i < 7 ? SADA_FORMAT : SADA_VERSION);
		file[i] ^= 1;
	}
	/* The hash of another context is none. */
	sada_hash(&sum, SADA_CTX_OP, file, 76);
	memcpy(file + 76, sum.b, SADA_ID_LEN);
	CHECK_INT(decode(file, KEY_FILE_LEN), SADA_FORMAT);
}

/* New keys differ in every part. */
static void
test_new(void)
{
	struct sada_key *a, *b;
	const struct sada_pub *p, *q;

	sada_key_new(&a);
	sada_key_new(&b);
	p = sada_key_pub(a);
	q = sada_key_pub(b);
	CHECK(memcmp(p->sign, q->sign, SADA_PK_LEN) != 0);
	CHECK(memcmp(p->box, q->box, SADA_PK_LEN) != 0);
	CHECK(sada_id_cmp(&p->id, &q->id) != 0);
	sada_key_free(a);
	sada_key_free(b);
}

static int
parse(const char *s, size_t n)
{
	struct sada_pub p;

	return sada_pub_parse(&p, s, n, NULL);
}

static void
test_text(const struct sada_key *k)
{
	char text[TEXT_LEN + 2];
	struct sada_pub p;
	size_t i, n;
	char was;
	int c;

	memcpy(text, text_known, TEXT_LEN + 1);
	text[TEXT_LEN + 1] = 0;
	CHECK_INT(sada_pub_parse(&p, text, TEXT_LEN, NULL), 0);
	CHECK(memcmp(&p, sada_key_pub(k), sizeof(p)) == 0);
	for (n = 0; n <= TEXT_LEN + 1; n++)
		CHECK_INT(parse(text, n), n == TEXT_LEN ? 0 : SADA_FORMAT);
	for (i = 0; i < TEXT_LEN; i++) {
		was = text[i];
		for (c = 0; c < 256; c++) {
			text[i] = (char)c;
			CHECK_INT(parse(text, TEXT_LEN),
			    text[i] == was ? 0 : SADA_FORMAT);
		}
		text[i] = was;
	}
	/* Neighbours swapped, as people do. */
	for (i = 0; i + 1 < TEXT_LEN; i++) {
		was = text[i];
		text[i] = text[i + 1];
		text[i + 1] = was;
		CHECK_INT(parse(text, TEXT_LEN),
		    text[i] == was ? 0 : SADA_FORMAT);
		text[i + 1] = text[i];
		text[i] = was;
	}
	CHECK_INT(parse(text, TEXT_LEN), 0);
}

/* Random keys go to text and back. */
static void
test_text_round(void)
{
	struct sada_buf b = { 0 };
	struct sada_key *k;
	struct sada_pub p;
	int i;

	for (i = 0; i < 100; i++) {
		sada_key_new(&k);
		sada_buf_reset(&b);
		sada_pub_text(&b, sada_key_pub(k));
		CHECK_INT(b.len, TEXT_LEN);
		CHECK_INT(sada_pub_parse(&p, (const char *)b.p, b.len, NULL),
		    0);
		CHECK(memcmp(&p, sada_key_pub(k), sizeof(p)) == 0);
		sada_key_free(k);
	}
	sada_buf_release(&b);
}

/* Signing keys of small order, of mixed order, not canonical, no point. */
static const char *const weak_sign[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	/* the known key plus the point of order 2 */
	"ea5ef8400c31ef41e28f22e718b43f66981b29cf645af2a0e223799bedaace47",
	"0200000000000000000000000000000000000000000000000000000000000000",
};

/* Sealing keys of small order, and others that are not canonical. */
static const char *const weak_box[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	/* 9 + p, and the known key with the bit that is ignored */
	"f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"5730800ab340fcb18ce5111eda9d705f91388b41e4544cbd103ba5942db223be",
};

static void
test_weak(const struct sada_key *k)
{
	const struct sada_pub *good = sada_key_pub(k);
	struct sada_buf b = { 0 };
	unsigned char raw[32], sig[SADA_SIG_LEN] = { 0 };
	struct sada_pub p, was;
	struct sada_err err;
	size_t i;

	memset(&p, 0x5a, sizeof(p));
	was = p;
	for (i = 0; i < sizeof(weak_sign) / sizeof(weak_sign[0]); i++) {
		unhex(raw, sizeof(raw), weak_sign[i]);
		CHECK_INT(sada_pub_init(&p, raw, good->box, &err),
		    SADA_FORMAT);
		CHECK(memcmp(&p, &was, sizeof(p)) == 0);
		CHECK_INT(sada_verify_sig(sig, raw, SADA_CTX_OP, "", 0, &err),
		    SADA_AUTH);
	}
	for (i = 0; i < sizeof(weak_box) / sizeof(weak_box[0]); i++) {
		unhex(raw, sizeof(raw), weak_box[i]);
		CHECK_INT(sada_pub_init(&p, good->sign, raw, &err),
		    SADA_FORMAT);
		CHECK(memcmp(&p, &was, sizeof(p)) == 0);
		/* A right checksum does not help. */
		p = *good;
		memcpy(p.box, raw, sizeof(raw));
		sada_buf_reset(&b);
		sada_pub_text(&b, &p);
		CHECK_INT(parse((const char *)b.p, b.len), SADA_FORMAT);
		p = was;
	}
	CHECK_INT(sada_pub_init(&p, good->sign, good->box, &err), 0);
	CHECK(memcmp(&p, good, sizeof(p)) == 0);
	/* In place, as a decoder does. */
	CHECK_INT(sada_pub_init(&p, p.sign, p.box, &err), 0);
	CHECK(memcmp(&p, good, sizeof(p)) == 0);
	sada_buf_release(&b);
}

static void
test_sign(const struct sada_key *k)
{
	const unsigned char *sign = sada_key_pub(k)->sign;
	unsigned char msg[100], sig[SADA_SIG_LEN], other[32];
	struct sada_key *two;
	struct sada_err err;
	size_t i;
	int c, d;

	for (i = 0; i < sizeof(msg); i++)
		msg[i] = (unsigned char)i;
	sada_sign(sig, k, SADA_CTX_OP, msg, sizeof(msg));
#define VERIFY(s, ctx, n) sada_verify_sig(sig, (s), (ctx), msg, (n), &err)
	CHECK_INT(VERIFY(sign, SADA_CTX_OP, sizeof(msg)), 0);
	for (i = 0; i < 8 * sizeof(sig); i++) {
		sig[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(VERIFY(sign, SADA_CTX_OP, sizeof(msg)), SADA_AUTH);
		sig[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < 8 * sizeof(msg); i++) {
		msg[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(VERIFY(sign, SADA_CTX_OP, sizeof(msg)), SADA_AUTH);
		msg[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	for (i = 0; i < 8 * sizeof(other); i++) {
		memcpy(other, sign, sizeof(other));
		other[i / 8] ^= (unsigned char)(1u << i % 8);
		CHECK_INT(VERIFY(other, SADA_CTX_OP, sizeof(msg)), SADA_AUTH);
	}
	for (i = 0; i < sizeof(msg); i++)
		CHECK_INT(VERIFY(sign, SADA_CTX_OP, i), SADA_AUTH);
	sada_key_new(&two);
	CHECK_INT(VERIFY(sada_key_pub(two)->sign, SADA_CTX_OP, sizeof(msg)),
	    SADA_AUTH);
	sada_key_free(two);

	/* A signature in one context is none in any other. */
	for (c = 0; c < SADA_CTX_COUNT; c++) {
		sada_sign(sig, k, (enum sada_ctx)c, msg, sizeof(msg));
		for (d = 0; d < SADA_CTX_COUNT; d++)
			CHECK_INT(VERIFY(sign, (enum sada_ctx)d, sizeof(msg)),
			    c == d ? 0 : SADA_AUTH);
	}
#undef VERIFY
}

int
main(void)
{
	struct sada_key *k;

	sada_crypto_init();
	k = known_key();
	test_known(k);
	test_file(k);
	test_file_hash();
	test_new();
	test_text(k);
	test_text_round();
	test_weak(k);
	test_sign(k);
	sada_key_free(k);
	return tap_done();
}
