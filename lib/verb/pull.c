/* Pull: bundles from files, pipes and spools are taken in. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/sealed.h"
#include "transport/place.h"
#include "verb/verb_priv.h"
#include "verb/worst.h"

struct pull {
	const struct sada_pull_opts *o;
	struct sada_replica *r;
	struct sada_pull_result *res;
	struct sada_worst worst;
	unsigned wait_s;		/* left; none once it was in vain */
	const char *place, *file;	/* what is being read */
	char name[256];			/* what FILE points to, in a spool */
};

/* Where sealed bytes come from, and how many came. */
struct feed {
	int fd;
	struct sada_meter meter;
};

static int
read_fd(void *p, size_t n, size_t *got, void *ctx, struct sada_err *err)
{
	struct feed *f = ctx;
	int rc;

	if ((rc = sada_io_read_some(f->fd, p, n, got, err)) == 0)
		sada_meter_add(&f->meter, *got);
	return rc;
}

static void
failed(struct pull *p, const struct sada_err *e)
{
	if (e->code == SADA_ABSENT && p->o->quiet_absent)
		return;
	sada_worst_add(&p->worst, e);
	if (e->code == SADA_BUSY)
		p->wait_s = 0;
	if (p->o->failed != NULL)
		p->o->failed(p->place, p->file, e, p->o->ctx);
}

/* Tell the user what became of bundle T. */
static int
told(struct pull *p, const struct sada_take *t, uint64_t ops,
    const struct sada_take_result *done)
{
	struct sada_pulled x;

	memset(&x, 0, sizeof(x));
	x.place = p->place;
	x.file = p->file;
	x.peer = sada_take_sender(t)->name;
	x.ops = ops;
	x.status = done->parked > 0 ? "parked" :
	    done->ops > 0 || ops > 0 ? "taken" : "known";
	x.needs = done->parked > 0 ? done->needs : NULL;
	p->res->bundles++;
	p->res->taken += done->parked == 0 && done->ops > 0;
	p->res->parked += done->parked > 0;
	return p->o->each != NULL ? p->o->each(&x, p->o->ctx) : 0;
}

/* Take the bundle that FD gives.  No lock is held while bytes come. */
static int
take_one(struct pull *p, int fd, struct sada_err *err)
{
	struct sada_replica *r = p->r;
	struct sada_take_result done;
	struct sada_take_opts to;
	struct sada_store *store = NULL;
	struct sada_take *t = NULL;
	struct feed feed = { fd, { p->o->talk, "bytes", 0, 0 } };
	uint64_t ops = 0;
	int rc;

	memset(&done, 0, sizeof(done));
	if ((rc = sada_replica_refresh(r, err)) < 0)
		return rc;
	memset(&to, 0, sizeof(to));
	to.sdir = r->sdir;
	to.store = r->store;
	to.log = r->log;
	to.key = r->key;
	to.peers = &r->peers;
	to.join = p->o->join;
	to.read = read_fd;
	to.ctx = &feed;
	if ((rc = sada_take_read(&t, &to, err)) < 0)
		return rc;
	ops = sada_take_new_ops(t, r->log);
	if (!p->o->dry) {
		/* The transaction goes on with the store it began with. */
		store = r->store;
		r->store = NULL;
		if ((rc = sada_replica_lock(r, p->wait_s, err)) < 0 ||
		    (rc = sada_store_refresh(store, err)) < 0 ||
		    (rc = sada_take_commit(t, r->log, &done, err)) < 0)
			goto out;
		sada_replica_unlock(r);
		if (done.late.code != 0)
			sada_note(r, SADA_NOTE_WARN, NULL, 0, done.late.msg);
	}
	rc = told(p, t, ops, &done);
out:
	sada_take_free(t);
	sada_store_free(store);
	sada_replica_unlock(r);
	return rc;
}

/* The name outlives the listing of the spool: an error may be told later. */
static void
set_file(struct pull *p, const char *name)
{
	size_t n = strlen(name);

	if (n >= sizeof(p->name))
		n = sizeof(p->name) - 1;
	memcpy(p->name, name, n);
	p->name[n] = '\0';
	p->file = p->name;
}

/* One bundle of a spool; what is not for us is passed over. */
static int
each_in_spool(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err)
{
	struct pull *p = ctx;
	struct sada_err e;

	(void)size;
	set_file(p, name);
	if (take_one(p, fd, &e) < 0) {
		if (e.code == SADA_SYS || e.code == SADA_DAMAGED ||
		    e.code == SADA_BUSY) {
			*err = e;
			return e.code;
		}
		/* A stranger's, which may be addressed to us, is passed over. */
		if (e.code != SADA_AUTH)
			failed(p, &e);
	}
	p->file = NULL;
	return 0;
}

