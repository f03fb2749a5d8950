/*
 * Whole files on their way in: cut by content with FastCDC's normalised
 * gear hash, one chunk, or chunks named by lists.
 */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "format/object.h"
#include "store/chunker.h"
#include "store/file.h"
#include "store/txn_priv.h"

#define MASK_HARD (~(UINT64_MAX >> 20))
#define MASK_EASY (~(UINT64_MAX >> 16))

void
sada_chunker_init(struct sada_chunker *c)
{
	static const unsigned char key[16] = { 's', 'a', 'd', 'a', ' ', 'g',
	    'e', 'a', 'r', ' ', 't', 'a', 'b', 'l', 'e', '1' };
	unsigned char byte;
	unsigned i;

	for (i = 0; i < 256; i++) {
		byte = (unsigned char)i;
		c->gear[i] = sada_siphash(key, &byte, 1);
	}
}

size_t
sada_chunker_cut(const struct sada_chunker *c, const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t i, mid;
	uint64_t h = 0;

	if (n <= SADA_CUT_MIN)
		return n;
	if (n > SADA_CUT_MAX)
		n = SADA_CUT_MAX;
	mid = n < SADA_CUT_AVG ? n : SADA_CUT_AVG;
	for (i = SADA_CUT_MIN; i < mid; i++) {
		h = (h << 1) + c->gear[s[i]];
		if ((h & MASK_HARD) == 0)
			return i + 1;
	}
	for (; i < n; i++) {
		h = (h << 1) + c->gear[s[i]];
		if ((h & MASK_EASY) == 0)
			return i + 1;
	}
	return n;
}

int
sada_list_cut(const struct sada_id *id, size_t n)
{
	if (n >= SADA_LIST_MAX)
		return 1;
	return n >= SADA_LIST_CUT_MIN && id->b[0] == 0 &&
	    (id->b[1] & 0xc0) == 0;
}

/* Files: their chunks, and the lists of those. */

/* How much of a large file is read ahead of the cuts. */
#define WINDOW ((size_t)4 << 20)

/* The lists that are being made, one a level. */
struct lists {
	struct sada_fill *f;
	struct sada_buf b;
	struct {
		struct sada_piece *piece;
		size_t n, cap;
	} level[SADA_LIST_LEVEL_MAX + 2];
	unsigned top;
};

static int
put(struct sada_fill *f, unsigned type, const void *p, size_t n,
    struct sada_id *id, struct sada_err *err)
{
	if (f != NULL)
		return sada_fill_put(f, type, p, n, id, err);
	sada_hash(id, sada_type_ctx(type), p, n);
	return 0;
}

/* Put the list that level K holds; it becomes *PIECE of the next. */
static int
put_list(struct lists *l, unsigned k, struct sada_piece *piece,
    struct sada_err *err)
{
	size_t i;

	sada_buf_reset(&l->b);
	sada_list_encode(&l->b, k, l->level[k].piece, l->level[k].n);
	piece->size = 0;
	for (i = 0; i < l->level[k].n; i++)
		piece->size += l->level[k].piece[i].size;
	l->level[k].n = 0;
	return put(l->f, SADA_OBJ_LIST, l->b.p, l->b.len, &piece->id, err);
}

static void
push(struct lists *l, unsigned k, const struct sada_piece *piece)
{
	l->level[k].piece = sada_grow(l->level[k].piece, &l->level[k].cap,
	    l->level[k].n + 1, sizeof(*l->level[k].piece));
	l->level[k].piece[l->level[k].n++] = *piece;
	if (k > l->top)
		l->top = k;
}

/* Add a piece to level 0, and to those above what gets full. */
static int
add(struct lists *l, struct sada_piece piece, struct sada_err *err)
{
	unsigned k;
	int rc;

	for (k = 0; ; k++) {
		push(l, k, &piece);
		if (!sada_list_cut(&piece.id, l->level[k].n))
			return 0;
		if ((rc = put_list(l, k, &piece, err)) < 0)
			return rc;
	}
}

