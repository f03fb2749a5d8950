/* The end of an op: its record, the next W, the commit. */
#include <stdlib.h>
#include <string.h>

#include "format/op.h"
#include "verb/rename_priv.h"
#include "verb/snap_priv.h"

struct living {
	struct sada_draft *d;
	const struct sada_id *root;
};

/* Is there an entry at or below PATH in the new map? */
static int
lives(const char *path, size_t len, void *ctx, struct sada_err *err)
{
	struct living *l = ctx;
	struct sada_node node;
	struct sada_entry e;
	int rc;

	memset(&node, 0, sizeof(node));
	rc = sada_map_get(&l->d->st.ns, l->root, path, len, &node, &e, err);
	sada_node_release(&node);
	return rc != 0 ? rc : sada_map_below(&l->d->st.ns, l->root, path,
	    len, err);
}

/* The renames that were found, as OP's hints in HINTS. */
static int
put_hints(struct sada_draft *d, struct sada_buf *hints, struct sada_op *op,
    const struct sada_id *root, struct sada_err *err)
{
	struct living l = { d, root };
	int rc;

	rc = sada_moves_hints(d->moves, hints, &op->nhints, lives, &l, err);
	op->hints = hints->p;
	op->hints_len = hints->len;
	return rc;
}

int
sada_draft_finish(struct sada_draft *d, const char *msg, unsigned flags,
    struct sada_buf *rec, struct sada_id *id, struct sada_id *root,
    struct sada_err *err)
{
	struct sada_buf node = {0}, hints = {0};
	struct sada_map_stat ms;
	struct sada_build *b;
	struct sada_op op;
	int rc;

	memset(&op, 0, sizeof(op));
	if (d->moves != NULL && (rc = sada_wait_flush(d, err)) < 0)
		goto out;
	b = d->build;
	d->build = NULL;
	if ((rc = sada_build_finish(b, &op.changes, err)) < 0)
		goto out;
	/* On nothing, the changes are the map. */
	*root = op.changes;
	if (!sada_id_zero(&d->st.root) && (rc = sada_replay(&d->st.ns,
	    &d->st.root, &d->cns, &op.changes, root, NULL, err)) < 0)
		goto out;
	if ((rc = sada_map_stat(&d->st.ns, &d->st.root, &ms, err)) < 0 ||
	    (!sada_id_zero(&op.changes) && (rc = sada_txn_get(d->txn,
	    SADA_OBJ_NODE, &op.changes, &node, err)) < 0))
		goto out;
	/* A root with level byte 0 is a leaf: the whole tree. */
	if (node.len > 0 && node.len <= SADA_INLINE_MAX && node.p[0] == 0) {
		op.flags |= SADA_OP_INLINE;
		op.inl = node.p;
		op.inl_len = node.len;
		memset(&op.changes, 0, sizeof(op.changes));
	}
	if (d->moves != NULL && (rc = put_hints(d, &hints, &op, root,
	    err)) < 0)
		goto out;
	op.dot = d->dot;
	op.flags |= (uint8_t)flags;
	op.prev = d->prev;
	op.parents = sada_state_heads(&d->st);
	op.nparents = d->st.n;
	op.wall_ns = sada_io_now();
	op.root = *root;
	op.msg = msg != NULL ? msg : "";
	op.msg_len = msg != NULL ? strlen(msg) : 0;
	op.n_set = d->n_set;
	op.n_gone = d->n_gone;
	op.n_lost = d->n_lost;
	op.n_before = ms.entries;
	sada_op_encode(rec, &op, d->r->key, id);
out:
	sada_buf_release(&node);
	sada_buf_release(&hints);
	free(op.parents);
	return rc;
}

/* The next W, whose rows W has: D's op ID with map ROOT is what it shows. */
static int
finish_rows(struct sada_draft *d, struct sada_work_writer *w,
    const struct sada_recording *how, struct sada_id *id,
    const struct sada_id *root, struct sada_err *err)
{
	struct sada_replica *r = d->r;
	struct sada_older older[SADA_OLDER_MAX];
	struct sada_work_info info;
	int before = (how->flags & SADA_RECORD_BEFORE) != 0, rc;

	memset(&info, 0, sizeof(info));
	if (r->work != NULL)
		info = *sada_work_info(r->work);
	info.generation++;
	if (d->older > 0) {
		/* What is laid out stays that; these names show the op. */
		memcpy(older, info.older, info.nolder * sizeof(*older));
		older[d->older - 1].heads = id;
		older[d->older - 1].n = 1;
		info.older = older;
	} else {
		/* What came, be it own ops that came back, is not laid out. */
		info.left += before || !sada_laid_is(r, &d->st);
		info.heads = id;
		info.nheads = 1;
		info.root = *root;
	}
	if ((rc = sada_work_writer_finish(w, &info, err)) < 0 || before)
		return rc;
	return sada_draft_amend(d, &info, err);
}

int
sada_draft_record(struct sada_draft *d, struct sada_work_writer *w,
    const struct sada_recording *how, char op[SADA_VERB_HEX],
    struct sada_err *err)
{
	struct sada_replica *r = d->r;
	struct sada_buf payload = {0}, rec = {0};
	struct sada_id id, root;
	struct sada_txn *txn;
	struct sada_err e;
	int rc;

	if ((rc = sada_draft_finish(d, how->msg, how->opflags, &rec, &id,
	    &root, err)) < 0) {
		sada_work_writer_free(w);
		goto out;
	}
	sada_log_record(&payload, SADA_LOG_OP, rec.p, rec.len);
	if ((rc = finish_rows(d, w, how, &id, &root, err)) < 0)
		goto out;
	txn = d->txn;
	d->txn = NULL;
	/*
	 * A record whose commit failed may be in the log all the same: what
	 * becomes of "work.new" then the next command sees there.
	 */
	if ((rc = sada_txn_commit(txn, err)) < 0 ||
	    (rc = sada_log_commit(r->log, SADA_FRAME_LOCAL, &payload, 1,
	    err)) < 0)
		goto out;
	sada_id_hex(op, &id);
	/* It is recorded; what follows are caches, and may fail. */
	if (sada_work_publish(r->sdir, d->older > 0 ? SADA_WORK_SYNC : 0,
	    &e) < 0 || (d->older == 0 &&
	    sada_states_add(r, how->what, &id, 1, &e) < 0) ||
	    sada_replica_reload(r, &e) < 0) {
		sada_note(r, SADA_NOTE_WARN, NULL, 0, e.msg);
		rc = 1;
	}
out:
	sada_buf_release(&payload);
	sada_buf_release(&rec);
	return rc;
}
