/* Which living contents are lacked. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "crypto/idset.h"
#include "bundle/want.h"
#include "store/file.h"
#include "tree/carry.h"
#include "tree/merger.h"

struct want {
	struct sada_wants *w;
	struct sada_log *log;
	struct sada_source src;
	/* While it is asked what lives; ASKED: the wants, by id. */
	struct sada_idset *asked;
	unsigned char *alive;
};

/* Of content or object ID, which lives, a want is right: 1 when noted. */
static int
note_alive(struct want *w, const struct sada_id *id)
{
	uint32_t i;

	if (w->alive == NULL)
		return 0;
	if (sada_idset_get(w->asked, id, &i))
		w->alive[i] = 1;
	return 1;
}

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

/* Want content ID unless it is held. */
static int
want_content(struct want *w, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	struct sada_want want;
	int rc;

	if (note_alive(w, id) || w->w->n >= SADA_ACK_WANT_MAX - 1 ||
	    (rc = is_held(w, id, size, err)) > 0)
		return 0;
	if (rc < 0)
		return rc;
	memset(&want, 0, sizeof(want));
	want.type = size > SADA_CHUNK_MAX ? SADA_OBJ_LIST : SADA_OBJ_CHUNK;
	want.id = *id;
	want.size = size;
	sada_wants_add(w->w, &want);
	return 0;
}

/* Want what version V needs and is not held. */
static int
want_version(struct want *w, const struct sada_version *v,
    struct sada_err *err)
{
	struct sada_want want;

	if (v->kind == SADA_DIR)
		return 0;
	if (note_alive(w, &v->anc))
		return want_content(w, &v->content, v->size, err);
	if (w->w->n >= SADA_ACK_WANT_MAX - 1)
		return 0;
	memset(&want, 0, sizeof(want));
	if (!sada_id_zero(&v->anc) &&
	    !(w->src.txn != NULL ?
	    sada_txn_has(w->src.txn, SADA_OBJ_ANC, &v->anc) :
	    sada_store_has(w->src.store, SADA_OBJ_ANC, &v->anc))) {
		want.type = SADA_OBJ_ANC;
		want.id = v->anc;
		sada_wants_add(w->w, &want);
	}
	return want_content(w, &v->content, v->size, err);
}

struct bases {
	struct want *w;
	struct sada_err *err;
	int rc;
};

static void
want_base(const struct sada_ancestor *a, void *ctx)
{
	struct bases *b = ctx;

	if (b->rc == 0)
		b->rc = want_content(b->w, &a->content, a->size, b->err);
}

