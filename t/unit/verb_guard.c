/*
 * The guard of merge: an op of another that takes away most of the
 * directory, and says no true word about it, is not laid out unasked.  No
 * command makes such an op, so one is made here by hand.
 */
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "format/op.h"
#include "tap.h"
#include "verb/snap_priv.h"

#define FILES 50

static char dir[4096];
static struct sada_err err;
static unsigned full;			/* bundles hold whole maps */

static const char *
at(const char *who, const char *name)
{
	static char buf[4][8192];
	static unsigned k;

	k = (k + 1) % 4;
	(void)snprintf(buf[k], sizeof(buf[k]), "%s/%s%s%s", dir, who,
	    name[0] != '\0' ? "/" : "", name);
	return buf[k];
}

static int
must(int rc)
{
	if (rc < 0)
		fprintf(stderr, "# failed: %d %s\n", rc, err.msg);
	assert(rc >= 0);
	return rc;
}

static struct sada_replica *
open_it(const char *who)
{
	struct sada_open_opts o = { .dir = at(who, ""),
	    .flags = SADA_OPEN_WRITE };
	struct sada_replica *r = NULL;

	must(sada_open(&r, &o, &err));
	return r;
}

static void
put(const char *who, unsigned i, const char *what)
{
	char name[32];
	FILE *f;

	(void)snprintf(name, sizeof(name), "f%02u", i);
	f = fopen(at(who, name), "wb");
	assert(f != NULL);
	assert(fprintf(f, "%s %u\n", what, i) > 0 && fclose(f) == 0);
}

/* How many of the files hold WHAT. */
static unsigned
held(const char *who, const char *what)
{
	char name[32], want[64], got[64];
	unsigned i, n = 0;
	size_t k;
	FILE *f;

	for (i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%02u", i);
		(void)snprintf(want, sizeof(want), "%s %u\n", what, i);
		if ((f = fopen(at(who, name), "rb")) == NULL)
			continue;
		k = fread(got, 1, sizeof(got), f);
		n += k == strlen(want) && memcmp(got, want, k) == 0;
		(void)fclose(f);
	}
	return n;
}

static void
snap(const char *who)
{
	struct sada_snap_opts so = { .msg = NULL };
	struct sada_snap_result res;
	struct sada_replica *r = open_it(who);

	must(sada_snap(r, &so, &res, &err));
	sada_close(r);
}

static int
send(const char *from, const char *to)
{
	struct sada_push_opts po = { .dir = at(from, ""), .full = full,
	    .place = at("bundle", ""), .peers = &to, .npeers = 1 };
	const char *place = at("bundle", "");
	struct sada_pull_opts lo = { .dir = at(to, ""), .places = &place,
	    .nplaces = 1 };
	struct sada_pull_result res;

	must(sada_push(&po, &err));
	return sada_pull(&lo, &res, &err);
}

static int
merge(const char *who, unsigned flags, uint64_t max,
    struct sada_merge_result *res)
{
	struct sada_merge_opts mo = { .flags = flags, .max_deletes = max };
	struct sada_merge_result none;
	struct sada_replica *r = open_it(who);
	int rc = sada_merge(r, &mo, res != NULL ? res : &none, &err);

	sada_close(r);
	return rc;
}

static void
state(const char *who, char hex[SADA_VERB_HEX])
{
	struct sada_replica *r = open_it(who);

	must(sada_status_id(r, "@+", hex, &err));
	sada_close(r);
}

static int
same(const char *a, const char *b)
{
	char x[SADA_VERB_HEX], y[SADA_VERB_HEX];

	state(a, x);
	state(b, y);
	return strcmp(x, y) == 0;
}

