/* sada-status: what this replica holds, and what waits. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "cli.h"

enum { KEY_ID = CLI_LONG };

static const struct cli_option options[] = {
	{ KEY_ID, "id", NULL, "only the id of the state" },
	{ 0, NULL, NULL, NULL }
};

static void
option(struct cli *c, int key, const char *arg)
{
	unsigned *id = c->ctx;

	(void)key;
	(void)arg;
	*id = 1;
}

static const struct cli_command command = {
	.name = "sada-status",
	.usage = "sada-status [--id]",
	.about = "Show what this replica holds and what waits.  Replicas "
	    "with one state have\none id.",
	.options = options,
	.option = option
};

/* The numbers of a status, under their names. */
#define COUNT(field) { #field, offsetof(struct sada_status, field) }
static const struct {
	const char *name;
	size_t at;
} counts[] = {
	COUNT(ops), COUNT(heads), COUNT(paths), COUNT(bytes), COUNT(packs),
	COUNT(objects), COUNT(store_bytes), COUNT(conflicts), COUNT(unmerged),
	COUNT(left), COUNT(wants), COUNT(parked), COUNT(skipped), COUNT(forks)
};

static uint64_t
count(const struct sada_status *st, size_t i)
{
	uint64_t v;

	memcpy(&v, (const char *)st + counts[i].at, sizeof(v));
	return v;
}

static void
json(struct cli *c, const struct sada_status *st)
{
	size_t i;

	cli_json(c);
	cli_json_str(c, "root", st->root);
	cli_json_str(c, "name", st->name);
	cli_json_str(c, "key", st->key);
	cli_json_str(c, "id", st->id);
	cli_json_str(c, "laid", st->laid);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		cli_json_num(c, counts[i].name, count(st, i));
	cli_json_flag(c, "apply_pending", st->apply_pending);
	cli_json_flag(c, "copied", st->copied);
	(void)cli_json_end(c);
}

static void
line(struct cli *c, const char *key, const char *value)
{
	cli_putf(c, "%-14s ", key);
	cli_name(c, value, strlen(value));
	(void)cli_end(c);
}

static void
human(struct cli *c, const struct sada_status *st)
{
	struct sada_buf key = { 0 };
	size_t i;

	line(c, "root:", st->root);
	line(c, "name:", st->name);
	line(c, "key:", st->key);
	line(c, "id:", st->id);
	line(c, "laid:", st->laid);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		sada_buf_reset(&key);
		sada_buf_addf(&key, "%s:", counts[i].name);
		cli_putf(c, "%-14s %" PRIu64, sada_buf_str(&key),
		    count(st, i));
		(void)cli_end(c);
	}
	sada_buf_release(&key);
	line(c, "apply_pending:", st->apply_pending ? "yes" : "no");
	line(c, "copied:", st->copied ? "yes" : "no");
}

static int
fork_line(const struct sada_fork *f, void *ctx)
{
	cli_putf(ctx, "%-14s ", "fork:");
	cli_name(ctx, f->author, strlen(f->author));
	cli_putf(ctx, " %" PRIu64 " %s %s %s", f->seq, f->op[0], f->op[1],
	    f->forged ? "forged" : "copied");
	(void)cli_end(ctx);
	return 0;
}

static int
fork_json(const struct sada_fork *f, void *ctx)
{
	cli_json(ctx);
	cli_json_str(ctx, "fork", f->author);
	cli_json_num(ctx, "seq", f->seq);
	cli_json_str(ctx, "op", f->op[0]);
	cli_json_str(ctx, "other", f->op[1]);
	cli_json_flag(ctx, "forged", f->forged);
	(void)cli_json_end(ctx);
	return 0;
}

static int
only_id(struct cli *c, struct sada_replica *r, struct sada_err *err)
{
	char hex[SADA_VERB_HEX] = "";
	int rc;

	if ((rc = sada_status_id(r, NULL, hex, err)) < 0)
		return rc;
	if (c->json) {
		cli_json(c);
		cli_json_str(c, "id", hex);
		(void)cli_json_end(c);
	} else {
		cli_put(c, hex);
		(void)cli_end(c);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct cli c;
	struct sada_replica *r = NULL;
	struct sada_status st = { 0 };
	struct sada_err err = { 0 };
	unsigned id = 0;
	int rc;

	cli_start(&c, &command, &id, argc, argv);
	if ((rc = cli_open(&c, &r, 0, &err)) < 0)
		goto out;
	if (id) {
		rc = only_id(&c, r, &err);
	} else if ((rc = sada_status(r, &st, &err)) == 0) {
		if (c.json)
			json(&c, &st);
		else
			human(&c, &st);
		rc = sada_forks(r, c.json ? fork_json : fork_line, &c);
	}
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
