/* Scan: each call fails once, W is damaged, contents reach the store. */
#include "disk_scan_util.h"
#include "fault.h"

/*
 * Call n fails, for every n: the scan fails, or it goes on and nothing
 * that is there comes as gone, nothing changed is forgotten.
 */
static void
test_faults(void)
{
	static const int codes[] = { EIO, EACCES, ENOMEM };
	struct stat st;
	long n, fired;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fired = 0;
		for (n = 1; n < 400; n++) {
			sc_open();
			sc.threads = 1;
			sc_put("a", "1");
			sc_mkdir("d");
			sc_put("d/x", "2");
			sc_mkdir("d/e");
			sc_put("d/e/y", "3");
			sc_put("d/.sadaignore", "*.o\n");
			assert(symlinkat("a", sc.root, "l") == 0);
			CHECK_INT(sc_scan(), 0);
			sc_put("d/e/y", "33");
			sc_put("d/z", "4");
			sc_put("d/z.o", "4");
			fault_arm(n, codes[i], 0);
			rc = sc_scan();
			CHECK_INT(sc_count(SADA_FOUND_GONE), 0);
			CHECK(fault.fired != NULL || rc == 0);
			if (fault_disarm() == NULL)
				break;
			fired++;
			CHECK(rc <= 0);
			(void)unlinkat(sc.sdir, "work.new", 0);
			sc_log_free();
			CHECK(fstatat(sc.sdir, "work", &st, 0) == 0);
			{
				struct sada_work *w = NULL;
				struct sada_work_cursor *c = NULL;
				struct sada_row r;
				int y = 0, z = 0;

				CHECK_INT(sc_scan(), 0);
				CHECK_INT(sc_count(SADA_FOUND_GONE), 0);
				CHECK_INT(sada_work_open(&w, sc.sdir,
				    "work", &sc.err), 0);
				CHECK_INT(sada_work_cursor_open(&c, w,
				    &sc.err), 0);
				while (sada_work_cursor_next(c, &r,
				    &sc.err) > 0) {
					y += r.len == 5 && memcmp(r.path,
					    "d/e/y", 5) == 0 && r.size == 2;
					z += r.len == 3 && memcmp(r.path,
					    "d/z", 3) == 0;
				}
				CHECK_INT(y, 1);
				CHECK_INT(z, 1);
				CHECK_INT(sada_work_info(w)->rows, 9);
				sada_work_cursor_free(c);
				sada_work_free(w);
			}
		}
		printf("# errno %d: %ld calls failed\n", codes[i], fired);
		CHECK(fired > 40 && n < 400);
	}
}

/* Damage in W ends the scan, wherever it lies. */
static void
test_damaged(void)
{
	struct sada_buf b = { 0 };
	size_t i;
	int fd, rc;

	sc_open();
	sc_put("a", "1");
	sc_mkdir("d");
	sc_put("d/x", "2");
	sc_mkdir("d/e");
	sc_put("d/e/y", "3");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sada_io_slurp(sc.sdir, "work", 1 << 20, &b, &sc.err), 0);
	for (i = 0; i < b.len; i++) {
		b.p[i] ^= 0x10;
		fd = openat(sc.sdir, "work", O_WRONLY | O_TRUNC);
		assert(fd >= 0 && write(fd, b.p, b.len) == (ssize_t)b.len);
		close(fd);
		rc = sc_scan();
		CHECK(rc == SADA_FORMAT || (rc == SADA_VERSION && i >= 8 &&
		    i < 16));
		b.p[i] ^= 0x10;
	}
	sada_buf_release(&b);
}

/* Contents go into the store, each once, by whichever thread. */
static void
test_store(void)
{
	struct sada_store *s = NULL;
	struct sada_txn *t = NULL;
	struct sada_source src = { 0 };
	char name[32], text[64];
	size_t i;
	int dfd, fd;

	sc_open();
	assert(mkdirat(sc.sdir, "packs", 0700) == 0);
	dfd = openat(sc.sdir, "packs", O_RDONLY | O_DIRECTORY);
	assert(dfd >= 0);
	for (i = 0; i < 300; i++) {
		if (i % 10 == 0) {
			snprintf(name, sizeof(name), "d%zu", i / 10);
			sc_mkdir(name);
		}
		snprintf(name, sizeof(name), "d%zu/%zu", i / 10, i);
		snprintf(text, sizeof(text), "content %zu", i % 200);
		sc_put(name, text);
	}
	assert(symlinkat("d0/1", sc.root, "link") == 0);
	fd = openat(sc.root, "big", O_WRONLY | O_CREAT, 0644);
	for (i = 0; i < 400000; i++) {
		uint64_t v = tap_rand();

		assert(write(fd, &v, sizeof(v)) == sizeof(v));
	}
	close(fd);
	CHECK_INT(sada_store_open(&s, dfd, SADA_STORE_WRITE, &sc.err), 0);
	CHECK_INT(sada_txn_begin(&t, s, &sc.err), 0);
	sc.txn = t;
	sc.threads = 3;
	CHECK_INT(sc_scan(), 0);
	sc.txn = NULL;
	CHECK_INT(sada_txn_commit(t, &sc.err), 0);
	src.store = s;
	CHECK_INT(sc_count(SADA_FOUND_NEW), 1 + 30 + 300 + 2);
	for (i = 0; i < sc.n; i++)
		if (sc.log[i].row.kind != SADA_DIR)
			CHECK_INT(sada_file_held(&src,
			    &sc.log[i].row.content, sc.log[i].row.size,
			    &sc.err), 1);
	sada_store_free(s);
	close(dfd);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(99);
	umask(022);
	test_faults();
	test_damaged();
	test_store();
	sc_close();
	return tap_done();
}
