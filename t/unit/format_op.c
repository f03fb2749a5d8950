/* Op and member records: round trips, golden bytes, damage, signatures. */
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
#define ZEROS "00000000000000000000000000000000" \
    "00000000000000000000000000000000"

static const char gold_inline[] =
    "010103" ONES "07000000000000000100000000000000" "0807060504030201" ZEROS
    "00" "fbffffffffffffff" ZEROS "0d" "000000020001780001022f7900"
    "00" "01" "02" "ac02" "04" "02" "6869";
static const char gold_hints[] =
    "010102" ONES "07000000000000000100000000000000" "0807060504030201" ZEROS
    "00" "fbffffffffffffff" ZEROS "01" "00"
    "02" "01" "01" "61" "02" "6272" "02" "03" "642f65" "01" "7a"
    "01" "02" "ac02" "04" "02" "6869";
static const char gold_root[] =
    "010100" TWOS "09000000000000002c01000000000000" "f0ffffffffffffff" CCS
    "02" ONES TWOS "000064a7b3b6e00d" THREES FOURS
    "00" "01" "02" "03" "04" "00";

/* A key that is the same each time, from a key file made here. */
static struct sada_key *
fixed_key(int seed)
{
	struct sada_key *k = NULL;
	struct sada_buf b = {0};
	struct sada_id hash;

	sada_buf_adds(&b, "sadakey1");
	sada_put_u32(&b, 0);
	memset(sada_buf_reserve(&b, 64), seed, 64);
	b.len += 64;
	sada_hash(&hash, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, hash.b, sizeof(hash.b));
	CHECK_INT(sada_key_decode(&k, b.p, b.len, NULL), 0);
	sada_buf_release(&b);
	return k;
}

static void
test_golden(void)
{
	static const unsigned char changes[] = {0, 0, 0, 2, 0, 1, 'x', 0, 1,
	    2, '/', 'y', 0};
	struct sada_id parents[2];
	struct sada_op op = {.flags = SADA_OP_ACCEPTED | SADA_OP_INLINE,
	    .dot = {.epoch = 7, .seq = 1, .tag = UINT64_C(0x102030405060708)},
	    .wall_ns = -5, .inl = changes, .inl_len = sizeof(changes),
	    .msg = "hi", .msg_len = 2, .n_set = 1, .n_gone = 2,
	    .n_lost = 300, .n_before = 4};
	struct sada_op big = {.dot = {.epoch = 9, .seq = 300,
	    .tag = UINT64_MAX - 15}, .parents = parents, .nparents = 2,
	    .wall_ns = INT64_C(1000000000000000000), .n_set = 1, .n_gone = 2,
	    .n_lost = 3, .n_before = 4};
	unsigned char sig[SADA_SIG_LEN];
	struct sada_buf b = {0};

	memset(op.dot.author.b, 0x11, SADA_ID_LEN);
	memset(big.dot.author.b, 0x22, SADA_ID_LEN);
	memset(parents[0].b, 0x11, SADA_ID_LEN);
	memset(parents[1].b, 0x22, SADA_ID_LEN);
	memset(big.prev.b, 0xcc, SADA_ID_LEN);
	memset(big.root.b, 0x33, SADA_ID_LEN);
	memset(big.changes.b, 0x44, SADA_ID_LEN);
	memset(sig, 0x55, sizeof(sig));
	sada_op_put_body(&b, &op);
	CHECK(is_hex(&b, gold_inline));
	sada_buf_add(&b, sig, sizeof(sig));
	sweep(canon_op, &b);
	sada_buf_reset(&b);
	op.flags = SADA_OP_INLINE;
	op.inl = (const unsigned char *)"";
	op.inl_len = 1;
	op.hints = (const unsigned char *)"\1\1a\2br\2\3d/e\1z";
	op.hints_len = 13;
	op.nhints = 2;
	sada_op_put_body(&b, &op);
	CHECK(is_hex(&b, gold_hints));
	sada_buf_add(&b, sig, sizeof(sig));
	sweep(canon_op, &b);
	sada_buf_reset(&b);
	sada_op_put_body(&b, &big);
	CHECK(is_hex(&b, gold_root));
	sada_buf_add(&b, sig, sizeof(sig));
	sweep(canon_op, &b);
	sada_buf_release(&b);
}

