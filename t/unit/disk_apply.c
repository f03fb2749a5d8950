/* Apply: trees onto trees, edits in between, crashes at every call. */
#include "disk_apply_util.h"
#include "fault.h"

/* Text numbers of edits; no tree has them, the store lacks them. */
#define EDIT 9

/* T1 then T2, undisturbed: the disk is T2, and a third time is quiet. */
static void
plain(int rounds)
{
	struct sada_apply_result res;
	struct tree t, d;
	struct sada_err err;
	struct sada_id map;
	int i;

	rep_open();
	for (i = 0; i < rounds; i++) {
		tree_random(&t);
		map = tree_map(&t);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		tree_read(&d);
		CHECK(tree_same(&d, &t, 0));
		CHECK_INT(res.left + res.failed + res.wanted, 0);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		CHECK_INT(res.changed, 0);
		CHECK_INT(sada_trash_empty(rep.root, rep.sdir, rep.store,
		    note_report, NULL, &err), 0);
	}
	rep_close();
}

/* Write the content of EDIT at path I, as a user's editor would. */
static int
edit(int i)
{
	char text[64];
	size_t n = text_of(text, EDIT);
	int fd;

	fd = openat(rep.root, paths[i], O_WRONLY | O_CREAT | O_TRUNC |
	    O_NOFOLLOW, 0644);
	if (fd < 0)
		return 0;
	CHECK_INT(write(fd, text, n), n);
	close(fd);
	return 1;
}

/* Edits between two trees: each is there afterwards. */
static void
edits(int rounds)
{
	struct sada_apply_result res;
	struct tree t, d, before;
	struct sada_err err;
	struct sada_id map;
	int i, k, mine[NPATH];

	for (i = 0; i < rounds; i++) {
		rep_open();
		tree_random(&t);
		map = tree_map(&t);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		for (k = 0; k < NPATH; k++)
			mine[k] = tap_below(4) == 0 && edit(k);
		tree_read(&before);
		tree_random(&t);
		map = tree_map(&t);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		tree_read(&d);
		for (k = 0; k < NPATH; k++)
			if (mine[k])
				CHECK(d.at[k].kind == SADA_FILE &&
				    d.at[k].text == EDIT);
			else if (before.at[k].kind != SADA_DIR &&
			    d.at[k].kind != SADA_DIR && (parents[k] < 0 ||
			    d.at[parents[k]].kind == t.at[parents[k]].kind))
				CHECK(thing_same(&d.at[k], &t.at[k], 1) ||
				    t.at[k].kind == SADA_DIR);
		rep_close();
	}
}

/* Crash at call N of the second tree, for every N; then recover. */
static void
crashes(int rounds)
{
	struct sada_apply_result res;
	struct tree t1, t2, d;
	struct sada_err err;
	struct sada_id map1, map2, map;
	struct sada_id *heads;
	size_t nheads;
	long n;
	int i, rc, points = 0;

	for (i = 0; i < rounds; i++) {
		tree_random(&t1);
		tree_random(&t2);
		for (n = 1;; n++) {
			const char *fired;

			rep_open();
			map1 = tree_map(&t1);
			map2 = tree_map(&t2);
			CHECK_INT(rep_apply(&map1, 0, &res, &err), 0);
			fault_arm(n, EIO, 1);
			rc = rep_apply(&map2, 0, &res, &err);
			fired = fault_disarm();
			if (fired == NULL) {
				CHECK_INT(rc, 0);
				rep_close();
				break;
			}
			points++;
			rc = sada_apply_pending(rep.sdir, &heads, &nheads,
			    &map, &err);
			CHECK(rc >= 0);
			free(rc > 0 ? heads : NULL);
			CHECK_INT(rep_apply(&map2, rc > 0 ?
			    SADA_APPLY_RECOVER : 0, &res, &err), 0);
			tree_read(&d);
			if (!tree_same(&d, &t2, 0))
				printf("# round %d call %ld (%s)\n", i, n,
				    fired);
			CHECK(tree_same(&d, &t2, 0));
			CHECK_INT(rep_apply(&map2, 0, &res, &err), 0);
			CHECK_INT(res.changed, 0);
			CHECK_INT(sada_trash_empty(rep.root, rep.sdir,
			    rep.store, note_report, NULL, &err), 0);
			CHECK_INT(rep.reported[SADA_DID_LEAVE], 0);
			rep_close();
		}
	}
	printf("# %d crash points\n", points);
}

/* ---- an editor that is faster than we are ---- */
static struct sada_io_ops racing;
static int race_done, bad_calls;

