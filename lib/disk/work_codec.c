/*
 * Blocks and rows of the W file, as work_priv.h lays them out.
 *
 * The reader is on the way of every scan: it takes names and tables where
 * they lie in the map, allocates only for covers, and leaves those out when
 * they are not asked for.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "crypto/hash.h"
#include "disk/work_priv.h"

/* The least bytes of a row and of a version. */
#define ROW_MIN 13
#define VERSION_MIN 2

static const unsigned char sum_key[16] = "sada.work.v1";

uint64_t
sada_work_sum(const void *p, size_t n)
{
	return sada_siphash(sum_key, p, n);
}

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "the record of the directory "
	    "(.sada/work) is damaged: %s", why);
}

static inline uint64_t
get_var(struct sada_rd *r)
{
	if (!r->bad && r->p < r->end && *r->p < 0x80)
		return *r->p++;
	return sada_get_var(r);
}

/* As get_var(), but BAD above MAX. */
static inline uint32_t
get_max(struct sada_rd *r, uint32_t max)
{
	uint64_t v = get_var(r);

	if (v > max) {
		r->p = r->end;
		r->bad = 1;
		return 0;
	}
	return (uint32_t)v;
}

static void
get_id(struct sada_rd *r, struct sada_id *id)
{
	const unsigned char *p = sada_get_bytes(r, SADA_ID_LEN);

	if (p != NULL)
		memcpy(id->b, p, SADA_ID_LEN);
}

/* Set the tables of B, whose head was read. */
static int
block_tables(struct sada_wblock *b, struct sada_err *err)
{
	b->author = sada_get_bytes(&b->rd, (size_t)b->nauthor * SADA_ID_LEN);
	b->dot = sada_get_bytes(&b->rd, (size_t)b->ndot * SADA_W_DOT);
	if (b->rd.bad || b->nrow > sada_rd_left(&b->rd) / ROW_MIN)
		return refuse(err, "the counts of a block");
	return 0;
}

int
sada_wblock_open(struct sada_wblock *b, const struct sada_work *w,
    const struct sada_wref *ref, unsigned flags, struct sada_err *err)
{
	const unsigned char *p;

	memset(b, 0, sizeof(*b));
	b->w = w;
	b->off = ref->off;
	b->flags = flags;
	if (ref->off < SADA_W_HEAD || ref->off > w->end ||
	    w->end - ref->off < SADA_W_BLOCK)
		return refuse(err, "the place of a block");
	p = w->p + ref->off;
	b->size = sada_le64(p);
	b->span = sada_le64(p + 8);
	if (b->size < SADA_W_BLOCK || b->size > w->end - ref->off)
		return refuse(err, "the length of a block");
	if (!(flags & SADA_WBLOCK_KNOWN) &&
	    sada_work_sum(p, (size_t)b->size) != ref->sum)
		return refuse(err, "the sum of a block");
	if (b->span < b->size ||
	    b->span - b->size > ref->off - SADA_W_HEAD)
		return refuse(err, "the span of a block");
	b->rows = sada_le64(p + 16);
	b->copies = sada_le64(p + 24);
	b->nauthor = sada_le32(p + 32);
	b->ndot = sada_le32(p + 36);
	b->nrow = sada_le32(p + 40);
	sada_rd_init(&b->rd, p + SADA_W_BLOCK,
	    (size_t)b->size - SADA_W_BLOCK);
	return block_tables(b, err);
}

void
sada_wblock_release(struct sada_wblock *b)
{
	free(b->v);
	b->v = NULL;
	b->vcap = 0;
}

/* Dot number I. */
static int
block_dot(const struct sada_wblock *b, uint64_t i, struct sada_dot *d)
{
	const unsigned char *p;
	uint32_t a;

	if (i >= b->ndot)
		return 0;
	p = b->dot + i * SADA_W_DOT;
	if ((a = sada_le32(p)) >= b->nauthor)
		return 0;
	memcpy(d->author.b, b->author + (size_t)a * SADA_ID_LEN, SADA_ID_LEN);
	d->epoch = sada_le64(p + 4);
	d->seq = sada_le64(p + 12);
	d->tag = sada_le64(p + 20);
	return 1;
}

int
sada_row_elsewhere(const struct sada_row *r)
{
	size_t i;

	for (i = 0; i < r->ncover; i++)
		if (r->cover[i].at != NULL)
			return 1;
	return (r->flags & SADA_ROW_COPY) != 0;
}

