/* Which contents a bundle carries, and in what form. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "bundle/send_priv.h"
#include "format/object.h"

int
send_object(struct sada_send *s, unsigned type, const struct sada_id *id,
    struct sada_err *err)
{
	struct sent_object *o;
	struct sada_loc loc;

	(void)err;
	if (!sada_store_locate(s->o.store, type, id, &loc) ||
	    !sada_idset_add(&s->seen, id, type))
		return 0;
	s->object = sada_grow(s->object, &s->capobject, s->nobject + 1,
	    sizeof(*s->object));
	o = &s->object[s->nobject++];
	o->loc = loc;
	o->id = *id;
	o->type = (uint8_t)type;
	s->objects++;
	s->raw_bytes += loc.len;
	return 0;
}

static int
each_object(unsigned type, const struct sada_id *id, uint64_t len, void *ctx)
{
	struct sada_err e;

	(void)len;
	return send_object(ctx, type, id, &e);
}

/* All objects of content ID; what cannot be read stays here. */
static int
whole_content(struct sada_send *s, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	struct sada_source src = { s->o.store, NULL };
	int rc;

	if (size <= SADA_CHUNK_MAX)
		return send_object(s, SADA_OBJ_CHUNK, id, err);
	rc = sada_file_objects(&src, id, size, each_object, s, err);
	return rc == SADA_DAMAGED ? 0 : rc;
}

/* The chunks of a large file, in order, and its lists. */
struct pieces {
	struct sada_id *id;
	uint8_t *type;
	size_t n, capid, captype;
};

static int
each_piece(unsigned type, const struct sada_id *id, uint64_t len, void *ctx)
{
	struct pieces *p = ctx;

	(void)len;
	p->id = sada_grow(p->id, &p->capid, p->n + 1, sizeof(*p->id));
	p->type = sada_grow(p->type, &p->captype, p->n + 1, 1);
	p->id[p->n] = *id;
	p->type[p->n++] = (uint8_t)type;
	return 0;
}

/*
 * The pieces of large content ID that old content BASE lacks; each new one
 * goes with the old piece that stands where it stands as prefix: the one
 * behind the last piece that both have.
 */
static int
changed_pieces(struct sada_send *s, const struct sada_id *id, uint64_t size,
    const struct sada_id *base, uint64_t base_size, struct sada_err *err)
{
	struct sada_source src = { s->o.store, NULL };
	struct pieces now = {0}, old = {0};
	struct sada_idset have = {0};
	struct sent_prefix *p;
	struct sada_loc loc;
	uint32_t at, next = 0;
	size_t i;
	int rc;

	if ((rc = sada_file_objects(&src, id, size, each_piece, &now,
	    err)) < 0 || (rc = sada_file_objects(&src, base, base_size,
	    each_piece, &old, err)) < 0)
		goto out;
	for (i = 0; i < old.n; i++)
		sada_idset_add(&have, &old.id[i], (uint32_t)i);
	for (i = 0; i < now.n; i++) {
		if (sada_idset_get(&have, &now.id[i], &at)) {
			next = at + 1;
			continue;
		}
		while (next < old.n && old.type[next] != now.type[i])
			next++;
		if (next >= old.n || !sada_store_locate(s->o.store,
		    now.type[i], &now.id[i], &loc) ||
		    (now.type[i] == SADA_OBJ_CHUNK &&
		    loc.len > SADA_CHUNK_MAX) ||
		    !sada_store_has(s->o.store, old.type[next],
		    &old.id[next])) {
			if ((rc = send_object(s, now.type[i], &now.id[i],
			    err)) < 0)
				goto out;
			continue;
		}
		if (!sada_idset_add(&s->seen, &now.id[i], now.type[i]))
			continue;
		s->prefix = sada_grow(s->prefix, &s->capprefix,
		    s->nprefix + 1, sizeof(*s->prefix));
		p = &s->prefix[s->nprefix++];
		p->type = now.type[i];
		p->base = old.id[next];
		p->id = now.id[i];
		s->objects++;
		s->raw_bytes += loc.len;
		if (now.type[i] == SADA_OBJ_CHUNK)
			next++;
	}
	rc = 0;
out:
	free(now.id);
	free(now.type);
	free(old.id);
	free(old.type);
	sada_idset_release(&have);
	return rc;
}

