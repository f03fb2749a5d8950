/* The parts of a scan: jobs, their order, reading of files, the walk. */
#ifndef SADA_DISK_SCAN_PRIV_H
#define SADA_DISK_SCAN_PRIV_H

#include <pthread.h>

#include "disk/scan.h"
#include "disk/work_priv.h"

#define SADA_IGNORE_NAME ".sadaignore"

/*
 * A directory with a .sadaignore, on the way to the names that it binds.
 * They are read only when a name without a row is met.
 */
struct sada_rules {
	struct sada_rules *up;		/* nearest above, or NULL */
	struct sada_rules *next;	/* all of a scan */
	int asked;			/* was read, under the lock */
	size_t len;
	char dir[];			/* NUL-terminated */
};

/* What all jobs of a scan see; only what LOCK guards changes. */
struct sada_scan {
	const struct sada_scan_opts *o;
	struct sada_stat root;		/* its stat */
	pthread_mutex_t lock;
	struct sada_rules *rules;	/* all, under LOCK */
	int preset;			/* rules were there before */
	/*
	 * A database is captured under the write lock: one image at a time,
	 * and no other handle of its inode is closed meanwhile, which would
	 * drop SQLite's locks.  Files with several names are read under the
	 * read lock.
	 */
	pthread_rwlock_t capture;
};

/* A thread's own things. */
struct sada_worker {
	struct sada_scan *s;
	struct sada_fill *fill;		/* NULL: contents are not stored */
	struct sada_buf buf;		/* where small files are read */
	int strict;			/* a file that grows is none */
	int sys;			/* errno of the last WHY */
	uint64_t opened;		/* files */
};

#define SADA_FOUND_SKIP 6		/* no row, none to come; WHY is told */
#define SADA_FOUND_SPECIAL 7		/* the same, of a special file */
#define SADA_FOUND_SAME 0		/* only what is below it is told */

/* What a job found under one name. */
struct sada_find {
	size_t name_at;			/* in the job's names */
	uint16_t name_len;
	uint8_t found;			/* enum sada_found, SKIP, SAME */
	uint8_t diff;			/* SADA_DIFF_* */
	uint8_t kind;
	uint8_t racy;			/* by its stat */
	uint8_t row_racy;		/* the row has SADA_ROW_RACY */
	uint8_t new_stat, new_mtime;	/* directory: against its row */
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct sada_seen seen;
	const char *why;		/* static; SKIP and KEPT */
	struct sada_job *sub;		/* directory: what is below */
};

enum {
	SADA_JOB_KNOWN = 1,		/* its stat stands: W has its names */
	SADA_JOB_REREAD = 2		/* rules changed: read it, and below */
};
enum sada_job_state { SADA_JOB_WAITS, SADA_JOB_RUNS, SADA_JOB_DONE };

/*
 * One directory.  Invariant: what stands below "result" is written by the
 * one thread that runs it, before the state becomes DONE.
 */
struct sada_job {
	char *path;			/* NUL-terminated */
	size_t len;
	struct sada_wref old;		/* its block in W */
	unsigned flags;			/* SADA_JOB_* */
	struct sada_rules *rules;	/* nearest above; then its own */
	enum sada_job_state state;	/* under the order's lock */
	/* result */
	int rc;
	struct sada_err err;
	const char *why;		/* it cannot be read */
	struct sada_find *f;		/* in name order */
	size_t n, cap;
	struct sada_buf names;
	int child_changed;		/* SADA_DIFF_CHILD */
	int unsettled;			/* to be read next time as well */
	int read;			/* names did not come from W */
	uint64_t files, ignored;
};

/* A job for PATH; free with sada_job_free(). */
struct sada_job *sada_job_new(const char *path, size_t len);
/* Free a job, with all that is below and was not taken; NULL is fine. */
void sada_job_free(struct sada_job *j);
/* Do it; what is wrong is in its result. */
void sada_job_run(struct sada_job *j, struct sada_worker *w);
/*
 * Add to J the directory NAME with stat ST; ROW is what W says (NULL:
 * nothing), below which OLD lies.
 */
void sada_job_subdir(struct sada_job *j, const char *name, size_t len,
    const struct sada_stat *st, const struct sada_wrow *row);
/* J's directory has row ROW (or NULL) and stat ST: what follows for J. */
void sada_job_stands(struct sada_job *j, const struct sada_wrow *row,
    const struct sada_stat *st);
