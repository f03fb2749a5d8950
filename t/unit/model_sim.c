/*
 * Histories of replicas that were never online at the same time: random
 * edits of few paths that clash, bundles lost, late, doubled and out of
 * order, stores copied and set back, forks.  After every step the replica's
 * state is held against the naive model of the ops it holds; at the end the
 * replicas hear of each other and must come to one state, and to rest.
 *
 * TAP_SEED=N runs history N first; SADA_TEST_ROUNDS says how many.
 */
#include <malloc.h>
#include <sched.h>

#include "model_play.h"

#define ROUNDS 1500
#define STEPS 40
#define WRONG_ROUNDS 100	/* in these, models without a rule are kept */

/* ---- mail ---- */

static void
send_mail(struct rep *r)
{
	static const unsigned how[] = { 0, 0, 0, 0, SEND_FULL, SEND_SINCE };
	struct sada_pub to[MAX_KEYS];
	struct sada_err err;
	struct mail *m;
	size_t n = 0;
	int i;

	if (sim.nmail == MAX_MAIL)
		return;
	m = &sim.mail[sim.nmail];
	memset(m, 0, sizeof(*m));
	for (i = 0; i < sim.nkeys; i++)
		if (i != r->who && tap_below(2) == 0) {
			to[n++] = *sada_key_pub(sim.key[i]);
			m->to |= 1u << i;
		}
	if (n == 0)
		return;
	must(rep_send(r, to, n, how[tap_below(6)], &m->b, NULL, &err), &err);
	sim.nmail++;
	sum.sent++;
}

static void
drop_mail(int i)
{
	sada_buf_release(&sim.mail[i].b);
	sim.mail[i] = sim.mail[--sim.nmail];
}

/* Take bundle B at R and look at what it came to. */
static void
take(struct rep *r, const struct sada_buf *b, void (*between)(struct rep *r))
{
	struct sada_take_result res;
	struct sada_err err;
	uint64_t before = held(r);
	int rc = rep_take(r, b, between, &res, &err);

	if (rc < 0)
		printf("# history %llu: %d %s\n",
		    (unsigned long long)sim.seed, rc, err.msg);
	CHECK_INT(rc, 0);
	CHECK((before & ~held(r)) == 0);
	sum.taken++;
	sum.admitted += (long)res.ops;
	sum.parked += res.parked > 0;
	sum.needs += strncmp(res.needs, "map", 3) == 0;
	sum.known += res.parked == 0 && res.ops == 0;
	compare(r);
}

static void
deliver(void)
{
	struct rep *r;
	int i, k;

	if (sim.nmail == 0)
		return;
	i = (int)tap_below((size_t)sim.nmail);
	if (tap_below(8) == 0) {
		drop_mail(i);
		sum.lost++;
		return;
	}
	k = (int)tap_below((size_t)sim.nreps);
	r = &sim.rep[k];
	if ((sim.mail[i].to >> r->who & 1) == 0)
		return;
	if (tap_below(8) == 0) {
		sum.between++;
		take(r, &sim.mail[i].b, write_op);
	} else {
		take(r, &sim.mail[i].b, NULL);
	}
	if (tap_below(3) == 0)
		drop_mail(i);
}

/* ---- what befalls stores ---- */

/* A copy of R goes on beside it. */
static void
go_on_twice(struct rep *r)
{
	struct rep *c = &sim.rep[sim.nreps];

	if (sim.nreps == MAX_REPS)
		return;
	*c = *r;
	(void)snprintf(c->path, sizeof(c->path), "%s/%d", sim.dir,
	    sim.nreps++);
	rep_close(r);
	c->fd = store_dir_new(c->path);
	store_dir_copy(c->fd, r->fd);
	rep_open(r);
	rep_open(c);
	c->force_tag = r->force_tag = 0;
	sum.clones++;
	if (tap_below(2) == 0) {
		rep_new_epoch(c);
	} else if (tap_below(2) == 0) {
		/* Its holder will sign two ops with one dot. */
		c->force_tag = r->force_tag = tap_rand() | 1;
	}
	compare(c);
}

