#!/usr/bin/env python3
"""sqlite.py: SQLite databases that are in use while they are synced.

A week of two replicas, each with a process that keeps a database open and
writes to it all the time (a WAL on one side, a rollback journal on the
other), exchanged once a day through a spool; then the odd cases one by
one.  Prints TAP.

usage: t/sqlite.py [--seed N] [--days N] [--only WORD] [--keep]
"""
import argparse
import glob
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import traceback

SCHEMA = '''
CREATE TABLE note(id INTEGER PRIMARY KEY, who TEXT, n INTEGER, text TEXT);
CREATE TABLE item(key TEXT PRIMARY KEY, n INTEGER, text TEXT) WITHOUT ROWID;
CREATE TABLE line(who TEXT, text TEXT);
CREATE INDEX note_who ON note(who);
'''
OPS = 260			# of a writer and day, about


class Bad(Exception):
    """What must hold does not."""


def must(ok, what):
    if not ok:
        raise Bad(what)


def same(got, want, what):
    if got != want:
        raise Bad('%s: got %.400r, expected %.400r' % (what, got, want))


def run(*argv, ok=(0,)):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       check=False)
    if p.returncode not in ok:
        raise Bad('%s: exit %d\n%s%s' % (' '.join(argv), p.returncode,
                                         p.stdout, p.stderr))
    return p


def snap(r, ok=(0,)):
    """The new op's id, or nothing."""
    return run('sada-snap', '-C', r, ok=ok).stdout.strip()


def merge(r, ok=(0,)):
    return run('sada-merge', '-C', r, '-v', ok=ok)


def give(a, b, ok=(0,)):
    """B gets all that A has, and lays it out."""
    run('sada-push', '-C', a, '-o', 'give.sada', b)
    run('sada-pull', '-C', b, 'give.sada')
    return merge(b, ok)


def status(r):
    return json.loads(run('sada-status', '-C', r, '--json', ok=(0, 1)).stdout)


def replicas(*names):
    for r in names:
        with open('key.' + r, 'w', encoding='ascii') as f:
            f.write(run('sada-init', '-N', r, r).stdout)
    for r in names:
        for other in names:
            if other != r:
                with open('key.' + other, encoding='ascii') as f:
                    run('sada-peer', '-C', r, 'add', *f.read().split())


def opened(path, journal=None):
    db = sqlite3.connect(path, isolation_level=None, timeout=20)
    if journal:
        db.execute('PRAGMA journal_mode=' + journal).fetchone()
    return db


def rows(path, sql='SELECT * FROM t ORDER BY 1'):
    db = opened(path)
    try:
        must(db.execute('PRAGMA integrity_check').fetchall() == [('ok',)],
             path + ' is damaged')
        return db.execute(sql).fetchall()
    finally:
        db.close()


def make(path, values=((1, 'one'),), journal=None):
    db = opened(path, journal)
    db.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, v)')
    db.executemany('INSERT INTO t VALUES(?,?)', values)
    return db


def quiet(*names):
    """Nothing is left to record, and nothing is wrong."""
    for r in names:
        same(snap(r), '', 'a snap of %s that has nothing to say' % r)
        run('sada-verify', '-C', r)


# ---- the week ----

