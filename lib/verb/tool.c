/*
 * Conflicts settled with a program of the user's: the sides are written to
 * files in the store, the program makes one more, and that is recorded as
 * what all of them became.  The lock is not held while the program runs,
 * since a person may sit in front of it; what changed meanwhile is found
 * by its versions, and then the conflict stays.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/quote.h"
#include "base/run.h"
#include "verb/conflict_priv.h"

#define PREFIX "tool."
#define PREFIX_LEN 5
#define EXT_MAX 16

struct tooling {
	struct sada_replica *r;
	const struct sada_tool_opts *o;
	struct sada_tool_result *res;
	struct sada_buf *path;		/* as they are called in the replica */
	int *met;			/* of each: a conflict is there */
	int dir;			/* where the files are; locked */
	char name[PREFIX_LEN + 17];	/* of DIR in the store */
	struct sada_err *err;
};

/* A conflict that is to be settled: its slot, and the versions there. */
struct job {
	char *slot;
	size_t len;
	struct sada_id *version;
	size_t n;
};
struct jobs {
	struct job *j;
	size_t n, cap;
};

/* ---- files ---- */

static int
drop_one(const struct sada_dirent *d, void *ctx)
{
	/* What stays keeps its directory, and is tried again. */
	return sada_io_unlink(*(int *)ctx, d->name, 0, NULL) > 0;
}

/* Remove the directory of files NAME, open as FD, from the store. */
static int
drop_dir(int sdir, const char *name, int fd, struct sada_err *err)
{
	int rc = sada_io_list(fd, drop_one, &fd, err);

	return rc < 0 ? rc : sada_io_unlink(sdir, name, AT_REMOVEDIR, err);
}

/* A directory that nobody has locked is left from a run that was killed. */
static int
sweep_one(const struct sada_dirent *d, void *ctx)
{
	int sdir = *(int *)ctx, fd = -1;
	struct sada_err e;
	int rc;

	if (d->len <= PREFIX_LEN || memcmp(d->name, PREFIX, PREFIX_LEN) != 0)
		return 0;
	rc = sada_io_open(&fd, sdir, d->name, O_RDONLY | O_DIRECTORY, 0, &e);
	if (rc == 0 && (rc = sada_io_lock(fd, LOCK_EX, 0, &e)) == 0)
		rc = drop_dir(sdir, d->name, fd, &e);
	sada_io_close(fd);
	return rc > 0;
}

/* Make a directory for the files, below the store. */
static int
work_open(struct tooling *t)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char seed[8];
	size_t i;
	int rc;

	if ((rc = sada_io_list(t->r->sdir, sweep_one, &t->r->sdir,
	    t->err)) < 0)
		return rc;
	sada_io_random(seed, sizeof(seed));
	memcpy(t->name, PREFIX, PREFIX_LEN);
	for (i = 0; i < 16; i++)
		t->name[PREFIX_LEN + i] = digit[seed[i / 2] >> i % 2 * 4 &
		    15];
	t->name[PREFIX_LEN + 16] = '\0';
	if ((rc = sada_io_mkdir(t->r->sdir, t->name, 0700, t->err)) < 0 ||
	    (rc = sada_io_open(&t->dir, t->r->sdir, t->name,
	    O_RDONLY | O_DIRECTORY, 0, t->err)) < 0)
		return rc;
	return sada_io_lock(t->dir, LOCK_EX, 0, t->err);
}

static void
work_close(struct tooling *t)
{
	struct sada_err e;

	if (t->dir < 0)
		return;
	if (drop_dir(t->r->sdir, t->name, t->dir, &e) < 0)
		sada_note(t->r, SADA_NOTE_INFO, NULL, 0, e.msg);
	sada_io_close(t->dir);
	t->dir = -1;
}

/*
 * File WHAT.ext, ext being that of SLOT: tools choose their colours by it.
 * B receives the name in the directory of files.
 */
static void
file_name(struct sada_buf *b, const char *what, const char *slot, size_t len)
{
	size_t base = sada_path_base(slot, len), i, k;

	sada_buf_reset(b);
	sada_buf_adds(b, what);
	for (i = len; i > base + 1 && slot[i - 1] != '.'; i--)
		;
	if (i <= base + 1 || len - i + 1 > EXT_MAX)
		return;
	for (k = i; k < len; k++)
		if ((unsigned char)slot[k] < 0x20 || slot[k] == 0x7f)
			return;
	sada_buf_add(b, slot + i - 1, len - i + 1);
}

