/*
 * Simulation: at last all replicas hear of each other.  Then all must hold
 * the same ops and show the same names, nobody may have more to say, and
 * nothing that was recorded may be gone.
 */
#include <sys/stat.h>

#include "sim.h"

/* ---- ops ---- */

struct opset {
	char (*op)[SADA_VERB_HEX];
	size_t n, cap;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
on_add(const struct sada_log_entry *e, void *ctx)
{
	struct opset *s = ctx;

	s->op = sada_grow(s->op, &s->cap, s->n + 1, sizeof(*s->op));
	(void)memcpy(s->op[s->n++], e->id, SADA_VERB_HEX);
}

/* The ops of R, sorted. */
static void
ops_of(struct sim *w, struct sim_rep *r, struct opset *s)
{
	memset(s, 0, sizeof(*s));
	sim_ops(w, r, on_add, s);
	if (s->n > 0)
		qsort(s->op, s->n, sizeof(*s->op), by_text);
}

static int
has_op(const struct opset *s, const char *op)
{
	return s->n > 0 &&
	    bsearch(op, s->op, s->n, sizeof(*s->op), by_text) != NULL;
}

/* ---- the directory ---- */

struct listing {
	struct sada_buf b;
	struct sim *w;
};

static int
is_store(const char *name)
{
	return strncmp(name, ".sada", 5) == 0 &&
	    (name[5] == '\0' || name[5] == '/');
}

static void
on_name(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct listing *l = ctx;

	if (is_store(name) || sim_held_below(&l->w->unheld, name))
		return;
	sada_buf_addf(&l->b, "%s%c%o %o %" PRIx64 "%c", name, 0, kind,
	    kind == S_IFLNK ? 0 : mode & 0777, kind == S_IFDIR ? 0 :
	    sim_hash(p, n), 0);
}

static void
list_dir(struct sim *w, const struct sim_rep *r, struct listing *l)
{
	memset(l, 0, sizeof(*l));
	l->w = w;
	memfs_walk(r->root, on_name, l);
}

static int
on_listed(const struct sada_listed *l, void *ctx)
{
	sim_say(ctx, "    %c %o %.*s%s groups %u %s", l->kind, l->mode,
	    (int)l->len, l->path, l->copy ? " (copy)" : "", l->groups, l->author);
	return 0;
}

static int
on_change(const struct sada_change *c, void *ctx)
{
	sim_say(ctx, "      %c %.*s", c->what, (int)c->len, c->path);
	return 0;
}

static int
on_entry(const struct sada_log_entry *e, void *ctx)
{
	size_t i;

	sim_say(ctx, "    op %.12s %s seq %" PRIu64 " lamport %" PRIu64
	    "%s", e->id, e->author, e->seq, e->lamport,
	    e->laid ? "" : " not laid");
	for (i = 0; i < e->nparents; i++)
		sim_say(ctx, "      on %.12s", e->parents[i]);
	return 0;
}

/* When verbose: the log of R and what its state shows. */
static void
dump(struct sim *w, struct sim_rep *r)
{
	struct sada_log_opts o = { .each = on_entry, .change = on_change,
	    .flags = SADA_LOG_NAMES, .ctx = w };
	struct sada_replica *x;
	struct sada_err err;

	if (!w->verbose)
		return;
	x = sim_open(w, r, 0);
	sim_say(w, "  %s:", r->root);
	if (sada_ls(x, NULL, SADA_LS_RECURSIVE | SADA_LS_LONG, on_listed, w,
	    &err) < 0 || sada_log_show(x, &o, &err) < 0)
		sim_say(w, "    %s", err.msg);
	sada_close(x);
}

/* Say where two listings part. */
static _Noreturn void
differ(struct sim *w, struct listing *a, struct listing *b,
    struct sim_rep *x, struct sim_rep *y)
{
	const char *p = sada_buf_str(&a->b), *q = sada_buf_str(&b->b);
	const char *pe = p + a->b.len, *qe = q + b->b.len, *was = "";