def writer(path, name, journal, seed):
    """A process: writes until it is told to stop; says what it did."""
    rnd = random.Random(seed)
    db = opened(path, journal)
    did = {'note': [], 'item': [], 'line': []}
    gone = []
    stop = []
    signal.signal(signal.SIGTERM, lambda *a: stop.append(1))
    serial = 0
    print('ready', flush=True)
    while not stop:
        serial += 1
        text = '%s-%d' % (name, serial)
        what = rnd.random()
        table = rnd.choice(('note', 'item', 'line'))
        db.execute('BEGIN IMMEDIATE')
        if what < 0.6:
            if table == 'note':
                db.execute('INSERT INTO note(who,n,text) VALUES(?,0,?)',
                           (name, text))
            elif table == 'item':
                db.execute('INSERT INTO item VALUES(?,0,?)', (text, text))
            else:
                db.execute('INSERT INTO line VALUES(?,?)', (name, text))
        elif what < 0.85:
            # Each side counts in rows of its own, wherever they are now.
            if table == 'line' and did['line']:
                db.execute('UPDATE line SET who=? WHERE text=?',
                           (name, rnd.choice(did['line'])))
            elif did[table]:
                db.execute('UPDATE %s SET n=n+1 WHERE text=?' % table,
                           (rnd.choice(did[table]),))
        elif did[table] and rnd.random() < 0.5:
            text = rnd.choice(did[table])
            db.execute('DELETE FROM %s WHERE text=?' % table, (text,))
            did[table].remove(text)
            gone.append((table, text))
        db.execute('COMMIT')
        if what < 0.6:
            did[table].append(text)
        time.sleep(rnd.random() * 0.01)
    db.close()
    print(json.dumps({'did': did, 'gone': gone}), flush=True)


def start(path, name, journal, seed):
    p = subprocess.Popen([sys.executable, __file__, '--writer', path, name,
                          journal, str(seed)], stdout=subprocess.PIPE,
                         text=True)
    same(p.stdout.readline(), 'ready\n', 'the writer')
    return p


def rows_of(path):
    db = opened(path)
    n = db.execute('SELECT (SELECT count(*) FROM note) + (SELECT count(*) '
                   'FROM item) + (SELECT count(*) FROM line)').fetchone()[0]
    db.close()
    return n


def sync(r):
    return run('sada-sync', '-C', r, ok=(0, 1))


def all_of(path):
    return (rows(path, 'SELECT * FROM note ORDER BY id'),
            rows(path, 'SELECT * FROM item ORDER BY key'),
            rows(path, 'SELECT who, text FROM line ORDER BY 1, 2'))


def week(o):
    replicas('a', 'b')
    os.mkdir('spool')
    for r, other in (('a', 'b'), ('b', 'a')):
        run('sada-remote', '-C', r, 'add', 'spool', os.path.abspath('spool'),
            other)
    db = opened('a/x.db', 'wal')
    db.executescript(SCHEMA)
    db.close()
    sync('a')
    sync('b')
    same(all_of('b/x.db'), ([], [], []), 'the first exchange')
    db = opened('b/x.db', 'delete')
    db.close()
    left = 0
    writers = [start(r + '/x.db', r, mode, '%d%s' % (o.seed, r))
               for r, mode in (('a', 'wal'), ('b', 'delete'))]
    try:
        for _ in range(o.days):
            time.sleep(OPS * 0.006)
            sync('a')
            sync('b')
            run('sada-pull', '-C', 'a')
            merge('a', ok=(0, 1))
            for r in 'ab':
                left += status(r)['left']
                same(status(r)['conflicts'], 0, 'conflicts of ' + r)
    finally:
        said = []
        for w in writers:
            w.terminate()
            said.append(json.loads(w.communicate(timeout=30)[0]))
    for r in 'abab':
        sync(r)
    print('# %d rows, %d times left for the next day' %
          (rows_of('a/x.db'), left))
    a, b = all_of('a/x.db'), all_of('b/x.db')
    same(a, b, 'rows of a and b')
    for i, table in enumerate(('note', 'item', 'line')):
        have = [x[-1] for x in a[i]]
        same(len(have), len(set(have)), 'rows that came twice in ' + table)
        for s in said:
            missing = set(s['did'][table]) - set(have)
            must(not missing, '%s lost %r' % (table, sorted(missing)[:5]))
        wrote = set(s for x in said for s in x['did'][table])
        more = set(have) - wrote - set(
            t for x in said for k, t in x['gone'] if k == table)
        must(not more, 'rows of nowhere: %r' % sorted(more)[:5])
        back = sum(1 for x in said for k, t in x['gone']
                   if k == table and t in have)
        print('# %s: %d rows, %d that were deleted are back' %
              (table, len(have), back))
    for r in 'ab':
        same(status(r)['conflicts'], 0, 'conflicts')
        same(sorted(os.listdir(r)), ['.sada', 'x.db'], 'files of ' + r)
    quiet('a', 'b')


