/* Growable bytes, bounded reading, integer codings, memory that asserts. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#ifdef NDEBUG
#error "asserts are part of the program: build without NDEBUG"
#endif

/* The most bytes that a varint of 64 bits takes. */
#define VAR_MAX 10

void *
sada_malloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	assert(p != NULL);
	return p;
}

void *
sada_calloc(size_t n, size_t size)
{
	void *p;

	p = n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1);
	assert(p != NULL);
	return p;
}

void *
sada_realloc(void *p, size_t n)
{
	p = realloc(p, n > 0 ? n : 1);
	assert(p != NULL);
	return p;
}

char *
sada_memdup(const void *p, size_t n)
{
	char *s;

	assert(n < SIZE_MAX);
	s = sada_malloc(n + 1);
	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
sada_strdup(const char *s)
{
	return sada_memdup(s, strlen(s));
}

void *
sada_grow(void *p, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap;

	assert(size > 0);
	if (need <= n && p != NULL)
		return p;
	n = n <= SIZE_MAX / 2 ? n + n / 2 : SIZE_MAX;
	if (n < 16)
		n = 16;
	if (n < need || n > SIZE_MAX / size)
		n = need;
	assert(n <= SIZE_MAX / size);
	p = sada_realloc(p, n * size);
	*cap = n;
	return p;
}

void
sada_buf_release(struct sada_buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

void
sada_buf_reset(struct sada_buf *b)
{
	b->len = 0;
}

unsigned char *
sada_buf_reserve(struct sada_buf *b, size_t n)
{
	assert(n <= SIZE_MAX - b->len);
	if (b->p == NULL || n > b->cap - b->len)
		b->p = sada_grow(b->p, &b->cap, b->len + n, 1);
	return b->p + b->len;
}

void
sada_buf_add(struct sada_buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(sada_buf_reserve(b, n), p, n);
	b->len += n;
}

void
sada_buf_adds(struct sada_buf *b, const char *s)
{
	sada_buf_add(b, s, strlen(s));
}

void
sada_buf_addf(struct sada_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room;
	int n;

	(void)sada_buf_reserve(b, 64);
	room = b->cap - b->len;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf((char *)b->p + b->len, room, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n >= room) {
		room = (size_t)n + 1;
		(void)sada_buf_reserve(b, room);
		n = vsnprintf((char *)b->p + b->len, room, fmt, again);
		assert(n >= 0 && (size_t)n < room);
	}
	va_end(again);
	b->len += (size_t)n;
}

char *
sada_buf_str(struct sada_buf *b)
{
	*sada_buf_reserve(b, 1) = '\0';
	return (char *)b->p;
}

void
sada_le32_put(unsigned char *p, uint32_t v)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

void
sada_le64_put(unsigned char *p, uint64_t v)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

uint16_t
sada_le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
sada_le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

uint64_t
sada_le64(const unsigned char *p)
{
	return (uint64_t)sada_le32(p) | (uint64_t)sada_le32(p + 4) << 32;
}

void
sada_put_u8(struct sada_buf *b, uint8_t v)
{
	sada_buf_add(b, &v, 1);
}

void
sada_put_u16(struct sada_buf *b, uint16_t v)
{
	unsigned char *p = sada_buf_reserve(b, 2);

	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	b->len += 2;
}

void
sada_put_u32(struct sada_buf *b, uint32_t v)
{
	sada_le32_put(sada_buf_reserve(b, 4), v);
	b->len += 4;
}

void
sada_put_u64(struct sada_buf *b, uint64_t v)
{
	sada_le64_put(sada_buf_reserve(b, 8), v);
	b->len += 8;
}

void
sada_put_var(struct sada_buf *b, uint64_t v)
{
	unsigned char *p = sada_buf_reserve(b, VAR_MAX);

	for (; v >= 0x80; v >>= 7, b->len++)
		*p++ = (unsigned char)(v | 0x80);
	*p = (unsigned char)v;
	b->len++;
}

void
sada_put_svar(struct sada_buf *b, int64_t v)
{
	uint64_t u = (uint64_t)v << 1;

	sada_put_var(b, v < 0 ? ~u : u);
}

void
sada_rd_init(struct sada_rd *r, const void *p, size_t n)
{
	/* So that NULL from sada_get_bytes() always means BAD. */
	if (p == NULL) {
		assert(n == 0);
		p = "";
	}
	r->p = p;
	r->end = r->p + n;
	r->bad = 0;
}

size_t
sada_rd_left(const struct sada_rd *r)
{
	return (size_t)(r->end - r->p);
}

/* A bad reader is at its end, so that nothing more comes out of it. */
static void
rd_bad(struct sada_rd *r)
{
	r->p = r->end;
	r->bad = 1;
}

const unsigned char *
sada_get_bytes(struct sada_rd *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->bad || n > sada_rd_left(r)) {
		rd_bad(r);
		return NULL;
	}
	r->p += n;
	return p;
}

uint8_t
sada_get_u8(struct sada_rd *r)
{
	const unsigned char *p = sada_get_bytes(r, 1);

	return p != NULL ? *p : 0;
}

uint16_t
sada_get_u16(struct sada_rd *r)
{
	const unsigned char *p = sada_get_bytes(r, 2);

	return p != NULL ? sada_le16(p) : 0;
}

uint32_t
sada_get_u32(struct sada_rd *r)
{
	const unsigned char *p = sada_get_bytes(r, 4);

	return p != NULL ? sada_le32(p) : 0;
}

uint64_t
sada_get_u64(struct sada_rd *r)
{
	const unsigned char *p = sada_get_bytes(r, 8);

	return p != NULL ? sada_le64(p) : 0;
}

uint64_t
sada_get_var(struct sada_rd *r)
{
	uint64_t v = 0;
	unsigned i;

	for (i = 0; i < VAR_MAX && r->p < r->end; i++) {
		unsigned char c = *r->p++;

		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c & 0x80)
			continue;
		/* A last byte of 0 pads; a tenth above 1 overflows. */
		if ((c == 0 && i > 0) || (i == VAR_MAX - 1 && c > 1))
			break;
		return v;
	}
	rd_bad(r);
	return 0;
}

int64_t
sada_get_svar(struct sada_rd *r)
{
	uint64_t u = sada_get_var(r);

	return (int64_t)(u & 1 ? ~(u >> 1) : u >> 1);
}

uint64_t
sada_get_count(struct sada_rd *r, size_t min)
{
	uint64_t n = sada_get_var(r);

	assert(min > 0);
	if (n > sada_rd_left(r) / min) {
		rd_bad(r);
		return 0;
	}
	return n;
}
