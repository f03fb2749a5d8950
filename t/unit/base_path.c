/* Paths: order against a model, validity, and spellings of the store. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tap.h"

/* Spellings that some file system takes for the store: none may travel. */
static const char *const stores[] = {
	".sada", ".SADA", ".Sada", ".sAdA", ".sadA",		/* case */
	".sada.", ".sada..", ".sada ", ".sada   ", ".sada. .", ".SADA ...",
	".sada::$DATA", ".sada:x", ".sada::$INDEX_ALLOCATION", ".sada:",
	".sada .:$I30:$INDEX_ALLOCATION",			/* streams */
	"SADA~1", "sada~1", "sada~2", "Sada~3", "SADA~9", ".sada~1",
	"SADA~1.", "sada~1 ", "SADA~1::$DATA",			/* short */
	".sa\xe2\x80\x8c" "da", ".sada\xe2\x80\x8d", "\xe2\x80\x8e.sada",
	".\xe2\x80\x8fsada", ".s\xe2\x80\xaa" "ada", ".sad\xe2\x80\xae" "a",
	".sa\xe2\x81\xaa" "da", ".sa\xe2\x81\xaf" "da",
	"\xef\xbb\xbf.sada", ".SADA\xef\xbb\xbf",		/* HFS+ */
	".sa\xc2\xad" "da", ".sad\xef\xb8\x8f" "a", ".s\xe2\x80\x8b" "ada",
	".sa\xf3\xa0\x80\x81" "da",				/* ext4 +F */
	"\xef\xbc\x8esada", ".\xef\xbc\xb3" "ada", ".\xef\xbd\x93" "ada",
	"\xef\xbc\x8e\xef\xbc\xb3\xef\xbc\xa1\xef\xbc\xa4\xef\xbc\xa1",
	".sada\xef\xbc\x8e", "\xef\xbc\xb3" "ADA\xef\xbd\x9e\xef\xbc\x91",
	".\xc5\xbf" "ada", ".\xc5\xbf" "ADA",			/* long s */
	"\xe2\x80\xa4sada", "\xef\xb9\x92sada", ".s\xc2\xaa" "da",
	".s\xe2\x92\xb6" "da", ".sa\xe2\x85\xbe" "a",
	".\xf0\x9d\x90\xac" "ada", ".sad\xf0\x9d\x93\xaa",
	".sa\xe3\x8d\xb2", ".sada\xc2\xa0", ".sada\xe2\x80\xa6",
	".sada\\config", "x\\.sada\\y", "x\\SADA~1",		/* '\' */
};

/* Names that look like it, and are nobody else's business. */
static const char *const ordinary[] = {
	"sada", "SADA", ".sadaignore", "sada~", ".sada~", ".sada2",
	".sada-old", ".sada_", ".sad", ".sadaa", "..sada", "sada.", "sada ",
	".s", ".", "a", " .sada", "_sada", ".sada.old", ".sada. x", "x.sada",
	"sada~0", "sada~a", "sada~12", "sada~1234567890", "sada~1x",
	"sada~1.txt", "SADA~10", ".sada.c", "sada:x", ".git", ".sa da",
	".\xc3\x9f" "ada", ".sad\xc3\xa4", ".sad\xcc\x81" "a", ".sada\xcc\x81",
	".sada\xff", "\xff.sada", ".s\xc0\xa1" "da", ".sada\r", ".sada\n",
	"\xe3\x80\x80", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "a\\b", "\\",
	"sada\\x", "\xe2\x80\xa6sada", ".sada\x01", ".sa\x7f" "da",
	"\xffxxxxxxxxxxxxxxxxxxxx", "\x80sada", ".sada\xe2\x80", ".sada\xc2",
};