# ---- one by one ----

def open_transaction(_):
    """Captured is what is committed, in WAL and with a journal."""
    replicas('a', 'b')
    for mode in ('wal', 'delete', 'truncate', 'persist'):
        db = make('a/%s.db' % mode, journal=mode)
        db.execute('BEGIN')
        db.execute("INSERT INTO t VALUES(2,'not yet')")
        snap('a')
        give('a', 'b')
        same(rows('b/%s.db' % mode), [(1, 'one')], mode)
        db.execute('COMMIT')
        snap('a')
        give('a', 'b')
        same(rows('b/%s.db' % mode), [(1, 'one'), (2, 'not yet')], mode)
        db.close()
    same(sorted(os.listdir('b')), ['.sada', 'delete.db', 'persist.db',
                                   'truncate.db', 'wal.db'], 'files')
    quiet('a', 'b')


def exclusive(_):
    """One that is locked all the time is kept as it was, and told."""
    replicas('a', 'b')
    db = make('a/x.db', journal='delete')
    snap('a')
    give('a', 'b')
    db.execute("INSERT INTO t VALUES(2,'two')")
    db.execute('BEGIN EXCLUSIVE')
    db.execute("INSERT INTO t VALUES(3,'three')")
    p = run('sada-snap', '-C', 'a', ok=(1,))
    same(p.stdout, '', 'the op')
    must('locked by another program' in p.stderr, p.stderr)
    db.execute('COMMIT')
    must(snap('a') != '', 'it is recorded later')
    # The same where it is laid out.
    other = opened('b/x.db', 'delete')
    other.execute('BEGIN EXCLUSIVE')
    p = give('a', 'b', ok=(1,))
    must('locked by another program' in p.stderr, p.stderr)
    same(status('b')['left'], 1, 'left')
    other.execute('ROLLBACK')
    merge('b')
    same(other.execute('SELECT count(*) FROM t').fetchone(), (3,), 'rows')
    same(status('b')['left'], 0, 'left')
    other.close()
    db.close()
    quiet('a', 'b')


def under_reader(_):
    """A reader in a transaction goes on reading what was there."""
    replicas('a', 'b')
    db = make('a/x.db', journal='wal')
    snap('a')
    give('a', 'b')
    reader = opened('b/x.db', 'wal')
    reader.execute('BEGIN')
    same(reader.execute('SELECT * FROM t').fetchall(), [(1, 'one')], 'before')
    db.execute("INSERT INTO t VALUES(2,'two')")
    snap('a')
    give('a', 'b')
    same(reader.execute('SELECT * FROM t').fetchall(), [(1, 'one')], 'during')
    reader.execute('COMMIT')
    same(reader.execute('SELECT count(*) FROM t').fetchone(), (2,), 'after')
    same(snap('b'), '', 'snap')
    # With a journal it cannot be changed meanwhile.
    reader.execute('PRAGMA journal_mode=delete')
    reader.execute('BEGIN')
    reader.execute('SELECT * FROM t').fetchall()
    db.execute("INSERT INTO t VALUES(3,'three')")
    snap('a')
    must('locked' in give('a', 'b', ok=(1,)).stderr, 'a reader is in the way')
    reader.execute('COMMIT')
    merge('b')
    same(len(rows('b/x.db')), 3, 'rows')
    db.close()
    reader.close()
    quiet('a', 'b')


