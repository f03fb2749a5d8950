/*
 * Merge of JSON objects, member by member.  The side that sorts first as
 * bytes is the template: its order and its blanks stay, new members of the
 * other are put behind the one that they follow there (and behind those that
 * are new after it in the template), with the blanks that they bring.  So
 * the answer does not depend on which side is called a.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/json_priv.h"
#include "merge/lines_priv.h"

#define NONE SADA_JSON_NONE

struct merging {
	struct sada_json base, t, o;	/* t: the template; o: the other */
	struct sada_buf out;
};

enum outcome { DROP, TAKE_T, TAKE_O, BOTH, CONFLICT };

/* A member of the answer; NONE for a side that does not have it. */
struct item {
	uint32_t b, t, o;
	enum outcome what;
	uint32_t next;			/* in order; NONE: the last */
};

static int
raw_same(const struct sada_json *j, uint32_t a, const struct sada_json *k,
    uint32_t b)
{
	const struct sada_member *m = &j->member[a], *n = &k->member[b];

	return m->end - m->val == n->end - n->val &&
	    memcmp(j->p + m->val, k->p + n->val, m->end - m->val) == 0;
}

static int
same(const struct sada_json *j, uint32_t a, const struct sada_json *k,
    uint32_t b)
{
	const struct sada_member *m = &j->member[a], *n = &k->member[b];

	return sada_json_same(j->p + m->val, m->end - m->val, k->p + n->val,
	    n->end - n->val);
}

/*
 * What becomes of a member.  Equal bytes are tried first, so that a side
 * that only changed blanks is heard; else blanks do not count.
 */
static enum outcome
judge(const struct merging *m, const struct item *i)
{
	if (i->t == NONE || i->o == NONE) {
		if (i->b == NONE)
			return i->t != NONE ? TAKE_T : TAKE_O;
		return (i->t != NONE ? same(&m->t, i->t, &m->base, i->b) :
		    same(&m->o, i->o, &m->base, i->b)) ? DROP : CONFLICT;
	}
	if (i->b != NONE && raw_same(&m->t, i->t, &m->base, i->b))
		return TAKE_O;
	if ((i->b != NONE && raw_same(&m->o, i->o, &m->base, i->b)) ||
	    raw_same(&m->t, i->t, &m->o, i->o))
		return TAKE_T;
	if (m->t.member[i->t].obj != NONE && m->o.member[i->o].obj != NONE)
		return BOTH;
	if (i->b != NONE && same(&m->o, i->o, &m->base, i->b))
		return TAKE_T;
	if (i->b != NONE && same(&m->t, i->t, &m->base, i->b))
		return TAKE_O;
	return same(&m->t, i->t, &m->o, i->o) ? TAKE_T : CONFLICT;
}

/* The members of the answer, in order; *HEAD is the first. */
struct list {
	struct item *item;
	uint32_t n, head;
};

/*
 * Fill L for objects B (or NONE), T and O; 1, or 0 for a conflict.
 * L->item is to be freed after either.
 */
static int
list_fill(struct list *l, const struct merging *m, uint32_t b, uint32_t t,
    uint32_t o)
{
	const struct sada_object *ot = &m->t.object[t], *oo = &m->o.object[o];
	const struct sada_member *member;
	struct item *i;
	uint32_t k, at, *link, prev = NONE;

	l->item = sada_calloc((size_t)ot->n + oo->n + 1, sizeof(*l->item));
	l->head = NONE;
	link = &l->head;
	for (l->n = 0; l->n < ot->n; l->n++) {
		i = &l->item[l->n];
		i->t = ot->first + l->n;
		member = &m->t.member[i->t];
		i->b = sada_json_find(&m->base, b, &m->t, member);
		i->o = sada_json_find(&m->o, o, &m->t, member);
		i->next = NONE;
		if ((i->what = judge(m, i)) == CONFLICT)
			return 0;
		if (i->what != DROP) {
			*link = l->n;
			link = &i->next;
		}
	}
	for (k = 0; k < oo->n; k++) {
		member = &m->o.member[oo->first + k];
		at = sada_json_find(&m->t, t, &m->o, member);
		if (at != NONE) {
			at -= ot->first;
			if (l->item[at].what != DROP)
				prev = at;
			continue;
		}
		i = &l->item[l->n];
		i->t = NONE;
		i->o = oo->first + k;
		i->b = sada_json_find(&m->base, b, &m->o, member);
		if ((i->what = judge(m, i)) == CONFLICT)
			return 0;
		if (i->what == DROP)
			continue;
		link = prev != NONE ? &l->item[prev].next : &l->head;
		while (*link != NONE && l->item[*link].o == NONE)
			link = &l->item[*link].next;
		i->next = *link;
		*link = prev = l->n++;
	}
	return 1;
}

static void
put(struct sada_buf *out, const struct sada_json *j, uint32_t from,
    uint32_t to)
{
	sada_buf_add(out, j->p + from, to - from);
}

/* The blanks before member AT of OBJ, which is to stand first or not. */
static void
put_lead(struct sada_buf *out, const struct sada_json *j,
    const struct sada_object *obj, uint32_t at, int first)
{
	const struct sada_member *m;

	if (first)
		at = obj->first;
	else if (at == obj->first && obj->n > 1)
		at++;
	m = &j->member[at];
	put(out, j, m->lead, m->name);
}

