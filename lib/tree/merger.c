/* Merging contents of a path: bases, drivers, where the bytes go. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tree/merger.h"

/* Pasts of ops that are kept at a time. */
#define PASTS 256

struct past {
	uint32_t op;
	struct sada_context *c;
};

struct sada_merger {
	struct sada_merger_opts o;
	struct sada_txn *txn;		/* where contents go */
	struct sada_txn *own;		/* that, when it is ours */
	struct past past[PASTS];
	size_t npast, next;
	uint64_t key[8];		/* odd */
};

int
sada_merger_new(struct sada_merger **out,
    const struct sada_merger_opts *opts, struct sada_err *err)
{
	struct sada_merger *m = sada_calloc(1, sizeof(*m));
	size_t i;
	int rc = 0;

	*out = NULL;
	m->o = *opts;
	sada_io_random(m->key, sizeof(m->key));
	for (i = 0; i < sizeof(m->key) / sizeof(m->key[0]); i++)
		m->key[i] |= 1;
	m->txn = opts->txn != NULL ? opts->txn : opts->st->ns.txn;
	if (m->txn == NULL) {
		if ((rc = sada_txn_begin(&m->own, opts->st->ns.store,
		    err)) < 0)
			goto out;
		m->txn = m->own;
	}
	*out = m;
	m = NULL;
out:
	sada_merger_free(m);
	return rc;
}

void
sada_merger_free(struct sada_merger *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->npast; i++)
		free(m->past[i].c);
	sada_txn_abort(m->own);
	free(m);
}

struct sada_source
sada_merger_source(const struct sada_merger *m)
{
	struct sada_source src = { m->o.st->ns.store, m->txn };

	return src;
}

unsigned
sada_merger_driver(const struct sada_merger *m, const char *path,
    size_t len, const char **command)
{
	*command = NULL;
	return m->o.driver == NULL ? SADA_MERGE_TEXT :
	    m->o.driver(path, len, command, m->o.ctx);
}

int
sada_merger_asks(const struct sada_merger *m)
{
	return m != NULL && m->o.base != NULL;
}

void
sada_merger_tell(const struct sada_merger *m, const struct sada_ancestor *a)
{
	m->o.base(a, m->o.ctx);
}

static void
lack(const struct sada_merger *m, unsigned type, const struct sada_id *id,
    uint64_t size)
{
	if (m->o.lack != NULL)
		m->o.lack(type, id, size, m->o.ctx);
}

int
sada_merger_list(struct sada_merger *m, const struct sada_version *v,
    struct sada_ancestor **a, size_t *n, struct sada_err *err)
{
	int rc;

	rc = sada_anc_load(a, n, v, NULL, m->txn, err);
	if (rc == 0)
		lack(m, SADA_OBJ_ANC, &v->anc, 0);
	return rc;
}

/* Pasts are kept for a while: slots of one merge share them. */
const struct sada_context *
sada_merger_past(struct sada_merger *m, uint32_t i)
{
	struct past *p;
	size_t k;

	for (k = 0; k < m->npast; k++)
		if (m->past[k].op == i)
			return m->past[k].c;
	p = &m->past[m->next];
	if (m->npast < PASTS)
		m->npast++;
	else
		free(p->c);
	m->next = (m->next + 1) % PASTS;
	p->op = i;
	sada_context_make(&p->c, m->o.st->log, &i, 1);
	return p->c;
}

size_t
sada_merger_ops(const struct sada_merger *m, const struct sada_dot *d,
    uint32_t *out, size_t max)
{
	/* A map alone, without a log, is of no op. */
	if (m->o.st->log == NULL)
		return 0;
	return sada_context_ops(m->o.st->log, m->o.st->past, d, out, max);
}

int
sada_merger_seen(const struct sada_merger *m,
    const struct sada_context *past, const struct sada_dot *d)
{
	return sada_context_seen(m->o.st->log, past, d);
}

const uint64_t *
sada_merger_key(const struct sada_merger *m)
{
	return m->key;
}

