/*
 * Who the others are: peers (trust), remotes (places), and what peers have
 * acknowledged.  Peers and remotes are configuration (file "config");
 * acknowledgements and what was sent are caches (directory "peers").
 */
#ifndef SADA_PEER_PEER_H
#define SADA_PEER_PEER_H

#include "base/buf.h"
#include "crypto/key.h"
#include "format/ack.h"

/* ---- configuration: a small text file in git's syntax ---- */
struct sada_config;
/*
 * Read file "config" of store directory SDIR (missing: empty).  *OUT is
 * new, free with sada_config_free().  Own parser: sections with optional
 * quoted subsection, key = value, comments, quoting and escapes as git;
 * unknown keys are kept.  Errors: FORMAT (names the line) SYS.
 */
SADA_MUST int sada_config_open(struct sada_config **out, int sdir,
    struct sada_err *err);
/* Free; NULL is fine. */
void sada_config_free(struct sada_config *c);
/*
 * What the file's check said when it was read.  A save adds one where there
 * was none and leaves one that was wrong wrong.
 */
enum sada_config_check {
	SADA_CONFIG_NONE,	/* none: new, or edited and found right */
	SADA_CONFIG_FITS,	/* as it was saved */
	SADA_CONFIG_WRONG	/* damaged, or edited */
};
/* Which of them C is. */
enum sada_config_check sada_config_check(const struct sada_config *c);
/*
 * Call EACH for every section, and every key (else NULL) in other ones, that
 * mean nothing here; LINE is where they stand.
 */
void sada_config_unknown(const struct sada_config *c,
    void (*each)(unsigned line, const char *section, const char *key,
    void *ctx), void *ctx);
/* First value of SECTION.SUB.KEY (SUB may be NULL), borrowed, or NULL. */
const char *sada_config_get(const struct sada_config *c,
    const char *section, const char *sub, const char *key);
/* Add a value (kept besides others), in memory. */
void sada_config_add(struct sada_config *c, const char *section,
    const char *sub, const char *key, const char *value);
/* Replace all values of the key by VALUE (NULL: remove), in memory. */
void sada_config_set(struct sada_config *c, const char *section,
    const char *sub, const char *key, const char *value);
/* Remove a whole SECTION "SUB"; 1 when it was there. */
int sada_config_remove(struct sada_config *c, const char *section,
    const char *sub);
/* Call EACH for (section, sub, key, value) in file order. */
int sada_config_each(const struct sada_config *c,
    int (*each)(const char *section, const char *sub, const char *key,
    const char *value, void *ctx), void *ctx);
/* Publish it (comments and order kept where unchanged).  Errors: SYS. */
SADA_MUST int sada_config_save(struct sada_config *c, int sdir,
    struct sada_err *err);

/* ---- peers: [peer "NAME"] key = sada1..., retired = true ---- */
struct sada_peer {
	char name[65];
	struct sada_pub pub;
	int retired;			/* not sent to any more, not trusted */
};
struct sada_peers {
	struct sada_peer *p;		/* sorted by name */
	size_t n;
};
/* Read the peers of C; release with sada_peers_release().  FORMAT. */
SADA_MUST int sada_peers_read(struct sada_peers *ps,
    const struct sada_config *c, struct sada_err *err);
/* Free what PS holds. */
void sada_peers_release(struct sada_peers *ps);
/* Peer by NAME, or NULL; by author ID, or NULL (borrowed). */
const struct sada_peer *sada_peers_named(const struct sada_peers *ps,
    const char *name);
/* Peer with author ID, or NULL (borrowed). */
const struct sada_peer *sada_peers_with(const struct sada_peers *ps,
    const struct sada_id *id);

/* ---- remotes: [remote "NAME"] place = ..., peer = ... (many), spool = mark ---- */
struct sada_remote {
	char *name, *place;
	char *mark;			/* of a spool, or NULL */
	char **peer;			/* names; none: all */
	size_t npeer;
};
struct sada_remotes {
	struct sada_remote *r;
	size_t n;
};
/* Read the remotes of C; release with sada_remotes_release(). */
SADA_MUST int sada_remotes_read(struct sada_remotes *rs,
    const struct sada_config *c, struct sada_err *err);
