/*
 * The table of calls, and the calls that take a name.
 *
 * A name is one component below a held directory handle; only
 * sada_io_open_below() and sada_io_open_user() see longer paths.  That is
 * asserted here, once for everybody: a '/' in a name is a bug, whoever
 * chose the name, and must not become a way out of the directory.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io_priv.h"
#include "base/quote.h"

#define LIST_BYTES ((size_t)64 << 10)
#define LINK_MAX_BYTES ((size_t)64 << 10)

/*
 * Where the fields of a linux_dirent64 lie: inode 8, offset 8, record
 * length 2, type 1, then the name with its NUL and padding.
 */
#define DIRENT_RECLEN 16
#define DIRENT_TYPE 18
#define DIRENT_NAME 19

static const struct sada_io_ops *ops = &sada_io_system;

const struct sada_io_ops *
sada_io_ops(void)
{
	return ops;
}

void
sada_io_use(const struct sada_io_ops *use)
{
	ops = use != NULL ? use : &sada_io_system;
}

int
sada_io_fail(struct sada_err *err, const char *what, const char *name)
{
	struct sada_buf q = { 0 };
	int saved = errno;

	sada_quote(&q, name, strlen(name));
	errno = saved;
	(void)sada_err_sys(err, "cannot %s %s", what, sada_buf_str(&q));
	sada_buf_release(&q);
	errno = saved;
	return SADA_SYS;
}

/* As sada_io_fail(), but NOTFOUND if errno is ENOENT or ALSO. */
static int
fail_or_missing(struct sada_err *err, const char *what, const char *name,
    int also)
{
	int rc = sada_io_fail(err, what, name);

	if (errno == ENOENT || errno == also) {
		rc = SADA_NOTFOUND;
		if (err != NULL)
			err->code = rc;
	}
	return rc;
}

static int
is_component(const char *name)
{
	return *name != '\0' && strchr(name, '/') == NULL;
}

int
sada_io_open(int *fd, int dfd, const char *name, int flags, unsigned mode,
    struct sada_err *err)
{
	assert(is_component(name));
	do
		*fd = ops->openat(dfd, name, flags | O_CLOEXEC | O_NOFOLLOW,
		    (mode_t)mode);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? fail_or_missing(err, "open", name, ENOENT) : 0;
}

int
sada_io_open_below(int *fd, int root, const char *path, int flags,
    struct sada_err *err)
{
	/* openat2() would take a mode, but nothing is created by path. */
	assert((flags & O_CREAT) == 0);
	if (*path == '\0')
		path = ".";
	do
		*fd = ops->openat2(root, path, flags | O_CLOEXEC, 0,
		    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? fail_or_missing(err, "open", path, ENOTDIR) : 0;
}

int
sada_io_open_user(int *fd, const char *path, int flags, unsigned mode,
    struct sada_err *err)
{
	do
		*fd = ops->openat(AT_FDCWD, path, flags | O_CLOEXEC,
		    (mode_t)mode);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? fail_or_missing(err, "open", path, ENOENT) : 0;
}

int
sada_io_stat(int dfd, const char *name, struct sada_stat *st,
    struct sada_err *err)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, rc;

	assert(*name == '\0' || is_component(name));
	if (*name == '\0')
		flags |= AT_EMPTY_PATH;
	do
		rc = ops->statx(dfd, name, flags, st);
	while (rc != 0 && errno == EINTR);
	return rc != 0 ? fail_or_missing(err, "stat", *name != '\0' ? name :
	    "an open file", ENOTDIR) : 0;
}

/*
 * Split the record at P, of at most LEFT bytes, into D; *RECLEN is its
 * length.  A kernel is trusted, a simulated one or FUSE less so.
 */
static int
parse_dirent(struct sada_dirent *d, const unsigned char *p, size_t left,
    size_t *reclen)
{
	const unsigned char *nul;
	uint16_t n;

	if (left <= DIRENT_NAME)
		return 0;
	memcpy(&n, p + DIRENT_RECLEN, sizeof(n));
	if (n <= DIRENT_NAME || n > left)
		return 0;
	nul = memchr(p + DIRENT_NAME, '\0', (size_t)n - DIRENT_NAME);
	if (nul == NULL || nul == p + DIRENT_NAME)
		return 0;
	d->name = (const char *)p + DIRENT_NAME;
	d->len = (size_t)(nul - p) - DIRENT_NAME;
	d->type = p[DIRENT_TYPE];
	*reclen = n;
	return memchr(d->name, '/', d->len) == NULL;
}

