/*
 * The configuration: a text file in git's syntax, read and written without
 * touching what is not changed.
 *
 * The file is kept as a list of items whose raw texts, one behind the other,
 * are the file: headers, variables, and the text between them (comments,
 * blank lines).  A change replaces, removes or inserts items; all others are
 * written back as they were read.
 *
 * What is saved begins with a comment, "# check HEX", the hash of all behind
 * it: first, so that a file that was cut shows, too.  It is no item while it
 * fits.  One that does not fit stays as it is, lest damage be taken for
 * right by the next change; who edits the file takes it out, and the next
 * save makes it anew.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "peer/peer.h"
#include "peer/peer_priv.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define CHECK_WORD "# check "
#define CHECK_WORD_LEN (sizeof(CHECK_WORD) - 1)
/* The word, 64 hex digits, newline. */
#define CHECK_LEN (CHECK_WORD_LEN + SADA_HEX_LEN + 1)
#define BOM "\xef\xbb\xbf"

enum item_kind { ITEM_TEXT, ITEM_HEAD, ITEM_VAR };

/*
 * 1. TEXT has only RAW; HEAD also SECTION (lower case) and SUB (or NULL);
 *    VAR also KEY (lower case) and VALUE, and its header's SECTION and SUB.
 * 2. LINE is where it began in the file, 0: it was not there.
 */
struct item {
	enum item_kind kind;
	unsigned line;
	char *raw, *section, *sub, *key, *value;
};

struct sada_config {
	struct item *item;
	size_t n, cap;
	enum sada_config_check check;
};

static void
item_release(struct item *it)
{
	free(it->raw);
	free(it->section);
	free(it->sub);
	free(it->key);
	free(it->value);
	memset(it, 0, sizeof(*it));
}

/* A new item before place AT. */
static struct item *
insert(struct sada_config *c, size_t at)
{
	c->item = sada_grow(c->item, &c->cap, c->n + 1, sizeof(*c->item));
	memmove(&c->item[at + 1], &c->item[at],
	    (c->n - at) * sizeof(*c->item));
	c->n++;
	memset(&c->item[at], 0, sizeof(c->item[at]));
	return &c->item[at];
}

/* Does the raw text of item AT end a line? */
static int
ends_line(const struct sada_config *c, size_t at)
{
	size_t n = strlen(c->item[at].raw);

	return n > 0 && c->item[at].raw[n - 1] == '\n';
}

/* Take item AT away, but leave the end of a line that others began. */
static void
delete(struct sada_config *c, size_t at)
{
	int keep = at > 0 && !ends_line(c, at - 1) && ends_line(c, at);

	item_release(&c->item[at]);
	if (keep) {
		c->item[at].kind = ITEM_TEXT;
		c->item[at].raw = sada_strdup("\n");
		return;
	}
	c->n--;
	memmove(&c->item[at], &c->item[at + 1],
	    (c->n - at) * sizeof(*c->item));
}

/* ---- reading ---- */

/* Where the reader stands; SECTION and SUB are those of the last header. */
struct parse {
	struct sada_config *c;
	const char *p;			/* ends with NUL */
	unsigned line;
	const char *section, *sub;	/* borrowed from an item */
	struct sada_err *err;
};

static int
refuse(struct parse *r, const char *why)
{
	return sada_err_set(r->err, SADA_FORMAT, "config, line %u: %s",
	    r->line, why);
}

static int
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* At the end of a line or of the file? */
static int
at_eol(const char *p)
{
	return *p == '\0' || *p == '\n' || (*p == '\r' && p[1] == '\n');
}

static void
skip_blanks(struct parse *r)
{
	while ((*r->p == ' ' || *r->p == '\t' || *r->p == '\r') &&
	    !at_eol(r->p))
		r->p++;
}

/* Go behind the end of this line. */
static void
skip_line(struct parse *r)
{
	while (*r->p != '\0' && *r->p != '\n')
		r->p++;
	if (*r->p == '\n') {
		r->p++;
		r->line++;
	}
}

static void
add_lower(struct sada_buf *b, char c)
{
	sada_put_u8(b, (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c));
}

