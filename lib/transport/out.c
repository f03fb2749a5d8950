/*
 * Writing one bundle.
 *
 * To a file or a spool: a temp in the directory of the result, fsync,
 * checked close, rename, fsync of the directory; whoever looks sees the old
 * file or the new one.  What is neither a file nor missing (a pipe with a
 * name, a device) is written as it stands, for a rename would replace it.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "transport/place_priv.h"

#define NAME_BYTES 16			/* what a name is made of */

/*
 * 1. FD is written to.  OWN: it is ours to close.
 * 2. DIR is >= 0 exactly when there is a temp, TEMP in DIR, that becomes
 *    NAME in DIR.
 */
struct sada_out {
	unsigned kind;
	char *place, *name;
	char temp[SPOOL_TEMP];
	int fd, dir, own;
};

/* What NAME in DIR is: may a rename replace it?  1 yes, 0 write into it. */
static int
is_replaceable(int dir, const char *name, const char *place,
    struct sada_err *err)
{
	struct sada_stat st;
	int fd = -1;
	int rc;

	rc = sada_io_stat(dir, name, &st, err);
	if (rc == SADA_NOTFOUND || (rc == 0 && st.kind == S_IFREG))
		return 1;
	if (rc < 0 || st.kind != S_IFLNK)
		return rc;
	/* A link may lead to a pipe (/dev/fd/63), never be replaced. */
	if ((rc = sada_io_open_user(&fd, place, O_PATH, 0, err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &st, err)) < 0)
		goto out;
	if (st.kind == S_IFREG)
		rc = sada_place_refuse(err, SADA_USAGE, place,
		    "is a symbolic link: name the file that it leads to");
out:
	sada_io_close(fd);
	return rc;
}

/* Make the temp in O->dir; in a spool it can be told by the name to come. */
static int
open_temp(struct sada_out *o, struct sada_err *err)
{
	unsigned char rnd[8];

	sada_io_random(rnd, sizeof(rnd));
	if (o->kind == SADA_PLACE_SPOOL)
		sada_spool_temp(o->temp, o->name);
	else
		(void)snprintf(o->temp, sizeof(o->temp), ".tmp-%016llx",
		    (unsigned long long)sada_le64(rnd));
	/* The user's umask decides who may read: it is sealed. */
	return sada_io_open(&o->fd, o->dir, o->temp, O_WRONLY | O_CREAT |
	    O_EXCL, 0666, err);
}

static int
open_file(struct sada_out *o, struct sada_err *err)
{
	const char *base;
	int rc;

	if ((rc = sada_place_parent(&o->dir, &base, o->place, err)) < 0)
		goto out;
	if (*base == '\0') {
		rc = sada_place_refuse(err, SADA_NOTFOUND, o->place,
		    "is not there");
		goto out;
	}
	if ((rc = is_replaceable(o->dir, base, o->place, err)) < 0)
		goto out;
	if (rc > 0) {
		o->name = sada_strdup(base);
		rc = open_temp(o, err);
	} else {
		sada_io_close(o->dir);
		o->dir = -1;
		rc = sada_io_open_user(&o->fd, o->place, O_WRONLY | O_NOCTTY,
		    0, err);
	}
out:
	if (rc == SADA_NOTFOUND && err != NULL)
		err->code = SADA_ABSENT;
	return rc == SADA_NOTFOUND ? SADA_ABSENT : rc;
}

static int
open_spool(struct sada_out *o, struct sada_err *err)
{
	unsigned char rnd[NAME_BYTES];
	struct sada_buf b = { 0 };
	size_t i;
	int rc;

	if ((rc = sada_place_dir(&o->dir, o->place, err)) < 0)
		return rc;
	sada_io_random(rnd, sizeof(rnd));
	for (i = 0; i < sizeof(rnd); i++)
		sada_buf_addf(&b, "%02x", rnd[i]);
	sada_buf_adds(&b, SPOOL_END);
	o->name = sada_strdup(sada_buf_str(&b));
	sada_buf_release(&b);
	return open_temp(o, err);
}

