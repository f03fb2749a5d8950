/*
 * The file system in memory against the kernel's: the same random calls
 * must have the same results and errors, name by name and byte by byte.
 * And what a crash may leave of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfs.h"
#include "tap.h"

#define ROUNDS 300
#define CALLS 400
#define HANDLES 12

static const struct sada_io_ops *real, *mem;

/* The same handle on both sides; -1 when it is closed. */
struct pair {
	int r, m;
};

static struct {
	struct pair h[HANDLES];		/* 0 is the root */
	char text[200];			/* the call under way */
	long calls, errors;
} both;

static const char *
name(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", ".",
	    "..", "l" };

	return names[tap_below(20) == 0 ? 5 + tap_below(3) : tap_below(5)];
}

static const char *
path(void)
{
	static const char *const paths[] = { "a/b", "a/b/c", "d/../d", "l/a",
	    "../a", "a/", "/etc", "a/./b", "a//b", ".", "b/l" };

	return tap_below(2) == 0 ? name() : paths[tap_below(11)];
}

/* Results X and Y of a call: errors by errno; else equal when SAME. */
static int
judge(long x, int ex, long y, int ey, int same)
{
	int ok = (x < 0) == (y < 0) && (x >= 0 || ex == ey) &&
	    (x < 0 || !same || x == y);

	both.calls++;
	both.errors += x < 0;
	if (!ok)
		printf("# %s: kernel %ld (%s), memory %ld (%s)\n", both.text,
		    x, x < 0 ? strerror(ex) : "", y, y < 0 ? strerror(ey) :
		    "");
	CHECK(ok);
	return ok && x >= 0;
}

#define BOTH(same, call_r, call_m) do {					\
	long x_, y_;							\
	int ex_, ey_;							\
	errno = 0;							\
	x_ = (long)(call_r);						\
	ex_ = errno;							\
	errno = 0;							\
	y_ = (long)(call_m);						\
	ey_ = errno;							\
	done = judge(x_, ex_, y_, ey_, same);				\
	(void)done;							\
} while (0)

static void
say(const char *what, const char *a, const char *b, long n)
{
	(void)snprintf(both.text, sizeof(both.text), "%s %s %s %lx", what, a,
	    b, n);
}

static void
try_open(struct pair *d)
{
	static const int flags[] = { O_RDONLY, O_RDWR, O_WRONLY | O_CREAT,
	    O_RDWR | O_CREAT | O_EXCL, O_RDONLY | O_DIRECTORY,
	    O_RDWR | O_TRUNC, O_PATH, O_PATH | O_NOFOLLOW };
	int f = flags[tap_below(8)], i, done, k = (int)tap_below(3);
	const char *p = k == 0 ? path() : name();
	struct pair got = { -1, -1 };
	uint64_t how = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

	for (i = 1; i < HANDLES && both.h[i].r >= 0; i++)
		continue;
	/* Above the root the two are not the same. */
	if (i == HANDLES || (k != 0 && strcmp(p, "..") == 0))
		return;
	say(k == 0 ? "openat2" : "openat", p, "", f);
	if (k == 0) {
		f &= ~(O_CREAT | O_EXCL);
		BOTH(0, got.r = real->openat2(d->r, p, f, 0, how),
		    got.m = mem->openat2(d->m, p, f, 0, how));
	} else {
		f |= O_NOFOLLOW;
		BOTH(0, got.r = real->openat(d->r, p, f, 0644),
		    got.m = mem->openat(d->m, p, f, 0644));
	}
	if (done)
		both.h[i] = got;
}

static void
try_stat(struct pair *d)
{
	struct sada_stat s, t;
	const char *n = tap_below(3) == 0 ? "" : name();
	int flags = AT_SYMLINK_NOFOLLOW | (*n == '\0' ? AT_EMPTY_PATH : 0);
	int done;

	memset(&s, 0, sizeof(s));
	memset(&t, 0, sizeof(t));
	say("statx", n, "", 0);
	BOTH(1, real->statx(d->r, n, flags, &s), mem->statx(d->m, n, flags,
	    &t));
	if (!done || strcmp(n, "..") == 0)
		return;
	CHECK_INT(s.kind, t.kind);
	if (s.kind != S_IFLNK)
		CHECK_INT(s.mode, t.mode);
	if (s.kind != S_IFDIR)
		CHECK_INT(s.size, t.size);
	CHECK_INT(s.nlink, t.nlink);
	CHECK_INT(s.uid, t.uid);
}

