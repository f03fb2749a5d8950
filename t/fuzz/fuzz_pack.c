/* Blocks: a head, then the raw bytes of as many objects as it says. */
#include <assert.h>

#include "format_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned char head[SADA_BLOCK_HEAD];
	struct sada_block_head h;

	if (n < SADA_BLOCK_HEAD)
		return 0;
	if (sada_block_head_decode(&h, p, NULL) == 0) {
		(void)!sada_block_check(p, p + SADA_BLOCK_HEAD,
		    n - SADA_BLOCK_HEAD, NULL);
		if (h.frame_len <= n - SADA_BLOCK_HEAD) {
			sada_block_head_encode(head, h.objects, h.raw_len,
			    p + SADA_BLOCK_HEAD, h.frame_len);
			assert(memcmp(head, p, 16) == 0);
		}
	}
	assert(canon_dir(p + SADA_BLOCK_HEAD, n - SADA_BLOCK_HEAD,
	    sada_le32(p + 4)) >= 0);
	/* Most numbers of objects are hopeless; small ones are not. */
	assert(canon_dir(p + 1, n - 1, p[0]) >= 0);
	return 0;
}
