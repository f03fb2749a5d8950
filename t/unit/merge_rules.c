/* Rules: patterns against git's meaning, the text, local rules, hostility. */
#include <stdlib.h>
#include <time.h>

#include "git/ignore.h"
#include "merge/glob.h"
#include "merge/rules.h"
#include "tap.h"

static void
test_glob(void)
{
	static const struct {
		const char *pattern, *path;
		int match;
	} t[] = {
		{ "a", "a", 1 }, { "a", "b/a", 1 }, { "a", "a/b", 1 },
		{ "a", "ab", 0 }, { "/a", "a", 1 }, { "/a", "b/a", 0 },
		{ "a/", "a", 0 }, { "a/", "a/b", 1 }, { "a/", "x/a/b", 1 },
		{ "a/b", "a/b", 1 }, { "a/b", "x/a/b", 0 },
		{ "a/b", "a/b/c", 1 }, { "a/b/", "a/b", 0 },
		{ "a/b/", "a/b/c", 1 }, { "*.c", "x.c", 1 },
		{ "*.c", "d/x.c", 1 }, { "*.c", "x.h", 0 },
		{ "*.c", ".c", 1 }, { "d/*.c", "d/x.c", 1 },
		{ "d/*.c", "d/e/x.c", 0 }, { "d/**/x", "d/x", 1 },
		{ "d/**/x", "d/e/f/x", 1 }, { "d/**/x", "e/x", 0 },
		{ "**/x", "x", 1 }, { "**/x", "a/b/x", 1 },
		{ "d/**", "d", 0 }, { "d/**", "d/a", 1 },
		{ "d/**", "d/a/b", 1 }, { "**", "a/b", 1 },
		{ "d/**/", "d/a", 0 }, { "d/**/", "d/a/b", 1 },
		{ "a**b", "axxb", 1 }, { "d/a**b", "d/x/b", 0 },
		{ "?", "a", 1 }, { "?", "", 0 }, { "[a-c]", "b", 1 },
		{ "[!a-c]", "b", 0 }, { "[^a-c]", "d", 1 }, { "[]]", "]", 1 },
		{ "[]-a]", "^", 1 }, { "[a-]", "-", 1 }, { "[\\]]", "]", 1 },
		{ "[[:digit:]]", "7", 1 }, { "[[:digit:]]", "x", 0 },
		{ "[[:upper:]x]", "x", 1 }, { "[!]", "x", 0 },
		{ "\\*", "*", 1 }, { "\\*", "x", 0 }, { "\\!a", "!a", 1 },
		{ "*a*a*b", "aaab", 1 }, { "*a*a*b", "ab", 0 },
		{ "\xc3\xa9*", "\xc3\xa9x", 1 }, { "a b", "a b", 1 },
		{ "**/a/**/b", "x/a/y/a/z/b", 1 },
		{ "**/a/b/**/c", "a/x/a/b/c", 1 }, { "A", "a", 0 },
	};
	static const char *const bad[] = { "", "!a", "a\\", "[a", "[", "[!]",
	    "[[:x:]]", "a/[b/c]", "/", "[a\\", "\\/x" };
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (!sada_glob_ok(t[i].pattern, strlen(t[i].pattern))) {
			CHECK(!t[i].match);
			continue;
		}
		if (sada_glob_match(t[i].pattern, strlen(t[i].pattern),
		    t[i].path, strlen(t[i].path)) != t[i].match)
			printf("# %s %s\n", t[i].pattern, t[i].path);
		CHECK_INT(sada_glob_match(t[i].pattern, strlen(t[i].pattern),
		    t[i].path, strlen(t[i].path)), t[i].match);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sada_glob_ok(bad[i], strlen(bad[i])))
			printf("# %s\n", bad[i]);
		CHECK(!sada_glob_ok(bad[i], strlen(bad[i])));
	}
	CHECK(!sada_glob_ok("a\0b", 3));
}

/* What git says of PATH by one rule: of itself or of a parent. */
static int
git_match(struct sada_ignore *ig, const char *path, size_t n)
{
	struct sada_err err = { 0 };
	size_t i;

	for (i = 1; i < n; i++)
		if (path[i] == '/' && sada_ignore_match(ig, path, i,
		    SADA_IGNORE_DIR, &err) == 1)
			return 1;
	return sada_ignore_match(ig, path, n, 0, &err);
}

