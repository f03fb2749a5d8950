/* The log in good health: commit, index, reopen, members, epochs. */
#include "log_util.h"

static void
test_empty(struct kit *k)
{
	struct sada_log *l = NULL;
	struct sada_err err;
	struct sada_id g;
	uint32_t i, *v;
	size_t n;

	kit_clear(k);
	CHECK_INT(kit_open(&l, k, 0, &err), SADA_DAMAGED);
	CHECK(l == NULL);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_create(k, &err), SADA_SYS);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(l), 0);
	CHECK(!sada_log_own_last(l, &i));
	CHECK(sada_log_epoch_due(l));
	CHECK(!sada_log_was_cut(l));
	CHECK(sada_log_group(l, &g) && g.b[31] == 0x77);
	CHECK(sada_log_group_is(l, &g));
	g.b[0] ^= 1;
	CHECK(!sada_log_group_is(l, &g));
	sada_context_heads(&v, &n, l, NULL);
	CHECK_INT(n, 0);
	free(v);
	sada_log_tips(&v, &n, l, NULL);
	CHECK_INT(n, 0);
	free(v);
	sada_log_own_heads(&v, &n, l);
	CHECK_INT(n, 0);
	free(v);
	sada_log_free(l);
	CHECK_INT(kit_verify(k), 0);
}

/* Commits of several ops; the same log after reopening. */
static void
test_reopen(struct kit *k, uint64_t max)
{
	struct sada_buf a = { 0 }, b = { 0 }, rec = { 0 };
	struct kit_op op[40], last[KIT_KEYS];
	struct sada_log *l = NULL, *r = NULL;
	int i, who, have[KIT_KEYS] = { 0 };
	struct sada_err err;
	struct sada_id id;
	uint32_t n;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	sada_log_segment_max(l, max);
	for (i = 0; i < 40; i++) {
		who = (int)tap_below(KIT_KEYS);
		CHECK_INT(kit_commit(k, l, who == 0 ? SADA_FRAME_LOCAL :
		    SADA_FRAME_PULLED, &op[i], who, 7, have[who] ?
		    &last[who] : NULL, i > 0 ? &op[i - 1].id : NULL,
		    i > 0 ? 1 : 0, &err), 0);
		last[who] = op[i];
		have[who] = 1;
		CHECK_INT(sada_log_count(l), i + 1);
		CHECK_INT(sada_log_op(l, (uint32_t)i)->lamport, i + 1);
		CHECK_INT(kit_open(&r, k, 0, &err), 0);
		kit_dump(&a, l);
		kit_dump(&b, r);
		CHECK(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
		sada_log_free(r);
	}
	CHECK_INT(kit_files(k->dir, 0), (int)sada_log_op(l, 39)->segment);
	if (max < 10000)
		CHECK(sada_log_op(l, 39)->segment > 5);
	for (i = 0; i < 40; i++) {
		CHECK(sada_log_find(l, &op[i].id, &n) && n == (uint32_t)i);
		sada_buf_reset(&rec);
		CHECK_INT(sada_log_read(l, n, &rec, &err), 0);
		sada_hash(&id, SADA_CTX_OP, rec.p, rec.len);
		CHECK(sada_id_cmp(&id, &op[i].id) == 0);
	}
	id.b[5] ^= 1;
	CHECK(!sada_log_find(l, &id, &n));
	CHECK_INT(kit_verify(k), 0);
	CHECK_INT(kit_files(k->quar, 0), 0);
	sada_log_free(l);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(l), 40);
	CHECK(!sada_log_was_cut(l));
	sada_log_free(l);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&rec);
}

