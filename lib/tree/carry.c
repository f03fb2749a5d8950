/* Which versions follow a rename, and the entries as they are shown then. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "tree/carry.h"
#include "tree/tree_priv.h"

/* Ops of one dot that are looked at: of more the version stays. */
#define LANES 16

/* One version on its way. */
struct move {
	char *from, *to;		/* own */
	size_t from_len, to_len;
	struct sada_version v;
	struct sada_id id;		/* of V */
};

struct sada_carry {
	struct move *in;		/* by (to, version id, from) */
	struct move **out;		/* by (from, version id) */
	size_t n, cap;
};

/* An op with hints. */
struct mover {
	uint32_t op;
	struct sada_context *seen;	/* its past, made when asked for */
	struct sada_hint *h;		/* own, with the text behind */
	size_t n;
};

/* The search for moves. */
struct search {
	struct sada_carry *c;
	struct sada_log *log;
	const struct sada_context *past;
	struct sada_nodes *ns;
	const struct sada_id *root;
	struct mover *op;		/* those with hints, highest first */
	size_t nop, capop;
	struct sada_cursor *look;	/* for questions on the way */
	struct sada_buf path, next;
};

static int
op_order(const void *pa, const void *pb, void *ctx)
{
	const struct sada_log *log = ctx;
	const struct sada_op_info *a = sada_log_op(log,
	    ((const struct mover *)pa)->op);
	const struct sada_op_info *b = sada_log_op(log,
	    ((const struct mover *)pb)->op);
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	if ((c = sada_id_cmp(&b->dot.author, &a->dot.author)) != 0)
		return c;
	return sada_id_cmp(&b->id, &a->id);
}

/* Keep a copy of the hints of M: the log has them only for a while. */
static int
read_hints(struct search *s, struct mover *m, struct sada_err *err)
{
	const struct sada_hint *h;
	size_t i, n, len = 0;
	char *p;
	int rc;

	if ((rc = sada_log_hints(s->log, m->op, &h, &n, err)) < 0)
		return rc;
	for (i = 0; i < n; i++)
		len += h[i].from_len + h[i].to_len;
	m->h = sada_malloc(n * sizeof(*h) + len + 1);
	p = (char *)(m->h + n);
	for (i = 0; i < n; i++) {
		m->h[i] = h[i];
		m->h[i].from = memcpy(p, h[i].from, h[i].from_len);
		p += h[i].from_len;
		m->h[i].to = memcpy(p, h[i].to, h[i].to_len);
		p += h[i].to_len;
	}
	m->n = n;
	return 0;
}

static int
find_ops(struct search *s, struct sada_err *err)
{
	uint32_t i, n = sada_log_count(s->log);
	int rc;

	for (i = 0; i < n; i++) {
		if (sada_log_op(s->log, i)->nhints == 0 ||
		    !sada_context_has(s->past, i))
			continue;
		s->op = sada_grow(s->op, &s->capop, s->nop + 1,
		    sizeof(*s->op));
		memset(&s->op[s->nop], 0, sizeof(*s->op));
		s->op[s->nop].op = i;
		if ((rc = read_hints(s, &s->op[s->nop++], err)) < 0)
			return rc;
	}
	if (s->nop > 1)
		qsort_r(s->op, s->nop, sizeof(*s->op), op_order, s->log);
	return 0;
}

/* The past of the K-th op. */
static const struct sada_context *
past_of(struct search *s, size_t k)
{
	if (s->op[k].seen == NULL)
		sada_context_make(&s->op[k].seen, s->log, &s->op[k].op, 1);
	return s->op[k].seen;
}

/* Is op A, or one of its past, op I? */
static int
has_past(const struct search *s, uint32_t a, uint32_t i)
{
	struct sada_context *c;
	int has;

	if (a < i)
		return 0;
	if (a == i)
		return 1;
	sada_context_make(&c, s->log, &a, 1);
	has = sada_context_has(c, i);
	free(c);
	return has;
}

/* Was version V written without a look at the K-th op, and unseen by it? */
static int
concurrent(struct search *s, size_t k, const struct sada_version *v)
{
	uint32_t op[LANES];
	size_t i, n;

	if (sada_context_seen(s->log, past_of(s, k), &v->dot))
		return 0;
	n = sada_context_ops(s->log, s->past, &v->dot, op, LANES);
	if (n == 0 || n > LANES)
		return 0;
	for (i = 0; i < n; i++)
		if (has_past(s, op[i], s->op[k].op))
			return 0;
	return 1;
}

