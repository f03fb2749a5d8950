/*
 * The .sadaignore files of a scan.
 *
 * They are read when the first name without a row must be judged, so a scan
 * that finds nothing new opens none.  A file of this name is itself never
 * ignored: its change must be seen, for it brings hidden names to light in
 * directories whose stat stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/quote.h"
#include "disk/scan_priv.h"

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
