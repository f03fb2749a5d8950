/* Scan: what is strange, unreadable, elsewhere, ignored, or in motion. */
#include "disk_scan_util.h"

static struct sada_io_ops ops;
static const char *target;	/* a name, or the end of a path */
static int target_errno;
static long turns;

/* Calls as the system's, to be changed one by one. */
static void
ops_start(void)
{
	sada_io_use(NULL);
	ops = *sada_io_ops();
	turns = 0;
	sada_io_use(&ops);
}

static void
test_names(void)
{
	static const char *const store[] = {
		".SADA", ".sada ", ".sada.", "SADA~1", ".Sada", ".sada::$DATA"
	};
	char name[300];
	long want = 0;
	size_t i;

	sc_open();
	sc_mkdir("dir");
	for (i = 1; i < 256; i++) {
		if (i == '/' || i == '.')
			continue;
		snprintf(name, sizeof(name), "%c", (int)i);
		sc_put(name, "x");
		snprintf(name, sizeof(name), "dir/%c", (int)i);
		sc_put(name, "y");
		want += 2;
	}
	memset(name, 'n', 255);
	name[255] = '\0';
	sc_put(name, "");
	sc_put("a\nb", "");
	sc_put("\xc3\x28 \xff", "");
	sc_put("...", "");
	sc_put(" ", "again");
	want += 4;
	for (i = 0; i < sizeof(store) / sizeof(store[0]); i++) {
		sc_put(store[i], "");
		snprintf(name, sizeof(name), "dir/%s", store[i]);
		sc_put(name, "");
	}
	sc_mkdir("dir/.sada");
	sc_put("dir/.sada/x", "");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), want + 2);
	CHECK_INT(sc_count(0), 2 * 6 + 1);
	CHECK_INT(sc.res.skipped, 2 * 6 + 1);
	CHECK(sc_find("dir/.sada", 0) != NULL);
	CHECK(sc_find("dir/.sada/x", 0) == NULL);
	CHECK(sc_find(".sada", 0) == NULL);
	/* They are told each time, and are no difference. */
	sc_settle();
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
	CHECK_INT(sc_count(0), 2 * 6 + 1);
	CHECK_INT(sc.res.written, 0);
}

/* As deep as paths go, and deeper. */
static void
test_deep(void)
{
	int fd, next, i;

	sc_open();
	fd = dup(sc.root);
	for (i = 0; i < 140; i++) {
		assert(mkdirat(fd, "d", 0755) == 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		assert(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), 128 + 1);
	CHECK_INT(sc_count(0), 1);
	sc_settle();
	CHECK_INT(sc_count(0), 1);
	sc_open();
	fd = dup(sc.root);
	for (i = 0; i < 20; i++) {
		char name[256];

		memset(name, 'n', 255);
		name[255] = '\0';
		assert(mkdirat(fd, name, 0755) == 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		assert(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), 15 + 1 + 1);
	CHECK_INT(sc_count(0), 1);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
}

static void
test_special(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int s;

	sc_open();
	sc_put("a", "1");
	sc_mkdir("d");
	sc_put("d/x", "2");
	assert(mkfifoat(sc.root, "fifo", 0600) == 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/sock", sc.dir);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	assert(s >= 0 && bind(s, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), 4);
	CHECK_INT(sc_count(0), 2);
	CHECK(sc_find("fifo", 0) != NULL && sc_find("sock", 0) != NULL);
	CHECK_INT(sc.res.special, 2);
	CHECK_INT(sc.res.skipped, 0);
	/* What was recorded and is special now stays, with what is below. */
	sc_rm(sc.root, "a");
	sc_rm(sc.root, "d");
	assert(mkfifoat(sc.root, "a", 0600) == 0);
	assert(mkfifoat(sc.root, "d", 0600) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("a"), SADA_FOUND_KEPT);
	CHECK_INT(sc_found("d"), SADA_FOUND_KEPT);
	CHECK_INT(sc_found("d/x"), 0);
	CHECK_INT(sc_count(0), 4);
	CHECK_INT(sc.res.special, 2);
	CHECK_INT(sc.res.skipped, 2);
	CHECK_INT(sc_count(SADA_FOUND_GONE), 0);
	CHECK_INT(sc.res.rows, 4);
	sc_rm(sc.root, "d");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("d"), SADA_FOUND_GONE);
	CHECK_INT(sc_found("d/x"), SADA_FOUND_GONE);
	CHECK_INT(sc.res.rows, 2);
	close(s);
}

static int
bad_openat2(int dfd, const char *path, int flags, uint64_t mode,
    uint64_t resolve)
{
	size_t n = strlen(path), k = strlen(target);

	if (n >= k && strcmp(path + n - k, target) == 0) {
		errno = target_errno;
		return -1;
	}
	return sc_real_ops.openat2(dfd, path, flags, mode, resolve);
}

static int
bad_openat(int dfd, const char *name, int flags, mode_t mode)
{
	if (strcmp(name, target) == 0) {
		errno = target_errno;
		return -1;
	}
	return openat(dfd, name, flags, mode);
}

static int
bad_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	if (strcmp(name, target) == 0) {
		errno = target_errno;
		return -1;
	}
	return sc_real_ops.statx(dfd, name, flags, st);
}

static int
mount_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	int rc = sc_real_ops.statx(dfd, name, flags, st);

	if (rc == 0 && strcmp(name, target) == 0)
		st->mnt++;
	return rc;
}