def since_snap(_):
    """What was written between snap and merge stays, and is an edit."""
    replicas('a', 'b')
    make('a/x.db', [(i, 'row %d' % i) for i in range(1, 6)]).close()
    snap('a')
    give('a', 'b')
    a, b = opened('a/x.db'), opened('b/x.db', 'wal')
    a.execute("UPDATE t SET v='a' WHERE id=1")
    a.execute("DELETE FROM t WHERE id=5")
    a.execute("INSERT INTO t VALUES(6,'six of a')")
    snap('a')
    b.execute("UPDATE t SET v='b' WHERE id=2")
    b.execute("INSERT INTO t VALUES(6,'six of b')")
    give('a', 'b')
    want = [(1, 'a'), (2, 'b'), (3, 'row 3'), (4, 'row 4'), (6, 'six of a'),
            (7, 'six of b')]
    same(b.execute('SELECT * FROM t').fetchall(), want, 'b')
    must(snap('b') != '', 'an edit')
    give('b', 'a')
    same(a.execute('SELECT * FROM t').fetchall(), want, 'a')
    # The same row: left, and a conflict when it is recorded.
    a.execute("UPDATE t SET v='A' WHERE id=3")
    snap('a')
    b.execute("UPDATE t SET v='B' WHERE id=3")
    give('a', 'b', ok=(1,))
    same(b.execute('SELECT v FROM t WHERE id=3').fetchone(), ('B',), 'left')
    same(status('b')['left'], 1, 'left')
    a.close()
    b.close()
    snap('b')
    merge('b', ok=(1,))
    same(status('b')['conflicts'], 1, 'conflicts')
    same(len(glob.glob('b/x~*.db')), 1, 'copies')
    quiet('b')


def numbers(_):
    """A row that got another number is known again."""
    replicas('a', 'b')
    make('a/x.db').close()
    snap('a')
    give('a', 'b')
    a, b = opened('a/x.db'), opened('b/x.db')
    a.execute("INSERT INTO t VALUES(2,'of a')")
    b.execute("INSERT INTO t VALUES(2,'of b')")
    snap('a')
    snap('b')
    give('a', 'b')
    # B has both, A not; each goes on with its own rows.
    for db, who in ((a, 'a'), (b, 'b')):
        db.execute("UPDATE t SET v=v||' more' WHERE v='of %s'" % who)
    snap('a')
    snap('b')
    give('b', 'a')
    give('a', 'b')
    same(sorted(v for _, v in a.execute('SELECT * FROM t')),
         ['of a more', 'of b more', 'one'], 'a')
    same(a.execute('SELECT * FROM t').fetchall(),
         b.execute('SELECT * FROM t').fetchall(), 'b')
    a.close()
    b.close()
    quiet('a', 'b')


def deleted(_):
    """A delete waits until a database is out of use; an edit lives."""
    replicas('a', 'b')
    for name in ('used.db', 'free.db', 'edited.db'):
        make('a/' + name).close()
    make('a/held.db', journal='delete').close()
    snap('a')
    give('a', 'b')
    used = opened('b/used.db', 'wal')
    used.execute('SELECT * FROM t').fetchall()
    edited = opened('b/edited.db', 'wal')
    edited.execute("INSERT INTO t VALUES(2,'two')")
    for name in ('used.db', 'free.db', 'edited.db', 'held.db'):
        os.unlink('a/' + name)
    run('sada-snap', '-C', 'a', '--accept-deletes')
    snap('b')
    # Nothing but its lock tells that it is in use.
    held = opened('b/held.db', 'delete')
    held.execute('BEGIN EXCLUSIVE')
    held.execute("INSERT INTO t VALUES(2,'two')")
    p = give('a', 'b', ok=(1,))
    must('in use' in p.stderr, p.stderr)
    must('held.db' in p.stderr, p.stderr)
    held.execute('COMMIT')
    same(len(rows('b/held.db')), 2, 'held')
    must(snap('b') != '', 'what was held is recorded')
    held.close()
    must(os.path.exists('b/used.db') and not os.path.exists('b/free.db'),
         'files')
    same(len(edited.execute('SELECT * FROM t').fetchall()), 2, 'edited')
    give('b', 'a')
    same(len(rows('a/edited.db')), 2, 'edited on a')
    same(snap('b'), '', 'snap')
    used.close()
    edited.close()
    merge('b')
    same(sorted(os.listdir('b')), ['.sada', 'edited.db', 'held.db'],
         'files of b')
    same(len(rows('a/held.db')), 2, 'held on a')
    quiet('a', 'b')


