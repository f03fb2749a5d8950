/*
 * Views of replicas that were never online at the same time: edits of what
 * each saw, merged views, copies and directories too; ops that come in
 * parts, contents and lists of ancestors that come late; stores copied and
 * set back, forks.  After every step what a replica shows is held against
 * the naive view, name by name; at the end all must show the same, and
 * everything that anybody wrote must be there, unless somebody who saw it
 * wrote over it.
 *
 * TAP_SEED=N runs history N first; SADA_TEST_ROUNDS says how many.
 */
#include "model_edit.h"

#define ROUNDS 20000
#define STEPS 60
#define WRONG_ROUNDS 600	/* in these, models without a rule are kept */
#define KEEP 50			/* histories that share a transaction */

static struct nname seen[2 * FOLD_MAX];

/* ---- edits ---- */

/* Some record's content, of any time. */
static int
some_content(void)
{
	int k, tries;

	for (tries = 0; sim.w.n.nrec > 0 && tries < 4; tries++) {
		k = (int)tap_below((size_t)sim.w.n.nrec);
		if (sim.w.file[k].content >= 0)
			return sim.w.file[k].content;
	}
	return -1;
}

/* What a user makes of content OLD (-1: a new file): its number. */
static int
new_content(int old)
{
	uint8_t f[FIELDS] = { 0 };
	unsigned what = TEXT;
	size_t x = sim.calm && tap_below(4) != 0 ? 15 : tap_below(16);
	int other = some_content(), i;

	if (old >= 0) {
		memcpy(f, sim.w.content[old].f, sizeof(f));
		what = sim.w.content[old].what;
	}
	if (x == 0 && other >= 0)
		return other;		/* as it was, here or elsewhere */
	if (x == 1)
		what = (unsigned)tap_below(3);
	if (x == 2 && old >= 0)
		return old;		/* the time alone */
	i = (int)tap_below(FIELDS);
	if (x < 7 && other >= 0) {
		/* A field goes back, or comes to be as somebody else's. */
		f[i] = sim.w.content[other].f[i];
		sum.equal++;
		return ncontent_of(&sim.w, what, f);
	}
	for (x = x < 10 ? 2 : 1; x > 0; x--, i = (i + 1) % FIELDS)
		if (sim.fresh[i] < 63)
			f[i] = (uint8_t)sim.fresh[i]++;
	return ncontent_of(&sim.w, what, f);
}

/* A user of M->r does something to NAME, or makes PATH. */
static void
touch(struct making *m, const struct nname *name, const char *path)
{
	static const uint16_t modes[] = { 0644, 0755, 0600 };
	size_t what = sim.calm && tap_below(4) != 0 ? 9 : tap_below(16), i;
	int p = path_no(path), c, old = -1;
	int copy = name != NULL && name->slot != p;
	uint16_t mode = name != NULL ? name->mode : modes[tap_below(3)];

	/* An implied directory is not there to be touched. */
	if (p < 0 || (name != NULL && (name->slot < 0 ||
	    !knows(m->r, name) || old_enough(name))))
		return;
	if (name != NULL && name->kind == SADA_DIR && (what < 10 ||
	    path[0] == '\0')) {
		chmod_dir(m, name);
		return;
	}
	if (what == 0 && name != NULL) {
		(void)add_change(m, name->slot, name);
		sum.deletes++;
		return;
	}
	if (name != NULL)
		old = name->content;
	if (copy)
		(void)add_change(m, name->slot, name);
	i = add_change(m, p, name);
	if (copy)
		m->c[i].ngone = 0;
	sum.touched += copy;
	if (what == 1 || path[0] == '\0') {
		bring(m, i, SADA_DIR, -1, (uint16_t)(0700 + tap_below(8)));
		return;
	}
	if (what < 4 && old >= 0) {
		mode = modes[tap_below(3)];
		c = what == 2 ? old : new_content(old);
		sum.chmods++;
	} else {
		c = new_content(old);
	}
	bring(m, i, (uint8_t)nkind(&sim.w, c), c, mode);
	put_anc(m, i);
}