static void
test_unreadable(void)
{
	static const int codes[] = { EACCES, EIO, EPERM, ESTALE };
	size_t i;

	sada_io_use(NULL);
	sc_real_ops = *sada_io_ops();
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		target_errno = codes[i];
		/* New: told and skipped, and seen once it can be read. */
		sc_open();
		sc_put("a", "1");
		sc_mkdir("bad");
		sc_put("bad/x", "2");
		sc_mkdir("bad/sub");
		sc_put("bad/sub/y", "3");
		ops_start();
		ops.openat2 = bad_openat2;
		target = "bad";
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_count(SADA_FOUND_NEW), 2);
		CHECK(sc_find("bad", 0) != NULL);
		sada_io_use(NULL);
		sc_count_calls(100);
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_count(SADA_FOUND_NEW), 4);
		CHECK_INT(sc_found("bad/sub/y"), SADA_FOUND_NEW);
		/* Recorded: kept, whatever changed inside. */
		sc_settle();
		sc_put("bad/x", "other");
		sc_put("bad/new", "");
		ops_start();
		ops.openat2 = bad_openat2;
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("bad"), SADA_FOUND_KEPT);
		CHECK_INT(sc_real(), 1);
		CHECK_INT(sc.res.rows, 6);
		sada_io_use(NULL);
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("bad/x"), SADA_FOUND_CHANGED);
		CHECK_INT(sc_found("bad/new"), SADA_FOUND_NEW);
		/* The same of a file. */
		target = "f";
		sc_put("f", "1");
		ops_start();
		ops.openat = bad_openat;
		CHECK_INT(sc_scan(), 0);
		CHECK(sc_find("f", 0) != NULL && sc_found("f") == 0);
		sada_io_use(NULL);
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("f"), SADA_FOUND_NEW);
		sc_put("f", "22");
		ops_start();
		ops.openat = bad_openat;
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("f"), SADA_FOUND_KEPT);
		ops_start();
		ops.statx = bad_statx;
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("f"), SADA_FOUND_KEPT);
		sada_io_use(NULL);
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("f"), SADA_FOUND_CHANGED);
	}
	/* Out of handles is no fault of the name. */
	target_errno = EMFILE;
	sc_put("f", "333");
	ops_start();
	ops.openat = bad_openat;
	CHECK_INT(sc_scan(), SADA_SYS);
	ops_start();
	ops.openat2 = bad_openat2;
	target = "bad";
	CHECK_INT(sc_scan(), SADA_SYS);
	sada_io_use(NULL);
}

