/* Notes: small text files that carry their own check. */
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
