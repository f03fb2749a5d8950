/* A scan: sets up the threads, the root, and lets the walk go. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "disk/scan_priv.h"

#define THREADS_MAX 16

/*
 * The top: a job that is done, and has found the root under an empty name.
 */
static int
make_top(struct sada_scan *s, struct sada_job *top, struct sada_err *err)
{
	const struct sada_work *old = s->o->old;
	struct sada_wblock b = { 0 };
	struct sada_wrow row;
	struct sada_find *f;
	int have = 0;

	if (old != NULL) {
		if ((have = sada_wblock_open(&b, old, &old->top,
		    SADA_WBLOCK_LIGHT, err)) == 0)
			have = sada_wblock_next(&b, &row, err);
		sada_wblock_release(&b);
		if (have < 0)
			return have;
	}
	(void)sada_buf_str(&top->names);
	sada_job_subdir(top, "", 0, &s->root, have ? &row : NULL);
	f = &top->f[0];
	f->sub = sada_job_new("", 0);
	sada_job_stands(f->sub, have ? &row : NULL, &s->root);
	return 0;
}

static void
rules_free(struct sada_rules *r)
{
	struct sada_rules *next;

	for (; r != NULL; r = next) {
		next = r->next;
		free(r);
	}
}

/* End or drop the workers' fills; OK is what the scan came to. */
static int
end_workers(struct sada_worker *w, unsigned n, int ok,
    struct sada_scan_result *res, struct sada_err *err)
{
	unsigned i;
	int rc;

	for (i = 0; i < n; i++) {
		res->opened += w[i].opened;
		sada_buf_release(&w[i].buf);
		if (w[i].fill == NULL)
			continue;
		if (ok < 0)
			sada_fill_drop(w[i].fill);
		else if ((rc = sada_fill_end(w[i].fill, err)) < 0)
			ok = rc;
	}
	return ok;
}

/* Scan with N workers at W. */
static int
run(struct sada_work_writer **writer, struct sada_scan_result *res,
    struct sada_scan *s, struct sada_worker *w, unsigned n,
    struct sada_err *err)
{
	struct sada_order *order = NULL;
	struct sada_job top = { 0 };
	unsigned i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		w[i].s = s;
		if (s->o->txn != NULL && (rc = sada_fill_new(&w[i].fill,
		    s->o->txn, err)) < 0)
			goto out;
	}
	if ((rc = make_top(s, &top, err)) < 0)
		goto out;
	sada_order_new(&order, w, n);
	sada_order_push(order, top.f[0].sub);
	rc = sada_walk(writer, res, s, order, &top, err);
out:
	/* The threads end before what they work on. */
	sada_order_free(order);
	rc = end_workers(w, n, rc, res, err);
	for (i = 0; i < top.n; i++)
		sada_job_free(top.f[i].sub);
	free(top.f);
	sada_buf_release(&top.names);
	return rc;
}

int
sada_scan(struct sada_work_writer **writer, struct sada_scan_result *res,
    const struct sada_scan_opts *opts, struct sada_err *err)
{
	struct sada_scan s = { .o = opts };
	struct sada_worker w[THREADS_MAX];
	unsigned n = opts->threads;
	int rc;

	*writer = NULL;
	memset(res, 0, sizeof(*res));
	memset(w, 0, sizeof(w));
	if (n == 0)
		n = sada_pool_cores();
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	if ((rc = sada_io_stat(opts->root, "", &s.root, err)) < 0)
		return rc;
	s.preset = opts->ignore != NULL && !sada_ignore_empty(opts->ignore);
	rc = pthread_mutex_init(&s.lock, NULL);
	assert(rc == 0);
	rc = run(writer, res, &s, w, n, err);
	(void)pthread_mutex_destroy(&s.lock);
	rules_free(s.rules);
	if (rc < 0) {
		sada_work_writer_free(*writer);
		*writer = NULL;
		res->written = 0;
	}
	return rc;
}
