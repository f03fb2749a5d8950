/* Row-wise merge: a table of cases, random histories against a model. */
#include "sqlite_util.h"

struct one {
	const char *base, *a, *b;
	const char *ask;
	const char *want;	/* NULL: a conflict */
};

#define T "CREATE TABLE t(id INTEGER PRIMARY KEY, x, y);"
#define T3 T "INSERT INTO t VALUES(1,'a',1),(2,'b',2),(3,'c',3);"
#define MOVED "UPDATE t SET id=4 WHERE id=3; INSERT INTO t VALUES(3,'n',9)"
#define K "CREATE TABLE k(p TEXT, q, v, w, PRIMARY KEY(p, q));"
#define K2 K "INSERT INTO k VALUES('a',1,1,1),('b',1,1,1);"
#define LOG "CREATE TABLE l(at, what);"
#define L2 LOG "INSERT INTO l VALUES(1,'x'),(2,'y');"
#define ALL_T "SELECT * FROM t ORDER BY id"
#define ALL_K "SELECT * FROM k ORDER BY p, q"
#define ALL_L "SELECT at, what FROM l ORDER BY rowid"

static const struct one cases[] = {
	/* Rows with an integer key. */
	{ T3, "UPDATE t SET x='A' WHERE id=1", "UPDATE t SET x='B' WHERE id=2",
	    ALL_T, "1|A|1;2|B|2;3|c|3" },
	{ T3, "UPDATE t SET x='A' WHERE id=1", "UPDATE t SET y=9 WHERE id=1",
	    ALL_T, "1|A|9;2|b|2;3|c|3" },
	{ T3, "UPDATE t SET x='A' WHERE id=1", "UPDATE t SET x='B' WHERE id=1",
	    ALL_T, NULL },
	{ T3, "UPDATE t SET x='A' WHERE id=1",
	    "UPDATE t SET x='A', y=5 WHERE id=1",
	    ALL_T, "1|A|5;2|b|2;3|c|3" },
	{ T3, "DELETE FROM t WHERE id=1", "DELETE FROM t WHERE id=3",
	    ALL_T, "2|b|2" },
	{ T3, "DELETE FROM t WHERE id=1", "UPDATE t SET y=7 WHERE id=1",
	    ALL_T, "1|a|7;2|b|2;3|c|3" },
	{ T3, "DELETE FROM t", "UPDATE t SET y=7 WHERE id=1",
	    ALL_T, "1|a|7" },
	{ T3, "DELETE FROM t WHERE id=1; INSERT INTO t VALUES(1,'a',1)",
	    "DELETE FROM t WHERE id=1", ALL_T, "2|b|2;3|c|3" },
	{ T3, "INSERT INTO t VALUES(4,'d',4)", "INSERT INTO t VALUES(5,'e',5)",
	    ALL_T, "1|a|1;2|b|2;3|c|3;4|d|4;5|e|5" },
	{ T3, "INSERT INTO t VALUES(4,'d',4)", "INSERT INTO t VALUES(4,'d',4)",
	    "SELECT count(*) FROM t", "4" },
	{ T3, "INSERT INTO t VALUES(4,'d',4)",
	    "INSERT INTO t VALUES(4,'D',4),(9,'z',9)",
	    "SELECT x FROM t WHERE id IN (4,10) ORDER BY x", "D;d" },
	{ T3, "INSERT INTO t VALUES(-5,'d',4)", "DELETE FROM t WHERE id=1",
	    ALL_T, "-5|d|4;2|b|2;3|c|3" },
	{ T3, "INSERT INTO t VALUES(9223372036854775807,'d',4)",
	    "INSERT INTO t VALUES(9223372036854775807,'e',4)", ALL_T, NULL },
	/* A row that has another number is known again. */
	{ T3, MOVED, "UPDATE t SET y=7 WHERE id=3",
	    ALL_T, "1|a|1;2|b|2;3|n|9;4|c|7" },
	{ T3, MOVED, MOVED ";UPDATE t SET y=7 WHERE id=4",
	    ALL_T, "1|a|1;2|b|2;3|n|9;4|c|7" },
	{ T3, MOVED, MOVED ";DELETE FROM t WHERE id=4",
	    ALL_T, "1|a|1;2|b|2;3|n|9" },
	{ T3, MOVED, "DELETE FROM t WHERE id=3",
	    ALL_T, "1|a|1;2|b|2;3|n|9;4|c|3" },
	{ T3, MOVED, "INSERT INTO t VALUES(4,'m',5)",
	    "SELECT x FROM t ORDER BY x", "a;b;c;m;n" },
	{ T3, MOVED, "UPDATE t SET id=5 WHERE id=3;"
	    "INSERT INTO t VALUES(3,'n',9)",
	    "SELECT id,x FROM t WHERE id<4 AND x<>'c' UNION ALL "
	    "SELECT count(*), x FROM t WHERE x='c'", "1|a;2|b;3|n;1|c" },
	{ T3, MOVED ";INSERT INTO t VALUES(5,'c',3)",
	    "UPDATE t SET y=7 WHERE id=3", ALL_T, NULL },
	/* The same key, and somebody points to it. */
	{ T3 "CREATE TABLE c(i INTEGER PRIMARY KEY, o REFERENCES t(id));",
	    "INSERT INTO t VALUES(4,'d',4)", "INSERT INTO t VALUES(4,'e',4)",
	    ALL_T, NULL },
	{ T3 "CREATE TABLE c(i INTEGER PRIMARY KEY, o REFERENCES t(id));",
	    "DELETE FROM t WHERE id=2", "INSERT INTO c VALUES(1,2)",
	    ALL_T, NULL },
	{ T3 "CREATE TABLE c(i INTEGER PRIMARY KEY, o REFERENCES t(id));",
	    "INSERT INTO c VALUES(1,1)", "INSERT INTO c VALUES(1,2)",
	    "SELECT i FROM c", "1;2" },
	/* Other keys. */
	{ K2, "INSERT INTO k VALUES('c',1,1,1)", "INSERT INTO k "
	    "VALUES('a',2,3,3)", ALL_K, "a|1|1|1;a|2|3|3;b|1|1|1;c|1|1|1" },
	{ K2, "UPDATE k SET v=2 WHERE p='a'", "UPDATE k SET w=3 WHERE p='a'",
	    ALL_K, "a|1|2|3;b|1|1|1" },
	{ K2, "INSERT INTO k VALUES('c',1,1,1)",
	    "INSERT INTO k VALUES('c',1,2,1)", ALL_K, NULL },
	{ K2, "UPDATE k SET p='z' WHERE p='a'", "UPDATE k SET v=5 WHERE p='a'",
	    ALL_K, "a|1|5|1;b|1|1|1;z|1|1|1" },
	{ K "INSERT INTO k VALUES(NULL,1,1,1),(NULL,1,2,2);",
	    "INSERT INTO k VALUES(NULL,1,3,3)", "DELETE FROM k WHERE v=1",
	    "SELECT v FROM k ORDER BY v", "2;3" },
	{ "CREATE TABLE w(a, b, v, PRIMARY KEY(b, a)) WITHOUT ROWID;"
	    "INSERT INTO w VALUES(1,2,3),(2,1,3);",
	    "UPDATE w SET v=4 WHERE a=1", "DELETE FROM w WHERE a=2;"
	    "INSERT INTO w VALUES(x'00', 'q', 7)",
	    "SELECT hex(a),b,v FROM w ORDER BY v", "31|2|4;00|q|7" },
	{ "CREATE TABLE n(a TEXT COLLATE NOCASE PRIMARY KEY, v);"
	    "INSERT INTO n VALUES('A',1);", "UPDATE n SET a='a'",
	    "UPDATE n SET v=2", "SELECT * FROM n", NULL },
	{ "CREATE TABLE n(a TEXT COLLATE NOCASE PRIMARY KEY, v);"
	    "INSERT INTO n VALUES('A',1);", "UPDATE n SET a='a'",
	    "INSERT INTO n VALUES('q',2)", "SELECT * FROM n ORDER BY v",
	    "a|1;q|2" },
	{ "CREATE TABLE d(i INTEGER PRIMARY KEY DESC, v);", "INSERT INTO d "
	    "VALUES(1,2)", "INSERT INTO d VALUES(1,3)",
	    "SELECT * FROM d", NULL },
	/* UNIQUE: swapped on one side; broken by both. */
	{ "CREATE TABLE u(id INTEGER PRIMARY KEY, n UNIQUE, m);"
	    "INSERT INTO u VALUES(1,'a',0),(2,'b',0);",
	    "UPDATE u SET n='t' WHERE id=1; UPDATE u SET n='a' WHERE id=2;"
	    "UPDATE u SET n='b' WHERE id=1", "UPDATE u SET m=1",
	    "SELECT * FROM u", "1|b|1;2|a|1" },
	{ "CREATE TABLE u(id INTEGER PRIMARY KEY, n UNIQUE);",
	    "INSERT INTO u VALUES(1,'a')", "INSERT INTO u VALUES(2,'a')",
	    "SELECT * FROM u", NULL },
	{ "CREATE TABLE u(id INTEGER PRIMARY KEY, n UNIQUE ON CONFLICT "
	    "REPLACE);", "INSERT INTO u VALUES(1,'a')",
	    "INSERT INTO u VALUES(2,'a')", "SELECT * FROM u", NULL },
	{ "CREATE TABLE c(id INTEGER PRIMARY KEY, n, m, CHECK(n+m<10));"
	    "INSERT INTO c VALUES(1,1,1);", "UPDATE c SET n=8",
	    "UPDATE c SET m=8", "SELECT * FROM c", NULL },
	/* Rows without a key. */
	{ L2, "INSERT INTO l VALUES(3,'p')", "INSERT INTO l VALUES(3,'p')",
	    ALL_L, "1|x;2|y;3|p" },
	{ L2, "INSERT INTO l VALUES(2,'y')", "DELETE FROM l WHERE at=1",
	    ALL_L, "2|y;2|y" },
	{ L2, "UPDATE l SET what='X' WHERE at=1", "UPDATE l SET what='Z' "
	    "WHERE at=1", "SELECT * FROM l ORDER BY 2", "1|X;1|Z;2|y" },
	{ L2, "UPDATE l SET what='X' WHERE at=1", "DELETE FROM l WHERE at=1",
	    ALL_L, "2|y;1|X" },
	{ L2 "INSERT INTO l VALUES(1,'x'),(1,'x');",
	    "DELETE FROM l WHERE rowid>2", "DELETE FROM l WHERE rowid=1",
	    ALL_L, "1|x;2|y" },
	{ L2, "INSERT INTO l VALUES(3,'a1'); INSERT INTO l VALUES(4,'a2')",
	    "DELETE FROM l WHERE at=2", ALL_L, "1|x;3|a1;4|a2" },
	{ "CREATE TABLE r(rowid, oid, _rowid_);", "INSERT INTO r "
	    "VALUES(1,2,3)", "INSERT INTO r VALUES(4,5,6)", "SELECT 1", NULL },
	{ "CREATE TABLE r(rowid, v);", "INSERT INTO r VALUES(1,2)",
	    "INSERT INTO r VALUES(1,3)", "SELECT * FROM r ORDER BY v",
	    "1|2;1|3" },
	/* Schemas. */
	{ T3, "CREATE TABLE z(a)", "UPDATE t SET x=1", ALL_T, NULL },
	{ T3, "CREATE INDEX z ON t(x); UPDATE t SET y=3", "UPDATE t SET x=1",
	    ALL_T, NULL },
	{ T3, "PRAGMA user_version=4", "UPDATE t SET x=1", ALL_T, NULL },
	{ T3 "PRAGMA user_version=4; PRAGMA application_id=99;",
	    "UPDATE t SET y=1", "UPDATE t SET x=1 WHERE id=1",
	    "SELECT * FROM pragma_user_version, pragma_application_id",
	    "4|99" },
	{ T3, "ANALYZE; UPDATE t SET x='A' WHERE id=1",
	    "UPDATE t SET y=0 WHERE id=1", ALL_T, "1|A|0;2|b|2;3|c|3" },
	{ "CREATE VIRTUAL TABLE f USING fts5(a);", "INSERT INTO f "
	    "VALUES('a')", "INSERT INTO f VALUES('b')", "SELECT 1", NULL },
	{ "PRAGMA encoding='UTF-16le';" T3, "UPDATE t SET x='A' WHERE id=1",
	    "UPDATE t SET x='B' WHERE id=2", ALL_T, NULL },
	/* Triggers and views stay and do nothing. */
	{ T3 "CREATE TABLE o(i INTEGER PRIMARY KEY, v);"
	    "CREATE TRIGGER g AFTER INSERT ON t BEGIN "
	    "INSERT INTO o(v) VALUES(new.x); END;"
	    "CREATE VIEW v AS SELECT * FROM t;"
	    "CREATE INDEX tx ON t(x); CREATE INDEX ty ON t(lower(x)) "
	    "WHERE y > 1;",
	    "INSERT INTO t VALUES(4,'d',4)", "UPDATE t SET y=0 WHERE id=1",
	    "SELECT count(*), (SELECT count(*) FROM t), (SELECT group_concat("
	    "name) FROM (SELECT name FROM sqlite_schema ORDER BY name)) "
	    "FROM o", "1|4|g,o,t,tx,ty,v" },
	/* Columns that are computed, values of every type, odd names. */
	{ "CREATE TABLE g(id INTEGER PRIMARY KEY, a, b AS (a*2) STORED, "
	    "c AS (a+1), d);INSERT INTO g(id,a,d) VALUES(1,1,1),(2,2,2);",
	    "UPDATE g SET a=5 WHERE id=1", "UPDATE g SET d=7 WHERE id=1",
	    "SELECT * FROM g", "1|5|10|6|7;2|2|4|3|2" },
	{ "CREATE TABLE \"a \"\" b\"(\"x \"\"y\" INTEGER PRIMARY KEY, "
	    "\"select\");", "INSERT INTO \"a \"\" b\" VALUES(1, x'ff00')",
	    "INSERT INTO \"a \"\" b\" VALUES(2, 1.5)",
	    "SELECT hex(\"select\") FROM \"a \"\" b\"", "FF00;312E35" },
	{ "CREATE TABLE s(i INT PRIMARY KEY, t TEXT, r REAL, b BLOB) STRICT;"
	    "INSERT INTO s VALUES(1,'a',1.0,x'00');",
	    "UPDATE s SET r=2", "UPDATE s SET t='a' || char(0) || 'b'",
	    "SELECT i,length(cast(t as blob)),r,hex(b) FROM s",
	    "1|3|2.0|00" },
	/* AUTOINCREMENT: no number is given out again. */
	{ "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x, y);"
	    "INSERT INTO t(x) VALUES('a');",
	    "INSERT INTO t VALUES(50,1,1); DELETE FROM t WHERE id=50",
	    "INSERT INTO t(x) VALUES('b')", "SELECT seq, (SELECT max(id) "
	    "FROM t) FROM sqlite_sequence", "50|2" },
	{ "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x);"
	    "INSERT INTO t(x) VALUES('a');",
	    "INSERT INTO t VALUES(50,1); DELETE FROM t WHERE id=50;"
	    "INSERT INTO t VALUES(2,'p')",
	    "INSERT INTO t VALUES(2,'q')", "SELECT max(id), count(*), "
	    "(SELECT seq FROM sqlite_sequence) FROM t", "51|3|51" },
};

