/*
 * Verify sees every byte: each one of a small store is flipped in turn,
 * each file is cut at some lengths and taken away.
 */
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "merge/cache.h"
#include "peer/peer.h"
#include "tap.h"
#include "verb/verb.h"

static char dir[4096];
static int notes;

static void
note(unsigned level, const char *path, size_t len, const char *what,
    void *ctx)
{
	(void)path;
	(void)len;
	(void)what;
	(void)ctx;
	notes += level == SADA_NOTE_WARN;
}

static void
damage(const char *what, void *ctx)
{
	(void)what;
	(void)ctx;
}

/* 0 nothing found, 1 damage told, 2 only a cache was rebuilt. */
static int
verify(void)
{
	static const struct sada_talk talk = { note, NULL, NULL };
	struct sada_open_opts o = { .dir = dir, .talk = &talk };
	struct sada_verify_result res;
	struct sada_err err;
	int rc;

	notes = 0;
	rc = sada_verify(&o, damage, NULL, &res, &err);
	if (rc < 0) {
		printf("# verify: %d %s\n", rc, err.msg);
		return rc;
	}
	CHECK(res.rebuilt == 0 || notes > 0);
	return res.damaged > 0 ? 1 : res.rebuilt > 0 ? 2 : 0;
}

static void
put(const char *name, const void *p, size_t n)
{
	char path[8192];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert(f != NULL);
	assert(fwrite(p, 1, n, f) == n);
	assert(fclose(f) == 0);
}

static void
snap(void)
{
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_snap_opts so = { .msg = "a message" };
	struct sada_snap_result res;
	struct sada_replica *r = NULL;
	struct sada_err err;

	assert(sada_open(&r, &o, &err) == 0);
	assert(sada_snap(r, &so, &res, &err) == 0 && res.op[0] != '\0');
	sada_close(r);
}

/* A peer that acknowledged, a remote, a rule and a want. */
static void
befriend(void)
{
	struct sada_key *key = NULL;
	struct sada_config *c = NULL;
	struct sada_buf text = {0}, b = {0};
	struct sada_wants wants = {0};
	struct sada_want want = { .type = SADA_OBJ_CHUNK, .size = 7 };
	struct sada_ack a = {0};
	struct sada_err err;
	char path[8192];
	int sdir;

	(void)snprintf(path, sizeof(path), "%s/.sada", dir);
	sdir = open(path, O_RDONLY | O_DIRECTORY);
	assert(sdir >= 0);
	sada_key_new(&key);
	sada_pub_text(&text, sada_key_pub(key));
	assert(sada_config_open(&c, sdir, &err) == 0);
	sada_config_add(c, "peer", "two", "key", sada_buf_str(&text));
	sada_config_add(c, "remote", "r", "place", "/nowhere/x.sada");
	sada_config_add(c, "remote", "r", "peer", "two");
	sada_config_add(c, "merge", "*.po", "driver", "union");
	assert(sada_config_save(c, sdir, &err) == 0);
	a.author = sada_key_pub(key)->id;
	a.counter = 1;
	sada_ack_encode(&b, &a, key);
	assert(sada_ack_keep(sdir, sada_key_pub(key), &a, b.p, b.len, NULL,
	    &err) == 0);
	memset(want.id.b, 5, sizeof(want.id.b));
	sada_wants_add(&wants, &want);
	assert(sada_wants_save(&wants, sdir, &err) == 0);
	sada_wants_release(&wants);
	sada_config_free(c);
	sada_key_free(key);
	sada_buf_release(&text);
	sada_buf_release(&b);
	assert(close(sdir) == 0);
}

/* What a merge and a bundle that came too early leave. */
static void
leave(void)
{
	struct sada_merge_cache *c = sada_merge_cache_new();
	struct sada_merged m = { .why = 1, .size = 7 };
	char hex[SADA_HEX_LEN + 1], name[128];
	struct sada_buf b = {0};
	struct sada_id id;

	memset(m.key.b, 9, sizeof(m.key.b));
	sada_merge_cache_put(c, &m);
	assert(sada_merge_cache_encode(c, &b) == 1);
	put(".sada/merged", b.p, b.len);
	sada_merge_cache_free(c);

	sada_buf_reset(&b);
	sada_buf_adds(&b, "sadaprk1");
	sada_hash(&id, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, id.b, SADA_ID_LEN);
	sada_id_hex(hex, &id);
	(void)snprintf(name, sizeof(name), ".sada/parked/%.32s", hex);
	put(name, b.p, b.len);
	sada_buf_release(&b);
}

