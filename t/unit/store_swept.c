/*
 * Sweeping among others: who puts again what was swept, who relied on it
 * without the lock; and when a call fails or the disk is full.
 */
#include "fault.h"
#include "store_sweep_util.h"

/* ---- a swept pack made again ---- */

/* WHEN: 0 by the run that swept, 1 by the next, 2 by the one after. */
static void
test_again(int when)
{
	char live[4] = { 1, 1, 0, 0 }, path[64];
	struct sada_sweep_stat st;
	struct sada_store *s;
	struct sada_err err;
	struct known k[4];
	struct dump before, d;
	int dfd = dir_new(path), i;

	for (i = 0; i < 4; i++)
		known_make(&k[i], 41, (size_t)i, 400);
	put_pack(dfd, k + 2, 2);
	dump_take(&before, dfd);
	put_pack(dfd, k, 2);
	s = must_open(dfd, SADA_STORE_WRITE);
	must(sweep_in(s, k, live, 4, 0, &st, &err), &err);
	CHECK_INT(dir_count(dfd, "swept", NULL), 1);
	for (i = 0; i < when; i++) {
		sada_store_free(s);
		s = must_open(dfd, SADA_STORE_WRITE);
	}
	CHECK_INT(known_commit(s, k + 2, 2, &err), 0);
	sada_store_free(s);
	/* It is the same to the letter. */
	dump_take(&d, dfd);
	CHECK(dump_find(&d, dump_new(&before, NULL)->name) != NULL);
	for (i = 0; i < 3; i++) {
		judge(dfd, k, NULL, 4, 0);
		next_writer(dfd);
	}
	judge(dfd, k, NULL, 4, 0);
	judge_clean(dfd, 2);
	dump_free(&before);
	dump_free(&d);
	known_free(k, 4);
	dir_end(dfd, path);
}

/* A list that comes back, as from a copy of the directory's older state. */
static void
test_list_again(void)
{
	struct swept x;
	const struct file *f;

	swept_new(&x, 42);
	next_writer(x.dfd);
	f = dump_find(&x.after, "swept");
	file_save(x.dfd, f->name, f->b.p, f->b.len);
	judge(x.dfd, x.k, x.live, 12, 1);
	next_writer(x.dfd);
	judge(x.dfd, x.k, x.live, 12, 1);
	judge_clean(x.dfd, 1);
	swept_end(&x);
}

/*
 * A store that took a pack into another, long open, while that was swept and
 * the small one made again.
 */