static void
check_cases(void)
{
	struct sada_buf base = {0}, a = {0}, b = {0}, out = {0}, text = {0};
	struct sada_err err = {0};
	struct sada_span x, y;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		db_make(&base, NULL, cases[i].base);
		db_make(&a, &base, cases[i].a);
		db_make(&b, &base, cases[i].b);
		rc = merge_all_ways(&out, &base, &a, &b);
		CHECK_INT(rc, cases[i].want != NULL);
		if (rc != (cases[i].want != NULL))
			printf("# case %zu: %s / %s / %s\n", i, cases[i].base,
			    cases[i].a, cases[i].b);
		if (rc != 1)
			continue;
		check_sound(&out);
		db_ask_image(&text, &out, cases[i].ask);
		CHECK_STR((char *)text.p, cases[i].want);
		/* Merging once more changes nothing. */
		x = span(&out);
		sada_buf_reset(&text);
		CHECK_INT(sada_merge_sqlite(&text, &(struct sada_three){
		    span(&a), x, span(&a) }, &err), 1);
		y = span(&text);
		CHECK_INT(sada_sqlite_equal(&x, &y, &err), 1);
	}
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
	sada_buf_release(&text);
}

/*
 * The model: T by id (an INTEGER PRIMARY KEY), K by key (WITHOUT ROWID),
 * L counted.
 */
