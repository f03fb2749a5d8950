/* Run a program of the user's and hear what it says. */
#ifndef SADA_BASE_RUN_H
#define SADA_BASE_RUN_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* What to run, and what came of it. */
struct sada_run {
	const char *const *argv;	/* the program's path first; ends in
					   NULL */
	const char *const *env;		/* "NAME=value" strings, ends in NULL;
					   NULL: none */
	int dir;			/* a handle: where it runs */
	unsigned seconds;		/* it may take, at least 1 */
	struct sada_buf *out;		/* its standard output is appended */
	size_t out_max;			/* bytes; more: it is killed */
	struct sada_buf *talk;		/* its standard error, or NULL */
	size_t talk_max;		/* bytes; the rest is dropped */
	/* Set by sada_run(): */
	int status;			/* its exit status; 128 + a signal */
	int late;			/* it was killed: out of time */
	int large;			/* it was killed: too much output */
};

/*
 * Run R in a process group of its own: standard input is /dev/null, no other
 * handle is passed on, signals are as by default, the environment is ours
 * with the strings of R->env.
 * When the program has ended, or must not go on, its whole group is killed;
 * what it left in the pipes is still read.  Returns 0 when it ran, whatever
 * came of it.  Errors: SYS (it could not be started).
 */
SADA_MUST int sada_run(struct sada_run *r, struct sada_err *err);

/*
 * Run ARGV (the program's path first; ends in NULL) for the user: it has
 * our standard handles, directory and process group, and our environment
 * with the "NAME=value" strings ENV (ends in NULL).  Meanwhile the
 * keyboard's signals do nothing here.  *STATUS is its exit status, 128 + a
 * signal if it was killed.  Errors: SYS.
 */
SADA_MUST int sada_run_user(const char *const *argv, const char *const *env,
    int *status, struct sada_err *err);

#endif
