/* The log, op by op, newest first. */
#include <stdlib.h>
#include <string.h>

#include "format/op.h"
#include "verb/look_priv.h"

struct show {
	struct sada_replica *r;
	const struct sada_log_opts *o;
	struct sada_op_names names;
	struct sada_buf *path;
	struct sada_context *laid;
	uint32_t *op;			/* those to show, in order */
	size_t n;
	uint64_t unknown;		/* whose changes are not held */
};

/* Newest first: lamport, then author and id upwards. */
static int
newest(const void *pa, const void *pb, void *ctx)
{
	const struct sada_log *log = ctx;
	const struct sada_op_info *a = sada_log_op(log,
	    *(const uint32_t *)pa);
	const struct sada_op_info *b = sada_log_op(log,
	    *(const uint32_t *)pb);
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	c = sada_id_cmp(&a->dot.author, &b->dot.author);
	return c != 0 ? c : sada_id_cmp(&a->id, &b->id);
}

/* The past of REV (N bytes; none: "@"). */
static int
past_of(struct sada_context **out, struct sada_replica *r, const char *s,
    size_t n, struct sada_err *err)
{
	uint32_t *ops;
	size_t nops;
	int rc;

	*out = NULL;
	if (n == 0) {
		s = "@";
		n = 1;
	}
	if ((rc = sada_rev_ops(&ops, &nops, r, s, n, err)) == 0)
		sada_context_make(out, r->log, ops, nops);
	free(ops);
	return rc;
}

/* Offset of ".." outside braces in S, or N. */
static size_t
find_dots(const char *s, size_t n)
{
	size_t i;
	int in = 0;

	for (i = 0; i + 1 < n; i++) {
		if (s[i] == '{')
			in = 1;
		else if (s[i] == '}')
			in = 0;
		else if (!in && s[i] == '.' && s[i + 1] == '.')
			return i;
	}
	return n;
}

/* Fill the ops of the range, in order. */
static int
select_ops(struct show *s, struct sada_err *err)
{
	struct sada_context *to = NULL, *from = NULL;
	const char *range = s->o->range;
	uint32_t count = sada_log_count(s->r->log), i;
	size_t n, dots;
	int rc = 0;

	if (range != NULL) {
		n = strlen(range);
		dots = find_dots(range, n);
		if (dots < n) {
			if ((rc = past_of(&from, s->r, range, dots,
			    err)) < 0)
				goto out;
			range += dots + 2;
			n -= dots + 2;
		}
		if ((rc = past_of(&to, s->r, range, n, err)) < 0)
			goto out;
	}
	s->op = sada_calloc((size_t)count + 1, sizeof(*s->op));
	for (i = 0; i < count; i++)
		if ((to == NULL || sada_context_has(to, i)) &&
		    (from == NULL || !sada_context_has(from, i)))
			s->op[s->n++] = i;
	qsort_r(s->op, s->n, sizeof(*s->op), newest, s->r->log);
out:
	free(to);
	free(from);
	return rc;
}

/* Keep those that changed one of the paths, and MAX of them. */
static int
filter_ops(struct show *s, struct sada_err *err)
{
	size_t i, k = 0;
	int rc;

	for (i = 0; i < s->n && (s->o->max == 0 || k < s->o->max); i++) {
		rc = s->names.npath == 0 ? 1 :
		    sada_op_touches(&s->names, s->op[i], err);
		if (rc == SADA_NOTFOUND)
			s->unknown++;
		else if (rc < 0)
			return rc;
		else if (rc > 0)
			s->op[k++] = s->op[i];
	}
	s->n = k;
	return 0;
}