static void
test_store(void)
{
	size_t i, k, n;
	char *copy;

	CHECK(sizeof(stores) / sizeof(stores[0]) >= 40);
	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		n = strlen(stores[i]);
		if (!sada_name_is_store(stores[i], n))
			printf("# let through: %s\n", stores[i]);
		CHECK(sada_name_is_store(stores[i], n));
		CHECK(!sada_name_ok(stores[i], n));
		/* Each cut in memory of its own, for the sanitizer. */
		for (k = 0; k <= n; k++) {
			copy = malloc(k + (k == 0));
			memcpy(copy, stores[i], k);
			(void)sada_name_is_store(copy, k);
			free(copy);
		}
	}
	for (i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++) {
		n = strlen(ordinary[i]);
		if (sada_name_is_store(ordinary[i], n))
			printf("# refused: %s\n", ordinary[i]);
		CHECK(!sada_name_is_store(ordinary[i], n));
	}
	CHECK(!sada_name_is_store("", 0));
	CHECK(!sada_name_is_store(".sada\0x", 7));
}

/* ".sada" grown by random tricks is still refused. */
static void
test_store_random(void)
{
	static const char *const form[4][4] = {
		{ ".", "\xef\xbc\x8e", "\xe2\x80\xa4", "\xef\xb9\x92" },
		{ "s", "S", "\xc5\xbf", "\xef\xbd\x93" },
		{ "a", "A", "\xef\xbc\xa1", "\xc2\xaa" },
		{ "d", "D", "\xef\xbd\x84", "\xe2\x85\xbe" },
	};
	static const char *const hidden[] = { "\xe2\x80\x8c", "\xef\xbb\xbf",
	    "\xc2\xad", "\xe2\x80\xae" };
	static const char *const after[] = { "", ".", " ", ":x", ". :" };
	static const int order[] = { 0, 1, 2, 3, 2 };
	static const char letters[] = ".sadaSADA~1: \xe2\x80\x8c\xef\\";
	char s[64];
	int i, k, n;

	for (i = 0; i < 20000; i++) {
		for (k = n = 0; k < 5; k++)
			n += snprintf(s + n, sizeof(s) - (size_t)n, "%s%s",
			    tap_below(3) == 0 ? hidden[tap_below(4)] : "",
			    form[order[k]][tap_below(4)]);
		n += snprintf(s + n, sizeof(s) - (size_t)n, "%s",
		    after[tap_below(5)]);
		CHECK(sada_name_is_store(s, (size_t)n));
	}
	/* Random bytes of its own alphabet must not upset it either. */
	for (i = 0; i < 200000; i++) {
		n = (int)tap_below(9);
		for (k = 0; k < n; k++)
			s[k] = letters[tap_below(sizeof(letters) - 1)];
		(void)sada_name_is_store(s, (size_t)n);
	}
}

/* The order as it is defined: '/' as 0, then as unsigned strings. */
static int
model_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	char x[64], y[64];
	size_t i;
	int d;

	for (i = 0; i < na; i++)
		x[i] = (char)(a[i] == '/' ? 0 : a[i]);
	for (i = 0; i < nb; i++)
		y[i] = (char)(b[i] == '/' ? 0 : b[i]);
	d = memcmp(x, y, na < nb ? na : nb);
	return d != 0 ? d : na < nb ? -1 : na > nb;
}

static int
sign(int d)
{
	return (d > 0) - (d < 0);
}

static size_t
random_path(char *p)
{
	size_t n = tap_below(41), i;

	for (i = 0; i < n; i++)
		p[i] = "/a/bA.-\x01\xff\x7f"[tap_below(10)];
	return n;
}