/* A random op by author A; its parts live in the arrays given. */
static void
rand_op(struct sada_op *op, const struct sada_id *a, struct sada_id *parents,
    unsigned char *bytes)
{
	size_t i;

	memset(op, 0, sizeof(*op));
	op->dot.author = *a;
	op->dot.epoch = tap_rand();
	op->dot.seq = tap_below(3) == 0 ? 1 : 1 + rand_num(UINT64_MAX - 1);
	op->dot.tag = tap_rand();
	if (op->dot.seq != 1)
		rand_bytes(&op->prev, SADA_ID_LEN);
	op->nparents = tap_below(5);
	op->parents = parents;
	for (i = 0; i < op->nparents; i++) {
		rand_bytes(&parents[i], SADA_ID_LEN);
		parents[i].b[0] = (unsigned char)(10 * i + tap_below(9));
	}
	op->wall_ns = (int64_t)tap_rand() >> tap_below(64);
	if (tap_below(4) != 0)
		rand_bytes(&op->root, SADA_ID_LEN);
	rand_bytes(bytes, SADA_INLINE_MAX);
	op->flags = (uint8_t)tap_below(4);
	if ((op->flags & SADA_OP_INLINE) != 0) {
		op->inl = bytes;
		op->inl_len = 1 + (size_t)rand_num(SADA_INLINE_MAX - 1);
	} else if (tap_below(4) != 0)
		rand_bytes(&op->changes, SADA_ID_LEN);
	op->msg = (const char *)bytes;
	op->msg_len = (size_t)rand_num(300);
	op->n_set = rand_num(UINT64_MAX);
	op->n_gone = rand_num(UINT64_MAX);
	op->n_lost = rand_num(UINT64_MAX);
	op->n_before = rand_num(UINT64_MAX);
}

static void
test_ops(const struct sada_key *k, const struct sada_key *other)
{
	const struct sada_pub *pub = sada_key_pub(k);
	unsigned char bytes[SADA_INLINE_MAX];
	struct sada_id parents[5], id, want;
	struct sada_op op, got;
	struct sada_buf b = {0};
	size_t at;
	int round;

	for (round = 0; round < 400; round++) {
		rand_op(&op, &pub->id, parents, bytes);
		/* Appended behind something else. */
		sada_buf_reset(&b);
		at = tap_below(3);
		sada_buf_add(&b, "before", at);
		sada_op_encode(&b, &op, k, &id);
		memmove(b.p, b.p + at, b.len -= at);
		CHECK_INT(sada_op_decode(&got, b.p, b.len, NULL), 0);
		CHECK(sada_dot_cmp(&got.dot, &op.dot) == 0 &&
		    got.flags == op.flags && got.nparents == op.nparents &&
		    got.wall_ns == op.wall_ns && got.n_set == op.n_set &&
		    got.n_gone == op.n_gone && got.n_lost == op.n_lost &&
		    got.n_before == op.n_before);
		CHECK(sada_id_cmp(&got.prev, &op.prev) == 0 &&
		    sada_id_cmp(&got.root, &op.root) == 0 &&
		    sada_id_cmp(&got.changes, &op.changes) == 0);
		CHECK(op.nparents == 0 || memcmp(got.parents, op.parents,
		    op.nparents * sizeof(id)) == 0);
		CHECK(got.inl_len == op.inl_len && (op.inl_len == 0 ||
		    memcmp(got.inl, op.inl, op.inl_len) == 0));
		CHECK(got.msg_len == op.msg_len &&
		    memcmp(got.msg, op.msg, op.msg_len) == 0);
		CHECK(memcmp(got.sig, op.sig, sizeof(op.sig)) == 0);
		sada_op_release(&got);
		sada_hash(&want, SADA_CTX_OP, b.p, b.len);
		CHECK(sada_id_cmp(&id, &want) == 0);
		CHECK_INT(sada_op_verify(b.p, b.len, pub->sign, NULL), 0);
		CHECK_INT(sada_op_verify(b.p, b.len,
		    sada_key_pub(other)->sign, NULL), SADA_AUTH);
		CHECK_INT(canon_op(b.p, b.len), 1);
		if (round < 5)
			sweep(canon_op, &b);
		at = tap_below(b.len);
		b.p[at] ^= (unsigned char)(1 << tap_below(8));
		CHECK_INT(sada_op_verify(b.p, b.len, pub->sign, NULL),
		    SADA_AUTH);
	}
	for (at = 0; at < 70; at++)
		CHECK_INT(sada_op_verify(b.p, at, pub->sign, NULL),
		    SADA_AUTH);
	sada_buf_release(&b);
}

