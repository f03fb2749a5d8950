/* Paths inside a replica: bytes, order, validity.  No file access. */
#ifndef SADA_BASE_PATH_H
#define SADA_BASE_PATH_H

#include <stddef.h>

/* The longest path, in bytes, and the deepest, in components. */
#define SADA_PATH_MAX 4095
#define SADA_DEPTH_MAX 128
#define SADA_NAME_MAX 255

/*
 * Order of paths: bytes, with '/' below every other byte and the end of
 * a path below '/', so that a directory's descendants follow it at once.
 * Returns <0, 0, >0.
 */
int sada_path_cmp(const char *a, size_t na, const char *b, size_t nb);

/* Does path A of NA bytes lie strictly below directory path D of ND? */
int sada_path_below(const char *a, size_t na, const char *d, size_t nd);

/*
 * Is NAME (N bytes) one that may travel: 1 to 255 bytes, no '/' or NUL,
 * not "." or "..", and not folding to ".sada"?
 */
int sada_name_ok(const char *name, size_t n);

/*
 * Does NAME fold to ".sada" on some file system: case, trailing dots and
 * spaces, an NTFS stream or short name (SADA~1), code points that HFS+
 * ignores, full-width and compatibility forms?
 */
int sada_name_is_store(const char *name, size_t n);

/*
 * Is PATH valid: empty (the root), or components that are all
 * sada_name_ok(), joined by single '/', within length and depth?
 */
int sada_path_ok(const char *path, size_t n);

/* Length of PATH's parent ("" for a top-level name). */
size_t sada_path_parent(const char *path, size_t n);
/* Offset of PATH's last component. */
size_t sada_path_base(const char *path, size_t n);
/* Number of components of PATH; the root has 0. */
unsigned sada_path_depth(const char *path, size_t n);

#endif
