/* zstd frames, with and without a prefix. */
#include <assert.h>
#include <string.h>
#include <zstd.h>

#include "store/store_priv.h"
#include "store/zst.h"

/* Windows above this are refused by common readers; ours is one pass. */
#define WINDOW_MAX_LOG 30
#define WINDOW_MIN_LOG 10

static int
window_log(size_t n)
{
	int log = WINDOW_MIN_LOG;

	while (log < WINDOW_MAX_LOG && ((size_t)1 << log) < n)
		log++;
	return log;
}

static void
set(ZSTD_CCtx *c, ZSTD_cParameter p, int v)
{
	size_t k = ZSTD_CCtx_setParameter(c, p, v);

	assert(!ZSTD_isError(k));
}

static void
compress(struct sada_buf *out, const void *p, size_t n, const void *prefix,
    size_t np, int level)
{
	size_t bound = ZSTD_compressBound(n), k;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	unsigned char *to;

	assert(c != NULL);
	to = sada_buf_reserve(out, bound);
	set(c, ZSTD_c_compressionLevel, level);
	if (np > 0) {
		set(c, ZSTD_c_enableLongDistanceMatching, 1);
		set(c, ZSTD_c_windowLog, window_log(n + np));
		k = ZSTD_CCtx_refPrefix(c, prefix, np);
		assert(!ZSTD_isError(k));
	}
	k = ZSTD_compress2(c, to, bound, p, n);
	assert(!ZSTD_isError(k));
	out->len += k;
	ZSTD_freeCCtx(c);
}

void
sada_zst_pack(struct sada_buf *out, const void *p, size_t n,
    const void *prefix, size_t np, int level)
{
	struct sada_buf back = { 0 };
	size_t start = out->len;
	struct sada_err drop;

	if (prefix == NULL)
		np = 0;
	compress(out, p, n, prefix, np, level);
	if (np == 0)
		return;
	if (sada_zst_unpack(&back, out->p + start, out->len - start, n,
	    prefix, np, &drop) < 0 ||
	    (n > 0 && memcmp(back.p, p, n) != 0)) {
		/* A frame that ignores the prefix reads the same with it. */
		out->len = start;
		compress(out, p, n, NULL, 0, level);
	}
	sada_buf_release(&back);
}

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "compressed data refused: %s",
	    why);
}

int
sada_zst_unpack(struct sada_buf *out, const void *p, size_t n, size_t raw,
    const void *prefix, size_t np, struct sada_err *err)
{
	unsigned char *to;
	ZSTD_DCtx *d;
	size_t k;

	/* One frame, not a skippable one, and nothing behind it. */
	if (ZSTD_getFrameContentSize(p, n) != raw ||
	    ZSTD_findFrameCompressedSize(p, n) != n ||
	    sada_le32(p) != ZSTD_MAGICNUMBER)
		return refuse(err, "its size is not what was told");
	d = ZSTD_createDCtx();
	assert(d != NULL);
	/* With the size known one pass needs no window of its own. */
	to = sada_buf_reserve(out, raw + 1);
	if (prefix != NULL && np > 0) {
		k = ZSTD_DCtx_refPrefix(d, prefix, np);
		assert(!ZSTD_isError(k));
	}
	k = ZSTD_decompressDCtx(d, to, raw, p, n);
	ZSTD_freeDCtx(d);
	if (ZSTD_isError(k) || k != raw)
		return refuse(err, "it is damaged");
	out->len += raw;
	return 0;
}

int
sada_block_unpack(struct sada_buf *out, const void *frame, size_t n,
    uint32_t raw, struct sada_err *err)
{
	return sada_zst_unpack(out, frame, n, raw, NULL, 0, err);
}