/* A small op by hand, each of its numbers in turn replaced. */
#define NOP 11
static void
put_op(struct sada_buf *b, size_t which, uint64_t value)
{
	uint64_t f[NOP] = {2, 1, 3, 0, 1, 2, 3, 4, 2, 0, 0};
	unsigned char id[SADA_ID_LEN] = {9}, zero[SADA_SIG_LEN] = {0};

	if (which < NOP)
		f[which] = value;
	sada_put_u8(b, 1);
	sada_put_u8(b, 1);
	sada_put_u8(b, SADA_OP_INLINE);
	sada_buf_add(b, id, sizeof(id));
	sada_put_u64(b, f[9]);			/* epoch */
	sada_put_u64(b, f[1]);			/* seq */
	sada_put_u64(b, f[10]);			/* tag */
	sada_buf_add(b, f[1] == 1 ? zero : id, sizeof(id));
	sada_put_var(b, f[0]);			/* parents */
	sada_buf_add(b, id, sizeof(id));
	id[1] = 1;
	sada_buf_add(b, id, sizeof(id));
	sada_put_u64(b, 0);
	sada_buf_add(b, zero, sizeof(id));
	sada_put_var(b, f[2]);			/* inline length */
	sada_buf_add(b, "abc", 3);
	sada_put_var(b, f[3]);			/* hints */
	sada_put_var(b, f[4]);
	sada_put_var(b, f[5]);
	sada_put_var(b, f[6]);
	sada_put_var(b, f[7]);
	sada_put_var(b, f[8]);			/* message */
	sada_buf_add(b, "ok", 2);
	sada_buf_add(b, zero, sizeof(zero));
}

/* Codes of refused starts, and the caps from both sides. */
static void
test_caps(void)
{
	struct sada_id *parents = sada_calloc(SADA_PARENTS_MAX + 1,
	    sizeof(*parents));
	char *msg = sada_calloc(1, SADA_MSG_MAX + 1);
	struct sada_op op = {.dot = {.seq = 1}, .parents = parents,
	    .nparents = SADA_PARENTS_MAX, .msg = msg,
	    .msg_len = SADA_MSG_MAX};
	unsigned char zero[SADA_SIG_LEN] = {0};
	struct sada_buf b = {0};
	unsigned char *first;
	size_t i;
	unsigned v;

	for (i = 0; i <= SADA_PARENTS_MAX; i++) {
		parents[i].b[0] = (unsigned char)(i >> 8);
		parents[i].b[1] = (unsigned char)i;
		parents[i].b[2] = 1;
	}
	sada_op_put_body(&b, &op);
	sada_buf_add(&b, zero, sizeof(zero));
	CHECK(b.len <= SADA_OP_RECORD_MAX);
	CHECK_INT(canon_op(b.p, b.len), 1);
	/* Parents that are equal, out of order, zero; they begin at 93. */
	first = b.p + 93;
	memcpy(first + SADA_ID_LEN, first, SADA_ID_LEN);
	CHECK_INT(canon_op(b.p, b.len), 0);
	first[SADA_ID_LEN + 1] = 1;
	CHECK_INT(canon_op(b.p, b.len), 1);
	first[2] = 2;
	first[1] = 1;
	CHECK_INT(canon_op(b.p, b.len), 0);
	memset(first, 0, SADA_ID_LEN);
	CHECK_INT(canon_op(b.p, b.len), 0);
	for (v = 0; v < 256; v++) {
		sada_buf_reset(&b);
		put_op(&b, NOP, 0);
		b.p[0] = (unsigned char)v;
		CHECK_INT(sada_op_decode(&op, b.p, b.len, NULL),
		    v == 1 ? 0 : SADA_VERSION);
		sada_op_release(&op);
		b.p[0] = 1;
		b.p[2] = (unsigned char)(v & ~2u);
		CHECK(v < 4 || sada_op_decode(&op, b.p, b.len, NULL) ==
		    SADA_VERSION);
	}
	sada_buf_release(&b);
	free(parents);
	free(msg);
}

/* ---- hints ---- */

