/* Conflicts: slots with more than one group, listed, found and shown. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "verb/conflict_priv.h"

#define HEX_MIN 4

/* ---- gathering ---- */

static int
keep(const struct sada_name *n, void *ctx)
{
	struct sada_parts *ps = ctx;
	const struct sada_version *lead;
	struct sada_part *p;
	size_t i;

	if (n->groups < 2)
		return 0;
	ps->p = sada_grow(ps->p, &ps->cap, ps->n + 1, sizeof(*ps->p));
	p = &ps->p[ps->n++];
	memset(p, 0, sizeof(*p));
	p->n = *n;
	p->n.slot = sada_memdup(n->slot, n->slot_len);
	p->n.path = sada_memdup(n->path, n->len);
	p->n.cover = NULL;
	p->copy = sada_path_cmp(n->slot, n->slot_len, n->path, n->len) != 0;
	lead = sada_lead(n->cover, n->ncover, sada_state_lamport, ps->st);
	if (lead == NULL)
		return 0;
	p->n.cover = sada_calloc(n->ncover, sizeof(*p->n.cover));
	memcpy(p->n.cover, n->cover, n->ncover * sizeof(*n->cover));
	for (i = 0; i < n->ncover; i++)
		if (n->cover[i].at != NULL)
			p->n.cover[i].at = sada_memdup(n->cover[i].at,
			    n->cover[i].at_len);
	p->lead = *lead;
	p->lead.at = NULL;
	p->lead.at_len = 0;
	sada_version_id(&p->version, lead);
	p->lamport = sada_state_lamport(&lead->dot, ps->st);
	return 0;
}

static int
slot_cmp(const struct sada_part *a, const struct sada_part *b)
{
	return sada_path_cmp(a->n.slot, a->n.slot_len, b->n.slot,
	    b->n.slot_len);
}

static int
order(const void *pa, const void *pb)
{
	const struct sada_part *a = pa, *b = pb;
	int c = slot_cmp(a, b);

	if (c == 0)
		c = a->copy - b->copy;
	if (c == 0)
		c = (a->lamport < b->lamport) - (a->lamport > b->lamport);
	if (c == 0)
		c = sada_id_cmp(&b->lead.dot.author, &a->lead.dot.author);
	return c != 0 ? c : sada_id_cmp(&b->version, &a->version);
}

int
sada_parts_init(struct sada_parts *ps, struct sada_rev *rev,
    struct sada_err *err)
{
	int rc;

	memset(ps, 0, sizeof(*ps));
	ps->st = &rev->st;
	if ((rc = sada_names_each(rev, keep, ps, err)) < 0)
		return rc;
	if (ps->n > 1)
		qsort(ps->p, ps->n, sizeof(*ps->p), order);
	return 0;
}

void
sada_parts_release(struct sada_parts *ps)
{
	size_t i, k;

	for (i = 0; i < ps->n; i++) {
		for (k = 0; k < ps->p[i].n.ncover; k++)
			free((char *)ps->p[i].n.cover[k].at);
		free((char *)ps->p[i].n.slot);
		free((char *)ps->p[i].n.path);
		free(ps->p[i].n.cover);
	}
	free(ps->p);
	memset(ps, 0, sizeof(*ps));
}

size_t
sada_parts_end(const struct sada_parts *ps, size_t from)
{
	size_t i;

	for (i = from + 1; i < ps->n && slot_cmp(&ps->p[i],
	    &ps->p[from]) == 0; i++)
		;
	return i;
}

/* ---- listing ---- */

/* What a reason is called; indexed by enum sada_apart. */
static const struct {
	const char *word, *text;
} reasons[] = {
	{ "main", "it has the name" },
	{ "kind", "the name shows another kind" },
	{ "many", "too many versions to merge" },
	{ "no-base", "no common version to merge from" },
	{ "keep", "its rule keeps both" },
	{ "large", "too large to merge" },
	{ "binary", "not of a form that is merged" },
	{ "driver", "its merge driver is not in this build" },
	{ "command", "the command of its rule did not merge it" },
	{ "same", "both changed the same place" },
	{ "lacking", "what would merge it is not here" }
};

static int
later(struct sada_state *st, const struct sada_version *a,
    const struct sada_version *b)
{
	uint64_t x = sada_state_lamport(&a->dot, st);
	uint64_t y = sada_state_lamport(&b->dot, st);

	return x != y ? x > y :
	    sada_id_cmp(&a->dot.author, &b->dot.author) > 0;
}

/* The names of all authors of P, the highest first, each once. */
struct authors {
	char (*name)[65];
	const char **list;
	size_t n;
};

