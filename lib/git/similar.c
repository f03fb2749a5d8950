/*
 * Similarity of contents: libgit2 samples hashes of lines.
 *
 * What it says is a hint for people and never decides what a directory
 * holds, so it need not be the same with every libgit2.
 */
#include <stdlib.h>
#include <string.h>

#include <git2.h>
#include <git2/sys/hashsig.h>

#include "base/buf.h"
#include "git/similar.h"

struct sada_sig {
	git_hashsig *h;
};

int
sada_sig_new(struct sada_sig **out, const void *p, size_t n,
    struct sada_err *err)
{
	struct sada_sig *s = sada_calloc(1, sizeof(*s));

	*out = NULL;
	if (git_libgit2_init() < 0) {
		free(s);
		return sada_err_set(err, SADA_SYS, "cannot start libgit2");
	}
	if (git_hashsig_create(&s->h, n > 0 ? p : "", n, GIT_HASHSIG_NORMAL |
	    GIT_HASHSIG_ALLOW_SMALL_FILES) < 0) {
		(void)git_libgit2_shutdown();
		free(s);
		return sada_err_set(err, SADA_SYS,
		    "cannot compare contents: no memory in libgit2");
	}
	*out = s;
	return 0;
}

void
sada_sig_free(struct sada_sig *s)
{
	if (s == NULL)
		return;
	git_hashsig_free(s->h);
	(void)git_libgit2_shutdown();
	free(s);
}

unsigned
sada_sig_alike(const struct sada_sig *a, const struct sada_sig *b)
{
	int score = git_hashsig_compare(a->h, b->h);

	return score < 0 ? 0 : score > 100 ? 100 : (unsigned)score;
}

int
sada_is_text(const void *p, size_t n)
{
	return n == 0 || memchr(p, '\0', n < 8000 ? n : 8000) == NULL;
}
