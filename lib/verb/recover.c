/*
 * Recovery: what every writer does before anything else.  There is no
 * repair command; what a crash left is finished or undone here.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "merge/command.h"
#include "verb/verb_priv.h"

int
sada_work_seed(int root, int sdir, struct sada_err *err)
{
	struct sada_work_writer *w = NULL, *end;
	struct sada_work_info info;
	struct sada_row row;
	struct sada_stat st;
	int rc;

	memset(&info, 0, sizeof(info));
	memset(&row, 0, sizeof(row));
	if ((rc = sada_io_stat(root, "", &st, err)) < 0 ||
	    (rc = sada_work_writer_new(&w, sdir, err)) < 0)
		return rc;
	row.path = row.slot = "";
	row.flags = SADA_ROW_IMPLIED;
	row.kind = SADA_DIR;
	row.mode = (uint16_t)(st.mode & 0777);
	row.mtime_ns = SADA_NO_MTIME;
	sada_seen_of(&row.seen, &st);
	/* No mtime was ever seen: the first change records the root's. */
	row.seen.mtime_s = 0;
	row.seen.mtime_ns = 0;
	if ((rc = sada_work_writer_add(w, &row, err)) < 0)
		goto out;
	end = w;
	w = NULL;
	if ((rc = sada_work_writer_finish(end, &info, err)) == 0)
		rc = sada_work_publish(sdir, SADA_WORK_SYNC, err);
out:
	sada_work_writer_free(w);
	return rc;
}

int
sada_laid_is(const struct sada_replica *r, const struct sada_state *st)
{
	size_t i;

	if (r->nlaid != st->n)
		return 0;
	for (i = 0; i < st->n; i++)
		if (r->laid[i] != st->heads[i])
			return 0;
	return 1;
}

int
sada_replica_reload(struct sada_replica *r, struct sada_err *err)
{
	struct sada_err e;

	sada_work_free(r->work);
	r->work = NULL;
	if (sada_work_open(&r->work, r->sdir, "work", &e) == SADA_SYS) {
		if (err != NULL)
			*err = e;
		return SADA_SYS;
	}
	return sada_replica_laid(r, err);
}

void
sada_apply_note(const char *path, size_t len, unsigned did, const char *why,
    void *ctx)
{
	const struct sada_replica *r = ctx;

	switch (did) {
	case SADA_DID_LEAVE:
		sada_note(r, SADA_NOTE_INFO, path, len, why != NULL ? why :
		    "left alone: it holds an edit that is not recorded yet");
		break;
	case SADA_DID_WANT:
		sada_note(r, SADA_NOTE_WARN, path, len, why != NULL ? why :
		    "left alone: its content has not come yet");
		break;
	case SADA_DID_FAIL:
		sada_note(r, SADA_NOTE_WARN, path, len, why != NULL ? why :
		    "could not be laid out");
		break;
	default:
		break;
	}
}

/* A copy or a restored store goes on under a new epoch. */
static int
check_home(struct sada_replica *r, struct sada_err *err)
{
	struct sada_buf payload = {0};
	unsigned char why[8];
	int moved, rc;

	if ((rc = moved = sada_home_moved(r, r->lock, err)) < 0)
		return rc;
	if (!moved && !sada_log_was_cut(r->log))
		return 0;
	sada_le64_put(why, moved ? 1 : 2);
	sada_log_record(&payload, SADA_LOG_EPOCH, why, sizeof(why));
	rc = sada_log_commit(r->log, SADA_FRAME_LOCALMETA, &payload, 1, err);
	sada_buf_release(&payload);
	if (rc < 0)
		return rc;
	sada_note(r, SADA_NOTE_WARN, NULL, 0, moved ?
	    "this store was copied or restored: it goes on under a new epoch"
	    : "the end of the log was torn: it was kept in .sada/quarantine "
	    "and the log goes on under a new epoch");
	return moved ? sada_home_write(r->sdir, r->lock, err) : 0;
}

/* Are all of W's heads in the log? */
static int
heads_known(const struct sada_replica *r, const struct sada_work_info *info)
{
	uint32_t n;
	size_t i, k;

	for (i = 0; i < info->nheads; i++)
		if (!sada_log_find(r->log, &info->heads[i], &n))
			return 0;
	for (i = 0; i < info->nolder; i++)
		for (k = 0; k < info->older[i].n; k++)
			if (!sada_log_find(r->log, &info->older[i].heads[k],
			    &n))
				return 0;
	return 1;
}

