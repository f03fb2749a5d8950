/* Merge by lines: known cases, git's own word at random, hostile sizes. */
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "merge_util.h"

static char dir[] = "/tmp/merge_text.XXXXXX";

/* The merge of B, X and Y is WANT (NULL: a conflict). */
static void
expect(const char *b, const char *x, const char *y, const char *want)
{
	struct sada_buf out = { 0 };
	int rc = merge_both_ways(sada_merge_text, &out, text(b), text(x),
	    text(y));

	CHECK_STR(rc == 1 ? sada_buf_str(&out) : NULL, want);
	sada_buf_release(&out);
}

static void
test_table(void)
{
	static const char b[] = "1\n2\n3\n4\n5\n6\n7\n";

	/* Apart, adjacent, the same. */
	expect(b, "x\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\n6\ny\n",
	    "x\n2\n3\n4\n5\n6\ny\n");
	expect(b, "1\nx\n3\n4\n5\n6\n7\n", "1\n2\n3\ny\n5\n6\n7\n",
	    "1\nx\n3\ny\n5\n6\n7\n");
	expect(b, "1\nx\n3\n4\n5\n6\n7\n", "1\n2\ny\n4\n5\n6\n7\n", NULL);
	expect(b, "1\nx\n3\n4\n5\n6\n7\n", "1\nx\n3\n4\n5\n6\n7\n",
	    "1\nx\n3\n4\n5\n6\n7\n");
	expect(b, "1\nx\n3\n4\n5\n6\n7\n", "1\nx\n3\n4\n5\n6\n8\n",
	    "1\nx\n3\n4\n5\n6\n8\n");
	expect(b, "1\nx\n3\n4\n5\n6\n7\n", "1\ny\n3\n4\n5\n6\n7\n", NULL);
	expect(b, "1\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\n7\n",
	    "1\n3\n4\n5\n7\n");
	/* One side as the base; nothing at all. */
	expect(b, b, "z\n", "z\n");
	expect(b, b, "", "");
	expect("", "", "", "");
	expect("", "a\n", "a\n", "a\n");
	expect("", "a\n", "b\n", NULL);
	expect("", "a\n", "", "a\n");
	expect(b, "", "", "");
	/* Ends of lines and of the text. */
	expect("a\r\nb\r\nc\r\n", "x\r\nb\r\nc\r\n", "a\r\nb\r\ny\r\n",
	    "x\r\nb\r\ny\r\n");
	expect("a\r\nb\r\nc\r\n", "a\nb\nc\n", "a\r\nb\r\nd\r\n", NULL);
	expect("a\nb\nc", "x\nb\nc", "a\nb\ny", "x\nb\ny");
	expect("a\nb\nc", "x\nb\nc", "a\nb\nc\n", "x\nb\nc\n");
	expect("a\nb\nc\n", "x\nb\nc\n", "a\nb\nc", "x\nb\nc");
	expect("a\nb\nc", "a\nb\nc\nd", "a\nb\nc\n", NULL);
	expect("a", "b", "a", "b");
	expect("a\rb\rc\r", "x\rb\rc\r", "a\rb\ry\r", NULL);
	/* What looks like marks. */
	expect("<<<<<<< a\nb\n=======\nc\n>>>>>>> d\n",
	    "<<<<<<< a\nx\n=======\nc\n>>>>>>> d\n",
	    "<<<<<<< a\nb\n=======\ny\n>>>>>>> d\n",
	    "<<<<<<< a\nx\n=======\ny\n>>>>>>> d\n");
}

