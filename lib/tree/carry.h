/*
 * Carrying: an edit of an old name follows a rename that its author had
 * not seen.
 *
 * An op may hint that it moved FROM to TO, a file or a whole directory.  A
 * version that lives at FROM, a directory if that was one and else none, or
 * below the directory is carried when neither it nor its op is in the past of that op, nor that op in the past of its own, and
 * when something still lives at TO (or below it) that the op wrote or that
 * was written after it.  From TO it is carried on by later ops that moved
 * that; an op can only be followed by one that has it in its past, so this
 * ends.  Of several ops the highest counts (lamport, author, op id), of
 * several hints of one op the one with the longest FROM; if that leads to a
 * place that no name can have, it leads nowhere.  Hints are anybody's: there
 * are limits to the ops, their hints, the steps, what is looked at, and what
 * is carried (carry_priv.h), all of them functions of the state.
 *
 * A carried version is shown at its new path, as a version of that slot:
 * nothing of the state changes, and the cover of the name says where it
 * lives (its field at).  So there are no moves that could clash, and a
 * rename can lose nothing.
 */
#ifndef SADA_TREE_CARRY_H
#define SADA_TREE_CARRY_H

#include "log/log.h"
#include "tree/tree.h"

struct sada_carry;
/*
 * What is carried in the state with map ROOT and the ops PAST.  *OUT is new
 * (free with sada_carry_free()), or NULL when nothing is.  LOG and NS must
 * outlive it.  Errors: as cursor and sada_log_hints().
 */
SADA_MUST int sada_carry_new(struct sada_carry **out, struct sada_log *log,
    const struct sada_context *past, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err);
/* Free; NULL is fine. */
void sada_carry_free(struct sada_carry *c);
/* Call EACH for every path that something is carried to, in order. */
SADA_MUST int sada_carry_each(const struct sada_carry *c,
    int (*each)(const char *path, size_t len, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);
/*
 * Is version V, which lives at PATH, shown elsewhere?  1 and that path, *TO
 * of *N bytes, borrowed from C; or 0.  C may be NULL.
 */
int sada_carry_to(const struct sada_carry *c, const struct sada_version *v,
    const char *path, size_t len, const char **to, size_t *n);

/*
 * The entries of a map as they are shown: what is carried stands at its
 * new path.  As a cursor; C may be NULL.
 */
struct sada_entries;
/* *OUT is new, free with sada_entries_free().  Errors: as cursor. */
SADA_MUST int sada_entries_open(struct sada_entries **out,
    struct sada_nodes *ns, const struct sada_id *root,
    const struct sada_carry *c, struct sada_err *err);
/* The next entry: 1 and *E, borrowed until the next call, or 0. */
SADA_MUST int sada_entries_next(struct sada_entries *s, struct sada_entry *e,
    struct sada_err *err);
/* Go to before the first entry >= PATH, either way. */
SADA_MUST int sada_entries_seek(struct sada_entries *s, const char *path,
    size_t len, struct sada_err *err);
/* Free; NULL is fine. */
void sada_entries_free(struct sada_entries *s);

#endif
