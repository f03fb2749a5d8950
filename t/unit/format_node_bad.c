/*
 * Nodes written by hand, without the encoder: paths against a model of
 * validity and order, one wrong field at a time, hostile numbers.
 */
#include "base/path.h"
#include "format_util.h"

/* A leaf with each of its numbers in turn replaced. */
#define NLEAF 18
static void
put_leaf(struct sada_buf *b, size_t which, uint64_t value)
{
	uint64_t f[NLEAF] = {1, 1, 0, 1, 2, 0, 1, 1, 0, 0644, 3, 10, 5,
	    0, 1, 1, 0, 0755};
	unsigned char id[SADA_ID_LEN] = {9};

	if (which < NLEAF)
		f[which] = value;
	sada_put_u8(b, 0);
	sada_put_var(b, f[0]);			/* authors */
	sada_buf_add(b, id, sizeof(id));
	sada_put_var(b, f[1]);			/* dots */
	sada_put_var(b, f[2]);			/* author index */
	sada_put_u64(b, 1);
	sada_put_var(b, f[3]);			/* seq */
	sada_put_u64(b, 1);
	sada_put_var(b, f[4]);			/* entries */
	sada_put_var(b, f[5]);			/* shared */
	sada_put_var(b, f[6]);			/* rest */
	sada_put_u8(b, 'x');
	sada_put_var(b, f[7]);			/* versions */
	sada_put_var(b, f[8]);			/* dot index */
	sada_put_u8(b, SADA_FILE);
	sada_put_var(b, f[9]);			/* mode */
	sada_put_var(b, f[10]);			/* size */
	sada_buf_add(b, id, sizeof(id));
	sada_put_var(b, f[11]);			/* mtime_s */
	sada_put_var(b, f[12]);			/* mtime_ns */
	sada_put_var(b, f[13]);			/* shared */
	sada_put_var(b, f[14]);			/* rest */
	sada_put_u8(b, 'y');
	sada_put_var(b, f[15]);			/* versions */
	sada_put_var(b, f[16]);			/* dot index */
	sada_put_u8(b, SADA_DIR);
	sada_put_var(b, f[17]);			/* mode */
	sada_put_var(b, 0);
	sada_put_var(b, 0);
	sada_put_var(b, 1);
	sada_put_var(b, 0);
}

#define NINNER 10
static void
put_inner(struct sada_buf *b, size_t which, uint64_t value)
{
	uint64_t f[NINNER] = {2, 0, 1, 9, 3, 100, 1, 1, 5, 5};
	unsigned char id[SADA_ID_LEN] = {9};
	size_t i;

	if (which < NINNER)
		f[which] = value;
	sada_put_u8(b, 3);
	sada_put_var(b, f[0]);			/* entries */
	for (i = 0; i < 2; i++) {
		sada_put_var(b, i == 0 ? f[1] : f[6]);	/* shared */
		sada_put_var(b, i == 0 ? f[2] : f[7]);	/* rest */
		sada_put_u8(b, 'q');
		sada_buf_add(b, id, sizeof(id));
		sada_put_var(b, i == 0 ? f[3] : f[8]);	/* entries */
		sada_put_var(b, i == 0 ? f[4] : f[9]);	/* multi */
		sada_put_var(b, f[5]);			/* bytes */
	}
}

/* The start of a leaf with one author and one dot, up to the entries. */
static void
put_tables(struct sada_buf *b)
{
	unsigned char id[SADA_ID_LEN] = {9};

	sada_put_u8(b, 0);
	sada_put_var(b, 1);
	sada_buf_add(b, id, sizeof(id));
	sada_put_var(b, 1);
	sada_put_var(b, 0);
	sada_put_u64(b, 1);
	sada_put_var(b, 1);
	sada_put_u64(b, 1);
}

