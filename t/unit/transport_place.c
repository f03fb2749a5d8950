/* Places: what they are, bundles published whole or not at all, spools. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "fault.h"
#include "tap.h"
#include "transport/place_priv.h"

static char top[] = "/tmp/sada-place-XXXXXX";

/* TOP/NAME, in one of two buffers by turns. */
static const char *
at(const char *name)
{
	static char path[2][400];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static void
put_file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Does the file at PATH hold TEXT? */
static int
holds(const char *path, const char *text)
{
	char b[200];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return 0;
	n = fread(b, 1, sizeof(b) - 1, f);
	b[n] = '\0';
	fclose(f);
	return strcmp(b, text) == 0;
}

/* How many names are in directory NAME. */
static int
names_in(const char *name)
{
	char cmd[500], line[300];
	int n = 0;
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "find '%s' -mindepth 1 -printf x",
	    at(name));
	f = popen(cmd, "r");
	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) != NULL)
		n = (int)strlen(line);
	pclose(f);
	return n;
}

static int
kind_of(const char *place)
{
	struct sada_err err;
	unsigned kind;
	int rc;

	rc = sada_place_kind(&kind, place, &err);
	return rc < 0 ? rc : (int)kind;
}

static void
test_kinds(void)
{
	put_file("file", "x");
	put_file("a\nb c", "x");
	CHECK_INT(symlink("dir", at("link")), 0);
	CHECK_INT(kind_of("-"), SADA_PLACE_PIPE);
	CHECK_INT(kind_of("./-"), SADA_PLACE_FILE);
	CHECK_INT(kind_of(at("file")), SADA_PLACE_FILE);
	CHECK_INT(kind_of(at("a\nb c")), SADA_PLACE_FILE);
	CHECK_INT(kind_of(at("new")), SADA_PLACE_FILE);
	CHECK_INT(kind_of(at("dir")), SADA_PLACE_SPOOL);
	CHECK_INT(kind_of(at("dir/")), SADA_PLACE_SPOOL);
	CHECK_INT(kind_of(at("link")), SADA_PLACE_SPOOL);
	CHECK_INT(kind_of("/"), SADA_PLACE_SPOOL);
	CHECK_INT(kind_of("."), SADA_PLACE_SPOOL);
	CHECK_INT(kind_of("/dev/null"), SADA_PLACE_FILE);
	CHECK_INT(kind_of("host:dir"), SADA_PLACE_HOST);
	CHECK_INT(kind_of("me@host:/dir"), SADA_PLACE_HOST);
	CHECK_INT(kind_of("./host:dir"), SADA_PLACE_FILE);
	CHECK_INT(kind_of(at("no/such")), SADA_NOTFOUND);
	CHECK_INT(kind_of(at("no/")), SADA_NOTFOUND);
	CHECK_INT(kind_of(""), SADA_NOTFOUND);
	CHECK_INT(kind_of(at("file/x")), SADA_SYS);
	CHECK_INT(unlink(at("link")), 0);
	CHECK_INT(unlink(at("a\nb c")), 0);
	CHECK_INT(unlink(at("file")), 0);
}

/* Write TEXT to PLACE in two pieces. */
static int
publish(unsigned kind, const char *place, const char *text,
    struct sada_buf *path)
{
	struct sada_out *o = NULL;
	struct sada_err err;
	int rc;

	if ((rc = sada_out_open(&o, kind, place, &err)) < 0)
		return rc;
	if ((rc = sada_out_write(o, text, 2, &err)) < 0 ||
	    (rc = sada_out_write(o, text + 2, strlen(text) - 2, &err)) < 0) {
		sada_out_abort(o);
		return rc;
	}
	return sada_out_commit(o, path, &err);
}