static void
test_refused(void)
{
	struct sada_buf out = { 0 }, big = { 0 };
	struct sada_span nul = span("a\0b\nc\n", 6), plain = text("a\nb\n");
	size_t i;

	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain, nul,
	    text("a\n")), 0);
	CHECK_INT(merge_both_ways(sada_merge_text, &out, nul, plain,
	    text("a\n")), 0);
	/* A NUL behind what git looks at. */
	for (i = 0; i < 9000; i++)
		sada_buf_adds(&big, "a\n");
	sada_buf_add(&big, "\0\n", 2);
	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain,
	    span(big.p, big.len), text("a\n")), 0);
	/* Too many lines, too many bytes. */
	sada_buf_reset(&big);
	for (i = 0; i <= 1 << 18; i++)
		sada_buf_adds(&big, "\n");
	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain,
	    span(big.p, big.len), plain), 0);
	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain,
	    span(big.p, big.len - 1), plain), 1);
	sada_buf_reset(&out);
	sada_buf_reset(&big);
	memset(sada_buf_reserve(&big, SADA_MERGE_MAX + 1), 'x',
	    SADA_MERGE_MAX + 1);
	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain, plain,
	    span(big.p, SADA_MERGE_MAX + 1)), 0);
	CHECK_INT(merge_both_ways(sada_merge_text, &out, plain, plain,
	    span(big.p, SADA_MERGE_MAX)), 1);
	CHECK_INT(out.len, SADA_MERGE_MAX);
	sada_buf_release(&out);
	sada_buf_release(&big);
}

/* N lines that stand nowhere else than in the ones that begin with HEAD. */
static void
put_lines(struct sada_buf *b, const char *head, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		sada_buf_addf(b, "%s%zu\n", head, i);
}

/*
 * A base of WAS lines and more, a side that has IS others in their place, and
 * one that has another line far behind: do they merge?
 */
static int
merges_far(size_t was, size_t is)
{
	struct sada_buf base = { 0 }, a = { 0 }, b = { 0 }, out = { 0 };
	struct sada_three in;
	int rc;

	put_lines(&base, "begin", 3);
	put_lines(&a, "begin", 3);
	put_lines(&base, "old", was);
	put_lines(&a, "new", is);
	put_lines(&base, "end", 9000);
	put_lines(&a, "end", 9000);
	sada_buf_add(&b, base.p, base.len);
	sada_buf_adds(&b, "last\n");
	rc = merge_both_ways(sada_merge_text, &out, span(base.p, base.len),
	    span(a.p, a.len), span(b.p, b.len));
	CHECK_INT(out.len, rc == 1 ? a.len + 5 : 0);
	in.base = span(base.p, base.len);
	in.a = span(a.p, a.len);
	in.b = span(b.p, b.len);
	CHECK(rc == 1 || (sada_merge_why(SADA_MERGE_TEXT, &in) ==
	    SADA_MERGE_NO_SIZE && sada_merge_why(SADA_MERGE_UNION, &in) ==
	    SADA_MERGE_NO_SIZE));
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
	return rc;
}

/* The same where every third line is another. */
static int
merges_scattered(size_t other)
{
	struct sada_buf base = { 0 }, a = { 0 }, b = { 0 }, out = { 0 };
	size_t i;
	int rc;

	for (i = 0; i < 3 * other; i++) {
		sada_buf_addf(&base, "%zu\n", i);
		sada_buf_addf(&a, i % 3 == 1 ? "%zu new\n" : "%zu\n", i);
	}
	sada_buf_add(&b, base.p, base.len);
	sada_buf_adds(&b, "last\n");
	rc = merge_both_ways(sada_merge_text, &out, span(base.p, base.len),
	    span(a.p, a.len), span(b.p, b.len));
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
	return rc;
}

/* The smaller number of other lines times the sum of both: up to 2^25. */
static void
test_far(void)
{
	CHECK_INT(merges_far(4096, 4096), 1);
	CHECK_INT(merges_far(4096, 4097), 0);
	CHECK_INT(merges_far(4097, 4096), 0);
	CHECK_INT(merges_far(4095, 4098), 1);
	CHECK_INT(merges_far(2, 200000), 1);
	CHECK_INT(merges_far(200000, 2), 1);
	CHECK_INT(merges_far(167, 200000), 1);
	CHECK_INT(merges_far(168, 200000), 0);
	CHECK_INT(merges_scattered(4096), 1);
	CHECK_INT(merges_scattered(4097), 0);
}

