/* Errors: one code and one sentence, kept on one line whatever is in it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* A prefix may take this much of a message, so that the cause stays. */
#define PREFIX_MAX 240

/* Names come quoted; this keeps the promise for anything else. */
static void
one_line(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int
sada_err_set(struct sada_err *err, int code, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];	/* one argument may be the old one */
	int saved = errno;
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	one_line(msg);
	err->code = code;
	err->sys = 0;
	memcpy(err->msg, msg, sizeof(msg));
	errno = saved;
	return code;
}

int
sada_err_sys(struct sada_err *err, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	int saved = errno;
	const char *why;
	size_t len, room;
	va_list ap;

	if (err == NULL)
		return SADA_SYS;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	err->code = SADA_SYS;
	err->sys = saved;

	/* A long name is cut rather than the reason behind it. */
	why = strerror(saved);
	room = sizeof(msg) - sizeof(": ");
	room = strlen(why) < room ? room - strlen(why) : 0;
	len = strlen(msg);
	if (len > room)
		len = room;
	(void)snprintf(msg + len, sizeof(msg) - len, ": %s", why);
	one_line(msg);
	memcpy(err->msg, msg, sizeof(msg));
	errno = saved;
	return SADA_SYS;
}

int
sada_err_prefix(struct sada_err *err, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	int saved = errno;
	size_t len, n;
	va_list ap;

	if (err == NULL)
		return SADA_SYS;
	va_start(ap, fmt);
	(void)vsnprintf(msg, PREFIX_MAX, fmt, ap);
	va_end(ap);
	len = strlen(msg);
	n = strnlen(err->msg, sizeof(msg) - sizeof(": ") - len);
	memcpy(msg + len, ": ", 2);
	memcpy(msg + len + 2, err->msg, n);
	msg[len + 2 + n] = '\0';
	one_line(msg);
	memcpy(err->msg, msg, sizeof(msg));
	errno = saved;
	return err->code;
}

int
sada_err_exit(int code)
{
	switch ((enum sada_code)code) {
	case SADA_OK:
		return 0;
	case SADA_LATER:
	case SADA_AGAIN:
		return 1;
	case SADA_GUARD:
		return 2;
	case SADA_USAGE:
		return 64;
	case SADA_FORMAT:
	case SADA_VERSION:
		return 65;
	case SADA_NOTFOUND:
	case SADA_ABSENT:
		return 69;
	case SADA_SYS:
	case SADA_DAMAGED:
		return 74;
	case SADA_BUSY:
		return 75;
	case SADA_AUTH:
		return 77;
	}
	return 74;
}
