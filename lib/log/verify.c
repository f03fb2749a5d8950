/*
 * Checking the log as it lies on the disk.
 *
 * Unlike open, verify does not stop at damage: it goes on at the next
 * whole frame and reports each thing once.  An op whose record is fine is
 * indexed even when a parent is missing, so that its children are not
 * reported for it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "log/log_priv.h"

struct check {
	struct sada_log *l;	/* an index only: no files */
	struct sada_scan *scan;
	int dirfd;
	int gap;		/* damage just before: the chain is broken */
	void (*report)(const char *what, void *ctx);
	void *ctx;
};

static void tell(const struct check *c, uint64_t segment, uint64_t off,
    const char *fmt, ...) SADA_PRINTF(4, 5);

/* Report one damage. */
static void
tell(const struct check *c, uint64_t segment, uint64_t off, const char *fmt,
    ...)
{
	struct sada_buf b = { 0 };
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sada_buf_addf(&b, "log segment %" PRIu64 ", offset %" PRIu64 ": %s",
	    segment, off, text);
	c->report(sada_buf_str(&b), c->ctx);
	sada_buf_release(&b);
}

/* Does op R follow its prev as seq follows seq? */
static int
chain_ok(const struct check *c, const struct sada_op *op)
{
	const struct sada_dot *d;
	uint32_t i;

	if (op->dot.seq == 1)
		return sada_id_zero(&op->prev);
	if (!sada_log_find(c->l, &op->prev, &i))
		return 0;
	d = &sada_log_op(c->l, i)->dot;
	return d->seq == op->dot.seq - 1 && d->epoch == op->dot.epoch &&
	    sada_id_cmp(&d->author, &op->dot.author) == 0;
}

static void
check_op(const struct check *c, const struct sada_scanned *s,
    const struct sada_rec *r)
{
	uint64_t off = s->off + SADA_FRAME_HEAD +
	    (uint64_t)(r->p - s->f.payload);
	char hex[SADA_HEX_LEN + 1];
	struct sada_member m;
	struct sada_err err;
	unsigned missing;
	uint32_t i;

	sada_id_hex(hex, &r->id);
	if (r->rc < 0) {
		(void)sada_rec_why(r, &err);
		tell(c, s->segment, off, "%s", err.msg);
		return;
	}
	if (sada_log_find(c->l, &r->id, &i)) {
		tell(c, s->segment, off, "operation %s a second time", hex);
		return;
	}
	if (!sada_log_member(c->l, &r->op.dot.author, &m))
		tell(c, s->segment, off,
		    "operation %s: no record of its author before it", hex);
	else if (sada_op_verify(r->p, r->n, m.pub.sign, &err) < 0)
		tell(c, s->segment, off, "operation %s: %s", hex, err.msg);
	if (!chain_ok(c, &r->op))
		tell(c, s->segment, off,
		    "operation %s: it does not follow its author's last",
		    hex);
	missing = sada_index_add(c->l, r, s->f.kind, s->segment, off);
	if (missing > 0)
		tell(c, s->segment, off, "operation %s: %u of its parents %s "
		    "missing", hex, missing, missing == 1 ? "is" : "are");
}

static int
check_frame(const struct sada_scanned *s, void *ctx, struct sada_err *err)
{
	struct check *c = ctx;
	struct sada_err why;
	size_t i;

	(void)err;
	if (!c->gap && sada_id_cmp(&s->f.prev, &c->l->last) != 0)
		tell(c, s->segment, s->off,
		    "these records do not follow those before them");
	c->gap = 0;
	c->l->last = s->f.hash;
	for (i = 0; i < s->n; i++)
		if (s->recs[i].type == SADA_LOG_OP)
			check_op(c, s, &s->recs[i]);
		else if (sada_log_note(c->l, &s->recs[i], &why) < 0)
			tell(c, s->segment, s->off, "%s", why.msg);
	return 0;
}

