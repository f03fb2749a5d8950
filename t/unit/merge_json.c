/* Merge of JSON: known cases, a naive model at random, damage. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "merge_util.h"

static void
expect(const char *b, const char *x, const char *y, const char *want)
{
	struct sada_buf out = { 0 };
	int rc = merge_both_ways(sada_merge_json, &out, text(b), text(x),
	    text(y));

	CHECK_STR(rc == 1 ? sada_buf_str(&out) : NULL, want);
	sada_buf_release(&out);
}

static void
test_values(void)
{
	expect("{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}");
	expect("{\"a\":1}", "{\"a\":2}", "{\"a\":1,\"b\":2}",
	    "{\"a\":2,\"b\":2}");
	expect("{\"a\":1}", "{\"a\":2}", "{\"a\":3}", NULL);
	expect("{\"a\":1}", "{\"a\":2}", "{\"a\":2}", "{\"a\":2}");
	/* Deleted here: unchanged, changed, deleted there. */
	expect("{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":1,\"b\":3}",
	    "{\"b\":3}");
	expect("{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":7,\"b\":2}", NULL);
	expect("{\"a\":1,\"b\":2}", "{\"b\":3}", "{\"b\":2}", "{\"b\":3}");
	expect("{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":1}", "{}");
	/* Added on both sides: the same, another, objects. */
	expect("{}", "{\"a\":1}", "{\"a\": 1}", "{\"a\": 1}");
	expect("{}", "{\"a\":1}", "{\"a\":1.0}", NULL);
	expect("{}", "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}",
	    "{\"a\":{\"x\":1,\"y\":2}}");
	expect("{\"a\":5}", "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}",
	    "{\"a\":{\"x\":1,\"y\":2}}");
	/* Deeper; arrays are whole. */
	expect("{\"a\":{\"b\":{\"c\":1,\"d\":1}}}",
	    "{\"a\":{\"b\":{\"c\":2,\"d\":1}}}",
	    "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}",
	    "{\"a\":{\"b\":{\"c\":2,\"d\":2}}}");
	expect("{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[0,1]}", NULL);
	expect("{\"a\":[1],\"b\":0}", "{\"a\":[1,2],\"b\":0}",
	    "{\"a\":[1],\"b\":1}", "{\"a\":[1,2],\"b\":1}");
	expect("{\"a\":{}}", "{\"a\":1}", "{\"a\":{\"x\":1}}", NULL);
	/* The whole text is a value. */
	expect("1", "2", "1", "2");
	expect("1", "2", "3", NULL);
	expect("[1]", "[ 1 ]", "[2]", "[2]");
	expect("[1]", "{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}");
	/* A name is what it stands for, however it is written. */
	expect("{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":1,\"b\":1}",
	    "{\"\\u0061\":2,\"b\":1}");
	expect("{\"\xf0\x9f\x98\x80\":1}", "{\"\\ud83d\\uDE00\":2}",
	    "{\"\xf0\x9f\x98\x80\":1,\"b\":1}",
	    "{\"\\ud83d\\uDE00\":2,\"b\":1}");
	/* Numbers are what is written. */
	expect("{\"a\":1e400,\"b\":0}", "{\"a\":1e400,\"b\":-0.10E+5}",
	    "{\"a\":123456789012345678901234567890,\"b\":0}",
	    "{\"a\":123456789012345678901234567890,\"b\":-0.10E+5}");
}

