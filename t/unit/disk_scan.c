/* Scan against a naive model: random trees, random edits, every swap. */
#include "disk_scan_util.h"

#define NODES_MAX 3000

/* A name of the model; mtime of a directory as recorded. */
struct node {
	char *path;
	size_t len;
	uint8_t kind;
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t seq;			/* of its cover */
	struct stat st;
	/* What a scan must tell. */
	unsigned found, diff;
	int direct;			/* a direct child changed */
};

struct model {
	struct node n[NODES_MAX];
	size_t len;
};

static struct model was, now, told;
static uint64_t names, items;		/* seen in all */

static void
model_free(struct model *m)
{
	while (m->len > 0)
		free(m->n[--m->len].path);
}

static int
by_path(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return sada_path_cmp(x->path, x->len, y->path, y->len);
}

/* Content id of a whole file or link, read simply. */
static void
content(struct node *n)
{
	static char buf[1 << 20];
	ssize_t k;
	int fd;

	if (n->kind == SADA_LINK)
		k = readlinkat(sc.root, n->path, buf, sizeof(buf));
	else {
		fd = openat(sc.root, n->path, O_RDONLY);
		assert(fd >= 0);
		k = read(fd, buf, sizeof(buf));
		close(fd);
	}
	assert(k >= 0 && k == (ssize_t)n->size);
	sada_hash(&n->content, SADA_CTX_CHUNK, buf, (size_t)k);
}

/* Add PATH and all below it. */
static void
look(struct model *m, const char *path, size_t len)
{
	struct node *n = &m->n[m->len++];
	char sub[SADA_PATH_MAX];
	struct dirent *e;
	DIR *d;

	assert(m->len < NODES_MAX);
	memset(n, 0, sizeof(*n));
	n->path = sada_memdup(path, len);
	n->len = len;
	assert(fstatat(sc.root, path, &n->st, AT_SYMLINK_NOFOLLOW |
	    AT_EMPTY_PATH) == 0);
	n->kind = S_ISREG(n->st.st_mode) ? SADA_FILE :
	    S_ISDIR(n->st.st_mode) ? SADA_DIR : SADA_LINK;
	n->mode = n->kind == SADA_LINK ? 0 : n->st.st_mode & 0777;
	n->size = n->kind == SADA_DIR ? 0 : (uint64_t)n->st.st_size;
	n->mtime_s = n->st.st_mtim.tv_sec;
	n->mtime_ns = (uint32_t)n->st.st_mtim.tv_nsec;
	if (n->kind != SADA_DIR) {
		content(n);
		return;
	}
	d = fdopendir(openat(sc.root, len > 0 ? path : ".", O_RDONLY));
	assert(d != NULL);
	while ((e = readdir(d)) != NULL) {
		size_t k = strlen(e->d_name), at = len > 0 ? len + 1 : 0;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, ".sada") == 0)
			continue;
		memcpy(sub, path, len);
		sub[len] = '/';
		memcpy(sub + at, e->d_name, k + 1);
		look(m, sub, at + k);
	}
	closedir(d);
}

static void
look_all(struct model *m)
{
	model_free(m);
	look(m, "", 0);
	qsort(m->n, m->len, sizeof(m->n[0]), by_path);
}

static struct node *
find(struct model *m, const char *path, size_t len)
{
	struct node key = { .path = (char *)(uintptr_t)path, .len = len };

	return bsearch(&key, m->n, m->len, sizeof(key), by_path);
}

static int
same_time(const struct node *a, const struct node *b)
{
	return a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns;
}

/* Note that NODE's directory has a changed direct child. */
static void
note_up(const struct node *n)
{
	struct node *up;

	if (n->len == 0)
		return;
	up = find(&now, n->path, sada_path_parent(n->path, n->len));
	if (up != NULL)
		up->direct = 1;
}

