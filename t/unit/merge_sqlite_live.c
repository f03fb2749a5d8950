/*
 * Databases in use: captured while others write, changed while others read
 * and write.  The writers are processes of their own, as in life; they are
 * paced by their own commits and end when told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite_util.h"

#define MAX ((size_t)64 << 20)

/* Shared with the writers. */
struct shared {
	_Atomic long committed;	/* rows 1 to this are committed */
	_Atomic int stop, ready;
};

static struct shared *sh;
static char dir[] = "/tmp/sada-sqlite-XXXXXX";
static int dirfd_;

static const char *
at(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int
there(const char *name)
{
	return access(at(name), F_OK) == 0;
}

static sqlite3 *
disk_open(const char *name)
{
	sqlite3 *db;

	db_must(NULL, sqlite3_open(at(name), &db), name);
	(void)sqlite3_busy_timeout(db, 20000);
	return db;
}

static void
disk_exec(const char *name, const char *sql)
{
	sqlite3 *db = disk_open(name);

	db_exec(db, sql);
	(void)sqlite3_close(db);
}

static void
disk_ask(struct sada_buf *out, const char *name, const char *sql)
{
	sqlite3 *db = disk_open(name);

	db_ask(out, db, sql);
	(void)sqlite3_close(db);
}

/* Write until told to stop: each transaction adds a few rows in order. */
static void
writer(const char *name, const char *mode)
{
	sqlite3 *db = disk_open(name);
	char sql[300];
	long n = 0, i, k;

	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s; "
	    "PRAGMA wal_autocheckpoint=50; PRAGMA synchronous=NORMAL; "
	    "PRAGMA cache_size=5", mode);
	db_exec(db, sql);
	while (!sh->stop) {
		k = 1 + n % 7;
		db_exec(db, "BEGIN IMMEDIATE");
		for (i = 1; i <= k; i++) {
			(void)snprintf(sql, sizeof(sql), "INSERT INTO l "
			    "VALUES(%ld, hex(zeroblob(%ld)));"
			    "UPDATE c SET n = n + 1", n + i,
			    (n + i) % 97 * 10);
			db_exec(db, sql);
		}
		/* Keep it small enough to be read often. */
		(void)snprintf(sql, sizeof(sql), "UPDATE l SET pad = '' "
		    "WHERE i BETWEEN %ld AND %ld", n - 200, n - 150);
		db_exec(db, sql);
		db_exec(db, "COMMIT");
		n += k;
		sh->committed = n;
		sh->ready = 1;
		if (n > 4000) {
			db_exec(db, "BEGIN; DELETE FROM l; UPDATE c SET n=0;"
			    "COMMIT");
			n = 0;
			sh->committed = 0;
		}
		usleep(300);
	}
	(void)sqlite3_close(db);
	_exit(0);
}

static pid_t
start(void (*what)(const char *, const char *), const char *name,
    const char *mode)
{
	pid_t pid;

	(void)fflush(stdout);
	sh->stop = sh->ready = 0;
	if ((pid = fork()) == 0) {
		(void)alarm(120);
		what(name, mode);
	}
	while (!sh->ready)
		usleep(1000);
	return pid;
}

