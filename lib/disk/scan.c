/*
 * A scan: sets up the threads, the root, and lets the walk go.  Here are
 * also what was seen of a name, and the .sadaignore files of a scan.
 *
 * Those are read when the first name without a row must be judged, so a
 * scan that finds nothing new opens none.  A file of this name is itself
 * never ignored: its change must be seen, for it brings hidden names to
 * light in directories whose stat stands.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/pool.h"
#include "base/quote.h"
#include "disk/scan_priv.h"

/* What was seen of a name: a few fields of its stat, and their doubts. */

#define TICK_NS (20 * 1000000LL)
#define COARSE_NS (2 * 1000000000LL)
/* Seconds that fit in nanoseconds of 64 bits, with room to add. */
#define SECONDS_MAX 9000000000LL

void
sada_seen_of(struct sada_seen *seen, const struct sada_stat *st)
{
	seen->ino = st->ino;
	seen->size = st->size;
	seen->mtime_s = st->mtime_s;
	seen->mtime_ns = st->mtime_ns;
	seen->ctime_s = st->ctime_s;
	seen->ctime_ns = st->ctime_ns;
	seen->mode = st->mode;
}

int
sada_seen_same(const struct sada_seen *a, const struct sada_stat *st)
{
	return a->ino == st->ino && a->size == st->size &&
	    a->mtime_s == st->mtime_s && a->mtime_ns == st->mtime_ns &&
	    a->ctime_s == st->ctime_s && a->ctime_ns == st->ctime_ns &&
	    a->mode == st->mode;
}

/* Is the stamp too young for NOW to tell changes after it? */
static int
young(int64_t s, uint32_t ns, long long now_ns)
{
	long long t;

	if (s > SECONDS_MAX)
		return 1;
	if (s < 0)
		return 0;
	t = s * 1000000000LL + (long long)ns;
	return t >= now_ns - (ns == 0 ? COARSE_NS : TICK_NS);
}

int
sada_seen_racy(const struct sada_stat *st, long long now_ns)
{
	return young(st->mtime_s, st->mtime_ns, now_ns) ||
	    young(st->ctime_s, st->ctime_ns, now_ns);
}

/* The .sadaignore files. */

/* Say which .sadaignore ERR is about. */
static void
explain(const struct sada_rules *r, struct sada_err *err)
{
	struct sada_buf q = { 0 };

	sada_quote(&q, r->dir, r->len);
	(void)sada_err_prefix(err, "the ignore rules of directory %s",
	    r->len > 0 ? sada_buf_str(&q) : "\".\"");
	sada_buf_release(&q);
}

/* Read the texts of R and of those above it, those first. */
static int
read_rules(struct sada_scan *s, struct sada_rules *r, struct sada_err *err)
{
	struct sada_buf text = { 0 };
	int fd = -1;
	int rc = 0;

	if (r == NULL || r->asked)
		return 0;
	if ((rc = read_rules(s, r->up, err)) < 0)
		return rc;
	if ((rc = sada_io_open_below(&fd, s->o->root, r->dir, O_RDONLY |
	    O_DIRECTORY, err)) < 0 ||
	    (rc = sada_io_slurp(fd, SADA_IGNORE_NAME, 1u << 20, &text,
	    err)) < 0)
		goto out;
	rc = sada_ignore_add(s->o->ignore, r->dir, r->len, (char *)text.p,
	    text.len, err);
out:
	sada_io_close(fd);
	sada_buf_release(&text);
	/*
	 * One that is gone, no file, a link, or no text has no rules.  One
	 * that cannot be read stops the scan: what it hides must not be
	 * recorded.
	 */
	if (rc == SADA_NOTFOUND || rc == SADA_FORMAT ||
	    (rc == SADA_SYS && err->sys == ELOOP))
		rc = 0;
	if (rc < 0)
		explain(r, err);
	r->asked = rc == 0;
	return rc;
}

