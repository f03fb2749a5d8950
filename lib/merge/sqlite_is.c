/*
 * Databases by their look, without the library.  The header, from the file
 * format's page (integers big-endian):
 *
 *	0	16	"SQLite format 3", NUL
 *	16	2	page size, a power of two from 512; 1 is 65536
 *	18	1	write version: 1 rollback journal, 2 WAL
 *	19	1	read version, as above
 *	20	1	bytes at the end of each page kept for extensions
 *	21	3	64, 32, 32
 *	24	4	change counter
 *	40	4	schema cookie
 *	44	4	schema format, 1 to 4; 0 before the first table
 *	56	4	text encoding: 1 UTF-8, 2 and 3 UTF-16; 0 as above
 *	92	4	the change counter that offset 96 belongs to
 *	96	4	library that wrote last
 */
#include <string.h>

#include "merge/sqlite.h"

static const char *const suffix[] = { "-wal", "-shm", "-journal" };

int
sada_sqlite_is(const void *p, size_t n)
{
	const unsigned char *h = p;
	unsigned size;

	if (n < 100 || memcmp(h, "SQLite format 3", 16) != 0)
		return 0;
	size = (unsigned)h[16] << 8 | h[17];
	if (size == 1)
		size = 65536;
	return size >= 512 && (size & (size - 1)) == 0 &&
	    size - h[20] >= 480 && h[18] >= 1 && h[18] <= 2 &&
	    h[19] >= 1 && h[19] <= 2 && h[21] == 64 && h[22] == 32 &&
	    h[23] == 32 && h[44] == 0 && h[45] == 0 && h[46] == 0 &&
	    h[47] <= 4 && h[56] == 0 && h[57] == 0 && h[58] == 0 &&
	    h[59] <= 3;
}

const char *
sada_sqlite_busy_name(unsigned i)
{
	return i < sizeof(suffix) / sizeof(suffix[0]) ? suffix[i] : NULL;
}

size_t
sada_sqlite_busy_of(const char *name, size_t n)
{
	size_t i, k;

	for (i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		k = strlen(suffix[i]);
		if (n > k && memcmp(name + n - k, suffix[i], k) == 0)
			return n - k;
	}
	return 0;
}
