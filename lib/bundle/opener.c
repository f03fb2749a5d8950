/*
 * Reading a sealed bundle, in one pass.
 *
 * Order of trust: the header's tag (the header is whole, and the file key is
 * the one that it commits to), then for each segment its chunks (who knows
 * the file key made them, for this header, in this order) and its signature
 * (the sender made them).  Only then are its bytes parsed.  A fellow
 * recipient knows the file key; that is why the signature is needed too.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/sealed_priv.h"
#include "store/zst.h"

/*
 * 1. SEG holds the newest segment, verified; its payload bytes from AT up to
 *    LEN are not consumed yet.  NUMBER is that of the next segment.
 * 2. LAST: SEG is the last segment, and the input has ended.
 * 3. META holds a META record's inner records, INNER reads them; it is
 *    empty when the next record is an outer one.
 * 4. REC holds a record that spans segments, as told last.
 * 5. Once BAD has a code, nothing else is ever told.
 */
struct sada_opener {
	int (*read)(void *p, size_t n, size_t *got, void *ctx,
	    struct sada_err *err);
	void *ctx;
	struct sada_stream *stream;
	struct sada_pub sender;
	struct sada_id hh;		/* hash of the clear header */
	uint64_t number;
	size_t at, len;
	int last, headed, ended;
	struct sada_buf rec, meta;
	struct sada_rd inner;
	struct sada_err bad;
	size_t used;			/* of SEG, to be wiped */
	/* These are not cleared: of most bundles little of them is used. */
	unsigned char seg[SADA_SEGMENT];
	unsigned char sealed[CHUNK_SEALED];
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "%s", why);
}

static int
truncated(struct sada_err *err)
{
	return refuse(err, "bundle is truncated");
}

/* Read N bytes, or what there is before the end. */
static int
fill(struct sada_opener *o, unsigned char *p, size_t n, size_t *got,
    struct sada_err *err)
{
	size_t k;
	int rc;

	for (*got = 0; *got < n; *got += k) {
		k = 0;
		if ((rc = o->read(p + *got, n - *got, &k, o->ctx, err)) < 0)
			return rc;
		assert(k <= n - *got);
		if (k == 0)
			break;
	}
	return 0;
}

/* Read N more bytes of the clear header into H. */
static int
fill_header(struct sada_opener *o, struct sada_buf *h, size_t n,
    struct sada_err *err)
{
	size_t got;
	int rc;

	if ((rc = fill(o, sada_buf_reserve(h, n), n, &got, err)) < 0)
		return rc;
	h->len += got;
	if (got == n)
		return 0;
	if (h->len == 0)
		return refuse(err, "bundle is empty");
	if (memcmp(h->p, SADA_BUNDLE_MAGIC, h->len < AT_VERSION ? h->len :
	    AT_VERSION) != 0)
		return refuse(err, "this is no bundle");
	return truncated(err);
}

/* The file key from the first of the slots that K opens. */
static int
open_slots(unsigned char fk[SADA_FILEKEY_LEN], const unsigned char *slots,
    unsigned nslots, const struct sada_key *k, struct sada_err *err)
{
	struct sada_err drop;
	unsigned i;

	for (i = 0; i < nslots; i++)
		if (sada_slot_open(fk, slots + i * SADA_SLOT_LEN, k,
		    &drop) == 0)
			return 0;
	return refuse(err, "bundle is not for this replica");
}

/* Read the clear header, open a slot, start the stream. */
static int
open_header(struct sada_opener *o, const struct sada_key *k,
    struct sada_err *err)
{
	unsigned char fk[SADA_FILEKEY_LEN], tag[SADA_TAG_LEN];
	struct sada_buf h = { 0 };
	size_t tagged;
	unsigned nslots;
	int rc;

