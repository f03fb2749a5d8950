#!/usr/bin/env python3
"""needless.py: edits that have nothing to do with each other must all merge.

Each replica changes what is its own, lines of a text, the lines below a
heading, members of a JSON object, rows of a database, and nobody else touches
that.  They snap and sync when they like, through one spool or one for each
two of them, so that edits cross, and some for long not at all.  At rest no
conflict may be left, everybody has the last of all, and nothing that was
deleted is back: a line that somebody put where nobody else does may be
deleted by anybody who sees it.

SADA_TEST_SEED and SADA_TEST_ROUNDS: first history and how many.  With an
argument that history alone is told.  Prints TAP.
"""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys

BUILD = os.environ.get('BUILDDIR', '.')
LINES = 60
FREE = 100                      # lines of the file that all change
NAMES = ['ann', 'bob', 'cyd', 'dee']


class Failed(Exception):
    pass


class History:
    def __init__(self, seed, top, tell):
        self.r = random.Random(seed)
        self.tell = tell
        self.top = top
        self.names = NAMES[:self.r.choice([2, 2, 2, 3, 3, 4])]
        self.crossing = len(self.names) > 2 and self.r.random() < .7
        self.last = {}
        self.rows = {}
        self.below = {}         # the lines below a heading
        self.free = list(range(2, FREE, 4))     # places for a line of one
        self.put, self.deleted = set(), set()
        self.n = 0
        shutil.rmtree(top, ignore_errors=True)
        os.makedirs(os.path.join(top, 'spool'))
        for a in self.names:
            self.run('init', '-N', a, a)
        for a in self.names:
            key = self.run('peer', '-C', a, 'self')
            for b in self.names:
                if b != a:
                    self.run('peer', '-C', b, 'add', text=key)
        for a in self.names:
            for b in self.names:
                self.meet(a, b)

    def meet(self, a, b):
        """Through what spool A has to do with B."""
        if a == b:
            return
        name = 'spool'
        if self.crossing:
            name = '-'.join(sorted((a, b)))
            os.makedirs(os.path.join(self.top, name), exist_ok=True)
        elif b != [x for x in self.names if x != a][0]:
            return
        self.run('remote', '-C', a, 'add', name, name,
                 *([b] if self.crossing else []))

    def places(self, a):
        """Where A goes today: all its spools, or one."""
        if not self.crossing or self.r.random() < .2:
            return []
        b = self.r.choice([x for x in self.names if x != a])
        return ['-'.join(sorted((a, b)))]

    def run(self, verb, *args, text=None, ok=(0,)):
        p = subprocess.run(
            [os.path.join(BUILD, 'cmd', 'sada-' + verb), *args],
            input=text, cwd=self.top, text=True, capture_output=True)
        if self.tell:
            print('#   sada-%s %s: %d %s%s' % (
                verb, ' '.join(args), p.returncode,
                p.stdout.replace('\n', '; ') if verb != 'sync' else '',
                p.stderr.replace('\n', '; ')))
        if p.returncode not in ok:
            raise Failed('sada-%s %s: %d: %s' % (
                verb, ' '.join(args), p.returncode, p.stderr))
        return p.stdout

    def path(self, a, name):
        return os.path.join(self.top, a, name)

    def start(self):
        """All have the same files."""
        a = self.names[0]
        with open(self.path(a, 'text'), 'w') as f:
            f.writelines('line %d\n' % i for i in range(LINES))
        with open(self.path(a, 'list'), 'w') as f:
            for n in self.names:
                f.write('== %s\n' % n)
                f.writelines('%s .%d\n' % (n, i) for i in range(4))
        with open(self.path(a, 'free'), 'w') as f:
            f.writelines('line %d\n' % i for i in range(FREE))
        with open(self.path(a, 'members.json'), 'w') as f:
            json.dump({n: {'m%d' % i: 0 for i in range(4)}
                       for n in self.names}, f, indent=1)
        with open(self.path(a, '.sadamerge'), 'w') as f:
            f.write('*.json json\n*.db sqlite\n')
        c = sqlite3.connect(self.path(a, 'rows.db'))
        c.execute('create table t(id integer primary key, v text)')
        c.commit()
        c.close()
        for _ in range(3):
            for a in self.names:
                self.run('sync', '-C', a, ok=(0, 1))
        for a in self.names:
            for k in ('text', 'json'):
                self.last[a, k] = {}
            self.rows[a] = []
            self.below[a] = []

    def read(self, a, name):
        with open(self.path(a, name)) as f:
            return f.readlines()

    def edit(self, a):
        self.n += 1
        me = self.names.index(a)
        step = LINES // len(self.names)
        kind = self.r.choice(['text', 'text', 'list', 'free', 'free', 'free',
                              'json', 'rows'])
        if kind == 'text':
            i = me * step + self.r.choice([2, 2, 5, 8])
            lines = self.read(a, 'text')
            # Nobody adds or takes away lines.
            if len(lines) != LINES:
                raise Failed('%s: text has %d lines' % (a, len(lines)))
            lines[i] = self.last[a, 'text'][i] = '%s %d\n' % (a, self.n)
            with open(self.path(a, 'text'), 'w') as f:
                f.writelines(lines)
        elif kind == 'list':
            lines, below = self.read(a, 'list'), self.below[a]
            at = lines.index('== %s\n' % a) + 1
            if lines[at:at + len(below)] != below:
                raise Failed('%s: list: %r is not what it wrote' % (
                    a, lines[at:at + len(below)]))
            was = len(below)
            k = self.r.randrange(was + 1)
            if k < was and self.r.random() < .5:
                del below[k]
            else:
                below.insert(k, '%s %d\n' % (a, self.n))
            lines[at:at + was] = below
            with open(self.path(a, 'list'), 'w') as f:
                f.writelines(lines)
        elif kind == 'free':
            lines = self.read(a, 'free')
            there = [x for x in lines if not x.startswith('line')]
            if self.free and (not there or self.r.random() < .5):
                at = self.free.pop(self.r.randrange(len(self.free)))
                x = '%s %d\n' % (a, self.n)
                lines.insert(lines.index('line %d\n' % at) + 1, x)
                self.put.add(x)
            elif there:
                x = self.r.choice(there)
                lines.remove(x)
                self.deleted.add(x)
            with open(self.path(a, 'free'), 'w') as f:
                f.writelines(lines)
        elif kind == 'json':
            with open(self.path(a, 'members.json')) as f:
                d = json.load(f)
            m = 'm%d' % self.r.randrange(4)
            d[a][m] = self.last[a, 'json'][m] = self.n
            with open(self.path(a, 'members.json'), 'w') as f:
                json.dump(d, f, indent=1)
        else:
            c = sqlite3.connect(self.path(a, 'rows.db'))
            for k in range(self.r.randrange(1, 3)):
                v = '%s-%d-%d' % (a, self.n, k)
                c.execute('insert into t(v) values(?)', (v,))
                self.rows[a].append(v)
            c.commit()
            c.close()
        if self.tell:
            print('#   %s edits %s: %d' % (a, kind, self.n))

    def play(self):
        self.start()
        busy = [self.r.choice([1, 3, 9]) for _ in self.names]
        for _ in range(self.r.randrange(10, 40)):
            a = self.r.choices(self.names, busy)[0]
            for _ in range(self.r.choice([1, 1, 2, 3])):
                self.edit(a)
                if self.r.random() < .5:
                    self.run('snap', '-C', a)
            if self.r.random() < .6:
                self.run('sync', '-C', a, *self.places(a), ok=(0, 1))
        for _ in range(len(self.names) + 2):
            for a in self.names:
                self.run('sync', '-C', a, ok=(0, 1))

    def check(self):
        ids = {self.run('status', '-C', a, '--id') for a in self.names}
        if len(ids) != 1:
            raise Failed('the states differ')
        for a in self.names:
            left = self.run('merge', '-C', a, '--list')
            if left:
                raise Failed('%s has conflicts:\n%s' % (a, left))
            there = {x for x in self.read(a, 'free')
                     if not x.startswith('line')}
            want = self.put - self.deleted
            if there != want:
                raise Failed('%s: free: back: %s; lost: %s' % (
                    a, sorted(there - want), sorted(want - there)))
            lines, listed = self.read(a, 'text'), self.read(a, 'list')
            want = [x for b in self.names for x in ['== %s\n' % b] +
                    self.below[b] + ['%s .%d\n' % (b, i) for i in range(4)]]
            if listed != want:
                raise Failed('%s: list: back: %s; lost: %s' % (
                    a, [x for x in listed if x not in want],
                    [x for x in want if x not in listed]))
            with open(self.path(a, 'members.json')) as f:
                d = json.load(f)
            c = sqlite3.connect(self.path(a, 'rows.db'))
            rows = sorted(x[0] for x in c.execute('select v from t'))
            c.close()
            for b in self.names:
                for i, line in self.last[b, 'text'].items():
                    if lines[i] != line:
                        raise Failed('%s: text: line %d is %r, not %r' % (
                            a, i, lines[i], line))
                for m, v in self.last[b, 'json'].items():
                    if d[b][m] != v:
                        raise Failed('%s: %s.%s is %r, not %r' % (
                            a, b, m, d[b][m], v))
            want = sorted(sum(self.rows.values(), []))
            if rows != want:
                raise Failed('%s: rows twice: %s; rows lost: %s' % (
                    a, sorted({x for x in rows if rows.count(x) > 1}),
                    sorted(set(want) - set(rows))))


def one(seed, tell=False):
    top = os.path.join(os.environ.get('TMPDIR', '/tmp'),
                       'needless-%d-%d' % (os.getpid(), seed))
    h = History(seed, top, tell)
    try:
        h.play()
        h.check()
    except Failed as e:
        return '%s (%d replicas, %s)' % (e, len(h.names), top)
    shutil.rmtree(top)
    return None


def main():
    if len(sys.argv) > 1:
        print('# %s' % one(int(sys.argv[1]), True))
        return 0
    seed = int(os.environ.get('SADA_TEST_SEED', '1'))
    rounds = int(os.environ.get('SADA_TEST_ROUNDS', '16'))
    bad = 0
    print('1..%d' % rounds, flush=True)
    for i in range(rounds):
        why = one(seed + i)
        bad += why is not None
        print('%sok %d - history %d' % ('not ' if why else '', i + 1,
                                        seed + i), flush=True)
        if why:
            print('# ' + why.replace('\n', '\n# '), flush=True)
    return bad > 0


sys.exit(main())
