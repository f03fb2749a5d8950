/* A set of ids: linear probing, at most half full. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/idset.h"

/* Where ID is, or the free place where it belongs. */
static size_t
place(const struct sada_idset *s, const struct sada_id *id)
{
	size_t i = (size_t)sada_le64(id->b + 8) & (s->cap - 1);

	while (s->used[i] && memcmp(&s->key[i], id, sizeof(*id)) != 0)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static void
grow(struct sada_idset *s)
{
	struct sada_idset old = *s;
	size_t i, k;

	s->cap = old.cap > 0 ? old.cap * 2 : 64;
	s->key = sada_calloc(s->cap, sizeof(*s->key));
	s->value = sada_calloc(s->cap, sizeof(*s->value));
	s->used = sada_calloc(s->cap, 1);
	for (i = 0; i < old.cap; i++) {
		if (!old.used[i])
			continue;
		k = place(s, &old.key[i]);
		s->key[k] = old.key[i];
		s->value[k] = old.value[i];
		s->used[k] = 1;
	}
	free(old.key);
	free(old.value);
	free(old.used);
}

int
sada_idset_add(struct sada_idset *s, const struct sada_id *id,
    uint32_t value)
{
	size_t i;

	if (2 * (s->n + 1) > s->cap)
		grow(s);
	i = place(s, id);
	if (s->used[i])
		return 0;
	s->used[i] = 1;
	s->key[i] = *id;
	s->value[i] = value;
	s->n++;
	return 1;
}

int
sada_idset_get(const struct sada_idset *s, const struct sada_id *id,
    uint32_t *value)
{
	size_t i;

	if (s->n == 0)
		return 0;
	i = place(s, id);
	if (s->used[i] && value != NULL)
		*value = s->value[i];
	return s->used[i];
}

void
sada_idset_release(struct sada_idset *s)
{
	free(s->key);
	free(s->value);
	free(s->used);
	memset(s, 0, sizeof(*s));
}
