/*
 * Layout, second half: carry it out.
 *
 * New files are written as "new-N" in a directory of the trash (of a fresh
 * copy: in a directory of its own) and made durable, then each is brought
 * to its name.  What is to be replaced changes places with what has become
 * number N of the trash, which is in the list of paths there; so a crash
 * leaves the old content at its name or under a number that the next run
 * looks at.  Only names that are no numbers are ever dropped unseen.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/layout_priv.h"
#include "disk/scan.h"

/* From so many new files on, one syncfs costs less than single syncs. */
#define MANY 1000
#define CAME "it was edited meanwhile"
#define STAGE_NAME 32

struct run {
	struct sada_layout *l;
	struct sada_run trash;		/* only its trash and plan are used */
	struct sada_apply_opts o;
	char own[STAGE_NAME];		/* name of a fresh copy's stage, or "" */
	int stage;
	int many;
};

static void
stage_name(char out[STAGE_NAME], size_t i)
{
	(void)snprintf(out, STAGE_NAME, "new-%zu", i);
}

/* Two numbers an item: what EXCHANGE displaces, and what is moved away. */
static void
number(char out[SADA_TRASH_NAME], size_t i, unsigned which)
{
	sada_trash_name(out, (uint64_t)i * 2 + which);
}

/* Add one number of A to the trash's list. */
static void
list(struct sada_plan *p, const struct sada_item_at *a)
{
	struct sada_act *x = sada_plan_add(p, a->path, a->len);
	struct sada_row row;

	if (a->placed == SADA_PLACED_OVER)
		x->rm = SADA_RM_TRASH;
	if ((a->flags & SADA_ITEM_ROWS) == 0)
		return;
	memset(&row, 0, sizeof(row));
	row.path = row.slot = a->path;
	row.len = row.slot_len = a->len;
	row.content = a->has;
	row.size = a->has_size;
	x->w = sada_plan_row(p, &row);
	x->flags |= SADA_ACT_LIKE_W;
}

/* Open where new files are staged. */
static int
open_stage(struct run *r, struct sada_err *err)
{
	const struct sada_layout *l = r->l;
	unsigned char seed[8];
	size_t i;
	int rc;

	if (l->o.sdir < 0) {
		sada_io_random(seed, sizeof(seed));
		(void)snprintf(r->own, sizeof(r->own), ".restore-%08x%08x",
		    sada_le32(seed), sada_le32(seed + 4));
		if ((rc = sada_io_mkdir(l->o.root, r->own, 0700, err)) < 0) {
			r->own[0] = '\0';
			return rc;
		}
		return sada_io_open(&r->stage, l->o.root, r->own,
		    O_RDONLY | O_DIRECTORY, 0, err);
	}
	r->o.sdir = l->o.sdir;
	r->o.root = l->o.root;
	r->trash.o = &r->o;
	for (i = 0; i < l->n; i++) {
		const struct sada_item_at *a = &l->item[i];
		unsigned k;

		for (k = 0; k < 2; k++)
			list(&r->trash.plan, a);
	}
	if ((rc = sada_trash_begin(&r->trash, err)) < 0)
		return rc;
	r->stage = r->trash.trash;
	return 0;
}

/* Drop what was staged and not brought to its name. */
static void
close_stage(struct run *r)
{
	struct sada_err drop;
	size_t i;
	int rc = 0;

	for (i = 0; r->stage >= 0 && i < r->l->n; i++) {
		char name[STAGE_NAME];

		if (!(r->l->item[i].flags & SADA_ITEM_STAGED))
			continue;
		stage_name(name, i);
		rc = sada_io_unlink(r->stage, name,
		    r->l->item[i].kind == SADA_DIR ? AT_REMOVEDIR : 0, &drop);
	}
	if (r->own[0] != '\0')
		rc = sada_io_unlink(r->l->o.root, r->own, AT_REMOVEDIR,
		    &drop);
	/* What is left is dropped with the trash by the next run. */
	(void)rc;
	sada_io_close(r->stage);
	sada_plan_release(&r->trash.plan);
}

