/*
 * Ignore rules: libgit2 judges, and sees no file.
 *
 * For each directory that has rules there is a repository that exists in
 * memory only, with the rules of the directory and of those above it, in
 * that order, as internal rules.  It is made when it is first asked, and
 * only about names below its directory.  So a rule of a nested text binds
 * by depth alone: its prefix is one "*" a component, which any name of a
 * directory matches, whatever bytes it has.
 *
 * Two rules come first: "*", then "!*".  They take back libgit2's own
 * (".git"), and with a rule before it that matches everything no negated
 * rule is dropped as needless by an estimate that is wrong for some.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"
#include "git/ignore.h"
#include "git/load.h"

#define TEXT_MAX ((size_t)1 << 20)
#define FIRST_RULES "*\n!*\n"

/* The rules of one directory. */
struct set {
	char *dir;
	size_t len;
	struct sada_buf text;		/* prefixed */
	git_repository *repo;		/* NULL: not made yet */
};

struct sada_ignore {
	pthread_mutex_t lock;		/* over all that follows */
	struct set **set;		/* sorted by dir */
	size_t n, cap;
	int started;			/* libgit2 is: it costs 10 ms */
	struct sada_git g;		/* then */
};

/*
 * A configuration that holds nothing and forgets what is set; only two
 * names of files are there, without a value, for else libgit2 looks for
 * the user's own.
 */
static int
config_open(git_config_backend *b, git_config_level_t level,
    const git_repository *repo)
{
	(void)b;
	(void)level;
	(void)repo;
	return 0;
}

static void
entry_free(git_config_entry *e)
{
	free(e);
}

static int
config_get(git_config_backend *b, const char *key, git_config_entry **out)
{
	static const char *const names[] = {
		"core.excludesfile", "core.attributesfile"
	};
	git_config_entry *e;
	size_t i = 0;

	(void)b;
	while (strcmp(key, names[i]) != 0)
		if (++i == sizeof(names) / sizeof(names[0]))
			return GIT_ENOTFOUND;
	e = sada_calloc(1, sizeof(*e));
	e->name = names[i];
	e->level = GIT_CONFIG_LEVEL_APP;
	e->free = entry_free;
	*out = e;
	return 0;
}

static int
config_set(git_config_backend *b, const char *key, const char *value)
{
	(void)b;
	(void)key;
	(void)value;
	return 0;
}

static int
config_set_multi(git_config_backend *b, const char *key, const char *re,
    const char *value)
{
	(void)re;
	return config_set(b, key, value);
}

static int
config_del(git_config_backend *b, const char *key)
{
	(void)b;
	(void)key;
	return GIT_ENOTFOUND;
}

static int
config_del_multi(git_config_backend *b, const char *key, const char *re)
{
	(void)re;
	return config_del(b, key);
}

static int
iter_next(git_config_entry **e, git_config_iterator *it)
{
	(void)it;
	*e = NULL;
	return GIT_ITEROVER;
}

static void
iter_free(git_config_iterator *it)
{
	free(it);
}

static int
config_iter(git_config_iterator **out, git_config_backend *b)
{
	git_config_iterator *it = sada_calloc(1, sizeof(*it));

	it->backend = b;
	it->next = iter_next;
	it->free = iter_free;
	*out = it;
	return 0;
}

static int
config_lock(git_config_backend *b)
{
	(void)b;
	return 0;
}

static int
config_unlock(git_config_backend *b, int success)
{
	(void)b;
	(void)success;
	return 0;
}

static void
config_free(git_config_backend *b)
{
	free(b);
}

static int config_snapshot(git_config_backend **out, git_config_backend *b);

static git_config_backend *
config_new(void)
{
	git_config_backend *b = sada_calloc(1, sizeof(*b));

	b->version = GIT_CONFIG_BACKEND_VERSION;
	b->open = config_open;
	b->get = config_get;
	b->set = config_set;
	b->set_multivar = config_set_multi;
	b->del = config_del;
	b->del_multivar = config_del_multi;
	b->iterator = config_iter;
	b->snapshot = config_snapshot;
	b->lock = config_lock;
	b->unlock = config_unlock;
	b->free = config_free;
	return b;
}

static int
config_snapshot(git_config_backend **out, git_config_backend *b)
{
	(void)b;
	*out = config_new();
	(*out)->readonly = 1;
	return 0;
}

/*
 * A repository without files.  It is bare, for else libgit2 looks whether
 * a name without a '/' behind it is a directory.
 */
