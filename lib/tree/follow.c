/*
 * The search for what is carried: the places that hints lead from are gone
 * through in the order of the map, and each version that lives there is
 * followed.  Versions are followed together, as many as have 64 dots, since
 * one pass over the log tells of all these dots which ops are concurrent.
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/op.h"
#include "tree/carry_priv.h"

/* Versions that wait to be followed. */
#define WAITING 4096

/* A version that waits; the first one of a slot owns the path. */
struct waiting {
	char *path;
	size_t len;
	int owns;
	unsigned lane;			/* of its dot */
	struct sada_version v;
};

struct search {
	struct sada_carry *c;
	struct sada_log *log;
	const struct sada_context *past;
	struct sada_movers m;
	struct sada_cursor *look;	/* for questions on the way */
	struct waiting *wait;
	size_t nwait;
	struct sada_dot dot[SADA_CARRY_BATCH];
	size_t ndot;
	uint64_t *seen, *saw;		/* of each op a bit for each dot: some op
					   of it has seen this, and this it */
	uint64_t *line;			/* of each rank: both */
	struct sada_buf path, next, to;
	int full;			/* no more is carried */
};

/* ---- dots ---- */

/*
 * Fill S->line: which of the dots are not concurrent with each rank.  A dot
 * with no op, or with a flood of them, is with none.
 */
static void
draw_lines(struct search *s)
{
	uint32_t i, j, n = sada_log_count(s->log), op[SADA_CARRY_LANES];
	const struct sada_op_info *o;
	uint64_t none = 0;
	size_t d, k, m;

	if (s->seen == NULL) {
		s->seen = sada_malloc(((size_t)n + 1) * sizeof(*s->seen));
		s->saw = sada_malloc(((size_t)n + 1) * sizeof(*s->saw));
		s->line = sada_malloc(s->m.n * sizeof(*s->line));
	}
	memset(s->seen, 0, ((size_t)n + 1) * sizeof(*s->seen));
	memset(s->saw, 0, ((size_t)n + 1) * sizeof(*s->saw));
	for (d = 0; d < s->ndot; d++) {
		m = sada_context_ops(s->log, s->past, &s->dot[d], op,
		    SADA_CARRY_LANES);
		if (m == 0 || m > SADA_CARRY_LANES) {
			none |= (uint64_t)1 << d;
			continue;
		}
		for (k = 0; k < m; k++) {
			s->seen[op[k]] |= (uint64_t)1 << d;
			s->saw[op[k]] |= (uint64_t)1 << d;
		}
	}
	for (i = n; i-- > 0;) {
		o = sada_log_op(s->log, i);
		for (j = 0; s->seen[i] != 0 && j < o->nparents; j++)
			s->seen[o->parents[j]] |= s->seen[i];
	}
	for (i = 0; i < n; i++) {
		o = sada_log_op(s->log, i);
		for (j = 0; j < o->nparents; j++)
			s->saw[i] |= s->saw[o->parents[j]];
	}
	for (k = 0; k < s->m.n; k++)
		s->line[k] = none | s->seen[s->m.op[k].op] |
		    s->saw[s->m.op[k].op];
	s->c->work.passes += 2;
}

/* The lane of dot D, a new one if need be; SADA_CARRY_BATCH: none is free. */
static unsigned
lane_of(struct search *s, const struct sada_dot *d)
{
	size_t i;

	for (i = 0; i < s->ndot; i++)
		if (sada_dot_cmp(&s->dot[i], d) == 0)
			return (unsigned)i;
	if (i < SADA_CARRY_BATCH)
		s->dot[s->ndot++] = *d;
	return (unsigned)i;
}

/* ---- where a hint leads ---- */

/* Does something live at TO (a directory: or below) since the K-th op? */
static int
look_at_target(struct search *s, size_t k, const struct sada_hint *h,
    struct sada_err *err)
{
	uint32_t op[SADA_CARRY_LANES];
	struct sada_entry e;
	size_t i, n, left = SADA_CARRY_LOOK;
	int rc;