static void
out_free(struct sada_out *o)
{
	if (o->own)
		sada_io_close(o->fd);
	sada_io_close(o->dir);
	free(o->place);
	free(o->name);
	free(o);
}

int
sada_out_open(struct sada_out **out, unsigned kind, const char *place,
    struct sada_err *err)
{
	struct sada_out *o;
	int rc = 0;

	*out = NULL;
	o = sada_calloc(1, sizeof(*o));
	o->kind = kind;
	o->place = sada_strdup(place);
	o->fd = o->dir = -1;
	o->own = 1;
	switch ((enum sada_place_kind)kind) {
	case SADA_PLACE_PIPE:
		o->fd = 1;
		o->own = 0;
		break;
	case SADA_PLACE_FILE:
		rc = open_file(o, err);
		break;
	case SADA_PLACE_SPOOL:
		rc = open_spool(o, err);
		break;
	case SADA_PLACE_HOST:
		rc = sada_place_refuse(err, SADA_USAGE, place, "is on another "
		    "host: pipe the bundle there through ssh");
		break;
	}
	if (rc < 0) {
		out_free(o);
		return rc;
	}
	*out = o;
	return 0;
}

const char *
sada_out_name(const struct sada_out *o)
{
	return o->kind == SADA_PLACE_SPOOL ? o->name : NULL;
}

int
sada_out_write(struct sada_out *o, const void *p, size_t n,
    struct sada_err *err)
{
	return sada_io_write(o->fd, p, n, err);
}

/* Make what was written durable, if it is a file, and close it. */
static int
finish_fd(struct sada_out *o, struct sada_err *err)
{
	struct sada_stat st;
	int fd = o->fd;
	int rc;

	if ((rc = sada_io_stat(fd, "", &st, err)) < 0)
		return rc;
	if (st.kind == S_IFREG &&
	    (rc = sada_io_fsync(fd, o->place, err)) < 0)
		return rc;
	if (!o->own)
		return 0;
	o->fd = -1;
	return sada_io_close_checked(fd, err);
}

static void
drop(int dir, const char *name)
{
	struct sada_err ignored;

	if (sada_io_unlink(dir, name, 0, &ignored) < 0)
		return;
}

/* Rename the temp and make that durable. */
static int
publish(struct sada_out *o, struct sada_err *err)
{
	int rc;

	if ((rc = sada_io_rename(o->dir, o->temp, o->dir, o->name, 0,
	    err)) < 0) {
		drop(o->dir, o->temp);
		return rc;
	}
	rc = sada_io_fsync(o->dir, o->place, err);
	/* The medium may be pulled as soon as the command ends. */
	if (rc == 0 && o->kind == SADA_PLACE_SPOOL)
		rc = sada_io_syncfs(o->dir, err);
	/* Nobody knows a spool's new name; a file may have had an older one. */
	if (rc < 0 && o->kind == SADA_PLACE_SPOOL)
		drop(o->dir, o->name);
	return rc;
}

/* Append what the user would call the result. */
static void
put_path(struct sada_buf *path, const struct sada_out *o)
{
	size_t n = strlen(o->place);

	sada_buf_add(path, o->place, n);
	if (o->kind != SADA_PLACE_SPOOL)
		return;
	if (n == 0 || o->place[n - 1] != '/')
		sada_buf_adds(path, "/");
	sada_buf_adds(path, o->name);
}

int
sada_out_commit(struct sada_out *o, struct sada_buf *path,
    struct sada_err *err)
{
	int rc;

	rc = finish_fd(o, err);
	if (o->dir >= 0) {
		if (rc == 0)
			rc = publish(o, err);
		else
			drop(o->dir, o->temp);
	}
	if (rc == 0 && path != NULL)
		put_path(path, o);
	out_free(o);
	return rc < 0 ? SADA_SYS : 0;
}

void
sada_out_abort(struct sada_out *o)
{
	if (o == NULL)
		return;
	if (o->dir >= 0)
		drop(o->dir, o->temp);
	out_free(o);
}
