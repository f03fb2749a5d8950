/* Which versions follow a rename, and the entries as they are shown then. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "crypto/hash.h"
#include "crypto/idset.h"
#include "format/op.h"
#include "tree/carry.h"
#include "tree/tree_priv.h"

/* Ops of one dot that are looked at: of more nothing is known. */
#define LANES 16
/* Hints that are looked at, and their bytes: older ones lead nowhere. */
#define HINTS_MAX ((size_t)1 << 20)
#define BYTES_MAX ((size_t)64 << 20)
/* Dots of which it is kept which ops came before and after them. */
#define TIMES 64

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
	struct sada_hint *h;		/* own, with the text behind */
	unsigned char *lives;		/* of each: 0 not known, 1 no, 2 yes */
	size_t n;
};

/* Where the ops of a dot stand among all others. */
struct times {
	struct sada_dot dot;
	size_t n;			/* ops, none or more than LANES: none */
	struct sada_context *before;	/* they and their past */
	unsigned char *after;		/* bits: they and what has seen one */
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
	struct times times[TIMES];
	size_t ntimes, next_times;
	struct sada_idset met;		/* versions that were followed */
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
	m->lives = sada_calloc(n + 1, 1);
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

/*
 * All ops with hints that count, the highest first.  How much of them is
 * looked at depends on the state alone; what nothing is concurrent with
 * need not be read.
 */
static int
find_ops(struct search *s, struct sada_err *err)
{
	uint32_t i, n = sada_log_count(s->log);
	size_t k, at, hints = 0, bytes = 0;
	const struct sada_op_info *o;
	unsigned char *lined;
	int rc = 0;

	for (i = 0; i < n; i++) {
		if (sada_log_op(s->log, i)->nhints == 0 ||
		    !sada_context_has(s->past, i))
			continue;
		s->op = sada_grow(s->op, &s->capop, s->nop + 1,
		    sizeof(*s->op));
		memset(&s->op[s->nop], 0, sizeof(*s->op));
		s->op[s->nop++].op = i;
	}
	if (s->nop == 0)
		return 0;
	qsort_r(s->op, s->nop, sizeof(*s->op), op_order, s->log);
	sada_log_lined(&lined, s->log);
	for (k = at = 0; k < s->nop; k++) {
		o = sada_log_op(s->log, s->op[k].op);
		hints += o->nhints;
		bytes += o->hints_len;
		if (hints > HINTS_MAX || bytes > BYTES_MAX)
			break;
		if (!lined[s->op[k].op])
			s->op[at++].op = s->op[k].op;
	}
	s->nop = at;
	free(lined);
	for (k = 0; k < s->nop && rc == 0; k++)
		rc = read_hints(s, &s->op[k], err);
	return rc;
}

static void
times_release(struct times *t)
{
	free(t->before);
	free(t->after);
}

/* Fill T for the N ops OP. */
static void
times_fill(struct times *t, const struct search *s, const uint32_t *op,
    size_t n)
{
	uint32_t i, j, count = sada_log_count(s->log), first = count;
	const struct sada_op_info *o;
	size_t k;

	sada_context_make(&t->before, s->log, op, n);
	t->after = sada_calloc((size_t)count / 8 + 1, 1);
	for (k = 0; k < n; k++) {
		t->after[op[k] / 8] |= (unsigned char)(1u << op[k] % 8);
		if (op[k] < first)
			first = op[k];
	}
	for (i = first; i < count; i++) {
		o = sada_log_op(s->log, i);
		for (j = 0; j < o->nparents; j++)
			if (t->after[o->parents[j] / 8] >>
			    o->parents[j] % 8 & 1) {
				t->after[i / 8] |=
				    (unsigned char)(1u << i % 8);
				break;
			}
	}
}

/* Of the ops with V's dot. */
static const struct times *
times_of(struct search *s, const struct sada_version *v)
{
	uint32_t op[LANES];
	struct times *t;
	size_t i;

	for (i = 0; i < s->ntimes; i++)
		if (sada_dot_cmp(&s->times[i].dot, &v->dot) == 0)
			return &s->times[i];
	t = &s->times[s->next_times];
	if (s->ntimes < TIMES)
		s->ntimes++;
	else
		times_release(t);
	s->next_times = (s->next_times + 1) % TIMES;
	memset(t, 0, sizeof(*t));
	t->dot = v->dot;
	t->n = sada_context_ops(s->log, s->past, &v->dot, op, LANES);
	if (t->n > LANES)
		t->n = 0;
	if (t->n > 0)
		times_fill(t, s, op, t->n);
	return t;
}

/* Was version V written without a look at the K-th op, and unseen by it? */
static int
concurrent(struct search *s, size_t k, const struct sada_version *v)
{
	const struct times *t = times_of(s, v);
	uint32_t op = s->op[k].op;

	return t->n > 0 && !sada_context_has(t->before, op) &&
	    (t->after[op / 8] >> op % 8 & 1) == 0;
}

/* Did the K-th op write V, or an op that has it in its past? */
static int
follows(struct search *s, size_t k, const struct sada_version *v)
{
	const struct times *t = times_of(s, v);

	return t->n > 0 && sada_context_has(t->before, s->op[k].op);
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

/*
 * The hint of M that says where a version of KIND at PATH went: of a
 * directory those of directories count, of all else at the path itself
 * those of files.
 */
static const struct sada_hint *
hint_for(const struct mover *m, const char *path, size_t len, unsigned kind)
{
	const struct sada_hint *h;
	size_t at = len;

	while (at > 0 && (h = sada_hint_of(m->h, m->n, path, at)) != NULL) {
		if (h->kind == SADA_HINT_DIR ? h->from_len < len ||
		    kind == SADA_DIR : h->from_len == len && kind != SADA_DIR)
			return h;
		at = sada_path_parent(path, h->from_len);
	}
	return NULL;
}

/* Does something live at TO (a directory: or below) since the K-th op? */
static int
look_at_target(struct search *s, size_t k, const struct sada_hint *h,
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

/* The same, looked at once for each hint. */
static int
target_lives(struct search *s, size_t k, const struct sada_hint *h,
    struct sada_err *err)
{
	unsigned char *lives = &s->op[k].lives[h - s->op[k].h];
	int rc;

	if (*lives == 0) {
		if ((rc = look_at_target(s, k, h, err)) < 0)
			return rc;
		*lives = rc > 0 ? 2 : 1;
	}
	return *lives == 2;
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
		if (s->op[k].op + 1 <= *after)
			continue;
		h = hint_for(&s->op[k], (char *)s->path.p, s->path.len,
		    v->kind);
		if (h == NULL || !concurrent(s, k, v) || (*after > 0 &&
		    !sada_context_reaches(s->log, &s->op[k].op, 1,
		    *after - 1)))
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

/* Is this the first time that V of slot E is met? */
static int
is_new(struct search *s, const struct sada_entry *e,
    const struct sada_version *v)
{
	struct sada_id id;

	sada_version_id(&id, v);
	sada_buf_reset(&s->next);
	sada_buf_add(&s->next, id.b, SADA_ID_LEN);
	sada_buf_add(&s->next, e->path, e->len);
	sada_hash(&id, SADA_CTX_NAME, s->next.p, s->next.len);
	return sada_idset_add(&s->met, &id, 0);
}

/* Look at what lives where hint H took something away. */
static int
search_hint(struct search *s, const struct sada_hint *h,
    struct sada_cursor *c, struct sada_err *err)
{
	struct sada_entry e;
	size_t i;
	int rc;

	if ((rc = sada_cursor_seek(c, h->from, h->from_len, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(c, &e, err)) > 0) {
		if (!matches(h, e.path, e.len))
			return 0;
		for (i = 0; i < e.nv; i++)
			if (is_new(s, &e, &e.v[i]) &&
			    (rc = follow(s, &e, &e.v[i], err)) < 0)
				return rc;
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
			if ((rc = search_hint(s, &s->op[k].h[i], c,
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
		free(s.op[i].h);
		free(s.op[i].lives);
	}
	free(s.op);
	for (i = 0; i < s.ntimes; i++)
		times_release(&s.times[i]);
	sada_idset_release(&s.met);
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
