/*
 * What one thread does for one directory: its names, against W's.
 *
 * Names and rows come sorted, so it is one merge.  When the directory's
 * stat stands, its names are those of W and it is only opened, so that its
 * children can be stat'ed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/scan_priv.h"

#define WHY_STORE "its name means the store's on some file system"
#define WHY_DEEP "its path is too long or too deep"
#define WHY_MOUNT "it lies on another file system"
#define WHY_SPECIAL "it is no file, directory or symbolic link"
#define WHY_CHANGED "it changed while it was read"

struct sada_job *
sada_job_new(const char *path, size_t len)
{
	struct sada_job *j = sada_calloc(1, sizeof(*j));

	j->path = sada_memdup(path, len);
	j->len = len;
	return j;
}

void
sada_job_free(struct sada_job *j)
{
	size_t i;

	if (j == NULL)
		return;
	for (i = 0; i < j->n; i++)
		sada_job_free(j->f[i].sub);
	free(j->f);
	sada_buf_release(&j->names);
	free(j->path);
	free(j);
}

struct sada_find *
sada_job_find(struct sada_job *j, const char *name, size_t len,
    unsigned found)
{
	struct sada_find *f;

	j->f = sada_grow(j->f, &j->cap, j->n + 1, sizeof(*j->f));
	f = &j->f[j->n++];
	memset(f, 0, sizeof(*f));
	f->name_at = j->names.len;
	f->name_len = (uint16_t)len;
	f->found = (uint8_t)found;
	sada_buf_add(&j->names, name, len);
	return f;
}

void
sada_visit_keep(struct sada_visit *v, const char *name, size_t len,
    const struct sada_wrow *row, const char *why)
{
	struct sada_find *f = sada_job_find(v->j, name, len,
	    row != NULL ? SADA_FOUND_KEPT : SADA_FOUND_SKIP);

	f->why = why;
	/* A name with a row is looked at next time in any case. */
	if (row == NULL)
		v->j->unsettled = 1;
}

void
sada_visit_gone(struct sada_visit *v, const struct sada_wrow *row)
{
	(void)sada_job_find(v->j, row->name, row->len, SADA_FOUND_GONE);
	v->j->child_changed = 1;
}

void
sada_visit_unchanged(struct sada_visit *v, const struct sada_wrow *row)
{
	if (row->sub.off != 0)
		(void)sada_job_find(v->j, row->name, row->len,
		    SADA_FOUND_SAME);
}

static unsigned
kind_of(const struct sada_stat *st)
{
	return st->kind == S_IFREG ? SADA_FILE : st->kind == S_IFDIR ?
	    SADA_DIR : st->kind == S_IFLNK ? SADA_LINK : 0;
}

/* The fields of F as they are on the disk. */
static void
raw_values(struct sada_find *f, const struct sada_stat *st)
{
	f->kind = (uint8_t)kind_of(st);
	f->mode = f->kind == SADA_LINK ? 0 : (uint16_t)(st->mode & 0777);
	f->size = f->kind == SADA_DIR ? 0 : st->size;
	f->mtime_s = st->mtime_s;
	f->mtime_ns = st->mtime_ns;
	sada_seen_of(&f->seen, st);
}

/*
 * A mode or mtime that is as it was seen has the row's value, whatever the
 * file system made of it.  Sets the differences.
 */
static void
keep_values(struct sada_find *f, const struct sada_stat *st,
    const struct sada_row *r)
{
	int known = !(r->flags & SADA_ROW_NOSTAT);

	if (f->kind == SADA_LINK ||
	    (known && (st->mode & 0777) == (r->seen.mode & 0777)))
		f->mode = r->mode;
	else if (f->mode != r->mode)
		f->diff |= SADA_DIFF_MODE;
	if (known && st->mtime_s == r->seen.mtime_s &&
	    st->mtime_ns == r->seen.mtime_ns) {
		f->mtime_s = r->mtime_s;
		f->mtime_ns = r->mtime_ns;
	} else if (f->mtime_s != r->mtime_s || f->mtime_ns != r->mtime_ns)
		f->diff |= SADA_DIFF_MTIME;
}

