/*
 * Writing W: rows come in path order, blocks leave in post-order.
 *
 * For each directory on the way to the last row there is a frame that
 * gathers its rows; when the next row lies elsewhere the frame becomes a
 * block, and the row above it learns where that lies.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/work_priv.h"

#define NAME "work"
#define NEW_NAME "work.new"
/* Write when this many bytes wait. */
#define OUT_BYTES ((size_t)1 << 20)
#define FRAMES (SADA_DEPTH_MAX + 2)

/*
 * Invariants:
 *  1. frame[0] is the top one, of the root's row; frame[i + 1] holds what
 *     lies below the last row of frame[i].
 *  2. path holds the path of the last row; frame[i].path_len bytes of it
 *     name the directory of frame i (0 for i = 0 and 1).
 */
struct sada_work_writer {
	int sdir, fd;
	uint64_t off;			/* of the end of OUT in the file */
	struct sada_buf out;
	struct sada_wframe frame[FRAMES];
	unsigned depth;			/* frames open, at least 1 */
	unsigned made;			/* frames ever used: memory kept */
	unsigned char key[16];		/* of the tables' hashes */
	char path[SADA_PATH_MAX];
	size_t path_len;
};

/* Start the next frame for what lies below the last row. */
static void
frame_open(struct sada_work_writer *w, size_t path_len)
{
	struct sada_wframe *f = &w->frame[w->depth++];

	assert(w->depth <= FRAMES);
	if (w->made < w->depth) {
		w->made = w->depth;
		f->author.item = SADA_ID_LEN;
		f->dot.item = SADA_W_DOT;
		memcpy(f->author.key, w->key, sizeof(w->key));
		memcpy(f->dot.key, w->key, sizeof(w->key));
	}
	f->path_len = path_len;
}

static void
tab_reset(struct sada_wtab *t)
{
	sada_buf_reset(&t->bytes);
	if (t->nslot > 1024) {
		free(t->slot);
		t->slot = NULL;
		t->nslot = 0;
	} else if (t->n > 0)
		memset(t->slot, 0, t->nslot * sizeof(*t->slot));
	t->n = t->last = 0;
}

static void
frame_reset(struct sada_wframe *f)
{
	sada_buf_reset(&f->rows);
	tab_reset(&f->author);
	tab_reset(&f->dot);
	f->nrow = 0;
	f->below = f->copies = f->span = 0;
	f->npatch = 0;
	f->open = 0;
	f->sub.off = 0;
}

static void
frame_release(struct sada_wframe *f)
{
	sada_buf_release(&f->rows);
	sada_buf_release(&f->cover);
	sada_buf_release(&f->author.bytes);
	sada_buf_release(&f->dot.bytes);
	free(f->author.slot);
	free(f->dot.slot);
	free(f->patch);
}

/* Write out what waits, if it is MIN bytes or more. */
static int
flush(struct sada_work_writer *w, size_t min, struct sada_err *err)
{
	int rc;

	if (w->out.len < min || w->out.len == 0)
		return 0;
	if ((rc = sada_io_write(w->fd, w->out.p, w->out.len, err)) < 0)
		return rc;
	sada_buf_reset(&w->out);
	return 0;
}

int
sada_work_writer_new(struct sada_work_writer **out, int sdir,
    struct sada_err *err)
{
	struct sada_work_writer *w;
	int fd = -1;
	int rc;

	*out = NULL;
	if ((rc = sada_io_open(&fd, sdir, NEW_NAME, O_WRONLY | O_CREAT |
	    O_TRUNC, 0600, err)) < 0)
		return rc;
	w = sada_calloc(1, sizeof(*w));
	w->sdir = sdir;
	w->fd = fd;
	sada_io_random(w->key, sizeof(w->key));
	sada_buf_adds(&w->out, "sadawrk1");
	sada_put_u32(&w->out, 1);
	sada_put_u32(&w->out, 0);
	w->off = SADA_W_HEAD;
	frame_open(w, 0);
	*out = w;
	return 0;
}

/* Make the last frame's rows a block; *REF tells where it lies. */
static int
block_write(struct sada_work_writer *w, struct sada_wframe *f,
    struct sada_wref *ref, struct sada_err *err)
{
	struct sada_buf *out = &w->out;
	size_t start = out->len, i;
	uint64_t size;