/* An error at A that others need not care for is noted in it. */
static int
settle(struct sada_item_at *a, int rc, const struct sada_err *err)
{
	const char *why;

	if (rc >= 0)
		return 0;
	if ((why = sada_why(err)) == NULL)
		return rc;
	a->placed = SADA_PLACED_FAIL;
	a->why = why;
	return 0;
}

/* ---- staging ---- */

static int
write_file(struct run *r, const struct sada_item_at *a, const char *name,
    struct sada_err *err)
{
	int fd = -1, rc;

	if ((rc = sada_io_open(&fd, r->stage, name,
	    O_WRONLY | O_CREAT | O_EXCL, 0600, err)) < 0)
		return rc;
	if ((rc = sada_file_write(&r->l->o.src, &a->content, a->size, fd,
	    err)) == 0 &&
	    (rc = sada_io_chmod(fd, a->mode, err)) == 0 &&
	    (rc = sada_io_utime(fd, "", a->mtime_s, a->mtime_ns,
	    err)) == 0) {
		if (r->many)
			sada_io_writeback(fd);
		else
			rc = sada_io_fsync(fd, "a restored file", err);
	}
	if (rc == 0) {
		rc = sada_io_close_checked(fd, err);
		fd = -1;
	}
	sada_io_close(fd);
	return rc;
}

static int
write_link(struct run *r, const struct sada_item_at *a, const char *name,
    struct sada_err *err)
{
	struct sada_buf text = { 0 };
	int rc;

	if (a->size == 0 || a->size >= SADA_CHUNK_MAX) {
		/* No system makes such a link. */
		errno = EINVAL;
		return sada_err_sys(err, "cannot make a symbolic link");
	}
	if ((rc = sada_file_load(&r->l->o.src, &a->content, a->size, &text,
	    err)) == 0 &&
	    (rc = sada_io_symlink((char *)text.p, text.len, r->stage, name,
	    err)) == 0)
		rc = sada_io_utime(r->stage, name, a->mtime_s, a->mtime_ns,
		    err);
	sada_buf_release(&text);
	return rc;
}

static int
stage_all(struct run *r, struct sada_err *err)
{
	struct sada_layout *l = r->l;
	char name[STAGE_NAME];
	size_t i;
	int rc = 0;

	for (i = 0; i < l->n && rc == 0; i++) {
		struct sada_item_at *a = &l->item[i];

		if (a->placed != SADA_PLACED_NEW &&
		    a->placed != SADA_PLACED_OVER)
			continue;
		if (a->kind == SADA_DIR && a->placed == SADA_PLACED_NEW)
			continue;
		stage_name(name, i);
		a->flags |= SADA_ITEM_STAGED;
		rc = a->kind == SADA_DIR ?
		    sada_io_mkdir(r->stage, name, 0700, err) :
		    a->kind == SADA_LINK ? write_link(r, a, name, err) :
		    write_file(r, a, name, err);
		if (rc == SADA_NOTFOUND) {
			a->placed = SADA_PLACED_WANT;
			a->why = "its content is not here";
			rc = 0;
		}
		rc = settle(a, rc, err);
	}
	if (rc < 0 || l->o.sdir < 0)
		return rc;
	return r->many ? sada_io_syncfs(r->stage, err) :
	    sada_io_fsync(r->stage, "the trash", err);
}

/* ---- bringing in and taking out ---- */

/* Is NAME in the stage, which was displaced, what was seen at A?  1, 0. */
static int
expected(const struct run *r, const struct sada_item_at *a,
    const char *name, struct sada_err *err)
{
	struct sada_stat st;
	struct sada_id id;
	int rc;

	if ((rc = sada_io_stat(r->stage, name, &st, err)) < 0)
		return rc;
	if (st.kind != a->was.kind || st.ino != a->was.ino ||
	    st.size != a->was.size || st.mode != a->was.mode ||
	    st.mtime_s != a->was.mtime_s || st.mtime_ns != a->was.mtime_ns)
		return 0;
	if (!(a->flags & SADA_ITEM_HASH))
		return 1;
	rc = sada_disk_content(&id, &st, r->stage, name, err);
	if (rc < 0)
		return rc == SADA_AGAIN ? 0 : rc;
	return sada_id_cmp(&id, &a->id) == 0;
}

