/*
 * Reading W: the head, and the rows of all blocks in path order.
 *
 * The file is mapped; only its head is checked when it is opened.  A block
 * is checked by the sum that the row above it holds, when it is reached.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/work_priv.h"

/* Bytes of the head's fixed part. */
#define HEAD_FIXED (8 + SADA_ID_LEN + 8 + 8 + 8 + 8 + 4)

struct sada_work_cursor {
	const struct sada_work *w;
	/* Invariant: block[i] holds the rows of the directory whose path
	 * takes path_len[i] bytes of PATH; block[0] is the top block. */
	struct sada_wblock block[SADA_DEPTH_MAX + 2];
	size_t path_len[SADA_DEPTH_MAX + 2];
	unsigned depth;			/* blocks open */
	struct sada_wref down;		/* block of the last row, off 0: none */
	size_t down_len;		/* length of its path */
	char path[SADA_PATH_MAX];
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "the record of the directory "
	    "(.sada/work) is damaged: %s", why);
}

/* N ids as a new array; NULL and RD bad when they are not there. */
static struct sada_id *
get_ids(struct sada_rd *rd, size_t n)
{
	struct sada_id *out;

	if (rd->bad || n == 0 || n > sada_rd_left(rd) / SADA_ID_LEN) {
		rd->bad = 1;
		return NULL;
	}
	out = sada_calloc(n, sizeof(*out));
	memcpy(out, sada_get_bytes(rd, n * SADA_ID_LEN), n * SADA_ID_LEN);
	return out;
}

/* The heads that names are left in. */
static void
get_older(struct sada_rd *rd, struct sada_work_info *in)
{
	size_t i, n = sada_get_u32(rd);

	if (n == 0 || n > SADA_OLDER_MAX) {
		rd->bad = 1;
		return;
	}
	in->older = sada_calloc(n, sizeof(*in->older));
	in->nolder = n;
	for (i = 0; i < n && !rd->bad; i++) {
		in->older[i].n = sada_get_u32(rd);
		in->older[i].heads = get_ids(rd, in->older[i].n);
	}
}

/* The head: N bytes at P, sum checked. */
static int
head_decode(struct sada_work *w, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_work_info *in = &w->info;
	const unsigned char *id;
	struct sada_rd rd;

	sada_rd_init(&rd, p, n);
	in->generation = sada_get_u64(&rd);
	if ((id = sada_get_bytes(&rd, SADA_ID_LEN)) != NULL)
		memcpy(in->root.b, id, SADA_ID_LEN);
	in->left = sada_get_u64(&rd);
	in->conflicts = sada_get_u64(&rd);
	w->top.off = sada_get_u64(&rd);
	w->top.sum = sada_get_u64(&rd);
	in->nheads = sada_get_u32(&rd);
	if (in->nheads > 0)
		in->heads = get_ids(&rd, in->nheads);
	if (!rd.bad && sada_rd_left(&rd) > 0)
		get_older(&rd, in);
	return rd.bad || sada_rd_left(&rd) > 0 ? refuse(err, "its head") : 0;
}

/* Check what is mapped as a whole and read the head. */
static int
work_head(struct sada_work *w, struct sada_err *err)
{
	const unsigned char *tail = w->p + w->size - SADA_W_TAIL;
	struct sada_wblock top;
	uint32_t n;
	int rc;

	if (memcmp(w->p, "sadawrk1", 8) != 0)
		return refuse(err, "its first bytes");
	if (sada_le32(w->p + 8) != 1 || sada_le32(w->p + 12) != 0)
		return sada_err_set(err, SADA_VERSION, "the record of the "
		    "directory (.sada/work) is of a newer format");
	n = sada_le32(tail);
	if (n < HEAD_FIXED || n > w->size - SADA_W_HEAD - SADA_W_TAIL ||
	    sada_work_sum(tail - n, (size_t)n + 4) != sada_le64(tail + 4))
		return refuse(err, "the sum of its head");
	if ((rc = head_decode(w, tail - n, n, err)) < 0)
		return rc;
	w->end = w->size - SADA_W_TAIL - n;
	rc = sada_wblock_open(&top, w, &w->top, 0, err);
	if (rc == 0 && (top.nrow > 1 || top.off + top.size != w->end ||
	    top.span != w->end - SADA_W_HEAD))
		rc = refuse(err, "its top block");
	w->info.rows = top.rows;
	w->info.copies = top.copies;
	sada_wblock_release(&top);
	return rc;
}

