/* The configuration: git's syntax, changes that keep the rest, peers. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "peer/peer_priv.h"
#include "tap.h"

static struct sada_config *
parse(const char *text)
{
	struct sada_config *c = NULL;
	struct sada_err err = { 0 };

	CHECK_INT(sada_config_parse(&c, text, strlen(text), &err), 0);
	if (c == NULL)
		printf("# %s\n", err.msg);
	return c;
}

/* Is TEXT what C would save?  And is it read back to the same text? */
static void
check_text(struct sada_config *c, const char *text)
{
	struct sada_buf b = { 0 };

	sada_config_text(&b, c);
	CHECK_STR(sada_buf_str(&b), text);
	sada_buf_release(&b);
	sada_config_free(parse(text));
}

static const char whole[] =
    "\xef\xbb\xbf# a comment\n"
    "  ; another\r\n"
    "\n"
    "[core]\r\n"
    "\tPlain = a  b\tc   # comment\r\n"
    "\tempty =\n"
    "\talone\n"
    "\talone2 ; comment\n"
    "quoted = \" # ; \" and \\\"more\\\" \n"
    "\tescapes = a\\tb\\nc\\\\d\\be\n"
    "\tlong = one \\\n"
    "   two\\\r\n"
    "three\n"
    "[peer \"a\"] key = 1\n"
    "\tkey = 2\n"
    "[Peer \"A \\\"\\\\\"] # comment\n"
    "\tkey = 3\n"
    "[old.Style]\n"
    "x-1=y\n"
    "[core]\n"
    "plain = second";

static void
test_read(void)
{
	struct sada_config *c = parse(whole);

	CHECK_STR(sada_config_get(c, "core", NULL, "plain"), "a  b\tc");
	CHECK_STR(sada_config_get(c, "CORE", NULL, "PLAIN"), "a  b\tc");
	CHECK_STR(sada_config_get(c, "core", NULL, "empty"), "");
	CHECK_STR(sada_config_get(c, "core", NULL, "alone"), "true");
	CHECK_STR(sada_config_get(c, "core", NULL, "alone2"), "true");
	CHECK_STR(sada_config_get(c, "core", NULL, "quoted"),
	    " # ;  and \"more\"");
	CHECK_STR(sada_config_get(c, "core", NULL, "escapes"),
	    "a\tb\nc\\d\be");
	CHECK_STR(sada_config_get(c, "core", NULL, "long"),
	    "one    twothree");
	CHECK_STR(sada_config_get(c, "peer", "a", "key"), "1");
	CHECK_STR(sada_config_get(c, "peer", "A", "key"), NULL);
	CHECK_STR(sada_config_get(c, "peer", "A \"\\", "key"), "3");
	CHECK_STR(sada_config_get(c, "peer", NULL, "key"), NULL);
	CHECK_STR(sada_config_get(c, "old", "style", "x-1"), "y");
	check_text(c, whole);
	sada_config_free(c);
}

static void
test_refuse(void)
{
	static const struct { const char *text; int line; } t[] = {
		{ "key = 1\n", 1 }, { "[a]\n\nb c\n", 3 }, { "[a\n", 1 },
		{ "[a \"b\n", 1 }, { "[a b]\n", 1 }, { "[]\n", 1 },
		{ "[a \"b\"\n", 1 }, { "[a]\nk = \"x\n", 2 },
		{ "[a]\nk = \\x\n", 2 }, { "[a]\nk = \\", 2 },
		{ "[a]\n1k = x\n", 2 }, { "[a]\n= x\n", 2 },
		{ "[a]\nk = x\\\ny \\q\n", 3 }, { "[a.b \"c\"]\n", 1 },
		{ "\n\n[a]]\n", 3 }, { "[a \"b\\", 1 }, { "[.x]\n", 1 },
	};
	struct sada_config *c;
	struct sada_err err;
	char line[40];
	size_t i, n;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_INT(sada_config_parse(&c, t[i].text, strlen(t[i].text),
		    &err), SADA_FORMAT);
		CHECK(c == NULL);
		(void)snprintf(line, sizeof(line), "line %d:", t[i].line);
		CHECK(strstr(err.msg, line) != NULL);
	}
	CHECK_INT(sada_config_parse(&c, "[a]\nk\0= 1\n", 9, &err),
	    SADA_FORMAT);
	/* Cut anywhere it is refused or kept as it is. */
	for (n = 0; n < sizeof(whole); n++)
		if (sada_config_parse(&c, whole, n, &err) == 0) {
			struct sada_buf b = { 0 };

			sada_config_text(&b, c);
			CHECK(b.len == n && (n == 0 ||
			    memcmp(b.p, whole, n) == 0));
			sada_buf_release(&b);
			sada_config_free(c);
		}
}

