/* Peers and remotes: the configuration of a replica. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "format/op.h"
#include "transport/place.h"
#include "verb/verb_priv.h"

static void
put_line(struct sada_buf *out, const char *name, const struct sada_pub *pub)
{
	sada_buf_addf(out, "%s ", name);
	sada_pub_text(out, pub);
}

int
sada_peer_self(struct sada_replica *r, struct sada_buf *line,
    char id[SADA_VERB_HEX], struct sada_err *err)
{
	(void)err;
	if (id != NULL)
		sada_id_hex(id, &sada_key_pub(r->key)->id);
	put_line(line, r->name, sada_key_pub(r->key));
	return 0;
}

/* Split "NAME KEY" or "KEY"; NAME gets 65 bytes, "" when there is none. */
static int
split_line(const char *text, char name[65], const char **key, size_t *n,
    struct sada_err *err)
{
	const char *p = text + strspn(text, " \t"), *end;
	size_t len = strcspn(p, " \t\r\n");

	name[0] = '\0';
	end = p + len;
	end += strspn(end, " \t\r\n");
	if (*end != '\0') {
		if (len > 64)
			return sada_err_set(err, SADA_FORMAT,
			    "the line is no public line (NAME KEY)");
		memcpy(name, p, len);
		name[len] = '\0';
		p = end;
		len = strcspn(p, " \t\r\n");
		end = p + len;
		if (end[strspn(end, " \t\r\n")] != '\0')
			return sada_err_set(err, SADA_FORMAT,
			    "the line is no public line (NAME KEY)");
	}
	*key = p;
	*n = len;
	return 0;
}

int
sada_peer_add(struct sada_replica *r, const char *name, const char *text,
    unsigned dry, struct sada_buf *chosen, struct sada_err *err)
{
	const struct sada_peer *p;
	struct sada_buf key = {0};
	struct sada_pub pub;
	char own[65];
	const char *k = NULL;
	size_t n = 0;
	int rc;

	if ((rc = split_line(text, own, &k, &n, err)) < 0 ||
	    (rc = sada_pub_parse(&pub, k, n, err)) < 0)
		return rc;
	if (name == NULL)
		name = own;
	if (name[0] == '\0')
		return sada_err_set(err, SADA_USAGE,
		    "the peer needs a name: sada-peer add NAME KEY");
	if (!sada_member_name_ok(name))
		return sada_err_set(err, SADA_USAGE, "%s: a name is made of "
		    "letters, digits, '.', '_' and '-', at most 64", name);
	if (sada_id_cmp(&pub.id, &sada_key_pub(r->key)->id) == 0)
		return sada_err_set(err, SADA_USAGE,
		    "%s: this is the replica's own key", name);
	if (chosen != NULL)
		sada_buf_adds(chosen, name);
	p = sada_peers_named(&r->peers, name);
	if (p != NULL && sada_id_cmp(&p->pub.id, &pub.id) != 0)
		return sada_err_set(err, SADA_USAGE,
		    "%s: another peer has this name", name);
	if (p == NULL && (p = sada_peers_with(&r->peers, &pub.id)) != NULL &&
	    !p->retired)
		return sada_err_set(err, SADA_USAGE,
		    "%s: this key is known as peer %s", name, p->name);
	if (p != NULL && !p->retired)
		return 0;
	if (dry)
		return 0;
	sada_pub_text(&key, &pub);
	sada_config_set(r->config, "peer", name, "key", sada_buf_str(&key));
	sada_config_set(r->config, "peer", name, "retired", NULL);
	if (p != NULL && strcmp(p->name, name) != 0)
		sada_config_remove(r->config, "peer", p->name);
	rc = sada_config_save(r->config, r->sdir, err);
	sada_buf_release(&key);
	return rc;
}

/* How many of our ops peer P has not acknowledged; *KNOWN: it did at all. */
static int
count_behind(struct sada_replica *r, const struct sada_peer *p, int *known,
    uint64_t *behind, struct sada_err *err)
{
	struct sada_context *c;
	struct sada_ack a;
	uint32_t *ops, i;
	size_t k, n = 0;
	int rc;

	*behind = sada_log_count(r->log);
	if ((rc = sada_ack_load(&a, r->sdir, &p->pub, err)) < 0)
		return rc;
	*known = rc == 1;
	if (rc == 0)
		return 0;
	ops = sada_calloc(a.nhave + 1, sizeof(*ops));
	for (k = 0; k < a.nhave; k++)
		n += (size_t)sada_log_find(r->log, &a.have[k].op, &ops[n]);
	sada_context_make(&c, r->log, ops, n);
	for (i = 0; i < sada_log_count(r->log); i++)
		*behind -= (uint64_t)sada_context_has(c, i);
	free(c);
	free(ops);
	sada_ack_release(&a);
	return 0;
}

