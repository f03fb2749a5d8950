/*
 * States that a liar filled with the most of everything: what the view does
 * for them is counted, and stays in proportion to what there is.
 */
#include "log_util.h"
#include "tree_util.h"

#include "format/object.h"
#include "format/op.h"
#include "store/file.h"
#include "tree/carry_priv.h"
#include "tree/fold_priv.h"
#include "tree/merger.h"

#define OPS 600
#define MANY 16			/* versions that are merged */

static struct kit kit;
static struct sada_log *record;
static struct kit_op made[OPS];
static struct box box;
static struct sada_state state;
static struct sada_err err;

static struct {
	long lamports, melds;
	unsigned driver;
	int clean;		/* what the command comes to */
} work;

/* ---- a history ---- */

/* A line of OPS ops. */
static void
write_log(void)
{
	struct sada_buf payload = { 0 };
	uint32_t last = OPS - 1;
	size_t i;

	kit_init(&kit);
	must(kit_create(&kit, &err), &err);
	must(kit_open(&record, &kit, SADA_LOG_WRITE, &err), &err);
	for (i = 0; i < OPS; i++)
		kit_op(&kit, &payload, &made[i], (int)(i % KIT_KEYS), 1,
		    i >= KIT_KEYS ? &made[i - KIT_KEYS] : NULL,
		    i > 0 ? &made[i - 1].id : NULL, i > 0, "m");
	must(sada_log_commit(record, SADA_FRAME_PULLED, &payload, OPS, &err),
	    &err);
	sada_buf_release(&payload);
	state.log = record;
	state.ns = box.ns;
	sada_context_make(&state.past, record, &last, 1);
}

static uint64_t
lamport(const struct sada_dot *d, void *st)
{
	work.lamports++;
	return sada_state_lamport(d, st);
}

static unsigned
driver(const char *path, size_t len, const char **command, void *ctx)
{
	(void)path;
	(void)len;
	(void)ctx;
	*command = "true";
	return work.driver;
}

static int
run(struct sada_buf *out, const char *command, const char *path, size_t len,
    const struct sada_three *in, void *ctx, struct sada_err *e)
{
	(void)command;
	(void)path;
	(void)len;
	(void)in;
	(void)ctx;
	(void)e;
	work.melds++;
	if (work.clean)
		sada_buf_addf(out, "merge %ld\n", work.melds);
	return work.clean;
}

/* Fold the NV versions V, and leave in WORK what that took. */
static void
fold(struct sada_fold *f, struct sada_version *v, size_t nv)
{
	struct sada_entry e = { .path = "f", .len = 1, .v = v, .nv = nv };
	struct sada_merger_opts o = { .st = &state, .txn = box.txn,
	    .driver = driver, .run = run };
	struct sada_view_by by = { .lamport = lamport, .ctx = &state };

	work.lamports = work.melds = 0;
	must(sada_merger_new(&by.merger, &o, &err), &err);
	must(sada_fold_slot(f, &e, &by, &err), &err);
	sada_merger_free(by.merger);
}

/* ---- versions ---- */

/* Version V holds TEXT, and comes from op number I. */
static void
version(struct sada_version *v, size_t i, const void *text, size_t n)
{
	struct sada_fill *f;

	memset(v, 0, sizeof(*v));
	v->dot = made[i].dot;
	v->kind = SADA_FILE;
	v->mode = 0644;
	v->size = n;
	must(sada_fill_new(&f, box.txn, &err), &err);
	must(sada_file_put_bytes(f, text, n, &v->content, &err), &err);
	must(sada_fill_end(f, &err), &err);
}

/* A dot that no op has, so that all are different. */
static void
forge(struct sada_dot *d)
{
	size_t i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < SADA_ID_LEN; i++)
		d->author.b[i] = (unsigned char)tap_rand();
	d->seq = 1 + tap_below(1000);
	d->tag = tap_rand();
}

static int
dot_order(const void *a, const void *b)
{
	return sada_dot_cmp(a, b);
}

/*
 * V gets a list of N entries of NDOT dots each, all showing BASE; of the
 * last entry the first dot is op 0's, if SHARED.
 */
static void
ancestors(struct sada_version *v, const struct sada_version *base, size_t n,
    size_t ndot, int shared)
{
	struct sada_ancestor a[SADA_ANCESTORS_MAX];
	struct sada_dot *d = sada_calloc(n * ndot, sizeof(*d));
	struct sada_buf enc = { 0 };
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < ndot; k++)
			forge(&d[i * ndot + k]);
		if (shared && i == n - 1)
			d[i * ndot] = made[0].dot;
		qsort(d + i * ndot, ndot, sizeof(*d), dot_order);
		memset(&a[i], 0, sizeof(a[i]));
		a[i].dot = d + i * ndot;
		a[i].ndot = ndot;
		a[i].kind = SADA_FILE;
		a[i].mode = 0644;
		a[i].size = base->size;
		a[i].content = base->content;
	}
	sada_anc_encode(&enc, a, n);
	must(sada_txn_put(box.txn, SADA_OBJ_ANC, enc.p, enc.len, &v->anc,
	    &err), &err);
	sada_buf_release(&enc);
	free(d);
}