static void
test_change(void)
{
	struct sada_config *c;

	c = parse("# top\n[a]\n\tx = 1 # one\n\tx = 2\n# between\n\ty = 3\n"
	    "\n[b] z = 4\n");
	sada_config_set(c, "a", NULL, "y", "3");
	sada_config_set(c, "a", NULL, "x", "7");
	check_text(c, "# top\n[a]\n\tx = 7\n# between\n\ty = 3\n"
	    "\n[b] z = 4\n");
	sada_config_add(c, "a", NULL, "x", " 8;");
	sada_config_set(c, "b", NULL, "z", NULL);
	check_text(c, "# top\n[a]\n\tx = 7\n# between\n\ty = 3\n"
	    "\tx = \" 8;\"\n\n[b]\n");
	CHECK_INT(sada_config_remove(c, "a", NULL), 1);
	CHECK_INT(sada_config_remove(c, "a", NULL), 0);
	check_text(c, "# top\n[b]\n");
	sada_config_set(c, "b", NULL, "z", "");
	sada_config_add(c, "peer", "odd \"\\ name", "key", "v\\\"\n\t");
	check_text(c, "# top\n[b]\n\tz = \n[peer \"odd \\\"\\\\ name\"]\n"
	    "\tkey = v\\\\\\\"\\n\\t\n");
	CHECK_STR(sada_config_get(c, "peer", "odd \"\\ name", "key"),
	    "v\\\"\n\t");
	sada_config_free(c);

	c = parse("[a] # says why\n[b]");
	sada_config_add(c, "a", NULL, "k", "1");
	sada_config_add(c, "b", NULL, "k", "2");
	check_text(c, "[a] # says why\n\tk = 1\n[b]\n\tk = 2\n");
	sada_config_free(c);
	c = parse("[x][a] k = 1\n j = 2\n[y]");
	CHECK_INT(sada_config_remove(c, "a", NULL), 1);
	check_text(c, "[x]\n[y]");
	sada_config_free(c);
	c = parse("");
	sada_config_set(c, "a", "s", "k", NULL);
	check_text(c, "");
	sada_config_free(c);
}

/* Random changes against a list of values: nothing else moves. */
static void
test_model(void)
{
	static const char letters[] = "ab #;\"\\\n\t\r\b=[]x";
	char model[4][12] = { "", "", "", "" }, key[2] = "k";
	int there[4] = { 0 }, k;
	struct sada_config *c = parse("; first\n[s \"t\"]\n; inside\n[z]\n"
	    "\tkeep = \"me\" ; please\n"), *back;
	struct sada_buf b = { 0 };
	size_t i, j, n;

	for (i = 0; i < 3000; i++) {
		k = (int)tap_below(4);
		key[0] = (char)('k' + k);
		if (tap_below(3) == 0) {
			sada_config_set(c, "s", "t", key, NULL);
			there[k] = 0;
		} else {
			n = tap_below(11);
			for (j = 0; j < n; j++)
				model[k][j] = letters[
				    tap_below(sizeof(letters) - 1)];
			model[k][n] = '\0';
			sada_config_set(c, "s", "t", key, model[k]);
			there[k] = 1;
		}
		sada_buf_reset(&b);
		sada_config_text(&b, c);
		back = parse(sada_buf_str(&b));
		for (k = 0; k < 4; k++) {
			key[0] = (char)('k' + k);
			CHECK_STR(sada_config_get(back, "s", "t", key),
			    there[k] ? model[k] : NULL);
		}
		CHECK(strstr(sada_buf_str(&b),
		    "[z]\n\tkeep = \"me\" ; please\n") != NULL);
		CHECK(strncmp(sada_buf_str(&b), "; first\n[s \"t\"]\n",
		    16) == 0);
		CHECK(strstr(sada_buf_str(&b), "\n; inside\n[z]") != NULL);
		sada_config_free(back);
	}
	sada_config_free(c);
	sada_buf_release(&b);
}

