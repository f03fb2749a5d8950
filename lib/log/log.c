/*
 * What the log says besides ops: members, the group, its aliases; and
 * creating the log, committing to it, reading records back.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "log/log_priv.h"

/* Where author A is among the known, or belongs: 1 if it is there. */
static int
known_find(const struct sada_log *l, const struct sada_id *a, size_t *at)
{
	size_t lo = 0, hi = l->nknown, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = sada_id_cmp(&l->known[mid].m.pub.id, a);
		if (c == 0) {
			*at = mid;
			return 1;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return 0;
}

/* Is record (NUMBER, HASH) newer than K? */
static int
newer(const struct sada_known *k, uint64_t number,
    const struct sada_id *hash)
{
	if (number != k->m.number)
		return number > k->m.number;
	return sada_id_cmp(hash, &k->hash) > 0;
}

static int
note_member(struct sada_log *l, const struct sada_rec *r,
    struct sada_err *err)
{
	struct sada_member m;
	struct sada_known *k;
	struct sada_id hash;
	size_t at;
	int rc;

	if ((rc = sada_member_decode(&m, r->p, r->n, err)) < 0)
		return rc;
	sada_hash(&hash, SADA_CTX_MEMBER, r->p, r->n);
	if (known_find(l, &m.pub.id, &at)) {
		k = &l->known[at];
		if (!newer(k, m.number, &hash))
			return 0;
		free(k->p);
	} else {
		l->known = sada_grow(l->known, &l->known_cap, l->nknown + 1,
		    sizeof(*l->known));
		k = &l->known[at];
		memmove(k + 1, k, (l->nknown - at) * sizeof(*k));
		l->nknown++;
	}
	k->m = m;
	k->hash = hash;
	k->p = (unsigned char *)sada_memdup(r->p, r->n);
	k->n = r->n;
	return 0;
}

static void
note_alias(struct sada_log *l, const struct sada_id *g)
{
	size_t i;

	for (i = 0; i < l->naliases; i++)
		if (sada_id_cmp(&l->aliases[i], g) == 0)
			return;
	l->aliases = sada_grow(l->aliases, &l->aliases_cap, l->naliases + 1,
	    sizeof(*l->aliases));
	l->aliases[l->naliases++] = *g;
}

int
sada_log_note(struct sada_log *l, const struct sada_rec *r,
    struct sada_err *err)
{
	struct sada_id id;

	switch (r->type) {
	case SADA_LOG_MEMBER:
		return note_member(l, r, err);
	case SADA_LOG_GROUP:
		memcpy(l->group.b, r->p, SADA_ID_LEN);
		l->has_group = 1;
		return 0;
	case SADA_LOG_ALIAS:
		memcpy(id.b, r->p, SADA_ID_LEN);
		note_alias(l, &id);
		return 0;
	case SADA_LOG_EPOCH:
		l->due = 1;
		return 0;
	default:
		return sada_err_set(err, SADA_VERSION,
		    "log record of type %u: a newer sada is needed", r->type);
	}
}

/* Free what sada_log_note() kept. */
static void
note_release(struct sada_log *l)
{
	size_t i;

	for (i = 0; i < l->nknown; i++)
		free(l->known[i].p);
	free(l->known);
	free(l->aliases);
}

int
sada_log_group(const struct sada_log *l, struct sada_id *out)
{
	if (l->has_group)
		*out = l->group;
	return l->has_group;
}

int
sada_log_group_is(const struct sada_log *l, const struct sada_id *g)
{
	size_t i;

	if (l->has_group && sada_id_cmp(&l->group, g) == 0)
		return 1;
	for (i = 0; i < l->naliases; i++)
		if (sada_id_cmp(&l->aliases[i], g) == 0)
			return 1;
	return 0;
}

const struct sada_id *
sada_log_aliases(const struct sada_log *l, size_t *n)
{
	*n = l->naliases;
	return l->aliases;
}

int
sada_log_member(const struct sada_log *l, const struct sada_id *a,
    struct sada_member *m)
{
	size_t at;

	if (!known_find(l, a, &at))
		return 0;
	*m = l->known[at].m;
	return 1;
}

int
sada_log_member_bytes(const struct sada_log *l, const struct sada_id *a,
    const unsigned char **p, size_t *n)
{
	size_t at;

	if (!known_find(l, a, &at))
		return 0;
	*p = l->known[at].p;
	*n = l->known[at].n;
	return 1;
}

int
sada_log_members(const struct sada_log *l,
    int (*each)(const struct sada_member *m, void *ctx), void *ctx,
    struct sada_err *err)
{
	size_t i;
	int rc;

	(void)err;	/* EACH has its own, in CTX */
	for (i = 0; i < l->nknown; i++)
		if ((rc = each(&l->known[i].m, ctx)) != 0)
			return rc;
	return 0;
}

/* What undo() leaves of a frame whose fdatasync failed. */
#define STUB 8

/* An op of a payload, to find it by id. */
struct fresh {
	struct sada_id id;
	size_t at;
};

/*
 * The records of PAYLOAD, those that are no op asserted to be good: a bug
 * must not leave a log behind that cannot be opened.
 */
static void
parse(struct sada_recs *recs, const struct sada_buf *payload, uint32_t count)
{
	struct sada_member m;
	size_t i;
	int rc;

	sada_recs_parse(recs, payload->p, payload->len);
	assert(recs->n == count);
	for (i = 0; i < recs->n; i++) {
		if (recs->v[i].type != SADA_LOG_MEMBER)
			continue;
		rc = sada_member_decode(&m, recs->v[i].p, recs->v[i].n, NULL);
		assert(rc == 0);
	}
}

int
sada_log_create(int dirfd, const struct sada_buf *payload, uint32_t count,
    struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	struct sada_recs recs = { NULL, 0, 0 };
	struct sada_buf b = { 0 };
	struct sada_id zero, hash;
	size_t i;
	int rc;

	parse(&recs, payload, count);
	for (i = 0; i < recs.n; i++)
		assert(recs.v[i].type != SADA_LOG_OP);
	sada_recs_release(&recs);
	memset(&zero, 0, sizeof(zero));
	sada_segment_name(name, 1);
	sada_log_header(&b, 1);
	sada_frame_encode(&b, SADA_FRAME_LOCALMETA, count, payload, &zero, 1,
	    SADA_LOG_HEADER, &hash);
	rc = sada_io_publish(dirfd, name, b.p, b.len, SADA_PUBLISH_NEW, err);
	sada_buf_release(&b);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}

void
sada_log_free(struct sada_log *l)
{
	if (l == NULL)
		return;
	sada_io_close(l->dirfd);
	sada_io_close(l->fd);
	sada_io_close(l->rfd);
	sada_index_release(l);
	note_release(l);
	free(l);
}

void
sada_log_segment_max(struct sada_log *l, uint64_t max)
{
	l->max = max;
}

int
sada_log_was_cut(const struct sada_log *l)
{
	return l->was_cut;
}

static int
cmp_fresh(const void *a, const void *b)
{
	return sada_id_cmp(&((const struct fresh *)a)->id,
	    &((const struct fresh *)b)->id);
}

/* Is the op with this id held, or in V before place AT? */
static int
ready(const struct sada_log *l, const struct fresh *v, size_t n,
    const struct sada_id *id, size_t at)
{
	const struct fresh *f;
	struct fresh key;
	uint32_t i;

	if (sada_log_find(l, id, &i))
		return 1;
	key.id = *id;
	f = bsearch(&key, v, n, sizeof(*v), cmp_fresh);
	return f != NULL && f->at < at;
}

/* Assert what the caller promised of ops, before a byte is written. */
static void
check_promises(const struct sada_log *l, const struct sada_recs *recs)
{
	struct fresh *v = sada_malloc((recs->n + 1) * sizeof(*v));
	const struct sada_rec *r;
	size_t i, k, n = 0;
	uint32_t held;

	for (i = 0; i < recs->n; i++) {
		if (recs->v[i].type != SADA_LOG_OP)
			continue;
		v[n].id = recs->v[i].id;
		v[n++].at = i;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), cmp_fresh);
	for (i = 1; i < n; i++)
		assert(cmp_fresh(&v[i - 1], &v[i]) != 0);
	for (i = 0; i < recs->n; i++) {
		r = &recs->v[i];
		if (r->type != SADA_LOG_OP)
			continue;
		assert(r->rc == 0 && !sada_log_find(l, &r->id, &held));
		for (k = 0; k < r->op.nparents; k++)
			assert(ready(l, v, n, &r->op.parents[k], i));
	}
	free(v);
}

