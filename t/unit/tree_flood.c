/*
 * States that a liar filled with the most of everything: what the view does
 * for them is counted, and stays in proportion to what there is.
 */
#include "log_util.h"
#include "tree_util.h"

#include "format/object.h"
#include "store/file.h"
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
	free(state.past);
	sada_log_free(record);
	kit_release(&kit);
	box_close(&box);
	return tap_done();
}
