/* Remotes: [remote "NAME"] place = ..., peer = ... (many), spool = MARK. */
#include <stdlib.h>
#include <string.h>

#include "format/op.h"
#include "peer/peer_priv.h"

struct reading {
	struct sada_remotes *rs;
	size_t cap;
	struct sada_err *err;
};

/* The remote NAME, made if it is new. */
static struct sada_remote *
remote_of(struct reading *r, const char *name)
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
one_value(const char *section, const char *sub, const char *key,
    const char *value, void *ctx)
{
	struct reading *r = ctx;
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
	struct reading r = { 0 };
	size_t i;
	int rc;

	memset(rs, 0, sizeof(*rs));
	r.rs = rs;
	r.err = err;
	rc = sada_config_each(c, one_value, &r);
	for (i = 0; rc == 0 && i < rs->n; i++)
		if (rs->r[i].place == NULL || *rs->r[i].place == '\0')
			rc = sada_err_set(err, SADA_FORMAT, "config: remote "
			    "%s has no place", rs->r[i].name);
	if (rc < 0)
		sada_remotes_release(rs);
	return rc;
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
