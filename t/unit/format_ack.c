/* Acknowledgements: round trip, one encoding, who signed, damage. */
#include "ack_canon.h"
#include "format_util.h"

static struct sada_key *key;

static void
fill(struct sada_ack *a, size_t have, size_t want, size_t need)
{
	size_t i;

	memset(a, 0, sizeof(*a));
	a->author = sada_key_pub(key)->id;
	a->incarnation = tap_rand();
	a->counter = tap_rand();
	a->have = sada_calloc(have, sizeof(*a->have));
	a->want = sada_calloc(want, sizeof(*a->want));
	a->need = sada_calloc(need, sizeof(*a->need));
	a->nhave = have;
	a->nwant = want;
	a->nneed = need;
	for (i = 0; i < have; i++) {
		rand_bytes(&a->have[i].author, SADA_ID_LEN);
		a->have[i].epoch = tap_rand();
		a->have[i].seq = 1 + rand_num(UINT64_MAX - 1);
		a->have[i].op.b[0] = (unsigned char)(i >> 8);
		a->have[i].op.b[1] = (unsigned char)i;
	}
	for (i = 0; i < want; i++) {
		a->want[i].type = i < want / 3 ? SADA_OBJ_CHUNK :
		    i < want / 2 ? SADA_OBJ_LIST : SADA_OBJ_ANC;
		a->want[i].id.b[0] = (unsigned char)(i >> 8);
		a->want[i].id.b[1] = (unsigned char)i;
		if (a->want[i].type != SADA_OBJ_ANC)
			a->want[i].size = rand_num(INT64_MAX);
	}
	for (i = 0; i < need; i++)
		a->need[i].b[5] = (unsigned char)i;
}

static void
test_round_trip(void)
{
	const unsigned char *sign = sada_key_pub(key)->sign;
	struct sada_ack a, back;
	struct sada_buf b = { 0 };
	struct sada_key *other;
	struct sada_err err;
	size_t i;

	sada_key_new(&other);
	for (i = 0; i < 300; i++) {
		fill(&a, i % 7 == 0 ? 1000 : i % 5, i % 6, i % 4);
		sada_buf_reset(&b);
		sada_ack_encode(&b, &a, key);
		CHECK_INT(sada_ack_decode(&back, b.p, b.len, sign, &err), 0);
		CHECK(back.incarnation == a.incarnation &&
		    back.counter == a.counter && back.nhave == a.nhave &&
		    back.nwant == a.nwant && back.nneed == a.nneed);
		CHECK(a.nhave == 0 || memcmp(back.have, a.have,
		    a.nhave * sizeof(*a.have)) == 0);
		CHECK(a.nwant == 0 || memcmp(back.want, a.want,
		    a.nwant * sizeof(*a.want)) == 0);
		CHECK(a.nneed == 0 || memcmp(back.need, a.need,
		    a.nneed * sizeof(*a.need)) == 0);
		sada_ack_release(&back);
		sada_ack_release(&a);
	}
	CHECK_INT(sada_ack_decode(&back, b.p, b.len,
	    sada_key_pub(other)->sign, &err), SADA_AUTH);
	CHECK(back.have == NULL && back.want == NULL && back.need == NULL);
	for (i = 0; i < b.len; i++) {
		b.p[i] ^= 4;
		CHECK(sada_ack_decode(&back, b.p, b.len, sign, &err) < 0);
		b.p[i] ^= 4;
	}
	sada_key_free(other);
	sada_buf_release(&b);
}

/* Field WHICH is VALUE. */
static void
put_number(struct sada_buf *b, size_t which, uint64_t value)
{
	static const unsigned char zero[SADA_SIG_LEN];
	uint64_t f[6] = { 1, 1, 1, 1, 7, 1 };

	if (which < 6)
		f[which] = value;
	sada_put_u8(b, 1);
	sada_buf_add(b, zero, 32 + 16);
	sada_put_var(b, f[0]);
	sada_buf_add(b, zero, 32 + 8);
	sada_put_var(b, f[1]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[2]);
	sada_put_u8(b, (uint8_t)f[3]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[4]);
	sada_put_var(b, f[5]);
	sada_buf_add(b, zero, 32);
	sada_buf_add(b, zero, SADA_SIG_LEN);
}

static void
test_one_form(void)
{
	struct sada_ack a;
	struct sada_buf b = { 0 };
	size_t at;

	fill(&a, 2, 3, 2);
	sada_ack_encode(&b, &a, key);
	sweep(canon_ack, &b);
	CHECK_INT(sweep_numbers(canon_ack, put_number, 6), 0);
	/* Needs exchanged or doubled: the last two ids before the sign. */
	at = b.len - SADA_SIG_LEN - 2 * SADA_ID_LEN;
	b.p[at + 5] = 9;
	CHECK_INT(canon_ack(b.p, b.len), 0);
	b.p[at + 5] = 1;
	CHECK_INT(canon_ack(b.p, b.len), 0);
	b.p[at + 5] = 0;
	CHECK_INT(canon_ack(b.p, b.len), 1);
	sada_ack_release(&a);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(3);
	sada_key_new(&key);
	test_round_trip();
	test_one_form();
	sada_key_free(key);
	return tap_done();
}
