/*
 * A JSON text is checked by the grammar of RFC 8259 and its members noted
 * by place.  A lone surrogate, which that grammar lets stand as an escape,
 * becomes three bytes in a name: no UTF-8, so equal to no other name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "merge/json_priv.h"

static int parse_value(struct sada_json *j, unsigned depth, int keep,
    uint32_t *obj);

static int
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct sada_json *j)
{
	while (j->pos < j->n && is_blank(j->p[j->pos]))
		j->pos++;
}

/* The next byte, or 0 at the end; a NUL itself is no JSON. */
static unsigned char
peek(const struct sada_json *j)
{
	return j->pos < j->n ? j->p[j->pos] : 0;
}

static int
take(struct sada_json *j, unsigned char c)
{
	if (peek(j) != c)
		return 0;
	j->pos++;
	return 1;
}

/* Four hex digits. */
static int
parse_hex4(struct sada_json *j, uint32_t *out)
{
	uint32_t v = 0;
	unsigned char c;
	int i;

	for (i = 0; i < 4; i++, j->pos++) {
		c = peek(j);
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return 0;
	}
	*out = v;
	return 1;
}

static void
put_utf8(struct sada_buf *out, uint32_t c)
{
	unsigned char u[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
	static const unsigned char head[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (i = n - 1; i > 0; i--, c >>= 6)
		u[i] = (unsigned char)(0x80 | (c & 0x3f));
	u[0] = (unsigned char)(head[n] | c);
	sada_buf_add(out, u, n);
}

/* What stands behind "\u"; two surrogates are one. */
static int
parse_code(struct sada_json *j, struct sada_buf *out)
{
	uint32_t c, low;
	size_t back;

	if (!parse_hex4(j, &c))
		return 0;
	back = j->pos;
	if (c >= 0xd800 && c < 0xdc00 && take(j, '\\') && take(j, 'u') &&
	    parse_hex4(j, &low) && low >= 0xdc00 && low < 0xe000)
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	else
		j->pos = back;
	if (out != NULL)
		put_utf8(out, c);
	return 1;
}

/* A string; decoded to OUT if that is not NULL. */
static int
parse_string(struct sada_json *j, struct sada_buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *s;
	unsigned char c;

	if (!take(j, '"'))
		return 0;
	for (;;) {
		if ((c = peek(j)) < 0x20)
			return 0;
		j->pos++;
		if (c == '"')
			return 1;
		if (c == '\\' && take(j, 'u')) {
			if (!parse_code(j, out))
				return 0;
			continue;
		}
		if (c == '\\') {
			c = peek(j);
			if (c == 0 || (s = strchr(from, c)) == NULL)
				return 0;
			c = (unsigned char)to[s - from];
			j->pos++;
		}
		if (out != NULL)
			sada_buf_add(out, &c, 1);
	}
}

static int
parse_digits(struct sada_json *j)
{
	size_t from = j->pos;

	while (peek(j) >= '0' && peek(j) <= '9')
		j->pos++;
	return j->pos > from;
}

static int
parse_number(struct sada_json *j)
{
	(void)take(j, '-');
	if (!take(j, '0') && !parse_digits(j))
		return 0;
	if (take(j, '.') && !parse_digits(j))
		return 0;
	if (take(j, 'e') || take(j, 'E')) {
		if (!take(j, '+'))
			(void)take(j, '-');
		return parse_digits(j);
	}
	return 1;
}

static int
parse_word(struct sada_json *j, const char *word)
{
	size_t n = strlen(word);

	if (j->n - j->pos < n || memcmp(j->p + j->pos, word, n) != 0)
		return 0;
	j->pos += n;
	return 1;
}

static int
parse_array(struct sada_json *j, unsigned depth)
{
	uint32_t obj;

	j->pos++;
	skip_blanks(j);
	if (take(j, ']'))
		return 1;
	do {
		skip_blanks(j);
		if (!parse_value(j, depth + 1, 0, &obj))
			return 0;
		skip_blanks(j);
	} while (take(j, ','));
	return take(j, ']');
}

struct sada_span
sada_json_key(const struct sada_json *j, const struct sada_member *m)
{
	struct sada_span s;

	s.p = (m->decoded ? j->keys.p : j->p) + m->key;
	s.n = m->keylen;
	return s;
}

static int
span_cmp(struct sada_span a, struct sada_span b)
{
	size_t least = a.n < b.n ? a.n : b.n;
	int c = least > 0 ? memcmp(a.p, b.p, least) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

/* What the order of keys is asked about. */
struct by_key {
	const struct sada_json *j;
	const struct sada_member *m;
};

static int
key_cmp(const void *va, const void *vb, void *ctx)
{
	const struct by_key *k = ctx;
	const uint32_t *a = va, *b = vb;

	return span_cmp(sada_json_key(k->j, &k->m[*a]),
	    sada_json_key(k->j, &k->m[*b]));
}

/* A member but for its value; LEAD is where its blanks begin. */
static int
parse_name(struct sada_json *j, struct sada_member *m, size_t lead)
{
	size_t keys = j->keys.len;

	memset(m, 0, sizeof(*m));
	m->lead = (uint32_t)lead;
	m->name = (uint32_t)j->pos;
	if (!parse_string(j, &j->keys))
		return 0;
	m->keylen = (uint32_t)(j->keys.len - keys);
	m->decoded = m->keylen != j->pos - m->name - 2;
	m->key = m->decoded ? (uint32_t)keys : m->name + 1;
	if (!m->decoded)
		j->keys.len = keys;
	skip_blanks(j);
	if (!take(j, ':'))
		return 0;
	skip_blanks(j);
	m->val = (uint32_t)j->pos;
	return 1;
}

/*
 * The object that began at VAL has ended: sort its members, those open from
 * FROM on; none may be there twice.  KEEP it or forget it.
 */
static int
close_object(struct sada_json *j, size_t from, size_t val, int keep,
    uint32_t *obj)
{
	size_t n = j->opens - from, i;
	struct by_key k = { j, j->open + from };
	uint32_t *s;

	j->sorted = sada_grow(j->sorted, &j->sorted_cap, j->members + n + 1,
	    sizeof(*j->sorted));
	s = j->sorted + j->members;
	for (i = 0; i < n; i++)
		s[i] = (uint32_t)i;
	if (n > 1)
		qsort_r(s, n, sizeof(*s), key_cmp, &k);
	for (i = 1; i < n; i++)
		if (key_cmp(&s[i - 1], &s[i], &k) == 0)
			return 0;
	j->opens = from;
	if (!keep)
		return 1;
	j->object = sada_grow(j->object, &j->object_cap, j->objects + 1,
	    sizeof(*j->object));
	*obj = (uint32_t)j->objects;
	j->object[j->objects].val = (uint32_t)val;
	j->object[j->objects].end = (uint32_t)j->pos;
	j->object[j->objects].first = (uint32_t)j->members;
	j->object[j->objects++].n = (uint32_t)n;
	if (n == 0)
		return 1;
	j->member = sada_grow(j->member, &j->member_cap, j->members + n,
	    sizeof(*j->member));
	memcpy(j->member + j->members, j->open + from,
	    n * sizeof(*j->member));
	for (i = 0; i < n; i++)
		s[i] += (uint32_t)j->members;
	j->members += n;
	return 1;
}

static int
parse_object(struct sada_json *j, unsigned depth, int keep, uint32_t *obj)
{
	size_t val = j->pos++, from = j->opens, keys = j->keys.len, lead;
	struct sada_member m;

	lead = j->pos;
	skip_blanks(j);
	if (peek(j) != '}') {
		do {
			skip_blanks(j);
			if (!parse_name(j, &m, lead) ||
			    !parse_value(j, depth + 1, keep, &m.obj))
				return 0;
			m.end = (uint32_t)j->pos;
			skip_blanks(j);
			m.stop = (uint32_t)j->pos;
			if (j->opens + j->members >= SADA_JSON_MEMBERS)
				return 0;
			j->open = sada_grow(j->open, &j->open_cap,
			    j->opens + 1, sizeof(*j->open));
			j->open[j->opens++] = m;
			lead = j->pos + 1;
		} while (take(j, ','));
	}
	if (!take(j, '}') || !close_object(j, from, val, keep, obj))
		return 0;
	if (!keep)
		j->keys.len = keys;
	return 1;
}

static int
parse_value(struct sada_json *j, unsigned depth, int keep, uint32_t *obj)
{
	*obj = SADA_JSON_NONE;
	switch (peek(j)) {
	case '{':
		return depth < SADA_JSON_DEPTH &&
		    parse_object(j, depth, keep, obj);
	case '[':
		return depth < SADA_JSON_DEPTH && parse_array(j, depth);
	case '"':
		return parse_string(j, NULL);
	case 't':
		return parse_word(j, "true");
	case 'f':
		return parse_word(j, "false");
	case 'n':
		return parse_word(j, "null");
	default:
		return parse_number(j);
	}
}

int
sada_json_parse(struct sada_json *j, const struct sada_span *s)
{
	memset(j, 0, sizeof(*j));
	j->p = s->p;
	j->n = s->n;
	if (s->n > SADA_MERGE_MAX || !sada_utf8_ok(s->p, s->n))
		return 0;
	skip_blanks(j);
	j->val = (uint32_t)j->pos;
	if (!parse_value(j, 0, 1, &j->obj))
		return 0;
	j->end = (uint32_t)j->pos;
	skip_blanks(j);
	return j->pos == j->n;
}

void
sada_json_release(struct sada_json *j)
{
	free(j->member);
	free(j->sorted);
	free(j->object);
	free(j->open);
	sada_buf_release(&j->keys);
	memset(j, 0, sizeof(*j));
}

uint32_t
sada_json_find(const struct sada_json *j, uint32_t obj,
    const struct sada_json *k, const struct sada_member *m)
{
	struct sada_span key = sada_json_key(k, m);
	const struct sada_object *o;
	size_t lo = 0, hi, mid;
	uint32_t at;
	int c;

	if (obj == SADA_JSON_NONE)
		return SADA_JSON_NONE;
	o = &j->object[obj];
	for (hi = o->n; lo < hi;) {
		mid = lo + (hi - lo) / 2;
		at = j->sorted[o->first + mid];
		c = span_cmp(sada_json_key(j, &j->member[at]), key);
		if (c == 0)
			return at;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SADA_JSON_NONE;
}

/* The next byte of a valid text that counts, or -1. */
static int
next_byte(const unsigned char **p, const unsigned char *end, int *in_string)
{
	unsigned char c;

	while (!*in_string && *p < end && is_blank(**p))
		++*p;
	if (*p == end)
		return -1;
	c = *(*p)++;
	if (c == '"')
		*in_string = !*in_string;
	return c;
}

int
sada_json_same(const unsigned char *a, size_t na, const unsigned char *b,
    size_t nb)
{
	const unsigned char *ea = a + na, *eb = b + nb;
	int ca, cb, sa = 0, sb = 0;

	do {
		ca = next_byte(&a, ea, &sa);
		cb = next_byte(&b, eb, &sb);
		if (ca == '\\' && cb == '\\') {
			/* In a string: what is escaped ends none. */
			ca = *a++;
			cb = *b++;
		}
	} while (ca == cb && ca >= 0);
	return ca == cb;
}
