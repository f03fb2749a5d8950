/* Bundles and ops by hand: what a member can sign and seal. */
#ifndef SADA_UNIT_BUNDLE_HAND_H
#define SADA_UNIT_BUNDLE_HAND_H

#include "bundle/sealed.h"
#include "model_replica.h"

enum { MAL, VIC, THIRD, NWHO };

static struct {
	struct rep rep[2];
	struct sada_key *key[NWHO];
	struct sada_peer peer[NWHO][NWHO];
	char dir[128];
} kit;

static inline const struct sada_pub *
pub_of(int who)
{
	return sada_key_pub(kit.key[who]);
}

/* ---- a bundle by hand ---- */

/* One record: in META or outside. */
struct part {
	unsigned type;
	struct sada_buf b;
};

/* What the head says otherwise than it should; added to the right value. */
struct bundle {
	struct part part[16];
	size_t n;
	uint64_t ops, objects, raw;	/* caps */
	unsigned flags;			/* of HEAD */
	int to, ack_of, ack_forged, head_version, no_head, two_heads;
};

static inline struct sada_buf *
add_part(struct bundle *b, unsigned type)
{
	struct part *p = &b->part[b->n++];

	memset(p, 0, sizeof(*p));
	p->type = type;
	return &p->b;
}

static inline void
bundle_release(struct bundle *b)
{
	while (b->n > 0)
		sada_buf_release(&b->part[--b->n].b);
}

static inline void
make_head(const struct bundle *b, struct sada_buf *out)
{
	struct sada_bundle_head h;
	struct sada_buf ack = { 0 };
	struct sada_id to = pub_of(b->to)->id;
	struct sada_ack a;

	memset(&h, 0, sizeof(h));
	memset(&a, 0, sizeof(a));
	a.author = pub_of(b->ack_of)->id;
	a.counter = 1000;
	sada_ack_encode(&ack, &a, kit.key[b->ack_of]);
	if (b->ack_forged)
		ack.p[ack.len - 1] ^= 1;
	(void)sada_log_group(kit.rep[VIC].log, &h.group);
	h.to = &to;
	h.nto = 1;
	h.ack = ack.p;
	h.ack_len = ack.len;
	h.flags = (uint8_t)b->flags;
	h.ops = b->ops;
	h.objects = b->objects;
	h.raw_bytes = b->raw;
	sada_bundle_head_encode(out, &h);
	if (b->head_version)
		out->p[0] = 2;
	sada_buf_release(&ack);
}

static inline void
seal(const struct bundle *b, struct sada_buf *out)
{
	struct sada_sealer *s;
	struct sada_buf head = { 0 };
	struct sada_err err;
	size_t i;
	int k;

	make_head(b, &head);
	must(sada_sealer_new(&s, kit.key[MAL], pub_of(VIC), 1, put_bytes, out,
	    &err), &err);
	for (k = 0; k < 1 + b->two_heads; k++)
		must(sada_sealer_add(s, SADA_REC_HEAD, head.p, head.len,
		    &err), &err);
	for (i = 0; i < b->n; i++)
		must(b->part[i].type >= SADA_REC_MEMBER ?
		    sada_sealer_meta(s, b->part[i].type, b->part[i].b.p,
		    b->part[i].b.len, &err) :
		    sada_sealer_add(s, b->part[i].type, b->part[i].b.p,
		    b->part[i].b.len, &err), &err);
	must(sada_sealer_end(s, NULL, &err), &err);
	sada_buf_release(&head);
}

/* ---- an op by hand ---- */

/* What it says otherwise than it should. */
struct knobs {
	int root, set, gone, before, stamp, stamp_author, prev, seq,
	    no_parents;
	int signature, flags, dir, outside, size;
	const char *raw;		/* changes instead of the right ones */
	size_t raw_len;
};

struct made {
	struct sada_buf rec, node;
	struct sada_id id, content, anc;
};

static inline void
made_release(struct made *m)
{
	sada_buf_release(&m->rec);
	sada_buf_release(&m->node);
}

