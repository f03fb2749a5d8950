/* Names on their way to a person or a script. */
#ifndef SADA_BASE_QUOTE_H
#define SADA_BASE_QUOTE_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Append NAME to OUT as git quotes it: unchanged when it is plain
 * printable ASCII without '"' and '\\', else in double quotes with \a \b
 * \t \n \v \f \r \" \\ and \ooo for every other byte outside 0x20..0x7e.
 */
void sada_quote(struct sada_buf *out, const char *name, size_t n);

/* Is the text valid UTF-8 (no surrogates, no overlong forms)? */
int sada_utf8_ok(const char *s, size_t n);

/*
 * Append  "KEY":"..."  (or  "KEY_b64":"..."  when NAME is not UTF-8) as
 * one JSON member, without a comma; control, DEL and C1 escaped.
 */
void sada_json_name(struct sada_buf *out, const char *key,
    const char *name, size_t n);

/* Append wall time NS (since 1970) as RFC 3339 UTC with seconds. */
void sada_rfc3339(struct sada_buf *out, long long ns);

#endif
