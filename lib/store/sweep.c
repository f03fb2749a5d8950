/*
 * The sweep: packs are written anew without what nothing needs.
 *
 * Marks are bits by an object's number in its pack's index, so that a
 * store of millions of objects takes little memory.  An object that stands
 * in several packs is marked in all of them: one may turn out damaged.
 *
 * Order: new packs, each a commit of its own, so durable; then the list of
 * those and of the old ones (swept.c), durable as well.  Before the list
 * nothing has changed but that some objects are there twice; after it the
 * old packs wait for the next writer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/txn_priv.h"

/* A pack is written anew when this part of it is not marked. */
#define WASTE_PART 8
/* Packs below this are put together when there are several. */
#define GATHER_BELOW ((uint64_t)128 << 20)
/* A new pack is closed when it is this large. */
#define NEW_MAX ((uint64_t)2 << 30)

/*
 * One pack.  IX is the index that the numbers are of; a better one that
 * may replace it meanwhile would count otherwise.
 */
struct swept {
	struct sada_pack *p;
	struct sada_index *ix;
	unsigned char *live;
	uint64_t objects, bytes;	/* not marked */
	uint64_t all_bytes;
	int anew;			/* it is to be written anew */
};

struct sada_sweep {
	struct sada_store *s;
	struct swept *pack;
	size_t n;
};

int
sada_sweep_new(struct sada_sweep **out, struct sada_store *s,
    struct sada_err *err)
{
	struct sada_sweep *w = sada_calloc(1, sizeof(*w));
	struct sada_err drop;
	struct sada_pack *p;
	struct swept *x;
	size_t i;
	int rc;

	*out = NULL;
	w->s = s;
	if ((rc = sada_store_scan(s, SADA_STORE_DROP, err)) < 0)
		goto out;
	w->pack = sada_calloc(s->n + 1, sizeof(*w->pack));
	for (i = 0; i < s->n; i++) {
		if ((p = sada_store_pack(s, i)) == NULL)
			continue;
		/* What can be had of a damaged pack is not for us to say. */
		if (p->damaged || p->foreign || atomic_load(&p->old) ||
		    atomic_load(&p->going) ||
		    sada_store_recheck(s, p, &drop) < 0) {
			sada_pack_unref(p);
			continue;
		}
		x = &w->pack[w->n++];
		x->p = p;
		x->ix = atomic_load(&p->ix);
		x->live = sada_calloc((size_t)x->ix->objects / 8 + 1, 1);
	}
	*out = w;
	w = NULL;
out:
	sada_sweep_free(w);
	return rc;
}

void
sada_sweep_free(struct sada_sweep *w)
{
	size_t i;

	if (w == NULL)
		return;
	for (i = 0; i < w->n; i++) {
		free(w->pack[i].live);
		sada_pack_unref(w->pack[i].p);
	}
	free(w->pack);
	free(w);
}

static int
is_live(const struct swept *x, uint32_t i)
{
	return x->live[i / 8] >> i % 8 & 1;
}

int
sada_sweep_mark(struct sada_sweep *w, unsigned type,
    const struct sada_id *id)
{
	struct swept *x;
	uint32_t k;
	size_t i;
	int was = SADA_SWEEP_NONE;

	for (i = 0; i < w->n; i++) {
		x = &w->pack[i];
		k = sada_index_number(x->ix, type, id);
		if (k == UINT32_MAX)
			continue;
		if (is_live(x, k)) {
			if (was == SADA_SWEEP_NONE)
				was = SADA_SWEEP_OLD;
			continue;
		}
		x->live[k / 8] |= (unsigned char)(1u << k % 8);
		was = SADA_SWEEP_NEW;
	}
	return was;
}

/* What is not marked of each pack. */
static void
weigh(struct sada_sweep *w, struct sada_sweep_stat *st)
{
	struct sada_ent e;
	struct swept *x;
	uint32_t k;
	size_t i;

	for (i = 0; i < w->n; i++) {
		x = &w->pack[i];
		for (k = 0; k < x->ix->objects; k++) {
			sada_index_ent(x->ix, k, &e);
			x->all_bytes += e.len;
			if (is_live(x, k))
				continue;
			x->objects++;
			x->bytes += e.len;
		}
		st->objects += x->objects;
		st->bytes += x->bytes;
	}
}

