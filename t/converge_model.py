"""converge_model: the rules of convergence over plain sets, kept naive.

A version lives in a set of ops when the op that made it is in the set and
no op of the set took it away.  No maps, no joins: what a replica shows is
computed from nothing but what each op made and took (the view is in
converge_view.py).  The disk, which names are directories, which objects are
held and what the log says of an op's dot, parents and hints are read from the
replica that is tested; everything else is computed here, and compared by
converge.py.
"""
import collections
import struct

from converge_log import ANC, CHUNK, HINT_DIR, HINT_FILE, LIST, H, var
from converge_view import Row, View, Wrong, counted, hint_of, path_order

FILE_MAX = 1 << 20              # above that a content id is a list's
LISTED = 32                     # entries of a list of ancestors
LINES = 64                      # versions of a cover whose lists go on
ENTRY_DOTS = 64
KIND = {'f': 1, 'd': 2, 'l': 3}

# What stands at a name: kind f, d or l; content is its id.
Entry = collections.namedtuple('Entry', 'kind content mode mtime size')
# An ancestor; dots are ops, for an op has its dot alone.  Other: it was
# another name.
Ancestor = collections.namedtuple('Ancestor',
                                  'dots kind mode size content other')


def content_id(data):
    """The id of a content of at most FILE_MAX bytes."""
    return H(b'sada.chunk.v1', data)


class Version:
    """What op OP made at SLOT out of entry E."""

    def __init__(self, model, op, slot, e):
        self.model, self.op, self.slot = model, op, slot
        self.kind, self.content, self.mode, self.mtime, self.size = e
        self.alone, self.anc = False, ()
        self._id = self._list = None

    def __repr__(self):
        return '<%s %s:%r %s>' % (self.kind, self.op[:6], self.slot,
                                  (self.content or '-')[:8])

    def what(self):
        return self.kind, self.size, self.content

    def dot_bytes(self):
        return self.model.dot_bytes(self.op)

    def list_id(self):
        """The id of the ancestors, or None."""
        if self.anc and self._list is None:
            self._list = H(b'sada.anc.v1', var(len(self.anc)) + b''.join(
                var(len(a.dots)) +
                b''.join(self.model.dot_bytes(d) for d in a.dots) +
                bytes([KIND[a.kind] | 4 * a.other]) + var(a.mode) +
                var(a.size) + bytes.fromhex(self.model.real(a.content))
                for a in self.anc))
        return self._list

    def id(self):
        if self._id is None:
            b = self.dot_bytes() + bytes([KIND[self.kind]])
            if self.kind != 'd':
                b += bytes([self.alone]) + struct.pack(
                    '<HQ', self.mode, self.size)
                b += bytes.fromhex(self.model.real(self.content))
                b += struct.pack('<qI', *divmod(self.mtime, 10 ** 9))
                b += bytes.fromhex(self.list_id() or '00' * 32)
            self._id = bytes.fromhex(H(b'sada.version.v1', b))
        return self._id


