/* Conflicts: slots with more than one group; list, show, take. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "disk/layout.h"
#include "verb/look_priv.h"

#define HEX_MIN 4

/* One group of a conflict; what it points to is its own. */
struct group {
	char *slot, *name;
	size_t slot_len, name_len;
	struct sada_version *cover, lead;
	size_t ncover;
	uint64_t lamport;
	struct sada_id version;		/* of the lead; zero: implied */
	uint8_t kind;
	int copy;
};

struct groups {
	struct sada_state *st;
	struct group *g;		/* by slot, then the highest first */
	size_t n, cap;
};

static int
keep(const struct sada_name *n, void *ctx)
{
	struct groups *gs = ctx;
	const struct sada_version *lead;
	struct group *g;

	if (n->groups < 2)
		return 0;
	gs->g = sada_grow(gs->g, &gs->cap, gs->n + 1, sizeof(*gs->g));
	g = &gs->g[gs->n++];
	memset(g, 0, sizeof(*g));
	g->slot = sada_memdup(n->slot, n->slot_len);
	g->slot_len = n->slot_len;
	g->name = sada_memdup(n->path, n->len);
	g->name_len = n->len;
	g->kind = n->kind;
	g->copy = sada_path_cmp(n->slot, n->slot_len, n->path, n->len) != 0;
	lead = sada_lead(n->cover, n->ncover, sada_state_lamport, gs->st);
	if (lead == NULL)
		return 0;
	g->cover = sada_malloc(n->ncover * sizeof(*g->cover));
	memcpy(g->cover, n->cover, n->ncover * sizeof(*g->cover));
	g->ncover = n->ncover;
	g->lead = *lead;
	sada_version_id(&g->version, lead);
	g->lamport = sada_state_lamport(&lead->dot, gs->st);
	return 0;
}

static int
order(const void *pa, const void *pb)
{
	const struct group *a = pa, *b = pb;
	int c = sada_path_cmp(a->slot, a->slot_len, b->slot, b->slot_len);

	if (c == 0)
		c = a->copy - b->copy;
	if (c == 0)
		c = (a->lamport < b->lamport) - (a->lamport > b->lamport);
	if (c == 0)
		c = sada_id_cmp(&b->lead.dot.author, &a->lead.dot.author);
	return c != 0 ? c : sada_id_cmp(&b->version, &a->version);
}

static int
groups_init(struct groups *gs, struct sada_state *st, struct sada_err *err)
{
	int rc;

	memset(gs, 0, sizeof(*gs));
	gs->st = st;
	if ((rc = sada_names_each(st, keep, gs, err)) < 0)
		return rc;
	if (gs->n > 1)
		qsort(gs->g, gs->n, sizeof(*gs->g), order);
	return 0;
}

static void
groups_release(struct groups *gs)
{
	size_t i;

	for (i = 0; i < gs->n; i++) {
		free(gs->g[i].slot);
		free(gs->g[i].name);
		free(gs->g[i].cover);
	}
	free(gs->g);
	memset(gs, 0, sizeof(*gs));
}

/* Groups FROM to *TO are one slot. */
static size_t
slot_end(const struct groups *gs, size_t from)
{
	size_t i;

	for (i = from + 1; i < gs->n && sada_path_cmp(gs->g[i].slot,
	    gs->g[i].slot_len, gs->g[from].slot, gs->g[from].slot_len) == 0;
	    i++)
		;
	return i;
}

