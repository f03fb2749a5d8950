/*
 * Notes: small text files that carry their own check; and the note
 * "peers/self", this replica's own counters and debts:
 *
 *	sada-self 1
 *	incarnation NUMBER
 *	counter NUMBER
 *	raised NUMBER		may be missing, as the next
 *	asked HEX
 *	need HEX		for each op whose map is asked for
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "peer/peer_priv.h"

#define NOTE_MAX ((size_t)16 << 20)
/* "check ", 64 hex digits, newline. */
#define CHECK_LEN (6 + SADA_HEX_LEN + 1)

int
sada_peers_dir(int *fd, int sdir, struct sada_err *err)
{
	int flags = O_RDONLY | O_DIRECTORY, rc;

	rc = sada_io_open(fd, sdir, "peers", flags, 0, err);
	if (rc != SADA_NOTFOUND)
		return rc;
	rc = sada_io_mkdir(sdir, "peers", 0700, err);
	if (rc < 0 && errno != EEXIST)
		return rc;
	if ((rc = sada_io_fsync(sdir, "the store", err)) < 0)
		return rc;
	rc = sada_io_open(fd, sdir, "peers", flags, 0, err);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}

static void
put_check(struct sada_buf *b, const void *p, size_t n)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_id h;

	sada_hash(&h, SADA_CTX_FILE, p, n);
	sada_id_hex(hex, &h);
	sada_buf_addf(b, "check %s\n", hex);
}

/* Is B a note with a right check?  Its lines are then cut by NUL. */
static int
check_note(struct sada_buf *b)
{
	struct sada_buf want = { 0 };
	size_t i, n;
	int ok;

	if (b->len < CHECK_LEN || memchr(b->p, '\0', b->len) != NULL)
		return 0;
	n = b->len - CHECK_LEN;
	put_check(&want, b->p, n);
	ok = memcmp(want.p, b->p + n, CHECK_LEN) == 0 &&
	    (n == 0 || b->p[n - 1] == '\n');
	sada_buf_release(&want);
	b->len = n;
	for (i = 0; i < n; i++)
		if (b->p[i] == '\n')
			b->p[i] = '\0';
	return ok;
}

int
sada_note_load(struct sada_note *note, int dfd, const char *name,
    const char *title, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	memset(note, 0, sizeof(*note));
	rc = sada_io_slurp(dfd, name, NOTE_MAX, &b, err);
	if (rc == 0 && check_note(&b) &&
	    strcmp(sada_buf_str(&b), title) == 0) {
		note->text = sada_memdup(b.p, b.len);
		note->at = note->text + strlen(title) + 1;
		rc = 1;
	} else if (rc == SADA_NOTFOUND || rc == SADA_FORMAT)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

int
sada_note_load_peers(struct sada_note *note, int sdir, const char *name,
    const char *title, struct sada_err *err)
{
	int fd = -1;
	int rc;

	memset(note, 0, sizeof(*note));
	rc = sada_io_open(&fd, sdir, "peers", O_RDONLY | O_DIRECTORY, 0, err);
	if (rc < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	rc = sada_note_load(note, fd, name, title, err);
	sada_io_close(fd);
	return rc;
}

void
sada_note_release(struct sada_note *note)
{
	free(note->text);
	memset(note, 0, sizeof(*note));
}

const char *
sada_note_next(struct sada_note *note, const char *word)
{
	size_t n = strlen(word);
	const char *line = note->at;

	if (strncmp(line, word, n) != 0 || line[n] != ' ')
		return NULL;
	note->at += strlen(line) + 1;
	return line + n + 1;
}

int
sada_note_done(const struct sada_note *note)
{
	return *note->at == '\0';
}

int
sada_note_save(struct sada_buf *body, int dfd, const char *name,
    unsigned flags, struct sada_err *err)
{
	put_check(body, body->p, body->len);
	return sada_io_publish(dfd, name, body->p, body->len, flags, err);
}

int
sada_note_number(uint64_t *out, const char **s, uint64_t max, char end)
{
	const char *p = *s;
	uint64_t v = 0, d;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] != end))
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		d = (uint64_t)(*p - '0');
		if (v > (max - d) / 10 || d > max)
			return -1;
		v = v * 10 + d;
	}
	if (*p != end)
		return -1;
	*out = v;
	*s = end != '\0' ? p + 1 : p;
	return 0;
}

int
sada_note_id(struct sada_id *out, const char **s, char end)
{
	const char *p = *s;

	if (strnlen(p, SADA_HEX_LEN + 1) < SADA_HEX_LEN ||
	    p[SADA_HEX_LEN] != end ||
	    sada_id_parse(out, p, SADA_HEX_LEN) < 0)
		return -1;
	*s = p + SADA_HEX_LEN + (end != '\0');
	return 0;
}

/* The note of the replica itself. */

#define SELF_TITLE "sada-self 1"

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
parse_self(struct sada_self *s, struct sada_note *note)
{
	size_t cap = 0;
	const char *p;

	if (parse_number(note, "incarnation", &s->incarnation) < 0 ||
	    parse_number(note, "counter", &s->counter) < 0)
		return -1;
	if ((p = sada_note_next(note, "raised")) != NULL &&
	    sada_note_number(&s->raised, &p, UINT64_MAX, '\0') < 0)
		return -1;
	if ((p = sada_note_next(note, "asked")) != NULL &&
	    sada_note_id(&s->asked, &p, '\0') < 0)
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
	rc = sada_note_load_peers(&note, sdir, "self", SELF_TITLE, err);
	if (rc == 1 && parse_self(s, &note) < 0)
		sada_self_release(s);
	sada_note_release(&note);
	return rc < 0 ? rc : 0;
}

void
sada_self_next(struct sada_self *s)
{
	unsigned char step;

	sada_io_random(&step, sizeof(step));
	s->counter = s->counter < UINT64_MAX - 256 ?
	    s->counter + 1 + step : UINT64_MAX;
}

int
sada_self_save(const struct sada_self *s, int sdir, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_buf b = { 0 };
	int fd = -1;
	size_t i;
	int rc;

	sada_buf_addf(&b, SELF_TITLE "\nincarnation %llu\ncounter %llu\n",
	    (unsigned long long)s->incarnation,
	    (unsigned long long)s->counter);
	sada_id_hex(hex, &s->asked);
	sada_buf_addf(&b, "raised %llu\nasked %s\n",
	    (unsigned long long)s->raised, hex);
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
