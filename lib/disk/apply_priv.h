/*
 * Apply, inside: the plan (one act for each path where W and the view
 * differ), and the run that carries it out.
 */
#ifndef SADA_DISK_APPLY_PRIV_H
#define SADA_DISK_APPLY_PRIV_H

#include "disk/apply.h"
#include "format/journal.h"

/* 32 hex digits and a NUL: a name in the stage. */
#define SADA_STAGE_NAME 33
/* A decimal number and a NUL: a name in the trash. */
#define SADA_TRASH_NAME 24

enum sada_rm {
	SADA_RM_TRASH = 1,	/* the file or link there goes to the trash */
	SADA_RM_DIR		/* the directory there goes, if it is empty */
};

enum sada_put {
	SADA_PUT_NEW = 1,	/* nothing is there (any more): NOREPLACE */
	SADA_PUT_SWAP,		/* file or link for file or link: EXCHANGE */
	SADA_PUT_META		/* mode and mtime of what is there */
};

/* What the next W says of the path. */
enum sada_keep {
	SADA_KEEP_OLD,		/* W's row if there is one */
	SADA_KEEP_NEW,		/* the view's values, with SEEN and ROWFLAGS */
	SADA_KEEP_NONE
};

enum {
	SADA_ACT_ROW = 1,	/* only the row changes */
	SADA_ACT_TOUCH = 2,	/* W = T: only here since children change */
	SADA_ACT_TOP = 4,	/* new directory, built whole in the stage */
	SADA_ACT_INNER = 8,	/* lies in such a one */
	SADA_ACT_HASH = 16,	/* displaced: compare by content (ID) */
	SADA_ACT_STAGED = 32,	/* stands in the stage */
	SADA_ACT_TOUCHED = 64,	/* directory: a child came or went by us */
	SADA_ACT_LOOSE = 128,	/* directory: made writable for that */
	SADA_ACT_FINISH = 256,	/* directory: mode and mtime are to be set */
	SADA_ACT_ROWS = 512,	/* a database: T's rows are brought in first */
	SADA_ACT_EDITED = 1024,	/* a database: not W, or that is not known:
				   nothing may take its place */
	SADA_ACT_LIKE_W = 2048	/* a database with W's rows is displaced */
};

/*
 * One path.  Invariants:
 *  1. At least one of T and W is set; both lie in the plan's memory.
 *  2. PARENT is the act of the path's directory, or NO_ACT: the root's.
 */
struct sada_act {
	const char *path;		/* with a NUL behind */
	size_t len;
	const struct sada_name *t;
	const struct sada_row *w;
	size_t parent;
	uint16_t flags;			/* SADA_ACT_* */
	uint8_t rm, put, keep, did;
	uint8_t there;			/* kind on the disk, 0: nothing */
	uint8_t rowflags;
	const char *why;		/* static text */
	struct sada_seen was;		/* on the disk before */
	struct sada_seen seen;		/* staged, then laid out */
	struct sada_id id;		/* content on the disk, if HASH */
};
#define SADA_NO_ACT SIZE_MAX
/* "there" of devices, sockets and the like. */
#define SADA_KIND_OTHER 9

struct sada_plan {
	struct sada_act *act;		/* sorted by path */
	size_t n, cap;
	struct sada_slab *slab;		/* memory of paths, names, rows */
	uint64_t copies, conflicts;
};

struct sada_run {
	const struct sada_apply_opts *o;
	struct sada_apply_result *res;
	const struct sada_work *old;	/* whose rows the next W starts from */
	struct sada_plan plan;
	int stage;			/* ".sada/stage" */
	int trash;			/* ".sada/trash/SERIAL" */
	uint64_t serial;
	uint64_t generation;		/* of the old W, 0: none */
	int recover;
	int displaced;			/* the trash will be needed */
	int many;			/* syncfs instead of single syncs */
	int unsynced;			/* a file could not be opened for sync */
	int dfd;			/* handle of directory DPATH */
	char *dpath;
};

