#!/usr/bin/env python3
"""mutate.py: planted faults, each of which some test must catch.

t/mutants.txt lists them: a fault is a block of lines,

    # what is wrong then
    lib/tree/join.c
    model_view 400
    -	a line as it stands
    +	the line as it is planted

the file, the test that must fail and its SADA_TEST_ROUNDS (a unit test), or
a file of t/ and words of the name of one of its tests; the lines of the
file that go and those that come in their place.  What goes must be there
just once, so the list cannot fall behind the code unseen.

For each fault only that one file is compiled.  Its object is linked before
the library, which then gives all but what that object has, with the
test's own object as the build left it: no copy of the tree, and a second
or two a fault.  For a script the commands are linked like that.  Each test
that is used must first pass as it is, run the same way.  A test that fails,
crashes or does not end has killed the fault.

One fault in six is tried, chosen by a seed; SADA_TEST_MUTANTS=all tries
all, a number is the seed, other words are looked for in file and text.
Prints TAP.

usage: t/mutate.py [WORD]        SRCDIR and BUILDDIR: of a build with tests
"""
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SRC = os.path.abspath(os.environ.get('SRCDIR', '.'))
BUILD = os.path.abspath(os.environ.get('BUILDDIR', '.'))
PART = 6
LIMIT_S = 120


class Mutant:
    def __init__(self, block):
        self.what = block[0][1:].strip()
        self.file, self.test, *lines = block[1:]
        self.old = ''.join(x[1:] + '\n' for x in lines if x[0] == '-')
        self.new = ''.join(x[1:] + '\n' for x in lines if x[0] == '+')


def load():
    with open(os.path.join(SRC, 't', 'mutants.txt')) as f:
        text = f.read()
    blocks = [b.splitlines() for b in re.split(r'\n\n+', text)]
    return [Mutant(b) for b in blocks if len(b) > 3]


def flags():
    """How the build compiles and links: (compile, link, libraries)."""
    rule = "mutate-flags: ; @echo '$(COMPILE)|$(LINK)|$(LDADD) $(LIBS)'"
    out = subprocess.run(
        ['make', '-s', '--no-print-directory', '--eval', rule,
         'mutate-flags'], cwd=BUILD, check=True, stdout=subprocess.PIPE,
        text=True, env=dict(os.environ, MAKEFLAGS='')).stdout
    # The build may have had to say something first.
    cc, link, libs = out.strip().splitlines()[-1].split('|')
    return (shlex.split(cc) + ['-w'], shlex.split(link.split(' -o ')[0]),
            shlex.split(libs))


class Bench:
    """A directory to plant in; commands run in the build's."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.cc, self.link, self.libs = flags()
        self.clean = {}

    def make(self, argv):
        p = subprocess.run(argv, cwd=BUILD, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True,
                           env=dict(os.environ, MAKEFLAGS=''))
        if p.returncode:
            raise RuntimeError('does not build: ' + p.stdout[-2000:])

    def compile(self, m):
        """M's file with the fault in it, as an object."""
        with open(os.path.join(SRC, m.file)) as f:
            text = f.read()
        if text.count(m.old) != 1:
            raise RuntimeError('%d places are like it' % text.count(m.old))
        src = os.path.join(self.tmp, os.path.basename(m.file))
        with open(src, 'w') as f:
            f.write(text.replace(m.old, m.new))
        self.make(self.cc + ['-I' + os.path.dirname(os.path.join(
            SRC, m.file)), '-c', '-o', src + '.o', src])
        return [src + '.o']

    def own(self, test):
        """The objects of unit TEST beside the library, by the Makefile."""
        with open(os.path.join(BUILD, 'Makefile')) as f:
            text = f.read().replace('\\\n', ' ')

        def value(name):
            m = re.search(r'^%s = (.*)$' % re.escape(name), text, re.M)
            return re.sub(r'\$\((\w+)\)', lambda x: 'o' if
                          x.group(1) == 'OBJEXT' else value(x.group(1)) or '',
                          m.group(1)) if m else None
        return (value('am_t_unit_%s_OBJECTS' % test) or
                't/unit/%s.o' % test).split()

    def run_unit(self, test, rounds, objs):
        exe = os.path.join(self.tmp, test)
        self.make(self.link + ['-o', exe] + self.own(test) + objs + self.libs)
        return self.run([exe], dict(os.environ, SADA_TEST_ROUNDS=rounds))

    def run_script(self, test, words, objs):
        bin = os.path.join(self.tmp, 'bin')
        shutil.rmtree(bin, ignore_errors=True)
        shutil.copytree(os.path.join(BUILD, 'cmd'), bin,
                        ignore=lambda d, n: [x for x in n if '.' in x])
        for x in os.listdir(bin):
            obj = 'cmd/' + x + '.o'
            if os.path.exists(os.path.join(BUILD, obj)):
                self.make(self.link + ['-o', os.path.join(bin, x), obj] +
                          objs + self.libs)
        argv = ['bats', '-F', 'tap', '-f', words, os.path.join(
            SRC, 't', test)]
        return self.run(argv, dict(os.environ, PATH=bin + ':' +
                                   os.environ['PATH']))

    def run(self, argv, env):
        """Did it pass?"""
        try:
            p = subprocess.run(argv, cwd=self.tmp, env=env, text=True,
                               timeout=LIMIT_S, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, errors='replace')
        except subprocess.TimeoutExpired:
            return False
        return p.returncode == 0 and '\nok ' in '\n' + p.stdout

    def passes(self, test, objs):
        name, arg = test.split(' ', 1)
        if '.' in name:
            return self.run_script(name, arg, objs)
        return self.run_unit(name, arg, objs)

    def passes_clean(self, test):
        if test not in self.clean:
            name = test.split(' ')[0]
            self.make(['make', 'libsada.a', 'libcli.a'] + ([]
                      if '.' in name else ['t/unit/' + name + '.o']))
            self.clean[test] = self.passes(test, [])
        return self.clean[test]

    def killed(self, m):
        """1 killed, 0 survived."""
        if not self.passes_clean(m.test):
            raise RuntimeError('the test fails without it')
        return not self.passes(m.test, self.compile(m))


def choose(mutants, how):
    if how == 'all':
        return mutants
    if how and not how.isdigit():
        return [m for m in mutants if how in m.file + ' ' + m.what]
    seed = int(how) if how else random.SystemRandom().randrange(10 ** 6)
    print('# SADA_TEST_MUTANTS=%d' % seed)
    n = (len(mutants) + PART - 1) // PART
    return random.Random(seed).sample(mutants, n)


def main():
    how = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(
        'SADA_TEST_MUTANTS', '')
    chosen = choose(load(), how)
    bad = 0
    tmp = tempfile.mkdtemp(prefix='mutate-', dir=os.environ.get('TMPDIR'))
    try:
        bench = Bench(tmp)
        for i, m in enumerate(chosen, 1):
            try:
                ok, why = bench.killed(m), 'survived ' + m.test
            except RuntimeError as e:
                ok, why = False, str(e)
            bad += not ok
            print('%s %d - %s: %s' % ('ok' if ok else 'not ok', i, m.file,
                                      m.what), flush=True)
            if not ok:
                print('# ' + why.replace('\n', '\n# '), flush=True)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    print('1..%d' % len(chosen))
    print('# %d faults, %d killed' % (len(chosen), len(chosen) - bad))
    return 1 if bad or not chosen else 0


if __name__ == '__main__':
    sys.exit(main())
