/* An op in the making: slots, ancestors, the changes tree, the record. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "tree/ancestor.h"
#include "verb/rename_priv.h"
#include "verb/snap_priv.h"

int
sada_guard_trips(uint64_t lost, uint64_t total)
{
	return (lost > SADA_GUARD_PATHS && lost > total / SADA_GUARD_PART) ||
	    (lost > 1 && lost >= total);
}

/*
 * An op names SADA_PARENTS_MAX parents: of more heads, which only a flood
 * of others' ops can make, the own OWN come first, and what there is room
 * for.  The rest joins when they are merged and recorded on again.
 */
static int
fewer_parents(struct sada_draft *d, const uint32_t *own, size_t nown,
    struct sada_err *err)
{
	uint32_t *ops = sada_calloc(SADA_PARENTS_MAX, sizeof(*ops));
	size_t i, n = 0;
	int rc;

	if (sada_log_own_last(d->r->log, &ops[0]))
		n++;
	for (i = 0; i < nown && n < SADA_PARENTS_MAX; i++)
		ops[n++] = own[i];
	for (i = 0; i < d->st.n && n < SADA_PARENTS_MAX; i++)
		ops[n++] = d->st.heads[i];
	sada_state_release(&d->st);
	rc = sada_state_init(&d->st, d->r->log, d->r->store, d->txn, ops, n,
	    NULL, err);
	free(ops);
	return rc;
}

/*
 * An own op that came back below others' heads may have come without its
 * map, and without its changes too: it cannot be a parent then.
 */
static int
map_held(const struct sada_replica *r, uint32_t op)
{
	const struct sada_id *root = &sada_log_op(r->log, op)->root;

	return sada_id_zero(root) ||
	    sada_store_has(r->store, SADA_OBJ_NODE, root);
}

int
sada_draft_init(struct sada_draft *d, struct sada_replica *r,
    struct sada_err *err)
{
	uint32_t *ops, *own = NULL, last;
	size_t n = 0, nown = 0, i, k;
	int rc;

	memset(d, 0, sizeof(*d));
	d->r = r;
	ops = sada_calloc(r->nlaid + 1, sizeof(*ops));
	for (i = 0; i < r->nlaid; i++)
		ops[n++] = r->laid[i];
	d->dot.author = sada_key_pub(r->key)->id;
	if (sada_log_epoch_due(r->log) || !sada_log_own_last(r->log, &last)) {
		sada_log_own_heads(&own, &nown, r->log);
		ops = sada_realloc(ops, (n + nown + 1) * sizeof(*ops));
		for (i = k = 0; i < nown; i++)
			if (map_held(r, own[i]))
				own[k++] = own[i];
		nown = k;
		for (i = 0; i < nown; i++)
			ops[n++] = own[i];
		sada_io_random(&d->dot.epoch, sizeof(d->dot.epoch));
		d->dot.seq = 1;
	} else {
		d->dot.epoch = sada_log_op(r->log, last)->dot.epoch;
		d->dot.seq = sada_log_op(r->log, last)->dot.seq + 1;
		d->prev = sada_log_op(r->log, last)->id;
	}
	sada_io_random(&d->dot.tag, sizeof(d->dot.tag));
	if ((rc = sada_txn_begin(&d->txn, r->store, err)) < 0 ||
	    (rc = sada_state_init(&d->st, r->log, r->store, d->txn, ops, n,
	    NULL, err)) < 0)
		goto out;
	if (d->st.n > SADA_PARENTS_MAX &&
	    (rc = fewer_parents(d, own, nown, err)) < 0)
		goto out;
	d->lamport = 1;
	for (i = 0; i < d->st.n; i++) {
		uint64_t l = sada_log_op(r->log, d->st.heads[i])->lamport;

		if (d->lamport <= l)
			d->lamport = l + 1;
	}
	d->cns.store = r->store;
	d->cns.txn = d->txn;
	d->cns.flags = SADA_NODE_CHANGES;
	if ((rc = sada_carry_new(&d->carry, r->log, d->st.past, &d->st.ns,
	    &d->st.root, err)) < 0)
		goto out;
	sada_wait_init(d);
	sada_build_new(&d->build, &d->cns);
	rc = sada_cursor_open(&d->base, &d->st.ns, &d->st.root, err);
out:
	free(ops);
	free(own);
	if (rc < 0)
		sada_draft_release(d);
	return rc;
}

