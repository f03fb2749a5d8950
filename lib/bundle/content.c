/*
 * Contents on their way in: whole blocks on worker threads, frames with a
 * prefix on the reader's own.  All are hashed before they count.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "bundle/take_priv.h"
#include "format/object.h"
#include "format/pack.h"
#include "store/file.h"
#include "store/zst.h"

/* One block under way. */
struct block_job {
	struct sada_txn *txn;
	unsigned char *p;
	size_t n;
	int rc;
	struct sada_err err;
};

static void
run_block(void *job, void *ctx)
{
	struct block_job *j = job;

	(void)ctx;
	j->rc = sada_txn_add_block(j->txn, j->p, j->n, NULL, NULL, &j->err);
}

/* Take the oldest block back.  Errors: what it met. */
static int
finish_block(struct sada_take *t, struct sada_err *err)
{
	struct block_job *j = sada_pool_take(t->pool);
	int rc;

	if (j == NULL)
		return 0;
	if ((rc = j->rc) < 0 && err != NULL)
		*err = j->err;
	free(j->p);
	free(j);
	return rc;
}

int
take_drain(struct sada_take *t, struct sada_err *err)
{
	struct sada_err e;
	int first = 0, rc;

	if (t->pool == NULL)
		return 0;
	for (;;) {
		struct block_job *j = sada_pool_take(t->pool);

		if (j == NULL)
			return first;
		rc = j->rc;
		e = j->err;
		free(j->p);
		free(j);
		if (rc < 0 && first == 0) {
			first = rc;
			if (err != NULL)
				*err = e;
		}
	}
}

int
take_count(struct sada_take *t, uint64_t n, uint64_t bytes,
    struct sada_err *err)
{
	t->objects += n;
	t->raw_bytes += bytes;
	if (t->objects > t->head.objects || t->raw_bytes > t->head.raw_bytes)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds more than its head says");
	return 0;
}

int
take_block(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_block_head h;
	struct block_job *j;
	int rc;

	if (n < SADA_BLOCK_HEAD)
		return sada_err_set(err, SADA_FORMAT,
		    "a block in a bundle is cut short");
	if ((rc = sada_block_head_decode(&h, p, err)) < 0 ||
	    (rc = take_count(t, h.objects, h.raw_len, err)) < 0)
		return rc;
	if (t->pool == NULL && (rc = sada_pool_new(&t->pool,
	    sada_pool_cores() > 1 ? 2 : 1, 6, run_block, NULL, err)) < 0)
		return rc;
	if (sada_pool_full(t->pool) && (rc = finish_block(t, err)) < 0)
		return rc;
	j = sada_calloc(1, sizeof(*j));
	j->txn = t->txn;
	j->p = (unsigned char *)sada_memdup(p, n);
	j->n = n;
	sada_pool_submit(t->pool, j);
	return 0;
}

/* Get an object that may still be in a block under way. */
static int
get(struct sada_take *t, unsigned type, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	int rc = sada_txn_get(t->txn, type, id, out, err);

	if (rc != SADA_NOTFOUND || t->pool == NULL)
		return rc;
	if ((rc = take_drain(t, err)) < 0)
		return rc;
	return sada_txn_get(t->txn, type, id, out, err);
}

/*
 * Unpack FRAME with object BASE as prefix and put what comes out.  A base
 * that is not held is no fault: the content becomes a want.
 */
