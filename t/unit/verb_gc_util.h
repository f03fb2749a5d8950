/* What the tests of gc share: replicas in memory, gc as a command, looking. */
#ifndef SADA_UNIT_VERB_GC_UTIL_H
#define SADA_UNIT_VERB_GC_UTIL_H

#include <assert.h>
#include <sys/stat.h>

#include "crypto/hash.h"
#include "memfs.h"
#include "tap.h"
#include "verb/look_priv.h"

#define HOUR (3600 * INT64_C(1000000000))
#define MINUTE (60 * INT64_C(1000000000))
#define YEAR (365 * 24 * HOUR)

/* ---- replicas ---- */

static const char root[3][8] = { "/r0", "/r1", "/r2" };

static inline void
must(int rc, const char *what, const struct sada_err *err)
{
	if (rc >= 0)
		return;
	printf("Bail out! %s: %s\n", what, err->msg);
	exit(1);
}

/* The twin of replica K is "/tK": the same place. */
static inline void
machine(const char *dir)
{
	char id[40];

	(void)snprintf(id, sizeof(id), "%031x%c", 5, dir[2]);
	memfs_machine(id);
}

static inline struct sada_replica *
open_it(const char *dir, unsigned flags)
{
	struct sada_open_opts o = { .dir = dir, .flags = flags };
	struct sada_replica *r = NULL;
	struct sada_err err;

	machine(dir);
	must(sada_open(&r, &o, &err), dir, &err);
	return r;
}

/* N replicas that know each other. */
static inline void
world_begin(uint64_t seed, unsigned n)
{
	struct sada_buf line[3] = { { 0 } };
	struct sada_replica *r;
	struct sada_err err;
	char name[16];
	unsigned i, k;

	memfs_begin(seed);
	sada_io_use(memfs_ops());
	sada_crypto_init();
	for (i = 0; i < n; i++)
		(void)memfs_disk(root[i]);
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		machine(root[i]);
		must(sada_init(name, &(struct sada_open_opts){
		    .dir = root[i] }, &line[i], &err), "init", &err);
	}
	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			if (k == i)
				continue;
			r = open_it(root[i], SADA_OPEN_WRITE);
			must(sada_peer_add(r, NULL, sada_buf_str(&line[k]), 0,
			    NULL, &err), "peer", &err);
			sada_close(r);
		}
	}
	for (i = 0; i < n; i++)
		sada_buf_release(&line[i]);
	memfs_clock_add(HOUR);
}

static inline void
world_end(void)
{
	CHECK_INT(memfs_open_count(), 0);
	sada_io_use(NULL);
	memfs_end();
}

static inline void
put(const char *dir, const char *path, const char *text)
{
	char full[64];

	(void)snprintf(full, sizeof(full), "%s/%s", dir, path);
	if (text == NULL)
		(void)memfs_remove(full);
	else
		CHECK_INT(memfs_put(full, text, strlen(text), 0644), 0);
}

/* Record; OP (may be NULL) is its id, "" when nothing changed. */
static inline void
snap_in(struct sada_replica *r, char op[SADA_VERB_HEX])
{
	struct sada_snap_opts so = { .flags = SADA_ACCEPT_DELETES };
	struct sada_snap_result res;
	struct sada_err err;

	must(sada_snap(r, &so, &res, &err), "snap", &err);
	CHECK_INT(res.skipped, 0);
	if (op != NULL)
		memcpy(op, res.op, SADA_VERB_HEX);
}

static inline void
snap(const char *dir, char op[SADA_VERB_HEX])
{
	struct sada_replica *r = open_it(dir, SADA_OPEN_WRITE);

	snap_in(r, op);
	sada_close(r);
}

/* PATH becomes TEXT, and that is recorded, AFTER that much time. */
static inline void
step(const char *dir, int64_t after, const char *path, const char *text)
{
	char op[SADA_VERB_HEX];

	memfs_clock_add(after);
	put(dir, path, text);
	snap(dir, op);
	CHECK(op[0] != '\0');
}

static inline void
on_damage(const char *what, void *ctx)
{
	(void)ctx;
	printf("# %s\n", what);
}

static inline int
on_entry(const struct sada_log_entry *e, void *ctx)
{
	(void)e;
	++*(size_t *)ctx;
	return 0;
}

static inline size_t
count_ops(const char *dir)
{
	size_t n = 0;
	struct sada_log_opts o = { .each = on_entry, .ctx = &n };
	struct sada_replica *r = open_it(dir, 0);
	struct sada_err err;

	must(sada_log_show(r, &o, &err), "log", &err);
	sada_close(r);
	return n;
}

struct files {
	unsigned packs, others;
};

static inline void
on_file(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	struct files *f = ctx;

	(void)kind;
	(void)mode;
	(void)p;
	(void)n;
	if (strstr(name, ".pack") != NULL)
		f->packs++;
	else if (strstr(name, ".idx") == NULL)
		f->others++;
}

/* The packs in DIR's store; CLEAN: beside their indexes there is no more. */
static inline unsigned
count_packs(const char *dir, int clean)
{
	struct files f = { 0, 0 };
	char path[32];

	(void)snprintf(path, sizeof(path), "%s/.sada/pack", dir);
	memfs_walk(path, on_file, &f);
	if (clean)
		CHECK_INT(f.others, 0);
	return f.packs;
}

