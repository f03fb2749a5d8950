/*
 * The index in memory: ops by number, by id, and by author, epoch, seq.
 *
 * Both tables hash with random multipliers, so that a peer who chooses
 * dots or grinds ids cannot choose where they fall.
 *
 * Staged ops, which are tried before they are committed, stand behind all
 * others, and go the way they came.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "log/log_priv.h"

/* Op numbers in a block of the arena. */
#define ARENA_BLOCK 65536u
/* Slots of the smallest table, as a power of two. */
#define BITS_MIN 8

_Static_assert(ARENA_BLOCK >= SADA_PARENTS_MAX, "one op fits a block");

static uint32_t
hash_id(const struct sada_log *l, const struct sada_id *id)
{
	return (uint32_t)((sada_le64(id->b) * l->key[0] +
	    sada_le64(id->b + 8) * l->key[1]) >> 32);
}

static uint32_t
hash_dot(const struct sada_log *l, const struct sada_dot *d)
{
	return (uint32_t)((sada_le64(d->author.b) * l->key[0] +
	    sada_le64(d->author.b + 8) * l->key[1] + d->epoch * l->key[2] +
	    d->seq * l->key[3]) >> 32);
}

static int
lane_equal(const struct sada_dot *a, const struct sada_dot *b)
{
	return a->seq == b->seq && a->epoch == b->epoch &&
	    sada_id_cmp(&a->author, &b->author) == 0;
}

static void
table_init(struct sada_table *t, unsigned bits)
{
	t->bits = bits;
	t->used = 0;
	t->v = sada_calloc((size_t)1 << bits, sizeof(*t->v));
}

/* The place of HASH, and those to look at after it. */
static size_t
table_first(const struct sada_table *t, uint32_t hash)
{
	return hash >> (32 - t->bits);
}

static size_t
table_next(const struct sada_table *t, size_t at)
{
	return (at + 1) & (((size_t)1 << t->bits) - 1);
}

static void
table_put(struct sada_table *t, struct sada_slot slot)
{
	size_t at = table_first(t, slot.hash);

	while (t->v[at].num != 0)
		at = table_next(t, at);
	t->v[at] = slot;
	t->used++;
}

/* Take NUM, put under HASH, out again; what it made way for moves up. */
static void
table_drop(struct sada_table *t, uint32_t hash, uint32_t num)
{
	size_t at = table_first(t, hash), hole, home;
	size_t mask = ((size_t)1 << t->bits) - 1;

	while (t->v[at].num != num) {
		assert(t->v[at].num != 0);
		at = table_next(t, at);
	}
	hole = at;
	for (at = table_next(t, at); t->v[at].num != 0;
	    at = table_next(t, at)) {
		home = table_first(t, t->v[at].hash);
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		t->v[hole] = t->v[at];
		hole = at;
	}
	memset(&t->v[hole], 0, sizeof(t->v[hole]));
	t->used--;
}

/* Make room for one more. */
static void
table_grow(struct sada_table *t)
{
	struct sada_table old = *t;
	size_t i;

	if (t->used < ((size_t)1 << t->bits) / 2)
		return;
	assert(t->bits <= 30);
	table_init(t, t->bits + 2);
	for (i = 0; i < (size_t)1 << old.bits; i++)
		if (old.v[i].num != 0)
			table_put(t, old.v[i]);
	free(old.v);
}

void
sada_index_init(struct sada_log *l, const struct sada_id *self)
{
	size_t i;

	if (self != NULL)
		l->self = *self;
	l->own_last = SADA_LOG_NONE;
	l->staged = SADA_LOG_NONE;
	table_init(&l->ids, BITS_MIN);
	table_init(&l->dots, BITS_MIN);
	sada_io_random(l->key, sizeof(l->key));
	for (i = 0; i < sizeof(l->key) / sizeof(l->key[0]); i++)
		l->key[i] |= 1;
}

void
sada_index_release(struct sada_log *l)
{
	size_t i;

	sada_index_unhint(l, 0);
	for (i = 0; i < l->narena; i++)
		free(l->arena[i]);
	free(l->arena);
	free(l->ops);
	free(l->links);
	free(l->ids.v);
	free(l->dots.v);
	free(l->forks);
}

/* Room for N op numbers that stays where it is; NULL for none. */
static uint32_t *
arena_take(struct sada_log *l, size_t n)
{
	uint32_t *block;

	assert(n <= ARENA_BLOCK);
	if (n == 0)
		return NULL;
	if (n > l->arena_left) {
		l->arena = sada_grow(l->arena, &l->arena_cap, l->narena + 1,
		    sizeof(*l->arena));
		l->arena[l->narena++] = sada_malloc(ARENA_BLOCK *
		    sizeof(**l->arena));
		l->arena_left = ARENA_BLOCK;
	}
	block = l->arena[l->narena - 1];
	block += ARENA_BLOCK - l->arena_left;
	l->arena_left -= n;
	return block;
}

