/*
 * A walk over a pack from its first byte to its last: what rebuilds an
 * index and what verifies.  Also the header and the trailer.
 *
 * A block whose head is readable but whose bytes are not is skipped and
 * keeps its number; behind an unreadable head nothing can be found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/store_priv.h"

#define TRAILER_HEAD 24
#define HALF 16			/* half of a hash: what a name is made of */

static const unsigned char magic[8] = { 's', 'a', 'd', 'a', 'p', 'c', 'k',
    '1' };

void
sada_pack_header(unsigned char out[SADA_PACK_HEADER])
{
	memset(out, 0, SADA_PACK_HEADER);
	memcpy(out, magic, sizeof(magic));
	sada_le32_put(out + 8, 1);
}

void
sada_pack_name(char out[SADA_PACK_NAME], const struct sada_id *hash)
{
	char hex[SADA_HEX_LEN + 1];

	sada_id_hex(hex, hash);
	memcpy(out, hex, 2 * HALF);
	memcpy(out + 2 * HALF, ".pack", 6);
}

void
sada_trailer_encode(struct sada_buf *out, uint32_t blocks, uint64_t length,
    const unsigned char *folded, uint32_t nfolded)
{
	sada_put_u32(out, SADA_TRAILER_MAGIC);
	sada_put_u32(out, blocks);
	sada_put_u64(out, length);
	sada_put_u32(out, nfolded);
	sada_put_u32(out, 0);
	sada_buf_add(out, folded, (size_t)nfolded * HALF);
}

int
sada_trailer_read(int fd, uint64_t off, uint64_t size, uint32_t *blocks,
    unsigned char **folded, uint32_t *nfolded, struct sada_buf *bytes,
    struct sada_err *err)
{
	uint64_t n;
	size_t got;
	int rc;

	*folded = NULL;
	*nfolded = 0;
	sada_buf_reset(bytes);
	if (off > size || size - off < TRAILER_HEAD + SADA_ID_LEN ||
	    size - off > (1u << 24))
		return sada_err_set(err, SADA_FORMAT, "no trailer");
	n = size - off;
	sada_buf_reserve(bytes, (size_t)n);
	if ((rc = sada_io_pread(fd, bytes->p, (size_t)n, off, &got, err)) < 0)
		return rc;
	bytes->len = got;
	if (got != n || sada_le32(bytes->p) != SADA_TRAILER_MAGIC ||
	    sada_le64(bytes->p + 8) != off || sada_le32(bytes->p + 20) != 0 ||
	    n != TRAILER_HEAD + SADA_ID_LEN +
	    (uint64_t)sada_le32(bytes->p + 16) * HALF)
		return sada_err_set(err, SADA_FORMAT, "damaged trailer");
	*blocks = sada_le32(bytes->p + 4);
	*nfolded = sada_le32(bytes->p + 16);
	*folded = sada_malloc((size_t)*nfolded * HALF + 1);
	memcpy(*folded, bytes->p + TRAILER_HEAD, (size_t)*nfolded * HALF);
	return 0;
}

void
sada_scan_release(struct sada_scan *sc)
{
	sada_table_release(&sc->t);
	free(sc->folded);
	sc->folded = NULL;
}

static void
bad(struct sada_scan *sc, const char *name, uint32_t block, const char *why)
{
	char what[160];

	sc->whole = 0;
	if (sc->bad == NULL)
		return;
	if (block == UINT32_MAX)
		(void)snprintf(what, sizeof(what), "pack %s: %s", name, why);
	else
		(void)snprintf(what, sizeof(what), "pack %s, block %u: %s",
		    name, (unsigned)block, why);
	sc->bad(what, block, sc->ctx);
}

/* Take the objects of the raw block NUMBER into the table. */
static int
take_objects(struct sada_scan *sc, const struct sada_buf *raw,
    uint32_t number, uint32_t objects)
{
	struct sada_block_obj *dir;
	struct sada_err drop;
	struct sada_ent e;
	uint32_t i;

	if (sada_block_dir(&dir, raw->p, raw->len, objects, &drop) < 0)
		return 0;
	for (i = 0; i < objects; i++) {
		e.block = number;
		e.off = dir[i].off;
		e.len = dir[i].len;
		e.type = dir[i].type;
		sada_hash(&e.id, sada_type_ctx(e.type), raw->p + e.off, e.len);
		sada_table_ent(&sc->t, &e);
	}
	free(dir);
	return 1;
}

/* One block of which the head was readable; FRAME and RAW are scratch. */
static int
scan_block(struct sada_scan *sc, int fd, const char *name,
    const unsigned char *head, const struct sada_blk *b, unsigned flags,
    struct sada_buf *frame, struct sada_buf *raw, struct sada_err *err)
{
	uint32_t number = (uint32_t)sc->t.nblk - 1;
	struct sada_err drop;
	size_t got;
	int rc;

