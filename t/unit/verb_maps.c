/*
 * Maps are a cache: a store that holds only the first op's map and all
 * changes gives every state back, byte for byte.
 */
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/idset.h"
#include "tap.h"
#include "verb/look_priv.h"

#define OPS 30
#define FILES 400

static char dir[4096];

static const char *
full(const char *path)
{
	static char buf[8192];

	(void)snprintf(buf, sizeof(buf), "%s/%s", dir, path);
	return buf;
}

static int
must(int rc, const struct sada_err *err)
{
	if (rc < 0)
		printf("# failed: %d %s\n", rc, err->msg);
	assert(rc >= 0);
	return rc;
}

static struct sada_replica *
open_it(unsigned flags)
{
	struct sada_open_opts o = { .dir = dir, .flags = flags };
	struct sada_replica *r = NULL;
	struct sada_err err;

	must(sada_open(&r, &o, &err), &err);
	return r;
}

static void
put(size_t i, unsigned round)
{
	char name[32];
	FILE *f;

	(void)snprintf(name, sizeof(name), "file-%zu", i);
	f = fopen(full(name), "wb");
	assert(f != NULL);
	assert(fprintf(f, "%zu in round %u\n", i, round) > 0 &&
	    fclose(f) == 0);
}

static void
make(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sada_snap_opts so = { .flags = SADA_ACCEPT_DELETES };
	struct sada_snap_result res;
	struct sada_buf line = {0};
	struct sada_replica *r;
	struct sada_err err;
	unsigned round;
	size_t i, n;

	(void)snprintf(dir, sizeof(dir), "%s/maps.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(dir) != NULL);
	must(sada_init("one", &(struct sada_open_opts){
	    .dir = dir }, &line, &err), &err);
	sada_buf_release(&line);
	for (round = 0; round < OPS; round++) {
		n = round == 0 ? FILES : 1 + tap_below(60);
		for (i = 0; i < n; i++)
			put(round == 0 ? i : tap_below(FILES), round);
		r = open_it(SADA_OPEN_WRITE);
		must(sada_snap(r, &so, &res, &err), &err);
		sada_close(r);
	}
}

/* Ids of the states before each op, by number. */
static void
states(struct sada_replica *r, struct sada_id id[OPS], int may_fail)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_rev rev;
	struct sada_err err;
	uint32_t i;

	for (i = 0; i < sada_log_count(r->log); i++) {
		sada_id_hex(hex, &sada_log_op(r->log, i)->id);
		memset(&id[i], 0, sizeof(id[i]));
		if (sada_rev_resolve(&rev, r, hex, SADA_HEX_LEN, &err) < 0) {
			CHECK(may_fail && err.code == SADA_NOTFOUND);
			CHECK(strstr(err.msg, "the map of op ") != NULL);
			continue;
		}
		/* All of it can be read, and is canonical. */
		CHECK_INT(sada_map_check(&rev.st.ns, &rev.st.root, &err), 0);
		sada_state_id(&id[i], &rev.st);
		sada_rev_release(&rev);
	}
}

static int
note_node(const struct sada_id *id, const void *p, size_t n, unsigned level,
    void *ctx)
{
	(void)p;
	(void)n;
	(void)level;
	(void)sada_idset_add(ctx, id, 1);
	return 0;
}

/* The nodes of op 0's map, and of all changes but those of op WITHOUT. */
static void
needed(struct sada_idset *keep, struct sada_replica *r, uint32_t without)
{
	struct sada_changes c;
	struct sada_nodes ns = { .store = r->store };
	struct sada_err err;
	uint32_t i;

	must(sada_map_nodes(&ns, &sada_log_op(r->log, 0)->root, note_node,
	    keep, &err), &err);
	for (i = 1; i < sada_log_count(r->log); i++) {
		must(sada_changes_open(&c, r->log, r->store, NULL, i, &err),
		    &err);
		if (i != without)
			must(sada_map_nodes(&c.ns, &c.root, note_node, keep,
			    &err), &err);
		sada_changes_release(&c);
	}
}

struct copying {
	struct sada_replica *r;
	struct sada_txn *to;
	const struct sada_idset *keep;
	size_t dropped;
};

static int
copy_object(unsigned type, const struct sada_id *id, uint32_t len, void *ctx)
{
	struct copying *c = ctx;
	struct sada_buf b = {0};
	struct sada_id same;
	struct sada_err err;

	(void)len;
	if (type == SADA_OBJ_NODE && !sada_idset_get(c->keep, id, NULL)) {
		c->dropped++;
		return 0;
	}
	must(sada_store_get(c->r->store, type, id, &b, &err), &err);
	must(sada_txn_put(c->to, type, b.p, b.len, &same, &err), &err);
	sada_buf_release(&b);
	return 0;
}

/* Rewrite the packs without what is not in KEEP. */
static void
prune(const struct sada_idset *keep)
{
	struct sada_replica *r = open_it(0);
	struct copying c = { r, NULL, keep, 0 };
	struct sada_store *s = NULL;
	struct sada_err err;
	int fd;

	assert(mkdir(full(".sada/pack2"), 0700) == 0);
	fd = open(full(".sada/pack2"), O_RDONLY | O_DIRECTORY);
	assert(fd >= 0);
	must(sada_store_open(&s, fd, SADA_STORE_WRITE, &err), &err);
	must(sada_txn_begin(&c.to, s, &err), &err);
	must(sada_store_each(r->store, copy_object, &c, &err), &err);
	must(sada_txn_commit(c.to, &err), &err);
	sada_store_free(s);
	sada_close(r);
	assert(close(fd) == 0);
	CHECK(c.dropped > 0);
	printf("# %zu nodes dropped\n", c.dropped);
	{
		char to[8192];

		(void)snprintf(to, sizeof(to), "%s", full(".sada/packold"));
		assert(rename(full(".sada/pack"), to) == 0);
		(void)snprintf(to, sizeof(to), "%s", full(".sada/pack"));
		assert(rename(full(".sada/pack2"), to) == 0);
	}
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
main(void)
{
	static struct sada_id was[OPS], is[OPS];
	struct sada_idset keep = {0}, less = {0};
	struct sada_replica *r;
	uint32_t i, hole = OPS / 2;

	tap_seed((uint64_t)getpid());
	make();
	r = open_it(0);
	CHECK_INT(sada_log_count(r->log), OPS);
	states(r, was, 0);
	/* One whose changes do not lie in its record. */
	while (sada_log_op(r->log, hole)->flags & SADA_OP_INLINE)
		hole++;
	needed(&keep, r, UINT32_MAX);
	needed(&less, r, hole);
	sada_close(r);

	prune(&keep);
	r = open_it(0);
	states(r, is, 0);
	for (i = 0; i < OPS; i++)
		CHECK(sada_id_cmp(&was[i], &is[i]) == 0);
	sada_close(r);

	/* Without one op's changes, the states behind it cannot be had. */
	assert(nftw(full(".sada/packold"), drop, 8, FTW_DEPTH) == 0);
	prune(&less);
	r = open_it(0);
	states(r, is, 1);
	for (i = 0; i < hole; i++)
		CHECK(sada_id_cmp(&was[i], &is[i]) == 0);
	for (i = hole; i < OPS; i++)
		CHECK(sada_id_zero(&is[i]));
	sada_close(r);
	sada_idset_release(&keep);
	sada_idset_release(&less);
	assert(nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS) == 0);
	return tap_done();
}
