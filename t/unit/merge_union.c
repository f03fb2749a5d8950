/* Union of lines: known cases, and what must hold for any. */
#include <stdlib.h>

#include "merge_util.h"

static void
expect(const char *b, const char *x, const char *y, const char *want)
{
	struct sada_buf out = { 0 };
	int rc = merge_both_ways(sada_merge_union, &out, text(b), text(x),
	    text(y));

	CHECK_STR(rc == 1 ? sada_buf_str(&out) : NULL, want);
	sada_buf_release(&out);
}

static void
test_table(void)
{
	/* Lines at the end of both: the lower side's first. */
	expect("1\n", "1\na\n", "1\nb\n", "1\na\nb\n");
	expect("1\n", "1\nb\n", "1\na\n", "1\na\nb\n");
	expect("", "b\nc\n", "a\nd\n", "a\nd\nb\nc\n");
	/* Equal lines once, as often as the side that has more. */
	expect("1\n", "1\na\nx\n", "1\nb\nx\n", "1\na\nb\nx\n");
	expect("1\n", "1\na\nb\n", "1\nb\na\n", "1\na\nb\n");
	expect("1\n", "1\na\nx\n", "1\nb\nx\nc\nx\n", "1\na\nb\nx\nc\nx\n");
	expect("1\n", "1\na\nx\ny\n", "1\nb\ny\nx\nc\n",
	    "1\na\nx\ny\nb\nc\n");
	expect("1\n", "1\na\na\na\n", "1\nb\na\n", "1\na\na\nb\na\n");
	/* Where only one side changed, nothing is added. */
	expect("1\n2\n3\n", "1\n3\n", "1\n2\n3\n4\n", "1\n3\n4\n");
	/* Changed on both sides; changed here and deleted there. */
	expect("1\n2\n3\n", "1\nx\n3\n", "1\ny\n3\n", "1\nx\ny\n3\n");
	expect("1\n2\n3\n", "1\nx\n3\n", "1\n3\n", "1\nx\n3\n");
	/* A last line without an end. */
	expect("1\n", "1\na", "1\nb", "1\na\nb");
	expect("1", "1\na", "1\nb", "1\na\nb");
	expect("1\r\n", "1\r\na", "1\r\nb\r\n", "1\r\na\r\nb\r\n");
	expect("1\n", "1\nb\na", "1\nc\na\n", "1\nb\na\nc\n");
	expect("1\n", "1\na\n", "1\nb\na", "1\na\nb\n");
	expect("", "a", "b", "a\nb");
	/* What looks like marks. */
	expect("1\n", "1\n=======\n", "1\n<<<<<<< a\n",
	    "1\n<<<<<<< a\n=======\n");
}

/* How often line P (its end left out) stands in B. */
static size_t
occurs(const struct sada_buf *b, const unsigned char *p, size_t n)
{
	const unsigned char *q = b->p, *end = q + b->len, *nl;
	size_t hits = 0;

	for (; b->len > 0 && q < end; q = nl + 1) {
		if ((nl = memchr(q, '\n', (size_t)(end - q))) == NULL)
			nl = end;
		hits += (size_t)(nl - q) == n && memcmp(q, p, n) == 0;
		if (nl == end)
			break;
	}
	return hits;
}

static size_t
most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Three sides that only ever add: each line of both is there, none more
 * often than both together have it added, and never a conflict.
 */
static void
test_random(void)
{
	struct sada_buf in[3] = { { 0 }, { 0 }, { 0 } }, out = { 0 };
	struct sada_buf line = { 0 };
	size_t k, lines, at, base, a, b, got;
	int i, c;

	for (i = 0; i < 20000; i++) {
		for (k = 0; k < 3; k++)
			sada_buf_reset(&in[k]);
		lines = tap_below(12);
		for (at = 0; at <= lines; at++) {
			for (k = 1; k < 3; k++)
				while (tap_below(4) == 0)
					sada_buf_addf(&in[k], "%c\n",
					    (char)('a' + tap_below(6)));
			c = (int)tap_below(6);
			for (k = 0; k < 3 && at < lines; k++)
				sada_buf_addf(&in[k], "%c\n", (char)('d' +
				    c));
		}
		sada_buf_reset(&out);
		CHECK_INT(merge_both_ways(sada_merge_union, &out,
		    span(in[0].p, in[0].len), span(in[1].p, in[1].len),
		    span(in[2].p, in[2].len)), 1);
		for (c = 'a'; c < 'l'; c++) {
			sada_buf_reset(&line);
			sada_put_u8(&line, (uint8_t)c);
			base = occurs(&in[0], line.p, 1);
			a = occurs(&in[1], line.p, 1);
			b = occurs(&in[2], line.p, 1);
			got = occurs(&out, line.p, 1);
			CHECK(got <= a + b - base);
			CHECK(got >= most(most(a, b), base));
		}
	}
	for (k = 0; k < 3; k++)
		sada_buf_release(&in[k]);
	sada_buf_release(&out);
	sada_buf_release(&line);
}

int
main(void)
{
	struct sada_buf out = { 0 };

	tap_seed(32);
	test_table();
	test_random();
	CHECK_INT(merge_both_ways(sada_merge_union, &out, text("a\n"),
	    span("a\0\n", 3), text("b\n")), 0);
	sada_buf_release(&out);
	return tap_done();
}
