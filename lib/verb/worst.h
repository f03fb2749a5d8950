/* Of several results the one that a command ends with. */
#ifndef SADA_VERB_WORST_H
#define SADA_VERB_WORST_H

#include "base/err.h"

struct sada_worst {
	struct sada_err e;		/* code 0: none yet */
};

/* None yet. */
void sada_worst_init(struct sada_worst *w);
/* Keep E if its exit status comes first in 74 2 77 65 69 75 1. */
void sada_worst_add(struct sada_worst *w, const struct sada_err *e);
/* The code kept, its sentence in ERR (may be NULL); 0 when none. */
SADA_MUST int sada_worst_get(const struct sada_worst *w,
    struct sada_err *err);

#endif
