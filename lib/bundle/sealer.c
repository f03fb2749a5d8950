/*
 * Writing a sealed bundle, in one pass.
 *
 * Records are copied into the segment under construction.  A full segment
 * is signed and sealed only when another byte must follow it, so that the
 * last one always holds at least a byte and is known as the last.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "bundle/sealed_priv.h"
#include "store/zst.h"

/* META is flushed when it holds this much; its compression. */
#define META_FLUSH ((size_t)256 << 10)
#define META_LEVEL 6

/*
 * 1. SEG holds the segment NUMBER: SADA_SEGMENT_HEAD bytes to be filled in,
 *    then FILL payload bytes.
 * 2. PUT counts the bytes of the payload stream, SENT those written.
 * 3. META holds the inner records of a META record that is not added yet.
 */
struct sada_sealer {
	const struct sada_key *key;
	int (*write)(const void *p, size_t n, void *ctx,
	    struct sada_err *err);
	void *ctx;
	struct sada_stream *stream;
	struct sada_id hh;		/* hash of the clear header */
	unsigned nslots;
	int headed;			/* HEAD was added */
	uint64_t number, put, sent;
	uint32_t fill;
	struct sada_buf meta;
	size_t used;			/* of SEG, to be wiped */
	/* These are not cleared: of most bundles little of them is used. */
	unsigned char seg[SADA_SEGMENT];
	unsigned char sealed[CHUNK_SEALED];
};

static int
emit(struct sada_sealer *s, const void *p, size_t n, struct sada_err *err)
{
	s->sent += n;
	return s->write(p, n, s->ctx, err);
}

/* A random number below N > 0. */
static unsigned
pick(unsigned n)
{
	unsigned char rnd[8];

	sada_io_random(rnd, sizeof(rnd));
	return (unsigned)(sada_le64(rnd) % n);
}

/* The N recipients' slots and dummies behind them, then shuffled. */
static void
make_slots(unsigned char *slots, unsigned nslots, const unsigned char *fk,
    const struct sada_pub *to, size_t n)
{
	unsigned char keep[SADA_SLOT_LEN], *a, *b;
	unsigned i;

	for (i = 0; i < nslots; i++)
		if (i < n)
			sada_slot_make(slots + i * SADA_SLOT_LEN, fk, &to[i]);
		else
			sada_slot_dummy(slots + i * SADA_SLOT_LEN);
	for (i = nslots; i > 1; i--) {
		a = slots + (i - 1) * SADA_SLOT_LEN;
		b = slots + pick(i) * SADA_SLOT_LEN;
		memcpy(keep, a, SADA_SLOT_LEN);
		memmove(a, b, SADA_SLOT_LEN);
		memcpy(b, keep, SADA_SLOT_LEN);
	}
}

/* Make the clear header in OUT, the stream and what binds it. */
static void
make_header(struct sada_sealer *s, struct sada_buf *out,
    const struct sada_pub *to, size_t n)
{
	unsigned char fk[SADA_FILEKEY_LEN], tag[SADA_TAG_LEN];
	unsigned char head[SADA_STREAM_HEAD_LEN];

	sada_filekey_new(fk);
	sada_buf_adds(out, SADA_BUNDLE_MAGIC);
	sada_put_u16(out, SEALED_VERSION);
	sada_put_u16(out, SEALED_SUITE);
	sada_put_u16(out, (uint16_t)s->nslots);
	sada_put_u16(out, 0);
	make_slots(sada_buf_reserve(out, s->nslots * SADA_SLOT_LEN),
	    s->nslots, fk, to, n);
	out->len += s->nslots * SADA_SLOT_LEN;
	sada_stream_push_new(&s->stream, head, fk);
	sada_buf_add(out, head, sizeof(head));
	sada_head_tag(tag, fk, out->p, out->len);
	sada_buf_add(out, tag, sizeof(tag));
	sada_wipe(fk, sizeof(fk));
	sada_hash(&s->hh, SADA_CTX_HEAD, out->p, out->len);
	sada_stream_bind(s->stream, &s->hh);
}

/* Sign and seal the segment that SEG holds. */
static int
seal_segment(struct sada_sealer *s, uint32_t flags, struct sada_err *err)
{
	unsigned char signed_bytes[SIGNED_LEN];
	size_t len = SADA_SEGMENT_HEAD + s->fill, at, n;
	int last = (flags & SADA_SEGMENT_LAST) != 0;
	int rc;

	assert(s->fill >= 1 && (last || s->fill == SEGMENT_PAYLOAD));
	sada_segment_signed(signed_bytes, s->number, flags,
	    s->seg + SADA_SEGMENT_HEAD, s->fill, &s->hh);
	sada_sign(s->seg, s->key, SADA_CTX_SEGMENT, signed_bytes,
	    sizeof(signed_bytes));
	sada_le32_put(s->seg + AT_LENGTH, s->fill);
	sada_le32_put(s->seg + AT_FLAGS, flags);
	for (at = 0; at < len; at += n) {
		n = len - at < SADA_CHUNK_RAW ? len - at : SADA_CHUNK_RAW;
		sada_stream_push(s->stream, s->sealed, s->seg + at, n,
		    last && at + n == len ? SADA_STREAM_FINAL : 0);
		if ((rc = emit(s, s->sealed, n + SADA_CHUNK_OVER, err)) < 0)
			return rc;
	}
	s->number++;
	s->fill = 0;
	return 0;
}

