/*
 * Hints of renames in op records: their coding, and the ways from an old
 * name to the new one and back.  The layout stands in op.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op_priv.h"

/* The most bytes that one hint takes. */
#define HINT_BYTES (1 + 2 * (2 + SADA_PATH_MAX))
/* Kind, two lengths, two names of a byte. */
#define HINT_MIN 5

/* The next path of a hint. */
static const char *
get_path(struct sada_rd *r, size_t *len)
{
	uint64_t n = sada_get_count(r, 1);
	const char *p = (const char *)sada_get_bytes(r, (size_t)n);

	if (r->bad || n == 0 || !sada_path_ok(p, (size_t)n)) {
		r->bad = 1;
		return NULL;
	}
	*len = (size_t)n;
	return p;
}

/* The next hint; R is BAD when it is none. */
static void
get_hint(struct sada_rd *r, struct sada_hint *h)
{
	memset(h, 0, sizeof(*h));
	h->kind = sada_get_u8(r);
	if ((h->from = get_path(r, &h->from_len)) == NULL ||
	    (h->to = get_path(r, &h->to_len)) == NULL ||
	    (h->kind != SADA_HINT_FILE && h->kind != SADA_HINT_DIR) ||
	    sada_path_cmp(h->from, h->from_len, h->to, h->to_len) == 0)
		r->bad = 1;
}

void
sada_hints_check(struct sada_rd *r, uint64_t n)
{
	const unsigned char *start = r->p;
	struct sada_hint h, last = { 0 };
	uint64_t i;

	if (n > SADA_HINTS_MAX || n > sada_rd_left(r) / HINT_MIN)
		r->bad = 1;
	for (i = 0; i < n && !r->bad; i++) {
		get_hint(r, &h);
		if (!r->bad && i > 0 && sada_path_cmp(last.from,
		    last.from_len, h.from, h.from_len) >= 0)
			r->bad = 1;
		last = h;
	}
	if (!r->bad && (size_t)(r->p - start) > SADA_HINTS_BYTES)
		r->bad = 1;
}

void
sada_hint_put(struct sada_buf *out, const struct sada_hint *h)
{
	assert(h->kind == SADA_HINT_FILE || h->kind == SADA_HINT_DIR);
	sada_put_u8(out, h->kind);
	sada_put_var(out, h->from_len);
	sada_buf_add(out, h->from, h->from_len);
	sada_put_var(out, h->to_len);
	sada_buf_add(out, h->to, h->to_len);
}

void
sada_op_hints(struct sada_hint **out, const struct sada_op *op)
{
	struct sada_rd r;
	uint32_t i;

	*out = NULL;
	if (op->nhints == 0)
		return;
	*out = sada_calloc(op->nhints, sizeof(**out));
	sada_rd_init(&r, op->hints, op->hints_len);
	for (i = 0; i < op->nhints; i++)
		get_hint(&r, &(*out)[i]);
	assert(!r.bad && sada_rd_left(&r) == 0);
}

int
sada_hints_full(const struct sada_hint *h, size_t n)
{
	size_t i, bytes = 0;

	if (n >= SADA_HINTS_MAX)
		return 1;
	for (i = 0; i < n; i++)
		bytes += 1 + 2 * 2 + h[i].from_len + h[i].to_len;
	return bytes + HINT_BYTES > SADA_HINTS_BYTES;
}

const struct sada_hint *
sada_hint_of(const struct sada_hint *h, size_t n, const char *path,
    size_t len)
{
	size_t at = len, lo, hi, mid;
	int c;

	for (; n > 0 && at > 0; at = sada_path_parent(path, at)) {
		for (lo = 0, hi = n; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			c = sada_path_cmp(h[mid].from, h[mid].from_len, path,
			    at);
			if (c == 0 && (at == len ||
			    h[mid].kind == SADA_HINT_DIR))
				return &h[mid];
			if (c < 0)
				lo = mid + 1;
			else
				hi = mid;
			if (c == 0)
				break;
		}
	}
	return NULL;
}

/* Append TO and what PATH has behind its first FROM_LEN bytes. */
static int
replace(struct sada_buf *out, const char *to, size_t to_len,
    size_t from_len, const char *path, size_t len)
{
	size_t start = out->len;

	assert(len >= from_len);
	if (to_len + (len - from_len) > SADA_PATH_MAX)
		return 0;
	sada_buf_add(out, to, to_len);
	sada_buf_add(out, path + from_len, len - from_len);
	if (sada_path_ok((char *)out->p + start, out->len - start))
		return 1;
	out->len = start;
	return 0;
}

int
sada_hint_map(struct sada_buf *out, const struct sada_hint *h,
    const char *path, size_t len)
{
	return replace(out, h->to, h->to_len, h->from_len, path, len);
}

int
sada_hint_unmap(struct sada_buf *out, const struct sada_hint *h,
    const char *path, size_t len)
{
	return replace(out, h->from, h->from_len, h->to_len, path, len);
}

/* By to; of equal ones the files first, then by from. */
static int
to_order(const void *pa, const void *pb)
{
	const struct sada_hint *a = *(const struct sada_hint *const *)pa;
	const struct sada_hint *b = *(const struct sada_hint *const *)pb;
	int c = sada_path_cmp(a->to, a->to_len, b->to, b->to_len);

	if (c == 0)
		c = a->kind - b->kind;
	return c != 0 ? c : sada_path_cmp(a->from, a->from_len, b->from,
	    b->from_len);
}

void
sada_hints_by_to(const struct sada_hint ***out, const struct sada_hint *h,
    size_t n)
{
	size_t i;

	*out = sada_calloc(n + 1, sizeof(**out));
	for (i = 0; i < n; i++)
		(*out)[i] = &h[i];
	if (n > 1)
		qsort(*out, n, sizeof(**out), to_order);
}

size_t
sada_hint_origins(const struct sada_hint **out, size_t max,
    const struct sada_hint *const *by, size_t n, const char *path,
    size_t len)
{
	size_t at = len, lo, hi, mid, k = 0;

	for (; n > 0 && at > 0 && k < max; at = sada_path_parent(path, at)) {
		for (lo = 0, hi = n; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			if (sada_path_cmp(by[mid]->to, by[mid]->to_len, path,
			    at) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < n && k < max && sada_path_cmp(by[lo]->to,
		    by[lo]->to_len, path, at) == 0; lo++)
			if (at == len || by[lo]->kind == SADA_HINT_DIR)
				out[k++] = by[lo];
	}
	return k;
}