def renamed(_):
    """Who has a database open under its old name loses no row."""
    for edited in (False, True):
        who = ('a', 'b') if edited else ('c', 'd')
        one, two = who
        replicas(*who)
        make(one + '/old.db').close()
        snap(one)
        give(one, two)
        db = opened(one + '/old.db', 'wal')
        want = [(1, 'one')]
        same(db.execute('SELECT * FROM t').fetchall(), want, 'before')

        def write(n, text):
            db.execute('INSERT INTO t VALUES(?,?)', (n, text))
            want.append((n, text))

        if edited:
            write(2, 'before')
            snap(one)
        os.rename(two + '/old.db', two + '/new.db')
        snap(two)
        give(two, one, ok=(1,))
        same(rows(one + '/new.db'), want, 'as it came')
        for n in (3, 4):
            write(n, 'since %d' % n)
            must(snap(one) != '', 'an edit')
            merge(one, ok=(1,))
            same(rows(one + '/new.db'), want, 'here')
            give(one, two)
            same(rows(two + '/new.db'), want, 'there')
        same(snap(one), '', 'snap')
        db.close()
        merge(one)
        for r in who:
            same(sorted(os.listdir(r)), ['.sada', 'new.db'], 'files')
            same(rows(r + '/new.db'), want, 'at last')
        quiet(*who)


def no_database(_):
    """A text with that name is a file as any other, and so are others."""
    replicas('a', 'b')
    for name in ('x.db', 'x.db-wal', 'lone.db-journal', 'z.db-shm'):
        with open('a/' + name, 'w', encoding='ascii') as f:
            f.write('a file of %s\n' % name)
    snap('a')
    give('a', 'b')
    same(sorted(os.listdir('b')), ['.sada', 'lone.db-journal', 'x.db',
                                   'x.db-wal', 'z.db-shm'], 'files')
    # One that was recorded stays so when its name becomes a database's.
    os.unlink('a/x.db')
    os.unlink('a/x.db-wal')
    make('a/x.db', journal='wal').close()
    snap('a')
    must('x.db-wal' in run('sada-ls', '-C', 'a', '@').stdout, 'no delete')
    give('a', 'b')
    same(rows('b/x.db'), [(1, 'one')], 'b')
    must(os.path.exists('b/x.db-wal') is False or
         open('b/x.db-wal', 'rb').read() == b'', 'a WAL of something else')
    quiet('a', 'b')


def rule(_):
    """.sadamerge can say that a database is a file as any other."""
    replicas('a', 'b')
    with open('a/.sadamerge', 'w', encoding='ascii') as f:
        f.write('/plain.db keep-both\n/data.bin sqlite\n')
    snap('a')
    db = make('a/plain.db', journal='wal')
    data = make('a/data.bin', journal='wal')
    snap('a')
    give('a', 'b')
    names = os.listdir('b')
    must('plain.db-wal' in names and 'data.bin-wal' not in names, names)
    same(rows('b/data.bin'), [(1, 'one')], 'data')
    db.close()
    for r in 'ab':
        other = opened(r + '/data.bin')
        other.execute("INSERT INTO t VALUES(?, ?)", (2, r))
        other.close()
    snap('a')
    snap('b', ok=(0, 1))
    give('a', 'b')
    same(sorted(v for _, v in rows('b/data.bin')), ['a', 'b', 'one'], 'rows')
    data.close()
    for r in 'ab':
        snap(r)
        other = opened(r + '/plain.db', 'delete')
        other.execute("INSERT INTO t VALUES(?, ?)", (2, r))
        other.close()
        snap(r)
    give('a', 'b', ok=(1,))
    same(status('b')['conflicts'], 1, 'conflicts')


