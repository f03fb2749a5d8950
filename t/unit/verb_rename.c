/* Renames among changes: which pairs, which directories, which hints. */
#include <assert.h>

#include "base/buf.h"
#include "base/path.h"
#include "format/op.h"
#include "tap.h"
#include "verb/rename_priv.h"

static struct sada_moves *x;
static struct sada_buf text[64];	/* contents by number */
static int loads;

static void
add(unsigned side, const char *path, uint8_t kind, unsigned content)
{
	struct sada_move m = { .path = path, .len = strlen(path),
	    .side = side, .kind = kind, .tail = "tail", .ntail = 4 };

	if (kind != SADA_DIR) {
		m.size = content < 64 && text[content].len > 0 ?
		    text[content].len : content;
		m.content.b[0] = (unsigned char)content;
		m.content.b[1] = (unsigned char)(content >> 8);
	}
	sada_moves_add(x, &m);
}

static void
gone(const char *path, unsigned content)
{
	add(SADA_MOVE_GONE, path, SADA_FILE, content);
}

static void
come(const char *path, unsigned content)
{
	add(SADA_MOVE_NEW, path, SADA_FILE, content);
}

static int
load(struct sada_buf *out, const struct sada_move *m, void *ctx,
    struct sada_err *err)
{
	(void)ctx;
	(void)err;
	loads++;
	assert(m->content.b[1] == 0 && m->content.b[0] < 64);
	if (text[m->content.b[0]].len == 0)
		return 0;
	sada_buf_add(out, text[m->content.b[0]].p,
	    text[m->content.b[0]].len);
	return 1;
}

/* The directory that lives after all, or NULL. */
static const char *alive;

static int
lives(const char *path, size_t len, void *ctx, struct sada_err *err)
{
	(void)ctx;
	(void)err;
	return alive != NULL && strlen(alive) == len &&
	    memcmp(alive, path, len) == 0;
}

/* Match, and give the hints as lines "1 from to"; starts anew. */
static const char *
hints(sada_move_load *l)
{
	static struct sada_buf out;
	struct sada_buf raw = {0};
	struct sada_op op = { .nhints = 0 };
	struct sada_hint *h;
	uint32_t i;

	CHECK_INT(sada_moves_match(x, l, NULL, NULL), 0);
	CHECK_INT(sada_moves_hints(x, &raw, &op.nhints, lives, NULL, NULL),
	    0);
	op.hints = raw.p;
	op.hints_len = raw.len;
	sada_op_hints(&h, &op);
	sada_buf_reset(&out);
	for (i = 0; i < op.nhints; i++)
		sada_buf_addf(&out, "%u %.*s %.*s\n", h[i].kind,
		    (int)h[i].from_len, h[i].from, (int)h[i].to_len,
		    h[i].to);
	free(h);
	sada_buf_release(&raw);
	sada_moves_free(x);
	sada_moves_new(&x);
	return sada_buf_str(&out);
}

static void
test_content(void)
{
	gone("a", 100);
	come("b", 100);
	CHECK_STR(hints(NULL), "1 a b\n");
	/* Empty files, other kinds, other sizes are no match. */
	gone("a", 0);
	add(SADA_MOVE_GONE, "k", SADA_FILE, 100);
	come("b", 0);
	add(SADA_MOVE_NEW, "l", SADA_LINK, 100);
	CHECK_STR(hints(NULL), "");
	add(SADA_MOVE_GONE, "k", SADA_LINK, 100);
	add(SADA_MOVE_NEW, "l", SADA_LINK, 100);
	CHECK_STR(hints(NULL), "1 k l\n");
	/* A changed name is on neither side: a swap, a rename over. */
	add(SADA_MOVE_OTHER, "a", SADA_FILE, 100);
	gone("c", 101);
	add(SADA_MOVE_OTHER, "b", SADA_FILE, 101);
	CHECK_STR(hints(NULL), "");
	/* The base name goes before the place. */
	gone("d/f", 100);
	come("d/g", 100);
	come("e/f", 100);
	CHECK_STR(hints(NULL), "1 d/f e/f\n");
	/* Then what ends alike, then what begins alike. */
	gone("a/b/c/f", 100);
	gone("z/f", 100);
	come("q/f", 100);
	come("r/b/c/f", 100);
	CHECK_STR(hints(NULL), "1 a/b/c/f r/b/c/f\n1 z/f q/f\n");
	gone("p/q/f", 100);
	gone("s/t/f", 100);
	come("s/u/f", 100);
	CHECK_STR(hints(NULL), "1 s/t/f s/u/f\n");
	/* What was paired before stays so. */
	gone("a", 100);
	come("b", 101);
	gone("c", 101);
	come("d", 100);
	sada_move_pair(x, 0, 1, 100);
	CHECK_STR(hints(NULL), "1 a b\n");
	/* Two names showed what lives at one path, and go on. */
	gone("a", 100);
	come("c", 101);
	gone("b", 102);
	gone("a", 100);
	come("d", 103);
	come("e", 102);
	sada_move_pair(x, 0, 1, 100);
	sada_move_pair(x, 3, 4, 100);
	CHECK_STR(hints(NULL), "1 a c\n1 b e\n");
	/* Many to few: in the order of paths. */
	gone("a", 100);
	gone("b", 100);
	gone("c", 100);
	come("x", 100);
	come("y", 100);
	CHECK_STR(hints(NULL), "1 a x\n1 b y\n");
}

