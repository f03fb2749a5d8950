/*
 * The pool of lib/base without threads: a job runs where it is submitted.
 * A program that links this instead has one order of calls, and no cost
 * of threads.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/pool.h"

struct sada_pool {
	void (*run)(void *job, void *ctx);
	void *ctx;
	void **ring;
	unsigned long long head, tail;
	unsigned depth;
};

int
sada_pool_new(struct sada_pool **out, unsigned threads, unsigned depth,
    void (*run)(void *job, void *ctx), void *ctx, struct sada_err *err)
{
	struct sada_pool *p = sada_calloc(1, sizeof(*p));

	(void)err;
	assert(threads >= 1 && depth >= 1);
	p->run = run;
	p->ctx = ctx;
	p->depth = depth;
	p->ring = sada_calloc(depth, sizeof(*p->ring));
	*out = p;
	return 0;
}

void
sada_pool_submit(struct sada_pool *p, void *job)
{
	assert(job != NULL && !sada_pool_full(p));
	p->ring[p->tail++ % p->depth] = job;
	p->run(job, p->ctx);
}

int
sada_pool_full(const struct sada_pool *p)
{
	return p->tail - p->head == p->depth;
}

void *
sada_pool_take(struct sada_pool *p)
{
	return p->head == p->tail ? NULL : p->ring[p->head++ % p->depth];
}

void
sada_pool_free(struct sada_pool *p)
{
	if (p == NULL)
		return;
	free(p->ring);
	free(p);
}

unsigned
sada_pool_cores(void)
{
	return 1;
}