	while (p < pe && q < qe && strcmp(p, q) == 0) {
		was = p;
		p += strlen(p) + 1;
		q += strlen(q) + 1;
	}
	dump(w, x);
	dump(w, y);
	sim_fail(w, "directories differ", "%.60s: %s: %.120s, %s: %.120s",
	    was, x->root, p < pe ? p : "(end)", y->root, q < qe ? q :
	    "(end)");
}

struct odd {
	char path[1400];
	const char *root;
};

static void
on_odd(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct odd *o = ctx;
	const char *base = strrchr(name, '/');

	(void)kind;
	(void)mode;
	(void)p;
	(void)n;
	if (o->path[0] == '\0' && base != NULL && !is_store(name) &&
	    strcasecmp(base + 1, ".sada") == 0)
		(void)snprintf(o->path, sizeof(o->path), "%s/%s", o->root,
		    name);
}

/* The user takes away what cannot be synced, for it may hold up a delete. */
static void
clear_odd(const struct sim_rep *r)
{
	struct odd o;

	do {
		o.path[0] = '\0';
		o.root = r->root;
		memfs_walk(r->root, on_odd, &o);
		if (o.path[0] != '\0')
			(void)memfs_remove(o.path);
	} while (o.path[0] != '\0');
}

/* ---- rounds ---- */

static void
state_id(struct sim *w, struct sim_rep *r, char hex[SADA_VERB_HEX])
{
	struct sada_replica *x = sim_open(w, r, 0);
	struct sada_err err;
	int rc;

	rc = sada_status_id(x, NULL, hex, &err);
	sim_close(w, x);
	if (rc < 0)
		sim_fail(w, "state id", "%s: %s", r->root, err.msg);
}

static void
shuffle(struct sim *w, unsigned *order, unsigned n)
{
	unsigned i, k, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n; i > 1; i--) {
		k = sim_below(w, i);
		t = order[i - 1];
		order[i - 1] = order[k];
		order[k] = t;
	}
}

/* Have all one state? */
static int
all_same(struct sim *w)
{
	char first[SADA_VERB_HEX], id[SADA_VERB_HEX];
	unsigned k;

	state_id(w, &w->rep[0], first);
	for (k = 1; k < w->nrep; k++) {
		state_id(w, &w->rep[k], id);
		if (strcmp(first, id) != 0)
			return 0;
	}
	return 1;
}

/* Contents that R asks for. */
static uint64_t
wants_of(struct sim *w, struct sim_rep *r)
{
	struct sada_replica *x = sim_open(w, r, 0);
	struct sada_status st;
	struct sada_err err;

	if (sada_status(x, &st, &err) < 0)
		sim_fail(w, "status", "%s: %s", r->root, err.msg);
	sim_close(w, x);
	return st.wants;
}

/*
 * Everybody says all to all, who merge at once; how many ops were new to
 * somebody, and in WANTED how many names lack their content, and contents
 * that are asked for (a merge may need one that no name shows).  Where all
 * have one state already, one who speaks is enough to hear that it is so.
 */
static uint64_t
heal_round(struct sim *w, unsigned round, uint64_t *wanted)
{
	unsigned order[SIM_REPS], i, k, talk = w->nrep;
	struct sada_merge_result res;
	char op[SADA_VERB_HEX];
	struct sim_mail *m;
	uint64_t ops, news = 0, had = *wanted;

	*wanted = 0;
	shuffle(w, order, w->nrep);
	for (i = 0; i < w->nrep; i++) {
		struct sim_rep *r = &w->rep[order[i]];

		(void)sim_snap(w, r, 0, SIM_ACCEPT, op);
		if (op[0] != '\0' && round > 0)
			sim_fail(w, "not quiet", "round %u: %s writes %.12s",
			    round, r->root, op);
		news += op[0] != '\0';
	}
	if (round > 0 && had == 0 && all_same(w) && sim_below(w, 8) > 0)
		talk = 1;
	for (i = 0; i < talk; i++) {
		struct sim_rep *r = &w->rep[order[i]];

		m = sim_push(w, r, 0, (1U << w->nkey) - 1, 1);
		for (k = 0; k < w->nrep; k++) {
			if (w->rep[k].key == r->key)
				continue;
			(void)sim_pull(w, &w->rep[k], 0, m, 1, &ops);
			news += ops;
		}
		sim_mail_drop(w, (unsigned)(m - w->mail));
	}
	for (i = 0; i < w->nrep; i++) {
		(void)sim_merge(w, &w->rep[i], 0, SIM_ACCEPT, &res);
		*wanted += res.wanted + wants_of(w, &w->rep[i]);
		if (res.failed > 0 || res.left > 0)
			sim_fail(w, "not laid out", "round %u: %s: left %"
			    PRIu64 " failed %" PRIu64, round,
			    w->rep[i].root, res.left, res.failed);
	}
	return news;
}

