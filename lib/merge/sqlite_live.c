/*
 * Open a database by its name in an open directory.
 *
 * SQLite opens by path and follows links on the way; here it gets a shim of
 * its own file layer that leaves the path /proc/self/fd/N/NAME as it is, so
 * that no other directory and no link can come in its place.  For reading
 * the shim also refuses to make or remove any file: a read-only connection
 * of SQLite would make a WAL and its index where it misses them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "merge/sqlite_priv.h"

struct sq_live {
	sqlite3_vfs vfs;	/* first: the shim is found by it */
	sqlite3_vfs *real;
	char vfs_name[40];
	sqlite3 *db;
	unsigned how;
};

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out_flags)
{
	struct sq_live *l = (struct sq_live *)(void *)vfs;

	if (l->how == SQ_READ) {
		if (flags & SQLITE_OPEN_DELETEONCLOSE) {
			file->pMethods = NULL;
			return SQLITE_CANTOPEN;
		}
		flags &= ~(SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE);
		flags |= SQLITE_OPEN_READONLY;
		/* As root it would set the owner of these two. */
		if (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) {
			flags &= ~(SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
			flags |= SQLITE_OPEN_SUBJOURNAL;
		}
	}
	return l->real->xOpen(l->real, name, file, flags, out_flags);
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	struct sq_live *l = (struct sq_live *)(void *)vfs;

	if (l->how == SQ_READ)
		return SQLITE_IOERR_DELETE;
	return l->real->xDelete(l->real, name, sync_dir);
}

static int
shim_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	size_t len = strlen(name);

	(void)vfs;
	if (n <= 0 || len >= (size_t)n)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

/* Append NAME as a part of a URI. */
static void
put_uri(struct sada_buf *b, const char *name)
{
	for (; *name != '\0'; name++)
		sada_buf_addf(b, "%%%02x", (unsigned)(unsigned char)*name);
}

int
sada_sq_live_open(struct sq_live **out, int dirfd, const char *name,
    unsigned how)
{
	struct sq_live *l = sada_calloc(1, sizeof(*l));
	struct sada_buf uri = {0};
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	int rc;

	*out = l;
	if (real == NULL)
		return SQLITE_ERROR;
	l->real = real;
	l->how = how;
	l->vfs = *real;
	(void)sqlite3_snprintf((int)sizeof(l->vfs_name), l->vfs_name,
	    "sada-%p", (void *)l);
	l->vfs.zName = l->vfs_name;
	l->vfs.pNext = NULL;
	l->vfs.xOpen = shim_open;
	l->vfs.xDelete = shim_delete;
	l->vfs.xFullPathname = shim_path;
	if ((rc = sqlite3_vfs_register(&l->vfs, 0)) != SQLITE_OK)
		return rc;
	sada_buf_addf(&uri, "file:/proc/self/fd/%d/", dirfd);
	put_uri(&uri, name);
	if (how == SQ_READ)
		sada_buf_adds(&uri, "?readonly_shm=1");
	rc = sqlite3_open_v2(sada_buf_str(&uri), &l->db, SQLITE_OPEN_URI |
	    (how == SQ_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE),
	    l->vfs_name);
	sada_buf_release(&uri);
	if (rc == SQLITE_OK)
		(void)sqlite3_extended_result_codes(l->db, 1);
	return rc;
}

sqlite3 *
sada_sq_live_db(struct sq_live *l)
{
	return l->db;
}

void
sada_sq_live_close(struct sq_live *l)
{
	if (l == NULL)
		return;
	(void)sqlite3_close(l->db);
	if (l->real != NULL)
		(void)sqlite3_vfs_unregister(&l->vfs);
	free(l);
}

int
sada_sq_live_fail(struct sada_err *err, int rc, const char *name,
    const char *what)
{
	struct sada_buf q = {0};
	const char *text = sqlite3_errstr(rc), *n;
	int code;

	sada_quote(&q, name, strlen(name));
	n = sada_buf_str(&q);
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		code = sada_err_set(err, SADA_BUSY,
		    "cannot %s database %s: in use by another program", what,
		    n);
		break;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		code = sada_err_set(err, SADA_LATER,
		    "cannot %s database %s: %s; a program that may write to "
		    "it must open it first", what, n, text);
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		code = sada_err_set(err, SADA_FORMAT,
		    "cannot %s database %s: %s", what, n, text);
		break;
	default:
		code = sada_err_set(err, SADA_SYS,
		    "cannot %s database %s: %s", what, n, text);
		break;
	}
	sada_buf_release(&q);
	return code;
}
