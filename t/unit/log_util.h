/* What the tests of the log share: scratch directories, ops, files. */
#ifndef SADA_UNIT_LOG_UTIL_H
#define SADA_UNIT_LOG_UTIL_H

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/key.h"
#include "log/log.h"
#include "log/log_priv.h"
#include "tap.h"

#define KIT_KEYS 4
#define KIT_SEG1 "00000001.log"

/* A scratch log: its directory, its quarantine, a few authors. */
struct kit {
	char path[128];
	int top, dir, quar;
	int members;		/* of how many create records the keys */
	struct sada_key *key[KIT_KEYS];
	struct sada_id id[KIT_KEYS];
};

/* An op that was made: what later ones need of it. */
struct kit_op {
	struct sada_id id;
	struct sada_dot dot;
};

static inline void
kit_init(struct kit *k)
{
	const char *tmp = getenv("TMPDIR");
	int i, rc;

	memset(k, 0, sizeof(*k));
	(void)snprintf(k->path, sizeof(k->path), "%s/sada-log-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(k->path) != NULL);
	k->top = open(k->path, O_RDONLY | O_DIRECTORY);
	assert(k->top >= 0);
	rc = mkdirat(k->top, "log", 0700) | mkdirat(k->top, "quar", 0700);
	assert(rc == 0);
	k->dir = openat(k->top, "log", O_RDONLY | O_DIRECTORY);
	k->quar = openat(k->top, "quar", O_RDONLY | O_DIRECTORY);
	assert(k->dir >= 0 && k->quar >= 0);
	sada_crypto_init();
	k->members = KIT_KEYS;
	for (i = 0; i < KIT_KEYS; i++) {
		sada_key_new(&k->key[i]);
		k->id[i] = sada_key_pub(k->key[i])->id;
	}
}

/* Count the files of DFD; with REMOVE unlink them too. */
static inline int
kit_files(int dfd, int remove_them)
{
	int fd = openat(dfd, ".", O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fdopendir(fd);
	struct dirent *e;

	assert(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && (e->d_name[1] == '\0' ||
		    strcmp(e->d_name, "..") == 0))
			continue;
		n++;
		if (remove_them)
			(void)unlinkat(dfd, e->d_name, 0);
	}
	(void)closedir(d);
	return n;
}

/* Empty both directories. */
static inline void
kit_clear(struct kit *k)
{
	(void)kit_files(k->dir, 1);
	(void)kit_files(k->quar, 1);
}

static inline void
kit_release(struct kit *k)
{
	int i;

	kit_clear(k);
	(void)unlinkat(k->top, "log", AT_REMOVEDIR);
	(void)unlinkat(k->top, "quar", AT_REMOVEDIR);
	(void)rmdir(k->path);
	(void)close(k->dir);
	(void)close(k->quar);
	(void)close(k->top);
	for (i = 0; i < KIT_KEYS; i++)
		sada_key_free(k->key[i]);
}

/* Read file NAME of DFD whole. */
static inline void
kit_get(struct sada_buf *out, int dfd, const char *name)
{
	struct sada_err err;
	int rc;

	sada_buf_reset(out);
	rc = sada_io_slurp(dfd, name, 1u << 30, out, &err);
	assert(rc == 0);
}

/* Make NAME hold exactly N bytes of P. */
static inline void
kit_put(int dfd, const char *name, const void *p, size_t n)
{
	int fd = openat(dfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t done;

	assert(fd >= 0);
	done = n > 0 ? write(fd, p, n) : 0;
	assert(done == (ssize_t)n);
	(void)close(fd);
}

/* Append author A's member record. */
static inline void
kit_member(struct kit *k, struct sada_buf *payload, int a, const char *name,
    uint64_t number)
{
	struct sada_member m;
	struct sada_buf b = { 0 };

	memset(&m, 0, sizeof(m));
	m.pub = *sada_key_pub(k->key[a]);
	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	m.number = number;
	sada_member_encode(&b, &m, k->key[a]);
	sada_log_record(payload, SADA_LOG_MEMBER, b.p, b.len);
	sada_buf_release(&b);
}

static inline int
kit_cmp_id(const void *a, const void *b)
{
	return sada_id_cmp(a, b);
}

/*
 * Append an op of author A that follows PREV (NULL: the first of EPOCH),
 * on NP PARENTS.
 */
static inline void
kit_op(struct kit *k, struct sada_buf *payload, struct kit_op *out, int a,
    uint64_t epoch, const struct kit_op *prev, const struct sada_id *parents,
    size_t np, const char *msg)
{
	struct sada_id *v = sada_malloc((np + 1) * sizeof(*v));
	struct sada_buf b = { 0 };
	struct sada_op op;
	size_t i;

	memset(&op, 0, sizeof(op));
	op.dot.author = k->id[a];
	op.dot.epoch = prev != NULL ? prev->dot.epoch : epoch;
	op.dot.seq = prev != NULL ? prev->dot.seq + 1 : 1;
	op.dot.tag = tap_rand();
	if (prev != NULL)
		op.prev = prev->id;
	for (i = 0; i < np; i++)
		v[i] = parents[i];
	if (np > 1)
		qsort(v, np, sizeof(*v), kit_cmp_id);
	op.parents = v;
	op.nparents = np;
	op.msg = msg;
	op.msg_len = strlen(msg);
	op.n_set = 1;
	op.wall_ns = 12345;
	sada_op_encode(&b, &op, k->key[a], &out->id);
	out->dot = op.dot;
	sada_log_record(payload, SADA_LOG_OP, b.p, b.len);
	sada_buf_release(&b);
	free(v);
}

/* A new log: author 0 is we; group of 32 bytes 0x77. */
static inline int
kit_create(struct kit *k, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_id g;
	int i, rc;

	memset(&g, 0x77, sizeof(g));
	sada_log_record(&b, SADA_LOG_GROUP, g.b, sizeof(g.b));
	for (i = 0; i < k->members; i++)
		kit_member(k, &b, i, "name", 1);
	rc = sada_log_create(k->dir, &b, 1 + (uint32_t)k->members, err);
	sada_buf_release(&b);
	return rc;
}

static inline int
kit_open(struct sada_log **l, struct kit *k, unsigned flags,
    struct sada_err *err)
{
	return sada_log_open(l, k->dir, k->quar, &k->id[0], NULL, flags,
	    err);
}

/* Commit one op; returns what the commit did. */
static inline int
kit_commit(struct kit *k, struct sada_log *l, unsigned kind,
    struct kit_op *out, int a, uint64_t epoch, const struct kit_op *prev,
    const struct sada_id *parents, size_t np, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	kit_op(k, &b, out, a, epoch, prev, parents, np, "message");
	rc = sada_log_commit(l, kind, &b, 1, err);
	sada_buf_release(&b);
	return rc;
}

/* All that the index says of ops, group and members, as bytes. */
static inline void
kit_dump(struct sada_buf *out, const struct sada_log *l)
{
	const struct sada_op_info *o;
	const unsigned char *p;
	struct sada_member m;
	struct sada_id g;
	uint32_t i, j;
	size_t n;

	sada_buf_reset(out);
	for (i = 0; i < sada_log_count(l); i++) {
		o = sada_log_op(l, i);
		sada_buf_add(out, o->id.b, SADA_ID_LEN);
		sada_buf_add(out, &o->dot, sizeof(o->dot));
		sada_buf_addf(out, "%llu %u %u %u %llu %u|",
		    (unsigned long long)o->lamport, o->nparents, o->local,
		    o->segment, (unsigned long long)o->off, o->len);
		for (j = 0; j < o->nparents; j++)
			sada_put_u32(out, o->parents[j]);
		if (sada_log_member(l, &o->dot.author, &m) &&
		    sada_log_member_bytes(l, &o->dot.author, &p, &n))
			sada_buf_add(out, p, n);
	}
	if (sada_log_group(l, &g))
		sada_buf_add(out, g.b, SADA_ID_LEN);
	(void)sada_log_aliases(l, &n);
	sada_buf_addf(out, "%zu %d", n, sada_log_epoch_due(l));
}

static inline void
kit_count_report(const char *what, void *ctx)
{
	int *n = ctx;

	if (getenv("TAP_LOUD") != NULL)
		printf("# %s\n", what);
	(*n)++;
}

/* How many damages verify reports; -1 if it fails. */
static inline int
kit_verify(struct kit *k)
{
	struct sada_err err;
	int n = 0;

	if (sada_log_verify(k->dir, kit_count_report, &n, &err) < 0)
		return -1;
	return n;
}

#endif
