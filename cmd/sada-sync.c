/* sada-sync: snap, pull, merge, push. */
#include <string.h>

#include "cli.h"

enum { KEY_JOIN = CLI_LONG };

static const struct cli_option options[] = {
	{ KEY_JOIN, "join", NULL, "join histories that began apart" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct sada_sync_opts *o = c->ctx;

	(void)key;
	(void)arg;
	o->join = 1;
}

static const struct cli_command command = {
	.name = "sada-sync",
	.usage = "sada-sync [--join] [PLACE...]",
	.about = "Record the directory, take in the bundles at the PLACEs, "
	    "or at all remotes, lay\nthem out, and write there what peers "
	    "lack; each step whatever the others said.\nA remote that is not "
	    "there is no fault unless it is named.",
	.options = options,
	.option = option,
	.dry = 1,
	.max = CLI_MANY
};

static void
failed(const char *step, const char *place, const struct sada_err *e,
    void *ctx)
{
	cli_tell(ctx, step, place, e);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_sync_opts opts = { 0 };
	struct sada_sync_result res = { 0 };
	struct sada_err err = { 0 };
	size_t i;
	int rc;

	cli_start(&c, &command, &opts, argc, argv);
	for (i = 0; i < c.argc; i++)
		if (strcmp(c.argv[i], "-") == 0)
			cli_usage(&c, "stdin is for sada-pull, stdout for "
			    "sada-push");
	opts.dir = c.dir;
	opts.wait_s = c.wait_s;
	opts.talk = &c.talk;
	opts.places = c.argv;
	opts.nplaces = c.argc;
	opts.dry = c.dry;
	opts.pulled = cli_pulled;
	opts.pushed = cli_pushed;
	opts.change = c.dry || c.verbose ? cli_change : NULL;
	opts.failed = failed;
	opts.ctx = &c;
	rc = sada_sync(&opts, &res, &err);
	if (c.verbose && res.snap.op[0] != '\0')
		cli_say(&c, "recorded %s", res.snap.op);
	cli_snapped(&c, &res.snap);
	cli_merged(&c, &res.merge);
	if (res.pull.parked > 0)
		cli_status(&c, 1);
	return cli_finish(&c, rc, &err);
}
