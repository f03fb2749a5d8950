/*
 * Simulation: what a command does, from open to close, with or without a
 * fault, and what must hold after any of them.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "sim.h"

static const char *
code_name(int rc)
{
	static const char *const names[] = { "OK", "SYS", "NOTFOUND",
	    "FORMAT", "VERSION", "AUTH", "BUSY", "GUARD", "LATER", "DAMAGED",
	    "USAGE", "ABSENT", "AGAIN" };

	return rc > 0 || -rc >= (int)(sizeof(names) / sizeof(*names)) ?
	    "?" : names[-rc];
}

/* ---- faults ---- */

enum { FAULT_NONE, FAULT_CRASH, FAULT_FAIL, FAULT_FULL, FAULT_N };

void
sim_meet(struct sim *w, struct sim_rep *r, unsigned fault)
{
	static const int errors[] = { EIO, ENOSPC, EIO, EDQUOT, EACCES,
	    EMFILE };
	long n = 1 + (long)sim_below(w, 1U << (1 + sim_below(w, 9)));

	memfs_machine(r->machine);
	memfs_arm_none();
	while (w->nnote > 0)
		free(w->note[--w->nnote]);
	w->count[N_VERBS]++;
	switch (fault % FAULT_N) {
	case FAULT_CRASH:
		memfs_arm_crash(n);
		break;
	case FAULT_FAIL:
		memfs_arm_fail(n, errors[sim_below(w, 6)],
		    (int)sim_below(w, 2));
		break;
	case FAULT_FULL:
		memfs_room(r->disk, sim_below(w, 1U << (4 +
		    sim_below(w, 14))));
		break;
	default:
		break;
	}
}

int
sim_met(struct sim *w, struct sim_rep *r, const char *verb, int rc,
    const struct sada_err *err, unsigned ok)
{
	const char *fired = memfs_fired();
	int dead = memfs_dead(), full = memfs_was_full(r->disk), hit;
	unsigned loss;
	size_t i;

	sim_say(w, "  %s %s: %s%s%s%s%s", r->root, verb, code_name(rc),
	    rc < 0 ? ": " : "", rc < 0 ? err->msg : "",
	    fired != NULL ? (dead ? "; crash in " : "; fault in ") : "",
	    fired != NULL ? fired : "");
	if (memfs_open_count() != 0)
		sim_fail(w, "handles leaked", "%zu after %s (%s)",
		    memfs_open_count(), verb, code_name(rc));
	memfs_arm_none();
	memfs_room(r->disk, UINT64_MAX);
	if (dead) {
		loss = sim_below(w, 5);
		memfs_crash(r->disk, loss == 0 ? MEMFS_KILL : loss == 1 ?
		    MEMFS_DROP : MEMFS_POWER, sim_rand(w));
		memfs_settle(r->disk);
		w->count[N_CRASHES]++;
	} else if (fired != NULL) {
		w->count[N_FAULTS]++;
	}
	w->count[N_FULL] += full;
	hit = fired != NULL || full;
	for (i = 0; i < w->nnote; i++)
		sim_held_add(&r->avoid, "", w->note[i], NULL, 0);
	if (hit || strcmp(verb, "snap") != 0)
		r->fresh = 0;
	if (rc >= 0)
		return hit;
	if (hit && rc == SADA_SYS)
		return hit;
	if (-rc > 30 || (SIM_OK(rc) & ok) == 0)
		sim_fail(w, hit ? "code after a fault" : "code", "%s: %s "
		    "(%s)%s%s", verb, code_name(rc), err->msg,
		    fired != NULL ? " fault in " : "",
		    fired != NULL ? fired : "");
	return hit;
}

/* ---- talk ---- */

/* Read all of S (may be NULL), as one who prints it would. */
static void
touch(struct sim *w, const char *s)
{
	if (s != NULL)
		w->read += strlen(s);
}

static void
on_note(unsigned level, const char *path, size_t len, const char *what,
    void *ctx)
{
	struct sim *w = ctx;

	touch(w, what);
	sim_say(w, "    (%u) %.*s: %s", level, path != NULL ? (int)len : 0,
	    path != NULL ? path : "", what);
	if (path == NULL)
		return;
	w->note = sada_grow(w->note, &w->capnote, w->nnote + 1,
	    sizeof(*w->note));
	w->note[w->nnote++] = sada_memdup(path, len);
}

static struct sada_talk
talk_of(struct sim *w)
{
	struct sada_talk t = { on_note, NULL, w };

	return t;
}

