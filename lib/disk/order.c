/*
 * Which directory a thread takes next: the nearest in path order.
 *
 * Jobs that wait lie in a heap by path.  Whoever finishes one offers its
 * sub-directories.  The walk needs jobs in path order; the one that it needs
 * is the least of all that wait, so if nobody has started it the walk runs
 * it itself, and while another thread runs it the walk takes the next
 * one: nobody ever waits for work that is not under way.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/scan_priv.h"

/* No more than this is done and not taken: jobs, and what they found. */
#define AHEAD_JOBS 2048
#define AHEAD_FINDS 100000

struct thread {
	struct sada_order *o;
	struct sada_worker *w;
	pthread_t id;
};

/* All is under LOCK. */
struct sada_order {
	pthread_mutex_t lock;
	pthread_cond_t work;		/* a job waits, room ahead, or stop */
	pthread_cond_t done;		/* a job was finished */
	struct sada_job **heap;
	size_t n, cap;
	size_t jobs, finds;		/* done and not taken */
	struct sada_worker *own;
	struct thread *thread;
	unsigned nthread;
	int stop;
};

static void
must(int rc)
{
	assert(rc == 0);
}

static int
before(const struct sada_job *a, const struct sada_job *b)
{
	return sada_path_cmp(a->path, a->len, b->path, b->len) < 0;
}

static void
heap_push(struct sada_order *o, struct sada_job *j)
{
	size_t i = o->n++, up;

	o->heap = sada_grow(o->heap, &o->cap, o->n, sizeof(struct sada_job *));
	for (; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(j, o->heap[up]))
			break;
		o->heap[i] = o->heap[up];
	}
	o->heap[i] = j;
}

static struct sada_job *
heap_pop(struct sada_order *o)
{
	struct sada_job *top = o->heap[0], *j = o->heap[--o->n];
	size_t i, k;

	for (i = 0; (k = 2 * i + 1) < o->n; i = k) {
		if (k + 1 < o->n && before(o->heap[k + 1], o->heap[k]))
			k++;
		if (!before(o->heap[k], j))
			break;
		o->heap[i] = o->heap[k];
	}
	o->heap[i] = j;
	return top;
}

static int
has_room(const struct sada_order *o)
{
	return o->jobs < AHEAD_JOBS && o->finds < AHEAD_FINDS;
}

/* Run the least job that waits.  The lock is held, and let go meanwhile. */
static void
run_next(struct sada_order *o, struct sada_worker *w)
{
	struct sada_job *j = heap_pop(o);
	size_t i;

	j->state = SADA_JOB_RUNS;
	must(pthread_mutex_unlock(&o->lock));
	sada_job_run(j, w);
	must(pthread_mutex_lock(&o->lock));
	for (i = 0; i < j->n; i++)
		if (j->f[i].sub != NULL) {
			heap_push(o, j->f[i].sub);
			must(pthread_cond_signal(&o->work));
		}
	j->state = SADA_JOB_DONE;
	o->jobs++;
	o->finds += j->n;
	must(pthread_cond_signal(&o->done));
}

static void *
worker(void *arg)
{
	struct thread *t = arg;
	struct sada_order *o = t->o;

	must(pthread_mutex_lock(&o->lock));
	while (!o->stop) {
		if (o->n > 0 && has_room(o))
			run_next(o, t->w);
		else
			must(pthread_cond_wait(&o->work, &o->lock));
	}
	must(pthread_mutex_unlock(&o->lock));
	return NULL;
}

void
sada_order_new(struct sada_order **out, struct sada_worker *w, unsigned n)
{
	struct sada_order *o = sada_calloc(1, sizeof(*o));
	sigset_t all, old;
	struct thread *t;
	unsigned i;

	must(pthread_mutex_init(&o->lock, NULL));
	must(pthread_cond_init(&o->work, NULL));
	must(pthread_cond_init(&o->done, NULL));
	o->own = w;
	o->thread = sada_calloc(n, sizeof(*o->thread));
	/* Signals are for the thread that the command runs in. */
	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &old));
	for (i = 1; i < n; i++) {
		t = &o->thread[o->nthread];
		t->o = o;
		t->w = &w[i];
		/* One that cannot be had is done without. */
		if (pthread_create(&t->id, NULL, worker, t) == 0)
			o->nthread++;
	}
	must(pthread_sigmask(SIG_SETMASK, &old, NULL));
	*out = o;
}

void
sada_order_push(struct sada_order *o, struct sada_job *j)
{
	must(pthread_mutex_lock(&o->lock));
	heap_push(o, j);
	must(pthread_mutex_unlock(&o->lock));
}

void
sada_order_take(struct sada_order *o, struct sada_job *j)
{
	must(pthread_mutex_lock(&o->lock));
	while (j->state != SADA_JOB_DONE) {
		assert(j->state == SADA_JOB_RUNS || o->heap[0] == j);
		if (j->state == SADA_JOB_WAITS || (o->n > 0 && has_room(o)))
			run_next(o, o->own);
		else
			must(pthread_cond_wait(&o->done, &o->lock));
	}
	if (!has_room(o))
		must(pthread_cond_broadcast(&o->work));
	o->jobs--;
	o->finds -= j->n;
	must(pthread_mutex_unlock(&o->lock));
}

void
sada_order_free(struct sada_order *o)
{
	unsigned i;

	if (o == NULL)
		return;
	must(pthread_mutex_lock(&o->lock));
	o->stop = 1;
	must(pthread_cond_broadcast(&o->work));
	must(pthread_mutex_unlock(&o->lock));
	for (i = 0; i < o->nthread; i++)
		must(pthread_join(o->thread[i].id, NULL));
	must(pthread_mutex_destroy(&o->lock));
	must(pthread_cond_destroy(&o->work));
	must(pthread_cond_destroy(&o->done));
	free(o->thread);
	free(o->heap);
	free(o);
}
