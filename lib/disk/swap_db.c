/*
 * The swap of a database: T's rows are brought into the file that stands
 * there, in one transaction of SQLite, so that those who have it open see
 * it before or after.
 *
 * A crash leaves W or T and what was written since, and a recovery does it
 * again: that changes nothing which was done already.  The file may only
 * change places where SQLite refuses, it was W, and nobody is seen to have
 * it open.
 */
#include <fcntl.h>

#include "disk/apply_priv.h"
#include "merge/sqlite.h"

/* Both images; 1, 0 when one is not to be had. */
static int
images(struct sada_run *r, const struct sada_act *a, struct sada_buf *w,
    struct sada_buf *t, struct sada_err *err)
{
	int rc;

	rc = sada_database_image(w, &r->o->src, &a->w->content, a->w->size,
	    err);
	return rc <= 0 ? rc : sada_database_image(t, &r->o->src,
	    &a->t->content, a->t->size, err);
}

/* The mode, and the stat of what is there now. */
static int
dress(struct sada_run *r, struct sada_act *a, int dfd, struct sada_err *err)
{
	struct sada_stat st;
	int fd = -1, rc, change;

	change = !sada_act_mode_is_t(a) && sada_act_mode_is_w(r, a);
	if (change && (rc = sada_io_open(&fd, dfd, sada_act_base(a),
	    ((a->was.mode & 0400) ? O_RDONLY : O_WRONLY) | O_NONBLOCK, 0,
	    err)) < 0)
		return rc;
	if (change && (rc = sada_io_chmod(fd, a->t->mode, err)) == 0)
		rc = sada_io_fsync(fd, "a database", err);
	else
		rc = 0;
	sada_io_close(fd);
	if (rc < 0 || (rc = sada_io_stat(dfd, sada_act_base(a), &st,
	    err)) < 0)
		return rc;
	sada_seen_of(&a->seen, &st);
	/* A mode that the user set is told as an edit. */
	if (!change)
		a->seen.mode = a->t->mode;
	/* Others may have written since: the next scan reads it. */
	a->rowflags = SADA_ROW_RACY;
	return 1;
}

int
sada_swap_rows(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	const char *base = sada_act_base(a);
	const char *why = "it was edited here";
	struct sada_buf from = { 0 }, to = { 0 };
	struct sada_span w, t;
	int rc;

	if ((rc = images(r, a, &from, &to, err)) < 0)
		goto out;
	if (rc > 0) {
		w.p = from.p;
		w.n = from.len;
		t.p = to.p;
		t.n = to.len;
		if ((rc = sada_swap_touch(r, a, dfd, err)) < 0)
			goto out;
		rc = sada_sqlite_advance(dfd, base, &w, &t, err);
		if (rc == 0) {
			rc = dress(r, a, dfd, err);
			goto out;
		}
		if (rc == SADA_NOTFOUND)
			why = "it was removed here meanwhile";
		else if (rc == SADA_BUSY)
			why = sada_database_why(err);
		else if (rc == SADA_SYS)
			goto out;
		else if ((a->flags & SADA_ACT_EDITED) == 0)
			why = "the database is in use, and cannot be changed "
			    "row by row";
		if (rc != SADA_LATER && rc != SADA_FORMAT)
			a->flags |= SADA_ACT_EDITED;
	}
	rc = 0;
	if ((a->flags & SADA_ACT_EDITED) || sada_database_busy(dfd, base)) {
		sada_act_refuse(a, SADA_DID_LEAVE, why);
		rc = 1;
	}
out:
	sada_buf_release(&from);
	sada_buf_release(&to);
	return rc;
}
