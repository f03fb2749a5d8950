#!/usr/bin/env python3
"""trace.py: judge what "strace -f -y -o TRACE" wrote of a command.

usage: t/trace.py CHECK ROOT TRACE

CHECK is one of
  order    a commit: pack and index synced, renamed, their directory
           synced; then the log written and synced; then the rest
  local    no socket
  quiet    no file of the directory is opened, no directory of it read
  hands    nothing of the directory is unlinked, truncated, written in
           place or renamed over; its names are given by handles
  written  prints "BYTES PATH" for each file that was written, in order

ROOT is the replica's directory.  What does not hold is printed, and the
exit is 1; so it is when there was nothing to look at.
"""
import collections
import os
import re
import sys

# Call -> places of its (directory, path) pairs; None: the path alone.
PATHS = {
    'access': [(None, 0)], 'acct': [(None, 0)], 'chdir': [(None, 0)],
    'chmod': [(None, 0)], 'chown': [(None, 0)], 'chroot': [(None, 0)],
    'creat': [(None, 0)], 'faccessat': [(0, 1)], 'faccessat2': [(0, 1)],
    'fchmodat': [(0, 1)], 'fchmodat2': [(0, 1)], 'fchownat': [(0, 1)],
    'futimesat': [(0, 1)], 'lchown': [(None, 0)],
    'lgetxattr': [(None, 0)], 'link': [(None, 0), (None, 1)],
    'linkat': [(0, 1), (2, 3)], 'lstat': [(None, 0)],
    'mkdir': [(None, 0)], 'mkdirat': [(0, 1)], 'mknod': [(None, 0)],
    'mknodat': [(0, 1)], 'name_to_handle_at': [(0, 1)],
    'newfstatat': [(0, 1)], 'open': [(None, 0)], 'openat': [(0, 1)],
    'openat2': [(0, 1)], 'readlink': [(None, 0)], 'readlinkat': [(0, 1)],
    'rename': [(None, 0), (None, 1)], 'renameat': [(0, 1), (2, 3)],
    'renameat2': [(0, 1), (2, 3)], 'rmdir': [(None, 0)],
    'stat': [(None, 0)], 'statfs': [(None, 0)], 'statx': [(0, 1)],
    'symlink': [(None, 1)], 'symlinkat': [(1, 2)],
    'truncate': [(None, 0)], 'unlink': [(None, 0)], 'unlinkat': [(0, 1)],
    'utime': [(None, 0)], 'utimensat': [(0, 1)], 'utimes': [(None, 0)],
}
CALL = re.compile(r'(\d+) +(\w+)\((.*)')
RESUMED = re.compile(r'(\d+) +<\.\.\. (\w+) resumed>(.*)')
FD = re.compile(r'(?:\d+|AT_FDCWD)<(.*)>$')


class Call:
    def __init__(self, pid, name, rest):
        self.pid, self.name = pid, name
        m = re.search(r'\)\s+= (-?\d+|\?)(.*)$', rest)
        self.ret = m.group(1) if m else '?'
        self.text = '%s(%s' % (name, rest)
        self.args = split(rest[:m.start()] if m else rest)

    def fd(self, n=0):
        """The path of the handle in argument N, or ''."""
        m = FD.match(self.args[n]) if n < len(self.args) else None
        return m.group(1) if m else ''

    def paths(self):
        """(how its directory was given, path as given, whole path)."""
        for d, p in PATHS.get(self.name, ()):
            given = unquote(self.args[p]) if p < len(self.args) else None
            if given is None:
                continue
            how = 'AT_FDCWD' if d is None else self.args[d]
            base = self.fd(d) if d is not None else ''
            whole = os.path.normpath(os.path.join(base or CWD, given))
            yield how, given, whole


def split(text):
    """The arguments of a call: commas outside quotes and brackets."""
    out, depth, at, i = [], 0, 0, 0
    while i < len(text):
        c = text[i]
        if c == '"':
            i += 1
            while i < len(text) and text[i] != '"':
                i += 2 if text[i] == '\\' else 1
        elif c in '{[(<':
            depth += 1
        elif c in '}])>' and text[i - 1] != '-':
            depth -= 1
        elif c == ',' and depth == 0:
            out.append(text[at:i].strip())
            at = i + 1
        i += 1
    out.append(text[at:].strip())
    return out


def unquote(arg):
    if not arg.startswith('"'):
        return None
    body = arg[1:arg.rindex('"')]
    return body.encode('latin-1').decode('unicode_escape')


def load(path):
    calls, begun = [], {}
    with open(path, errors='surrogateescape') as f:
        for line in f:
            line = line.rstrip('\n')
            m = CALL.match(line)
            if m and line.endswith('<unfinished ...>'):
                begun[m.group(1)] = (m.group(2), m.group(3)[:-16])
            elif m:
                calls.append(Call(*m.groups()))
            else:
                m = RESUMED.match(line)
                if m and m.group(1) in begun:
                    name, first = begun.pop(m.group(1))
                    calls.append(Call(m.group(1), name, first + m.group(3)))
    # What never came back was begun all the same.
    calls += [Call(pid, name, first) for pid, (name, first)
              in begun.items()]
    return calls