struct sada_replica *
sim_open(struct sim *w, struct sim_rep *r, unsigned flags)
{
	struct sada_talk t = talk_of(w);
	struct sada_open_opts o = { r->root, flags, 0, &t };
	struct sada_replica *x = NULL;
	struct sada_err err;
	int rc;

	memfs_machine(r->machine);
	rc = sada_open(&x, &o, &err);
	if (rc < 0)
		sim_fail(w, "open", "%s: %s: %s", r->root, code_name(rc),
		    err.msg);
	return x;
}

void
sim_close(struct sim *w, struct sada_replica *x)
{
	sada_close(x);
	if (memfs_open_count() != 0)
		sim_fail(w, "handles leaked", "%zu after looking",
		    memfs_open_count());
}

struct ops {
	void (*each)(const struct sada_log_entry *e, void *ctx);
	void *ctx;
};

static int
on_op(const struct sada_log_entry *e, void *ctx)
{
	struct ops *o = ctx;

	o->each(e, o->ctx);
	return 0;
}

void
sim_ops(struct sim *w, struct sim_rep *r,
    void (*each)(const struct sada_log_entry *e, void *ctx), void *ctx)
{
	struct ops c = { each, ctx };
	struct sada_log_opts o = { .each = on_op, .ctx = &c };
	struct sada_replica *x = sim_open(w, r, 0);
	struct sada_err err;
	int rc;

	rc = sada_log_show(x, &o, &err);
	sim_close(w, x);
	if (rc < 0)
		sim_fail(w, "log", "%s: %s: %s", r->root, code_name(rc),
		    err.msg);
}

/* ---- snap ---- */

struct taken {
	struct sim *w;
	struct sim_rep *r;
	const char *op;
	struct sim_helds now;
	unsigned odd;			/* names that must be skipped */
};

/* Does the path hold a component that folds to ".sada"? */
static int
is_odd(const char *name)
{
	const char *p;

	for (p = strchr(name, '.'); p != NULL; p = strchr(p + 1, '.'))
		if ((p == name || p[-1] == '/') &&
		    strncasecmp(p, ".sada", 5) == 0 &&
		    (p[5] == '\0' || p[5] == '/'))
			return 1;
	return 0;
}

static int
was_noted(const struct sim *w, const char *name)
{
	size_t i, n;

	for (i = 0; i < w->nnote; i++) {
		n = strlen(w->note[i]);
		if (strncmp(w->note[i], name, n) == 0 &&
		    (n == 0 || name[n] == '\0' || name[n] == '/'))
			return 1;
	}
	return 0;
}

static void
on_file(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct taken *t = ctx;
	const struct sim_held *h, *old;
	size_t i;

	(void)mode;
	if (strncmp(name, ".sada", 5) == 0 &&
	    (name[5] == '\0' || name[5] == '/'))
		return;
	if (is_odd(name)) {
		t->odd++;
		if (!was_noted(t->w, name))
			sim_fail(t->w, "odd name not told", "%s", name);
		return;
	}
	if (sim_held_below(&t->r->avoid, name) || (kind != S_IFREG && kind != S_IFLNK))
		return;
	sim_held_add(&t->now, t->op, name, p, n);
	h = &t->now.h[t->now.n - 1];
	for (i = 0; i < t->r->last.n; i++) {
		old = &t->r->last.h[i];
		if (strcmp(old->content, h->content) == 0 &&
		    strcmp(old->path, name) == 0)
			return;
	}
	if (t->op[0] != '\0')
		sim_held_add(&t->r->held, t->op, name, p, n);
	else if (t->r->fresh)
		sim_fail(t->w, "edit not recorded", "%s: %s", t->r->root,
		    name);
}

static void
told(struct sim *w, const char *op)
{
	w->told = sada_grow(w->told, &w->captold, w->ntold + 1,
	    sizeof(*w->told));
	(void)snprintf(w->told[w->ntold].op, SADA_VERB_HEX, "%s", op);
	w->told[w->ntold++].excused = 0;
	w->count[N_OPS]++;
}

