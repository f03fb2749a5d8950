/* The inside of memfs: inodes, names, what is not durable, disks. */
#ifndef SADA_UNIT_MEMFS_PRIV_H
#define SADA_UNIT_MEMFS_PRIV_H

#include <pthread.h>

#include "memfs.h"

#define MEMFS_FILES 256		/* handles */
#define MEMFS_FD 1000		/* number of the first */
#define MEMFS_INODE_COST 256	/* bytes that an inode takes from the room */

struct mtime {
	int64_t s;
	uint32_t ns;
};

struct ment {
	char *name;
	uint32_t hash;
	struct mnode *node;
};

/*
 * An inode.  1. refs: names, handles, undo steps.  2. ent is sorted by
 * (hash, name), which is also the order in which names are listed.
 * 3. dirty: bytes differ from what is durable; that is the first dsize
 * bytes of base, or of data if base is NULL.
 */
struct mnode {
	uint64_t ino;
	int disk;
	uint32_t kind, mode;
	long refs;
	int links;
	struct mtime mtime, ctime, btime;
	struct mnode *parent;		/* of a directory that has a name */
	char *name;			/* of a directory: its name, borrowed */
	unsigned char *data;		/* bytes of a file or link */
	size_t size, cap;
	struct ment *ent;
	size_t nent, capent;
	int dirty;
	unsigned char *base;
	size_t dsize;
	struct mtime dmtime, dctime;
	struct mnode *next_dirty, **prev_dirty;
	int ex, sh;			/* locks held */
};

enum mundo_kind { UNDO_NONE, UNDO_LINK, UNDO_UNLINK, UNDO_ATTR };

/* How to take back one change of metadata. */
struct mundo {
	enum mundo_kind kind;
	uint64_t step;			/* changes that go together */
	struct mnode *dir;		/* whose name it was; NULL for ATTR */
	struct mnode *node;
	char *name;
	uint32_t mode;
	struct mtime mtime, ctime;	/* of dir, or of node for ATTR */
};

struct mdisk {
	struct mnode *root;
	uint64_t used, room;
	int full;
	struct mundo *undo;
	size_t nundo, capundo;
	struct mnode *dirty;
};

struct mfile {
	struct mnode *node;		/* NULL: free; proc: the root */
	int flags;
	int proc;			/* /proc/self/fd */
	uint64_t off;
	uint64_t list;			/* listing: hash to go on from, + 3 */
	char *list_name;		/* last name of that hash */
	int lock;			/* LOCK_SH, LOCK_EX or 0 */
};

struct memfs {
	pthread_mutex_t lock;
	struct mnode *root;		/* of disk 0, "/" */
	struct mdisk disk[MEMFS_DISKS];
	int ndisk;
	struct mfile file[MEMFS_FILES];
	size_t maps;
	uint64_t ino, step;
	uint64_t rand;
	int64_t wall;			/* ns */
	int64_t ticks;
	uint32_t uid;
	/* faults */
	long calls, crash_at, fail_at;
	int error, persist, dead;
	unsigned lie;			/* MEMFS_LIE_* */
	const char *fired;
};

extern struct memfs memfs;

/* ---- memfs_node.c ---- */
uint64_t memfs_rand(void);
struct mtime memfs_now(void);
struct mnode *memfs_node_new(int disk, uint32_t kind, uint32_t mode);
void memfs_ref(struct mnode *n);
void memfs_unref(struct mnode *n);
/* Room for N bytes more?  Else 0. */
int memfs_has_room(int disk, uint64_t n);
/* Entry NAME (N bytes) of D, or NULL. */
struct ment *memfs_find(const struct mnode *d, const char *name, size_t n);
/* A new step of metadata. */
void memfs_step(void);
void memfs_link(struct mnode *d, const char *name, size_t n,
    struct mnode *x);
void memfs_unlink(struct mnode *d, struct ment *e);
/* The attributes of X are about to change. */
void memfs_attr(struct mnode *x);
/* The bytes of X are about to change within [FROM, ...). */
void memfs_dirty(struct mnode *x, size_t from);
/* Bytes, size and attributes of X become durable. */
void memfs_clean(struct mnode *x);
/* All metadata up to the last change of D becomes durable. */
void memfs_sync_dir(struct mnode *d);
void memfs_resize(struct mnode *x, size_t size);

/*
 * The node at PATH from DIR, and the directory it is or would be in with
 * the last name.  FLAGS: what openat2 calls RESOLVE_*, and WALK_*.  0, or
 * -1 and errno; a last name that is missing is *NODE NULL.
 */
#define WALK_NOFOLLOW 0x10000	/* the last name is not followed */
struct mwalk {
	struct mnode *dir, *node;
	const char *name;
	size_t len;
	int slash;			/* a directory was asked for */
	char buf[4200];
};
int memfs_resolve(struct mwalk *w, struct mnode *dir, const char *path,
    unsigned flags);

/* ---- memfs_file.c ---- */
/* Set errno; -1. */
int memfs_fail(int e);
/*
 * Begin a call: the lock is taken; 0 if it may go on, else errno is set and
 * the lock given back.
 */
int memfs_enter(const char *what);
/* End a call with RC. */
long memfs_leave(long rc);
/* Handle FD, or NULL and errno. */
struct mfile *memfs_file(int fd);
/* As memfs_resolve(), from handle DFD. */
int memfs_walk_at(struct mwalk *w, int dfd, const char *path,
    unsigned flags);
/* The node that NAME in DFD, or an empty NAME with AT_EMPTY_PATH, is. */
struct mnode *memfs_node_at(int dfd, const char *name, int flags);
/* A new node of KIND at the name that W found free. */
int memfs_create(struct mwalk *w, uint32_t kind, mode_t mode);
/* Give back what lock F has. */
void memfs_unlock(struct mfile *f);

/* ---- the calls, in memfs_file.c and memfs_names.c ---- */
int mem_openat(int dfd, const char *path, int flags, mode_t mode);
int mem_openat2(int dfd, const char *path, int flags, uint64_t mode,
    uint64_t how);
int mem_close(int fd);
ssize_t mem_read(int fd, void *p, size_t n);
ssize_t mem_pread(int fd, void *p, size_t n, off_t off);
ssize_t mem_write(int fd, const void *p, size_t n);
ssize_t mem_pwrite(int fd, const void *p, size_t n, off_t off);
int mem_ftruncate(int fd, off_t n);
off_t mem_lseek(int fd, off_t off, int whence);
void *mem_mmap(int fd, size_t n);
int mem_munmap(void *p, size_t n);
int mem_statx(int dfd, const char *name, int flags, struct sada_stat *st);
int mem_fchmod(int fd, mode_t mode);
int mem_utimensat(int dfd, const char *name, const struct timespec ts[2],
    int flags);
ssize_t mem_getdents(int fd, void *buf, size_t room);
int mem_renameat2(int od, const char *on, int nd, const char *nn,
    unsigned flags);
int mem_unlinkat(int dfd, const char *name, int flags);
int mem_mkdirat(int dfd, const char *name, mode_t mode);
int mem_symlinkat(const char *text, int dfd, const char *name);
ssize_t mem_readlinkat(int dfd, const char *name, char *p, size_t room);

#endif