/* Append N bytes at P, or zeros if P is NULL, to the payload stream. */
static int
put(struct sada_sealer *s, const void *p, uint64_t n, struct sada_err *err)
{
	const unsigned char *from = p;
	unsigned char *to;
	uint32_t k;
	int rc;

	s->put += n;
	for (; n > 0; n -= k) {
		if (s->fill == SEGMENT_PAYLOAD &&
		    (rc = seal_segment(s, 0, err)) < 0)
			return rc;
		k = SEGMENT_PAYLOAD - s->fill;
		if (n < k)
			k = (uint32_t)n;
		to = s->seg + SADA_SEGMENT_HEAD + s->fill;
		if (from != NULL) {
			memcpy(to, from, k);
			from += k;
		} else
			memset(to, 0, k);
		s->fill += k;
		if (s->used < SADA_SEGMENT_HEAD + s->fill)
			s->used = SADA_SEGMENT_HEAD + s->fill;
	}
	return 0;
}

static int
put_record(struct sada_sealer *s, unsigned type, const void *p, size_t n,
    struct sada_err *err)
{
	struct sada_buf head = { 0 };
	int rc;

	assert(n <= SADA_RECORD_MAX);
	sada_put_u8(&head, (uint8_t)type);
	sada_put_var(&head, n);
	rc = put(s, head.p, head.len, err);
	sada_buf_release(&head);
	return rc < 0 || n == 0 ? rc : put(s, p, n, err);
}

/* Add what META holds as one record. */
static int
flush_meta(struct sada_sealer *s, struct sada_err *err)
{
	struct sada_buf rec = { 0 };
	int rc;

	if (s->meta.len == 0)
		return 0;
	assert(s->meta.len <= META_MAX);
	sada_put_var(&rec, s->meta.len);
	sada_zst_pack(&rec, s->meta.p, s->meta.len, NULL, 0, META_LEVEL);
	rc = put_record(s, SADA_REC_META, rec.p, rec.len, err);
	sada_buf_release(&rec);
	sada_buf_reset(&s->meta);
	return rc;
}

int
sada_sealer_new(struct sada_sealer **out, const struct sada_key *k,
    const struct sada_pub *to, size_t n,
    int (*write)(const void *p, size_t n, void *ctx, struct sada_err *err),
    void *ctx, struct sada_err *err)
{
	struct sada_sealer *s = NULL;
	struct sada_buf header = { 0 };
	int rc;

	*out = NULL;
	assert(n >= 1);
	if (n > SADA_SLOTS_MAX)
		return sada_err_set(err, SADA_USAGE, "a bundle can be sealed "
		    "to %d peers, not %zu: name fewer", SADA_SLOTS_MAX, n);
	s = sada_malloc(sizeof(*s));
	memset(s, 0, offsetof(struct sada_sealer, seg));
	s->key = k;
	s->write = write;
	s->ctx = ctx;
	for (s->nslots = 1; s->nslots < n;)
		s->nslots *= 2;
	make_header(s, &header, to, n);
	if ((rc = emit(s, header.p, header.len, err)) < 0 ||
	    (rc = put(s, sada_key_pub(k)->id.b, SADA_ID_LEN, err)) < 0)
		goto out;
	*out = s;
	s = NULL;
out:
	sada_buf_release(&header);
	sada_sealer_free(s);
	return rc;
}

int
sada_sealer_add(struct sada_sealer *s, unsigned type, const void *p,
    size_t n, struct sada_err *err)
{
	int rc;

	assert(type == SADA_REC_HEAD ? !s->headed : s->headed &&
	    (type == SADA_REC_BLOCK || type == SADA_REC_PREFIX ||
	    type == SADA_REC_DELTA));
	s->headed = 1;
	if ((rc = flush_meta(s, err)) < 0)
		return rc;
	return put_record(s, type, p, n, err);
}

int
sada_sealer_meta(struct sada_sealer *s, unsigned type, const void *p,
    size_t n, struct sada_err *err)
{
	int rc;

	assert(s->headed);
	assert(type >= SADA_REC_MEMBER && type <= SADA_REC_MAP);
	/* A node that others' ops made this large: no abort for that. */
	if (n > META_MAX - RECORD_HEAD_MAX)
		return sada_err_set(err, SADA_DAMAGED, "a record of %zu bytes "
		    "is too large for a bundle", n);
	if (s->meta.len + n > META_MAX - RECORD_HEAD_MAX &&
	    (rc = flush_meta(s, err)) < 0)
		return rc;
	sada_put_u8(&s->meta, (uint8_t)type);
	sada_put_var(&s->meta, n);
	sada_buf_add(&s->meta, p, n);
	return s->meta.len >= META_FLUSH ? flush_meta(s, err) : 0;
}

int
sada_sealer_end(struct sada_sealer *s, uint64_t *bytes,
    struct sada_err *err)
{
	int rc;

	assert(s->headed);
	if ((rc = flush_meta(s, err)) < 0 ||
	    (rc = put_record(s, SADA_REC_END, NULL, 0, err)) < 0 ||
	    (rc = put(s, NULL, sada_sealed_padded(s->nslots, s->put) - s->put,
	    err)) < 0 ||
	    (rc = seal_segment(s, SADA_SEGMENT_LAST, err)) < 0)
		goto out;
	assert(s->sent == sada_sealed_size(s->nslots, s->put));
	if (bytes != NULL)
		*bytes = s->sent;
out:
	sada_sealer_free(s);
	return rc;
}

void
sada_sealer_free(struct sada_sealer *s)
{
	if (s == NULL)
		return;
	sada_stream_free(s->stream);
	sada_buf_release(&s->meta);
	sada_wipe(s->seg, s->used);
	free(s);
}
