/* Taking in a whole block as it came from somebody else. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/txn_priv.h"

/* The block's objects, hashed. */
struct came {
	struct sada_buf raw;
	struct sada_ent *e;
	unsigned char *known;		/* we have it, or had it before */
	uint32_t n, nknown;
};

static int
unpack(struct came *c, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_block_obj *dir;
	struct sada_block_head h;
	uint32_t i;
	int rc;

	if (n < SADA_BLOCK_HEAD)
		return sada_err_set(err, SADA_FORMAT,
		    "block refused: it is cut off");
	if ((rc = sada_block_head_decode(&h, p, err)) < 0)
		return rc;
	if (n != (size_t)SADA_BLOCK_HEAD + h.frame_len)
		return sada_err_set(err, SADA_FORMAT,
		    "block refused: its length");
	if ((rc = sada_block_check(p, p + SADA_BLOCK_HEAD, h.frame_len,
	    err)) < 0 ||
	    (rc = sada_block_unpack(&c->raw, p + SADA_BLOCK_HEAD, h.frame_len,
	    h.raw_len, err)) < 0 ||
	    (rc = sada_block_dir(&dir, c->raw.p, c->raw.len, h.objects,
	    err)) < 0)
		return rc;
	c->n = h.objects;
	c->e = sada_calloc(c->n, sizeof(*c->e));
	c->known = sada_calloc(c->n, 1);
	for (i = 0; i < c->n; i++) {
		c->e[i].type = dir[i].type;
		c->e[i].off = dir[i].off;
		c->e[i].len = dir[i].len;
		sada_hash(&c->e[i].id, sada_type_ctx(dir[i].type),
		    c->raw.p + dir[i].off, dir[i].len);
	}
	free(dir);
	return 0;
}

/* Mark what the transaction or, readable, the store has. */
static void
mark_known(struct sada_txn *t, struct came *c)
{
	struct sada_buf b = { 0 };
	struct sada_err drop;
	struct sada_ent *e;
	uint32_t i;

	for (i = 0; i < c->n; i++) {
		e = &c->e[i];
		sada_buf_reset(&b);
		if (sada_txn_own(t, e->type, &e->id) ||
		    (sada_store_has(t->store, e->type, &e->id) &&
		    sada_store_get(t->store, e->type, &e->id, &b,
		    &drop) == 0)) {
			c->known[i] = 1;
			c->nknown++;
		}
	}
	sada_buf_release(&b);
}

static int
ent_cmp(const void *pa, const void *pb)
{
	const struct sada_ent *a = *(const struct sada_ent *const *)pa;
	const struct sada_ent *b = *(const struct sada_ent *const *)pb;
	int c = (int)a->type - b->type;

	return c != 0 ? c : sada_id_cmp(&a->id, &b->id);
}

/* Does the block hold an object twice? */
static int
has_doubles(const struct came *c)
{
	const struct sada_ent **v = sada_calloc(c->n, sizeof(*v));
	uint32_t i;
	int hit = 0;

	for (i = 0; i < c->n; i++)
		v[i] = &c->e[i];
	qsort(v, c->n, sizeof(*v), ent_cmp);
	for (i = 1; i < c->n && !hit; i++)
		hit = ent_cmp(&v[i - 1], &v[i]) == 0;
	free(v);
	return hit;
}

/* The new objects one by one, through the transaction's own fill. */
static int
put_each(struct sada_txn *t, const struct came *c, struct sada_err *err)
{
	uint32_t i;
	int rc = 0;

	pthread_mutex_lock(&t->own_lock);
	for (i = 0; i < c->n && rc == 0; i++)
		if (!c->known[i])
			rc = sada_fill_add(t->own, c->e[i].type,
			    c->raw.p + c->e[i].off, c->e[i].len, &c->e[i].id,
			    SADA_PUT_ANYWAY, err);
	pthread_mutex_unlock(&t->own_lock);
	return rc;
}

int
sada_txn_add_block(struct sada_txn *t, const void *p, size_t n,
    int (*each)(unsigned type, const struct sada_id *id, const void *bytes,
    size_t len, void *ctx), void *ctx, struct sada_err *err)
{
	struct came c = { 0 };
	uint32_t number, i;
	int rc;

	if ((rc = unpack(&c, p, n, err)) < 0)
		goto out;
	for (i = 0; i < c.n && each != NULL; i++)
		if ((rc = each(c.e[i].type, &c.e[i].id, c.raw.p + c.e[i].off,
		    c.e[i].len, ctx)) != 0)
			goto out;
	mark_known(t, &c);
	if (c.nknown == c.n)
		goto out;
	if (c.nknown == 0 && !has_doubles(&c))
		rc = sada_txn_write(t, p, n, c.e, c.n, &number, err);
	else
		rc = put_each(t, &c, err);
out:
	sada_buf_release(&c.raw);
	free(c.e);
	free(c.known);
	return rc;
}