	sada_buf_reset(frame);
	sada_buf_reset(raw);
	sada_buf_reserve(frame, b->frame_len);
	if ((rc = sada_io_pread(fd, frame->p, b->frame_len,
	    b->off + SADA_BLOCK_HEAD, &got, err)) < 0)
		return rc;
	if (got != b->frame_len ||
	    sada_block_check(head, frame->p, got, &drop) < 0) {
		bad(sc, name, number, "checksum does not match");
		return 0;
	}
	if ((flags & SADA_SCAN_OBJECTS) == 0)
		return 0;
	if (sada_block_unpack(raw, frame->p, got, b->raw_len, &drop) < 0 ||
	    !take_objects(sc, raw, number, b->objects))
		bad(sc, name, number, "cannot be unpacked");
	return 0;
}

/*
 * All blocks from the start; *END is where the first thing begins that is
 * none.  Their heads are added to HASHED.
 */
static int
scan_blocks(struct sada_scan *sc, int fd, const char *name, uint64_t size,
    unsigned flags, uint64_t *end, struct sada_buf *hashed,
    struct sada_err *err)
{
	struct sada_buf frame = { 0 }, raw = { 0 };
	unsigned char head[SADA_BLOCK_HEAD];
	struct sada_block_head h;
	struct sada_err drop;
	struct sada_blk b;
	size_t got;
	int rc = 0;

	for (*end = SADA_PACK_HEADER; *end < size;) {
		if ((rc = sada_io_pread(fd, head, sizeof(head), *end, &got,
		    err)) < 0)
			goto out;
		if (got < sizeof(head) ||
		    sada_block_head_decode(&h, head, &drop) < 0 ||
		    size - *end - SADA_BLOCK_HEAD < h.frame_len ||
		    sc->t.nblk >= UINT32_MAX - 1)
			break;
		b.off = *end;
		b.frame_len = h.frame_len;
		b.raw_len = h.raw_len;
		b.objects = h.objects;
		sada_table_blk(&sc->t, &b);
		sada_buf_add(hashed, head, sizeof(head));
		if ((rc = scan_block(sc, fd, name, head, &b, flags, &frame,
		    &raw, err)) < 0)
			goto out;
		*end += (uint64_t)SADA_BLOCK_HEAD + h.frame_len;
	}
out:
	sada_buf_release(&frame);
	sada_buf_release(&raw);
	return rc;
}

int
sada_pack_scan(struct sada_scan *sc, int fd, const char *name, uint64_t size,
    unsigned flags, struct sada_err *err)
{
	unsigned char want[SADA_PACK_HEADER];
	struct sada_buf hashed = { 0 }, tail = { 0 };
	char right[SADA_PACK_NAME];
	uint32_t blocks;
	uint64_t end;
	size_t got;
	int rc;

	sc->whole = 1;
	sada_pack_header(want);
	sada_buf_reserve(&hashed, SADA_PACK_HEADER);
	if ((rc = sada_io_pread(fd, hashed.p, SADA_PACK_HEADER, 0, &got,
	    err)) < 0)
		goto out;
	hashed.len = SADA_PACK_HEADER;
	if (got != SADA_PACK_HEADER || memcmp(hashed.p, want, got) != 0)
		bad(sc, name, UINT32_MAX, "its header is damaged, or of a "
		    "newer version");
	if (got != SADA_PACK_HEADER)
		goto out;
	if ((rc = scan_blocks(sc, fd, name, size, flags, &end, &hashed,
	    err)) < 0)
		goto out;
	rc = sada_trailer_read(fd, end, size, &blocks, &sc->folded,
	    &sc->nfolded, &tail, err);
	if (rc == SADA_SYS)
		goto out;
	if (rc < 0 || blocks != sc->t.nblk) {
		rc = 0;
		bad(sc, name, UINT32_MAX, "it is cut off, or its trailer or a "
		    "block's head is damaged");
		goto out;
	}
	sada_hash2(&sc->hash, SADA_CTX_PACK, hashed.p, hashed.len, tail.p,
	    tail.len - SADA_ID_LEN);
	sada_pack_name(right, &sc->hash);
	if (memcmp(sc->hash.b, tail.p + tail.len - SADA_ID_LEN,
	    SADA_ID_LEN) != 0 || strcmp(right, name) != 0)
		bad(sc, name, UINT32_MAX, "its trailer does not match");
out:
	sada_buf_release(&hashed);
	sada_buf_release(&tail);
	return rc;
}
