/* Diff against walking two models side by side. */
#include "tree_util.h"

/* The diff of A and B is what the models say, in order. */
static void
check_diff(struct box *b, const struct sada_id *ra, const struct model *a,
    const struct sada_id *rb, const struct model *m)
{
	struct sada_diff *d;
	struct sada_entry ea, eb;
	size_t i = 0, k = 0;
	int c, rc;

	must(sada_diff_open(&d, &b->ns, ra, rb, &b->err), &b->err);
	for (;;) {
		if (i < a->n && k < m->n && entry_eq(&a->e[i], &m->e[k])) {
			i++;
			k++;
			continue;
		}
		rc = sada_diff_next(d, &ea, &eb, &b->err);
		if (i == a->n && k == m->n)
			break;
		CHECK_INT(rc, 1);
		if (rc != 1)
			break;
		c = i == a->n ? 1 : k == m->n ? -1 :
		    sada_path_cmp(a->e[i].path, a->e[i].len, m->e[k].path,
		    m->e[k].len);
		CHECK(c > 0 ? ea.nv == 0 : entry_eq(&ea, &a->e[i]));
		CHECK(c < 0 ? eb.nv == 0 : entry_eq(&eb, &m->e[k]));
		CHECK(ea.len == eb.len &&
		    memcmp(ea.path, eb.path, ea.len) == 0);
		i += c <= 0;
		k += c >= 0;
	}
	CHECK_INT(rc, 0);
	CHECK_INT(sada_diff_next(d, &ea, &eb, &b->err), 0);
	sada_diff_free(d);
}

static void
test_random(struct box *b)
{
	struct model m[2];
	struct sada_version v[4];
	struct sada_id root[2];
	char p[SADA_PATH_MAX + 1];
	size_t seed, k, n, len, at;
	unsigned keys;

	for (seed = 0; seed < 150; seed++) {
		keys = (unsigned)(seed % NKEYS);
		n = tap_below(seed % 2 == 0 ? 100 : 3000);
		rand_model(&m[0], keys, n);
		if (seed % 5 == 0)
			rand_model(&m[1], keys, tap_below(n + 1));
		else
			model_copy(&m[1], &m[0]);
		for (k = tap_below(20); k > 0 && seed % 5 != 1; k--) {
			len = rand_path(p, keys, n + 1);
			if (m[1].n > 0 && tap_below(3) != 0) {
				at = tap_below(m[1].n);
				len = m[1].e[at].len;
				memcpy(p, m[1].e[at].path, len);
			}
			if (tap_below(3) == 0)
				(void)model_del(&m[1], p, len);
			else
				model_set(&m[1], p, len, v, rand_slot(v));
		}
		for (k = 0; k < 2; k++)
			model_build(&b->ns, &m[k], &root[k]);
		check_diff(b, &root[0], &m[0], &root[1], &m[1]);
		check_diff(b, &root[1], &m[1], &root[0], &m[0]);
		check_diff(b, &root[1], &m[1], &root[1], &m[1]);
		model_free(&m[0]);
		model_free(&m[1]);
	}
}

/* Only a directory's register differs: the version id does not tell. */
static void
test_register(struct box *b)
{
	struct sada_version v = { .kind = SADA_DIR, .mode = 0700,
	    .dot = { .seq = 1 } };
	struct model m[2] = { { .n = 0 }, { .n = 0 } };
	struct sada_id root[2];
	size_t k;

	for (k = 0; k < 2; k++) {
		v.mtime_s = (int64_t)k;
		model_set(&m[k], "", 0, &v, 1);
		model_build(&b->ns, &m[k], &root[k]);
	}
	CHECK(!id_eq(&root[0], &root[1]));
	check_diff(b, &root[0], &m[0], &root[1], &m[1]);
	model_free(&m[0]);
	model_free(&m[1]);
}

static void
test_cost(struct box *b)
{
	struct model ch = { 0 };
	struct sada_build *build;
	struct sada_diff *d;
	struct sada_entry e, e2;
	struct sada_version v;
	struct sada_id root, changes, out;
	char p[64];
	size_t i, round, found, n = 100000;
	uint64_t worst = 0;

	sada_build_new(&build, &b->ns);
	for (i = 0; i < n; i++) {
		plain_entry(&e, p, &v, i);
		must(sada_build_add(build, &e, &b->err), &b->err);
	}
	must(sada_build_finish(build, &root, &b->err), &b->err);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 10; i++) {
			plain_entry(&e, p, &v, tap_below(n));
			if (i % 3 == 0)
				p[e.len - 1] = 'x';
			v.size = 1;
			model_set(&ch, p, e.len, &v, i % 3 == 1 ? 0 : 1);
		}
		model_build(&b->cns, &ch, &changes);
		must(sada_replay(&b->ns, &root, &b->cns, &changes, &out,
		    NULL, &b->err), &b->err);
		b->ns.nread = 0;
		must(sada_diff_open(&d, &b->ns, &root, &out, &b->err),
		    &b->err);
		for (found = 0; must(sada_diff_next(d, &e, &e2, &b->err),
		    &b->err) > 0; found++)
			continue;
		sada_diff_free(d);
		CHECK_INT(found, ch.n);
		if (b->ns.nread > worst)
			worst = b->ns.nread;
		model_free(&ch);
	}
	printf("# diff of %zu with 10 differences: at most %" PRIu64
	    " nodes read\n", n, worst);
	CHECK(worst < 200);
}

int
main(void)
{
	struct box b;

	sada_crypto_init();
	tap_seed(20261124);
	box_open(&b);
	test_random(&b);
	test_register(&b);
	test_cost(&b);
	box_close(&b);
	return tap_done();
}
