"""converge_view: what a set of ops shows, by the rules of sada-store(5).

Renames carry versions to other names, the versions of a name are folded into
groups that merge, and groups beside the first become copies.
"""
import collections
import os
import subprocess
import tempfile

from converge_log import ANC, CHUNK, HINT_DIR, H

# What a name was laid out or recorded as; cover is a set of versions.
Row = collections.namedtuple('Row', 'slot kind content mode mtime size cover')

MERGED_AT_MOST = 16             # versions of a slot
MERGE_MAX = 8 << 20
LIST_DOTS = 256                 # of the ancestors of a version
MERGES, MERGE_BYTES = 64, 128 << 20     # that are tried for a slot
STEPS = 64                      # of a version that follows renames
BASES, SUBS = 8, 64             # of one merge, and how often more are found
LACKS = 'lacks'                 # what a merge comes to without a content
PATH_MAX, NAME_MAX = 4095, 255


class Wrong(Exception):
    """What the replica says and the rules differ."""


class Group:
    """Versions that share a name, and what that shows."""

    def __init__(self, v):
        self.kind, self.size, self.content = v.what()
        self.mode, self.mtime = v.mode, v.mtime
        self.versions = []


class View:
    def __init__(self, model, ops, held):
        self.model, self.ops, self.held = model, ops, held
        self.lives = model.living(ops)
        self.merged = set()     # contents that merges made
        self.shown = collections.defaultdict(set)
        self.moved = set()      # versions that stand elsewhere
        movers = sorted((o for o in ops if model.log[o].hints),
                        key=lambda o: (model.lamport[o], model.dot(o)[0], o),
                        reverse=True)
        for slot, versions in list(self.lives.items()):
            for v in versions:
                at = self.carried(v, slot, movers)
                self.shown[at].add(v)
                if at != slot:
                    model.carried.add((v, at))
                    self.moved.add(v)

    # ---- renames ----

    def carried(self, v, path, movers):
        """Where version V, which lives at PATH, is shown."""
        out, last = path, None
        for _ in range(STEPS):
            for k in movers:
                if last and (k == last or last not in self.model.past[k]):
                    continue
                h = hint_for(self.model.log[k].hints, path, v.kind)
                if h is None or v.op in self.model.past[k] or \
                        k in self.model.past[v.op]:
                    continue
                to = h[2] + path[len(h[1]):]
                if not path_ok(to):
                    return out
                path, last = to, k
                if self.lives_since(k, h):
                    out = path
                break
            else:
                break
        return out

    def lives_since(self, k, h):
        """Does anything live where hint H leads that has seen op K?

        Nothing here comes near to the number that is looked at.
        """
        return any(k in self.model.past[v.op]
                   for slot, versions in self.lives.items()
                   if slot == h[2] or h[0] == HINT_DIR and
                   slot.startswith(h[2] + b'/') for v in versions)

    def explain(self):
        """What lives, for whoever looks for a fault."""
        out = []
        for path in sorted(self.shown, key=path_order):
            for v in sorted(self.shown[path], key=lambda v: v.id()):
                out.append('%r: %s lamport %d id %s%s, from %s' % (
                    path, v, self.lamport(v.op), v.id().hex()[:8],
                    ' alone' if v.alone else '',
                    ['%s: %s' % (','.join(d[:6] for d in a.dots),
                                 a.content[:8]) for a in v.anc]))
        for o in sorted(self.ops, key=lambda o: self.model.lamport[o]):
            log = self.model.log[o]
            out.append('op %s by %s at %d on %s %s' % (
                o[:6], log.dot[0].hex()[:6], self.model.lamport[o],
                [p[:6] for p in log.parents], log.hints or ''))
        return '\n'.join(out)

    # ---- names ----

    def directory(self, path):
        """The cover of the directory PATH."""
        return frozenset(v for v in self.shown.get(path, ())
                         if v.kind == 'd')

    def names(self, dirs):
        """{name: Row} of all but the directories, which DIRS tells."""
        out, copies, living = {}, [], set(dirs)
        for path in sorted(self.shown, key=path_order):
            if not self.shown[path]:
                continue
            living.add(path)
            up = path.rpartition(b'/')[0]
            if up and up not in dirs:
                raise Wrong('%r lives, and %r is no directory' % (path, up))
            groups = self.fold(path, self.shown[path])
            if path != b'' and path not in dirs and \
                    self.directory(path):
                raise Wrong('%r is to be a directory' % path)
            for g in groups:
                if g.kind == 'd':
                    continue
                row = Row(path, g.kind, g.content, g.mode, g.mtime, g.size,
                          frozenset(g.versions))
                if path not in dirs and g is groups[0]:
                    out[path] = row
                else:
                    copies.append((path, row))
        for path, row in copies:
            ids = sorted(v.id() for v in row.cover)
            stem, digits = path, 10
            while (n := copy_name(stem, ids, digits)) in living or n in out:
                digits += 1
                if digits > 64:
                    stem, digits = n, 10
            out[n] = row
        return out

    # ---- folding ----

    def lamport(self, op):
        return self.model.lamport[op] if op in self.ops else 0

    def fold(self, path, versions):
        model = self.model
        groups, joined = [], {}
        self.merges, self.merge_bytes = MERGES, MERGE_BYTES
        many = len(versions) > MERGED_AT_MOST
        for v in sorted(versions, key=lambda v: (self.lamport(v.op),
                        model.dot(v.op)[0], v.id()), reverse=True):
            g = joined.get(v.what())
            if g is not None:
                if v.kind == 'f' and not many:
                    self.join_mode(g, v, self.bases(g, v))
            elif v.kind != 'd' and not many:
                g = next((g for g in groups if g.kind != 'd' and
                          self.join(g, v)), None)
            if g is None:
                g = Group(v)
                groups.append(g)
            g.versions.append(v)
            joined[v.what()] = g
        return groups

    def list(self, v):
        if not v.anc or (ANC, v.list_id()) not in self.held:
            return []
        if v in self.moved:
            return [a._replace(other=True) for a in counted(v.anc)]
        return counted(v.anc)

    def is_ancestor(self, a, v):
        if any((x.kind, x.size, x.content) == (a.kind, a.size, a.content) and
               set(x.dots) & set(a.dots) for x in self.list(v)):
            return True
        return v.alone and v not in self.moved and not a.other and \
            set(a.dots) <= self.model.past[v.op]

    def common(self, g, v):
        """The ancestors that V has in common with one of group G."""
        common = [a for x in g.versions + [v] for a in self.list(x)
                  if self.is_ancestor(a, v) and
                  any(self.is_ancestor(a, x) for x in g.versions)]
        return sorted(common, reverse=True, key=lambda a: (
            max(self.lamport(d) for d in a.dots),
            len(self.past(a)), len(a.dots),
            [self.model.dot(d) for d in a.dots], self.model.real(a.content),
            a.size, a.kind, a.mode, a.other))

    def past(self, a):
        return set().union(*(self.model.past[d] for d in a.dots
                             if d in self.ops))

    def has(self, a, v):
        """The dots of A that V lists or, if it is alone, has seen."""
        has = set(a.dots) & {d for x in self.list(v) for d in x.dots}
        if v.alone and v not in self.moved and not a.other:
            has |= set(a.dots) & self.model.past[v.op]
        return has

    def made(self, d, g, v):
        """The dots that D was made of: not what lived beside it."""
        beside = set().union(*(x.dots for y in g.versions + [v]
                               for x in self.list(y) if d in x.dots))
        past = self.model.past[d] if d in self.ops else set()
        return past - (beside - {d})

    def seen(self, a, g, v):
        """What A was made of by what V and G have of it; what both have."""
        one = self.has(a, v)
        other = set().union(*(self.has(a, x) for x in g.versions))
        past = [set().union(*(self.made(d, g, v) for d in dots))
                for dots in (one, other)]
        return past[0] & past[1], one & other or set(a.dots)

    def bases(self, g, v):
        """[(base, the bases that it and those before were made of)]."""
        self.subs = SUBS
        return self.find(self.common(g, v), g, v)

    def find(self, common, g, v):
        bases, seen = [], set()
        for i, a in enumerate(common):
            own, dots = self.seen(a, g, v)
            if bases and (dots <= seen or
                          any(d not in self.ops for d in a.dots)):
                continue
            sub = []
            if bases and self.subs:
                sub = [c for c in common[i + 1:]
                       if self.seen(c, g, v)[1] <= seen & own]
            if sub:
                self.subs -= 1
                sub = self.find(sub, g, v)
            bases.append((a, sub))
            seen |= own
            if len(bases) == BASES:
                break
        return bases

    def mode_of(self, bases):
        mode = bases[0][0].mode
        for a, sub in bases[1:]:
            if sub and self.mode_of(sub) == mode:
                mode = a.mode
        return mode

    def join_mode(self, g, v, bases):
        if bases and g.mode == self.mode_of(bases):
            g.mode = v.mode
        if g.kind == 'l':
            g.mode = 0

    def join(self, g, v):
        """Bring V into group G if they merge."""
        bases = self.bases(g, v)
        if not bases:
            return False
        mine, theirs = (g.kind, g.size, g.content), v.what()
        out = self.merge_by(bases, mine, theirs)
        if out in (None, LACKS):
            return False
        if out not in (mine, theirs):
            g.mtime = max(g.mtime, v.mtime) + 1
        elif out != mine:
            g.mtime = v.mtime
        g.kind, g.size, g.content = out
        self.join_mode(g, v, bases)
        return True

    def blend(self, bases):
        """What the bases come to."""
        base = what(bases[0][0])
        for a, sub in bases[1:]:
            of = self.blend(sub) if sub else None
            if of == LACKS:
                return LACKS
            base = self.merge(of, base, what(a))
            if base in (None, LACKS):
                break
        return base

    def merge_by(self, bases, mine, theirs):
        """What both come to: (kind, size, content), None or LACKS."""
        base = self.blend(bases)
        if base == LACKS:
            return LACKS
        if base:
            return self.merge(base, mine, theirs)
        first = None
        for a, _ in bases:
            out = self.merge(what(a), mine, theirs)
            if out in (None, LACKS):
                return out
            if first not in (None, out):
                return None
            first = out
        return first

    def bytes(self, what):
        """The bytes of a file of at most MERGE_MAX that is held, or None."""
        kind, size, content = what
        if kind != 'f' or size > MERGE_MAX or content.startswith('big'):
            return None
        if content not in self.merged and \
                (CHUNK, content) not in self.held:
            return None
        return self.model.bytes[content]

    def merge(self, base, mine, theirs):
        if theirs in (base, mine):
            return mine
        if mine == base:
            return theirs
        whats = base, mine, theirs
        if any(not x or x[0] != 'f' or x[1] > MERGE_MAX for x in whats):
            return None
        size = sum(x[1] for x in whats)
        if not self.merges or size > self.merge_bytes:
            return None
        self.merges -= 1
        self.merge_bytes -= size
        sides = [self.bytes(x) for x in whats]
        if None in sides:
            return LACKS
        key = tuple(x[2] for x in whats)
        if key not in self.model.merges:
            self.model.merges[key] = merge_text(*sides)
        data = self.model.merges[key]
        if data is None or len(data) > MERGE_MAX:
            return None
        content = H(b'sada.chunk.v1', data)
        self.model.bytes[content] = data
        self.model.merged.add(content)
        self.merged.add(content)
        return 'f', len(data), content


