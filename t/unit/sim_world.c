/*
 * Simulation: the replicas that a history begins with, and what is known of
 * the contents that they recorded.
 *
 * Keys are slow to make, so that for each number of replicas there is one
 * set of stores, made once by sada_init() with a seed of its own; a history
 * gets copies with the same inodes, which for a replica is the same place.
 */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "crypto/hash.h"
#include "sim.h"

#define MACHINE "%031x%x"

uint64_t
sim_hash(const void *p, size_t n)
{
	const unsigned char *q = p;
	uint64_t h = UINT64_C(14695981039346656037) ^ n;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ q[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

void
sim_held_add(struct sim_helds *h, const char *op, const char *path,
    const void *p, size_t n)
{
	struct sim_held *x;
	struct sada_id id;

	h->h = sada_grow(h->h, &h->cap, h->n + 1, sizeof(*h->h));
	x = &h->h[h->n++];
	(void)snprintf(x->op, sizeof(x->op), "%s", op);
	x->path = sada_strdup(path);
	x->size = n;
	sada_hash(&id, SADA_CTX_CHUNK, n > 0 ? p : "", n);
	sada_id_hex(x->content, &id);
}

void
sim_held_clear(struct sim_helds *h)
{
	while (h->n > 0)
		free(h->h[--h->n].path);
	free(h->h);
	memset(h, 0, sizeof(*h));
}

int
sim_held_below(const struct sim_helds *h, const char *name)
{
	size_t i, n;

	for (i = 0; i < h->n; i++) {
		n = strlen(h->h[i].path);
		if (strncmp(h->h[i].path, name, n) == 0 &&
		    (n == 0 || name[n] == '\0' || name[n] == '/'))
			return 1;
	}
	return 0;
}

void
sim_held_copy(struct sim_helds *to, const struct sim_helds *from)
{
	size_t i;

	sim_held_clear(to);
	if (from->n == 0)
		return;
	to->h = sada_grow(NULL, &to->cap, from->n, sizeof(*to->h));
	for (i = 0; i < from->n; i++) {
		to->h[i] = from->h[i];
		to->h[i].path = sada_strdup(from->h[i].path);
	}
	to->n = from->n;
}

/* ---- stores to begin with ---- */

static void
must(int rc, const struct sada_err *err)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "sim: %s\n", err->msg);
	abort();
}

static void
add_peer(const char *dir, const char *line)
{
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_replica *r = NULL;
	struct sada_err err;

	must(sada_open(&r, &o, &err), &err);
	must(sada_peer_add(r, NULL, line, 0, NULL, &err), &err);
	sada_close(r);
}

static void
machine(char out[40], unsigned k)
{
	(void)snprintf(out, 40, MACHINE, k * 77 + 3, k % 16);
}

/* N replicas in /r0 ..., kept as /tN/r0 ... for later. */
static void
make_template(unsigned n)
{
	struct sada_buf line[SIM_REPS] = { { 0 } };
	char path[32], to[32], id[40];
	struct sada_err err;
	unsigned i, k;

	memfs_reseed(n);
	for (i = 0; i < n; i++) {
		char name[16];

		(void)snprintf(path, sizeof(path), "/r%u", i);
		(void)snprintf(name, sizeof(name), "k%u", i);
		machine(id, i);
		memfs_machine(id);
		must(sada_init(name, &(struct sada_open_opts){
		    .dir = path }, &line[i], &err), &err);
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/r%u", i);
		machine(id, i);
		memfs_machine(id);
		for (k = 0; k < n; k++)
			if (k != i)
				add_peer(path, sada_buf_str(&line[k]));
	}
	(void)snprintf(to, sizeof(to), "/t%u", n);
	(void)memfs_mkdir(to, 0755);
	for (i = 0; i < n; i++) {
		sada_buf_release(&line[i]);
		(void)snprintf(path, sizeof(path), "/r%u", i);
		(void)snprintf(to, sizeof(to), "/t%u/r%u", n, i);
		memfs_settle((int)i + 1);
		assert(memfs_copy(path, to, MEMFS_SAME) == 0);
	}
}

/* Once in a process: the disks. */
static void
make_disks(void)
{
	char path[16];
	unsigned i;

	memfs_begin(1);
	sada_io_use(memfs_ops());
	/* The first time it takes of the randomness. */
	sada_crypto_init();
	for (i = 0; i < SIM_REPS; i++) {
		(void)snprintf(path, sizeof(path), "/r%u", i);
		(void)memfs_disk(path);
	}
	(void)memfs_disk("/post");
	(void)memfs_disk("/spool");
	(void)memfs_mkdir("/backup", 0700);
	(void)memfs_mkdir("/empty", 0755);
}

void
sim_world_begin(struct sim *w)
{
	unsigned n = w->plan->nreps, i;
	char from[40];

	if (memfs_kind("/empty") == 0)
		make_disks();
	(void)snprintf(from, sizeof(from), "/t%u", n);
	memfs_restart(1, (uint64_t)n << 32);
	for (i = 0; i < SIM_REPS; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "/r%u", i);
		(void)memfs_copy("/empty", path, MEMFS_NEW);
	}
	(void)memfs_copy("/empty", "/spool", MEMFS_NEW);
	if (memfs_kind(from) == 0)
		make_template(n);
	memfs_restart(w->plan->seed, (uint64_t)100 << 32);
	for (i = 0; i < n; i++) {
		struct sim_rep *r = &w->rep[i];

		memset(r, 0, sizeof(*r));
		(void)snprintf(r->root, sizeof(r->root), "/r%u", i);
		(void)snprintf(r->name, sizeof(r->name), "k%u", i);
		machine(r->machine, i);
		r->disk = (int)i + 1;
		r->key = i;
		(void)snprintf(from, sizeof(from), "/t%u/r%u", n, i);
		assert(memfs_copy(from, r->root, MEMFS_SAME) == 0);
	}
	w->nrep = w->nkey = n;
	memfs_clock_add(3600 * INT64_C(1000000000));
}

void
sim_world_end(struct sim *w)
{
	unsigned i;

	for (i = 0; i < w->nrep; i++) {
		memfs_room(w->rep[i].disk, UINT64_MAX);
		memfs_crash(w->rep[i].disk, MEMFS_KILL, 0);
		sim_held_clear(&w->rep[i].held);
		sim_held_clear(&w->rep[i].last);
		sim_held_clear(&w->rep[i].avoid);
	}
	for (i = 0; i < w->nbackup; i++) {
		char path[32];

		sim_held_clear(&w->backup[i].held);
		(void)snprintf(path, sizeof(path), "/backup/%u", i);
		(void)memfs_remove(path);
	}
	while (w->nmail > 0)
		sim_mail_drop(w, 0);
	while (w->nnote > 0)
		free(w->note[--w->nnote]);
	sim_held_clear(&w->unheld);
	free(w->note);
	free(w->told);
	w->note = NULL;
	w->told = NULL;
	w->nnote = w->capnote = w->ntold = w->captold = w->nbackup = 0;
}