def first_join(_):
    """Equal rows in other bytes are no edit."""
    replicas('a', 'b')
    values = [(i, 'row %d' % i) for i in range(100)]
    make('a/x.db', values).close()
    db = make('b/x.db', values[::-1])
    db.execute('VACUUM')
    db.execute('PRAGMA user_version')
    db.close()
    with open('a/x.db', 'rb') as f, open('b/x.db', 'rb') as g:
        must(f.read() != g.read(), 'they differ')
    snap('a')
    give('a', 'b')
    same(status('b')['left'], 0, 'left')
    quiet('a', 'b')
    db = opened('a/x.db')
    db.execute("DELETE FROM t WHERE id=7")
    db.close()
    snap('a')
    give('a', 'b')
    same(len(rows('b/x.db')), 99, 'rows')
    # So it is when the stat cache is lost.
    db = opened('b/x.db')
    db.execute('VACUUM')
    db.close()
    os.unlink('b/.sada/work')
    quiet('b')


def schema(_):
    """Another schema takes its place when nobody has it open."""
    replicas('a', 'b')
    make('a/x.db').close()
    snap('a')
    give('a', 'b')
    db = opened('a/x.db')
    db.execute('ALTER TABLE t ADD COLUMN more')
    db.close()
    snap('a')
    used = opened('b/x.db', 'wal')
    used.execute('SELECT * FROM t').fetchall()
    snap('b')
    give('a', 'b', ok=(1,))
    same(status('b')['left'], 1, 'left')
    used.close()
    merge('b')
    same(rows('b/x.db'), [(1, 'one', None)], 'rows')
    merge('b')
    same(sorted(os.listdir('b')), ['.sada', 'x.db'], 'nothing was kept aside')
    quiet('a', 'b')


def restore(_):
    """Restored into a database that is open."""
    replicas('a')
    db = make('a/x.db', journal='wal')
    op = snap('a')
    db.execute("UPDATE t SET v='other'")
    snap('a')
    run('sada-restore', '-C', 'a', op, 'x.db')
    same(db.execute('SELECT * FROM t').fetchall(), [(1, 'one')], 'rows')
    must(snap('a') != '', 'recorded')
    db.execute("UPDATE t SET v='not recorded'")
    run('sada-restore', '-C', 'a', op, 'x.db', ok=(2,))
    db.close()
    snap('a')
    quiet('a')


def modes(_):
    """Modes travel; the mtime of a database says nothing."""
    replicas('a', 'b')
    db = make('a/x.db', journal='wal')
    snap('a')
    give('a', 'b')
    os.utime('a/x.db')
    same(snap('a'), '', 'only the time')
    os.chmod('a/x.db', 0o600)
    db.execute("INSERT INTO t VALUES(2,'two')")
    snap('a')
    other = opened('b/x.db', 'wal')
    other.execute('SELECT * FROM t').fetchall()
    give('a', 'b')
    same(stat.S_IMODE(os.stat('b/x.db').st_mode), 0o600, 'mode')
    same(len(other.execute('SELECT * FROM t').fetchall()), 2, 'rows')
    os.chmod('a/x.db', 0o640)
    snap('a')
    give('a', 'b')
    same(stat.S_IMODE(os.stat('b/x.db').st_mode), 0o640, 'mode')
    db.close()
    other.close()
    quiet('a', 'b')


def links(_):
    """Two names of one database."""
    replicas('a')
    db = make('a/x.db', [(i, 'x' * 1000) for i in range(500)], 'delete')
    os.link('a/x.db', 'a/y.bin')
    os.mkdir('a/d')
    os.link('a/x.db', 'a/d/z.db')
    for i in range(5):
        db.execute("INSERT INTO t(v) VALUES('more')")
        snap('a')
    db.close()
    quiet('a')


