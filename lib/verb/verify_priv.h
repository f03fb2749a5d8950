/* What the parts of verify share. */
#ifndef SADA_VERB_VERIFY_PRIV_H
#define SADA_VERB_VERIFY_PRIV_H

#include "crypto/idset.h"
#include "verb/look_priv.h"

/* A verify under way.  What could not be opened is -1 or NULL. */
struct sada_check {
	const struct sada_open_opts *o;
	void (*each)(const char *what, void *ctx);
	void *ctx;
	struct sada_verify_result *res;
	int sdir;			/* ".sada" */
	int lock;
	int writes;			/* it is held, and the store may be
					   changed */
	struct sada_replica *r;		/* NULL: it could not be opened */
	int log_whole;			/* nothing was found in the log */
	int work_good;			/* W is, and the log has its heads */
	int packs_bad;			/* damage was found in a pack */
	int index_bad;			/* or in the index of one */
	struct sada_idset lost;		/* objects that the packs do not give */
	struct sada_wants wants;
	int wants_changed;
	struct sada_id *need;		/* ops whose maps are broken */
	size_t nneed;
};

/* Count and tell one damage. */
void sada_check_tell(struct sada_check *c, const char *fmt, ...)
    SADA_PRINTF(2, 3);
/*
 * The cache NAME in directory DFD is bad: it is removed, if we may, and
 * made anew by the commands that need it.
 */
void sada_check_cache(struct sada_check *c, int dfd, const char *name,
    const char *why);

/* Everything in the store but log and packs.  Errors: SYS. */
SADA_MUST int sada_check_files(struct sada_check *c, struct sada_err *err);

#endif
