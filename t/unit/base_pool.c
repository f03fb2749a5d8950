/* The pool: order, limits, work in parallel, early end. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/pool.h"
#include "tap.h"

struct job {
	unsigned long long in, out;
	unsigned spin;
};

/* What the workers share with the test. */
struct shared {
	atomic_int ran, inside, most;
	atomic_int open;	/* jobs at the gate may go on */
	pthread_t owner;
	atomic_int strays;	/* jobs that ran in the owner's thread */
};

static void
run(void *job, void *ctx)
{
	struct shared *s = ctx;
	struct job *j = job;
	int now = atomic_fetch_add(&s->inside, 1) + 1;
	int most = atomic_load(&s->most);
	unsigned i;

	while (now > most && !atomic_compare_exchange_weak(&s->most, &most,
	    now))
		;
	if (pthread_equal(pthread_self(), s->owner))
		atomic_fetch_add(&s->strays, 1);
	while (!atomic_load(&s->open))
		(void)sched_yield();
	j->out = j->in;
	for (i = 0; i < j->spin; i++)
		j->out = j->out * 6364136223846793005ULL + 1;
	atomic_fetch_add(&s->ran, 1);
	atomic_fetch_sub(&s->inside, 1);
}

static void
shared_init(struct shared *s, int open)
{
	atomic_init(&s->ran, 0);
	atomic_init(&s->inside, 0);
	atomic_init(&s->most, 0);
	atomic_init(&s->open, open);
	atomic_init(&s->strays, 0);
	s->owner = pthread_self();
}

/* Push N jobs of random length through; all come back, in order. */
static void
through(unsigned threads, unsigned depth, unsigned n)
{
	struct job *jobs = calloc(n, sizeof(*jobs)), *j;
	unsigned sent = 0, taken = 0;
	struct sada_pool *p;
	struct sada_err err;
	struct shared s;

	shared_init(&s, 1);
	CHECK_INT(sada_pool_new(&p, threads, depth, run, &s, &err), 0);
	CHECK(sada_pool_take(p) == NULL);
	while (taken < n) {
		if (sent < n && !sada_pool_full(p) && tap_below(8) != 0) {
			jobs[sent].in = sent;
			jobs[sent].spin = (unsigned)tap_below(300);
			sada_pool_submit(p, &jobs[sent++]);
			continue;
		}
		CHECK_INT(sada_pool_full(p), sent - taken == depth);
		j = sada_pool_take(p);
		CHECK((j == NULL) == (sent == taken));
		if (j == NULL)
			continue;
		CHECK(j == &jobs[taken]);
		CHECK(j->spin > 0 || j->out == taken);
		taken++;
	}
	CHECK(sada_pool_take(p) == NULL);
	sada_pool_free(p);
	CHECK_INT(atomic_load(&s.ran), n);
	CHECK_INT(atomic_load(&s.strays), 0);
	CHECK(atomic_load(&s.most) <= (int)threads);
	free(jobs);
}

/* Three workers are inside at once, although two jobs are not taken. */
static void
parallel(void)
{
	struct job jobs[3] = { { 0 } };
	struct sada_pool *p;
	struct sada_err err;
	struct shared s;
	int i;

	shared_init(&s, 0);
	CHECK_INT(sada_pool_new(&p, 3, 8, run, &s, &err), 0);
	for (i = 0; i < 3; i++)
		sada_pool_submit(p, &jobs[i]);
	while (atomic_load(&s.inside) < 3)
		(void)sched_yield();
	atomic_store(&s.open, 1);
	for (i = 0; i < 3; i++)
		CHECK(sada_pool_take(p) == &jobs[i]);
	sada_pool_free(p);
}

/* Free waits for what runs and drops what waits. */
static void
early_end(void)
{
	struct job jobs[6] = { { 0 } };
	struct sada_pool *p;
	struct sada_err err;
	struct shared s;
	int i, round;

	for (round = 0; round < 200; round++) {
		shared_init(&s, 1);
		CHECK_INT(sada_pool_new(&p, 2, 6, run, &s, &err), 0);
		for (i = 0; i < 6; i++) {
			jobs[i].spin = 2000;
			sada_pool_submit(p, &jobs[i]);
		}
		CHECK(sada_pool_full(p));
		sada_pool_free(p);
		CHECK_INT(atomic_load(&s.inside), 0);
		CHECK(atomic_load(&s.ran) <= 6);
	}
	sada_pool_free(NULL);
}

int
main(void)
{
	unsigned threads, depth;

	tap_seed(4);
	for (threads = 1; threads <= 5; threads++)
		for (depth = 1; depth <= 9; depth += 2)
			through(threads, depth, 500);
	through(64, 3, 500);
	through(2, 64, 5000);
	parallel();
	early_end();
	CHECK(sada_pool_cores() >= 1 && sada_pool_cores() <= 16);
	return tap_done();
}
