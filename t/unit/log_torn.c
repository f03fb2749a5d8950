/* Torn tails are cut, damage is told, verify sees both. */
#include "log_util.h"

/* A log of three frames: what create made, an op, an op. */
struct three {
	struct sada_buf file;
	size_t at1, at2;	/* where frames 2 and 3 begin */
	struct kit_op a, b;
};

static void
make_three(struct kit *k, struct three *t)
{
	struct sada_log *l = NULL;
	struct sada_err err;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	kit_get(&t->file, k->dir, KIT_SEG1);
	t->at1 = t->file.len;
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &t->a, 0, 1, NULL, NULL,
	    0, &err), 0);
	kit_get(&t->file, k->dir, KIT_SEG1);
	t->at2 = t->file.len;
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &t->b, 0, 1, &t->a,
	    &t->a.id, 1, &err), 0);
	kit_get(&t->file, k->dir, KIT_SEG1);
	CHECK(!sada_log_epoch_due(l));
	sada_log_free(l);
}

/* Is the tail [AT, N) of P in quarantine, and nothing else? */
static int
saved(struct kit *k, const unsigned char *p, size_t at, size_t n)
{
	struct sada_buf b = { 0 };
	char name[64];
	int ok;

	(void)snprintf(name, sizeof(name), "log-1-%zu", at);
	if (kit_files(k->quar, 0) != 1)
		return 0;
	kit_get(&b, k->quar, name);
	ok = b.len == n - at && memcmp(b.p, p + at, n - at) == 0;
	sada_buf_release(&b);
	return ok;
}

/*
 * N bytes of P are the file and its last frame, at AT, is torn: check all
 * that should follow, down to a commit after the cut.
 */
static void
expect_cut(struct kit *k, const struct three *t, const unsigned char *p,
    size_t n, size_t at)
{
	struct sada_log *l = NULL;
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct kit_op x;
	int had = at == t->at2;

	(void)kit_files(k->quar, 1);
	kit_put(k->dir, KIT_SEG1, p, n);
	CHECK(kit_verify(k) >= 1);
	CHECK_INT(kit_open(&l, k, 0, &err), 0);
	CHECK_INT(sada_log_count(l), had);
	sada_log_free(l);
	kit_get(&b, k->dir, KIT_SEG1);
	CHECK_INT(b.len, n);
	CHECK_INT(kit_files(k->quar, 0), 0);

	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(l), had);
	CHECK(sada_log_was_cut(l));
	CHECK(sada_log_epoch_due(l));
	CHECK(saved(k, p, at, n));
	kit_get(&b, k->dir, KIT_SEG1);
	CHECK(b.len == at && memcmp(b.p, p, at) == 0);
	CHECK_INT(kit_verify(k), 0);
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &x, 0, 2, NULL,
	    &t->a.id, had ? 1 : 0, &err), 0);
	CHECK(!sada_log_epoch_due(l));
	sada_log_free(l);

	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK(!sada_log_was_cut(l));
	CHECK_INT(sada_log_count(l), had + 1);
	CHECK_INT(kit_verify(k), 0);
	CHECK_INT(kit_files(k->quar, 0), 1);
	sada_log_free(l);
	sada_buf_release(&b);
}

/* N bytes of P are the file: opening must refuse and change nothing. */
static void
expect_damaged(struct kit *k, const unsigned char *p, size_t n)
{
	struct sada_log *l = NULL;
	struct sada_buf b = { 0 };
	struct sada_err err;

	(void)kit_files(k->quar, 1);
	kit_put(k->dir, KIT_SEG1, p, n);
	CHECK(kit_verify(k) >= 1);
	CHECK_INT(kit_open(&l, k, 0, &err), SADA_DAMAGED);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	CHECK(l == NULL);
	kit_get(&b, k->dir, KIT_SEG1);
	CHECK(b.len == n && memcmp(b.p, p, n) == 0);
	CHECK_INT(kit_files(k->quar, 0), 0);
	sada_buf_release(&b);
}