/* A leaf of paths A and B as they are, sharing as much as they can. */
static void
put_paths(struct sada_buf *b, const char *a, size_t na, const char *c,
    size_t nc)
{
	static const unsigned char version[] = {0, SADA_DIR, 0, 0, 0, 0, 0};
	size_t shared = 0;

	while (shared < na && shared < nc && a[shared] == c[shared])
		shared++;
	put_tables(b);
	sada_put_var(b, 2);
	sada_put_var(b, 0);
	sada_put_var(b, na);
	sada_buf_add(b, a, na);
	sada_put_var(b, 1);
	sada_buf_add(b, version, sizeof(version));
	sada_put_var(b, shared);
	sada_put_var(b, nc - shared);
	sada_buf_add(b, c + shared, nc - shared);
	sada_put_var(b, 1);
	sada_buf_add(b, version, sizeof(version));
}

/* Is the pair taken exactly when both are valid and in order? */
static int
pair_agrees(const char *a, size_t na, const char *c, size_t nc)
{
	struct sada_buf b = {0};
	int want, got;

	want = sada_path_ok(a, na) && sada_path_ok(c, nc) &&
	    sada_path_cmp(a, na, c, nc) < 0;
	put_paths(&b, a, na, c, nc);
	got = canon_node(b.p, b.len);
	sada_buf_release(&b);
	return got == want;
}

static void
test_paths(void)
{
	static const char *const piece[] = {
		"a", "/", "/", "b", ".", "..", ".sada", ".SaDa", "sada", "",
		"\x01", "\xff", "\xe2\x80\x8c", " ", "SADA~1", "::$DATA", "0"
	};
	char a[64], c[64];
	size_t na, nc, i, round;

	for (round = 0; round < 200000; round++) {
		na = nc = 0;
		for (i = tap_below(6); i > 0; i--) {
			const char *s = piece[tap_below(17)];

			memcpy(a + na, s, strlen(s));
			na += strlen(s);
		}
		/* The second often begins as the first. */
		if (tap_below(4) != 0) {
			nc = tap_below(na + 1);
			memcpy(c, a, nc);
		}
		for (i = tap_below(5); i > 0; i--) {
			const char *s = piece[tap_below(17)];

			memcpy(c + nc, s, strlen(s));
			nc += strlen(s);
		}
		if (tap_below(50) == 0 && nc > 0)
			c[tap_below(nc)] = '\0';
		CHECK(pair_agrees(a, na, c, nc));
	}
}

/* The longest and the deepest path, and one more. */
static void
test_path_caps(void)
{
	char p[SADA_PATH_MAX + 2];
	size_t n, i;

	for (n = 4000; n <= SADA_PATH_MAX + 1; n++) {
		for (i = 0; i < n; i++)
			p[i] = i % 100 == 99 ? '/' : 'p';
		CHECK(pair_agrees("a", 1, p, n));
		CHECK(pair_agrees(p, n - 2, p, n));
	}
	for (n = 1; n <= 400; n++) {
		for (i = 0; i < n; i++)
			p[i] = i % 2 == 1 ? '/' : 'p';
		CHECK(pair_agrees("a", 1, p, n));
		CHECK(pair_agrees(p, n > 2 ? n - 2 : 0, p, n));
	}
	memset(p, 'p', 300);
	for (n = 250; n < 300; n++) {
		CHECK(pair_agrees(p, 200, p, n));
		p[3] = '/';
		CHECK(pair_agrees(p, 200, p, n));
		p[3] = 'p';
	}
}

/* A leaf of one entry whose version is the N bytes given. */
static int
version_taken(const void *bytes, size_t n)
{
	struct sada_buf b = {0};
	int rc;

	put_tables(&b);
	sada_put_var(&b, 1);
	sada_put_var(&b, 0);
	sada_put_var(&b, 1);
	sada_put_u8(&b, 'x');
	sada_put_var(&b, 1);
	sada_buf_add(&b, bytes, n);
	rc = canon_node(b.p, b.len);
	sada_buf_release(&b);
	return rc;
}

