/*
 * The view by its letter, over the sets of model_naive.h: folding, bases,
 * merges, names.
 *
 * A content is a few fields, each a line of a text in which many lines lie
 * between two, so that a merge of texts is a merge field by field, and no
 * text needs to be merged here.  What a version was made from is asked of
 * the history itself: which versions its op covered, what that showed.
 *
 * A view may leave a rule out, as a model may.
 */
#ifndef SADA_UNIT_MODEL_FOLD_H
#define SADA_UNIT_MODEL_FOLD_H

#include <stdio.h>
#include <stdlib.h>

#include "model_naive.h"
#include "tree/view.h"

enum {
	V_RIGHT = NMODELS,	/* views follow the models of the map */
	V_BY_CONTENT,		/* ancestors are contents, not dots */
	V_NO_ALONE,		/* the alone bit says nothing */
	V_ALL_BASE,		/* the base must be of all in a group */
	V_OLDEST,		/* the oldest base, not the newest */
	V_ONE_BASE,		/* the newest base, no others */
	V_NO_PROOF,		/* what bases that do not merge come to is
				   taken as the newest has it */
	V_SINGLE,		/* no entry for a merged view as a whole */
	V_NO_TWIN,		/* equal contents have groups of their own */
	V_ONE_MODE,		/* the highest version's mode, no base */
	V_OWN_MTIME,		/* a merge has the higher side's mtime */
	NVIEWS
};

#define FIELDS 6
#define FOLD_MAX 64		/* versions of a slot, names of a view */
#define CONTENTS NAIVE_RECS
#define NANC_MAX 96		/* entries of a list */
#define NBASES 8		/* bases of a merge */
#define NSUBS 64		/* how often more are looked for */

enum { TEXT, BYTES, LINK };	/* bytes are never merged */

struct ncontent {
	uint8_t what, f[FIELDS];
	uint64_t size;
	struct sada_id id;
};

/* What a record is beside its version; -1: none. */
struct nfile {
	int content, anc;	/* anc: number of its list of ancestors */
	struct nset cover;	/* the records that it was made on */
	int shown;		/* what they were seen as */
	uint16_t shown_mode;
};

struct nfiles {
	struct naive n;
	struct nfile file[NAIVE_RECS];
	struct ncontent content[CONTENTS];
	int ncontent;
	uint64_t lamport[NAIVE_OPS];
	int dotno[NAIVE_OPS];	/* the first op with the same dot */
	uint64_t seen[NAIVE_OPS];	/* dotnos of an op's past */
	unsigned (*driver)(const char *path);
};

/* One who looks: at what, by which rules, with which objects at hand. */
struct nlook {
	struct nfiles *w;
	unsigned rule;
	uint64_t ops;
	struct nset *held, *anc;	/* by number; merges add to HELD */
	long lacked;
	int melds;		/* that were tried for a slot */
};

struct nname {
	char path[SADA_NAME_MAX * 2];
	int slot, kind, content, groups;	/* -1: implied, no content */
	uint16_t mode;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct nset cover;
	int high;		/* its highest version */
};

/* ---- ancestors ---- */

struct nanc {
	uint64_t dots;		/* by dotno */
	int content;
	uint16_t mode;
};

static inline int
nanc_add(struct nanc *a, int n, uint64_t dots, int content, uint16_t mode)
{
	int i;

	for (i = 0; i < n; i++)
		if (a[i].dots == dots && a[i].content == content &&
		    a[i].mode == mode)
			return n;
	assert(n < NANC_MAX);
	a[n].dots = dots;
	a[n].content = content;
	a[n].mode = mode;
	return n + 1;
}

