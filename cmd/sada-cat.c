/* sada-cat: content as it was at a revision. */
#include "cli.h"

static const struct cli_command command = {
	.name = "sada-cat",
	.usage = "sada-cat REV:PATH",
	.about = "Write the content of PATH as it was at REV to stdout; of "
	    "a symbolic link\nits text.",
	.min = 1,
	.max = 1
};

static int
each(const void *p, size_t n, void *ctx)
{
	struct cli *c = ctx;

	cli_bytes(c, p, n);
	return c->broken ? SADA_SYS : 0;
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, NULL, argc, argv);
	if ((rc = cli_open(&c, &r, 0, &err)) < 0 ||
	    (rc = sada_cat(r, c.argv[0], each, &c, &err)) < 0)
		goto out;
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