/* The directory of A gets writable for us, if it is not: 1, 0, <0. */
static int
loosen(struct run *r, const struct sada_item_at *a, int dfd,
    const struct sada_err *why, struct sada_err *err)
{
	struct sada_item_at *up;
	struct sada_stat st;
	int rc;

	if (why->code != SADA_SYS || why->sys != EACCES ||
	    a->up == SADA_NO_ACT)
		return 0;
	up = &r->l->item[a->up];
	if ((up->flags & SADA_ITEM_LOOSE) ||
	    sada_io_stat(dfd, "", &st, err) < 0 || (st.mode & 0300) == 0300)
		return 0;
	if ((rc = sada_io_chmod(dfd, st.mode | 0300, err)) < 0)
		return rc;
	up->old_mode = (uint16_t)(st.mode & 0777);
	up->flags |= SADA_ITEM_LOOSE;
	return 1;
}

/* Rename into or out of the directory DFD of A. */
static int
move(struct run *r, const struct sada_item_at *a, int dfd, int od,
    const char *on, int nd, const char *nn, unsigned flags,
    struct sada_err *err)
{
	struct sada_err why;
	int rc, again;

	if ((rc = sada_io_rename(od, on, nd, nn, flags, &why)) < 0 &&
	    (again = loosen(r, a, dfd, &why, err)) != 0)
		return again < 0 ? again : sada_io_rename(od, on, nd, nn,
		    flags, err);
	if (rc < 0 && err != NULL)
		*err = why;
	return rc;
}

static int
put_new(struct run *r, size_t i, int dfd, struct sada_err *err)
{
	struct sada_item_at *a = &r->l->item[i];
	const char *base = sada_layout_base(a);
	char name[STAGE_NAME];
	struct sada_err why;
	int rc, again;

	stage_name(name, i);
	if (a->kind == SADA_DIR && !(a->flags & SADA_ITEM_STAGED)) {
		rc = sada_io_mkdir(dfd, base, 0700, &why);
		if (rc < 0 && (again = loosen(r, a, dfd, &why, err)) != 0)
			return again < 0 ? again :
			    sada_io_mkdir(dfd, base, 0700, err);
		if (rc < 0 && err != NULL)
			*err = why;
		return rc;
	}
	rc = move(r, a, dfd, r->stage, name, dfd, base, RENAME_NOREPLACE,
	    err);
	if (rc == 0)
		a->flags &= (uint8_t)~SADA_ITEM_STAGED;
	return rc;
}

/* Move what stands at A away; 1, or 0 if it is no longer what it was. */
static int
take_out(struct run *r, size_t i, int dfd, struct sada_err *err)
{
	struct sada_item_at *a = &r->l->item[i];
	char n[SADA_TRASH_NAME];
	int rc;

	number(n, i, 1);
	if ((rc = move(r, a, dfd, dfd, sada_layout_base(a), r->stage, n,
	    RENAME_NOREPLACE, err)) < 0)
		return rc;
	if ((rc = expected(r, a, n, err)) != 0)
		return rc;
	a->placed = SADA_PLACED_FAIL;
	a->why = CAME;
	rc = sada_io_rename(r->stage, n, dfd, sada_layout_base(a),
	    RENAME_NOREPLACE, err);
	/* Else the next run puts it beside its name. */
	return rc < 0 && sada_why(err) == NULL ? rc : 0;
}

