/*
 * The state of many heads, and of ops that share a dot: the join by its
 * letter, over sets, must come to the same root.
 */
#include "log_util.h"
#include "tree/state.h"
#include "tree_util.h"

#define OPS 160
#define PATHS 5
#define DOTS 40			/* that are forged: each by some ops */
#define ROUNDS 30
#define STATES 12

/* An op and what its map holds: the versions that the ops here wrote. */
struct made {
	struct sada_dot dot;
	int path;
	unsigned char past[OPS], map[OPS];
};

static struct made op[OPS];
static struct sada_version version[OPS];
static struct sada_id version_id[OPS];
static int nop;
static struct {
	long states, many, forged;
} sum;

/* Has PAST every op with the dot of version V that ALL has, and one? */
static int
knows(const unsigned char *past, const unsigned char *all, int v)
{
	int i, n = 0;

	for (i = 0; i < nop; i++) {
		if (!all[i] || sada_dot_cmp(&op[i].dot, &version[v].dot) != 0)
			continue;
		if (!past[i])
			return 0;
		n++;
	}
	sum.forged += n > 1;
	return n > 0;
}

/* The join of the maps of the heads of ALL, which is closed. */
static void
join(unsigned char *out, const unsigned char *all)
{
	unsigned char head[OPS], has[OPS] = { 0 }, gone[OPS] = { 0 };
	int i, k;

	memcpy(head, all, sizeof(head));
	for (i = 0; i < nop; i++)
		for (k = 0; all[i] && k < nop; k++)
			if (k != i && op[i].past[k])
				head[k] = 0;
	for (k = 0; k < nop; k++)
		for (i = 0; i < nop; i++) {
			if (!head[i])
				continue;
			if (op[i].map[k])
				has[k] = 1;
			else if (knows(op[i].past, all, k))
				gone[k] = 1;
		}
	for (k = 0; k < OPS; k++)
		out[k] = has[k] && !gone[k];
}

static int
by_id(const void *a, const void *b)
{
	return sada_id_cmp(&version_id[*(const int *)a],
	    &version_id[*(const int *)b]);
}

/* The root of the map of the versions MAP. */
static void
root_of(struct sada_nodes *ns, const unsigned char *map, struct sada_id *root)
{
	static const char *const path[PATHS] = { "a", "a/b", "c", "d", "e" };
	struct sada_version v[OPS];
	struct sada_build *b;
	struct sada_entry e;
	struct sada_err err;
	int at[OPS], i, k, n;

	sada_build_new(&b, ns);
	for (i = 0; i < PATHS; i++) {
		for (k = n = 0; k < nop; k++)
			if (map[k] && op[k].path == i)
				at[n++] = k;
		if (n == 0)
			continue;
		qsort(at, (size_t)n, sizeof(*at), by_id);
		for (k = 0; k < n; k++)
			v[k] = version[at[k]];
		e.path = path[i];
		e.len = strlen(path[i]);
		e.v = v;
		e.nv = (size_t)n;
		must(sada_build_add(b, &e, &err), &err);
	}
	must(sada_build_finish(b, root, &err), &err);
}

/* The ops that are in the past of N random ones of the log. */
static void
some_past(unsigned char *all, size_t n)
{
	int i, k;

	memset(all, 0, OPS);
	while (n-- > 0) {
		i = (int)tap_below((uint64_t)nop);
		for (k = 0; k < nop; k++)
			all[k] |= op[i].past[k];
	}
}

