/* Simulation: one step of a history. */
#include <errno.h>
#include <sys/stat.h>

#include "sim.h"

#define SECOND INT64_C(1000000000)
#define YEAR (365 * 24 * 3600 * SECOND)

/* ---- the courier ---- */

/* A copy of mail number I, or NULL when there is no room. */
static struct sim_mail *
copy_mail(struct sim *w, unsigned i)
{
	struct sim_mail *m;

	if (w->nmail == SIM_MAIL)
		return NULL;
	m = &w->mail[w->nmail++];
	*m = w->mail[i];
	m->p = (unsigned char *)sada_memdup(m->p, m->n);
	return m;
}

static void
damage(struct sim *w, struct sim_mail *m)
{
	unsigned i, n;

	m->whole = 0;
	w->count[N_DAMAGED]++;
	switch (sim_below(w, 4)) {
	case 0:
		m->n = (size_t)(sim_rand(w) % m->n);
		break;
	case 1:
		/* Something behind the end. */
		m->p = sada_realloc(m->p, m->n + 16);
		memset(m->p + m->n, (int)sim_below(w, 256), 16);
		m->n += 16;
		break;
	default:
		n = 1 + sim_below(w, 3);
		for (i = 0; i < n; i++)
			m->p[sim_rand(w) % m->n] ^=
			    (unsigned char)(1U << sim_below(w, 8));
		/* Two flips may be none. */
		m->p[sim_rand(w) % m->n] ^= 0x10;
		break;
	}
}

/* Files below DIR whose names end in END, at most MOST. */
struct files {
	const char *dir, *end;
	char path[200][120];
	unsigned n, most;
};

static void
on_file(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct files *f = ctx;
	size_t len = strlen(name), end = strlen(f->end);

	(void)kind;
	(void)mode;
	(void)p;
	(void)n;
	if (f->n < f->most && len > end &&
	    strcmp(name + len - end, f->end) == 0)
		(void)snprintf(f->path[f->n++], sizeof(f->path[0]), "%s/%s",
		    f->dir, name);
}

/* Some of what waits in the spool goes, or comes back twice. */
static void
spool(struct sim *w)
{
	struct files s = { .dir = "/spool", .end = ".sada", .most = 200 };
	unsigned i, lose = sim_below(w, 61);

	memfs_walk(s.dir, on_file, &s);
	for (i = 0; i < s.n; i++)
		if (sim_below(w, 100) < lose) {
			(void)memfs_remove(s.path[i]);
			w->count[N_LOST]++;
		}
}

static void
courier(struct sim *w)
{
	unsigned i, k, n;
	struct sim_mail *m;

	switch (sim_below(w, 4)) {
	case 0:
		/* Up to 60 % are lost. */
		n = sim_below(w, 61);
		for (i = w->nmail; i-- > 0; )
			if (sim_below(w, 100) < n) {
				sim_mail_drop(w, i);
				w->count[N_LOST]++;
			}
		spool(w);
		break;
	case 1:
		if (w->nmail == 0)
			break;
		i = sim_below(w, w->nmail);
		n = 1 + sim_below(w, 4);
		for (k = 0; k < n; k++)
			w->count[N_DOUBLED] += copy_mail(w, i) != NULL;
		break;
	default:
		if (w->nmail == 0)
			break;
		m = copy_mail(w, sim_below(w, w->nmail));
		if (m != NULL && m->n > 0)
			damage(w, m);
		break;
	}
}

static void
pull_some(struct sim *w, struct sim_rep *r, unsigned fault)
{
	unsigned i, k, join = w->plan->join || sim_below(w, 2) == 0;

	if (w->nmail == 0)
		return;
	/* One for this replica, if a few looks find it: else misdelivered. */
	for (k = 0, i = 0; k < 8; k++) {
		i = sim_below(w, w->nmail);
		if (w->mail[i].to >> r->key & 1)
			break;
	}
	/* What is late is a year late. */
	if (sim_below(w, 40) == 0)
		memfs_clock_add(YEAR);
	(void)sim_pull(w, r, fault, &w->mail[i], join, NULL);
	if (sim_below(w, 3) == 0)
		sim_mail_drop(w, i);
}

/* ---- what befalls stores ---- */

