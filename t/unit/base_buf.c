/* Buffers, readers and integer codings: borders, models, every cut. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "tap.h"

/* Decode a varint the slow way: 1 and *V, or 0 when it is not canonical. */
static int
model_var(const unsigned char *p, size_t n, uint64_t *v, size_t *used)
{
	size_t i, len;

	for (len = 1; len <= n && (p[len - 1] & 0x80); len++)
		;
	if (len > n || len > 10)
		return 0;
	*v = 0;
	for (i = len; i-- > 0;) {
		if (*v >> 57 != 0)
			return 0;
		*v = *v << 7 | (p[i] & 0x7f);
	}
	*used = len;
	return len == 1 || p[len - 1] != 0;
}

/* The decoder and the model must agree on these N bytes. */
static void
check_bytes(const unsigned char *p, size_t n)
{
	struct sada_buf b = { 0 };
	struct sada_rd r;
	uint64_t want = 0, got;
	size_t used = 0;
	int ok = model_var(p, n, &want, &used);

	sada_rd_init(&r, p, n);
	got = sada_get_var(&r);
	CHECK_INT(!r.bad, ok);
	CHECK(got == (ok ? want : 0));
	CHECK_INT(sada_rd_left(&r), ok ? n - used : 0);
	if (ok) {
		sada_put_var(&b, want);
		CHECK(b.len == used && memcmp(b.p, p, used) == 0);
	}
	sada_buf_release(&b);
}

static void
check_value(uint64_t v)
{
	struct sada_buf b = { 0 };
	struct sada_rd r;
	size_t cut, bits = 0;

	sada_put_var(&b, v);
	while (bits < 64 && v >> bits != 0)
		bits++;
	CHECK_INT(b.len, bits == 0 ? 1 : (bits + 6) / 7);
	sada_rd_init(&r, b.p, b.len);
	CHECK(sada_get_var(&r) == v && !r.bad && sada_rd_left(&r) == 0);
	for (cut = 0; cut < b.len; cut++) {
		sada_rd_init(&r, b.p, cut);
		CHECK(sada_get_var(&r) == 0 && r.bad);
	}
	/* The same value with padding must be refused. */
	b.p[b.len - 1] |= 0x80;
	sada_put_u8(&b, 0);
	sada_rd_init(&r, b.p, b.len);
	CHECK(sada_get_var(&r) == 0 && r.bad);
	sada_buf_reset(&b);

	sada_put_svar(&b, (int64_t)v);
	sada_rd_init(&r, b.p, b.len);
	CHECK(sada_get_svar(&r) == (int64_t)v && !r.bad);
	sada_buf_release(&b);
}

static void
test_var(void)
{
	unsigned char p[12];
	unsigned i, k;

	for (k = 0; k < 64; k++)
		for (i = 0; i < 5; i++)
			check_value((UINT64_C(1) << k) + i - 2);
	check_value(UINT64_MAX);
	for (i = 0; i < 1 << 16; i++) {
		p[0] = (unsigned char)i;
		p[1] = (unsigned char)(i >> 8);
		p[2] = (unsigned char)tap_rand();
		check_bytes(p, 1);
		check_bytes(p, 2);
		check_bytes(p, 3);
	}
	/* All last two bytes behind eight, nine and ten that go on. */
	for (k = 7; k <= 9; k++)
		for (i = 0; i < 1 << 16; i++) {
			memset(p, 0xff, sizeof(p));
			p[k] = (unsigned char)i;
			p[k + 1] = (unsigned char)(i >> 8);
			check_bytes(p, k + 2);
		}
	for (i = 0; i < 200000; i++) {
		size_t n = tap_below(sizeof(p) + 1);

		for (k = 0; k < n; k++)
			p[k] = (unsigned char)(tap_below(3) == 0 ?
			    tap_rand() & 0x81 : tap_rand() | 0x80);
		check_bytes(p, n);
	}
	for (i = 0; i < 20000; i++)
		check_value(tap_rand() >> tap_below(64));
}

