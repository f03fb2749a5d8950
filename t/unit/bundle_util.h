/* Bundles in memory: a sink, a source, and what a bundle must tell. */
#ifndef SADA_UNIT_BUNDLE_UTIL_H
#define SADA_UNIT_BUNDLE_UTIL_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/sealed_priv.h"
#include "tap.h"

/* ---- keys ---- */

/* Those who play: a sender, two recipients, a stranger. */
enum { ANN, BOB, CAT, EVE, NPLAYERS };
static struct sada_key *player[NPLAYERS];

static inline const struct sada_pub *
pub_of(int who)
{
	return sada_key_pub(player[who]);
}

static inline void
players_new(void)
{
	int i;

	for (i = 0; i < NPLAYERS; i++)
		sada_key_new(&player[i]);
}

static inline void
players_free(void)
{
	int i;

	for (i = 0; i < NPLAYERS; i++)
		sada_key_free(player[i]);
}

/* Everybody knows everybody but Eve. */
static inline int
trust(const struct sada_id *sender, struct sada_pub *pub, void *ctx)
{
	int i;

	(void)ctx;
	for (i = 0; i < EVE; i++)
		if (sada_id_cmp(sender, &pub_of(i)->id) == 0) {
			*pub = *pub_of(i);
			return 1;
		}
	return 0;
}

/* ---- bytes ---- */

/* A sink that fails once LEFT bytes were taken, if LIMITED. */
struct sink {
	struct sada_buf b;
	size_t left;
	int limited;
};

static inline int
sink_write(const void *p, size_t n, void *ctx, struct sada_err *err)
{
	struct sink *s = ctx;

	if (s->limited && n > s->left) {
		errno = ENOSPC;
		return sada_err_sys(err, "sink");
	}
	s->left -= s->limited ? n : 0;
	sada_buf_add(&s->b, p, n);
	return 0;
}

/* A source of N bytes that gives STEP at a time (0: all that is asked). */
struct source {
	const unsigned char *p;
	size_t n, at, step;
	long fail_in;		/* reads until one fails; 0: none */
	void (*each)(void);	/* called by every read, or NULL */
};

static inline int
source_read(void *p, size_t n, size_t *got, void *ctx, struct sada_err *err)
{
	struct source *s = ctx;
	size_t k = s->n - s->at < n ? s->n - s->at : n;

	if (s->each != NULL)
		s->each();
	if (s->fail_in > 0 && --s->fail_in == 0) {
		errno = EIO;
		return sada_err_sys(err, "source");
	}
	if (s->step > 0 && k > s->step)
		k = s->step;
	if (k > 0)
		memcpy(p, s->p + s->at, k);
	s->at += k;
	*got = k;
	return 0;
}

/* ---- records ---- */

/*
 * What a bundle holds: TYPE and N bytes each, whose bytes follow from SEED
 * (0: all zero).  END_AT is where the record ends in the payload stream,
 * if it is an outer one.
 */
struct script {
	struct { unsigned type; size_t n; uint64_t seed; size_t end_at; }
	    r[64];
	size_t n;
};

static inline void
script_add(struct script *s, unsigned type, size_t n, uint64_t seed)
{
	s->r[s->n].type = type;
	s->r[s->n].n = n;
	s->r[s->n].seed = seed;
	s->r[s->n++].end_at = 0;
}

static inline void
script_bytes(unsigned char *p, size_t n, uint64_t seed)
{
	uint64_t z = seed;
	size_t i;

	memset(p, 0, n);
	for (i = 0; seed != 0 && i < n; i++) {
		z = z * UINT64_C(6364136223846793005) + 1442695040888963407u;
		p[i] = (unsigned char)(z >> 56);
	}
}

/* Seal S from WHO to Bob and Cat into OUT. */
static inline int
script_seal(struct sink *out, struct script *s, int who,
    struct sada_err *err)
{
	struct sada_sealer *w = NULL;
	struct sada_pub to[2];
	unsigned char *p;
	uint64_t bytes = 0;
	size_t i, at = SADA_ID_LEN;
	int rc;

	to[0] = *pub_of(BOB);
	to[1] = *pub_of(CAT);
	rc = sada_sealer_new(&w, player[who], to, 2, sink_write, out, err);
	for (i = 0; rc == 0 && i < s->n; i++) {
		p = sada_malloc(s->r[i].n);
		script_bytes(p, s->r[i].n, s->r[i].seed);
		if (s->r[i].type < SADA_REC_MEMBER) {
			rc = sada_sealer_add(w, s->r[i].type, p, s->r[i].n,
			    err);
			at += 2 + s->r[i].n + (s->r[i].n > 127) +
			    (s->r[i].n > 16383) + (s->r[i].n > 2097151);
			s->r[i].end_at = at;
		} else
			rc = sada_sealer_meta(w, s->r[i].type, p, s->r[i].n,
			    err);
		free(p);
	}
	if (rc < 0) {
		sada_sealer_free(w);
		return rc;
	}
	if ((rc = sada_sealer_end(w, &bytes, err)) == 0)
		CHECK_INT(bytes, out->b.len);
	return rc;
}

/*
 * Open SRC as WHO and compare with S (may be NULL); *TOLD is how many
 * records came.  What is told must be what was put in, whatever follows.
 */
static inline int
script_open(struct source *src, const struct script *s, int who,
    size_t *told, struct sada_err *err)
{
	struct sada_opener *o = NULL;
	const unsigned char *p;
	unsigned char *want;
	unsigned type;
	size_t n;
	int rc;

	*told = 0;
	rc = sada_opener_new(&o, player[who], trust, source_read, src, err);
	if (rc < 0)
		return rc;
	while ((rc = sada_opener_next(o, &type, &p, &n, err)) == 1) {
		if (s != NULL && (*told >= s->n || type != s->r[*told].type ||
		    n != s->r[*told].n)) {
			CHECK_STR("a record that was not put in", NULL);
			break;
		}
		if (s != NULL) {
			want = sada_malloc(n);
			script_bytes(want, n, s->r[*told].seed);
			CHECK(n == 0 || memcmp(want, p, n) == 0);
			free(want);
		}
		++*told;
	}
	/* What was said once is said again. */
	CHECK_INT(sada_opener_next(o, &type, &p, &n, NULL), rc);
	sada_opener_free(o);
	return rc;
}

/* script_open() of N bytes at P. */
static inline int
open_bytes(const void *p, size_t n, const struct script *s, int who,
    size_t *told, struct sada_err *err)
{
	struct source src = { 0 };

	src.p = p;
	src.n = n;
	return script_open(&src, s, who, told, err);
}

#endif
