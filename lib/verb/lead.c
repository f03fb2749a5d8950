/* Names of a state, one by one or all in order. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "verb/look_priv.h"

int
sada_path_in(const char *path, size_t len, const char *dir, size_t dirlen)
{
	return sada_path_cmp(path, len, dir, dirlen) == 0 ||
	    sada_path_below(path, len, dir, dirlen);
}

const struct sada_version *
sada_lead(const struct sada_version *v, size_t n, sada_lamport_fn *lamport,
    void *ctx)
{
	const struct sada_version *best = NULL;
	uint64_t l, top = 0;
	size_t i;
	int c;

	for (i = 0; i < n; i++) {
		l = lamport(&v[i].dot, ctx);
		if (best != NULL) {
			c = (v[i].kind == SADA_DIR) - (best->kind == SADA_DIR);
			if (c == 0)
				c = (l > top) - (l < top);
			if (c == 0)
				c = sada_id_cmp(&v[i].dot.author,
				    &best->dot.author);
			/* Slots are sorted by version id. */
			if (c < 0)
				continue;
		}
		best = &v[i];
		top = l;
	}
	return best;
}

/* Go to the end of view V, to have its copies. */
static int
exhaust(struct sada_view *v, struct sada_err *err)
{
	struct sada_name n;
	int rc;

	while ((rc = sada_view_next(v, &n, err)) > 0)
		;
	return rc;
}

int
sada_names_each(struct sada_state *st,
    int (*each)(const struct sada_name *n, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_view *first = NULL, *v = NULL;
	const struct sada_name *copy;
	struct sada_name n;
	size_t ncopy, at = 0;
	int rc;

	if ((rc = sada_view_open(&first, &st->ns, &st->root,
	    sada_state_lamport, st, err)) < 0 ||
	    (rc = exhaust(first, err)) < 0 ||
	    (rc = sada_view_copies(first, &copy, &ncopy, err)) < 0 ||
	    (rc = sada_view_open(&v, &st->ns, &st->root, sada_state_lamport,
	    st, err)) < 0)
		goto out;
	while ((rc = sada_view_next(v, &n, err)) > 0) {
		for (; at < ncopy && sada_path_cmp(copy[at].path,
		    copy[at].len, n.path, n.len) < 0; at++)
			if ((rc = each(&copy[at], ctx)) < 0)
				goto out;
		if ((rc = each(&n, ctx)) < 0)
			goto out;
	}
	for (; rc == 0 && at < ncopy; at++)
		if ((rc = each(&copy[at], ctx)) > 0)
			rc = 0;
out:
	sada_view_free(first);
	sada_view_free(v);
	return rc;
}

int
sada_name_at(struct sada_view **hold, struct sada_state *st,
    const char *path, size_t len, struct sada_name *n, struct sada_err *err)
{
	const struct sada_name *copy;
	struct sada_view *v = NULL;
	size_t ncopy, i;
	int rc;

	*hold = NULL;
	rc = sada_view_one(hold, &st->ns, &st->root, sada_state_lamport, st,
	    path, len, n, err);
	/* Only names with a '~' can be copies. */
	if (rc != 0 || memchr(path, '~', len) == NULL)
		return rc;
	if ((rc = sada_view_open(&v, &st->ns, &st->root, sada_state_lamport,
	    st, err)) < 0 ||
	    (rc = exhaust(v, err)) < 0 ||
	    (rc = sada_view_copies(v, &copy, &ncopy, err)) < 0)
		goto out;
	for (i = 0; i < ncopy; i++)
		if (sada_path_cmp(copy[i].path, copy[i].len, path,
		    len) == 0) {
			*n = copy[i];
			*hold = v;
			v = NULL;
			rc = 1;
			break;
		}
out:
	sada_view_free(v);
	return rc;
}

int
sada_lacks(const struct sada_replica *r, struct sada_state *st,
    const struct sada_name *name, struct sada_err *err)
{
	const struct sada_version *v;
	struct sada_buf b = {0};
	char author[65];

	v = sada_lead(name->cover, name->ncover, sada_state_lamport, st);
	sada_author_name(r, &v->dot.author, author);
	sada_quote(&b, name->path, name->len);
	(void)sada_err_set(err, SADA_NOTFOUND, "the content of %s is not "
	    "here; it was written by %s", sada_buf_str(&b), author);
	sada_buf_release(&b);
	return SADA_NOTFOUND;
}
