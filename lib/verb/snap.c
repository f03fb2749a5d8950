/* Snap: the directory as it is now becomes one op. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "format/object.h"
#include "verb/rename_priv.h"
#include "verb/snap_priv.h"

struct snap {
	struct sada_replica *r;
	const struct sada_snap_opts *o;
	struct sada_snap_result *res;
	struct sada_draft d;
	/*
	 * 0: all but those; or only the names that were left in the state of
	 * the older heads of this number, and what is new in such a directory.
	 */
	uint32_t older;
	int whole;			/* just to see: all as one op */
	int judged;			/* the guard let that pass */
	int accepted;			/* since it was told to */
	struct sada_left_now now;
	unsigned char due[SADA_OLDER_MAX + 1];	/* enum sada_due */
	struct sada_buf below;		/* the outermost of these directories
					   that was met last */
	uint32_t below_of;		/* its number; 0: none yet */
	/* Of each number: was anything moved into its directories? */
	unsigned char apart[SADA_OLDER_MAX + 1];
	struct sada_gone gone;
	/*
	 * Paths to the number: left names that are gone; of these the renamed
	 * ones; their new names.
	 */
	struct sada_idset left, went, moved;
	uint64_t dirs_gone, dirs_new;
	int new_rules;			/* .sadamerge is another one now */
	/* What the last row points to. */
	struct sada_version one;
	struct sada_version *cover;
	size_t capcover;
};

static int
tell(struct snap *s, char what, const char *path, size_t len)
{
	struct sada_change c = { .what = what, .path = len > 0 ? path : ".",
	    .len = len > 0 ? len : 1 };

	if (s->o->each == NULL || (s->o->flags & (s->whole ? SADA_DRY :
	    SADA_DRY | SADA_TELL)) == 0)
		return 0;
	return s->o->each(&c, s->o->ctx);
}

/* The version that item IT would be. */
static void
version_of(struct sada_version *v, const struct sada_item *it)
{
	memset(v, 0, sizeof(*v));
	v->kind = it->kind;
	v->mode = it->mode;
	v->mtime_s = it->mtime_s;
	v->mtime_ns = it->mtime_ns;
	if (it->kind == SADA_DIR)
		return;
	v->size = it->size;
	v->content = it->content;
}

/* Does a file return to a content that was recorded before its present? */
static int
check_return(struct snap *s, const struct sada_item *it,
    struct sada_err *err)
{
	struct sada_ancestor *a = NULL;
	struct sada_buf b = {0};
	size_t i, n = 0;
	int rc;

	if (it->row->ncover == 0 || sada_id_zero(&it->row->cover[0].anc))
		return 0;
	rc = sada_store_get(s->r->store, SADA_OBJ_ANC, &it->row->cover[0].anc,
	    &b, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		rc = 0;
		goto out;
	}
	if (rc < 0)
		goto out;
	if (sada_anc_decode(&a, &n, b.p, b.len, err) < 0)
		n = 0;
	for (i = 0; i < n; i++)
		if (sada_id_cmp(&a[i].content, &it->content) == 0) {
			sada_draft_lose(&s->d, &it->row->content);
			break;
		}
out:
	free(a);
	sada_buf_release(&b);
	return rc;
}

static void
note_path(struct sada_idset *set, const char *path, size_t len,
    uint32_t number)
{
	struct sada_id id;

	sada_hash(&id, SADA_CTX_NAME, path, len);
	sada_idset_add(set, &id, number);
}

/* The number that PATH was noted with; 0: it was not. */
static uint32_t
noted(const struct sada_idset *set, const char *path, size_t len)
{
	struct sada_id id;
	uint32_t number;

	sada_hash(&id, SADA_CTX_NAME, path, len);
	return sada_idset_get(set, &id, &number) ? number : 0;
}

