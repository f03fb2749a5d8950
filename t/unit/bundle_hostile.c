/*
 * A member who lies: what he puts in bundles is refused or left out, and
 * what others send afterwards is still taken.
 */
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "base/io.h"
#include "bundle/sealed.h"
#include "bundle/send.h"
#include "crypto/hash.h"
#include "format/object.h"
#include "format/op.h"
#include "format/node.h"
#include "format/pack.h"
#include "store/zst.h"
#include "tap.h"
#include "verb/verb_priv.h"

static char dir[4096], file[8192];
static struct sada_key *liar;
static struct sada_pub victim;
static struct sada_id group;

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

/* ---- writing ---- */

/* What goes into a bundle, before it is sealed. */
struct plan {
	struct sada_buf rec[8];
	unsigned type[8];
	size_t n;
	uint64_t ops, objects, bytes;
	size_t nalias;
};

static struct sada_buf *
add(struct plan *p, unsigned type)
{
	p->type[p->n] = type;
	p->ops += type == SADA_REC_OP;
	return &p->rec[p->n++];
}

static void
add_member(struct plan *p)
{
	struct sada_member m = { .pub = *sada_key_pub(liar), .number = 1 };

	memcpy(m.name, "liar", 5);
	sada_member_encode(add(p, SADA_REC_MEMBER), &m, liar);
}

/* A block with N objects of TYPE. */
static void
add_objects(struct plan *p, unsigned type, const struct sada_buf *bytes,
    size_t n)
{
	unsigned char head[SADA_BLOCK_HEAD];
	struct sada_buf raw = { 0 }, frame = { 0 }, *b;
	size_t i;

	for (i = 0; i < n; i++) {
		sada_put_u8(&raw, (uint8_t)type);
		sada_put_var(&raw, bytes[i].len);
	}
	for (i = 0; i < n; i++)
		sada_buf_add(&raw, bytes[i].p, bytes[i].len);
	sada_zst_pack(&frame, raw.p, raw.len, NULL, 0, 3);
	sada_block_head_encode(head, (uint32_t)n, (uint32_t)raw.len, frame.p,
	    (uint32_t)frame.len);
	b = add(p, SADA_REC_BLOCK);
	sada_buf_add(b, head, sizeof(head));
	sada_buf_add(b, frame.p, frame.len);
	p->objects += n;
	p->bytes += raw.len;
	sada_buf_release(&raw);
	sada_buf_release(&frame);
}

static void
add_object(struct plan *p, unsigned type, const struct sada_buf *bytes)
{
	add_objects(p, type, bytes, 1);
}

/* Op SEQ behind PREV (NULL: the first), with ROOT, no changes. */
static struct sada_id
add_op(struct plan *p, uint64_t seq, const struct sada_id *prev,
    const struct sada_id *root)
{
	struct sada_op op;
	struct sada_id id, parent;

	memset(&op, 0, sizeof(op));
	op.dot.author = sada_key_pub(liar)->id;
	op.dot.epoch = 7;
	op.dot.seq = seq;
	op.dot.tag = seq;
	if (prev != NULL) {
		op.prev = parent = *prev;
		op.parents = &parent;
		op.nparents = 1;
	}
	if (root != NULL)
		op.root = *root;
	op.msg = "";
	sada_op_encode(add(p, SADA_REC_OP), &op, liar, &id);
	return id;
}

static int
write_fd(const void *p, size_t n, void *ctx, struct sada_err *err)
{
	return sada_io_write(*(int *)ctx, p, n, err);
}

/* Seal P into FILE and drop it. */
static void
seal(struct plan *p)
{
	struct sada_bundle_head h;
	struct sada_ack a;
	struct sada_buf ack = { 0 }, head = { 0 };
	struct sada_sealer *s = NULL;
	struct sada_err err;
	size_t i;
	int fd, rc;

	memset(&a, 0, sizeof(a));
	memset(&h, 0, sizeof(h));
	a.author = sada_key_pub(liar)->id;
	sada_ack_encode(&ack, &a, liar);
	h.group = group;
	h.alias = sada_calloc(p->nalias + 1, sizeof(*h.alias));
	for (i = 0; i < p->nalias; i++)
		sada_hash(&h.alias[i], SADA_CTX_FILE, &i, sizeof(i));
	h.nalias = p->nalias;
	h.to = &victim.id;
	h.nto = 1;
	h.ack = ack.p;
	h.ack_len = ack.len;
	h.ops = p->ops;
	h.objects = p->objects;
	h.raw_bytes = p->bytes;
	sada_bundle_head_encode(&head, &h);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	rc = sada_sealer_new(&s, liar, &victim, 1, write_fd, &fd, &err);
	CHECK_INT(rc, 0);
	CHECK_INT(sada_sealer_add(s, SADA_REC_HEAD, head.p, head.len, &err),
	    0);
	for (i = 0; i < p->n; i++)
		CHECK_INT(p->type[i] < SADA_REC_MEMBER ?
		    sada_sealer_add(s, p->type[i], p->rec[i].p,
		    p->rec[i].len, &err) : sada_sealer_meta(s, p->type[i],
		    p->rec[i].p, p->rec[i].len, &err), 0);
	CHECK_INT(sada_sealer_end(s, NULL, &err), 0);
	close(fd);
	free(h.alias);
	sada_buf_release(&ack);
	sada_buf_release(&head);
	for (i = 0; i < p->n; i++)
		sada_buf_release(&p->rec[i]);
	memset(p, 0, sizeof(*p));
}

