/*
 * Differences are kept until all are known, as far as memory should go,
 * and told with the renames among them: each stands where its new name
 * does, and the old name is not told.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/quote.h"
#include "format/op.h"
#include "git/patch.h"
#include "git/similar.h"
#include "verb/deltas_priv.h"
#include "verb/rename_priv.h"

/* Larger contents are not compared line by line. */
#define PATCH_MAX (UINT64_C(16) << 20)
/* Old names of one new one that hints are asked for. */
#define ORIGINS_MAX 4

/* What stands behind a move. */
struct tail {
	struct sada_face a, b;
	const char *why;
	char what;
};

struct sada_deltas {
	struct sada_deltas_opts o;
	struct sada_moves *moves;	/* NULL: too many to be kept */
};

char
sada_face_letter(const struct sada_face *a, const struct sada_face *b)
{
	if (a->kind == 0)
		return b->kind == 0 ? 0 : 'A';
	if (b->kind == 0)
		return 'D';
	if (a->kind != b->kind)
		return 'T';
	if (a->size != b->size || sada_id_cmp(&a->content, &b->content) != 0)
		return 'M';
	if (a->mode == SADA_FACE_ANY_MODE || b->mode == SADA_FACE_ANY_MODE)
		return 0;
	return a->mode != b->mode ? 'P' : 0;
}

void
sada_deltas_new(struct sada_deltas **out,
    const struct sada_deltas_opts *opts)
{
	struct sada_deltas *x = sada_calloc(1, sizeof(*x));

	x->o = *opts;
	sada_moves_new(&x->moves);
	*out = x;
}

void
sada_deltas_free(struct sada_deltas *x)
{
	if (x == NULL)
		return;
	sada_moves_free(x->moves);
	free(x);
}

/* ---- patches ---- */

static unsigned
git_mode(const struct sada_face *f)
{
	if (f->kind == 0)
		return 0;
	if (f->kind == SADA_LINK)
		return 0120000;
	return (f->mode & 0100) ? 0100755 : 0100644;
}

/* The two sides of a patch, and where their bytes are. */
struct sides {
	const char *from, *to;		/* paths */
	size_t from_len, to_len;
	struct sada_patch_side a, b;
	struct sada_buf ba, bb;
	unsigned flags;
};

/* Load both sides: 1, or 0 when one is not held. */
static int
load_sides(struct sada_deltas *x, struct sides *s, const struct sada_face *a,
    const struct sada_face *b, struct sada_err *err)
{
	int rc = 1;

	if (a->kind != 0)
		rc = x->o.load(&s->ba, a, s->from, s->from_len,
		    x->o.load_ctx, err);
	if (rc == 1 && b->kind != 0)
		rc = x->o.load(&s->bb, b, s->to, s->to_len, x->o.load_ctx,
		    err);
	s->a.p = s->ba.p;
	s->a.n = s->ba.len;
	s->b.p = s->bb.p;
	s->b.n = s->bb.len;
	return rc;
}

/* How alike the sides are, of 100. */
static int
alike(const struct sides *s, unsigned *score, struct sada_err *err)
{
	struct sada_sig *a = NULL, *b = NULL;
	int rc;

	if ((rc = sada_sig_new(&a, s->a.p, s->a.n, err)) == 0 &&
	    (rc = sada_sig_new(&b, s->b.p, s->b.n, err)) == 0)
		*score = sada_sig_alike(a, b);
	if (*score > 99)
		*score = 99;
	sada_sig_free(a);
	sada_sig_free(b);
	return rc;
}

