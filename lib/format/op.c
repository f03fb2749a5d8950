/*
 * Op records and member records, both signed.  The layouts stand in op.h;
 * the id of an op is over all of its record.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/op_priv.h"

enum {
	OP_VERSION = 1,
	OP_KIND = 1,
	OP_FLAGS = SADA_OP_ACCEPTED | SADA_OP_INLINE
};

static int
refuse_op(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "op record refused: %s", why);
}

/* Are OP's hints, which are written here, as invariant 4 says? */
static int
hints_ok(const struct sada_op *op)
{
	struct sada_rd r;

	sada_rd_init(&r, op->hints, op->hints_len);
	sada_hints_check(&r, op->nhints);
	return !r.bad && sada_rd_left(&r) == 0;
}

/* Invariants 1 and 2, and the lengths that 3 and the message have. */
static int
op_ok(const struct sada_op *op)
{
	size_t i;

	if (op->dot.seq < 1 ||
	    (op->dot.seq == 1) != (sada_id_zero(&op->prev) != 0))
		return 0;
	if (op->nparents > SADA_PARENTS_MAX || op->msg_len > SADA_MSG_MAX)
		return 0;
	if (op->nparents > 0 && sada_id_zero(&op->parents[0]))
		return 0;
	for (i = 1; i < op->nparents; i++)
		if (sada_id_cmp(&op->parents[i - 1], &op->parents[i]) >= 0)
			return 0;
	if ((op->flags & SADA_OP_INLINE) == 0)
		return op->inl_len == 0;
	return sada_id_zero(&op->changes) && op->inl_len >= 1 &&
	    op->inl_len <= SADA_INLINE_MAX;
}

void
sada_op_put_body(struct sada_buf *out, const struct sada_op *op)
{
	size_t i;

	assert((op->flags & ~OP_FLAGS) == 0);
	assert(op_ok(op) && hints_ok(op));
	sada_put_u8(out, OP_VERSION);
	sada_put_u8(out, OP_KIND);
	sada_put_u8(out, op->flags);
	put_dot(out, &op->dot);
	put_id(out, &op->prev);
	sada_put_var(out, op->nparents);
	for (i = 0; i < op->nparents; i++)
		put_id(out, &op->parents[i]);
	sada_put_u64(out, (uint64_t)op->wall_ns);
	put_id(out, &op->root);
	if ((op->flags & SADA_OP_INLINE) != 0) {
		sada_put_var(out, op->inl_len);
		sada_buf_add(out, op->inl, op->inl_len);
	} else
		put_id(out, &op->changes);
	sada_put_var(out, op->nhints);
	sada_buf_add(out, op->hints, op->hints_len);
	sada_put_var(out, op->n_set);
	sada_put_var(out, op->n_gone);
	sada_put_var(out, op->n_lost);
	sada_put_var(out, op->n_before);
	sada_put_var(out, op->msg_len);
	sada_buf_add(out, op->msg, op->msg_len);
}

void
sada_op_encode(struct sada_buf *out, struct sada_op *op,
    const struct sada_key *k, struct sada_id *id)
{
	size_t start = out->len;

	assert(sada_id_cmp(&op->dot.author, &sada_key_pub(k)->id) == 0);
	sada_op_put_body(out, op);
	sada_sign(op->sig, k, SADA_CTX_OP, out->p + start, out->len - start);
	sada_buf_add(out, op->sig, SADA_SIG_LEN);
	assert(out->len - start <= SADA_OP_RECORD_MAX);
	if (id != NULL)
		sada_hash(id, SADA_CTX_OP, out->p + start, out->len - start);
}

/* The parents: their number, then a new array. */
static int
get_parents(struct sada_op *op, struct sada_rd *r, struct sada_err *err)
{
	uint64_t n = sada_get_count(r, SADA_ID_LEN);
	const unsigned char *p;

	if (r->bad || n > SADA_PARENTS_MAX)
		return refuse_op(err, "its number of parents");
	p = sada_get_bytes(r, (size_t)n * SADA_ID_LEN);
	if (n == 0)
		return 0;
	assert(p != NULL);
	op->nparents = (size_t)n;
	op->parents = sada_malloc(op->nparents * sizeof(*op->parents));
	memcpy(op->parents, p, op->nparents * SADA_ID_LEN);
	return 0;
}

/* Version, kind, flags: what is not known here is of a newer sada. */
static int
get_start(struct sada_op *op, struct sada_rd *r, struct sada_err *err)
{
	unsigned version = sada_get_u8(r), kind = sada_get_u8(r);

	op->flags = sada_get_u8(r);
	if (r->bad)
		return refuse_op(err, "it is cut short");
	if (version != OP_VERSION || kind != OP_KIND ||
	    (op->flags & ~OP_FLAGS) != 0)
		return sada_err_set(err, SADA_VERSION, "op record of version "
		    "%u, kind %u, flags %u: a newer sada is needed", version,
		    kind, (unsigned)op->flags);
	return 0;
}