static void
test_against_git(void)
{
	static const char *const bits[] = { "a", "b", "*", "?", "/", "/", "**",
	    "[ab]", "[!a]", "\\a", "/**/", ".", "**/", "a*" };
	static const char *const names[] = { "a", "b", "ab", "aa", ".a",
	    "a.b", "bab" };
	struct sada_ignore *ig;
	struct sada_err err = { 0 };
	char pattern[64], path[64];
	size_t n, len, k;
	int i, j, hits = 0, all = 0;

	for (i = 0; i < 800; i++) {
		pattern[0] = '\0';
		for (k = 1 + tap_below(6), n = 0; k > 0; k--)
			n += (size_t)snprintf(pattern + n, sizeof(pattern) -
			    n, "%s", bits[tap_below(14)]);
		/* Empty components, and "***": git's own answers vary. */
		if (!sada_glob_ok(pattern, n) || strstr(pattern, "//") ||
		    strstr(pattern, "***"))
			continue;
		if (sada_ignore_new(&ig, &err) < 0 || sada_ignore_add(ig, "",
		    0, pattern, n, &err) < 0)
			abort();
		for (j = 0; j < 40; j++) {
			for (k = 1 + tap_below(4), len = 0; k > 0; k--)
				len += (size_t)snprintf(path + len,
				    sizeof(path) - len, "%s%s", len > 0 ?
				    "/" : "", names[tap_below(7)]);
			if (sada_glob_match(pattern, n, path, len) !=
			    git_match(ig, path, len))
				printf("# pattern %s path %s\n", pattern,
				    path);
			CHECK_INT(sada_glob_match(pattern, n, path, len),
			    git_match(ig, path, len));
			hits += sada_glob_match(pattern, n, path, len);
			all++;
		}
		sada_ignore_free(ig);
	}
	printf("# %d of %d match\n", hits, all);
	CHECK(hits > all / 20 && hits < all - all / 20);
}

/* The driver that TEXT gives PATH. */
static unsigned
ask(const char *text, const char *path)
{
	struct sada_rules *r;
	struct sada_err err = { 0 };
	unsigned driver;

	if (sada_rules_new(&r, text, strlen(text), NULL, 0, &err) < 0)
		abort();
	driver = sada_rules_ask(r, path, strlen(path), NULL);
	sada_rules_free(r);
	return driver;
}

static size_t
skipped(const char *text, size_t *line)
{
	struct sada_rules *r;
	struct sada_err err = { 0 };
	size_t n;

	if (sada_rules_new(&r, text, strlen(text), NULL, 0, &err) < 0)
		abort();
	n = sada_rules_skipped(r, line);
	sada_rules_free(r);
	return n;
}

static void
test_text(void)
{
	size_t line;

	CHECK_INT(ask("", "x"), SADA_MERGE_TEXT);
	CHECK_INT(ask("", "x.db"), SADA_MERGE_SQLITE);
	CHECK_INT(ask("", "d/x.sqlite3"), SADA_MERGE_SQLITE);
	CHECK_INT(ask("", "d/x.db/y"), SADA_MERGE_SQLITE);
	CHECK_INT(ask("*.db text\n", "x.db"), SADA_MERGE_TEXT);
	CHECK_INT(ask("*.log union", "x.log"), SADA_MERGE_UNION);
	CHECK_INT(ask("*.log union\r\n*.a json\r\n", "x.a"),
	    SADA_MERGE_JSON);
	CHECK_INT(ask("* keep-both\n*.a newest\n", "x.a"),
	    SADA_MERGE_NEWEST);
	CHECK_INT(ask("*.a newest\n* keep-both\n", "x.a"), SADA_MERGE_KEEP);
	CHECK_INT(ask(" \t*.a\t \tunion \t\n", "x.a"), SADA_MERGE_UNION);
	CHECK_INT(ask("\"a b\" union\n", "a b"), SADA_MERGE_UNION);
	CHECK_INT(ask("\"a\\tb\\101\\\"\" union\n", "a\tbA\""),
	    SADA_MERGE_UNION);
	CHECK_INT(ask("\"\\\\*\" union\n", "*"), SADA_MERGE_UNION);
	CHECK_INT(ask("\"\\\\*\" union\n", "x"), SADA_MERGE_TEXT);
	CHECK_INT(ask("\xef\xbb\xbf*.a union\n", "x.a"), SADA_MERGE_UNION);
	CHECK_INT(ask("\\#a union\n", "#a"), SADA_MERGE_UNION);
	CHECK_INT(ask("notes/ union\n", "notes/2026/x"), SADA_MERGE_UNION);
	/* What a newer file may say does not hide the rest. */
	CHECK_INT(skipped("# c\n\n *.a union\n#x\n", &line), 0);
	CHECK_INT(line, 0);
	CHECK_INT(skipped("*.a union\n*.b magic\n*.c\n*.d text more\n!x "
	    "text\n\"x text\n\"x\\q\" text\n\"x\"text\n[ text\n\"\\400\" "
	    "text\n*.a command\n\"\" text\n", &line), 11);
	CHECK_INT(line, 2);
	CHECK_INT(ask("*.a union\n*.a magic\n", "x.a"), SADA_MERGE_UNION);
	CHECK_INT(ask("*.a union\n*.a command\n", "x.a"), SADA_MERGE_UNION);
}

