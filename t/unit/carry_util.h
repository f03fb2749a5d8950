/* What the tests of carrying share: a log to which ops with hints are added. */
#ifndef SADA_UNIT_CARRY_UTIL_H
#define SADA_UNIT_CARRY_UTIL_H

#include "log_util.h"
#include "tree_util.h"

#include "tree/carry_priv.h"

#define CARRY_PARENTS 8		/* of an op */

static struct kit kit;
static struct sada_log *record;
static struct box box;
static struct sada_err err;
static struct sada_buf staged;		/* the record that was made last */

/* Key I of the kit, from the seed: the order of authors counts. */
static inline void
carry_key(size_t i)
{
	struct sada_buf b = { 0 };
	struct sada_id sum;

	sada_buf_adds(&b, "sadakey1");
	sada_put_u32(&b, 0);
	while (b.len < 76)
		sada_put_u64(&b, tap_rand());
	sada_hash(&sum, SADA_CTX_FILE, b.p, b.len);
	sada_buf_add(&b, sum.b, sizeof(sum.b));
	sada_key_free(kit.key[i]);
	must(sada_key_decode(&kit.key[i], b.p, b.len, &err), &err);
	kit.id[i] = sada_key_pub(kit.key[i])->id;
	sada_buf_release(&b);
}

static inline void
carry_open(void)
{
	size_t i;

	box_open(&box);
	kit_init(&kit);
	for (i = 0; i < KIT_KEYS; i++)
		carry_key(i);
	must(kit_create(&kit, &err), &err);
	must(kit_open(&record, &kit, SADA_LOG_WRITE, &err), &err);
}

static inline void
carry_close(void)
{
	sada_buf_release(&staged);
	sada_log_free(record);
	kit_release(&kit);
	box_close(&box);
}

/* Admit an op with dot *D on the NP PARENTS, with the N hints H. */
static inline void
stage(struct sada_id *id, uint32_t *no, const struct sada_dot *d, int key,
    const struct sada_id *parents, size_t np, const struct sada_hint *h,
    size_t n)
{
	static int64_t wall;
	struct sada_id sorted[CARRY_PARENTS];
	struct sada_buf hints = { 0 };
	struct sada_op o;
	size_t i;

	assert(np <= CARRY_PARENTS);
	for (i = 0; i < np; i++)
		sorted[i] = parents[i];
	if (np > 1)
		qsort(sorted, np, sizeof(*sorted), kit_cmp_id);
	memset(&o, 0, sizeof(o));
	o.dot = *d;
	o.wall_ns = ++wall;
	o.parents = sorted;
	o.nparents = np;
	for (i = 0; i < n; i++)
		sada_hint_put(&hints, &h[i]);
	o.hints = hints.p;
	o.hints_len = hints.len;
	o.nhints = (uint32_t)n;
	o.msg = "";
	sada_buf_reset(&staged);
	sada_op_encode(&staged, &o, kit.key[key], id);
	must(sada_log_stage(record, staged.p, staged.len, no, &err), &err);
	sada_buf_release(&hints);
}

static inline void
fresh_dot(struct sada_dot *d, int key)
{
	memset(d, 0, sizeof(*d));
	d->author = kit.id[key];
	d->epoch = tap_rand();
	d->seq = 1;
	d->tag = tap_rand();
}

static inline struct sada_hint
hint(uint8_t kind, const char *from, const char *to)
{
	struct sada_hint h = { .kind = kind, .from = from,
	    .from_len = strlen(from), .to = to, .to_len = strlen(to) };

	return h;
}

#endif
