/*
 * gc on whole replicas in memory: what the window keeps and what goes, by a
 * clock that is set by hand; what peers need; and crashes and faults.
 */
#include <errno.h>

#include "verb_gc_util.h"

/* ---- the window ---- */

/* One of ten contents: large, so that maps weigh little beside them. */
static const char *
text(unsigned i)
{
	static char t[10][8000];

	memset(t[i], (int)('0' + i), sizeof(t[i]) - 1);
	return t[i];
}

/* Which of the ten are there? */
static void
check_has(const char *dir, const char *want, int line)
{
	char got[11];
	unsigned i;

	for (i = 0; i < 10; i++)
		got[i] = has(dir, text(i)) ? (char)('0' + i) : '-';
	got[10] = '\0';
	if (strcmp(got, want) != 0)
		printf("# line %d\n", line);
	CHECK_STR(got, want);
}
#define HAS(dir, want) check_has(dir, want, __LINE__)

/* File "f" with each of the ten, EVERY so long; at number JUMP by BY more. */
static void
ten(const char *dir, int64_t every, unsigned jump, int64_t by)
{
	unsigned i;

	for (i = 0; i < 10; i++)
		step(dir, every + (i == jump ? by : 0), "f", text(i));
}

/* Ten states, an hour apart: what an age leaves. */
static const struct {
	const char *age, *want;
} windows[] = {
	{ NULL, "0123456789" },
	{ "100y", "0123456789" },
	{ "9h", "0123456789" },
	/* 9 is new, 2 seven hours old, and 1 was in force until then. */
	{ "8h", "-123456789" },
	{ "7h", "--23456789" },
	{ "6h", "---3456789" },
	{ "5h", "----456789" },
	/* Four pauses stay: each is a quarter. */
	{ "4h", "-----56789" },
	{ "1h", "-----56789" },
	{ "0", "---------9" }
};

static void
test_window(void)
{
	size_t i, late;

	for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		for (late = 0; late < 2; late++) {
			world_begin(1, 1);
			ten(root[0], HOUR, 10, 0);
			/* How late gc comes does not matter. */
			memfs_clock_add((int64_t)late * 5 * YEAR);
			(void)gc(root[0], windows[i].age);
			HAS(root[0], windows[i].want);
			(void)gc(root[0], NULL);
			HAS(root[0], windows[i].want);
			world_end();
		}
	world_begin(1, 1);
	ten(root[0], HOUR, 10, 0);
	for (i = 0; i < 2; i++) {
		(void)gc(root[0], "5h");
		HAS(root[0], "----456789");
	}
	(void)gc(root[0], "1h");
	HAS(root[0], "-----56789");
	(void)gc(root[0], "0");
	HAS(root[0], "---------9");
	(void)gc(root[0], NULL);
	HAS(root[0], "---------9");
	/* What went comes again. */
	step(root[0], HOUR, "f", text(3));
	step(root[0], HOUR, "f", text(4));
	HAS(root[0], "---34----9");
	(void)gc(root[0], "0");
	HAS(root[0], "----4-----");
	world_end();
}

/* No clock jump makes old what is younger in the order of recording. */
static void
test_jump(void)
{
	static const int64_t by[] = { 10 * YEAR, -10 * YEAR };
	size_t i;
	unsigned at;

	for (i = 0; i < 2; i++)
		for (at = 0; at < 10; at++) {
			world_begin(2, 1);
			ten(root[0], 24 * HOUR, at, by[i]);
			/* A jump ahead is a quarter of the age, no more. */
			(void)gc(root[0], "100d");
			HAS(root[0], "0123456789");
			(void)gc(root[0], "12d");
			HAS(root[0], "0123456789");
			world_end();
		}
	/* Long pauses: each is a quarter, so that four of them stay. */
	world_begin(3, 1);
	ten(root[0], YEAR, 10, 0);
	(void)gc(root[0], "30d");
	HAS(root[0], "-----56789");
	world_end();
	/* A clock that stands still, or goes back each time. */
	for (i = 0; i < 2; i++) {
		world_begin(4, 1);
		ten(root[0], i == 0 ? 0 : -HOUR, 10, 0);
		(void)gc(root[0], "1h");
		HAS(root[0], "0123456789");
		(void)gc(root[0], "0");
		HAS(root[0], "---------9");
		world_end();
	}
}

/* Without the file "states" the own ops count, and torn lines are none. */
static void
test_no_states(void)
{
	world_begin(5, 1);
	ten(root[0], 24 * HOUR, 10, 0);
	(void)memfs_remove("/r0/.sada/states");
	(void)gc(root[0], "97h");
	HAS(root[0], "----456789");
	CHECK_INT(memfs_put("/r0/.sada/states", "torn", 4, 0600), 0);
	(void)gc(root[0], "49h");
	HAS(root[0], "-----56789");
	step(root[0], 24 * HOUR, "g", "other\n");
	(void)gc(root[0], "25h");
	HAS(root[0], "------6789");
	world_end();
}

