/* The ops with hints, their hints by place, and which came before which. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/path.h"
#include "crypto/hash.h"
#include "format/op.h"
#include "tree/carry_priv.h"

static int
op_order(const void *pa, const void *pb, void *ctx)
{
	const struct sada_log *log = ctx;
	const struct sada_op_info *a = sada_log_op(log,
	    ((const struct sada_mover *)pa)->op);
	const struct sada_op_info *b = sada_log_op(log,
	    ((const struct sada_mover *)pb)->op);
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	if ((c = sada_id_cmp(&b->dot.author, &a->dot.author)) != 0)
		return c;
	return sada_id_cmp(&b->id, &a->id);
}

/* Keep a copy of the hints of X: the log has them only for a while. */
static int
read_hints(struct sada_log *log, struct sada_mover *x, struct sada_err *err)
{
	const struct sada_hint *h;
	size_t i, n, len = 0;
	char *p;
	int rc;

	if ((rc = sada_log_hints(log, x->op, &h, &n, err)) < 0)
		return rc;
	for (i = 0; i < n; i++)
		len += h[i].from_len + h[i].to_len;
	x->h = sada_malloc(n * sizeof(*h) + len + 1);
	x->lives = sada_calloc(n + 1, 1);
	p = (char *)(x->h + n);
	for (i = 0; i < n; i++) {
		x->h[i] = h[i];
		x->h[i].from = memcpy(p, h[i].from, h[i].from_len);
		p += h[i].from_len;
		x->h[i].to = memcpy(p, h[i].to, h[i].to_len);
		p += h[i].to_len;
	}
	x->n = n;
	return 0;
}

/*
 * All ops with hints that count, the highest first.  How much of them is
 * looked at depends on the state alone; what nothing is concurrent with
 * need not be read.
 */
static int
find_ops(struct sada_movers *m, const struct sada_context *past,
    struct sada_err *err)
{
	uint32_t i, n = sada_log_count(m->log);
	size_t k, at, hints = 0, bytes = 0;
	const struct sada_op_info *o;
	unsigned char *lined;
	int rc = 0;

	for (i = 0; i < n; i++) {
		if (sada_log_op(m->log, i)->nhints == 0 ||
		    !sada_context_has(past, i))
			continue;
		m->op = sada_grow(m->op, &m->cap, m->n + 1, sizeof(*m->op));
		memset(&m->op[m->n], 0, sizeof(*m->op));
		m->op[m->n++].op = i;
	}
	if (m->n == 0)
		return 0;
	qsort_r(m->op, m->n, sizeof(*m->op), op_order, m->log);
	sada_log_lined(&lined, m->log);
	for (k = at = 0; k < m->n && k < SADA_CARRY_OPS; k++) {
		o = sada_log_op(m->log, m->op[k].op);
		hints += o->nhints;
		bytes += o->hints_len;
		if (hints > SADA_CARRY_HINTS || bytes > SADA_CARRY_BYTES)
			break;
		if (!lined[m->op[k].op])
			m->op[at++].op = m->op[k].op;
	}
	m->n = at;
	free(lined);
	for (k = 0; k < m->n && rc == 0; k++)
		rc = read_hints(m->log, &m->op[k], err);
	return rc;
}

/* ---- hints by place ---- */

/* By from; of one place the directory's first. */
static int
from_cmp(const struct sada_hint *a, const struct sada_hint *b)
{
	int c = sada_path_cmp(a->from, a->from_len, b->from, b->from_len);

	return c != 0 ? c : b->kind - a->kind;
}

