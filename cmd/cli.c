/* Commands from start to end: options, talk on stderr, exit statuses. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/quote.h"
#include "cli.h"

/* Longest wait for another command: fits milliseconds in 32 bits. */
#define WAIT_MAX 4000000u

enum { KEY_JSON = 0x1000, KEY_WAIT, KEY_HELP, KEY_VERSION };

static const struct cli_option dry_option =
	{ 'n', NULL, NULL, "show what would be done, change nothing" };

static const struct cli_option common[] = {
	{ 'C', NULL, "DIR", "the replica at or above DIR, not here" },
	{ 'q', NULL, NULL, "say less" },
	{ 'v', NULL, NULL, "say more" },
	{ 'z', NULL, NULL, "end records with NUL, do not quote names" },
	{ KEY_JSON, "json", NULL, "print a line of JSON a record" },
	{ KEY_WAIT, "wait", "SECONDS", "for another command (30)" },
	{ KEY_HELP, "help", NULL, "print this" },
	{ KEY_VERSION, "version", NULL, "print the version" },
	{ 0, NULL, NULL, NULL }
};

/* ---- exit statuses ---- */

/* Place of STATUS in the documented order; higher is less. */
static unsigned
rank(int status)
{
	static const int order[] = { 74, 2, 77, 65, 69, 75, 64, 1 };
	unsigned i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == status)
			break;
	return i;
}

void
cli_status(struct cli *c, int status)
{
	if (rank(status) < rank(c->status))
		c->status = status;
}

/* ---- stderr ---- */

void
cli_clear(struct cli *c)
{
	struct sada_buf b = { 0 };

	if (c->progress == 0)
		return;
	sada_buf_addf(&b, "\r%*s\r", (int)c->progress, "");
	(void)!sada_io_write(2, b.p, b.len, NULL);
	sada_buf_release(&b);
	c->progress = 0;
}

void
cli_line(struct cli *c, struct sada_buf *b)
{
	(void)cli_flush(c);	/* both streams may be one terminal */
	sada_put_u8(b, '\n');
	(void)!sada_io_write(2, b->p, b->len, NULL);
	sada_buf_reset(b);
}

void
cli_say(struct cli *c, const char *fmt, ...)
{
	struct sada_buf b = { 0 };
	char *s = NULL;
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	if (s != NULL) {
		sada_buf_addf(&b, "%s: %s", c->cmd->name, s);
		cli_line(c, &b);
	}
	sada_buf_release(&b);
	free(s);
}

void
cli_tell(struct cli *c, const char *step, const char *where,
    const struct sada_err *err)
{
	struct sada_buf b = { 0 }, name = { 0 };
	int status = sada_err_exit(err->code);

	sada_buf_addf(&b, "%s: ", c->cmd->name);
	if (step != NULL)
		sada_buf_addf(&b, "%s: ", step);
	if (where != NULL) {
		sada_quote(&name, where, strlen(where));
		if (strstr(err->msg, sada_buf_str(&name)) == NULL)
			sada_buf_addf(&b, "%s: ", sada_buf_str(&name));
	}
	if (err->msg[0] != '\0')
		sada_buf_adds(&b, err->msg);
	else
		sada_buf_addf(&b, "failed (%d)", err->code);
	cli_line(c, &b);
	sada_buf_release(&b);
	sada_buf_release(&name);
	cli_status(c, status);
	c->told |= 1u << rank(status);
}

static void
note(unsigned level, const char *path, size_t len, const char *what,
    void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };

	if (c->quiet || (level == SADA_NOTE_INFO && !c->verbose))
		return;
	sada_buf_addf(&b, "%s: ", c->cmd->name);
	if (path != NULL) {
		sada_quote(&b, path, len);
		sada_buf_adds(&b, ": ");
	}
	sada_buf_adds(&b, what);
	cli_line(c, &b);
	sada_buf_release(&b);
}

static void
progress(const char *unit, uint64_t done, uint64_t total, void *ctx)
{
	struct cli *c = ctx;
	struct sada_buf b = { 0 };
	size_t old = c->progress;

	sada_buf_addf(&b, "%" PRIu64, done);
	if (total > 0)
		sada_buf_addf(&b, " of %" PRIu64, total);
	sada_buf_addf(&b, " %s", unit);
	c->progress = b.len;
	/* Shorter than the line before: blank what sticks out. */
	if (b.len < old)
		sada_buf_addf(&b, "%*s", (int)(old - b.len), "");
	sada_put_u8(&b, '\r');
	(void)!sada_io_write(2, b.p, b.len, NULL);
	sada_buf_release(&b);
}

