/*
 * Changes of an op that wait until all are known, for renames: a new name
 * that was renamed has the old one's ancestors, and paths come in order, not
 * old before new.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/rename_priv.h"
#include "verb/snap_priv.h"

/*
 * What stands behind a move, by its first byte.  PLAIN: one version, that
 * the name showed as it is: le32 number of its dot, u8 its flags, u8 whole,
 * le16 mode, le64 mtime_s, le32 mtime_ns, 32 ancestors if there are any.
 * NEW: the same without dot and ancestors.  SHOWN: u8 whole, then a struct
 * sada_version as shown and those of the cover.  SET: le32 number of ids
 * and the ids, then the new versions.  NOTHING: an implied directory went.
 */
enum { T_PLAIN = 1, T_NEW, T_SHOWN, T_SET, T_NOTHING };

void
sada_wait_init(struct sada_draft *d)
{
	const struct sada_work_info *i = d->r->work != NULL ?
	    sada_work_info(d->r->work) : NULL;

	/* A first snap, of all there is, has nothing that was renamed. */
	if (i == NULL || (i->rows <= 1 && i->copies == 0))
		return;
	d->unsorted = i->copies > 0 || d->carry != NULL;
	sada_moves_new(&d->moves);
}

void
sada_draft_unsorted(struct sada_draft *d)
{
	d->unsorted = 1;
	if (d->moves == NULL)
		sada_moves_new(&d->moves);
}

void
sada_wait_release(struct sada_draft *d)
{
	sada_moves_free(d->moves);
	d->moves = NULL;
	free(d->dot_of);
	sada_idset_release(&d->dots);
}

/* The number of DOT. */
static uint32_t
dot_number(struct sada_draft *d, const struct sada_dot *dot)
{
	unsigned char p[SADA_ID_LEN + 24];
	struct sada_id key;
	uint32_t i = (uint32_t)d->ndot;

	memcpy(p, dot->author.b, SADA_ID_LEN);
	sada_le64_put(p + SADA_ID_LEN, dot->epoch);
	sada_le64_put(p + SADA_ID_LEN + 8, dot->seq);
	sada_le64_put(p + SADA_ID_LEN + 16, dot->tag);
	sada_hash(&key, SADA_CTX_FILE, p, sizeof(p));
	if (!sada_idset_add(&d->dots, &key, i)) {
		(void)sada_idset_get(&d->dots, &key, &i);
		return i;
	}
	d->dot_of = sada_grow(d->dot_of, &d->capdot, d->ndot + 1,
	    sizeof(*d->dot_of));
	d->dot_of[d->ndot++] = *dot;
	return i;
}

void
sada_draft_lose(struct sada_draft *d, const struct sada_id *id)
{
	d->lost = sada_grow(d->lost, &d->caplost, d->nlost + 1,
	    sizeof(*d->lost));
	d->lost[d->nlost++] = *id;
}

/* The content of record I. */
static void
content_of(struct sada_id *id, const struct sada_draft *d, uint32_t i)
{
	memcpy(id->b, sada_move_content(d->moves, i), SADA_ID_LEN);
}

/* Note for the guard what went and came among what waits. */
static void
count_contents(struct sada_draft *d)
{
	uint32_t i, n = sada_moves_count(d->moves);
	struct sada_id id;

	for (i = 0; i < n; i++) {
		unsigned side = sada_move_side(d->moves, i);

		if (side == SADA_MOVE_OTHER ||
		    sada_move_kind(d->moves, i) == SADA_DIR)
			continue;
		content_of(&id, d, i);
		if (side == SADA_MOVE_NEW)
			(void)sada_idset_add(&d->brought, &id, 0);
		else
			sada_draft_lose(d, &id);
	}
}

