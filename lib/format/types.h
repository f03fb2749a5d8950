/* The things that records describe, as C structs. */
#ifndef SADA_FORMAT_TYPES_H
#define SADA_FORMAT_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/key.h"

/* Objects of the store; the number is on disk. */
enum sada_type {
	SADA_OBJ_CHUNK = 1,	/* bytes of a file, or a link's text */
	SADA_OBJ_LIST = 2,	/* a file list: chunks, or lists of a level below */
	SADA_OBJ_NODE = 3,	/* a node of an entry map or of a changes tree */
	SADA_OBJ_ANC = 4	/* ancestors of a version */
};
/* No object is larger than this. */
#define SADA_OBJECT_MAX (16u << 20)

/* The hash context of object type T. */
enum sada_ctx sada_type_ctx(unsigned t);

/* Names one operation, for ever. */
struct sada_dot {
	struct sada_id author;
	uint64_t epoch, seq, tag;
};

/* Order of dots: author, epoch, seq, tag. */
int sada_dot_cmp(const struct sada_dot *a, const struct sada_dot *b);

enum sada_kind {
	SADA_FILE = 1,
	SADA_DIR = 2,
	SADA_LINK = 3
};

enum {
	SADA_V_ALONE = 1	/* its cover was the whole slot */
};

/*
 * One version of a path.  Invariants:
 *  1. kind DIR: content, anc and size are zero, no flags; mode, mtime and
 *     the stamp form the register, which is not under the id.
 *  2. kind FILE, LINK: stamp_* are zero; LINK has mode 0.
 *  3. content of a FILE larger than SADA_CHUNK_MAX names a list
 *     (SADA_OBJ_LIST), of any other a chunk.
 */
struct sada_version {
	struct sada_dot dot;
	uint8_t kind;			/* enum sada_kind */
	uint8_t flags;			/* SADA_V_* */
	uint16_t mode;			/* & 0777 */
	uint64_t size;			/* bytes of content */
	struct sada_id content;
	int64_t mtime_s;		/* seconds since 1970 */
	uint32_t mtime_ns;		/* 0 to 999999999 */
	struct sada_id anc;		/* SADA_OBJ_ANC, or zero */
	uint64_t stamp_lamport;		/* DIR: when the register was set */
	struct sada_id stamp_author;	/* DIR: by whom */
	/*
	 * Only where a name is shown: the path at which the version lives,
	 * borrowed; NULL: that of the slot.  In no record of the store.
	 */
	const char *at;
	size_t at_len;
};

/* Files above this many bytes are cut in chunks and named by a list. */
#define SADA_CHUNK_MAX (1u << 20)

/*
 * The id of a version: H("sada.version.v1", dot || kind [|| flags ||
 * le16 mode || le64 size || content || le64 mtime_s || le32 mtime_ns ||
 * anc]); for a directory only dot and kind.  A dot is author || le64 epoch
 * || le64 seq || le64 tag.
 */
void sada_version_id(struct sada_id *out, const struct sada_version *v);

/* A path and the versions alive at it, sorted by version id. */
struct sada_entry {
	const char *path;		/* not NUL-terminated */
	size_t len;
	struct sada_version *v;
	size_t nv;			/* 0 only in a changes tree: emptied */
};

/* Is V, by all fields that its id covers, among the versions of E? */
int sada_entry_has(const struct sada_entry *e, const struct sada_version *v);

/* What an inner node says of a child. */
struct sada_ref {
	struct sada_id id;
	const char *last;		/* the child's greatest path */
	size_t len;
	uint64_t entries;		/* paths below */
	uint64_t multi;			/* of them with two or more versions */
	uint64_t bytes;			/* sum of the sizes of all versions */
};

/* One ancestor: the versions (by dot) that a name showed as this content. */
struct sada_ancestor {
	struct sada_dot *dot;		/* sorted */
	size_t ndot;			/* 1 to 64 */
	uint8_t kind;			/* FILE or LINK */
	uint8_t other;			/* 1: it was another name, 0: this one */
	uint16_t mode;			/* & 0777, of a LINK 0 */
	struct sada_id content;
	uint64_t size;
};
#define SADA_ANCESTORS_MAX 32

/* One item of a file list. */
struct sada_piece {
	struct sada_id id;		/* chunk, or list of the level below */
	uint64_t size;			/* file bytes that it stands for */
};

/* A signed record of a replica's keys and name; id = pub.id. */
struct sada_member {
	struct sada_pub pub;
	char name[65];			/* NAME, NUL-terminated */
	uint64_t number;		/* the newest wins, then the greatest hash */
	int64_t wall_ns;		/* shown, never trusted */
};

enum sada_hint_kind {
	SADA_HINT_FILE = 1,		/* a file or link */
	SADA_HINT_DIR = 2		/* a directory with what was below it */
};

/*
 * A rename, as the author of an op saw it: for display, and for carrying
 * an edit of the old name to the new one.  It changes no slot.
 */
struct sada_hint {
	uint8_t kind;			/* enum sada_hint_kind */
	const char *from, *to;		/* borrowed, not NUL-terminated */
	size_t from_len, to_len;
};

enum {
	SADA_OP_ACCEPTED = 1,		/* its deletes were accepted by a person */
	SADA_OP_INLINE = 2		/* changes are in the record */
};

/*
 * An operation.  Invariants:
 *  1. seq >= 1; prev is zero exactly when seq is 1.
 *  2. parents are sorted and distinct, at most SADA_PARENTS_MAX.
 *  3. changes is the root of a changes tree (zero: none), or, INLINE, the
 *     bytes of its only node, at most SADA_INLINE_MAX.
 *  4. hints are nhints encoded ones (op.h), at most SADA_HINTS_MAX and
 *     SADA_HINTS_BYTES, sorted by from, each from once.
 */
struct sada_op {
	struct sada_dot dot;
	uint8_t flags;
	struct sada_id prev;
	struct sada_id *parents;
	size_t nparents;
	int64_t wall_ns;
	struct sada_id root;		/* entry map after it, zero: empty */
	struct sada_id changes;
	const unsigned char *inl;	/* borrowed or NULL */
	size_t inl_len;
	const unsigned char *hints;	/* borrowed or NULL */
	size_t hints_len;
	uint32_t nhints;
	const char *msg;		/* borrowed, not NUL-terminated */
	size_t msg_len;
	uint64_t n_set, n_gone;		/* slots written, slots emptied */
	uint64_t n_lost;		/* counted by the guard */
	uint64_t n_before;		/* paths in the map before */
	unsigned char sig[SADA_SIG_LEN];
};
#define SADA_PARENTS_MAX 4096
#define SADA_INLINE_MAX 1024
#define SADA_HINTS_MAX 1024
#define SADA_HINTS_BYTES (32u << 10)
#define SADA_MSG_MAX 65536

#endif