static void
make(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sada_buf line = {0};
	struct sada_err err;
	char path[8192];

	(void)snprintf(dir, sizeof(dir), "%s/verify.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(dir) != NULL);
	assert(sada_init("one", &(struct sada_open_opts){
	    .dir = dir }, &line, &err) == 0);
	sada_buf_release(&line);
	put("x", "hello\n", 6);
	(void)snprintf(path, sizeof(path), "%s/l", dir);
	assert(symlink("x", path) == 0);
	snap();
	put("x", "hello, world\n", 13);
	snap();
	befriend();
	leave();
}

static int
add_bytes(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

/* Is the content of "x" read as it was recorded? */
static int
reads(void)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_replica *r = NULL;
	struct sada_buf b = {0};
	struct sada_err err;
	int ok;

	ok = sada_open(&r, &o, &err) == 0 &&
	    sada_cat(r, "@:x", add_bytes, &b, &err) == 0 &&
	    strcmp(sada_buf_str(&b), "hello, world\n") == 0;
	sada_close(r);
	sada_buf_release(&b);
	return ok;
}

/* ---- every file of the store ---- */

#define FILES_MAX 64
static char *file[FILES_MAX];
static size_t nfile;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type == FTW_F && st->st_size > 0) {
		assert(nfile < FILES_MAX);
		file[nfile++] = sada_strdup(path);
	}
	return 0;
}

static void
slurp(struct sada_buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	int c;

	if (f == NULL)
		printf("# %s is gone\n", path);
	assert(f != NULL);
	while ((c = getc(f)) != EOF)
		sada_put_u8(b, (uint8_t)c);
	(void)fclose(f);
}

static void
spill(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert(fd >= 0);
	assert(write(fd, p, n) == (ssize_t)n);
	assert(close(fd) == 0);
}

static void
test_flips(void)
{
	struct sada_buf b = {0};
	size_t i, k, done = 0;
	int rc;

	for (i = 0; i < nfile; i++) {
		sada_buf_reset(&b);
		slurp(&b, file[i]);
		for (k = 0; k < b.len; k++) {
			unsigned char was = b.p[k];

			b.p[k] ^= (unsigned char)(1u << tap_below(8));
			spill(file[i], b.p, b.len);
			rc = verify();
			if (rc <= 0)
				printf("# %s: byte %zu, %02x to %02x: %d\n",
				    file[i], k, was, b.p[k], rc);
			CHECK(rc > 0);
			/* A line that others follow is lost; a cache is not. */
			if (strstr(file[i], "/states") != NULL && k < 80)
				CHECK_INT(rc, 1);
			if (strstr(file[i], "/parked/") != NULL)
				CHECK_INT(rc, 1);
			if (strstr(file[i], "/merged") != NULL)
				CHECK_INT(rc, 2);
			/* By a damaged index nothing is lost. */
			if (strstr(file[i], ".idx") != NULL) {
				CHECK_INT(rc, 2);
				CHECK(reads());
			}
			done++;
			b.p[k] = was;
		}
		spill(file[i], b.p, b.len);
		CHECK_INT(verify(), 0);
	}
	printf("# %zu bytes flipped\n", done);
	sada_buf_release(&b);
}

/* Cut at some lengths, and gone. */
static void
test_cuts(void)
{
	struct sada_buf b = {0};
	size_t i, k;
	int rc, may;

	for (i = 0; i < nfile; i++) {
		sada_buf_reset(&b);
		slurp(&b, file[i]);
		/* What may be missing: caches, what no head needs, and the
		   config of who has no peers. */
		may = strstr(file[i], "/work") != NULL ||
		    strstr(file[i], "/states") != NULL ||
		    strstr(file[i], "/wants") != NULL ||
		    strstr(file[i], "/merged") != NULL ||
		    strstr(file[i], "/parked/") != NULL ||
		    strstr(file[i], "/config") != NULL ||
		    strstr(file[i], ".ack") != NULL ||
		    strstr(file[i], ".pack") != NULL;
		for (k = 0; k < b.len; k += 1 + tap_below(b.len / 16 + 1)) {
			/* Lines that end well are a shorter "states". */
			if (strstr(file[i], "/states") != NULL && (k == 0 ||
			    b.p[k - 1] == '\n'))
				continue;
			if (strstr(file[i], "/config") != NULL && k == 0)
				continue;
			spill(file[i], b.p, k);
			rc = verify();
			if (rc <= 0)
				printf("# %s: cut to %zu of %zu: %d\n",
				    file[i], k, b.len, rc);
			CHECK(rc > 0);
		}
		(void)unlink(file[i]);
		rc = verify();
		if (rc < (may ? 0 : 1))
			printf("# %s: taken away: %d\n", file[i], rc);
		CHECK(rc >= (may ? 0 : 1));
		spill(file[i], b.p, b.len);
		CHECK_INT(verify(), 0);
	}
	sada_buf_release(&b);
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
	char store[8192];

	tap_seed((uint64_t)getpid());
	make();
	CHECK_INT(verify(), 0);
	(void)snprintf(store, sizeof(store), "%s/.sada", dir);
	assert(nftw(store, visit, 8, FTW_PHYS) == 0);
	CHECK(nfile >= 8);
	test_flips();
	test_cuts();
	while (nfile > 0)
		free(file[--nfile]);
	assert(nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS) == 0);
	return tap_done();
}
