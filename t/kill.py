#!/usr/bin/env python3
"""kill.py: commands killed at a system call, and what the next one does.

Each run copies a prepared replica of about 2,000 files, kills a command
with SIGKILL at the n-th call of one system call (strace injects it, before
the call is made), in 1 of 8 runs kills the next one as well, and then lets
commands run as a user would.  What must hold:

 - what the user left in the directory is there, or what the merge wanted,
   and each content that was displaced lies in the store's stage or trash;
 - the same command again ends well, sada-verify finds nothing, and the
   tree (bytes, modes, times), the ops and the state are those of a run
   that nobody killed;
 - no op is written twice and none is made up;
 - no temp is left behind, and the stage is empty.

The points are drawn from a trace of the same command; which thread comes
to its n-th call first is not ours to say, so a seed gives the same points
but not always the same places.  Prints TAP.

usage: t/kill.py [--kills N] [--seed N] [--jobs N] [--only WORD] [--keep]

SADA_TEST_KILLS and SADA_TEST_SEED say the same.  One run is made again by
--only 'SCENARIO NAME N': its line in the output.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
import zlib

FILES = 2000
OLD, SPAN = 10**9, 5 * 10**8		# times of files: 2001 to 2017

# Calls that change something come three times as often as all others.
WRITING = {
    'fallocate', 'fchmod', 'fdatasync', 'flock', 'fsync',
    'ftruncate', 'linkat', 'mkdirat', 'pwrite64', 'renameat2', 'symlinkat',
    'sync_file_range', 'syncfs', 'unlinkat', 'utimensat', 'write',
    'exit_group',
}
NEVER = {'execve', 'exit', 'arch_prctl', 'set_tid_address', 'rseq',
         'set_robust_list', 'prlimit64', 'access', 'wait4'}


class Bad(Exception):
    """What must hold does not."""


def want(what, text):
    if not what:
        raise Bad(text)


# ---- trees ----

def crc(text):
    return zlib.crc32(text.encode('utf-8', 'surrogateescape'))


def settime(path, salt=''):
    """A time that depends on the name alone, with odd nanoseconds."""
    n = crc(os.path.basename(path) + salt)
    ns = (OLD + n % SPAN) * 10**9 + n % 10**9
    os.utime(path, ns=(ns, ns), follow_symlinks=False)


def put(path, data, mode=0o644, salt=''):
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, mode)
    settime(path, salt)


def text(rng, lines):
    return b''.join(b'%d line %d\n' % (rng.randrange(10**6), i)
                    for i in range(lines))


def plant(root):
    """The tree that all begin with; the same in each run of a seed."""
    rng = random.Random(7)
    dirs = ['']
    while len(dirs) < 140:
        up = rng.choice(dirs)
        if up.count('/') < 6:
            dirs.append(up + 'd%d/' % len(dirs))
    for d in dirs:
        os.makedirs(os.path.join(root, d), exist_ok=True)
    for n in range(FILES):
        d = rng.choice(dirs)
        mode = rng.choice([0o644] * 8 + [0o600, 0o755, 0o444, 0o640, 0o751])
        put(root + '/' + d + 'f%d.txt' % n, text(rng, rng.choice(
            [0, 1, 3, 10, 30, 120])), mode)
    odd = ['-n', ' ', 'a\nb', '\udcff\udcfe', 'ä', 'x' * 255, '~', 'a b~c',
           '.hidden', '*?[', '\x1b[2J']
    for name in odd:
        put(root + '/' + name, name.encode('utf-8', 'surrogateescape'))
    put(root + '/d1/big', rng.randbytes(1400000), 0o640)
    put(root + '/limit', rng.randbytes(2**20 + 1))
    put(root + '/zero', bytes(1100000))
    for n, to in enumerate(['limit', '/nowhere', 'd1', '../..', '.',
                            'x' * 300, 'd1/../d2', 'a\nb']):
        os.symlink(to, root + '/d1/l%d' % n)
        settime(root + '/d1/l%d' % n)
    for n in range(12):
        os.mkdir(root + '/d2/empty%d' % n)
    for path, ns in (('limit', 0), ('zero', -10**9), ('~', 5 * 10**18),
                     ('-n', 1)):
        os.utime(root + '/' + path, ns=(ns, ns))
    for base, names, _ in os.walk(root):
        if '.sada' in names:
            names.remove('.sada')
        for name in names:
            if not os.path.islink(base + '/' + name):
                os.chmod(base + '/' + name, rng.choice(
                    [0o755] * 5 + [0o700, 0o711, 0o750]))
    settimes(root, 0)


def settimes(root, since):
    """Directories that were changed since get a time by their name."""
    for base, names, _ in os.walk(root, topdown=False):
        if '/.sada' in base[len(root):]:
            continue
        if base != root and os.lstat(base).st_mtime >= since:
            settime(base)


def edit(root, salt, shared):
    """A user's changes; SHARED of them hit the same names for each SALT."""
    rng = random.Random(11)
    start = time.time() - 2
    files = sorted(p for p, s in listing(root).items()
                   if stat.S_ISREG(s.st_mode) and p.endswith('.txt'))
    rng.shuffle(files)
    files = files[:shared] + files[shared + 200 * crc(salt) % 7:]
    at = iter(root + '/' + f for f in files)
    rng = random.Random(salt)
    for _ in range(shared):		# conflicts and clean merges
        path = next(at)
        with open(path, 'rb') as f:
            lines = f.read().splitlines(True)
        n = rng.randrange(len(lines) + 1)
        put(path, b''.join(lines[:n]) + salt.encode() + b'\n' +
            b''.join(lines[n:]), 0o644, salt)
    for _ in range(25):
        put(next(at), text(rng, rng.choice([0, 5, 200])), 0o644, salt)
    for _ in range(15):
        os.unlink(next(at))
    for n in range(4):			# one kind becomes another
        path = next(at)
        os.unlink(path)
        os.symlink('to %d' % n, path)
        settime(path)
    for n in range(4):
        path = next(at)
        os.unlink(path)
        os.mkdir(path)
        put(path + '/in', text(rng, 4))
        os.mkdir(path + '/deeper')
        put(path + '/deeper/in', text(rng, 4))
    for n in range(2):
        path = next(at)
        os.chmod(path, 0o700)
        settime(path, salt)
    for n in range(6):
        os.chmod(next(at), rng.choice([0o600, 0o755, 0o400]))
    for n in range(4):
        settime(next(at), salt + 'time')
    for n in range(2):
        path = root + '/d2/empty%d' % rng.randrange(6)
        if os.path.isdir(path):
            os.rmdir(path)
            put(path, b'was a directory')
    os.chmod(root + '/d2/empty%d' % (6 + crc(salt) % 3), 0o700)
    path = root + '/d2/empty%d' % (9 + crc(salt) % 3)
    os.rmdir(path)
    os.unlink(root + '/d1/l%d' % (crc(salt) % 4))
    put(root + '/d1/l%d' % (crc(salt) % 4), b'no link any more', salt=salt)
    os.unlink(root + '/d1/l%d' % (4 + crc(salt) % 4))
    os.symlink('elsewhere ' + salt, root + '/d1/l%d' % (4 + crc(salt) % 4))
    settime(root + '/d1/l%d' % (4 + crc(salt) % 4))
    for n in range(15):
        path = next(at)
        put(os.path.dirname(path) + '/new %s %d' % (salt, n), text(rng, n))
    new = root + '/new ' + salt
    for d in ('', '/a', '/a/b', '/empty', '/c'):
        os.mkdir(new + d)
        for n in range(0 if d == '/empty' else 30):
            put(new + d + '/%d' % n, text(rng, n), rng.choice(
                [0o644, 0o600, 0o755]))
    os.symlink('a/b', new + '/link')
    settime(new + '/link')
    path = next(at)			# renames
    os.rename(path, root + '/moved ' + salt)
    sub = sorted(d for d in os.listdir(root) if re.match(r'd\d+$', d))
    os.rename(root + '/' + sub[-1 - crc(salt) % 2],
              root + '/moved dir ' + salt)
    with open(root + '/d1/big', 'rb') as f:
        big = f.read()
    if salt == 'two':
        put(root + '/zero', bytes(500000) + b'x' + bytes(600000))
    else:
        put(root + '/d1/big', big[:900000] + salt.encode() + big[900000:],
            0o640, salt)
    put(new + '/large', rng.randbytes(1100000))
    settimes(root, start)