/* Remote by NAME, or NULL (borrowed). */
const struct sada_remote *sada_remotes_named(const struct sada_remotes *rs,
    const char *name);
/* Free what RS holds. */
void sada_remotes_release(struct sada_remotes *rs);

/* ---- acknowledgements: "peers/<64 hex of author>.ack", a cache ---- */
/*
 * What AUTHOR last acknowledged: 1 and *A (release it), 0 when nothing is
 * known (missing or bad file).  Errors: SYS.
 */
SADA_MUST int sada_ack_load(struct sada_ack *a, int sdir,
    const struct sada_pub *author, struct sada_err *err);
/*
 * Keep the acknowledgement in the N bytes at P (already decoded into A) if
 * it is newer than what is kept.  Durable publish.  *TOOK (may be NULL)
 * tells.  Errors: SYS.
 */
SADA_MUST int sada_ack_keep(int sdir, const struct sada_pub *author,
    const struct sada_ack *a, const void *p, size_t n, int *took,
    struct sada_err *err);

/* ---- this replica's own counters and debts: file "peers/self" ---- */
/*
 * Text with a check; a missing or bad one counts from (0, 0): peers' echoes
 * lift it.  needs: ops whose maps are asked for.
 */
struct sada_self {
	uint64_t incarnation, counter;
	uint64_t raised;		/* the incarnation begun here last */
	struct sada_id asked;		/* for which wants and needs that was */
	struct sada_id *need;
	size_t nneed;
};
/*
 * Read it; zeroes when missing or bad.  Needs come sorted, each once.
 * Errors: SYS.
 */
SADA_MUST int sada_self_load(struct sada_self *s, int sdir,
    struct sada_err *err);
/*
 * Go on to the counter of the next acknowledgement: by a step of chance,
 * lest two copies of one store give one number to different ones.
 */
void sada_self_next(struct sada_self *s);
/* Publish it durably.  Errors: SYS. */
SADA_MUST int sada_self_save(const struct sada_self *s, int sdir,
    struct sada_err *err);
/* Free what S holds. */
void sada_self_release(struct sada_self *s);

/* ---- wants: file "wants", a cache; 1 loaded, 0 missing or bad ---- */
struct sada_wants {
	struct sada_want *w;		/* sorted by (type, id) */
	size_t n, cap;
};
/* 1 loaded, 0 missing or bad (then empty).  Errors: SYS. */
SADA_MUST int sada_wants_load(struct sada_wants *w, int sdir,
    struct sada_err *err);
/* Publish them.  Errors: SYS. */
SADA_MUST int sada_wants_save(const struct sada_wants *w, int sdir,
    struct sada_err *err);
/* Add (once) or remove one; the array stays sorted. */
void sada_wants_add(struct sada_wants *w, const struct sada_want *want);
/* Remove item I. */
void sada_wants_drop(struct sada_wants *w, size_t i);
/* Free what W holds. */
void sada_wants_release(struct sada_wants *w);

/* ---- what lies in spools: "peers/sent", a cache ---- */
/* One bundle written to a spool: by mark and file name, and for what. */
struct sada_sent {
	char mark[33];			/* of the spool */
	char file[40];			/* 32 hex and ".sada" */
	struct sada_id what;		/* hash of (recipients, heads, basis, ack);
					   zero: begun, and not known finished */
	struct sada_id to;		/* hash of the sorted recipients */
};
struct sada_sents {
	struct sada_sent *s;
	size_t n, cap;
};
/* Read them; none when missing or bad.  Errors: SYS. */
SADA_MUST int sada_sents_load(struct sada_sents *s, int sdir,
    struct sada_err *err);
/* Publish them.  Errors: SYS. */
SADA_MUST int sada_sents_save(const struct sada_sents *s, int sdir,
    struct sada_err *err);
/* Free what S holds. */
void sada_sents_release(struct sada_sents *s);

#endif
