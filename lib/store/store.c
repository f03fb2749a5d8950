/* The store: which packs there are. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/store_priv.h"

/* A directory changed this recently may change again in the same tick. */
#define RACY_NS 2000000000ll
/* How often a listing that raced with a clean-up is taken again. */
#define TRIES 5

struct names {
	char (*name)[SADA_PACK_NAME];
	size_t n, cap;
};

static int
list_name(const struct sada_dirent *d, void *ctx)
{
	struct names *l = ctx;

	if (!sada_pack_name_ok(d->name, d->len))
		return 0;
	l->name = sada_grow(l->name, &l->cap, l->n + 1, sizeof(*l->name));
	memcpy(l->name[l->n++], d->name, SADA_PACK_NAME);
	return 0;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(a, b);
}

struct sada_pack *
sada_store_pack(struct sada_store *s, size_t i)
{
	struct sada_pack *p = NULL;

	(void)pthread_rwlock_rdlock(&s->lock);
	if (i < s->n && (p = s->pack[i]) != NULL)
		sada_pack_ref(p);
	(void)pthread_rwlock_unlock(&s->lock);
	return p;
}

void
sada_store_add(struct sada_store *s, struct sada_pack *p)
{
	struct sada_pack *gone = NULL;
	size_t i;

	(void)pthread_rwlock_wrlock(&s->lock);
	for (i = 0; i < s->n; i++) {
		if (s->pack[i] != NULL &&
		    strcmp(s->pack[i]->name, p->name) == 0) {
			gone = s->pack[i];
			s->pack[i] = NULL;
		}
	}
	s->pack = sada_grow(s->pack, &s->cap, s->n + 1, sizeof(*s->pack));
	s->pack[s->n++] = p;
	(void)pthread_rwlock_unlock(&s->lock);
	sada_pack_unref(gone);
}

void
sada_store_drop(struct sada_store *s, const struct sada_pack *p)
{
	struct sada_pack *gone = NULL;
	size_t i;

	(void)pthread_rwlock_wrlock(&s->lock);
	for (i = 0; i < s->n; i++) {
		if (s->pack[i] == p) {
			gone = s->pack[i];
			s->pack[i] = NULL;
		}
	}
	(void)pthread_rwlock_unlock(&s->lock);
	sada_pack_unref(gone);
}

void
sada_store_retire(struct sada_store *s, const struct sada_pack *p)
{
	pthread_mutex_lock(&s->scan);
	s->gone = sada_grow(s->gone, &s->cap_gone, s->ngone + 1,
	    sizeof(*s->gone));
	memcpy(s->gone[s->ngone++], p->name, SADA_PACK_NAME);
	qsort(s->gone, s->ngone, sizeof(*s->gone), name_cmp);
	pthread_mutex_unlock(&s->scan);
	sada_store_drop(s, p);
}

void
sada_store_save_index(struct sada_store *s, struct sada_pack *p)
{
	struct sada_index *ix = atomic_load(&p->ix);
	char name[SADA_PACK_NAME];
	struct sada_err drop;
	int rc;

	if ((s->flags & SADA_STORE_WRITE) == 0 || p->damaged)
		return;
	sada_index_name(name, p->name);
	rc = sada_io_publish(s->dirfd, name, ix->p, ix->n, 0, &drop);
	(void)rc;
}

int
sada_store_recheck(struct sada_store *s, struct sada_pack *p,
    struct sada_err *err)
{
	struct sada_scan sc = { 0 };
	struct sada_buf b = { 0 };
	struct sada_index *ix, *fresh;
	int rc = 0;

