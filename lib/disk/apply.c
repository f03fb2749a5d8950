/* Apply: its phases, in the order that a crash may cut anywhere. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "disk/apply_priv.h"

/* From so many new names on, two syncfs cost less than single syncs. */
#define MANY 1000

/* What the acts come to. */
static void
count(struct sada_run *r)
{
	struct sada_apply_result *res = r->res;
	size_t i;

	memset(res, 0, sizeof(*res));
	res->copies = r->plan.copies;
	res->conflicts = r->plan.conflicts;
	for (i = 0; i < r->plan.n; i++)
		switch (r->plan.act[i].did) {
		case SADA_DID_CREATE:
			res->created++;
			break;
		case SADA_DID_REPLACE:
			res->replaced++;
			break;
		case SADA_DID_DELETE:
			res->deleted++;
			break;
		case SADA_DID_META:
			res->meta++;
			break;
		case SADA_DID_LEAVE:
			res->left++;
			break;
		case SADA_DID_WANT:
			res->wanted++;
			break;
		case SADA_DID_FAIL:
			res->failed++;
			break;
		default:
			break;
		}
}

static void
tell(const struct sada_run *r)
{
	size_t i;

	if (r->o->report == NULL)
		return;
	for (i = 0; i < r->plan.n; i++) {
		const struct sada_act *a = &r->plan.act[i];

		if (a->did != 0)
			r->o->report(a->path, a->len, a->did, a->why,
			    r->o->ctx);
	}
}

/* Is there anything to do on the disk?  Sets DISPLACED and MANY. */
static int
work_to_do(struct sada_run *r)
{
	size_t i, new = 0;
	int work = r->recover;

	for (i = 0; i < r->plan.n; i++) {
		const struct sada_act *a = &r->plan.act[i];

		work |= a->rm != 0 || a->put != 0;
		new += a->put != 0;
		r->displaced |= a->rm == SADA_RM_TRASH ||
		    a->put == SADA_PUT_SWAP;
	}
	r->many = new >= MANY;
	return work;
}

/* Does the next W differ from the one that is there? */
static int
rows_differ(const struct sada_run *r)
{
	const struct sada_work_info *info;
	size_t i;

	if (r->o->old == NULL)
		return 1;
	info = sada_work_info(r->o->old);
	if (info->left != r->res->left + r->res->wanted + r->res->failed ||
	    info->conflicts != r->plan.conflicts ||
	    info->nheads != r->o->nheads ||
	    sada_id_cmp(&info->root, &r->o->map) != 0)
		return 1;
	for (i = 0; i < info->nheads; i++)
		if (sada_id_cmp(&info->heads[i], &r->o->heads[i]) != 0)
			return 1;
	for (i = 0; i < r->plan.n; i++)
		if (r->plan.act[i].keep != SADA_KEEP_OLD)
			return 1;
	return 0;
}

static void
forget_dir(struct sada_run *r)
{
	free(r->dpath);
	r->dpath = NULL;
	sada_io_close(r->dfd);
	r->dfd = -1;
}

/* Journal, stage, journal, swap. */
static int
carry_out(struct sada_run *r, struct sada_err *err)
{
	struct sada_err later;
	int rc;

	if ((rc = sada_journal_write(r, SADA_JOURNAL_PLAN, err)) < 0 ||
	    (rc = sada_stage_clear(r->stage, err)) < 0)
		return rc;
	if ((rc = sada_stage(r, err)) < 0 || (r->displaced &&
	    (rc = sada_trash_begin(r, err)) < 0)) {
		/*
		 * No file was touched.  A recovery keeps its journal; if
		 * these fail too, it stays here as well.
		 */
		if (sada_stage_clear(r->stage, &later) == 0 && !r->recover &&
		    sada_journal_remove(r->o->sdir, &later) < 0)
			return rc;
		return rc;
	}
	forget_dir(r);		/* what it was may have moved */
	if ((rc = sada_journal_write(r, SADA_JOURNAL_STAGED, err)) < 0)
		return rc;
	return sada_swap(r, err);
}

static int
run(struct sada_run *r, const struct sada_journal *j, int pending,
    struct sada_err *err)
{
	const struct sada_apply_opts *o = r->o;
	int rc, work;

	if ((rc = sada_plan_build(&r->plan, o->old, o->view, err)) < 0)
		return rc;
	if (o->flags & SADA_APPLY_DRY) {
		if ((rc = sada_classify(r, err)) < 0)
			return rc;
		count(r);
		tell(r);
		return 0;
	}
	if ((rc = sada_open_dir(&r->stage, o->sdir, "stage", err)) < 0 ||
	    (pending && (rc = sada_stage_recover(r, j, err)) < 0) ||
	    (rc = sada_classify(r, err)) < 0)
		return rc;
	work = work_to_do(r);
	if (work && (rc = carry_out(r, err)) < 0)
		return rc;
	count(r);
	if ((work || rows_differ(r)) &&
	    (rc = sada_finish_work(r, err)) < 0)
		return rc;
	if ((work || pending) &&
	    ((rc = sada_journal_remove(o->sdir, err)) < 0 ||
	    (rc = sada_stage_clear(r->stage, err)) < 0))
		return rc;
	tell(r);
	return 0;
}

int
sada_apply(struct sada_apply_result *res, const struct sada_apply_opts *opts,
    struct sada_err *err)
{
	struct sada_run r = { .o = opts, .res = res, .stage = -1, .trash = -1,
	    .dfd = -1, .old = opts->old };
	struct sada_journal j = { 0 };
	struct sada_err own;
	int pending, rc;

	if (err == NULL)
		err = &own;
	memset(res, 0, sizeof(*res));
	if (opts->old != NULL)
		r.generation = sada_work_info(opts->old)->generation;
	if (opts->flags & SADA_APPLY_ADOPT) {
		rc = sada_adopt(&r, err);
		if (rc == 0)
			tell(&r);
		goto out;
	}
	rc = pending = sada_journal_read(&j, opts->sdir, err);
	if (rc == SADA_FORMAT) {
		/* Published whole, damaged since: it may have been any. */
		j.phase = SADA_JOURNAL_STAGED;
		j.generation = r.generation;
		rc = pending = 1;
	}
	if (rc < 0)
		goto out;
	r.recover = (opts->flags & SADA_APPLY_RECOVER) != 0 ||
	    (pending && r.generation <= j.generation);
	rc = run(&r, &j, pending, err);
out:
	free(j.heads);
	forget_dir(&r);
	sada_io_close(r.stage);
	sada_io_close(r.trash);
	sada_plan_release(&r.plan);
	return rc;
}