static int
show_op(struct show *s, uint32_t i, struct sada_err *err)
{
	const struct sada_op_info *info = sada_log_op(s->r->log, i);
	char (*parents)[SADA_VERB_HEX];
	struct sada_log_entry e;
	struct sada_buf rec = {0};
	struct sada_op op;
	char author[65];
	size_t k;
	int rc;

	memset(&op, 0, sizeof(op));
	memset(&e, 0, sizeof(e));
	parents = sada_calloc((size_t)info->nparents + 1, sizeof(*parents));
	if ((rc = sada_log_read(s->r->log, i, &rec, err)) < 0 ||
	    (rc = sada_op_decode(&op, rec.p, rec.len, err)) < 0)
		goto out;
	sada_id_hex(e.id, &info->id);
	sada_author_name(s->r, &op.dot.author, author);
	e.author = author;
	sada_id_hex(e.author_id, &op.dot.author);
	e.epoch = op.dot.epoch;
	e.seq = op.dot.seq;
	e.lamport = info->lamport;
	e.wall_ns = op.wall_ns;
	e.msg = op.msg;
	e.msg_len = op.msg_len;
	e.n_set = op.n_set;
	e.n_gone = op.n_gone;
	e.nparents = info->nparents;
	for (k = 0; k < e.nparents; k++)
		sada_id_hex(parents[k], &sada_log_op(s->r->log,
		    info->parents[k])->id);
	e.parents = (const char (*)[SADA_VERB_HEX])parents;
	e.accepted = (op.flags & SADA_OP_ACCEPTED) != 0;
	e.laid = sada_context_has(s->laid, i);
	if ((rc = s->o->each(&e, s->o->ctx)) < 0)
		goto out;
	rc = 0;
	if (s->names.change != NULL || s->names.patch != NULL)
		rc = sada_op_tell(&s->names, i, err);
	if (rc == SADA_NOTFOUND) {
		s->unknown++;
		rc = 0;
	}
out:
	free(parents);
	sada_op_release(&op);
	sada_buf_release(&rec);
	return rc;
}

/* The paths as they are called in the replica. */
static int
read_paths(struct show *s, struct sada_err *err)
{
	size_t i;
	int rc;

	s->path = sada_calloc(s->o->npaths + 1, sizeof(*s->path));
	for (i = 0; i < s->o->npaths; i++) {
		(void)sada_buf_reserve(&s->path[i], 1);
		if ((rc = sada_path_arg(s->r, s->o->paths[i], &s->path[i],
		    err)) < 0)
			return rc;
	}
	s->names.path = s->path;
	s->names.npath = s->o->npaths;
	return 0;
}

static void
say_unknown(const struct show *s)
{
	struct sada_buf b = {0};

	if (s->unknown == 0)
		return;
	sada_buf_addf(&b, "what %llu older ops changed is not held here",
	    (unsigned long long)s->unknown);
	sada_note(s->r, SADA_NOTE_WARN, NULL, 0, sada_buf_str(&b));
	sada_buf_release(&b);
}

int
sada_log_show(struct sada_replica *r, const struct sada_log_opts *opts,
    struct sada_err *err)
{
	struct show s = { .r = r, .o = opts };
	size_t i;
	int rc;

	s.names.r = r;
	s.names.ctx = opts->ctx;
	s.names.change = (opts->flags & SADA_LOG_NAMES) ? opts->change : NULL;
	s.names.patch = (opts->flags & SADA_LOG_PATCH) ? opts->patch : NULL;
	sada_context_make(&s.laid, r->log, r->laid, r->nlaid);
	if ((rc = read_paths(&s, err)) < 0 ||
	    (rc = sada_txn_begin(&s.names.txn, r->store, err)) < 0 ||
	    (rc = select_ops(&s, err)) < 0 ||
	    (rc = filter_ops(&s, err)) < 0)
		goto out;
	for (i = 0; i < s.n && rc == 0; i++)
		rc = show_op(&s, s.op[(opts->flags & SADA_LOG_REVERSE) ?
		    s.n - 1 - i : i], err);
	if (rc == 0)
		say_unknown(&s);
out:
	sada_txn_abort(s.names.txn);
	for (i = 0; s.path != NULL && i < opts->npaths; i++)
		sada_buf_release(&s.path[i]);
	free(s.path);
	free(s.laid);
	free(s.op);
	return rc;
}
