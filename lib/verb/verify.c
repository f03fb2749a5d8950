/*
 * Verify: every byte of the store, and what it is to hold.
 *
 * Nothing is recovered first: a repair could hide what is to be seen.  With
 * the lock, and unless asked not to, bad caches are removed, what others may
 * have becomes a want, and a damaged pack of which nothing is lost is set
 * aside; all else is only told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/quote.h"
#include "bundle/want.h"
#include "verb/verify_priv.h"

void
sada_check_tell(struct sada_check *c, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	c->res->damaged++;
	c->each(what, c->ctx);
}

static void
say(const struct sada_check *c, unsigned level, const char *what)
{
	if (c->o->talk != NULL && c->o->talk->note != NULL)
		c->o->talk->note(level, NULL, 0, what, c->o->talk->ctx);
}

void
sada_check_cache(struct sada_check *c, int dfd, const char *name,
    const char *why)
{
	struct sada_buf b = {0};
	struct sada_err drop;
	int gone = 0;

	if (c->writes)
		gone = sada_io_unlink(dfd, name, 0, &drop) == 0;
	c->res->rebuilt++;
	sada_buf_addf(&b, ".sada: the cache %s was damaged (%s)%s", name, why,
	    gone ? "; it is made anew" : "");
	say(c, SADA_NOTE_WARN, sada_buf_str(&b));
	sada_buf_release(&b);
}

/* ---- log and packs ---- */

static void
log_damage(const char *what, void *ctx)
{
	sada_check_tell(ctx, "%s", what);
}

static void
pack_damage(const char *what, unsigned type, const struct sada_id *id,
    void *ctx)
{
	static const char *const names[] = { "?", "chunk", "file list",
		"map node", "ancestors" };
	struct sada_check *c = ctx;
	char hex[SADA_HEX_LEN + 1];

	/* An index is derived, and made anew by the next writer. */
	if (type == 0 && strncmp(what, "the index of pack ", 18) == 0) {
		c->index_bad = 1;
		c->res->rebuilt++;
		say(c, SADA_NOTE_WARN, what);
		return;
	}
	c->packs_bad = 1;
	if (id == NULL) {
		sada_check_tell(c, "%s", what);
		return;
	}
	(void)sada_idset_add(&c->lost, id, type);
	sada_id_hex(hex, id);
	sada_check_tell(c, "%s %.16s is lost: %s", type <= SADA_OBJ_ANC ?
	    names[type] : names[0], hex, what);
}

static int
check_log(struct sada_check *c, struct sada_err *err)
{
	uint64_t was = c->res->damaged;
	int fd = -1, rc;

	rc = sada_io_open(&fd, c->sdir, "log", O_RDONLY | O_DIRECTORY, 0,
	    err);
	if (rc == SADA_NOTFOUND) {
		sada_check_tell(c, ".sada/log is missing");
		return 0;
	}
	if (rc == 0)
		rc = sada_log_verify(fd, log_damage, c, err);
	c->log_whole = rc == 0 && c->r != NULL && c->res->damaged == was;
	sada_io_close(fd);
	return rc;
}

static int
check_packs(struct sada_check *c, struct sada_err *err)
{
	struct sada_store *store = NULL;
	int fd = -1, rc;

	rc = sada_io_open(&fd, c->sdir, "pack", O_RDONLY | O_DIRECTORY, 0,
	    err);
	if (rc == SADA_NOTFOUND) {
		sada_check_tell(c, ".sada/pack is missing");
		return 0;
	}
	if (rc == 0 && (rc = sada_store_open(&store, fd, 0, err)) == 0)
		rc = sada_store_verify(store, pack_damage, c, err);
	sada_store_free(store);
	sada_io_close(fd);
	return rc;
}

/* ---- what must be held ---- */

static int
is_wanted(const struct sada_check *c, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < c->wants.n; i++)
		if (sada_id_cmp(&c->wants.w[i].id, id) == 0)
			return 1;
	return 0;
}

static void
add_want(struct sada_check *c, unsigned type, const struct sada_id *id,
    uint64_t size)
{
	struct sada_want w;

	memset(&w, 0, sizeof(w));
	w.type = (uint8_t)type;
	w.id = *id;
	w.size = size;
	sada_wants_add(&c->wants, &w);
	c->wants_changed = 1;
}

