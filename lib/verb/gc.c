/*
 * gc: the store anew, without what nothing needs.
 *
 * Nothing that an op recorded is dropped unless an age says so; without one
 * only goes what no op names, as a snap that was killed leaves it, and
 * small packs become one.  Op records and their changes always stay: what
 * happened is known for ever, though not each content that came of it.
 */
#include <string.h>

#include "verb/gc_priv.h"

int
sada_gc(struct sada_replica *r, const struct sada_gc_opts *opts,
    struct sada_gc_result *res, struct sada_err *err)
{
	struct sada_sweep *w = NULL;
	struct sada_sweep_stat st;
	struct sada_keeping k;
	long long age_ns = -1;
	int rc;

	memset(res, 0, sizeof(*res));
	memset(&k, 0, sizeof(k));
	if (opts->keep != NULL && sada_age(&age_ns, opts->keep,
	    strlen(opts->keep)) < 0)
		return sada_err_set(err, SADA_USAGE, "%.100s: not an age; "
		    "write it as 30d, 12w, 1y6m or 0", opts->keep);
	if ((rc = sada_keeping_find(&k, r, age_ns, err)) < 0 ||
	    (rc = sada_sweep_new(&w, r->store, err)) < 0 ||
	    (rc = sada_gc_mark(r, w, &k, err)) < 0 ||
	    (rc = sada_sweep_commit(w, opts->flags & SADA_DRY ?
	    SADA_SWEEP_DRY : 0, &st, err)) < 0)
		goto out;
	res->objects = st.objects;
	res->bytes = st.bytes;
	res->packs_old = st.packs_old;
	res->packs_new = st.packs_new;
	res->freed = st.size_old > st.size_new ? st.size_old - st.size_new :
	    0;
out:
	sada_sweep_free(w);
	sada_keeping_release(&k);
	return rc;
}
