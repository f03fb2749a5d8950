/*
 * The most that carrying looks at and shows elsewhere: what there may be
 * counts to the last, what is more does not.
 */
#include "carry_util.h"

static struct sada_id tip, lowest;
static struct sada_dot wrote, moved;

/* An op writes what lives at d. */
static void
writes(void)
{
	uint32_t no;

	fresh_dot(&wrote, 0);
	stage(&tip, &no, &wrote, 0, NULL, 0, NULL, 0);
}

/* Another one that has not seen it moves d to TO: the lowest with hints. */
static void
moves(const char *to)
{
	struct sada_hint h = hint(SADA_HINT_DIR, "d", to);
	uint32_t no;

	fresh_dot(&moved, 1);
	stage(&lowest, &no, &moved, 1, NULL, 0, &h, 1);
}

/* COUNT ops on that, each on the one before, with the same N hints. */
static void
higher_ops(size_t count, const struct sada_hint *h, size_t n)
{
	struct sada_dot d;
	uint32_t no;

	for (; count > 0; count--) {
		fresh_dot(&d, 2);
		stage(&tip, &no, &d, 2, &tip, 1, h, n);
	}
}

/*
 * How many of N files below d are carried to TO: the first ones.  The last
 * has a shorter name.
 */
static size_t
carried(size_t n, const char *to)
{
	struct sada_version v = { .kind = SADA_FILE, .mode = 0644 };
	uint32_t count = sada_log_count(record), i, *all;
	struct sada_context *past;
	struct model m = { 0 };
	struct sada_carry *c;
	struct sada_id root;
	char path[16];

	all = sada_calloc(count, sizeof(*all));
	for (i = 0; i < count; i++)
		all[i] = i;
	sada_context_make(&past, record, all, count);
	v.dot = moved;
	model_set(&m, to, strlen(to), &v, 1);
	v.dot = wrote;
	for (i = 0; i < n; i++)
		model_set(&m, path, (size_t)snprintf(path, sizeof(path),
		    i + 1 == n ? "d/z" : "d/%06" PRIu32, i), &v, 1);
	model_build(&box.ns, &m, &root);
	model_free(&m);
	must(sada_carry_new(&c, record, past, &box.ns, &root, &err), &err);
	n = c != NULL ? c->n : 0;
	if (n > 1)
		CHECK_INT(strtol(c->out[n - 1]->from + 2, NULL, 10), n - 1);
	sada_carry_free(c);
	free(all);
	free(past);
	return n;
}

/* Of a dot with 16 ops all are asked, with 17 none: of both sides' dots. */
static void
test_most_dots(void)
{
	struct sada_id id;
	uint32_t no;
	size_t i;

	writes();
	moves("e");
	for (i = 2; i <= 17; i++) {
		CHECK_INT(carried(1, "e"), 1);
		stage(&id, &no, &wrote, 0, NULL, 0, NULL, 0);
	}
	CHECK_INT(carried(1, "e"), 0);
	sada_log_unstage(record);
	writes();
	moves("e");
	for (i = 2; i <= 17; i++) {
		CHECK_INT(carried(1, "e"), 1);
		stage(&id, &no, &moved, 1, NULL, 0, NULL, 0);
	}
	CHECK_INT(carried(1, "e"), 0);
	sada_log_unstage(record);
}

/* The lowest op counts with the most that there may be, not with one more. */
static void
test_most_ops(void)
{
	struct sada_hint h = hint(SADA_HINT_FILE, "x", "y");
	struct sada_id both[2];
	struct sada_dot d;
	uint32_t no;

	writes();
	higher_ops(((size_t)1 << 14) - 2, &h, 1);
	moves("e");
	/* This one knows all, so it moves nothing; it counts. */
	both[0] = tip;
	both[1] = lowest;
	fresh_dot(&d, 3);
	stage(&tip, &no, &d, 3, both, 2, &h, 1);
	CHECK_INT(carried(1, "e"), 1);
	higher_ops(1, &h, 1);
	CHECK_INT(carried(1, "e"), 0);
	sada_log_unstage(record);
}

static void
test_most_hints(void)
{
	enum { MANY = 1024 };
	static char from[MANY][8];
	struct sada_hint h[MANY];
	size_t i;

	for (i = 0; i < MANY; i++) {
		(void)snprintf(from[i], sizeof(from[i]), "x%04zu", i);
		h[i] = hint(SADA_HINT_FILE, from[i], "y");
	}
	writes();
	moves("e");
	higher_ops(MANY - 1, h, MANY);
	higher_ops(1, h, MANY - 1);
	CHECK_INT(carried(1, "e"), 1);
	higher_ops(1, h, 1);
	CHECK_INT(carried(1, "e"), 0);
	sada_log_unstage(record);
}

/* A path of N bytes that begins with C. */
static char *
long_path(char c, size_t n)
{
	char *p = sada_malloc(n + 1);
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = i % 200 == 199 && i + 1 < n ? '/' : 'x';
	p[0] = c;
	p[n] = '\0';
	return p;
}

static void
test_most_bytes(void)
{
	enum { EACH = 8, BYTES = 4096 - 5 };	/* 5: a kind, two lengths */
	struct sada_hint h[EACH], cut[EACH];
	char *from[EACH], *to = long_path('y', BYTES - 2000);
	struct sada_id before;
	size_t i;

	for (i = 0; i < EACH; i++) {
		from[i] = long_path((char)('f' + i), 2000);
		h[i] = cut[i] = hint(SADA_HINT_FILE, from[i], to);
	}
	/* Eight of 4096 bytes in each op; that of the lowest has five. */
	writes();
	moves("e");
	higher_ops(2047, h, EACH);
	before = tip;
	cut[EACH - 1].to_len -= 4;
	higher_ops(1, cut, EACH);
	CHECK_INT(carried(1, "e"), 0);
	sada_log_unstage_last(record);
	tip = before;
	cut[EACH - 1].to_len--;
	higher_ops(1, cut, EACH);
	CHECK_INT(carried(1, "e"), 1);
	sada_log_unstage(record);
	for (i = 0; i < EACH; i++)
		free(from[i]);
	free(to);
}

/* N files go below TO, which has LEN bytes, and no more: no shorter one. */
static void
most_paths(size_t len, size_t n)
{
	char *to = long_path('e', len);

	writes();
	moves(to);
	CHECK_INT(carried(n + 2, to), n);
	sada_log_unstage(record);
	free(to);
}

/* Of what would be carried the first versions are, and the first bytes. */
static void
test_most_moves(void)
{
	writes();
	moves("e");
	CHECK_INT(carried(((size_t)1 << 17) + 1, "e"), (size_t)1 << 17);
	sada_log_unstage(record);
	/* From and to of each have 4096 bytes, all have 2^25. */
	most_paths(4096 - 8 - 7, (size_t)1 << 13);
	/* They have 4051, 4050 are left, and a short one would need 4041. */
	most_paths(4051 - 8 - 7, ((size_t)1 << 25) / 4051);
}

int
main(void)
{
	tap_seed(20261130);
	carry_open();
	test_most_dots();
	test_most_ops();
	test_most_hints();
	test_most_bytes();
	test_most_moves();
	carry_close();
	return tap_done();
}