def listing(root):
    """path -> lstat of all below ROOT but its store."""
    out = {}
    todo = ['']
    while todo:
        d = todo.pop()
        with os.scandir(root + '/' + d) as it:
            for e in it:
                path = d + e.name
                if path == '.sada':
                    continue
                out[path] = e.stat(follow_symlinks=False)
                if e.is_dir(follow_symlinks=False):
                    todo.append(path + '/')
    return out


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return 'l' + os.readlink(path)
    if stat.S_ISDIR(st.st_mode):
        return 'd'
    with open(path, 'rb') as f:
        return hashlib.blake2b(f.read(), digest_size=16).hexdigest()


def image(root):
    """What a user sees: kind, content, mode and time of each name."""
    return {p: (content(root + '/' + p, st), stat.S_IMODE(st.st_mode),
                st.st_mtime_ns)
            for p, st in listing(root).items()}


def differ(was, now):
    """A few words on how two dicts differ, or ''."""
    out = []
    for p in sorted(set(was) | set(now)):
        if was.get(p) != now.get(p):
            out.append('%r: %s, not %s' % (p, now.get(p), was.get(p)))
    more = ' ... %d in all' % len(out) if len(out) > 4 else ''
    return '; '.join(out[:4]) + more


def touched(st):
    return (st.st_ino, st.st_mode, st.st_size, st.st_mtime_ns,
            st.st_ctime_ns, st.st_nlink)


