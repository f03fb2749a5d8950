/* Running programs: what they get, what is heard, how they are stopped. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/run.h"
#include "tap.h"

static struct sada_buf out, talk;
static struct sada_run r;

/* Run SCRIPT by the shell for at most SECONDS. */
static int
sh(const char *script, unsigned seconds)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct sada_err err = { 0 };
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	sada_buf_reset(&out);
	sada_buf_reset(&talk);
	memset(&r, 0, sizeof(r));
	r.argv = argv;
	r.dir = dir;
	r.seconds = seconds;
	r.out = &out;
	r.out_max = 1 << 20;
	r.talk = &talk;
	r.talk_max = 100;
	rc = sada_run(&r, &err);
	r.argv = NULL;
	(void)close(dir);
	return rc;
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
test_plain(void)
{
	const char *none[] = { "/nonexistent/x", NULL };
	struct sada_err err = { 0 };

	CHECK_INT(sh("echo out; echo err >&2; exit 3", 10), 0);
	CHECK_INT(r.status, 3);
	CHECK_STR(sada_buf_str(&out), "out\n");
	CHECK_STR(sada_buf_str(&talk), "err\n");
	CHECK(!r.late && !r.large);
	CHECK_INT(sh("pwd; read x; echo $?", 10), 0);
	CHECK_STR(sada_buf_str(&out), "/\n1\n");
	CHECK_INT(sh("kill -9 $$", 10), 0);
	CHECK_INT(r.status, 128 + 9);
	CHECK_INT(sh("exec >&- 2>&-; sleep 0.2; exit 4", 10), 0);
	CHECK_INT(r.status, 4);
	CHECK_INT(sh("i=0; while [ $i -lt 50 ]; do echo 0123456789 >&2; "
	    "i=$((i+1)); done; echo x", 10), 0);
	CHECK_INT(talk.len, 100);
	CHECK_STR(sada_buf_str(&out), "x\n");
	memset(&r, 0, sizeof(r));
	r.argv = none;
	r.dir = AT_FDCWD;
	r.seconds = 1;
	r.out = &out;
	CHECK_INT(sada_run(&r, &err), SADA_SYS);
}

static void
test_bounds(void)
{
	double from = now();

	/* All that fits, one more, and without end. */
	CHECK_INT(sh("head -c 1048576 /dev/zero", 20), 0);
	CHECK(out.len == 1 << 20 && !r.large && r.status == 0);
	CHECK_INT(sh("head -c 1048577 /dev/zero", 20), 0);
	CHECK(r.large && out.len == 1 << 20);
	CHECK_INT(sh("cat /dev/zero", 20), 0);
	CHECK(r.large && r.status == 128 + SIGKILL);
	CHECK_INT(sh("cat /dev/zero >&2 & echo x; sleep 0.1", 20), 0);
	CHECK(!r.large && r.status == 0 && talk.len == 100);
	CHECK(now() - from < 10);
	/* Out of time, also with signals ignored and children. */
	from = now();
	CHECK_INT(sh("trap '' TERM INT HUP; sleep 60 & sleep 60; sleep 60",
	    1), 0);
	CHECK(r.late && r.status == 128 + SIGKILL);
	CHECK(now() - from > 0.9 && now() - from < 5);
	/* It ends while a child of it holds the pipes. */
	from = now();
	CHECK_INT(sh("sleep 60 & echo done", 30), 0);
	CHECK(!r.late && r.status == 0 && now() - from < 5);
	CHECK_STR(sada_buf_str(&out), "done\n");
	/* It stops itself. */
	from = now();
	CHECK_INT(sh("kill -STOP $$", 1), 0);
	CHECK(r.late && now() - from < 5);
}

/* What is handed down: three handles, no ignored or blocked signal. */
static void
test_inherited(void)
{
	struct sigaction sa, was;
	sigset_t set, old;
	int fd = open("/dev/null", O_RDONLY), high, i;

	high = dup2(fd, 50);
	CHECK_INT(sh("ls /proc/self/fd | wc -l", 10), 0);
	/* 0, 1, 2 and what ls itself has open. */
	CHECK_STR(sada_buf_str(&out), "4\n");
	(void)close(high);
	(void)close(fd);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, &was);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	CHECK_INT(sh("grep SigBlk /proc/self/status", 10), 0);
	CHECK_STR(sada_buf_str(&out), "SigBlk:\t0000000000000000\n");
	CHECK_INT(sh("yes | head -n 1; kill -TERM $$", 10), 0);
	CHECK_INT(r.status, 128 + SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)sigaction(SIGPIPE, &was, NULL);
	/* Who ignores SIGCHLD hears the status all the same. */
	(void)sigaction(SIGCHLD, &sa, &was);
	CHECK_INT(sh("exit 7", 10), 0);
	CHECK_INT(r.status, 7);
	(void)sigaction(SIGCHLD, NULL, &sa);
	CHECK(sa.sa_handler == SIG_IGN);
	(void)sigaction(SIGCHLD, &was, NULL);
	/* No zombie, no handle is left. */
	for (i = 0; i < 50; i++)
		CHECK_INT(sh("exit 1", 10), 0);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	fd = open("/dev/null", O_RDONLY);
	CHECK(fd < 10);
	(void)close(fd);
}

/* With its own standard handles closed. */
static void
test_closed(void)
{
	int keep = fcntl(1, F_DUPFD_CLOEXEC, 60), rc;

	fflush(stdout);
	(void)close(0);
	(void)close(1);
	(void)close(2);
	rc = sh("echo out; echo err >&2; pwd", 10);
	(void)dup2(keep, 2);
	(void)dup2(keep, 1);
	(void)open("/dev/null", O_RDONLY);
	(void)close(keep);
	CHECK_INT(rc, 0);
	CHECK_STR(sada_buf_str(&out), "out\n/\n");
	CHECK_STR(sada_buf_str(&talk), "err\n");
}

int
main(void)
{
	test_plain();
	test_bounds();
	test_inherited();
	test_closed();
	sada_buf_release(&out);
	sada_buf_release(&talk);
	return tap_done();
}
