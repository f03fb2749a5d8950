/* Sweeps over the bytes of a record, golden bytes, random fields. */
#ifndef SADA_UNIT_FORMAT_UTIL_H
#define SADA_UNIT_FORMAT_UTIL_H

#include "format_canon.h"
#include "tap.h"

/* Numbers that break sums and casts. */
static const uint64_t hostile[] = {
	0, 1, 127, 128, 192, 193, 4095, 4096, 4097, 32767, 32768, 65535, 65536,
	65537, (1u << 20) + 1, 16777217, INT32_MAX, UINT64_C(1) << 31,
	UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1,
	INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX - 1,
	UINT64_MAX
};
#define NHOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static inline void
rand_bytes(void *p, size_t n)
{
	unsigned char *b = p;

	while (n-- > 0)
		*b++ = (unsigned char)tap_rand();
}

/* A number whose length is random too; never above CAP. */
static inline uint64_t
rand_num(uint64_t cap)
{
	uint64_t v = tap_rand() >> tap_below(64);

	return tap_below(8) == 0 ? cap : v > cap ? v % cap : v;
}

/* Are B's bytes those that HEX writes? */
static inline int
is_hex(const struct sada_buf *b, const char *hex)
{
	struct sada_buf s = {0};
	size_t i;
	int same;

	for (i = 0; i < b->len; i++)
		sada_buf_addf(&s, "%02x", b->p[i]);
	same = strcmp(sada_buf_str(&s), hex) == 0;
	if (!same)
		printf("# got %s\n", sada_buf_str(&s));
	sada_buf_release(&s);
	return same;
}

/* How many of the cuts of P are not refused.  Each is a block of its own. */
static inline int
sweep_cuts(int (*canon)(const void *, size_t), const void *p, size_t n)
{
	unsigned char *copy;
	size_t i;
	int bad = 0;

	for (i = 0; i < n; i++) {
		copy = sada_malloc(i > 0 ? i : 1);
		memcpy(copy, p, i);
		bad += canon(copy, i) != 0;
		free(copy);
	}
	return bad;
}

/* How many changes of one byte are accepted but not written back. */
static inline int
sweep_flips(int (*canon)(const void *, size_t), const void *p, size_t n)
{
	static const unsigned char with[] = {
		1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0x7f, 0x81
	};
	unsigned char *copy = (unsigned char *)sada_memdup(p, n);
	size_t i, j;
	int bad = 0;

	for (i = 0; i < n; i++)
		for (j = 0; j < sizeof(with); j++) {
			copy[i] ^= with[j];
			bad += canon(copy, n) < 0;
			copy[i] ^= with[j];
		}
	free(copy);
	return bad;
}

/* The same with bytes put in or taken out at every place. */
static inline int
sweep_shifts(int (*canon)(const void *, size_t), const void *p, size_t n)
{
	static const unsigned char with[] = {0, 1, 2, '/', 0x80, 0xff};
	const unsigned char *src = p;
	unsigned char *copy = sada_malloc(n + 1);
	size_t i, j;
	int bad = 0;

	for (i = 0; i <= n; i++) {
		for (j = 0; j < sizeof(with); j++) {
			memcpy(copy, src, i);
			copy[i] = with[j];
			memcpy(copy + i + 1, src + i, n - i);
			bad += canon(copy, n + 1) < 0;
		}
		if (i < n) {
			memcpy(copy, src, i);
			memcpy(copy + i, src + i + 1, n - i - 1);
			bad += canon(copy, n - 1) < 0;
		}
	}
	free(copy);
	return bad;
}

/* All sweeps over a record that must itself be accepted. */
static inline void
sweep(int (*canon)(const void *, size_t), const struct sada_buf *b)
{
	CHECK_INT(canon(b->p, b->len), 1);
	CHECK_INT(sweep_cuts(canon, b->p, b->len), 0);
	CHECK_INT(sweep_flips(canon, b->p, b->len), 0);
	CHECK_INT(sweep_shifts(canon, b->p, b->len), 0);
}

/*
 * Record number fields in turn replaced by each hostile number: PUT writes
 * a record with field WHICH (of COUNT) set to VALUE.  All must be refused
 * or canonical; how many were not?
 */
static inline int
sweep_numbers(int (*canon)(const void *, size_t),
    void (*put)(struct sada_buf *, size_t which, uint64_t value),
    size_t count)
{
	struct sada_buf b = {0};
	size_t i, j;
	int bad = 0;

	for (i = 0; i < count; i++)
		for (j = 0; j < NHOSTILE; j++) {
			sada_buf_reset(&b);
			put(&b, i, hostile[j]);
			bad += canon(b.p, b.len) < 0;
		}
	sada_buf_reset(&b);
	put(&b, count, 0);
	CHECK_INT(canon(b.p, b.len), 1);
	sada_buf_release(&b);
	return bad;
}

#endif