# ---- commands ----

def run(*argv, ok=(0,), cwd=None):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, cwd=cwd,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       errors='surrogateescape', timeout=120)
    want(p.returncode in ok, '%s: exit %d: %s' % (
        ' '.join(argv), p.returncode, p.stderr.strip()[-400:]))
    return p.stdout


def remove(path):
    subprocess.run(['rm', '-rf', path], check=False)


def killed(argv, name, n, cwd):
    """Run ARGV, killed at the N-th call of NAME; was it?"""
    p = subprocess.run(
        ['strace', '-f', '-qq', '-o', '/dev/null',
         '-e', 'trace=' + name, '-e', 'signal=none',
         '-e', 'inject=%s:signal=KILL:when=%d' % (name, n)] + argv,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=cwd,
        stderr=subprocess.PIPE, errors='replace', timeout=120)
    want(p.returncode in (-9, 137, 0, 1), '%s: exit %d: %s' % (
        ' '.join(argv), p.returncode, p.stderr[-400:]))
    return p.returncode in (-9, 137)


def trace(argv, cwd):
    """How often a thread of ARGV makes each call: name -> most."""
    out = os.path.join(cwd, 'trace')
    subprocess.run(['strace', '-f', '-qq', '-o', out] + argv, cwd=cwd,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    count = collections.Counter()
    with open(out, errors='replace') as f:
        for line in f:
            m = re.match(r'(\d+) +(\w+)\(', line)
            if m:
                count[m.groups()] += 1
    most = {}
    for (_, name), n in count.items():
        if name not in NEVER:
            most[name] = max(n, most.get(name, 0))
    return most


def logsize(store):
    d = store + '/log'
    return sum(os.path.getsize(d + '/' + f) for f in os.listdir(d)) \
        if os.path.isdir(d) else 0


# ---- scenarios ----

class Scenario:
    """One command on one kind of replica.

    IMAGES are copied into the working directory; settle() is what happens
    in the copy before the command; REPLICA is where the command works.
    """
    images = ()
    replica = 'one'
    commits = False		# the command itself appends to the log

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.points = []
        self.ref = None

    def prepare(self, work):
        for i in self.images:
            run('cp', '-a', self.world.path + '/' + i, work)
        self.settle(work)

    def settle(self, work):
        run('sada-snap', '-q', '-C', work + '/' + self.replica)

    def command(self):
        raise NotImplementedError

    def before(self, work):
        """What check() compares with, taken before the kill."""
        return listing(work + '/' + self.replica)

    def check(self, work, before):
        """Look, before anything else runs."""

    def again(self, work, before):
        """Look after a second kill, of the command made once more."""
        self.check(work, before)

    def finish(self, work, rng):
        """Go on as a user would; the facts to be equal in each run."""
        raise NotImplementedError

    # -- helpers --

    def ops(self, root):
        return run('sada-log', '-C', root, '--json').count('\n')

    def listed(self, root, rev='@'):
        out = []
        for line in run('sada-ls', '-lR', '--json', '-C', root,
                        rev).splitlines():
            d = json.loads(line)
            want(d.get('held', True), 'content not held: ' + line)
            out.append(sorted(d.items()))
        return out

    def quiet(self, root):
        """Nothing is left to be recorded, nothing is damaged."""
        out = run('sada-snap', '-C', root)
        want(out == '', 'an op was made up: ' + out)
        run('sada-verify', '-C', root)
        self.litter(root)

    def litter(self, root):
        for base, dirs, files in os.walk(root + '/.sada'):
            for f in files + dirs:
                want(not f.startswith('.tmp'), 'litter: %s/%s' % (base, f))
        for d in ('stage', 'trash'):
            left = os.listdir(root + '/.sada/' + d)
            want(not left, 'left in %s: %s' % (d, left[:5]))
        left = sorted(os.listdir(root + '/.sada'))
        want(not [f for f in left if 'journal' in f or f.endswith('.new')],
             'left in .sada: %s' % left)

    def untouched(self, work, before):
        root = work + '/' + self.replica
        was = {p: touched(s) for p, s in before.items()}
        now = {p: touched(s) for p, s in listing(root).items()}
        want(was == now, 'a file of the user was touched: ' +
             differ(was, now))


class Snap(Scenario):
    images = ('one',)
    commits = True

    def settle(self, work):
        super().settle(work)
        edit(work + '/one', 'one', 12)

    def command(self):
        return ['sada-snap', '-C', 'one']

    def check(self, work, before):
        self.untouched(work, before)

    def finish(self, work, rng):
        root = work + '/one'
        run('sada-snap', '-C', root)
        self.quiet(root)
        tree = image(root)
        if rng.randrange(6) == 0:	# what was recorded is all there
            run('sada-restore', '-C', root, '-o', work + '/out', '@')
            now = image(work + '/out')
            want(files(tree) == files(now), 'restored: ' +
                 differ(files(tree), files(now)))
        names = run('sada-log', '-C', root, '-n1', '--name-status')
        return {'tree': tree, 'ops': self.ops(root),
                'ls': self.listed(root),
                'names': names.split('\n')[1:]}


def files(tree):
    """TREE without times of directories, which only an op records."""
    return {p: v[:2] if v[0] == 'd' else v for p, v in tree.items()}


class FirstSnap(Snap):
    images = ('first',)

    def settle(self, work):
        os.rename(work + '/first', work + '/one')


class Pull(Scenario):
    images = ('two', 'delta')
    replica = 'two'
    commits = True
    merge = True

    def command(self):
        return ['sada-pull', '-C', 'two', 'delta']

    def check(self, work, before):
        self.untouched(work, before)

    def finish(self, work, rng):
        root = work + '/two'
        # Whoever comes next must cope, not only the same command.
        if rng.randrange(4) == 0:
            run('sada-snap', '-C', root)
        before = listing(root)
        out = run(*self.command(), cwd=work)
        want(re.search(r' (taken|known)$', out.strip()), 'it says ' + out)
        self.untouched(work, before)
        self.quiet(root)
        facts = {'ops': self.ops(root), 'ls': self.listed(root, '@+'),
                 'id': run('sada-status', '--id', '-C', root)}
        out = run(*self.command(), cwd=work)
        want(' known' in out, 'twice is not once: ' + out)
        if rng.randrange(4) == 0:
            run('sada-merge', '-C', root, ok=(0, 1))
            now = image(root)
            with self.world.lock:
                was = self.world.merged.setdefault(self.name, now)
            want(was == now, 'merged: ' + differ(was, now))
            self.quiet(root)
        return facts


class PullFull(Pull):
    images = ('fresh', 'full')

    def settle(self, work):
        os.rename(work + '/fresh', work + '/two')

    def command(self):
        return ['sada-pull', '-C', 'two', 'full']


class PullSpool(Pull):
    images = ('two', 'spool')

    def command(self):
        return ['sada-pull', '-C', 'two', 'spool']


class Merge(Scenario):
    images = ('behind',)
    replica = 'two'
    status = 0

    def settle(self, work):
        os.rename(work + '/behind', work + '/two')
        super().settle(work)

    def command(self):
        return ['sada-merge', '-C', 'two']

    def before(self, work):
        root = work + '/two'
        return {p: (touched(s), None if stat.S_ISDIR(s.st_mode) else
                    content(root + '/' + p, s))
                for p, s in listing(root).items()}

    def check(self, work, before):
        """Each content is at its name or displaced, none is gone."""
        root = work + '/two'
        now = listing(root)
        gone = {}
        for p, (was, what) in before.items():
            if what is not None and (p not in now or
                                     touched(now[p]) != was):
                gone[p] = what
        have = set()
        for p, st in now.items():
            if p not in before or touched(st) != before[p][0]:
                have.add(content(root + '/' + p, st))
        for d in ('stage', 'trash'):
            for base, dirs, names in os.walk(root + '/.sada/' + d):
                for f in names + dirs:
                    path = base + '/' + f
                    have.add(content(path, os.lstat(path)))
        lost = [p for p, what in gone.items() if what not in have]
        want(not lost, 'neither here nor displaced: %r' % lost[:5])
        self.wanted(root, now, before)

    def again(self, work, before):
        # What the first displaced was recorded, and is gone by now.
        root = work + '/two'
        self.wanted(root, listing(root), before)

    def wanted(self, root, now, before):
        """A name shows what it was or what it is to be, nothing between."""
        if self.ref is None:
            return
        for p, st in now.items():
            if p in before and touched(st) == before[p][0]:
                continue
            what = content(root + '/' + p, st)
            end = self.ref['tree'].get(p, (None,))[0]
            was = before.get(p, (0, None))[1]
            if before.get(p, (0, 0))[1] is None and p in before:
                was = 'd'
            want(what in (end, was), '%r: neither old nor new' % p)

    def finish(self, work, rng):
        root = work + '/two'
        if rng.randrange(2) == 0:	# what is half done is no edit
            self.recorded(run('sada-snap', '-C', root))
        run(*self.command(), cwd=work, ok=(self.status,))
        tree = image(root)
        self.recorded(run('sada-snap', '-C', root))
        before = listing(root)
        run(*self.command(), cwd=work, ok=(self.status,))
        self.untouched(work, before)
        self.quiet(root)
        return {'tree': tree, 'ops': self.ops(root),
                'id': run('sada-status', '--id', '-C', root)}

    def recorded(self, out):
        want(out == '', 'an op was made up: ' + out)


class MergeClash(Merge):
    """Both edited, and edits that are not recorded stand in the way."""
    images = ('clash',)
    status = 1

    def settle(self, work):
        os.rename(work + '/clash', work + '/two')
        Scenario.settle(self, work)
        root = work + '/two'
        self.edits = {}
        for n, path in enumerate(self.world.later):
            data = b'not recorded %d\n' % n
            if os.path.islink(root + '/' + path):
                os.unlink(root + '/' + path)
            put(root + '/' + path, data, 0o644, 'later')

    def check(self, work, before):
        super().check(work, before)
        self.stand(work, before)

    def again(self, work, before):
        super().again(work, before)
        self.stand(work, before)

    def stand(self, work, before):
        now = listing(work + '/two')
        for p in self.world.later:
            want(p in now and touched(now[p]) == before[p][0],
                 '%r, an edit, was touched' % p)

    def finish(self, work, rng):
        root = work + '/two'
        run(*self.command(), cwd=work, ok=(0, 1))
        for n, p in enumerate(self.world.later):
            with open(root + '/' + p, 'rb') as f:
                want(f.read() == b'not recorded %d\n' % n,
                     '%r, an edit, is gone' % p)
        tree = image(root)
        ops = self.ops(root)
        run('sada-snap', '-C', root)
        want(self.ops(root) == ops + 1, 'the edits are not one op')
        names = run('sada-log', '-C', root, '-n1', '--name-status')
        run(*self.command(), cwd=work, ok=(1,))
        end = image(root)
        have = {v[0] for v in end.values()}
        for n, p in enumerate(self.world.later):
            data = hashlib.blake2b(b'not recorded %d\n' % n,
                                   digest_size=16).hexdigest()
            want(data in have, '%r, an edit, is gone' % p)
        self.quiet(root)
        return {'tree': files(tree), 'ops': ops,
                'names': sorted(names.split('\n')[1:]),
                'end': {p: v for p, v in files(end).items()
                        if '~' not in p}}


class MergeFresh(Merge):
    """Two thousand new names at once, some of them taken."""
    images = ('unlaid',)

    def settle(self, work):
        os.rename(work + '/unlaid', work + '/two')


class Sync(Scenario):
    images = ('one', 'back', 'met')

    def settle(self, work):
        os.rename(work + '/met', work + '/two')
        super().settle(work)
        edit(work + '/one', 'one', 12)

    def command(self):
        return ['sada-sync', '-C', 'one', 'back']

    def finish(self, work, rng):
        root = work + '/one'
        run(*self.command(), cwd=work, ok=(1,))
        tree = image(root)
        self.quiet(root)
        for f in os.listdir(work + '/back'):
            want(re.match(r'([0-9a-f]{32}\.sada|sada-spool)$', f),
                 'litter in the spool: ' + f)
        two = work + '/two'
        run('sada-snap', '-C', two)
        run('sada-sync', '-C', two, work + '/back', ok=(1,))
        run('sada-verify', '-C', two)
        now = image(two)
        want(files(tree) == files(now), 'at the other: ' +
             differ(files(tree), files(now)))
        want(run('sada-status', '--id', '-C', root) ==
             run('sada-status', '--id', '-C', two), 'two states')
        # Versions of conflicts are named by what is random.
        return {'ops': self.ops(root),
                'tree': {p: v for p, v in files(tree).items()
                         if '~' not in p}}


class Init(Scenario):
    images = ('bare',)
    replica = 'bare'

    def settle(self, work):
        pass

    def command(self):
        return ['sada-init', '-N', 'bare', 'bare']

    def check(self, work, before):
        self.untouched(work, {p: s for p, s in before.items()})

    def finish(self, work, rng):
        root = work + '/bare'
        line = run(*self.command(), cwd=work)
        want(re.match(r'bare sada1\w+\n$', line), 'it says ' + line)
        want(line == run(*self.command(), cwd=work), 'another key')
        want(line == run('sada-peer', '-C', root, 'self'), 'another line')
        want(re.match(r'[0-9a-f]{64}\n$', run('sada-snap', '-C', root)),
             'no op')
        self.quiet(root)
        return {'ops': self.ops(root), 'tree': image(root)}


class World:
    """What is prepared once."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.merged = {}
        self.later = []

    def copy(self, a, b):
        run('cp', '-a', self.path + '/' + a, self.path + '/' + b)

    def prepare(self):
        def at(name):
            return self.path + '/' + name

        os.mkdir(at('bare'))
        for n in range(20):
            put(at('bare/%d' % n), b'%d' % n)
        for name in 'one', 'two':
            run('sada-init', '-N', name, at(name))
        keys = {n: run('sada-peer', '-C', at(n), 'self').strip()
                for n in ('one', 'two')}
        run('sada-peer', '-C', at('one'), 'add', 'two', keys['two'])
        run('sada-peer', '-C', at('two'), 'add', 'one', keys['one'])
        plant(at('one'))
        self.copy('one', 'first')
        run('sada-snap', '-C', at('one'))
        self.copy('two', 'fresh')
        run('sada-push', '-C', at('one'), '-o', at('full'), 'two')
        run('sada-pull', '-C', at('two'), at('full'))
        self.copy('two', 'unlaid')
        run('sada-merge', '-C', at('two'))
        was, now = image(at('one')), image(at('two'))
        want(files(was) == files(now), 'laid out: ' +
             differ(files(was), files(now)))
        run('sada-push', '-C', at('two'), '-o', at('ack'), 'one')
        run('sada-pull', '-C', at('one'), at('ack'))
        # One goes on, two does too, neither has seen the other.
        self.copy('one', 'far')
        edit(at('far'), 'one', 12)
        run('sada-snap', '-q', '-C', at('far'))
        run('sada-push', '-q', '-C', at('far'), '-o', at('delta'), 'two')
        os.mkdir(at('spool'))
        run('sada-push', '-q', '-C', at('far'), '-o', at('spool'), 'two')
        self.copy('two', 'behind')
        run('sada-pull', '-q', '-C', at('behind'), at('delta'))
        self.copy('two', 'clash')
        edit(at('clash'), 'two', 12)
        run('sada-snap', '-q', '-C', at('clash'))
        self.copy('clash', 'met')
        os.mkdir(at('back'))
        run('sada-push', '-q', '-C', at('clash'), '-o', at('back'), 'one')
        run('sada-pull', '-q', '-C', at('clash'), at('delta'))
        # Names that the merge changes, taken by an edit before it runs.
        was, now = image(at('two')), image(at('far'))
        here = listing(at('clash'))
        hit = sorted(p for p, v in now.items()
                     if p in was and was[p][0] != v[0] and v[0] != 'd' and
                     p in here and stat.S_ISREG(here[p].st_mode) and
                     os.path.getsize(at('clash') + '/' + p) < 9999)
        self.later = random.Random(3).sample(hit, 6)


SCENARIOS = (
    # name, class, share of 500
    ('snap', Snap, 80),
    ('first-snap', FirstSnap, 50),
    ('pull', Pull, 70),
    ('pull-full', PullFull, 50),
    ('pull-spool', PullSpool, 40),
    ('merge', Merge, 70),
    ('merge-clash', MergeClash, 50),
    ('merge-fresh', MergeFresh, 40),
    ('sync', Sync, 30),
    ('init', Init, 20),
)


def draw(most, n, rng):
    """N points (name, number) of what a trace counted, no two alike."""
    loud = [(m, i) for m, c in most.items() if m in WRITING
            for i in range(1, c + 1)]
    still = [(m, i) for m, c in most.items() if m not in WRITING
             for i in range(1, c + 1)]
    rng.shuffle(loud)
    rng.shuffle(still)
    # The seldom ones first, each at least once.
    loud.sort(key=lambda p: p[1] > 3)
    out = []
    while (loud or still) and len(out) < n:
        src = loud if loud and (len(out) % 4 < 3 or not still) else still
        out.append(src.pop(0))
    return out


class Harness:
    def __init__(self, args, fast, slow):
        self.args, self.fast, self.slow = args, fast, slow
        self.world = World(fast + '/world')
        os.mkdir(self.world.path)
        self.early = self.kills = 0
        self.lock = threading.Lock()
        self.number = 0

    def scratch(self, sc, i):
        top = self.slow if i % 8 == 5 else self.fast
        with self.lock:
            self.number += 1
            path = '%s/%s-%d' % (top, sc.name, self.number)
        os.mkdir(path)
        return path

    def reference(self, sc):
        """The run that nobody kills, and its trace."""
        work = self.scratch(sc, 0)
        sc.prepare(work)
        most = trace(sc.command(), work)
        sc.ref = sc.finish(work, random.Random(1))
        remove(work)
        return most

    def one(self, sc, i, point, rng):
        """Kill at POINT and look: (text of the point, trouble, place)."""
        name, n = point
        work = self.scratch(sc, i)
        label = '%s %s %d' % (sc.name, name, n)
        try:
            sc.prepare(work)
            store = work + '/' + sc.replica + '/.sada'
            size = logsize(store)
            before = sc.before(work)
            if not killed(sc.command(), name, n, work):
                remove(work)
                return None
            early = sc.commits and logsize(store) == size
            if early:
                label += ' (before the commit)'
            sc.check(work, before)
            if i % 8 == 0:
                name2, most = rng.choice(sorted(sc.most.items()))
                n2 = rng.randrange(1, most + 1)
                if killed(sc.command(), name2, n2, work):
                    label += ' and %s %d' % (name2, n2)
                sc.again(work, before)
            facts = sc.finish(work, rng)
            for key, val in sc.ref.items():
                if isinstance(val, dict):
                    want(val == facts[key], '%s: %s' % (
                        key, differ(val, facts[key])))
                elif isinstance(val, list):
                    more = [x for x in facts[key] if x not in val]
                    less = [x for x in val if x not in facts[key]]
                    want(val == facts[key], '%s: %s, not %s' % (
                        key, more[:3], less[:3]))
                else:
                    want(val == facts[key], '%s: %s, not %s' % (
                        key, facts[key], val))
        except (Bad, subprocess.TimeoutExpired, OSError) as e:
            return label, '%s: %s' % (type(e).__name__, e), work
        if not self.args.keep:
            remove(work)
        with self.lock:
            self.kills += 1
            self.early += early
        return label, None, None


def say(ok, n, label):
    print('%sok %d - %s' % ('' if ok else 'not ', n, label))
    sys.stdout.flush()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--kills', type=int,
                    default=int(os.environ.get('SADA_TEST_KILLS', 500)))
    ap.add_argument('--seed', type=int,
                    default=int(os.environ.get('SADA_TEST_SEED', 1)))
    ap.add_argument('--jobs', type=int, default=2)
    ap.add_argument('--only', default='')
    ap.add_argument('--keep', action='store_true')
    args = ap.parse_args()
    os.umask(0o022)
    slow = tempfile.mkdtemp(prefix='kill-')
    shm = '/dev/shm'
    fast = tempfile.mkdtemp(prefix='sada-kill-', dir=shm) \
        if os.access(shm, os.W_OK) and \
        shutil.disk_usage(shm).free > 10**9 else slow
    h = Harness(args, fast, slow)
    only = args.only.split()
    print('# seed %d, in %s and %s' % (args.seed, fast, slow))
    start = time.monotonic()
    h.world.prepare()
    done = failed = 0
    full = args.kills >= 500 and not only
    kept = []
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)

    def result(label, trouble, work):
        nonlocal done, failed
        done += 1
        say(not trouble, done, label)
        if trouble:
            failed += 1
            kept.append(work)
            print('# ' + trouble.replace('\n', ' ')[:1500])
            print('# in ' + work)

    todo = []
    for name, cls, share in SCENARIOS:
        if only and only[0] != name:
            continue
        sc = cls(h.world, name)
        try:
            sc.most = h.reference(sc)
        except (Bad, OSError, subprocess.TimeoutExpired) as e:
            result(name + ' without a kill', str(e), h.fast)
            continue
        result(name + ' without a kill', None, None)
        n = max(1, share * args.kills // 500)
        rng = random.Random('%d %s' % (args.seed, name))
        points = draw(sc.most, 3 * n, rng)
        if len(only) == 3:
            points, n = [(only[1], int(only[2]))], 1
        todo.append((sc, points, n))
    print('# prepared in %.1f s' % (time.monotonic() - start))
    for sc, points, n in todo:
        got = i = 0
        while got < n and points:
            # A point that no thread reached this time is replaced.
            part, points = points[:n - got], points[n - got:]
            jobs = []
            for p in part:
                rng = random.Random('%d %s %s %d' % (
                    (args.seed, sc.name) + p))
                jobs.append(pool.submit(h.one, sc, i, p, rng))
                i += 1
            for j in jobs:
                r = j.result()
                if r is not None:
                    got += 1
                    result(*r)
    print('# %d kills, %d before the commit, %.1f s' % (
        h.kills, h.early, time.monotonic() - start))
    if full:
        done += 2
        say(h.kills >= args.kills or failed, done - 1,
            '%d kills' % args.kills)
        say(h.early >= 150 or failed, done, '150 of them before the commit')
        failed += h.kills < args.kills or h.early < 150
    print('1..%d' % done)
    if not kept and not args.keep:
        shutil.rmtree(fast, ignore_errors=True)
        shutil.rmtree(slow, ignore_errors=True)
    elif fast != slow:
        shutil.rmtree(h.world.path, ignore_errors=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