int
sada_side3_same(const struct sada_side3 *a, const struct sada_side3 *b)
{
	return a->kind == b->kind && a->size == b->size &&
	    sada_id_cmp(&a->id, &b->id) == 0;
}

static int
each_part(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n);
	return 0;
}

/* The bytes of S: 1, or 0 when they are not here. */
static int
read_side(struct sada_merger *m, const struct sada_side3 *s,
    struct sada_buf *b, struct sada_err *err)
{
	struct sada_source src = sada_merger_source(m);
	int rc;

	rc = sada_file_get(&src, &s->id, s->size, each_part, b, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		lack(m, s->size > SADA_CHUNK_MAX ? SADA_OBJ_LIST :
		    SADA_OBJ_CHUNK, &s->id, s->size);
		return 0;
	}
	return rc < 0 ? rc : 1;
}

static void
add_side(struct sada_buf *b, const struct sada_side3 *s)
{
	sada_put_u64(b, s->size);
	sada_buf_add(b, s->id.b, SADA_ID_LEN);
}

/* All that the result depends on. */
static void
key_of(struct sada_id *key, const struct sada_meld *x, unsigned driver,
    const char *command)
{
	struct sada_buf b = {0};

	sada_put_u32(&b, SADA_MERGE_NUMBER);
	sada_put_u8(&b, (uint8_t)driver);
	add_side(&b, &x->base);
	add_side(&b, &x->a);
	add_side(&b, &x->b);
	if (command != NULL) {
		sada_put_u64(&b, x->len);
		sada_buf_add(&b, x->path, x->len);
		sada_buf_adds(&b, command);
	}
	sada_hash(key, SADA_CTX_MERGE, b.p, b.len);
	sada_buf_release(&b);
}

/* Store the merged bytes B. */
static int
put_content(struct sada_merger *m, const struct sada_buf *b,
    struct sada_id *id, struct sada_err *err)
{
	struct sada_fill *f;
	int rc;

	if ((rc = sada_fill_new(&f, m->txn, err)) < 0)
		return rc;
	rc = sada_file_put_bytes(f, b->p, b->len, id, err);
	if (rc < 0) {
		sada_fill_drop(f);
		return rc;
	}
	return sada_fill_end(f, err);
}

/* Why a driver did not merge IN, as a reason to stand apart. */
static unsigned
apart_of(unsigned driver, const struct sada_three *in)
{
	if (driver == SADA_MERGE_COMMAND)
		return SADA_APART_COMMAND;
	switch (sada_merge_why(driver, in)) {
	case SADA_MERGE_NO_SIZE:
		return SADA_APART_LARGE;
	case SADA_MERGE_NO_FORM:
		return SADA_APART_BINARY;
	case SADA_MERGE_NO_DRIVER:
		return SADA_APART_DRIVER;
	default:
		return SADA_APART_SAME;
	}
}

