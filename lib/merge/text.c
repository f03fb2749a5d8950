/* Merge by lines, as git merge-file does: clean, or a conflict. */
#include "merge/lines_priv.h"

int
sada_merge_text(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err)
{
	struct sada_lines l;
	size_t i;
	int rc, conflicts = 0;

	rc = sada_lines_merge(&l, &conflicts, in, err);
	if (rc > 0 && conflicts > 0)
		rc = 0;
	for (i = 0; rc > 0 && i < l.out.n; i++)
		sada_buf_add(out, l.line[l.out.v[i]].p,
		    l.line[l.out.v[i]].n);
	sada_lines_release(&l);
	return rc;
}
