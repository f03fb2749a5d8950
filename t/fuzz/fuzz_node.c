/* Nodes: what is taken is written back the same, with and without flags. */
#include <assert.h>

#include "format_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* One node for all, so that reuse of its memory is tried too. */
	static struct sada_node node;
	int plain, changes;

	sada_crypto_init();
	plain = canon_node(p, n);
	changes = canon_changes(p, n);
	assert(plain >= 0 && changes >= 0);
	/* The flag only allows more. */
	assert(plain == 0 || changes == 1);
	assert((sada_node_decode(&node, p, n, 0, NULL) == 0) == plain);
	return 0;
}
