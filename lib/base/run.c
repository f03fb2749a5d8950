/*
 * Running a program.  posix_spawn and not fork: nothing of ours runs in the
 * child, so threads do not matter.  Its end is looked for between polls of
 * its pipes, since a grandchild may hold these open for longer.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/run_priv.h"

#define TICK_MS 20
#define CHUNK 16384
/* A pipe holds 1 MiB at most. */
#define DRAIN_ROUNDS (2 + (1 << 20) / CHUNK)

/* Make *FD one that is none of 0 to 2. */
static int
raise_fd(int *fd, struct sada_err *err)
{
	int high;

	if (*fd > 2)
		return 0;
	if ((high = fcntl(*fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return sada_err_sys(err, "cannot duplicate a handle");
	sada_io_close(*fd);
	*fd = high;
	return 0;
}

static int
pipe_new(int fd[2], struct sada_err *err)
{
	int rc;

	if (pipe2(fd, O_CLOEXEC) < 0) {
		fd[0] = fd[1] = -1;
		return sada_err_sys(err, "cannot make a pipe");
	}
	if ((rc = raise_fd(&fd[0], err)) < 0)
		return rc;
	return raise_fd(&fd[1], err);
}

/* Attributes: a group of its own, no signal ignored or blocked. */
static int
attr_fill(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int e;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGKILL);
	(void)sigdelset(&all, SIGSTOP);
	(void)sigemptyset(&none);
	if ((e = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
	    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)) != 0 ||
	    (e = posix_spawnattr_setpgroup(attr, 0)) != 0 ||
	    (e = posix_spawnattr_setsigdefault(attr, &all)) != 0)
		return e;
	return posix_spawnattr_setsigmask(attr, &none);
}

/* The directory first: its handle may be one that is then replaced. */
static int
actions_fill(posix_spawn_file_actions_t *fa, int dir, int out, int talk)
{
	int e;

	if ((e = posix_spawn_file_actions_addfchdir_np(fa, dir)) != 0 ||
	    (e = posix_spawn_file_actions_addopen(fa, 0, "/dev/null",
	    O_RDONLY, 0)) != 0 ||
	    (e = posix_spawn_file_actions_adddup2(fa, out, 1)) != 0 ||
	    (e = posix_spawn_file_actions_adddup2(fa, talk, 2)) != 0)
		return e;
	return posix_spawn_file_actions_addclosefrom_np(fa, 3);
}

static int
start(pid_t *pid, const struct sada_run *r, int out, int talk,
    struct sada_err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	union {
		const char *const *in;
		char *const *out;
	} argv = { r->argv };
	char **env;
	int e;

	if ((errno = posix_spawn_file_actions_init(&fa)) != 0)
		return sada_err_sys(err, "cannot run %s", r->argv[0]);
	if ((e = posix_spawnattr_init(&attr)) == 0) {
		env = sada_run_environment(r->env);
		if ((e = attr_fill(&attr)) == 0 &&
		    (e = actions_fill(&fa, r->dir, out, talk)) == 0)
			e = posix_spawn(pid, r->argv[0], &fa, &attr,
			    argv.out, env);
		free(env);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	errno = e;
	return e != 0 ? sada_err_sys(err, "cannot run %s", r->argv[0]) : 0;
}

/* Append what P is ready to give; at its end close it. */
static int
drain(struct pollfd *p, struct sada_buf *out, size_t max, int *over,
    struct sada_err *err)
{
	unsigned char chunk[CHUNK];
	size_t got, room;
	int rc;

	if (p->fd < 0 || p->revents == 0)
		return 0;
	if ((rc = sada_io_read_some(p->fd, chunk, sizeof(chunk), &got,
	    err)) < 0)
		return rc;
	if (got == 0) {
		sada_io_close(p->fd);
		p->fd = -1;
		return 0;
	}
	room = max > out->len ? max - out->len : 0;
	*over |= got > room;
	sada_buf_add(out, chunk, got < room ? got : room);
	return 0;
}

/* Has PID ended?  It stays a zombie, so that its group keeps its number. */
static int
ended(pid_t pid)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) <
	    0 || si.si_pid == pid;
}

