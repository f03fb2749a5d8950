/*
 * The view against one written by the definition, over small maps with
 * conflicts, clashes of files and directories, and copies whose names are
 * taken.
 */
#include "tree/view.h"
#include "tree_util.h"

/* A name as the definition has it. */
struct expect {
	char *path, *slot;
	size_t len, slot_len;
	struct sada_version *cover;
	size_t ncover;
	unsigned groups;
	struct sada_version lead;	/* kind DIR and no cover: implied */
};

struct expects {
	struct expect *x;
	size_t n, cap;
};

static int ctx_mark;

static uint64_t
lamport(const struct sada_dot *d, void *ctx)
{
	CHECK(ctx == &ctx_mark);
	return d->seq % 4;
}

static const struct sada_view_by by = { .lamport = lamport,
    .ctx = &ctx_mark };

static void
expects_free(struct expects *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->x[i].path);
		free(l->x[i].slot);
		free(l->x[i].cover);
	}
	free(l->x);
	memset(l, 0, sizeof(*l));
}

static struct expect *
expects_find(struct expects *l, const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->x[i].len == len &&
		    memcmp(l->x[i].path, path, len) == 0)
			return &l->x[i];
	return NULL;
}

static struct expect *
expects_add(struct expects *l, const char *path, size_t len,
    const char *slot, size_t slot_len)
{
	struct expect *x;

	l->x = sada_grow(l->x, &l->cap, l->n + 1, sizeof(*l->x));
	x = &l->x[l->n++];
	memset(x, 0, sizeof(*x));
	x->path = sada_memdup(path, len);
	x->len = len;
	x->slot = sada_memdup(slot, slot_len);
	x->slot_len = slot_len;
	return x;
}

static int
expect_order(const void *pa, const void *pb)
{
	const struct expect *a = pa, *b = pb;

	return sada_path_cmp(a->path, a->len, b->path, b->len);
}

/* Is A before B in the order of versions? */
static int
higher(const struct sada_version *a, const struct sada_version *b)
{
	uint64_t la = lamport(&a->dot, &ctx_mark);
	uint64_t lb = lamport(&b->dot, &ctx_mark);
	int c;

	if (la != lb)
		return la > lb;
	c = sada_id_cmp(&a->dot.author, &b->dot.author);
	return c != 0 ? c > 0 : version_order(a, b) > 0;
}

/* Groups of a slot by the definition: members in the order of versions. */
struct group {
	struct sada_version v[64];
	size_t n;
};

static size_t
naive_groups(const struct sada_entry *e, struct group g[64])
{
	struct sada_version v[64], swap;
	size_t i, k, n = 0;

	assert(e->nv <= 64);
	memcpy(v, e->v, e->nv * sizeof(*v));
	for (i = 0; i < e->nv; i++)
		for (k = i + 1; k < e->nv; k++)
			if (higher(&v[k], &v[i])) {
				swap = v[i];
				v[i] = v[k];
				v[k] = swap;
			}
	for (i = 0; i < e->nv; i++) {
		for (k = 0; k < n; k++)
			if (g[k].v[0].kind == v[i].kind &&
			    g[k].v[0].size == v[i].size &&
			    id_eq(&g[k].v[0].content, &v[i].content))
				break;
		if (k == n)
			g[n++].n = 0;
		g[k].v[g[k].n++] = v[i];
	}
	return n;
}

static void
expect_group(struct expect *x, const struct group *g, unsigned groups)
{
	size_t i;

	x->groups = groups;
	x->lead = g->v[0];
	for (i = 1; i < g->n; i++)
		if (x->lead.kind == SADA_DIR &&
		    sada_register_cmp(&g->v[i], &x->lead) > 0)
			x->lead = g->v[i];
	x->cover = (struct sada_version *)(void *)sada_memdup(g->v,
	    g->n * sizeof(*g->v));
	x->ncover = slot_sort(x->cover, g->n);
}

