/* Verify: the small files of the store, and the caches. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/take.h"
#include "merge/cache.h"
#include "verb/verify_priv.h"

#define SMALL_MAX ((size_t)256 << 20)
#define KEY_MAX 4096
/* "check ", 64 hex digits, newline: the end of a note. */
#define NOTE_CHECK (6 + SADA_HEX_LEN + 1)

/* ---- what cannot be made anew ---- */

static int
check_key(struct sada_check *c, struct sada_err *err)
{
	struct sada_buf b = {0};
	struct sada_key *k = NULL;
	const struct sada_pub *pub;
	struct sada_member m;
	struct sada_err why;
	int rc;

	rc = sada_io_slurp(c->sdir, "key", KEY_MAX, &b, &why);
	if (rc == 0)
		rc = sada_key_decode(&k, b.p, b.len, &why);
	if (rc == SADA_SYS) {
		*err = why;
		goto out;
	}
	if (rc < 0) {
		sada_check_tell(c, ".sada/key: %s", why.msg);
		rc = 0;
		goto out;
	}
	pub = sada_key_pub(k);
	if (c->log_whole && (!sada_log_member(c->r->log, &pub->id, &m) ||
	    memcmp(m.pub.sign, pub->sign, SADA_PK_LEN) != 0 ||
	    memcmp(m.pub.box, pub->box, SADA_PK_LEN) != 0))
		sada_check_tell(c, ".sada/key is not the one that the log "
		    "names as this replica's");
out:
	if (b.p != NULL)
		sada_wipe(b.p, b.cap);
	sada_buf_release(&b);
	sada_key_free(k);
	return rc;
}

/* Kept, but somebody may have meant another one. */
static void
unknown_config(unsigned line, const char *section, const char *key, void *ctx)
{
	if (key == NULL)
		sada_check_tell(ctx, ".sada/config, line %u: section [%.64s] "
		    "is not known", line, section);
	else
		sada_check_tell(ctx, ".sada/config, line %u: %.64s is not "
		    "known in section [%.64s]", line, key, section);
}

static int
check_config(struct sada_check *c, struct sada_err *err)
{
	struct sada_config *config = NULL;
	struct sada_peers peers;
	struct sada_remotes remotes;
	struct sada_err why;
	int rc;

	memset(&peers, 0, sizeof(peers));
	memset(&remotes, 0, sizeof(remotes));
	if ((rc = sada_config_open(&config, c->sdir, &why)) == 0 &&
	    (rc = sada_peers_read(&peers, config, &why)) == 0)
		rc = sada_remotes_read(&remotes, config, &why);
	if (rc == SADA_SYS)
		*err = why;
	else if (rc < 0) {
		sada_check_tell(c, ".sada/config: %s", why.msg);
		rc = 0;
	}
	if (config != NULL) {
		sada_config_unknown(config, unknown_config, c);
		if (sada_config_check(config) == SADA_CONFIG_WRONG)
			sada_check_tell(c, ".sada/config is not as it was "
			    "saved: it is damaged, or was edited; if it says "
			    "what it should, take out its line \"# check\"");
	}
	sada_peers_release(&peers);
	sada_remotes_release(&remotes);
	sada_config_free(config);
	return rc;
}

/* The lock is empty and says, with "home", where the store was made. */
static int
check_home(struct sada_check *c, struct sada_err *err)
{
	struct sada_replica r;
	struct sada_stat st;
	int fd = -1, rc;

	rc = sada_io_open(&fd, c->sdir, "lock", O_RDONLY | O_NONBLOCK, 0,
	    err);
	if (rc == 0)
		rc = sada_io_stat(fd, "", &st, err);
	if (rc == SADA_NOTFOUND) {
		sada_check_tell(c, ".sada/lock is missing; run sada-init "
		    "again");
		rc = 0;
	} else if (rc == 0 && (st.kind != S_IFREG || st.size != 0))
		sada_check_tell(c, ".sada/lock is not an empty file");
	else if (rc == 0) {
		memset(&r, 0, sizeof(r));
		r.sdir = c->sdir;
		if ((rc = sada_home_moved(&r, fd, err)) > 0) {
			sada_check_tell(c, ".sada/home does not fit: the "
			    "store was copied or restored, or the file is "
			    "damaged; the next snap opens a new epoch");
			rc = 0;
		}
	}
	sada_io_close(fd);
	return rc;
}

