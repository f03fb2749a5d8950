/*
 * Reading segments: frames are cut from large reads, checked and decoded
 * a batch at a time on all cores, and given back in order.
 *
 * Segments are read, not mapped: a reader holds no lock, and a writer may
 * cut a torn tail while the reader looks at it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "log/log_priv.h"

/* Bytes of a batch, unless a frame is longer. */
#define BATCH (512u << 10)
/* Batches under way. */
#define DEPTH 4
/* Threads pay above this. */
#define SMALL (1u << 20)

/* A frame in a batch and its records in recs. */
struct part {
	size_t at, total;
	struct sada_frame f;
	size_t rec, nrec;
};

/*
 * 1. Frames [0, good) are valid and their records decoded.
 * 2. If good < n, frame good is not valid, and whole tells of it.
 */
struct batch {
	unsigned char *p;
	size_t cap;
	uint64_t segment, off;		/* of p */
	struct part *parts;
	size_t n, parts_cap, good;
	int whole;
	struct sada_recs recs;
};

struct sada_scan {
	int (*each)(const struct sada_scanned *s, void *ctx,
	    struct sada_err *err);
	void *ctx;
	struct sada_pool *pool;		/* NULL: all in this thread */
	struct batch ring[DEPTH];
};

/* Where the reading of a segment is. */
struct reader {
	int fd, done;
	uint64_t number, off, size;
};

static void
recs_reset(struct sada_recs *recs)
{
	size_t i;

	for (i = 0; i < recs->n; i++)
		sada_op_release(&recs->v[i].op);
	recs->n = 0;
}

void
sada_recs_release(struct sada_recs *recs)
{
	recs_reset(recs);
	free(recs->v);
	memset(recs, 0, sizeof(*recs));
}

void
sada_recs_parse(struct sada_recs *recs, const void *p, size_t n)
{
	struct sada_rd rd;
	struct sada_rec *r;
	int rc;

	sada_rd_init(&rd, p, n);
	for (;;) {
		recs->v = sada_grow(recs->v, &recs->cap, recs->n + 1,
		    sizeof(*recs->v));
		r = &recs->v[recs->n];
		memset(r, 0, sizeof(*r));
		rc = sada_log_next(&rd, &r->type, &r->p, &r->n, NULL);
		assert(rc >= 0);
		if (rc == 0)
			break;
		recs->n++;
		if (r->type != SADA_LOG_OP)
			continue;
		sada_hash(&r->id, SADA_CTX_OP, r->p, r->n);
		r->rc = sada_op_decode(&r->op, r->p, r->n, NULL);
	}
}

int
sada_rec_why(const struct sada_rec *r, struct sada_err *err)
{
	struct sada_op op;
	int rc = sada_op_decode(&op, r->p, r->n, err);

	assert(rc < 0);
	return rc;
}

uint64_t
sada_frame_length(const unsigned char *p)
{
	uint64_t len = sada_le32(p + 8);

	if (sada_le32(p) != SADA_FRAME_MAGIC || len > SADA_FRAME_MAX)
		return 0;
	return SADA_FRAME_HEAD + len + SADA_FRAME_TAIL;
}

int
sada_frame_whole(const struct sada_frame *f, int rc)
{
	return rc < 0 && f->total != 0 &&
	    memcmp(f->payload + f->len, f->hash.b, SADA_ID_LEN) == 0;
}

/* The work of a thread: check and decode one batch. */
static void
batch_run(void *job, void *ctx)
{
	struct batch *b = job;
	struct part *t;
	int rc;

	(void)ctx;
	recs_reset(&b->recs);
	b->whole = 0;
	for (b->good = 0; b->good < b->n; b->good++) {
		t = &b->parts[b->good];
		rc = sada_frame_decode(&t->f, b->p + t->at, t->total,
		    b->segment, b->off + t->at, NULL);
		if (rc < 0) {
			b->whole = sada_frame_whole(&t->f, rc);
			break;
		}
		t->rec = b->recs.n;
		sada_recs_parse(&b->recs, t->f.payload, t->f.len);
		t->nrec = b->recs.n - t->rec;
	}
}

/*
 * Note the frames that N bytes hold whole, by their heads alone.  *NEED
 * is how long the first one is that they do not hold, if that is known.
 * Returns how many bytes were used; sets DONE where no frame can be.
 */
