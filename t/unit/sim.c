/*
 * Histories of whole replicas in memory, by the verbs, on a simulated disk
 * with crashes, faults, copies and a courier that may do anything.
 *
 * SADA_TEST_SEED is the first history, SADA_TEST_ROUNDS how many there are;
 * two processes share them.  A history that fails is made small by leaving
 * steps out, printed, and written to TMPDIR: put that file into sim.d and it
 * is played at each run.  "sim FILE..." plays plans and tells each step;
 * "sim SEED" tells that history.
 */
#include <dirent.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"
#include "tap.h"

#define ROUNDS 400
#define WORKERS 2
#define FAILURES 5
#define PLANTED 300		/* histories to see a planted fault in */
#define LIMIT_S 60		/* for a history */

/* What workers tell, and what they are told. */
struct worker {
	unsigned lie;		/* syncs that do nothing */
	long count[N_COUNTS];
	long at;		/* history under way */
	char label[100];
	char text[600];
};

static struct worker *shared;

static void
set_up(unsigned k)
{
	cpu_set_t one;

	/* Bundles take megabytes each: do not fault them in anew. */
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 512 << 20);
	CPU_ZERO(&one);
	CPU_SET(k, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/* Play P here; 0, or 1 with what failed in X. */
static int
play(const struct sim_plan *p, struct worker *x, int verbose)
{
	static struct sim w;

	memset(&w, 0, sizeof(w));
	w.count = x->count;
	w.verbose = verbose;
	memfs_lie(x->lie);
	(void)alarm(LIMIT_S);
	if (sim_play(&w, p) == 0)
		return 0;
	(void)snprintf(x->label, sizeof(x->label), "%s", w.label);
	(void)snprintf(x->text, sizeof(x->text), "%s", w.text);
	return 1;
}

/* Wait for PID; an end by a signal becomes a label. */
static int
wait_for(pid_t pid, struct worker *x)
{
	int status = 0;

	(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		(void)snprintf(x->label, sizeof(x->label), "%s",
		    WTERMSIG(status) == SIGALRM ? "hang" :
		    strsignal(WTERMSIG(status)));
	return x->label[0] != '\0' || status != 0;
}

/* Play P in a process of its own; 1 when it failed. */
static int
try_plan(const struct sim_plan *p, struct worker *x)
{
	pid_t pid;

	x->label[0] = x->text[0] = '\0';
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		_exit(play(p, x, 0));
	}
	return wait_for(pid, x);
}

/* Leave out of P what is not needed for it to fail as X says. */
static void
shrink(struct sim_plan *p, struct worker *x)
{
	struct sim_plan q;
	char label[100];
	size_t chunk, at;
	int again = 1;

	(void)snprintf(label, sizeof(label), "%s", x->label);
	for (chunk = p->n / 2; chunk > 0; chunk = chunk > 1 ? chunk / 2 :
	    (size_t)again) {
		again = 0;
		for (at = 0; at + chunk <= p->n; ) {
			q = *p;
			q.n -= chunk;
			memmove(&q.step[at], &q.step[at + chunk],
			    (q.n - at) * sizeof(*q.step));
			if (try_plan(&q, x) && strcmp(x->label, label) == 0) {
				*p = q;
				again = 1;
			} else {
				at += chunk;
			}
		}
	}
	for (at = 0; at < p->n; at++) {
		q = *p;
		if (q.step[at].fault == 0)
			continue;
		q.step[at].fault = 0;
		if (try_plan(&q, x) && strcmp(x->label, label) == 0)
			*p = q;
	}
	(void)try_plan(p, x);
}

/* Tell failed plan P, make it small and keep it. */
static void
report(struct sim_plan *p)
{
	struct worker *x = &shared[WORKERS];
	const char *tmp = getenv("TMPDIR");
	char file[300];
	FILE *f;

	printf("# history %" PRIu64 " failed\n", p->seed);
	if (!try_plan(p, x)) {
		printf("# it does not fail again\n");
		return;
	}
	shrink(p, x);
	printf("# %s: %s\n", x->label, x->text);
	sim_plan_print(stdout, p, "# ");
	(void)snprintf(file, sizeof(file), "%s/sim-%" PRIu64 ".sim",
	    tmp != NULL ? tmp : "/tmp", p->seed);
	if ((f = fopen(file, "w")) != NULL) {
		(void)fprintf(f, "# %s\n", x->label);
		sim_plan_print(f, p, "");
		(void)fclose(f);
		printf("# kept as %s\n", file);
	}
	(void)fflush(stdout);
}

/* Histories from AT on, each second one. */
static _Noreturn void
work(unsigned k, long at, long rounds, uint64_t seed)
{
	struct sim_plan p;

	set_up(k);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; at < rounds; at += WORKERS) {
		shared[k].at = at;
		sim_plan(&p, seed + (uint64_t)at);
		if (play(&p, &shared[k], 0) != 0)
			_exit(1);
	}
	shared[k].at = rounds;
	_exit(0);
}

