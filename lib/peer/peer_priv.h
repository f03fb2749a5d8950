/* What the files of this layer share. */
#ifndef SADA_PEER_PEER_PRIV_H
#define SADA_PEER_PEER_PRIV_H

#include "peer/peer.h"

/* ---- config.c ---- */
/* Read N bytes of text; as sada_config_open().  Errors: FORMAT. */
SADA_MUST int sada_config_parse(struct sada_config **out, const void *p,
    size_t n, struct sada_err *err);
/* Append the text as it would be saved. */
void sada_config_text(struct sada_buf *out, const struct sada_config *c);

/* ---- note.c: small text files that carry their own check ---- */
/*
 * A note is lines of words, then "check" and 64 hex digits: the hash of all
 * lines before.  The first line names what it is.
 */
struct sada_note {
	char *text;		/* lines end with NUL, then an empty one */
	const char *at;		/* the next line */
};

/* Open directory "peers" of SDIR, made if it is not there.  Errors: SYS. */
SADA_MUST int sada_peers_dir(int *fd, int sdir, struct sada_err *err);
/*
 * Read note NAME in DFD whose first line is TITLE: 1, and *NOTE is at the
 * second line (release it), or 0: missing, damaged, another one.  Errors:
 * SYS.
 */
SADA_MUST int sada_note_load(struct sada_note *note, int dfd,
    const char *name, const char *title, struct sada_err *err);
/* The same for NAME in "peers", which is not made. */
SADA_MUST int sada_note_load_peers(struct sada_note *note, int sdir,
    const char *name, const char *title, struct sada_err *err);
/* Free what NOTE holds. */
void sada_note_release(struct sada_note *note);
/*
 * If the next line begins with WORD and a space, step over it: what
 * follows, or NULL.
 */
const char *sada_note_next(struct sada_note *note, const char *word);
/* Is there no further line? */
int sada_note_done(const struct sada_note *note);
/* Add the check to BODY and publish it as NAME.  Errors: SYS. */
SADA_MUST int sada_note_save(struct sada_buf *body, int dfd,
    const char *name, unsigned flags, struct sada_err *err);
/*
 * A decimal number in its shortest form, at most MAX, followed by END; *S
 * steps behind it.  0, or -1.
 */
int sada_note_number(uint64_t *out, const char **s, uint64_t max, char end);
/* The same for an id of 64 hex digits. */
int sada_note_id(struct sada_id *out, const char **s, char end);

#endif
