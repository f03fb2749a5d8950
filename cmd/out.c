/* Records on stdout: buffered, quoted, ended with NUL, or as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/quote.h"
#include "cli.h"

#define OUT_MAX (64u << 10)

int
cli_flush(struct cli *c)
{
	cli_clear(c);
	if (!c->broken && c->out.len > 0 &&
	    sada_io_write(1, c->out.p, c->out.len, &c->werr) < 0) {
		(void)sada_err_prefix(&c->werr, "stdout");
		c->broken = 1;
	}
	sada_buf_reset(&c->out);
	return c->broken ? SADA_SYS : 0;
}

void
cli_bytes(struct cli *c, const void *p, size_t n)
{
	sada_buf_add(&c->out, p, n);
	if (c->out.len >= OUT_MAX)
		(void)cli_flush(c);
}

void
cli_put(struct cli *c, const char *s)
{
	cli_bytes(c, s, strlen(s));
}

void
cli_putf(struct cli *c, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	cli_bytes(c, s, (size_t)n);
	free(s);
}

/* Append NAME to B: quoted, or if RAW says so as it is. */
static void
put_name(struct sada_buf *b, const char *name, size_t n, unsigned raw)
{
	if (raw)
		sada_buf_add(b, name, n);
	else
		sada_quote(b, name, n);
}

void
cli_name(struct cli *c, const char *name, size_t n)
{
	put_name(&c->out, name, n, c->zero);
}

/* Bytes of the character at P, 0 if it is not one to show. */
static size_t
shown(const unsigned char *p, size_t n)
{
	size_t len;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (len > n || !sada_utf8_ok((const char *)p, len))
		return 0;
	return p[0] == 0xc2 && p[1] < 0xa0 ? 0 : len;
}

void
cli_text(struct cli *c, const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t len;

	for (; n > 0; s += len, n -= len) {
		if ((len = shown(s, n)) > 0) {
			sada_buf_add(&c->out, s, len);
		} else {
			sada_buf_addf(&c->out, "\\%03o", s[0]);
			len = 1;
		}
	}
}

void
cli_date(struct cli *c, long long ns)
{
	struct sada_buf b = { 0 };

	sada_rfc3339(&b, ns);
	cli_putf(c, "%.10s %.5s", sada_buf_str(&b), sada_buf_str(&b) + 11);
	sada_buf_release(&b);
}

int
cli_end(struct cli *c)
{
	cli_bytes(c, c->zero ? "" : "\n", 1);
	return c->broken ? SADA_SYS : 0;
}

/* ---- JSON ---- */

void
cli_json(struct cli *c)
{
	cli_put(c, "{\"v\":1");
}

void
cli_json_name(struct cli *c, const char *key, const char *p, size_t n)
{
	sada_put_u8(&c->out, ',');
	sada_json_name(&c->out, key, p, n);
}

void
cli_json_str(struct cli *c, const char *key, const char *s)
{
	if (s != NULL)
		cli_json_name(c, key, s, strlen(s));
}

void
cli_json_list(struct cli *c, const char *key, const char *const *s, size_t n)
{
	size_t i;

	cli_putf(c, ",\"%s\":[", key);
	for (i = 0; i < n; i++)
		cli_putf(c, "%s\"%s\"", i > 0 ? "," : "", s[i]);
	cli_put(c, "]");
}

void
cli_json_num(struct cli *c, const char *key, uint64_t v)
{
	cli_putf(c, ",\"%s\":%" PRIu64, key, v);
}

void
cli_json_flag(struct cli *c, const char *key, int v)
{
	cli_putf(c, ",\"%s\":%s", key, v ? "true" : "false");
}

void
cli_json_time(struct cli *c, const char *key, long long ns)
{
	cli_putf(c, ",\"%s\":\"", key);
	sada_rfc3339(&c->out, ns);
	cli_put(c, "\"");
}

int
cli_json_end(struct cli *c)
{
	cli_put(c, "}");
	return cli_end(c);
}
