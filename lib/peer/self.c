/*
 * This replica's own counters and debts: note "peers/self".
 *
 *	sada-self 1
 *	incarnation NUMBER
 *	counter NUMBER
 *	need HEX		for each op whose map is asked for
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

#define TITLE "sada-self 1"

static int
parse_number(struct sada_note *note, const char *word, uint64_t *out)
{
	const char *s = sada_note_next(note, word);

	return s == NULL ? -1 : sada_note_number(out, &s, UINT64_MAX, '\0');
}

static int
cmp_id(const void *a, const void *b)
{
	return sada_id_cmp(a, b);
}

/*
 * An op can wait in several parked files; an acknowledgement names each
 * need once, by id.
 */
static void
sort_needs(struct sada_self *s)
{
	size_t i, n = 0;

	if (s->nneed > 1)
		qsort(s->need, s->nneed, sizeof(*s->need), cmp_id);
	for (i = 0; i < s->nneed; i++)
		if (n == 0 || sada_id_cmp(&s->need[n - 1], &s->need[i]) != 0)
			s->need[n++] = s->need[i];
	s->nneed = n;
}

static int
parse(struct sada_self *s, struct sada_note *note)
{
	size_t cap = 0;
	const char *p;

	if (parse_number(note, "incarnation", &s->incarnation) < 0 ||
	    parse_number(note, "counter", &s->counter) < 0)
		return -1;
	while ((p = sada_note_next(note, "need")) != NULL) {
		s->need = sada_grow(s->need, &cap, s->nneed + 1,
		    sizeof(*s->need));
		if (sada_note_id(&s->need[s->nneed], &p, '\0') < 0 ||
		    s->nneed >= SADA_ACK_NEED_MAX)
			return -1;
		s->nneed++;
	}
	sort_needs(s);
	return sada_note_done(note) ? 0 : -1;
}

int
sada_self_load(struct sada_self *s, int sdir, struct sada_err *err)
{
	struct sada_note note;
	int rc;

	memset(s, 0, sizeof(*s));
	rc = sada_note_load_peers(&note, sdir, "self", TITLE, err);
	if (rc == 1 && parse(s, &note) < 0)
		sada_self_release(s);
	sada_note_release(&note);
	return rc < 0 ? rc : 0;
}

int
sada_self_save(const struct sada_self *s, int sdir, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_buf b = { 0 };
	int fd = -1;
	size_t i;
	int rc;

	sada_buf_addf(&b, TITLE "\nincarnation %llu\ncounter %llu\n",
	    (unsigned long long)s->incarnation,
	    (unsigned long long)s->counter);
	for (i = 0; i < s->nneed; i++) {
		sada_id_hex(hex, &s->need[i]);
		sada_buf_addf(&b, "need %s\n", hex);
	}
	if ((rc = sada_peers_dir(&fd, sdir, err)) == 0)
		rc = sada_note_save(&b, fd, "self", 0, err);
	sada_io_close(fd);
	sada_buf_release(&b);
	return rc;
}

void
sada_self_release(struct sada_self *s)
{
	free(s->need);
	memset(s, 0, sizeof(*s));
}