/* A new find of J under NAME. */
struct sada_find *sada_job_find(struct sada_job *j, const char *name,
    size_t len, unsigned found);

/* One directory under way, in the thread that runs its job. */
struct sada_visit {
	struct sada_job *j;
	struct sada_worker *w;
	int fd;
	struct sada_buf path;		/* of the job, then of a name in it */
	size_t base;			/* where a name starts in it */
	unsigned flags;			/* for the jobs below */
	int inside;			/* of an ignored one: -1 not known */
};
/* Is the name at V's path, which has no row, ignored?  1, 0, <0. */
SADA_MUST int sada_rules_hide(struct sada_visit *v, int dir);
/*
 * Note V's own .sadaignore, if there is one.  One that may not be what W
 * knows makes V and all below it to be read.  Errors: FORMAT.
 */
SADA_MUST int sada_rules_find(struct sada_visit *v);
/* ---- what scan_db.c needs of dirjob.c ---- */
/* NAME cannot be told: its row is kept, or it is skipped. */
void sada_visit_keep(struct sada_visit *v, const char *name, size_t len,
    const struct sada_wrow *row, const char *why);
/* The name of ROW is not there. */
void sada_visit_gone(struct sada_visit *v, const struct sada_wrow *row);
/* A name as W has it.  Rows below it, if any, are of things gone. */
void sada_visit_unchanged(struct sada_visit *v, const struct sada_wrow *row);
/*
 * A find for the file NAME with stat ST and content ID of SIZE bytes, of
 * which the caller says with SAME that it is the content of ROW.
 */
struct sada_find *sada_visit_file(struct sada_visit *v, const char *name,
    size_t len, const struct sada_stat *st, const struct sada_wrow *row,
    const struct sada_id *id, uint64_t size, int same);
/* The find made last says nothing but that ROW stands: take it back. */
void sada_visit_forget(struct sada_visit *v, const struct sada_wrow *row);
/*
 * Is the name at V's path part of a database in use?  1, and it is dealt
 * with, or 0.  ROW is what W says, or NULL.
 */
int sada_scan_aside(struct sada_visit *v, size_t len,
    const struct sada_wrow *row);
/*
 * The regular file NAME with stat ST: 1 when it is a database, and dealt
 * with; 0: a plain file.  Errors: SYS.
 */
SADA_MUST int sada_scan_database(struct sada_visit *v, const char *name,
    size_t len, const struct sada_stat *st, const struct sada_wrow *row);

/* May the content of what has stat ST differ from that of row R? */
int sada_must_read(const struct sada_row *r, const struct sada_stat *st);

/* Look-ahead: which job a thread takes next. */
struct sada_order;
/*
 * Start N - 1 threads; W holds N workers, the first is the caller's own.
 * *OUT is new, free with sada_order_free().
 */
void sada_order_new(struct sada_order **out, struct sada_worker *w,
    unsigned n);
/* Offer the first job. */
void sada_order_push(struct sada_order *o, struct sada_job *j);
/*
 * Wait until J is done: runs it, or others meanwhile.  Jobs must be
 * taken in path order, each once; what it found below is offered already.
 */
void sada_order_take(struct sada_order *o, struct sada_job *j);
/* End the threads; jobs are the callers'.  NULL is fine. */
void sada_order_free(struct sada_order *o);

enum sada_got {
	SADA_GOT = 0,
	SADA_GOT_GONE = 1,		/* it is not there any more */
	SADA_GOT_NOT = 2		/* *WHY tells */
};
/*
 * Content of the file or link NAME in DFD, whose stat was *ST; then *ST is
 * the stat that goes with it, and *RACY tells whether that may hide a
 * change.  Errors (of the store or the process, not of the file): SYS.
 */
SADA_MUST int sada_scan_content(struct sada_worker *w, int dfd,
    const char *name, struct sada_stat *st, struct sada_id *id,
    unsigned *racy, const char **why, struct sada_err *err);
/* Is errno code SYS a fault of this process, not of the name? */
int sada_scan_fatal(int sys);
/* What errno code SYS says of a name; a static text. */
const char *sada_scan_why(int sys);

/*
 * Walk the jobs from ROOT, found under the empty name in TOP, in path
 * order; tells differences and writes the next W.  Errors: SYS FORMAT,
 * what EACH returns.
 */
SADA_MUST int sada_walk(struct sada_work_writer **writer,
    struct sada_scan_result *res, struct sada_scan *s,
    struct sada_order *order, struct sada_job *top, struct sada_err *err);

#endif
