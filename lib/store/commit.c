/*
 * The commit, which makes a transaction's pack durable and visible, in
 * this order: trailer, index to a temp, fsync of both, rename of the
 * index, rename of the pack, fsync of the directory.  A failed fsync is
 * final: the files go, and nothing of them is believed later.
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

#define HALF 16

/* What a commit has on disk at any moment; all of it goes if it fails. */
struct commit {
	struct sada_txn *t;
	struct sada_pack *p;		/* what the store will read */
	struct sada_pack **taken;	/* packs folded in */
	size_t ntaken;
	int index_fd;
	char index_temp[SADA_TEMP_NAME];
	char index_name[SADA_PACK_NAME];
	int index_there, pack_there;	/* renamed by us, were not there */
};

static int
hex_half(unsigned char out[HALF], const char *name)
{
	struct sada_id id;

	if (sada_id_parse(&id, name, (size_t)2 * HALF) < 0)
		return -1;
	memcpy(out, id.b, HALF);
	return 0;
}

/* Write the trailer; the pack's hash and name come out of it. */
static int
write_trailer(struct commit *c, struct sada_id *hash, struct sada_err *err)
{
	struct sada_txn *t = c->t;
	struct sada_buf b = { 0 }, hashed = { 0 };
	unsigned char head[SADA_PACK_HEADER];
	size_t i;
	int rc;

	c->p->folded = sada_malloc(c->ntaken * HALF + 1);
	c->p->nfolded = (uint32_t)c->ntaken;
	for (i = 0; i < c->ntaken; i++) {
		rc = hex_half(c->p->folded + i * HALF, c->taken[i]->name);
		assert(rc == 0);
	}
	sada_trailer_encode(&b, (uint32_t)t->t.nblk, t->off, c->p->folded,
	    c->p->nfolded);
	sada_pack_header(head);
	sada_buf_add(&hashed, head, sizeof(head));
	sada_buf_add(&hashed, t->heads.p, t->heads.len);
	sada_hash2(hash, SADA_CTX_PACK, hashed.p, hashed.len, b.p, b.len);
	sada_buf_add(&b, hash->b, SADA_ID_LEN);
	rc = sada_io_pwrite(t->fd, b.p, b.len, t->off, err);
	t->off += b.len;
	c->p->size = t->off;
	sada_pack_name(c->p->name, hash);
	sada_index_name(c->index_name, c->p->name);
	sada_buf_release(&b);
	sada_buf_release(&hashed);
	return rc;
}

/* A list that says that this pack is to go must be gone before it comes. */
static int
not_swept(struct commit *c, struct sada_err *err)
{
	struct sada_store *s = c->t->store;
	struct sada_swept l;
	int rc, hit;

	if ((rc = sada_swept_read(&l, s->dirfd, err)) <= 0)
		return rc;
	hit = sada_swept_has(&l, c->p->name);
	sada_swept_release(&l);
	return hit ? sada_swept_forget(s->dirfd, err) : 0;
}

/* Write the index to its temp and keep it for reading. */
static int
write_index(struct commit *c, const struct sada_id *hash,
    struct sada_err *err)
{
	struct sada_index *ix;
	struct sada_buf b = { 0 };
	int rc;

	sada_index_encode(&b, &c->t->t, hash);
	if ((rc = sada_txn_temp(c->t->store, &c->index_fd, c->index_temp,
	    err)) < 0 ||
	    (rc = sada_io_pwrite(c->index_fd, b.p, b.len, 0, err)) < 0 ||
	    (rc = sada_index_adopt(&ix, &b, err)) < 0)
		goto out;
	atomic_store(&c->p->ix, ix);
out:
	sada_buf_release(&b);
	return rc;
}

/*
 * Rename TEMP to NAME and clear it.  A file of that name has the same
 * content or is a damaged copy of it: ours, just synced, takes its place.
 * *NEW if there was none.
 */
static int
publish(struct sada_store *s, char *temp, const char *name, int *new,
    struct sada_err *err)
{
	struct sada_err why;
	int rc;

	rc = sada_io_rename(s->dirfd, temp, s->dirfd, name, RENAME_NOREPLACE,
	    &why);
	*new = rc == 0;
	if (rc < 0 && why.sys == EEXIST)
		rc = sada_io_rename(s->dirfd, temp, s->dirfd, name, 0, &why);
	if (rc == 0)
		*temp = '\0';
	else if (err != NULL)
		*err = why;
	return rc < 0 ? SADA_SYS : 0;
}

