/* Ignore rules: what git's manual says of .gitignore, and no defaults. */
#include <assert.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "git/ignore.h"
#include "tap.h"

static struct sada_err err;
static struct sada_ignore *ig;

static void
add(const char *dir, const char *text)
{
	CHECK_INT(sada_ignore_add(ig, dir, strlen(dir), text, strlen(text),
	    &err), 0);
}

/* Ask about PATH; a '/' behind it says that it is a directory. */
static int
is(const char *path)
{
	size_t n = strlen(path);

	if (path[n - 1] == '/')
		return sada_ignore_match(ig, path, n - 1, SADA_IGNORE_DIR,
		    &err);
	return sada_ignore_match(ig, path, n, 0, &err);
}

static void
fresh(void)
{
	sada_ignore_free(ig);
	CHECK_INT(sada_ignore_new(&ig, &err), 0);
	CHECK_INT(sada_ignore_empty(ig), 1);
}

/* One root text and what it says of names. */
struct rule_case {
	const char *text, *path;
	int want;
};

static const struct rule_case cases[] = {
	{ "", "a", 0 },
	{ "# a comment\n\n", "# a comment", 0 },
	{ "foo", "foo", 1 },
	{ "foo", "foo/", 1 },
	{ "foo", "x/y/foo", 1 },
	{ "foo", "foobar", 0 },
	{ "foo\n", "Foo", 0 },
	{ "*.o\n", "a.o", 1 },
	{ "*.o\n", "x/.o", 1 },
	{ "*.o\n", "x/a.oo", 0 },
	{ "build/\n", "build", 0 },
	{ "build/\n", "build/", 1 },
	{ "build/\n", "x/build/", 1 },
	{ "/foo\n", "foo", 1 },
	{ "/foo\n", "x/foo", 0 },
	{ "a/b\n", "a/b", 1 },
	{ "a/b\n", "x/a/b", 0 },
	{ "a/*\n", "a/b", 1 },
	{ "a/*.c\n", "a/b/c.c", 0 },
	{ "**/foo\n", "foo", 1 },
	{ "**/foo\n", "x/y/foo", 1 },
	{ "**/a/b\n", "x/y/a/b", 1 },
	{ "a/**\n", "a/b", 1 },
	{ "a/**\n", "a/b/c", 1 },
	{ "a/**\n", "a/", 0 },
	{ "a/**/b\n", "a/b", 1 },
	{ "a/**/b\n", "a/x/y/b", 1 },
	{ "a/**/b\n", "x/a/b", 0 },
	{ "*.o\n!keep.o\n", "keep.o", 0 },
	{ "*.o\n!keep.o\n", "x/keep.o", 0 },
	{ "*.o\n!keep.o\n", "x/other.o", 1 },
	{ "!keep.o\n*.o\n", "keep.o", 1 },
	{ "a*\n!*b\n", "ab", 0 },
	{ "/x/a*\n!/x/*b\n", "x/ab", 0 },
	{ "/x/a*\n!/x/*b\n", "x/ac", 1 },
	{ "*\n!*/\n", "d/", 0 },
	{ "*\n!*/\n", "d", 1 },
	{ "\\#foo\n", "#foo", 1 },
	{ "\\!foo\n", "!foo", 1 },
	{ "foo\\ \n", "foo ", 1 },
	{ "foo  \n", "foo", 1 },
	{ " foo\n", " foo", 1 },
	{ " foo\n", "foo", 0 },
	{ "a b\n", "a b", 1 },
	{ "foo\\*\n", "foo*", 1 },
	{ "foo\\*\n", "foox", 0 },
	{ "fo?\n", "foo", 1 },
	{ "fo?\n", "fo/", 0 },
	{ "[a-c]x\n", "bx", 1 },
	{ "[!a-c]x\n", "bx", 0 },
	{ "[!a-c]x\n", "dx", 1 },
	{ "foo\r\nbar\r\n", "foo", 1 },
	{ "foo\r\nbar\r\n", "bar", 1 },
	{ "\xef\xbb\xbf" "foo\n", "foo", 1 },
	{ "caf\xc3\xa9\n", "caf\xc3\xa9", 1 },
	{ "\xff\xfe*\n", "\xff\xfe\x80", 1 },
	{ ".git\n", ".git/", 1 },
	{ "x\n", ".git/", 0 },
	{ "x\n", ".git", 0 },
	{ "x\n", "a/.git", 0 },
	{ "x\n", ".gitignore", 0 },
	{ "x\n", "...", 0 },
	{ ".*\n", ".x", 1 },
};

