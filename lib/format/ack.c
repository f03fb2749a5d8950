/* Acknowledgements.  The layout stands in ack.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/ack.h"
#include "format/codec_priv.h"

enum {
	ACK_VERSION = 1,
	/* The least bytes of an item. */
	HAVE_MIN = SADA_ID_LEN + 8 + 1 + SADA_ID_LEN,
	WANT_MIN = 1 + SADA_ID_LEN + 1
};

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "acknowledgement refused: %s",
	    why);
}

static int
want_cmp(const struct sada_want *a, const struct sada_want *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return sada_id_cmp(&a->id, &b->id);
}

/* May W stand in an acknowledgement? */
static int
want_ok(const struct sada_want *w)
{
	switch (w->type) {
	case SADA_OBJ_CHUNK:
	case SADA_OBJ_LIST:
		return w->size <= SIZE_CAP;
	case SADA_OBJ_ANC:
		return w->size == 0;
	default:
		return 0;
	}
}

static void
put_haves(struct sada_buf *out, const struct sada_ack *a)
{
	const struct sada_have *h;
	size_t i;

	assert(a->nhave <= SADA_ACK_HAVE_MAX);
	sada_put_var(out, a->nhave);
	for (i = 0; i < a->nhave; i++) {
		h = &a->have[i];
		assert(h->seq >= 1);
		assert(i == 0 || sada_id_cmp(&h[-1].op, &h->op) < 0);
		put_id(out, &h->author);
		sada_put_u64(out, h->epoch);
		sada_put_var(out, h->seq);
		put_id(out, &h->op);
	}
}

static void
put_wants(struct sada_buf *out, const struct sada_ack *a)
{
	const struct sada_want *w;
	size_t i;

	assert(a->nwant <= SADA_ACK_WANT_MAX);
	sada_put_var(out, a->nwant);
	for (i = 0; i < a->nwant; i++) {
		w = &a->want[i];
		assert(want_ok(w));
		assert(i == 0 || want_cmp(&w[-1], w) < 0);
		sada_put_u8(out, w->type);
		put_id(out, &w->id);
		sada_put_var(out, w->size);
	}
}

static void
put_needs(struct sada_buf *out, const struct sada_ack *a)
{
	size_t i;

	assert(a->nneed <= SADA_ACK_NEED_MAX);
	sada_put_var(out, a->nneed);
	for (i = 0; i < a->nneed; i++) {
		assert(i == 0 ||
		    sada_id_cmp(&a->need[i - 1], &a->need[i]) < 0);
		put_id(out, &a->need[i]);
	}
}

void
sada_ack_encode(struct sada_buf *out, const struct sada_ack *a,
    const struct sada_key *k)
{
	unsigned char sig[SADA_SIG_LEN];
	size_t start = out->len;

	assert(sada_id_cmp(&a->author, &sada_key_pub(k)->id) == 0);
	sada_put_u8(out, ACK_VERSION);
	put_id(out, &a->author);
	sada_put_u64(out, a->incarnation);
	sada_put_u64(out, a->counter);
	put_haves(out, a);
	put_wants(out, a);
	put_needs(out, a);
	sada_sign(sig, k, SADA_CTX_ACK, out->p + start, out->len - start);
	sada_buf_add(out, sig, sizeof(sig));
}

static int
get_haves(struct sada_ack *a, struct sada_rd *r, struct sada_err *err)
{
	uint64_t n = sada_get_count(r, HAVE_MIN);
	struct sada_have *h;

	if (r->bad || n > SADA_ACK_HAVE_MAX)
		return refuse(err, "the number of ops that it names");
	if (n > 0)
		a->have = sada_calloc((size_t)n, sizeof(*a->have));
	for (; a->nhave < n; a->nhave++) {
		h = &a->have[a->nhave];
		get_id(r, &h->author);
		h->epoch = sada_get_u64(r);
		h->seq = get_var(r);
		get_id(r, &h->op);
		if (r->bad)
			return refuse(err, "it is cut short");
		if (h->seq < 1 || (a->nhave > 0 &&
		    sada_id_cmp(&h[-1].op, &h->op) >= 0))
			return refuse(err, "the ops that it names");
	}
	return 0;
}

