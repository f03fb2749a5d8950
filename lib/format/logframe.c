/*
 * The log's segment headers, frames and the records in their payloads.
 * The layouts stand in logframe.h.
 */
#include <assert.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/logframe.h"

static const unsigned char magic[8] = "sadalog1";

enum {
	LOG_VERSION = 1,
	/* Offsets in the header: all before HASH is hashed. */
	AT_VERSION = 8,
	AT_FEATURES = 12,
	AT_SEGMENT = 16,
	AT_ZERO = 24,
	AT_HASH = 32,
	/* Offsets in a frame's head. */
	AT_KIND = 4,
	AT_PAD = 5,
	AT_LEN = 8,
	AT_COUNT = 12,
	AT_PREV = 16,
	/* The least bytes of a record. */
	RECORD_MIN = 2
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "log refused: %s", why);
}

void
sada_log_header(struct sada_buf *out, uint64_t segment)
{
	struct sada_id hash;
	size_t start = out->len;

	assert(segment >= 1);
	sada_buf_add(out, magic, sizeof(magic));
	sada_put_u32(out, LOG_VERSION);
	sada_put_u32(out, 0);
	sada_put_u64(out, segment);
	sada_put_u64(out, 0);
	sada_hash(&hash, SADA_CTX_FILE, out->p + start, AT_HASH);
	put_id(out, &hash);
}

int
sada_log_header_check(const void *p, size_t n, uint64_t *segment,
    struct sada_err *err)
{
	const unsigned char *h = p;
	struct sada_id hash;

	if (n < SADA_LOG_HEADER)
		return refuse(err, "its header is cut short");
	if (memcmp(h, magic, sizeof(magic)) != 0)
		return refuse(err, "no log");
	sada_hash(&hash, SADA_CTX_FILE, h, AT_HASH);
	if (memcmp(hash.b, h + AT_HASH, SADA_ID_LEN) != 0)
		return refuse(err, "its header is damaged");
	if (sada_le32(h + AT_VERSION) != LOG_VERSION ||
	    sada_le32(h + AT_FEATURES) != 0)
		return sada_err_set(err, SADA_VERSION, "log of version %u, "
		    "features %u: a newer sada is needed",
		    (unsigned)sada_le32(h + AT_VERSION),
		    (unsigned)sada_le32(h + AT_FEATURES));
	if (sada_le64(h + AT_ZERO) != 0 || sada_le64(h + AT_SEGMENT) < 1)
		return refuse(err, "its header's fields");
	*segment = sada_le64(h + AT_SEGMENT);
	return 0;
}

/* May a record of TYPE have N bytes? */
static int
record_ok(unsigned type, size_t n)
{
	switch (type) {
	case SADA_LOG_OP:
	case SADA_LOG_MEMBER:
		return n >= 1;
	case SADA_LOG_GROUP:
	case SADA_LOG_ALIAS:
		return n == SADA_ID_LEN;
	case SADA_LOG_EPOCH:
		return n >= 8;
	default:
		return 0;
	}
}

void
sada_log_record(struct sada_buf *payload, unsigned type, const void *p,
    size_t n)
{
	assert(record_ok(type, n));
	sada_put_u8(payload, (uint8_t)type);
	sada_put_var(payload, n);
	sada_buf_add(payload, p, n);
}

int
sada_log_next(struct sada_rd *r, unsigned *type, const unsigned char **p,
    size_t *n, struct sada_err *err)
{
	uint64_t len;

	if (!r->bad && sada_rd_left(r) == 0)
		return 0;
	*type = sada_get_u8(r);
	len = sada_get_count(r, 1);
	*n = (size_t)len;
	*p = sada_get_bytes(r, *n);
	if (r->bad)
		return refuse(err, "a record is cut short");
	if (!record_ok(*type, *n))
		return refuse(err, "a record's type or length");
	return 1;
}

/* The hash of frame P, of N bytes before the hash, where it stands. */
static void
frame_hash(struct sada_id *hash, const void *p, size_t n, uint64_t segment,
    uint64_t offset)
{
	unsigned char where[16];

	sada_le64_put(where, segment);
	sada_le64_put(where + 8, offset);
	sada_hash2(hash, SADA_CTX_FRAME, where, sizeof(where), p, n);
}

void
sada_frame_encode(struct sada_buf *out, unsigned kind, uint32_t count,
    const struct sada_buf *payload, const struct sada_id *prev,
    uint64_t segment, uint64_t offset, struct sada_id *hash)
{
	size_t start = out->len;

	assert(kind >= SADA_FRAME_LOCAL && kind <= SADA_FRAME_LOCALMETA);
	assert(payload->len <= SADA_FRAME_MAX);
	assert(count >= 1 && count <= payload->len / RECORD_MIN);
	sada_put_u32(out, SADA_FRAME_MAGIC);
	sada_put_u8(out, (uint8_t)kind);
	sada_put_u8(out, 0);
	sada_put_u16(out, 0);
	sada_put_u32(out, (uint32_t)payload->len);
	sada_put_u32(out, count);
	put_id(out, prev);
	sada_buf_add(out, payload->p, payload->len);
	frame_hash(hash, out->p + start, out->len - start, segment, offset);
	put_id(out, hash);
}

/* Does the payload hold exactly COUNT records? */
static int
count_records(const struct sada_frame *f, struct sada_err *err)
{
	const unsigned char *p;
	struct sada_rd r;
	uint32_t seen = 0;
	unsigned type;
	size_t n;
	int rc;

	sada_rd_init(&r, f->payload, f->len);
	while ((rc = sada_log_next(&r, &type, &p, &n, err)) == 1)
		seen++;
	if (rc < 0)
		return rc;
	if (seen != f->count)
		return refuse(err, "a frame's number of records");
	return 0;
}

int
sada_frame_decode(struct sada_frame *f, const void *p, size_t n,
    uint64_t segment, uint64_t offset, struct sada_err *err)
{
	const unsigned char *h = p;

	memset(f, 0, sizeof(*f));
	if (n < SADA_FRAME_HEAD + SADA_FRAME_TAIL)
		return refuse(err, "a frame is cut short");
	if (sada_le32(h) != SADA_FRAME_MAGIC)
		return refuse(err, "no frame begins here");
	f->kind = h[AT_KIND];
	f->len = sada_le32(h + AT_LEN);
	f->count = sada_le32(h + AT_COUNT);
	if (f->len > SADA_FRAME_MAX ||
	    f->len > n - SADA_FRAME_HEAD - SADA_FRAME_TAIL)
		return refuse(err, "a frame is cut short");
	f->payload = h + SADA_FRAME_HEAD;
	f->total = SADA_FRAME_HEAD + f->len + SADA_FRAME_TAIL;
	memcpy(f->prev.b, h + AT_PREV, SADA_ID_LEN);
	frame_hash(&f->hash, h, SADA_FRAME_HEAD + f->len, segment, offset);
	if (memcmp(f->hash.b, f->payload + f->len, SADA_ID_LEN) != 0)
		return refuse(err, "a frame is damaged");
	if (f->kind < SADA_FRAME_LOCAL || f->kind > SADA_FRAME_LOCALMETA ||
	    h[AT_PAD] != 0 || h[AT_PAD + 1] != 0 || h[AT_PAD + 2] != 0 ||
	    f->count < 1)
		return refuse(err, "a frame's fields");
	return count_records(f, err);
}
