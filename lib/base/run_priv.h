/* What the files that run programs share. */
#ifndef SADA_BASE_RUN_PRIV_H
#define SADA_BASE_RUN_PRIV_H

#include "base/run.h"

/*
 * Our environment with the "NAME=value" strings MORE (ends in NULL; NULL:
 * none).  The array is new, free it; its strings are borrowed.
 */
char **sada_run_environment(const char *const *more);

#endif