/* The names of a directory, sorted, as one text. */
static void
names_of(const struct sada_io_ops *ops, int fd, char *out)
{
	char name_at[40][8], b[200];
	unsigned short len;
	size_t n = 0, i, k;
	ssize_t got, at;

	*out = '\0';
	if (ops->lseek(fd, 0, SEEK_SET) != 0)
		return;
	while ((got = ops->getdents(fd, b, sizeof(b))) > 0)
		for (at = 0; at < got; at += len) {
			memcpy(&len, b + at + 16, 2);
			(void)snprintf(name_at[n++ % 40], 8, "%c%.6s",
			    'A' + b[at + 18], b + at + 19);
		}
	for (i = 0; i < n; i++)
		for (k = i + 1; k < n; k++)
			if (strcmp(name_at[i], name_at[k]) > 0) {
				memcpy(b, name_at[i], 8);
				memcpy(name_at[i], name_at[k], 8);
				memcpy(name_at[k], b, 8);
			}
	for (i = 0; i < n; i++)
		(void)snprintf(out + strlen(out), 8, "%.7s", name_at[i]);
}

static void
try_bytes(struct pair *f)
{
	char x[300], y[300];
	size_t n = tap_below(200);
	off_t off = (off_t)tap_below(300);
	struct sada_stat st;
	int done, whence;
	void *p, *q;

	memset(x, (int)tap_below(256), sizeof(x));
	memset(y, 0, sizeof(y));
	switch (tap_below(8)) {
	case 0:
		say("write", "", "", (long)n);
		BOTH(1, real->write(f->r, x, n), mem->write(f->m, x, n));
		break;
	case 1:
		say("pwrite", "", "", (long)off);
		BOTH(1, real->pwrite(f->r, x, n, off),
		    mem->pwrite(f->m, x, n, off));
		break;
	case 2:
		say("read", "", "", (long)n);
		BOTH(1, real->read(f->r, x, n), mem->read(f->m, y, n));
		break;
	case 3:
		memset(x, 0, sizeof(x));
		say("pread", "", "", (long)off);
		BOTH(1, real->pread(f->r, x, n, off),
		    mem->pread(f->m, y, n, off));
		if (done)
			CHECK(memcmp(x, y, n) == 0);
		break;
	case 4:
		say("ftruncate", "", "", (long)off);
		BOTH(1, real->ftruncate(f->r, off),
		    mem->ftruncate(f->m, off));
		break;
	case 5:
		/* Where listings stand is for each file system to say. */
		if (mem->statx(f->m, "", AT_EMPTY_PATH, &st) == 0 &&
		    st.kind == S_IFDIR)
			break;
		whence = tap_below(2) == 0 ? SEEK_END : SEEK_SET;
		say("lseek", "", "", whence);
		BOTH(0, real->lseek(f->r, off, whence),
		    mem->lseek(f->m, off, whence));
		break;
	case 6:
		say("fsync", "", "", 0);
		BOTH(1, real->fsync(f->r), mem->fsync(f->m));
		break;
	default:
		p = real->mmap(f->r, 100);
		q = mem->mmap(f->m, 100);
		CHECK((p == MAP_FAILED) == (q == MAP_FAILED));
		/* Beyond the end of the file a page would fault. */
		if (p != MAP_FAILED && real->pread(f->r, x, 100, 0) == 100)
			CHECK(memcmp(p, q, 100) == 0);
		if (p != MAP_FAILED)
			real->munmap(p, 100);
		if (q != MAP_FAILED)
			mem->munmap(q, 100);
		break;
	}
}

static void
try_names(struct pair *d, struct pair *e)
{
	static const unsigned flags[] = { 0, 1, 2 };
	const char *a = name(), *b = name();
	char x[400], y[400];
	unsigned f = flags[tap_below(3)];
	int done, rm = tap_below(2) == 0 ? AT_REMOVEDIR : 0;

	memset(x, 0, sizeof(x));
	memset(y, 0, sizeof(y));
	switch (tap_below(7)) {
	case 0:
	case 1:
		say("renameat2", a, b, (long)f);
		BOTH(1, real->renameat2(d->r, a, e->r, b, f),
		    mem->renameat2(d->m, a, e->m, b, f));
		break;
	case 2:
		say("unlinkat", a, "", rm);
		BOTH(1, real->unlinkat(d->r, a, rm),
		    mem->unlinkat(d->m, a, rm));
		break;
	case 3:
		say("mkdirat", a, "", 0);
		BOTH(1, real->mkdirat(d->r, a, 0755),
		    mem->mkdirat(d->m, a, 0755));
		break;
	case 4:
		say("symlinkat", a, b, 0);
		BOTH(1, real->symlinkat(b, d->r, a),
		    mem->symlinkat(b, d->m, a));
		break;
	case 5:
		say("readlinkat", a, "", 0);
		BOTH(1, real->readlinkat(d->r, a, x, 100),
		    mem->readlinkat(d->m, a, y, 100));
		CHECK_STR(x, y);
		break;
	default:
		names_of(real, d->r, x);
		names_of(mem, d->m, y);
		CHECK_STR(x, y);
		break;
	}
}

