/*
 * The history of a simulation of views: replicas as sets of ops of one log
 * that lies in memory, each with a store of its own for contents; what they
 * edit, and how what they see is held against the naive view.
 */
#ifndef SADA_UNIT_MODEL_LOOK_H
#define SADA_UNIT_MODEL_LOOK_H

#define NAIVE_PATHS 32

#include <malloc.h>

#include "model_replica.h"
#include "tree/merger.h"

#include "model_fold.h"

#define MAX_REPS 5
#define MAX_OPS 40
#define MAX_EDITS (2 * NAIVE_RECS)

/* A replica: ops known, ops that its directory was laid out with. */
struct seer {
	uint64_t known, laid;
	int who, last;			/* last own op, -1: none */
	uint64_t epoch, force_tag;
	struct nset held, anc;
};

/* What a user did to a field, and what of it he had seen. */
struct nedit {
	int op, content;		/* -1: deleted */
	unsigned fields;		/* which he wrote */
	uint64_t saw[FIELDS];		/* values, as bits */
	int exempt;
};

static struct {
	struct nfiles w;
	struct nedit edit[MAX_EDITS];
	int nedit;
	uint64_t saw[NAIVE_RECS][FIELDS];	/* by whom wrote a record */
	struct sada_buf anc[NAIVE_RECS];	/* lists of ancestors */
	struct sada_id anc_id[NAIVE_RECS];
	int nanc;
	struct sada_buf rec[NAIVE_OPS];	/* op records */
	uint32_t no[NAIVE_OPS];		/* their numbers in the log */
	char path[NAIVE_PATHS][SADA_NAME_MAX * 2];
	int fresh[FIELDS];		/* values never used yet */
	struct seer rep[MAX_REPS], back;
	int nreps, backed, forged, wrong;
	unsigned thrift;		/* how often a content stays out */
	unsigned few;			/* how many paths are used */
	int calm;			/* mostly one line at a time */
	uint64_t seed;
} sim;

static struct {
	struct sada_key *key[MAX_REPS];
	struct rep home;		/* its log; its store holds nodes */
	struct sada_store *store[MAX_REPS];
	struct sada_txn *nodes, *txn[MAX_REPS];
	char dir[64], path[MAX_REPS][160];
	int fd[MAX_REPS];
} world;

static struct {
	long histories, ops, compared, differ, wrong[NVIEWS], merged, copies;
	long late, wants, clones, restores, forks, bymerge, reverts, equal;
	long deletes, chmods, touched, covers[5], edits, superseded, most;
} sum;

/* ---- contents ---- */

static inline void
content_bytes(const struct ncontent *c, struct sada_buf *b)
{
	char line[64];
	int i, k;

	if (c->what == LINK) {
		for (i = 0; i < FIELDS; i++) {
			(void)snprintf(line, sizeof(line), "%d/", c->f[i]);
			sada_buf_adds(b, line);
		}
		return;
	}
	(void)snprintf(line, sizeof(line), "history %llu\n",
	    (unsigned long long)sim.seed);
	sada_buf_adds(b, line);
	if (c->what == BYTES)
		sada_put_u8(b, 0);
	for (i = 0; i < FIELDS; i++) {
		for (k = 0; k < 8; k++) {
			(void)snprintf(line, sizeof(line), "%d.%d\n", i, k);
			sada_buf_adds(b, line);
		}
		(void)snprintf(line, sizeof(line), "field %d is %d\n", i,
		    c->f[i]);
		sada_buf_adds(b, line);
	}
	sada_buf_adds(b, "end\n");
}

int
ncontent_of(struct nfiles *w, unsigned what, const uint8_t *f)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct ncontent *c;
	int i;

	for (i = 0; i < w->ncontent; i++)
		if (w->content[i].what == what &&
		    memcmp(w->content[i].f, f, FIELDS) == 0)
			return i;
	assert(i < CONTENTS);
	c = &w->content[w->ncontent++];
	c->what = (uint8_t)what;
	memcpy(c->f, f, FIELDS);
	content_bytes(c, &b);
	c->size = b.len;
	must(sada_file_put_bytes(NULL, b.p, b.len, &c->id, &err), &err);
	sada_buf_release(&b);
	return i;
}

/* R has content C from now on. */
static inline void
give(struct seer *r, int c)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct sada_id id;

	content_bytes(&sim.w.content[c], &b);
	must(sada_txn_put(world.txn[r - sim.rep], SADA_OBJ_CHUNK, b.p, b.len,
	    &id, &err), &err);
	assert(sada_id_cmp(&id, &sim.w.content[c].id) == 0);
	nset_put(&r->held, c, 1);
	sada_buf_release(&b);
}

static inline void
give_anc(struct seer *r, int a)
{
	struct sada_err err;
	struct sada_id id;

	must(sada_txn_put(world.txn[r - sim.rep], SADA_OBJ_ANC,
	    sim.anc[a].p, sim.anc[a].len, &id, &err), &err);
	nset_put(&r->anc, a, 1);
}

