/* Checking every byte of the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/store_priv.h"

struct verify {
	struct sada_store *s;
	struct sada_pack *p;
	void (*report)(const char *what, unsigned type,
	    const struct sada_id *id, void *ctx);
	void *ctx;
};

/* Report the objects that no pack gives any more. */
static void
report_lost(struct verify *v, const char *what, uint32_t block)
{
	struct sada_index *ix = atomic_load(&v->p->ix);
	struct sada_buf b = { 0 };
	struct sada_err drop;
	struct sada_ent e;
	uint32_t i;

	for (i = 0; i < ix->objects; i++) {
		sada_index_ent(ix, i, &e);
		if (e.block != block || e.type < SADA_OBJ_CHUNK ||
		    e.type > SADA_OBJ_ANC)
			continue;
		sada_buf_reset(&b);
		if (sada_store_get(v->s, e.type, &e.id, &b, &drop) < 0)
			v->report(what, e.type, &e.id, v->ctx);
	}
	sada_buf_release(&b);
}

static void
bad(const char *what, uint32_t block, void *ctx)
{
	struct verify *v = ctx;

	v->report(what, 0, NULL, v->ctx);
	if (block != UINT32_MAX)
		report_lost(v, what, block);
}

/*
 * Does IX say what is in the pack: each object once, at a place where it
 * is, and the blocks as they lie?
 */
static int
index_true(const struct sada_index *ix, struct sada_table *t)
{
	struct sada_ent e;
	struct sada_blk b;
	size_t i, distinct = 0;

	if (!sada_index_whole(ix) || ix->blocks != t->nblk)
		return 0;
	if (t->nent > 0)
		qsort(t->ent, t->nent, sizeof(*t->ent), sada_ent_cmp);
	for (i = 0; i < t->nent; i++)
		if (i == 0 || t->ent[i].type != t->ent[i - 1].type ||
		    sada_id_cmp(&t->ent[i].id, &t->ent[i - 1].id) != 0)
			distinct++;
	if (distinct != ix->objects)
		return 0;
	for (i = 0; i < ix->objects; i++) {
		sada_index_ent(ix, (uint32_t)i, &e);
		if (bsearch(&e, t->ent, t->nent, sizeof(e),
		    sada_ent_cmp) == NULL)
			return 0;
	}
	for (i = 0; i < t->nblk; i++) {
		sada_index_blk(ix, (uint32_t)i, &b);
		if (b.off != t->blk[i].off || b.objects != t->blk[i].objects ||
		    b.frame_len != t->blk[i].frame_len ||
		    b.raw_len != t->blk[i].raw_len)
			return 0;
	}
	return 1;
}

/*
 * The index as it lies on disk: by itself, or with SC against what the
 * pack holds.  1 good, 0 reported, <0 failed.
 */
static int
verify_index(struct verify *v, struct sada_scan *sc, struct sada_err *err)
{
	struct sada_index *ix = NULL;
	struct sada_err why;
	char what[128];
	int rc, good;

	rc = sada_index_open(&ix, v->s->dirfd, v->p->name, &why);
	if (rc == SADA_SYS) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	good = rc == 0 && (sc == NULL ? sada_index_whole(ix) :
	    index_true(ix, &sc->t) &&
	    sada_id_cmp(&ix->hash, &sc->hash) == 0);
	sada_index_free(ix);
	if (good)
		return 1;
	(void)snprintf(what, sizeof(what), "the index of pack %s is %s (it "
	    "is made anew, nothing is lost by it)", v->p->name,
	    rc == SADA_NOTFOUND ? "missing" : "damaged");
	v->report(what, 0, NULL, v->ctx);
	return 0;
}

static int
verify_pack(struct verify *v, struct sada_err *err)
{
	struct sada_scan sc = { .bad = bad, .ctx = v };
	struct sada_index *ix;
	struct sada_err drop;
	int rc, good;
	uint32_t i;

	if ((good = verify_index(v, NULL, err)) < 0)
		return good;
	/* What is lost is named by the index in use: have a good one. */
	rc = sada_store_recheck(v->s, v->p, &drop);
	if ((rc = sada_pack_scan(&sc, v->p->fd, v->p->name, v->p->size,
	    SADA_SCAN_OBJECTS, err)) < 0)
		goto out;
	ix = atomic_load(&v->p->ix);
	i = v->p->foreign ? 0 : (uint32_t)sc.t.nblk;
	for (; i < ix->blocks; i++)
		report_lost(v, "a block cannot be read", i);
	if (sc.whole && good && (rc = verify_index(v, &sc, err)) > 0)
		rc = 0;
out:
	sada_scan_release(&sc);
	return rc;
}

int
sada_store_verify(struct sada_store *s, void (*report)(const char *what,
    unsigned type, const struct sada_id *id, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct verify v = { .s = s, .report = report, .ctx = ctx };
	struct sada_pack *p;
	size_t i, n;
	int rc = 0;

	/* What was read earlier says nothing about the disk now. */
	sada_cache_forget(&s->cache);
	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	for (i = 0; i < n && rc == 0; i++) {
		if ((p = sada_store_pack(s, i)) == NULL)
			continue;
		v.p = p;
		rc = verify_pack(&v, err);
		sada_pack_unref(p);
	}
	return rc;
}
