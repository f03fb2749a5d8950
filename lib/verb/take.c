/*
 * Settling conflicts: one op that takes all versions of a slot together,
 * so that work which others still do on any of them meets the settlement
 * and not the conflict again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "verb/conflict_priv.h"

/* ---- what can be done ---- */

/* A directory has the name that P is to take. */
static int
in_the_way(const struct sada_part *p, struct sada_err *err)
{
	struct sada_buf b = {0};

	sada_quote(&b, p->n.slot, p->n.slot_len);
	(void)sada_err_set(err, SADA_GUARD, "%s: a directory has the name; "
	    "move it away first, or say --take both", sada_buf_str(&b));
	sada_buf_release(&b);
	return SADA_GUARD;
}

int
sada_settle_check(const struct sada_replica *r, const struct sada_parts *ps,
    const struct sada_rev *rev, const struct sada_settle *s,
    struct sada_err *err)
{
	struct sada_source src = sada_melding_source(&rev->meld);
	const struct sada_part *p = &ps->p[s->at];
	int rc;

	if (s->how == SADA_SETTLE_BOTH)
		return 0;
	if (ps->p[s->from].n.kind == SADA_DIR)
		return s->how == SADA_SETTLE_PART && s->at == s->from ? 0 :
		    in_the_way(p, err);
	if (s->how == SADA_SETTLE_BYTES)
		return 0;
	rc = sada_file_held(&src, &p->n.content, p->n.size, err);
	if (rc == 0)
		rc = sada_lacks(r, ps->st, &p->n, err);
	return rc < 0 ? rc : 0;
}

/* ---- the op ---- */

/* Versions of FROM to TO; directories are left out. */
static struct sada_version *
all_versions(const struct sada_parts *ps, size_t from, size_t to, size_t *n)
{
	struct sada_version *v = NULL;
	size_t i, k, cap = 0;

	*n = 0;
	for (i = from; i < to; i++)
		for (k = 0; k < ps->p[i].n.ncover; k++) {
			if (ps->p[i].n.cover[k].kind == SADA_DIR)
				continue;
			v = sada_grow(v, &cap, *n + 1, sizeof(*v));
			v[(*n)++] = ps->p[i].n.cover[k];
		}
	return v;
}

static void
version_of(struct sada_version *v, const struct sada_name *n)
{
	memset(v, 0, sizeof(*v));
	v->kind = n->kind;
	v->mode = n->mode;
	v->size = n->size;
	v->content = n->content;
	v->mtime_s = n->mtime_s;
	v->mtime_ns = n->mtime_ns;
}

/* The content of file FD as V, in the op's transaction. */
static int
put_bytes(struct sada_draft *d, int fd, struct sada_version *v,
    struct sada_err *err)
{
	long long now = sada_io_now();
	struct sada_fill *f;
	struct sada_stat st;
	uint64_t got;
	int rc;

	if ((rc = sada_io_stat(fd, "", &st, err)) < 0 ||
	    (rc = sada_fill_new(&f, d->txn, err)) < 0)
		return rc;
	rc = sada_file_put(f, fd, st.size, &v->content, &got, err);
	if (rc < 0) {
		sada_fill_drop(f);
		return rc;
	}
	v->kind = SADA_FILE;
	v->size = got;
	v->mtime_s = now / 1000000000;
	v->mtime_ns = (uint32_t)(now % 1000000000);
	return sada_fill_end(f, err);
}

/* One content takes the name, made from all that stood there. */
static int
settle_one(struct sada_draft *d, const struct sada_parts *ps,
    const struct sada_settle *s, struct sada_err *err)
{
	const struct sada_name *n = &ps->p[s->at].n;
	struct sada_version v, *cover;
	struct sada_shown from;
	size_t ncover;
	int rc = 0;

	cover = all_versions(ps, s->from, s->to, &ncover);
	version_of(&v, n);
	from.as = v;
	from.cover = cover;
	from.ncover = ncover;
	if (s->how == SADA_SETTLE_BYTES)
		rc = put_bytes(d, s->fd, &v, err);
	if (rc == 0)
		rc = n->kind == SADA_DIR ? sada_draft_slot(d, n->slot,
		    n->slot_len, cover, ncover, NULL, NULL, err) :
		    sada_draft_slot(d, n->slot, n->slot_len, cover, ncover,
		    &v, &from, err);
	free(cover);
	return rc;
}

/* Each copy becomes a file of its own, where it stands. */
static int
settle_both(struct sada_draft *d, const struct sada_parts *ps,
    const struct sada_settle *s, struct sada_err *err)
{
	struct sada_version v;
	size_t i;
	int rc = 0;

	for (i = s->from; i < s->to && rc == 0; i++) {
		const struct sada_name *n = &ps->p[i].n;

		if (!ps->p[i].copy)
			continue;
		version_of(&v, n);
		if ((rc = sada_draft_slot(d, n->slot, n->slot_len, n->cover,
		    n->ncover, NULL, NULL, err)) == 0)
			rc = sada_draft_slot(d, n->path, n->len, NULL, 0, &v,
			    NULL, err);
	}
	return rc;
}

/* All rows of W as they are, for the op that follows it. */
static int
same_rows(const struct sada_replica *r, struct sada_work_writer *w,
    struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_row row;
	int rc;

	if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, err)) == 1)
		if ((rc = sada_work_writer_add(w, &row, err)) < 0)
			break;
	sada_work_cursor_free(c);
	return rc;
}

/*
 * Record D: its op is what comes after what is laid out, but W still shows
 * what was; that is for a merge to change.
 */