static int
get_wants(struct sada_ack *a, struct sada_rd *r, struct sada_err *err)
{
	uint64_t n = sada_get_count(r, WANT_MIN);
	struct sada_want *w;

	if (r->bad || n > SADA_ACK_WANT_MAX)
		return refuse(err, "the number of its wants");
	if (n > 0)
		a->want = sada_calloc((size_t)n, sizeof(*a->want));
	for (; a->nwant < n; a->nwant++) {
		w = &a->want[a->nwant];
		w->type = sada_get_u8(r);
		get_id(r, &w->id);
		w->size = get_var(r);
		if (r->bad)
			return refuse(err, "it is cut short");
		if (!want_ok(w) ||
		    (a->nwant > 0 && want_cmp(&w[-1], w) >= 0))
			return refuse(err, "its wants");
	}
	return 0;
}

static int
get_needs(struct sada_ack *a, struct sada_rd *r, struct sada_err *err)
{
	uint64_t n = sada_get_count(r, SADA_ID_LEN);
	struct sada_id *id;

	if (r->bad || n > SADA_ACK_NEED_MAX)
		return refuse(err, "the number of its needs");
	if (n > 0)
		a->need = sada_calloc((size_t)n, sizeof(*a->need));
	for (; a->nneed < n; a->nneed++) {
		id = &a->need[a->nneed];
		get_id(r, id);
		if (a->nneed > 0 && sada_id_cmp(&id[-1], id) >= 0)
			return refuse(err, "its needs");
	}
	return 0;
}

/* The signature of the N bytes at P by the owner of SIGN. */
static int
check_signature(const struct sada_ack *a, const unsigned char *p, size_t n,
    const unsigned char *sign, struct sada_err *err)
{
	struct sada_id id;

	sada_hash(&id, SADA_CTX_ID, sign, SADA_PK_LEN);
	if (sada_id_cmp(&id, &a->author) != 0)
		return sada_err_set(err, SADA_AUTH,
		    "acknowledgement refused: it is of another author");
	return sada_verify_sig(p + n - SADA_SIG_LEN, sign, SADA_CTX_ACK, p,
	    n - SADA_SIG_LEN, err);
}

int
sada_ack_decode(struct sada_ack *a, const void *p, size_t n,
    const unsigned char *sign, struct sada_err *err)
{
	struct sada_rd r;
	unsigned version;
	int rc;

	memset(a, 0, sizeof(*a));
	if (n < SADA_SIG_LEN)
		return refuse(err, "it is cut short");
	sada_rd_init(&r, p, n - SADA_SIG_LEN);
	version = sada_get_u8(&r);
	if (!r.bad && version != ACK_VERSION)
		return sada_err_set(err, SADA_VERSION, "acknowledgement of "
		    "version %u: a newer sada is needed", version);
	get_id(&r, &a->author);
	a->incarnation = sada_get_u64(&r);
	a->counter = sada_get_u64(&r);
	/* Nothing is allocated for a stranger's counts. */
	if (sign != NULL && !r.bad &&
	    (rc = check_signature(a, p, n, sign, err)) < 0)
		goto out;
	if ((rc = get_haves(a, &r, err)) < 0 ||
	    (rc = get_wants(a, &r, err)) < 0 ||
	    (rc = get_needs(a, &r, err)) < 0)
		goto out;
	if (r.bad || sada_rd_left(&r) != 0)
		rc = refuse(err, "its length");
out:
	if (rc < 0)
		sada_ack_release(a);
	return rc;
}

void
sada_ack_release(struct sada_ack *a)
{
	free(a->have);
	free(a->want);
	free(a->need);
	memset(a, 0, sizeof(*a));
}