static void
test_driver(void)
{
	static const unsigned drivers[] = { SADA_MERGE_TEXT,
	    SADA_MERGE_UNION, SADA_MERGE_KEEP, SADA_MERGE_NEWEST,
	    SADA_MERGE_JSON, SADA_MERGE_SQLITE, SADA_MERGE_COMMAND };
	struct sada_span x = span("\0x", 2), y = span("\0y\n", 3);
	struct sada_three in;
	struct sada_buf out = { 0 };
	struct sada_err err = { 0 };
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		in = (struct sada_three){ x, x, y };
		sada_buf_reset(&out);
		CHECK_INT(sada_merge_bytes(&out, drivers[i], &in, &err), 1);
		CHECK(out.len == 3 && memcmp(out.p, y.p, 3) == 0);
		in = (struct sada_three){ x, y, x };
		CHECK_INT(sada_merge_bytes(&out, drivers[i], &in, &err), 1);
		CHECK_INT(out.len, 6);
		in = (struct sada_three){ x, y, y };
		CHECK_INT(sada_merge_bytes(&out, drivers[i], &in, &err), 1);
		CHECK_INT(out.len, 9);
		in = (struct sada_three){ x, y, span("z", 1) };
		CHECK_INT(sada_merge_bytes(&out, drivers[i], &in, &err), 0);
		CHECK_INT(out.len, 9);
	}
	in = (struct sada_three){ text("{\"a\":1}"),
	    text("{\"a\":1,\"b\":2}"), text("{\"a\":3}") };
	sada_buf_reset(&out);
	CHECK_INT(sada_merge_bytes(&out, SADA_MERGE_JSON, &in, &err), 1);
	CHECK_STR(sada_buf_str(&out), "{\"a\":3,\"b\":2}");
	CHECK_INT(sada_merge_bytes(&out, SADA_MERGE_TEXT, &in, &err), 0);
	CHECK_INT(sada_merge_bytes(&out, SADA_MERGE_KEEP, &in, &err), 0);
	sada_buf_release(&out);
}

/* Append a random line of one of few kinds. */
static void
put_line(struct sada_buf *b, unsigned letters, int crlf)
{
	static const char *const odd[] = { "", "}", "\t", "=======",
	    "<<<<<<< x", ">>>>>>> y", "x y z" };

	if (tap_below(8) == 0)
		sada_buf_adds(b, odd[tap_below(7)]);
	else
		sada_buf_addf(b, "%c", (char)('a' + tap_below(letters)));
	sada_buf_adds(b, crlf > (int)tap_below(4) ? "\r\n" : "\n");
}

/* Append OLD with RATE in 64 of its lines changed. */
static void
edit(struct sada_buf *b, const struct sada_buf *old, unsigned rate,
    unsigned letters, int crlf)
{
	const unsigned char *p = old->p, *end = p + old->len, *nl;

	for (; p < end; p = nl + 1) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end - 1;
		if (tap_below(64) >= rate) {
			sada_buf_add(b, p, (size_t)(nl + 1 - p));
			continue;
		}
		while (tap_below(3) > 0)
			put_line(b, letters, crlf);
		if (tap_below(3) == 0)
			sada_buf_add(b, p, (size_t)(nl + 1 - p));
	}
	if (tap_below(64) < 2 * rate)
		put_line(b, letters, crlf);
	if (b->len > 0 && tap_below(6) == 0)
		b->len--;
}

static void
put_file(const char *name, const struct sada_buf *b)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || (b->len > 0 && fwrite(b->p, 1, b->len, f) !=
	    b->len) || fclose(f) != 0)
		abort();
}

