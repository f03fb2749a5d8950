/*
 * Restore under faults: each call in turn fails, once or from then on;
 * every name shows the old content or the new one, the next run mends what
 * is left, and nothing is kept twice.
 */
#include <assert.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "fault.h"
#include "tap.h"
#include "verb/verb.h"

static char dir[4096];
static char rev[2][SADA_VERB_HEX];

/* What stands at each path in the two states; NULL: nothing. */
static const struct {
	const char *path, *text[2];
} want[] = {
	{ "a", { "1\n", "2\n" } },
	{ "d", { "<dir>", "a file\n" } },
	{ "d/e", { "inner\n", NULL } },
	{ "l", { "<link>", "was a link\n" } },
	{ "n/m/o", { "deep\n", NULL } },
	{ "same", { "same\n", "same\n" } },
};
#define NWANT (sizeof(want) / sizeof(want[0]))

static const char *
full(const char *path)
{
	static char buf[8192];

	(void)snprintf(buf, sizeof(buf), "%s/%s", dir, path);
	return buf;
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(full(path), "wb");

	assert(f != NULL);
	assert(fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Does PATH show TEXT? */
static int
shows(const char *path, const char *text)
{
	char buf[64];
	struct stat st;
	size_t n;
	FILE *f;

	if (lstat(full(path), &st) != 0)
		return text == NULL;
	if (text == NULL)
		return 0;
	if (S_ISDIR(st.st_mode))
		return strcmp(text, "<dir>") == 0;
	if (S_ISLNK(st.st_mode))
		return strcmp(text, "<link>") == 0;
	f = fopen(full(path), "rb");
	assert(f != NULL);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	(void)fclose(f);
	return strcmp(buf, text) == 0;
}

static struct sada_replica *
open_it(void)
{
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_replica *r = NULL;
	struct sada_err err;
	int rc = sada_open(&r, &o, &err);

	if (rc < 0)
		printf("# open: %s\n", err.msg);
	assert(rc == 0);
	return r;
}

static void
snap(char op[SADA_VERB_HEX])
{
	struct sada_snap_opts so = { .flags = SADA_ACCEPT_DELETES };
	struct sada_snap_result res;
	struct sada_replica *r = open_it();
	struct sada_err err;

	assert(sada_snap(r, &so, &res, &err) == 0 && res.op[0] != '\0');
	memcpy(op, res.op, SADA_VERB_HEX);
	sada_close(r);
}

static int
restore(struct sada_replica *r, unsigned which,
    struct sada_restore_result *res, struct sada_err *err)
{
	struct sada_restore_opts o = { .rev = rev[which] };

	memset(res, 0, sizeof(*res));
	return sada_restore(r, &o, res, err);
}

static void
damage(const char *what, void *ctx)
{
	(void)ctx;
	printf("# %s\n", what);
}

static int kept;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	/*
	 * A directory that was about to change places with a file may be
	 * left, empty, beside its name: never is the name missing.
	 */
	if (strstr(path, "/d~kept-") != NULL && rmdir(path) == 0)
		return 0;
	if (strstr(path, "~kept") != NULL || strstr(path, "new-") != NULL) {
		printf("# %s\n", path);
		kept++;
		(void)remove(path);
	}
	return 0;
}

/* Bring all of state WHICH, with nothing in the way. */
static void
bring(unsigned which)
{
	struct sada_restore_result res;
	struct sada_replica *r = open_it();
	struct sada_err err;
	size_t i;

	CHECK_INT(restore(r, which, &res, &err), 0);
	CHECK_INT(res.failed + res.missing + res.kept, 0);
	sada_close(r);
	for (i = 0; i < NWANT; i++)
		if (want[i].text[which] != NULL)
			CHECK(shows(want[i].path, want[i].text[which]));
}

/*
 * All is as in state 0 or 1, name by name; then the next run brings all
 * of state WHICH.
 */
static void
judge(long n, unsigned which)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_verify_result vr;
	struct sada_err err;
	size_t i;
	int ok;

	for (i = 0; i < NWANT; i++) {
		ok = shows(want[i].path, want[i].text[0]) ||
		    shows(want[i].path, want[i].text[1]) ||
		    /* What was below a name goes before it does. */
		    shows(want[i].path, NULL);
		if (!ok)
			printf("# call %ld (%s): %s\n", n, fault.fired,
			    want[i].path);
		CHECK(ok);
		ok = strchr(want[i].path, '/') != NULL ||
		    !shows(want[i].path, NULL);
		if (!ok)
			printf("# call %ld (%s): %s is gone\n", n,
			    fault.fired, want[i].path);
		CHECK(ok);
	}
	bring(which);
	sada_close(open_it());
	CHECK_INT(sada_verify(&o, damage, NULL, &vr, &err), 0);
	CHECK_INT(vr.damaged, 0);
	kept = 0;
	assert(nftw(dir, visit, 8, FTW_PHYS) == 0);
	if (kept > 0)
		printf("# call %ld (%s) left something\n", n, fault.fired);
	CHECK_INT(kept, 0);
}