static void
test_svar(void)
{
	static const struct {
		int64_t v;
		unsigned char byte;
	} t[] = { { 0, 0 }, { -1, 1 }, { 1, 2 }, { -2, 3 }, { 63, 126 },
	    { -64, 127 } };
	struct sada_buf b = { 0 };
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sada_buf_reset(&b);
		sada_put_svar(&b, t[i].v);
		CHECK(b.len == 1 && b.p[0] == t[i].byte);
	}
	check_value((uint64_t)INT64_MIN);
	check_value((uint64_t)INT64_MAX);
	sada_buf_release(&b);
}

/* Read what test_fixed() wrote; returns whether all of it was right. */
static int
read_all(struct sada_rd *r)
{
	const unsigned char *s;
	int ok = 1;

	ok &= sada_get_u8(r) == 0xfe;
	ok &= sada_get_u16(r) == 0xfedc;
	ok &= sada_get_u32(r) == 0xfedcba98;
	ok &= sada_get_u64(r) == UINT64_C(0xfedcba9876543210);
	ok &= sada_get_svar(r) == -1000;
	s = sada_get_bytes(r, 3);
	ok &= s != NULL && memcmp(s, "abc", 3) == 0;
	ok &= sada_get_bytes(r, 0) != NULL;
	return ok;
}

static void
test_fixed(void)
{
	static const unsigned char want[] = { 0xfe, 0xdc, 0xfe, 0x98, 0xba,
	    0xdc, 0xfe, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe,
	    0xcf, 0x0f, 'a', 'b', 'c' };
	struct sada_buf b = { 0 };
	struct sada_rd r;
	unsigned char *copy;
	size_t cut;

	sada_put_u8(&b, 0xfe);
	sada_put_u16(&b, 0xfedc);
	sada_put_u32(&b, 0xfedcba98);
	sada_put_u64(&b, UINT64_C(0xfedcba9876543210));
	sada_put_svar(&b, -1000);
	sada_buf_add(&b, "abc", 3);
	CHECK(b.len == sizeof(want) && memcmp(b.p, want, b.len) == 0);
	for (cut = 0; cut <= b.len; cut++) {
		/* A copy of its own size, so that a sanitizer sees all. */
		copy = sada_malloc(cut);
		memcpy(copy, b.p, cut);
		sada_rd_init(&r, copy, cut);
		CHECK_INT(read_all(&r), cut == b.len);
		CHECK_INT(r.bad, cut != b.len);
		CHECK_INT(sada_rd_left(&r), 0);
		if (r.bad) {
			CHECK(sada_get_u8(&r) == 0);
			CHECK(sada_get_bytes(&r, 0) == NULL);
		}
		free(copy);
	}
	sada_rd_init(&r, NULL, 0);
	CHECK(sada_get_bytes(&r, 0) != NULL && !r.bad);
	CHECK(sada_get_bytes(&r, SIZE_MAX) == NULL && r.bad);
	sada_buf_release(&b);
}

static void
test_count(void)
{
	struct sada_buf b = { 0 };
	struct sada_rd r;
	uint64_t v;
	size_t min, left;

	for (left = 0; left < 40; left++)
		for (min = 1; min < 9; min++)
			for (v = 0; v < 45; v++) {
				sada_buf_reset(&b);
				sada_put_var(&b, v);
				memset(sada_buf_reserve(&b, left), 0, left);
				b.len += left;
				sada_rd_init(&r, b.p, b.len);
				(void)sada_get_count(&r, min);
				CHECK_INT(r.bad, v * min > left);
			}
	sada_buf_reset(&b);
	sada_put_var(&b, UINT64_MAX);
	sada_put_u64(&b, 0);
	sada_rd_init(&r, b.p, b.len);
	CHECK(sada_get_count(&r, SIZE_MAX) == 0 && r.bad);
	sada_buf_release(&b);
}