	ix = atomic_load(&p->ix);
	if (atomic_load(&ix->checked))
		return ix->next != NULL;
	pthread_mutex_lock(&s->scan);
	ix = atomic_load(&p->ix);
	if (atomic_load(&ix->checked))
		goto out;
	if (sada_index_whole(ix)) {
		atomic_store(&ix->checked, 1);
		goto out;
	}
	if ((rc = sada_pack_scan(&sc, p->fd, p->name, p->size,
	    SADA_SCAN_OBJECTS, err)) < 0)
		goto out;
	sada_index_encode(&b, &sc.t, &sc.hash);
	if ((rc = sada_index_adopt(&fresh, &b, err)) < 0)
		goto out;
	fresh->next = ix;
	atomic_store(&p->ix, fresh);
	if (sc.whole)
		sada_store_save_index(s, p);
out:
	if (rc == 0)
		rc = atomic_load(&p->ix)->next != NULL;
	pthread_mutex_unlock(&s->scan);
	sada_buf_release(&b);
	sada_scan_release(&sc);
	return rc;
}

/* Mark the packs whose objects another pack has taken in. */
static void
mark_old(struct sada_store *s)
{
	size_t i, j;

	(void)pthread_rwlock_rdlock(&s->lock);
	for (i = 0; i < s->n; i++) {
		if (s->pack[i] == NULL || s->pack[i]->nfolded == 0 ||
		    atomic_load(&s->pack[i]->going))
			continue;
		for (j = 0; j < s->n; j++)
			if (j != i && s->pack[j] != NULL &&
			    sada_pack_folds(s->pack[i], s->pack[j]->name))
				atomic_store(&s->pack[j]->old, 1);
	}
	(void)pthread_rwlock_unlock(&s->lock);
}

/* Is NAME open already, or one that we are done with? */
static int
is_known(struct sada_store *s, const char *name)
{
	int hit;
	size_t i;

	hit = s->ngone > 0 && bsearch(name, s->gone, s->ngone,
	    sizeof(*s->gone), name_cmp) != NULL;
	(void)pthread_rwlock_rdlock(&s->lock);
	for (i = 0; i < s->n && !hit; i++)
		hit = s->pack[i] != NULL &&
		    strcmp(s->pack[i]->name, name) == 0;
	(void)pthread_rwlock_unlock(&s->lock);
	return hit;
}

/* Open what is in L and not open yet; *AGAIN if one of them was gone. */
static int
open_new(struct sada_store *s, const struct names *l, int *again,
    struct sada_err *err)
{
	struct sada_pack *p;
	int rebuilt, rc;
	size_t i;

	*again = 0;
	for (i = 0; i < l->n; i++) {
		if (is_known(s, l->name[i]))
			continue;
		rc = sada_pack_open(&p, s->dirfd, l->name[i],
		    atomic_fetch_add(&s->serial, 1), &rebuilt, err);
		if (rc == SADA_NOTFOUND) {
			*again = 1;
			continue;
		}
		if (rc < 0)
			return rc;
		if (rebuilt)
			sada_store_save_index(s, p);
		if (s->synced > 0)
			s->synced = 0;
		sada_store_add(s, p);
	}
	return 0;
}

/*
 * Mark the packs that L does not name, or SWEPT names; with DROP forget the
 * former.
 */
static void
mark_going(struct sada_store *s, const struct names *l,
    const struct sada_swept *swept, unsigned flags)
{
	struct sada_pack *p;
	int gone;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if ((p = s->pack[i]) == NULL)
			continue;
		gone = l->n == 0 || bsearch(p->name, l->name, l->n,
		    sizeof(*l->name), name_cmp) == NULL;
		atomic_store(&p->going, gone || sada_swept_has(swept,
		    p->name));
		if (gone && (flags & SADA_STORE_DROP))
			sada_store_drop(s, p);
	}
}

