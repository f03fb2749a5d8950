/*
 * A member with a valid key says malformed things.  Each bundle must be
 * refused, and leave no trace: no pack, no op, no parked file, the same
 * state; and cost little memory.
 */
#include <sys/resource.h>

#include "bundle_hand.h"
#include "format/pack.h"
#include "store/zst.h"

#define MEMORY_MAX_KB (64L << 10)

/* ---- judging ---- */

static int
count_names(const struct rep *r, const char *sub)
{
	DIR *d = fdopendir(openat(r->fd, sub, O_RDONLY | O_DIRECTORY));
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	(void)closedir(d);
	return n;
}

/* All that could show a trace. */
static void
picture(struct sada_id *out)
{
	struct rep *r = &kit.rep[VIC];
	struct sada_state st;
	struct sada_buf b = { 0 };
	struct sada_err err;
	struct sada_id id;

	must(rep_state(r, &st, &err), &err);
	sada_state_id(&id, &st);
	sada_state_release(&st);
	sada_buf_add(&b, id.b, SADA_ID_LEN);
	sada_buf_addf(&b, "%u %d %d %d", sada_log_count(r->log),
	    count_names(r, "pack"), count_names(r, "parked"),
	    count_names(r, "log"));
	must(sada_io_slurp(r->logs, "00000001.log", 1u << 24, &b, &err),
	    &err);
	sada_hash(out, SADA_CTX_FILE, b.p, b.len);
	sada_buf_release(&b);
}

/* B must be refused; then it is gone. */
static void
refused(struct bundle *b, const char *what)
{
	struct sada_take_result res;
	struct sada_buf out = { 0 };
	struct sada_id before, after;
	struct sada_err err = { 0 };
	int rc;

	picture(&before);
	seal(b, &out);
	rc = rep_take(&kit.rep[VIC], &out, NULL, &res, &err);
	picture(&after);
	CHECK(rc == SADA_FORMAT || rc == SADA_VERSION || rc == SADA_AUTH);
	CHECK(sada_id_cmp(&before, &after) == 0);
	CHECK(rc < 0 && err.msg[0] != '\0');
	if ((rc != SADA_FORMAT && rc != SADA_VERSION && rc != SADA_AUTH) ||
	    sada_id_cmp(&before, &after) != 0)
		printf("# %s: %d %s\n", what, rc, err.msg);
	sada_buf_release(&out);
	bundle_release(b);
}

static void
test_ops(void)
{
	static const struct {
		const char *what;
		struct knobs k;
	} t[] = {
		{ "root", { .root = 1 } },
		{ "count of set slots", { .set = 1 } },
		{ "count of emptied slots", { .gone = 1 } },
		{ "count of slots before", { .before = 1 } },
		{ "stamp in the future", { .dir = 1, .stamp = 1000 } },
		{ "stamp in the past", { .dir = 1, .stamp = -1 } },
		{ "stamp of another", { .dir = 1, .stamp_author = 1 } },
		{ "prev of another", { .prev = 1 } },
		{ "seq with a gap", { .seq = 1 } },
		{ "prev not in the past", { .no_parents = 1 } },
		{ "signature", { .signature = 1 } },
		{ "flags", { .flags = 1 } },
	};
	struct bundle b;
	struct made m;
	struct knobs k;
	size_t i;
	int outside;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (outside = 0; outside < 2; outside++) {
			k = t[i].k;
			k.outside = outside;
			bundle_init(&b);
			make_op(&m, &k);
			put_op(&b, &m, outside);
			refused(&b, t[i].what);
			made_release(&m);
		}
}

/* ---- changes by hand ---- */

/* One entry of a raw leaf: a path and one version of a file. */
static void
raw_entry(struct sada_buf *b, const char *path, size_t len, unsigned bits,
    uint64_t mode)
{
	unsigned char content[SADA_ID_LEN] = { 1 };

	sada_put_var(b, 0);
	sada_put_var(b, len);
	sada_buf_add(b, path, len);
	sada_put_var(b, 1);
	sada_put_var(b, 0);
	sada_put_u8(b, (uint8_t)bits);
	if ((bits & 3) != SADA_LINK)
		sada_put_var(b, mode);
	sada_put_var(b, 3);
	sada_buf_add(b, content, sizeof(content));
	sada_put_svar(b, 5);
	sada_put_var(b, 5);
}

