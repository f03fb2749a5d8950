/*
 * Refusing a mass deletion: an op that brings back, as versions of this
 * replica's own, every laid-out path that the join would take away.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/snap_priv.h"

/* Is there a living slot at ROW's path in ST? */
static int
still_there(struct sada_state *st, const struct sada_row *row,
    struct sada_err *err)
{
	struct sada_node node;
	struct sada_entry e;
	int rc;

	memset(&node, 0, sizeof(node));
	rc = sada_map_get(&st->ns, &st->root, row->slot, row->slot_len, &node,
	    &e, err);
	sada_node_release(&node);
	return rc;
}

/* Put back what W shows and ST lacks. */
static int
bring_back(struct sada_draft *d, struct sada_state *st,
    struct sada_work_writer *w, struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_version v;
	struct sada_row row;
	int rc;

	if ((rc = sada_work_cursor_open(&c, d->r->work, err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, err)) == 1) {
		if ((row.flags & (SADA_ROW_COPY | SADA_ROW_IMPLIED)) == 0 &&
		    row.ncover > 0) {
			if ((rc = still_there(st, &row, err)) < 0)
				break;
			if (rc == 0) {
				v = row.cover[0];
				v.kind = row.kind;
				v.mode = row.mode;
				v.size = row.size;
				v.content = row.content;
				v.mtime_s = row.mtime_s;
				v.mtime_ns = row.mtime_ns;
				memset(&v.anc, 0, sizeof(v.anc));
				if ((rc = sada_draft_slot(d, row.path,
				    row.len, row.cover, row.ncover, &v,
				    err)) < 0)
					break;
				row.cover = &v;
				row.ncover = 1;
			}
		}
		if ((rc = sada_work_writer_add(w, &row, err)) < 0)
			break;
	}
	sada_work_cursor_free(c);
	return rc;
}

int
sada_merge_refuse(struct sada_replica *r, struct sada_state *st,
    uint32_t mass, const struct sada_merge_opts *opts,
    struct sada_merge_result *res, struct sada_err *err)
{
	struct sada_merge_opts again = *opts;
	struct sada_work_writer *w = NULL, *done;
	struct sada_work_info info;
	struct sada_buf payload = {0};
	struct sada_txn *txn;
	struct sada_draft d;
	struct sada_id id, root;
	int rc, late = 0;

	(void)mass;
	if (opts->flags & SADA_DRY || r->work == NULL)
		return 0;
	if ((rc = sada_draft_init(&d, r, err)) < 0)
		return rc;
	if ((rc = sada_work_writer_new(&w, r->sdir, err)) < 0 ||
	    (rc = bring_back(&d, st, w, err)) < 0)
		goto out;
	if (sada_draft_empty(&d))
		goto out;
	if ((rc = sada_draft_finish(&d, "deletes refused", 0, &payload, &id,
	    &root, err)) < 0)
		goto out;
	info = *sada_work_info(r->work);
	info.generation++;
	info.heads = &id;
	info.nheads = 1;
	info.root = root;
	done = w;
	w = NULL;
	if ((rc = sada_work_writer_finish(done, &info, err)) < 0)
		goto out;
	txn = d.txn;
	d.txn = NULL;
	if ((rc = sada_txn_commit(txn, err)) < 0 ||
	    (rc = sada_log_commit(r->log, SADA_FRAME_LOCAL, &payload, 1,
	    err)) < 0)
		goto out;
	sada_id_hex(res->op, &id);
	/* It is recorded; the next merge finishes what fails from here. */
	if (sada_work_publish(r->sdir, 0, err) < 0 ||
	    sada_states_add(r, "refuse", &id, 1, err) < 0 ||
	    sada_replica_reload(r, err) < 0) {
		sada_note(r, SADA_NOTE_WARN, NULL, 0, err->msg);
		late = 1;
	}
out:
	sada_work_writer_free(w);
	sada_draft_release(&d);
	sada_buf_release(&payload);
	if (rc < 0 || late)
		return rc;
	/* What is left of the deletion is nothing now: lay out the rest. */
	again.flags &= ~(unsigned)SADA_REFUSE_DELETES;
	again.flags |= SADA_ACCEPT_DELETES;
	again.max_deletes = 0;
	{
		char op[SADA_VERB_HEX];

		memcpy(op, res->op, sizeof(op));
		rc = sada_merge(r, &again, res, err);
		memcpy(res->op, op, sizeof(op));
	}
	return rc;
}
