/*
 * What a merge could not lay out: a name that holds an edit which is not
 * recorded, that is in use, or whose content has not come.
 *
 * Its row of W stays, with the number of the heads whose state it shows.
 * Who changes it then has seen no more than that state, and the change is
 * recorded so, as an op on these heads: it is concurrent with what the
 * merge brought, and follows a rename as an edit does that was recorded
 * before.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/snap_priv.h"

/* Can an op be made on the heads of O? */
static int
usable(const struct sada_replica *r, const struct sada_older *o)
{
	uint32_t op;
	size_t i;

	for (i = 0; i < o->n; i++)
		if (!sada_log_find(r->log, &o->heads[i], &op) ||
		    !sada_map_held(r, op))
			return 0;
	return o->n <= SADA_PARENTS_MAX;
}

/* The directory of the name that was looked at last. */
struct dir {
	int root, fd;			/* of PATH */
	int rc;				/* what opening it came to */
	char *path;			/* NULL: none yet */
};

static void
dir_open(struct dir *d, const char *path, size_t len)
{
	struct sada_err drop;

	if (d->path != NULL && strlen(d->path) == len &&
	    memcmp(d->path, path, len) == 0)
		return;
	if (d->path != NULL)
		sada_io_close(d->fd);
	free(d->path);
	d->fd = -1;
	d->path = sada_memdup(path, len);
	d->rc = sada_io_open_below(&d->fd, d->root, d->path, O_RDONLY |
	    O_DIRECTORY, &drop);
}

static void
dir_close(struct dir *d)
{
	if (d->path != NULL)
		sada_io_close(d->fd);
	free(d->path);
	d->path = NULL;
}

/* The stat of ROW's name, or of what stands beside it with SUFFIX. */
static int
stat_of(struct dir *d, const struct sada_row *row, const char *suffix,
    struct sada_stat *st)
{
	size_t at = sada_path_base(row->path, row->len);
	struct sada_buf name = {0};
	struct sada_err drop;
	int rc;

	dir_open(d, row->path, at > 0 ? at - 1 : 0);
	if ((rc = d->rc) < 0)
		return rc;
	sada_buf_add(&name, row->path + at, row->len - at);
	sada_buf_adds(&name, suffix);
	rc = sada_io_stat(d->fd, sada_buf_str(&name), st, &drop);
	sada_buf_release(&name);
	return rc;
}

/* May the name of ROW have changed? */
static int
may_differ(struct dir *d, const struct sada_row *row)
{
	struct sada_stat st, wal;
	int rc;

	rc = stat_of(d, row, "", &st);
	return rc < 0 || (row->flags & (SADA_ROW_RACY | SADA_ROW_NOSTAT)) ||
	    !sada_seen_same(&row->seen, &st) ||
	    (row->kind == SADA_FILE && stat_of(d, row, "-wal", &wal) == 0);
}

int
sada_older_due(const struct sada_replica *r,
    unsigned char due[SADA_OLDER_MAX + 1], struct sada_err *err)
{
	const struct sada_work_info *in;
	struct sada_work_cursor *c = NULL;
	struct dir dir = { .root = r->root };
	struct sada_row row;
	size_t i;
	int rc, any = 0;

	memset(due, SADA_DUE_NEVER, SADA_OLDER_MAX + 1);
	if (r->work == NULL || sada_log_epoch_due(r->log))
		return 0;
	in = sada_work_info(r->work);
	for (i = 0; i < in->nolder; i++)
		if (usable(r, &in->older[i]))
			any = due[i + 1] = SADA_DUE_LATER;
	if (!any)
		return 0;
	any = 0;
	if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, err)) > 0)
		if (due[row.left] == SADA_DUE_LATER &&
		    may_differ(&dir, &row)) {
			due[row.left] = SADA_DUE_NOW;
			any = 1;
		}
	sada_work_cursor_free(c);
	dir_close(&dir);
	return rc < 0 ? rc : any;
}

/* ---- names that are gone, or came back ---- */

void
sada_left_now_close(struct sada_left_now *x)
{
	sada_cursor_free(x->cur);
	sada_carry_free(x->carry);
	if (x->older > 0)
		sada_state_release(&x->st);
	sada_idset_release(&x->rows);
	memset(x, 0, sizeof(*x));
}

/* Make X the state of what is laid out and of the older heads NUMBER. */
static int
now_open(struct sada_left_now *x, struct sada_replica *r, uint32_t number,
    struct sada_err *err)
{
	const struct sada_older *o;
	uint32_t *ops;
	size_t n = r->nlaid, i;
	int rc;

	if (x->older == number)
		return 0;
	sada_left_now_close(x);
	o = &sada_work_info(r->work)->older[number - 1];
	ops = sada_calloc(n + o->n, sizeof(*ops));
	if (n > 0)
		memcpy(ops, r->laid, n * sizeof(*ops));
	for (i = 0; i < o->n; i++)
		n += (size_t)(sada_log_find(r->log, &o->heads[i], &ops[n]) &&
		    sada_map_held(r, ops[n]));
	rc = sada_state_init(&x->st, r->log, r->store, NULL, ops, n, NULL,
	    err);
	free(ops);
	if (rc < 0)
		return rc;
	x->older = number;
	if ((rc = sada_carry_new(&x->carry, r->log, x->st.past, &x->st.ns,
	    &x->st.root, err)) < 0)
		return rc;
	return sada_cursor_open(&x->cur, &x->st.ns, &x->st.root, err);
}