/* "stem~HEX.ext" once more; plain names only, no cutting. */
static size_t
naive_copy_name(char out[2 * SADA_PATH_MAX], const char *path, size_t len,
    const struct sada_version *v, size_t n, unsigned digits)
{
	struct sada_buf b = { 0 };
	struct sada_id id;
	char hex[SADA_HEX_LEN + 1];
	size_t i, dot = len, base = 0, at = 0;

	sada_put_u64(&b, len);
	sada_buf_add(&b, path, len);
	for (i = 0; i < n; i++) {
		sada_version_id(&id, &v[i]);
		sada_buf_add(&b, id.b, 32);
	}
	sada_hash(&id, SADA_CTX_NAME, b.p, b.len);
	sada_id_hex(hex, &id);
	sada_buf_release(&b);
	for (i = 0; i < len; i++)
		if (path[i] == '/')
			base = i + 1;
	for (i = base + 1; i < len; i++)
		if (path[i] == '.')
			dot = i;
	if (len - dot > 16)
		dot = len;
	assert(dot - base + 1 + digits + len - dot <= 255);
	memcpy(out, path, at = dot);
	out[at++] = '~';
	memcpy(out + at, hex, digits);
	at += digits;
	memcpy(out + at, path + dot, len - dot);
	return at + len - dot;
}

/* Is anything in M below PATH? */
static int
naive_below(const struct model *m, const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->e[i].len > len && (len == 0 ||
		    (memcmp(m->e[i].path, path, len) == 0 &&
		    m->e[i].path[len] == '/')))
			return 1;
	return 0;
}

static void
naive_view(const struct model *m, struct expects *mains,
    struct expects *copies)
{
	static struct group g[64];
	char p[2 * SADA_PATH_MAX];
	const struct sada_entry *e;
	struct expect *x;
	size_t i, k, n, keep, len, from_len;
	unsigned digits, groups;
	char from[2 * SADA_PATH_MAX];

	memset(mains, 0, sizeof(*mains));
	memset(copies, 0, sizeof(*copies));
	for (i = 0; i < m->n; i++)
		for (k = 1; k <= m->e[i].len; k++) {
			if (k < m->e[i].len && m->e[i].path[k] != '/')
				continue;
			if (expects_find(mains, m->e[i].path, k) != NULL)
				continue;
			x = expects_add(mains, m->e[i].path, k,
			    m->e[i].path, k);
			x->groups = 1;
			x->lead.kind = SADA_DIR;
			x->lead.mode = 0700;
			x->lead.mtime_ns = SADA_NO_MTIME;
		}
	if (m->n > 0 && m->e[0].len == 0)
		(void)expects_add(mains, "", 0, "", 0);
	for (i = 0; i < m->n; i++) {
		e = &m->e[i];
		x = expects_find(mains, e->path, e->len);
		n = naive_groups(e, g);
		for (keep = 0; keep < n && g[keep].v[0].kind != SADA_DIR;
		    keep++)
			continue;
		if (keep == n && e->len > 0 &&
		    !naive_below(m, e->path, e->len))
			keep = 0;
		groups = (unsigned)(n + (keep == n));
		if (keep < n) {
			expect_group(x, &g[keep], groups);
		} else if (e->len > 0) {
			x->groups = groups;
		} else {	/* the root, implied: not shown */
			free(x->path);
			free(x->slot);
			*x = mains->x[--mains->n];
		}
		for (k = 0; k < n; k++) {
			if (k == keep)
				continue;
			x = expects_add(copies, "", 0, e->path, e->len);
			expect_group(x, &g[k], groups);
		}
	}
	for (i = 0; i < copies->n; i++) {
		x = &copies->x[i];
		memcpy(from, x->slot, from_len = x->slot_len);
		for (digits = 10;; digits++) {
			if (digits > 64) {
				memcpy(from, p, from_len = len);
				digits = 10;
			}
			len = naive_copy_name(p, from, from_len, x->cover,
			    x->ncover, digits);
			if (expects_find(mains, p, len) == NULL &&
			    expects_find(copies, p, len) == NULL)
				break;
		}
		free(x->path);
		x->path = sada_memdup(p, len);
		x->len = len;
	}
	if (mains->n > 0)
		qsort(mains->x, mains->n, sizeof(*mains->x), expect_order);
	if (copies->n > 0)
		qsort(copies->x, copies->n, sizeof(*copies->x),
		    expect_order);
}

