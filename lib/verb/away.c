/*
 * What a merge left at a name although a rename of another took what that
 * shows to another name: the name holds an edit that is not recorded, or is
 * in use.  Its row of W stands as it was; an edit of it is one of the name
 * that the rename led to.
 *
 * A version that the rename had not seen is carried, and carry.h knows
 * where.  One that it had seen went from the map with it: then the op that
 * took it, and the later ones that moved its name on, are looked up here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "tree/carry.h"
#include "verb/snap_priv.h"

#define STEPS 64

/* Has the slot at PATH of op I's map version ID?  1, 0, <0. */
static int
shows(struct sada_draft *d, uint32_t i, const char *path, size_t len,
    const struct sada_id *id, struct sada_err *err)
{
	struct sada_node node;
	struct sada_entry e;
	struct sada_id own;
	size_t k;
	int rc, has = 0;

	memset(&node, 0, sizeof(node));
	rc = sada_map_get(&d->st.ns, &sada_log_op(d->r->log, i)->root, path,
	    len, &node, &e, err);
	for (k = 0; rc > 0 && k < e.nv && !has; k++) {
		sada_version_id(&own, &e.v[k]);
		has = sada_id_cmp(&own, id) == 0;
	}
	sada_node_release(&node);
	return rc < 0 ? rc : has;
}

/* Did op I take version ID from PATH?  A map that is not held tells no. */
static int
took(struct sada_draft *d, uint32_t i, const char *path, size_t len,
    const struct sada_id *id, struct sada_err *err)
{
	const struct sada_op_info *o = sada_log_op(d->r->log, i);
	uint32_t k;
	int rc, had = 0;

	if ((rc = shows(d, i, path, len, id, err)) == 0)
		for (k = 0; k < o->nparents && rc >= 0 && !had; k++)
			rc = had = shows(d, o->parents[k], path, len, id,
			    err);
	else if (rc > 0)
		return 0;
	return rc == SADA_NOTFOUND || rc == SADA_DAMAGED ? 0 :
	    rc < 0 ? rc : had;
}

/* Does something live at TO, or below it where hint H is a directory's? */
static int
lives(struct sada_draft *d, const struct sada_hint *h, struct sada_err *err)
{
	struct sada_entry e;
	int rc;

	if ((rc = sada_draft_base(d, h->to, h->to_len, &e, err)) < 0)
		return rc;
	return e.nv > 0 ? 1 : h->kind != SADA_HINT_DIR ? 0 :
	    sada_map_below(&d->st.ns, &d->st.root, h->to, h->to_len, err);
}

/* Is op A before B: (lamport, author, id), the highest first? */
static int
before(const struct sada_log *log, uint32_t a, uint32_t b)
{
	const struct sada_op_info *x = sada_log_op(log, a);
	const struct sada_op_info *y = sada_log_op(log, b);
	int c;

	if (x->lamport != y->lamport)
		return x->lamport > y->lamport;
	if ((c = sada_id_cmp(&x->dot.author, &y->dot.author)) == 0)
		c = sada_id_cmp(&x->id, &y->id);
	return c > 0;
}

/* A name on its way. */
struct way {
	struct sada_draft *d;
	unsigned char *since;		/* of each op: has it seen the last? */
	const struct sada_id *id;	/* the version, at the first step */
	struct sada_buf path, next;
};

/* Mark what has seen any of the ops that are marked. */
static void
spread(struct way *w)
{
	const struct sada_log *log = w->d->r->log;
	uint32_t i, k, n = sada_log_count(log);

	for (i = 0; i < n; i++) {
		const struct sada_op_info *o = sada_log_op(log, i);

		for (k = 0; k < o->nparents && !w->since[i]; k++)
			w->since[i] = w->since[o->parents[k]];
	}
}

/*
 * The first op that moves W's name on: 1 with its number in *AT, the new
 * name in W->next and in *LIVING whether there is one, or 0.
 */
static int
step(struct way *w, uint32_t *at, int *living, struct sada_err *err)
{
	struct sada_log *log = w->d->r->log;
	const struct sada_hint *h, *all;
	struct sada_buf to = {0};
	uint32_t i, n = sada_log_count(log);
	int found = 0, rc = 0;
	size_t nall;

	for (i = 0; i < n && rc >= 0; i++) {
		if (!w->since[i] || sada_log_op(log, i)->nhints == 0 ||
		    !sada_context_has(w->d->st.past, i) ||
		    (found && !before(log, i, *at)))
			continue;
		if ((rc = sada_log_hints(log, i, &all, &nall, err)) < 0)
			break;
		h = sada_hint_of(all, nall, (char *)w->path.p, w->path.len);
		sada_buf_reset(&to);
		/* What was a directory is another thing of this name. */
		if (h == NULL || (h->kind == SADA_HINT_DIR &&
		    h->from_len == w->path.len) || !sada_hint_map(&to, h, (char *)w->path.p,
		    w->path.len) ||
		    (w->id != NULL && (rc = took(w->d, i, (char *)w->path.p,
		    w->path.len, w->id, err)) <= 0))
			continue;
		if ((rc = *living = lives(w->d, h, err)) < 0)
			break;
		found = 1;
		*at = i;
		sada_buf_reset(&w->next);
		sada_buf_add(&w->next, to.p, to.len);
	}
	sada_buf_release(&to);
	return rc < 0 ? rc : found;
}

