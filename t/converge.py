#!/usr/bin/env python3
"""converge: random histories on replicas that are never online; prints TAP.

Each point is one history, all of it made from one seed: 2 to 5 replicas
are edited, snapped, pushed, pulled and merged in any order while bundles
are lost, doubled, late and out of order, and stores are set back to older
copies.  At each merge the names shown are compared with those that a naive
model gives (converge_model.py).  Then all are connected until quiet, and
all must be equal, nothing recorded may be lost, and nobody may have more
to say.

SADA_TEST_SEED is the first seed (default: 1), SADA_TEST_ROUNDS says how
many histories (default: 24), SADA_TEST_EVENTS how many events each has
(default: 100); SADA_TEST_VERBOSE shows each command, and with
SADA_TEST_KEEP the directories of a history that failed stay.
"""
import base64
import calendar
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
import traceback

import converge_log
from converge_model import (Entry, FILE_MAX, Model, Side, Wrong, content_id,
                            is_held)

VERBOSE = 'SADA_TEST_VERBOSE' in os.environ

NAMES = [
    b'a', b'b', b'd', b'a.txt', b'd.tar.gz', b'n\nl', b'\xff\xfe', b'x' * 255,
    b'y' * 251 + b'.txt', b'\xc3\xa9' * 127, b'~', b'a~0123456789', b'f~.txt',
    b'-l', b'.h', b'.a~b', b'A', b' ', b'*', b'"\\', b'.sadaignor', b'sada',
]
EDITS = ['text'] * 18 + ['tidy'] * 3 + [
    'write', 'write', 'append', 'delete', 'delete', 'chmod', 'rename',
    'rename', 'rename', 'swap', 'mkdir', 'link', 'mtime', 'kind']
MODES = [0o644, 0o600, 0o755, 0o444, 0o400, 0o111, 0o000, 0o4755, 0o666]
DIR_MODES = [0o755, 0o700, 0o750, 0o1777, 0o500]
TEXT = [b'', b'x', b'one\n', b'two\n', b'one\ntwo\nthree\n', b'x' * 5000]
# Files of lines: what most edits are made in, a few words for each line.
LINES = [b'%d\n' % n for n in range(1, 25)]
WORDS = [b'tea', b'bread', b'milk']
TIMES = [0, 1, -1, 10 ** 9, 1_700_000_000_123456789, 2 ** 32 * 10 ** 9,
         1_600_000_000_000000001]


def mode_of(st):
    """What is kept of a mode: setuid and its like do not travel."""
    return 0 if stat.S_ISLNK(st.st_mode) else st.st_mode & 0o777


