/*
 * The journal of an apply, as bytes.
 *
 * Offset table: magic 8 "sadaJRN1"; le16 version (1); u8 phase; var
 * generation of the W that was there (0: none); var serial of the trash
 * directory; var count of heads, 32 bytes each, ascending; 32 map root;
 * 32 H("sada.file.v1", all before).  Nothing follows.
 */
#ifndef SADA_FORMAT_JOURNAL_H
#define SADA_FORMAT_JOURNAL_H

#include "format/types.h"

#define SADA_JOURNAL_HEADS_MAX 65536
/* No journal is longer. */
#define SADA_JOURNAL_MAX (SADA_JOURNAL_HEADS_MAX * SADA_ID_LEN + 256)

enum {
	SADA_JOURNAL_PLAN = 1,	/* no file of the directory was touched by
				   this attempt; the stage is all ours */
	SADA_JOURNAL_STAGED = 2	/* swapping may have begun */
};

struct sada_journal {
	uint8_t phase;			/* SADA_JOURNAL_* */
	uint64_t generation;
	uint64_t serial;
	struct sada_id *heads;
	size_t nheads;
	struct sada_id map;
};

/* Append journal J to OUT. */
void sada_journal_encode(struct sada_buf *out, const struct sada_journal *j);
/*
 * Decode; J->heads is new (NULL when there are none), free with free().
 * Errors: FORMAT VERSION.
 */
SADA_MUST int sada_journal_decode(struct sada_journal *j, const void *p,
    size_t n, struct sada_err *err);

#endif