static void
test_dirs(void)
{
	char name[64];
	int i;

	/* A whole directory: one hint, and none below. */
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	add(SADA_MOVE_GONE, "d/e", SADA_DIR, 0);
	gone("d/e/g", 7);
	for (i = 10; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "d/f%d", i);
		gone(name, (unsigned)i + 1000);
	}
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	add(SADA_MOVE_NEW, "n/e", SADA_DIR, 0);
	come("n/e/g", 8);	/* edited: it went along */
	for (i = 10; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "n/f%d", i);
		come(name, (unsigned)i + 1000);
	}
	CHECK_STR(hints(NULL), "2 d n\n");
	/* One of them elsewhere, one under another name. */
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	gone("d/a", 1);
	gone("d/b", 2);
	gone("d/c", 3);
	gone("d/k", 4);
	come("else", 3);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	come("n/a", 1);
	come("n/b", 2);
	come("n/l", 4);
	CHECK_STR(hints(NULL), "2 d n\n1 d/c else\n1 d/k n/l\n");
	/* Less than half of it is none. */
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	gone("d/a", 1);
	gone("d/b", 2);
	gone("d/c", 3);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	come("n/a", 1);
	CHECK_STR(hints(NULL), "1 d/a n/a\n");
	/* Neither one that stands, nor one that was there, moved. */
	gone("d/a", 1);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	come("n/a", 1);
	CHECK_STR(hints(NULL), "1 d/a n/a\n");
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	gone("d/a", 1);
	come("n/a", 1);
	CHECK_STR(hints(NULL), "1 d/a n/a\n");
	alive = "d";
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	gone("d/a", 1);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	come("n/a", 1);
	CHECK_STR(hints(NULL), "1 d/a n/a\n");
	alive = NULL;
	/* Split in two: the larger part, of equal ones the first. */
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	gone("d/a", 1);
	gone("d/b", 2);
	add(SADA_MOVE_NEW, "m", SADA_DIR, 0);
	come("m/b", 2);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	come("n/a", 1);
	CHECK_STR(hints(NULL), "2 d m\n1 d/a n/a\n");
	/* Deeper, and a part of it to another place. */
	add(SADA_MOVE_GONE, "d", SADA_DIR, 0);
	add(SADA_MOVE_GONE, "d/s", SADA_DIR, 0);
	gone("d/s/a", 1);
	gone("d/s/b", 2);
	gone("d/x", 3);
	gone("d/y", 4);
	gone("d/z", 5);
	add(SADA_MOVE_NEW, "n", SADA_DIR, 0);
	add(SADA_MOVE_NEW, "n/o", SADA_DIR, 0);
	come("n/o/x", 3);
	come("n/o/y", 4);
	come("n/o/z", 5);
	add(SADA_MOVE_NEW, "t", SADA_DIR, 0);
	come("t/a", 1);
	come("t/b", 2);
	CHECK_STR(hints(NULL), "2 d n/o\n2 d/s t\n");
	/* A level goes away. */
	add(SADA_MOVE_GONE, "a", SADA_DIR, 0);
	add(SADA_MOVE_GONE, "a/b", SADA_DIR, 0);
	gone("a/b/x", 3);
	add(SADA_MOVE_NEW, "b", SADA_DIR, 0);
	come("b/x", 3);
	CHECK_STR(hints(NULL), "2 a/b b\n");
}

/* N lines, of which every EVERY-th is another. */
static void
lines(unsigned content, unsigned n, unsigned every, const char *what)
{
	unsigned i;

	sada_buf_reset(&text[content]);
	for (i = 0; i < n; i++)
		sada_buf_addf(&text[content], every > 0 && i % every == 0 ?
		    "%s %u is another\n" : "%s %u\n", what, i);
}

static void
test_text(void)
{
	lines(1, 100, 0, "a line of text");
	lines(2, 100, 10, "a line of text");
	lines(3, 100, 1, "other words here");
	lines(4, 3, 0, "short");
	lines(5, 3, 3, "short");
	gone("a", 1);
	gone("u", 3);
	come("b", 2);
	CHECK_STR(hints(load), "1 a b\n");
	CHECK(loads > 0);
	/* Not without contents, not what is too short or no text. */
	gone("a", 1);
	come("b", 2);
	CHECK_STR(hints(NULL), "");
	gone("a", 4);
	come("b", 5);
	CHECK_STR(hints(load), "");
	gone("a", 3);
	come("b", 2);
	CHECK_STR(hints(load), "");
	text[2].p[5] = '\0';
	gone("a", 1);
	come("b", 2);
	CHECK_STR(hints(load), "");
	/* The one that is most alike; the same name of equals. */
	lines(2, 100, 10, "a line of text");
	lines(6, 100, 4, "a line of text");
	gone("a", 1);
	come("b", 6);
	come("c", 2);
	CHECK_STR(hints(load), "1 a c\n");
	lines(7, 100, 10, "a line of text");
	gone("d/a", 1);
	come("b", 2);
	come("e/a", 7);
	CHECK_STR(hints(load), "1 d/a e/a\n");
	/* Same content goes before alike. */
	gone("a", 1);
	come("b", 1);
	come("x/a", 2);
	CHECK_STR(hints(load), "1 a b\n");
}

