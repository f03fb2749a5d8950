/*
 * Replay: an op is believed when its changes, applied to the join of its
 * parents' maps, give the root that its author signed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "bundle/take_priv.h"
#include "format/op.h"
#include "tree/ancestor.h"
#include "tree/state.h"

/* Versions of one slot that are tried as ancestors of what replaced them. */
#define DERIVE_TRIES 64
/* Old names of one new one that are looked at; honest ops have one or two. */
#define ORIGINS_MAX 4

/* The key that signs for author A; NULL when no member record is known. */
static const unsigned char *
author_key(const struct sada_log *log, const struct taken_list *l,
    const struct sada_id *a, struct sada_member *m)
{
	const struct taken_member *t = taken_list_find(l, a);

	if (t != NULL)
		return t->m.pub.sign;
	if (sada_log_member(log, a, m))
		return m->pub.sign;
	return NULL;
}

/* Say in NEED (128 bytes) that WHAT ID is missing. */
static void
say_need(char *need, const char *what, const struct sada_id *id)
{
	char hex[SADA_HEX_LEN + 1];

	sada_id_hex(hex, id);
	snprintf(need, 128, "%s %.16s", what, hex);
}

/*
 * Op numbers of OP's parents, new array.  LATER when one is not there.
 */
static int
find_parents(uint32_t **out, const struct sada_log *log,
    const struct sada_op *op, char *need)
{
	uint32_t *n = sada_calloc(op->nparents + 1, sizeof(*n));
	size_t i;

	*out = NULL;
	for (i = 0; i < op->nparents; i++)
		if (!sada_log_find(log, &op->parents[i], &n[i])) {
			say_need(need, "op", &op->parents[i]);
			free(n);
			return SADA_LATER;
		}
	*out = n;
	return 0;
}

/* prev must be the op before in the author's chain, in the parents' past. */
static int
check_prev(const struct sada_log *log, const struct sada_op *op,
    const uint32_t *parents, char *need, struct sada_err *err)
{
	const struct sada_op_info *p;
	uint32_t i;

	if (op->dot.seq == 1)
		return 0;
	if (!sada_log_find(log, &op->prev, &i)) {
		say_need(need, "op", &op->prev);
		return SADA_LATER;
	}
	p = sada_log_op(log, i);
	if (sada_id_cmp(&p->dot.author, &op->dot.author) != 0 ||
	    p->dot.epoch != op->dot.epoch || p->dot.seq + 1 != op->dot.seq)
		return sada_err_set(err, SADA_FORMAT,
		    "an op names as its previous one what is none");
	if (!sada_context_reaches(log, parents, op->nparents, i))
		return sada_err_set(err, SADA_FORMAT,
		    "an op does not have its previous one in its past");
	return 0;
}

/* What is looked at beside the changes of one op. */
struct derive {
	struct sada_take *t;
	const struct sada_op *op;
	uint64_t lamport;
	struct sada_hint *hint;		/* the op's */
	const struct sada_hint **by_to;
	struct sada_cursor *was, *now;	/* for the old names of renames */
	struct sada_buf path;
};

/*
 * If V's ancestors are version GONE and that one's own, make the object:
 * it needs not travel.  1 when it was so, 0 when not.
 */
static int
derive_from(struct sada_take *t, const struct sada_version *gone,
    const struct sada_version *v, struct sada_err *err)
{
	struct sada_buf enc = {0};
	struct sada_id id;
	int rc;

	if ((rc = sada_anc_make(&enc, gone, gone, 1, t->txn, NULL, NULL,
	    err)) < 0)
		goto out;
	sada_hash(&id, SADA_CTX_ANC, enc.p, enc.len);
	rc = sada_id_cmp(&id, &v->anc) == 0;
	if (rc == 1 && (rc = sada_txn_put(t->txn, SADA_OBJ_ANC, enc.p,
	    enc.len, &id, err)) == 0)
		rc = 1;
out:
	sada_buf_release(&enc);
	return rc;
}

/*
 * V, new, replaced one of the versions that went from a slot, which is WAS
 * and then NOW; more than one is gone when a conflict was settled.  OLD is
 * that slot's path when V has another.  1 when it was found.
 */
