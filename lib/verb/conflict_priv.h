/* Conflicts as the verbs see them: the groups of each slot, by name. */
#ifndef SADA_VERB_CONFLICT_PRIV_H
#define SADA_VERB_CONFLICT_PRIV_H

#include "verb/look_priv.h"
#include "verb/snap_priv.h"

/* One group of a conflict. */
struct sada_part {
	struct sada_name n;		/* path, slot and cover are its own */
	struct sada_version lead;	/* the highest version, if any */
	struct sada_id version;		/* its id; zero: implied directory */
	uint64_t lamport;
	int copy;			/* it has not the name itself */
};

/* All groups of all conflicts, by slot, then the main one, then the rest. */
struct sada_parts {
	struct sada_state *st;
	struct sada_part *p;
	size_t n, cap;
};
/* The conflicts of REV, which must outlive PS.  Errors: as views. */
SADA_MUST int sada_parts_init(struct sada_parts *ps, struct sada_rev *rev,
    struct sada_err *err);
/* Free what PS holds. */
void sada_parts_release(struct sada_parts *ps);
/* Where the slot that begins at FROM ends. */
size_t sada_parts_end(const struct sada_parts *ps, size_t from);
/*
 * The slot that ARG names, by itself or by a copy: *FROM to *TO.  Errors:
 * USAGE.
 */
SADA_MUST int sada_parts_find(const struct sada_replica *r,
    const struct sada_parts *ps, const char *arg, size_t *from, size_t *to,
    struct sada_err *err);
/* There is no conflict at ARG, which the user gave: USAGE. */
int sada_parts_none(const char *arg, struct sada_err *err);
/*
 * The part of FROM to TO that WHICH (author, version id, "mine") names.
 * Errors: USAGE.
 */
SADA_MUST int sada_parts_choose(const struct sada_replica *r,
    const struct sada_parts *ps, size_t from, size_t to, const char *which,
    size_t *at, struct sada_err *err);

/* How slots are settled. */
enum sada_settle_how {
	SADA_SETTLE_PART = 1,	/* part AT takes the name */
	SADA_SETTLE_BOTH,	/* each copy is a file of its own */
	SADA_SETTLE_BYTES	/* file FD takes the name */
};
struct sada_settle {
	size_t from, to, at;
	unsigned how;
	int fd;
};
/*
 * Record N settlements of PS, the conflicts of what is laid out, as one op
 * (OP is its id) and lay them out; the lock is held.  Errors: GUARD (a
 * directory has the name) NOTFOUND (a content is not here) SYS DAMAGED.
 */
SADA_MUST int sada_settle(struct sada_replica *r,
    const struct sada_parts *ps, struct sada_rev *rev,
    const struct sada_settle *s, size_t n, const char *msg,
    char op[SADA_VERB_HEX], struct sada_err *err);
/* Can S be done?  Nothing is changed.  Errors: as sada_settle(). */
SADA_MUST int sada_settle_check(const struct sada_replica *r,
    const struct sada_parts *ps, const struct sada_rev *rev,
    const struct sada_settle *s, struct sada_err *err);

#endif