static void
test_abbrev(struct kit *k)
{
	struct sada_log *l = NULL;
	struct sada_buf b = { 0 };
	struct kit_op op[300];
	struct sada_id p;
	struct sada_err err;
	char hex[SADA_HEX_LEN + 1], other[SADA_HEX_LEN + 1];
	uint32_t out[2];
	unsigned nhex, want, j;
	int i;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	for (i = 0; i < 300; i++)
		kit_op(k, &b, &op[i], 1, 1, i > 0 ? &op[i - 1] : NULL,
		    NULL, 0, "");
	CHECK_INT(sada_log_commit(l, SADA_FRAME_PULLED, &b, 300, &err), 0);
	for (i = 0; i < 300; i += 7)
		for (nhex = 1; nhex <= 64; nhex += 1 + nhex / 8) {
			sada_id_hex(hex, &op[i].id);
			CHECK_INT(sada_id_parse(&p, hex, nhex), 0);
			for (want = 0, j = 0; j < 300; j++) {
				sada_id_hex(other, &op[j].id);
				want += memcmp(other, hex, nhex) == 0;
			}
			CHECK_INT(sada_log_abbrev(l, &p, nhex, out), want);
			CHECK(want != 1 || out[0] == (uint32_t)i);
			CHECK(want < 2 || out[0] != out[1]);
		}
	sada_log_free(l);
	sada_buf_release(&b);
}

static int
count_member(const struct sada_member *m, void *ctx)
{
	int *n = ctx;

	(*n)++;
	return m->number == 99 ? SADA_AGAIN : 0;
}

static int
commit_member(struct kit *k, struct sada_log *l, int a, const char *name,
    uint64_t number)
{
	struct sada_buf b = { 0 };
	struct sada_err err;
	int rc;

	kit_member(k, &b, a, name, number);
	rc = sada_log_commit(l, SADA_FRAME_PULLED, &b, 1, &err);
	sada_buf_release(&b);
	return rc;
}

static void
test_members(struct kit *k)
{
	struct sada_log *l = NULL, *r = NULL;
	struct sada_member m, m2;
	struct sada_id g, no;
	struct sada_buf b = { 0 };
	struct sada_err err;
	int n = 0, i;
	size_t na;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(commit_member(k, l, 2, "new", 5), 0);
	CHECK_INT(commit_member(k, l, 2, "old", 4), 0);
	CHECK(sada_log_member(l, &k->id[2], &m) && m.number == 5);
	CHECK_STR(m.name, "new");
	/* equal numbers: one of them wins, in whatever order they come */
	for (i = 0; i < 2; i++) {
		CHECK_INT(commit_member(k, l, 3, i == 0 ? "aa" : "bb", 9), 0);
		CHECK_INT(commit_member(k, l, 3, i == 0 ? "bb" : "aa", 9), 0);
		CHECK(sada_log_member(l, &k->id[3], i == 0 ? &m : &m2));
	}
	CHECK_STR(m.name, m2.name);
	memset(&no, 1, sizeof(no));
	CHECK(!sada_log_member(l, &no, &m));
	CHECK_INT(sada_log_members(l, count_member, &n, &err), 0);
	CHECK_INT(n, KIT_KEYS);
	CHECK_INT(commit_member(k, l, 1, "stop", 99), 0);
	CHECK_INT(sada_log_members(l, count_member, &n, &err), SADA_AGAIN);

	memset(&g, 0x33, sizeof(g));
	sada_log_record(&b, SADA_LOG_ALIAS, g.b, sizeof(g.b));
	sada_log_record(&b, SADA_LOG_ALIAS, g.b, sizeof(g.b));
	memset(&g, 0x22, sizeof(g));
	sada_log_record(&b, SADA_LOG_GROUP, g.b, sizeof(g.b));
	CHECK_INT(sada_log_commit(l, SADA_FRAME_LOCALMETA, &b, 3, &err), 0);
	CHECK_INT(kit_open(&r, k, 0, &err), 0);
	CHECK(sada_log_group(r, &g) && g.b[0] == 0x22);
	CHECK(sada_log_group_is(r, &g));
	memset(&g, 0x33, sizeof(g));
	CHECK(sada_log_group_is(r, &g));
	CHECK(sada_log_aliases(r, &na)[0].b[0] == 0x33 && na == 1);
	CHECK(sada_log_member(r, &k->id[2], &m) && m.number == 5);
	CHECK(sada_log_member(r, &k->id[3], &m2));
	CHECK(sada_log_member(l, &k->id[3], &m));
	CHECK_STR(m.name, m2.name);
	sada_log_free(r);
	sada_log_free(l);
	sada_buf_release(&b);
}

