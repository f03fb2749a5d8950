/*
 * The guard of a merge: it stops before an op of another is laid out that
 * takes away most of the directory and that nobody accepted.
 *
 * The author's own count (n_lost) is a claim.  It is held against what is
 * seen here: the paths that the op emptied, that are laid out and that the
 * state to come lacks; of an op whose changes are not held, all that are
 * laid out and that the state lacks.  So an op that lies about its count is
 * found, and one whose deletion was undone since, by --refuse-deletes on
 * another replica say, stops nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/guard_priv.h"

/* What one op, or all, does to what is laid out. */
struct effect {
	uint64_t gone, dirs;		/* paths that go; directories of them */
	uint64_t set;			/* other contents it puts at paths */
};

/* What is looked at: L is laid out, ST is to be. */
struct guard {
	struct sada_replica *r;
	struct sada_state *st;
	struct sada_state laid;
	int has_laid;			/* its map could be had */
	int looked, counted;		/* BROUGHT, NEW_DIRS; ALL are filled */
	uint64_t paths;			/* laid out, but the root */
	struct sada_idset brought;	/* contents that come */
	uint64_t new_dirs;
	struct effect all;		/* of all that is new in ST */
};

static uint64_t
without_root(uint64_t n)
{
	return n > 0 ? n - 1 : 0;
}

/* Fill BROUGHT: what is new in ST against what is laid out. */
static int
look(struct guard *g, struct sada_err *err)
{
	struct sada_diff *d = NULL;
	struct sada_entry a, b;
	size_t i;
	int rc;

	g->looked = 1;
	if ((rc = sada_diff_open(&d, &g->st->ns, &g->laid.root, &g->st->root,
	    err)) < 0)
		return rc;
	while ((rc = sada_diff_next(d, &a, &b, err)) > 0)
		for (i = 0; i < b.nv; i++)
			if (b.v[i].kind != SADA_DIR)
				sada_idset_add(&g->brought, &b.v[i].content,
				    0);
			else
				g->new_dirs += a.nv == 0 && i == 0;
	sada_diff_free(d);
	return rc;
}

/* The slot of path E in cursor C's map: 1 and *OUT, 0, <0. */
static int
slot_at(struct sada_cursor *c, const struct sada_entry *e,
    struct sada_entry *out, struct sada_err *err)
{
	int rc;

	if ((rc = sada_cursor_seek(c, e->path, e->len, err)) < 0 ||
	    (rc = sada_cursor_next(c, out, err)) <= 0)
		return rc;
	return sada_path_cmp(e->path, e->len, out->path, out->len) == 0;
}

/* A laid-out path with slot WAS goes. */
static void
count_gone(const struct guard *g, const struct sada_entry *was,
    struct effect *f)
{
	size_t i;

	for (i = 0; i < was->nv; i++)
		if (was->v[i].kind == SADA_DIR) {
			f->dirs++;
			return;
		} else if (sada_idset_get(&g->brought, &was->v[i].content,
		    NULL))
			return;
	f->gone++;
}

/* The slot of a path was WAS and is NOW; DOT's op (NULL: any) did it. */
static void
count_set(const struct sada_dot *dot, const struct sada_entry *was,
    const struct sada_entry *now, struct effect *f)
{
	size_t i, k;

	for (i = 0; i < now->nv; i++) {
		if (now->v[i].kind == SADA_DIR || (dot != NULL &&
		    sada_dot_cmp(&now->v[i].dot, dot) != 0))
			continue;
		for (k = 0; k < was->nv; k++)
			if (sada_id_cmp(&was->v[k].content,
			    &now->v[i].content) == 0)
				return;
		f->set++;
		return;
	}
}

/* All that would go or change, whoever did it. */
static int
count_all(struct guard *g, struct sada_err *err)
{
	struct sada_diff *d = NULL;
	struct sada_entry a, b;
	int rc;

	if (g->counted)
		return 0;
	g->counted = 1;
	if ((rc = sada_diff_open(&d, &g->st->ns, &g->laid.root, &g->st->root,
	    err)) < 0)
		return rc;
	while ((rc = sada_diff_next(d, &a, &b, err)) > 0)
		if (b.nv == 0)
			count_gone(g, &a, &g->all);
		else if (a.nv > 0)
			count_set(NULL, &a, &b, &g->all);
	sada_diff_free(d);
	return rc;
}

/* The changes of an op as a stream: its own, or what its map shows. */
struct stream {
	struct sada_changes ch;
	struct sada_cursor *c;
	struct sada_state parents;
	struct sada_diff *d;
};