int
sada_store_scan(struct sada_store *s, unsigned flags, struct sada_err *err)
{
	struct names l = { NULL, 0, 0 };
	struct sada_swept swept = { 0 };
	int again = 1, tries, rc = 0;
	struct sada_stat st;
	long long now;

	pthread_mutex_lock(&s->scan);
	for (tries = 0; again && tries < TRIES; tries++) {
		l.n = 0;
		now = sada_io_now();
		/*
		 * The list of a sweep comes first: what took over from the
		 * packs on it was there before it.
		 */
		sada_swept_release(&swept);
		if ((rc = sada_swept_read(&swept, s->dirfd, err)) < 0)
			goto out;
		if ((rc = sada_io_stat(s->dirfd, "", &st, err)) < 0 ||
		    (rc = sada_io_list(s->dirfd, list_name, &l, err)) < 0)
			goto out;
		if (l.n > 0)
			qsort(l.name, l.n, sizeof(*l.name), name_cmp);
		if ((rc = open_new(s, &l, &again, err)) < 0)
			goto out;
	}
	rc = 0;
	mark_going(s, &l, &swept, flags);
	mark_old(s);
	s->seen = st;
	s->racy = now - (st.mtime_s * 1000000000ll + st.mtime_ns) < RACY_NS;
out:
	pthread_mutex_unlock(&s->scan);
	sada_swept_release(&swept);
	free(l.name);
	return rc;
}

int
sada_store_refresh(struct sada_store *s, struct sada_err *err)
{
	struct sada_stat st;
	int rc, same;

	if ((rc = sada_io_stat(s->dirfd, "", &st, err)) < 0)
		return rc;
	pthread_mutex_lock(&s->scan);
	same = !s->racy && st.mtime_s == s->seen.mtime_s &&
	    st.mtime_ns == s->seen.mtime_ns &&
	    st.ctime_s == s->seen.ctime_s && st.ctime_ns == s->seen.ctime_ns;
	pthread_mutex_unlock(&s->scan);
	return same ? 0 : sada_store_scan(s, 0, err);
}

int
sada_store_open(struct sada_store **out, int dirfd, unsigned flags,
    struct sada_err *err)
{
	struct sada_store *s = sada_calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	s->dirfd = dirfd;
	s->flags = flags;
	(void)pthread_rwlock_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->scan, NULL);
	sada_cache_init(&s->cache);
	if ((rc = sada_store_scan(s, 0, err)) < 0 ||
	    ((flags & SADA_STORE_WRITE) != 0 &&
	    (rc = sada_store_clean(s, err)) < 0))
		goto out;
	*out = s;
	s = NULL;
out:
	sada_store_free(s);
	return rc;
}

void
sada_store_free(struct sada_store *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		sada_pack_unref(s->pack[i]);
	free(s->pack);
	free(s->gone);
	sada_cache_release(&s->cache);
	(void)pthread_mutex_destroy(&s->scan);
	(void)pthread_rwlock_destroy(&s->lock);
	free(s);
}

int
sada_store_each(struct sada_store *s, int (*each)(unsigned type,
    const struct sada_id *id, uint32_t len, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_index *ix;
	struct sada_pack *p;
	struct sada_ent e;
	size_t i, n;
	uint32_t k;
	int rc = 0;

	(void)err;
	(void)pthread_rwlock_rdlock(&s->lock);
	n = s->n;
	(void)pthread_rwlock_unlock(&s->lock);
	for (i = 0; i < n && rc == 0; i++) {
		if ((p = sada_store_pack(s, i)) == NULL)
			continue;
		ix = atomic_load(&p->ix);
		for (k = 0; k < ix->objects && rc == 0; k++) {
			sada_index_ent(ix, k, &e);
			if (e.type >= SADA_OBJ_CHUNK && e.type <= SADA_OBJ_ANC)
				rc = each(e.type, &e.id, e.len, ctx);
		}
		sada_pack_unref(p);
	}
	return rc;
}

void
sada_store_stat(struct sada_store *s, struct sada_store_stat *st)
{
	size_t i;

	memset(st, 0, sizeof(*st));
	(void)pthread_rwlock_rdlock(&s->lock);
	for (i = 0; i < s->n; i++) {
		if (s->pack[i] == NULL)
			continue;
		st->packs++;
		st->objects += atomic_load(&s->pack[i]->ix)->objects;
		st->bytes += s->pack[i]->size;
	}
	(void)pthread_rwlock_unlock(&s->lock);
}