static void
test_blanks(void)
{
	/* New members bring their blanks; the first place has its own. */
	expect("{\n  \"a\": 1,\n  \"z\": 9\n}\n",
	    "{\n  \"a\": 1,\n  \"b\": 2,\n  \"z\": 9\n}\n",
	    "{\n  \"a\": 1,\n  \"z\": 9,\n  \"zz\": 10\n}\n",
	    "{\n  \"a\": 1,\n  \"b\": 2,\n  \"z\": 9,\n  \"zz\": 10\n}\n");
	expect("{\"a\": 1, \"b\": 2}", "{\"0\": 0, \"a\": 1, \"b\": 2}",
	    "{\"a\": 1, \"b\": 3}", "{\"0\": 0, \"a\": 1, \"b\": 3}");
	expect("{\"a\": 1, \"b\": 2}", "{\"b\": 2}", "{\"a\": 1, \"b\": 3}",
	    "{\"b\": 3}");
	expect("{\"b\": 2, \"c\": 3}", "{\"b\": 2, \"c\": 4}",
	    "{\"a\": 1, \"b\": 2, \"c\": 3}",
	    "{\"a\": 1, \"b\": 2, \"c\": 4}");
	expect("{}\n", "{\n\t\"a\": 1\n}\n", "{\n\t\"b\": 1\n}\n",
	    "{\n\t\"a\": 1,\n\t\"b\": 1\n}\n");
	expect("{ }", "{ }\n", "{\"a\":1}", "{\"a\":1}\n");
	/* Blanks alone are no change, but are kept. */
	expect("{\"a\":[1,2],\"b\":1}", "{\"a\":[1, 2],\"b\":1}",
	    "{\"a\":[1,2],\"b\":2}", "{\"a\":[1, 2],\"b\":2}");
	expect("{\"a\":[1,2],\"b\":1}", "{\"a\":[1, 2],\"b\":1}",
	    "{\"a\":[1,3],\"b\":1}", "{\"a\":[1,3],\"b\":1}");
	expect("{\"a\":\"x y\"}", "{\"a\":\"xy\"}", "{\"a\":\"x  y\"}", NULL);
	expect("{\"a\":\"\\\" \"}", "{\"a\":\"\\\"\"}", "{\"a\":\"\\\" \" }",
	    "{\"a\":\"\\\"\" }");
}

/* Is S JSON as the driver takes it? */
static int
is_json(struct sada_span s)
{
	struct sada_buf out = { 0 };
	int rc = merge_both_ways(sada_merge_json, &out, s, s, s);

	CHECK(rc == 0 || (out.len == s.n && memcmp(out.p, s.p, s.n) == 0));
	sada_buf_release(&out);
	return rc;
}

static void
test_grammar(void)
{
	static const char *const good[] = { "0", "-0", " 1 ", "1.5e-3",
	    "10E+10", "true", "false", "null", "\"\"", "[]", "[ ]", "{ }",
	    "[1,[2,{}],\"x\"]", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
	    "\"\\ud800\"", "\"\\udc00\\ud800\"", "{\"\":0}", "\"\x7f\"",
	    "\"\xc3\xa9\"", "{\"a\":1,\"A\":1}", "\t\r\n 1",
	    "{\"\\ud800\":1,\"\\ud801\":1}", "[{\"a\":1},{\"a\":1}]",
	    "{\"a\":{\"a\":1}}", "[0.0]", "1e400" };
	static const char *const bad[] = { "", " ", "01", "-", "+1", "1.",
	    ".5", "1e", "1e+", "tru", "truex", "nul", "\"", "\"\\x\"",
	    "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\t\"", "[", "[1", "[1,]",
	    "[,1]", "[1 2]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
	    "{,}", "{a:1}", "{\"a\":1 \"b\":2}", "{'a':1}", "1 2", "[]]",
	    "{}{}", "\xef\xbb\xbf{}", "\"\xff\"", "\"\xed\xa0\x80\"",
	    "\"\xc0\x80\"", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}",
	    "[{\"a\":1,\"a\":2}]", "[[{\"x\":{\"b\":0,\"b\":0}}]]",
	    "{\"\":0,\"\":0}", "NaN", "Infinity", "0x10", "// c\n1",
	    "\v1", "1\f", "{1:2}", "\"\\", "\"\\u", "[}" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!is_json(text(good[i])))
			printf("# %s\n", good[i]);
		CHECK(is_json(text(good[i])));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (is_json(text(bad[i])))
			printf("# %s\n", bad[i]);
		CHECK(!is_json(text(bad[i])));
	}
	CHECK(!is_json(span("1\0", 2)));
	CHECK(!is_json(span("\"\0\"", 3)));
}