/* The join of the parents of X's op against its map.  NOTFOUND. */
static int
open_diff(struct stream *x, struct guard *g, uint32_t i,
    struct sada_err *err)
{
	uint32_t *ops = sada_calloc(x->ch.op.nparents + 1, sizeof(*ops));
	size_t k, n = 0;
	int rc;

	for (k = 0; k < x->ch.op.nparents; k++)
		n += (size_t)sada_log_find(g->r->log, &x->ch.op.parents[k],
		    &ops[n]);
	rc = sada_state_init(&x->parents, g->r->log, g->r->store, NULL, ops,
	    n, NULL, err);
	if (rc == 0)
		rc = sada_diff_open(&x->d, &x->parents.ns, &x->parents.root,
		    &sada_log_op(g->r->log, i)->root, err);
	free(ops);
	return rc;
}

static int
stream_open(struct stream *x, struct guard *g, uint32_t i,
    struct sada_err *err)
{
	int rc;

	memset(x, 0, sizeof(*x));
	rc = sada_changes_open(&x->ch, g->r->log, g->r->store, g->st->ns.txn,
	    i, err);
	if (rc == SADA_NOTFOUND)
		return open_diff(x, g, i, err);
	return rc < 0 ? rc : sada_cursor_open(&x->c, &x->ch.ns, &x->ch.root,
	    err);
}

static int
stream_next(struct stream *x, struct sada_entry *e, struct sada_err *err)
{
	struct sada_entry was;

	return x->d != NULL ? sada_diff_next(x->d, &was, e, err) :
	    sada_cursor_next(x->c, e, err);
}

static void
stream_release(struct stream *x)
{
	sada_cursor_free(x->c);
	sada_diff_free(x->d);
	sada_state_release(&x->parents);
	sada_changes_release(&x->ch);
}

/*
 * Walk the changes of op I: what they do goes into F, or, with M, their
 * paths into that.  NOTFOUND when neither they nor the maps that show them
 * are held.
 */
static int
walk_op(struct guard *g, uint32_t i, struct effect *f, struct sada_mass *m,
    struct sada_err *err)
{
	const struct sada_dot *dot = &sada_log_op(g->r->log, i)->dot;
	struct sada_cursor *a = NULL, *b = NULL;
	struct sada_entry e, was, now;
	struct sada_id id;
	struct stream x;
	int rc, is, was_there;

	if ((rc = stream_open(&x, g, i, err)) < 0 ||
	    (rc = sada_cursor_open(&a, &g->laid.ns, &g->laid.root, err)) < 0 ||
	    (rc = sada_cursor_open(&b, &g->st->ns, &g->st->root, err)) < 0)
		goto out;
	while ((rc = stream_next(&x, &e, err)) > 0) {
		if (m != NULL) {
			sada_hash(&id, SADA_CTX_NAME, e.path, e.len);
			sada_idset_add(e.nv == 0 ? &m->gone : &m->set, &id,
			    0);
			continue;
		}
		if ((rc = was_there = slot_at(a, &e, &was, err)) < 0 ||
		    (rc = is = slot_at(b, &e, &now, err)) < 0)
			goto out;
		if (was_there && is && e.nv > 0)
			count_set(dot, &was, &now, f);
		else if (was_there && !is && e.nv == 0)
			count_gone(g, &was, f);
	}
out:
	sada_cursor_free(a);
	sada_cursor_free(b);
	stream_release(&x);
	return rc;
}

/* Did OP come with its whole map, so that no replay checked its counts? */
static int
unchecked(const struct guard *g, const struct sada_op_info *op)
{
	return (op->flags & SADA_OP_INLINE) == 0 &&
	    !sada_id_zero(&op->changes) &&
	    !sada_store_has(g->r->store, SADA_OBJ_NODE, &op->changes) &&
	    sada_store_has(g->r->store, SADA_OBJ_NODE, &op->root);
}

