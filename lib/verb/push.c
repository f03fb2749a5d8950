/* Push: bundles for peers, into files, pipes and spools. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "bundle/send.h"
#include "transport/place.h"
#include "verb/verb_priv.h"
#include "verb/worst.h"

struct push {
	const struct sada_push_opts *o;
	struct sada_replica *r;
	struct sada_context *since;
	struct sada_self self;
	struct sada_wants wants;
	struct sada_worst worst;
	unsigned wait_s;		/* left; none once it was in vain */
	uint64_t reached;		/* places that were there */
	int lost;			/* maps of ours: only ask for them */
};

/* The peers a bundle is for, as the sender needs them. */
struct group {
	struct sada_pub *pub;
	struct sada_ack *ack;
	size_t n;
	struct sada_buf names;
};

static void
group_release(struct group *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		sada_ack_release(&g->ack[i]);
	free(g->pub);
	free(g->ack);
	sada_buf_release(&g->names);
	memset(g, 0, sizeof(*g));
}

static int
group_add(struct group *g, struct push *p, const struct sada_peer *peer,
    struct sada_err *err)
{
	size_t i;
	int rc;

	if (peer->retired)
		return 0;
	for (i = 0; i < g->n; i++)
		if (sada_id_cmp(&g->pub[i].id, &peer->pub.id) == 0)
			return 0;
	if (g->n >= SADA_SLOTS_MAX)
		return sada_err_set(err, SADA_USAGE,
		    "a bundle has at most %d recipients", SADA_SLOTS_MAX);
	g->pub = sada_realloc(g->pub, (g->n + 1) * sizeof(*g->pub));
	g->ack = sada_realloc(g->ack, (g->n + 1) * sizeof(*g->ack));
	memset(&g->ack[g->n], 0, sizeof(*g->ack));
	if ((rc = sada_ack_load(&g->ack[g->n], p->r->sdir, &peer->pub,
	    err)) < 0)
		return rc;
	g->pub[g->n++] = peer->pub;
	sada_buf_addf(&g->names, "%s%s", g->n > 1 ? " " : "", peer->name);
	return 0;
}

/* Is NAME among those the user gave (none: all)? */
static int
asked(const struct push *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->o->npeers; i++)
		if (strcmp(p->o->peers[i], name) == 0)
			return 1;
	return p->o->npeers == 0;
}

/* The peers that were asked for and that remote M (may be NULL) serves. */
static int
choose(struct group *g, struct push *p, const struct sada_remote *m,
    struct sada_err *err)
{
	size_t i, k;
	int rc;

	for (i = 0; i < p->r->peers.n; i++) {
		const struct sada_peer *peer = &p->r->peers.p[i];

		if (!asked(p, peer->name))
			continue;
		for (k = 0; m != NULL && k < m->npeer; k++)
			if (strcmp(m->peer[k], peer->name) == 0)
				break;
		if (m != NULL && m->npeer > 0 && k == m->npeer)
			continue;
		if ((rc = group_add(g, p, peer, err)) < 0)
			return rc;
	}
	return 0;
}

/* Where sealed bytes go, and how many went. */
struct sink {
	struct sada_out *out;
	struct sada_meter meter;
};

static int
write_out(const void *p, size_t n, void *ctx, struct sada_err *err)
{
	struct sink *s = ctx;

	sada_meter_add(&s->meter, n);
	return sada_out_write(s->out, p, n, err);
}

/* Make the plan of a bundle for G; the counter it carries is ours alone. */
static int
plan(struct sada_send **out, struct push *p, const struct group *g,
    struct sada_send_opts *o, struct sada_ack *self, struct sada_err *err)
{
	memset(self, 0, sizeof(*self));
	self->incarnation = p->self.incarnation;
	self->counter = p->self.counter;
	self->want = p->wants.w;
	self->nwant = p->wants.n < SADA_ACK_WANT_MAX ? p->wants.n :
	    SADA_ACK_WANT_MAX;
	self->need = p->self.need;
	self->nneed = p->self.nneed;
	memset(o, 0, sizeof(*o));
	o->store = p->r->store;
	o->log = p->r->log;
	o->key = p->r->key;
	o->to = g->pub;
	o->ack = g->ack;
	o->n = g->n;
	o->full = p->o->full;
	o->since = p->since;
	o->bare = p->lost != 0;
	o->raised = p->self.raised;
	o->self = self;
	return sada_send_plan(out, o, err);
}