static void
test_cuts(struct kit *k)
{
	struct three t = { 0 };
	unsigned char *p;
	size_t n, i;

	make_three(k, &t);
	p = (unsigned char *)sada_memdup(t.file.p, t.file.len);
	for (n = t.at2 + 1; n < t.file.len; n++)
		expect_cut(k, &t, p, n, t.at2);
	for (n = t.at1 + 1; n < t.at2; n += 23)
		expect_cut(k, &t, p, n, t.at1);
	/* a tail of the right length, but zero or noise from somewhere on */
	for (n = t.at2; n < t.file.len; n += 29) {
		memset(p + n, 0, t.file.len - n);
		expect_cut(k, &t, p, t.file.len, t.at2);
		for (i = n; i < t.file.len; i++)
			p[i] = (unsigned char)tap_rand();
		expect_cut(k, &t, p, t.file.len, t.at2);
		memcpy(p, t.file.p, t.file.len);
	}
	/* what create published whole cannot be torn */
	for (n = 0; n < t.at1; n += 3)
		expect_damaged(k, p, n);
	free(p);
	sada_buf_release(&t.file);
}

static void
test_flips(struct kit *k)
{
	struct three t = { 0 };
	unsigned char *p;
	size_t i;

	make_three(k, &t);
	p = t.file.p;
	for (i = 0; i < t.file.len; i++) {
		unsigned char was = p[i];

		p[i] ^= (unsigned char)(1u << tap_below(8));
		if (i < t.at2)
			expect_damaged(k, p, t.file.len);
		else
			expect_cut(k, &t, p, t.file.len, t.at2);
		p[i] = was;
	}
	kit_put(k->dir, KIT_SEG1, p, t.file.len);
	CHECK_INT(kit_verify(k), 0);
	sada_buf_release(&t.file);
}

/* A frame moved, left out or repeated does not pass. */
static void
test_splices(struct kit *k)
{
	struct three t = { 0 };
	struct sada_buf b = { 0 };
	size_t len1, len2;

	make_three(k, &t);
	len1 = t.at2 - t.at1;
	len2 = t.file.len - t.at2;
	/* without the second: the third stands at a wrong offset */
	sada_buf_add(&b, t.file.p, t.at1);
	sada_buf_add(&b, t.file.p + t.at2, len2);
	expect_cut(k, &t, b.p, b.len, t.at1);
	/* the third twice: stale bytes behind the end */
	sada_buf_reset(&b);
	sada_buf_add(&b, t.file.p, t.file.len);
	sada_buf_add(&b, t.file.p + t.at2, len2);
	kit_put(k->dir, KIT_SEG1, b.p, b.len);
	{
		struct sada_log *l = NULL;
		struct sada_err err;

		(void)kit_files(k->quar, 1);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(sada_log_count(l), 2);
		CHECK(saved(k, b.p, t.file.len, b.len));
		sada_log_free(l);
	}
	/* a hole of zeros where the second was */
	sada_buf_reset(&b);
	sada_buf_add(&b, t.file.p, t.file.len);
	memset(b.p + t.at1, 0, len1);
	expect_damaged(k, b.p, b.len);
	sada_buf_release(&b);
	sada_buf_release(&t.file);
}

/* Append to the three frames one that checks and holds PAYLOAD. */
static void
add_frame(struct sada_buf *out, const struct three *t, const void *payload,
    size_t n, uint32_t count, int chained)
{
	struct sada_buf p = { 0 };
	struct sada_id prev, hash;

	memcpy(prev.b, t->file.p + t->file.len - SADA_ID_LEN, SADA_ID_LEN);
	prev.b[0] ^= (unsigned char)!chained;
	sada_buf_reset(out);
	sada_buf_add(out, t->file.p, t->file.len);
	sada_buf_add(&p, payload, n);
	sada_frame_encode(out, SADA_FRAME_PULLED, count, &p, &prev, 1,
	    t->file.len, &hash);
	sada_buf_release(&p);
}