/* What the records of COVER, shown as SHOWN, are to who replaces them. */
static inline int
nanc_of(const struct nlook *l, const struct nset *cover, int shown,
    uint16_t mode, struct nset *done, struct nanc *a, int n)
{
	const struct nfiles *w = l->w;
	uint64_t dots = 0;
	int j, files = 0;

	for (j = 0; j < w->n.nrec; j++)
		if (nset_has(cover, j) && w->file[j].content >= 0) {
			dots |= (uint64_t)1 << w->dotno[w->n.rec[j].op];
			files++;
		}
	if (files == 0)
		return n;
	if (l->rule != V_SINGLE || files == 1)
		n = nanc_add(a, n, dots, shown, mode);
	for (j = 0; j < w->n.nrec; j++) {
		if (!nset_has(cover, j) || w->file[j].content < 0)
			continue;
		if (w->file[j].content != shown)
			n = nanc_add(a, n, (uint64_t)1 <<
			    w->dotno[w->n.rec[j].op], w->file[j].content,
			    w->n.rec[j].v.mode);
		if (nset_has(done, j))
			continue;
		nset_put(done, j, 1);
		n = nanc_of(l, &w->file[j].cover, w->file[j].shown,
		    w->file[j].shown_mode, done, a, n);
	}
	return n;
}

/* A version that is folded, with its ancestors as far as they are known. */
struct nkin {
	int rec, group;
	uint64_t lamport;
	struct nanc a[NANC_MAX];
	int n, known;
};

static inline void
nkin_know(const struct nlook *l, struct nkin *k)
{
	const struct nfile *f = &l->w->file[k->rec];
	struct nset done = { { 0 } };

	if (!k->known && f->anc >= 0 && nset_has(l->anc, f->anc))
		k->n = nanc_of(l, &f->cover, f->shown, f->shown_mode, &done,
		    k->a, 0);
	k->known = 1;
}

static inline int
nkin_has(const struct nlook *l, const struct nkin *k, const struct nanc *a)
{
	const struct nfiles *w = l->w;
	int i, dot = w->dotno[w->n.rec[k->rec].op];

	for (i = 0; i < k->n; i++)
		if (k->a[i].content == a->content &&
		    ((k->a[i].dots & a->dots) || l->rule == V_BY_CONTENT))
			return 1;
	if (l->rule == V_NO_ALONE ||
	    (w->n.rec[k->rec].v.flags & SADA_V_ALONE) == 0)
		return 0;
	for (i = 0; i < w->n.nop; i++)
		if ((l->ops >> i & 1) && w->dotno[i] == dot &&
		    (a->dots & ~w->seen[i]))
			return 0;
	return 1;
}

static inline uint64_t
nlamport(const struct nlook *l, int dotno)
{
	uint64_t best = 0;
	int i;

	for (i = 0; i < l->w->n.nop; i++)
		if ((l->ops >> i & 1) && l->w->dotno[i] == dotno &&
		    l->w->lamport[i] > best)
			best = l->w->lamport[i];
	return best;
}

/* The dots of A in order, into D; how many. */
static inline int
nanc_dots(const struct nlook *l, const struct nanc *a, struct sada_dot *d,
    uint64_t *lamport)
{
	int i, j, n = 0;

	*lamport = 0;
	for (i = 0; i < l->w->n.nop; i++) {
		if ((a->dots >> i & 1) == 0)
			continue;
		if (nlamport(l, i) > *lamport)
			*lamport = nlamport(l, i);
		for (j = n++; j > 0 && sada_dot_cmp(&d[j - 1],
		    &l->w->n.op[i].dot) > 0; j--)
			d[j] = d[j - 1];
		d[j] = l->w->n.op[i].dot;
	}
	return n;
}

/* How many ops are in the past of those of DOTS. */
static inline int
npast(const struct nlook *l, uint64_t dots)
{
	const struct nfiles *w = l->w;
	uint64_t past = 0;
	int i;

	for (i = 0; i < w->n.nop; i++)
		if ((l->ops >> i & 1) && (dots >> w->dotno[i] & 1))
			past |= w->n.op[i].past;
	return __builtin_popcountll(past);
}

/*
 * Newer: lamport, more ops in the past, more dots, the greater dots, content,
 * mode.
 */