/* The start of a leaf of N entries with one dot of MAL's. */
static void
raw_leaf(struct sada_buf *b, unsigned n)
{
	sada_put_u8(b, 0);
	sada_put_var(b, 1);
	sada_buf_add(b, pub_of(MAL)->id.b, SADA_ID_LEN);
	sada_put_var(b, 1);
	sada_put_var(b, 0);
	sada_put_u64(b, 1);
	sada_put_var(b, 1);
	sada_put_u64(b, 1);
	sada_put_var(b, n);
}

/* An op whose changes are RAW must be refused, in and outside of it. */
static void
refused_raw(const struct sada_buf *raw, const char *what)
{
	struct knobs k = { .raw = (const char *)raw->p, .raw_len = raw->len };
	struct bundle b;
	struct made m;

	for (k.outside = 0; k.outside < 2; k.outside++) {
		if (!k.outside && raw->len > SADA_INLINE_MAX)
			continue;
		bundle_init(&b);
		make_op(&m, &k);
		put_op(&b, &m, k.outside);
		refused(&b, what);
		made_release(&m);
	}
}

static void
test_changes(void)
{
#define P(s) { s, sizeof(s) - 1 }
	static const struct { const char *p; size_t n; } bad[] = {
		P(".."), P("."), P("../x"), P("a/../b"), P("a/.."), P("/a"),
		P("a/"), P("a//b"), P(".sada"), P(".SADA"), P("a/.sAdA/b"),
		P(".sada/key"), P("\xef\xbc\x8esada"), P(".sad\xc3\xa1/../x"),
		P("a\0b"), P("\0"), P("/"), P("./a"),
	};
#undef P
	struct sada_buf raw = { 0 }, deep = { 0 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sada_buf_reset(&raw);
		raw_leaf(&raw, 1);
		raw_entry(&raw, bad[i].p, bad[i].n, SADA_FILE, 0644);
		refused_raw(&raw, bad[i].p);
	}
	for (i = 0; i < 100000; i++)
		sada_buf_adds(&deep, i > 0 ? "/a" : "a");
	sada_buf_reset(&raw);
	raw_leaf(&raw, 1);
	raw_entry(&raw, (char *)deep.p, deep.len, SADA_FILE, 0644);
	refused_raw(&raw, "a path of 100,000 parts");
	sada_buf_reset(&raw);
	raw_leaf(&raw, 1);
	raw_entry(&raw, (char *)memset(deep.p, 'n', 256), 256, SADA_FILE,
	    0644);
	refused_raw(&raw, "a name of 256 bytes");
	/* Fields, order, doubles, what is shared, what is left over. */
	for (i = 0; i < 9; i++) {
		sada_buf_reset(&raw);
		raw_leaf(&raw, i == 3 || i == 4 ? 2 : i == 5 ? 3 : 1);
		raw_entry(&raw, "m", 1, i == 1 ? 0 : i == 2 ? SADA_FILE | 16 :
		    i == 8 ? SADA_FILE | 8 : SADA_FILE,
		    i == 0 ? 07777 : i == 7 ? 0x10000 : 0644);
		if (i >= 3 && i <= 5)
			raw_entry(&raw, i == 3 ? "b" : i == 4 ? "m" : "z", 1,
			    SADA_FILE, 0644);
		if (i == 6)
			sada_put_u8(&raw, 0);
		refused_raw(&raw, "a leaf with a bad field");
	}
	sada_buf_release(&raw);
	sada_buf_release(&deep);
}