static void
stop(pid_t pid)
{
	int status = -1;

	sh->stop = 1;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
check_capture(const char *name, const char *mode, int rounds)
{
	struct sada_buf img = {0}, text = {0};
	struct sada_err err = {0};
	int i, rc, busy = 0;
	long before, after, n, min, max, c;
	pid_t pid;

	disk_exec(name, "CREATE TABLE l(i INTEGER PRIMARY KEY, pad);"
	    "CREATE INDEX x ON l(pad); CREATE TABLE c(n); "
	    "INSERT INTO c VALUES(0)");
	sh->committed = 0;
	pid = start(writer, name, mode);
	for (i = 0; i < rounds; i++) {
		before = sh->committed;
		sada_buf_reset(&img);
		rc = sada_sqlite_capture(&img, dirfd_, name, MAX, &err);
		after = sh->committed;
		busy += rc == SADA_BUSY;
		CHECK(rc == 0 || rc == SADA_BUSY);
		if (rc < 0) {
			CHECK_INT(img.len, 0);
			printf("# %s: %s\n", mode, err.msg);
			continue;
		}
		check_sound(&img);
		db_ask_image(&text, &img, "SELECT count(*), coalesce(min(i),"
		    "1), coalesce(max(i),0), (SELECT n FROM c) FROM l");
		if (sscanf((char *)text.p, "%ld|%ld|%ld|%ld", &n, &min, &max,
		    &c) != 4)
			n = -1;
		/* A prefix of the rows, and all that was committed before. */
		CHECK(n == max && min == 1 && c == n);
		CHECK(after < before || (n >= before && n <= after + 7));
	}
	stop(pid);
	printf("# %s: %d of %d busy\n", mode, busy, rounds);
	CHECK(busy < rounds / 10);
	sada_buf_release(&img);
	sada_buf_release(&text);
}

/* Names, sizes, times and inodes of all in the directory. */
static void
look(struct sada_buf *out)
{
	static const char *const names[] = { "q", "q-wal", "q-shm",
	    "q-journal" };
	struct dirent *d;
	struct stat st;
	int n = 0;
	size_t i;
	DIR *dp = opendir(dir);

	sada_buf_reset(out);
	while (dp != NULL && (d = readdir(dp)) != NULL)
		n++;
	(void)closedir(dp);
	sada_buf_addf(out, "%d names", n);
	for (i = 0; i < 4; i++) {
		if (stat(at(names[i]), &st) != 0)
			continue;
		sada_buf_addf(out, "; %s %lu %ld %ld.%09ld", names[i],
		    (unsigned long)st.st_ino, (long)st.st_size,
		    (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		/* For root SQLite sets the owner of the index. */
		if (i != 2)
			sada_buf_addf(out, " %ld.%09ld",
			    (long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	}
	(void)sada_buf_str(out);
}

/* Capture "q": RC; nothing of it and of its directory changes. */
static void
capture_quietly(int rc, const char *rows)
{
	struct sada_buf before = {0}, after = {0}, img = {0}, text = {0};
	struct sada_err err = {0};
	int got;

	look(&before);
	got = sada_sqlite_capture(&img, dirfd_, "q", MAX, &err);
	CHECK_INT(got, rc);
	if (got < 0)
		printf("# %s\n", err.msg);
	look(&after);
	CHECK_STR((char *)after.p, (char *)before.p);
	if (got == 0) {
		db_ask_image(&text, &img, "SELECT count(*) FROM l");
		CHECK_STR((char *)text.p, rows);
	}
	sada_buf_release(&before);
	sada_buf_release(&after);
	sada_buf_release(&img);
	sada_buf_release(&text);
}

static void
put_file(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(at(name), "wb");

	CHECK(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

static void
get_file(const char *name, struct sada_buf *out)
{
	FILE *f = fopen(at(name), "rb");
	int c;

	sada_buf_reset(out);
	while (f != NULL && (c = getc(f)) != EOF)
		sada_put_u8(out, (uint8_t)c);
	if (f != NULL)
		(void)fclose(f);
}

static void
wipe(const char *name)
{
	static const char *const more[] = { "", "-wal", "-shm", "-journal" };
	char n[60];
	size_t i;

	for (i = 0; i < 4; i++) {
		(void)snprintf(n, sizeof(n), "%s%s", name, more[i]);
		(void)unlink(at(n));
	}
}

/* A killed writer: what it leaves beside the database. */
static void
crash(const char *name, const char *sql)
{
	int status;
	sqlite3 *db;
	pid_t pid;

	(void)fflush(stdout);
	if ((pid = fork()) == 0) {
		db = disk_open(name);
		db_exec(db, sql);
		(void)kill(getpid(), SIGKILL);
	}
	(void)waitpid(pid, &status, 0);
}

static void
check_states(void)
{
	struct sada_buf file = {0}, img = {0};
	struct sada_err err = {0};

	/* Closed, either mode: the bytes of the file. */
	disk_exec("q", "CREATE TABLE l(i); INSERT INTO l VALUES(1),(2)");
	capture_quietly(0, "2");
	get_file("q", &file);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "q", MAX, &err), 0);
	CHECK(img.len == file.len && memcmp(img.p, file.p, img.len) == 0);
	disk_exec("q", "PRAGMA journal_mode=WAL; INSERT INTO l VALUES(3)");
	CHECK(!there("q-wal"));
	capture_quietly(0, "3");
	get_file("q", &file);
	sada_buf_reset(&img);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "q", MAX, &err), 0);
	CHECK(img.len == file.len && memcmp(img.p, file.p, img.len) == 0);
	/* Open and idle, its rows in the WAL; then without the index. */
	crash("q", "PRAGMA wal_autocheckpoint=0; INSERT INTO l VALUES(4)");
	CHECK(there("q-wal") && there("q-shm"));
	capture_quietly(0, "4");
	(void)unlink(at("q-shm"));
	capture_quietly(SADA_LATER, NULL);
	disk_exec("q", "INSERT INTO l VALUES(5)");
	capture_quietly(0, "5");
	wipe("q");
	/* A hot journal. */
	disk_exec("q", "CREATE TABLE l(i); INSERT INTO l VALUES(1),(2)");
	crash("q", "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN; "
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
	    "WHERE i<20000) INSERT INTO l SELECT i FROM n");
	CHECK(there("q-journal"));
	capture_quietly(SADA_LATER, NULL);
	disk_exec("q", "SELECT * FROM l");
	capture_quietly(0, "2");
	/* Journals that are kept, but cold. */
	disk_exec("q", "PRAGMA journal_mode=PERSIST; "
	    "INSERT INTO l VALUES(3)");
	CHECK(there("q-journal"));
	capture_quietly(0, "3");
	wipe("q");
	/* No databases. */
	put_file("q", "hello", 5);
	capture_quietly(SADA_FORMAT, NULL);
	wipe("q");
	capture_quietly(SADA_NOTFOUND, NULL);
	CHECK(symlink("q2", at("q")) == 0);
	disk_exec("q2", "CREATE TABLE l(i)");
	capture_quietly(SADA_FORMAT, NULL);
	wipe("q");
	wipe("q2");
	/* Too large; odd names. */
	disk_exec("q", "CREATE TABLE l(i)");
	sada_buf_reset(&img);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "q", 8191, &err),
	    SADA_FORMAT);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "q", 8192, &err), 0);
	disk_exec("q", "PRAGMA journal_mode=WAL");
	sada_buf_reset(&img);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "q", 8191, &err),
	    SADA_FORMAT);
	CHECK(renameat(dirfd_, "q", dirfd_, "o%41 ?x=1#\xff\n") == 0);
	CHECK_INT(sada_sqlite_capture(&img, dirfd_, "o%41 ?x=1#\xff\n", MAX,
	    &err), 0);
	CHECK(img.len > 0);
	(void)unlink(at("o%41 ?x=1#\xff\n"));
	sada_buf_release(&file);
	sada_buf_release(&img);
}

