/*
 * The index of one pack: encode, map, look up.  Its layout stands in
 * format/pack.h.
 *
 * An index is derived and never evidence.  When it is mapped only what
 * keeps the lookups within bounds is checked; a wrong entry shows when the
 * object that it leads to does not have the hash, a missing one when an
 * object is not found, and then the whole hash is checked (read.c).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/index_priv.h"

enum {
	AT_VERSION = 8,
	AT_ZERO = 12,
	AT_OBJECTS = 16,
	AT_BLOCKS = 24,
	AT_ZERO2 = 28,
	AT_HASH = 32,
	FANOUT = 256 * 4,
	/* In an entry. */
	AT_BLOCK = 32,
	AT_OFF = 36,
	AT_LEN = 40,
	AT_TYPE = 44
};

static const unsigned char magic[8] = { 's', 'a', 'd', 'a', 'i', 'd', 'x',
    '1' };

void
sada_table_release(struct sada_table *t)
{
	free(t->ent);
	free(t->blk);
	memset(t, 0, sizeof(*t));
}

void
sada_table_ent(struct sada_table *t, const struct sada_ent *e)
{
	t->ent = sada_grow(t->ent, &t->cap_ent, t->nent + 1, sizeof(*t->ent));
	t->ent[t->nent++] = *e;
}

void
sada_table_blk(struct sada_table *t, const struct sada_blk *b)
{
	t->blk = sada_grow(t->blk, &t->cap_blk, t->nblk + 1, sizeof(*t->blk));
	t->blk[t->nblk++] = *b;
}

void
sada_index_name(char out[SADA_PACK_NAME], const char *name)
{
	memcpy(out, name, 32);
	memcpy(out + 32, ".idx", 5);
}

int
sada_ent_cmp(const void *pa, const void *pb)
{
	const struct sada_ent *a = pa, *b = pb;
	int c = memcmp(a->id.b, b->id.b, SADA_ID_LEN);

	if (c != 0)
		return c;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return a->len == b->len ? 0 : a->len < b->len ? -1 : 1;
}

/* Sort, and keep the first of equal objects. */
static void
sort_unique(struct sada_table *t)
{
	size_t i, n = 0;

	if (t->nent == 0)
		return;
	qsort(t->ent, t->nent, sizeof(*t->ent), sada_ent_cmp);
	for (i = 1; i < t->nent; i++) {
		if (t->ent[i].type == t->ent[n].type &&
		    sada_id_cmp(&t->ent[i].id, &t->ent[n].id) == 0)
			continue;
		t->ent[++n] = t->ent[i];
	}
	t->nent = n + 1;
}

static void
put_fanout(struct sada_buf *out, const struct sada_table *t)
{
	unsigned byte;
	size_t i = 0;

	for (byte = 0; byte < 256; byte++) {
		while (i < t->nent && t->ent[i].id.b[0] <= byte)
			i++;
		sada_put_u32(out, (uint32_t)i);
	}
}

void
sada_index_encode(struct sada_buf *out, struct sada_table *t,
    const struct sada_id *hash)
{
	static const unsigned char zero[3];
	size_t start = out->len, i;
	struct sada_id sum;

	sort_unique(t);
	sada_buf_reserve(out, SADA_INDEX_HEADER + FANOUT +
	    t->nent * SADA_INDEX_ENTRY + t->nblk * SADA_INDEX_BLOCK +
	    SADA_ID_LEN);
	sada_buf_add(out, magic, sizeof(magic));
	sada_put_u32(out, 1);
	sada_put_u32(out, 0);
	sada_put_u64(out, t->nent);
	sada_put_u32(out, (uint32_t)t->nblk);
	sada_put_u32(out, 0);
	sada_buf_add(out, hash->b, SADA_ID_LEN);
	put_fanout(out, t);
	for (i = 0; i < t->nent; i++) {
		sada_buf_add(out, t->ent[i].id.b, SADA_ID_LEN);
		sada_put_u32(out, t->ent[i].block);
		sada_put_u32(out, t->ent[i].off);
		sada_put_u32(out, t->ent[i].len);
		sada_put_u8(out, t->ent[i].type);
		sada_buf_add(out, zero, sizeof(zero));
	}
	for (i = 0; i < t->nblk; i++) {
		sada_put_u64(out, t->blk[i].off);
		sada_put_u32(out, t->blk[i].frame_len);
		sada_put_u32(out, t->blk[i].raw_len);
		sada_put_u32(out, t->blk[i].objects);
		sada_put_u32(out, 0);
	}
	sada_hash(&sum, SADA_CTX_INDEX, out->p + start, out->len - start);
	sada_buf_add(out, sum.b, SADA_ID_LEN);
}

/* The header, and that the size follows from it. */
static int
check_header(struct sada_index *ix)
{
	uint64_t objects, blocks;

	if (ix->n < SADA_INDEX_HEADER + FANOUT + SADA_ID_LEN ||
	    memcmp(ix->p, magic, sizeof(magic)) != 0 ||
	    sada_le32(ix->p + AT_VERSION) != 1 ||
	    sada_le32(ix->p + AT_ZERO) != 0 ||
	    sada_le32(ix->p + AT_ZERO2) != 0)
		return 0;
	objects = sada_le64(ix->p + AT_OBJECTS);
	blocks = sada_le32(ix->p + AT_BLOCKS);
	if (objects > UINT32_MAX ||
	    ix->n != SADA_INDEX_HEADER + FANOUT + SADA_ID_LEN +
	    objects * SADA_INDEX_ENTRY + blocks * SADA_INDEX_BLOCK)
		return 0;
	ix->objects = (uint32_t)objects;
	ix->blocks = (uint32_t)blocks;
	memcpy(ix->hash.b, ix->p + AT_HASH, SADA_ID_LEN);
	return 1;
}