/* An inner node of N refs to CHILD (whose bytes travel too). */
static void
test_inner(void)
{
	struct knobs k = { .outside = 1 };
	struct sada_buf leaf = { 0 }, top = { 0 }, *p;
	struct sada_ref ref[2];
	struct sada_id id;
	struct bundle b;
	struct made m;
	int i;

	raw_leaf(&leaf, 1);
	raw_entry(&leaf, "m", 1, SADA_FILE, 0644);
	sada_hash(&id, SADA_CTX_NODE, leaf.p, leaf.len);
	for (i = 0; i < 7; i++) {
		memset(ref, 0, sizeof(ref));
		ref[0].id = ref[1].id = id;
		ref[0].last = i == 1 ? "n" : "m";
		ref[1].last = "z";
		ref[0].len = ref[1].len = 1;
		ref[0].entries = ref[1].entries = i == 2 ? 2 : 1;
		ref[0].multi = i == 3 ? 1 : 0;
		ref[0].bytes = i == 4 ? UINT64_MAX : 3;
		ref[1].bytes = 3;
		sada_buf_reset(&top);
		sada_inner_encode(&top, i == 5 ? 2 : 1, ref, i == 6 ? 2 : 1);
		k.raw = (const char *)top.p;
		k.raw_len = top.len;
		bundle_init(&b);
		p = add_part(&b, SADA_REC_NODE);
		sada_buf_add(p, leaf.p, leaf.len);
		b.objects++;
		b.raw += leaf.len;
		make_op(&m, &k);
		put_op(&b, &m, 1);
		refused(&b, "an inner node");
		made_release(&m);
	}
	sada_buf_release(&leaf);
	sada_buf_release(&top);
}

/* ---- heads, caps, records ---- */

static void
test_heads(void)
{
	static const struct knobs none = { .outside = 1 };
	struct sada_buf *p, rec = { 0 };
	struct sada_member who;
	struct bundle b;
	struct made m;
	int i;

	make_op(&m, &none);
	for (i = 0; i < 13; i++) {
		bundle_init(&b);
		if (i == 9 || i == 10) {
			memset(&who, 0, sizeof(who));
			who.pub = *pub_of(THIRD);
			memcpy(who.name, "third", 6);
			who.number = 1;
			sada_buf_reset(&rec);
			sada_member_encode(&rec, &who, kit.key[THIRD]);
			rec.p[i == 9 ? rec.len - 1 : 5] ^= 1;
			p = add_part(&b, SADA_REC_MEMBER);
			sada_buf_add(p, rec.p, rec.len);
		}
		put_op(&b, &m, 1);
		b.to = i == 0 ? THIRD : VIC;
		b.ack_of = i == 1 ? THIRD : MAL;
		b.ack_forged = i == 2;
		b.head_version = i == 3;
		b.ops -= i == 4;
		b.objects -= i == 5;
		b.raw -= i == 6;
		if (i == 7)
			put_op(&b, &m, 0);
		if (i == 8) {
			p = add_part(&b, SADA_REC_MAP);
			sada_buf_add(p, m.id.b, SADA_ID_LEN - 1);
		}
		if (i == 11)
			b.part[b.n - 1].b.len--;
		if (i == 12)
			(void)add_part(&b, SADA_REC_NODE);
		refused(&b, "a head or a count");
	}
	made_release(&m);
	sada_buf_release(&rec);
}

