/* sada-restore: bring names back as they were at a revision. */
#include <inttypes.h>

#include "cli.h"

static const struct cli_option options[] = {
	{ 'k', NULL, NULL, "keep what exists" },
	{ 'o', NULL, "DIR", "write below DIR, made when missing" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct sada_restore_opts *o = c->ctx;

	if (key == 'k')
		o->flags |= SADA_RESTORE_KEEP;
	else
		o->out = arg;
}

static const struct cli_command command = {
	.name = "sada-restore",
	.usage = "sada-restore [-k] [-o DIR] REV [PATH...]",
	.about = "Bring the PATHs, or everything, back as at REV, in place or "
	    "below DIR.  An edit\nthat is not recorded stops it (exit 2); "
	    "sada-snap records it, -k keeps it.",
	.options = options,
	.option = option,
	.dry = 1,
	.min = 1,
	.max = CLI_MANY
};

static void
report(struct cli *c, const struct sada_restore_result *res)
{
	if (c->verbose)
		cli_say(c, "%" PRIu64 " restored, %" PRIu64 " kept",
		    res->restored, res->kept);
	if (res->missing > 0)
		cli_say(c, "%" PRIu64 " name%s whose content is not here",
		    res->missing, res->missing == 1 ? "" : "s");
	if (res->failed > 0)
		cli_say(c, "%" PRIu64 " name%s that could not be restored",
		    res->failed, res->failed == 1 ? "" : "s");
	if (res->missing > 0 || res->failed > 0)
		cli_status(c, 1);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_restore_opts opts = { 0 };
	struct sada_restore_result res = { 0 };
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, &opts, argc, argv);
	opts.rev = c.argv[0];
	opts.paths = c.argv + 1;
	opts.npaths = c.argc - 1;
	opts.dry = c.dry;
	opts.each = c.dry || c.verbose ? cli_change : NULL;
	opts.ctx = &c;
	if ((rc = cli_open(&c, &r, opts.out == NULL ? SADA_OPEN_WRITE : 0,
	    &err)) < 0)
		goto out;
	rc = sada_restore(r, &opts, &res, &err);
	/* One operand may have come to nothing, and others to something. */
	if (rc == 0 || rc == SADA_NOTFOUND)
		report(&c, &res);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
