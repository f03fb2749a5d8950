/* libgit2, loaded when it is first needed.  Private to lib/git. */
#ifndef SADA_GIT_LOAD_H
#define SADA_GIT_LOAD_H

#include <git2.h>
#include <git2/sys/config.h>
#include <git2/sys/hashsig.h>
#include <git2/sys/repository.h>

#include "base/err.h"

/* Its functions that are used here: git_ stands before each name. */
#define SADA_GIT_CALLS(CALL) \
	CALL(config_add_backend) \
	CALL(config_free) \
	CALL(config_new) \
	CALL(diff_options_init) \
	CALL(error_last) \
	CALL(hashsig_compare) \
	CALL(hashsig_create) \
	CALL(hashsig_free) \
	CALL(ignore_add_rule) \
	CALL(ignore_path_is_ignored) \
	CALL(libgit2_init) \
	CALL(libgit2_shutdown) \
	CALL(merge_file) \
	CALL(merge_file_input_init) \
	CALL(merge_file_options_init) \
	CALL(merge_file_result_free) \
	CALL(patch_free) \
	CALL(patch_from_buffers) \
	CALL(patch_print) \
	CALL(repository_free) \
	CALL(repository_new) \
	CALL(repository_set_bare) \
	CALL(repository_set_config)

struct sada_git {
#define CALL(name) __typeof__(git_##name) *name;
	SADA_GIT_CALLS(CALL)
#undef CALL
};

/*
 * Start libgit2, loading it the first time.  *G becomes the table of its
 * functions, which hold for good.  Returns how many uses are started, this
 * one included; each is ended by libgit2_shutdown().  Errors: SYS.
 */
SADA_MUST int sada_git_start(struct sada_git *g, struct sada_err *err);
/* Set ERR, of code SYS, to WHAT and why libgit2 says that it failed. */
int sada_git_fail(const struct sada_git *g, const char *what,
    struct sada_err *err);

#endif
