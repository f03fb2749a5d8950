/* Bundles: clear header, segments, records. */
#ifndef SADA_FORMAT_BUNDLE_H
#define SADA_FORMAT_BUNDLE_H

#include "crypto/seal.h"
#include "format/ack.h"
#include "format/types.h"

/*
 * Clear header:
 *   0  "sadabnd1"
 *   8  le16 version 1, le16 suite 1, le16 slots (1, 2, 4, ... 64), le16 0
 *   16 slots x 96, in random order, dummies among them
 *   .. 24 secretstream header
 *   .. 32 tag over all before (sada_head_tag)
 * Its hash Hh = H("sada.bhead.v1", all of it) binds every chunk and segment.
 *
 * Then the sealed chunks: 65,536 plaintext bytes each, the last 1 to
 * 65,536, each 17 longer sealed; nothing behind the last.
 *
 * Plaintext: segments of exactly 1 MiB, the last shorter:
 *   64 signature by the sender under "sada.seg.v1" over: le64 number, le32
 *      flags, le32 payload length, 32 H("sada.seg.v1", payload), 32 Hh
 *   le32 payload length (1 MiB - 72 but in the last), le32 flags: 1 = last
 *   payload
 * The payloads joined are the payload stream: 32 sender id (at plaintext
 * offset 72, the only bytes used before the first signature is checked),
 * then records: u8 type, var length, bytes; the last is END, behind it
 * only zeros: padding, so that the file has a Padme size.
 */
#define SADA_BUNDLE_MAGIC "sadabnd1"
#define SADA_SEGMENT (1u << 20)
#define SADA_SEGMENT_HEAD 72
#define SADA_SEGMENT_LAST 1u
#define SADA_RECORD_MAX (20u << 20)

enum sada_record {
	SADA_REC_HEAD = 1,	/* first, once: see struct sada_bundle_head */
	SADA_REC_META = 2,	/* var raw length (at most 4 MiB), zstd frame of
				   inner records: u8 type, var length, bytes */
	SADA_REC_BLOCK = 3,	/* a pack block as it stands */
	SADA_REC_PREFIX = 4,	/* u8 object type, 32 base id, var raw length,
				   zstd frame with the base as prefix */
	SADA_REC_DELTA = 5,	/* var ordinal, var index, var raw length, zstd
				   frame: a chunk; the version with that ordinal
				   among all versions of the changes sent here, in
				   order; base = content of that entry of its
				   ancestors */
	SADA_REC_END = 6,	/* empty */
	/* inner records of META */
	SADA_REC_MEMBER = 16,	/* a member record */
	SADA_REC_NODE = 17,	/* a node of a changes tree or map */
	SADA_REC_OP = 18,	/* an op record, after its changes' nodes */
	SADA_REC_MAP = 19	/* 32 op id: that op's whole map has come */
};

/*
 * HEAD: u8 version 1, le32 critical features 0, 32 group, var naliases x 32,
 * var nrecipients x 32 (author ids, sorted), var length, the sender's
 * acknowledgement, var nbasis x 32 (op ids; the bundle holds all ops that
 * are not in their past), var nechoes x (32 author, le64 incarnation, le64
 * counter: whose acknowledgements the basis came from), u8 flags (1: the
 * heads' maps come whole), var ops, var objects, var raw bytes (caps).
 * Aliases, recipients (1 to 64), basis and echoes are sorted and distinct.
 */
enum { SADA_BUNDLE_MAPS = 1 };
struct sada_echo {
	struct sada_id author;
	uint64_t incarnation, counter;
};
struct sada_bundle_head {
	struct sada_id group;
	struct sada_id *alias;
	size_t nalias;
	struct sada_id *to;
	size_t nto;
	const unsigned char *ack;	/* borrowed */
	size_t ack_len;
	struct sada_id *basis;
	size_t nbasis;
	struct sada_echo *echo;
	size_t necho;
	uint8_t flags;
	uint64_t ops, objects, raw_bytes;
};
/* Append the HEAD record's bytes; sets are sorted on the way. */
void sada_bundle_head_encode(struct sada_buf *out,
    const struct sada_bundle_head *h);
/*
 * Decode; arrays are new, free with sada_bundle_head_release(); ack borrows
 * P.  Errors: FORMAT VERSION (an unknown critical feature).
 */
SADA_MUST int sada_bundle_head_decode(struct sada_bundle_head *h,
    const void *p, size_t n, struct sada_err *err);
/* Free what H holds. */
void sada_bundle_head_release(struct sada_bundle_head *h);

/* The padded (Padme) size for N bytes: at most 12% more. */
uint64_t sada_padme(uint64_t n);

#endif
