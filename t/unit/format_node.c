/* Nodes: round trips, golden bytes, damage, order and paths by a model. */
#include "base/path.h"
#include "format_util.h"

#define ONES "11111111111111111111111111111111" \
    "11111111111111111111111111111111"
#define TWOS "22222222222222222222222222222222" \
    "22222222222222222222222222222222"
#define THREES "33333333333333333333333333333333" \
    "33333333333333333333333333333333"
#define FOURS "44444444444444444444444444444444" \
    "44444444444444444444444444444444"
#define CCS "cccccccccccccccccccccccccccccccc" \
    "cccccccccccccccccccccccccccccccc"
/* A file with ancestors and a link, as they stand in a leaf. */
#define GOLD_FILE "010da40305" CCS "03ff93ebdc03" FOURS
#define GOLD_LINK "000303" THREES "80c49fd50c00"

static const char gold_leaf[] =
    "00" "02" ONES TWOS
    "02" "00" "0700000000000000" "01" "0807060504030201"
    "01" "0900000000000000" "ac02" "f0ffffffffffffff"
    "03"
    "000001" "0002ed0380c49fd50c054d00"
    "000361206201" GOLD_FILE
    "0202c3a902" GOLD_FILE GOLD_LINK;
static const char gold_changes[] = "000000020001780001022f7900";
static const char gold_inner[] =
    "01" "02"
    "0003612f62" CCS "c801" "01" "808080808020"
    "000163" THREES "01" "00" "00";

static struct sada_id
id_of(int byte)
{
	struct sada_id id;

	memset(id.b, byte, sizeof(id.b));
	return id;
}

static void
check_decoded(const struct sada_node *node, const struct sada_entry *e,
    size_t n)
{
	const struct sada_version *a, *b;
	size_t i, j;

	CHECK_INT(node->level, 0);
	CHECK_INT(node->n, n);
	for (i = 0; i < n; i++) {
		CHECK(node->e[i].len == e[i].len &&
		    memcmp(node->e[i].path, e[i].path, e[i].len) == 0);
		CHECK_INT(node->e[i].nv, e[i].nv);
		for (j = 0; j < e[i].nv; j++) {
			a = &node->e[i].v[j];
			b = &e[i].v[j];
			CHECK(sada_dot_cmp(&a->dot, &b->dot) == 0);
			CHECK(a->kind == b->kind && a->flags == b->flags &&
			    a->mode == b->mode && a->size == b->size &&
			    a->mtime_s == b->mtime_s &&
			    a->mtime_ns == b->mtime_ns &&
			    a->stamp_lamport == b->stamp_lamport);
			CHECK(sada_id_cmp(&a->content, &b->content) == 0 &&
			    sada_id_cmp(&a->anc, &b->anc) == 0 &&
			    sada_id_cmp(&a->stamp_author,
			    &b->stamp_author) == 0);
		}
	}
}

