/*
 * Changes that wait, packed: a move of 80,000 files must fit in memory
 * beside all else, so a name is kept apart from its directory, and a record
 * is bytes.
 *
 * A record: u8 side, u8 kind, u8 score, u8 length of the name, le32
 * directory, le32 mate, le64 size, 32 content, le32 length of the tail,
 * name, tail.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/rename_priv.h"

#define BLOCK ((size_t)1 << 20)

enum {
	AT_SIDE = 0, AT_KIND = 1, AT_SCORE = 2, AT_NAME_LEN = 3, AT_DIR = 4,
	AT_MATE = 8, AT_SIZE = 12, AT_CONTENT = 20,
	AT_TAIL_LEN = AT_CONTENT + SADA_ID_LEN, AT_NAME = AT_TAIL_LEN + 4
};

void
sada_moves_new(struct sada_moves **out)
{
	struct sada_moves *x = sada_calloc(1, sizeof(*x));

	x->dir = sada_grow(NULL, &x->capdir, 1, sizeof(*x->dir));
	x->dir[0].path = "";
	x->dir[0].up = SADA_MOVE_NONE;
	x->dir[0].len = 0;
	x->ndir = 1;
	*out = x;
}

void
sada_moves_free(struct sada_moves *x)
{
	size_t i;

	if (x == NULL)
		return;
	for (i = 0; i < x->nblock; i++)
		free(x->block[i]);
	free(x->block);
	free(x->rec);
	free(x->dir);
	free(x->moved);
	free(x);
}

/* Room for N bytes that stay where they are. */
static unsigned char *
take(struct sada_moves *x, size_t n)
{
	size_t size = n > BLOCK ? n : BLOCK;
	unsigned char *p;

	if (n > x->left) {
		x->block = sada_grow(x->block, &x->capblock, x->nblock + 1,
		    sizeof(*x->block));
		x->block[x->nblock++] = sada_malloc(size);
		x->left = size;
	}
	/* The last block is BLOCK long, or N when it was made for it. */
	p = x->block[x->nblock - 1] + (size > BLOCK ? 0 : BLOCK - x->left);
	x->left = size > BLOCK ? 0 : x->left - n;
	x->bytes += n;
	return p;
}

/*
 * The directory of PATH: that of the last record or one above it, else one
 * below these.  Records come in path order, so few are made twice, which
 * would do no harm.
 */
static uint32_t
find_dir(struct sada_moves *x, const char *path, size_t len)
{
	uint32_t at = x->last;
	struct sada_move_dir *d = &x->dir[at];
	unsigned char *p;
	size_t next;

	while (d->len > 0 && (d->len > len || memcmp(d->path, path,
	    d->len) != 0 || (d->len < len && path[d->len] != '/'))) {
		at = d->up;
		d = &x->dir[at];
	}
	while (d->len < len) {
		next = d->len + (size_t)(d->len > 0);
		while (next < len && path[next] != '/')
			next++;
		p = take(x, next);
		memcpy(p, path, next);
		x->dir = sada_grow(x->dir, &x->capdir, x->ndir + 1,
		    sizeof(*x->dir));
		d = &x->dir[x->ndir];
		d->path = (const char *)p;
		d->len = (uint16_t)next;
		d->up = at;
		at = (uint32_t)x->ndir++;
	}
	x->last = at;
	return at;
}

void
sada_moves_add(struct sada_moves *x, const struct sada_move *m)
{
	size_t base = sada_path_base(m->path, m->len), n = m->len - base;
	uint32_t dir = find_dir(x, m->path, sada_path_parent(m->path,
	    m->len));
	unsigned char *p = take(x, AT_NAME + n + m->ntail);

	assert(n <= SADA_NAME_MAX && m->ntail < UINT32_MAX &&
	    x->n < SADA_MOVE_NONE);
	p[AT_SIDE] = (unsigned char)m->side;
	p[AT_KIND] = m->kind;
	p[AT_SCORE] = 0;
	p[AT_NAME_LEN] = (unsigned char)n;
	sada_le32_put(p + AT_DIR, dir);
	sada_le32_put(p + AT_MATE, SADA_MOVE_NONE);
	sada_le64_put(p + AT_SIZE, m->size);
	memcpy(p + AT_CONTENT, m->content.b, SADA_ID_LEN);
	sada_le32_put(p + AT_TAIL_LEN, (uint32_t)m->ntail);
	memcpy(p + AT_NAME, m->path + base, n);
	if (m->ntail > 0)
		memcpy(p + AT_NAME + n, m->tail, m->ntail);
	x->rec = sada_grow(x->rec, &x->cap, x->n + 1, sizeof(*x->rec));
	x->rec[x->n++] = p;
}

uint32_t
sada_moves_count(const struct sada_moves *x)
{
	return (uint32_t)x->n;
}

int
sada_moves_full(const struct sada_moves *x)
{
	return x->n > SADA_MOVES_MAX || x->bytes > SADA_MOVES_BYTES;
}

unsigned
sada_move_side(const struct sada_moves *x, uint32_t i)
{
	return x->rec[i][AT_SIDE];
}