int
sada_log_find(const struct sada_log *l, const struct sada_id *id,
    uint32_t *i)
{
	const struct sada_table *t = &l->ids;
	uint32_t hash = hash_id(l, id);
	size_t at;

	for (at = table_first(t, hash); t->v[at].num != 0;
	    at = table_next(t, at))
		if (t->v[at].hash == hash && sada_id_cmp(id,
		    &l->ops[t->v[at].num - 1].id) == 0) {
			*i = t->v[at].num - 1;
			return 1;
		}
	return 0;
}

/* The slot of the ops at D's author, epoch and seq, or NULL. */
static struct sada_slot *
lane_slot(const struct sada_log *l, const struct sada_dot *d)
{
	const struct sada_table *t = &l->dots;
	uint32_t hash = hash_dot(l, d);
	size_t at;

	for (at = table_first(t, hash); t->v[at].num != 0;
	    at = table_next(t, at))
		if (t->v[at].hash == hash &&
		    lane_equal(d, &l->ops[t->v[at].num - 1].dot))
			return &t->v[at];
	return NULL;
}

uint32_t
sada_index_lane(const struct sada_log *l, const struct sada_dot *d)
{
	const struct sada_slot *s = lane_slot(l, d);

	return s != NULL ? s->num - 1 : SADA_LOG_NONE;
}

static int
cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Fill in O's parents and lamport; returns how many are not held. */
static unsigned
add_parents(struct sada_log *l, struct sada_op_info *o,
    const struct sada_op *op)
{
	uint32_t p, *v = arena_take(l, op->nparents);
	size_t i;

	o->parents = v;
	o->nparents = 0;
	o->lamport = 0;
	for (i = 0; i < op->nparents; i++) {
		if (!sada_log_find(l, &op->parents[i], &p))
			continue;
		v[o->nparents++] = p;
		if (l->ops[p].lamport > o->lamport)
			o->lamport = l->ops[p].lamport;
	}
	o->lamport++;
	if (o->nparents > 1)
		qsort(v, o->nparents, sizeof(*v), cmp_u32);
	return (unsigned)op->nparents - o->nparents;
}

/*
 * Up to where all ops are op I or in its past: by its parents' words, and
 * not always as far as it is true.
 */
static uint32_t
full_past(const struct sada_log *l, uint32_t i)
{
	const struct sada_op_info *o = &l->ops[i];
	uint32_t k, full = 0;

	for (k = 0; k < o->nparents; k++)
		if (l->links[o->parents[k]].full > full)
			full = l->links[o->parents[k]].full;
	for (k = 0; k < o->nparents; k++)
		full += (uint32_t)(o->parents[k] == full);
	return full + (uint32_t)(i == full);
}

/* What an own op, number I, says about our epoch. */
static void
note_own(struct sada_log *l, uint32_t i, int forked)
{
	const struct sada_op_info *o = &l->ops[i];

	if (forked) {
		l->forks = sada_grow(l->forks, &l->forks_cap, l->nforks + 1,
		    sizeof(*l->forks));
		l->forks[l->nforks++] = o->dot.epoch;
	}
	if (o->local) {
		l->own_last = i;
		l->due = 0;
	} else
		l->due = 1;
}

/* Put op I, which is in ops, into the tables. */
static void
add_tables(struct sada_log *l, uint32_t i)
{
	struct sada_slot *lane, slot;
	struct sada_op_info *o = &l->ops[i];

	slot.num = i + 1;
	slot.hash = hash_id(l, &o->id);
	table_grow(&l->ids);
	table_put(&l->ids, slot);
	l->links[i].same = SADA_LOG_NONE;
	if ((lane = lane_slot(l, &o->dot)) != NULL) {
		l->links[i].same = lane->num - 1;
		lane->num = i + 1;
		return;
	}
	slot.hash = hash_dot(l, &o->dot);
	table_grow(&l->dots);
	table_put(&l->dots, slot);
}

/* Forget the ops from number N on. */
static void
index_truncate(struct sada_log *l, uint32_t n)
{
	struct sada_slot *s;
	uint32_t i;

	sada_index_unhint(l, n);
	while (l->n > n) {
		i = --l->n;
		table_drop(&l->ids, hash_id(l, &l->ops[i].id), i + 1);
		/* The newest of its author, epoch and seq: see invariant 2. */
		s = lane_slot(l, &l->ops[i].dot);
		assert(s != NULL && s->num == i + 1);
		if (l->links[i].same != SADA_LOG_NONE)
			s->num = l->links[i].same + 1;
		else
			table_drop(&l->dots, s->hash, i + 1);
	}
}