static inline int
nanc_newer(const struct nlook *l, const struct nanc *a, const struct nanc *b)
{
	struct sada_dot da[NAIVE_OPS], db[NAIVE_OPS];
	uint64_t la, lb;
	int na = nanc_dots(l, a, da, &la), nb = nanc_dots(l, b, db, &lb), i;
	int c;

	if (la != lb)
		return la > lb;
	if (npast(l, a->dots) != npast(l, b->dots))
		return npast(l, a->dots) > npast(l, b->dots);
	if (na != nb)
		return na > nb;
	for (i = 0; i < na; i++)
		if ((c = sada_dot_cmp(&da[i], &db[i])) != 0)
			return c > 0;
	c = memcmp(l->w->content[a->content].id.b,
	    l->w->content[b->content].id.b, SADA_ID_LEN);
	return c != 0 ? c > 0 : a->mode > b->mode;
}

/* Is A an ancestor of K[at] and of one in GROUP before it? */
static inline int
nbase_ok(const struct nlook *l, const struct nkin *k, int at, int group,
    const struct nanc *a)
{
	int i, has = 0, all = 1;

	if (!nkin_has(l, &k[at], a))
		return 0;
	for (i = 0; i < at; i++)
		if (k[i].group == group) {
			has |= nkin_has(l, &k[i], a);
			all &= nkin_has(l, &k[i], a);
		}
	return l->rule == V_ALL_BASE ? all : has;
}

/* What a version and a group are merged from, newest first. */
struct nbases {
	struct nanc e[NBASES];
	struct nbases *sub[NBASES];	/* of e and those before; or NULL */
	int n;
};

/* Those of one merge; the first is the main one. */
struct npool {
	struct nbases b[NSUBS + 1];
	int n;
};

/* Which dots of A has version K: listed, or all that its op has seen? */
static inline uint64_t
nhas(const struct nlook *l, const struct nkin *k, const struct nanc *a)
{
	const struct nfiles *w = l->w;
	int i, dot = w->dotno[w->n.rec[k->rec].op];
	uint64_t has = 0, seen = a->dots;

	for (i = 0; i < k->n; i++)
		has |= k->a[i].dots & a->dots;
	if (l->rule == V_NO_ALONE ||
	    (w->n.rec[k->rec].v.flags & SADA_V_ALONE) == 0)
		return has;
	for (i = 0; i < w->n.nop; i++)
		if ((l->ops >> i & 1) && w->dotno[i] == dot)
			seen &= w->seen[i];
	return has | seen;
}

/* The dots that stand with DOT in an entry of K[at]'s or GROUP's lists. */
static inline uint64_t
nbeside(const struct nkin *k, int at, int group, int dot)
{
	uint64_t beside = 0;
	int i, j;

	for (i = 0; i <= at; i++)
		for (j = 0; (i == at || k[i].group == group) && j < k[i].n;
		    j++)
			if (k[i].a[j].dots >> dot & 1)
				beside |= k[i].a[j].dots;
	return beside & ~((uint64_t)1 << dot);
}

/* The dots that those of DOTS were made of. */
static inline uint64_t
nsees(const struct nlook *l, const struct nkin *k, int at, int group,
    uint64_t dots)
{
	uint64_t sees = 0, one;
	int i, dot;

	for (dot = 0; dot < l->w->n.nop; dot++) {
		if ((dots >> dot & 1) == 0)
			continue;
		for (i = 0, one = 0; i < l->w->n.nop; i++)
			if ((l->ops >> i & 1) && l->w->dotno[i] == dot)
				one |= l->w->seen[i];
		sees |= one & ~nbeside(k, at, group, dot);
	}
	return sees;
}

/*
 * What A, which K[at] and GROUP have in common, has seen by what each has
 * of it; in *BOTH the dots that both have, or all if there is none.
 */
static inline uint64_t
nseen(const struct nlook *l, const struct nkin *k, int at, int group,
    const struct nanc *a, uint64_t *both)
{
	uint64_t one = nhas(l, &k[at], a), other = 0;
	int i;

	for (i = 0; i < at; i++)
		if (k[i].group == group)
			other |= nhas(l, &k[i], a);
	*both = (one & other) != 0 ? one & other : a->dots;
	return nsees(l, k, at, group, one) & nsees(l, k, at, group, other);
}