static int
record(struct sada_draft *d, const char *msg, char op[SADA_VERB_HEX],
    struct sada_err *err)
{
	struct sada_recording how = { .what = "take", .msg = msg,
	    .flags = SADA_RECORD_BEFORE };
	struct sada_work_writer *w = NULL;
	int rc;

	if ((rc = sada_work_writer_new(&w, d->r->sdir, err)) < 0)
		return rc;
	if ((rc = same_rows(d->r, w, err)) < 0) {
		sada_work_writer_free(w);
		return rc;
	}
	return sada_draft_record(d, w, &how, op, err);
}

/* Merged contents that are taken must be in the store. */
static int
have_contents(struct sada_replica *r, const struct sada_parts *ps,
    struct sada_rev *rev, const struct sada_settle *s, size_t n,
    struct sada_err *err)
{
	struct sada_source src = { r->store, NULL };
	size_t i, k;
	int rc;

	for (i = 0; i < n; i++)
		for (k = s[i].from; k < s[i].to; k++) {
			const struct sada_name *x = &ps->p[k].n;

			if (x->kind == SADA_DIR || (rc = sada_file_held(&src,
			    &x->content, x->size, err)) == 1)
				continue;
			return rc < 0 && rc != SADA_DAMAGED ? rc :
			    sada_melding_store(&rev->meld, &rev->st, err);
		}
	return 0;
}

int
sada_settle(struct sada_replica *r, const struct sada_parts *ps,
    struct sada_rev *rev, const struct sada_settle *s, size_t n,
    const char *msg, char op[SADA_VERB_HEX], struct sada_err *err)
{
	struct sada_draft d;
	size_t i;
	int rc = 0;

	op[0] = '\0';
	if (r->work == NULL)
		return sada_err_set(err, SADA_USAGE, "nothing is laid out");
	for (i = 0; i < n && rc == 0; i++)
		rc = sada_settle_check(r, ps, rev, &s[i], err);
	if (n == 0 || rc < 0 ||
	    (rc = have_contents(r, ps, rev, s, n, err)) < 0 ||
	    (rc = sada_draft_init(&d, r, err)) < 0)
		return rc;
	/* Slots and copies come in no order. */
	sada_draft_unsorted(&d);
	for (i = 0; i < n && rc == 0; i++)
		rc = s[i].how == SADA_SETTLE_BOTH ?
		    settle_both(&d, ps, &s[i], err) :
		    settle_one(&d, ps, &s[i], err);
	if (rc == 0 && !sada_draft_empty(&d))
		rc = record(&d, msg, op, err);
	sada_draft_release(&d);
	if (op[0] == '\0')
		return rc;
	/* It is recorded: what fails now the next merge finishes. */
	if (rc == 0 && (sada_store_refresh(r->store, err) < 0 ||
	    sada_merge_laid(r, err) < 0))
		sada_note(r, SADA_NOTE_WARN, NULL, 0, err->msg);
	return 0;
}

/* ---- --take ---- */

/*
 * What is to be done at PATHS; a conflict that is GONE is no error then.
 * *S is new.
 */
static int
plan(struct sada_settle **s, size_t *n, const struct sada_replica *r,
    const struct sada_parts *ps, const char *which,
    const char *const *paths, size_t npaths, int gone, struct sada_err *err)
{
	struct sada_settle x;
	size_t i, k;
	int rc;

	*n = 0;
	*s = sada_calloc(npaths + 1, sizeof(**s));
	for (i = 0; i < npaths; i++) {
		memset(&x, 0, sizeof(x));
		rc = sada_parts_find(r, ps, paths[i], &x.from, &x.to, err);
		if (rc == SADA_USAGE && gone)
			continue;
		if (rc < 0)
			return rc;
		for (k = 0; k < *n && (*s)[k].from != x.from; k++)
			;
		if (k < *n)
			continue;
		x.how = strcmp(which, "both") == 0 ? SADA_SETTLE_BOTH :
		    SADA_SETTLE_PART;
		x.at = x.from;
		if (x.how == SADA_SETTLE_PART && (rc = sada_parts_choose(r,
		    ps, x.from, x.to, which, &x.at, err)) < 0)
			return rc;
		(*s)[(*n)++] = x;
	}
	return 0;
}

/* Look at what is laid out and settle; DRY: only look. */
static int
take(struct sada_replica *r, const char *which, const char *const *paths,
    size_t npaths, int dry, char op[SADA_VERB_HEX], struct sada_err *err)
{
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	struct sada_settle *s = NULL;
	struct sada_rev rev;
	size_t n = 0, i;
	int rc;

	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = sada_parts_init(&ps, &rev, err)) < 0 ||
	    (rc = plan(&s, &n, r, &ps, which, paths, npaths, !dry,
	    err)) < 0)
		goto out;
	for (i = 0; dry && i < n && rc == 0; i++)
		rc = sada_settle_check(r, &ps, &rev, &s[i], err);
	if (!dry)
		rc = sada_settle(r, &ps, &rev, s, n, "conflicts settled", op,
		    err);
out:
	free(s);
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	return rc;
}

int
sada_conflict_take(struct sada_replica *r, const char *which,
    const char *const *paths, size_t npaths, unsigned flags,
    char op[SADA_VERB_HEX], struct sada_err *err)
{
	struct sada_snap_opts so = { .flags = 0 };
	struct sada_snap_result res;
	int rc;

	op[0] = '\0';
	/* The operands must be right before anything is recorded. */
	if ((rc = take(r, which, paths, npaths, 1, op, err)) < 0 ||
	    (flags & SADA_DRY))
		return rc;
	/* What the user did so far is recorded first: nothing gets lost. */
	if ((rc = sada_snap(r, &so, &res, err)) < 0)
		return rc;
	return take(r, which, paths, npaths, 0, op, err);
}