/* Just before the first exchange, or move to the trash, edit "a". */
static int
race_rename(int od, const char *on, int nd, const char *nn, unsigned flags)
{
	if (flags == 0 && nd != rep.sdir && od != nd)
		bad_calls++;
	if (!race_done && flags != 0 && (strcmp(nn, "a") == 0 ||
	    strcmp(on, "a") == 0)) {
		race_done = 1;
		(void)edit(0);
	}
	return renameat2(od, on, nd, nn, flags);
}

/* No name of the directory is ever unlinked. */
static int
race_unlink(int dfd, const char *name, int flags)
{
	size_t i;

	for (i = 0; i < NPATH; i++)
		if (!(flags & AT_REMOVEDIR) && strcmp(paths[i], name) == 0)
			bad_calls++;
	return unlinkat(dfd, name, flags);
}

static int
race_openat(int dfd, const char *name, int flags, mode_t mode)
{
	if (flags & O_TRUNC && dfd != rep.sdir)
		bad_calls++;
	return openat(dfd, name, flags, mode);
}

static void
races(void)
{
	struct sada_apply_result res;
	struct tree t1, t2, d;
	struct sada_err err;
	struct sada_id map;
	int from, to;

	for (from = 0; from < 4; from++)
		for (to = 0; to < 4; to++) {
			rep_open();
			memset(&t1, 0, sizeof(t1));
			memset(&t2, 0, sizeof(t2));
			t1.at[0] = (struct thing){ from, 0755, 1, 1000 };
			t2.at[0] = (struct thing){ to, 0755, 2, 1000 };
			map = tree_map(&t1);
			CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
			sada_io_use(NULL);
			racing = *sada_io_ops();
			racing.renameat2 = race_rename;
			racing.unlinkat = race_unlink;
			racing.openat = race_openat;
			race_done = from == SADA_LINK || from == SADA_DIR;
			sada_io_use(&racing);
			map = tree_map(&t2);
			CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
			sada_io_use(NULL);
			tree_read(&d);
			if (from == SADA_LINK || from == SADA_DIR ||
			    !race_done)
				CHECK_INT(d.at[0].kind, to);
			else
				CHECK_INT(d.at[0].text, EDIT);
			rep_close();
		}
	CHECK_INT(bad_calls, 0);
}

/* ---- a crash with an edit displaced ---- */
static int dead;

static int
dying_rename(int od, const char *on, int nd, const char *nn, unsigned flags)
{
	int rc;

	if (dead) {
		errno = EIO;
		return -1;
	}
	if (flags == 0 || (strcmp(nn, "a") != 0 && strcmp(on, "a") != 0))
		return renameat2(od, on, nd, nn, flags);
	(void)edit(0);
	rc = renameat2(od, on, nd, nn, flags);
	dead = 1;
	return rc;
}

static int
dying_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	if (!dead)
		return racing.statx(dfd, name, flags, st);
	errno = EIO;
	return -1;
}

/* Replaced (TO a file) or deleted (TO 0) while edited, then a crash. */
static void
displaced(int to)
{
	struct sada_apply_result res;
	struct tree t1 = { 0 }, t2 = { 0 }, d;
	struct sada_io_ops o;
	struct sada_err err;
	struct sada_id map;

	rep_open();
	t1.at[0] = (struct thing){ SADA_FILE, 0644, 1, 1000 };
	if (to)
		t2.at[0] = (struct thing){ to, 0644, 2, 1000 };
	map = tree_map(&t1);
	CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
	map = tree_map(&t2);
	sada_io_use(NULL);
	racing = *sada_io_ops();
	o = racing;
	o.renameat2 = dying_rename;
	o.statx = dying_statx;
	dead = 0;
	sada_io_use(&o);
	CHECK_INT(rep_apply(&map, 0, &res, &err), SADA_SYS);
	CHECK(dead);
	sada_io_use(NULL);
	CHECK_INT(rep_apply(&map, SADA_APPLY_RECOVER, &res, &err), 0);
	tree_read(&d);
	CHECK_INT(d.at[0].kind, SADA_FILE);
	CHECK_INT(d.at[0].text, EDIT);
	CHECK_INT(res.left, 1);
	rep_close();
}

/* A program writes to a file after it was displaced: nothing is lost. */
static void
late_write(void)
{
	struct sada_apply_result res;
	struct tree t = { 0 };
	struct sada_err err;
	struct sada_id map;
	int fd;

	rep_open();
	t.at[0] = (struct thing){ SADA_FILE, 0644, 1, 1000 };
	map = tree_map(&t);
	CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
	fd = openat(rep.root, "a", O_WRONLY);
	t.at[0].text = 2;
	map = tree_map(&t);
	CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
	CHECK_INT(res.replaced, 1);
	CHECK_INT(write(fd, "late", 4), 4);
	close(fd);
	memset(rep.reported, 0, sizeof(rep.reported));
	CHECK_INT(sada_trash_empty(rep.root, rep.sdir, rep.store, note_report,
	    NULL, &err), 0);
	CHECK_INT(rep.reported[SADA_DID_LEAVE], 1);
	rep_cmd("grep -q ^late %s/a~kept-*", rep.dir);
	rep_close();
}

