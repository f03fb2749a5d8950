/* Writing a bundle that was planned, in one pass. */
#include <stdlib.h>
#include <string.h>

#include "bundle/send_priv.h"
#include "format/op.h"
#include "store/zst.h"

static int
cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

static int
cmp_have(const void *a, const void *b)
{
	return sada_id_cmp(&((const struct sada_have *)a)->op,
	    &((const struct sada_have *)b)->op);
}

/*
 * What we hold, as a difference to what all recipients have acknowledged:
 * the heads of that, which they know, stand for all of it; of the rest the
 * tips.  *OUT is a new array of *N.
 */
static void
list_haves(const struct sada_send *s, uint32_t **out, size_t *n)
{
	int common = s->o.since == NULL;	/* the basis is theirs */
	uint32_t *tips = NULL;
	size_t i, ntips = 0;

	*out = NULL;
	*n = 0;
	if (common)
		sada_context_heads(out, n, s->o.log, s->basis);
	sada_log_tips(&tips, &ntips, s->o.log, NULL);
	*out = sada_realloc(*out, (*n + ntips + 1) * sizeof(**out));
	for (i = 0; i < ntips; i++)
		if (!common || !sada_context_has(s->basis, tips[i]))
			(*out)[(*n)++] = tips[i];
	free(tips);
}

/* Our acknowledgement. */
static void
encode_self(struct sada_send *s, struct sada_buf *out)
{
	struct sada_ack a = *s->o.self;
	uint32_t *tips = NULL;
	size_t i, n = 0;

	list_haves(s, &tips, &n);
	if (n > SADA_ACK_HAVE_MAX)
		n = SADA_ACK_HAVE_MAX;
	a.author = sada_key_pub(s->o.key)->id;
	a.have = sada_calloc(n + 1, sizeof(*a.have));
	a.nhave = n;
	for (i = 0; i < n; i++) {
		const struct sada_op_info *op = sada_log_op(s->o.log,
		    tips[i]);

		a.have[i].author = op->dot.author;
		a.have[i].epoch = op->dot.epoch;
		a.have[i].seq = op->dot.seq;
		a.have[i].op = op->id;
	}
	qsort(a.have, n, sizeof(*a.have), cmp_have);
	sada_ack_encode(out, &a, s->o.key);
	free(a.have);
	free(tips);
}

/* The HEAD record. */
static int
write_head(struct sada_send *s, struct sada_sealer *b, struct sada_err *err)
{
	struct sada_bundle_head h;
	struct sada_buf ack = {0}, out = {0};
	const struct sada_id *alias;
	uint32_t *tips = NULL;
	size_t i, n = 0;
	int rc;

	memset(&h, 0, sizeof(h));
	(void)sada_log_group(s->o.log, &h.group);
	alias = sada_log_aliases(s->o.log, &h.nalias);
	h.alias = sada_calloc(h.nalias + 1, sizeof(*h.alias));
	if (h.nalias > 0)
		memcpy(h.alias, alias, h.nalias * sizeof(*alias));
	h.nto = s->o.n;
	h.to = sada_calloc(s->o.n, sizeof(*h.to));
	h.echo = sada_calloc(s->o.n, sizeof(*h.echo));
	for (i = 0; i < s->o.n; i++) {
		h.to[i] = s->o.to[i].id;
		if (send_ack(s, i) == NULL)
			continue;
		h.echo[h.necho].author = s->o.ack[i].author;
		h.echo[h.necho].incarnation = s->o.ack[i].incarnation;
		h.echo[h.necho++].counter = s->o.ack[i].counter;
	}
	qsort(h.to, h.nto, sizeof(*h.to), cmp_id);
	qsort(h.echo, h.necho, sizeof(*h.echo), cmp_id);
	encode_self(s, &ack);
	h.ack = ack.p;
	h.ack_len = ack.len;
	sada_context_heads(&tips, &n, s->o.log, s->basis);
	h.basis = sada_calloc(n + 1, sizeof(*h.basis));
	for (i = 0; i < n; i++)
		h.basis[i] = sada_log_op(s->o.log, tips[i])->id;
	qsort(h.basis, n, sizeof(*h.basis), cmp_id);
	h.nbasis = n;
	h.flags = s->nmaps > 0 ? SADA_BUNDLE_MAPS : 0;
	h.ops = s->nops;
	h.objects = s->objects;
	/* A block's directory has up to 6 bytes for each object. */
	h.raw_bytes = s->raw_bytes + 6 * s->objects;
	sada_bundle_head_encode(&out, &h);
	rc = sada_sealer_add(b, SADA_REC_HEAD, out.p, out.len, err);
	sada_bundle_head_release(&h);
	sada_buf_release(&ack);
	sada_buf_release(&out);
	free(tips);
	return rc;
}

/* What is done with the nodes of a tree: counted first, then written. */
struct node_walk {
	struct sada_send *s;
	struct sada_sealer *b;		/* NULL: only count */
	struct sada_idset *done;
	struct sada_err *err;
};