static void
test_maps(void)
{
	static const struct knobs none = { 0 };
	struct sada_buf leaf = { 0 }, top = { 0 }, rec = { 0 }, *p;
	struct sada_ref ref;
	struct sada_op op;
	struct bundle b;
	struct made m;
	struct sada_err err;
	int i;

	raw_leaf(&leaf, 1);
	raw_entry(&leaf, "m", 1, SADA_FILE, 0644);
	make_op(&m, &none);
	for (i = 0; i < 4; i++) {
		/* No node; a root over a single child; a changes leaf. */
		bundle_init(&b);
		b.flags = SADA_BUNDLE_MAPS;
		b.objects = 2;
		b.raw = 10000;
		memset(&ref, 0, sizeof(ref));
		sada_hash(&ref.id, SADA_CTX_NODE, leaf.p, leaf.len);
		ref.last = "m";
		ref.len = 1;
		ref.entries = 1;
		ref.bytes = 3;
		sada_buf_reset(&top);
		sada_inner_encode(&top, 1, &ref, 1);
		if (i == 2) {
			sada_buf_reset(&top);
			sada_buf_add(&top, leaf.p, leaf.len - 1);
		}
		if (i == 3) {
			/* One slot, emptied: fit for changes alone. */
			sada_buf_reset(&top);
			sada_buf_add(&top, "\0\0\0\1\0\1m\0", 8);
		}
		if (i > 0) {
			p = add_part(&b, SADA_REC_NODE);
			sada_buf_add(p, leaf.p, leaf.len);
			p = add_part(&b, SADA_REC_NODE);
			sada_buf_add(p, top.p, top.len);
		}
		must(sada_op_decode(&op, m.rec.p, m.rec.len, &err), &err);
		sada_hash(&op.root, SADA_CTX_NODE, top.p, top.len);
		op.root.b[0] ^= i == 0;
		sada_buf_reset(&rec);
		sada_op_encode(&rec, &op, kit.key[MAL], &m.id);
		sada_op_release(&op);
		p = add_part(&b, SADA_REC_OP);
		sada_buf_add(p, rec.p, rec.len);
		b.ops = 1;
		p = add_part(&b, SADA_REC_MAP);
		sada_buf_add(p, m.id.b, SADA_ID_LEN);
		refused(&b, "a map");
	}
	made_release(&m);
	sada_buf_release(&leaf);
	sada_buf_release(&top);
	sada_buf_release(&rec);
}

/* ---- contents ---- */

static void
put_delta(struct bundle *b, uint64_t ordinal, uint64_t index, uint64_t raw,
    const void *bytes, size_t n)
{
	struct sada_buf *p = add_part(b, SADA_REC_DELTA);

	sada_put_var(p, ordinal);
	sada_put_var(p, index);
	sada_put_var(p, raw);
	sada_zst_pack(p, bytes, n, NULL, 0, 3);
	b->objects++;
	b->raw += raw < (1u << 30) ? raw : 1u << 30;
}

/* A block of one object that says it is RAW bytes, and holds N. */
static void
put_block(struct bundle *b, unsigned type, size_t n, uint32_t raw,
    uint32_t objects)
{
	unsigned char head[SADA_BLOCK_HEAD];
	struct sada_buf in = { 0 }, frame = { 0 }, *p;

	sada_put_u8(&in, (uint8_t)type);
	sada_put_var(&in, n);
	memset(sada_buf_reserve(&in, n), 0, n);
	in.len += n;
	sada_zst_pack(&frame, in.p, in.len, NULL, 0, 3);
	sada_block_head_encode(head, 1, (uint32_t)in.len, frame.p,
	    (uint32_t)frame.len);
	/* Lies are written over it, under a right checksum. */
	sada_le32_put(head + 4, objects);
	if (raw != 0)
		sada_le32_put(head + 8, raw);
	sada_le64_put(head + 16, sada_siphash(head, frame.p, frame.len));
	p = add_part(b, SADA_REC_BLOCK);
	sada_buf_add(p, head, sizeof(head));
	sada_buf_add(p, frame.p, frame.len);
	b->objects += objects;
	b->raw += raw != 0 ? raw : in.len;
	sada_buf_release(&in);
	sada_buf_release(&frame);
}

static void
put_prefix(struct bundle *b, unsigned type, const struct sada_id *base,
    uint64_t raw, size_t n)
{
	struct sada_buf *p = add_part(b, SADA_REC_PREFIX);
	void *zero = sada_calloc(1, n + 1);

	sada_put_u8(p, (uint8_t)type);
	sada_buf_add(p, base->b, SADA_ID_LEN);
	sada_put_var(p, raw);
	sada_zst_pack(p, zero, n, NULL, 0, 3);
	b->objects++;
	b->raw += raw < (1u << 30) ? raw : 1u << 30;
	free(zero);
}