/* DEPTH openings, then what closes them. */
static void
nest(struct sada_buf *b, const char *open, const char *middle,
    const char *close, int depth)
{
	int i;

	sada_buf_reset(b);
	for (i = 0; i < depth; i++)
		sada_buf_adds(b, open);
	sada_buf_adds(b, middle);
	for (i = 0; i < depth; i++)
		sada_buf_adds(b, close);
}

static void
test_limits(void)
{
	struct sada_buf b[3] = { { 0 }, { 0 }, { 0 } }, out = { 0 };
	clock_t from;
	size_t i, k;

	nest(&b[0], "[", "", "]", 256);
	CHECK(is_json(span(b[0].p, b[0].len)));
	nest(&b[0], "[", "", "]", 257);
	CHECK(!is_json(span(b[0].p, b[0].len)));
	nest(&b[0], "[", "", "]", 2000000);
	CHECK(!is_json(span(b[0].p, b[0].len)));
	nest(&b[0], "{\"a\":", "1", "}", 257);
	CHECK(!is_json(span(b[0].p, b[0].len)));
	nest(&b[0], "{\"a\":", "1", "}", 256);
	nest(&b[1], "{\"a\":", "1,\"b\":1", "}", 256);
	nest(&b[2], "{\"a\":", "2", "}", 256);
	CHECK_INT(merge_both_ways(sada_merge_json, &out, span(b[0].p,
	    b[0].len), span(b[1].p, b[1].len), span(b[2].p, b[2].len)), 1);
	nest(&b[0], "{\"a\":", "2,\"b\":1", "}", 256);
	CHECK(out.len == b[0].len && memcmp(out.p, b[0].p, out.len) == 0);
	/* Too large, too many members; the most of them, all merged. */
	sada_buf_reset(&b[0]);
	memset(sada_buf_reserve(&b[0], SADA_MERGE_MAX + 1), ' ',
	    SADA_MERGE_MAX + 1);
	b[0].p[0] = '1';
	CHECK(is_json(span(b[0].p, SADA_MERGE_MAX)));
	CHECK(!is_json(span(b[0].p, SADA_MERGE_MAX + 1)));
	for (k = 0; k < 3; k++) {
		sada_buf_reset(&b[k]);
		sada_buf_adds(&b[k], "{");
		for (i = 0; i < 1 << 18; i++)
			sada_buf_addf(&b[k], "%s\"%zx\":%d", i > 0 ? "," : "",
			    i * 40503 % (1 << 18), k > 0 && i % 3 == k);
		sada_buf_adds(&b[k], "}");
	}
	from = clock();
	sada_buf_reset(&out);
	CHECK_INT(merge_both_ways(sada_merge_json, &out, span(b[0].p,
	    b[0].len), span(b[1].p, b[1].len), span(b[2].p, b[2].len)), 1);
	printf("# most members, twice: %.2f s\n", (double)(clock() - from) /
	    CLOCKS_PER_SEC);
	b[0].len--;
	sada_buf_adds(&b[0], ",\"x\":1}");
	CHECK(!is_json(span(b[0].p, b[0].len)));
	/* Deep, and large at every depth. */
	for (k = 0; k < 3; k++) {
		nest(&b[k], "{\"a\":", "", "", 255);
		sada_buf_adds(&b[k], "\"");
		while (b[k].len < (8 << 20) - 4000)
			sada_buf_adds(&b[k], "the same for very long ");
		sada_buf_addf(&b[k], "%zu\"", k);
		for (i = 0; i < 255; i++)
			sada_buf_addf(&b[k], ",\"%zu\":0}", k);
	}
	from = clock();
	CHECK_INT(merge_both_ways(sada_merge_json, &out, span(b[0].p,
	    b[0].len), span(b[1].p, b[1].len), span(b[2].p, b[2].len)), 0);
	printf("# deep and large, twice: %.2f s\n", (double)(clock() - from) /
	    CLOCKS_PER_SEC);
	for (k = 0; k < 3; k++)
		sada_buf_release(&b[k]);
	sada_buf_release(&out);
}

/*
 * The model: trees with no text but that of scalars and names.  A name has
 * an identity and one of two spellings.
 */
#define MOST 20

