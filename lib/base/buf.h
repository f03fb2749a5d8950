/* Growable bytes, a bounded reader over bytes, and the integer codings. */
#ifndef SADA_BASE_BUF_H
#define SADA_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Bytes that grow.  {0} is a valid empty buffer; release with
 * sada_buf_release().  Appending never fails: running out of memory
 * ends the process by assert (sada bounds every size that a foreign
 * byte can choose before it allocates).
 */
struct sada_buf {
	unsigned char *p;
	size_t len, cap;
};

/* Free what B holds and make it empty; B itself is the caller's. */
void sada_buf_release(struct sada_buf *b);
/* Make B empty, keep its memory for reuse. */
void sada_buf_reset(struct sada_buf *b);
/* Make room for N more bytes and return where they start (len unchanged). */
unsigned char *sada_buf_reserve(struct sada_buf *b, size_t n);
/* Append N bytes. */
void sada_buf_add(struct sada_buf *b, const void *p, size_t n);
/* Append a NUL-terminated string without its NUL. */
void sada_buf_adds(struct sada_buf *b, const char *s);
/* Append printf text. */
void sada_buf_addf(struct sada_buf *b, const char *fmt, ...)
    SADA_PRINTF(2, 3);
/* Make sure a NUL follows the bytes (not counted); returns them as text. */
char *sada_buf_str(struct sada_buf *b);

/* Append integers, little-endian, fixed width. */
void sada_put_u8(struct sada_buf *b, uint8_t v);
/* As sada_put_u8(), two bytes. */
void sada_put_u16(struct sada_buf *b, uint16_t v);
/* Four bytes. */
void sada_put_u32(struct sada_buf *b, uint32_t v);
/* Eight bytes. */
void sada_put_u64(struct sada_buf *b, uint64_t v);
/* Append V as LEB128, shortest form (1 to 10 bytes). */
void sada_put_var(struct sada_buf *b, uint64_t v);
/* Append V zigzag-mapped (0 -1 1 -2 ...) as LEB128. */
void sada_put_svar(struct sada_buf *b, int64_t v);

/* Store or load little-endian integers at P. */
void sada_le32_put(unsigned char *p, uint32_t v);
/* Store eight bytes. */
void sada_le64_put(unsigned char *p, uint64_t v);
/* Load two bytes. */
uint16_t sada_le16(const unsigned char *p);
/* Load four bytes. */
uint32_t sada_le32(const unsigned char *p);
/* Load eight bytes. */
uint64_t sada_le64(const unsigned char *p);

/*
 * A reader over borrowed bytes.  A get past the end, or a varint that is
 * not in its shortest form, sets BAD and returns 0; later gets return 0
 * as well, so a decoder may check once after a group of fields.
 */
struct sada_rd {
	const unsigned char *p, *end;
	int bad;
};

/* Start reading N bytes at P, which must outlive the reader. */
void sada_rd_init(struct sada_rd *r, const void *p, size_t n);
/* How many bytes are left. */
size_t sada_rd_left(const struct sada_rd *r);
/* The next byte. */
uint8_t sada_get_u8(struct sada_rd *r);
/* The next integer of two bytes. */
uint16_t sada_get_u16(struct sada_rd *r);
/* Of four bytes. */
uint32_t sada_get_u32(struct sada_rd *r);
/* Of eight bytes. */
uint64_t sada_get_u64(struct sada_rd *r);
/* The next LEB128 number. */
uint64_t sada_get_var(struct sada_rd *r);
/* The next zigzag LEB128 number. */
int64_t sada_get_svar(struct sada_rd *r);
/* The next N bytes in place (borrowed), or NULL and BAD. */
const unsigned char *sada_get_bytes(struct sada_rd *r, size_t n);
/*
 * A count of items, each at least MIN bytes long: BAD unless the rest of
 * the input can hold that many.  Cap before allocating.
 */
uint64_t sada_get_count(struct sada_rd *r, size_t min);

/* malloc, calloc, realloc that assert; free with free(). */
void *sada_malloc(size_t n);
/* N items of SIZE zero bytes. */
void *sada_calloc(size_t n, size_t size);
/* P with room for N bytes. */
void *sada_realloc(void *p, size_t n);
/* A new copy of N bytes with a NUL behind; free with free(). */
char *sada_memdup(const void *p, size_t n);
/* A new copy of a string; free with free(). */
char *sada_strdup(const char *s);
/* Make array P of *CAP items of SIZE bytes hold at least NEED; new P. */
void *sada_grow(void *p, size_t *cap, size_t need, size_t size);

#endif
