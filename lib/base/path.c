/* Paths inside a replica: their order, their parts, which may travel. */
#include <stdint.h>
#include <string.h>

#include "base/path.h"

/* The rank of byte C in the order of paths. */
static int
rank(char c)
{
	return c == '/' ? 0 : (unsigned char)c;
}

int
sada_path_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb, i = 0;
	uint64_t x, y;

	/* Neighbours share long prefixes: skip equal words first. */
	for (; n - i >= sizeof(x); i += sizeof(x)) {
		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		if (x != y)
			break;
	}
	for (; i < n; i++)
		if (a[i] != b[i])
			return rank(a[i]) < rank(b[i]) ? -1 : 1;
	return na == nb ? 0 : na < nb ? -1 : 1;
}

int
sada_path_below(const char *a, size_t na, const char *d, size_t nd)
{
	if (nd == 0)
		return na > 0;
	return na > nd && a[nd] == '/' && memcmp(a, d, nd) == 0;
}

int
sada_name_ok(const char *name, size_t n)
{
	if (n == 0 || n > SADA_NAME_MAX || memchr(name, '/', n) != NULL ||
	    memchr(name, '\0', n) != NULL)
		return 0;
	if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')))
		return 0;
	return !sada_name_is_store(name, n);
}

int
sada_path_ok(const char *path, size_t n)
{
	const char *end = path + n, *p = path, *slash;
	unsigned depth;

	if (n == 0)
		return 1;
	if (n > SADA_PATH_MAX)
		return 0;
	for (depth = 1; depth <= SADA_DEPTH_MAX; depth++) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (slash == NULL)
			return sada_name_ok(p, (size_t)(end - p));
		if (!sada_name_ok(p, (size_t)(slash - p)))
			return 0;
		p = slash + 1;
	}
	return 0;
}

size_t
sada_path_parent(const char *path, size_t n)
{
	const char *slash = n > 0 ? memrchr(path, '/', n) : NULL;

	return slash != NULL ? (size_t)(slash - path) : 0;
}

size_t
sada_path_base(const char *path, size_t n)
{
	const char *slash = n > 0 ? memrchr(path, '/', n) : NULL;

	return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

unsigned
sada_path_depth(const char *path, size_t n)
{
	unsigned depth = n > 0;
	size_t i;

	for (i = 0; i < n; i++)
		depth += path[i] == '/';
	return depth;
}
