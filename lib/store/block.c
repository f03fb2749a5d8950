/*
 * Filling blocks: objects gather in a fill until they are worth a frame,
 * then the worker that owns the fill compresses and writes them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "store/txn_priv.h"

/* More objects than this make a block of their own: caps its directory. */
#define LANE_OBJECTS 65536

static struct sada_lane *
lane_of(struct sada_fill *f, unsigned type)
{
	return &f->lane[type != SADA_OBJ_CHUNK];
}

static void
compress(struct sada_fill *f)
{
	size_t bound = ZSTD_compressBound(f->raw.len), k;

	if (f->cctx == NULL) {
		f->cctx = ZSTD_createCCtx();
		assert(f->cctx != NULL);
		k = ZSTD_CCtx_setParameter(f->cctx, ZSTD_c_compressionLevel,
		    SADA_BLOCK_LEVEL);
		assert(!ZSTD_isError(k));
	}
	sada_buf_reset(&f->out);
	sada_buf_reserve(&f->out, SADA_BLOCK_HEAD + bound);
	k = ZSTD_compress2(f->cctx, f->out.p + SADA_BLOCK_HEAD, bound,
	    f->raw.p, f->raw.len);
	assert(!ZSTD_isError(k));
	f->out.len = SADA_BLOCK_HEAD + k;
}

/* Write lane L as a block; F's lock is held. */
static int
flush_lane(struct sada_fill *f, struct sada_lane *l, struct sada_err *err)
{
	struct sada_txn *t = f->txn;
	size_t dir = l->dir.len, i;
	struct sada_ent *e;
	uint32_t number;
	int rc;

	if (l->n == 0)
		return 0;
	sada_buf_reset(&f->raw);
	sada_buf_reserve(&f->raw, dir + l->data.len);
	sada_buf_add(&f->raw, l->dir.p, dir);
	sada_buf_add(&f->raw, l->data.p, l->data.len);
	compress(f);
	sada_block_head_encode(f->out.p, (uint32_t)l->n,
	    (uint32_t)f->raw.len, f->out.p + SADA_BLOCK_HEAD,
	    (uint32_t)(f->out.len - SADA_BLOCK_HEAD));
	if ((rc = sada_txn_write(t, f->out.p, f->out.len, NULL, 0, &number,
	    err)) < 0)
		return rc;
	pthread_mutex_lock(&t->lock);
	for (i = 0; i < l->n; i++) {
		e = &t->t.ent[l->ent[i]];
		e->block = number;
		e->off += (uint32_t)dir;
	}
	pthread_mutex_unlock(&t->lock);
	sada_buf_reset(&l->dir);
	sada_buf_reset(&l->data);
	l->n = 0;
	return 0;
}

int
sada_fill_flush(struct sada_fill *f, struct sada_err *err)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	if ((rc = flush_lane(f, &f->lane[0], err)) == 0)
		rc = flush_lane(f, &f->lane[1], err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/*
 * Enter the object as waiting in F's lane L, unless the transaction has
 * it.  1 entered, 0 not needed, <0 failed.
 */
static int
reserve(struct sada_fill *f, const struct sada_lane *l, unsigned type,
    size_t n, const struct sada_id *id, struct sada_err *err)
{
	struct sada_txn *t = f->txn;
	struct sada_ent e;
	int rc = 1;

	pthread_mutex_lock(&t->lock);
	if (t->failed) {
		if (err != NULL)
			*err = t->why;
		rc = t->failed;
	} else if (sada_txn_find(t, type, id) != SIZE_MAX) {
		rc = 0;
	} else {
		e.id = *id;
		e.type = (uint8_t)type;
		e.block = SADA_PENDING | f->slot;
		e.off = (uint32_t)l->data.len;
		e.len = (uint32_t)n;
		l->ent[l->n] = t->t.nent;
		sada_txn_enter(t, &e);
		t->raw_bytes += n;
	}
	pthread_mutex_unlock(&t->lock);
	return rc;
}

int
sada_fill_add(struct sada_fill *f, unsigned type, const void *p, size_t n,
    const struct sada_id *id, unsigned flags, struct sada_err *err)
{
	struct sada_lane *l = lane_of(f, type);
	int rc;

	assert(f->live && n <= SADA_OBJECT_MAX);
	if ((flags & SADA_PUT_ANYWAY) == 0 &&
	    (sada_txn_own(f->txn, type, id) || sada_txn_hit(f->txn, type, id,
	    &f->get)))
		return 0;
	pthread_mutex_lock(&f->lock);
	l->ent = sada_grow(l->ent, &l->cap, l->n + 1, sizeof(*l->ent));
	if ((rc = reserve(f, l, type, n, id, err)) <= 0)
		goto out;
	sada_put_u8(&l->dir, (uint8_t)type);
	sada_put_var(&l->dir, n);
	sada_buf_add(&l->data, p, n);
	l->n++;
	rc = 0;
	if (l->data.len >= SADA_BLOCK_RAW || l->n >= LANE_OBJECTS)
		rc = flush_lane(f, l, err);
out:
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int
sada_fill_put(struct sada_fill *f, unsigned type, const void *p, size_t n,
    struct sada_id *id, struct sada_err *err)
{
	sada_hash(id, sada_type_ctx(type), p, n);
	return sada_fill_add(f, type, p, n, id, 0, err);
}

int
sada_fill_new(struct sada_fill **out, struct sada_txn *t,
    struct sada_err *err)
{
	struct sada_fill *f = NULL;
	size_t i;

	(void)err;
	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->nfill && f == NULL; i++)
		if (!t->fill[i]->live)
			f = t->fill[i];
	if (f == NULL) {
		f = sada_calloc(1, sizeof(*f));
		f->txn = t;
		f->slot = (uint32_t)t->nfill;
		(void)pthread_mutex_init(&f->lock, NULL);
		t->fill = sada_grow(t->fill, &t->cap_fill, t->nfill + 1,
		    sizeof(*t->fill));
		t->fill[t->nfill++] = f;
	}
	f->live = 1;
	pthread_mutex_unlock(&t->lock);
	*out = f;
	return 0;
}

void
sada_fill_drop(struct sada_fill *f)
{
	struct sada_err why;
	size_t i;

	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	if (f->lane[0].n + f->lane[1].n > 0) {
		(void)sada_err_set(&why, SADA_SYS,
		    "the transaction was given up");
		sada_txn_fail(f->txn, &why);
	}
	for (i = 0; i < 2; i++) {
		sada_buf_release(&f->lane[i].dir);
		sada_buf_release(&f->lane[i].data);
		free(f->lane[i].ent);
		memset(&f->lane[i], 0, sizeof(f->lane[i]));
	}
	sada_buf_release(&f->raw);
	sada_buf_release(&f->out);
	sada_buf_release(&f->get);
	sada_buf_release(&f->file);
	ZSTD_freeCCtx(f->cctx);
	f->cctx = NULL;
	pthread_mutex_unlock(&f->lock);
	pthread_mutex_lock(&f->txn->lock);
	f->live = 0;
	pthread_mutex_unlock(&f->txn->lock);
}

int
sada_fill_end(struct sada_fill *f, struct sada_err *err)
{
	int rc = sada_fill_flush(f, err);

	sada_fill_drop(f);
	return rc;
}
