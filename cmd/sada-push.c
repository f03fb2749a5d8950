/* sada-push: write bundles for peers. */
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { KEY_FULL = CLI_LONG, KEY_SINCE };

static const struct cli_option options[] = {
	{ 'o', NULL, "PLACE", "a remote, file or directory; - is stdout" },
	{ KEY_FULL, "full", NULL, "everything, whatever they have" },
	{ KEY_SINCE, "since", "REV", "what came after REV" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct sada_push_opts *o = c->ctx;

	if (key == 'o')
		o->place = arg;
	else if (key == KEY_FULL)
		o->full = 1;
	else
		o->since = arg;
	if (o->full && o->since != NULL)
		cli_usage(c, "--full and --since exclude each other");
}

static const struct cli_command command = {
	.name = "sada-push",
	.usage = "sada-push [-o PLACE] [--full|--since REV] [PEER...]",
	.about = "Seal what the PEERs, or all, lack in bundles: to PLACE, or "
	    "to their remotes.\nPrints the paths written.",
	.options = options,
	.option = option,
	.dry = 1,
	.max = CLI_MANY
};

static void
failed(const char *place, const struct sada_err *e, void *ctx)
{
	cli_tell(ctx, NULL, place, e);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_push_opts opts = { 0 };
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, &opts, argc, argv);
	if (opts.place != NULL && strcmp(opts.place, "-") == 0 && !c.dry &&
	    isatty(1))
		cli_usage(&c, "a bundle does not go to a terminal");
	opts.dir = c.dir;
	opts.wait_s = c.wait_s;
	opts.talk = &c.talk;
	opts.dry = c.dry;
	opts.peers = c.argv;
	opts.npeers = c.argc;
	opts.each = cli_pushed;
	opts.failed = failed;
	opts.ctx = &c;
	rc = sada_push(&opts, &err);
	return cli_finish(&c, rc, &err);
}