static int merge_object(struct merging *m, uint32_t b, uint32_t t,
    uint32_t o);

/* Write member I of objects T and O; 1, or 0 for a conflict. */
static int
put_item(struct merging *m, const struct item *i, uint32_t t, uint32_t o,
    int first)
{
	const struct sada_json *j = i->t != NONE ? &m->t : &m->o, *k;
	uint32_t at = i->t != NONE ? i->t : i->o, b;
	const struct sada_object *obj = &j->object[i->t != NONE ? t : o];
	const struct sada_member *x = &j->member[at], *v;

	if (!first)
		sada_buf_adds(&m->out, ",");
	put_lead(&m->out, j, obj, at, first);
	put(&m->out, j, x->name, x->val);
	if (i->what == BOTH) {
		b = i->b != NONE ? m->base.member[i->b].obj : NONE;
		if (!merge_object(m, b, x->obj, m->o.member[i->o].obj))
			return 0;
	} else {
		k = i->what == TAKE_T ? &m->t : &m->o;
		v = &k->member[i->what == TAKE_T ? i->t : i->o];
		put(&m->out, k, v->val, v->end);
	}
	if (i->next != NONE && at + 1 < obj->first + obj->n)
		put(&m->out, j, x->end, x->stop);
	return 1;
}

/* Write the merge of objects B (or NONE), T and O; 1, or 0: conflict. */
static int
merge_object(struct merging *m, uint32_t b, uint32_t t, uint32_t o)
{
	const struct sada_object *ot = &m->t.object[t], *oo = &m->o.object[o];
	const struct sada_member *last;
	struct list l;
	uint32_t i;
	int ok;

	ok = list_fill(&l, m, b, t, o);
	if (ok)
		sada_buf_adds(&m->out, "{");
	for (i = l.head; ok && i != NONE; i = l.item[i].next)
		ok = put_item(m, &l.item[i], t, o, i == l.head);
	if (ok && l.head != NONE && ot->n > 0) {
		last = &m->t.member[ot->first + ot->n - 1];
		put(&m->out, &m->t, last->end, last->stop);
	} else if (ok && l.head != NONE) {
		last = &m->o.member[oo->first + oo->n - 1];
		put(&m->out, &m->o, last->end, last->stop);
	} else if (ok && ot->n == 0)
		put(&m->out, &m->t, ot->val + 1, ot->end - 1);
	if (ok)
		sada_buf_adds(&m->out, "}");
	free(l.item);
	return ok;
}

/* Write one of three runs of blanks, those that a side changed. */
static void
put_blanks(struct merging *m, uint32_t b, uint32_t nb, uint32_t t,
    uint32_t nt, uint32_t o, uint32_t no)
{
	if (nt == nb && memcmp(m->t.p + t, m->base.p + b, nt) == 0)
		put(&m->out, &m->o, o, o + no);
	else
		put(&m->out, &m->t, t, t + nt);
}

/* The same for a value that is the whole text. */
static int
put_root(struct merging *m)
{
	const struct sada_json *b = &m->base, *t = &m->t, *o = &m->o, *k = t;
	size_t nb = b->end - b->val, nt = t->end - t->val;
	size_t no = o->end - o->val;

	if (nt == nb && memcmp(t->p + t->val, b->p + b->val, nt) == 0)
		k = o;
	else if ((no == nb && memcmp(o->p + o->val, b->p + b->val, no) ==
	    0) || (no == nt && memcmp(o->p + o->val, t->p + t->val, no) == 0))
		k = t;
	else if (t->obj != NONE && o->obj != NONE)
		return merge_object(m, b->obj, t->obj, o->obj);
	else if (sada_json_same(o->p + o->val, no, b->p + b->val, nb))
		k = t;
	else if (sada_json_same(t->p + t->val, nt, b->p + b->val, nb))
		k = o;
	else if (!sada_json_same(t->p + t->val, nt, o->p + o->val, no))
		return 0;
	put(&m->out, k, k->val, k->end);
	return 1;
}

int
sada_merge_json(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err)
{
	struct merging m;
	int swapped = sada_merge_swapped(in), ok;

	(void)err;
	memset(&m, 0, sizeof(m));
	ok = sada_json_parse(&m.base, &in->base);
	ok = sada_json_parse(&m.t, swapped ? &in->b : &in->a) && ok;
	ok = sada_json_parse(&m.o, swapped ? &in->a : &in->b) && ok;
	if (ok) {
		put_blanks(&m, 0, m.base.val, 0, m.t.val, 0, m.o.val);
		ok = put_root(&m);
	}
	if (ok) {
		put_blanks(&m, m.base.end, (uint32_t)m.base.n - m.base.end,
		    m.t.end, (uint32_t)m.t.n - m.t.end, m.o.end,
		    (uint32_t)m.o.n - m.o.end);
		sada_buf_add(out, m.out.p, m.out.len);
	}
	sada_json_release(&m.base);
	sada_json_release(&m.t);
	sada_json_release(&m.o);
	sada_buf_release(&m.out);
	return ok;
}
