/* Opening a replica: find its root, its parts, and, to write, its lock. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "verb/verb_priv.h"

#define KEY_MAX 4096

void
sada_note(const struct sada_replica *r, unsigned level, const char *path,
    size_t len, const char *what)
{
	if (r->talk.note != NULL)
		r->talk.note(level, path, len, what, r->talk.ctx);
}

void
sada_meter_add(struct sada_meter *m, uint64_t n)
{
	long long now;

	m->done += n;
	if (m->talk == NULL || m->talk->progress == NULL)
		return;
	now = sada_io_ticks();
	if (now - m->last < 100000000)
		return;
	m->last = now;
	m->talk->progress(m->unit, m->done, 0, m->talk->ctx);
}

int
sada_fd_path(char **out, int fd, struct sada_err *err)
{
	struct sada_buf b = {0}, link = {0};
	int proc = -1, rc;

	/* What /proc says of the handle: no walk of ours can be raced. */
	sada_buf_addf(&b, "%d", fd);
	if ((rc = sada_io_open_user(&proc, "/proc/self/fd",
	    O_RDONLY | O_DIRECTORY, 0, err)) < 0 ||
	    (rc = sada_io_readlink(proc, sada_buf_str(&b), &link, err)) < 0)
		goto out;
	*out = sada_strdup(sada_buf_str(&link));
out:
	sada_io_close(proc);
	sada_buf_release(&b);
	sada_buf_release(&link);
	return rc;
}

int
sada_open_start(int *fd, const char *dir, struct sada_err *err)
{
	struct sada_err e;
	int rc;

	rc = sada_io_open_user(fd, dir, O_RDONLY | O_DIRECTORY, 0, &e);
	if (rc == 0)
		return 0;
	if (rc == SADA_NOTFOUND)
		return sada_err_set(err, SADA_ABSENT,
		    "%s: there is no such directory", dir);
	if (e.sys == ENOTDIR)
		return sada_err_set(err, SADA_ABSENT,
		    "%s: this is no directory", dir);
	if (err != NULL)
		*err = e;
	return rc;
}

static int
not_ours(const char *path, const struct sada_stat *st, struct sada_err *err)
{
	return sada_err_set(err, SADA_AUTH,
	    "%s/.sada belongs to another user (%u)", path, st->uid);
}

int
sada_open_store(int *sdir, int root, const char *path, struct sada_err *err)
{
	struct sada_err e, drop;
	struct sada_stat st;
	int rc;

	rc = sada_io_open(sdir, root, SADA_STORE_DIR, O_RDONLY | O_DIRECTORY,
	    0, &e);
	if (rc == 0)
		return 0;
	if (e.sys == EACCES &&
	    sada_io_stat(root, SADA_STORE_DIR, &st, &drop) == 0 &&
	    st.uid != (uint32_t)geteuid())
		return not_ours(path, &st, err);
	/* A file or a link of that name marks nothing. */
	if (e.sys == ENOTDIR || e.sys == ELOOP)
		rc = e.code = SADA_NOTFOUND;
	if (err != NULL)
		*err = e;
	return rc;
}

/*
 * Find the root: DIR or the nearest directory above it that holds the
 * store.  R's root, sdir, path and prefix are set.
 */
static int
find_root(struct sada_replica *r, const char *dir, struct sada_err *err)
{
	char *end;
	int fd = -1, rc;

	if ((rc = sada_open_start(&fd, dir, err)) < 0)
		return rc;
	rc = sada_fd_path(&r->path, fd, err);
	sada_io_close(fd);
	if (rc < 0)
		return rc;
	r->prefix = sada_strdup("");
	for (;;) {
		rc = sada_io_open_user(&r->root, r->path[0] != '\0' ?
		    r->path : "/", O_RDONLY | O_DIRECTORY, 0, err);
		if (rc < 0)
			return rc;
		rc = sada_open_store(&r->sdir, r->root, r->path, err);
		if (rc != SADA_NOTFOUND)
			return rc;
		sada_io_close(r->root);
		r->root = -1;
		end = strrchr(r->path, '/');
		if (end == NULL || r->path[0] == '\0' || end[1] == '\0')
			return sada_err_set(err, SADA_ABSENT,
			    "%s: no replica here or above; make one with "
			    "sada-init", dir);
		{
			struct sada_buf b = {0};

			sada_buf_adds(&b, end + 1);
			if (r->prefix[0] != '\0')
				sada_buf_addf(&b, "/%s", r->prefix);
			free(r->prefix);
			r->prefix = sada_strdup(sada_buf_str(&b));
			sada_buf_release(&b);
		}
		*end = '\0';
	}
}