static void
test_text(void)
{
	struct sada_buf b = { 0 };
	char *long_one, *s;
	size_t cap = 0, i;
	uint32_t *grown = NULL;

	CHECK_STR(sada_buf_str(&b), "");
	sada_buf_add(&b, NULL, 0);
	sada_buf_adds(&b, "a=");
	sada_buf_addf(&b, "%d %s", 7, "x");
	CHECK_STR(sada_buf_str(&b), "a=7 x");
	CHECK_INT(b.len, 5);
	for (i = 0; i < 300; i++) {
		long_one = sada_malloc(i + 1);
		memset(long_one, 'y', i);
		long_one[i] = '\0';
		sada_buf_release(&b);
		sada_buf_addf(&b, "%s!", long_one);
		CHECK_INT(b.len, i + 1);
		CHECK(memcmp(b.p, long_one, i) == 0 && b.p[i] == '!');
		free(long_one);
	}
	sada_buf_reset(&b);
	CHECK_STR(sada_buf_str(&b), "");
	sada_buf_release(&b);
	CHECK(b.p == NULL && b.len == 0 && b.cap == 0);

	s = sada_memdup("a\0b", 3);
	CHECK(memcmp(s, "a\0b", 4) == 0);
	free(s);
	s = sada_strdup("hello");
	CHECK_STR(s, "hello");
	free(s);
	for (i = 0; i < 5000; i++) {
		grown = sada_grow(grown, &cap, i + 1, sizeof(*grown));
		grown[i] = (uint32_t)i;
	}
	for (i = 0; i < 5000 && grown[i] == i; i++)
		;
	CHECK(i == 5000 && cap >= 5000 && cap < 10000);
	free(grown);
}

static void
test_err(void)
{
	static const int exits[] = { 0, 74, 69, 65, 65, 77, 75, 2, 1, 74, 64,
	    69, 1 };
	char big[2000];
	struct sada_err e;
	int i;

	for (i = 0; i < 13; i++)
		CHECK_INT(sada_err_exit(-i), exits[i]);
	CHECK_INT(sada_err_exit(-99), 74);
	CHECK_INT(sada_err_set(&e, SADA_BUSY, "a\nb %d", 3), SADA_BUSY);
	CHECK_STR(e.msg, "a?b 3");
	CHECK_INT(sada_err_set(NULL, SADA_BUSY, "x"), SADA_BUSY);
	CHECK_INT(sada_err_prefix(&e, "log"), SADA_BUSY);
	CHECK_STR(e.msg, "log: a?b 3");
	CHECK_INT(sada_err_set(&e, SADA_USAGE, "in %s, %s", e.msg, e.msg),
	    SADA_USAGE);
	CHECK_STR(e.msg, "in log: a?b 3, log: a?b 3");
	CHECK_INT(sada_err_prefix(&e, "(%s)", e.msg), SADA_USAGE);
	CHECK_STR(e.msg, "(in log: a?b 3, log: a?b 3): "
	    "in log: a?b 3, log: a?b 3");
	errno = ENOSPC;
	CHECK_INT(sada_err_set(&e, SADA_BUSY, "x"), SADA_BUSY);
	CHECK_INT(sada_err_sys(&e, "not %s", e.msg), SADA_SYS);
	CHECK_STR(e.msg, "not x: No space left on device");
	memset(big, 'z', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	errno = ENOSPC;
	CHECK_INT(sada_err_sys(&e, "cannot open %s", big), SADA_SYS);
	CHECK(e.sys == ENOSPC && errno == ENOSPC);
	CHECK(strlen(e.msg) == sizeof(e.msg) - 1);
	CHECK(strstr(e.msg, ": No space left on device") != NULL);
	CHECK_INT(sada_err_prefix(&e, "%s", big), SADA_SYS);
	CHECK(strlen(e.msg) < sizeof(e.msg));
}

int
main(void)
{
	tap_seed(1);
	test_var();
	test_svar();
	test_fixed();
	test_count();
	test_text();
	test_err();
	return tap_done();
}