	if ((rc = fill_header(o, &h, AT_SLOTS, err)) < 0 ||
	    (rc = sada_sealed_start(&nslots, h.p, err)) < 0 ||
	    (rc = fill_header(o, &h, sada_sealed_header_len(nslots) -
	    AT_SLOTS, err)) < 0 ||
	    (rc = open_slots(fk, h.p + AT_SLOTS, nslots, k, err)) < 0)
		goto out;
	tagged = h.len - SADA_TAG_LEN;
	sada_head_tag(tag, fk, h.p, tagged);
	if (sada_tag_cmp(tag, h.p + tagged) != 0) {
		rc = refuse(err, "the bundle's header is damaged or forged");
		goto out;
	}
	rc = sada_stream_pull_new(&o->stream, h.p + tagged -
	    SADA_STREAM_HEAD_LEN, fk, err);
	if (rc < 0)
		goto out;
	sada_hash(&o->hh, SADA_CTX_HEAD, h.p, h.len);
	sada_stream_bind(o->stream, &o->hh);
out:
	sada_wipe(fk, sizeof(fk));
	sada_buf_release(&h);
	return rc;
}

/* Nothing may follow the final chunk, of which GOT sealed bytes came. */
static int
check_end(struct sada_opener *o, size_t got, struct sada_err *err)
{
	unsigned char more;
	size_t k = 0;
	int rc;

	/* A shorter chunk ended because the input did. */
	if (got == CHUNK_SEALED &&
	    (rc = fill(o, &more, 1, &k, err)) < 0)
		return rc;
	return k == 0 ? 0 : refuse(err, "bytes follow the bundle's end");
}

/* Open the chunks of the next segment into SEG; *N is their plaintext. */
static int
open_chunks(struct sada_opener *o, size_t *n, struct sada_err *err)
{
	unsigned flags = 0;
	size_t got;
	int rc;

	for (*n = 0; *n < SADA_SEGMENT && !(flags & SADA_STREAM_FINAL);
	    *n += got - SADA_CHUNK_OVER) {
		if ((rc = fill(o, o->sealed, CHUNK_SEALED, &got, err)) < 0)
			return rc;
		if (got <= SADA_CHUNK_OVER)
			return truncated(err);
		if (o->used < *n + got - SADA_CHUNK_OVER)
			o->used = *n + got - SADA_CHUNK_OVER;
		rc = sada_stream_pull(o->stream, o->seg + *n, o->sealed, got,
		    &flags, err);
		/* A cut chunk is a short one whose tag is gone. */
		if (rc < 0)
			return got < CHUNK_SEALED ? refuse(err, "bundle is "
			    "truncated, or its end is damaged") : rc;
	}
	o->last = (flags & SADA_STREAM_FINAL) != 0;
	return o->last ? check_end(o, got, err) : 0;
}

/*
 * Verify segment SEG of N bytes.  What its head must say follows from the
 * chunks, so that the signature is checked over that and the head compared.
 */
static int
check_segment(struct sada_opener *o, size_t n, struct sada_err *err)
{
	uint32_t flags = o->last ? SADA_SEGMENT_LAST : 0;
	unsigned char signed_bytes[SIGNED_LEN];
	struct sada_err drop;
	uint32_t len;

	if (n <= SADA_SEGMENT_HEAD)
		return refuse(err, "a segment of the bundle is too short");
	len = (uint32_t)(n - SADA_SEGMENT_HEAD);
	sada_segment_signed(signed_bytes, o->number, flags,
	    o->seg + SADA_SEGMENT_HEAD, len, &o->hh);
	if (sada_verify_sig(o->seg, o->sender.sign, SADA_CTX_SEGMENT,
	    signed_bytes, sizeof(signed_bytes), &drop) < 0)
		return sada_err_set(err, SADA_FORMAT, "segment %llu of the "
		    "bundle is forged: its sender's signature does not fit",
		    (unsigned long long)o->number);
	if (sada_le32(o->seg + AT_LENGTH) != len ||
	    sada_le32(o->seg + AT_FLAGS) != flags)
		return refuse(err, "a segment's head contradicts the bundle");
	o->number++;
	o->at = SADA_SEGMENT_HEAD;
	o->len = n;
	return 0;
}

/* Go on to the next segment. */
static int
next_segment(struct sada_opener *o, struct sada_err *err)
{
	size_t n;
	int rc;

	assert(o->at == o->len);
	if (o->last)
		return refuse(err, "the bundle has no end record");
	if ((rc = open_chunks(o, &n, err)) < 0)
		return rc;
	return check_segment(o, n, err);
}