static void
test_contents(void)
{
	static const struct knobs none = { 0 };
	static unsigned char zero[16u << 20];
	struct sada_buf *p;
	struct sada_id base;
	struct bundle b;
	struct made m;
	int i;

	/* The content that VIC holds of "f". */
	sada_hash(&base, SADA_CTX_CHUNK, "old content", 11);
	CHECK(sada_store_has(kit.rep[VIC].store, SADA_OBJ_CHUNK, &base));
	make_op(&m, &none);
	for (i = 0; i < 22; i++) {
		bundle_init(&b);
		put_op(&b, &m, 0);
		switch (i) {
		case 0: put_delta(&b, 99, 0, 600, zero, 600); break;
		case 1: put_delta(&b, UINT64_MAX, 0, 600, zero, 600); break;
		case 2: put_delta(&b, 0, 5, 600, zero, 600); break;
		case 3: put_delta(&b, 0, UINT64_MAX, 600, zero, 600); break;
		case 4: put_delta(&b, 0, 0, 600, zero, 600); break;
		case 5: put_delta(&b, 0, 0, UINT64_MAX, zero, 600); break;
		case 6: put_delta(&b, 0, 0, 601, zero, 601); break;
		case 7: put_delta(&b, 0, 0, 600, zero, sizeof(zero)); break;
		case 8: put_delta(&b, 0, 0, 600, zero, 10); break;
		case 9: put_block(&b, SADA_OBJ_CHUNK, sizeof(zero), 100, 1);
			break;
		case 10: put_block(&b, SADA_OBJ_CHUNK, 100, 0, 2); break;
		case 11: put_block(&b, 9, 100, 0, 1); break;
		case 12: put_block(&b, SADA_OBJ_CHUNK, 100, 60000, 1); break;
		case 13: put_block(&b, SADA_OBJ_CHUNK, 100, UINT32_MAX, 1);
			break;
		case 14: put_block(&b, SADA_OBJ_CHUNK, 100, 0, 1);
			b.part[b.n - 1].b.len -= 3;
			break;
		case 15: put_block(&b, SADA_OBJ_CHUNK, 100, 0, 1);
			b.part[b.n - 1].b.p[30] ^= 1;
			break;
		case 16: put_block(&b, SADA_OBJ_CHUNK, 100, 0, 1);
			b.raw--;
			break;
		case 17: put_prefix(&b, SADA_OBJ_NODE, &base, 100, 100);
			break;
		case 18: put_prefix(&b, SADA_OBJ_CHUNK, &base, 100,
			    sizeof(zero));
			break;
		case 19: put_prefix(&b, SADA_OBJ_CHUNK, &base, 17u << 20,
			    100);
			break;
		case 20: put_prefix(&b, 77, &base, 100, 100); break;
		default: p = add_part(&b, SADA_REC_PREFIX);
			sada_put_u8(p, SADA_OBJ_CHUNK);
		}
		refused(&b, "a content");
	}
	made_release(&m);
}

/* ---- the stage ---- */

/* "f" with CONTENT and, with DIR, a directory "d", as an op of R. */
static void
write_file(struct rep *r, const char *path, const char *content,
    const char *dir)
{
	struct sada_node node = { 0 };
	struct sada_entry e;
	struct sada_err err;
	struct nchange c;
	struct sada_id id;
	struct draft d;
	int k;

	must(draft_init(&d, r, &err), &err);
	for (k = dir != NULL ? 0 : 1; k < 2; k++) {
		memset(&c, 0, sizeof(c));
		c.has = 1;
		c.v.dot = d.op.dot;
		c.v.kind = k == 0 ? SADA_DIR : SADA_FILE;
		c.v.mode = 0700;
		if (k == 0) {
			c.v.stamp_lamport = d.lamport;
			c.v.stamp_author = d.op.dot.author;
		} else {
			c.v.size = strlen(content);
			must(sada_txn_put(d.txn, SADA_OBJ_CHUNK, content,
			    c.v.size, &c.v.content, &err), &err);
		}
		draft_slot(&d, k == 0 ? dir : path, &node, &e);
		draft_write(&d, k == 0 ? dir : path, &e, &c, 1);
	}
	sada_node_release(&node);
	draft_commit(&d, &id);
}

