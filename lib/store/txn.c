/*
 * A transaction: one pack being written, and the objects in it so far; and
 * a whole block taken into it as it came from somebody else.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/io.h"
#include "store/txn_priv.h"

/* Written bytes after which writeback is started. */
#define WRITEBACK ((uint64_t)8 << 20)
#define SLOTS_MIN 1024

int
sada_txn_begin(struct sada_txn **out, struct sada_store *s,
    struct sada_err *err)
{
	struct sada_txn *t = sada_calloc(1, sizeof(*t));
	int rc;

	t->store = s;
	t->serial = atomic_fetch_add(&s->serial, 1);
	t->fd = -1;
	(void)pthread_mutex_init(&t->own_lock, NULL);
	(void)pthread_mutex_init(&t->lock, NULL);
	sada_txn_reslot(t, SLOTS_MIN);
	rc = sada_fill_new(&t->own, t, err);
	assert(rc == 0);
	*out = t;
	return rc;
}

void
sada_txn_abort(struct sada_txn *t)
{
	struct sada_err drop;
	size_t i;
	int rc;

	if (t == NULL)
		return;
	if (*t->temp != '\0') {
		rc = sada_io_unlink(t->store->dirfd, t->temp, 0, &drop);
		(void)rc;
	}
	sada_io_close(t->fd);
	for (i = 0; i < t->nfill; i++) {
		sada_fill_drop(t->fill[i]);
		(void)pthread_mutex_destroy(&t->fill[i]->lock);
		free(t->fill[i]);
	}
	free(t->fill);
	free(t->slot);
	sada_table_release(&t->t);
	sada_buf_release(&t->heads);
	sada_idset_release(&t->hits);
	(void)pthread_mutex_destroy(&t->lock);
	(void)pthread_mutex_destroy(&t->own_lock);
	free(t);
}

void
sada_txn_fail(struct sada_txn *t, const struct sada_err *why)
{
	pthread_mutex_lock(&t->lock);
	if (!t->failed) {
		t->failed = why->code;
		t->why = *why;
	}
	pthread_mutex_unlock(&t->lock);
}

static size_t
slot_of(const struct sada_txn *t, unsigned type, const struct sada_id *id)
{
	const struct sada_ent *e;
	size_t i = (size_t)sada_le64(id->b + 8) & (t->nslot - 1);

	for (; t->slot[i] != 0; i = (i + 1) & (t->nslot - 1)) {
		e = &t->t.ent[t->slot[i] - 1];
		if (e->type == type && sada_id_cmp(&e->id, id) == 0)
			break;
	}
	return i;
}

size_t
sada_txn_find(const struct sada_txn *t, unsigned type,
    const struct sada_id *id)
{
	size_t i = slot_of(t, type, id);

	return t->slot[i] == 0 ? SIZE_MAX : t->slot[i] - 1;
}

void
sada_txn_reslot(struct sada_txn *t, size_t nslot)
{
	size_t i, k;

	free(t->slot);
	t->slot = sada_calloc(nslot, sizeof(*t->slot));
	t->nslot = nslot;
	for (i = 0; i < t->t.nent; i++) {
		k = slot_of(t, t->t.ent[i].type, &t->t.ent[i].id);
		if (t->slot[k] == 0)
			t->slot[k] = i + 1;
	}
}

void
sada_txn_enter(struct sada_txn *t, const struct sada_ent *e)
{
	size_t k;

	if (t->t.nent + 1 > t->nslot / 2)
		sada_txn_reslot(t, t->nslot * 2);
	k = slot_of(t, e->type, &e->id);
	sada_table_ent(&t->t, e);
	if (t->slot[k] == 0)
		t->slot[k] = t->t.nent;
}

int
sada_txn_own(struct sada_txn *t, unsigned type, const struct sada_id *id)
{
	int found;

	pthread_mutex_lock(&t->lock);
	found = sada_txn_find(t, type, id) != SIZE_MAX;
	pthread_mutex_unlock(&t->lock);
	return found;
}

