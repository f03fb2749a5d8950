"""What contrib/replay merges: files of a history, or files with edits."""
import collections
import concurrent.futures
import hashlib
import os
import random
import subprocess
import threading

CONTROLS = 16		# files of a merge that only one side changed
TEXT_MAX = 1 << 20	# files of TREE are not larger
SQLITE = ('.db', '.db3', '.sqlite', '.sqlite3')
EDITS = 2		# of 100 pairs in TREE: how many of each rare form


class Wrong(Exception):
    pass


def run(*args, ok=(0,)):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True)
    if p.returncode not in ok:
        raise Wrong('%s: exit %d: %s' % (
            args[0], p.returncode,
            p.stderr.decode(errors='replace').strip()[:400]))
    return p.stdout


def text(name):
    return os.fsdecode(name)


# ---- what is to be merged ----

# A file of a side: is it executable, and the id of its content.
File = collections.namedtuple('File', 'mode id')


class Case:
    """What one merge is about; PATH -> File of the base and of each side."""

    def __init__(self, name, moves=False):
        self.name = name.encode()	# a directory of its own, or b''
        self.base = {}
        self.side = ({}, {})
        self.moves = moves		# each side is an operation of its own
        self.renames = []		# what git says: (side, old, new)

    def add(self, path, base, ours, theirs):
        for have, f in zip((self.base, *self.side), (base, ours, theirs)):
            if f is not None:
                have[path] = f

    def paths(self):
        return sorted({*self.base, *self.side[0], *self.side[1]})

    def at(self, path):
        return os.path.join(self.name, path)

    def inside(self, path):
        """The PATH that at() made this of."""
        return path[len(self.at(b'')):]


class Heap:
    """Contents made here, by id; each is a file."""

    def __init__(self, top):
        self.top = os.path.join(top, 'heap')
        os.mkdir(self.top)

    def close(self):
        pass

    def put(self, content):
        id = hashlib.sha256(content).hexdigest()
        name = os.path.join(self.top, id)
        if not os.path.exists(name):
            with open(name, 'wb') as f:
                f.write(content)
        return id

    def get(self, id):
        with open(os.path.join(self.top, id), 'rb') as f:
            return f.read()