def what(a):
    """The content of an ancestor."""
    return a.kind, a.size, a.content


def counted(entries):
    """Those of a list of ancestors that count."""
    dots = 0
    for i, a in enumerate(entries):
        dots += len(a.dots)
        if dots > LIST_DOTS:
            return entries[:i]
    return list(entries)


def merge_text(base, a, b):
    """The merge of three contents by lines, or None.

    All have far fewer lines than those that may be too far from each other.
    """
    if b'\0' in base + a + b:
        return None
    with tempfile.TemporaryDirectory(dir=os.environ.get('TMPDIR')) as tmp:
        for name, data in (('base', base), ('a', a), ('b', b)):
            with open(os.path.join(tmp, name), 'wb') as f:
                f.write(data)
        env = dict(os.environ, GIT_CONFIG_NOSYSTEM='1', GIT_DIR=tmp,
                   GIT_CONFIG_GLOBAL='/dev/null')
        p = subprocess.run(['git', 'merge-file', '-p', 'a', 'base', 'b'],
                           cwd=tmp, capture_output=True, env=env)
    if p.returncode > 127:
        raise OSError('git merge-file: %s' % p.stderr.decode())
    return p.stdout if p.returncode == 0 else None


def hint_of(hints, path):
    """The hint that says where PATH went: its own, or of what is above."""
    at = path
    while at:
        for h in hints:
            if h[1] == at and (at == path or h[0] == HINT_DIR):
                return h
        at = at.rpartition(b'/')[0]
    return None


