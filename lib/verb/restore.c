/*
 * Bringing names back as they were: into the directory, where the next
 * snap records them like any edit, or as a fresh copy elsewhere.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "disk/layout.h"
#include "verb/look_priv.h"

struct restoring {
	struct sada_replica *r;
	const struct sada_restore_opts *o;
	struct sada_restore_result *res;
	struct sada_layout *layout;	/* NULL: there is no directory yet */
	struct sada_state *st;		/* of the past */
	struct asked *asked;		/* what is asked for; none: all */
	struct sada_buf in_the_way;	/* first names of the guard */
	uint64_t nway;
	int directory;			/* the first is one that we had to
					   remove */
	struct sada_buf first_lack;	/* the first name that is not here */
	struct sada_err *err;
};

/* A path that was asked for. */
struct asked {
	struct sada_buf path;
	int found;
	int lacks, has;			/* files of it that are not here, are */
	struct sada_buf why;		/* the first that is not */
};

/* ---- where to ---- */

/* Open DIR; *FD -1 when it is not there and DRY is set, else it is made. */
static int
open_out(int *fd, const char *dir, unsigned dry, struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	if ((rc = sada_newdir_open(fd, dir, dry, err)) == 0 && *fd >= 0 &&
	    sada_io_stat(*fd, SADA_STORE_DIR, &st, NULL) == 0)
		rc = sada_err_set(err, SADA_USAGE, "%s: a replica; -o wants "
		    "a directory that is none", dir);
	return rc;
}

/* ---- which names ---- */

/* 1: NAME is to be restored; 2: only as a directory above one; 0: not. */
static int
chosen(struct restoring *x, const struct sada_name *n)
{
	size_t i;
	int out = 0;

	if (x->o->npaths == 0)
		return 1;
	for (i = 0; i < x->o->npaths; i++) {
		const char *p = (char *)x->asked[i].path.p;
		size_t len = x->asked[i].path.len;

		if (sada_path_in(n->path, n->len, p, len)) {
			x->asked[i].found = 1;
			out = 1;
		} else if (out == 0 && n->kind == SADA_DIR &&
		    sada_path_in(p, len, n->path, n->len))
			out = 2;
	}
	return out;
}

/* Tell one name; PLACED as enum sada_placed. */
static void
tell(struct restoring *x, const char *path, size_t len, unsigned placed,
    const char *why)
{
	static const char letter[] = { 0, 'A', 'M', 'P', '!', '!', '!',
		'?', '!' };
	struct sada_change c = { .what = letter[placed], .path = path,
	    .len = len, .why = why };

	switch (placed) {
	case SADA_PLACED_SAME:
		return;
	case SADA_PLACED_WANT:
		x->res->missing++;
		break;
	case SADA_PLACED_FAIL:
		x->res->failed++;
		break;
	case SADA_PLACED_KEPT:
	case SADA_PLACED_EDIT:
	case SADA_PLACED_BLOCKED:
		x->res->kept++;
		break;
	default:
		x->res->restored++;
		break;
	}
	if (len == 0) {
		c.path = ".";
		c.len = 1;
	}
	/* What a callback says cannot undo what was done. */
	if (x->o->each != NULL && x->o->each(&c, x->o->ctx) < 0)
		return;
}

static void
placed_cb(const char *path, size_t len, unsigned placed, const char *why,
    void *ctx)
{
	tell(ctx, path, len, placed, why);
}

/* A name in the way of a restore: the first ones are named. */
static void
note_way(struct restoring *x, const struct sada_name *n, unsigned placed,
    const char *why)
{
	if (x->nway++ > 0)
		return;
	x->directory = n->kind != SADA_DIR && placed == SADA_PLACED_BLOCKED;
	sada_quote(&x->in_the_way, n->path, n->len);
	if (why != NULL)
		sada_buf_addf(&x->in_the_way, ": %s", why);
}

/* Only look which paths there are. */
static int
find_name(const struct sada_name *n, void *ctx)
{
	(void)chosen(ctx, n);
	return 0;
}

/*
 * N is of the operands that it is below: is it here?  What is not is told
 * with who may have it.
 */
static void
count_name(struct restoring *x, const struct sada_name *n, unsigned placed)
{
	struct sada_err why;
	struct asked *a;
	size_t i;
	int lacks = placed == SADA_PLACED_WANT;

	if (n->kind == SADA_DIR)
		return;
	/* The sentence names it too. */
	if (lacks && sada_lacks(x->r, x->st, n, &why) == SADA_NOTFOUND) {
		/* The first may turn out to be the error. */
		if (x->first_lack.len == 0)
			sada_buf_adds(&x->first_lack, why.msg);
		else
			sada_note(x->r, SADA_NOTE_WARN, NULL, 0, why.msg);
	}
	for (i = 0; i == 0 || i < x->o->npaths; i++) {
		a = &x->asked[i];
		if (x->o->npaths > 0 && !sada_path_in(n->path, n->len,
		    (char *)a->path.p, a->path.len))
			continue;
		a->has |= !lacks;
		if (lacks && !a->lacks)
			sada_buf_adds(&a->why, why.msg);
		a->lacks |= lacks;
	}
}

