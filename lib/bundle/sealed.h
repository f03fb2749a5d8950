/*
 * The sealed container: records in, bundle bytes out, and back; one pass
 * each way, no file, memory of a few segments.
 */
#ifndef SADA_BUNDLE_SEALED_H
#define SADA_BUNDLE_SEALED_H

#include "format/bundle.h"

struct sada_sealer;
struct sada_opener;

/*
 * Start a bundle from K to the N recipients TO (1 to 64).  Sealed bytes go
 * to WRITE as they are ready.  *OUT is new; end with sada_sealer_end() or
 * sada_sealer_free(); it borrows K and CTX.  After an error of any call
 * below only sada_sealer_free() is left.  Errors: what WRITE returns, USAGE
 * (too many).
 */
SADA_MUST int sada_sealer_new(struct sada_sealer **out,
    const struct sada_key *k, const struct sada_pub *to, size_t n,
    int (*write)(const void *p, size_t n, void *ctx, struct sada_err *err),
    void *ctx, struct sada_err *err);
/* Add one record of N <= SADA_RECORD_MAX bytes (HEAD must be first). */
SADA_MUST int sada_sealer_add(struct sada_sealer *s, unsigned type,
    const void *p, size_t n, struct sada_err *err);
/*
 * Queue an inner record for the next META; META records are flushed when
 * they hold 256 KiB raw and before any other record is added.
 */
SADA_MUST int sada_sealer_meta(struct sada_sealer *s, unsigned type,
    const void *p, size_t n, struct sada_err *err);
/*
 * Add END, pad, finish; *BYTES (may be NULL) is the size.  S is freed, also
 * on failure.
 */
SADA_MUST int sada_sealer_end(struct sada_sealer *s, uint64_t *bytes,
    struct sada_err *err);
/* Drop an unfinished bundle; NULL is fine. */
void sada_sealer_free(struct sada_sealer *s);

/*
 * Start reading a bundle whose bytes come from READ (which sets *GOT = 0
 * at the end).  The clear header is read, a slot opened with K, the first
 * segment's sender looked up with TRUST (1 and *PUB for a known peer, 0
 * for a stranger) and its signature checked; nothing else was parsed.
 * *OUT is new, free with sada_opener_free(); it borrows CTX.  Errors:
 * FORMAT (empty, truncated, damaged, forged, not for this replica), VERSION,
 * AUTH (sender not known), SYS, what READ returns.
 */
SADA_MUST int sada_opener_new(struct sada_opener **out,
    const struct sada_key *k,
    int (*trust)(const struct sada_id *sender, struct sada_pub *pub,
    void *ctx),
    int (*read)(void *p, size_t n, size_t *got, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);
/* Who sealed it; borrowed. */
const struct sada_pub *sada_opener_sender(const struct sada_opener *o);
/*
 * The next record, those inside META told one by one: 1 with *TYPE, *P, *N
 * (borrowed until the next call), or 0 after END, when padding, the final
 * chunk and the end of input have been checked too.  Only bytes whose
 * segment's signature was verified are told.  An error is told again by
 * every further call.  Errors: FORMAT VERSION SYS, what READ returns.
 */
SADA_MUST int sada_opener_next(struct sada_opener *o, unsigned *type,
    const unsigned char **p, size_t *n, struct sada_err *err);
/* Free; NULL is fine. */
void sada_opener_free(struct sada_opener *o);

/*
 * Is a bundle whose clear header starts with the N bytes at P addressed to
 * the recipient PUB?  1, 0, FORMAT when it is no bundle or N bytes do not
 * hold its slots, VERSION.  Only public knowledge is needed: relays route
 * by it.
 */
SADA_MUST int sada_sealed_for(const void *p, size_t n,
    const struct sada_pub *pub, struct sada_err *err);
/* Bytes of clear header for NSLOTS slots. */
size_t sada_sealed_header_len(unsigned nslots);

#endif