static void
lose_caches(struct sim *w, struct sim_rep *r)
{
	struct files x = { .end = ".idx", .most = 20 };
	static const char *const files[] = { "work", "work.new", "wants",
	    "states", "peers/self" };
	char path[200];
	unsigned i;

	w->count[N_CACHES]++;
	for (i = 0; i < 5; i++)
		if (sim_below(w, 2) == 0) {
			(void)snprintf(path, sizeof(path), "%s/.sada/%s",
			    r->root, files[i]);
			(void)memfs_remove(path);
		}
	if (sim_below(w, 3) == 0) {
		(void)snprintf(path, sizeof(path), "%s/.sada/peers",
		    r->root);
		(void)memfs_copy("/empty", path, MEMFS_OVER);
	}
	if (sim_below(w, 3) == 0) {
		(void)snprintf(path, sizeof(path), "%s/.sada/pack",
		    r->root);
		/* The index of a pack is derived. */
		x.dir = path;
		memfs_walk(path, on_file, &x);
		for (i = 0; i < x.n; i++)
			(void)memfs_remove(x.path[i]);
	}
}

static void
back_up(struct sim *w, unsigned k)
{
	struct sim_backup *b;
	char path[32];
	unsigned i = w->nbackup;

	if (i == SIM_BACKUPS)
		i = sim_below(w, SIM_BACKUPS);
	else
		w->nbackup++;
	b = &w->backup[i];
	(void)snprintf(path, sizeof(path), "/backup/%u", i);
	if (memfs_copy(w->rep[k].root, path, MEMFS_SAME) < 0)
		sim_fail(w, "harness", "no backup");
	b->r = k;
	sim_held_copy(&b->held, &w->rep[k].held);
}

struct seen {
	struct sim *w;
	unsigned char *at;		/* a byte for each told op */
};

static void
on_seen(const struct sada_log_entry *e, void *ctx)
{
	struct seen *s = ctx;
	size_t i;

	for (i = 0; i < s->w->ntold; i++)
		if (strcmp(s->w->told[i].op, e->id) == 0)
			s->at[i] = 1;
}

/* Excuse told ops that no store holds now. */
static void
excuse(struct sim *w)
{
	struct seen s = { w, sada_calloc(w->ntold + 1, 1) };
	unsigned k;
	size_t i;

	for (k = 0; k < w->nrep; k++)
		sim_ops(w, &w->rep[k], on_seen, &s);
	for (i = 0; i < w->ntold; i++)
		if (!s.at[i] && !w->told[i].excused) {
			w->told[i].excused = 1;
			w->count[N_EXCUSED]++;
		}
	free(s.at);
}

/* Some replica becomes what it was, in one of several ways. */
static void
set_back(struct sim *w)
{
	static const enum memfs_copy hows[] = { MEMFS_NEW, MEMFS_SAME,
	    MEMFS_OVER };
	unsigned i, store;
	enum memfs_copy how;
	char from[64], to[64];
	struct sim_rep *r;

	if (w->nbackup == 0)
		return;
	i = sim_below(w, w->nbackup);
	r = &w->rep[w->backup[i].r];
	store = sim_below(w, 2);
	how = hows[sim_below(w, 3)];
	(void)snprintf(from, sizeof(from), "/backup/%u%s", i,
	    store ? "/.sada" : "");
	(void)snprintf(to, sizeof(to), "%s%s", r->root,
	    store ? "/.sada" : "");
	sim_say(w, "  %s is set back, %s, %s", r->root, store ? "store" :
	    "all", how == MEMFS_NEW ? "new" : how == MEMFS_SAME ? "same" :
	    "over");
	/* What a crash left unfinished was no promise: finish it before. */
	if (memfs_copy(from, to, how) < 0)
		sim_fail(w, "harness", "no restore");
	sim_held_copy(&r->held, &w->backup[i].held);
	sim_held_clear(&r->last);
	r->fresh = 0;
	w->restored = 1;
	w->count[N_RESTORES]++;
	excuse(w);
}

/*
 * A copy of R goes on beside it: HOW 0 on another machine, 1 with new
 * inodes, 2 without any sign of it.  NULL when there are enough.
 */
