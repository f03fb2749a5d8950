/* The journal's codec: round trip, every truncation, every flipped bit. */
#include "format/journal.h"
#include "tap.h"

static void
round_trip(size_t nheads)
{
	struct sada_journal j = { 0 }, k;
	struct sada_id heads[3];
	struct sada_buf b = { 0 };
	struct sada_err err;
	unsigned char *copy;
	size_t i, bit;

	memset(heads, 0, sizeof(heads));
	for (i = 0; i < 3; i++)
		heads[i].b[0] = (unsigned char)(i + 1);
	j.phase = SADA_JOURNAL_STAGED;
	j.generation = UINT64_C(1) << 40;
	j.serial = 300;
	j.heads = heads;
	j.nheads = nheads;
	j.map.b[31] = 7;
	sada_journal_encode(&b, &j);
	CHECK_INT(sada_journal_decode(&k, b.p, b.len, &err), 0);
	CHECK_INT(k.phase, j.phase);
	CHECK_INT(k.generation, j.generation);
	CHECK_INT(k.serial, j.serial);
	CHECK_INT(k.nheads, nheads);
	CHECK(sada_id_cmp(&k.map, &j.map) == 0);
	CHECK(nheads == 0 || memcmp(k.heads, heads,
	    nheads * sizeof(heads[0])) == 0);
	free(k.heads);
	for (i = 0; i < b.len; i++) {
		copy = sada_malloc(i + 1);
		memcpy(copy, b.p, i);
		CHECK_INT(sada_journal_decode(&k, copy, i, &err),
		    SADA_FORMAT);
		free(copy);
	}
	for (bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] ^= (unsigned char)(1u << bit % 8);
		CHECK_INT(sada_journal_decode(&k, b.p, b.len, &err),
		    SADA_FORMAT);
		b.p[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	sada_put_u8(&b, 0);
	CHECK_INT(sada_journal_decode(&k, b.p, b.len, &err), SADA_FORMAT);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	round_trip(0);
	round_trip(3);
	return tap_done();
}
