#!/usr/bin/python3
"""reader: read a store or a bundle by its manual page alone.

usage: t/reader.py store DIR
       t/reader.py bundle FILE KEYFILE [--store DIR] [--from KEY]
       t/reader.py dir DIR
       t/reader.py config DIR

Written from sada-store(5) and sada-bundle(5), not from the C code, so that
a format that they do not describe, or describe wrongly, fails a test.  All
that the pages say can be checked is checked; what does not check is told
on stderr, and the exit is 1.

store: the ops, heads, slots with several versions, names, and the state's
id.  bundle: what is in FILE for the holder of KEYFILE (.sada/key), from
--from (sada1...) or a peer of the replica at --store; with --store, the
state that replica will have.  dir: the names of a directory, in the form
that the names of a state have: "name KIND MODE SIZE CONTENT PATH".
"""
import argparse
import base64
import hashlib
import os
import stat
import struct
import sys

import nacl.bindings as sodium
import nacl.exceptions
import nacl.hash
import nacl.encoding
import zstandard

CHUNK, LIST, NODE, ANC = 1, 2, 3, 4
CTX = {CHUNK: b'sada.chunk.v1', LIST: b'sada.list.v1',
       NODE: b'sada.node.v1', ANC: b'sada.anc.v1'}
FILE, DIRECTORY, LINK = 1, 2, 3
MIB = 1 << 20
ZERO = bytes(32)


class Bad(Exception):
    """Something is not as the page says."""


def need(ok, why):
    if not ok:
        raise Bad(why)


# ---- conventions ----

def le(fmt, *v):
    return struct.pack('<' + fmt, *v)


def u64(b, at=0):
    return struct.unpack_from('<Q', b, at)[0]


def u32(b, at=0):
    return struct.unpack_from('<I', b, at)[0]


def H(ctx, x, size=32, key=b''):
    return hashlib.blake2b(le('Q', len(x)) + x, digest_size=size, key=key,
                           person=ctx).digest()


def siphash(key, x):
    return u64(nacl.hash.siphash24(bytes(x), key=bytes(key),
                                   encoder=nacl.encoding.RawEncoder))


def verify(sig, sign, ctx, x, what):
    m = b'sada sig v1\0' + ctx.ljust(16, b'\0') + H(ctx, x, 64)
    try:
        sodium.crypto_sign_open(sig + m, sign)
    except nacl.exceptions.BadSignatureError:
        raise Bad(what + ': signature') from None


