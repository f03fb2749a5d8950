/* Cutting large contents by content: FastCDC's normalised gear hash. */
#include "format/object.h"
#include "store/chunker.h"

#define MASK_HARD (~(UINT64_MAX >> 20))
#define MASK_EASY (~(UINT64_MAX >> 16))

void
sada_chunker_init(struct sada_chunker *c)
{
	static const unsigned char key[16] = { 's', 'a', 'd', 'a', ' ', 'g',
	    'e', 'a', 'r', ' ', 't', 'a', 'b', 'l', 'e', '1' };
	unsigned char byte;
	unsigned i;

	for (i = 0; i < 256; i++) {
		byte = (unsigned char)i;
		c->gear[i] = sada_siphash(key, &byte, 1);
	}
}

size_t
sada_chunker_cut(const struct sada_chunker *c, const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t i, mid;
	uint64_t h = 0;

	if (n <= SADA_CUT_MIN)
		return n;
	if (n > SADA_CUT_MAX)
		n = SADA_CUT_MAX;
	mid = n < SADA_CUT_AVG ? n : SADA_CUT_AVG;
	for (i = SADA_CUT_MIN; i < mid; i++) {
		h = (h << 1) + c->gear[s[i]];
		if ((h & MASK_HARD) == 0)
			return i + 1;
	}
	for (; i < n; i++) {
		h = (h << 1) + c->gear[s[i]];
		if ((h & MASK_EASY) == 0)
			return i + 1;
	}
	return n;
}

int
sada_list_cut(const struct sada_id *id, size_t n)
{
	if (n >= SADA_LIST_MAX)
		return 1;
	return n >= SADA_LIST_CUT_MIN && id->b[0] == 0 &&
	    (id->b[1] & 0xc0) == 0;
}
