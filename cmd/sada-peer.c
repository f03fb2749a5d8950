/* sada-peer: the replicas that this one knows. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/quote.h"
#include "cli.h"

/* More than any name and key; what is longer is neither. */
#define LINE_MAX_BYTES 4096u

static const struct cli_command command = {
	.name = "sada-peer",
	.usage = "sada-peer self\n"
	    "sada-peer add [NAME] [KEY]\n"
	    "sada-peer list\n"
	    "sada-peer retire NAME",
	.about = "Show this replica's public line, NAME KEY; add that of a "
	    "peer (from stdin\nwhen there is no KEY; a line \"NAME KEY\" will "
	    "do); list the peers: name, state,\nwhen last heard of, with -v "
	    "the key; or retire one, so that nothing is sent to\nit or taken "
	    "from it any more.",
	.dry = 1,
	.min = 1,
	.max = 3
};

/* The bytes at P without white space around them. */
static void
trim(const char **p, size_t *n)
{
	static const char space[] = " \t\r\n";

	for (; *n > 0 && memchr(space, **p, 4) != NULL; (*p)++, (*n)--)
		;
	for (; *n > 0 && memchr(space, (*p)[*n - 1], 4) != NULL; (*n)--)
		;
}

/* Read the one line on stdin into LINE. */
static int
read_line(struct sada_buf *line, struct sada_err *err)
{
	struct sada_buf in = { 0 };
	const char *p;
	size_t n, got = 1;
	int rc = 0;

	while (got > 0 && in.len <= LINE_MAX_BYTES) {
		if ((rc = sada_io_read_some(0, sada_buf_reserve(&in,
		    LINE_MAX_BYTES), LINE_MAX_BYTES, &got, err)) < 0)
			goto out;
		in.len += got;
		/* A person who typed a line need not type an end as well. */
		if (in.len > 0 && in.p[in.len - 1] == '\n' && isatty(0))
			break;
	}
	p = sada_buf_str(&in);
	n = in.len;
	trim(&p, &n);
	if (n == 0)
		rc = sada_err_set(err, SADA_FORMAT, "stdin holds no key");
	else if (n > LINE_MAX_BYTES || memchr(p, '\n', n) != NULL ||
	    memchr(p, '\0', n) != NULL)
		rc = sada_err_set(err, SADA_FORMAT,
		    "stdin holds more than one line NAME KEY");
	else
		sada_buf_add(line, p, n);
out:
	sada_buf_release(&in);
	return rc;
}

/* Is ARG a key or a whole line, not a name? */
static int
is_key(const char *arg)
{
	return strncmp(arg, "sada1", 5) == 0 || strchr(arg, ' ') != NULL;
}

static int
add(struct cli *c, struct sada_replica *r, struct sada_err *err)
{
	struct sada_buf line = { 0 }, chosen = { 0 };
	const char *name = NULL, *key = NULL;
	int rc;

	if (c->argc > 2) {
		name = c->argv[1];
		key = c->argv[2];
	} else if (c->argc > 1 && is_key(c->argv[1])) {
		key = c->argv[1];
	} else if (c->argc > 1) {
		name = c->argv[1];
	}
	if (key == NULL) {
		if ((rc = read_line(&line, err)) < 0)
			goto out;
		key = sada_buf_str(&line);
	}
	if ((rc = sada_peer_add(r, name, key, c->dry, &chosen, err)) < 0)
		goto out;
	if (c->dry)
		cli_named(c, sada_buf_str(&chosen));
	else if (c->verbose)
		cli_say(c, "%s added", sada_buf_str(&chosen));
out:
	sada_buf_release(&line);
	sada_buf_release(&chosen);
	return rc;
}

static int
each(const struct sada_peer_info *p, void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };

	if (c->json) {
		cli_json(c);
		cli_json_str(c, "name", p->name);
		cli_json_str(c, "key", p->key);
		cli_json_str(c, "id", p->id);
		cli_json_flag(c, "retired", p->retired);
		cli_json_flag(c, "known", p->known);
		cli_json_num(c, "behind", p->behind);
		if (p->heard_ns != 0)
			cli_json_time(c, "heard", p->heard_ns);
		return cli_json_end(c);
	}
	cli_putf(c, "%s ", p->name);
	if (p->retired)
		cli_put(c, "retired");
	else if (!p->known)
		cli_put(c, "new");
	else if (p->behind == 0)
		cli_put(c, "even");
	else
		cli_putf(c, "behind:%" PRIu64, p->behind);
	if (p->heard_ns != 0)
		sada_rfc3339(&b, p->heard_ns);
	cli_putf(c, " %s", p->heard_ns != 0 ? sada_buf_str(&b) : "-");
	if (c->verbose)
		cli_putf(c, " %s", p->key);
	sada_buf_release(&b);
	return cli_end(c);
}

static int
self(struct cli *c, struct sada_replica *r, struct sada_err *err)
{
	struct sada_buf line = { 0 };
	char id[SADA_VERB_HEX];
	int rc;

	if ((rc = sada_peer_self(r, &line, id, err)) < 0)
		goto out;
	cli_public(c, sada_buf_str(&line), id);
out:
	sada_buf_release(&line);
	return rc;
}

static int
retire(struct cli *c, struct sada_replica *r, struct sada_err *err)
{
	int rc;

	if ((rc = sada_peer_retire(r, c->argv[1], c->dry, err)) < 0)
		return rc;
	if (c->dry)
		cli_named(c, c->argv[1]);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct cli_form forms[] = {
		{ "self", 0, 0, 0 },
		{ "add", 0, 2, SADA_OPEN_WRITE },
		{ "list", 0, 0, 0 },
		{ "retire", 1, 1, SADA_OPEN_WRITE },
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
	if (strcmp(f->name, "self") == 0)
		rc = self(&c, r, &err);
	else if (strcmp(f->name, "add") == 0)
		rc = add(&c, r, &err);
	else if (strcmp(f->name, "list") == 0)
		rc = sada_peer_list(r, each, &c, &err);
	else
		rc = retire(&c, r, &err);
out:
	sada_close(r);
	return cli_finish(&c, rc, &err);
}
