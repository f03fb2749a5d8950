/* A bundle's plan: the basis, the ops, the maps; whether it is needed. */
#include <stdlib.h>
#include <string.h>

#include "bundle/send_priv.h"

const struct sada_ack *
send_ack(const struct sada_send *s, size_t i)
{
	if (s->o.ack == NULL || sada_id_zero(&s->o.ack[i].author))
		return NULL;
	return &s->o.ack[i];
}

/* The past of what recipient I acknowledged. */
static struct sada_context *
acked(const struct sada_send *s, size_t i)
{
	const struct sada_ack *a = send_ack(s, i);
	struct sada_context *c;
	uint32_t *ops;
	size_t k, n = 0;

	ops = sada_calloc((a != NULL ? a->nhave : 0) + 1, sizeof(*ops));
	for (k = 0; a != NULL && k < a->nhave; k++)
		n += (size_t)sada_log_find(s->o.log, &a->have[k].op, &ops[n]);
	sada_context_make(&c, s->o.log, ops, n);
	free(ops);
	return c;
}

/* The basis: what all recipients have, or as the user says. */
static void
choose_basis(struct sada_send *s)
{
	struct sada_context *c;
	size_t i;

	if (s->o.since != NULL) {
		sada_context_copy(&s->basis, s->o.since);
		return;
	}
	if (s->o.full) {
		sada_context_make(&s->basis, s->o.log, NULL, 0);
		return;
	}
	for (i = 0; i < s->o.n; i++) {
		c = acked(s, i);
		if (s->basis == NULL) {
			s->basis = c;
			continue;
		}
		sada_context_and(s->basis, c);
		free(c);
	}
}

static void
add_map(struct sada_send *s, uint32_t op)
{
	size_t i;

	for (i = 0; i < s->nmaps; i++)
		if (s->maps[i] == op)
			return;
	s->maps = sada_realloc(s->maps, (s->nmaps + 1) * sizeof(*s->maps));
	s->maps[s->nmaps++] = op;
}

/*
 * Is the changes tree of every op to be sent held?  Of ops that came here
 * with a whole map it is not.
 */
static int
changes_held(const struct sada_send *s)
{
	size_t i;

	for (i = 0; i < s->nops; i++) {
		const struct sada_op_info *op = sada_log_op(s->o.log,
		    s->ops[i]);

		if (!sada_id_zero(&op->changes) && !sada_store_has(
		    s->o.store, SADA_OBJ_NODE, &op->changes))
			return 0;
	}
	return 1;
}

/*
 * Which maps go whole: all heads', when the basis is empty, maps are needed
 * or changes are not held, and those that are asked for, of ops that the
 * peer acknowledged, too: he may have lost them.
 */
static void
choose_maps(struct sada_send *s)
{
	const struct sada_ack *a;
	uint32_t op;
	size_t i, k;
	int need = s->whole || !changes_held(s);

	for (i = 0; i < s->o.n; i++)
		if ((a = send_ack(s, i)) != NULL)
			need |= a->nneed > 0;
	for (i = 0; need && s->nops > 0 && i < s->st.n; i++)
		if (!sada_context_has(s->basis, s->st.heads[i]))
			add_map(s, s->st.heads[i]);
	for (i = 0; i < s->o.n; i++) {
		if ((a = send_ack(s, i)) == NULL)
			continue;
		for (k = 0; k < a->nneed; k++)
			if (sada_log_find(s->o.log, &a->need[k], &op) &&
			    (sada_id_zero(&sada_log_op(s->o.log, op)->root) ||
			    sada_store_has(s->o.store, SADA_OBJ_NODE,
			    &sada_log_op(s->o.log, op)->root)))
				add_map(s, op);
	}
}

int
sada_send_plan(struct sada_send **out, const struct sada_send_opts *opts,
    struct sada_err *err)
{
	struct sada_send *s = sada_calloc(1, sizeof(*s));
	uint32_t *heads = NULL, i;
	size_t n = 0;
	int rc;

