/* What the tests of lib/crypto share: hex, and a door of known bytes. */
#ifndef SADA_UNIT_CRYPTO_UTIL_H
#define SADA_UNIT_CRYPTO_UTIL_H

#include <assert.h>
#include <string.h>

#include "base/io.h"

/* The next byte that the known door gives: 00 01 02 ... ff 00 ... */
static unsigned char door_next;

static inline ssize_t
door_random(void *p, size_t n)
{
	unsigned char *b = p;
	size_t i;

	for (i = 0; i < n; i++)
		b[i] = door_next++;
	return (ssize_t)n;
}

/* From now on randomness counts up from FIRST; OPS must stay. */
static inline void
door_known(struct sada_io_ops *ops, unsigned char first)
{
	door_next = first;
	*ops = *sada_io_ops();
	ops->random = door_random;
	sada_io_use(ops);
}

/* Write the bytes of HEX, exactly N of them, to OUT. */
static inline void
unhex(unsigned char *out, size_t n, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	assert(strlen(hex) == 2 * n);
	for (i = 0; i < n; i++)
		out[i] = (unsigned char)(
		    ((strchr(digits, hex[2 * i]) - digits) << 4) |
		    (strchr(digits, hex[2 * i + 1]) - digits));
}

/* Are the N bytes at P those of HEX? */
static inline int
is_hex(const unsigned char *p, size_t n, const char *hex)
{
	unsigned char want[128];

	assert(n <= sizeof(want));
	unhex(want, n, hex);
	return memcmp(p, want, n) == 0;
}

#endif