static void
test_mount(void)
{
	sc_open();
	sc_mkdir("m");
	sc_put("m/x", "1");
	sc_put("f", "1");
	ops_start();
	ops.statx = mount_statx;
	target = "m";
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), 2);
	CHECK(sc_find("m", 0) != NULL);
	sada_io_use(NULL);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("m/x"), SADA_FOUND_NEW);
	ops_start();
	ops.statx = mount_statx;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("m"), SADA_FOUND_KEPT);
	CHECK_INT(sc_real(), 1);
	/* openat2 says it when the kernel knows no mount ids. */
	ops_start();
	ops.openat2 = bad_openat2;
	target_errno = EXDEV;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("m"), SADA_FOUND_KEPT);
	sada_io_use(NULL);
}

/* ---- files in motion ---- */

static void
append(const char *name, const char *text)
{
	int fd = openat(sc.root, name, O_WRONLY | O_APPEND);

	assert(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

/* After each read the log has a line more. */
static ssize_t
growing_pread(int fd, void *p, size_t n, off_t off)
{
	ssize_t k = pread(fd, p, n, off);

	append("log", "line\n");
	turns++;
	return k;
}

/* Each read finds other bytes. */
static ssize_t
restless_pread(int fd, void *p, size_t n, off_t off)
{
	char text[32];

	turns++;
	snprintf(text, sizeof(text), "%c%.*s", 'a' + (int)(turns % 26),
	    8 + (int)(turns % 5), "............");
	sc_put("log", text);
	return pread(fd, p, n, off);
}

/* At the first read another file takes the name. */
static ssize_t
replaced_pread(int fd, void *p, size_t n, off_t off)
{
	if (turns++ == 0) {
		sc_put("log.new", "the new one");
		assert(renameat(sc.root, "log.new", sc.root, "log") == 0);
	}
	return pread(fd, p, n, off);
}

/* At the first read the file loses its end. */
static ssize_t
shrinking_pread(int fd, void *p, size_t n, off_t off)
{
	if (turns++ == 0)
		sc_put("log", "x");
	return pread(fd, p, n, off);
}

static int
content_is(const char *path, const char *text)
{
	struct told *t = sc_find(path, 1);
	struct sada_id id;

	sada_hash(&id, SADA_CTX_CHUNK, text, strlen(text));
	return t != NULL && t->row.size == strlen(text) &&
	    sada_id_cmp(&t->row.content, &id) == 0;
}

static void
test_motion(void)
{
	struct sada_stat st;
	struct sada_id id;

	sc_open();
	sc_put("log", "first\n");
	ops_start();
	ops.pread = growing_pread;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("log"), SADA_FOUND_NEW);
	CHECK(content_is("log", "first\n"));
	CHECK_INT(turns, 2);
	CHECK_INT(sada_disk_content(&id, &st, sc.root, "log", &sc.err),
	    SADA_AGAIN);
	sada_io_use(NULL);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("log"), SADA_FOUND_CHANGED);
	CHECK_INT(sada_disk_content(&id, &st, sc.root, "log", &sc.err), 0);
	CHECK_INT(sada_disk_content(&id, &st, sc.root, "no", &sc.err),
	    SADA_NOTFOUND);
	/* It keeps changing: kept, or skipped when new. */
	sc_put("log", "zzz");
	ops_start();
	ops.pread = restless_pread;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("log"), SADA_FOUND_KEPT);
	CHECK(sc_find("log", 0) != NULL);
	sc_open();
	sc_put("log", "zzz");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("log"), 0);
	CHECK(sc_find("log", 0) != NULL);
	sada_io_use(NULL);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("log"), SADA_FOUND_NEW);
	/* Replaced: one of the two, whole; then the new one. */
	sc_put("log", "the old one!");
	ops_start();
	ops.pread = replaced_pread;
	CHECK_INT(sc_scan(), 0);
	CHECK(content_is("log", "the new one") ||
	    content_is("log", "the old one!"));
	sada_io_use(NULL);
	CHECK_INT(sc_scan(), 0);
	CHECK(sc_found("log") == 0 || sc_found("log") == SADA_FOUND_STAT ||
	    content_is("log", "the new one"));
	sc_put("log", "much longer than it will be");
	ops_start();
	ops.pread = shrinking_pread;
	CHECK_INT(sc_scan(), 0);
	CHECK(content_is("log", "x"));
	sada_io_use(NULL);
}