struct val {
	char scalar[24];		/* "": an object */
	size_t n;
	struct {
		int name, spelling;
		struct val *v;
	} m[MOST];
};

static const char *const spellings[][2] = {
	{ "a", "\\u0061" }, { "b", "\\u0062" }, { "", "" }, { "/", "\\/" },
	{ "\xc3\xa9", "\\u00E9" }, { "\\\"", "\\u0022" }, { "aa", "a\\u0061" },
	{ "\xf0\x9f\x98\x80", "\\ud83d\\ude00" }, { "\\n", "\\u000a" }
};
#define NAMES ((int)(sizeof(spellings) / sizeof(spellings[0])))

static void
val_free(struct val *v)
{
	size_t i;

	for (i = 0; v != NULL && i < v->n; i++)
		val_free(v->m[i].v);
	free(v);
}

static size_t
val_find(const struct val *v, int name)
{
	size_t i;

	for (i = 0; v != NULL && i < v->n; i++)
		if (v->m[i].name == name)
			return i;
	return MOST;
}

static void
val_insert(struct val *v, size_t at, int name, int spelling, struct val *x)
{
	assert(v->n < MOST && at <= v->n);
	memmove(&v->m[at + 1], &v->m[at], (v->n - at) * sizeof(v->m[0]));
	v->m[at].name = name;
	v->m[at].spelling = spelling;
	v->m[at].v = x;
	v->n++;
}

static struct val *
val_random(int depth)
{
	static const char *const scalars[] = { "0", "1", "-2.50e+3", "true",
	    "null", "\"x\"", "\"\\\" \\\\\"", "[]", "[1,{\"a\":2}]" };
	struct val *v = sada_calloc(1, sizeof(*v));
	int name;

	if (depth > 0 && tap_below(3) > 0) {
		for (name = 0; name < NAMES; name++)
			if (tap_below(3) == 0)
				val_insert(v, tap_below(v->n + 1), name,
				    (int)tap_below(2), val_random(depth - 1));
	} else
		(void)snprintf(v->scalar, sizeof(v->scalar), "%s",
		    scalars[tap_below(9)]);
	return v;
}

static struct val *
val_copy(const struct val *v)
{
	struct val *c = sada_malloc(sizeof(*c));
	size_t i;

	*c = *v;
	for (i = 0; i < v->n; i++)
		c->m[i].v = val_copy(v->m[i].v);
	return c;
}

/* A copy of V, changed here and there; SHUFFLE: members may also move. */
static struct val *
val_edit(const struct val *v, int depth, int shuffle)
{
	struct val *c, *x;
	size_t i, k;
	int name;

	if (tap_below(12) == 0)
		return val_random(shuffle ? depth : 0);
	c = val_copy(v);
	for (i = 0; i < c->n; i++) {
		x = c->m[i].v;
		if (tap_below(8) == 0) {
			val_free(x);
			memmove(&c->m[i], &c->m[i + 1], (c->n - i - 1) *
			    sizeof(c->m[0]));
			c->n--;
			i--;
			continue;
		}
		if (tap_below(3) == 0) {
			c->m[i].v = val_edit(x, depth - 1, shuffle);
			val_free(x);
		}
		if (shuffle && tap_below(12) == 0) {
			k = tap_below(i + 1);
			name = c->m[i].name;
			c->m[i].name = c->m[k].name;
			c->m[k].name = name;
		}
	}
	name = (int)tap_below((size_t)NAMES);
	if (c->scalar[0] == '\0' && tap_below(2) && c->n < MOST &&
	    val_find(c, name) == MOST && (shuffle || val_find(v, name) ==
	    MOST))
		val_insert(c, tap_below(c->n + 1), name, (int)tap_below(2),
		    val_random(depth - 1));
	return c;
}

static void
put_blanks(struct sada_buf *b, int blanks)
{
	static const char kinds[] = " \t\r\n";

	while (blanks && tap_below(4) == 0)
		sada_put_u8(b, (uint8_t)kinds[tap_below(4)]);
}

