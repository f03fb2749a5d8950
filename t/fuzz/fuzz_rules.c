/* Rules for merging: any text is taken, and any path answered. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "merge/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sada_rules *r;
	const uint8_t *cut = n > 0 ? memchr(p, '\0', n) : NULL;
	size_t text = cut != NULL ? (size_t)(cut - p) : n;
	const char *path = "d/a.b", *command;
	size_t len = 5, line;
	unsigned driver;

	if (cut != NULL && n - text > 1) {
		path = (const char *)cut + 1;
		len = n - text - 1;
	}
	if (sada_rules_new(&r, p, text, NULL, 0, NULL) < 0)
		return 0;
	driver = sada_rules_ask(r, path, len, &command);
	assert(driver >= SADA_MERGE_TEXT && driver < SADA_MERGE_COMMAND &&
	    command == NULL);
	assert((sada_rules_skipped(r, &line) == 0) == (line == 0));
	sada_rules_free(r);
	return 0;
}