void
sada_draft_release(struct sada_draft *d)
{
	sada_build_free(d->build);
	sada_cursor_free(d->base);
	sada_state_release(&d->st);
	sada_txn_abort(d->txn);
	sada_wait_release(d);
	sada_carry_free(d->carry);
	free(d->lost);
	sada_idset_release(&d->brought);
	memset(d, 0, sizeof(*d));
}

int
sada_draft_base(struct sada_draft *d, const char *path, size_t len,
    struct sada_entry *e, struct sada_err *err)
{
	int rc;

	memset(e, 0, sizeof(*e));
	if (sada_id_zero(&d->st.root))
		return 0;
	if ((rc = sada_cursor_seek(d->base, path, len, err)) < 0 ||
	    (rc = sada_cursor_next(d->base, e, err)) < 0)
		return rc;
	if (rc == 0 || sada_path_cmp(e->path, e->len, path, len) != 0)
		memset(e, 0, sizeof(*e));
	return 0;
}

static int
has_id(const struct sada_id *ids, size_t n, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (sada_id_cmp(&ids[i], id) == 0)
			return 1;
	return 0;
}

static int
cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

struct keyed {
	struct sada_id id;
	struct sada_version v;
};

int
sada_draft_write(struct sada_draft *d, const char *path, size_t len,
    const struct sada_entry *base, const struct sada_id *gone, size_t ngone,
    const struct sada_version *nv, size_t nnv, struct sada_err *err)
{
	struct keyed *k = sada_calloc(base->nv + nnv + 1, sizeof(*k));
	struct sada_version *v = sada_calloc(base->nv + nnv + 1, sizeof(*v));
	struct sada_entry e;
	size_t i, n = 0;
	int rc = 0;

	/* A directory may come by two of its names: that is one version. */
	for (i = 0; i < nnv; i++) {
		size_t j;

		sada_version_id(&k[n].id, &nv[i]);
		for (j = 0; j < n; j++)
			if (sada_id_cmp(&k[j].id, &k[n].id) == 0)
				break;
		k[j].v = nv[i];
		n += j == n;
	}
	for (i = 0; i < base->nv; i++) {
		struct sada_id id;
		size_t j;

		sada_version_id(&id, &base->v[i]);
		if (has_id(gone, ngone, &id))
			continue;
		for (j = 0; j < n; j++)
			if (sada_id_cmp(&k[j].id, &id) == 0)
				break;
		if (j < n)
			continue;
		k[n].id = id;
		k[n++].v = base->v[i];
	}
	/* Keyed by a leading id, so that cmp_id() sorts them. */
	qsort(k, n, sizeof(*k), cmp_id);
	for (i = 0; i < n; i++)
		v[i] = k[i].v;
	if (n > 0)
		d->n_set++;
	else if (base->nv > 0)
		d->n_gone++;
	else
		goto out;
	e.path = path;
	e.len = len;
	e.v = v;
	e.nv = n;
	rc = sada_build_add(d->build, &e, err);
out:
	free(k);
	free(v);
	return rc;
}

int
sada_draft_ancestors(struct sada_draft *d, const struct sada_shown *shown,
    struct sada_id *out, struct sada_err *err)
{
	struct sada_buf enc = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = sada_anc_make(&enc, &shown->as, shown->cover, shown->ncover,
	    d->txn, sada_state_lamport, &d->st, err);
	if (rc == 0 && enc.len > 0)
		rc = sada_txn_put(d->txn, SADA_OBJ_ANC, enc.p, enc.len, out,
		    err);
	sada_buf_release(&enc);
	return rc;
}

/* Ids of COVER, new array. */
static struct sada_id *
cover_ids(const struct sada_version *cover, size_t n)
{
	struct sada_id *id = sada_calloc(n + 1, sizeof(*id));
	size_t i;

	for (i = 0; i < n; i++)
		sada_version_id(&id[i], &cover[i]);
	return id;
}