unsigned
sada_index_add(struct sada_log *l, const struct sada_rec *r, unsigned kind,
    uint64_t segment, uint64_t off)
{
	const struct sada_op *op = &r->op;
	struct sada_op_info *o;
	unsigned missing;
	uint32_t i = l->n;

	assert(r->rc == 0 && i < SADA_LOG_NONE - 1);
	l->ops = sada_grow(l->ops, &l->ops_cap, (size_t)i + 1,
	    sizeof(*l->ops));
	l->links = sada_grow(l->links, &l->links_cap, (size_t)i + 1,
	    sizeof(*l->links));
	o = &l->ops[i];
	memset(o, 0, sizeof(*o));
	o->id = r->id;
	o->dot = op->dot;
	o->prev = op->prev;
	o->root = op->root;
	o->changes = op->changes;
	/* A tree that is in the record has its id all the same. */
	if (op->flags & SADA_OP_INLINE)
		sada_hash(&o->changes, SADA_CTX_NODE, op->inl, op->inl_len);
	o->flags = op->flags;
	o->local = kind == SADA_FRAME_LOCAL;
	o->wall_ns = op->wall_ns;
	o->n_set = op->n_set;
	o->n_gone = op->n_gone;
	o->n_lost = op->n_lost;
	o->n_before = op->n_before;
	o->nhints = op->nhints;
	o->hints_len = (uint32_t)op->hints_len;
	l->links[i].hints = NULL;
	o->segment = (uint32_t)segment;
	o->off = off;
	o->len = (uint32_t)r->n;
	missing = add_parents(l, o, op);
	l->links[i].full = full_past(l, i);
	if (sada_id_zero(&op->prev) ||
	    !sada_log_find(l, &op->prev, &l->links[i].prev))
		l->links[i].prev = SADA_LOG_NONE;
	add_tables(l, i);
	l->n++;
	if (sada_id_cmp(&op->dot.author, &l->self) == 0)
		note_own(l, i, l->links[i].same != SADA_LOG_NONE);
	return missing;
}

uint32_t
sada_log_count(const struct sada_log *l)
{
	return l->n;
}

const struct sada_op_info *
sada_log_op(const struct sada_log *l, uint32_t i)
{
	assert(i < l->n);
	return &l->ops[i];
}

unsigned
sada_log_abbrev(const struct sada_log *l, const struct sada_id *prefix,
    unsigned nhex, uint32_t out[2])
{
	const unsigned char *b;
	unsigned found = 0;
	uint32_t i;

	assert(nhex <= SADA_HEX_LEN);
	for (i = 0; i < l->n; i++) {
		b = l->ops[i].id.b;
		if (memcmp(b, prefix->b, nhex / 2) != 0 ||
		    (nhex % 2 == 1 &&
		    (b[nhex / 2] ^ prefix->b[nhex / 2]) >> 4 != 0))
			continue;
		if (found < 2)
			out[found] = i;
		found++;
	}
	return found;
}

int
sada_log_stage(struct sada_log *l, const void *p, size_t n, uint32_t *i,
    struct sada_err *err)
{
	struct sada_rec r;
	uint32_t k;
	size_t j;
	int rc = 0;

	memset(&r, 0, sizeof(r));
	sada_hash(&r.id, SADA_CTX_OP, p, n);
	if (sada_log_find(l, &r.id, i))
		return 0;
	r.type = SADA_LOG_OP;
	r.p = p;
	r.n = n;
	if ((r.rc = sada_op_decode(&r.op, p, n, err)) < 0)
		return r.rc;
	for (j = 0; j < r.op.nparents; j++)
		if (!sada_log_find(l, &r.op.parents[j], &k)) {
			rc = sada_err_set(err, SADA_NOTFOUND,
			    "a parent of an op is not held");
			goto out;
		}
	if (l->staged == SADA_LOG_NONE) {
		l->staged = l->n;
		l->staged_due = l->due;
		l->staged_forks = l->nforks;
	}
	*i = l->n;
	(void)sada_index_add(l, &r, SADA_FRAME_PULLED, 0, 0);
	/* Its record cannot be read again. */
	sada_index_hint(l, *i, &r.op);
out:
	sada_op_release(&r.op);
	return rc;
}

void
sada_log_unstage_last(struct sada_log *l)
{
	assert(l->staged != SADA_LOG_NONE && l->n > l->staged);
	index_truncate(l, l->n - 1);
	if (l->n == l->staged)
		sada_log_unstage(l);
}

void
sada_log_unstage(struct sada_log *l)
{
	if (l->staged == SADA_LOG_NONE)
		return;
	if (l->n > l->staged)
		index_truncate(l, l->staged);
	l->due = l->staged_due;
	l->nforks = l->staged_forks;
	l->staged = SADA_LOG_NONE;
}