static void
test_out(void)
{
	static const char *const name[] = { "plain", "a b", "a\nb", "\xff\"" };
	struct sada_buf path = { 0 };
	struct sada_out *o;
	struct sada_err err;
	char full[300];
	size_t i;

	for (i = 0; i < 4; i++) {
		(void)snprintf(full, sizeof(full), "%s/dir/%s", top, name[i]);
		sada_buf_reset(&path);
		CHECK_INT(publish(SADA_PLACE_FILE, full, "old", &path), 0);
		CHECK_STR(sada_buf_str(&path), full);
		CHECK_INT(publish(SADA_PLACE_FILE, full, "newer", NULL), 0);
		CHECK(holds(full, "newer"));
		/* Begun and dropped: nothing was there. */
		CHECK_INT(sada_out_open(&o, SADA_PLACE_FILE, full, &err), 0);
		CHECK_INT(sada_out_write(o, "bad", 3, &err), 0);
		CHECK_INT(names_in("dir"), 2);
		sada_out_abort(o);
		CHECK(holds(full, "newer"));
		CHECK_INT(names_in("dir"), 1);
		CHECK_INT(unlink(full), 0);
	}
	sada_buf_reset(&path);
	CHECK_INT(publish(SADA_PLACE_SPOOL, at("dir"), "text", &path), 0);
	CHECK(holds(sada_buf_str(&path), "text"));
	CHECK_INT(path.len, strlen(top) + 5 + 32 + 5);
	CHECK_INT(unlink(sada_buf_str(&path)), 0);
	sada_buf_reset(&path);
	CHECK_INT(publish(SADA_PLACE_SPOOL, at("dir/"), "text", &path), 0);
	CHECK(strstr(sada_buf_str(&path), "//") == NULL);
	CHECK_INT(unlink(sada_buf_str(&path)), 0);
	/* Neither there. */
	CHECK_INT(publish(SADA_PLACE_FILE, at("no/such"), "xx", NULL),
	    SADA_ABSENT);
	CHECK_INT(publish(SADA_PLACE_SPOOL, at("no"), "xx", NULL),
	    SADA_ABSENT);
	CHECK_INT(publish(SADA_PLACE_HOST, "h:d", "xx", NULL), SADA_USAGE);
	/* A device stays one; a link is not replaced. */
	CHECK_INT(publish(SADA_PLACE_FILE, "/dev/null", "xx", NULL), 0);
	put_file("file", "x");
	CHECK_INT(symlink("file", at("link")), 0);
	CHECK_INT(publish(SADA_PLACE_FILE, at("link"), "yy", NULL),
	    SADA_USAGE);
	CHECK(holds(at("file"), "x"));
	CHECK_INT(unlink(at("link")), 0);
	CHECK_INT(unlink(at("file")), 0);
	CHECK_INT(names_in("dir"), 0);
	if (geteuid() != 0) {
		CHECK_INT(chmod(at("dir"), 0500), 0);
		CHECK_INT(publish(SADA_PLACE_FILE, at("dir/x"), "xx", NULL),
		    SADA_SYS);
		CHECK_INT(publish(SADA_PLACE_SPOOL, at("dir"), "xx", NULL),
		    SADA_SYS);
		CHECK_INT(chmod(at("dir"), 0700), 0);
	}
	sada_buf_release(&path);
}

static void
empty_dir(void)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof(cmd), "rm -f %s/dir/*", top);
	CHECK_INT(system(cmd), 0);
}

/* Each call fails once: the older file stays, no temp is left. */
static void
test_faults(void)
{
	unsigned kind;
	const char *what;
	int rc, cut;
	long n;

	for (cut = 0; cut < 2; cut++)
		for (kind = SADA_PLACE_FILE; kind <= SADA_PLACE_SPOOL; kind++)
			for (n = 1;; n++) {
				put_file("dir/old", "older");
				fault_arm(n, n % 2 ? ENOSPC : EIO, 0);
				fault.cut = cut;
				rc = publish(kind, kind == SADA_PLACE_FILE ?
				    at("dir/old") : at("dir"), "newest", NULL);
				fault.cut = 0;
				what = fault_disarm();
				CHECK(rc == 0 || rc == SADA_SYS);
				CHECK(what == NULL || rc < 0 ||
				    strcmp(what, "close") == 0);
				CHECK_INT(names_in("dir"), 1 + (rc == 0 &&
				    kind == SADA_PLACE_SPOOL));
				/* After the rename the new one stands. */
				CHECK(holds(at("dir/old"), "older") ||
				    (kind == SADA_PLACE_FILE &&
				    holds(at("dir/old"), "newest") &&
				    (rc == 0 || strcmp(what, "fsync") == 0)));
				empty_dir();
				if (what == NULL) {
					CHECK(n > 6);
					break;
				}
			}
}

static void
test_in(void)
{
	struct sada_err err;
	int fd;

	CHECK_INT(sada_in_open(&fd, SADA_PLACE_PIPE, "-", &err), 0);
	CHECK_INT(fd, 0);
	CHECK_INT(sada_in_open(&fd, SADA_PLACE_FILE, at("no"), &err),
	    SADA_ABSENT);
	put_file("file", "x");
	CHECK_INT(sada_in_open(&fd, SADA_PLACE_FILE, at("file"), &err), 0);
	CHECK(fd > 2);
	sada_io_close(fd);
	CHECK_INT(unlink(at("file")), 0);
}