/* ---- the end ---- */

int
cli_finish(struct cli *c, int rc, const struct sada_err *err)
{
	struct sada_err e = { 0 };

	if (cli_flush(c) < 0)
		cli_tell(c, NULL, NULL, &c->werr);
	if (rc < 0 && !(c->told & 1u << rank(sada_err_exit(rc)))) {
		e = *err;
		e.code = rc;
		cli_tell(c, NULL, NULL, &e);
	}
	if (rc < 0)
		cli_status(c, sada_err_exit(rc));
	sada_buf_release(&c->out);
	sada_buf_release(&c->word);
	sada_buf_release(&c->letters);
	free(c->longs);
	free(c->argv);
	return c->status;
}

void
cli_usage(struct cli *c, const char *fmt, ...)
{
	struct sada_buf b = { 0 };
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	sada_buf_addf(&b, "%s: %s; see %s --help", c->cmd->name,
	    s != NULL ? s : "wrong usage", c->cmd->name);
	cli_line(c, &b);
	sada_buf_release(&b);
	free(s);
	exit(64);
}

const char *
cli_quoted(struct cli *c, const char *word)
{
	sada_buf_reset(&c->word);
	sada_quote(&c->word, word, strlen(word));
	return sada_buf_str(&c->word);
}

/* ---- options ---- */

static void
help_option(struct cli *c, const struct cli_option *o)
{
	struct sada_buf b = { 0 };

	if (o->name != NULL)
		sada_buf_addf(&b, "--%s", o->name);
	else
		sada_buf_addf(&b, "-%c", o->key);
	if (o->arg != NULL)
		sada_buf_addf(&b, "%s%s", o->arg[0] == '[' ? "" : " ", o->arg);
	cli_putf(c, "  %-24s %s\n", sada_buf_str(&b), o->help);
	sada_buf_release(&b);
}

static void
help(struct cli *c)
{
	const struct cli_option *o;
	const char *p, *lead = "usage: ";
	int n;

	for (p = c->cmd->usage; *p != '\0'; p += n + (p[n] == '\n')) {
		n = (int)strcspn(p, "\n");
		cli_putf(c, "%s%.*s\n", lead, n, p);
		lead = "       ";
	}
	cli_putf(c, "\n%s\n\n", c->cmd->about);
	for (o = c->cmd->options; o != NULL && o->key != 0; o++)
		help_option(c, o);
	if (c->cmd->dry)
		help_option(c, &dry_option);
	for (o = common; o->key != 0; o++)
		help_option(c, o);
}