static void
val_put(struct sada_buf *b, const struct val *v, int blanks)
{
	size_t i;

	if (v->scalar[0] != '\0') {
		sada_buf_adds(b, v->scalar);
		return;
	}
	sada_buf_adds(b, "{");
	for (i = 0; i < v->n; i++) {
		sada_buf_adds(b, i > 0 ? "," : "");
		put_blanks(b, blanks);
		sada_buf_addf(b, "\"%s\"",
		    spellings[v->m[i].name][v->m[i].spelling]);
		put_blanks(b, blanks);
		sada_buf_adds(b, ":");
		put_blanks(b, blanks);
		val_put(b, v->m[i].v, blanks);
		put_blanks(b, blanks);
	}
	put_blanks(b, blanks);
	sada_buf_adds(b, "}");
}

static int
val_same(const struct val *a, const struct val *b)
{
	struct sada_buf x = { 0 }, y = { 0 };
	int same;

	if (a == NULL || b == NULL)
		return a == b;
	val_put(&x, a, 0);
	val_put(&y, b, 0);
	same = x.len == y.len && memcmp(x.p, y.p, x.len) == 0;
	sada_buf_release(&x);
	sada_buf_release(&y);
	return same;
}

static int val_merge_object(struct val **out, const struct val *b,
    const struct val *t, const struct val *o);

/* NULL stands for "not there"; 1 and *OUT, or 0 for a conflict. */
static int
val_merge(struct val **out, const struct val *b, const struct val *t,
    const struct val *o)
{
	const struct val *one = NULL;

	*out = NULL;
	if (val_same(t, b))
		one = o;
	else if (val_same(o, b) || val_same(t, o))
		one = t;
	else if (t != NULL && o != NULL && t->scalar[0] == '\0' &&
	    o->scalar[0] == '\0')
		return val_merge_object(out, b, t, o);
	else
		return 0;
	if (one != NULL)
		*out = val_copy(one);
	return 1;
}

static const struct val *
val_at(const struct val *v, size_t at)
{
	return at < MOST ? v->m[at].v : NULL;
}

static int
val_merge_object(struct val **out, const struct val *b, const struct val *t,
    const struct val *o)
{
	struct val *v = sada_calloc(1, sizeof(*v)), *x;
	size_t i, prev = 0;
	int ok = 1;

	for (i = 0; ok && i < t->n; i++) {
		ok = val_merge(&x, val_at(b, val_find(b, t->m[i].name)),
		    t->m[i].v, val_at(o, val_find(o, t->m[i].name)));
		if (ok && x != NULL)
			val_insert(v, v->n, t->m[i].name, t->m[i].spelling,
			    x);
	}
	for (i = 0; ok && i < o->n; i++) {
		if (val_find(t, o->m[i].name) == MOST) {
			ok = val_merge(&x, val_at(b, val_find(b,
			    o->m[i].name)), NULL, o->m[i].v);
			while (prev < v->n && val_find(o, v->m[prev].name) ==
			    MOST)
				prev++;
			if (ok && x != NULL)
				val_insert(v, prev++, o->m[i].name,
				    o->m[i].spelling, x);
		} else if (val_find(v, o->m[i].name) < MOST)
			prev = val_find(v, o->m[i].name) + 1;
	}
	if (ok)
		*out = v;
	else
		val_free(v);
	return ok;
}

/* B without the blanks between tokens. */
static void
strip(struct sada_buf *b)
{
	size_t i, n = 0;
	int in = 0;

	for (i = 0; i < b->len; i++) {
		if (in && b->p[i] == '\\') {
			b->p[n++] = b->p[i++];
		} else if (b->p[i] == '"')
			in = !in;
		else if (!in && strchr(" \t\r\n", b->p[i]) != NULL)
			continue;
		b->p[n++] = b->p[i];
	}
	b->len = n;
}

/*
 * With blanks members stay in place: which of two orders holds depends on
 * whether a side has the very bytes of the base, and the model has none.
 */