static void
authors_init(struct authors *a, const struct sada_replica *r,
    const struct sada_parts *ps, const struct sada_part *p)
{
	const struct sada_version **v, *x;
	size_t i, k;

	v = sada_calloc(p->n.ncover + 1, sizeof(*v));
	a->name = sada_calloc(p->n.ncover + 1, sizeof(*a->name));
	a->list = sada_calloc(p->n.ncover + 1, sizeof(*a->list));
	a->n = 0;
	for (i = 0; i < p->n.ncover; i++) {
		x = &p->n.cover[i];
		for (k = i; k > 0 && later(ps->st, x, v[k - 1]); k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
	for (i = 0; i < p->n.ncover; i++) {
		sada_author_name(r, &v[i]->dot.author, a->name[a->n]);
		for (k = 0; k < a->n && strcmp(a->name[k], a->name[a->n]) !=
		    0; k++)
			;
		a->list[k] = a->name[k];
		a->n += k == a->n;
	}
	free(v);
}

static void
authors_release(struct authors *a)
{
	free(a->name);
	free(a->list);
}

/* Wall time of the op that wrote V, 0 when it is not known. */
static long long
wall_of(const struct sada_replica *r, const struct sada_version *v)
{
	uint32_t op;

	return sada_context_ops(r->log, NULL, &v->dot, &op, 1) == 0 ? 0 :
	    sada_log_op(r->log, op)->wall_ns;
}

/* Why P stands alone, and what of it is not here, as a sentence. */
static void
reason_of(struct sada_buf *b, const struct sada_replica *r,
    const struct sada_part *p, unsigned why, int held)
{
	const struct sada_version *v;

	sada_buf_adds(b, reasons[why].text);
	if (why == SADA_APART_LACKS) {
		sada_buf_adds(b, "; ");
		sada_holders(b, r, &p->n.lacks, p->n.slot, p->n.slot_len,
		    NULL);
	}
	if (!held) {
		v = sada_bringer(&p->n, &p->lead);
		sada_buf_adds(b, "; its content is not here; ");
		sada_holders(b, r, &v->dot, v->at != NULL ? v->at :
		    p->n.slot, v->at != NULL ? v->at_len : p->n.slot_len,
		    &p->n.content);
	}
}

static int
tell(struct sada_replica *r, const struct sada_parts *ps,
    const struct sada_source *src, const struct sada_part *p,
    int (*each)(const struct sada_conflict *c, void *ctx), void *ctx)
{
	struct sada_buf reason = {0};
	struct sada_conflict c;
	struct authors who;
	struct sada_err drop;
	unsigned why;
	int rc;

	memset(&c, 0, sizeof(c));
	c.path = p->n.slot;
	c.len = p->n.slot_len;
	c.name = p->n.path;
	c.name_len = p->n.len;
	c.kind = p->n.kind == SADA_DIR ? 'd' : p->n.kind == SADA_LINK ? 'l' :
	    'f';
	c.held = p->n.kind == SADA_DIR || sada_file_held(src, &p->n.content,
	    p->n.size, &drop) == 1;
	c.size = p->n.kind == SADA_DIR ? 0 : p->n.size;
	authors_init(&who, r, ps, p);
	c.authors = who.list;
	c.nauthors = who.n;
	if (p->n.ncover > 0) {
		sada_id_hex(c.version, &p->version);
		c.wall_ns = wall_of(r, &p->lead);
	}
	/* A byte of a cache: no index before it is looked at. */
	why = p->n.apart < sizeof(reasons) / sizeof(reasons[0]) ?
	    p->n.apart : SADA_APART_SAME;
	reason_of(&reason, r, p, why, c.held);
	c.why = reasons[why].word;
	c.reason = sada_buf_str(&reason);
	rc = each(&c, ctx);
	authors_release(&who);
	sada_buf_release(&reason);
	return rc;
}

int
sada_conflicts(struct sada_replica *r,
    int (*each)(const struct sada_conflict *c, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	struct sada_source src;
	struct sada_rev rev;
	size_t i;
	int rc;

	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = sada_parts_init(&ps, &rev, err)) < 0)
		goto out;
	src = sada_melding_source(&rev.meld);
	for (i = 0; i < ps.n && rc >= 0; i++)
		rc = tell(r, &ps, &src, &ps.p[i], each, ctx);
	if (rc > 0)
		rc = 0;
out:
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	return rc;
}

/* ---- choosing ---- */

/* Does the hex start S (4 digits or more) fit ID? */
static int
hex_fits(const char *s, const struct sada_id *id)
{
	char hex[SADA_HEX_LEN + 1];
	size_t n = strlen(s);

	sada_id_hex(hex, id);
	return n >= HEX_MIN && n <= SADA_HEX_LEN && memcmp(hex, s, n) == 0;
}

static int
fits(const struct sada_replica *r, const struct sada_part *p,
    const char *which)
{
	const struct sada_id *self = &sada_key_pub(r->key)->id;
	struct sada_id id;
	char author[65];
	size_t i;

	for (i = 0; i < p->n.ncover; i++) {
		const struct sada_id *a = &p->n.cover[i].dot.author;

		if (strcmp(which, "mine") == 0) {
			if (sada_id_cmp(a, self) == 0)
				return 1;
			continue;
		}
		sada_author_name(r, a, author);
		sada_version_id(&id, &p->n.cover[i]);
		if (strcmp(author, which) == 0 || hex_fits(which, a) ||
		    hex_fits(which, &id))
			return 1;
	}
	return 0;
}

int
sada_parts_none(const char *arg, struct sada_err *err)
{
	struct sada_buf shown = {0};

	sada_quote(&shown, arg, strlen(arg));
	(void)sada_err_set(err, SADA_USAGE, "%s: no conflict there; "
	    "see sada-merge --list", sada_buf_str(&shown));
	sada_buf_release(&shown);
	return SADA_USAGE;
}

int
sada_parts_find(const struct sada_replica *r, const struct sada_parts *ps,
    const char *arg, size_t *from, size_t *to, struct sada_err *err)
{
	struct sada_buf path = {0};
	size_t i, k;
	int rc;

	(void)sada_buf_reserve(&path, 1);
	if ((rc = sada_path_arg(r, arg, &path, err)) < 0)
		goto out;
	rc = SADA_USAGE;
	for (i = 0; i < ps->n && rc < 0; i = *to) {
		*from = i;
		*to = sada_parts_end(ps, i);
		for (k = i; k < *to; k++)
			if (sada_path_cmp(ps->p[k].n.path, ps->p[k].n.len,
			    (char *)path.p, path.len) == 0 ||
			    sada_path_cmp(ps->p[k].n.slot,
			    ps->p[k].n.slot_len, (char *)path.p,
			    path.len) == 0)
				rc = 0;
	}
	if (rc < 0)
		rc = sada_parts_none(arg, err);
out:
	sada_buf_release(&path);
	return rc;
}

int
sada_parts_choose(const struct sada_replica *r, const struct sada_parts *ps,
    size_t from, size_t to, const char *which, size_t *at,
    struct sada_err *err)
{
	char a[SADA_HEX_LEN + 1], b[SADA_HEX_LEN + 1];
	size_t i, n = 0;

	for (i = from; i < to; i++) {
		if (!fits(r, &ps->p[i], which))
			continue;
		if (n++ == 0) {
			*at = i;
			continue;
		}
		if (strcmp(which, "mine") == 0)
			continue;
		sada_id_hex(a, &ps->p[*at].version);
		sada_id_hex(b, &ps->p[i].version);
		return sada_err_set(err, SADA_USAGE, "%.100s: several "
		    "versions fit; name one as %.12s or %.12s", which, a, b);
	}
	if (n == 0)
		return sada_err_set(err, SADA_USAGE, "%.100s: no version of "
		    "the conflict is by it or has this id; see sada-merge "
		    "--list", which);
	return 0;
}

int
sada_conflict_show(struct sada_replica *r, const char *which,
    const char *path, int (*each)(const void *p, size_t n, void *ctx),
    void *ctx, struct sada_err *err)
{
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	const struct sada_name *n;
	struct sada_source src;
	struct sada_rev rev;
	size_t from, to, at = 0;
	int rc;

	if (strcmp(which, "both") == 0)
		return sada_err_set(err, SADA_USAGE, "--show both: one "
		    "content at a time; name an author, a version or mine");
	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = sada_parts_init(&ps, &rev, err)) < 0 ||
	    (rc = sada_parts_find(r, &ps, path, &from, &to, err)) < 0 ||
	    (rc = sada_parts_choose(r, &ps, from, to, which, &at, err)) < 0)
		goto out;
	n = &ps.p[at].n;
	src = sada_melding_source(&rev.meld);
	if (n->kind == SADA_DIR) {
		rc = sada_err_set(err, SADA_USAGE,
		    "%.200s: that version is a directory", path);
		goto out;
	}
	if ((rc = sada_file_held(&src, &n->content, n->size, err)) == 0)
		rc = sada_lacks(r, &rev.st, n, err);
	if (rc == 1)
		rc = sada_file_get(&src, &n->content, n->size, each, ctx,
		    err);
out:
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	return rc;
}