uint64_t
sada_draft_lost(struct sada_draft *d)
{
	struct sada_idset lost = {0}, found = {0};
	uint64_t out = 0;
	struct sada_id id;
	uint32_t i, n = d->moves != NULL ? sada_moves_count(d->moves) : 0;
	size_t k;

	/* A set of what moved would be large: of what did not, it is small. */
	for (i = 0; i < n; i++)
		if (sada_move_side(d->moves, i) == SADA_MOVE_GONE &&
		    sada_move_kind(d->moves, i) != SADA_DIR &&
		    sada_move_mate(d->moves, i) == SADA_MOVE_NONE) {
			content_of(&id, d, i);
			sada_draft_lose(d, &id);
		}
	for (k = 0; k < d->nlost; k++)
		(void)sada_idset_add(&lost, &d->lost[k], 0);
	for (i = 0; i < n; i++)
		if (sada_move_side(d->moves, i) == SADA_MOVE_NEW &&
		    sada_move_kind(d->moves, i) != SADA_DIR) {
			content_of(&id, d, i);
			if (sada_idset_get(&lost, &id, NULL))
				(void)sada_idset_add(&found, &id, 0);
		}
	for (k = 0; k < d->nlost; k++)
		out += !sada_idset_get(&d->brought, &d->lost[k], NULL) &&
		    !sada_idset_get(&found, &d->lost[k], NULL);
	sada_idset_release(&lost);
	sada_idset_release(&found);
	return out;
}

/* Add M with TAIL; all that waits is written when it is too much. */
static int
add(struct sada_draft *d, struct sada_move *m, const struct sada_buf *tail,
    struct sada_err *err)
{
	int rc;

	m->tail = tail->p;
	m->ntail = tail->len;
	sada_moves_add(d->moves, m);
	if (d->unsorted || !sada_moves_full(d->moves))
		return 0;
	/* Too many: no renames are looked for in this op. */
	count_contents(d);
	if ((rc = sada_wait_flush(d, err)) < 0)
		return rc;
	sada_moves_free(d->moves);
	d->moves = NULL;
	return 0;
}

int
sada_wait_slot(struct sada_draft *d, const char *path, size_t len,
    const struct sada_id *gone, size_t ngone, const struct sada_version *nv,
    size_t nnv, struct sada_err *err)
{
	struct sada_move m = { .path = path, .len = len,
	    .side = SADA_MOVE_OTHER };
	struct sada_buf tail = {0};
	size_t i;
	int rc;

	sada_put_u8(&tail, T_SET);
	sada_put_u32(&tail, (uint32_t)ngone);
	for (i = 0; i < ngone; i++)
		sada_buf_add(&tail, gone[i].b, SADA_ID_LEN);
	sada_buf_add(&tail, nv, nnv * sizeof(*nv));
	rc = add(d, &m, &tail, err);
	sada_buf_release(&tail);
	return rc;
}

/* Append what a version says that stands in no other field. */
static void
put_meta(struct sada_buf *b, const struct sada_version *v, int whole)
{
	sada_put_u8(b, v->flags);
	sada_put_u8(b, (uint8_t)whole);
	sada_put_u16(b, v->mode);
	sada_put_u64(b, (uint64_t)v->mtime_s);
	sada_put_u32(b, v->mtime_ns);
}

static int
get_meta(struct sada_rd *r, struct sada_version *v)
{
	int whole;

	v->flags = sada_get_u8(r);
	whole = sada_get_u8(r);
	v->mode = sada_get_u16(r);
	v->mtime_s = (int64_t)sada_get_u64(r);
	v->mtime_ns = sada_get_u32(r);
	return whole;
}

/* Does row R show just what its one version, of a file or link, says? */
static int
plain(const struct sada_row *r)
{
	const struct sada_version *v = r->cover;

	return r->ncover == 1 && v->kind != SADA_DIR && v->kind == r->kind &&
	    v->at == NULL &&
	    v->mode == r->mode && v->size == r->size &&
	    sada_id_cmp(&v->content, &r->content) == 0;
}

int
sada_draft_gone(struct sada_draft *d, const struct sada_row *row,
    struct sada_err *err)
{
	struct sada_move m = { .path = row->path, .len = row->len,
	    .side = SADA_MOVE_GONE, .kind = row->kind, .size = row->size,
	    .content = row->content };
	const struct sada_version *v = row->cover;
	struct sada_buf tail = {0};
	struct sada_shown from;
	struct sada_entry base;
	int rc, whole;