/* Check the header of FD; what is wrong is reported. */
static int
check_header(struct check *c, int fd, uint64_t number, struct sada_err *err)
{
	unsigned char head[SADA_LOG_HEADER];
	struct sada_err why;
	uint64_t named;
	size_t got;
	int rc;

	if ((rc = sada_io_pread(fd, head, sizeof(head), 0, &got, err)) < 0)
		return rc;
	if (sada_log_header_check(head, got, &named, &why) < 0)
		tell(c, number, 0, "%s", why.msg);
	else if (named != number)
		tell(c, number, 0, "its header says segment %" PRIu64, named);
	return 0;
}

/* Go through the frames of FD, over all damage. */
static int
check_frames(struct check *c, int fd, uint64_t number, uint64_t size,
    struct sada_err *err)
{
	uint64_t from = SADA_LOG_HEADER, found;
	struct sada_stop stop;
	int rc;

	while (from < size) {
		if ((rc = sada_scan_run(c->scan, &stop, fd, number, from,
		    size, err)) < 0)
			return rc;
		size = stop.size;
		if (stop.off >= size)
			break;
		c->gap = 1;
		rc = sada_segment_find(fd, number, stop.off + 1, size, &found,
		    err);
		if (rc < 0 && rc != SADA_DAMAGED)
			return rc;
		tell(c, number, stop.off, "%" PRIu64 " bytes %s",
		    (rc == 1 ? found : size) - stop.off, stop.whole ?
		    "of records that are refused" : rc == 0 ?
		    "of records cut short or damaged at the end" :
		    "of damaged records");
		if (rc != 1)
			break;
		from = found;
	}
	return 0;
}

static int
check_segment(struct check *c, uint64_t number, struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	struct sada_stat st;
	int fd = -1, rc;

	sada_segment_name(name, number);
	if ((rc = sada_io_open(&fd, c->dirfd, name, O_RDONLY, 0, err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0 ||
	    (rc = check_header(c, fd, number, err)) < 0)
		goto out;
	rc = check_frames(c, fd, number, st.size, err);
out:
	sada_io_close(fd);
	return rc;
}

/* *TOTAL is the size of the N segments V. */
static int
total_size(uint64_t *total, int dirfd, const uint64_t *v, size_t n,
    struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	struct sada_stat st;
	size_t i;
	int rc;

	*total = 0;
	for (i = 0; i < n; i++) {
		sada_segment_name(name, v[i]);
		if ((rc = sada_io_stat(dirfd, name, &st, err)) < 0)
			return rc;
		*total += st.size;
	}
	return 0;
}

/* Report the numbers from *NEXT that are missing before NUMBER. */
static void
check_number(struct check *c, uint64_t *next, uint64_t number)
{
	if (number != *next) {
		tell(c, *next, 0, "missing, and all before segment %" PRIu64,
		    number);
		c->gap = 1;
	}
	*next = number + 1;
}

int
sada_log_verify(int dirfd, void (*report)(const char *what, void *ctx),
    void *ctx, struct sada_err *err)
{
	struct sada_log *l = sada_calloc(1, sizeof(*l));
	struct check c = { l, NULL, dirfd, 0, report, ctx };
	uint64_t *v = NULL, next = 1, total;
	size_t n, i;
	int rc;

	l->dirfd = l->fd = l->rfd = -1;
	sada_index_init(l, NULL);
	if ((rc = sada_segment_list(&v, &n, dirfd, err)) < 0 ||
	    (rc = total_size(&total, dirfd, v, n, err)) < 0 ||
	    (rc = sada_scan_new(&c.scan, total, check_frame, &c, err)) < 0)
		goto out;
	if (n == 0)
		report("the log has no segment", ctx);
	for (i = 0; i < n; i++) {
		check_number(&c, &next, v[i]);
		if ((rc = check_segment(&c, v[i], err)) < 0)
			goto out;
	}
out:
	free(v);
	sada_scan_free(c.scan);
	sada_log_free(l);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}
