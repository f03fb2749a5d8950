/* The W file: round trips, subtree copies, and damage of every byte. */
#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "crypto/hash.h"
#include "disk/work_priv.h"
#include "tap.h"

#define ROWS_MAX 4000

/* A model: rows in path order. */
static struct {
	struct sada_row r[ROWS_MAX];
	struct sada_wref sub[ROWS_MAX];
	size_t n;
} model, twin;

#define OLDER 3

static struct sada_err err;
static int sdir;
/* The older heads of all files: 1, 2 and 3 of them. */
static struct sada_id older_id[OLDER];
static struct sada_older older[OLDER];

static void
rand_id(struct sada_id *id)
{
	size_t i;

	memset(id, 0, sizeof(*id));
	if (tap_below(4) == 0)
		return;
	for (i = 0; i < sizeof(id->b); i++)
		id->b[i] = (unsigned char)tap_rand();
}

static uint64_t
rand_wide(void)
{
	return tap_rand() >> tap_below(64);
}

static void
rand_version(struct sada_version *v, const struct sada_row *r)
{
	static struct sada_dot dot[4];

	memset(v, 0, sizeof(*v));
	if (tap_below(3) == 0) {
		rand_id(&dot[tap_below(4)].author);
		dot[tap_below(4)].epoch = tap_rand();
		dot[tap_below(4)].seq = rand_wide();
		dot[tap_below(4)].tag = tap_rand();
	}
	v->dot = dot[tap_below(4)];
	v->kind = r->kind;
	v->mode = r->mode;
	v->size = r->size;
	v->content = r->content;
	v->mtime_s = r->mtime_s;
	v->mtime_ns = r->mtime_ns;
	switch (tap_below(6)) {
	case 0:
		v->kind = (uint8_t)tap_rand();
		break;
	case 1:
		v->mode = (uint16_t)tap_rand();
		break;
	case 2:
		rand_id(&v->content);
		v->size = rand_wide();
		break;
	case 3:
		v->mtime_s = (int64_t)tap_rand();
		v->mtime_ns = (uint32_t)tap_rand();
		break;
	default:
		break;
	}
	v->flags = tap_below(3) == 0 ? (uint8_t)tap_rand() : 0;
	if (tap_below(2) == 0)
		rand_id(&v->anc);
	if (tap_below(3) == 0) {
		v->stamp_lamport = rand_wide();
		rand_id(&v->stamp_author);
	}
}

static void
rand_row(struct sada_row *r, const char *path, size_t len)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	r->path = sada_memdup(path, len);
	r->len = len;
	r->flags = (uint8_t)tap_below(16);
	if (r->flags & SADA_ROW_COPY) {
		r->slot = sada_memdup("a/slot", 6);
		r->slot_len = 6;
	} else {
		r->slot = r->path;
		r->slot_len = r->len;
	}
	r->kind = (uint8_t)(1 + tap_below(3));
	r->mode = (uint16_t)tap_below(01000);
	r->size = rand_wide();
	rand_id(&r->content);
	r->mtime_s = (int64_t)rand_wide() - 1000;
	r->mtime_ns = tap_below(5) == 0 ? UINT32_MAX : (uint32_t)rand_wide();
	r->seen.ino = rand_wide();
	r->seen.size = tap_below(2) ? r->size : rand_wide();
	r->seen.mtime_s = tap_below(2) ? r->mtime_s : (int64_t)tap_rand();
	r->seen.mtime_ns = tap_below(2) ? r->mtime_ns : (uint32_t)tap_rand();
	r->seen.ctime_s = tap_below(9) ? r->mtime_s : INT64_MIN;
	r->seen.ctime_ns = (uint32_t)rand_wide();
	r->seen.mode = tap_below(2) ? r->mode : (uint32_t)rand_wide();
	r->left = tap_below(5) == 0 ? 1 + (uint32_t)tap_below(OLDER) : 0;
	r->ncover = tap_below(4) == 0 ? tap_below(7) : 1;
	if (r->ncover > 0)
		r->cover = sada_calloc(r->ncover, sizeof(*r->cover));
	for (i = 0; i < r->ncover; i++)
		rand_version(&r->cover[i], r);
}

