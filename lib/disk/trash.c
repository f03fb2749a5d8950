/*
 * The trash: what an apply displaced, until a later run has looked at it.
 *
 * ".sada/trash/SERIAL" holds the displaced files as decimal numbers, and a
 * file "paths": magic "sadaTRS1", then for each var number, u8 1 if it is
 * exchanged, plus 2 if it is a database that had the rows of a recorded
 * one, var length, path, and with that 2: 32 content, var size of that;
 * last H("sada.file.v1", all before).  A program that had a file open when
 * it was displaced may have written since: only a content that the store
 * holds, or such rows, are unlinked, any other goes back beside its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "disk/apply_priv.h"
#include "disk/scan.h"

#define MANIFEST "paths"
#define MANIFEST_MAX ((size_t)1 << 31)
#define KEPT_DIGITS 10
#define KEPT_TRIES 16
/* In a list's u8. */
#define HAS_ROWS 2u

static const unsigned char magic[8] = "sadaTRS1";

void
sada_trash_name(char out[SADA_TRASH_NAME], uint64_t n)
{
	(void)snprintf(out, SADA_TRASH_NAME, "%llu", (unsigned long long)n);
}

/* The number that NAME is, in its only spelling; -1 if it is none. */
static int
number_of(const char *name, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	if (name[0] == '\0' || (name[0] == '0' && name[1] != '\0'))
		return -1;
	for (i = 0; name[i] != '\0'; i++) {
		if (name[i] < '0' || name[i] > '9' || i >= 18)
			return -1;
		n = n * 10 + (uint64_t)(name[i] - '0');
	}
	*out = n;
	return 0;
}

struct numbers {
	uint64_t *n;
	size_t count, cap;
	uint64_t max;
};

static int
note_number(const struct sada_dirent *d, void *ctx)
{
	struct numbers *s = ctx;
	uint64_t n;

	if (number_of(d->name, &n) == 0) {
		s->n = sada_grow(s->n, &s->cap, s->count + 1, sizeof(*s->n));
		s->n[s->count++] = n;
		if (n > s->max)
			s->max = n;
	}
	return 0;
}

static int
write_manifest(const struct sada_run *r, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_id h;
	unsigned rows;
	size_t i;
	int rc;

	sada_buf_add(&b, magic, sizeof(magic));
	for (i = 0; i < r->plan.n; i++) {
		const struct sada_act *a = &r->plan.act[i];

		if (a->rm != SADA_RM_TRASH && a->put != SADA_PUT_SWAP)
			continue;
		sada_put_var(&b, i);
		rows = a->flags & SADA_ACT_LIKE_W ? HAS_ROWS : 0;
		sada_put_u8(&b, (uint8_t)(rows | (a->put == SADA_PUT_SWAP)));
		sada_put_var(&b, a->len);
		sada_buf_add(&b, a->path, a->len);
		if (rows == 0)
			continue;
		sada_buf_add(&b, a->w->content.b, SADA_ID_LEN);
		sada_put_var(&b, a->w->size);
	}
	sada_hash(&h, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, h.b, sizeof(h.b));
	/* This syncs the directory as well. */
	rc = sada_io_publish(r->trash, MANIFEST, b.p, b.len, 0, err);
	sada_buf_release(&b);
	return rc;
}

int
sada_trash_begin(struct sada_run *r, struct sada_err *err)
{
	struct numbers have = { 0 };
	char name[SADA_TRASH_NAME];
	int fd = -1, rc;

	if ((rc = sada_open_dir(&fd, r->o->sdir, "trash", err)) < 0 ||
	    (rc = sada_io_list(fd, note_number, &have, err)) < 0)
		goto out;
	r->serial = have.max + 1;
	sada_trash_name(name, r->serial);
	if ((rc = sada_open_dir(&r->trash, fd, name, err)) < 0)
		goto out;
	rc = write_manifest(r, err);
out:
	free(have.n);
	sada_io_close(fd);
	return rc;
}

