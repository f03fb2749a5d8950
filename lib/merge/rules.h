/* Which driver merges a path: rules that travel, and local ones. */
#ifndef SADA_MERGE_RULES_H
#define SADA_MERGE_RULES_H

#include <stddef.h>

#include "base/err.h"
#include "merge/merge.h"

/* The text that travels, at the root of the directory. */
#define SADA_RULES_NAME ".sadamerge"
/* A text that is longer has no rules. */
#define SADA_RULES_MAX ((size_t)64 << 10)

struct sada_rules;

/* A rule of this replica only. */
struct sada_rule {
	const char *pattern;		/* NUL-terminated, not quoted */
	unsigned driver;		/* enum sada_driver */
	const char *command;		/* with SADA_MERGE_COMMAND, else NULL */
};

/*
 * The rules of TEXT (N bytes, .sadamerge of sadamerge(5)) above the built-in
 * ones and below LOCAL (COUNT rules, copied).  Of several that bind a path
 * the last holds.  What TEXT has that is no rule is passed over and counted,
 * and never an error.  *OUT is new, free with sada_rules_free().  Errors:
 * USAGE (a local rule without a good pattern, driver or command).
 */
SADA_MUST int sada_rules_new(struct sada_rules **out, const void *text,
    size_t n, const struct sada_rule *local, size_t count,
    struct sada_err *err);
/*
 * The driver for PATH; *COMMAND (may be NULL) is what to run with
 * SADA_MERGE_COMMAND, borrowed from R, else NULL.
 */
unsigned sada_rules_ask(const struct sada_rules *r, const char *path,
    size_t len, const char **command);
/*
 * How many lines of the text were passed over; *LINE (may be NULL) is the
 * number of the first, from 1.  A text that is too long counts as one.
 */
size_t sada_rules_skipped(const struct sada_rules *r, size_t *line);
/* Free; NULL is fine. */
void sada_rules_free(struct sada_rules *r);

/* The driver with that name (never COMMAND), or 0. */
unsigned sada_driver_find(const char *name, size_t n);
/* The name of DRIVER, "command" too. */
const char *sada_driver_name(unsigned driver);

#endif
