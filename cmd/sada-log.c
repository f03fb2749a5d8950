/* sada-log: the operations that this replica holds. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "cli.h"

enum { KEY_NAMES = CLI_LONG };

struct args {
	struct cli *c;
	struct sada_log_opts log;
	char op[SADA_VERB_HEX];		/* that is being shown */
};

static const struct cli_option options[] = {
	{ 'n', NULL, "N", "at most N operations" },
	{ 'r', NULL, NULL, "oldest first" },
	{ KEY_NAMES, "name-status", NULL, "with the names that changed" },
	{ 'p', NULL, NULL, "with patches" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	struct args *a = c->ctx;

	if (key == 'n')
		a->log.max = cli_number(c, "-n", arg, 1, INT64_MAX);
	else if (key == 'r')
		a->log.flags |= SADA_LOG_REVERSE;
	else if (key == 'p')
		a->log.flags |= SADA_LOG_PATCH;
	else
		a->log.flags |= SADA_LOG_NAMES;
}

static const struct cli_command command = {
	.name = "sada-log",
	.usage = "sada-log [-n N] [-r] [--name-status|-p] [REV..REV] "
	    "[-- PATH...]",
	.about = "Show operations, newest first: id, date, author, names set "
	    "and gone, message;\n-v shows all that an operation says.",
	.options = options,
	.option = option,
	.max = CLI_MANY
};

static int
json(struct cli *c, const struct sada_log_entry *e)
{
	size_t i;

	cli_json(c);
	cli_json_str(c, "op", e->id);
	cli_json_str(c, "author", e->author);
	cli_json_str(c, "author_id", e->author_id);
	cli_putf(c, ",\"epoch\":\"%016" PRIx64 "\"", e->epoch);
	cli_json_num(c, "seq", e->seq);
	cli_json_num(c, "lamport", e->lamport);
	cli_json_time(c, "time", e->wall_ns);
	cli_json_num(c, "set", e->n_set);
	cli_json_num(c, "gone", e->n_gone);
	cli_put(c, ",\"parents\":[");
	for (i = 0; i < e->nparents; i++)
		cli_putf(c, "%s\"%s\"", i > 0 ? "," : "", e->parents[i]);
	cli_put(c, "]");
	cli_json_flag(c, "accepted", e->accepted);
	cli_json_flag(c, "laid", e->laid);
	if (e->msg_len > 0)
		cli_json_name(c, "message", e->msg, e->msg_len);
	return cli_json_end(c);
}

/* Put the message, each line behind LEAD. */
static void
message(struct cli *c, const char *lead, const char *p, size_t n)
{
	const char *nl;
	size_t len;

	for (; n > 0; p += len, n -= len) {
		nl = memchr(p, '\n', n);
		len = nl != NULL ? (size_t)(nl - p) : n;
		cli_put(c, lead);
		cli_text(c, p, len);
		cli_put(c, "\n");
		len += nl != NULL;
	}
}

static int
full(struct cli *c, const struct sada_log_entry *e)
{
	size_t i;

	cli_putf(c, "op %s%s\n", e->id, e->laid ? "" : " (not laid out)");
	cli_putf(c, "author:  %s %s\n", e->author, e->author_id);
	cli_put(c, "date:    ");
	cli_date(c, e->wall_ns);
	cli_putf(c, " UTC\ndot:     epoch %016" PRIx64 ", seq %" PRIu64
	    ", lamport %" PRIu64 "\n", e->epoch, e->seq, e->lamport);
	for (i = 0; i < e->nparents; i++)
		cli_putf(c, "parent:  %s\n", e->parents[i]);
	cli_putf(c, "names:   %" PRIu64 " set, %" PRIu64 " gone%s\n",
	    e->n_set, e->n_gone, e->accepted ? ", deletes accepted" : "");
	if (e->msg_len > 0) {
		cli_put(c, "\n");
		message(c, "    ", e->msg, e->msg_len);
	}
	return cli_end(c);
}

static int
each(const struct sada_log_entry *e, void *ctx)
{
	struct args *a = ctx;
	struct cli *c = a->c;
	const char *nl;

	memcpy(a->op, e->id, sizeof(a->op));
	if (c->json)
		return json(c, e);
	if (c->verbose)
		return full(c, e);
	cli_putf(c, "%.12s ", e->id);
	cli_date(c, e->wall_ns);
	cli_putf(c, " %s +%" PRIu64 " -%" PRIu64, e->author, e->n_set,
	    e->n_gone);
	if (e->msg_len > 0) {
		nl = memchr(e->msg, '\n', e->msg_len);
		cli_put(c, " ");
		cli_text(c, e->msg,
		    nl != NULL ? (size_t)(nl - e->msg) : e->msg_len);
	}
	return cli_end(c);
}

static int
change(const struct sada_change *ch, void *ctx)
{
	struct args *a = ctx;

	return cli_put_change(a->c, ch, a->op);
}

static int
patch(const char *p, size_t n, void *ctx)
{
	struct args *a = ctx;

	cli_bytes(a->c, p, n);
	return a->c->broken ? SADA_SYS : 0;
}

static void
check(struct cli *c, struct args *a)
{
	if (c->before > 1)
		cli_usage(c, "one REV or REV..REV; PATHs stand after --");
	if ((a->log.flags & SADA_LOG_PATCH) &&
	    (a->log.flags & SADA_LOG_NAMES))
		cli_usage(c, "--name-status and -p exclude each other");
	if ((a->log.flags & SADA_LOG_PATCH) && c->json)
		cli_usage(c, "-p is no JSON");
	a->log.range = c->before > 0 ? c->argv[0] : NULL;
	a->log.paths = c->argv + c->before;
	a->log.npaths = c->argc - c->before;
	a->log.each = each;
	a->log.change = change;
	a->log.patch = patch;
	a->log.ctx = a;
	a->c = c;
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
	if ((rc = cli_open(&c, &r, 0, &err)) < 0 ||
	    (rc = sada_log_show(r, &a.log, &err)) < 0)
		goto out;
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
