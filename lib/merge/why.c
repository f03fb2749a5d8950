/* Why bytes were not merged: looked at again, for people only. */
#include <string.h>

#include "merge/json_priv.h"
#include "merge/lines_priv.h"
#include "merge/merge.h"
#include "merge/sqlite.h"

/* Is S something that is merged by lines?  0, or why not. */
static unsigned
no_lines(const struct sada_span *s)
{
	const unsigned char *p = s->p, *end, *nl;
	size_t n = 0;

	if (s->n == 0)
		return 0;
	if (memchr(p, '\0', s->n) != NULL)
		return SADA_MERGE_NO_FORM;
	for (end = p + s->n; p < end; p = nl + 1) {
		if (++n > SADA_MERGE_LINES)
			return SADA_MERGE_NO_SIZE;
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			break;
	}
	return 0;
}

static unsigned
no_json(const struct sada_span *s)
{
	struct sada_json j;
	int rc = sada_json_parse(&j, s);

	sada_json_release(&j);
	return rc > 0 ? 0 : SADA_MERGE_NO_FORM;
}

static unsigned
no_side(unsigned driver, const struct sada_span *s)
{
	switch (driver) {
	case SADA_MERGE_TEXT:
	case SADA_MERGE_UNION:
		return no_lines(s);
	case SADA_MERGE_JSON:
		return no_json(s);
	case SADA_MERGE_SQLITE:
		if (!sada_sqlite_built())
			return SADA_MERGE_NO_DRIVER;
		return sada_sqlite_is(s->p, s->n) ? 0 : SADA_MERGE_NO_FORM;
	default:
		return SADA_MERGE_NO_DRIVER;
	}
}

unsigned
sada_merge_why(unsigned driver, const struct sada_three *in)
{
	unsigned no;

	if (sada_merge_too_large(in))
		return SADA_MERGE_NO_SIZE;
	if ((no = no_side(driver, &in->base)) != 0 ||
	    (no = no_side(driver, &in->a)) != 0 ||
	    (no = no_side(driver, &in->b)) != 0)
		return no;
	if ((driver == SADA_MERGE_TEXT || driver == SADA_MERGE_UNION) &&
	    sada_lines_far(in))
		return SADA_MERGE_NO_SIZE;
	if (driver == SADA_MERGE_SQLITE && !sada_sqlite_fits(in))
		return SADA_MERGE_NO_FORM;
	return SADA_MERGE_NO_LINES;
}
