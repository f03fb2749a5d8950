/* The history that is played: its replicas, its mail, edits, comparing. */
#ifndef SADA_UNIT_MODEL_PLAY_H
#define SADA_UNIT_MODEL_PLAY_H

#include "model_replica.h"
#include "tree/view.h"

#define MAX_KEYS 5
#define MAX_REPS 8
#define MAX_MAIL 32

/* A bundle on its way: to whom (bits of keys). */
struct mail {
	struct sada_buf b;
	unsigned to;
};

static struct {
	struct naive n;
	struct rep rep[MAX_REPS];
	struct sada_key *key[MAX_KEYS];
	struct sada_peer peer[MAX_KEYS][MAX_KEYS];
	int nkeys, nreps;
	struct mail mail[MAX_MAIL];
	int nmail;
	struct rep back;		/* an older copy of some replica */
	int backed;
	unsigned chance;		/* of what is rare, in 1000 */
	int forged, rolled;		/* two ops share a dot; somebody's
					   counters went back */
	uint64_t seed;
	char dir[128];
	char long_name[SADA_NAME_MAX + 1];
} sim;

static struct {
	long histories, steps, ops, sent, taken, parked, known, lost;
	long clones, restores, forks, between, unmade, compared, differs;
	long rounds, twin_rounds, conflicts, admitted, caches, needs, wants;
	long wrong[NMODELS];
} sum;

/* ---- comparing ---- */

/* The ops that R holds, as the model's; its log must be closed. */
static inline uint64_t
held(const struct rep *r)
{
	const struct sada_op_info *o;
	uint64_t set = 0;
	uint32_t i;
	int k;

	for (i = 0; i < sada_log_count(r->log); i++) {
		o = sada_log_op(r->log, i);
		for (k = 0; k < sim.n.nop; k++)
			if (sada_id_cmp(&sim.n.op[k].id, &o->id) == 0)
				break;
		CHECK(k < sim.n.nop);
		if (k < sim.n.nop)
			set |= (uint64_t)1 << k;
	}
	for (k = 0; k < sim.n.nop; k++)
		if (set >> k & 1)
			CHECK((sim.n.op[k].past & ~set) == 0);
	return set;
}

/* Is the state of R what the model says of the ops that R holds? */
static inline void
compare(struct rep *r)
{
	struct sada_id want, got, root;
	struct sada_state st;
	struct sada_err err;
	struct nset map, alive;
	uint64_t set = held(r);
	unsigned m;
	int same;

	must(rep_state(r, &st, &err), &err);
	sada_state_id(&got, &st);
	naive_map(&sim.n, RIGHT, set, &map);
	naive_root(&sim.n, &map, &root);
	naive_state_id(&sim.n, RIGHT, set, &want);
	same = sada_id_cmp(&root, &st.root) == 0 &&
	    sada_id_cmp(&want, &got) == 0;
	CHECK(same);
	naive_alive(&sim.n, set, &alive);
	if (sim.forged) {
		/* A fork may bring something back, and loses nothing. */
		CHECK(naive_within(&sim.n, &alive, &map));
	} else {
		naive_root(&sim.n, &alive, &want);
		CHECK(sada_id_cmp(&want, &root) == 0);
		same &= sada_id_cmp(&want, &root) == 0;
	}
	if (!same)
		printf("# history %llu: replica %d differs\n",
		    (unsigned long long)sim.seed, (int)(r - sim.rep));
	sum.compared++;
	for (m = RIGHT + 1; m < sim.n.nmodels; m++) {
		naive_state_id(&sim.n, m, set, &want);
		sum.wrong[m] += sada_id_cmp(&want, &got) != 0;
	}
	sada_state_release(&st);
}

/* ---- edits ---- */

/* New content: words, or an edit of V's. */
static inline void
content(struct draft *d, struct sada_version *v)
{
	struct sada_buf b = { 0 }, old = { 0 };
	struct sada_err err;
	size_t n = tap_below(8) == 0 ? 0 : tap_below(8) == 0 ?
	    tap_below(40000) : tap_below(300);
	size_t i;

	if (!sada_id_zero(&v->content) && tap_below(2) == 0 &&
	    sada_txn_get(d->txn, SADA_OBJ_CHUNK, &v->content, &old,
	    &err) == 0) {
		sada_buf_add(&b, old.p, old.len);
		n = tap_below(20);
	}
	for (i = 0; i < n; i++)
		sada_put_u8(&b, (uint8_t)("abcdefgh\n"[tap_below(9)]));
	if (tap_below(8) == 0)
		b.len = b.len > 3 ? 3 : b.len;
	must(sada_txn_put(d->txn, SADA_OBJ_CHUNK, b.p, b.len, &v->content,
	    &err), &err);
	v->size = b.len;
	sada_buf_release(&b);
	sada_buf_release(&old);
}

/* The cover of a name of slot E: the main one's, a part, all, nothing. */
static inline size_t
choose_cover(struct draft *d, int path, const struct sada_entry *e,
    struct sada_version *cover)
{
	struct sada_view *view = NULL;
	struct sada_name name;
	struct sada_err err;
	size_t i, n = 0;
	int rc;