int
sada_check_owner(int sdir, const char *path, struct sada_err *err)
{
	struct sada_stat st;
	int rc;

	if ((rc = sada_io_stat(sdir, "", &st, err)) < 0)
		return rc;
	if (st.uid != (uint32_t)geteuid())
		return not_ours(path, &st, err);
	if (st.mode & 022)
		return sada_err_set(err, SADA_AUTH,
		    "%s/.sada can be written by others; chmod go-w it", path);
	return 0;
}

static int
open_part(int *fd, const struct sada_replica *r, const char *name,
    struct sada_err *err)
{
	int rc;

	rc = sada_io_open(fd, r->sdir, name, O_RDONLY | O_DIRECTORY, 0, err);
	if (rc == SADA_NOTFOUND)
		return sada_err_set(err, SADA_ABSENT,
		    "%s: the replica is not whole (.sada/%s is missing); "
		    "run sada-init again", r->path, name);
	return rc;
}

/* Who writes may need it.  Nothing needs what lay in it: it is made anew. */
static int
open_quarantine(struct sada_replica *r, struct sada_err *err)
{
	int rc;

	if (r->quarantine >= 0)
		return 0;
	rc = sada_io_open(&r->quarantine, r->sdir, "quarantine",
	    O_RDONLY | O_DIRECTORY, 0, err);
	if (rc == SADA_NOTFOUND &&
	    (rc = sada_io_mkdir(r->sdir, "quarantine", 0700, err)) == 0)
		rc = open_part(&r->quarantine, r, "quarantine", err);
	return rc;
}

