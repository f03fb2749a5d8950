/* The configuration: kept as it is, changed without harm. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "peer/peer_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Every value is one that a change can make again. */
static int
again(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	struct sada_config *c = ctx;

	sada_config_set(c, section, sub, key, "");
	sada_config_set(c, section, sub, key, value);
	return 0;
}

static int
same(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	const char *last = sada_config_get(ctx, section, sub, key);

	(void)value;
	assert(last != NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sada_config *c, *copy, *back;
	struct sada_buf b = { 0 };

	if (sada_config_parse(&c, p, n, NULL) < 0)
		return 0;
	sada_config_text(&b, c);
	assert(b.len == n && (n == 0 || memcmp(b.p, p, n) == 0));
	if (sada_config_parse(&copy, p, n, NULL) < 0)
		abort();
	(void)sada_config_each(c, again, copy);
	sada_buf_reset(&b);
	sada_config_text(&b, copy);
	if (sada_config_parse(&back, b.p, b.len, NULL) < 0)
		abort();
	(void)sada_config_each(c, same, back);
	sada_buf_release(&b);
	sada_config_free(back);
	sada_config_free(copy);
	sada_config_free(c);
	return 0;
}
