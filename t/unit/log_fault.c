/*
 * The n-th call fails, once or from then on: the log then opens with all
 * of the frame or nothing of it.
 */
#include "fault.h"
#include "log_util.h"

static const int errors[] = { EIO, ENOSPC };

static void
test_create(struct kit *k, int error, int persist)
{
	struct sada_log *l = NULL;
	struct sada_err err;
	const char *fired;
	long n;
	int rc;

	for (n = 1;; n++) {
		kit_clear(k);
		fault_arm(n, error, persist);
		rc = kit_create(k, &err);
		fired = fault_disarm();
		CHECK_INT(rc, fired != NULL ? SADA_SYS : 0);
		rc = kit_open(&l, k, SADA_LOG_WRITE, &err);
		if (fired == NULL) {
			CHECK_INT(rc, 0);
			sada_log_free(l);
			break;
		}
		/* all of it, or no segment at all */
		CHECK(rc == 0 || rc == SADA_DAMAGED);
		if (rc == 0)
			CHECK_INT(kit_verify(k), 0);
		else if (persist == 0)
			CHECK_INT(kit_files(k->dir, 0), 0);
		sada_log_free(l);
		l = NULL;
	}
	CHECK(n > 4);
}

/* One commit under a fault; MAX 0 makes it begin a segment. */
static void
test_commit(struct kit *k, int error, int persist, uint64_t max)
{
	struct sada_buf b = { 0 };
	struct sada_log *l = NULL;
	struct kit_op a, x[3], y;
	struct sada_err err;
	const char *fired;
	uint32_t i, count;
	long n;
	int rc;

	for (n = 1;; n++) {
		kit_clear(k);
		CHECK_INT(kit_create(k, &err), 0);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a, 0, 1, NULL,
		    NULL, 0, &err), 0);
		sada_buf_reset(&b);
		for (i = 0; i < 3; i++)
			kit_op(k, &b, &x[i], 1, 1, i > 0 ? &x[i - 1] : NULL,
			    i > 0 ? &x[i - 1].id : &a.id, 1, "pulled");
		sada_log_segment_max(l, max);
		fault_arm(n, error, persist);
		rc = sada_log_commit(l, SADA_FRAME_PULLED, &b, 3, &err);
		fired = fault_disarm();
		CHECK_INT(rc, fired != NULL &&
		    strcmp(fired, "close") != 0 ? SADA_SYS : rc);
		CHECK_INT(sada_log_count(l), rc == 0 ? 4 : 1);
		CHECK_INT(sada_log_find(l, &x[0].id, &i), rc == 0);
		/* one strike */
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &y, 0, 1, &a,
		    &a.id, 1, &err), rc == 0 ? 0 : SADA_SYS);
		count = sada_log_count(l);
		sada_log_free(l);

		CHECK_INT(kit_open(&l, k, 0, &err), 0);
		CHECK(rc == 0 ? sada_log_count(l) == count :
		    sada_log_count(l) == 1 || sada_log_count(l) == 4);
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK(rc == 0 ? sada_log_count(l) == count :
		    sada_log_count(l) == 1 || sada_log_count(l) == 4);
		if (fired != NULL && strcmp(fired, "fdatasync") == 0 &&
		    !persist) {
			CHECK_INT(sada_log_count(l), 1);
			CHECK(sada_log_epoch_due(l));
		}
		CHECK_INT(kit_verify(k), 0);
		sada_log_segment_max(l, max);
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &y, 0, 2, NULL,
		    &a.id, 1, &err), 0);
		CHECK_INT(kit_verify(k), 0);
		sada_log_free(l);
		if (fired == NULL)
			break;
	}
	CHECK(n > (max == 0 ? 8 : 2));
	sada_buf_release(&b);
}

