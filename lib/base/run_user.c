/*
 * Running a program that talks with the user: it has our terminal, and
 * what the keyboard sends is meant for it, not for us.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/run_priv.h"

char **
sada_run_environment(const char *const *more)
{
	static const char *const none[] = { NULL };
	size_t n = 0, k = 0, i, len;
	char **out;
	union {
		const char *in;
		char *out;
	} text;

	if (more == NULL)
		more = none;
	while (environ[n] != NULL)
		n++;
	while (more[k] != NULL)
		k++;
	out = sada_calloc(n + k + 1, sizeof(*out));
	for (i = 0; i < k; i++) {
		text.in = more[i];
		out[i] = text.out;
	}
	for (n = 0; environ[n] != NULL; n++) {
		for (k = 0; more[k] != NULL; k++) {
			len = strcspn(more[k], "=") + 1;
			if (strncmp(environ[n], more[k], len) == 0)
				break;
		}
		if (more[k] == NULL)
			out[i++] = environ[n];
	}
	return out;
}

/* Start ARGV with the keyboard's signals as by default. */
static int
start(pid_t *pid, const char *const *argv, char **env, struct sada_err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t set;
	union {
		const char *const *in;
		char *const *out;
	} arg = { argv };
	int e;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGPIPE);
	if ((errno = posix_spawn_file_actions_init(&fa)) != 0)
		return sada_err_sys(err, "cannot run %s", argv[0]);
	if ((e = posix_spawnattr_init(&attr)) == 0) {
		if ((e = posix_spawn_file_actions_addclosefrom_np(&fa,
		    3)) == 0 && (e = posix_spawnattr_setflags(&attr,
		    POSIX_SPAWN_SETSIGDEF)) == 0 &&
		    (e = posix_spawnattr_setsigdefault(&attr, &set)) == 0)
			e = posix_spawn(pid, argv[0], &fa, &attr, arg.out,
			    env);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	errno = e;
	return e != 0 ? sada_err_sys(err, "cannot run %s", argv[0]) : 0;
}

int
sada_run_user(const char *const *argv, const char *const *env, int *status,
    struct sada_err *err)
{
	struct sigaction ign, dfl, was_int, was_quit, was_chld;
	char **all = sada_run_environment(env);
	pid_t pid, got;
	int rc, st = 0;

	memset(&ign, 0, sizeof(ign));
	ign.sa_handler = SIG_IGN;
	memset(&dfl, 0, sizeof(dfl));
	dfl.sa_handler = SIG_DFL;
	(void)sigaction(SIGINT, &ign, &was_int);
	(void)sigaction(SIGQUIT, &ign, &was_quit);
	/* Who ignores SIGCHLD is never told how a child ended. */
	(void)sigaction(SIGCHLD, &dfl, &was_chld);
	rc = start(&pid, argv, all, err);
	if (rc == 0) {
		do {
			got = waitpid(pid, &st, 0);
		} while (got < 0 && errno == EINTR);
		if (got < 0)
			rc = sada_err_sys(err, "the exit status of %s is "
			    "lost", argv[0]);
	}
	(void)sigaction(SIGINT, &was_int, NULL);
	(void)sigaction(SIGQUIT, &was_quit, NULL);
	(void)sigaction(SIGCHLD, &was_chld, NULL);
	free(all);
	*status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	return rc;
}
