/*
 * The small things that records are made of: order of dots, ids of
 * versions, contexts of object types; and small objects: file lists and
 * ancestors.  The layouts stand in types.h and object.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/object.h"
#include "format/types.h"

enum sada_ctx
sada_type_ctx(unsigned t)
{
	switch (t) {
	case SADA_OBJ_CHUNK:
		return SADA_CTX_CHUNK;
	case SADA_OBJ_LIST:
		return SADA_CTX_LIST;
	case SADA_OBJ_NODE:
		return SADA_CTX_NODE;
	default:
		assert(t == SADA_OBJ_ANC);
		return SADA_CTX_ANC;
	}
}

int
sada_dot_cmp(const struct sada_dot *a, const struct sada_dot *b)
{
	int c = memcmp(a->author.b, b->author.b, SADA_ID_LEN);

	if (c != 0)
		return c;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return 0;
}

/*
 * Offsets of what is hashed: 0 dot, 56 kind, 57 flags, 58 mode, 60 size,
 * 68 content, 100 mtime_s, 108 mtime_ns, 112 anc, 144 end.
 */
void
sada_version_id(struct sada_id *out, const struct sada_version *v)
{
	unsigned char p[144];

	dot_store(p, &v->dot);
	p[56] = v->kind;
	if (v->kind == SADA_DIR) {
		sada_hash(out, SADA_CTX_VERSION, p, 57);
		return;
	}
	p[57] = v->flags;
	p[58] = (unsigned char)(v->mode & 0xff);
	p[59] = (unsigned char)(v->mode >> 8);
	sada_le64_put(p + 60, v->size);
	memcpy(p + 68, v->content.b, SADA_ID_LEN);
	sada_le64_put(p + 100, (uint64_t)v->mtime_s);
	sada_le32_put(p + 108, v->mtime_ns);
	memcpy(p + 112, v->anc.b, SADA_ID_LEN);
	sada_hash(out, SADA_CTX_VERSION, p, sizeof(p));
}

int
sada_entry_has(const struct sada_entry *e, const struct sada_version *v)
{
	struct sada_id a, b;
	size_t i;

	sada_version_id(&a, v);
	for (i = 0; i < e->nv; i++) {
		sada_version_id(&b, &e->v[i]);
		if (sada_id_cmp(&a, &b) == 0)
			return 1;
	}
	return 0;
}

/* File lists and ancestors. */

/* In the byte of an ancestor's kind: it was another name. */
#define ANC_OTHER 4u
/* The least bytes of a piece and of an ancestor. */
#define PIECE_MIN (1 + SADA_ID_LEN)
#define ANC_MIN (1 + DOT_LEN + 3 + SADA_ID_LEN)

static int
refuse_list(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "file list refused: %s", why);
}

static int
refuse_anc(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "ancestors refused: %s", why);
}

/* No piece is empty; a chunk is no larger than any chunk. */
static int
piece_ok(unsigned level, uint64_t size, uint64_t total)
{
	if (size < 1 || (level == 0 && size > SADA_CHUNK_MAX))
		return 0;
	return size <= SIZE_CAP - total;
}

void
sada_list_encode(struct sada_buf *out, unsigned level,
    const struct sada_piece *piece, size_t n)
{
	uint64_t total = 0;
	size_t i;

	assert(level <= SADA_LIST_LEVEL_MAX);
	assert(n >= 1 && n <= SADA_LIST_MAX);
	sada_put_u8(out, (uint8_t)level);
	sada_put_var(out, n);
	for (i = 0; i < n; i++) {
		assert(piece_ok(level, piece[i].size, total));
		total += piece[i].size;
		sada_put_var(out, piece[i].size);
		put_id(out, &piece[i].id);
	}
}

int
sada_list_decode(unsigned *level, struct sada_piece **piece, size_t *count,
    uint64_t *total, const void *p, size_t n, struct sada_err *err)
{
	struct sada_piece *list = NULL;
	struct sada_rd r;
	uint64_t sum = 0, items, i;
	unsigned lev;
	int rc;

	*piece = NULL;
	*count = 0;
	sada_rd_init(&r, p, n);
	lev = sada_get_u8(&r);
	items = sada_get_count(&r, PIECE_MIN);
	if (r.bad || lev > SADA_LIST_LEVEL_MAX || items < 1 ||
	    items > SADA_LIST_MAX) {
		rc = refuse_list(err, "its level or number of pieces");
		goto out;
	}
	list = sada_calloc((size_t)items, sizeof(*list));
	for (i = 0; i < items; i++) {
		list[i].size = sada_get_var(&r);
		get_id(&r, &list[i].id);
		if (r.bad || !piece_ok(lev, list[i].size, sum)) {
			rc = refuse_list(err, "a piece's size");
			goto out;
		}
		sum += list[i].size;
	}
	if (sada_rd_left(&r) != 0) {
		rc = refuse_list(err, "bytes follow it");
		goto out;
	}
	*level = lev;
	*piece = list;
	*count = (size_t)items;
	if (total != NULL)
		*total = sum;
	list = NULL;
	rc = 0;
out:
	free(list);
	return rc;
}