/* The values of a version: of its own, or those of row R. */
static void
version_values(struct sada_rd *rd, unsigned bits, struct sada_version *v,
    const struct sada_row *r)
{
	if (bits & WV_SAME) {
		v->kind = r->kind;
		v->mode = r->mode;
		v->size = r->size;
		v->content = r->content;
		v->mtime_s = r->mtime_s;
		v->mtime_ns = r->mtime_ns;
		return;
	}
	v->kind = sada_get_u8(rd);
	v->mode = (uint16_t)get_max(rd, UINT16_MAX);
	v->size = get_var(rd);
	if (bits & WV_CONTENT)
		get_id(rd, &v->content);
	v->mtime_s = sada_get_svar(rd);
	v->mtime_ns = get_max(rd, UINT32_MAX);
}

static int
cover_get(struct sada_wblock *b, struct sada_rd *rd, struct sada_row *r)
{
	struct sada_version *v;
	uint64_t n, dot, a;
	unsigned bits;
	size_t i;

	n = sada_get_count(rd, VERSION_MIN);
	if (rd->bad)
		return 0;
	b->v = sada_grow(b->v, &b->vcap, (size_t)n, sizeof(*b->v));
	for (i = 0; i < n; i++) {
		v = &b->v[i];
		memset(v, 0, sizeof(*v));
		dot = get_var(rd);
		bits = sada_get_u8(rd);
		if (rd->bad || (bits & ~(unsigned)WV_ALL) != 0 ||
		    !block_dot(b, dot, &v->dot))
			return 0;
		if (bits & WV_FLAGS)
			v->flags = sada_get_u8(rd);
		version_values(rd, bits, v, r);
		if (bits & WV_ANC)
			get_id(rd, &v->anc);
		if (bits & WV_STAMP) {
			v->stamp_lamport = get_var(rd);
			if ((a = get_var(rd)) >= b->nauthor)
				return 0;
			memcpy(v->stamp_author.b, b->author +
			    (size_t)a * SADA_ID_LEN, SADA_ID_LEN);
		}
		if (bits & WV_AT) {
			v->at_len = (size_t)get_max(rd, SADA_PATH_MAX);
			v->at = (const char *)sada_get_bytes(rd, v->at_len);
			if (rd->bad || !sada_path_ok(v->at, v->at_len))
				return 0;
		}
	}
	r->cover = n > 0 ? b->v : NULL;
	r->ncover = (size_t)n;
	return !rd->bad && sada_rd_left(rd) == 0;
}

/* Is NAME right where it stands?  Only the top block has an empty one. */
static int
name_fits(const struct sada_wblock *b, const char *name, size_t len)
{
	size_t least;
	int c;

	if (len == 0)
		return b->nrow == 1 && b->off == b->w->top.off;
	if (memchr(name, '/', len) != NULL || memchr(name, '\0', len) != NULL)
		return 0;
	if (b->next == 0)
		return 1;
	least = len < b->len ? len : b->len;
	c = memcmp(b->name, name, least);
	return c < 0 || (c == 0 && b->len < len);
}

/* The names of a row. */
static int
row_names(struct sada_wblock *b, unsigned more, struct sada_wrow *r)
{
	uint64_t n;

	r->len = get_max(&b->rd, SADA_NAME_MAX);
	r->name = (const char *)sada_get_bytes(&b->rd, r->len);
	if (b->rd.bad || !name_fits(b, r->name, r->len))
		return 0;
	if (more & WB_SLOT) {
		n = get_max(&b->rd, SADA_PATH_MAX);
		r->row.slot = (const char *)sada_get_bytes(&b->rd, (size_t)n);
		r->row.slot_len = (size_t)n;
	}
	if (more & WB_LEFT) {
		n = get_max(&b->rd, SADA_OLDER_MAX);
		r->row.left = (uint32_t)n;
		if (n == 0 || n > b->w->info.nolder)
			return 0;
	}
	return !b->rd.bad;
}

static void
row_seen(struct sada_rd *rd, unsigned bits, unsigned more,
    struct sada_row *r)
{
	struct sada_seen *s = &r->seen;

	s->ino = get_var(rd);
	s->size = bits & WB_SEEN_SIZE ? r->size : get_var(rd);
	if (bits & WB_SEEN_MTIME) {
		s->mtime_s = r->mtime_s;
		s->mtime_ns = r->mtime_ns;
	} else {
		s->mtime_s = sada_get_svar(rd);
		s->mtime_ns = get_max(rd, UINT32_MAX);
	}
	s->ctime_s = (int64_t)((uint64_t)s->mtime_s +
	    (uint64_t)sada_get_svar(rd));
	s->ctime_ns = get_max(rd, UINT32_MAX);
	s->mode = more & WB_SEEN_MODE ? r->mode : get_max(rd, UINT32_MAX);
}

/* The ref behind a row. */
static int
row_sub(struct sada_wblock *b, struct sada_wref *ref)
{
	uint64_t dist = sada_get_u64(&b->rd);

	ref->sum = sada_get_u64(&b->rd);
	if (b->rd.bad || dist > b->off || b->off - dist < SADA_W_HEAD ||
	    dist < SADA_W_BLOCK || dist > b->span - b->size)
		return 0;
	ref->off = b->off - dist;
	return 1;
}

