/*
 * The swap: staged names go into the directory, old ones out of it.
 *
 * Nothing is renamed over and nothing is unlinked: EXCHANGE or NOREPLACE
 * only, and what was displaced is compared with what was seen before.  A
 * surprise is an edit made meanwhile and goes back.  Where the file system
 * refuses EXCHANGE the old file goes to the trash first and the new one
 * into the gap: for that moment the name is missing, and a crash there is
 * mended by the next run.  Old files wait in the trash, since a program
 * may still write to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

#define CAME "it was edited here meanwhile"

/* errno of the file systems that know no EXCHANGE. */
static int
refused(const struct sada_err *err)
{
	return err->code == SADA_SYS && (err->sys == EINVAL ||
	    err->sys == ENOSYS || err->sys == EOPNOTSUPP);
}

int
sada_swap_touch(struct sada_run *r, const struct sada_act *a, int fd,
    struct sada_err *err)
{
	struct sada_stat st;
	struct sada_act *up;
	int rc;

	if (a->parent == SADA_NO_ACT)
		return 0;
	up = &r->plan.act[a->parent];
	if (up->flags & SADA_ACT_TOUCHED)
		return 0;
	if ((rc = sada_io_stat(fd, "", &st, err)) < 0)
		return rc;
	sada_seen_of(&up->was, &st);
	up->there = SADA_DIR;
	up->flags |= SADA_ACT_TOUCHED;
	return 0;
}

/*
 * Rename in or out of directory DFD, of act A; one that is read-only is
 * made writable, and put back with its mtime.
 */
static int
move(struct sada_run *r, const struct sada_act *a, int dfd, int od,
    const char *on, int nd, const char *nn, unsigned flags,
    struct sada_err *err)
{
	struct sada_act *up;
	int rc;

	if ((rc = sada_swap_touch(r, a, dfd, err)) < 0)
		return rc;
	rc = sada_io_rename(od, on, nd, nn, flags, err);
	if (rc != SADA_SYS || err->sys != EACCES || a->parent == SADA_NO_ACT)
		return rc;
	up = &r->plan.act[a->parent];
	if ((up->was.mode & 0300) == 0300 || (up->flags & SADA_ACT_LOOSE))
		return rc;
	if ((rc = sada_io_chmod(dfd, up->was.mode | 0300, err)) < 0)
		return rc;
	up->flags |= SADA_ACT_LOOSE;
	return sada_io_rename(od, on, nd, nn, flags, err);
}

/*
 * Is NAME in DFD, which was displaced, what was seen there before?  1, 0.
 * Its ctime is not: the rename changed it.
 */
static int
expected(const struct sada_act *a, int dfd, const char *name,
    struct sada_err *err)
{
	struct sada_stat st;
	struct sada_id id;
	int rc;

	if ((rc = sada_io_stat(dfd, name, &st, err)) < 0)
		return rc;
	if (sada_kind_of(&st) != a->there || st.ino != a->was.ino ||
	    st.size != a->was.size || st.mode != a->was.mode ||
	    st.mtime_s != a->was.mtime_s || st.mtime_ns != a->was.mtime_ns)
		return 0;
	if (!(a->flags & SADA_ACT_HASH))
		return 1;
	rc = sada_disk_content(&id, &st, dfd, name, err);
	if (rc < 0)
		return rc == SADA_AGAIN ? 0 : rc;
	return sada_id_cmp(&id, &a->id) == 0;
}

/* The thing NAME in FROM cannot go back to its own name: beside it. */
static int
beside(struct sada_run *r, const struct sada_act *a, int from,
    const char *name, struct sada_err *err)
{
	return sada_keep_beside(r->o->root, from, name, a->path, a->len,
	    r->o->report, r->o->ctx, err);
}