static void
test_golden(void)
{
	struct sada_dot d0 = {id_of(0x11), 7, 1, UINT64_C(0x102030405060708)};
	struct sada_dot d1 = {id_of(0x22), 9, 300, UINT64_MAX - 15};
	struct sada_version dir = {.dot = d0, .kind = SADA_DIR, .mode = 0755,
	    .mtime_s = 1700000000, .mtime_ns = 5, .stamp_lamport = 77,
	    .stamp_author = id_of(0x11)};
	struct sada_version two[2] = {{.dot = d1, .kind = SADA_FILE,
	    .flags = SADA_V_ALONE, .mode = 0644, .size = 5,
	    .content = id_of(0xcc), .mtime_s = -2, .mtime_ns = 999999999,
	    .anc = id_of(0x44)}, {.dot = d0, .kind = SADA_LINK, .size = 3,
	    .content = id_of(0x33), .mtime_s = 1700000000}};
	struct sada_entry e[3] = {{"", 0, &dir, 1}, {"a b", 3, two, 1},
	    {"a \xc3\xa9", 4, two, 2}};
	struct sada_entry gone[2] = {{"x", 1, NULL, 0}, {"x/y", 3, NULL, 0}};
	struct sada_ref ref[2] = {{id_of(0xcc), "a/b", 3, 200, 1,
	    UINT64_C(1) << 40}, {id_of(0x33), "c", 1, 1, 0, 0}};
	struct sada_node node = {0};
	struct sada_buf b = {0};
	struct sada_id id;

	sada_version_id(&id, &two[0]);
	sada_buf_add(&b, id.b, SADA_ID_LEN);
	CHECK(is_hex(&b, "5c0d69ad2206a221884941aa787501e5"
	    "aaec3d8fbb9953eae7e95e532fa60cd8"));
	sada_buf_reset(&b);
	sada_version_id(&id, &two[1]);
	sada_buf_add(&b, id.b, SADA_ID_LEN);
	CHECK(is_hex(&b, "ee2d64baa167e1cf3952e1a4ac8518e8"
	    "3b2db6c83c248c7c1f8f77e4894b04e2"));
	sada_buf_reset(&b);
	sada_version_id(&id, &dir);
	sada_buf_add(&b, id.b, SADA_ID_LEN);
	CHECK(is_hex(&b, "c025775bc95f8898d30912623b28e547"
	    "8f81fb76f875e3c3e084e4550760e8b4"));
	sada_buf_reset(&b);
	sada_leaf_encode(&b, e, 3);
	CHECK(is_hex(&b, gold_leaf));
	CHECK_INT(sada_node_decode(&node, b.p, b.len, 0, NULL), 0);
	check_decoded(&node, e, 3);
	sweep(canon_node, &b);
	sada_buf_reset(&b);
	sada_leaf_encode(&b, gone, 2);
	CHECK(is_hex(&b, gold_changes));
	CHECK_INT(sada_node_decode(&node, b.p, b.len, 0, NULL), SADA_FORMAT);
	CHECK_INT(node.n, 0);
	CHECK_INT(sada_node_decode(&node, b.p, b.len, SADA_NODE_CHANGES,
	    NULL), 0);
	check_decoded(&node, gone, 2);
	sweep(canon_changes, &b);
	sada_buf_reset(&b);
	sada_inner_encode(&b, 1, ref, 2);
	CHECK(is_hex(&b, gold_inner));
	CHECK_INT(sada_node_decode(&node, b.p, b.len, 0, NULL), 0);
	CHECK(node.level == 1 && node.n == 2 && node.ref[0].entries == 200 &&
	    node.ref[0].multi == 1 && node.ref[0].bytes == ref[0].bytes &&
	    sada_id_cmp(&node.ref[1].id, &ref[1].id) == 0 &&
	    node.ref[1].len == 1 && node.ref[1].last[0] == 'c');
	sweep(canon_node, &b);
	sada_node_release(&node);
	sada_buf_release(&b);
}

/* Random entries; few authors and dots, so that the tables are shared. */
#define MODEL_MAX 120
struct model {
	char path[MODEL_MAX][64];
	struct sada_entry e[MODEL_MAX];
	struct sada_version v[MODEL_MAX][4];
	struct sada_dot dot[9];
	size_t n;
};

static int
entry_order(const void *a, const void *b)
{
	const struct sada_entry *x = a, *y = b;

	return sada_path_cmp(x->path, x->len, y->path, y->len);
}

static int
version_order(const void *a, const void *b)
{
	struct sada_id x, y;

	sada_version_id(&x, a);
	sada_version_id(&y, b);
	return sada_id_cmp(&x, &y);
}

static void
model_version(struct model *m, struct sada_version *v)
{
	memset(v, 0, sizeof(*v));
	v->dot = m->dot[tap_below(9)];
	v->kind = (uint8_t)(1 + tap_below(3));
	v->mtime_s = (int64_t)tap_rand() >> tap_below(64);
	v->mtime_ns = (uint32_t)rand_num(999999999);
	if (v->kind != SADA_LINK)
		v->mode = (uint16_t)tap_below(01000);
	if (v->kind == SADA_DIR) {
		v->stamp_lamport = rand_num(UINT64_MAX);
		v->stamp_author = m->dot[tap_below(9)].author;
		return;
	}
	rand_bytes(&v->content, SADA_ID_LEN);
	if (tap_below(2) == 0)
		rand_bytes(&v->anc, SADA_ID_LEN);
	v->flags = (uint8_t)tap_below(2);
	v->size = rand_num(v->kind == SADA_LINK ? 65535 : INT64_MAX);
}

