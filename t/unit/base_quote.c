/* Quoting, JSON names and dates: round trips, models, known values. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/quote.h"
#include "tap.h"

/* Undo git's quoting; returns the length in OUT, or -1. */
static int
unquote(const char *s, size_t n, unsigned char *out)
{
	static const char from[] = "abtnvfr\"\\", to[] = "\a\b\t\n\v\f\r\"\\";
	const char *p;
	size_t i;
	int len = 0;

	if (n == 0 || s[0] != '"') {
		memcpy(out, s, n);
		return (int)n;
	}
	if (n < 2 || s[n - 1] != '"')
		return -1;
	for (i = 1; i < n - 1; i++) {
		if (s[i] != '\\') {
			out[len++] = (unsigned char)s[i];
			continue;
		}
		i++;
		if (s[i] >= '0' && s[i] <= '3') {
			out[len++] = (unsigned char)((s[i] - '0') * 64 +
			    (s[i + 1] - '0') * 8 + (s[i + 2] - '0'));
			i += 2;
		} else {
			p = strchr(from, s[i]);
			if (p == NULL)
				return -1;
			out[len++] = (unsigned char)to[p - from];
		}
	}
	return len;
}

static void
check_round(const char *name, size_t n)
{
	struct sada_buf b = { 0 };
	unsigned char back[1024];
	size_t i;
	int len;

	sada_quote(&b, name, n);
	for (i = 0; i < b.len && b.p[i] >= 0x20 && b.p[i] < 0x7f; i++)
		;
	CHECK_INT(i, b.len);
	len = unquote(sada_buf_str(&b), b.len, back);
	CHECK_INT(len, n);
	CHECK(len < 0 || memcmp(back, name, n) == 0);
	sada_buf_release(&b);
}

static void
test_quote(void)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "plain name", "plain name" }, { "", "" },
		{ "a\"b", "\"a\\\"b\"" }, { "a\\b", "\"a\\\\b\"" },
		{ "\a\b\t\n\v\f\r", "\"\\a\\b\\t\\n\\v\\f\\r\"" },
		{ "\x1b[31m", "\"\\033[31m\"" }, { "\x7f", "\"\\177\"" },
		{ "\xc3\xa9", "\"\\303\\251\"" }, { "'", "'" },
	};
	struct sada_buf b = { 0 };
	char name[200];
	size_t i, k, n;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sada_buf_reset(&b);
		sada_quote(&b, t[i].in, strlen(t[i].in));
		CHECK_STR(sada_buf_str(&b), t[i].out);
	}
	for (i = 0; i < 256; i++) {
		name[0] = (char)i;
		check_round(name, 1);
		for (k = 0; k < 256; k++) {
			name[1] = (char)k;
			check_round(name, 2);
		}
	}
	for (i = 0; i < 20000; i++) {
		n = tap_below(sizeof(name));
		for (k = 0; k < n; k++)
			name[k] = (char)tap_rand();
		check_round(name, n);
	}
	sada_buf_release(&b);
}

/* Decode one code point by the book; 0 if it is not well-formed. */
static size_t
model_utf8(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;
	uint32_t cp;

	len = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 :
	    (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	if (len == 1)
		return 1;
	cp = p[0] & (0x7fU >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	return cp < least[len] || cp > 0x10ffff ||
	    (cp >= 0xd800 && cp < 0xe000) ? 0 : len;
}

static void
check_utf8(const unsigned char *p, size_t n)
{
	size_t i, k = 1;

	for (i = 0; i < n && k > 0; i += k)
		k = model_utf8(p + i, n - i);
	CHECK_INT(sada_utf8_ok((const char *)p, n), k > 0);
}

static void
test_utf8(void)
{
	static const unsigned char edge[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f,
	    0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
	    0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff };
	unsigned char p[5];
	size_t k;
	int i;

	for (i = 0; i < 1 << 16; i++) {
		p[0] = (unsigned char)(i >> 8);
		p[1] = (unsigned char)i;
		check_utf8(p, 1);
		check_utf8(p, 2);
		p[2] = edge[tap_below(sizeof(edge))];
		check_utf8(p, 3);
	}
	for (i = 0; i < 500000; i++) {
		for (k = 0; k < sizeof(p); k++)
			p[k] = edge[tap_below(sizeof(edge))];
		check_utf8(p, 1 + tap_below(sizeof(p)));
	}
	CHECK(sada_utf8_ok("", 0));
}

static void
test_json(void)
{
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} t[] = {
		{ "a b", 3, "\"path\":\"a b\"" }, { "", 0, "\"path\":\"\"" },
		{ "\xc3\xa9", 2, "\"path\":\"\xc3\xa9\"" },
		{ "\"\\/\n\t\b\f\r", 8,
		    "\"path\":\"\\\"\\\\/\\n\\t\\b\\f\\r\"" },
		{ "\x1b\0\x7f", 3, "\"path\":\"\\u001b\\u0000\\u007f\"" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", 6,
		    "\"path\":\"\\u0080\\u009f\xc2\xa0\"" },
		{ "\xff", 1, "\"path_b64\":\"/w==\"" },
		{ "\xff\xfe", 2, "\"path_b64\":\"//4=\"" },
		{ "a\xff" "b", 3, "\"path_b64\":\"Yf9i\"" },
		{ "foo\xf0\x9f", 5, "\"path_b64\":\"Zm9v8J8=\"" },
	};
	struct sada_buf b = { 0 };
	size_t i, k;
	char c;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sada_buf_reset(&b);
		sada_json_name(&b, "path", t[i].in, t[i].n);
		CHECK_STR(sada_buf_str(&b), t[i].out);
	}
	for (i = 0; i < 256; i++) {
		c = (char)i;
		sada_buf_reset(&b);
		sada_json_name(&b, "k", &c, 1);
		for (k = 0; k < b.len && b.p[k] >= 0x20 && b.p[k] < 0x7f; k++)
			;
		CHECK_INT(k, b.len);
	}
	sada_buf_release(&b);
}

static void
check_date(long long s, long long ns)
{
	struct sada_buf b = { 0 };
	char want[64];
	time_t t = (time_t)s;
	struct tm tm;

	sada_rfc3339(&b, s * 1000000000 + ns);
	(void)gmtime_r(&t, &tm);
	(void)strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
	CHECK_STR(sada_buf_str(&b), want);
	sada_buf_release(&b);
}

static void
test_date(void)
{
	static const struct {
		long long ns;
		const char *out;
	} t[] = {
		{ 0, "1970-01-01T00:00:00Z" }, { -1, "1969-12-31T23:59:59Z" },
		{ 999999999, "1970-01-01T00:00:00Z" },
		{ 951782400000000000, "2000-02-29T00:00:00Z" },
		{ 951868800000000000, "2000-03-01T00:00:00Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00Z" },
		{ LLONG_MIN, "1677-09-21T00:12:43Z" },
		{ LLONG_MAX, "2262-04-11T23:47:16Z" },
	};
	struct sada_buf b = { 0 };
	long long day;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sada_buf_reset(&b);
		sada_rfc3339(&b, t[i].ns);
		CHECK_STR(sada_buf_str(&b), t[i].out);
	}
	sada_buf_release(&b);
	/* Every day that 64 bits of ns can name. */
	for (day = -106000; day < 106000; day++)
		check_date(day * 86400 + (long long)tap_below(86400),
		    (long long)tap_below(1000000000));
}

int
main(void)
{
	tap_seed(3);
	test_quote();
	test_utf8();
	test_json();
	test_date();
	return tap_done();
}
