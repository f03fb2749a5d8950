/* What the tests of the entry map share: a store, a model, a naive tree. */
#ifndef SADA_UNIT_TREE_UTIL_H
#define SADA_UNIT_TREE_UTIL_H

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "tap.h"
#include "tree/tree.h"

/* ---- a store in a directory of its own ---- */

struct box {
	char path[4096];
	int fd;
	struct sada_store *store;
	struct sada_txn *txn;
	struct sada_nodes ns, cns;	/* of maps, of changes trees */
	struct sada_err err;
};

/* The result of a call that must not fail. */
static inline int
must(int rc, const struct sada_err *err)
{
	if (rc < 0)
		printf("# failed: %d %s\n", rc, err->msg);
	assert(rc >= 0);
	return rc;
}

static inline void
box_open(struct box *b)
{
	const char *tmp = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	(void)snprintf(b->path, sizeof(b->path), "%s/tree.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert(mkdtemp(b->path) != NULL);
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(b->fd >= 0);
	must(sada_store_open(&b->store, b->fd, SADA_STORE_WRITE, &b->err),
	    &b->err);
	must(sada_txn_begin(&b->txn, b->store, &b->err), &b->err);
	b->ns.store = b->cns.store = b->store;
	b->ns.txn = b->cns.txn = b->txn;
	b->cns.flags = SADA_NODE_CHANGES;
}

/* Make what was put durable; the nodes are read from the store then. */
static inline void
box_commit(struct box *b)
{
	must(sada_txn_commit(b->txn, &b->err), &b->err);
	b->txn = b->ns.txn = b->cns.txn = NULL;
}

/* Begin again after a commit. */
static inline void
box_begin(struct box *b)
{
	must(sada_txn_begin(&b->txn, b->store, &b->err), &b->err);
	b->ns.txn = b->cns.txn = b->txn;
}

static inline int
box_rm(const struct sada_dirent *e, void *ctx)
{
	return unlinkat(*(int *)ctx, e->name, 0) != 0 ? -1 : 0;
}

static inline void
box_close(struct box *b)
{
	sada_txn_abort(b->txn);
	sada_store_free(b->store);
	CHECK_INT(sada_io_list(b->fd, box_rm, &b->fd, NULL), 0);
	close(b->fd);
	CHECK_INT(rmdir(b->path), 0);
}

static inline int
id_eq(const struct sada_id *a, const struct sada_id *b)
{
	return sada_id_cmp(a, b) == 0;
}

/* ---- a map as a sorted array ---- */

struct model {
	struct sada_entry *e;		/* each owns its path and versions */
	size_t n, cap;
};

static inline void
model_free(struct model *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free((char *)m->e[i].path);
		free(m->e[i].v);
	}
	free(m->e);
	memset(m, 0, sizeof(*m));
}

