/*
 * The canonical property, for the unit tests and the fuzz targets of
 * lib/format: what a decoder accepts, its encoder writes back the same.
 * Each canon_X() gives 0 (refused), 1 (accepted, same bytes) or -1
 * (accepted, other bytes: a fault).
 */
#ifndef SADA_UNIT_FORMAT_CANON_H
#define SADA_UNIT_FORMAT_CANON_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/logframe.h"
#include "format/node.h"
#include "format/object.h"
#include "format/op_priv.h"
#include "format/pack.h"

static inline int
canon_same(struct sada_buf *b, const void *p, size_t n)
{
	int same = b->len == n && memcmp(b->p, p, n) == 0;

	sada_buf_release(b);
	return same ? 1 : -1;
}

/* Encode what NODE holds. */
static inline void
canon_node_put(struct sada_buf *b, const struct sada_node *node)
{
	if (node->level == 0)
		sada_leaf_encode(b, node->e, node->n);
	else
		sada_inner_encode(b, node->level, node->ref, node->n);
}

static inline int
canon_node_flags(const void *p, size_t n, unsigned flags)
{
	struct sada_node node = {0};
	struct sada_buf b = {0};
	int rc = 0;

	if (sada_node_decode(&node, p, n, flags, NULL) == 0) {
		canon_node_put(&b, &node);
		rc = canon_same(&b, p, n);
	}
	sada_node_release(&node);
	return rc;
}

static inline int
canon_node(const void *p, size_t n)
{
	return canon_node_flags(p, n, 0);
}

static inline int
canon_changes(const void *p, size_t n)
{
	return canon_node_flags(p, n, SADA_NODE_CHANGES);
}

static inline int
canon_list(const void *p, size_t n)
{
	struct sada_piece *piece;
	struct sada_buf b = {0};
	unsigned level;
	size_t count;
	int rc = 0;

	if (sada_list_decode(&level, &piece, &count, NULL, p, n, NULL) == 0) {
		sada_list_encode(&b, level, piece, count);
		rc = canon_same(&b, p, n);
	}
	free(piece);
	return rc;
}

static inline int
canon_anc(const void *p, size_t n)
{
	struct sada_ancestor *a;
	struct sada_buf b = {0};
	size_t count;
	int rc = 0;

	if (sada_anc_decode(&a, &count, p, n, NULL) == 0) {
		sada_anc_encode(&b, a, count);
		rc = canon_same(&b, p, n);
	}
	free(a);
	return rc;
}

static inline int
canon_op(const void *p, size_t n)
{
	struct sada_op op;
	struct sada_buf b = {0};
	int rc = 0;

	if (sada_op_decode(&op, p, n, NULL) == 0) {
		sada_op_put_body(&b, &op);
		sada_buf_add(&b, op.sig, SADA_SIG_LEN);
		rc = canon_same(&b, p, n);
	}
	sada_op_release(&op);
	return rc;
}

/* A payload of the log; *COUNT records (may be NULL). */
static inline int
canon_payload(const void *p, size_t n, uint32_t *count)
{
	const unsigned char *rec;
	struct sada_buf b = {0};
	struct sada_rd r;
	uint32_t seen = 0;
	unsigned type;
	size_t len;
	int rc;

	sada_rd_init(&r, p, n);
	while ((rc = sada_log_next(&r, &type, &rec, &len, NULL)) == 1) {
		sada_log_record(&b, type, rec, len);
		seen++;
	}
	if (count != NULL)
		*count = seen;
	if (rc == 0 && b.len == n && (n == 0 || memcmp(b.p, p, n) == 0))
		rc = 1;
	else
		rc = rc == 0 ? -1 : 0;
	sada_buf_release(&b);
	return rc;
}

/* The directory of a raw block of OBJECTS objects. */
static inline int
canon_dir(const void *p, size_t n, uint32_t objects)
{
	const unsigned char *raw = p;
	struct sada_block_obj *dir;
	struct sada_buf b = {0};
	uint32_t i;
	int rc = 0;

	if (sada_block_dir(&dir, p, n, objects, NULL) == 0) {
		for (i = 0; i < objects; i++) {
			sada_put_u8(&b, dir[i].type);
			sada_put_var(&b, dir[i].len);
		}
		for (i = 0; i < objects; i++)
			sada_buf_add(&b, raw + dir[i].off, dir[i].len);
		rc = canon_same(&b, p, n);
	}
	free(dir);
	return rc;
}

#endif