/* A new version of "f" (or a new register of "d") by MAL, as K says. */
static inline void
make_op(struct made *m, const struct knobs *k)
{
	struct rep *r = &kit.rep[MAL];
	struct sada_node node = { 0 };
	struct sada_map_stat ms;
	struct sada_entry e;
	struct sada_err err;
	struct nchange c;
	struct draft d;
	const char *path = k->dir ? "d" : "f";
	uint32_t other;

	memset(m, 0, sizeof(*m));
	memset(&c, 0, sizeof(c));
	must(draft_init(&d, r, &err), &err);
	draft_slot(&d, path, &node, &e);
	assert(e.nv == 1);
	c.has = 1;
	c.v = e.v[0];
	if (k->dir) {
		c.v.mode ^= 7;
		c.v.stamp_lamport = d.lamport + (uint64_t)k->stamp;
		c.v.stamp_author = pub_of(k->stamp_author ? THIRD : MAL)->id;
	} else {
		sada_version_id(&c.gone[c.ngone++], &e.v[0]);
		c.v.dot = d.op.dot;
		c.v.size = 600 + (uint64_t)k->size;
		draft_ancestors(&d, e.v, e.v, 1, &c.v.anc);
		memset(c.v.content.b, 0x5a, SADA_ID_LEN);
	}
	m->content = c.v.content;
	m->anc = c.v.anc;
	draft_write(&d, path, &e, &c, 1);
	must(sada_build_finish(d.build, &d.op.changes, &err), &err);
	d.build = NULL;
	must(sada_replay(&d.st.ns, &d.st.root, &d.cns, &d.op.changes,
	    &d.op.root, NULL, &err), &err);
	if (k->raw != NULL) {
		sada_buf_add(&m->node, k->raw, k->raw_len);
		sada_hash(&d.op.changes, SADA_CTX_NODE, k->raw, k->raw_len);
	} else {
		must(sada_txn_get(d.txn, SADA_OBJ_NODE, &d.op.changes,
		    &m->node, &err), &err);
	}
	if (!k->outside && m->node.len <= SADA_INLINE_MAX) {
		d.op.flags |= SADA_OP_INLINE;
		d.op.inl = m->node.p;
		d.op.inl_len = m->node.len;
		memset(&d.op.changes, 0, sizeof(d.op.changes));
	}
	d.op.root.b[3] ^= (unsigned char)k->root;
	d.op.n_set += (uint64_t)k->set;
	d.op.n_gone += (uint64_t)k->gone;
	must(sada_map_stat(&d.st.ns, &d.st.root, &ms, &err), &err);
	d.op.n_before = ms.entries + (uint64_t)k->before;
	d.op.dot.seq += (uint64_t)k->seq;
	if (k->prev && sada_log_own_last(kit.rep[VIC].log, &other))
		d.op.prev = sada_log_op(kit.rep[VIC].log, other)->id;
	d.op.parents = sada_state_heads(&d.st);
	d.op.nparents = k->no_parents ? 0 : d.st.n;
	d.op.msg = "";
	sada_op_encode(&m->rec, &d.op, r->key, &m->id);
	if (k->flags)
		m->rec.p[2] |= 0x80;
	if (k->signature)
		m->rec.p[m->rec.len - 1] ^= 1;
	sada_hash(&m->id, SADA_CTX_OP, m->rec.p, m->rec.len);
	sada_node_release(&node);
	draft_drop(&d);
}

/* M in a bundle of its own. */
static inline void
put_op(struct bundle *b, const struct made *m, int outside)
{
	struct sada_buf *p;

	if (outside) {
		p = add_part(b, SADA_REC_NODE);
		sada_buf_add(p, m->node.p, m->node.len);
		b->objects++;
		b->raw += m->node.len;
	}
	p = add_part(b, SADA_REC_OP);
	sada_buf_add(p, m->rec.p, m->rec.len);
	b->ops++;
}

static inline void
bundle_init(struct bundle *b)
{
	memset(b, 0, sizeof(*b));
	b->to = VIC;
	b->ack_of = MAL;
}

#endif
