/* Errors: one code, one sentence, set where detected, printed once. */
#ifndef SADA_BASE_ERR_H
#define SADA_BASE_ERR_H

#define SADA_MUST __attribute__((warn_unused_result))
#define SADA_PRINTF(f, a) __attribute__((format(printf, f, a)))

/*
 * What went wrong, as far as a caller may act on it.  Functions return
 * 0 or one of these; the exit status of a command follows from it.
 */
enum sada_code {
	SADA_OK = 0,
	SADA_SYS = -1,		/* a system call failed; errno kept: 74 */
	SADA_NOTFOUND = -2,	/* the thing named is not held: by context */
	SADA_FORMAT = -3,	/* bytes that break their format: 65 */
	SADA_VERSION = -4,	/* a newer format or critical feature: 65 */
	SADA_AUTH = -5,		/* not permitted, sender not known: 77 */
	SADA_BUSY = -6,		/* another command holds the lock: 75 */
	SADA_GUARD = -7,	/* a guard stopped before any change: 2 */
	SADA_LATER = -8,	/* needs something not here yet: parked */
	SADA_DAMAGED = -9,	/* our own store is damaged: 74 */
	SADA_USAGE = -10,	/* unknown REV, PATH, PEER, bad words: 64 */
	SADA_ABSENT = -11,	/* replica, medium or place not there: 69 */
	SADA_AGAIN = -12	/* changed while it was read: try later */
};

/* Filled by the function that fails; owned by the caller; no cleanup. */
struct sada_err {
	int code;		/* enum sada_code */
	int sys;		/* errno, or 0 */
	char msg[512];		/* one line, no newline, names quoted */
};

/*
 * Fill ERR (may be NULL) with CODE and a formatted sentence; returns
 * CODE so that "return sada_err_set(...)" reads well.  What is printed into
 * it may be the sentence that ERR holds, here and below.
 */
int sada_err_set(struct sada_err *err, int code, const char *fmt, ...)
    SADA_PRINTF(3, 4);

/*
 * As sada_err_set() with code SADA_SYS, keeping the current errno and
 * appending ": " and its text.
 */
int sada_err_sys(struct sada_err *err, const char *fmt, ...)
    SADA_PRINTF(2, 3);

/*
 * Put a formatted prefix and ": " before the sentence in ERR, for the
 * rare case that only the caller knows which file it was.  Returns the
 * code that ERR holds.
 */
int sada_err_prefix(struct sada_err *err, const char *fmt, ...)
    SADA_PRINTF(2, 3);

/* The documented exit status (0, 1, 2, 64 to 77) of code CODE. */
int sada_err_exit(int code);

#endif
