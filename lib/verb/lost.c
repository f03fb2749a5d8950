/*
 * What is lost of the store and others may have.  A map that is lost
 * becomes a need, and then the contents that are laid out and not held
 * become wants: they are known from W, though the map is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "verb/verb_priv.h"

/* Is the map of op I lost?  With DEEP all of its nodes are looked at. */
static int
map_lost(const struct sada_replica *r, uint32_t i, unsigned deep,
    struct sada_err *err)
{
	const struct sada_id *root = &sada_log_op(r->log, i)->root;
	struct sada_nodes ns = { .store = r->store };
	int rc;

	if (sada_id_zero(root))
		return 0;
	if (!sada_store_has(r->store, SADA_OBJ_NODE, root))
		return 1;
	if (!deep)
		return 0;
	rc = sada_map_check(&ns, root, err);
	return rc == SADA_SYS ? rc : rc < 0;
}

static int
cmp_id(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/* Ask for the map of op ID, once. */
static void
add_need(struct sada_self *self, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < self->nneed; i++)
		if (sada_id_cmp(&self->need[i], id) == 0)
			return;
	if (self->nneed >= SADA_ACK_NEED_MAX)
		return;
	self->need = sada_realloc(self->need,
	    (self->nneed + 1) * sizeof(*self->need));
	self->need[self->nneed++] = *id;
	qsort(self->need, self->nneed, sizeof(*self->need), cmp_id);
}

/* Needs of ops whose maps are here again go; how many are lost. */
static int
check_needs(const struct sada_replica *r, struct sada_self *self,
    struct sada_err *err)
{
	size_t i, k = 0;
	uint32_t op;
	int lost = 0, is;

	for (i = 0; i < self->nneed; i++) {
		is = 1;
		if (sada_log_find(r->log, &self->need[i], &op)) {
			if ((is = map_lost(r, op, 1, err)) < 0)
				return is;
			lost += is;
		}
		if (is)
			self->need[k++] = self->need[i];
	}
	self->nneed = k;
	return lost;
}

/* What W shows and is not held becomes a want. */
static int
want_laid(const struct sada_replica *r, struct sada_wants *w,
    struct sada_err *err)
{
	struct sada_source src = { r->store, NULL };
	struct sada_work_cursor *c = NULL;
	struct sada_want want;
	struct sada_row row;
	int rc;

	if ((rc = sada_work_cursor_open(&c, r->work, err)) < 0)
		return rc;
	memset(&want, 0, sizeof(want));
	while ((rc = sada_work_cursor_next(c, &row, err)) > 0) {
		if (row.kind == SADA_DIR || row.ncover == 0 ||
		    w->n >= SADA_ACK_WANT_MAX - 1)
			continue;
		rc = sada_file_held(&src, &row.content, row.size, err);
		if (rc == SADA_SYS)
			break;
		if (rc > 0)
			continue;
		want.type = row.size > SADA_CHUNK_MAX ? SADA_OBJ_LIST :
		    SADA_OBJ_CHUNK;
		want.id = row.content;
		want.size = row.size;
		sada_wants_add(w, &want);
	}
	sada_work_cursor_free(c);
	return rc;
}

int
sada_lost_find(const struct sada_replica *r, struct sada_self *self,
    struct sada_wants *w, unsigned deep, struct sada_err *err)
{
	uint32_t *ops = NULL;
	size_t n = 0, i;
	int lost, is, rc;

	if ((rc = lost = check_needs(r, self, err)) < 0)
		return rc;
	sada_context_heads(&ops, &n, r->log, NULL);
	ops = sada_realloc(ops, (n + r->nlaid + 1) * sizeof(*ops));
	for (i = 0; i < r->nlaid; i++)
		ops[n++] = r->laid[i];
	for (i = 0; i < n; i++) {
		if ((rc = is = map_lost(r, ops[i], deep, err)) < 0)
			goto out;
		if (is)
			add_need(self, &sada_log_op(r->log, ops[i])->id);
		lost += is;
	}
	rc = 0;
	if (lost > 0 && r->work != NULL)
		rc = want_laid(r, w, err);
	if (rc == 0)
		rc = lost > 0;
out:
	free(ops);
	return rc;
}

int
sada_lost_say(int rc, struct sada_err *err)
{
	struct sada_err was;

	if (rc != SADA_NOTFOUND || err == NULL)
		return rc;
	was = *err;
	return sada_err_set(err, SADA_DAMAGED, "%s: the store is damaged; "
	    "push and pull, then a peer's answer heals it", was.msg);
}
