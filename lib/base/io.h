/*
 * The one door to files, clock and randomness.
 *
 * Every call goes through a table, so that a test can put faults,
 * crashes or a simulated disk behind it (sada_io_use()).  A call that
 * fails keeps errno and fills ERR with what and which; names in messages
 * are quoted.  EINTR is retried here, short reads and writes are
 * completed here.  Nothing else in the project makes these calls.
 */
#ifndef SADA_BASE_IO_H
#define SADA_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"

struct flock;

/* What statx told: only the fields that sada looks at. */
struct sada_stat {
	uint32_t kind;		/* S_IFMT bits of the mode */
	uint32_t mode;		/* 07777 bits of the mode */
	uint32_t uid;
	uint32_t nlink;
	uint64_t ino;
	uint64_t dev;		/* makedev(major, minor) */
	uint64_t size;
	uint64_t blocks;	/* 512-byte units allocated */
	int64_t mtime_s, ctime_s, btime_s;	/* seconds since 1970 */
	uint32_t mtime_ns, ctime_ns, btime_ns;
	uint64_t mnt;		/* STATX_MNT_ID, 0 when unknown */
};

/* One name of a directory. */
struct sada_dirent {
	const char *name;	/* NUL-terminated, borrowed */
	size_t len;
	unsigned char type;	/* DT_*, DT_UNKNOWN possible */
};

/* The calls that a test may replace; semantics of the system calls. */
struct sada_io_ops {
	int (*openat)(int dfd, const char *name, int flags, mode_t mode);
	int (*openat2)(int dfd, const char *path, int flags, uint64_t mode,
	    uint64_t resolve);
	ssize_t (*read)(int fd, void *p, size_t n);
	ssize_t (*write)(int fd, const void *p, size_t n);
	ssize_t (*pread)(int fd, void *p, size_t n, off_t off);
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t off);
	int (*statx)(int dfd, const char *name, int flags,
	    struct sada_stat *st);
	ssize_t (*getdents)(int fd, void *p, size_t n);
	int (*fsync)(int fd);
	int (*fdatasync)(int fd);
	int (*syncfs)(int fd);
	int (*sync_range)(int fd, off_t off, off_t n, unsigned flags);
	int (*renameat2)(int od, const char *on, int nd, const char *nn,
	    unsigned flags);
	int (*unlinkat)(int dfd, const char *name, int flags);
	int (*mkdirat)(int dfd, const char *name, mode_t mode);
	int (*symlinkat)(const char *text, int dfd, const char *name);
	ssize_t (*readlinkat)(int dfd, const char *name, char *p, size_t n);
	int (*fchmod)(int fd, mode_t mode);
	int (*utimensat)(int dfd, const char *name,
	    const struct timespec ts[2], int flags);
	int (*ftruncate)(int fd, off_t n);
	off_t (*lseek)(int fd, off_t off, int whence);
	int (*fadvise)(int fd, off_t off, off_t n, int advice);
	int (*flock)(int fd, int op);
	int (*getlk)(int fd, struct flock *l);	/* fcntl F_GETLK */
	void *(*mmap)(int fd, size_t n);	/* read-only, private */
	int (*munmap)(void *p, size_t n);
	int (*close)(int fd);
	int (*clock)(int id, struct timespec *ts);	/* clock_gettime */
	int (*nap)(const struct timespec *ts);	/* nanosleep */
	ssize_t (*random)(void *p, size_t n);
};

/* The table in use; change it before any other call, in tests only. */
const struct sada_io_ops *sada_io_ops(void);
/* Use OPS from now on; NULL goes back to the system's own. */
void sada_io_use(const struct sada_io_ops *ops);

/*
 * Open NAME (one component, or "." for DFD itself) in directory DFD.
 * O_CLOEXEC and O_NOFOLLOW are added.  Errors: SYS; NOTFOUND for ENOENT.
 */
SADA_MUST int sada_io_open(int *fd, int dfd, const char *name, int flags,
    unsigned mode, struct sada_err *err);