	if (d->moves == NULL || (row->flags & SADA_ROW_COPY)) {
		if (row->ncover == 0)
			return 0;
		if (row->kind != SADA_DIR)
			sada_draft_lose(d, &row->content);
		return sada_draft_slot(d, row->slot, row->slot_len,
		    row->cover, row->ncover, NULL, NULL, err);
	}
	if ((rc = sada_draft_elsewhere(d, row->cover, row->ncover,
	    err)) < 0 ||
	    (rc = sada_draft_base(d, row->path, row->len, &base, err)) < 0)
		return rc;
	whole = d->carry == NULL &&
	    sada_draft_covers(&base, row->cover, row->ncover);
	if (row->ncover == 0) {
		sada_put_u8(&tail, T_NOTHING);
	} else if (plain(row)) {
		sada_put_u8(&tail, T_PLAIN);
		sada_put_u32(&tail, dot_number(d, &v->dot));
		put_meta(&tail, v, whole);
		if (!sada_id_zero(&v->anc))
			sada_buf_add(&tail, v->anc.b, SADA_ID_LEN);
	} else {
		sada_shown_of(&from, row);
		sada_put_u8(&tail, T_SHOWN);
		sada_put_u8(&tail, (uint8_t)whole);
		sada_buf_add(&tail, &from.as, sizeof(from.as));
		sada_buf_add(&tail, v, row->ncover * sizeof(*v));
	}
	rc = add(d, &m, &tail, err);
	sada_buf_release(&tail);
	return rc;
}

int
sada_draft_new(struct sada_draft *d, const char *path, size_t len,
    struct sada_version *v, struct sada_err *err)
{
	struct sada_move m = { .path = path, .len = len,
	    .side = SADA_MOVE_NEW, .kind = v->kind, .size = v->size,
	    .content = v->content };
	struct sada_buf tail = {0};
	struct sada_entry base;
	int rc;

	if (d->moves == NULL) {
		if (v->kind != SADA_DIR)
			(void)sada_idset_add(&d->brought, &v->content, 0);
		return sada_draft_slot(d, path, len, NULL, 0, v, NULL, err);
	}
	if ((rc = sada_draft_base(d, path, len, &base, err)) < 0)
		return rc;
	v->dot = d->dot;
	v->flags = 0;
	memset(&v->anc, 0, sizeof(v->anc));
	if (v->kind == SADA_DIR) {
		v->stamp_lamport = d->lamport;
		v->stamp_author = d->dot.author;
	} else if (base.nv == 0)
		v->flags |= SADA_V_ALONE;
	sada_put_u8(&tail, T_NEW);
	put_meta(&tail, v, base.nv == 0);
	rc = add(d, &m, &tail, err);
	sada_buf_release(&tail);
	return rc;
}

/* What waits, read back: the versions that go and that come. */
struct waited {
	struct sada_version *v;		/* own; of GONE the cover */
	size_t nv, capv;
	struct sada_id *gone;		/* SET: ids */
	size_t ngone, capgone;
	struct sada_shown from;		/* GONE: what the name showed */
	int whole;			/* GONE: the cover was the slot */
	unsigned what;			/* T_* */
};

/* N bytes of whole versions. */
static void
get_versions(struct waited *w, struct sada_rd *r)
{
	size_t n = sada_rd_left(r) / sizeof(*w->v);
	const unsigned char *p = sada_get_bytes(r, n * sizeof(*w->v));

	w->v = sada_grow(w->v, &w->capv, n + 1, sizeof(*w->v));
	if (n > 0)
		memcpy(w->v, p, n * sizeof(*w->v));
	w->nv = n;
}

/* The one version of M whose tail goes on in R. */
static void
get_version(struct sada_draft *d, struct waited *w,
    const struct sada_move *m, struct sada_rd *r)
{
	struct sada_version *v;

	w->v = sada_grow(w->v, &w->capv, 1, sizeof(*w->v));
	w->nv = 1;
	v = w->v;
	memset(v, 0, sizeof(*v));
	v->kind = m->kind;
	v->size = m->size;
	v->content = m->content;
	v->dot = d->dot;
	if (w->what == T_PLAIN)
		v->dot = d->dot_of[sada_get_u32(r)];
	w->whole = get_meta(r, v);
	if (sada_rd_left(r) >= SADA_ID_LEN)
		memcpy(v->anc.b, sada_get_bytes(r, SADA_ID_LEN), SADA_ID_LEN);
	if (v->kind == SADA_DIR) {
		v->stamp_lamport = d->lamport;
		v->stamp_author = d->dot.author;
	}
}