/* All that K[at] and GROUP have in common, newest first: how many. */
static inline int
ncommon(const struct nlook *l, struct nkin *k, int at, int group,
    struct nanc *c)
{
	int i, j, m, n = 0;

	for (i = 0; i <= at; i++)
		if (i == at || k[i].group == group)
			nkin_know(l, &k[i]);
	for (i = 0; i <= at; i++)
		for (j = 0; (i == at || k[i].group == group) && j < k[i].n;
		    j++) {
			if (!nbase_ok(l, k, at, group, &k[i].a[j]))
				continue;
			for (m = n++; m > 0 && nanc_newer(l, &k[i].a[j],
			    &c[m - 1]); m--)
				c[m] = c[m - 1];
			c[m] = k[i].a[j];
		}
	return n;
}

/* The bases among the N entries C, into the next of POOL. */
static inline struct nbases *
nfind(const struct nlook *l, struct nkin *k, int at, int group,
    const struct nanc *c, int n, struct npool *pool)
{
	struct nbases *b = &pool->b[pool->n++];
	struct nanc *both = malloc((size_t)(n + 1) * sizeof(*both));
	uint64_t all = 0, own, dots, of;
	int i, j, m;

	b->n = 0;
	for (i = 0; i < n && b->n < NBASES; i++) {
		own = nseen(l, k, at, group, &c[i], &dots);
		/* Of what a list here names, all ops are in the state. */
		if (i > 0 && (dots & ~all) == 0)
			continue;
		for (j = i + 1, m = 0; j < n && b->n > 0; j++) {
			(void)nseen(l, k, at, group, &c[j], &of);
			if ((of & ~(all & own)) == 0)
				both[m++] = c[j];
		}
		b->sub[b->n] = m == 0 || pool->n > NSUBS ? NULL :
		    nfind(l, k, at, group, both, m, pool);
		b->e[b->n++] = c[i];
		all |= own;
	}
	free(both);
	return b;
}

/* The bases of version K[at] and GROUP: how many. */
static inline int
nbases(const struct nlook *l, struct nkin *k, int at, int group,
    struct npool *pool)
{
	static struct nanc c[FOLD_MAX * NANC_MAX];
	int n = ncommon(l, k, at, group, c);

	if (l->rule == V_OLDEST && n > 0) {
		c[0] = c[n - 1];
		n = 1;
	}
	if (l->rule == V_ONE_BASE && n > 0)
		n = 1;
	pool->n = 0;
	return nfind(l, k, at, group, c, n, pool)->n;
}

/* The mode of them all. */
static inline uint16_t
nbases_mode(const struct nbases *b)
{
	uint16_t mode = b->e[0].mode;
	int i;

	for (i = 1; i < b->n; i++)
		if (b->sub[i] != NULL && nbases_mode(b->sub[i]) == mode)
			mode = b->e[i].mode;
	return mode;
}

/* ---- merging ---- */

/* The number of content C, which is entered if it is new. */
int ncontent_of(struct nfiles *w, unsigned what, const uint8_t *f);

enum { APART = -1, LACKS = -2 };

/* Merge by one base (-1: none): the content's number, APART or LACKS. */
static inline int
nmeld(struct nlook *l, int slot, int base, int a, int b)
{
	const struct ncontent *c = l->w->content;
	uint8_t f[FIELDS];
	int i, m;

	if (a == b || b == base)
		return a;
	if (a == base)
		return b;
	if (base < 0 || c[base].what == LINK || c[a].what == LINK ||
	    c[b].what == LINK || l->melds == 64 ||
	    l->w->driver(l->w->n.path[slot]) == SADA_MERGE_KEEP)
		return APART;
	l->melds++;
	if (!nset_has(l->held, base) || !nset_has(l->held, a) ||
	    !nset_has(l->held, b)) {
		l->lacked++;
		return LACKS;
	}
	if (c[base].what != TEXT || c[a].what != TEXT || c[b].what != TEXT)
		return APART;
	for (i = 0; i < FIELDS; i++) {
		if (c[a].f[i] != c[base].f[i] && c[b].f[i] != c[base].f[i] &&
		    c[a].f[i] != c[b].f[i])
			return APART;
		f[i] = c[a].f[i] != c[base].f[i] ? c[a].f[i] : c[b].f[i];
	}
	m = ncontent_of(l->w, TEXT, f);
	nset_put(l->held, m, 1);
	return m;
}