/* Replica R's user does one or two things, and that is recorded. */
static void
write_op(struct seer *r)
{
	static const char *const fresh[] = { "a.txt", "a.txt", "b", "d/x",
	    "d", "keep", "newest", "" };
	const struct nfiles *w = &sim.w;
	uint64_t past = r->laid;
	struct nset held = r->held;
	struct making m;
	const char *path;
	int i, n, k;
	unsigned twice;

	if (w->n.nop >= MAX_OPS || w->n.nrec > NAIVE_RECS - 8 ||
	    w->ncontent > CONTENTS - FOLD_MAX)
		return;
	if (r->last < 0)
		for (k = 0; k < w->n.nop; k++)
			if ((r->known >> k & 1) && sada_id_cmp(
			    &w->n.op[k].dot.author,
			    &sada_key_pub(world.key[r->who])->id) == 0)
				past |= w->n.op[k].past;
	n = naive_names(r, past, RIGHT, seen);
	for (i = 0; i < w->ncontent; i++)
		if (nset_has(&r->held, i) && !nset_has(&held, i))
			give(r, i);
	begin_op(&m, r, past);
	for (twice = tap_below(4) == 0; m.n == 0 || (twice && m.n < 3);) {
		if (m.n > 0)
			twice = 0;
		path = fresh[tap_below(sim.few)];
		i = tap_below(3) == 0 ? (int)tap_below((size_t)n + 1) : n;
		for (k = 0; i == n && k < n; k++)
			if (strcmp(seen[k].path, path) == 0)
				i = k;
		for (k = 0; i < n && k < (int)m.n; k++)
			if (seen[i].slot == m.c[k].path)
				break;
		if (i < n && k == (int)m.n)
			touch(&m, &seen[i], seen[i].path);
		else if (i == n && path_no(path) != m.c[0].path)
			touch(&m, NULL, path);
		if (m.n == 0 && tap_below(4) == 0)
			break;
	}
	write_slots(&m);
	if (m.d.op.n_set + m.d.op.n_gone > 0)
		end_op(&m, past);
	m.d.txn = NULL;
	draft_drop(&m.d);
	if (sim.w.n.nop > 0)
		(void)compare(r, r->laid, seen);
}

/* ---- what comes from others ---- */

/* R hears of some op of S, and of what it needs, or most of that. */
static void
hear(struct seer *r, const struct seer *s)
{
	uint64_t new = s->known & ~r->known;
	int i, k = (int)tap_below(NAIVE_OPS);

	for (i = 0; new != 0 && (new >> k & 1) == 0; i++)
		k = (k + 1) % NAIVE_OPS;
	if (new != 0)
		r->known |= sim.w.n.op[k].past;
	for (i = 0; i < sim.w.ncontent; i++)
		if (nset_has(&s->held, i) && !nset_has(&r->held, i) &&
		    tap_below(100) >= sim.thrift)
			give(r, i);
	for (i = 0; i < sim.nanc; i++)
		if (nset_has(&s->anc, i) && !nset_has(&r->anc, i) &&
		    tap_below(100) >= sim.thrift)
			give_anc(r, i);
	if (r->known != 0)
		(void)compare(r, r->known, seen);
}

/* R lays out all that S knows. */
static void
meet(struct seer *r, const struct seer *s)
{
	int i;

	r->laid = r->known |= s->known;
	for (i = 0; i < sim.w.ncontent; i++)
		if (nset_has(&s->held, i) && !nset_has(&r->held, i))
			give(r, i);
	for (i = 0; i < sim.nanc; i++)
		if (nset_has(&s->anc, i) && !nset_has(&r->anc, i))
			give_anc(r, i);
}

/* What lacks is asked for until nothing does: as with all at hand? */
static void
ask(struct seer *r)
{
	struct sada_buf got = { 0 }, want = { 0 };
	struct seer rich = *r;
	long before;
	int i;

	if (r->known == 0)
		return;
	do {
		before = sum.wants;
		sada_buf_reset(&got);
		library_view(r, r->known, 1, &got);
	} while (sum.wants != before);
	for (i = 0; i < sim.w.ncontent; i++)
		nset_put(&rich.held, i, 1);
	for (i = 0; i < sim.nanc; i++)
		nset_put(&rich.anc, i, 1);
	naive_text(seen, naive_names(&rich, r->known, RIGHT, seen), &want);
	CHECK(got.len == want.len && memcmp(got.p, want.p, got.len) == 0);
	/* What it merged meanwhile it holds. */
	for (i = 0; i < sim.w.ncontent; i++)
		if (sada_txn_has(world.txn[r - sim.rep], SADA_OBJ_CHUNK,
		    &sim.w.content[i].id))
			nset_put(&r->held, i, 1);
	sada_buf_release(&got);
	sada_buf_release(&want);
}