	sada_wrow_close(f);
	for (i = 0; i < f->npatch; i++) {
		unsigned char *p = f->rows.p + f->patch[i];

		sada_le64_put(p, w->off - sada_le64(p));
	}
	size = SADA_W_BLOCK + f->author.bytes.len + f->dot.bytes.len +
	    f->rows.len;
	sada_put_u64(out, size);
	sada_put_u64(out, f->span + size);
	sada_put_u64(out, f->below + f->nrow);
	sada_put_u64(out, f->copies);
	sada_put_u32(out, f->author.n);
	sada_put_u32(out, f->dot.n);
	sada_put_u32(out, f->nrow);
	sada_buf_add(out, f->author.bytes.p, f->author.bytes.len);
	sada_buf_add(out, f->dot.bytes.p, f->dot.bytes.len);
	sada_buf_add(out, f->rows.p, f->rows.len);
	assert(out->len - start == size);
	ref->off = w->off;
	ref->sum = sada_work_sum(out->p + start, (size_t)size);
	w->off += size;
	return flush(w, OUT_BYTES, err);
}

/* The last frame becomes a block below the last row of the one above. */
static int
frame_close(struct sada_work_writer *w, struct sada_err *err)
{
	struct sada_wframe *f = &w->frame[w->depth - 1], *up = f - 1;
	uint64_t before = w->off;
	int rc;

	assert(w->depth > 1 && up->open && up->sub.off == 0);
	if ((rc = block_write(w, f, &up->sub, err)) < 0)
		return rc;
	up->span += f->span + (w->off - before);
	up->below += f->below + f->nrow;
	up->copies += f->copies;
	frame_reset(f);
	w->depth--;
	return 0;
}

/* Bytes of PATH that name its directory with the '/' behind it. */
static size_t
name_at(const char *path, size_t len)
{
	size_t n = len;

	while (n > 0 && path[n - 1] != '/')
		n--;
	return n;
}

/* Does row PATH belong into frame F of W? */
static int
belongs(const struct sada_work_writer *w, unsigned i, const char *path,
    size_t len)
{
	size_t at = name_at(path, len), dir = at > 0 ? at - 1 : 0;

	if (i == 0)
		return len == 0;
	return len > 0 && w->frame[i].path_len == dir &&
	    memcmp(w->path, path, dir) == 0;
}

/* Open or close frames until the last one is that of row PATH. */
static int
settle(struct sada_work_writer *w, const char *path, size_t len,
    struct sada_err *err)
{
	int rc;

	if (w->frame[w->depth - 1].nrow > 0 && len > 0)
		frame_open(w, w->path_len);
	while (!belongs(w, w->depth - 1, path, len)) {
		assert(w->depth > 1);
		if (w->frame[w->depth - 1].nrow == 0)
			w->depth--;
		else if ((rc = frame_close(w, err)) < 0)
			return rc;
	}
	return 0;
}

int
sada_work_writer_add(struct sada_work_writer *w, const struct sada_row *r,
    struct sada_err *err)
{
	struct sada_wframe *f;
	size_t at;
	int rc;

	assert(r->len <= sizeof(w->path));
	assert(w->frame[0].nrow == (r->len > 0));
	assert(r->len == 0 || w->path_len == 0 ||
	    sada_path_cmp(w->path, w->path_len, r->path, r->len) < 0);
	if ((rc = settle(w, r->path, r->len, err)) < 0)
		return rc;
	f = &w->frame[w->depth - 1];
	sada_wrow_close(f);
	at = name_at(r->path, r->len);
	assert(r->len == 0 || (r->len > at && r->len - at <= SADA_NAME_MAX));
	f->last_at = f->rows.len;
	f->open = 1;
	f->sub.off = 0;
	sada_wrow_put(f, r, r->len > 0 ? r->path + at : "", r->len - at);
	assert(f->nrow < UINT32_MAX);
	f->nrow++;
	f->copies += (uint64_t)sada_row_elsewhere(r);
	if (r->len > 0)
		memcpy(w->path, r->path, r->len);
	w->path_len = r->len;
	return 0;
}

int
sada_work_writer_graft(struct sada_work_writer *w,
    const struct sada_work *src, const struct sada_wref *ref,
    struct sada_err *err)
{
	struct sada_wframe *f = &w->frame[w->depth - 1];
	const unsigned char *from;
	struct sada_wblock b;
	int rc;

	assert(f->open && f->sub.off == 0);
	if ((rc = sada_wblock_open(&b, src, ref, SADA_WBLOCK_KNOWN, err)) < 0)
		goto out;
	from = src->p + b.off + b.size - b.span;
	if (b.span < OUT_BYTES) {
		sada_buf_add(&w->out, from, (size_t)b.span);
		rc = flush(w, OUT_BYTES, err);
	} else if ((rc = flush(w, 0, err)) == 0)
		rc = sada_io_write(w->fd, from, (size_t)b.span, err);
	if (rc < 0)
		goto out;
	w->off += b.span;
	f->sub.off = w->off - b.size;
	f->sub.sum = ref->sum;
	f->span += b.span;
	f->below += b.rows;
	f->copies += b.copies;
out:
	sada_wblock_release(&b);
	return rc;
}

