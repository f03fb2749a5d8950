/* What a replica holds, in numbers; nothing is written. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "verb/look_priv.h"

#define IGNORE_FILE ".sadaignore"
#define IGNORE_MAX ((size_t)1 << 20)

/* ---- names that no snap records ---- */

/* A walk over the directory; PATH is that of the directory at hand. */
struct walk {
	struct sada_ignore *ignore;
	struct sada_buf path;
	uint64_t dev, skipped;
	struct sada_err *err;
};

/* The names of one directory: kind, then the name with its NUL. */
struct names {
	struct sada_buf b;
	int rules;
};

static int
note_name(const struct sada_dirent *d, void *ctx)
{
	struct names *n = ctx;

	sada_put_u8(&n->b, d->type);
	sada_buf_add(&n->b, d->name, d->len + 1);
	if (strcmp(d->name, IGNORE_FILE) == 0)
		n->rules = 1;
	return 0;
}

static int
add_rules(struct walk *w, int fd)
{
	struct sada_buf text = {0};
	struct sada_err drop;
	int rc = 0;

	if (sada_io_slurp(fd, IGNORE_FILE, IGNORE_MAX, &text, &drop) == 0 &&
	    (rc = sada_ignore_add(w->ignore, (char *)w->path.p, w->path.len,
	    (char *)text.p, text.len, w->err)) == SADA_FORMAT)
		rc = 0;			/* a snap says so */
	sada_buf_release(&text);
	return rc;
}

static int walk_dir(struct walk *w, int fd, unsigned depth);

static int
ignored(struct walk *w, unsigned flags)
{
	return sada_ignore_match(w->ignore, (char *)w->path.p, w->path.len,
	    flags, w->err);
}

/* Directory NAME in FD; its path stands in W. */
static int
walk_sub(struct walk *w, int fd, const char *name, unsigned depth)
{
	struct sada_stat st;
	struct sada_err drop;
	int sub = -1, rc;

	if ((rc = ignored(w, SADA_IGNORE_DIR)) != 0)
		return rc < 0 ? rc : 0;
	if (sada_io_open(&sub, fd, name, O_RDONLY | O_DIRECTORY, 0,
	    &drop) < 0 || sada_io_stat(sub, "", &st, &drop) < 0 ||
	    st.dev != w->dev || depth == SADA_DEPTH_MAX)
		w->skipped++;
	else
		rc = walk_dir(w, sub, depth + 1);
	sada_io_close(sub);
	return rc;
}

static int
walk_name(struct walk *w, int fd, unsigned type, const char *name,
    unsigned depth)
{
	struct sada_stat st;
	struct sada_err drop;
	size_t was = w->path.len;
	int rc = 0;

	if (depth == 0 && strcmp(name, SADA_STORE_DIR) == 0)
		return 0;
	if (type == DT_REG || type == DT_LNK) {
		w->skipped += (uint64_t)!sada_name_ok(name, strlen(name));
		return 0;
	}
	if (was > 0)
		sada_buf_adds(&w->path, "/");
	sada_buf_adds(&w->path, name);
	if (type == DT_UNKNOWN)
		type = sada_io_stat(fd, name, &st, &drop) < 0 ? DT_REG :
		    (unsigned)IFTODT(st.kind);
	if (!sada_name_ok(name, strlen(name)))
		w->skipped++;
	else if (type == DT_DIR)
		rc = walk_sub(w, fd, name, depth);
	else if (type != DT_REG && type != DT_LNK &&
	    (rc = ignored(w, 0)) == 0)
		w->skipped++;
	w->path.len = was;
	return rc < 0 ? rc : 0;
}

