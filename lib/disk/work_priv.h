/* Blocks of the W file: what its readers, its writer and scan share. */
#ifndef SADA_DISK_WORK_PRIV_H
#define SADA_DISK_WORK_PRIV_H

#include "base/buf.h"
#include "disk/work.h"

/*
 * The file (little-endian):
 *
 *  0   8  "sadawrk1"
 *  8   4  version, 1
 * 12   4  critical features, 0
 * 16      blocks, in post-order: one for each directory that has rows, the
 *         root's last but one, last the top block, whose only row is the
 *         root's, with an empty name
 *         head: le64 generation, 32 root, le64 left, le64 conflicts, ref
 *         of the top block (le64 its start, le64 its sum), le32 number of
 *         heads, 32 each; then, if any name is left in an older state, le32
 *         number of these, each le32 number of heads, 32 each
 *         le32 length of the head, le64 SipHash of head and length; the
 *         file ends here
 *
 * A block:
 *
 *  0   8  its length, all of it
 *  8   8  span: length of all blocks of its subtree, which end with it
 * 16   8  rows in its subtree, its own included
 * 24   8  of them those that are sada_row_elsewhere()
 * 32   4  number of authors
 * 36   4  number of dots
 * 40   4  number of rows
 * 44      authors, 32 each
 *         dots, 28 each: le32 author, le64 epoch, le64 seq, le64 tag
 *         rows, names ascending
 *
 * A row: u8 bits, u8 more bits, var length and bytes of the name (of the
 * slot's path: WB_SLOT), var number of the older heads, the first 1
 * (WB_LEFT), var mode, var size, 32 content (WB_CONTENT), svar
 * mtime_s, var mtime_ns; what was seen: var ino, var size (not
 * WB_SEEN_SIZE), svar mtime_s and var mtime_ns (not WB_SEEN_MTIME), svar
 * ctime_s - mtime_s, var ctime_ns, var mode (not WB_SEEN_MODE); var length
 * of the cover and the cover; ref of its block (WB_SUB): le64 distance from
 * the start of that block to the start of this, le64 sum.
 *
 * A cover: var number, then each: var dot, u8 bits, u8 flags (WV_FLAGS);
 * unless WV_SAME u8 kind, var mode, var size, 32 content (WV_CONTENT), svar
 * mtime_s, var mtime_ns; 32 ancestors (WV_ANC); var lamport and var author
 * (WV_STAMP); var length and bytes of the path it lives at (WV_AT).
 *
 * A block's sum (SipHash under a fixed key) lies in the row that leads to
 * it, and the top block's in the head: so a block of another file in its
 * place is found, and a subtree can be copied as bytes, for distances
 * inside it do not change.
 */
#define SADA_W_HEAD 16
#define SADA_W_TAIL 12
#define SADA_W_BLOCK 44
#define SADA_W_DOT 28
#define SADA_W_REF 16

enum {
	WB_FLAGS = 15,			/* SADA_ROW_* */
	WB_KIND_SHIFT = 4,		/* two bits */
	WB_SEEN_MTIME = 0x40,		/* as the row's */
	WB_SEEN_SIZE = 0x80
};
enum {					/* more bits */
	WB_SUB = 1,
	WB_SLOT = 2,
	WB_CONTENT = 4,
	WB_SEEN_MODE = 8,
	WB_LEFT = 16,
	WB_MORE = 31
};
enum {
	WV_SAME = 1,			/* shows what the row says */
	WV_FLAGS = 2,
	WV_CONTENT = 4,
	WV_ANC = 8,
	WV_STAMP = 16,
	WV_AT = 32,
	WV_ALL = 63
};

/* Where a block starts, and its sum; off 0: there is none. */
struct sada_wref {
	uint64_t off, sum;
};

struct sada_work {
	const unsigned char *p;
	size_t size;			/* mapped */
	uint64_t end;			/* of the blocks */
	struct sada_wref top;
	struct sada_work_info info;
};

/* The sum of N bytes. */
uint64_t sada_work_sum(const void *p, size_t n);

/* A block that is being read. */
struct sada_wblock {
	const struct sada_work *w;
	uint64_t off, size, span, rows, copies;
	const unsigned char *author, *dot;	/* tables, in the file */
	uint32_t nauthor, ndot, nrow;
	uint32_t next;			/* number of the row to come */
	unsigned flags;
	struct sada_rd rd;
	const char *name;		/* of the row before */
	size_t len;
	struct sada_version *v;		/* of the row read last */
	size_t vcap;
};

/* One row; borrowed from the file and the block until the next. */
struct sada_wrow {
	const char *name;
	size_t len;
	struct sada_row row;		/* path unset; slot unless a SLOT */
	struct sada_wref sub;
};

enum {
	SADA_WBLOCK_KNOWN = 1,		/* its sum was checked before */
	SADA_WBLOCK_LIGHT = 2		/* leave the covers out */
};
/*
 * Start reading the block REF of W.  B is released with
 * sada_wblock_release() in any case.  Errors: FORMAT.
 */
SADA_MUST int sada_wblock_open(struct sada_wblock *b,
    const struct sada_work *w, const struct sada_wref *ref, unsigned flags,
    struct sada_err *err);
/* Next row: 1 and *R, or 0.  Errors: FORMAT. */
SADA_MUST int sada_wblock_next(struct sada_wblock *b, struct sada_wrow *r,
    struct sada_err *err);
/* Free what B holds. */
void sada_wblock_release(struct sada_wblock *b);
/* Order of a row's name and NAME. */
int sada_wrow_cmp(const struct sada_wrow *row, const char *name, size_t len);

/* Items of a block's table, numbered as they come, found by hash. */
struct sada_wtab {
	struct sada_buf bytes;
	size_t item;			/* bytes of one */
	uint32_t n;
	uint32_t *slot;			/* number + 1, or 0 */
	size_t nslot;			/* power of two, or 0 */
	uint32_t last;			/* found last */
	unsigned char key[16];
};

/* The block of one open directory of a writer. */
struct sada_wframe {
	struct sada_buf rows;
	struct sada_buf cover;		/* scratch */
	struct sada_wtab author, dot;
	uint32_t nrow;
	uint64_t below, copies;		/* rows and copies below, finished */
	uint64_t span;			/* bytes of finished blocks below */
	size_t *patch;			/* where refs lie in ROWS */
	size_t npatch, patchcap;
	size_t path_len;		/* of the directory */
	size_t last_at;			/* where the last row starts */
	int open;			/* its ref was not written yet */
	struct sada_wref sub;		/* of the last row, off absolute */
};

/* Append R under NAME to F's rows.  The row stays open. */
void sada_wrow_put(struct sada_wframe *f, const struct sada_row *r,
    const char *name, size_t len);
/* Close F's last row: write its ref, if there is one. */
void sada_wrow_close(struct sada_wframe *f);

/*
 * The row added last gets, as all that lies below it, the subtree of block
 * REF of SRC, copied as bytes.  Errors: FORMAT SYS.
 */
SADA_MUST int sada_work_writer_graft(struct sada_work_writer *w,
    const struct sada_work *src, const struct sada_wref *ref,
    struct sada_err *err);
/*
 * Set SADA_ROW_RACY in the row of directory PATH, which must be the one
 * added last, or above it.
 */
void sada_work_writer_mark(struct sada_work_writer *w, const char *path,
    size_t len);
/* How many rows W has so far. */
uint64_t sada_work_writer_rows(const struct sada_work_writer *w);

#endif