	*out = NULL;
	s->o = *opts;
	choose_basis(s);
	if (opts->bare) {
		s->st.ns.store = opts->store;
		*out = s;
		return 0;
	}
	s->ops = sada_calloc((size_t)sada_log_count(opts->log) + 1,
	    sizeof(*s->ops));
	s->whole = 1;
	for (i = 0; i < sada_log_count(opts->log); i++) {
		if (!sada_context_has(s->basis, i))
			s->ops[s->nops++] = i;
		else
			s->whole = 0;
	}
	sada_context_heads(&heads, &n, opts->log, NULL);
	if ((rc = sada_state_init(&s->st, opts->log, opts->store, NULL,
	    heads, n, NULL, err)) < 0)
		goto out;
	choose_maps(s);
	*out = s;
	s = NULL;
out:
	free(heads);
	sada_send_free(s);
	return rc;
}

uint64_t
sada_send_ops(const struct sada_send *s)
{
	return s->nops;
}

int
sada_send_pending(const struct sada_send *s)
{
	struct sada_source src = { s->o.store, NULL };
	const struct sada_ack *a;
	struct sada_err e;
	size_t i, k;

	if (s->nops > 0 || s->nmaps > 0)
		return 1;
	for (i = 0; i < s->o.n; i++) {
		if ((a = send_ack(s, i)) == NULL)
			continue;
		for (k = 0; k < a->nwant; k++)
			if (a->want[k].type == SADA_OBJ_ANC ?
			    sada_store_has(s->o.store, SADA_OBJ_ANC,
			    &a->want[k].id) : sada_file_held(&src,
			    &a->want[k].id, a->want[k].size, &e) == 1)
				return 1;
	}
	return 0;
}

/* A list starts with its length, or two of them could read as others. */
static void
add_ops(struct sada_buf *b, const struct sada_log *log, const uint32_t *op,
    size_t n)
{
	size_t i;

	sada_put_u64(b, n);
	for (i = 0; i < n; i++)
		sada_buf_add(b, sada_log_op(log, op[i])->id.b, SADA_ID_LEN);
}

/* What the acknowledgement A asks for. */
static void
add_asked(struct sada_buf *b, const struct sada_ack *a)
{
	size_t i;

	sada_put_u64(b, a->nwant);
	for (i = 0; i < a->nwant; i++)
		sada_buf_add(b, a->want[i].id.b, SADA_ID_LEN);
	sada_put_u64(b, a->nneed);
	for (i = 0; i < a->nneed; i++)
		sada_buf_add(b, a->need[i].b, SADA_ID_LEN);
}

/* First half of *OUT: what we would say; second: what we have and lack. */
void
sada_send_what(const struct sada_send *s, struct sada_id *out)
{
	static const struct sada_ack none;
	struct sada_buf b = {0};
	struct sada_id own, all;
	uint32_t *tips = NULL;
	size_t i, n = 0;

	add_ops(&b, s->o.log, s->st.heads, s->st.n);
	add_asked(&b, s->o.self);
	/* One that a copy of the store began is no news of ours. */
	sada_put_u64(&b, s->o.raised);
	sada_hash(&own, SADA_CTX_FILE, b.p, b.len);
	sada_put_u64(&b, s->o.n);
	for (i = 0; i < s->o.n; i++) {
		const struct sada_ack *a = send_ack(s, i);

		sada_buf_add(&b, s->o.to[i].id.b, SADA_ID_LEN);
		add_asked(&b, a != NULL ? a : &none);
	}
	sada_context_heads(&tips, &n, s->o.log, s->basis);
	add_ops(&b, s->o.log, tips, n);
	sada_hash(&all, SADA_CTX_FILE, b.p, b.len);
	memcpy(out->b, all.b, SADA_ID_LEN / 2);
	memcpy(out->b + SADA_ID_LEN / 2, own.b, SADA_ID_LEN / 2);
	sada_buf_release(&b);
	free(tips);
}

void
sada_send_free(struct sada_send *s)
{
	if (s == NULL)
		return;
	sada_state_release(&s->st);
	free(s->basis);
	free(s->ops);
	free(s->maps);
	sada_idset_release(&s->seen);
	free(s->object);
	free(s->delta);
	free(s->prefix);
	free(s);
}
