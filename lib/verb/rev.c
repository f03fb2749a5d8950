/*
 * Revisions: words that name a state.
 *
 *	@	what is recorded or laid out here	@+  all that was pulled
 *	@~N	the N-th older line of "states"		PEER@  acknowledged
 *	@{TIME}	the newest line not after TIME		HEX  an op, 4 digits
 *	REV^	what the only head of REV was made on
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "verb/look_priv.h"

#define HEX_MIN 4

/* Op numbers, an array that grows. */
struct ops {
	uint32_t *op;
	size_t n, cap;
};

static void
add(struct ops *o, uint32_t i)
{
	o->op = sada_grow(o->op, &o->cap, o->n + 1, sizeof(*o->op));
	o->op[o->n++] = i;
}

static int unknown(struct sada_err *err, const char *s, size_t n,
    const char *fmt, ...) SADA_PRINTF(4, 5);

/* USAGE: REV, quoted, and why it means nothing. */
static int
unknown(struct sada_err *err, const char *s, size_t n, const char *fmt, ...)
{
	struct sada_buf b = {0};
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	sada_quote(&b, s, n < 200 ? n : 200);
	(void)sada_err_set(err, SADA_USAGE, "%s: %s", sada_buf_str(&b), why);
	sada_buf_release(&b);
	return SADA_USAGE;
}

size_t
sada_rev_split(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '@' && i + 1 < n && s[i + 1] == '{') {
			const char *end = memchr(s + i, '}', n - i);

			if (end == NULL)
				return n;
			i = (size_t)(end - s);
		} else if (s[i] == ':')
			return i;
	}
	return n;
}

/* The ops of a line of "states". */
static int
of_line(struct ops *o, const struct sada_replica *r,
    const struct sada_state_line *l, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	uint32_t i;
	size_t k;

	for (k = 0; k < l->n; k++) {
		if (!sada_log_find(r->log, &l->heads[k], &i)) {
			sada_id_hex(hex, &l->heads[k]);
			return sada_err_set(err, SADA_NOTFOUND,
			    "op %.12s, which was recorded or laid out then, "
			    "is not in the log", hex);
		}
		add(o, i);
	}
	return 0;
}

/* "~N", of N bytes at S+1. */
static int
older(struct ops *o, const struct sada_replica *r, const char *s, size_t n,
    struct sada_err *err)
{
	struct sada_state_line *line = NULL;
	size_t nline, i, back = 0;
	int rc;

	for (i = 2; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || back > 100000000)
			return unknown(err, s, n, "@~N wants a number");
		back = back * 10 + (size_t)(s[i] - '0');
	}
	if (n == 2)
		back = 1;
	if (back == 0) {
		for (i = 0; i < r->nlaid; i++)
			add(o, r->laid[i]);
		return 0;
	}
	if ((rc = sada_states_read(r, &line, &nline, err)) < 0)
		return rc;
	if (back >= nline)
		rc = unknown(err, s, n, nline == 0 ? "no state was recorded "
		    "here yet" : "only %zu older states are known here",
		    nline - (nline > 0));
	else
		rc = of_line(o, r, &line[nline - 1 - back], err);
	sada_states_free(line, nline);
	return rc;
}

/* "@{TIME}". */
static int
at_time(struct ops *o, const struct sada_replica *r, const char *s,
    size_t n, struct sada_err *err)
{
	struct sada_state_line *line = NULL;
	size_t nline, i;
	long long t;
	int rc;

	if (sada_when(&t, s + 2, n - 3, sada_io_now()) < 0)
		return unknown(err, s, n, "not a time; write it as "
		    "@{2026-11-22 10:00}, @{yesterday} or @{3 days ago}");
	if ((rc = sada_states_read(r, &line, &nline, err)) < 0)
		return rc;
	for (i = nline; i > 0 && line[i - 1].wall_ns > t; i--)
		;
	if (i == 0)
		rc = unknown(err, s, n, "nothing was recorded or laid out "
		    "here by then");
	else
		rc = of_line(o, r, &line[i - 1], err);
	sada_states_free(line, nline);
	return rc;
}

/* "PEER@": what the peer acknowledged, as far as it is known here. */
static int
of_peer(struct ops *o, const struct sada_replica *r, const char *s,
    size_t n, struct sada_err *err)
{
	const struct sada_peer *p;
	struct sada_ack ack;
	char *name;
	uint32_t i;
	size_t k;
	int rc;

	name = sada_memdup(s, n - 1);
	p = sada_peers_named(&r->peers, name);
	free(name);
	if (p == NULL)
		return unknown(err, s, n, "no such peer");
	memset(&ack, 0, sizeof(ack));
	if ((rc = sada_ack_load(&ack, r->sdir, &p->pub, err)) <= 0)
		return rc;
	for (k = 0; k < ack.nhave; k++)
		if (sada_log_find(r->log, &ack.have[k].op, &i))
			add(o, i);
	sada_ack_release(&ack);
	return 0;
}

