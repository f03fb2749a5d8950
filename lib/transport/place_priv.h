/* What the files of this layer share. */
#ifndef SADA_TRANSPORT_PLACE_PRIV_H
#define SADA_TRANSPORT_PLACE_PRIV_H

#include "transport/place.h"

/* "sada-spool" is the mark; a bundle ends in this. */
#define SPOOL_MARK "sada-spool"
#define SPOOL_END ".sada"

/* Open the directory at PLACE.  Errors: ABSENT SYS. */
SADA_MUST int sada_place_dir(int *fd, const char *place,
    struct sada_err *err);
/*
 * Open the directory that PLACE's last name is in; *BASE (borrowed from
 * PLACE) is that name, maybe empty.  Errors: NOTFOUND SYS.
 */
SADA_MUST int sada_place_parent(int *fd, const char **base,
    const char *place, struct sada_err *err);
/* CODE with sentence "PLACE WHY". */
int sada_place_refuse(struct sada_err *err, int code, const char *place,
    const char *why);

/* ".tmp-", 16 hex digits, NUL. */
#define SPOOL_TEMP (5 + 16 + 1)
/* The temp that becomes bundle NAME. */
void sada_spool_temp(char temp[SPOOL_TEMP], const char *name);

#endif