/* Write content ID to a file of the name in B; ID NULL: an empty one. */
static int
put_file(const struct tooling *t, struct sada_buf *b,
    const struct sada_source *src, const struct sada_id *id, uint64_t size)
{
	int fd = -1, rc, closed;

	if ((rc = sada_io_open(&fd, t->dir, sada_buf_str(b), O_WRONLY |
	    O_CREAT | O_TRUNC, 0600, t->err)) < 0)
		return rc;
	if (id != NULL)
		rc = sada_file_write(src, id, size, fd, t->err);
	closed = sada_io_close_checked(fd, rc < 0 ? NULL : t->err);
	return rc < 0 ? rc : closed;
}

/* The absolute name of the file in B. */
static char *
absolute(const struct tooling *t, struct sada_buf *b)
{
	struct sada_buf full = {0};
	char *out;

	sada_buf_addf(&full, "%s/" SADA_STORE_DIR "/%s/%s", t->r->path,
	    t->name, sada_buf_str(b));
	out = sada_strdup(sada_buf_str(&full));
	sada_buf_release(&full);
	return out;
}

/* ---- the program ---- */

/* Run it on the files; *DONE: it ended well and made the fourth. */
static int
run_tool(const struct tooling *t, char *const file[4], const struct job *j,
    int *done)
{
	struct sada_buf script = {0}, path = {0}, out = {0};
	const char *argv[9], *env[2] = { NULL, NULL };
	struct sada_stat st;
	struct sada_err e;
	size_t i;
	int rc, status = 0;

	sada_buf_addf(&script, "%s \"$@\"", t->o->command);
	sada_buf_adds(&path, "SADA_PATH=");
	sada_buf_add(&path, j->slot, j->len);
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = sada_buf_str(&script);
	argv[3] = "sada-merge";
	for (i = 0; i < 4; i++)
		argv[4 + i] = file[i];
	argv[8] = NULL;
	env[0] = sada_buf_str(&path);
	rc = sada_run_user(argv, env, &status, t->err);
	file_name(&out, "out", j->slot, j->len);
	*done = rc == 0 && status == 0 && sada_io_stat(t->dir,
	    sada_buf_str(&out), &st, &e) == 0 && S_ISREG(st.kind);
	sada_buf_release(&script);
	sada_buf_release(&path);
	sada_buf_release(&out);
	return rc;
}

/* ---- one conflict ---- */

static int
tell(struct tooling *t, const struct job *j, const char *op, const char *why)
{
	if (why == NULL)
		t->res->settled++;
	else
		t->res->left++;
	return t->o->each == NULL ? 0 : t->o->each(j->slot, j->len, op, why,
	    t->o->ctx);
}

