/*
 * "states": a line for every state that was recorded or laid out, for @~N
 * and @{time}.  A cache: "TIME_NS WHAT HEAD[,HEAD...] CHECK\n", CHECK
 * being 16 hex digits of SipHash over what stands before its blank; a line
 * that is not whole is passed over, and cut if none that is whole follows:
 * a line is made durable by the next, and a crash may tear the last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verb/verb_priv.h"

#define STATES_MAX (256u << 20)
/* How far back a torn end is looked for. */
#define TAIL_BYTES (64u << 10)
#define CHECK_LEN 16

static const unsigned char check_key[16] = "sada.states.v1";

/* The check of the N bytes at S, as text. */
static void
line_check(char out[CHECK_LEN + 1], const char *s, size_t n)
{
	snprintf(out, CHECK_LEN + 1, "%016llx",
	    (unsigned long long)sada_siphash(check_key, s, n));
}

int
sada_states_line_ok(const char *s, size_t *n)
{
	char check[CHECK_LEN + 1];
	size_t body;

	if (*n < CHECK_LEN + 1)
		return 0;
	body = *n - CHECK_LEN - 1;
	line_check(check, s, body);
	if (s[body] != ' ' || memcmp(s + body + 1, check, CHECK_LEN) != 0)
		return 0;
	*n = body;
	return 1;
}

/*
 * *END = where the last whole line of FD, of SIZE bytes, ends; SIZE if there
 * is none in its tail.
 */
static int
whole_end(uint64_t *end, int fd, uint64_t size, struct sada_err *err)
{
	size_t n = size < TAIL_BYTES ? (size_t)size : TAIL_BYTES, got, len;
	struct sada_buf b = {0};
	const char *p, *nl, *stop;
	int rc, whole = n == size;

	*end = whole ? 0 : size;
	p = (const char *)sada_buf_reserve(&b, n + 1);
	if ((rc = sada_io_pread(fd, b.p, n, size - n, &got, err)) < 0)
		goto out;
	/* The first line of a tail may have begun before it. */
	for (stop = p + got; p < stop; p = nl + 1, whole = 1) {
		if ((nl = memchr(p, '\n', (size_t)(stop - p))) == NULL)
			break;
		len = (size_t)(nl - p);
		if (whole && sada_states_line_ok(p, &len))
			*end = size - (uint64_t)(stop - nl) + 1;
	}
out:
	sada_buf_release(&b);
	return rc;
}

int
sada_states_add(struct sada_replica *r, const char *what,
    const struct sada_id *heads, size_t n, struct sada_err *err)
{
	char hex[SADA_HEX_LEN + 1];
	struct sada_buf b = {0};
	struct sada_stat st;
	char check[CHECK_LEN + 1];
	unsigned char last = '\n';
	uint64_t end;
	size_t i, got, start;
	int fd = -1, rc;

	if ((rc = sada_io_open(&fd, r->sdir, "states", O_RDWR | O_CREAT,
	    0600, err)) < 0 || (rc = sada_io_stat(fd, "", &st, err)) < 0 ||
	    (rc = whole_end(&end, fd, st.size, err)) < 0 ||
	    (end < st.size && (rc = sada_io_truncate(fd, end, err)) < 0) ||
	    (st.size > 0 && (rc = sada_io_fdatasync(fd, "states",
	    err)) < 0))
		goto out;
	if (end > 0 && (rc = sada_io_pread(fd, &last, 1, end - 1, &got,
	    err)) < 0)
		goto out;
	/* What is torn far back stays, and ends there. */
	if (last != '\n')
		sada_buf_adds(&b, "\n");
	start = b.len;
	sada_buf_addf(&b, "%lld %s ", sada_io_now(), what);
	for (i = 0; i < n; i++) {
		sada_id_hex(hex, &heads[i]);
		sada_buf_addf(&b, "%s%s", i > 0 ? "," : "", hex);
	}
	line_check(check, sada_buf_str(&b) + start, b.len - start);
	sada_buf_addf(&b, " %s\n", check);
	rc = sada_io_pwrite(fd, b.p, b.len, end, err);
out:
	sada_io_close(fd);
	sada_buf_release(&b);
	return rc;
}

/* Parse one line of N bytes; 0 when it is one. */
static int
parse_line(struct sada_state_line *l, const char *s, size_t n)
{
	const char *end = s + n, *p = s;
	long long t = 0;
	size_t cap = 0;

	memset(l, 0, sizeof(*l));
	if (!sada_states_line_ok(s, &n))
		return -1;
	end = s + n;
	while (p < end && *p >= '0' && *p <= '9' && t < (1LL << 59))
		t = t * 10 + (*p++ - '0');
	if (p == s || p == end || *p != ' ')
		return -1;
	l->wall_ns = t;
	for (p++; p < end && *p != ' '; p++)
		;
	if (p == end)
		return -1;
	for (p++; end - p >= SADA_HEX_LEN; p++) {
		l->heads = sada_grow(l->heads, &cap, l->n + 1,
		    sizeof(*l->heads));
		if (sada_id_parse(&l->heads[l->n], p, SADA_HEX_LEN) < 0)
			return -1;
		l->n++;
		p += SADA_HEX_LEN;
		if (p == end)
			return 0;
		if (*p != ',')
			return -1;
	}
	return -1;
}

int
sada_states_read(const struct sada_replica *r, struct sada_state_line **out,
    size_t *n, struct sada_err *err)
{
	struct sada_state_line l;
	struct sada_buf b = {0};
	const char *p, *end, *nl;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sada_io_slurp(r->sdir, "states", STATES_MAX, &b, err);
	if (rc == SADA_NOTFOUND)
		rc = 0;
	if (rc < 0)
		goto out;
	p = (const char *)b.p;
	end = p + b.len;
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			break;
		if (parse_line(&l, p, (size_t)(nl - p)) < 0) {
			free(l.heads);
			continue;
		}
		*out = sada_grow(*out, &cap, *n + 1, sizeof(**out));
		(*out)[(*n)++] = l;
	}
out:
	sada_buf_release(&b);
	return rc;
}

void
sada_states_free(struct sada_state_line *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(s[i].heads);
	free(s);
}
