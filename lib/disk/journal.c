/*
 * The journal, and what an interrupted apply left behind.
 *
 * Phase "plan": the stage is all ours and is dropped.  Phase "staged": what
 * lies in the stage under the name of a path that was to be exchanged is
 * either T, not swapped in yet, or what a swap displaced.  A content that
 * the store holds is neither lost nor needed; anything else is a user's
 * edit and goes back to its name, or beside it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

#define JOURNAL "journal"

int
sada_journal_write(struct sada_run *r, unsigned phase, struct sada_err *err)
{
	struct sada_journal j = { 0 };
	struct sada_buf b = { 0 };
	int rc;

	j.phase = (uint8_t)phase;
	j.generation = r->generation;
	j.serial = r->serial;
	j.nheads = r->o->nheads;
	j.map = r->o->map;
	j.heads = sada_malloc((j.nheads + 1) * sizeof(*j.heads));
	if (j.nheads > 0)
		memcpy(j.heads, r->o->heads, j.nheads * sizeof(*j.heads));
	sada_journal_encode(&b, &j);
	rc = sada_io_publish(r->o->sdir, JOURNAL, b.p, b.len, 0, err);
	sada_buf_release(&b);
	free(j.heads);
	return rc;
}

int
sada_journal_remove(int sdir, struct sada_err *err)
{
	int rc = sada_io_unlink(sdir, JOURNAL, 0, err);

	if (rc == SADA_NOTFOUND)
		return 0;
	return rc < 0 ? rc : sada_io_fsync(sdir, "the store", err);
}

int
sada_journal_read(struct sada_journal *j, int sdir, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	memset(j, 0, sizeof(*j));
	rc = sada_io_slurp(sdir, JOURNAL, SADA_JOURNAL_MAX, &b, err);
	if (rc == 0)
		rc = sada_journal_decode(j, b.p, b.len, err);
	else if (rc == SADA_NOTFOUND)
		rc = 0;
	sada_buf_release(&b);
	return rc < 0 ? rc : j->phase != 0;
}

int
sada_apply_pending(int sdir, struct sada_id **heads, size_t *nheads,
    struct sada_id *map, struct sada_err *err)
{
	struct sada_journal j;
	int rc;

	*heads = NULL;
	*nheads = 0;
	rc = sada_journal_read(&j, sdir, err);
	if (rc == SADA_FORMAT)
		return 0;
	if (rc <= 0)
		return rc;
	*heads = j.heads;
	*nheads = j.nheads;
	*map = j.map;
	return 1;
}

struct settling {
	struct sada_run *r;
	int trash;
	struct sada_err *err;
};

/* Is what stands at the path of act A what T wants there?  1, 0, <0. */
static int
is_laid_out(struct sada_run *r, const struct sada_act *a, int *dfd,
    struct sada_err *err)
{
	struct sada_stat st;
	struct sada_id id;
	int rc;

	*dfd = -1;
	if (a == NULL || a->t == NULL || a->t->kind == SADA_DIR)
		return 0;
	rc = sada_run_parent(r, a, dfd, err);
	if (rc == 0)
		rc = sada_io_stat(*dfd, sada_act_base(a), &st, err);
	if (rc == 0 && st.kind == S_IFREG && a->t->kind == SADA_FILE &&
	    (rc = sada_run_rows(r, *dfd, sada_act_base(a), a->path, a->len,
	    &a->t->content, a->t->size, err)) != 2)
		return rc;
	if (rc == 2)
		rc = 0;
	if (rc == 0 && sada_kind_of(&st) == a->t->kind) {
		rc = sada_disk_content(&id, &st, *dfd, sada_act_base(a), err);
		return rc == 0 ? sada_id_cmp(&id, &a->t->content) == 0 :
		    sada_why(err) != NULL ? 0 : rc;
	}
	return rc == 0 || sada_why(err) != NULL ? 0 : rc;
}

