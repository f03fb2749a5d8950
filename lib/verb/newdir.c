/* A directory of the user's that is to be filled: opened, or made. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "verb/verb_priv.h"

static int
in_store(const char *dir, struct sada_err *err)
{
	return sada_err_set(err, SADA_USAGE,
	    "%s lies inside of a replica's store", dir);
}

int
sada_check_no_store(const char *path, const char *name, struct sada_err *err)
{
	static const char store[] = "/" SADA_STORE_DIR;
	const char *at;

	for (at = path; (at = strstr(at, store)) != NULL;) {
		at += sizeof(store) - 1;
		if (*at == '/' || *at == '\0')
			return in_store(name, err);
	}
	return 0;
}

static int
check_place(int fd, const char *dir, struct sada_err *err)
{
	char *path = NULL;
	int rc;

	if ((rc = sada_fd_path(&path, fd, err)) == 0)
		rc = sada_check_no_store(path, dir, err);
	free(path);
	return rc;
}

/* Make BASE in directory PFD, unless DRY; DIR is both, as the user says. */
static int
make(int *fd, int pfd, const char *base, const char *dir, unsigned dry,
    struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	if ((rc = check_place(pfd, dir, err)) < 0)
		return rc;
	if (strcmp(base, SADA_STORE_DIR) == 0)
		return in_store(dir, err);
	/* A link to nothing has the name, too. */
	rc = sada_io_stat(pfd, base, &st, err);
	if (rc == 0)
		return sada_err_set(err, SADA_USAGE,
		    "%s: not a directory, nor can one be made there", dir);
	if (rc != SADA_NOTFOUND)
		return rc;
	if (dry)
		return 0;
	if ((rc = sada_io_mkdir(pfd, base, 0777, err)) < 0)
		return rc;
	return sada_io_open(fd, pfd, base, O_RDONLY | O_DIRECTORY, 0, err);
}

int
sada_newdir_open(int *fd, const char *dir, unsigned dry, struct sada_err *err)
{
	char *text = sada_strdup(dir), *base, *parent;
	struct sada_err e;
	size_t n = strlen(text);
	int pfd = -1, rc;

	*fd = -1;
	while (n > 1 && text[n - 1] == '/')
		text[--n] = '\0';
	base = strrchr(text, '/');
	parent = base == NULL ? sada_strdup(".") : base == text ?
	    sada_strdup("/") : sada_memdup(text, (size_t)(base - text));
	base = base == NULL ? text : base + 1;
	rc = sada_io_open_user(fd, dir, O_RDONLY | O_DIRECTORY, 0, &e);
	if (rc == 0) {
		rc = check_place(*fd, dir, err);
	} else if (rc == SADA_NOTFOUND) {
		rc = sada_io_open_user(&pfd, parent, O_RDONLY | O_DIRECTORY,
		    0, err);
		if (rc == SADA_NOTFOUND)
			rc = sada_err_set(err, SADA_ABSENT,
			    "%s: there is no such directory", parent);
		if (rc == 0)
			rc = make(fd, pfd, base, dir, dry, err);
	} else if (e.sys == ENOTDIR) {
		rc = sada_err_set(err, SADA_USAGE,
		    "%s: not a directory, nor can one be made there", dir);
	} else {
		*err = e;
	}
	if (rc < 0) {
		sada_io_close(*fd);
		*fd = -1;
	}
	sada_io_close(pfd);
	free(parent);
	free(text);
	return rc;
}
