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
	uint64_t park_bytes;		/* of the ops in PARKED */
	struct sada_buf payload;
	uint32_t records;
	struct sada_idset members;	/* written in this frame */
	uint32_t first;			/* number of the first new op */
	struct sada_self self;
	int healed;			/* a lost map has come */
	int swept;			/* packs went since ops were replayed */
	struct sada_err *err;		/* for callbacks */
};

static int
keep_parked(struct taken_list *l, const char *name, void *ctx,
    struct sada_err *err)
{
	struct commit *c = ctx;
	struct parked *p;
	size_t i;

	(void)err;
	c->parked = sada_grow(c->parked, &c->capparked, c->nparked + 1,
	    sizeof(*c->parked));
	p = &c->parked[c->nparked++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->l = *l;
	p->l.waited = 1;
	memset(l, 0, sizeof(*l));
	for (i = 0; i < p->l.nop; i++)
		c->park_bytes += p->l.op[i].len;
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

		if (o->admitted || o->refused)
			continue;
		if (sada_log_find(c->log, &o->id, &n)) {
			o->admitted = 1;
			continue;
		}
		lacks = 0;
		rc = take_stage(c->t, c->log, l, o, need, &lacks, err);
		if (rc == SADA_LATER)
			continue;
		if (rc == SADA_FORMAT && l->waited) {
			o->refused = 1;
			continue;
		}
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

/*
 * Of our needs those stay whose op is held and whose map is lost still;
 * those of ops that wait are collected anew.
 */
static int
check_needs(struct commit *c, struct sada_err *err)
{
	struct sada_self *self = &c->self;
	size_t i, k = 0;
	uint32_t n;
	int rc;

	for (i = 0; i < self->nneed; i++) {
		if (!sada_log_find(c->log, &self->need[i], &n))
			continue;
		rc = sada_map_check(&c->t->ns, &sada_log_op(c->log, n)->root,
		    err);
		if (rc == SADA_SYS)
			return rc;
		if (rc < 0)
			self->need[k++] = self->need[i];
		else
			c->healed = 1;
	}
	self->nneed = k;
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
		if (l->op[i].admitted || l->op[i].refused)
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

/* Would all ops of T come in, without parked ones?  1, 0, <0. */
static int
all_fit(struct sada_take *t, struct sada_log *log, struct sada_err *err)
{
	unsigned char *in = sada_calloc(t->list.nop + 1, 1);
	char need[128];
	size_t i, n = 0, before;
	int lacks, rc = 0;

	do {
		before = n;
		for (i = 0; i < t->list.nop; i++) {
			if (in[i])
				continue;
			rc = take_stage(t, log, &t->list, &t->list.op[i],
			    need, &lacks, err);
			if (rc == SADA_LATER)
				continue;
			if (rc < 0)
				goto out;
			in[i] = 1;
			n++;
		}
	} while (n > before);
	rc = n == t->list.nop;
out:
	sada_log_unstage(log);
	free(in);
	return rc;
}

/*
 * A bundle with whole maps: its ops need no replay when all heads came and
 * come in.  One that came in without what stands on it would be a head
 * whose map nobody here has.
 */
static int
trust_maps(struct sada_take *t, struct sada_log *log, struct sada_err *err)
{
	enum { CAME = 1, TRUSTED = 2 };
	struct sada_idset inner = {0};
	struct sada_op op;
	struct sada_err e;
	size_t i, k;
	int ok = 1;

	if ((t->head.flags & SADA_BUNDLE_MAPS) == 0)
		return 0;
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
	sada_idset_release(&inner);
	if (!ok)
		return 0;
	for (i = 0; i < t->list.nop; i++)
		if (t->list.op[i].map != CAME)
			t->list.op[i].map = TRUSTED;
	if ((ok = all_fit(t, log, err)) != 0)
		return ok < 0 ? ok : 0;
	for (i = 0; i < t->list.nop; i++)
		if (t->list.op[i].map == TRUSTED)
			t->list.op[i].map = 0;
	return 0;
}

/* Is the bundle made for one who holds an op that is not held here? */
static int
basis_unknown(const struct commit *c)
{
	const struct sada_bundle_head *h = &c->t->head;
	uint32_t n;
	size_t i;

	for (i = 0; i < h->nbasis; i++)
		if (!sada_log_find(c->log, &h->basis[i], &n))
			return 1;
	return 0;
}

/* What we ask for, in a hash; zero when that is nothing. */
static void
hash_asked(struct sada_id *out, const struct commit *c,
    const struct sada_wants *w)
{
	struct sada_buf b = {0};
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < w->n; i++)
		sada_buf_add(&b, w->w[i].id.b, SADA_ID_LEN);
	for (i = 0; i < c->self.nneed; i++)
		sada_buf_add(&b, c->self.need[i].b, SADA_ID_LEN);
	if (b.len > 0)
		sada_hash(out, SADA_CTX_FILE, b.p, b.len);
	sada_buf_release(&b);
}

/*
 * Who sees his own acknowledgement echoed from the future goes on from
 * there.  He starts anew, with the next incarnation, when what is ascribed
 * to him is not true (ASTRAY), for the store was set back, or a copy of it
 * speaks in his name; and when he asks for something, which that copy's
 * words have covered.
 *
 * So two copies of one store that live on fall silent: once both hold all
 * ops, nothing untrue is said of either; a start of the other is answered
 * once for each thing that is asked for; and to go on from there is no news
 * (sada_send_what() counts only the starts of our own).
 */
static void
hear_echo(struct commit *c, const struct sada_wants *w)
{
	const struct sada_id *own = &sada_key_pub(c->t->o.key)->id;
	struct sada_self *self = &c->self;
	struct sada_id asked;
	int astray = basis_unknown(c), lost;
	size_t i;

	hash_asked(&asked, c, w);
	for (i = 0; i < c->t->head.necho; i++) {
		const struct sada_echo *e = &c->t->head.echo[i];

		if (sada_id_cmp(&e->author, own) != 0 ||
		    e->incarnation < self->incarnation ||
		    (e->incarnation == self->incarnation && !astray &&
		    e->counter <= self->counter))
			continue;
		/* There is no incarnation after the last. */
		if (e->incarnation == UINT64_MAX)
			continue;
		lost = !sada_id_zero(&asked) &&
		    (e->incarnation == self->incarnation ||
		    sada_id_cmp(&asked, &self->asked) != 0);
		if (astray || lost || e->counter == UINT64_MAX) {
			self->incarnation = e->incarnation + 1;
			self->counter = 0;
			self->raised = self->incarnation;
			self->asked = asked;
		} else {
			self->incarnation = e->incarnation;
			self->counter = e->counter;
		}
		c->res->news = 1;
	}
}

/* The group's records: adopted, or another name of ours. */
static void
add_group(struct commit *c)
{
	const struct sada_bundle_head *h = &c->t->head;
	struct sada_id own;
	size_t i, nalias;
	int has = sada_log_group(c->log, &own);

	(void)sada_log_aliases(c->log, &nalias);
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
		if (sada_log_group_is(c->log, &h->alias[i]) ||
		    nalias++ >= KEEP_ALIASES_MAX)
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
	for (i = 0; i < c->t->list.nop; i++)
		c->res->parked += !c->t->list.op[i].admitted;
	return 0;
}

/* Is nothing of L waited for: all admitted, or one bad? (Others come again.) */
static int
is_done(const struct taken_list *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->nop; i++) {
		if (l->op[i].refused)
			return 1;
		n += (size_t)(l->op[i].admitted != 0);
	}
	return n == l->nop;
}

/*
 * After the commit: parked files that are done, marks, caches.  One that
 * fails does not keep the others.
 */
static int
settle(struct commit *c, struct sada_err *err)
{
	struct sada_take *t = c->t;
	struct sada_err e;
	size_t i;
	int took = 0, first = 0, rc = 0;

	for (i = 0; i < c->nparked && rc == 0; i++)
		if (is_done(&c->parked[i].l))
			rc = first = park_remove(t->o.sdir,
			    c->parked[i].name, err);
	if ((rc = sada_self_save(&c->self, t->o.sdir, &e)) < 0 && !first) {
		first = rc;
		*err = e;
	}
	if ((rc = sada_ack_keep(t->o.sdir, &t->sender.pub, &t->ack,
	    t->head.ack, t->head.ack_len, &took, &e)) < 0 && !first) {
		first = rc;
		*err = e;
	}
	c->res->news |= took;
	return first;
}

/* Two replicas with ops become one group only when told to. */
static int
check_adopt(const struct commit *c, struct sada_err *err)
{
	const struct sada_take *t = c->t;

	if (!t->adopt || t->o.join || sada_log_count(c->log) == 0 ||
	    sada_log_group_is(c->log, &t->head.group))
		return 0;
	return sada_err_set(err, SADA_GUARD, "%s's bundle belongs to another "
	    "group of replicas; to make the two one, pull it with --join",
	    t->sender.name);
}

/* A node of a map that is a head: put it unless it will be there. */
static int
settle_node(const struct sada_id *id, const void *p, size_t n,
    unsigned level, void *ctx)
{
	struct commit *c = ctx;
	struct sada_id own;

	(void)level;
	if (sada_txn_has_quick(c->t->txn, SADA_OBJ_NODE, id))
		return 0;
	return sada_txn_put(c->t->txn, SADA_OBJ_NODE, p, n, &own, c->err);
}

/*
 * Packs were swept since ops were replayed: of the maps that they gave, what
 * was not new was not put, and may have gone with the state that had it.
 */
static int
settle_maps(struct commit *c, struct sada_err *err)
{
	uint32_t *head = NULL;
	size_t n = 0, i;
	int rc = 0;

	c->err = err;
	sada_context_heads(&head, &n, c->log, NULL);
	for (i = 0; i < n && rc == 0; i++)
		if (head[i] >= c->first)
			rc = sada_map_nodes(&c->t->ns, &sada_log_op(c->log,
			    head[i])->root, settle_node, c, err);
	free(head);
	return rc == SADA_NOTFOUND ? 0 : rc;
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
	if ((rc = c.swept = sada_txn_settle(t->txn, err)) < 0 ||
	    (rc = check_adopt(&c, err)) < 0 ||
	    (rc = trust_maps(t, log, err)) < 0 ||
	    (rc = sada_self_load(&c.self, t->o.sdir, err)) < 0 ||
	    (rc = park_each(t->o.sdir, keep_parked, &c, err)) < 0)
		goto out;
	add_group(&c);
	if ((rc = check_needs(&c, err)) < 0 ||
	    (rc = stage_all(&c, err)) < 0 ||
	    (c.swept && (rc = settle_maps(&c, err)) < 0))
		goto out;
	if ((rc = sada_want_update(&wants, t->o.sdir, t->o.store, t->txn,
	    log, c.first, err)) < 0)
		goto out;
	/* With its map it can be told again what else is lost. */
	if (c.healed && (rc = sada_want_all(&wants, t->o.store, t->txn, log,
	    err)) < 0)
		goto out;
	hear_echo(&c, &wants);
	sada_log_unstage(log);
	sada_txn_stat(t->txn, &st);
	txn = t->txn;
	t->txn = NULL;
	res->news |= st.objects > 0 || res->ops > 0;
	/* Wants too many do no harm; one too few would never be asked for. */
	if ((rc = sada_txn_commit(txn, err)) < 0 ||
	    (rc = sada_wants_save(&wants, t->o.sdir, err)) < 0)
		goto out;
	if (res->parked > 0 && c.park_bytes + t->op_bytes <= PARK_OPS_MAX &&
	    (rc = park_write(t->o.sdir, &t->list, err)) < 0)
		goto out;
	if (c.records > 0 && (rc = sada_log_commit(log,
	    res->ops > 0 ? SADA_FRAME_PULLED : SADA_FRAME_LOCALMETA,
	    &c.payload, c.records, err)) < 0)
		goto out;
	if (settle(&c, &res->late) == 0)
		res->late.code = 0;
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