/* What git merge-file says: appended to OUT; 1, or 0 for a conflict. */
static int
ask_git(struct sada_buf *out, const struct sada_buf *base,
    const struct sada_buf *a, const struct sada_buf *b)
{
	char cmd[256];
	unsigned char *p;
	size_t n;
	FILE *f;
	int st;

	put_file("o", base);
	put_file("a", a);
	put_file("b", b);
	(void)snprintf(cmd, sizeof(cmd), "cd %s && exec git merge-file -p a "
	    "o b 2>/dev/null", dir);
	if ((f = popen(cmd, "r")) == NULL)
		abort();
	do {
		p = sada_buf_reserve(out, 4096);
		n = fread(p, 1, 4096, f);
		out->len += n;
	} while (n > 0);
	st = pclose(f);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) < 128);
	return st == 0;
}

/* Three random sides: many small ones, some long ones. */
static void
make(struct sada_buf in[3])
{
	unsigned letters = 2 + (unsigned)tap_below(24);
	unsigned rate = 1 + (unsigned)tap_below(tap_below(2) ? 8 : 30);
	int crlf = (int)tap_below(8) - 3;
	size_t lines = tap_below(tap_below(16) ? 24 : 600), i;

	for (i = 0; i < 3; i++)
		sada_buf_reset(&in[i]);
	for (i = 0; i < lines; i++)
		put_line(&in[0], letters, crlf);
	if (in[0].len > 0 && tap_below(6) == 0)
		in[0].len--;
	edit(&in[1], &in[0], rate, letters, crlf);
	edit(&in[2], tap_below(4) ? &in[0] : &in[1], rate, letters, crlf);
}

static void
test_git(int rounds)
{
	struct sada_buf in[3] = { { 0 }, { 0 }, { 0 } }, want = { 0 };
	struct sada_buf got = { 0 };
	int i, rc, theirs, clean = 0;

	for (i = 0; i < rounds; i++) {
		make(in);
		sada_buf_reset(&want);
		sada_buf_reset(&got);
		theirs = ask_git(&want, &in[0], &in[1], &in[2]);
		rc = merge_both_ways(sada_merge_text, &got,
		    span(in[0].p, in[0].len), span(in[1].p, in[1].len),
		    span(in[2].p, in[2].len));
		CHECK_INT(rc, theirs);
		CHECK(rc == 0 || (got.len == want.len && (got.len == 0 ||
		    memcmp(got.p, want.p, got.len) == 0)));
		clean += rc;
	}
	printf("# %d of %d clean\n", clean, rounds);
	CHECK(clean > rounds / 8 && clean < rounds - rounds / 8);
	for (i = 0; i < 3; i++)
		sada_buf_release(&in[i]);
	sada_buf_release(&want);
	sada_buf_release(&got);
}

/*
 * The answers are part of the format, and a library gives them: whoever
 * changes one of them must see it here.
 */