class Git:
    """A git directory: contents by id, and merges."""

    def __init__(self, where):
        self.git = ('git', '--git-dir=' + where)
        self.blobs = subprocess.Popen(
            [*self.git, 'cat-file', '--batch'], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.lock = threading.Lock()
        self.over = 0		# paths passed over

    def get(self, id):
        with self.lock:
            self.blobs.stdin.write(id.encode() + b'\n')
            self.blobs.stdin.flush()
            head = self.blobs.stdout.readline().split()
            if len(head) != 3:
                raise Wrong('no blob %s in the git directory' % id)
            content = self.blobs.stdout.read(int(head[2]))
            self.blobs.stdout.read(1)
        return content

    def close(self):
        self.blobs.stdin.close()
        self.blobs.wait()

    def merges(self, limit):
        """(commit, base, ours, theirs): LIMIT of them, newest first."""
        out = run(*self.git, 'rev-list', '--all', '--min-parents=2',
                  '--max-parents=2', '--parents', '--date-order').split(b'\n')
        heads = [x.decode().split() for x in out if x]
        found = []
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for start in range(0, len(heads), 64):
                part = heads[start:start + 64]
                for h, bases in zip(part, pool.map(self.bases, part)):
                    if len(bases) == 1 and bases[0] not in h:
                        found.append((h[0], bases[0], h[1], h[2]))
                if len(found) >= limit:
                    break
        return found[:limit]

    def bases(self, head):
        return run(*self.git, 'merge-base', '--all', head[1], head[2],
                   ok=(0, 1)).decode().split()

    def changes(self, old, new, *how):
        """Paths that differ: path -> (File or None of each), and renames."""
        out = run(*self.git, 'diff-tree', '-r', '-z', '--no-abbrev', *how,
                  old, new).split(b'\0')
        files, renames, i = {}, [], 0
        while i + 1 < len(out):
            was, now, a, b, what = out[i][1:].decode().split()
            if what[0] == 'R':
                renames.append((out[i + 1], out[i + 2]))
                i += 3
                continue
            files[out[i + 1]] = tuple(
                self.file(mode, id) for mode, id in ((was, a), (now, b)))
            i += 2
        return files, renames

    @staticmethod
    def file(mode, id):
        if mode == '000000':
            return None
        return File({'100755': 1, '100644': 0}.get(mode), id)

    def case(self, name, merge, rng):
        """The Case of MERGE, or None when there is nothing in it."""
        _, base, ours, theirs = merge
        diff = [self.changes(base, x, '--no-renames')[0]
                for x in (ours, theirs)]
        stages = {}
        for path in sorted({*diff[0], *diff[1]}):
            has = diff[0].get(path) or diff[1].get(path)
            files = (has[0], *(d[path][1] if path in d else has[0]
                               for d in diff))
            if any(f and f.mode is None for f in files) or \
                    path.endswith(tuple(x.encode() for x in SQLITE)):
                self.over += 1
            else:
                stages[path] = files
        moves = []
        for side, new in enumerate((ours, theirs)):
            if any(None in x for x in diff[side].values()):
                moves += [(side, a, b) for a, b in self.changes(
                    base, new, '-M50', '--diff-filter=R')[1]
                    if a in stages and b in stages]
        case = Case(name, bool(moves))
        take = {p for p in stages if p in diff[0] and p in diff[1]}
        for side, a, b in moves:
            if a in diff[1 - side]:
                take |= {a, b}
        rest = sorted(stages.keys() - take)
        take |= set(rng.sample(rest, min(len(rest), CONTROLS)))
        for side, a, b in moves:
            if a in take or b in take:
                take |= {a, b}
        case.renames = [m for m in moves if m[1] in take]
        for path in sorted(take):
            case.add(path, *stages[path])
        return case if take else None

    def cases(self, limit, rng):
        merges = self.merges(limit)
        made = [self.case(str(n), m, rng) for n, m in enumerate(merges)]
        return [c for c in made if c is not None]


# ---- edits of a file by lines ----

def words(rng):
    return b' '.join(b'%x' % rng.getrandbits(16)
                     for _ in range(rng.randint(0, 4)))


class Editor:
    """Edits of LINES, a list; POS is where those that are near shall be."""

    def __init__(self, rng, lines, pos):
        self.rng = rng
        self.lines = lines
        self.pos = pos

    def place(self):
        n = len(self.lines)
        if self.rng.random() < 0.4:
            return max(0, min(n, self.pos + self.rng.randint(-4, 4)))
        return self.rng.randint(0, n)

    def new(self, at):
        """A line; often one that is elsewhere, too, or as empty."""
        end = b'\n'
        if at > 0 and self.lines[at - 1].endswith(b'\r\n'):
            end = b'\r\n'
        if self.lines and self.rng.random() < 0.3:
            return self.rng.choice(self.lines).rstrip(b'\r\n') + end
        return words(self.rng) + end

    def insert(self, at):
        if at > 0 and not self.lines[at - 1].endswith(b'\n'):
            self.lines[at - 1] += b'\n'
        self.lines[at:at] = [self.new(at)
                             for _ in range(self.rng.randint(1, 3))]

    def delete(self, at):
        del self.lines[at:at + self.rng.randint(1, 4)]

    def replace(self, at):
        for i in range(at, min(len(self.lines),
                               at + self.rng.randint(1, 3))):
            end = self.lines[i][len(self.lines[i].rstrip(b'\r\n')):]
            self.lines[i] = words(self.rng) + end

    def move(self, at):
        n = self.rng.randint(2, 12)
        block = self.lines[at:at + n]
        del self.lines[at:at + n]
        if block and not block[-1].endswith(b'\n'):
            block[-1] += b'\n'
        to = self.place()
        if to > 0 and not self.lines[to - 1].endswith(b'\n'):
            self.lines[to - 1] += b'\n'
        self.lines[to:to] = block

    def ends(self, at):
        """LF to CR LF or back, of some lines."""
        for i in range(at, min(len(self.lines), at +
                               self.rng.randint(1, 4))):
            line = self.lines[i]
            if line.endswith(b'\r\n'):
                self.lines[i] = line[:-2] + b'\n'
            elif line.endswith(b'\n'):
                self.lines[i] = line[:-1] + b'\r\n'

    def first(self, _):
        self.rng.choice((self.insert, self.replace, self.delete))(0)

    def last(self, _):
        n = len(self.lines)
        self.rng.choice((self.insert, self.replace))(
            self.rng.choice((n, max(0, n - 1))))

    def final(self, _):
        """The newline at the end: none, or one."""
        if self.lines and self.lines[-1].endswith(b'\n'):
            self.lines[-1] = self.lines[-1].rstrip(b'\r\n')
        elif self.lines:
            self.lines[-1] += b'\n'

    def some(self, times):
        hows = (self.insert, self.delete, self.replace, self.move,
                self.insert, self.delete, self.replace, self.ends,
                self.first, self.last, self.final)
        for _ in range(times):
            self.rng.choice(hows)(self.place())


def split(content):
    out = content.split(b'\n')
    return [x + b'\n' for x in out[:-1]] + [x for x in out[-1:] if x]


def three_of(rng, content):
    """(base, ours, theirs) made of CONTENT; a side may be None."""
    if rng.random() < 0.05:
        content = content.replace(b'\r', b'').replace(b'\n', b'\r\n')
    if rng.random() < 0.05:
        content = content.rstrip(b'\r\n')
    lines = split(content)
    rare = rng.randrange(100)
    if rare < EDITS:
        return (None, *(b''.join(words(rng) + b'\n' for _ in range(9))
                        for _ in range(2)))
    pos = rng.randint(0, len(lines))
    common = rng.getrandbits(32) if rng.random() < 0.2 else None
    sides = []
    for _ in range(2):
        e = Editor(rng, list(lines), pos)
        if common is not None:
            e.rng = random.Random(common)
            e.some(1)
            e.rng = rng
        e.some(rng.randint(0 if common is not None else 1, 4))
        sides.append(b''.join(e.lines))
    if rare < 2 * EDITS:
        sides[rare % 2] = None
    elif rare < 3 * EDITS:
        sides = [None, content][::rare % 2 * 2 - 1]
    elif rare < 5 * EDITS:
        sides[rare % 2] = content
    elif rare < 6 * EDITS:
        sides[rare % 2] = sides[rare % 2].replace(b'\n', b'\r\n')
    return (content, *sides)


def tree_case(top, heap, limit, rng):
    """The Case of LIMIT files below TOP."""
    names, case = [], Case('')
    for base, dirs, files in os.walk(os.fsencode(top)):
        dirs[:] = sorted(d for d in dirs if d not in (b'.git', b'.sada'))
        names += [os.path.relpath(os.path.join(base, f), os.fsencode(top))
                  for f in files if not f.startswith(b'.sada')]
    names.sort()
    rng.shuffle(names)
    for path in names:
        full = os.path.join(os.fsencode(top), path)
        if len(case.side[0].keys() | case.side[1].keys()) >= limit:
            break
        if os.path.islink(full) or not os.path.isfile(full) or \
                os.path.getsize(full) > TEXT_MAX:
            continue
        with open(full, 'rb') as f:
            content = f.read()
        if b'\0' in content:
            continue
        three = three_of(rng, content)
        mode = [rng.random() < 0.02 for _ in three]
        case.add(path, *(None if x is None else
                         File(int(mode[0] ^ mode[i] if i else mode[0]),
                              heap.put(x)) for i, x in enumerate(three)))
    return case


def git_directory(where):
    """The git directory that WHERE is, or has; else None."""
    for d in (where, os.path.join(where, '.git')):
        p = subprocess.run(
            ['git', '--git-dir=' + d, 'rev-parse', '--absolute-git-dir'],
            stdin=subprocess.DEVNULL, capture_output=True)
        if p.returncode == 0:
            return p.stdout.decode().rstrip('\n')
    return None