int
sim_snap(struct sim *w, struct sim_rep *r, unsigned fault, unsigned flags,
    char op[SADA_VERB_HEX])
{
	struct sada_talk talk = talk_of(w);
	struct sada_open_opts oo = { r->root, SADA_OPEN_WRITE, 0, &talk };
	struct sada_snap_opts so = { .flags = flags & SIM_ACCEPT ?
	    SADA_ACCEPT_DELETES : 0 };
	struct sada_snap_result res;
	struct sada_replica *x = NULL;
	struct taken t = { w, r, res.op, { 0 }, 0 };
	struct sada_err err;
	int rc;

	memset(&res, 0, sizeof(res));
	op[0] = '\0';
	sim_meet(w, r, fault);
	if ((rc = sada_open(&x, &oo, &err)) == 0)
		rc = sada_snap(x, &so, &res, &err);
	sada_close(x);
	(void)sim_met(w, r, "snap", rc, &err, flags & SIM_ACCEPT ? 0 :
	    SIM_OK(SADA_GUARD));
	w->count[N_GUARDS] += rc == SADA_GUARD;
	if (rc < 0)
		return rc;
	if (res.op[0] != '\0') {
		told(w, res.op);
		(void)snprintf(op, SADA_VERB_HEX, "%s", res.op);
		sim_say(w, "    op %.12s", op);
	}
	memfs_walk(r->root, on_file, &t);
	w->count[N_SKIPPED] += (long)res.skipped;
	sim_held_clear(&r->last);
	r->last = t.now;
	r->fresh = 1;
	return 0;
}

/* ---- push ---- */

void
sim_mail_drop(struct sim *w, unsigned i)
{
	free(w->mail[i].p);
	w->mail[i] = w->mail[--w->nmail];
}

static void
on_push_failed(const char *place, const struct sada_err *e, void *ctx)
{
	touch(ctx, place);
	touch(ctx, e->msg);
	sim_say(ctx, "    push to %s: %s", place, e->msg);
}

struct sim_mail *
sim_push(struct sim *w, struct sim_rep *r, unsigned fault, unsigned to,
    unsigned how)
{
	const char *peers[SIM_REPS];
	char name[SIM_REPS][16], rev[16];
	struct sada_talk talk = talk_of(w);
	struct sada_push_opts o = { .dir = r->root, .talk = &talk,
	    .place = "/post/b", .peers = peers, .full = how == 1,
	    .failed = on_push_failed, .ctx = w };
	const unsigned char *p;
	struct sim_mail *m;
	struct sada_err err;
	unsigned i;
	size_t n;
	int rc;

	if (w->nmail == SIM_MAIL)
		sim_mail_drop(w, sim_below(w, SIM_MAIL));
	(void)memfs_remove("/post/b");
	for (i = 0; i < w->nkey; i++)
		if (i != r->key && (to >> i & 1)) {
			(void)snprintf(name[i], sizeof(name[i]), "k%u", i);
			peers[o.npeers++] = name[i];
		}
	if (o.npeers == 0)
		return NULL;
	if (how == 2) {
		(void)snprintf(rev, sizeof(rev), "@~%u", sim_below(w, 3));
		o.since = rev;
	}
	sim_meet(w, r, fault);
	rc = sada_push(&o, &err);
	(void)sim_met(w, r, "push", rc, &err, how == 2 ?
	    SIM_OK(SADA_USAGE) | SIM_OK(SADA_NOTFOUND) : 0);
	if (rc < 0 || (p = memfs_bytes("/post/b", &n)) == NULL) {
		if (rc == 0)
			sim_fail(w, "push wrote nothing", "%s", r->root);
		return NULL;
	}
	m = &w->mail[w->nmail++];
	m->p = (unsigned char *)sada_memdup(p, n);
	m->n = n;
	m->from = r->key;
	m->to = to & ~(1U << r->key);
	m->whole = 1;
	w->count[N_PUSHED]++;
	return m;
}

/* ---- pull ---- */

struct pulling {
	struct sim *w;
	uint64_t ops, parked;
};

static int
on_pulled(const struct sada_pulled *p, void *ctx)
{
	struct pulling *x = ctx;

	touch(x->w, p->peer);
	touch(x->w, p->status);
	touch(x->w, p->needs);
	sim_say(x->w, "    %s: %s %" PRIu64 " %s", p->peer, p->status,
	    p->ops, p->needs != NULL ? p->needs : "");
	if (strcmp(p->status, "parked") == 0)
		x->parked++;
	else
		x->ops += p->ops;
	return 0;
}

static void
on_pull_failed(const char *place, const char *file,
    const struct sada_err *e, void *ctx)
{
	struct pulling *x = ctx;

	touch(x->w, place);
	touch(x->w, file);
	touch(x->w, e->msg);
	sim_say(x->w, "    pull %s %s: %s", place, file != NULL ? file : "",
	    e->msg);
}