static int
repo_new(git_repository **out, const struct sada_git *g,
    struct sada_err *err)
{
	git_repository *repo = NULL;
	git_config *cfg = NULL;
	git_config_backend *b = config_new();
	int rc = 0;

	*out = NULL;
	if (g->config_new(&cfg) < 0 || g->config_add_backend(cfg, b,
	    GIT_CONFIG_LEVEL_APP, NULL, 0) < 0) {
		config_free(b);
		rc = sada_git_fail(g, "ignore rules: no configuration", err);
	} else if (g->repository_new(&repo) < 0 ||
	    g->repository_set_config(repo, cfg) < 0 ||
	    g->repository_set_bare(repo) < 0)
		rc = sada_git_fail(g, "ignore rules: no repository", err);
	g->config_free(cfg);
	if (rc < 0)
		g->repository_free(repo);
	else
		*out = repo;
	return rc;
}

static void
repo_free(const struct sada_ignore *ig, struct set *s)
{
	if (s->repo != NULL)
		ig->g.repository_free(s->repo);
	s->repo = NULL;
}

int
sada_ignore_new(struct sada_ignore **out, struct sada_err *err)
{
	struct sada_ignore *ig;

	*out = NULL;
	ig = sada_calloc(1, sizeof(*ig));
	if (pthread_mutex_init(&ig->lock, NULL) != 0) {
		free(ig);
		return sada_err_set(err, SADA_SYS, "ignore rules: no lock");
	}
	*out = ig;
	return 0;
}

static int
dir_cmp(const struct set *s, const char *dir, size_t len)
{
	size_t least = s->len < len ? s->len : len;
	int c = least > 0 ? memcmp(s->dir, dir, least) : 0;

	return c != 0 ? c : (s->len > len) - (s->len < len);
}

/* Where the set of DIR is or would be; *FOUND says which. */
static size_t
find(const struct sada_ignore *ig, const char *dir, size_t len, int *found)
{
	size_t lo = 0, hi = ig->n, mid;
	int c;

	*found = 0;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = dir_cmp(ig->set[mid], dir, len);
		if (c == 0) {
			*found = 1;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The set of DIR, made if need be. */
static struct set *
set_of(struct sada_ignore *ig, const char *dir, size_t len)
{
	struct set *s;
	int found;
	size_t i = find(ig, dir, len, &found);

	if (found)
		return ig->set[i];
	s = sada_calloc(1, sizeof(*s));
	s->dir = sada_memdup(dir, len);
	s->len = len;
	ig->set = sada_grow(ig->set, &ig->cap, ig->n + 1, sizeof(*ig->set));
	memmove(&ig->set[i + 1], &ig->set[i], (ig->n - i) * sizeof(*ig->set));
	ig->set[i] = s;
	ig->n++;
	return s;
}

/* Append one rule of N bytes, bound to names DEPTH components down. */
static void
put_rule(struct sada_buf *out, const char *p, size_t n, unsigned depth)
{
	const char *slash;
	size_t body;
	unsigned i;

	if (n > 0 && *p == '!') {
		sada_buf_add(out, "!", 1);
		p++;
		n--;
	}
	/* A '/' at the end only says "directory"; another one anchors. */
	for (body = n; body > 0 && p[body - 1] == ' '; body--)
		;
	if (body > 0 && p[body - 1] == '/')
		body--;
	slash = memchr(p, '/', body);
	if (depth > 0) {
		for (i = 0; i < depth; i++)
			sada_buf_add(out, "/*", 2);
		sada_buf_add(out, "/", 1);
		if (slash == NULL)
			sada_buf_add(out, "**/", 3);
		else if (slash == p) {
			p++;
			n--;
		}
	}
	sada_buf_add(out, p, n);
	sada_buf_add(out, "\n", 1);
}

/*
 * Does a line end in a backslash that escapes nothing?  For git it is no
 * rule; libgit2 would drop those behind it as well.
 */
static int
is_open(const char *p, size_t n)
{
	size_t k = 0;

	while (k < n && p[n - 1 - k] == '\\')
		k++;
	return k % 2 == 1;
}

/* Append the rules of a text. */
static void
put_rules(struct sada_buf *out, const char *p, size_t n, unsigned depth)
{
	const char *end = p + n, *nl;
	size_t len;

	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; p = nl + 1) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		len = (size_t)(nl - p);
		if (len > 0 && p[len - 1] == '\r')
			len--;
		if (len > 0 && *p != '#' && !is_open(p, len))
			put_rule(out, p, len, depth);
	}
}

