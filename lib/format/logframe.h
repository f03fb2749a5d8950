/* The log's files and frames. */
#ifndef SADA_FORMAT_LOGFRAME_H
#define SADA_FORMAT_LOGFRAME_H

#include "format/types.h"

/*
 * Segment file: 64-byte header, then frames back to back.
 *   header: "sadalog1", le32 version 1, le32 critical features 0,
 *           le64 segment number (1, 2, ...), 8 zero, 32 H("sada.file.v1",
 *           the 32 bytes before)
 *   frame:  le32 magic 0x4d524653 ("SFRM"), u8 kind, 3 zero, le32 payload
 *           length, le32 record count, 32 hash of the frame before (zero
 *           for the first of all), payload, 32 H("sada.frame.v1", le64
 *           segment || le64 offset || all of the frame before this field)
 *   payload: records: u8 type, var length, bytes; as many as the count
 *            says, at least one
 */
#define SADA_LOG_HEADER 64
#define SADA_FRAME_HEAD 48
#define SADA_FRAME_TAIL 32
#define SADA_FRAME_MAGIC 0x4d524653u
#define SADA_FRAME_MAX (1u << 30)

enum sada_frame_kind {
	SADA_FRAME_LOCAL = 1,	/* an op of this replica's own */
	SADA_FRAME_PULLED = 2,	/* what a bundle brought */
	SADA_FRAME_LOCALMETA = 3	/* init, group, alias: no op */
};
enum sada_log_record {
	SADA_LOG_OP = 1,	/* an op record */
	SADA_LOG_MEMBER = 2,	/* a member record */
	SADA_LOG_GROUP = 3,	/* 32: this replica's group is now this */
	SADA_LOG_ALIAS = 4,	/* 32: this group is the same as ours */
	/* le64: open a new epoch; why (not trusted) */
	SADA_LOG_EPOCH = 5
};

struct sada_frame {
	uint8_t kind;
	uint32_t count;
	const unsigned char *payload;	/* borrowed */
	size_t len;
	struct sada_id prev, hash;
	size_t total;			/* bytes of the whole frame */
};

/* Append a segment header. */
void sada_log_header(struct sada_buf *out, uint64_t segment);
/* Check a header and give its segment number.  Errors: FORMAT VERSION. */
SADA_MUST int sada_log_header_check(const void *p, size_t n,
    uint64_t *segment, struct sada_err *err);
/* Append one record to a payload. */
void sada_log_record(struct sada_buf *payload, unsigned type, const void *p,
    size_t n);
/* Append a frame at OFFSET of SEGMENT; *HASH is its hash. */
void sada_frame_encode(struct sada_buf *out, unsigned kind, uint32_t count,
    const struct sada_buf *payload, const struct sada_id *prev,
    uint64_t segment, uint64_t offset, struct sada_id *hash);
/*
 * Decode and check the frame at P, of which N bytes are there.  Errors:
 * FORMAT (torn or damaged: the caller decides which); F's payload, len,
 * total and the hash that the bytes have are then set if a whole frame's
 * length was there, else total is 0.
 */
SADA_MUST int sada_frame_decode(struct sada_frame *f, const void *p,
    size_t n, uint64_t segment, uint64_t offset, struct sada_err *err);
/*
 * Next record of a payload: 1 and its fields, 0 at the end, or FORMAT (cut
 * short, type unknown, not 32 bytes of a group or alias, fewer than 8 of
 * an epoch, none of an op or member).
 */
SADA_MUST int sada_log_next(struct sada_rd *r, unsigned *type,
    const unsigned char **p, size_t *n, struct sada_err *err);

#endif
