/* Diff: the paths whose slots two maps hold differently. */
#include <stdlib.h>
#include <string.h>

#include "tree/tree_priv.h"

struct sada_diff {
	struct sada_step step;
	int same;		/* the roots are equal */
};

int
sada_diff_open(struct sada_diff **out, struct sada_nodes *ns,
    const struct sada_id *a, const struct sada_id *b, struct sada_err *err)
{
	struct sada_id root[2] = { *a, *b };
	struct sada_diff *d;
	int rc;

	*out = NULL;
	d = sada_calloc(1, sizeof(*d));
	d->same = sada_id_cmp(a, b) == 0;
	if ((rc = sada_step_init(&d->step, ns, root, 2, err)) < 0) {
		free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void
sada_diff_free(struct sada_diff *d)
{
	if (d == NULL)
		return;
	sada_step_release(&d->step);
	free(d);
}

/* One side of a difference at the path of LEAST. */
static void
side(struct sada_entry *out, const struct sada_entry *e,
    const struct sada_entry *least)
{
	if (e != NULL) {
		*out = *e;
		return;
	}
	memset(out, 0, sizeof(*out));
	out->path = least->path;
	out->len = least->len;
}

int
sada_diff_next(struct sada_diff *d, struct sada_entry *a,
    struct sada_entry *b, struct sada_err *err)
{
	struct sada_step *s = &d->step;
	int rc;

	if (d->same)
		return 0;
	while ((rc = sada_step(s, err)) > 0) {
		if (rc == SADA_STEP_SAME || (s->at[0] != NULL &&
		    s->at[1] != NULL && sada_slot_equal(s->at[0], s->at[1])))
			continue;
		side(a, s->at[0], s->least);
		side(b, s->at[1], s->least);
		return 1;
	}
	return rc;
}