/* ---- plan.c ---- */
/* Fill P from OLD (may be NULL) and VIEW.  Errors: as view and cursor. */
SADA_MUST int sada_plan_build(struct sada_plan *p,
    const struct sada_work *old, struct sada_view *view,
    struct sada_err *err);
/* Free what P holds. */
void sada_plan_release(struct sada_plan *p);
/* The act at PATH, or NO_ACT. */
size_t sada_plan_find(const struct sada_plan *p, const char *path,
    size_t len);
/* Memory that lives as long as the plan. */
void *sada_plan_mem(struct sada_plan *p, size_t n);
/* Add an act for PATH (copied); the plan is no longer sorted. */
struct sada_act *sada_plan_add(struct sada_plan *p, const char *path,
    size_t len);
/* Copies in the plan's memory. */
const struct sada_name *sada_plan_name(struct sada_plan *p,
    const struct sada_name *n);
/* The same for a row of W. */
const struct sada_row *sada_plan_row(struct sada_plan *p,
    const struct sada_row *r);
/* Sort by path and set PARENT; each path is there once. */
void sada_plan_sort(struct sada_plan *p);
/* Count copies and slots with several groups among N copies. */
void sada_plan_conflicts(struct sada_plan *p, const struct sada_name *copies,
    size_t n);
/* The row that shows name N, without seen; borrows from N. */
void sada_row_of(struct sada_row *r, const struct sada_name *n);

/* ---- classify_db.c ---- */
/*
 * Is A's path part of a database in use, or of one that T brings?  1, and
 * nothing is to be done about it, or 0.  Errors: SYS.
 */
SADA_MUST int sada_act_aside(struct sada_run *r, struct sada_act *a,
    struct sada_err *err);
/*
 * The regular file at A, in DFD, with stat ST: 1 when it is a database, and
 * A is decided; 0: a plain file.  STAT_IS_W: its stat is W's.  Errors: as
 * sada_disk_content().
 */
SADA_MUST int sada_classify_database(struct sada_run *r, struct sada_act *a,
    int dfd, const struct sada_stat *st, int stat_is_w,
    struct sada_err *err);
/*
 * Is NAME in DFD, at PATH, a database with the rows of content ID?  1, 0,
 * or 2: it is none.  Errors: SYS.
 */
SADA_MUST int sada_run_rows(struct sada_run *r, int dfd, const char *name,
    const char *path, size_t len, const struct sada_id *id, uint64_t size,
    struct sada_err *err);

/* ---- classify.c ---- */
/* Mode on the disk as W saw it?  Loosened by a crashed apply counts too. */
int sada_act_mode_is_w(const struct sada_run *r, const struct sada_act *a);
/* Mode on the disk as T wants it? */
int sada_act_mode_is_t(const struct sada_act *a);
/* The file or link there is as it was laid out: T takes its place. */
void sada_act_replace(struct sada_act *a);
/* Set PUT, DID and KEEP for META. */
void sada_act_meta(struct sada_act *a);
/* Decide RM, PUT, KEEP and DID of every act by looking at the disk. */
SADA_MUST int sada_classify(struct sada_run *r, struct sada_err *err);
/* The kind of ST as SADA_FILE, ... or SADA_KIND_OTHER. */
uint8_t sada_kind_of(const struct sada_stat *st);
/*
 * SEEN for a row of T where the disk has WAS with the same content: what
 * differs in mode and mtime is told as T's, so that a scan sees it.
 */
void sada_seen_adopt(struct sada_seen *seen, const struct sada_seen *was,
    const struct sada_name *t);
/* Errors of one name: the sentence; NULL: they stop the apply. */
const char *sada_why(const struct sada_err *err);
/* DID is now a refusal: LEAVE, WANT or FAIL; the old row stays. */
void sada_act_refuse(struct sada_act *a, unsigned did, const char *why);
/*
 * The handle of the directory that act A stands in, cached in R: *FD is
 * borrowed until the next call.  Errors: as sada_io_open_below().
 */
SADA_MUST int sada_run_parent(struct sada_run *r, const struct sada_act *a,
    int *fd, struct sada_err *err);
/* Base name of A. */
const char *sada_act_base(const struct sada_act *a);

