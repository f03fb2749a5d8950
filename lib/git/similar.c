/*
 * Similarity of contents: libgit2 samples hashes of lines.
 *
 * What it says is a hint for people and never decides what a directory
 * holds, so it need not be the same with every libgit2.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "git/load.h"
#include "git/similar.h"

struct sada_sig {
	struct sada_git g;
	git_hashsig *h;
};

int
sada_sig_new(struct sada_sig **out, const void *p, size_t n,
    struct sada_err *err)
{
	struct sada_sig *s = sada_calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if ((rc = sada_git_start(&s->g, err)) < 0)
		goto out;
	if (s->g.hashsig_create(&s->h, n > 0 ? p : "", n,
	    GIT_HASHSIG_NORMAL | GIT_HASHSIG_ALLOW_SMALL_FILES) < 0) {
		rc = sada_git_fail(&s->g, "cannot compare contents", err);
		(void)s->g.libgit2_shutdown();
		goto out;
	}
	*out = s;
	s = NULL;
	rc = 0;
out:
	free(s);
	return rc;
}

void
sada_sig_free(struct sada_sig *s)
{
	if (s == NULL)
		return;
	s->g.hashsig_free(s->h);
	(void)s->g.libgit2_shutdown();
	free(s);
}

unsigned
sada_sig_alike(const struct sada_sig *a, const struct sada_sig *b)
{
	int score = a->g.hashsig_compare(a->h, b->h);

	return score < 0 ? 0 : score > 100 ? 100 : (unsigned)score;
}

int
sada_is_text(const void *p, size_t n)
{
	return n == 0 || memchr(p, '\0', n < 8000 ? n : 8000) == NULL;
}
