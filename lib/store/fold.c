/*
 * Folding: small packs go into the one that is being written, so that
 * their number grows with the logarithm of the store.
 *
 * Packs stand in tiers by size, each tier FACTOR times the one below.
 * When the new pack would be one too many in its tier, the whole tier goes
 * into it; it may then be one too many in the next.  Each byte is so
 * rewritten about once a tier.  Blocks that are worth it are copied as
 * they stand, small ones are unpacked and their objects gathered anew.
 *
 * The packs taken in stay on disk, and in use, until a later run has seen
 * that the new one is durable and whole (commit.c).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/txn_priv.h"

enum {
	FACTOR = 8,
	TIERS = 24,
	TIER_MAX = FACTOR - 1		/* packs that a tier may hold */
};
#define TIER_LEAST ((uint64_t)16 << 10)
/* Larger packs stay: copying them would cost more than they do. */
#define FOLD_MAX ((uint64_t)2 << 30)
/* Blocks with this much in them are copied as they stand. */
#define KEEP_RAW ((uint32_t)256 << 10)

static int
tier(uint64_t size)
{
	int k = 0;

	while (size >= TIER_LEAST && k < TIERS - 1) {
		size /= FACTOR;
		k++;
	}
	return k;
}

static int
may_fold(const struct sada_pack *p, int k)
{
	return !p->damaged && !p->foreign && !atomic_load(&p->old) &&
	    !atomic_load(&p->going) && p->size <= FOLD_MAX && tier(p->size) == k;
}

/* Which packs go into a new one of SIZE bytes, each with a reference. */
static size_t
choose(struct sada_store *s, uint64_t size, struct sada_pack ***out)
{
	struct sada_pack **set;
	size_t n = 0, in, i;
	uint64_t sum;
	int k;

	(void)pthread_rwlock_rdlock(&s->lock);
	*out = set = sada_calloc(s->n + 1, sizeof(struct sada_pack *));
	for (k = tier(size); k < TIERS && size <= FOLD_MAX; k++) {
		in = 0;
		sum = 0;
		for (i = 0; i < s->n; i++) {
			if (s->pack[i] != NULL && may_fold(s->pack[i], k)) {
				in++;
				sum += s->pack[i]->size;
			}
		}
		if (tier(size) != k || in < TIER_MAX)
			break;
		for (i = 0; i < s->n; i++) {
			if (s->pack[i] != NULL && may_fold(s->pack[i], k)) {
				sada_pack_ref(s->pack[i]);
				set[n++] = s->pack[i];
			}
		}
		size += sum;
	}
	(void)pthread_rwlock_unlock(&s->lock);
	return n;
}

static int
place_cmp(const void *pa, const void *pb)
{
	const struct sada_ent *a = pa, *b = pb;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return 0;
}

/* How many of the N objects E the transaction has. */
static size_t
count_own(struct sada_txn *t, const struct sada_ent *e, size_t n)
{
	size_t i, own = 0;

	for (i = 0; i < n; i++)
		own += (size_t)sada_txn_own(t, e[i].type, &e[i].id);
	return own;
}

/* Put the N objects E of raw block RAW one by one; 1 all were good. */
static int
take_objects(struct sada_txn *t, const struct sada_buf *raw,
    const struct sada_ent *e, size_t n, struct sada_err *err)
{
	struct sada_id id;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (e[i].off > raw->len || e[i].len > raw->len - e[i].off)
			return 0;
		sada_hash(&id, sada_type_ctx(e[i].type), raw->p + e[i].off,
		    e[i].len);
		if (sada_id_cmp(&id, &e[i].id) != 0)
			return 0;
		if ((rc = sada_fill_add(t->own, e[i].type,
		    raw->p + e[i].off, e[i].len, &id, SADA_PUT_ANYWAY,
		    err)) < 0)
			return rc;
	}
	return 1;
}

/* Take block B of P with its N objects E in; 1 done, 0 damaged. */
static int
take_block(struct sada_txn *t, const struct sada_pack *p,
    const struct sada_blk *b, struct sada_ent *e, size_t n,
    struct sada_err *err)
{
	struct sada_buf bytes = { 0 }, raw = { 0 };
	struct sada_err drop;
	size_t own = count_own(t, e, n);
	uint32_t number;
	int rc = 1;

