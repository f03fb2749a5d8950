/* sada-merge: lay out what was pulled, look at conflicts, settle them. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/quote.h"
#include "cli.h"

enum {
	KEY_ACCEPT = CLI_LONG, KEY_REFUSE, KEY_LIST, KEY_SHOW, KEY_TAKE,
	KEY_TOOL
};

struct args {
	unsigned flags;
	uint64_t max_deletes;
	int mode;		/* 0, KEY_LIST to KEY_TOOL */
	const char *which;	/* or the command of --tool */
};

static const struct cli_option options[] = {
	{ KEY_ACCEPT, "accept-deletes", "[=MAX]",
	    "let a mass deletion happen (of at most MAX names)" },
	{ KEY_REFUSE, "refuse-deletes", NULL,
	    "bring back what was deleted, for all" },
	{ KEY_LIST, "list", NULL, "list the conflicts" },
	{ KEY_SHOW, "show", "WHICH", "print that version of PATH" },
	{ KEY_TAKE, "take", "WHICH",
	    "settle: author, version id, mine or both" },
	{ KEY_TOOL, "tool", "CMD",
	    "settle each: run CMD on BASE MINE THEIRS OUT" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct args *a = c->ctx;

	if (key == KEY_ACCEPT) {
		a->flags |= SADA_ACCEPT_DELETES;
		a->max_deletes = arg == NULL ? 0 :
		    cli_number(c, "--accept-deletes", arg, 1, INT64_MAX);
	} else if (key == KEY_REFUSE) {
		a->flags |= SADA_REFUSE_DELETES;
	} else if (a->mode != 0) {
		cli_usage(c, "only one of --list, --show, --take and --tool");
	} else {
		a->mode = key;
		a->which = arg;
	}
	if ((a->flags & SADA_ACCEPT_DELETES) &&
	    (a->flags & SADA_REFUSE_DELETES))
		cli_usage(c, "--accept-deletes and --refuse-deletes exclude "
		    "each other");
}

static const struct cli_command command = {
	.name = "sada-merge",
	.usage = "sada-merge [--accept-deletes[=MAX]|--refuse-deletes]\n"
	    "sada-merge --list\n"
	    "sada-merge --show WHICH PATH\n"
	    "sada-merge --take WHICH PATH...\n"
	    "sada-merge --tool CMD [PATH...]",
	.about = "Lay out in the directory what was pulled; the exit is 1 "
	    "while a conflict is\nleft.  --list prints version, date, authors, "
	    "size, the name in conflict, where\nthis version stands, and why "
	    "it could not be merged.",
	.options = options,
	.option = option,
	.dry = 1,
	.max = CLI_MANY
};

static int
conflict_json(struct cli *c, const struct sada_conflict *v)
{
	char kind[2] = { v->kind, '\0' };

	cli_json(c);
	cli_json_name(c, "path", v->path, v->len);
	cli_json_name(c, "name", v->name, v->name_len);
	if (v->version[0] != '\0')
		cli_json_str(c, "version", v->version);
	if (v->wall_ns != 0)
		cli_json_time(c, "time", v->wall_ns);
	cli_json_list(c, "authors", v->authors, v->nauthors);
	cli_json_str(c, "kind", kind);
	cli_json_num(c, "size", v->size);
	cli_json_flag(c, "held", v->held);
	cli_json_str(c, "why", v->why);
	cli_json_str(c, "reason", v->reason);
	return cli_json_end(c);
}

/* With -z each name ends with a NUL, and so does what is before it. */
static void
field(struct cli *c)
{
	cli_bytes(c, c->zero ? "" : "\t", 1);
}

static int
conflict(const struct sada_conflict *v, void *ctx)
{
	struct cli *c = ctx;
	size_t i;

	if (c->json)
		return conflict_json(c, v);
	cli_putf(c, "%.12s ", v->version[0] != '\0' ? v->version : "-");
	if (v->wall_ns != 0)
		cli_date(c, v->wall_ns);
	else
		cli_put(c, "-");
	cli_put(c, " ");
	for (i = 0; i < v->nauthors; i++)
		cli_putf(c, "%s%s", i > 0 ? "," : "", v->authors[i]);
	cli_putf(c, "%s %" PRIu64, v->nauthors == 0 ? "-" : "", v->size);
	field(c);
	cli_name(c, v->path, v->len);
	field(c);
	cli_name(c, v->name, v->name_len);
	field(c);
	cli_putf(c, "%s: %s", v->why, v->reason);
	return cli_end(c);
}

static int
show(const void *p, size_t n, void *ctx)
{
	struct cli *c = ctx;

	cli_bytes(c, p, n);
	return c->broken ? SADA_SYS : 0;
}

static int
take(struct cli *c, struct sada_replica *r, const struct args *a,
    struct sada_err *err)
{
	char op[SADA_VERB_HEX] = "";
	int rc;

	if ((rc = sada_conflict_take(r, a->which, c->argv, c->argc,
	    a->flags | (c->dry ? SADA_DRY : 0), op, err)) < 0)
		return rc;
	cli_op(c, op);
	return 0;
}

/* One conflict after the tool: the op on stdout, or why it stays. */
static int
tooled(const char *path, size_t len, const char *op, const char *why,
    void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };

	if (why == NULL) {
		cli_op(c, op);
		return cli_flush(c);
	}
	sada_quote(&b, path, len);
	cli_say(c, "%s: %s", sada_buf_str(&b), why);
	sada_buf_release(&b);
	return 0;
}

