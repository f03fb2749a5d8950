/*
 * What lies in spools: note "peers/sent", a cache.
 *
 *	sada-sent 1
 *	sent MARK FILE WHAT TO	for each
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

#define TITLE "sada-sent 1"
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
parse(struct sada_sents *s, struct sada_note *note)
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
	rc = sada_note_load_peers(&note, sdir, "sent", TITLE, err);
	if (rc == 1 && parse(s, &note) < 0) {
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

	sada_buf_adds(&b, TITLE "\n");
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