static int
put_frame(struct sada_take *t, unsigned type, const struct sada_id *base,
    uint64_t raw, const unsigned char *frame, size_t n,
    const struct sada_id *expect, struct sada_err *err)
{
	struct sada_buf old = {0}, out = {0};
	struct sada_id id;
	int rc;

	if (raw > SADA_OBJECT_MAX || (type == SADA_OBJ_CHUNK &&
	    raw > SADA_CHUNK_MAX))
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds an object that is too large");
	if ((rc = take_count(t, 1, raw, err)) < 0)
		return rc;
	rc = get(t, type, base, &old, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		rc = 0;
		goto out;
	}
	if (rc < 0 || (rc = sada_zst_unpack(&out, frame, n, (size_t)raw,
	    old.p, old.len, err)) < 0)
		goto out;
	if (expect != NULL) {
		sada_hash(&id, sada_type_ctx(type), out.p, out.len);
		if (sada_id_cmp(&id, expect) != 0) {
			rc = sada_err_set(err, SADA_FORMAT,
			    "a change in a bundle does not give its content");
			goto out;
		}
	}
	rc = sada_txn_put(t->txn, type, out.p, out.len, &id, err);
out:
	sada_buf_release(&old);
	sada_buf_release(&out);
	return rc;
}

int
take_prefix(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	const unsigned char *base;
	struct sada_id id;
	struct sada_rd r;
	uint64_t raw;
	unsigned type;

	sada_rd_init(&r, p, n);
	type = sada_get_u8(&r);
	base = sada_get_bytes(&r, SADA_ID_LEN);
	raw = sada_get_var(&r);
	if (r.bad || type < SADA_OBJ_CHUNK || type > SADA_OBJ_ANC ||
	    type == SADA_OBJ_NODE)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds a malformed change");
	memcpy(id.b, base, SADA_ID_LEN);
	return put_frame(t, type, &id, raw, r.p, sada_rd_left(&r), NULL, err);
}

/*
 * Find version ORDINAL of the changes that came.  The sender counts the
 * same ones: of all ops in order, slots by path, versions by id.  1 and *V
 * (borrowed until the next call), 0 when there are fewer.
 */
static int
told_find(struct sada_take *t, uint64_t ordinal,
    const struct sada_version **v, struct sada_err *err)
{
	struct told *w = &t->told;
	int rc;

	if (t->head.flags & SADA_BUNDLE_MAPS || ordinal < w->base)
		return 0;
	while (ordinal - w->base >= w->e.nv) {
		w->base += w->e.nv;
		w->e.nv = 0;
		if (w->c == NULL && w->op == t->list.nop)
			return 0;
		if (w->c == NULL && (rc = sada_cursor_open(&w->c, &t->cns,
		    &t->list.op[w->op++].changes, err)) < 0)
			return rc;
		rc = sada_cursor_next(w->c, &w->e, err);
		/* A tree that is not here: the op's replay told. */
		if (rc < 0 && rc != SADA_NOTFOUND)
			return rc;
		if (rc == 1)
			continue;
		w->e.nv = 0;
		sada_cursor_free(w->c);
		w->c = NULL;
	}
	*v = &w->e.v[ordinal - w->base];
	return 1;
}

int
take_delta(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	const struct sada_version *v = NULL;
	uint64_t ordinal, k, raw;
	struct sada_rd r;
	size_t na = 0;
	int rc;

	sada_rd_init(&r, p, n);
	ordinal = sada_get_var(&r);
	k = sada_get_var(&r);
	raw = sada_get_var(&r);
	rc = r.bad ? 0 : told_find(t, ordinal, &v, err);
	if (rc <= 0)
		return rc < 0 ? rc : sada_err_set(err, SADA_FORMAT,
		    "a bundle holds a malformed change");
	if (v->size != raw || raw > SADA_CHUNK_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "a change in a bundle has another size than its content");
	rc = get(t, SADA_OBJ_ANC, &v->anc, &b, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		rc = take_count(t, 1, raw, err);
		goto out;
	}
	if (rc < 0 || (rc = sada_anc_decode(&a, &na, b.p, b.len, err)) < 0)
		goto out;
	if (k >= na) {
		rc = sada_err_set(err, SADA_FORMAT,
		    "a change in a bundle names no ancestor");
		goto out;
	}
	rc = put_frame(t, SADA_OBJ_CHUNK, &a[k].content, raw, r.p,
	    sada_rd_left(&r), &v->content, err);
out:
	free(a);
	sada_buf_release(&b);
	return rc;
}
