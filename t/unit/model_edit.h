/*
 * Ops in the making, for the simulations of views: what a user does to a
 * name as it was shown to him, recorded as snap records it, and entered in
 * the model; and whether what users wrote is still there.
 */
#ifndef SADA_UNIT_MODEL_EDIT_H
#define SADA_UNIT_MODEL_EDIT_H

#include "model_look.h"

/* ---- what is changed ---- */

/* An op in the making: what it changes, and what that is made on. */
struct making {
	struct draft d;
	struct seer *r;
	struct nchange c[4];
	struct nfile file[4];
	uint64_t saw[4][FIELDS];
	size_t n;
};

static inline int
path_no(const char *path)
{
	int i;

	for (i = 0; i < NAIVE_PATHS && sim.w.n.path[i] != NULL; i++)
		if (strcmp(sim.path[i], path) == 0)
			return i;
	if (i == NAIVE_PATHS)
		return -1;
	(void)snprintf(sim.path[i], sizeof(sim.path[i]), "%s", path);
	sim.w.n.path[i] = sim.path[i];
	return i;
}

/* The next change, of PATH, dropping what NAME shows (NULL: nothing). */
static inline size_t
add_change(struct making *m, int path, const struct nname *name)
{
	struct nchange *c = &m->c[m->n];
	struct nfile *f = &m->file[m->n];
	const struct ncontent *x;
	int i, k, j;

	memset(c, 0, sizeof(*c));
	memset(f, 0, sizeof(*f));
	memset(m->saw[m->n], 0, sizeof(m->saw[m->n]));
	c->path = path;
	f->content = f->anc = f->shown = -1;
	for (j = 0; name != NULL && j < sim.w.n.nrec; j++) {
		if (!nset_has(&name->cover, j))
			continue;
		c->gone[c->ngone++] = sim.w.n.rec[j].id;
		for (i = 0; i < FIELDS; i++)
			m->saw[m->n][i] |= sim.saw[j][i];
		k = sim.w.file[j].content;
		for (i = 0; k >= 0 && i < FIELDS; i++)
			m->saw[m->n][i] |= (uint64_t)1 <<
			    sim.w.content[k].f[i];
	}
	if (name == NULL || name->content < 0)
		return m->n++;
	f->cover = name->cover;
	f->shown = name->content;
	f->shown_mode = name->mode;
	x = &sim.w.content[name->content];
	for (i = 0; i < FIELDS; i++)
		m->saw[m->n][i] |= (uint64_t)1 << x->f[i];
	return m->n++;
}

/* Are the lists of ancestors of all that NAME covers held by R? */
static inline int
knows(const struct seer *r, const struct nname *name)
{
	int j;

	for (j = 0; j < sim.w.n.nrec; j++)
		if (nset_has(&name->cover, j) && sim.w.file[j].anc >= 0 &&
		    !nset_has(&r->anc, sim.w.file[j].anc))
			return 0;
	return name->content < 0 || nset_has(&r->held, name->content);
}

/* Change I brings a version of KIND, content C (-1: none). */
static inline void
bring(struct making *m, size_t i, uint8_t kind, int c, uint16_t mode)
{
	struct sada_version *v = &m->c[i].v;

	m->c[i].has = 1;
	m->file[i].content = c;
	v->dot = m->d.op.dot;
	v->kind = kind;
	v->mode = kind == SADA_LINK ? 0 : mode;
	v->mtime_s = (int64_t)tap_below(4);
	v->mtime_ns = tap_below(3) == 0 ? 999999999 : 5;
	if (kind == SADA_DIR) {
		v->stamp_lamport = m->d.lamport;
		v->stamp_author = m->d.op.dot.author;
		return;
	}
	v->content = sim.w.content[c].id;
	v->size = sim.w.content[c].size;
	give(m->r, c);
}

