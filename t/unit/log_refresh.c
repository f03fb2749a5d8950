/* A log that is refreshed holds just what one opened anew would. */
#include "log_util.h"

#define ROUNDS 400
#define SEGMENTS 40

/* The files of a log. */
struct files {
	struct sada_buf v[SEGMENTS];
	unsigned n;
};

static void
files_get(struct files *f, const struct kit *k)
{
	char name[SADA_SEGMENT_NAME];

	for (f->n = 0;; f->n++) {
		sada_segment_name(name, f->n + 1);
		if (faccessat(k->dir, name, F_OK, 0) != 0)
			break;
		assert(f->n < SEGMENTS);
		kit_get(&f->v[f->n], k->dir, name);
	}
}

static void
files_put(const struct files *f, const struct kit *k)
{
	char name[SADA_SEGMENT_NAME];
	unsigned i;

	(void)kit_files(k->dir, 1);
	for (i = 0; i < f->n; i++) {
		sada_segment_name(name, i + 1);
		kit_put(k->dir, name, f->v[i].p, f->v[i].len);
	}
}

static void
files_release(struct files *f)
{
	unsigned i;

	for (i = 0; i < SEGMENTS; i++)
		sada_buf_release(&f->v[i]);
}

/* What another command may do: commit some frames, in small segments. */
static void
go_on(struct kit *k, unsigned frames)
{
	static uint64_t epoch = 1;
	struct sada_buf pay = { 0 };
	struct sada_log *l = NULL;
	struct kit_op x;
	struct sada_err err;
	struct sada_id parent;
	uint32_t n;
	int rc;

	rc = kit_open(&l, k, SADA_LOG_WRITE, &err);
	assert(rc == 0);
	sada_log_segment_max(l, tap_below(2) ? 1024 : 1u << 20);
	for (; frames > 0; frames--) {
		sada_buf_reset(&pay);
		n = sada_log_count(l);
		if (n > 0)
			parent = sada_log_op(l, (uint32_t)tap_below(n))->id;
		if (tap_below(5) == 0) {
			kit_member(k, &pay, (int)tap_below(KIT_KEYS),
			    "renamed", ++epoch);
			rc = sada_log_commit(l, SADA_FRAME_LOCALMETA, &pay, 1,
			    &err);
		} else {
			kit_op(k, &pay, &x, (int)tap_below(KIT_KEYS), ++epoch,
			    NULL, &parent, n > 0, "x");
			rc = sada_log_commit(l, tap_below(2) ?
			    SADA_FRAME_LOCAL : SADA_FRAME_PULLED, &pay, 1,
			    &err);
		}
		assert(rc == 0);
	}
	sada_log_free(l);
	sada_buf_release(&pay);
}

/* Leave a torn tail behind the newest segment. */
static void
tear(struct kit *k)
{
	struct files f = { 0 };
	char name[SADA_SEGMENT_NAME];
	struct sada_buf *b;

	files_get(&f, k);
	b = &f.v[f.n - 1];
	sada_segment_name(name, f.n);
	if (f.n > 1 && tap_below(4) == 0)
		b->len = (size_t)tap_below(SADA_LOG_HEADER);
	else
		sada_buf_adds(b, "SLF");
	kit_put(k->dir, name, b->p, b->len);
	files_release(&f);
}