/* Hold a write lock until told. */
static void
locker(const char *name, const char *mode)
{
	sqlite3 *db = disk_open(name);

	(void)mode;
	db_exec(db, "BEGIN EXCLUSIVE");
	sh->ready = 1;
	while (!sh->stop)
		usleep(1000);
	db_exec(db, "ROLLBACK");
	(void)sqlite3_close(db);
	_exit(0);
}

#define MANY "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE, "\
    "y); CREATE TABLE k(a, b, PRIMARY KEY(a)); CREATE TABLE w(a, b, PRIMARY "\
    "KEY(b, a)) WITHOUT ROWID; CREATE TABLE l(v); CREATE INDEX i ON l(v);"\
    "CREATE TRIGGER g AFTER DELETE ON t BEGIN DELETE FROM l; END;"\
    "INSERT INTO t(x,y) VALUES('a',1),('b',2),('c',3); INSERT INTO k VALUES"\
    "('a',1),(NULL,2),(NULL,2); INSERT INTO w VALUES(1,1),(1,'1'),(2,x'31');"\
    "INSERT INTO l VALUES(1),(1),(2);"
#define CHANGED "PRAGMA recursive_triggers=0; DROP TRIGGER g; UPDATE t SET "\
    "x='t' WHERE id=1; UPDATE t SET x='a' WHERE id=2; UPDATE t SET x='b' "\
    "WHERE id=1; DELETE FROM t WHERE id=3; INSERT INTO t VALUES(90,'q',1); "\
    "DELETE FROM t WHERE id=90; DELETE FROM k WHERE a='a'; INSERT INTO k "\
    "VALUES(NULL,2); UPDATE w SET b=b||'x' WHERE typeof(b)='text'; "\
    "DELETE FROM l WHERE rowid=1; INSERT INTO l VALUES(9); "\
    "CREATE TRIGGER g AFTER DELETE ON t BEGIN DELETE FROM l; END;"