int
sada_ignore_add(struct sada_ignore *ig, const char *dir, size_t dirlen,
    const char *text, size_t n, struct sada_err *err)
{
	struct set *s;
	size_t i;

	if (n > TEXT_MAX)
		return sada_err_set(err, SADA_FORMAT, "ignore rules: a text "
		    "of more than 1 MiB");
	if (n > 0 && memchr(text, '\0', n) != NULL)
		return sada_err_set(err, SADA_FORMAT, "ignore rules: a text "
		    "with a NUL");
	if (n == 0)
		return 0;
	pthread_mutex_lock(&ig->lock);
	s = set_of(ig, dir, dirlen);
	put_rules(&s->text, text, n, sada_path_depth(dir, dirlen));
	for (i = 0; i < ig->n; i++) {
		if (ig->set[i] != s && !sada_path_below(ig->set[i]->dir,
		    ig->set[i]->len, dir, dirlen))
			continue;
		repo_free(ig, ig->set[i]);
	}
	pthread_mutex_unlock(&ig->lock);
	return 0;
}

/* The set of the nearest directory at or above DIR, or NULL. */
static struct set *
nearest(const struct sada_ignore *ig, const char *dir, size_t len)
{
	size_t i;
	int found;

	for (;;) {
		i = find(ig, dir, len, &found);
		if (found)
			return ig->set[i];
		if (len == 0)
			return NULL;
		len = sada_path_parent(dir, len);
	}
}

/* Give S its repository. */
static int
set_build(struct sada_ignore *ig, struct set *s, struct sada_err *err)
{
	const struct set *chain[SADA_DEPTH_MAX + 1], *a = s;
	struct sada_buf b = { 0 };
	size_t n = 0;
	int rc;

	if (!ig->started && (rc = sada_git_start(&ig->g, err)) < 0)
		return rc;
	ig->started = 1;
	while (a != NULL) {
		assert(n < sizeof(chain) / sizeof(chain[0]));
		chain[n++] = a;
		a = a->len == 0 ? NULL :
		    nearest(ig, a->dir, sada_path_parent(a->dir, a->len));
	}
	sada_buf_adds(&b, FIRST_RULES);
	while (n > 0) {
		n--;
		sada_buf_add(&b, chain[n]->text.p, chain[n]->text.len);
	}
	if ((rc = repo_new(&s->repo, &ig->g, err)) == 0 &&
	    ig->g.ignore_add_rule(s->repo, sada_buf_str(&b)) < 0) {
		rc = sada_git_fail(&ig->g, "ignore rules: a text is refused",
		    err);
		repo_free(ig, s);
	}
	sada_buf_release(&b);
	return rc;
}

/* Ask S about PATH, a NUL-terminated text. */
static int
ask(struct sada_ignore *ig, struct set *s, const char *path,
    struct sada_err *err)
{
	int rc, ignored = 0;

	if (s->repo == NULL && (rc = set_build(ig, s, err)) < 0)
		return rc;
	if (ig->g.ignore_path_is_ignored(&ignored, s->repo, path) < 0)
		return sada_git_fail(&ig->g, "ignore rules: no answer", err);
	return ignored != 0;
}

int
sada_ignore_match(struct sada_ignore *ig, const char *path, size_t len,
    unsigned flags, struct sada_err *err)
{
	char text[SADA_PATH_MAX + 2];
	struct set *s;
	int rc = 0;

	assert(len > 0 && len <= SADA_PATH_MAX);
	memcpy(text, path, len);
	if (flags & SADA_IGNORE_DIR)
		text[len] = '/';
	text[len + ((flags & SADA_IGNORE_DIR) != 0)] = '\0';
	pthread_mutex_lock(&ig->lock);
	s = nearest(ig, path, sada_path_parent(path, len));
	if (s != NULL)
		rc = ask(ig, s, text, err);
	pthread_mutex_unlock(&ig->lock);
	return rc;
}

int
sada_ignore_empty(const struct sada_ignore *ig)
{
	return ig->n == 0;
}

void
sada_ignore_free(struct sada_ignore *ig)
{
	size_t i;

	if (ig == NULL)
		return;
	for (i = 0; i < ig->n; i++) {
		repo_free(ig, ig->set[i]);
		sada_buf_release(&ig->set[i]->text);
		free(ig->set[i]->dir);
		free(ig->set[i]);
	}
	free(ig->set);
	(void)pthread_mutex_destroy(&ig->lock);
	if (ig->started)
		(void)ig->g.libgit2_shutdown();
	free(ig);
}