/*
 * The newest ancestor of V that the recipients hold by their basis, and we
 * too: 1 and its index, or 0.
 */
static int
known_ancestor(struct sada_send *s, const struct sada_ancestor *a, size_t n,
    size_t *index)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < a[i].ndot; k++)
			if (sada_context_seen(s->o.log, s->basis,
			    &a[i].dot[k])) {
				*index = i;
				return 1;
			}
	return 0;
}

/*
 * Choose the form of version V's content; ORDINAL is its number among the
 * changes sent, or UINT64_MAX when those do not travel.
 */
static int
select_content(struct sada_send *s, const struct sada_version *v,
    uint64_t ordinal, struct sada_err *err)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	struct sent_delta *d;
	struct sada_loc loc;
	size_t n = 0, k = 0;
	int derived = 0, known = 0, rc = 0;

	if (!sada_id_zero(&v->anc) &&
	    sada_store_has(s->o.store, SADA_OBJ_ANC, &v->anc)) {
		if ((rc = sada_store_get(s->o.store, SADA_OBJ_ANC, &v->anc,
		    &b, err)) < 0)
			goto out;
		/* Malformed ones, as a member can make them, say nothing. */
		rc = sada_anc_decode(&a, &n, b.p, b.len, err) == 0 ? 0 :
		    send_object(s, SADA_OBJ_ANC, &v->anc, err);
		if (rc < 0)
			goto out;
	}
	if (n > 0) {
		known = ordinal != UINT64_MAX && known_ancestor(s, a, n, &k);
		/* The reader derives it from the slot that V replaced. */
		derived = ordinal != UINT64_MAX && a[0].ndot == 1;
		if (!derived && (rc = send_object(s, SADA_OBJ_ANC, &v->anc,
		    err)) < 0)
			goto out;
	}
	if (sada_idset_get(&s->seen, &v->content, NULL))
		goto out;
	if (known && v->size > SADA_CHUNK_MAX && a[k].size > SADA_CHUNK_MAX &&
	    sada_store_has(s->o.store, SADA_OBJ_LIST, &a[k].content) &&
	    sada_store_has(s->o.store, SADA_OBJ_LIST, &v->content)) {
		rc = changed_pieces(s, &v->content, v->size, &a[k].content,
		    a[k].size, err);
		/* Its sizes may be lies, of a member far away. */
		if (rc == SADA_DAMAGED)
			rc = whole_content(s, &v->content, v->size, err);
		goto out;
	}
	if (!known || v->size > SADA_CHUNK_MAX ||
	    a[k].size > SADA_CHUNK_MAX || v->size == 0 ||
	    !sada_store_has(s->o.store, SADA_OBJ_CHUNK, &a[k].content) ||
	    !sada_store_locate(s->o.store, SADA_OBJ_CHUNK, &v->content,
	    &loc) || loc.len != v->size) {
		rc = whole_content(s, &v->content, v->size, err);
		goto out;
	}
	if (sada_id_cmp(&a[k].content, &v->content) == 0 ||
	    !sada_idset_add(&s->seen, &v->content, SADA_OBJ_CHUNK))
		goto out;
	s->delta = sada_grow(s->delta, &s->capdelta, s->ndelta + 1,
	    sizeof(*s->delta));
	d = &s->delta[s->ndelta++];
	d->ordinal = ordinal;
	d->index = k;
	d->base = a[k].content;
	d->content = v->content;
	d->size = v->size;
	s->objects++;
	s->raw_bytes += v->size;