/* A next W that was finished: published if its op was committed. */
static int
finish_work(struct sada_replica *r, struct sada_err *err)
{
	struct sada_work *w = NULL;
	struct sada_err e;
	uint64_t next;
	int rc, good = 0;

	next = r->work != NULL ? sada_work_info(r->work)->generation + 1 : 0;
	rc = sada_work_open(&w, r->sdir, "work.new", &e);
	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == SADA_SYS) {
		*err = e;
		return rc;
	}
	if (rc == 0)
		good = sada_work_check(w, &e) == 0 &&
		    heads_known(r, sada_work_info(w)) &&
		    (next == 0 || sada_work_info(w)->generation == next);
	sada_work_free(w);
	if (!good)
		return sada_work_discard(r->sdir, err);
	if ((rc = sada_work_publish(r->sdir, SADA_WORK_SYNC, err)) < 0)
		return rc;
	return sada_replica_reload(r, err);
}

/* Numbers of the ops with these ids; those that are not held left out. */
static size_t
find_ops(const struct sada_replica *r, const struct sada_id *id, size_t n,
    uint32_t *out)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		k += (size_t)sada_log_find(r->log, &id[i], &out[k]);
	return k;
}

/* Finish an apply that a crash interrupted. */
static int
finish_apply(struct sada_replica *r, struct sada_err *err)
{
	struct sada_apply_result res;
	struct sada_apply_opts o;
	struct sada_id *heads = NULL, map;
	struct sada_melding meld;
	struct sada_state st;
	uint32_t *ops = NULL;
	size_t n = 0, k;
	int rc;

	memset(&o, 0, sizeof(o));
	memset(&st, 0, sizeof(st));
	memset(&meld, 0, sizeof(meld));
	rc = sada_apply_pending(r->sdir, &heads, &n, &map, err);
	if (rc <= 0)
		goto out;
	ops = sada_calloc(n + 1, sizeof(*ops));
	k = find_ops(r, heads, n, ops);
	if ((rc = sada_state_init(&st, r->log, r->store, NULL, ops, k, NULL,
	    err)) < 0 || (rc = sada_melding_open(&meld, r, &st, err)) < 0 ||
	    (rc = sada_melding_store(&meld, &st, err)) < 0 ||
	    (rc = sada_view_open(&o.view, &st.ns, &st.root, &meld.by,
	    err)) < 0)
		goto out;
	o.old = r->work;
	o.heads = heads;
	o.nheads = n;
	o.map = st.root;
	o.flags = SADA_APPLY_RECOVER;
	o.report = sada_apply_note;
	o.ctx = r;
	if ((rc = sada_melding_apply(&res, &meld, &o, err)) == 0)
		rc = sada_replica_reload(r, err);
out:
	sada_view_free(o.view);
	sada_melding_release(&meld);
	free(heads);
	free(ops);
	sada_state_release(&st);
	return rc;
}

/*
 * What was laid out by other evidence than W: "states", and the own op after
 * it, unless that was made of names that were left.
 */
static uint32_t *
evidence(struct sada_replica *r, size_t *n)
{
	struct sada_state_line *line = NULL;
	struct sada_err e;
	uint32_t *ops, own;
	size_t nline = 0, i;

	*n = 0;
	ops = sada_calloc(1, sizeof(*ops));
	if (sada_states_read(r, &line, &nline, &e) == 0)
		for (i = nline; i-- > 0; ) {
			ops = sada_realloc(ops, (line[i].n + 1) *
			    sizeof(*ops));
			*n = find_ops(r, line[i].heads, line[i].n, ops);
			if (*n == line[i].n)
				break;
			*n = 0;
		}
	sada_states_free(line, nline);
	if (!sada_log_own_last(r->log, &own))
		return ops;
	for (i = 0; i < *n; i++)
		if (!sada_context_reaches(r->log, &own, 1, ops[i]))
			return ops;
	ops[(*n)++] = own;
	return ops;
}

/*
 * W is gone or older than the own log: make it anew from what is in the
 * directory, without touching a file.
 */