/* More than have room: directories first, and the rest as they come. */
static void
test_full(void)
{
	struct sada_buf raw = {0};
	char name[300];
	uint32_t n;
	int i, k, len;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 1500; i++) {
			len = k == 0 ? 6 : 40;
			(void)snprintf(name, sizeof(name), "a%0*d", len, i);
			gone(name, (unsigned)i + 100);
			(void)snprintf(name, sizeof(name), "b%0*d", len, i);
			come(name, (unsigned)i + 100);
		}
		add(SADA_MOVE_GONE, "y", SADA_DIR, 0);
		gone("y/f", 2000);
		add(SADA_MOVE_NEW, "z", SADA_DIR, 0);
		come("z/f", 2000);
		sada_buf_reset(&raw);
		CHECK_INT(sada_moves_match(x, NULL, NULL, NULL), 0);
		CHECK_INT(sada_moves_hints(x, &raw, &n, lives, NULL, NULL),
		    0);
		CHECK(k == 0 ? n == 1024 : n < 1024 && n > 300);
		CHECK(raw.len <= SADA_HINTS_BYTES);
		CHECK(memcmp(raw.p + raw.len - 5, "\2\1y\1z", 5) == 0);
		sada_moves_free(x);
		sada_moves_new(&x);
	}
	sada_buf_release(&raw);
}

/* Random moves: one to one, of one content, all that can be paired. */
static void
test_random(void)
{
	static const char *const part[] = { "a", "b", "a-", "ab", "c" };
	struct sada_buf path = {0}, other = {0};
	struct sada_move m, t;
	int round, i, count, pairs, could;
	unsigned left[4][2], c, k;
	uint32_t n, j;
	char name[64];

	for (round = 0; round < 2000; round++) {
		memset(left, 0, sizeof(left));
		count = 1 + (int)tap_below(30);
		for (i = 0; i < count; i++) {
			(void)snprintf(name, sizeof(name), "%s/%s/%s%s",
			    part[tap_below(5)], part[tap_below(5)],
			    part[tap_below(5)], part[tap_below(5)]);
			c = (unsigned)tap_below(4);
			k = (unsigned)tap_below(2);
			left[c][k]++;
			add(k == 0 ? SADA_MOVE_GONE : SADA_MOVE_NEW, name,
			    SADA_FILE, 1 + c);
		}
		CHECK_INT(sada_moves_match(x, NULL, NULL, NULL), 0);
		pairs = could = 0;
		for (c = 0; c < 4; c++)
			could += (int)(left[c][0] < left[c][1] ? left[c][0] :
			    left[c][1]);
		n = sada_moves_count(x);
		CHECK_INT(n, count);
		for (j = 0; j < n; j++) {
			sada_moves_get(x, j, &m, &path);
			CHECK(m.ntail == 4 && memcmp(m.tail, "tail", 4) == 0
			    && strlen(m.path) == m.len);
			if (m.mate == SADA_MOVE_NONE)
				continue;
			sada_moves_get(x, m.mate, &t, &other);
			CHECK(t.mate == j && t.side != m.side &&
			    sada_id_cmp(&t.content, &m.content) == 0);
			pairs += m.side == SADA_MOVE_GONE;
		}
		CHECK_INT(pairs, could);
		sada_moves_free(x);
		sada_moves_new(&x);
	}
	sada_buf_release(&path);
	sada_buf_release(&other);
}

/* Many of one content, deep and wide: it must not take long. */
static void
test_many(void)
{
	char name[400];
	uint32_t n;
	struct sada_buf raw = {0};
	int i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < 20000; i++) {
			(void)snprintf(name, sizeof(name),
			    "%c/1/2/3/4/5/6/7/8/9/%d/f", k == 0 ? 'a' : 'b',
			    i);
			add(k == 0 ? SADA_MOVE_GONE : SADA_MOVE_NEW, name,
			    SADA_FILE, 9);
		}
	CHECK_INT(sada_moves_match(x, NULL, NULL, NULL), 0);
	CHECK_INT(sada_moves_hints(x, &raw, &n, lives, NULL, NULL), 0);
	CHECK(n > 300);
	CHECK(!sada_moves_full(x));
	sada_moves_free(x);
	sada_moves_new(&x);
	sada_buf_release(&raw);
}

int
main(void)
{
	size_t i;

	tap_seed(11);
	sada_moves_new(&x);
	test_content();
	test_dirs();
	test_text();
	test_full();
	test_random();
	test_many();
	sada_moves_free(x);
	for (i = 0; i < 64; i++)
		sada_buf_release(&text[i]);
	return tap_done();
}
