/*
 * Three-way, name by name: W, T and the disk D.
 *
 * D = T needs nothing, D = W is replaced, neither is a user's edit and is
 * left.  D = W is told by the whole stat, inode and ctime included; when
 * that does not agree, may hide a change, or after a crash, the content is
 * read and decides.  What is found here is what the swap compares with, so
 * that an edit made in between is found too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

uint8_t
sada_kind_of(const struct sada_stat *st)
{
	switch (st->kind) {
	case S_IFREG:
		return SADA_FILE;
	case S_IFDIR:
		return SADA_DIR;
	case S_IFLNK:
		return SADA_LINK;
	default:
		return SADA_KIND_OTHER;
	}
}

const char *
sada_why(const struct sada_err *err)
{
	if (err->code == SADA_DAMAGED)
		return "its content is damaged in the store";
	if (err->code == SADA_AGAIN)
		return "it changes while it is read";
	if (err->code == SADA_NOTFOUND)
		return "its directory went away";
	if (err->code != SADA_SYS)
		return NULL;
	switch (err->sys) {
	case ENAMETOOLONG:
		return "the name is too long here";
	case EACCES:
	case EPERM:
		return "permission denied";
	case EINVAL:
	case EILSEQ:
	case EOPNOTSUPP:
		return "the file system refuses it";
	case ELOOP:
		return "a symbolic link stands in the way";
	case EXDEV:
		return "another file system stands in the way";
	case EBUSY:
	case ETXTBSY:
		return "it is in use";
	case EEXIST:
	case ENOTEMPTY:
	case EISDIR:
	case ENOTDIR:
		return "something else stands there";
	case EFBIG:
		return "the file is too large here";
	case EMLINK:
		return "the directory holds too many directories here";
	default:
		return NULL;
	}
}

void
sada_act_refuse(struct sada_act *a, unsigned did, const char *why)
{
	a->did = (uint8_t)did;
	a->why = why;
	a->rm = a->put = 0;
	a->flags &= (uint16_t)~(SADA_ACT_TOP | SADA_ACT_INNER);
	a->keep = SADA_KEEP_OLD;
}

const char *
sada_act_base(const struct sada_act *a)
{
	return a->path + sada_path_base(a->path, a->len);
}

int
sada_run_parent(struct sada_run *r, const struct sada_act *a, int *fd,
    struct sada_err *err)
{
	size_t n = sada_path_parent(a->path, a->len);
	int rc;

	if (r->dpath != NULL && strlen(r->dpath) == n &&
	    memcmp(r->dpath, a->path, n) == 0) {
		*fd = r->dfd;
		return 0;
	}
	free(r->dpath);
	sada_io_close(r->dfd);
	r->dfd = -1;
	r->dpath = sada_memdup(a->path, n);
	rc = sada_io_open_below(&r->dfd, r->o->root, r->dpath,
	    O_RDONLY | O_DIRECTORY, err);
	if (rc < 0) {
		free(r->dpath);
		r->dpath = NULL;
		r->dfd = -1;
	}
	*fd = r->dfd;
	return rc;
}

void
sada_seen_adopt(struct sada_seen *seen, const struct sada_seen *was,
    const struct sada_name *t)
{
	*seen = *was;
	if (t->kind != SADA_LINK)
		seen->mode = t->mode;
	if (t->mtime_ns != SADA_NO_MTIME) {
		seen->mtime_s = t->mtime_s;
		seen->mtime_ns = t->mtime_ns;
	}
}

static int
time_is(const struct sada_seen *s, int64_t sec, uint32_t ns)
{
	return s->mtime_s == sec && s->mtime_ns == ns;
}

int
sada_act_mode_is_w(const struct sada_run *r, const struct sada_act *a)
{
	uint32_t mode = (a->w->flags & SADA_ROW_NOSTAT) ? a->w->mode :
	    a->w->seen.mode;

	return a->w->kind == SADA_LINK || a->was.mode == mode ||
	    (r->recover && a->there == SADA_DIR &&
	    a->was.mode == (mode | 0300));
}

static int
mtime_is_w(const struct sada_act *a)
{
	if (a->w->flags & SADA_ROW_NOSTAT)
		return time_is(&a->was, a->w->mtime_s, a->w->mtime_ns);
	return time_is(&a->was, a->w->seen.mtime_s, a->w->seen.mtime_ns);
}

int
sada_act_mode_is_t(const struct sada_act *a)
{
	return a->t->kind == SADA_LINK || a->was.mode == a->t->mode;
}

/* The view's row for what stands there already. */
static void
adopt(struct sada_act *a)
{
	a->keep = SADA_KEEP_NEW;
	if (sada_act_mode_is_t(a) &&
	    time_is(&a->was, a->t->mtime_s, a->t->mtime_ns))
		a->seen = a->was;
	else
		sada_seen_adopt(&a->seen, &a->was, a->t);
	a->rowflags = SADA_ROW_RACY;
}

void
sada_act_meta(struct sada_act *a)
{
	a->put = SADA_PUT_META;
	a->did = SADA_DID_META;
	a->keep = SADA_KEEP_NEW;
}

