/*
 * Layout: bring single names of a view into a directory without losing what
 * stands there.  W is not changed: what is laid
 * out here is, for the next scan, as if the user had done it.
 *
 * Names are added first, which only looks; then all are carried out.  What
 * is replaced or removed in a replica goes to its trash, listed there
 * before it is touched, by EXCHANGE or NOREPLACE only; a crash anywhere
 * leaves each name as it was or as it was to be.
 *
 * A database (see disk/database.h) counts as what its rows are; one that
 * takes another's place is brought into it, if SQLite can do that.  What is
 * no database takes the place of none that is in use.
 */
#ifndef SADA_DISK_LAYOUT_H
#define SADA_DISK_LAYOUT_H

#include "disk/database.h"
#include "disk/work.h"
#include "store/file.h"
#include "tree/view.h"

enum {
	SADA_LAYOUT_KEEP = 1	/* what exists is kept */
};

enum sada_placed {
	SADA_PLACED_SAME = 0,	/* it stands there so already */
	SADA_PLACED_NEW,
	SADA_PLACED_OVER,	/* over a file whose content is recorded */
	SADA_PLACED_META,	/* only mode and mtime */
	SADA_PLACED_KEPT,	/* something stands there, and KEEP */
	SADA_PLACED_EDIT,	/* an edit that is not recorded stands there */
	SADA_PLACED_BLOCKED,	/* what stands there cannot be replaced */
	SADA_PLACED_WANT,	/* its content is not held */
	SADA_PLACED_FAIL	/* it was tried */
};

struct sada_layout_opts {
	int root;			/* the directory, borrowed */
	int sdir;			/* its ".sada"; -1: a fresh copy, where
					   every file that exists is an EDIT */
	const struct sada_work *old;	/* W, or NULL: compare by content */
	struct sada_source src;
	const struct sada_databases *db;	/* or NULL: none */
	unsigned flags;			/* SADA_LAYOUT_* */
};

struct sada_layout;
/* *OUT is new; free it with sada_layout_free().  Errors: FORMAT (of W). */
SADA_MUST int sada_layout_new(struct sada_layout **out,
    const struct sada_layout_opts *opts, struct sada_err *err);
/* Free; NULL is fine. */
void sada_layout_free(struct sada_layout *l);

enum {
	SADA_LAYOUT_PARENT = 1	/* a directory that is only there to hold
				   others: one that exists is left as it is */
};
/*
 * Add name N (copied).  Directories must come before what is in them.
 * *PLACED tells what will be done, *WHY (static, or NULL) why nothing can
 * be.  Nothing is touched yet.  Errors: SYS DAMAGED FORMAT.
 */
SADA_MUST int sada_layout_add(struct sada_layout *l,
    const struct sada_name *n, unsigned how, unsigned *placed,
    const char **why, struct sada_err *err);

/*
 * Carry it out.  EACH is told every name that is not SAME with what came
 * of it; names that fail do not stop the others.  In a replica the lock is
 * held and recovery done.  Errors: SYS DAMAGED; what was staged is dropped.
 */
SADA_MUST int sada_layout_run(struct sada_layout *l,
    void (*each)(const char *path, size_t len, unsigned placed,
    const char *why, void *ctx), void *ctx, struct sada_err *err);

#endif