/* Is a record with these N hints taken? */
static int
hints_taken(const void *p, size_t len, uint64_t n)
{
	unsigned char id[SADA_ID_LEN] = {9}, zero[SADA_SIG_LEN] = {0};
	struct sada_buf b = {0};
	int rc;

	sada_put_u8(&b, 1);
	sada_put_u8(&b, 1);
	sada_put_u8(&b, 0);
	sada_buf_add(&b, id, sizeof(id));
	sada_put_u64(&b, 1);
	sada_put_u64(&b, 1);
	sada_put_u64(&b, 1);
	sada_buf_add(&b, zero, SADA_ID_LEN);
	sada_put_var(&b, 0);
	sada_put_u64(&b, 0);
	sada_buf_add(&b, zero, SADA_ID_LEN);
	sada_buf_add(&b, zero, SADA_ID_LEN);
	sada_put_var(&b, n);
	sada_buf_add(&b, p, len);
	sada_buf_add(&b, "\0\0\0\0\0", 5);
	sada_buf_add(&b, zero, sizeof(zero));
	rc = canon_op(b.p, b.len);
	sada_buf_release(&b);
	return rc;
}

static void
test_hints(void)
{
	static const struct {
		const char *p;
		size_t len;
		uint64_t n;
		int rc;
	} row[] = {
		{"\1\1a\1b", 5, 1, 1},
		{"\2\1a\1b", 5, 1, 1},
		{"\1\1a\1b\1\1b\1a", 10, 2, 1},	/* a swap */
		{"\1\1a\1c\1\1b\1c", 10, 2, 1},	/* two to one */
		{"\2\1a\3a/b", 7, 1, 1},
		{"\0\1a\1b", 5, 1, 0},
		{"\3\1a\1b", 5, 1, 0},
		{"\1\1a\1a", 5, 1, 0},
		{"\1\0\1b", 4, 1, 0},
		{"\1\1a\0", 4, 1, 0},
		{"\1\1/\1b", 5, 1, 0},
		{"\1\2..\1b", 6, 1, 0},
		{"\1\1a\5.sada", 9, 1, 0},
		{"\1\1a\1\0", 5, 1, 0},
		{"\1\1a\x81\0b", 6, 1, 0},		/* not the shortest */
		{"\1\1b\1a\1\1a\1b", 10, 2, 0},	/* not sorted */
		{"\1\1a\1b\1\1a\1c", 10, 2, 0},	/* twice */
		{"\1\1a\1b\2\1a\1c", 10, 2, 0},
		{"\1\3a-b\1c\1\3a/b\1c", 14, 2, 0},	/* '/' is lowest */
		{"\1\3a/b\1c\1\3a-b\1c", 14, 2, 1},
		{"\1\1a\1b", 5, 2, 0},
		{"\1\1a\1b", 5, 1025, 0},
		{"\1\1a\1b", 5, UINT64_MAX, 0},
	};
	char name[40];
	struct sada_hint h = { .kind = SADA_HINT_FILE };
	struct sada_buf b = {0};
	size_t i, n;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		CHECK_INT(hints_taken(row[i].p, row[i].len, row[i].n),
		    row[i].rc);
		if (hints_taken(row[i].p, row[i].len, row[i].n) !=
		    row[i].rc)
			printf("# row %zu\n", i);
	}
	/* The number, from both sides. */
	for (n = 1024; n <= 1025; n++) {
		sada_buf_reset(&b);
		for (i = 0; i < n; i++) {
			h.from = name;
			h.from_len = (size_t)snprintf(name, sizeof(name),
			    "%06zu", i);
			h.to = "x";
			h.to_len = 1;
			sada_hint_put(&b, &h);
		}
		CHECK_INT(hints_taken(b.p, b.len, n), n == 1024);
	}
	/* The bytes, from both sides: 819 of 40 and one of 8 or 9. */
	for (n = 0; n <= 1; n++) {
		sada_buf_reset(&b);
		for (i = 0; i < 819; i++) {
			h.from = name;
			h.from_len = (size_t)snprintf(name, sizeof(name),
			    "%036zu", i);
			h.to = "x";
			h.to_len = 1;
			sada_hint_put(&b, &h);
		}
		h.from = "9999";
		h.from_len = 4;
		h.to = "yy";
		h.to_len = 1 + n;
		sada_hint_put(&b, &h);
		CHECK_INT(b.len, SADA_HINTS_BYTES + n);
		CHECK_INT(hints_taken(b.p, b.len, 820), n == 0);
	}
	sada_buf_release(&b);
}