/* ---- caches ---- */

/* Is B a note: text whose last line is the hash of all before? */
static int
is_note(const struct sada_buf *b)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_id h;
	const char *end;

	if (b->len < NOTE_CHECK)
		return 0;
	sada_hash(&h, SADA_CTX_FILE, b->p, b->len - NOTE_CHECK);
	sada_id_hex(hex, &h);
	end = (const char *)b->p + b->len - NOTE_CHECK;
	return memcmp(end, "check ", 6) == 0 &&
	    memcmp(end + 6, hex, SADA_HEX_LEN) == 0 &&
	    end[NOTE_CHECK - 1] == '\n';
}

static int
check_note(struct sada_check *c, int dfd, const char *name,
    struct sada_err *err)
{
	struct sada_buf b = {0};
	int rc;

	rc = sada_io_slurp(dfd, name, SMALL_MAX, &b, err);
	if (rc == SADA_FORMAT || (rc == 0 && !is_note(&b)))
		sada_check_cache(c, dfd, name, "its check does not fit");
	sada_buf_release(&b);
	return rc == SADA_NOTFOUND || rc == SADA_FORMAT ? 0 : rc;
}

static int
check_merged(struct sada_check *c, struct sada_err *err)
{
	struct sada_merge_cache *cache = sada_merge_cache_new();
	struct sada_buf b = {0};
	int rc;

	rc = sada_io_slurp(c->sdir, "merged", SMALL_MAX, &b, err);
	if (rc == SADA_FORMAT ||
	    (rc == 0 && !sada_merge_cache_decode(cache, b.p, b.len)))
		sada_check_cache(c, c->sdir, "merged", "its check does not "
		    "fit");
	sada_buf_release(&b);
	sada_merge_cache_free(cache);
	return rc == SADA_NOTFOUND || rc == SADA_FORMAT ? 0 : rc;
}

/* What was parked and does not hold comes again. */
static int
bad_parked(const char *name, const char *why, void *ctx)
{
	struct sada_check *c = ctx;
	struct sada_err drop;
	int parked = -1, to = -1, moved = 0;

	if (c->writes && sada_io_open(&parked, c->sdir, "parked",
	    O_RDONLY | O_DIRECTORY, 0, &drop) == 0 &&
	    sada_io_open(&to, c->sdir, "quarantine", O_RDONLY | O_DIRECTORY,
	    0, &drop) == 0)
		moved = sada_io_rename(parked, name, to, name, 0,
		    &drop) == 0;
	sada_io_close(parked);
	sada_io_close(to);
	sada_check_tell(c, ".sada/parked/%s: %s; what it held comes again with "
	    "bundles of who sent it", name, why);
	if (moved && c->o->talk != NULL && c->o->talk->note != NULL)
		c->o->talk->note(SADA_NOTE_WARN, NULL, 0, "what was parked and "
		    "is damaged was moved to .sada/quarantine",
		    c->o->talk->ctx);
	return 0;
}

/* Does the log have all N heads at ID? */
static int
check_heads(struct sada_check *c, const struct sada_id *id, size_t n)
{
	char hex[SADA_HEX_LEN + 1];
	uint32_t op;
	size_t i;

	for (i = 0; i < n; i++)
		if (!sada_log_find(c->r->log, &id[i], &op)) {
			sada_id_hex(hex, &id[i]);
			sada_check_tell(c, "the log lacks op %.12s, which was "
			    "recorded or laid out here", hex);
			return 0;
		}
	return 1;
}

/*
 * W is published after its op is in the log: a log without it, whole as it
 * may look, has lost its end.
 */
static void
check_work_heads(struct sada_check *c, const struct sada_work *w)
{
	const struct sada_work_info *in = sada_work_info(w);
	size_t i;
	int all = check_heads(c, in->heads, in->nheads);

	for (i = 0; i < in->nolder && all; i++)
		all = check_heads(c, in->older[i].heads, in->older[i].n);
	if (all)
		c->work_good = 1;
	else
		c->log_whole = 0;
}

