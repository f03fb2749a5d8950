/* Patches: what git prints, and that no bytes upset them; likeness. */
#include "git/patch.h"
#include "git/similar.h"
#include "tap.h"

static struct sada_buf out;
static struct sada_err err;

static const char *
make(const char *path, const char *a, unsigned ma, const char *b,
    unsigned mb, unsigned flags)
{
	struct sada_patch_side sa = { a, strlen(a), ma };
	struct sada_patch_side sb = { b, strlen(b), mb };

	sada_buf_reset(&out);
	CHECK_INT(sada_patch(&out, path, strlen(path), &sa, &sb, flags, &err),
	    0);
	return sada_buf_str(&out);
}

static void
test_text(void)
{
	CHECK_STR(make("x", "a\n", 0100644, "a\n", 0100644, 0), "");
	CHECK_STR(make("x", "a\nb\n", 0100644, "a\nc\n", 0100644, 0),
	    "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n"
	    "+c\n");
	CHECK_STR(make("x", "", 0, "n\n", 0100755, 0),
	    "diff --git a/x b/x\nnew file mode 100755\n--- /dev/null\n"
	    "+++ b/x\n@@ -0,0 +1 @@\n+n\n");
	CHECK_STR(make("x", "n", 0100644, "", 0, 0),
	    "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n"
	    "+++ /dev/null\n@@ -1 +0,0 @@\n-n\n\\ No newline at end of "
	    "file\n");
	CHECK_STR(make("x", "", 0100644, "n\n", 0100644, 0),
	    "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+n\n");
	CHECK_STR(make("x", "", 0, "", 0100644, 0),
	    "diff --git a/x b/x\nnew file mode 100644\n");
	CHECK_STR(make("x", "a\n", 0100644, "a\n", 0100755, 0),
	    "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n");
	CHECK_STR(make("a \"b\n", "1\n", 0100644, "2\n", 0100644, 0),
	    "diff --git \"a/a \\\"b\\n\" \"b/a \\\"b\\n\"\n"
	    "--- \"a/a \\\"b\\n\"\n+++ \"b/a \\\"b\\n\"\n@@ -1 +1 @@\n-1\n"
	    "+2\n");
}

static void
test_binary(void)
{
	struct sada_patch_side a = { "a\0b", 3, 0100644 };
	struct sada_patch_side b = { "a\0c", 3, 0100644 };

	sada_buf_reset(&out);
	CHECK_INT(sada_patch(&out, "x", 1, &a, &b, 0, &err), 0);
	CHECK_STR(sada_buf_str(&out),
	    "diff --git a/x b/x\nBinary files a/x and b/x differ\n");
	CHECK_STR(make("x", "a\n", 0100644, "b\n", 0, SADA_PATCH_BINARY),
	    "diff --git a/x b/x\ndeleted file mode 100644\n"
	    "Binary files a/x and /dev/null differ\n");
}

/* Length of the line at P, its newline included. */
static size_t
line(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl != NULL ? (size_t)(nl + 1 - p) : (size_t)(end - p);
}

/* What patch P (N bytes) makes of A: an applier that trusts nothing. */
static void
apply(struct sada_buf *got, const char *a, size_t na, const char *p,
    size_t n)
{
	const char *end = p + n, *ea = a + na;
	long from, at = 1, count;
	size_t k;

	for (; p < end; p += k) {
		k = line(p, end);
		if (memcmp(p, "@@ -", 4) == 0) {
			char *rest;

			from = strtol(p + 4, &rest, 10);
			count = *rest == ',' ? strtol(rest + 1, NULL, 10) : 1;
			for (from += count == 0; at < from; at++) {
				sada_buf_add(got, a, line(a, ea));
				a += line(a, ea);
			}
		} else if (at > 0 && (*p == ' ' || *p == '-' || *p == '+') &&
		    memcmp(p, "--- ", 4) != 0 && memcmp(p, "+++ ", 4) != 0) {
			int cut = p + k < end && p[k] == '\\';

			if (*p != '+') {
				CHECK_INT(line(a, ea), k - 1 - (size_t)cut);
				CHECK(memcmp(a, p + 1, line(a, ea)) == 0);
				a += line(a, ea);
				at++;
			}
			if (*p != '-')
				sada_buf_add(got, p + 1, k - 1 - (size_t)cut);
		}
	}
	sada_buf_add(got, a, (size_t)(ea - a));
}

