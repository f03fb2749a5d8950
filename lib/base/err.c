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
	int saved = errno;
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	err->sys = 0;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	one_line(err->msg);
	errno = saved;
	return code;
}

int
sada_err_sys(struct sada_err *err, const char *fmt, ...)
{
	int saved = errno;
	const char *why;
	size_t len, room;
	va_list ap;

	if (err == NULL)
		return SADA_SYS;
	err->code = SADA_SYS;
	err->sys = saved;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);

	/* A long name is cut rather than the reason behind it. */
	why = strerror(saved);
	room = sizeof(err->msg) - sizeof(": ");
	room = strlen(why) < room ? room - strlen(why) : 0;
	len = strlen(err->msg);
	if (len > room)
		len = room;
	(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", why);
	one_line(err->msg);
	errno = saved;
	return SADA_SYS;
}

int
sada_err_prefix(struct sada_err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	int saved = errno;
	size_t len;
	va_list ap;

	if (err == NULL)
		return SADA_SYS;
	memcpy(old, err->msg, sizeof(old));
	old[sizeof(old) - 1] = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, PREFIX_MAX, fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
	one_line(err->msg);
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