/* Enough of a bundle to tell who it is for. */
#define HEAD_BYTES 8192

/* One file of a spool, if it is addressed to this replica and not ours. */
static int
each_header(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err)
{
	struct pull *p = ctx;
	unsigned char head[HEAD_BYTES];
	struct sada_err e;
	size_t got;
	int rc;

	if ((rc = sada_io_pread(fd, head, sizeof(head), 0, &got, err)) < 0)
		return rc;
	rc = sada_sealed_for(head, got, sada_key_pub(p->r->key), &e);
	if (rc == 0)
		return 0;
	if (rc < 0) {
		set_file(p, name);
		failed(p, &e);
		p->file = NULL;
		return 0;
	}
	return each_in_spool(name, fd, size, p, err);
}

/*
 * Is the bundle in FD for another replica?  1, 0.  What is no plain file, or
 * no bundle, is for take_one() to judge.
 */
static int
is_others(const struct pull *p, int fd, struct sada_err *err)
{
	unsigned char head[HEAD_BYTES];
	struct sada_stat st;
	struct sada_err e;
	size_t got;
	int rc;

	if ((rc = sada_io_stat(fd, "", &st, err)) < 0)
		return rc;
	if (st.kind != S_IFREG)
		return 0;
	if ((rc = sada_io_pread(fd, head, sizeof(head), 0, &got, err)) < 0)
		return rc;
	return sada_sealed_for(head, got, sada_key_pub(p->r->key), &e) == 0;
}

/* Pull from a file or pipe; LENIENT as in a source. */
static int
pull_file(struct pull *p, unsigned kind, const char *place, int lenient,
    struct sada_err *err)
{
	int fd = -1, rc;

	if ((rc = sada_in_open(&fd, kind, place, err)) < 0)
		return rc == SADA_ABSENT && lenient ? 0 : rc;
	if (!lenient || (rc = is_others(p, fd, err)) == 0)
		rc = take_one(p, fd, err);
	if (kind != SADA_PLACE_PIPE)
		sada_io_close(fd);
	return rc < 0 ? rc : 0;
}

/* Places and marks, copied: the configuration is read anew for a bundle. */
struct source {
	char *place, *mark;
	int lenient;	/* what is not there or not for us is passed over */
};

/* Pull from one place; its mark, if any, is what the spool must have. */
static int
pull_place(struct pull *p, const struct source *s, struct sada_err *err)
{
	const char *place = s->place;
	unsigned kind;
	int rc;

	if ((rc = sada_place_use(&kind, place, err)) < 0 ||
	    (rc = sada_check_mark(place, s->mark, err)) < 0)
		return rc;
	if (kind == SADA_PLACE_SPOOL)
		return sada_spool_each(place, each_header, p, err);
	return pull_file(p, kind, place, s->lenient, err);
}

static struct source *
list_sources(const struct pull *p, size_t *n)
{
	const struct sada_replica *r = p->r;
	struct source *s;
	size_t i;

	*n = p->o->nplaces > 0 ? p->o->nplaces : r->remotes.n;
	s = sada_calloc(*n + 1, sizeof(*s));
	for (i = 0; i < *n; i++) {
		const struct sada_remote *m = p->o->nplaces == 0 ?
		    &r->remotes.r[i] :
		    sada_remotes_named(&r->remotes, p->o->places[i]);

		s[i].lenient = p->o->nplaces == 0 || p->o->both_ways != 0;
		s[i].place = sada_strdup(m != NULL ? m->place :
		    p->o->places[i]);
		if (m != NULL && m->mark != NULL)
			s[i].mark = sada_strdup(m->mark);
	}
	return s;
}

int
sada_pull(const struct sada_pull_opts *opts, struct sada_pull_result *res,
    struct sada_err *err)
{
	struct sada_open_opts oo = { .dir = opts->dir, .talk = opts->talk };
	struct pull p = { .o = opts, .res = res, .wait_s = opts->wait_s };
	struct source *s;
	struct sada_err e;
	size_t n, i;
	int rc;

	memset(res, 0, sizeof(*res));
	sada_worst_init(&p.worst);
	if ((rc = sada_open(&p.r, &oo, err)) < 0)
		return rc;
	s = list_sources(&p, &n);
	if (n == 0) {
		rc = sada_err_set(err, SADA_USAGE, "no place is known; name "
		    "one, or add it with sada-remote add");
		goto out;
	}
	for (i = 0; i < n; i++) {
		p.place = s[i].place;
		p.file = NULL;
		if (pull_place(&p, &s[i], &e) < 0)
			failed(&p, &e);
	}
	rc = sada_worst_get(&p.worst, err);
out:
	for (i = 0; i < n; i++) {
		free(s[i].place);
		free(s[i].mark);
	}
	free(s);
	sada_close(p.r);
	return rc;
}