uint64_t
cli_number(struct cli *c, const char *what, const char *arg, uint64_t min,
    uint64_t max)
{
	uint64_t v = 0;
	const char *p = arg;

	for (; *p >= '0' && *p <= '9' && v <= max / 10; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (p == arg || *p != '\0' || v < min || v > max)
		cli_usage(c, "%s needs a number from %" PRIu64 " to %" PRIu64,
		    what, min, max);
	return v;
}

/* Take one of the common options, or pass KEY on to the command. */
static void
take(struct cli *c, int key, const char *arg)
{
	switch (key) {
	case 'C':
		c->dir = arg;
		return;
	case 'q':
		c->quiet = 1;
		c->verbose = 0;
		return;
	case 'v':
		c->quiet = 0;
		c->verbose = 1;
		return;
	case 'z':
		c->zero = 1;
		return;
	case KEY_JSON:
		c->json = 1;
		return;
	case KEY_WAIT:
		c->wait_s = (unsigned)cli_number(c, "--wait", arg, 0,
		    WAIT_MAX);
		return;
	case KEY_HELP:
		help(c);
		exit(cli_finish(c, 0, NULL));
	case KEY_VERSION:
		cli_putf(c, "%s %s\n", c->cmd->name, PACKAGE_VERSION);
		exit(cli_finish(c, 0, NULL));
	default:
		if (key == 'n' && c->cmd->dry)
			c->dry = 1;
		else
			c->cmd->option(c, key, arg);
	}
}

/* Append option O to what getopt_long() reads; N counts the long ones. */
static void
add_option(struct cli *c, size_t *n, const struct cli_option *o)
{
	int how = o->arg == NULL ? no_argument :
	    o->arg[0] == '[' ? optional_argument : required_argument;

	if (o->name == NULL) {
		sada_put_u8(&c->letters, (uint8_t)o->key);
		sada_buf_adds(&c->letters, how == required_argument ? ":" :
		    how == optional_argument ? "::" : "");
		return;
	}
	c->longs[*n].name = o->name;
	c->longs[*n].has_arg = how;
	c->longs[*n].flag = NULL;
	c->longs[*n].val = o->key;
	(*n)++;
}

/* Say what getopt_long() did not like in WORD: KEY is '?' or ':'. */
static void
bad_option(struct cli *c, int key, const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	int is_long = optopt <= 0 || optopt >= CLI_LONG;
	const char *what = cli_quoted(c, is_long ? word : letter);

	if (key == ':')
		cli_usage(c, "option %s needs a value", what);
	if (optopt >= CLI_LONG)
		cli_usage(c, "option %.*s takes no value",
		    (int)strcspn(word, "="), word);
	cli_usage(c, "unknown option %s", what);
}

static void
parse(struct cli *c, int argc, char **argv)
{
	const struct cli_option *o;
	size_t n = 0, all = sizeof(common) / sizeof(common[0]);
	int key;

	for (o = c->cmd->options; o != NULL && o->key != 0; o++)
		all++;
	c->longs = sada_calloc(all + 1, sizeof(*c->longs));
	/* "-": operands come in order, whatever POSIXLY_CORRECT says. */
	sada_buf_adds(&c->letters, "-:");
	for (o = c->cmd->options; o != NULL && o->key != 0; o++)
		add_option(c, &n, o);
	if (c->cmd->dry)
		add_option(c, &n, &dry_option);
	for (o = common; o->key != 0; o++)
		add_option(c, &n, o);

	opterr = 0;
	while ((key = getopt_long(argc, argv, sada_buf_str(&c->letters),
	    c->longs, NULL)) != -1) {
		if (key == 1)
			c->argv[c->argc++] = optarg;
		else if (key == '?' || key == ':')
			bad_option(c, key, argv[optind - 1]);
		else
			take(c, key, optarg);
	}
	c->before = c->argc;
	while (optind < argc)
		c->argv[c->argc++] = argv[optind++];
}

/*
 * A standard stream that is closed would become the next file that is
 * opened, and talk would go into the store: close the gap with a handle
 * that can do nothing.
 */
static void
standard_streams(void)
{
	sigset_t set;
	int fd, got;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    sada_io_open_user(&got, "/dev/null",
		    fd == 0 ? O_WRONLY : O_RDONLY, 0, NULL) < 0)
			exit(74);
	/* Whoever started us may have blocked or ignored it. */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void
cli_start(struct cli *c, const struct cli_command *cmd, void *ctx, int argc,
    char **argv)
{
	memset(c, 0, sizeof(*c));
	c->cmd = cmd;
	c->ctx = ctx;
	c->wait_s = 30;
	c->argv = sada_calloc((size_t)argc + 1, sizeof(*c->argv));
	standard_streams();
	parse(c, argc, argv);
	if (c->argc < cmd->min)
		cli_usage(c, "missing operand");
	if (c->argc > cmd->max)
		cli_usage(c, "one operand too many: %s",
		    cli_quoted(c, c->argv[cmd->max]));
	c->talk.note = note;
	c->talk.progress = !c->quiet && isatty(2) ? progress : NULL;
	c->talk.ctx = c;
}

const struct cli_form *
cli_form(struct cli *c, const struct cli_form *forms)
{
	const struct cli_form *f = forms;

	while (f->name != NULL && strcmp(f->name, c->argv[0]) != 0)
		f++;
	if (f->name == NULL)
		cli_usage(c, "unknown word %s", cli_quoted(c, c->argv[0]));
	if (c->argc - 1 < f->min)
		cli_usage(c, "%s: missing operand", f->name);
	if (f->max != CLI_MANY && c->argc - 1 > f->max)
		cli_usage(c, "%s: one operand too many: %s", f->name,
		    cli_quoted(c, c->argv[f->max + 1]));
	return f;
}

int
cli_open(struct cli *c, struct sada_replica **r, unsigned flags,
    struct sada_err *err)
{
	struct sada_open_opts opts = { 0 };

	opts.dir = c->dir;
	opts.flags = flags;
	opts.wait_s = c->wait_s;
	opts.talk = &c->talk;
	return sada_open(r, &opts, err);
}