/* Bases as one content. */
static inline int
nblend(struct nlook *l, int slot, const struct nbases *x)
{
	int i, m = x->e[0].content, base;

	for (i = 1; i < x->n && m >= 0; i++) {
		base = x->sub[i] != NULL ? nblend(l, slot, x->sub[i]) : -1;
		if (base == LACKS)
			return LACKS;
		m = nmeld(l, slot, base, m, x->e[i].content);
	}
	return m;
}

/* Merge by several. */
static inline int
nmeld_by(struct nlook *l, int slot, const struct nbases *x, int a, int b)
{
	int i, m = nblend(l, slot, x), out = APART, first = APART;

	if (m == LACKS)
		return LACKS;
	if (m >= 0)
		return nmeld(l, slot, m, a, b);
	/* They do not merge: each must come to the same. */
	for (i = 0; i < x->n; i++) {
		out = nmeld(l, slot, x->e[i].content, a, b);
		if (i == 0)
			first = out;
		if (l->rule == V_NO_PROOF)
			break;
		if (out < 0 || out != first)
			return out < 0 ? out : APART;
	}
	return out;
}

static inline void
nmode(const struct nlook *l, struct nname *g, uint16_t mode,
    const struct nbases *b)
{
	if (b->n > 0 && g->mode == nbases_mode(b) && l->rule != V_ONE_MODE)
		g->mode = mode;
	if (g->kind == SADA_LINK)
		g->mode = 0;
}

static inline int
nkind(const struct nfiles *w, int content)
{
	return content < 0 ? SADA_DIR : w->content[content].what == LINK ?
	    SADA_LINK : SADA_FILE;
}

/* Bring K[at] into group G: does it go? */
static inline int
njoin(struct nlook *l, struct nkin *k, int at, struct nname *g, int group)
{
	const struct sada_version *v = &l->w->n.rec[k[at].rec].v;
	struct npool base;
	int b = l->w->file[k[at].rec].content, has, m;

	if (g->kind == SADA_DIR || b < 0)
		return g->kind == SADA_DIR && b < 0;
	if (l->w->driver(l->w->n.path[g->slot]) == SADA_MERGE_NEWEST)
		return 1;
	has = nbases(l, k, at, group, &base) > 0;
	if (!has && (b != g->content || l->rule == V_NO_TWIN))
		return 0;
	m = has ? nmeld_by(l, g->slot, &base.b[0], g->content, b) : b;
	if (m < 0)
		return 0;
	if (m != g->content && m != b) {
		if (l->rule != V_OWN_MTIME && (v->mtime_s > g->mtime_s ||
		    (v->mtime_s == g->mtime_s && v->mtime_ns > g->mtime_ns))) {
			g->mtime_s = v->mtime_s;
			g->mtime_ns = v->mtime_ns;
		}
		g->mtime_s += g->mtime_ns == 999999999;
		g->mtime_ns = (g->mtime_ns + 1) % 1000000000;
	} else if (m == b && m != g->content) {
		g->mtime_s = v->mtime_s;
		g->mtime_ns = v->mtime_ns;
	}
	g->content = m;
	g->kind = nkind(l->w, m);
	nmode(l, g, v->mode, &base.b[0]);
	return 1;
}

/* ---- folding ---- */

static inline int
nhigher(const struct nlook *l, const struct nkin *a, const struct nkin *b)
{
	const struct nrec *ra = &l->w->n.rec[a->rec], *rb =
	    &l->w->n.rec[b->rec];
	int c = memcmp(ra->v.dot.author.b, rb->v.dot.author.b, SADA_ID_LEN);

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport;
	return c != 0 ? c > 0 : memcmp(ra->id.b, rb->id.b, SADA_ID_LEN) > 0;
}