/* The next file of a list: 1, or 0 when it breaks the format. */
static int
read_one(struct sada_trashed *t, struct sada_rd *rd)
{
	const unsigned char *p;
	unsigned how;
	uint64_t len;

	memset(t, 0, sizeof(*t));
	t->n = sada_get_var(rd);
	how = sada_get_u8(rd);
	len = sada_get_var(rd);
	if (rd->bad || how > (1 | HAS_ROWS) || len > SADA_PATH_MAX ||
	    (p = sada_get_bytes(rd, (size_t)len)) == NULL)
		return 0;
	t->path = (const char *)p;
	t->len = (size_t)len;
	t->swap = how & 1;
	t->rows = (how & HAS_ROWS) != 0;
	if (t->rows) {
		if ((p = sada_get_bytes(rd, SADA_ID_LEN)) == NULL)
			return 0;
		memcpy(t->content.b, p, SADA_ID_LEN);
		t->size = sada_get_var(rd);
	}
	return !rd->bad && sada_path_ok(t->path, t->len);
}

int
sada_manifest_read(int dir, int (*each)(const struct sada_trashed *t,
    void *ctx), void *ctx, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_trashed t;
	struct sada_id h;
	struct sada_rd rd;
	int rc;

	if ((rc = sada_io_slurp(dir, MANIFEST, MANIFEST_MAX, &b, err)) < 0)
		goto out;
	rc = SADA_FORMAT;
	if (b.len >= sizeof(magic) + SADA_ID_LEN) {
		sada_hash(&h, SADA_CTX_FILE, b.p, b.len - SADA_ID_LEN);
		if (memcmp(b.p, magic, sizeof(magic)) == 0 &&
		    memcmp(h.b, b.p + b.len - SADA_ID_LEN, SADA_ID_LEN) == 0)
			rc = 0;
	}
	if (rc < 0) {
		rc = sada_err_set(err, SADA_FORMAT, "the list of paths in the "
		    "trash is damaged");
		goto out;
	}
	sada_rd_init(&rd, b.p + sizeof(magic),
	    b.len - sizeof(magic) - SADA_ID_LEN);
	while (rc == 0 && sada_rd_left(&rd) > 0) {
		if (!read_one(&t, &rd))
			rc = sada_err_set(err, SADA_FORMAT, "the list of paths "
			    "in the trash breaks its format");
		else
			rc = each(&t, ctx);
	}
out:
	sada_buf_release(&b);
	return rc;
}

int
sada_disk_held(const struct sada_source *src, int dfd, const char *name,
    struct sada_id *id, struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	memset(id, 0, sizeof(*id));
	if ((rc = sada_io_stat(dfd, name, &st, err)) < 0)
		return rc;
	if (st.kind != S_IFREG && st.kind != S_IFLNK)
		return 0;
	rc = sada_disk_content(id, &st, dfd, name, err);
	if (rc == SADA_AGAIN)
		return 0;
	return rc < 0 ? rc : sada_file_held(src, id, st.size, err);
}

/* The nearest directory above PATH that stands; *N is its length. */
static int
nearest(int *fd, int root, const char *path, size_t *n,
    struct sada_err *err)
{
	char *dir;
	int rc;

	for (;;) {
		*n = sada_path_parent(path, *n);
		dir = sada_memdup(path, *n);
		rc = sada_io_open_below(fd, root, dir, O_RDONLY | O_DIRECTORY,
		    err);
		free(dir);
		if (rc == 0 || *n == 0 || (rc != SADA_NOTFOUND &&
		    sada_why(err) == NULL))
			return rc;
	}
}

int
sada_keep_beside(int root, int dfd, const char *name, const char *path,
    size_t len, void (*report)(const char *path, size_t len, unsigned did,
    const char *why, void *ctx), void *ctx, struct sada_err *err)
{
	const char *base = path + sada_path_base(path, len);
	size_t n = len, keep = len - (size_t)(base - path);
	char hex[2 * SADA_HEX_LEN + 1];
	struct sada_buf at = { 0 };
	unsigned char seed[SADA_ID_LEN];
	struct sada_id id;
	int fd = -1, i, rc;

	if ((rc = nearest(&fd, root, path, &n, err)) < 0)
		return rc;
	/* NAME~kept-HEX must be a name itself. */
	if (keep > SADA_NAME_MAX - 6 - KEPT_DIGITS)
		keep = SADA_NAME_MAX - 6 - KEPT_DIGITS;
	for (i = 0; i < KEPT_TRIES; i++) {
		size_t start;

		sada_io_random(seed, sizeof(seed));
		sada_hash(&id, SADA_CTX_FILE, seed, sizeof(seed));
		sada_id_hex(hex, &id);
		sada_buf_reset(&at);
		sada_buf_add(&at, path, n);
		if (n > 0)
			sada_buf_adds(&at, "/");
		start = at.len;
		sada_buf_add(&at, base, keep);
		sada_buf_addf(&at, "~kept-%.*s", KEPT_DIGITS, hex);
		rc = sada_io_rename(dfd, name, fd, sada_buf_str(&at) + start,
		    RENAME_NOREPLACE, err);
		if (rc != SADA_SYS || err->sys != EEXIST)
			break;
	}
	if (rc == 0)
		rc = sada_io_fsync(fd, "a directory", err);
	if (rc == 0 && report != NULL)
		report((char *)at.p, at.len, SADA_DID_LEAVE, "an edit that was "
		    "displaced was kept under this name", ctx);
	sada_buf_release(&at);
	sada_io_close(fd);
	return rc;
}