static int
make_durable(struct commit *c, struct sada_err *err)
{
	struct sada_store *s = c->t->store;
	int rc;

	if ((rc = sada_io_fsync(c->t->fd, c->p->name, err)) < 0 ||
	    (rc = sada_io_fsync(c->index_fd, c->index_name, err)) < 0)
		return rc;
	rc = sada_io_close_checked(c->index_fd, err);
	c->index_fd = -1;
	if (rc < 0 ||
	    (rc = publish(s, c->index_temp, c->index_name, &c->index_there,
	    err)) < 0 ||
	    (rc = publish(s, c->t->temp, c->p->name, &c->pack_there,
	    err)) < 0)
		return rc;
	return sada_io_fsync(s->dirfd, "the packs' directory", err);
}

static void
drop_file(struct sada_store *s, const char *name)
{
	struct sada_err drop;
	int rc = sada_io_unlink(s->dirfd, name, 0, &drop);

	(void)rc;
}

/* Take back what was put there: nobody may believe it now. */
static void
undo(struct commit *c)
{
	struct sada_store *s = c->t->store;

	sada_io_close(c->index_fd);
	if (c->pack_there)
		drop_file(s, c->p->name);
	if (c->index_there)
		drop_file(s, c->index_name);
	if (*c->index_temp != '\0')
		drop_file(s, c->index_temp);
}

/* The store reads the new pack from now on, and no longer those in it. */
static void
take_over(struct commit *c)
{
	size_t i;

	c->p->serial = c->t->serial;
	c->p->fd = c->t->fd;
	c->t->fd = -1;
	sada_store_add(c->t->store, c->p);
	c->p = NULL;
	for (i = 0; i < c->ntaken; i++)
		sada_store_retire(c->t->store, c->taken[i]);
}

int
sada_txn_settle(struct sada_txn *t, struct sada_err *err)
{
	struct sada_store *s = t->store;
	struct sada_buf b = { 0 };
	struct sada_err why;
	int rc = 0, gone = 0;
	size_t i;

	if (s->flags & SADA_STORE_WRITE)
		return 0;
	if ((rc = sada_store_scan(s, 0, err)) < 0)
		return rc;
	for (i = 0; i < s->n; i++)
		gone |= s->pack[i] != NULL && atomic_load(&s->pack[i]->going);
	for (i = 0; gone && i < t->hits.cap && rc == 0; i++) {
		const struct sada_id *id = &t->hits.key[i];
		unsigned type = t->hits.value[i];

		if (!t->hits.used[i] || sada_store_has_quick(s, type, id) ||
		    sada_txn_own(t, type, id))
			continue;
		/* Its pack is still open. */
		sada_buf_reset(&b);
		rc = sada_store_get(s, type, id, &b, &why);
		if (rc < 0)
			rc = sada_err_set(err, SADA_SYS, "%s: it went away "
			    "while it was needed; try again", why.msg);
		else
			rc = sada_fill_add(t->own, type, b.p, b.len, id,
			    SADA_PUT_ANYWAY, err);
	}
	sada_buf_release(&b);
	return rc < 0 ? rc : gone;
}

int
sada_txn_commit(struct sada_txn *t, struct sada_err *err)
{
	struct commit c = { .t = t, .index_fd = -1 };
	struct sada_id hash;
	size_t i;
	int rc;

	c.p = sada_calloc(1, sizeof(*c.p));
	atomic_init(&c.p->refs, 1);
	c.p->fd = -1;
	if ((rc = sada_txn_settle(t, err)) < 0 ||
	    (rc = sada_fill_flush(t->own, err)) < 0)
		goto out;
	if ((rc = t->failed) < 0) {
		if (err != NULL)
			*err = t->why;
		goto out;
	}
	for (i = 0; i < t->nfill; i++)
		assert(!t->fill[i]->live || t->fill[i] == t->own);
	/*
	 * What was not put because the store had it must be as durable as
	 * what was.
	 */
	if ((rc = sada_store_scan(t->store, SADA_STORE_DROP, err)) < 0 ||
	    (rc = sada_store_sync(t->store, err)) < 0 ||
	    t->t.nent == 0)
		goto out;
	if ((!t->no_fold &&
	    (rc = sada_fold(t, &c.taken, &c.ntaken, err)) < 0) ||
	    (rc = write_trailer(&c, &hash, err)) < 0 ||
	    (rc = not_swept(&c, err)) < 0 ||
	    (rc = write_index(&c, &hash, err)) < 0 ||
	    (rc = make_durable(&c, err)) < 0)
		goto out;
	take_over(&c);
out:
	if (rc < 0)
		undo(&c);
	for (i = 0; i < c.ntaken; i++)
		sada_pack_unref(c.taken[i]);
	free(c.taken);
	sada_pack_unref(c.p);
	sada_txn_abort(t);
	return rc < 0 ? SADA_SYS : 0;
}