/* The start of an op's id. */
static int
of_hex(struct ops *o, const struct sada_replica *r, const char *s, size_t n,
    struct sada_err *err)
{
	char a[SADA_HEX_LEN + 1], b[SADA_HEX_LEN + 1];
	struct sada_id id;
	uint32_t two[2];
	unsigned found;

	if (n > SADA_HEX_LEN || sada_id_parse(&id, s, n) < 0)
		return unknown(err, s, n, "no such revision");
	if (n < HEX_MIN)
		return unknown(err, s, n, "the start of an op's id is "
		    "%d digits or more", HEX_MIN);
	found = sada_log_abbrev(r->log, &id, (unsigned)n, two);
	if (found == 0)
		return unknown(err, s, n, "no op's id starts so");
	if (found > 1) {
		sada_id_hex(a, &sada_log_op(r->log, two[0])->id);
		sada_id_hex(b, &sada_log_op(r->log, two[1])->id);
		return unknown(err, s, n, "%u ops' ids start so, as %.16s "
		    "and %.16s", found, a, b);
	}
	add(o, two[0]);
	return 0;
}

/* A revision without '^' behind it. */
static int
base(struct ops *o, const struct sada_replica *r, const char *s, size_t n,
    struct sada_err *err)
{
	uint32_t *head;
	size_t i, nhead;

	if (n == 0)
		return unknown(err, s, n, "no revision is named");
	if (n == 1 && s[0] == '@') {
		for (i = 0; i < r->nlaid; i++)
			add(o, r->laid[i]);
		return 0;
	}
	if (n == 2 && s[0] == '@' && s[1] == '+') {
		sada_context_heads(&head, &nhead, r->log, NULL);
		for (i = 0; i < nhead; i++)
			add(o, head[i]);
		free(head);
		return 0;
	}
	if (s[0] == '@' && s[1] == '~')
		return older(o, r, s, n, err);
	if (s[0] == '@' && s[1] == '{' && s[n - 1] == '}')
		return at_time(o, r, s, n, err);
	if (s[n - 1] == '@')
		return of_peer(o, r, s, n, err);
	return of_hex(o, r, s, n, err);
}

/* Go from the only head of O to its parents. */
static int
to_parents(struct ops *o, const struct sada_replica *r, const char *s,
    size_t n, struct sada_err *err)
{
	const struct sada_op_info *op;
	struct sada_context *past;
	uint32_t *head = NULL;
	size_t nhead, i;
	int rc = 0;

	sada_context_make(&past, r->log, o->op, o->n);
	sada_context_heads(&head, &nhead, r->log, past);
	free(past);
	o->n = 0;
	if (nhead == 1) {
		op = sada_log_op(r->log, head[0]);
		for (i = 0; i < op->nparents; i++)
			add(o, op->parents[i]);
	} else if (nhead == 0)
		rc = unknown(err, s, n, "there is nothing before the first "
		    "op");
	else
		rc = unknown(err, s, n, "a state of %zu heads has no single "
		    "op before it; name one", nhead);
	free(head);
	return rc;
}

int
sada_rev_ops(uint32_t **out, size_t *nout, struct sada_replica *r,
    const char *s, size_t n, struct sada_err *err)
{
	struct ops o = { NULL, 0, 0 };
	size_t carets = 0, i;
	int rc;

	*out = NULL;
	*nout = 0;
	while (carets < n && s[n - 1 - carets] == '^')
		carets++;
	rc = base(&o, r, s, n - carets, err);
	for (i = 0; i < carets && rc == 0; i++)
		rc = to_parents(&o, r, s, n, err);
	if (rc < 0) {
		free(o.op);
		return rc;
	}
	*out = o.op;
	*nout = o.n;
	return 0;
}

int
sada_rev_resolve(struct sada_rev *rev, struct sada_replica *r,
    const char *s, size_t n, struct sada_err *err)
{
	uint32_t *ops = NULL;
	size_t nops;
	int rc;

	memset(rev, 0, sizeof(*rev));
	if ((rc = sada_rev_ops(&ops, &nops, r, s, n, err)) == 0 &&
	    (rc = sada_state_make(&rev->st, r->log, r->store, ops, nops,
	    err)) == 0)
		rc = sada_melding_open(&rev->meld, r, &rev->st, err);
	if (rc == 0)
		sada_context_make(&rev->past, r->log, ops, nops);
	else
		sada_rev_release(rev);
	free(ops);
	return rc;
}

void
sada_rev_release(struct sada_rev *rev)
{
	sada_melding_release(&rev->meld);
	sada_state_release(&rev->st);
	free(rev->past);
	memset(rev, 0, sizeof(*rev));
}
