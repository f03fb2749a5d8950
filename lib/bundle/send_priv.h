/* What the parts of sending a bundle share. */
#ifndef SADA_BUNDLE_SEND_PRIV_H
#define SADA_BUNDLE_SEND_PRIV_H

#include "bundle/sealed.h"
#include "bundle/send.h"
#include "crypto/idset.h"
#include "store/file.h"
#include "tree/state.h"

/* One object that goes whole, where it lies. */
struct sent_object {
	struct sada_loc loc;
	struct sada_id id;
	uint8_t type;
	uint8_t early;			/* a delta needs it */
};

/* A chunk that goes as a change of an ancestor's content. */
struct sent_delta {
	uint64_t ordinal, index;	/* see SADA_REC_DELTA */
	struct sada_id base, content;
	uint64_t size;
};

/* A chunk or list of a large file that goes with an old one as prefix. */
struct sent_prefix {
	uint8_t type;
	struct sada_id base, id;
};

struct sada_send {
	struct sada_send_opts o;
	struct sada_context *basis;	/* ops that all recipients have */
	uint32_t *ops;			/* to be sent, ascending */
	size_t nops;
	uint32_t *maps;			/* ops whose maps go whole */
	size_t nmaps;
	int whole;			/* the basis is empty */
	struct sada_state st;		/* of all heads */
	/* Filled by send_select(). */
	struct sada_idset seen;		/* objects and contents chosen */
	struct sent_object *object;
	size_t nobject, capobject;
	struct sent_delta *delta;
	size_t ndelta, capdelta;
	struct sent_prefix *prefix;
	size_t nprefix, capprefix;
	uint64_t objects, raw_bytes;	/* all, nodes included */
	uint64_t told;			/* ordinals given so far */
};

/* Prefixes and deltas: not beyond what the reader also caps. */
#define SENT_LEVEL 9

/* Choose the contents.  Errors: SYS DAMAGED NOTFOUND. */
SADA_MUST int send_select(struct sada_send *s, struct sada_err *err);
/* Add object (TYPE, ID) if it is held and not chosen yet. */
SADA_MUST int send_object(struct sada_send *s, unsigned type,
    const struct sada_id *id, struct sada_err *err);
/* Write the objects that deltas need. */
SADA_MUST int send_early(struct sada_send *s, struct sada_sealer *b,
    struct sada_err *err);
/* Write the other objects: blocks as they stand, or grouped anew. */
SADA_MUST int send_blocks(struct sada_send *s, struct sada_sealer *b,
    struct sada_err *err);
/* The author ACK speaks for, or NULL when none is known. */
const struct sada_ack *send_ack(const struct sada_send *s, size_t i);

#endif
