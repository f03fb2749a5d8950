/* What the two halves of the node codec share. */
#ifndef SADA_FORMAT_NODE_PRIV_H
#define SADA_FORMAT_NODE_PRIV_H

#include "format/node.h"

/*
 * Arenas of a node, kept from one decode to the next.  While decoding, an
 * arena may move when it grows, so pointers into it are made at the end;
 * until then paths and versions are found by their order: each follows the
 * one before without a gap.
 */
struct sada_node_mem {
	struct sada_entry *e;
	struct sada_ref *ref;
	struct sada_version *v;
	struct sada_dot *dot;
	char *text;			/* the paths */
	unsigned char *used;		/* authors, then dots: seen? */
	size_t ecap, refcap, vcap, dotcap, textcap, usedcap;
	size_t nv, ntext;		/* used of v and text */
};

/* Decode what follows the level of a leaf, all of R. */
SADA_MUST int sada_leaf_decode(struct sada_node *node, struct sada_rd *r,
    unsigned flags, struct sada_err *err);

/*
 * Read a path (shared, rest, bytes) to the end of M's text, behind the
 * path before, of PREV bytes (FIRST: there is none); *LEN is its length.
 * Refuses bad paths, bad order, and less sharing than there is.
 */
SADA_MUST int sada_node_path(struct sada_node_mem *m, struct sada_rd *r,
    int first, size_t prev, size_t *len, struct sada_err *err);

/* Are the fields of V within the invariants and caps? */
int sada_version_ok(const struct sada_version *v);

#endif