/* Where the renames that took V from PATH led: 1 and TO, or 0. */
static int
renamed(struct sada_draft *d, const struct sada_version *v, const char *path,
    size_t len, struct sada_buf *to, struct sada_err *err)
{
	struct way w = { .d = d };
	uint32_t n = sada_log_count(d->r->log), at;
	struct sada_buf swap;
	struct sada_id id;
	int rc, living = 0, found = 0;
	unsigned steps;

	sada_version_id(&id, v);
	w.id = &id;
	w.since = sada_calloc((size_t)n + 1, 1);
	sada_buf_add(&w.path, path, len);
	for (at = 0; at < n; at++)
		w.since[at] = sada_dot_cmp(&sada_log_op(d->r->log, at)->dot,
		    &v->dot) == 0;
	for (steps = 0, rc = 1; steps < STEPS; steps++) {
		spread(&w);
		if ((rc = step(&w, &at, &living, err)) <= 0)
			break;
		swap = w.path;
		w.path = w.next;
		w.next = swap;
		if (living) {
			found = 1;
			sada_buf_reset(to);
			sada_buf_add(to, w.path.p, w.path.len);
		}
		memset(w.since, 0, n);
		w.since[at] = 1;
		w.id = NULL;
	}
	sada_buf_release(&w.path);
	sada_buf_release(&w.next);
	free(w.since);
	return rc < 0 ? rc : found;
}

/* Does V live in the slot at PATH?  1, 0, <0; *ANY: does something? */
static int
alive(struct sada_draft *d, const struct sada_version *v, const char *path,
    size_t len, int *any, struct sada_err *err)
{
	struct sada_entry e;
	struct sada_id id, own;
	size_t k;
	int rc;

	if ((rc = sada_draft_base(d, path, len, &e, err)) < 0)
		return rc;
	*any = e.nv > 0;
	sada_version_id(&id, v);
	for (k = 0; k < e.nv; k++) {
		sada_version_id(&own, &e.v[k]);
		if (sada_id_cmp(&own, &id) == 0)
			return 1;
	}
	return 0;
}

/* Where V of ROW's cover is shown: 1 and TO (2: it lives), or 0. */
static int
shown_at(struct sada_draft *d, const struct sada_row *row,
    const struct sada_version *v, struct sada_buf *to, struct sada_err *err)
{
	const char *path = v->at != NULL ? v->at : row->slot;
	size_t len = v->at != NULL ? v->at_len : row->slot_len;
	const char *p = path;
	size_t n = len;
	int any, rc;

	if ((rc = alive(d, v, path, len, &any, err)) < 0)
		return rc;
	if (rc == 0) {
		if ((rc = renamed(d, v, path, len, to, err)) != 0 ||
		    !any || v->at == NULL)
			return rc;
		/* It was recorded there, and that was edited since. */
	} else {
		rc = 1;
		(void)sada_carry_to(d->carry, v, path, len, &p, &n);
	}
	sada_buf_reset(to);
	sada_buf_add(to, p, n);
	return rc + 1;
}

int
sada_draft_away(struct sada_draft *d, const struct sada_row *row,
    struct sada_buf *to, struct sada_err *err)
{
	struct sada_buf one = {0};
	int rc = 0, best = 0;
	size_t i;

	sada_buf_reset(to);
	if (d->r->work == NULL || sada_work_info(d->r->work)->left == 0 ||
	    d->moves == NULL || (row->flags & SADA_ROW_COPY) ||
	    row->kind == SADA_DIR)
		return 0;
	for (i = 0; i < row->ncover && rc >= 0; i++) {
		if ((rc = shown_at(d, row, &row->cover[i], &one, err)) <= 0)
			continue;
		if (sada_path_cmp((char *)one.p, one.len, row->slot,
		    row->slot_len) == 0) {
			best = 0;
			break;
		}
		if (rc > best) {
			best = rc;
			sada_buf_reset(to);
			sada_buf_add(to, one.p, one.len);
		}
	}
	sada_buf_release(&one);
	return rc < 0 ? rc : best > 0;
}

int
sada_draft_follow(struct sada_draft *d, const struct sada_row *row,
    const struct sada_buf *to, struct sada_version *v, struct sada_err *err)
{
	const char *path = (const char *)to->p;
	struct sada_version *was, *left;
	struct sada_shown from;
	size_t i, n = 0;
	int any, rc = 0;

	was = sada_calloc(row->ncover + 1, sizeof(*was));
	left = sada_calloc(row->ncover + 1, sizeof(*left));
	for (i = 0; i < row->ncover && rc >= 0; i++) {
		was[i] = row->cover[i];
		if (was[i].at == NULL) {
			was[i].at = row->slot;
			was[i].at_len = row->slot_len;
		}
		rc = alive(d, &row->cover[i], was[i].at, was[i].at_len, &any,
		    err);
		if (sada_path_cmp(was[i].at, was[i].at_len, path,
		    to->len) == 0) {
			was[i].at = NULL;
			was[i].at_len = 0;
		}
		if (rc > 0)
			left[n++] = was[i];
	}
	sada_shown_of(&from, row);
	from.cover = was;
	if (rc >= 0)
		rc = sada_draft_slot(d, path, to->len, left, n, v, &from,
		    err);
	if (rc == 0) {
		v->at = path;
		v->at_len = to->len;
	}
	free(was);
	free(left);
	return rc;
}

int
sada_draft_stale(struct sada_draft *d, const struct sada_row *row,
    struct sada_err *err)
{
	size_t i;
	int any, rc = 0;

	if (d->r->work == NULL || sada_work_info(d->r->work)->left == 0)
		return 0;
	for (i = 0; i < row->ncover && rc == 0; i++)
		rc = alive(d, &row->cover[i], row->cover[i].at != NULL ?
		    row->cover[i].at : row->slot, row->cover[i].at != NULL ?
		    row->cover[i].at_len : row->slot_len, &any, err);
	return rc < 0 ? rc : rc == 0;
}