def killed(_):
    """A merge that is killed anywhere is finished by the next one."""
    replicas('a', 'b')
    for name, mode in (('used', 'wal'), ('free', 'delete')):
        make('a/%s.db' % name, [(i, 'row %d' % i) for i in range(1, 200)],
             mode).close()
    snap('a')
    give('a', 'b')
    for name in ('used', 'free'):
        db = opened('a/%s.db' % name)
        db.execute("UPDATE t SET v='a' WHERE id%3=0")
        db.execute("DELETE FROM t WHERE id%7=1")
        db.execute("INSERT INTO t VALUES(200,'a')")
        db.close()
    snap('a')
    run('sada-push', '-C', 'a', '-o', 'give.sada', 'b')
    run('sada-pull', '-C', 'b', 'give.sada')
    want, at = None, 0
    for call in ('none', 'renameat2', 'pwrite64', 'unlink', 'fdatasync'):
        n = 0
        while n < 40:
            n += 1 + n // 6
            at += 1
            shutil.rmtree('r', ignore_errors=True)
            shutil.copytree('b', 'r', symlinks=True)
            for name in os.listdir('b'):
                shutil.copystat('b/' + name, 'r/' + name)
            used = opened('r/used.db')
            used.execute("UPDATE t SET v='here' WHERE id=2")
            used.execute("INSERT INTO t VALUES(200,'here')")
            dead = call != 'none' and subprocess.run(
                ['strace', '-f', '-qq', '-o', '/dev/null', '-e',
                 'trace=' + call, '-e', 'inject=%s:signal=KILL:when=%d' %
                 (call, n), 'sada-merge', '-q', '-C', 'r'],
                check=False).returncode != 0
            merge('r')
            got = [used.execute('SELECT * FROM t').fetchall(),
                   rows('r/free.db')]
            want = want or got
            what = 'killed at %s %d: ' % (call, n)
            same(got, want, what + 'rows')
            must((200, 'a') in got[0] and (201, 'here') in got[0], what)
            used.close()
            must(snap('r') != '', what + 'the edit')
            quiet('r')
            same(sorted(os.listdir('r')), ['.sada', 'free.db', 'used.db'],
                 what + 'files')
            if not dead:
                break
    print('# %d points' % at)


def without(_):
    """A build without SQLite takes databases for files as any other."""
    replicas('a', 'b')
    db = make('a/x.db', journal='wal')
    snap('a')
    give('a', 'b')
    same(sorted(os.listdir('b')), ['.sada', 'x.db', 'x.db-shm', 'x.db-wal'],
         'files')
    db.close()
    os.chdir('a')
    os.unlink('x.db')
    make('x.db', [(1, 'a')]).close()
    os.chdir('..')
    for name in glob.glob('b/x.db*'):
        os.unlink(name)
    make('b/x.db', [(1, 'b')]).close()
    for r in 'ab':
        run('sada-snap', '-C', r, '--accept-deletes')
    give('a', 'b', ok=(1,))
    same(status('b')['conflicts'], 1, 'conflicts')
    quiet('b')


def built():
    """Was this build made with SQLite?"""
    replicas('probe')
    db = make('probe/x.db', journal='wal')
    snap('probe')
    names = run('sada-ls', '-C', 'probe', '@').stdout
    db.close()
    return 'x.db-wal' not in names


CASES = (week, open_transaction, exclusive, under_reader, since_snap,
         numbers, deleted, renamed, no_database, rule, first_join, schema,
         restore, modes, links, killed)


def main():
    if sys.argv[1:2] == ['--writer']:
        return writer(*sys.argv[2:6])
    p = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--days', type=int, default=7)
    p.add_argument('--only', default='')
    p.add_argument('--keep', action='store_true')
    o = p.parse_args()
    top = tempfile.mkdtemp(prefix='sqlite.')
    os.environ.setdefault('HOME', top)
    bad = 0
    os.chdir(top)
    cases = [c for c in (CASES if built() else (without,))
             if o.only in c.__name__]
    print('1..%d' % len(cases))
    print('# seed %d' % o.seed)
    for n, case in enumerate(cases, 1):
        os.mkdir(os.path.join(top, case.__name__))
        os.chdir(os.path.join(top, case.__name__))
        began = time.monotonic()
        try:
            case(o)
            word = 'ok'
        except (Bad, OSError, sqlite3.Error, subprocess.SubprocessError):
            word = 'not ok'
            bad += 1
            print('# ' + traceback.format_exc().replace('\n', '\n# '))
        print('%s %d - %s (%.1f s)' % (word, n, case.__name__,
                                       time.monotonic() - began), flush=True)
    os.chdir('/')
    if o.keep or bad:
        print('# ' + top)
    else:
        shutil.rmtree(top)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
