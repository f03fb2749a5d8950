"""converge_log: what a store says of its ops and objects, as a test needs it.

Only what no command prints: the exact dot and the hints of each op, and
which objects are held.  Nothing is checked here; reader.py does that.
"""
import collections
import hashlib
import os
import struct

CHUNK, LIST, ANC = 1, 2, 4
HINT_FILE, HINT_DIR = 1, 2

# dot: (author, epoch, seq, tag); hints: [(kind, from, to)].
Op = collections.namedtuple('Op', 'id dot parents hints')


def H(context, data):
    """The hash of sada-store(5), as hex."""
    return hashlib.blake2b(struct.pack('<Q', len(data)) + data,
                           digest_size=32,
                           person=context.ljust(16, b'\0')).hexdigest()


def var(n):
    out = b''
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def get_var(b, at):
    shift = n = 0
    while True:
        n |= (b[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if b[at - 1] < 0x80:
            return n, at


def get_bytes(b, at):
    n, at = get_var(b, at)
    return b[at:at + n], at + n


def op(b):
    """The op of record B."""
    dot = (b[3:35],) + struct.unpack_from('<QQQ', b, 35)
    n, at = get_var(b, 59 + 32)
    parents = [b[i:i + 32].hex() for i in range(at, at + 32 * n, 32)]
    at += 32 * n + 8 + 32
    if b[2] & 2:
        _, at = get_bytes(b, at)
    else:
        at += 32
    n, at = get_var(b, at)
    hints = []
    for _ in range(n):
        kind = b[at]
        old, at = get_bytes(b, at + 1)
        new, at = get_bytes(b, at)
        hints.append((kind, old, new))
    return Op(H(b'sada.op.v1', b), dot, parents, hints)


def ops(store):
    """All ops in the log of the store at STORE."""
    out = []
    logs = os.path.join(store, 'log')
    for name in sorted(os.listdir(logs)):
        with open(os.path.join(logs, name), 'rb') as f:
            b = f.read()
        at = 64
        while b[at:at + 4] == b'SFRM' and at + 80 <= len(b):
            end = at + 48 + struct.unpack_from('<I', b, at + 8)[0]
            if end + 32 > len(b):
                break
            at += 48
            while at < end:
                kind = b[at]
                record, at = get_bytes(b, at + 1)
                if kind == 1:
                    out.append(op(record))
            at = end + 32
    return out


def held(store):
    """(type, id) of all objects that packs of the store at STORE hold."""
    out = set()
    packs = os.path.join(store, 'pack')
    for name in os.listdir(packs):
        if not name.endswith('.idx'):
            continue
        with open(os.path.join(packs, name), 'rb') as f:
            b = f.read()
        n = struct.unpack_from('<Q', b, 16)[0]
        for at in range(64 + 1024, 64 + 1024 + 48 * n, 48):
            out.add((b[at + 44], b[at:at + 32].hex()))
    return out