/* Read the sides, merge, keep: 1 clean, 0 conflict or something lacks. */
static int
merge_bytes(struct sada_merger *m, struct sada_meld *x, unsigned driver,
    const char *command, struct sada_merged *done, struct sada_err *err)
{
	struct sada_buf base = {0}, a = {0}, b = {0}, out = {0};
	struct sada_three in;
	int rc;

	/* All three are looked at, so that all that lacks is told. */
	if ((rc = read_side(m, &x->base, &base, err)) < 0)
		goto out;
	x->lacks |= rc == 0 ? SADA_LACK_BASE : 0u;
	if ((rc = read_side(m, &x->a, &a, err)) < 0)
		goto out;
	x->lacks |= rc == 0 ? SADA_LACK_A : 0u;
	if ((rc = read_side(m, &x->b, &b, err)) < 0)
		goto out;
	x->lacks |= rc == 0 ? SADA_LACK_B : 0u;
	if (x->lacks != 0) {
		x->apart = SADA_APART_LACKS;
		rc = 0;
		goto out;
	}
	in.base.p = base.p;
	in.base.n = base.len;
	in.a.p = a.p;
	in.a.n = a.len;
	in.b.p = b.p;
	in.b.n = b.len;
	if (driver == SADA_MERGE_COMMAND)
		rc = m->o.run == NULL ? 0 : m->o.run(&out, command, x->path,
		    x->len, &in, m->o.ctx, err);
	else
		rc = sada_merge_bytes(&out, driver, &in, err);
	if (rc < 0)
		goto out;
	done->why = (uint8_t)(rc == 0 ? apart_of(driver, &in) :
	    out.len > SADA_MERGE_MAX ? SADA_APART_LARGE : 0);
	done->size = done->why == 0 ? out.len : 0;
	if (done->why == 0 && (rc = put_content(m, &out, &done->content,
	    err)) < 0)
		goto out;
	/* Another build may have what this one lacks. */
	if (m->o.cache != NULL && done->why != SADA_APART_DRIVER)
		sada_merge_cache_put(m->o.cache, done);
	x->apart = done->why;
	rc = done->why == 0;
out:
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
	return rc;
}

/* Why DRIVER cannot even try: a kind or a size that none merges. */
static unsigned
hopeless(const struct sada_meld *x, unsigned driver)
{
	if (x->a.kind != x->b.kind)
		return SADA_APART_KIND;
	if (driver == SADA_MERGE_KEEP)
		return SADA_APART_KEEP;
	if (x->a.kind != SADA_FILE)
		return SADA_APART_SAME;
	if (x->base.kind != SADA_FILE)
		return SADA_APART_BASE;
	if (x->base.size > SADA_MERGE_MAX || x->a.size > SADA_MERGE_MAX ||
	    x->b.size > SADA_MERGE_MAX)
		return SADA_APART_LARGE;
	return 0;
}

/* Take the merge of X from what is left for its slot: 1, or 0. */
static int
spend(const struct sada_meld *x)
{
	uint64_t bytes = x->base.size + x->a.size + x->b.size;

	if (x->left->melds == 0 || x->left->bytes < bytes)
		return 0;
	x->left->melds--;
	x->left->bytes -= bytes;
	return 1;
}

int
sada_meld(struct sada_merger *m, struct sada_meld *x, struct sada_err *err)
{
	struct sada_source src = sada_merger_source(m);
	struct sada_merged done;
	const char *command;
	unsigned driver;
	int rc;

	if (sada_side3_same(&x->b, &x->base) || sada_side3_same(&x->a, &x->b)) {
		x->out = x->a;
		x->from = SADA_FROM_A;
		return 1;
	}
	if (sada_side3_same(&x->a, &x->base)) {
		x->out = x->b;
		x->from = SADA_FROM_B;
		return 1;
	}
	driver = sada_merger_driver(m, x->path, x->len, &command);
	x->lacks = 0;
	if ((x->apart = hopeless(x, driver)) != 0)
		return 0;
	if (!spend(x)) {
		x->apart = SADA_APART_MANY;
		return 0;
	}
	memset(&done, 0, sizeof(done));
	key_of(&done.key, x, driver, command);
	rc = 0;
	if (m->o.cache != NULL && sada_merge_cache_get(m->o.cache, &done.key,
	    &done)) {
		if ((x->apart = done.why) != 0)
			return 0;
		rc = sada_file_held(&src, &done.content, done.size, err);
		/* Damage is no reason to stop: it is merged anew. */
		if (rc < 0 && rc != SADA_DAMAGED)
			return rc;
	}
	if (rc != 1 && (rc = merge_bytes(m, x, driver, command, &done,
	    err)) <= 0)
		return rc;
	x->out.kind = SADA_FILE;
	x->out.size = done.size;
	x->out.id = done.content;
	x->from = sada_side3_same(&x->out, &x->a) ? SADA_FROM_A :
	    sada_side3_same(&x->out, &x->b) ? SADA_FROM_B : SADA_FROM_BOTH;
	return 1;
}
