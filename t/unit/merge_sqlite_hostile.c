/* Foreign images: cut, flipped, and made to hurt.  Never a crash or hang. */
#include <time.h>

#include "sqlite_util.h"

static const char plain[] =
    "PRAGMA page_size=512;"
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x, y);"
    "CREATE TABLE k(a TEXT, b, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "CREATE TABLE l(at, what);"
    "CREATE INDEX i ON t(x); CREATE INDEX j ON l(what, at);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
    "WHERE i<40) INSERT INTO t SELECT i, 'row'||i, i*1.5 FROM n;"
    "INSERT INTO k SELECT x, id, zeroblob(id) FROM t;"
    "INSERT INTO l SELECT id, x FROM t;"
    "INSERT INTO l VALUES(0, hex(zeroblob(1500)));";

static struct sada_buf base, side_a, side_b;

static double
seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Merge and compare with side WHICH being P; what comes out is sound. */
static int
feed(int which, const void *p, size_t n)
{
	struct sada_span bad = { p, n };
	struct sada_three in = { span(&base), span(&side_a), span(&side_b) };
	struct sada_buf out = {0};
	struct sada_err err = {0};
	double start = seconds();
	int rc;

	if (which == 0)
		in.base = bad;
	else if (which == 1)
		in.a = bad;
	else
		in.b = bad;
	rc = sada_merge_sqlite(&out, &in, &err);
	CHECK(rc == 0 || rc == 1);
	if (rc == 1)
		check_sound(&out);
	else
		CHECK_INT(out.len, 0);
	CHECK(sada_sqlite_equal(&bad, &in.base, &err) >= 0);
	CHECK(seconds() - start < 20);
	sada_buf_release(&out);
	return rc;
}

static void
check_cuts(void)
{
	unsigned char *copy;
	size_t n, step;

	for (n = 0; n < side_a.len; n += step) {
		/* The exact size, so that a sanitizer sees the end. */
		copy = (unsigned char *)sada_memdup(side_a.p, n);
		copy = sada_realloc(copy, n > 0 ? n : 1);
		CHECK_INT(feed((int)(n % 3), copy, n), 0);
		free(copy);
		step = n < 120 ? 1 : 97;
	}
}

static void
check_flips(int rounds)
{
	unsigned char *copy;
	size_t at, k;
	int i, merged = 0;

	for (i = 0; i < rounds; i++) {
		copy = (unsigned char *)sada_memdup(side_b.p, side_b.len);
		for (k = 1 + tap_below(4); k > 0; k--) {
			at = tap_below(i % 3 == 0 ? 1024 : side_b.len);
			copy[at] = (unsigned char)(i % 2 ? tap_rand() :
			    copy[at] ^ 1u << tap_below(8));
		}
		merged += feed(i % 3, copy, side_b.len);
		free(copy);
	}
	printf("# %d of %d flipped images merged\n", merged, rounds);
}