static inline void
verify(const char *dir)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_verify_result vr;
	struct sada_err err;

	machine(dir);
	must(sada_verify(&o, on_damage, NULL, &vr, &err), "verify", &err);
	CHECK_INT(vr.damaged, 0);
}

/*
 * As the command does it, and then what the next one does first: from then
 * on what is dropped is away.
 */
static inline struct sada_gc_result
gc(const char *dir, const char *keep)
{
	struct sada_gc_opts o = { .keep = keep, .flags = SADA_DRY };
	struct sada_gc_result res, dry;
	struct sada_replica *r = open_it(dir, SADA_OPEN_WRITE);
	struct sada_err err;
	size_t ops = count_ops(dir);

	must(sada_gc(r, &o, &dry, &err), "gc", &err);
	CHECK_INT(dry.packs_old + dry.packs_new + dry.freed, 0);
	o.flags = 0;
	must(sada_gc(r, &o, &res, &err), "gc", &err);
	CHECK_INT(res.objects, dry.objects);
	CHECK_INT(res.bytes, dry.bytes);
	sada_close(r);
	sada_close(open_it(dir, SADA_OPEN_WRITE));
	verify(dir);
	CHECK_INT(count_ops(dir), ops);
	if (res.packs_old > 0) {
		CHECK_INT(count_packs(dir, 1), 1);
		r = open_it(dir, SADA_OPEN_WRITE);
		o.flags = SADA_DRY;
		must(sada_gc(r, &o, &dry, &err), "gc", &err);
		CHECK_INT(dry.objects, 0);
		sada_close(r);
	}
	return res;
}

/* ---- looking ---- */

static inline void
content_id(char hex[SADA_VERB_HEX], const void *p, size_t n)
{
	struct sada_id id;

	sada_hash(&id, SADA_CTX_CHUNK, p, n);
	sada_id_hex(hex, &id);
}

static inline int
on_bytes(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

/* Can SPEC be read?  The code; HEX (may be NULL) is the id of its bytes. */
static inline int
cat(struct sada_replica *r, const char *spec, char hex[SADA_VERB_HEX])
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	int rc = sada_cat(r, spec, on_bytes, &b, &err);

	if (rc == 0 && hex != NULL)
		content_id(hex, b.p, b.len);
	sada_buf_release(&b);
	return rc;
}

/* Is content TEXT there? */
static inline int
has(const char *dir, const char *text)
{
	struct sada_replica *r = open_it(dir, 0);
	char spec[100], hex[SADA_VERB_HEX];
	int rc;

	content_id(hex, text, strlen(text));
	(void)snprintf(spec, sizeof(spec), "content:%s", hex);
	rc = cat(r, spec, NULL);
	sada_close(r);
	CHECK(rc == 0 || rc == SADA_NOTFOUND);
	return rc == 0;
}

struct shown {
	char path[60], content[SADA_VERB_HEX];
	int held;
};
struct shows {
	int rc;
	size_t n;
	struct shown s[60];
};

static inline int
on_listed(const struct sada_listed *l, void *ctx)
{
	struct shows *x = ctx;
	struct shown *s = &x->s[x->n];

	if (l->kind == 'd')
		return 0;
	assert(x->n < 60);
	x->n++;
	(void)snprintf(s->path, sizeof(s->path), "%.*s", (int)l->len, l->path);
	memcpy(s->content, l->content, SADA_VERB_HEX);
	s->held = l->held;
	return 0;
}

/* All names of state REV; what is said to be held can be read. */
static inline void
look(struct sada_replica *r, const char *rev, struct shows *x)
{
	char spec[200], hex[SADA_VERB_HEX];
	struct sada_err err;
	size_t i;

	memset(x, 0, sizeof(*x));
	x->rc = sada_ls(r, rev, SADA_LS_RECURSIVE, on_listed, x, &err);
	for (i = 0; i < x->n; i++) {
		(void)snprintf(spec, sizeof(spec), "%s:%s", rev,
		    x->s[i].path);
		if (!x->s[i].held) {
			CHECK(cat(r, spec, NULL) < 0);
			continue;
		}
		CHECK_INT(cat(r, spec, hex), 0);
		CHECK_STR(hex, x->s[i].content);
	}
}

/* ---- several replicas ---- */

/* What K has goes to L, which takes it. */
static inline void
send(unsigned k, unsigned l)
{
	char name[16];
	const char *peers[] = { name };
	static const char *const places[] = { "/b" };
	struct sada_push_opts po = { .dir = root[k], .place = "/b",
	    .peers = peers, .npeers = 1 };
	struct sada_pull_opts lo = { .dir = root[l], .places = places,
	    .nplaces = 1, .join = 1 };
	struct sada_pull_result res;
	struct sada_err err;

	(void)snprintf(name, sizeof(name), "k%u", l);
	(void)memfs_remove("/b");
	machine(root[k]);
	must(sada_push(&po, &err), "push", &err);
	machine(root[l]);
	must(sada_pull(&lo, &res, &err), "pull", &err);
}

static inline struct sada_merge_result
merge(const char *dir)
{
	struct sada_merge_opts o = { .flags = SADA_ACCEPT_DELETES };
	struct sada_merge_result res;
	struct sada_replica *r = open_it(dir, SADA_OPEN_WRITE);
	struct sada_err err;

	must(sada_merge(r, &o, &res, &err), "merge", &err);
	sada_close(r);
	return res;
}

#endif