static void
test_order(void)
{
	char a[64], b[64];
	size_t na, nb, k;
	int i;

	for (i = 0; i < 300000; i++) {
		na = random_path(a);
		nb = random_path(b);
		if (tap_below(2) == 0 && nb > 0) {
			/* A near neighbour: shared start, one change. */
			k = tap_below(nb);
			memcpy(b, a, k < na ? k : na);
		}
		CHECK_INT(sign(sada_path_cmp(a, na, b, nb)),
		    sign(model_cmp(a, na, b, nb)));
		CHECK_INT(sign(sada_path_cmp(b, nb, a, na)),
		    -sign(sada_path_cmp(a, na, b, nb)));
		CHECK_INT(sada_path_cmp(a, na, a, na), 0);
	}
	CHECK(sada_path_cmp("a", 1, "a/b", 3) < 0);
	CHECK(sada_path_cmp("a/z", 3, "a.b", 3) < 0);
	CHECK(sada_path_cmp("a/z", 3, "a\x01", 2) < 0);
	CHECK(sada_path_cmp("", 0, "a", 1) < 0);
	CHECK(sada_path_cmp("\xff", 1, "a", 1) > 0);
	CHECK(sada_path_cmp(NULL, 0, NULL, 0) == 0);
}

static void
test_parts(void)
{
	CHECK(sada_path_below("a/b", 3, "a", 1));
	CHECK(sada_path_below("a/b/c", 5, "a", 1));
	CHECK(sada_path_below("a", 1, "", 0));
	CHECK(!sada_path_below("", 0, "", 0));
	CHECK(!sada_path_below("a", 1, "a", 1));
	CHECK(!sada_path_below("ab", 2, "a", 1));
	CHECK(!sada_path_below("a.b", 3, "a", 1));
	CHECK(!sada_path_below("b/a", 3, "a", 1));
	CHECK_INT(sada_path_parent("", 0), 0);
	CHECK_INT(sada_path_parent("abc", 3), 0);
	CHECK_INT(sada_path_parent("a/bc/d", 6), 4);
	CHECK_INT(sada_path_base("", 0), 0);
	CHECK_INT(sada_path_base("abc", 3), 0);
	CHECK_INT(sada_path_base("a/bc/d", 6), 5);
	CHECK_INT(sada_path_depth("", 0), 0);
	CHECK_INT(sada_path_depth("abc", 3), 1);
	CHECK_INT(sada_path_depth("a/bc/d", 6), 3);
	CHECK_INT(sada_path_depth(NULL, 0), 0);
}

static void
test_valid(void)
{
	static const char *const good[] = { "", "a", "a/b", "...", "..a",
	    "a/.../b", "-rf", " ", "a\nb", "\xff", "con", "a\\b", "\x7f" };
	static const char *const bad[] = { "/", "/a", "a/", "a//b", ".", "..",
	    "a/.", "a/..", "../a", "./a", "a/../b", "a/.sada", ".sada/x",
	    "a/.SADA/b", "a/sada~1/b" };
	char big[SADA_PATH_MAX + 2];
	size_t i, k;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(sada_path_ok(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!sada_path_ok(bad[i], strlen(bad[i])));
	CHECK(!sada_path_ok("a\0b", 3));
	CHECK(!sada_name_ok("", 0));
	CHECK(!sada_name_ok("a/b", 3));
	memset(big, 'x', sizeof(big));
	CHECK(sada_name_ok(big, SADA_NAME_MAX));
	CHECK(!sada_name_ok(big, SADA_NAME_MAX + 1));
	CHECK(!sada_path_ok(big, SADA_NAME_MAX + 1));
	for (i = 1; i < sizeof(big); i += 2)
		big[i] = '/';
	for (k = 1; k <= SADA_DEPTH_MAX + 1; k++)
		CHECK_INT(sada_path_ok(big, 2 * k - 1), k <= SADA_DEPTH_MAX);
	memset(big, 'x', sizeof(big));
	for (i = 200; i < sizeof(big) - 2; i += 200)
		big[i] = '/';
	CHECK(sada_path_ok(big, SADA_PATH_MAX));
	CHECK(!sada_path_ok(big, SADA_PATH_MAX + 1));
}

int
main(void)
{
	tap_seed(2);
	test_store();
	test_store_random();
	test_order();
	test_parts();
	test_valid();
	return tap_done();
}