static char *
take(struct sada_buf *b)
{
	return sada_strdup(sada_buf_str(b));
}

/* A quoted subsection, from behind its first quote. */
static int
parse_sub(struct parse *r, struct item *it)
{
	struct sada_buf b = { 0 };
	int rc = 0;

	for (; *r->p != '"'; r->p++) {
		if (*r->p == '\\' && r->p[1] != '\0')
			r->p++;
		if (*r->p == '\0' || *r->p == '\n') {
			rc = refuse(r, "a quoted name has no end");
			goto out;
		}
		sada_buf_add(&b, r->p, 1);
	}
	r->p++;
	it->sub = take(&b);
out:
	sada_buf_release(&b);
	return rc;
}

/* "[section]", "[section "sub"]", or the old "[section.sub]". */
static int
parse_head(struct parse *r, struct item *it)
{
	struct sada_buf b = { 0 };
	char *dot;
	int rc = 0;

	it->kind = ITEM_HEAD;
	for (r->p++; is_alnum(*r->p) || *r->p == '-' || *r->p == '.'; r->p++)
		add_lower(&b, *r->p);
	it->section = take(&b);
	if ((dot = strchr(it->section, '.')) != NULL) {
		*dot = '\0';
		it->sub = sada_strdup(dot + 1);
	} else if (*r->p == ' ' || *r->p == '\t') {
		skip_blanks(r);
		if (*r->p != '"') {
			rc = refuse(r, "a section's second name needs quotes");
			goto out;
		}
		r->p++;
		if ((rc = parse_sub(r, it)) < 0)
			goto out;
	}
	if (*it->section == '\0' || *r->p != ']')
		rc = refuse(r, "a section's name is wrong");
	else
		r->p++;
out:
	sada_buf_release(&b);
	return rc;
}

/* An escape within a value, from behind the backslash. */
static int
parse_escape(struct parse *r, struct sada_buf *b)
{
	static const char from[] = "nbt\\\"", to[] = "\n\b\t\\\"";
	const char *at;

	if (*r->p == '\r' && r->p[1] == '\n')
		r->p++;
	if (*r->p == '\n') {
		r->line++;
		r->p++;
		return 0;
	}
	at = *r->p != '\0' ? strchr(from, *r->p) : NULL;
	if (at == NULL)
		return refuse(r, "an unknown escape in a value");
	sada_buf_add(b, to + (at - from), 1);
	r->p++;
	return 0;
}

/* A value, from behind '='; up to the end of its line. */
static int
parse_value(struct parse *r, struct item *it)
{
	struct sada_buf b = { 0 };
	size_t solid = 0;		/* length without trailing blanks */
	size_t plain;
	int quoted = 0, rc = 0;
	char c;

	skip_blanks(r);
	while (!at_eol(r->p)) {
		/* Most are a row of bytes that mean nothing. */
		if ((plain = strcspn(r->p, " \t\r\n#;\"\\")) > 0) {
			sada_buf_add(&b, r->p, plain);
			r->p += plain;
			solid = b.len;
			continue;
		}
		c = *r->p++;
		if (!quoted && (c == '#' || c == ';'))
			break;
		if (c == '"')
			quoted = !quoted;
		else if (c == '\\') {
			if ((rc = parse_escape(r, &b)) < 0)
				goto out;
		} else {
			if (b.len == 0 && !quoted && (c == ' ' || c == '\t'))
				continue;
			sada_buf_add(&b, &c, 1);
			if (!quoted && (c == ' ' || c == '\t'))
				continue;
		}
		solid = b.len;
	}
	if (quoted) {
		rc = refuse(r, "a quote in a value has no end");
		goto out;
	}
	b.len = solid;
	it->value = take(&b);
	skip_line(r);
out:
	sada_buf_release(&b);
	return rc;
}