/* R becomes what C was, with an epoch of its own or without knowing it. */
static void
become(struct seer *r, const struct seer *c)
{
	struct nset held = r->held, anc = r->anc;
	int i;

	*r = *c;
	for (i = 0; i < sim.w.ncontent; i++)
		if (nset_has(&c->held, i) && !nset_has(&held, i))
			give(r, i);
		else if (nset_has(&held, i))
			nset_put(&r->held, i, 1);
	for (i = 0; i < sim.nanc; i++)
		if (nset_has(&c->anc, i) && !nset_has(&anc, i))
			give_anc(r, i);
		else if (nset_has(&anc, i))
			nset_put(&r->anc, i, 1);
	if (tap_below(2) == 0)
		r->last = -1;
}

static void
befall(struct seer *r)
{
	struct seer *c = &sim.rep[tap_below((size_t)sim.nreps)];

	switch (tap_below(3)) {
	case 0:
		sim.back = *r;
		sim.backed = 1 + (int)(r - sim.rep);
		break;
	case 1:
		if (sim.backed == 0)
			break;
		become(&sim.rep[sim.backed - 1], &sim.back);
		sum.restores++;
		break;
	default:
		if (c == r)
			break;
		become(c, r);
		sum.clones++;
		if (c->last >= 0 && r->last >= 0 && tap_below(4) == 0)
			c->force_tag = r->force_tag = tap_rand() | 1;
	}
}

static void
step(unsigned odd)
{
	struct seer *r = &sim.rep[tap_below((size_t)sim.nreps)];
	size_t x = tap_below(1000);

	if (x < odd)
		befall(r);
	else if (x < 450)
		write_op(r);
	else if (x < 800)
		hear(r, &sim.rep[tap_below((size_t)sim.nreps)]);
	else if (x < 820)
		ask(r);
	else
		r->laid = r->known;
}

/* ---- the end ---- */

/*
 * The ops are admitted anew, each when its parents are, otherwise in any
 * order: the number of an op decides nothing.
 */
static void
admit_anew(void)
{
	struct sada_err err;
	uint64_t in = 0, left = ((uint64_t)1 << sim.w.n.nop) - 1;
	int i;

	sada_log_unstage(world.home.log);
	while (left != 0) {
		i = (int)tap_below((size_t)sim.w.n.nop);
		if ((left >> i & 1) == 0 || (sim.w.n.op[i].past & ~in &
		    ~((uint64_t)1 << i)) != 0)
			continue;
		must(sada_log_stage(world.home.log, sim.rec[i].p,
		    sim.rec[i].len, &sim.no[i], &err), &err);
		in |= (uint64_t)1 << i;
		left &= ~in;
	}
}

static void
heal(void)
{
	struct sada_buf first = { 0 }, other = { 0 };
	uint64_t all = 0;
	int i, k, n = 0;

	for (i = 0; i < sim.nreps; i++)
		all |= sim.rep[i].known;
	if (all == 0)
		return;
	/* One knows all ops and asks for what he lacks; the others get it. */
	sim.rep[0].known = all;
	ask(&sim.rep[0]);
	for (i = 0; i < sim.nreps; i++) {
		for (k = 0; k < sim.w.ncontent; k++)
			if (!nset_has(&sim.rep[i].held, k))
				give(&sim.rep[i], k);
		for (k = 0; k < sim.nanc; k++)
			if (!nset_has(&sim.rep[i].anc, k))
				give_anc(&sim.rep[i], k);
		if (i == sim.nreps - 1)
			admit_anew();
		n = compare(&sim.rep[i], all, seen);
		sada_buf_reset(i == 0 ? &first : &other);
		naive_text(seen, n, i == 0 ? &first : &other);
		CHECK(i == 0 || (first.len == other.len &&
		    memcmp(first.p, other.p, first.len) == 0));
	}
	for (i = 0; i < n; i++)
		sum.merged += seen[i].content >= 0 &&
		    seen[i].content != sim.w.file[seen[i].high].content;
	if (!sim.forged && all == ((uint64_t)1 << sim.w.n.nop) - 1)
		check_edits(seen, n);
	sada_buf_release(&first);
	sada_buf_release(&other);
}

/* ---- histories ---- */

