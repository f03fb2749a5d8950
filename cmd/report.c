/* What several commands report alike: changes, bundles, what is left. */
#include <inttypes.h>
#include <string.h>

#include "base/quote.h"
#include "cli.h"

static void
change_name(struct sada_buf *b, const char *name, size_t n, unsigned raw)
{
	if (raw)
		sada_buf_add(b, name, n);
	else
		sada_quote(b, name, n);
}

/* Append CH to B as "A path (why)", or "R<TAB>old<TAB>new". */
static void
change_text(struct sada_buf *b, const struct sada_change *ch, unsigned raw)
{
	if (ch->from != NULL) {
		/* As git tells it: with -z three strings that end with NUL. */
		sada_buf_addf(b, "%c", ch->what);
		sada_put_u8(b, raw ? '\0' : '\t');
		change_name(b, ch->from, ch->from_len, raw);
		sada_put_u8(b, raw ? '\0' : '\t');
	} else
		sada_buf_addf(b, "%c ", ch->what);
	change_name(b, ch->path, ch->len, raw);
	if (ch->why != NULL && !raw)
		sada_buf_addf(b, " (%s)", ch->why);
}

int
cli_put_change(struct cli *c, const struct sada_change *ch, const char *op)
{
	char what[2] = { ch->what, '\0' };

	if (!c->json) {
		change_text(&c->out, ch, c->zero);
		return cli_end(c);
	}
	cli_json(c);
	cli_json_str(c, "op", op);
	cli_json_str(c, "change", what);
	cli_json_name(c, "path", ch->path, ch->len);
	if (ch->from != NULL)
		cli_json_name(c, "from", ch->from, ch->from_len);
	cli_json_str(c, "why", ch->why);
	return cli_json_end(c);
}

int
cli_change(const struct sada_change *ch, void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };

	if (c->dry)
		return cli_put_change(c, ch, NULL);
	change_text(&b, ch, 0);
	cli_line(c, &b);
	sada_buf_release(&b);
	return 0;
}

void
cli_named(struct cli *c, const char *name)
{
	if (c->json) {
		cli_json(c);
		cli_json_str(c, "name", name);
		(void)cli_json_end(c);
	} else {
		cli_put(c, name);
		(void)cli_end(c);
	}
}

void
cli_public(struct cli *c, const char *line, const char *id)
{
	const char *sp = strchr(line, ' ');

	if (c->json && sp != NULL) {
		cli_json(c);
		cli_json_name(c, "name", line, (size_t)(sp - line));
		cli_json_str(c, "key", sp + 1);
		cli_json_str(c, "id", id);
		(void)cli_json_end(c);
	} else {
		cli_put(c, line);
		(void)cli_end(c);
	}
}

void
cli_op(struct cli *c, const char *op)
{
	if (op[0] == '\0')
		return;
	if (c->json) {
		cli_json(c);
		cli_json_str(c, "op", op);
		(void)cli_json_end(c);
	} else {
		cli_put(c, op);
		(void)cli_end(c);
	}
}

int
cli_pulled(const struct sada_pulled *p, void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };
	const char *where = p->file != NULL ? p->file : p->place;

	if (c->json) {
		cli_json(c);
		cli_json_str(c, "place", p->place);
		cli_json_str(c, "file", p->file);
		cli_json_str(c, "peer", p->peer);
		cli_json_num(c, "ops", p->ops);
		cli_json_str(c, "status", p->status);
		cli_json_str(c, "needs", p->needs);
		(void)cli_json_end(c);
	} else {
		cli_putf(c, "%s %" PRIu64 " %s",
		    p->peer != NULL ? p->peer : "-", p->ops, p->status);
		(void)cli_end(c);
	}
	(void)cli_flush(c);
	if (p->needs != NULL) {
		sada_quote(&b, where, strlen(where));
		cli_say(c, "%s: %s (needs %s)", sada_buf_str(&b), p->status,
		    p->needs);
		sada_buf_release(&b);
	}
	return 0;
}

int
cli_pushed(const char *place, const char *peers, uint64_t ops,
    uint64_t bytes, void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };

	if (strcmp(place, "-") == 0 && !c->dry) {
		/* stdout holds the bundle. */
	} else if (c->json) {
		cli_json(c);
		cli_json_str(c, "path", place);
		cli_json_str(c, "peers", peers);
		cli_json_num(c, "ops", ops);
		cli_json_num(c, "bytes", bytes);
		(void)cli_json_end(c);
	} else {
		cli_name(c, place, strlen(place));
		(void)cli_end(c);
	}
	(void)cli_flush(c);
	if (c->verbose) {
		sada_quote(&b, place, strlen(place));
		cli_say(c, "%s: %" PRIu64 " op%s, %" PRIu64 " bytes for %s",
		    sada_buf_str(&b), ops, ops == 1 ? "" : "s", bytes, peers);
		sada_buf_release(&b);
	}
	return 0;
}

/* Say "N THING" or "N THINGS", and REST, when N is not 0. */
static void
say_count(struct cli *c, uint64_t n, const char *thing, const char *rest)
{
	if (n > 0)
		cli_say(c, "%" PRIu64 " %s%s%s", n, thing, n == 1 ? "" : "s",
		    rest);
}

void
cli_merged(struct cli *c, const struct sada_merge_result *res)
{
	if (c->verbose)
		cli_say(c, "%" PRIu64 " created, %" PRIu64 " replaced, %"
		    PRIu64 " deleted, %" PRIu64 " with other permissions or "
		    "times", res->created, res->replaced, res->deleted,
		    res->meta);
	say_count(c, res->left, "name", " left as in the directory");
	say_count(c, res->wanted, "name", " whose content is not here yet");
	say_count(c, res->failed, "name", " that could not be laid out");
	say_count(c, res->conflicts, "conflict", "; see sada-merge --list");
	if (res->conflicts + res->left + res->wanted + res->failed > 0)
		cli_status(c, 1);
}

void
cli_snapped(struct cli *c, const struct sada_snap_result *res)
{
	say_count(c, res->skipped, "name", " that could not be recorded");
	if (c->verbose)
		say_count(c, res->special, "special file", " passed over");
	if (res->skipped > 0)
		cli_status(c, 1);
}