int
sada_conflicts(struct sada_replica *r,
    int (*each)(const struct sada_conflict *c, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_source src = { r->store, NULL };
	struct sada_conflict c;
	struct sada_err drop;
	struct groups gs = { NULL, NULL, 0, 0 };
	struct sada_rev rev;
	char author[65];
	uint32_t op;
	size_t i;
	int rc;

	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = groups_init(&gs, &rev.st, err)) < 0)
		goto out;
	for (i = 0; i < gs.n && rc >= 0; i++) {
		const struct group *g = &gs.g[i];

		memset(&c, 0, sizeof(c));
		c.path = g->slot;
		c.len = g->slot_len;
		c.name = g->name;
		c.name_len = g->name_len;
		c.kind = g->kind == SADA_DIR ? 'd' : g->kind == SADA_LINK ?
		    'l' : 'f';
		c.held = 1;
		author[0] = '\0';
		if (g->ncover > 0) {
			sada_id_hex(c.version, &g->version);
			sada_author_name(r, &g->lead.dot.author, author);
			c.size = g->lead.size;
		}
		for (op = sada_log_count(r->log); g->ncover > 0 && op-- > 0;)
			if (sada_dot_cmp(&sada_log_op(r->log, op)->dot,
			    &g->lead.dot) == 0) {
				c.wall_ns = sada_log_op(r->log, op)->wall_ns;
				break;
			}
		if (g->kind != SADA_DIR)
			c.held = sada_file_held(&src, &g->lead.content,
			    g->lead.size, &drop) == 1;
		c.author = author;
		c.why = !g->copy ? "it has the name" : g->kind !=
		    gs.g[i - 1].kind ? "it is of another kind" :
		    "its content differs";
		rc = each(&c, ctx);
	}
	if (rc > 0)
		rc = 0;
out:
	groups_release(&gs);
	sada_rev_release(&rev);
	return rc;
}

/* ---- choosing ---- */

/* Does the hex start S (4 digits or more) fit ID? */
static int
hex_fits(const char *s, const struct sada_id *id)
{
	char hex[SADA_HEX_LEN + 1];
	size_t n = strlen(s);

	sada_id_hex(hex, id);
	return n >= HEX_MIN && n <= SADA_HEX_LEN && memcmp(hex, s, n) == 0;
}

static int
fits(const struct sada_replica *r, const struct group *g, const char *which)
{
	const struct sada_id *self = &sada_key_pub(r->key)->id;
	struct sada_id id;
	char author[65];
	size_t i;

	for (i = 0; i < g->ncover; i++) {
		const struct sada_id *a = &g->cover[i].dot.author;

		if (strcmp(which, "mine") == 0) {
			if (sada_id_cmp(a, self) == 0)
				return 1;
			continue;
		}
		sada_author_name(r, a, author);
		sada_version_id(&id, &g->cover[i]);
		if (strcmp(author, which) == 0 || hex_fits(which, a) ||
		    hex_fits(which, &id))
			return 1;
	}
	return 0;
}

static int
no_conflict(const char *arg, struct sada_err *err)
{
	struct sada_buf b = {0};

	sada_quote(&b, arg, strlen(arg));
	(void)sada_err_set(err, SADA_USAGE, "%s: no conflict there; see "
	    "sada-merge --list", sada_buf_str(&b));
	sada_buf_release(&b);
	return SADA_USAGE;
}

/* The slot that ARG names, by itself or by a copy: groups *FROM to *TO. */
static int
find_slot(const struct sada_replica *r, const struct groups *gs,
    const char *arg, size_t *from, size_t *to, struct sada_err *err)
{
	struct sada_buf path = {0};
	size_t i, k;
	int rc;

	(void)sada_buf_reserve(&path, 1);
	if ((rc = sada_path_arg(r, arg, &path, err)) < 0)
		goto out;
	rc = SADA_USAGE;
	for (i = 0; i < gs->n && rc < 0; i = *to) {
		*from = i;
		*to = slot_end(gs, i);
		for (k = i; k < *to; k++)
			if (sada_path_cmp(gs->g[k].name, gs->g[k].name_len,
			    (char *)path.p, path.len) == 0 ||
			    sada_path_cmp(gs->g[k].slot, gs->g[k].slot_len,
			    (char *)path.p, path.len) == 0)
				rc = 0;
	}
	if (rc < 0)
		rc = no_conflict(arg, err);
out:
	sada_buf_release(&path);
	return rc;
}