/* What was written asks for what is lost; more there is not to be sent. */
static int
say_lost(const struct push *p, struct sada_err *err)
{
	if (!p->lost)
		return 0;
	return sada_err_set(err, SADA_DAMAGED, "the store has lost maps; what "
	    "was pushed only asks for them: pull the answer");
}

/* Temps of ours that are younger may be written by another push. */
#define TEMP_AGE_S (24 * 60 * 60)

/* Lock the replica while a note is written; *FD is to be closed. */
static int
lock_notes(struct push *p, int *fd, struct sada_err *err)
{
	int rc;

	if ((rc = sada_io_open(fd, p->r->sdir, "lock", O_RDWR, 0, err)) < 0)
		return rc;
	rc = sada_io_lock(*fd, LOCK_EX, p->wait_s * 1000, err);
	if (rc == SADA_BUSY)
		p->wait_s = 0;
	return rc;
}

static void
add_sent(struct sada_sents *sents, const struct sada_sent *one)
{
	sents->s = sada_grow(sents->s, &sents->cap, sents->n + 1,
	    sizeof(*sents->s));
	sents->s[sents->n++] = *one;
}

/*
 * Bundle ONE is about to be written as FILE: note that, with nothing said
 * yet, so that what a killed push leaves in the spool is known as ours.  It
 * is a cache, and may fail.
 */
static void
note_start(struct push *p, struct sada_sent *one, const char *file)
{
	struct sada_sents sents = {0};
	struct sada_err e;
	int fd = -1;

	assert(strlen(file) < sizeof(one->file));
	memcpy(one->file, file, strlen(file) + 1);
	memset(&one->what, 0, sizeof(one->what));
	if (lock_notes(p, &fd, &e) < 0 ||
	    sada_sents_load(&sents, p->r->sdir, &e) < 0)
		goto out;
	add_sent(&sents, one);
	if (sada_sents_save(&sents, p->r->sdir, &e) < 0)
		sada_note(p->r, SADA_NOTE_INFO, NULL, 0, e.msg);
out:
	sada_io_close(fd);
	sada_sents_release(&sents);
}

/* Seal to PLACE; PATH receives where it went; ONE as for note_start(). */
static int
seal(struct push *p, struct group *g, struct sada_send *s,
    unsigned kind, const char *place, struct sada_sent *one,
    struct sada_buf *path, struct sada_err *err)
{
	struct sink sink = { NULL, { p->o->talk, "bytes", 0, 0 } };
	struct sada_out *done;
	uint64_t bytes = 0;
	int rc;

	if ((rc = sada_out_open(&sink.out, kind, place, err)) < 0)
		return rc == SADA_NOTFOUND ? sada_err_set(err, SADA_ABSENT,
		    "%s: there is no such place", place) : rc;
	if (one != NULL)
		note_start(p, one, sada_out_name(sink.out));
	if ((rc = sada_send_write(s, write_out, &sink, &bytes,
	    err)) < 0)
		goto out;
	done = sink.out;
	sink.out = NULL;
	if ((rc = sada_out_commit(done, path, err)) < 0)
		goto out;
	if (p->o->each != NULL)
		rc = p->o->each(kind == SADA_PLACE_PIPE ? "-" :
		    sada_buf_str(path), sada_buf_str(&g->names),
		    sada_send_ops(s), bytes, p->o->ctx);
out:
	sada_out_abort(sink.out);
	return rc;
}

/* A file or a pipe always gets one bundle. */
static int
push_one(struct push *p, struct group *g, unsigned kind, const char *place,
    struct sada_err *err)
{
	struct sada_send *s = NULL;
	struct sada_send_opts o;
	struct sada_buf path = {0};
	struct sada_ack self;
	int rc;