#define IDS 40
#define WORDS 6

struct state {
	int t[IDS][3], k[IDS][3];	/* there, x, y */
	int l[WORDS];
};

static void
model_edit(struct state *s, sqlite3 *db, size_t steps)
{
	char sql[200];
	int (*row)[3];
	size_t i, id, v;
	const char *name;

	for (i = 0; i < steps; i++) {
		id = 1 + tap_below(IDS / 2);
		v = tap_below(50);
		row = tap_below(2) ? s->t : s->k;
		name = row == s->t ? "t" : "k";
		switch (tap_below(8)) {
		case 0:
		case 1:		/* a new row */
			if (row[id][0])
				continue;
			row[id][0] = 1;
			row[id][1] = (int)v;
			row[id][2] = 1;
			(void)snprintf(sql, sizeof(sql),
			    "INSERT INTO %s VALUES(%zu,%zu,1)", name, id, v);
			break;
		case 2:
			row[id][0] = 0;
			(void)snprintf(sql, sizeof(sql),
			    "DELETE FROM %s WHERE id=%zu", name, id);
			break;
		case 3:
		case 4:
			row[id][1] = (int)v;
			(void)snprintf(sql, sizeof(sql),
			    "UPDATE %s SET x=%zu WHERE id=%zu", name, v, id);
			break;
		case 5:
			row[id][2] = (int)v;
			(void)snprintf(sql, sizeof(sql),
			    "UPDATE %s SET y=%zu WHERE id=%zu", name, v, id);
			break;
		case 6:
			v = tap_below(WORDS);
			s->l[v]++;
			(void)snprintf(sql, sizeof(sql),
			    "INSERT INTO l VALUES(%zu)", v);
			break;
		default:
			v = tap_below(WORDS);
			if (s->l[v] > 0)
				s->l[v]--;
			(void)snprintf(sql, sizeof(sql), "DELETE FROM l WHERE "
			    "rowid=(SELECT max(rowid) FROM l WHERE v=%zu)",
			    v);
			break;
		}
		db_exec(db, sql);
	}
}

