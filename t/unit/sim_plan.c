/* Simulation: the plan that a seed makes, as text too; playing one. */
#include <stdarg.h>

#include "sim.h"

const char *const sim_names[SIM_NWHAT] = { "edit", "snap", "push", "pull",
	"merge", "sync", "courier", "clock", "caches", "backup", "restore",
	"clone", "take", "look", "lie", "gc" };

const char *const sim_counts[N_COUNTS] = { "histories", "steps", "verbs",
	"ops", "pushed", "pulled", "taken", "parked", "refused", "merged",
	"conflicts", "guards", "crashes", "faults", "disks full",
	"set back", "clones", "caches lost", "damaged", "lost", "doubled",
	"skipped names", "excused ops", "contents checked", "unheld",
	"rounds to rest (most)", "ops replayed by the letter",
	"ops with the dot of another", "sweeps", "objects dropped",
	"bases that nobody has" };

static uint64_t
mix(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
sim_rand(struct sim *w)
{
	return mix(&w->z);
}

unsigned
sim_below(struct sim *w, unsigned n)
{
	return (unsigned)(sim_rand(w) % n);
}

void
sim_plan(struct sim_plan *p, uint64_t seed)
{
	static const unsigned reps[20] = { 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3,
	    4, 4, 4, 4, 5, 5, 6, 7 };
	/* In the order of enum sim_what. */
	static const unsigned often[SIM_NWHAT] = { 28, 18, 14, 22, 14, 8, 4,
	    3, 1, 3, 2, 1, 1, 1, 1, 3 };
	uint64_t s = seed * UINT64_C(0x2545f4914f6cdd1d) + 77, k;
	unsigned faulty, wild, i, sum = 0, what;
	struct sim_step *x;

	memset(p, 0, sizeof(*p));
	p->seed = seed;
	p->nreps = reps[mix(&s) % 20];
	p->join = mix(&s) % 4 != 0;
	faulty = (unsigned)(mix(&s) % 3);
	wild = (unsigned)(mix(&s) % 2);
	p->n = 24 + (size_t)(mix(&s) % 40);
	for (i = 0; i < SIM_NWHAT; i++)
		sum += often[i];
	for (i = 0; i < p->n; i++) {
		x = &p->step[i];
		do {
			k = mix(&s) % sum;
			for (what = 0; k >= often[what]; what++)
				k -= often[what];
		} while (!wild && (what == SIM_RESTORE ||
		    what == SIM_CLONE || what == SIM_BACKUP ||
		    what == SIM_LIE));
		x->what = what;
		x->r = (unsigned)(mix(&s) % SIM_REPS);
		x->fault = faulty > 0 && mix(&s) % 5 == 0 ?
		    1 + (unsigned)(mix(&s) % 3) : 0;
		x->z = mix(&s);
	}
}

void
sim_plan_print(FILE *f, const struct sim_plan *p, const char *prefix)
{
	size_t i;

	(void)fprintf(f, "%ssim 1 seed %" PRIu64 " reps %u join %u\n",
	    prefix, p->seed, p->nreps, p->join);
	for (i = 0; i < p->n; i++)
		(void)fprintf(f, "%s%s %u %u %016" PRIx64 "\n", prefix,
		    sim_names[p->step[i].what], p->step[i].r,
		    p->step[i].fault, p->step[i].z);
}

int
sim_plan_read(struct sim_plan *p, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[200], name[20];
	struct sim_step *x;
	int rc = -1;

	memset(p, 0, sizeof(*p));
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (p->nreps == 0) {
			if (sscanf(line, "sim 1 seed %" SCNu64 " reps %u "
			    "join %u", &p->seed, &p->nreps, &p->join) != 3 ||
			    p->nreps < 2 || p->nreps > SIM_REPS - 1)
				goto out;
			continue;
		}
		if (p->n == SIM_STEPS)
			goto out;
		x = &p->step[p->n++];
		if (sscanf(line, "%19s %u %u %" SCNx64, name, &x->r,
		    &x->fault, &x->z) != 4)
			goto out;
		for (x->what = 0; x->what < SIM_NWHAT; x->what++)
			if (strcmp(name, sim_names[x->what]) == 0)
				break;
		if (x->what == SIM_NWHAT)
			goto out;
	}
	rc = p->nreps > 0 ? 0 : -1;
out:
	(void)fclose(f);
	return rc;
}

void
sim_fail(struct sim *w, const char *label, const char *fmt, ...)
{
	char text[sizeof(w->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(w->text, text, sizeof(text));
	w->label = label;
	longjmp(w->out, 1);
}

void
sim_say(struct sim *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->verbose)
		return;
	(void)fputs("# ", stdout);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void
on_shown(const char *name, uint32_t kind, unsigned mode,
    const unsigned char *p, size_t n, void *ctx)
{
	(void)p;
	if (strncmp(name, ".sada", 5) != 0)
		sim_say(ctx, "      | %06o %o %zu %.40s%s", kind, mode, n,
		    name, strlen(name) > 40 ? "..." : "");
}

void
sim_show(struct sim *w, const struct sim_rep *r)
{
	if (w->verbose)
		memfs_walk(r->root, on_shown, w);
}

int
sim_play(struct sim *w, const struct sim_plan *p)
{
	size_t i;

	w->plan = p;
	w->label = NULL;
	if (setjmp(w->out) != 0)
		return -1;
	w->z = p->seed;
	sim_world_begin(w);
	for (i = 0; i < p->n; i++) {
		w->z = p->step[i].z;
		memfs_reseed(p->step[i].z ^ p->seed);
		sim_say(w, "%zu %s %u %u %016" PRIx64, i,
		    sim_names[p->step[i].what],
		    p->step[i].r % w->nrep, p->step[i].fault, p->step[i].z);
		sim_step(w, &p->step[i]);
	}
	w->z = p->seed + 1;
	memfs_reseed(p->seed + 1);
	sim_say(w, "healing");
	sim_heal(w);
	w->count[N_HISTORIES]++;
	sim_world_end(w);
	return 0;
}