int
sada_wblock_next(struct sada_wblock *b, struct sada_wrow *r,
    struct sada_err *err)
{
	struct sada_rd *rd = &b->rd, cover;
	unsigned bits, more;
	size_t n;

	if (b->next == b->nrow)
		return sada_rd_left(rd) == 0 ? 0 :
		    refuse(err, "bytes behind the rows of a block");
	memset(r, 0, sizeof(*r));
	bits = sada_get_u8(rd);
	more = sada_get_u8(rd);
	r->row.flags = (uint8_t)(bits & WB_FLAGS);
	r->row.kind = (uint8_t)(bits >> WB_KIND_SHIFT & 3);
	if (r->row.kind == 0 || (more & ~(unsigned)WB_MORE) != 0 ||
	    !row_names(b, more, r))
		return refuse(err, "a name");
	r->row.mode = (uint16_t)get_max(rd, UINT16_MAX);
	r->row.size = get_var(rd);
	if (more & WB_CONTENT)
		get_id(rd, &r->row.content);
	r->row.mtime_s = sada_get_svar(rd);
	r->row.mtime_ns = get_max(rd, UINT32_MAX);
	row_seen(rd, bits, more, &r->row);
	n = (size_t)sada_get_count(rd, 1);
	sada_rd_init(&cover, sada_get_bytes(rd, n), n);
	if (rd->bad)
		return refuse(err, "a row");
	if (!(b->flags & SADA_WBLOCK_LIGHT) && !cover_get(b, &cover, &r->row))
		return refuse(err, "a cover");
	if ((more & WB_SUB) && !row_sub(b, &r->sub))
		return refuse(err, "the place of a directory");
	b->name = r->name;
	b->len = r->len;
	b->next++;
	return 1;
}

int
sada_wrow_cmp(const struct sada_wrow *row, const char *name, size_t len)
{
	size_t least = row->len < len ? row->len : len;
	int c = memcmp(row->name, name, least);

	return c != 0 ? c : (row->len > len) - (row->len < len);
}

/* Put item P into the table's slots under number I. */
static void
tab_enter(struct sada_wtab *t, const void *p, uint32_t i)
{
	size_t at = (size_t)sada_siphash(t->key, p, t->item) & (t->nslot - 1);

	while (t->slot[at] != 0)
		at = (at + 1) & (t->nslot - 1);
	t->slot[at] = i + 1;
}

/* Twice the slots, or the first ones. */
static void
tab_grow(struct sada_wtab *t)
{
	uint32_t i;

	t->nslot = t->nslot == 0 ? 16 : t->nslot * 2;
	free(t->slot);
	t->slot = sada_calloc(t->nslot, sizeof(*t->slot));
	for (i = 0; i < t->n; i++)
		tab_enter(t, t->bytes.p + i * t->item, i);
}

/* The number of item P, which is added if it is new. */
static uint32_t
tab_number(struct sada_wtab *t, const void *p)
{
	size_t at;
	uint32_t i;

	if (t->n > 0 && memcmp(t->bytes.p + t->last * t->item, p,
	    t->item) == 0)
		return t->last;
	if (((size_t)t->n + 1) * 2 > t->nslot)
		tab_grow(t);
	at = (size_t)sada_siphash(t->key, p, t->item) & (t->nslot - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->nslot - 1)) {
		i = t->slot[at] - 1;
		if (memcmp(t->bytes.p + i * t->item, p, t->item) == 0)
			return t->last = i;
	}
	assert(t->n < UINT32_MAX - 1);
	sada_buf_add(&t->bytes, p, t->item);
	t->slot[at] = t->n + 1;
	t->last = t->n;
	return t->n++;
}

static uint32_t
dot_number(struct sada_wframe *f, const struct sada_dot *d)
{
	unsigned char p[SADA_W_DOT];

	sada_le32_put(p, tab_number(&f->author, d->author.b));
	sada_le64_put(p + 4, d->epoch);
	sada_le64_put(p + 12, d->seq);
	sada_le64_put(p + 20, d->tag);
	return tab_number(&f->dot, p);
}

