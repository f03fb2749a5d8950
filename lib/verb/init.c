/*
 * Making a replica.  Every step can be done again: a crash in between
 * leaves a directory that the next init completes; the log comes last and
 * makes it one.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "format/op.h"
#include "verb/verb_priv.h"

static const char *const parts[] = { "log", "pack", "quarantine", "peers",
	"parked", "stage", "trash" };

static int
ensure_dir(int dfd, const char *name, struct sada_err *err)
{
	struct sada_err e;
	int rc;

	if ((rc = sada_io_mkdir(dfd, name, 0700, &e)) < 0 &&
	    e.sys != EEXIST) {
		*err = e;
		return rc;
	}
	return 0;
}

/* The host's name, with what a NAME may not hold left out. */
static void
host_name(char out[65])
{
	char host[256];
	size_t i, n = 0;

	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	for (i = 0; host[i] != '\0' && host[i] != '.' && n < 64; i++) {
		out[n] = host[i];
		out[n + 1] = '\0';
		if (sada_member_name_ok(out))
			n++;
	}
	out[n] = '\0';
	if (n == 0)
		memcpy(out, "replica", 8);
}

/* The key at SDIR, made when there is none; with DRY *KEY is NULL then. */
static int
ensure_key(struct sada_key **key, int sdir, unsigned dry,
    struct sada_err *err)
{
	struct sada_buf b = {0};
	struct sada_key *k = NULL;
	int rc;

	*key = NULL;
	rc = sada_io_slurp(sdir, "key", 4096, &b, err);
	if (rc == SADA_NOTFOUND && dry) {
		rc = 0;
	} else if (rc == SADA_NOTFOUND) {
		sada_key_new(&k);
		sada_key_encode(&b, k);
		rc = sada_io_publish(sdir, "key", b.p, b.len,
		    SADA_PUBLISH_NEW, err);
	} else if (rc == 0 && sada_key_decode(&k, b.p, b.len, err) < 0) {
		rc = sada_err_set(err, SADA_DAMAGED, ".sada/key is damaged");
	}
	if (b.p != NULL)
		sada_wipe(b.p, b.cap);
	sada_buf_release(&b);
	if (rc < 0) {
		sada_key_free(k);
		return rc;
	}
	*key = k;
	return 0;
}

/* The first frame: a group of its own, and who this is. */
static int
create_log(int sdir, const struct sada_key *key, const char *name,
    struct sada_err *err)
{
	struct sada_buf payload = {0}, rec = {0};
	struct sada_member m;
	struct sada_id group;
	int fd = -1, rc;

	memset(&m, 0, sizeof(m));
	m.pub = *sada_key_pub(key);
	memcpy(m.name, name, strlen(name) + 1);
	m.number = 1;
	m.wall_ns = sada_io_now();
	sada_io_random(group.b, sizeof(group.b));
	sada_log_record(&payload, SADA_LOG_GROUP, group.b, SADA_ID_LEN);
	sada_member_encode(&rec, &m, key);
	sada_log_record(&payload, SADA_LOG_MEMBER, rec.p, rec.len);
	if ((rc = sada_io_open(&fd, sdir, "log", O_RDONLY | O_DIRECTORY, 0,
	    err)) == 0)
		rc = sada_log_create(fd, &payload, 2, err);
	sada_io_close(fd);
	sada_buf_release(&payload);
	sada_buf_release(&rec);
	return rc;
}

static int
see_segment(const struct sada_dirent *d, void *ctx)
{
	if (d->len > 4 && strcmp(d->name + d->len - 4, ".log") == 0)
		*(int *)ctx = 1;
	return 0;
}

/* Is there a log?  It is published whole, as the last part. */
static int
is_made(int sdir, struct sada_err *err)
{
	int fd = -1, found = 0, rc;

	if ((rc = sada_io_open(&fd, sdir, "log", O_RDONLY | O_DIRECTORY, 0,
	    err)) < 0)
		return rc;
	rc = sada_io_list(fd, see_segment, &found, err);
	sada_io_close(fd);
	return rc < 0 ? rc : found;
}

static int
in_the_way(const char *dir, struct sada_err *err)
{
	return sada_err_set(err, SADA_USAGE,
	    "%s/.sada is in the way: it is no directory", dir);
}

static int
make_parts(int root, const char *dir, int *sdir, int *lock, unsigned wait_s,
    struct sada_err *err)
{
	size_t i;
	int rc;

