/* Layout: databases, told by their rows and changed where they stand. */
#include <fcntl.h>

#include "disk/layout_priv.h"
#include "disk/scan.h"
#include "merge/sqlite.h"

/* The rows there are those of content ID. */
static void
note(struct sada_item_at *a, const struct sada_id *id, uint64_t size)
{
	a->flags |= SADA_ITEM_ROWS;
	a->has = *id;
	a->has_size = size;
}

int
sada_layout_rows(struct sada_layout *l, struct sada_item_at *a, int dfd,
    const char *base, const struct sada_row *row, struct sada_id *id,
    uint64_t *size, struct sada_err *err)
{
	struct sada_buf image = { 0 };
	struct sada_id own;
	int rc;

	if (!sada_database_rule(l->o.db, a->path, a->len) ||
	    !sada_database_there(dfd, base))
		return 0;
	rc = sada_database_capture(&image, &own, dfd, base, err);
	if (rc == SADA_BUSY || rc == SADA_LATER)
		rc = 2;
	else if (rc == SADA_FORMAT)
		rc = 0;
	if (rc != 0 || image.len == 0)
		goto out;
	*id = own;
	*size = image.len;
	if (a->kind == SADA_FILE && (rc = sada_database_same(&image, &own,
	    &l->o.src, &a->content, a->size, err)) > 0) {
		*id = a->content;
		*size = a->size;
	} else if (rc == 0 && row != NULL && row->kind == SADA_FILE &&
	    (rc = sada_database_same(&image, &own, &l->o.src, &row->content,
	    row->size, err)) > 0) {
		*id = row->content;
		*size = row->size;
	}
	if (rc < 0)
		goto out;
	rc = 1;
	note(a, id, *size);
	/* For the case that the file itself must change places. */
	a->flags |= SADA_ITEM_HASH;
	if (sada_database_busy(dfd, base) == 0)
		rc = sada_disk_content(&a->id, &a->was, dfd, base, err) < 0 ?
		    sada_err_set(err, SADA_AGAIN, "it changes") : 1;
out:
	sada_buf_release(&image);
	return rc;
}

/*
 * Bring in the rows: 0, BUSY, SYS, NOTFOUND; LATER when that cannot be.
 */
static int
install(struct sada_layout *l, const struct sada_item_at *a, int dfd,
    struct sada_err *err)
{
	struct sada_buf from = { 0 }, to = { 0 };
	struct sada_span w, t;
	int rc;

	if (a->kind != SADA_FILE)
		return SADA_LATER;
	if ((rc = sada_database_image(&from, &l->o.src, &a->has, a->has_size,
	    err)) > 0)
		rc = sada_database_image(&to, &l->o.src, &a->content, a->size,
		    err);
	if (rc > 0) {
		w.p = from.p;
		w.n = from.len;
		t.p = to.p;
		t.n = to.len;
		rc = sada_sqlite_install(dfd, sada_layout_base(a), &w, &t,
		    err);
	} else if (rc == 0)
		rc = SADA_LATER;
	sada_buf_release(&from);
	sada_buf_release(&to);
	return rc == SADA_FORMAT ? SADA_LATER : rc;
}

int
sada_layout_bring(struct sada_layout *l, struct sada_item_at *a, int dfd,
    struct sada_err *err)
{
	const char *base = sada_layout_base(a);
	int fd = -1, rc;

	rc = install(l, a, dfd, err);
	if (rc == 0) {
		if ((rc = sada_io_open(&fd, dfd, base, O_RDONLY | O_NONBLOCK,
		    0, err)) == 0)
			rc = sada_io_chmod(fd, a->mode, err);
		sada_io_close(fd);
		return rc < 0 ? rc : 1;
	}
	if (rc == SADA_BUSY)
		a->why = sada_database_why(err);
	else if (rc != SADA_LATER)
		return rc;
	else if (sada_database_busy(dfd, base) == 0)
		return 0;
	else
		a->why = "the database is in use, and cannot be changed row "
		    "by row";
	a->placed = SADA_PLACED_FAIL;
	return 2;
}