/* T wants something where the disk has nothing. */
static void
create(struct sada_act *a)
{
	a->put = SADA_PUT_NEW;
	a->did = SADA_DID_CREATE;
	a->keep = SADA_KEEP_NEW;
	if (a->t->kind == SADA_DIR)
		a->flags |= SADA_ACT_TOP;
}

/*
 * Nothing is there; the directory it would be in stands, and is DFD (or
 * not: -1).
 */
static void
absent(const struct sada_run *r, struct sada_act *a, int dfd)
{
	if (a->t == NULL) {
		a->keep = SADA_KEEP_NONE;
		return;
	}
	if (dfd < 0)
		sada_act_refuse(a, SADA_DID_LEAVE, "its directory is not "
		    "there");
	else if (a->t->kind == SADA_FILE && sada_database_rule(r->o->db,
	    a->path, a->len) && sada_database_busy(dfd, sada_act_base(a)))
		sada_act_refuse(a, SADA_DID_LEAVE, "what a database that is "
		    "gone left behind stands beside it");
	else if (a->w == NULL || (r->recover && (a->w->kind != SADA_DIR ||
	    a->t->kind != SADA_DIR)))
		create(a);
	else
		sada_act_refuse(a, SADA_DID_LEAVE, "it was removed here");
}

/* A directory stands there. */
static void
on_dir(const struct sada_run *r, struct sada_act *a)
{
	int w = a->w != NULL && a->w->kind == SADA_DIR;

	if (a->t != NULL && a->t->kind == SADA_DIR) {
		if (w) {
			if (!sada_act_mode_is_w(r, a) && !sada_act_mode_is_t(a)) {
				sada_act_refuse(a, SADA_DID_LEAVE,
				    "its mode was changed here");
				return;
			}
			sada_act_meta(a);
		} else {
			adopt(a);
			/* Ours from before a crash, or as good as that. */
			if (r->recover && (sada_act_mode_is_t(a) ||
			    a->was.mode == 0700))
				a->flags |= SADA_ACT_FINISH;
		}
		return;
	}
	if (!w || !sada_act_mode_is_w(r, a)) {
		sada_act_refuse(a, SADA_DID_LEAVE, w ? "its mode was changed "
		    "here" : "a directory of this name was made here");
		return;
	}
	a->rm = SADA_RM_DIR;
	a->keep = SADA_KEEP_NONE;
	a->did = SADA_DID_DELETE;
	if (a->t != NULL) {
		create(a);
		a->did = SADA_DID_REPLACE;
	}
}

void
sada_act_replace(struct sada_act *a)
{
	if (a->t == NULL) {
		a->rm = SADA_RM_TRASH;
		a->did = SADA_DID_DELETE;
		a->keep = SADA_KEEP_NONE;
	} else if (a->t->kind == SADA_DIR) {
		create(a);
		a->rm = SADA_RM_TRASH;
		a->did = SADA_DID_REPLACE;
	} else {
		a->put = SADA_PUT_SWAP;
		a->did = SADA_DID_REPLACE;
		a->keep = SADA_KEEP_NEW;
	}
}

/*
 * The file or link there has T's content.  WSAME: W has it too, and then a
 * change of mode or mtime by the user is an edit of W.
 */
static void
has_content(const struct sada_run *r, struct sada_act *a, int wsame)
{
	int w = a->w != NULL;
	int mode_t_ = sada_act_mode_is_t(a);
	int time_t_ = time_is(&a->was, a->t->mtime_s, a->t->mtime_ns);

	if (mode_t_ && time_t_) {
		adopt(a);
		if (!(a->flags & SADA_ACT_HASH))
			a->rowflags = 0;
		return;
	}
	if (w && (mode_t_ || sada_act_mode_is_w(r, a)) &&
	    (time_t_ || mtime_is_w(a))) {
		sada_act_meta(a);
		/* A handle for fchmod needs one of these bits. */
		if (a->t->kind == SADA_FILE && (a->was.mode & 0600) == 0)
			sada_act_replace(a);
		return;
	}
	if (wsame)
		sada_act_refuse(a, SADA_DID_LEAVE, "its mode or time was "
		    "changed here");
	else
		adopt(a);
}

static int
is_content(uint8_t kind, uint64_t size, const struct sada_id *id,
    const struct sada_act *a)
{
	return kind == a->there && size == a->was.size &&
	    sada_id_cmp(id, &a->id) == 0;
}

/* Does the whole stat say that D is what W laid out? */
static int
stat_is_w(const struct sada_run *r, const struct sada_act *a,
    const struct sada_stat *st)
{
	return a->w != NULL && !r->recover && a->w->kind == a->there &&
	    !(a->w->flags & (SADA_ROW_RACY | SADA_ROW_NOSTAT)) &&
	    sada_seen_same(&a->w->seen, st);
}

