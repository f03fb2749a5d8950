/* File lists and ancestors: what is taken is written back the same. */
#include <assert.h>

#include "format_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	assert(canon_list(p, n) >= 0);
	assert(canon_anc(p, n) >= 0);
	return 0;
}