/* Schemas that would run, read or take too much. */
static void
check_bombs(void)
{
	static const struct { const char *sql, *a, *b; int rc; } bomb[] = {
		/* Work without end in a view or a trigger: never run. */
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v);"
		    "INSERT INTO t VALUES(1,1);"
		    "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION "
		    "ALL SELECT i+1 FROM n) SELECT count(*) FROM n;"
		    "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; "
		    "END;", "INSERT INTO t VALUES(2,2)",
		    "UPDATE t SET v=3", 1 },
		/* Functions that multiply, or know where they run. */
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v, CHECK(length("
		    "replace(hex(zeroblob(10000)),'0',hex(zeroblob(100)))) > "
		    "0));", "INSERT INTO t VALUES(1,1)",
		    "INSERT INTO t VALUES(2,1)", 0 },
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v, CHECK(instr(v, "
		    "'aab') = 0));", "INSERT INTO t VALUES(1,1)",
		    "INSERT INTO t VALUES(2,1)", 0 },
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v, CHECK(random() "
		    "IS NOT NULL));", "INSERT INTO t VALUES(1,1)",
		    "INSERT INTO t VALUES(2,1)", 0 },
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v, CHECK(length("
		    "sqlite_version()) > 0));", "INSERT INTO t VALUES(1,1)",
		    "INSERT INTO t VALUES(2,1)", 0 },
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY, v, "
		    "g AS (upper(v)));CREATE INDEX x ON t(substr(lower(v),"
		    "1, 3));", "INSERT INTO t VALUES(1,'a')",
		    "INSERT INTO t VALUES(2,'b')", 1 },
		/* Few bytes that are many values. */
		{ "CREATE TABLE t(i INTEGER PRIMARY KEY);"
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
		    "FROM n WHERE i<20000) INSERT INTO t SELECT i FROM n;"
		    "ALTER TABLE t ADD COLUMN v DEFAULT "
		    "'0123456789012345678901234567890123456789012345678901234"
		    "567890123456789012345678901234567890123456789012345678901"
		    "234567890123456789012345678901234567890123456789012345678"
		    "901234567890123456789012345678901234567890123456789012345"
		    "678901234567890123456789012345678901234567890123456789012"
		    "345678901234567890123456789012345678901234567890123456789"
		    "012345678901234567890123456789012345678901234567890123456"
		    "789012345678901234567890123456789012345678901234567890123"
		    "456789012345678901234567890123456789012345678901234567890"
		    "';ALTER TABLE t ADD COLUMN w DEFAULT 1;",
		    "DELETE FROM t WHERE i=1", "DELETE FROM t WHERE i=2", 1 },
		/* A database that no table is in. */
		{ "PRAGMA user_version=1", "PRAGMA auto_vacuum=0",
		    "PRAGMA cache_size=3", 1 },
	};
	struct sada_buf x = {0}, a = {0}, b = {0}, out = {0};
	double start;
	size_t i;

	for (i = 0; i < sizeof(bomb) / sizeof(bomb[0]); i++) {
		db_make(&x, NULL, bomb[i].sql);
		db_make(&a, &x, bomb[i].a);
		db_make(&b, &x, bomb[i].b);
		start = seconds();
		CHECK_INT(merge_all_ways(&out, &x, &a, &b), bomb[i].rc);
		printf("# bomb %zu: %.2f s\n", i, seconds() - start);
		CHECK(seconds() - start < 10);
	}
	sada_buf_release(&x);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
}

/* As large as a side may be: many tiny rows, and slow conditions. */
static void
check_large(void)
{
	static const char *const sql[] = {
		"CREATE TABLE t(i INTEGER PRIMARY KEY);"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
		"WHERE i<750000) INSERT INTO t SELECT i FROM n;",
		"CREATE TABLE l(v); WITH RECURSIVE n(i) AS (SELECT 1 UNION "
		"ALL SELECT i+1 FROM n WHERE i<400000) INSERT INTO l SELECT "
		"i FROM n;",
		"CREATE TABLE l(v, CHECK((v||v||v||v||v||v||v||v||v||v||v||v) "
		"LIKE '%a%b%c%d%e%f%g%h%i%j%k%l%m%n%o%p%q%r' IS NOT NULL));"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION "
		"ALL SELECT i+1 FROM n WHERE i<1500) INSERT INTO l SELECT "
		"hex(zeroblob(2000)) || 'abcdefghijklmnopq' FROM n;",
	};
	struct sada_buf x = {0}, a = {0}, b = {0}, out = {0};
	double start;
	size_t i;
	struct sada_err err = {0};
	struct sada_three in;
	int rc;

	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		db_make(&x, NULL, sql[i]);
		CHECK(x.len <= SADA_MERGE_MAX);
		db_make(&a, &x, i == 0 ? "DELETE FROM t WHERE i=1" :
		    "INSERT INTO l VALUES('a')");
		db_make(&b, &x, i == 0 ? "DELETE FROM t WHERE i=2" :
		    "INSERT INTO l VALUES('b')");
		start = seconds();
		in.base = span(&x);
		in.a = span(&a);
		in.b = span(&b);
		sada_buf_reset(&out);
		rc = sada_merge_sqlite(&out, &in, &err);
		CHECK(rc == 0 || rc == 1);
		printf("# %zu bytes, %d, %.2f s\n", x.len, rc,
		    seconds() - start);
		CHECK(seconds() - start < 20);
	}
	sada_buf_release(&x);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
}

int
main(void)
{
	const char *n = getenv("SADA_TEST_ROUNDS");

	tap_seed(11);
	db_make(&base, NULL, plain);
	db_make(&side_a, &base, "INSERT INTO l VALUES(9,'p'); "
	    "UPDATE t SET x='X' WHERE id=3; DELETE FROM k WHERE b=5");
	db_make(&side_b, &base, "INSERT INTO l VALUES(9,'q'); "
	    "UPDATE t SET y='Y' WHERE id=3; INSERT INTO k VALUES('z',1,1)");
	CHECK_INT(feed(1, side_a.p, side_a.len), 1);
	check_cuts();
	check_flips(n != NULL ? atoi(n) : 1500);
	check_bombs();
	check_large();
	sada_buf_release(&base);
	sada_buf_release(&side_a);
	sada_buf_release(&side_b);
	return tap_done();
}