int
sada_txn_hit(struct sada_txn *t, unsigned type, const struct sada_id *id,
    struct sada_buf *b)
{
	int note = (t->store->flags & SADA_STORE_WRITE) == 0, known = 0;
	struct sada_err drop;

	if (!sada_store_has_quick(t->store, type, id))
		return 0;
	if (note) {
		pthread_mutex_lock(&t->lock);
		known = sada_idset_get(&t->hits, id, NULL);
		pthread_mutex_unlock(&t->lock);
	}
	if (known)
		return 1;
	sada_buf_reset(b);
	if (sada_store_get(t->store, type, id, b, &drop) < 0)
		return 0;
	if (note) {
		pthread_mutex_lock(&t->lock);
		(void)sada_idset_add(&t->hits, id, type);
		pthread_mutex_unlock(&t->lock);
	}
	return 1;
}

int
sada_txn_temp(struct sada_store *s, int *fd, char name[SADA_TEMP_NAME],
    struct sada_err *err)
{
	unsigned char rnd[8];
	struct sada_stat st;
	struct sada_err drop;
	int rc, unlinked;

	for (;;) {
		sada_io_random(rnd, sizeof(rnd));
		(void)snprintf(name, SADA_TEMP_NAME, ".tmp-%016llx",
		    (unsigned long long)sada_le64(rnd));
		*fd = -1;
		if ((rc = sada_io_open(fd, s->dirfd, name,
		    O_RDWR | O_CREAT | O_EXCL, 0600, err)) < 0)
			break;
		if ((rc = sada_io_lock(*fd, LOCK_EX, 0, err)) == 0 &&
		    (rc = sada_io_stat(*fd, "", &st, err)) == 0 &&
		    st.nlink > 0)
			return 0;
		/* A clean-up came between open and lock: take another. */
		if (rc == 0 || rc == SADA_BUSY) {
			sada_io_close(*fd);
			continue;
		}
		unlinked = sada_io_unlink(s->dirfd, name, 0, &drop);
		(void)unlinked;
		break;
	}
	sada_io_close(*fd);
	*fd = -1;
	*name = '\0';
	if (err != NULL)
		err->code = SADA_SYS;
	return SADA_SYS;
}

/* Under LOCK: the temp, with its header. */
static int
start(struct sada_txn *t, struct sada_err *err)
{
	unsigned char head[SADA_PACK_HEADER];
	int rc;

	if (t->fd >= 0)
		return 0;
	if ((rc = sada_txn_temp(t->store, &t->fd, t->temp, err)) < 0)
		return rc;
	sada_pack_header(head);
	t->off = sizeof(head);
	return sada_io_pwrite(t->fd, head, sizeof(head), 0, err);
}

int
sada_txn_write(struct sada_txn *t, const unsigned char *p, size_t n,
    struct sada_ent *e, size_t nent, uint32_t *number, struct sada_err *err)
{
	struct sada_err why;
	struct sada_blk b;
	int rc, push = 0;
	size_t i;

	b.objects = sada_le32(p + 4);
	b.raw_len = sada_le32(p + 8);
	b.frame_len = (uint32_t)(n - SADA_BLOCK_HEAD);
	pthread_mutex_lock(&t->lock);
	if ((rc = t->failed) < 0) {
		why = t->why;
	} else if ((rc = start(t, &why)) == 0) {
		assert(t->t.nblk < SADA_PENDING);
		*number = (uint32_t)t->t.nblk;
		b.off = t->off;
		t->off += n;
		sada_table_blk(&t->t, &b);
		sada_buf_add(&t->heads, p, SADA_BLOCK_HEAD);
		t->since += n;
		if ((push = t->since >= WRITEBACK))
			t->since = 0;
	}
	pthread_mutex_unlock(&t->lock);
	if (rc == 0)
		rc = sada_io_pwrite(t->fd, p, n, b.off, &why);
	if (rc < 0) {
		sada_txn_fail(t, &why);
		if (err != NULL)
			*err = why;
		return rc;
	}
	if (push)
		sada_io_writeback(t->fd);
	pthread_mutex_lock(&t->lock);
	for (i = 0; i < nent; i++) {
		e[i].block = *number;
		sada_txn_enter(t, &e[i]);
		t->raw_bytes += e[i].len;
	}
	pthread_mutex_unlock(&t->lock);
	return 0;
}

