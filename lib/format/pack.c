/* Blocks: their heads and the directories in their raw bytes. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "format/pack.h"

enum {
	/* Offsets in the head: the 16 bytes before CHECK are its key. */
	AT_OBJECTS = 4,
	AT_RAW = 8,
	AT_FRAME = 12,
	AT_CHECK = 16,
	/* The least bytes of an object in a raw block. */
	OBJ_MIN = 2
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "block refused: %s", why);
}

/* The caps that hold before anything is allocated. */
static int
head_ok(uint32_t objects, uint32_t raw_len, uint32_t frame_len)
{
	return objects >= 1 && objects <= SADA_BLOCK_OBJECTS_MAX &&
	    raw_len <= SADA_BLOCK_RAW_MAX && raw_len / OBJ_MIN >= objects &&
	    frame_len >= 1 && frame_len <= SADA_BLOCK_FRAME_MAX(raw_len);
}

void
sada_block_head_encode(unsigned char out[SADA_BLOCK_HEAD], uint32_t objects,
    uint32_t raw_len, const void *frame, uint32_t frame_len)
{
	assert(head_ok(objects, raw_len, frame_len));
	sada_le32_put(out, SADA_BLOCK_MAGIC);
	sada_le32_put(out + AT_OBJECTS, objects);
	sada_le32_put(out + AT_RAW, raw_len);
	sada_le32_put(out + AT_FRAME, frame_len);
	sada_le64_put(out + AT_CHECK, sada_siphash(out, frame, frame_len));
}

int
sada_block_head_decode(struct sada_block_head *h, const unsigned char *p,
    struct sada_err *err)
{
	if (sada_le32(p) != SADA_BLOCK_MAGIC)
		return refuse(err, "none begins here");
	h->objects = sada_le32(p + AT_OBJECTS);
	h->raw_len = sada_le32(p + AT_RAW);
	h->frame_len = sada_le32(p + AT_FRAME);
	h->check = sada_le64(p + AT_CHECK);
	if (!head_ok(h->objects, h->raw_len, h->frame_len))
		return refuse(err, "its lengths");
	return 0;
}

int
sada_block_check(const unsigned char *head, const void *frame,
    size_t frame_len, struct sada_err *err)
{
	if (frame_len != sada_le32(head + AT_FRAME) ||
	    sada_siphash(head, frame, frame_len) !=
	    sada_le64(head + AT_CHECK))
		return refuse(err, "it is damaged");
	return 0;
}

int
sada_block_dir(struct sada_block_obj **out, const void *raw, size_t raw_len,
    uint32_t objects, struct sada_err *err)
{
	struct sada_block_obj *dir;
	struct sada_rd r;
	uint64_t len, sum = 0;
	size_t at;
	uint32_t i;
	int rc;

	*out = NULL;
	if (raw_len > SADA_BLOCK_RAW_MAX || objects < 1 ||
	    objects > SADA_BLOCK_OBJECTS_MAX || raw_len / OBJ_MIN < objects)
		return refuse(err, "its number of objects");
	dir = sada_malloc(objects * sizeof(*dir));
	sada_rd_init(&r, raw, raw_len);
	for (i = 0; i < objects; i++) {
		dir[i].type = sada_get_u8(&r);
		len = sada_get_var(&r);
		if (r.bad || dir[i].type < SADA_OBJ_CHUNK ||
		    dir[i].type > SADA_OBJ_ANC || len > SADA_OBJECT_MAX ||
		    len > raw_len - sum) {
			rc = refuse(err, "an object's type or length");
			goto out;
		}
		dir[i].len = (uint32_t)len;
		sum += len;
	}
	if (sum != sada_rd_left(&r)) {
		rc = refuse(err, "lengths that do not add up");
		goto out;
	}
	at = raw_len - (size_t)sum;
	for (i = 0; i < objects; i++) {
		dir[i].off = (uint32_t)at;
		at += dir[i].len;
	}
	*out = dir;
	dir = NULL;
	rc = 0;
out:
	free(dir);
	return rc;
}
