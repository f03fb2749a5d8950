/*
 * What the config says of others.
 *
 * Peers: [peer "NAME"] key = sada1..., retired = true.
 * Remotes: [remote "NAME"] place = ..., peer = ... (many), spool = MARK.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format/op.h"
#include "peer/peer_priv.h"

/* A reading under way; KEYED: which of the peers have their key. */
struct reading {
	struct sada_peers *ps;
	size_t cap;
	char *keyed;
	size_t keyed_cap;
	struct sada_err *err;
};

/* The peer NAME, made if it is new; its place. */
static size_t
place_of(struct reading *r, const char *name)
{
	struct sada_peers *ps = r->ps;
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (strcmp(ps->p[i].name, name) == 0)
			return i;
	ps->p = sada_grow(ps->p, &r->cap, ps->n + 1, sizeof(*ps->p));
	r->keyed = sada_grow(r->keyed, &r->keyed_cap, ps->n + 1, 1);
	memset(&ps->p[i], 0, sizeof(ps->p[i]));
	memcpy(ps->p[i].name, name, strlen(name));
	r->keyed[i] = 0;
	ps->n++;
	return i;
}

/* "true" as git reads it; -1: neither true nor false. */
static int
truth(const char *s)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0", "" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(s, yes[i]) == 0)
			return 1;
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(s, no[i]) == 0)
			return 0;
	return -1;
}

static int
peer_value(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	struct reading *r = ctx;
	struct sada_peer *p;
	size_t i;
	int rc;

	if (strcmp(section, "peer") != 0)
		return 0;
	if (sub == NULL || !sada_member_name_ok(sub))
		return sada_err_set(r->err, SADA_FORMAT, "config: '%s' is no "
		    "name for a peer", sub != NULL ? sub : "");
	i = place_of(r, sub);
	p = &r->ps->p[i];
	if (strcmp(key, "key") == 0 && !r->keyed[i]) {
		r->keyed[i] = 1;
		rc = sada_pub_parse(&p->pub, value, strlen(value), r->err);
		if (rc < 0)
			(void)sada_err_prefix(r->err, "config: peer %s", sub);
		return rc;
	}
	if (strcmp(key, "retired") == 0) {
		p->retired = truth(value);
		if (p->retired < 0)
			return sada_err_set(r->err, SADA_FORMAT, "config: "
			    "peer %s: retired is neither true nor false", sub);
	}
	return 0;
}

static int
name_order(const void *a, const void *b)
{
	const struct sada_peer *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Every peer has a key, and none has that of another. */
static int
check_keys(const struct reading *r)
{
	const struct sada_peers *ps = r->ps;
	size_t i, j;

	for (i = 0; i < ps->n; i++) {
		if (!r->keyed[i])
			return sada_err_set(r->err, SADA_FORMAT,
			    "config: peer %s has no key", ps->p[i].name);
		for (j = 0; j < i; j++)
			if (sada_id_cmp(&ps->p[i].pub.id,
			    &ps->p[j].pub.id) == 0)
				return sada_err_set(r->err, SADA_FORMAT,
				    "config: peers %s and %s have one key",
				    ps->p[j].name, ps->p[i].name);
	}
	return 0;
}

int
sada_peers_read(struct sada_peers *ps, const struct sada_config *c,
    struct sada_err *err)
{
	struct reading r = { 0 };
	int rc;

	memset(ps, 0, sizeof(*ps));
	r.ps = ps;
	r.err = err;
	if ((rc = sada_config_each(c, peer_value, &r)) < 0 ||
	    (rc = check_keys(&r)) < 0)
		goto out;
	if (ps->n > 0)
		qsort(ps->p, ps->n, sizeof(*ps->p), name_order);
out:
	free(r.keyed);
	if (rc < 0)
		sada_peers_release(ps);
	return rc;
}

void
sada_peers_release(struct sada_peers *ps)
{
	free(ps->p);
	memset(ps, 0, sizeof(*ps));
}

const struct sada_peer *
sada_peers_named(const struct sada_peers *ps, const char *name)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (strcmp(ps->p[i].name, name) == 0)
			return &ps->p[i];
	return NULL;
}

