/* First records of bundles: what is taken is written back the same. */
#include <assert.h>

#include "ack_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	assert(canon_head(p, n) >= 0);
	return 0;
}
