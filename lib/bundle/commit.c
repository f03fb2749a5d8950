/*
 * Committing what was taken: stage all that can be staged, parked ops of
 * earlier bundles included, until nothing moves; then one pack, one frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "bundle/take_priv.h"
#include "bundle/want.h"
#include "format/op.h"
#include "tree/state.h"

/* A parked file that is tried again. */
struct parked {
	char name[33];
	struct taken_list l;
};

struct commit {
	struct sada_take *t;
	struct sada_log *log;
	struct sada_take_result *res;
	struct parked *parked;
	size_t nparked, capparked;
	struct sada_buf payload;
	uint32_t records;
	struct sada_idset members;	/* written in this frame */
	uint32_t first;			/* number of the first new op */
	struct sada_self self;
};

static int
keep_parked(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err)
{
	struct commit *c = ctx;
	struct parked *p;

	(void)err;
	c->parked = sada_grow(c->parked, &c->capparked, c->nparked + 1,
	    sizeof(*c->parked));
	p = &c->parked[c->nparked++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->l = *l;
	memset(l, 0, sizeof(*l));
	return 0;
}

/* Put the member record of author A in the frame, before its first op. */
static void
add_member(struct commit *c, const struct taken_list *l,
    const struct sada_id *a)
{
	const struct taken_member *m = taken_list_find(l, a);
	const unsigned char *p;
	size_t n;

	if (m == NULL || !sada_idset_add(&c->members, a, 0))
		return;
	if (sada_log_member_bytes(c->log, a, &p, &n) && n == m->len &&
	    memcmp(p, m->rec, n) == 0)
		return;
	sada_log_record(&c->payload, SADA_LOG_MEMBER, m->rec, m->len);
	c->records++;
}

/*
 * Stage what can be staged of L, once; *MOVED counts.  What is missing is
 * said in NEED; ops whose maps are missing become needs of ours.
 */
static int
stage_list(struct commit *c, struct taken_list *l, unsigned *moved,
    char *need, struct sada_err *err)
{
	uint32_t n;
	size_t i;
	int lacks, rc;

	for (i = 0; i < l->nop; i++) {
		struct taken_op *o = &l->op[i];

		if (o->admitted)
			continue;
		if (sada_log_find(c->log, &o->id, &n)) {
			o->admitted = 1;
			continue;
		}
		lacks = 0;
		rc = take_stage(c->t, c->log, l, o, need, &lacks, err);
		if (rc == SADA_LATER)
			continue;
		if (rc < 0)
			return rc;
		add_member(c, l, &o->author);
		sada_log_record(&c->payload, SADA_LOG_OP, o->rec, o->len);
		c->records++;
		o->admitted = 1;
		c->res->ops++;
		++*moved;
	}
	return 0;
}

/* Which ops of L wait for a map: what we ask for. */
static int
collect_needs(struct commit *c, struct taken_list *l, struct sada_err *err)
{
	char need[128];
	size_t i;
	int lacks, rc;

	for (i = 0; i < l->nop; i++) {
		if (l->op[i].admitted)
			continue;
		lacks = 0;
		rc = take_stage(c->t, c->log, l, &l->op[i], need, &lacks,
		    err);
		if (rc < 0 && rc != SADA_LATER)
			return rc;
		if (!lacks || c->self.nneed >= SADA_ACK_NEED_MAX)
			continue;
		c->self.need = sada_realloc(c->self.need,
		    (c->self.nneed + 1) * sizeof(*c->self.need));
		c->self.need[c->self.nneed++] = l->op[i].id;
	}
	return 0;
}

static int
cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/* One op may wait in several parked files: each need once, by id. */
static void
sort_needs(struct sada_self *self)
{
	size_t i, n = 0;

	if (self->nneed > 1)
		qsort(self->need, self->nneed, sizeof(*self->need), cmp_id);
	for (i = 0; i < self->nneed; i++)
		if (n == 0 || cmp_id(&self->need[n - 1], &self->need[i]) != 0)
			self->need[n++] = self->need[i];
	self->nneed = n;
}

/* A bundle with whole maps: its ops need no replay when all heads came. */
static void
trust_maps(struct sada_take *t)
{
	struct sada_idset inner = {0};
	struct sada_op op;
	struct sada_err e;
	size_t i, k;
	int ok = 1;

	if ((t->head.flags & SADA_BUNDLE_MAPS) == 0)
		return;
	for (i = 0; i < t->list.nop; i++) {
		if (sada_op_decode(&op, t->list.op[i].rec, t->list.op[i].len,
		    &e) < 0)
			continue;
		for (k = 0; k < op.nparents; k++)
			sada_idset_add(&inner, &op.parents[k], 0);
		sada_op_release(&op);
	}
	for (i = 0; i < t->list.nop; i++)
		if (!t->list.op[i].map &&
		    !sada_idset_get(&inner, &t->list.op[i].id, NULL))
			ok = 0;
	for (i = 0; ok && i < t->list.nop; i++)
		t->list.op[i].map = 1;
	sada_idset_release(&inner);
}

/* Who sees his own acknowledgement echoed from the future starts anew. */
static void
hear_echo(struct commit *c)
{
	const struct sada_id *self = &sada_key_pub(c->t->o.key)->id;
	size_t i;

	for (i = 0; i < c->t->head.necho; i++) {
		const struct sada_echo *e = &c->t->head.echo[i];

		if (sada_id_cmp(&e->author, self) != 0)
			continue;
		if (e->incarnation < c->self.incarnation ||
		    (e->incarnation == c->self.incarnation &&
		    e->counter <= c->self.counter))
			continue;
		if (e->incarnation == UINT64_MAX)
			continue;
		c->self.incarnation = e->incarnation + 1;
		c->self.counter = 0;
		c->res->news = 1;
	}
}

/* The group's records: adopted, or another name of ours. */
static void
add_group(struct commit *c)
{
	const struct sada_bundle_head *h = &c->t->head;
	struct sada_id own;
	size_t i;
	int has = sada_log_group(c->log, &own);

	if (c->t->adopt && sada_log_count(c->log) == 0) {
		sada_log_record(&c->payload, SADA_LOG_GROUP, h->group.b,
		    SADA_ID_LEN);
		c->records++;
	} else if (!sada_log_group_is(c->log, &h->group) && has &&
	    (c->t->alias || c->t->adopt)) {
		/* The smaller id stays the group, the other is an alias. */
		int smaller = sada_id_cmp(&h->group, &own) < 0;

		sada_log_record(&c->payload, SADA_LOG_ALIAS,
		    smaller ? own.b : h->group.b, SADA_ID_LEN);
		c->records++;
		if (smaller) {
			sada_log_record(&c->payload, SADA_LOG_GROUP,
			    h->group.b, SADA_ID_LEN);
			c->records++;
		}
	}
	for (i = 0; i < h->nalias; i++) {
		if (sada_log_group_is(c->log, &h->alias[i]))
			continue;
		sada_log_record(&c->payload, SADA_LOG_ALIAS, h->alias[i].b,
		    SADA_ID_LEN);
		c->records++;
	}
}

static int
stage_all(struct commit *c, struct sada_err *err)
{
	char other[128];
	unsigned moved;
	size_t i;
	int rc;

	do {
		moved = 0;
		if ((rc = stage_list(c, &c->t->list, &moved, c->res->needs,
		    err)) < 0)
			return rc;
		for (i = 0; i < c->nparked; i++)
			if ((rc = stage_list(c, &c->parked[i].l, &moved,
			    other, err)) < 0)
				return rc;
	} while (moved > 0);
	if ((rc = collect_needs(c, &c->t->list, err)) < 0)
		return rc;
	for (i = 0; i < c->nparked; i++)
		if ((rc = collect_needs(c, &c->parked[i].l, err)) < 0)
			return rc;
	sort_needs(&c->self);
	for (i = 0; i < c->t->list.nop; i++)
		c->res->parked += !c->t->list.op[i].admitted;
	return 0;
}

/* Is every op of L admitted? */
static int
all_admitted(const struct taken_list *l)
{
	size_t i;

	for (i = 0; i < l->nop; i++)
		if (!l->op[i].admitted)
			return 0;
	return 1;
}

/* After the commit: parked files that are done, marks, caches. */
static int
settle(struct commit *c, struct sada_wants *wants, struct sada_err *err)
{
	struct sada_take *t = c->t;
	size_t i;
	int took, rc;

	for (i = 0; i < c->nparked; i++)
		if (all_admitted(&c->parked[i].l) &&
		    (rc = park_remove(t->o.sdir, c->parked[i].name, err)) < 0)
			return rc;
	if ((rc = sada_wants_save(wants, t->o.sdir, err)) < 0 ||
	    (rc = sada_self_save(&c->self, t->o.sdir, err)) < 0 ||
	    (rc = sada_ack_keep(t->o.sdir, &t->sender.pub, &t->ack,
	    t->head.ack, t->head.ack_len, &took, err)) < 0)
		return rc;
	c->res->news |= took;
	return 0;
}

int
sada_take_commit(struct sada_take *t, struct sada_log *log,
    struct sada_take_result *res, struct sada_err *err)
{
	struct commit c = { .t = t, .log = log, .res = res };
	struct sada_wants wants = {0};
	struct sada_txn_stat st;
	struct sada_txn *txn;
	size_t i;
	int rc;

	memset(res, 0, sizeof(*res));
	c.first = sada_log_count(log);
	trust_maps(t);
	if ((rc = sada_self_load(&c.self, t->o.sdir, err)) < 0 ||
	    (rc = park_each(t->o.sdir, keep_parked, &c, err)) < 0)
		goto out;
	free(c.self.need);
	c.self.need = NULL;
	c.self.nneed = 0;
	hear_echo(&c);
	add_group(&c);
	if ((rc = stage_all(&c, err)) < 0 ||
	    (rc = sada_want_update(&wants, t->o.sdir, t->o.store, t->txn,
	    log, c.first, err)) < 0)
		goto out;
	sada_log_unstage(log);
	sada_txn_stat(t->txn, &st);
	txn = t->txn;
	t->txn = NULL;
	res->news |= st.objects > 0 || res->ops > 0;
	if ((rc = sada_txn_commit(txn, err)) < 0)
		goto out;
	if (res->parked > 0 &&
	    (rc = park_write(t->o.sdir, &t->list, err)) < 0)
		goto out;
	if (c.records > 0 && (rc = sada_log_commit(log,
	    res->ops > 0 ? SADA_FRAME_PULLED : SADA_FRAME_LOCALMETA,
	    &c.payload, c.records, err)) < 0)
		goto out;
	rc = settle(&c, &wants, err);
out:
	sada_log_unstage(log);
	for (i = 0; i < c.nparked; i++)
		taken_list_release(&c.parked[i].l);
	free(c.parked);
	sada_buf_release(&c.payload);
	sada_idset_release(&c.members);
	sada_self_release(&c.self);
	sada_wants_release(&wants);
	return rc;
}
