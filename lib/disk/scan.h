/*
 * Scan: the directory against W, as a stream of differences.
 *
 * Directories whose stat stands (mtime, ctime, inode; not racy) are not
 * read, only their children are stat'ed; files whose stat stands are not
 * opened.  Workers take whole directories ahead of the consumer and hash
 * and store new contents through a fill of their own; the consumer gets
 * everything in path order.
 */
#ifndef SADA_DISK_SCAN_H
#define SADA_DISK_SCAN_H

#include "disk/database.h"
#include "disk/work.h"
#include "git/ignore.h"
#include "store/store.h"

enum sada_found {
	SADA_FOUND_NEW = 1,	/* no row; not ignored */
	SADA_FOUND_CHANGED,	/* kind, content, mode or mtime differ */
	SADA_FOUND_STAT,	/* only the stat: the row is refreshed */
	SADA_FOUND_GONE,	/* a row, and nothing on the disk */
	SADA_FOUND_KEPT		/* cannot be told (unreadable, special, other
				   device, changing while read): row kept */
};
enum {
	SADA_DIFF_KIND = 1,
	SADA_DIFF_CONTENT = 2,
	SADA_DIFF_MODE = 4,
	SADA_DIFF_MTIME = 8,
	SADA_DIFF_CHILD = 16	/* directory: a direct child came, went or
				   changed */
};

/* One difference; everything is borrowed for the call. */
struct sada_item {
	const char *path;
	size_t len;
	unsigned found;			/* enum sada_found */
	unsigned diff;			/* SADA_DIFF_* */
	const struct sada_row *row;	/* of W, or NULL (NEW) */
	/*
	 * What is there now (NEW, CHANGED, STAT).  A field that did not change
	 * against row->seen has the row's own value.
	 */
	uint8_t kind;
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct sada_seen seen;
	unsigned racy;			/* flag RACY for the new row */
};

struct sada_scan_opts {
	int root;			/* the directory */
	int sdir;			/* its ".sada"; -1: no next W is
					   written, what EACH says of rows
					   is not used */
	const struct sada_work *old;	/* NULL: everything is new */
	struct sada_txn *txn;		/* NULL: contents are not stored */
	struct sada_ignore *ignore;	/* .sadaignore files met are added */
	const struct sada_databases *db;	/* or NULL: none */
	struct sada_source src;		/* with DB: where contents of OLD are
					   read from; read by all threads */
	unsigned threads;		/* 0: by the machine */
	/*
	 * Called in path order for each difference; fills *ROW (given as a
	 * draft: path, slot = path, kind, values, seen, flags; cover empty;
	 * for STAT slot and cover of the old row, for KEPT and GONE all of
	 * it) and returns 1 to write it, 0 to have no row, <0 to stop.  A
	 * name that exists and gets no row is NEW again next time.  For a
	 * directory it comes before its children, with SADA_DIFF_CHILD
	 * already known; an unchanged directory with a changed child comes
	 * as CHANGED with DIFF_CHILD only when its mtime differs too.  What
	 * ROW points to must live until the next call.
	 */
	int (*each)(const struct sada_item *it, struct sada_row *row,
	    void *ctx, struct sada_err *err);
	/*
	 * A name that was skipped, and why; from the consumer's thread.
	 * SPECIAL: it is a socket, fifo or device that nobody recorded.
	 */
	void (*report)(const char *path, size_t len, unsigned special,
	    const char *why, void *ctx);
	void *ctx;
};

struct sada_scan_result {
	int written;			/* "work.new" is open in *WRITER */
	uint64_t files, dirs, opened, dirs_read;
	uint64_t skipped;		/* unreadable, bad names, and names
					   with a row that are KEPT */
	uint64_t special;		/* special files without a row */
	uint64_t ignored;
	uint64_t rows;			/* rows of the next W */
};

/*
 * Scan.  *WRITER receives the unfinished next W when anything differed
 * (the caller finishes or frees it), else NULL.  A name without a row that
 * is special, has no valid name, folds to ".sada", lies on another device
 * or too deep is reported and skipped; with a row it is KEPT.  A directory
 * that cannot be read keeps all of its rows.  A file is read between two
 * equal stats; one that keeps changing: if its first S bytes read the same
 * twice, those S; else KEPT (or skipped) and reported.  A directory with a
 * name that was skipped is read again next time.  NOTE: the root itself
 * cannot be missing: the caller opened it.
 *
 * A database (see disk/database.h) is captured as its users see it, each
 * time while its WAL holds rows.  One whose rows are those of its row is
 * STAT, whatever its bytes and its mtime.  One that cannot be captured now
 * is KEPT (or skipped) and reported.  What stands beside it is passed over,
 * and a row of such a name stays, whether it is there or not.
 *
 * Rules: a file named .sadaignore is never ignored itself.  It is read when
 * the first name without a row must be judged; one that cannot be read
 * stops the scan, for what it hides must not be recorded.
 *
 * Errors: SYS FORMAT (of W), what EACH returns.
 */
SADA_MUST int sada_scan(struct sada_work_writer **writer,
    struct sada_scan_result *res, const struct sada_scan_opts *opts,
    struct sada_err *err);

/*
 * Content id of the regular file or link NAME in DFD as it is now (read
 * between two equal stats); *ST is its stat.  Errors: NOTFOUND SYS AGAIN.
 */
SADA_MUST int sada_disk_content(struct sada_id *id, struct sada_stat *st,
    int dfd, const char *name, struct sada_err *err);

#endif
