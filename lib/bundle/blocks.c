/* Objects that go whole: blocks as they stand, or grouped anew. */
#include <stdlib.h>
#include <string.h>

#include "bundle/send_priv.h"
#include "format/pack.h"
#include "store/zst.h"

/* Objects that are being grouped. */
struct group {
	struct sada_buf dir, bytes;
	uint32_t n;
};

static int
by_place(const void *va, const void *vb)
{
	const struct sada_loc *a = &((const struct sent_object *)va)->loc;
	const struct sada_loc *b = &((const struct sent_object *)vb)->loc;

	if (a->pack != b->pack)
		return a->pack < b->pack ? -1 : 1;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return (a->off > b->off) - (a->off < b->off);
}

/* Write the group as one block. */
static int
flush(struct group *g, struct sada_sealer *b, struct sada_err *err)
{
	unsigned char head[SADA_BLOCK_HEAD];
	struct sada_buf out = {0}, frame = {0};
	size_t raw;
	int rc;

	if (g->n == 0)
		return 0;
	raw = g->dir.len + g->bytes.len;
	sada_buf_add(&g->dir, g->bytes.p, g->bytes.len);
	sada_zst_pack(&frame, g->dir.p, raw, NULL, 0, 3);
	sada_block_head_encode(head, g->n, (uint32_t)raw, frame.p,
	    (uint32_t)frame.len);
	sada_buf_add(&out, head, sizeof(head));
	sada_buf_add(&out, frame.p, frame.len);
	rc = sada_sealer_add(b, SADA_REC_BLOCK, out.p, out.len, err);
	sada_buf_release(&out);
	sada_buf_release(&frame);
	sada_buf_reset(&g->dir);
	sada_buf_reset(&g->bytes);
	g->n = 0;
	return rc;
}

static int
add_one(struct sada_send *s, struct group *g, const struct sent_object *o,
    struct sada_sealer *b, struct sada_err *err)
{
	size_t before = g->bytes.len;
	int rc;

	rc = sada_store_get(s->o.store, o->type, &o->id, &g->bytes, err);
	if (rc < 0)
		return rc;
	sada_put_u8(&g->dir, o->type);
	sada_put_var(&g->dir, g->bytes.len - before);
	g->n++;
	return g->bytes.len >= SADA_BLOCK_RAW ? flush(g, b, err) : 0;
}

int
send_early(struct sada_send *s, struct sada_sealer *b, struct sada_err *err)
{
	struct group g = {0};
	size_t i, k = 0;
	int rc = 0;

	for (i = 0; i < s->nobject && rc == 0; i++)
		if (s->object[i].early)
			rc = add_one(s, &g, &s->object[i], b, err);
		else
			s->object[k++] = s->object[i];
	s->nobject = k;
	if (rc == 0)
		rc = flush(&g, b, err);
	sada_buf_release(&g.dir);
	sada_buf_release(&g.bytes);
	return rc;
}

int
send_blocks(struct sada_send *s, struct sada_sealer *b, struct sada_err *err)
{
	struct group g = {0};
	struct sada_buf raw = {0};
	size_t i, k;
	int rc = 0;

	if (s->nobject > 1)
		qsort(s->object, s->nobject, sizeof(*s->object), by_place);
	for (i = 0; i < s->nobject; i = k) {
		const struct sent_object *o = &s->object[i];

		for (k = i + 1; k < s->nobject &&
		    s->object[k].loc.pack == o->loc.pack &&
		    s->object[k].loc.block == o->loc.block; k++)
			;
		if (k - i == sada_store_block_objects(s->o.store, &o->loc)) {
			sada_buf_reset(&raw);
			if ((rc = sada_store_block_raw(s->o.store, &o->loc,
			    &raw, err)) < 0 ||
			    (rc = sada_sealer_add(b, SADA_REC_BLOCK, raw.p,
			    raw.len, err)) < 0)
				goto out;
			continue;
		}
		for (; i < k; i++)
			if ((rc = add_one(s, &g, &s->object[i], b, err)) < 0)
				goto out;
	}
	rc = flush(&g, b, err);
out:
	sada_buf_release(&g.dir);
	sada_buf_release(&g.bytes);
	sada_buf_release(&raw);
	return rc;
}