out:
	free(a);
	sada_buf_release(&b);
	return rc;
}

/* Does V live in slot E? */
static int
lives(const struct sada_entry *e, const struct sada_version *v)
{
	struct sada_id a, b;
	size_t i;

	sada_version_id(&a, v);
	for (i = 0; i < e->nv; i++) {
		sada_version_id(&b, &e->v[i]);
		if (sada_id_cmp(&a, &b) == 0)
			return 1;
	}
	return 0;
}

/* The living contents that op I's changes brought. */
static int
select_op(struct sada_send *s, uint32_t i, struct sada_err *err)
{
	struct sada_nodes cns = s->st.ns;
	struct sada_cursor *c = NULL, *m = NULL;
	struct sada_entry e, now;
	size_t k;
	int rc, here;

	cns.flags = SADA_NODE_CHANGES;
	if ((rc = sada_cursor_open(&c, &cns, &sada_log_op(s->o.log,
	    i)->changes, err)) < 0 ||
	    (rc = sada_cursor_open(&m, &s->st.ns, &s->st.root, err)) < 0)
		goto out;
	while ((rc = sada_cursor_next(c, &e, err)) == 1) {
		if ((rc = sada_cursor_seek(m, e.path, e.len, err)) < 0 ||
		    (here = sada_cursor_next(m, &now, err)) < 0) {
			rc = rc < 0 ? rc : here;
			goto out;
		}
		here = here == 1 && sada_path_cmp(e.path, e.len, now.path,
		    now.len) == 0;
		for (k = 0; k < e.nv; k++, s->told++) {
			if (e.v[k].kind == SADA_DIR || !here ||
			    sada_context_seen(s->o.log, s->basis,
			    &e.v[k].dot) || !lives(&now, &e.v[k]))
				continue;
			if ((rc = select_content(s, &e.v[k], s->told,
			    err)) < 0)
				goto out;
		}
	}
out:
	sada_cursor_free(c);
	sada_cursor_free(m);
	return rc;
}

/* All living contents that the basis does not cover. */
static int
select_map(struct sada_send *s, struct sada_err *err)
{
	struct sada_cursor *c = NULL;
	struct sada_entry e;
	size_t k;
	int rc;

	if ((rc = sada_cursor_open(&c, &s->st.ns, &s->st.root, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(c, &e, err)) == 1)
		for (k = 0; k < e.nv; k++) {
			if (e.v[k].kind == SADA_DIR ||
			    sada_context_seen(s->o.log, s->basis,
			    &e.v[k].dot))
				continue;
			if ((rc = select_content(s, &e.v[k], UINT64_MAX,
			    err)) < 0)
				goto out;
		}
out:
	sada_cursor_free(c);
	return rc;
}

/* What recipients said they lack, as far as it is here. */
static int
select_wants(struct sada_send *s, struct sada_err *err)
{
	struct sada_source src = { s->o.store, NULL };
	const struct sada_ack *a;
	size_t i, k;
	int rc;

	for (i = 0; i < s->o.n; i++) {
		if ((a = send_ack(s, i)) == NULL)
			continue;
		for (k = 0; k < a->nwant; k++) {
			const struct sada_want *w = &a->want[k];

			if (w->type == SADA_OBJ_ANC) {
				rc = send_object(s, w->type, &w->id, err);
			} else {
				rc = sada_file_held(&src, &w->id, w->size,
				    err);
				if (rc == SADA_DAMAGED)
					rc = 0;
				if (rc == 1)
					rc = whole_content(s, &w->id,
					    w->size, err);
			}
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int
send_select(struct sada_send *s, struct sada_err *err)
{
	size_t i;
	int rc;

	if (s->nmaps == 0) {
		for (i = 0; i < s->nops; i++)
			if ((rc = select_op(s, s->ops[i], err)) < 0)
				return rc;
	} else if ((rc = select_map(s, err)) < 0) {
		return rc;
	}
	return select_wants(s, err);
}