/* A directory gets another mode: every version of it. */
static inline void
chmod_dir(struct making *m, const struct nname *name)
{
	struct nchange *c;
	int j;

	for (j = 0; j < sim.w.n.nrec && m->n < 3; j++) {
		if (!nset_has(&name->cover, j))
			continue;
		c = &m->c[add_change(m, name->slot, NULL)];
		c->has = c->chmod = 1;
		c->v = sim.w.n.rec[j].v;
		c->v.mode = (uint16_t)(0700 + tap_below(8));
		c->v.stamp_lamport = m->d.lamport;
		c->v.stamp_author = m->d.op.dot.author;
	}
	sum.chmods++;
}

/* The list of ancestors of change I, put where R keeps such. */
static inline void
put_anc(struct making *m, size_t i)
{
	struct sada_version shown = { 0 }, cover[FOLD_MAX];
	struct nfile *f = &m->file[i];
	const struct ncontent *x;
	struct sada_id *id = &m->c[i].v.anc;
	struct sada_buf b = { 0 };
	struct sada_err err;
	size_t n = 0;
	int j;

	if (f->shown < 0)
		return;
	x = &sim.w.content[f->shown];
	shown.kind = x->what == LINK ? SADA_LINK : SADA_FILE;
	shown.mode = f->shown_mode;
	shown.size = x->size;
	shown.content = x->id;
	for (j = 0; j < sim.w.n.nrec; j++)
		if (nset_has(&f->cover, j))
			cover[n++] = sim.w.n.rec[j].v;
	sum.covers[n < 4 ? n : 4]++;
	give(m->r, f->shown);
	must(sada_anc_make(&b, &shown, cover, n, m->d.txn,
	    sada_state_lamport, &m->d.st, &err), &err);
	must(sada_txn_put(m->d.txn, SADA_OBJ_ANC, b.p, b.len, id, &err), &err);
	for (j = 0; j < sim.nanc; j++)
		if (sada_id_cmp(&sim.anc_id[j], id) == 0)
			break;
	assert(j < NAIVE_RECS);
	if (j == sim.nanc) {
		sim.anc_id[sim.nanc] = *id;
		sim.anc[sim.nanc++] = b;
	} else {
		sada_buf_release(&b);
	}
	f->anc = j;
	nset_put(&m->r->anc, j, 1);
}

/* Has who writes on NAME more ancestors than a list holds? */
static inline int
old_enough(const struct nname *name)
{
	struct nlook l = { .w = &sim.w, .rule = V_RIGHT };
	struct nset done = { { 0 } };
	struct nanc a[NANC_MAX];
	int n;

	if (name->content < 0)
		return 0;
	n = nanc_of(&l, &name->cover, name->content, name->mode, &done, a, 0);
	if (n > sum.most)
		sum.most = n;
	return n > SADA_ANCESTORS_MAX;
}

/* Note what change I of op OP did to fields, for the end. */
static inline void
note_edit(struct making *m, size_t i, int op)
{
	struct nedit *e = &sim.edit[sim.nedit];
	const struct nfile *f = &m->file[i];
	int k;

	if (m->c[i].chmod)
		return;
	assert(sim.nedit < MAX_EDITS);
	memset(e, 0, sizeof(*e));
	e->op = op;
	e->content = f->content;
	e->exempt = driver_of(sim.path[m->c[i].path]) == SADA_MERGE_NEWEST;
	for (k = 0; k < FIELDS; k++) {
		e->saw[k] = m->saw[i][k];
		if (f->content < 0 || f->shown < 0 ||
		    sim.w.content[f->content].f[k] !=
		    sim.w.content[f->shown].f[k])
			e->fields |= 1u << k;
	}
	sim.nedit++;
	sum.edits++;
}

