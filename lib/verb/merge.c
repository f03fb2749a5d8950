/* Merge: the join of all heads is laid out in the directory. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/snap_priv.h"

struct merge {
	struct sada_replica *r;
	const struct sada_merge_opts *o;
	struct sada_merge_result *res;
};

int
sada_count_conflicts(struct sada_replica *r, uint64_t *n,
    struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_idset slots = {0};
	struct sada_row row;
	struct sada_id id;
	int rc;

	*n = 0;
	if (r->work == NULL || sada_work_info(r->work)->copies == 0)
		return 0;
	if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
		goto out;
	while ((rc = sada_work_cursor_next(c, &row, err)) == 1) {
		if ((row.flags & SADA_ROW_COPY) == 0)
			continue;
		sada_hash(&id, SADA_CTX_NAME, row.slot, row.slot_len);
		*n += (uint64_t)sada_idset_add(&slots, &id, 0);
	}
out:
	sada_work_cursor_free(c);
	sada_idset_release(&slots);
	return rc;
}

static void
on_report(const char *path, size_t len, unsigned did, const char *why,
    void *ctx)
{
	static const char letters[] = { 0, 'A', 'M', 'D', 'P', '!', '?', '!' };
	struct merge *m = ctx;
	struct sada_change c = { '!', len > 0 ? path : ".",
	    len > 0 ? len : 1, why };

	sada_apply_note(path, len, did, why, m->r);
	if (m->o->each == NULL ||
	    (m->o->flags & (SADA_DRY | SADA_TELL)) == 0)
		return;
	if (did < sizeof(letters))
		c.what = letters[did];
	(void)m->o->each(&c, m->o->ctx);
}

/* Ops of others that would be laid out now: is one a mass deletion? */
static int
find_mass_delete(const struct merge *m, const struct sada_state *st,
    const struct sada_context *laid, uint32_t *found)
{
	const struct sada_log *log = m->r->log;
	uint32_t i;

	for (i = 0; i < sada_log_count(log); i++) {
		const struct sada_op_info *op = sada_log_op(log, i);
		uint64_t before = op->n_before > 0 ? op->n_before - 1 : 0;

		if (!sada_context_has(st->past, i) ||
		    sada_context_has(laid, i) || op->local ||
		    (op->flags & SADA_OP_ACCEPTED) ||
		    !sada_guard_trips(op->n_lost, before))
			continue;
		if ((m->o->flags & SADA_ACCEPT_DELETES) &&
		    (m->o->max_deletes == 0 ||
		    op->n_lost <= m->o->max_deletes))
			continue;
		*found = i;
		return 1;
	}
	return 0;
}

static int
refuse(const struct merge *m, uint32_t op, struct sada_err *err)
{
	const struct sada_op_info *i = sada_log_op(m->r->log, op);
	char hex[SADA_HEX_LEN + 1], who[65];

	sada_id_hex(hex, &i->id);
	sada_author_name(m->r, &i->dot.author, who);
	return sada_err_set(err, SADA_GUARD, "op %.12s of %s deletes %llu of "
	    "%llu paths; say --accept-deletes to lay that out, or "
	    "--refuse-deletes to bring them back everywhere", hex, who,
	    (unsigned long long)i->n_lost, (unsigned long long)i->n_before);
}

/* Keep the join's nodes: W names its root, others start from it. */
static int
keep_map(struct sada_state *st, struct sada_txn *txn, struct sada_err *err)
{
	int rc;

	st->ns.txn = NULL;
	if ((rc = sada_txn_commit(txn, err)) < 0)
		return rc;
	return sada_store_refresh(st->ns.store, err);
}

static int
lay_out(struct merge *m, struct sada_state *st, struct sada_err *err)
{
	struct sada_replica *r = m->r;
	struct sada_apply_result done;
	struct sada_apply_opts o;
	struct sada_id *heads;
	int again = sada_laid_is(r, st), rc;

	memset(&o, 0, sizeof(o));
	memset(&done, 0, sizeof(done));
	if ((rc = sada_view_open(&o.view, &st->ns, &st->root,
	    sada_state_lamport, st, err)) < 0)
		return rc;
	heads = sada_state_heads(st);
	o.root = r->root;
	o.sdir = r->sdir;
	o.old = r->work;
	o.src.store = r->store;
	o.src.txn = st->ns.txn;
	o.heads = heads;
	o.nheads = st->n;
	o.map = st->root;
	o.flags = m->o->flags & SADA_DRY ? SADA_APPLY_DRY : 0;
	o.report = on_report;
	o.ctx = m;
	rc = sada_apply(&done, &o, err);
	sada_view_free(o.view);
	m->res->created = done.created;
	m->res->replaced = done.replaced;
	m->res->deleted = done.deleted;
	m->res->meta = done.meta;
	m->res->left = done.left;
	m->res->wanted = done.wanted;
	m->res->failed = done.failed;
	m->res->conflicts = done.conflicts;
	/* It is laid out; what follows are caches, and may fail. */
	if (rc == 0 && (m->o->flags & SADA_DRY) == 0 && ((!again &&
	    sada_states_add(r, "merge", heads, st->n, err) < 0) ||
	    sada_replica_reload(r, err) < 0))
		sada_note(r, SADA_NOTE_WARN, NULL, 0, err->msg);
	free(heads);
	return rc;
}

/*
 * Is what is laid out already the state ST, with nothing left over?  Where
 * there are copies a snap alone can move a name: of a conflict whose main
 * name was deleted the next version takes it.
 */
static int
is_laid(const struct sada_replica *r, const struct sada_state *st)
{
	if (r->work == NULL || !sada_laid_is(r, st) ||
	    sada_work_info(r->work)->left > 0 ||
	    sada_work_info(r->work)->copies > 0)
		return 0;
	return 1;
}

int
sada_merge(struct sada_replica *r, const struct sada_merge_opts *opts,
    struct sada_merge_result *res, struct sada_err *err)
{
	struct merge m = { r, opts, res };
	struct sada_context *laid = NULL;
	struct sada_txn *txn = NULL, *t;
	struct sada_state st;
	uint32_t *heads = NULL, mass;
	size_t n = 0;
	int rc;

	memset(res, 0, sizeof(*res));
	memset(&st, 0, sizeof(st));
	sada_context_heads(&heads, &n, r->log, NULL);
	rc = 0;
	if (n == 0)
		goto out;
	if ((rc = sada_txn_begin(&txn, r->store, err)) < 0 ||
	    (rc = sada_state_init(&st, r->log, r->store, txn, heads, n, NULL,
	    err)) < 0)
		goto out;
	if (is_laid(r, &st)) {
		rc = sada_count_conflicts(r, &res->conflicts, err);
		goto out;
	}
	sada_context_make(&laid, r->log, r->laid, r->nlaid);
	if (find_mass_delete(&m, &st, laid, &mass)) {
		if (opts->flags & SADA_REFUSE_DELETES)
			rc = sada_merge_refuse(r, &st, mass, opts, res, err);
		else
			rc = refuse(&m, mass, err);
		goto out;
	}
	if ((opts->flags & SADA_DRY) == 0) {
		t = txn;
		txn = NULL;
		if ((rc = keep_map(&st, t, err)) < 0)
			goto out;
	}
	rc = lay_out(&m, &st, err);
out:
	sada_state_release(&st);
	sada_txn_abort(txn);
	free(laid);
	free(heads);
	return rc;
}