unsigned
sada_move_kind(const struct sada_moves *x, uint32_t i)
{
	return x->rec[i][AT_KIND];
}

uint64_t
sada_move_size(const struct sada_moves *x, uint32_t i)
{
	return sada_le64(x->rec[i] + AT_SIZE);
}

uint32_t
sada_move_dir(const struct sada_moves *x, uint32_t i)
{
	return sada_le32(x->rec[i] + AT_DIR);
}

uint32_t
sada_move_mate(const struct sada_moves *x, uint32_t i)
{
	return sada_le32(x->rec[i] + AT_MATE);
}

const unsigned char *
sada_move_content(const struct sada_moves *x, uint32_t i)
{
	return x->rec[i] + AT_CONTENT;
}

const char *
sada_move_name(const struct sada_moves *x, uint32_t i, size_t *len)
{
	*len = x->rec[i][AT_NAME_LEN];
	return (const char *)x->rec[i] + AT_NAME;
}

void
sada_move_pair(struct sada_moves *x, uint32_t g, uint32_t t, unsigned score)
{
	assert(sada_move_side(x, g) == SADA_MOVE_GONE &&
	    sada_move_side(x, t) == SADA_MOVE_NEW);
	assert(sada_move_mate(x, g) == SADA_MOVE_NONE &&
	    sada_move_mate(x, t) == SADA_MOVE_NONE);
	sada_le32_put(x->rec[g] + AT_MATE, t);
	sada_le32_put(x->rec[t] + AT_MATE, g);
	x->rec[g][AT_SCORE] = x->rec[t][AT_SCORE] = (unsigned char)score;
}

void
sada_move_note(struct sada_moves *x, uint32_t i, const struct sada_id *id,
    unsigned score)
{
	memcpy(x->rec[i] + AT_CONTENT, id->b, SADA_ID_LEN);
	x->rec[i][AT_SCORE] = (unsigned char)score;
}

int
sada_move_fits(const struct sada_moves *x, uint32_t i)
{
	const unsigned char *p = x->rec[i];

	return (p[AT_SIDE] == SADA_MOVE_GONE || p[AT_SIDE] == SADA_MOVE_NEW)
	    && (p[AT_KIND] == SADA_LINK || (p[AT_KIND] == SADA_FILE &&
	    sada_move_size(x, i) > 0));
}

void
sada_moves_get(const struct sada_moves *x, uint32_t i, struct sada_move *m,
    struct sada_buf *path)
{
	const unsigned char *p = x->rec[i];
	const struct sada_move_dir *d = &x->dir[sada_le32(p + AT_DIR)];
	size_t n = p[AT_NAME_LEN];

	memset(m, 0, sizeof(*m));
	sada_buf_reset(path);
	sada_buf_add(path, d->path, d->len);
	if (d->len > 0)
		sada_put_u8(path, '/');
	sada_buf_add(path, p + AT_NAME, n);
	m->path = sada_buf_str(path);
	m->len = path->len;
	m->side = p[AT_SIDE];
	m->kind = p[AT_KIND];
	m->score = p[AT_SCORE];
	m->mate = sada_le32(p + AT_MATE);
	m->size = sada_le64(p + AT_SIZE);
	memcpy(m->content.b, p + AT_CONTENT, SADA_ID_LEN);
	m->tail = p + AT_NAME + n;
	m->ntail = sada_le32(p + AT_TAIL_LEN);
}

/* The components that directories A and B end with alike. */
static unsigned
dir_tail(const struct sada_moves *x, uint32_t a, uint32_t b)
{
	const struct sada_move_dir *p = &x->dir[a], *q = &x->dir[b];
	unsigned n = 0;
	size_t i, j;

	while (p->len > 0 && q->len > 0) {
		i = sada_path_base(p->path, p->len);
		j = sada_path_base(q->path, q->len);
		if (p->len - i != q->len - j ||
		    memcmp(p->path + i, q->path + j, p->len - i) != 0)
			break;
		n++;
		p = &x->dir[p->up];
		q = &x->dir[q->up];
	}
	return n;
}

unsigned
sada_move_tail(const struct sada_moves *x, uint32_t a, uint32_t b)
{
	size_t na, nb;
	const char *p = sada_move_name(x, a, &na);
	const char *q = sada_move_name(x, b, &nb);

	if (na != nb || memcmp(p, q, na) != 0)
		return 0;
	return 1 + dir_tail(x, sada_move_dir(x, a), sada_move_dir(x, b));
}

unsigned
sada_move_lead(const struct sada_moves *x, uint32_t a, uint32_t b)
{
	const struct sada_move_dir *p = &x->dir[sada_move_dir(x, a)];
	const struct sada_move_dir *q = &x->dir[sada_move_dir(x, b)];
	unsigned n = 0;
	size_t i;

	for (i = 0; i < p->len && i < q->len && p->path[i] == q->path[i];
	    i++)
		n += p->path[i] == '/';
	/* The last component of one of them may be whole, too. */
	if (i > 0 && (i == p->len || p->path[i] == '/') &&
	    (i == q->len || q->path[i] == '/'))
		n++;
	return n;
}