static int
put_over(struct run *r, size_t i, int dfd, struct sada_err *err)
{
	struct sada_item_at *a = &r->l->item[i];
	char name[STAGE_NAME], n[SADA_TRASH_NAME];
	int rc;

	if ((a->flags & SADA_ITEM_ROWS) &&
	    (rc = sada_layout_bring(r->l, a, dfd, err)) != 0)
		return rc < 0 ? rc : 0;
	stage_name(name, i);
	number(n, i, 0);
	/*
	 * From here on it may be a user's, so it has a number.  A crash just
	 * now leaves a new directory there, which is then kept, empty, beside
	 * its name: better than a name that is missing for a moment.
	 */
	if ((rc = sada_io_rename(r->stage, name, r->stage, n,
	    RENAME_NOREPLACE, err)) < 0)
		return rc;
	rc = move(r, a, dfd, r->stage, n, dfd, sada_layout_base(a),
	    RENAME_EXCHANGE, err);
	if (rc == 0) {
		a->flags &= (uint8_t)~SADA_ITEM_STAGED;
		if ((rc = expected(r, a, n, err)) != 0)
			return rc;
		a->placed = SADA_PLACED_FAIL;
		a->why = CAME;
		return sada_io_rename(r->stage, n, dfd, sada_layout_base(a),
		    RENAME_EXCHANGE, err);
	}
	if (sada_io_rename(r->stage, n, r->stage, name, RENAME_NOREPLACE,
	    NULL) < 0 || rc != SADA_SYS || (err->sys != EINVAL &&
	    err->sys != ENOSYS && err->sys != EOPNOTSUPP))
		return rc;
	/* A file system that knows no EXCHANGE. */
	if ((rc = take_out(r, i, dfd, err)) <= 0)
		return rc;
	return put_new(r, i, dfd, err);
}

static int
put_meta(struct run *r, size_t i, int dfd, struct sada_err *err)
{
	struct sada_item_at *a = &r->l->item[i];
	const char *base = sada_layout_base(a);
	struct sada_stat st;
	int fd = -1, rc;

	(void)r;
	if (a->kind == SADA_DIR)
		return 0;		/* at the end */
	if (a->kind == SADA_LINK) {
		if ((rc = sada_io_stat(dfd, base, &st, err)) < 0)
			return rc;
		if (st.ino == a->was.ino)
			return sada_io_utime(dfd, base, a->mtime_s,
			    a->mtime_ns, err);
		a->placed = SADA_PLACED_FAIL;
		a->why = CAME;
		return 0;
	}
	rc = sada_io_open(&fd, dfd, base, (a->was.mode & 0400 ? O_RDONLY :
	    O_WRONLY) | O_NONBLOCK, 0, err);
	if (rc == 0 && (rc = sada_io_stat(fd, "", &st, err)) == 0) {
		if (st.ino != a->was.ino || st.size != a->was.size ||
		    st.mtime_s != a->was.mtime_s ||
		    st.mtime_ns != a->was.mtime_ns) {
			a->placed = SADA_PLACED_FAIL;
			a->why = CAME;
		} else if ((rc = sada_io_chmod(fd, a->mode, err)) == 0)
			rc = sada_io_utime(fd, "", a->mtime_s, a->mtime_ns,
			    err);
	}
	sada_io_close(fd);
	return rc;
}

/* Sync the directory that was worked in, before going to another. */
static int
sync_dir(struct run *r, int dirty, struct sada_err *err)
{
	if (!dirty || r->many || r->l->o.sdir < 0 || r->l->dfd < 0)
		return 0;
	return sada_io_fsync(r->l->dfd, "a directory", err);
}

