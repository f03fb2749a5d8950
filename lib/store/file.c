/* Whole files on their way out, and what they consist of. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "format/object.h"
#include "store/file.h"

/* Aligned runs of zeros of this size become holes. */
#define HOLE ((size_t)64 << 10)

/* Lists seen: one that stands at many places is read once. */
struct seen {
	struct sada_id *slot;		/* zero: empty */
	size_t n, cap;			/* cap: a power of two, or 0 */
};

static int
get(const struct sada_source *src, unsigned type, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err)
{
	sada_buf_reset(out);
	if (src->txn != NULL)
		return sada_txn_get(src->txn, type, id, out, err);
	return sada_store_get(src->store, type, id, out, err);
}

static int
has(const struct sada_source *src, unsigned type, const struct sada_id *id)
{
	if (src->txn != NULL)
		return sada_txn_has(src->txn, type, id);
	return sada_store_has(src->store, type, id);
}

static int
wrong(const struct sada_id *id, const char *why, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];

	sada_id_hex(hex, id);
	return sada_err_set(err, SADA_DAMAGED, "content %s: %s", hex, why);
}

/* 1 if ID was seen before; else it is from now on. */
static int
seen_before(struct seen *s, const struct sada_id *id)
{
	struct sada_id *old = s->slot;
	size_t i, k, had = s->cap;

	if (s->n * 2 >= s->cap) {
		s->cap = had > 0 ? had * 2 : 64;
		s->slot = sada_calloc(s->cap, sizeof(*s->slot));
		s->n = 0;
		for (i = 0; i < had; i++)
			if (!sada_id_zero(&old[i]))
				(void)seen_before(s, &old[i]);
		free(old);
	}
	k = (size_t)sada_le64(id->b) & (s->cap - 1);
	for (; !sada_id_zero(&s->slot[k]); k = (k + 1) & (s->cap - 1))
		if (sada_id_cmp(&s->slot[k], id) == 0)
			return 1;
	s->slot[k] = *id;
	s->n++;
	return 0;
}

/* A list under way. */
struct list {
	struct sada_id id;
	struct sada_piece *piece;
	size_t n, at;
	unsigned level;
};

/*
 * Read list ID of SIZE bytes, below a list of level ABOVE; *RAW is its own
 * length.
 */
static int
list_read(struct list *l, const struct sada_source *src,
    const struct sada_id *id, uint64_t size, unsigned above, uint32_t *raw,
    struct sada_err *err)
{
	struct sada_buf b = { 0 };
	uint64_t total;
	int rc;

	memset(l, 0, sizeof(*l));
	l->id = *id;
	if ((rc = get(src, SADA_OBJ_LIST, id, &b, err)) < 0)
		goto out;
	*raw = (uint32_t)b.len;
	if (sada_list_decode(&l->level, &l->piece, &l->n, &total, b.p, b.len,
	    err) < 0)
		rc = wrong(id, "its list breaks the format", err);
	else if (total != size)
		rc = wrong(id, "its list is of another size", err);
	else if (above <= SADA_LIST_LEVEL_MAX && l->level + 1 != above)
		rc = wrong(id, "its list is of another level", err);
out:
	if (rc < 0) {
		free(l->piece);
		l->piece = NULL;
	}
	sada_buf_release(&b);
	return rc;
}

/* What to do with the objects of a content. */
struct visit {
	/* What is not 0 ends the walk; RAW 0: the list is not held. */
	int (*list)(const struct sada_id *id, uint32_t raw, void *ctx);
	int (*chunk)(const struct sada_id *id, uint64_t size, void *ctx);
	void *ctx;
	struct seen *seen;		/* leave out lists seen; may be NULL */
	int missing_ok;			/* tell lists not held, too */
};

/* Read list ID onto STACK[*DEPTH], unless it is left out. */
static int
enter(struct list *stack, size_t *depth, const struct sada_source *src,
    const struct visit *v, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	unsigned above = *depth > 0 ? stack[*depth - 1].level : UINT32_MAX;
	struct list *l = &stack[*depth];
	uint32_t raw = 0;
	int rc;

	if (v->seen != NULL && seen_before(v->seen, id))
		return 0;
	rc = list_read(l, src, id, size, above, &raw, err);
	if (rc == SADA_NOTFOUND && v->missing_ok)
		return v->list(id, 0, v->ctx);
	if (rc == 0 && v->list != NULL)
		rc = v->list(id, raw, v->ctx);
	if (rc == 0)
		(*depth)++;
	else
		free(l->piece);
	return rc;
}

/* Visit all of content ID, lists before what they name. */
static int
walk(const struct sada_source *src, const struct sada_id *id, uint64_t size,
    const struct visit *v, struct sada_err *err)
{
	struct list stack[SADA_LIST_LEVEL_MAX + 2], *l;
	const struct sada_piece *p;
	size_t depth = 0;
	int rc;

	if (size <= SADA_CHUNK_MAX)
		return v->chunk(id, size, v->ctx);
	rc = enter(stack, &depth, src, v, id, size, err);
	while (rc == 0 && depth > 0) {
		l = &stack[depth - 1];
		if (l->at == l->n) {
			free(l->piece);
			depth--;
			continue;
		}
		p = &l->piece[l->at++];
		rc = l->level == 0 ? v->chunk(&p->id, p->size, v->ctx) :
		    enter(stack, &depth, src, v, &p->id, p->size, err);
	}
	while (depth > 0)
		free(stack[--depth].piece);
	return rc;
}

