/* How this replica folds: its merger, with cache and settings. */
#include <stdlib.h>
#include <string.h>

#include "merge/command.h"
#include "verb/look_priv.h"

#define CACHE_FILE "merged"
#define CACHE_MAX (256u << 20)
/* What a merge command may take. */
#define SADA_COMMAND_SECONDS 60

static void
load_cache(struct sada_melding *x)
{
	struct sada_buf b = {0};
	struct sada_err e;

	x->cache = sada_merge_cache_new();
	if (sada_io_slurp(x->r->sdir, CACHE_FILE, CACHE_MAX, &b, &e) == 0)
		(void)sada_merge_cache_decode(x->cache, b.p, b.len);
	sada_buf_release(&b);
}

/* A cache: that it cannot be written is no fault of the merge. */
static void
save_cache(struct sada_melding *x)
{
	struct sada_buf b = {0};
	struct sada_err e;

	if (sada_merge_cache_encode(x->cache, &b) &&
	    sada_io_publish(x->r->sdir, CACHE_FILE, b.p, b.len,
	    SADA_PUBLISH_CACHE, &e) < 0)
		sada_note(x->r, SADA_NOTE_INFO, NULL, 0, e.msg);
	sada_buf_release(&b);
}

/*
 * The rules that travel: the highest version of their file in ST's map, as
 * it is, for what it says decides how others merge.  One that is not here
 * yet says nothing.
 */
static int
read_rules(struct sada_buf *out, struct sada_state *st,
    struct sada_err *err)
{
	struct sada_source src = { st->ns.store, st->ns.txn };
	const struct sada_version *v;
	struct sada_node node = {0};
	struct sada_entry e;
	int rc;

	if ((rc = sada_map_get(&st->ns, &st->root, SADA_RULES_NAME,
	    strlen(SADA_RULES_NAME), &node, &e, err)) <= 0)
		goto out;
	v = sada_lead(e.v, e.nv, sada_state_lamport, st);
	rc = 0;
	if (v->kind != SADA_FILE || v->size > SADA_RULES_MAX)
		goto out;
	rc = sada_file_load(&src, &v->content, v->size, out, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		sada_buf_reset(out);
		rc = 0;
	}
out:
	sada_node_release(&node);
	return rc;
}

/* This replica's own rules, out of its config. */
struct local {
	struct sada_rule *rule;
	size_t n, cap;
	struct sada_buf print;		/* all that they say */
	const char *bad;		/* a driver that is none */
	const char *bad_at;
};

static int
each_value(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	struct local *l = ctx;
	struct sada_rule *r;

	if (strcmp(section, "merge") != 0 || sub == NULL ||
	    (strcmp(key, "driver") != 0 && strcmp(key, "command") != 0))
		return 0;
	l->rule = sada_grow(l->rule, &l->cap, l->n + 1, sizeof(*l->rule));
	r = &l->rule[l->n++];
	r->pattern = sub;
	r->command = NULL;
	r->driver = SADA_MERGE_COMMAND;
	if (strcmp(key, "command") == 0)
		r->command = value;
	else
		r->driver = sada_driver_find(value, strlen(value));
	if (r->driver == 0) {
		l->bad = value;
		l->bad_at = sub;
	}
	sada_buf_add(&l->print, sub, strlen(sub) + 1);
	sada_buf_add(&l->print, key, strlen(key) + 1);
	sada_buf_add(&l->print, value, strlen(value) + 1);
	return 0;
}

/* Rules of ST and of this replica; the print of the latter to PRINT. */
static int
make_rules(struct sada_rules **out, struct sada_id *print,
    const struct sada_replica *r, struct sada_state *st,
    struct sada_err *err)
{
	struct local l = {0};
	struct sada_buf text = {0};
	int rc;

	*out = NULL;
	(void)sada_config_each(r->config, each_value, &l);
	sada_put_u32(&l.print, SADA_MERGE_NUMBER);
	sada_hash(print, SADA_CTX_MERGE, l.print.p, l.print.len);
	if (l.bad != NULL) {
		rc = sada_err_set(err, SADA_USAGE, "%s/.sada/config: [merge "
		    "\"%.200s\"]: %.200s is no driver; see sadamerge(5)",
		    r->path, l.bad_at, l.bad);
		goto out;
	}
	/* Without a state only the local rules are looked at. */
	if (st != NULL && (rc = read_rules(&text, st, err)) < 0)
		goto out;
	rc = sada_rules_new(out, text.p, text.len, l.rule, l.n, err);
out:
	free(l.rule);
	sada_buf_release(&l.print);
	sada_buf_release(&text);
	return rc;
}

void
sada_rules_note(const struct sada_rules *rules, const struct sada_replica *r)
{
	struct sada_buf what = {0};
	size_t line, n = sada_rules_skipped(rules, &line);

	if (n == 0)
		return;
	sada_buf_addf(&what, "line %zu is no rule", line);
	if (n > 1)
		sada_buf_addf(&what, ", nor %s %zu more", n > 2 ? "are" : "is",
		    n - 1);
	sada_note(r, SADA_NOTE_WARN, SADA_RULES_NAME, strlen(SADA_RULES_NAME),
	    sada_buf_str(&what));
	sada_buf_release(&what);
}

static unsigned
driver(const char *path, size_t len, const char **command, void *ctx)
{
	const struct sada_melding *x = ctx;

	return sada_rules_ask(x->rules, path, len, command);
}