class Replica:
    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.dir = os.path.join(world.tmp, name)
        self.bdir = os.fsencode(self.dir)
        self.side = Side(world.model)
        self.backups = []       # (directory, Side, ops)

    def run(self, what, *args, ok=(0,)):
        """Run sada-WHAT here: (status, stdout)."""
        return self.world.run('sada-' + what, '-C', self.dir, *args, ok=ok)

    def lines(self, what, *args):
        return [json.loads(s) for s in
                self.run(what, '--json', *args)[1].splitlines()]

    def ops(self):
        """Op id -> what its record says; of all that are here."""
        return {o.id: o for o in
                converge_log.ops(os.path.join(self.dir, '.sada'))}

    def held(self):
        return converge_log.held(os.path.join(self.dir, '.sada'))

    def id(self):
        return self.run('status', '--id')[1]

    def scan(self):
        """What is in the directory: name -> Entry; the root is b''."""
        out, inodes = {}, {}

        def visit(fd, base):
            st = os.stat(fd)
            out[base[:-1]] = Entry('d', None, mode_of(st),
                                   st.st_mtime_ns, 0)
            for n in os.listdir(fd):
                n = os.fsencode(n)
                if base == b'' and n == b'.sada':
                    continue
                st = os.lstat(n, dir_fd=fd)
                inodes[base + n] = st.st_ino
                if stat.S_ISDIR(st.st_mode):
                    sub = os.open(n, os.O_RDONLY, dir_fd=fd)
                    try:
                        visit(sub, base + n + b'/')
                    finally:
                        os.close(sub)
                elif stat.S_ISLNK(st.st_mode):
                    to = os.fsencode(os.readlink(n, dir_fd=fd))
                    out[base + n] = Entry('l', content_id(to), 0,
                                          st.st_mtime_ns, len(to))
                else:
                    f = os.open(n, os.O_RDONLY, dir_fd=fd)
                    with open(f, 'rb') as f:
                        data = f.read()
                    out[base + n] = Entry('f', self.world.content(data),
                                          mode_of(st), st.st_mtime_ns,
                                          len(data))

        fd = os.open(self.bdir, os.O_RDONLY)
        try:
            visit(fd, b'')
        finally:
            os.close(fd)
        self.side.ino_now = inodes
        return out

    def view(self, rev):
        """Names that REV shows."""
        return {json_name(e): Entry(
                    e['kind'], self.world.known(e.get('content')),
                    int(e['mode'], 8), time_ns(e), e['size'])
                for e in self.lines('ls', '-R', rev)}

    # ---- commands, each followed by the model ----

    def snap(self):
        disk, before = self.scan(), self.ops()
        rc, out = self.run('snap', ok=(0, 2))
        if rc == 2:
            rc, out = self.run('snap', '--accept-deletes')
        op = out.strip()
        log = self.ops()
        if op and op not in log:
            raise Wrong('snap told op %s, which is not in the log' % op)
        try:
            new = [o for o in log if o not in before]
            if op not in ('', *new[-1:]):
                raise Wrong('snap told op %s, and made %s' % (op, new))
            dirs = {json_name(e): (int(e['mode'], 8), time_ns(e)) if
                    e['author'] else None for e in self.lines(
                        'ls', '-R', op) if e['kind'] == 'd'} if op else {}
            self.side.snap(disk, [log[o] for o in new], dirs, self.held())
        except Wrong as e:
            raise Wrong('snap in %s: %s' % (self.name, e))
        for o in new:
            self.world.recorded(self, o)
        return op

    def push(self, file, peers, *more):
        self.run('push', '-o', file, *more, *(p.name for p in peers))

    def pull(self, *places):
        ok = (0, 1, 2)
        rc, out = self.run('pull', *places, ok=ok)
        if rc == 2:
            rc, out = self.run('pull', '--join', *places, ok=(0, 1))
        return out

    def merge(self):
        ops, held = self.ops(), self.held()
        view = self.view('@+') if ops else {}
        was = self.scan()
        rc, _ = self.run('merge', ok=(0, 1, 2))
        if rc == 2:
            if not ops:
                raise Wrong('the guard of merge stopped nothing')
            rc, _ = self.run('merge', '--accept-deletes', ok=(0, 1))
        if ops:
            try:
                self.side.merge(view, ops, was, self.scan(), held)
            except Wrong as e:
                raise Wrong('merge in %s: %s' % (self.name, e))
        return rc

    # ---- copies of the store ----

    def backup(self, whole):
        to = os.path.join(self.world.tmp, 'backup%d' % self.world.serial())
        self.world.run('cp', '-a', self.dir if whole else
                       os.path.join(self.dir, '.sada'), to)
        self.backups.append((to, whole, self.side.copy(), set(self.ops())))

    def restore(self, rng):
        """
        Go back to a copy: the whole directory; the store alone, as new
        files; copied over what is there; or unseen, the lock still the old.
        """
        copy, whole, side, had = rng.choice(self.backups)
        lost = set(self.ops()) - had
        store = os.path.join(self.dir, '.sada')
        how = rng.randrange(3)
        if whole:
            shutil.rmtree(self.bdir)
            self.world.run('cp', '-a', copy, self.dir)
        elif how == 0:
            shutil.rmtree(store)
            self.world.run('cp', '-a', copy, store)
        elif how == 1:
            self.world.run('cp', '-a', copy + '/.', store)
        else:
            for n in os.listdir(store):
                p = os.path.join(store, n)
                if n == 'lock':
                    continue
                elif os.path.isdir(p):
                    shutil.rmtree(p)
                else:
                    os.unlink(p)
            for n in os.listdir(copy):
                if n != 'lock':
                    self.world.run('cp', '-a', os.path.join(copy, n), store)
        self.side = side.copy()
        # Copied over, newer segments of the log may still be there.
        self.run('log')
        have = set(self.ops())
        self.world.maybe_lost |= lost - have
        self.world.note('%s: back to %s (%s)' % (self.name, copy, 'whole'
                        if whole else ('new', 'over', 'unseen')[how]))