/* Publish the next segment and go on there. */
static int
roll_over(struct sada_log *l, struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	int fd = -1, rc;

	sada_segment_name(name, l->segment + 1);
	if ((rc = sada_segment_new(l->dirfd, l->segment + 1,
	    SADA_PUBLISH_NEW, err)) < 0 ||
	    (rc = sada_io_open(&fd, l->dirfd, name, O_RDWR, 0, err)) < 0)
		return rc;
	sada_io_close(l->fd);
	l->fd = fd;
	l->segment++;
	l->end = SADA_LOG_HEADER;
	return 0;
}

/*
 * Take back a frame, as far as the system lets us.  After a failed
 * fdatasync the kernel may call pages clean that never reached the disk:
 * a whole frame in its cache would be believed by the next run, and the
 * page with the end of the frame before could be stale.  So the frame is
 * cut off, and a stub of it written: that makes the shared page dirty
 * again, for the next run's fsync, and tells that run by a torn tail to
 * open a new epoch.
 */
static void
undo(struct sada_log *l, const unsigned char *stub)
{
	if (sada_io_truncate(l->fd, l->end, NULL) == 0 && stub != NULL &&
	    sada_io_pwrite(l->fd, stub, STUB, l->end, NULL) < 0)
		return;	/* the next run sees a whole tail or none */
}