/* ---- lists of ancestors ---- */

/* The most of versions, entries and dots: each dot is looked up once. */
static void
test_lists(void)
{
	struct sada_version v[MANY], base;
	struct sada_fold f = { 0 };
	struct sada_ancestor *a;
	char text[16];
	size_t i, n, k, dots, all = 0;

	version(&base, 0, "base\n", 5);
	for (i = 0; i < MANY; i++) {
		version(&v[i], OPS - 1 - i, text, (size_t)snprintf(text,
		    sizeof(text), "file %zu\n", i));
		v[i].flags = SADA_V_ALONE;
		ancestors(&v[i], &base, SADA_ANCESTORS_MAX,
		    SADA_ANC_DOTS_MAX, 0);
		/* Of a list that is too long the first entries count. */
		CHECK_INT(sada_anc_load(&a, &n, &v[i], NULL, box.txn, &err),
		    1);
		for (k = dots = 0; k < n; k++)
			dots += a[k].ndot;
		CHECK_INT(n, SADA_ANC_LIST_DOTS / SADA_ANC_DOTS_MAX);
		CHECK_INT(dots, SADA_ANC_LIST_DOTS);
		all += dots;
		free(a);
	}
	fold(&f, v, slot_sort(v, MANY));
	CHECK_INT(f.n, MANY);
	CHECK_INT(work.lamports, MANY + (long)all);
	CHECK_INT(work.melds, 0);
	sada_fold_release(&f);
}

/* What is behind the dots that count is no base, what is before them is. */
static void
test_list_end(void)
{
	struct sada_version v[2], base;
	struct sada_fold f = { 0 };
	size_t i, k;

	version(&base, 0, "base\n", 5);
	for (i = 0; i < 2; i++) {
		for (k = 0; k < 2; k++) {
			version(&v[k], OPS - 1 - k, k ? "one\n" : "two\n",
			    4);
			ancestors(&v[k], &base,
			    SADA_ANC_LIST_DOTS / SADA_ANC_DOTS_MAX + i,
			    SADA_ANC_DOTS_MAX, 1);
		}
		fold(&f, v, slot_sort(v, 2));
		CHECK_INT(f.n, 2);
		CHECK_INT(f.g[1].apart, i == 0 ? SADA_APART_SAME :
		    SADA_APART_BASE);
		sada_fold_release(&f);
	}
}

/* A name that shows very many versions of one content is replaced. */
static void
test_cover(void)
{
	enum { COVER = 3000 };
	struct sada_version *v = sada_calloc(COVER, sizeof(*v)), base;
	struct sada_ancestor *a = NULL;
	struct sada_buf out = { 0 };
	size_t i, n, dots = 0;

	version(&base, 0, "base\n", 5);
	for (i = 0; i < COVER; i++) {
		version(&v[i], OPS - 1, "same\n", 5);
		v[i].dot.tag = tap_rand();
		if (i < 200)
			ancestors(&v[i], &base, 32, 4, 0);
		else
			v[i].anc = v[i - 200].anc;
	}
	work.lamports = 0;
	must(sada_anc_make(&out, &v[0], v, slot_sort(v, COVER), box.txn,
	    lamport, &state, &err), &err);
	CHECK(work.lamports <= SADA_ANC_LINES * 32 * 4);
	must(sada_anc_decode(&a, &n, out.p, out.len, &err), &err);
	for (i = 0; i < n; i++)
		dots += a[i].ndot;
	CHECK_INT(a[0].ndot, SADA_ANC_DOTS_MAX);
	CHECK(n == 32 && dots <= SADA_ANC_LIST_DOTS);
	free(a);
	free(v);
	sada_buf_release(&out);
}

/* ---- merges ---- */

/* MANY versions of one base, of N bytes each: how many merges are tried? */
static long
melds(struct sada_fold *f, size_t n)
{
	struct sada_version v[MANY], base;
	char *text = sada_malloc(n);
	size_t i;

	memset(text, 'x', n);
	version(&base, 0, text, n);
	for (i = 0; i < MANY; i++) {
		text[0] = (char)('A' + i);
		version(&v[i], OPS - 1 - i, text, n);
		ancestors(&v[i], &base, 1, 1, 1);
	}
	fold(f, v, slot_sort(v, MANY));
	free(text);
	return work.melds;
}