	if ((rc = plan(&s, p, g, &o, &self, err)) == 0 && !p->o->dry)
		rc = seal(p, g, s, kind, place, NULL, &path, err);
	else if (rc == 0 && p->o->each != NULL)
		rc = p->o->each(place, sada_buf_str(&g->names),
		    sada_send_ops(s), 0, p->o->ctx);
	if (rc == 0)
		rc = say_lost(p, err);
	sada_send_free(s);
	sada_buf_release(&path);
	return rc;
}

static int
cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/* Hash of the sorted recipients. */
static void
hash_group(const struct group *g, struct sada_id *out)
{
	struct sada_id *id = sada_calloc(g->n + 1, sizeof(*id));
	size_t i;

	for (i = 0; i < g->n; i++)
		id[i] = g->pub[i].id;
	qsort(id, g->n, sizeof(*id), cmp_id);
	sada_hash(out, SADA_CTX_FILE, id, g->n * sizeof(*id));
	free(id);
}

/*
 * Remove bundle file number I of the spool, and its note; of one that was
 * never finished, the temp, unless that may be at work still.
 */
static int
forget(struct sada_sents *sents, size_t i, const char *place,
    struct sada_err *err)
{
	const char *file = sents->s[i].file;
	int rc;

	if (sada_id_zero(&sents->s[i].what) &&
	    (rc = sada_spool_sweep(place, file, TEMP_AGE_S, err)) <= 0)
		return rc;
	if ((rc = sada_spool_remove(place, file, err)) < 0)
		return rc;
	memmove(&sents->s[i], &sents->s[i + 1],
	    (sents->n - i - 1) * sizeof(*sents->s));
	sents->n--;
	return 0;
}

/* Has this been said there already?  1 when nothing needs to be written. */
static int
is_said(const struct sada_sents *sents, const char *mark,
    const struct sada_id *to, const struct sada_id *what, int pending,
    const char *place, struct sada_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < sents->n; i++) {
		const struct sada_sent *x = &sents->s[i];

		if (strcmp(x->mark, mark) != 0 ||
		    sada_id_cmp(&x->to, to) != 0)
			continue;
		if (!pending && memcmp(x->what.b + 16, what->b + 16, 16) == 0)
			return 1;
		if (memcmp(x->what.b, what->b, 16) != 0)
			continue;
		if ((rc = sada_spool_has(place, x->file, err)) != 0)
			return rc;
	}
	return 0;
}

/*
 * Bundle ONE lies in spool PLACE: note it, and remove our older ones for the
 * same peers.  Nothing in the store is published without the lock, and
 * another push may have noted its own meanwhile.
 */
static int
note_sent(struct push *p, const struct sada_sent *one,
    const char *place, struct sada_err *err)
{
	struct sada_sents sents = {0};
	size_t i, at;
	int fd = -1, rc;

	if ((rc = lock_notes(p, &fd, err)) < 0 ||
	    (rc = sada_sents_load(&sents, p->r->sdir, err)) < 0)
		goto out;
	rc = 0;
	/* What was begun after this one is another push's own affair. */
	for (at = 0; at < sents.n; at++)
		if (strcmp(sents.s[at].file, one->file) == 0)
			break;
	if (at < sents.n) {
		memmove(&sents.s[at], &sents.s[at + 1],
		    (sents.n - at - 1) * sizeof(*sents.s));
		sents.n--;
	}
	/* One made from a REV the user chose may not replace a whole one. */
	for (i = p->since != NULL ? 0 : at; i-- > 0; )
		if (strcmp(sents.s[i].mark, one->mark) == 0 &&
		    sada_id_cmp(&sents.s[i].to, &one->to) == 0 &&
		    (rc = forget(&sents, i, place, err)) < 0)
			break;
	add_sent(&sents, one);
	if (rc == 0)
		rc = sada_sents_save(&sents, p->r->sdir, err);
out:
	sada_io_close(fd);
	sada_sents_release(&sents);
	return rc;
}

