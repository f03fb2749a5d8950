/* Listing the names of a state. */
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "verb/look_priv.h"

struct listing {
	struct sada_replica *r;
	struct sada_state *st;
	struct sada_source src;
	struct sada_buf dir;		/* the PATH asked for */
	unsigned flags;
	int found;
	int (*each)(const struct sada_listed *l, void *ctx);
	void *ctx;
	struct sada_err *err;
};

static int
tell(struct listing *ls, const struct sada_name *n)
{
	const struct sada_version *lead;
	struct sada_listed l;
	struct sada_err drop;
	char author[65];

	memset(&l, 0, sizeof(l));
	l.path = n->path;
	l.len = n->len;
	l.kind = n->kind == SADA_DIR ? 'd' : n->kind == SADA_LINK ? 'l' : 'f';
	l.mode = n->mode;
	l.size = n->size;
	l.mtime_s = n->mtime_s;
	l.mtime_ns = n->mtime_ns == SADA_NO_MTIME ? 0 : n->mtime_ns;
	l.held = 1;
	l.groups = n->groups;
	l.copy = n->slot_len != n->len ||
	    memcmp(n->slot, n->path, n->len) != 0;
	if (n->kind != SADA_DIR) {
		sada_id_hex(l.content, &n->content);
		l.held = sada_file_held(&ls->src, &n->content, n->size,
		    &drop) == 1;
	}
	lead = sada_lead(n->cover, n->ncover, sada_state_lamport, ls->st);
	author[0] = '\0';
	if (lead != NULL)
		sada_author_name(ls->r, &lead->dot.author, author);
	l.author = author;
	return ls->each(&l, ls->ctx);
}

static int
list_name(const struct sada_name *n, void *ctx)
{
	struct listing *ls = ctx;
	const char *dir = (char *)ls->dir.p, *rest;
	size_t len = ls->dir.len;

	if (sada_path_cmp(n->path, n->len, dir, len) == 0) {
		ls->found = 1;
		return n->kind == SADA_DIR ? 0 : tell(ls, n);
	}
	if (!sada_path_below(n->path, n->len, dir, len))
		return 0;
	ls->found = 1;
	rest = n->path + len + (len > 0);
	if (!(ls->flags & SADA_LS_RECURSIVE) &&
	    memchr(rest, '/', n->len - (size_t)(rest - n->path)) != NULL)
		return 0;
	return tell(ls, n);
}

int
sada_ls(struct sada_replica *r, const char *spec, unsigned flags,
    int (*each)(const struct sada_listed *l, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct listing ls = { .r = r, .flags = flags, .each = each,
	    .ctx = ctx, .err = err };
	struct sada_buf why = {0};
	struct sada_rev rev;
	size_t n, end;
	int rc;

	memset(&rev, 0, sizeof(rev));
	if (spec == NULL)
		spec = "@";
	n = strlen(spec);
	end = sada_rev_split(spec, n);
	(void)sada_buf_reserve(&ls.dir, 1);
	/* Without a PATH it is -C DIR itself. */
	if ((rc = sada_path_arg(r, end + 1 < n ? spec + end + 1 : ".",
	    &ls.dir, err)) < 0 ||
	    (rc = sada_rev_resolve(&rev, r, spec, end, err)) < 0)
		goto out;
	ls.st = &rev.st;
	ls.src = sada_melding_source(&rev.meld);
	if ((rc = sada_names_each(&rev, list_name, &ls, err)) < 0)
		goto out;
	if (!ls.found && ls.dir.len > 0) {
		sada_quote(&why, (char *)ls.dir.p, ls.dir.len);
		rc = sada_err_set(err, SADA_USAGE, "%s: no such name in %.*s",
		    sada_buf_str(&why), (int)(end < 200 ? end : 200), spec);
	}
out:
	sada_buf_release(&why);
	sada_buf_release(&ls.dir);
	sada_rev_release(&rev);
	return rc;
}