/* Does a rule hide the path of LEN bytes at P?  1, 0, <0. */
static int
hidden(struct sada_visit *v, const char *p, size_t len, int dir)
{
	return sada_ignore_match(v->w->s->o->ignore, p, len,
	    dir ? SADA_IGNORE_DIR : 0, &v->j->err);
}

int
sada_rules_hide(struct sada_visit *v, int dir)
{
	struct sada_scan *s = v->w->s;
	const char *p = (char *)v->path.p;
	size_t i;
	int rc;

	if (s->o->ignore == NULL ||
	    (v->path.len - v->base == strlen(SADA_IGNORE_NAME) &&
	    memcmp(p + v->base, SADA_IGNORE_NAME, v->path.len - v->base) == 0))
		return 0;
	if (v->j->rules == NULL && !s->preset)
		return 0;
	if (v->inside < 0) {
		pthread_mutex_lock(&s->lock);
		rc = read_rules(s, v->j->rules, &v->j->err);
		pthread_mutex_unlock(&s->lock);
		if (rc < 0)
			return rc;
		/* A recorded directory may lie in one that a rule hides. */
		for (rc = 0, i = 0; i <= v->j->len && v->j->len > 0 &&
		    rc == 0; i++)
			if (i == v->j->len || p[i] == '/')
				rc = hidden(v, p, i, 1);
		if (rc < 0)
			return rc;
		v->inside = rc;
	}
	return v->inside ? 1 : hidden(v, p, v->path.len, dir);
}

/* A node for the rules in J's directory. */
static struct sada_rules *
rules_new(struct sada_scan *s, const struct sada_job *j)
{
	struct sada_rules *r = sada_calloc(1, sizeof(*r) + j->len + 1);

	r->up = j->rules;
	r->len = j->len;
	memcpy(r->dir, j->path, j->len);
	pthread_mutex_lock(&s->lock);
	r->next = s->rules;
	s->rules = r;
	pthread_mutex_unlock(&s->lock);
	return r;
}

int
sada_rules_find(struct sada_visit *v)
{
	struct sada_job *j = v->j;
	struct sada_wblock b = { 0 };
	struct sada_wrow row;
	struct sada_stat st;
	struct sada_err e;
	size_t n = strlen(SADA_IGNORE_NAME);
	int rc = 0, c = -1, told, there, same;

	if (j->old.off != 0 && (rc = sada_wblock_open(&b, v->w->s->o->old,
	    &j->old, SADA_WBLOCK_LIGHT, &j->err)) < 0)
		goto out;
	while (c < 0 && j->old.off != 0 &&
	    (rc = sada_wblock_next(&b, &row, &j->err)) > 0)
		c = sada_wrow_cmp(&row, SADA_IGNORE_NAME, n);
	if (rc < 0)
		goto out;
	rc = 0;
	/* Not in W, and the directory has no others. */
	if (c != 0 && (j->flags & SADA_JOB_KNOWN) &&
	    !(j->flags & SADA_JOB_REREAD))
		goto out;
	/* If that cannot be told, there are rules that cannot be read. */
	told = sada_io_stat(v->fd, SADA_IGNORE_NAME, &st, &e) == 0;
	there = told || e.code != SADA_NOTFOUND;
	same = c == 0 && told && !sada_must_read(&row.row, &st);
	if (!same && (c == 0 || there))
		j->flags |= SADA_JOB_REREAD;
	if (!there)
		goto out;
	j->rules = rules_new(v->w->s, j);
out:
	sada_wblock_release(&b);
	return rc;
}

/* The scan: threads, the root, the walk. */

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
	rc = pthread_rwlock_init(&s.capture, NULL);
	assert(rc == 0);
	rc = run(writer, res, &s, w, n, err);
	(void)pthread_rwlock_destroy(&s.capture);
	(void)pthread_mutex_destroy(&s.lock);
	rules_free(s.rules);
	if (rc < 0) {
		sada_work_writer_free(*writer);
		*writer = NULL;
		res->written = 0;
	}
	return rc;
}