/* Keep a copy of R for later. */
static void
back_up(struct rep *r)
{
	rep_close(r);
	store_dir_clear(sim.back.fd);
	store_dir_copy(sim.back.fd, r->fd);
	rep_open(r);
	sim.back.who = (int)(r - sim.rep);
	sim.back.nlaid = r->nlaid;
	memcpy(sim.back.laid, r->laid, sizeof(r->laid));
	sim.backed = 1;
}

/* That replica becomes what it was then. */
static void
set_back(void)
{
	struct rep *r = &sim.rep[sim.back.who];

	if (!sim.backed)
		return;
	rep_close(r);
	store_dir_clear(r->fd);
	store_dir_copy(r->fd, sim.back.fd);
	r->nlaid = sim.back.nlaid;
	memcpy(r->laid, sim.back.laid, sizeof(r->laid));
	rep_open(r);
	sim.rolled = 1;
	sum.restores++;
	if (tap_below(2) == 0)
		rep_new_epoch(r);
	compare(r);
}

/* What is only a cache goes; a store is opened again. */
static void
lose_caches(struct rep *r)
{
	rep_close(r);
	if (tap_below(2) == 0) {
		dir_clear(r->fd, "peers");
		sim.rolled = 1;
	}
	if (tap_below(2) == 0)
		(void)unlinkat(r->fd, "wants", 0);
	if (tap_below(4) == 0)
		dir_clear(r->fd, "parked");
	rep_open(r);
	sum.caches++;
	compare(r);
}

static void
step(void)
{
	struct rep *r = &sim.rep[tap_below((size_t)sim.nreps)];
	size_t x = tap_below(1000);

	sum.steps++;
	if (x < sim.chance)
		go_on_twice(r);
	else if (x < 2 * sim.chance)
		set_back();
	else if (x < 4 * sim.chance)
		back_up(r);
	else if (x < 5 * sim.chance)
		lose_caches(r);
	else if (x < 400)
		write_op(r);
	else if (x < 620)
		send_mail(r);
	else if (x < 900)
		deliver();
	else
		rep_merge(r);
}

/* ---- healing ---- */

/* What I last said to key K in this healing: as the spool's rule has it. */
static struct sada_id said[MAX_REPS][MAX_KEYS];

/* Has replica I something to say to the holders of key K? */
static int
has_news(int i, int k)
{
	struct sada_id what;
	struct sada_err err;

	if (k == sim.rep[i].who)
		return 0;
	/* Copies that share a key read what was said to the other, again. */
	if (sim.nreps > sim.nkeys)
		return 1;
	if (must(rep_send(&sim.rep[i], sada_key_pub(sim.key[k]), 1, SEND_DRY,
	    NULL, &what, &err), &err) == 0 &&
	    memcmp(said[i][k].b + 16, what.b + 16, 16) == 0)
		return 0;
	said[i][k] = what;
	return 1;
}

static void
hand_out(const struct sada_buf *b, int k)
{
	int j;

	for (j = 0; b->len > 0 && j < sim.nreps; j++)
		if (sim.rep[j].who == k)
			take(&sim.rep[j], b, NULL);
}

/*
 * One round: everybody sends what there is to say, and all of it arrives.
 * How many bundles that took.
 */
static int
heal_round(int at_once)
{
	struct sada_buf b[MAX_REPS][MAX_KEYS];
	struct sada_err err;
	int i, k, n = 0;

	memset(b, 0, sizeof(b));
	for (i = 0; i < sim.nreps; i++) {
		rep_merge(&sim.rep[i]);
		for (k = 0; k < sim.nkeys; k++) {
			if (!has_news(i, k))
				continue;
			n++;
			must(rep_send(&sim.rep[i], sada_key_pub(sim.key[k]),
			    1, 0, &b[i][k], NULL, &err), &err);
			if (!at_once)
				continue;
			hand_out(&b[i][k], k);
			sada_buf_release(&b[i][k]);
		}
	}
	for (i = 0; i < sim.nreps; i++)
		for (k = 0; k < sim.nkeys; k++) {
			hand_out(&b[i][k], k);
			sada_buf_release(&b[i][k]);
		}
	return n;
}

