/*
 * All small histories: up to four ops, and some of those of five, of three
 * replicas on two paths, one of which lies below the other.  An op is made
 * by somebody who knew of any set of the ops before it that is closed under
 * its past and holds his own: that is what pulls, merges and bundles that
 * were lost can come to, in whatever order, so all interleavings of them
 * are here without being played one by one.
 *
 * Each op does one thing to one name that its maker saw:
 * it writes a line that nobody wrote, or one that others write as well, or
 * puts one back as it was at first, or sets the mode, or deletes; or it
 * makes a file that is not there.
 *
 * Every state that any replica can come to in such a history is held
 * against the naive view, and in those that hold all ops no edit is lost.
 *
 * SADA_TEST_ROUNDS: it ends after so many histories; TAP_SEED says which of
 * five ops there are.
 */
#include <limits.h>

#include "model_edit.h"

#define OPS 5
#define REPS 3
#define RARE 64		/* of the last ops one in so many is made */

static const char *const paths[] = { "a", "a/b" };

enum { OWN_LINE, SAME_LINE, BACK, CHMOD, DELETE, NWHAT };

static struct {
	long ops[OPS], made, states, whole, conflicts, merges;
} all;

static long limit = LONG_MAX;

/* How much of the model there was. */
struct mark {
	int nop, nrec, ncontent, nanc, nedit, fresh, npath;
};

static struct mark
mark(void)
{
	struct mark m = { sim.w.n.nop, sim.w.n.nrec, sim.w.ncontent, sim.nanc,
	    sim.nedit, sim.fresh[0], 0 };

	while (sim.w.n.path[m.npath] != NULL)
		m.npath++;
	return m;
}

/* Undo the last op. */
static void
undo(const struct mark *m)
{
	int k;

	sada_buf_release(&sim.rec[m->nop]);
	sada_log_unstage_last(world.home.log);
	for (k = 0; k < sim.w.n.nrec; k++)
		sim.w.n.rec[k].gone_by &= ~((uint64_t)1 << m->nop);
	for (k = m->nanc; k < sim.nanc; k++) {
		nset_put(&sim.rep[0].anc, k, 0);
		sada_buf_release(&sim.anc[k]);
	}
	for (k = m->ncontent; k < sim.w.ncontent; k++)
		nset_put(&sim.rep[0].held, k, 0);
	for (k = m->npath; k < NAIVE_PATHS; k++)
		sim.w.n.path[k] = NULL;
	sim.w.n.nop = m->nop;
	sim.w.n.nrec = m->nrec;
	sim.w.ncontent = m->ncontent;
	sim.nanc = m->nanc;
	sim.nedit = m->nedit;
	sim.fresh[0] = m->fresh;
}

/* Look at the state of OPS, by one who holds everything. */
static void
look(uint64_t ops)
{
	static struct nname name[2 * FOLD_MAX];
	int i, n;

	for (i = 0; i < sim.w.ncontent; i++)
		if (!nset_has(&sim.rep[0].held, i))
			give(&sim.rep[0], i);
	n = compare(&sim.rep[0], ops, name);
	all.states++;
	for (i = 0; i < n; i++) {
		all.conflicts += name[i].groups > 1;
		all.merges += name[i].content >= 0 && name[i].content !=
		    sim.w.file[name[i].high].content;
	}
	if (ops == ((uint64_t)1 << sim.w.n.nop) - 1) {
		all.whole++;
		check_edits(name, n);
	}
}

/* Who makes an op on PAST: his own last one is in it. */
static struct seer *
maker(int who, uint64_t past)
{
	struct seer *r = &sim.rep[0];
	int i;

	r->who = who;
	r->last = -1;
	for (i = 0; i < sim.w.n.nop; i++) {
		if (sada_id_cmp(&sim.w.n.op[i].dot.author,
		    &sada_key_pub(world.key[who])->id) != 0)
			continue;
		if ((past >> i & 1) == 0)
			return NULL;
		r->last = i;
		r->epoch = sim.w.n.op[i].dot.epoch;
	}
	return r;
}