static void
check_install(const char *mode)
{
	struct sada_buf old = {0}, new = {0}, now = {0}, other = {0};
	struct sada_err err = {0};
	struct sada_span x, y, z;
	struct stat st, st2;
	char sql[80];
	pid_t pid;

	db_make(&old, NULL, MANY);
	db_make(&new, &old, CHANGED);
	db_make(&other, &old, "INSERT INTO l VALUES(77)");
	x = span(&old);
	y = span(&new);
	put_file("q", old.p, old.len);
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", mode);
	disk_exec("q", sql);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &y, &err), 0);
	CHECK_STR(err.msg, "");
	sada_buf_reset(&now);
	CHECK_INT(sada_sqlite_capture(&now, dirfd_, "q", MAX, &err), 0);
	z = span(&now);
	CHECK_INT(sada_sqlite_equal(&z, &y, &err), 1);
	check_sound(&now);
	/* Again: nothing to do, nothing written. */
	CHECK(stat(at("q"), &st) == 0);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &y, &err), 0);
	CHECK(stat(at("q"), &st2) == 0);
	CHECK(st.st_mtim.tv_nsec == st2.st_mtim.tv_nsec &&
	    st.st_mtim.tv_sec == st2.st_mtim.tv_sec);
	/* Changed meanwhile; without an expectation; another schema. */
	z = span(&other);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &z, &err), SADA_LATER);
	sada_buf_reset(&now);
	CHECK_INT(sada_sqlite_capture(&now, dirfd_, "q", MAX, &err), 0);
	z = span(&now);
	CHECK_INT(sada_sqlite_equal(&z, &y, &err), 1);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", NULL, &x, &err), 0);
	db_make(&other, &old, "CREATE TABLE more(a)");
	z = span(&other);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &z, &err), SADA_LATER);
	z.n = 50;
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &z, &err),
	    SADA_FORMAT);
	CHECK_INT(sada_sqlite_install(dirfd_, "none", &x, &y, &err),
	    SADA_NOTFOUND);
	CHECK(!there("none"));
	/* Locked by another. */
	pid = start(locker, "q", mode);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &y, &err), SADA_BUSY);
	sada_buf_reset(&now);
	CHECK_INT(sada_sqlite_capture(&now, dirfd_, "q", MAX, &err),
	    strcmp(mode, "WAL") == 0 ? 0 : SADA_BUSY);
	stop(pid);
	CHECK_INT(sada_sqlite_install(dirfd_, "q", &x, &y, &err), 0);
	wipe("q");
	sada_buf_release(&old);
	sada_buf_release(&new);
	sada_buf_release(&now);
	sada_buf_release(&other);
}