/* Which packs are written anew.  0: none. */
static int
choose(struct sada_sweep *w)
{
	struct swept *x, *least = NULL;
	size_t i, small = 0, n = 0, living = 0;

	for (i = 0; i < w->n; i++) {
		x = &w->pack[i];
		x->anew = x->objects == x->ix->objects ||
		    x->bytes >= x->all_bytes / WASTE_PART + 1;
		small += x->p->size < GATHER_BELOW;
	}
	for (i = 0; i < w->n; i++) {
		x = &w->pack[i];
		x->anew |= small > 1 && x->p->size < GATHER_BELOW;
		n += (size_t)x->anew;
		living += x->anew && x->objects < x->ix->objects;
		if (!x->anew && (least == NULL ||
		    x->p->size < least->p->size))
			least = x;
	}
	/* A pack must hold something, and a list must name a pack. */
	if (n > 0 && living == 0) {
		if (least == NULL)
			return 0;
		least->anew = 1;
	}
	return n > 0;
}

struct sweeping {
	struct sada_sweep *w;
	struct sada_sweep_stat *st;
	struct sada_swept list;
	size_t cap_fresh, cap_stale;
	size_t done;			/* of the stale, in what is committed */
	struct sada_txn *txn;
};

/* The name under which the pack of serial SERIAL is in the store. */
static void
add_fresh(struct sweeping *g, uint32_t serial)
{
	struct sada_store *s = g->w->s;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->pack[i] == NULL || s->pack[i]->serial != serial)
			continue;
		g->list.fresh = sada_grow(g->list.fresh, &g->cap_fresh,
		    g->list.nfresh + 1, sizeof(*g->list.fresh));
		memcpy(g->list.fresh[g->list.nfresh++], s->pack[i]->name,
		    SADA_PACK_NAME);
		g->st->packs_new++;
		g->st->size_new += s->pack[i]->size;
	}
}

static int
end_pack(struct sweeping *g, struct sada_err *err)
{
	struct sada_txn *t = g->txn;
	uint32_t serial;
	int rc;

	if (t == NULL)
		return 0;
	g->txn = NULL;
	serial = t->serial;
	if ((rc = sada_txn_commit(t, err)) < 0)
		return rc;
	add_fresh(g, serial);
	g->done = g->list.nstale;
	return 0;
}

static int
take(struct sweeping *g, struct swept *x, struct sada_err *err)
{
	int rc;

	if (g->txn != NULL && g->txn->off > NEW_MAX &&
	    (rc = end_pack(g, err)) < 0)
		return rc;
	if (g->txn == NULL) {
		if ((rc = sada_txn_begin(&g->txn, g->w->s, err)) < 0)
			return rc;
		g->txn->no_fold = 1;
	}
	if ((rc = sada_take_pack(g->txn, x->p, x->live, err)) <= 0)
		return rc;		/* 0: damaged, it stays as it is */
	g->list.stale = sada_grow(g->list.stale, &g->cap_stale,
	    g->list.nstale + 1, sizeof(*g->list.stale));
	memcpy(g->list.stale[g->list.nstale++], x->p->name, SADA_PACK_NAME);
	g->st->packs_old++;
	g->st->size_old += x->p->size;
	return 0;
}

/* A pack that came out as it was must not go. */
static void
spare_fresh(struct sada_swept *l)
{
	size_t i, j, k = 0;

	for (i = 0; i < l->nstale; i++) {
		for (j = 0; j < l->nfresh; j++)
			if (strcmp(l->stale[i], l->fresh[j]) == 0)
				break;
		if (j == l->nfresh)
			memmove(l->stale[k++], l->stale[i], SADA_PACK_NAME);
	}
	l->nstale = k;
}

int
sada_sweep_commit(struct sada_sweep *w, unsigned flags,
    struct sada_sweep_stat *st, struct sada_err *err)
{
	struct sweeping g = { .w = w, .st = st };
	struct sada_err drop;
	size_t i;
	int rc = 0, listed = 0;

	memset(st, 0, sizeof(*st));
	weigh(w, st);
	if ((flags & SADA_SWEEP_DRY) != 0 || !choose(w))
		return 0;
	for (i = 0; i < w->n && rc == 0; i++)
		if (w->pack[i].anew)
			rc = take(&g, &w->pack[i], err);
	if (rc == 0)
		rc = end_pack(&g, err);
	sada_txn_abort(g.txn);
	/* On a full disk what was done so far makes room for the rest. */
	g.list.nstale = g.done;
	spare_fresh(&g.list);
	if (g.list.nfresh > 0 && g.list.nstale > 0 &&
	    (listed = sada_swept_write(&g.list, w->s->dirfd, &drop)) == 0)
		listed = sada_store_scan(w->s, 0, &drop);
	sada_swept_release(&g.list);
	if (rc == 0 && listed < 0) {
		rc = listed;
		if (err != NULL)
			*err = drop;
	}
	return rc;
}
