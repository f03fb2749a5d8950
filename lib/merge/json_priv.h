/* A JSON text taken apart: where its members lie.  Nothing is decoded. */
#ifndef SADA_MERGE_JSON_PRIV_H
#define SADA_MERGE_JSON_PRIV_H

#include <stdint.h>

#include "base/buf.h"
#include "merge/merge.h"

#define SADA_JSON_DEPTH 256
/* More members at one time, of the objects that can merge, are too many. */
#define SADA_JSON_MEMBERS ((size_t)1 << 18)
#define SADA_JSON_NONE UINT32_MAX

/*
 * One member; all are offsets in the text:
 *
 *	, \n\t "name" :  value \n ,
 *	 ^lead ^name     ^val ^end ^stop
 */
struct sada_member {
	uint32_t lead, name, val, end, stop;
	uint32_t key, keylen;		/* the name, see sada_json_key() */
	uint32_t obj;			/* of the value, or NONE */
	unsigned decoded;		/* key lies in keys, not in the text */
};

/* An object: its members FIRST .. FIRST + N. */
struct sada_object {
	uint32_t val, end;		/* from the '{' to behind the '}' */
	uint32_t first, n;
};

/*
 * A text.  Objects that lie in arrays are checked and forgotten.
 * 1. The members of one object stand together, in the order of the text.
 * 2. SORTED holds, at the places of an object, its members by key.
 */
struct sada_json {
	const unsigned char *p;
	size_t n, pos;
	struct sada_member *member;	/* of closed objects */
	uint32_t *sorted;
	struct sada_object *object;
	struct sada_member *open;	/* of objects not closed yet */
	size_t members, objects, opens;
	size_t member_cap, sorted_cap, object_cap, open_cap;
	struct sada_buf keys;
	uint32_t val, end, obj;		/* the value that the text is */
};

/*
 * Take the text S apart; 1, or 0 when it is no JSON, names a member twice
 * or is too deep or large.  S must outlive J; release J after either.
 */
SADA_MUST int sada_json_parse(struct sada_json *j,
    const struct sada_span *s);
/* Free what J holds. */
void sada_json_release(struct sada_json *j);
/* The name of M, decoded; borrowed. */
struct sada_span sada_json_key(const struct sada_json *j,
    const struct sada_member *m);
/* The member of object OBJ (or NONE) with the name of M of K, or NONE. */
uint32_t sada_json_find(const struct sada_json *j, uint32_t obj,
    const struct sada_json *k, const struct sada_member *m);
/* Are two values, as texts, the same but for blanks between tokens? */
int sada_json_same(const unsigned char *a, size_t na,
    const unsigned char *b, size_t nb);

#endif