/* ---- ignore rules ---- */

static void
test_ignore(void)
{
	sc_open();
	sc_put(".sadaignore", "*.o\nbuild/\n.sadaignore\n");
	sc_put("a.o", "");
	sc_put("a.c", "");
	sc_mkdir("build");
	sc_put("build/x", "");
	sc_mkdir("d");
	sc_put("d/b.o", "");
	sc_put("d/keep.o", "");
	sc_put("d/.sadaignore", "!keep.o\n");
	sc_mkdir("d/e");
	sc_put("d/e/keep.o", "");
	sc_put("d/e/no.o", "");
	sc_mkdir(".git");
	sc_put(".git/config", "");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("a.o"), 0);
	CHECK_INT(sc_found("a.c"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("build"), 0);
	CHECK_INT(sc_found("build/x"), 0);
	CHECK_INT(sc_found("d/b.o"), 0);
	CHECK_INT(sc_found("d/keep.o"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/e/keep.o"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/e/no.o"), 0);
	CHECK_INT(sc_found(".git/config"), SADA_FOUND_NEW);
	CHECK_INT(sc_found(".sadaignore"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/.sadaignore"), SADA_FOUND_NEW);
	CHECK_INT(sc.res.ignored, 4);
	CHECK_INT(sc_count(0), 0);
	/* Nothing new: the rules are not even read. */
	sc_settle();
	sc_count_calls(100);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc.opens, 1);
	CHECK_INT(sc.n, 0);
	sada_io_use(NULL);
	/* A rule that changes in place brings names to light, far below. */
	sc_put("d/.sadaignore", "!keep.o\n!no.o\n");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("d/e/no.o"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/b.o"), 0);
	/* Rules do not bind what is recorded. */
	sc_settle();
	sc_put(".sadaignore", "*\n");
	sc_put("a.c", "2");
	sc_put("new", "");
	sc_put("d/new", "");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("a.c"), SADA_FOUND_CHANGED);
	CHECK_INT(sc_found("new"), 0);
	CHECK_INT(sc_found("d/new"), 0);
	CHECK_INT(sc_count(SADA_FOUND_GONE), 0);
	/* In a recorded directory that a rule hides, new names are hidden. */
	sc_put(".sadaignore", "d/\n");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("new"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/new"), 0);
	CHECK_INT(sc_found("a.o"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("build/x"), SADA_FOUND_NEW);
	/* No rules any more. */
	sc_settle();
	sc_rm(sc.root, ".sadaignore");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found(".sadaignore"), SADA_FOUND_GONE);
	CHECK_INT(sc_found("d/new"), SADA_FOUND_NEW);
	CHECK_INT(sc_found("d/b.o"), SADA_FOUND_NEW);
	/* A file of rules that is none, or no text, has no rules. */
	sc_mkdir("x");
	sc_mkdir("x/.sadaignore");
	sc_put("x/y", "");
	assert(symlinkat("../d", sc.root, ".sadaignore") == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("x/y"), SADA_FOUND_NEW);
	CHECK_INT(sc_found(".sadaignore"), SADA_FOUND_NEW);
	/* One that cannot be read: nothing new is recorded. */
	sc_rm(sc.root, ".sadaignore");
	sc_put(".sadaignore", "secret\n");
	sc_put("secret", "");
	ops_start();
	ops.openat = bad_openat;
	target = ".sadaignore";
	target_errno = EACCES;
	CHECK_INT(sc_scan(), SADA_SYS);
	sada_io_use(NULL);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("secret"), 0);
}

/* ---- what the caller answers ---- */

static int
none(const struct sada_item *it, struct sada_row *row)
{
	(void)it;
	(void)row;
	return 0;
}

static int
not_g(const struct sada_item *it, struct sada_row *row)
{
	(void)row;
	return strcmp(it->path, "g") != 0;
}

static int
only_files(const struct sada_item *it, struct sada_row *row)
{
	(void)row;
	return it->kind == SADA_FILE && it->found != SADA_FOUND_GONE;
}

static int
all(const struct sada_item *it, struct sada_row *row)
{
	(void)it;
	(void)row;
	return 1;
}

static int
stop(const struct sada_item *it, struct sada_row *row)
{
	(void)it;
	(void)row;
	return --turns == 0 ? SADA_GUARD : 1;
}

static void
test_answers(void)
{
	struct sada_work *w = NULL;
	struct stat st;
	long i, n;

	sc_open();
	sc_mkdir("a");
	sc_mkdir("a/b");
	sc_put("a/b/f", "1");
	sc_mkdir("empty");
	sc_put("g", "2");
	/* A dry one writes nothing. */
	sc.dry = 1;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_NEW), 6);
	CHECK(fstatat(sc.sdir, "work", &st, 0) != 0);
	CHECK(fstatat(sc.sdir, "work.new", &st, 0) != 0);
	sc.dry = 0;
	/* Nothing recorded is new again, also when W says so. */
	sc.answer = none;
	for (i = 0; i < 3; i++) {
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_count(SADA_FOUND_NEW), 6);
		CHECK_INT(sc.res.rows, 0);
	}
	/* Also when its directory does not change. */
	sc.answer = not_g;
	sc_count_calls(100);
	for (i = 0; i < 3; i++) {
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_found("g"), SADA_FOUND_NEW);
		CHECK_INT(sc.res.rows, 5);
	}
	sada_io_use(NULL);
	CHECK_INT(unlinkat(sc.sdir, "work", 0), 0);
	/* Directories that files need get a row. */
	sc.answer = only_files;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc.res.rows, 5);
	CHECK_INT(sada_work_open(&w, sc.sdir, "work", &sc.err), 0);
	CHECK_INT(sada_work_check(w, &sc.err), 0);
	sada_work_free(w);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("empty"), SADA_FOUND_NEW);
	/* Two seconds after it was written its time says more. */
	CHECK(sc_found("g") == 0 || sc_found("g") == SADA_FOUND_STAT);
	CHECK_INT(sc.res.rows, 5);
	/* Each stop, at each item, is clean. */
	sc.answer = NULL;
	CHECK_INT(sc_scan(), 0);
	sc_rm(sc.root, "a");
	sc_put("h", "");
	sc.answer = stop;
	turns = -1;
	sc.dry = 1;
	CHECK_INT(sc_scan(), 0);
	n = (long)sc.n;
	sc.dry = 0;
	CHECK(n >= 4);
	for (i = 1; i <= n; i++) {
		turns = i;
		CHECK_INT(sc_scan(), SADA_GUARD);
		CHECK(fstatat(sc.sdir, "work.new", &st, 0) != 0);
	}
	/* What is gone may keep its rows. */
	sc.answer = all;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_GONE), 3);
	CHECK_INT(sc.res.rows, 7);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_GONE), 3);
	CHECK_INT(sc_real(), 3);
	sc_put("a", "a file now");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_found("a"), SADA_FOUND_CHANGED);
	CHECK_INT(sc_found("a/b/f"), SADA_FOUND_GONE);
	CHECK_INT(sc.res.rows, 7);
	sc.answer = NULL;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_GONE), 2);
	CHECK_INT(sc.res.rows, 5);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(4242);
	umask(022);
	test_names();
	test_deep();
	test_special();
	test_unreadable();
	test_mount();
	test_motion();
	test_ignore();
	test_answers();
	sc_close();
	return tap_done();
}