/* A spool gets what is pending; our older ones for the same peers go. */
static int
push_spool(struct push *p, struct group *g, const char *place,
    struct sada_err *err)
{
	struct sada_sents sents = {0};
	struct sada_send *s = NULL;
	struct sada_send_opts o;
	struct sada_buf path = {0};
	struct sada_id to, what;
	struct sada_sent one;
	struct sada_ack self;
	int rc, said;

	memset(&one, 0, sizeof(one));
	hash_group(g, &to);
	one.to = to;
	rc = p->o->dry ? sada_spool_mark(one.mark, place, err) :
	    sada_spool_make_mark(one.mark, place, err);
	/* Nothing was ever said in a spool that -n may not mark. */
	if (rc == SADA_ABSENT && p->o->dry)
		rc = 0;
	if (rc < 0 ||
	    (rc = sada_sents_load(&sents, p->r->sdir, err)) < 0 ||
	    (rc = plan(&s, p, g, &o, &self, err)) < 0)
		goto out;
	sada_send_what(s, &what);
	if ((sada_log_count(p->r->log) == 0 && p->wants.n == 0) ||
	    ((rc = said = is_said(&sents, one.mark, &to, &what,
	    sada_send_pending(s), place, err)) != 0 &&
	    !p->o->full && p->since == NULL)) {
		if (rc > 0)
			rc = 0;
		goto out;
	}
	if (p->o->dry) {
		if (p->o->each != NULL)
			rc = p->o->each(place, sada_buf_str(&g->names),
			    sada_send_ops(s), 0, p->o->ctx);
		goto out;
	}
	if ((rc = seal(p, g, s, SADA_PLACE_SPOOL, place, &one, &path,
	    err)) < 0)
		goto out;
	one.what = what;
	/* The bundle is out; what fails now is a cache, and may fail. */
	if (note_sent(p, &one, place, err) < 0)
		sada_note(p->r, SADA_NOTE_WARN, place, strlen(place),
		    err->msg);
out:
	if (rc == 0)
		rc = say_lost(p, err);
	sada_send_free(s);
	sada_sents_release(&sents);
	sada_buf_release(&path);
	return rc;
}

/* Push to one place, for G. */
static int
push_place(struct push *p, struct group *g, const char *place,
    const char *mark, struct sada_err *err)
{
	unsigned kind;
	int rc;

	if ((rc = sada_place_use(&kind, place, err)) < 0 ||
	    (rc = sada_check_outside(p->r, kind, place, err)) < 0 ||
	    (rc = sada_check_mark(place, mark, err)) < 0)
		return rc;
	p->reached++;
	if (g->n == 0)
		return 0;
	if (kind == SADA_PLACE_SPOOL)
		return push_spool(p, g, place, err);
	return push_one(p, g, kind, place, err);
}

/*
 * The store cannot be read: look for what is lost and note it, so that the
 * next push asks for it.  What fails here is told by the next one, too.
 */
static void
note_lost(struct push *p)
{
	struct sada_wants wants = {0};
	struct sada_self self;
	struct sada_err e;
	int fd = -1;

	memset(&self, 0, sizeof(self));
	if (lock_notes(p, &fd, &e) < 0 ||
	    sada_self_load(&self, p->r->sdir, &e) < 0 ||
	    sada_wants_load(&wants, p->r->sdir, &e) < 0 ||
	    sada_lost_find(p->r, &self, &wants, 1, &e) <= 0 ||
	    sada_self_save(&self, p->r->sdir, &e) < 0 ||
	    sada_wants_save(&wants, p->r->sdir, &e) < 0)
		sada_note(p->r, SADA_NOTE_INFO, NULL, 0,
		    "no lost map was found");
	sada_io_close(fd);
	sada_self_release(&self);
	sada_wants_release(&wants);
}

static void
failed(struct push *p, const char *place, struct sada_err *e)
{
	if (e->code == SADA_ABSENT && p->o->quiet_absent)
		return;
	(void)sada_lost_say(e->code, e);
	if (e->code == SADA_DAMAGED && !p->lost && !p->o->dry)
		note_lost(p);
	sada_worst_add(&p->worst, e);
	if (p->o->failed != NULL)
		p->o->failed(place, e, p->o->ctx);
}