int
sim_pull(struct sim *w, struct sim_rep *r, unsigned fault,
    const struct sim_mail *m, unsigned join, uint64_t *ops)
{
	static const char *const places[] = { "/post/in" };
	struct sada_talk talk = talk_of(w);
	struct pulling x = { w, 0, 0 };
	struct sada_pull_opts o = { .dir = r->root, .talk = &talk,
	    .places = places, .nplaces = 1, .join = join,
	    .each = on_pulled, .failed = on_pull_failed, .ctx = &x };
	struct sada_pull_result res;
	unsigned ok = 0;
	struct sada_err err;
	int rc;

	if (!join)
		ok |= SIM_OK(SADA_GUARD);
	if (!m->whole || (m->to >> r->key & 1) == 0)
		ok |= SIM_OK(SADA_FORMAT) | SIM_OK(SADA_VERSION) |
		    SIM_OK(SADA_AUTH);
	(void)memfs_put("/post/in", m->p, m->n, 0600);
	sim_meet(w, r, fault);
	rc = sada_pull(&o, &res, &err);
	(void)sim_met(w, r, "pull", rc, &err, ok);
	(void)memfs_remove("/post/in");
	w->count[N_PULLED]++;
	w->count[N_TAKEN] += x.ops > 0;
	w->count[N_PARKED] += x.parked > 0;
	w->count[N_REFUSED] += rc == SADA_FORMAT || rc == SADA_AUTH ||
	    rc == SADA_VERSION;
	if (rc == 0 && !m->whole)
		sim_fail(w, "damaged bundle taken", "%s", r->root);
	if (ops != NULL)
		*ops = x.ops + x.parked;
	return rc;
}

/* ---- merge and sync ---- */

int
sim_merge(struct sim *w, struct sim_rep *r, unsigned fault, unsigned flags,
    struct sada_merge_result *res)
{
	struct sada_talk talk = talk_of(w);
	struct sada_open_opts oo = { r->root, SADA_OPEN_WRITE, 0, &talk };
	struct sada_merge_opts o = { .flags = flags & SIM_ACCEPT ?
	    SADA_ACCEPT_DELETES : 0 };
	struct sada_replica *x = NULL;
	struct sada_err err;
	int rc;

	memset(res, 0, sizeof(*res));
	sim_meet(w, r, fault);
	sim_held_clear(&r->avoid);
	if ((rc = sada_open(&x, &oo, &err)) == 0)
		rc = sada_merge(x, &o, res, &err);
	sada_close(x);
	(void)sim_met(w, r, "merge", rc, &err, flags & SIM_ACCEPT ? 0 :
	    SIM_OK(SADA_GUARD));
	w->count[N_MERGED]++;
	w->count[N_GUARDS] += rc == SADA_GUARD;
	w->count[N_CONFLICTS] += res->conflicts > 0;
	sim_say(w, "    +%" PRIu64 " *%" PRIu64 " -%" PRIu64 " left %" PRIu64
	    " wanted %" PRIu64 " failed %" PRIu64 " conflicts %" PRIu64,
	    res->created, res->replaced, res->deleted, res->left,
	    res->wanted, res->failed, res->conflicts);
	sim_show(w, r);
	return rc;
}

static void
on_sync_failed(const char *step, const char *place,
    const struct sada_err *e, void *ctx)
{
	struct sim *w = ctx;

	touch(w, step);
	touch(w, place);
	touch(w, e->msg);
	sim_say(w, "    sync: %s %s: %s", step, place != NULL ? place : "",
	    e->msg);
}

int
sim_sync(struct sim *w, struct sim_rep *r, unsigned fault)
{
	static const char *const places[] = { "/spool" };
	struct sada_talk talk = talk_of(w);
	struct sada_sync_opts o = { .dir = r->root, .talk = &talk,
	    .places = places, .nplaces = 1, .join = w->plan->join,
	    .failed = on_sync_failed, .ctx = w };
	struct sada_sync_result res;
	struct sada_err err;
	int rc;

	memset(&res, 0, sizeof(res));
	sim_meet(w, r, fault);
	rc = sada_sync(&o, &res, &err);
	(void)sim_met(w, r, "sync", rc, &err, SIM_OK(SADA_GUARD) |
	    SIM_OK(SADA_FORMAT) | SIM_OK(SADA_VERSION) | SIM_OK(SADA_AUTH));
	sim_say(w, "    op %.12s taken %" PRIu64 " +%" PRIu64 " *%" PRIu64
	    " -%" PRIu64 " left %" PRIu64 " wanted %" PRIu64, res.snap.op,
	    res.pull.taken, res.merge.created, res.merge.replaced,
	    res.merge.deleted, res.merge.left, res.merge.wanted);
	sim_show(w, r);
	if (res.snap.op[0] != '\0') {
		/* What the directory was then is not known any more. */
		told(w, res.snap.op);
		sim_held_clear(&r->last);
	}
	return rc;
}