/* ---- contents that nobody has ---- */

struct lack {
	struct sim *w;
	struct sim_helds *to;
};

static int
on_lack(const struct sada_listed *l, void *ctx)
{
	struct lack *k = ctx;
	char path[4200];

	if (l->held || l->content[0] == '\0')
		return 0;
	(void)snprintf(path, sizeof(path), "%.*s", (int)l->len, l->path);
	sim_held_add(k->to, "", path, NULL, 0);
	memcpy(k->to->h[k->to->n - 1].content, l->content, SADA_VERB_HEX);
	return 0;
}

static int
on_drop(const void *p, size_t n, void *ctx)
{
	(void)p;
	(void)n;
	(void)ctx;
	return 0;
}

/*
 * What is wanted at last may be so only when no store has it: its author
 * was set back, and it never reached anybody whole.
 */
static void
check_wanted(struct sim *w)
{
	struct lack l = { w, &w->unheld };
	struct sada_replica *x;
	struct sada_err err;
	char spec[100];
	unsigned k;
	size_t i;
	int rc;

	for (k = 0; k < w->nrep; k++) {
		x = sim_open(w, &w->rep[k], 0);
		rc = sada_ls(x, "@+", SADA_LS_RECURSIVE, on_lack, &l, &err);
		sim_close(w, x);
		if (rc < 0)
			sim_fail(w, "ls", "%s", err.msg);
	}
	for (k = 0; k < w->nrep; k++) {
		x = sim_open(w, &w->rep[k], 0);
		for (i = 0; i < w->unheld.n; i++) {
			(void)snprintf(spec, sizeof(spec), "content:%s",
			    w->unheld.h[i].content);
			if (sada_cat(x, spec, on_drop, NULL, &err) == 0)
				sim_fail(w, "content did not come", "%s "
				    "has what %s wants", w->rep[k].root,
				    w->unheld.h[i].path);
		}
		sim_close(w, x);
	}
	/* A base that was swept by all who had it: its versions stand. */
	if (w->unheld.n == 0 && w->swept) {
		w->count[N_BASES]++;
		return;
	}
	if (w->unheld.n == 0 || !w->restored)
		sim_fail(w, "content wanted for ever", "%s", w->unheld.n > 0 ?
		    w->unheld.h[0].path : "?");
	w->count[N_UNHELD]++;
}

/* ---- what must hold at the end ---- */