static size_t
batch_cut(struct batch *b, struct reader *r, size_t n, size_t *need)
{
	uint64_t total;
	size_t at = 0;

	*need = 0;
	b->n = 0;
	for (;;) {
		if (r->size - r->off - at <
		    SADA_FRAME_HEAD + SADA_FRAME_TAIL) {
			r->done = 1;
			break;
		}
		if (n - at < SADA_FRAME_HEAD)
			break;
		total = sada_frame_length(b->p + at);
		if (total == 0 || total > r->size - r->off - at) {
			r->done = 1;
			break;
		}
		if (total > n - at) {
			*need = (size_t)total;
			break;
		}
		b->parts = sada_grow(b->parts, &b->parts_cap, b->n + 1,
		    sizeof(*b->parts));
		b->parts[b->n].at = at;
		b->parts[b->n].total = (size_t)total;
		b->n++;
		at += (size_t)total;
	}
	return at;
}

/* Fill B with the frames that follow; none: R is done. */
static int
batch_fill(struct batch *b, struct reader *r, struct sada_err *err)
{
	size_t want = BATCH, got, need, used;
	int rc;

	b->n = 0;
	b->segment = r->number;
	b->off = r->off;
	while (!r->done && b->n == 0) {
		if (b->p == NULL || b->cap < want || b->cap > 4 * want) {
			free(b->p);
			b->p = sada_malloc(want);
			b->cap = want;
		}
		if (want > r->size - r->off)
			want = (size_t)(r->size - r->off);
		if ((rc = sada_io_pread(r->fd, b->p, want, r->off, &got,
		    err)) < 0)
			return rc;
		if (got < want)
			r->size = r->off + got;	/* it was cut meanwhile */
		used = batch_cut(b, r, got, &need);
		r->off += used;
		want = need > BATCH ? need : BATCH;
	}
	return 0;
}

/* Give the frames of B out; *MORE becomes 0 where they end. */
static int
batch_give(struct sada_scan *s, struct batch *b, struct sada_stop *stop,
    int *more, struct sada_err *err)
{
	struct sada_scanned f;
	struct part *t;
	size_t i;
	int rc;

	for (i = 0; i < b->good; i++) {
		t = &b->parts[i];
		f.f = t->f;
		f.segment = b->segment;
		f.off = b->off + t->at;
		f.recs = b->recs.v + t->rec;
		f.n = t->nrec;
		if ((rc = s->each(&f, s->ctx, err)) != 0)
			return rc;
		stop->off = f.off + t->total;
	}
	if (b->good < b->n) {
		stop->whole = b->whole;
		*more = 0;
	}
	return 0;
}

int
sada_scan_run(struct sada_scan *s, struct sada_stop *stop, int fd,
    uint64_t number, uint64_t from, uint64_t size, struct sada_err *err)
{
	struct reader r = { fd, 0, number, from, size };
	unsigned head = 0, tail = 0;
	struct batch *b;
	int more = 1, rc = 0;

	assert(from <= size);
	stop->off = from;
	stop->whole = 0;
	for (;;) {
		while (more && !r.done && tail - head < DEPTH) {
			b = &s->ring[tail % DEPTH];
			if ((rc = batch_fill(b, &r, err)) < 0)
				goto out;
			if (b->n == 0)
				break;
			if (s->pool != NULL)
				sada_pool_submit(s->pool, b);
			tail++;
		}
		if (head == tail)
			break;
		b = &s->ring[head++ % DEPTH];
		if (s->pool != NULL)
			(void)sada_pool_take(s->pool);
		else
			batch_run(b, NULL);
		if (more &&
		    (rc = batch_give(s, b, stop, &more, err)) != 0)
			goto out;
	}
out:
	for (; head < tail; head++)
		if (s->pool != NULL)
			(void)sada_pool_take(s->pool);
	stop->size = r.size;
	return rc;
}

int
sada_scan_new(struct sada_scan **out, uint64_t total,
    int (*each)(const struct sada_scanned *s, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct sada_scan *s = sada_calloc(1, sizeof(*s));
	int rc = 0;

	*out = NULL;
	s->each = each;
	s->ctx = ctx;
	if (total > SMALL &&
	    (rc = sada_pool_new(&s->pool, sada_pool_cores(), DEPTH,
	    batch_run, NULL, err)) < 0) {
		sada_scan_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
sada_scan_free(struct sada_scan *s)
{
	unsigned i;

	if (s == NULL)
		return;
	sada_pool_free(s->pool);
	for (i = 0; i < DEPTH; i++) {
		sada_recs_release(&s->ring[i].recs);
		free(s->ring[i].parts);
		free(s->ring[i].p);
	}
	free(s);
}
