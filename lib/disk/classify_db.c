/*
 * Three-way for databases: by rows, and without taking the file away from
 * those who have it open.
 *
 * D = T and D = W are told by what a capture holds; the mtime, which SQLite
 * changes when it likes, says nothing.  Where T differs, what leads from W
 * to T is brought into D by the swap, even when D was written since: its
 * own rows stay and are an edit of T then.  A database that must go, or
 * become something else, must be W and out of use.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

int
sada_act_aside(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	const struct sada_act *b;
	size_t n = sada_database_of(r->o->db, a->path, a->len), i, start;
	struct sada_err e;
	char *name;
	int dfd, rc = 0;

	if (n == 0 || (a->t != NULL && a->t->kind == SADA_DIR) ||
	    (a->w != NULL && a->w->kind == SADA_DIR))
		return 0;
	i = sada_plan_find(&r->plan, a->path, n);
	b = i == SADA_NO_ACT ? NULL : &r->plan.act[i];
	if (b != NULL && b->t != NULL && b->t->kind == SADA_FILE) {
		rc = sada_database_held(&r->o->src, &b->t->content,
		    b->t->size, err);
		/* One that is still to come is taken for what it is called. */
		if (rc == SADA_NOTFOUND)
			rc = 1;
	}
	if (rc == 0 && sada_run_parent(r, a, &dfd, &e) == 0) {
		start = sada_path_base(a->path, a->len);
		name = sada_memdup(a->path + start, n - start);
		rc = sada_database_there(dfd, name);
		free(name);
	}
	if (rc > 0)
		a->keep = SADA_KEEP_OLD;
	return rc;
}

int
sada_run_rows(struct sada_run *r, int dfd, const char *name,
    const char *path, size_t len, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	struct sada_buf image = { 0 };
	struct sada_id own;
	int rc = 2;

	if (!sada_database_rule(r->o->db, path, len) ||
	    !sada_database_there(dfd, name))
		return rc;
	rc = sada_database_capture(&image, &own, dfd, name, err);
	if (rc == 0)
		rc = sada_database_same(&image, &own, &r->o->src, id, size,
		    err);
	else if (rc != SADA_SYS)
		rc = rc == SADA_FORMAT ? 2 : 0;
	sada_buf_release(&image);
	return rc;
}

/* What is known of the database at an act. */
struct seen {
	struct sada_run *r;
	struct sada_act *a;
	int dfd;
	unsigned busy;			/* SADA_DATABASE_* */
	int by_stat;			/* the stat says that it is W */
	int like_t, like_w;
	int unknown;			/* it cannot be captured now */
};

static int
is_file(const struct sada_row *w)
{
	return w != NULL && w->kind == SADA_FILE;
}

/* Capture and compare: 0, 1 when it is no database after all. */
static int
compare(struct seen *s, struct sada_err *err)
{
	const struct sada_source *src = &s->r->o->src;
	const struct sada_act *a = s->a;
	struct sada_buf image = { 0 };
	struct sada_id own;
	int rc;

	rc = sada_database_capture(&image, &own, s->dfd, sada_act_base(a),
	    err);
	if (rc == SADA_BUSY || rc == SADA_LATER) {
		s->unknown = 1;
		rc = 0;
		goto out;
	}
	if (rc < 0) {
		rc = rc == SADA_FORMAT ? 1 : rc;
		goto out;
	}
	if (a->t != NULL && a->t->kind == SADA_FILE &&
	    (rc = s->like_t = sada_database_same(&image, &own, src,
	    &a->t->content, a->t->size, err)) < 0)
		goto out;
	if (is_file(a->w) && (rc = s->like_w = sada_database_same(&image,
	    &own, src, &a->w->content, a->w->size, err)) < 0)
		goto out;
	rc = 0;
out:
	sada_buf_release(&image);
	return rc;
}

/* What the swap is to find when the file itself is displaced. */
static int
pin(struct seen *s, struct sada_err *err)
{
	struct sada_act *a = s->a;
	struct sada_stat now;
	int rc;

	a->flags |= SADA_ACT_LIKE_W;
	if (s->by_stat)
		return 1;
	if ((rc = sada_disk_content(&a->id, &now, s->dfd, sada_act_base(a),
	    err)) < 0)
		return rc;
	a->flags |= SADA_ACT_HASH;
	return sada_seen_same(&a->was, &now);
}