static int
check_work(struct sada_check *c, const char *name, struct sada_err *err)
{
	struct sada_work *w = NULL;
	struct sada_err why;
	int rc;

	rc = sada_work_open(&w, c->sdir, name, &why);
	if (rc == 0)
		rc = sada_work_check(w, &why);
	if (rc == 0 && c->log_whole && strcmp(name, "work") == 0)
		check_work_heads(c, w);
	sada_work_free(w);
	if (rc == SADA_SYS && err != NULL)
		*err = why;
	if (rc == 0 || rc == SADA_NOTFOUND || rc == SADA_SYS)
		return rc == SADA_SYS ? rc : 0;
	sada_check_cache(c, c->sdir, name, why.msg);
	return 0;
}

/* Is the word at S, of N bytes, one that "states" holds? */
static int
is_deed(const char *s, size_t n)
{
	static const char *const deed[] = { "merge", "refuse", "snap",
	    "take" };
	size_t i;

	for (i = 0; i < sizeof(deed) / sizeof(deed[0]); i++)
		if (n == strlen(deed[i]) && memcmp(s, deed[i], n) == 0)
			return 1;
	return 0;
}

/* A line of "states" at S, of N bytes: 0, or -1 when it is none. */
static int
check_line(struct sada_check *c, const char *s, size_t n)
{
	const char *end = s + n, *p = s, *word;
	char hex[SADA_HEX_LEN + 1];
	struct sada_id id;
	uint32_t op;

	if (!sada_states_line_ok(s, &n))
		return -1;
	end = s + n;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == s || p - s > 19 || p == end || *p++ != ' ')
		return -1;
	if ((word = memchr(p, ' ', (size_t)(end - p))) == NULL ||
	    !is_deed(p, (size_t)(word - p)))
		return -1;
	p = word + 1;
	if (p == end)
		return 0;		/* a state without heads */
	for (;; p++) {
		if (end - p < SADA_HEX_LEN ||
		    sada_id_parse(&id, p, SADA_HEX_LEN) < 0)
			return -1;
		sada_id_hex(hex, &id);
		if (memcmp(hex, p, SADA_HEX_LEN) != 0)
			return -1;
		if (c->log_whole && !sada_log_find(c->r->log, &id, &op)) {
			if (c->work_good)
				return -1;
			/* Without W's word it may be the log that lost it. */
			sada_check_tell(c, "the log lacks op %.12s, which "
			    ".sada/states names", hex);
		}
		p += SADA_HEX_LEN;
		if (p == end)
			return 0;
		if (*p != ',')
			return -1;
	}
}

/*
 * "states": lines that are none are left out of it.  Behind the last good
 * line they are what a crash tore, which the next writer cuts.
 */
static int
check_states(struct sada_check *c, struct sada_err *err)
{
	struct sada_buf b = {0}, good = {0};
	struct sada_err drop;
	const char *p, *end, *nl;
	size_t bad = 0, torn = 0;
	int rc;

	rc = sada_io_slurp(c->sdir, "states", SMALL_MAX, &b, err);
	if (rc == SADA_FORMAT)
		sada_check_tell(c, ".sada/states is no file, or too large");
	if (rc < 0)
		goto out;
	p = (const char *)b.p;
	end = p + b.len;
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL || (nl > p &&
		    check_line(c, p, (size_t)(nl - p)) < 0)) {
			torn++;
			if (nl == NULL)
				break;
			continue;
		}
		sada_buf_add(&good, p, (size_t)(nl + 1 - p));
		bad += torn;
		torn = 0;
	}
	if (torn > 0)
		c->res->rebuilt++;
	if (torn > 0 && c->o->talk != NULL && c->o->talk->note != NULL)
		c->o->talk->note(SADA_NOTE_WARN, NULL, 0, c->writes ?
		    "the end of .sada/states was torn; it was left out" :
		    "the end of .sada/states is torn", c->o->talk->ctx);
	if (bad > 0)
		sada_check_tell(c, ".sada/states has %zu damaged line%s: so "
		    "many states fewer are counted by @~N and @{TIME}; no "
		    "operation and no content is lost by it", bad,
		    bad == 1 ? "" : "s");
	if (bad + torn > 0 && c->writes && sada_io_publish(c->sdir,
	    "states", good.p, good.len, SADA_PUBLISH_CACHE, &drop) < 0)
		rc = 0;			/* readers pass over them, too */
out:
	sada_buf_release(&b);
	sada_buf_release(&good);
	return rc == SADA_NOTFOUND || rc == SADA_FORMAT ? 0 : rc;
}