static void
test_ages(void)
{
	static const char *const bad[] = { "", "x", "30", "1d1y", "101y",
		"-1d", "0d1" };
	struct sada_gc_opts o = { 0 };
	struct sada_gc_result res;
	struct sada_replica *r;
	struct sada_err err;
	size_t i;

	world_begin(6, 1);
	ten(root[0], 24 * HOUR, 10, 0);
	r = open_it(root[0], SADA_OPEN_WRITE);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.keep = bad[i];
		CHECK_INT(sada_gc(r, &o, &res, &err), SADA_USAGE);
	}
	sada_close(r);
	HAS(root[0], "0123456789");
	/* A replica without ops. */
	world_end();
	world_begin(7, 1);
	(void)gc(root[0], "0");
	(void)gc(root[0], NULL);
	world_end();
}

/* ---- op records ---- */

struct counted {
	unsigned names, held;
};

static int
on_name(const struct sada_listed *l, void *ctx)
{
	struct counted *c = ctx;

	c->names++;
	c->held += l->held != 0;
	return 0;
}

/*
 * Ops whose changes are too many for their records: what they changed is
 * known for ever, and old states list, though their contents are gone.
 */
static void
test_large_ops(void)
{
	char op[3][SADA_VERB_HEX], path[32], t[32];
	struct sada_replica *r;
	struct counted c;
	struct sada_err err;
	unsigned i, k;

	world_begin(12, 1);
	for (k = 0; k < 3; k++) {
		memfs_clock_add(HOUR);
		for (i = 0; i < 600; i++) {
			(void)snprintf(path, sizeof(path), "name-%u", i);
			(void)snprintf(t, sizeof(t), "%u of %u\n", i, k);
			put(root[0], path, i % 3 == k ? NULL : t);
		}
		snap(root[0], op[k]);
	}
	(void)gc(root[0], "0");
	(void)gc(root[0], "0");
	r = open_it(root[0], 0);
	for (k = 0; k < 3; k++) {
		memset(&c, 0, sizeof(c));
		CHECK_INT(sada_ls(r, op[k], SADA_LS_RECURSIVE, on_name, &c,
		    &err), 0);
		CHECK_INT(c.names, 400);
		CHECK_INT(c.held, k < 2 ? 0 : 400);
	}
	sada_close(r);
	world_end();
}

/* ---- peers ---- */

/* What a peer acknowledged stays until it acknowledges more. */
static void
test_acked(void)
{
	world_begin(8, 2);
	step(root[0], HOUR, "f", text(0));
	send(0, 1);
	(void)merge(root[1]);
	send(1, 0);
	step(root[0], HOUR, "f", text(1));
	step(root[0], HOUR, "f", text(2));
	(void)gc(root[0], "0");
	HAS(root[0], "0-2-------");
	/* And it can say what changed between: a delta is all that is sent. */
	send(0, 1);
	(void)merge(root[1]);
	HAS(root[1], "0-2-------");
	(void)gc(root[0], "0");
	HAS(root[0], "0-2-------");
	send(1, 0);
	step(root[0], HOUR, "f", text(3));
	(void)gc(root[0], "0");
	HAS(root[0], "--23------");
	/* What was pulled and is not laid out is a head. */
	step(root[1], HOUR, "g", text(4));
	send(1, 0);
	(void)gc(root[0], "0");
	HAS(root[0], "--234-----");
	(void)merge(root[0]);
	HAS(root[0], "--234-----");
	world_end();
}

/* 60 lines, of which the first, the last or both were edited. */
static const char *
lines(int first, int last)
{
	static char t[4][3000];
	char *s = t[2 * first + last];
	unsigned i, n = 0;

	for (i = 0; i < 60; i++)
		n += (unsigned)snprintf(s + n, sizeof(t[0]) - n,
		    "line %u of the text%s\n", i, (i == 0 && first) ||
		    (i == 59 && last) ? ", edited" : "");
	return s;
}

static int
shows(const char *path, const char *want)
{
	size_t n;
	const unsigned char *p = memfs_bytes(path, &n);

	return p != NULL && n == strlen(want) && memcmp(p, want, n) == 0;
}

/*
 * What two made of a common text merges, though that is old; also when one
 * of them has moved it.
 */
static void
test_base(void)
{
	const char *both = lines(1, 1);
	unsigned moved;

	for (moved = 0; moved < 2; moved++) {
		world_begin(9, 2);
		step(root[0], HOUR, "f", lines(0, 0));
		send(0, 1);
		(void)merge(root[1]);
		step(root[0], HOUR, "f", lines(1, 0));
		if (moved)
			CHECK_INT(memfs_rename("/r1/f", "/r1/h"), 0);
		step(root[1], HOUR, moved ? "h" : "f", lines(0, 1));
		send(1, 0);
		memfs_clock_add(YEAR);
		(void)gc(root[0], "0");
		CHECK_INT(merge(root[0]).conflicts, 0);
		CHECK(shows(moved ? "/r0/h" : "/r0/f", both));
		/* The merged one is in no map, but laid out. */
		(void)gc(root[0], "0");
		CHECK(has(root[0], both));
		send(0, 1);
		(void)gc(root[1], "0");
		CHECK_INT(merge(root[1]).conflicts, 0);
		CHECK(shows(moved ? "/r1/h" : "/r1/f", both));
		/* Both go on from there. */
		step(root[0], HOUR, moved ? "h" : "f", "short\n");
		send(0, 1);
		(void)gc(root[1], "0");
		(void)merge(root[1]);
		CHECK(shows(moved ? "/r1/h" : "/r1/f", "short\n"));
		world_end();
	}
}