/* ---- stage.c ---- */
/* Name of PATH in the stage. */
void sada_stage_name(char out[SADA_STAGE_NAME], const char *path,
    size_t len);
/* Build everything below the stage and make it durable. */
SADA_MUST int sada_stage(struct sada_run *r, struct sada_err *err);
/* Remove what the stage holds; all of it must be ours. */
SADA_MUST int sada_stage_clear(int stage, struct sada_err *err);
/* Open directory NAME in DFD, made 0700 when it is not there. */
SADA_MUST int sada_open_dir(int *fd, int dfd, const char *name,
    struct sada_err *err);

/* ---- swap.c ---- */
/* Bring what is staged into the directory and make it durable. */
SADA_MUST int sada_swap(struct sada_run *r, struct sada_err *err);
/* Note FD's stat before the first change in the directory of A. */
SADA_MUST int sada_swap_touch(struct sada_run *r, const struct sada_act *a,
    int fd, struct sada_err *err);

/* ---- swap_db.c ---- */
/*
 * Bring T's rows into the database of A, in DFD: 1 when A is settled, 0
 * when it may and must change places.  Errors: SYS.
 */
SADA_MUST int sada_swap_rows(struct sada_run *r, struct sada_act *a, int dfd,
    struct sada_err *err);

/* ---- finish.c ---- */
/* Mode and mtime of the directories touched; sync them. */
SADA_MUST int sada_finish_dirs(struct sada_run *r, struct sada_err *err);
/* Write and publish the next W. */
SADA_MUST int sada_finish_work(struct sada_run *r, struct sada_err *err);

/* ---- trash.c ---- */
void sada_trash_name(char out[SADA_TRASH_NAME], uint64_t n);
/* Make the next ".sada/trash/SERIAL" with its manifest, durable. */
SADA_MUST int sada_trash_begin(struct sada_run *r, struct sada_err *err);
/* One file of a manifest. */
struct sada_trashed {
	uint64_t n;
	unsigned swap;			/* it was to be exchanged */
	const char *path;		/* not NUL-terminated */
	size_t len;
	int rows;			/* a database with the rows of: */
	struct sada_id content;
	uint64_t size;
};
/*
 * The manifest of trash directory DIR, told to EACH.  Errors: NOTFOUND
 * FORMAT SYS, what EACH returns.
 */
SADA_MUST int sada_manifest_read(int dir,
    int (*each)(const struct sada_trashed *t, void *ctx), void *ctx,
    struct sada_err *err);
/*
 * Put NAME in DFD back into the directory beside PATH, as NAME~kept-HEX in
 * the nearest directory that still stands.  REPORT may be NULL.
 */
SADA_MUST int sada_keep_beside(int root, int dfd, const char *name,
    const char *path, size_t len, void (*report)(const char *path,
    size_t len, unsigned did, const char *why, void *ctx), void *ctx,
    struct sada_err *err);
/*
 * Is NAME in DFD a file or link whose content SRC holds?  1, 0; *ID is the
 * content.  Errors: SYS.
 */
SADA_MUST int sada_disk_held(const struct sada_source *src, int dfd,
    const char *name, struct sada_id *id, struct sada_err *err);

/* ---- journal.c ---- */
/* Publish the journal in PHASE. */
SADA_MUST int sada_journal_write(struct sada_run *r, unsigned phase,
    struct sada_err *err);
/* Remove it, durably. */
SADA_MUST int sada_journal_remove(int sdir, struct sada_err *err);
/*
 * Read it: 1 and *J (free J->heads), 0 when there is none; a damaged one
 * is FORMAT or VERSION.
 */
SADA_MUST int sada_journal_read(struct sada_journal *j, int sdir,
    struct sada_err *err);
/*
 * Settle what an interrupted apply left in stage and trash; the plan is
 * built, nothing classified.
 */
SADA_MUST int sada_stage_recover(struct sada_run *r, const struct sada_journal *j,
    struct sada_err *err);

/* ---- adopt.c ---- */
SADA_MUST int sada_adopt(struct sada_run *r, struct sada_err *err);

#endif