/* Where PATH is or would be. */
static inline size_t
model_find(const struct model *m, const char *path, size_t len, int *found)
{
	size_t lo = 0, hi = m->n, mid;
	int c;

	*found = 0;
	while (lo < hi) {
		mid = (lo + hi) / 2;
		c = sada_path_cmp(m->e[mid].path, m->e[mid].len, path, len);
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

static inline int
model_del(struct model *m, const char *path, size_t len)
{
	int found;
	size_t i = model_find(m, path, len, &found);

	if (!found)
		return 0;
	free((char *)m->e[i].path);
	free(m->e[i].v);
	m->n--;
	memmove(&m->e[i], &m->e[i + 1], (m->n - i) * sizeof(*m->e));
	return 1;
}

/* Set the slot at PATH to NV versions, empty ones too. */
static inline void
model_set(struct model *m, const char *path, size_t len,
    const struct sada_version *v, size_t nv)
{
	struct sada_entry e = { .len = len, .nv = nv };
	int found;
	size_t i = model_find(m, path, len, &found);

	e.path = sada_memdup(path, len);
	if (nv > 0)
		e.v = (struct sada_version *)(void *)sada_memdup(v,
		    nv * sizeof(*v));
	if (found) {
		free((char *)m->e[i].path);
		free(m->e[i].v);
	} else {
		m->e = sada_grow(m->e, &m->cap, m->n + 1, sizeof(*m->e));
		memmove(&m->e[i + 1], &m->e[i],
		    (m->n - i) * sizeof(*m->e));
		m->n++;
	}
	m->e[i] = e;
}

static inline void
model_copy(struct model *to, const struct model *from)
{
	size_t i;

	memset(to, 0, sizeof(*to));
	for (i = 0; i < from->n; i++)
		model_set(to, from->e[i].path, from->e[i].len, from->e[i].v,
		    from->e[i].nv);
}

/* The map of M, built from scratch. */
static inline void
model_build(struct sada_nodes *ns, const struct model *m,
    struct sada_id *root)
{
	struct sada_build *b;
	struct sada_err err;
	size_t i;

	sada_build_new(&b, ns);
	for (i = 0; i < m->n; i++)
		must(sada_build_add(b, &m->e[i], &err), &err);
	must(sada_build_finish(b, root, &err), &err);
}

/* ---- the same by the letter of tree.h, all levels in memory ---- */

static inline int
naive_ends(unsigned level, size_t n, const char *path, size_t len)
{
	unsigned char key[16] = { 's', 'a', 'd', 'a', '.', 'c', 'u', 't',
	    '.', 'v', '1', 0, 0, 0, 0, (unsigned char)level };

	return n >= 192 || (n >= 16 &&
	    (sada_siphash(key, path, len) >> 32) < 0x05555555u);
}

static inline void
naive_root(const struct model *m, struct sada_id *root)
{
	struct sada_ref *ref, *up;
	struct sada_buf raw = { 0 };
	size_t i, j, k, n, nup;
	unsigned level;

	memset(root, 0, sizeof(*root));
	if (m->n == 0)
		return;
	n = m->n;
	ref = sada_calloc(n, sizeof(*ref));
	for (i = 0; i < n; i++) {
		ref[i].last = m->e[i].path;
		ref[i].len = m->e[i].len;
		ref[i].entries = 1;
		ref[i].multi = m->e[i].nv > 1;
		for (k = 0; k < m->e[i].nv; k++)
			ref[i].bytes += m->e[i].v[k].size;
	}
	for (level = 0; level == 0 || n > 1; level++) {
		up = sada_calloc(n, sizeof(*up));
		nup = 0;
		for (i = 0; i < n; i = j) {
			for (j = i + 1; j < n && !naive_ends(level, j - i,
			    ref[j - 1].last, ref[j - 1].len); j++)
				continue;
			sada_buf_reset(&raw);
			if (level == 0)
				sada_leaf_encode(&raw, m->e + i, j - i);
			else
				sada_inner_encode(&raw, level, ref + i,
				    j - i);
			for (k = i; k < j; k++) {
				up[nup].entries += ref[k].entries;
				up[nup].multi += ref[k].multi;
				up[nup].bytes += ref[k].bytes;
			}
			up[nup].last = ref[j - 1].last;
			up[nup].len = ref[j - 1].len;
			sada_hash(&up[nup++].id, SADA_CTX_NODE, raw.p,
			    raw.len);
		}
		free(ref);
		ref = up;
		n = nup;
	}
	*root = ref[0].id;
	free(ref);
	sada_buf_release(&raw);
}

/* ---- random things ---- */

enum { KEYS_DENSE, KEYS_CHAIN, KEYS_BYTES, KEYS_LONG, KEYS_MIX, NKEYS };

/* A random valid path of the kind KEYS into P; SPREAD: how many there are. */
static inline size_t
rand_path(char p[SADA_PATH_MAX + 1], unsigned keys, size_t spread)
{
	static const char around[] = "-.0,!a\x01\xff\x80~";
	size_t n = 0, i, k;

	if (keys == KEYS_MIX)
		keys = (unsigned)tap_below(KEYS_MIX);
	do {
		switch (keys) {
		case KEYS_DENSE:
			n = (size_t)snprintf(p, 64, "d%zu/f%zu",
			    tap_below(spread / 30 + 1), tap_below(60));
			break;
		case KEYS_CHAIN:
			k = tap_below(SADA_DEPTH_MAX);
			for (n = 0, i = 0; i < k; i++) {
				p[n++] = 'a';
				if (i + 1 < k && tap_below(40) != 0)
					p[n++] = '/';
			}
			break;
		case KEYS_BYTES:
			n = 1 + tap_below(6);
			for (i = 0; i < n; i++)
				p[i] = tap_below(4) == 0 ? '/' :
				    around[tap_below(sizeof(around) - 1)];
			break;
		default:
			for (n = 0, k = 1 + tap_below(2); k > 0; k--) {
				memset(p + n, 'x', SADA_NAME_MAX);
				n += SADA_NAME_MAX;
				p[n - 1 - tap_below(3)] =
				    (char)('a' + (int)tap_below(26));
				p[n - 1 - tap_below(SADA_NAME_MAX)] = 'y';
				if (k > 1)
					p[n++] = '/';
			}
		}
	} while (!sada_path_ok(p, n));
	return n;
}

static inline void
rand_id(struct sada_id *id, size_t spread)
{
	memset(id, 0, sizeof(*id));
	sada_le64_put(id->b, 1 + tap_below(spread));
}

/* A random version; few values, so that they meet. */
static inline void
rand_version(struct sada_version *v)
{
	memset(v, 0, sizeof(*v));
	rand_id(&v->dot.author, 5);
	v->dot.epoch = tap_below(2);
	v->dot.seq = 1 + tap_below(30);
	v->dot.tag = tap_below(2);
	v->kind = (uint8_t)(1 + tap_below(3));
	if (tap_below(3) != 0)
		v->kind = SADA_FILE;
	if (v->kind != SADA_LINK)
		v->mode = (uint16_t)(tap_below(2) != 0 ? 0644 : 0600);
	v->mtime_s = (int64_t)tap_below(3) - 1;
	v->mtime_ns = (uint32_t)tap_below(2) * 999999999u;
	if (v->kind == SADA_DIR) {
		v->stamp_lamport = tap_below(3);
		rand_id(&v->stamp_author, 3);
		return;
	}
	rand_id(&v->content, 4);
	v->size = tap_below(3) + 7;
	v->flags = (uint8_t)(tap_below(4) == 0 ? SADA_V_ALONE : 0);
	if (tap_below(8) == 0)
		rand_id(&v->anc, 3);
}

static inline int
version_order(const void *a, const void *b)
{
	struct sada_id x, y;

	sada_version_id(&x, a);
	sada_version_id(&y, b);
	return sada_id_cmp(&x, &y);
}

/* Sort versions by id and drop doubles; how many are left. */
static inline size_t
slot_sort(struct sada_version *v, size_t n)
{
	size_t i, k;

	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), version_order);
	for (i = k = 1; i < n; i++)
		if (version_order(&v[k - 1], &v[i]) != 0)
			v[k++] = v[i];
	return k;
}