/*
 * Back to state 1 in which "d" is a file: by hand, a restore does not
 * remove directories.
 */
static void
back(void)
{
	(void)unlink(full("d/e"));
	(void)rmdir(full("d"));
	(void)unlink(full("n/m/o"));
	(void)rmdir(full("n/m"));
	(void)rmdir(full("n"));
	bring(1);
}

static void
test_faults(int error, int persist)
{
	struct sada_restore_result res;
	struct sada_replica *r;
	struct sada_err err;
	const char *fired;
	long n;
	int rc;

	for (n = 1;; n++) {
		r = open_it();
		fault_arm(n, error, persist);
		rc = restore(r, 0, &res, &err);
		fired = fault_disarm();
		sada_close(r);
		if (rc == 0 && fired == NULL)
			break;
		judge(n, 0);
		back();
	}
	printf("# errno %d, persist %d: %ld calls\n", error, persist, n);
	CHECK(n > 30);
	judge(n, 0);
	back();
}

/* ---- a file system without EXCHANGE ---- */

static int
no_exchange(int od, const char *on, int nd, const char *nn, unsigned flags)
{
	if (flags & 2) {
		errno = EINVAL;
		return -1;
	}
	return fault.real->renameat2(od, on, nd, nn, flags);
}

static void
test_no_exchange(void)
{
	struct sada_restore_result res;
	struct sada_io_ops ops;
	struct sada_replica *r = open_it();
	struct sada_err err;
	size_t i;

	fault.real = sada_io_ops();
	ops = *fault.real;
	ops.renameat2 = no_exchange;
	sada_io_use(&ops);
	CHECK_INT(restore(r, 0, &res, &err), 0);
	CHECK_INT(res.failed, 0);
	sada_io_use(NULL);
	sada_close(r);
	for (i = 0; i < NWANT; i++)
		CHECK(shows(want[i].path, want[i].text[0]));
	judge(0, 0);
	back();
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sada_buf line = {0};
	struct sada_err err;
	size_t i;

	(void)snprintf(dir, sizeof(dir), "%s/restore.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(dir) != NULL);
	assert(sada_init("one", &(struct sada_open_opts){
	    .dir = dir }, &line, &err) == 0);
	sada_buf_release(&line);
	assert(mkdir(full("d"), 0755) == 0 && mkdir(full("n"), 0755) == 0 &&
	    mkdir(full("n/m"), 0750) == 0);
	for (i = 0; i < NWANT; i++)
		if (strcmp(want[i].text[0], "<link>") == 0)
			assert(symlink("a", full(want[i].path)) == 0);
		else if (strcmp(want[i].text[0], "<dir>") != 0)
			put(want[i].path, want[i].text[0]);
	snap(rev[0]);
	assert(unlink(full("l")) == 0 && unlink(full("d/e")) == 0 &&
	    rmdir(full("d")) == 0 && unlink(full("n/m/o")) == 0 &&
	    rmdir(full("n/m")) == 0 && rmdir(full("n")) == 0);
	for (i = 0; i < NWANT; i++)
		if (want[i].text[1] != NULL && strcmp(want[i].path,
		    "same") != 0)
			put(want[i].path, want[i].text[1]);
	snap(rev[1]);
	test_no_exchange();
	test_faults(EIO, 0);
	test_faults(EIO, 1);
	test_faults(EACCES, 0);
	assert(nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS) == 0);
	return tap_done();
}