	if (tap_below(2) == 0) {
		rc = must(sada_view_one(&view, &d->st.ns, &d->st.root,
		    &(struct sada_view_by){ .lamport =
		    sada_state_lamport, .ctx = &d->st }, sim.n.path[path],
		    strlen(sim.n.path[path]), &name, &err), &err);
		for (i = 0; rc == 1 && i < name.ncover; i++)
			cover[n++] = name.cover[i];
		sada_view_free(view);
		return n;
	}
	for (i = 0; i < e->nv; i++)
		if (tap_below(4) != 0)
			cover[n++] = e->v[i];
	return n;
}

/* One slot's change into C; how many changes that makes. */
static inline size_t
edit(struct draft *d, int path, const struct sada_entry *base,
    struct nchange *c)
{
	struct sada_version cover[NAIVE_OPS], *v = &c->v;
	size_t i, n = choose_cover(d, path, base, cover), k;
	unsigned what = (unsigned)tap_below(10);

	memset(c, 0, sizeof(*c));
	c->path = path;
	for (i = k = 0; i < n; i++)
		k += cover[i].kind == SADA_DIR;
	if (k > 0 && (what < 4 || path == 0)) {
		/* chmod: every directory's version of the cover. */
		uint16_t mode = (uint16_t)(0700 + tap_below(8));

		for (i = k = 0; i < n; i++) {
			if (cover[i].kind != SADA_DIR)
				continue;
			memset(&c[k], 0, sizeof(*c));
			c[k].path = path;
			c[k].has = c[k].chmod = 1;
			c[k].v = cover[i];
			c[k].v.mode = mode;
			c[k].v.stamp_lamport = d->lamport;
			c[k++].v.stamp_author = d->op.dot.author;
		}
		return k;
	}
	for (i = 0; i < n; i++)
		sada_version_id(&c->gone[c->ngone++], &cover[i]);
	if (what == 4 && path != 0 && n > 0)
		return 1;
	c->has = 1;
	v->dot = d->op.dot;
	v->kind = path == 0 || what == 5 ? SADA_DIR : what == 6 ? SADA_LINK :
	    SADA_FILE;
	v->mtime_s = (int64_t)tap_below(5);
	if (v->kind != SADA_LINK)
		v->mode = (uint16_t)(tap_below(2) ? 0644 : 0755);
	if (v->kind == SADA_DIR) {
		v->stamp_lamport = d->lamport;
		v->stamp_author = d->op.dot.author;
		return 1;
	}
	for (i = k = 0; i < base->nv; i++) {
		struct sada_id id;

		sada_version_id(&id, &base->v[i]);
		k += (size_t)has_id(c->gone, c->ngone, &id);
	}
	if (k == base->nv)
		v->flags |= SADA_V_ALONE;
	if (n > 0)
		v->content = cover[0].content;
	content(d, v);
	draft_ancestors(d, NULL, cover, n, &v->anc);
	return 1;
}

/* An op of R that changes one to three slots. */
static inline void
write_op(struct rep *r)
{
	struct nchange c[3 * NAIVE_OPS];
	struct sada_node node = { 0 };
	struct sada_entry e;
	struct sada_err err;
	struct sada_id id;
	struct draft d;
	size_t i, n, all = 0;
	uint64_t past = 0;
	int k, p, forced = r->force_tag != 0;
	unsigned left = 1 + (unsigned)tap_below(3);

	if (sim.n.nop >= NAIVE_OPS - 1 || sim.n.nrec > NAIVE_RECS - 32)
		return;
	if (draft_init(&d, r, &err) < 0) {
		/* An own op came back without its map; merge has it. */
		sum.unmade++;
		CHECK_INT(err.code, SADA_NOTFOUND);
		rep_merge(r);
		compare(r);
		return;
	}
	for (p = 0; p < NAIVE_PATHS && left > 0 && all < 16; p++) {
		if (!(forced && p == 3) &&
		    tap_below((size_t)(NAIVE_PATHS - p)) >= left)
			continue;
		left--;
		draft_slot(&d, sim.n.path[p], &node, &e);
		n = edit(&d, p, &e, &c[all]);
		draft_write(&d, sim.n.path[p], &e, &c[all], n);
		all += n;
	}
	sada_node_release(&node);
	for (i = 0; i < d.st.n; i++)
		for (k = 0; k < sim.n.nop; k++)
			if (sada_id_cmp(&sim.n.op[k].id, &sada_log_op(r->log,
			    d.st.heads[i])->id) == 0)
				past |= sim.n.op[k].past;
	if (d.op.n_set + d.op.n_gone == 0) {
		draft_drop(&d);
		return;
	}
	for (k = 0; k < sim.n.nop; k++)
		sim.forged |= sada_dot_cmp(&sim.n.op[k].dot, &d.op.dot) == 0;
	sum.forks += forced && sim.forged;
	draft_commit(&d, &id);
	(void)naive_add(&sim.n, &id, &d.op.dot, past, c, all);
	sum.ops++;
	compare(r);
}

#endif