void
sada_job_subdir(struct sada_job *j, const char *name, size_t len,
    const struct sada_stat *st, const struct sada_wrow *row)
{
	struct sada_find *f = sada_job_find(j, name, len, SADA_FOUND_SAME);
	const struct sada_row *r = row != NULL ? &row->row : NULL;
	int doubt = SADA_ROW_NOSTAT | SADA_ROW_RACY;

	raw_values(f, st);
	if (r == NULL)
		f->found = SADA_FOUND_NEW;
	else if (r->kind != SADA_DIR) {
		f->found = SADA_FOUND_CHANGED;
		f->diff = SADA_DIFF_KIND;
	}
	if (f->found != SADA_FOUND_SAME) {
		j->child_changed = 1;
		f->racy = (uint8_t)sada_seen_racy(st, sada_io_now());
		return;
	}
	f->row_racy = (r->flags & SADA_ROW_RACY) != 0;
	f->new_stat = (r->flags & SADA_ROW_NOSTAT) ||
	    !sada_seen_same(&r->seen, st);
	if (!(r->flags & doubt) && !f->new_stat)
		return;
	keep_values(f, st, r);
	/* Its mtime counts only with other differences: the walk's matter. */
	f->new_mtime = (f->diff & SADA_DIFF_MTIME) != 0;
	f->diff &= (uint8_t)~SADA_DIFF_MTIME;
	f->racy = (uint8_t)sada_seen_racy(st, sada_io_now());
	if (f->diff != 0)
		j->child_changed = 1;
}

void
sada_job_stands(struct sada_job *j, const struct sada_wrow *row,
    const struct sada_stat *st)
{
	const struct sada_seen *seen;

	if (row == NULL)
		return;
	seen = &row->row.seen;
	j->old = row->sub;
	if (row->row.kind == SADA_DIR &&
	    !(row->row.flags & (SADA_ROW_NOSTAT | SADA_ROW_RACY)) &&
	    seen->ino == st->ino && seen->mtime_s == st->mtime_s &&
	    seen->mtime_ns == st->mtime_ns && seen->ctime_s == st->ctime_s &&
	    seen->ctime_ns == st->ctime_ns)
		j->flags |= SADA_JOB_KNOWN;
}

/* Give the find made last, a directory, its job. */
static void
add_job(struct sada_visit *v, const struct sada_stat *st,
    const struct sada_wrow *row)
{
	struct sada_job *sub = sada_job_new((char *)v->path.p, v->path.len);

	v->j->f[v->j->n - 1].sub = sub;
	sub->rules = v->j->rules;
	sub->flags = v->flags;
	sada_job_stands(sub, row, st);
}

void
sada_visit_forget(struct sada_visit *v, const struct sada_wrow *row)
{
	struct sada_job *j = v->j;

	j->names.len = j->f[--j->n].name_at;
	sada_visit_unchanged(v, row);
}

struct sada_find *
sada_visit_file(struct sada_visit *v, const char *name, size_t len,
    const struct sada_stat *st, const struct sada_wrow *row,
    const struct sada_id *id, uint64_t size, int same)
{
	struct sada_find *f = sada_job_find(v->j, name, len, row == NULL ?
	    SADA_FOUND_NEW : SADA_FOUND_CHANGED);

	raw_values(f, st);
	f->size = size;
	f->content = *id;
	if (row != NULL && row->row.kind != f->kind)
		f->diff = SADA_DIFF_KIND;
	else if (row != NULL) {
		keep_values(f, st, &row->row);
		if (!same)
			f->diff |= SADA_DIFF_CONTENT;
	}
	return f;
}

/* A file or link NAME with stat *ST, whose content must be read. */
static int
read_file(struct sada_visit *v, const char *name, size_t len,
    struct sada_stat *st, const struct sada_wrow *row)
{
	struct sada_job *j = v->j;
	struct sada_find *f;
	struct sada_id id;
	const char *why = NULL;
	unsigned racy = 0;
	int shared = v->w->s->o->db != NULL && st->nlink > 1, rc;

	if (shared)
		pthread_rwlock_rdlock(&v->w->s->capture);
	rc = sada_scan_content(v->w, v->fd, name, st, &id, &racy, &why,
	    &j->err);
	if (shared)
		pthread_rwlock_unlock(&v->w->s->capture);
	if (rc == SADA_GOT_GONE) {
		if (row != NULL)
			sada_visit_gone(v, row);
		return 0;
	}
	if (rc == SADA_GOT_NOT)
		sada_visit_keep(v, name, len, row, why);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	f = sada_visit_file(v, name, len, st, row, &id, st->size,
	    row != NULL && st->size == row->row.size &&
	    sada_id_cmp(&id, &row->row.content) == 0);
	f->racy = (uint8_t)racy;
	if (f->found == SADA_FOUND_NEW || f->diff != 0) {
		j->child_changed = 1;
		return 0;
	}
	f->found = SADA_FOUND_STAT;
	/* Equal to the bit: nothing to write down. */
	if (sada_seen_same(&row->row.seen, st) &&
	    !(row->row.flags & SADA_ROW_NOSTAT) && racy)
		sada_visit_forget(v, row);
	return 0;
}