/* Refresh *L with FLAGS and hold it against a log opened anew. */
static void
compare(struct kit *k, struct sada_log **l, unsigned flags)
{
	struct files before = { 0 }, after = { 0 };
	struct sada_buf a = { 0 }, b = { 0 };
	struct sada_log *fresh = NULL;
	struct sada_err err;
	int rc, same;
	unsigned i;

	files_get(&before, k);
	rc = sada_log_refresh(l, k->quar, NULL, flags, &err);
	CHECK_INT(rc, 0);
	assert(rc == 0);
	kit_dump(&a, *l);
	files_get(&after, k);
	files_put(&before, k);
	(void)kit_files(k->quar, 1);
	rc = kit_open(&fresh, k, flags, &err);
	assert(rc == 0);
	kit_dump(&b, fresh);
	CHECK(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
	CHECK_INT(sada_log_was_cut(*l), sada_log_was_cut(fresh));
	files_get(&before, k);
	same = before.n == after.n;
	for (i = 0; same && i < after.n; i++)
		same = before.v[i].len == after.v[i].len &&
		    memcmp(before.v[i].p, after.v[i].p, after.v[i].len) == 0;
	CHECK(same);
	/*
	 * The files are others now, of the same bytes: open those.  A record
	 * that is due for a cut tail would stay due.
	 */
	if (sada_log_was_cut(fresh)) {
		sada_log_free(*l);
		rc = kit_open(l, k, flags, &err);
	} else
		rc = sada_log_refresh(l, k->quar, NULL, flags, &err);
	assert(rc == 0);
	sada_log_free(fresh);
	sada_buf_release(&a);
	sada_buf_release(&b);
	files_release(&before);
	files_release(&after);
}

static void
test_histories(struct kit *k)
{
	struct files old = { 0 };
	struct sada_log *l = NULL;
	struct sada_err err;
	struct kit_op x;
	unsigned i, flags;
	int rc;

	for (i = 0; i < ROUNDS; i++) {
		if (i % 20 == 0) {
			sada_log_free(l);
			kit_clear(k);
			CHECK_INT(kit_create(k, &err), 0);
			CHECK_INT(kit_open(&l, k, 0, &err), 0);
			files_get(&old, k);
		}
		switch (tap_below(8)) {
		case 0:
			break;
		case 1:
			tear(k);
			break;
		case 2:		/* an older store is restored */
			files_put(&old, k);
			if (tap_below(2))
				go_on(k, 1 + (unsigned)tap_below(3));
			break;
		case 3:
			files_get(&old, k);
			break;
		default:
			go_on(k, 1 + (unsigned)tap_below(3));
			break;
		}
		flags = tap_below(2) ? SADA_LOG_WRITE : 0;
		compare(k, &l, flags);
		if (flags == 0 || tap_below(2))
			continue;
		/* What was refreshed for writing can write. */
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &x, 0,
		    1000000 + i, NULL, NULL, 0, &err), 0);
		compare(k, &l, 0);
	}
	rc = kit_verify(k);
	CHECK(rc == 0 || rc == 1);	/* a tail may be torn */
	sada_log_free(l);
	files_release(&old);
}

/* What is damaged behind what was read is refused, and the log is gone. */
static void
test_damage(struct kit *k)
{
	struct sada_buf b = { 0 };
	struct sada_log *l = NULL, *w = NULL;
	struct kit_op x, y;
	struct sada_err err;
	size_t at;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, 0, &err), 0);
	kit_get(&b, k->dir, KIT_SEG1);
	at = b.len;
	CHECK_INT(kit_open(&w, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(kit_commit(k, w, SADA_FRAME_LOCAL, &x, 0, 1, NULL, NULL, 0,
	    &err), 0);
	CHECK_INT(kit_commit(k, w, SADA_FRAME_LOCAL, &y, 0, 1, &x, &x.id, 1,
	    &err), 0);
	sada_log_free(w);
	kit_get(&b, k->dir, KIT_SEG1);
	b.p[at + 60] ^= 1;
	kit_put(k->dir, KIT_SEG1, b.p, b.len);
	CHECK_INT(sada_log_refresh(&l, k->quar, NULL, SADA_LOG_WRITE,
	    &err), SADA_DAMAGED);
	CHECK(l == NULL);
	CHECK_INT(kit_files(k->quar, 0), 0);
	sada_buf_release(&b);
}

int
main(void)
{
	struct kit k;

	tap_seed(7);
	kit_init(&k);
	test_histories(&k);
	test_damage(&k);
	kit_release(&k);
	return tap_done();
}