static struct sim_rep *
clone(struct sim *w, struct sim_rep *r, unsigned how)
{
	struct sim_rep *c = &w->rep[w->nrep];

	if (w->nrep == SIM_REPS)
		return NULL;
	*c = *r;
	memset(&c->held, 0, sizeof(c->held));
	memset(&c->last, 0, sizeof(c->last));
	memset(&c->avoid, 0, sizeof(c->avoid));
	c->fresh = 0;
	(void)snprintf(c->root, sizeof(c->root), "/r%u", w->nrep);
	c->disk = (int)w->nrep + 1;
	if (how == 0)
		(void)snprintf(c->machine, sizeof(c->machine), "%032x",
		    w->nrep * 3 + 1);
	if (memfs_copy(r->root, c->root, how == 1 ? MEMFS_NEW :
	    MEMFS_SAME) < 0)
		sim_fail(w, "harness", "no clone");
	sim_held_copy(&c->held, &r->held);
	sim_held_copy(&c->avoid, &r->avoid);
	w->nrep++;
	w->count[N_CLONES]++;
	sim_say(w, "  %s is a clone of %s (%u)", c->root, r->root, how);
	return c;
}

/*
 * An author who lies: R and a copy that nothing betrays write two ops with
 * one dot, the tag too, for what is random is the same for both.
 */
static void
lie(struct sim *w, struct sim_rep *r)
{
	struct sim_rep *both[2];
	char op[SADA_VERB_HEX];
	uint64_t seed = sim_rand(w);
	unsigned i;

	both[0] = r;
	if ((both[1] = clone(w, r, 2)) == NULL)
		return;
	for (i = 0; i < 2; i++) {
		sim_edit(w, both[i]);
		memfs_reseed(seed);
		(void)sim_snap(w, both[i], 0, SIM_ACCEPT, op);
	}
}

/* ---- looking, settling ---- */

/* Below: one of 4 conflicts is settled where copies may not stand yet. */
#define TAKE_UNLAID 0


static int
first_conflict(const struct sada_conflict *c, void *ctx)
{
	char *path = ctx;

	if (path[0] == '\0')
		(void)snprintf(path, 1000, "%.*s", (int)c->len, c->path);
	return 0;
}

/* Settle a conflict by its name. */
static void
take(struct sim *w, struct sim_rep *r, unsigned fault)
{
	struct sada_open_opts oo = { r->root, SADA_OPEN_WRITE, 0, NULL };
	struct sada_replica *x = sim_open(w, r, 0);
	char path[1000] = "", op[SADA_VERB_HEX] = "";
	const char *paths[] = { path };
	struct sada_merge_result res;
	struct sada_err err;
	int rc;

	rc = sada_conflicts(x, first_conflict, path, &err);
	sim_close(w, x);
	x = NULL;
	if (rc == 0 && path[0] != '\0' && (int)sim_below(w, 4) > TAKE_UNLAID)
		(void)sim_merge(w, r, 0, SIM_ACCEPT, &res);
	if (rc < 0)
		sim_fail(w, "conflicts", "%s", err.msg);
	if (path[0] == '\0')
		return;
	sim_meet(w, r, fault);
	if ((rc = sada_open(&x, &oo, &err)) == 0)
		rc = sada_conflict_take(x, sim_below(w, 2) == 0 ? "both" :
		    "mine", paths, 1, 0, op, &err);
	sada_close(x);
	(void)sim_met(w, r, "take", rc, &err, SIM_OK(SADA_USAGE) |
	    SIM_OK(SADA_GUARD));
	/* It recorded what was in the directory before, and changed that. */
	sim_held_clear(&r->last);
}

static void
on_damage(const char *what, void *ctx)
{
	struct sim *w = ctx;

	sim_say(w, "    damage: %s", what);
	/* A copy that no command has opened since says so: it is right. */
	if (strstr(what, "/home does not fit") != NULL)
		return;
	w->label = "verify";
	(void)snprintf(w->text, sizeof(w->text), "%s", what);
}

static void
look(struct sim *w, struct sim_rep *r, unsigned fault)
{
	struct sada_open_opts oo = { r->root, 0, 0, NULL };
	struct sada_verify_result res;
	struct sada_err err;
	int rc;

	memset(&res, 0, sizeof(res));
	w->label = NULL;
	sim_meet(w, r, fault);
	rc = sada_verify(&oo, on_damage, w, &res, &err);
	if (!sim_met(w, r, "verify", rc, &err, 0) && rc == 0 &&
	    w->label != NULL)
		sim_fail(w, w->label, "%s: %s", r->root, w->text);
	w->label = NULL;
}