/* The database is to go, or what is no database takes its place. */
static int
displace(struct seen *s, struct sada_err *err)
{
	struct sada_act *a = s->a;
	int rc;

	if (s->busy != 0 || s->unknown) {
		sada_act_refuse(a, SADA_DID_LEAVE, "the database is in use");
		return 0;
	}
	rc = s->like_w && sada_act_mode_is_w(s->r, a) ? pin(s, err) : 0;
	if (rc > 0)
		sada_act_replace(a);
	else if (rc == 0)
		sada_act_refuse(a, SADA_DID_LEAVE, a->w != NULL ?
		    "it was edited here" : "a file of this name was made "
		    "here");
	return rc < 0 ? rc : 0;
}

/* T is a database with other rows. */
static int
bring(struct seen *s, struct sada_err *err)
{
	struct sada_act *a = s->a;
	int rc = 0;

	if (!is_file(a->w)) {
		sada_act_refuse(a, SADA_DID_LEAVE,
		    "a file of this name was made here");
		return 0;
	}
	sada_act_replace(a);
	a->flags |= SADA_ACT_ROWS;
	if (!s->like_w || !sada_act_mode_is_w(s->r, a) ||
	    (rc = pin(s, err)) == 0)
		a->flags |= SADA_ACT_EDITED;
	return rc < 0 ? rc : 0;
}

/* Its rows are T's, or T's are W's: what is left is the mode. */
static void
only_mode(struct seen *s)
{
	struct sada_act *a = s->a;
	int mode_t_ = sada_act_mode_is_t(a);

	if (!mode_t_ && is_file(a->w) && sada_act_mode_is_w(s->r, a)) {
		sada_act_meta(a);
		return;
	}
	if (!s->like_t && !mode_t_) {
		sada_act_refuse(a, SADA_DID_LEAVE,
		    "its mode was changed here");
		return;
	}
	a->keep = SADA_KEEP_NEW;
	a->rowflags = s->by_stat ? 0 : SADA_ROW_RACY;
	if (s->like_t) {
		a->seen = a->was;
		a->seen.mode = a->t->mode;
	} else {
		/* What was written since W is for the next scan. */
		a->seen = a->w->seen;
		a->rowflags |= a->w->flags & SADA_ROW_NOSTAT;
	}
}

static int
decide(struct seen *s, struct sada_err *err)
{
	struct sada_act *a = s->a;
	int rc;

	if (a->t == NULL || a->t->kind != SADA_FILE)
		return displace(s, err);
	if (s->like_t || (!s->unknown && is_file(a->w) &&
	    a->t->size == a->w->size &&
	    sada_id_cmp(&a->t->content, &a->w->content) == 0)) {
		only_mode(s);
		return 0;
	}
	rc = sada_database_held(&s->r->o->src, &a->t->content, a->t->size,
	    err);
	/* What is not here is told as wanted. */
	if (rc > 0 || rc == SADA_NOTFOUND)
		return bring(s, err);
	return rc < 0 ? rc : displace(s, err);
}

int
sada_classify_database(struct sada_run *r, struct sada_act *a, int dfd,
    const struct sada_stat *st, int stat_is_w, struct sada_err *err)
{
	struct seen s = { .r = r, .a = a, .dfd = dfd };
	const char *base = sada_act_base(a);
	int rc;

	if (st->size == 0 ||
	    !sada_database_rule(r->o->db, a->path, a->len))
		return 0;
	s.busy = sada_database_busy(dfd, base);
	if (!sada_database_there(dfd, base))
		return 0;
	s.by_stat = stat_is_w && !(s.busy & SADA_DATABASE_WAL);
	if (s.by_stat) {
		s.like_w = 1;
		s.like_t = a->t != NULL && a->t->kind == SADA_FILE &&
		    a->t->size == a->w->size &&
		    sada_id_cmp(&a->t->content, &a->w->content) == 0;
	} else if ((rc = compare(&s, err)) != 0)
		return rc < 0 ? rc : 0;
	rc = decide(&s, err);
	return rc < 0 ? rc : 1;
}