/* Open segment 0, once its sender is known. */
static int
first_segment(struct sada_opener *o,
    int (*trust)(const struct sada_id *sender, struct sada_pub *pub,
    void *ctx), struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_id id;
	size_t n;
	int rc;

	if ((rc = open_chunks(o, &n, err)) < 0)
		return rc;
	if (n < SADA_SEGMENT_HEAD + SADA_ID_LEN)
		return refuse(err, "the bundle names no sender");
	memcpy(id.b, o->seg + SADA_SEGMENT_HEAD, SADA_ID_LEN);
	if (!trust(&id, &o->sender, o->ctx)) {
		sada_id_hex(hex, &id);
		return sada_err_set(err, SADA_AUTH, "the bundle's sender is no "
		    "peer here; if it is to be one, give its public line to "
		    "sada-peer add (its sada-peer self --json has id %s)",
		    hex);
	}
	assert(sada_id_cmp(&o->sender.id, &id) == 0);
	if ((rc = check_segment(o, n, err)) < 0)
		return rc;
	o->at += SADA_ID_LEN;
	return 0;
}

int
sada_opener_new(struct sada_opener **out, const struct sada_key *k,
    int (*trust)(const struct sada_id *sender, struct sada_pub *pub,
    void *ctx),
    int (*read)(void *p, size_t n, size_t *got, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct sada_opener *o;
	int rc;

	*out = NULL;
	o = sada_malloc(sizeof(*o));
	memset(o, 0, offsetof(struct sada_opener, seg));
	o->read = read;
	o->ctx = ctx;
	if ((rc = open_header(o, k, err)) < 0 ||
	    (rc = first_segment(o, trust, err)) < 0)
		goto out;
	*out = o;
	o = NULL;
out:
	sada_opener_free(o);
	return rc;
}

const struct sada_pub *
sada_opener_sender(const struct sada_opener *o)
{
	return &o->sender;
}

/* The next byte of the payload stream. */
static int
next_byte(struct sada_opener *o, unsigned char *b, struct sada_err *err)
{
	int rc;

	if (o->at == o->len && (rc = next_segment(o, err)) < 0)
		return rc;
	*b = o->seg[o->at++];
	return 0;
}

/* A record's length, which may span segments. */
static int
next_length(struct sada_opener *o, size_t *n, struct sada_err *err)
{
	unsigned char b[RECORD_HEAD_MAX - 1];
	struct sada_rd r;
	uint64_t v;
	size_t k = 0;
	int rc;

	do {
		if ((rc = next_byte(o, &b[k], err)) < 0)
			return rc;
	} while (b[k++] >= 0x80 && k < sizeof(b));
	sada_rd_init(&r, b, k);
	v = sada_get_var(&r);
	if (r.bad || v > SADA_RECORD_MAX)
		return refuse(err, "a record of the bundle has a wrong length");
	*n = (size_t)v;
	return 0;
}

/* A record's N bytes: in place, or joined when they span segments. */
static int
next_bytes(struct sada_opener *o, const unsigned char **p, size_t n,
    struct sada_err *err)
{
	size_t k;
	int rc;

	if (o->len - o->at >= n) {
		*p = o->seg + o->at;
		o->at += n;
		return 0;
	}
	/* It grows with what has come, whatever was announced. */
	sada_buf_reset(&o->rec);
	for (; n > 0; n -= k) {
		if (o->at == o->len && (rc = next_segment(o, err)) < 0)
			return rc;
		k = o->len - o->at < n ? o->len - o->at : n;
		sada_buf_add(&o->rec, o->seg + o->at, k);
		o->at += k;
	}
	*p = o->rec.p;
	return 0;
}

/* Behind END: zeros up to the end of the last segment. */
static int
check_padding(struct sada_opener *o, struct sada_err *err)
{
	int rc;

	for (;;) {
		while (o->at < o->len)
			if (o->seg[o->at++] != 0)
				return refuse(err,
				    "the bundle's padding is not zero");
		if (o->last)
			return 0;
		if ((rc = next_segment(o, err)) < 0)
			return rc;
	}
}

/* May a record of TYPE stand here: INNER is inside META. */
static int
check_type(unsigned type, int inner, struct sada_err *err)
{
	int is_outer = type >= SADA_REC_HEAD && type <= SADA_REC_END;
	int is_inner = type >= SADA_REC_MEMBER && type <= SADA_REC_MAP;

	if (!is_outer && !is_inner)
		return sada_err_set(err, SADA_VERSION, "bundle with a record "
		    "of type %u: a newer sada is needed", type);
	if (inner ? !is_inner : !is_outer)
		return refuse(err, "a record of the bundle is out of place");
	return 0;
}

/* The next inner record of META. */
static int
next_inner(struct sada_opener *o, unsigned *type, const unsigned char **p,
    size_t *n, struct sada_err *err)
{
	int rc;

	*type = sada_get_u8(&o->inner);
	if ((rc = check_type(*type, 1, err)) < 0)
		return rc;
	*n = (size_t)sada_get_count(&o->inner, 1);
	*p = sada_get_bytes(&o->inner, *n);
	if (o->inner.bad)
		return refuse(err, "a record of the bundle is cut short");
	return 1;
}

/* Unpack the META record of N bytes at P. */
static int
open_meta(struct sada_opener *o, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_rd r;
	uint64_t raw;
	int rc;

	sada_rd_init(&r, p, n);
	raw = sada_get_var(&r);
	if (r.bad || raw < 1 || raw > META_MAX)
		return refuse(err, "a record of the bundle has a wrong length");
	sada_buf_reset(&o->meta);
	if ((rc = sada_zst_unpack(&o->meta, r.p, sada_rd_left(&r),
	    (size_t)raw, NULL, 0, err)) < 0)
		return rc;
	sada_rd_init(&o->inner, o->meta.p, o->meta.len);
	return 0;
}

/* The next outer record; HEAD is the first, and only the first. */
static int
next_outer(struct sada_opener *o, unsigned *type, const unsigned char **p,
    size_t *n, struct sada_err *err)
{
	unsigned char t;
	int rc;

	if ((rc = next_byte(o, &t, err)) < 0 ||
	    (rc = check_type(t, 0, err)) < 0)
		return rc;
	if ((t == SADA_REC_HEAD) == o->headed)
		return refuse(err, "a record of the bundle is out of place");
	o->headed = 1;
	*type = t;
	if ((rc = next_length(o, n, err)) < 0)
		return rc;
	if (t == SADA_REC_END && *n != 0)
		return refuse(err, "a record of the bundle has a wrong length");
	return next_bytes(o, p, *n, err);
}

static int
next_record(struct sada_opener *o, unsigned *type, const unsigned char **p,
    size_t *n, struct sada_err *err)
{
	int rc;

	if (sada_rd_left(&o->inner) > 0)
		return next_inner(o, type, p, n, err);
	if ((rc = next_outer(o, type, p, n, err)) < 0)
		return rc;
	if (*type == SADA_REC_META) {
		if ((rc = open_meta(o, *p, *n, err)) < 0)
			return rc;
		return next_inner(o, type, p, n, err);
	}
	if (*type != SADA_REC_END)
		return 1;
	if ((rc = check_padding(o, err)) < 0)
		return rc;
	o->ended = 1;
	return 0;
}

int
sada_opener_next(struct sada_opener *o, unsigned *type,
    const unsigned char **p, size_t *n, struct sada_err *err)
{
	int rc;

	*type = 0;
	*p = NULL;
	*n = 0;
	if (o->ended)
		return 0;
	if (o->bad.code == 0) {
		rc = next_record(o, type, p, n, &o->bad);
		if (rc >= 0)
			return rc;
		o->bad.code = rc;
	}
	if (err != NULL)
		*err = o->bad;
	return o->bad.code;
}

void
sada_opener_free(struct sada_opener *o)
{
	if (o == NULL)
		return;
	sada_stream_free(o->stream);
	sada_buf_release(&o->rec);
	sada_buf_release(&o->meta);
	sada_wipe(o->seg, o->used);
	free(o);
}
