/*
 * Contents that this replica knows of and lacks: note "wants", a cache.
 *
 *	sada-wants 1
 *	want TYPE HEX SIZE	for each, sorted by type and id
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

#define TITLE "sada-wants 1"

static int
order(const struct sada_want *a, const struct sada_want *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return sada_id_cmp(&a->id, &b->id);
}

/* A new item before place AT. */
static void
insert(struct sada_wants *w, size_t at, const struct sada_want *want)
{
	w->w = sada_grow(w->w, &w->cap, w->n + 1, sizeof(*w->w));
	memmove(&w->w[at + 1], &w->w[at], (w->n - at) * sizeof(*w->w));
	w->w[at] = *want;
	w->n++;
}

static int
parse(struct sada_wants *w, struct sada_note *note)
{
	struct sada_want one = { 0 };
	uint64_t type;
	const char *p;

	while ((p = sada_note_next(note, "want")) != NULL) {
		if (sada_note_number(&type, &p, SADA_OBJ_ANC, ' ') < 0 ||
		    type < SADA_OBJ_CHUNK || type == SADA_OBJ_NODE ||
		    sada_note_id(&one.id, &p, ' ') < 0 ||
		    sada_note_number(&one.size, &p, INT64_MAX, '\0') < 0)
			return -1;
		one.type = (uint8_t)type;
		if (w->n > 0 && order(&w->w[w->n - 1], &one) >= 0)
			return -1;
		insert(w, w->n, &one);
	}
	return sada_note_done(note) ? 0 : -1;
}

int
sada_wants_load(struct sada_wants *w, int sdir, struct sada_err *err)
{
	struct sada_note note;
	int rc;

	memset(w, 0, sizeof(*w));
	rc = sada_note_load(&note, sdir, "wants", TITLE, err);
	if (rc == 1 && parse(w, &note) < 0) {
		sada_wants_release(w);
		rc = 0;
	}
	sada_note_release(&note);
	return rc;
}

int
sada_wants_save(const struct sada_wants *w, int sdir, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_buf b = { 0 };
	size_t i;
	int rc;

	sada_buf_adds(&b, TITLE "\n");
	for (i = 0; i < w->n; i++) {
		sada_id_hex(hex, &w->w[i].id);
		sada_buf_addf(&b, "want %u %s %llu\n", w->w[i].type, hex,
		    (unsigned long long)w->w[i].size);
	}
	rc = sada_note_save(&b, sdir, "wants", SADA_PUBLISH_CACHE, err);
	sada_buf_release(&b);
	return rc;
}

void
sada_wants_add(struct sada_wants *w, const struct sada_want *want)
{
	size_t lo = 0, hi = w->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (order(&w->w[mid], want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == w->n || order(&w->w[lo], want) != 0)
		insert(w, lo, want);
}

void
sada_wants_drop(struct sada_wants *w, size_t i)
{
	assert(i < w->n);
	w->n--;
	memmove(&w->w[i], &w->w[i + 1], (w->n - i) * sizeof(*w->w));
}

void
sada_wants_release(struct sada_wants *w)
{
	free(w->w);
	memset(w, 0, sizeof(*w));
}