/* Has W a row at PATH, and does its name stand?  1, 0, <0. */
static int
stands(struct sada_left_now *x, const struct sada_replica *r,
    const char *path, size_t len, struct sada_err *err)
{
	const struct sada_row at = { .path = path, .len = len };
	struct dir dir = { .root = r->root };
	struct sada_work_cursor *c = NULL;
	struct sada_stat st;
	struct sada_row row;
	struct sada_id id;
	int rc;

	rc = stat_of(&dir, &at, "", &st);
	dir_close(&dir);
	if (rc < 0)
		return 0;
	if (x->rows.n == 0) {
		if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
			return rc;
		while ((rc = sada_work_cursor_next(c, &row, err)) > 0) {
			sada_hash(&id, SADA_CTX_NAME, row.path, row.len);
			sada_idset_add(&x->rows, &id, 0);
		}
		sada_work_cursor_free(c);
		if (rc < 0)
			return rc;
	}
	sada_hash(&id, SADA_CTX_NAME, path, len);
	return sada_idset_get(&x->rows, &id, NULL);
}

/* Did V go with the name of ROW?  1, 0, <0. */
static int
went(struct sada_left_now *x, const struct sada_replica *r,
    const struct sada_row *row, const struct sada_version *v, int dead,
    struct sada_err *err)
{
	const char *path = v->at != NULL ? v->at : row->slot;
	size_t len = v->at != NULL ? v->at_len : row->slot_len, i;
	struct sada_entry e;
	struct sada_id id, own;
	int rc;

	if ((rc = sada_cursor_seek(x->cur, path, len, err)) < 0 ||
	    (rc = sada_cursor_next(x->cur, &e, err)) < 0)
		return rc;
	if (rc == 0 || sada_path_cmp(e.path, e.len, path, len) != 0)
		return dead;
	sada_version_id(&id, v);
	for (i = 0; i < e.nv; i++) {
		sada_version_id(&own, &e.v[i]);
		if (sada_id_cmp(&own, &id) == 0)
			break;
	}
	if (i == e.nv)
		return dead;
	(void)sada_carry_to(x->carry, v, path, len, &path, &len);
	if (sada_path_cmp(path, len, row->slot, row->slot_len) == 0)
		return 1;
	rc = stands(x, r, path, len, err);
	return rc < 0 ? rc : !rc;
}

int
sada_left_gone(struct sada_left_now *x, struct sada_replica *r,
    const struct sada_row *row, int dead, struct sada_version *out,
    size_t *n, struct sada_err *err)
{
	size_t i;
	int rc;

	*n = 0;
	if ((rc = now_open(x, r, row->left, err)) < 0)
		return rc;
	for (i = 0; i < row->ncover; i++) {
		if ((rc = went(x, r, row, &row->cover[i], dead,
		    err)) < 0)
			return rc;
		if (rc > 0)
			out[(*n)++] = row->cover[i];
	}
	return 0;
}

/* Is ROW the name that IT has come from? */
static int
came_from(const struct sada_item *it, const struct sada_row *row)
{
	return row->kind == it->kind && row->size == it->size &&
	    row->seen.ino == it->seen.ino &&
	    sada_id_cmp(&row->content, &it->content) == 0 &&
	    sada_path_cmp(row->path, row->len, it->path, it->len) != 0;
}

int
sada_left_came(struct sada_draft *d, const struct sada_item *it,
    struct sada_err *err)
{
	struct dir dir = { .root = d->r->root };
	struct sada_work_cursor *c = NULL;
	struct sada_entry e;
	struct sada_stat st;
	struct sada_row row;
	const char *to;
	size_t i, n;
	int rc, is = 0;

	if (it->kind == SADA_DIR || it->size == 0)
		return 0;
	if ((rc = sada_draft_base(d, it->path, it->len, &e, err)) < 0)
		return rc;
	for (i = 0; i < e.nv; i++)
		if (!sada_carry_to(d->carry, &e.v[i], it->path, it->len,
		    &to, &n))
			return 0;
	if ((rc = sada_work_cursor_open(&c, d->r->work, err)) < 0)
		return rc;
	while (!is && (rc = sada_work_cursor_next(c, &row, err)) > 0)
		is = came_from(it, &row) &&
		    stat_of(&dir, &row, "", &st) == SADA_NOTFOUND;
	sada_work_cursor_free(c);
	dir_close(&dir);
	return rc < 0 ? rc : is;
}

void
sada_gone_release(struct sada_gone *x)
{
	sada_idset_release(&x->others);
	x->number = 0;
}

int
sada_gone_find(struct sada_gone *x, const struct sada_replica *r,
    uint32_t number, struct sada_err *err)
{
	struct dir dir = { .root = r->root };
	struct sada_work_cursor *c = NULL;
	struct sada_stat st;
	struct sada_row row;
	int rc;

	if (x->number == number)
		return 0;
	sada_gone_release(x);
	if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
		return rc;
	while ((rc = sada_work_cursor_next(c, &row, err)) > 0)
		if (row.kind != SADA_DIR && row.size > 0 &&
		    row.left != number &&
		    stat_of(&dir, &row, "", &st) == SADA_NOTFOUND)
			sada_idset_add(&x->others, &row.content, 0);
	sada_work_cursor_free(c);
	dir_close(&dir);
	if (rc == 0)
		x->number = number;
	return rc;
}