/* Is a new epoch due, by the open log and by a fresh one? */
static int
due(struct kit *k, const struct sada_log *l)
{
	struct sada_log *r = NULL;
	struct sada_err err;
	int was = sada_log_epoch_due(l);

	CHECK_INT(kit_open(&r, k, 0, &err), 0);
	CHECK_INT(sada_log_epoch_due(r), was);
	sada_log_free(r);
	return was;
}

/* Has own op A's epoch two ops at one seq? */
static int
forked(const struct sada_log *l, uint32_t a)
{
	const struct sada_op_info *x, *y;
	uint32_t i, k;

	for (i = 0; i < sada_log_count(l); i++)
		for (k = 0; k < i; k++) {
			x = sada_log_op(l, i);
			y = sada_log_op(l, k);
			if (x->dot.epoch == sada_log_op(l, a)->dot.epoch &&
			    x->dot.epoch == y->dot.epoch &&
			    x->dot.seq == y->dot.seq &&
			    sada_id_cmp(&x->dot.author, &y->dot.author) == 0)
				return 1;
		}
	return 0;
}

/* The tip in the past of each op, and of all, by the letter. */
static void
check_tips(const struct sada_log *l)
{
	uint32_t n = sada_log_count(l), top, i, k, is, got;
	struct sada_context *c;
	int found, named;

	for (top = 0; top <= n; top++) {
		c = NULL;
		if (top < n)
			sada_context_make(&c, l, &top, 1);
		for (found = 0, is = 0, i = 0; i < n; i++) {
			for (named = 0, k = 0; k < n; k++)
				named |= sada_id_cmp(&sada_log_op(l, k)->prev,
				    &sada_log_op(l, i)->id) == 0;
			if (named || !sada_log_op(l, i)->local ||
			    forked(l, i) ||
			    (c != NULL && !sada_context_has(c, i)))
				continue;
			found = 1;
			is = i;
		}
		CHECK_INT(sada_log_own_tip(l, c, &got), found);
		CHECK(!found || got == is);
		free(c);
	}
}

static void
test_epochs(struct kit *k)
{
	struct kit_op a1, a2, a3, b1, b2, b3, c1, c2, x;
	struct sada_log *l = NULL;
	struct sada_buf b = { 0 };
	struct sada_err err;
	uint32_t i, *v;
	size_t n;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	CHECK(due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_PULLED, &x, 1, 9, NULL, NULL,
	    0, &err), 0);
	CHECK(due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a1, 0, 1, NULL, &x.id,
	    1, &err), 0);
	CHECK(!due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &a2, 0, 1, &a1, &a1.id,
	    1, &err), 0);
	CHECK(!due(k, l));

	/* an EPOCH record, until the next own op */
	sada_put_u64(&b, 4);
	{
		struct sada_buf p = { 0 };

		sada_log_record(&p, SADA_LOG_EPOCH, b.p, b.len);
		CHECK_INT(sada_log_commit(l, SADA_FRAME_LOCALMETA, &p, 1,
		    &err), 0);
		sada_buf_release(&p);
	}
	CHECK(due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &b1, 0, 2, NULL, &a2.id,
	    1, &err), 0);
	CHECK(!due(k, l));

	/* own ops that come back: a3 after a2, b2 beside what we make */
	CHECK_INT(kit_commit(k, l, SADA_FRAME_PULLED, &a3, 0, 1, &a2, &a2.id,
	    1, &err), 0);
	CHECK(due(k, l));
	CHECK(sada_log_own_last(l, &i) && i == 3);
	sada_log_own_heads(&v, &n, l);
	CHECK(n == 2 && v[0] == 3 && v[1] == 4);
	free(v);
	check_tips(l);
	/* not heeded, and then a fork: due for as long as the epoch lasts */
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &b2, 0, 2, &b1, &b1.id,
	    1, &err), 0);
	CHECK(!due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_PULLED, &b3, 0, 2, &b1, &b1.id,
	    1, &err), 0);
	CHECK(due(k, l));
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &x, 0, 2, &b2, &b2.id,
	    1, &err), 0);
	CHECK(due(k, l));
	check_tips(l);
	{
		struct sada_id all[3];

		all[0] = x.id;
		all[1] = b3.id;
		all[2] = a3.id;
		CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &c1, 0, 3, NULL,
		    all, 3, &err), 0);
	}
	CHECK(!due(k, l));
	sada_log_own_heads(&v, &n, l);
	CHECK(n == 1 && v[0] == sada_log_count(l) - 1);
	free(v);
	/* in the past by way of another author's op */
	CHECK_INT(kit_commit(k, l, SADA_FRAME_PULLED, &x, 1, 8, NULL, &c1.id,
	    1, &err), 0);
	CHECK_INT(kit_commit(k, l, SADA_FRAME_LOCAL, &c2, 0, 4, NULL, &x.id,
	    1, &err), 0);
	sada_log_own_heads(&v, &n, l);
	CHECK(n == 1 && v[0] == sada_log_count(l) - 1);
	free(v);
	/* by prev alone */
	CHECK_INT(kit_commit(k, l, SADA_FRAME_PULLED, &x, 0, 4, &c2, NULL,
	    0, &err), 0);
	sada_log_own_heads(&v, &n, l);
	CHECK(n == 1 && v[0] == sada_log_count(l) - 1);
	free(v);
	check_tips(l);
	CHECK_INT(kit_verify(k), 0);
	sada_log_free(l);
	sada_buf_release(&b);
}

