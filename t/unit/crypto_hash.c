/*
 * Tests of lib/crypto/hash: known answers for every context (made with
 * another implementation), pieces against the whole, ids as text.
 */
#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto_util.h"
#include "tap.h"

static const struct {
	enum sada_ctx ctx;
	const char *hex;
} known[] = {
	{ SADA_CTX_CHUNK,
	    "811f42553abc1ff5235d1ab690b6222c"
	    "d079be86e18870b6a54d417ca04aa32f" },
	{ SADA_CTX_LIST,
	    "2712ead9038df82bbf1c6d9592bf67e6"
	    "a8760a9fa5aa6e49c28c8c23979b70ad" },
	{ SADA_CTX_NODE,
	    "35c2bb36ef2327358986296129b13d35"
	    "f946108c610e169a11201cf54ce2808e" },
	{ SADA_CTX_ANC,
	    "c47f6e4afce79b5800d2b92157a1a9a5"
	    "633b8d77e75a81076733e35aedff6fc9" },
	{ SADA_CTX_VERSION,
	    "4e8b24f799310a9a227cfc4775048958"
	    "f001cdfe0e492dd88e67ead07ff18beb" },
	{ SADA_CTX_OP,
	    "ebce9210196e62f58f532a1bde6aedc8"
	    "79722853a422877c803d2a80c03983d0" },
	{ SADA_CTX_MEMBER,
	    "c3baea95c59f25aeff62e7643bca0002"
	    "2698bbc7c45a77f0e7fc6dae1e372b7e" },
	{ SADA_CTX_ID,
	    "f9e5927876e52b162aa29225baef7ce5"
	    "15524b1ec568308a6ebeb7c5532734aa" },
	{ SADA_CTX_NAME,
	    "56d21b27f5cf7e9d54c1dca4058a6492"
	    "9c644d4d258effdd605884ca92226f6a" },
	{ SADA_CTX_STATE,
	    "c6b91e6b7a89a95158b397e1878a6fa6"
	    "e2accdd05fecad12d667f5d0e08fc0a1" },
	{ SADA_CTX_MERGE,
	    "5384665c6dc3778cda139868f846f421"
	    "3364831c588f26a5155793d907cdabed" },
	{ SADA_CTX_PACK,
	    "8b404c0046ba85c44a92d7df9b939cf7"
	    "d3db21603e6d52173a9ffabfc39362fe" },
	{ SADA_CTX_INDEX,
	    "c5c1637539c5aeae30a91e9bf8b6005d"
	    "d99f6dea3c46e9107f33adf89b332165" },
	{ SADA_CTX_FRAME,
	    "02a5b330ce9040952fc33f291159e931"
	    "631511fac240b27f1f786b8d922a9f86" },
	{ SADA_CTX_HEAD,
	    "bc57063284d87f127897138bb5316f37"
	    "86b1ad9b8eb3cd25e366110ae7ab573c" },
	{ SADA_CTX_SEGMENT,
	    "da3238c99e55e12ac919497335d0893c"
	    "647c85c0fd428a788f4bd433ff80d957" },
	{ SADA_CTX_HINT,
	    "5bb5677096b8361e2d51535a304a3b7c"
	    "b254e94bbfb2a952ada65184a366cd65" },
	{ SADA_CTX_ACK,
	    "bff60489d0d6347250910b2ebee95fc4"
	    "090257933bd9684ea6ef51d874e5a1ec" },
	{ SADA_CTX_FILE,
	    "93f22636af391b99ab99b384366293cc"
	    "88688cfa904578250643aa24d6d8a853" },
};

#define BIG 100000

static void
fill(unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(i % 251);
}

static void
test_known(const unsigned char *big)
{
	struct sada_id id;
	size_t i;

	CHECK_INT(sizeof(known) / sizeof(known[0]), SADA_CTX_COUNT);
	for (i = 0; i < SADA_CTX_COUNT; i++) {
		CHECK_INT(known[i].ctx, i);
		sada_hash(&id, known[i].ctx, "abc", 3);
		CHECK(is_hex(id.b, SADA_ID_LEN, known[i].hex));
	}
	sada_hash(&id, SADA_CTX_CHUNK, NULL, 0);
	CHECK(is_hex(id.b, SADA_ID_LEN, "a1244b954b2158b013495302145db263"
	    "21abca09cec895d8a00d47b79210cf56"));
	sada_hash(&id, SADA_CTX_CHUNK, big, BIG);
	CHECK(is_hex(id.b, SADA_ID_LEN, "dfb17b91f11c388b7ceaacb427c41325"
	    "f57e3ac4cbde747a6f6c67aa206eaf71"));
}

/* No context gives another's hash, and no length another length's. */
static void
test_apart(void)
{
	struct sada_id ids[SADA_CTX_COUNT][4];
	static const unsigned char zeros[4];
	size_t i, j, k;

	for (i = 0; i < SADA_CTX_COUNT; i++)
		for (k = 0; k < 4; k++)
			sada_hash(&ids[i][k], (enum sada_ctx)i, zeros, k);
	for (i = 0; i < SADA_CTX_COUNT * 4; i++)
		for (j = 0; j < SADA_CTX_COUNT * 4; j++)
			CHECK((i == j) == (sada_id_cmp(&ids[i / 4][i % 4],
			    &ids[j / 4][j % 4]) == 0));
}