/* All names of R's directory as one hash; conflicts are counted. */
static void
view_id(struct rep *r, struct sada_id *out)
{
	const struct sada_name *copy;
	struct sada_view *v = NULL;
	struct sada_buf b = { 0 };
	struct sada_name n;
	struct sada_state st;
	struct sada_err err;
	size_t i, nc;

	must(rep_state(r, &st, &err), &err);
	must(sada_view_open(&v, &st.ns, &st.root, &(struct sada_view_by){
	    .lamport = sada_state_lamport, .ctx = &st }, &err), &err);
	while (must(sada_view_next(v, &n, &err), &err) == 1) {
		sada_put_u64(&b, n.len);
		sada_buf_add(&b, n.path, n.len);
		sada_buf_add(&b, n.content.b, SADA_ID_LEN);
		sada_put_u32(&b, (uint32_t)n.kind << 16 | n.mode);
	}
	must(sada_view_copies(v, &copy, &nc, &err), &err);
	for (i = 0; i < nc; i++) {
		sada_put_u64(&b, copy[i].len);
		sada_buf_add(&b, copy[i].path, copy[i].len);
		sada_buf_add(&b, copy[i].content.b, SADA_ID_LEN);
	}
	sum.conflicts += nc > 0;
	sada_hash(out, SADA_CTX_FILE, b.p, b.len);
	sada_view_free(v);
	sada_state_release(&st);
	sada_buf_release(&b);
}

/* How many contents does R lack that live, or that it recorded itself? */
static int
contents_lacked(struct rep *r, uint64_t set)
{
	const struct nrec *rec;
	struct nset alive;
	uint32_t i;
	int k, own, n = 0;

	naive_map(&sim.n, RIGHT, set, &alive);
	for (k = 0; k < sim.n.nrec; k++) {
		rec = &sim.n.rec[k];
		if (rec->v.kind == SADA_DIR)
			continue;
		own = sada_log_find(r->log, &sim.n.op[rec->op].id, &i) &&
		    sada_log_op(r->log, i)->local;
		if (!own && !nset_has(&alive, k))
			continue;
		n += !sada_store_has(r->store, SADA_OBJ_CHUNK,
		    &rec->v.content);
		n += !sada_id_zero(&rec->v.anc) && !sada_store_has(r->store,
		    SADA_OBJ_ANC, &rec->v.anc);
	}
	return n;
}

static void
no_damage(const char *what, void *ctx)
{
	(void)ctx;
	printf("# %s\n", what);
	CHECK(0);
}

static void
no_lost(const char *what, unsigned type, const struct sada_id *id, void *ctx)
{
	(void)type;
	(void)id;
	no_damage(what, ctx);
}

/* Do all hold the ops ALL and all contents, and know it of each other? */
static int
at_rest(uint64_t all)
{
	struct sada_err err;
	int i, k, rest = 1;

	for (i = 0; i < sim.nreps && rest; i++) {
		rest = (all & ~held(&sim.rep[i])) == 0 &&
		    contents_lacked(&sim.rep[i], all) == 0;
		for (k = 0; rest && k < sim.nkeys; k++)
			rest = k == sim.rep[i].who || must(rep_send(
			    &sim.rep[i], sada_key_pub(sim.key[k]), 1,
			    SEND_DRY, NULL, NULL, &err), &err) == 0;
	}
	return rest;
}

/*
 * Copies that share a key are heard in turns; what they have to say does
 * not change by that, however long it goes on.
 */
static void
twins_are_silent(void)
{
	struct sada_id was[MAX_REPS], now;
	struct sada_err err;
	int i, round;

	for (round = 0; round < 4; round++) {
		(void)heal_round(round % 2);
		for (i = 0; i < sim.nreps; i++) {
			must(rep_send(&sim.rep[i], sada_key_pub(sim.key[
			    sim.rep[i].who == 0]), 1, SEND_DRY, NULL, &now,
			    &err), &err);
			if (round == 0)
				was[i] = now;
			CHECK(memcmp(was[i].b + 16, now.b + 16, 16) == 0);
		}
	}
}

