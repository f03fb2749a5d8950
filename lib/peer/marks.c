/*
 * What this replica notes of its peers' state, all caches: what they have
 * acknowledged, the contents that it knows of and lacks, and what lies in
 * spools.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

/* Acknowledgements: "peers/<64 hex of author>.ack". */

/* An acknowledgement with all its counts at their caps is smaller. */
#define ACK_MAX ((size_t)16 << 20)
#define NAME_LEN (SADA_HEX_LEN + sizeof(".ack"))

static void
file_name(char name[NAME_LEN], const struct sada_pub *author)
{
	sada_id_hex(name, &author->id);
	memcpy(name + SADA_HEX_LEN, ".ack", sizeof(".ack"));
}

/* As sada_ack_load(), from directory "peers" DFD. */
static int
load_ack(struct sada_ack *a, int dfd, const struct sada_pub *author,
    struct sada_err *err)
{
	struct sada_buf b = { 0 };
	char name[NAME_LEN];
	int rc;

	memset(a, 0, sizeof(*a));
	file_name(name, author);
	rc = sada_io_slurp(dfd, name, ACK_MAX, &b, err);
	if (rc == 0)
		rc = sada_ack_decode(a, b.p, b.len, author->sign, err) == 0;
	else if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

int
sada_ack_load(struct sada_ack *a, int sdir, const struct sada_pub *author,
    struct sada_err *err)
{
	int fd = -1;
	int rc;

	memset(a, 0, sizeof(*a));
	rc = sada_io_open(&fd, sdir, "peers", O_RDONLY | O_DIRECTORY, 0, err);
	if (rc < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	rc = load_ack(a, fd, author, err);
	sada_io_close(fd);
	return rc;
}

static int
newer(const struct sada_ack *a, const struct sada_ack *than)
{
	if (a->incarnation != than->incarnation)
		return a->incarnation > than->incarnation;
	return a->counter > than->counter;
}

int
sada_ack_keep(int sdir, const struct sada_pub *author,
    const struct sada_ack *a, const void *p, size_t n, int *took,
    struct sada_err *err)
{
	char name[NAME_LEN];
	struct sada_ack old;
	int fd = -1, take;
	int rc;

	assert(sada_id_cmp(&a->author, &author->id) == 0);
	if (took != NULL)
		*took = 0;
	if ((rc = sada_peers_dir(&fd, sdir, err)) < 0)
		return rc;
	if ((rc = load_ack(&old, fd, author, err)) < 0)
		goto out;
	take = rc == 0 || newer(a, &old);
	sada_ack_release(&old);
	rc = 0;
	if (!take)
		goto out;
	file_name(name, author);
	rc = sada_io_publish(fd, name, p, n, 0, err);
	if (rc == 0 && took != NULL)
		*took = 1;
out:
	sada_io_close(fd);
	return rc;
}

/*
 * Contents that are lacking: note "wants".
 *
 *	sada-wants 1
 *	want TYPE HEX SIZE	for each, sorted by type and id
 */

#define WANTS_TITLE "sada-wants 1"

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
parse_wants(struct sada_wants *w, struct sada_note *note)
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
	rc = sada_note_load(&note, sdir, "wants", WANTS_TITLE, err);
	if (rc == 1 && parse_wants(w, &note) < 0) {
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

	sada_buf_adds(&b, WANTS_TITLE "\n");
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

/*
 * What lies in spools: note "peers/sent".
 *
 *	sada-sent 1
 *	sent MARK FILE WHAT TO	for each
 */

#define SENT_TITLE "sada-sent 1"
#define HEX_LEN 32

/* 32 lower-case hex digits, then TAIL; *S steps behind it. */
static int
take_name(char *out, const char **s, const char *tail)
{
	size_t n = strspn(*s, "0123456789abcdef"), k = strlen(tail);

	if (n != HEX_LEN || strncmp(*s + n, tail, k) != 0 || (*s)[n + k] !=
	    ' ')
		return -1;
	memcpy(out, *s, n + k);
	out[n + k] = '\0';
	*s += n + k + 1;
	return 0;
}

static int
parse_sents(struct sada_sents *s, struct sada_note *note)
{
	struct sada_sent one;
	const char *p;

	while ((p = sada_note_next(note, "sent")) != NULL) {
		memset(&one, 0, sizeof(one));
		if (take_name(one.mark, &p, "") < 0 ||
		    take_name(one.file, &p, ".sada") < 0 ||
		    sada_note_id(&one.what, &p, ' ') < 0 ||
		    sada_note_id(&one.to, &p, '\0') < 0)
			return -1;
		s->s = sada_grow(s->s, &s->cap, s->n + 1, sizeof(*s->s));
		s->s[s->n++] = one;
	}
	return sada_note_done(note) ? 0 : -1;
}

int
sada_sents_load(struct sada_sents *s, int sdir, struct sada_err *err)
{
	struct sada_note note;
	int rc;

	memset(s, 0, sizeof(*s));
	rc = sada_note_load_peers(&note, sdir, "sent", SENT_TITLE, err);
	if (rc == 1 && parse_sents(s, &note) < 0) {
		sada_sents_release(s);
		rc = 0;
	}
	sada_note_release(&note);
	return rc;
}

int
sada_sents_save(const struct sada_sents *s, int sdir, struct sada_err *err)
{
	char what[SADA_HEX_LEN + 1], to[SADA_HEX_LEN + 1];
	struct sada_buf b = { 0 };
	int fd = -1;
	size_t i;
	int rc;

	sada_buf_adds(&b, SENT_TITLE "\n");
	for (i = 0; i < s->n; i++) {
		assert(strlen(s->s[i].mark) == HEX_LEN);
		assert(strlen(s->s[i].file) == HEX_LEN + 5);
		sada_id_hex(what, &s->s[i].what);
		sada_id_hex(to, &s->s[i].to);
		sada_buf_addf(&b, "sent %s %s %s %s\n", s->s[i].mark,
		    s->s[i].file, what, to);
	}
	if ((rc = sada_peers_dir(&fd, sdir, err)) == 0)
		rc = sada_note_save(&b, fd, "sent", SADA_PUBLISH_CACHE, err);
	sada_io_close(fd);
	sada_buf_release(&b);
	return rc;
}

void
sada_sents_release(struct sada_sents *s)
{
	free(s->s);
	memset(s, 0, sizeof(*s));
}