static int
led_order(const void *pa, const void *pb)
{
	const struct sada_led *a = pa, *b = pb;
	int c = from_cmp(a->h, b->h);

	return c != 0 ? c : a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* The hash of a path from that of what is above it and its last component. */
static uint64_t
hash_below(const struct sada_movers *m, uint64_t above, const char *name,
    size_t n)
{
	unsigned char b[8 + SADA_NAME_MAX];

	sada_le64_put(b, above);
	memcpy(b + 8, name, n);
	return sada_siphash(m->key, b, 8 + n);
}

static uint64_t
hash_path(const struct sada_movers *m, const char *path, size_t len)
{
	const char *end = path + len, *slash;
	uint64_t h = 0;

	for (;; path = slash + 1) {
		if ((slash = memchr(path, '/', (size_t)(end - path))) == NULL)
			slash = end;
		h = hash_below(m, h, path, (size_t)(slash - path));
		if (slash == end)
			return h;
	}
}

/* Where the hints of KIND from PATH, whose hash is HASH, begin in the table. */
static size_t
place(const struct sada_movers *m, uint64_t hash, const char *path,
    size_t len, unsigned kind)
{
	size_t at = (size_t)(hash + kind) & m->mask;
	const struct sada_hint *h;

	for (; m->table[at] != 0; at = (at + 1) & m->mask) {
		h = m->led[m->table[at] - 1].h;
		if (h->kind == kind && h->from_len == len &&
		    memcmp(h->from, path, len) == 0)
			break;
	}
	return at;
}

static void
index_hints(struct sada_movers *m)
{
	const struct sada_hint *h;
	size_t i, k, n = 0, first = 0;

	for (k = 0; k < m->n; k++)
		n += m->op[k].n;
	m->led = sada_calloc(n + 1, sizeof(*m->led));
	for (k = 0; k < m->n; k++)
		for (i = 0; i < m->op[k].n; i++) {
			m->led[m->nled].h = &m->op[k].h[i];
			m->led[m->nled++].rank = (uint32_t)k;
		}
	if (n > 1)
		qsort(m->led, n, sizeof(*m->led), led_order);
	for (m->mask = 1; m->mask < 2 * n; m->mask = 2 * m->mask + 1)
		;
	m->table = sada_calloc(m->mask + 1, sizeof(*m->table));
	sada_io_random(m->key, sizeof(m->key));
	for (i = 0; i < n; i++) {
		h = m->led[i].h;
		if (i > 0 && from_cmp(m->led[i - 1].h, h) == 0) {
			m->led[first].run++;
			continue;
		}
		first = i;
		m->led[i].run = 1;
		m->table[place(m, hash_path(m, h->from, h->from_len),
		    h->from, h->from_len, h->kind)] = (uint32_t)i + 1;
	}
}

size_t
sada_movers_leads(const struct sada_movers *m,
    struct sada_leads out[SADA_DEPTH_MAX + 1], const char *path, size_t len,
    unsigned kind)
{
	const char *p = path, *end = path + len, *slash;
	struct sada_leads swap;
	uint64_t hash = 0;
	size_t i, n = 0;
	uint32_t at;

	for (slash = p; slash < end; p = slash + 1) {
		if ((slash = memchr(p, '/', (size_t)(end - p))) == NULL)
			slash = end;
		hash = hash_below(m, hash, p, (size_t)(slash - p));
		at = m->table[place(m, hash, path, (size_t)(slash - path),
		    slash < end || kind == SADA_DIR ? SADA_HINT_DIR :
		    SADA_HINT_FILE)];
		if (at == 0)
			continue;
		out[n].led = &m->led[at - 1];
		out[n++].n = m->led[at - 1].run;
	}
	for (i = 0; i < n / 2; i++) {
		swap = out[i];
		out[i] = out[n - 1 - i];
		out[n - 1 - i] = swap;
	}
	return n;
}

/* ---- before and after ---- */

/* Of each op of the log: which of the 64 ranks from 64 I on it has seen. */
static const uint64_t *
since(struct sada_movers *m, size_t i)
{
	uint32_t k, j, n = sada_log_count(m->log), first = n, op;
	const struct sada_op_info *o;
	uint64_t *all;
	size_t r;

	for (r = 0; r < m->nkept; r++)
		if (m->kept[r].i == i)
			return m->kept[r].all;
	r = m->next;
	m->next = (m->next + 1) % (sizeof(m->kept) / sizeof(m->kept[0]));
	if (m->nkept <= r) {
		m->kept[r].all = sada_malloc(((size_t)n + 1) * sizeof(*all));
		m->nkept = r + 1;
	}
	m->kept[r].i = i;
	all = m->kept[r].all;
	memset(all, 0, ((size_t)n + 1) * sizeof(*all));
	for (r = 64 * i; r < m->n && r < 64 * (i + 1); r++) {
		op = m->op[r].op;
		all[op] |= (uint64_t)1 << r % 64;
		if (op < first)
			first = op;
	}
	for (k = first; k < n; k++) {
		o = sada_log_op(m->log, k);
		for (j = 0; j < o->nparents; j++)
			all[k] |= all[o->parents[j]];
	}
	m->work->passes++;
	if (m->since[i] == NULL) {
		m->since[i] = sada_malloc(m->n * sizeof(*all));
		for (r = 0; r < m->n; r++)
			m->since[i][r] = all[m->op[r].op];
	}
	return all;
}

int
sada_movers_before(struct sada_movers *m, size_t k, const uint32_t *ops,
    size_t n)
{
	const uint64_t *all = since(m, k / 64);
	size_t i;

	for (i = 0; i < n; i++)
		if (all[ops[i]] >> k % 64 & 1)
			return 1;
	return 0;
}

int
sada_movers_within(struct sada_movers *m, size_t k, size_t of)
{
	if (m->since[k / 64] == NULL)
		(void)since(m, k / 64);
	return (int)(m->since[k / 64][of] >> k % 64 & 1);
}

int
sada_movers_init(struct sada_movers *m, struct sada_log *log,
    const struct sada_context *past, struct sada_carry_work *work,
    struct sada_err *err)
{
	int rc;

	memset(m, 0, sizeof(*m));
	m->log = log;
	m->work = work;
	if ((rc = find_ops(m, past, err)) < 0 || m->n == 0)
		return rc;
	m->since = sada_calloc(m->n / 64 + 1, sizeof(*m->since));
	index_hints(m);
	return 0;
}

void
sada_movers_release(struct sada_movers *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->op[i].h);
		free(m->op[i].lives);
	}
	for (i = 0; m->since != NULL && i <= m->n / 64; i++)
		free(m->since[i]);
	for (i = 0; i < m->nkept; i++)
		free(m->kept[i].all);
	free(m->since);
	free(m->op);
	free(m->led);
	free(m->table);
	memset(m, 0, sizeof(*m));
}