static void
test_pinned(void)
{
	struct sada_buf in[3] = { { 0 }, { 0 }, { 0 } }, all = { 0 };
	struct sada_three t;
	struct sada_err err = { 0 };
	struct sada_id id;
	uint64_t seed = tap.rand;
	char hex[17];
	int i, rc;

	tap.rand = 42;
	for (i = 0; i < 20000; i++) {
		make(in);
		t.base = span(in[0].p, in[0].len);
		t.a = span(in[1].p, in[1].len);
		t.b = span(in[2].p, in[2].len);
		rc = sada_merge_text(&all, &t, &err);
		sada_put_u8(&all, (uint8_t)rc);
		rc = sada_merge_union(&all, &t, &err);
		sada_put_u8(&all, (uint8_t)rc);
	}
	sada_hash(&id, SADA_CTX_MERGE, all.p, all.len);
	for (i = 0; i < 8; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", id.b[i]);
	CHECK_STR(hex, "db59f7c4d360727f");
	tap.rand = seed;
	for (i = 0; i < 3; i++)
		sada_buf_release(&in[i]);
	sada_buf_release(&all);
}

/* Seconds that a merge of large sides takes. */
static double
timed(struct sada_buf in[3], const char *what)
{
	struct sada_three t = { { in[0].p, in[0].len },
	    { in[1].p, in[1].len }, { in[2].p, in[2].len } };
	struct sada_buf out = { 0 };
	struct sada_err err = { 0 };
	struct timespec from, to;
	double s;
	int rc;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	rc = sada_merge_text(&out, &t, &err);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	s = (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("# %s: %d in %.2f s\n", what, rc, s);
	sada_buf_release(&out);
	return s;
}

/* A hash of lines that has no key. */
static uint64_t
weak(uint64_t h, int c)
{
	return (h + (h << 5)) ^ (unsigned)c;
}

/* Two pairs of letters that take *H to one and the same. */
static void
twins(uint64_t *h, char one[3], char two[3])
{
	int a, b, c, d;

	for (a = 33; a < 127; a++)
		for (c = a + 1; c < 127; c++)
			for (b = 33; b < 127; b++) {
				d = (int)((weak(weak(*h, a), b) ^
				    weak(weak(*h, c), 0)) & 0xff);
				if (d < 33 || d > 126 || weak(weak(*h, a),
				    b) != weak(weak(*h, c), d))
					continue;
				one[0] = (char)a;
				one[1] = (char)b;
				two[0] = (char)c;
				two[1] = (char)d;
				one[2] = two[2] = '\0';
				*h = weak(weak(*h, a), b);
				return;
			}
	abort();
}

/* Line K of 65,536 with one hash. */
static void
put_colliding(struct sada_buf *b, size_t k)
{
	uint64_t h = 5381;
	char one[3], two[3];
	int i;

	for (i = 0; i < 16; i++) {
		twins(&h, one, two);
		sada_buf_adds(b, k >> i & 1 ? one : two);
	}
	sada_buf_adds(b, "\n");
}

static void
test_slow(void)
{
	struct sada_buf in[3] = { { 0 }, { 0 }, { 0 } };
	size_t i, k;

	/* Nothing but two kinds of lines. */
	for (k = 0; k < 3; k++)
		for (i = 0; i < 1 << 18; i++)
			sada_buf_adds(&in[k], tap_below(2) ? "a\n" : "b\n");
	CHECK(timed(in, "two kinds") < 60);
	for (k = 0; k < 3; k++) {
		sada_buf_reset(&in[k]);
		for (i = 0; i < 1 << 16; i++)
			sada_buf_addf(&in[k], "%zu\n", tap_below(20000));
	}
	CHECK(timed(in, "20000 kinds") < 60);
	for (k = 0; k < 3; k++) {
		sada_buf_reset(&in[k]);
		for (i = 0; i < 1 << 16; i++)
			sada_buf_addf(&in[k], "%zu\n", (i * 7919 * (2 * k + 1))
			    % (1 << 16));
	}
	CHECK(timed(in, "permuted") < 60);
	for (k = 0; k < 3; k++) {
		sada_buf_reset(&in[k]);
		for (i = 0; i < 1 << 16; i++)
			put_colliding(&in[k], i ^ k);
	}
	CHECK(timed(in, "colliding") < 60);
	for (k = 0; k < 3; k++) {
		sada_buf_reset(&in[k]);
		while (in[k].len < 8 << 20)
			sada_buf_adds(&in[k], "one huge line ");
		in[k].len = (8 << 20) - k;
	}
	CHECK(timed(in, "huge line") < 60);
	for (k = 0; k < 3; k++)
		sada_buf_release(&in[k]);
}

int
main(void)
{
	char cmd[64];

	tap_seed(31);
	if (mkdtemp(dir) == NULL)
		return 1;
	test_table();
	test_refused();
	test_far();
	test_driver();
	test_pinned();
	test_git(getenv("MERGE_ROUNDS") != NULL ?
	    (int)strtol(getenv("MERGE_ROUNDS"), NULL, 10) : 300);
	test_slow();
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		return 1;
	return tap_done();
}