static int
row_eq(const int *a, const int *b)
{
	return a[0] == b[0] && (!a[0] || (a[1] == b[1] && a[2] == b[2]));
}

/* One row; 0 conflict, 2: Q's row must move. */
static int
model_row(int *out, const int *x, const int *p, const int *q)
{
	int i;

	if (row_eq(p, x) || row_eq(p, q)) {
		memcpy(out, q, 3 * sizeof(int));
		return 1;
	}
	memcpy(out, p, 3 * sizeof(int));
	if (row_eq(q, x))
		return 1;
	if (!x[0])
		return 2;
	if (!p[0] || !q[0]) {
		memcpy(out, p[0] ? p : q, 3 * sizeof(int));
		return 1;
	}
	for (i = 1; i < 3; i++) {
		if (p[i] == x[i])
			out[i] = q[i];
		else if (q[i] != x[i] && q[i] != p[i])
			return 0;
	}
	return 1;
}

/* The model's merge of P (lower bytes) and Q; 0: conflict. */
static int
model_merge(struct state *out, const struct state *x, const struct state *p,
    const struct state *q)
{
	int moved[IDS], nmoved = 0, i, max = 0, rc;

	memset(out, 0, sizeof(*out));
	for (i = 1; i < IDS; i++) {
		if (model_row(out->k[i], x->k[i], p->k[i], q->k[i]) != 1)
			return 0;
		if ((rc = model_row(out->t[i], x->t[i], p->t[i],
		    q->t[i])) == 0)
			return 0;
		if (rc == 2)
			moved[nmoved++] = i;
		if (x->t[i][0] || p->t[i][0] || q->t[i][0])
			max = i;
	}
	for (i = 0; i < nmoved; i++)
		memcpy(out->t[++max], q->t[moved[i]], sizeof(out->t[0]));
	for (i = 0; i < WORDS; i++) {
		int a = p->l[i] - x->l[i], b = q->l[i] - x->l[i];

		out->l[i] = x->l[i] + (a > 0 && b > 0 ? (a > b ? a : b) :
		    a < 0 && b < 0 ? (a < b ? a : b) : a + b);
	}
	return 1;
}

