/* The frame of a sealed bundle: header, segments' signed bytes, sizes. */
#include <assert.h>
#include <string.h>

#include "bundle/sealed_priv.h"

size_t
sada_sealed_header_len(unsigned nslots)
{
	return AT_SLOTS + (size_t)nslots * SADA_SLOT_LEN +
	    SADA_STREAM_HEAD_LEN + SADA_TAG_LEN;
}

int
sada_sealed_start(unsigned *nslots, const unsigned char *p,
    struct sada_err *err)
{
	unsigned version = sada_le16(p + AT_VERSION);
	unsigned suite = sada_le16(p + AT_SUITE);
	unsigned n = sada_le16(p + AT_NSLOTS);

	if (memcmp(p, SADA_BUNDLE_MAGIC, AT_VERSION) != 0)
		return sada_err_set(err, SADA_FORMAT, "this is no bundle");
	if (version != SEALED_VERSION || suite != SEALED_SUITE)
		return sada_err_set(err, SADA_VERSION, "bundle of version "
		    "%u, suite %u: a newer sada is needed", version, suite);
	if (n < 1 || n > SADA_SLOTS_MAX || (n & (n - 1)) != 0 ||
	    sada_le16(p + AT_ZERO) != 0)
		return sada_err_set(err, SADA_FORMAT,
		    "the bundle's header is damaged");
	*nslots = n;
	return 0;
}

int
sada_sealed_for(const void *p, size_t n, const struct sada_pub *pub,
    struct sada_err *err)
{
	const unsigned char *h = p;
	unsigned i, nslots;
	int found = 0, rc;

	if (n < AT_SLOTS)
		return sada_err_set(err, SADA_FORMAT, n == 0 ?
		    "bundle is empty" : "bundle is truncated");
	if ((rc = sada_sealed_start(&nslots, h, err)) < 0)
		return rc;
	if (n < AT_SLOTS + (size_t)nslots * SADA_SLOT_LEN)
		return sada_err_set(err, SADA_FORMAT, "bundle is truncated");
	for (i = 0; i < nslots; i++)
		found |= sada_slot_matches(h + AT_SLOTS + i * SADA_SLOT_LEN,
		    pub);
	return found;
}

void
sada_segment_signed(unsigned char out[SIGNED_LEN], uint64_t number,
    uint32_t flags, const void *p, uint32_t n, const struct sada_id *hh)
{
	struct sada_id hash;

	sada_hash(&hash, SADA_CTX_SEGMENT, p, n);
	sada_le64_put(out, number);
	sada_le32_put(out + 8, flags);
	sada_le32_put(out + 12, n);
	memcpy(out + 16, hash.b, SADA_ID_LEN);
	memcpy(out + 16 + SADA_ID_LEN, hh->b, SADA_ID_LEN);
}

static uint64_t
div_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

uint64_t
sada_sealed_size(unsigned nslots, uint64_t n)
{
	uint64_t plain = n + SADA_SEGMENT_HEAD * div_up(n, SEGMENT_PAYLOAD);

	return sada_sealed_header_len(nslots) + plain +
	    SADA_CHUNK_OVER * div_up(plain, SADA_CHUNK_RAW);
}

/*
 * The length of the payload stream whose file has SIZE bytes, or 0 if none
 * has: a new chunk or segment adds its head at once.
 */
static uint64_t
payload_for(unsigned nslots, uint64_t size)
{
	uint64_t left = size - sada_sealed_header_len(nslots), heads, n;

	heads = SADA_CHUNK_OVER * div_up(left, CHUNK_SEALED);
	if (left <= heads)
		return 0;
	left -= heads;
	heads = SADA_SEGMENT_HEAD * div_up(left, SADA_SEGMENT);
	if (left <= heads)
		return 0;
	n = left - heads;
	return sada_sealed_size(nslots, n) == size ? n : 0;
}

uint64_t
sada_sealed_padded(unsigned nslots, uint64_t n)
{
	uint64_t size = sada_padme(sada_sealed_size(nslots, n)), padded;

	while ((padded = payload_for(nslots, size)) == 0)
		size = sada_padme(size + 1);
	assert(padded >= n);
	return padded;
}