def users(whole):
    """Is this path below ROOT, and not the store's?"""
    rest = whole[len(ROOT) + 1:] if whole.startswith(ROOT + '/') else ''
    return rest != '' and rest != '.sada' and not rest.startswith('.sada/')


def check_order(calls):
    store = ROOT + '/.sada'
    pack = log = None
    step = []
    for c in calls:
        fd = c.fd()
        if c.name == 'fsync' and re.match(re.escape(store) +
                                          r'/pack/\.tmp-', fd):
            step.append('temp synced')
        elif c.name == 'renameat2' and c.fd(2) == store + '/pack':
            what = unquote(c.args[3]).rsplit('.')[-1]
            step.append(what + ' renamed')
            pack = pack or what
        elif c.name == 'fsync' and fd == store + '/pack':
            step.append('directory synced')
        elif c.name in ('pwrite64', 'write') and \
                fd.startswith(store + '/log/'):
            step.append('log written')
            log = fd
        elif c.name in ('fdatasync', 'fsync') and \
                fd.startswith(store + '/log/'):
            step.append('log synced')
        elif c.name in ('write', 'writev') and c.args[0].startswith('1<'):
            step.append('told')
        elif c.name == 'exit_group':
            step.append('exit %s' % c.args[0].rstrip(')'))
    if log is None or pack is None:
        yield 'no commit at all'
    # On open every writer syncs the log and the packs that it finds.
    while step and step[0] in ('log synced', 'directory synced'):
        step.pop(0)
    ok = ['temp synced', 'temp synced', 'idx renamed', 'pack renamed',
          'directory synced', 'log written', 'log synced', 'told', 'exit 0']
    if step != ok:
        yield 'the order is: ' + ', '.join(step)


def check_local(calls):
    for c in calls:
        if c.name in ('socket', 'socketpair', 'connect', 'bind', 'accept',
                      'sendto', 'sendmsg', 'recvfrom', 'recvmsg'):
            yield c.text


def check_quiet(calls):
    for c in calls:
        if c.name.startswith('getdents') and (
                users(c.fd()) or c.fd() == ROOT):
            yield c.text
        if c.name in ('open', 'openat', 'openat2', 'creat') and \
                'O_DIRECTORY' not in c.text and 'O_PATH' not in c.text:
            for _, _, whole in c.paths():
                if users(whole):
                    yield c.text


def check_hands(calls):
    for c in calls:
        for how, given, whole in c.paths():
            if not users(whole):
                continue
            if c.name == 'openat2':
                for flag in ('RESOLVE_BENEATH', 'RESOLVE_NO_SYMLINKS',
                             'RESOLVE_NO_MAGICLINKS'):
                    if flag not in c.text:
                        yield 'no %s: %s' % (flag, c.text)
            elif '/' in given:
                yield 'a path, not a name: ' + c.text
            if how.startswith('AT_FDCWD'):
                yield 'no handle: ' + c.text
            if c.name in ('unlink', 'rmdir', 'truncate', 'creat', 'rename',
                          'renameat', 'link', 'linkat') or (
                    c.name == 'unlinkat' and 'AT_REMOVEDIR' not in c.text):
                yield 'not on a name of the user: ' + c.text
            if c.name == 'renameat2' and 'RENAME_NOREPLACE' not in c.text \
                    and 'RENAME_EXCHANGE' not in c.text:
                yield 'a plain rename: ' + c.text
            if c.name.startswith('open') and re.search(
                    r'O_TRUNC|O_WRONLY|O_RDWR|O_CREAT', c.text):
                yield 'opened for writing: ' + c.text
        if c.name in ('write', 'pwrite64', 'writev', 'pwritev', 'ftruncate',
                      'fallocate', 'copy_file_range') and users(c.fd()):
            yield 'written in place: ' + c.text


def show_written(calls):
    total = collections.Counter()
    name = {}		# a temp under the name that it had
    for c in calls:
        if c.name in ('write', 'pwrite64', 'writev', 'pwritev') and \
                c.ret.isdigit():
            total[c.fd()] += int(c.ret)
        elif c.name in ('fallocate', 'ftruncate', 'copy_file_range',
                        'sendfile', 'splice'):
            name[c.fd()] = c.name
    for path, n in total.most_common():
        print(n, path)
    for path, what in name.items():
        print(what, path)


def main():
    global ROOT, CWD
    check, ROOT, trace = sys.argv[1:]
    ROOT, CWD = os.path.realpath(ROOT), os.getcwd()
    calls = load(trace)
    if len(calls) < 10:
        print('nothing was traced')
        return 1
    if check == 'written':
        show_written(calls)
        return 0
    bad = list(globals()['check_' + check](calls))
    for b in bad[:20]:
        print(b)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
