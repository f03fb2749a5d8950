/* Member records: a replica's keys and name, signed by itself. */
#include <assert.h>
#include <string.h>

#include "format/codec_priv.h"
#include "format/op.h"

enum { MEMBER_VERSION = 1 };

static int
refuse(struct sada_err *err, const char *why)
{
	return sada_err_set(err, SADA_FORMAT, "member record refused: %s",
	    why);
}

static int
alnum(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9');
}

int
sada_member_name_ok(const char *s)
{
	size_t i;

	if (!alnum(s[0]))
		return 0;
	for (i = 1; s[i] != '\0'; i++)
		if (i >= 64 || (!alnum(s[i]) && s[i] != '.' &&
		    s[i] != '_' && s[i] != '-'))
			return 0;
	return 1;
}

void
sada_member_encode(struct sada_buf *out, const struct sada_member *m,
    const struct sada_key *k)
{
	unsigned char sig[SADA_SIG_LEN];
	const struct sada_pub *pub = sada_key_pub(k);
	size_t start = out->len;

	assert(sada_member_name_ok(m->name));
	sada_put_u8(out, MEMBER_VERSION);
	sada_buf_add(out, pub->sign, SADA_PK_LEN);
	sada_buf_add(out, pub->box, SADA_PK_LEN);
	sada_put_var(out, strlen(m->name));
	sada_buf_adds(out, m->name);
	sada_put_u64(out, m->number);
	sada_put_u64(out, (uint64_t)m->wall_ns);
	sada_sign(sig, k, SADA_CTX_MEMBER, out->p + start, out->len - start);
	sada_buf_add(out, sig, sizeof(sig));
	assert(out->len - start <= SADA_MEMBER_RECORD_MAX);
}

int
sada_member_decode(struct sada_member *m, const void *p, size_t n,
    struct sada_err *err)
{
	const unsigned char *sign, *box, *name;
	struct sada_rd r;
	unsigned version;
	uint64_t len;
	int rc;

	memset(m, 0, sizeof(*m));
	if (n < SADA_SIG_LEN || n > SADA_MEMBER_RECORD_MAX)
		return refuse(err, "its length");
	sada_rd_init(&r, p, n - SADA_SIG_LEN);
	version = sada_get_u8(&r);
	if (!r.bad && version != MEMBER_VERSION)
		return sada_err_set(err, SADA_VERSION, "member record of "
		    "version %u: a newer sada is needed", version);
	sign = sada_get_bytes(&r, SADA_PK_LEN);
	box = sada_get_bytes(&r, SADA_PK_LEN);
	len = sada_get_count(&r, 1);
	if (r.bad || len >= sizeof(m->name))
		return refuse(err, "its name's length");
	name = sada_get_bytes(&r, (size_t)len);
	m->number = sada_get_u64(&r);
	m->wall_ns = (int64_t)sada_get_u64(&r);
	if (r.bad || sada_rd_left(&r) != 0)
		return refuse(err, "its length");
	memcpy(m->name, name, (size_t)len);
	/* A NUL within would hide what follows. */
	if (strlen(m->name) != len || !sada_member_name_ok(m->name))
		return refuse(err, "its name");
	if ((rc = sada_pub_init(&m->pub, sign, box, err)) < 0)
		return rc;
	return sada_verify_sig(r.p, sign, SADA_CTX_MEMBER, p,
	    n - SADA_SIG_LEN, err);
}
