/* An op in the making: slots, ancestors, the changes tree. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/ancestor.h"
#include "verb/rename_priv.h"
#include "verb/snap_priv.h"

int
sada_guard_trips(uint64_t lost, uint64_t total)
{
	return (lost > SADA_GUARD_PATHS && lost > total / SADA_GUARD_PART) ||
	    (lost > 1 && lost >= total);
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
