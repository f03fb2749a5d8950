/*
 * Reading objects: blocks are unpacked once and shared through a small
 * cache, every object is hashed before it is returned.
 *
 * What an index says is believed only as far as the hash confirms it.  Who
 * finds nothing, or nothing good, has the indexes checked as a whole, each
 * once, and those that are wrong rebuilt, and looks once more, before it
 * says so.  Only who would put the object then does not need to know.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

void
sada_raw_unref(struct sada_raw *r)
{
	if (r == NULL || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	sada_buf_release(&r->b);
	free(r);
}

void
sada_cache_init(struct sada_cache *c)
{
	memset(c, 0, sizeof(*c));
	(void)pthread_mutex_init(&c->lock, NULL);
}

void
sada_cache_release(struct sada_cache *c)
{
	sada_cache_forget(c);
	(void)pthread_mutex_destroy(&c->lock);
}

void
sada_cache_forget(struct sada_cache *c)
{
	struct sada_raw *gone[SADA_CACHE_BLOCKS];
	size_t i;

	pthread_mutex_lock(&c->lock);
	memcpy(gone, c->raw, sizeof(gone));
	memset(c->raw, 0, sizeof(c->raw));
	pthread_mutex_unlock(&c->lock);
	for (i = 0; i < SADA_CACHE_BLOCKS; i++)
		sada_raw_unref(gone[i]);
}

struct sada_raw *
sada_cache_get(struct sada_cache *c, uint32_t serial, uint32_t block)
{
	struct sada_raw *r = NULL;
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < SADA_CACHE_BLOCKS && c->raw[i] != NULL; i++) {
		if (c->raw[i]->serial != serial || c->raw[i]->block != block)
			continue;
		r = c->raw[i];
		atomic_fetch_add(&r->refs, 1);
		memmove(c->raw + 1, c->raw, i * sizeof(c->raw[0]));
		c->raw[0] = r;
		break;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void
sada_cache_put(struct sada_cache *c, struct sada_raw *r)
{
	struct sada_raw *last;

	atomic_fetch_add(&r->refs, 1);
	pthread_mutex_lock(&c->lock);
	last = c->raw[SADA_CACHE_BLOCKS - 1];
	memmove(c->raw + 1, c->raw,
	    (SADA_CACHE_BLOCKS - 1) * sizeof(c->raw[0]));
	c->raw[0] = r;
	pthread_mutex_unlock(&c->lock);
	sada_raw_unref(last);
}

int
sada_read_block(struct sada_store *s, struct sada_raw **out, int fd,
    const char *name, uint32_t serial, uint32_t number,
    const struct sada_blk *b, struct sada_err *err)
{
	struct sada_buf frame = { 0 };
	struct sada_raw *r;
	int rc;

	if ((*out = sada_cache_get(&s->cache, serial, number)) != NULL)
		return 0;
	r = sada_calloc(1, sizeof(*r));
	atomic_init(&r->refs, 1);
	r->serial = serial;
	r->block = number;
	if ((rc = sada_pack_block(fd, name, b, &frame, err)) < 0)
		goto out;
	if (sada_block_unpack(&r->b, frame.p + SADA_BLOCK_HEAD, b->frame_len,
	    b->raw_len, err) < 0) {
		rc = sada_err_set(err, SADA_DAMAGED,
		    "pack %s: block %u cannot be unpacked", name,
		    (unsigned)number);
		goto out;
	}
	sada_cache_put(&s->cache, r);
	*out = r;
	r = NULL;
out:
	sada_buf_release(&frame);
	sada_raw_unref(r);
	return rc;
}

int
sada_read_object(struct sada_store *s, int fd, const char *name,
    uint32_t serial, const struct sada_blk *b, const struct sada_ent *e,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_raw *r = NULL;
	struct sada_id id;
	int rc;

	if ((rc = sada_read_block(s, &r, fd, name, serial, e->block, b,
	    err)) < 0)
		return rc;
	if (e->off > r->b.len || e->len > r->b.len - e->off) {
		rc = sada_err_set(err, SADA_DAMAGED,
		    "the index of pack %s is damaged", name);
		goto out;
	}
	sada_hash(&id, sada_type_ctx(e->type), r->b.p + e->off, e->len);
	if (sada_id_cmp(&id, &e->id) != 0) {
		rc = sada_err_set(err, SADA_DAMAGED,
		    "pack %s: an object is damaged in block %u", name,
		    (unsigned)e->block);
		goto out;
	}
	sada_buf_add(out, r->b.p + e->off, e->len);
out:
	sada_raw_unref(r);
	return rc;
}

/*
 * The first pack from slot *I on that has the object, with a reference,
 * or NULL; *I is its slot.  GOING: only of those that are going, else only
 * of the others.
 */
static struct sada_pack *
find(struct sada_store *s, size_t *i, int going, unsigned type,
    const struct sada_id *id, struct sada_ent *e, struct sada_blk *b)
{
	struct sada_pack *p = NULL;
	struct sada_index *ix;

	(void)pthread_rwlock_rdlock(&s->lock);
	for (; *i < s->n; (*i)++) {
		if ((p = s->pack[*i]) == NULL ||
		    atomic_load(&p->going) != going) {
			p = NULL;
			continue;
		}
		ix = atomic_load(&p->ix);
		if (sada_index_find(ix, type, id, e)) {
			sada_index_blk(ix, e->block, b);
			sada_pack_ref(p);
			break;
		}
		p = NULL;
	}
	(void)pthread_rwlock_unlock(&s->lock);
	return p;
}