/* Rows below PATH, in order. */
static void
rand_tree(const char *path, size_t len, unsigned depth, size_t wide)
{
	char sub[SADA_PATH_MAX];
	size_t i, n, at = len > 0 ? len + 1 : 0;
	unsigned char c = 1;

	if (model.n == ROWS_MAX)
		return;
	rand_row(&model.r[model.n++], path, len);
	if (depth == 0)
		return;
	memcpy(sub, path, len);
	sub[len] = '/';
	for (i = 0; i < wide && model.n < ROWS_MAX; i++) {
		c = (unsigned char)(c + 1 + tap_below(255 / (wide + 1)));
		if (c == '/' || c == 0)
			c++;
		sub[at] = (char)c;
		n = 1;
		while (tap_below(3) > 0 && n < SADA_NAME_MAX)
			sub[at + n++] = "-.ab~"[tap_below(5)];
		rand_tree(sub, at + n, depth - 1, tap_below(wide + 1));
	}
}

static void
model_free(void)
{
	size_t i;

	for (i = 0; i < model.n; i++) {
		if (model.r[i].slot != model.r[i].path)
			free((void *)(uintptr_t)model.r[i].slot);
		free((void *)(uintptr_t)model.r[i].path);
		free(model.r[i].cover);
	}
	model.n = 0;
}

static int
version_same(const struct sada_version *a, const struct sada_version *b)
{
	return sada_dot_cmp(&a->dot, &b->dot) == 0 && a->kind == b->kind &&
	    a->flags == b->flags && a->mode == b->mode &&
	    a->size == b->size &&
	    sada_id_cmp(&a->content, &b->content) == 0 &&
	    a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	    sada_id_cmp(&a->anc, &b->anc) == 0 &&
	    a->stamp_lamport == b->stamp_lamport &&
	    sada_id_cmp(&a->stamp_author, &b->stamp_author) == 0;
}

static int
row_same(const struct sada_row *a, const struct sada_row *b)
{
	size_t i;

	if (a->len != b->len || memcmp(a->path, b->path, a->len) != 0 ||
	    a->slot_len != b->slot_len ||
	    memcmp(a->slot, b->slot, a->slot_len) != 0 ||
	    a->flags != b->flags || a->kind != b->kind ||
	    a->mode != b->mode || a->size != b->size ||
	    sada_id_cmp(&a->content, &b->content) != 0 ||
	    a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns ||
	    a->ncover != b->ncover || a->left != b->left ||
	    a->seen.ino != b->seen.ino ||
	    a->seen.size != b->seen.size ||
	    a->seen.mtime_s != b->seen.mtime_s ||
	    a->seen.mtime_ns != b->seen.mtime_ns ||
	    a->seen.ctime_s != b->seen.ctime_s ||
	    a->seen.ctime_ns != b->seen.ctime_ns ||
	    a->seen.mode != b->seen.mode)
		return 0;
	for (i = 0; i < a->ncover; i++)
		if (!version_same(&a->cover[i], &b->cover[i]))
			return 0;
	return 1;
}

/*
 * Read "work": the code of the first error, 0 when all is as the model, 1
 * when rows differ from it.
 */
static int
compare(struct sada_work *w)
{
	struct sada_work_cursor *c = NULL;
	struct sada_row r;
	size_t i = 0;
	int rc, differ = 0;

	if ((rc = sada_work_cursor_open(&c, w, &err)) == 0)
		while ((rc = sada_work_cursor_next(c, &r, &err)) > 0) {
			if (i >= model.n || !row_same(&r, &model.r[i]))
				differ = 1;
			i++;
		}
	sada_work_cursor_free(c);
	if (rc < 0)
		return differ ? 1 : rc;
	return differ || i != model.n;
}

static void
write_all(uint64_t generation)
{
	struct sada_work_writer *w = NULL;
	struct sada_work_info info = { .older = older, .nolder = OLDER };
	struct sada_id heads[3];
	size_t i;

	for (i = 0; i < 3; i++)
		rand_id(&heads[i]);
	info.generation = generation;
	info.heads = heads;
	info.nheads = generation % 4;
	info.left = 7;
	info.conflicts = UINT64_MAX;
	rand_id(&info.root);
	CHECK_INT(sada_work_writer_new(&w, sdir, &err), 0);
	for (i = 0; i < model.n; i++)
		CHECK_INT(sada_work_writer_add(w, &model.r[i], &err), 0);
	CHECK_INT(sada_work_writer_finish(w, &info, &err), 0);
	CHECK_INT(sada_work_publish(sdir, generation % 2 ? SADA_WORK_SYNC : 0,
	    &err), 0);
}