/* What a scan must tell of the step from WAS to NOW. */
static void
expect(void)
{
	struct node *n, *w;
	size_t i;

	for (i = 0; i < now.len; i++) {
		n = &now.n[i];
		if ((w = find(&was, n->path, n->len)) == NULL) {
			n->found = SADA_FOUND_NEW;
			n->seq = sc.seq;
			note_up(n);
			continue;
		}
		n->seq = w->seq;
		if (w->kind != n->kind)
			n->diff |= SADA_DIFF_KIND;
		else {
			if (n->size != w->size || sada_id_cmp(&n->content,
			    &w->content) != 0)
				n->diff |= SADA_DIFF_CONTENT;
			if (n->mode != w->mode)
				n->diff |= SADA_DIFF_MODE;
			if (!same_time(n, w) && n->kind != SADA_DIR)
				n->diff |= SADA_DIFF_MTIME;
		}
		if (n->diff != 0) {
			n->found = SADA_FOUND_CHANGED;
			note_up(n);
		}
	}
	for (i = 0; i < was.len; i++) {
		w = &was.n[i];
		w->found = 0;
		if (find(&now, w->path, w->len) == NULL) {
			w->found = SADA_FOUND_GONE;
			note_up(w);
		}
	}
	for (i = 0; i < now.len; i++) {
		n = &now.n[i];
		w = find(&was, n->path, n->len);
		if (n->kind == SADA_DIR && w != NULL &&
		    !(n->diff & SADA_DIFF_KIND)) {
			int moved = n->st.st_mtim.tv_sec !=
			    w->st.st_mtim.tv_sec || n->st.st_mtim.tv_nsec !=
			    w->st.st_mtim.tv_nsec;

			if (n->direct && (moved || (n->diff & SADA_DIFF_MODE)))
				n->diff |= SADA_DIFF_CHILD;
			if (moved && n->diff != 0)
				n->diff |= SADA_DIFF_MTIME;
			if (n->diff & (SADA_DIFF_MODE | SADA_DIFF_MTIME))
				n->found = SADA_FOUND_CHANGED;
			else {
				n->found = 0;
				n->diff = 0;
			}
			if (!(n->diff & SADA_DIFF_MTIME)) {
				n->mtime_s = w->mtime_s;
				n->mtime_ns = w->mtime_ns;
			}
		}
		if (n->found != 0)
			n->seq = sc.seq;
	}
}

/* The items of the log against those of the two models. */
static void
check_log(void)
{
	size_t i = 0, k = 0, l = 0;
	struct node *n;
	int bad = 0, c;

	for (;;) {
		while (i < now.len && now.n[i].found == 0)
			i++;
		while (k < was.len && was.n[k].found == 0)
			k++;
		while (l < sc.n && (sc.log[l].found == SADA_FOUND_STAT ||
		    sc.log[l].found == 0))
			l++;
		if (i == now.len && k == was.len)
			break;
		c = i == now.len ? 1 : k == was.len ? -1 :
		    by_path(&now.n[i], &was.n[k]);
		n = c < 0 ? &now.n[i++] : &was.n[k++];
		if (l == sc.n || strcmp(sc.log[l].path, n->path) != 0 ||
		    sc.log[l].found != n->found ||
		    sc.log[l].diff != (c < 0 ? n->diff : 0)) {
			printf("# want %u/%u %s, got %u/%u %s\n", n->found,
			    n->diff, n->path, l < sc.n ? sc.log[l].found : 0,
			    l < sc.n ? sc.log[l].diff : 0, l < sc.n ?
			    sc.log[l].path : "-");
			bad = 1;
			break;
		}
		l++;
	}
	CHECK(!bad && l == sc.n);
}

