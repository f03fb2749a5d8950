/* Packs, blocks and the pack index. */
#ifndef SADA_FORMAT_PACK_H
#define SADA_FORMAT_PACK_H

#include "format/types.h"

/*
 * Pack: 32-byte header, blocks, trailer.
 *   header:  "sadapck1", le32 version 1, le32 critical features 0, 16 zero
 *   block:   24-byte head: le32 magic 0x4b4c4253 ("SBLK"), le32 objects,
 *            le32 raw length, le32 frame length, le64 checksum = SipHash
 *            of the frame under the 16 bytes before as its key; then one
 *            zstd frame.
 *            Raw: objects x { u8 type, var length }, then their bytes.
 *   trailer: le32 magic 0x44454b50 ("PKED"), le32 blocks, le64 length of
 *            all before the trailer, le32 folded, le32 zero; folded x 16:
 *            the first half of the names of packs whose objects are all in
 *            here; 32 H("sada.pack.v1", header || block heads || trailer
 *            so far).
 * Name of a pack: the first 16 bytes of that hash in hex, ".pack".
 * A block in a bundle has the same bytes.
 *
 * Index (".idx", derived): "sadaidx1", le32 version 1, le32 zero, le64
 * objects, le32 blocks, le32 zero, 32 trailer hash of the pack; fanout 256
 * x le32 (objects whose first id byte is <= i); objects x 48, sorted by id
 * then type: 32 id, le32 block, le32 offset in raw, le32 length, u8 type, 3
 * zero; blocks x 24: le64 offset in the pack, le32 frame length, le32 raw
 * length, le32 objects, le32 zero; 32 H("sada.index.v1", all before).
 */
#define SADA_PACK_HEADER 32
#define SADA_BLOCK_HEAD 24
#define SADA_BLOCK_MAGIC 0x4b4c4253u
#define SADA_TRAILER_MAGIC 0x44454b50u
#define SADA_BLOCK_RAW (1u << 20)	/* flushed when it holds this much */
#define SADA_BLOCK_RAW_MAX (18u << 20)	/* no raw block is larger */
#define SADA_BLOCK_OBJECTS_MAX (1u << 18)
/* No frame of RAW bytes is larger: beyond zstd's bound. */
#define SADA_BLOCK_FRAME_MAX(raw) ((raw) + (raw) / 128 + 1024)
#define SADA_INDEX_HEADER 64
#define SADA_INDEX_ENTRY 48
#define SADA_INDEX_BLOCK 24

struct sada_block_head {
	uint32_t objects, raw_len, frame_len;
	uint64_t check;
};

/* Write the 24-byte head for FRAME. */
void sada_block_head_encode(unsigned char out[SADA_BLOCK_HEAD],
    uint32_t objects, uint32_t raw_len, const void *frame,
    uint32_t frame_len);
/* Read and cap a head.  Errors: FORMAT. */
SADA_MUST int sada_block_head_decode(struct sada_block_head *h,
    const unsigned char *p, struct sada_err *err);
/* Check the frame's bytes against head bytes HEAD.  Errors: FORMAT. */
SADA_MUST int sada_block_check(const unsigned char *head, const void *frame,
    size_t frame_len, struct sada_err *err);

/* One object inside a raw block. */
struct sada_block_obj {
	uint8_t type;
	uint32_t off, len;		/* in the raw bytes */
};
/*
 * Parse the directory of a raw block of OBJECTS objects.  *OUT is a new
 * array, free with free().  Lengths must add up exactly.  Errors: FORMAT.
 */
SADA_MUST int sada_block_dir(struct sada_block_obj **out, const void *raw,
    size_t raw_len, uint32_t objects, struct sada_err *err);

#endif
