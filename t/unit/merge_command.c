/* A user's command: its arguments, files, answers, and what is left. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "merge/command.h"
#include "merge_util.h"

static char dir[] = "/tmp/merge_command.XXXXXX";
static int dfd;
static struct sada_buf out, talk;

/* The answer of command TEXT for PATH; OUT as text. */
static int
run(const char *command, const char *path)
{
	struct sada_three in = { { "base\n", 5 }, { "a\n", 2 },
	    { "b\0\n", 3 } };
	struct sada_command c = { command, path, dfd, 20 };
	struct sada_err err = { 0 };
	int rc;

	sada_buf_reset(&out);
	sada_buf_reset(&talk);
	rc = sada_merge_command(&out, &talk, &c, &in, &err);
	CHECK(rc >= 0);
	return rc;
}

/* How many names the store has. */
static int
names(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		(void)closedir(d);
	return n - 2;
}

static void
test_runs(void)
{
	/* Three words; the path is in the environment, as it is. */
	CHECK_INT(run("cat", "x"), 1);
	CHECK_INT(out.len, 10);
	CHECK_INT(run("printf '%s\\n' \"$SADA_PATH\"", "d/-x $(y) 'z'"), 1);
	CHECK_STR(sada_buf_str(&out), "d/-x $(y) 'z'\nbase\na\nb\n");
	CHECK_INT(run("printf '%s\\n'", "-rf"), 1);
	CHECK_STR(sada_buf_str(&out), "base\na\nb\n");
	CHECK(getenv("SADA_PATH") == NULL);
	CHECK_INT(run("f() { cat \"$1\" \"$2\" \"$3\"; }; f", "x"), 1);
	CHECK_INT(out.len, 10);
	CHECK(memcmp(out.p, "base\na\nb\0\n", 10) == 0);
	CHECK_INT(run("true", "x"), 1);
	CHECK_INT(out.len, 0);
	CHECK_INT(run("echo no; exit 1;", "x"), 0);
	CHECK_INT(out.len, 0);
	CHECK_INT(run("kill -9 $$;", "x"), 0);
	CHECK_INT(run("no-such-command-here", "x"), 0);
	CHECK(talk.len > 0);
	CHECK_INT(run("head -c 100000 /dev/zero >&2; true", "x"), 1);
	CHECK_INT(talk.len, SADA_MERGE_TALK);
	CHECK_INT(run("head -c 8388608 /dev/zero; true", "x"), 1);
	CHECK_INT(out.len, SADA_MERGE_MAX);
	CHECK_INT(run("head -c 8388609 /dev/zero; true", "x"), 0);
	CHECK_INT(run("stat -c %a . base a b; :", "x"), 1);
	CHECK_STR(sada_buf_str(&out), "700\n600\n600\n600\n");
	CHECK_INT(names(), 0);
	/* It leaves what it likes, and not even its directory. */
	CHECK_INT(run("mkdir -p d/e; ln -s / d/l; ln -s .. e; echo x >d/e/f; "
	    "rm base; true", "x"), 1);
	CHECK_INT(names(), 0);
	CHECK_INT(run("rm -r \"$PWD\"; echo x; true", "x"), 1);
	CHECK_INT(names(), 0);
	CHECK(access("/etc/passwd", F_OK) == 0);
}

static void
test_limits(void)
{
	static char big[SADA_MERGE_MAX + 1];
	struct sada_three in = { { "x", 1 }, { "y", 1 },
	    { big, sizeof(big) } };
	struct sada_command c = { "true", "x", dfd, 1 };
	struct sada_err err = { 0 };

	CHECK_INT(sada_merge_command(&out, NULL, &c, &in, &err), 0);
	in.b.n--;
	CHECK_INT(sada_merge_command(&out, NULL, &c, &in, &err), 1);
	c.text = "echo x; sleep 30";
	CHECK_INT(sada_merge_command(&out, NULL, &c, &in, &err), 0);
	CHECK_INT(names(), 0);
	/* What a kill left is swept, and nothing else. */
	CHECK(mkdirat(dfd, "merge.0123456789abcdef", 0700) == 0);
	CHECK(mkdirat(dfd, "merge.0123456789abcdef/x", 0700) == 0);
	CHECK(mkdirat(dfd, "merge.0123456789abcdeX", 0700) == 0);
	CHECK(mkdirat(dfd, "merged", 0700) == 0);
	CHECK_INT(sada_merge_sweep(dfd, &err), 0);
	CHECK_INT(names(), 2);
	CHECK(unlinkat(dfd, "merge.0123456789abcdeX", AT_REMOVEDIR) == 0);
	CHECK(unlinkat(dfd, "merged", AT_REMOVEDIR) == 0);
	/* No directory to work in. */
	c.dir = open("/proc", O_RDONLY | O_DIRECTORY);
	CHECK_INT(sada_merge_command(&out, NULL, &c, &in, &err), SADA_SYS);
	(void)close(c.dir);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_runs();
	test_limits();
	(void)close(dfd);
	CHECK(rmdir(dir) == 0);
	sada_buf_release(&out);
	sada_buf_release(&talk);
	return tap_done();
}
