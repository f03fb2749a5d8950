/*
 * Parked ops: they came, their contents are in the store, and something in
 * their past is missing.
 *
 * File "parked/<32 hex>": "sadaprk1", then records: u8 type (SADA_LOG_OP or
 * SADA_LOG_MEMBER), var length, bytes; last 32 H("sada.file.v1", all
 * before), whose first half is the file's name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "bundle/take_priv.h"
#include "format/op.h"

#define PARK_MAGIC "sadaprk1"
#define PARK_MAX ((size_t)PARK_OPS_MAX + (64u << 20))

static int
open_dir(int *fd, int sdir, struct sada_err *err)
{
	struct sada_err e;
	int rc;

	rc = sada_io_open(fd, sdir, "parked", O_RDONLY | O_DIRECTORY, 0, err);
	if (rc != SADA_NOTFOUND)
		return rc;
	if ((rc = sada_io_mkdir(sdir, "parked", 0700, &e)) < 0 &&
	    e.sys != EEXIST) {
		*err = e;
		return rc;
	}
	return sada_io_open(fd, sdir, "parked", O_RDONLY | O_DIRECTORY, 0,
	    err);
}

int
park_write(int sdir, const struct taken_list *l, struct sada_err *err)
{
	struct sada_buf b = {0};
	struct sada_id h;
	char hex[SADA_HEX_LEN + 1];
	size_t i;
	int fd = -1, rc;

	sada_buf_adds(&b, PARK_MAGIC);
	for (i = 0; i < l->nmember; i++)
		sada_log_record(&b, SADA_LOG_MEMBER, l->member[i].rec,
		    l->member[i].len);
	for (i = 0; i < l->nop; i++)
		if (!l->op[i].admitted)
			sada_log_record(&b, SADA_LOG_OP, l->op[i].rec,
			    l->op[i].len);
	sada_hash(&h, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, h.b, SADA_ID_LEN);
	sada_id_hex(hex, &h);
	hex[32] = '\0';
	if ((rc = open_dir(&fd, sdir, err)) < 0 ||
	    (rc = sada_io_publish(fd, hex, b.p, b.len, 0, err)) < 0 ||
	    (rc = sada_io_fsync(sdir, ".sada", err)) < 0)
		goto out;
out:
	sada_io_close(fd);
	sada_buf_release(&b);
	return rc;
}

/* Parse the records of a parked file into L.  Errors: FORMAT. */
static int
park_parse(struct taken_list *l, const struct sada_buf *b,
    struct sada_err *err)
{
	struct sada_member m;
	const unsigned char *p;
	struct sada_id h;
	struct sada_op op;
	struct sada_rd r;
	unsigned type;
	size_t n;
	int rc;

	if (b->len < 8 + SADA_ID_LEN || memcmp(b->p, PARK_MAGIC, 8) != 0)
		return sada_err_set(err, SADA_FORMAT, "not a parked file");
	sada_hash(&h, SADA_CTX_FILE, b->p, b->len - SADA_ID_LEN);
	if (memcmp(h.b, b->p + b->len - SADA_ID_LEN, SADA_ID_LEN) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "a parked file is damaged");
	sada_rd_init(&r, b->p + 8, b->len - 8 - SADA_ID_LEN);
	while ((rc = sada_log_next(&r, &type, &p, &n, err)) == 1) {
		if (type == SADA_LOG_MEMBER) {
			if ((rc = sada_member_decode(&m, p, n, err)) < 0)
				return rc;
			taken_list_member(l, &m, p, n);
			continue;
		}
		if ((rc = sada_op_decode(&op, p, n, err)) < 0)
			return rc;
		taken_list_op(l, &op, p, n);
		sada_op_release(&op);
	}
	return rc;
}

struct park_walk {
	int fd;
	int (*each)(struct taken_list *l, const char *name, void *ctx,
	    struct sada_err *err);
	int (*bad)(const char *name, const char *why, void *ctx);
	void *ctx;
	struct sada_err *err;
};

static int
park_one(const struct sada_dirent *d, void *ctx)
{
	struct park_walk *w = ctx;
	struct taken_list l = {0};
	struct sada_buf b = {0};
	int rc;

	if (d->len != 32)
		return 0;
	rc = sada_io_slurp(w->fd, d->name, PARK_MAX, &b, w->err);
	if (rc == 0)
		rc = park_parse(&l, &b, w->err);
	if (rc == 0)
		rc = w->each(&l, d->name, w->ctx, w->err);
	else if (rc == SADA_FORMAT || rc == SADA_VERSION)
		rc = w->bad != NULL ? w->bad(d->name, w->err->msg, w->ctx) :
		    0;
	taken_list_release(&l);
	sada_buf_release(&b);
	return rc;
}

static int
walk(struct park_walk *w, int sdir)
{
	int rc;

	rc = sada_io_open(&w->fd, sdir, "parked", O_RDONLY | O_DIRECTORY, 0,
	    w->err);
	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == 0)
		rc = sada_io_list(w->fd, park_one, w, w->err);
	sada_io_close(w->fd);
	return rc;
}

int
park_each(int sdir, int (*each)(struct taken_list *l, const char *name,
    void *ctx, struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct park_walk w = { -1, each, NULL, ctx, err };

	return walk(&w, sdir);
}

static int
no_each(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err)
{
	(void)l;
	(void)name;
	(void)ctx;
	(void)err;
	return 0;
}

int
sada_parked_check(int sdir, int (*bad)(const char *name, const char *why,
    void *ctx), void *ctx, struct sada_err *err)
{
	struct park_walk w = { -1, no_each, bad, ctx, err };

	return walk(&w, sdir);
}

int
park_remove(int sdir, const char *name, struct sada_err *err)
{
	int fd = -1, rc;

	if ((rc = open_dir(&fd, sdir, err)) == 0)
		rc = sada_io_unlink(fd, name, 0, err);
	sada_io_close(fd);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

struct parked {
	int (*each)(const struct sada_op *op, void *ctx,
	    struct sada_err *err);
	void *ctx;
};

static int
each_op(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err)
{
	struct parked *p = ctx;
	struct sada_op op;
	size_t i;
	int rc = 0;

	(void)name;
	for (i = 0; i < l->nop && rc == 0; i++) {
		if ((rc = sada_op_decode(&op, l->op[i].rec, l->op[i].len,
		    err)) == 0)
			rc = p->each(&op, p->ctx, err);
		sada_op_release(&op);
	}
	return rc;
}

int
sada_parked_each(int sdir, int (*each)(const struct sada_op *op, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct parked p = { each, ctx };

	return park_each(sdir, each_op, &p, err);
}

static int
count_one(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err)
{
	(void)l;
	(void)name;
	(void)err;
	++*(uint64_t *)ctx;
	return 0;
}

int
sada_parked_count(int sdir, uint64_t *n, struct sada_err *err)
{
	*n = 0;
	return park_each(sdir, count_one, n, err);
}
