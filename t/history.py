#!/usr/bin/env python3
"""history.py: a history with N merges, by SEED, for "git fast-import".

usage: t/history.py N SEED

Each merge has one base, the merge before it, and two sides that edit,
delete, rename, add and chmod files by the same dice.  At the end stand
two more, a merge of those two, which has two bases, one whose side adds
nothing, and one of four parents; these three cannot be replayed.
"""
import random
import sys

OUT = sys.stdout.buffer
KEEP = 4		# files that are never deleted


class History:
    def __init__(self, rng):
        self.rng = rng
        self.mark = 0
        self.made = 0

    def line(self):
        return b'%x %x\n' % (self.rng.getrandbits(32),
                             self.rng.getrandbits(32))

    def new(self, lines=40):
        return b''.join(self.line() for _ in range(lines))

    def name(self, where='d'):
        self.made += 1
        return '%s%d/f%d.txt' % (where, self.rng.randint(0, 3), self.made)

    def commit(self, parents, old, new):
        """Commit NEW, of which OLD is what the first parent has."""
        self.mark += 1
        OUT.write(b'commit refs/heads/main\nmark :%d\n'
                  b'committer replay <replay@example.org> %d +0000\n'
                  b'data 0\n' % (self.mark, 10**9 + self.mark))
        for i, p in enumerate(parents):
            OUT.write(b'%s :%d\n' % (b'merge' if i else b'from', p))
        for path in sorted(old.keys() - new.keys()):
            OUT.write(b'D %s\n' % path.encode())
        for path in sorted(new):
            if old.get(path) != new[path]:
                mode, content = new[path]
                OUT.write(b'M %s inline %s\ndata %d\n%s\n' % (
                    mode, path.encode(), len(content), content))
        return self.mark

    def edit(self, content):
        if b'\0' in content:
            return content + self.line()
        lines = content.split(b'\n')
        for _ in range(self.rng.randint(1, 2)):
            at = self.rng.randrange(len(lines))
            how = self.rng.randrange(4)
            if how == 0:
                del lines[at:at + 3]
            elif how == 1:
                lines[at] = self.line() + b'end\r'
            else:
                lines[at:at + how - 1] = self.line().split(b'\n')[:1]
            lines = lines or [b'']
        return b'\n'.join(lines)

    def side(self, base):
        """BASE with some changes."""
        rng, out = self.rng, dict(base)
        for path in rng.sample(sorted(base), min(9, len(base))):
            mode, content = out[path]
            dice = rng.randrange(12)
            if dice < 8:
                out[path] = mode, self.edit(content)
            elif dice == 8:
                out[path] = b'100755', content
            elif 'keep' in path:
                continue
            else:
                del out[path]
            if dice > 9:
                out[self.name()] = mode, self.edit(content) \
                    if dice > 10 else content
        out[self.name()] = b'100644', self.new(9)
        out['log'] = b'100644', base['log'][1] + self.line()
        return out

    def run(self, merges):
        rng = self.rng
        files = {'log': (b'100644', b'')}
        for i in range(KEEP):
            files['keep/%d' % i] = b'100644', self.new()
        files['keep/bin'] = b'100644', b'\0' + self.new(3)
        main = self.commit([], {}, files)
        for n in range(merges):
            base = dict(files)
            while len(base) < 20:
                base[self.name()] = b'100644', self.new(rng.randint(1, 60))
            main = self.commit([main], files, base)
            ours, theirs = self.side(base), self.side(base)
            ours['both%d' % n] = b'100644', self.line()
            theirs['both%d' % n] = b'100644', self.line()
            a = self.commit([main], base, ours)
            b = self.commit([main], base, theirs)
            files = {p: f for p, f in ours.items() if p in theirs}
            main = self.commit([a, b], ours, files)
        self.others(main, files)

    def others(self, main, files):
        side = [self.commit([main], files, self.side(files))
                for _ in range(3)]
        cross = [self.commit(side[i:2] + side[:i], {}, files)
                 for i in range(2)]
        last = self.commit(cross, {}, files)
        last = self.commit([last, main], {}, files)
        self.commit([last, *side], {}, files)


History(random.Random(int(sys.argv[2]))).run(int(sys.argv[1]))
