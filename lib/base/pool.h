/* Worker threads that take jobs and give them back in order. */
#ifndef SADA_BASE_POOL_H
#define SADA_BASE_POOL_H

#include "base/err.h"

struct sada_pool;

/*
 * Start THREADS workers (1 to 64) which call RUN(JOB, CTX) for each job;
 * at most DEPTH jobs are between submit and take.  *OUT is new; end it
 * with sada_pool_free().  A thread that cannot be started is done
 * without as long as one runs.  All calls on a pool come from one thread;
 * RUN runs in others, with signals blocked.  Errors: SYS.
 */
SADA_MUST int sada_pool_new(struct sada_pool **out, unsigned threads,
    unsigned depth, void (*run)(void *job, void *ctx), void *ctx,
    struct sada_err *err);

/*
 * Queue JOB (not NULL).  The caller keeps track: when sada_pool_full()
 * it must take one first.
 */
void sada_pool_submit(struct sada_pool *p, void *job);

/* Are DEPTH jobs under way, so that a take must come first? */
int sada_pool_full(const struct sada_pool *p);

/* The oldest job, once it has run; NULL when none is under way. */
void *sada_pool_take(struct sada_pool *p);

/* Wait for what runs, drop what waits, end the threads.  NULL is fine. */
void sada_pool_free(struct sada_pool *p);

/* How many workers pay here: cores that we may run on, 1 to 16. */
unsigned sada_pool_cores(void);

#endif