/* In pieces, cut anywhere, it is the hash of the whole. */
static void
test_pieces(const unsigned char *big)
{
	struct sada_id whole, id;
	struct sada_hasher h;
	size_t n, at, step, round;

	for (n = 0; n <= 300; n++) {
		sada_hash(&whole, SADA_CTX_LIST, big, n);
		for (at = 0; at <= n; at++) {
			sada_hash2(&id, SADA_CTX_LIST, big, at, big + at,
			    n - at);
			CHECK(sada_id_cmp(&id, &whole) == 0);
		}
	}
	sada_hash(&whole, SADA_CTX_CHUNK, big, BIG);
	for (round = 0; round < 50; round++) {
		sada_hasher_init(&h, SADA_CTX_CHUNK, BIG);
		for (at = 0; at < BIG; at += step) {
			step = tap_below(3000);
			if (step > BIG - at)
				step = BIG - at;
			sada_hasher_add(&h, big + at, step);
		}
		sada_hasher_end(&h, &id);
		CHECK(sada_id_cmp(&id, &whole) == 0);
	}
	sada_hasher_init(&h, SADA_CTX_CHUNK, 0);
	sada_hasher_end(&h, &id);
	sada_hash(&whole, SADA_CTX_CHUNK, NULL, 0);
	CHECK(sada_id_cmp(&id, &whole) == 0);
}

/* One bit of the input changes the hash. */
static void
test_flips(void)
{
	unsigned char in[200];
	struct sada_id whole, id;
	size_t i;

	fill(in, sizeof(in));
	sada_hash(&whole, SADA_CTX_OP, in, sizeof(in));
	for (i = 0; i < 8 * sizeof(in); i++) {
		in[i / 8] ^= (unsigned char)(1u << i % 8);
		sada_hash(&id, SADA_CTX_OP, in, sizeof(in));
		CHECK(sada_id_cmp(&id, &whole) != 0);
		in[i / 8] ^= (unsigned char)(1u << i % 8);
	}
}

/* The vectors of the SipHash paper and its authors' table. */
static void
test_siphash(void)
{
	unsigned char in[16];
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	CHECK(sada_siphash(in, in, 0) == UINT64_C(0x726fdb47dd0e0e31));
	CHECK(sada_siphash(in, in, 1) == UINT64_C(0x74f839c593dc67fd));
	CHECK(sada_siphash(in, in, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void
test_ids(void)
{
	struct sada_id id, two, zero = { { 0 } };
	char hex[SADA_HEX_LEN + 1], longer[SADA_HEX_LEN + 1];
	size_t i, n;
	int c;

	for (i = 0; i < SADA_ID_LEN; i++)
		id.b[i] = (unsigned char)(i * 37 + 0x9c);
	sada_id_hex(hex, &id);
	CHECK_INT(strlen(hex), SADA_HEX_LEN);
	CHECK(is_hex(id.b, SADA_ID_LEN, hex));
	for (n = 1; n <= SADA_HEX_LEN; n++) {
		CHECK_INT(sada_id_parse(&two, hex, n), 0);
		for (i = 0; i < SADA_ID_LEN; i++) {
			unsigned mask = i < n / 2 ? 0xffu :
			    i == n / 2 && n % 2 != 0 ? 0xf0u : 0;

			CHECK_INT(two.b[i], id.b[i] & mask);
		}
	}
	CHECK_INT(sada_id_parse(&two, hex, 0), -1);
	memset(longer, 'a', sizeof(longer));
	CHECK_INT(sada_id_parse(&two, longer, sizeof(longer)), -1);
	CHECK(sada_id_cmp(&two, &id) == 0);
	for (i = 0; i < SADA_HEX_LEN; i++) {
		char was = hex[i];

		for (c = 0; c < 256; c++) {
			hex[i] = (char)c;
			CHECK_INT(sada_id_parse(&two, hex, SADA_HEX_LEN),
			    c != 0 && strchr("0123456789abcdefABCDEF", c) ?
			    0 : -1);
		}
		hex[i] = was;
	}
	CHECK(sada_id_zero(&zero));
	for (i = 0; i < 8 * SADA_ID_LEN; i++) {
		two = zero;
		two.b[i / 8] = (unsigned char)(1u << i % 8);
		CHECK(!sada_id_zero(&two));
		CHECK(sada_id_cmp(&two, &zero) > 0);
		CHECK(sada_id_cmp(&zero, &two) < 0);
	}
}

int
main(void)
{
	unsigned char *big;

	sada_crypto_init();
	sada_crypto_init();
	tap_seed(1);
	big = sada_malloc(BIG);
	fill(big, BIG);
	test_known(big);
	test_apart();
	test_pieces(big);
	test_flips();
	test_siphash();
	test_ids();
	free(big);
	return tap_done();
}
