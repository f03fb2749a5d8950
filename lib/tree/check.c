/*
 * Is a map that came from elsewhere canonical?  There is one map for given
 * entries, so it is when building it anew from its entries gives its root.
 * What the cursor checks on the way (order, counts, levels) is refused
 * before that, with a better sentence.
 */
#include "tree/tree_priv.h"

int
sada_map_check(struct sada_nodes *ns, const struct sada_id *root,
    struct sada_err *err)
{
	struct sada_nodes dry = { .flags = ns->flags };
	struct sada_cursor *c = NULL;
	struct sada_build *b = NULL;
	struct sada_entry e;
	struct sada_id again;
	int rc;

	sada_build_new(&b, &dry);
	if ((rc = sada_cursor_open(&c, ns, root, err)) < 0)
		goto out;
	while ((rc = sada_cursor_next(c, &e, err)) > 0)
		if ((rc = sada_build_add(b, &e, err)) < 0)
			goto out;
	if (rc < 0)
		goto out;
	rc = sada_build_finish(b, &again, err);
	b = NULL;
	if (rc == 0 && sada_id_cmp(&again, root) != 0)
		rc = sada_err_set(err, SADA_FORMAT,
		    "map refused: its nodes are not cut where they must be");
out:
	sada_build_free(b);
	sada_cursor_free(c);
	return rc;
}