/*
 * Sweep R: mostly what was recorded and lives no more goes, too.  Then only
 * what its directory shows is still promised.
 */
static void
gc(struct sim *w, struct sim_rep *r, unsigned fault)
{
	static const char *const keep[] = { NULL, "0", "0", "1h", "1d" };
	struct sada_open_opts oo = { r->root, SADA_OPEN_WRITE, 0, NULL };
	struct sada_gc_opts go = { keep[sim_below(w, 5)], 0 };
	int fresh = r->fresh;
	struct sada_replica *x;
	struct sada_gc_result res = { 0 };
	struct sada_err err;
	int rc;

	sim_meet(w, r, fault);
	if ((rc = sada_open(&x, &oo, &err)) == 0)
		rc = sada_gc(x, &go, &res, &err);
	sada_close(x);
	(void)sim_met(w, r, "gc", rc, &err, 0);
	w->count[N_SWEPT]++;
	w->count[N_DROPPED] += (long)res.objects;
	if (go.keep == NULL)
		return;
	w->swept = 1;
	if (fresh)
		sim_held_copy(&r->held, &r->last);
	else
		sim_held_clear(&r->held);
}

void
sim_step(struct sim *w, const struct sim_step *s)
{
	struct sim_rep *r = &w->rep[s->r % w->nrep];
	struct sada_merge_result res;
	char op[SADA_VERB_HEX];
	unsigned i, to;

	w->count[N_STEPS]++;
	switch ((enum sim_what)s->what) {
	case SIM_EDIT:
		for (i = 1 + sim_below(w, 3); i > 0; i--)
			sim_edit(w, r);
		break;
	case SIM_SNAP:
		(void)sim_snap(w, r, s->fault, sim_below(w, 4) == 0 ? 0 :
		    SIM_ACCEPT, op);
		break;
	case SIM_PUSH:
		/* Mostly somebody did something that is worth a bundle. */
		if (sim_below(w, 3) > 0) {
			sim_edit(w, r);
			(void)sim_snap(w, r, 0, SIM_ACCEPT, op);
		}
		to = 1U << sim_below(w, w->nkey) | (unsigned)sim_rand(w);
		to &= (1U << w->nkey) - 1;
		i = sim_below(w, 5);
		(void)sim_push(w, r, s->fault, to, i > 2 ? 0 : i);
		break;
	case SIM_PULL:
		for (i = sim_below(w, 3); i > 0; i--)
			pull_some(w, r, 0);
		pull_some(w, r, s->fault);
		if (sim_below(w, 2) == 0)
			(void)sim_merge(w, r, 0, SIM_ACCEPT, &res);
		break;
	case SIM_MERGE:
		(void)sim_merge(w, r, s->fault, sim_below(w, 4) == 0 ? 0 :
		    SIM_ACCEPT, &res);
		break;
	case SIM_SYNC:
		(void)sim_sync(w, r, s->fault);
		break;
	case SIM_COURIER:
		courier(w);
		break;
	case SIM_CLOCK:
		memfs_clock_add(sim_below(w, 3) == 0 ?
		    ((int64_t)sim_below(w, 21) - 10) * YEAR :
		    (int64_t)sim_below(w, 100) * SECOND);
		break;
	case SIM_CACHES:
		lose_caches(w, r);
		break;
	case SIM_BACKUP:
		back_up(w, s->r % w->nrep);
		break;
	case SIM_RESTORE:
		set_back(w);
		break;
	case SIM_CLONE:
		(void)clone(w, r, sim_below(w, 3));
		break;
	case SIM_LIE:
		lie(w, r);
		break;
	case SIM_TAKE:
		take(w, r, s->fault);
		break;
	case SIM_GC:
		gc(w, r, s->fault);
		break;
	case SIM_LOOK:
		look(w, r, s->fault);
		break;
	default:
		break;
	}
	/* Time goes on, now and then less than the clock can tell. */
	memfs_clock_add((int64_t)(sim_rand(w) %
	    (UINT64_C(1) << (10 + sim_below(w, 36)))));
}
