/* Acknowledgements kept, own counters, wants, what was sent: all caches. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "peer/peer_priv.h"
#include "tap.h"

static char dir[] = "/tmp/sada-marks-XXXXXX";
static int sdir;
static struct sada_key *key;

static void
wipe(void)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s/peers %s/wants", dir,
	    dir);
	CHECK_INT(system(cmd), 0);
}

/* Litter of temps in the store and in peers. */
static int
temps(void)
{
	char cmd[100], line[10] = "";
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "find %s -name '.tmp*' | wc -l",
	    dir);
	f = popen(cmd, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		line[0] = '9';
	if (f != NULL)
		pclose(f);
	return atoi(line);
}

static int
keep(uint64_t inc, uint64_t counter, int *took, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_ack a = { 0 };
	int rc;

	a.author = sada_key_pub(key)->id;
	a.incarnation = inc;
	a.counter = counter;
	sada_ack_encode(&b, &a, key);
	rc = sada_ack_keep(sdir, sada_key_pub(key), &a, b.p, b.len, took,
	    err);
	sada_buf_release(&b);
	return rc;
}

/* Which (incarnation, counter) is kept: inc * 100 + counter, or -1. */
static long
kept(void)
{
	struct sada_err err;
	struct sada_ack a;
	long n = -1;
	int rc;

	rc = sada_ack_load(&a, sdir, sada_key_pub(key), &err);
	CHECK(rc >= 0);
	if (rc == 1)
		n = (long)(a.incarnation * 100 + a.counter);
	sada_ack_release(&a);
	return n;
}

static void
test_acks(void)
{
	static const struct { uint64_t inc, counter; int took; long now; }
	    t[] = {
		{ 1, 5, 1, 105 }, { 1, 5, 0, 105 }, { 1, 4, 0, 105 },
		{ 1, 6, 1, 106 }, { 2, 0, 1, 200 }, { 1, 99, 0, 200 },
	};
	char path[200], hex[SADA_HEX_LEN + 1];
	const char *what;
	struct sada_err err;
	size_t i;
	int took, fd, rc;
	long n;

	CHECK_INT(kept(), -1);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_INT(keep(t[i].inc, t[i].counter, &took, &err), 0);
		CHECK_INT(took, t[i].took);
		CHECK_INT(kept(), t[i].now);
	}
	/* Damaged: as if it were not there, and it heals. */
	sada_id_hex(hex, &sada_key_pub(key)->id);
	(void)snprintf(path, sizeof(path), "%s/peers/%s.ack", dir, hex);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 40) == 1);
	close(fd);
	CHECK_INT(kept(), -1);
	CHECK_INT(keep(0, 1, &took, &err), 0);
	CHECK_INT(kept(), 1);
	CHECK_INT(truncate(path, 0), 0);
	CHECK_INT(kept(), -1);
	CHECK_INT(keep(0, 1, NULL, &err), 0);
	/* Each call fails once: the old one or the new one. */
	for (n = 1;; n++) {
		fault_arm(n, EIO, 0);
		rc = keep(3, (uint64_t)n, &took, &err);
		if ((what = fault_disarm()) == NULL)
			break;
		/* Closing what was read does not matter. */
		CHECK(rc == SADA_SYS || strcmp(what, "close") == 0);
		CHECK_INT(took, rc == 0);
		CHECK_INT(temps(), 0);
		CHECK(rc < 0 ? kept() >= 0 : kept() == 300 + n);
	}
	CHECK(n > 6);
	CHECK_INT(rc, 0);
	CHECK_INT(kept(), 300 + n);
	wipe();
	for (n = 1;; n++) {
		fault_arm(n, ENOSPC, 0);
		rc = keep(3, 1, NULL, &err);
		if ((what = fault_disarm()) == NULL)
			break;
		CHECK(rc == SADA_SYS || strcmp(what, "close") == 0);
		CHECK_INT(temps(), 0);
		wipe();
	}
	CHECK_INT(rc, 0);
	wipe();
}