def json_name(e):
    if 'path_b64' in e:
        return base64.b64decode(e['path_b64'])
    return os.fsencode(e['path'])


def time_ns(e):
    t = [int(x) for x in re.findall(r'\d+', e['mtime'])]
    return calendar.timegm(tuple(t)) * 10 ** 9 + e['mtime_ns']


class World:
    """The replicas of one history, and the bundles between them."""

    def __init__(self, seed, tmp):
        self.rng = random.Random(seed)
        self.restores = seed % 3 != 0
        self.tmp = tmp
        self.model = Model()
        self.bundles = []       # (file, sender, peers it is for)
        self.count = 0
        self.big = {}           # id of a large content -> hash of our own
        self.texts = set()      # ids of contents that are lines
        self.author = {}        # op -> replica
        self.maybe_lost = set()     # ops that a restored store forgot
        self.commands = 0
        self.replicas = [Replica(self, 'r%d' % i)
                         for i in range(self.rng.randint(2, 5))]
        keys = {}
        for r in self.replicas:
            keys[r] = self.run('sada-init', '-N', r.name, r.dir)[1]
        for r in self.replicas:
            for p in self.replicas:
                if p is not r:
                    r.run('peer', 'add', *keys[p].split())

    def note(self, what):
        if VERBOSE:
            print('# ' + what, flush=True)

    def run(self, *argv, ok=(0,)):
        self.commands += 1
        p = subprocess.run(argv, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=120)
        if argv[0] in ('sada-log', 'sada-ls', 'sada-cat', 'sada-peer'):
            pass
        elif VERBOSE:
            self.note('%s -> %d %s' % (' '.join(argv), p.returncode,
                      (p.stdout + p.stderr).decode(errors='replace')
                      .strip().replace('\n', '; ')))
        if p.returncode not in ok:
            raise Wrong('%s: exit %d: %s' % (
                ' '.join(repr(a)[1:] if isinstance(a, bytes) else a
                         for a in argv), p.returncode,
                p.stderr.decode(errors='replace').strip()))
        if argv[0] == 'sada-cat':
            return p.returncode, p.stdout
        return p.returncode, p.stdout.decode()

    def serial(self):
        self.count += 1
        return self.count

    # ---- contents ----

    def content(self, data):
        if len(data) <= FILE_MAX:
            i = content_id(data)
            self.model.bytes[i] = data
            return i
        return 'big' + hashlib.sha256(data).hexdigest()

    def known(self, cid):
        return self.big.get(cid, cid)

    def recorded(self, r, op):
        """R recorded OP, and Side.snap() knows what it made."""
        self.author[op] = r
        if any(v.size > FILE_MAX for v in self.model.made[op]):
            for e in r.lines('ls', '-R', op):
                if e['size'] > FILE_MAX and e['content'] not in self.big:
                    data = r.run('cat', op.encode() + b':' +
                                 json_name(e))[1]
                    self.big[e['content']] = self.content(data)
                    self.model.big[self.content(data)] = e['content']

    # ---- edits ----

    def new_content(self):
        rng = self.rng
        how = rng.randrange(20)
        if how < 10:
            return b''.join(LINES)
        if how < 15:
            return rng.choice(TEXT)
        if how < 19:
            return rng.randbytes(rng.randrange(1, 20000))
        # Holes in the middle and at the end; above the size of a chunk.
        return b'head' + bytes(rng.choice((300000, 1500000))) + \
            rng.randbytes(10) + bytes(rng.randrange(2) * 131072)

    def new_name(self, dirs):
        base = self.rng.choice(dirs)
        name = self.rng.choice(NAMES[:6] if self.rng.random() < .6 else NAMES)
        return base + b'/' + name if base else name

    def edit(self, r):
        rng = self.rng
        now = r.scan()
        del now[b'']
        dirs = [b''] + [n for n, e in now.items()
                        if e.kind == 'd' and n.count(b'/') < 2]
        copies = [n for n in now if re.search(rb'~[0-9a-f]{10}', n)]
        old = rng.choice(copies if copies and rng.random() < .3 else
                         sorted(now)) if now else None
        new = self.new_name(dirs)
        what = rng.choice(EDITS)
        texts = [n for n in now if n not in copies and now[n].kind == 'f' and
                 now[n].content in self.texts | self.model.merged]
        if what == 'text' and texts:
            texts.sort()
            old = rng.choice(texts[:3] if rng.random() < .7 else texts)
        elif what == 'text':
            what = 'write'
        os.chdir(r.bdir)
        try:
            if old is None or what == 'write':
                self.write(old if old and rng.random() < .5 and
                           now[old].kind == 'f' else new)
            else:
                getattr(self, 'edit_' + what)(old, new, now)
        finally:
            os.chdir('/')
        self.note('%s: %s %r %r' % (r.name, what, old, new))

    def clear(self, name):
        """Nothing stands at NAME after this."""
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        elif os.path.lexists(name):
            os.unlink(name)

    def write(self, name):
        if os.path.islink(name) or os.path.isdir(name):
            self.clear(name)
        self.put(name, self.new_content())

    def put(self, name, data):
        if data.count(b'\n') > 3 and b'\0' not in data:
            self.texts.add(self.content(data))
        with open(name, 'wb') as f:
            for i in range(0, len(data), 4096):
                if data[i:i + 4096].strip(b'\0'):
                    f.seek(i)
                    f.write(data[i:i + 4096])
            f.truncate(len(data))

    def edit_text(self, old, new, now):
        rng = self.rng
        with open(old, 'rb') as f:
            data = f.read()
        end = b'\r\n' if b'\r' in data else b'\n'
        lines = data.splitlines(True)
        for _ in range(rng.choice((1, 1, 1, 2))):
            at = rng.randrange(len(lines))
            how = rng.randrange(20)
            word = rng.choice(WORDS) + end
            if how < 10:
                lines[at] = word
            elif how < 14:
                lines.insert(at, word)
            elif how < 16:
                lines.append(word)
            elif how < 18 and len(lines) > 5:
                del lines[at]
            elif how < 19:
                lines[-1] = lines[-1].rstrip(b'\r\n')
            elif rng.random() < .2:
                swap = (b'\n', b'\r\n') if end == b'\n' else (b'\r\n', b'\n')
                lines = [x.replace(*swap) for x in lines]
            elif rng.random() < .7:
                # Back to what some name once had.
                lines = self.model.bytes[rng.choice(sorted(
                    self.texts))].splitlines(True)
        self.put(old, b''.join(lines))

    def edit_tidy(self, old, new, now):
        for n in now:
            if re.search(rb'~[0-9a-f]{10}', n):
                self.clear(n)

    def edit_append(self, old, new, now):
        if now[old].kind == 'f' and os.lstat(old).st_size < 3000000:
            with open(old, 'ab') as f:
                f.write(b'more\n')
        else:
            self.write(new)

    def edit_delete(self, old, new, now):
        self.clear(old)

    def edit_chmod(self, old, new, now):
        if now[old].kind != 'l':
            os.chmod(old, self.rng.choice(
                DIR_MODES if now[old].kind == 'd' else MODES))

    def edit_rename(self, old, new, now):
        if not (new + b'/').startswith(old + b'/') and \
                not (old + b'/').startswith(new + b'/'):
            self.clear(new)
            os.rename(old, new)

    def edit_swap(self, old, new, now):
        if os.path.lexists(new) and old.count(b'/') == new.count(b'/') == 0:
            os.rename(old, b'tmp')
            if old != new:
                os.rename(new, old)
            os.rename(b'tmp', new)

    def edit_mkdir(self, old, new, now):
        if not os.path.lexists(new):
            os.mkdir(new)

    def edit_link(self, old, new, now):
        self.clear(new)
        os.symlink(self.rng.choice((b'a', b'..', b'/etc/passwd', b'\xff\n',
                                    b'x' * 300, b'.sada/key')), new)

    def edit_mtime(self, old, new, now):
        if now[old].kind != 'd':
            t = self.rng.choice(TIMES)
            os.utime(old, ns=(t, t), follow_symlinks=False)

    def edit_kind(self, old, new, now):
        self.clear(old)
        how = self.rng.randrange(3)
        if how == 0:
            os.mkdir(old)
            self.write(os.path.join(old, b'a'))
        elif how == 1:
            os.symlink(b'b', old)
        else:
            self.write(old)

    # ---- events ----

    def event(self):
        rng = self.rng
        r = rng.choice(self.replicas)
        dice = rng.random()
        if dice < .34:
            for _ in range(rng.randint(1, 3)):
                self.edit(r)
        elif dice < .52:
            r.snap()
        elif dice < .62:
            self.send(r)
        elif dice < .74:
            if self.bundles:
                # A bundle stays: it may come twice, or much later.
                file, _, to = rng.choice(self.bundles[-6:] if
                                         rng.random() < .7 else self.bundles)
                rng.choice(to).pull(file)
        elif dice < .80:
            r.merge()
        elif dice < .96:
            # What is usual: all of one goes to another.
            p = rng.choice([p for p in self.replicas if p is not r])
            r.snap()
            p.snap()
            p.pull(self.send(r, p))
            for _ in range(rng.choice((0, 0, 1, 3))):
                self.edit(p)
            p.merge()
        elif dice < .98:
            r.backup(rng.random() < .5)
        elif r.backups and self.restores:
            r.restore(rng)

    def send(self, r, *to):
        rng = self.rng
        others = [p for p in self.replicas if p is not r]
        to = to or rng.sample(others, rng.randint(1, len(others)))
        file = os.path.join(self.tmp, 'b%d.sada' % self.serial())
        r.push(file, to, *(['--full'] if rng.random() < .1 else []))
        if rng.random() < .75:
            self.bundles.append((file, r, to))
        return file

    # ---- the end ----

    def round(self, spool, first):
        """Each syncs once, as sada-sync does: how many had news."""
        busy = 0
        for r in self.shuffled():
            op = r.snap()
            if op and not first:
                raise Wrong('%s recorded %s, and nobody edited' %
                            (r.name, op))
            r.pull(spool)
            r.merge()
            busy += r.run('push', '-o', spool)[1] != ''
        return busy

    def shuffled(self):
        return self.rng.sample(self.replicas, len(self.replicas))

    def heal(self, why):
        spool = os.path.join(self.tmp, 'spool')
        os.makedirs(spool, exist_ok=True)
        # A content that a merge wants is asked for by one bundle and
        # comes by the next, and may be what the next merge waited for.
        most = len(self.replicas) + 2
        for n in range(1, most + 2):
            if not self.round(spool, n == 1):
                break
        else:
            raise Wrong('%s: not quiet after %d rounds' % (why, most))
        ids = {r.id() for r in self.replicas}
        if len(ids) != 1:
            raise Wrong('%s: quiet, and %d states' % (why, len(ids)))
        first = self.replicas[0]
        want = first.scan()
        gone = {json_name(e) for e in first.lines('ls', '-R', '@+')
                if not e['held']}
        if gone and not self.maybe_lost:
            raise Wrong('%s: nobody has the content of %r' % (why, gone))
        for r in self.replicas[1:]:
            differ(why, first, want, r, r.scan(), gone)
        return n

    def settle(self):
        """A file in each directory, so that its mode and mtime travel."""
        r = self.rng.choice(self.replicas)
        for n, e in r.scan().items():
            if e.kind == 'd':
                with open(os.path.join(r.bdir, n, b'settled'), 'w') as f:
                    f.write('x')

    def check_kept(self):
        """
        Every content ever recorded is to be had from its author, unless
        his store was set back to before.
        """
        have = {r: (r.ops(), r.held()) for r in self.replicas}
        for r in self.replicas:
            if {e['op'] for e in r.lines('log')} != set(have[r][0]):
                raise Wrong('sada-log of %s shows other ops' % r.name)
        for op, r in self.author.items():
            here, held = have[r]
            if op in self.maybe_lost:
                continue
            if op not in here:
                raise Wrong('%s forgot its op %s' % (r.name, op))
            for v in self.model.made[op]:
                if v.kind != 'd' and not is_held(self.model, v.content,
                                                 v.size, held):
                    raise Wrong('%s: op %s made %r, and it is not held' %
                                (r.name, op, v))

    def start(self):
        """In most histories all begin with the same few files."""
        if self.rng.random() < .2:
            return
        r = self.rng.choice(self.replicas)
        os.chdir(r.bdir)
        os.mkdir(b'd')
        for name in b'a', b'b', b'd/a', b'd/b', b'd/a.txt':
            self.put(name, b''.join(LINES))
            with open(name, 'ab') as f:
                f.write(b'the end of %s\n' % name)
            with open(name, 'rb') as f:
                self.texts.add(self.content(f.read()))
        os.chdir('/')
        self.heal('at the start')

    def history(self, events):
        self.start()
        for n in range(events):
            self.event()
            if n in (0, events // 2, events - 1):
                # All work at once, on what they have in common.
                for r in self.replicas:
                    for _ in range(4):
                        self.edit(r)
        rounds = self.heal('after the history')
        self.settle()
        self.heal('after all directories were touched')
        self.check_kept()
        for r in self.replicas:
            r.run('verify')
        m = self.model
        return '%d replicas, %d ops, %d merges of %d, %d names carried, ' \
            '%d hints, %d late ops, %d commands, quiet after %d rounds' % (
                len(self.replicas), len(m.past), len(m.merged),
                len(m.merges), len(m.carried),
                sum(len(o.hints) for o in m.log.values()), m.late,
                self.commands, rounds)


def differ(why, a, have, b, other, gone):
    """Complain of the first difference of two directories, but for GONE."""
    for n in sorted((set(have) | set(other)) - gone):
        x, y = have.get(n), other.get(n)
        if x == y:
            continue
        if x and y and x.kind == y.kind == 'd' and 'touched' not in why:
            continue
        raise Wrong('%s: %r is %s in %s and %s in %s' % (
            why, n, x, a.name, y, b.name))


def one(seed, events, top):
    tmp = tempfile.mkdtemp(prefix='converge%d-' % seed, dir=top)
    try:
        said, good = World(seed, tmp).history(events), True
    except (Wrong, OSError, subprocess.TimeoutExpired) as e:
        said, good = str(e), False
        if VERBOSE:
            traceback.print_exc(file=sys.stdout)
    if good or 'SADA_TEST_KEEP' not in os.environ:
        subprocess.run(['chmod', '-R', 'u+rwX', tmp])
        shutil.rmtree(tmp)
    else:
        said += ' (in %s)' % tmp
    return good, said


def main():
    seed = int(os.environ.get('SADA_TEST_SEED', 1))
    rounds = int(os.environ.get('SADA_TEST_ROUNDS', 24))
    events = int(os.environ.get('SADA_TEST_EVENTS', 100))
    # Nothing here is about durability, and fsync costs most of the time.
    top = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    failed = 0
    print('1..%d' % rounds)
    for n in range(1, rounds + 1):
        good, said = one(seed + n - 1, events, top)
        failed += not good
        name = 'seed %d, %d events' % (seed + n - 1, events)
        if good:
            print('ok %d - %s: %s' % (n, name, said), flush=True)
        else:
            print('not ok %d - %s\n# %s' % (n, name,
                  said.replace('\n', '\n# ')), flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