/* Does H[N] send PATH to WANT (NULL: nowhere)? */
static int
sends(const struct sada_hint *h, size_t n, const char *path,
    const char *want)
{
	const struct sada_hint *x = sada_hint_of(h, n, path, strlen(path));
	struct sada_buf b = {0};
	int ok;

	if (x == NULL)
		return want == NULL;
	ok = sada_hint_map(&b, x, path, strlen(path)) && want != NULL &&
	    strcmp(sada_buf_str(&b), want) == 0;
	sada_buf_release(&b);
	return ok;
}

static void
test_hint_ways(void)
{
	static const unsigned char raw[] = "\2\1d\2dd\1\3d/x\1x"
	    "\2\3d/y\1y\1\1e\3e/f\1\1z\4dd/q";
	struct sada_op op = { .hints = raw, .hints_len = sizeof(raw) - 1,
	    .nhints = 5 };
	const struct sada_hint **by, *from[4];
	struct sada_hint *h;
	struct sada_buf b = {0};
	char deep[4090];

	sada_op_hints(&h, &op);
	CHECK(sends(h, 5, "d", "dd"));
	CHECK(sends(h, 5, "d/a", "dd/a"));
	CHECK(sends(h, 5, "d/x", "x"));
	/* A file's hint says nothing of what lies below. */
	CHECK(sends(h, 5, "d/x/k", "dd/x/k"));
	CHECK(sends(h, 5, "d/y/k/l", "y/k/l"));
	CHECK(sends(h, 5, "e", "e/f"));
	CHECK(sends(h, 5, "e/g", NULL));
	CHECK(sends(h, 5, "d-", NULL));
	CHECK(sends(h, 5, "", NULL));
	/* No path that is too long comes out. */
	memset(deep, 'n', sizeof(deep));
	memcpy(deep, "d/y/", 4);
	CHECK(!sada_hint_map(&b, &h[0], deep, sizeof(deep)) && b.len == 0);
	sada_hints_by_to(&by, h, 5);
	CHECK_INT(sada_hint_origins(from, 4, by, 5, "dd/q", 4), 2);
	CHECK(from[0] == &h[4] && from[1] == &h[0]);
	CHECK_INT(sada_hint_origins(from, 1, by, 5, "dd/q", 4), 1);
	CHECK_INT(sada_hint_origins(from, 4, by, 5, "x/a", 3), 0);
	CHECK_INT(sada_hint_origins(from, 4, by, 5, "y/a", 3), 1);
	CHECK(sada_hint_unmap(&b, from[0], "y/a", 3) &&
	    strcmp(sada_buf_str(&b), "d/y/a") == 0);
	CHECK(!sada_hints_full(h, 5) && !sada_hints_full(NULL, 0));
	sada_buf_release(&b);
	free(by);
	free(h);
}

/* Invariants of seq and prev, parents, message: one fault at a time. */
static void
test_faults(void)
{
	unsigned char sig[SADA_SIG_LEN] = {0};
	struct sada_op op = {.dot = {.seq = 2}, .prev = {{1}}};
	struct sada_buf b = {0};
	unsigned char *more;

	/* Offsets: seq 43, prev 59, parents' count 91. */
	sada_op_put_body(&b, &op);
	sada_buf_add(&b, sig, sizeof(sig));
	CHECK_INT(canon_op(b.p, b.len), 1);
	b.p[43] = 1;
	CHECK_INT(canon_op(b.p, b.len), 0);
	b.p[59] = 0;
	CHECK_INT(canon_op(b.p, b.len), 1);
	b.p[43] = 3;
	CHECK_INT(canon_op(b.p, b.len), 0);
	b.p[43] = 0;
	CHECK_INT(canon_op(b.p, b.len), 0);
	sada_buf_reset(&b);
	put_op(&b, 2, 0);
	CHECK_INT(canon_op(b.p, b.len), 0);
	/* As large as a record may be, and larger. */
	more = sada_calloc(1, SADA_OP_RECORD_MAX + 1);
	memcpy(more, b.p, b.len);
	CHECK_INT(canon_op(more, SADA_OP_RECORD_MAX), 0);
	CHECK_INT(canon_op(more, SADA_OP_RECORD_MAX + 1), 0);
	free(more);
	sada_buf_release(&b);
}

static int
member_taken(const void *p, size_t n)
{
	struct sada_member m;

	/* Signed: anything taken is what was written. */
	return sada_member_decode(&m, p, n, NULL) == 0 ? 1 : 0;
}