static inline unsigned
driver_of(const char *path)
{
	return strcmp(path, "keep") == 0 ? SADA_MERGE_KEEP :
	    strcmp(path, "newest") == 0 ? SADA_MERGE_NEWEST :
	    SADA_MERGE_TEXT;
}

static inline unsigned
driver_at(const char *path, size_t len, const char **command, void *ctx)
{
	char s[SADA_NAME_MAX * 2];

	(void)command;
	(void)ctx;
	(void)snprintf(s, sizeof(s), "%.*s", (int)len, path);
	return driver_of(s);
}

/* ---- what the library shows ---- */

static inline void
state_of(struct sada_state *st, uint64_t ops)
{
	uint32_t op[NAIVE_OPS];
	struct sada_err err;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < NAIVE_OPS; i++)
		if (ops >> i & 1)
			op[n++] = sim.no[i];
	must(sada_state_init(st, world.home.log, world.home.store,
	    world.nodes, op, n, NULL, &err), &err);
}

/* One name as text, so that a difference can be read. */
static inline void
name_text(struct sada_buf *b, const struct sada_name *n)
{
	char line[SADA_NAME_MAX * 6], hex[SADA_HEX_LEN + 1];
	struct sada_id id;
	size_t i;

	sada_id_hex(hex, &n->content);
	(void)snprintf(line, sizeof(line), "%.*s = %.*s kind %u mode %o "
	    "size %llu content %.12s mtime %lld.%u groups %u cover",
	    (int)n->len, n->path, (int)n->slot_len, n->slot, n->kind,
	    n->mode, (unsigned long long)n->size, hex, (long long)n->mtime_s,
	    n->mtime_ns, n->groups);
	sada_buf_adds(b, line);
	for (i = 0; i < n->ncover; i++) {
		sada_version_id(&id, &n->cover[i]);
		sada_id_hex(hex, &id);
		(void)snprintf(line, sizeof(line), " %.12s", hex);
		sada_buf_adds(b, line);
	}
	sada_buf_adds(b, "\n");
}

/* Object ID would settle a conflict: R gets it if it is known at all. */
static inline void
get_wanted(unsigned type, const struct sada_id *id, uint64_t size, void *ctx)
{
	struct seer *r = ctx;
	int i;

	(void)size;
	for (i = 0; type == SADA_OBJ_ANC && i < sim.nanc; i++)
		if (sada_id_cmp(&sim.anc_id[i], id) == 0) {
			give_anc(r, i);
			sum.wants++;
		}
	for (i = 0; type != SADA_OBJ_ANC && i < sim.w.ncontent; i++)
		if (sada_id_cmp(&sim.w.content[i].id, id) == 0) {
			give(r, i);
			sum.wants++;
		}
}