	if (own == n)
		goto out;
	if (sada_pack_block(p->fd, p->name, b, &bytes, &drop) < 0) {
		rc = 0;
	} else if (b->raw_len >= KEEP_RAW && own == 0 && n == b->objects) {
		rc = sada_txn_write(t, bytes.p, bytes.len, e, n, &number,
		    err);
		if (rc == 0)
			rc = 1;
	} else if (sada_block_unpack(&raw, bytes.p + SADA_BLOCK_HEAD,
	    b->frame_len, b->raw_len, &drop) < 0) {
		rc = 0;
	} else {
		rc = take_objects(t, &raw, e, n, err);
	}
out:
	sada_buf_release(&bytes);
	sada_buf_release(&raw);
	return rc;
}

int
sada_take_pack(struct sada_txn *t, struct sada_pack *p,
    const unsigned char *live, struct sada_err *err)
{
	struct sada_index *ix;
	struct sada_ent *e = NULL;
	struct sada_err drop;
	struct sada_blk b;
	size_t i, n, total = 0;
	int rc;

	/* The list of what is in it must be whole, or something is lost. */
	if (sada_store_recheck(t->store, p, &drop) < 0)
		return 0;
	ix = atomic_load(&p->ix);
	e = sada_calloc((size_t)ix->objects + 1, sizeof(*e));
	for (i = 0; i < ix->objects; i++)
		if (live == NULL || live[i / 8] & (1u << i % 8))
			sada_index_ent(ix, (uint32_t)i, &e[total++]);
	qsort(e, total, sizeof(*e), place_cmp);
	for (i = 0; i < total; i += n) {
		for (n = 1; i + n < total && e[i + n].block == e[i].block;
		    n++)
			;
		rc = 0;
		if (e[i].block >= ix->blocks)
			goto out;
		sada_index_blk(ix, e[i].block, &b);
		if ((rc = take_block(t, p, &b, e + i, n, err)) <= 0)
			goto out;
	}
	rc = 1;
out:
	free(e);
	return rc;
}

/* How T was before, to go back to when there is no room. */
struct before {
	uint64_t off, raw_bytes;
	size_t nent, nblk, heads;
};

static int
go_back(struct sada_txn *t, const struct before *was, struct sada_err *err)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		sada_buf_reset(&t->own->lane[i].dir);
		sada_buf_reset(&t->own->lane[i].data);
		t->own->lane[i].n = 0;
	}
	t->off = was->off;
	t->raw_bytes = was->raw_bytes;
	t->t.nent = was->nent;
	t->t.nblk = was->nblk;
	t->heads.len = was->heads;
	t->failed = 0;
	/*
	 * Blocks under numbers that will be given anew may be cached: a new
	 * serial forgets them.
	 */
	t->serial = atomic_fetch_add(&t->store->serial, 1);
	sada_txn_reslot(t, t->nslot);
	return sada_io_truncate(t->fd, t->off, err);
}

static int
no_room(const struct sada_err *err)
{
	return err->sys == ENOSPC || err->sys == EDQUOT || err->sys == EFBIG;
}

int
sada_fold(struct sada_txn *t, struct sada_pack ***taken, size_t *ntaken,
    struct sada_err *err)
{
	struct before was = { t->off, t->raw_bytes, t->t.nent, t->t.nblk,
	    t->heads.len };
	struct sada_err why = { 0 };
	struct sada_pack **set;
	size_t n, i, k = 0;
	int rc = 0;

	n = choose(t->store, t->off, &set);
	for (i = 0; i < n && rc >= 0; i++) {
		if ((rc = sada_take_pack(t, set[i], NULL, &why)) == 1)
			set[k++] = set[i];
		else
			sada_pack_unref(set[i]);
	}
	for (; i < n; i++)
		sada_pack_unref(set[i]);
	if (rc >= 0)
		rc = sada_fill_flush(t->own, &why);
	if (rc < 0) {
		while (k > 0)
			sada_pack_unref(set[--k]);
		if (no_room(&why)) {
			/* The commit itself may still fit. */
			rc = go_back(t, &was, err);
		} else if (err != NULL) {
			*err = why;
		}
	}
	*taken = set;
	*ntaken = k;
	return rc < 0 ? rc : 0;
}
