/*
 * Sending: what the peers have not acknowledged, as one sealed bundle.
 * A plan is made from a log and a store that stand still; writing it is
 * one pass and needs no lock.
 */
#ifndef SADA_BUNDLE_SEND_H
#define SADA_BUNDLE_SEND_H

#include "format/ack.h"
#include "format/bundle.h"
#include "log/log.h"
#include "store/store.h"

struct sada_send_opts {
	struct sada_store *store;
	struct sada_log *log;
	const struct sada_key *key;
	const struct sada_pub *to;	/* recipients, 1 to 64 */
	const struct sada_ack *ack;	/* of each; author zero: none known */
	size_t n;
	unsigned full;			/* basis: nothing */
	const struct sada_context *since;	/* basis by the user, or NULL */
	unsigned bare;			/* maps of ours are lost: no ops, but the
					   acknowledgement and what is wanted */
	uint64_t raised;		/* of struct sada_self */
	/* What this replica says of itself; have is filled in here. */
	const struct sada_ack *self;
};

struct sada_send;
/*
 * Choose the basis and the ops.  *OUT is new, free with sada_send_free();
 * OPTS and what it points to must outlive it.  Errors: SYS DAMAGED
 * NOTFOUND.
 */
SADA_MUST int sada_send_plan(struct sada_send **out,
    const struct sada_send_opts *opts, struct sada_err *err);
/* How many ops it will carry. */
uint64_t sada_send_ops(const struct sada_send *s);
/*
 * Is there something to send: ops, contents that are wanted and held, maps
 * that are needed and held?  (That a peer may not know yet what we have is
 * told by the second half of sada_send_what().)
 */
int sada_send_pending(const struct sada_send *s);
/*
 * What the bundle is good for, to be compared with that of an earlier one:
 * bytes 0 to 15 a hash of recipients, basis, their wants and needs, and our
 * own half; bytes 16 to 31 of our heads, wants and needs, and the
 * incarnation that we began last.
 */
void sada_send_what(const struct sada_send *s, struct sada_id *out);
/*
 * Write the bundle.  *BYTES (may be NULL) is its size.  Errors: what WRITE
 * returns, DAMAGED SYS.
 */
SADA_MUST int sada_send_write(struct sada_send *s,
    int (*write)(const void *p, size_t n, void *ctx, struct sada_err *err),
    void *ctx, uint64_t *bytes, struct sada_err *err);
/* Free; NULL is fine. */
void sada_send_free(struct sada_send *s);

#endif