/* ---- emptying ---- */

struct emptying {
	int root, dir;
	const struct sada_source *src;
	void (*report)(const char *path, size_t len, unsigned did,
	    const char *why, void *ctx);
	void *ctx;
	struct sada_err *err;
};

/* Has NAME, whose content is not held, the rows that T tells?  1, 0, <0. */
static int
same_rows(const struct emptying *e, const char *name,
    const struct sada_trashed *t)
{
	struct sada_buf b = { 0 };
	struct sada_id own = { { 0 } };
	int rc = 0;

	if (!t->rows || !sada_database_there(e->dir, name))
		return 0;
	rc = sada_io_slurp(e->dir, name, SADA_DATABASE_MAX, &b, e->err);
	if (rc == 0)
		rc = sada_database_same(&b, &own, e->src, &t->content,
		    t->size, e->err);
	else if (rc == SADA_FORMAT || rc == SADA_NOTFOUND)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

/* The manifest tells what number T->n was. */
static int
empty_one(const struct sada_trashed *t, void *ctx)
{
	const struct emptying *e = ctx;
	char name[SADA_TRASH_NAME];
	struct sada_id id;
	int rc;

	sada_trash_name(name, t->n);
	rc = sada_disk_held(e->src, e->dir, name, &id, e->err);
	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == 0 && (rc = same_rows(e, name, t)) == 0)
		return sada_keep_beside(e->root, e->dir, name, t->path,
		    t->len, e->report, e->ctx, e->err);
	return rc < 0 ? rc : sada_io_unlink(e->dir, name, 0, e->err);
}

/* Files that no manifest names (it is damaged): kept in the root. */
static int
empty_rest(struct emptying *e)
{
	struct sada_trashed t = { .path = "unknown", .len = 7 };
	struct numbers have = { 0 };
	size_t i;
	int rc;

	rc = sada_io_list(e->dir, note_number, &have, e->err);
	for (i = 0; rc == 0 && i < have.count; i++) {
		t.n = have.n[i];
		rc = empty_one(&t, e);
	}
	free(have.n);
	return rc;
}

static int
empty_dir(struct emptying *e, int trash, uint64_t serial)
{
	char name[SADA_TRASH_NAME];
	int rc;

	sada_trash_name(name, serial);
	if ((rc = sada_io_open(&e->dir, trash, name, O_RDONLY | O_DIRECTORY,
	    0, e->err)) < 0)
		return rc;
	rc = sada_manifest_read(e->dir, empty_one, e, e->err);
	if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	if (rc == 0)
		rc = empty_rest(e);
	/* The rest, a manifest and temps, is all ours. */
	if (rc == 0)
		rc = sada_stage_clear(e->dir, e->err);
	sada_io_close(e->dir);
	e->dir = -1;
	return rc < 0 ? rc : sada_io_unlink(trash, name, AT_REMOVEDIR,
	    e->err);
}

int
sada_trash_empty(int root, int sdir, struct sada_store *store,
    void (*report)(const char *path, size_t len, unsigned did,
    const char *why, void *ctx), void *ctx, struct sada_err *err)
{
	struct sada_source src = { .store = store };
	struct sada_err own;
	struct emptying e = { .root = root, .dir = -1, .src = &src,
	    .report = report, .ctx = ctx, .err = err != NULL ? err : &own };
	struct numbers have = { 0 };
	int fd = -1, rc;
	size_t i;

	rc = sada_io_open(&fd, sdir, "trash", O_RDONLY | O_DIRECTORY, 0,
	    e.err);
	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == 0)
		rc = sada_io_list(fd, note_number, &have, e.err);
	for (i = 0; rc == 0 && i < have.count; i++)
		rc = empty_dir(&e, fd, have.n[i]);
	free(have.n);
	sada_io_close(fd);
	return rc;
}