static void
model_text(struct sada_buf *out, const struct state *s)
{
	int i, n = 0;

	sada_buf_reset(out);
	for (i = 1; i < IDS; i++)
		if (s->t[i][0])
			sada_buf_addf(out, "%st|%d|%d|%d", n++ ? ";" : "", i,
			    s->t[i][1], s->t[i][2]);
	for (i = 1; i < IDS; i++)
		if (s->k[i][0])
			sada_buf_addf(out, "%sk|%d|%d|%d", n++ ? ";" : "", i,
			    s->k[i][1], s->k[i][2]);
	for (i = 0; i < WORDS; i++)
		if (s->l[i])
			sada_buf_addf(out, "%sl|%d|%d|0", n++ ? ";" : "", i,
			    s->l[i]);
	(void)sada_buf_str(out);
}

static int
bytes_order(const struct sada_buf *a, const struct sada_buf *b)
{
	int c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);

	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static void
check_model(int rounds)
{
	struct sada_buf base = {0}, a = {0}, b = {0}, out = {0}, text = {0},
	    want = {0};
	struct state sx, sa, sb, s;
	int i, rc, merged = 0;
	sqlite3 *db;

	for (i = 0; i < rounds; i++) {
		memset(&sx, 0, sizeof(sx));
		db = db_open(NULL);
		db_exec(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, x, y);"
		    "CREATE TABLE k(id PRIMARY KEY, x, y) WITHOUT ROWID;"
		    "CREATE TABLE l(v); CREATE INDEX i ON t(x, y)");
		model_edit(&sx, db, 200);
		db_image(db, &base);
		(void)sqlite3_close(db);
		sa = sb = sx;
		db = db_open(&base);
		model_edit(&sa, db, tap_below(1 + (size_t)i % 60));
		db_image(db, &a);
		(void)sqlite3_close(db);
		db = db_open(&base);
		model_edit(&sb, db, tap_below(1 + (size_t)i % 60));
		db_image(db, &b);
		(void)sqlite3_close(db);

		rc = bytes_order(&a, &b) <= 0 ? model_merge(&s, &sx, &sa, &sb) :
		    model_merge(&s, &sx, &sb, &sa);
		CHECK_INT(merge_all_ways(&out, &base, &a, &b), rc);
		if (rc != 1 || out.len == 0)
			continue;
		merged++;
		check_sound(&out);
		db_ask_image(&text, &out, "SELECT * FROM (SELECT 't', id, x, "
		    "y FROM t ORDER BY id) UNION ALL SELECT * FROM (SELECT "
		    "'k', id, x, y FROM k ORDER BY id) UNION ALL SELECT * "
		    "FROM (SELECT 'l', v, count(*), 0 FROM l GROUP BY v "
		    "ORDER BY v)");
		model_text(&want, &s);
		CHECK_STR((char *)text.p, (char *)want.p);
	}
	printf("# %d of %d histories merged\n", merged, rounds);
	CHECK(merged > rounds / 4);
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
	sada_buf_release(&text);
	sada_buf_release(&want);
}