static int
by_rows(const char *path, size_t len, void *ctx)
{
	return sada_rules_ask(ctx, path, len, NULL) == SADA_MERGE_SQLITE;
}

static int
run(struct sada_buf *out, const char *command, const char *path, size_t len,
    const struct sada_three *in, void *ctx, struct sada_err *err)
{
	struct sada_melding *x = ctx;
	struct sada_buf name = {0}, talk = {0};
	struct sada_command c = { command, NULL, x->r->sdir,
	    SADA_COMMAND_SECONDS };
	int rc;

	/* Only where there is a lock: two of them could not share a place. */
	if (x->r->lock < 0)
		return 0;
	sada_buf_add(&name, path, len);
	c.path = sada_buf_str(&name);
	rc = sada_merge_command(out, &talk, &c, in, err);
	if (talk.len > 0)
		sada_note(x->r, SADA_NOTE_WARN, path, len,
		    sada_buf_str(&talk));
	sada_buf_release(&name);
	sada_buf_release(&talk);
	return rc;
}

static void
options(struct sada_merger_opts *o, struct sada_melding *x,
    struct sada_state *st, struct sada_txn *txn)
{
	memset(o, 0, sizeof(*o));
	o->st = st;
	o->txn = txn;
	o->driver = driver;
	o->run = run;
	o->ctx = x;
	o->cache = x->cache;
}

int
sada_melding_open(struct sada_melding *x, struct sada_replica *r,
    struct sada_state *st, struct sada_err *err)
{
	struct sada_merger_opts o;
	int rc;

	memset(x, 0, sizeof(*x));
	x->r = r;
	x->by.lamport = sada_state_lamport;
	x->by.ctx = st;
	load_cache(x);
	if ((rc = make_rules(&x->rules, &x->print, r, st, err)) < 0)
		return rc;
	x->db.is = by_rows;
	x->db.ctx = x->rules;
	options(&o, x, st, NULL);
	if ((rc = sada_carry_new(&x->carry, r->log, st->past, &st->ns,
	    &st->root, err)) < 0)
		return rc;
	x->by.carry = x->carry;
	return sada_merger_new(&x->by.merger, &o, err);
}

int
sada_melding_store(struct sada_melding *x, struct sada_state *st,
    struct sada_err *err)
{
	struct sada_view_by by = x->by;
	struct sada_merger_opts o;
	struct sada_txn_stat wrote;
	struct sada_txn *txn = NULL;
	int rc;

	by.merger = NULL;
	if ((rc = sada_txn_begin(&txn, x->r->store, err)) < 0)
		goto out;
	options(&o, x, st, txn);
	if ((rc = sada_merger_new(&by.merger, &o, err)) < 0 ||
	    (rc = sada_view_prepare(&st->ns, &st->root, &by, err)) < 0)
		goto out;
	sada_txn_stat(txn, &wrote);
	if (wrote.objects > 0) {
		rc = sada_txn_commit(txn, err);
		txn = NULL;
		if (rc < 0 ||
		    (rc = sada_store_refresh(x->r->store, err)) < 0)
			goto out;
	}
	save_cache(x);
out:
	sada_merger_free(by.merger);
	sada_txn_abort(txn);
	return rc;
}

struct sada_source
sada_melding_source(const struct sada_melding *x)
{
	return sada_merger_source(x->by.merger);
}

int
sada_melding_apply(struct sada_apply_result *res, struct sada_melding *x,
    struct sada_apply_opts *o, struct sada_err *err)
{
	int rc;

	o->root = x->r->root;
	o->sdir = x->r->sdir;
	o->src = sada_melding_source(x);
	o->db = &x->db;
	if ((rc = sada_apply(res, o, err)) != 0 || (o->flags & SADA_APPLY_DRY))
		return rc;
	if (sada_id_cmp(sada_merge_cache_print(x->cache), &x->print) != 0) {
		sada_merge_cache_set_print(x->cache, &x->print);
		save_cache(x);
	}
	return rc;
}

void
sada_melding_release(struct sada_melding *x)
{
	sada_merger_free(x->by.merger);
	sada_carry_free(x->carry);
	sada_merge_cache_free(x->cache);
	sada_rules_free(x->rules);
	memset(x, 0, sizeof(*x));
}

int
sada_melding_stands(struct sada_replica *r)
{
	struct sada_melding x;
	struct sada_err e;
	int same;

	memset(&x, 0, sizeof(x));
	x.r = r;
	load_cache(&x);
	same = make_rules(&x.rules, &x.print, r, NULL, &e) == 0 &&
	    sada_id_cmp(sada_merge_cache_print(x.cache), &x.print) == 0;
	sada_melding_release(&x);
	return same;
}

int
sada_row_rules_open(struct sada_row_rules *x, struct sada_replica *r,
    struct sada_state *st, struct sada_err *err)
{
	struct sada_state laid;
	struct sada_id print;
	int rc = 0;

	memset(x, 0, sizeof(*x));
	memset(&laid, 0, sizeof(laid));
	if (st == NULL) {
		st = &laid;
		rc = sada_state_init(&laid, r->log, r->store, NULL, r->laid,
		    r->nlaid, NULL, err);
	}
	if (rc == 0 && (rc = make_rules(&x->rules, &print, r, st,
	    err)) == 0) {
		x->db.is = by_rows;
		x->db.ctx = x->rules;
	}
	sada_state_release(&laid);
	return rc;
}

void
sada_row_rules_release(struct sada_row_rules *x)
{
	sada_rules_free(x->rules);
	memset(x, 0, sizeof(*x));
}