/* Three replicas that hold FILES files, "new" over "old". */
static void
start(void)
{
	static const char *const who[] = { "a", "b", "c" };
	struct sada_buf line = {0};
	struct sada_replica *r;
	const char *tmp = getenv("TMPDIR");
	char text[3][256];
	unsigned i, k;

	(void)snprintf(dir, sizeof(dir), "%s/guard.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(dir) != NULL);
	for (i = 0; i < 3; i++) {
		assert(mkdir(at(who[i], ""), 0755) == 0);
		sada_buf_reset(&line);
		must(sada_init(who[i], &(struct sada_open_opts){
		    .dir = at(who[i], "") }, &line, &err));
		(void)snprintf(text[i], sizeof(text[i]), "%s",
		    sada_buf_str(&line));
	}
	for (i = 0; i < 3; i++) {
		r = open_it(who[i]);
		for (k = 0; k < 3; k++)
			if (k != i)
				must(sada_peer_add(r, NULL, text[k], 0, NULL,
				    &err));
		sada_close(r);
	}
	sada_buf_release(&line);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < FILES; i++)
			put("a", i, k == 0 ? "old" : "new");
		snap("a");
	}
	for (i = 1; i < 3; i++) {
		must(send("a", who[i]));
		must(merge(who[i], 0, 0, NULL));
		CHECK_INT(held(who[i], "new"), FILES);
		must(send(who[i], "a"));
	}
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static void
end(void)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The id and size of content "old N". */
static void
old_content(unsigned i, struct sada_version *v)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "old %u\n", i);
	v->size = strlen(text);
	sada_hash(&v->content, SADA_CTX_CHUNK, text, v->size);
}

/*
 * Record on a, unasked, that all of its files but the first KEEP are gone,
 * or (BACK) are what they were; the op says LOST and, unless that is 0,
 * BEFORE; with BEFORE 1 that nothing is gone.  The record is made by
 * sada_draft_finish(), then signed anew.
 */
static void
mass(unsigned keep, int back, uint64_t lost, uint64_t before)
{
	struct sada_replica *r = open_it("a");
	struct sada_work_cursor *c = NULL;
	struct sada_buf payload = {0}, rec = {0}, was = {0};
	struct sada_id id, root;
	struct sada_version v;
	struct sada_row row;
	struct sada_draft d;
	struct sada_op op;
	unsigned i = 0;

	must(sada_draft_init(&d, r, &err));
	must(sada_work_cursor_open(&c, r->work, &err));
	while (must(sada_work_cursor_next(c, &row, &err)) == 1) {
		if (row.kind != SADA_FILE || i++ < keep)
			continue;
		v = row.cover[0];
		memset(&v.anc, 0, sizeof(v.anc));
		old_content(i - 1, &v);
		must(sada_draft_slot(&d, row.path, row.len, row.cover,
		    row.ncover, back ? &v : NULL, NULL,
		    &err));
	}
	sada_work_cursor_free(c);
	d.n_lost = lost;
	must(sada_draft_finish(&d, NULL, 0, &was, &id, &root, &err));
	must(sada_op_decode(&op, was.p, was.len, &err));
	if (before == 1)
		op.n_gone = 0;
	else if (before > 0)
		op.n_before = before;
	sada_op_encode(&rec, &op, r->key, &id);
	sada_op_release(&op);
	sada_log_record(&payload, SADA_LOG_OP, rec.p, rec.len);
	must(sada_txn_commit(d.txn, &err));
	d.txn = NULL;
	must(sada_log_commit(r->log, SADA_FRAME_LOCAL, &payload, 1, &err));
	sada_draft_release(&d);
	sada_buf_release(&payload);
	sada_buf_release(&rec);
	sada_buf_release(&was);
	sada_close(r);
}

/* b has what a says and does not lay it out; all else goes on. */
static void
stopped(void)
{
	struct sada_merge_result res;

	must(send("a", "b"));
	CHECK_INT(merge("b", 0, 0, &res), SADA_GUARD);
	CHECK_INT(held("b", "new"), FILES);
	CHECK_INT(merge("b", SADA_ACCEPT_DELETES, 3, &res), SADA_GUARD);
	CHECK_INT(merge("b", SADA_DRY | SADA_REFUSE_DELETES, 0, &res), 0);
	CHECK_INT(held("b", "new"), FILES);
	must(send("b", "c"));
	CHECK_INT(merge("c", 0, 0, &res), SADA_GUARD);
	CHECK_INT(held("c", "new"), FILES);
	must(send("b", "a"));
}

