/*
 * Opening the log, and recovery.
 *
 * A commit is one write at the end and one fdatasync, so a crash can only
 * leave a frame at the end of the newest segment that is not whole.  Such
 * a tail was never reported done; it is copied to quarantine and cut.
 * Anything else that does not check is damage and is never cut:
 *
 *	a bad frame with a whole frame behind it
 *	a bad frame in a segment that is not the newest
 *	a bad frame at the end that something says was committed
 *	a bad first frame or header of segment 1, which was published whole
 *	a frame whose hash holds but whose content is refused
 *	a gap in the numbers of the segments, a frame that does not name
 *	the one before it, an op twice, an op without its parents
 *
 * The newest segment may hold no frame; if its header does not check
 * either, it is made anew.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "log/log_priv.h"

/* What open carries from segment to segment. */
struct opening {
	struct sada_log *l;
	struct sada_scan *scan;
	int quarfd;
	const struct sada_log_witness *w;
	uint64_t newest;
};

static int
damaged(struct sada_err *err, uint64_t segment, uint64_t off,
    const char *why)
{
	return sada_err_set(err, SADA_DAMAGED, "log segment %" PRIu64
	    " is damaged at offset %" PRIu64 ": %s; see sada-verify",
	    segment, off, why);
}

/* A refused record of a frame that checks: damage, or a newer sada. */
static int
refused(struct sada_err *err, int rc, const struct sada_scanned *s)
{
	if (rc == SADA_VERSION)
		return rc;
	(void)sada_err_prefix(err, "log segment %" PRIu64
	    " is damaged at offset %" PRIu64, s->segment, s->off);
	if (err != NULL)
		err->code = SADA_DAMAGED;
	return SADA_DAMAGED;
}

/* Admit one valid frame. */
static int
admit(const struct sada_scanned *s, void *ctx, struct sada_err *err)
{
	struct opening *o = ctx;
	struct sada_log *l = o->l;
	const struct sada_rec *r;
	uint32_t i;
	size_t k;
	int rc;

	if (sada_id_cmp(&s->f.prev, &l->last) != 0)
		return damaged(err, s->segment, s->off,
		    "it does not follow what is before it");
	for (k = 0; k < s->n; k++) {
		r = &s->recs[k];
		if (r->type != SADA_LOG_OP) {
			if ((rc = sada_log_note(l, r, err)) < 0)
				return refused(err, rc, s);
			continue;
		}
		if (r->rc < 0)
			return refused(err, sada_rec_why(r, err), s);
		if (sada_log_find(l, &r->id, &i))
			return damaged(err, s->segment, s->off,
			    "an operation stands in the log twice");
		if (sada_index_add(l, r, s->f.kind, s->segment, s->off +
		    SADA_FRAME_HEAD + (uint64_t)(r->p - s->f.payload)) > 0)
			return damaged(err, s->segment, s->off,
			    "an operation's parent is missing");
	}
	l->last = s->f.hash;
	l->segment = s->segment;
	l->end = s->off + s->f.total;
	return 0;
}

/* Rule R5: is what is torn at OFF of segment NUMBER one that was committed? */
static int
committed(const struct opening *o, uint64_t number, uint64_t off,
    struct sada_err *err)
{
	if (o->w == NULL || !o->w->lacks(o->l, o->w->ctx))
		return 0;
	return damaged(err, number, off, "what was recorded last is there no "
	    "more");
}

/*
 * The newest segment has a header that does not check: if it holds no
 * frame, it is made anew.  FD stays open for reading.
 */
static int
torn_header(struct opening *o, int fd, uint64_t size, struct sada_err *err)
{
	struct sada_log *l = o->l;
	uint64_t number = o->newest, found;
	int rc;

	if (number == 1)
		return damaged(err, number, 0, "its header does not check");
	if ((rc = sada_segment_find(fd, number, 0, size, &found, err)) < 0)
		return rc;
	if (rc > 0)
		return damaged(err, number, 0,
		    "its header does not check, and records follow");
	if ((rc = committed(o, number, 0, err)) < 0)
		return rc;
	if ((l->flags & SADA_LOG_WRITE) == 0)
		return 0;
	if (size > 0 && (rc = sada_segment_save(fd, number, 0, size,
	    o->quarfd, err)) < 0)
		return rc;
	l->was_cut = 1;
	return sada_segment_new(l->dirfd, number, 0, err);
}