/* Note which new names are renames of names that were left. */
static void
note_moved(struct snap *s)
{
	const struct sada_moves *x = s->d.moves;
	uint32_t i, number, n = x != NULL && s->left.n > 0 ?
	    sada_moves_count(x) : 0;
	struct sada_buf path = { 0 };
	struct sada_move m;

	for (i = 0; i < n; i++) {
		if (sada_move_side(x, i) != SADA_MOVE_NEW ||
		    sada_move_mate(x, i) == SADA_MOVE_NONE)
			continue;
		sada_moves_get(x, sada_move_mate(x, i), &m, &path);
		if ((number = noted(&s->left, m.path, m.len)) == 0)
			continue;
		note_path(&s->went, m.path, m.len, number);
		sada_moves_get(x, i, &m, &path);
		note_path(&s->moved, m.path, m.len, number);
	}
	sada_buf_release(&path);
}

/*
 * ROW is of a left name that is gone: its cover becomes what went with it.
 * What another's edit replaced comes back whatever is recorded, but for a
 * rename that the edit is to follow: to see if it is one, it is among the
 * changes that are matched when all are judged.
 */
static int
left_gone(struct snap *s, struct sada_row *row, struct sada_err *err)
{
	size_t n = row->ncover;
	int rc;

	s->cover = sada_grow(s->cover, &s->capcover, n, sizeof(*s->cover));
	rc = sada_left_gone(&s->now, s->r, row, s->older > 0 &&
	    noted(&s->went, row->path, row->len) > 0, s->cover, &n, err);
	if (rc == 0 && s->whole && n == 0 && row->kind != SADA_DIR &&
	    row->size > 0) {
		sada_idset_add(&s->d.brought, &row->content, 0);
		rc = sada_draft_gone(&s->d, row, err);
	}
	if (rc == 0 && s->whole)
		note_path(&s->left, row->path, row->len, row->left);
	row->cover = s->cover;
	row->ncover = n;
	return rc;
}

/* 0, or 1 when its row stays: it is not for this op. */
static int
on_gone(struct snap *s, const struct sada_item *it, struct sada_err *err)
{
	struct sada_row row = *it->row;
	int rc;

	if (row.left > 0) {
		if ((rc = left_gone(s, &row, err)) < 0)
			return rc;
		/* All that it showed has other names, and stands. */
		if (row.ncover == 0)
			return s->older > 0;
		/* It went since its own op, if it has one: the next is. */
		if (s->older == 0 && !s->whole &&
		    s->due[row.left] != SADA_DUE_NEVER)
			return 1;
	}
	if (row.ncover == 0)
		return sada_draft_gone(&s->d, &row, err);
	s->res->deleted++;
	if (row.kind == SADA_DIR)
		s->dirs_gone++;
	if ((rc = sada_draft_gone(&s->d, &row, err)) < 0)
		return rc;
	rc = tell(s, 'D', it->path, it->len);
	return rc < 0 ? rc : 0;
}

/* A directory's mode or children changed: its register. */
static int
on_directory(struct snap *s, const struct sada_item *it,
    struct sada_row *row, struct sada_err *err)
{
	struct sada_version v;
	int rc;

	version_of(&v, it);
	s->cover = sada_grow(s->cover, &s->capcover, it->row->ncover,
	    sizeof(*s->cover));
	memcpy(s->cover, it->row->cover,
	    it->row->ncover * sizeof(*s->cover));
	rc = sada_draft_register(&s->d, it->path, it->len, s->cover,
	    it->row->ncover, &v, err);
	if (rc < 0)
		return rc;
	row->cover = s->cover;
	row->ncover = it->row->ncover;
	row->left = s->older;
	if ((it->diff & SADA_DIFF_MODE) &&
	    (rc = tell(s, 'P', it->path, it->len)) < 0)
		return rc;
	return 1;
}

static char
letter(const struct sada_item *it)
{
	if (it->found == SADA_FOUND_NEW)
		return 'A';
	if (it->diff & SADA_DIFF_KIND)
		return 'T';
	return it->diff & SADA_DIFF_CONTENT ? 'M' : 'P';
}

/*
 * IT is new.  Is it of the names that were left in the state of number
 * OLDER: a left name that was moved, or made in a left directory?  What was
 * moved in there is not, nor is anything then that is new.  1, 0, <0.
 */
static int
is_new_there(struct snap *s, const struct sada_item *it, uint32_t older,
    struct sada_err *err)
{
	int below = s->below_of == older && sada_path_below(it->path, it->len,
	    (char *)s->below.p, s->below.len), rc;
	uint32_t of;

