/*
 * The name of a conflict copy: "stem~HEX.ext", a function of the slot's
 * path and of the versions that it shows, so that every replica gives it
 * the same name and edits elsewhere do not rename it.
 */
#include <assert.h>
#include <string.h>

#include "base/path.h"
#include "tree/view.h"

#define EXT_MAX 16
#define DIGITS_MIN 10

/* The length of the extension of NAME, its dot included, or 0. */
static size_t
ext_len(const char *name, size_t n)
{
	const char *dot = n > 0 ? memrchr(name, '.', n) : NULL;
	size_t len;

	if (dot == NULL || dot == name)
		return 0;
	len = n - (size_t)(dot - name);
	return len <= EXT_MAX ? len : 0;
}

/* How many bytes the UTF-8 sequence has that begins with C; 1 if none. */
static size_t
sequence_len(unsigned char c)
{
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	if (c >= 0xe0)
		return c <= 0xef ? 3 : 1;
	return c >= 0xc2 ? 2 : 1;
}

/* Cut P to at most KEEP of its N bytes, not inside a UTF-8 sequence. */
static size_t
cut(const char *p, size_t n, size_t keep)
{
	size_t back;

	if (n <= keep)
		return n;
	for (back = 0; back < 4 && back <= keep; back++)
		if (((unsigned char)p[keep - back] & 0xc0) != 0x80)
			break;
	if (back == 4 || back > keep ||
	    sequence_len((unsigned char)p[keep - back]) <= back)
		return keep;		/* not UTF-8 */
	return keep - back;
}

void
sada_copy_name(struct sada_buf *out, const char *path, size_t len,
    const struct sada_id *id, size_t n, unsigned digits)
{
	size_t base = sada_path_base(path, len), ext, stem, room, i;
	char hex[SADA_HEX_LEN + 1];
	unsigned char le[8];
	struct sada_hasher h;
	struct sada_id sum;

	assert(digits >= DIGITS_MIN && digits <= SADA_HEX_LEN);
	sada_le64_put(le, len);
	sada_hasher_init(&h, SADA_CTX_NAME,
	    sizeof(le) + len + n * SADA_ID_LEN);
	sada_hasher_add(&h, le, sizeof(le));
	sada_hasher_add(&h, path, len);
	for (i = 0; i < n; i++)
		sada_hasher_add(&h, id[i].b, SADA_ID_LEN);
	sada_hasher_end(&h, &sum);
	sada_id_hex(hex, &sum);

	ext = ext_len(path + base, len - base);
	stem = len - base - ext;
	room = SADA_NAME_MAX;
	/* A path that is as long as paths may be loses its stem as well. */
	if (SADA_PATH_MAX - base < room)
		room = SADA_PATH_MAX - base;
	room = room > 1 + digits + ext ? room - 1 - digits - ext : 0;
	sada_buf_add(out, path, base + cut(path + base, stem, room));
	sada_buf_adds(out, "~");
	sada_buf_add(out, hex, digits);
	sada_buf_add(out, path + len - ext, ext);
}