void
sada_work_writer_mark(struct sada_work_writer *w, const char *path,
    size_t len)
{
	unsigned i;
	size_t end;

	for (i = 0; i < w->depth; i++) {
		/* The last row of frame i is what frame i + 1 lies below. */
		end = i + 1 < w->depth ? w->frame[i + 1].path_len :
		    w->path_len;
		if (w->frame[i].open && end == len &&
		    (len == 0 || memcmp(w->path, path, len) == 0)) {
			w->frame[i].rows.p[w->frame[i].last_at] |=
			    SADA_ROW_RACY;
			return;
		}
	}
	assert(0);
}

uint64_t
sada_work_writer_rows(const struct sada_work_writer *w)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < w->depth; i++)
		n += w->frame[i].below + w->frame[i].nrow;
	return n;
}

static void
put_older(struct sada_buf *out, const struct sada_work_info *info)
{
	size_t i, k;

	assert(info->nolder <= SADA_OLDER_MAX);
	sada_put_u32(out, (uint32_t)info->nolder);
	for (i = 0; i < info->nolder; i++) {
		sada_put_u32(out, (uint32_t)info->older[i].n);
		for (k = 0; k < info->older[i].n; k++)
			sada_buf_add(out, info->older[i].heads[k].b,
			    SADA_ID_LEN);
	}
}

/* The head and what ends the file. */
static void
put_head(struct sada_work_writer *w, const struct sada_work_info *info,
    const struct sada_wref *top)
{
	struct sada_buf *out = &w->out;
	size_t start = out->len, i;

	assert(info->nheads <= UINT32_MAX / SADA_ID_LEN - 8);
	sada_put_u64(out, info->generation);
	sada_buf_add(out, info->root.b, SADA_ID_LEN);
	sada_put_u64(out, info->left);
	sada_put_u64(out, info->conflicts);
	sada_put_u64(out, top->off);
	sada_put_u64(out, top->sum);
	sada_put_u32(out, (uint32_t)info->nheads);
	for (i = 0; i < info->nheads; i++)
		sada_buf_add(out, info->heads[i].b, SADA_ID_LEN);
	if (info->nolder > 0)
		put_older(out, info);
	sada_put_u32(out, (uint32_t)(out->len - start));
	sada_put_u64(out, sada_work_sum(out->p + start, out->len - start));
}

int
sada_work_writer_finish(struct sada_work_writer *w,
    const struct sada_work_info *info, struct sada_err *err)
{
	struct sada_wref top;
	int rc, fd;

	while (w->depth > 1)
		if ((rc = frame_close(w, err)) < 0)
			goto out;
	if ((rc = block_write(w, &w->frame[0], &top, err)) < 0)
		goto out;
	put_head(w, info, &top);
	if ((rc = flush(w, 0, err)) < 0)
		goto out;
	fd = w->fd;
	w->fd = -1;
	rc = sada_io_close_checked(fd, err);
out:
	if (rc == 0)
		w->sdir = -1;		/* the file stays */
	sada_work_writer_free(w);
	return rc;
}

void
sada_work_writer_free(struct sada_work_writer *w)
{
	struct sada_err ignored;
	unsigned i;

	if (w == NULL)
		return;
	sada_io_close(w->fd);
	/* A stale one does no harm: the next writer truncates it. */
	if (w->sdir >= 0 && sada_work_discard(w->sdir, &ignored) < 0)
		w->sdir = -1;
	for (i = 0; i < w->made; i++)
		frame_release(&w->frame[i]);
	sada_buf_release(&w->out);
	free(w);
}

int
sada_work_publish(int sdir, unsigned flags, struct sada_err *err)
{
	int fd = -1;
	int rc;

	if (flags & SADA_WORK_SYNC) {
		if ((rc = sada_io_open(&fd, sdir, NEW_NAME, O_RDONLY, 0,
		    err)) < 0)
			return rc;
		rc = sada_io_fsync(fd, NEW_NAME, err);
		sada_io_close(fd);
		if (rc < 0)
			return rc;
	}
	if ((rc = sada_io_rename(sdir, NEW_NAME, sdir, NAME, 0, err)) < 0)
		return rc;
	return flags & SADA_WORK_SYNC ? sada_io_fsync(sdir, NAME, err) : 0;
}

int
sada_work_discard(int sdir, struct sada_err *err)
{
	int rc = sada_io_unlink(sdir, NEW_NAME, 0, err);

	return rc == SADA_NOTFOUND ? 0 : rc;
}