static void
test_melds(void)
{
	struct sada_fold f = { 0 };
	size_t i, many = 0;

	work.driver = SADA_MERGE_COMMAND;
	/* All merge: each once. */
	work.clean = 1;
	CHECK_INT(melds(&f, 100), MANY - 1);
	CHECK_INT(f.n, 1);
	/* None does: all pairs would be 120. */
	work.clean = 0;
	CHECK_INT(melds(&f, 100), SADA_MELDS_MAX);
	CHECK_INT(f.n, MANY);
	for (i = 1; i < f.n; i++)
		many += f.g[i].apart == SADA_APART_MANY;
	CHECK(many > 0 && f.g[1].apart == SADA_APART_COMMAND &&
	    f.g[MANY - 1].apart == SADA_APART_MANY);
	/* Large ones: as many as have the bytes together. */
	CHECK_INT(melds(&f, 1 << 20), (SADA_MELDS_BYTES >> 20) / 3);
	CHECK_INT(f.n, MANY);
	CHECK_INT(melds(&f, SADA_MERGE_MAX), 5);
	sada_fold_release(&f);
	work.driver = SADA_MERGE_TEXT;
}

/* ---- renames ---- */

static struct sada_buf staged;		/* the record that was made last */

/*
 * Admit an op on PARENT (NULL: none) with N hints H, sorted; its dot to D, its
 * id to ID.
 */
static void
stage(struct sada_dot *d, struct sada_id *id, const struct sada_id *parent,
    const struct sada_hint *h, size_t n)
{
	struct sada_buf hints = { 0 };
	struct sada_op op;
	size_t i;
	uint32_t no;

	memset(&op, 0, sizeof(op));
	op.dot.author = kit.id[0];
	op.dot.epoch = tap_rand();
	op.dot.seq = 1;
	op.dot.tag = tap_rand();
	op.parents = (struct sada_id *)(uintptr_t)parent;
	op.nparents = parent != NULL;
	for (i = 0; i < n; i++)
		sada_hint_put(&hints, &h[i]);
	op.hints = hints.p;
	op.hints_len = hints.len;
	op.nhints = (uint32_t)n;
	op.msg = "";
	sada_buf_reset(&staged);
	sada_op_encode(&staged, &op, kit.key[0], id);
	must(sada_log_stage(record, staged.p, staged.len, &no, &err), &err);
	*d = op.dot;
	sada_buf_release(&hints);
}

static struct sada_hint
hint(const char *from, const char *to)
{
	struct sada_hint h = { .kind = SADA_HINT_DIR, .from = from,
	    .from_len = strlen(from), .to = to, .to_len = strlen(to) };

	return h;
}

/* What is carried in the map of M, and what it took. */
static void
carry(struct sada_carry *c, const struct model *m)
{
	uint32_t n = sada_log_count(record), i, *all;
	struct sada_context *past;
	struct sada_id root;

	all = sada_calloc(n, sizeof(*all));
	for (i = 0; i < n; i++)
		all[i] = i;
	sada_context_make(&past, record, all, n);
	model_build(&box.ns, m, &root);
	memset(c, 0, sizeof(*c));
	must(sada_carry_search(c, record, past, &box.ns, &root, &err), &err);
	free(all);
	free(past);
}

static void
carry_release(struct sada_carry *c)
{
	size_t i;

	for (i = 0; i < c->ntext; i++)
		free(c->text[i]);
	free(c->text);
	free(c->in);
}

/* N files below DIR that come from the ND dots D in turn. */
static void
files(struct model *m, const char *dir, size_t n, const struct sada_dot *d,
    size_t nd)
{
	struct sada_version v = { .kind = SADA_FILE, .mode = 0644 };
	char path[SADA_PATH_MAX + 1];
	size_t i;

	for (i = 0; i < n; i++) {
		v.dot = d[i % nd];
		sada_le64_put(v.content.b, i + 1);
		model_set(m, path, (size_t)snprintf(path, sizeof(path),
		    "%s/f%06zu", dir, i), &v, 1);
	}
}

#define MOVERS 300
#define FILES 2000
#define DOTS 200

/*
 * MOVERS ops move d on, all concurrent or a line of steps; FILES were written
 * to d by DOTS ops that none of them has seen.
 */