/* The patch from A to B; either may be nothing.  RENAMED: names differ. */
static int
patch_pair(struct sada_deltas *x, struct sides *s, const struct sada_face *a,
    const struct sada_face *b, int renamed, struct sada_err *err)
{
	struct sada_buf out = {0};
	unsigned score = 0;
	int rc = 1;

	s->a.mode = git_mode(a);
	s->b.mode = git_mode(b);
	if (a->kind == b->kind && a->size == b->size &&
	    sada_id_cmp(&a->content, &b->content) == 0) {
		score = 100;
	} else if (a->size > PATCH_MAX || b->size > PATCH_MAX) {
		s->flags = SADA_PATCH_BINARY;
		s->a.p = "a";
		s->b.p = "b";
		s->a.n = a->kind != 0;
		s->b.n = b->kind != 0;
	} else if ((rc = load_sides(x, s, a, b, err)) == 1 && renamed &&
	    (rc = alike(s, &score, err)) == 0)
		rc = 1;
	if (rc == 0) {
		sada_buf_adds(&out, "Content of ");
		sada_quote(&out, s->to, s->to_len);
		sada_buf_adds(&out, " is not held here\n");
	} else if (rc > 0 && renamed)
		rc = sada_patch_rename(&out, s->from, s->from_len, s->to,
		    s->to_len, score, &s->a, &s->b, s->flags, err);
	else if (rc > 0)
		rc = sada_patch(&out, s->to, s->to_len, &s->a, &s->b,
		    s->flags, err);
	if (rc >= 0)
		rc = out.len > 0 ? x->o.patch((char *)out.p, out.len,
		    x->o.ctx) : 0;
	sada_buf_release(&s->ba);
	sada_buf_release(&s->bb);
	sada_buf_release(&out);
	return rc;
}

/* The patch of C, as far as it is one of files and links. */
static int
tell_patch(struct sada_deltas *x, const struct sada_change *c,
    const struct tail *t, struct sada_err *err)
{
	struct sides s = { .from = c->path, .from_len = c->len,
	    .to = c->path, .to_len = c->len };
	struct sada_face a = t->a, b = t->b, none = { 0 };
	int rc = 0;

	if (c->from != NULL) {
		s.from = c->from;
		s.from_len = c->from_len;
	}
	if (a.kind == SADA_DIR)
		a = none;
	if (b.kind == SADA_DIR)
		b = none;
	if (a.kind != 0 && b.kind != 0 && a.kind != b.kind) {
		/* As git: the one goes, the other comes. */
		rc = patch_pair(x, &s, &a, &none, 0, err);
		a = none;
		memset(&s.a, 0, sizeof(s.a));
	}
	if (rc >= 0 && (a.kind != 0 || b.kind != 0))
		rc = patch_pair(x, &s, &a, &b, c->from != NULL, err);
	return rc;
}

/* ---- telling ---- */

static int
tell(struct sada_deltas *x, const struct sada_change *c,
    const struct tail *t, struct sada_err *err)
{
	struct sada_change shown = *c;
	int rc = 0;

	if (c->len == 0) {
		shown.path = ".";
		shown.len = 1;
	}
	if (x->o.change != NULL)
		rc = x->o.change(&shown, x->o.ctx);
	if (rc >= 0 && x->o.patch != NULL)
		rc = tell_patch(x, c, t, err);
	return rc;
}

/* Tell all that is kept. */
static int
tell_all(struct sada_deltas *x, struct sada_err *err)
{
	struct sada_buf path = {0}, old = {0};
	struct sada_change c;
	struct sada_move m, from;
	struct tail t, was;
	uint32_t i, n = sada_moves_count(x->moves);
	int rc = 0;

	for (i = 0; i < n && rc >= 0; i++) {
		sada_moves_get(x->moves, i, &m, &path);
		memcpy(&t, m.tail, sizeof(t));
		if (m.side == SADA_MOVE_GONE && m.mate != SADA_MOVE_NONE)
			continue;
		memset(&c, 0, sizeof(c));
		c.what = t.what;
		c.why = t.why;
		c.path = m.path;
		c.len = m.len;
		if (m.mate != SADA_MOVE_NONE) {
			sada_moves_get(x->moves, m.mate, &from, &old);
			memcpy(&was, from.tail, sizeof(was));
			c.what = 'R';
			c.from = from.path;
			c.from_len = from.len;
			t.a = was.a;
		}
		rc = tell(x, &c, &t, err);
	}
	sada_buf_release(&path);
	sada_buf_release(&old);
	return rc;
}

