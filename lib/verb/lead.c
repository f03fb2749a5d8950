/* Names of a state, one by one or all in order. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "verb/look_priv.h"

/* So many peers are named. */
#define HOLDERS_MAX 8

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
sada_names_each(struct sada_rev *rev,
    int (*each)(const struct sada_name *n, void *ctx), void *ctx,
    struct sada_err *err)
{
	const struct sada_view_by *by = &rev->meld.by;
	struct sada_state *st = &rev->st;
	struct sada_view *first = NULL, *v = NULL;
	const struct sada_name *copy;
	struct sada_name n;
	size_t ncopy, at = 0;
	int rc;

	if ((rc = sada_view_open(&first, &st->ns, &st->root, by, err)) < 0 ||
	    (rc = exhaust(first, err)) < 0 ||
	    (rc = sada_view_copies(first, &copy, &ncopy, err)) < 0 ||
	    (rc = sada_view_open(&v, &st->ns, &st->root, by, err)) < 0)
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
sada_name_at(struct sada_view **hold, struct sada_rev *rev,
    const char *path, size_t len, struct sada_name *n, struct sada_err *err)
{
	const struct sada_view_by *by = &rev->meld.by;
	const struct sada_name *copy;
	struct sada_state *st = &rev->st;
	struct sada_view *v = NULL;
	size_t ncopy, i;
	int rc;

	*hold = NULL;
	rc = sada_view_one(hold, &st->ns, &st->root, by, path, len, n, err);
	/* Only names with a '~' can be copies. */
	if (rc != 0 || memchr(path, '~', len) == NULL)
		return rc;
	if ((rc = sada_view_open(&v, &st->ns, &st->root, by, err)) < 0 ||
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

const struct sada_version *
sada_bringer(const struct sada_name *n, const struct sada_version *lead)
{
	size_t i;

	for (i = 0; i < n->ncover; i++)
		if (n->cover[i].kind == n->kind && n->cover[i].size ==
		    n->size && sada_id_cmp(&n->cover[i].content,
		    &n->content) == 0)
			return &n->cover[i];
	return lead;
}

/* What is looked for: a version, by its op, its dot and where it lived. */
struct brought {
	const struct sada_replica *r;
	const struct sada_dot *dot;
	const char *path;
	size_t len;
	const struct sada_id *content;	/* or NULL */
	uint32_t op;
	unsigned char *after;		/* of each op: has it seen that one? */
	int lost;			/* it is not known where it lived */
};

/* Mark the ops that have B's in their past. */
static void
mark_after(struct brought *b)
{
	const struct sada_log *log = b->r->log;
	uint32_t i, k, n = sada_log_count(log);

	b->after = sada_calloc((size_t)n + 1, 1);
	b->after[b->op] = 1;
	for (i = b->op + 1; i < n; i++) {
		const struct sada_op_info *o = sada_log_op(log, i);

		for (k = 0; k < o->nparents && !b->after[i]; k++)
			b->after[i] = b->after[o->parents[k]];
	}
}

/* Does the map of op I show B?  1, 0, -1 when that is not known. */
static int
shows(const struct brought *b, uint32_t i)
{
	struct sada_nodes ns = { .store = b->r->store };
	struct sada_node node = { 0 };
	struct sada_entry e;
	struct sada_err drop;
	size_t k;
	int rc, has = 0;

	if (b->lost)
		return -1;
	rc = sada_map_get(&ns, &sada_log_op(b->r->log, i)->root, b->path,
	    b->len, &node, &e, &drop);
	for (k = 0; rc > 0 && k < e.nv && !has; k++)
		has = sada_dot_cmp(&e.v[k].dot, b->dot) == 0;
	sada_node_release(&node);
	return rc < 0 ? -1 : has;
}

/*
 * Did peer P stand in a state that shows B?  A content that was replaced
 * before its op was sent goes nowhere.  Later states are not asked: what is
 * gone does not come back.
 */
static int
stood_in(const struct brought *b, const struct sada_peer *p,
    const struct sada_ack *ack)
{
	const struct sada_log *log = b->r->log;
	uint32_t i, n = sada_log_count(log);
	int seen = 0, all = 1;
	size_t k;

	for (k = 0; k < ack->nhave; k++)
		if (sada_log_find(log, &ack->have[k].op, &i) && b->after[i]) {
			seen = 1;
			all &= shows(b, i) != 0;
		}
	if (seen && all)
		return 1;
	for (i = b->op; i < n; i++)
		if (b->after[i] && sada_id_cmp(&sada_log_op(log,
		    i)->dot.author, &p->pub.id) == 0)
			return shows(b, i) != 0;
	return 0;
}

/* May peer P hold B, by its acknowledgement? */
static int
may_hold(const struct brought *b, const struct sada_peer *p)
{
	struct sada_ack ack = { .nhave = 0 };
	size_t k;
	int yes;

	if (sada_ack_load(&ack, b->r->sdir, &p->pub, NULL) <= 0)
		return 0;
	yes = stood_in(b, p, &ack);
	for (k = 0; yes && b->content != NULL && k < ack.nwant; k++)
		yes = sada_id_cmp(&ack.want[k].id, b->content) != 0;
	sada_ack_release(&ack);
	return yes;
}

/* Does the author of B, peer P, miss it as well? */
static int
wants(const struct brought *b, const struct sada_peer *p)
{
	struct sada_ack ack = { .nhave = 0 };
	size_t k;
	int yes = 0;

	if (b->content == NULL ||
	    sada_ack_load(&ack, b->r->sdir, &p->pub, NULL) <= 0)
		return 0;
	for (k = 0; k < ack.nwant && !yes; k++)
		yes = sada_id_cmp(&ack.want[k].id, b->content) == 0;
	sada_ack_release(&ack);
	return yes;
}

void
sada_holders(struct sada_buf *out, const struct sada_replica *r,
    const struct sada_dot *d, const char *path, size_t len,
    const struct sada_id *content)
{
	const struct sada_id *self = &sada_key_pub(r->key)->id;
	struct brought b = { .r = r, .dot = d, .path = path, .len = len,
	    .content = content };
	struct sada_buf more = {0};
	char author[65];
	size_t i, n = 0;

	sada_author_name(r, &d->author, author);
	sada_buf_addf(out, "it was written by %s", sada_id_cmp(&d->author,
	    self) == 0 ? "this replica" : author);
	if (sada_context_ops(r->log, NULL, d, &b.op, 1) == 0)
		return;
	mark_after(&b);
	b.lost = shows(&b, b.op) != 1;
	for (i = 0; i < r->peers.n; i++) {
		const struct sada_peer *p = &r->peers.p[i];

		if (sada_id_cmp(&p->pub.id, &d->author) == 0) {
			if (!p->retired && !wants(&b, p))
				sada_buf_adds(out, ", who should have it");
			continue;
		}
		if (may_hold(&b, p) && n++ < HOLDERS_MAX)
			sada_buf_addf(&more, "%s%s", n > 1 ? ", " : "",
			    p->name);
	}
	if (n > HOLDERS_MAX)
		sada_buf_addf(&more, " and %zu more", n - HOLDERS_MAX);
	if (n > 0)
		sada_buf_addf(out, "; %s may have it", sada_buf_str(&more));
	sada_buf_release(&more);
	free(b.after);
}

int
sada_lacks(const struct sada_replica *r, struct sada_state *st,
    const struct sada_name *name, struct sada_err *err)
{
	const struct sada_version *v;
	struct sada_buf b = {0}, who = {0};

	v = sada_lead(name->cover, name->ncover, sada_state_lamport, st);
	v = sada_bringer(name, v);
	sada_holders(&who, r, &v->dot, v->at != NULL ? v->at : name->slot,
	    v->at != NULL ? v->at_len : name->slot_len, &name->content);
	sada_quote(&b, name->path, name->len);
	(void)sada_err_set(err, SADA_NOTFOUND, "the content of %s is not "
	    "here; %s", sada_buf_str(&b), sada_buf_str(&who));
	sada_buf_release(&b);
	sada_buf_release(&who);
	return SADA_NOTFOUND;
}
