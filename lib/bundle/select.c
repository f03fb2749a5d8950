/* Which contents a bundle carries, and in what form. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "bundle/send_priv.h"
#include "bundle/want.h"
#include "format/object.h"
#include "tree/carry.h"
#include "tree/merger.h"

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
	o->early = 0;
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

/* Is what the op with dot D wrote in the basis?  Of a forged dot, all. */
static int
basis_knows(const struct sada_send *s, const struct sada_dot *d)
{
	return sada_context_seen_all(s->o.log, s->basis, NULL, d);
}

/* Does A stand for a version that the recipients have by their basis? */
static int
in_basis(const struct sada_send *s, const struct sada_ancestor *a)
{
	return a->ndot == 1 && basis_knows(s, &a->dot[0]);
}

/*
 * The newest ancestor of V that the recipients hold by their basis, and we
 * too: 1 and its index, or 0.  What several versions showed together may
 * have been merged, and nobody else need hold that.
 */
static int
known_ancestor(struct sada_send *s, const struct sada_ancestor *a, size_t n,
    size_t *index)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (in_basis(s, &a[i])) {
			*index = i;
			return 1;
		}
	return 0;
}

/*
 * What a merge came to that was edited then is in no version, and a base all
 * the same: the content of such an entry M goes along, as a change of KNOWN
 * (NULL: none), which the recipients hold.
 */
static int
select_merged(struct sada_send *s, const struct sada_ancestor *m,
    const struct sada_ancestor *known, struct sada_err *err)
{
	struct sent_prefix *p;
	struct sada_loc loc;
	int rc;

	if (sada_idset_get(&s->seen, &m->content, NULL))
		return 0;
	if (known != NULL && m->size > SADA_CHUNK_MAX &&
	    known->size > SADA_CHUNK_MAX &&
	    sada_store_has(s->o.store, SADA_OBJ_LIST, &known->content) &&
	    sada_store_has(s->o.store, SADA_OBJ_LIST, &m->content)) {
		rc = changed_pieces(s, &m->content, m->size, &known->content,
		    known->size, err);
		if (rc != SADA_DAMAGED)
			return rc;
	}
	if (known == NULL || m->size > SADA_CHUNK_MAX || m->size == 0 ||
	    known->size > SADA_CHUNK_MAX ||
	    sada_id_cmp(&known->content, &m->content) == 0 ||
	    !sada_store_has(s->o.store, SADA_OBJ_CHUNK, &known->content) ||
	    !sada_store_locate(s->o.store, SADA_OBJ_CHUNK, &m->content,
	    &loc) || loc.len != m->size)
		return whole_content(s, &m->content, m->size, err);
	if (!sada_idset_add(&s->seen, &m->content, SADA_OBJ_CHUNK))
		return 0;
	s->prefix = sada_grow(s->prefix, &s->capprefix, s->nprefix + 1,
	    sizeof(*s->prefix));
	p = &s->prefix[s->nprefix++];
	p->type = SADA_OBJ_CHUNK;
	p->base = known->content;
	p->id = m->content;
	s->objects++;
	s->raw_bytes += loc.len;
	return 0;
}

/* Where a reader of an op can find by itself what a version was made from. */
enum { DERIVE_NO, DERIVE_SLOT, DERIVE_ANY };

/* A version that is sent with the changes of op OP, in slot E. */
struct change {
	uint32_t op;
	const struct sada_entry *e;
	unsigned derive;		/* DERIVE_* */
	uint64_t ordinal;		/* among the changes sent */
};

/* Was dot D in the slot of C before its op?  1, 0, <0. */
static int
in_slot(struct sada_send *s, const struct change *c, const struct sada_dot *d,
    struct sada_err *err)
{
	const struct sada_op_info *o = sada_log_op(s->o.log, c->op);
	struct sada_node node;
	struct sada_entry e;
	uint32_t i;
	size_t k;
	int rc = 0, has = 0;

	for (i = 0; i < o->nparents && rc >= 0 && !has; i++) {
		memset(&node, 0, sizeof(node));
		rc = sada_map_get(&s->st.ns, &sada_log_op(s->o.log,
		    o->parents[i])->root, c->e->path, c->e->len, &node, &e,
		    err);
		for (k = 0; rc > 0 && k < e.nv && !has; k++)
			has = sada_dot_cmp(&e.v[k].dot, d) == 0;
		sada_node_release(&node);
	}
	/* Of a map that is gone nothing is known. */
	return rc == SADA_NOTFOUND || rc == SADA_DAMAGED ? 0 :
	    rc < 0 ? rc : has;
}

/* Does the reader find the entries from A on, of C's version, by itself? */
static int
finds(struct sada_send *s, const struct change *c,
    const struct sada_ancestor *a, struct sada_err *err)
{
	if (c == NULL || c->derive == DERIVE_NO)
		return 0;
	if (c->derive == DERIVE_ANY)
		return 1;
	return a->other || a->ndot != 1 ? 0 : in_slot(s, c, &a->dot[0], err);
}

/* The hints of an op, by where they lead. */
struct leads {
	const struct sada_hint **by;
	size_t n;
	int full;			/* some may be left out */
};

/*
 * Where can a reader of op I find what V at PATH was made from?  It looks in
 * the slot that V replaced, and where the op's hints L say that PATH came
 * from; but not all renames may have found room there, and an edit that a
 * merge left where a peer had deleted the name replaces what is in no slot.
 */
static unsigned
derivable(const struct sada_send *s, uint32_t i, const struct leads *l,
    const struct sada_entry *e, const struct sada_version *v)
{
	const struct sada_hint *from;

	if (sada_dot_cmp(&sada_log_op(s->o.log, i)->dot, &v->dot) != 0 ||
	    (l->n > 0 && sada_hint_origins(&from, 1, l->by, l->n, e->path,
	    e->len) == 1))
		return DERIVE_ANY;
	return l->full ? DERIVE_NO : DERIVE_SLOT;
}