static void
history(uint64_t seed, int wrong)
{
	static const unsigned thrift[] = { 0, 0, 10, 50 };
	static const unsigned few[] = { 2, 3, 5, 7, 8 };
	long failed = tap.failed;
	unsigned odd;
	int i;

	memset(&sim, 0, sizeof(sim));
	sim.seed = seed;
	tap.rand = seed * UINT64_C(0x2545f4914f6cdd1d) + 7;
	door.z = tap_rand();
	sim.w.n.nmodels = wrong ? NMODELS : 1;
	sim.wrong = wrong;
	sim.w.driver = driver_of;
	sim.nreps = 2 + (int)tap_below(MAX_REPS - 1);
	sim.thrift = thrift[tap_below(4)];
	sim.few = few[tap_below(5)];
	sim.calm = tap_below(3) != 0;
	odd = tap_below(3) == 0 ? 60 : 0;
	for (i = 0; i < FIELDS; i++)
		sim.fresh[i] = 1;
	for (i = 0; i < sim.nreps; i++) {
		sim.rep[i].who = i;
		sim.rep[i].last = -1;
	}
	/* Mostly all begin with the same files. */
	if (tap_below(4) != 0) {
		for (i = 0; i < 4; i++)
			write_op(&sim.rep[0]);
		for (i = 1; i < sim.nreps; i++)
			meet(&sim.rep[i], &sim.rep[0]);
	}
	for (i = 0; i < STEPS; i++)
		step(odd);
	heal();
	for (i = 0; i < sim.nanc; i++)
		sada_buf_release(&sim.anc[i]);
	for (i = 0; i < sim.w.n.nop; i++)
		sada_buf_release(&sim.rec[i]);
	sada_log_unstage(world.home.log);
	sum.histories++;
	if (tap.failed > failed)
		printf("# history %llu failed: TAP_SEED=%llu "
		    "SADA_TEST_ROUNDS=1\n", (unsigned long long)seed,
		    (unsigned long long)seed);
}

static void
print_sum(void)
{
	printf("# histories %ld ops %ld views compared %ld\n", sum.histories,
	    sum.ops, sum.compared);
	printf("# edits %ld (deletes %ld, modes %ld, fields as before or as "
	    "another's %ld, copies touched %ld), written over %ld\n",
	    sum.edits, sum.deletes, sum.chmods, sum.equal, sum.touched,
	    sum.superseded);
	printf("# made on names of one version %ld, two %ld, three %ld, more "
	    "%ld; ancestors at most %ld\n", sum.covers[1], sum.covers[2],
	    sum.covers[3], sum.covers[4], sum.most);
	printf("# copies shown %ld; merged names at the end %ld; views that "
	    "lacked a content %ld; wants %ld\n", sum.copies, sum.merged,
	    sum.late, sum.wants);
	printf("# clones %ld set back %ld forks %ld\n", sum.clones,
	    sum.restores, sum.forks);
	printf("# differ without: tag %ld cover %ld heads %ld id by hash "
	    "%ld\n", sum.wrong[NO_TAG], sum.wrong[NO_COVER],
	    sum.wrong[ONE_HEAD], sum.wrong[BY_DOT]);
	printf("# ancestors by dot %ld alone %ld base of a group %ld newest "
	    "%ld all of them %ld proof %ld entry of a merged view %ld twins "
	    "%ld mode by base %ld later mtime %ld\n",
	    sum.wrong[V_BY_CONTENT], sum.wrong[V_NO_ALONE],
	    sum.wrong[V_ALL_BASE], sum.wrong[V_OLDEST],
	    sum.wrong[V_ONE_BASE], sum.wrong[V_NO_PROOF],
	    sum.wrong[V_SINGLE], sum.wrong[V_NO_TWIN], sum.wrong[V_ONE_MODE],
	    sum.wrong[V_OWN_MTIME]);
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS");
	long i, rounds = s != NULL && *s != '\0' ? strtol(s, NULL, 0) :
	    ROUNDS;
	uint64_t seed;
	unsigned m;

	world_open();
	tap_seed(1);
	seed = tap.rand;
	for (i = 0; i < rounds && tap.failed < 5; i++) {
		if (i % KEEP == 0) {
			if (i > 0)
				drop_txns();
			open_txns();
		}
		history(seed + (uint64_t)i, i < WRONG_ROUNDS &&
		    rounds >= WRONG_ROUNDS);
	}
	if (rounds > 0)
		drop_txns();
	print_sum();
	/* The comparison proves something: it sees each rule left out. */
	for (m = RIGHT + 1; rounds >= WRONG_ROUNDS && m < NVIEWS; m++)
		CHECK(m == V_RIGHT || sum.wrong[m] > 0);
	if (rounds >= WRONG_ROUNDS)
		CHECK(sum.merged > 0 && sum.wants > 0 && sum.forks > 0 &&
		    sum.covers[3] > 0 && sum.touched > 0 && sum.late > 0);
	world_close();
	return tap_done();
}