/* The group of FROM to TO that WHICH names. */
static int
choose(const struct sada_replica *r, const struct groups *gs, size_t from,
    size_t to, const char *which, size_t *out, struct sada_err *err)
{
	char a[SADA_HEX_LEN + 1], b[SADA_HEX_LEN + 1];
	size_t i, n = 0;

	for (i = from; i < to; i++)
		if (fits(r, &gs->g[i], which)) {
			if (n++ == 0 || strcmp(which, "mine") != 0) {
				if (n == 2) {
					sada_id_hex(a, &gs->g[*out].version);
					sada_id_hex(b, &gs->g[i].version);
					return sada_err_set(err, SADA_USAGE,
					    "%.100s: several versions fit; "
					    "name one as %.12s or %.12s",
					    which, a, b);
				}
				*out = i;
			}
		}
	if (n == 0)
		return sada_err_set(err, SADA_USAGE, "%.100s: no version of "
		    "the conflict is by it or has this id; see sada-merge "
		    "--list", which);
	return 0;
}

int
sada_conflict_show(struct sada_replica *r, const char *which,
    const char *path, int (*each)(const void *p, size_t n, void *ctx),
    void *ctx, struct sada_err *err)
{
	struct sada_source src = { r->store, NULL };
	struct groups gs = { NULL, NULL, 0, 0 };
	const struct sada_version *v;
	struct sada_rev rev;
	size_t from, to, at = 0;
	char author[65];
	int rc;

	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = groups_init(&gs, &rev.st, err)) < 0 ||
	    (rc = find_slot(r, &gs, path, &from, &to, err)) < 0 ||
	    (rc = choose(r, &gs, from, to, which, &at, err)) < 0)
		goto out;
	v = &gs.g[at].lead;
	if (gs.g[at].kind == SADA_DIR) {
		rc = sada_err_set(err, SADA_USAGE,
		    "%.200s: that version is a directory", path);
		goto out;
	}
	if ((rc = sada_file_held(&src, &v->content, v->size, err)) == 0) {
		sada_author_name(r, &v->dot.author, author);
		rc = sada_err_set(err, SADA_NOTFOUND, "%.200s: its content "
		    "is not here; it was written by %s", path, author);
	}
	if (rc == 1)
		rc = sada_file_get(&src, &v->content, v->size, each, ctx,
		    err);
out:
	groups_release(&gs);
	sada_rev_release(&rev);
	return rc;
}

/* ---- taking ---- */

/* "both": a touch makes copy G a file of its own. */
static int
touch(const struct sada_replica *r, const struct group *g,
    struct sada_err *err)
{
	size_t n = sada_path_parent(g->name, g->name_len);
	long long now = sada_io_now();
	char *dir = sada_memdup(g->name, n);
	int fd = -1, rc;

