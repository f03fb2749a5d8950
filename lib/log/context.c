/*
 * Contexts, and what follows from parents and prev: heads, tips, own ops.
 *
 * A parent's number is lower than its child's, so one walk over the ops
 * in order, or against it, answers each question.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "log/log_priv.h"

static size_t
words(uint32_t n)
{
	return ((size_t)n + 63) / 64;
}

static int
bit_get(const uint64_t *bits, uint32_t i)
{
	return (int)(bits[i / 64] >> (i % 64) & 1);
}

static void
bit_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Is op I in C, or C the whole log? */
static int
within(const struct sada_context *c, uint32_t i)
{
	return c == NULL || sada_context_has(c, i);
}

/* How many ops need to be looked at for C. */
static uint32_t
reach(const struct sada_log *l, const struct sada_context *c)
{
	assert(c == NULL || c->n <= l->n);
	return c != NULL ? c->n : l->n;
}

void
sada_context_make(struct sada_context **out, const struct sada_log *l,
    const uint32_t *ops, size_t n)
{
	struct sada_context *c;
	const struct sada_op_info *o;
	uint32_t i, j, top = 0, low = 0;
	size_t k;

	c = sada_calloc(1, sizeof(*c) + words(l->n) * sizeof(c->bits[0]));
	c->n = l->n;
	for (k = 0; k < n; k++) {
		assert(ops[k] < l->n);
		bit_set(c->bits, ops[k]);
		if (ops[k] >= top)
			top = ops[k] + 1;
		if (l->links[ops[k]].full > low)
			low = l->links[ops[k]].full;
	}
	/* Most of the log is the past of any op: that needs no walk. */
	c->low = low;
	memset(c->bits, 0xff, low / 64 * sizeof(c->bits[0]));
	for (i = low / 64 * 64; i < low; i++)
		bit_set(c->bits, i);
	for (i = top; i-- > low;) {
		if (!bit_get(c->bits, i))
			continue;
		o = &l->ops[i];
		for (j = 0; j < o->nparents; j++)
			bit_set(c->bits, o->parents[j]);
	}
	*out = c;
}

int
sada_context_reaches(const struct sada_log *l, const uint32_t *ops, size_t n,
    uint32_t i)
{
	const struct sada_op_info *o;
	uint32_t at, j, top = i;
	uint64_t *bits;			/* of the ops from I on */
	size_t k;
	int found = 0;

	for (k = 0; k < n; k++) {
		assert(ops[k] < l->n);
		if (i < l->links[ops[k]].full || ops[k] == i)
			return 1;
		if (ops[k] > top)
			top = ops[k];
	}
	bits = sada_calloc(words(top - i + 1), sizeof(*bits));
	for (k = 0; k < n; k++)
		if (ops[k] > i)
			bit_set(bits, ops[k] - i);
	for (at = top; at > i && !found; at--) {
		if (!bit_get(bits, at - i))
			continue;
		o = &l->ops[at];
		for (j = 0; j < o->nparents; j++)
			if (o->parents[j] >= i)
				bit_set(bits, o->parents[j] - i);
		found = bit_get(bits, 0);
	}
	free(bits);
	return found;
}

void
sada_log_lined(unsigned char **out, const struct sada_log *l)
{
	uint32_t i, least = UINT32_MAX;

	*out = sada_calloc((size_t)l->n + 1, 1);
	/* LEAST: what all ops behind I have in their past, below that. */
	for (i = l->n; i-- > 0;) {
		(*out)[i] = l->links[i].full >= i && least > i;
		if (l->links[i].full < least)
			least = l->links[i].full;
	}
}

int
sada_context_has(const struct sada_context *c, uint32_t i)
{
	return i < c->n && bit_get(c->bits, i);
}

void
sada_context_copy(struct sada_context **out, const struct sada_context *c)
{
	size_t n = sizeof(*c) + words(c->n) * sizeof(c->bits[0]);

	*out = sada_malloc(n);
	memcpy(*out, c, n);
}

uint64_t
sada_context_count(const struct sada_context *c)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < words(c->n); i++)
		count += (uint64_t)__builtin_popcountll(c->bits[i]);
	return count;
}

void
sada_context_or(struct sada_context *a, const struct sada_context *b)
{
	size_t i;

	assert(a->n == b->n);
	if (a->low < b->low)
		a->low = b->low;
	for (i = 0; i < words(a->n); i++)
		a->bits[i] |= b->bits[i];
}

void
sada_context_and(struct sada_context *a, const struct sada_context *b)
{
	size_t i;

	assert(a->n == b->n);
	a->low = 0;
	for (i = 0; i < words(a->n); i++)
		a->bits[i] &= b->bits[i];
}

int
sada_context_seen(const struct sada_log *l, const struct sada_context *c,
    const struct sada_dot *d)
{
	uint32_t i;

	for (i = sada_index_lane(l, d); i != SADA_LOG_NONE;
	    i = l->links[i].same)
		if (l->ops[i].dot.tag == d->tag && within(c, i))
			return 1;
	return 0;
}

int
sada_context_seen_all(const struct sada_log *l,
    const struct sada_context *c, const struct sada_context *all,
    const struct sada_dot *d)
{
	uint32_t i, n = 0;

	for (i = sada_index_lane(l, d); i != SADA_LOG_NONE;
	    i = l->links[i].same) {
		if (l->ops[i].dot.tag != d->tag || !within(all, i))
			continue;
		if (!within(c, i))
			return 0;
		n++;
	}
	return n > 0;
}

