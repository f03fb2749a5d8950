/* Reading from a file or a pipe. */
#include <assert.h>
#include <fcntl.h>

#include "transport/place_priv.h"

int
sada_in_open(int *fd, unsigned kind, const char *place, struct sada_err *err)
{
	int rc;

	*fd = -1;
	if (kind == SADA_PLACE_PIPE) {
		*fd = 0;
		return 0;
	}
	if (kind == SADA_PLACE_HOST)
		return sada_place_refuse(err, SADA_USAGE, place, "is on "
		    "another host: pipe the bundle from there through ssh");
	assert(kind == SADA_PLACE_FILE);
	rc = sada_io_open_user(fd, place, O_RDONLY | O_NOCTTY, 0, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_place_refuse(err, SADA_ABSENT, place,
		    "is not there");
	return rc;
}