int
sada_peer_list(struct sada_replica *r,
    int (*each)(const struct sada_peer_info *p, void *ctx), void *ctx,
    struct sada_err *err)
{
	size_t i;
	uint32_t k;
	int rc = 0;

	for (i = 0; i < r->peers.n && rc == 0; i++) {
		const struct sada_peer *p = &r->peers.p[i];
		struct sada_peer_info info;
		struct sada_buf key = {0};

		memset(&info, 0, sizeof(info));
		sada_pub_text(&key, &p->pub);
		info.name = p->name;
		info.key = sada_buf_str(&key);
		sada_id_hex(info.id, &p->pub.id);
		info.retired = p->retired;
		for (k = sada_log_count(r->log); k-- > 0; )
			if (sada_id_cmp(&sada_log_op(r->log, k)->dot.author,
			    &p->pub.id) == 0) {
				info.heard_ns = sada_log_op(r->log,
				    k)->wall_ns;
				break;
			}
		rc = count_behind(r, p, &info.known, &info.behind, err);
		if (rc == 0)
			rc = each(&info, ctx);
		sada_buf_release(&key);
	}
	return rc;
}

int
sada_peer_retire(struct sada_replica *r, const char *name, unsigned dry,
    struct sada_err *err)
{
	if (sada_peers_named(&r->peers, name) == NULL)
		return sada_err_set(err, SADA_USAGE,
		    "%s: there is no such peer", name);
	if (dry)
		return 0;
	sada_config_set(r->config, "peer", name, "retired", "true");
	return sada_config_save(r->config, r->sdir, err);
}

/* ---- remotes ---- */

/* PLACE as an absolute path: the directory part is resolved. */
static int
absolute_place(struct sada_buf *out, const char *place,
    struct sada_err *err)
{
	char *cwd = NULL;
	int fd = -1, rc = 0;

	if (place[0] != '/') {
		if ((rc = sada_io_open_user(&fd, ".", O_RDONLY | O_DIRECTORY,
		    0, err)) == 0)
			rc = sada_fd_path(&cwd, fd, err);
		sada_io_close(fd);
		if (rc < 0)
			return rc;
		sada_buf_addf(out, "%s/", strcmp(cwd, "/") == 0 ? "" : cwd);
		free(cwd);
	}
	sada_buf_adds(out, place);
	return 0;
}

int
sada_place_use(unsigned *kind, const char *place, struct sada_err *err)
{
	int rc;

	if ((rc = sada_place_kind(kind, place, err)) < 0)
		return rc == SADA_NOTFOUND ? sada_err_set(err, SADA_ABSENT,
		    "%s: there is no such place", place) : rc;
	if (*kind == SADA_PLACE_HOST)
		return sada_err_set(err, SADA_USAGE, "%s: places on hosts "
		    "are reserved for later; write ./%s for a local one",
		    place, place);
	return 0;
}

int
sada_check_mark(const char *place, const char *mark, struct sada_err *err)
{
	char found[33];
	int rc;

	if (mark == NULL)
		return 0;
	if ((rc = sada_spool_mark(found, place, err)) < 0)
		return rc;
	if (strcmp(found, mark) != 0)
		return sada_err_set(err, SADA_ABSENT, "%s: this is another "
		    "medium than the one that was added", place);
	return 0;
}

int
sada_check_outside(const struct sada_replica *r, unsigned kind,
    const char *place, struct sada_err *err)
{
	size_t n = strcmp(r->path, "/") == 0 ? 0 : strlen(r->path);
	char *path = NULL;
	int fd = -1, rc;

	if (kind == SADA_PLACE_HOST)
		return 0;
	if (kind == SADA_PLACE_PIPE) {
		rc = sada_fd_path(&path, 1, NULL);
		if (rc < 0)
			return 0;
	} else {
		if ((rc = sada_place_where(&fd, kind, place, err)) == 0)
			rc = sada_fd_path(&path, fd, err);
		sada_io_close(fd);
		if (rc < 0)
			return rc;
	}
	if (path[0] == '/' && strncmp(path, r->path, n) == 0 &&
	    (path[n] == '/' || path[n] == '\0'))
		rc = sada_err_set(err, SADA_USAGE, "%s lies inside of the "
		    "directory itself; bundles go elsewhere", place);
	else
		rc = sada_check_no_store(path, place, err);
	free(path);
	return rc;
}