/* "key = value", or "key" alone, which is true. */
static int
parse_var(struct parse *r, struct item *it)
{
	struct sada_buf b = { 0 };
	int rc = 0;

	it->kind = ITEM_VAR;
	for (; is_alnum(*r->p) || *r->p == '-'; r->p++)
		add_lower(&b, *r->p);
	it->key = take(&b);
	sada_buf_release(&b);
	if (r->section == NULL)
		return refuse(r, "a value stands before the first section");
	it->section = sada_strdup(r->section);
	it->sub = r->sub != NULL ? sada_strdup(r->sub) : NULL;
	skip_blanks(r);
	if (*r->p == '=') {
		r->p++;
		rc = parse_value(r, it);
	} else if (at_eol(r->p) || *r->p == '#' || *r->p == ';') {
		it->value = sada_strdup("true");
		skip_line(r);
	} else
		rc = refuse(r, "'=' is missing behind a key");
	return rc;
}

/* The next item, up to the end of its line unless it is a header. */
static int
parse_item(struct parse *r)
{
	const char *start = r->p;
	struct item *it;
	int rc = 0;

	it = insert(r->c, r->c->n);
	it->line = r->line;
	if (r->line == 1 && strncmp(r->p, BOM, 3) == 0)
		r->p += 3;
	skip_blanks(r);
	if (at_eol(r->p) || *r->p == '#' || *r->p == ';')
		skip_line(r);
	else if (*r->p == '[')
		rc = parse_head(r, it);
	else if (is_alnum(*r->p) && (*r->p < '0' || *r->p > '9'))
		rc = parse_var(r, it);
	else
		rc = refuse(r, "neither a section, a key nor a comment");
	it->raw = sada_memdup(start, (size_t)(r->p - start));
	if (it->kind == ITEM_HEAD) {
		r->section = it->section;
		r->sub = it->sub;
	}
	return rc;
}

static void
put_check(struct sada_buf *b, const void *p, size_t n)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_id h;

	sada_hash(&h, SADA_CTX_FILE, p, n);
	sada_id_hex(hex, &h);
	sada_buf_addf(b, CHECK_WORD "%s\n", hex);
}

/*
 * Does TEXT of N bytes begin with the check of what follows?  What is cut,
 * was one before a bit of it changed, or stands elsewhere, does not fit.
 */
static enum sada_config_check
find_check(const char *text, size_t n)
{
	struct sada_buf want = { 0 };
	size_t word = n < CHECK_WORD_LEN ? n : CHECK_WORD_LEN;
	int fits = 0;

	if (n >= CHECK_LEN) {
		put_check(&want, text + CHECK_LEN, n - CHECK_LEN);
		fits = memcmp(want.p, text, CHECK_LEN) == 0;
	}
	sada_buf_release(&want);
	if (fits)
		return SADA_CONFIG_FITS;
	if ((n > 0 && memcmp(text, CHECK_WORD, word) == 0) ||
	    strstr(text, "\n" CHECK_WORD) != NULL ||
	    (n >= CHECK_LEN && strspn(text + CHECK_WORD_LEN,
	    "0123456789abcdef") >= SADA_HEX_LEN))
		return SADA_CONFIG_WRONG;
	return SADA_CONFIG_NONE;
}

int
sada_config_parse(struct sada_config **out, const void *p, size_t n,
    struct sada_err *err)
{
	struct parse r = { 0 };
	char *text;
	int rc = 0;

	*out = NULL;
	text = sada_memdup(p, n);
	r.c = sada_calloc(1, sizeof(*r.c));
	r.p = text;
	r.line = 1;
	r.err = err;
	if (strlen(text) != n)
		rc = sada_err_set(err, SADA_FORMAT, "config holds a NUL byte");
	else if ((r.c->check = find_check(text, n)) == SADA_CONFIG_FITS)
		skip_line(&r);
	while (rc == 0 && *r.p != '\0')
		rc = parse_item(&r);
	free(text);
	if (rc < 0) {
		sada_config_free(r.c);
		return rc;
	}
	*out = r.c;
	return 0;
}

int
sada_config_open(struct sada_config **out, int sdir, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	*out = NULL;
	rc = sada_io_slurp(sdir, "config", CONFIG_MAX, &b, err);
	if (rc == 0 || rc == SADA_NOTFOUND)
		rc = sada_config_parse(out, b.p, b.len, err);
	sada_buf_release(&b);
	return rc;
}

