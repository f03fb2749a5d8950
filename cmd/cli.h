/*
 * What all commands share: options, talk on stderr, records on stdout,
 * exit statuses.  A command is a table (struct cli_command) and a main():
 * parse, open, do, report, exit.
 */
#ifndef SADA_CMD_CLI_H
#define SADA_CMD_CLI_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "verb/verb.h"

struct cli;

/* An option beyond the common ones. */
struct cli_option {
	int key;		/* its letter; CLI_LONG and up for a long one */
	const char *name;	/* of a long one, else NULL */
	const char *arg;	/* "MSG"; "[=MAX]" may be left out; NULL: none */
	const char *help;
};
enum { CLI_LONG = 256 };

#define CLI_MANY ((size_t)-1)

struct cli_command {
	const char *name;	/* "sada-snap" */
	const char *usage;	/* a line a form, without "usage: " */
	const char *about;	/* what it does, for --help; lines */
	const struct cli_option *options;	/* ends with key 0, or NULL */
	/* Take option KEY; ends with cli_usage() when ARG is no good. */
	void (*option)(struct cli *c, int key, const char *arg);
	unsigned dry;		/* it writes: -n is understood */
	size_t min, max;	/* operands */
};

/*
 * One run of a command.  Invariants:
 *  1. out holds what is not written yet; once broken nothing more is.
 *  2. status is the worst exit status noted so far, told has a bit for
 *     the status of each error that was printed already.
 */
struct cli {
	const struct cli_command *cmd;
	void *ctx;		/* the command's own, for option() */
	const char *dir;	/* -C, or NULL */
	unsigned dry, quiet, verbose, zero, json, wait_s;
	const char **argv;	/* operands */
	size_t argc;
	size_t before;		/* operands that stood before "--" */
	struct sada_talk talk;
	struct sada_buf out;
	struct sada_buf word;	/* of cli_quoted() */
	struct sada_buf letters;	/* what getopt_long() reads */
	struct option *longs;
	struct sada_err werr;	/* why stdout is broken */
	int broken;
	int status;
	unsigned told;
	size_t progress;	/* columns of the line that is shown */
};

/* ---- cli.c: from start to end ---- */

/*
 * Parse the command line of CMD into C; CTX is kept for option().  Ends
 * the process for --help, --version and wrong usage.
 */
void cli_start(struct cli *c, const struct cli_command *cmd, void *ctx,
    int argc, char **argv);
/* Print "NAME: sentence; see NAME --help" and exit 64. */
void cli_usage(struct cli *c, const char *fmt, ...)
    SADA_PRINTF(2, 3) __attribute__((noreturn));
/* WORD as messages show it; good until the next call. */
const char *cli_quoted(struct cli *c, const char *word);
/* The number that ARG of option WHAT writes, MIN to MAX; else cli_usage(). */
uint64_t cli_number(struct cli *c, const char *what, const char *arg,
    uint64_t min, uint64_t max);
/*
 * A form of a command that is named by its first operand, with the least
 * and most operands that follow.
 */
struct cli_form {
	const char *name;	/* NULL ends the table */
	size_t min, max;
	unsigned flags;		/* SADA_OPEN_* */
};
/* The one of FORMS that the first operand names; else cli_usage(). */
const struct cli_form *cli_form(struct cli *c, const struct cli_form *forms);
/* sada_open() as the common options say; FLAGS are SADA_OPEN_*. */
SADA_MUST int cli_open(struct cli *c, struct sada_replica **r,
    unsigned flags, struct sada_err *err);
/* Note exit status STATUS; of several the first in the documented order. */
void cli_status(struct cli *c, int status);
/*
 * Print what RC < 0 and ERR say, unless they were told, flush stdout,
 * release C.  The result is what main() returns.
 */
int cli_finish(struct cli *c, int rc, const struct sada_err *err);

/* ---- talk: lines on stderr that start with the command's name ---- */

/* Say something, unless -q. */
void cli_say(struct cli *c, const char *fmt, ...) SADA_PRINTF(2, 3);
/*
 * Print an error of one operand now.  WHERE (may be NULL) goes before the
 * sentence, quoted, if it does not stand in it; STEP (may be NULL) first.
 */
void cli_tell(struct cli *c, const char *step, const char *where,
    const struct sada_err *err);
/* Take the line of progress away, if one is shown. */
void cli_clear(struct cli *c);
/* Write a line of stderr as it is; B is reset. */
void cli_line(struct cli *c, struct sada_buf *b);

/* ---- out.c: records on stdout ---- */

/* Append text, bytes, formatted text to the record. */
void cli_put(struct cli *c, const char *s);
void cli_bytes(struct cli *c, const void *p, size_t n);
void cli_putf(struct cli *c, const char *fmt, ...) SADA_PRINTF(2, 3);
/* Append a name: quoted, or with -z as it is. */
void cli_name(struct cli *c, const char *name, size_t n);
/* Append N bytes of somebody's prose: no byte moves a terminal. */
void cli_text(struct cli *c, const char *p, size_t n);
/* Append wall time NS as "2026-11-22 18:43" (UTC). */
void cli_date(struct cli *c, long long ns);
/*
 * End the record.  The result is 0, or SADA_SYS when stdout is broken:
 * what only lists stops then, what does things goes on.
 */
int cli_end(struct cli *c);
/* Write what is buffered: 0 or SADA_SYS, which cli_finish() reports. */
int cli_flush(struct cli *c);

/* A record of JSON: open, members, end.  A NULL string is left out. */
void cli_json(struct cli *c);
void cli_json_str(struct cli *c, const char *key, const char *s);
void cli_json_name(struct cli *c, const char *key, const char *p, size_t n);
/* An array of plain words, as names of peers are. */
void cli_json_list(struct cli *c, const char *key, const char *const *s,
    size_t n);
void cli_json_num(struct cli *c, const char *key, uint64_t v);
void cli_json_flag(struct cli *c, const char *key, int v);
void cli_json_time(struct cli *c, const char *key, long long ns);
int cli_json_end(struct cli *c);

/* Put the name of a peer or remote that -n would change. */
void cli_named(struct cli *c, const char *name);
/* Put a replica's public line, "NAME KEY"; in JSON with ID, unless NULL. */
void cli_public(struct cli *c, const char *line, const char *id);
/* Put the id of an op that was made, nothing when OP is empty. */
void cli_op(struct cli *c, const char *op);
/* What an each callback gets of snap, merge, restore: CTX is the cli. */
int cli_change(const struct sada_change *ch, void *ctx);
/* Put CH on stdout, as JSON with the op's id OP (may be NULL). */
int cli_put_change(struct cli *c, const struct sada_change *ch,
    const char *op);
/* Put a bundle that was taken in; CTX is the cli. */
int cli_pulled(const struct sada_pulled *p, void *ctx);
/* Put a bundle that was written; CTX is the cli. */
int cli_pushed(const char *place, const char *peers, uint64_t ops,
    uint64_t bytes, void *ctx);
/* Tell what a merge left to look at, and note its exit status. */
void cli_merged(struct cli *c, const struct sada_merge_result *res);
/* Tell how many names a snap could not record, and note its status. */
void cli_snapped(struct cli *c, const struct sada_snap_result *res);

#endif