struct seen {
	char names[400];
	int stop;
};

static int
note(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err)
{
	struct seen *s = ctx;
	size_t n = strlen(s->names), got;
	char c;
	int rc;

	(void)snprintf(s->names + n, sizeof(s->names) - n, "%s%s",
	    n > 0 ? " " : "", name);
	if ((rc = sada_io_read(fd, &c, 1, &got, err)) < 0)
		return rc;
	CHECK(got == (size > 0 ? 1u : 0u));
	return s->stop ? SADA_LATER : 0;
}

/* File NAME in the spool with mtime S. */
static void
put_old(const char *name, long s)
{
	struct timespec ts[2] = { { 0, 0 }, { 0, 0 } };

	put_file(name, "b");
	ts[1].tv_sec = s;
	CHECK_INT(utimensat(AT_FDCWD, at(name), ts, 0), 0);
}

static void
test_spool(void)
{
	struct seen s = { { 0 }, 0 };
	struct sada_err err;
	char mark[33], again[33];
	const char *what;
	long n;
	int rc;

	CHECK_INT(sada_spool_mark(mark, at("dir"), &err), SADA_ABSENT);
	CHECK_INT(sada_spool_mark(mark, at("no"), &err), SADA_ABSENT);
	CHECK_INT(sada_spool_make_mark(mark, at("no"), &err), SADA_ABSENT);
	CHECK_INT(sada_spool_make_mark(mark, at("dir"), &err), 0);
	CHECK_INT(strlen(mark), 32);
	CHECK_INT(sada_spool_make_mark(again, at("dir"), &err), 0);
	CHECK_STR(again, mark);
	CHECK_INT(sada_spool_mark(again, at("dir"), &err), 0);
	CHECK_STR(again, mark);
	put_file("dir/sada-spool", "0123\n");
	CHECK_INT(sada_spool_mark(mark, at("dir"), &err), SADA_FORMAT);
	CHECK_INT(sada_spool_make_mark(mark, at("dir"), &err), SADA_FORMAT);

	put_old("dir/z.sada", 100);
	put_old("dir/a b\n.sada", 200);
	put_old("dir/b.sada", 200);
	put_old("dir/a.sada", 300);
	put_old("dir/.sada", 1);
	put_old("dir/.tmp-1.sada", 1);
	put_old("dir/note.txt", 1);
	CHECK_INT(mkdir(at("dir/d.sada"), 0700), 0);
	CHECK_INT(mkfifo(at("dir/f.sada"), 0600), 0);
	CHECK_INT(symlink("a.sada", at("dir/l.sada")), 0);
	CHECK_INT(sada_spool_each(at("dir"), note, &s, &err), 0);
	CHECK_STR(s.names, "z.sada a b\n.sada b.sada a.sada");
	s.names[0] = '\0';
	s.stop = 1;
	CHECK_INT(sada_spool_each(at("dir"), note, &s, &err), SADA_LATER);
	CHECK_STR(s.names, "z.sada");
	CHECK_INT(sada_spool_each(at("no"), note, &s, &err), SADA_ABSENT);
	s.stop = 0;
	for (n = 1;; n++) {
		s.names[0] = '\0';
		fault_arm(n, EIO, 0);
		rc = sada_spool_each(at("dir"), note, &s, &err);
		what = fault_disarm();
		if (what == NULL)
			break;
		CHECK(rc == SADA_SYS || strcmp(what, "close") == 0);
	}
	CHECK_INT(sada_spool_has(at("dir"), "z.sada", &err), 1);
	CHECK_INT(sada_spool_remove(at("dir"), "z.sada", &err), 0);
	CHECK_INT(sada_spool_has(at("dir"), "z.sada", &err), 0);
	CHECK_INT(sada_spool_remove(at("dir"), "z.sada", &err), 0);
	CHECK_INT(sada_spool_has(at("dir"), "d.sada", &err), 0);
	CHECK_INT(sada_spool_has(at("no"), "z.sada", &err), SADA_ABSENT);
	CHECK_INT(sada_spool_remove(at("no"), "z.sada", &err), SADA_ABSENT);
}

int
main(void)
{
	char cmd[100];

	sada_crypto_init();
	CHECK(mkdtemp(top) != NULL);
	CHECK_INT(mkdir(at("dir"), 0700), 0);
	test_kinds();
	test_out();
	test_faults();
	test_in();
	test_spool();
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	CHECK_INT(system(cmd), 0);
	return tap_done();
}