/* Give EACH the names in the N bytes at P. */
static int
list_chunk(const unsigned char *p, size_t n,
    int (*each)(const struct sada_dirent *d, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_dirent d;
	size_t reclen;
	int rc = 0;

	for (; n > 0 && rc == 0; p += reclen, n -= reclen) {
		if (!parse_dirent(&d, p, n, &reclen)) {
			errno = EIO;
			return sada_err_sys(err, "a directory holds an "
			    "impossible entry");
		}
		if (strcmp(d.name, ".") != 0 && strcmp(d.name, "..") != 0)
			rc = each(&d, ctx);
	}
	return rc;
}

int
sada_io_list(int fd, int (*each)(const struct sada_dirent *d, void *ctx),
    void *ctx, struct sada_err *err)
{
	unsigned char *p;
	ssize_t n;
	int rc = 0;

	if (ops->lseek(fd, 0, SEEK_SET) != 0)
		return sada_err_sys(err, "cannot read a directory");
	p = sada_malloc(LIST_BYTES);
	while (rc == 0) {
		do
			n = ops->getdents(fd, p, LIST_BYTES);
		while (n < 0 && errno == EINTR);
		if (n == 0)
			break;
		if (n < 0)
			rc = sada_err_sys(err, "cannot read a directory");
		else
			rc = list_chunk(p, (size_t)n, each, ctx, err);
	}
	free(p);
	return rc;
}

int
sada_io_rename(int od, const char *on, int nd, const char *nn,
    unsigned flags, struct sada_err *err)
{
	struct sada_buf q = { 0 };
	int rc, saved;

	assert(is_component(on) && is_component(nn));
	do
		rc = ops->renameat2(od, on, nd, nn, flags);
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	saved = errno;
	rc = fail_or_missing(err, "rename", on, ENOENT);
	sada_quote(&q, nn, strlen(nn));
	(void)sada_err_prefix(err, "%s", sada_buf_str(&q));
	sada_buf_release(&q);
	errno = saved;
	return rc;
}

int
sada_io_unlink(int dfd, const char *name, int flags, struct sada_err *err)
{
	int rc;

	assert(is_component(name));
	do
		rc = ops->unlinkat(dfd, name, flags);
	while (rc != 0 && errno == EINTR);
	return rc != 0 ? fail_or_missing(err, "remove", name, ENOENT) : 0;
}

int
sada_io_mkdir(int dfd, const char *name, unsigned mode,
    struct sada_err *err)
{
	int rc;

	assert(is_component(name));
	do
		rc = ops->mkdirat(dfd, name, (mode_t)mode);
	while (rc != 0 && errno == EINTR);
	return rc != 0 ? sada_io_fail(err, "make directory", name) : 0;
}

int
sada_io_symlink(const char *text, size_t n, int dfd, const char *name,
    struct sada_err *err)
{
	char *s;
	int rc;

	assert(is_component(name));
	if (n > 0 && memchr(text, '\0', n) != NULL) {
		errno = EINVAL;
		return sada_io_fail(err, "make symbolic link", name);
	}
	s = sada_memdup(text, n);
	do
		rc = ops->symlinkat(s, dfd, name);
	while (rc != 0 && errno == EINTR);
	if (rc != 0)
		rc = sada_io_fail(err, "make symbolic link", name);
	free(s);
	return rc;
}

int
sada_io_readlink(int dfd, const char *name, struct sada_buf *out,
    struct sada_err *err)
{
	size_t room = PATH_MAX;
	ssize_t n;

	assert(is_component(name));
	for (;;) {
		unsigned char *p = sada_buf_reserve(out, room);

		do
			n = ops->readlinkat(dfd, name, (char *)p, room);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return fail_or_missing(err, "read symbolic link", name,
			    ENOENT);
		if ((size_t)n < room)
			break;
		/* Filled to the brim: it may have been cut. */
		if (room >= LINK_MAX_BYTES) {
			errno = ENAMETOOLONG;
			return fail_or_missing(err, "read symbolic link", name,
			    ENOENT);
		}
		room *= 2;
	}
	out->len += (size_t)n;
	return 0;
}

int
sada_io_utime(int dfd, const char *name, int64_t s, uint32_t ns,
    struct sada_err *err)
{
	struct timespec ts[2] = { { 0 } };
	int flags = AT_SYMLINK_NOFOLLOW, rc;

	assert(*name == '\0' || is_component(name));
	if (*name == '\0')
		flags |= AT_EMPTY_PATH;
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = (time_t)s;
	ts[1].tv_nsec = (long)ns;
	if (ns > 999999999) {
		/* Above lie UTIME_NOW and UTIME_OMIT: not times. */
		errno = EINVAL;
		rc = -1;
	} else {
		do
			rc = ops->utimensat(dfd, name, ts, flags);
		while (rc != 0 && errno == EINTR);
	}
	return rc != 0 ? sada_io_fail(err, "set the time of", *name != '\0' ?
	    name : "an open file") : 0;
}