	if ((rc = ensure_dir(root, SADA_STORE_DIR, err)) < 0)
		return rc;
	rc = sada_open_store(sdir, root, dir, err);
	if (rc == SADA_NOTFOUND)
		return in_the_way(dir, err);
	if (rc < 0 || (rc = sada_check_owner(*sdir, dir, err)) < 0 ||
	    (rc = sada_io_open(lock, *sdir, "lock", O_RDWR | O_CREAT, 0600,
	    err)) < 0 ||
	    (rc = sada_io_lock(*lock, LOCK_EX, wait_s * 1000, err)) < 0)
		return rc;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if ((rc = ensure_dir(*sdir, parts[i], err)) < 0)
			return rc;
	return 0;
}

/*
 * Look at the store of ROOT (-1: there is no directory) as init would, and
 * change nothing: 1 when that was finished, 0 when it is still to be made.
 */
static int
look(int root, const char *dir, unsigned wait_s, struct sada_err *err)
{
	struct sada_key *key = NULL;
	struct sada_stat st;
	struct sada_err drop;
	int sdir = -1, lock = -1, rc;

	if (root < 0)
		return 0;
	rc = sada_open_store(&sdir, root, dir, err);
	if (rc == SADA_NOTFOUND)
		return sada_io_stat(root, SADA_STORE_DIR, &st, &drop) == 0 ?
		    in_the_way(dir, err) : 0;
	if (rc < 0 || (rc = sada_check_owner(sdir, dir, err)) < 0)
		goto out;
	rc = sada_io_open(&lock, sdir, "lock", O_RDWR, 0, err);
	if (rc == 0)
		rc = sada_io_lock(lock, LOCK_EX, wait_s * 1000, err);
	if ((rc < 0 && rc != SADA_NOTFOUND) ||
	    (rc = ensure_key(&key, sdir, 1, err)) < 0)
		goto out;
	rc = is_made(sdir, err);
	if (rc == SADA_NOTFOUND)
		rc = 0;
out:
	sada_key_free(key);
	sada_io_close(lock);
	sada_io_close(sdir);
	return rc;
}

/* Make it, or finish what was begun. */
static int
make(int root, const char *name, const struct sada_open_opts *o,
    struct sada_err *err)
{
	struct sada_key *key = NULL;
	int sdir = -1, lock = -1, made, rc;

	if ((rc = make_parts(root, o->dir, &sdir, &lock, o->wait_s,
	    err)) < 0 ||
	    (rc = ensure_key(&key, sdir, 0, err)) < 0 ||
	    (rc = made = is_made(sdir, err)) < 0)
		goto out;
	if (!made && ((rc = sada_home_write(sdir, lock, err)) < 0 ||
	    (rc = sada_work_seed(root, sdir, err)) < 0 ||
	    (rc = sada_io_fsync(sdir, SADA_STORE_DIR, err)) < 0 ||
	    (rc = sada_io_fsync(root, o->dir, err)) < 0 ||
	    (rc = create_log(sdir, key, name, err)) < 0))
		goto out;
	rc = 1;
out:
	sada_key_free(key);
	sada_io_close(lock);
	sada_io_close(sdir);
	return rc;
}

int
sada_init(const char *name, const struct sada_open_opts *o,
    struct sada_buf *line, struct sada_err *err)
{
	struct sada_replica *r = NULL;
	unsigned dry = o->flags & SADA_OPEN_DRY;
	char host[65];
	int root = -1, rc;

	sada_crypto_init();
	if (name != NULL && !sada_member_name_ok(name))
		return sada_err_set(err, SADA_USAGE, "%s: a name is made of "
		    "letters, digits, '.', '_' and '-', at most 64", name);
	if (name == NULL) {
		host_name(host);
		name = host;
	}
	if ((rc = sada_newdir_open(&root, o->dir, dry, err)) < 0 ||
	    (rc = dry ? look(root, o->dir, o->wait_s, err) :
	    make(root, name, o, err)) < 0)
		goto out;
	rc = rc > 0 ? sada_open(&r, o, err) : SADA_ABSENT;
	if (rc == 0)
		rc = sada_peer_self(r, line, NULL, err);
	/* There is none yet, or a part of it that would be made is missing. */
	if (rc == SADA_ABSENT && dry) {
		sada_buf_adds(line, name);
		rc = 0;
	}
out:
	sada_close(r);
	sada_io_close(root);
	return rc;
}
