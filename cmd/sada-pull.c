/* sada-pull: take bundles in. */
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { KEY_JOIN = CLI_LONG, KEY_MERGE };

struct args {
	struct sada_pull_opts pull;
	unsigned merge;
};

static const struct cli_option options[] = {
	{ KEY_JOIN, "join", NULL, "join histories that began apart" },
	{ KEY_MERGE, "merge", NULL, "then lay out, as sada-merge does" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct args *a = c->ctx;

	(void)arg;
	if (key == KEY_JOIN)
		a->pull.join = 1;
	else
		a->merge = 1;
}

static const struct cli_command command = {
	.name = "sada-pull",
	.usage = "sada-pull [--join] [--merge] [PLACE...]",
	.about = "Take in the bundles at the PLACEs (a remote's name, a file, "
	    "a directory, - for\nstdin), or at all remotes; no file of the "
	    "directory is touched.  Prints a line a\nbundle: PEER OPS "
	    "taken|known|parked.",
	.options = options,
	.option = option,
	.dry = 1,
	.max = CLI_MANY
};

static void
failed(const char *place, const char *file, const struct sada_err *e,
    void *ctx)
{
	cli_tell(ctx, NULL, file != NULL ? file : place, e);
}

static int
merge(struct cli *c, struct sada_err *err)
{
	struct sada_replica *r = NULL;
	struct sada_merge_opts opts = { 0 };
	struct sada_merge_result res = { 0 };
	int rc;

	opts.flags = (c->dry ? SADA_DRY : 0) | (c->verbose ? SADA_TELL : 0);
	opts.each = c->dry || c->verbose ? cli_change : NULL;
	opts.ctx = c;
	if ((rc = cli_open(c, &r, SADA_OPEN_WRITE, err)) < 0 ||
	    (rc = sada_merge(r, &opts, &res, err)) < 0)
		goto out;
	cli_merged(c, &res);
out:
	sada_close(r);
	return rc;
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct args a = { 0 };
	struct sada_pull_result res = { 0 };
	struct sada_err err = { 0 }, later = { 0 };
	size_t i;
	int rc;

	cli_start(&c, &command, &a, argc, argv);
	for (i = 0; i < c.argc; i++)
		if (strcmp(c.argv[i], "-") == 0 && isatty(0))
			cli_usage(&c, "no bundle comes from a terminal");
	a.pull.dir = c.dir;
	a.pull.wait_s = c.wait_s;
	a.pull.talk = &c.talk;
	a.pull.places = c.argv;
	a.pull.nplaces = c.argc;
	a.pull.dry = c.dry;
	a.pull.each = cli_pulled;
	a.pull.failed = failed;
	a.pull.ctx = &c;
	rc = sada_pull(&a.pull, &res, &err);
	if (res.parked > 0)
		cli_status(&c, 1);
	/* What other places gave is laid out whatever one of them said. */
	if (a.merge && (rc == 0 || res.bundles > 0)) {
		int rc2 = merge(&c, &later);

		if (rc2 < 0)
			cli_tell(&c, NULL, NULL, &later);
	}
	return cli_finish(&c, rc, &err);
}
