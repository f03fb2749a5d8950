/* Order of dots, ids of versions, contexts of object types. */
#include <assert.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/types.h"

enum sada_ctx
sada_type_ctx(unsigned t)
{
	switch (t) {
	case SADA_OBJ_CHUNK:
		return SADA_CTX_CHUNK;
	case SADA_OBJ_LIST:
		return SADA_CTX_LIST;
	case SADA_OBJ_NODE:
		return SADA_CTX_NODE;
	default:
		assert(t == SADA_OBJ_ANC);
		return SADA_CTX_ANC;
	}
}

int
sada_dot_cmp(const struct sada_dot *a, const struct sada_dot *b)
{
	int c = memcmp(a->author.b, b->author.b, SADA_ID_LEN);

	if (c != 0)
		return c;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return 0;
}

/*
 * Offsets of what is hashed: 0 dot, 56 kind, 57 flags, 58 mode, 60 size,
 * 68 content, 100 mtime_s, 108 mtime_ns, 112 anc, 144 end.
 */
void
sada_version_id(struct sada_id *out, const struct sada_version *v)
{
	unsigned char p[144];

	dot_store(p, &v->dot);
	p[56] = v->kind;
	if (v->kind == SADA_DIR) {
		sada_hash(out, SADA_CTX_VERSION, p, 57);
		return;
	}
	p[57] = v->flags;
	p[58] = (unsigned char)(v->mode & 0xff);
	p[59] = (unsigned char)(v->mode >> 8);
	sada_le64_put(p + 60, v->size);
	memcpy(p + 68, v->content.b, SADA_ID_LEN);
	sada_le64_put(p + 100, (uint64_t)v->mtime_s);
	sada_le32_put(p + 108, v->mtime_ns);
	memcpy(p + 112, v->anc.b, SADA_ID_LEN);
	sada_hash(out, SADA_CTX_VERSION, p, sizeof(p));
}
