/* Many small commits: few packs, all readable, at every moment. */
#include "store_util.h"

#define COMMITS 2000

static struct sada_store *
must_open(int dfd)
{
	struct sada_store *s;
	struct sada_err err;

	if (sada_store_open(&s, dfd, SADA_STORE_WRITE, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	return s;
}

/* KEEP: one store for all commits, as in a long run; else one each. */
static void
test_many(size_t commits, int keep)
{
	struct known *k = sada_calloc(commits * 2, sizeof(*k));
	struct sada_store *s = NULL, *r = NULL;
	struct sada_store_stat st;
	struct sada_err err;
	char path[64];
	int dfd = dir_new(path), most = 0, n;
	size_t i, j;

	for (i = 0; i < commits; i++) {
		known_make(&k[2 * i], 7, 2 * i, 200 + tap_below(1500));
		known_make(&k[2 * i + 1], 7, 2 * i + 1, tap_below(100) == 0 ?
		    400000 : tap_below(2000));
		if (s == NULL)
			s = must_open(dfd);
		CHECK_INT(known_commit(s, k + 2 * i, 2, &err), 0);
		sada_store_stat(s, &st);
		if ((int)st.packs > most)
			most = (int)st.packs;
		if (!keep) {
			sada_store_free(s);
			s = NULL;
			n = dir_count(dfd, ".pack", NULL);
			if (n > most)
				most = n;
		}
		if (i == commits / 2 && sada_store_open(&r, dfd, 0, &err) < 0)
			exit(1);
		if (i % 97 == 0) {
			if (s == NULL)
				s = must_open(dfd);
			for (j = 0; j <= i; j += 1 + tap_below(20))
				CHECK_INT(known_get(s, &k[2 * j]), 0);
		}
	}
	printf("# %zu commits, at most %d packs\n", commits, most);
	CHECK(most < 40);
	/* A reader of long ago still has what it had. */
	for (i = 0; i <= commits / 2; i++)
		CHECK_INT(known_get(r, &k[2 * i]), 0);
	sada_store_free(r);
	sada_store_free(s);
	s = must_open(dfd);
	CHECK(dir_count(dfd, ".pack", NULL) < 40);
	CHECK_INT(dir_count(dfd, ".pack", NULL),
	    dir_count(dfd, ".idx", NULL));
	for (i = 0; i < 2 * commits; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	known_free(k, 2 * commits);
	free(k);
	dir_end(dfd, path);
}

/*
 * A pack with damage in it is not taken for folded, and the packs that a
 * damaged one took in stay.
 */
static void
test_damaged(void)
{
	struct known k[8];
	struct sada_store *s;
	struct sada_buf b = { 0 };
	struct sada_err err;
	char path[64], name[64], big[64] = "";
	struct sada_stat st;
	int dfd = dir_new(path);
	size_t i;

	for (i = 0; i < 8; i++)
		known_make(&k[i], 8, i, 300);
	s = must_open(dfd);
	for (i = 0; i < 7; i++)
		CHECK_INT(known_commit(s, &k[i], 1, &err), 0);
	sada_store_free(s);
	CHECK_INT(dir_count(dfd, ".pack", name), 7);
	file_load(dfd, name, &b);
	b.p[70] ^= 1;
	file_save(dfd, name, b.p, b.len);
	s = must_open(dfd);
	CHECK_INT(known_commit(s, &k[7], 1, &err), 0);
	sada_store_free(s);
	/* Six were taken in, the damaged one was not. */
	CHECK_INT(dir_count(dfd, ".pack", NULL), 8);
	b.p[70] ^= 1;
	file_save(dfd, name, b.p, b.len);
	{
		DIR *d = opendir(path);
		struct dirent *e;
		uint64_t most = 0;

		while ((e = readdir(d)) != NULL)
			if (strstr(e->d_name, ".pack") != NULL &&
			    sada_io_stat(dfd, e->d_name, &st, &err) == 0 &&
			    st.size > most) {
				most = st.size;
				(void)snprintf(big, sizeof(big), "%.63s",
				    e->d_name);
			}
		closedir(d);
	}
	file_load(dfd, big, &b);
	b.p[70] ^= 1;
	file_save(dfd, big, b.p, b.len);
	s = must_open(dfd);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 8);
	for (i = 0; i < 7; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	sada_store_free(s);
	b.p[70] ^= 1;
	file_save(dfd, big, b.p, b.len);
	s = must_open(dfd);
	CHECK_INT(dir_count(dfd, ".pack", NULL), 2);
	for (i = 0; i < 8; i++)
		CHECK_INT(known_get(s, &k[i]), 0);
	CHECK_INT(damages(s, NULL), 0);
	sada_store_free(s);
	sada_buf_release(&b);
	known_free(k, 8);
	dir_end(dfd, path);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(20261124);
	test_many(COMMITS, 0);
	test_many(COMMITS / 4, 1);
	test_damaged();
	return tap_done();
}
