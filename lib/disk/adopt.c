/*
 * Adopt: a new W for a directory whose W was lost.
 *
 * No file is touched.  Each name of the view, or of what was laid out by
 * other evidence (the base), is compared with the disk by content, on all
 * threads: it gets the row that shows what stands there, so that nothing
 * of it is taken for an edit; what stands there otherwise is an edit.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/pool.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

#define JOB_NAMES 64

/* T's and the base's side of act A. */
static void
add_name(struct sada_plan *p, const struct sada_name *n, int base)
{
	struct sada_act *a = sada_plan_add(p, n->path, n->len);
	struct sada_row row;

	if (!base) {
		a->t = sada_plan_name(p, n);
		return;
	}
	sada_row_of(&row, n);
	a->w = sada_plan_row(p, &row);
}

static int
add_view(struct sada_plan *p, struct sada_view *v, int base,
    struct sada_err *err)
{
	const struct sada_name *copies;
	struct sada_name n;
	size_t count, i;
	int rc;

	if (v == NULL)
		return 0;
	while ((rc = sada_view_next(v, &n, err)) > 0)
		add_name(p, &n, base);
	if (rc < 0 || (rc = sada_view_copies(v, &copies, &count, err)) < 0)
		return rc;
	for (i = 0; i < count; i++)
		add_name(p, &copies[i], base);
	if (!base)
		sada_plan_conflicts(p, copies, count);
	return 0;
}

/* The two sides of one path become one act. */
static void
fold(struct sada_plan *p)
{
	size_t i, k = 0;

	for (i = 0; i < p->n; i++) {
		struct sada_act *a = &p->act[i];

		if (k > 0 && sada_path_cmp(p->act[k - 1].path,
		    p->act[k - 1].len, a->path, a->len) == 0) {
			if (a->t != NULL)
				p->act[k - 1].t = a->t;
			if (a->w != NULL)
				p->act[k - 1].w = a->w;
		} else {
			p->act[k++] = *a;
		}
	}
	p->n = k;
}

/* How well the disk agrees: 0 not, 1 kind and content, 2 all. */
static int
agrees(const struct sada_act *a, uint8_t kind, uint16_t mode, uint64_t size,
    const struct sada_id *content, int64_t s, uint32_t ns)
{
	if (kind != a->there)
		return 0;
	if (kind == SADA_DIR)
		return a->was.mode == mode ? 2 : 1;
	if (sada_id_cmp(content, &a->id) != 0)
		return 0;
	/* Of a database neither its bytes nor its time count. */
	if (a->flags & SADA_ACT_ROWS)
		return a->was.mode == mode ? 2 : 1;
	if (size != a->was.size)
		return 0;
	return (kind == SADA_LINK || a->was.mode == mode) &&
	    a->was.mtime_s == s && a->was.mtime_ns == ns ? 2 : 1;
}

/*
 * A file stands there.  1: a database with T's rows or W's, and ID says
 * which; 0.  Jobs run beside each other, but each name is of one job.
 */
static int
look_rows(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	const char *base = sada_act_base(a);
	int rc = 0;

	if (a->t != NULL && a->t->kind == SADA_FILE) {
		rc = sada_run_rows(r, dfd, base, a->path, a->len,
		    &a->t->content, a->t->size, err);
		a->id = a->t->content;
	}
	if (rc == 0 && a->w != NULL && a->w->kind == SADA_FILE) {
		rc = sada_run_rows(r, dfd, base, a->path, a->len,
		    &a->w->content, a->w->size, err);
		a->id = a->w->content;
	}
	if (rc == 1) {
		a->rowflags = SADA_ROW_RACY;
		a->flags |= SADA_ACT_ROWS;
		return 1;
	}
	memset(&a->id, 0, sizeof(a->id));
	return rc < 0 ? rc : 0;
}

/* Fill THERE, WAS and ID of A. */
static int
look(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	struct sada_stat st;
	int dfd = r->o->root, rc;

	if ((a->len > 0 && (rc = sada_run_parent(r, a, &dfd, err)) < 0) ||
	    (rc = sada_io_stat(dfd, a->len > 0 ? sada_act_base(a) : "", &st,
	    err)) < 0)
		return rc;
	a->there = sada_kind_of(&st);
	sada_seen_of(&a->was, &st);
	if (a->there == SADA_FILE && (rc = look_rows(r, a, dfd, err)) != 0)
		return rc < 0 ? rc : 0;
	if (a->there == SADA_DIR || a->there == SADA_KIND_OTHER ||
	    ((a->t == NULL || a->t->kind != a->there ||
	    a->t->size != st.size) && (a->w == NULL ||
	    a->w->kind != a->there || a->w->size != st.size))) {
		/* Nothing to compare with: the id stays zero. */
		return 0;
	}
	rc = sada_disk_content(&a->id, &st, dfd, sada_act_base(a), err);
	if (rc == 0) {
		a->there = sada_kind_of(&st);
		sada_seen_of(&a->was, &st);
		a->rowflags = sada_seen_racy(&st, sada_io_now()) ?
		    SADA_ROW_RACY : 0;
	}
	return rc;
}

