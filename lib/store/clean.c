/*
 * The clean-up, what a writer does to the directory before it works in it:
 * make what is there durable, drop what a killed run left, and unlink the
 * packs that a newer one has taken in.  The order is: fsync all packs and
 * the directory; only then may a pack be relied on, and only then may
 * another be unlinked for it, after every byte of it was read and checked.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/io.h"
#include "store/store_priv.h"

int
sada_store_sync(struct sada_store *s, struct sada_err *err)
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

int
sada_pack_whole(const struct sada_pack *p, struct sada_err *err)
{
	struct sada_scan sc = { 0 };
	int rc;

	if ((rc = sada_pack_scan(&sc, p->fd, p->name, p->size, 0, err)) == 0)
		rc = sc.whole;
	sada_scan_release(&sc);
	return rc;
}

int
sada_store_unlink(struct sada_store *s, struct sada_pack *p, struct sada_err *err)
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
		if ((rc = sada_pack_whole(p, err)) < 0)
			goto out;
		for (j = 0; j < s->n && rc; j++)
			if (j != i && s->pack[j] != NULL &&
			    sada_pack_folds(p, s->pack[j]->name))
				go[j] = 1;
		rc = 0;
	}
	for (i = 0; i < s->n; i++)
		if (go[i] && (rc = sada_store_unlink(s, s->pack[i], err)) < 0)
			goto out;
out:
	free(go);
	return rc;
}

int
sada_store_clean(struct sada_store *s, struct sada_err *err)
{
	int rc;

	if ((rc = sada_store_sync(s, err)) < 0 ||
	    (rc = sada_swept_drop(s, err)) < 0 ||
	    (rc = drop_strays(s, err)) < 0)
		return rc;
	return drop_folded(s, err);
}