static int
name_is(const struct sada_name *n, const struct expect *x)
{
	size_t i;

	if (n->len != x->len || memcmp(n->path, x->path, x->len) != 0 ||
	    n->slot_len != x->slot_len ||
	    memcmp(n->slot, x->slot, x->slot_len) != 0 ||
	    n->ncover != x->ncover || n->groups != x->groups ||
	    n->kind != x->lead.kind || n->mode != x->lead.mode ||
	    n->size != x->lead.size ||
	    !id_eq(&n->content, &x->lead.content) ||
	    n->mtime_s != x->lead.mtime_s ||
	    n->mtime_ns != x->lead.mtime_ns)
		return 0;
	for (i = 0; i < x->ncover; i++)
		if (version_order(&n->cover[i], &x->cover[i]) != 0)
			return 0;
	return 1;
}

static void
check_one(struct box *b, const struct sada_id *root, const char *path,
    size_t len, const struct expect *x)
{
	struct sada_view *hold;
	struct sada_name n;
	int rc;

	rc = must(sada_view_one(&hold, &b->ns, root, &by, path,
	    len, &n, &b->err), &b->err);
	CHECK_INT(rc, x != NULL);
	CHECK((hold != NULL) == (rc > 0));
	if (rc > 0 && x != NULL)
		CHECK(name_is(&n, x));
	sada_view_free(hold);
}

/* The view of M is what the definition says; *COPIES is its copies. */
static void
check_view(struct box *b, const struct model *m, struct expects *copies)
{
	struct expects mains;
	const struct sada_name *named, *again;
	struct sada_view *v;
	struct sada_name n;
	struct sada_id root;
	size_t i, ncopies;
	int rc;

	naive_view(m, &mains, copies);
	model_build(&b->ns, m, &root);
	must(sada_view_open(&v, &b->ns, &root, &by, &b->err),
	    &b->err);
	for (i = 0; (rc = sada_view_next(v, &n, &b->err)) > 0; i++)
		CHECK(i < mains.n && name_is(&n, &mains.x[i]));
	CHECK_INT(rc, 0);
	CHECK_INT(i, mains.n);
	must(sada_view_copies(v, &named, &ncopies, &b->err), &b->err);
	CHECK_INT(ncopies, copies->n);
	for (i = 0; i < ncopies && i < copies->n; i++) {
		CHECK(name_is(&named[i], &copies->x[i]));
		CHECK(sada_path_ok(named[i].path, named[i].len));
		check_one(b, &root, named[i].path, named[i].len, NULL);
	}
	must(sada_view_copies(v, &again, &ncopies, &b->err), &b->err);
	CHECK(again == named);
	CHECK_INT(sada_view_next(v, &n, &b->err), 0);
	sada_view_free(v);
	for (i = 0; i < mains.n; i++)
		check_one(b, &root, mains.x[i].path, mains.x[i].len,
		    &mains.x[i]);
	if (expects_find(&mains, "", 0) == NULL)
		check_one(b, &root, "", 0, NULL);
	check_one(b, &root, "nothing", 7, NULL);
	expects_free(&mains);
}

/* Paths of few names, so that files lie below files. */
static size_t
clash_path(char p[64])
{
	static const char *const part[] = { "a", "b", "c.txt", ".x", "d.tar.gz",
	    "a.b", "\xc3\xa9.z", "e.abcdefghijklmnopq" };
	size_t n = 0, k;

	if (tap_below(25) == 0)
		return 0;
	for (k = 1 + tap_below(3); k > 0; k--)
		n += (size_t)snprintf(p + n, 64 - n, "%s%s",
		    part[tap_below(8)], k > 1 ? "/" : "");
	return n;
}