static void
test_cases(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule_case *c = &cases[i];

		fresh();
		add("", c->text);
		CHECK_INT(is(c->path), c->want);
		if (is(c->path) != c->want)
			printf("# text \"%s\" path \"%s\"\n", c->text,
			    c->path);
		/* The same text in a nested directory, however it is named. */
		fresh();
		add("d/[*]\n?", c->text);
		{
			char p[64] = "d/[*]\n?/";

			CHECK_INT(is("d/[*]\n?"), 0);
			strncat(p, c->path, 40);
			CHECK_INT(is(p), c->want);
			if (is(p) != c->want)
				printf("# nested \"%s\" path \"%s\"\n",
				    c->text, c->path);
			CHECK_INT(is(c->path), 0);
		}
	}
}

/* A line that ends in half an escape is no rule, and the only one lost. */
static void
test_open(void)
{
	fresh();
	add("", "x\\\n*.o\ny\\\\\n!z.o\\\nw\\\r\n*.p\n");
	CHECK_INT(is("k.o"), 1);
	CHECK_INT(is("k.p"), 1);
	CHECK_INT(is("x"), 0);
	CHECK_INT(is("x\\"), 0);
	CHECK_INT(is("x*.o"), 1);
	CHECK_INT(is("y\\"), 1);
	CHECK_INT(is("z.o"), 1);
	CHECK_INT(is("w"), 0);
	add("d", "v\\\nu\nt\\");
	CHECK_INT(is("d/u"), 1);
	CHECK_INT(is("d/v"), 0);
	CHECK_INT(is("d/t"), 0);
}

static void
test_nested(void)
{
	fresh();
	add("", "*.log\n/top\n");
	add("a", "!keep.log\n/only\n");
	add("a/b", "keep.log\n");
	CHECK_INT(sada_ignore_empty(ig), 0);
	CHECK_INT(is("keep.log"), 1);
	CHECK_INT(is("a/keep.log"), 0);
	CHECK_INT(is("a/x/keep.log"), 0);
	CHECK_INT(is("a/x.log"), 1);
	CHECK_INT(is("a/b/keep.log"), 1);
	CHECK_INT(is("ab/keep.log"), 1);
	CHECK_INT(is("a/only"), 1);
	CHECK_INT(is("a/x/only"), 0);
	CHECK_INT(is("only"), 0);
	CHECK_INT(is("a/top"), 0);
	CHECK_INT(is("top"), 1);
	/* A text above that comes later still has less weight. */
	fresh();
	add("a/b", "!x\n");
	CHECK_INT(is("a/b/x"), 0);
	add("a", "x\ny\n");
	CHECK_INT(is("a/b/x"), 0);
	CHECK_INT(is("a/b/y"), 1);
	CHECK_INT(is("a/x"), 1);
	add("a", "!y\n");
	CHECK_INT(is("a/y"), 0);
}