static void
test_local(void)
{
	static const struct sada_rule local[] = {
		{ "*.a", SADA_MERGE_JSON, NULL },
		{ "*.po", SADA_MERGE_COMMAND, "msgcat" },
		{ "x.po", SADA_MERGE_TEXT, NULL },
		{ "a b", SADA_MERGE_KEEP, NULL },
	}, bad[] = {
		{ "", SADA_MERGE_TEXT, NULL }, { "[", SADA_MERGE_TEXT, NULL },
		{ "a", 0, NULL }, { "a", 8, NULL },
		{ "a", SADA_MERGE_COMMAND, NULL },
		{ "a", SADA_MERGE_TEXT, "cmd" },
	};
	struct sada_rules *r = NULL;
	struct sada_err err = { 0 };
	const char *command = "x";
	size_t i;

	CHECK_INT(sada_rules_new(&r, "* union\n", 8, local, 4, &err), 0);
	CHECK_INT(sada_rules_ask(r, "x.a", 3, &command), SADA_MERGE_JSON);
	CHECK(command == NULL);
	CHECK_INT(sada_rules_ask(r, "y.po", 4, &command),
	    SADA_MERGE_COMMAND);
	CHECK_STR(command, "msgcat");
	CHECK_INT(sada_rules_ask(r, "x.po", 4, &command), SADA_MERGE_TEXT);
	CHECK(command == NULL);
	CHECK_INT(sada_rules_ask(r, "a b", 3, NULL), SADA_MERGE_KEEP);
	CHECK_INT(sada_rules_ask(r, "z", 1, NULL), SADA_MERGE_UNION);
	sada_rules_free(r);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(sada_rules_new(&r, NULL, 0, &bad[i], 1, &err),
		    SADA_USAGE);
		CHECK(r == NULL && strchr(err.msg, '\n') == NULL);
	}
	CHECK_INT(sada_driver_find("keep-both", 9), SADA_MERGE_KEEP);
	CHECK_INT(sada_driver_find("command", 7), 0);
	CHECK_INT(sada_driver_find("tex", 3), 0);
	CHECK_INT(sada_driver_find("", 0), 0);
	CHECK_STR(sada_driver_name(SADA_MERGE_COMMAND), "command");
}

static void
test_hostile(void)
{
	static const char bits[] = "*?[]!\\/\"#:-a \tb\n\r0123unionjsotex";
	struct sada_buf b = { 0 };
	struct sada_rules *r;
	struct sada_err err = { 0 };
	char path[4096], *exact;
	clock_t from;
	size_t i, k, n;
	int j;

	/* Bytes of all kinds; ends of the text on the end of its memory. */
	for (i = 0; i < 20000; i++) {
		n = tap_below(60);
		exact = malloc(n > 0 ? n : 1);
		for (k = 0; k < n; k++)
			exact[k] = tap_below(20) ? bits[tap_below(
			    sizeof(bits))] : (char)tap_rand();
		CHECK_INT(sada_rules_new(&r, exact, n, NULL, 0, &err), 0);
		CHECK(sada_rules_ask(r, "ab/a:b", 6, NULL) > 0);
		sada_rules_free(r);
		free(exact);
	}
	/* The most text, all stars, against the longest path. */
	memset(path, 'a', sizeof(path));
	for (k = 1; k < 128; k++)
		path[k * 32 - 1] = '/';
	for (j = 0; j < 2; j++) {
		sada_buf_reset(&b);
		while (b.len < SADA_RULES_MAX - 1000) {
			for (k = 0; k < 100; k++)
				sada_buf_adds(&b, j ? "**/a*/" : "*a");
			sada_buf_adds(&b, "b union\n");
		}
		CHECK_INT(sada_rules_new(&r, b.p, b.len, NULL, 0, &err), 0);
		from = clock();
		CHECK_INT(sada_rules_ask(r, path, 4095, NULL),
		    SADA_MERGE_TEXT);
		printf("# worst rules: %.2f s\n", (double)(clock() - from) /
		    CLOCKS_PER_SEC);
		sada_rules_free(r);
	}
	/* Too long a text. */
	sada_buf_reset(&b);
	while (b.len <= SADA_RULES_MAX)
		sada_buf_adds(&b, "* union\n");
	CHECK_INT(sada_rules_new(&r, b.p, SADA_RULES_MAX, NULL, 0, &err), 0);
	CHECK_INT(sada_rules_ask(r, "x", 1, NULL), SADA_MERGE_UNION);
	sada_rules_free(r);
	CHECK_INT(sada_rules_new(&r, b.p, b.len, NULL, 0, &err), 0);
	CHECK_INT(sada_rules_ask(r, "x", 1, NULL), SADA_MERGE_TEXT);
	CHECK_INT(sada_rules_skipped(r, &k), 1);
	CHECK_INT(k, 1);
	sada_rules_free(r);
	sada_buf_release(&b);
}

int
main(void)
{
	tap_seed(34);
	test_glob();
	test_against_git();
	test_text();
	test_local();
	test_hostile();
	return tap_done();
}