static void
heal(void)
{
	struct sada_id first, id, view0, view;
	struct sada_state st;
	struct sada_err err;
	uint64_t all = 0;
	/*
	 * Who lost his counters needs a round trip to be heard anew; copies
	 * that share a key take turns in being heard.
	 */
	int twins = sim.nreps > sim.nkeys;
	int i, round, quiet, most = (sim.nreps + 2 +
	    2 * sim.rolled) * (twins ? 3 : 1);

	for (i = 0; i < sim.nreps; i++)
		all |= held(&sim.rep[i]);
	memset(said, 0, sizeof(said));
	for (round = 0, quiet = 0; round <= most && !quiet; round++)
		quiet = heal_round((int)tap_below(2)) == 0 ||
		    (twins && round > 0 && at_rest(all));
	round -= !twins;		/* the last one was silent */
	CHECK(quiet);
	if (twins)
		twins_are_silent();
	if (!quiet)
		printf("# history %llu: %d replicas are not quiet\n",
		    (unsigned long long)sim.seed, sim.nreps);
	if (twins && round > sum.twin_rounds)
		sum.twin_rounds = round;
	if (!twins && !sim.rolled && round - sim.nreps > sum.rounds)
		sum.rounds = round - sim.nreps;
	for (i = 0; i < sim.nreps; i++) {
		CHECK((all & ~held(&sim.rep[i])) == 0);
		must(rep_state(&sim.rep[i], &st, &err), &err);
		sada_state_id(i == 0 ? &first : &id, &st);
		sada_state_release(&st);
		view_id(&sim.rep[i], i == 0 ? &view0 : &view);
		CHECK(i == 0 || sada_id_cmp(&first, &id) == 0);
		CHECK(i == 0 || sada_id_cmp(&view0, &view) == 0);
		CHECK_INT(contents_lacked(&sim.rep[i],
		    held(&sim.rep[i])), 0);
		if (sim.seed % 16 == 0) {
			must(sada_log_verify(sim.rep[i].logs, no_damage,
			    NULL, &err), &err);
			must(sada_store_verify(sim.rep[i].store, no_lost,
			    NULL, &err), &err);
		}
	}
}

/* ---- histories ---- */

static void
begin(uint64_t seed, int wrong)
{
	const char *const path[NAIVE_PATHS] = { "", "A", "a", "a/b",
	    "a/b/c", "a~0123456789", "e\xcc\x81", "new\nline", sim.long_name,
	    "\xc3\xa9" };
	struct sada_id group;
	int i, k, n;

	memset(sim.long_name, 'x', SADA_NAME_MAX);
	memset(&sim.n, 0, sizeof(sim.n));
	sim.n.nmodels = wrong ? NMODELS : 1;
	for (i = 0; i < NAIVE_PATHS; i++) {
		sim.n.path[i] = path[i];
		assert(i == 0 || sada_path_cmp(path[i - 1],
		    strlen(path[i - 1]), path[i], strlen(path[i])) < 0);
	}
	sim.seed = seed;
	tap.rand = seed * UINT64_C(0x2545f4914f6cdd1d) + 99;
	door.z = tap_rand();
	door.now = 0;
	sim.forged = sim.rolled = sim.backed = sim.nmail = 0;
	sim.chance = tap_below(3) == 0 ? 20 : 0;
	sim.nkeys = sim.nreps = 2 + (int)tap_below(4);
	sada_io_random(&group, sizeof(group));
	for (i = 0; i < sim.nkeys; i++)
		sada_key_new(&sim.key[i]);
	for (i = 0; i < sim.nkeys; i++) {
		for (k = n = 0; k < sim.nkeys; k++) {
			if (k == i)
				continue;
			memset(&sim.peer[i][n], 0, sizeof(sim.peer[i][n]));
			sim.peer[i][n].name[0] = (char)('a' + k);
			sim.peer[i][n++].pub = *sada_key_pub(sim.key[k]);
		}
		memset(&sim.rep[i], 0, sizeof(sim.rep[i]));
		(void)snprintf(sim.rep[i].path, sizeof(sim.rep[i].path),
		    "%s/%d", sim.dir, i);
		sim.rep[i].who = i;
		sim.rep[i].key = sim.key[i];
		sim.rep[i].peers.p = sim.peer[i];
		sim.rep[i].peers.n = (size_t)n;
		rep_new(&sim.rep[i], &group);
		if (tap_below(8) == 0)
			sada_io_random(&group, sizeof(group));
	}
}

