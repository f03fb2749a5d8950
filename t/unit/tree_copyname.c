/*
 * Names of conflict copies: some that are fixed for ever, and all kinds of
 * them against the letter of sada-store(5).
 */
#include "base/quote.h"
#include "tree/view.h"
#include "tree_util.h"

#define RANDOM 20000

/* ---- some names ---- */

/* The copy name of S repeated N times and then END. */
static void
long_name(const char *s, size_t n, const char *end, const char *dir,
    struct sada_buf *out, unsigned digits)
{
	struct sada_buf path = { 0 };
	struct sada_id id = { .b = { 1 } };

	sada_buf_adds(&path, dir);
	while (n-- > 0)
		sada_buf_adds(&path, s);
	sada_buf_adds(&path, end);
	sada_buf_reset(out);
	sada_copy_name(out, sada_buf_str(&path), path.len, &id, 1, digits);
	(void)sada_buf_str(out);
	sada_buf_release(&path);
}

static void
test_names(void)
{
	static const char *const utf8[] = { "x", "\xc3\xa9", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80", "x\xc3\xa9" };
	struct sada_buf name = { 0 };
	const char *p;
	unsigned digits;
	size_t i, n;

	/* Fixed for ever: the names lie in directories. */
	long_name("report.txt", 1, "", "a/", &name, 10);
	CHECK_STR((char *)name.p, "a/report~760772414b.txt");
	long_name(".x", 1, "", "", &name, 12);
	CHECK_STR((char *)name.p, ".x~bec98a5d4e75");
	for (digits = 10; digits <= 64; digits++)
		for (i = 0; i < 5; i++) {
			for (n = 1; n * strlen(utf8[i]) <= 251; n++) {
				long_name(utf8[i], n, ".txt", "d/", &name,
				    digits);
				CHECK(name.len - 2 <= 255);
				CHECK(sada_utf8_ok((char *)name.p, name.len));
				p = (char *)name.p + name.len - 4;
				CHECK_STR(p, ".txt");
				if (n * strlen(utf8[i]) + 5 + digits > 255)
					CHECK(name.len - 2 > 255 - 4);
			}
		}
	/* Not UTF-8: cut at the byte. */
	long_name("\x80", 255, "", "", &name, 10);
	CHECK_INT(name.len, 255);
	long_name("\xff", 255, "", "", &name, 10);
	CHECK_INT(name.len, 255);
	/* 16 bytes with the dot are an extension, 17 are not. */
	long_name("f.abcdefghijklmno", 1, "", "", &name, 10);
	CHECK(memcmp(name.p, "f~", 2) == 0 && name.len == 17 + 11);
	long_name("f.abcdefghijklmnop", 1, "", "", &name, 10);
	CHECK(memcmp(name.p, "f.abcdefghijklmnop~", 19) == 0);
	/* The directory's dots are none of the name's. */
	long_name("f", 1, "", "d.e/", &name, 10);
	CHECK(memcmp(name.p, "d.e/f~", 6) == 0 && name.len == 16);
	/* As long as a path may be: the name still is one. */
	long_name("abcdefg/", 500, "0123456789012345678901234567890123.txt",
	    "01234567890123456789012345678901234567890123456789/", &name, 10);
	CHECK(name.len <= SADA_PATH_MAX);
	sada_buf_release(&name);
}

/* ---- by the letter ---- */

/* Where P is cut to KEEP bytes: before a sequence that reaches over that. */
static size_t
naive_cut(const unsigned char *p, size_t keep)
{
	size_t back, len;

	for (back = 1; back <= 3 && back <= keep; back++) {
		if ((p[keep - back + 1] & 0xc0) != 0x80)
			break;
		len = p[keep - back] < 0xc2 || p[keep - back] > 0xf4 ? 0 :
		    p[keep - back] < 0xe0 ? 2 : p[keep - back] < 0xf0 ? 3 : 4;
		if (len > back)
			return keep - back;
	}
	return keep;
}

static void
naive_name(struct sada_buf *out, const char *path, size_t len,
    const struct sada_id *id, size_t n, unsigned digits)
{
	size_t base, dot = len, i, keep;
	struct sada_buf b = { 0 };
	char hex[SADA_HEX_LEN + 1];
	struct sada_id sum;

	for (base = len; base > 0 && path[base - 1] != '/'; base--)
		continue;
	for (i = base + 1; i < len; i++)
		if (path[i] == '.')
			dot = i;
	if (len - dot > 16)
		dot = len;
	sada_put_u64(&b, len);
	sada_buf_add(&b, path, len);
	for (i = 0; i < n; i++)
		sada_buf_add(&b, id[i].b, SADA_ID_LEN);
	sada_hash(&sum, SADA_CTX_NAME, b.p, b.len);
	sada_id_hex(hex, &sum);
	sada_buf_release(&b);
	/* Byte by byte until it fits. */
	for (keep = dot - base; keep > 0 && (keep + 1 + digits + len - dot >
	    255 || base + keep + 1 + digits + len - dot > 4095); keep--)
		continue;
	if (keep < dot - base)
		keep = naive_cut((const unsigned char *)path + base, keep);
	sada_buf_reset(out);
	sada_buf_add(out, path, base + keep);
	sada_buf_adds(out, "~");
	sada_buf_add(out, hex, digits);
	sada_buf_add(out, path + dot, len - dot);
}

/* Bytes of all kinds, around where the name is cut and where a dot may be. */
static void
test_random(void)
{
	static const char bytes[] = "\x80\x90\xbf\xbf\x80\xc0\xc1\xc2\xdf"
	    "\xe0\xe1\xef\xf0\xf1\xf4\xf5\xf7\xf8\xffx.";
	struct sada_buf name = { 0 }, want = { 0 };
	char path[SADA_PATH_MAX + 1];
	struct sada_id id[3];
	size_t i, k, n, base, len;
	unsigned digits;

	for (i = 0; i < RANDOM; i++) {
		digits = 10 + (unsigned)tap_below(55);
		base = tap_below(3) == 0 ? 3 : 0;
		len = tap_below(3) == 0 ? 1 + tap_below(30) :
		    230 + tap_below(26);
		if (tap_below(4) == 0)
			base = SADA_PATH_MAX - len - tap_below(70);
		memset(path, 'd', sizeof(path));
		for (k = 0; k < base; k++)
			path[k] = k % 100 == 99 || k + 1 == base ? '/' :
			    k % 7 == 0 ? '.' : 'd';
		for (k = len < 8 ? 0 : len - 8; k < len; k++)
			if (tap_below(2) == 0)
				path[base + k] = 'e';
		for (k = tap_below(4); k > 0; k--)
			path[base + len - 1 - tap_below(len < 20 ? len :
			    20)] = '.';
		/* Where it is cut if it has no extension, or a short one. */
		n = 255 - 1 - digits;
		for (k = n - 8; k < n + 4 && k < len; k++)
			path[base + k] = bytes[tap_below(tap_below(2) == 0 ?
			    5 : sizeof(bytes) - 1)];
		for (n = 0; n < 1 + i % 3; n++)
			rand_id(&id[n], 100);
		naive_name(&want, path, base + len, id, n, digits);
		sada_buf_reset(&name);
		sada_copy_name(&name, path, base + len, id, n, digits);
		CHECK(name.len == want.len && memcmp(name.p, want.p,
		    want.len) == 0);
	}
	sada_buf_release(&name);
	sada_buf_release(&want);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261125);
	test_names();
	test_random();
	return tap_done();
}
