/*
 * The rules of convergence once more, by their letter: every op's map is
 * worked out from the changes in its record with lists and loops, and the
 * state of all ops must be the one that the library comes to.  Only the
 * decoding of records is the library's.
 */
#include "sim.h"

#include "verb/look_priv.h"

/* A version at a path. */
struct item {
	char *path;
	size_t len;
	struct sada_id id;
	struct sada_version v;
};

struct items {
	struct item *i;
	size_t n, cap;
};

struct nop {
	unsigned char *past;		/* a byte for each op, itself too */
	struct items map;
};

struct naive {
	struct sim *w;
	struct sada_replica *rep[SIM_REPS];
	unsigned nrep;
	struct sada_log *log;		/* of the first */
	struct nop *op;
	uint32_t n;
};

static void
put(struct items *x, const char *path, size_t len,
    const struct sada_version *v)
{
	struct item *i;

	x->i = sada_grow(x->i, &x->cap, x->n + 1, sizeof(*x->i));
	i = &x->i[x->n++];
	i->path = sada_memdup(path, len + 1);
	i->len = len;
	i->v = *v;
	sada_version_id(&i->id, v);
}

static void
drop(struct items *x)
{
	size_t k;

	for (k = 0; k < x->n; k++)
		free(x->i[k].path);
	free(x->i);
	memset(x, 0, sizeof(*x));
}

static int
at(const struct item *a, const char *path, size_t len)
{
	return a->len == len && memcmp(a->path, path, len) == 0;
}

static const struct item *
find(const struct items *x, const struct item *a)
{
	size_t k;

	for (k = 0; k < x->n; k++)
		if (at(&x->i[k], a->path, a->len) &&
		    memcmp(x->i[k].id.b, a->id.b, SADA_ID_LEN) == 0)
			return &x->i[k];
	return NULL;
}

/* Is an op I in the past of one of the N ops OF? */
static int
in_past(const struct naive *x, uint32_t i, const uint32_t *of, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++)
		if (x->op[of[k]].past[i])
			return 1;
	return 0;
}

/* Has PAST all ops with dot D that the N ops OF have seen, one at least? */
static int
seen(const struct naive *x, const unsigned char *past,
    const struct sada_dot *d, const uint32_t *of, size_t n)
{
	const struct sada_dot *o;
	uint32_t i;
	int any = 0;

	for (i = 0; i < x->n; i++) {
		o = &sada_log_op(x->log, i)->dot;
		if (o->tag != d->tag || o->seq != d->seq ||
		    o->epoch != d->epoch || memcmp(o->author.b, d->author.b,
		    SADA_ID_LEN) != 0 || !in_past(x, i, of, n))
			continue;
		if (!past[i])
			return 0;
		any = 1;
	}
	return any;
}

/* Is register A above B: lamport, author, mode, time? */
static int
above(const struct sada_version *a, const struct sada_version *b)
{
	int c = memcmp(a->stamp_author.b, b->stamp_author.b, SADA_ID_LEN);

	if (a->stamp_lamport != b->stamp_lamport)
		return a->stamp_lamport > b->stamp_lamport;
	if (c != 0)
		return c > 0;
	if (a->mode != b->mode)
		return a->mode > b->mode;
	return a->mtime_s != b->mtime_s ? a->mtime_s > b->mtime_s :
	    a->mtime_ns > b->mtime_ns;
}

/* Those of OPS that no other has in its past, each once: new array of *N. */
static uint32_t *
heads_of(const struct naive *x, const uint32_t *ops, size_t n, size_t *count)
{
	uint32_t *out = sada_calloc(n + 1, sizeof(*out));
	size_t i, j;
	int head;

	for (i = *count = 0; i < n; i++) {
		for (j = 0, head = 1; j < n; j++)
			head &= ops[j] == ops[i] ? j >= i :
			    !x->op[ops[j]].past[ops[i]];
		if (head)
			out[(*count)++] = ops[i];
	}
	return out;
}

/* Add A, or its register if that is higher than what is there. */
static void
join_one(struct items *out, const struct item *a)
{
	size_t m;

	for (m = 0; m < out->n; m++)
		if (at(&out->i[m], a->path, a->len) &&
		    memcmp(out->i[m].id.b, a->id.b, SADA_ID_LEN) == 0) {
			if (above(&a->v, &out->i[m].v))
				out->i[m].v = a->v;
			return;
		}
	put(out, a->path, a->len, &a->v);
}

/* The join of the maps of OPS. */
static void
join(const struct naive *x, struct items *out, const uint32_t *ops,
    size_t n)
{
	const struct item *a;
	uint32_t *head;
	size_t i, j, k, nh;
	int lives;

	head = heads_of(x, ops, n, &nh);
	for (i = 0; i < nh; i++)
		for (k = 0; k < x->op[head[i]].map.n; k++) {
			a = &x->op[head[i]].map.i[k];
			for (j = 0, lives = 1; j < nh; j++)
				lives &= find(&x->op[head[j]].map, a) !=
				    NULL || !seen(x, x->op[head[j]].past,
				    &a->v.dot, head, nh);
			if (lives)
				join_one(out, a);
		}
	free(head);
}