/* A random slot of 1 to 4 versions, mostly 1. */
static inline size_t
rand_slot(struct sada_version v[4])
{
	size_t i, n = tap_below(5) == 0 ? 1 + tap_below(4) : 1;

	for (i = 0; i < n; i++)
		rand_version(&v[i]);
	return slot_sort(v, n);
}

/* A random map of about N entries. */
static inline void
rand_model(struct model *m, unsigned keys, size_t n)
{
	char p[SADA_PATH_MAX + 1];
	struct sada_version v[4];
	size_t i, len;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < n; i++) {
		len = rand_path(p, keys, n);
		model_set(m, p, len, v, rand_slot(v));
	}
}

/* Are slots A and B equal? */
static inline int
entry_eq(const struct sada_entry *a, const struct sada_entry *b)
{
	size_t i;

	if (a->len != b->len || memcmp(a->path, b->path, a->len) != 0 ||
	    a->nv != b->nv)
		return 0;
	for (i = 0; i < a->nv; i++)
		if (version_order(&a->v[i], &b->v[i]) != 0 ||
		    sada_register_cmp(&a->v[i], &b->v[i]) != 0)
			return 0;
	return 1;
}

/* Map ROOT of N entries "d0000/f00000", one version each; for measuring. */
static inline void
plain_entry(struct sada_entry *e, char p[64], struct sada_version *v,
    size_t i)
{
	memset(v, 0, sizeof(*v));
	e->len = (size_t)snprintf(p, 64, "dir%05zu/sub/file%06zu.txt", i / 40,
	    i);
	e->path = p;
	e->v = v;
	e->nv = 1;
	v->kind = SADA_FILE;
	v->mode = 0644;
	v->dot.seq = 1;
	v->dot.author.b[0] = 1;
	v->dot.tag = 77;
	v->size = 1000 + i;
	sada_le64_put(v->content.b, i * UINT64_C(0x9e3779b97f4a7c15) + 1);
	v->mtime_s = 1700000000 + (int64_t)i;
	v->mtime_ns = (uint32_t)(i * 7919 % 1000000000);
}

#endif
