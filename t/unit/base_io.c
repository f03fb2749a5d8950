/* The door to files: every call once, every fault of publish and slurp. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "fault.h"
#include "tap.h"

static char top[64];

static int
dir_new(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/base_io.XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	return open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Write N bytes as NAME, without the library. */
static void
put(int d, const char *name, const void *p, size_t n)
{
	int fd = openat(d, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	(void)close(fd);
}

/* Is NAME exactly the N bytes at P? */
static int
holds(int d, const char *name, const void *p, size_t n)
{
	char got[8192];
	int fd = openat(d, name, O_RDONLY | O_CLOEXEC);
	ssize_t k;

	if (fd < 0)
		return 0;
	k = read(fd, got, sizeof(got));
	(void)close(fd);
	return k == (ssize_t)n && memcmp(got, p, n) == 0;
}

struct names {
	int n, temps, stop;
	size_t bytes;
};

static int
count(const struct sada_dirent *e, void *ctx)
{
	struct names *c = ctx;

	c->n++;
	c->bytes += e->len;
	c->temps += strncmp(e->name, ".tmp-", 5) == 0;
	CHECK(e->len == strlen(e->name) && e->name[0] != '\0');
	CHECK(e->type == DT_REG || e->type == DT_UNKNOWN ||
	    e->type == DT_DIR || e->type == DT_LNK || e->type == DT_FIFO);
	return c->stop != 0 && c->n == c->stop ? SADA_GUARD : 0;
}

static struct names
names(int d)
{
	struct names c = { 0 };
	struct sada_err err;

	CHECK_INT(sada_io_list(d, count, &c, &err), 0);
	return c;
}

static int
open_fds(void)
{
	DIR *dp = opendir("/proc/self/fd");
	int n = 0;

	while (dp != NULL && readdir(dp) != NULL)
		n++;
	if (dp != NULL)
		(void)closedir(dp);
	return n;
}

static void
test_open(int d)
{
	struct sada_err err;
	int fd, root;

	put(d, "f", "x", 1);
	CHECK(symlinkat("f", d, "link") == 0);
	CHECK(mkdirat(d, "dir", 0700) == 0);
	CHECK(symlinkat("dir", d, "dirlink") == 0);
	CHECK_INT(sada_io_open(&fd, d, "f", O_RDONLY, 0, &err), 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	sada_io_close(fd);
	CHECK_INT(sada_io_open(&fd, d, "none\n", O_RDONLY, 0, &err),
	    SADA_NOTFOUND);
	CHECK(err.code == SADA_NOTFOUND && err.sys == ENOENT && fd == -1);
	CHECK_STR(err.msg, "cannot open \"none\\n\": "
	    "No such file or directory");
	CHECK_INT(sada_io_open(&fd, d, "link", O_RDONLY, 0, &err), SADA_SYS);
	CHECK_INT(err.sys, ELOOP);
	CHECK_INT(sada_io_open(&fd, d, ".", O_RDONLY | O_DIRECTORY, 0, &err),
	    0);
	sada_io_close(fd);
	sada_io_close(-1);

	put(d, "dir/g", "y", 1);
	CHECK_INT(sada_io_open_below(&fd, d, "dir/g", O_RDONLY, &err), 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	sada_io_close(fd);
	CHECK_INT(sada_io_open_below(&fd, d, "", O_RDONLY, &err), 0);
	sada_io_close(fd);
	CHECK_INT(sada_io_open_below(&fd, d, ".", O_RDONLY, &err), 0);
	sada_io_close(fd);
	CHECK_INT(sada_io_open_below(&fd, d, "dirlink/g", O_RDONLY, &err),
	    SADA_SYS);
	CHECK_INT(err.sys, ELOOP);
	CHECK_INT(sada_io_open_below(&fd, d, "..", O_RDONLY, &err), SADA_SYS);
	CHECK_INT(err.sys, EXDEV);
	CHECK_INT(sada_io_open_below(&fd, d, "/etc/passwd", O_RDONLY, &err),
	    SADA_SYS);
	CHECK_INT(err.sys, EXDEV);
	CHECK_INT(sada_io_open_below(&fd, d, "f/x", O_RDONLY, &err),
	    SADA_NOTFOUND);
	CHECK_INT(sada_io_open_below(&fd, d, "dir/x", O_RDONLY, &err),
	    SADA_NOTFOUND);
	/* /proc is a mount everywhere, and has magic links. */
	CHECK_INT(sada_io_open_user(&root, "/", O_RDONLY, 0, &err), 0);
	CHECK_INT(sada_io_open_below(&fd, root, "proc", O_RDONLY, &err),
	    SADA_SYS);
	CHECK_INT(err.sys, EXDEV);
	sada_io_close(root);
	CHECK_INT(sada_io_open_user(&fd, top, O_RDONLY, 0, &err), 0);
	CHECK_INT(sada_io_close_checked(fd, &err), 0);
	CHECK_INT(sada_io_close_checked(fd, &err), SADA_SYS);
	CHECK_INT(err.sys, EBADF);
	CHECK_INT(sada_io_open_user(&fd, "/none/x", O_RDONLY, 0, &err),
	    SADA_NOTFOUND);
}

/* Reads and writes, whole and in pieces, at offsets and in pipes. */
static void
test_bytes(int d)
{
	unsigned char in[5000], out[5000];
	struct sada_err err;
	size_t got, i;
	int fd, pfd[2], cut;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)tap_rand();
	for (cut = 0; cut < 2; cut++) {
		fault.cut = cut;
		fault_arm(cut ? 3 : 0, EINTR, 0);
		CHECK_INT(sada_io_open(&fd, d, "b", O_RDWR | O_CREAT |
		    O_TRUNC, 0600, &err), 0);
		CHECK_INT(sada_io_write(fd, in, 3000, &err), 0);
		CHECK_INT(sada_io_pwrite(fd, in + 3000, 2000, 3000, &err),
		    0);
		CHECK_INT(sada_io_pread(fd, out, 5000, 0, &got, &err), 0);
		CHECK(got == 5000 && memcmp(in, out, got) == 0);
		CHECK_INT(sada_io_pread(fd, out, 5000, 4990, &got, &err), 0);
		CHECK(got == 10 && memcmp(in + 4990, out, got) == 0);
		CHECK_INT(sada_io_pread(fd, out, 1, 9999, &got, &err), 0);
		CHECK_INT(got, 0);
		CHECK_INT(sada_io_pread(fd, out, 1, UINT64_MAX, &got, &err),
		    SADA_SYS);
		CHECK_INT(err.sys, EOVERFLOW);
		CHECK_INT(sada_io_pwrite(fd, out, 2, INT64_MAX, &err),
		    SADA_SYS);
		CHECK_INT(sada_io_read(fd, out, 5000, &got, &err), 0);
		CHECK(got == 2000 && memcmp(in + 3000, out, got) == 0);
		CHECK_INT(sada_io_truncate(fd, 10, &err), 0);
		CHECK_INT(sada_io_pread(fd, out, 50, 0, &got, &err), 0);
		CHECK_INT(got, 10);
		CHECK_INT(sada_io_truncate(fd, UINT64_MAX, &err), SADA_SYS);
		sada_io_advise(fd, POSIX_FADV_SEQUENTIAL);
		sada_io_writeback(fd);
		CHECK_INT(sada_io_fsync(fd, "b", &err), 0);
		CHECK_INT(sada_io_fdatasync(fd, "b", &err), 0);
		CHECK_INT(sada_io_syncfs(fd, &err), 0);
		sada_io_close(fd);
		CHECK(!cut || fault_disarm() != NULL);
	}
	fault.cut = 0;
	sada_io_use(NULL);

	CHECK(pipe(pfd) == 0);
	CHECK_INT(sada_io_write(pfd[1], "abc", 3, &err), 0);
	CHECK_INT(sada_io_read_some(pfd[0], out, 100, &got, &err), 0);
	CHECK_INT(got, 3);
	CHECK_INT(sada_io_write(pfd[1], "defg", 4, &err), 0);
	sada_io_close(pfd[1]);
	CHECK_INT(sada_io_read(pfd[0], out, 100, &got, &err), 0);
	CHECK(got == 4 && memcmp(out, "defg", 4) == 0);
	sada_io_close(pfd[0]);
	CHECK_INT(sada_io_read(-1, out, 1, &got, &err), SADA_SYS);
	CHECK_INT(err.sys, EBADF);
}

static void
test_stat(int d)
{
	struct sada_stat st, st2;
	struct sada_err err;
	struct stat want;
	int fd;

	CHECK(fstatat(d, "f", &want, 0) == 0);
	CHECK_INT(sada_io_stat(d, "f", &st, &err), 0);
	CHECK(st.kind == S_IFREG && st.mode == 0600 && st.size == 1);
	CHECK(st.ino == want.st_ino && st.dev == want.st_dev);
	CHECK(st.nlink == 1 && st.uid == getuid());
	CHECK(st.mtime_s == want.st_mtim.tv_sec &&
	    st.mtime_ns == (uint32_t)want.st_mtim.tv_nsec);
	CHECK(st.ctime_s == want.st_ctim.tv_sec &&
	    st.blocks == (uint64_t)want.st_blocks);
	CHECK_INT(sada_io_open(&fd, d, "f", O_RDONLY, 0, &err), 0);
	CHECK_INT(sada_io_stat(fd, "", &st2, &err), 0);
	CHECK(memcmp(&st, &st2, sizeof(st)) == 0);
	CHECK_INT(sada_io_chmod(fd, 06755, &err), 0);
	CHECK_INT(sada_io_utime(fd, "", -5, 123456789, &err), 0);
	CHECK_INT(sada_io_stat(fd, "", &st2, &err), 0);
	CHECK_INT(st2.mode, 0755);
	CHECK(st2.mtime_s == -5 && st2.mtime_ns == 123456789);
	CHECK_INT(sada_io_utime(fd, "", 0, UTIME_NOW, &err), SADA_SYS);
	sada_io_close(fd);
	CHECK_INT(sada_io_utime(d, "link", 77, 1, &err), 0);
	CHECK_INT(sada_io_stat(d, "link", &st, &err), 0);
	CHECK(st.kind == S_IFLNK && st.mtime_s == 77);
	CHECK_INT(sada_io_stat(d, "f", &st, &err), 0);
	CHECK_INT(st.mtime_s, -5);
	CHECK_INT(sada_io_stat(d, "none", &st, &err), SADA_NOTFOUND);
	CHECK_INT(err.sys, ENOENT);
	CHECK_INT(sada_io_utime(d, "none", 0, 0, &err), SADA_SYS);
	CHECK_INT(err.code, SADA_SYS);
}

static void
test_names(int d)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	char big[4095];

	CHECK_INT(sada_io_mkdir(d, "m", 0700, &err), 0);
	CHECK_INT(sada_io_mkdir(d, "m", 0700, &err), SADA_SYS);
	CHECK_INT(err.sys, EEXIST);
	CHECK_INT(sada_io_unlink(d, "m", 0, &err), SADA_SYS);
	CHECK_INT(sada_io_unlink(d, "m", AT_REMOVEDIR, &err), 0);
	CHECK_INT(sada_io_unlink(d, "m", 0, &err), SADA_NOTFOUND);
	put(d, "r1", "1", 1);
	put(d, "r2", "2", 1);
	CHECK_INT(sada_io_rename(d, "r1", d, "r2", RENAME_NOREPLACE, &err),
	    SADA_SYS);
	CHECK_INT(err.sys, EEXIST);
	CHECK_STR(err.msg, "r2: cannot rename r1: File exists");
	CHECK_INT(sada_io_rename(d, "r1", d, "r2", RENAME_EXCHANGE, &err), 0);
	CHECK(holds(d, "r1", "2", 1) && holds(d, "r2", "1", 1));
	CHECK_INT(sada_io_rename(d, "r1", d, "r2", 0, &err), 0);
	CHECK_INT(sada_io_rename(d, "r1", d, "r2", 0, &err), SADA_NOTFOUND);
	CHECK_INT(sada_io_unlink(d, "r2", 0, &err), 0);

	CHECK_INT(sada_io_symlink("../x yz", 4, d, "s", &err), 0);
	sada_buf_adds(&b, ">");
	CHECK_INT(sada_io_readlink(d, "s", &b, &err), 0);
	CHECK_STR(sada_buf_str(&b), ">../x");
	CHECK_INT(sada_io_symlink("a\0b", 3, d, "s2", &err), SADA_SYS);
	CHECK_INT(sada_io_symlink("", 0, d, "s2", &err), SADA_SYS);
	CHECK_INT(sada_io_symlink("x", 1, d, "s", &err), SADA_SYS);
	CHECK_INT(err.sys, EEXIST);
	memset(big, 'q', sizeof(big));
	CHECK_INT(sada_io_symlink(big, sizeof(big), d, "s3", &err), 0);
	sada_buf_reset(&b);
	CHECK_INT(sada_io_readlink(d, "s3", &b, &err), 0);
	CHECK(b.len == sizeof(big) && memcmp(b.p, big, b.len) == 0);
	CHECK_INT(sada_io_readlink(d, "f", &b, &err), SADA_SYS);
	CHECK_INT(sada_io_readlink(d, "none", &b, &err), SADA_NOTFOUND);
	CHECK_INT(b.len, sizeof(big));
	CHECK_INT(sada_io_unlink(d, "s", 0, &err), 0);
	CHECK_INT(sada_io_unlink(d, "s3", 0, &err), 0);
	sada_buf_release(&b);
}

static void
test_list(int d)
{
	struct names c = { 0 };
	struct sada_err err;
	char name[256];
	size_t bytes = 0;
	int fd, i, k;

	CHECK(mkdirat(d, "many", 0700) == 0);
	fd = openat(d, "many", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(names(fd).n, 0);
	/* Long names, so that they do not fit into one reading. */
	for (i = 0; i < 600; i++) {
		k = snprintf(name, sizeof(name), "%d-%0*d", i,
		    1 + i % 200, 0);
		bytes += (size_t)k;
		CHECK(mknodat(fd, name, S_IFREG | 0600, 0) == 0);
	}
	for (i = 0; i < 2; i++) {
		c = names(fd);
		CHECK(c.n == 600 && c.bytes == bytes);
	}
	memset(&c, 0, sizeof(c));
	c.stop = 7;
	CHECK_INT(sada_io_list(fd, count, &c, &err), SADA_GUARD);
	CHECK_INT(c.n, 7);
	(void)close(fd);
	fd = openat(d, "f", O_RDONLY | O_CLOEXEC);
	CHECK_INT(sada_io_list(fd, count, &c, &err), SADA_SYS);
	CHECK_INT(err.sys, ENOTDIR);
	(void)close(fd);
}

/* Directory records as a broken file system might give them. */
static unsigned char forged[64];
static size_t forged_len;

static ssize_t
forged_getdents(int fd, void *p, size_t n)
{
	size_t k = forged_len < n ? forged_len : n;

	(void)fd;
	memcpy(p, forged, k);
	forged_len = 0;
	return (ssize_t)k;
}

static void
test_forged(int d)
{
	struct sada_io_ops bad = *sada_io_ops();
	struct names c = { 0 };
	struct sada_err err;
	size_t len;
	int reclen, rc;

	bad.getdents = forged_getdents;
	sada_io_use(&bad);
	for (len = 1; len <= 32; len++)
		for (reclen = 0; reclen < 300; reclen++) {
			memset(forged, 0, sizeof(forged));
			forged[16] = (unsigned char)reclen;
			forged[17] = (unsigned char)(reclen >> 8);
			memcpy(forged + 19, "name", 4);
			forged_len = len;
			rc = sada_io_list(d, count, &c, &err);
			CHECK_INT(rc, reclen >= 24 && (size_t)reclen == len ?
			    0 : SADA_SYS);
		}
	memcpy(forged + 19, "a/b", 4);
	forged[16] = 24;
	forged[17] = 0;
	forged_len = 24;
	CHECK_INT(sada_io_list(d, count, &c, &err), SADA_SYS);
	CHECK_INT(err.sys, EIO);
	sada_io_use(NULL);
}

static void
test_holes(int d)
{
	struct sada_err err;
	uint64_t at;
	int fd = openat(d, "holes", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(ftruncate(fd, 1 << 20) == 0);
	CHECK(pwrite(fd, "data", 4, 512 << 10) == 4);
	CHECK_INT(sada_io_seek(fd, 0, SEEK_DATA, &at, &err), 0);
	CHECK(at == 512 << 10 || at == 0);
	CHECK_INT(sada_io_seek(fd, 512 << 10, SEEK_HOLE, &at, &err), 0);
	CHECK(at > 512 << 10 && at <= 1 << 20);
	CHECK_INT(sada_io_seek(fd, 1 << 20, SEEK_DATA, &at, &err), 0);
	CHECK_INT(at, 1 << 20);
	CHECK_INT(sada_io_seek(fd, 1 << 21, SEEK_HOLE, &at, &err), 0);
	CHECK_INT(at, 1 << 20);
	/* A file system that knows nothing of holes. */
	fault_arm(1, EINVAL, 0);
	CHECK_INT(sada_io_seek(fd, 77, SEEK_DATA, &at, &err), 0);
	CHECK_INT(at, 77);
	fault_arm(1, EINVAL, 0);
	CHECK_INT(sada_io_seek(fd, 77, SEEK_HOLE, &at, &err), 0);
	CHECK_INT(at, 1 << 20);
	fault_arm(1, EINVAL, 0);
	CHECK_INT(sada_io_seek(fd, 1 << 21, SEEK_DATA, &at, &err), 0);
	CHECK_INT(at, 1 << 20);
	fault_arm(1, EIO, 0);
	CHECK_INT(sada_io_seek(fd, 0, SEEK_DATA, &at, &err), SADA_SYS);
	(void)fault_disarm();
	CHECK_INT(sada_io_seek(fd, UINT64_MAX, SEEK_DATA, &at, &err),
	    SADA_SYS);
	(void)close(fd);
}

static void
test_map(int d)
{
	const unsigned char *p;
	struct sada_err err;
	int fd;

	put(d, "map", "mapped", 6);
	fd = openat(d, "map", O_RDONLY | O_CLOEXEC);
	CHECK_INT(sada_io_map(&p, fd, 6, &err), 0);
	CHECK(memcmp(p, "mapped", 6) == 0);
	sada_io_unmap(p, 6);
	sada_io_unmap(NULL, 6);
	(void)close(fd);
	CHECK_INT(sada_io_map(&p, -1, 6, &err), SADA_SYS);
	CHECK(p == NULL && err.sys == EBADF);
}

/* A clock of naps, and a lock that the n-th nap sets free. */
static long long napped_ns;
static long long free_after_ns;
static int holder = -1;

static int
fake_nap(const struct timespec *ts)
{
	napped_ns += ts->tv_sec * 1000000000LL + ts->tv_nsec;
	if (napped_ns >= free_after_ns)
		(void)flock(holder, LOCK_UN);
	return 0;
}

static void
test_lock(int d)
{
	struct sada_io_ops naps = *sada_io_ops();
	struct sada_err err;
	int a, b;

	put(d, "lock", "", 0);
	a = openat(d, "lock", O_RDONLY | O_CLOEXEC);
	b = openat(d, "lock", O_RDONLY | O_CLOEXEC);
	naps.nap = fake_nap;
	sada_io_use(&naps);
	holder = a;
	free_after_ns = INT64_MAX;
	CHECK_INT(sada_io_lock(a, LOCK_EX, 0, &err), 0);
	CHECK_INT(sada_io_lock(a, LOCK_EX, 0, &err), 0);
	CHECK_INT(sada_io_lock(b, LOCK_EX, 0, &err), SADA_BUSY);
	CHECK_INT(napped_ns, 0);
	CHECK_INT(sada_io_lock(b, LOCK_SH, 1234, &err), SADA_BUSY);
	CHECK_INT(napped_ns, 1234000000);
	CHECK(err.code == SADA_BUSY && strchr(err.msg, '\n') == NULL);
	napped_ns = 0;
	free_after_ns = 300000000;
	CHECK_INT(sada_io_lock(b, LOCK_EX, 30000, &err), 0);
	CHECK(napped_ns >= 300000000 && napped_ns < 400000000);
	CHECK_INT(sada_io_lock(a, LOCK_SH, 0, &err), SADA_BUSY);
	CHECK_INT(sada_io_lock(b, LOCK_SH, 0, &err), 0);
	CHECK_INT(sada_io_lock(a, LOCK_SH, 0, &err), 0);
	(void)close(b);
	CHECK_INT(sada_io_lock(a, LOCK_EX, 0, &err), 0);
	sada_io_use(NULL);
	fault_arm(1, EINTR, 0);
	CHECK_INT(sada_io_lock(a, LOCK_EX, 0, &err), 0);
	fault_arm(1, ENOLCK, 0);
	CHECK_INT(sada_io_lock(a, LOCK_EX, 99, &err), SADA_SYS);
	CHECK_INT(err.sys, ENOLCK);
	(void)fault_disarm();
	(void)close(a);
}

static void
test_slurp(int d)
{
	unsigned char *big = malloc(300000);
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t sizes[] = { 0, 1, 2, 4095, 4096, 70000, 299999 };
	size_t i, k;
	long n;

	for (i = 0; i < 300000; i++)
		big[i] = (unsigned char)tap_rand();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (k = 0; k < 2; k++) {
			fault.cut = (int)k;
			fault_arm(0, 0, 0);
			put(d, "slurp", big, sizes[i]);
			sada_buf_reset(&b);
			sada_buf_adds(&b, "ab");
			CHECK_INT(sada_io_slurp(d, "slurp", sizes[i], &b,
			    &err), 0);
			CHECK_INT(b.len, sizes[i] + 2);
			CHECK(memcmp(b.p + 2, big, sizes[i]) == 0);
			if (sizes[i] == 0)
				continue;
			sada_buf_reset(&b);
			CHECK_INT(sada_io_slurp(d, "slurp", sizes[i] - 1, &b,
			    &err), SADA_FORMAT);
			CHECK_INT(b.len, 0);
		}
	fault.cut = 0;
	(void)fault_disarm();
	sada_buf_adds(&b, "keep");
	for (n = 1;; n++) {
		fault_arm(n, EIO, 0);
		if (sada_io_slurp(d, "slurp", SIZE_MAX, &b, &err) == 0)
			break;
		CHECK_INT(err.sys, EIO);
		CHECK(strstr(err.msg, "slurp") != NULL);
		CHECK(b.len == 4 && memcmp(b.p, "keep", 4) == 0);
	}
	CHECK(n > 3);
	(void)fault_disarm();
	CHECK_INT(b.len, 4 + 299999);
	CHECK_INT(sada_io_slurp(d, "none", 9, &b, &err), SADA_NOTFOUND);
	CHECK_INT(sada_io_slurp(d, "dir", 9, &b, &err), SADA_FORMAT);
	CHECK(mkfifoat(d, "fifo", 0600) == 0);
	CHECK_INT(sada_io_slurp(d, "fifo", 9, &b, &err), SADA_FORMAT);
	CHECK_STR(err.msg, "fifo is not a regular file");
	sada_buf_release(&b);
	free(big);
}

static int
drop_temp(const struct sada_dirent *e, void *ctx)
{
	if (strncmp(e->name, ".tmp-", 5) == 0)
		CHECK(unlinkat(*(int *)ctx, e->name, 0) == 0);
	return 0;
}

/* Remove what a persistent fault kept publish from removing. */
static void
drop_temps(int d)
{
	struct sada_err err;

	CHECK_INT(sada_io_list(d, drop_temp, &d, &err), 0);
}

/* Publish with fault after fault: old or new, whole, and no temp. */
static void
test_publish_faults(int d, unsigned flags)
{
	static const int errors[] = { EIO, ENOSPC, EROFS, EACCES, ENOENT };
	const char *old = "the old content", *new = "new, and longer than it";
	size_t i;
	struct sada_err err;
	struct names c;
	const char *fired;
	long n, steps;
	int rc, cut, fds = open_fds(), persist;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (cut = 0; cut < 4; cut++)
			for (n = 1, rc = -1; rc < 0; n++) {
				persist = cut & 2;
				put(d, "p", old, strlen(old));
				fault.cut = cut & 1;
				fault_arm(n, errors[i], persist);
				rc = sada_io_publish(d, "p", new, strlen(new),
				    flags, &err);
				steps = fault.calls;
				fired = fault_disarm();
				c = names(d);
				CHECK_INT(rc, fired != NULL ? SADA_SYS : 0);
				CHECK_INT(open_fds(), fds);
				if (rc == 0 || (fired != NULL && n == steps &&
				    strcmp(fired, "fsync") == 0)) {
					CHECK(holds(d, "p", new, strlen(new)));
					CHECK_INT(c.temps, 0);
				} else {
					CHECK(holds(d, "p", old, strlen(old)));
					CHECK(c.temps == 0 || persist);
					CHECK_INT(err.sys, errors[i]);
					CHECK_INT(err.code, SADA_SYS);
					CHECK(strstr(err.msg, " p: ") != NULL);
				}
				if (c.temps > 0)
					drop_temps(d);
			}
	fault.cut = 0;
}

static ssize_t
no_random(void *p, size_t n)
{
	memset(p, 0, n);
	return (ssize_t)n;
}

/* A temp of the same name is not ours: neither used nor removed. */
static void
test_publish_foreign_temp(int d)
{
	struct sada_io_ops same = *sada_io_ops();
	struct sada_err err;

	put(d, "p", "old", 3);
	put(d, ".tmp-0000000000000000", "theirs", 6);
	same.random = no_random;
	sada_io_use(&same);
	CHECK_INT(sada_io_publish(d, "p", "new", 3, 0, &err), SADA_SYS);
	sada_io_use(NULL);
	CHECK_INT(err.sys, EEXIST);
	CHECK(holds(d, "p", "old", 3));
	CHECK(holds(d, ".tmp-0000000000000000", "theirs", 6));
	drop_temps(d);
}

static void
test_publish(int d)
{
	struct sada_buf trace = { 0 };
	struct sada_stat st;
	struct sada_err err;
	const char *fired;
	long n;
	int rc;

	CHECK_INT(sada_io_publish(d, "p", "one", 3, SADA_PUBLISH_NEW, &err),
	    0);
	CHECK_INT(sada_io_stat(d, "p", &st, &err), 0);
	CHECK_INT(st.mode, 0600);
	CHECK_INT(sada_io_publish(d, "p", "two", 3, SADA_PUBLISH_NEW, &err),
	    SADA_SYS);
	CHECK_INT(err.sys, EEXIST);
	CHECK(holds(d, "p", "one", 3));
	CHECK_INT(sada_io_publish(d, "p", NULL, 0, SADA_PUBLISH_CACHE, &err),
	    0);
	CHECK(holds(d, "p", "", 0));
	CHECK_INT(names(d).temps, 0);
	test_publish_faults(d, 0);
	test_publish_faults(d, SADA_PUBLISH_CACHE);
	test_publish_foreign_temp(d);

	/* EINTR is retried, but not by the syncs and close. */
	for (n = 1, rc = -1; n < 20; n++) {
		put(d, "p", "old", 3);
		fault_arm(n, EINTR, 0);
		rc = sada_io_publish(d, "p", "new", 3, 0, &err);
		fired = fault_disarm();
		CHECK_INT(rc, fired != NULL && (strcmp(fired, "close") == 0 ||
		    strcmp(fired, "fsync") == 0) ? SADA_SYS : 0);
		CHECK_INT(names(d).temps, 0);
		if (fired != NULL)
			sada_buf_addf(&trace, "%s ", fired);
	}
	CHECK_STR(sada_buf_str(&trace),
	    "openat write fsync close renameat2 fsync ");
	sada_buf_release(&trace);
	/* With no sync asked for, none is made. */
	fault_arm(0, 0, 0);
	fault_ops.fsync = NULL;
	CHECK_INT(sada_io_publish(d, "p", "x", 1, SADA_PUBLISH_CACHE, &err),
	    0);
	CHECK_INT(fault.calls, 4);
	(void)fault_disarm();
}

static void
test_clock(void)
{
	unsigned char a[300] = { 0 }, zero[300] = { 0 };
	long long t = sada_io_ticks();

	CHECK(sada_io_now() > 1600000000LL * 1000000000);
	CHECK(sada_io_ticks() >= t);
	sada_io_random(a, sizeof(a));
	CHECK(memcmp(a, zero, sizeof(a)) != 0);
	CHECK(memcmp(a + 280, zero, 20) != 0);
}

int
main(void)
{
	char cmd[100];
	int d, fds = open_fds();

	tap_seed(5);
	d = dir_new();
	CHECK(d >= 0);
	test_open(d);
	test_bytes(d);
	test_stat(d);
	test_names(d);
	test_list(d);
	test_forged(d);
	test_holes(d);
	test_map(d);
	test_lock(d);
	test_slurp(d);
	test_publish(d);
	test_clock();
	(void)close(d);
	CHECK_INT(open_fds(), fds);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	CHECK_INT(system(cmd), 0);
	return tap_done();
}
