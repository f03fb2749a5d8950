#!/usr/bin/env python3
"""moves: each two changes that two replicas can make at once; prints TAP.

Two replicas hold the files a and b, or the directory d with three files.
Each makes one change that the other has not seen; then both snap, push,
pull and merge.  They must come to the same state, with nothing more to
record, and no line may be lost that nobody deleted.  What stands at each
name must be what the table CONCURRENT CHANGES of sada-merge(1) says.

With the argument "table" the rows of that table are printed instead.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

PAGE = os.path.join(os.environ.get('SRCDIR') or os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))), 'man', 'sada-merge.1')
# Which line of 30 each side edits.
AT = {'1': 3, '2': 24}


class Wrong(Exception):
    pass


def text(name):
    return ['%s line %d\n' % (name, n) for n in range(1, 31)]


def read(name):
    with open(name) as f:
        return f.readlines()


def write(name, lines):
    with open(name, 'w') as f:
        f.writelines(lines)


# ---- what a side can do; each gets the side, '1' or '2' ----

def edit(name):
    def do(side):
        lines = read(name)
        lines[AT[side]] = 'edit %s\n' % side
        write(name, lines)
    return do


def rewrite(name):
    def do(side):
        write(name, ['rewritten %d by %s\n' % (n, side) for n in range(30)])
    return do


def create(name):
    def do(side):
        write(name, ['created %d by %s\n' % (n, side) for n in range(30)])
    return do


def delete(name):
    def do(side):
        if os.path.isdir(name):
            shutil.rmtree(name)
        else:
            os.unlink(name)
    return do


def move(old, new):
    def do(side):
        os.rename(old, new)
    return do


def move_edit(side):
    os.rename('d', 'e')
    edit('e/f')(side)


FILES = {
    'edit a': edit('a'),
    'edit b': edit('b'),
    'rewrite a': rewrite('a'),
    'delete a': delete('a'),
    'delete b': delete('b'),
    'move a b': move('a', 'b'),
    'move a c': move('a', 'c'),
    'move b a': move('b', 'a'),
    'move b c': move('b', 'c'),
    'create c': create('c'),
}
DIRS = {
    'edit d/f': edit('d/f'),
    'add d/new': create('d/new'),
    'delete d': delete('d'),
    'move d e': move('d', 'e'),
    'move d/f d/g': move('d/f', 'd/g'),
    'move d e, edit e/f': move_edit,
}


# ---- replicas ----

def run(what, where, *args, ok=(0,)):
    p = subprocess.run(['sada-' + what, '-C', where, *args],
                       stdin=subprocess.DEVNULL, capture_output=True)
    if p.returncode not in ok:
        raise Wrong('sada-%s: exit %d: %s' % (
            what, p.returncode, p.stderr.decode().strip()))
    return p.stdout.decode().strip()


def tree(where):
    """name -> (kind, mode, mtime, lines) of all that is there."""
    out = {}
    for base, dirs, files in os.walk(where):
        if '.sada' in dirs:
            dirs.remove('.sada')
        for n in dirs + files:
            path = os.path.join(base, n)
            st = os.lstat(path)
            out[os.path.relpath(path, where)] = (
                st.st_mode, None, None) if n in dirs else (
                st.st_mode, st.st_mtime_ns, tuple(read(path)))
    return out


def lines(t):
    return {x for e in t.values() if e[2] for x in e[2]}


class Pair:
    """Two replicas that hold the same files."""

    def __init__(self, tmp, names):
        self.tmp = tmp
        self.dir = [os.path.join(tmp, x) for x in '12']
        keys = [subprocess.run(['sada-init', '-N', 'r' + d[-1], d],
                               check=True, capture_output=True)
                .stdout.decode().split() for d in self.dir]
        for d, key in zip(self.dir, reversed(keys)):
            run('peer', d, 'add', *key)
        for n in names:
            path = os.path.join(self.dir[0], n)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path, text(os.path.basename(n)))
        self.snap()
        self.send(0)
        run('merge', self.dir[1])

    def snap(self):
        return [run('snap', d, '--accept-deletes') for d in self.dir]

    def send(self, i):
        file = os.path.join(self.tmp, 'bundle%d' % i)
        if os.path.exists(file):
            os.unlink(file)
        run('push', self.dir[i], '-o', file)
        run('pull', self.dir[1 - i], '--join', file)

    def play(self, actions):
        """Do ACTIONS, one at each; what stands then, as a dict."""
        before = lines(tree(self.dir[0]))
        sides = []
        for d, do in zip(self.dir, actions):
            os.chdir(d)
            do(d[-1])
            os.chdir('/')
            sides.append(tree(d))
        self.snap()
        self.send(0)
        self.send(1)
        for d in self.dir:
            run('merge', d, '--accept-deletes', ok=(0, 1))
        got = [tree(d) for d in self.dir]
        ids = {run('status', d, '--id') for d in self.dir}
        if len(ids) != 1:
            raise Wrong('the states differ')
        if got[0] != got[1]:
            raise Wrong('the directories differ: %s, and %s' % tuple(
                sorted(g) for g in got))
        if any(self.snap()):
            raise Wrong('there is more to record')
        have = [lines(s) for s in sides]
        lost = {x for x in have[0] | have[1] if x not in before or
                x in have[0] and x in have[1]} - lines(got[0])
        if lost:
            raise Wrong('lost: %s; there is %s' % (
                sorted({x.split()[0] for x in lost}), outcome(got[0])))
        return got[0]


# ---- outcomes ----

def token(content):
    """What a file holds: where its lines are from, and whose edits."""
    first = {x.split()[0] for x in content} - {'edit'}
    what = ' '.join(sorted(first)).strip()
    sides = sorted({x.split()[-1] for x in content
                    if x.split()[0] in ('edit', 'created', 'rewritten')})
    what = {'created': 'new', 'rewritten': 'new'}.get(what, what)
    return what + ''.join(sides)


def outcome(got):
    """The outcome as text: files by name, copies behind a bar."""
    at = {}
    for name, (_, _, content) in got.items():
        if content is None:
            continue
        slot = re.sub(r'~[0-9a-f]{10}$', '', name)
        at.setdefault(slot, []).append(token(content))
    for name, e in got.items():
        if e[2] is None and not any(n.startswith(name + '/') for n in got):
            at[name + '/'] = ['empty']
    return ', '.join('%s: %s' % (n, ' | '.join(sorted(at[n])))
                     for n in sorted(at)) or 'nothing'


def swap_sides(s):
    """The same outcome with the sides exchanged."""
    out = []
    for part in s.split(', '):
        name, _, what = part.partition(': ')
        what = sorted(re.sub(r'\d+', lambda m: ''.join(sorted(
            m.group().translate(str.maketrans('12', '21')))), x)
            for x in what.split(' | '))
        out.append(name + ': ' + ' | '.join(what) if what != [''] else name)
    return ', '.join(out)


def swap_names(s):
    """The same with a and b exchanged: of an action, or an outcome."""
    s = re.sub(r'\b([ab])(?=[ :,|\d]|$)',
               lambda m: 'ba'['ab'.index(m.group(1))], s)
    if ':' not in s:
        return s
    parts = [p.partition(': ') for p in s.split(', ')]
    return ', '.join(n + ': ' + ' | '.join(sorted(w.split(' | ')))
                     for n, _, w in sorted(parts))


def touches(action):
    words = action.replace(',', '').split()[1:]
    return {x.split('/')[0] for x in words if x != 'edit'}


def separate(x, y):
    return x in FILES and not touches(x) & touches(y)


def forms(x, y, s):
    """(X, Y, S) and what is the same with sides or names exchanged."""
    out = [(x, y, s), (y, x, swap_sides(s))]
    if x in FILES:
        out += [(swap_names(x), swap_names(y), swap_names(s))
                for x, y, s in out]
    return out


def rows():
    """The table of the page: (change, other change) -> outcome."""
    out, inside = {}, False
    with open(PAGE) as f:
        for line in f:
            if line.startswith('.Sh '):
                inside = 'CONCURRENT CHANGES' in line
            elif inside and line.startswith('.It ') and 'Sy' not in line:
                cells = [c.strip() for c in line[4:].split(' Ta ')]
                if (cells[0], cells[1]) in out:
                    raise Wrong('%r stands twice in the table' % line)
                out[cells[0], cells[1]] = cells[2]
    return out


def play(group, x, y):
    top = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    tmp = tempfile.mkdtemp(prefix='moves-', dir=top)
    try:
        names = ('a', 'b') if group is FILES else ('d/f', 'd/i', 'd/j')
        return outcome(Pair(tmp, names).play((group[x], group[y])))
    finally:
        os.chdir('/')
        shutil.rmtree(tmp)


def plain(x, y):
    """What there is when X is done, and then Y."""
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        for n in 'ab':
            write(n, text(n))
        FILES[x]('1')
        FILES[y]('2')
        os.chdir('/')
        return outcome(tree(tmp))


def expected(table, x, y):
    """What the page says of X and Y, or None."""
    if separate(x, y):
        return plain(x, y)
    for (a, b), s in table.items():
        for form in forms(a, b, s):
            if form[:2] == (x, y):
                return form[2]
    return None


def table_rows():
    seen = set()
    for group in (FILES, DIRS):
        for x in group:
            for y in group:
                if separate(x, y) or (x, y) in seen:
                    continue
                try:
                    s = play(group, x, y)
                except Wrong as e:
                    s = 'WRONG: %s' % e
                seen |= {f[:2] for f in forms(x, y, s)}
                print('.It %s Ta %s Ta %s' % (x, y, s), flush=True)


def main():
    table = rows()
    used = set()
    pairs = [(g, x, y) for g in (FILES, DIRS) for x in g for y in g]
    print('1..%d' % (len(pairs) + 1))
    failed = 0
    for n, (group, x, y) in enumerate(pairs, 1):
        try:
            got, why = play(group, x, y), None
            want = expected(table, x, y)
            if want is None:
                why = 'the page says nothing; there is %s' % got
            elif got != want:
                why = 'there is %s; the page says %s' % (got, want)
            used |= {f[:2] for f in forms(x, y, '')}
        except (Wrong, OSError) as e:
            why = str(e)
        failed += why is not None
        print('%sok %d - %s; %s%s' % ('not ' if why else '', n, x, y,
              '\n# ' + why.replace('\n', '\n# ') if why else ''),
              flush=True)
    idle = sorted(set(table) - used)
    failed += bool(idle)
    print('%sok %d - each row of the page was played%s' % (
        'not ' if idle else '', len(pairs) + 1,
        '\n# not: %s' % idle if idle else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    if sys.argv[1:] == ['table']:
        sys.exit(table_rows())
    sys.exit(main())
