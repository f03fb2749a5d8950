/* What a place is, and the directories around it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/quote.h"
#include "transport/place_priv.h"

int
sada_place_refuse(struct sada_err *err, int code, const char *place,
    const char *why)
{
	struct sada_buf q = { 0 };
	int rc;

	sada_quote(&q, place, strlen(place));
	rc = sada_err_set(err, code, "%s %s", sada_buf_str(&q), why);
	sada_buf_release(&q);
	return rc;
}

int
sada_place_dir(int *fd, const char *place, struct sada_err *err)
{
	int rc;

	*fd = -1;
	rc = sada_io_open_user(fd, place, O_RDONLY | O_DIRECTORY, 0, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_place_refuse(err, SADA_ABSENT, place, "is not there");
	return rc;
}

int
sada_place_parent(int *fd, const char **base, const char *place,
    struct sada_err *err)
{
	const char *slash = strrchr(place, '/');
	char *dir;
	int rc;

	*base = slash != NULL ? slash + 1 : place;
	if (slash == NULL)
		dir = sada_strdup(".");
	else if (slash == place)
		dir = sada_strdup("/");
	else
		dir = sada_memdup(place, (size_t)(slash - place));
	*fd = -1;
	rc = sada_io_open_user(fd, dir, O_RDONLY | O_DIRECTORY, 0, err);
	free(dir);
	return rc;
}

int
sada_place_where(int *fd, unsigned kind, const char *place,
    struct sada_err *err)
{
	const char *base;

	return kind == SADA_PLACE_SPOOL ? sada_place_dir(fd, place, err) :
	    sada_place_parent(fd, &base, place, err);
}

/* Is a missing PLACE one that can be made? */
static int
check_new(const char *place, struct sada_err *err)
{
	const char *base;
	int fd = -1;
	int rc;

	if ((rc = sada_place_parent(&fd, &base, place, err)) < 0)
		return rc;
	sada_io_close(fd);
	return *base != '\0' ? 0 : sada_place_refuse(err, SADA_NOTFOUND,
	    place, "is not there");
}

int
sada_place_kind(unsigned *kind, const char *place, struct sada_err *err)
{
	const char *colon = strchr(place, ':'), *slash = strchr(place, '/');
	struct sada_stat st;
	int fd = -1;
	int rc = 0;

	*kind = SADA_PLACE_FILE;
	if (strcmp(place, "-") == 0) {
		*kind = SADA_PLACE_PIPE;
		return 0;
	}
	if (colon != NULL && (slash == NULL || colon < slash)) {
		*kind = SADA_PLACE_HOST;
		return 0;
	}
	rc = sada_io_open_user(&fd, place, O_PATH, 0, err);
	if (rc == SADA_NOTFOUND)
		return check_new(place, err);
	if (rc == 0 && (rc = sada_io_stat(fd, "", &st, err)) == 0 &&
	    st.kind == S_IFDIR)
		*kind = SADA_PLACE_SPOOL;
	sada_io_close(fd);
	return rc;
}
