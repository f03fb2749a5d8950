/*
 * Contexts of zstd that are kept when they are freed: to make one asks the
 * processor what it is, and below a hypervisor that alone costs more than
 * to unpack what a simulation has.  Linked into a program it stands before
 * the library's own.
 */
#include <assert.h>
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

typedef struct ZSTD_DCtx_s ZSTD_DCtx;
typedef struct ZSTD_CCtx_s ZSTD_CCtx;

/* As the library declares them; only lib/store includes its header. */
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *d);
size_t ZSTD_DCtx_reset(ZSTD_DCtx *d, int how);
ZSTD_CCtx *ZSTD_createCCtx(void);
size_t ZSTD_freeCCtx(ZSTD_CCtx *c);
size_t ZSTD_CCtx_reset(ZSTD_CCtx *c, int how);

#define KEEP 4
#define ALL 3			/* session and parameters */

static ZSTD_DCtx *dctx[KEEP];
static ZSTD_CCtx *cctx[KEEP];
static unsigned nd, nc;

/* The library's own function of that name. */
static void
next(void *to, const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	assert(p != NULL);
	memcpy(to, &p, sizeof(p));
}

ZSTD_DCtx *
ZSTD_createDCtx(void)
{
	ZSTD_DCtx *(*make)(void);

	if (nd > 0)
		return dctx[--nd];
	next(&make, "ZSTD_createDCtx");
	return make();
}

size_t
ZSTD_freeDCtx(ZSTD_DCtx *d)
{
	size_t (*drop)(ZSTD_DCtx *d);

	if (d != NULL && nd < KEEP) {
		(void)ZSTD_DCtx_reset(d, ALL);
		dctx[nd++] = d;
		return 0;
	}
	next(&drop, "ZSTD_freeDCtx");
	return drop(d);
}

ZSTD_CCtx *
ZSTD_createCCtx(void)
{
	ZSTD_CCtx *(*make)(void);

	if (nc > 0)
		return cctx[--nc];
	next(&make, "ZSTD_createCCtx");
	return make();
}

size_t
ZSTD_freeCCtx(ZSTD_CCtx *c)
{
	size_t (*drop)(ZSTD_CCtx *c);

	if (c != NULL && nc < KEEP) {
		(void)ZSTD_CCtx_reset(c, ALL);
		cctx[nc++] = c;
		return 0;
	}
	next(&drop, "ZSTD_freeCCtx");
	return drop(c);
}