/* The two pipes: what is read so far, and the bounds on it. */
struct ear {
	struct pollfd p[2];
	struct sada_buf got[2];
	size_t max[2];
	int over[2];
};

static int
listen_once(struct ear *e, int wait_ms, int *ready, struct sada_err *err)
{
	int i, rc = 0;

	*ready = poll(e->p, 2, wait_ms);
	if (*ready < 0)
		return errno == EINTR ? 0 : sada_err_sys(err,
		    "cannot wait for a program");
	for (i = 0; i < 2 && rc == 0; i++)
		rc = drain(&e->p[i], &e->got[i], e->max[i], &e->over[i], err);
	return rc;
}

/* Listen until PID has ended, or is not to go on. */
static int
follow(struct sada_run *r, struct ear *e, pid_t pid, struct sada_err *err)
{
	long long last = sada_io_ticks() + r->seconds * 1000000000LL, left;
	int rc, ready, quiet;

	for (;;) {
		left = last - sada_io_ticks();
		if (left <= 0) {
			r->late = 1;
			return 0;
		}
		/* With both pipes closed the end is near, mostly. */
		quiet = e->p[0].fd < 0 && e->p[1].fd < 0;
		left = left / 1000000 + 1;
		rc = listen_once(e, quiet ? 1 : left < TICK_MS ? (int)left :
		    TICK_MS, &ready, err);
		if (rc < 0)
			return rc;
		if (e->over[0]) {
			r->large = 1;
			return 0;
		}
		if (ended(pid))
			return 0;
	}
}

/* Kill the group and collect PID. */
static int
reap(struct sada_run *r, pid_t pid, struct sada_err *err)
{
	int status;
	pid_t got;

	(void)kill(-pid, SIGKILL);
	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return sada_err_sys(err, "the exit status of %s is lost",
		    r->argv[0]);
	r->status = WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
	return 0;
}

static int
run(struct sada_run *r, struct ear *e, struct sada_err *err)
{
	int out[2] = { -1, -1 }, talk[2] = { -1, -1 }, rc, end, ready = 1, i;
	pid_t pid;

	if ((rc = pipe_new(out, err)) == 0 &&
	    (rc = pipe_new(talk, err)) == 0)
		rc = start(&pid, r, out[1], talk[1], err);
	sada_io_close(out[1]);
	sada_io_close(talk[1]);
	e->p[0].fd = out[0];
	e->p[1].fd = talk[0];
	if (rc == 0) {
		e->p[0].events = e->p[1].events = POLLIN;
		rc = follow(r, e, pid, err);
		end = reap(r, pid, err);
		rc = rc < 0 ? rc : end;
		/* What is in the pipes; who left the group may add to it. */
		for (i = 0; rc == 0 && ready > 0 && i < DRAIN_ROUNDS; i++)
			rc = listen_once(e, 0, &ready, err);
		r->large |= e->over[0];
	}
	sada_io_close(e->p[0].fd);
	sada_io_close(e->p[1].fd);
	return rc;
}

int
sada_run(struct sada_run *r, struct sada_err *err)
{
	struct sigaction was, dfl;
	struct ear e;
	int rc;

	assert(r->seconds > 0);
	r->status = r->late = r->large = 0;
	memset(&e, 0, sizeof(e));
	e.max[0] = r->out_max;
	e.max[1] = r->talk != NULL ? r->talk_max : 0;
	/* Who ignores SIGCHLD is never told how a child ended. */
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	if (sigaction(SIGCHLD, NULL, &was) < 0)
		return sada_err_sys(err, "cannot ask for a signal");
	if (was.sa_handler == SIG_IGN || (was.sa_flags & SA_NOCLDWAIT))
		(void)sigaction(SIGCHLD, &dfl, NULL);
	rc = run(r, &e, err);
	(void)sigaction(SIGCHLD, &was, NULL);
	if (rc == 0) {
		sada_buf_add(r->out, e.got[0].p, e.got[0].len);
		if (r->talk != NULL)
			sada_buf_add(r->talk, e.got[1].p, e.got[1].len);
	}
	sada_buf_release(&e.got[0]);
	sada_buf_release(&e.got[1]);
	return rc;
}