static int
place_all(struct run *r, struct sada_err *err)
{
	struct sada_layout *l = r->l;
	size_t i;
	int dfd, dirty = 0, rc = 0, rc2;

	sada_layout_forget(l);
	for (i = 0; i < l->n && rc == 0; i++) {
		struct sada_item_at *a = &l->item[i];

		if (a->placed == SADA_PLACED_SAME || a->len == 0 ||
		    a->placed > SADA_PLACED_META)
			continue;
		if (l->dpath != NULL && (l->dlen != sada_path_parent(a->path,
		    a->len) || memcmp(l->dpath, a->path, l->dlen) != 0)) {
			if ((rc = sync_dir(r, dirty, err)) < 0)
				break;
			dirty = 0;
		}
		if ((rc = sada_layout_dir(l, a, &dfd, err)) == 0) {
			rc = a->placed == SADA_PLACED_NEW ?
			    put_new(r, i, dfd, err) :
			    a->placed == SADA_PLACED_OVER ?
			    put_over(r, i, dfd, err) :
			    put_meta(r, i, dfd, err);
			dirty = 1;
			if (rc >= 0 && a->up != SADA_NO_ACT &&
			    a->placed != SADA_PLACED_FAIL &&
			    a->placed != SADA_PLACED_META)
				l->item[a->up].flags |= SADA_ITEM_TOUCHED;
		}
		rc = settle(a, rc, err);
	}
	rc2 = sync_dir(r, dirty, rc < 0 ? NULL : err);
	sada_layout_forget(l);
	return rc < 0 ? rc : rc2;
}

/* Mode and mtime of directory A. */
static int
dress(struct run *r, struct sada_item_at *a, struct sada_err *err)
{
	int fresh = a->placed == SADA_PLACED_NEW ||
	    a->placed == SADA_PLACED_OVER;
	int ours = fresh || (!(a->flags & SADA_ITEM_PARENT) &&
	    (a->placed == SADA_PLACED_META ||
	    (a->flags & SADA_ITEM_TOUCHED)));
	int fd = -1, rc;

	if (!ours && !(a->flags & SADA_ITEM_LOOSE))
		return 0;
	if ((rc = sada_io_open_below(&fd, r->l->o.root, a->path,
	    O_RDONLY | O_DIRECTORY, err)) < 0)
		goto out;
	rc = sada_io_chmod(fd, ours ? a->mode : a->old_mode, err);
	if (rc == 0 && ours && a->mtime_ns != SADA_NO_MTIME)
		rc = sada_io_utime(fd, "", a->mtime_s, a->mtime_ns, err);
	if (rc == 0 && !r->many && r->l->o.sdir >= 0)
		rc = sada_io_fsync(fd, "a directory", err);
out:
	sada_io_close(fd);
	return rc;
}

static int
dress_all(struct run *r, struct sada_err *err)
{
	size_t i;
	int rc = 0;

	for (i = r->l->n; i-- > 0 && rc == 0;) {
		struct sada_item_at *a = &r->l->item[i];

		if (a->kind == SADA_DIR && a->placed <= SADA_PLACED_META)
			rc = settle(a, dress(r, a, err), err);
	}
	return rc;
}

static size_t
count(const struct sada_layout *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		n += l->item[i].placed != SADA_PLACED_SAME &&
		    l->item[i].placed <= SADA_PLACED_META;
	return n;
}

int
sada_layout_run(struct sada_layout *l, void (*each)(const char *path,
    size_t len, unsigned placed, const char *why, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct run r = { .l = l, .stage = -1, .trash = { .trash = -1 } };
	struct sada_err own;
	size_t i, n = count(l);
	int rc = 0;

	if (err == NULL)
		err = &own;
	r.many = n >= MANY;
	if (n > 0 && ((rc = open_stage(&r, err)) < 0 ||
	    (rc = stage_all(&r, err)) < 0 ||
	    (rc = place_all(&r, err)) < 0))
		goto out;
	if (n > 0) {
		rc = dress_all(&r, err);
		if (rc == 0 && (r.many || l->o.sdir < 0))
			rc = sada_io_syncfs(l->o.root, err);
	}
out:
	close_stage(&r);
	for (i = 0; rc == 0 && each != NULL && i < l->n; i++)
		if (l->item[i].placed != SADA_PLACED_SAME)
			each(l->item[i].path, l->item[i].len,
			    l->item[i].placed, l->item[i].why, ctx);
	return rc;
}