/* Add op ID of M to the model. */
static inline void
enter(struct making *m, const struct sada_id *id, uint64_t past)
{
	struct nfiles *w = &sim.w;
	int k = w->n.nrec, op = w->n.nop, j;
	size_t i;

	w->dotno[op] = op;
	for (j = op - 1; j >= 0; j--)
		if (sada_dot_cmp(&w->n.op[j].dot, &m->d.op.dot) == 0)
			w->dotno[op] = w->dotno[j];
	sum.forks += w->dotno[op] != op;
	sim.forged |= w->dotno[op] != op;
	w->lamport[op] = m->d.lamport;
	w->seen[op] = (uint64_t)1 << w->dotno[op];
	for (j = 0; j < op; j++)
		if (past >> j & 1)
			w->seen[op] |= (uint64_t)1 << w->dotno[j];
	for (i = 0; i < m->n; i++) {
		if (!m->c[i].has)
			continue;
		w->file[k] = m->file[i];
		memcpy(sim.saw[k++], m->saw[i], sizeof(sim.saw[0]));
	}
	(void)naive_add(&w->n, id, &m->d.op.dot, past, m->c, m->n);
	for (i = 0; i < m->n; i++)
		note_edit(m, i, op);
	sum.ops++;
}

/* ---- ops ---- */

/* The dot and the parents of the next op of R. */
static inline void
begin_op(struct making *m, struct seer *r, uint64_t ops)
{
	struct sada_op *op = &m->d.op;
	size_t i;

	memset(m, 0, sizeof(*m));
	m->r = r;
	op->dot.author = sada_key_pub(world.key[r->who])->id;
	if (r->last < 0) {
		sada_io_random(&r->epoch, sizeof(r->epoch));
		op->dot.seq = 1;
	} else {
		op->dot.seq = sim.w.n.op[r->last].dot.seq + 1;
		op->prev = sim.w.n.op[r->last].id;
	}
	op->dot.epoch = r->epoch;
	sada_io_random(&op->dot.tag, sizeof(op->dot.tag));
	if (r->force_tag != 0)
		op->dot.tag = r->force_tag;
	r->force_tag = 0;
	m->d.txn = world.txn[r - sim.rep];
	state_of(&m->d.st, ops);
	m->d.lamport = 1;
	for (i = 0; i < m->d.st.n; i++)
		if (m->d.lamport <= sim.w.lamport[m->d.st.heads[i]])
			m->d.lamport = sim.w.lamport[m->d.st.heads[i]] + 1;
	m->d.cns.store = world.home.store;
	m->d.cns.txn = world.nodes;
	m->d.cns.flags = SADA_NODE_CHANGES;
	sada_build_new(&m->d.build, &m->d.cns);
}

static inline int
change_order(const void *pa, const void *pb)
{
	const char *a = sim.path[((const struct nchange *)pa)->path];
	const char *b = sim.path[((const struct nchange *)pb)->path];

	return sada_path_cmp(a, strlen(a), b, strlen(b));
}

/* The op's slots: where all that lived goes, what comes is alone. */
static inline void
write_slots(struct making *m)
{
	struct sada_node node = { 0 };
	struct nchange c[4];
	struct sada_entry e;
	struct sada_id id;
	size_t i, j, k;

	for (i = 0; i < m->n; i++) {
		if (!m->c[i].has || m->c[i].v.kind == SADA_DIR)
			continue;
		draft_slot(&m->d, sim.path[m->c[i].path], &node, &e);
		for (j = 0; j < e.nv; j++) {
			sada_version_id(&id, &e.v[j]);
			if (!has_id(m->c[i].gone, m->c[i].ngone, &id))
				break;
		}
		if (j == e.nv)
			m->c[i].v.flags |= SADA_V_ALONE;
	}
	memcpy(c, m->c, sizeof(c));
	qsort(c, m->n, sizeof(*c), change_order);
	for (i = 0; i < m->n; i = k) {
		for (k = i + 1; k < m->n && c[k].path == c[i].path; k++)
			continue;
		draft_slot(&m->d, sim.path[c[i].path], &node, &e);
		draft_write(&m->d, sim.path[c[i].path], &e, &c[i], k - i);
	}
	sada_node_release(&node);
}

