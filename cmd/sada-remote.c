/* sada-remote: where bundles go. */
#include <string.h>

#include "cli.h"

static const struct cli_command command = {
	.name = "sada-remote",
	.usage = "sada-remote add NAME PLACE [PEER...]\n"
	    "sada-remote list\n"
	    "sada-remote remove NAME",
	.about = "Give PLACE, a directory or a file, a name: bundles for the "
	    "PEERs, or for all, go\nthere.  A directory is marked, so that the "
	    "wrong medium is seen.  list prints\nname, there or absent, peers "
	    "(* is all), place.",
	.dry = 1,
	.min = 1,
	.max = CLI_MANY
};

static int
each(const struct sada_remote_info *i, void *ctx)
{
	struct cli *c = ctx;
	size_t k;

	if (c->json) {
		cli_json(c);
		cli_json_str(c, "name", i->name);
		cli_json_str(c, "place", i->place);
		cli_json_flag(c, "there", i->there);
		cli_json_list(c, "peers", i->peers, i->npeers);
		return cli_json_end(c);
	}
	cli_putf(c, "%s %s ", i->name, i->there ? "there" : "absent");
	for (k = 0; k < i->npeers; k++)
		cli_putf(c, "%s%s", k > 0 ? "," : "", i->peers[k]);
	cli_put(c, i->npeers > 0 ? " " : "* ");
	cli_name(c, i->place, strlen(i->place));
	return cli_end(c);
}

int
main(int argc, char **argv)
{
	static const struct cli_form forms[] = {
		{ "add", 2, CLI_MANY, SADA_OPEN_WRITE },
		{ "list", 0, 0, 0 },
		{ "remove", 1, 1, SADA_OPEN_WRITE },
		{ NULL, 0, 0, 0 }
	};
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_err err = { 0 };
	const struct cli_form *f;
	int rc;

	cli_start(&c, &command, NULL, argc, argv);
	f = cli_form(&c, forms);
	if ((rc = cli_open(&c, &r, f->flags, &err)) < 0)
		goto out;
	if (strcmp(f->name, "list") == 0)
		rc = sada_remote_list(r, each, &c, &err);
	else if (strcmp(f->name, "add") == 0)
		rc = sada_remote_add(r, c.argv[1], c.argv[2], c.argv + 3,
		    c.argc - 3, c.dry, &err);
	else
		rc = sada_remote_remove(r, c.argv[1], c.dry, &err);
	if (rc == 0 && c.dry && f->flags != 0)
		cli_named(&c, c.argv[1]);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
