/* What the log says besides ops: members, the group, its aliases. */
#include <stdlib.h>
#include <string.h>

#include "log/log_priv.h"

/* Where author A is among the known, or belongs: 1 if it is there. */
static int
known_find(const struct sada_log *l, const struct sada_id *a, size_t *at)
{
	size_t lo = 0, hi = l->nknown, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = sada_id_cmp(&l->known[mid].m.pub.id, a);
		if (c == 0) {
			*at = mid;
			return 1;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return 0;
}

/* Is record (NUMBER, HASH) newer than K? */
static int
newer(const struct sada_known *k, uint64_t number,
    const struct sada_id *hash)
{
	if (number != k->m.number)
		return number > k->m.number;
	return sada_id_cmp(hash, &k->hash) > 0;
}

static int
note_member(struct sada_log *l, const struct sada_rec *r,
    struct sada_err *err)
{
	struct sada_member m;
	struct sada_known *k;
	struct sada_id hash;
	size_t at;
	int rc;

	if ((rc = sada_member_decode(&m, r->p, r->n, err)) < 0)
		return rc;
	sada_hash(&hash, SADA_CTX_MEMBER, r->p, r->n);
	if (known_find(l, &m.pub.id, &at)) {
		k = &l->known[at];
		if (!newer(k, m.number, &hash))
			return 0;
		free(k->p);
	} else {
		l->known = sada_grow(l->known, &l->known_cap, l->nknown + 1,
		    sizeof(*l->known));
		k = &l->known[at];
		memmove(k + 1, k, (l->nknown - at) * sizeof(*k));
		l->nknown++;
	}
	k->m = m;
	k->hash = hash;
	k->p = (unsigned char *)sada_memdup(r->p, r->n);
	k->n = r->n;
	return 0;
}

static void
note_alias(struct sada_log *l, const struct sada_id *g)
{
	size_t i;

	for (i = 0; i < l->naliases; i++)
		if (sada_id_cmp(&l->aliases[i], g) == 0)
			return;
	l->aliases = sada_grow(l->aliases, &l->aliases_cap, l->naliases + 1,
	    sizeof(*l->aliases));
	l->aliases[l->naliases++] = *g;
}

int
sada_log_note(struct sada_log *l, const struct sada_rec *r,
    struct sada_err *err)
{
	struct sada_id id;

	switch (r->type) {
	case SADA_LOG_MEMBER:
		return note_member(l, r, err);
	case SADA_LOG_GROUP:
		memcpy(l->group.b, r->p, SADA_ID_LEN);
		l->has_group = 1;
		return 0;
	case SADA_LOG_ALIAS:
		memcpy(id.b, r->p, SADA_ID_LEN);
		note_alias(l, &id);
		return 0;
	case SADA_LOG_EPOCH:
		l->due = 1;
		return 0;
	default:
		return sada_err_set(err, SADA_VERSION,
		    "log record of type %u: a newer sada is needed", r->type);
	}
}

void
sada_log_note_release(struct sada_log *l)
{
	size_t i;

	for (i = 0; i < l->nknown; i++)
		free(l->known[i].p);
	free(l->known);
	free(l->aliases);
}

int
sada_log_group(const struct sada_log *l, struct sada_id *out)
{
	if (l->has_group)
		*out = l->group;
	return l->has_group;
}

int
sada_log_group_is(const struct sada_log *l, const struct sada_id *g)
{
	size_t i;

	if (l->has_group && sada_id_cmp(&l->group, g) == 0)
		return 1;
	for (i = 0; i < l->naliases; i++)
		if (sada_id_cmp(&l->aliases[i], g) == 0)
			return 1;
	return 0;
}

const struct sada_id *
sada_log_aliases(const struct sada_log *l, size_t *n)
{
	*n = l->naliases;
	return l->aliases;
}

int
sada_log_member(const struct sada_log *l, const struct sada_id *a,
    struct sada_member *m)
{
	size_t at;

	if (!known_find(l, a, &at))
		return 0;
	*m = l->known[at].m;
	return 1;
}

int
sada_log_member_bytes(const struct sada_log *l, const struct sada_id *a,
    const unsigned char **p, size_t *n)
{
	size_t at;

	if (!known_find(l, a, &at))
		return 0;
	*p = l->known[at].p;
	*n = l->known[at].n;
	return 1;
}

int
sada_log_members(const struct sada_log *l,
    int (*each)(const struct sada_member *m, void *ctx), void *ctx,
    struct sada_err *err)
{
	size_t i;
	int rc;

	(void)err;	/* EACH has its own, in CTX */
	for (i = 0; i < l->nknown; i++)
		if ((rc = each(&l->known[i].m, ctx)) != 0)
			return rc;
	return 0;
}