class Model:
    """All ops that were ever made, and all contents."""

    def __init__(self):
        self.past = {}          # op -> frozenset of ops, itself included
        self.lamport = {}
        self.log = {}           # op -> converge_log.Op
        self.made = {}          # op -> versions
        self.taken = {}         # op -> set of versions
        self.big = {}           # our name of a large content -> its id
        self.bytes = {}         # id of a small content -> bytes
        self.merges = {}        # (base, a, b) -> bytes, or None: conflict
        self.merged = set()     # contents that merges made
        self.carried = set()    # (version, where it was shown)
        self.late = 0           # ops made on less than was laid out

    def real(self, content):
        if content in self.big:
            return self.big[content]
        if content.startswith('big'):
            raise Wrong('the id of %s is not known' % content)
        return content

    def dot(self, op):
        return self.log[op].dot

    def dot_bytes(self, op):
        d = self.dot(op)
        return d[0] + struct.pack('<QQQ', *d[1:])

    def add(self, log):
        past = {log.id}
        for p in log.parents:
            past |= self.past[p]
        self.past[log.id] = frozenset(past)
        self.lamport[log.id] = 1 + max([self.lamport[p] for p in log.parents],
                                       default=0)
        self.log[log.id] = log

    def living(self, ops):
        """{slot: set of versions} alive in the set OPS."""
        taken = set()
        for o in ops:
            taken |= self.taken[o]
        out = collections.defaultdict(set)
        for o in ops:
            for v in self.made[o]:
                if v not in taken:
                    out[v.slot].add(v)
        return out

    def ancestors(self, path, shown, cover, ops, held):
        """
        The list of what, at PATH (None: renamed), replaces a name that
        showed entry SHOWN with the versions COVER, in an op on OPS, of a
        store with HELD.
        """
        cover = sorted((v for v in cover if v.kind != 'd'), key=Version.id)
        if not cover:
            return ()
        dots = tuple(sorted({v.op for v in cover}, key=self.dot)[:ENTRY_DOTS])
        rest = []
        for v in cover[:LINES]:
            own = []
            if v.what() != (shown.kind, shown.size, shown.content):
                own.append(Ancestor((v.op,), v.kind, v.mode, v.size,
                                    v.content, False))
            if v.anc and (ANC, v.list_id()) in held:
                own += counted(v.anc)
            if v.slot != path:
                own = [a._replace(other=True) for a in own]
            rest += [a for a in own if a not in rest]
        if len(cover) > 1:
            rest.sort(key=lambda a: -max(self.lamport[d] if d in ops else 0
                                         for d in a.dots))
        first = Ancestor(dots, shown.kind, shown.mode, shown.size,
                         shown.content, any(v.slot != path for v in cover))
        return tuple(counted([first] + rest)[:LISTED])


