/* Op and member records: what is taken is written back the same. */
#include <assert.h>

#include "format_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned char none[SADA_PK_LEN] = {0};
	struct sada_member m;

	sada_crypto_init();
	assert(canon_op(p, n) >= 0);
	assert(sada_op_verify(p, n, none, NULL) < 0);
	if (sada_member_decode(&m, p, n, NULL) == 0)
		assert(sada_member_name_ok(m.name));
	return 0;
}