/* ---- taking ---- */

static struct sada_pull_result last;

/* Pull FILE. */
static int
take(void)
{
	const char *const place = file;
	struct sada_pull_opts o = { .dir = dir, .wait_s = 5,
	    .places = &place, .nplaces = 1, .join = 1 };
	struct sada_err err;
	int rc;

	rc = sada_pull(&o, &last, &err);
	if (rc < 0)
		printf("# %s\n", err.msg);
	return rc;
}

static uint64_t
parked(void)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_replica *r = NULL;
	struct sada_err err;
	uint64_t n = 99;

	CHECK_INT(sada_open(&r, &o, &err), 0);
	CHECK_INT(sada_parked_count(r->sdir, &n, &err), 0);
	sada_close(r);
	return n;
}

/* ---- the lies ---- */

/* A bad op waits for its parent: the parent is taken when it comes. */
static void
test_parked(void)
{
	struct plan p = { .n = 0 }, q = { .n = 0 };
	struct sada_id first, root;

	memset(&root, 7, sizeof(root));
	add_member(&p);
	first = add_op(&p, 1, NULL, NULL);
	add_member(&q);
	(void)add_op(&q, 2, &first, &root);
	seal(&q);
	CHECK_INT(take(), 0);
	CHECK_INT(last.parked, 1);
	CHECK_INT(parked(), 1);
	seal(&p);
	CHECK_INT(take(), 0);
	CHECK_INT(last.taken, 1);
	CHECK_INT(parked(), 0);
	/* Together they are refused. */
	add_member(&q);
	(void)add_op(&q, 2, &first, &root);
	seal(&q);
	CHECK_INT(take(), SADA_FORMAT);
}

/* More names of the group than anybody has. */
static void
test_aliases(void)
{
	struct plan p = { .nalias = 5000 };

	seal(&p);
	CHECK_INT(take(), SADA_FORMAT);
	p.nalias = 4000;
	seal(&p);
	CHECK_INT(take(), 0);
	/* It still can send. */
	p.nalias = 4000;
	seal(&p);
	CHECK_INT(take(), 0);
}

/* More members than ops. */
static void
test_members(void)
{
	struct plan p = { .n = 0 };

	add_member(&p);
	seal(&p);
	CHECK_INT(take(), SADA_FORMAT);
}

/* An op that sets the N slots E, on nothing. */
static void
add_slots(struct plan *p, struct sada_entry *e, size_t n)
{
	struct sada_buf leaf = { 0 };
	struct sada_op op;
	size_t i;

	memset(&op, 0, sizeof(op));
	op.dot.author = sada_key_pub(liar)->id;
	op.dot.epoch = 9;
	op.dot.seq = op.dot.tag = 1;
	for (i = 0; i < n; i++)
		e[i].v->dot = op.dot;
	sada_leaf_encode(&leaf, e, n);
	sada_hash(&op.root, SADA_CTX_NODE, leaf.p, leaf.len);
	op.flags = SADA_OP_INLINE;
	op.inl = leaf.p;
	op.inl_len = leaf.len;
	op.msg = "";
	op.n_set = n;
	sada_op_encode(add(p, SADA_REC_OP), &op, liar, NULL);
	sada_buf_release(&leaf);
}

static int
discard(const void *p, size_t n, void *ctx, struct sada_err *err)
{
	(void)p;
	(void)err;
	*(size_t *)ctx += n;
	return 0;
}