/* What a user put at "a": a file, a link, or a directory with a file. */
static void
put_user(int kind)
{
	int fd;

	rep_cmd("rm -rf %s/a", rep.dir);
	if (kind == SADA_FILE)
		CHECK(edit(0));
	else if (kind == SADA_LINK)
		CHECK_INT(symlinkat("mine", rep.root, "a"), 0);
	else if (kind == SADA_DIR) {
		CHECK_INT(mkdirat(rep.root, "a", 0700), 0);
		fd = openat(rep.root, "a/mine", O_WRONLY | O_CREAT, 0600);
		CHECK(fd >= 0);
		close(fd);
	}
}

/* Every kind in W, T and on the disk (0: nothing), all different. */
static void
kinds(void)
{
	struct sada_apply_result res;
	struct tree t1 = { 0 }, t2 = { 0 }, d;
	struct stat st;
	struct sada_err err;
	struct sada_id map;
	int w, t, u, n;

	for (n = 0; n < 64; n++) {
		w = n & 3;
		t = n >> 2 & 3;
		u = n >> 4;
		rep_open();
		t1.at[0] = (struct thing){ w, 0755, 1, 1000 };
		t2.at[0] = (struct thing){ t, 0750, 2, 2000 };
		map = tree_map(&t1);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		put_user(u);
		map = tree_map(&t2);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		tree_read(&d);
		/* Two empty sides, or nobody's edit: T; else the user's. */
		if (u == 0 && w == 0)
			CHECK_INT(d.at[0].kind, t);
		else
			CHECK_INT(d.at[0].kind, u);
		if (u == SADA_FILE)
			CHECK_INT(d.at[0].text, EDIT);
		if (u == SADA_DIR)
			CHECK_INT(fstatat(rep.root, "a/mine", &st, 0), 0);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		rep_close();
	}
}

/* A full disk: nothing touched, nothing staged, and later it works. */
static int full;

static ssize_t
full_write(int fd, const void *p, size_t n)
{
	if (full > 0 && --full == 0) {
		full = 1;
		errno = ENOSPC;
		return -1;
	}
	return write(fd, p, n);
}

static void
no_space(void)
{
	struct sada_apply_result res;
	struct tree t1, t2, d;
	struct sada_err err;
	struct sada_id map1, map2;
	struct sada_io_ops o;
	struct sada_id *heads;
	size_t nheads;
	int rc;

	rep_open();
	tree_random(&t1);
	tree_random(&t2);
	map1 = tree_map(&t1);
	map2 = tree_map(&t2);
	CHECK_INT(rep_apply(&map1, 0, &res, &err), 0);
	o = *sada_io_ops();
	o.write = full_write;
	sada_io_use(&o);
	full = 2;			/* the journal's own write succeeds */
	rc = rep_apply(&map2, 0, &res, &err);
	sada_io_use(NULL);
	CHECK(rc == SADA_SYS && err.sys == ENOSPC);
	tree_read(&d);
	CHECK(tree_same(&d, &t1, 0));
	CHECK_INT(sada_apply_pending(rep.sdir, &heads, &nheads, &map1, &err),
	    0);
	CHECK_INT(rep_apply(&map2, 0, &res, &err), 0);
	tree_read(&d);
	CHECK(tree_same(&d, &t2, 0));
	rep_close();
}

/* W lost: nothing is touched, and then all is quiet. */
static void
adopted(int rounds)
{
	struct sada_apply_result res;
	struct tree t, d;
	struct sada_err err;
	struct sada_id map;
	int i;

	for (i = 0; i < rounds; i++) {
		rep_open();
		tree_random(&t);
		map = tree_map(&t);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		CHECK_INT(unlinkat(rep.sdir, "work", 0), 0);
		CHECK_INT(rep_apply(&map, SADA_APPLY_ADOPT, &res, &err), 0);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		CHECK_INT(res.changed, 0);
		tree_random(&t);
		map = tree_map(&t);
		CHECK_INT(rep_apply(&map, 0, &res, &err), 0);
		tree_read(&d);
		CHECK(tree_same(&d, &t, 0));
		rep_close();
	}
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261122);
	umask(022);
	plain(60);
	edits(80);
	races();
	displaced(SADA_FILE);
	displaced(SADA_LINK);
	displaced(0);
	late_write();
	kinds();
	no_space();
	adopted(20);
	crashes(2);
	return tap_done();
}