/* Is every version of slot E one of the N ids? */
static int
covers_all(const struct sada_entry *e, const struct sada_id *ids, size_t n)
{
	struct sada_id id;
	size_t i;

	for (i = 0; i < e->nv; i++) {
		sada_version_id(&id, &e->v[i]);
		if (!has_id(ids, n, &id))
			return 0;
	}
	return 1;
}

int
sada_draft_covers(const struct sada_entry *e,
    const struct sada_version *cover, size_t n)
{
	struct sada_id *ids = cover_ids(cover, n);
	int all = covers_all(e, ids, n);

	free(ids);
	return all;
}

void
sada_shown_of(struct sada_shown *s, const struct sada_row *r)
{
	memset(s, 0, sizeof(*s));
	s->as.kind = r->kind;
	s->as.mode = r->mode;
	s->as.size = r->size;
	s->as.content = r->content;
	s->cover = r->cover;
	s->ncover = r->ncover;
}

int
sada_draft_elsewhere(struct sada_draft *d, const struct sada_version *cover,
    size_t n, struct sada_err *err)
{
	struct sada_id id;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (cover[i].at == NULL)
			continue;
		assert(d->moves != NULL);
		sada_version_id(&id, &cover[i]);
		if ((rc = sada_wait_slot(d, cover[i].at, cover[i].at_len, &id,
		    1, NULL, 0, err)) < 0)
			return rc;
	}
	return 0;
}

/*
 * The name at PATH, which showed one version that lives elsewhere and
 * nothing else, is V now: that is the rename, done here as well.
 */
static int
settle_carried(struct sada_draft *d, const char *path, size_t len,
    struct sada_version *v, const struct sada_shown *from,
    struct sada_err *err)
{
	struct sada_version one = from->cover[0];
	struct sada_row row;
	uint32_t gone;
	int rc;

	memset(&row, 0, sizeof(row));
	row.path = row.slot = one.at;
	row.len = row.slot_len = one.at_len;
	row.kind = from->as.kind;
	row.mode = from->as.mode;
	row.size = from->as.size;
	row.content = from->as.content;
	one.at = NULL;
	one.at_len = 0;
	row.cover = &one;
	row.ncover = 1;
	gone = sada_moves_count(d->moves);
	if ((rc = sada_draft_gone(d, &row, err)) < 0 ||
	    (rc = sada_draft_new(d, path, len, v, err)) < 0)
		return rc;
	sada_move_pair(d->moves, gone, gone + 1, 100);
	return 0;
}

int
sada_draft_slot(struct sada_draft *d, const char *path, size_t len,
    const struct sada_version *cover, size_t ncover, struct sada_version *v,
    const struct sada_shown *from, struct sada_err *err)
{
	struct sada_id *ids = NULL;
	struct sada_entry base;
	int rc;

	if (v != NULL && from != NULL && ncover == 1 &&
	    from->cover == cover && cover[0].at != NULL &&
	    v->kind != SADA_DIR && from->as.kind != SADA_DIR) {
		if ((rc = sada_draft_base(d, cover[0].at, cover[0].at_len,
		    &base, err)) < 0)
			return rc;
		/* Is there more, that name is not gone. */
		if (sada_draft_covers(&base, cover, 1))
			return settle_carried(d, path, len, v, from, err);
	}
	ids = cover_ids(cover, ncover);
	if ((rc = sada_draft_elsewhere(d, cover, ncover, err)) < 0 ||
	    (rc = sada_draft_base(d, path, len, &base, err)) < 0)
		goto out;
	if (v != NULL) {
		v->at = NULL;
		v->at_len = 0;
		v->dot = d->dot;
		v->flags = 0;
		if (v->kind == SADA_DIR) {
			v->stamp_lamport = d->lamport;
			v->stamp_author = d->dot.author;
		} else {
			/* A copy may be carried here: it is not seen. */
			if (d->carry == NULL && covers_all(&base, ids, ncover))
				v->flags |= SADA_V_ALONE;
			memset(&v->anc, 0, sizeof(v->anc));
			if (from != NULL &&
			    ((rc = sada_draft_ancestors(d, from, &v->anc,
			    err)) < 0 ||
			    (rc = sada_draft_base(d, path, len, &base,
			    err)) < 0))
				goto out;
		}
	}
	if (d->moves == NULL)
		rc = sada_draft_write(d, path, len, &base, ids, ncover, v,
		    v != NULL, err);
	else
		rc = sada_wait_slot(d, path, len, ids, ncover, v, v != NULL,
		    err);
out:
	free(ids);
	return rc;
}

