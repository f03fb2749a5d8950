/* Worker threads behind a ring of jobs that are given back in order. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/pool.h"

#define THREADS_MAX 64
#define CORES_MAX 16

struct slot {
	void *job;
	int done;
};

/*
 * 1. head <= next <= tail <= head + depth.
 * 2. Slot i % depth holds job i for head <= i < tail; jobs below next
 *    were taken up by a worker.
 * 3. head and tail are written by the owner's thread alone, under the
 *    lock, so that it may read them without; next, done and stop are
 *    read and written under the lock only.
 */
struct sada_pool {
	void (*run)(void *job, void *ctx);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t work;	/* a job waits, or stop */
	pthread_cond_t finished;	/* the oldest job is done */
	struct slot *ring;
	unsigned long long head, next, tail;
	unsigned depth, nthreads;
	int stop;
	pthread_t threads[THREADS_MAX];
};

static void
must(int rc)
{
	assert(rc == 0);
}

static void *
worker(void *arg)
{
	struct sada_pool *p = arg;
	unsigned long long i;
	struct slot *s;

	must(pthread_mutex_lock(&p->lock));
	for (;;) {
		while (!p->stop && p->next == p->tail)
			must(pthread_cond_wait(&p->work, &p->lock));
		if (p->stop)
			break;
		i = p->next++;
		s = &p->ring[i % p->depth];
		must(pthread_mutex_unlock(&p->lock));
		p->run(s->job, p->ctx);
		must(pthread_mutex_lock(&p->lock));
		s->done = 1;
		if (i == p->head)
			must(pthread_cond_signal(&p->finished));
	}
	must(pthread_mutex_unlock(&p->lock));
	return NULL;
}

int
sada_pool_new(struct sada_pool **out, unsigned threads, unsigned depth,
    void (*run)(void *job, void *ctx), void *ctx, struct sada_err *err)
{
	struct sada_pool *p;
	sigset_t all, old;
	int failed = 0;

	assert(threads >= 1 && threads <= THREADS_MAX && depth >= 1);
	*out = NULL;
	p = sada_calloc(1, sizeof(*p));
	p->run = run;
	p->ctx = ctx;
	p->depth = depth;
	p->ring = sada_calloc(depth, sizeof(*p->ring));
	must(pthread_mutex_init(&p->lock, NULL));
	must(pthread_cond_init(&p->work, NULL));
	must(pthread_cond_init(&p->finished, NULL));

	/* Signals are for the thread that has handlers in mind. */
	(void)sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &old));
	while (p->nthreads < threads && failed == 0) {
		failed = pthread_create(&p->threads[p->nthreads], NULL,
		    worker, p);
		if (failed == 0)
			p->nthreads++;
	}
	must(pthread_sigmask(SIG_SETMASK, &old, NULL));
	if (p->nthreads == 0) {
		sada_pool_free(p);
		errno = failed;
		return sada_err_sys(err, "cannot start a thread");
	}
	*out = p;
	return 0;
}

void
sada_pool_submit(struct sada_pool *p, void *job)
{
	struct slot *s;

	assert(job != NULL && !sada_pool_full(p));
	must(pthread_mutex_lock(&p->lock));
	s = &p->ring[p->tail++ % p->depth];
	s->job = job;
	s->done = 0;
	must(pthread_cond_signal(&p->work));
	must(pthread_mutex_unlock(&p->lock));
}

int
sada_pool_full(const struct sada_pool *p)
{
	return p->tail - p->head == p->depth;
}

void *
sada_pool_take(struct sada_pool *p)
{
	struct slot *s;
	void *job;

	if (p->head == p->tail)
		return NULL;
	s = &p->ring[p->head % p->depth];
	must(pthread_mutex_lock(&p->lock));
	while (!s->done)
		must(pthread_cond_wait(&p->finished, &p->lock));
	job = s->job;
	p->head++;
	must(pthread_mutex_unlock(&p->lock));
	return job;
}

void
sada_pool_free(struct sada_pool *p)
{
	unsigned i;

	if (p == NULL)
		return;
	must(pthread_mutex_lock(&p->lock));
	p->stop = 1;
	must(pthread_cond_broadcast(&p->work));
	must(pthread_mutex_unlock(&p->lock));
	for (i = 0; i < p->nthreads; i++)
		must(pthread_join(p->threads[i], NULL));
	must(pthread_cond_destroy(&p->finished));
	must(pthread_cond_destroy(&p->work));
	must(pthread_mutex_destroy(&p->lock));
	free(p->ring);
	free(p);
}

unsigned
sada_pool_cores(void)
{
	cpu_set_t set;
	int n;

	/* Fails only where there are more cores than the set can tell. */
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return CORES_MAX;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > CORES_MAX ? CORES_MAX : (unsigned)n;
}