struct held {
	const struct sada_source *src;
};

#define NOT_HELD 1

static int
held_chunk(const struct sada_id *id, uint64_t size, void *ctx)
{
	const struct held *h = ctx;

	(void)size;
	return has(h->src, SADA_OBJ_CHUNK, id) ? 0 : NOT_HELD;
}

int
sada_file_held(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, struct sada_err *err)
{
	struct held h = { src };
	struct seen seen = { NULL, 0, 0 };
	struct visit v = { NULL, held_chunk, &h, &seen, 0 };
	int rc;

	rc = walk(src, id, size, &v, err);
	free(seen.slot);
	if (rc == NOT_HELD || rc == SADA_NOTFOUND)
		return 0;
	return rc == 0 ? 1 : rc;
}

struct getting {
	const struct sada_source *src;
	struct sada_buf b;
	int (*each)(const void *p, size_t n, void *ctx);
	void *ctx;
	struct sada_err *err;
};

static int
get_chunk(const struct sada_id *id, uint64_t size, void *ctx)
{
	struct getting *g = ctx;
	int rc;

	if ((rc = get(g->src, SADA_OBJ_CHUNK, id, &g->b, g->err)) < 0)
		return rc;
	if (g->b.len != size)
		return wrong(id, "it is of another size", g->err);
	return g->each(g->b.p, g->b.len, g->ctx);
}

int
sada_file_get(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, int (*each)(const void *p, size_t n, void *ctx),
    void *ctx, struct sada_err *err)
{
	struct getting g = { src, { 0 }, each, ctx, err };
	struct visit v = { NULL, get_chunk, &g, NULL, 0 };
	int rc;

	rc = walk(src, id, size, &v, err);
	sada_buf_release(&g.b);
	return rc;
}

static int
gather(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

int
sada_file_load(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, struct sada_buf *out, struct sada_err *err)
{
	return sada_file_get(src, id, size, gather, out, err);
}

/* Bytes on their way to a file; AT is where STAGE begins, aligned. */
struct writing {
	int fd;
	uint64_t at;
	struct sada_buf stage;		/* less than HOLE bytes */
	int hole;			/* the end is one so far */
	struct sada_err *err;
};

static int
is_zero(const unsigned char *p, size_t n)
{
	return n > 0 && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Write N bytes at an aligned offset; whole blocks of zeros are skipped. */
static int
write_blocks(struct writing *w, const unsigned char *p, size_t n)
{
	size_t i, from = 0, k;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i += k) {
		k = n - i < HOLE ? n - i : HOLE;
		if (k < HOLE || !is_zero(p + i, k))
			continue;
		if (i > from)
			rc = sada_io_pwrite(w->fd, p + from, i - from,
			    w->at + from, w->err);
		from = i + k;
	}
	if (rc == 0 && n > from)
		rc = sada_io_pwrite(w->fd, p + from, n - from, w->at + from,
		    w->err);
	w->hole = from == n;
	w->at += n;
	return rc;
}

static int
write_piece(const void *bytes, size_t n, void *ctx)
{
	const unsigned char *p = bytes;
	struct writing *w = ctx;
	size_t k;
	int rc;

	if (n == 0)
		return 0;
	if (w->stage.len > 0) {
		k = HOLE - w->stage.len < n ? HOLE - w->stage.len : n;
		sada_buf_add(&w->stage, p, k);
		p += k;
		n -= k;
		if (w->stage.len < HOLE)
			return 0;
		if ((rc = write_blocks(w, w->stage.p, HOLE)) < 0)
			return rc;
		sada_buf_reset(&w->stage);
	}
	k = n - n % HOLE;
	if (k > 0 && (rc = write_blocks(w, p, k)) < 0)
		return rc;
	sada_buf_add(&w->stage, p + k, n - k);
	return 0;
}

int
sada_file_write(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, int fd, struct sada_err *err)
{
	struct writing w = { .fd = fd, .err = err };
	int rc;

	if ((rc = sada_file_get(src, id, size, write_piece, &w, err)) == 0 &&
	    w.stage.len > 0)
		rc = write_blocks(&w, w.stage.p, w.stage.len);
	if (rc == 0 && w.hole && size > 0)
		rc = sada_io_truncate(fd, size, err);
	sada_buf_release(&w.stage);
	return rc;
}

struct telling {
	int (*each)(unsigned type, const struct sada_id *id, uint64_t len,
	    void *ctx);
	void *ctx;
};

static int
tell_list(const struct sada_id *id, uint32_t raw, void *ctx)
{
	struct telling *t = ctx;

	return t->each(SADA_OBJ_LIST, id, raw, t->ctx);
}

static int
tell_chunk(const struct sada_id *id, uint64_t size, void *ctx)
{
	struct telling *t = ctx;

	return t->each(SADA_OBJ_CHUNK, id, size, t->ctx);
}

int
sada_file_objects(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, int (*each)(unsigned type, const struct sada_id *id,
    uint64_t len, void *ctx), void *ctx, struct sada_err *err)
{
	struct telling t = { each, ctx };
	struct seen seen = { NULL, 0, 0 };
	struct visit v = { tell_list, tell_chunk, &t, &seen, 1 };
	int rc;

	rc = walk(src, id, size, &v, err);
	free(seen.slot);
	return rc;
}