void
sada_config_free(struct sada_config *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++)
		item_release(&c->item[i]);
	free(c->item);
	free(c);
}

/* ---- asking and changing ---- */

/* Is IT the header or a variable of SECTION "SUB"? */
static int
in_section(const struct item *it, const char *section, const char *sub)
{
	if (it->kind == ITEM_TEXT || strcasecmp(it->section, section) != 0)
		return 0;
	if (it->sub == NULL || sub == NULL)
		return it->sub == NULL && sub == NULL;
	return strcmp(it->sub, sub) == 0;
}

static int
is_var(const struct item *it, const char *section, const char *sub,
    const char *key)
{
	return it->kind == ITEM_VAR && in_section(it, section, sub) &&
	    strcasecmp(it->key, key) == 0;
}

const char *
sada_config_get(const struct sada_config *c, const char *section,
    const char *sub, const char *key)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (is_var(&c->item[i], section, sub, key))
			return c->item[i].value;
	return NULL;
}

int
sada_config_each(const struct sada_config *c,
    int (*each)(const char *section, const char *sub, const char *key,
    const char *value, void *ctx), void *ctx)
{
	const struct item *it;
	size_t i;
	int rc;

	for (i = 0; i < c->n; i++) {
		it = &c->item[i];
		if (it->kind == ITEM_VAR && (rc = each(it->section, it->sub,
		    it->key, it->value, ctx)) != 0)
			return rc;
	}
	return 0;
}

enum sada_config_check
sada_config_check(const struct sada_config *c)
{
	return c->check;
}

/* Is IT a section, or a key of one, that means something? */
static int
is_known(const struct item *it)
{
	static const char *const known[][2] = { { "merge", "command" },
		{ "merge", "driver" }, { "peer", "key" },
		{ "peer", "retired" }, { "remote", "peer" },
		{ "remote", "place" }, { "remote", "spool" } };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(it->section, known[i][0]) == 0 &&
		    (it->kind == ITEM_HEAD ||
		    strcmp(it->key, known[i][1]) == 0))
			return 1;
	return 0;
}

void
sada_config_unknown(const struct sada_config *c,
    void (*each)(unsigned line, const char *section, const char *key,
    void *ctx), void *ctx)
{
	const struct item *it;
	size_t i;
	int inside = 0;			/* in a section that is known */

	for (i = 0; i < c->n; i++) {
		it = &c->item[i];
		if (it->kind == ITEM_TEXT)
			continue;
		if (it->kind == ITEM_HEAD)
			inside = is_known(it);
		/* All in a section that is not known goes with its header. */
		if (!is_known(it) && (inside || it->kind == ITEM_HEAD))
			each(it->line, it->section, it->kind == ITEM_VAR ?
			    it->key : NULL, ctx);
	}
}

/* Append VALUE so that it is read back the same. */
static void
put_value(struct sada_buf *b, const char *value)
{
	size_t n = strlen(value);
	int quote = strpbrk(value, "#;\r") != NULL || (n > 0 &&
	    (value[0] == ' ' || value[n - 1] == ' '));
	const char *p;

	if (quote)
		sada_buf_adds(b, "\"");
	for (p = value; *p != '\0'; p++)
		switch (*p) {
		case '\n':
			sada_buf_adds(b, "\\n");
			break;
		case '\t':
			sada_buf_adds(b, "\\t");
			break;
		case '\b':
			sada_buf_adds(b, "\\b");
			break;
		case '"':
		case '\\':
			sada_buf_adds(b, "\\");
			/* FALLTHROUGH */
		default:
			sada_buf_add(b, p, 1);
		}
	if (quote)
		sada_buf_adds(b, "\"");
}

static char *
var_text(const char *key, const char *value)
{
	struct sada_buf b = { 0 };
	char *text;

	sada_buf_addf(&b, "\t%s = ", key);
	put_value(&b, value);
	sada_buf_adds(&b, "\n");
	text = take(&b);
	sada_buf_release(&b);
	return text;
}

