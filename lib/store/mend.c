/*
 * Mending: a pack that is damaged, and of which nothing is lost, since all
 * that its index names can be read from it or from another pack, is set
 * aside.  A new pack takes over what it holds first, and is durable before
 * the old one moves; nothing is deleted.
 *
 * A pack of which something is lost stays as it is: somebody may get more
 * out of it than we can, and a peer may send what is lacking.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/txn_priv.h"

/* Is the index of P, as it lies on disk, the true list of what P held? */
static int
list_known(struct sada_store *s, const struct sada_pack *p)
{
	struct sada_index *ix = NULL;
	char name[SADA_PACK_NAME];
	struct sada_err drop;
	int good;

	if (sada_index_open(&ix, s->dirfd, p->name, &drop) < 0)
		return 0;
	sada_pack_name(name, &ix->hash);
	good = strcmp(name, p->name) == 0 && sada_index_whole(ix);
	sada_index_free(ix);
	return good;
}

/*
 * Read all that P's index names, from wherever it is whole, and put it in T
 * (NULL: only read).  1, or 0 when something cannot be read.
 */
static int
take_all(struct sada_store *s, const struct sada_pack *p, struct sada_txn *t,
    struct sada_err *err)
{
	struct sada_index *ix = atomic_load(&p->ix);
	struct sada_buf b = { 0 };
	struct sada_err drop;
	struct sada_ent e;
	uint32_t i;
	int rc = 1;

	for (i = 0; i < ix->objects && rc > 0; i++) {
		sada_index_ent(ix, i, &e);
		if (e.type < SADA_OBJ_CHUNK || e.type > SADA_OBJ_ANC) {
			rc = 0;
			break;
		}
		sada_buf_reset(&b);
		if (sada_store_get(s, e.type, &e.id, &b, &drop) < 0)
			rc = 0;
		else if (t != NULL && !sada_txn_own(t, e.type, &e.id) &&
		    sada_fill_add(t->own, e.type, b.p, b.len, &e.id,
		    SADA_PUT_ANYWAY, err) < 0)
			rc = SADA_SYS;
	}
	sada_buf_release(&b);
	return rc;
}

/* Is it P itself that lies under its name still? */
static int
is_there(struct sada_store *s, const struct sada_pack *p)
{
	struct sada_stat own, at;
	struct sada_err drop;

	return sada_io_stat(p->fd, "", &own, &drop) == 0 &&
	    sada_io_stat(s->dirfd, p->name, &at, &drop) == 0 &&
	    own.ino == at.ino && own.dev == at.dev;
}

/* Move P out of the store, beside what was set aside before. */
static int
set_aside(struct sada_store *s, struct sada_pack *p, int quarantine,
    struct sada_err *err)
{
	char name[SADA_PACK_NAME], to[SADA_PACK_NAME + 8];
	struct sada_err why;
	unsigned i;
	int rc = SADA_NOTFOUND;

	for (i = 0; i < 1000; i++) {
		(void)snprintf(to, sizeof(to), "%s.%u", p->name, i);
		rc = sada_io_rename(s->dirfd, p->name, quarantine, to,
		    RENAME_NOREPLACE, &why);
		if (rc == 0 || why.sys != EEXIST)
			break;
	}
	if (rc < 0) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	sada_store_drop(s, p);
	sada_index_name(name, p->name);
	if ((rc = sada_io_unlink(s->dirfd, name, 0, err)) < 0 &&
	    rc != SADA_NOTFOUND)
		return rc;
	if ((rc = sada_io_fsync(quarantine, "the quarantine", err)) < 0)
		return rc;
	return sada_io_fsync(s->dirfd, "the packs' directory", err);
}

/* P, which is damaged: 1 it was set aside, 0 it has to stay. */
static int
mend(struct sada_store *s, struct sada_pack *p, int quarantine,
    struct sada_err *err)
{
	struct sada_txn *t = NULL, *done;
	int rc;

	if (p->foreign || !list_known(s, p) ||
	    (rc = take_all(s, p, NULL, err)) == 0)
		return 0;
	if (rc < 0 || (rc = sada_txn_begin(&t, s, err)) < 0 ||
	    (rc = take_all(s, p, t, err)) <= 0)
		goto out;
	done = t;
	t = NULL;
	if ((rc = sada_txn_commit(done, err)) < 0)
		goto out;
	/* The new pack may be the old one as it should be. */
	rc = is_there(s, p) ? set_aside(s, p, quarantine, err) : 0;
	if (rc == 0)
		rc = 1;
out:
	sada_txn_abort(t);
	return rc;
}

int
sada_store_mend(struct sada_store *s, int quarantine, unsigned *moved,
    struct sada_err *err)
{
	struct sada_scan sc;
	struct sada_pack *p;
	size_t i, n;
	int rc = 0;

	*moved = 0;
	sada_cache_forget(&s->cache);
	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	for (i = 0; i < n && rc >= 0; i++) {
		if ((p = sada_store_pack(s, i)) == NULL)
			continue;
		memset(&sc, 0, sizeof(sc));
		rc = sada_pack_scan(&sc, p->fd, p->name, p->size,
		    SADA_SCAN_OBJECTS, err);
		if (rc == 0 && !sc.whole &&
		    (rc = mend(s, p, quarantine, err)) > 0)
			++*moved;
		sada_scan_release(&sc);
		sada_pack_unref(p);
	}
	return rc < 0 ? rc : 0;
}