	if ((rc = sada_cursor_seek(s->look, h->to, h->to_len, err)) < 0)
		return rc;
	while ((rc = sada_cursor_next(s->look, &e, err)) > 0) {
		if (sada_path_cmp(e.path, e.len, h->to, h->to_len) != 0 &&
		    (h->kind != SADA_HINT_DIR || !sada_path_below(e.path,
		    e.len, h->to, h->to_len)))
			return 0;
		for (i = 0; i < e.nv; i++) {
			if (left-- == 0)
				return 0;
			s->c->work.looks++;
			n = sada_context_ops(s->log, s->past, &e.v[i].dot, op,
			    SADA_CARRY_LANES);
			if (n <= SADA_CARRY_LANES &&
			    sada_movers_before(&s->m, k, op, n))
				return 1;
		}
	}
	return rc;
}

/* The same, looked at once for each hint. */
static int
target_lives(struct search *s, size_t k, const struct sada_hint *h,
    struct sada_err *err)
{
	unsigned char *lives = &s->m.op[k].lives[h - s->m.op[k].h];
	int rc;

	if (*lives == 0) {
		if ((rc = look_at_target(s, k, h, err)) < 0)
			return rc;
		*lives = rc > 0 ? 2 : 1;
	}
	return *lives == 2;
}

/* ---- following ---- */

/*
 * The hint that leads W from S->path, and in *RANK the rank of its op, the
 * highest there is that is behind the one of rank AFTER (SIZE_MAX: any); or
 * NULL.  Of one op the nearest counts.
 */
static const struct sada_hint *
find_hint(struct search *s, const struct waiting *w, size_t after,
    size_t *rank)
{
	struct sada_leads leads[SADA_DEPTH_MAX + 1];
	const struct sada_hint *best = NULL;
	const struct sada_led *led;
	size_t i, j, n;

	*rank = after == SIZE_MAX ? s->m.n : after;
	n = sada_movers_leads(&s->m, leads, (char *)s->path.p, s->path.len,
	    w->v.kind);
	for (i = 0; i < n; i++)
		for (j = 0; j < leads[i].n; j++) {
			led = &leads[i].led[j];
			if (led->rank >= *rank)
				break;
			s->c->work.tests++;
			if ((s->line[led->rank] >> w->lane & 1) == 0 &&
			    (after == SIZE_MAX || sada_movers_within(&s->m,
			    after, led->rank))) {
				best = led->h;
				*rank = led->rank;
				break;
			}
		}
	return best;
}

/* A copy of PATH of C's, which LAST (NULL: none) may be. */
static const char *
keep(struct sada_carry *c, const char *last, size_t last_len,
    const char *path, size_t len)
{
	if (last != NULL && last_len == len && memcmp(last, path, len) == 0)
		return last;
	c->text = sada_grow(c->text, &c->textcap, c->ntext + 1,
	    sizeof(*c->text));
	return c->text[c->ntext++] = sada_memdup(path, len);
}

/* W goes to S->to. */
static void
move(struct search *s, const struct waiting *w)
{
	struct sada_carry *c = s->c;
	const struct sada_move none = { .from = NULL }, *last;
	struct sada_move *m;

	if (c->n == SADA_CARRY_MOVES || c->bytes + w->len + s->to.len >
	    SADA_CARRY_PATHS) {
		s->full = 1;
		return;
	}
	c->bytes += w->len + s->to.len;
	c->in = sada_grow(c->in, &c->cap, c->n + 1, sizeof(*c->in));
	m = &c->in[c->n];
	/* Many versions of one slot go to one place. */
	last = c->n > 0 ? m - 1 : &none;
	m->from = keep(c, last->from, last->from_len, w->path, w->len);
	m->from_len = w->len;
	m->to = keep(c, last->to, last->to_len, (char *)s->to.p, s->to.len);
	m->to_len = s->to.len;
	m->v = w->v;
	sada_version_id(&m->id, &w->v);
	c->n++;
}

/* Follow W as far as it goes, and keep the move. */
static int
follow(struct search *s, const struct waiting *w, struct sada_err *err)
{
	const struct sada_hint *h;
	size_t rank = SIZE_MAX;
	struct sada_buf swap;
	unsigned steps;
	int rc;

	sada_buf_reset(&s->path);
	sada_buf_add(&s->path, w->path, w->len);
	sada_buf_reset(&s->to);
	for (steps = 0; steps < SADA_CARRY_STEPS; steps++) {
		if ((h = find_hint(s, w, rank, &rank)) == NULL)
			break;
		sada_buf_reset(&s->next);
		if (!sada_hint_map(&s->next, h, (char *)s->path.p,
		    s->path.len))
			break;
		if ((rc = target_lives(s, rank, h, err)) < 0)
			return rc;
		swap = s->path;
		s->path = s->next;
		s->next = swap;
		if (rc == 0)
			continue;
		sada_buf_reset(&s->to);
		sada_buf_add(&s->to, s->path.p, s->path.len);
	}
	if (s->to.len > 0 && sada_path_cmp((char *)s->to.p, s->to.len,
	    w->path, w->len) != 0)
		move(s, w);
	return 0;
}