/* Did the K-th op write V, or an op that has it in its past? */
static int
follows(struct search *s, size_t k, const struct sada_version *v)
{
	uint32_t op[LANES];
	size_t i, n;

	n = sada_context_ops(s->log, s->past, &v->dot, op, LANES);
	for (i = 0; i < n && i < LANES; i++)
		if (has_past(s, op[i], s->op[k].op))
			return 1;
	return 0;
}

/* Does PATH match FROM of hint H? */
static int
matches(const struct sada_hint *h, const char *path, size_t len)
{
	if (sada_path_cmp(h->from, h->from_len, path, len) == 0)
		return 1;
	return h->kind == SADA_HINT_DIR &&
	    sada_path_below(path, len, h->from, h->from_len);
}

/* Does something live at TO (a directory: or below) since the K-th op? */
static int
target_lives(struct search *s, size_t k, const struct sada_hint *h,
    struct sada_err *err)
{
	struct sada_entry e;
	size_t i;
	int rc;

	if ((rc = sada_cursor_seek(s->look, h->to, h->to_len, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(s->look, &e, err)) > 0) {
		if (sada_path_cmp(e.path, e.len, h->to, h->to_len) != 0 &&
		    (h->kind != SADA_HINT_DIR || !sada_path_below(e.path, e.len,
		    h->to, h->to_len)))
			return 0;
		for (i = 0; i < e.nv; i++)
			if (follows(s, k, &e.v[i]))
				return 1;
	}
	return rc;
}

/*
 * One step: where does V go that stands at S->path?  AFTER: only ops that
 * have op number AFTER - 1 in their past (0: any).  1 and S->path is the
 * new place, *AFTER the op's number + 1, *LIVES whether that place is one;
 * or 0.
 */
static int
step(struct search *s, const struct sada_version *v, uint32_t *after,
    int *lives, struct sada_err *err)
{
	const struct sada_hint *h;
	size_t k;
	int rc;

	for (k = 0; k < s->nop; k++) {
		if (*after > 0 && (s->op[k].op + 1 <= *after ||
		    !sada_context_has(past_of(s, k), *after - 1)))
			continue;
		h = sada_hint_of(s->op[k].h, s->op[k].n, (char *)s->path.p,
		    s->path.len);
		if (h == NULL || !concurrent(s, k, v))
			continue;
		sada_buf_reset(&s->next);
		if (!sada_hint_map(&s->next, h, (char *)s->path.p,
		    s->path.len))
			continue;
		if ((rc = target_lives(s, k, h, err)) < 0)
			return rc;
		*lives = rc;
		sada_buf_reset(&s->path);
		sada_buf_add(&s->path, s->next.p, s->next.len);
		*after = s->op[k].op + 1;
		return 1;
	}
	return 0;
}

/* Follow version V of slot E as far as it goes, and keep the move. */
static int
follow(struct search *s, const struct sada_entry *e,
    const struct sada_version *v, struct sada_err *err)
{
	struct sada_carry *c = s->c;
	struct sada_buf to = {0};
	struct move *m;
	uint32_t after = 0;
	int lives = 0, rc;

	sada_buf_reset(&s->path);
	sada_buf_add(&s->path, e->path, e->len);
	while ((rc = step(s, v, &after, &lives, err)) > 0)
		if (lives) {
			sada_buf_reset(&to);
			sada_buf_add(&to, s->path.p, s->path.len);
		}
	if (rc < 0 || to.len == 0 || sada_path_cmp((char *)to.p, to.len,
	    e->path, e->len) == 0)
		goto out;
	c->in = sada_grow(c->in, &c->cap, c->n + 1, sizeof(*c->in));
	m = &c->in[c->n++];
	m->from = sada_memdup(e->path, e->len);
	m->from_len = e->len;
	m->to = sada_memdup(to.p, to.len);
	m->to_len = to.len;
	m->v = *v;
	sada_version_id(&m->id, v);
out:
	sada_buf_release(&to);
	return rc;
}

static int
in_order(const void *pa, const void *pb)
{
	const struct move *a = pa, *b = pb;
	int c = sada_path_cmp(a->to, a->to_len, b->to, b->to_len);

	if (c == 0)
		c = sada_id_cmp(&a->id, &b->id);
	return c != 0 ? c : sada_path_cmp(a->from, a->from_len, b->from,
	    b->from_len);
}

static int
out_cmp(const struct move *a, const char *path, size_t len,
    const struct sada_id *id)
{
	int c = sada_path_cmp(a->from, a->from_len, path, len);

	return c != 0 ? c : sada_id_cmp(&a->id, id);
}

static int
out_order(const void *pa, const void *pb)
{
	const struct move *a = *(const struct move *const *)pa;
	const struct move *b = *(const struct move *const *)pb;

	return out_cmp(a, b->from, b->from_len, &b->id);
}

/* Look at what lives where hint H of the K-th op took something away. */
static int
search_hint(struct search *s, size_t k, const struct sada_hint *h,
    struct sada_cursor *c, struct sada_err *err)
{
	const struct sada_hint *own;
	struct sada_entry e;
	size_t i, j;
	int rc;