static int
choose(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	const struct sada_name *t = a->t;
	const struct sada_row *w = a->w;
	int like_t = 0, like_w = 0, rc;

	if ((rc = look(r, a, err)) < 0) {
		if (sada_why(err) == NULL)
			return rc;
		a->there = 0;
	}
	if (a->there == SADA_DIR)
		a->rowflags = SADA_ROW_RACY;
	if (t != NULL && a->there != 0)
		like_t = agrees(a, t->kind, t->mode, t->size, &t->content,
		    t->mtime_s, t->mtime_ns);
	if (w != NULL && a->there != 0)
		like_w = agrees(a, w->kind, w->mode, w->size, &w->content,
		    w->mtime_s, w->mtime_ns);
	if (like_t > 0 && like_t >= like_w) {
		a->keep = SADA_KEEP_NEW;
		if (like_t == 2)
			a->seen = a->was;
		else
			sada_seen_adopt(&a->seen, &a->was, t);
		return 0;
	}
	a->keep = SADA_KEEP_OLD;
	a->seen = a->was;
	if (like_w == 1) {
		if (w->kind != SADA_LINK)
			a->seen.mode = w->mode;
		if (w->mtime_ns != SADA_NO_MTIME) {
			a->seen.mtime_s = w->mtime_s;
			a->seen.mtime_ns = w->mtime_ns;
		}
	} else if (like_w == 0) {
		memset(&a->seen, 0, sizeof(a->seen));
		a->rowflags = SADA_ROW_NOSTAT;
	}
	return 0;
}

struct job {
	struct sada_run r;		/* a handle of its own */
	struct sada_act *act;
	size_t n;
	int rc;
	struct sada_err err;
};

static void
run_job(void *job, void *ctx)
{
	struct job *j = job;
	size_t i;

	(void)ctx;
	for (i = 0; i < j->n && j->rc == 0; i++)
		j->rc = choose(&j->r, &j->act[i], &j->err);
	free(j->r.dpath);
	sada_io_close(j->r.dfd);
}

static int
take_job(struct sada_pool *pool, int rc, struct sada_err *err)
{
	struct job *j = sada_pool_take(pool);

	if (j != NULL && rc == 0 && j->rc < 0) {
		rc = j->rc;
		*err = j->err;
	}
	free(j);
	return rc;
}

static int
choose_all(struct sada_run *r, struct sada_err *err)
{
	unsigned threads = r->o->threads ? r->o->threads : sada_pool_cores();
	struct sada_pool *pool = NULL;
	struct job *j;
	size_t at;
	int rc;

	if ((rc = sada_pool_new(&pool, threads, threads * 4, run_job, NULL,
	    err)) < 0)
		return rc;
	for (at = 0; rc == 0 && at < r->plan.n; at += JOB_NAMES) {
		if (sada_pool_full(pool))
			rc = take_job(pool, rc, err);
		j = sada_calloc(1, sizeof(*j));
		j->r.o = r->o;
		j->r.dfd = -1;
		j->act = r->plan.act + at;
		j->n = r->plan.n - at < JOB_NAMES ? r->plan.n - at :
		    JOB_NAMES;
		sada_pool_submit(pool, j);
	}
	for (at = 0; at < (size_t)threads * 4; at++)
		rc = take_job(pool, rc, err);
	sada_pool_free(pool);
	return rc;
}

int
sada_adopt(struct sada_run *r, struct sada_err *err)
{
	struct sada_plan *p = &r->plan;
	size_t i;
	int rc;

	if ((rc = add_view(p, r->o->view, 0, err)) < 0 ||
	    (rc = add_view(p, r->o->base, 1, err)) < 0)
		return rc;
	sada_plan_sort(p);
	fold(p);
	if (p->n == 0 || p->act[0].len != 0) {
		/* A root that no view tells of is implied. */
		struct sada_name root = { .path = "", .slot = "",
		    .kind = SADA_DIR, .mode = 0700,
		    .mtime_ns = SADA_NO_MTIME };

		add_name(p, &root, 0);
		sada_plan_sort(p);
	}
	if ((rc = choose_all(r, err)) < 0)
		return rc;
	for (i = 0; i < p->n; i++) {
		struct sada_act *a = &p->act[i];
		struct sada_row row;

		if (a->keep != SADA_KEEP_OLD)
			continue;
		/* Not as the view has it: the next merge looks again. */
		r->res->left += a->t != NULL || a->there != 0;
		if (a->w == NULL)
			continue;
		row = *a->w;
		row.seen = a->seen;
		row.flags |= a->rowflags;
		a->w = sada_plan_row(p, &row);
	}
	r->res->copies = p->copies;
	r->res->conflicts = p->conflicts;
	r->old = NULL;
	if (r->o->flags & SADA_APPLY_DRY)
		return 0;
	return sada_finish_work(r, err);
}