/* Megabytes, so that threads read them; frames longer than a batch. */
static void
test_large(struct kit *k)
{
	static char msg[SADA_MSG_MAX + 1];
	static const int counts[] = { 1, 3, 20, 1, 2, 9, 1, 1, 30, 2 };
	struct sada_buf p = { 0 }, file = { 0 }, a = { 0 }, b = { 0 };
	struct sada_log *l = NULL, *r = NULL;
	struct kit_op op[2];
	struct sada_err err;
	size_t i, at;
	int j, n = 0;

	memset(msg, 'm', sizeof(msg) - 1);
	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		sada_buf_reset(&p);
		for (j = 0; j < counts[i]; j++, n++)
			kit_op(k, &p, &op[n % 2], 1, 1, n > 0 ?
			    &op[(n + 1) % 2] : NULL, &op[(n + 1) % 2].id,
			    n > 0, msg);
		CHECK_INT(sada_log_commit(l, SADA_FRAME_PULLED, &p,
		    (uint32_t)counts[i], &err), 0);
	}
	kit_dump(&a, l);
	sada_log_free(l);
	for (i = 0; i < 10; i++) {
		CHECK_INT(kit_open(&r, k, i % 2 == 0 ? 0 : SADA_LOG_WRITE,
		    &err), 0);
		kit_dump(&b, r);
		CHECK(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
		sada_log_free(r);
	}
	CHECK_INT(kit_verify(k), 0);
	kit_get(&file, k->dir, KIT_SEG1);
	for (i = 0; i < 8; i++) {
		at = tap_below(file.len - 300000);
		file.p[at] ^= 4;
		kit_put(k->dir, KIT_SEG1, file.p, file.len);
		CHECK_INT(kit_open(&r, k, SADA_LOG_WRITE, &err),
		    SADA_DAMAGED);
		CHECK(kit_verify(k) >= 1);
		file.p[at] ^= 4;
	}
	kit_put(k->dir, KIT_SEG1, file.p, file.len - 1);
	CHECK_INT(kit_open(&r, k, SADA_LOG_WRITE, &err), 0);
	CHECK_INT(sada_log_count(r), n - 2);
	CHECK(sada_log_was_cut(r));
	sada_log_free(r);
	sada_buf_release(&p);
	sada_buf_release(&file);
	sada_buf_release(&a);
	sada_buf_release(&b);
}