/* Follow all that wait. */
static int
follow_all(struct search *s, struct sada_err *err)
{
	size_t i;
	int rc = 0;

	if (s->nwait > 0)
		draw_lines(s);
	for (i = 0; i < s->nwait && rc == 0 && !s->full; i++)
		rc = follow(s, &s->wait[i], err);
	for (i = 0; i < s->nwait; i++)
		if (s->wait[i].owns)
			free(s->wait[i].path);
	s->nwait = s->ndot = 0;
	return rc;
}

/* ---- the places ---- */

/* The versions of slot E wait; when there are enough, all are followed. */
static int
await(struct search *s, const struct sada_entry *e, struct sada_err *err)
{
	struct waiting *w = NULL;
	char *path = NULL;
	unsigned lane;
	size_t i;
	int rc;

	for (i = 0; i < e->nv && !s->full; i++) {
		lane = lane_of(s, &e->v[i].dot);
		if (lane == SADA_CARRY_BATCH || s->nwait == WAITING) {
			if ((rc = follow_all(s, err)) < 0)
				return rc;
			lane = lane_of(s, &e->v[i].dot);
			path = NULL;
		}
		w = &s->wait[s->nwait++];
		w->owns = path == NULL;
		if (path == NULL)
			path = sada_memdup(e->path, e->len);
		w->path = path;
		w->len = e->len;
		w->lane = lane;
		w->v = e->v[i];
	}
	return 0;
}

/* Look at what lives where hint H, of the longest reach there, leads from. */
static int
search_place(struct search *s, const struct sada_hint *h,
    struct sada_cursor *c, struct sada_err *err)
{
	struct sada_entry e;
	int rc;

	if ((rc = sada_cursor_seek(c, h->from, h->from_len, err)) < 0)
		return rc;
	while (!s->full && (rc = sada_cursor_next(c, &e, err)) > 0) {
		if (sada_path_cmp(e.path, e.len, h->from, h->from_len) != 0 &&
		    (h->kind != SADA_HINT_DIR || !sada_path_below(e.path,
		    e.len, h->from, h->from_len)))
			return 0;
		if ((rc = await(s, &e, err)) < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

/* All places in order, each once: those below a directory go with it. */
static int
search_all(struct search *s, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err)
{
	const struct sada_hint *h, *last = NULL;
	struct sada_cursor *c = NULL;
	size_t i;
	int rc;

	if ((rc = sada_cursor_open(&c, ns, root, err)) < 0 ||
	    (rc = sada_cursor_open(&s->look, ns, root, err)) < 0)
		goto out;
	for (i = 0; i < s->m.nled && !s->full; i += s->m.led[i].run) {
		h = s->m.led[i].h;
		/* A place may have hints of both kinds, the directory's first. */
		if (last != NULL && last->kind == SADA_HINT_DIR &&
		    (sada_path_cmp(h->from, h->from_len, last->from,
		    last->from_len) == 0 || sada_path_below(h->from,
		    h->from_len, last->from, last->from_len)))
			continue;
		last = h;
		if ((rc = search_place(s, h, c, err)) < 0)
			goto out;
	}
	rc = follow_all(s, err);
out:
	sada_cursor_free(c);
	sada_cursor_free(s->look);
	return rc;
}

int
sada_carry_search(struct sada_carry *c, struct sada_log *log,
    const struct sada_context *past, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err)
{
	struct search s = { .c = c, .log = log, .past = past };
	size_t i;
	int rc;

	if ((rc = sada_movers_init(&s.m, log, past, &c->work, err)) < 0 ||
	    s.m.n == 0)
		goto out;
	s.wait = sada_malloc(WAITING * sizeof(*s.wait));
	rc = search_all(&s, ns, root, err);
out:
	for (i = 0; i < s.nwait; i++)
		if (s.wait[i].owns)
			free(s.wait[i].path);
	free(s.wait);
	free(s.seen);
	free(s.saw);
	free(s.line);
	sada_movers_release(&s.m);
	sada_buf_release(&s.path);
	sada_buf_release(&s.next);
	sada_buf_release(&s.to);
	return rc;
}