/* A new header at the end; returns its place. */
static size_t
add_head(struct sada_config *c, const char *section, const char *sub)
{
	struct sada_buf b = { 0 };
	struct item *it;
	const char *p;

	sada_buf_addf(&b, "%s[%s", c->n > 0 && !ends_line(c, c->n - 1) ?
	    "\n" : "", section);
	if (sub != NULL) {
		assert(strchr(sub, '\n') == NULL);
		sada_buf_adds(&b, " \"");
		for (p = sub; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				sada_buf_adds(&b, "\\");
			sada_buf_add(&b, p, 1);
		}
		sada_buf_adds(&b, "\"");
	}
	sada_buf_adds(&b, "]\n");
	it = insert(c, c->n);
	it->kind = ITEM_HEAD;
	it->raw = take(&b);
	it->section = sada_strdup(section);
	it->sub = sub != NULL ? sada_strdup(sub) : NULL;
	sada_buf_release(&b);
	return c->n - 1;
}

void
sada_config_add(struct sada_config *c, const char *section,
    const char *sub, const char *key, const char *value)
{
	struct item *it;
	size_t i, at = SIZE_MAX;

	for (i = 0; i < c->n; i++)
		if (in_section(&c->item[i], section, sub))
			at = i;
	if (at == SIZE_MAX)
		at = add_head(c, section, sub);
	/* Behind the rest of a line that a header began. */
	while (!ends_line(c, at) && at + 1 < c->n)
		at++;
	if (!ends_line(c, at)) {
		it = insert(c, ++at);
		it->raw = sada_strdup("\n");
	}
	it = insert(c, at + 1);
	it->kind = ITEM_VAR;
	it->raw = var_text(key, value);
	it->section = sada_strdup(section);
	it->sub = sub != NULL ? sada_strdup(sub) : NULL;
	it->key = sada_strdup(key);
	it->value = sada_strdup(value);
}

void
sada_config_set(struct sada_config *c, const char *section,
    const char *sub, const char *key, const char *value)
{
	struct item *it;
	size_t i;
	int done = 0;

	for (i = 0; i < c->n; i++) {
		it = &c->item[i];
		if (!is_var(it, section, sub, key))
			continue;
		if (value == NULL || done) {
			delete(c, i--);
			continue;
		}
		done = 1;
		if (strcmp(it->value, value) == 0)
			continue;
		free(it->raw);
		free(it->value);
		it->raw = var_text(key, value);
		it->value = sada_strdup(value);
	}
	if (value != NULL && !done)
		sada_config_add(c, section, sub, key, value);
}

int
sada_config_remove(struct sada_config *c, const char *section,
    const char *sub)
{
	size_t i;
	int inside = 0, found = 0;

	for (i = 0; i < c->n; i++) {
		if (c->item[i].kind == ITEM_HEAD)
			inside = in_section(&c->item[i], section, sub);
		if (!inside)
			continue;
		found = 1;
		if (i > 0 && !ends_line(c, i - 1) && ends_line(c, i) &&
		    c->item[i].kind == ITEM_TEXT)
			continue;	/* the line's end stays */
		delete(c, i--);
	}
	return found;
}

void
sada_config_text(struct sada_buf *out, const struct sada_config *c)
{
	struct sada_buf b = { 0 };
	size_t i;

	for (i = 0; i < c->n; i++)
		sada_buf_adds(&b, c->item[i].raw);
	if (c->check == SADA_CONFIG_FITS)
		put_check(out, b.p, b.len);
	sada_buf_add(out, b.p, b.len);
	sada_buf_release(&b);
}

int
sada_config_save(struct sada_config *c, int sdir, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	char *raw = c->n > 0 ? c->item[0].raw : NULL;
	int rc;

	if (c->check == SADA_CONFIG_NONE) {
		c->check = SADA_CONFIG_FITS;
		/* A mark of UTF-8 can stand nowhere but first. */
		if (raw != NULL && strncmp(raw, BOM, 3) == 0)
			memmove(raw, raw + 3, strlen(raw + 3) + 1);
	}
	sada_config_text(&b, c);
	rc = sada_io_publish(sdir, "config", b.p, b.len, 0, err);
	sada_buf_release(&b);
	return rc;
}