class Side:
    """One replica as the rules see it: W, and the ops it was laid out of."""

    def __init__(self, model):
        self.model = model
        self.rows = {}          # name -> Row; without the root
        self.laid = frozenset()
        # name that a merge could not lay out -> the ops it shows
        self.left = {}
        self.edited = set()     # of these, what was not as it was recorded
        # Directories of which a merge may have hidden a user's change.
        self.hidden = set()
        # Mode and time that directories have in the view; None: no time.
        self.dressed = {}
        # The inodes of all names, and as they were laid out or recorded.
        self.ino_now, self.ino = {}, {}

    def copy(self):
        new = Side(self.model)
        new.rows = dict(self.rows)
        new.laid = self.laid
        new.left = dict(self.left)
        new.edited = set(self.edited)
        new.hidden = set(self.hidden)
        new.dressed = dict(self.dressed)
        new.ino = dict(self.ino)
        return new

    def stands(self, name, e, disk):
        """Is what is recorded of NAME what is there, entry E?"""
        row = self.rows[name]
        if row.kind != e.kind:
            return False
        if e.kind == 'd':
            # A directory that is only implied is recorded once something
            # is changed in it.
            return row.cover or (
                name not in self.hidden and row.mode == e.mode and (
                    row.mtime == e.mtime or
                    not self.child_changed(name, disk)))
        return (row.content, row.mtime, row.mode) == (
            e.content, e.mtime, e.mode)

    def child_changed(self, name, disk):
        for n in set(self.rows) | set(disk):
            if n.rpartition(b'/')[0] == name and n:
                row, e = self.rows.get(n), disk.get(n)
                if not row or not e or row[1:5] != e[:4]:
                    return True
        return False

    def snap(self, disk, logs, dirs, held):
        """
        DISK (name -> Entry) was recorded as LOGS, none means: no op.  DIRS:
        mode and time of the directories then, None without a version.
        """
        last = None
        for log in logs:
            self.model.add(log)
            if last:
                raise Wrong('op %s came after the last one' % log.id)
            if self.laid <= self.model.past[log.id] - {log.id}:
                last = log
            else:
                self.snap_left(disk, log, held)
        if last:
            self.hidden &= {n for n in dirs if dirs[n]}
        self.snap_laid(disk, last, held)
        for n, r in self.rows.items():
            if last and r.kind == 'd' and n in dirs and n not in self.left:
                if bool(r.cover) != bool(dirs[n]):
                    raise Wrong('%r has %s version' % (
                        n, 'a' if dirs[n] else 'no'))
                self.dressed[n] = dirs[n] or (0o700, None)
        self.hidden = set()
        self.left = {n: s for n, s in self.left.items() if n in self.rows}
        self.edited = set()
        self.ino = dict(self.ino_now)

    def snap_left(self, disk, log, held):
        """What changed of the names that show the ops that LOG was made on."""
        before = self.model.past[log.id] - {log.id}
        names = {n for n, s in self.left.items() if s == before}
        if not names:
            raise Wrong('op %s was made on less than was laid out' % log.id)
        changed = {n for n in names if n in disk and
                   not self.stands(n, disk[n], disk)}
        dirs = tuple(n + b'/' for n in names if n in disk and
                     disk[n].kind == self.rows[n].kind == 'd')
        fresh = set(disk) - set(self.rows)
        lost = {n for n, r in self.rows.items() if n not in disk and
                r.kind != 'd' and r.size > 0}
        # Its hints: old name to new one.
        hinted = {h[1] + n[len(h[2]):]: n for n in fresh for h in log.hints
                  if n == h[2] or h[0] == HINT_DIR and
                  n.startswith(h[2] + b'/')}
        hinted = {n: hinted[n] for n in hinted if n in lost & names}
        moved = {n for n in fresh if n in hinted.values()}
        new = {n for n in fresh if n.startswith(dirs)}
        # What else was moved there goes with its old name, and all with it.
        lost = {self.rows[n].content for n in lost - names}
        if any(disk[n].content in lost for n in new - moved):
            new = set()
        new |= moved
        rows = dict(self.rows)
        gone = {n for n in names if n not in disk and
                self.went(n, disk, hinted)}
        for n in gone:
            rows[n] = rows[n]._replace(cover=self.went(n, disk, hinted))
        was, self.rows = self.rows, rows
        self.record(log, View(self.model, before, held), gone, new, changed,
                    disk)
        self.rows = {n: was.get(n) if n not in new | changed else r
                     for n, r in self.rows.items() if n not in gone}
        for n in names | new:
            self.left[n] = self.model.past[log.id]
        for n in new | changed:
            self.dressed[n] = disk[n][2:4]
        self.edited -= changed
        self.model.late += 1

    def went(self, name, disk, renamed=()):
        """Which versions of NAME, which was left, went with it."""
        row = self.rows[name]
        view = View(self.model, self.laid | self.left[name], set())
        out = set()
        for v in row.cover:
            if v in view.lives[v.slot]:
                at = next(p for p in view.shown if v in view.shown[p])
                if at == row.slot or at not in self.rows or at not in disk:
                    out.add(v)
            elif name in renamed:
                out.add(v)
        return frozenset(out)

    def snap_laid(self, disk, log, held):
        """All else, on what was laid out."""
        before = self.laid
        if log:
            before = self.model.past[log.id] - {log.id}
        view = View(self.model, before, held)
        gone, new, changed, rows = set(), set(), set(), {}
        for name in (set(disk) | set(self.rows)) - {b''}:
            e = disk.get(name)
            if name not in self.rows:
                new.add(name)
            elif e is None and name in self.left:
                cover = self.went(name, disk)
                if cover and (not log or log.dot[2] > 1):
                    raise Wrong('%r was left and is gone, and no op tells '
                                'it' % name)
                if cover:
                    gone.add(name)
                    self.rows[name] = self.rows[name]._replace(cover=cover)
            elif e is None:
                gone.add(name)
            elif not self.stands(name, e, disk):
                changed.add(name)
            elif name in self.edited and self.came(name, disk, view):
                new.add(name)
            else:
                rows[name] = self.rows[name]
                if e.kind == 'd':
                    rows[name] = rows[name]._replace(mode=e.mode,
                                                     mtime=e.mtime)
        if log is None:
            for n in [n for n in changed if disk[n].kind == 'd' and
                      self.rows[n].kind == 'd']:
                rows[n] = self.rows[n]
                changed.discard(n)
            if new or changed:
                raise Wrong('snap recorded nothing, and these changed: %r' %
                            sorted(new | changed))
            self.rows = rows
            return
        late = [n for n in changed if n in self.left and disk[n].kind != 'd']
        if late and log.dot[2] > 1:
            raise Wrong('%r were left, and recorded on what was laid out' %
                        late)
        for n in new | changed:
            self.left.pop(n, None)
        for n in new:
            self.rows.pop(n, None)
        self.record(log, view, gone, new, changed, disk)
        self.rows = rows | {n: self.rows[n] for n in new | changed}
        self.laid = self.model.past[log.id]

    def came(self, name, disk, view):
        """Is NAME, of which nothing lives, what another name was?"""
        row = self.rows[name]
        return row.kind != 'd' and row.size > 0 and \
            not view.lives[name] & view.shown[name] and any(
                n != name and n not in disk and r.size == row.size and
                (r.kind, r.content) == (row.kind, row.content) and
                self.ino.get(n) == self.ino_now.get(name)
                for n, r in self.rows.items())

    def record(self, log, view, gone, new, changed, disk):
        """LOG records these names; what they show now is in their rows."""
        model, base, before, held = self.model, view.lives, view.ops, view.held
        # A name that showed one version that lives elsewhere, and is
        # changed: that is the rename, done here as well.
        settled = {}
        for name in changed:
            row = self.rows[name]
            if row.slot == name and len(row.cover) == 1:
                at = next(iter(row.cover)).slot
                if at != name and base[at] <= row.cover and \
                        'd' not in (row.kind, disk[name].kind):
                    settled[name] = at
        mates = self.mates(log.hints, disk, gone, new, settled)
        taken = set()
        for name in gone | changed:
            taken |= self.rows[name].cover
        made, rows = [], {}
        for name in new | changed:
            v = Version(model, log.id, name, disk[name])
            row, cover = self.rows.get(name), frozenset()
            if row and row.slot == name:
                cover = row.cover
            v.alone = v.kind != 'd' and base[name] <= cover
            if name in changed and view.moved:
                v.alone = False
            if name in mates:
                row = self.rows[mates[name]]
                cover = row.cover
                v.alone &= not view.moved and base[mates[name]] <= cover
            if v.kind != 'd' and cover:
                at = None if name in mates else name
                v.anc = model.ancestors(at, row, cover, before, held)
            made.append(v)
            rows[name] = Row(name, *disk[name], frozenset([v]))
        model.made[log.id], model.taken[log.id] = made, taken
        self.rows.update(rows)

    def mates(self, hints, disk, gone, new, settled):
        """{new name: the old one}, as HINTS tell it."""
        def fits(e):
            return e.kind == 'l' or e.kind == 'f' and e.size > 0

        old = {n: self.rows[n] for n in gone if self.rows[n].slot == n and
               fits(self.rows[n])}
        out = {}
        for name in sorted(new):
            if not fits(disk[name]):
                continue
            froms = [h[1] for h in hints if h[0] == HINT_FILE and
                     h[2] == name]
            for h in hints:
                at = h[1] + name[len(h[2]):]
                if h[0] == HINT_DIR and name.startswith(h[2] + b'/') and \
                        hint_of(hints, at) is h:
                    froms.append(at)
            for n in sorted(froms, key=path_order):
                if n in old and old[n].kind == disk[name].kind:
                    out.setdefault(name, n)
        for h in hints:
            if h[0] == HINT_FILE and h[1] not in (out.get(h[2]),
                                                  settled.get(h[2])):
                raise Wrong('the hint %r tells of no rename' % (h,))
        # Where there is but one of a content, it must have been found.
        was, now = (collections.defaultdict(list) for _ in range(2))
        for n in old:
            was[old[n].kind, old[n].content].append(n)
        for n in new:
            if fits(disk[n]):
                now[disk[n].kind, disk[n].content].append(n)
        for what in set(was) & set(now):
            if len(was[what]) == len(now[what]) == 1 and \
                    out.get(now[what][0]) != was[what][0]:
                raise Wrong('%r was renamed to %r, and no hint tells it' %
                            (was[what][0], now[what][0]))
        return out

    def change(self, name, cover, want, was, disk):
        """
        Which mode and time of directory NAME, with COVER, are no change of
        a user: a merge, for WANT, made DISK of what WAS there.
        """
        w, b, d = self.rows.get(name), was.get(name), disk[name]
        implied = {} if cover else {0o700}
        if not b or b.kind != 'd':
            return d.mode, d.mtime
        if not w or w.kind != 'd':
            return 0o700 if implied else d.mode, d.mtime
        if not w.cover and not cover:
            touched = any(n.rpartition(b'/')[0] == name and
                          self.rows.get(n, ())[1:5] != want.get(n, ())[1:5]
                          for n in {*self.rows, *want})
            if touched and b.mtime != w.mtime:
                self.hidden.add(name)
            return w.mode, d.mtime if touched else w.mtime
        return (d.mode if b.mode in {w.mode, *implied} else w.mode,
                w.mtime if w.cover and b.mtime != w.mtime else d.mtime)

    def merge(self, view, ops, was, disk, held):
        """VIEW of the set OPS was laid out: WAS was there, then DISK."""
        dirs = {n for n, e in view.items() if e.kind == 'd'}
        v = View(self.model, ops, held)
        try:
            want = v.names(dirs)
            compare(want, {n: e for n, e in view.items() if e.kind != 'd'})
        except Wrong as e:
            raise Wrong('%s\n%s' % (e, v.explain())) from None
        rows, left = {}, set()
        for name in (set(want) | dirs | set(self.rows)) - {b''}:
            w, d = self.rows.get(name), disk.get(name)
            if name in dirs:
                cover = v.directory(name)
                dress = view[name][2:4] if cover else (0o700, None)
                laid, self.dressed[name] = self.dressed.get(name), dress
                if d and d.kind == 'd':
                    rows[name] = Row(name, 'd', None, *self.change(
                        name, cover, want, was, disk), 0, cover)
                elif w and w.kind == 'd' and laid and (
                        laid == dress or not cover and laid[0] == 0o700):
                    rows[name] = w._replace(cover=cover)
                elif w:
                    rows[name], self.dressed[name] = w, laid
                    left |= {name} if w.kind != 'd' else set()
                continue
            if name not in want:
                if d and w:
                    rows[name] = w
                    left.add(name)
                continue
            t = want[name]
            same = w and (w.kind, w.content) == (t.kind, t.content)
            if same and (w.mode, w.mtime) == (t.mode, t.mtime):
                rows[name] = t
            elif d and (d.kind, d.content) == (t.kind, t.content) and (
                    not same or (d.mode, d.mtime) == (t.mode, t.mtime)):
                rows[name] = t
            elif w:
                rows[name] = w
                left.add(name)
        ops = frozenset(ops)
        old = {n: self.left.get(n, self.laid) for n in left}
        self.left = {n: s for n, s in old.items() if s and s != ops}
        self.rows = rows
        self.laid = ops
        self.ino = dict(self.ino_now)
        self.edited &= left
        self.edited |= {n for n in left if n in disk and
                        not self.stands(n, disk[n], disk)}


def compare(want, view):
    """Do Rows WANT and Entries VIEW, by name, show the same?"""
    for n in sorted(set(want) | set(view)):
        w, e = want.get(n), view.get(n)
        if w is None:
            raise Wrong('%r is shown as %s, and nothing living is to be' %
                        (n, e))
        if e is None:
            raise Wrong('%r lives and is not shown: %s' % (n, w))
        if tuple(w[1:6]) != tuple(e):
            raise Wrong('%r is shown as %s, and is to be %s' % (n, e, w))


def is_held(model, content, size, held):
    if size > FILE_MAX:
        return (LIST, model.real(content)) in held
    return (CHUNK, content) in held