/* A write that stops half way, at any of its lengths. */
static void
test_short(struct kit *k)
{
	struct sada_log *l = NULL;
	struct kit_op a, b;
	struct sada_err err;
	const char *fired;
	long n;
	int rc;

	for (n = 1;; n++) {
		kit_clear(k);
		CHECK_INT(kit_create(k, &err), 0);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a, 0, 1, NULL,
		    NULL, 0, &err), 0);
		fault.cut = 1;
		fault_arm(n, ENOSPC, 1);
		rc = kit_commit(k, l, SADA_FRAME_LOCAL, &b, 0, 1, &a, &a.id,
		    1, &err);
		fired = fault_disarm();
		fault.cut = 0;
		CHECK_INT(rc, fired != NULL ? SADA_SYS : 0);
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		/* in persistent trouble nothing could be taken back */
		if (rc == 0)
			CHECK_INT(sada_log_count(l), 2);
		else
			CHECK(sada_log_count(l) >= 1 &&
			    sada_log_count(l) <= 2);
		CHECK_INT(kit_verify(k), 0);
		sada_log_free(l);
		if (fired == NULL)
			break;
	}
	CHECK(n > 8);
}

/* What kind of log to open under faults. */
enum { TORN_TAIL, TORN_HEADER, CLEAN };

/* Leave a log with one op and, by KIND, something to recover. */
static void
prepare(struct kit *k, int kind)
{
	struct sada_buf file = { 0 };
	struct sada_log *l = NULL;
	struct sada_err err;
	struct kit_op a, b;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a, 0, 1, NULL, NULL, 0,
	    &err), 0);
	if (kind == TORN_TAIL) {
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &b, 0, 1, &a,
		    NULL, 0, &err), 0);
		kit_get(&file, k->dir, KIT_SEG1);
		kit_put(k->dir, KIT_SEG1, file.p, file.len - 5);
	} else if (kind == TORN_HEADER)
		kit_put(k->dir, "00000002.log", "sadalog1", 8);
	sada_log_free(l);
	sada_buf_release(&file);
}

static void
test_open(struct kit *k, int error, int persist, int kind, unsigned flags)
{
	struct sada_log *l;
	struct sada_err err;
	const char *fired;
	long n;
	int rc;

	for (n = 1;; n++) {
		prepare(k, kind);
		l = NULL;
		fault_arm(n, error, persist);
		rc = kit_open(&l, k, flags, &err);
		if (rc == 0) {
			CHECK_INT(sada_log_count(l), 1);
			sada_log_free(l);
			l = NULL;
		} else {
			CHECK_INT(rc, SADA_SYS);
			CHECK(l == NULL);
		}
		fired = fault_disarm();
		CHECK(fired != NULL || rc == 0);
		CHECK(fired == NULL || strcmp(fired, "close") == 0 ||
		    rc != 0);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(sada_log_count(l), 1);
		CHECK_INT(kit_verify(k), 0);
		if ((flags & SADA_LOG_WRITE) != 0 && kind != CLEAN)
			CHECK(kit_files(k->quar, 0) >= 1);
		sada_log_free(l);
		if (fired == NULL)
			break;
	}
	CHECK(n > 5);
}

static void
test_verify(struct kit *k)
{
	struct sada_err err;
	const char *fired;
	int rc, count;
	long n;

	prepare(k, TORN_TAIL);
	for (n = 1;; n++) {
		count = 0;
		fault_arm(n, EIO, 0);
		rc = sada_log_verify(k->dir, kit_count_report, &count, &err);
		fired = fault_disarm();
		CHECK_INT(rc, fired != NULL && strcmp(fired, "close") != 0 ?
		    SADA_SYS : 0);
		if (fired == NULL)
			break;
	}
	CHECK_INT(count, 1);
}

/* Which calls that matter for durability were made, a letter each. */
static struct {
	struct sada_io_ops ops;
	char calls[64];
	size_t n;
} trace;

static void
note(char c)
{
	if (trace.n < sizeof(trace.calls) - 1)
		trace.calls[trace.n++] = c;
}