/*
 * Open relative path PATH ("" or "." is ROOT itself) below directory ROOT
 * with openat2 and RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV:
 * the only resolver of user's paths.  Errors: SYS (errno tells: EXDEV,
 * ELOOP), NOTFOUND for ENOENT and ENOTDIR.
 */
SADA_MUST int sada_io_open_below(int *fd, int root, const char *path,
    int flags, struct sada_err *err);

/*
 * Open a path given by the user on the command line (relative to the
 * caller, links followed).  Errors: SYS; NOTFOUND for ENOENT.
 */
SADA_MUST int sada_io_open_user(int *fd, const char *path, int flags,
    unsigned mode, struct sada_err *err);

/* Close FD if it is >= 0; the result is dropped: for reading handles. */
void sada_io_close(int fd);
/* Close a written FD and report what close() says.  Errors: SYS. */
SADA_MUST int sada_io_close_checked(int fd, struct sada_err *err);

/*
 * Read up to N bytes from FD (pipe or file) until N or the end; *GOT says
 * how many.  Errors: SYS.
 */
SADA_MUST int sada_io_read(int fd, void *p, size_t n, size_t *got,
    struct sada_err *err);
/* As sada_io_read(), but one read: returns early with what is there. */
SADA_MUST int sada_io_read_some(int fd, void *p, size_t n, size_t *got,
    struct sada_err *err);
/* Write all N bytes at the file position.  Errors: SYS. */
SADA_MUST int sada_io_write(int fd, const void *p, size_t n,
    struct sada_err *err);
/* Read up to N bytes at offset OFF; *GOT may be less at the end. */
SADA_MUST int sada_io_pread(int fd, void *p, size_t n, uint64_t off,
    size_t *got, struct sada_err *err);
/* Write all N bytes at offset OFF.  Errors: SYS. */
SADA_MUST int sada_io_pwrite(int fd, const void *p, size_t n, uint64_t off,
    struct sada_err *err);

/*
 * Stat name NAME in DFD without following; with an empty NAME the handle
 * itself.  Errors: SYS; NOTFOUND for ENOENT and ENOTDIR.
 */
SADA_MUST int sada_io_stat(int dfd, const char *name, struct sada_stat *st,
    struct sada_err *err);

/*
 * Call EACH for every name of directory FD (reads from its start; "." and
 * ".." left out).  EACH returns 0, or a code that ends the walk and is
 * returned.  Errors: SYS, what EACH returns.
 */
SADA_MUST int sada_io_list(int fd,
    int (*each)(const struct sada_dirent *d, void *ctx), void *ctx,
    struct sada_err *err);

/* fsync FD; WHAT names it in the message.  One strike: never retried. */
SADA_MUST int sada_io_fsync(int fd, const char *what, struct sada_err *err);
/* fdatasync FD.  Errors: SYS. */
SADA_MUST int sada_io_fdatasync(int fd, const char *what,
    struct sada_err *err);
/* syncfs of the file system that FD is on.  Errors: SYS. */
SADA_MUST int sada_io_syncfs(int fd, struct sada_err *err);
/*
 * Start writeback of FD's dirty pages without waiting (sync_file_range
 * WRITE); a refusal is ignored: it is only early.
 */
void sada_io_writeback(int fd);

/*
 * renameat2 with FLAGS (RENAME_NOREPLACE, RENAME_EXCHANGE or 0).
 * Errors: SYS (EEXIST, EXDEV, EINVAL kept in err->sys); NOTFOUND.
 */
SADA_MUST int sada_io_rename(int od, const char *on, int nd, const char *nn,
    unsigned flags, struct sada_err *err);
/* unlinkat; FLAGS may be AT_REMOVEDIR.  Errors: SYS; NOTFOUND. */
SADA_MUST int sada_io_unlink(int dfd, const char *name, int flags,
    struct sada_err *err);
/* mkdirat.  Errors: SYS (EEXIST kept in err->sys). */
SADA_MUST int sada_io_mkdir(int dfd, const char *name, unsigned mode,
    struct sada_err *err);
