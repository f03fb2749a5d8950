/* sada-gc: write the store anew without what nothing needs. */
#include <inttypes.h>

#include "cli.h"

enum { KEY_KEEP = CLI_LONG };

static const struct cli_option options[] = {
	{ KEY_KEEP, "keep", "AGE",
	    "drop what only older states show: 30d, 12w, 1y6m, 0" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct sada_gc_opts *o = c->ctx;

	(void)key;
	o->keep = arg;
}

static const struct cli_command command = {
	.name = "sada-gc",
	.usage = "sada-gc [--keep AGE]",
	.about = "Write the store anew without what nothing needs.  Without "
	    "--keep nothing that\nwas recorded is dropped.  With -n prints how "
	    "much would go.",
	.options = options,
	.option = option,
	.dry = 1
};

static void
report(struct cli *c, const struct sada_gc_result *res)
{
	if (c->json) {
		cli_json(c);
		cli_json_num(c, "objects", res->objects);
		cli_json_num(c, "bytes", res->bytes);
		cli_json_num(c, "packs_old", res->packs_old);
		cli_json_num(c, "packs_new", res->packs_new);
		cli_json_num(c, "freed", res->freed);
		(void)cli_json_end(c);
	} else if (c->dry) {
		cli_putf(c, "%" PRIu64 " objects of %" PRIu64
		    " bytes are not needed", res->objects, res->bytes);
		(void)cli_end(c);
	}
	if (c->verbose && !c->dry)
		cli_say(c, "%" PRIu64 " objects of %" PRIu64 " bytes not "
		    "needed; %" PRIu64 " packs became %" PRIu64 ", which frees "
		    "%" PRIu64 " bytes", res->objects, res->bytes,
		    res->packs_old, res->packs_new, res->freed);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_gc_opts opts = { 0 };
	struct sada_gc_result res = { 0 };
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, &opts, argc, argv);
	opts.flags = c.dry ? SADA_DRY : 0;
	if ((rc = cli_open(&c, &r, SADA_OPEN_WRITE, &err)) < 0 ||
	    (rc = sada_gc(r, &opts, &res, &err)) < 0)
		goto out;
	report(&c, &res);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
