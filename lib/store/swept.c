/*
 * The list of a sweep, between the run that made the new packs and the one
 * that unlinks the old.
 *
 * File "swept" beside the packs: "sadaswp1", le32 new packs (1 or more),
 * le32 packs to go, then 16 bytes each, the first half of a pack's hash, as
 * in its name; last 32 H("sada.file.v1", all before).  One that does not
 * hold is none: then the old packs stay, and what is in both is only there
 * twice.
 *
 * It is not told by the new packs themselves, as folding is: a pack that
 * was swept may be made again, to the letter, by somebody who records the
 * same contents once more, and that one must stay.  So the list goes, durably,
 * before anything is committed after it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/store_priv.h"

#define SWEPT_FILE "swept"
#define MAGIC "sadaswp1"
#define HALF 16
#define LIST_MAX ((size_t)64 << 20)

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
sada_swept_has(const struct sada_swept *l, const char *name)
{
	return l->nstale > 0 && bsearch(name, l->stale, l->nstale,
	    sizeof(*l->stale), name_cmp) != NULL;
}

void
sada_swept_release(struct sada_swept *l)
{
	free(l->fresh);
	free(l->stale);
	memset(l, 0, sizeof(*l));
}

/* N names out of the halves at P. */
static char (*names(const unsigned char *p, size_t n))[SADA_PACK_NAME]
{
	char (*out)[SADA_PACK_NAME] = sada_calloc(n + 1, sizeof(*out));
	struct sada_id id;
	size_t i;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < n; i++) {
		memcpy(id.b, p + i * HALF, HALF);
		sada_pack_name(out[i], &id);
	}
	return out;
}

static int
decode(struct sada_swept *l, const struct sada_buf *b)
{
	const unsigned char *p = b->p;
	struct sada_id h;
	uint64_t fresh, stale;

	if (b->len < 16 + SADA_ID_LEN || memcmp(p, MAGIC, 8) != 0)
		return 0;
	fresh = sada_le32(p + 8);
	stale = sada_le32(p + 12);
	if (fresh == 0 || b->len != 16 + (fresh + stale) * HALF +
	    SADA_ID_LEN)
		return 0;
	sada_hash(&h, SADA_CTX_FILE, p, b->len - SADA_ID_LEN);
	if (memcmp(h.b, p + b->len - SADA_ID_LEN, SADA_ID_LEN) != 0)
		return 0;
	l->nfresh = (size_t)fresh;
	l->nstale = (size_t)stale;
	l->fresh = names(p + 16, l->nfresh);
	l->stale = names(p + 16 + l->nfresh * HALF, l->nstale);
	qsort(l->stale, l->nstale, sizeof(*l->stale), name_cmp);
	return 1;
}

int
sada_swept_read(struct sada_swept *l, int dirfd, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	memset(l, 0, sizeof(*l));
	rc = sada_io_slurp(dirfd, SWEPT_FILE, LIST_MAX, &b, err);
	if (rc == 0)
		rc = decode(l, &b);
	else if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

static void
put_names(struct sada_buf *b, char (*name)[SADA_PACK_NAME], size_t n)
{
	struct sada_id id;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		rc = sada_id_parse(&id, name[i], (size_t)2 * HALF);
		sada_buf_add(b, id.b, HALF);
		(void)rc;
	}
}

int
sada_swept_write(const struct sada_swept *l, int dirfd, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_id h;
	int rc;

	sada_buf_adds(&b, MAGIC);
	sada_put_u32(&b, (uint32_t)l->nfresh);
	sada_put_u32(&b, (uint32_t)l->nstale);
	put_names(&b, l->fresh, l->nfresh);
	put_names(&b, l->stale, l->nstale);
	sada_hash(&h, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, h.b, SADA_ID_LEN);
	rc = sada_io_publish(dirfd, SWEPT_FILE, b.p, b.len, 0, err);
	sada_buf_release(&b);
	return rc;
}

int
sada_swept_forget(int dirfd, struct sada_err *err)
{
	int rc = sada_io_unlink(dirfd, SWEPT_FILE, 0, err);

	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == 0)
		rc = sada_io_fsync(dirfd, "the packs' directory", err);
	return rc < 0 ? rc : 1;
}

/* The pack NAME, or NULL; borrowed. */
static struct sada_pack *
named(const struct sada_store *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->pack[i] != NULL && strcmp(s->pack[i]->name, name) == 0)
			return s->pack[i];
	return NULL;
}

/* Are all packs that took over there, and whole?  1, 0 or SYS. */
static int
took_over(const struct sada_store *s, const struct sada_swept *l,
    struct sada_err *err)
{
	const struct sada_pack *p;
	size_t i;
	int rc = 1;

	for (i = 0; i < l->nfresh && rc > 0; i++) {
		if ((p = named(s, l->fresh[i])) == NULL || p->damaged)
			rc = 0;
		else
			rc = sada_pack_whole(p, err);
	}
	return rc;
}

int
sada_swept_drop(struct sada_store *s, struct sada_err *err)
{
	struct sada_swept l;
	struct sada_pack *p;
	size_t i;
	int whole, rc;

	if ((rc = sada_swept_read(&l, s->dirfd, err)) < 0)
		return rc;
	if (rc > 0) {
		if ((rc = whole = took_over(s, &l, err)) < 0)
			goto out;
		for (i = 0; whole && i < l.nstale; i++)
			if ((p = named(s, l.stale[i])) != NULL &&
			    (rc = sada_store_unlink(s, p, err)) < 0)
				goto out;
	}
	if ((rc = sada_swept_forget(s->dirfd, err)) > 0)
		rc = sada_store_scan(s, 0, err);
out:
	sada_swept_release(&l);
	return rc < 0 ? rc : 0;
}