static int
adopt(struct sada_replica *r, struct sada_err *err)
{
	struct sada_state was, now;
	struct sada_apply_result res;
	struct sada_apply_opts o;
	struct sada_melding before, meld;
	struct sada_id *heads = NULL, *base = NULL;
	uint32_t *ops, *all = NULL;
	size_t n, nall = 0;
	int rc;

	memset(&o, 0, sizeof(o));
	memset(&was, 0, sizeof(was));
	memset(&now, 0, sizeof(now));
	memset(&before, 0, sizeof(before));
	memset(&meld, 0, sizeof(meld));
	sada_note(r, SADA_NOTE_INFO, NULL, 0,
	    "the stat cache is gone; the directory is read anew");
	ops = evidence(r, &n);
	sada_context_heads(&all, &nall, r->log, NULL);
	if ((rc = sada_state_init(&was, r->log, r->store, NULL, ops, n, NULL,
	    err)) < 0 ||
	    (rc = sada_state_init(&now, r->log, r->store, NULL, all, nall,
	    NULL, err)) < 0 ||
	    (rc = sada_melding_open(&before, r, &was, err)) < 0 ||
	    (rc = sada_melding_store(&before, &was, err)) < 0 ||
	    (rc = sada_melding_open(&meld, r, &now, err)) < 0 ||
	    (rc = sada_melding_store(&meld, &now, err)) < 0 ||
	    (rc = sada_view_open(&o.base, &was.ns, &was.root, &before.by,
	    err)) < 0 ||
	    (rc = sada_view_open(&o.view, &now.ns, &now.root, &meld.by,
	    err)) < 0)
		goto out;
	base = sada_state_heads(&was);
	o.was.heads = base;
	o.was.n = was.n;
	heads = sada_state_heads(&now);
	o.heads = heads;
	o.nheads = now.n;
	o.map = now.root;
	o.flags = SADA_APPLY_ADOPT;
	o.report = sada_apply_note;
	o.ctx = r;
	if ((rc = sada_melding_apply(&res, &meld, &o, err)) == 0)
		rc = sada_replica_reload(r, err);
out:
	sada_view_free(o.view);
	sada_view_free(o.base);
	sada_melding_release(&before);
	sada_melding_release(&meld);
	free(heads);
	free(base);
	free(ops);
	free(all);
	sada_state_release(&was);
	sada_state_release(&now);
	return rc;
}

/* Does W know of the newest own op? */
static int
work_current(struct sada_replica *r)
{
	const struct sada_work_info *info;
	struct sada_context *c;
	uint32_t *ops, own;
	size_t n;
	int ok;

	if (r->work == NULL)
		return 0;
	info = sada_work_info(r->work);
	if (!heads_known(r, info))
		return 0;
	if (!sada_log_own_last(r->log, &own))
		return 1;
	ops = sada_calloc(info->nheads + 1, sizeof(*ops));
	n = find_ops(r, info->heads, info->nheads, ops);
	sada_context_make(&c, r->log, ops, n);
	ok = sada_context_has(c, own) || sada_is_late(r, own);
	free(c);
	free(ops);
	return ok;
}

/* Temps that a killed run left; packs have temps that others fill. */
static int
sweep(struct sada_replica *r, struct sada_err *err)
{
	static const char *const dirs[] = { "peers", "parked" };
	struct sada_err e;
	size_t i;
	int fd, rc;

	if ((rc = sada_io_sweep(r->sdir, err)) < 0 ||
	    (rc = sada_io_sweep(r->logs, err)) < 0 ||
	    (rc = sada_merge_sweep(r->sdir, err)) < 0)
		return rc;
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (sada_io_open(&fd, r->sdir, dirs[i], O_RDONLY |
		    O_DIRECTORY, 0, &e) < 0)
			continue;
		rc = sada_io_sweep(fd, err);
		sada_io_close(fd);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
sada_recover(struct sada_replica *r, struct sada_err *err)
{
	struct sada_err e;
	int rc;

	if ((rc = sweep(r, err)) < 0 ||
	    (rc = check_home(r, err)) < 0)
		return rc;
	/* A W with a bad block is no W. */
	if (r->work != NULL && sada_work_check(r->work, &e) < 0) {
		sada_work_free(r->work);
		r->work = NULL;
	}
	if ((rc = finish_work(r, err)) < 0 ||
	    (rc = finish_apply(r, err)) < 0)
		return rc;
	if (!work_current(r)) {
		if (sada_log_count(r->log) > 0)
			rc = adopt(r, err);
		else if ((rc = sada_work_seed(r->root, r->sdir, err)) == 0)
			rc = sada_replica_reload(r, err);
		if (rc < 0)
			return rc;
	}
	return sada_trash_empty(r->root, r->sdir, r->store, sada_apply_note,
	    r, err);
}
