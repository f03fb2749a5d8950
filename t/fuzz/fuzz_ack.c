/* Acknowledgements: what is taken is written back the same. */
#include <assert.h>

#include "ack_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned char none[SADA_PK_LEN] = {0};
	struct sada_ack a;

	sada_crypto_init();
	assert(canon_ack(p, n) >= 0);
	assert(sada_ack_decode(&a, p, n, none, NULL) < 0);
	return 0;
}
