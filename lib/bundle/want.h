/* Wants: living contents that this replica knows of and lacks. */
#ifndef SADA_BUNDLE_WANT_H
#define SADA_BUNDLE_WANT_H

#include "log/log.h"
#include "peer/peer.h"
#include "store/file.h"
#include "store/store.h"
#include "tree/state.h"

/*
 * Bring the wants of SDIR up to date after ops from number FIRST on came
 * (they may be staged): contents and ancestors of versions that they
 * brought and that live are wanted when not held in STORE or TXN (may be
 * NULL); wants that can be read now are dropped, and, when ops came, those
 * of what lives no more.  When the file is missing or bad, an op came with
 * its whole map, or dots are forged, all living versions are looked at.
 * W (empty) receives them; nothing is saved.  Errors: SYS DAMAGED.
 */
SADA_MUST int sada_want_update(struct sada_wants *w, int sdir,
    struct sada_store *store, struct sada_txn *txn,
    struct sada_log *log, uint32_t first, struct sada_err *err);

/*
 * Can what X wants be read from SRC?  1, 0; that the indexes name it is not
 * enough, for its bytes may be damaged.  Errors: SYS.
 */
SADA_MUST int sada_want_readable(const struct sada_source *src,
    const struct sada_want *x, struct sada_err *err);

/*
 * Call EACH for the ancestors whose contents could merge the versions of one
 * name in ST, a state of LOG, edits that follow a rename included.  Errors:
 * SYS DAMAGED.
 */
SADA_MUST int sada_want_bases(struct sada_state *st, struct sada_log *log,
    void (*each)(const struct sada_ancestor *a, void *ctx), void *ctx,
    struct sada_err *err);

/* Look at all living versions of the state of LOG's heads.  As above. */
SADA_MUST int sada_want_all(struct sada_wants *w, struct sada_store *store,
    struct sada_txn *txn, struct sada_log *log, struct sada_err *err);

#endif
