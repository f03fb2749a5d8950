/*
 * Patches: libgit2 finds the hunks; the header is written here, since it
 * knows neither our modes nor what a name may hold.
 */
#include <string.h>

#include "base/quote.h"
#include "git/load.h"
#include "git/patch.h"

/* Append "a/PATH", quoted as a whole when it must be. */
static void
put_name(struct sada_buf *out, const char *side, const char *path,
    size_t len)
{
	struct sada_buf name = {0};

	sada_buf_adds(&name, side);
	sada_buf_add(&name, path, len);
	sada_quote(out, (char *)name.p, name.len);
	sada_buf_release(&name);
}

/* The name behind "---", "+++" or "Binary files": /dev/null if not there. */
static void
put_side(struct sada_buf *out, const struct sada_patch_side *s,
    const char *side, const char *path, size_t len)
{
	if (s->mode == 0)
		sada_buf_adds(out, "/dev/null");
	else
		put_name(out, side, path, len);
}

/* The old name of a file, and its new one. */
struct names {
	const char *from, *to;
	size_t from_len, to_len;
};

static void
put_header(struct sada_buf *out, const struct names *n,
    const struct sada_patch_side *a, const struct sada_patch_side *b)
{
	sada_buf_adds(out, "diff --git ");
	put_name(out, "a/", n->from, n->from_len);
	sada_buf_adds(out, " ");
	put_name(out, "b/", n->to, n->to_len);
	sada_buf_adds(out, "\n");
	if (a->mode == 0)
		sada_buf_addf(out, "new file mode %06o\n", b->mode);
	else if (b->mode == 0)
		sada_buf_addf(out, "deleted file mode %06o\n", a->mode);
	else if (a->mode != b->mode)
		sada_buf_addf(out, "old mode %06o\nnew mode %06o\n", a->mode,
		    b->mode);
}

static void
put_rename(struct sada_buf *out, const struct names *n, unsigned score)
{
	sada_buf_addf(out, "similarity index %u%%\nrename from ", score);
	sada_quote(out, n->from, n->from_len);
	sada_buf_adds(out, "\nrename to ");
	sada_quote(out, n->to, n->to_len);
	sada_buf_adds(out, "\n");
}

struct printing {
	struct sada_buf *out;
	const struct names *n;
	const struct sada_patch_side *a, *b;
	int begun;
};

/* Names before the first hunk. */
static void
begin(struct printing *p)
{
	if (p->begun)
		return;
	p->begun = 1;
	sada_buf_adds(p->out, "--- ");
	put_side(p->out, p->a, "a/", p->n->from, p->n->from_len);
	sada_buf_adds(p->out, "\n+++ ");
	put_side(p->out, p->b, "b/", p->n->to, p->n->to_len);
	sada_buf_adds(p->out, "\n");
}

static int
print_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
    const git_diff_line *line, void *ctx)
{
	struct printing *p = ctx;
	char origin = line->origin;

	(void)delta;
	(void)hunk;
	switch (origin) {
	case GIT_DIFF_LINE_CONTEXT:
	case GIT_DIFF_LINE_ADDITION:
	case GIT_DIFF_LINE_DELETION:
		begin(p);
		sada_buf_add(p->out, &origin, 1);
		break;
	case GIT_DIFF_LINE_HUNK_HDR:
	case GIT_DIFF_LINE_CONTEXT_EOFNL:
	case GIT_DIFF_LINE_ADD_EOFNL:
	case GIT_DIFF_LINE_DEL_EOFNL:
		begin(p);
		break;
	default:
		return 0;		/* its header: ours stands */
	}
	sada_buf_add(p->out, line->content, line->content_len);
	return 0;
}

/* As git: a NUL among the first bytes makes it no text. */
static int
is_binary(const struct sada_patch_side *s)
{
	return s->n > 0 && memchr(s->p, '\0', s->n < 8000 ? s->n : 8000) !=
	    NULL;
}

static int
put_hunks(struct printing *pr, struct sada_err *err)
{
	git_diff_options o;
	const struct sada_patch_side *a = pr->a, *b = pr->b;
	struct sada_git g;
	git_patch *patch = NULL;
	int rc;

	if ((rc = sada_git_start(&g, err)) < 0)
		return rc;
	rc = g.diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
	o.flags = GIT_DIFF_FORCE_TEXT;
	/* An empty side that is there must not be NULL. */
	if (rc < 0 || g.patch_from_buffers(&patch, a->mode == 0 ? NULL :
	    a->n > 0 ? a->p : "", a->n, "a", b->mode == 0 ? NULL :
	    b->n > 0 ? b->p : "", b->n, "a", &o) < 0 ||
	    (patch != NULL && g.patch_print(patch, print_line, pr) < 0))
		rc = sada_git_fail(&g, "cannot make a patch", err);
	else
		rc = 0;
	g.patch_free(patch);
	(void)g.libgit2_shutdown();
	return rc;
}

/* What stands behind the header: hunks, or that there can be none. */
static int
put_body(struct sada_buf *out, const struct names *n,
    const struct sada_patch_side *a, const struct sada_patch_side *b,
    unsigned flags, struct sada_err *err)
{
	struct printing pr = { out, n, a, b, 0 };

	if (!(flags & SADA_PATCH_BINARY) && !is_binary(a) && !is_binary(b))
		return put_hunks(&pr, err);
	sada_buf_adds(out, "Binary files ");
	put_side(out, a, "a/", n->from, n->from_len);
	sada_buf_adds(out, " and ");
	put_side(out, b, "b/", n->to, n->to_len);
	sada_buf_adds(out, " differ\n");
	return 0;
}

static int
same_bytes(const struct sada_patch_side *a, const struct sada_patch_side *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

int
sada_patch(struct sada_buf *out, const char *path, size_t len,
    const struct sada_patch_side *a, const struct sada_patch_side *b,
    unsigned flags, struct sada_err *err)
{
	struct names n = { path, path, len, len };
	int same = same_bytes(a, b);

	if (same && a->mode == b->mode)
		return 0;
	put_header(out, &n, a, b);
	return same ? 0 : put_body(out, &n, a, b, flags, err);
}

int
sada_patch_rename(struct sada_buf *out, const char *from, size_t from_len,
    const char *to, size_t to_len, unsigned score,
    const struct sada_patch_side *a, const struct sada_patch_side *b,
    unsigned flags, struct sada_err *err)
{
	struct names n = { from, to, from_len, to_len };

	put_header(out, &n, a, b);
	put_rename(out, &n, score);
	return same_bytes(a, b) ? 0 : put_body(out, &n, a, b, flags, err);
}