int
sada_want_bases(struct sada_state *st, struct sada_log *log,
    void (*each)(const struct sada_ancestor *a, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_merger_opts o = { .st = st, .base = each, .ctx = ctx };
	struct sada_view_by by = { .lamport = sada_state_lamport,
	    .ctx = st };
	struct sada_carry *carry = NULL;
	int rc;

	if ((rc = sada_carry_new(&carry, log, st->past, &st->ns,
	    &st->root, err)) < 0 ||
	    (rc = sada_merger_new(&by.merger, &o, err)) < 0)
		goto out;
	by.carry = carry;
	rc = sada_view_prepare(&st->ns, &st->root, &by, err);
out:
	sada_merger_free(by.merger);
	sada_carry_free(carry);
	return rc;
}

/* Want what would merge the versions of one path. */
static int
want_bases(struct want *w, struct sada_state *st, struct sada_err *err)
{
	struct bases b = { w, err, 0 };
	int rc = sada_want_bases(st, w->log, want_base, &b, err);

	return rc < 0 ? rc : b.rc;
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
want_op(struct want *w, struct sada_state *st, struct sada_log *log,
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

/* A content that is read, piece by piece. */
struct reading {
	struct sada_source src;
	struct sada_buf b;
};

static int
each_piece(unsigned type, const struct sada_id *id, uint64_t len, void *ctx)
{
	struct reading *r = ctx;
	struct sada_err e;
	int rc;

	(void)len;
	sada_buf_reset(&r->b);
	rc = r->src.txn != NULL ?
	    sada_txn_get(r->src.txn, type, id, &r->b, &e) :
	    sada_store_get(r->src.store, type, id, &r->b, &e);
	return rc < 0;
}

int
sada_want_readable(const struct sada_source *src, const struct sada_want *x,
    struct sada_err *err)
{
	struct reading r = { .src = *src };
	int rc;

	if (x->type == SADA_OBJ_ANC) {
		rc = each_piece(x->type, &x->id, 0, &r);
		goto out;
	}
	rc = sada_file_held(src, &x->id, x->size, err);
	if (rc > 0)
		rc = sada_file_objects(src, &x->id, x->size, each_piece, &r,
		    err);
	else if (rc == 0)
		rc = 1;
out:
	sada_buf_release(&r.b);
	/* Of one that its author malformed nothing can be had. */
	return rc == SADA_SYS ? rc : rc == 0;
}

/* Drop the wants that are held by now. */
static int
drop_held(struct want *w, struct sada_err *err)
{
	size_t i, k = 0;
	int rc;

	for (i = 0; i < w->w->n; i++) {
		const struct sada_want *x = &w->w->w[i];

		if ((rc = sada_want_readable(&w->src, x, err)) < 0)
			return rc;
		if (rc == 0)
			w->w->w[k++] = *x;
	}
	w->w->n = k;
	return 0;
}

/*
 * Drop the wants of what lives no more, for nobody may have it: else they
 * would be asked for, for ever.
 */
static int
drop_dead(struct want *w, struct sada_state *st, struct sada_err *err)
{
	struct sada_idset asked = {0};
	size_t i, k = 0;
	int rc;

	if (w->w->n == 0)
		return 0;
	for (i = 0; i < w->w->n; i++)
		(void)sada_idset_add(&asked, &w->w->w[i].id, (uint32_t)i);
	w->asked = &asked;
	w->alive = sada_calloc(w->w->n, 1);
	rc = want_map(w, st, err);
	if (rc == 0)
		rc = want_bases(w, st, err);
	for (i = 0; rc == 0 && i < w->w->n; i++)
		if (w->alive[i])
			w->w->w[k++] = w->w->w[i];
	if (rc == 0)
		w->w->n = k;
	free(w->alive);
	w->alive = NULL;
	w->asked = NULL;
	sada_idset_release(&asked);
	return rc;
}

/*
 * The state of all heads, with the transaction's nodes.  A head whose map
 * is not held (parked ops are none) ends the look without an error.
 */
static int
open_state(struct sada_state *st, struct sada_log *log,
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
    struct sada_txn *txn, struct sada_log *log, struct sada_err *err)
{
	struct want want = { .w = w, .log = log, .src = { store, txn } };
	struct sada_state st;
	int rc;

	if ((rc = open_state(&st, log, store, txn, err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	if ((rc = want_map(&want, &st, err)) == 0)
		rc = want_bases(&want, &st, err);
	sada_state_release(&st);
	return rc;
}

int
sada_want_update(struct sada_wants *w, int sdir, struct sada_store *store,
    struct sada_txn *txn, struct sada_log *log, uint32_t first,
    struct sada_err *err)
{
	struct want want = { .w = w, .log = log, .src = { store, txn } };
	struct sada_state st;
	uint32_t i;
	int all, full, rc;

	memset(&st, 0, sizeof(st));
	if ((rc = sada_wants_load(w, sdir, err)) < 0)
		return rc;
	/* What a forged dot brings back to life is in no op that came. */
	all = rc == 0 || (first < sada_log_count(log) && sada_log_forged(log));
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
	if ((rc = drop_held(&want, err)) == 0)
		rc = want_bases(&want, &st, err);
	/* There was no room for more; now there may be. */
	if (rc == 0 && first < sada_log_count(log))
		rc = drop_dead(&want, &st, err);
	if (rc == 0 && full && !all && w->n < SADA_ACK_WANT_MAX - 1)
		rc = want_map(&want, &st, err);
out:
	sada_state_release(&st);
	return rc;
}