/* A path over few letters, so that many share and nest. */
static size_t
model_path(char *p)
{
	static const char with[] = "abA.-0\xff\x01/";
	size_t i, n;

	do {
		n = tap_below(24);
		for (i = 0; i < n; i++)
			p[i] = with[tap_below(sizeof(with) - 1)];
	} while (!sada_path_ok(p, n));
	return n;
}

static void
model_init(struct model *m, size_t want, int empties)
{
	struct sada_id author[3];
	size_t i, j, n;

	memset(m, 0, sizeof(*m));
	rand_bytes(author, sizeof(author));
	for (i = 0; i < 9; i++) {
		m->dot[i].author = author[tap_below(3)];
		m->dot[i].epoch = tap_below(3);
		m->dot[i].seq = 1 + rand_num(UINT64_MAX - 1);
		m->dot[i].tag = tap_rand();
	}
	for (i = 0; i < want; i++) {
		m->e[i].path = m->path[i];
		m->e[i].len = model_path(m->path[i]);
	}
	qsort(m->e, want, sizeof(m->e[0]), entry_order);
	for (i = n = 0; i < want; i++)
		if (n == 0 || entry_order(&m->e[n - 1], &m->e[i]) != 0)
			m->e[n++] = m->e[i];
	m->n = n;
	for (i = 0; i < n; i++) {
		m->e[i].v = m->v[i];
		m->e[i].nv = tap_below(6) != 0 ? 1 : tap_below(5);
		if (m->e[i].nv == 0 && !empties)
			m->e[i].nv = 1;
		for (j = 0; j < m->e[i].nv; j++)
			model_version(m, &m->v[i][j]);
		if (m->e[i].nv < 2)
			continue;
		qsort(m->v[i], m->e[i].nv, sizeof(m->v[i][0]), version_order);
		for (j = 1; j < m->e[i].nv; j++)
			if (version_order(&m->v[i][j - 1], &m->v[i][j]) == 0)
				m->e[i].nv = j;
	}
}

static void
test_leaves(void)
{
	struct model *m = sada_malloc(sizeof(*m));
	struct sada_node node = {0};
	struct sada_buf b = {0};
	int round;

	for (round = 0; round < 1500; round++) {
		model_init(m, 1 + tap_below(round < 20 ? 4 : MODEL_MAX),
		    round % 2);
		sada_buf_reset(&b);
		sada_leaf_encode(&b, m->e, m->n);
		CHECK_INT(sada_node_decode(&node, b.p, b.len,
		    round % 2 ? SADA_NODE_CHANGES : 0, NULL), 0);
		check_decoded(&node, m->e, m->n);
		if (round < 20)
			sweep(round % 2 ? canon_changes : canon_node, &b);
	}
	sada_node_release(&node);
	sada_buf_release(&b);
	free(m);
}

static void
test_inner(void)
{
	struct model *m = sada_malloc(sizeof(*m));
	struct sada_ref ref[MODEL_MAX];
	struct sada_node node = {0};
	struct sada_buf b = {0};
	size_t i;
	int round;

	for (round = 0; round < 300; round++) {
		model_init(m, 1 + tap_below(round < 20 ? 4 : MODEL_MAX), 0);
		for (i = 0; i < m->n; i++) {
			rand_bytes(&ref[i].id, SADA_ID_LEN);
			ref[i].last = m->e[i].path;
			ref[i].len = m->e[i].len;
			ref[i].entries = 1 + rand_num(UINT64_C(1) << 50);
			ref[i].multi = rand_num(ref[i].entries);
			ref[i].bytes = rand_num(UINT64_MAX);
		}
		sada_buf_reset(&b);
		sada_inner_encode(&b, 1 + (unsigned)round % SADA_LEVEL_MAX,
		    ref, m->n);
		CHECK_INT(sada_node_decode(&node, b.p, b.len, 0, NULL), 0);
		CHECK_INT(node.n, m->n);
		for (i = 0; i < m->n; i++)
			CHECK(node.ref[i].entries == ref[i].entries &&
			    node.ref[i].len == ref[i].len &&
			    memcmp(node.ref[i].last, ref[i].last,
			    ref[i].len) == 0);
		if (round < 20)
			sweep(canon_node, &b);
	}
	sada_node_release(&node);
	sada_buf_release(&b);
	free(m);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261122);
	test_golden();
	test_leaves();
	test_inner();
	return tap_done();
}