/* Snap, merge and send all that is here, by turns. */
static void
live_on(void)
{
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_snap_opts so = { .flags = SADA_ACCEPT_DELETES };
	struct sada_merge_opts mo = { .flags = SADA_ACCEPT_DELETES };
	struct sada_ack none, self;
	struct sada_send_opts to = { .n = 1, .to = &victim, .ack = &none,
	    .self = &self };
	struct sada_snap_result sr;
	struct sada_merge_result mr;
	struct sada_send *send = NULL;
	struct sada_replica *r = NULL;
	struct sada_err err;
	size_t n = 0;
	unsigned i;

	memset(&none, 0, sizeof(none));
	memset(&self, 0, sizeof(self));
	CHECK_INT(sada_open(&r, &o, &err), 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(sada_merge(r, &mo, &mr, &err), 0);
		CHECK_INT(sada_snap(r, &so, &sr, &err), 0);
	}
	to.store = r->store;
	to.log = r->log;
	to.key = r->key;
	CHECK_INT(sada_send_plan(&send, &to, &err), 0);
	CHECK_INT(sada_send_write(send, discard, &n, NULL, &err), 0);
	CHECK(n > 0);
	sada_send_free(send);
	sada_close(r);
}

/* Contents that are none: malformed lists and ancestors, wrong sizes. */
static void
test_contents(void)
{
	struct plan p = { .n = 0 };
	struct sada_buf junk = { 0 }, text = { 0 };
	struct sada_version v[3];
	struct sada_entry e[3];
	char path[8192];
	FILE *f;
	size_t i;

	memset(v, 0, sizeof(v));
	memset(e, 0, sizeof(e));
	sada_buf_adds(&junk, "junk");
	sada_buf_adds(&text, "text");
	for (i = 0; i < 3; i++) {
		e[i].path = &"abc"[i];
		e[i].len = 1;
		e[i].v = &v[i];
		e[i].nv = 1;
		v[i].kind = SADA_FILE;
		v[i].mode = 0644;
		v[i].size = i == 2 ? 2u << 20 : 4 + i * 100;
		sada_hash(&v[i].content, i == 2 ? SADA_CTX_LIST :
		    SADA_CTX_CHUNK, i == 2 ? junk.p : text.p, 4);
		sada_hash(&v[i].anc, SADA_CTX_ANC, junk.p, junk.len);
	}
	add_member(&p);
	add_slots(&p, e, 3);
	add_object(&p, SADA_OBJ_CHUNK, &text);
	add_object(&p, SADA_OBJ_LIST, &junk);
	add_object(&p, SADA_OBJ_ANC, &junk);
	seal(&p);
	CHECK_INT(take(), 0);
	CHECK_INT(last.taken, 1);
	live_on();
	/* An edit of what has malformed ancestors is an edit. */
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	if ((f = fopen(path, "a")) != NULL) {
		fputs("more\n", f);
		fclose(f);
	}
	CHECK(f != NULL);
	live_on();
	CHECK_INT(take(), 0);
	sada_buf_release(&junk);
	sada_buf_release(&text);
}

/* ---- sweeps ---- */

/* Sweep twice, as two commands do: what the second unlinks is gone. */
static void
sweep(const char *keep)
{
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_gc_opts go = { .keep = keep };
	struct sada_gc_result res;
	struct sada_replica *r = NULL;
	struct sada_err err;
	int i;

	for (i = 0; i < 2; i++) {
		CHECK_INT(sada_open(&r, &o, &err), 0);
		CHECK_INT(sada_gc(r, &go, &res, &err), 0);
		sada_close(r);
	}
}

static int
count_bytes(const void *p, size_t n, void *ctx)
{
	(void)p;
	*(size_t *)ctx += n;
	return 0;
}

/* How many bytes SPEC has. */
static size_t
bytes_of(const char *spec)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_replica *r = NULL;
	struct sada_err err;
	size_t n = 0;

	CHECK_INT(sada_open(&r, &o, &err), 0);
	CHECK_INT(sada_cat(r, spec, count_bytes, &n, &err), 0);
	sada_close(r);
	return n;
}

/* The content of the victim's file PATH. */
static struct sada_id
content_of(const char *path)
{
	struct sada_open_opts o = { .dir = dir };
	struct sada_replica *r = NULL;
	struct sada_state st;
	struct sada_node node = { 0 };
	struct sada_entry e;
	struct sada_err err;
	struct sada_id id;
	uint32_t *head;
	size_t n;

	memset(&id, 0, sizeof(id));
	CHECK_INT(sada_open(&r, &o, &err), 0);
	sada_context_heads(&head, &n, r->log, NULL);
	CHECK_INT(sada_state_init(&st, r->log, r->store, NULL, head, n, NULL,
	    &err), 0);
	CHECK_INT(sada_map_get(&st.ns, &st.root, path, strlen(path), &node,
	    &e, &err), 1);
	if (e.nv > 0)
		id = e.v[0].content;
	sada_node_release(&node);
	sada_state_release(&st);
	free(head);
	sada_close(r);
	return id;
}

