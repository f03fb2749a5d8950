/* Map nodes and changes nodes: one codec. */
#ifndef SADA_FORMAT_NODE_H
#define SADA_FORMAT_NODE_H

#include "format/types.h"

/*
 * Layout of a node (varints are shortest LEB128, "s" = zigzag):
 *
 *   u8 level            0 = leaf
 *   leaf:
 *     var nauthors      then nauthors x 32: sorted, distinct, all used
 *     var ndots         then each: var author index, le64 epoch, var seq,
 *                       le64 tag; sorted, distinct, all used
 *     var nentries      1 to SADA_NODE_MAX; then each, sorted by path:
 *       var shared      bytes shared with the path before (0 for the first);
 *                       the longest possible
 *       var rest        then the rest of the path
 *       var nv          0 only in a changes node; sorted by version id
 *       nv versions:
 *         var dot index
 *         u8 bits       0-1 kind, 2 alone, 3 has ancestors, others 0
 *         FILE: var mode; FILE, LINK: var size, 32 content
 *         FILE, LINK: svar mtime_s, var mtime_ns, [32 anc]
 *         DIR: var mode, svar mtime_s, var mtime_ns, var stamp lamport,
 *              var stamp author index
 *   inner:
 *     var nentries      1 to SADA_NODE_MAX; then each, sorted by last path:
 *       var shared, var rest, path bytes (greatest path of the child),
 *       32 child id, var entries (1 or more), var multi, var bytes
 *   nothing follows
 */
#define SADA_NODE_MAX 192
#define SADA_LEVEL_MAX 32
#define SADA_SLOT_MAX 65536	/* versions of one path */

struct sada_node_mem;

/* A decoded node; init by {0}, release with sada_node_release(). */
struct sada_node {
	unsigned level;
	size_t n;
	struct sada_entry *e;		/* level 0: n of them */
	struct sada_ref *ref;		/* above: n of them */
	struct sada_node_mem *mem;	/* private: arenas */
};

/* Append the encoding of N sorted leaf ENTRIES. */
void sada_leaf_encode(struct sada_buf *out, const struct sada_entry *e,
    size_t n);
/* Append the encoding of N sorted refs of an inner node at LEVEL >= 1. */
void sada_inner_encode(struct sada_buf *out, unsigned level,
    const struct sada_ref *r, size_t n);

/*
 * Decode N bytes into NODE (reused: earlier content is dropped; all that
 * it points to is its own).  With SADA_NODE_CHANGES empty slots are
 * allowed.  Refuses any other encoding of the same value, bad order, bad
 * paths (sada_path_ok) and bad fields.  Errors: FORMAT.
 */
enum { SADA_NODE_CHANGES = 1 };
/* FLAGS: SADA_NODE_CHANGES.  Errors: FORMAT. */
SADA_MUST int sada_node_decode(struct sada_node *node, const void *p,
    size_t n, unsigned flags, struct sada_err *err);
/* Free what NODE holds. */
void sada_node_release(struct sada_node *node);

#endif