/* Is one of a content's objects lost?  A callback; CTX is the check. */
static int
is_lost(unsigned type, const struct sada_id *id, uint64_t len, void *ctx)
{
	struct sada_check *c = ctx;

	(void)len;
	return sada_idset_get(&c->lost, id, NULL) ||
	    !sada_store_has(c->r->store, type, id);
}

/* The content of V, at PATH. */
static int
check_content(struct sada_check *c, const struct sada_version *v,
    const char *path, size_t len, struct sada_err *err)
{
	struct sada_source src = { c->r->store, NULL };
	struct sada_buf b = {0};
	int rc;

	rc = sada_file_objects(&src, &v->content, v->size, is_lost, c, err);
	if (rc == SADA_SYS || rc == 0)
		return rc;
	if (!is_wanted(c, &v->content)) {
		sada_quote(&b, path, len);
		sada_check_tell(c, "%s: its content is %s", sada_buf_str(&b),
		    rc > 0 ? "not held, and was not wanted" :
		    "damaged in the store");
		sada_buf_release(&b);
		add_want(c, v->size > SADA_CHUNK_MAX ? SADA_OBJ_LIST :
		    SADA_OBJ_CHUNK, &v->content, v->size);
	}
	return 0;
}

static int
check_ancestors(struct sada_check *c, const struct sada_version *v,
    const char *path, size_t len)
{
	struct sada_buf b = {0};

	if (sada_id_zero(&v->anc) || is_wanted(c, &v->anc) ||
	    (sada_store_has(c->r->store, SADA_OBJ_ANC, &v->anc) &&
	    !sada_idset_get(&c->lost, &v->anc, NULL)))
		return 0;
	sada_quote(&b, path, len);
	sada_check_tell(c, "%s: its ancestors are not held, and were not "
	    "wanted", sada_buf_str(&b));
	sada_buf_release(&b);
	add_want(c, SADA_OBJ_ANC, &v->anc, 0);
	return 0;
}

/* All living versions of state OPS. */
static int
check_living(struct sada_check *c, const uint32_t *ops, size_t n,
    struct sada_err *err)
{
	struct sada_cursor *cur = NULL;
	struct sada_state st;
	struct sada_entry e;
	size_t i;
	int rc;

	memset(&st, 0, sizeof(st));
	if ((rc = sada_state_make(&st, c->r->log, c->r->store, ops, n,
	    err)) < 0 ||
	    (rc = sada_cursor_open(&cur, &st.ns, &st.root, err)) < 0)
		goto out;
	while ((rc = sada_cursor_next(cur, &e, err)) > 0)
		for (i = 0; i < e.nv; i++) {
			if (e.v[i].kind == SADA_DIR)
				continue;
			if ((rc = check_content(c, &e.v[i], e.path, e.len,
			    err)) < 0 || (rc = check_ancestors(c, &e.v[i],
			    e.path, e.len)) < 0)
				goto out;
		}
out:
	sada_cursor_free(cur);
	sada_state_release(&st);
	return rc;
}

/* The map of op I: held and canonical, else it is asked for. */
static int
check_map(struct sada_check *c, uint32_t i, struct sada_err *err)
{
	const struct sada_op_info *op = sada_log_op(c->r->log, i);
	struct sada_nodes ns = { .store = c->r->store };
	char hex[SADA_HEX_LEN + 1];
	struct sada_err why;
	int rc;

	rc = sada_map_check(&ns, &op->root, &why);
	if (rc == SADA_SYS && err != NULL)
		*err = why;
	if (rc == 0 || rc == SADA_SYS)
		return rc;
	sada_id_hex(hex, &op->id);
	sada_check_tell(c, "the map of op %.12s: %s", hex, why.msg);
	c->need = sada_realloc(c->need, (c->nneed + 1) * sizeof(*c->need));
	c->need[c->nneed++] = op->id;
	return 0;
}

static int
check_state(struct sada_check *c, const uint32_t *ops, size_t n,
    struct sada_err *err)
{
	size_t i, was = c->nneed;
	int rc;

