/* The content of one name, or of a content's id. */
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "format/object.h"
#include "verb/look_priv.h"

/* "content:HEX": bytes by their id alone. */
static int
cat_content(struct sada_replica *r, const char *hex,
    int (*each)(const void *p, size_t n, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_source src = { r->store, NULL };
	struct sada_piece *piece = NULL;
	struct sada_buf b = {0};
	struct sada_id id;
	uint64_t size;
	size_t count;
	unsigned level;
	int rc;

	if (strlen(hex) != SADA_HEX_LEN ||
	    sada_id_parse(&id, hex, SADA_HEX_LEN) < 0)
		return sada_err_set(err, SADA_USAGE, "content: wants the %d "
		    "hex digits of a content's id", SADA_HEX_LEN);
	rc = sada_store_get(r->store, SADA_OBJ_CHUNK, &id, &b, err);
	if (rc == 0) {
		rc = each(b.p, b.len, ctx);
		goto out;
	}
	if (rc != SADA_NOTFOUND ||
	    (rc = sada_store_get(r->store, SADA_OBJ_LIST, &id, &b,
	    err)) < 0 ||
	    (rc = sada_list_decode(&level, &piece, &count, &size, b.p, b.len,
	    err)) < 0)
		goto out;
	rc = sada_file_get(&src, &id, size, each, ctx, err);
out:
	if (rc == SADA_NOTFOUND)
		rc = sada_err_set(err, SADA_NOTFOUND,
		    "the content %.16s is not here", hex);
	free(piece);
	sada_buf_release(&b);
	return rc;
}

int
sada_cat(struct sada_replica *r, const char *spec,
    int (*each)(const void *p, size_t n, void *ctx), void *ctx,
    struct sada_err *err)
{
	size_t n = strlen(spec), end = sada_rev_split(spec, n);
	struct sada_source src;
	struct sada_buf path = {0}, shown = {0};
	struct sada_view *hold = NULL;
	struct sada_name name;
	struct sada_rev rev;
	int rc;

	memset(&rev, 0, sizeof(rev));
	if (end == n)
		return sada_err_set(err, SADA_USAGE,
		    "%.200s: no PATH; write REV:PATH, as @:%.200s", spec,
		    spec);
	if (end == 7 && memcmp(spec, "content", 7) == 0)
		return cat_content(r, spec + 8, each, ctx, err);
	(void)sada_buf_reserve(&path, 1);
	if ((rc = sada_path_arg(r, spec + end + 1, &path, err)) < 0 ||
	    (rc = sada_rev_resolve(&rev, r, spec, end, err)) < 0)
		goto out;
	sada_quote(&shown, (char *)path.p, path.len);
	if ((rc = sada_name_at(&hold, &rev, (char *)path.p, path.len,
	    &name, err)) < 0)
		goto out;
	if (rc == 0 || name.kind == SADA_DIR) {
		rc = sada_err_set(err, SADA_USAGE, "%s: %s in %.*s",
		    sada_buf_str(&shown), rc == 0 ? "no such name" :
		    "a directory", (int)(end < 200 ? end : 200), spec);
		goto out;
	}
	src = sada_melding_source(&rev.meld);
	rc = sada_file_held(&src, &name.content, name.size, err);
	if (rc == 0)
		rc = sada_lacks(r, &rev.st, &name, err);
	if (rc == 1)
		rc = sada_file_get(&src, &name.content, name.size, each, ctx,
		    err);
out:
	sada_view_free(hold);
	sada_buf_release(&shown);
	sada_buf_release(&path);
	sada_rev_release(&rev);
	return rc;
}