static void
test_self(void)
{
	struct sada_self s = { 0 }, back;
	struct sada_err err;
	char path[100];
	struct stat st;
	off_t n;

	CHECK_INT(sada_self_load(&back, sdir, &err), 0);
	CHECK(back.incarnation == 0 && back.counter == 0 && back.nneed == 0);
	s.incarnation = UINT64_MAX;
	s.counter = 12;
	s.nneed = 3;
	s.need = sada_calloc(3, sizeof(*s.need));
	s.need[1].b[31] = 0xab;
	s.need[2].b[31] = 0xcd;
	CHECK_INT(sada_self_save(&s, sdir, &err), 0);
	CHECK_INT(sada_self_load(&back, sdir, &err), 0);
	CHECK(back.incarnation == UINT64_MAX && back.counter == 12 &&
	    back.nneed == 3 && memcmp(back.need, s.need,
	    3 * sizeof(*s.need)) == 0);
	sada_self_release(&back);
	/* Cut anywhere: zeros. */
	(void)snprintf(path, sizeof(path), "%s/peers/self", dir);
	CHECK_INT(stat(path, &st), 0);
	for (n = st.st_size - 1; n >= 0; n--) {
		CHECK_INT(truncate(path, n), 0);
		CHECK_INT(sada_self_load(&back, sdir, &err), 0);
		CHECK(back.incarnation == 0 && back.counter == 0 &&
		    back.need == NULL);
	}
	sada_self_release(&s);
	wipe();
}

static void
test_wants(void)
{
	struct sada_wants w = { 0 }, back;
	struct sada_want one = { 0 };
	unsigned char model[3][64] = { { 0 } };
	static const uint8_t type[] = {
		SADA_OBJ_CHUNK, SADA_OBJ_LIST, SADA_OBJ_ANC };
	struct sada_err err;
	char path[100];
	size_t i, t, k, n;
	int fd;

	CHECK_INT(sada_wants_load(&back, sdir, &err), 0);
	for (i = 0; i < 2000; i++) {
		t = tap_below(3);
		k = tap_below(64);
		if (tap_below(3) > 0 || w.n == 0) {
			one.type = type[t];
			one.id.b[3] = (unsigned char)k;
			one.size = t == 2 ? 0 : INT64_MAX - k;
			sada_wants_add(&w, &one);
			model[t][k] = 1;
			continue;
		}
		k = tap_below(w.n);
		for (t = 0; type[t] != w.w[k].type; t++)
			;
		model[t][w.w[k].id.b[3]] = 0;
		sada_wants_drop(&w, k);
	}
	for (n = 0, t = 0; t < 3; t++)
		for (k = 0; k < 64; k++)
			if (model[t][k]) {
				CHECK(n < w.n && w.w[n].type == type[t] &&
				    w.w[n].id.b[3] == k);
				n++;
			}
	CHECK_INT(n, w.n);
	CHECK_INT(sada_wants_save(&w, sdir, &err), 0);
	CHECK_INT(sada_wants_load(&back, sdir, &err), 1);
	CHECK_INT(back.n, w.n);
	for (i = 0; i < back.n; i++)
		CHECK(back.w[i].type == w.w[i].type &&
		    back.w[i].size == w.w[i].size &&
		    sada_id_cmp(&back.w[i].id, &w.w[i].id) == 0);
	sada_wants_release(&back);
	(void)snprintf(path, sizeof(path), "%s/wants", dir);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, "3", 1, 18) == 1);
	close(fd);
	CHECK_INT(sada_wants_load(&back, sdir, &err), 0);
	CHECK(back.w == NULL);
	sada_wants_release(&w);
	CHECK_INT(sada_wants_save(&w, sdir, &err), 0);
	CHECK_INT(sada_wants_load(&back, sdir, &err), 1);
	CHECK_INT(back.n, 0);
	wipe();
}

static void
test_sents(void)
{
	struct sada_sents s = { 0 }, back;
	struct sada_err err;
	size_t i;

	CHECK_INT(sada_sents_load(&back, sdir, &err), 0);
	s.s = sada_grow(s.s, &s.cap, 5, sizeof(*s.s));
	s.n = 5;
	memset(s.s, 0, 5 * sizeof(*s.s));
	for (i = 0; i < 5; i++) {
		(void)snprintf(s.s[i].mark, sizeof(s.s[i].mark), "%032x",
		    (unsigned)(i * 77));
		(void)snprintf(s.s[i].file, sizeof(s.s[i].file),
		    "%032x.sada", 0xfffffff0u + (unsigned)i);
		s.s[i].what.b[i] = 3;
		s.s[i].to.b[31] = (unsigned char)i;
	}
	CHECK_INT(sada_sents_save(&s, sdir, &err), 0);
	CHECK_INT(sada_sents_load(&back, sdir, &err), 1);
	CHECK_INT(back.n, 5);
	CHECK(memcmp(back.s, s.s, 5 * sizeof(*s.s)) == 0);
	sada_sents_release(&back);
	sada_sents_release(&s);
	wipe();
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(12);
	sada_key_new(&key);
	CHECK(mkdtemp(dir) != NULL);
	sdir = open(dir, O_RDONLY | O_DIRECTORY);
	test_acks();
	test_self();
	test_wants();
	test_sents();
	close(sdir);
	CHECK_INT(rmdir(dir), 0);
	sada_key_free(key);
	return tap_done();
}