/* The rows of "work" against NOW. */
static void
check_rows(void)
{
	struct sada_work *w = NULL;
	struct sada_work_cursor *c = NULL;
	struct sada_row r;
	struct node *n;
	size_t i = 0;
	int rc;

	CHECK_INT(sada_work_open(&w, sc.sdir, "work", &sc.err), 0);
	CHECK_INT(sada_work_cursor_open(&c, w, &sc.err), 0);
	while ((rc = sada_work_cursor_next(c, &r, &sc.err)) > 0) {
		n = i < now.len ? &now.n[i] : NULL;
		i++;
		CHECK(n != NULL && r.len == n->len &&
		    memcmp(r.path, n->path, r.len) == 0);
		if (n == NULL)
			break;
		CHECK_INT(r.kind, n->kind);
		CHECK_INT(r.mode, n->mode);
		CHECK_INT(r.size, n->size);
		CHECK(sada_id_cmp(&r.content, &n->content) == 0);
		CHECK_INT(r.mtime_s, n->mtime_s);
		CHECK_INT(r.mtime_ns, n->mtime_ns);
		CHECK_INT(r.ncover, 1);
		CHECK_INT(r.cover[0].dot.seq, n->seq);
		CHECK_INT(r.seen.ino, n->st.st_ino);
		CHECK_INT(r.seen.mtime_s, n->st.st_mtim.tv_sec);
		CHECK_INT(r.seen.mtime_ns, n->st.st_mtim.tv_nsec);
		CHECK_INT(r.seen.ctime_s, n->st.st_ctim.tv_sec);
		CHECK_INT(r.seen.ctime_ns, n->st.st_ctim.tv_nsec);
		CHECK_INT(r.seen.mode, n->st.st_mode & 07777);
		if (n->kind != SADA_DIR)
			CHECK_INT(r.seen.size, n->st.st_size);
		CHECK((r.flags & ~SADA_ROW_RACY) == 0);
	}
	CHECK_INT(rc, 0);
	CHECK_INT(i, now.len);
	sada_work_cursor_free(c);
	CHECK_INT(sada_work_check(w, &sc.err), 0);
	sada_work_free(w);
}

/* The path of a random directory, or of anything. */
static const struct node *
pick(int dir)
{
	const struct node *n;

	do
		n = &told.n[tap_below(told.len)];
	while (dir && n->kind != SADA_DIR);
	return n;
}

static void
rand_path(char *p)
{
	const struct node *d = pick(1);

	snprintf(p, 3000, "%s%s%c%s", d->path, d->len > 0 ? "/" : "",
	    "abcdefgh"[tap_below(8)], (const char *const[]){ "", "-x", ".c",
	    "\n", "\x01" }[tap_below(5)]);
}

static void
rand_text(char *t)
{
	size_t n = tap_below(12), i;

	for (i = 0; i < n; i++)
		t[i] = "xyz"[tap_below(3)];
	t[n] = '\0';
}

