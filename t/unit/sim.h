/*
 * Histories of whole replicas in memory: what the parts of the simulation
 * share.
 *
 * A plan is a list of steps, each with a number of its own that makes all
 * that is random in it, so that a step does the same whatever other steps
 * were dropped: that is how a failing plan is made small.
 */
#ifndef SADA_UNIT_SIM_H
#define SADA_UNIT_SIM_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memfs.h"
#include "verb/verb.h"

#define SIM_REPS 8		/* stores, copies among them */
#define SIM_STEPS 96
#define SIM_MAIL 48
#define SIM_BACKUPS 4

/* ---- plans ---- */

enum sim_what { SIM_EDIT, SIM_SNAP, SIM_PUSH, SIM_PULL, SIM_MERGE, SIM_SYNC,
	SIM_COURIER, SIM_CLOCK, SIM_CACHES, SIM_BACKUP, SIM_RESTORE,
	SIM_CLONE, SIM_TAKE, SIM_LOOK, SIM_LIE, SIM_GC, SIM_NWHAT };

struct sim_step {
	unsigned what;		/* enum sim_what */
	unsigned r;		/* which replica, of those there are */
	unsigned fault;		/* does the verb meet one? */
	uint64_t z;
};

struct sim_plan {
	uint64_t seed;
	unsigned nreps;
	unsigned join;		/* may pull join groups before healing? */
	size_t n;
	struct sim_step step[SIM_STEPS];
};

extern const char *const sim_names[SIM_NWHAT];

/* The plan that SEED makes. */
void sim_plan(struct sim_plan *p, uint64_t seed);
void sim_plan_print(FILE *f, const struct sim_plan *p, const char *prefix);
/* Read a plan that was printed; 0, or -1. */
int sim_plan_read(struct sim_plan *p, const char *file);

/* ---- sums ---- */

enum sim_count { N_HISTORIES, N_STEPS, N_VERBS, N_OPS, N_PUSHED, N_PULLED,
	N_TAKEN, N_PARKED, N_REFUSED, N_MERGED, N_CONFLICTS, N_GUARDS,
	N_CRASHES, N_FAULTS, N_FULL, N_RESTORES, N_CLONES, N_CACHES,
	N_DAMAGED, N_LOST, N_DOUBLED, N_SKIPPED, N_EXCUSED, N_CHECKED,
	N_UNHELD, N_ROUNDS, N_NAIVE, N_TWINS, N_SWEPT, N_DROPPED, N_BASES,
	N_COUNTS };
extern const char *const sim_counts[N_COUNTS];

/* ---- the world ---- */

/* A content that snap said was recorded. */
struct sim_held {
	char op[SADA_VERB_HEX];
	char content[SADA_VERB_HEX];
	char *path;
	size_t size;
};
struct sim_helds {
	struct sim_held *h;
	size_t n, cap;
};

struct sim_rep {
	char root[16];			/* "/r0" */
	char name[16];			/* of its key */
	char machine[40];
	int disk;
	unsigned key;			/* copies share one */
	struct sim_helds held;		/* what this very store recorded */
	struct sim_helds last;		/* contents at its last snap, by path */
	int fresh;			/* nothing but the user came since */
	struct sim_helds avoid;		/* names that were left alone */
};

struct sim_mail {
	unsigned char *p;
	size_t n;
	unsigned from, to;		/* key, set of keys */
	unsigned whole;			/* as it was sent */
};

struct sim_backup {
	unsigned r;
	struct sim_helds held;
};

/* An op that was told. */
struct sim_told {
	char op[SADA_VERB_HEX];
	int excused;			/* only a store had it that was set back */
};

struct sim {
	const struct sim_plan *plan;
	struct sim_rep rep[SIM_REPS];
	unsigned nrep, nkey;
	struct sim_mail mail[SIM_MAIL];
	unsigned nmail;
	struct sim_backup backup[SIM_BACKUPS];
	unsigned nbackup;
	struct sim_told *told;
	size_t ntold, captold;
	int restored;			/* some store was set back */
	int swept;			/* some gc dropped what was recorded */
	struct sim_helds unheld;	/* names whose content nobody has */
	uint64_t z;			/* randomness of this step */
	int verbose;
	size_t read;			/* bytes of what callbacks were given */
	long *count;			/* N_COUNTS of them */
	/* What the last verb said. */
	char **note;
	size_t nnote, capnote;
	/* Failure: the first one ends the history. */
	jmp_buf out;
	const char *label;
	char text[600];
};