static int
walk_dir(struct walk *w, int fd, unsigned depth)
{
	struct names n = { .rules = 0 };
	struct sada_err drop;
	size_t i;
	int rc = 0;

	if (sada_io_list(fd, note_name, &n, &drop) < 0)
		w->skipped++;
	if (n.rules)
		rc = add_rules(w, fd);
	for (i = 0; rc == 0 && i < n.b.len;
	    i += 2 + strlen((char *)n.b.p + i + 1))
		rc = walk_name(w, fd, n.b.p[i], (char *)n.b.p + i + 1, depth);
	sada_buf_release(&n.b);
	return rc;
}

/* *OUT = how many names below the root a snap passes over. */
static int
count_skipped(uint64_t *out, const struct sada_replica *r,
    struct sada_err *err)
{
	struct walk w = { .err = err };
	struct sada_stat st;
	int rc;

	(void)sada_buf_reserve(&w.path, 1);
	if ((rc = sada_io_stat(r->root, "", &st, err)) < 0 ||
	    (rc = sada_ignore_new(&w.ignore, err)) < 0)
		goto out;
	w.dev = st.dev;
	rc = walk_dir(&w, r->root, 0);
	*out = w.skipped;
out:
	sada_ignore_free(w.ignore);
	sada_buf_release(&w.path);
	return rc;
}

/* ---- the log and the caches ---- */

static int
dot_order(const void *pa, const void *pb, void *ctx)
{
	const struct sada_log *log = ctx;
	const struct sada_dot *a = &sada_log_op(log,
	    *(const uint32_t *)pa)->dot;
	const struct sada_dot *b = &sada_log_op(log,
	    *(const uint32_t *)pb)->dot;
	int c = sada_id_cmp(&a->author, &b->author);

	if (c == 0)
		c = (a->epoch > b->epoch) - (a->epoch < b->epoch);
	return c != 0 ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

int
sada_forks(struct sada_replica *r,
    int (*each)(const struct sada_fork *f, void *ctx), void *ctx)
{
	const struct sada_op_info *a, *b;
	uint32_t n = sada_log_count(r->log), i;
	uint32_t *op = sada_calloc((size_t)n + 1, sizeof(*op));
	struct sada_fork f;
	char author[65];
	int rc = 0;

	for (i = 0; i < n; i++)
		op[i] = i;
	qsort_r(op, n, sizeof(*op), dot_order, r->log);
	for (i = 1; i < n && rc >= 0; i++) {
		if (dot_order(&op[i - 1], &op[i], r->log) != 0)
			continue;
		a = sada_log_op(r->log, op[i - 1]);
		b = sada_log_op(r->log, op[i]);
		memset(&f, 0, sizeof(f));
		sada_author_name(r, &a->dot.author, author);
		f.author = author;
		sada_id_hex(f.op[0], &a->id);
		sada_id_hex(f.op[1], &b->id);
		f.seq = a->dot.seq;
		f.forged = a->dot.tag == b->dot.tag;
		f.first = i == 1 || dot_order(&op[i - 2], &op[i - 1],
		    r->log) != 0;
		rc = each(&f, ctx);
	}
	free(op);
	return rc < 0 ? rc : 0;
}

static int
count_fork(const struct sada_fork *f, void *ctx)
{
	*(uint64_t *)ctx += (uint64_t)f->first;
	return 0;
}

static uint64_t
count_unmerged(const struct sada_replica *r)
{
	struct sada_context *c;
	uint32_t n = sada_log_count(r->log), i;
	uint64_t out = 0;

	sada_context_make(&c, r->log, r->laid, r->nlaid);
	for (i = 0; i < n; i++)
		out += (uint64_t)!sada_context_has(c, i);
	free(c);
	return out;
}

/* 1 when the store says that it was made elsewhere. */
static int
was_copied(const struct sada_replica *r, struct sada_err *err)
{
	int fd = -1, rc;

	rc = sada_io_open(&fd, r->sdir, "lock", O_RDONLY, 0, err);
	if (rc == 0)
		rc = sada_home_moved(r, fd, err);
	sada_io_close(fd);
	return rc == SADA_NOTFOUND ? 1 : rc;
}

/*
 * The id of state REV in HEX, "" when its maps cannot be had; SIZES (may
 * be NULL) receives what its map counts.
 */
static int
state_id(char hex[SADA_VERB_HEX], struct sada_map_stat *sizes,
    struct sada_replica *r, const char *rev, struct sada_err *err)
{
	struct sada_rev v;
	struct sada_id id;
	int rc;

	hex[0] = '\0';
	if ((rc = sada_rev_resolve(&v, r, rev, strlen(rev), err)) == 0) {
		sada_state_id(&id, &v.st);
		sada_id_hex(hex, &id);
		if (sizes != NULL)
			rc = sada_map_stat(&v.st.ns, &v.st.root, sizes, err);
	}
	sada_rev_release(&v);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		sada_note(r, SADA_NOTE_WARN, NULL, 0, err->msg);
		rc = 0;
	}
	return rc;
}