static void
try_rest(struct pair *f)
{
	static const int locks[] = { LOCK_EX, LOCK_SH, LOCK_UN };
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 77, 5 } };
	struct sada_stat s, t;
	int done, k = locks[tap_below(3)];
	mode_t mode = (mode_t)tap_below(01000);

	switch (tap_below(4)) {
	case 0:
		say("fchmod", "", "", mode);
		BOTH(1, real->fchmod(f->r, mode), mem->fchmod(f->m, mode));
		break;
	case 1:
		say("utimensat", "", "", 0);
		BOTH(1, real->utimensat(f->r, "", ts, AT_EMPTY_PATH |
		    AT_SYMLINK_NOFOLLOW), mem->utimensat(f->m, "", ts,
		    AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
		if (done && mem->statx(f->m, "", AT_EMPTY_PATH, &s) == 0 &&
		    real->statx(f->r, "", AT_EMPTY_PATH, &t) == 0)
			CHECK(s.mtime_s == t.mtime_s && s.mtime_s == 77 &&
			    s.mtime_ns == 5 && t.mtime_ns == 5);
		break;
	case 2:
		say("flock", "", "", k);
		BOTH(1, real->flock(f->r, k | LOCK_NB),
		    mem->flock(f->m, k | LOCK_NB));
		break;
	default:
		if (f == &both.h[0])
			break;
		say("close", "", "", 0);
		BOTH(1, real->close(f->r), mem->close(f->m));
		f->r = f->m = -1;
		break;
	}
}

static void
compare_round(const char *dir, long round)
{
	char sub[120], at[40];
	struct pair *d, *e;
	int i;

	(void)snprintf(sub, sizeof(sub), "%s/%ld", dir, round);
	(void)snprintf(at, sizeof(at), "/m%ld", round);
	CHECK(mkdir(sub, 0755) == 0);
	(void)memfs_mkdir(at, 0755);
	both.h[0].r = open(sub, O_RDONLY | O_DIRECTORY);
	both.h[0].m = mem->openat(AT_FDCWD, at, O_RDONLY | O_DIRECTORY, 0);
	for (i = 1; i < HANDLES; i++)
		both.h[i].r = both.h[i].m = -1;
	for (i = 0; i < CALLS && tap.failed < 10; i++) {
		d = &both.h[tap_below(HANDLES)];
		e = &both.h[tap_below(HANDLES)];
		if (d->r < 0)
			d = &both.h[0];
		if (e->r < 0)
			e = &both.h[0];
		switch (tap_below(6)) {
		case 0:
			try_open(d);
			break;
		case 1:
			try_stat(d);
			break;
		case 2:
			try_bytes(d);
			break;
		case 3:
		case 4:
			try_names(d, e);
			break;
		default:
			try_rest(d);
			break;
		}
	}
	for (i = 0; i < HANDLES; i++)
		if (both.h[i].r >= 0) {
			real->close(both.h[i].r);
			mem->close(both.h[i].m);
		}
	(void)memfs_remove(at);
	CHECK_INT(memfs_open_count(), 0);
}

/* ---- crashes ---- */

static int
put(int d, const char *n, const char *text, int sync)
{
	int fd = mem->openat(d, n, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (mem->write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    (sync && mem->fsync(fd) != 0))
		return -1;
	return mem->close(fd);
}

/* A file is published as it should be, and one as it should not. */
static void
crash_round(uint64_t seed, long *kept, long *torn, long *gone)
{
	const unsigned char *p;
	size_t n;
	int disk = memfs_disk("/d"), d;

	d = mem->openat(AT_FDCWD, "/d", O_RDONLY | O_DIRECTORY, 0);
	CHECK(put(d, "tmp", "new content", 1) == 0);
	CHECK(mem->renameat2(d, "tmp", d, "good", 0) == 0);
	CHECK(mem->fsync(d) == 0);
	CHECK(put(d, "tmp", "bad content", 0) == 0);
	CHECK(mem->renameat2(d, "tmp", d, "bad", 0) == 0);
	memfs_arm_crash(1);
	CHECK(mem->fsync(d) == -1 && errno == EIO && memfs_dead());
	memfs_crash(disk, MEMFS_POWER, seed);
	p = memfs_bytes("/d/good", &n);
	CHECK(p != NULL && n == 11 && memcmp(p, "new content", n) == 0);
	p = memfs_bytes("/d/bad", &n);
	*gone += p == NULL;
	*kept += p != NULL && n == 11 && memcmp(p, "bad content", n) == 0;
	*torn += p != NULL && (n != 11 || memcmp(p, "bad content", n) != 0);
	/* One step: never both names. */
	CHECK(p == NULL || memfs_kind("/d/tmp") == 0);
}

static void
check_crashes(void)
{
	long kept = 0, torn = 0, gone = 0, i;

	for (i = 0; i < 200; i++) {
		memfs_begin((uint64_t)i);
		crash_round((uint64_t)i, &kept, &torn, &gone);
		memfs_end();
	}
	printf("# without a sync: kept %ld torn %ld gone %ld\n", kept, torn,
	    gone);
	CHECK(kept > 10 && torn > 10 && gone > 10);
}

/* A full disk refuses and goes on when there is room. */
static void
check_full(void)
{
	static char big[5000];
	int disk, fd;

	memfs_begin(1);
	disk = memfs_disk("/d");
	fd = mem->openat(AT_FDCWD, "/d/f", O_WRONLY | O_CREAT, 0644);
	memfs_room(disk, 3000);
	CHECK_INT(mem->write(fd, big, sizeof(big)), 3000);
	CHECK(mem->write(fd, big, 1) == -1 && errno == ENOSPC);
	CHECK(mem->openat(AT_FDCWD, "/d/g", O_WRONLY | O_CREAT, 0644) ==
	    -1 && errno == ENOSPC && memfs_was_full(disk));
	memfs_room(disk, UINT64_MAX);
	CHECK_INT(mem->write(fd, big, sizeof(big)), 5000);
	memfs_arm_fail(2, EDQUOT, 0);
	CHECK_INT(mem->write(fd, big, 1), 1);
	CHECK(mem->write(fd, big, 1) == -1 && errno == EDQUOT);
	CHECK_INT(mem->write(fd, big, 1), 1);
	CHECK(memfs_fired() != NULL && memfs_calls() == 3);
	memfs_arm_none();
	CHECK_INT(mem->close(fd), 0);
	memfs_end();
}

/* Copies: the same bytes, and inodes as asked for. */
static void
check_copies(void)
{
	struct sada_stat s, t;
	uint64_t over;

	memfs_begin(1);
	(void)memfs_mkdir("/x", 0755);
	(void)memfs_mkdir("/x/d", 0700);
	(void)memfs_put("/x/d/f", "one", 3, 0600);
	memfs_clock_add(1000000000);
	CHECK(memfs_copy("/x", "/y", MEMFS_SAME) == 0);
	CHECK(mem->statx(AT_FDCWD, "/x/d/f", 0, &s) == 0 &&
	    mem->statx(AT_FDCWD, "/y/d/f", 0, &t) == 0);
	CHECK(memcmp(&s, &t, sizeof(s)) == 0);
	CHECK(memfs_copy("/x", "/z", MEMFS_NEW) == 0);
	CHECK(mem->statx(AT_FDCWD, "/z/d/f", 0, &t) == 0);
	CHECK(s.ino != t.ino && s.btime_s != t.btime_s &&
	    s.mtime_s == t.mtime_s && s.mode == t.mode);
	over = t.ino;
	(void)memfs_put("/x/d/f", "three", 5, 0600);
	CHECK(memfs_copy("/x", "/z", MEMFS_OVER) == 0);
	CHECK(mem->statx(AT_FDCWD, "/z/d/f", 0, &t) == 0 && t.size == 5 &&
	    t.ino == over);
	memfs_end();
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS"), *shm = "/dev/shm";
	long i, rounds = s != NULL && *s != '\0' ? strtol(s, NULL, 0) :
	    ROUNDS;
	char dir[80], cmd[200];

	(void)snprintf(dir, sizeof(dir), "%s/sada-memfs-XXXXXX",
	    access(shm, W_OK) == 0 ? shm : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)umask(022);
	real = sada_io_ops();
	mem = memfs_ops();
	tap_seed(1);
	memfs_begin(1);
	for (i = 0; i < rounds && tap.failed < 10; i++)
		compare_round(dir, i);
	memfs_end();
	printf("# calls %ld, of them errors %ld\n", both.calls, both.errors);
	check_crashes();
	check_full();
	check_copies();
	(void)snprintf(cmd, sizeof(cmd), "chmod -R u+rwX %s; rm -rf %s", dir,
	    dir);
	CHECK(system(cmd) == 0);
	return tap_done();
}
