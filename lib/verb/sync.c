/* Sync: snap, pull, merge, push, each whatever the others said. */
#include <string.h>

#include "verb/verb_priv.h"
#include "verb/worst.h"

struct sync {
	const struct sada_sync_opts *o;
	struct sada_sync_result *res;
	struct sada_worst worst;
	const char *step;
	unsigned wait_s;		/* left; none once it was in vain */
	unsigned told;			/* failures, so far */
};

static void
failed(struct sync *s, const char *place, const struct sada_err *e)
{
	sada_worst_add(&s->worst, e);
	s->told++;
	if (e->code == SADA_BUSY)
		s->wait_s = 0;
	if (s->o->failed != NULL)
		s->o->failed(s->step, place, e, s->o->ctx);
}

static int
on_pulled(const struct sada_pulled *p, void *ctx)
{
	struct sync *s = ctx;

	return s->o->pulled != NULL ? s->o->pulled(p, s->o->ctx) : 0;
}

static void
on_pull_failed(const char *place, const char *file, const struct sada_err *e,
    void *ctx)
{
	failed(ctx, file != NULL ? file : place, e);
}

static int
on_pushed(const char *place, const char *peers, uint64_t ops,
    uint64_t bytes, void *ctx)
{
	struct sync *s = ctx;

	return s->o->pushed != NULL ?
	    s->o->pushed(place, peers, ops, bytes, s->o->ctx) : 0;
}

static void
on_push_failed(const char *place, const struct sada_err *e, void *ctx)
{
	failed(ctx, place, e);
}

static int
on_change(const struct sada_change *c, void *ctx)
{
	struct sync *s = ctx;

	return s->o->change != NULL ? s->o->change(c, s->o->ctx) : 0;
}

/* Snap or merge, under one opening of the replica. */
static void
local_step(struct sync *s, const char *step)
{
	struct sada_open_opts oo = { .dir = s->o->dir,
	    .flags = SADA_OPEN_WRITE, .wait_s = s->wait_s,
	    .talk = s->o->talk };
	unsigned flags = (s->o->dry ? SADA_DRY : 0) |
	    (s->o->change != NULL ? SADA_TELL : 0);
	struct sada_snap_opts so = { .flags = flags, .each = on_change,
	    .ctx = s };
	struct sada_merge_opts mo = { .flags = flags, .each = on_change,
	    .ctx = s };
	struct sada_replica *r = NULL;
	struct sada_err e;
	int rc;

	s->step = step;
	rc = sada_open(&r, &oo, &e);
	if (rc == 0)
		rc = strcmp(step, "snap") == 0 ?
		    sada_snap(r, &so, &s->res->snap, &e) :
		    sada_merge(r, &mo, &s->res->merge, &e);
	if (rc < 0)
		failed(s, NULL, &e);
	sada_close(r);
}

static void
pull_step(struct sync *s)
{
	struct sada_pull_opts o = { .dir = s->o->dir,
	    .wait_s = s->wait_s, .talk = s->o->talk,
	    .places = s->o->places, .nplaces = s->o->nplaces,
	    .join = s->o->join, .dry = s->o->dry,
	    .quiet_absent = s->o->nplaces == 0, .both_ways = 1,
	    .each = on_pulled,
	    .failed = on_pull_failed, .ctx = s };
	unsigned before = s->told;
	struct sada_err e;

	s->step = "pull";
	/* What failed was told place by place, unless it was all of it. */
	if (sada_pull(&o, &s->res->pull, &e) < 0 && s->told == before)
		failed(s, NULL, &e);
}

static void
push_step(struct sync *s)
{
	struct sada_push_opts o = { .dir = s->o->dir,
	    .wait_s = s->wait_s, .talk = s->o->talk, .dry = s->o->dry,
	    .quiet_absent = s->o->nplaces == 0, .each = on_pushed,
	    .failed = on_push_failed, .ctx = s };
	unsigned before;
	struct sada_err e;
	size_t i;

	s->step = "push";
	for (i = 0; i < s->o->nplaces || (i == 0 && s->o->nplaces == 0);
	    i++) {
		if (s->o->nplaces > 0)
			o.place = s->o->places[i];
		o.wait_s = s->wait_s;
		before = s->told;
		if (sada_push(&o, &e) < 0 && s->told == before)
			failed(s, o.place, &e);
	}
}

int
sada_sync(const struct sada_sync_opts *opts, struct sada_sync_result *res,
    struct sada_err *err)
{
	struct sync s = { .o = opts, .res = res, .wait_s = opts->wait_s };
	struct sada_open_opts oo = { .dir = opts->dir, .talk = opts->talk };
	struct sada_replica *r = NULL;
	int rc;

	memset(res, 0, sizeof(*res));
	sada_worst_init(&s.worst);
	/* No replica here: say so once, not four times. */
	if ((rc = sada_open(&r, &oo, err)) < 0)
		return rc;
	sada_close(r);
	local_step(&s, "snap");
	pull_step(&s);
	local_step(&s, "merge");
	push_step(&s);
	return sada_worst_get(&s.worst, err);
}