static int
open_key(struct sada_replica *r, struct sada_err *err)
{
	struct sada_buf b = {0};
	int rc;

	rc = sada_io_slurp(r->sdir, "key", KEY_MAX, &b, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_err_set(err, SADA_ABSENT,
		    "%s: the replica has no key; run sada-init again",
		    r->path);
	if (rc == 0 && (rc = sada_key_decode(&r->key, b.p, b.len, err)) < 0)
		rc = sada_err_set(err, SADA_DAMAGED,
		    "%s/.sada/key is damaged", r->path);
	if (b.p != NULL)
		sada_wipe(b.p, b.cap);
	sada_buf_release(&b);
	return rc;
}

static int
open_config(struct sada_replica *r, struct sada_err *err)
{
	int rc;

	if ((rc = sada_config_open(&r->config, r->sdir, err)) < 0 ||
	    (rc = sada_peers_read(&r->peers, r->config, err)) < 0 ||
	    (rc = sada_remotes_read(&r->remotes, r->config, err)) < 0) {
		if (rc != SADA_FORMAT)
			return rc;
		rc = SADA_DAMAGED;
		(void)sada_err_prefix(err, "%s/.sada", r->path);
		if (err != NULL)
			err->code = rc;
	}
	return rc;
}

static void
close_config(struct sada_replica *r)
{
	sada_remotes_release(&r->remotes);
	sada_peers_release(&r->peers);
	sada_config_free(r->config);
	r->config = NULL;
}

int
sada_is_late(const struct sada_replica *r, uint32_t op)
{
	const struct sada_work_info *in;
	uint32_t head;
	size_t i, k;

	if (r->work == NULL)
		return 0;
	in = sada_work_info(r->work);
	for (i = 0; i < in->nolder; i++)
		for (k = 0; k < in->older[i].n; k++)
			if (sada_log_find(r->log, &in->older[i].heads[k],
			    &head) &&
			    sada_context_reaches(r->log, &head, 1, op))
				return 1;
	return 0;
}

/* What is laid out: W's heads and the own ops since. */
int
sada_replica_laid(struct sada_replica *r, struct sada_err *err)
{
	struct sada_context *c = NULL;
	const struct sada_work_info *info;
	uint32_t *ops, own;
	size_t n = 0, i;

	(void)err;
	free(r->laid);
	r->laid = NULL;
	r->nlaid = 0;
	info = r->work != NULL ? sada_work_info(r->work) : NULL;
	ops = sada_calloc((info != NULL ? info->nheads : 0) + 1,
	    sizeof(*ops));
	for (i = 0; info != NULL && i < info->nheads; i++)
		n += (size_t)sada_log_find(r->log, &info->heads[i], &ops[n]);
	if (sada_log_own_last(r->log, &own) && !sada_is_late(r, own))
		ops[n++] = own;
	sada_context_make(&c, r->log, ops, n);
	sada_context_heads(&r->laid, &r->nlaid, r->log, c);
	free(c);
	free(ops);
	return 0;
}

/*
 * W, which was opened before the log, and under the lock "states", are written
 * when their ops are committed.
 */
static int
lacks_op(const struct sada_log *l, void *ctx)
{
	const struct sada_replica *r = ctx;
	const struct sada_work_info *info;
	struct sada_state_line *line = NULL;
	struct sada_err drop;
	uint32_t op;
	size_t n = 0, i, k;
	int lacks = 0;

	info = r->work != NULL ? sada_work_info(r->work) : NULL;
	for (i = 0; info != NULL && i < info->nheads; i++)
		lacks |= !sada_log_find(l, &info->heads[i], &op);
	for (i = 0; info != NULL && i < info->nolder; i++)
		for (k = 0; k < info->older[i].n; k++)
			lacks |= !sada_log_find(l, &info->older[i].heads[k],
			    &op);
	if ((r->flags & SADA_OPEN_WRITE) == 0 ||
	    sada_states_read(r, &line, &n, &drop) < 0)
		return lacks;
	for (i = 0; n > 0 && i < line[n - 1].n; i++)
		lacks |= !sada_log_find(l, &line[n - 1].heads[i], &op);
	sada_states_free(line, n);
	return lacks;
}

/* The log, of which what R has read already is not read again. */
static int
open_log(struct sada_replica *r, unsigned flags, struct sada_err *err)
{
	struct sada_log_witness w = { lacks_op, r };

	if (r->log != NULL)
		return sada_log_refresh(&r->log, r->quarantine, &w, flags,
		    err);
	return sada_log_open(&r->log, r->logs, r->quarantine,
	    &sada_key_pub(r->key)->id, &w, flags, err);
}

/* The log, the packs and W, for FLAGS. */
static int
open_data(struct sada_replica *r, unsigned flags, struct sada_err *err)
{
	struct sada_err e;
	struct sada_member m;
	int write = (flags & SADA_OPEN_WRITE) != 0;
	int rc;

	rc = sada_work_open(&r->work, r->sdir, "work", &e);
	if (rc == SADA_SYS) {
		*err = e;
		return rc;
	}
	if ((rc = open_log(r, write ? SADA_LOG_WRITE : 0, err)) < 0 ||
	    (rc = sada_store_open(&r->store, r->packs,
	    write ? SADA_STORE_WRITE : 0, err)) < 0)
		return rc;
	if (sada_log_member(r->log, &sada_key_pub(r->key)->id, &m))
		memcpy(r->name, m.name, sizeof(r->name));
	return sada_replica_laid(r, err);
}

/* All that open_data() opens anew: the log stays. */
static void
close_data(struct sada_replica *r)
{
	sada_work_free(r->work);
	r->work = NULL;
	sada_store_free(r->store);
	r->store = NULL;
}

/* Another command may have changed all of it. */
static int
reopen(struct sada_replica *r, unsigned flags, struct sada_err *err)
{
	int rc;

	close_data(r);
	close_config(r);
	if ((rc = open_config(r, err)) < 0)
		return rc;
	return open_data(r, flags, err);
}

int
sada_replica_refresh(struct sada_replica *r, struct sada_err *err)
{
	assert(r->lock < 0);
	return reopen(r, 0, err);
}

int
sada_replica_lock(struct sada_replica *r, unsigned wait_s,
    struct sada_err *err)
{
	int rc;

	if ((rc = sada_io_open(&r->lock, r->sdir, "lock", O_RDWR, 0,
	    err)) < 0) {
		if (rc == SADA_NOTFOUND)
			return sada_err_set(err, SADA_ABSENT,
			    "%s: the replica is not whole (.sada/lock is "
			    "missing); run sada-init again", r->path);
		return rc;
	}
	rc = sada_io_lock(r->lock, LOCK_EX, wait_s * 1000, err);
	if (rc == SADA_BUSY)
		rc = sada_err_set(err, SADA_BUSY,
		    "%s: another command is at work; try again later",
		    r->path);
	if (rc < 0)
		goto out;
	r->flags |= SADA_OPEN_WRITE;
	if ((rc = open_quarantine(r, err)) == 0 &&
	    (rc = reopen(r, SADA_OPEN_WRITE, err)) == 0)
		rc = sada_recover(r, err);
out:
	if (rc < 0)
		sada_replica_unlock(r);
	return rc;
}

void
sada_replica_unlock(struct sada_replica *r)
{
	sada_io_close(r->lock);
	r->lock = -1;
	r->flags &= ~(unsigned)SADA_OPEN_WRITE;
}

int
sada_open(struct sada_replica **out, const struct sada_open_opts *opts,
    struct sada_err *err)
{
	struct sada_replica *r = sada_calloc(1, sizeof(*r));
	int rc;

	*out = NULL;
	sada_crypto_init();
	r->root = r->sdir = r->lock = r->packs = r->logs = -1;
	r->quarantine = -1;
	if (opts->talk != NULL)
		r->talk = *opts->talk;
	if ((rc = find_root(r, opts->dir != NULL ? opts->dir : ".",
	    err)) < 0 ||
	    (rc = sada_check_owner(r->sdir, r->path, err)) < 0 ||
	    (rc = open_part(&r->logs, r, "log", err)) < 0 ||
	    (rc = open_part(&r->packs, r, "pack", err)) < 0 ||
	    (rc = open_key(r, err)) < 0 ||
	    (rc = open_config(r, err)) < 0)
		goto out;
	if (opts->flags & SADA_OPEN_WRITE)
		rc = sada_replica_lock(r, opts->wait_s, err);
	else
		rc = open_data(r, 0, err);
	if (rc < 0)
		goto out;
	*out = r;
	r = NULL;
out:
	sada_close(r);
	return rc;
}

void
sada_close(struct sada_replica *r)
{
	if (r == NULL)
		return;
	close_data(r);
	sada_log_free(r->log);
	free(r->laid);
	close_config(r);
	sada_key_free(r->key);
	sada_io_close(r->quarantine);
	sada_io_close(r->packs);
	sada_io_close(r->logs);
	sada_io_close(r->sdir);
	sada_io_close(r->root);
	sada_io_close(r->lock);
	free(r->path);
	free(r->prefix);
	free(r);
}

const char *
sada_root(const struct sada_replica *r)
{
	return r->path;
}

int
sada_path_arg(const struct sada_replica *r, const char *arg,
    struct sada_buf *out, struct sada_err *err)
{
	struct sada_buf in = {0};
	const char *p, *end;
	size_t start = out->len, n;
	int rc = 0;

	sada_buf_addf(&in, "%s/%s", r->prefix, arg);
	for (p = sada_buf_str(&in); *p != '\0'; p = end) {
		while (*p == '/')
			p++;
		end = p + strcspn(p, "/");
		n = (size_t)(end - p);
		if (n == 0 || (n == 1 && p[0] == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (out->len == start) {
				rc = sada_err_set(err, SADA_USAGE,
				    "%s lies outside of the replica", arg);
				break;
			}
			while (out->len > start &&
			    out->p[out->len - 1] != '/')
				out->len--;
			if (out->len > start)
				out->len--;
			continue;
		}
		if (out->len > start)
			sada_put_u8(out, '/');
		sada_buf_add(out, p, n);
	}
	if (rc == 0 && arg[0] == '/')
		rc = sada_err_set(err, SADA_USAGE,
		    "%s: a path is given relative to the directory", arg);
	sada_buf_release(&in);
	return rc;
}

void
sada_author_name(const struct sada_replica *r, const struct sada_id *a,
    char out[65])
{
	const struct sada_peer *p = sada_peers_with(&r->peers, a);
	char hex[SADA_HEX_LEN + 1];
	struct sada_member m;

	if (p != NULL) {
		memcpy(out, p->name, 65);
	} else if (sada_log_member(r->log, a, &m)) {
		memcpy(out, m.name, 65);
	} else {
		sada_id_hex(hex, a);
		memcpy(out, hex, 16);
		out[16] = '\0';
	}
}