/* The history failed: LABEL says how, in words that do not vary. */
_Noreturn void sim_fail(struct sim *w, const char *label, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* A line when verbose. */
void sim_say(struct sim *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What is in the directory of R, when verbose. */
void sim_show(struct sim *w, const struct sim_rep *r);
/* The next random number of this step, and one below N. */
uint64_t sim_rand(struct sim *w);
unsigned sim_below(struct sim *w, unsigned n);

/* Play plan P; 0, or -1 with label and text in W.  Frees all but those. */
int sim_play(struct sim *w, const struct sim_plan *p);

/* ---- sim_world.c ---- */

/* The replicas of the plan as they are after init and exchange of keys. */
void sim_world_begin(struct sim *w);
void sim_world_end(struct sim *w);
uint64_t sim_hash(const void *p, size_t n);
/* PATH was recorded by OP with the N bytes at P. */
void sim_held_add(struct sim_helds *h, const char *op, const char *path,
    const void *p, size_t n);
void sim_held_copy(struct sim_helds *to, const struct sim_helds *from);
void sim_held_clear(struct sim_helds *h);
/* Is NAME, or a directory that it is in, among them? */
int sim_held_below(const struct sim_helds *h, const char *name);

/* ---- sim_verb.c: what a command does, from open to close ---- */

/*
 * A verb under way meets: NONE, a crash, a call that fails, a full disk.
 * sim_meet() arms what FAULT and this step's randomness say; sim_met() is
 * called after the verb with its RC: whatever was broken works again; the
 * result is 1 when a fault fired.  OK is the set of codes allowed without.
 */
void sim_meet(struct sim *w, struct sim_rep *r, unsigned fault);
int sim_met(struct sim *w, struct sim_rep *r, const char *verb, int rc,
    const struct sada_err *err, unsigned ok);
#define SIM_OK(code) (1U << -(code))

enum { SIM_ACCEPT = 1 };
/* Each returns the verb's code. */
int sim_snap(struct sim *w, struct sim_rep *r, unsigned fault,
    unsigned flags, char op[SADA_VERB_HEX]);
/* TO: set of keys; HOW: 0 delta, 1 full, 2 since.  The mail, or NULL. */
struct sim_mail *sim_push(struct sim *w, struct sim_rep *r, unsigned fault,
    unsigned to, unsigned how);
/* Take M; *OPS (may be NULL) new ones. */
int sim_pull(struct sim *w, struct sim_rep *r, unsigned fault,
    const struct sim_mail *m, unsigned join, uint64_t *ops);
int sim_merge(struct sim *w, struct sim_rep *r, unsigned fault,
    unsigned flags, struct sada_merge_result *res);
int sim_sync(struct sim *w, struct sim_rep *r, unsigned fault);
/* Open for looking or, with WRITE, for recovery; failure ends it. */
struct sada_replica *sim_open(struct sim *w, struct sim_rep *r,
    unsigned flags);
void sim_close(struct sim *w, struct sada_replica *x);
/* Call EACH for all ops that R holds. */
void sim_ops(struct sim *w, struct sim_rep *r,
    void (*each)(const struct sada_log_entry *e, void *ctx), void *ctx);
void sim_mail_drop(struct sim *w, unsigned i);

/* ---- sim_step.c, sim_edit.c, sim_heal.c ---- */
void sim_step(struct sim *w, const struct sim_step *s);
void sim_edit(struct sim *w, struct sim_rep *r);
/* Connect all and check. */
void sim_heal(struct sim *w);
/*
 * All ops of a history that went well are in the log of the first replica:
 * is its state what the rules make of them?  (sim_naive.c)
 */
void sim_after(struct sim *w);

#endif
