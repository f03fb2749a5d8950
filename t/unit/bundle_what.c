/*
 * What a bundle would say, as a hash: it must tell apart every state and
 * every list of wishes, also those that are one row of ids cut elsewhere.
 */
#include "model_replica.h"

#define N 3			/* authors; the replica after them only reads */
#define CUTS 10			/* of a row of N ids into three lists */

static struct {
	char dir[128];
	struct sada_key *key[N + 1];
	struct rep rep[N + 1];
	struct sada_peer peer[N + 1];
} kit;

/* One op on an empty replica, that makes the file "f". */
static void
write_op(struct rep *r, struct sada_id *id)
{
	struct sada_node node = { 0 };
	struct sada_entry e;
	struct sada_err err;
	struct nchange c;
	struct draft d;

	must(draft_init(&d, r, &err), &err);
	memset(&c, 0, sizeof(c));
	c.has = 1;
	c.v.dot = d.op.dot;
	c.v.kind = SADA_FILE;
	c.v.mode = 0600;
	c.v.size = 1;
	must(sada_txn_put(d.txn, SADA_OBJ_CHUNK, "x", 1, &c.v.content, &err),
	    &err);
	draft_slot(&d, "f", &node, &e);
	draft_write(&d, "f", &e, &c, 1);
	sada_node_release(&node);
	draft_commit(&d, id);
}

static void
set_up(void)
{
	struct sada_id group;
	int i;

	(void)snprintf(kit.dir, sizeof(kit.dir), "%s/sada-what-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(kit.dir) != NULL);
	memset(&group, 0x55, sizeof(group));
	for (i = 0; i <= N; i++) {
		sada_key_new(&kit.key[i]);
		kit.peer[i].name[0] = (char)('a' + i);
		kit.peer[i].pub = *sada_key_pub(kit.key[i]);
	}
	for (i = 0; i <= N; i++) {
		struct rep *r = &kit.rep[i];

		(void)snprintf(r->path, sizeof(r->path), "%s/%d", kit.dir, i);
		r->who = i;
		r->key = kit.key[i];
		r->peers.p = kit.peer;
		r->peers.n = N + 1;
		rep_new(r, &group);
	}
}

static void
tear_down(void)
{
	int i;

	for (i = 0; i <= N; i++) {
		rep_close(&kit.rep[i]);
		store_dir_remove(kit.rep[i].fd, kit.rep[i].path);
		sada_key_free(kit.key[i]);
	}
	(void)rmdir(kit.dir);
}

static void
pass_on(int from)
{
	struct sada_take_result res;
	struct sada_buf b = { 0 };
	struct sada_err err;

	must(rep_send(&kit.rep[from], sada_key_pub(kit.key[N]), 1, 0, &b,
	    NULL, &err), &err);
	must(rep_take(&kit.rep[N], &b, NULL, &res, &err), &err);
	CHECK_INT(res.ops, 1);
	sada_buf_release(&b);
}

/* What the reader would say to author 0, who acknowledged ACK. */
static struct sada_id
ask(const struct sada_ack *self, const struct sada_ack *ack, uint64_t raised)
{
	struct sada_send_opts o;
	struct sada_send *s;
	struct sada_err err;
	struct sada_id what;

	memset(&o, 0, sizeof(o));
	o.store = kit.rep[N].store;
	o.log = kit.rep[N].log;
	o.key = kit.key[N];
	o.to = sada_key_pub(kit.key[0]);
	o.ack = ack;
	o.n = 1;
	o.raised = raised;
	o.self = self;
	must(sada_send_plan(&s, &o, &err), &err);
	sada_send_what(s, &what);
	sada_send_free(s);
	return what;
}

/* A want of each of the N ids. */
static void
make_wants(struct sada_want *w, const struct sada_id *id, size_t n)
{
	size_t i;

	memset(w, 0, n * sizeof(*w));
	for (i = 0; i < n; i++) {
		w[i].type = SADA_OBJ_CHUNK;
		w[i].id = id[i];
		w[i].size = 1;
	}
}

/* The halves of WHAT at OFF are all different. */
static void
all_differ(const struct sada_id *what, size_t n, size_t off)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			CHECK(memcmp(what[i].b + off, what[k].b + off, 16) != 0);
}

/*
 * ID, sorted, are ops.  The reader takes one after the other; each time
 * the rest is what it wants and needs, cut in every way.
 */
static void
test_own(const struct sada_id *id, const int *author)
{
	struct sada_ack self, none;
	struct sada_want want[N];
	struct sada_id what[CUTS + 1];
	size_t held, cut, n = 0;

	memset(&none, 0, sizeof(none));
	for (held = 0; held <= N; held++) {
		for (cut = held; cut <= N; cut++) {
			memset(&self, 0, sizeof(self));
			make_wants(want, id + held, cut - held);
			self.want = want;
			self.nwant = cut - held;
			self.need = (struct sada_id *)id + cut;
			self.nneed = N - cut;
			what[n++] = ask(&self, &none, 0);
		}
		if (held < N)
			pass_on(author[held]);
	}
	CHECK_INT(n, CUTS);
	what[n++] = ask(&none, &none, 1);
	all_differ(what, n, 16);
}

/* The same of what the peer has, wants and needs. */
static void
test_peer(const struct sada_id *id)
{
	struct sada_ack ack, none;
	struct sada_want want[N];
	struct sada_have have[N];
	struct sada_id what[CUTS];
	size_t a, b, i, n = 0;

	memset(&none, 0, sizeof(none));
	for (a = 0; a <= N; a++)
		for (b = a; b <= N; b++) {
			memset(&ack, 0, sizeof(ack));
			memset(have, 0, sizeof(have));
			ack.author = sada_key_pub(kit.key[0])->id;
			make_wants(want, id, a);
			ack.want = want;
			ack.nwant = a;
			ack.need = (struct sada_id *)id + a;
			ack.nneed = b - a;
			for (i = b; i < N; i++)
				have[i - b].op = id[i];
			ack.have = have;
			ack.nhave = N - b;
			what[n++] = ask(&none, &ack, 0);
		}
	CHECK_INT(n, CUTS);
	all_differ(what, n, 0);
}

int
main(void)
{
	struct sada_io_ops ops;
	struct sada_id id[N], tmp;
	int author[N], i, k, t;

	sada_crypto_init();
	door_use(&ops);
	tap_seed(3);
	set_up();
	for (i = 0; i < N; i++) {
		author[i] = i;
		write_op(&kit.rep[i], &id[i]);
	}
	for (i = 0; i < N; i++)
		for (k = i + 1; k < N; k++)
			if (sada_id_cmp(&id[i], &id[k]) > 0) {
				tmp = id[i];
				id[i] = id[k];
				id[k] = tmp;
				t = author[i];
				author[i] = author[k];
				author[k] = t;
			}
	test_own(id, author);
	test_peer(id);
	tear_down();
	return tap_done();
}