/* The view of OPS at R; WANTS: what lacks is got meanwhile. */
static inline void
library_view(struct seer *r, uint64_t ops, int wants, struct sada_buf *out)
{
	struct sada_merger_opts o = { 0 };
	struct sada_merger *m;
	const struct sada_name *copy;
	struct sada_view_by by = { 0 };
	struct sada_view *v, *one;
	struct sada_name n, same;
	struct sada_state st;
	struct sada_err err;
	struct sada_buf a = { 0 }, b = { 0 };
	size_t i, nc;

	state_of(&st, ops);
	o.st = &st;
	o.txn = world.txn[r - sim.rep];
	o.driver = driver_at;
	o.lack = wants ? get_wanted : NULL;
	o.ctx = r;
	must(sada_merger_new(&m, &o, &err), &err);
	by.lamport = sada_state_lamport;
	by.ctx = &st;
	by.merger = m;
	must(sada_view_open(&v, &st.ns, &st.root, &by, &err), &err);
	while (must(sada_view_next(v, &n, &err), &err) == 1) {
		name_text(out, &n);
		if (wants || tap_below(64) != 0)
			continue;
		sada_buf_reset(&a);
		sada_buf_reset(&b);
		name_text(&a, &n);
		CHECK_INT(sada_view_one(&one, &st.ns, &st.root, &by, n.path,
		    n.len, &same, &err), 1);
		name_text(&b, &same);
		CHECK(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
		sada_view_free(one);
	}
	must(sada_view_copies(v, &copy, &nc, &err), &err);
	for (i = 0; i < nc; i++)
		name_text(out, &copy[i]);
	sum.copies += (long)nc;
	sada_view_free(v);
	sada_merger_free(m);
	sada_state_release(&st);
	sada_buf_release(&a);
	sada_buf_release(&b);
}

/* ---- what the model shows ---- */

/* The names of OPS at R by RULE (a model's or a view's). */
static inline int
naive_names(struct seer *r, uint64_t ops, unsigned rule, struct nname *name)
{
	struct nset map, held = r->held, anc = r->anc;
	struct nlook l = { &sim.w, rule, ops, &held, &anc, 0, 0 };
	int n;

	if (rule < NMODELS)
		l.rule = V_RIGHT;
	naive_map(&sim.w.n, rule < NMODELS ? rule : RIGHT, ops, &map);
	n = nview(&l, &map, name);
	sum.late += rule == RIGHT && l.lacked > 0;
	if (rule == RIGHT)
		r->held = held;
	return n;
}

static inline void
naive_text(const struct nname *name, int n, struct sada_buf *out)
{
	struct sada_version cover[FOLD_MAX];
	const struct nrec *at[NAIVE_RECS];
	const struct naive *w = &sim.w.n;
	struct sada_name x;
	int copies, i, j;
	size_t k, nv;

	for (copies = 0; copies < 2; copies++)
		for (i = 0; i < n; i++) {
			const char *slot = name[i].slot < 0 ? name[i].path :
			    w->path[name[i].slot];

			if ((strcmp(slot, name[i].path) != 0) != copies)
				continue;
			memset(&x, 0, sizeof(x));
			x.path = name[i].path;
			x.len = strlen(x.path);
			x.slot = slot;
			x.slot_len = strlen(slot);
			x.kind = (uint8_t)name[i].kind;
			x.mode = name[i].mode;
			x.mtime_s = name[i].mtime_s;
			x.mtime_ns = name[i].mtime_ns;
			x.groups = (unsigned)name[i].groups;
			if (name[i].content >= 0) {
				x.content =
				    sim.w.content[name[i].content].id;
				x.size = sim.w.content[name[i].content].size;
			}
			for (j = 0, nv = 0; j < w->nrec; j++)
				if (nset_has(&name[i].cover, j))
					at[nv++] = &w->rec[j];
			qsort(at, nv, sizeof(*at), nrec_order);
			for (k = 0; k < nv; k++)
				cover[k] = at[k]->v;
			x.cover = cover;
			x.ncover = nv;
			name_text(out, &x);
		}
}

/* Does R see of OPS what the model says?  The names are left in NAME. */
static inline int
compare(struct seer *r, uint64_t ops, struct nname *name)
{
	struct sada_buf got = { 0 }, want = { 0 };
	unsigned rule;
	int n, same;

	n = naive_names(r, ops, RIGHT, name);
	naive_text(name, n, &want);
	library_view(r, ops, 0, &got);
	same = got.len == want.len && memcmp(got.p, want.p, got.len) == 0;
	CHECK(same);
	if (!same) {
		printf("# history %llu op %d replica %d\n",
		    (unsigned long long)sim.seed, sim.w.n.nop,
		    (int)(r - sim.rep));
		printf("got\n%.*swant\n%.*s", (int)got.len,
		    (const char *)got.p, (int)want.len,
		    (const char *)want.p);
	}
	sum.compared++;
	for (rule = RIGHT + 1; sim.wrong && rule < NVIEWS; rule++) {
		static struct nname other[FOLD_MAX];

		if (rule == V_RIGHT)
			continue;
		sada_buf_reset(&want);
		naive_text(other, naive_names(r, ops, rule, other), &want);
		sum.wrong[rule] += got.len != want.len ||
		    memcmp(got.p, want.p, got.len) != 0;
	}
	sada_buf_release(&got);
	sada_buf_release(&want);
	return n;
}

/* ---- the world ---- */

static inline void
open_txns(void)
{
	struct sada_err err;
	int i;

	must(sada_txn_begin(&world.nodes, world.home.store, &err), &err);
	for (i = 0; i < MAX_REPS; i++)
		must(sada_txn_begin(&world.txn[i], world.store[i], &err),
		    &err);
}

static inline void
drop_txns(void)
{
	int i;

	sada_txn_abort(world.nodes);
	for (i = 0; i < MAX_REPS; i++)
		sada_txn_abort(world.txn[i]);
}

/* Open the log, the stores, the keys; transactions are not begun. */
static inline void
world_open(void)
{
	static struct sada_io_ops ops;
	struct sada_id group;
	struct sada_err err;
	int i;

	(void)mallopt(M_MMAP_THRESHOLD, 256 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 512 << 20);
	sada_crypto_init();
	door_use(&ops);
	(void)snprintf(world.dir, sizeof(world.dir), "%s/sada-view-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(world.dir) != NULL);
	sada_io_random(&group, sizeof(group));
	for (i = 0; i < MAX_REPS; i++) {
		sada_key_new(&world.key[i]);
		(void)snprintf(world.path[i], sizeof(world.path[i]),
		    "%s/%d", world.dir, i);
		(void)mkdir(world.path[i], 0700);
		world.fd[i] = open(world.path[i], O_RDONLY | O_DIRECTORY);
		must(sada_store_open(&world.store[i], world.fd[i],
		    SADA_STORE_WRITE, &err), &err);
	}
	(void)snprintf(world.home.path, sizeof(world.home.path), "%s/home",
	    world.dir);
	world.home.key = world.key[0];
	rep_new(&world.home, &group);
}

static inline void
world_close(void)
{
	int i;

	rep_close(&world.home);
	store_dir_remove(world.home.fd, world.home.path);
	for (i = 0; i < MAX_REPS; i++) {
		sada_store_free(world.store[i]);
		(void)close(world.fd[i]);
		(void)rmdir(world.path[i]);
		sada_key_free(world.key[i]);
	}
	(void)rmdir(world.dir);
}

#endif