/* Frames that check but must not be: refused, never cut. */
static void
test_valid_but_wrong(struct kit *k)
{
	static const unsigned char unknown[] = { 77, 1, 0 };
	static const unsigned char bad_op[] = { SADA_LOG_OP, 3, 1, 1, 0 };
	static const unsigned char bad_member[] = { SADA_LOG_MEMBER, 2, 1, 9 };
	struct sada_buf b = { 0 }, pay = { 0 }, rec = { 0 };
	struct three t = { 0 };
	struct kit_op x, y;

	make_three(k, &t);
	add_frame(&b, &t, unknown, sizeof(unknown), 1, 1);
	expect_damaged(k, b.p, b.len);
	b.p[t.at2 + 60] ^= 1;		/* a refused frame behind damage */
	expect_damaged(k, b.p, b.len);
	add_frame(&b, &t, bad_op, sizeof(bad_op), 1, 1);
	expect_damaged(k, b.p, b.len);
	add_frame(&b, &t, bad_member, sizeof(bad_member), 1, 1);
	expect_damaged(k, b.p, b.len);
	add_frame(&b, &t, bad_op, sizeof(bad_op), 1, 0);
	expect_damaged(k, b.p, b.len);

	kit_op(k, &pay, &x, 1, 1, NULL, NULL, 0, "");
	add_frame(&b, &t, pay.p, pay.len, 2, 1);	/* wrong count */
	expect_damaged(k, b.p, b.len);
	add_frame(&b, &t, pay.p, pay.len, 1, 0);	/* wrong chain */
	expect_damaged(k, b.p, b.len);
	sada_buf_add(&rec, pay.p, pay.len);
	sada_buf_add(&rec, pay.p, pay.len);
	add_frame(&b, &t, rec.p, rec.len, 2, 1);	/* an op twice */
	expect_damaged(k, b.p, b.len);
	sada_buf_reset(&pay);
	kit_op(k, &pay, &y, 1, 1, &x, &x.id, 1, "");
	add_frame(&b, &t, pay.p, pay.len, 1, 1);	/* no parent */
	expect_damaged(k, b.p, b.len);
	sada_buf_release(&b);
	sada_buf_release(&pay);
	sada_buf_release(&rec);
	sada_buf_release(&t.file);
}

/* What only verify sees: chain and signature. */
static void
test_verify_only(struct kit *k)
{
	struct sada_buf b = { 0 }, pay = { 0 };
	struct three t = { 0 };
	struct kit_op x, lone;
	struct sada_key *key;

	make_three(k, &t);
	memset(&lone, 0, sizeof(lone));
	lone.dot.epoch = 1;
	lone.dot.seq = 4;
	memset(&lone.id, 5, sizeof(lone.id));
	kit_op(k, &pay, &x, 1, 1, &lone, NULL, 0, "");	/* prev not held */
	kit_op(k, &pay, &x, 1, 1, &t.a, NULL, 0, "");	/* prev of another */
	pay.p[pay.len - 1] ^= 1;			/* and its signature */
	/* a parent not held */
	memset(&lone.id, 6, sizeof(lone.id));
	kit_op(k, &pay, &x, 1, 2, NULL, &lone.id, 1, "");
	key = k->key[3];
	sada_key_new(&k->key[3]);			/* a stranger */
	k->id[3] = sada_key_pub(k->key[3])->id;
	kit_op(k, &pay, &x, 3, 1, NULL, NULL, 0, "");
	add_frame(&b, &t, pay.p, pay.len, 4, 1);
	kit_put(k->dir, KIT_SEG1, b.p, b.len);
	CHECK_INT(kit_verify(k), 5);
	sada_key_free(key);
	sada_buf_release(&b);
	sada_buf_release(&pay);
	sada_buf_release(&t.file);
}

