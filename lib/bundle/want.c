/* Which living contents are lacked. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "bundle/want.h"
#include "store/file.h"
#include "tree/state.h"

struct want {
	struct sada_wants *w;
	struct sada_source src;
};

/*
 * Is content ID held?  Damage is no reason to refuse a bundle: what cannot
 * be read is wanted, and a list that its author malformed stays so.
 */
static int
is_held(const struct want *w, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	int rc = sada_file_held(&w->src, id, size, err);

	return rc == SADA_DAMAGED ? 0 : rc;
}

/* Want what version V needs and is not held. */
static int
want_version(struct want *w, const struct sada_version *v,
    struct sada_err *err)
{
	struct sada_want want;
	int rc;

	memset(&want, 0, sizeof(want));
	if (v->kind == SADA_DIR || w->w->n >= SADA_ACK_WANT_MAX - 1)
		return 0;
	if (!sada_id_zero(&v->anc) &&
	    !(w->src.txn != NULL ?
	    sada_txn_has(w->src.txn, SADA_OBJ_ANC, &v->anc) :
	    sada_store_has(w->src.store, SADA_OBJ_ANC, &v->anc))) {
		want.type = SADA_OBJ_ANC;
		want.id = v->anc;
		sada_wants_add(w->w, &want);
	}
	rc = is_held(w, &v->content, v->size, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	want.type = v->size > SADA_CHUNK_MAX ? SADA_OBJ_LIST : SADA_OBJ_CHUNK;
	want.id = v->content;
	want.size = v->size;
	sada_wants_add(w->w, &want);
	return 0;
}

/* Look at the versions that entry E of the state ST's map shows. */
static int
want_entry(struct want *w, const struct sada_entry *e, struct sada_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < e->nv; i++)
		if ((rc = want_version(w, &e->v[i], err)) < 0)
			return rc;
	return 0;
}

static int
want_map(struct want *w, struct sada_state *st, struct sada_err *err)
{
	struct sada_cursor *c = NULL;
	struct sada_entry e;
	int rc;

	if ((rc = sada_cursor_open(&c, &st->ns, &st->root, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(c, &e, err)) == 1)
		if ((rc = want_entry(w, &e, err)) < 0)
			break;
	sada_cursor_free(c);
	return rc;
}

/*
 * Look at the living slots that op I changed.  1 when its changes are not
 * held: it came with its whole map.
 */
static int
want_op(struct want *w, struct sada_state *st, const struct sada_log *log,
    uint32_t i, struct sada_err *err)
{
	const struct sada_op_info *op = sada_log_op(log, i);
	struct sada_nodes cns = st->ns;
	struct sada_cursor *c = NULL, *m = NULL;
	struct sada_entry e, now;
	int rc;

	cns.flags = SADA_NODE_CHANGES;
	rc = sada_cursor_open(&c, &cns, &op->changes, err);
	if (rc == 0)
		rc = sada_cursor_open(&m, &st->ns, &st->root, err);
	if (rc < 0)
		goto out;
	while ((rc = sada_cursor_next(c, &e, err)) == 1) {
		if ((rc = sada_cursor_seek(m, e.path, e.len, err)) < 0 ||
		    (rc = sada_cursor_next(m, &now, err)) < 0)
			goto out;
		if (rc == 1 && sada_path_cmp(e.path, e.len, now.path,
		    now.len) == 0 && (rc = want_entry(w, &now, err)) < 0)
			goto out;
	}
out:
	sada_cursor_free(c);
	sada_cursor_free(m);
	return rc == SADA_NOTFOUND ? 1 : rc;
}

/* Drop the wants that are held by now. */
static int
drop_held(struct want *w, struct sada_err *err)
{
	size_t i, k = 0;
	int rc;

	for (i = 0; i < w->w->n; i++) {
		const struct sada_want *x = &w->w->w[i];

		if (x->type == SADA_OBJ_ANC)
			rc = w->src.txn != NULL ?
			    sada_txn_has(w->src.txn, x->type, &x->id) :
			    sada_store_has(w->src.store, x->type, &x->id);
		else
			rc = is_held(w, &x->id, x->size, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			w->w->w[k++] = *x;
	}
	w->w->n = k;
	return 0;
}

/*
 * The state of all heads, with the transaction's nodes.  A head whose map
 * is not held (parked ops are none) ends the look without an error.
 */
static int
open_state(struct sada_state *st, const struct sada_log *log,
    struct sada_store *store, struct sada_txn *txn, struct sada_err *err)
{
	uint32_t *heads = NULL;
	size_t n = 0;
	int rc;

	sada_context_heads(&heads, &n, log, NULL);
	rc = sada_state_init(st, log, store, txn, heads, n, NULL, err);
	free(heads);
	return rc;
}

int
sada_want_all(struct sada_wants *w, struct sada_store *store,
    struct sada_txn *txn, const struct sada_log *log, struct sada_err *err)
{
	struct want want = { w, { store, txn } };
	struct sada_state st;
	int rc;

	if ((rc = open_state(&st, log, store, txn, err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	rc = want_map(&want, &st, err);
	sada_state_release(&st);
	return rc;
}

int
sada_want_update(struct sada_wants *w, int sdir, struct sada_store *store,
    struct sada_txn *txn, const struct sada_log *log, uint32_t first,
    struct sada_err *err)
{
	struct want want = { w, { store, txn } };
	struct sada_state st;
	uint32_t i;
	int all, full, rc;

	memset(&st, 0, sizeof(st));
	if ((rc = sada_wants_load(w, sdir, err)) < 0)
		return rc;
	all = rc == 0;
	full = w->n >= SADA_ACK_WANT_MAX - 1;
	if ((rc = open_state(&st, log, store, txn, err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	for (i = first; !all && i < sada_log_count(log); i++) {
		if ((rc = want_op(&want, &st, log, i, err)) < 0)
			goto out;
		all = rc == 1;
	}
	if (all && (rc = want_map(&want, &st, err)) < 0)
		goto out;
	rc = drop_held(&want, err);
	/* There was no room for more; now there may be. */
	if (rc == 0 && full && !all && w->n < SADA_ACK_WANT_MAX - 1)
		rc = want_map(&want, &st, err);
out:
	sada_state_release(&st);
	return rc;
}
