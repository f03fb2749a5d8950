/*
 * "home": where this store was made, to see that it is a copy.
 *
 * One line: "sadahome1 INO BTIME_S BTIME_NS MACHINE\n", of ".sada/lock".
 * Never the device: it changes with every mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "verb/verb_priv.h"

#define HOME_MAX 512

/* The machine's id as one word; "-" when it has none. */
static void
machine_id(struct sada_buf *out)
{
	struct sada_err e;
	char text[64];
	size_t got = 0, i, n = 0;
	int fd = -1;

	if (sada_io_open_user(&fd, "/etc/machine-id", O_RDONLY, 0, &e) == 0 &&
	    sada_io_read(fd, text, sizeof(text), &got, &e) == 0)
		for (i = 0; i < got && text[i] > ' ' && text[i] < 0x7f; i++)
			n++;
	sada_io_close(fd);
	if (n > 0)
		sada_buf_add(out, text, n);
	else
		sada_buf_adds(out, "-");
}

static int
home_line(struct sada_buf *out, int lockfd, struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	if ((rc = sada_io_stat(lockfd, "", &st, err)) < 0)
		return rc;
	sada_buf_addf(out, "sadahome1 %llu %lld %u ",
	    (unsigned long long)st.ino, (long long)st.btime_s, st.btime_ns);
	machine_id(out);
	sada_buf_adds(out, "\n");
	return 0;
}

int
sada_home_moved(const struct sada_replica *r, int lockfd,
    struct sada_err *err)
{
	struct sada_buf was = {0}, is = {0};
	int rc;

	if ((rc = home_line(&is, lockfd, err)) < 0)
		goto out;
	rc = sada_io_slurp(r->sdir, "home", HOME_MAX, &was, err);
	if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 1;
	else if (rc == 0)
		rc = was.len != is.len || memcmp(was.p, is.p, is.len) != 0;
out:
	sada_buf_release(&was);
	sada_buf_release(&is);
	return rc;
}

int
sada_home_write(int sdir, int lockfd, struct sada_err *err)
{
	struct sada_buf b = {0};
	int rc;

	if ((rc = home_line(&b, lockfd, err)) == 0)
		rc = sada_io_publish(sdir, "home", b.p, b.len, 0, err);
	sada_buf_release(&b);
	return rc;
}