/* One op: WHO does WHAT to NAME, or makes PATH, having seen PAST. */
static int
make_op(int who, uint64_t past, unsigned what, const struct nname *name,
    int path)
{
	struct making m;
	uint8_t f[FIELDS] = { 0 };
	size_t i;
	int p, c;

	begin_op(&m, maker(who, past), past);
	p = name != NULL ? path_no(name->path) : path;
	assert(p >= 0);
	if (what == DELETE) {
		(void)add_change(&m, name->slot, name);
	} else {
		if (name != NULL && name->slot != p)
			(void)add_change(&m, name->slot, name);
		i = add_change(&m, p, name);
		if (m.n > 1)
			m.c[i].ngone = 0;
		if (name != NULL)
			memcpy(f, sim.w.content[name->content].f, sizeof(f));
		if (what == OWN_LINE)
			f[0] = (uint8_t)++sim.fresh[0];
		else if (what == SAME_LINE)
			f[1] = 1;
		else if (what == BACK)
			f[0] = 0;
		c = ncontent_of(&sim.w, TEXT, f);
		bring(&m, i, SADA_FILE, c, what == CHMOD ? 0755 : name ==
		    NULL ? 0644 : name->mode);
		m.c[i].v.mtime_s = sim.w.n.nop;
		put_anc(&m, i);
	}
	write_slots(&m);
	assert(m.d.op.n_set + m.d.op.n_gone > 0);
	end_op(&m, past);
	m.d.txn = NULL;
	draft_drop(&m.d);
	return 1;
}

static void next_op(int left);

/* After an op: every state that holds it, then the ops that may follow. */
static void
follow(int left)
{
	uint64_t set, last = (uint64_t)1 << (sim.w.n.nop - 1);
	int i;

	all.ops[sim.w.n.nop - 1]++;
	all.made++;
	for (set = last; set < last << 1; set++) {
		for (i = 0; i < sim.w.n.nop; i++)
			if ((set >> i & 1) && (sim.w.n.op[i].past & ~set))
				break;
		if (i == sim.w.n.nop)
			look(set);
	}
	if (left > 1)
		next_op(left - 1);
}

/* All that WHO can do who has seen PAST. */
static void
all_of(int who, uint64_t past, int left)
{
	struct nname name[8];
	struct mark m = mark();
	unsigned what;
	int i, k, n = 0;

	if (past != 0) {
		n = naive_names(&sim.rep[0], past, RIGHT, name);
		assert(n <= (int)(sizeof(name) / sizeof(name[0])));
		for (i = 0; i < sim.w.ncontent; i++)
			give(&sim.rep[0], i);
	}
	for (i = 0; i < n; i++)
		for (what = 0; name[i].content >= 0 && what < NWHAT; what++) {
			if (left == 1 && tap_below(RARE) != 0)
				continue;
			make_op(who, past, what, &name[i], -1);
			follow(left);
			undo(&m);
		}
	for (k = 0; k < 2; k++) {
		for (i = 0; i < n; i++)
			if (strcmp(name[i].path, paths[k]) == 0)
				break;
		for (what = 0; i == n && what < BACK; what++) {
			if (left == 1 && tap_below(RARE) != 0)
				continue;
			make_op(who, past, what, NULL, k);
			follow(left);
			undo(&m);
		}
	}
}

static void
next_op(int left)
{
	uint64_t past, end = (uint64_t)1 << sim.w.n.nop;
	int who, i, makers = 0;

	/* Replicas are alike until they have written: the next is new. */
	for (i = 0; i < sim.w.n.nop; i++)
		for (who = makers; who < REPS; who++)
			if (sada_id_cmp(&sim.w.n.op[i].dot.author,
			    &sada_key_pub(world.key[who])->id) == 0)
				makers = who + 1;
	for (who = 0; who < REPS && who <= makers; who++)
		for (past = 0; past < end && tap.failed < 5 &&
		    all.made < limit; past++) {
			for (i = 0; i < sim.w.n.nop; i++)
				if ((past >> i & 1) &&
				    (sim.w.n.op[i].past & ~past))
					break;
			if (i == sim.w.n.nop && maker(who, past) != NULL)
				all_of(who, past, left);
		}
}

int
main(void)
{
	const char *s = getenv("SADA_TEST_ROUNDS");
	int i;

	if (s != NULL && *s != '\0')
		limit = strtol(s, NULL, 0);
	world_open();
	tap_seed(1);
	open_txns();
	sim.w.n.nmodels = 1;
	sim.w.driver = driver_of;
	sim.nreps = 1;
	for (i = 0; i < 2; i++)
		(void)path_no(paths[i]);
	next_op(OPS);
	drop_txns();
	printf("# histories of one op %ld, two %ld, three %ld, four %ld, five "
	    "%ld (one in %d)\n", all.ops[0], all.ops[1], all.ops[2],
	    all.ops[3], all.ops[4], RARE);
	printf("# states compared %ld, whole ones %ld; names with copies or "
	    "copies %ld, merged %ld\n", all.states, all.whole,
	    all.conflicts, all.merges);
	CHECK(all.conflicts > 0 && all.merges > 0);
	world_close();
	return tap_done();
}
