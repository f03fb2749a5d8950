/* sada-diff: what differs between two states of the directory. */
#include "cli.h"

enum { KEY_NAMES = CLI_LONG };

struct args {
	struct cli *c;
	unsigned names, patch;
};

static const struct cli_option options[] = {
	{ 'p', NULL, NULL, "as a patch (without other options)" },
	{ KEY_NAMES, "name-status", NULL, "the names that changed" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct args *a = c->ctx;

	(void)arg;
	if (key == 'p')
		a->patch = 1;
	else
		a->names = 1;
}

static const struct cli_command command = {
	.name = "sada-diff",
	.usage = "sada-diff [--name-status|-p] [REV [REV]] [-- PATH...]",
	.about = "Show what differs: from what is recorded or laid out to "
	    "the directory as it is;\nfrom REV to the directory; from one "
	    "REV to the other.  Exit 1: they differ.",
	.options = options,
	.option = option,
	.max = CLI_MANY
};

static int
change(const struct sada_change *ch, void *ctx)
{
	struct args *a = ctx;

	return cli_put_change(a->c, ch, NULL);
}

static int
patch(const char *p, size_t n, void *ctx)
{
	struct args *a = ctx;

	cli_bytes(a->c, p, n);
	return a->c->broken ? SADA_SYS : 0;
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct args a = { 0 };
	struct sada_diff_opts o = { 0 };
	struct sada_replica *r = NULL;
	struct sada_err err = { 0 };
	uint64_t n;
	int rc;

	cli_start(&c, &command, &a, argc, argv);
	a.c = &c;
	if (c.before > 2)
		cli_usage(&c, "two REVs at most; PATHs stand after --");
	if (a.patch && a.names)
		cli_usage(&c, "--name-status and -p exclude each other");
	if (a.patch && (c.json || c.zero))
		cli_usage(&c, "-p is no JSON and has no records");
	/* Records are what -z and --json are for. */
	if (c.json || c.zero)
		a.names = 1;
	for (o.nrev = 0; o.nrev < c.before; o.nrev++)
		o.rev[o.nrev] = c.argv[o.nrev];
	o.paths = c.argv + c.before;
	o.npaths = c.argc - c.before;
	if (a.names)
		o.change = change;
	else
		o.patch = patch;
	o.ctx = &a;
	if ((rc = cli_open(&c, &r, 0, &err)) < 0 ||
	    (rc = sada_diff_show(r, &o, &n, &err)) < 0)
		goto out;
	if (n > 0)
		cli_status(&c, 1);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