static int
derive_anc(struct sada_take *t, const struct sada_entry *was,
    const struct sada_entry *now, const struct sada_buf *old,
    const struct sada_version *v, struct sada_err *err)
{
	struct sada_version gone;
	size_t i, tries = 0;
	int rc = 0;

	/* What is not found in a few tries becomes a want. */
	for (i = 0; i < was->nv && rc == 0 && tries < DERIVE_TRIES; i++)
		if (was->v[i].kind != SADA_DIR &&
		    !sada_entry_has(now, &was->v[i])) {
			tries++;
			gone = was->v[i];
			if (old != NULL) {
				gone.at = (const char *)old->p;
				gone.at_len = old->len;
			}
			rc = derive_from(t, &gone, v, err);
		}
	return rc;
}

/* The slot at PATH of C's tree, none when it is not there. */
static int
slot_at(struct sada_cursor *c, const char *path, size_t len,
    struct sada_entry *e, struct sada_err *err)
{
	int rc;

	memset(e, 0, sizeof(*e));
	if ((rc = sada_cursor_seek(c, path, len, err)) < 0 ||
	    (rc = sada_cursor_next(c, e, err)) < 0)
		return rc;
	if (rc == 0 || sada_path_cmp(e->path, e->len, path, len) != 0) {
		memset(e, 0, sizeof(*e));
		return 0;
	}
	return 1;
}

/* V, new at PATH, may have been renamed: look at the old names. */
static int
derive_renamed(struct derive *d, const char *path, size_t len,
    const struct sada_version *v, struct sada_err *err)
{
	const struct sada_hint *from[ORIGINS_MAX];
	struct sada_entry was, now;
	size_t i, n;
	int rc;

	n = sada_hint_origins(from, ORIGINS_MAX, d->by_to, d->op->nhints,
	    path, len);
	for (i = 0; i < n; i++) {
		sada_buf_reset(&d->path);
		if (!sada_hint_unmap(&d->path, from[i], path, len))
			continue;
		/* An op that did not touch it took nothing from there. */
		if ((rc = slot_at(d->now, (char *)d->path.p, d->path.len,
		    &now, err)) < 0)
			return rc;
		if (rc == 0)
			continue;
		if ((rc = slot_at(d->was, (char *)d->path.p, d->path.len,
		    &was, err)) < 0 ||
		    (rc = derive_anc(d->t, &was, &now, &d->path, v,
		    err)) != 0)
			return rc < 0 ? rc : 0;
	}
	return 0;
}

/* Check the stamps and derive the ancestors of one changed slot. */
static int
look_at_slot(struct derive *d, const struct sada_entry *was,
    const struct sada_entry *now, struct sada_err *err)
{
	size_t i, k;
	int rc;

	for (i = 0; i < now->nv; i++) {
		const struct sada_version *v = &now->v[i];

		if (v->kind != SADA_DIR) {
			if (sada_id_zero(&v->anc) ||
			    sada_dot_cmp(&v->dot, &d->op->dot) != 0 ||
			    sada_txn_has_quick(d->t->txn, SADA_OBJ_ANC,
			    &v->anc))
				continue;
			if ((rc = derive_anc(d->t, was, now, NULL, v,
			    err)) == 0 &&
			    d->op->nhints > 0)
				rc = derive_renamed(d, now->path, now->len,
				    v, err);
			if (rc < 0)
				return rc;
			continue;
		}
		for (k = 0; k < was->nv; k++)
			if (was->v[k].kind == SADA_DIR &&
			    sada_dot_cmp(&was->v[k].dot, &v->dot) == 0 &&
			    sada_register_cmp(&was->v[k], v) == 0)
				break;
		if (k == was->nv && (v->stamp_lamport != d->lamport ||
		    sada_id_cmp(&v->stamp_author, &d->op->dot.author) != 0))
			return sada_err_set(err, SADA_FORMAT,
			    "an op stamps a directory with a time that is "
			    "not its own");
	}
	return 0;
}

/* Walk the changes of OP beside map BASE. */
static int
look_at_changes(struct derive *d, const struct sada_id *base,
    const struct sada_id *changes, struct sada_err *err)
{
	struct sada_cursor *c = NULL, *b = NULL;
	struct sada_entry now, was;
	int rc;

	sada_op_hints(&d->hint, d->op);
	sada_hints_by_to(&d->by_to, d->hint, d->op->nhints);
	if ((rc = sada_cursor_open(&c, &d->t->cns, changes, err)) < 0 ||
	    (rc = sada_cursor_open(&b, &d->t->ns, base, err)) < 0 ||
	    (d->op->nhints > 0 &&
	    ((rc = sada_cursor_open(&d->now, &d->t->cns, changes,
	    err)) < 0 ||
	    (rc = sada_cursor_open(&d->was, &d->t->ns, base, err)) < 0)))
		goto out;
	while ((rc = sada_cursor_next(c, &now, err)) == 1)
		if ((rc = slot_at(b, now.path, now.len, &was, err)) < 0 ||
		    (rc = look_at_slot(d, &was, &now, err)) < 0)
			goto out;
out:
	sada_cursor_free(c);
	sada_cursor_free(b);
	sada_cursor_free(d->now);
	sada_cursor_free(d->was);
	free(d->by_to);
	free(d->hint);
	sada_buf_release(&d->path);
	return rc;
}