/* One full bundle from rep FROM to rep TO. */
static void
pass_on(int from, int to)
{
	struct sada_take_result res;
	struct sada_buf b = { 0 };
	struct sada_err err;

	must(rep_send(&kit.rep[from], pub_of(to), 1, 0, &b, NULL, &err),
	    &err);
	must(rep_take(&kit.rep[to], &b, NULL, &res, &err), &err);
	sada_buf_release(&b);
}

static void
set_up(void)
{
	struct sada_id group;
	int i, k, n;

	(void)snprintf(kit.dir, sizeof(kit.dir), "%s/sada-take-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(kit.dir) != NULL);
	for (i = 0; i < NWHO; i++)
		sada_key_new(&kit.key[i]);
	memset(&group, 0x77, sizeof(group));
	for (i = 0; i < 2; i++) {
		struct rep *r = &kit.rep[i];

		for (k = n = 0; k < NWHO; k++) {
			if (k == i)
				continue;
			kit.peer[i][n].name[0] = (char)('a' + k);
			kit.peer[i][n++].pub = *pub_of(k);
		}
		(void)snprintf(r->path, sizeof(r->path), "%s/%d", kit.dir, i);
		r->who = i;
		r->key = kit.key[i];
		r->peers.p = kit.peer[i];
		r->peers.n = (size_t)n;
		rep_new(r, &group);
	}
	write_file(&kit.rep[MAL], "f", "old content", "d");
	pass_on(MAL, VIC);
	rep_merge(&kit.rep[VIC]);
	write_file(&kit.rep[VIC], "v", "of the victim", NULL);
	pass_on(VIC, MAL);
	rep_merge(&kit.rep[MAL]);
	/* MAL's chain is two long, so that prev can be wrong. */
	write_file(&kit.rep[MAL], "g", "more", NULL);
	pass_on(MAL, VIC);
	rep_merge(&kit.rep[VIC]);
}

/* What is made by hand without a lie is taken: the tools are right. */
static void
test_truth(void)
{
	static const struct knobs truth[] = { { .outside = 1 }, { 0 },
		{ .dir = 1 } };
	struct sada_take_result res;
	struct sada_buf out = { 0 };
	struct sada_err err;
	struct bundle b;
	struct made m;
	size_t i;

	for (i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
		bundle_init(&b);
		make_op(&m, &truth[i]);
		put_op(&b, &m, truth[i].outside);
		put_block(&b, SADA_OBJ_CHUNK, 100, 0, 1);
		sada_buf_reset(&out);
		seal(&b, &out);
		CHECK_INT(rep_take(&kit.rep[VIC], &out, NULL, &res, &err), 0);
		CHECK_INT(res.ops, 1);
		CHECK_INT(res.parked, 0);
		bundle_release(&b);
		made_release(&m);
	}
	sada_buf_release(&out);
}

int
main(void)
{
	struct sada_io_ops ops;
	struct rusage before, after;
	int i;

	sada_crypto_init();
	door_use(&ops);
	tap_seed(11);
	set_up();
	test_heads();
	(void)getrusage(RUSAGE_SELF, &before);
	test_ops();
	test_changes();
	test_inner();
	test_maps();
	test_contents();
	(void)getrusage(RUSAGE_SELF, &after);
	printf("# grown by %ld KiB\n", after.ru_maxrss - before.ru_maxrss);
	CHECK(after.ru_maxrss - before.ru_maxrss < MEMORY_MAX_KB);
	test_truth();
	for (i = 0; i < 2; i++) {
		rep_close(&kit.rep[i]);
		store_dir_remove(kit.rep[i].fd, kit.rep[i].path);
	}
	for (i = 0; i < NWHO; i++)
		sada_key_free(kit.key[i]);
	(void)rmdir(kit.dir);
	return tap_done();
}
