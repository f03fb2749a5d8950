/* A set of ids, each with a number: open addressing over random bytes. */
#ifndef SADA_CRYPTO_IDSET_H
#define SADA_CRYPTO_IDSET_H

#include "crypto/hash.h"

/* {0} is an empty set; release with sada_idset_release(). */
struct sada_idset {
	struct sada_id *key;
	uint32_t *value;
	unsigned char *used;
	size_t n, cap;
};

/*
 * Add ID with VALUE.  1 when it is new, 0 when it was there (its value
 * stays).
 */
int sada_idset_add(struct sada_idset *s, const struct sada_id *id,
    uint32_t value);
/* 1 and *VALUE (may be NULL) when ID is there, else 0. */
int sada_idset_get(const struct sada_idset *s, const struct sada_id *id,
    uint32_t *value);
/* Free what S holds; S is empty then. */
void sada_idset_release(struct sada_idset *s);

#endif