/* ---- what goes wrong ---- */

/* A world whose replica 0 has states of which "0" leaves one. */
static void
wrong_begin(void)
{
	world_begin(10, 1);
	ten(root[0], HOUR, 10, 0);
	(void)memfs_copy(root[0], "/t0", MEMFS_SAME);
}

/*
 * Open and gc, then open again; everything stops, or a call fails, on the
 * way.  All that must be there is, and one good run makes it clean.
 */
static void
test_wrong(int crash)
{
	struct sada_gc_opts o = { .keep = "0" };
	struct sada_open_opts oo = { .dir = root[0],
	    .flags = SADA_OPEN_WRITE };
	struct sada_gc_result res;
	struct sada_replica *r;
	const char *fired = "";
	struct sada_err err;
	long n;
	int rc, i;

	wrong_begin();
	for (n = 1; fired != NULL; n += crash ? 1 : 3) {
		(void)memfs_copy("/t0", root[0], MEMFS_SAME);
		machine(root[0]);
		memfs_settle(1);
		if (crash)
			memfs_arm_crash(n);
		else
			memfs_arm_fail(n, n % 2 == 0 ? EIO : ENOSPC,
			    n % 4 == 0);
		r = NULL;
		if ((rc = sada_open(&r, &oo, &err)) == 0)
			rc = sada_gc(r, &o, &res, &err);
		sada_close(r);
		for (i = 0; i < 2; i++) {
			r = NULL;
			rc = sada_open(&r, &oo, &err);
			sada_close(r);
		}
		fired = memfs_fired();
		memfs_arm_none();
		memfs_crash(1, n % 3 == 0 ? MEMFS_DROP : MEMFS_POWER,
		    (uint64_t)n);
		memfs_settle(1);
		CHECK_INT(memfs_open_count(), 0);
		CHECK(has(root[0], text(9)));
		(void)gc(root[0], "0");
		HAS(root[0], "---------9");
		snap(root[0], NULL);
		CHECK_INT(count_packs(root[0], 1), 1);
		(void)rc;
	}
	printf("# %ld calls\n", n);
	CHECK(n > 50);
	world_end();
}

/*
 * A snap that was killed before its op was recorded leaves what no op names,
 * which goes; recorded again by the same run, to the letter, it stays.
 */
static void
test_killed(void)
{
	struct sada_open_opts oo = { .dir = root[0],
	    .flags = SADA_OPEN_WRITE };
	struct sada_snap_opts so = { .flags = SADA_ACCEPT_DELETES };
	struct sada_snap_result sr;
	struct sada_gc_opts o = { 0 };
	struct sada_gc_result res;
	struct sada_replica *r;
	const char *fired = "";
	struct sada_err err;
	long n, orphans = 0;
	unsigned packs;
	int rc;

	world_begin(11, 1);
	step(root[0], HOUR, "f", text(0));
	memfs_clock_add(HOUR);
	put(root[0], "g", text(1));
	(void)memfs_copy(root[0], "/t0", MEMFS_SAME);
	for (n = 1; fired != NULL; n++) {
		(void)memfs_copy("/t0", root[0], MEMFS_SAME);
		machine(root[0]);
		memfs_settle(1);
		packs = count_packs(root[0], 0);
		memfs_arm_crash(n);
		r = NULL;
		if ((rc = sada_open(&r, &oo, &err)) == 0)
			rc = sada_snap(r, &so, &sr, &err);
		sada_close(r);
		fired = memfs_fired();
		memfs_arm_none();
		memfs_crash(1, MEMFS_KILL, 0);
		memfs_settle(1);
		if (rc == 0 || count_packs(root[0], 0) == packs)
			continue;
		orphans++;
		r = open_it(root[0], SADA_OPEN_WRITE);
		must(sada_gc(r, &o, &res, &err), "gc", &err);
		snap_in(r, NULL);
		sada_close(r);
		for (packs = 0; packs < 2; packs++)
			sada_close(open_it(root[0], SADA_OPEN_WRITE));
		HAS(root[0], "01--------");
		verify(root[0]);
		(void)gc(root[0], NULL);
		HAS(root[0], "01--------");
	}
	printf("# %ld runs left a pack\n", orphans);
	CHECK(orphans > 0);
	world_end();
}

int
main(void)
{
	tap_seed(20261201);
	test_window();
	test_jump();
	test_no_states();
	test_ages();
	test_large_ops();
	test_acked();
	test_base();
	test_wrong(1);
	test_wrong(0);
	test_killed();
	return tap_done();
}
