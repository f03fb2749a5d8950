/*
 * What makes packs durable, and what goes after.
 *
 * The commit, which makes a transaction's pack durable and visible, in
 * this order: trailer, index to a temp, fsync of both, rename of the
 * index, rename of the pack, fsync of the directory.  A failed fsync is
 * final: the files go, and nothing of them is believed later.
 *
 * The clean-up, what a writer does to the directory before it works in it:
 * make what is there durable, drop what a killed run left, and unlink the
 * packs that a newer one has taken in.  The order is: fsync all packs and
 * the directory; only then may a pack be relied on, and only then may
 * another be unlinked for it, after every byte of it was read and checked.
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

/* Make all packs durable that are not known to be. */
static int
store_sync(struct sada_store *s, struct sada_err *err)
{
	int rc = 0;
	size_t i;

	pthread_mutex_lock(&s->scan);
	if (s->synced > 0)
		goto out;
	if (s->synced < 0) {
		/* Asked again, the system would say that all is well. */
		rc = sada_err_set(err, SADA_SYS,
		    "the packs could not be made durable before");
		goto out;
	}
	for (i = 0; i < s->n; i++)
		if (s->pack[i] != NULL && (rc = sada_io_fsync(s->pack[i]->fd,
		    s->pack[i]->name, err)) < 0)
			break;
	if (rc == 0)
		rc = sada_io_fsync(s->dirfd, "the packs' directory", err);
	s->synced = rc == 0 ? 1 : -1;
out:
	pthread_mutex_unlock(&s->scan);
	return rc;
}

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
sada_txn_commit(struct sada_txn *t, struct sada_err *err)
{
	struct commit c = { .t = t, .index_fd = -1 };
	struct sada_id hash;
	size_t i;
	int rc;

	c.p = sada_calloc(1, sizeof(*c.p));
	atomic_init(&c.p->refs, 1);
	c.p->fd = -1;
	if ((rc = sada_fill_flush(t->own, err)) < 0)
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
	    (rc = store_sync(t->store, err)) < 0 ||
	    t->t.nent == 0)
		goto out;
	if ((rc = sada_fold(t, &c.taken, &c.ntaken, err)) < 0 ||
	    (rc = write_trailer(&c, &hash, err)) < 0 ||
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

/* The clean-up. */

struct stray {
	char (*name)[SADA_PACK_NAME];	/* temps and lone indexes */
	size_t n, cap;
};

static int
list_stray(const struct sada_dirent *d, void *ctx)
{
	struct stray *l = ctx;

	if (d->len >= SADA_PACK_NAME || (strncmp(d->name, ".tmp-", 5) != 0 &&
	    (d->len != 36 || strcmp(d->name + 32, ".idx") != 0)))
		return 0;
	l->name = sada_grow(l->name, &l->cap, l->n + 1, sizeof(*l->name));
	memcpy(l->name[l->n++], d->name, d->len + 1);
	return 0;
}

/*
 * Unlink temp NAME unless somebody fills it: a transaction may be filled
 * without the replica's lock, and holds a lock on its temp instead.
 */
static int
drop_temp(struct sada_store *s, const char *name, struct sada_err *err)
{
	struct sada_err drop;
	int fd = -1;
	int rc;

	if ((rc = sada_io_open(&fd, s->dirfd, name, O_RDONLY | O_NONBLOCK, 0,
	    err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	if (sada_io_lock(fd, LOCK_EX, 0, &drop) == 0)
		rc = sada_io_unlink(s->dirfd, name, 0, err);
	sada_io_close(fd);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

/* Unlink index NAME if its pack is not there. */
static int
drop_index(struct sada_store *s, const char *name, struct sada_err *err)
{
	char pack[SADA_PACK_NAME];
	struct sada_stat st;
	int rc;

	memcpy(pack, name, 32);
	memcpy(pack + 32, ".pack", 6);
	if ((rc = sada_io_stat(s->dirfd, pack, &st, err)) != SADA_NOTFOUND)
		return rc;
	rc = sada_io_unlink(s->dirfd, name, 0, err);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

static int
drop_strays(struct sada_store *s, struct sada_err *err)
{
	struct stray l = { NULL, 0, 0 };
	size_t i;
	int rc;

	rc = sada_io_list(s->dirfd, list_stray, &l, err);
	for (i = 0; i < l.n && rc == 0; i++)
		rc = l.name[i][0] == '.' ? drop_temp(s, l.name[i], err) :
		    drop_index(s, l.name[i], err);
	free(l.name);
	return rc;
}

/* Is every byte of P as it should be?  1, 0 or SYS. */
static int
is_whole(const struct sada_pack *p, struct sada_err *err)
{
	struct sada_scan sc = { 0 };
	int rc;

	if ((rc = sada_pack_scan(&sc, p->fd, p->name, p->size, 0, err)) == 0)
		rc = sc.whole;
	sada_scan_release(&sc);
	return rc;
}

static int
unlink_pack(struct sada_store *s, struct sada_pack *p, struct sada_err *err)
{
	char name[SADA_PACK_NAME];
	int rc;

	sada_index_name(name, p->name);
	if ((rc = sada_io_unlink(s->dirfd, p->name, 0, err)) < 0 &&
	    rc != SADA_NOTFOUND)
		return rc;
	sada_store_drop(s, p);
	rc = sada_io_unlink(s->dirfd, name, 0, err);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

/*
 * Unlink the packs that others have taken in.  Those to go are found
 * first: a pack may both fold and be folded, and its list must count.
 */
static int
drop_folded(struct sada_store *s, struct sada_err *err)
{
	unsigned char *go = sada_calloc(s->n + 1, 1);
	struct sada_pack *p;
	size_t i, j;
	int rc = 0, hit;

	for (i = 0; i < s->n; i++) {
		if ((p = s->pack[i]) == NULL || p->nfolded == 0 || p->damaged)
			continue;
		hit = 0;
		for (j = 0; j < s->n && !hit; j++)
			hit = j != i && s->pack[j] != NULL &&
			    sada_pack_folds(p, s->pack[j]->name);
		if (!hit)
			continue;
		if ((rc = is_whole(p, err)) < 0)
			goto out;
		for (j = 0; j < s->n && rc; j++)
			if (j != i && s->pack[j] != NULL &&
			    sada_pack_folds(p, s->pack[j]->name))
				go[j] = 1;
		rc = 0;
	}
	for (i = 0; i < s->n; i++)
		if (go[i] && (rc = unlink_pack(s, s->pack[i], err)) < 0)
			goto out;
out:
	free(go);
	return rc;
}

int
sada_store_clean(struct sada_store *s, struct sada_err *err)
{
	int rc;

	if ((rc = store_sync(s, err)) < 0 ||
	    (rc = drop_strays(s, err)) < 0)
		return rc;
	return drop_folded(s, err);
}