static int
each_node(const struct sada_id *id, const void *p, size_t n, unsigned level,
    void *ctx)
{
	struct node_walk *w = ctx;

	(void)level;
	if (!sada_idset_add(w->done, id, 0))
		return 0;
	if (w->b != NULL)
		return sada_sealer_meta(w->b, SADA_REC_NODE, p, n, w->err);
	/* A node may open a block of its own; the reader counts raw bytes. */
	w->s->objects++;
	w->s->raw_bytes += n;
	return 0;
}

/* Members and ops with their changes, or maps; only counted with B NULL. */
static int
walk_ops(struct sada_send *s, struct sada_sealer *b, struct sada_err *err)
{
	struct sada_nodes cns = s->st.ns;
	struct sada_idset done = {0}, members = {0};
	struct node_walk w = { s, b, &done, err };
	const unsigned char *m;
	struct sada_buf rec = {0};
	size_t i, n;
	int rc = 0;

	cns.flags = SADA_NODE_CHANGES;
	for (i = 0; i < s->nops; i++) {
		const struct sada_op_info *op = sada_log_op(s->o.log,
		    s->ops[i]);

		if (b != NULL && sada_idset_add(&members, &op->dot.author,
		    0) && sada_log_member_bytes(s->o.log, &op->dot.author,
		    &m, &n) && (rc = sada_sealer_meta(b, SADA_REC_MEMBER, m,
		    n, err)) < 0)
			goto out;
		if (s->nmaps == 0 && (op->flags & SADA_OP_INLINE) == 0 &&
		    !sada_id_zero(&op->changes) && (rc = sada_map_nodes(&cns,
		    &op->changes, each_node, &w, err)) < 0)
			goto out;
		if (b == NULL)
			continue;
		sada_buf_reset(&rec);
		if ((rc = sada_log_read((struct sada_log *)s->o.log,
		    s->ops[i], &rec, err)) < 0 || (rc = sada_sealer_meta(b,
		    SADA_REC_OP, rec.p, rec.len, err)) < 0)
			goto out;
	}
	for (i = 0; i < s->nmaps; i++) {
		const struct sada_op_info *op = sada_log_op(s->o.log,
		    s->maps[i]);

		if (!sada_id_zero(&op->root) && (rc = sada_map_nodes(
		    &s->st.ns, &op->root, each_node, &w, err)) < 0)
			goto out;
		if (b != NULL && (rc = sada_sealer_meta(b, SADA_REC_MAP,
		    op->id.b, SADA_ID_LEN, err)) < 0)
			goto out;
	}
out:
	sada_idset_release(&done);
	sada_idset_release(&members);
	sada_buf_release(&rec);
	return rc;
}

/* One DELTA or PREFIX record. */
static int
write_change(struct sada_send *s, struct sada_sealer *b, unsigned type,
    const struct sada_id *base, const struct sada_id *id,
    const struct sent_delta *d, struct sada_err *err)
{
	struct sada_buf old = {0}, now = {0}, out = {0};
	int rc;

	if ((rc = sada_store_get(s->o.store, type, base, &old, err)) < 0 ||
	    (rc = sada_store_get(s->o.store, type, id, &now, err)) < 0)
		goto out;
	if (d != NULL) {
		sada_put_var(&out, d->ordinal);
		sada_put_var(&out, d->index);
	} else {
		sada_put_u8(&out, (uint8_t)type);
		sada_buf_add(&out, base->b, SADA_ID_LEN);
	}
	sada_put_var(&out, now.len);
	sada_zst_pack(&out, now.p, now.len, old.p, old.len, SENT_LEVEL);
	rc = sada_sealer_add(b, d != NULL ? SADA_REC_DELTA : SADA_REC_PREFIX,
	    out.p, out.len, err);
out:
	sada_buf_release(&old);
	sada_buf_release(&now);
	sada_buf_release(&out);
	return rc;
}

int
sada_send_write(struct sada_send *s, int (*write)(const void *p, size_t n,
    void *ctx, struct sada_err *err), void *ctx, uint64_t *bytes,
    struct sada_err *err)
{
	struct sada_sealer *b = NULL, *end;
	size_t i;
	int rc;

	if ((rc = send_select(s, err)) < 0 ||
	    (rc = walk_ops(s, NULL, err)) < 0 ||
	    (rc = sada_sealer_new(&b, s->o.key, s->o.to, s->o.n, write, ctx,
	    err)) < 0 || (rc = write_head(s, b, err)) < 0 ||
	    (rc = walk_ops(s, b, err)) < 0)
		goto out;
	if ((rc = send_early(s, b, err)) < 0)
		goto out;
	for (i = 0; i < s->ndelta; i++)
		if ((rc = write_change(s, b, SADA_OBJ_CHUNK,
		    &s->delta[i].base, &s->delta[i].content, &s->delta[i],
		    err)) < 0)
			goto out;
	for (i = 0; i < s->nprefix; i++)
		if ((rc = write_change(s, b, s->prefix[i].type,
		    &s->prefix[i].base, &s->prefix[i].id, NULL, err)) < 0)
			goto out;
	if ((rc = send_blocks(s, b, err)) < 0)
		goto out;
	end = b;
	b = NULL;
	rc = sada_sealer_end(end, bytes, err);
out:
	sada_sealer_free(b);
	return rc;
}