/* What leads from one image to another, into one that was written since. */
static void
check_advance(const char *mode)
{
	struct sada_buf from = {0}, to = {0}, now = {0}, text = {0};
	struct sada_err err = {0};
	struct sada_span x, y;
	char sql[80];
	int i;

	db_make(&from, NULL, "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	    "CREATE TABLE l(v); INSERT INTO t VALUES(1,'a'),(2,'b'),(3,'c');"
	    "INSERT INTO l VALUES('x'),('x')");
	db_make(&to, &from, "UPDATE t SET v='to' WHERE id=1; INSERT INTO t "
	    "VALUES(4,'to'); DELETE FROM t WHERE id=3;"
	    "INSERT INTO l VALUES('x'),('y')");
	x = span(&from);
	y = span(&to);
	put_file("q", from.p, from.len);
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", mode);
	disk_exec("q", sql);
	disk_exec("q", "UPDATE t SET v='own' WHERE id=2; INSERT INTO t "
	    "VALUES(4,'own'); INSERT INTO l VALUES('x'),('z')");
	for (i = 0; i < 3; i++) {
		CHECK_INT(sada_sqlite_advance(dirfd_, "q", &x, &y, &err), 0);
		disk_ask(&text, "q", "SELECT * FROM t ORDER BY id");
		CHECK_STR((char *)text.p, "1|to;2|own;4|to;5|own");
		disk_ask(&text, "q", "SELECT v FROM l ORDER BY v");
		CHECK_STR((char *)text.p, "x;x;x;y;z");
	}
	/* A row that got another number, and was changed or deleted here. */
	db_make(&to, &from, "UPDATE t SET id=4 WHERE id=3; INSERT INTO t "
	    "VALUES(3,'other')");
	y = span(&to);
	for (i = 0; i < 6; i++) {
		if (i % 3 == 0) {
			wipe("q");
			put_file("q", from.p, from.len);
			disk_exec("q", sql);
			disk_exec("q", i == 0 ? "UPDATE t SET v='own' "
			    "WHERE id=3" : "DELETE FROM t WHERE id=2");
		}
		CHECK_INT(sada_sqlite_advance(dirfd_, "q", &x, &y, &err), 0);
		disk_ask(&text, "q", "SELECT * FROM t ORDER BY id");
		CHECK_STR((char *)text.p, i < 3 ? "1|a;2|b;3|other;4|own" :
		    "1|a;3|other;4|c");
	}
	/* Both changed the same: nothing is. */
	db_make(&to, &from, "UPDATE t SET v='to'");
	y = span(&to);
	disk_exec("q", "UPDATE t SET v='own' WHERE id=1");
	CHECK_INT(sada_sqlite_advance(dirfd_, "q", &x, &y, &err), SADA_LATER);
	CHECK(err.msg[0] != '\0');
	disk_ask(&text, "q", "SELECT * FROM t ORDER BY id");
	CHECK_STR((char *)text.p, "1|own;3|other;4|c");
	wipe("q");
	sada_buf_release(&from);
	sada_buf_release(&to);
	sada_buf_release(&now);
	sada_buf_release(&text);
}

/* Read all the time: each state is one of the two images, never between. */
static void
reader(const char *name, const char *mode)
{
	sqlite3 *db = disk_open(name);
	struct sada_buf text = {0};
	long v, n, wrong = 0;

	(void)mode;
	while (!sh->stop) {
		db_ask(&text, db, "SELECT min(v), max(v) - min(v) FROM t");
		if (sscanf((char *)text.p, "%ld|%ld", &v, &n) != 2 || n != 0)
			wrong++;
		sh->ready = 1;
	}
	(void)sqlite3_close(db);
	_exit(wrong > 0);
}