/* Read what stands behind M back. */
static void
get(struct sada_draft *d, struct waited *w, const struct sada_move *m)
{
	struct sada_rd r;
	uint32_t i;

	sada_rd_init(&r, m->tail, m->ntail);
	w->what = sada_get_u8(&r);
	w->nv = w->ngone = 0;
	memset(&w->from, 0, sizeof(w->from));
	switch (w->what) {
	case T_PLAIN:
	case T_NEW:
		get_version(d, w, m, &r);
		w->from.as = w->v[0];
		break;
	case T_SHOWN:
		w->whole = sada_get_u8(&r);
		memcpy(&w->from.as, sada_get_bytes(&r, sizeof(w->from.as)),
		    sizeof(w->from.as));
		get_versions(w, &r);
		break;
	case T_SET:
		w->ngone = sada_get_u32(&r);
		w->gone = sada_grow(w->gone, &w->capgone, w->ngone + 1,
		    sizeof(*w->gone));
		for (i = 0; i < w->ngone; i++)
			memcpy(w->gone[i].b, sada_get_bytes(&r, SADA_ID_LEN),
			    SADA_ID_LEN);
		get_versions(w, &r);
		break;
	default:
		break;
	}
	w->from.cover = w->v;
	w->from.ncover = w->nv;
	assert(!r.bad && sada_rd_left(&r) == 0);
}

static void
waited_release(struct waited *w)
{
	free(w->v);
	free(w->gone);
}

/* The new version V of record I was renamed from record MATE. */
static int
descend(struct sada_draft *d, uint32_t i, uint32_t mate,
    struct sada_version *v, struct sada_err *err)
{
	struct sada_buf path = {0};
	struct waited w = {0};
	struct sada_move m;
	size_t k;
	int rc;

	sada_moves_get(d->moves, mate, &m, &path);
	get(d, &w, &m);
	if (!w.whole)
		v->flags &= (uint8_t)~SADA_V_ALONE;
	/* All that it descends from was another name. */
	for (k = 0; k < w.nv; k++)
		if (w.v[k].at == NULL) {
			w.v[k].at = m.path;
			w.v[k].at_len = m.len;
		}
	rc = sada_draft_ancestors(d, &w.from, &v->anc, err);
	waited_release(&w);
	sada_buf_release(&path);
	if (rc < 0)
		return rc;
	/* For the row of W; the content is needed no more. */
	sada_move_note(d->moves, i, &v->anc, v->flags);
	d->nfix++;
	return 0;
}

/* One slot in the making. */
struct slot {
	struct sada_version *nv;
	struct sada_id *gone;
	size_t n, ng, capn, capg;
};

/* Add what record I does to slot S. */
static int
gather(struct sada_draft *d, uint32_t i, const struct sada_move *m,
    struct waited *w, struct slot *s, struct sada_err *err)
{
	size_t k;
	int rc;

	get(d, w, m);
	if (w->what == T_NEW && m->mate != SADA_MOVE_NONE &&
	    (rc = descend(d, i, m->mate, &w->v[0], err)) < 0)
		return rc;
	if (w->what == T_PLAIN || w->what == T_SHOWN) {
		s->gone = sada_grow(s->gone, &s->capg, s->ng + w->nv + 1,
		    sizeof(*s->gone));
		for (k = 0; k < w->nv; k++)
			sada_version_id(&s->gone[s->ng++], &w->v[k]);
		return 0;
	}
	s->gone = sada_grow(s->gone, &s->capg, s->ng + w->ngone + 1,
	    sizeof(*s->gone));
	for (k = 0; k < w->ngone; k++)
		s->gone[s->ng++] = w->gone[k];
	s->nv = sada_grow(s->nv, &s->capn, s->n + w->nv + 1,
	    sizeof(*s->nv));
	for (k = 0; k < w->nv; k++)
		s->nv[s->n++] = w->v[k];
	return 0;
}

struct sorting {
	struct sada_moves *x;
	struct sada_buf a, b;
};

static int
by_path(const void *pa, const void *pb, void *ctx)
{
	struct sorting *s = ctx;
	uint32_t i = *(const uint32_t *)pa, j = *(const uint32_t *)pb;
	struct sada_move a, b;
	int c;

	sada_moves_get(s->x, i, &a, &s->a);
	sada_moves_get(s->x, j, &b, &s->b);
	c = sada_path_cmp(a.path, a.len, b.path, b.len);
	return c != 0 ? c : (i > j) - (i < j);
}

