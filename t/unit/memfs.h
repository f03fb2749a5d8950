/*
 * A file system in memory behind lib/base/io, for tests: disks that can be
 * filled, cut off, copied and set back, a clock that is set by hand, and
 * randomness from a seed.  One seed makes all.
 *
 * A crash comes between two calls or in the middle of a write; from then
 * on every call fails until the test takes the disks over and says what a
 * reboot finds (memfs_crash()).  The model is that of a file system that
 * keeps the order of its metadata: names and attributes survive up to some
 * point that no fsync of a directory lies behind; of the bytes of a file
 * that no fsync covers, each sector is old, new, zero or garbage.
 */
#ifndef SADA_UNIT_MEMFS_H
#define SADA_UNIT_MEMFS_H

#include "base/io.h"

enum { MEMFS_DISKS = 24 };

/* ---- the whole ---- */

/* Start with an empty root; SEED makes randomness and garbage. */
void memfs_begin(uint64_t seed);
/* Free all of it. */
void memfs_end(void);
const struct sada_io_ops *memfs_ops(void);
/*
 * As at the start, but all files stay: randomness from SEED, inodes from
 * INO, the clock at its first hour.
 */
void memfs_restart(uint64_t seed, uint64_t ino);
/* Randomness goes on from SEED. */
void memfs_reseed(uint64_t seed);
/* What /etc/machine-id says from now on. */
void memfs_machine(const char *id);
/* Move the wall clock by NS, which may be less than zero. */
void memfs_clock_add(int64_t ns);
/* Make PATH ("/name") the root of a disk of its own; returns its number. */
int memfs_disk(const char *path);
/* Handles and mappings that are open: 0 when nothing leaked. */
size_t memfs_open_count(void);

/* ---- faults ---- */

/* Count calls from 0, with nothing armed. */
void memfs_arm_none(void);
/*
 * Call N from now (1 is the next) fails with errno ERROR; with PERSIST all
 * after it too.
 */
void memfs_arm_fail(long n, int error, int persist);
/* At call N from now everything stops. */
void memfs_arm_crash(long n);
/* Calls since armed; the name of the call that was hit, or NULL. */
long memfs_calls(void);
const char *memfs_fired(void);
/*
 * From now on the syncs of these say 0 and do nothing: a test of the tests.
 * 0: none.
 */
enum { MEMFS_LIE_FILES = 1, MEMFS_LIE_DIRS = 2 };
void memfs_lie(unsigned which);
/* Does nothing work any more? */
int memfs_dead(void);
/* Disk has room for BYTES more; UINT64_MAX: no limit. */
void memfs_room(int disk, uint64_t bytes);
/* Was there too little since memfs_room()? */
int memfs_was_full(int disk);

enum memfs_loss {
	MEMFS_KILL,		/* the process died: all that was written stays */
	MEMFS_POWER,		/* what was not synced may be lost or torn */
	MEMFS_DROP		/* all that was not synced is lost */
};
/*
 * End a crash: the handles of the dead process go, DISK is what a reboot
 * finds, and calls work again.  Can be had without a crash, too.
 */
void memfs_crash(int disk, enum memfs_loss loss, uint64_t seed);
/* Make all of DISK durable. */
void memfs_settle(int disk);

/* ---- the hand of the user: no faults, paths from the root ---- */

enum memfs_copy {
	MEMFS_NEW,		/* new inodes and birth times, as by cp -a */
	MEMFS_SAME,		/* same inodes, as of a disk set back */
	MEMFS_OVER		/* into the files that stand there, as by rsync */
};
/*
 * Make TO what FROM is; what TO was is gone, but with OVER its files keep
 * their inodes.  All of it is durable.  0, or -1 when there is no FROM.
 */
int memfs_copy(const char *from, const char *to, enum memfs_copy how);
/* Each returns 0, or -1 and errno. */
int memfs_put(const char *path, const void *p, size_t n, unsigned mode);
int memfs_mkdir(const char *path, unsigned mode);
int memfs_symlink(const char *path, const char *text);
int memfs_rename(const char *from, const char *to);
int memfs_chmod(const char *path, unsigned mode);
int memfs_remove(const char *path);		/* with all below */
/* What is at PATH: kind (S_IFMT bits), 0 when nothing is. */
uint32_t memfs_kind(const char *path);
/* Borrowed bytes of the file or link at PATH, or NULL. */
const unsigned char *memfs_bytes(const char *path, size_t *n);
/*
 * Call EACH for all below PATH, parents first, in the order of names; NAME
 * is relative to PATH; bytes are those of files and links.
 */
void memfs_walk(const char *path, void (*each)(const char *name,
    uint32_t kind, unsigned mode, const unsigned char *p, size_t n,
    void *ctx), void *ctx);

#endif