static int
other_mount(const struct sada_scan *s, const struct sada_stat *st)
{
	if (s->root.mnt != 0 && st->mnt != 0)
		return s->root.mnt != st->mnt;
	return s->root.dev != st->dev;
}

int
sada_must_read(const struct sada_row *r, const struct sada_stat *st)
{
	return r->kind != kind_of(st) ||
	    (r->flags & (SADA_ROW_NOSTAT | SADA_ROW_RACY)) != 0 ||
	    !sada_seen_same(&r->seen, st);
}

/* The name at V's path, which has a stat, against ROW. */
static int
compare(struct sada_visit *v, const char *name, size_t len,
    struct sada_stat *st, const struct sada_wrow *row)
{
	int rc;

	if (other_mount(v->w->s, st)) {
		sada_visit_keep(v, name, len, row, WHY_MOUNT);
		return 0;
	}
	if (row == NULL &&
	    (rc = sada_rules_hide(v, st->kind == S_IFDIR)) != 0) {
		v->j->ignored++;
		return rc < 0 ? rc : 0;
	}
	if (kind_of(st) == 0) {
		sada_visit_keep(v, name, len, row, WHY_SPECIAL);
		if (row == NULL)
			v->j->f[v->j->n - 1].found = SADA_FOUND_SPECIAL;
		return 0;
	}
	if (st->kind == S_IFDIR) {
		sada_job_subdir(v->j, name, len, st, row);
		add_job(v, st, row);
		return 0;
	}
	v->j->files++;
	if (st->kind == S_IFREG &&
	    (rc = sada_scan_database(v, name, len, st, row)) != 0)
		return rc < 0 ? rc : 0;
	if (row == NULL || sada_must_read(&row->row, st))
		return read_file(v, name, len, st, row);
	sada_visit_unchanged(v, row);
	return 0;
}

/*
 * NAME (NUL-terminated) is in the directory, or was when W was written;
 * ROW is what W says, or NULL.
 */
static int
look(struct sada_visit *v, const char *name, size_t len,
    const struct sada_wrow *row)
{
	struct sada_stat st;
	struct sada_err e;

	if (sada_name_is_store(name, len)) {
		/* Only the root's own is the store. */
		if (v->j->len > 0 || strcmp(name, ".sada") != 0)
			sada_visit_keep(v, name, len, row, WHY_STORE);
		return 0;
	}
	v->path.len = v->base;
	sada_buf_add(&v->path, name, len);
	if (len > SADA_NAME_MAX || v->path.len > SADA_PATH_MAX ||
	    sada_path_depth((char *)v->path.p, v->path.len) >
	    SADA_DEPTH_MAX) {
		sada_visit_keep(v, name, len, row, WHY_DEEP);
		return 0;
	}
	(void)sada_buf_str(&v->path);
	if (sada_scan_aside(v, len, row))
		return 0;
	if (sada_io_stat(v->fd, name, &st, &e) == 0)
		return compare(v, name, len, &st, row);
	if (e.code == SADA_NOTFOUND) {
		if (row != NULL)
			sada_visit_gone(v, row);
		return 0;
	}
	if (sada_scan_fatal(e.sys)) {
		v->j->err = e;
		return e.code;
	}
	sada_visit_keep(v, name, len, row, sada_scan_why(e.sys));
	return 0;
}

/* Names of a directory: texts with their NULs, and where they start. */
struct names {
	struct sada_buf text;
	const char **at;
	size_t n, cap;
};