	if (s->whole && !below)
		return 0;
	if ((of = noted(&s->moved, it->path, it->len)) > 0)
		return of == older;
	if (s->whole && it->kind != SADA_DIR && it->size > 0) {
		if ((rc = sada_gone_find(&s->gone, s->r, older, err)) < 0)
			return rc;
		if (sada_idset_get(&s->gone.others, &it->content, NULL))
			s->apart[older] = 1;
	}
	return below && !s->apart[older];
}

/* A new version: of a new name, or of one that changed. */
static int
on_version(struct snap *s, const struct sada_item *it, struct sada_row *row,
    struct sada_err *err)
{
	const struct sada_row *old = it->row;
	int copy = old != NULL && (old->flags & SADA_ROW_COPY);
	struct sada_shown from;
	int rc;

	version_of(&s->one, it);
	if (it->kind == SADA_DIR && old == NULL)
		s->dirs_new++;
	/* Of a new name the draft itself notes it. */
	if (it->kind != SADA_DIR && old != NULL)
		sada_idset_add(&s->d.brought, &it->content, 0);
	if (old == NULL)
		s->res->added++;
	else
		s->res->changed++;
	if (old != NULL && !copy && it->kind == SADA_FILE &&
	    (it->diff & SADA_DIFF_CONTENT) &&
	    (rc = check_return(s, it, err)) < 0)
		return rc;
	/* A copy that is touched becomes a file of its own. */
	if (copy && (rc = sada_draft_slot(&s->d, old->slot, old->slot_len,
	    old->cover, old->ncover, NULL, NULL, err)) < 0)
		return rc;
	if (old != NULL && !copy) {
		sada_shown_of(&from, old);
		rc = sada_draft_slot(&s->d, it->path, it->len, old->cover,
		    old->ncover, &s->one, &from, err);
	} else if (old == NULL)
		rc = sada_draft_new(&s->d, it->path, it->len, &s->one, err);
	else
		rc = sada_draft_slot(&s->d, it->path, it->len, NULL, 0,
		    &s->one, NULL, err);
	if (rc < 0)
		return rc;
	row->slot = row->path;
	row->slot_len = row->len;
	row->flags &= (uint8_t)~(SADA_ROW_COPY | SADA_ROW_IMPLIED);
	row->cover = &s->one;
	row->ncover = 1;
	row->left = s->older;
	rc = tell(s, letter(it), it->path, it->len);
	return rc < 0 ? rc : 1;
}

/* Is IT of the names that this op is about?  1, 0, <0. */
static int
is_ours(struct snap *s, const struct sada_item *it, struct sada_err *err)
{
	const struct sada_row *row = it->row;
	int rc = 0;

	/* It was written to since the op that it is of: the next one will. */
	if (s->older == 0 && !s->whole)
		return row == NULL || row->left == 0 ||
		    it->found != SADA_FOUND_CHANGED ||
		    s->due[row->left] == SADA_DUE_NEVER;
	if (row == NULL) {
		if (s->older > 0 || s->below_of > 0)
			rc = is_new_there(s, it, s->older > 0 ? s->older :
			    s->below_of, err);
		return rc < 0 || s->older > 0 ? rc : 1;
	}
	if (row->left > 0 && (s->whole || row->left == s->older) &&
	    it->found != SADA_FOUND_GONE && it->kind == SADA_DIR &&
	    row->kind == SADA_DIR && !(s->below_of == row->left &&
	    sada_path_below(it->path, it->len, (char *)s->below.p,
	    s->below.len))) {
		sada_buf_reset(&s->below);
		sada_buf_add(&s->below, it->path, it->len);
		s->below_of = row->left;
	}
	return s->whole || (row->left == s->older &&
	    it->found != SADA_FOUND_KEPT);
}

static int
on_item(const struct sada_item *it, struct sada_row *row, void *ctx,
    struct sada_err *err)
{
	struct snap *s = ctx;
	struct sada_item fresh;
	int rc;