/*
 * find() found nothing: have one index after the other checked as a whole,
 * and look into those that were made anew.  1, and *I and *E are filled, or
 * 0.
 */
static int
find_again(struct sada_store *s, size_t *i, unsigned type,
    const struct sada_id *id, struct sada_ent *e)
{
	struct sada_pack *p;
	struct sada_err drop;
	int found = 0;
	size_t n;

	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	for (*i = 0; *i < n; (*i)++) {
		if ((p = sada_store_pack(s, *i)) == NULL)
			continue;
		found = !atomic_load(&p->going) &&
		    sada_store_recheck(s, p, &drop) > 0 &&
		    sada_index_find(atomic_load(&p->ix), type, id, e);
		sada_pack_unref(p);
		if (found)
			break;
	}
	return found;
}

int
sada_store_has(struct sada_store *s, unsigned type, const struct sada_id *id)
{
	struct sada_loc loc;

	return sada_store_locate(s, type, id, &loc);
}

int
sada_store_has_quick(struct sada_store *s, unsigned type,
    const struct sada_id *id)
{
	struct sada_pack *p;
	struct sada_ent e;
	struct sada_blk b;
	size_t i = 0;

	if ((p = find(s, &i, 0, type, id, &e, &b)) == NULL)
		return 0;
	sada_pack_unref(p);
	return 1;
}

int
sada_store_locate(struct sada_store *s, unsigned type,
    const struct sada_id *id, struct sada_loc *loc)
{
	struct sada_pack *p;
	struct sada_ent e;
	struct sada_blk b;
	size_t i = 0;

	if ((p = find(s, &i, 0, type, id, &e, &b)) != NULL)
		sada_pack_unref(p);
	else if (!find_again(s, &i, type, id, &e))
		return 0;
	loc->pack = (uint32_t)i;
	loc->block = e.block;
	loc->off = e.off;
	loc->len = e.len;
	return 1;
}

/* One pass over the packs; NOTFOUND, or the last thing that was wrong. */
static int
get_once(struct sada_store *s, unsigned type, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_pack *p;
	struct sada_ent e;
	struct sada_blk b;
	int rc = SADA_NOTFOUND, going;
	size_t i;

	for (going = 0; going < 2; going++) {
		for (i = 0; (p = find(s, &i, going, type, id, &e,
		    &b)) != NULL; i++) {
			if (p->foreign)
				rc = sada_err_set(err, SADA_DAMAGED, "pack %s "
				    "is damaged, or of a newer version",
				    p->name);
			else
				rc = sada_read_object(s, p->fd, p->name,
				    p->serial, &b, &e, out, err);
			sada_pack_unref(p);
			if (rc == 0)
				return 0;
		}
	}
	return rc;
}

/* Have every index checked as a whole; *CHANGED if one was replaced. */
static int
recheck_all(struct sada_store *s, int *changed, struct sada_err *err)
{
	struct sada_pack *p;
	size_t i, n;
	int rc = 0;

	*changed = 0;
	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	for (i = 0; i < n && rc >= 0; i++) {
		if ((p = sada_store_pack(s, i)) == NULL)
			continue;
		if ((rc = sada_store_recheck(s, p, err)) > 0)
			*changed = 1;
		sada_pack_unref(p);
	}
	return rc < 0 ? rc : 0;
}

int
sada_store_check(struct sada_store *s, struct sada_err *err)
{
	int changed;

	return recheck_all(s, &changed, err);
}

int
sada_store_get(struct sada_store *s, unsigned type, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_err drop;
	int changed, rc;

	if ((rc = get_once(s, type, id, out, err)) == 0 || rc == SADA_SYS)
		return rc;
	if (recheck_all(s, &changed, &drop) == 0 && changed &&
	    (rc = get_once(s, type, id, out, err)) == 0)
		return 0;
	if (rc == SADA_NOTFOUND) {
		sada_id_hex(hex, id);
		return sada_err_set(err, rc, "object %s is not held", hex);
	}
	return rc;
}

uint32_t
sada_store_block_objects(struct sada_store *s, const struct sada_loc *loc)
{
	struct sada_pack *p = sada_store_pack(s, loc->pack);
	struct sada_blk b = { 0 };
	struct sada_index *ix;

	if (p == NULL)
		return 0;
	ix = atomic_load(&p->ix);
	if (loc->block < ix->blocks)
		sada_index_blk(ix, loc->block, &b);
	sada_pack_unref(p);
	return b.objects;
}

int
sada_store_block_raw(struct sada_store *s, const struct sada_loc *loc,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_pack *p = sada_store_pack(s, loc->pack);
	struct sada_index *ix;
	struct sada_blk b;
	int rc;

	if (p == NULL)
		return sada_err_set(err, SADA_DAMAGED, "a pack went away");
	ix = atomic_load(&p->ix);
	if (p->foreign || loc->block >= ix->blocks) {
		rc = sada_err_set(err, SADA_DAMAGED, "pack %s is damaged",
		    p->name);
	} else {
		sada_index_blk(ix, loc->block, &b);
		rc = sada_pack_block(p->fd, p->name, &b, out, err);
	}
	sada_pack_unref(p);
	return rc;
}
