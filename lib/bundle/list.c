/* Lists of ops and member records that came and are not admitted yet. */
#include <stdlib.h>
#include <string.h>

#include "bundle/take_priv.h"

void
taken_list_release(struct taken_list *l)
{
	size_t i;

	for (i = 0; i < l->nop; i++)
		free(l->op[i].rec);
	for (i = 0; i < l->nmember; i++)
		free(l->member[i].rec);
	free(l->op);
	free(l->member);
	sada_idset_release(&l->who);
	memset(l, 0, sizeof(*l));
}

size_t
taken_list_op(struct taken_list *l, const struct sada_op *op,
    const void *rec, size_t n)
{
	struct taken_op *o;

	l->op = sada_grow(l->op, &l->capop, l->nop + 1, sizeof(*l->op));
	o = &l->op[l->nop];
	memset(o, 0, sizeof(*o));
	sada_hash(&o->id, SADA_CTX_OP, rec, n);
	o->rec = (unsigned char *)sada_memdup(rec, n);
	o->len = n;
	o->author = op->dot.author;
	o->changes = op->changes;
	/* A tree that is in the record has its id all the same. */
	if (op->flags & SADA_OP_INLINE)
		sada_hash(&o->changes, SADA_CTX_NODE, op->inl, op->inl_len);
	return l->nop++;
}

void
taken_list_member(struct taken_list *l, const struct sada_member *m,
    const void *rec, size_t n)
{
	struct taken_member *t;

	l->member = sada_grow(l->member, &l->capmember, l->nmember + 1,
	    sizeof(*l->member));
	sada_idset_add(&l->who, &m->pub.id, (uint32_t)l->nmember);
	t = &l->member[l->nmember++];
	t->m = *m;
	t->rec = (unsigned char *)sada_memdup(rec, n);
	t->len = n;
}

const struct taken_member *
taken_list_find(const struct taken_list *l, const struct sada_id *a)
{
	uint32_t i;

	return sada_idset_get(&l->who, a, &i) ? &l->member[i] : NULL;
}