	if ((rc = is_ours(s, it, err)) <= 0) {
		if (rc < 0)
			return rc;
		if (it->row != NULL)
			*row = *it->row;
		return it->row != NULL;
	}
	if (it->len == strlen(SADA_RULES_NAME) &&
	    memcmp(it->path, SADA_RULES_NAME, it->len) == 0 &&
	    it->found != SADA_FOUND_STAT && it->found != SADA_FOUND_KEPT)
		s->new_rules = 1;
	switch (it->found) {
	case SADA_FOUND_GONE:
		return on_gone(s, it, err);
	case SADA_FOUND_STAT:
		/* That it was touched is for the op of all others. */
		if (s->older > 0)
			*row = *it->row;
		if (s->older > 0 || it->row->left == 0)
			return 1;
		if ((rc = sada_left_came(&s->d, it, err)) <= 0)
			return rc < 0 ? rc : 1;
		fresh = *it;
		fresh.found = SADA_FOUND_NEW;
		fresh.row = NULL;
		return on_version(s, &fresh, row, err);
	case SADA_FOUND_KEPT:
		return 1;
	case SADA_FOUND_CHANGED:
		if (it->kind == SADA_DIR && it->row->kind == SADA_DIR &&
		    it->row->ncover > 0)
			return on_directory(s, it, row, err);
		break;
	default:
		break;
	}
	return on_version(s, it, row, err);
}

static void
on_skip(const char *path, size_t len, unsigned special, const char *why,
    void *ctx)
{
	struct snap *s = ctx;

	sada_note(s->r, special ? SADA_NOTE_INFO : SADA_NOTE_WARN, path, len,
	    why);
}

/* Stop a mass deletion, unless it was accepted. */
static int
guard(struct snap *s, uint64_t before, unsigned *opflags,
    struct sada_err *err)
{
	struct sada_draft *d = &s->d;
	uint64_t lost = sada_draft_lost(d);

	if (s->dirs_gone > s->dirs_new)
		lost += s->dirs_gone - s->dirs_new;
	d->n_lost = lost;
	if (s->accepted)
		*opflags |= SADA_OP_ACCEPTED;
	/* The root itself is no path that could be lost. */
	if (before > 0)
		before--;
	if (!sada_guard_trips(lost, before))
		return 0;
	/* Of all that is recorded now this is little: so it is for others. */
	if (s->judged) {
		*opflags |= SADA_OP_ACCEPTED;
		return 0;
	}
	if ((s->o->flags & SADA_ACCEPT_DELETES) &&
	    (s->o->max_deletes == 0 || lost <= s->o->max_deletes)) {
		*opflags |= SADA_OP_ACCEPTED;
		s->accepted = 1;
		return 0;
	}
	return sada_err_set(err, SADA_GUARD, "%llu of %llu paths would be "
	    "recorded as deleted or set back; if that is right, say "
	    "--accept-deletes", (unsigned long long)lost,
	    (unsigned long long)before);
}

/* Nothing to record: only stats of W were refreshed, if at all. */
static int
refresh(struct snap *s, struct sada_work_writer *w, struct sada_err *err)
{
	struct sada_work_info info;
	int rc;

	if (w == NULL)
		return 0;
	memset(&info, 0, sizeof(info));
	if (s->r->work != NULL)
		info = *sada_work_info(s->r->work);
	info.generation++;
	if ((rc = sada_work_writer_finish(w, &info, err)) < 0 ||
	    (rc = sada_work_publish(s->r->sdir, 0, err)) < 0)
		return rc;
	return sada_replica_reload(s->r, err);
}

/*
 * Say which line of .sadamerge is no rule: of ROWS, which what was recorded
 * before says, or of the file that is recorded now.
 */
static void
note_rules(const struct snap *s, const struct sada_row_rules *rows)
{
	struct sada_rules *now = NULL;
	struct sada_buf text = {0};
	struct sada_err e;

	if (!s->new_rules)
		sada_rules_note(rows->rules, s->r);
	else if (sada_io_slurp(s->r->root, SADA_RULES_NAME, SADA_RULES_MAX,
	    &text, &e) == 0 && sada_rules_new(&now, text.p, text.len, NULL,
	    0, &e) == 0)
		sada_rules_note(now, s->r);
	sada_rules_free(now);
	sada_buf_release(&text);
}