const struct sada_peer *
sada_peers_with(const struct sada_peers *ps, const struct sada_id *id)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (sada_id_cmp(&ps->p[i].pub.id, id) == 0)
			return &ps->p[i];
	return NULL;
}

/* A reading of remotes under way. */
struct listing {
	struct sada_remotes *rs;
	size_t cap;
	struct sada_err *err;
};

/* The remote NAME, made if it is new. */
static struct sada_remote *
remote_of(struct listing *r, const char *name)
{
	struct sada_remotes *rs = r->rs;
	size_t i;

	for (i = 0; i < rs->n; i++)
		if (strcmp(rs->r[i].name, name) == 0)
			return &rs->r[i];
	rs->r = sada_grow(rs->r, &r->cap, rs->n + 1, sizeof(*rs->r));
	memset(&rs->r[i], 0, sizeof(rs->r[i]));
	rs->r[i].name = sada_strdup(name);
	rs->n++;
	return &rs->r[i];
}

static void
add_peer(struct sada_remote *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->npeer; i++)
		if (strcmp(m->peer[i], name) == 0)
			return;
	m->peer = sada_realloc(m->peer, (m->npeer + 1) * sizeof(*m->peer));
	m->peer[m->npeer++] = sada_strdup(name);
}

static int
mark_ok(const char *s)
{
	return strspn(s, "0123456789abcdef") == 32 && s[32] == '\0';
}

static int
remote_value(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	struct listing *r = ctx;
	struct sada_remote *m;

	if (strcmp(section, "remote") != 0)
		return 0;
	if (sub == NULL || !sada_member_name_ok(sub))
		return sada_err_set(r->err, SADA_FORMAT, "config: '%s' is no "
		    "name for a remote", sub != NULL ? sub : "");
	m = remote_of(r, sub);
	if (strcmp(key, "place") == 0 && m->place == NULL)
		m->place = sada_strdup(value);
	else if (strcmp(key, "peer") == 0)
		add_peer(m, value);
	else if (strcmp(key, "spool") == 0 && m->mark == NULL) {
		if (!mark_ok(value))
			return sada_err_set(r->err, SADA_FORMAT, "config: "
			    "remote %s: spool is no mark of 32 hex digits",
			    sub);
		m->mark = sada_strdup(value);
	}
	return 0;
}

int
sada_remotes_read(struct sada_remotes *rs, const struct sada_config *c,
    struct sada_err *err)
{
	struct listing r = { 0 };
	size_t i;
	int rc;

	memset(rs, 0, sizeof(*rs));
	r.rs = rs;
	r.err = err;
	rc = sada_config_each(c, remote_value, &r);
	for (i = 0; rc == 0 && i < rs->n; i++)
		if (rs->r[i].place == NULL || *rs->r[i].place == '\0')
			rc = sada_err_set(err, SADA_FORMAT, "config: remote "
			    "%s has no place", rs->r[i].name);
	if (rc < 0)
		sada_remotes_release(rs);
	return rc;
}

const struct sada_remote *
sada_remotes_named(const struct sada_remotes *rs, const char *name)
{
	size_t i;

	for (i = 0; i < rs->n; i++)
		if (strcmp(rs->r[i].name, name) == 0)
			return &rs->r[i];
	return NULL;
}

void
sada_remotes_release(struct sada_remotes *rs)
{
	struct sada_remote *m;
	size_t i, j;

	for (i = 0; i < rs->n; i++) {
		m = &rs->r[i];
		for (j = 0; j < m->npeer; j++)
			free(m->peer[j]);
		free(m->peer);
		free(m->name);
		free(m->place);
		free(m->mark);
	}
	free(rs->r);
	memset(rs, 0, sizeof(*rs));
}