static void
check_equal(void)
{
	static const struct { const char *a, *b; int equal; } c[] = {
		{ T3, T3, 1 },
		{ T3, T "INSERT INTO t VALUES(3,'c',3),(1,'a',1),(2,'b',2);",
		    1 },
		{ T3, T3 "VACUUM; ANALYZE;", 1 },
		{ T3, T3 "DELETE FROM t WHERE id=1", 0 },
		{ T3, T3 "UPDATE t SET y=1.0 WHERE id=1", 0 },
		{ T3, T3 "UPDATE t SET x=x'61' WHERE id=1", 0 },
		{ T3, T3 "PRAGMA user_version=1", 0 },
		{ T3, T3 "CREATE VIEW v AS SELECT 1", 0 },
		{ L2, LOG "INSERT INTO l VALUES(2,'y'),(1,'x');", 1 },
		{ L2, L2 "INSERT INTO l VALUES(2,'y');", 0 },
		{ T3, L2, 0 },
		{ T3, "PRAGMA page_size=1024;" T3, 1 },
		{ T3, "PRAGMA auto_vacuum=1;" T3, 1 },
	};
	struct sada_buf a = {0}, b = {0};
	struct sada_span x, y;
	struct sada_err err = {0};
	size_t i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		db_make(&a, NULL, c[i].a);
		db_make(&b, NULL, c[i].b);
		x = span(&a);
		y = span(&b);
		CHECK_INT(sada_sqlite_equal(&x, &y, &err), c[i].equal);
		CHECK_INT(sada_sqlite_equal(&y, &x, &err), c[i].equal);
		CHECK_INT(sada_sqlite_equal(&x, &x, &err), 1);
	}
	sada_buf_release(&a);
	sada_buf_release(&b);
}

