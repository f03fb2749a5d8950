/* sada-snap: record the directory as it is. */
#include <inttypes.h>
#include <stdint.h>

#include "cli.h"

enum { KEY_ACCEPT = CLI_LONG };

static const struct cli_option options[] = {
	{ 'm', NULL, "MSG", "a message to go with it" },
	{ KEY_ACCEPT, "accept-deletes", "[=MAX]",
	    "a mass deletion is meant (of at most MAX names)" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct sada_snap_opts *o = c->ctx;

	if (key == 'm') {
		o->msg = arg;
		return;
	}
	o->flags |= SADA_ACCEPT_DELETES;
	o->max_deletes = arg == NULL ? 0 :
	    cli_number(c, "--accept-deletes", arg, 1, INT64_MAX);
}

static const struct cli_command command = {
	.name = "sada-snap",
	.usage = "sada-snap [-m MSG] [--accept-deletes[=MAX]]",
	.about = "Record the directory as it is now, durably.  Prints the id "
	    "of the operation, or\nnothing if nothing changed; with -n the "
	    "changes.",
	.options = options,
	.option = option,
	.dry = 1
};

static void
report(struct cli *c, const struct sada_snap_result *res)
{
	cli_snapped(c, res);
	if (c->verbose)
		cli_say(c, "%" PRIu64 " added, %" PRIu64 " changed, %" PRIu64
		    " deleted", res->added, res->changed, res->deleted);
	if (c->dry || res->op[0] == '\0')
		return;
	if (!c->json) {
		cli_put(c, res->op);
		(void)cli_end(c);
		return;
	}
	cli_json(c);
	cli_json_str(c, "op", res->op);
	cli_json_num(c, "added", res->added);
	cli_json_num(c, "changed", res->changed);
	cli_json_num(c, "deleted", res->deleted);
	cli_json_num(c, "skipped", res->skipped);
	cli_json_num(c, "special", res->special);
	(void)cli_json_end(c);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_snap_opts opts = { 0 };
	struct sada_snap_result res = { 0 };
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, &opts, argc, argv);
	opts.flags |= (c.dry ? SADA_DRY : 0) | (c.verbose ? SADA_TELL : 0);
	opts.each = c.dry || c.verbose ? cli_change : NULL;
	opts.ctx = &c;
	if ((rc = cli_open(&c, &r, SADA_OPEN_WRITE, &err)) < 0 ||
	    (rc = sada_snap(r, &opts, &res, &err)) < 0)
		goto out;
	report(&c, &res);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