static void
test_peers(void)
{
	struct sada_key *k1, *k2;
	struct sada_buf a = { 0 }, b = { 0 }, t = { 0 };
	struct sada_config *c;
	struct sada_peers ps;
	struct sada_remotes rs;
	struct sada_err err;

	sada_key_new(&k1);
	sada_key_new(&k2);
	sada_pub_text(&a, sada_key_pub(k1));
	sada_pub_text(&b, sada_key_pub(k2));
	c = parse("[other]\nkey = 1\n");
	CHECK_INT(sada_peers_read(&ps, c, &err), 0);
	CHECK(ps.n == 0 && ps.p == NULL);
	sada_config_add(c, "peer", "zoe", "key", sada_buf_str(&a));
	sada_config_add(c, "peer", "adam", "key", sada_buf_str(&b));
	sada_config_add(c, "peer", "adam", "retired", "true");
	CHECK_INT(sada_peers_read(&ps, c, &err), 0);
	CHECK_INT(ps.n, 2);
	CHECK_STR(ps.p[0].name, "adam");
	CHECK_INT(ps.p[0].retired, 1);
	CHECK_INT(ps.p[1].retired, 0);
	CHECK(sada_peers_named(&ps, "zoe") == &ps.p[1]);
	CHECK(sada_peers_named(&ps, "Zoe") == NULL);
	CHECK(sada_peers_with(&ps, &sada_key_pub(k2)->id) == &ps.p[0]);
	sada_peers_release(&ps);
	sada_config_add(c, "peer", "twin", "key", sada_buf_str(&b));
	CHECK_INT(sada_peers_read(&ps, c, &err), SADA_FORMAT);
	CHECK(ps.p == NULL && strstr(err.msg, "twin") != NULL);
	sada_config_set(c, "peer", "twin", "key", "sada1nonsense");
	CHECK_INT(sada_peers_read(&ps, c, &err), SADA_FORMAT);
	sada_config_set(c, "peer", "twin", "key", NULL);
	sada_config_set(c, "peer", "twin", "retired", "perhaps");
	CHECK_INT(sada_peers_read(&ps, c, &err), SADA_FORMAT);
	sada_config_set(c, "peer", "twin", "retired", "no");
	CHECK_INT(sada_peers_read(&ps, c, &err), SADA_FORMAT);
	CHECK(strstr(err.msg, "no key") != NULL);
	sada_config_free(c);

	c = parse("[remote \"usb\"]\nplace = /media/a b\npeer = x\npeer = y\n"
	    "peer = x\nspool = 0123456789abcdef0123456789abcdef\n"
	    "[remote \"all\"]\nplace = h:d\n");
	CHECK_INT(sada_remotes_read(&rs, c, &err), 0);
	CHECK_INT(rs.n, 2);
	CHECK_STR(rs.r[0].place, "/media/a b");
	CHECK_INT(rs.r[0].npeer, 2);
	CHECK_STR(rs.r[0].peer[1], "y");
	CHECK_STR(rs.r[0].mark, "0123456789abcdef0123456789abcdef");
	CHECK(rs.r[1].mark == NULL && rs.r[1].npeer == 0);
	sada_remotes_release(&rs);
	sada_config_set(c, "remote", "usb", "spool", "../../x");
	CHECK_INT(sada_remotes_read(&rs, c, &err), SADA_FORMAT);
	sada_config_set(c, "remote", "usb", "spool", NULL);
	sada_config_set(c, "remote", "usb", "place", NULL);
	CHECK_INT(sada_remotes_read(&rs, c, &err), SADA_FORMAT);
	sada_config_free(c);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&t);
	sada_key_free(k1);
	sada_key_free(k2);
}

static size_t
names_in(const char *dir)
{
	char cmd[200];
	size_t n = 0;
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "ls -A %s", dir);
	f = popen(cmd, "r");
	while (f != NULL && fgets(cmd, sizeof(cmd), f) != NULL)
		n++;
	if (f != NULL)
		pclose(f);
	return n;
}