static void
test_model(int blanks)
{
	struct sada_buf s[3] = { { 0 }, { 0 }, { 0 } }, out = { 0 };
	struct sada_buf want = { 0 };
	struct val *v[3], *x;
	int i, k, rc, ok, swapped, clean = 0;

	for (i = 0; i < 15000; i++) {
		v[0] = val_random(3);
		v[1] = val_edit(v[0], 3, !blanks);
		v[2] = val_edit(v[0], 3, !blanks);
		for (k = 0; k < 3; k++) {
			sada_buf_reset(&s[k]);
			put_blanks(&s[k], blanks);
			val_put(&s[k], v[k], blanks);
			put_blanks(&s[k], blanks);
		}
		swapped = strcmp(sada_buf_str(&s[1]), sada_buf_str(&s[2])) >
		    0;
		ok = val_merge(&x, v[0], v[swapped ? 2 : 1],
		    v[swapped ? 1 : 2]);
		sada_buf_reset(&out);
		sada_buf_reset(&want);
		rc = merge_both_ways(sada_merge_json, &out,
		    span(s[0].p, s[0].len), span(s[1].p, s[1].len),
		    span(s[2].p, s[2].len));
		CHECK_INT(rc, ok);
		if (rc == 1 && ok) {
			CHECK(is_json(span(out.p, out.len)));
			strip(&out);
			val_put(&want, x, 0);
			if (strcmp(sada_buf_str(&out), sada_buf_str(&want)))
				printf("# %s\n# %s\n# %s\n",
				    sada_buf_str(&s[0]), sada_buf_str(&s[1]),
				    sada_buf_str(&s[2]));
			CHECK_STR(sada_buf_str(&out), sada_buf_str(&want));
			clean++;
		}
		val_free(x);
		for (k = 0; k < 3; k++)
			val_free(v[k]);
	}
	printf("# %d of %d clean\n", clean, i);
	for (k = 0; k < 3; k++)
		sada_buf_release(&s[k]);
	sada_buf_release(&out);
	sada_buf_release(&want);
}

/* A side cut or with bytes changed: an answer is JSON again. */
static void
test_damage(void)
{
	static const char b[] = "{\"a\\u0062\":[1,{\"x\":null}],\"b\":{\"c\":"
	    "-1.5e3,\"d\":\"\\ud83d\\ude00\\n\xc3\xa9\"},\"e\":{}}\n";
	static const char x[] = "{\"a\\u0062\":[1,{\"x\":true}],\"b\":{\"c\":"
	    "-1.5e3,\"d\":\"\\ud83d\\ude00\\n\xc3\xa9\",\"f\":{}},\"e\":{}}";
	static const char from[] = "\"\\{}[]:,0-.eu \n\xc3\x80t";
	struct sada_buf out = { 0 };
	char y[sizeof(b)], *exact;
	size_t i, k, n = sizeof(b) - 1;
	int flip;

	for (i = 0; i <= n; i++) {
		exact = malloc(i > 0 ? i : 1);
		assert(exact != NULL);
		memcpy(exact, b, i);
		sada_buf_reset(&out);
		CHECK_INT(merge_both_ways(sada_merge_json, &out, text(b),
		    text(x), span(exact, i)), i >= n - 1);
		free(exact);
	}
	for (i = 0; i < n; i++)
		for (flip = 1; flip < 256; flip++) {
			memcpy(y, b, sizeof(y));
			y[i] = (char)(y[i] ^ flip);
			sada_buf_reset(&out);
			if (merge_both_ways(sada_merge_json, &out, text(b),
			    text(x), span(y, n)) == 1)
				CHECK(is_json(span(out.p, out.len)));
		}
	for (i = 0; i < 30000; i++) {
		memcpy(y, b, sizeof(y));
		for (k = 0; k < 3; k++)
			y[tap_below(n)] = from[tap_below(sizeof(from))];
		sada_buf_reset(&out);
		if (merge_both_ways(sada_merge_json, &out, text(b), text(x),
		    span(y, n)) == 1)
			CHECK(is_json(span(out.p, out.len)));
	}
	sada_buf_release(&out);
}

int
main(void)
{
	tap_seed(33);
	test_values();
	test_blanks();
	test_grammar();
	test_model(0);
	test_model(1);
	test_damage();
	test_limits();
	return tap_done();
}