int
sada_draft_register(struct sada_draft *d, const char *path, size_t len,
    struct sada_version *cover, size_t ncover, const struct sada_version *v,
    struct sada_err *err)
{
	struct sada_entry base;
	size_t i;
	int rc;

	for (i = 0; i < ncover; i++) {
		cover[i].mode = v->mode;
		cover[i].mtime_s = v->mtime_s;
		cover[i].mtime_ns = v->mtime_ns;
		cover[i].stamp_lamport = d->lamport;
		cover[i].stamp_author = d->dot.author;
	}
	for (i = 0; d->moves != NULL && i < ncover; i++) {
		const struct sada_version *c = &cover[i];

		if ((rc = sada_wait_slot(d, c->at != NULL ? c->at : path,
		    c->at != NULL ? c->at_len : len, NULL, 0, c, 1,
		    err)) < 0)
			return rc;
	}
	if (d->moves != NULL)
		return 0;
	if ((rc = sada_draft_base(d, path, len, &base, err)) < 0)
		return rc;
	return sada_draft_write(d, path, len, &base, NULL, 0, cover, ncover,
	    err);
}

int
sada_draft_empty(const struct sada_draft *d)
{
	return d->n_set == 0 && d->n_gone == 0 && (d->moves == NULL ||
	    sada_moves_count(d->moves) == 0);
}

/* Fill the parents of OP: the ids of the state's heads, sorted. */
static void
fill_parents(const struct sada_draft *d, struct sada_op *op)
{
	op->parents = sada_state_heads(&d->st);
	op->nparents = d->st.n;
	qsort(op->parents, op->nparents, sizeof(*op->parents), cmp_id);
}

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
    struct sada_buf *payload, struct sada_id *id, struct sada_id *root,
    struct sada_err *err)
{
	struct sada_buf node = {0}, rec = {0}, hints = {0};
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
	fill_parents(d, &op);
	op.wall_ns = sada_io_now();
	op.root = *root;
	op.msg = msg != NULL ? msg : "";
	op.msg_len = msg != NULL ? strlen(msg) : 0;
	op.n_set = d->n_set;
	op.n_gone = d->n_gone;
	op.n_lost = d->n_lost;
	op.n_before = ms.entries;
	sada_op_encode(&rec, &op, d->r->key, id);
	sada_log_record(payload, SADA_LOG_OP, rec.p, rec.len);
out:
	sada_buf_release(&node);
	sada_buf_release(&rec);
	sada_buf_release(&hints);
	free(op.parents);
	return rc;
}

/* The next W, whose rows W has: D's op with map ROOT is what it shows. */
static int
finish_rows(struct sada_draft *d, struct sada_work_writer *w,
    const struct sada_recording *how, struct sada_id *id,
    const struct sada_id *root, struct sada_err *err)
{
	struct sada_replica *r = d->r;
	struct sada_work_info info;
	int before = (how->flags & SADA_RECORD_BEFORE) != 0, rc;

	memset(&info, 0, sizeof(info));
	if (r->work != NULL)
		info = *sada_work_info(r->work);
	info.generation++;
	/* What came, be it own ops that came back, is not laid out. */
	if (before || !sada_laid_is(r, &d->st))
		info.left++;
	info.heads = id;
	info.nheads = 1;
	info.root = *root;
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
	struct sada_buf payload = {0};
	struct sada_id id, root;
	struct sada_txn *txn;
	struct sada_err e;
	int rc;

	if ((rc = sada_draft_finish(d, how->msg, how->opflags, &payload, &id,
	    &root, err)) < 0) {
		sada_work_writer_free(w);
		goto out;
	}
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
	if (sada_work_publish(r->sdir, 0, &e) < 0 ||
	    sada_states_add(r, how->what, &id, 1, &e) < 0 ||
	    sada_replica_reload(r, &e) < 0) {
		sada_note(r, SADA_NOTE_WARN, NULL, 0, e.msg);
		rc = 1;
	}
out:
	sada_buf_release(&payload);
	return rc;
}