int
sada_deltas_add(struct sada_deltas *x, const char *path, size_t len,
    char what, const char *why, const struct sada_face *a,
    const struct sada_face *b, struct sada_err *err)
{
	struct tail t = { .why = why, .what = what };
	struct sada_move m = { .path = path, .len = len };
	struct sada_change c = { .what = what, .path = path, .len = len,
	    .why = why };
	int rc;

	t.a = *a;
	t.b = *b;
	if (x->moves == NULL)
		return tell(x, &c, &t, err);
	m.side = what == 'A' ? SADA_MOVE_NEW : what == 'D' ?
	    SADA_MOVE_GONE : SADA_MOVE_OTHER;
	a = what == 'A' ? b : a;
	m.kind = a->kind;
	m.size = a->size;
	m.content = a->content;
	m.tail = &t;
	m.ntail = sizeof(t);
	sada_moves_add(x->moves, &m);
	if (!sada_moves_full(x->moves))
		return 0;
	rc = tell_all(x, err);
	sada_moves_free(x->moves);
	x->moves = NULL;
	return rc;
}

/* ---- renames ---- */

static int
load_move(struct sada_buf *out, const struct sada_move *m, void *ctx,
    struct sada_err *err)
{
	struct sada_deltas *x = ctx;
	struct tail t;

	memcpy(&t, m->tail, sizeof(t));
	return x->o.load(out, m->side == SADA_MOVE_GONE ? &t.a : &t.b,
	    m->path, m->len, x->o.load_ctx, err);
}

/* The record of PATH, or NONE: they are in order. */
static uint32_t
find(const struct sada_moves *x, const char *path, size_t len,
    struct sada_buf *space)
{
	uint32_t lo = 0, hi = sada_moves_count(x), mid;
	struct sada_move m;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		sada_moves_get(x, mid, &m, space);
		if ((c = sada_path_cmp(m.path, m.len, path, len)) == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SADA_MOVE_NONE;
}

/* May record I be told as renamed? */
static int
nameable(const struct sada_moves *x, uint32_t i)
{
	return sada_move_kind(x, i) == SADA_DIR || sada_move_fits(x, i);
}

/* Pair what the hints say was renamed, and is here so. */
static void
pair_hints(struct sada_deltas *x)
{
	const struct sada_hint **by, *from[ORIGINS_MAX], *h;
	struct sada_buf path = {0}, old = {0}, space = {0};
	uint32_t i, g, n = sada_moves_count(x->moves);
	struct sada_move m;
	size_t k, count;

	sada_hints_by_to(&by, x->o.hint, x->o.nhint);
	for (i = 0; i < n; i++) {
		if (sada_move_side(x->moves, i) != SADA_MOVE_NEW ||
		    !nameable(x->moves, i))
			continue;
		sada_moves_get(x->moves, i, &m, &path);
		count = sada_hint_origins(from, ORIGINS_MAX, by, x->o.nhint,
		    m.path, m.len);
		for (k = 0; k < count; k++) {
			sada_buf_reset(&old);
			if (!sada_hint_unmap(&old, from[k], m.path, m.len))
				continue;
			/* Its own hint goes before its directory's. */
			h = sada_hint_of(x->o.hint, x->o.nhint,
			    (char *)old.p, old.len);
			g = find(x->moves, (char *)old.p, old.len, &space);
			if (h != from[k] || g == SADA_MOVE_NONE ||
			    sada_move_side(x->moves, g) != SADA_MOVE_GONE ||
			    sada_move_mate(x->moves, g) != SADA_MOVE_NONE ||
			    !nameable(x->moves, g) ||
			    sada_move_kind(x->moves, g) != m.kind ||
			    (m.kind == SADA_DIR && h->kind != SADA_HINT_DIR))
				continue;
			sada_move_pair(x->moves, g, i, 1);
			break;
		}
	}
	free(by);
	sada_buf_release(&path);
	sada_buf_release(&old);
	sada_buf_release(&space);
}

int
sada_deltas_end(struct sada_deltas *x, struct sada_err *err)
{
	int rc = 0;

	if (x->moves == NULL)
		return 0;
	if (x->o.nhint > 0) {
		pair_hints(x);
	} else if ((rc = sada_moves_match(x->moves, x->o.similar ?
	    load_move : NULL, x, err)) == 0)
		sada_moves_pair_dirs(x->moves);
	return rc < 0 ? rc : tell_all(x, err);
}