static void
test_round(void)
{
	struct sada_work *w = NULL;
	const struct sada_work_info *in;
	uint64_t copies;
	size_t i;
	int round;

	CHECK_INT(sada_work_open(&w, sdir, "work", &err), SADA_NOTFOUND);
	for (round = 0; round < 60; round++) {
		model_free();
		if (round > 0)
			rand_tree("", 0, 1 + (unsigned)tap_below(6),
			    tap_below(12));
		write_all((uint64_t)round);
		CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
		CHECK_INT(compare(w), 0);
		CHECK_INT(sada_work_check(w, &err), 0);
		in = sada_work_info(w);
		for (copies = 0, i = 0; i < model.n; i++)
			copies += model.r[i].flags & SADA_ROW_COPY;
		CHECK_INT(in->rows, model.n);
		CHECK_INT(in->copies, copies);
		CHECK_INT(in->generation, round);
		CHECK_INT(in->nheads, round % 4);
		CHECK_INT(in->left, 7);
		CHECK_INT(in->conflicts, UINT64_MAX);
		CHECK_INT(in->nolder, OLDER);
		for (i = 0; i < OLDER && i < in->nolder; i++)
			CHECK(in->older[i].n == i + 1 &&
			    memcmp(in->older[i].heads, older_id,
			    (i + 1) * sizeof(*older_id)) == 0);
		sada_work_free(w);
	}
}

/* A row that is left in heads that the file does not have. */
static void
test_left(void)
{
	struct sada_work_writer *wr = NULL;
	struct sada_work *w = NULL;
	struct sada_work_info info = { .older = older };
	uint32_t left;

	for (info.nolder = 0; info.nolder <= OLDER; info.nolder++)
		for (left = 0; left <= OLDER + 1; left++) {
			model_free();
			rand_row(&model.r[model.n++], "", 0);
			model.r[0].left = left;
			CHECK_INT(sada_work_writer_new(&wr, sdir, &err), 0);
			CHECK_INT(sada_work_writer_add(wr, &model.r[0],
			    &err), 0);
			CHECK_INT(sada_work_writer_finish(wr, &info, &err),
			    0);
			CHECK_INT(sada_work_open(&w, sdir, "work.new", &err),
			    0);
			CHECK_INT(compare(w), left <= info.nolder ? 0 :
			    SADA_FORMAT);
			sada_work_free(w);
		}
	CHECK_INT(sada_work_discard(sdir, &err), 0);
}

/* A path of 128 components, and one of full length. */
static void
test_deep(void)
{
	char path[SADA_PATH_MAX];
	struct sada_work *w = NULL;
	size_t len;
	int round;

	for (round = 0; round < 2; round++) {
		model_free();
		rand_row(&model.r[model.n++], "", 0);
		for (len = 0; len < (round ? SADA_PATH_MAX - 256u : 255u);) {
			if (len > 0)
				path[len++] = '/';
			memset(path + len, 'x', 255);
			len += round ? 255 : 1;
			rand_row(&model.r[model.n++], path, len);
		}
		write_all(1);
		CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
		CHECK_INT(compare(w), 0);
		sada_work_free(w);
	}
	CHECK(model.n > 15);
}

/* Fill twin.sub with the refs of the model's directories in W. */
static void
find_refs(const struct sada_work *w, const struct sada_wref *ref, size_t *i)
{
	struct sada_wblock b;
	struct sada_wrow r;
	size_t at;

	CHECK_INT(sada_wblock_open(&b, w, ref, SADA_WBLOCK_LIGHT, &err), 0);
	while (sada_wblock_next(&b, &r, &err) > 0) {
		at = (*i)++;
		twin.sub[at] = r.sub;
		CHECK(r.row.ncover == 0 && r.row.cover == NULL);
		if (r.sub.off != 0)
			find_refs(w, &r.sub, i);
	}
	sada_wblock_release(&b);
}