/* Make something at P where nothing is. */
static void
rand_make(const char *p)
{
	char t[16];

	rand_text(t);
	switch (tap_below(4)) {
	case 0:
		if (mkdirat(sc.root, p, 0755) != 0)
			assert(errno == EEXIST);
		break;
	case 1:
		if (symlinkat(t[0] != '\0' ? t : "l", sc.root, p) != 0)
			assert(errno == EEXIST);
		break;
	default:
		if (faccessat(sc.root, p, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			sc_put(p, t);
		break;
	}
}

static void
rand_time(const char *p)
{
	struct timespec ts[2] = { { 0 } };

	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = (time_t)(1600000000 + tap_below(3));
	ts[1].tv_nsec = tap_below(2) ? 0 : 5;
	assert(utimensat(sc.root, p, ts, AT_SYMLINK_NOFOLLOW) == 0);
}

static void
rand_edit(void)
{
	char p[SADA_PATH_MAX], q[SADA_PATH_MAX], t[16];
	const struct node *n = pick(0);
	struct timespec ts[2];

	switch (tap_below(9)) {
	case 0:
	case 1:
		rand_path(p);
		rand_make(p);
		break;
	case 2:		/* all of it goes, something else may come */
		if (n->len == 0)
			return;
		sc_rm(sc.root, n->path);
		if (tap_below(2))
			rand_make(n->path);
		break;
	case 3:		/* other content, perhaps under the same mtime */
		if (n->kind != SADA_FILE)
			return;
		rand_text(t);
		sc_put(n->path, t);
		ts[0] = n->st.st_atim;
		ts[1] = n->st.st_mtim;
		if (tap_below(2))
			assert(utimensat(sc.root, n->path, ts, 0) == 0);
		break;
	case 4:
		if (n->kind != SADA_LINK && n->len > 0)
			assert(fchmodat(sc.root, n->path,
			    tap_below(2) ? 0700 : 0755, 0) == 0);
		break;
	case 5:
		if (n->len > 0)
			rand_time(n->path);
		break;
	case 6:		/* moved, perhaps over something */
		rand_path(p);
		if (n->len > 0)
			(void)renameat(sc.root, n->path, sc.root, p);
		break;
	case 7:
		rand_path(p);
		if (n->kind == SADA_FILE)
			(void)linkat(sc.root, n->path, sc.root, p, 0);
		break;
	default:	/* came and went: only the directory's mtime */
		snprintf(q, sizeof(q), "%s%stmp", n->path,
		    n->len > 0 ? "/" : "");
		if (n->kind == SADA_DIR) {
			sc_put(q, "");
			assert(unlinkat(sc.root, q, 0) == 0);
		}
		break;
	}
}

/* NOW becomes WAS. */
static void
step(void)
{
	struct model spare = was;

	was = now;
	now = spare;
}

static void
scan_checked(void)
{
	look_all(&now);
	CHECK_INT(sc_scan(), 0);
	expect();
	check_log();
	check_rows();
	CHECK_INT(sc_count(0), 0);
	names += now.len;
	items += sc.n;
	step();
}

/* Nothing changed: nothing is told, opened, listed or written. */
static void
scan_idle(void)
{
	struct stat a, b;

	sc_settle();
	sc_count_calls(100);
	assert(fstatat(sc.sdir, "work", &a, 0) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc.n, 0);
	CHECK_INT(sc.res.written, 0);
	CHECK_INT(sc.res.opened, 0);
	CHECK_INT(sc.res.dirs_read, 0);
	CHECK_INT(sc.opens, 1);		/* W */
	CHECK_INT(sc.lists, 0);
	assert(fstatat(sc.sdir, "work", &b, 0) == 0);
	CHECK_INT(a.st_ino, b.st_ino);
	sada_io_use(NULL);
}

static void
test_random(void)
{
	char p[SADA_PATH_MAX];
	int round, edits;

	for (round = 0; round < 200; round++) {
		if (round % 20 == 0) {
			sc_open();
			model_free(&was);
			for (edits = 0; edits < 150; edits++) {
				look_all(&told);
				rand_path(p);
				rand_make(p);
			}
		}
		look_all(&told);
		for (edits = (int)tap_below(12); edits > 0; edits--) {
			rand_edit();
			look_all(&told);
		}
		scan_checked();
		/* Once more: the same, whether racy or not. */
		CHECK_INT(sc_scan(), 0);
		CHECK_INT(sc_real(), 0);
		if (tap_below(3) == 0) {
			scan_idle();
			look_all(&told);
		}
	}
	model_free(&was);
	model_free(&told);
	model_free(&now);
}

/* Every kind becomes every other, a directory with things below it. */
static void
test_swaps(void)
{
	int from, to, i;

	for (from = 0; from < 4; from++)
		for (to = 0; to < 4; to++) {
			sc_open();
			model_free(&was);
			sc_put("a", "1");
			sc_put("z", "2");
			for (i = 0; i < 2; i++) {
				int what = i == 0 ? from : to;

				if (i == 1 && from != 0)
					sc_rm(sc.root, "m");
				if (what == 1)
					sc_put("m", "3");
				else if (what == 2)
					assert(symlinkat("3", sc.root,
					    "m") == 0);
				else if (what == 3) {
					sc_mkdir("m");
					sc_put("m/x", "4");
					sc_mkdir("m/y");
					sc_put("m/y/z", "5");
					sc_mkdir("m/empty");
				}
				scan_checked();
				scan_idle();
			}
		}
	model_free(&was);
}

/* A file system that knows whole seconds only. */
static int
coarse_statx(int dfd, const char *name, int flags, struct sada_stat *st)
{
	int rc = sc_real_ops.statx(dfd, name, flags, st);

	st->mtime_s = st->ctime_s = 1700000000;
	st->mtime_ns = st->ctime_ns = 0;
	return rc;
}

static int
coarse_clock(int id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = 1700000000 + sc_ahead;
	ts->tv_nsec = 0;
	return 0;
}

/* Changes in the second of the scan, which no stat can show. */
static void
test_racy(void)
{
	struct sada_io_ops ops;

	sc_open();
	sada_io_use(NULL);
	sc_real_ops = ops = *sada_io_ops();
	ops.statx = coarse_statx;
	ops.clock = coarse_clock;
	sada_io_use(&ops);
	sc_ahead = 0;
	sc_mkdir("d");
	sc_put("d/f", "aaa");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 3);
	sc_put("d/f", "bbb");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 1);
	CHECK_INT(sc_found("d/f"), SADA_FOUND_CHANGED);
	sc_put("d/g", "new");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 1);
	CHECK_INT(sc_found("d/g"), SADA_FOUND_NEW);
	CHECK_INT(sc.res.opened, 2);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc.n, 0);
	CHECK_INT(sc.res.written, 0);
	CHECK_INT(sc.res.opened, 2);
	CHECK_INT(sc.res.dirs_read, 2);
	/* Later they are read for the last time. */
	sc_ahead = 3;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_count(SADA_FOUND_STAT), 4);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc.res.opened, 0);
	CHECK_INT(sc.res.dirs_read, 0);
	CHECK_INT(sc.n, 0);
	sada_io_use(NULL);
}