/* A scan of segment NUMBER stopped before its end: a torn tail, or what? */
static int
torn_tail(struct opening *o, int fd, uint64_t number,
    const struct sada_stop *stop, struct sada_err *err)
{
	struct sada_log *l = o->l;
	uint64_t found;
	int rc;

	if (stop->whole)
		return damaged(err, number, stop->off,
		    "its records are refused");
	if (number != o->newest)
		return damaged(err, number, stop->off, "a segment follows");
	if (number == 1 && stop->off == SADA_LOG_HEADER)
		return damaged(err, number, stop->off, "no record is left");
	if ((rc = sada_segment_find(fd, number, stop->off + 1, stop->size,
	    &found, err)) < 0)
		return rc;
	if (rc > 0)
		return damaged(err, number, stop->off, "records follow");
	if ((rc = committed(o, number, stop->off, err)) < 0)
		return rc;
	if ((l->flags & SADA_LOG_WRITE) == 0)
		return 0;
	if ((rc = sada_segment_save(fd, number, stop->off, stop->size,
	    o->quarfd, err)) < 0 ||
	    (rc = sada_io_truncate(fd, stop->off, err)) < 0 ||
	    (rc = sada_io_fsync(fd, "the log", err)) < 0)
		return rc;
	l->was_cut = 1;
	return 0;
}

/* Open segment NUMBER, for writing too if it is the newest. */
static int
open_segment(int *fd, const struct opening *o, uint64_t number,
    struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	int flags = O_RDONLY;

	if (number == o->newest && (o->l->flags & SADA_LOG_WRITE) != 0)
		flags = O_RDWR;
	sada_segment_name(name, number);
	return sada_io_open(fd, o->l->dirfd, name, flags, 0, err);
}

/*
 * Check the header of FD, segment NUMBER; FORMAT if it does not check,
 * DAMAGED if it does but is another segment's.
 */
static int
check_header(int fd, uint64_t number, struct sada_err *err)
{
	unsigned char head[SADA_LOG_HEADER];
	uint64_t named;
	size_t got;
	int rc;

	if ((rc = sada_io_pread(fd, head, sizeof(head), 0, &got, err)) < 0 ||
	    (rc = sada_log_header_check(head, got, &named, err)) < 0)
		return rc;
	if (named != number)
		return damaged(err, number, 0, "it is another segment");
	return 0;
}

/* Read segment NUMBER from FROM.  The newest stays open for commits. */
static int
load_segment(struct opening *o, uint64_t number, uint64_t from,
    struct sada_err *err)
{
	struct sada_log *l = o->l;
	struct sada_stop stop;
	struct sada_stat st;
	int fd = -1, rc;