/* Put something where copy X stands, or below it. */
static void
take_name(struct model *m, const struct expect *x)
{
	struct sada_version v;
	char p[2 * SADA_PATH_MAX];
	size_t len = x->len;

	rand_version(&v);
	memcpy(p, x->path, len);
	if (tap_below(3) == 0) {
		p[len++] = '/';
		p[len++] = 'z';
	}
	model_set(m, p, len, &v, 1);
}

static void
test_random(struct box *b)
{
	struct model m;
	struct expects copies;
	struct sada_version v[8];
	char p[64];
	size_t seed, i, k, n, len;

	for (seed = 0; seed < 400; seed++) {
		memset(&m, 0, sizeof(m));
		for (i = tap_below(30); i > 0; i--) {
			len = clash_path(p);
			n = tap_below(2) == 0 ? 1 : 1 + tap_below(8);
			for (k = 0; k < n; k++)
				rand_version(&v[k]);
			model_set(&m, p, len, v, slot_sort(v, n));
		}
		for (i = 0; i < 4; i++) {
			check_view(b, &m, &copies);
			for (k = 0; k < copies.n; k++)
				if (tap_below(2) == 0)
					take_name(&m, &copies.x[k]);
			expects_free(&copies);
		}
		model_free(&m);
	}
}

/* Every number of digits is taken, and again. */
static void
test_all_taken(struct box *b)
{
	struct model m = { 0 };
	struct expects copies;
	struct sada_version v[2], w;
	size_t i;

	memset(v, 0, sizeof(v));
	for (i = 0; i < 2; i++) {
		v[i].kind = SADA_FILE;
		v[i].dot.seq = 1 + i;
		v[i].content.b[0] = (unsigned char)i;
	}
	w = v[0];
	model_set(&m, "dir/file.txt", 12, v, slot_sort(v, 2));
	for (i = 0; i < 70; i++) {
		check_view(b, &m, &copies);
		CHECK_INT(copies.n, 1);
		if (copies.n == 1)
			model_set(&m, copies.x[0].path, copies.x[0].len, &w,
			    1);
		expects_free(&copies);
	}
	model_free(&m);
}

/* A slot with very many versions takes no time that grows as a square. */
static void
test_many(struct box *b)
{
	struct model m = { 0 };
	struct sada_version *v;
	const struct sada_name *named;
	struct sada_view *view;
	struct sada_name n;
	struct sada_id root;
	size_t i, ncopies, nv = 20000;

	v = sada_calloc(nv, sizeof(*v));
	for (i = 0; i < nv; i++) {
		v[i].kind = SADA_FILE;
		v[i].dot.seq = 1 + i;
		sada_le64_put(v[i].content.b, i / 2);
	}
	model_set(&m, "many", 4, v, slot_sort(v, nv));
	model_build(&b->ns, &m, &root);
	must(sada_view_open(&view, &b->ns, &root, &by, &b->err), &b->err);
	CHECK_INT(sada_view_next(view, &n, &b->err), 1);
	CHECK_INT(n.groups, nv / 2);
	CHECK_INT(sada_view_next(view, &n, &b->err), 0);
	must(sada_view_copies(view, &named, &ncopies, &b->err), &b->err);
	CHECK_INT(ncopies, nv / 2 - 1);
	for (i = 1; i < ncopies; i++)
		CHECK(sada_path_cmp(named[i - 1].path, named[i - 1].len,
		    named[i].path, named[i].len) < 0);
	sada_view_free(view);
	model_free(&m);
	free(v);
}

int
main(void)
{
	struct box b;

	sada_crypto_init();
	tap_seed(20261125);
	box_open(&b);
	test_random(&b);
	test_all_taken(&b);
	test_many(&b);
	box_close(&b);
	return tap_done();
}