/* Where the slot of J is in PS: 1, or 0. */
static int
find_job(const struct sada_parts *ps, const struct job *j, size_t *from,
    size_t *to)
{
	size_t i;

	for (i = 0; i < ps->n; i = *to) {
		*from = i;
		*to = sada_parts_end(ps, i);
		if (sada_path_cmp(ps->p[i].n.slot, ps->p[i].n.slot_len,
		    j->slot, j->len) == 0)
			return 1;
	}
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/* The ids of all versions of FROM to TO, sorted; new. */
static struct sada_id *
versions(const struct sada_parts *ps, size_t from, size_t to, size_t *n)
{
	struct sada_id *id = NULL;
	size_t i, k, cap = 0;

	*n = 0;
	for (i = from; i < to; i++)
		for (k = 0; k < ps->p[i].n.ncover; k++) {
			id = sada_grow(id, &cap, *n + 1, sizeof(*id));
			sada_version_id(&id[(*n)++], &ps->p[i].n.cover[k]);
		}
	if (*n > 1)
		qsort(id, *n, sizeof(*id), by_id);
	return id;
}

/* Record what the program made of J, if J is still what it was. */
static int
settle(struct tooling *t, const struct job *j, int fd)
{
	struct sada_snap_opts so = { .flags = 0 };
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	struct sada_settle s = { .how = SADA_SETTLE_BYTES, .fd = fd };
	struct sada_snap_result snapped;
	struct sada_replica *r = t->r;
	struct sada_id *now = NULL;
	char op[SADA_VERB_HEX] = "";
	struct sada_rev rev;
	size_t n = 0;
	int rc, same = 0;

	memset(&rev, 0, sizeof(rev));
	if ((rc = sada_replica_lock(r, t->o->wait_s, t->err)) < 0)
		return rc;
	if ((rc = sada_snap(r, &so, &snapped, t->err)) < 0 ||
	    (rc = sada_rev_resolve(&rev, r, "@", 1, t->err)) < 0 ||
	    (rc = sada_parts_init(&ps, &rev, t->err)) < 0)
		goto out;
	if (find_job(&ps, j, &s.from, &s.to)) {
		now = versions(&ps, s.from, s.to, &n);
		same = n == j->n && (n == 0 || memcmp(now, j->version,
		    n * sizeof(*now)) == 0);
	}
	s.at = s.from;
	if (same)
		rc = sada_settle(r, &ps, &rev, &s, 1, "conflict settled", op,
		    t->err);
out:
	free(now);
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	sada_replica_unlock(r);
	if (rc < 0)
		return rc;
	return tell(t, j, op, same ? NULL :
	    "it changed meanwhile; what the tool made is dropped");
}

/* Why the parts FROM to TO are nothing for a tool, or NULL. */
static const char *
unfit(const struct sada_parts *ps, size_t from, size_t to,
    const struct sada_source *src)
{
	struct sada_err e;
	size_t i;

	for (i = from; i < to; i++) {
		if (ps->p[i].n.kind != SADA_FILE)
			return "not all of it are files";
		if (sada_file_held(src, &ps->p[i].n.content, ps->p[i].n.size,
		    &e) != 1)
			return "a content is not here";
	}
	return NULL;
}

/* Which part is mine: that with a version of ours, else the main one. */
static size_t
my_part(const struct tooling *t, const struct sada_parts *ps, size_t from,
    size_t to)
{
	const struct sada_id *self = &sada_key_pub(t->r->key)->id;
	size_t i, k;

	for (i = from; i < to; i++)
		for (k = 0; k < ps->p[i].n.ncover; k++)
			if (sada_id_cmp(&ps->p[i].n.cover[k].dot.author,
			    self) == 0)
				return i;
	return from;
}

/* Write the three sides of MINE and OTHER; NEXT: mine is what was made. */
static int
put_sides(struct tooling *t, const struct sada_parts *ps,
    const struct sada_source *src, const struct job *j, size_t mine,
    size_t other, int next, char *file[4])
{
	static const char *const what[] = { "base", "mine", "theirs", "out" };
	const struct sada_name *m = &ps->p[mine].n, *o = &ps->p[other].n;
	const struct sada_name *b = o->based ? o : m;
	struct sada_buf name = {0}, was = {0};
	struct sada_err e;
	size_t i;
	int rc;

	file_name(&name, "base", j->slot, j->len);
	rc = put_file(t, &name, src, b->based && sada_file_held(src, &b->base,
	    b->base_size, &e) == 1 ? &b->base : NULL, b->base_size);
	file_name(&name, "mine", j->slot, j->len);
	file_name(&was, "out", j->slot, j->len);
	if (rc == 0)
		rc = next ? sada_io_rename(t->dir, sada_buf_str(&was), t->dir,
		    sada_buf_str(&name), 0, t->err) :
		    put_file(t, &name, src, &m->content, m->size);
	file_name(&name, "theirs", j->slot, j->len);
	if (rc == 0)
		rc = put_file(t, &name, src, &o->content, o->size);
	for (i = 0; i < 4; i++) {
		file_name(&name, what[i], j->slot, j->len);
		file[i] = absolute(t, &name);
	}
	sada_buf_release(&name);
	sada_buf_release(&was);
	return rc;
}

/* The program merges the others into mine, one by one; *WHY it did not. */
static int
merge_parts(struct tooling *t, const struct sada_parts *ps,
    const struct sada_source *src, const struct job *j, size_t from,
    size_t to, const char **why)
{
	char *file[4] = { NULL, NULL, NULL, NULL };
	size_t mine = my_part(t, ps, from, to), i, k;
	int rc = 0, done = 1, next = 0;

	for (i = from; i < to && rc == 0 && done; i++) {
		if (i == mine)
			continue;
		rc = put_sides(t, ps, src, j, mine, i, next, file);
		if (rc == 0)
			rc = run_tool(t, file, j, &done);
		next = 1;
		for (k = 0; k < 4; k++) {
			free(file[k]);
			file[k] = NULL;
		}
	}
	if (!done)
		*why = "the tool made nothing of it";
	return rc;
}

static int
do_job(struct tooling *t, struct job *j)
{
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	struct sada_buf name = {0};
	const char *why = NULL;
	struct sada_source src;
	struct sada_rev rev;
	size_t from, to;
	int rc, fd = -1;

	memset(&rev, 0, sizeof(rev));
	if ((rc = work_open(t)) < 0 ||
	    (rc = sada_rev_resolve(&rev, t->r, "@", 1, t->err)) < 0 ||
	    (rc = sada_parts_init(&ps, &rev, t->err)) < 0)
		goto out;
	src = sada_melding_source(&rev.meld);
	if (!find_job(&ps, j, &from, &to)) {
		why = "it is settled already";
	} else if ((why = unfit(&ps, from, to, &src)) == NULL) {
		j->version = versions(&ps, from, to, &j->n);
		rc = merge_parts(t, &ps, &src, j, from, to, &why);
	}
out:
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	file_name(&name, "out", j->slot, j->len);
	if (rc == 0 && why != NULL)
		rc = tell(t, j, NULL, why);
	else if (rc == 0 && (rc = sada_io_open(&fd, t->dir,
	    sada_buf_str(&name), O_RDONLY | O_NOFOLLOW, 0, t->err)) == 0)
		rc = settle(t, j, fd);
	sada_io_close(fd);
	sada_buf_release(&name);
	work_close(t);
	return rc;
}

/* ---- all of them ---- */

/* Is path K that of P, of its conflict, or above one of both? */
static int
covers(const struct tooling *t, size_t k, const struct sada_part *p)
{
	const char *path = (char *)t->path[k].p;

	return sada_path_in(p->n.path, p->n.len, path, t->path[k].len) ||
	    sada_path_in(p->n.slot, p->n.slot_len, path, t->path[k].len);
}

static int
wanted(struct tooling *t, const struct sada_parts *ps, size_t from,
    size_t to)
{
	size_t i, k;
	int out = t->o->npaths == 0;

	for (i = from; i < to; i++)
		for (k = 0; k < t->o->npaths; k++)
			if (covers(t, k, &ps->p[i]))
				out = t->met[k] = 1;
	return out;
}

/* The operands must be right before anything is run. */
static int
all_met(const struct tooling *t)
{
	size_t k;

	for (k = 0; k < t->o->npaths; k++)
		if (!t->met[k])
			return sada_parts_none(t->o->paths[k], t->err);
	return 0;
}

/* The conflicts as they are now: only their slots are kept. */
static int
list_jobs(struct tooling *t, struct jobs *js)
{
	struct sada_parts ps = { NULL, NULL, 0, 0 };
	struct sada_rev rev;
	size_t from, to;
	int rc;

	if ((rc = sada_rev_resolve(&rev, t->r, "@", 1, t->err)) < 0)
		return rc;
	if ((rc = sada_parts_init(&ps, &rev, t->err)) < 0)
		goto out;
	for (from = 0; from < ps.n; from = to) {
		to = sada_parts_end(&ps, from);
		if (!wanted(t, &ps, from, to))
			continue;
		js->j = sada_grow(js->j, &js->cap, js->n + 1,
		    sizeof(*js->j));
		memset(&js->j[js->n], 0, sizeof(*js->j));
		js->j[js->n].slot = sada_memdup(ps.p[from].n.slot,
		    ps.p[from].n.slot_len);
		js->j[js->n++].len = ps.p[from].n.slot_len;
	}
	rc = all_met(t);
out:
	sada_parts_release(&ps);
	sada_rev_release(&rev);
	return rc;
}

int
sada_conflict_tool(struct sada_replica *r,
    const struct sada_tool_opts *opts, struct sada_tool_result *res,
    struct sada_err *err)
{
	struct sada_err own;
	struct tooling t = { .r = r, .o = opts, .res = res, .dir = -1,
	    .err = err != NULL ? err : &own };
	struct jobs js = { NULL, 0, 0 };
	size_t i;
	int rc = 0;

	memset(res, 0, sizeof(*res));
	t.path = sada_calloc(opts->npaths + 1, sizeof(*t.path));
	t.met = sada_calloc(opts->npaths + 1, sizeof(*t.met));
	for (i = 0; i < opts->npaths && rc == 0; i++) {
		(void)sada_buf_reserve(&t.path[i], 1);
		rc = sada_path_arg(r, opts->paths[i], &t.path[i], t.err);
	}
	if (rc == 0)
		rc = list_jobs(&t, &js);
	for (i = 0; i < js.n && rc == 0; i++)
		rc = do_job(&t, &js.j[i]);
	for (i = 0; i < js.n; i++) {
		free(js.j[i].slot);
		free(js.j[i].version);
	}
	free(js.j);
	for (i = 0; i < opts->npaths; i++)
		sada_buf_release(&t.path[i]);
	free(t.path);
	free(t.met);
	return rc;
}
