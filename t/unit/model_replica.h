/*
 * Replicas without a working directory, for the simulation: a store, a
 * log and peers' files in a directory each, and what the verbs do to them.
 */
#ifndef SADA_UNIT_MODEL_REPLICA_H
#define SADA_UNIT_MODEL_REPLICA_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "bundle/send.h"
#include "bundle/take.h"
#include "format/object.h"
#include "store/file.h"
#include "tap.h"
#include "tree/ancestor.h"
#include "tree/state.h"

#include "model_naive.h"

/* ---- a door without syncs, whose clock and chance follow a seed ---- */

static struct {
	uint64_t z;
	long long now;
} door;

static inline int
door_sync(int fd)
{
	(void)fd;
	return 0;
}

static inline int
door_clock(int id, struct timespec *ts)
{
	(void)id;
	door.now += 1000;
	ts->tv_sec = 1700000000 + door.now / 1000000000;
	ts->tv_nsec = door.now % 1000000000;
	return 0;
}

static inline ssize_t
door_random(void *p, size_t n)
{
	unsigned char *b = p;
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i % 8 == 0) {
			v = (door.z += UINT64_C(0x9e3779b97f4a7c15));
			v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
			v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
			v ^= v >> 31;
		}
		b[i] = (unsigned char)(v >> (8 * (i % 8)));
	}
	return (ssize_t)n;
}

static inline void
door_use(struct sada_io_ops *ops)
{
	*ops = *sada_io_ops();
	ops->fsync = ops->fdatasync = ops->syncfs = door_sync;
	ops->clock = door_clock;
	ops->random = door_random;
	sada_io_use(ops);
}

/* The result of a call that must not fail. */
static inline int
must(int rc, const struct sada_err *err)
{
	if (rc < 0) {
		printf("# failed: %d %s\n", rc, err->msg);
		fflush(stdout);
	}
	assert(rc >= 0);
	return rc;
}

/* ---- directories ---- */

static const char *const rep_parts[] = { "log", "pack", "quarantine",
	"peers", "parked" };
#define REP_PARTS (sizeof(rep_parts) / sizeof(rep_parts[0]))

