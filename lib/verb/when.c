/* Times and spans as a person writes them, for @{time} and --keep. */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "verb/look_priv.h"

#define NS 1000000000LL

struct words {
	const char *p, *end;
};

/* A number of MIN to MAX digits; -1 when there is none. */
static long
number(struct words *w, int min, int max)
{
	long v = 0;
	int n;

	for (n = 0; n < max && w->p < w->end && *w->p >= '0' &&
	    *w->p <= '9'; n++)
		v = v * 10 + (*w->p++ - '0');
	return n < min ? -1 : v;
}

/* Step over character C if it is next. */
static int
skip(struct words *w, char c)
{
	if (w->p == w->end || *w->p != c)
		return 0;
	w->p++;
	return 1;
}

static int
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* "3 days ago". */
static int
ago(long long *out, const char *s, size_t n, long long now_ns)
{
	static const struct {
		const char *name;
		long seconds;
	} unit[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 },
		{ "day", 86400 }, { "week", 604800 } };
	struct words w = { s, s + n };
	const char *name;
	size_t len, i;
	long v;

	if ((v = number(&w, 1, 9)) < 0 || !(skip(&w, ' ') || skip(&w, '.')))
		return -1;
	name = w.p;
	while (w.p < w.end && *w.p >= 'a' && *w.p <= 'z')
		w.p++;
	len = (size_t)(w.p - name);
	if (!(skip(&w, ' ') || skip(&w, '.')) ||
	    !is_word(w.p, (size_t)(w.end - w.p), "ago"))
		return -1;
	if (len > 1 && name[len - 1] == 's')
		len--;
	for (i = 0; i < sizeof(unit) / sizeof(unit[0]); i++)
		if (is_word(name, len, unit[i].name)) {
			*out = now_ns - v * (unit[i].seconds * NS);
			return 0;
		}
	return -1;
}

/* "Z", "+01:00", "+0100": seconds east in *OFF.  1, 0 none, -1 bad. */
static int
zone(struct words *w, long *off)
{
	long h, m, sign;

	*off = 0;
	if (skip(w, 'Z') || skip(w, 'z'))
		return 1;
	sign = skip(w, '+') ? 1 : skip(w, '-') ? -1 : 0;
	if (sign == 0)
		return 0;
	h = number(w, 2, 2);
	(void)skip(w, ':');
	m = number(w, 2, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return -1;
	*off = sign * (h * 3600 + m * 60);
	return 1;
}

/* The clock behind a date: "10:00", "10:00:30", "10:00:30.25". */
static int
clock_part(struct words *w, struct tm *tm)
{
	long v;

	if ((v = number(w, 1, 2)) < 0 || v > 23 || !skip(w, ':'))
		return -1;
	tm->tm_hour = (int)v;
	if ((v = number(w, 2, 2)) < 0 || v > 59)
		return -1;
	tm->tm_min = (int)v;
	if (!skip(w, ':'))
		return 0;
	if ((v = number(w, 2, 2)) < 0 || v > 60)
		return -1;
	tm->tm_sec = (int)v;
	if (skip(w, '.') && number(w, 1, 9) < 0)
		return -1;
	return 0;
}

/* A date, with or without a clock and a zone. */
static int
date(long long *out, const char *s, size_t n)
{
	struct words w = { s, s + n };
	struct tm tm, was;
	long y, m, d, off = 0;
	long long sec;
	int zoned = 0;
	time_t t;

	memset(&tm, 0, sizeof(tm));
	y = number(&w, 4, 4);
	if (y < 1970 || !skip(&w, '-') || (m = number(&w, 2, 2)) < 1 ||
	    m > 12 || !skip(&w, '-') || (d = number(&w, 2, 2)) < 1 || d > 31)
		return -1;
	tm.tm_year = (int)(y - 1900);
	tm.tm_mon = (int)(m - 1);
	tm.tm_mday = (int)d;
	tm.tm_isdst = -1;
	if (w.p < w.end) {
		if (!skip(&w, ' ') && !skip(&w, 'T') && !skip(&w, 't'))
			return -1;
		if (clock_part(&w, &tm) < 0)
			return -1;
		(void)skip(&w, ' ');
		if ((zoned = zone(&w, &off)) < 0 || w.p != w.end)
			return -1;
	}
	was = tm;
	t = zoned ? timegm(&tm) : mktime(&tm);
	/* A day that its month does not have was carried over. */
	if (t == (time_t)-1 || (tm.tm_mday != was.tm_mday && d > 28))
		return -1;
	/* Later than any time that has a number is never; all was before. */
	sec = (long long)t - off;
	*out = (sec < LLONG_MAX / NS ? sec : LLONG_MAX / NS - 1) * NS;
	return 0;
}

/* The start of the day that holds NOW_NS, here. */
static int
midnight(long long *out, long long now_ns)
{
	time_t t = (time_t)(now_ns / NS);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return -1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	*out = (long long)t * NS;
	return t == (time_t)-1 ? -1 : 0;
}

int
sada_when(long long *out, const char *s, size_t n, long long now_ns)
{
	long long t;

	while (n > 0 && s[0] == ' ') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (is_word(s, n, "now"))
		t = now_ns;
	else if (is_word(s, n, "yesterday"))
		t = now_ns - 86400 * NS;
	else if (is_word(s, n, "today")) {
		if (midnight(&t, now_ns) < 0)
			return -1;
	} else if (ago(&t, s, n, now_ns) < 0 && date(&t, s, n) < 0)
		return -1;
	/* All of the second counts: times are shown without fractions. */
	*out = t < 0 ? t : t - t % NS + (NS - 1);
	return 0;
}

int
sada_age(long long *out, const char *s, size_t n)
{
	static const struct {
		char letter;
		long hours;
	} unit[] = { { 'y', 8760 }, { 'm', 720 }, { 'w', 168 }, { 'd', 24 },
		{ 'h', 1 } };
	const size_t nunit = sizeof(unit) / sizeof(unit[0]);
	struct words w = { s, s + n };
	long long hours = 0;
	size_t next = 0;
	long v;

	*out = 0;
	if (n == 1 && s[0] == '0')
		return 0;
	while (w.p < w.end) {
		if ((v = number(&w, 1, 6)) < 0 || w.p == w.end)
			return -1;
		while (next < nunit && unit[next].letter != *w.p)
			next++;
		if (next == nunit)
			return -1;
		hours += (long long)v * unit[next++].hours;
		w.p++;
	}
	if (n == 0 || hours > 100 * unit[0].hours)
		return -1;
	*out = hours * 3600 * NS;
	return 0;
}