/* How many paths op I would take away: 0 when that is no mass deletion. */
static int
weigh(struct guard *g, uint32_t i, uint64_t *lost, struct sada_err *err)
{
	const struct sada_op_info *op = sada_log_op(g->r->log, i);
	uint64_t before = without_root(op->n_before), all, claim, n;
	struct effect f = { 0, 0, 0 };
	int rc, known, claimed = sada_guard_trips(op->n_lost, before);

	*lost = claimed ? op->n_lost : 0;
	if (!g->has_laid || (op->n_lost < 2 && op->n_gone < 2 &&
	    !unchecked(g, op)))
		return 0;
	if (!g->looked && (rc = look(g, err)) < 0)
		return rc;
	rc = walk_op(g, i, &f, NULL, err);
	known = rc == 0;
	/* It came below others' whole maps: there is but the claim. */
	if (rc == SADA_NOTFOUND && (rc = count_all(g, err)) == 0)
		f = g->all;
	if (rc < 0)
		return rc;
	n = f.gone + (f.dirs > g->new_dirs ? f.dirs - g->new_dirs : 0);
	all = g->paths > before ? g->paths : before;
	*lost = known && sada_guard_trips(n, all) ? n : 0;
	if (claimed) {
		claim = n + f.set < op->n_lost ? n + f.set : op->n_lost;
		if (claim > *lost && sada_guard_trips(claim,
		    g->paths < before ? g->paths : before))
			*lost = claim;
	}
	return 0;
}

/* Remember mass op I, which takes LOST paths, and what they are. */
static int
add(struct guard *g, struct sada_mass *m, uint32_t i, uint64_t lost,
    struct sada_err *err)
{
	const struct sada_op_info *op = sada_log_op(g->r->log, i);
	int rc = 0;

	if (m->n == 0) {
		m->lost = lost;
		m->before = g->has_laid ? g->paths :
		    without_root(op->n_before);
	}
	m->op = sada_grow(m->op, &m->cap, m->n + 1, sizeof(*m->op));
	m->op[m->n++] = i;
	if (g->has_laid)
		rc = walk_op(g, i, NULL, m, err);
	if (rc == SADA_NOTFOUND || !g->has_laid) {
		m->all = 1;
		rc = 0;
	}
	return rc;
}

/* The map of what is laid out, as far as it is held. */
static int
open_laid(struct guard *g, struct sada_err *err)
{
	struct sada_map_stat ms;
	int rc;

	rc = sada_state_init(&g->laid, g->r->log, g->r->store, g->st->ns.txn,
	    g->r->laid, g->r->nlaid, NULL, err);
	if (rc == 0)
		rc = sada_map_stat(&g->laid.ns, &g->laid.root, &ms, err);
	if (rc == 0) {
		g->has_laid = 1;
		g->paths = without_root(ms.entries);
	}
	return rc == SADA_NOTFOUND ? 0 : rc;
}

int
sada_mass_find(struct sada_mass *m, struct sada_replica *r,
    struct sada_state *st, const struct sada_merge_opts *o,
    struct sada_err *err)
{
	struct guard g = { .r = r, .st = st };
	struct sada_context *laid;
	uint64_t lost;
	uint32_t i;
	int rc;

	memset(m, 0, sizeof(*m));
	sada_context_make(&laid, r->log, r->laid, r->nlaid);
	if ((rc = open_laid(&g, err)) < 0)
		goto out;
	for (i = 0; i < sada_log_count(r->log); i++) {
		const struct sada_op_info *op = sada_log_op(r->log, i);

		if (!sada_context_has(st->past, i) ||
		    sada_context_has(laid, i) || op->local ||
		    (op->flags & SADA_OP_ACCEPTED))
			continue;
		if ((rc = weigh(&g, i, &lost, err)) < 0)
			goto out;
		if (lost == 0 || ((o->flags & SADA_ACCEPT_DELETES) &&
		    (o->max_deletes == 0 || lost <= o->max_deletes)))
			continue;
		if ((rc = add(&g, m, i, lost, err)) < 0)
			goto out;
	}
out:
	sada_state_release(&g.laid);
	sada_idset_release(&g.brought);
	free(laid);
	return rc;
}

int
sada_mass_stop(const struct sada_mass *m, const struct sada_replica *r,
    struct sada_err *err)
{
	const struct sada_op_info *i = sada_log_op(r->log, m->op[0]);
	char hex[SADA_HEX_LEN + 1], who[65];

	sada_id_hex(hex, &i->id);
	sada_author_name(r, &i->dot.author, who);
	return sada_err_set(err, SADA_GUARD, "op %.12s of %s deletes or sets "
	    "back %llu of %llu paths; say --accept-deletes to lay that out, "
	    "or --refuse-deletes to bring them back everywhere", hex, who,
	    (unsigned long long)m->lost, (unsigned long long)m->before);
}

void
sada_mass_release(struct sada_mass *m)
{
	free(m->op);
	sada_idset_release(&m->gone);
	sada_idset_release(&m->set);
	memset(m, 0, sizeof(*m));
}
