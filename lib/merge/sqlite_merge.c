/*
 * The row-wise merge of three databases with one schema.
 *
 * The sides are first put in the order of their bytes, so that which is a
 * and which b cannot matter.  The result is made in a copy of the base,
 * table by table, and laid out anew by VACUUM.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/sqlite_priv.h"

enum { BASE = SQ_BASE, P = SQ_P, Q = SQ_Q, SIDES = SQ_SIDES };

struct merge {
	struct sq side[SIDES], out;
	struct sq_tables tables;
	long steps;
};

/* AUTOINCREMENT goes on above what any side gave out. */
static int
merge_sequence(struct merge *m, struct sada_err *err)
{
	static const char get[] = "SELECT max(seq) FROM sqlite_sequence "
	    "WHERE name = ?1 AND typeof(seq) = 'integer'";
	sqlite3_stmt *st = NULL;
	int64_t *max = NULL, one;
	int rc, k, *known = NULL;
	size_t i;

	if ((rc = sada_sq_has_sequence(&m->out, err)) <= 0)
		return rc < 0 ? rc : 1;
	max = sada_calloc(m->tables.n + 1, sizeof(*max));
	known = sada_calloc(m->tables.n + 1, sizeof(*known));
	for (i = 0; i < m->tables.n; i++)
		for (k = 0; k <= SIDES; k++) {
			if ((rc = sada_sq_int(k < SIDES ? &m->side[k] :
			    &m->out, get, m->tables.v[i].name, &one,
			    err)) <= 0)
				goto out;
			if (rc == 1 && (!known[i] || one > max[i]))
				max[i] = one;
			known[i] |= rc == 1;
		}
	if ((rc = sada_sq_exec(&m->out, "DELETE FROM sqlite_sequence",
	    err)) <= 0 ||
	    (rc = sada_sq_rc(sqlite3_prepare_v2(m->out.db,
	    "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", -1,
	    &st, NULL), err)) <= 0)
		goto out;
	for (i = 0; rc > 0 && i < m->tables.n; i++) {
		if (!known[i])
			continue;
		(void)sqlite3_bind_text(st, 1, m->tables.v[i].name, -1,
		    SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, max[i]);
		(void)sqlite3_step(st);
		rc = sada_sq_rc(sqlite3_reset(st), err);
	}
out:
	(void)sqlite3_finalize(st);
	free(known);
	free(max);
	return rc;
}

static void
put_be32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* The larger of field AT of all sides. */
static uint32_t
highest(const struct sada_span *in, size_t at)
{
	uint32_t max = 0, v;
	int k;

	for (k = 0; k < SIDES; k++)
		if ((v = be32((const unsigned char *)in[k].p + at)) > max)
			max = v;
	return max;
}

/* Lay out anew, and append the image with what depends on chance fixed. */
static int
finish(struct sada_buf *out, struct merge *m, const struct sada_span *in,
    struct sada_err *err)
{
	const unsigned char *h[SIDES], *image;
	unsigned char *p;
	sqlite3_int64 n = 0;
	int64_t broken;
	int rc, k, i;

	if ((rc = sada_sq_int(&m->out, "SELECT count(*) "
	    "FROM pragma_foreign_key_check", NULL, &broken, err)) <= 0)
		return rc;
	if (broken > 0)
		return 0;
	if ((rc = sada_sq_exec(&m->out, "COMMIT", err)) <= 0 ||
	    (rc = sada_sq_check(&m->out, "PRAGMA integrity_check(1)",
	    err)) <= 0 ||
	    (rc = sada_sq_exec(&m->out, "VACUUM", err)) <= 0)
		return rc;
	image = sqlite3_serialize(m->out.db, "main", &n,
	    SQLITE_SERIALIZE_NOCOPY);
	if (image == NULL || n < 512 || n > 2 * (sqlite3_int64)SADA_MERGE_MAX)
		return 0;
	p = sada_buf_reserve(out, (size_t)n);
	memcpy(p, image, (size_t)n);
	out->len += (size_t)n;
	for (k = 0; k < SIDES; k++)
		h[k] = in[k].p;
	for (i = 18; i <= 19; i++)
		p[i] = h[P][i] == h[BASE][i] ? h[Q][i] : h[P][i];
	put_be32(p + 24, highest(in, 24) + 1);
	put_be32(p + 40, highest(in, 40) + 1);
	put_be32(p + 92, be32(p + 24));
	put_be32(p + 96, 3037000);
	return 1;
}

