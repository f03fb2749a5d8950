/* What the tests of the store share: a directory, objects, a walk. */
#ifndef SADA_UNIT_STORE_UTIL_H
#define SADA_UNIT_STORE_UTIL_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/store.h"
#include "tap.h"

/*
 * A new empty directory; its handle.  PATH gets its name.  In memory if
 * possible: nothing here needs a disk, and every commit syncs.
 */
static inline int
dir_new(char path[64])
{
	int fd;

	(void)snprintf(path, 64, "%s/sada-store-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(path) == NULL ||
	    (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* Unlink all in FD whose name holds WORD ("" is all); how many. */
static inline int
dir_drop(int fd, const char *word)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strstr(e->d_name, word) != NULL)
			n += unlinkat(fd, e->d_name, 0) == 0;
	closedir(d);
	return n;
}

/* How many names in FD hold WORD; the last one is copied to NAME. */
static inline int
dir_count(int fd, const char *word, char name[64])
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, word) == NULL)
			continue;
		n++;
		if (name != NULL)
			(void)snprintf(name, 64, "%.63s", e->d_name);
	}
	closedir(d);
	return n;
}

static inline void
dir_end(int fd, const char *path)
{
	(void)dir_drop(fd, "");
	close(fd);
	(void)rmdir(path);
}

/* All bytes of NAME. */
static inline void
file_load(int dfd, const char *name, struct sada_buf *b)
{
	struct sada_err err;

	sada_buf_reset(b);
	if (sada_io_slurp(dfd, name, (size_t)1 << 30, b, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
}

/* Make NAME hold these bytes (another inode: maps stay as they are). */
static inline void
file_save(int dfd, const char *name, const void *p, size_t n)
{
	int fd;

	(void)unlinkat(dfd, name, 0);
	fd = openat(dfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n) {
		perror(name);
		exit(1);
	}
	close(fd);
}

/* An object that a test knows. */
struct known {
	unsigned type;
	struct sada_id id;
	struct sada_buf b;
};

/* Object number I of seed SEED: of SIZE bytes, half of them compressible. */
static inline void
known_make(struct known *k, uint64_t seed, size_t i, size_t size)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + i;
	size_t j;

	memset(k, 0, sizeof(*k));
	k->type = 1 + (unsigned)(i % 4);
	for (j = 0; j < size; j++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		sada_put_u8(&k->b, (uint8_t)((x >> 60) + (i & 1) * (x >> 40)));
	}
	sada_hash(&k->id, sada_type_ctx(k->type), k->b.p, k->b.len);
}

/* Is K given, with the right bytes?  The code of the get, or 1: wrong. */
static inline int
known_get(struct sada_store *s, const struct known *k)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	int rc = sada_store_get(s, k->type, &k->id, &b, &err);

	if (rc == 0 && (b.len != k->b.len ||
	    (b.len > 0 && memcmp(b.p, k->b.p, b.len) != 0)))
		rc = 1;
	sada_buf_release(&b);
	return rc;
}

static inline void
known_free(struct known *k, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		sada_buf_release(&k[i].b);
}

/* Put the N objects K in one transaction. */
static inline int
known_commit(struct sada_store *s, const struct known *k, size_t n,
    struct sada_err *err)
{
	struct sada_txn *t = NULL;
	struct sada_id id;
	size_t i;
	int rc;

	if ((rc = sada_txn_begin(&t, s, err)) < 0)
		return rc;
	for (i = 0; i < n; i++) {
		rc = sada_txn_put(t, k[i].type, k[i].b.p, k[i].b.len, &id,
		    err);
		if (rc < 0) {
			sada_txn_abort(t);
			return rc;
		}
		CHECK(sada_id_cmp(&id, &k[i].id) == 0);
	}
	return sada_txn_commit(t, err);
}

struct damage {
	int reports, lost, print;
};

static inline void
damage_report(const char *what, unsigned type, const struct sada_id *id,
    void *ctx)
{
	struct damage *d = ctx;

	(void)type;
	d->reports++;
	d->lost += id != NULL;
	if (d->print)
		printf("# %s\n", what);
}

/* How many things verify reports; LOST may be NULL. */
static inline int
damages(struct sada_store *s, int *lost)
{
	struct damage d = { 0, 0, 0 };
	struct sada_err err;

	CHECK(sada_store_verify(s, damage_report, &d, &err) == 0);
	if (lost != NULL)
		*lost = d.lost;
	return d.reports;
}

#endif
