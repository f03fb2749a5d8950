/* A build without SQLite: nothing merges, nothing breaks. */
#include "merge/sqlite.h"
#include "tap.h"

int
main(void)
{
	static const unsigned char h[100] = "SQLite format 3\0\x10\0\1\1\0@  ";
	struct sada_span x = { h, sizeof(h) }, y = { h, sizeof(h) - 1 };
	struct sada_three in = { x, x, x };
	struct sada_buf out = {0};
	struct sada_err err = {0};

	CHECK_INT(sada_sqlite_built(), 0);
	CHECK_INT(sada_sqlite_is(h, sizeof(h)), 1);
	CHECK_INT(sada_merge_sqlite(&out, &in, &err), 0);
	CHECK_INT(sada_sqlite_equal(&x, &x, &err), 1);
	CHECK_INT(sada_sqlite_equal(&x, &y, &err), 0);
	CHECK_INT(sada_sqlite_capture(&out, -1, "x", 1, &err), SADA_FORMAT);
	CHECK_INT(sada_sqlite_install(-1, "x", &x, &x, &err), SADA_LATER);
	CHECK_INT(sada_sqlite_advance(-1, "x", &x, &x, &err), SADA_LATER);
	CHECK_INT(out.len, 0);
	return tap_done();
}
