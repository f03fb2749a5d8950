/* Merge: the join of all heads is laid out in the directory. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/guard_priv.h"

struct merge {
	struct sada_replica *r;
	const struct sada_merge_opts *o;
	struct sada_merge_result *res;
};

int
sada_count_conflicts(struct sada_replica *r, uint64_t *n,
    struct sada_err *err)
{
	struct sada_idset slots = {0}, many = {0};
	struct sada_work_cursor *c = NULL;
	struct sada_row row;
	struct sada_id id;
	int rc, pass;

	*n = 0;
	if (r->work == NULL || sada_work_info(r->work)->copies == 0)
		return 0;
	/* Once for the slots of the copies, then for their main names. */
	for (pass = 0, rc = 0; pass < 2 && rc == 0; pass++) {
		if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
			break;
		while ((rc = sada_work_cursor_next(c, &row, err)) == 1) {
			if (pass == (row.flags & SADA_ROW_COPY))
				continue;
			sada_hash(&id, SADA_CTX_NAME, row.slot,
			    row.slot_len);
			if (pass == 0 ? !sada_idset_add(&slots, &id, 0) :
			    sada_idset_get(&slots, &id, NULL))
				*n += (uint64_t)sada_idset_add(&many, &id, 0);
		}
		sada_work_cursor_free(c);
		c = NULL;
	}
	sada_idset_release(&slots);
	sada_idset_release(&many);
	return rc;
}

static void
on_report(const char *path, size_t len, unsigned did, const char *why,
    void *ctx)
{
	static const char letters[] = { 0, 'A', 'M', 'D', 'P', '!', '?', '!' };
	struct merge *m = ctx;
	struct sada_change c = { .what = '!', .path = len > 0 ? path : ".",
	    .len = len > 0 ? len : 1, .why = why };

	sada_apply_note(path, len, did, why, m->r);
	if (m->o->each == NULL ||
	    (m->o->flags & (SADA_DRY | SADA_TELL)) == 0)
		return;
	if (did < sizeof(letters))
		c.what = letters[did];
	(void)m->o->each(&c, m->o->ctx);
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
	struct sada_melding meld;
	struct sada_id *heads;
	int again = sada_laid_is(r, st), rc;

	memset(&o, 0, sizeof(o));
	memset(&done, 0, sizeof(done));
	heads = sada_state_heads(st);
	if ((rc = sada_melding_open(&meld, r, st, err)) < 0)
		goto out;
	sada_rules_note(meld.rules, r);
	if (((m->o->flags & SADA_DRY) == 0 &&
	    (rc = sada_melding_store(&meld, st, err)) < 0) ||
	    (rc = sada_view_open(&o.view, &st->ns, &st->root, &meld.by,
	    err)) < 0)
		goto out;
	o.old = r->work;
	o.heads = heads;
	o.nheads = st->n;
	o.map = st->root;
	o.flags = m->o->flags & SADA_DRY ? SADA_APPLY_DRY : 0;
	o.report = on_report;
	o.ctx = m;
	rc = sada_melding_apply(&done, &meld, &o, err);
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
out:
	sada_view_free(o.view);
	sada_melding_release(&meld);
	free(heads);
	return rc;
}

int
sada_merge_laid(struct sada_replica *r, struct sada_err *err)
{
	struct sada_merge_opts opts = { .flags = 0 };
	struct sada_merge_result res = { .conflicts = 0 };
	struct merge m = { r, &opts, &res };
	const struct sada_work_info none = { .nolder = 0 };
	const struct sada_work_info *in = r->work != NULL ?
	    sada_work_info(r->work) : &none;
	struct sada_state st;
	uint32_t *ops;
	size_t n = r->nlaid, most = n, i, k;
	int rc;

	/* What was recorded of names that were left is to show, too. */
	for (i = 0; i < in->nolder; i++)
		most += in->older[i].n;
	ops = sada_calloc(most + 1, sizeof(*ops));
	if (n > 0)
		memcpy(ops, r->laid, n * sizeof(*ops));
	for (i = 0; i < in->nolder; i++)
		for (k = 0; k < in->older[i].n; k++)
			n += (size_t)sada_log_find(r->log,
			    &in->older[i].heads[k], &ops[n]);
	if ((rc = sada_state_init(&st, r->log, r->store, NULL, ops, n, NULL,
	    err)) == 0)
		rc = lay_out(&m, &st, err);
	sada_state_release(&st);
	free(ops);
	return rc;
}

/*
 * Is what is laid out already the state ST, with nothing left over?  Where
 * there are copies a snap alone can move a name: of a conflict whose main
 * name was deleted the next version takes it.
 */
static int
is_laid(struct sada_replica *r, const struct sada_state *st)
{
	if (r->work == NULL || !sada_laid_is(r, st) ||
	    sada_work_info(r->work)->left > 0 || !sada_melding_stands(r) ||
	    sada_work_info(r->work)->copies > 0)
		return 0;
	return 1;
}

int
sada_merge(struct sada_replica *r, const struct sada_merge_opts *opts,
    struct sada_merge_result *res, struct sada_err *err)
{
	struct merge m = { r, opts, res };
	struct sada_txn *txn = NULL, *t;
	struct sada_mass mass = {0};
	struct sada_state st;
	uint32_t *heads = NULL;
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
	if ((rc = sada_mass_find(&mass, r, &st, opts, err)) < 0)
		goto out;
	if (mass.n > 0) {
		rc = opts->flags & SADA_REFUSE_DELETES ?
		    sada_merge_refuse(r, &st, &mass, opts, res, err) :
		    sada_mass_stop(&mass, r, err);
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
	rc = sada_lost_say(rc, err);
	sada_state_release(&st);
	sada_txn_abort(txn);
	sada_mass_release(&mass);
	free(heads);
	return rc;
}