/* One more op, on a past of its own. */
static void
add_op(struct kit *k, struct box *b, struct sada_log *l,
    const struct sada_dot *forged)
{
	struct made *o = &op[nop];
	struct sada_version *v = &version[nop];
	struct sada_id parent[OPS];
	struct sada_buf rec = { 0 }, pay = { 0 };
	struct sada_op x;
	struct sada_err err;
	struct sada_id id;
	int a = (int)tap_below(KIT_KEYS), i, j, head;

	memset(o, 0, sizeof(*o));
	memset(v, 0, sizeof(*v));
	memset(&x, 0, sizeof(x));
	if (nop > 0 && tap_below(4) > 0)
		some_past(o->past, 1 + tap_below(3));
	for (i = 0; i < nop; i++) {
		for (j = 0, head = o->past[i]; j < nop; j++)
			head &= !o->past[j] || j == i || !op[j].past[i];
		if (head)
			parent[x.nparents++] = sada_log_op(l,
			    (uint32_t)i)->id;
	}
	if (x.nparents > 1)
		qsort(parent, x.nparents, sizeof(*parent), kit_cmp_id);
	join(o->map, o->past);
	for (i = 0; i < nop; i++)
		if (o->map[i] && tap_below(3) == 0)
			o->map[i] = 0;
	if (tap_below(2))
		o->dot = forged[tap_below(DOTS)];
	else {
		o->dot.author = k->id[a];
		o->dot.epoch = 1000 + (uint64_t)nop;
		o->dot.seq = 1;
		o->dot.tag = tap_rand();
	}
	for (a = 0; sada_id_cmp(&o->dot.author, &k->id[a]) != 0; a++)
		continue;
	o->path = (int)tap_below(PATHS);
	o->past[nop] = o->map[nop] = 1;
	v->dot = o->dot;
	v->kind = SADA_FILE;
	v->size = 1 + (uint64_t)nop;
	v->mode = 0644;
	sada_version_id(&version_id[nop], v);
	nop++;
	root_of(&b->ns, o->map, &x.root);
	x.dot = o->dot;
	x.parents = parent;
	x.n_set = 1;
	x.msg = "";
	sada_op_encode(&rec, &x, k->key[a], &id);
	sada_log_record(&pay, SADA_LOG_OP, rec.p, rec.len);
	must(sada_log_commit(l, SADA_FRAME_PULLED, &pay, 1, &err), &err);
	sada_buf_release(&rec);
	sada_buf_release(&pay);
}

/* The state of N random ops, or of all. */
static void
check_state(struct box *b, struct sada_log *l, size_t n)
{
	unsigned char all[OPS], map[OPS];
	struct sada_state st;
	struct sada_nodes none = { 0 };
	struct sada_id want;
	uint32_t ops[OPS];
	size_t m = 0;
	int i;

	some_past(all, n);
	if (n == 0)
		memset(all, 1, sizeof(all));
	for (i = 0; i < nop; i++)
		if (all[i])
			ops[m++] = (uint32_t)i;
	must(sada_state_init(&st, l, b->store, b->txn, ops, m, NULL,
	    &b->err), &b->err);
	join(map, all);
	root_of(&none, map, &want);
	CHECK(id_eq(&want, &st.root));
	sum.states++;
	sum.many += st.n > 64;
	sada_state_release(&st);
}

static void
history(struct kit *k, struct box *b)
{
	struct sada_dot forged[DOTS];
	struct sada_log *l = NULL;
	struct sada_err err;
	int i;

	kit_clear(k);
	must(kit_create(k, &err), &err);
	must(kit_open(&l, k, SADA_LOG_WRITE, &err), &err);
	for (i = 0; i < DOTS; i++) {
		forged[i].author = k->id[tap_below(KIT_KEYS)];
		forged[i].epoch = 1 + (uint64_t)i;
		forged[i].seq = 1;
		forged[i].tag = tap_rand();
	}
	for (nop = 0; nop < OPS; )
		add_op(k, b, l, forged);
	for (i = 0; i < STATES; i++)
		check_state(b, l, tap_below(i % 2 ? OPS : 40));
	check_state(b, l, 0);
	sada_log_free(l);
}

int
main(void)
{
	struct kit k;
	struct box b;
	int i;

	tap_seed(11);
	kit_init(&k);
	box_open(&b);
	for (i = 0; i < ROUNDS; i++)
		history(&k, &b);
	printf("# states %ld of more than 64 heads %ld, forged dots met "
	    "%ld\n", sum.states, sum.many, sum.forged);
	CHECK(sum.many > 0);
	CHECK(sum.forged > 0);
	box_close(&b);
	kit_release(&k);
	return tap_done();
}