static void
test_versions(void)
{
	struct sada_buf b = {0};
	unsigned char id[SADA_ID_LEN] = {0};
	unsigned bits, anc;
	int ok;

	/* All bits bytes, each with ancestors that are zero and not. */
	for (bits = 0; bits < 256; bits++)
		for (anc = 0; anc < 2; anc++) {
			sada_buf_reset(&b);
			sada_put_u8(&b, 0);
			sada_put_u8(&b, (uint8_t)bits);
			if ((bits & 3) != SADA_LINK)
				sada_put_var(&b, 0600);
			id[0] = 1;
			if ((bits & 3) != SADA_DIR) {
				sada_put_var(&b, 3);
				sada_buf_add(&b, id, sizeof(id));
			}
			sada_put_svar(&b, -1);
			sada_put_var(&b, 1);
			if ((bits & 3) == SADA_DIR) {
				sada_put_var(&b, 1);
				sada_put_var(&b, 0);
			}
			id[0] = (unsigned char)anc;
			if ((bits & 8) != 0)
				sada_buf_add(&b, id, sizeof(id));
			ok = bits < 16 && (bits & 3) != 0;
			if ((bits & 3) == SADA_DIR)
				ok = ok && (bits & 12) == 0;
			if ((bits & 8) != 0)
				ok = ok && anc;
			CHECK_INT(version_taken(b.p, b.len), ok);
		}
	/* The caps, from both sides. */
	for (bits = 0; bits < 8; bits++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 0);
		sada_put_u8(&b, SADA_FILE);
		sada_put_var(&b, bits & 1 ? 01000 : 0777);
		sada_put_var(&b, (uint64_t)INT64_MAX + ((bits >> 1) & 1));
		sada_buf_add(&b, id, sizeof(id));
		sada_put_svar(&b, INT64_MIN);
		sada_put_var(&b, bits & 4 ? 1000000000 : 999999999);
		CHECK_INT(version_taken(b.p, b.len), bits == 0);
	}
	for (bits = 65534; bits < 65538; bits++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 0);
		sada_put_u8(&b, SADA_LINK);
		sada_put_var(&b, bits);
		sada_buf_add(&b, id, sizeof(id));
		sada_put_svar(&b, 0);
		sada_put_var(&b, 0);
		CHECK_INT(version_taken(b.p, b.len), bits <= 65535);
	}
	sada_buf_release(&b);
}

static int
version_order(const void *a, const void *b)
{
	struct sada_id x, y;

	sada_version_id(&x, a);
	sada_version_id(&y, b);
	return sada_id_cmp(&x, &y);
}

/* A slot with as many versions as it may have, and with one more. */
static void
test_wide_slot(void)
{
	static const unsigned char tail[] = {SADA_DIR, 0, 0, 0, 0, 0};
	struct sada_version *v = sada_calloc(SADA_SLOT_MAX + 1, sizeof(*v));
	unsigned char id[SADA_ID_LEN] = {9};
	struct sada_buf b = {0};
	size_t i, n;

	for (n = SADA_SLOT_MAX; n <= SADA_SLOT_MAX + 1; n++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 0);
		sada_put_var(&b, 1);
		sada_buf_add(&b, id, sizeof(id));
		sada_put_var(&b, n);
		memset(v, 0, n * sizeof(*v));
		for (i = 0; i < n; i++) {
			memcpy(v[i].dot.author.b, id, sizeof(id));
			v[i].dot.seq = i + 1;
			v[i].kind = SADA_DIR;
			sada_put_var(&b, 0);
			sada_put_u64(&b, 0);
			sada_put_var(&b, i + 1);
			sada_put_u64(&b, 0);
		}
		qsort(v, n, sizeof(*v), version_order);
		sada_put_var(&b, 1);
		sada_put_var(&b, 0);
		sada_put_var(&b, 0);
		sada_put_var(&b, n);
		for (i = 0; i < n; i++) {
			sada_put_var(&b, v[i].dot.seq - 1);
			sada_buf_add(&b, tail, sizeof(tail));
		}
		CHECK_INT(canon_node(b.p, b.len), n == SADA_SLOT_MAX);
	}
	sada_buf_release(&b);
	free(v);
}