/* An op of author 1 that follows PREV and tells N renames. */
static void
hinting_op(struct kit *k, struct sada_buf *rec, struct kit_op *out,
    const struct kit_op *prev, uint32_t n)
{
	struct sada_buf hints = { 0 };
	struct sada_hint h = { .kind = SADA_HINT_FILE, .to = "to",
	    .to_len = 2 };
	struct sada_op op;
	struct sada_id parent;
	char name[16];
	uint32_t i;

	memset(&op, 0, sizeof(op));
	op.dot.author = k->id[1];
	op.dot.epoch = 5;
	op.dot.seq = prev != NULL ? prev->dot.seq + 1 : 1;
	op.dot.tag = tap_rand();
	if (prev != NULL) {
		op.prev = parent = prev->id;
		op.parents = &parent;
		op.nparents = 1;
	}
	for (i = 0; i < n; i++) {
		h.from = name;
		h.from_len = (size_t)snprintf(name, sizeof(name), "f%05u",
		    i);
		sada_hint_put(&hints, &h);
	}
	op.hints = hints.p;
	op.hints_len = hints.len;
	op.nhints = n;
	sada_buf_reset(rec);
	sada_op_encode(rec, &op, k->key[1], &out->id);
	out->dot = op.dot;
	sada_buf_release(&hints);
}

/* Has op I N hints? */
static int
has_hints(struct sada_log *l, uint32_t i, size_t n)
{
	const struct sada_hint *h;
	struct sada_err err;
	size_t got;

	return sada_log_op(l, i)->nhints == n &&
	    sada_log_hints(l, i, &h, &got, &err) == 0 && got == n &&
	    (n == 0 ? h == NULL : (h[n - 1].from_len == 6 &&
	    h[0].to_len == 2 && memcmp(h[0].from, "f00000", 6) == 0));
}

/* Hints of ops that are held and of staged ones. */
static void
test_hints(struct kit *k)
{
	struct sada_buf rec = { 0 }, p = { 0 };
	struct sada_log *l = NULL;
	struct kit_op op[2];
	struct sada_err err;
	uint32_t i, at;
	int round;

	kit_clear(k);
	CHECK_INT(kit_create(k, &err), 0);
	CHECK_INT(kit_open(&l, k, SADA_LOG_WRITE, &err), 0);
	/* More than is kept at a time. */
	for (i = 0; i < 1000; i++) {
		hinting_op(k, &rec, &op[i % 2], i > 0 ? &op[(i + 1) % 2] :
		    NULL, i % 3 == 0 ? 0 : 700 + i % 100);
		sada_log_record(&p, SADA_LOG_OP, rec.p, rec.len);
		if (i % 100 == 99) {
			CHECK_INT(sada_log_commit(l, SADA_FRAME_PULLED, &p,
			    100, &err), 0);
			sada_buf_reset(&p);
		}
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 1000; i++)
			CHECK(has_hints(l, i, i % 3 == 0 ? 0 :
			    700 + i % 100));
		/* Staged ones cannot be read again. */
		hinting_op(k, &rec, &op[0], &op[1], 9);
		CHECK_INT(sada_log_stage(l, rec.p, rec.len, &at, &err), 0);
		CHECK_INT(at, 1000);
		CHECK(has_hints(l, at, 9));
		for (i = 0; i < 1000; i++)
			CHECK(has_hints(l, i, i % 3 == 0 ? 0 :
			    700 + i % 100));
		CHECK(has_hints(l, at, 9));
		sada_log_unstage(l);
		CHECK(has_hints(l, 4, 704));
		sada_log_free(l);
		CHECK_INT(kit_open(&l, k, 0, &err), 0);
	}
	sada_log_free(l);
	sada_buf_release(&rec);
	sada_buf_release(&p);
}

int
main(void)
{
	struct kit k;

	tap_seed(1);
	kit_init(&k);
	test_empty(&k);
	test_reopen(&k, SADA_LOG_SEGMENT_MAX);
	test_reopen(&k, 1000);
	test_reopen(&k, 0);
	test_abbrev(&k);
	test_members(&k);
	test_large(&k);
	test_epochs(&k);
	test_hints(&k);
	kit_release(&k);
	return tap_done();
}
