/*
 * Mending: a damaged pack of which nothing is lost is set aside, whatever
 * call fails on the way; one of which something is lost stays.
 */
#include "fault.h"
#include "store_util.h"

#define N 8

struct world {
	char path[64], qpath[64];
	int dfd, qfd;
	struct known k[N];
	char bad[64];			/* the damaged pack */
};

static void
must(int rc, const struct sada_err *err)
{
	if (rc < 0) {
		printf("Bail out! %s\n", err->msg);
		exit(1);
	}
}

static void
put(struct world *w, size_t n)
{
	struct sada_store *s = NULL;
	struct sada_err err;

	must(sada_store_open(&s, w->dfd, SADA_STORE_WRITE, &err), &err);
	must(known_commit(s, w->k, n, &err), &err);
	sada_store_free(s);
}

/* A pack with all, damaged AT bytes from its end; AGAIN: all came again. */
static void
world_new(struct world *w, size_t at, int again)
{
	struct sada_buf b = { 0 };

	w->dfd = dir_new(w->path);
	w->qfd = dir_new(w->qpath);
	put(w, N);
	CHECK_INT(dir_count(w->dfd, ".pack", w->bad), 1);
	file_load(w->dfd, w->bad, &b);
	b.p[b.len - at] ^= 4;
	file_save(w->dfd, w->bad, b.p, b.len);
	sada_buf_release(&b);
	if (again)
		put(w, N);
}

static void
world_end(struct world *w)
{
	dir_end(w->dfd, w->path);
	dir_end(w->qfd, w->qpath);
}

static int
mend(struct world *w, unsigned *moved, struct sada_err *err)
{
	struct sada_store *s = NULL;
	int rc;

	*moved = 0;
	if ((rc = sada_store_open(&s, w->dfd, SADA_STORE_WRITE, err)) < 0)
		return rc;
	rc = sada_store_mend(s, w->qfd, moved, err);
	sada_store_free(s);
	return rc;
}

/* All is held; WHOLE: and nothing is damaged. */
static void
judge(struct world *w, int whole)
{
	struct sada_store *s = NULL;
	struct sada_err err;
	size_t i;

	must(sada_store_open(&s, w->dfd, SADA_STORE_WRITE, &err), &err);
	for (i = 0; i < N; i++)
		CHECK_INT(known_get(s, &w->k[i]), 0);
	if (whole)
		CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
}

/* Byte AT from the end is bad, and (AGAIN) all of it came again. */
static void
test_mend(struct world *w, size_t at, int again)
{
	const char *fired = "";
	struct sada_err err;
	unsigned moved;
	long n;
	int rc;

	for (n = 1; fired != NULL; n++) {
		world_new(w, at, again);
		memset(&err, 0, sizeof(err));
		fault_arm(n, EIO, 0);
		rc = mend(w, &moved, &err);
		fired = fault_disarm();
		CHECK(rc == 0 || (rc == SADA_SYS && *err.msg != '\0'));
		judge(w, 0);
		/* What was begun is finished, and nothing was deleted. */
		CHECK_INT(mend(w, &moved, &err), 0);
		judge(w, 1);
		CHECK(dir_count(w->qfd, w->bad, NULL) == 1 ||
		    dir_count(w->dfd, w->bad, NULL) == 1);
		CHECK_INT(mend(w, &moved, &err), 0);
		CHECK_INT(moved, 0);
		world_end(w);
	}
	printf("# %ld calls\n", n - 2);
}

static void
test_lost(struct world *w, size_t at)
{
	struct sada_err err;
	unsigned moved;

	world_new(w, at, 0);
	CHECK_INT(mend(w, &moved, &err), 0);
	CHECK_INT(moved, 0);
	CHECK_INT(dir_count(w->dfd, w->bad, NULL), 1);
	CHECK_INT(dir_count(w->qfd, "", NULL), 2);
	/* And so it does when nobody can tell what it held. */
	CHECK_INT(dir_drop(w->dfd, ".idx"), 1);
	put(w, N / 2);
	CHECK_INT(mend(w, &moved, &err), 0);
	CHECK_INT(dir_count(w->dfd, w->bad, NULL), 1);
	world_end(w);
}

int
main(void)
{
	struct world w;
	size_t i;

	memset(&w, 0, sizeof(w));
	for (i = 0; i < N; i++)
		known_make(&w.k[i], 5, i, 100 + 3000 * i);
	test_mend(&w, 4000, 1);		/* a block */
	test_mend(&w, 10, 0);		/* the trailer */
	test_lost(&w, 4000);
	for (i = 0; i < N; i++)
		sada_buf_release(&w.k[i].b);
	return tap_done();
}