/* As many entries as a node may have, and one more. */
static void
test_many_entries(void)
{
	static const unsigned char version[] = {0, SADA_DIR, 0, 0, 0, 0, 0};
	unsigned char id[SADA_ID_LEN] = {9};
	struct sada_buf leaf = {0}, inner = {0};
	size_t i, n;

	for (n = SADA_NODE_MAX; n <= SADA_NODE_MAX + 1; n++) {
		sada_buf_reset(&leaf);
		sada_buf_reset(&inner);
		put_tables(&leaf);
		sada_put_var(&leaf, n);
		sada_put_u8(&inner, 1);
		sada_put_var(&inner, n);
		for (i = 1; i <= n; i++) {
			/* Each path is the one before and an 'x' more. */
			sada_put_var(&leaf, i - 1);
			sada_put_var(&leaf, 1);
			sada_put_u8(&leaf, 'x');
			sada_put_var(&leaf, 1);
			sada_buf_add(&leaf, version, sizeof(version));
			sada_put_var(&inner, i - 1);
			sada_put_var(&inner, 1);
			sada_put_u8(&inner, 'x');
			sada_buf_add(&inner, id, sizeof(id));
			sada_put_var(&inner, 1);
			sada_put_var(&inner, 0);
			sada_put_var(&inner, 0);
		}
		CHECK_INT(canon_node(leaf.p, leaf.len), n == SADA_NODE_MAX);
		CHECK_INT(canon_node(inner.p, inner.len),
		    n == SADA_NODE_MAX);
	}
	sada_buf_release(&leaf);
	sada_buf_release(&inner);
}

/* One dot twice in the table; a child without id; entries that overflow. */
static void
test_doubles(void)
{
	unsigned char id[SADA_ID_LEN] = {9};
	static const unsigned char version[] = {SADA_DIR, 0, 0, 0, 0, 0};
	struct sada_buf b = {0};
	unsigned tag, i;

	for (tag = 1; tag < 4; tag++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 0);
		sada_put_var(&b, 1);
		sada_buf_add(&b, id, sizeof(id));
		sada_put_var(&b, 2);
		for (i = 0; i < 2; i++) {
			sada_put_var(&b, 0);
			sada_put_u64(&b, 1);
			sada_put_var(&b, 1);
			sada_put_u64(&b, i == 0 ? 2 : tag);
		}
		sada_put_var(&b, 2);
		for (i = 0; i < 2; i++) {
			sada_put_var(&b, 0);
			sada_put_var(&b, 1);
			sada_put_u8(&b, i == 0 ? 'x' : 'y');
			sada_put_var(&b, 1);
			sada_put_var(&b, i);
			sada_buf_add(&b, version, sizeof(version));
		}
		CHECK_INT(canon_node(b.p, b.len), tag == 3);
	}
	for (i = 0; i < 2; i++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 1);
		sada_put_var(&b, 1);
		sada_put_var(&b, 0);
		sada_put_var(&b, 0);
		id[0] = (unsigned char)i;
		sada_buf_add(&b, id, sizeof(id));
		sada_put_var(&b, 1);
		sada_put_var(&b, 0);
		sada_put_var(&b, 0);
		CHECK_INT(canon_node(b.p, b.len), i);
	}
	sada_buf_reset(&b);
	put_inner(&b, 3, UINT64_MAX - 5);
	CHECK_INT(canon_node(b.p, b.len), 1);
	sada_buf_reset(&b);
	put_inner(&b, 3, UINT64_MAX - 4);
	CHECK_INT(canon_node(b.p, b.len), 0);
	sada_buf_release(&b);
}

int
main(void)
{
	unsigned char *large;
	struct sada_node node = {0};

	sada_crypto_init();
	tap_seed(42);
	CHECK_INT(sweep_numbers(canon_node, put_leaf, NLEAF), 0);
	CHECK_INT(sweep_numbers(canon_changes, put_leaf, NLEAF), 0);
	CHECK_INT(sweep_numbers(canon_node, put_inner, NINNER), 0);
	test_paths();
	test_path_caps();
	test_versions();
	test_wide_slot();
	test_many_entries();
	test_doubles();
	large = sada_calloc(1, SADA_OBJECT_MAX + 1);
	CHECK_INT(sada_node_decode(&node, large, SADA_OBJECT_MAX + 1, 0,
	    NULL), SADA_FORMAT);
	sada_node_release(&node);
	free(large);
	return tap_done();
}