/* symlinkat with text of N bytes, which may hold no NUL.  Errors: SYS. */
SADA_MUST int sada_io_symlink(const char *text, size_t n, int dfd,
    const char *name, struct sada_err *err);
/* Append the text of link NAME to OUT.  Errors: SYS; NOTFOUND. */
SADA_MUST int sada_io_readlink(int dfd, const char *name,
    struct sada_buf *out, struct sada_err *err);
/* fchmod to MODE & 0777.  Errors: SYS. */
SADA_MUST int sada_io_chmod(int fd, unsigned mode, struct sada_err *err);
/*
 * Set the mtime of NAME in DFD (empty NAME: of the handle), links not
 * followed, atime untouched.  Errors: SYS.
 */
SADA_MUST int sada_io_utime(int dfd, const char *name, int64_t s,
    uint32_t ns, struct sada_err *err);
/* ftruncate.  Errors: SYS. */
SADA_MUST int sada_io_truncate(int fd, uint64_t n, struct sada_err *err);
/*
 * SEEK_DATA (WHENCE) or SEEK_HOLE from OFF; *OUT is the size of the file
 * when there is no more.  A file system without holes is all data.
 */
SADA_MUST int sada_io_seek(int fd, uint64_t off, int whence, uint64_t *out,
    struct sada_err *err);
/* posix_fadvise; advice only, no result. */
void sada_io_advise(int fd, int advice);

/*
 * Take flock LOCK_EX (or LOCK_SH) on FD, waiting up to WAIT_MS.  Errors:
 * BUSY after the wait, SYS.
 */
SADA_MUST int sada_io_lock(int fd, int op, unsigned wait_ms,
    struct sada_err *err);

/*
 * Does another process hold a record lock (fcntl) on any of the N bytes at
 * OFF of FD?  1 or 0; where that cannot be told, 0.
 */
int sada_io_locked(int fd, uint64_t off, uint64_t n);

/*
 * Map N > 0 bytes of FD read-only; *OUT is unmapped with
 * sada_io_unmap(*OUT, N).  Errors: SYS.
 */
SADA_MUST int sada_io_map(const unsigned char **out, int fd, size_t n,
    struct sada_err *err);
/* Undo sada_io_map(); NULL is fine. */
void sada_io_unmap(const unsigned char *p, size_t n);

/* Wall time in ns since 1970 (shown, never trusted). */
long long sada_io_now(void);
/* Monotonic time in ns, for progress only. */
long long sada_io_ticks(void);
/* N random bytes; asserts if the system has none. */
void sada_io_random(void *p, size_t n);

/* Whole small files, and publishing them. */

/*
 * Append all of regular file NAME in DFD to OUT, at most MAX bytes (FORMAT
 * above, and for anything but a file).  An error leaves OUT as it was.
 * Errors: NOTFOUND SYS FORMAT.
 */
SADA_MUST int sada_io_slurp(int dfd, const char *name, size_t max,
    struct sada_buf *out, struct sada_err *err);

/*
 * Publish N bytes as NAME in DFD: temp in the same directory (0600,
 * O_EXCL), write, fsync, checked close, rename over NAME, fsync DFD.  An
 * error leaves the old file and no temp; only if the fsync of DFD is what
 * failed, the new file stands there whole, not known to be durable.  With
 * SADA_PUBLISH_CACHE neither fsync: the content must carry its own check.
 * With SADA_PUBLISH_NEW the rename refuses to replace (SYS, EEXIST).
 * Errors: SYS.
 */
enum { SADA_PUBLISH_CACHE = 1, SADA_PUBLISH_NEW = 2 };
/* FLAGS: SADA_PUBLISH_*.  Errors: SYS. */
SADA_MUST int sada_io_publish(int dfd, const char *name, const void *p,
    size_t n, unsigned flags, struct sada_err *err);
/*
 * Unlink the temps that a killed sada_io_publish() left in DFD.  The
 * caller holds the lock under which all files of DFD are published.
 * Errors: SYS.
 */
SADA_MUST int sada_io_sweep(int dfd, struct sada_err *err);

#endif