def var(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7f | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def svar(v):
    return var(2 * v if v >= 0 else -2 * v - 1)


class Rd:
    """Bytes that are read from front to back."""

    def __init__(self, b):
        self.b, self.at = bytes(b), 0

    def left(self):
        return len(self.b) - self.at

    def bytes(self, n):
        need(n <= self.left(), 'cut short')
        self.at += n
        return self.b[self.at - n:self.at]

    def rest(self):
        return self.bytes(self.left())

    def u8(self):
        return self.bytes(1)[0]

    def u32(self):
        return u32(self.bytes(4))

    def u64(self):
        return u64(self.bytes(8))

    def s64(self):
        return struct.unpack('<q', self.bytes(8))[0]

    def id(self):
        return self.bytes(32)

    def var(self):
        start, v = self.at, 0
        while True:
            b = self.u8()
            v |= (b & 0x7f) << 7 * (self.at - start - 1)
            need(self.at - start <= 10, 'varint too long')
            if b < 0x80:
                break
        need(v < 1 << 64 and self.b[start:self.at] == var(v),
             'varint not shortest')
        return v

    def svar(self):
        v = self.var()
        return v >> 1 if v % 2 == 0 else -(v + 1 >> 1)

    def count(self, cap):
        n = self.var()
        need(n <= cap, 'count over its cap')
        return n

    def ids(self, cap):
        out = [self.id() for _ in range(self.count(cap))]
        need(out == sorted(set(out)), 'ids not ascending')
        return out

    def end(self):
        need(self.left() == 0, 'bytes follow')


def dot_bytes(d):
    return d[0] + le('QQQ', *d[1:])


def get_dot(r):
    d = (r.id(), r.u64(), r.u64(), r.u64())
    need(d[2] >= 1, 'seq 0')
    return d


def order(path):
    """The key by which paths are sorted."""
    return path.replace(b'/', b'\0')


def check_path(p):
    if p == b'':
        return
    parts = p.split(b'/')
    need(len(p) <= 4095 and len(parts) <= 128, 'path too long')
    for c in parts:
        need(1 <= len(c) <= 255 and c not in (b'.', b'..') and
             b'\0' not in c, 'component')
        # Of the folded forms only those in ASCII are known here.
        for x in c.lower().split(b'\\'):
            x = x.split(b':')[0].rstrip(b'. ')
            need(x != b'.sada' and not (len(x.lstrip(b'.')) == 6 and
                 x.lstrip(b'.')[:5] == b'sada~'), 'component is the store')


def unzstd(frame, raw, prefix=None):
    need(frame[:4] == b'\x28\xb5\x2f\xfd', 'no zstd frame')
    p = zstandard.get_frame_parameters(frame)
    need(p.content_size == raw and p.dict_id == 0, 'frame content size')
    d = None
    if prefix:
        d = zstandard.ZstdCompressionDict(
            prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    z = zstandard.ZstdDecompressor(dict_data=d, max_window_size=1 << 30)
    o = z.decompressobj()
    try:
        out = o.decompress(frame)
    except zstandard.ZstdError as e:
        raise Bad('zstd: %s' % e) from None
    need(o.unused_data == b'' and len(out) == raw, 'zstd frame length')
    return out


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def file_hash(b, what):
    need(len(b) >= 32 and H(b'sada.file.v1', b[:-32]) == b[-32:],
         what + ': hash')
    return b[:-32]


# ---- keys ----

def read_key(path):
    b = file_hash(read(path), 'key')
    need(len(b) == 76 and b[:12] == b'sadakey1\0\0\0\0', 'key file')
    pk = sodium.crypto_sign_seed_keypair(b[12:44])[0]
    sk = hashlib.sha512(b[44:76]).digest()[:32]
    box = sodium.crypto_scalarmult_base(sk)
    return {'id': H(b'sada.id.v1', pk), 'sign': pk, 'box': box, 'sk': sk}


def public(text):
    need(len(text) == 117 and text.startswith('sada1') and
         text == text.lower(), 'public key text')
    b = base64.b32decode(text[5:].upper())
    need(H(b'sada.id.v1', b[:64])[:6] == b[64:], 'public key checksum')
    return b[:32], b[32:64]


# ---- packs ----

def block(b):
    """(type, bytes) of each object of the encoded block B."""
    need(len(b) >= 24 and u32(b) == 0x4b4c4253, 'block magic')
    n, raw, frame = (u32(b, i) for i in (4, 8, 12))
    need(1 <= n <= 1 << 18 and raw <= 18 * MIB and
         frame <= raw + raw // 128 + 1024 and len(b) == 24 + frame,
         'block lengths')
    need(siphash(b[:16], b[24:]) == u64(b, 16), 'block checksum')
    r = Rd(unzstd(b[24:], raw))
    head = [(r.u8(), r.count(16 * MIB)) for _ in range(n)]
    out = []
    for t, size in head:
        need(t in CTX, 'object type')
        out.append((t, r.at, r.bytes(size)))
    r.end()
    return out


def pack(name, b):
    """Objects of pack NAME, and what its index must be."""
    need(b[:32] == b'sadapck1' + le('II', 1, 0) + bytes(16), 'pack header')
    at, hashed, objects, blocks = 32, b[:32], {}, []
    where = []
    while u32(b, at) == 0x4b4c4253:
        size = 24 + u32(b, at + 12)
        for t, off, x in block(b[at:at + size]):
            i = H(CTX[t], x)
            if (t, i) not in objects:
                where.append(i + le('III', len(blocks), off, len(x)) +
                             bytes([t, 0, 0, 0]))
            objects.setdefault((t, i), x)
        hashed += b[at:at + 24]
        blocks.append(le('QIIII', at, u32(b, at + 12), u32(b, at + 8),
                         u32(b, at + 4), 0))
        at += size
    t = b[at:]
    folded = u32(t, 16)
    need(u32(t) == 0x44454b50 and u32(t, 4) == len(blocks) and
         u64(t, 8) == at and u32(t, 20) == 0 and
         len(t) == 56 + 16 * folded, 'pack trailer')
    h = H(b'sada.pack.v1', hashed + t[:-32])
    need(h == t[-32:] and name == h[:16].hex() + '.pack', 'pack hash')
    where.sort(key=lambda e: (e[:32], e[44]))
    ix = b'sadaidx1' + le('IIQII', 1, 0, len(where), len(blocks), 0) + h
    first = [e[0] for e in where]
    ix += b''.join(le('I', sum(f <= i for f in first)) for i in range(256))
    ix += b''.join(where) + b''.join(blocks)
    return objects, ix + H(b'sada.index.v1', ix)


def packs(sdir):
    objects = {}
    for name in sorted(os.listdir(os.path.join(sdir, 'pack'))):
        if not name.endswith('.pack'):
            continue
        path = os.path.join(sdir, 'pack', name)
        got, ix = pack(name, read(path))
        objects.update(got)
        if os.path.exists(path[:-4] + 'idx'):
            need(read(path[:-4] + 'idx') == ix, 'index of ' + name)
    return objects


# ---- records ----

def member(b):
    need(len(b) <= 512, 'member record too long')
    r = Rd(b[:-64])
    need(r.u8() == 1, 'member version')
    m = {'sign': r.id(), 'box': r.id()}
    m['name'] = r.bytes(r.count(64)).decode('ascii')
    m['number'], _ = r.u64(), r.s64()
    r.end()
    verify(b[-64:], m['sign'], b'sada.member.v1', b[:-64], 'member')
    m['id'] = H(b'sada.id.v1', m['sign'])
    m['hash'] = H(b'sada.member.v1', b)
    return m


def hints(r):
    """(kind, from, to) of each rename that an op tells."""
    out, start = [], r.left()
    for _ in range(r.count(1024)):
        h = (r.u8(), r.bytes(r.count(4095)), r.bytes(r.count(4095)))
        need(h[0] in (1, 2) and h[1] and h[2] and h[1] != h[2], 'hint')
        check_path(h[1])
        check_path(h[2])
        out.append(h)
    need(start - r.left() - len(var(len(out))) <= 32768, 'hints too long')
    froms = [order(h[1]) for h in out]
    need(froms == sorted(set(froms)), 'hints not ascending')
    return out


def op_record(b):
    need(64 < len(b) <= 256 << 10, 'op record length')
    r = Rd(b[:-64])
    need(r.u8() == 1 and r.u8() == 1, 'op version or kind')
    flags = r.u8()
    need(flags & ~3 == 0, 'op flags')
    o = {'id': H(b'sada.op.v1', b), 'raw': b, 'flags': flags,
         'inline': None}
    o['dot'], o['prev'] = get_dot(r), r.id()
    need((o['prev'] == ZERO) == (o['dot'][2] == 1), 'prev')
    o['parents'] = r.ids(4096)
    o['wall'], o['root'] = r.s64(), r.id()
    if flags & 2:
        o['inline'] = r.bytes(r.count(1024))
        o['changes'] = H(CTX[NODE], o['inline'])
    else:
        o['changes'] = r.id()
    o['hints'] = hints(r)
    o['set'], o['gone'] = r.var(), r.var()
    o['lost'], o['before'] = r.var(), r.var()
    o['msg'] = r.bytes(r.count(65536))
    r.end()
    return o


def add_member(members, m):
    old = members.get(m['id'])
    if old is None or (m['number'], m['hash']) > (old['number'],
                                                  old['hash']):
        members[m['id']] = m


def check_op(o, ops, members):
    """The op's signature, its chain, its parents; and its lamport."""
    what = 'op ' + o['id'].hex()[:12]
    m = members.get(o['dot'][0])
    need(m is not None, what + ': author not known')
    verify(o['raw'][-64:], m['sign'], b'sada.op.v1', o['raw'][:-64], what)
    need(all(p in ops for p in o['parents']), what + ': parent missing')
    o['lamport'] = 1 + max([ops[p]['lamport'] for p in o['parents']],
                           default=0)
    o['past'] = {o['id']}.union(*(ops[p]['past'] for p in o['parents']))
    if o['prev'] != ZERO:
        need(o['prev'] in o['past'], what + ': prev not in its past')
        p = ops[o['prev']]['dot']
        need(p[:2] == o['dot'][:2] and p[2] + 1 == o['dot'][2],
             what + ': prev')


# ---- the log ----

class Log:
    def __init__(self):
        self.ops, self.members, self.aliases = {}, {}, []
        self.group = None

    def record(self, kind, t, b):
        if t == 1:
            o = op_record(b)
            need(o['id'] not in self.ops, 'op twice')
            check_op(o, self.ops, self.members)
            o['frame'] = kind
            self.ops[o['id']] = o
        elif t == 2:
            add_member(self.members, member(b))
        elif t in (3, 4):
            need(len(b) == 32, 'group or alias')
            if t == 3:
                self.group = b
            else:
                self.aliases.append(b)
        else:
            need(t == 5 and len(b) >= 8, 'record type')

    def segment(self, number, b, prev, newest):
        need(b[:32] == b'sadalog1' + le('IIQQ', 1, 0, number, 0) and
             file_hash(b[:64], 'segment'), 'segment header')
        at = 64
        while at < len(b):
            n = u32(b, at + 8) if len(b) - at >= 48 else 0
            f = b[at:at + 80 + n]
            h = H(b'sada.frame.v1', le('QQ', number, at) + f[:-32])
            if len(f) < 80 + n or n == 0 or h != f[-32:]:
                need(newest, 'damaged frame')
                print('torn', number, at)
                break
            need(u32(f) == 0x4d524653 and f[4] in (1, 2, 3) and
                 f[5:8] == bytes(3) and f[16:48] == prev, 'frame head')
            r, seen = Rd(f[48:-32]), 0
            while r.left():
                self.record(f[4], r.u8(), r.bytes(r.var()))
                seen += 1
            need(seen == u32(f, 12) >= 1, 'number of records')
            prev = h
            at += len(f)
        return prev

    def load(self, sdir):
        d, prev = os.path.join(sdir, 'log'), ZERO
        names = sorted(x for x in os.listdir(d) if x.endswith('.log'))
        for i, name in enumerate(names):
            need(name == '%08d.log' % (i + 1), 'segments have a gap')
            prev = self.segment(i + 1, read(os.path.join(d, name)), prev,
                                i + 1 == len(names))
        return self


# ---- nodes ----

def version_id(v):
    b = dot_bytes(v['dot']) + bytes([v['kind']])
    if v['kind'] != DIRECTORY:
        b += (bytes([v['alone']]) + le('HQ', v['mode'], v['size']) +
              v['content'] + le('qI', *v['mtime']) + v['anc'])
    return H(b'sada.version.v1', b)


def register(v):
    return v['stamp'] + (v['mode'],) + v['mtime']


def get_version(r, authors, dots):
    v = {'dot': dots[r.count(len(dots) - 1)], 'mode': 0, 'size': 0,
         'content': ZERO, 'anc': ZERO, 'stamp': None}
    bits = r.u8()
    need(bits < 16, 'version bits')
    v['kind'], v['alone'] = bits & 3, bits >> 2 & 1
    need(v['kind'] > 0 and (v['kind'] != DIRECTORY or bits < 4), 'kind')
    if v['kind'] != LINK:
        v['mode'] = r.count(0o777)
    if v['kind'] != DIRECTORY:
        v['size'], v['content'] = r.var(), r.id()
        need(v['size'] < 1 << 63 and
             (v['kind'] == FILE or v['size'] <= 65535), 'size')
    v['mtime'] = (r.svar(), r.count(999999999))
    if v['kind'] == DIRECTORY:
        v['stamp'] = (r.var(), authors[r.count(len(authors) - 1)])
    if bits & 8:
        v['anc'] = r.id()
        need(v['anc'] != ZERO, 'ancestors')
    v['id'] = version_id(v)
    return v


def put_version(v, authors, dots):
    bits = v['kind'] | v['alone'] << 2 | (v['anc'] != ZERO) << 3
    b = var(dots.index(v['dot'])) + bytes([bits])
    if v['kind'] != LINK:
        b += var(v['mode'])
    if v['kind'] != DIRECTORY:
        b += var(v['size']) + v['content']
    b += svar(v['mtime'][0]) + var(v['mtime'][1])
    if v['kind'] == DIRECTORY:
        b += var(v['stamp'][0]) + var(authors.index(v['stamp'][1]))
    return b + (v['anc'] if v['anc'] != ZERO else b'')


def put_paths(paths):
    prev, out = b'', []
    for p in paths:
        n = len(os.path.commonprefix([prev, p]))
        out.append(var(n) + var(len(p) - n) + p[n:])
        prev = p
    return out


def get_path(r, prev, first):
    n = r.count(len(prev))
    p = prev[:n] + r.bytes(r.count(4095))
    need(first or order(p) > order(prev), 'order of paths')
    check_path(p)
    return p


def put_leaf(entries):
    vs = [v for _, slot in entries for v in slot]
    dots = sorted({v['dot'] for v in vs})
    authors = sorted({d[0] for d in dots} |
                     {v['stamp'][1] for v in vs if v['stamp']})
    b = b'\0' + var(len(authors)) + b''.join(authors) + var(len(dots))
    for d in dots:
        b += var(authors.index(d[0])) + le('Q', d[1]) + var(d[2])
        b += le('Q', d[3])
    b += var(len(entries))
    for p, (_, slot) in zip(put_paths(e[0] for e in entries), entries):
        b += p + var(len(slot))
        b += b''.join(put_version(v, authors, dots) for v in slot)
    return b


def put_inner(level, refs):
    b = bytes([level]) + var(len(refs))
    for p, (_, i, counts) in zip(put_paths(x[0] for x in refs), refs):
        b += p + i + b''.join(var(c) for c in counts)
    return b


def get_node(b):
    """(level, entries or refs); B must be the one encoding of them."""
    r, out, prev = Rd(b), [], b''
    level = r.u8()
    need(level <= 32, 'level')
    if level == 0:
        authors = r.ids(len(b))
        dots = []
        for _ in range(r.count(len(b))):
            a = authors[r.count(len(authors) - 1)]
            dots.append((a, r.u64(), r.var(), r.u64()))
    n = r.count(192)
    need(n >= 1, 'empty node')
    for i in range(n):
        prev = get_path(r, prev, i == 0)
        if level == 0:
            slot = [get_version(r, authors, dots)
                    for _ in range(r.count(65536))]
            ids = [v['id'] for v in slot]
            need(ids == sorted(set(ids)), 'order of versions')
            out.append((prev, slot))
        else:
            out.append((prev, r.id(), (r.var(), r.var(), r.var())))
    r.end()
    need(b == (put_leaf(out) if level == 0 else put_inner(level, out)),
         'node has another encoding')
    return level, out


def counts_of(level, items):
    if level == 0:
        c = [(1, len(s) > 1, sum(v['size'] for v in s)) for _, s in items]
    else:
        c = [x[2] for x in items]
    n, multi, size = (sum(x) for x in zip(*c))
    return n, multi, min(size, (1 << 64) - 1)


def load_tree(objects, root, changes=False):
    """Entries of tree ROOT, or None when a node of it is not held."""
    if root == ZERO:
        return []
    out = []

    def walk(i, ref):
        if (NODE, i) not in objects:
            return False
        level, items = get_node(objects[NODE, i])
        if ref:
            need((level, items[-1][0], counts_of(level, items)) == ref,
                 'a node is not what its parent says')
        if level > 0:
            return all(walk(x[1], (level - 1, x[0], x[2])) for x in items)
        need(changes or all(s for _, s in items), 'empty slot in a map')
        out.extend(items)
        return True

    if not walk(root, None):
        return None
    keys = [order(p) for p, _ in out]
    need(all(a < b for a, b in zip(keys, keys[1:])), 'order across nodes')
    return out


def cut(level, n, path):
    if n < 16 or n == 192:
        return n == 192
    key = b'sada.cut.v1'.ljust(15, b'\0') + bytes([level])
    return siphash(key, path) >> 32 < 0x05555555


def build(entries):
    """The root of the map with these entries."""
    level, items = 0, entries
    while items:
        refs, node = [], []
        for n, x in enumerate(items):
            node.append(x)
            if not cut(level, len(node), x[0]) and n + 1 < len(items):
                continue
            b = put_inner(level, node) if level else put_leaf(node)
            refs.append((x[0], H(CTX[NODE], b), counts_of(level, node)))
            node = []
        if len(refs) == 1:
            return refs[0][1]
        level, items = level + 1, refs
    return ZERO


def load_map(objects, root):
    """The map ROOT as a dict, its cuts checked; None: not held."""
    entries = load_tree(objects, root)
    if entries is None:
        return None
    need(build(entries) == root, 'map is cut elsewhere')
    return dict(entries)


def sort_map(m):
    return sorted(m.items(), key=lambda e: order(e[0]))


# ---- states ----

def heads(ops, of):
    inner = {p for i in of for p in ops[i]['parents']}
    return sorted(i for i in of if i not in inner)


def join(ops, ids, maps):
    """The join of the maps of ops IDS."""
    if len(ids) == 1:
        return maps[ids[0]]
    # A dot is seen with all the ops that have it, should there be several.
    unseen = [{ops[p]['dot'] for j in ids for p in ops[j]['past']
               if p not in ops[i]['past']} for i in ids]
    seen = [{ops[p]['dot'] for p in ops[i]['past']} - unseen[k]
            for k, i in enumerate(ids)]
    out = {}
    for path in {p for i in ids for p in maps[i]}:
        have = {}
        for k, i in enumerate(ids):
            for v in maps[i].get(path, []):
                have.setdefault(v['id'], []).append((k, v))
        slot = []
        for _, h in sorted(have.items()):
            with_it = {k for k, _ in h}
            v = h[0][1]
            if any(v['dot'] in s for k, s in enumerate(seen)
                   if k not in with_it):
                continue
            if v['kind'] == DIRECTORY:
                v = max((x for _, x in h), key=register)
            slot.append(v)
        if slot:
            out[path] = slot
    return out


def replay(base, changes):
    out, n_set, n_gone = dict(base), 0, 0
    for path, slot in changes:
        n_set += bool(slot)
        n_gone += not slot and path in out
        out.pop(path, None)
        if slot:
            out[path] = slot
    return out, (n_set, n_gone)


def check_stamps(o, base, changes):
    for path, slot in changes:
        old = [(v['dot'], register(v)) for v in base.get(path, [])
               if v['kind'] == DIRECTORY]
        for v in slot:
            need(v['kind'] != DIRECTORY or
                 (v['dot'], register(v)) in old or
                 v['stamp'] == (o['lamport'], o['dot'][0]), 'stamp')


def changes_of(o, objects):
    if o['inline'] is None:
        return load_tree(objects, o['changes'], True)
    return load_tree({(NODE, o['changes']): o['inline']}, o['changes'],
                     True)


class Replica:
    """Objects, ops, and the maps of those ops that can be had."""

    def __init__(self, sdir=None):
        self.log = Log()
        self.objects, self.maps = {}, {}
        self.replayed = 0
        if sdir:
            self.objects = packs(sdir)
            self.log.load(sdir)
            for o in self.log.ops.values():
                self.take(o)

    def take(self, o):
        """Find the map of op O, by replay and in the store."""
        ops = self.log.ops
        held = load_map(self.objects, o['root'])
        changes = changes_of(o, self.objects)
        if changes is not None and all(p in self.maps
                                       for p in o['parents']):
            ids = heads(ops, o['parents'])
            past = set().union(*(ops[p]['past'] for p in o['parents']))
            need(ids == heads(ops, past), 'parents are not heads')
            base = join(ops, ids, self.maps) if ids else {}
            again, counts = replay(base, changes)
            need(build(sort_map(again)) == o['root'],
                 'replay gives another root')
            need(counts == (o['set'], o['gone']), 'counts of an op')
            check_stamps(o, base, changes)
            self.derive(o, base, changes)
            self.replayed += 1
            held = again
        if held is not None:
            self.maps[o['id']] = held

    def derive(self, o, base, changes):
        for path, slot in changes:
            now = {v['id'] for v in slot}
            gone = [v for v in base.get(path, []) if v['id'] not in now]
            if len(gone) != 1 or gone[0]['kind'] == DIRECTORY:
                continue
            for v in slot:
                if (v['dot'] == o['dot'] and v['anc'] != ZERO and
                        (ANC, v['anc']) not in self.objects):
                    b = ancestors_after(gone[0], self.objects)
                    if H(CTX[ANC], b) == v['anc']:
                        self.objects[ANC, v['anc']] = b

    def state(self):
        ids = heads(self.log.ops, self.log.ops)
        need(all(i in self.maps for i in ids), 'map of a head not held')
        m = join(self.log.ops, ids, self.maps) if ids else {}
        root = build(sort_map(m))
        return ids, m, root, H(b'sada.state.v1', b''.join(ids) + root)

    def lamport(self, dot):
        return max((o['lamport'] for o in self.log.ops.values()
                    if o['dot'] == dot), default=0)


# ---- contents ----

def ancestors(b):
    r, out = Rd(b), []
    for _ in range(r.count(32)):
        dots = [get_dot(r) for _ in range(r.count(64))]
        need(dots and dots == sorted(set(dots)), 'dots of an ancestor')
        kind, mode = r.u8(), r.var()
        need(kind & ~4 in (FILE, LINK) and mode <= 0o777 and
             (kind & ~4 == FILE or mode == 0), 'kind or mode of an ancestor')
        size = r.var()
        out.append((dots, kind, mode, size, r.id()))
    r.end()
    need(out, 'no ancestors')
    return out


def put_ancestors(a):
    return var(len(a)) + b''.join(
        var(len(d)) + b''.join(dot_bytes(x) for x in d) + bytes([k]) +
        var(m) + var(s) + c for d, k, m, s, c in a)


def ancestors_after(v, objects):
    old = objects.get((ANC, v['anc']))
    a = [([v['dot']], v['kind'], v['mode'], v['size'], v['content'])]
    return put_ancestors((a + (ancestors(old) if old else []))[:32])


def file_list(b):
    r = Rd(b)
    level, out = r.u8(), []
    for _ in range(r.count(4096)):
        size = r.var()
        out.append((size, r.id()))
        need(size >= 1 and (level or size <= MIB), 'size of a piece')
    r.end()
    need(out and level <= 16, 'file list')
    return level, out


def content(objects, i, size):
    """The bytes of a content, or None when one of its objects lacks."""
    if size <= MIB:
        b = objects.get((CHUNK, i))
    else:
        b = walk_list(objects, i, None)
    need(b is None or len(b) == size, 'size of a content')
    return b


def walk_list(objects, i, want):
    if (LIST, i) not in objects:
        return None
    level, pieces = file_list(objects[LIST, i])
    need(want in (None, level), 'level of a list')
    out = []
    for size, p in pieces:
        b = (walk_list(objects, p, level - 1) if level else
             objects.get((CHUNK, p)))
        if b is None:
            return None
        need(len(b) == size, 'size of a piece')
        out.append(b)
    return b''.join(out)


GEAR = []


def chunks(b):
    if not GEAR:
        GEAR.extend(siphash(b'sada gear table1', bytes([i]))
                    for i in range(256))
    at, mask = 0, (1 << 64) - 1
    while at < len(b):
        end = min(at + MIB, len(b))
        h, hard = 0, at + (256 << 10)
        for i in range(at + (64 << 10), end):
            h = (h << 1) + GEAR[b[i]] & mask
            if h >> (44 if i < hard else 48) == 0:
                end = i + 1
                break
        yield b[at:end]
        at = end


def content_id(b):
    if len(b) <= MIB:
        return H(CTX[CHUNK], b)
    levels = [[]]

    def end(k):
        p = levels[k]
        levels[k] = []
        if k + 1 == len(levels):
            levels.append([])
        put(k + 1, sum(s for s, _ in p), H(CTX[LIST], bytes([k]) +
            var(len(p)) + b''.join(var(s) + i for s, i in p)))

    def put(k, size, i):
        p = levels[k]
        p.append((size, i))
        if len(p) == 4096 or (len(p) >= 64 and i[0] == 0 and i[1] < 64):
            end(k)

    for c in chunks(b):
        put(0, len(c), H(CTX[CHUNK], c))
    k = 0
    while not (k > 0 and k + 1 == len(levels) and len(levels[k]) == 1):
        if levels[k]:
            end(k)
        k += 1
    return levels[k][0][1]


# ---- the view ----

def copy_name(path, cover, digits):
    h = H(b'sada.name.v1', le('Q', len(path)) + path + b''.join(cover)).hex()
    base = path.rfind(b'/') + 1
    name = path[base:]
    dot = name.rfind(b'.')
    ext = name[dot:] if dot > 0 and len(name) - dot <= 16 else b''
    stem = name[:len(name) - len(ext)]
    room = max(0, min(255, 4095 - base) - 1 - digits - len(ext))
    if len(stem) > room:
        stem = cut_utf8(stem, room)
    return path[:base] + stem + b'~' + h[:digits].encode() + ext


def cut_utf8(s, n):
    for back in range(0, min(3, n) + 1):
        c = s[n - back]
        if c & 0xc0 != 0x80:
            size = (4 if 0xf0 <= c <= 0xf4 else 3 if 0xe0 <= c <= 0xef else
                    2 if 0xc2 <= c <= 0xdf else 1)
            return s[:n - back] if size > back else s[:n]
    return s[:n]


def groups(slot, lamport):
    out = []
    for v in sorted(slot, key=lambda v: (lamport(v['dot']), v['dot'][0],
                                         v['id']), reverse=True):
        key = (v['kind'], v['size'], v['content'])
        for g in out:
            if g[0] == key:
                g[1].append(v)
                break
        else:
            out.append((key, [v]))
    return [(max(g, key=register) if k[0] == DIRECTORY else g[0],
             sorted(v['id'] for v in g)) for k, g in out]


def view(m, lamport):
    """Names of map M: path -> version shown (None: implied)."""
    names, copies = {}, []
    for path, slot in sort_map(m):
        for i in range(len(path)):
            if path[i:i + 1] == b'/':
                names.setdefault(path[:i], None)
        names[path] = groups(slot, lamport)
    dirs = {p[:p.rfind(b'/')] if b'/' in p else b'' for p in names if p}
    for path in sorted(names, key=order):
        gs = names[path]
        if gs is None:
            continue
        d = [g for g in gs if g[0]['kind'] == DIRECTORY]
        main = d[0] if d else None
        if not d and path and path not in dirs:
            main = gs[0]
        copies += [(path, g) for g in gs if g is not main]
        names[path] = main[0] if main else None
    living = set(names)
    for path, (v, cover) in copies:
        stem, digits = path, 10
        while (n := copy_name(stem, cover, digits)) in names:
            digits += 1
            if digits > 64:
                stem, digits = n, 10
        names[n] = v
    if b'' not in m or names[b''] is None:
        names.pop(b'', None)
    return names, living


def quote(p):
    esc = {7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r',
           34: '"', 92: '\\'}
    s = ''.join('\\' + esc[c] if c in esc else chr(c)
                if 32 <= c < 127 else '\\%03o' % c for c in p)
    return s if s.encode('latin1') == p and '"' not in s else '"%s"' % s


def show(path, kind, mode, size, cid):
    print('name', ' fdl'[kind], '%04o' % mode, size,
          cid.hex() if kind != DIRECTORY else '-', quote(path))


def show_state(rep, deep):
    ids, m, root, sid = rep.state()
    for path, slot in sort_map(m):
        if len(slot) > 1:
            print('slot', len(slot), quote(path))
        for v in slot:
            if v['kind'] == DIRECTORY:
                continue
            if (ANC, v['anc']) in rep.objects:
                ancestors(rep.objects[ANC, v['anc']])
            elif v['anc'] != ZERO:
                print('lack', ANC, v['anc'].hex())
            b = content(rep.objects, v['content'], v['size'])
            if b is None:
                print('lack', CHUNK, v['content'].hex(), quote(path))
            elif deep:
                need(content_id(b) == v['content'], 'cuts of a content')
    names, _ = view(m, rep.lamport)
    for path in sorted(names, key=order):
        v = names[path]
        if v is None:
            show(path, DIRECTORY, 0o700, 0, ZERO)
        else:
            show(path, v['kind'], v['mode'], v['size'], v['content'])
    for i in ids:
        print('head', i.hex())
    print('root', root.hex())
    print('state', sid.hex())


def show_op(o, members):
    print('op', o['id'].hex(), members[o['dot'][0]]['name'], o['dot'][2],
          'lamport', o['lamport'], 'set', o['set'], 'gone', o['gone'],
          quote(o['msg']))


def cmd_store(args):
    sdir = os.path.join(args.dir, '.sada')
    rep = Replica(sdir)
    read_key(os.path.join(sdir, 'key'))
    need(rep.log.group, 'no group')
    for n in ('wants', 'peers/self', 'peers/sent'):
        check_note(os.path.join(sdir, n))
    for o in rep.log.ops.values():
        show_op(o, rep.log.members)
    print('replayed', rep.replayed)
    show_state(rep, True)


def check_note(path):
    if os.path.exists(path):
        b = read(path)
        n = b.rfind(b'check ')
        need(b[n:] == b'check %s\n' % H(b'sada.file.v1',
                                        b[:n]).hex().encode(), path)


def cmd_dir(args):
    root = os.fsencode(args.dir)
    found = [b'']
    for d, dirs, files in os.walk(root):
        if d == root:
            dirs.remove(b'.sada')
        found += [os.path.relpath(os.path.join(d, x), root)
                  for x in dirs + files]
    for p in sorted(found, key=order):
        full = os.path.join(root, p)
        st = os.lstat(full)
        mode = st.st_mode & 0o777
        if stat.S_ISLNK(st.st_mode):
            t = os.readlink(full)
            show(p, LINK, 0, len(t), content_id(t))
        elif stat.S_ISDIR(st.st_mode):
            show(p, DIRECTORY, mode, 0, ZERO)
        else:
            show(p, FILE, mode, st.st_size, content_id(read(full)))


# ---- bundles ----

def config(path):
    """The peers of a config file, for files that sada-peer wrote."""
    out, section = {}, None
    if not os.path.exists(path):
        return out
    for line in read(path).decode().splitlines():
        line = line.strip()
        if line.startswith('['):
            section = line[1:-1].split()
        elif line.startswith('key = ') and section[0] == 'peer':
            out[section[1].strip('"')] = public(line[6:].strip())
    return out


def cmd_config(args):
    for name, (sign, _) in config(os.path.join(args.dir, '.sada',
                                               'config')).items():
        print('peer', name, H(b'sada.id.v1', sign).hex())


def kdf(fk, n, c):
    return hashlib.blake2b(b'', digest_size=32, key=fk, salt=le('QQ', n, 0),
                           person=c).digest()


def unseal(b, key):
    """(plaintext chunks, header hash)"""
    need(b[:8] == b'sadabnd1' and b[8:12] == le('HH', 1, 1), 'no bundle')
    n = u32(b, 12)
    need(n in (1, 2, 4, 8, 16, 32, 64), 'slots')
    end = 16 + 96 * n
    for at in range(16, end, 96):
        hint, box = b[at:at + 16], b[at + 16:at + 96]
        if hashlib.blake2b(box[:32], digest_size=32, key=key['box'],
                           person=b'sada.hint.v1').digest()[:16] == hint:
            break
    else:
        raise Bad('not for this key')
    fk = sodium.crypto_box_seal_open(box, key['box'], key['sk'])
    head, body = b[:end + 56], b[end + 56:]
    need(H(b'sada.bhead.v1', head[:-32], key=kdf(fk, 1, b'sadaHEAD')) ==
         head[-32:], 'tag')
    hh = H(b'sada.bhead.v1', head)
    s = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(
        s, head[end:end + 24], kdf(fk, 2, b'sadaSTRM'))
    out = []
    for i, at in enumerate(range(0, len(body), 65553)):
        x, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(
            s, body[at:at + 65553], hh + le('Q', i))
        last = at + 65553 >= len(body)
        need(tag == (3 if last else 0) and x, 'tag of a chunk')
        out.append(x)
    return b''.join(out), hh, n


def segments(plain, hh, known):
    """The payload stream, signatures checked, and who signed."""
    sender = plain[72:104]
    need(sender in known, 'sender not known')
    out = []
    for i, at in enumerate(range(0, len(plain), MIB)):
        seg = plain[at:at + MIB]
        last = at + MIB >= len(plain)
        need(len(seg) > 72 and u32(seg, 64) == len(seg) - 72 and
             u32(seg, 68) == last, 'head of a segment')
        verify(seg[:64], known[sender], b'sada.seg.v1',
               le('QII', i, last, len(seg) - 72) +
               H(b'sada.seg.v1', seg[72:]) + hh, 'segment')
        out.append(seg[72:])
    return b''.join(out), sender


def records(stream):
    """Outer records, META's inner ones in its place."""
    r, first = Rd(stream[32:]), True
    while True:
        t, b = r.u8(), r.bytes(r.count(20 * MIB))
        need((t == 1) == first and 1 <= t <= 6, 'type of a record')
        first = False
        if t == 6:
            need(b == b'' and not any(r.rest()), 'end or padding')
            return
        if t != 2:
            yield t, b
            continue
        q = Rd(b)
        raw = q.count(4 * MIB)
        q = Rd(unzstd(q.rest(), raw))
        need(q.left(), 'empty META')
        while q.left():
            t, b = q.u8(), q.bytes(q.var())
            need(16 <= t <= 19, 'type of an inner record')
            yield t, b


def acknowledgement(b, known):
    r = Rd(b[:-64])
    need(r.u8() == 1, 'ack version')
    a = {'author': r.id(), 'incarnation': r.u64(), 'counter': r.u64()}
    verify(b[-64:], known[a['author']], b'sada.ack.v1', b[:-64], 'ack')
    a['have'] = [(r.id(), r.u64(), r.var(), r.id())
                 for _ in range(r.count(65536))]
    a['want'] = [(r.u8(), r.id(), r.var()) for _ in range(r.count(65536))]
    a['need'] = r.ids(4096)
    r.end()
    order_ids = [h[3] for h in a['have']]
    need(order_ids == sorted(set(order_ids)), 'haves')
    need(a['want'] == sorted(a['want']), 'wants')
    return a


def bundle_head(b, known):
    r = Rd(b)
    need(r.u8() == 1 and r.u32() == 0, 'head version')
    h = {'group': r.id(), 'alias': r.ids(len(b)), 'to': r.ids(64)}
    h['ack'] = acknowledgement(r.bytes(r.var()), known)
    h['basis'] = r.ids(len(b))
    h['echo'] = [(r.id(), r.u64(), r.u64()) for _ in range(r.var())]
    h['flags'] = r.u8()
    h['caps'] = r.var(), r.var(), r.var()
    r.end()
    need(h['flags'] & ~1 == 0 and h['to'], 'head')
    return h


class Bundle:
    def __init__(self, rep, known):
        self.rep, self.known = rep, known
        self.told, self.waiting, self.mapped = [], [], set()
        self.counted = [0, 0, 0]

    def count(self, ops, objects, raw):
        self.counted = [a + b for a, b in zip(self.counted,
                                              (ops, objects, raw))]

    def put(self, how, t, b, expect=None):
        i = H(CTX[t], b)
        need(expect in (None, i), 'content of a delta')
        self.rep.objects.setdefault((t, i), b)
        print('object', how, t, i.hex(), len(b))

    def prefixed(self, how, t, base, raw, frame, expect=None):
        self.count(0, 1, raw)
        if (t, base) not in self.rep.objects:
            print('void', how, t, base.hex(), raw)
            return
        self.put(how, t, unzstd(frame, raw, self.rep.objects[t, base]),
                 expect)

    def op(self, b):
        o = op_record(b)
        self.count(1, 0, 0)
        print('op', o['id'].hex(), 'seq', o['dot'][2], quote(o['msg']))
        log = self.rep.log
        if not self.head['flags'] & 1:
            for _, slot in changes_of(o, self.rep.objects) or []:
                self.told += slot
        if o['id'] in log.ops:
            return
        if (o['dot'][0] not in log.members or
                any(p not in log.ops for p in o['parents'])):
            print('parked', o['id'].hex())
            return
        check_op(o, log.ops, log.members)
        log.ops[o['id']] = o
        if self.head['flags'] & 1:
            self.waiting.append(o)
        else:
            self.rep.take(o)
            if o['id'] not in self.rep.maps:
                print('parked', o['id'].hex())
                del log.ops[o['id']]

    def delta(self, b):
        r = Rd(b)
        n, index, raw = r.var(), r.var(), r.var()
        need(n < len(self.told), 'ordinal')
        v = self.told[n]
        need(v['size'] == raw <= MIB, 'size of a delta')
        anc = self.rep.objects.get((ANC, v['anc']))
        base = ancestors(anc)[index][4] if anc else ZERO
        self.prefixed('delta', CHUNK, base, raw, r.rest(), v['content'])

    def take(self, t, b):
        if t == 1:
            self.head = bundle_head(b, self.known)
        elif t == 3:
            self.count(0, u32(b, 4), u32(b, 8))
            for kind, _, x in block(b):
                self.put('whole', kind, x)
        elif t == 4:
            r = Rd(b)
            kind, base, raw = r.u8(), r.id(), r.var()
            need(kind in (CHUNK, LIST, ANC), 'type of a prefix')
            self.prefixed('prefix', kind, base, raw, r.rest())
        elif t == 5:
            self.delta(b)
        elif t == 16:
            add_member(self.rep.log.members, member(b))
        elif t == 17:
            self.count(0, 1, len(b))
            self.put('node', NODE, b)
        elif t == 18:
            self.op(b)
        elif t == 19:
            need(len(b) == 32, 'MAP')
            self.mapped.add(b)

    def finish(self):
        """With MAPS: what came whole must be whole."""
        for o in self.waiting:
            if o['id'] in self.mapped:
                m = load_map(self.rep.objects, o['root'])
                need(m is not None, 'a map lacks nodes')
                self.rep.maps[o['id']] = m
        need(all(a <= b for a, b in zip(self.counted, self.head['caps'])),
             'more than the head says')


def cmd_bundle(args):
    key = read_key(args.keyfile)
    known, rep = {}, Replica()
    if args.store:
        sdir = os.path.join(args.store, '.sada')
        rep = Replica(sdir)
        for sign, _ in config(os.path.join(sdir, 'config')).values():
            known[H(b'sada.id.v1', sign)] = sign
    if getattr(args, 'from'):
        sign = public(getattr(args, 'from'))[0]
        known[H(b'sada.id.v1', sign)] = sign
    b = read(args.file)
    plain, hh, slots = unseal(b, key)
    stream, sender = segments(plain, hh, known)
    print('slots', slots)
    print('sender', sender.hex())
    bundle = Bundle(rep, known)
    before = set(rep.log.ops)
    for t, x in records(stream):
        bundle.take(t, x)
        if t == 1:
            h = bundle.head
            need(key['id'] in h['to'], 'not for us')
            need(h['ack']['author'] == sender, 'ack of another')
            print('to', *(i.hex() for i in h['to']))
            print('maps', h['flags'])
            print('ack', h['ack']['incarnation'], h['ack']['counter'],
                  len(h['ack']['have']), len(h['ack']['want']))
            for i in h['basis']:
                print('basis', i.hex())
    bundle.finish()
    print('new', len(set(rep.log.ops) - before))
    if not args.store or not rep.log.ops:
        return
    show_state(rep, True)


def main():
    p = argparse.ArgumentParser(usage=__doc__.split('\n\n')[1][7:])
    sub = p.add_subparsers(required=True)
    for name, run in (('store', cmd_store), ('dir', cmd_dir),
                      ('config', cmd_config)):
        s = sub.add_parser(name)
        s.add_argument('dir')
        s.set_defaults(run=run)
    s = sub.add_parser('bundle')
    s.add_argument('file')
    s.add_argument('keyfile')
    s.add_argument('--store')
    s.add_argument('--from')
    s.set_defaults(run=cmd_bundle)
    args = p.parse_args()
    try:
        args.run(args)
    except (Bad, struct.error, IndexError, ValueError, RuntimeError,
            nacl.exceptions.CryptoError) as e:
        sys.exit('reader: %s' % (e or type(e).__name__))


if __name__ == '__main__':
    main()