int
sada_txn_put(struct sada_txn *t, unsigned type, const void *p, size_t n,
    struct sada_id *id, struct sada_err *err)
{
	int rc;

	sada_hash(id, sada_type_ctx(type), p, n);
	pthread_mutex_lock(&t->own_lock);
	rc = sada_fill_add(t->own, type, p, n, id, 0, err);
	pthread_mutex_unlock(&t->own_lock);
	return rc;
}

int
sada_txn_has(struct sada_txn *t, unsigned type, const struct sada_id *id)
{
	return sada_txn_own(t, type, id) ||
	    sada_store_has(t->store, type, id);
}

int
sada_txn_has_quick(struct sada_txn *t, unsigned type,
    const struct sada_id *id)
{
	return sada_txn_own(t, type, id) ||
	    sada_store_has_quick(t->store, type, id);
}

/*
 * Entry I still waits in a fill: copy it from there.  1 when it was
 * written meanwhile.
 */
static int
get_pending(struct sada_txn *t, size_t i, struct sada_fill *f,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_lane *l;
	struct sada_ent e;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	pthread_mutex_lock(&t->lock);
	e = t->t.ent[i];
	pthread_mutex_unlock(&t->lock);
	l = &f->lane[e.type != SADA_OBJ_CHUNK];
	if ((e.block & SADA_PENDING) == 0)
		rc = 1;
	else if (e.off > l->data.len || e.len > l->data.len - e.off)
		rc = sada_err_set(err, SADA_SYS,
		    "the transaction was given up");
	else if (e.len > 0)
		sada_buf_add(out, l->data.p + e.off, e.len);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int
sada_txn_get(struct sada_txn *t, unsigned type, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_fill *f = NULL;
	struct sada_ent e;
	struct sada_blk b;
	size_t i;
	int rc;

	do {
		pthread_mutex_lock(&t->lock);
		if ((i = sada_txn_find(t, type, id)) != SIZE_MAX) {
			e = t->t.ent[i];
			if (e.block & SADA_PENDING)
				f = t->fill[e.block & SADA_PENDING_MASK];
			else
				b = t->t.blk[e.block];
		}
		pthread_mutex_unlock(&t->lock);
		if (i == SIZE_MAX)
			return sada_store_get(t->store, type, id, out, err);
		if ((e.block & SADA_PENDING) == 0)
			return sada_read_object(t->store, t->fd, t->temp,
			    t->serial, &b, &e, out, err);
		rc = get_pending(t, i, f, out, err);
	} while (rc > 0);
	return rc;
}

void
sada_txn_stat(const struct sada_txn *t, struct sada_txn_stat *st)
{
	/* The lock is no part of what const promises. */
	struct sada_txn *u = (struct sada_txn *)(uintptr_t)t;

	pthread_mutex_lock(&u->lock);
	st->objects = t->t.nent;
	st->raw_bytes = t->raw_bytes;
	st->packed_bytes = t->off;
	pthread_mutex_unlock(&u->lock);
}

/* Blocks of somebody else. */

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
	struct sada_ent *e;
	uint32_t i;

	for (i = 0; i < c->n; i++) {
		e = &c->e[i];
		if (!sada_txn_own(t, e->type, &e->id) &&
		    !sada_txn_hit(t, e->type, &e->id, &b))
			continue;
		c->known[i] = 1;
		c->nknown++;
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