static void
version_put(struct sada_wframe *f, struct sada_buf *out,
    const struct sada_version *v, const struct sada_row *r)
{
	unsigned bits = 0;

	if (v->kind == r->kind && v->mode == r->mode && v->size == r->size &&
	    sada_id_cmp(&v->content, &r->content) == 0 &&
	    v->mtime_s == r->mtime_s && v->mtime_ns == r->mtime_ns)
		bits |= WV_SAME;
	else if (!sada_id_zero(&v->content))
		bits |= WV_CONTENT;
	if (v->flags != 0)
		bits |= WV_FLAGS;
	if (!sada_id_zero(&v->anc))
		bits |= WV_ANC;
	if (v->stamp_lamport != 0 || !sada_id_zero(&v->stamp_author))
		bits |= WV_STAMP;
	if (v->at != NULL)
		bits |= WV_AT;
	sada_put_var(out, dot_number(f, &v->dot));
	sada_put_u8(out, (uint8_t)bits);
	if (bits & WV_FLAGS)
		sada_put_u8(out, v->flags);
	if (!(bits & WV_SAME)) {
		sada_put_u8(out, v->kind);
		sada_put_var(out, v->mode);
		sada_put_var(out, v->size);
		if (bits & WV_CONTENT)
			sada_buf_add(out, v->content.b, SADA_ID_LEN);
		sada_put_svar(out, v->mtime_s);
		sada_put_var(out, v->mtime_ns);
	}
	if (bits & WV_ANC)
		sada_buf_add(out, v->anc.b, SADA_ID_LEN);
	if (bits & WV_STAMP) {
		sada_put_var(out, v->stamp_lamport);
		sada_put_var(out, tab_number(&f->author, v->stamp_author.b));
	}
	if (bits & WV_AT) {
		sada_put_var(out, v->at_len);
		sada_buf_add(out, v->at, v->at_len);
	}
}

static void
seen_put(struct sada_buf *out, const struct sada_row *r, unsigned bits,
    unsigned more)
{
	const struct sada_seen *s = &r->seen;

	sada_put_var(out, s->ino);
	if (!(bits & WB_SEEN_SIZE))
		sada_put_var(out, s->size);
	if (!(bits & WB_SEEN_MTIME)) {
		sada_put_svar(out, s->mtime_s);
		sada_put_var(out, s->mtime_ns);
	}
	sada_put_svar(out, (int64_t)((uint64_t)s->ctime_s -
	    (uint64_t)s->mtime_s));
	sada_put_var(out, s->ctime_ns);
	if (!(more & WB_SEEN_MODE))
		sada_put_var(out, s->mode);
}

void
sada_wrow_put(struct sada_wframe *f, const struct sada_row *r,
    const char *name, size_t len)
{
	struct sada_buf *out = &f->rows, *cover = &f->cover;
	unsigned bits, more = 0;
	size_t i;

	assert(r->kind >= SADA_FILE && r->kind <= SADA_LINK);
	assert((r->flags & ~WB_FLAGS) == 0);
	bits = r->flags | (unsigned)r->kind << WB_KIND_SHIFT;
	if (r->seen.mtime_s == r->mtime_s && r->seen.mtime_ns == r->mtime_ns)
		bits |= WB_SEEN_MTIME;
	if (r->seen.size == r->size)
		bits |= WB_SEEN_SIZE;
	if (r->slot_len != r->len || (r->len > 0 &&
	    memcmp(r->slot, r->path, r->len) != 0))
		more |= WB_SLOT;
	if (!sada_id_zero(&r->content))
		more |= WB_CONTENT;
	if (r->seen.mode == r->mode)
		more |= WB_SEEN_MODE;
	if (r->left != 0)
		more |= WB_LEFT;
	sada_put_u8(out, (uint8_t)bits);
	sada_put_u8(out, (uint8_t)more);
	sada_put_var(out, len);
	sada_buf_add(out, name, len);
	if (more & WB_SLOT) {
		sada_put_var(out, r->slot_len);
		sada_buf_add(out, r->slot, r->slot_len);
	}
	if (more & WB_LEFT)
		sada_put_var(out, r->left);
	sada_put_var(out, r->mode);
	sada_put_var(out, r->size);
	if (more & WB_CONTENT)
		sada_buf_add(out, r->content.b, SADA_ID_LEN);
	sada_put_svar(out, r->mtime_s);
	sada_put_var(out, r->mtime_ns);
	seen_put(out, r, bits, more);
	sada_buf_reset(cover);
	sada_put_var(cover, r->ncover);
	for (i = 0; i < r->ncover; i++)
		version_put(f, cover, &r->cover[i], r);
	sada_put_var(out, cover->len);
	sada_buf_add(out, cover->p, cover->len);
}

void
sada_wrow_close(struct sada_wframe *f)
{
	if (f->open && f->sub.off != 0) {
		f->rows.p[f->last_at + 1] |= WB_SUB;
		f->patch = sada_grow(f->patch, &f->patchcap, f->npatch + 1,
		    sizeof(*f->patch));
		f->patch[f->npatch++] = f->rows.len;
		sada_put_u64(&f->rows, f->sub.off);
		sada_put_u64(&f->rows, f->sub.sum);
	}
	f->open = 0;
	f->sub.off = 0;
}