static ssize_t
trace_write(int fd, const void *p, size_t n)
{
	note('w');
	return fault.real->write(fd, p, n);
}

static ssize_t
trace_pwrite(int fd, const void *p, size_t n, off_t off)
{
	note('p');
	return fault.real->pwrite(fd, p, n, off);
}

static int
trace_fsync(int fd)
{
	note('s');
	return fault.real->fsync(fd);
}

static int
trace_fdatasync(int fd)
{
	note('d');
	return fault.real->fdatasync(fd);
}

static int
trace_renameat2(int od, const char *on, int nd, const char *nn,
    unsigned flags)
{
	note('r');
	return fault.real->renameat2(od, on, nd, nn, flags);
}

static int
trace_ftruncate(int fd, off_t n)
{
	note('t');
	return fault.real->ftruncate(fd, n);
}

static void
trace_start(void)
{
	sada_io_use(NULL);
	fault.real = sada_io_ops();
	memset(&trace, 0, sizeof(trace));
	trace.ops = *fault.real;
	trace.ops.write = trace_write;
	trace.ops.pwrite = trace_pwrite;
	trace.ops.fsync = trace_fsync;
	trace.ops.fdatasync = trace_fdatasync;
	trace.ops.renameat2 = trace_renameat2;
	trace.ops.ftruncate = trace_ftruncate;
	sada_io_use(&trace.ops);
}

static const char *
trace_end(void)
{
	sada_io_use(NULL);
	return trace.calls;
}

/* No sync may go missing, and none come too late. */
static void
test_order(struct kit *k)
{
	static const struct {
		int kind;
		const char *calls;
	} opens[] = {
		{ CLEAN, "ss" },	/* the segment, the directory */
		{ TORN_TAIL, "ss" "wss" "ts" },
		{ TORN_HEADER, "sss" "wss" "wsrs" },
	};
	struct sada_log *l = NULL;
	struct sada_err err;
	struct kit_op a, b;
	size_t i;

	kit_clear(k);
	trace_start();
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_STR(trace_end(), "wsrs");
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	trace_start();
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a, 0, 1, NULL, NULL, 0,
	    &err), 0);
	CHECK_STR(trace_end(), "pd");
	sada_log_segment_max(l, 0);
	trace_start();
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &b, 0, 1, &a, NULL, 0,
	    &err), 0);
	CHECK_STR(trace_end(), "wsrs" "pd");
	sada_log_free(l);
	for (i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		prepare(k, opens[i].kind);
		trace_start();
		CHECK_INT(kit_open(&l, k, 0, &err), 0);
		sada_log_free(l);
		CHECK_STR(trace_end(), "");
		trace_start();
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_STR(trace_end(), opens[i].calls);
		sada_log_free(l);
		/* a second recovery finds nothing to do */
		trace_start();
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_STR(trace_end(), opens[i].kind == TORN_HEADER ?
		    "sss" : "ss");
		sada_log_free(l);
	}
}

int
main(void)
{
	struct kit k;
	int persist;
	size_t e;

	tap_seed(4);
	kit_init(&k);
	for (e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		for (persist = 0; persist < 2; persist++) {
			test_create(&k, errors[e], persist);
			test_commit(&k, errors[e], persist,
			    SADA_LOG_SEGMENT_MAX);
			test_commit(&k, errors[e], persist, 0);
			test_open(&k, errors[e], persist, TORN_TAIL,
			    SADA_LOG_WRITE);
			test_open(&k, errors[e], persist, TORN_TAIL, 0);
			test_open(&k, errors[e], persist, TORN_HEADER,
			    SADA_LOG_WRITE);
			test_open(&k, errors[e], persist, CLEAN,
			    SADA_LOG_WRITE);
		}
	test_short(&k);
	test_order(&k);
	test_verify(&k);
	kit_release(&k);
	return tap_done();
}
