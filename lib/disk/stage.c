/*
 * The stage: new files, and whole new directories, below ".sada/stage".
 *
 * The directories are made first, then workers take runs of neighbouring
 * names (their contents lie beside each other in the packs) and write
 * them, starting writeback as they go; then the directories get their mode
 * and mtime, deepest first.  All is durable before any of it is swapped in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/pool.h"
#include "disk/apply_priv.h"

/* A job ends after so many files or bytes. */
#define JOB_FILES 128
#define JOB_BYTES (UINT64_C(2) << 20)
#define THREADS 2

struct job {
	struct sada_run *r;
	size_t lo, hi;
	int rc;
	struct sada_err err;
	atomic_int *stop;
};

void
sada_stage_name(char out[SADA_STAGE_NAME], const char *path, size_t len)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_id id;

	sada_hash(&id, SADA_CTX_FILE, path, len);
	sada_id_hex(hex, &id);
	memcpy(out, hex, SADA_STAGE_NAME - 1);
	out[SADA_STAGE_NAME - 1] = '\0';
}

int
sada_open_dir(int *fd, int dfd, const char *name, struct sada_err *err)
{
	int rc = sada_io_open(fd, dfd, name, O_RDONLY | O_DIRECTORY, 0, err);

	if (rc != SADA_NOTFOUND)
		return rc;
	if ((rc = sada_io_mkdir(dfd, name, 0700, err)) < 0 ||
	    (rc = sada_io_fsync(dfd, "the store", err)) < 0)
		return rc;
	return sada_io_open(fd, dfd, name, O_RDONLY | O_DIRECTORY, 0, err);
}

/* Names of a directory, one after the other with their NULs. */
static int
note_name(const struct sada_dirent *d, void *ctx)
{
	sada_buf_add(ctx, d->name, d->len + 1);
	return 0;
}

static int remove_below(int fd, unsigned depth, struct sada_err *err);

