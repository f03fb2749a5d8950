/* What the parts of io share. */
#ifndef SADA_BASE_IO_PRIV_H
#define SADA_BASE_IO_PRIV_H

#include "base/io.h"

/* The system's own calls. */
extern const struct sada_io_ops sada_io_system;

/*
 * Fill ERR with "cannot WHAT NAME: reason" from errno, which is kept; NAME
 * is quoted.  Returns SADA_SYS.
 */
int sada_io_fail(struct sada_err *err, const char *what, const char *name);

#endif
