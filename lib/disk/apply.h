/*
 * Apply: lay a view out in the directory.  Three-way for each name: W
 * (what was laid out), T (the view), D (the disk).  D = T: done.  D = W:
 * replaced.  Neither: a user's edit, hands off; its row stays as it was.
 *
 * Order of durability: journal "plan" fsynced; everything staged below
 * ".sada/stage", durable; journal "staged" fsynced; swaps
 * (renameat2 EXCHANGE or NOREPLACE only), directories durable; next W
 * written with the stats read back, fsynced, renamed, fsynced; journal
 * removed.  A crash anywhere: sada_apply_pending() tells, and the same call
 * with RECOVER finishes it.
 */
#ifndef SADA_DISK_APPLY_H
#define SADA_DISK_APPLY_H

#include "disk/database.h"
#include "disk/work.h"
#include "store/file.h"
#include "tree/view.h"

enum {
	SADA_APPLY_RECOVER = 1,	/* an unfinished apply: classify by content */
	SADA_APPLY_DRY = 2,	/* only tell what would be done */
	SADA_APPLY_ADOPT = 4	/* touch no file: only rebuild W (it was lost):
				   names that equal T get T's row, others W's */
};

enum sada_did {
	SADA_DID_CREATE = 1, SADA_DID_REPLACE, SADA_DID_DELETE,
	SADA_DID_META,		/* only mode or mtime */
	SADA_DID_LEAVE,		/* a user's edit stands there: left alone */
	SADA_DID_WANT,		/* its content is not here yet */
	SADA_DID_FAIL		/* could not be laid out; why says it */
};

struct sada_apply_opts {
	int root, sdir;
	const struct sada_work *old;	/* W, or NULL: nothing was laid out */
	struct sada_view *view;		/* T, fresh; it is used up, and freed by the caller */
	struct sada_source src;
	const struct sada_databases *db;	/* or NULL: none */
	const struct sada_id *heads;	/* of T */
	size_t nheads;
	struct sada_id map;		/* T's root */
	unsigned flags;			/* SADA_APPLY_* */
	unsigned threads;		/* 0: by the machine */
	/* Told in path order for all that is not plain agreement. */
	void (*report)(const char *path, size_t len, unsigned did,
	    const char *why, void *ctx);
	/*
	 * ADOPT only: the view of what was laid out according to other
	 * evidence (NULL: nothing); used up, freed by the caller.
	 */
	struct sada_view *base;
	struct sada_older was;		/* ADOPT only: the heads of BASE */
	void *ctx;
};

struct sada_apply_result {
	uint64_t created, replaced, deleted, meta, left, wanted, failed;
	uint64_t copies, conflicts;
	int changed;			/* a next W was published */
};

/*
 * Lay T out and publish the next W.  Directories that are new are built
 * whole below the stage and renamed into place once.  Nothing that a user
 * made is lost: what an exchange displaces is compared with W's stat and
 * put back when it is a surprise; what was displaced lies in ".sada/trash"
 * until a later run re-hashes it (sada_trash_empty()).  Names that fail
 * are told and counted, others go on; only an I/O error of the store or a
 * full disk stops it: then what was staged is removed, what was swapped
 * stays, and the journal tells the next run.  Errors: SYS DAMAGED FORMAT.
 *
 * A database (see disk/database.h) is compared by its rows, and its mtime
 * does not count.  It is changed where it stands, in one transaction: what
 * leads from W to T is brought into it, and what was written to it since W
 * stays there, for the next scan.  Where SQLite refuses, it changes places
 * like a file if it is W and nobody has it open as far as can be seen; else
 * it is left.  One that is in use is neither removed nor made another kind.
 */
SADA_MUST int sada_apply(struct sada_apply_result *res,
    const struct sada_apply_opts *opts, struct sada_err *err);

/*
 * Is an apply unfinished?  1 with the heads and root that it was to lay
 * out (*HEADS new, free with free()), else 0.  Errors: SYS.  A torn or
 * damaged journal of phase "plan" means that no file was touched: 0.
 */
SADA_MUST int sada_apply_pending(int sdir, struct sada_id **heads,
    size_t *nheads, struct sada_id *map, struct sada_err *err);

/*
 * Remove what earlier runs displaced: each file whose re-hash is a content
 * that the store holds, or a database with the rows of one that its list
 * names, is unlinked; any other is put back into the
 * directory beside its old name (NAME~kept-HEX) for the next snap, and
 * told.  Called with the lock held and no apply pending.  Errors: SYS.
 */
SADA_MUST int sada_trash_empty(int root, int sdir, struct sada_store *store,
    void (*report)(const char *path, size_t len, unsigned did,
    const char *why, void *ctx), void *ctx, struct sada_err *err);

#endif