static int
tool(struct cli *c, struct sada_replica *r, const struct args *a,
    struct sada_err *err)
{
	struct sada_tool_opts opts = { .command = a->which,
	    .paths = c->argv, .npaths = c->argc, .wait_s = c->wait_s,
	    .each = tooled, .ctx = c };
	struct sada_tool_result res = { 0 };
	int rc = sada_conflict_tool(r, &opts, &res, err);

	if (res.left > 0)
		cli_status(c, 1);
	return rc;
}

static int
merge(struct cli *c, struct sada_replica *r, const struct args *a,
    struct sada_err *err)
{
	struct sada_merge_opts opts = { 0 };
	struct sada_merge_result res = { 0 };
	int rc;

	opts.flags = a->flags | (c->dry ? SADA_DRY : 0) |
	    (c->verbose ? SADA_TELL : 0);
	opts.max_deletes = a->max_deletes;
	opts.each = c->dry || c->verbose ? cli_change : NULL;
	opts.ctx = c;
	if ((rc = sada_merge(r, &opts, &res, err)) < 0)
		return rc;
	cli_merged(c, &res);
	if (c->json) {
		cli_json(c);
		cli_json_num(c, "created", res.created);
		cli_json_num(c, "replaced", res.replaced);
		cli_json_num(c, "deleted", res.deleted);
		cli_json_num(c, "meta", res.meta);
		cli_json_num(c, "left", res.left);
		cli_json_num(c, "wanted", res.wanted);
		cli_json_num(c, "failed", res.failed);
		cli_json_num(c, "conflicts", res.conflicts);
		cli_json_str(c, "op", res.op[0] != '\0' ? res.op : NULL);
		(void)cli_json_end(c);
	} else {
		cli_op(c, res.op);
	}
	return 0;
}

static void
check(struct cli *c, const struct args *a)
{
	if (a->flags != 0 && a->mode != 0)
		cli_usage(c, "--accept-deletes and --refuse-deletes are for "
		    "laying out");
	if (a->mode == KEY_SHOW && c->argc != 1)
		cli_usage(c, "--show needs one PATH");
	if (a->mode == KEY_TAKE && c->argc == 0)
		cli_usage(c, "--take needs a PATH");
	if (a->mode == KEY_TOOL && c->dry)
		cli_usage(c, "-n and --tool exclude each other; --list shows "
		    "what there is");
	if ((a->mode == 0 || a->mode == KEY_LIST) && c->argc > 0)
		cli_usage(c, "no operand is expected here");
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct args a = { 0 };
	struct sada_replica *r = NULL;
	struct sada_err err = { 0 };
	int rc;

	cli_start(&c, &command, &a, argc, argv);
	check(&c, &a);
	if ((rc = cli_open(&c, &r, a.mode == 0 || a.mode == KEY_TAKE ?
	    SADA_OPEN_WRITE : 0, &err)) < 0)
		goto out;
	if (a.mode == KEY_LIST)
		rc = sada_conflicts(r, conflict, &c, &err);
	else if (a.mode == KEY_SHOW)
		rc = sada_conflict_show(r, a.which, c.argv[0], show, &c,
		    &err);
	else if (a.mode == KEY_TAKE)
		rc = take(&c, r, &a, &err);
	else if (a.mode == KEY_TOOL)
		rc = tool(&c, r, &a, &err);
	else
		rc = merge(&c, r, &a, &err);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