static void
test_random(void)
{
	char a[512], b[512];
	int round;

	tap_seed(7);
	for (round = 0; round < 3000; round++) {
		size_t na = tap_below(200), nb = tap_below(200), i;
		struct sada_patch_side sa = { a, na, 0100644 };
		struct sada_patch_side sb = { b, nb, 0100644 };
		struct sada_buf got = {0};

		for (i = 0; i < na; i++)
			a[i] = "ab\n\n\r\xff"[tap_below(6)];
		for (i = 0; i < nb; i++)
			b[i] = i < na && tap_below(8) ? a[i] :
			    "ab\n\n\r\xff"[tap_below(6)];
		sada_buf_reset(&out);
		CHECK_INT(sada_patch(&out, "x", 1, &sa, &sb, 0, &err), 0);
		apply(&got, a, na, (char *)out.p, out.len);
		CHECK_INT(got.len, nb);
		CHECK(nb == 0 || memcmp(got.p, b, nb) == 0);
		sada_buf_release(&got);
	}
}

static void
test_rename(void)
{
	struct sada_patch_side a = { "a\nb\n", 4, 0100644 };
	struct sada_patch_side b = { "a\nc\n", 4, 0100755 };

	sada_buf_reset(&out);
	CHECK_INT(sada_patch_rename(&out, "x", 1, "d/y", 3, 100, &a, &a, 0,
	    &err), 0);
	CHECK_STR(sada_buf_str(&out), "diff --git a/x b/d/y\n"
	    "similarity index 100%\nrename from x\nrename to d/y\n");
	sada_buf_reset(&out);
	CHECK_INT(sada_patch_rename(&out, "x", 1, "\t", 1, 50, &a, &b, 0,
	    &err), 0);
	CHECK_STR(sada_buf_str(&out), "diff --git a/x \"b/\\t\"\n"
	    "old mode 100644\nnew mode 100755\nsimilarity index 50%\n"
	    "rename from x\nrename to \"\\t\"\n--- a/x\n+++ \"b/\\t\"\n"
	    "@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
	sada_buf_reset(&out);
	CHECK_INT(sada_patch_rename(&out, "x", 1, "y", 1, 0, &a, &b,
	    SADA_PATCH_BINARY, &err), 0);
	CHECK_STR(sada_buf_str(&out), "diff --git a/x b/y\n"
	    "old mode 100644\nnew mode 100755\nsimilarity index 0%\n"
	    "rename from x\nrename to y\nBinary files a/x and b/y differ\n");
}

/* How alike A and B are. */
static unsigned
alike(const void *a, size_t na, const void *b, size_t nb)
{
	struct sada_sig *sa = NULL, *sb = NULL;
	unsigned score;

	CHECK_INT(sada_sig_new(&sa, a, na, &err), 0);
	CHECK_INT(sada_sig_new(&sb, b, nb, &err), 0);
	score = sada_sig_alike(sa, sb);
	CHECK(sada_sig_alike(sb, sa) <= 100);
	sada_sig_free(sa);
	sada_sig_free(sb);
	return score;
}

static void
test_similar(void)
{
	char a[4096], b[4096];
	size_t i, n;
	int round;

	CHECK_INT(alike("a\nb\n", 4, "a\nb\n", 4), 100);
	CHECK_INT(alike("a\nb\nc\n", 6, "x\ny\nz\n", 6), 0);
	CHECK(alike("", 0, "", 0) <= 100 && alike("", 0, "a", 1) <= 100);
	CHECK(sada_is_text("", 0) && sada_is_text("a", 1));
	CHECK(!sada_is_text("a\0b", 3));
	/* No bytes upset it. */
	for (round = 0; round < 500; round++) {
		n = tap_below(sizeof(a));
		for (i = 0; i < n; i++) {
			a[i] = (char)(tap_below(4) ? "\n\r a"[tap_below(4)] :
			    (char)tap_rand());
			b[i] = tap_below(20) ? a[i] : '\n';
		}
		CHECK(alike(a, n, b, tap_below(n + 1)) <= 100);
		CHECK(alike(a, n, a, n) == 100 || n == 0);
	}
}

int
main(void)
{
	test_text();
	test_binary();
	test_rename();
	test_similar();
	test_random();
	sada_buf_release(&out);
	return tap_done();
}