/* Put the rest of every level; ID is the one piece that is left. */
static int
finish(struct lists *l, struct sada_id *id, struct sada_err *err)
{
	struct sada_piece piece;
	unsigned k;
	int rc;

	for (k = 0; ; k++) {
		if (k > 0 && k == l->top && l->level[k].n == 1) {
			*id = l->level[k].piece[0].id;
			return 0;
		}
		if (l->level[k].n == 0)
			continue;
		if ((rc = put_list(l, k, &piece, err)) < 0)
			return rc;
		push(l, k + 1, &piece);
	}
}

static void
lists_release(struct lists *l)
{
	size_t k;

	for (k = 0; k < sizeof(l->level) / sizeof(l->level[0]); k++)
		free(l->level[k].piece);
	sada_buf_release(&l->b);
}

/* Put the chunk of N bytes at P and add it to L. */
static int
add_chunk(struct lists *l, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_piece piece;
	int rc;

	piece.size = n;
	if ((rc = put(l->f, SADA_OBJ_CHUNK, p, n, &piece.id, err)) < 0)
		return rc;
	return add(l, piece, err);
}

/*
 * Cut FD, of which B holds the first bytes; more than one chunk is there.
 * *GOT counts all bytes.
 */
static int
put_large(struct sada_fill *f, int fd, uint64_t size, struct sada_buf *b,
    struct sada_id *id, uint64_t *got, struct sada_err *err)
{
	struct sada_chunker *c = sada_malloc(sizeof(*c));
	struct lists l = { .f = f };
	size_t at = 0, want, n;
	uint64_t pos = b->len;
	int rc = 0, end = 0;

	sada_chunker_init(c);
	sada_buf_reserve(b, WINDOW - b->len);
	for (;;) {
		if (!end && b->len - at < SADA_CUT_MAX) {
			memmove(b->p, b->p + at, b->len - at);
			b->len -= at;
			at = 0;
			want = WINDOW - b->len;
			if (want > size - pos)
				want = (size_t)(size - pos);
			if ((rc = sada_io_pread(fd, b->p + b->len, want, pos,
			    &n, err)) < 0)
				goto out;
			b->len += n;
			pos += n;
			end = n < want || pos == size;
		}
		if (at == b->len)
			break;
		n = sada_chunker_cut(c, b->p + at, b->len - at);
		if ((rc = add_chunk(&l, b->p + at, n, err)) < 0)
			goto out;
		at += n;
	}
	*got = pos;
	rc = finish(&l, id, err);
out:
	lists_release(&l);
	free(c);
	return rc;
}

int
sada_file_put(struct sada_fill *f, int fd, uint64_t size, struct sada_id *id,
    uint64_t *got, struct sada_err *err)
{
	struct sada_buf own = { 0 }, *b = f != NULL ? &f->file : &own;
	size_t want, n;
	int rc;

	*got = 0;
	/* One byte more than a chunk tells whether there are several. */
	want = size > SADA_CHUNK_MAX ? SADA_CHUNK_MAX + 1 : (size_t)size;
	sada_buf_reset(b);
	sada_buf_reserve(b, want + 1);
	if ((rc = sada_io_pread(fd, b->p, want, 0, &n, err)) < 0)
		goto out;
	b->len = n;
	*got = n;
	if (n > SADA_CHUNK_MAX)
		rc = put_large(f, fd, size, b, id, got, err);
	else
		rc = put(f, SADA_OBJ_CHUNK, b->p, n, id, err);
out:
	sada_buf_release(&own);
	return rc;
}

int
sada_file_put_bytes(struct sada_fill *f, const void *p, uint64_t size,
    struct sada_id *id, struct sada_err *err)
{
	struct sada_chunker *c = NULL;
	const unsigned char *s = p;
	struct lists l = { .f = f };
	size_t left = (size_t)size, n;
	int rc = 0;

	if (size <= SADA_CHUNK_MAX)
		return put(f, SADA_OBJ_CHUNK, p, left, id, err);
	c = sada_malloc(sizeof(*c));
	sada_chunker_init(c);
	for (; left > 0; left -= n, s += n) {
		n = sada_chunker_cut(c, s, left);
		if ((rc = add_chunk(&l, s, n, err)) < 0)
			goto out;
	}
	rc = finish(&l, id, err);
out:
	lists_release(&l);
	free(c);
	return rc;
}