static int
on_bytes(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

/* Every content that this store recorded is in it. */
static void
check_held(struct sim *w, struct sim_rep *r)
{
	struct sada_replica *x = sim_open(w, r, 0);
	struct sada_buf spec = { 0 }, b = { 0 };
	const struct sim_held *h;
	struct sada_err err;
	size_t i;
	int rc;

	for (i = 0; i < r->held.n; i++) {
		h = &r->held.h[i];
		sada_buf_release(&spec);
		sada_buf_addf(&spec, "content:%s", h->content);
		b.len = 0;
		rc = sada_cat(x, sada_buf_str(&spec), on_bytes, &b, &err);
		w->count[N_CHECKED]++;
		if (rc < 0)
			sim_fail(w, "content lost", "%s: %.12s:%s: %s",
			    r->root, h->op, h->path, err.msg);
		if (b.len != h->size)
			sim_fail(w, "content changed", "%s: %.12s:%s",
			    r->root, h->op, h->path);
	}
	sada_buf_release(&spec);
	sada_buf_release(&b);
	sim_close(w, x);
}

static void
on_damage(const char *what, void *ctx)
{
	struct sim *w = ctx;

	sim_say(w, "    damage: %s", what);
	(void)snprintf(w->text, sizeof(w->text), "%s", what);
}

static void
check_store(struct sim *w, struct sim_rep *r)
{
	struct sada_open_opts oo = { r->root, 0, 0, NULL };
	struct sada_verify_result res;
	struct sada_err err;
	int rc;

	memset(&res, 0, sizeof(res));
	sim_meet(w, r, 0);
	rc = sada_verify(&oo, on_damage, w, &res, &err);
	(void)sim_met(w, r, "verify", rc, &err, 0);
	if (res.damaged > 0)
		sim_fail(w, "verify", "%s: %s", r->root, w->text);
}

/* Ops that anybody had at the start are with everybody. */
static void
check_ops(struct sim *w, struct opset *all)
{
	struct opset last;
	size_t i;
	unsigned k, m;

	for (k = 0; k < w->nrep; k++) {
		ops_of(w, &w->rep[k], &last);
		for (m = 0; m < w->nrep; m++)
			for (i = 0; i < all[m].n; i++)
				if (!has_op(&last, all[m].op[i]))
					sim_fail(w, "op lost", "%s lacks "
					    "%.12s of %s", w->rep[k].root,
					    all[m].op[i], w->rep[m].root);
		for (i = 0; i < w->ntold; i++)
			if (!w->told[i].excused &&
			    !has_op(&last, w->told[i].op))
				sim_fail(w, "told op lost", "%s lacks %.12s",
				    w->rep[k].root, w->told[i].op);
		free(last.op);
	}
}

static void
check_same(struct sim *w)
{
	char first[SADA_VERB_HEX], id[SADA_VERB_HEX];
	struct listing a, b;
	unsigned k;

	state_id(w, &w->rep[0], first);
	list_dir(w, &w->rep[0], &a);
	for (k = 1; k < w->nrep; k++) {
		state_id(w, &w->rep[k], id);
		if (strcmp(first, id) != 0)
			sim_fail(w, "states differ", "%s %.12s, %s %.12s",
			    w->rep[0].root, first, w->rep[k].root, id);
		list_dir(w, &w->rep[k], &b);
		if (a.b.len != b.b.len || (a.b.len > 0 &&
		    memcmp(a.b.p, b.b.p, a.b.len) != 0))
			differ(w, &a, &b, &w->rep[0], &w->rep[k]);
		sada_buf_release(&b.b);
	}
	sada_buf_release(&a.b);
}

void
sim_heal(struct sim *w)
{
	struct opset all[SIM_REPS];
	unsigned k, round, most = w->nrep + 2;
	uint64_t news, wanted = 0, before = 0;
	char op[SADA_VERB_HEX];
	struct sada_merge_result res;

	for (k = 0; k < w->nrep; k++)
		clear_odd(&w->rep[k]);
	for (k = 0; k < w->nrep; k++)
		ops_of(w, &w->rep[k], &all[k]);
	for (round = 0; (news = heal_round(w, round, &wanted)) > 0 ||
	    (wanted > 0 && wanted != before); round++) {
		if (round >= most)
			sim_fail(w, "no rest", "after %u rounds: %" PRIu64
			    " new, %" PRIu64 " wanted", round, news, wanted);
		before = wanted;
	}
	if (wanted > 0)
		check_wanted(w);
	if ((long)round > w->count[N_ROUNDS])
		w->count[N_ROUNDS] = (long)round;
	check_ops(w, all);
	for (k = 0; k < w->nrep; k++)
		free(all[k].op);
	check_same(w);
	for (k = 0; k < w->nrep; k++) {
		(void)sim_snap(w, &w->rep[k], 0, 0, op);
		if (op[0] != '\0')
			sim_fail(w, "not quiet", "%s", w->rep[k].root);
		(void)sim_merge(w, &w->rep[k], 0, 0, &res);
		check_held(w, &w->rep[k]);
		check_store(w, &w->rep[k]);
	}
	sim_after(w);
}
