/* Reading a bundle: records in order, everything verified on the way. */
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "bundle/take_priv.h"
#include "format/op.h"

static int
trust(const struct sada_id *sender, struct sada_pub *pub, void *ctx)
{
	struct sada_take *t = ctx;
	const struct sada_peer *p = sada_peers_with(t->o.peers, sender);

	if (p == NULL || p->retired)
		return 0;
	t->sender = *p;
	*pub = p->pub;
	return 1;
}

static int
read_on(void *p, size_t n, size_t *got, void *ctx, struct sada_err *err)
{
	struct sada_take *t = ctx;

	return t->o.read(p, n, got, t->o.ctx, err);
}

/* Does the bundle's group fit?  Errors: GUARD. */
static int
check_group(struct sada_take *t, struct sada_err *err)
{
	size_t i;

	if (sada_log_group_is(t->o.log, &t->head.group))
		return 0;
	for (i = 0; i < t->head.nalias; i++)
		if (sada_log_group_is(t->o.log, &t->head.alias[i])) {
			t->alias = 1;
			return 0;
		}
	if (sada_log_count(t->o.log) == 0) {
		t->adopt = 1;
		return 0;
	}
	if (t->o.join) {
		t->alias = 1;
		return 0;
	}
	return sada_err_set(err, SADA_GUARD, "%s's bundle belongs to another "
	    "group of replicas; to make the two one, pull it with --join",
	    t->sender.name);
}