/* Push to remote M what its peers lack. */
static void
push_remote(struct push *p, const struct sada_remote *m)
{
	struct group g = {0};
	struct sada_err e;

	if (choose(&g, p, m, &e) < 0 ||
	    (g.n > 0 && push_place(p, &g, m->place, m->mark, &e) < 0))
		failed(p, m->name, &e);
	group_release(&g);
}

/* Every peer that was named must be known. */
static int
check_peers(const struct push *p, struct sada_err *err)
{
	const struct sada_peer *x;
	size_t i, n = 0;

	for (i = 0; i < p->o->npeers; i++) {
		x = sada_peers_named(&p->r->peers, p->o->peers[i]);
		if (x == NULL || x->retired)
			return sada_err_set(err, SADA_USAGE,
			    "%s: there is no such peer", p->o->peers[i]);
	}
	for (i = 0; i < p->r->peers.n; i++)
		n += !p->r->peers.p[i].retired;
	if (n == 0)
		return sada_err_set(err, SADA_USAGE, "no peer is known; "
		    "add one with sada-peer add");
	return 0;
}

/* What is read once: the basis the user chose, our counters and wants. */
static int
prepare(struct push *p, struct sada_err *err)
{
	struct sada_rev rev;
	int rc;

	if (p->o->since != NULL) {
		if ((rc = sada_rev_resolve(&rev, p->r, p->o->since,
		    strlen(p->o->since), err)) < 0)
			return rc;
		sada_context_make(&p->since, p->r->log, rev.st.heads,
		    rev.st.n);
		sada_rev_release(&rev);
	}
	if ((rc = sada_wants_load(&p->wants, p->r->sdir, err)) < 0 ||
	    (rc = sada_self_load(&p->self, p->r->sdir, err)) < 0)
		return rc;
	if ((rc = p->lost = sada_lost_find(p->r, &p->self, &p->wants, 0,
	    err)) < 0)
		return rc;
	/* The counter is durable before a bundle that carries it leaves. */
	sada_self_next(&p->self);
	if (p->o->dry)
		return 0;
	if (p->lost && (rc = sada_wants_save(&p->wants, p->r->sdir, err)) < 0)
		return rc;
	return sada_self_save(&p->self, p->r->sdir, err);
}

int
sada_push(const struct sada_push_opts *opts, struct sada_err *err)
{
	struct sada_open_opts oo = { .dir = opts->dir,
	    .flags = SADA_OPEN_WRITE, .wait_s = opts->wait_s,
	    .talk = opts->talk };
	const struct sada_remote *m;
	struct push p = { .o = opts, .wait_s = opts->wait_s };
	struct group g = {0};
	size_t i;
	int rc;

	sada_worst_init(&p.worst);
	if ((rc = sada_open(&p.r, &oo, err)) < 0)
		return rc;
	if ((rc = check_peers(&p, err)) < 0 || (rc = prepare(&p, err)) < 0)
		goto out;
	/* Heads are chosen; a slow pipe shall not keep others waiting. */
	sada_replica_unlock(p.r);
	if (opts->place != NULL) {
		struct sada_err e;

		m = sada_remotes_named(&p.r->remotes, opts->place);
		if ((rc = choose(&g, &p, m, &e)) < 0 ||
		    (rc = push_place(&p, &g, m != NULL ? m->place :
		    opts->place, m != NULL ? m->mark : NULL, &e)) < 0)
			failed(&p, opts->place, &e);
	} else if (p.r->remotes.n == 0) {
		rc = sada_err_set(err, SADA_USAGE, "no place is known; name "
		    "one with -o PLACE or sada-remote add");
		goto out;
	} else {
		for (i = 0; i < p.r->remotes.n; i++)
			push_remote(&p, &p.r->remotes.r[i]);
	}
	rc = sada_worst_get(&p.worst, err);
out:
	group_release(&g);
	free(p.since);
	sada_wants_release(&p.wants);
	sada_self_release(&p.self);
	sada_close(p.r);
	return rc;
}
