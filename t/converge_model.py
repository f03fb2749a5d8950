"""converge_model: the rules of convergence over plain sets, as naive as can be.

A version lives in a set of ops when the op that made it is in the set and
no op of the set took it away.  No maps, no joins, no order: what a replica
shows is computed from nothing but what each op made and took.  The disk
and the names of conflict copies are read from the replica that is tested;
everything else is computed here, and compared by converge.py.
"""
import collections
import hashlib
import struct

FILE_MAX = 1 << 20              # above that a content id is a list's

Row = collections.namedtuple('Row', 'slot kind content mode mtime cover')
# What stands at a name: kind f, d or l; content is its id.
Entry = collections.namedtuple('Entry', 'kind content mode mtime')


class Wrong(Exception):
    """What the replica says and the rules differ."""


def content_id(data):
    """The id of a content of at most FILE_MAX bytes."""
    return hashlib.blake2b(struct.pack('<Q', len(data)) + data,
                           digest_size=32,
                           person=b'sada.chunk.v1\0\0\0').hexdigest()


def is_copy_of(name, slot):
    """Can NAME be the name of a conflict copy of SLOT?"""
    ndir, _, nbase = name.rpartition(b'/')
    sdir, _, sbase = slot.rpartition(b'/')
    if ndir != sdir:
        return False
    dot = sbase.rfind(b'.')
    ext = sbase[dot:] if dot > 0 and len(sbase) - dot <= 16 else b''
    stem = sbase[:len(sbase) - len(ext)]
    if ext and not nbase.endswith(ext):
        return False
    have, tilde, digits = nbase[:len(nbase) - len(ext)].rpartition(b'~')
    if not tilde or len(digits) < 10 or digits.strip(b'0123456789abcdef'):
        return False
    return have == stem or (len(nbase) >= 252 and stem.startswith(have))


class Model:
    """All ops that were ever made: op id -> (past, made, taken)."""

    def __init__(self):
        self.past = {}          # op -> frozenset of ops, itself included
        self.made = {}          # op -> {(op, slot): (slot, kind, content)}
        self.taken = {}         # op -> set of (op, slot)

    def add(self, op, parents, made, taken):
        past = {op}
        for p in parents:
            past |= self.past[p]
        self.past[op] = frozenset(past)
        self.made[op] = made
        self.taken[op] = taken

    def groups(self, ops):
        """{(slot, kind, content): set of versions} alive in the set OPS."""
        taken = set()
        for o in ops:
            taken |= self.taken[o]
        out = collections.defaultdict(set)
        for o in ops:
            for version, group in self.made[o].items():
                if version not in taken:
                    out[group].add(version)
        return out


class Side:
    """One replica as the rules see it: W, and the ops it was laid out of."""

    def __init__(self, model):
        self.model = model
        self.rows = {}          # name -> Row; files and links only
        self.laid = frozenset()

    def copy(self):
        new = Side(self.model)
        new.rows = dict(self.rows)
        new.laid = self.laid
        return new

    def snap(self, disk, op, parents):
        """DISK (name -> Entry) was recorded as OP; '' means: no op."""
        made, taken = {}, set()
        rows = {}
        for name in set(disk) | set(self.rows):
            row, e = self.rows.get(name), disk.get(name)
            if e is not None and e.kind == 'd':
                e = None
            if row and e and (row.kind, row.content, row.mtime) == (
                    e.kind, e.content, e.mtime) and \
                    (e.kind == 'l' or row.mode == e.mode):
                rows[name] = row
                continue
            if row:
                taken |= row.cover
            if e:
                v = (op, name)
                made[v] = (name, e.kind, e.content)
                rows[name] = Row(name, *e, frozenset([v]))
        if not op:
            if made:
                raise Wrong('snap recorded nothing, and these changed: %r' %
                            sorted(n for _, n in made))
            self.rows = rows
            return
        self.model.add(op, parents, made, taken)
        past = self.model.past[op]
        if not self.laid <= past:
            raise Wrong('op %s was made on less than was laid out' % op)
        self.laid = past
        self.rows = rows

    def slots(self, view, ops):
        """
        The slot of each name of VIEW, after checking that VIEW shows just
        what lives in the set OPS; VIEW is name -> Entry of files and links.
        """
        groups = self.model.groups(ops)
        by = collections.defaultdict(list)
        for slot, kind, content in groups:
            by[kind, content].append(slot)
        out, left = {}, set(groups)
        for name, e in sorted(view.items(), key=lambda x: len(x[0])):
            key = (name, e.kind, e.content)
            if key in left:
                out[name] = name
                left.discard(key)
        for name, e in view.items():
            if name in out:
                continue
            slots = [s for s in by[e.kind, e.content] if
                     (s, e.kind, e.content) in left and is_copy_of(name, s)]
            if not slots:
                raise Wrong('nothing living is to be shown as %r' % name)
            out[name] = min(slots)
            left.discard((min(slots), e.kind, e.content))
        if left:
            raise Wrong('these live and are not shown: %r' % sorted(left))
        return out, groups

    def merge(self, view, ops, disk):
        """VIEW of the set OPS was laid out, and then DISK was there."""
        dirs = {n for n, e in view.items() if e.kind == 'd'}
        view = {n: e for n, e in view.items() if e.kind != 'd'}
        slot_of, groups = self.slots(view, ops)
        rows = {}
        for name in set(view) | set(self.rows):
            t, w, d = view.get(name), self.rows.get(name), disk.get(name)
            if t is None:
                # What was to be there is: then W tells of it no more.
                if (d.kind != 'd' if d else True) if name in dirs else d:
                    rows[name] = w
                continue
            slot = slot_of[name]
            new = Row(slot, *t, frozenset(groups[slot, t.kind, t.content]))
            same = w and (w.kind, w.content) == (t.kind, t.content)
            if same and (w.mode, w.mtime) == (t.mode, t.mtime):
                rows[name] = new
            elif d and (d.kind, d.content) == (t.kind, t.content) and (
                    not same or (d.mode, d.mtime) == (t.mode, t.mtime)):
                rows[name] = new
            elif w:
                rows[name] = w
        self.rows = rows
        self.laid = frozenset(ops)