/* The numbers of all that waits, by path: all of one slot together. */
static uint32_t *
sorted(struct sada_draft *d, uint32_t n)
{
	struct sorting s = { .x = d->moves };
	uint32_t *out = sada_malloc(((size_t)n + 1) * sizeof(*out)), i;

	for (i = 0; i < n; i++)
		out[i] = i;
	if (d->unsorted && n > 1)
		qsort_r(out, n, sizeof(*out), by_path, &s);
	sada_buf_release(&s.a);
	sada_buf_release(&s.b);
	return out;
}

int
sada_wait_flush(struct sada_draft *d, struct sada_err *err)
{
	uint32_t n = sada_moves_count(d->moves), *order = sorted(d, n), i, k;
	struct sada_buf path = {0}, next = {0};
	struct slot s = {0};
	struct waited w = {0};
	struct sada_entry base;
	struct sada_move m, other;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i = k) {
		s.n = s.ng = 0;
		sada_moves_get(d->moves, order[i], &m, &path);
		rc = gather(d, order[i], &m, &w, &s, err);
		for (k = i + 1; k < n && rc == 0; k++) {
			sada_moves_get(d->moves, order[k], &other, &next);
			if (sada_path_cmp(m.path, m.len, other.path,
			    other.len) != 0)
				break;
			rc = gather(d, order[k], &other, &w, &s, err);
		}
		if (rc < 0 || (s.n == 0 && s.ng == 0))
			continue;
		if ((rc = sada_draft_base(d, m.path, m.len, &base,
		    err)) == 0)
			rc = sada_draft_write(d, m.path, m.len, &base,
			    s.gone, s.ng, s.nv, s.n, err);
	}
	free(order);
	free(s.nv);
	free(s.gone);
	waited_release(&w);
	sada_buf_release(&path);
	sada_buf_release(&next);
	return rc;
}

/* ---- renames ---- */

static int
load(struct sada_buf *out, const struct sada_move *m, void *ctx,
    struct sada_err *err)
{
	struct sada_draft *d = ctx;
	struct sada_source src = { d->r->store, d->txn };
	int rc;

	rc = sada_file_load(&src, &m->content, m->size, out, err);
	/* What cannot be read is not looked at. */
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
		return 0;
	return rc < 0 ? rc : 1;
}

int
sada_draft_match(struct sada_draft *d, struct sada_err *err)
{
	return d->moves == NULL ? 0 : sada_moves_match(d->moves, load, d,
	    err);
}

/* ---- W ---- */

struct fixing {
	struct sada_draft *d;
	uint32_t *order;		/* all that waited, by path */
	uint32_t i, n;
	struct sada_buf path;
};

static int
next_fix(struct sada_amend *a, void *ctx)
{
	struct fixing *f = ctx;
	struct sada_move m;

	for (; f->i < f->n; f->i++) {
		uint32_t k = f->order[f->i];

		if (sada_move_side(f->d->moves, k) != SADA_MOVE_NEW ||
		    sada_move_mate(f->d->moves, k) == SADA_MOVE_NONE)
			continue;
		sada_moves_get(f->d->moves, k, &m, &f->path);
		a->path = m.path;
		a->len = m.len;
		/* As descend() left them. */
		a->flags = m.score;
		a->anc = m.content;
		f->i++;
		return 1;
	}
	return 0;
}

int
sada_draft_amend(struct sada_draft *d, const struct sada_work_info *info,
    struct sada_err *err)
{
	struct sada_work_writer *w = NULL;
	struct sada_work *src = NULL;
	struct fixing f = { .d = d };
	int rc;

	if (d->nfix == 0)
		return 0;
	f.n = sada_moves_count(d->moves);
	f.order = sorted(d, f.n);
	/* It is removed while it is open, and read on. */
	if ((rc = sada_work_open(&src, d->r->sdir, "work.new", err)) < 0 ||
	    (rc = sada_work_discard(d->r->sdir, err)) < 0 ||
	    (rc = sada_work_writer_new(&w, d->r->sdir, err)) < 0 ||
	    (rc = sada_work_amend(w, src, next_fix, &f, err)) < 0)
		goto out;
	rc = sada_work_writer_finish(w, info, err);
	w = NULL;
out:
	sada_work_writer_free(w);
	sada_work_free(src);
	sada_buf_release(&f.path);
	free(f.order);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}
