/*
 * The log: the input as a header, as a frame, and as the payload of a frame
 * made for it, which is taken exactly when its records are sound.
 */
#include <assert.h>

#include "format_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sada_buf pay = {0}, b = {0};
	struct sada_id prev = {{0}}, hash;
	struct sada_frame f;
	uint64_t segment;
	uint32_t count;
	int sound;

	sada_crypto_init();
	(void)!sada_log_header_check(p, n, &segment, NULL);
	(void)!sada_frame_decode(&f, p, n, 1, 64, NULL);
	sound = canon_payload(p, n, &count);
	assert(sound >= 0);
	if (n >= 2) {
		if (count == 0 || count > n / 2)
			count = 1;
		sada_buf_add(&pay, p, n);
		sada_frame_encode(&b, SADA_FRAME_PULLED, count, &pay, &prev,
		    1, 64, &hash);
		assert((sada_frame_decode(&f, b.p, b.len, 1, 64, NULL) == 0)
		    == (sound == 1));
		assert(!sound || (f.len == n && f.total == b.len));
	}
	sada_buf_release(&pay);
	sada_buf_release(&b);
	return 0;
}