static int
remove_one(int fd, const char *name, unsigned depth, struct sada_err *err)
{
	struct sada_stat st;
	int sub = -1, rc;

	if ((rc = sada_io_stat(fd, name, &st, err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	if (st.kind != S_IFDIR)
		return sada_io_unlink(fd, name, 0, err);
	if ((rc = sada_io_open(&sub, fd, name, O_RDONLY | O_DIRECTORY, 0,
	    err)) == 0 && (rc = sada_io_chmod(sub, 0700, err)) == 0)
		rc = remove_below(sub, depth + 1, err);
	sada_io_close(sub);
	return rc < 0 ? rc : sada_io_unlink(fd, name, AT_REMOVEDIR, err);
}

/* Remove all that directory FD holds.  The depth is bounded by paths'. */
static int
remove_below(int fd, unsigned depth, struct sada_err *err)
{
	struct sada_buf names = { 0 };
	size_t i;
	int rc;

	if (depth > SADA_DEPTH_MAX + 2)
		return sada_err_set(err, SADA_FORMAT, "the stage is deeper "
		    "than any path");
	rc = sada_io_list(fd, note_name, &names, err);
	for (i = 0; rc == 0 && i < names.len;
	    i += strlen((char *)names.p + i) + 1)
		rc = remove_one(fd, (char *)names.p + i, depth, err);
	sada_buf_release(&names);
	return rc;
}

int
sada_stage_clear(int stage, struct sada_err *err)
{
	return remove_below(stage, 0, err);
}

/* The new directory, built whole, that act I is or lies in. */
static size_t
top_of(const struct sada_run *r, size_t i)
{
	while (i != SADA_NO_ACT && !(r->plan.act[i].flags & SADA_ACT_TOP))
		i = r->plan.act[i].parent;
	return i;
}

/*
 * Append the path below the stage of directory act I, which is new or lies
 * in a new one.
 */
static void
stage_path(const struct sada_run *r, size_t i, struct sada_buf *out)
{
	const struct sada_act *a = &r->plan.act[i], *top;
	char name[SADA_STAGE_NAME];

	top = &r->plan.act[top_of(r, i)];
	sada_stage_name(name, top->path, top->len);
	sada_buf_adds(out, name);
	sada_buf_add(out, a->path + top->len, a->len - top->len);
}

/*
 * Open the directory in the stage that act A is built in: the stage, or
 * its parent's.  *FD is to be closed.
 */
static int
stage_parent(int *fd, const struct sada_run *r, const struct sada_act *a,
    struct sada_err *err)
{
	struct sada_buf path = { 0 };
	int rc;

	if (a->flags & SADA_ACT_INNER)
		stage_path(r, a->parent, &path);
	rc = sada_io_open_below(fd, r->stage, sada_buf_str(&path),
	    O_RDONLY | O_DIRECTORY, err);
	sada_buf_release(&path);
	return rc;
}

static void
name_in_stage(char out[SADA_NAME_MAX + 1], const struct sada_act *a)
{
	const char *base = sada_act_base(a);
	size_t n = strlen(base);

	if (a->flags & SADA_ACT_INNER) {
		if (n > SADA_NAME_MAX)
			n = SADA_NAME_MAX;
		memcpy(out, base, n);
		out[n] = '\0';
	} else {
		sada_stage_name(out, a->path, a->len);
	}
}

static int
write_file(const struct sada_run *r, struct sada_act *a, int dfd,
    const char *name, struct sada_err *err)
{
	const struct sada_name *t = a->t;
	struct sada_stat st;
	int fd = -1, rc, rc2;

	if ((rc = sada_io_open(&fd, dfd, name, O_WRONLY | O_CREAT | O_EXCL,
	    0600, err)) < 0)
		return rc;
	if ((rc = sada_file_write(&r->o->src, &t->content, t->size, fd,
	    err)) == 0 &&
	    (rc = sada_io_chmod(fd, t->mode, err)) == 0 &&
	    (rc = sada_io_utime(fd, "", t->mtime_s, t->mtime_ns, err)) == 0 &&
	    (rc = sada_io_stat(fd, "", &st, err)) == 0) {
		sada_seen_of(&a->seen, &st);
		if (t->size > 0)
			sada_io_writeback(fd);
		rc = sada_io_close_checked(fd, err);
		fd = -1;
	}
	sada_io_close(fd);
	if (rc < 0 && (rc2 = sada_io_unlink(dfd, name, 0, NULL)) < 0)
		(void)rc2;	/* the first error is the one to tell */
	return rc;
}

static int
write_link(const struct sada_run *r, struct sada_act *a, int dfd,
    const char *name, struct sada_err *err)
{
	const struct sada_name *t = a->t;
	struct sada_buf text = { 0 };
	struct sada_stat st;
	int rc, rc2;

	if (t->size == 0 || t->size >= SADA_CHUNK_MAX) {
		/* No system makes such a link. */
		errno = EINVAL;
		return sada_err_sys(err, "cannot make a symbolic link");
	}
	if ((rc = sada_file_load(&r->o->src, &t->content, t->size, &text,
	    err)) == 0 &&
	    (rc = sada_io_symlink((char *)text.p, text.len, dfd, name,
	    err)) == 0 &&
	    (rc = sada_io_utime(dfd, name, t->mtime_s, t->mtime_ns,
	    err)) == 0 &&
	    (rc = sada_io_stat(dfd, name, &st, err)) == 0)
		sada_seen_of(&a->seen, &st);
	sada_buf_release(&text);
	if (rc < 0 && (rc2 = sada_io_unlink(dfd, name, 0, NULL)) < 0)
		(void)rc2;	/* the first error is the one to tell */
	return rc;
}

static int
is_leaf(const struct sada_act *a)
{
	return (a->put == SADA_PUT_NEW || a->put == SADA_PUT_SWAP) &&
	    a->t->kind != SADA_DIR;
}

/* Errors of one name are noted in it; 0, or the error that stops all. */
static int
note_error(struct sada_act *a, int rc, const struct sada_err *err)
{
	const char *why;

	if (rc == SADA_NOTFOUND) {
		sada_act_refuse(a, SADA_DID_WANT, "its content is not here "
		    "yet");
		return 0;
	}
	if ((why = sada_why(err)) == NULL)
		return rc;
	sada_act_refuse(a, SADA_DID_FAIL, why);
	return 0;
}

static void
run_job(void *job, void *ctx)
{
	struct job *j = job;
	size_t i, have = 0;
	int fd = -1, inner = -1;

	(void)ctx;
	for (i = j->lo; i < j->hi && !atomic_load(j->stop); i++) {
		struct sada_act *a = &j->r->plan.act[i];
		char name[SADA_NAME_MAX + 1];

		if (!is_leaf(a))
			continue;
		/* Neighbours share their directory. */
		if (inner != ((a->flags & SADA_ACT_INNER) != 0) ||
		    (inner && a->parent != have)) {
			sada_io_close(fd);
			fd = -1;
			inner = (a->flags & SADA_ACT_INNER) != 0;
			have = a->parent;
			j->rc = stage_parent(&fd, j->r, a, &j->err);
			if (j->rc < 0)
				inner = -1;
		}
		name_in_stage(name, a);
		if (j->rc == 0)
			j->rc = a->t->kind == SADA_LINK ?
			    write_link(j->r, a, fd, name, &j->err) :
			    write_file(j->r, a, fd, name, &j->err);
		if (j->rc == 0)
			a->flags |= SADA_ACT_STAGED;
		else
			j->rc = note_error(a, j->rc, &j->err);
		if (j->rc < 0) {
			atomic_store(j->stop, 1);
			break;
		}
	}
	sada_io_close(fd);
}

/* Refuse act I and all that was to be built in it. */
static void
refuse_tree(struct sada_run *r, size_t i, const char *why)
{
	size_t k, len = r->plan.act[i].len;
	const char *path = r->plan.act[i].path;

	sada_act_refuse(&r->plan.act[i], SADA_DID_FAIL, why);
	for (k = i + 1; k < r->plan.n && sada_path_below(
	    r->plan.act[k].path, r->plan.act[k].len, path, len); k++)
		if (r->plan.act[k].put != 0)
			sada_act_refuse(&r->plan.act[k], SADA_DID_FAIL, why);
}

/* Make the new directories, empty. */
static int
make_dirs(struct sada_run *r, struct sada_err *err)
{
	char name[SADA_NAME_MAX + 1];
	const char *why;
	size_t i, have = SADA_NO_ACT;
	int fd = -1, rc = 0;

	for (i = 0; rc == 0 && i < r->plan.n; i++) {
		struct sada_act *a = &r->plan.act[i];

		if (a->put != SADA_PUT_NEW || a->t->kind != SADA_DIR)
			continue;
		if (!(a->flags & SADA_ACT_INNER)) {
			name_in_stage(name, a);
			rc = sada_io_mkdir(r->stage, name, 0700, err);
		} else {
			if (fd < 0 || a->parent != have) {
				sada_io_close(fd);
				fd = -1;
				have = a->parent;
				rc = stage_parent(&fd, r, a, err);
			}
			name_in_stage(name, a);
			if (rc == 0)
				rc = sada_io_mkdir(fd, name, 0700, err);
		}
		if (rc == 0) {
			a->flags |= SADA_ACT_STAGED;
		} else if ((why = sada_why(err)) != NULL) {
			refuse_tree(r, i, why);
			rc = 0;
		}
	}
	sada_io_close(fd);
	return rc;
}

/* Mode and mtime of new directory A (open as FD), and its stat. */
static int
dress_dir(struct sada_run *r, struct sada_act *a, int fd,
    struct sada_err *err)
{
	struct sada_stat st;
	int rc = 0;

	/* A top one must stay writable until it is renamed. */
	if (!(a->flags & SADA_ACT_TOP)) {
		rc = sada_io_chmod(fd, a->t->mode, err);
		if (rc == 0 && a->t->mtime_ns != SADA_NO_MTIME)
			rc = sada_io_utime(fd, "", a->t->mtime_s,
			    a->t->mtime_ns, err);
	}
	if (rc == 0 && !r->many)
		rc = sada_io_fsync(fd, "a staged directory", err);
	if (rc == 0 && (rc = sada_io_stat(fd, "", &st, err)) == 0)
		sada_seen_of(&a->seen, &st);
	return rc;
}

static int
dress_dirs(struct sada_run *r, struct sada_err *err)
{
	struct sada_buf path = { 0 };
	size_t i;
	int fd, rc = 0;

	for (i = r->plan.n; rc == 0 && i-- > 0;) {
		struct sada_act *a = &r->plan.act[i];

		if (a->put != SADA_PUT_NEW || a->t->kind != SADA_DIR)
			continue;
		fd = -1;
		sada_buf_reset(&path);
		stage_path(r, i, &path);
		rc = sada_io_open_below(&fd, r->stage, sada_buf_str(&path),
		    O_RDONLY | O_DIRECTORY, err);
		if (rc == 0)
			rc = dress_dir(r, a, fd, err);
		sada_io_close(fd);
	}
	sada_buf_release(&path);
	return rc;
}

/* Sync the staged files one by one. */
static int
sync_files(struct sada_run *r, struct sada_err *err)
{
	char name[SADA_NAME_MAX + 1];
	size_t i;
	int dfd, fd, rc = 0;

	for (i = 0; rc == 0 && i < r->plan.n; i++) {
		struct sada_act *a = &r->plan.act[i];

		if (!is_leaf(a) || a->t->kind != SADA_FILE)
			continue;
		dfd = fd = -1;
		if (!(a->t->mode & 0400)) {
			r->unsynced = 1;
			continue;
		}
		name_in_stage(name, a);
		if ((rc = stage_parent(&dfd, r, a, err)) == 0 &&
		    (rc = sada_io_open(&fd, dfd, name, O_RDONLY, 0,
		    err)) == 0)
			/* Not fdatasync: mode and mtime count as well. */
			rc = sada_io_fsync(fd, "a staged file", err);
		sada_io_close(fd);
		sada_io_close(dfd);
	}
	return rc;
}

/* Where the job that begins at LO ends. */
static size_t
job_end(const struct sada_run *r, size_t lo)
{
	uint64_t bytes = 0;
	size_t i, files = 0;

	for (i = lo; i < r->plan.n && files < JOB_FILES &&
	    bytes < JOB_BYTES; i++)
		if (is_leaf(&r->plan.act[i])) {
			files++;
			bytes += r->plan.act[i].t->size;
		}
	return i;
}

static void
one_job(struct job *j, size_t lo, struct sada_run *r, atomic_int *stop)
{
	memset(j, 0, sizeof(*j));
	j->r = r;
	j->lo = lo;
	j->hi = job_end(r, lo);
	j->stop = stop;
}

/* Take the oldest job back; its error, if it is the first. */
static int
take_job(struct sada_pool *pool, int rc, struct sada_err *err)
{
	struct job *j = sada_pool_take(pool);

	if (j == NULL)
		return rc;
	if (rc == 0 && j->rc < 0) {
		rc = j->rc;
		if (err != NULL)
			*err = j->err;
	}
	free(j);
	return rc;
}

static int
write_files(struct sada_run *r, struct sada_err *err)
{
	struct sada_pool *pool = NULL;
	atomic_int stop = 0;
	struct job *j, only;
	unsigned threads = r->o->threads ? r->o->threads : THREADS;
	size_t at;
	int rc = 0;

	/* One thread, or little to do, or a half-filled transaction. */
	if (threads < 2 || r->o->src.txn != NULL ||
	    job_end(r, 0) >= r->plan.n) {
		for (at = 0; rc == 0 && at < r->plan.n; at = only.hi) {
			one_job(&only, at, r, &stop);
			run_job(&only, NULL);
			if ((rc = only.rc) < 0 && err != NULL)
				*err = only.err;
		}
		return rc;
	}
	if ((rc = sada_pool_new(&pool, threads, threads * 4, run_job, NULL,
	    err)) < 0)
		return rc;
	for (at = 0; rc == 0 && at < r->plan.n;) {
		if (sada_pool_full(pool))
			rc = take_job(pool, rc, err);
		j = sada_malloc(sizeof(*j));
		one_job(j, at, r, &stop);
		at = j->hi;
		sada_pool_submit(pool, j);
	}
	for (at = 0; at < (size_t)threads * 4; at++)
		rc = take_job(pool, rc, err);
	sada_pool_free(pool);
	return rc;
}

int
sada_stage(struct sada_run *r, struct sada_err *err)
{
	int rc;

	if ((rc = make_dirs(r, err)) < 0 || (rc = write_files(r, err)) < 0 ||
	    (!r->many && (rc = sync_files(r, err)) < 0) ||
	    (rc = dress_dirs(r, err)) < 0)
		return rc;
	if (r->many || r->unsynced)
		return sada_io_syncfs(r->stage, err);
	return sada_io_fsync(r->stage, "the stage", err);
}
