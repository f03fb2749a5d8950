/*
 * Refusing a mass deletion: an op on top of all that came, which brings
 * back, as versions of this replica's own, what the deletion took.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/guard_priv.h"

/* The slot of ROW's path in ST: 1 and *E in *NODE, 0, <0. */
static int
slot_now(struct sada_state *st, const struct sada_row *row,
    struct sada_node *node, struct sada_entry *e, struct sada_err *err)
{
	memset(node, 0, sizeof(*node));
	memset(e, 0, sizeof(*e));
	return sada_map_get(&st->ns, &st->root, row->slot, row->slot_len,
	    node, e, err);
}

static int
is_mass(const struct sada_mass *m, const struct sada_log *log,
    const struct sada_dot *dot)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (sada_dot_cmp(&sada_log_op(log, m->op[i])->dot, dot) == 0)
			return 1;
	return 0;
}

/*
 * What must go so that ROW's name is again what it is here: 1 and in GONE
 * the *N versions that M's ops put there, none when it is to come back; 0
 * when M did nothing to it.
 */
static int
undo(const struct sada_draft *d, const struct sada_mass *m,
    const struct sada_row *row, const struct sada_entry *e,
    struct sada_version *gone, size_t *n)
{
	struct sada_id id;
	size_t i;

	*n = 0;
	sada_hash(&id, SADA_CTX_NAME, row->slot, row->slot_len);
	if (e->nv == 0)
		return m->all || sada_idset_get(&m->gone, &id, NULL);
	if (row->kind == SADA_DIR || !sada_idset_get(&m->set, &id, NULL))
		return 0;
	for (i = 0; i < e->nv; i++) {
		if (e->v[i].kind == SADA_DIR ||
		    sada_id_cmp(&e->v[i].content, &row->content) == 0)
			return 0;
		if (is_mass(m, d->r->log, &e->v[i].dot))
			gone[(*n)++] = e->v[i];
	}
	return *n > 0;
}

/* The name of ROW gets V, as it stands here, in place of GONE. */
static int
put_back(struct sada_draft *d, const struct sada_row *row,
    const struct sada_version *gone, size_t n, struct sada_version *v,
    struct sada_err *err)
{
	struct sada_shown from;

	*v = row->cover[0];
	v->kind = row->kind;
	v->mode = row->mode;
	v->size = row->size;
	v->content = row->content;
	v->mtime_s = row->mtime_s;
	v->mtime_ns = row->mtime_ns;
	memset(&v->anc, 0, sizeof(v->anc));
	sada_shown_of(&from, row);
	return sada_draft_slot(d, row->path, row->len,
	    n > 0 ? gone : row->cover, n > 0 ? n : row->ncover, v, &from, err);
}

/* Put back what W shows and M took; all rows go into the next W. */
static int
bring_back(struct sada_draft *d, struct sada_state *st,
    const struct sada_mass *m, struct sada_work_writer *w,
    struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_version v, *gone = NULL;
	struct sada_node node;
	struct sada_entry e;
	struct sada_row row;
	size_t n, cap = 0;
	int rc, here;

	if ((rc = sada_work_cursor_open(&c, d->r->work, err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, err)) == 1) {
		if ((row.flags & (SADA_ROW_COPY | SADA_ROW_IMPLIED)) == 0 &&
		    row.ncover > 0) {
			here = slot_now(st, &row, &node, &e, err);
			if (here < 0)
				rc = here;
			gone = sada_grow(gone, &cap, e.nv + 1,
			    sizeof(*gone));
			if (rc > 0 && undo(d, m, &row, &e, gone, &n)) {
				rc = put_back(d, &row, gone, n, &v, err);
				row.cover = &v;
				row.ncover = 1;
				row.left = 0;
			}
			sada_node_release(&node);
			if (rc < 0)
				break;
		}
		if ((rc = sada_work_writer_add(w, &row, err)) < 0)
			break;
	}
	sada_work_cursor_free(c);
	free(gone);
	return rc;
}

/* Start an op on ST, as if that were laid out. */
static int
draft_on(struct sada_draft *d, struct sada_replica *r,
    const struct sada_state *st, struct sada_err *err)
{
	uint32_t *laid = r->laid;
	size_t n = r->nlaid;
	int rc;

	r->laid = st->heads;
	r->nlaid = st->n;
	rc = sada_draft_init(d, r, err);
	r->laid = laid;
	r->nlaid = n;
	return rc;
}

int
sada_merge_refuse(struct sada_replica *r, struct sada_state *st,
    const struct sada_mass *m, const struct sada_merge_opts *opts,
    struct sada_merge_result *res, struct sada_err *err)
{
	struct sada_merge_opts again = *opts;
	struct sada_recording how = { .what = "refuse",
	    .msg = "deletes refused" };
	struct sada_work_writer *w = NULL, *done;
	struct sada_draft d;
	int rc;

	if (opts->flags & SADA_DRY || r->work == NULL)
		return 0;
	if ((rc = draft_on(&d, r, st, err)) < 0)
		return rc;
	if ((rc = sada_work_writer_new(&w, r->sdir, err)) < 0 ||
	    (rc = bring_back(&d, st, m, w, err)) < 0)
		goto out;
	if (sada_draft_empty(&d))
		goto out;
	done = w;
	w = NULL;
	rc = sada_draft_record(&d, done, &how, res->op, err);
out:
	sada_work_writer_free(w);
	sada_draft_release(&d);
	/* It is recorded; the next merge finishes what failed from there. */
	if (rc != 0)
		return rc < 0 ? rc : 0;
	/* Nothing is left of the deletion now: lay out the rest. */
	again.flags &= ~(unsigned)SADA_REFUSE_DELETES;
	{
		char op[SADA_VERB_HEX];

		memcpy(op, res->op, sizeof(op));
		rc = sada_merge(r, &again, res, err);
		memcpy(res->op, op, sizeof(op));
	}
	return rc;
}