/*
 * Choose the form of version V's content; C is the change that brings it, or
 * NULL when those do not travel.
 */
static int
select_content(struct sada_send *s, const struct sada_version *v,
    const struct change *c, struct sada_err *err)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	struct sent_delta *d;
	struct sada_loc loc;
	size_t n = 0, k = 0, at = s->nobject, i;
	int derived = 0, known = 0, rc = 0;

	if (!sada_id_zero(&v->anc) &&
	    sada_store_has(s->o.store, SADA_OBJ_ANC, &v->anc)) {
		rc = sada_store_get(s->o.store, SADA_OBJ_ANC, &v->anc, &b,
		    err);
		/* What is damaged here may come back from a peer. */
		if (rc < 0 && rc != SADA_DAMAGED)
			goto out;
		/* Malformed ones, as a member can make them, say nothing. */
		if (rc == 0 && sada_anc_decode(&a, &n, b.p, b.len, err) < 0)
			rc = send_object(s, SADA_OBJ_ANC, &v->anc, err);
		if (rc < 0 && rc != SADA_DAMAGED)
			goto out;
		rc = 0;
	}
	if (n > 0) {
		/*
		 * A basis that the user named is not known to be held, and
		 * who parks the bundle keeps no change without its base.
		 */
		known = c != NULL && s->o.since == NULL &&
		    known_ancestor(s, a, n, &k);
		/* It follows the versions replaced, one by one. */
		if ((rc = derived = finds(s, c, a, err)) < 0)
			goto out;
		for (i = 0; i < n && !in_basis(s, &a[i]); i++) {
			/* By which op it came here is not looked up. */
			if (a[i].other && c != NULL &&
			    c->derive == DERIVE_SLOT)
				derived = 0;
			if (a[i].ndot == 1)
				continue;
			derived = 0;
			if ((rc = select_merged(s, &a[i], known ? &a[k] :
			    NULL, err)) < 0)
				goto out;
		}
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
	/* Its ancestors, if they go too, tell the reader the base. */
	for (; at < s->nobject; at++)
		s->object[at].early = 1;
	s->delta = sada_grow(s->delta, &s->capdelta, s->ndelta + 1,
	    sizeof(*s->delta));
	d = &s->delta[s->ndelta++];
	d->ordinal = c->ordinal;
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

/* The living contents that op I's changes brought. */
static int
select_op(struct sada_send *s, uint32_t i, struct sada_err *err)
{
	struct sada_nodes cns = s->st.ns;
	struct sada_cursor *c = NULL, *m = NULL;
	const struct sada_hint *h;
	struct leads l = { NULL, 0, 0 };
	struct change change = { .op = i };
	struct sada_entry e, now;
	size_t k;
	int rc, here;

	cns.flags = SADA_NODE_CHANGES;
	if (sada_log_op(s->o.log, i)->nhints > 0) {
		if ((rc = sada_log_hints(s->o.log, i, &h, &l.n, err)) < 0)
			goto out;
		sada_hints_by_to(&l.by, h, l.n);
		l.full = sada_hints_full(h, l.n);
	}
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
			    basis_knows(s, &e.v[k].dot) ||
			    !sada_entry_has(&now, &e.v[k]))
				continue;
			change.e = &e;
			change.ordinal = s->told;
			change.derive = derivable(s, i, &l, &e, &e.v[k]);
			if ((rc = select_content(s, &e.v[k], &change,
			    err)) < 0)
				goto out;
		}
	}
out:
	sada_cursor_free(c);
	sada_cursor_free(m);
	free(l.by);
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
			    basis_knows(s, &e.v[k].dot))
				continue;
			if ((rc = select_content(s, &e.v[k], NULL,
			    err)) < 0)
				goto out;
		}
out:
	sada_cursor_free(c);
	return rc;
}

struct bases {
	struct sada_send *s;
	struct sada_err *err;
	int rc;
};

static void
select_base(const struct sada_ancestor *a, void *ctx)
{
	struct bases *b = ctx;
	size_t i;

	/* What several versions showed went with the one made of it. */
	for (i = 0; i < a->ndot; i++)
		if (!basis_knows(b->s, &a->dot[i]))
			break;
	if (i == a->ndot)
		return;
	if (b->rc == 0)
		b->rc = whole_content(b->s, &a->content, a->size, b->err);
}

/* What the versions of one path were made from, where they differ. */
static int
select_bases(struct sada_send *s, struct sada_err *err)
{
	struct bases b = { s, err, 0 };
	struct sada_merger_opts o = { .st = &s->st, .base = select_base,
	    .ctx = &b };
	struct sada_view_by by = { .lamport = sada_state_lamport,
	    .ctx = &s->st };
	struct sada_carry *carry = NULL;
	int rc;

	if ((rc = sada_carry_new(&carry, s->o.log, s->st.past, &s->st.ns,
	    &s->st.root, err)) < 0 ||
	    (rc = sada_merger_new(&by.merger, &o, err)) < 0)
		goto out;
	by.carry = carry;
	rc = sada_view_prepare(&s->st.ns, &s->st.root, &by, err);
out:
	sada_merger_free(by.merger);
	sada_carry_free(carry);
	return rc < 0 ? rc : b.rc;
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

			rc = sada_want_readable(&src, w, err);
			if (rc > 0)
				rc = w->type == SADA_OBJ_ANC ?
				    send_object(s, w->type, &w->id, err) :
				    whole_content(s, &w->id, w->size, err);
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
	if (!s->o.bare && (rc = select_bases(s, err)) < 0)
		return rc;
	return select_wants(s, err);
}