/* Invariant 1 of the struct, beyond the header. */
static int
check_tables(struct sada_index *ix)
{
	const unsigned char *fan = ix->p + SADA_INDEX_HEADER;
	uint64_t at = SADA_PACK_HEADER;
	uint32_t i, last = 0, k;
	struct sada_blk b;

	for (i = 0; i < 256; i++) {
		k = sada_le32(fan + 4 * (size_t)i);
		if (k < last || k > ix->objects)
			return 0;
		last = k;
	}
	if (last != ix->objects)
		return 0;
	for (i = 0; i < ix->blocks; i++) {
		sada_index_blk(ix, i, &b);
		if (b.off != at || b.raw_len > SADA_BLOCK_RAW_MAX ||
		    b.frame_len > SADA_BLOCK_FRAME_MAX(b.raw_len))
			return 0;
		at += (uint64_t)SADA_BLOCK_HEAD + b.frame_len;
	}
	ix->end = at;
	return 1;
}

static int
check(struct sada_index *ix, const char *name, struct sada_err *err)
{
	if (!check_header(ix) || !check_tables(ix))
		return sada_err_set(err, SADA_FORMAT,
		    "the index of pack %s is damaged", name);
	return 0;
}

int
sada_index_open(struct sada_index **out, int dirfd, const char *name,
    struct sada_err *err)
{
	struct sada_index *ix = sada_calloc(1, sizeof(*ix));
	char file[SADA_PACK_NAME];
	struct sada_stat st;
	int fd = -1;
	int rc;

	*out = NULL;
	sada_index_name(file, name);
	if ((rc = sada_io_open(&fd, dirfd, file, O_RDONLY | O_NONBLOCK, 0,
	    err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0)
		goto out;
	if (st.size < SADA_INDEX_HEADER || st.size > SIZE_MAX / 2) {
		rc = sada_err_set(err, SADA_FORMAT,
		    "the index of pack %s is damaged", name);
		goto out;
	}
	if ((rc = sada_io_map(&ix->p, fd, (size_t)st.size, err)) < 0)
		goto out;
	ix->n = (size_t)st.size;
	if ((rc = check(ix, name, err)) < 0)
		goto out;
	*out = ix;
	ix = NULL;
out:
	sada_io_close(fd);
	sada_index_free(ix);
	return rc;
}

int
sada_index_adopt(struct sada_index **out, struct sada_buf *b,
    struct sada_err *err)
{
	struct sada_index *ix = sada_calloc(1, sizeof(*ix));
	int rc;

	*out = NULL;
	ix->p = ix->heap = b->p;
	ix->n = b->len;
	memset(b, 0, sizeof(*b));
	atomic_store(&ix->checked, 1);
	if ((rc = check(ix, "in memory", err)) < 0)
		sada_index_free(ix);
	else
		*out = ix;
	return rc;
}

void
sada_index_free(struct sada_index *ix)
{
	struct sada_index *next;

	for (; ix != NULL; ix = next) {
		next = ix->next;
		if (ix->heap != NULL)
			free(ix->heap);
		else
			sada_io_unmap(ix->p, ix->n);
		free(ix);
	}
}

int
sada_index_whole(const struct sada_index *ix)
{
	struct sada_id sum;

	sada_hash(&sum, SADA_CTX_INDEX, ix->p, ix->n - SADA_ID_LEN);
	return memcmp(sum.b, ix->p + ix->n - SADA_ID_LEN, SADA_ID_LEN) == 0;
}

static const unsigned char *
ent_at(const struct sada_index *ix, uint32_t i)
{
	return ix->p + SADA_INDEX_HEADER + FANOUT +
	    (size_t)i * SADA_INDEX_ENTRY;
}

void
sada_index_ent(const struct sada_index *ix, uint32_t i, struct sada_ent *e)
{
	const unsigned char *p = ent_at(ix, i);

	memcpy(e->id.b, p, SADA_ID_LEN);
	e->block = sada_le32(p + AT_BLOCK);
	e->off = sada_le32(p + AT_OFF);
	e->len = sada_le32(p + AT_LEN);
	e->type = p[AT_TYPE];
}

void
sada_index_blk(const struct sada_index *ix, uint32_t i, struct sada_blk *b)
{
	const unsigned char *p = ent_at(ix, ix->objects) +
	    (size_t)i * SADA_INDEX_BLOCK;

	b->off = sada_le64(p);
	b->frame_len = sada_le32(p + 8);
	b->raw_len = sada_le32(p + 12);
	b->objects = sada_le32(p + 16);
}

uint32_t
sada_index_number(const struct sada_index *ix, unsigned type,
    const struct sada_id *id)
{
	const unsigned char *fan = ix->p + SADA_INDEX_HEADER, *p;
	uint32_t lo = 0, hi, mid;
	int c;

	if (id->b[0] > 0)
		lo = sada_le32(fan + 4 * ((size_t)id->b[0] - 1));
	hi = sada_le32(fan + 4 * (size_t)id->b[0]);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		p = ent_at(ix, mid);
		c = memcmp(id->b, p, SADA_ID_LEN);
		if (c == 0)
			c = (int)type - p[AT_TYPE];
		if (c == 0)
			return mid;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return UINT32_MAX;
}

int
sada_index_find(const struct sada_index *ix, unsigned type,
    const struct sada_id *id, struct sada_ent *e)
{
	uint32_t i = sada_index_number(ix, type, id);
	struct sada_blk b;

	if (i == UINT32_MAX)
		return 0;
	sada_index_ent(ix, i, e);
	if (e->block >= ix->blocks)
		return 0;
	sada_index_blk(ix, e->block, &b);
	return e->off <= b.raw_len && e->len <= b.raw_len - e->off;
}