/* Read all entries under ROOT. */
static void
gather(struct naive *x, struct items *out, struct sada_nodes *ns,
    const struct sada_id *root)
{
	struct sada_cursor *c = NULL;
	struct sada_entry e;
	struct sada_err err;
	size_t k;
	int rc;

	rc = sada_cursor_open(&c, ns, root, &err);
	while (rc >= 0 && (rc = sada_cursor_next(c, &e, &err)) == 1)
		for (k = 0; k < e.nv; k++)
			put(out, e.path, e.len, &e.v[k]);
	sada_cursor_free(c);
	if (rc < 0)
		sim_fail(x->w, "a map cannot be read", "%s", err.msg);
}

/* Op I: what its parents' maps give together, with its changes. */
static void
replay(struct naive *x, uint32_t i)
{
	const struct sada_op_info *o = sada_log_op(x->log, i);
	struct nop *op = &x->op[i];
	struct sada_changes ch;
	struct sada_cursor *c = NULL;
	struct sada_nodes ns = { .store = NULL };
	struct sada_entry e;
	struct sada_err err;
	size_t k, m;
	uint32_t j;
	int rc = SADA_NOTFOUND;

	op->past = sada_calloc(x->n, 1);
	op->past[i] = 1;
	for (k = 0; k < o->nparents; k++)
		for (j = 0; j < x->n; j++)
			op->past[j] |= x->op[o->parents[k]].past[j];
	/* Who took it with a whole map does not have its changes. */
	for (k = 0; k < x->nrep && rc == SADA_NOTFOUND; k++) {
		memset(&ch, 0, sizeof(ch));
		if (!sada_log_find(x->rep[k]->log, &o->id, &j))
			continue;
		rc = sada_changes_open(&ch, x->rep[k]->log, x->rep[k]->store,
		    NULL, j, &err);
		if (rc == SADA_NOTFOUND)
			sada_changes_release(&ch);
	}
	for (k = 0; k < x->nrep && rc == SADA_NOTFOUND; k++) {
		ns.store = x->rep[k]->store;
		if (!sada_id_zero(&o->root) &&
		    !sada_store_has(ns.store, SADA_OBJ_NODE, &o->root))
			continue;
		gather(x, &op->map, &ns, &o->root);
		return;
	}
	if (rc == SADA_NOTFOUND)
		sim_fail(x->w, "an op that nobody can replay", "%s", err.msg);
	join(x, &op->map, o->parents, o->nparents);
	if (rc == 0)
		rc = sada_cursor_open(&c, &ch.ns, &ch.root, &err);
	while (rc >= 0 && (rc = sada_cursor_next(c, &e, &err)) == 1) {
		for (k = m = 0; k < op->map.n; k++)
			if (at(&op->map.i[k], e.path, e.len))
				free(op->map.i[k].path);
			else
				op->map.i[m++] = op->map.i[k];
		op->map.n = m;
		for (k = 0; k < e.nv; k++)
			put(&op->map, e.path, e.len, &e.v[k]);
	}
	sada_cursor_free(c);
	sada_changes_release(&ch);
	if (rc < 0)
		sim_fail(x->w, "changes cannot be read", "%s", err.msg);
}

static void
compare(struct naive *x, const struct items *a, const struct items *b)
{
	const struct item *o;
	size_t k;

	for (k = 0; k < a->n; k++) {
		o = find(b, &a->i[k]);
		if (o == NULL || above(&o->v, &a->i[k].v) ||
		    above(&a->i[k].v, &o->v))
			sim_fail(x->w, "the state is not what the rules give",
			    "%.*s, %zu against %zu versions",
			    (int)a->i[k].len, a->i[k].path, a->n, b->n);
	}
}

void
sim_after(struct sim *w)
{
	struct naive x = { .w = w };
	struct sada_replica *r;
	struct items all = { NULL, 0, 0 }, is = { NULL, 0, 0 };
	struct sada_state st;
	struct sada_err err;
	uint32_t *ops, i, j;

	for (; x.nrep < w->nrep; x.nrep++)
		x.rep[x.nrep] = sim_open(w, &w->rep[x.nrep], 0);
	r = x.rep[0];
	x.log = r->log;
	x.n = sada_log_count(r->log);
	ops = sada_calloc(x.n + 1, sizeof(*ops));
	x.op = sada_calloc(x.n + 1, sizeof(*x.op));
	for (i = 0; i < x.n; i++) {
		ops[i] = i;
		replay(&x, i);
		for (j = 0; j < i; j++)
			w->count[N_TWINS] += sada_dot_cmp(&sada_log_op(x.log,
			    i)->dot, &sada_log_op(x.log, j)->dot) == 0;
	}
	join(&x, &all, ops, x.n);
	if (sada_state_init(&st, r->log, r->store, NULL, ops, x.n, NULL,
	    &err) < 0)
		sim_fail(w, "the state cannot be made", "%s", err.msg);
	gather(&x, &is, &st.ns, &st.root);
	compare(&x, &all, &is);
	compare(&x, &is, &all);
	w->count[N_NAIVE] += (long)x.n;
	sada_state_release(&st);
	for (i = 0; i < x.n; i++) {
		free(x.op[i].past);
		drop(&x.op[i].map);
	}
	free(x.op);
	free(ops);
	drop(&all);
	drop(&is);
	while (x.nrep > 1)
		sada_close(x.rep[--x.nrep]);
	sim_close(w, r);
}
