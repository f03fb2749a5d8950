/*
 * Rules: a list, asked from its end.  Those that came with the directory
 * can only name drivers of our own; a command is never a peer's to choose.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/quote.h"
#include "merge/glob.h"
#include "merge/rules.h"

struct rule {
	char *pattern, *command;
	size_t n;
	unsigned driver;
};

struct sada_rules {
	struct rule *rule;
	size_t n, cap;
	size_t skipped, first_skipped;
};

static const char *const names[] = {
	[SADA_MERGE_TEXT] = "text", [SADA_MERGE_UNION] = "union",
	[SADA_MERGE_KEEP] = "keep-both", [SADA_MERGE_NEWEST] = "newest",
	[SADA_MERGE_JSON] = "json", [SADA_MERGE_SQLITE] = "sqlite",
	[SADA_MERGE_COMMAND] = "command"
};

unsigned
sada_driver_find(const char *name, size_t n)
{
	unsigned i;

	for (i = SADA_MERGE_TEXT; i < SADA_MERGE_COMMAND; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return i;
	return 0;
}

const char *
sada_driver_name(unsigned driver)
{
	assert(driver >= SADA_MERGE_TEXT && driver <= SADA_MERGE_COMMAND);
	return names[driver];
}

static void
add(struct sada_rules *r, const char *pattern, size_t n, unsigned driver,
    const char *command)
{
	struct rule *x;

	r->rule = sada_grow(r->rule, &r->cap, r->n + 1, sizeof(*r->rule));
	x = &r->rule[r->n++];
	x->pattern = sada_memdup(pattern, n);
	x->n = n;
	x->driver = driver;
	x->command = command != NULL ? sada_strdup(command) : NULL;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Three octal digits of at most 0377 at P, or -1. */
static int
octal(const char *p, const char *end)
{
	if (end - p < 3 || p[0] < '0' || p[0] > '3' || p[1] < '0' ||
	    p[1] > '7' || p[2] < '0' || p[2] > '7')
		return -1;
	return (p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0');
}

/* Undo the quotes of the word at *P; 1, or 0 if they are wrong. */
static int
unquote(struct sada_buf *out, const char **p, const char *end)
{
	static const char from[] = "abtnvfr\"\\", to[] = "\a\b\t\n\v\f\r\"\\";
	const char *s = *p + 1, *k;
	int v;

	for (; s < end && *s != '"'; s++) {
		if (*s != '\\') {
			sada_buf_add(out, s, 1);
			continue;
		}
		if (++s == end)
			return 0;
		if ((v = octal(s, end)) >= 0) {
			sada_put_u8(out, (uint8_t)v);
			s += 2;
		} else if (*s != '\0' && (k = strchr(from, *s)) != NULL)
			sada_buf_add(out, &to[k - from], 1);
		else
			return 0;
	}
	if (s == end)
		return 0;
	*p = s + 1;
	return 1;
}

/* A line without its end: 1 if there is nothing wrong with it. */
static int
add_line(struct sada_rules *r, const char *p, const char *end)
{
	struct sada_buf b = { 0 };
	const char *word;
	unsigned driver = 0;
	int ok = 1;

	while (p < end && is_blank(*p))
		p++;
	while (p < end && is_blank(end[-1]))
		end--;
	if (p == end || *p == '#')
		return 1;
	if (*p == '"')
		ok = unquote(&b, &p, end);
	else {
		for (word = p; p < end && !is_blank(*p); p++)
			;
		sada_buf_add(&b, word, (size_t)(p - word));
	}
	/* A blank ends the pattern; one more word is the driver. */
	if (ok && p < end && is_blank(*p)) {
		while (is_blank(*p))
			p++;
		driver = sada_driver_find(p, (size_t)(end - p));
	}
	ok = ok && driver != 0 && b.len > 0 &&
	    sada_glob_ok((const char *)b.p, b.len);
	if (ok)
		add(r, (const char *)b.p, b.len, driver, NULL);
	sada_buf_release(&b);
	return ok;
}

static void
skip(struct sada_rules *r, size_t line)
{
	if (r->skipped++ == 0)
		r->first_skipped = line;
}

static void
add_text(struct sada_rules *r, const char *p, size_t n)
{
	const char *end, *nl, *stop;
	size_t line = 0;

	if (n > SADA_RULES_MAX) {
		skip(r, 1);
		return;
	}
	if (n == 0)
		return;
	end = p + n;
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; p = nl + 1) {
		line++;
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		stop = nl > p && nl[-1] == '\r' ? nl - 1 : nl;
		if (!add_line(r, p, stop))
			skip(r, line);
		if (nl == end)
			break;
	}
}

static int
add_local(struct sada_rules *r, const struct sada_rule *x,
    struct sada_err *err)
{
	struct sada_buf b = { 0 };
	size_t n = strlen(x->pattern);
	int rc = 0;

	if (!sada_glob_ok(x->pattern, n) || x->driver < SADA_MERGE_TEXT ||
	    x->driver > SADA_MERGE_COMMAND || (x->driver ==
	    SADA_MERGE_COMMAND) != (x->command != NULL)) {
		sada_quote(&b, x->pattern, n);
		rc = sada_err_set(err, SADA_USAGE, "merge rule for %s: not a "
		    "pattern with a driver or command", sada_buf_str(&b));
		sada_buf_release(&b);
	} else
		add(r, x->pattern, n, x->driver, x->command);
	return rc;
}

int
sada_rules_new(struct sada_rules **out, const void *text, size_t n,
    const struct sada_rule *local, size_t count, struct sada_err *err)
{
	static const char *const databases[] = { "*.db", "*.db3", "*.sqlite",
	    "*.sqlite3" };
	struct sada_rules *r = sada_calloc(1, sizeof(*r));
	size_t i;
	int rc = 0;

	*out = NULL;
	for (i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		add(r, databases[i], strlen(databases[i]), SADA_MERGE_SQLITE,
		    NULL);
	add_text(r, text, n);
	for (i = 0; i < count && rc == 0; i++)
		rc = add_local(r, &local[i], err);
	if (rc < 0)
		sada_rules_free(r);
	else
		*out = r;
	return rc;
}

unsigned
sada_rules_ask(const struct sada_rules *r, const char *path, size_t len,
    const char **command)
{
	const struct rule *x;
	size_t i;

	if (command != NULL)
		*command = NULL;
	for (i = r->n; i > 0; i--) {
		x = &r->rule[i - 1];
		if (!sada_glob_match(x->pattern, x->n, path, len))
			continue;
		if (command != NULL)
			*command = x->command;
		return x->driver;
	}
	return SADA_MERGE_TEXT;
}

size_t
sada_rules_skipped(const struct sada_rules *r, size_t *line)
{
	if (line != NULL)
		*line = r->first_skipped;
	return r->skipped;
}

void
sada_rules_free(struct sada_rules *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->n; i++) {
		free(r->rule[i].pattern);
		free(r->rule[i].command);
	}
	free(r->rule);
	free(r);
}
