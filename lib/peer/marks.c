/* What peers have acknowledged: "peers/<64 hex of author>.ack", a cache. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

/* An acknowledgement with all its counts at their caps is smaller. */
#define ACK_MAX ((size_t)16 << 20)
#define NAME_LEN (SADA_HEX_LEN + sizeof(".ack"))

static void
file_name(char name[NAME_LEN], const struct sada_pub *author)
{
	sada_id_hex(name, &author->id);
	memcpy(name + SADA_HEX_LEN, ".ack", sizeof(".ack"));
}

/* As sada_ack_load(), from directory "peers" DFD. */
static int
load(struct sada_ack *a, int dfd, const struct sada_pub *author,
    struct sada_err *err)
{
	struct sada_buf b = { 0 };
	char name[NAME_LEN];
	int rc;

	memset(a, 0, sizeof(*a));
	file_name(name, author);
	rc = sada_io_slurp(dfd, name, ACK_MAX, &b, err);
	if (rc == 0)
		rc = sada_ack_decode(a, b.p, b.len, author->sign, err) == 0;
	else if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

int
sada_ack_load(struct sada_ack *a, int sdir, const struct sada_pub *author,
    struct sada_err *err)
{
	int fd = -1;
	int rc;

	memset(a, 0, sizeof(*a));
	rc = sada_io_open(&fd, sdir, "peers", O_RDONLY | O_DIRECTORY, 0, err);
	if (rc < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	rc = load(a, fd, author, err);
	sada_io_close(fd);
	return rc;
}

static int
newer(const struct sada_ack *a, const struct sada_ack *than)
{
	if (a->incarnation != than->incarnation)
		return a->incarnation > than->incarnation;
	return a->counter > than->counter;
}

int
sada_ack_keep(int sdir, const struct sada_pub *author,
    const struct sada_ack *a, const void *p, size_t n, int *took,
    struct sada_err *err)
{
	char name[NAME_LEN];
	struct sada_ack old;
	int fd = -1, take;
	int rc;

	assert(sada_id_cmp(&a->author, &author->id) == 0);
	if (took != NULL)
		*took = 0;
	if ((rc = sada_peers_dir(&fd, sdir, err)) < 0)
		return rc;
	if ((rc = load(&old, fd, author, err)) < 0)
		goto out;
	take = rc == 0 || newer(a, &old);
	sada_ack_release(&old);
	rc = 0;
	if (!take)
		goto out;
	file_name(name, author);
	rc = sada_io_publish(fd, name, p, n, 0, err);
	if (rc == 0 && took != NULL)
		*took = 1;
out:
	sada_io_close(fd);
	return rc;
}
