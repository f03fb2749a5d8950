/* Small codings that the records of this layer share. */
#ifndef SADA_FORMAT_CODEC_PRIV_H
#define SADA_FORMAT_CODEC_PRIV_H

#include <string.h>

#include "base/buf.h"
#include "format/types.h"

/* A dot as fixed bytes: author || le64 epoch || le64 seq || le64 tag. */
#define DOT_LEN (SADA_ID_LEN + 24)
/* No file is larger than an off_t can say. */
#define SIZE_CAP ((uint64_t)INT64_MAX)

static inline void
put_id(struct sada_buf *b, const struct sada_id *id)
{
	sada_buf_add(b, id->b, SADA_ID_LEN);
}

static inline void
get_id(struct sada_rd *r, struct sada_id *id)
{
	const unsigned char *p = sada_get_bytes(r, SADA_ID_LEN);

	if (p != NULL)
		memcpy(id->b, p, SADA_ID_LEN);
	else
		memset(id->b, 0, SADA_ID_LEN);
}

static inline void
dot_store(unsigned char p[DOT_LEN], const struct sada_dot *d)
{
	memcpy(p, d->author.b, SADA_ID_LEN);
	sada_le64_put(p + SADA_ID_LEN, d->epoch);
	sada_le64_put(p + SADA_ID_LEN + 8, d->seq);
	sada_le64_put(p + SADA_ID_LEN + 16, d->tag);
}

static inline void
put_dot(struct sada_buf *b, const struct sada_dot *d)
{
	dot_store(sada_buf_reserve(b, DOT_LEN), d);
	b->len += DOT_LEN;
}

static inline void
get_dot(struct sada_rd *r, struct sada_dot *d)
{
	get_id(r, &d->author);
	d->epoch = sada_get_u64(r);
	d->seq = sada_get_u64(r);
	d->tag = sada_get_u64(r);
}

/* As sada_get_var(), with the one-byte case in line: most are. */
static inline uint64_t
get_var(struct sada_rd *r)
{
	if (!r->bad && r->p < r->end && *r->p < 0x80)
		return *r->p++;
	return sada_get_var(r);
}

#endif
