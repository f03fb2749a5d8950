/* Patterns of paths, as in a gitignore text without negation. */
#ifndef SADA_MERGE_GLOB_H
#define SADA_MERGE_GLOB_H

#include <stddef.h>

/*
 * Is P (N bytes) a pattern: not empty, no '!' or NUL in front or within,
 * no '\' at its end, each '[' closed within its component?
 */
int sada_glob_ok(const char *p, size_t n);

/*
 * Does pattern P, one that is ok, bind PATH: does it match it or one of the
 * directories that it lies in?  Work is at most the product of the two
 * lengths.
 */
int sada_glob_match(const char *p, size_t n, const char *path, size_t len);

#endif