static void
test_movers(unsigned line)
{
	struct sada_dot dot[DOTS], moved;
	struct sada_id id, last;
	char from[16] = "d", to[MOVERS + 1][16];
	struct model m = { 0 };
	struct sada_carry c;
	struct sada_hint h;
	size_t i;

	for (i = 0; i < DOTS; i++)
		stage(&dot[i], &id, NULL, NULL, 0);
	for (i = 0; i < MOVERS; i++) {
		(void)snprintf(to[i], sizeof(to[i]), "d%zu", i);
		h = hint(line && i > 0 ? to[i - 1] : from, to[i]);
		stage(&moved, &id, line && i > 0 ? &last : NULL, &h, 1);
		last = id;
		files(&m, to[i], 1, &moved, 1);
	}
	files(&m, "d", FILES, dot, DOTS);
	carry(&c, &m);
	CHECK_INT(c.n, FILES);
	/* In a line a version goes as far as it may. */
	for (i = 0; line && i < c.n; i += FILES / 10)
		CHECK(c.in[i].to_len > 4 && memcmp(c.in[i].to,
		    to[SADA_CARRY_STEPS - 1], strlen(to[SADA_CARRY_STEPS -
		    1])) == 0);
	/* Dots come by 64, each twice; ranks by 64. */
	CHECK(c.work.passes <= 2 * (FILES / DOTS) * (DOTS / 64 + 1) +
	    MOVERS + MOVERS / 64 + 1);
	CHECK(c.work.tests <= FILES * (line ? SADA_CARRY_STEPS + 1 :
	    MOVERS + 1));
	CHECK(c.work.looks <= MOVERS);
	printf("# %s: %zu ops, %llu passes, %llu tests, %llu looks\n",
	    line ? "a line" : "concurrent", (size_t)sada_log_count(record),
	    (unsigned long long)c.work.passes,
	    (unsigned long long)c.work.tests,
	    (unsigned long long)c.work.looks);
	carry_release(&c);
	sada_log_unstage(record);
	model_free(&m);
}

/* Many hints lead to one directory in which nothing followed. */
static void
test_looks(void)
{
	enum { HINTS = 400 };
	static char from[HINTS][16];
	struct sada_hint h[HINTS];
	struct sada_version v = { .kind = SADA_DIR, .mode = 0755 };
	struct sada_dot dot, moved;
	struct sada_id id;
	struct model m = { 0 };
	struct sada_carry c;
	char last[16];
	size_t i;

	stage(&dot, &id, NULL, NULL, 0);
	v.dot = dot;
	for (i = 0; i < HINTS; i++) {
		(void)snprintf(from[i], sizeof(from[i]), "d/f%06zu", i);
		h[i] = hint(from[i], "t");
		model_set(&m, from[i], strlen(from[i]), &v, 1);
	}
	stage(&moved, &id, NULL, h, HINTS);
	v.kind = SADA_FILE;
	v.mode = 0644;
	v.dot = moved;
	/* The last that is looked at, and the first that is not. */
	for (i = SADA_CARRY_LOOK - 1; i <= SADA_CARRY_LOOK; i++) {
		files(&m, "t", i, &dot, 1);
		model_set(&m, last, (size_t)snprintf(last, sizeof(last),
		    "t/f%06zu", i), &v, 1);
		carry(&c, &m);
		CHECK_INT(c.n, i < SADA_CARRY_LOOK ? HINTS : 0);
		CHECK_INT(c.work.looks, HINTS * SADA_CARRY_LOOK);
		carry_release(&c);
	}
	sada_log_unstage(record);
	model_free(&m);
}

/* A directory is moved to a very long path: what is carried has its bytes. */
static void
test_paths(void)
{
	enum { LONG = 9500 };
	char to[SADA_PATH_MAX + 1];
	struct sada_dot dot, moved;
	struct sada_id id;
	struct sada_hint h;
	struct model m = { 0 };
	struct sada_carry c;
	size_t i, n = 3900;

	for (i = 0; i < n; i++)
		to[i] = i % 200 == 199 ? '/' : 'x';
	to[n - 1] = 'x';
	to[n] = '\0';
	stage(&dot, &id, NULL, NULL, 0);
	h = hint("d", to);
	stage(&moved, &id, NULL, &h, 1);
	files(&m, to, 1, &moved, 1);
	files(&m, "d", LONG, &dot, 1);
	carry(&c, &m);
	n = 9 + n + 8;			/* from and to of each */
	CHECK_INT(c.n, SADA_CARRY_PATHS / n);
	CHECK_INT(c.bytes, c.n * n);
	/* The first in the order of the map are those. */
	CHECK(memcmp(c.in[0].from, "d/f000000", 9) == 0);
	CHECK_INT(strtol(c.in[c.n - 1].from + 3, NULL, 10), c.n - 1);
	carry_release(&c);
	sada_log_unstage(record);
	model_free(&m);
}

int
main(void)
{
	tap_seed(20261127);
	work.driver = SADA_MERGE_TEXT;
	box_open(&box);
	write_log();
	test_lists();
	test_list_end();
	test_cover();
	test_melds();
	test_movers(0);
	test_movers(1);
	test_looks();
	test_paths();
	sada_buf_release(&staged);
	free(state.past);
	sada_log_free(record);
	kit_release(&kit);
	box_close(&box);
	return tap_done();
}