/* The versions of SLOT in MAP, highest first. */
static inline int
nrank(const struct nlook *l, const struct nset *map, int slot,
    struct nkin *k)
{
	struct nkin x;
	int i, n = 0, j;

	for (i = 0; i < l->w->n.nrec; i++) {
		if (!nset_has(map, i) || l->w->n.rec[i].path != slot)
			continue;
		assert(n < FOLD_MAX);
		x.rec = i;
		x.lamport = nlamport(l, l->w->dotno[l->w->n.rec[i].op]);
		for (j = n++; j > 0 && nhigher(l, &x, &k[j - 1]); j--) {
			k[j].rec = k[j - 1].rec;
			k[j].lamport = k[j - 1].lamport;
		}
		k[j].rec = i;
		k[j].lamport = x.lamport;
		k[n - 1].known = k[n - 1].n = 0;
	}
	return n;
}

/* The group that K[at] joins; N: a new one. */
static inline int
ngroup(struct nlook *l, struct nkin *k, int at, int many, struct nname *g,
    int n)
{
	const struct nfiles *w = l->w;
	const struct sada_version *v = &w->n.rec[k[at].rec].v;
	int i, content = w->file[k[at].rec].content;
	struct npool base;

	for (i = 0; i < at && l->rule != V_NO_TWIN; i++)
		if (w->file[k[i].rec].content == content) {
			if (content >= 0 && !many &&
			    v->mode != g[k[i].group].mode) {
				(void)nbases(l, k, at, k[i].group, &base);
				nmode(l, &g[k[i].group], v->mode, &base.b[0]);
			}
			return k[i].group;
		}
	for (i = 0; i < n && !many; i++)
		if (njoin(l, k, at, &g[i], i))
			return i;
	return n;
}

/* Fold SLOT of MAP into groups: how many. */
static inline int
nfold(struct nlook *l, const struct nset *map, int slot, struct nname *g)
{
	static struct nkin k[FOLD_MAX];
	const struct sada_version *v;
	int i, n = 0, nv = nrank(l, map, slot, k);

	l->melds = 0;
	for (i = 0; i < nv; i++) {
		v = &l->w->n.rec[k[i].rec].v;
		k[i].group = ngroup(l, k, i, nv > 16, g, n);
		if (k[i].group == n) {
			memset(&g[n], 0, sizeof(*g));
			g[n].slot = slot;
			g[n].kind = v->kind;
			g[n].content = l->w->file[k[i].rec].content;
			g[n].high = k[i].rec;
			n++;
		}
		nset_put(&g[k[i].group].cover, k[i].rec, 1);
		if (g[k[i].group].high == k[i].rec || (v->kind == SADA_DIR &&
		    nrec_wins(v, &l->w->n.rec[g[k[i].group].high].v))) {
			g[k[i].group].high = k[i].rec;
			g[k[i].group].mode = v->mode;
			g[k[i].group].mtime_s = v->mtime_s;
			g[k[i].group].mtime_ns = v->mtime_ns;
		}
	}
	return n;
}

/* ---- names ---- */