/* Unlink all files of DFD/SUB. */
static inline void
dir_clear(int dfd, const char *sub)
{
	int fd = openat(dfd, sub, O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' || e->d_name[1] == 't')
			(void)unlinkat(fd, e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
}

static inline void
file_copy(int to, int from, const char *name)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	int fd;

	must(sada_io_slurp(from, name, 1u << 30, &b, &err), &err);
	fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert(fd >= 0 && write(fd, b.p, b.len) == (ssize_t)b.len);
	(void)close(fd);
	sada_buf_release(&b);
}

/* Make a store's directories below PATH; its handle. */
static inline int
store_dir_new(const char *path)
{
	size_t i;
	int fd;

	(void)mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	for (i = 0; i < REP_PARTS; i++)
		(void)mkdirat(fd, rep_parts[i], 0700);
	return fd;
}

static inline void
store_dir_clear(int fd)
{
	size_t i;

	for (i = 0; i < REP_PARTS; i++)
		dir_clear(fd, rep_parts[i]);
	(void)unlinkat(fd, "wants", 0);
}

static inline void
store_dir_remove(int fd, const char *path)
{
	size_t i;

	store_dir_clear(fd);
	for (i = 0; i < REP_PARTS; i++)
		(void)unlinkat(fd, rep_parts[i], AT_REMOVEDIR);
	(void)close(fd);
	if (rmdir(path) != 0)
		perror(path);
}

/* TO (empty) becomes a copy of FROM, file by file. */
static inline void
store_dir_copy(int to, int from)
{
	struct dirent *e;
	size_t i;
	DIR *d;
	int a, b;

	for (i = 0; i < REP_PARTS; i++) {
		a = openat(to, rep_parts[i], O_RDONLY | O_DIRECTORY);
		b = openat(from, rep_parts[i], O_RDONLY | O_DIRECTORY);
		d = fdopendir(b);
		assert(a >= 0 && d != NULL);
		while ((e = readdir(d)) != NULL)
			if (e->d_name[0] != '.')
				file_copy(a, b, e->d_name);
		(void)closedir(d);
		(void)close(a);
	}
	if (faccessat(from, "wants", R_OK, 0) == 0)
		file_copy(to, from, "wants");
}

/* ---- replicas ---- */

/* A replica: open, or FD < 0. */
struct rep {
	char path[160];
	int fd, logs, packs, quar;
	int who;			/* index of its key */
	const struct sada_key *key;
	struct sada_peers peers;	/* all others; borrowed array */
	struct sada_store *store;
	struct sada_log *log;
	struct sada_id laid[NAIVE_OPS];	/* heads of what was merged last */
	size_t nlaid;
	uint64_t force_tag;		/* of its next op, to fork; 0: none */
};

static inline void
rep_open(struct rep *r)
{
	struct sada_err err;

	r->logs = openat(r->fd, "log", O_RDONLY | O_DIRECTORY);
	r->packs = openat(r->fd, "pack", O_RDONLY | O_DIRECTORY);
	r->quar = openat(r->fd, "quarantine", O_RDONLY | O_DIRECTORY);
	assert(r->logs >= 0 && r->packs >= 0 && r->quar >= 0);
	must(sada_log_open(&r->log, r->logs, r->quar,
	    &sada_key_pub(r->key)->id, NULL, SADA_LOG_WRITE, &err), &err);
	must(sada_store_open(&r->store, r->packs, SADA_STORE_WRITE, &err),
	    &err);
}

static inline void
rep_close(struct rep *r)
{
	sada_store_free(r->store);
	sada_log_free(r->log);
	r->store = NULL;
	r->log = NULL;
	(void)close(r->logs);
	(void)close(r->packs);
	(void)close(r->quar);
}

/* A new replica at R->path with R->key, as init makes it. */
static inline void
rep_new(struct rep *r, const struct sada_id *group)
{
	struct sada_buf payload = { 0 }, rec = { 0 };
	struct sada_member m;
	struct sada_err err;

	memset(&m, 0, sizeof(m));
	m.pub = *sada_key_pub(r->key);
	(void)snprintf(m.name, sizeof(m.name), "r%d", r->who);
	m.number = 1;
	sada_log_record(&payload, SADA_LOG_GROUP, group->b, SADA_ID_LEN);
	sada_member_encode(&rec, &m, r->key);
	sada_log_record(&payload, SADA_LOG_MEMBER, rec.p, rec.len);
	r->fd = store_dir_new(r->path);
	r->logs = openat(r->fd, "log", O_RDONLY | O_DIRECTORY);
	must(sada_log_create(r->logs, &payload, 2, &err), &err);
	(void)close(r->logs);
	sada_buf_release(&payload);
	sada_buf_release(&rec);
	rep_open(r);
}

/* A copy or restore that was noticed: the next op opens a new epoch. */
static inline void
rep_new_epoch(struct rep *r)
{
	struct sada_buf payload = { 0 };
	unsigned char why[8] = { 1 };
	struct sada_err err;

	sada_log_record(&payload, SADA_LOG_EPOCH, why, sizeof(why));
	must(sada_log_commit(r->log, SADA_FRAME_LOCALMETA, &payload, 1,
	    &err), &err);
	sada_buf_release(&payload);
}

/* Op numbers of what is laid out and of the last own op; new array. */
static inline uint32_t *
rep_laid(const struct rep *r, size_t *n)
{
	struct sada_context *c;
	uint32_t ops[NAIVE_OPS + 1], *heads, own;
	size_t i, k = 0;

	for (i = 0; i < r->nlaid; i++)
		k += (size_t)sada_log_find(r->log, &r->laid[i], &ops[k]);
	if (sada_log_own_last(r->log, &own))
		ops[k++] = own;
	sada_context_make(&c, r->log, ops, k);
	sada_context_heads(&heads, n, r->log, c);
	free(c);
	return heads;
}

/* The state of all that R holds. */
static inline int
rep_state(struct rep *r, struct sada_state *st, struct sada_err *err)
{
	uint32_t *heads;
	size_t n;
	int rc;

	sada_context_heads(&heads, &n, r->log, NULL);
	rc = sada_state_init(st, r->log, r->store, NULL, heads, n, NULL, err);
	free(heads);
	return rc;
}

/* Merge: all heads are laid out, and the join's map is kept. */
static inline void
rep_merge(struct rep *r)
{
	struct sada_txn *txn;
	struct sada_state st;
	struct sada_err err;
	uint32_t *heads;
	size_t n, i;

	sada_context_heads(&heads, &n, r->log, NULL);
	must(sada_txn_begin(&txn, r->store, &err), &err);
	must(sada_state_init(&st, r->log, r->store, txn, heads, n, NULL,
	    &err), &err);
	must(sada_txn_commit(txn, &err), &err);
	st.ns.txn = NULL;
	assert(st.n <= NAIVE_OPS);
	r->nlaid = st.n;
	for (i = 0; i < st.n; i++)
		r->laid[i] = sada_log_op(r->log, st.heads[i])->id;
	sada_state_release(&st);
	free(heads);
}

/* ---- an op in the making, as snap makes it ---- */

struct draft {
	struct rep *r;
	struct sada_txn *txn;
	struct sada_nodes cns;
	struct sada_state st;
	struct sada_op op;
	uint64_t lamport;
	struct sada_build *build;
};

/* Start an op on what R has laid out. */
static inline int
draft_init(struct draft *d, struct rep *r, struct sada_err *err)
{
	uint32_t *ops, *own, last;
	size_t n, nown, i;
	int rc;

	memset(d, 0, sizeof(*d));
	d->r = r;
	ops = rep_laid(r, &n);
	d->op.dot.author = sada_key_pub(r->key)->id;
	if (sada_log_epoch_due(r->log) || !sada_log_own_last(r->log, &last)) {
		sada_log_own_heads(&own, &nown, r->log);
		ops = sada_realloc(ops, (n + nown + 1) * sizeof(*ops));
		for (i = 0; i < nown; i++)
			ops[n++] = own[i];
		free(own);
		sada_io_random(&d->op.dot.epoch, sizeof(d->op.dot.epoch));
		d->op.dot.seq = 1;
	} else {
		d->op.dot.epoch = sada_log_op(r->log, last)->dot.epoch;
		d->op.dot.seq = sada_log_op(r->log, last)->dot.seq + 1;
		d->op.prev = sada_log_op(r->log, last)->id;
	}
	sada_io_random(&d->op.dot.tag, sizeof(d->op.dot.tag));
	if (r->force_tag != 0)
		d->op.dot.tag = r->force_tag;
	r->force_tag = 0;
	must(sada_txn_begin(&d->txn, r->store, err), err);
	rc = sada_state_init(&d->st, r->log, r->store, d->txn, ops, n, NULL,
	    err);
	free(ops);
	if (rc < 0) {
		sada_txn_abort(d->txn);
		return rc;
	}
	d->lamport = 1;
	for (i = 0; i < d->st.n; i++) {
		uint64_t l = sada_log_op(r->log, d->st.heads[i])->lamport;

		if (d->lamport <= l)
			d->lamport = l + 1;
	}
	d->cns.store = r->store;
	d->cns.txn = d->txn;
	d->cns.flags = SADA_NODE_CHANGES;
	sada_build_new(&d->build, &d->cns);
	return 0;
}

/* The slot at PATH on which the op is made: NODE holds it. */
static inline void
draft_slot(struct draft *d, const char *path, struct sada_node *node,
    struct sada_entry *e)
{
	struct sada_err err;

	memset(e, 0, sizeof(*e));
	(void)must(sada_map_get(&d->st.ns, &d->st.root, path, strlen(path),
	    node, e, &err), &err);
}

/* Ancestors of what replaces a name that showed SHOWN with COVER. */
static inline void
draft_ancestors(struct draft *d, const struct sada_version *shown,
    const struct sada_version *cover, size_t ncover, struct sada_id *out)
{
	struct sada_buf enc = { 0 };
	struct sada_err err;

	size_t i;

	memset(out, 0, sizeof(*out));
	/* Of several the first file or link is what was shown. */
	for (i = 0; shown == NULL && i < ncover; i++)
		if (cover[i].kind != SADA_DIR)
			shown = &cover[i];
	if (shown == NULL)
		return;
	must(sada_anc_make(&enc, shown, cover, ncover, d->txn,
	    sada_state_lamport, &d->st, &err), &err);
	if (enc.len > 0)
		must(sada_txn_put(d->txn, SADA_OBJ_ANC, enc.p, enc.len, out,
		    &err), &err);
	sada_buf_release(&enc);
}

/* Is ID among the N ids? */
static inline int
has_id(const struct sada_id *ids, size_t n, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (sada_id_cmp(&ids[i], id) == 0)
			return 1;
	return 0;
}

/*
 * The slot BASE with the N changes C of its path: what they cover goes,
 * what they bring comes, sorted by id.
 */
static inline void
draft_write(struct draft *d, const char *path, const struct sada_entry *base,
    const struct nchange *c, size_t n)
{
	struct nrec r[2 * NAIVE_OPS];
	const struct nrec *at[2 * NAIVE_OPS];
	struct sada_version v[2 * NAIVE_OPS];
	struct sada_entry e;
	struct sada_err err;
	struct sada_id id;
	size_t i, k, m = 0, brought;

	for (i = 0; i < n; i++) {
		if (!c[i].has)
			continue;
		r[m].v = c[i].v;
		sada_version_id(&r[m++].id, &c[i].v);
	}
	brought = m;
	for (i = 0; i < base->nv; i++) {
		sada_version_id(&id, &base->v[i]);
		for (k = 0; k < n; k++)
			if (has_id(c[k].gone, c[k].ngone, &id))
				break;
		if (k < n)
			continue;
		for (k = 0; k < brought; k++)
			if (sada_id_cmp(&r[k].id, &id) == 0)
				break;
		if (k < brought)
			continue;
		r[m].v = base->v[i];
		r[m++].id = id;
	}
	for (i = 0; i < m; i++)
		at[i] = &r[i];
	qsort(at, m, sizeof(*at), nrec_order);
	for (i = 0; i < m; i++)
		v[i] = at[i]->v;
	if (m > 0)
		d->op.n_set++;
	else if (base->nv > 0)
		d->op.n_gone++;
	else
		return;
	e.path = path;
	e.len = strlen(path);
	e.v = v;
	e.nv = m;
	must(sada_build_add(d->build, &e, &err), &err);
}

static inline void
draft_drop(struct draft *d)
{
	sada_build_free(d->build);
	sada_txn_abort(d->txn);
	sada_state_release(&d->st);
	free(d->op.parents);
}

/* Replay, sign, commit pack and log; ID is the op's. */
static inline void
draft_commit(struct draft *d, struct sada_id *id)
{
	struct sada_buf node = { 0 }, rec = { 0 }, payload = { 0 };
	struct sada_map_stat ms;
	struct sada_op *op = &d->op;
	struct sada_err err;

	must(sada_build_finish(d->build, &op->changes, &err), &err);
	d->build = NULL;
	must(sada_replay(&d->st.ns, &d->st.root, &d->cns, &op->changes,
	    &op->root, NULL, &err), &err);
	must(sada_map_stat(&d->st.ns, &d->st.root, &ms, &err), &err);
	if (!sada_id_zero(&op->changes))
		must(sada_txn_get(d->txn, SADA_OBJ_NODE, &op->changes, &node,
		    &err), &err);
	/* Now and then one that could stand in the record does not. */
	if (node.len > 0 && node.len <= SADA_INLINE_MAX && node.p[0] == 0 &&
	    tap_below(4) != 0) {
		op->flags |= SADA_OP_INLINE;
		op->inl = node.p;
		op->inl_len = node.len;
		memset(&op->changes, 0, sizeof(op->changes));
	}
	op->parents = sada_state_heads(&d->st);
	op->nparents = d->st.n;
	op->wall_ns = sada_io_now();
	op->n_before = ms.entries;
	op->msg = "";
	sada_op_encode(&rec, op, d->r->key, id);
	sada_log_record(&payload, SADA_LOG_OP, rec.p, rec.len);
	must(sada_txn_commit(d->txn, &err), &err);
	d->txn = NULL;
	must(sada_log_commit(d->r->log, SADA_FRAME_LOCAL, &payload, 1, &err),
	    &err);
	sada_buf_release(&node);
	sada_buf_release(&rec);
	sada_buf_release(&payload);
	draft_drop(d);
}

/* ---- bundles ---- */

static inline int
put_bytes(const void *p, size_t n, void *ctx, struct sada_err *err)
{
	(void)err;
	sada_buf_add(ctx, p, n);
	return 0;
}

enum { SEND_FULL = 1, SEND_SINCE = 2, SEND_DRY = 4 };

/*
 * A bundle from R to the N peers TO into OUT, as push makes it; with DRY
 * only whether one is pending is told, and in WHAT what it would say.
 */
static inline int
rep_send(struct rep *r, const struct sada_pub *to, size_t n, unsigned how,
    struct sada_buf *out, struct sada_id *what, struct sada_err *err)
{
	struct sada_ack ack[8], me;
	struct sada_context *since = NULL;
	struct sada_send *s = NULL;
	struct sada_send_opts o;
	struct sada_wants wants = { 0 };
	struct sada_self self;
	uint32_t op;
	uint64_t bytes;
	size_t i;
	int rc;

	memset(&o, 0, sizeof(o));
	memset(&me, 0, sizeof(me));
	memset(ack, 0, sizeof(ack));
	must(sada_wants_load(&wants, r->fd, err), err);
	must(sada_self_load(&self, r->fd, err), err);
	sada_self_next(&self);
	if ((how & SEND_DRY) == 0)
		must(sada_self_save(&self, r->fd, err), err);
	me.incarnation = self.incarnation;
	me.counter = self.counter;
	me.want = wants.w;
	me.nwant = wants.n;
	me.need = self.need;
	me.nneed = self.nneed;
	for (i = 0; i < n; i++)
		must(sada_ack_load(&ack[i], r->fd, &to[i], err), err);
	o.store = r->store;
	o.log = r->log;
	o.key = r->key;
	o.to = to;
	o.ack = ack;
	o.n = n;
	o.full = how & SEND_FULL;
	o.raised = self.raised;
	o.self = &me;
	if ((how & SEND_SINCE) && sada_log_count(r->log) > 0) {
		op = (uint32_t)tap_below(sada_log_count(r->log));
		sada_context_make(&since, r->log, &op, 1);
		o.since = since;
	}
	if ((rc = sada_send_plan(&s, &o, err)) == 0) {
		rc = sada_send_pending(s);
		if (what != NULL)
			sada_send_what(s, what);
		if ((how & SEND_DRY) == 0)
			rc = sada_send_write(s, put_bytes, out, &bytes, err);
	}
	sada_send_free(s);
	free(since);
	for (i = 0; i < n; i++)
		sada_ack_release(&ack[i]);
	sada_wants_release(&wants);
	sada_self_release(&self);
	return rc;
}

struct bytes {
	const unsigned char *p;
	size_t n, at;
};

static inline int
get_bytes(void *p, size_t n, size_t *got, void *ctx, struct sada_err *err)
{
	struct bytes *b = ctx;
	size_t k = b->n - b->at < n ? b->n - b->at : n;

	(void)err;
	if (k > 0)
		memcpy(p, b->p + b->at, k);
	b->at += k;
	*got = k;
	return 0;
}

/*
 * R takes the bundle in B, as pull does.  BETWEEN (may be NULL) is called
 * between reading, which then goes by handles of its own, and the commit.
 */
static inline int
rep_take(struct rep *r, const struct sada_buf *b,
    void (*between)(struct rep *r), struct sada_take_result *res,
    struct sada_err *err)
{
	struct bytes src = { b->p, b->len, 0 };
	struct sada_take_opts o;
	struct sada_store *store = NULL;
	struct sada_take *t = NULL;
	struct sada_log *log = NULL;
	int rc;

	memset(&o, 0, sizeof(o));
	memset(res, 0, sizeof(*res));
	o.sdir = r->fd;
	o.store = r->store;
	o.log = r->log;
	o.key = r->key;
	o.peers = &r->peers;
	o.join = 1;
	o.read = get_bytes;
	o.ctx = &src;
	if (between != NULL) {
		must(sada_store_open(&store, r->packs, 0, err), err);
		must(sada_log_open(&log, r->logs, r->quar,
		    &sada_key_pub(r->key)->id, NULL, 0, err), err);
		o.store = store;
		o.log = log;
	}
	rc = sada_take_read(&t, &o, err);
	if (rc == 0 && between != NULL) {
		between(r);
		must(sada_store_refresh(store, err), err);
	}
	if (rc == 0)
		rc = sada_take_commit(t, r->log, res, err);
	sada_take_free(t);
	sada_store_free(store);
	sada_log_free(log);
	if (between != NULL)
		must(sada_store_refresh(r->store, err), err);
	return rc;
}

#endif