void
sada_anc_encode(struct sada_buf *out, const struct sada_ancestor *a,
    size_t n)
{
	size_t i, j;

	assert(n >= 1 && n <= SADA_ANCESTORS_MAX);
	sada_put_var(out, n);
	for (i = 0; i < n; i++) {
		assert(a[i].ndot >= 1 && a[i].ndot <= SADA_ANC_DOTS_MAX);
		assert(a[i].size <= SIZE_CAP);
		sada_put_var(out, a[i].ndot);
		for (j = 0; j < a[i].ndot; j++) {
			assert(a[i].dot[j].seq >= 1);
			assert(j == 0 || sada_dot_cmp(&a[i].dot[j - 1],
			    &a[i].dot[j]) < 0);
			put_dot(out, &a[i].dot[j]);
		}
		assert(a[i].mode <= 0777 && (a[i].kind == SADA_FILE ||
		    (a[i].kind == SADA_LINK && a[i].mode == 0)));
		assert(a[i].other <= 1);
		sada_put_u8(out, a[i].other ? a[i].kind | ANC_OTHER :
		    a[i].kind);
		sada_put_var(out, a[i].mode);
		sada_put_var(out, a[i].size);
		put_id(out, &a[i].content);
	}
}

/* Read one ancestor, its dots to DOT. */
static int
get_ancestor(struct sada_ancestor *a, struct sada_dot *dot,
    struct sada_rd *r, struct sada_err *err)
{
	uint64_t n, i, mode;

	n = sada_get_count(r, DOT_LEN);
	if (r->bad || n < 1 || n > SADA_ANC_DOTS_MAX)
		return refuse_anc(err, "a number of dots");
	a->dot = dot;
	a->ndot = (size_t)n;
	for (i = 0; i < n; i++) {
		get_dot(r, &dot[i]);
		if (r->bad || dot[i].seq < 1 ||
		    (i > 0 && sada_dot_cmp(&dot[i - 1], &dot[i]) >= 0))
			return refuse_anc(err, "dots out of order");
	}
	a->kind = sada_get_u8(r);
	a->other = (a->kind & ANC_OTHER) != 0;
	a->kind &= (uint8_t)~ANC_OTHER;
	mode = sada_get_var(r);
	if (r->bad || mode > 0777 || (a->kind != SADA_FILE &&
	    (a->kind != SADA_LINK || mode != 0)))
		return refuse_anc(err, "a kind or mode");
	a->mode = (uint16_t)mode;
	a->size = sada_get_var(r);
	get_id(r, &a->content);
	if (r->bad || a->size > SIZE_CAP)
		return refuse_anc(err, "a size");
	return 0;
}

int
sada_anc_decode(struct sada_ancestor **a, size_t *count, const void *p,
    size_t n, struct sada_err *err)
{
	struct sada_ancestor *list = NULL;
	struct sada_dot *dot;
	struct sada_rd r;
	uint64_t items, i, dots;
	int rc;

	*a = NULL;
	*count = 0;
	sada_rd_init(&r, p, n);
	items = sada_get_count(&r, ANC_MIN);
	if (r.bad || items < 1 || items > SADA_ANCESTORS_MAX) {
		rc = refuse_anc(err, "their number");
		goto out;
	}
	/* As many dots as are allowed, or as the bytes can hold. */
	dots = items * SADA_ANC_DOTS_MAX;
	if (dots > sada_rd_left(&r) / DOT_LEN)
		dots = sada_rd_left(&r) / DOT_LEN;
	list = sada_calloc(1, (size_t)items * sizeof(*list) +
	    (size_t)dots * sizeof(*dot));
	dot = (struct sada_dot *)(void *)(list + items);
	for (i = 0; i < items; i++) {
		if ((rc = get_ancestor(&list[i], dot, &r, err)) < 0)
			goto out;
		dot += list[i].ndot;
	}
	if (sada_rd_left(&r) != 0) {
		rc = refuse_anc(err, "bytes follow them");
		goto out;
	}
	*a = list;
	*count = (size_t)items;
	list = NULL;
	rc = 0;
out:
	free(list);
	return rc;
}