static pid_t
start(unsigned k, long at, long rounds, uint64_t seed)
{
	pid_t pid;

	shared[k].label[0] = '\0';
	shared[k].at = at;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		work(k, at, rounds, seed);
	return pid;
}

static int
histories(long rounds, uint64_t seed)
{
	pid_t pid[WORKERS];
	struct sim_plan p;
	unsigned k;
	int left = WORKERS, failed = 0, status;

	for (k = 0; k < WORKERS; k++)
		pid[k] = start(k, (long)k, rounds, seed);
	while (left > 0) {
		pid_t one = wait(&status);

		for (k = 0; k < WORKERS && pid[k] != one; k++)
			continue;
		if (k == WORKERS)
			continue;
		if (status == 0) {
			left--;
			continue;
		}
		failed++;
		sim_plan(&p, seed + (uint64_t)shared[k].at);
		report(&p);
		if (failed < FAILURES)
			pid[k] = start(k, shared[k].at + WORKERS, rounds,
			    seed);
		else
			left--;
	}
	return failed;
}

/* Play the plans that once failed. */
static void
replay(void)
{
	const char *src = getenv("SRCDIR");
	struct sim_plan p;
	struct dirent *e;
	char dir[500], path[800];
	long n = 0;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/t/unit/sim.d",
	    src != NULL ? src : ".");
	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, ".sim") == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		CHECK(sim_plan_read(&p, path) == 0);
		n++;
		if (!try_plan(&p, &shared[WORKERS]))
			continue;
		printf("# %s: %s: %s\n", e->d_name, shared[WORKERS].label,
		    shared[WORKERS].text);
		CHECK(shared[WORKERS].label[0] == '\0');
	}
	(void)closedir(d);
	printf("# %ld plans of old played\n", n);
}

/* A simulation proves something if it sees what is left out. */
static int
sees(unsigned lie)
{
	struct worker *x = &shared[WORKERS];
	struct sim_plan p;
	uint64_t seed;
	int found = 0;

	x->lie = lie;
	for (seed = 1; seed <= PLANTED && !found; seed++) {
		sim_plan(&p, seed);
		found = try_plan(&p, x);
	}
	printf("# without sync of %s: %s in history %" PRIu64 "\n",
	    lie == MEMFS_LIE_DIRS ? "directories" : "files",
	    found ? x->label : "nothing", seed - 1);
	x->lie = 0;
	return found;
}

static int
tell(int argc, char **argv)
{
	struct sim_plan p;
	int i, bad = 0;

	for (i = 1; i < argc; i++) {
		if (strspn(argv[i], "0123456789") == strlen(argv[i]))
			sim_plan(&p, strtoull(argv[i], NULL, 10));
		else if (sim_plan_read(&p, argv[i]) < 0) {
			printf("# %s is no plan\n", argv[i]);
			return 1;
		}
		if (play(&p, &shared[0], 1) != 0) {
			printf("# %s: %s\n", shared[0].label,
			    shared[0].text);
			bad = 1;
		}
	}
	return bad;
}

static long
number(const char *name, long other)
{
	const char *s = getenv(name);

	return s != NULL && *s != '\0' ? strtol(s, NULL, 0) : other;
}

int
main(int argc, char **argv)
{
	long rounds = number("SADA_TEST_ROUNDS", ROUNDS);
	uint64_t seed = (uint64_t)number("SADA_TEST_SEED", 1);
	int i, failed;
	long sum;
	unsigned k;

	shared = mmap(NULL, (WORKERS + 1) * sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	if (argc > 1) {
		set_up(0);
		return tell(argc, argv);
	}
	printf("# seed %" PRIu64 " rounds %ld\n", seed, rounds);
	replay();
	CHECK(sees(MEMFS_LIE_FILES));
	CHECK(sees(MEMFS_LIE_DIRS));
	failed = histories(rounds, seed);
	CHECK_INT(failed, 0);
	for (i = 0; i < N_COUNTS; i++) {
		for (k = 0, sum = 0; k < WORKERS; k++)
			if (i == N_ROUNDS)
				sum = shared[k].count[i] > sum ?
				    shared[k].count[i] : sum;
			else
				sum += shared[k].count[i];
		printf("# %s %ld\n", sim_counts[i], sum);
	}
	return tap_done();
}
