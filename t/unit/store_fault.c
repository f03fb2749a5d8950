/* Every call of a commit, a clean-up and a read fails once, or for good. */
#include "fault.h"
#include "store_util.h"

#define OLD 7
#define NEW 3

/* OLD of them are committed before, so that the commit folds. */
struct world {
	struct known k[OLD + NEW];
	char path[64];
	int dfd;
};

static void
world_new(struct world *w)
{
	struct sada_store *s;
	struct sada_err err;
	size_t i;

	w->dfd = dir_new(w->path);
	for (i = 0; i < OLD; i++) {
		if (sada_store_open(&s, w->dfd, SADA_STORE_WRITE, &err) < 0 ||
		    known_commit(s, &w->k[i], 1, &err) < 0) {
			printf("Bail out! %s\n", err.msg);
			exit(1);
		}
		sada_store_free(s);
	}
}

/* Open, put, commit: 0 when it says that all is durable. */
static int
commit(struct world *w, int each, struct sada_err *err)
{
	struct sada_store *s = NULL;
	size_t i;
	int rc;

	if ((rc = sada_store_open(&s, w->dfd, SADA_STORE_WRITE, err)) < 0)
		return rc;
	if (!each)
		rc = known_commit(s, w->k + OLD, NEW, err);
	for (i = 0; each && i < NEW && rc == 0; i++)
		rc = known_commit(s, w->k + OLD + i, 1, err);
	sada_store_free(s);
	return rc;
}

/* After whatever: all old objects, new ones if ACKED, no litter. */
static void
judge(struct world *w, int acked)
{
	struct sada_store *s;
	struct sada_err err;
	size_t i;

	CHECK_INT(sada_store_open(&s, w->dfd, 0, &err), 0);
	for (i = 0; i < OLD; i++)
		CHECK_INT(known_get(s, &w->k[i]), 0);
	for (i = OLD; i < OLD + NEW; i++)
		CHECK(!acked || known_get(s, &w->k[i]) == 0);
	sada_store_free(s);
	CHECK_INT(sada_store_open(&s, w->dfd, SADA_STORE_WRITE, &err), 0);
	CHECK_INT(damages(s, NULL), 0);
	for (i = 0; i < OLD; i++)
		CHECK_INT(known_get(s, &w->k[i]), 0);
	CHECK_INT(dir_count(w->dfd, ".tmp-", NULL), 0);
	CHECK_INT(dir_count(w->dfd, ".pack", NULL),
	    dir_count(w->dfd, ".idx", NULL));
	CHECK_INT(known_commit(s, w->k + OLD, NEW, &err), 0);
	for (i = 0; i < OLD + NEW; i++)
		CHECK_INT(known_get(s, &w->k[i]), 0);
	sada_store_free(s);
}

static int
is_call(const char *call, const char *name)
{
	return call != NULL && strcmp(call, name) == 0;
}

static void
test_commit(struct world *w, int error, int persist, int each)
{
	struct sada_err err;
	const char *fired = "";
	long n, acked = 0;
	int rc;

	for (n = 1; fired != NULL; n++) {
		world_new(w);
		memset(&err, 0, sizeof(err));
		fault_arm(n, error, persist);
		rc = commit(w, each, &err);
		fired = fault_disarm();
		CHECK(rc == 0 || rc == SADA_SYS);
		CHECK(rc == 0 || *err.msg != '\0');
		CHECK(fired != NULL || rc == 0);
		/* A failed fsync is never passed over. */
		if (is_call(fired, "fsync"))
			CHECK_INT(rc, SADA_SYS);
		/* When only one call fails, nothing is left behind. */
		if (rc < 0 && !persist && !is_call(fired, "unlinkat"))
			CHECK_INT(dir_count(w->dfd, ".tmp-", NULL), 0);
		acked += rc == 0;
		judge(w, rc == 0);
		dir_end(w->dfd, w->path);
	}
	printf("# errno %d%s: %ld calls, %ld runs all the same good\n",
	    error, persist ? " for good" : "", n - 1, acked);
	CHECK(n > 20);
}

/* Short reads and writes change nothing. */
static void
test_short(struct world *w)
{
	struct sada_err err;

	world_new(w);
	fault_arm(0, 0, 0);
	fault.cut = 1;
	CHECK_INT(commit(w, 0, &err), 0);
	judge(w, 1);
	fault.cut = 0;
	(void)fault_disarm();
	dir_end(w->dfd, w->path);
}

/* Reads: right bytes, or an error; the same store is good afterwards. */
static void
test_read(struct world *w)
{
	struct sada_store *s;
	struct sada_err err;
	const char *fired = "";
	size_t i;
	long n;
	int rc;

	world_new(w);
	for (n = 1; fired != NULL; n++) {
		fault_arm(n, EIO, 0);
		rc = sada_store_open(&s, w->dfd, 0, &err);
		CHECK(rc == 0 || rc == SADA_SYS);
		if (rc < 0) {
			fired = fault_disarm();
			continue;
		}
		for (i = 0; i < OLD; i++) {
			rc = known_get(s, &w->k[i]);
			CHECK(rc == 0 || rc == SADA_SYS);
		}
		fired = fault_disarm();
		for (i = 0; i < OLD; i++)
			CHECK_INT(known_get(s, &w->k[i]), 0);
		sada_store_free(s);
	}
	CHECK(n > 10);
	dir_end(w->dfd, w->path);
}

int
main(void)
{
	struct world w;
	size_t i;

	sada_crypto_init();
	tap_seed(20261126);
	for (i = 0; i < OLD + NEW; i++)
		known_make(&w.k[i], 11, i, 200 + 100 * i);
	test_commit(&w, EIO, 0, 0);
	test_commit(&w, EIO, 1, 0);
	test_commit(&w, ENOSPC, 0, 0);
	test_commit(&w, EMFILE, 0, 1);
	test_short(&w);
	test_read(&w);
	known_free(w.k, OLD + NEW);
	return tap_done();
}