/* Replay, sign and admit M's op; it is R's last. */
static inline void
end_op(struct making *m, uint64_t past)
{
	struct sada_buf rec = { 0 };
	struct sada_op *op = &m->d.op;
	struct sada_err err;
	struct sada_id id;
	uint32_t i;

	must(sada_build_finish(m->d.build, &op->changes, &err), &err);
	m->d.build = NULL;
	must(sada_replay(&m->d.st.ns, &m->d.st.root, &m->d.cns, &op->changes,
	    &op->root, NULL, &err), &err);
	op->parents = sada_state_heads(&m->d.st);
	op->nparents = m->d.st.n;
	op->msg = "";
	op->wall_ns = sada_io_now();
	sada_op_encode(&rec, op, world.key[m->r->who], &id);
	must(sada_log_stage(world.home.log, rec.p, rec.len, &i, &err), &err);
	assert((int)i == sim.w.n.nop);
	sim.no[i] = i;
	sim.rec[i] = rec;
	enter(m, &id, past);
	m->r->last = (int)i;
	m->r->laid |= sim.w.n.op[i].past;
	m->r->known |= sim.w.n.op[i].past;
}

/* ---- nothing is lost ---- */

/* Is value X of field F in one of the N names? */
static inline int
stands(const struct nname *name, int n, int f, uint8_t x)
{
	int i;

	for (i = 0; i < n; i++)
		if (name[i].content >= 0 &&
		    sim.w.content[name[i].content].f[f] == x)
			return 1;
	return 0;
}

/* Did somebody write over value X of field F of edit E, having seen it? */
static inline int
written_over(const struct nedit *e, int f, uint8_t x)
{
	const struct nedit *o;

	for (o = sim.edit; o < sim.edit + sim.nedit; o++)
		if ((o->fields >> f & 1) && (o->saw[f] >> x & 1) &&
		    (o->op == e->op ||
		    (sim.w.n.op[e->op].past >> o->op & 1) == 0))
			return 1;
	return 0;
}

/* The history, so that a fault can be read. */
static inline void
print_history(void)
{
	const struct nfiles *w = &sim.w;
	int i, k, j;

	for (i = 0; i < w->n.nop; i++)
		printf("# op %d of %02x on %llx\n", i,
		    w->n.op[i].dot.author.b[0], (unsigned long long)
		    (w->n.op[i].past ^ (uint64_t)1 << i));
	for (k = 0; k < w->n.nrec; k++) {
		printf("# record %d op %d %s%s", k, w->n.rec[k].op,
		    sim.path[w->n.rec[k].path], w->n.rec[k].v.flags &
		    SADA_V_ALONE ? " alone" : "");
		for (j = 0; w->file[k].content >= 0 && j < FIELDS; j++)
			printf(" %d", w->content[w->file[k].content].f[j]);
		printf(" on");
		for (j = 0; j < w->n.nrec; j++)
			if (nset_has(&w->file[k].cover, j))
				printf(" %d", j);
		printf("\n");
	}
}

/* No edit is lost: what each wrote stands, or was written over. */
static inline void
check_edits(const struct nname *name, int n)
{
	const struct nedit *e;
	int f, over, here;
	uint8_t x;

	for (e = sim.edit; e < sim.edit + sim.nedit; e++)
		for (f = 0; f < FIELDS && e->content >= 0; f++) {
			x = sim.w.content[e->content].f[f];
			if ((e->fields >> f & 1) == 0 || e->exempt)
				continue;
			here = stands(name, n, f, x);
			over = !here && written_over(e, f, x);
			sum.superseded += over;
			CHECK(here || over);
			if (!here && !over)
				printf("# history %llu: value %d of field %d "
				    "of op %d is lost\n",
				    (unsigned long long)sim.seed, x, f,
				    e->op);
			if (!here && !over)
				print_history();
		}
}

#endif
