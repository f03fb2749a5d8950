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

/*
 * Which names some file system would take for ".sada".
 *
 * A peer that could write below the store through another spelling of its
 * name would own the replica.  So a name is read here the way the most
 * forgiving file systems read it, all at once:
 *
 *	case folded			vfat, NTFS, HFS+, APFS, ext4 +F
 *	invisible code points dropped	HFS+ (a few), ext4 +F (all of them)
 *	compatibility forms		ZFS normalization=formKC
 *	trailing dots and spaces	Windows, also behind SMB
 *	after ':' anything		NTFS streams (".sada::$DATA")
 *	'\' parts components		Windows, also behind SMB
 *	SADA~1 to SADA~9		the short name of ".sada"
 *
 * The tables are of Unicode 14.  Code points whose folded form has no
 * letter of ".sada" need not be known: they end the comparison.
 */

/* What fold() and next() give besides a printable ASCII character. */
enum { FOLD_END = 0, FOLD_NONE = -1, FOLD_OTHER = -2, FOLD_DA = -3 };

struct range {
	uint32_t lo, hi;
};

/* Default_Ignorable_Code_Point, which includes all that HFS+ ignores. */
static const struct range ignorable[] = {
	{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x061c, 0x061c },
	{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
	{ 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x206f },
	{ 0x3164, 0x3164 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 }, { 0xfff0, 0xfff8 }, { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

/* Alphabets of compatibility letters, A to Z and a to z by turns. */
static const struct range letters[] = {
	{ 0x24b6, 0x24e9 }, { 0x1d400, 0x1d6a3 }, { 0x1f130, 0x1f149 },
};

/* Spaces, and rows of dots, which matter only at the end of a name. */
static const struct range trailing[] = {
	{ 0x00a0, 0x00a0 }, { 0x2000, 0x200a }, { 0x2025, 0x2026 },
	{ 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
	{ 0xfe19, 0xfe19 }, { 0xfe30, 0xfe30 },
};

static const struct {
	uint32_t cp;
	int to;
} single[] = {
	{ 0x00aa, 'a' }, { 0x017f, 's' }, { 0x02e2, 's' }, { 0x1d2c, 'a' },
	{ 0x1d30, 'd' }, { 0x1d43, 'a' }, { 0x1d48, 'd' }, { 0x2024, '.' },
	{ 0x2090, 'a' }, { 0x209b, 's' }, { 0x2145, 'd' }, { 0x2146, 'd' },
	{ 0x216e, 'd' }, { 0x217e, 'd' }, { 0x3372, FOLD_DA },
	{ 0xfe13, ':' }, { 0xfe52, '.' }, { 0xfe55, ':' },
};

/* A name on its way through fold(); PENDING is a character to give first. */
struct cursor {
	const unsigned char *p, *end;
	int pending;
};

/* The range of T that holds CP, or NULL. */
static const struct range *
find(const struct range *t, size_t n, uint32_t cp)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (cp >= t[i].lo && cp <= t[i].hi)
			return &t[i];
	return NULL;
}

#define FIND(t, cp) find(t, sizeof(t) / sizeof((t)[0]), cp)

static int
lower(uint32_t c)
{
	return (int)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Code point CP folded; FOLD_NONE if it vanishes. */
static int
fold(uint32_t cp)
{
	const struct range *r;
	size_t i;

	if (cp < 0x80)
		return cp >= 0x20 && cp < 0x7f ? lower(cp) : FOLD_OTHER;
	if (FIND(ignorable, cp) != NULL)
		return FOLD_NONE;
	if (cp >= 0xff01 && cp <= 0xff5e)
		return lower(cp - 0xff01 + '!');
	if ((r = FIND(letters, cp)) != NULL)
		return (int)('a' + (cp - r->lo) % 26);
	if (FIND(trailing, cp) != NULL)
		return ' ';
	for (i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (single[i].cp == cp)
			return single[i].to;
	return FOLD_OTHER;
}

/*
 * Take one code point off C; 0 if it is not UTF-8, which equals nothing.
 * Overlong forms of three and four bytes pass: refusing more is harmless.
 */
static int
decode(struct cursor *c, uint32_t *cp)
{
	unsigned char b = *c->p++;
	unsigned more = b < 0x80 ? 0 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;

	if ((b >= 0x80 && b < 0xc2) || b > 0xf4 ||
	    more > (size_t)(c->end - c->p))
		return 0;
	*cp = more == 0 ? b : b & (0x3fU >> more);
	for (; more > 0; more--, c->p++) {
		if ((*c->p & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (*c->p & 0x3f);
	}
	return 1;
}

/* The next folded character of C, FOLD_END or FOLD_OTHER. */
static int
next(struct cursor *c)
{
	uint32_t cp;
	int f;

	if (c->pending != FOLD_NONE) {
		f = c->pending;
		c->pending = FOLD_NONE;
		return f;
	}
	do {
		if (c->p == c->end)
			return FOLD_END;
		if (!decode(c, &cp))
			return FOLD_OTHER;
		f = fold(cp);
	} while (f == FOLD_NONE);
	if (f == FOLD_DA) {
		c->pending = 'a';
		return 'd';
	}
	return f;
}

/* Does the N bytes at P, without '\', fold to the store's name? */
static int
component_is_store(const char *p, size_t n)
{
	struct cursor c;
	const char *want;
	int dot, f;

	c.p = (const unsigned char *)p;
	c.end = c.p + n;
	c.pending = FOLD_NONE;
	f = next(&c);
	dot = f == '.';
	if (dot)
		f = next(&c);
	for (want = "sada"; *want != '\0'; want++, f = next(&c))
		if (f != *want)
			return 0;
	if (f == '~') {
		f = next(&c);
		if (f < '1' || f > '9')
			return 0;
		f = next(&c);
	} else if (!dot)
		return 0;
	while (f == '.' || f == ' ')
		f = next(&c);
	return f == FOLD_END || f == ':';
}

int
sada_name_is_store(const char *name, size_t n)
{
	size_t i, start = 0;

	for (i = 0; i <= n; i++) {
		if (i < n && name[i] != '\\')
			continue;
		if (component_is_store(name + start, i - start))
			return 1;
		start = i + 1;
	}
	return 0;
}