/* A counter of its own that no install may set back. */
static void
adder(const char *name, const char *mode)
{
	sqlite3 *db = disk_open(name);
	char sql[80];
	long n = 0;

	(void)mode;
	while (!sh->stop) {
		(void)snprintf(sql, sizeof(sql),
		    "INSERT INTO l VALUES(%ld)", n + 1);
		db_exec(db, sql);
		sh->committed = ++n;
		sh->ready = 1;
		/* Now and then it leaves room for an install. */
		usleep(n % 8 == 0 ? 40000 : 2000);
	}
	(void)sqlite3_close(db);
	_exit(0);
}

static void
check_atomic(const char *mode)
{
	struct sada_buf one = {0}, two = {0}, text = {0};
	struct sada_err err = {0};
	struct sada_span s[2], want;
	char sql[80];
	int i, rc, done = 0, later = 0, busy = 0;
	pid_t pid;

	db_make(&one, NULL, "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
	    "WHERE i<300) INSERT INTO t SELECT i, 1 FROM n");
	db_make(&two, &one, "UPDATE t SET v=2");
	s[0] = span(&one);
	s[1] = span(&two);
	put_file("q", one.p, one.len);
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", mode);
	disk_exec("q", sql);
	pid = start(reader, "q", mode);
	for (i = 0; i < 40; i++) {
		rc = sada_sqlite_install(dirfd_, "q", &s[i % 2],
		    &s[1 - i % 2], &err);
		CHECK(rc == 0 || rc == SADA_BUSY);
		busy += rc == SADA_BUSY;
		if (rc < 0)
			CHECK_INT(sada_sqlite_install(dirfd_, "q", NULL,
			    &s[1 - i % 2], &err), 0);
	}
	stop(pid);
	CHECK(busy < 5);
	/* A writer between our image and our install is never lost. */
	disk_exec("q", "CREATE TABLE l(i)");
	sh->committed = 0;
	pid = start(adder, "q", mode);
	/* On a busy machine the writer may be first for long. */
	for (i = 0; i < 60 || (done == 0 && i < 6000); i++) {
		sada_buf_reset(&one);
		if (sada_sqlite_capture(&one, dirfd_, "q", MAX, &err) != 0)
			continue;
		(void)snprintf(sql, sizeof(sql), "UPDATE t SET v=%d", 10 + i);
		db_make(&two, &one, sql);
		want = span(&one);
		s[1] = span(&two);
		rc = sada_sqlite_install(dirfd_, "q", &want, &s[1], &err);
		CHECK(rc == 0 || rc == SADA_BUSY || rc == SADA_LATER);
		done += rc == 0;
		later += rc == SADA_LATER;
	}
	stop(pid);
	printf("# %s: %d installed, %d later, %d busy\n", mode, done, later,
	    busy);
	CHECK(done > 0);
	disk_ask(&text, "q", "SELECT count(*) = max(i), max(i) FROM l");
	(void)snprintf(sql, sizeof(sql), "1|%ld", (long)sh->committed);
	CHECK_STR((char *)text.p, sql);
	wipe("q");
	sada_buf_release(&one);
	sada_buf_release(&two);
	sada_buf_release(&text);
}

int
main(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED || mkdtemp(dir) == NULL ||
	    (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror("setup");
		return 2;
	}
	check_states();
	check_capture("wal.db", "WAL", 200);
	wipe("wal.db");
	check_capture("del.db", "DELETE", 200);
	wipe("del.db");
	check_capture("trunc.db", "TRUNCATE", 30);
	wipe("trunc.db");
	check_install("DELETE");
	check_install("WAL");
	check_advance("DELETE");
	check_advance("WAL");
	check_atomic("DELETE");
	check_atomic("WAL");
	CHECK(rmdir(dir) == 0);
	return tap_done();
}
