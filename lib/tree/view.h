/*
 * The directory as a view: which names a map shows.
 *
 * Versions of a slot are ordered by (lamport of their op, author, version
 * id), highest first, and folded: each joins the first group with equal
 * kind and content (id and size), or with which it merges without conflict
 * (merger.h), else it opens one.  Mode: the side that changed it since the
 * base, else the highest version's; mtime comes with the content, and a
 * merged content has the later one plus a nanosecond.  All directory
 * versions of a slot are one group.  The first group takes the name; when
 * the path is also a directory (it has a directory version, or living
 * paths lie below it) the directory takes it.  Each other group stands
 * beside it under stem ~ HEX ext, see sada_copy_name().  The root is
 * nothing but a directory, and not shown when no version of it exists.
 */
#ifndef SADA_TREE_VIEW_H
#define SADA_TREE_VIEW_H

#include "tree/tree.h"

/*
 * Why a group of a slot stands by itself.  Of several groups that it did
 * not join, the highest of these counts: what came nearest to a merge.
 */
enum sada_apart {
	SADA_APART_FIRST = 0,		/* there was none before it */
	SADA_APART_KIND,		/* another kind */
	SADA_APART_MANY,		/* too many versions: none is merged, or
					   too many merges were tried */
	SADA_APART_BASE,		/* no common ancestor */
	SADA_APART_KEEP,		/* the rule of its path says so */
	SADA_APART_LARGE,		/* more than what is merged */
	SADA_APART_BINARY,		/* not of what its driver merges */
	SADA_APART_DRIVER,		/* its driver is not in this build */
	SADA_APART_COMMAND,		/* its command did not merge it */
	SADA_APART_SAME,		/* both changed the same place */
	SADA_APART_LACKS		/* a content or a list of ancestors that
					   would merge it is not here */
};

/* One name of the directory. */
struct sada_name {
	const char *path;		/* where it stands */
	size_t len;
	const char *slot;		/* whose versions it shows; a copy's differs */
	size_t slot_len;
	struct sada_version *cover;	/* sorted by version id; none: implied
					   directory */
	size_t ncover;
	unsigned groups;		/* names of the slot: the main one,
					   implied or not, and its copies;
					   >1 = a conflict */
	uint8_t kind;
	uint16_t mode;			/* as it is to be laid out */
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;		/* implied directory: NO_MTIME */
	uint8_t apart;			/* enum sada_apart */
	struct sada_dot lacks;		/* LACKS: who wrote what is missing */
	uint8_t based;			/* it has a common ancestor, a file, */
	uint64_t base_size;		/* with another group: that one's */
	struct sada_id base;		/* content, maybe not held */
};
#define SADA_NO_MTIME UINT32_MAX

/* Lamport of a dot in the state's past, else 0. */
typedef uint64_t sada_lamport_fn(const struct sada_dot *d, void *ctx);

/* What a view is made with; borrowed as long as it lives. */
struct sada_merger;
struct sada_carry;
struct sada_view_by {
	sada_lamport_fn *lamport;
	void *ctx;
	struct sada_merger *merger;	/* NULL: only equal contents meet */
	const struct sada_carry *carry;	/* NULL: nothing follows a rename */
};

struct sada_view;
/*
 * The view of map ROOT.  Main names come in path order; copies are
 * collected meanwhile and come from sada_view_copies() after the last main
 * name.  *OUT is new, free with sada_view_free().  Errors: as cursor.
 */
SADA_MUST int sada_view_open(struct sada_view **out, struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_view_by *by,
    struct sada_err *err);
/* Next main name: 1 and *N (borrowed until the next call), or 0. */
SADA_MUST int sada_view_next(struct sada_view *v, struct sada_name *n,
    struct sada_err *err);
/*
 * After the end: the conflict copies, sorted by path; *N of them,
 * borrowed until the view is freed.  Names are given in order of (slot
 * path, group), each differing from all living paths (implied directories
 * included) and all other names: with 10 digits, or as many more as that
 * needs; should all 64 be taken, the copy name of that last name is tried,
 * and so on.  Errors: as cursor.
 */
SADA_MUST int sada_view_copies(struct sada_view *v,
    const struct sada_name **copies, size_t *n, struct sada_err *err);
/* Free; NULL is fine. */
void sada_view_free(struct sada_view *v);

/*
 * The main name at PATH alone, by point lookups: 1 and *N (borrowed until
 * *HOLD is freed with sada_view_free()), 0 when nothing lives there.
 */
SADA_MUST int sada_view_one(struct sada_view **hold, struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_view_by *by,
    const char *path, size_t len, struct sada_name *n,
    struct sada_err *err);

/*
 * Fold every slot that has several versions, for what BY's
 * merger does meanwhile: it puts merged contents where they are wanted.
 * Errors: as cursor.
 */
SADA_MUST int sada_view_prepare(struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_view_by *by,
    struct sada_err *err);

/*
 * The copy name of slot PATH for a group with cover ids ID[N] (sorted),
 * with DIGITS (10 to 64) hex digits: "stem~HEX.ext" in the same
 * directory; ext = from the last dot that is not first, at most 16 bytes
 * with its dot, else none; stem cut to keep 255 bytes, not inside a UTF-8
 * sequence, and SADA_PATH_MAX where that can be (a copy deeper than that
 * cannot be laid out); HEX of H("sada.name.v1", le64 length of path, path, ids).
 */
void sada_copy_name(struct sada_buf *out, const char *path, size_t len,
    const struct sada_id *id, size_t n, unsigned digits);

#endif