/* Four segments: the newest may be empty or torn, the others not. */
static void
test_segments(struct kit *k)
{
	struct sada_buf one = { 0 }, two = { 0 }, three = { 0 };
	struct sada_log *l = NULL;
	struct kit_op x, prev;
	struct sada_err err;
	size_t i;
	int rc;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	sada_log_segment_max(l, 0);
	for (i = 0; i < 2; i++, prev = x)
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &x, 0, 1,
		    i > 0 ? &prev : NULL, NULL, 0, &err), 0);
	sada_log_free(l);
	kit_get(&one, k->dir, KIT_SEG1);
	kit_get(&two, k->dir, "00000002.log");
	kit_get(&three, k->dir, "00000003.log");

	/* the newest, cut anywhere: its op is gone, the file made anew */
	for (i = 0; i < three.len; i++) {
		(void)kit_files(k->quar, 1);
		kit_put(k->dir, "00000003.log", three.p, i);
		CHECK_INT(kit_open(&l, k, 0, &err), 0);
		CHECK_INT(sada_log_count(l), 1);
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(sada_log_count(l), 1);
		CHECK_INT(sada_log_was_cut(l), i != SADA_LOG_HEADER);
		CHECK_INT(kit_files(k->quar, 0),
		    i > 0 && i != SADA_LOG_HEADER);
		CHECK_INT(kit_verify(k), 0);
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &x, 0, 2, NULL,
		    NULL, 0, &err), 0);
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
		CHECK_INT(sada_log_count(l), 2);
		CHECK(!sada_log_was_cut(l));
		CHECK_INT(kit_verify(k), 0);
		sada_log_free(l);
	}
	/* its header flipped, its op behind it: damage */
	for (i = 0; i < SADA_LOG_HEADER; i++) {
		three.p[i] ^= 0x10;
		kit_put(k->dir, "00000003.log", three.p, three.len);
		rc = kit_open(&l, k, SADA_LOG_WRITE, &err);
		CHECK(rc == SADA_DAMAGED || rc == SADA_VERSION);
		CHECK(kit_verify(k) >= 1);
		three.p[i] ^= 0x10;
	}
	kit_put(k->dir, "00000003.log", three.p, three.len);
	/* an older one: cut or flipped anywhere */
	for (i = 0; i < two.len; i++) {
		kit_put(k->dir, "00000002.log", two.p, i);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err),
		    SADA_DAMAGED);
		CHECK(kit_verify(k) >= 1);
		two.p[i] ^= 2;
		kit_put(k->dir, "00000002.log", two.p, two.len);
		CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err),
		    SADA_DAMAGED);
		CHECK(kit_verify(k) >= 1);
		two.p[i] ^= 2;
	}
	/* another's in its place, also of the newest */
	kit_put(k->dir, "00000002.log", two.p, two.len);
	kit_put(k->dir, "00000003.log", two.p, two.len);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	CHECK(kit_verify(k) >= 1);
	kit_put(k->dir, "00000003.log", three.p, three.len);
	/* missing */
	(void)unlinkat(k->dir, "00000002.log", 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	CHECK(kit_verify(k) >= 1);
	kit_put(k->dir, "00000002.log", three.p, three.len);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	CHECK(kit_verify(k) >= 1);
	kit_put(k->dir, "00000002.log", two.p, two.len);
	(void)unlinkat(k->dir, KIT_SEG1, 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	kit_put(k->dir, KIT_SEG1, one.p, one.len);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(l), 2);

	/* a record that changes under an open log is not returned */
	two.p[two.len / 2] ^= 1;
	kit_put(k->dir, "00000002.log", two.p, two.len);
	sada_buf_reset(&one);
	CHECK_INT(sada_log_read(l, 0, &one, &err), SADA_DAMAGED);
	CHECK_INT(one.len, 0);
	CHECK_INT(sada_log_read(l, 1, &one, &err), 0);
	sada_log_free(l);
	sada_buf_release(&one);
	sada_buf_release(&two);
	sada_buf_release(&three);
}

/* A torn frame full of what looks like heads ends in bounded time. */
static void
test_decoys(struct kit *k)
{
	size_t n = 3u << 20, i;
	unsigned char *p = sada_malloc(n);
	struct three t = { 0 };
	struct sada_log *l = NULL;
	struct sada_err err;

	make_three(k, &t);
	memset(p, 'x', n);
	memcpy(p, t.file.p, t.file.len);
	sada_le32_put(p + t.file.len, SADA_FRAME_MAGIC);
	sada_le32_put(p + t.file.len + 8, 3u << 20);
	for (i = t.file.len + 100; i + 200 < n; i += 48) {
		sada_le32_put(p + i, SADA_FRAME_MAGIC);
		sada_le32_put(p + i + 8, (uint32_t)(n - i - 100));
	}
	kit_put(k->dir, KIT_SEG1, p, n);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), SADA_DAMAGED);
	CHECK(kit_verify(k) >= 1);
	/* the same with heads of lengths that cannot be */
	for (i = t.file.len + 100; i + 200 < n; i += 48)
		sada_le32_put(p + i + 8, (uint32_t)n);
	kit_put(k->dir, KIT_SEG1, p, n);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(l), 2);
	CHECK(sada_log_was_cut(l));
	sada_log_free(l);
	free(p);
	sada_buf_release(&t.file);
}

static int
count_frame(const struct sada_scanned *s, void *ctx, struct sada_err *err)
{
	int *n = ctx;

	(void)s;
	(void)err;
	(*n)++;
	return 0;
}

