"""Prints every name below a directory, one line each: type, mode, owner, links, device, time, attributes, content.

A witness that shares no code with mdk. Hard links show as the first name that has their inode.
"""
import hashlib, os, stat, sys

root = os.fsencode(sys.argv[1])
no_times = set(os.fsencode(name) for name in sys.argv[2:])
first = {}


def xattrs(path):
    found = []
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith("trusted.overlay."):
            found.append(name + "=" + os.getxattr(path, name, follow_symlinks=False).hex())
    return ",".join(found)


def line(path, name):
    s = os.lstat(path)
    kind = stat.S_IFMT(s.st_mode)
    detail = ""
    if kind == stat.S_IFREG:
        with open(path, "rb") as f:
            detail = hashlib.sha256(f.read()).hexdigest()[:16] + " " + str(s.st_size)
    elif kind == stat.S_IFLNK:
        detail = repr(os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        detail = "%d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev))
    if kind != stat.S_IFDIR:
        detail += " =" + repr(first.setdefault((s.st_dev, s.st_ino), name))
    time = "-" if name in no_times else str(s.st_mtime_ns)
    print(repr(name), oct(s.st_mode), s.st_uid, s.st_gid, time, xattrs(path), detail)


line(root, b".")
for folder, folders, files in os.walk(root):
    folders.sort()
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        line(path, os.path.relpath(path, root))