static void
test_long_open(void)
{
	char path[64], live[9];
	struct sada_sweep_stat st;
	struct sada_store *s;
	struct sada_err err;
	struct known k[9];
	int dfd = dir_new(path);
	size_t i;

	memset(live, 1, sizeof(live));
	live[0] = 0;
	for (i = 0; i < 9; i++)
		known_make(&k[i], 43, i, 300);
	s = must_open(dfd, 0);
	for (i = 0; i < 9; i++)
		must(known_commit(s, &k[i], 1, &err), &err);
	st = sweep(dfd, k, live, 9);
	CHECK(st.packs_old > 0);
	next_writer(dfd);
	judge(dfd, k, live, 9, 1);
	put_pack(dfd, &k[0], 1);
	judge(dfd, k, NULL, 9, 0);
	next_writer(dfd);
	CHECK_INT(sada_store_refresh(s, &err), 0);
	for (i = 0; i < 9; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	CHECK_INT(known_commit(s, k, 9, &err), 0);
	sada_store_free(s);
	next_writer(dfd);
	judge(dfd, k, NULL, 9, 0);
	known_free(k, 9);
	dir_end(dfd, path);
}

/* ---- filled without the lock ---- */

enum { PUT, FILL, BLOCK, NHOW };
/* What happened between the fill and the commit; each with what is before. */
enum { SWEPT, UNLINKED, TWICE, NPAST };

static void
fill(struct sada_txn *t, const struct known *k, size_t n, int how,
    const struct sada_buf *block)
{
	struct sada_fill *f = NULL;
	struct sada_err err;
	struct sada_id id;
	size_t i;

	if (how == BLOCK) {
		CHECK_INT(sada_txn_add_block(t, block->p, block->len, NULL,
		    NULL, &err), 0);
		return;
	}
	if (how == FILL)
		CHECK_INT(sada_fill_new(&f, t, &err), 0);
	for (i = 0; i < n; i++)
		CHECK_INT(how == FILL ? sada_fill_put(f, k[i].type, k[i].b.p,
		    k[i].b.len, &id, &err) : sada_txn_put(t, k[i].type,
		    k[i].b.p, k[i].b.len, &id, &err), 0);
	if (how == FILL)
		CHECK_INT(sada_fill_end(f, &err), 0);
}

/*
 * Of 6 objects of one block 1 to 3 die after a transaction relied on all.
 * OTHER: it has an object of its own, too.  REFRESH: its store sees each
 * step.
 */
static void
one_unlocked(int how, int past, int other, int refresh)
{
	char path[64], live[8] = { 1, 0, 0, 0, 1, 1, 1, 0 };
	char most[8] = { 1, 1, 0, 0, 1, 1, 1, 0 };
	struct sada_store *s, *lock;
	struct sada_buf block = { 0 };
	struct sada_loc loc;
	struct sada_txn *t;
	struct known k[8];
	struct sada_err err;
	int dfd = dir_new(path);
	size_t i;

	for (i = 0; i < 8; i++) {
		known_make(&k[i], 51, i, 300);
		k[i].type = SADA_OBJ_CHUNK;
		sada_hash(&k[i].id, SADA_CTX_CHUNK, k[i].b.p, k[i].b.len);
	}
	put_pack(dfd, k, 6);
	put_pack(dfd, k + 6, 1);
	s = must_open(dfd, 0);
	CHECK(sada_store_locate(s, k[0].type, &k[0].id, &loc));
	CHECK_INT(sada_store_block_raw(s, &loc, &block, &err), 0);
	must(sada_txn_begin(&t, s, &err), &err);
	fill(t, k, 6, how, &block);
	if (other)
		fill(t, k + 7, 1, PUT, NULL);
	(void)sweep(dfd, k, past == TWICE ? most : live, 8);
	if (refresh)
		CHECK_INT(sada_store_refresh(s, &err), 0);
	if (past >= UNLINKED)
		next_writer(dfd);
	if (refresh)
		CHECK_INT(sada_store_refresh(s, &err), 0);
	if (past == TWICE) {
		(void)sweep(dfd, k, live, 8);
		next_writer(dfd);
	}
	/* Who commits takes the lock, and cleans up under it. */
	lock = must_open(dfd, SADA_STORE_WRITE);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	sada_store_free(lock);
	for (i = 0; i < 7; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	judge(dfd, k, NULL, other ? 8 : 7, 0);
	next_writer(dfd);
	judge(dfd, k, NULL, other ? 8 : 7, 0);
	judge_clean(dfd, dir_count(dfd, ".pack", NULL));
	for (i = 0; i < 7; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	sada_store_free(s);
	sada_buf_release(&block);
	known_free(k, 8);
	dir_end(dfd, path);
}

static void
test_unlocked(void)
{
	int how, past, i;

	for (how = 0; how < NHOW; how++)
		for (past = 0; past < NPAST; past++)
			for (i = 0; i < 4; i++)
				one_unlocked(how, past, i & 1, i >> 1);
}

/* A store opened between a sweep and the next writer puts what was swept. */
static void
test_between(void)
{
	struct swept x;
	struct sada_store *s;
	struct sada_txn *t;
	struct sada_err err;

	swept_new(&x, 52);
	s = must_open(x.dfd, 0);
	must(sada_txn_begin(&t, s, &err), &err);
	fill(t, x.k, 12, PUT, NULL);
	next_writer(x.dfd);
	CHECK_INT(sada_txn_commit(t, &err), 0);
	sada_store_free(s);
	judge(x.dfd, x.k, NULL, 12, 0);
	next_writer(x.dfd);
	judge(x.dfd, x.k, NULL, 12, 0);
	judge_clean(x.dfd, 2);
	swept_end(&x);
}

/* ---- faults ---- */

/* As a command does it; 0 when it says that it is done. */
static int
try_sweep(struct swept *x, struct sada_err *err)
{
	struct sada_sweep_stat st;
	struct sada_store *s = NULL;
	int rc;

	if ((rc = sada_store_open(&s, x->dfd, SADA_STORE_WRITE, err)) < 0)
		return rc;
	rc = sweep_in(s, x->k, x->live, 12, 0, &st, err);
	sada_store_free(s);
	return rc;
}

/*
 * Whatever happened: what is marked is found at once, by the next writer and
 * after it; one good sweep, and all is clean.
 */
static void
judge_all(struct swept *x)
{
	int round;

	judge(x->dfd, x->k, x->live, 12, 0);
	for (round = 0; round < 2; round++) {
		(void)sweep(x->dfd, x->k, x->live, 12);
		judge(x->dfd, x->k, x->live, 12, 0);
		next_writer(x->dfd);
		judge(x->dfd, x->k, x->live, 12, 1);
		judge_clean(x->dfd, 1);
	}
}

/* FROM: the directory that it begins with. */
static void
test_faults(struct swept *x, const struct dump *from, int error, int persist)
{
	const char *fired = "";
	struct sada_err err;
	long n, good = 0;
	int rc;

	for (n = 1; fired != NULL; n++) {
		dump_back(from, x->dfd);
		memset(&err, 0, sizeof(err));
		fault_arm(n, error, persist);
		rc = try_sweep(x, &err);
		fired = fault_disarm();
		CHECK(rc == 0 || (rc == SADA_SYS && *err.msg != '\0'));
		CHECK(fired != NULL || rc == 0);
		if (fired != NULL && strcmp(fired, "fsync") == 0)
			CHECK_INT(rc, SADA_SYS);
		if (rc < 0 && fired != NULL && !persist &&
		    strcmp(fired, "unlinkat") != 0)
			CHECK_INT(dir_count(x->dfd, ".tmp-", NULL), 0);
		good += rc == 0;
		judge_all(x);
	}
	printf("# errno %d%s: %ld calls, %ld runs all the same good\n", error,
	    persist ? " for good" : "", n - 2, good);
	CHECK(n > 20);
}

/* A disk with room for so many bytes more. */
static uint64_t room;

static ssize_t
full_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (room < n) {
		errno = ENOSPC;
		return -1;
	}
	room -= n;
	return pwrite(fd, p, n, off);
}

static ssize_t
full_write(int fd, const void *p, size_t n)
{
	if (room < n) {
		errno = ENOSPC;
		return -1;
	}
	room -= n;
	return write(fd, p, n);
}

static void
test_full(struct swept *x)
{
	struct sada_io_ops ops = *sada_io_ops();
	struct sada_err err;
	uint64_t bytes = 0, left;
	int rc;

	ops.pwrite = full_pwrite;
	ops.write = full_write;
	do {
		dump_back(&x->before, x->dfd);
		room = bytes;
		sada_io_use(&ops);
		rc = try_sweep(x, &err);
		left = room;
		sada_io_use(NULL);
		CHECK(rc == 0 || (rc == SADA_SYS && err.sys == ENOSPC));
		CHECK_INT(dir_count(x->dfd, ".tmp-", NULL), 0);
		if (rc < 0)
			CHECK(all_there(&x->before, x->dfd));
		judge_all(x);
		bytes += 1 + tap_below(200);
	} while (rc < 0);
	printf("# %" PRIu64 " bytes do, %" PRIu64 " left\n", bytes, left);
	CHECK(bytes > 2000);
}

/* Short reads and writes change nothing. */
static void
test_short(struct swept *x)
{
	struct sada_err err;

	dump_back(&x->before, x->dfd);
	fault_arm(0, 0, 0);
	fault.cut = 1;
	CHECK_INT(try_sweep(x, &err), 0);
	next_writer(x->dfd);
	judge(x->dfd, x->k, x->live, 12, 1);
	fault.cut = 0;
	(void)fault_disarm();
	judge_clean(x->dfd, 1);
}

int
main(void)
{
	struct swept x;

	sada_crypto_init();
	tap_seed(20261130);
	test_again(0);
	test_again(1);
	test_again(2);
	test_list_again();
	test_long_open();
	test_unlocked();
	test_between();
	swept_new(&x, 71);
	test_faults(&x, &x.before, EIO, 0);
	test_faults(&x, &x.before, EIO, 1);
	test_faults(&x, &x.before, ENOSPC, 0);
	/* With a sweep before it, whose packs go first. */
	test_faults(&x, &x.after, EIO, 0);
	test_faults(&x, &x.after, EIO, 1);
	test_full(&x);
	test_short(&x);
	swept_end(&x);
	return tap_done();
}
