/* One pack open for reading. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "store/store_priv.h"

#define HALF 16

void
sada_pack_ref(struct sada_pack *p)
{
	atomic_fetch_add(&p->refs, 1);
}

void
sada_pack_unref(struct sada_pack *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) > 1)
		return;
	sada_io_close(p->fd);
	sada_index_free(atomic_load(&p->ix));
	free(p->folded);
	free(p);
}

int
sada_pack_name_ok(const char *name, size_t n)
{
	return n == SADA_PACK_NAME - 1 &&
	    strspn(name, "0123456789abcdef") == 2 * HALF &&
	    strcmp(name + 2 * HALF, ".pack") == 0;
}

int
sada_pack_folds(const struct sada_pack *p, const char *name)
{
	char other[SADA_PACK_NAME];
	struct sada_id id;
	uint32_t i;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < p->nfolded; i++) {
		memcpy(id.b, p->folded + (size_t)i * HALF, HALF);
		sada_pack_name(other, &id);
		if (strcmp(other, name) == 0)
			return 1;
	}
	return 0;
}

/*
 * Does index IX belong to this pack: by name, size and trailer?  1, 0 or
 * SYS.
 */
static int
index_fits(struct sada_pack *p, const struct sada_index *ix,
    struct sada_err *err)
{
	struct sada_buf tail = { 0 };
	char name[SADA_PACK_NAME];
	unsigned char *folded;
	uint32_t blocks, nfolded;
	int rc;

	sada_pack_name(name, &ix->hash);
	if (strcmp(name, p->name) != 0)
		return 0;
	rc = sada_trailer_read(p->fd, ix->end, p->size, &blocks, &folded,
	    &nfolded, &tail, err);
	if (rc < 0) {
		rc = rc == SADA_SYS ? rc : 0;
		goto out;
	}
	if (blocks != ix->blocks || memcmp(ix->hash.b, tail.p + tail.len -
	    SADA_ID_LEN, SADA_ID_LEN) != 0) {
		rc = 0;
		goto out;
	}
	p->folded = folded;
	p->nfolded = nfolded;
	folded = NULL;
	rc = 1;
out:
	free(folded);
	sada_buf_release(&tail);
	return rc;
}

/* The index as it is on disk, if it is good for this pack; else NULL. */
static int
load_index(struct sada_pack *p, int dirfd, struct sada_index **out,
    struct sada_err *err)
{
	struct sada_index *ix = NULL;
	char name[SADA_PACK_NAME];
	struct sada_err drop;
	int rc;

	*out = NULL;
	if (sada_index_open(&ix, dirfd, p->name, &drop) < 0)
		return 0;
	if ((rc = index_fits(p, ix, err)) < 0)
		goto out;
	if (rc == 0) {
		/*
		 * The pack's end is damaged, or the index is; a whole index
		 * of the right name still finds what can be read.
		 */
		sada_pack_name(name, &ix->hash);
		if (strcmp(name, p->name) != 0 || !sada_index_whole(ix))
			goto out;
		atomic_store(&ix->checked, 1);
		p->damaged = 1;
	}
	*out = ix;
	ix = NULL;
	rc = 0;
out:
	sada_index_free(ix);
	return rc;
}

/* Make the index from the pack itself. */
static int
build_index(struct sada_pack *p, struct sada_index **out, int *rebuilt,
    struct sada_err *err)
{
	struct sada_scan sc = { 0 };
	struct sada_buf b = { 0 };
	int rc;

	if ((rc = sada_pack_scan(&sc, p->fd, p->name, p->size,
	    SADA_SCAN_OBJECTS, err)) < 0)
		goto out;
	sada_index_encode(&b, &sc.t, &sc.hash);
	if ((rc = sada_index_adopt(out, &b, err)) < 0)
		goto out;
	if (sc.whole) {
		p->folded = sc.folded;
		p->nfolded = sc.nfolded;
		sc.folded = NULL;
	} else {
		p->damaged = 1;
	}
	if (rebuilt != NULL)
		*rebuilt = sc.whole;
out:
	sada_buf_release(&b);
	sada_scan_release(&sc);
	return rc;
}

static int
check_header(struct sada_pack *p, struct sada_err *err)
{
	unsigned char head[SADA_PACK_HEADER], want[SADA_PACK_HEADER];
	size_t got;
	int rc;

	if ((rc = sada_io_pread(p->fd, head, sizeof(head), 0, &got, err)) < 0)
		return rc;
	sada_pack_header(want);
	if (got == sizeof(head) && memcmp(head, want, sizeof(head)) == 0)
		return 0;
	p->damaged = 1;
	/* A layout that is not known must not be read as this one. */
	p->foreign = got == sizeof(head) && memcmp(head, want, 8) == 0;
	return 0;
}

int
sada_pack_open(struct sada_pack **out, int dirfd, const char *name,
    uint32_t serial, int *rebuilt, struct sada_err *err)
{
	struct sada_pack *p = sada_calloc(1, sizeof(*p));
	struct sada_index *ix = NULL;
	struct sada_stat st;
	int rc;

	*out = NULL;
	if (rebuilt != NULL)
		*rebuilt = 0;
	atomic_init(&p->refs, 1);
	p->serial = serial;
	p->fd = -1;
	memcpy(p->name, name, SADA_PACK_NAME);
	if ((rc = sada_io_open(&p->fd, dirfd, name, O_RDONLY | O_NONBLOCK, 0,
	    err)) < 0 ||
	    (rc = sada_io_stat(p->fd, "", &st, err)) < 0)
		goto out;
	p->size = st.kind == S_IFREG ? st.size : 0;
	if ((rc = check_header(p, err)) < 0 ||
	    (rc = load_index(p, dirfd, &ix, err)) < 0)
		goto out;
	if (ix == NULL && (rc = build_index(p, &ix, rebuilt, err)) < 0)
		goto out;
	atomic_init(&p->ix, ix);
	*out = p;
	p = NULL;
	rc = 0;
out:
	sada_pack_unref(p);
	return rc;
}

int
sada_pack_block(int fd, const char *name, const struct sada_blk *b,
    struct sada_buf *out, struct sada_err *err)
{
	size_t n = (size_t)SADA_BLOCK_HEAD + b->frame_len, start = out->len;
	struct sada_block_head h;
	unsigned char *p;
	size_t got;
	int rc;

	p = sada_buf_reserve(out, n);
	if ((rc = sada_io_pread(fd, p, n, b->off, &got, err)) < 0)
		return rc;
	if (got != n || sada_block_head_decode(&h, p, err) < 0 ||
	    h.objects != b->objects || h.raw_len != b->raw_len ||
	    h.frame_len != b->frame_len ||
	    sada_block_check(p, p + SADA_BLOCK_HEAD, b->frame_len, err) < 0)
		return sada_err_set(err, SADA_DAMAGED,
		    "pack %s is damaged at byte %llu", name,
		    (unsigned long long)b->off);
	out->len = start + n;
	return 0;
}