/*
 * The kind of PLACE, if it can be a remote.  A directory that is missing may
 * be one on a medium that is not in: it is not taken for a file to be made,
 * nor made, unless its name says so.
 */
static int
remote_kind(unsigned *kind, const char *place, struct sada_err *err)
{
	int rc, there = 0;

	rc = sada_place_use(kind, place, err);
	if (rc < 0 && rc != SADA_ABSENT)
		return rc;
	if (rc == 0 && *kind == SADA_PLACE_PIPE)
		return sada_err_set(err, SADA_USAGE,
		    "%s: a pipe cannot be a remote", place);
	if (rc == 0 && !sada_place_named(place) &&
	    (there = sada_place_has(place, err)) < 0)
		return there;
	if (rc == 0 && (there || sada_place_named(place)))
		return 0;
	return sada_err_set(err, SADA_ABSENT, "%s is not there: make the "
	    "directory first (mkdir), or name a file *.sada", place);
}

int
sada_remote_add(struct sada_replica *r, const char *name, const char *place,
    const char *const *peers, size_t npeers, unsigned dry,
    struct sada_err *err)
{
	struct sada_buf abs = {0};
	char mark[33] = "";
	unsigned kind;
	size_t i;
	int rc;

	if (!sada_member_name_ok(name))
		return sada_err_set(err, SADA_USAGE, "%s: a name is made of "
		    "letters, digits, '.', '_' and '-', at most 64", name);
	if (sada_remotes_named(&r->remotes, name) != NULL)
		return sada_err_set(err, SADA_USAGE,
		    "%s: there is a remote of this name; remove it first",
		    name);
	for (i = 0; i < npeers; i++)
		if (sada_peers_named(&r->peers, peers[i]) == NULL)
			return sada_err_set(err, SADA_USAGE,
			    "%s: there is no such peer", peers[i]);
	if ((rc = remote_kind(&kind, place, err)) < 0 ||
	    (rc = sada_check_outside(r, kind, place, err)) < 0)
		return rc;
	if (kind == SADA_PLACE_SPOOL && !dry &&
	    (rc = sada_spool_make_mark(mark, place, err)) < 0)
		return rc;
	if (dry)
		return 0;
	if ((rc = absolute_place(&abs, place, err)) < 0)
		goto out;
	sada_config_add(r->config, "remote", name, "place",
	    sada_buf_str(&abs));
	if (mark[0] != '\0')
		sada_config_add(r->config, "remote", name, "spool", mark);
	for (i = 0; i < npeers; i++)
		sada_config_add(r->config, "remote", name, "peer", peers[i]);
	rc = sada_config_save(r->config, r->sdir, err);
out:
	sada_buf_release(&abs);
	return rc;
}

int
sada_remote_list(struct sada_replica *r,
    int (*each)(const struct sada_remote_info *i, void *ctx), void *ctx,
    struct sada_err *err)
{
	struct sada_remote_info info;
	struct sada_err e;
	unsigned kind;
	size_t i;
	int rc;

	(void)err;
	for (i = 0; i < r->remotes.n; i++) {
		const struct sada_remote *m = &r->remotes.r[i];
		char mark[33];

		memset(&info, 0, sizeof(info));
		info.name = m->name;
		info.place = m->place;
		info.peers = (const char *const *)m->peer;
		info.npeers = m->npeer;
		if (m->mark != NULL)
			info.there = sada_spool_mark(mark, m->place,
			    &e) == 0 && strcmp(mark, m->mark) == 0;
		else
			info.there = sada_place_kind(&kind, m->place,
			    &e) == 0;
		if ((rc = each(&info, ctx)) < 0)
			return rc;
	}
	return 0;
}

int
sada_remote_remove(struct sada_replica *r, const char *name, unsigned dry,
    struct sada_err *err)
{
	if (sada_remotes_named(&r->remotes, name) == NULL)
		return sada_err_set(err, SADA_USAGE,
		    "%s: there is no such remote", name);
	if (dry)
		return 0;
	sada_config_remove(r->config, "remote", name);
	return sada_config_save(r->config, r->sdir, err);
}