static int
take_head(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	const struct sada_id *self = &sada_key_pub(t->o.key)->id;
	size_t i;
	int rc;

	sada_buf_add(&t->head_bytes, p, n);
	if ((rc = sada_bundle_head_decode(&t->head, t->head_bytes.p, n,
	    err)) < 0)
		return rc;
	for (i = 0; i < t->head.nto; i++)
		if (sada_id_cmp(&t->head.to[i], self) == 0)
			break;
	if (i == t->head.nto)
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle was not made for this replica");
	if ((rc = sada_ack_decode(&t->ack, t->head.ack, t->head.ack_len,
	    t->sender.pub.sign, err)) < 0)
		return rc == SADA_AUTH ? sada_err_set(err, SADA_FORMAT,
		    "the bundle's acknowledgement is forged") : rc;
	if (sada_id_cmp(&t->ack.author, &t->sender.pub.id) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle's acknowledgement is not its sender's");
	if (t->head.nalias > TAKE_ALIASES_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle's group has too many names");
	return check_group(t, err);
}

static int
take_member(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_member m;
	int rc;

	/* Each comes before the first op of its author. */
	if (t->list.nmember >= t->head.ops)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds too many members");
	rc = sada_member_decode(&m, p, n, err);
	if (rc == SADA_AUTH)
		return sada_err_set(err, SADA_FORMAT,
		    "a member record is forged");
	if (rc == 0)
		taken_list_member(&t->list, &m, p, n);
	return rc;
}

static int
take_op(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct taken_op *o;
	struct sada_op op;
	struct sada_id id;
	char need[128];
	int lacks = 0, rc;
	size_t i;

	if (t->list.nop >= t->head.ops)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds more ops than its head says");
	t->op_bytes += n;
	if (t->op_bytes > TAKE_OPS_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds too many ops");
	if ((rc = sada_op_decode(&op, p, n, err)) < 0)
		return rc;
	sada_hash(&id, SADA_CTX_OP, p, n);
	if (!sada_idset_add(&t->ids, &id, (uint32_t)t->list.nop)) {
		rc = sada_err_set(err, SADA_FORMAT,
		    "a bundle holds an op twice");
		goto out;
	}
	i = taken_list_op(&t->list, &op, p, n);
	o = &t->list.op[i];
	if (op.flags & SADA_OP_INLINE) {
		rc = sada_txn_put(t->txn, SADA_OBJ_NODE, op.inl, op.inl_len,
		    &o->changes, err);
		if (rc < 0)
			goto out;
	}
	if ((t->head.flags & SADA_BUNDLE_MAPS) == 0) {
		rc = take_stage(t, t->o.log, &t->list, o, need, &lacks, err);
		if (rc == SADA_LATER)
			rc = 0;
	}
out:
	sada_op_release(&op);
	return rc;
}

/* Op ID's map has come whole: check that it is one. */
static int
take_map(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct taken_op *o;
	struct sada_op op;
	struct sada_id id;
	uint32_t i;
	int rc;

	if (n != SADA_ID_LEN)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds a malformed map record");
	memcpy(id.b, p, SADA_ID_LEN);
	if (!sada_idset_get(&t->ids, &id, &i))
		return 0;
	o = &t->list.op[i];
	if ((rc = sada_op_decode(&op, o->rec, o->len, err)) < 0)
		return rc;
	rc = sada_map_check(&t->ns, &op.root, err);
	sada_op_release(&op);
	if (rc == SADA_NOTFOUND)
		rc = sada_err_set(err, SADA_FORMAT,
		    "a bundle lacks nodes of a map that it holds");
	if (rc == 0)
		o->map = 1;
	return rc;
}

static int
take_node(struct sada_take *t, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	struct sada_id id;
	int rc;

	if (n == 0 || n > SADA_OBJECT_MAX)
		return sada_err_set(err, SADA_FORMAT,
		    "a bundle holds a malformed map node");
	t->nodes++;
	if ((rc = take_count(t, 1, n, err)) < 0)
		return rc;
	return sada_txn_put(t->txn, SADA_OBJ_NODE, p, n, &id, err);
}

static int
take_record(struct sada_take *t, unsigned type, const unsigned char *p,
    size_t n, struct sada_err *err)
{
	switch (type) {
	case SADA_REC_HEAD:
		return take_head(t, p, n, err);
	case SADA_REC_MEMBER:
		return take_member(t, p, n, err);
	case SADA_REC_NODE:
		return take_node(t, p, n, err);
	case SADA_REC_OP:
		return take_op(t, p, n, err);
	case SADA_REC_MAP:
		return take_map(t, p, n, err);
	case SADA_REC_BLOCK:
		return take_block(t, p, n, err);
	case SADA_REC_PREFIX:
		return take_prefix(t, p, n, err);
	case SADA_REC_DELTA:
		return take_delta(t, p, n, err);
	}
	return sada_err_set(err, SADA_VERSION,
	    "a bundle holds a record of unknown type %u", type);
}

int
sada_take_read(struct sada_take **out, const struct sada_take_opts *opts,
    struct sada_err *err)
{
	struct sada_take *t = sada_calloc(1, sizeof(*t));
	const unsigned char *p;
	unsigned type;
	size_t n;
	int rc;

	*out = NULL;
	t->o = *opts;
	if ((rc = sada_opener_new(&t->opener, opts->key, trust, read_on, t,
	    err)) < 0)
		goto out;
	if ((rc = sada_txn_begin(&t->txn, opts->store, err)) < 0)
		goto out;
	t->ns.store = t->cns.store = opts->store;
	t->ns.txn = t->cns.txn = t->txn;
	t->cns.flags = SADA_NODE_CHANGES;
	while ((rc = sada_opener_next(t->opener, &type, &p, &n, err)) == 1)
		if ((rc = take_record(t, type, p, n, err)) < 0)
			goto out;
	if (rc < 0 || (rc = take_drain(t, err)) < 0)
		goto out;
	*out = t;
	t = NULL;
out:
	sada_log_unstage(opts->log);
	sada_take_free(t);
	return rc;
}

const struct sada_peer *
sada_take_sender(const struct sada_take *t)
{
	return &t->sender;
}

uint64_t
sada_take_new_ops(const struct sada_take *t, const struct sada_log *log)
{
	uint64_t n = 0;
	uint32_t k;
	size_t i;

	for (i = 0; i < t->list.nop; i++)
		n += !sada_log_find(log, &t->list.op[i].id, &k);
	return n;
}

void
sada_take_free(struct sada_take *t)
{
	struct sada_err e;

	if (t == NULL)
		return;
	/* What the workers met is told where it counts. */
	if (take_drain(t, &e) < 0)
		sada_idset_release(&t->ids);
	sada_pool_free(t->pool);
	sada_cursor_free(t->told.c);
	sada_opener_free(t->opener);
	sada_txn_abort(t->txn);
	sada_bundle_head_release(&t->head);
	sada_buf_release(&t->head_bytes);
	sada_ack_release(&t->ack);
	taken_list_release(&t->list);
	sada_idset_release(&t->ids);
	free(t);
}