/* What lies in the stage for the exchanged PATH. */
static int
settle_stage(struct settling *s, const char *path, size_t len)
{
	const struct sada_source *src = &s->r->o->src;
	size_t at = sada_plan_find(&s->r->plan, path, len);
	const struct sada_act *a = at == SADA_NO_ACT ? NULL :
	    &s->r->plan.act[at];
	char name[SADA_STAGE_NAME];
	struct sada_id id;
	int dfd, rc;

	sada_stage_name(name, path, len);
	rc = sada_disk_held(src, s->r->stage, name, &id, s->err);
	if (rc != 0)
		return rc == SADA_NOTFOUND || rc > 0 ? 0 : rc;
	if ((rc = is_laid_out(s->r, a, &dfd, s->err)) < 0)
		return rc;
	if (rc > 0) {
		if ((rc = sada_io_rename(s->r->stage, name, dfd,
		    sada_act_base(a), RENAME_EXCHANGE, s->err)) < 0 &&
		    rc != SADA_NOTFOUND)
			return rc;
		/* Mostly it is T now. */
		rc = sada_disk_held(src, s->r->stage, name, &id, s->err);
		if (rc != 0)
			return rc == SADA_NOTFOUND || rc > 0 ? 0 : rc;
	}
	return sada_keep_beside(s->r->o->root, s->r->stage, name, path, len,
	    s->r->o->report, s->r->o->ctx, s->err);
}

/* An edit that went to the trash just before the end goes back. */
static int
settle_trash(struct settling *s, const struct sada_trashed *t)
{
	struct sada_act a = { .path = t->path, .len = t->len };
	char name[SADA_TRASH_NAME], *text;
	struct sada_id id;
	int dfd, rc;

	sada_trash_name(name, t->n);
	rc = sada_disk_held(&s->r->o->src, s->trash, name, &id, s->err);
	if (rc != 0)
		return rc == SADA_NOTFOUND || rc > 0 ? 0 : rc;
	a.path = text = sada_memdup(t->path, t->len);
	rc = sada_run_parent(s->r, &a, &dfd, s->err);
	if (rc == 0)
		rc = sada_io_rename(s->trash, name, dfd, sada_act_base(&a),
		    RENAME_NOREPLACE, s->err);
	free(text);
	/* In the trash it is safe: sada_trash_empty() puts it beside. */
	return rc == 0 || sada_why(s->err) != NULL ? 0 : rc;
}

static int
settle_one(const struct sada_trashed *t, void *ctx)
{
	struct settling *s = ctx;
	int rc = 0;

	if (t->swap)
		rc = settle_stage(s, t->path, t->len);
	return rc < 0 ? rc : settle_trash(s, t);
}

static int
note_file(const struct sada_dirent *d, void *ctx)
{
	sada_buf_add(ctx, d->name, d->len + 1);
	return 0;
}

/* What no manifest names: files that the store does not hold are kept. */
static int
settle_rest(struct settling *s)
{
	struct sada_buf names = { 0 };
	struct sada_stat st;
	struct sada_id id;
	size_t i;
	int rc;

	rc = sada_io_list(s->r->stage, note_file, &names, s->err);
	for (i = 0; rc == 0 && i < names.len;
	    i += strlen((char *)names.p + i) + 1) {
		const char *name = (char *)names.p + i;

		if ((rc = sada_io_stat(s->r->stage, name, &st, s->err)) < 0 ||
		    st.kind == S_IFDIR)
			continue;
		rc = sada_disk_held(&s->r->o->src, s->r->stage, name, &id,
		    s->err);
		if (rc == 0)
			rc = sada_keep_beside(s->r->o->root, s->r->stage,
			    name, "unknown", 7, s->r->o->report,
			    s->r->o->ctx, s->err);
		else if (rc > 0)
			rc = 0;
	}
	sada_buf_release(&names);
	return rc;
}

int
sada_stage_recover(struct sada_run *r, const struct sada_journal *j,
    struct sada_err *err)
{
	struct settling s = { .r = r, .trash = -1, .err = err };
	char name[SADA_TRASH_NAME];
	int fd = -1, rc;

	if (j->phase == SADA_JOURNAL_PLAN)
		return sada_stage_clear(r->stage, err);
	sada_trash_name(name, j->serial);
	rc = sada_io_open(&fd, r->o->sdir, "trash", O_RDONLY | O_DIRECTORY, 0,
	    err);
	if (rc == 0)
		rc = sada_io_open(&s.trash, fd, name, O_RDONLY | O_DIRECTORY,
		    0, err);
	if (rc == 0)
		rc = sada_manifest_read(s.trash, settle_one, &s, err);
	if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	if (rc == 0)
		rc = settle_rest(&s);
	/* Durable before the names in the stage are given up. */
	if (rc == 0)
		rc = sada_io_syncfs(r->stage, err);
	sada_io_close(s.trash);
	sada_io_close(fd);
	return rc;
}
