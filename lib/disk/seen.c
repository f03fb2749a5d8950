/* What was seen of a name: a few fields of its stat, and their doubts. */
#include "disk/work.h"

#define TICK_NS (20 * 1000000LL)
#define COARSE_NS (2 * 1000000000LL)
/* Seconds that fit in nanoseconds of 64 bits, with room to add. */
#define SECONDS_MAX 9000000000LL

void
sada_seen_of(struct sada_seen *seen, const struct sada_stat *st)
{
	seen->ino = st->ino;
	seen->size = st->size;
	seen->mtime_s = st->mtime_s;
	seen->mtime_ns = st->mtime_ns;
	seen->ctime_s = st->ctime_s;
	seen->ctime_ns = st->ctime_ns;
	seen->mode = st->mode;
}

int
sada_seen_same(const struct sada_seen *a, const struct sada_stat *st)
{
	return a->ino == st->ino && a->size == st->size &&
	    a->mtime_s == st->mtime_s && a->mtime_ns == st->mtime_ns &&
	    a->ctime_s == st->ctime_s && a->ctime_ns == st->ctime_ns &&
	    a->mode == st->mode;
}

/* Is the stamp too young for NOW to tell changes after it? */
static int
young(int64_t s, uint32_t ns, long long now_ns)
{
	long long t;

	if (s > SECONDS_MAX)
		return 1;
	if (s < 0)
		return 0;
	t = s * 1000000000LL + (long long)ns;
	return t >= now_ns - (ns == 0 ? COARSE_NS : TICK_NS);
}

int
sada_seen_racy(const struct sada_stat *st, long long now_ns)
{
	return young(st->mtime_s, st->mtime_ns, now_ns) ||
	    young(st->ctime_s, st->ctime_ns, now_ns);
}
