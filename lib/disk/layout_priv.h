/* What the two halves of layout share. */
#ifndef SADA_DISK_LAYOUT_PRIV_H
#define SADA_DISK_LAYOUT_PRIV_H

#include "disk/apply_priv.h"
#include "disk/layout.h"

enum {
	SADA_ITEM_PARENT = 1,	/* as SADA_LAYOUT_PARENT */
	SADA_ITEM_HASH = 4,	/* displaced: compare by content */
	SADA_ITEM_STAGED = 8,	/* stands in the stage */
	SADA_ITEM_TOUCHED = 16,	/* directory: a child came or went */
	SADA_ITEM_LOOSE = 32,	/* directory: made writable for that */
	SADA_ITEM_ROWS = 64	/* a database with the rows of HAS */
};

/* One name.  UP is the item of its directory, or SADA_NO_ACT. */
struct sada_item_at {
	char *path;
	size_t len, up;
	uint8_t flags;			/* SADA_ITEM_* */
	uint8_t kind, placed;
	uint16_t mode, old_mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct sada_stat was;		/* on the disk before */
	struct sada_id id;		/* content there, if HASH */
	struct sada_id has;		/* recorded content of what is there,
					   if ROWS */
	uint64_t has_size;
	const char *why;		/* static */
};

struct sada_layout {
	struct sada_layout_opts o;
	struct sada_item_at *item;
	size_t n, cap;
	size_t sorted;			/* so many, from the first, are in order */
	struct sada_work_cursor *rows;	/* W, or NULL */
	struct sada_row row;		/* the row at hand */
	int has_row;
	int dfd;			/* handle of directory DPATH */
	char *dpath;
	size_t dlen;
};

/*
 * The handle of the directory of item A, cached in L: *FD is borrowed
 * until the next call.  Errors: as sada_io_open_below().
 */
SADA_MUST int sada_layout_dir(struct sada_layout *l,
    const struct sada_item_at *a, int *fd, struct sada_err *err);
/* Drop that handle. */
void sada_layout_forget(struct sada_layout *l);
/* ---- layout_db.c ---- */
/*
 * The regular file BASE in DFD, at A: 1 when it is a database with the rows
 * of what is wanted, or of ROW (or NULL), and *ID and *SIZE say of which;
 * 0: it is none, or has others; 2: it cannot be told now.  Errors: SYS.
 */
SADA_MUST int sada_layout_rows(struct sada_layout *l, struct sada_item_at *a,
    int dfd, const char *base, const struct sada_row *row,
    struct sada_id *id, uint64_t *size, struct sada_err *err);
/*
 * Bring the rows that A wants into the database that stands there: 1 done,
 * 0: it may change places, else A is settled as FAIL: 2.  Errors: SYS.
 */
SADA_MUST int sada_layout_bring(struct sada_layout *l,
    struct sada_item_at *a, int dfd, struct sada_err *err);
/* Base name of A. */
const char *sada_layout_base(const struct sada_item_at *a);

#endif
