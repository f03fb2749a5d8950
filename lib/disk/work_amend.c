/*
 * W written again with the covers of some rows changed: a snap knows only
 * at its end which of its new names are renamed ones.
 */
#include <string.h>

#include "base/path.h"
#include "disk/work_priv.h"

struct amending {
	struct sada_work_writer *w;
	const struct sada_work *src;
	int (*next)(struct sada_amend *a, void *ctx);
	void *ctx;
	struct sada_amend a;		/* the next one */
	int more;			/* there is one */
	struct sada_buf path;
	struct sada_err *err;
};

/* Write row R, whose path is known by now; take the amendment that is its. */
static int
put_row(struct amending *x, struct sada_row *r)
{
	int rc, mine = x->more && sada_path_cmp(x->a.path, x->a.len, r->path,
	    r->len) == 0;

	if (mine && r->ncover != 1)
		return sada_err_set(x->err, SADA_FORMAT, "the record of the "
		    "directory (.sada/work) has another cover");
	if (mine) {
		r->cover[0].flags = x->a.flags;
		r->cover[0].anc = x->a.anc;
	}
	if ((rc = sada_work_writer_add(x->w, r, x->err)) < 0)
		return rc;
	if (mine)
		x->more = x->next(&x->a, x->ctx);
	return 0;
}

/* Write what block REF of the directory at x->path holds, and all below. */
static int
put_block(struct amending *x, const struct sada_wref *ref)
{
	size_t base = x->path.len;
	struct sada_wblock b;
	struct sada_wrow row;
	int rc;

	if ((rc = sada_wblock_open(&b, x->src, ref, 0, x->err)) < 0)
		goto out;
	while ((rc = sada_wblock_next(&b, &row, x->err)) == 1) {
		x->path.len = base;
		if (base > 0)
			sada_put_u8(&x->path, '/');
		sada_buf_add(&x->path, row.name, row.len);
		row.row.path = sada_buf_str(&x->path);
		row.row.len = x->path.len;
		if (row.row.slot == NULL) {
			row.row.slot = row.row.path;
			row.row.slot_len = row.row.len;
		}
		if ((rc = put_row(x, &row.row)) < 0)
			goto out;
		if (row.sub.off == 0)
			continue;
		rc = x->more && sada_path_below(x->a.path, x->a.len,
		    (char *)x->path.p, x->path.len) ?
		    put_block(x, &row.sub) :
		    sada_work_writer_graft(x->w, x->src, &row.sub, x->err);
		if (rc < 0)
			goto out;
	}
out:
	x->path.len = base;
	sada_wblock_release(&b);
	return rc;
}

int
sada_work_amend(struct sada_work_writer *w, const struct sada_work *src,
    int (*next)(struct sada_amend *a, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct amending x = { .w = w, .src = src, .next = next, .ctx = ctx,
	    .err = err };
	int rc;

	x.more = next(&x.a, ctx);
	rc = put_block(&x, &src->top);
	if (rc == 0 && x.more)
		rc = sada_err_set(err, SADA_FORMAT, "the record of the "
		    "directory (.sada/work) lacks a name");
	sada_buf_release(&x.path);
	return rc;
}
