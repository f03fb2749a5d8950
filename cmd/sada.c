/*
 * sada: runs the command that its first operand names.  "sada X ..." is
 * "sada-X ..." from the directory that sada itself was started from, or
 * else from PATH.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/io.h"
#include "base/run.h"
#include "cli.h"

/* What show() runs, and how it says that there is nothing to show. */
#define NO_MAN 127
#define NO_PAGE 126
#define TEXT(n) TEXT_OF(n)
#define TEXT_OF(n) #n
static const char man_script[] =
	"command -v man >/dev/null || exit " TEXT(NO_MAN) "\n"
	"man -w \"$1\" >/dev/null 2>&1 || exit " TEXT(NO_PAGE) "\n"
	"man \"$1\"\n"
	"exit 0";

static const struct cli_command command = {
	.name = "sada",
	.usage = "sada [-C DIR] COMMAND [ARG...]\n"
	    "sada help [COMMAND]",
	.about = "Keep directories in sync that are never online together.  "
	    "\"sada X\" runs sada-X:\n\n"
	    "  init     make a directory a replica\n"
	    "  peer     the replicas that this one knows\n"
	    "  remote   where bundles go\n"
	    "  sync     snap, pull, merge, push: the everyday command\n"
	    "  snap     record the directory as it is\n"
	    "  push     write bundles for peers\n"
	    "  pull     take bundles in\n"
	    "  merge    lay out what was pulled; conflicts\n"
	    "  status   what this replica holds, and what waits\n"
	    "  log      show operations\n"
	    "  diff     show what differs\n"
	    "  ls       list names as they were\n"
	    "  cat      show content as it was\n"
	    "  restore  bring back what was\n"
	    "  verify   check the store\n"
	    "  gc       write the store anew without what nothing needs\n\n"
	    "Options before COMMAND go to it:",
	.dry = 1,
	.min = 1,
	.max = CLI_MANY
};

/* May NAME be the rest of a command's name? */
static int
valid(const char *name)
{
	return *name != '\0' && *name != '-' && strlen(name) <= 32 &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
	    strlen(name);
}

/* How many words of ARGV before the command: sada and options. */
static int
lead(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0' &&
	    strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-C") == 0 ||
		    strcmp(argv[i], "--wait") == 0)
			i++;
	return i;
}

/* PATH = where PROG is if it lies beside this program; 0: unknown. */
static int
beside(struct sada_buf *path, const char *prog)
{
	const char *self = (const char *)getauxval(AT_EXECFN);
	const char *slash = self != NULL ? strrchr(self, '/') : NULL;

	if (slash == NULL)
		return 0;
	sada_buf_add(path, self, (size_t)(slash - self) + 1);
	sada_buf_adds(path, prog);
	return 1;
}

/* Become PROG; comes back only when there is none. */
static void
run(const char *prog, char **argv)
{
	struct sada_buf path = { 0 };
	int known = beside(&path, prog);

	if (known)
		(void)execv(sada_buf_str(&path), argv);
	sada_buf_release(&path);
	if (!known || errno == ENOENT || errno == ENOTDIR)
		(void)execvp(prog, argv);
}

/* Is there a file at PATH? */
static int
is_file(struct sada_buf *path)
{
	struct sada_err e;
	int fd = -1, rc;

	rc = sada_io_open_user(&fd, sada_buf_str(path), O_PATH, 0, &e);
	sada_io_close(fd);
	return rc == 0;
}

/* Would run() find PROG? */
static int
is_there(const char *prog)
{
	struct sada_buf path = { 0 };
	const char *dir = getenv("PATH"), *end;
	int found = beside(&path, prog) && is_file(&path);

	while (!found && dir != NULL) {
		end = strchrnul(dir, ':');
		sada_buf_reset(&path);
		sada_buf_add(&path, dir, (size_t)(end - dir));
		sada_buf_addf(&path, "%s%s", end > dir ? "/" : "", prog);
		found = is_file(&path);
		dir = *end != '\0' ? end + 1 : NULL;
	}
	sada_buf_release(&path);
	return found;
}

/* Show the manual page of PROG: what man says of it is none of our exits. */
static int
show(const char *prog, struct sada_err *err)
{
	const char *argv[] = { "/bin/sh", "-c", man_script, "man", prog,
		NULL };
	int status, rc;

	if ((rc = sada_run_user(argv, NULL, &status, err)) < 0)
		return rc;
	if (status == NO_MAN)
		return sada_err_set(err, SADA_ABSENT, "there is no man(1) to "
		    "show the page of %s; see %s --help", prog, prog);
	if (status == NO_PAGE)
		return sada_err_set(err, SADA_ABSENT, "the manual page of %s "
		    "is not installed; see %s --help", prog, prog);
	return 0;
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_err err = { 0 };
	struct sada_buf prog = { 0 };
	const char *word;
	int at = lead(argc, argv), n = at < argc ? at + 1 : argc;
	int help, rc;

	/* Only what stands up to the command is for us to read. */
	cli_start(&c, &command, NULL, n, argv);
	help = strcmp(c.argv[0], "help") == 0;
	if (help && argc > at + 2)
		cli_usage(&c, "help: one operand too many");
	if (help && argc > at + 1)
		at++;
	word = argv[at];
	if (!valid(word))
		cli_usage(&c, "no command %s", cli_quoted(&c, word));
	sada_buf_adds(&prog, "sada");
	if (strcmp(word, "help") != 0)
		sada_buf_addf(&prog, "-%s", word);
	if (help && !is_there(sada_buf_str(&prog)))
		cli_usage(&c, "no command %s", cli_quoted(&c, word));
	if (help) {
		rc = show(sada_buf_str(&prog), &err);
		goto out;
	}
	/* sada-X, our options, its words. */
	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
	argv[1] = sada_buf_str(&prog);
	run(sada_buf_str(&prog), argv + 1);
	if (errno == ENOENT || errno == ENOTDIR)
		cli_usage(&c, "no command %s", cli_quoted(&c, word));
	rc = sada_err_sys(&err, "cannot run %s", sada_buf_str(&prog));
out:
	sada_buf_release(&prog);
	return cli_finish(&c, rc, &err);
}
