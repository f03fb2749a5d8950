/* The entries of a map with what is carried, as they are shown. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/carry_priv.h"

static int
in_order(const void *pa, const void *pb)
{
	const struct sada_move *a = pa, *b = pb;
	int c = sada_path_cmp(a->to, a->to_len, b->to, b->to_len);

	if (c == 0)
		c = sada_id_cmp(&a->id, &b->id);
	return c != 0 ? c : sada_path_cmp(a->from, a->from_len, b->from,
	    b->from_len);
}

static int
out_cmp(const struct sada_move *a, const char *path, size_t len,
    const struct sada_id *id)
{
	int c = sada_path_cmp(a->from, a->from_len, path, len);

	return c != 0 ? c : sada_id_cmp(&a->id, id);
}

static int
out_order(const void *pa, const void *pb)
{
	const struct sada_move *a = *(const struct sada_move *const *)pa;
	const struct sada_move *b = *(const struct sada_move *const *)pb;

	return out_cmp(a, b->from, b->from_len, &b->id);
}

int
sada_carry_new(struct sada_carry **out, struct sada_log *log,
    const struct sada_context *past, struct sada_nodes *ns,
    const struct sada_id *root, struct sada_err *err)
{
	struct sada_carry *c = sada_calloc(1, sizeof(*c));
	size_t i;
	int rc;

	*out = NULL;
	if ((rc = sada_carry_search(c, log, past, ns, root, err)) < 0 ||
	    c->n == 0)
		goto out;
	qsort(c->in, c->n, sizeof(*c->in), in_order);
	c->out = sada_calloc(c->n, sizeof(*c->out));
	for (i = 0; i < c->n; i++) {
		c->out[i] = &c->in[i];
		c->in[i].v.at = c->in[i].from;
		c->in[i].v.at_len = c->in[i].from_len;
	}
	qsort(c->out, c->n, sizeof(*c->out), out_order);
	*out = c;
	c = NULL;
out:
	sada_carry_free(c);
	return rc;
}

void
sada_carry_free(struct sada_carry *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->ntext; i++)
		free(c->text[i]);
	free(c->text);
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

int
sada_carry_to(const struct sada_carry *c, const struct sada_version *v,
    const char *path, size_t len, const char **to, size_t *n)
{
	struct sada_id id;
	size_t lo = 0, hi = c != NULL ? c->n : 0, mid;
	int d;

	sada_version_id(&id, v);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((d = out_cmp(c->out[mid], path, len, &id)) == 0) {
			*to = c->out[mid]->to;
			*n = c->out[mid]->to_len;
			return 1;
		}
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
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

/* Read the next entry of the map that keeps a version, into HELD. */
static int
pull(struct sada_entries *s, struct sada_err *err)
{
	struct sada_entry e;
	const char *to;
	size_t i, n, ignored;
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
			if (!sada_carry_to(s->c, &e.v[i], e.path, e.len, &to,
			    &ignored))
				s->stay[n++] = e.v[i];
		s->held = e;
		s->held.v = s->stay;
		s->held.nv = n;
		s->has = n > 0;
	}
	return 0;
}

/*
 * The N versions that stay, HELD, and the arrivals at PATH, both sorted by
 * id, together to S->v: how many.
 */
static size_t
arrive(struct sada_entries *s, const struct sada_version *held, size_t n,
    const char *path, size_t len)
{
	const struct sada_carry *c = s->c;
	struct sada_id id;
	size_t i = 0, m = 0, first = s->at;

	while (s->at < c->n && sada_path_cmp(c->in[s->at].to,
	    c->in[s->at].to_len, path, len) == 0)
		s->at++;
	s->v = sada_grow(s->v, &s->cap, n + (s->at - first), sizeof(*s->v));
	for (; i < n; i++) {
		sada_version_id(&id, &held[i]);
		for (; first < s->at && sada_id_cmp(&c->in[first].id, &id) < 0;
		    first++)
			s->v[m++] = c->in[first].v;
		s->v[m++] = held[i];
	}
	for (; first < s->at; first++)
		s->v[m++] = c->in[first].v;
	return m;
}

int
sada_entries_next(struct sada_entries *s, struct sada_entry *e,
    struct sada_err *err)
{
	const struct sada_move *m;
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
		n = s->held.nv;
		s->has = 0;
	}
	e->nv = arrive(s, s->held.v, n, m->to, m->to_len);
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
