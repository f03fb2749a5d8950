/* The first record of a bundle, and padded sizes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/bundle.h"
#include "format/codec_priv.h"

enum {
	HEAD_VERSION = 1,
	ECHO_LEN = SADA_ID_LEN + 16
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT,
	    "the bundle's first record refused: %s", why);
}

static int
id_order(const void *a, const void *b)
{
	return sada_id_cmp(a, b);
}

static int
echo_order(const void *a, const void *b)
{
	const struct sada_echo *x = a, *y = b;

	return sada_id_cmp(&x->author, &y->author);
}

/*
 * A sorted copy of the *N items of SIZE bytes at P without doubles: a set
 * has one encoding.  An item begins with the id that it is sorted by.
 */
static unsigned char *
sorted(const void *p, size_t *n, size_t size,
    int (*order)(const void *, const void *))
{
	unsigned char *s, *to;
	size_t i, kept = 0;

	if (*n == 0)
		return NULL;
	s = (unsigned char *)sada_memdup(p, *n * size);
	qsort(s, *n, size, order);
	for (i = 0; i < *n; i++) {
		to = s + kept * size;
		if (kept > 0 && order(to - size, s + i * size) == 0)
			continue;
		memmove(to, s + i * size, size);
		kept++;
	}
	*n = kept;
	return s;
}

static void
put_ids(struct sada_buf *out, const struct sada_id *id, size_t n)
{
	unsigned char *s = sorted(id, &n, sizeof(*id), id_order);

	sada_put_var(out, n);
	if (n > 0)
		sada_buf_add(out, s, n * sizeof(*id));
	free(s);
}

static void
put_echoes(struct sada_buf *out, const struct sada_echo *e, size_t n)
{
	unsigned char *s = sorted(e, &n, sizeof(*e), echo_order);
	struct sada_echo one;
	size_t i;

	sada_put_var(out, n);
	for (i = 0; i < n; i++) {
		memcpy(&one, s + i * sizeof(one), sizeof(one));
		put_id(out, &one.author);
		sada_put_u64(out, one.incarnation);
		sada_put_u64(out, one.counter);
	}
	free(s);
}

void
sada_bundle_head_encode(struct sada_buf *out,
    const struct sada_bundle_head *h)
{
	assert(h->nto >= 1 && h->nto <= SADA_SLOTS_MAX);
	assert((h->flags & ~SADA_BUNDLE_MAPS) == 0);
	sada_put_u8(out, HEAD_VERSION);
	sada_put_u32(out, 0);
	put_id(out, &h->group);
	put_ids(out, h->alias, h->nalias);
	put_ids(out, h->to, h->nto);
	sada_put_var(out, h->ack_len);
	sada_buf_add(out, h->ack, h->ack_len);
	put_ids(out, h->basis, h->nbasis);
	put_echoes(out, h->echo, h->necho);
	sada_put_u8(out, h->flags);
	sada_put_var(out, h->ops);
	sada_put_var(out, h->objects);
	sada_put_var(out, h->raw_bytes);
}

/* A set of ids; *OUT is new, or NULL when there are none. */
static int
get_ids(struct sada_id **out, size_t *n, struct sada_rd *r,
    struct sada_err *err)
{
	uint64_t count = sada_get_count(r, SADA_ID_LEN);
	struct sada_id *id;

	if (r->bad)
		return refuse(err, "it is cut short");
	if (count > 0)
		*out = sada_calloc((size_t)count, sizeof(**out));
	for (; *n < count; ++*n) {
		id = &(*out)[*n];
		get_id(r, id);
		if (*n > 0 && sada_id_cmp(&id[-1], id) >= 0)
			return refuse(err, "its ids are not in order");
	}
	return 0;
}

static int
get_echoes(struct sada_bundle_head *h, struct sada_rd *r,
    struct sada_err *err)
{
	uint64_t count = sada_get_count(r, ECHO_LEN);
	struct sada_echo *e;

	if (r->bad)
		return refuse(err, "it is cut short");
	if (count > 0)
		h->echo = sada_calloc((size_t)count, sizeof(*h->echo));
	for (; h->necho < count; h->necho++) {
		e = &h->echo[h->necho];
		get_id(r, &e->author);
		e->incarnation = sada_get_u64(r);
		e->counter = sada_get_u64(r);
		if (h->necho > 0 &&
		    sada_id_cmp(&e[-1].author, &e->author) >= 0)
			return refuse(err, "its ids are not in order");
	}
	return 0;
}

/* What stands before the group. */
static int
get_version(struct sada_rd *r, struct sada_err *err)
{
	unsigned version = sada_get_u8(r);
	uint32_t features = sada_get_u32(r);

	if (r->bad)
		return refuse(err, "it is cut short");
	if (version != HEAD_VERSION || features != 0)
		return sada_err_set(err, SADA_VERSION, "bundle of version "
		    "%u, features %#x: a newer sada is needed", version,
		    (unsigned)features);
	return 0;
}

/* What stands behind the recipients. */
static int
get_rest(struct sada_bundle_head *h, struct sada_rd *r, struct sada_err *err)
{
	int rc;

	h->ack_len = (size_t)sada_get_count(r, 1);
	h->ack = sada_get_bytes(r, h->ack_len);
	if ((rc = get_ids(&h->basis, &h->nbasis, r, err)) < 0 ||
	    (rc = get_echoes(h, r, err)) < 0)
		return rc;
	h->flags = sada_get_u8(r);
	h->ops = get_var(r);
	h->objects = get_var(r);
	h->raw_bytes = get_var(r);
	if (r->bad || sada_rd_left(r) != 0)
		return refuse(err, "its length");
	if ((h->flags & ~SADA_BUNDLE_MAPS) != 0)
		return refuse(err, "its flags");
	return 0;
}

int
sada_bundle_head_decode(struct sada_bundle_head *h, const void *p, size_t n,
    struct sada_err *err)
{
	struct sada_rd r;
	int rc;

	memset(h, 0, sizeof(*h));
	sada_rd_init(&r, p, n);
	if ((rc = get_version(&r, err)) < 0)
		goto out;
	get_id(&r, &h->group);
	if ((rc = get_ids(&h->alias, &h->nalias, &r, err)) < 0 ||
	    (rc = get_ids(&h->to, &h->nto, &r, err)) < 0)
		goto out;
	if (h->nto < 1 || h->nto > SADA_SLOTS_MAX) {
		rc = refuse(err, "its number of recipients");
		goto out;
	}
	rc = get_rest(h, &r, err);
out:
	if (rc < 0)
		sada_bundle_head_release(h);
	return rc;
}

void
sada_bundle_head_release(struct sada_bundle_head *h)
{
	free(h->alias);
	free(h->to);
	free(h->basis);
	free(h->echo);
	memset(h, 0, sizeof(*h));
}

/* floor(log2(N)), N > 0. */
static unsigned
log2_floor(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n);
}

/*
 * Padme: a size may have as many significant bits as its exponent has
 * bits, so that sizes tell O(log log n) bits of themselves.
 */
uint64_t
sada_padme(uint64_t n)
{
	unsigned e, s;
	uint64_t mask;

	if (n < 2)
		return n;
	e = log2_floor(n);
	s = e > 0 ? log2_floor(e) + 1 : 0;
	mask = ((uint64_t)1 << (e - s)) - 1;
	assert(n <= UINT64_MAX - mask);
	return (n + mask) & ~mask;
}
