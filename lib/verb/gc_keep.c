/* What gc keeps: which states are young enough. */
#include <stdlib.h>
#include <string.h>

#include "verb/gc_priv.h"

/* A gap in which nothing was recorded counts as this part of the age. */
#define GAP_PART 4

void
sada_keeping_release(struct sada_keeping *k)
{
	free(k->state);
	free(k->state_at);
	memset(k, 0, sizeof(*k));
}

struct growing {
	struct sada_keeping *k;
	size_t cap, cap_at;
};

/* Add the state of the N ops OP; one just like the one before is left out. */
static void
add_state(struct growing *g, const uint32_t *op, size_t n)
{
	struct sada_keeping *k = g->k;
	size_t from = k->nstate > 0 ? k->state_at[k->nstate] : 0, was;

	if (k->nstate > SADA_KEEPING_LIVING) {
		was = k->state_at[k->nstate - 1];
		if (from - was == n && (n == 0 || memcmp(k->state + was, op,
		    n * sizeof(*op)) == 0))
			return;
	}
	k->state = sada_grow(k->state, &g->cap, from + n + 1,
	    sizeof(*k->state));
	if (n > 0)
		memcpy(k->state + from, op, n * sizeof(*op));
	k->state_at = sada_grow(k->state_at, &g->cap_at, k->nstate + 2,
	    sizeof(*k->state_at));
	k->state_at[k->nstate] = from;
	k->state_at[++k->nstate] = from + n;
}

/*
 * Times go backwards from the newest: how old each of them is, by gaps that
 * count as MAX at most and never less than nothing.
 */
struct ageing {
	long long age, max, last;
	int begun, over;
};

/* Is what was at WALL younger than LIMIT, or the first that is not? */
static int
is_young(struct ageing *a, long long wall, long long limit)
{
	long long gap;

	if (a->over)
		return 0;
	if (a->begun) {
		gap = a->last > wall ? a->last - wall : 0;
		a->age += gap < a->max ? gap : a->max;
	}
	a->begun = 1;
	a->last = wall;
	/* In force until the one after it: so it is as young as that. */
	a->over = a->age >= limit;
	return 1;
}

/* The op numbers of line L that are in the log; *N of them. */
static void
line_ops(const struct sada_replica *r, const struct sada_state_line *l,
    uint32_t *op, size_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; i < l->n; i++)
		*n += (size_t)sada_log_find(r->log, &l->heads[i], &op[*n]);
}

static int
has_head(const struct sada_state_line *l, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (sada_id_cmp(&l->heads[i], id) == 0)
			return 1;
	return 0;
}

/* Ops that line L brought beyond those of the line before it. */
static void
note_since(struct sada_keeping *k, const struct sada_replica *r,
    const struct sada_state_line *before, const struct sada_state_line *l)
{
	uint32_t op;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!has_head(before, &l->heads[i]) &&
		    sada_log_find(r->log, &l->heads[i], &op) && op < k->since)
			k->since = op;
}

/*
 * The states that were recorded or laid out here, newest first; *OVER when
 * there are older ones.
 */
static int
keep_lines(struct growing *g, struct sada_replica *r, long long age_ns,
    int *over, struct sada_err *err)
{
	struct ageing a = { .max = age_ns / GAP_PART + 1 };
	struct sada_state_line *line = NULL;
	uint32_t *op = NULL;
	size_t cap = 0, i, n = 0, nop;
	int rc;

	if ((rc = sada_states_read(r, &line, &n, err)) < 0)
		goto out;
	for (i = n; i > 0; i--) {
		if (!is_young(&a, line[i - 1].wall_ns, age_ns))
			break;
		op = sada_grow(op, &cap, line[i - 1].n + 1, sizeof(*op));
		line_ops(r, &line[i - 1], op, &nop);
		add_state(g, op, nop);
		if (!a.over && i > 1)
			note_since(g->k, r, &line[i - 2], &line[i - 1]);
	}
	*over |= a.over;
out:
	free(op);
	sada_states_free(line, n);
	return rc;
}

/* The same of the own ops: the lines are a cache, and may be lost. */
static int
keep_own(struct growing *g, const struct sada_replica *r, long long age_ns)
{
	const struct sada_id *self = &sada_key_pub(r->key)->id;
	struct ageing a = { .max = age_ns / GAP_PART + 1 };
	const struct sada_op_info *op;
	uint32_t i;

	for (i = sada_log_count(r->log); i > 0; i--) {
		op = sada_log_op(r->log, i - 1);
		if (sada_id_cmp(&op->dot.author, self) != 0)
			continue;
		if (!is_young(&a, op->wall_ns, age_ns))
			break;
		add_state(g, &(uint32_t){ i - 1 }, 1);
		if (!a.over && i - 1 < g->k->since)
			g->k->since = i - 1;
	}
	return a.over;
}

/* What PEER has and may give as the old content of a change. */
static int
keep_peer(struct growing *g, struct sada_replica *r,
    const struct sada_peer *peer, struct sada_err *err)
{
	struct sada_ack ack;
	uint32_t *op;
	size_t i, n = 0;
	int rc;

	memset(&ack, 0, sizeof(ack));
	if ((rc = sada_ack_load(&ack, r->sdir, &peer->pub, err)) <= 0)
		return rc;
	op = sada_calloc(ack.nhave + 1, sizeof(*op));
	for (i = 0; i < ack.nhave; i++)
		n += (size_t)sada_log_find(r->log, &ack.have[i].op, &op[n]);
	add_state(g, op, n);
	free(op);
	sada_ack_release(&ack);
	return 0;
}

/* What names are left in: a change of them is recorded on it. */
static void
add_older(struct growing *g, const struct sada_replica *r)
{
	const struct sada_work_info *in;
	uint32_t *op;
	size_t i, k, n;

	if (r->work == NULL)
		return;
	in = sada_work_info(r->work);
	for (i = 0; i < in->nolder; i++) {
		op = sada_calloc(in->older[i].n, sizeof(*op));
		for (k = n = 0; k < in->older[i].n; k++)
			n += (size_t)sada_log_find(r->log,
			    &in->older[i].heads[k], &op[n]);
		add_state(g, op, n);
		free(op);
	}
}

int
sada_keeping_find(struct sada_keeping *k, struct sada_replica *r,
    long long age_ns, struct sada_err *err)
{
	struct growing g = { .k = k };
	uint32_t *head = NULL, i;
	size_t n, p;
	int over, rc = 0;

	memset(k, 0, sizeof(*k));
	k->all = age_ns < 0;
	k->since = k->all ? 0 : sada_log_count(r->log);
	sada_context_heads(&head, &n, r->log, NULL);
	add_state(&g, head, n);
	add_state(&g, r->laid, r->nlaid);
	add_older(&g, r);
	free(head);
	for (p = 0; p < r->peers.n && rc == 0; p++)
		if (!r->peers.p[p].retired)
			rc = keep_peer(&g, r, &r->peers.p[p], err);
	if (rc < 0)
		return rc;
	if (!k->all) {
		over = keep_own(&g, r, age_ns);
		if ((rc = keep_lines(&g, r, age_ns, &over, err)) < 0 || over)
			return rc;
		/* All that is known here is younger. */
		k->all = 1;
		k->since = 0;
	}
	for (i = 0; i < sada_log_count(r->log); i++)
		add_state(&g, &i, 1);
	return 0;
}