	for (i = 0; i < n; i++)
		if ((rc = check_map(c, ops[i], err)) < 0)
			return rc;
	if (c->nneed > was)
		return 0;
	rc = check_living(c, ops, n, err);
	if (rc == SADA_SYS || rc == 0)
		return rc;
	sada_check_tell(c, "%s", err->msg);
	return 0;
}

/* Wants of what can be read were noted in error, or it came since. */
static int
drop_readable(struct sada_check *c, struct sada_err *err)
{
	struct sada_source src = { c->r->store, NULL };
	size_t i, k = 0;
	int rc;

	for (i = 0; i < c->wants.n; i++) {
		if ((rc = sada_want_readable(&src, &c->wants.w[i], err)) < 0)
			return rc;
		if (rc == 0)
			c->wants.w[k++] = c->wants.w[i];
	}
	if (k < c->wants.n)
		c->wants_changed = 1;
	c->wants.n = k;
	return 0;
}

/* The heads of all that was pulled, and of what is laid out. */
static int
check_held(struct sada_check *c, struct sada_err *err)
{
	uint32_t *head = NULL;
	size_t n;
	int rc;

	/* A damaged index is not to look like a loss. */
	if ((rc = sada_store_check(c->r->store, err)) < 0)
		return rc;
	if ((rc = sada_wants_load(&c->wants, c->sdir, err)) > 0)
		rc = drop_readable(c, err);
	else if (rc == 0) {
		rc = sada_want_all(&c->wants, c->r->store, NULL, c->r->log,
		    err);
		/* Without its map there is no telling what is wanted. */
		if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED)
			rc = 0;
		c->wants_changed = c->wants.n > 0;
	}
	if (rc < 0)
		return rc;
	sada_context_heads(&head, &n, c->r->log, NULL);
	rc = check_state(c, head, n, err);
	if (rc == 0 && (n != c->r->nlaid || (n > 0 && memcmp(head,
	    c->r->laid, n * sizeof(*head)) != 0)))
		rc = check_state(c, c->r->laid, c->r->nlaid, err);
	free(head);
	return rc;
}

/*
 * A damaged index is made anew, and a damaged pack of which nothing is lost
 * is set aside, so that the next verify is quiet.  All was told; what fails
 * here is told the next time.
 */
static void
mend(struct sada_check *c)
{
	struct sada_store *store = NULL;
	struct sada_buf b = {0};
	struct sada_err drop;
	unsigned moved = 0;
	int packs = -1, to = -1;

	if ((!c->packs_bad && !c->index_bad) || !c->writes || c->r == NULL ||
	    (c->o->flags & SADA_OPEN_WRITE) == 0)
		return;
	if (sada_io_open(&packs, c->sdir, "pack", O_RDONLY | O_DIRECTORY, 0,
	    &drop) < 0 || sada_io_open(&to, c->sdir, "quarantine",
	    O_RDONLY | O_DIRECTORY, 0, &drop) < 0 ||
	    sada_store_open(&store, packs, SADA_STORE_WRITE, &drop) < 0 ||
	    sada_store_check(store, &drop) < 0 ||
	    (c->packs_bad && sada_store_mend(store, to, &moved, &drop) < 0))
		say(c, SADA_NOTE_INFO, "no damaged pack could be set aside");
	if (moved > 0) {
		sada_buf_addf(&b, ".sada: all that %u damaged pack%s held is "
		    "here: it was written anew, and %s moved to "
		    ".sada/quarantine", moved, moved == 1 ? "" : "s",
		    moved == 1 ? "the pack" : "the packs");
		say(c, SADA_NOTE_WARN, sada_buf_str(&b));
	}
	sada_buf_release(&b);
	sada_store_free(store);
	sada_io_close(to);
	sada_io_close(packs);
}

/* Ask others for what is damaged. */
static int
ask_others(struct sada_check *c, struct sada_err *err)
{
	struct sada_self self;
	size_t i, k;
	int rc = 0;

	if (!c->writes || c->r == NULL)
		return 0;
	if (c->wants_changed)
		rc = sada_wants_save(&c->wants, c->sdir, err);
	if (rc < 0 || c->nneed == 0)
		return rc;
	if ((rc = sada_self_load(&self, c->sdir, err)) < 0)
		return rc;
	for (i = 0; i < c->nneed; i++) {
		for (k = 0; k < self.nneed && sada_id_cmp(&self.need[k],
		    &c->need[i]) != 0; k++)
			;
		if (k < self.nneed || k == SADA_ACK_NEED_MAX)
			continue;
		self.need = sada_realloc(self.need, (k + 1) *
		    sizeof(*self.need));
		self.need[self.nneed++] = c->need[i];
	}
	rc = sada_self_save(&self, c->sdir, err);
	sada_self_release(&self);
	return rc;
}