/*
 * ST = the join of PARENTS' maps.  For one parent, as most ops have, there
 * is nothing to join.  Errors: as sada_state_init().
 */
static int
join_parents(struct sada_state *st, struct sada_take *t,
    const struct sada_log *log, const uint32_t *parents, size_t n,
    struct sada_err *err)
{
	memset(st, 0, sizeof(*st));
	if (n > 1)
		return sada_state_init(st, log, t->o.store, t->txn, parents,
		    n, NULL, err);
	if (n == 1)
		st->root = sada_log_op(log, parents[0])->root;
	if (sada_id_zero(&st->root) ||
	    sada_txn_has(t->txn, SADA_OBJ_NODE, &st->root))
		return 0;
	return sada_err_set(err, SADA_NOTFOUND, "a parent's map is not held");
}

/* Replay OP (number N, staged) and hold the result against its root. */
static int
replay(struct sada_take *t, const struct sada_log *log,
    const struct taken_op *o, const struct sada_op *op, uint32_t n,
    const uint32_t *parents, int *lacks_map, struct sada_err *err)
{
	struct sada_replay_counts counts;
	struct sada_map_stat before;
	struct derive d = { .t = t, .op = op,
	    .lamport = sada_log_op(log, n)->lamport };
	struct sada_state st;
	struct sada_id root;
	int rc;

	rc = join_parents(&st, t, log, parents, op->nparents, err);
	if (rc == 0)
		rc = sada_replay(&t->ns, &st.root, &t->cns, &o->changes,
		    &root, &counts, err);
	if (rc == 0 && sada_id_cmp(&root, &op->root) != 0)
		rc = sada_err_set(err, SADA_FORMAT,
		    "the changes of an op do not give its map");
	if (rc == 0)
		rc = sada_map_stat(&t->ns, &st.root, &before, err);
	if (rc == 0 && (counts.set != op->n_set || counts.gone != op->n_gone ||
	    before.entries != op->n_before))
		rc = sada_err_set(err, SADA_FORMAT,
		    "an op counts its changes wrongly");
	if (rc == 0)
		rc = look_at_changes(&d, &st.root, &o->changes, err);
	sada_state_release(&st);
	if (rc == SADA_NOTFOUND) {
		*lacks_map = 1;
		rc = SADA_LATER;
	}
	return rc;
}

int
take_stage(struct sada_take *t, struct sada_log *log,
    const struct taken_list *l, struct taken_op *o, char *need,
    int *lacks_map, struct sada_err *err)
{
	const unsigned char *key;
	struct sada_member m;
	struct sada_op op;
	uint32_t *parents = NULL, n;
	int rc;

	if (sada_log_find(log, &o->id, &n))
		return 0;
	if ((rc = sada_op_decode(&op, o->rec, o->len, err)) < 0)
		return rc;
	if (!o->verified) {
		if ((key = author_key(log, l, &o->author, &m)) == NULL) {
			say_need(need, "member", &o->author);
			rc = SADA_LATER;
			goto out;
		}
		if ((rc = sada_op_verify(o->rec, o->len, key, err)) < 0) {
			rc = sada_err_set(err, SADA_FORMAT,
			    "an op is not signed by its author");
			goto out;
		}
		o->verified = 1;
	}
	if ((rc = find_parents(&parents, log, &op, need)) < 0 ||
	    (rc = check_prev(log, &op, parents, need, err)) < 0 ||
	    (rc = sada_log_stage(log, o->rec, o->len, &n, err)) < 0 ||
	    o->replayed || o->map)
		goto out;
	if ((rc = replay(t, log, o, &op, n, parents, lacks_map, err)) == 0)
		o->replayed = 1;
	else
		sada_log_unstage_last(log);
	if (rc == SADA_LATER)
		say_need(need, "map of op", &o->id);
out:
	free(parents);
	sada_op_release(&op);
	return rc;
}
