/* Names on their way to a person or a script: quotes, JSON, dates. */
#include <string.h>

#include "base/quote.h"

static int
plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The letter that stands for C after a backslash, or 0. */
static char
letter(unsigned char c)
{
	static const char from[] = "\a\b\t\n\v\f\r\"\\";
	static const char to[] = "abtnvfr\"\\";
	const char *p = c != '\0' ? strchr(from, c) : NULL;

	return p != NULL ? to[p - from] : '\0';
}

void
sada_quote(struct sada_buf *out, const char *name, size_t n)
{
	const unsigned char *p = (const unsigned char *)name;
	size_t i;

	for (i = 0; i < n && plain(p[i]); i++)
		;
	if (i == n) {
		sada_buf_add(out, name, n);
		return;
	}
	sada_put_u8(out, '"');
	for (i = 0; i < n; i++) {
		if (plain(p[i]))
			sada_put_u8(out, p[i]);
		else if (letter(p[i]) != '\0')
			sada_buf_addf(out, "\\%c", letter(p[i]));
		else
			sada_buf_addf(out, "\\%03o", p[i]);
	}
	sada_put_u8(out, '"');
}

int
sada_utf8_ok(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n;
	unsigned char lo, hi;
	unsigned more;

	while (p < end) {
		unsigned char c = *p++;

		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return 0;
		/* The second byte is bounded so that each form is single. */
		lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		for (; more > 0; more--, lo = 0x80, hi = 0xbf) {
			if (p == end || *p < lo || *p > hi)
				return 0;
			p++;
		}
	}
	return 1;
}

static void
base64(struct sada_buf *out, const unsigned char *p, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char quad[4];
	size_t i;

	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		if (n - i > 1)
			v |= (unsigned)p[i + 1] << 8;
		if (n - i > 2)
			v |= p[i + 2];
		quad[0] = digit[v >> 18];
		quad[1] = digit[v >> 12 & 63];
		quad[2] = n - i > 1 ? digit[v >> 6 & 63] : '=';
		quad[3] = n - i > 2 ? digit[v & 63] : '=';
		sada_buf_add(out, quad, sizeof(quad));
	}
}

/* Append valid UTF-8 as the inside of a JSON string. */
static void
json_text(struct sada_buf *out, const unsigned char *p, size_t n)
{
	static const char from[] = "\b\t\n\f\r\"\\";
	static const char to[] = "btnfr\"\\";
	const char *esc;
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = p[i];

		esc = c != '\0' ? strchr(from, c) : NULL;
		if (esc != NULL)
			sada_buf_addf(out, "\\%c", to[esc - from]);
		else if (c < 0x20 || c == 0x7f)
			sada_buf_addf(out, "\\u%04x", c);
		else if (c == 0xc2 && p[i + 1] < 0xa0)
			sada_buf_addf(out, "\\u%04x", p[++i]);
		else
			sada_put_u8(out, c);
	}
}

void
sada_json_name(struct sada_buf *out, const char *key, const char *name,
    size_t n)
{
	const unsigned char *p = (const unsigned char *)name;
	int text = sada_utf8_ok(name, n);

	sada_buf_addf(out, "\"%s%s\":\"", key, text ? "" : "_b64");
	if (text)
		json_text(out, p, n);
	else
		base64(out, p, n);
	sada_put_u8(out, '"');
}

/*
 * The calendar is computed here: gmtime() may read time zone files and
 * takes a lock.  Days count from 0000-03-01, so that a leap day is the
 * last of its year; 146097 days are 400 years, and 153 days 5 months.
 */
void
sada_rfc3339(struct sada_buf *out, long long ns)
{
	long long s, day, era, doe, yoe, doy, mp, month, year;

	s = ns / 1000000000 - (ns % 1000000000 < 0);
	day = s / 86400 - (s % 86400 < 0);
	s -= day * 86400;
	day += 719468;		/* 0000-03-01 to 1970-01-01 */
	era = day / 146097;	/* no 64-bit ns is before the year 1677 */
	doe = day % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	month = mp < 10 ? mp + 3 : mp - 9;
	year = yoe + era * 400 + (month <= 2);
	sada_buf_addf(out, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ", year,
	    month, doy - (153 * mp + 2) / 5 + 1, s / 3600, s / 60 % 60,
	    s % 60);
}
