/* sada-merge: lay out what was pulled, look at conflicts, settle them. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "cli.h"

enum { KEY_ACCEPT = CLI_LONG, KEY_REFUSE, KEY_LIST, KEY_SHOW, KEY_TAKE };

struct args {
	unsigned flags;
	uint64_t max_deletes;
	int mode;		/* 0, KEY_LIST, KEY_SHOW, KEY_TAKE */
	const char *which;
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
		cli_usage(c, "only one of --list, --show and --take");
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
	    "sada-merge --take WHICH PATH...",
	.about = "Lay out in the directory what was pulled; the exit is 1 "
	    "while a conflict is\nleft.  --list prints version, date, author, "
	    "size, path and the name where it\nstands.",
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
	cli_json_str(c, "version", v->version);
	cli_json_str(c, "author", v->author);
	cli_json_time(c, "time", v->wall_ns);
	cli_json_str(c, "kind", kind);
	cli_json_num(c, "size", v->size);
	cli_json_flag(c, "held", v->held);
	cli_json_str(c, "why", v->why);
	return cli_json_end(c);
}

static int
conflict(const struct sada_conflict *v, void *ctx)
{
	struct cli *c = ctx;

	if (c->json)
		return conflict_json(c, v);
	cli_putf(c, "%.12s ", v->version);
	cli_date(c, v->wall_ns);
	cli_putf(c, " %s %" PRIu64 "\t", v->author, v->size);
	cli_name(c, v->path, v->len);
	cli_put(c, "\t");
	cli_name(c, v->name, v->name_len);
	if (!v->held)
		cli_put(c, "\t(content not here yet)");
	else if (c->verbose && v->why != NULL)
		cli_putf(c, "\t(%s)", v->why);
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
	else
		rc = merge(&c, r, &a, &err);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