static int
fill_store(struct sada_status *st, struct sada_replica *r,
    struct sada_err *err)
{
	struct sada_store_stat ss;
	struct sada_wants w;
	struct sada_id *heads = NULL, map;
	size_t n = 0;
	int rc;

	sada_store_stat(r->store, &ss);
	st->packs = ss.packs;
	st->objects = ss.objects;
	st->store_bytes = ss.bytes;
	memset(&w, 0, sizeof(w));
	if ((rc = sada_wants_load(&w, r->sdir, err)) < 0)
		return rc;
	st->wants = w.n;
	sada_wants_release(&w);
	if ((rc = sada_parked_count(r->sdir, &st->parked, err)) < 0)
		return rc;
	if ((rc = sada_apply_pending(r->sdir, &heads, &n, &map, err)) < 0)
		return rc;
	st->apply_pending = rc;
	free(heads);
	return 0;
}

int
sada_status(struct sada_replica *r, struct sada_status *st,
    struct sada_err *err)
{
	const struct sada_work_info *info;
	struct sada_map_stat sizes = { 0, 0, 0 };
	struct sada_buf key = {0};
	struct sada_err own;
	uint32_t *head;
	size_t nhead;
	int rc;

	if (err == NULL)
		err = &own;
	memset(st, 0, sizeof(*st));
	st->root = r->path;
	st->name = r->name;
	sada_pub_text(&key, sada_key_pub(r->key));
	memcpy(st->key, sada_buf_str(&key), key.len < sizeof(st->key) ?
	    key.len : sizeof(st->key) - 1);
	sada_buf_release(&key);
	sada_context_heads(&head, &nhead, r->log, NULL);
	free(head);
	st->heads = nhead;
	st->ops = sada_log_count(r->log);
	(void)sada_forks(r, count_fork, &st->forks);
	st->unmerged = count_unmerged(r);
	if (r->work != NULL) {
		info = sada_work_info(r->work);
		st->left = info->left;
	}
	if ((rc = sada_count_conflicts(r, &st->conflicts, err)) < 0 ||
	    (rc = state_id(st->id, NULL, r, "@+", err)) < 0 ||
	    (rc = state_id(st->laid, &sizes, r, "@", err)) < 0 ||
	    (rc = fill_store(st, r, err)) < 0 ||
	    (rc = count_skipped(&st->skipped, r, err)) < 0 ||
	    (rc = st->copied = was_copied(r, err)) < 0)
		return rc;
	st->paths = sizes.entries;
	st->bytes = sizes.bytes;
	return 0;
}

int
sada_status_id(struct sada_replica *r, const char *rev,
    char hex[SADA_VERB_HEX], struct sada_err *err)
{
	struct sada_rev v;
	struct sada_id id;
	int rc;

	if (rev == NULL)
		rev = "@+";
	if ((rc = sada_rev_resolve(&v, r, rev, strlen(rev), err)) == 0) {
		sada_state_id(&id, &v.st);
		sada_id_hex(hex, &id);
	}
	sada_rev_release(&v);
	return rc;
}