	if ((rc = sada_cursor_seek(c, h->from, h->from_len, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(c, &e, err)) > 0) {
		if (!matches(h, e.path, e.len))
			return 0;
		for (i = 0; i < e.nv; i++) {
			/* Once for each version: by the first op that fits. */
			for (j = 0, own = NULL; j <= k && own == NULL; j++) {
				own = sada_hint_of(s->op[j].h, s->op[j].n,
				    e.path, e.len);
				if (own != NULL && !concurrent(s, j, &e.v[i]))
					own = NULL;
			}
			if (own != h || j != k + 1)
				continue;
			if ((rc = follow(s, &e, &e.v[i], err)) < 0)
				return rc;
		}
	}
	return rc;
}

static int
search_all(struct search *s, struct sada_err *err)
{
	struct sada_cursor *c = NULL;
	size_t i, k;
	int rc;

	if ((rc = sada_cursor_open(&c, s->ns, s->root, err)) < 0 ||
	    (rc = sada_cursor_open(&s->look, s->ns, s->root, err)) < 0)
		goto out;
	for (k = 0; k < s->nop; k++)
		for (i = 0; i < s->op[k].n; i++)
			if ((rc = search_hint(s, k, &s->op[k].h[i], c,
			    err)) < 0)
				goto out;
	rc = 0;
out:
	sada_cursor_free(c);
	sada_cursor_free(s->look);
	return rc;
}

int
sada_carry_new(struct sada_carry **out, struct sada_log *log,
    const struct sada_context *past, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err)
{
	struct search s = { .log = log, .past = past, .ns = ns,
	    .root = root };
	size_t i;
	int rc = 0;

	*out = NULL;
	s.c = sada_calloc(1, sizeof(*s.c));
	if ((rc = find_ops(&s, err)) < 0 || s.nop == 0 ||
	    (rc = search_all(&s, err)) < 0 || s.c->n == 0)
		goto out;
	qsort(s.c->in, s.c->n, sizeof(*s.c->in), in_order);
	s.c->out = sada_calloc(s.c->n, sizeof(*s.c->out));
	for (i = 0; i < s.c->n; i++) {
		s.c->out[i] = &s.c->in[i];
		s.c->in[i].v.at = s.c->in[i].from;
		s.c->in[i].v.at_len = s.c->in[i].from_len;
	}
	qsort(s.c->out, s.c->n, sizeof(*s.c->out), out_order);
	*out = s.c;
	s.c = NULL;
out:
	sada_carry_free(s.c);
	for (i = 0; i < s.nop; i++) {
		free(s.op[i].seen);
		free(s.op[i].h);
	}
	free(s.op);
	sada_buf_release(&s.path);
	sada_buf_release(&s.next);
	return rc;
}

void
sada_carry_free(struct sada_carry *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++) {
		free(c->in[i].from);
		free(c->in[i].to);
	}
	free(c->in);
	free(c->out);
	free(c);
}

int
sada_carry_each(const struct sada_carry *c,
    int (*each)(const char *path, size_t len, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	size_t i;
	int rc;

	for (i = 0; c != NULL && i < c->n; i++) {
		if (i > 0 && sada_path_cmp(c->in[i - 1].to,
		    c->in[i - 1].to_len, c->in[i].to, c->in[i].to_len) == 0)
			continue;
		if ((rc = each(c->in[i].to, c->in[i].to_len, ctx, err)) < 0)
			return rc;
	}
	return 0;
}

/* ---- the entries as they are shown ---- */

/*
 * Invariants: HELD is the map's next entry without what goes from it, when
 * HAS; AT is the next arrival.
 */
struct sada_entries {
	const struct sada_carry *c;	/* or NULL */
	struct sada_cursor *map;
	struct sada_entry held;
	int has, ended;
	size_t at;
	struct sada_buf path;		/* of an entry that is put together */
	struct sada_version *v, *stay;
	size_t cap, staycap;
};

int
sada_entries_open(struct sada_entries **out, struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_carry *c,
    struct sada_err *err)
{
	struct sada_entries *s = sada_calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	s->c = c;
	if ((rc = sada_cursor_open(&s->map, ns, root, err)) < 0)
		goto out;
	*out = s;
	s = NULL;
out:
	sada_entries_free(s);
	return rc;
}

void
sada_entries_free(struct sada_entries *s)
{
	if (s == NULL)
		return;
	sada_cursor_free(s->map);
	sada_buf_release(&s->path);
	free(s->v);
	free(s->stay);
	free(s);
}

/* Does version V of slot E go elsewhere? */
static int
goes(const struct sada_carry *c, const struct sada_entry *e,
    const struct sada_version *v)
{
	struct sada_id id;
	size_t lo = 0, hi = c->n, mid;
	int d;

	sada_version_id(&id, v);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((d = out_cmp(c->out[mid], e->path, e->len, &id)) == 0)
			return 1;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* Read the next entry of the map that keeps a version, into HELD. */
static int
pull(struct sada_entries *s, struct sada_err *err)
{
	struct sada_entry e;
	size_t i, n;
	int rc = 0;

	while (!s->has && !s->ended) {
		if ((rc = sada_cursor_next(s->map, &e, err)) < 0)
			return rc;
		s->ended = rc == 0;
		if (rc == 0)
			break;
		s->stay = sada_grow(s->stay, &s->staycap, e.nv + 1,
		    sizeof(*s->stay));
		for (i = n = 0; i < e.nv; i++)
			if (!goes(s->c, &e, &e.v[i]))
				s->stay[n++] = e.v[i];
		s->held = e;
		s->held.v = s->stay;
		s->held.nv = n;
		s->has = n > 0;
	}
	return 0;
}

/* Append the arrivals at *PATH to the N versions of S->v, all sorted. */
static size_t
arrive(struct sada_entries *s, size_t n, const char *path, size_t len)
{
	const struct sada_carry *c = s->c;
	struct sada_id id;
	size_t i;

	for (; s->at < c->n && sada_path_cmp(c->in[s->at].to,
	    c->in[s->at].to_len, path, len) == 0; s->at++) {
		s->v = sada_grow(s->v, &s->cap, n + 1, sizeof(*s->v));
		for (i = n; i > 0; i--) {
			sada_version_id(&id, &s->v[i - 1]);
			if (sada_id_cmp(&id, &c->in[s->at].id) <= 0)
				break;
			s->v[i] = s->v[i - 1];
		}
		s->v[i] = c->in[s->at].v;
		n++;
	}
	return n;
}

int
sada_entries_next(struct sada_entries *s, struct sada_entry *e,
    struct sada_err *err)
{
	const struct move *m;
	size_t n = 0;
	int c = -1, rc;

	if (s->c == NULL)
		return sada_cursor_next(s->map, e, err);
	if ((rc = pull(s, err)) < 0)
		return rc;
	if (s->at == s->c->n) {
		if (!s->has)
			return 0;
		*e = s->held;
		s->has = 0;
		return 1;
	}
	m = &s->c->in[s->at];
	if (s->has) {
		c = sada_path_cmp(s->held.path, s->held.len, m->to,
		    m->to_len);
		if (c < 0) {
			*e = s->held;
			s->has = 0;
			return 1;
		}
	} else
		c = 1;
	sada_buf_reset(&s->path);
	sada_buf_add(&s->path, m->to, m->to_len);
	if (c == 0) {
		s->v = sada_grow(s->v, &s->cap, s->held.nv,
		    sizeof(*s->v));
		memcpy(s->v, s->held.v, s->held.nv * sizeof(*s->v));
		n = s->held.nv;
		s->has = 0;
	}
	e->nv = arrive(s, n, m->to, m->to_len);
	e->v = s->v;
	e->path = (const char *)s->path.p;
	e->len = s->path.len;
	return 1;
}

int
sada_entries_seek(struct sada_entries *s, const char *path, size_t len,
    struct sada_err *err)
{
	const struct sada_carry *c = s->c;
	size_t lo = 0, hi, mid;

	if (c != NULL) {
		for (hi = c->n; lo < hi; ) {
			mid = lo + (hi - lo) / 2;
			if (sada_path_cmp(c->in[mid].to, c->in[mid].to_len,
			    path, len) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		s->at = lo;
		s->has = s->ended = 0;
	}
	return sada_cursor_seek(s->map, path, len, err);
}