/* Write FRAME at the end, durably. */
static int
append(struct sada_log *l, const struct sada_buf *frame,
    struct sada_err *err)
{
	int rc;

	if ((rc = sada_io_pwrite(l->fd, frame->p, frame->len, l->end,
	    err)) < 0) {
		undo(l, NULL);
		return rc;
	}
	if ((rc = sada_io_fdatasync(l->fd, "the log", err)) < 0)
		undo(l, frame->p);
	return rc;
}

/* Take in the records of PAYLOAD, whose frame stands at the end. */
static void
admit(struct sada_log *l, unsigned kind, const struct sada_recs *recs,
    const unsigned char *payload)
{
	const struct sada_rec *r;
	unsigned missing;
	size_t i;
	int rc;

	for (i = 0; i < recs->n; i++) {
		r = &recs->v[i];
		if (r->type == SADA_LOG_OP) {
			missing = sada_index_add(l, r, kind, l->segment,
			    l->end + SADA_FRAME_HEAD +
			    (uint64_t)(r->p - payload));
			assert(missing == 0);
		} else {
			rc = sada_log_note(l, r, NULL);
			assert(rc == 0);
		}
	}
}

int
sada_log_commit(struct sada_log *l, unsigned kind,
    const struct sada_buf *payload, uint32_t count, struct sada_err *err)
{
	struct sada_recs recs = { NULL, 0, 0 };
	struct sada_buf frame = { 0 };
	struct sada_id hash;
	int rc;

	assert((l->flags & SADA_LOG_WRITE) != 0);
	if (l->dead)
		return sada_err_set(err, SADA_SYS, "the log takes nothing "
		    "more after a failed write; run the command again");
	parse(&recs, payload, count);
	check_promises(l, &recs);
	l->dead = 1;
	if (l->end > l->max && (rc = roll_over(l, err)) < 0)
		goto out;
	sada_frame_encode(&frame, kind, count, payload, &l->last, l->segment,
	    l->end, &hash);
	if ((rc = append(l, &frame, err)) < 0)
		goto out;
	admit(l, kind, &recs, payload->p);
	l->end += frame.len;
	l->last = hash;
	l->dead = 0;
out:
	sada_recs_release(&recs);
	sada_buf_release(&frame);
	return rc == SADA_NOTFOUND ? SADA_SYS : rc;
}

/* Make rfd the segment NUMBER. */
static int
open_for_read(struct sada_log *l, uint64_t number, struct sada_err *err)
{
	char name[SADA_SEGMENT_NAME];
	int rc;

	if (l->rfd >= 0 && l->rseg == number)
		return 0;
	sada_io_close(l->rfd);
	l->rfd = -1;
	sada_segment_name(name, number);
	rc = sada_io_open(&l->rfd, l->dirfd, name, O_RDONLY, 0, err);
	if (rc < 0)
		return rc == SADA_NOTFOUND ? SADA_DAMAGED : rc;
	l->rseg = number;
	return 0;
}

int
sada_log_read(struct sada_log *l, uint32_t i, struct sada_buf *out,
    struct sada_err *err)
{
	const struct sada_op_info *o = sada_log_op(l, i);
	struct sada_id id;
	unsigned char *p;
	size_t got;
	int rc;

	if ((rc = open_for_read(l, o->segment, err)) < 0)
		return rc;
	p = sada_buf_reserve(out, o->len);
	if ((rc = sada_io_pread(l->rfd, p, o->len, o->off, &got, err)) < 0)
		return rc;
	sada_hash(&id, SADA_CTX_OP, p, got);
	if (got != o->len || sada_id_cmp(&id, &o->id) != 0)
		return sada_err_set(err, SADA_DAMAGED, "log segment %u is "
		    "damaged at offset %" PRIu64 ": an operation's record "
		    "changed", (unsigned)o->segment, o->off);
	out->len += o->len;
	return 0;
}