/* b refuses it, and c, who has it and the answer, is not stopped. */
static void
refused(void)
{
	struct sada_merge_result res;

	must(merge("b", SADA_REFUSE_DELETES, 0, &res));
	CHECK(res.op[0] != '\0');
	CHECK_INT(res.conflicts, 0);
	CHECK_INT(held("b", "new"), FILES);
	must(merge("b", 0, 0, NULL));
	must(send("b", "c"));
	must(merge("c", 0, 0, &res));
	CHECK_INT(res.conflicts, 0);
	CHECK_INT(held("c", "new"), FILES);
	must(send("b", "a"));
	must(merge("a", 0, 0, &res));
	CHECK_INT(held("a", "new"), FILES);
	snap("b");
	snap("c");
	CHECK(same("a", "b"));
	CHECK(same("b", "c"));
}

static void
test_refuse(unsigned keep, int back, uint64_t lost)
{
	printf("# keep %u, back %d, says %u\n", keep, back, (unsigned)lost);
	start();
	mass(keep, back, lost, 0);
	stopped();
	refused();
	end();
}

static void
test_accept(void)
{
	struct sada_merge_result res;

	start();
	mass(0, 0, FILES, 0);
	stopped();
	must(merge("b", SADA_ACCEPT_DELETES, FILES, &res));
	CHECK_INT(held("b", "new"), 0);
	CHECK_INT(res.deleted, FILES);
	must(send("b", "a"));
	CHECK(same("a", "b"));
	end();
}

/* A count of paths that is not true is no op. */
static void
test_lie(void)
{
	start();
	mass(0, 0, FILES, 1000000);
	CHECK_INT(send("a", "b"), SADA_FORMAT);
	must(merge("b", 0, 0, NULL));
	CHECK_INT(held("b", "new"), FILES);
	end();
}

/* Where no replay looks at its counts, they are looked at here. */
static void
test_whole(void)
{
	start();
	mass(0, 0, 0, 1);
	CHECK_INT(send("a", "b"), SADA_FORMAT);
	full = 1;
	stopped();
	full = 0;
	end();
}

/* What another deleted honestly is not brought back with it. */
static void
test_honest_too(void)
{
	start();
	must(unlink(at("c", "f00")));
	snap("c");
	must(send("c", "a"));
	must(merge("a", 0, 0, NULL));
	mass(0, 0, FILES - 1, 0);
	must(send("a", "b"));
	CHECK_INT(merge("b", 0, 0, NULL), SADA_GUARD);
	must(merge("b", SADA_REFUSE_DELETES, 0, NULL));
	CHECK_INT(held("b", "new"), FILES - 1);
	CHECK(access(at("b", "f00"), F_OK) < 0);
	must(send("b", "a"));
	must(merge("a", 0, 0, NULL));
	CHECK(same("a", "b"));
	CHECK_INT(held("a", "new"), FILES - 1);
	end();
}

/* Below the threshold nobody is asked. */
static void
test_few(void)
{
	start();
	mass(FILES - 9, 0, 9, 0);
	must(send("a", "b"));
	must(merge("b", 0, 0, NULL));
	CHECK_INT(held("b", "new"), FILES - 9);
	end();
}

static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

int
main(void)
{
	struct sada_io_ops ops = *sada_io_ops();

	ops.fsync = ops.fdatasync = ops.syncfs = no_sync;
	sada_io_use(&ops);
	test_refuse(0, 0, FILES);
	test_refuse(10, 0, FILES - 10);
	test_refuse(0, 0, 0);		/* it says that it took nothing */
	test_refuse(10, 0, 1);
	test_refuse(0, 1, FILES);
	test_accept();
	test_lie();
	test_whole();
	test_honest_too();
	test_few();
	return tap_done();
}