static void
test_members(const struct sada_key *k)
{
	static const char *const bad[] = {"", ".", "-a", "_", "a b", "a/b",
	    "\xc3\xa9", "a\n"};
	const struct sada_pub *pub = sada_key_pub(k);
	struct sada_member m = {.number = 3, .wall_ns = -7}, got;
	struct sada_buf b = {0};
	char name[66];
	size_t i, j;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!sada_member_name_ok(bad[i]));
	memset(name, 'n', sizeof(name));
	for (i = 1; i < sizeof(name); i++) {
		name[i] = '\0';
		CHECK_INT(sada_member_name_ok(name), i <= 64);
		if (i <= 64) {
			memcpy(m.name, name, i + 1);
			sada_buf_reset(&b);
			sada_member_encode(&b, &m, k);
			CHECK_INT(sada_member_decode(&got, b.p, b.len, NULL),
			    0);
			CHECK_STR(got.name, name);
			CHECK(got.number == 3 && got.wall_ns == -7 &&
			    sada_id_cmp(&got.pub.id, &pub->id) == 0 &&
			    memcmp(got.pub.box, pub->box, SADA_PK_LEN) == 0);
		}
		name[i] = 'n';
	}
	memcpy(m.name, "box-1.a_", 9);
	sada_buf_reset(&b);
	sada_member_encode(&b, &m, k);
	CHECK_INT(b.len, 65 + 1 + 8 + 16 + 64);
	CHECK(b.p[0] == 1 && memcmp(b.p + 1, pub->sign, 32) == 0 &&
	    memcmp(b.p + 33, pub->box, 32) == 0 &&
	    memcmp(b.p + 65, "\x08" "box-1.a_\x03\0\0\0\0\0\0\0"
	    "\xf9\xff\xff\xff\xff\xff\xff\xff", 25) == 0);
	CHECK_INT(sweep_cuts(member_taken, b.p, b.len), 0);
	for (i = 0; i < b.len; i++)
		for (j = 0; j < 8; j++) {
			b.p[i] ^= (unsigned char)(1 << j);
			CHECK_INT(member_taken(b.p, b.len), 0);
			b.p[i] ^= (unsigned char)(1 << j);
		}
	b.p[0] = 2;
	CHECK_INT(sada_member_decode(&got, b.p, b.len, NULL), SADA_VERSION);
	b.p[0] = 1;
	b.p[b.len - 1] ^= 1;
	CHECK_INT(sada_member_decode(&got, b.p, b.len, NULL), SADA_AUTH);
	sada_buf_release(&b);
}

/* Records that are signed, but not such as the encoder would write. */
static void
test_signed_members(const struct sada_key *k)
{
	static const struct {
		const char *name;
		size_t len, extra;
		int rc;
	} row[] = {
		{"name", 4, 0, 0},
		{"name", 4, 1, SADA_FORMAT},
		{"na\0e", 4, 0, SADA_FORMAT},
		{"name\0", 5, 0, SADA_FORMAT},
		{".ame", 4, 0, SADA_FORMAT},
		{"", 0, 0, SADA_FORMAT},
	};
	const struct sada_pub *pub = sada_key_pub(k);
	unsigned char sig[SADA_SIG_LEN];
	struct sada_member m;
	struct sada_buf b = {0};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		sada_buf_reset(&b);
		sada_put_u8(&b, 1);
		sada_buf_add(&b, pub->sign, SADA_PK_LEN);
		sada_buf_add(&b, pub->box, SADA_PK_LEN);
		sada_put_var(&b, row[i].len);
		sada_buf_add(&b, row[i].name, row[i].len);
		sada_put_u64(&b, 1);
		sada_put_u64(&b, 1);
		sada_buf_add(&b, "x", row[i].extra);
		sada_sign(sig, k, SADA_CTX_MEMBER, b.p, b.len);
		sada_buf_add(&b, sig, sizeof(sig));
		CHECK_INT(sada_member_decode(&m, b.p, b.len, NULL),
		    row[i].rc);
	}
	sada_buf_release(&b);
}

int
main(void)
{
	struct sada_key *k, *other;

	sada_crypto_init();
	tap_seed(99);
	k = fixed_key(1);
	other = fixed_key(2);
	test_golden();
	test_ops(k, other);
	CHECK_INT(sweep_numbers(canon_op, put_op, NOP), 0);
	test_caps();
	test_faults();
	test_hints();
	test_hint_ways();
	test_members(k);
	test_signed_members(k);
	sada_key_free(k);
	sada_key_free(other);
	return tap_done();
}