/* Changes, hints, counts, message. */
static int
get_rest(struct sada_op *op, struct sada_rd *r, struct sada_err *err)
{
	uint64_t len, hints;

	if ((op->flags & SADA_OP_INLINE) != 0) {
		len = sada_get_count(r, 1);
		if (r->bad || len < 1 || len > SADA_INLINE_MAX)
			return refuse_op(err, "the length of its changes");
		op->inl_len = (size_t)len;
		op->inl = sada_get_bytes(r, op->inl_len);
	} else
		get_id(r, &op->changes);
	hints = sada_get_var(r);
	op->hints = r->p;
	sada_hints_check(r, hints);
	if (r->bad)
		return refuse_op(err, "its changes or hints");
	op->nhints = (uint32_t)hints;
	op->hints_len = (size_t)(r->p - op->hints);
	op->n_set = sada_get_var(r);
	op->n_gone = sada_get_var(r);
	op->n_lost = sada_get_var(r);
	op->n_before = sada_get_var(r);
	len = sada_get_count(r, 1);
	if (r->bad || len > SADA_MSG_MAX)
		return refuse_op(err, "its counts or message");
	op->msg_len = (size_t)len;
	op->msg = (const char *)sada_get_bytes(r, op->msg_len);
	return 0;
}

int
sada_op_decode(struct sada_op *op, const void *p, size_t n,
    struct sada_err *err)
{
	struct sada_rd r;
	int rc;

	memset(op, 0, sizeof(*op));
	if (n < SADA_SIG_LEN || n > SADA_OP_RECORD_MAX)
		return refuse_op(err, "its length");
	sada_rd_init(&r, p, n - SADA_SIG_LEN);
	if ((rc = get_start(op, &r, err)) < 0)
		goto out;
	get_dot(&r, &op->dot);
	get_id(&r, &op->prev);
	if ((rc = get_parents(op, &r, err)) < 0)
		goto out;
	op->wall_ns = (int64_t)sada_get_u64(&r);
	get_id(&r, &op->root);
	if ((rc = get_rest(op, &r, err)) < 0)
		goto out;
	if (r.bad || sada_rd_left(&r) != 0 || !op_ok(op)) {
		rc = refuse_op(err, "its fields");
		goto out;
	}
	memcpy(op->sig, r.p, SADA_SIG_LEN);
	rc = 0;
out:
	if (rc < 0)
		sada_op_release(op);
	return rc;
}

int
sada_op_verify(const void *p, size_t n, const unsigned char *sign,
    struct sada_err *err)
{
	const unsigned char *rec = p;

	if (n < SADA_SIG_LEN)
		return sada_err_set(err, SADA_AUTH,
		    "op record without a signature");
	n -= SADA_SIG_LEN;
	return sada_verify_sig(rec + n, sign, SADA_CTX_OP, rec, n, err);
}

void
sada_op_release(struct sada_op *op)
{
	free(op->parents);
	op->parents = NULL;
	op->nparents = 0;
}

/* Member records: a replica's keys and name, signed by itself. */

enum { MEMBER_VERSION = 1 };

static int
refuse_member(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "member record refused: %s",
	    why);
}

static int
alnum(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9');
}

int
sada_member_name_ok(const char *s)
{
	size_t i;

	if (!alnum(s[0]))
		return 0;
	for (i = 1; s[i] != '\0'; i++)
		if (i >= 64 || (!alnum(s[i]) && s[i] != '.' &&
		    s[i] != '_' && s[i] != '-'))
			return 0;
	return 1;
}

void
sada_member_encode(struct sada_buf *out, const struct sada_member *m,
    const struct sada_key *k)
{
	unsigned char sig[SADA_SIG_LEN];
	const struct sada_pub *pub = sada_key_pub(k);
	size_t start = out->len;

	assert(sada_member_name_ok(m->name));
	sada_put_u8(out, MEMBER_VERSION);
	sada_buf_add(out, pub->sign, SADA_PK_LEN);
	sada_buf_add(out, pub->box, SADA_PK_LEN);
	sada_put_var(out, strlen(m->name));
	sada_buf_adds(out, m->name);
	sada_put_u64(out, m->number);
	sada_put_u64(out, (uint64_t)m->wall_ns);
	sada_sign(sig, k, SADA_CTX_MEMBER, out->p + start, out->len - start);
	sada_buf_add(out, sig, sizeof(sig));
	assert(out->len - start <= SADA_MEMBER_RECORD_MAX);
}

int
sada_member_decode(struct sada_member *m, const void *p, size_t n,
    struct sada_err *err)
{
	const unsigned char *sign, *box, *name;
	struct sada_rd r;
	unsigned version;
	uint64_t len;
	int rc;

	memset(m, 0, sizeof(*m));
	if (n < SADA_SIG_LEN || n > SADA_MEMBER_RECORD_MAX)
		return refuse_member(err, "its length");
	sada_rd_init(&r, p, n - SADA_SIG_LEN);
	version = sada_get_u8(&r);
	if (!r.bad && version != MEMBER_VERSION)
		return sada_err_set(err, SADA_VERSION, "member record of "
		    "version %u: a newer sada is needed", version);
	sign = sada_get_bytes(&r, SADA_PK_LEN);
	box = sada_get_bytes(&r, SADA_PK_LEN);
	len = sada_get_count(&r, 1);
	if (r.bad || len >= sizeof(m->name))
		return refuse_member(err, "its name's length");
	name = sada_get_bytes(&r, (size_t)len);
	m->number = sada_get_u64(&r);
	m->wall_ns = (int64_t)sada_get_u64(&r);
	if (r.bad || sada_rd_left(&r) != 0)
		return refuse_member(err, "its length");
	memcpy(m->name, name, (size_t)len);
	/* A NUL within would hide what follows. */
	if (strlen(m->name) != len || !sada_member_name_ok(m->name))
		return refuse_member(err, "its name");
	if ((rc = sada_pub_init(&m->pub, sign, box, err)) < 0)
		return rc;
	return sada_verify_sig(r.p, sign, SADA_CTX_MEMBER, p,
	    n - SADA_SIG_LEN, err);
}
