/* The few words that a unit test needs: checks, a plan, a seeded random. */
#ifndef SADA_UNIT_TAP_H
#define SADA_UNIT_TAP_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A check in a loop would print a line a round, so each place in the
 * source prints "ok" once, when it first passes, and "not ok" for each
 * failure up to TAP_LOUD of them.  Checks are for the main thread.
 */
#define TAP_LOUD 10

struct tap_site {
	int passed, failed;
};

/* Lines printed, failures seen, state of the random numbers. */
static struct {
	long lines, failed;
	uint64_t rand;
} tap = { 0, 0, UINT64_C(0x5ada5ada5ada5ada) };

/* Note one result; returns whether its details are worth printing. */
static inline int
tap_note(struct tap_site *s, int ok, const char *file, int line,
    const char *what)
{
	if (ok && s->passed++ > 0)
		return 0;
	if (!ok) {
		tap.failed++;
		if (s->failed++ >= TAP_LOUD)
			return 0;
	}
	printf("%sok %ld - %s:%d %s\n", ok ? "" : "not ", ++tap.lines, file,
	    line, what);
	fflush(stdout);
	return !ok;
}

#define CHECK(expr) do {						\
	static struct tap_site tap_s_;					\
	int tap_ok_ = (expr) ? 1 : 0;					\
	(void)tap_note(&tap_s_, tap_ok_, __FILE__, __LINE__, #expr);	\
} while (0)

/* Equal as integers; unsigned 64-bit values compare by their bits. */
#define CHECK_INT(a, b) do {						\
	static struct tap_site tap_s_;					\
	long long tap_a_ = (long long)(a), tap_b_ = (long long)(b);	\
	if (tap_note(&tap_s_, tap_a_ == tap_b_, __FILE__, __LINE__,	\
	    #a " == " #b))						\
		printf("# got %lld, expected %lld\n", tap_a_, tap_b_);	\
} while (0)

/* Equal as NUL-terminated strings; NULL equals NULL. */
#define CHECK_STR(a, b) do {						\
	static struct tap_site tap_s_;					\
	const char *tap_a_ = (a), *tap_b_ = (b);			\
	int tap_ok_ = tap_a_ == tap_b_ || (tap_a_ != NULL &&		\
	    tap_b_ != NULL && strcmp(tap_a_, tap_b_) == 0);		\
	if (tap_note(&tap_s_, tap_ok_, __FILE__, __LINE__,		\
	    #a " == " #b))						\
		printf("# got \"%s\", expected \"%s\"\n",		\
		    tap_a_ != NULL ? tap_a_ : "(null)",			\
		    tap_b_ != NULL ? tap_b_ : "(null)");		\
} while (0)

/* Seed the random numbers, from TAP_SEED if it is set, and print it. */
static inline void
tap_seed(uint64_t seed)
{
	const char *s = getenv("TAP_SEED");

	if (s != NULL && *s != '\0')
		seed = strtoull(s, NULL, 0);
	tap.rand = seed;
	printf("# seed %" PRIu64 "\n", seed);
}

/* The next random number (splitmix64). */
static inline uint64_t
tap_rand(void)
{
	uint64_t z = (tap.rand += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A random number below N > 0. */
static inline size_t
tap_below(size_t n)
{
	return (size_t)(tap_rand() % n);
}

/* Print the plan; the result is what main() returns. */
static inline int
tap_done(void)
{
	printf("1..%ld\n", tap.lines);
	if (tap.failed > 0)
		printf("# %ld failed\n", tap.failed);
	return tap.failed > 0 || tap.lines == 0;
}

#endif
