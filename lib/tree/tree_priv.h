/* What the parts of the entry map share. */
#ifndef SADA_TREE_TREE_PRIV_H
#define SADA_TREE_TREE_PRIV_H

#include "tree/tree.h"

/* ---- nodes ---- */

/* Append the bytes of node ID to OUT.  Errors: NOTFOUND DAMAGED SYS. */
SADA_MUST int sada_nodes_raw(struct sada_nodes *ns, const struct sada_id *id,
    struct sada_buf *out, struct sada_err *err);
/* Read and decode node ID, of whatever level, into NODE (reused). */
SADA_MUST int sada_nodes_get(struct sada_nodes *ns, const struct sada_id *id,
    struct sada_node *node, struct sada_err *err);
/*
 * Read the child that REF names into NODE and hold REF against it: LEVEL,
 * greatest path, counts, and that its first path lies above LO (NLO bytes;
 * NULL: no bound).  Errors: as sada_nodes_get(), FORMAT.
 */
SADA_MUST int sada_nodes_child(struct sada_nodes *ns,
    const struct sada_ref *ref, unsigned level, const char *lo, size_t nlo,
    struct sada_node *node, struct sada_err *err);
/* The same for bytes that were read already. */
SADA_MUST int sada_nodes_check(const struct sada_node *node,
    const struct sada_ref *ref, unsigned level, const char *lo, size_t nlo,
    struct sada_err *err);
/* Store the N bytes of a node; *ID is its id. */
SADA_MUST int sada_nodes_put(struct sada_nodes *ns, const void *p, size_t n,
    struct sada_id *id, struct sada_err *err);

/* Add the counts of entry E to R. */
void sada_ref_add_entry(struct sada_ref *r, const struct sada_entry *e);
/* Add the counts of child C to R.  Errors: FORMAT on overflow. */
SADA_MUST int sada_ref_add(struct sada_ref *r, const struct sada_ref *c,
    struct sada_err *err);
/* The first of NODE's items whose path is >= PATH; NODE->n if none. */
size_t sada_node_find(const struct sada_node *node, const char *path,
    size_t len);
/* The path of item I of NODE. */
const char *sada_node_path_at(const struct sada_node *node, size_t i,
    size_t *len);

/* Are all fields of A and B equal? */
int sada_version_equal(const struct sada_version *a,
    const struct sada_version *b);
/* Are the versions of slots A and B equal, one by one? */
int sada_slot_equal(const struct sada_entry *a, const struct sada_entry *b);

/* ---- cut ---- */

/* Does a node of LEVEL end, whose N-th key is PATH? */
int sada_cut(unsigned level, size_t n, const char *path, size_t len);

/* ---- cursor, by items: an entry, or a subtree not entered yet ---- */

/* Height of what stands next: 0 an entry, L + 1 a node of level L. */
#define SADA_HEIGHT_ROOT (SADA_LEVEL_MAX + 2)	/* the root, unread */
int sada_cursor_end(const struct sada_cursor *c);
/* Height of what stands next. */
unsigned sada_cursor_height(const struct sada_cursor *c);
/* The entry or the subtree that stands next, borrowed. */
const struct sada_entry *sada_cursor_entry(const struct sada_cursor *c);
/* The subtree that stands next, borrowed. */
const struct sada_ref *sada_cursor_ref(const struct sada_cursor *c);
/* Is there nothing behind what stands next? */
int sada_cursor_last(const struct sada_cursor *c);
/* Go into the subtree that stands next. */
SADA_MUST int sada_cursor_enter(struct sada_cursor *c, struct sada_err *err);
/* Go past what stands next; it stays readable until the next enter. */
void sada_cursor_pass(struct sada_cursor *c);

/* ---- join ---- */

/* A version of a slot, its id, and the map that has it. */
struct sada_have {
	struct sada_id id;
	const struct sada_version *v;
	size_t map;
};
/*
 * Join the versions H[NH] of one slot: side I's map is number MAP[I] (sides
 * may share one).  What stays comes first in H, sorted by id, each once;
 * how many is the result.
 */
size_t sada_join_slot(struct sada_have *h, size_t nh,
    const struct sada_side *side, const size_t *map, size_t nside);

/* ---- build ---- */

/*
 * Add all of subtree REF, a node of LEVEL.  It is used as it is where a
 * build from its entries would come to the same node, else read and taken
 * apart.  With SADA_SUBTREE_OPEN it need not have been ended by the cut
 * rule (nothing follows it in its own map).  Errors: as cursor.
 */
enum { SADA_SUBTREE_OPEN = 1 };
SADA_MUST int sada_build_subtree(struct sada_build *b,
    const struct sada_ref *ref, unsigned level, unsigned flags,
    struct sada_err *err);

#endif