/* A frame behind damage is found across the edges of the reads. */
static void
test_find(struct kit *k)
{
	struct sada_buf b = { 0 }, frame = { 0 }, p = { 0 };
	struct sada_scan *scan = NULL;
	struct sada_stop stop;
	struct sada_id prev, hash;
	struct sada_err err;
	uint64_t found, at;
	int fd, n = 0;

	kit_clear(k);
	memset(&prev, 0, sizeof(prev));
	sada_log_record(&p, SADA_LOG_GROUP, prev.b, sizeof(prev.b));
	for (at = (1u << 20) - 6; at < (1u << 20) + 4; at++) {
		sada_buf_reset(&b);
		sada_buf_reset(&frame);
		memset(sada_buf_reserve(&b, (size_t)at), 'S', (size_t)at);
		b.len = (size_t)at;
		sada_frame_encode(&frame, SADA_FRAME_LOCALMETA, 1, &p, &prev,
		    7, at, &hash);
		sada_buf_add(&b, frame.p, frame.len);
		kit_put(k->dir, "x", b.p, b.len);
		fd = openat(k->dir, "x", O_RDONLY);
		CHECK_INT(sada_segment_find(fd, 7, 0, b.len, &found, &err), 1);
		CHECK_INT(found, at);
		CHECK_INT(sada_segment_find(fd, 8, 0, b.len, &found, &err), 0);
		CHECK_INT(sada_segment_find(fd, 7, at + 1, b.len, &found,
		    &err), 0);
		/* a file that shrinks after its size was taken */
		n = 0;
		CHECK_INT(sada_scan_new(&scan, 0, count_frame, &n, &err), 0);
		CHECK_INT(sada_scan_run(scan, &stop, fd, 7, at, b.len + 999,
		    &err), 0);
		CHECK_INT(n, 1);
		CHECK_INT(stop.off, b.len);
		CHECK_INT(stop.size, b.len);
		sada_scan_free(scan);
		(void)close(fd);
	}
	kit_clear(k);
	sada_buf_release(&b);
	sada_buf_release(&frame);
	sada_buf_release(&p);
}

/* Anything at all in place of the file: an answer, never a crash. */
static void
test_noise(struct kit *k)
{
	struct three t = { 0 };
	struct sada_buf b = { 0 };
	struct sada_log *l;
	struct sada_err err;
	size_t from, n, j;
	int i, rc;

	make_three(k, &t);
	for (i = 0; i < 300; i++) {
		sada_buf_reset(&b);
		sada_buf_add(&b, t.file.p, t.file.len);
		for (j = tap_below(4); j > 0; j--)
			b.p[tap_below(b.len)] ^= (unsigned char)tap_rand();
		from = tap_below(b.len);
		n = tap_below(b.len - from);
		switch (tap_below(4)) {
		case 0:		/* a piece again */
			sada_buf_reserve(&b, n);
			sada_buf_add(&b, b.p + from, n);
			break;
		case 1:		/* a piece left out */
			memmove(b.p + from, b.p + from + n,
			    b.len - from - n);
			b.len -= n;
			break;
		case 2:		/* a piece of noise */
			for (j = 0; j < n; j++)
				b.p[from + j] = (unsigned char)tap_rand();
			break;
		default:
			b.len = from;
		}
		(void)kit_files(k->quar, 1);
		kit_put(k->dir, KIT_SEG1, b.p, b.len);
		CHECK(kit_verify(k) >= 0);
		l = NULL;
		rc = kit_open(&l, k, SADA_LOG_WRITE, &err);
		CHECK(rc == 0 || rc == SADA_DAMAGED || rc == SADA_VERSION);
		CHECK(rc < 0 || kit_verify(k) == 0);
		CHECK(rc == 0 || kit_files(k->quar, 0) == 0);
		sada_log_free(l);
	}
	sada_buf_release(&b);
	sada_buf_release(&t.file);
}

int
main(void)
{
	struct kit k;

	tap_seed(3);
	kit_init(&k);
	k.members = 2;
	test_cuts(&k);
	test_flips(&k);
	test_splices(&k);
	test_valid_but_wrong(&k);
	test_segments(&k);
	test_find(&k);
	test_noise(&k);
	test_decoys(&k);
	test_verify_only(&k);
	kit_release(&k);
	return tap_done();
}