uint64_t
sada_context_lamport(const struct sada_log *l, const struct sada_context *c,
    const struct sada_dot *d)
{
	uint64_t best = 0;
	uint32_t i;

	for (i = sada_index_lane(l, d); i != SADA_LOG_NONE;
	    i = l->links[i].same)
		if (l->ops[i].dot.tag == d->tag && l->ops[i].lamport > best &&
		    within(c, i))
			best = l->ops[i].lamport;
	return best;
}

size_t
sada_context_ops(const struct sada_log *l, const struct sada_context *c,
    const struct sada_dot *d, uint32_t *out, size_t max)
{
	size_t n = 0;
	uint32_t i;

	for (i = sada_index_lane(l, d); i != SADA_LOG_NONE;
	    i = l->links[i].same)
		if (l->ops[i].dot.tag == d->tag && within(c, i)) {
			if (n < max)
				out[n] = i;
			n++;
		}
	return n;
}

/* How many ops of one seq are compared with each. */
#define ALIKE_MAX 64

int
sada_log_forged(const struct sada_log *l)
{
	uint32_t i, at, n;

	for (i = 0; i < l->n; i++)
		for (n = 0, at = l->links[i].same; at != SADA_LOG_NONE;
		    at = l->links[at].same)
			if (++n > ALIKE_MAX ||
			    l->ops[at].dot.tag == l->ops[i].dot.tag)
				return 1;
	return 0;
}

/* The ops from FIRST to below N within C that are not in BITS: new array. */
static void
collect(uint32_t **out, size_t *count, const struct sada_context *c,
    const uint64_t *bits, uint32_t first, uint32_t n)
{
	uint32_t *v = NULL, i;
	size_t cap = 0, k = 0;

	for (i = first; i < n; i++) {
		if (bit_get(bits, i) || !within(c, i))
			continue;
		v = sada_grow(v, &cap, k + 1, sizeof(*v));
		v[k++] = i;
	}
	*out = v;
	*count = k;
}

static int
cmp_by_id(const void *a, const void *b, void *ctx)
{
	const struct sada_log *l = ctx;

	return sada_id_cmp(&l->ops[*(const uint32_t *)a].id,
	    &l->ops[*(const uint32_t *)b].id);
}

void
sada_context_heads(uint32_t **out, size_t *n, const struct sada_log *l,
    const struct sada_context *c)
{
	uint32_t i, j, top = reach(l, c);
	uint32_t first = c != NULL && c->low > 0 ? c->low - 1 : 0;
	uint64_t *past = sada_calloc(words(top) + 1, sizeof(*past));

	for (i = first; i < top; i++)
		if (within(c, i))
			for (j = 0; j < l->ops[i].nparents; j++)
				bit_set(past, l->ops[i].parents[j]);
	collect(out, n, c, past, first, top);
	free(past);
	if (*n > 1)
		qsort_r(*out, *n, sizeof(**out), cmp_by_id,
		    (void *)(uintptr_t)l);
}

void
sada_log_tips(uint32_t **out, size_t *n, const struct sada_log *l,
    const struct sada_context *c)
{
	uint32_t i, top = reach(l, c);
	uint64_t *named = sada_calloc(words(top) + 1, sizeof(*named));

	for (i = 0; i < top; i++)
		if (within(c, i) && l->links[i].prev != SADA_LOG_NONE)
			bit_set(named, l->links[i].prev);
	collect(out, n, c, named, 0, top);
	free(named);
}

int
sada_log_own_last(const struct sada_log *l, uint32_t *i)
{
	if (l->own_last == SADA_LOG_NONE)
		return 0;
	*i = l->own_last;
	return 1;
}

void
sada_log_own_heads(uint32_t **out, size_t *n, const struct sada_log *l)
{
	uint64_t *skip = sada_calloc(words(l->n) + 1, sizeof(*skip));
	const struct sada_op_info *o;
	uint32_t i, j;
	int own;

	for (i = l->n; i-- > 0;) {
		o = &l->ops[i];
		own = sada_id_cmp(&o->dot.author, &l->self) == 0;
		if (!own && !bit_get(skip, i))
			continue;
		for (j = 0; j < o->nparents; j++)
			bit_set(skip, o->parents[j]);
		if (own && l->links[i].prev != SADA_LOG_NONE)
			bit_set(skip, l->links[i].prev);
	}
	for (i = 0; i < l->n; i++)
		if (sada_id_cmp(&l->ops[i].dot.author, &l->self) != 0)
			bit_set(skip, i);
	collect(out, n, NULL, skip, 0, l->n);
	free(skip);
}

/* Has EPOCH of our own two ops at one seq? */
static int
is_forked(const struct sada_log *l, uint64_t epoch)
{
	size_t i;

	for (i = 0; i < l->nforks; i++)
		if (l->forks[i] == epoch)
			return 1;
	return 0;
}

int
sada_log_own_tip(const struct sada_log *l, const struct sada_context *c,
    uint32_t *out)
{
	uint64_t *named = sada_calloc(words(l->n) + 1, sizeof(*named));
	const struct sada_op_info *o;
	uint32_t i;
	int found = 0;

	for (i = l->n; i-- > 0 && !found;) {
		o = &l->ops[i];
		found = o->local && within(c, i) && !bit_get(named, i) &&
		    sada_id_cmp(&o->dot.author, &l->self) == 0 &&
		    !is_forked(l, o->dot.epoch);
		*out = i;
		if (l->links[i].prev != SADA_LOG_NONE)
			bit_set(named, l->links[i].prev);
	}
	free(named);
	return found;
}

int
sada_log_epoch_due(const struct sada_log *l)
{
	if (l->own_last == SADA_LOG_NONE || l->due ||
	    is_forked(l, l->ops[l->own_last].dot.epoch))
		return 1;
	return 0;
}