	if ((rc = open_segment(&fd, o, number, err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0)
		goto out;
	l->segment = number;
	l->end = from;
	rc = check_header(fd, number, err);
	if (rc == SADA_FORMAT && number != o->newest) {
		rc = damaged(err, number, 0, "its header does not check");
		goto out;
	}
	if (rc == SADA_FORMAT) {
		if ((rc = torn_header(o, fd, st.size, err)) < 0 ||
		    (l->flags & SADA_LOG_WRITE) == 0)
			goto out;
		sada_io_close(fd);
		fd = -1;
		rc = open_segment(&fd, o, number, err);
		st.size = SADA_LOG_HEADER;
	}
	if (rc == 0 && st.size < from)
		rc = damaged(err, number, st.size, "it was cut short");
	if (rc < 0 || (rc = sada_scan_run(o->scan, &stop, fd, number, from,
	    st.size, err)) < 0)
		goto out;
	if (stop.off < stop.size &&
	    (rc = torn_tail(o, fd, number, &stop, err)) < 0)
		goto out;
	if (number == o->newest && (l->flags & SADA_LOG_WRITE) != 0) {
		l->fd = fd;
		fd = -1;
	}
out:
	sada_io_close(fd);
	return rc;
}

/*
 * Rule R0: what an earlier run left may not be on the disk yet, so it is
 * made durable before it is believed.  *TOTAL is the size of all segments
 * from FIRST on.
 */
static int
settle(const struct opening *o, const uint64_t *v, size_t n, uint64_t first,
    uint64_t *total, struct sada_err *err)
{
	struct sada_stat st;
	int fd = -1, rc = 0;
	size_t i;

	*total = 0;
	for (i = 0; i < n; i++) {
		if ((rc = open_segment(&fd, o, v[i], err)) < 0 ||
		    (rc = sada_io_stat(fd, "", &st, err)) < 0)
			goto out;
		if (v[i] >= first)
			*total += st.size;
		if ((o->l->flags & SADA_LOG_WRITE) != 0 &&
		    (rc = sada_io_fsync(fd, "the log", err)) < 0)
			goto out;
		sada_io_close(fd);
		fd = -1;
	}
	if ((o->l->flags & SADA_LOG_WRITE) != 0)
		rc = sada_io_fsync(o->l->dirfd, "the log's directory", err);
out:
	sada_io_close(fd);
	return rc;
}

/* Load the segments: FIRST from offset FROM on, and all behind it. */
static int
load(struct opening *o, uint64_t first, uint64_t from, struct sada_err *err)
{
	uint64_t *v = NULL, total;
	size_t n, i;
	int rc;

	if ((rc = sada_segment_list(&v, &n, o->l->dirfd, err)) < 0)
		goto out;
	for (i = 0; i < n; i++)
		if (v[i] != i + 1)
			break;
	if (i < n || n < first) {
		rc = sada_err_set(err, SADA_DAMAGED,
		    "segment %zu of the log is missing", i + 1);
		goto out;
	}
	o->newest = n;
	if ((rc = settle(o, v, n, first, &total, err)) < 0 ||
	    (rc = sada_scan_new(&o->scan, total > from ? total - from : 0,
	    admit, o, err)) < 0)
		goto out;
	for (i = first - 1; i < n; i++)
		if ((rc = load_segment(o, v[i], v[i] == first ? from :
		    SADA_LOG_HEADER, err)) < 0)
			goto out;
	if (o->l->was_cut)
		o->l->due = 1;
out:
	sada_scan_free(o->scan);
	free(v);
	/* Whatever is not there now was there when it was listed. */
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}

int
sada_log_open(struct sada_log **out, int dirfd, int quarfd,
    const struct sada_id *self, const struct sada_log_witness *w,
    unsigned flags, struct sada_err *err)
{
	struct sada_log *l = sada_calloc(1, sizeof(*l));
	struct opening o = { l, NULL, quarfd, w, 0 };
	int rc;

	*out = NULL;
	l->dirfd = l->fd = l->rfd = -1;
	l->flags = flags;
	l->max = SADA_LOG_SEGMENT_MAX;
	sada_index_init(l, self);
	if ((rc = sada_io_open(&l->dirfd, dirfd, ".",
	    O_RDONLY | O_DIRECTORY, 0, err)) < 0 ||
	    (rc = load(&o, 1, SADA_LOG_HEADER, err)) < 0)
		goto out;
	*out = l;
	l = NULL;
out:
	sada_log_free(l);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}

/*
 * Does the last frame that L has read still stand where it stood?  Each
 * names the one before it, so then all that came before is the same too.
 */
static int
stands(const struct sada_log *l)
{
	unsigned char hash[SADA_ID_LEN];
	char name[SADA_SEGMENT_NAME];
	size_t got;
	int fd = -1, same;

	if (l->dead || l->end <= SADA_LOG_HEADER)
		return 0;
	sada_segment_name(name, l->segment);
	same = sada_io_open(&fd, l->dirfd, name, O_RDONLY, 0, NULL) == 0 &&
	    sada_io_pread(fd, hash, sizeof(hash), l->end - sizeof(hash),
	    &got, NULL) == 0 && got == sizeof(hash) &&
	    memcmp(hash, l->last.b, sizeof(hash)) == 0;
	sada_io_close(fd);
	return same;
}

int
sada_log_refresh(struct sada_log **log, int quarfd,
    const struct sada_log_witness *w, unsigned flags, struct sada_err *err)
{
	struct sada_log *l = *log;
	struct opening o = { l, NULL, quarfd, w, 0 };
	int rc;

	assert(l->staged == SADA_LOG_NONE);
	*log = NULL;
	if (!stands(l)) {
		rc = sada_log_open(log, l->dirfd, quarfd, &l->self, w, flags,
		    err);
		goto out;
	}
	sada_io_close(l->fd);
	l->fd = -1;
	l->flags = flags;
	l->was_cut = 0;
	if ((rc = load(&o, l->segment, l->end, err)) < 0)
		goto out;
	*log = l;
	l = NULL;
out:
	sada_log_free(l);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}
