/* sada-ls: names as they were at a revision. */
#include <inttypes.h>

#include "base/quote.h"
#include "cli.h"

static const struct cli_option options[] = {
	{ 'l', NULL, NULL, "with mode, size and time of change" },
	{ 'R', NULL, NULL, "all below, not the children alone" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	unsigned *flags = c->ctx;

	(void)arg;
	*flags |= key == 'l' ? SADA_LS_LONG : SADA_LS_RECURSIVE;
}

static const struct cli_command command = {
	.name = "sada-ls",
	.usage = "sada-ls [-lR] [REV[:PATH]]",
	.about = "List names as they were at REV; without it, as recorded or "
	    "laid out here.",
	.options = options,
	.option = option,
	.max = 1
};

struct args {
	struct cli *c;
	unsigned flags;
};

static long long
mtime(const struct sada_listed *l)
{
	/* What ns since 1970 cannot hold (1677 to 2262) is cut. */
	if (l->mtime_s > INT64_MAX / 1000000000 - 1)
		return INT64_MAX;
	if (l->mtime_s < INT64_MIN / 1000000000 + 1)
		return INT64_MIN;
	return l->mtime_s * 1000000000 + l->mtime_ns;
}

static int
json(struct cli *c, const struct sada_listed *l)
{
	char kind[2] = { l->kind, '\0' };

	cli_json(c);
	cli_json_name(c, "path", l->path, l->len);
	cli_json_str(c, "kind", kind);
	cli_putf(c, ",\"mode\":\"%04o\"", l->mode);
	cli_json_num(c, "size", l->size);
	cli_json_time(c, "mtime", mtime(l));
	cli_json_num(c, "mtime_ns", l->mtime_ns);
	cli_json_str(c, "content", l->content[0] != '\0' ? l->content : NULL);
	cli_json_flag(c, "held", l->held);
	cli_json_flag(c, "copy", l->copy);
	cli_json_num(c, "groups", l->groups);
	cli_json_str(c, "author", l->author);
	return cli_json_end(c);
}

/* Put "-rwxr-xr-x SIZE MTIME ". */
static void
details(struct cli *c, const struct sada_listed *l)
{
	static const char letters[] = "rwxrwxrwx";
	struct sada_buf b = { 0 };
	unsigned i;

	sada_put_u8(&b, (uint8_t)(l->kind == 'f' ? '-' : l->kind));
	for (i = 0; i < 9; i++)
		sada_put_u8(&b, (uint8_t)(l->mode >> (8 - i) & 1 ?
		    letters[i] : '-'));
	sada_buf_addf(&b, " %12" PRIu64 " ", l->size);
	sada_rfc3339(&b, mtime(l));
	cli_putf(c, "%s ", sada_buf_str(&b));
	sada_buf_release(&b);
}

static int
each(const struct sada_listed *l, void *ctx)
{
	struct args *a = ctx;

	if (a->c->json)
		return json(a->c, l);
	if (a->flags & SADA_LS_LONG)
		details(a->c, l);
	cli_name(a->c, l->path, l->len);
	return cli_end(a->c);
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct args a = { 0 };
	struct sada_replica *r = NULL;
	struct sada_err err = { 0 };
	unsigned flags = 0;
	int rc;

	cli_start(&c, &command, &flags, argc, argv);
	a.c = &c;
	a.flags = flags;
	/* A record of JSON holds it all. */
	if (c.json)
		flags |= SADA_LS_LONG;
	if ((rc = cli_open(&c, &r, 0, &err)) < 0 ||
	    (rc = sada_ls(r, c.argc > 0 ? c.argv[0] : NULL, flags, each, &a,
	    &err)) < 0)
		goto out;
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
