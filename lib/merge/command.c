/*
 * A command's merge: three files in a directory that nobody else sees, one
 * program, its output.  A directory has a random name, so that two runs at
 * a time do not meet.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/run.h"
#include "merge/command.h"
#include "merge/lines_priv.h"

#define PREFIX "merge."
/* What a command leaves may be this deep, and still goes. */
#define DEPTH_MAX 64

struct removing {
	int fd;
	unsigned depth;
};

static int remove_dir(int dir, const char *name, unsigned depth,
    struct sada_err *err);

static int
remove_one(const struct sada_dirent *d, void *ctx)
{
	const struct removing *r = ctx;
	struct sada_err e = { 0 };
	int rc;

	rc = sada_io_unlink(r->fd, d->name, 0, &e);
	if (rc == SADA_SYS && (e.sys == EISDIR || e.sys == EPERM) &&
	    r->depth < DEPTH_MAX)
		rc = remove_dir(r->fd, d->name, r->depth + 1, &e);
	return 0;
}

/* Remove directory NAME of DIR with all that it holds. */
static int
remove_dir(int dir, const char *name, unsigned depth, struct sada_err *err)
{
	struct removing r = { -1, depth };
	int rc;

	if ((rc = sada_io_open(&r.fd, dir, name, O_RDONLY | O_DIRECTORY, 0,
	    err)) < 0)
		return rc;
	rc = sada_io_list(r.fd, remove_one, &r, err);
	sada_io_close(r.fd);
	if (rc == 0)
		rc = sada_io_unlink(dir, name, AT_REMOVEDIR, err);
	return rc;
}

/* Make file NAME in DIR of the bytes S. */
static int
put_file(int dir, const char *name, const struct sada_span *s,
    struct sada_err *err)
{
	int fd, rc, closed;

	if ((rc = sada_io_open(&fd, dir, name, O_WRONLY | O_CREAT | O_EXCL,
	    0600, err)) < 0)
		return rc;
	if (s->n > 0)
		rc = sada_io_write(fd, s->p, s->n, err);
	closed = sada_io_close_checked(fd, rc < 0 ? NULL : err);
	return rc < 0 ? rc : closed;
}

/* Run C in directory WORK, which has the files. */
static int
run(struct sada_buf *out, struct sada_buf *talk,
    const struct sada_command *c, int work, struct sada_err *err)
{
	struct sada_buf script = { 0 }, got = { 0 }, path = { 0 };
	const char *argv[] = { "/bin/sh", "-c", NULL, c->text, "base", "a",
	    "b", NULL };
	const char *env[] = { NULL, NULL };
	struct sada_run r;
	int rc;

	sada_buf_adds(&script, c->text);
	sada_buf_adds(&script, " \"$@\"");
	argv[2] = sada_buf_str(&script);
	/* No word of the command: a peer chose it, and nothing lies there. */
	sada_buf_addf(&path, "SADA_PATH=%s", c->path);
	env[0] = sada_buf_str(&path);
	memset(&r, 0, sizeof(r));
	r.argv = argv;
	r.env = env;
	r.dir = work;
	r.seconds = c->seconds;
	r.out = &got;
	r.out_max = SADA_MERGE_MAX;
	r.talk = talk;
	r.talk_max = SADA_MERGE_TALK;
	if ((rc = sada_run(&r, err)) == 0 && r.status == 0 && !r.late &&
	    !r.large) {
		sada_buf_add(out, got.p, got.len);
		rc = 1;
	}
	sada_buf_release(&script);
	sada_buf_release(&path);
	sada_buf_release(&got);
	return rc;
}

int
sada_merge_command(struct sada_buf *out, struct sada_buf *talk,
    const struct sada_command *c, const struct sada_three *in,
    struct sada_err *err)
{
	struct sada_buf name = { 0 };
	unsigned char seed[8];
	int work = -1, rc;

	if (sada_merge_too_large(in))
		return 0;
	sada_io_random(seed, sizeof(seed));
	sada_buf_addf(&name, PREFIX "%016llx",
	    (unsigned long long)sada_le64(seed));
	if ((rc = sada_io_mkdir(c->dir, sada_buf_str(&name), 0700, err)) < 0)
		goto out;
	if ((rc = sada_io_open(&work, c->dir, sada_buf_str(&name),
	    O_RDONLY | O_DIRECTORY, 0, err)) == 0 &&
	    (rc = put_file(work, "base", &in->base, err)) == 0 &&
	    (rc = put_file(work, "a", &in->a, err)) == 0 &&
	    (rc = put_file(work, "b", &in->b, err)) == 0)
		rc = run(out, talk, c, work, err);
	sada_io_close(work);
	/* What cannot be removed now waits for a sweep. */
	(void)remove_dir(c->dir, sada_buf_str(&name), 0, NULL);
out:
	sada_buf_release(&name);
	return rc;
}

/* A directory of a run, by its name? */
static int
sweep_one(const struct sada_dirent *d, void *ctx)
{
	const int *dir = ctx;

	if (d->len == sizeof(PREFIX) - 1 + 16 &&
	    memcmp(d->name, PREFIX, sizeof(PREFIX) - 1) == 0 &&
	    strspn(d->name + sizeof(PREFIX) - 1, "0123456789abcdef") == 16)
		(void)remove_dir(*dir, d->name, 0, NULL);
	return 0;
}

int
sada_merge_sweep(int dir, struct sada_err *err)
{
	return sada_io_list(dir, sweep_one, &dir, err);
}
