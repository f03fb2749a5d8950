/*
 * Matching of patterns.  A component is matched by going back to its last
 * '*' only, and a sequence of components by going back to its last "**"
 * only: what an earlier one could take as well, the last one can.  So no
 * pattern of a stranger's makes the work more than lengths multiplied.
 */
#include <string.h>

#include "merge/glob.h"

/* Classes of ASCII, whatever the locale. */
static int
in_class(const char *name, size_t n, unsigned char c)
{
	static const char *const names[] = { "alnum", "alpha", "blank",
	    "cntrl", "digit", "graph", "lower", "print", "punct", "space",
	    "upper", "xdigit" };
	int lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
	int digit = c >= '0' && c <= '9', graph = c > 0x20 && c < 0x7f;
	int alnum = lower || upper || digit;
	const int is[] = { alnum, lower || upper, c == ' ' || c == '\t',
	    c < 0x20 || c == 0x7f, digit, graph, lower, graph || c == ' ',
	    graph && !alnum, c == ' ' || (c >= '\t' && c <= '\r'), upper,
	    digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return is[i];
	return -1;
}

/*
 * The set that begins at P, a '[', and ends before END: its length, or 0 if
 * it is not closed or has an unknown class.  *IN: is C in it?
 */
static size_t
set_match(const char *p, const char *end, unsigned char c, int *in)
{
	const char *from = p++, *close;
	unsigned char lo, hi;
	int not = 0, first = 1, k;

	*in = 0;
	if (p < end && (*p == '!' || *p == '^')) {
		not = 1;
		p++;
	}
	for (; p < end && (*p != ']' || first); first = 0) {
		if (end - p > 1 && p[0] == '[' && p[1] == ':') {
			for (close = p + 2; close < end && *close != ']';)
				close++;
			if (close == end)
				return 0;
			if (close - p > 2 && close[-1] == ':') {
				k = in_class(p + 2, (size_t)(close - p - 3),
				    c);
				if (k < 0)
					return 0;
				*in |= k;
				p = close + 1;
				continue;
			}
		}
		if (*p == '\\' && ++p == end)
			return 0;
		lo = hi = (unsigned char)*p++;
		if (end - p > 1 && p[0] == '-' && p[1] != ']') {
			p++;
			if (*p == '\\' && ++p == end)
				return 0;
			hi = (unsigned char)*p++;
		}
		*in |= c >= lo && c <= hi;
	}
	*in ^= not;
	return p < end ? (size_t)(p + 1 - from) : 0;
}

/* One element of a component, not a '*': does it match C?  Its length. */
static size_t
step(const char *p, const char *end, unsigned char c, int *in)
{
	if (*p == '[')
		return set_match(p, end, c, in);
	if (*p == '\\') {
		*in = (unsigned char)p[1] == c;
		return 2;
	}
	*in = *p == '?' || (unsigned char)*p == c;
	return 1;
}

/* Does component P of N bytes match all of name S? */
static int
component(const char *p, size_t n, const char *s, size_t len)
{
	const char *end = p + n, *send = s + len;
	const char *star = NULL, *back = NULL;
	size_t k;
	int in;

	for (;;) {
		if (p < end && *p == '*') {
			star = ++p;
			back = s;
			continue;
		}
		if (p == end && s == send)
			return 1;
		if (p < end && s < send) {
			k = step(p, end, (unsigned char)*s, &in);
			if (in) {
				p += k;
				s++;
				continue;
			}
		}
		if (star == NULL || back == send)
			return 0;
		p = star;
		s = ++back;
	}
}

/* Where the component at P ends. */
static const char *
part_end(const char *p, const char *end)
{
	const char *slash = p < end ? memchr(p, '/', (size_t)(end - p)) :
	    NULL;

	return slash != NULL ? slash : end;
}

/* The component behind the one that ends at E; NULL: there is none. */
static const char *
part_next(const char *e, const char *end)
{
	return e < end ? e + 1 : NULL;
}

static int
is_double(const char *p, const char *e)
{
	return e - p == 2 && p[0] == '*' && p[1] == '*';
}

/*
 * Does anchored pattern P match some path that S is or lies below (DIR: that
 * it lies below)?
 */
static int
anchored(const char *p, const char *end, const char *s, const char *send,
    int dir)
{
	const char *star = NULL, *back = NULL, *pe, *se;

	for (;;) {
		pe = p != NULL ? part_end(p, end) : NULL;
		if (p != NULL && is_double(p, pe)) {
			/* At the end it is for all that lies below. */
			if ((p = part_next(pe, end)) == NULL)
				return s != NULL && (!dir ||
				    part_end(s, send) < send);
			star = p;
			back = s;
			continue;
		}
		if (p == NULL && (s != NULL || !dir))
			return 1;
		if (p != NULL && s != NULL) {
			se = part_end(s, send);
			if (component(p, (size_t)(pe - p), s,
			    (size_t)(se - s))) {
				p = part_next(pe, end);
				s = part_next(se, send);
				continue;
			}
		}
		if (star == NULL || back == NULL)
			return 0;
		p = star;
		s = back = part_next(part_end(back, send), send);
	}
}

int
sada_glob_ok(const char *p, size_t n)
{
	const char *end = p + n, *e;
	size_t k;
	int in;

	if (n == 0 || *p == '!' || memchr(p, '\0', n) != NULL ||
	    (n == 1 && *p == '/'))
		return 0;
	while (p < end) {
		e = part_end(p, end);
		if (*p == '\\' && e - p < 2)
			return 0;
		if (*p == '*' || *p == '/')
			k = 1;
		else
			k = step(p, e, 0, &in);
		if (k == 0)
			return 0;
		p += k;
	}
	return 1;
}

int
sada_glob_match(const char *p, size_t n, const char *path, size_t len)
{
	const char *end = p + n, *send = path + len, *s, *se;
	int dir = 0;

	if (end[-1] == '/') {
		dir = 1;
		end--;
	}
	if (memchr(p, '/', (size_t)(end - p)) != NULL)
		return anchored(p + (*p == '/'), end, path, send, dir);
	for (s = path; s != NULL; s = part_next(se, send)) {
		se = part_end(s, send);
		if (dir && se == send)
			return 0;
		if (component(p, (size_t)(end - p), s, (size_t)(se - s)))
			return 1;
	}
	return 0;
}