/* The user's global excludes and settings must not be seen. */
static void
test_home(void)
{
	char dir[] = "/tmp/git_ignore.XXXXXX";
	char path[200];
	FILE *f;

	assert(mkdtemp(dir) != NULL);
	setenv("HOME", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(path, sizeof(path), "%s/git", dir);
	assert(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/git/ignore", dir);
	f = fopen(path, "w");
	assert(f != NULL && fputs("secret\n", f) >= 0 && fclose(f) == 0);
	snprintf(path, sizeof(path), "%s/.gitconfig", dir);
	f = fopen(path, "w");
	assert(f != NULL && fprintf(f, "[core]\n\texcludesfile = %s/git/ignore"
	    "\n\tignorecase = true\n", dir) > 0 && fclose(f) == 0);
	/* Also from a directory that is a repository with rules. */
	assert(chdir(dir) == 0 && mkdir(".git", 0700) == 0);
	assert(mkdir("build", 0700) == 0);
	f = fopen(".gitignore", "w");
	assert(f != NULL && fputs("*\n", f) >= 0 && fclose(f) == 0);
	fresh();
	CHECK_INT(is("secret"), 0);
	add("", "foo\nbuild/\n");
	CHECK_INT(is("secret"), 0);
	CHECK_INT(is("FOO"), 0);
	CHECK_INT(is("foo"), 1);
	/* What lies on the disk at that name is not looked at. */
	CHECK_INT(is("build"), 0);
	CHECK_INT(is("build/"), 1);
	unlink("git/ignore");
	unlink(".gitconfig");
	unlink(".gitignore");
	rmdir(".git");
	rmdir("build");
	rmdir("git");
	assert(chdir("/") == 0);
	CHECK_INT(rmdir(dir), 0);
}

static void
test_refused(void)
{
	static char big[(1 << 20) + 2];

	fresh();
	CHECK_INT(sada_ignore_add(ig, "", 0, "a\0b", 3, &err), SADA_FORMAT);
	memset(big, '\n', sizeof(big));
	CHECK_INT(sada_ignore_add(ig, "", 0, big, (1 << 20) + 1, &err),
	    SADA_FORMAT);
	CHECK_INT(sada_ignore_add(ig, "", 0, big, 1 << 20, &err), 0);
	CHECK_INT(is("a"), 0);
	sada_ignore_free(NULL);
}

/* Odd texts are no errors. */
static void
test_odd(void)
{
	char text[40];
	int round;
	size_t i, n;

	for (round = 0; round < 500; round++) {
		fresh();
		n = tap_below(sizeof(text));
		for (i = 0; i < n; i++)
			text[i] = "a*?[]!\\/ #\n\r.\t^-\xff"[tap_below(17)];
		CHECK_INT(sada_ignore_add(ig, "", 0, text, n, &err), 0);
		CHECK_INT(sada_ignore_add(ig, "a", 1, text, n, &err), 0);
		CHECK(is("a/") >= 0);
		CHECK(is("a/b*/c") >= 0);
		CHECK(is("a/.") >= 0 && is("\xff") >= 0);
	}
}

static void *
asker(void *p)
{
	struct sada_err e;
	long bad = 0;
	char path[32];
	int i;

	(void)p;
	for (i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "d%d/a.o", i % 20);
		bad += sada_ignore_match(ig, path, strlen(path), 0, &e) != 1;
	}
	return (void *)bad;
}

static void
test_threads(void)
{
	pthread_t t[3];
	void *bad;
	char dir[16];
	int i;

	fresh();
	add("", "*.o\n");
	for (i = 0; i < 3; i++)
		assert(pthread_create(&t[i], NULL, asker, NULL) == 0);
	for (i = 0; i < 20; i++) {
		snprintf(dir, sizeof(dir), "d%d", i);
		add(dir, "x\n!y\n");
	}
	for (i = 0; i < 3; i++) {
		assert(pthread_join(t[i], &bad) == 0);
		CHECK(bad == NULL);
	}
}

int
main(void)
{
	tap_seed(71);
	test_cases();
	test_open();
	test_nested();
	test_home();
	test_refused();
	test_odd();
	test_threads();
	sada_ignore_free(ig);
	return tap_done();
}