/* Move the file or link at A to the trash; 1, or 0 if it is refused. */
static int
to_trash(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	const char *base = sada_act_base(a);
	char n[SADA_TRASH_NAME];
	int rc;

	sada_trash_name(n, (uint64_t)(a - r->plan.act));
	rc = move(r, a, dfd, dfd, base, r->trash, n, RENAME_NOREPLACE, err);
	if (rc == SADA_NOTFOUND) {
		sada_act_refuse(a, SADA_DID_LEAVE, CAME);
		return 0;
	}
	if (rc < 0)
		return rc;
	if ((rc = expected(a, r->trash, n, err)) != 0)
		return rc;
	rc = sada_io_rename(r->trash, n, dfd, base, RENAME_NOREPLACE, err);
	if (rc < 0)
		rc = beside(r, a, r->trash, n, err);
	sada_act_refuse(a, SADA_DID_LEAVE, CAME);
	return rc;
}

/* Read the stat of what was just laid out. */
static int
read_back(struct sada_act *a, int dfd, struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	a->rowflags = SADA_ROW_RACY;
	rc = sada_io_stat(dfd, sada_act_base(a), &st, err);
	if (rc < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	/* Else it was changed already: the staged stat shows that. */
	if (st.ino == a->seen.ino && st.size == a->seen.size &&
	    st.mode == a->seen.mode && st.mtime_s == a->seen.mtime_s &&
	    st.mtime_ns == a->seen.mtime_ns) {
		sada_seen_of(&a->seen, &st);
		if (!sada_seen_racy(&st, sada_io_now()))
			a->rowflags = 0;
	}
	return 0;
}

/* Bring in what is new; NOREPLACE. */
static int
put_new(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	char name[SADA_STAGE_NAME];
	int rc;

	sada_stage_name(name, a->path, a->len);
	rc = move(r, a, dfd, r->stage, name, dfd, sada_act_base(a),
	    RENAME_NOREPLACE, err);
	if (rc == SADA_SYS && err->sys == EEXIST) {
		sada_act_refuse(a, SADA_DID_LEAVE, "something was made here "
		    "meanwhile");
		return 0;
	}
	if (rc < 0)
		return rc;
	if (a->t->kind == SADA_DIR) {
		a->flags |= SADA_ACT_FINISH;
		return 0;
	}
	return read_back(a, dfd, err);
}

/* The user's edit NAME lies in the stage, T at its name: change back. */
static int
swap_back(struct sada_run *r, struct sada_act *a, int dfd, const char *name,
    struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	sada_act_refuse(a, SADA_DID_LEAVE, CAME);
	rc = sada_io_rename(r->stage, name, dfd, sada_act_base(a),
	    RENAME_EXCHANGE, err);
	if (rc == SADA_NOTFOUND)
		/* T was removed again already: the name is free. */
		rc = sada_io_rename(r->stage, name, dfd, sada_act_base(a),
		    RENAME_NOREPLACE, err);
	else if (rc == 0 && (rc = sada_io_stat(r->stage, name, &st,
	    err)) == 0 && (st.ino == a->seen.ino &&
	    st.size == a->seen.size && st.mode == a->seen.mode &&
	    st.mtime_s == a->seen.mtime_s && st.mtime_ns == a->seen.mtime_ns))
		return 0;		/* ours again, dropped with the stage */
	else if (rc == 0)
		rc = beside(r, a, r->stage, name, err);
	if (rc == SADA_SYS && err->sys == EEXIST)
		rc = beside(r, a, r->stage, name, err);
	return rc;
}

/* A file or link for a file or link. */
static int
put_swap(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	char name[SADA_STAGE_NAME], n[SADA_TRASH_NAME];
	int rc;

	if ((a->flags & SADA_ACT_ROWS) &&
	    (rc = sada_swap_rows(r, a, dfd, err)) != 0)
		return rc < 0 ? rc : 0;
	sada_stage_name(name, a->path, a->len);
	rc = move(r, a, dfd, r->stage, name, dfd, sada_act_base(a),
	    RENAME_EXCHANGE, err);
	if (rc == SADA_NOTFOUND) {
		sada_act_refuse(a, SADA_DID_LEAVE, "it was removed here "
		    "meanwhile");
		return 0;
	}
	if (rc < 0 && refused(err)) {
		if ((rc = to_trash(r, a, dfd, err)) <= 0 || a->put == 0)
			return rc;
		return put_new(r, a, dfd, err);
	}
	if (rc < 0)
		return rc;
	if ((rc = expected(a, r->stage, name, err)) < 0)
		return rc;
	if (rc == 0)
		return swap_back(r, a, dfd, name, err);
	sada_trash_name(n, (uint64_t)(a - r->plan.act));
	if ((rc = sada_io_rename(r->stage, name, r->trash, n,
	    RENAME_NOREPLACE, err)) < 0)
		return rc;
	return read_back(a, dfd, err);
}

/* Set mode and mtime of file FD, if it is still what was seen. */
static int
dress_file(struct sada_run *r, struct sada_act *a, int fd,
    struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	if ((rc = sada_io_stat(fd, "", &st, err)) < 0)
		return rc;
	if (!sada_seen_same(&a->was, &st)) {
		sada_act_refuse(a, SADA_DID_LEAVE, CAME);
		return 0;
	}
	if ((rc = sada_io_chmod(fd, a->t->mode, err)) < 0 ||
	    (rc = sada_io_utime(fd, "", a->t->mtime_s, a->t->mtime_ns,
	    err)) < 0 ||
	    (!r->many && (rc = sada_io_fsync(fd, "a file", err)) < 0))
		return rc;
	if ((rc = sada_io_stat(fd, "", &st, err)) == 0)
		sada_seen_of(&a->seen, &st);
	/* A write in between would be hidden: the next scan reads it. */
	a->rowflags = SADA_ROW_RACY;
	return rc;
}

static int
put_meta(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	const char *base = sada_act_base(a);
	struct sada_stat st;
	int fd = -1, rc;

	if (a->t->kind == SADA_DIR) {
		a->flags |= SADA_ACT_FINISH;
		return 0;
	}
	if (a->t->kind == SADA_LINK) {
		if ((rc = sada_io_stat(dfd, base, &st, err)) < 0)
			return rc;
		if (!sada_seen_same(&a->was, &st)) {
			sada_act_refuse(a, SADA_DID_LEAVE, CAME);
			return 0;
		}
		a->rowflags = SADA_ROW_RACY;
		if ((rc = sada_io_utime(dfd, base, a->t->mtime_s,
		    a->t->mtime_ns, err)) == 0 &&
		    (rc = sada_io_stat(dfd, base, &st, err)) == 0)
			sada_seen_of(&a->seen, &st);
		return rc;
	}
	rc = sada_io_open(&fd, dfd, base, ((a->was.mode & 0400) ? O_RDONLY :
	    O_WRONLY) | O_NONBLOCK, 0, err);
	if (rc == 0)
		rc = dress_file(r, a, fd, err);
	sada_io_close(fd);
	return rc;
}

/* A directory that is to go, or to make room for a file. */
static int
remove_dir(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err)
{
	struct sada_act *up;
	int rc;

	if ((rc = sada_swap_touch(r, a, dfd, err)) < 0)
		return rc;
	rc = sada_io_unlink(dfd, sada_act_base(a), AT_REMOVEDIR, err);
	if (rc == SADA_SYS && err->sys == EACCES &&
	    a->parent != SADA_NO_ACT) {
		up = &r->plan.act[a->parent];
		if ((rc = sada_io_chmod(dfd, up->was.mode | 0300,
		    err)) == 0) {
			up->flags |= SADA_ACT_LOOSE;
			rc = sada_io_unlink(dfd, sada_act_base(a),
			    AT_REMOVEDIR, err);
		}
	}
	if (rc == SADA_NOTFOUND)
		rc = 0;			/* gone is what was wanted */
	if (rc == 0) {
		a->there = 0;
		a->flags &= (uint16_t)~SADA_ACT_TOUCHED;
	}
	if (rc == SADA_SYS && (err->sys == ENOTEMPTY ||
	    err->sys == EEXIST)) {
		sada_act_refuse(a, SADA_DID_LEAVE, "it still holds names that "
		    "were not laid out");
		return 0;
	}
	return rc;
}

/* An error at A that others need not care for is noted in it. */
static int
settle(struct sada_act *a, int rc, const struct sada_err *err)
{
	const char *why;

	if (rc >= 0)
		return 0;
	if ((why = sada_why(err)) == NULL)
		return rc;
	sada_act_refuse(a, rc == SADA_NOTFOUND ? SADA_DID_LEAVE :
	    SADA_DID_FAIL, why);
	return 0;
}

static int
parent_fd(struct sada_run *r, const struct sada_act *a, int *fd,
    struct sada_err *err)
{
	if (a->len > 0)
		return sada_run_parent(r, a, fd, err);
	*fd = r->o->root;
	return 0;
}

/* Out with what goes, deepest first. */
static int
swap_out(struct sada_run *r, struct sada_err *err)
{
	size_t i;
	int dfd, rc = 0;

	for (i = r->plan.n; rc == 0 && i-- > 0;) {
		struct sada_act *a = &r->plan.act[i];

		if (a->rm == 0 || (a->rm == SADA_RM_TRASH && a->put != 0))
			continue;
		if ((rc = parent_fd(r, a, &dfd, err)) == 0) {
			if (a->rm == SADA_RM_DIR)
				rc = remove_dir(r, a, dfd, err);
			else
				rc = to_trash(r, a, dfd, err);
		}
		rc = settle(a, rc, err);
	}
	return rc;
}

/* All that lies in the new directory I shares its fate. */
static void
refuse_inner(struct sada_run *r, size_t i)
{
	const struct sada_act *top = &r->plan.act[i];
	size_t k;

	for (k = i + 1; k < r->plan.n && sada_path_below(
	    r->plan.act[k].path, r->plan.act[k].len, top->path, top->len);
	    k++)
		if (r->plan.act[k].flags & SADA_ACT_INNER)
			sada_act_refuse(&r->plan.act[k], top->did, top->why);
}

/* In with what comes, in path order. */
static int
swap_in(struct sada_run *r, struct sada_err *err)
{
	size_t i;
	int dfd, rc = 0, top;

	for (i = 0; rc == 0 && i < r->plan.n; i++) {
		struct sada_act *a = &r->plan.act[i];

		if (a->put == 0 || (a->flags & SADA_ACT_INNER))
			continue;
		top = a->flags & SADA_ACT_TOP;
		if ((rc = parent_fd(r, a, &dfd, err)) == 0 &&
		    a->rm == SADA_RM_TRASH)
			rc = to_trash(r, a, dfd, err);
		if (rc >= 0 && a->put == SADA_PUT_NEW)
			rc = put_new(r, a, dfd, err);
		else if (rc >= 0 && a->put == SADA_PUT_SWAP)
			rc = put_swap(r, a, dfd, err);
		else if (rc >= 0 && a->put == SADA_PUT_META)
			rc = put_meta(r, a, dfd, err);
		rc = settle(a, rc, err);
		if (top && a->put == 0)
			refuse_inner(r, i);
	}
	return rc;
}

int
sada_swap(struct sada_run *r, struct sada_err *err)
{
	struct sada_stat st;
	long long now = sada_io_now();
	size_t i;
	int rc;

	/* Nobody but us can have touched what lies in the stage. */
	for (i = 0; i < r->plan.n; i++) {
		struct sada_act *a = &r->plan.act[i];

		if (!(a->flags & SADA_ACT_INNER))
			continue;
		memset(&st, 0, sizeof(st));
		st.mtime_s = a->seen.mtime_s;
		st.mtime_ns = a->seen.mtime_ns;
		st.ctime_s = a->seen.ctime_s;
		st.ctime_ns = a->seen.ctime_ns;
		a->rowflags = sada_seen_racy(&st, now) ? SADA_ROW_RACY : 0;
	}
	if ((rc = swap_out(r, err)) < 0 || (rc = swap_in(r, err)) < 0 ||
	    (rc = sada_finish_dirs(r, err)) < 0)
		return rc;
	if (r->many)
		return sada_io_syncfs(r->stage, err);
	if (r->trash >= 0 &&
	    (rc = sada_io_fsync(r->trash, "the trash", err)) < 0)
		return rc;
	return sada_io_fsync(r->stage, "the stage", err);
}