/* What is told of those that did not merge. */
static void
check_why(void)
{
	static const struct { const char *base, *a, *b; unsigned why; } c[] = {
		{ T3, T3 "UPDATE t SET x='p' WHERE id=1",
		    T3 "UPDATE t SET x='q' WHERE id=1", SADA_MERGE_NO_LINES },
		{ T3, T3 "ALTER TABLE t ADD more",
		    T3 "DELETE FROM t WHERE id=1", SADA_MERGE_NO_FORM },
		{ T3, T3 "PRAGMA user_version=2",
		    T3 "DELETE FROM t WHERE id=1", SADA_MERGE_NO_FORM },
		{ T3, T3 "DELETE FROM t WHERE id=1",
		    "PRAGMA page_size=1024;" T3, SADA_MERGE_NO_FORM },
#define WIDE "PRAGMA encoding='UTF-16';" T3
		{ WIDE, WIDE "INSERT INTO t VALUES(8,'p',1)",
		    WIDE "INSERT INTO t VALUES(9,'q',1)", SADA_MERGE_NO_FORM },
#define TREE "CREATE VIRTUAL TABLE v USING rtree(id,x,y);"
		{ TREE, TREE "INSERT INTO v VALUES(1,1,2)",
		    TREE "INSERT INTO v VALUES(2,1,2)", SADA_MERGE_NO_FORM },
	};
	struct sada_buf base = {0}, a = {0}, b = {0}, out = {0};
	struct sada_three in;
	struct sada_err err = {0};
	size_t i;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		db_make(&base, NULL, c[i].base);
		db_make(&a, NULL, c[i].a);
		db_make(&b, NULL, c[i].b);
		in.base = span(&base);
		in.a = span(&a);
		in.b = span(&b);
		CHECK_INT(sada_merge_bytes(&out, SADA_MERGE_SQLITE, &in,
		    &err), 0);
		CHECK_INT(sada_merge_why(SADA_MERGE_SQLITE, &in), c[i].why);
	}
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&out);
}

static void
check_names(void)
{
	CHECK_INT(sada_sqlite_built(), 1);
	CHECK_STR(sada_sqlite_busy_name(0), "-wal");
	CHECK_STR(sada_sqlite_busy_name(1), "-shm");
	CHECK_STR(sada_sqlite_busy_name(2), "-journal");
	CHECK_STR(sada_sqlite_busy_name(3), NULL);
	CHECK_INT(sada_sqlite_busy_of("a.db-wal", 8), 4);
	CHECK_INT(sada_sqlite_busy_of("a-journal", 9), 1);
	CHECK_INT(sada_sqlite_busy_of("-wal", 4), 0);
	CHECK_INT(sada_sqlite_busy_of("wal", 3), 0);
	CHECK_INT(sada_sqlite_busy_of("a.db", 4), 0);
	CHECK_INT(sada_sqlite_is("SQLite format 3", 16), 0);
}

int
main(void)
{
	tap_seed(7);
	check_names();
	check_cases();
	check_equal();
	check_why();
	check_model(300);
	return tap_done();
}