/*
 * One op, of what S is about.  1 when it is recorded and W, which is only a
 * cache, is not.
 */
static int
record(struct snap *s, struct sada_err *err)
{
	struct sada_replica *r = s->r;
	struct sada_recording how = { .what = "snap", .msg = s->o->msg };
	struct sada_work_writer *w = NULL, *done;
	struct sada_scan_result found;
	struct sada_row_rules rows = {0};
	struct sada_scan_opts o;
	struct sada_map_stat ms;
	int rc;

	memset(&o, 0, sizeof(o));
	s->below_of = 0;
	rc = s->older > 0 ? sada_draft_init_older(&s->d, r, s->older, err) :
	    sada_draft_init(&s->d, r, err);
	if (rc < 0)
		return sada_lost_say(rc, err);
	o.root = r->root;
	o.sdir = r->sdir;
	o.old = r->work;
	o.txn = s->d.txn;
	o.db = &rows.db;
	o.src.store = r->store;
	o.each = on_item;
	/* What is skipped is told once. */
	if (s->older == 0 && (!s->whole || (s->o->flags & SADA_DRY)))
		o.report = on_skip;
	o.ctx = s;
	if ((rc = sada_row_rules_open(&rows, r, s->older > 0 ? NULL :
	    &s->d.st, err)) < 0 ||
	    (rc = sada_ignore_new(&o.ignore, err)) < 0 ||
	    (rc = sada_scan(&w, &found, &o, err)) < 0)
		goto out;
	s->res->skipped = found.skipped;
	s->res->special = found.special;
	if ((rc = sada_map_stat(&s->d.st.ns, &s->d.st.root, &ms, err)) < 0 ||
	    (rc = sada_draft_match(&s->d, err)) < 0)
		goto out;
	if (s->whole)
		note_moved(s);
	if ((rc = guard(s, ms.entries, &how.opflags, err)) < 0 ||
	    (s->o->flags & SADA_DRY) || s->whole)
		goto out;
	if (s->older > 0 && sada_draft_empty(&s->d))
		goto out;
	done = w;
	w = NULL;
	if (sada_draft_empty(&s->d))
		rc = refresh(s, done, err);
	else
		rc = sada_draft_record(&s->d, done, &how, s->res->op, err);
	if (rc >= 0 && s->older == 0)
		note_rules(s, &rows);
	rc = sada_lost_say(rc, err);
out:
	sada_work_writer_free(w);
	sada_ignore_free(o.ignore);
	sada_row_rules_release(&rows);
	sada_draft_release(&s->d);
	sada_left_now_close(&s->now);
	return rc;
}

int
sada_snap(struct sada_replica *r, const struct sada_snap_opts *opts,
    struct sada_snap_result *res, struct sada_err *err)
{
	struct snap s = { .r = r, .o = opts, .res = res };
	uint32_t older;
	int rc, any;

	memset(res, 0, sizeof(*res));
	if (opts->msg != NULL && strlen(opts->msg) > SADA_MSG_MAX)
		return sada_err_set(err, SADA_USAGE,
		    "the message is longer than %d bytes", SADA_MSG_MAX);
	if ((rc = any = sada_older_due(r, s.due, err)) < 0)
		return rc;
	/* The guard judges all before anything of it is recorded. */
	if (any || (opts->flags & SADA_DRY)) {
		s.whole = 1;
		rc = record(&s, err);
		s.whole = 0;
		s.judged = 1;
	}
	if (rc < 0 || (opts->flags & SADA_DRY))
		goto out;
	memset(res, 0, sizeof(*res));
	/* Last what is made on what is laid out. */
	for (older = SADA_OLDER_MAX + 1, rc = 0; older-- > 0 && rc == 0;) {
		s.older = older;
		s.dirs_gone = s.dirs_new = 0;
		if (older == 0 || s.due[older] == SADA_DUE_NOW)
			rc = record(&s, err);
	}
out:
	sada_gone_release(&s.gone);
	sada_idset_release(&s.left);
	sada_idset_release(&s.went);
	sada_idset_release(&s.moved);
	sada_buf_release(&s.below);
	free(s.cover);
	return rc < 0 ? rc : 0;
}