int
sada_work_open(struct sada_work **out, int sdir, const char *name,
    struct sada_err *err)
{
	struct sada_work *w = NULL;
	struct sada_stat st;
	int fd = -1;
	int rc;

	*out = NULL;
	if ((rc = sada_io_open(&fd, sdir, name, O_RDONLY | O_NONBLOCK, 0,
	    err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0)
		goto out;
	if (st.kind != S_IFREG || st.size > SIZE_MAX ||
	    st.size < SADA_W_HEAD + HEAD_FIXED + SADA_W_TAIL) {
		rc = refuse(err, "its length");
		goto out;
	}
	w = sada_calloc(1, sizeof(*w));
	w->size = (size_t)st.size;
	if ((rc = sada_io_map(&w->p, fd, w->size, err)) < 0 ||
	    (rc = work_head(w, err)) < 0)
		goto out;
	*out = w;
	w = NULL;
out:
	sada_io_close(fd);
	sada_work_free(w);
	return rc;
}

const struct sada_work_info *
sada_work_info(const struct sada_work *w)
{
	return &w->info;
}

void
sada_work_free(struct sada_work *w)
{
	size_t i;

	if (w == NULL)
		return;
	sada_io_unmap(w->p, w->size);
	for (i = 0; i < w->info.nolder; i++)
		free(w->info.older[i].heads);
	free(w->info.older);
	free(w->info.heads);
	free(w);
}

int
sada_work_check(const struct sada_work *w, struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_row r;
	uint64_t rows = 0, copies = 0;
	int rc;

	if ((rc = sada_work_cursor_open(&c, w, err)) < 0)
		goto out;
	while ((rc = sada_work_cursor_next(c, &r, err)) > 0) {
		rows++;
		copies += (uint64_t)sada_row_elsewhere(&r);
	}
	if (rc == 0 && (rows != w->info.rows || copies != w->info.copies))
		rc = refuse(err, "its number of rows");
out:
	sada_work_cursor_free(c);
	return rc;
}

/* Open the block REF of the directory of LEN bytes of C's path. */
static int
cursor_push(struct sada_work_cursor *c, const struct sada_wref *ref,
    size_t len, struct sada_err *err)
{
	unsigned d = c->depth;
	int rc;

	if (d == SADA_DEPTH_MAX + 2)
		return refuse(err, "it is too deep");
	c->path_len[d] = len;
	c->depth++;		/* also on failure: free releases it */
	rc = sada_wblock_open(&c->block[d], c->w, ref, 0, err);
	return rc;
}

int
sada_work_cursor_open(struct sada_work_cursor **out,
    const struct sada_work *w, struct sada_err *err)
{
	struct sada_work_cursor *c;
	int rc = 0;

	*out = NULL;
	c = sada_calloc(1, sizeof(*c));
	c->w = w;
	if (w != NULL)
		rc = cursor_push(c, &w->top, 0, err);
	if (rc < 0)
		sada_work_cursor_free(c);
	else
		*out = c;
	return rc;
}

/* Make R a row with its full path, built in C. */
static int
cursor_row(struct sada_work_cursor *c, const struct sada_wrow *w,
    struct sada_row *r, struct sada_err *err)
{
	size_t at = c->path_len[c->depth - 1];

	if (at + 1 + w->len > sizeof(c->path))
		return refuse(err, "a path is too long");
	if (at > 0)
		c->path[at++] = '/';
	memcpy(c->path + at, w->name, w->len);
	*r = w->row;
	r->path = c->path;
	r->len = at + w->len;
	if (r->slot == NULL) {
		r->slot = r->path;
		r->slot_len = r->len;
	}
	c->down = w->sub;
	c->down_len = r->len;
	return 1;
}

int
sada_work_cursor_next(struct sada_work_cursor *c, struct sada_row *r,
    struct sada_err *err)
{
	struct sada_wrow w;
	struct sada_wref ref = c->down;
	int rc;

	c->down.off = 0;
	if (ref.off != 0 && (rc = cursor_push(c, &ref, c->down_len, err)) < 0)
		return rc;
	while (c->depth > 0) {
		rc = sada_wblock_next(&c->block[c->depth - 1], &w, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return cursor_row(c, &w, r, err);
		sada_wblock_release(&c->block[--c->depth]);
	}
	return 0;
}

void
sada_work_cursor_free(struct sada_work_cursor *c)
{
	if (c == NULL)
		return;
	while (c->depth > 0)
		sada_wblock_release(&c->block[--c->depth]);
	free(c);
}
