/* First records of bundles: round trip, one encoding, damage. */
#include "ack_canon.h"
#include "format_util.h"

static struct sada_id *
ids(size_t n)
{
	struct sada_id *id = sada_calloc(n, sizeof(*id));
	size_t i;

	for (i = 0; i < n; i++)
		rand_bytes(&id[i], sizeof(id[i]));
	return id;
}

static void
fill(struct sada_bundle_head *h, size_t size)
{
	size_t i;

	memset(h, 0, sizeof(*h));
	rand_bytes(&h->group, SADA_ID_LEN);
	h->alias = ids(h->nalias = tap_below(size));
	h->to = ids(h->nto = 1 + tap_below(size < 64 ? size : 64));
	h->basis = ids(h->nbasis = tap_below(size));
	h->necho = tap_below(size);
	h->echo = sada_calloc(h->necho, sizeof(*h->echo));
	for (i = 0; i < h->necho; i++) {
		rand_bytes(&h->echo[i].author, SADA_ID_LEN);
		h->echo[i].incarnation = tap_rand();
		h->echo[i].counter = tap_rand();
	}
	h->ack = (const unsigned char *)"acknowledgement";
	h->ack_len = tap_below(16);
	h->flags = (uint8_t)tap_below(2);
	h->ops = rand_num(UINT64_MAX);
	h->objects = rand_num(UINT64_MAX);
	h->raw_bytes = rand_num(UINT64_MAX);
}

/* Is each of the N ids at A among the M at B? */
static int
among(const struct sada_id *a, size_t n, const struct sada_id *b, size_t m)
{
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < m && sada_id_cmp(&a[i], &b[j]) != 0; j++)
			;
		if (j == m)
			return 0;
	}
	return 1;
}

static void
test_round_trip(void)
{
	struct sada_bundle_head h, back;
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t i;

	for (i = 0; i < 300; i++) {
		fill(&h, 1 + i % 90);
		/* Doubles are sent once. */
		if (h.nbasis > 1)
			h.basis[0] = h.basis[1];
		sada_buf_reset(&b);
		sada_bundle_head_encode(&b, &h);
		CHECK_INT(sada_bundle_head_decode(&back, b.p, b.len, &err),
		    0);
		CHECK(sada_id_cmp(&back.group, &h.group) == 0);
		CHECK_INT(back.nalias, h.nalias);
		CHECK_INT(back.nto, h.nto);
		CHECK_INT(back.necho, h.necho);
		CHECK_INT(back.nbasis, h.nbasis - (h.nbasis > 1));
		CHECK(among(h.alias, h.nalias, back.alias, back.nalias));
		CHECK(among(h.to, h.nto, back.to, back.nto));
		CHECK(among(h.basis, h.nbasis, back.basis, back.nbasis));
		CHECK(back.ack_len == h.ack_len && (h.ack_len == 0 ||
		    memcmp(back.ack, h.ack, h.ack_len) == 0));
		CHECK(back.ops == h.ops && back.objects == h.objects &&
		    back.raw_bytes == h.raw_bytes && back.flags == h.flags);
		CHECK_INT(canon_head(b.p, b.len), 1);
		sada_bundle_head_release(&back);
		sada_bundle_head_release(&h);
	}
	sada_buf_release(&b);
}

/* Field WHICH is VALUE. */
static void
put_number(struct sada_buf *b, size_t which, uint64_t value)
{
	static const unsigned char zero[64];
	uint64_t f[10] = { 0, 1, 1, 3, 1, 1, 1, 5, 6, 7 };

	if (which < 10)
		f[which] = value;
	sada_put_u8(b, 1);
	sada_put_u32(b, (uint32_t)f[0]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[1]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[2]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[3]);
	sada_buf_add(b, zero, 3);
	sada_put_var(b, f[4]);
	sada_buf_add(b, zero, 32);
	sada_put_var(b, f[5]);
	sada_buf_add(b, zero, 48);
	sada_put_u8(b, (uint8_t)f[6]);
	sada_put_var(b, f[7]);
	sada_put_var(b, f[8]);
	sada_put_var(b, f[9]);
}

static void
test_one_form(void)
{
	struct sada_bundle_head h;
	struct sada_buf b = { 0 };
	struct sada_err err;

	do {
		fill(&h, 4);
		sada_buf_reset(&b);
		sada_bundle_head_encode(&b, &h);
		sada_bundle_head_release(&h);
	} while (b.len < 300);
	sweep(canon_head, &b);
	CHECK_INT(sweep_numbers(canon_head, put_number, 10), 0);
	/* A newer version, a feature that is not known. */
	b.p[0] = 2;
	CHECK_INT(sada_bundle_head_decode(&h, b.p, b.len, &err),
	    SADA_VERSION);
	b.p[0] = 1;
	b.p[3] = 1;
	CHECK_INT(sada_bundle_head_decode(&h, b.p, b.len, &err),
	    SADA_VERSION);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(4);
	test_round_trip();
	test_one_form();
	return tap_done();
}