/* Copy random subtrees as bytes, add the other rows one by one. */
static void
test_graft(void)
{
	struct sada_work_writer *wr = NULL;
	struct sada_work *w = NULL, *w2 = NULL;
	struct sada_work_info info = { .older = older, .nolder = OLDER };
	size_t i, n, grafts = 0;
	int round;

	for (round = 0; round < 60; round++) {
		model_free();
		rand_tree("", 0, 5, 8);
		write_all(2);
		CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
		n = 0;
		find_refs(w, &w->top, &n);
		CHECK_INT(n, model.n);
		CHECK_INT(sada_work_writer_new(&wr, sdir, &err), 0);
		for (i = 0; i < n;) {
			struct sada_row *r = &model.r[i];

			CHECK_INT(sada_work_writer_add(wr, r, &err), 0);
			if (tap_below(4) == 0) {
				sada_work_writer_mark(wr, r->path, r->len);
				r->flags |= SADA_ROW_RACY;
			}
			if (r->len > 0 && tap_below(3) == 0) {
				size_t up = sada_path_parent(r->path, r->len);
				size_t k = i;

				while (model.r[k].len != up ||
				    memcmp(model.r[k].path, r->path, up) != 0)
					k--;
				sada_work_writer_mark(wr, r->path, up);
				model.r[k].flags |= SADA_ROW_RACY;
			}
			if (twin.sub[i].off == 0 ||
			    tap_below(3) == 0) {
				i++;
				continue;
			}
			CHECK_INT(sada_work_writer_graft(wr, w, &twin.sub[i],
			    &err), 0);
			grafts++;
			for (i++; i < n && (r->len == 0 || sada_path_below(
			    model.r[i].path, model.r[i].len, r->path,
			    r->len)); i++)
				;
		}
		CHECK_INT(sada_work_writer_finish(wr, &info, &err), 0);
		CHECK_INT(sada_work_open(&w2, sdir, "work.new", &err), 0);
		CHECK_INT(compare(w2), 0);
		CHECK_INT(sada_work_check(w2, &err), 0);
		CHECK_INT(sada_work_info(w2)->copies,
		    sada_work_info(w)->copies);
		sada_work_free(w);
		sada_work_free(w2);
		CHECK_INT(sada_work_discard(sdir, &err), 0);
		CHECK_INT(sada_work_discard(sdir, &err), 0);
	}
	CHECK(grafts > 60);
}

/* Amendments of model rows I, I + STEP, ... that have one version. */
struct amends {
	size_t i, step;
};

static int
next_amend(struct sada_amend *a, void *ctx)
{
	struct amends *m = ctx;
	struct sada_row *r;

	for (; m->i < model.n; m->i += m->step) {
		r = &model.r[m->i];
		if (r->ncover != 1)
			continue;
		a->path = r->path;
		a->len = r->len;
		a->flags = r->cover[0].flags ^= 1;
		rand_id(&r->cover[0].anc);
		a->anc = r->cover[0].anc;
		m->i += m->step;
		return 1;
	}
	return 0;
}

static int
next_odd(struct sada_amend *a, void *ctx)
{
	int *given = ctx;

	memset(a, 0, sizeof(*a));
	a->path = "no such/name";
	a->len = 12;
	return (*given)++ == 0;
}

/* Some covers changed, all else as it was. */
static void
test_amend(void)
{
	struct sada_work_writer *wr = NULL;
	struct sada_work *w = NULL, *w2 = NULL;
	struct sada_work_info info = { .older = older, .nolder = OLDER };
	struct amends m;
	int round, given = 0;

	for (round = 0; round < 60; round++) {
		model_free();
		rand_tree("", 0, 5, 8);
		write_all(2);
		CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
		CHECK_INT(sada_work_writer_new(&wr, sdir, &err), 0);
		m.i = tap_below(20);
		m.step = 1 + tap_below(50);
		CHECK_INT(sada_work_amend(wr, w, next_amend, &m, &err), 0);
		CHECK_INT(sada_work_writer_finish(wr, &info, &err), 0);
		CHECK_INT(sada_work_open(&w2, sdir, "work.new", &err), 0);
		CHECK_INT(compare(w2), 0);
		CHECK_INT(sada_work_check(w2, &err), 0);
		sada_work_free(w2);
		/* A source that was removed can still be read. */
		CHECK_INT(sada_io_unlink(sdir, "work", 0, &err), 0);
		CHECK_INT(sada_work_writer_new(&wr, sdir, &err), 0);
		m.i = m.step = model.n;
		CHECK_INT(sada_work_amend(wr, w, next_amend, &m, &err), 0);
		sada_work_writer_free(wr);
		sada_work_free(w);
	}
	write_all(2);
	CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
	CHECK_INT(sada_work_writer_new(&wr, sdir, &err), 0);
	CHECK_INT(sada_work_amend(wr, w, next_odd, &given, &err),
	    SADA_FORMAT);
	sada_work_writer_free(wr);
	sada_work_free(w);
}

