/*
 * Where nodes end: a pure function of the keys, so that equal maps are
 * cut alike whatever their history.  The rule stands in tree.h.
 */
#include <assert.h>

#include "tree/tree_priv.h"

int
sada_cut(unsigned level, size_t n, const char *path, size_t len)
{
	unsigned char key[16] = "sada.cut.v1";

	assert(level <= SADA_LEVEL_MAX && n <= SADA_NODE_MAX);
	if (n < SADA_CUT_MIN)
		return 0;
	if (n == SADA_NODE_MAX)
		return 1;
	key[15] = (unsigned char)level;
	return sada_siphash(key, path, len) >> 32 < SADA_CUT_BELOW;
}