static void
finish(void)
{
	int i;

	while (sim.nmail > 0)
		drop_mail(0);
	for (i = 0; i < sim.nreps; i++) {
		rep_close(&sim.rep[i]);
		store_dir_remove(sim.rep[i].fd, sim.rep[i].path);
	}
	for (i = 0; i < sim.nkeys; i++)
		sada_key_free(sim.key[i]);
}

static void
history(uint64_t seed, int wrong)
{
	long failed = tap.failed;
	int i;

	begin(seed, wrong);
	for (i = 0; i < STEPS; i++)
		step();
	heal();
	finish();
	sum.histories++;
	if (tap.failed > failed)
		printf("# history %llu failed: TAP_SEED=%llu "
		    "SADA_TEST_ROUNDS=1\n", (unsigned long long)seed,
		    (unsigned long long)seed);
}

static void
print_sum(void)
{
	printf("# histories %ld steps %ld ops %ld compared %ld\n",
	    sum.histories, sum.steps, sum.ops, sum.compared);
	printf("# bundles sent %ld lost %ld taken %ld known %ld parked %ld "
	    "(for a map %ld) beside a write %ld; ops admitted %ld\n",
	    sum.sent, sum.lost, sum.taken, sum.known, sum.parked, sum.needs,
	    sum.between, sum.admitted);
	printf("# clones %ld set back %ld forks %ld caches lost %ld "
	    "unmade ops %ld\n", sum.clones, sum.restores, sum.forks,
	    sum.caches, sum.unmade);
	printf("# views with copies %ld; rounds to heal at most N%+ld, where "
	    "copies share a key %ld\n", sum.conflicts, sum.rounds,
	    sum.twin_rounds);
	printf("# differ without: tag %ld cover %ld heads %ld id by hash "
	    "%ld all of a fork %ld\n", sum.wrong[NO_TAG],
	    sum.wrong[NO_COVER], sum.wrong[ONE_HEAD], sum.wrong[BY_DOT],
	    sum.wrong[ANY_FORK]);
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS");
	long i, rounds = s != NULL && *s != '\0' ? strtol(s, NULL, 0) :
	    ROUNDS;
	struct sada_io_ops ops;
	uint64_t seed;
	cpu_set_t one;

	/* Bundles take megabytes each: do not fault them in anew. */
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 512 << 20);
	/* Nor wait for threads: each bundle has a block or two. */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	sada_crypto_init();
	door_use(&ops);
	(void)snprintf(sim.dir, sizeof(sim.dir), "%s/sada-model-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(sim.dir) != NULL);
	(void)snprintf(sim.back.path, sizeof(sim.back.path), "%s/back",
	    sim.dir);
	sim.back.fd = store_dir_new(sim.back.path);
	tap_seed(1);
	seed = tap.rand;
	sum.rounds = -MAX_REPS;
	for (i = 0; i < rounds && tap.failed < 20; i++)
		history(seed + (uint64_t)i, i < WRONG_ROUNDS);
	print_sum();
	/* The comparison proves something: it sees each rule left out. */
	if (rounds >= WRONG_ROUNDS) {
		CHECK(sum.wrong[NO_TAG] > 0);
		CHECK(sum.wrong[NO_COVER] > 0);
		CHECK(sum.wrong[ONE_HEAD] > 0);
		CHECK(sum.wrong[BY_DOT] > 0);
		CHECK(sum.wrong[ANY_FORK] > 0);
		CHECK(sum.parked > 0 && sum.needs > 0 && sum.forks > 0);
	}
	store_dir_remove(sim.back.fd, sim.back.path);
	(void)rmdir(sim.dir);
	return tap_done();
}