static void
spit(const void *p, size_t n)
{
	int fd = openat(sdir, "work", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* Read a damaged "work" to the end; what came before must be right. */
static int
try_damaged(void)
{
	struct sada_work *w = NULL;
	int rc, check;

	if ((rc = sada_work_open(&w, sdir, "work", &err)) < 0)
		return rc;
	rc = compare(w);
	check = sada_work_check(w, &err);
	sada_work_free(w);
	return rc == 0 ? check : rc;
}

static void
test_damage(void)
{
	struct sada_buf b = { 0 }, longer = { 0 };
	size_t i;
	int rc, bit;

	model_free();
	while (model.n < 30) {
		model_free();
		rand_tree("", 0, 4, 4);
	}
	write_all(3);
	CHECK_INT(sada_io_slurp(sdir, "work", 1 << 24, &b, &err), 0);
	printf("# %zu rows, %zu bytes\n", model.n, b.len);
	for (i = 0; i < b.len; i++) {
		bit = 1 << tap_below(8);
		b.p[i] ^= (unsigned char)bit;
		spit(b.p, b.len);
		rc = try_damaged();
		CHECK(rc == SADA_FORMAT || (rc == SADA_VERSION && i >= 8 &&
		    i < 16));
		b.p[i] ^= (unsigned char)bit;
	}
	for (i = 0; i < b.len; i++) {
		spit(b.p, i);
		CHECK_INT(try_damaged(), SADA_FORMAT);
	}
	for (i = 1; i < 100; i += 7) {
		sada_buf_reset(&longer);
		sada_buf_add(&longer, b.p, b.len);
		memset(sada_buf_reserve(&longer, i), 0, i);
		longer.len += i;
		spit(longer.p, longer.len);
		CHECK_INT(try_damaged(), SADA_FORMAT);
	}
	spit(b.p, b.len);
	CHECK_INT(try_damaged(), 0);
	sada_buf_release(&b);
	sada_buf_release(&longer);
}

/*
 * Garbage under right sums: rows that a bug or a forger wrote must end in
 * FORMAT or in rows, never in a crash.
 */
static void
test_forged(void)
{
	struct sada_buf b = { 0 };
	struct sada_work *w = NULL;
	struct sada_wblock blk;
	struct sada_wrow r;
	unsigned char *p;
	size_t i, bad = 0;
	uint64_t size;
	int rc;

	CHECK_INT(sada_io_slurp(sdir, "work", 1 << 24, &b, &err), 0);
	CHECK_INT(sada_work_open(&w, sdir, "work", &err), 0);
	for (i = 0; i < 20000; i++) {
		struct sada_work copy = *w;
		struct sada_wref ref = { SADA_W_HEAD, 0 };

		p = sada_malloc(b.len);
		memcpy(p, b.p, b.len);
		size = sada_le64(p + SADA_W_HEAD);
		p[SADA_W_HEAD + tap_below((size_t)size)] =
		    (unsigned char)tap_rand();
		p[SADA_W_HEAD + tap_below((size_t)size)] =
		    (unsigned char)tap_rand();
		copy.p = p;
		rc = sada_wblock_open(&blk, &copy, &ref, SADA_WBLOCK_KNOWN,
		    &err);
		if (rc == 0)
			while ((rc = sada_wblock_next(&blk, &r, &err)) > 0)
				;
		CHECK(rc == 0 || rc == SADA_FORMAT);
		bad += rc < 0;
		sada_wblock_release(&blk);
		free(p);
	}
	printf("# %zu of 20000 refused\n", bad);
	sada_work_free(w);
	sada_buf_release(&b);
}

static void
test_racy(void)
{
	struct sada_stat st = { 0 };
	long long now = 1000000000LL * 1700000000;

	st.mtime_s = st.ctime_s = 1700000000 - 3;
	CHECK_INT(sada_seen_racy(&st, now), 0);
	st.mtime_s = 1700000000 - 1;
	CHECK_INT(sada_seen_racy(&st, now), 1);
	st.mtime_ns = 1;
	CHECK_INT(sada_seen_racy(&st, now), 0);
	st.mtime_ns = 990000000;
	CHECK_INT(sada_seen_racy(&st, now), 1);
	st.mtime_s = 1;
	st.ctime_s = 1700000000;
	CHECK_INT(sada_seen_racy(&st, now), 1);
	st.ctime_s = INT64_MAX;
	CHECK_INT(sada_seen_racy(&st, now), 1);
	st.ctime_s = INT64_MIN;
	CHECK_INT(sada_seen_racy(&st, now), 0);
}

int
main(void)
{
	char dir[] = "/tmp/disk_work.XXXXXX";
	size_t i;

	sada_crypto_init();
	tap_seed(20241);
	assert(mkdtemp(dir) != NULL);
	sdir = open(dir, O_RDONLY | O_DIRECTORY);
	assert(sdir >= 0);
	for (i = 0; i < OLDER; i++) {
		rand_id(&older_id[i]);
		older[i].heads = older_id;
		older[i].n = i + 1;
	}
	test_round();
	test_left();
	test_deep();
	test_graft();
	test_amend();
	test_damage();
	test_forged();
	test_racy();
	model_free();
	unlinkat(sdir, "work", 0);
	close(sdir);
	CHECK_INT(rmdir(dir), 0);
	return tap_done();
}