static int
take_name(const struct sada_name *n, void *ctx)
{
	struct restoring *x = ctx;
	const char *why = NULL;
	unsigned placed = SADA_PLACED_NEW, how = 0;
	int which = chosen(x, n), rc;

	if (which == 0)
		return 0;
	if (which == 2 || n->ncover == 0 || (n->len == 0 &&
	    x->o->out != NULL))
		how = SADA_LAYOUT_PARENT;
	if (x->layout == NULL) {
		if (n->len > 0)
			tell(x, n->path, n->len, placed, NULL);
		return 0;
	}
	if ((rc = sada_layout_add(x->layout, n, how, &placed, &why,
	    x->err)) < 0)
		return rc;
	count_name(x, n, placed);
	if ((placed == SADA_PLACED_EDIT || placed == SADA_PLACED_BLOCKED) &&
	    !(x->o->flags & SADA_RESTORE_KEEP))
		note_way(x, n, placed, why);
	else if (x->o->dry)
		tell(x, n->path, n->len, placed, why);
	return 0;
}

static int
guard(struct restoring *x)
{
	char more[64] = "";

	if (x->nway == 0)
		return 0;
	if (x->nway > 1)
		(void)snprintf(more, sizeof(more), " (and %llu more)",
		    (unsigned long long)(x->nway - 1));
	return sada_err_set(x->err, SADA_GUARD, "%.300s%s; %s",
	    sada_buf_str(&x->in_the_way), more, x->o->out != NULL ?
	    "use -k to keep what exists" : x->directory ? "move it away, or "
	    "remove it after a snap; or use -k to keep what exists" :
	    "take a snap first, remove what is in the way, or use -k to keep "
	    "what exists");
}

/* Operands of which nothing was here: nothing was done for them. */
static int
all_here(struct restoring *x)
{
	struct asked *a;
	size_t i;

	for (i = 0; i == 0 || i < x->o->npaths; i++) {
		a = &x->asked[i];
		if (a->lacks > 0 && a->has == 0)
			return sada_err_set(x->err, SADA_NOTFOUND, "%.480s",
			    sada_buf_str(&a->why));
	}
	if (x->first_lack.len > 0)
		sada_note(x->r, SADA_NOTE_WARN, NULL, 0,
		    sada_buf_str(&x->first_lack));
	return 0;
}

/* The paths as they are called in the replica. */
static int
read_paths(struct restoring *x)
{
	size_t i;
	int rc;

	x->asked = sada_calloc(x->o->npaths + 1, sizeof(*x->asked));
	for (i = 0; i < x->o->npaths; i++) {
		struct sada_buf *b = &x->asked[i].path;

		(void)sada_buf_reserve(b, 1);
		if ((rc = sada_path_arg(x->r, x->o->paths[i], b,
		    x->err)) < 0)
			return rc;
		/* The whole is there even when it is empty. */
		x->asked[i].found = b->len == 0;
	}
	return 0;
}

static int
all_found(const struct restoring *x)
{
	struct sada_buf b = {0};
	size_t i;

	for (i = 0; i < x->o->npaths; i++) {
		if (x->asked[i].found)
			continue;
		sada_quote(&b, (char *)x->asked[i].path.p,
		    x->asked[i].path.len);
		(void)sada_err_set(x->err, SADA_USAGE,
		    "%s: no such name in %.200s", sada_buf_str(&b),
		    x->o->rev);
		sada_buf_release(&b);
		return SADA_USAGE;
	}
	return 0;
}

int
sada_restore(struct sada_replica *r, const struct sada_restore_opts *opts,
    struct sada_restore_result *res, struct sada_err *err)
{
	struct sada_err own;
	struct restoring x = { .r = r, .o = opts, .res = res,
	    .err = err != NULL ? err : &own };
	struct sada_layout_opts lo;
	struct sada_row_rules rows = {0};
	struct sada_rev rev;
	size_t i;
	int out = -1, rc;

	assert(opts->out != NULL || opts->dry || r->lock >= 0);
	memset(res, 0, sizeof(*res));
	memset(&rev, 0, sizeof(rev));
	memset(&lo, 0, sizeof(lo));
	if ((rc = read_paths(&x)) < 0 ||
	    (rc = sada_rev_resolve(&rev, r, opts->rev, strlen(opts->rev),
	    x.err)) < 0 ||
	    (opts->out == NULL &&
	    (rc = sada_row_rules_open(&rows, r, NULL, x.err)) < 0) ||
	    (opts->npaths > 0 && (rc = sada_names_each(&rev, find_name,
	    &x, x.err)) < 0) || (rc = all_found(&x)) < 0 ||
	    (opts->out != NULL && (rc = open_out(&out, opts->out, opts->dry,
	    x.err)) < 0))
		goto out;
	x.st = &rev.st;
	lo.root = opts->out != NULL ? out : r->root;
	lo.sdir = opts->out != NULL ? -1 : r->sdir;
	lo.old = opts->out != NULL ? NULL : r->work;
	lo.src = sada_melding_source(&rev.meld);
	lo.db = &rows.db;
	if (opts->flags & SADA_RESTORE_KEEP)
		lo.flags |= SADA_LAYOUT_KEEP;
	if (lo.root >= 0 &&
	    (rc = sada_layout_new(&x.layout, &lo, x.err)) < 0)
		goto out;
	if ((rc = sada_names_each(&rev, take_name, &x, x.err)) < 0 ||
	    (rc = guard(&x)) < 0)
		goto out;
	if (!opts->dry)
		rc = sada_layout_run(x.layout, placed_cb, &x, x.err);
	if (rc == 0)
		rc = all_here(&x);
out:
	sada_layout_free(x.layout);
	for (i = 0; i <= opts->npaths; i++) {
		sada_buf_release(&x.asked[i].path);
		sada_buf_release(&x.asked[i].why);
	}
	free(x.asked);
	sada_buf_release(&x.first_lack);
	sada_buf_release(&x.in_the_way);
	sada_io_close(out);
	sada_row_rules_release(&rows);
	sada_rev_release(&rev);
	return rc;
}