static inline int
nbelow(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Is PATH the path of something in MAP, or a directory above it? */
static inline int
nliving(const struct nfiles *w, const struct nset *map, const char *path)
{
	int k;

	for (k = 0; k < w->n.nrec; k++)
		if (nset_has(map, k) && (strcmp(w->n.path[w->n.rec[k].path],
		    path) == 0 || nbelow(w->n.path[w->n.rec[k].path], path)))
			return 1;
	return 0;
}

/* Name copy C, which differs from all that lives and from NAME[0..N). */
static inline void
ncopy_name(const struct nlook *l, const struct nset *map, struct nname *c,
    const struct nname *name, int n)
{
	struct sada_id id[FOLD_MAX];
	struct sada_buf b = { 0 };
	const char *stem = l->w->n.path[c->slot];
	unsigned digits;
	size_t nid = 0;
	int i;

	for (i = 0; i < l->w->n.nrec; i++)
		if (nset_has(&c->cover, i))
			id[nid++] = l->w->n.rec[i].id;
	qsort(id, nid, sizeof(*id), nid_order);
	for (digits = 10;; digits++) {
		sada_buf_reset(&b);
		sada_copy_name(&b, stem, strlen(stem), id, nid, digits);
		assert(digits < 64 && b.len < sizeof(c->path));
		memcpy(c->path, b.p, b.len);
		c->path[b.len] = '\0';
		for (i = 0; i < n && strcmp(name[i].path, c->path) != 0; i++)
			continue;
		if (i == n && !nliving(l->w, map, c->path))
			break;
	}
	sada_buf_release(&b);
}

static inline int
nname_order(const void *pa, const void *pb)
{
	const unsigned char *a = (const void *)((const struct nname *)pa)->path;
	const unsigned char *b = (const void *)((const struct nname *)pb)->path;

	while (*a != '\0' && *a == *b)
		a++, b++;
	/* '/' lies below all but the end. */
	return (*a == '/' ? 0 : *a == '\0' ? -1 : *a) -
	    (*b == '/' ? 0 : *b == '\0' ? -1 : *b);
}

static inline int
nname_at(struct nname *name, int n, const char *path, int slot)
{
	memset(&name[n], 0, sizeof(name[n]));
	(void)snprintf(name[n].path, sizeof(name[n].path), "%s", path);
	name[n].slot = slot;
	name[n].kind = SADA_DIR;
	name[n].content = -1;
	name[n].mode = 0700;
	name[n].mtime_ns = SADA_NO_MTIME;
	name[n].groups = 1;
	return n + 1;
}

/* The names of MAP, sorted: how many. */
static inline int
nview(struct nlook *l, const struct nset *map, struct nname *name)
{
	static struct nname g[FOLD_MAX], copy[FOLD_MAX];
	const struct nfiles *w = l->w;
	int p, i, n = 0, ng, nc = 0, keep;
	char up[SADA_NAME_MAX * 2], *slash;

	/* The slots of MAP in order of path: implied directories as well. */
	for (p = 0; p < NAIVE_PATHS && w->n.path[p] != NULL; p++)
		for (i = 0; i < w->n.nrec; i++)
			if (nset_has(map, i) && w->n.rec[i].path == p) {
				n = nname_at(name, n, w->n.path[p], p);
				break;
			}
	for (p = 0, ng = n; p < ng; p++) {
		(void)snprintf(up, sizeof(up), "%s", name[p].path);
		while ((slash = strrchr(up, '/')) != NULL) {
			*slash = '\0';
			for (i = 0; i < n && strcmp(name[i].path, up); i++)
				continue;
			if (i == n)
				n = nname_at(name, n, up, -1);
		}
	}
	qsort(name, (size_t)n, sizeof(*name), nname_order);
	for (p = 0, keep = 0; p < n; p++) {
		struct nname m = name[p];
		int below = p + 1 < n && nbelow(name[p + 1].path, m.path);

		if (m.slot >= 0) {
			ng = nfold(l, map, m.slot, g);
			for (i = 0; i < ng && g[i].kind != SADA_DIR; i++)
				continue;
			if (i == ng)
				i = below || m.path[0] == '\0' ? -1 : 0;
			m.groups = ng + (i < 0);
			if (i >= 0) {
				(void)snprintf(g[i].path, sizeof(m.path),
				    "%s", m.path);
				g[i].groups = m.groups;
				m = g[i];
			}
			for (ng--; ng >= 0; ng--)
				if (ng != i)
					g[ng].groups = m.groups;
			for (ng = 0; ng < m.groups - (i < 0); ng++)
				if (ng != i)
					copy[nc++] = g[ng];
		}
		if (m.path[0] != '\0' || m.mtime_ns != SADA_NO_MTIME)
			name[keep++] = m;
	}
	for (i = 0; i < nc; i++) {
		ncopy_name(l, map, &copy[i], name + keep, i);
		name[keep + i] = copy[i];
	}
	qsort(name, (size_t)(keep + nc), sizeof(*name), nname_order);
	return keep + nc;
}

#endif