/* A file or link stands there. */
static int
on_file(const struct sada_run *r, struct sada_act *a, int dfd,
    const struct sada_stat *st, struct sada_err *err)
{
	const struct sada_row *w = a->w;
	const struct sada_name *t = a->t;
	struct sada_stat now;
	int could_t, could_w, same, rc;

	same = t != NULL && w != NULL && t->kind == w->kind &&
	    t->size == w->size && sada_id_cmp(&t->content, &w->content) == 0;
	if (stat_is_w(r, a, st)) {
		if (same)
			has_content(r, a, 1);
		else
			sada_act_replace(a);
		return 0;
	}
	could_t = t != NULL && t->kind == a->there && t->size == st->size;
	could_w = w != NULL && w->kind == a->there && w->size == st->size;
	if (could_t || could_w) {
		rc = sada_disk_content(&a->id, &now, dfd, sada_act_base(a),
		    err);
		if (rc < 0)
			return rc;
		sada_seen_of(&a->was, &now);
		a->there = sada_kind_of(&now);
		a->flags |= SADA_ACT_HASH;
		if (could_t && is_content(t->kind, t->size, &t->content, a)) {
			has_content(r, a, same);
			return 0;
		}
		if (could_w && is_content(w->kind, w->size, &w->content,
		    a) && sada_act_mode_is_w(r, a) && mtime_is_w(a)) {
			sada_act_replace(a);
			return 0;
		}
	}
	sada_act_refuse(a, SADA_DID_LEAVE, w != NULL ? "it was edited here" :
	    "a file of this name was made here");
	return 0;
}

/* Look at the disk and decide. */
static int
look(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	struct sada_stat st;
	int dfd = r->o->root, rc;

	rc = a->len == 0 ? 0 : sada_run_parent(r, a, &dfd, err);
	/* Behind a link there is nothing of ours either. */
	if (rc == SADA_NOTFOUND || (rc == SADA_SYS && err->sys == ELOOP)) {
		absent(r, a, -1);
		return 0;
	}
	if (rc == 0)
		rc = sada_io_stat(dfd, a->len == 0 ? "" : sada_act_base(a),
		    &st, err);
	if (rc == SADA_NOTFOUND) {
		absent(r, a, dfd);
		return 0;
	}
	if (rc < 0)
		return rc;
	sada_seen_of(&a->was, &st);
	a->there = sada_kind_of(&st);
	if (a->there == SADA_DIR)
		on_dir(r, a);
	else if (a->there == SADA_KIND_OTHER)
		sada_act_refuse(a, SADA_DID_LEAVE, "a special file stands "
		    "there");
	else if (a->there != SADA_FILE ||
	    (rc = sada_classify_database(r, a, dfd, &st,
	    stat_is_w(r, a, &st), err)) == 0)
		return on_file(r, a, dfd, &st, err);
	return rc < 0 ? rc : 0;
}

/* Is the content that A needs here? */
static int
want(const struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	int rc;

	if ((a->put != SADA_PUT_NEW && a->put != SADA_PUT_SWAP) ||
	    a->t->kind == SADA_DIR)
		return 0;
	rc = sada_file_held(&r->o->src, &a->t->content, a->t->size, err);
	if (rc == 0)
		sada_act_refuse(a, SADA_DID_WANT, "its content is not here "
		    "yet");
	/* Damage, or a list that another replica malformed: of one name. */
	if (rc == SADA_DAMAGED) {
		sada_act_refuse(a, SADA_DID_FAIL, sada_why(err));
		rc = 0;
	}
	return rc < 0 ? rc : 0;
}

static int
classify(struct sada_run *r, struct sada_act *a, struct sada_err *err)
{
	const struct sada_act *up = a->parent == SADA_NO_ACT ? NULL :
	    &r->plan.act[a->parent];
	const char *why;
	int rc;

	if (a->flags & SADA_ACT_TOUCH)
		return 0;
	if (a->flags & SADA_ACT_ROW) {
		a->keep = SADA_KEEP_NEW;
		a->seen = a->w->seen;
		a->rowflags = a->w->flags & (SADA_ROW_RACY | SADA_ROW_NOSTAT);
		return 0;
	}
	if ((rc = sada_act_aside(r, a, err)) != 0)
		return rc < 0 ? rc : 0;
	if (up != NULL && (up->flags & (SADA_ACT_TOP | SADA_ACT_INNER))) {
		create(a);
		a->flags &= (uint16_t)~SADA_ACT_TOP;
		a->flags |= SADA_ACT_INNER;
	} else if ((rc = look(r, a, err)) < 0) {
		/* A file that goes away while it is read is an edit. */
		if ((why = sada_why(err)) == NULL)
			return rc;
		sada_act_refuse(a, rc == SADA_NOTFOUND || rc == SADA_AGAIN ?
		    SADA_DID_LEAVE : SADA_DID_FAIL, why);
	}
	return want(r, a, err);
}

int
sada_classify(struct sada_run *r, struct sada_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < r->plan.n; i++) {
		/* The name of the store is nobody's, whatever a map says. */
		struct sada_act *a = &r->plan.act[i];

		if (!sada_path_ok(a->path, a->len)) {
			sada_act_refuse(a, SADA_DID_FAIL, "the name may not "
			    "be laid out");
			continue;
		}
		if ((rc = classify(r, a, err)) < 0)
			return rc;
	}
	return 0;
}