/* Each call fails once: the old text or the new one, and no temp. */
static void
test_save(void)
{
	char dir[] = "/tmp/sada-config-XXXXXX";
	struct sada_config *c;
	struct sada_err err;
	const char *v;
	int fd, rc;
	long n;

	CHECK(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	CHECK_INT(sada_config_open(&c, fd, &err), 0);
	sada_config_set(c, "a", NULL, "k", "0");
	CHECK_INT(sada_config_save(c, fd, &err), 0);
	for (n = 1;; n++) {
		char value[20];

		(void)snprintf(value, sizeof(value), "%ld", n);
		sada_config_set(c, "a", NULL, "k", value);
		fault_arm(n, EIO, 0);
		rc = sada_config_save(c, fd, &err);
		if (fault_disarm() == NULL)
			break;
		CHECK_INT(rc, SADA_SYS);
		CHECK_INT(names_in(dir), 1);
		sada_config_free(c);
		CHECK_INT(sada_config_open(&c, fd, &err), 0);
		v = sada_config_get(c, "a", NULL, "k");
		CHECK(v != NULL && (atol(v) == n || atol(v) < n));
	}
	CHECK(n > 4);
	CHECK_INT(rc, 0);
	sada_config_free(c);
	CHECK_INT(unlinkat(fd, "config", 0), 0);
	close(fd);
	CHECK_INT(rmdir(dir), 0);
}

static void
count(unsigned line, const char *section, const char *key, void *ctx)
{
	(void)section;
	*(unsigned *)ctx = *(unsigned *)ctx * 100 + line +
	    (key != NULL ? 50 : 0);
}

/* What C is once it was saved; TEXT receives it. */
static struct sada_config *
saved(struct sada_config *c, struct sada_buf *text)
{
	char dir[] = "/tmp/sada-config-XXXXXX";
	struct sada_config *back = NULL;
	struct sada_err err;
	int fd;

	CHECK(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	CHECK_INT(sada_config_save(c, fd, &err), 0);
	CHECK_INT(sada_config_open(&back, fd, &err), 0);
	sada_buf_reset(text);
	CHECK_INT(sada_io_slurp(fd, "config", 4096, text, &err), 0);
	CHECK_INT(unlinkat(fd, "config", 0), 0);
	close(fd);
	CHECK_INT(rmdir(dir), 0);
	sada_config_free(c);
	return back;
}

/* Each bit of a saved file that changes, and each cut, is seen. */
static void
test_check(void)
{
	struct sada_config *c, *d;
	struct sada_buf b = { 0 };
	struct sada_err err;
	unsigned told = 0;
	size_t i, bit;

	c = saved(parse("\xef\xbb\xbf# mine\n[peer \"ann\"]\n\tkey = sada1x\n"
	    "[peer \"bob\"]\n\tkey = sada1y\n\tretired = true\n"
	    "[remote \"s\"]\n\tplace = /media/s #1\n\tpeer = ann\n"
	    "[merge \"*.po\"]\n\tcommand = \"a #b\"\n"), &b);
	CHECK_INT(sada_config_check(c), SADA_CONFIG_FITS);
	CHECK(strncmp(sada_buf_str(&b), "# check ", 8) == 0);
	CHECK_STR(sada_buf_str(&b) + 73 - 1, "\n# mine\n[peer \"ann\"]\n"
	    "\tkey = sada1x\n[peer \"bob\"]\n\tkey = sada1y\n"
	    "\tretired = true\n[remote \"s\"]\n\tplace = /media/s #1\n"
	    "\tpeer = ann\n[merge \"*.po\"]\n\tcommand = \"a #b\"\n");
	check_text(c, sada_buf_str(&b));
	sada_config_unknown(c, count, &told);
	CHECK_INT(told, 0);
	for (i = 0; i < b.len; i++) {
		for (bit = 0; bit < 8; bit++) {
			b.p[i] ^= (unsigned char)(1u << bit);
			if (sada_config_parse(&d, b.p, b.len, &err) == 0)
				CHECK_INT(sada_config_check(d),
				    SADA_CONFIG_WRONG);
			sada_config_free(d);
			b.p[i] ^= (unsigned char)(1u << bit);
		}
		if (i > 0 && sada_config_parse(&d, b.p, i, &err) == 0) {
			CHECK_INT(sada_config_check(d), SADA_CONFIG_WRONG);
			sada_config_free(d);
		}
	}

	/* Wrong it stays, whatever is saved; taken out it comes again. */
	sada_config_set(c, "peer", "bob", "retired", NULL);
	c = saved(c, &b);
	CHECK_INT(sada_config_check(c), SADA_CONFIG_FITS);
	sada_config_free(c);
	sada_buf_adds(&b, "[qeer \"x\"]\n\tkey = 1\n[merge \"x\"]\n"
	    "\tdrivr = a\n");
	c = parse(sada_buf_str(&b));
	CHECK_INT(sada_config_check(c), SADA_CONFIG_WRONG);
	sada_config_unknown(c, count, &told);
	CHECK_INT(told, 1200 + 15 + 50);
	c = saved(c, &b);
	CHECK_INT(sada_config_check(c), SADA_CONFIG_WRONG);
	sada_config_free(c);
	c = parse(sada_buf_str(&b) + 73);
	CHECK_INT(sada_config_check(c), SADA_CONFIG_NONE);
	c = saved(c, &b);
	CHECK_INT(sada_config_check(c), SADA_CONFIG_FITS);
	sada_config_free(c);
	/* None is no fault, nor is it when nothing is there. */
	c = parse("");
	CHECK_INT(sada_config_check(c), SADA_CONFIG_NONE);
	sada_config_free(c);
	sada_buf_release(&b);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(11);
	test_read();
	test_refuse();
	test_change();
	test_model();
	test_peers();
	test_save();
	test_check();
	return tap_done();
}