static int
order(const struct sada_span *a, const struct sada_span *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int c = memcmp(a->p, b->p, n);

	return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

/*
 * Open the sides S of M, and see what tables the base has: 1 when they are
 * of a form that can be merged, 0 when not.
 */
static int
open_sides(struct merge *m, const struct sada_span s[SIDES],
    struct sada_err *err)
{
	const unsigned char *h[SIDES];
	int k, rc = 1;

	for (k = 0; k < SIDES; k++) {
		if (s[k].n > SADA_MERGE_MAX || !sada_sqlite_is(s[k].p,
		    s[k].n))
			return 0;
		h[k] = s[k].p;
	}
	/* Page size, and what each page keeps for others. */
	if (memcmp(h[0] + 16, h[1] + 16, 2) != 0 || h[0][20] != h[1][20] ||
	    memcmp(h[0] + 16, h[2] + 16, 2) != 0 || h[0][20] != h[2][20])
		return 0;
	for (k = 0; rc > 0 && k < SIDES; k++)
		rc = sada_sq_memory(&m->side[k], &s[k], 0, &m->steps, err);
	if (rc > 0 && (rc = sada_sq_same_schema(&m->side[BASE], &m->side[P],
	    err)) > 0 &&
	    (rc = sada_sq_same_schema(&m->side[BASE], &m->side[Q], err)) > 0)
		rc = sada_sq_tables(&m->tables, &m->side[BASE], err);
	return rc;
}

static void
merge_release(struct merge *m)
{
	int k;

	sada_sq_tables_release(&m->tables);
	sada_sq_close(&m->out);
	for (k = 0; k < SIDES; k++)
		sada_sq_close(&m->side[k]);
}

int
sada_sq_merge(struct sada_buf *out, const struct sada_three *in,
    unsigned fixed, struct sada_err *err)
{
	struct sada_span s[SIDES] = { in->base, in->a, in->b };
	struct merge m = { .steps = SQ_STEPS };
	size_t i;
	int rc;

	if (!fixed && order(&s[P], &s[Q]) > 0) {
		s[P] = in->b;
		s[Q] = in->a;
	}
	if ((rc = open_sides(&m, s, err)) <= 0 ||
	    (rc = sada_sq_memory(&m.out, &s[BASE], 2 * (size_t)SADA_MERGE_MAX,
	    &m.steps, err)) <= 0 ||
	    (rc = sada_sq_exec(&m.out, "BEGIN", err)) <= 0)
		goto out;
	for (i = 0; rc > 0 && i < m.tables.n; i++)
		rc = sada_sq_merge_table(&m.out, m.side,
		    &m.tables.v[i], err);
	if (rc > 0 && (rc = merge_sequence(&m, err)) > 0)
		rc = finish(out, &m, s, err);
	/* 2 is "no row" of the last question, never of the merge. */
	rc = rc > 0 ? 1 : rc;
out:
	merge_release(&m);
	return rc;
}

int
sada_sqlite_fits(const struct sada_three *in)
{
	const struct sada_span s[SIDES] = { in->base, in->a, in->b };
	struct merge m = { .steps = SQ_STEPS };
	struct sada_err drop;
	int rc = open_sides(&m, s, &drop);

	merge_release(&m);
	return rc != 0;
}

int
sada_merge_sqlite(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err)
{
	return sada_sq_merge(out, in, 0, err);
}