/* A chain of lists, each of the next, that ends in the victim's own. */
static void
test_lists(void)
{
	static unsigned char big[3 << 20];
	struct sada_buf list[40];
	struct plan p = { .n = 0 };
	struct sada_version v;
	struct sada_piece piece = { .size = sizeof(big) };
	struct sada_entry e = { .path = "0", .len = 1, .v = &v, .nv = 1 };
	char path[8192];
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (unsigned char)tap_below(256);
	(void)snprintf(path, sizeof(path), "%s/z-big", dir);
	if ((f = fopen(path, "w")) != NULL) {
		CHECK_INT(fwrite(big, 1, sizeof(big), f), sizeof(big));
		fclose(f);
	}
	CHECK(f != NULL);
	live_on();
	memset(list, 0, sizeof(list));
	memset(&v, 0, sizeof(v));
	piece.id = content_of("z-big");
	for (i = 0; i < 40; i++) {
		sada_list_encode(&list[i], 1, &piece, 1);
		sada_hash(&piece.id, SADA_CTX_LIST, list[i].p, list[i].len);
	}
	v.kind = SADA_FILE;
	v.mode = 0644;
	v.size = sizeof(big);
	v.content = piece.id;
	add_member(&p);
	add_slots(&p, &e, 1);
	add_objects(&p, SADA_OBJ_LIST, list, 40);
	seal(&p);
	CHECK_INT(take(), 0);
	sweep(NULL);
	CHECK_INT(bytes_of("@:z-big"), sizeof(big));
	sweep("0");
	CHECK_INT(bytes_of("@:z-big"), sizeof(big));
	for (i = 0; i < 40; i++)
		sada_buf_release(&list[i]);
}

/* Ops that wait for their past, with changes that are none, or a chain. */
static void
test_nodes(void)
{
	enum { N = 100000 };
	struct sada_buf *node = sada_calloc(N, sizeof(*node));
	struct sada_ref ref = { .last = "q", .len = 1, .entries = 1,
	    .bytes = 1 };
	struct plan p = { .n = 0 };
	struct sada_id parent;
	struct sada_op op;
	unsigned k;
	size_t i;

	memset(&ref.id, 3, sizeof(ref.id));
	for (i = 0; i < N; i++) {
		sada_inner_encode(&node[i], 1, &ref, 1);
		sada_hash(&ref.id, SADA_CTX_NODE, node[i].p, node[i].len);
	}
	add_member(&p);
	for (k = 0; k < 2; k++) {
		memset(&op, 0, sizeof(op));
		memset(&parent, (int)k + 5, sizeof(parent));
		memset(&op.root, 9, sizeof(op.root));
		op.dot.author = sada_key_pub(liar)->id;
		op.dot.epoch = k + 20;
		op.dot.seq = op.dot.tag = 2;
		op.prev = parent;
		op.parents = &parent;
		op.nparents = 1;
		op.msg = "";
		if (k == 1) {
			op.changes = ref.id;
		} else {
			op.flags = SADA_OP_INLINE;
			op.inl = (const unsigned char *)"garbage";
			op.inl_len = 7;
		}
		sada_op_encode(add(&p, SADA_REC_OP), &op, liar, NULL);
	}
	add_objects(&p, SADA_OBJ_NODE, node, N);
	seal(&p);
	CHECK_INT(take(), 0);
	CHECK_INT(parked(), 1);
	sweep(NULL);
	sweep("0");
	CHECK_INT(parked(), 1);
	live_on();
	for (i = 0; i < N; i++)
		sada_buf_release(&node[i]);
	free(node);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sada_open_opts o = { .dir = dir, .flags = SADA_OPEN_WRITE };
	struct sada_replica *r = NULL;
	struct sada_buf line = { 0 };
	struct sada_err err;

	(void)snprintf(dir, sizeof(dir), "%s/hostile.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(file, sizeof(file), "%s.bundle", dir);
	CHECK_INT(sada_init("victim", &(struct sada_open_opts){
	    .dir = dir }, &line, &err), 0);
	sada_key_new(&liar);
	CHECK_INT(sada_open(&r, &o, &err), 0);
	victim = *sada_key_pub(r->key);
	CHECK(sada_log_group(r->log, &group));
	sada_buf_reset(&line);
	sada_pub_text(&line, sada_key_pub(liar));
	CHECK_INT(sada_peer_add(r, "liar", sada_buf_str(&line), 0, NULL,
	    &err), 0);
	sada_close(r);
	test_parked();
	test_aliases();
	test_members();
	test_contents();
	test_lists();
	test_nodes();
	sada_key_free(liar);
	sada_buf_release(&line);
	(void)unlink(file);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