static int
without_stat(const struct sada_item *it, struct sada_row *row)
{
	row->flags |= SADA_ROW_NOSTAT;
	memset(&row->seen, 0xaa, sizeof(row->seen));
	return it->found != SADA_FOUND_GONE;
}

/* Foreign values: what the disk made of a row is not what the row says. */
static int
foreign(const struct sada_item *it, struct sada_row *row)
{
	row->mode = row->kind == SADA_LINK ? 0 : 0600;
	row->mtime_s = 12345;
	row->mtime_ns = 6;
	return it->found != SADA_FOUND_GONE;
}

static void
test_rows(void)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 99, 0 } };

	sc_open();
	sc_mkdir("d");
	sc_put("d/f", "aaa");
	sc_put("d/g", "ggg");
	assert(symlinkat("x", sc.root, "l") == 0);
	sc.answer = without_stat;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 5);
	/* Compared by values: nothing differs, but the stat. */
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
	CHECK_INT(sc_count(SADA_FOUND_STAT), 5);
	sc_put("d/f", "bbb");
	sc.answer = NULL;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 1);
	CHECK_INT(sc_found("d/f"), SADA_FOUND_CHANGED);
	CHECK_INT(sc_count(SADA_FOUND_STAT), 4);
	/* What was seen is what a field is compared with. */
	sc_open();
	sc_mkdir("d");
	sc_put("d/f", "aaa");
	sc_put("d/g", "ggg");
	sc.answer = foreign;
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
	sc.answer = NULL;
	sc_settle();
	sc_put("d/f", "bbbb");
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 1);
	CHECK_INT(sc_find("d/f", 1)->row.mode, 0600);
	CHECK(sc_find("d/f", 1)->row.mtime_s != 12345);
	assert(utimensat(sc.root, "d/g", ts, 0) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_find("d/g", 1)->diff, SADA_DIFF_MTIME);
	CHECK_INT(sc_find("d/g", 1)->row.mode, 0600);
	CHECK_INT(sc_find("d/g", 1)->row.mtime_s, 99);
	assert(fchmodat(sc.root, "d/g", 0640, 0) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_find("d/g", 1)->diff, SADA_DIFF_MODE);
	/* Back to what the row says anyway: only a stat. */
	sc_settle();
	assert(fchmodat(sc.root, "d", 0600, 0) == 0);
	CHECK_INT(sc_scan(), 0);
	CHECK_INT(sc_real(), 0);
	CHECK_INT(sc_found("d"), SADA_FOUND_STAT);
}

int
main(void)
{
	sada_crypto_init();
	tap_seed(777);
	umask(022);
	test_racy();
	test_rows();
	test_swaps();
	test_random();
	sc_close();
	printf("# %llu names, %llu items\n", (unsigned long long)names,
	    (unsigned long long)items);
	return tap_done();
}