static int
gather(const struct sada_dirent *d, void *ctx)
{
	struct names *l = ctx;

	sada_buf_add(&l->text, d->name, d->len + 1);
	l->n++;
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Read the directory's names, sorted. */
static int
list(struct sada_visit *v, struct names *l)
{
	const char *p;
	size_t i;
	int rc;

	v->j->read = 1;
	if ((rc = sada_io_list(v->fd, gather, l, &v->j->err)) < 0)
		return rc;
	l->at = sada_grow(l->at, &l->cap, l->n + 1, sizeof(char *));
	p = (char *)l->text.p;
	for (i = 0; i < l->n; i++) {
		l->at[i] = p;
		p += strlen(p) + 1;
	}
	qsort(l->at, l->n, sizeof(char *), by_bytes);
	return 0;
}

/* The next row of B, if there is one: 1, 0, <0. */
static int
next_row(struct sada_visit *v, struct sada_wblock *b, struct sada_wrow *row)
{
	return v->j->old.off == 0 ? 0 :
	    sada_wblock_next(b, row, &v->j->err);
}

/* A row whose name is not in the directory. */
static void
missing(struct sada_visit *v, const struct sada_wrow *row)
{
	v->path.len = v->base;
	sada_buf_add(&v->path, row->name, row->len);
	(void)sada_buf_str(&v->path);
	if (!sada_scan_aside(v, row->len, row))
		sada_visit_gone(v, row);
}

/* All names that the directory has, against the rows of B. */
static int
merge(struct sada_visit *v, const struct names *l, struct sada_wblock *b)
{
	struct sada_wrow row;
	size_t i = 0, len;
	int rc, have, c;

	if ((have = next_row(v, b, &row)) < 0)
		return have;
	while (i < l->n || have) {
		len = i < l->n ? strlen(l->at[i]) : 0;
		c = i == l->n ? -1 : !have ? 1 :
		    sada_wrow_cmp(&row, l->at[i], len);
		if (c < 0)
			missing(v, &row);
		else if ((rc = look(v, l->at[i], len, c == 0 ? &row :
		    NULL)) < 0)
			return rc;
		if (c >= 0)
			i++;
		if (c <= 0 && (have = next_row(v, b, &row)) < 0)
			return have;
	}
	return 0;
}

/* All names that W has: the directory has no others. */
static int
follow(struct sada_visit *v, struct sada_wblock *b)
{
	char name[SADA_NAME_MAX + 1];
	struct sada_wrow row;
	int rc;

	while ((rc = next_row(v, b, &row)) > 0) {
		memcpy(name, row.name, row.len);
		name[row.len] = '\0';
		if ((rc = look(v, name, row.len, &row)) < 0)
			break;
	}
	return rc;
}

/* What opening or listing J's directory failed with. */
static int
cannot_read(struct sada_job *j)
{
	int sys = j->err.sys;

	if (sada_scan_fatal(sys))
		return j->err.code;
	j->why = j->err.code == SADA_NOTFOUND || sys == ELOOP ? WHY_CHANGED :
	    sys == EXDEV ? WHY_MOUNT : sada_scan_why(sys);
	return 0;
}

static int
visit(struct sada_visit *v)
{
	struct sada_job *j = v->j;
	struct sada_wblock b = { 0 };
	struct names l = { 0 };
	int rc;

	if (sada_io_open_below(&v->fd, v->w->s->o->root, j->path, O_RDONLY |
	    O_DIRECTORY | O_NOFOLLOW, &j->err) < 0)
		return cannot_read(j);
	if ((rc = sada_rules_find(v)) < 0)
		goto out;
	v->flags = j->flags & SADA_JOB_REREAD;
	if (j->old.off != 0 && (rc = sada_wblock_open(&b, v->w->s->o->old,
	    &j->old, SADA_WBLOCK_KNOWN | SADA_WBLOCK_LIGHT, &j->err)) < 0)
		goto out;
	if ((j->flags & SADA_JOB_KNOWN) && !(j->flags & SADA_JOB_REREAD))
		rc = follow(v, &b);
	else if (list(v, &l) < 0)
		rc = cannot_read(j);
	else
		rc = merge(v, &l, &b);
out:
	sada_buf_release(&l.text);
	free(l.at);
	sada_wblock_release(&b);
	return rc;
}

void
sada_job_run(struct sada_job *j, struct sada_worker *w)
{
	struct sada_visit v = { .j = j, .w = w, .fd = -1, .inside = -1 };

	if (j->len > 0) {
		sada_buf_add(&v.path, j->path, j->len);
		sada_buf_add(&v.path, "/", 1);
	}
	v.base = v.path.len;
	j->rc = visit(&v);
	sada_io_close(v.fd);
	sada_buf_release(&v.path);
}