	rc = sada_io_open_below(&fd, r->root, dir, O_RDONLY | O_DIRECTORY,
	    err);
	if (rc == 0)
		rc = sada_io_utime(fd, g->name + sada_path_base(g->name,
		    g->name_len), now / 1000000000, (uint32_t)(now %
		    1000000000), err);
	sada_io_close(fd);
	free(dir);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

/* Something stands in the way of taking a version of G. */
static int
in_the_way(const struct group *g, const char *why, struct sada_err *err)
{
	struct sada_buf b = {0};

	sada_quote(&b, g->slot, g->slot_len);
	(void)sada_err_set(err, SADA_GUARD, "%s: %s", sada_buf_str(&b),
	    why != NULL ? why : "it cannot be replaced");
	sada_buf_release(&b);
	return SADA_GUARD;
}

/* Add what taking group AT of FROM to TO does to the directory. */
static int
plan_take(struct sada_layout *l, const struct groups *gs, size_t from,
    size_t to, size_t at, struct sada_err *err)
{
	const struct group *g = &gs->g[at];
	const char *why;
	struct sada_name n;
	unsigned placed;
	size_t i;
	int rc;

	if (g->copy) {
		memset(&n, 0, sizeof(n));
		n.path = n.slot = g->slot;
		n.len = n.slot_len = g->slot_len;
		n.kind = g->kind;
		n.mode = g->lead.mode;
		n.size = g->lead.size;
		n.content = g->lead.content;
		n.mtime_s = g->lead.mtime_s;
		n.mtime_ns = g->lead.mtime_ns;
		if ((rc = sada_layout_add(l, &n, 0, &placed, &why,
		    err)) < 0)
			return rc;
		if (placed > SADA_PLACED_GONE)
			return in_the_way(g, why, err);
	}
	for (i = from; i < to; i++) {
		if (!gs->g[i].copy)
			continue;
		if ((rc = sada_layout_remove(l, gs->g[i].name,
		    gs->g[i].name_len, &placed, &why, err)) < 0)
			return rc;
		if (placed > SADA_PLACED_GONE)
			return in_the_way(&gs->g[i], why, err);
	}
	return 0;
}

struct failed {
	struct sada_replica *r;
	int n;
};

static void
note_failed(const char *path, size_t len, unsigned placed, const char *why,
    void *ctx)
{
	struct failed *f = ctx;

	if (placed <= SADA_PLACED_GONE)
		return;
	f->n++;
	sada_note(f->r, SADA_NOTE_WARN, path, len, why != NULL ? why :
	    "could not be replaced");
}

/* Change the directory as WHICH says. */
static int
take_paths(struct sada_replica *r, const char *which,
    const char *const *paths, size_t npaths, unsigned flags,
    struct sada_err *err)
{
	struct sada_layout_opts lo = { .root = r->root, .sdir = r->sdir,
	    .old = r->work, .src = { r->store, NULL } };
	struct groups gs = { NULL, NULL, 0, 0 };
	struct sada_layout *l = NULL;
	struct failed f = { r, 0 };
	size_t i, k, from, to, at = 0;
	int both = strcmp(which, "both") == 0, rc;
	char *seen = NULL;		/* slots that an earlier PATH named */
	struct sada_rev rev;

	if ((rc = sada_rev_resolve(&rev, r, "@", 1, err)) < 0 ||
	    (rc = groups_init(&gs, &rev.st, err)) < 0 ||
	    (rc = sada_layout_new(&l, &lo, err)) < 0)
		goto out;
	seen = sada_calloc(gs.n + 1, 1);
	for (i = 0; i < npaths; i++) {
		if ((rc = find_slot(r, &gs, paths[i], &from, &to, err)) < 0)
			goto out;
		if (seen[from])
			continue;
		seen[from] = 1;
		if (!both && ((rc = choose(r, &gs, from, to, which, &at,
		    err)) < 0 || (rc = plan_take(l, &gs, from, to, at,
		    err)) < 0))
			goto out;
	}
	if (flags & SADA_DRY)
		goto out;
	for (i = 0; both && i < npaths; i++) {
		if ((rc = find_slot(r, &gs, paths[i], &from, &to, err)) < 0)
			goto out;
		for (k = from; k < to; k++)
			if (gs.g[k].copy &&
			    (rc = touch(r, &gs.g[k], err)) < 0)
				goto out;
	}
	rc = sada_layout_run(l, note_failed, &f, err);
	if (rc == 0 && f.n > 0)
		sada_note(r, SADA_NOTE_WARN, NULL, 0, "not all could be "
		    "taken; what is left is still a conflict");
out:
	free(seen);
	sada_layout_free(l);
	groups_release(&gs);
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
	/* The paths must be right before anything is recorded. */
	if ((rc = take_paths(r, which, paths, npaths, SADA_DRY, err)) < 0 &&
	    rc != SADA_GUARD)
		return rc;
	if (flags & SADA_DRY)
		return rc;
	/* What the user did so far is recorded first: nothing gets lost. */
	if ((rc = sada_snap(r, &so, &res, err)) < 0 ||
	    (rc = take_paths(r, which, paths, npaths, flags, err)) < 0)
		return rc;
	so.flags = SADA_ACCEPT_DELETES;
	memset(&res, 0, sizeof(res));
	if ((rc = sada_snap(r, &so, &res, err)) == 0)
		memcpy(op, res.op, SADA_VERB_HEX);
	return rc;
}