static int
check_journal(struct sada_check *c, struct sada_err *err)
{
	struct sada_id *heads = NULL, map;
	struct sada_stat st;
	size_t n;
	int rc;

	if ((rc = sada_io_stat(c->sdir, "journal", &st, err)) < 0)
		return rc == SADA_NOTFOUND ? 0 : rc;
	rc = sada_apply_pending(c->sdir, &heads, &n, &map, err);
	free(heads);
	if (rc == 0 || rc == SADA_VERSION)
		sada_check_tell(c, ".sada/journal is damaged; the next "
		    "command settles what it was about");
	return rc == SADA_SYS ? rc : 0;
}

struct names {
	struct sada_check *c;
	int peers;
	struct sada_err *err;
};

/* A file of "peers". */
static int
check_peer_file(const struct sada_dirent *d, void *ctx)
{
	struct names *x = ctx;
	struct sada_check *c = x->c;
	const struct sada_peer *p;
	const struct sada_pub *pub = NULL;
	struct sada_member m;
	struct sada_ack ack;
	struct sada_id id;
	int rc;

	if (strcmp(d->name, "self") == 0 || strcmp(d->name, "sent") == 0)
		return check_note(c, x->peers, d->name, x->err);
	if (c->r == NULL)
		return 0;
	if (d->len == SADA_HEX_LEN + 4 &&
	    strcmp(d->name + SADA_HEX_LEN, ".ack") == 0 &&
	    sada_id_parse(&id, d->name, SADA_HEX_LEN) == 0) {
		if ((p = sada_peers_with(&c->r->peers, &id)) != NULL)
			pub = &p->pub;
		else if (sada_log_member(c->r->log, &id, &m))
			pub = &m.pub;
	}
	if (pub == NULL) {
		if (c->o->talk != NULL && c->o->talk->note != NULL)
			c->o->talk->note(SADA_NOTE_INFO, NULL, 0, "an unknown "
			    "file lies in .sada/peers", c->o->talk->ctx);
		return 0;
	}
	memset(&ack, 0, sizeof(ack));
	rc = sada_ack_load(&ack, c->sdir, pub, x->err);
	sada_ack_release(&ack);
	if (rc == 0)
		sada_check_cache(c, x->peers, d->name,
		    "the acknowledgement does not hold");
	return rc < 0 ? rc : 0;
}

static int
check_peers(struct sada_check *c, struct sada_err *err)
{
	struct names x = { c, -1, err };
	int rc;

	rc = sada_io_open(&x.peers, c->sdir, "peers", O_RDONLY | O_DIRECTORY,
	    0, err);
	if (rc == SADA_NOTFOUND)
		return 0;
	if (rc == 0)
		rc = sada_io_list(x.peers, check_peer_file, &x, err);
	sada_io_close(x.peers);
	return rc;
}

static int
check_name(const struct sada_dirent *d, void *ctx)
{
	static const char *const known[] = { "config", "home", "journal",
		"key", "lock", "log", "merged", "pack", "parked",
		"peers", "quarantine", "stage", "states", "trash", "wants",
		"work", "work.new" };
	const struct sada_check *c = ctx;
	struct sada_buf b = {0};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(d->name, known[i]) == 0)
			return 0;
	sada_buf_adds(&b, SADA_STORE_DIR "/");
	sada_buf_adds(&b, d->name);
	if (c->o->talk != NULL && c->o->talk->note != NULL)
		c->o->talk->note(SADA_NOTE_INFO, sada_buf_str(&b), b.len,
		    "unknown, not looked at", c->o->talk->ctx);
	sada_buf_release(&b);
	return 0;
}

int
sada_check_files(struct sada_check *c, struct sada_err *err)
{
	int rc;

	if ((rc = check_home(c, err)) < 0 ||
	    (rc = check_key(c, err)) < 0 ||
	    (rc = check_config(c, err)) < 0 ||
	    (rc = check_work(c, "work", err)) < 0 ||
	    (rc = check_work(c, "work.new", err)) < 0 ||
	    (rc = check_note(c, c->sdir, "wants", err)) < 0 ||
	    (rc = check_merged(c, err)) < 0 ||
	    (rc = sada_parked_check(c->sdir, bad_parked, c, err)) < 0 ||
	    (rc = check_states(c, err)) < 0 ||
	    (rc = check_journal(c, err)) < 0 ||
	    (rc = check_peers(c, err)) < 0)
		return rc;
	return sada_io_list(c->sdir, check_name, c, err);
}
