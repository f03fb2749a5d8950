/*
 * Segment files: their names, finding a frame behind damage, and the copy
 * that is made of a tail before it is cut.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "log/log_priv.h"

/* How much is read at a time. */
#define WINDOW (1u << 20)

/* This many copies of one tail may lie in quarantine. */
#define COPIES_MAX 1000

/*
 * A peer can fill a frame with what looks like heads of long frames, and
 * each costs a hash: give up after this many times the file.
 */
#define FIND_TIMES 8
#define FIND_MORE (64u << 20)

struct numbers {
	uint64_t *v;
	size_t n, cap;
};

void
sada_segment_name(char name[SADA_SEGMENT_NAME], uint64_t number)
{
	assert(number >= 1 && number <= SADA_SEGMENT_LAST);
	(void)snprintf(name, SADA_SEGMENT_NAME, "%08u.log",
	    (unsigned)number);
}

/* The number of the segment called NAME, 0 if it is none. */
static uint64_t
name_number(const struct sada_dirent *d)
{
	uint64_t v = 0;
	size_t i;

	if (d->len != SADA_SEGMENT_NAME - 1 ||
	    memcmp(d->name + 8, ".log", 4) != 0)
		return 0;
	for (i = 0; i < 8; i++) {
		if (d->name[i] < '0' || d->name[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(d->name[i] - '0');
	}
	return v;
}

static int
list_one(const struct sada_dirent *d, void *ctx)
{
	struct numbers *s = ctx;
	uint64_t number = name_number(d);

	if (number == 0)
		return 0;
	s->v = sada_grow(s->v, &s->cap, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = number;
	return 0;
}

static int
cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
sada_segment_list(uint64_t **out, size_t *n, int dirfd, struct sada_err *err)
{
	struct numbers s = { NULL, 0, 0 };
	int rc;

	*out = NULL;
	*n = 0;
	if ((rc = sada_io_list(dirfd, list_one, &s, err)) < 0)
		goto out;
	if (s.n > 0)
		qsort(s.v, s.n, sizeof(*s.v), cmp_u64);
	*out = s.v;
	*n = s.n;
	s.v = NULL;
out:
	free(s.v);
	return rc;
}

int
sada_segment_new(int dirfd, uint64_t number, unsigned flags,
    struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	struct sada_buf b = { 0 };
	int rc;

	sada_segment_name(name, number);
	sada_log_header(&b, number);
	rc = sada_io_publish(dirfd, name, b.p, b.len, flags, err);
	sada_buf_release(&b);
	return rc;
}

/* Does a whole frame stand at OFF: 1 or 0?  BUDGET is for the hashing. */
static int
frame_at(int fd, uint64_t number, uint64_t off, uint64_t size,
    struct sada_buf *b, uint64_t *budget, struct sada_err *err)
{
	unsigned char head[SADA_FRAME_HEAD];
	struct sada_frame f;
	uint64_t total;
	size_t got;
	int rc;

	if (size - off < SADA_FRAME_HEAD + SADA_FRAME_TAIL)
		return 0;
	if ((rc = sada_io_pread(fd, head, sizeof(head), off, &got, err)) < 0)
		return rc;
	if (got < sizeof(head))
		return 0;
	total = sada_frame_length(head);
	if (total == 0 || total > size - off)
		return 0;
	if (total > *budget)
		return sada_err_set(err, SADA_DAMAGED, "log segment %" PRIu64
		    " is damaged and holds too much that looks like records",
		    number);
	*budget -= total;
	sada_buf_reset(b);
	if ((rc = sada_io_pread(fd, sada_buf_reserve(b, (size_t)total),
	    (size_t)total, off, &got, err)) < 0)
		return rc;
	rc = sada_frame_decode(&f, b->p, got, number, off, NULL);
	return rc == 0 || sada_frame_whole(&f, rc);
}

int
sada_segment_find(int fd, uint64_t number, uint64_t from, uint64_t size,
    uint64_t *found, struct sada_err *err)
{
	struct sada_buf win = { 0 }, b = { 0 };
	uint64_t budget = FIND_TIMES * size + FIND_MORE;
	unsigned char magic[4], *p, *at;
	size_t got, left;
	int rc = 0;

	sada_le32_put(magic, SADA_FRAME_MAGIC);
	p = sada_buf_reserve(&win, WINDOW);
	while (from < size) {
		left = size - from < WINDOW ? (size_t)(size - from) : WINDOW;
		if ((rc = sada_io_pread(fd, p, left, from, &got, err)) < 0)
			goto out;
		for (at = p; (at = memmem(at, got - (size_t)(at - p), magic,
		    sizeof(magic))) != NULL; at++) {
			*found = from + (uint64_t)(at - p);
			if ((rc = frame_at(fd, number, *found, size, &b,
			    &budget, err)) != 0)
				goto out;
		}
		if (got < WINDOW)
			break;
		from += got - (sizeof(magic) - 1);
	}
out:
	sada_buf_release(&win);
	sada_buf_release(&b);
	return rc;
}

/* Make a new file in QUARFD for the tail; its name goes to NAME. */
static int
save_open(int *fd, char *name, size_t size, uint64_t number, uint64_t off,
    int quarfd, struct sada_err *err)
{
	struct sada_err why;
	unsigned i;
	int rc;

	for (i = 0;; i++) {
		if (i == 0)
			(void)snprintf(name, size, "log-%" PRIu64 "-%" PRIu64,
			    number, off);
		else
			(void)snprintf(name, size, "log-%" PRIu64 "-%" PRIu64
			    ".%u", number, off, i);
		rc = sada_io_open(fd, quarfd, name,
		    O_WRONLY | O_CREAT | O_EXCL, 0600, &why);
		if (rc == 0 || why.sys != EEXIST || i == COPIES_MAX)
			break;
	}
	if (rc < 0 && err != NULL)
		*err = why;
	return rc;
}

static int
copy_range(int to, int fd, uint64_t off, uint64_t size, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	unsigned char *p = sada_buf_reserve(&b, WINDOW);
	size_t got;
	int rc = 0;

	while (off < size) {
		if ((rc = sada_io_pread(fd, p, size - off < WINDOW ?
		    (size_t)(size - off) : WINDOW, off, &got, err)) < 0 ||
		    got == 0 || (rc = sada_io_write(to, p, got, err)) < 0)
			break;
		off += got;
	}
	sada_buf_release(&b);
	return rc;
}

int
sada_segment_save(int fd, uint64_t number, uint64_t off, uint64_t size,
    int quarfd, struct sada_err *err)
{
	char name[80];
	int to = -1, rc;

	if ((rc = save_open(&to, name, sizeof(name), number, off, quarfd,
	    err)) < 0)
		return rc;
	if ((rc = copy_range(to, fd, off, size, err)) < 0 ||
	    (rc = sada_io_fsync(to, name, err)) < 0)
		goto out;
	rc = sada_io_close_checked(to, err);
	to = -1;
	if (rc < 0)
		goto out;
	rc = sada_io_fsync(quarfd, "the quarantine", err);
out:
	sada_io_close(to);
	if (rc < 0 && sada_io_unlink(quarfd, name, 0, NULL) < 0)
		return rc;	/* the copy stays: it is only one too many */
	return rc;
}
