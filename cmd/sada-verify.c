/* sada-verify: check every byte of the store. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"

static const struct cli_command command = {
	.name = "sada-verify",
	.usage = "sada-verify",
	.about = "Check every byte of the store.  Prints a sentence for each "
	    "damage, and then the\nexit is 1; what peers may have is asked of "
	    "them.",
	.dry = 1
};

static void
each(const char *what, void *ctx)
{
	struct cli *c = ctx;

	if (c->json) {
		cli_json(c);
		cli_json_str(c, "damage", what);
		(void)cli_json_end(c);
	} else {
		cli_text(c, what, strlen(what));
		(void)cli_end(c);
	}
	(void)cli_flush(c);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_open_opts opts = { 0 };
	struct sada_verify_result res = { 0 };
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, NULL, argc, argv);
	opts.dir = c.dir;
	opts.flags = c.dry ? SADA_OPEN_DRY : SADA_OPEN_WRITE;
	opts.wait_s = c.wait_s;
	opts.talk = &c.talk;
	rc = sada_verify(&opts, each, &c, &res, &err);
	if (res.damaged > 0)
		cli_status(&c, 1);
	if (c.verbose && rc == 0)
		cli_say(&c, "%" PRIu64 " damaged, %" PRIu64 " rebuilt",
		    res.damaged, res.rebuilt);
	return cli_finish(&c, rc, &err);
}