def hint_for(hints, path, kind):
    """The same for a version of KIND: hints of directories move these."""
    return hint_of([h for h in hints if h[1] != path or
                    (h[0] == HINT_DIR) == (kind == 'd')], path)


def path_ok(path):
    parts = path.split(b'/')
    return len(path) <= PATH_MAX and len(parts) <= 128


def path_order(path):
    return path.replace(b'/', b'\0')


def copy_name(path, ids, digits):
    h = H(b'sada.name.v1', len(path).to_bytes(8, 'little') + path +
          b''.join(ids))
    up, slash, name = path.rpartition(b'/')
    dot = name.rfind(b'.')
    ext = name[dot:] if dot > 0 and len(name) - dot <= 16 else b''
    stem = name[:len(name) - len(ext)]
    room = min(NAME_MAX, PATH_MAX - len(up + slash)) - 1 - digits - len(ext)
    if len(stem) > room:
        stem = cut(stem, max(0, room))
    return up + slash + stem + b'~' + h[:digits].encode() + ext


def cut(s, n):
    """The first N bytes of S, or less: no sequence of UTF-8 is cut."""
    for back in range(min(3, n) + 1):
        c = s[n - back]
        if c & 0xc0 != 0x80:
            size = (4 if 0xf0 <= c <= 0xf4 else 3 if 0xe0 <= c <= 0xef else
                    2 if 0xc2 <= c <= 0xdf else 1)
            return s[:n - back] if size > back else s[:n]
    return s[:n]
