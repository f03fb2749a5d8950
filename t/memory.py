#!/usr/bin/env python3
"""memory.py: the peak memory of commands on 200 MB and 40,000 names.

Memory must not grow with files or their sizes: each command stays below
256 MiB (resident, as the kernel counted it at its peak).  Prints TAP.
"""
import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile

LIMIT = 256		# MiB
MB = 10**6


def plant(root):
    rng = random.Random(5)
    for n, size in enumerate((70, 50, 10)):
        with open('%s/random%d' % (root, n), 'wb') as f:
            for _ in range(size):
                f.write(rng.randbytes(MB))
    with open(root + '/lines', 'wb') as f:
        for n in range(60):
            f.write(b'%09d: what is repeated in each line\n' % n * 22000)
    for d in range(40):
        os.mkdir('%s/small%d' % (root, d))
        for n in range(1000):
            with open('%s/small%d/name%d' % (root, d, n), 'wb') as f:
                if d < 10:
                    f.write(rng.randbytes(3000))


def edit(root):
    with open(root + '/random0', 'r+b') as f:
        f.seek(40 * MB)
        f.write(b'changed in the middle')
    with open(root + '/random1', 'r+b') as f:
        f.seek(3)
        data = f.read()
        f.seek(3)
        f.write(b'put in near the start' + data)
    for d in range(40):
        with open('%s/small%d/name%d' % (root, d, d), 'ab') as f:
            f.write(b'more\n')
    os.rename(root + '/small39', root + '/renamed')


def apart(what, *args):
    """Do it in another process: a child's peak begins with ours."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            what(*args)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit('the files could not be made')


def peak(*argv, stdin=None, stdout=None):
    """Run ARGV; (exit status, MiB at the peak)."""
    p = subprocess.Popen(argv, stdin=stdin, stdout=stdout or
                         subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, usage.ru_maxrss / 1024


def main():
    count = bad = 0

    def check(what, *argv, **files):
        nonlocal count, bad
        count += 1
        status, mib = peak(*argv, **files)
        ok = status == 0 and mib < LIMIT
        bad += not ok
        print('%sok %d - %s: exit %d, %.0f MiB' % (
            '' if ok else 'not ', count, what, status, mib))
        sys.stdout.flush()

    def carry(what, a, b):
        with open('bundle', 'wb') as out:
            check(what + ': push', 'sada-push', '-q', '-C', a, '-o', '-', b,
                  stdout=out)
        with open('bundle', 'rb') as f:
            check(what + ': pull', 'sada-pull', '-q', '-C', b, '-',
                  stdin=f)
        check(what + ': merge', 'sada-merge', '-q', '-C', b)

    shm = '/dev/shm'
    fast = os.access(shm, os.W_OK) and \
        shutil.disk_usage(shm).free > 3000 * MB
    with tempfile.TemporaryDirectory(dir=shm if fast else None) as tmp:
        os.chdir(tmp)
        keys = {}
        for name in 'one', 'two':
            subprocess.run(['sada-init', '-N', name, name], check=True,
                           stdout=subprocess.DEVNULL)
            keys[name] = subprocess.check_output(
                ['sada-peer', '-C', name, 'self'], text=True)
        subprocess.run(['sada-peer', '-C', 'one', 'add', keys['two']],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run(['sada-peer', '-C', 'two', 'add', keys['one']],
                       check=True, stdout=subprocess.DEVNULL)
        apart(plant, 'one')
        check('first: snap', 'sada-snap', '-C', 'one')
        check('unchanged: snap', 'sada-snap', '-C', 'one')
        carry('first', 'one', 'two')
        carry('back', 'two', 'one')
        apart(edit, 'one')
        check('edits: snap', 'sada-snap', '-C', 'one')
        carry('edits', 'one', 'two')
        check('verify', 'sada-verify', '-C', 'two')
        check('log', 'sada-log', '-C', 'two', '--name-status')
        check('ls', 'sada-ls', '-lR', '-C', 'two')
        check('restore', 'sada-restore', '-C', 'two', '-o', 'out', '@')
        check('status', 'sada-status', '-C', 'two')
        count += 1
        names = ('random0', 'random1', 'random2', 'lines', 'small7/name7',
                 'renamed/name39')
        _, differ, missing = filecmp.cmpfiles('one', 'two', names, False)
        same = not differ and not missing
        bad += not same
        print('%sok %d - the same at both' % ('' if same else 'not ', count))
        os.chdir('/')
    print('1..%d' % count)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