/* ---- opening ---- */

/* Find the store of DIR or of the nearest directory above it. */
static int
find_store(int *sdir, const char *dir, struct sada_err *err)
{
	struct sada_stat here, above;
	char *path = NULL;
	int fd = -1, up = -1, rc;

	rc = sada_open_start(&fd, dir, err);
	while (rc == 0) {
		free(path);
		path = NULL;
		if ((rc = sada_fd_path(&path, fd, err)) < 0 ||
		    (rc = sada_open_store(sdir, fd, path,
		    err)) != SADA_NOTFOUND)
			break;
		if ((rc = sada_io_open(&up, fd, "..", O_RDONLY | O_DIRECTORY,
		    0, err)) < 0 ||
		    (rc = sada_io_stat(fd, "", &here, err)) < 0 ||
		    (rc = sada_io_stat(up, "", &above, err)) < 0)
			break;
		if (here.ino == above.ino && here.dev == above.dev)
			rc = sada_err_set(err, SADA_ABSENT, "%s: no replica "
			    "here or above; make one with sada-init", dir);
		sada_io_close(fd);
		fd = up;
		up = -1;
	}
	free(path);
	sada_io_close(up);
	sada_io_close(fd);
	return rc;
}

/* Keep other commands out meanwhile, where that is possible. */
static int
take_lock(struct sada_check *c, struct sada_err *err)
{
	struct sada_err e;
	int rc;

	if (sada_io_open(&c->lock, c->sdir, "lock", O_RDONLY, 0, &e) < 0) {
		c->lock = -1;
		return 0;
	}
	rc = sada_io_lock(c->lock, LOCK_EX, c->o->wait_s * 1000, &e);
	if (rc == SADA_BUSY) {
		if (err != NULL)
			*err = e;
		return rc;
	}
	if (rc < 0) {
		sada_io_close(c->lock);
		c->lock = -1;
	}
	c->writes = rc == 0 && (c->o->flags & SADA_OPEN_DRY) == 0;
	return 0;
}

/* Open the replica for reading; what stands against it is told. */
static int
open_replica(struct sada_check *c, struct sada_err *err)
{
	struct sada_open_opts o = *c->o;
	struct sada_err why;
	int rc;

	o.flags = 0;
	rc = sada_open(&c->r, &o, &why);
	if (rc == SADA_AUTH) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	if (rc < 0)
		sada_check_tell(c, "the replica does not open: %s", why.msg);
	return 0;
}

int
sada_verify(const struct sada_open_opts *opts,
    void (*each)(const char *what, void *ctx), void *ctx,
    struct sada_verify_result *res, struct sada_err *err)
{
	struct sada_check c = { .o = opts, .each = each, .ctx = ctx,
	    .res = res, .sdir = -1, .lock = -1 };
	struct sada_err own;
	int rc;

	if (err == NULL)
		err = &own;
	sada_crypto_init();
	memset(res, 0, sizeof(*res));
	if ((rc = find_store(&c.sdir, opts->dir != NULL ? opts->dir : ".",
	    err)) < 0 ||
	    (rc = take_lock(&c, err)) < 0 ||
	    (rc = open_replica(&c, err)) < 0 ||
	    (rc = check_log(&c, err)) < 0 ||
	    (rc = check_packs(&c, err)) < 0 ||
	    (rc = sada_check_files(&c, err)) < 0 ||
	    (c.r != NULL && (rc = check_held(&c, err)) < 0))
		goto out;
	rc = ask_others(&c, err);
	mend(&c);
out:
	sada_close(c.r);
	sada_wants_release(&c.wants);
	sada_idset_release(&c.lost);
	free(c.need);
	sada_io_close(c.lock);
	sada_io_close(c.sdir);
	return rc;
}
