/* sada-init: make a directory a replica. */
#include <string.h>

#include "cli.h"

static const struct cli_option options[] = {
	{ 'N', NULL, "NAME", "name of the replica, not the host's" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	const char **name = c->ctx;

	(void)key;
	*name = arg;
}

static const struct cli_command command = {
	.name = "sada-init",
	.usage = "sada-init [-N NAME] [DIR]",
	.about = "Make DIR, or this directory, a replica with a key of its "
	    "own.  Prints its\npublic line, NAME KEY, which peers add.  A "
	    "replica stays as it is.",
	.options = options,
	.option = option,
	.dry = 1,
	.max = 1
};

/* What -C and DIR name together. */
static void
place(struct cli *c, struct sada_buf *dir)
{
	const char *arg = c->argc > 0 ? c->argv[0] : NULL;

	if (c->argc > 0 && *arg == '\0')
		cli_usage(c, "DIR is empty");
	if (c->dir != NULL && (arg == NULL || *arg != '/'))
		sada_buf_adds(dir, c->dir);
	if (arg != NULL) {
		if (dir->len > 0)
			sada_put_u8(dir, '/');
		sada_buf_adds(dir, arg);
	}
	if (dir->len == 0)
		sada_buf_adds(dir, ".");
}

/* LINE is "NAME KEY", or, of what -n did not make, NAME. */
static void
report(struct cli *c, const char *dir, const char *line)
{
	if (strchr(line, ' ') != NULL) {
		cli_public(c, line, NULL);
		return;
	}
	cli_say(c, "%s would be made a replica", cli_quoted(c, dir));
	cli_named(c, line);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_open_opts opts = { 0 };
	struct sada_buf dir = { 0 }, line = { 0 };
	struct sada_err err = { 0 };
	const char *name = NULL;
	int rc;

	cli_start(&c, &command, &name, argc, argv);
	place(&c, &dir);
	opts.dir = sada_buf_str(&dir);
	opts.flags = c.dry ? SADA_OPEN_DRY : 0;
	opts.wait_s = c.wait_s;
	opts.talk = &c.talk;
	if ((rc = sada_init(name, &opts, &line, &err)) < 0)
		goto out;
	report(&c, opts.dir, sada_buf_str(&line));
out:
	sada_buf_release(&dir);
	sada_buf_release(&line);
	return cli_finish(&c, rc, &err);
}
