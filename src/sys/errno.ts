/** errno: numbers, names and what strerror(3) says of them. Generic Linux numbering: x86_64 and aarch64 agree. */

const TABLE = {
  EPERM: [1, "operation not permitted"], ENOENT: [2, "no such file or directory"], ESRCH: [3, "no such process"],
  EINTR: [4, "interrupted system call"], EIO: [5, "input/output error"], ENXIO: [6, "no such device or address"],
  E2BIG: [7, "argument list too long"], ENOEXEC: [8, "exec format error"], EBADF: [9, "bad file descriptor"],
  ECHILD: [10, "no child processes"], EAGAIN: [11, "resource temporarily unavailable"],
  ENOMEM: [12, "cannot allocate memory"], EACCES: [13, "permission denied"], EFAULT: [14, "bad address"],
  ENOTBLK: [15, "block device required"], EBUSY: [16, "device or resource busy"], EEXIST: [17, "file exists"],
  EXDEV: [18, "invalid cross-device link"], ENODEV: [19, "no such device"], ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "is a directory"], EINVAL: [22, "invalid argument"], ENFILE: [23, "too many open files in system"],
  EMFILE: [24, "too many open files"], ENOTTY: [25, "inappropriate ioctl for device"], ETXTBSY: [26, "text file busy"],
  EFBIG: [27, "file too large"], ENOSPC: [28, "no space left on device"], ESPIPE: [29, "illegal seek"],
  EROFS: [30, "read-only file system"], EMLINK: [31, "too many links"], EPIPE: [32, "broken pipe"],
  ERANGE: [34, "numerical result out of range"], EDEADLK: [35, "resource deadlock avoided"],
  ENAMETOOLONG: [36, "file name too long"], ENOSYS: [38, "function not implemented"],
  ENOTEMPTY: [39, "directory not empty"], ELOOP: [40, "too many levels of symbolic links"],
  EXFULL: [54, "exchange full"],
  ENODATA: [61, "no data available"], EOVERFLOW: [75, "value too large for defined data type"],
  ENOTSOCK: [88, "socket operation on non-socket"], EMSGSIZE: [90, "message too long"],
  EPROTONOSUPPORT: [93, "protocol not supported"], EOPNOTSUPP: [95, "operation not supported"],
  EAFNOSUPPORT: [97, "address family not supported by protocol"], EADDRINUSE: [98, "address already in use"],
  EADDRNOTAVAIL: [99, "cannot assign requested address"], ENETDOWN: [100, "network is down"],
  ENETUNREACH: [101, "network is unreachable"], ECONNRESET: [104, "connection reset by peer"],
  ENOBUFS: [105, "no buffer space available"],
  EISCONN: [106, "transport endpoint is already connected"], ENOTCONN: [107, "transport endpoint is not connected"],
  ETIMEDOUT: [110, "connection timed out"], ECONNREFUSED: [111, "connection refused"],
  EHOSTUNREACH: [113, "no route to host"], EALREADY: [114, "operation already in progress"],
  EINPROGRESS: [115, "operation now in progress"], ESTALE: [116, "stale file handle"],
  EDQUOT: [122, "disk quota exceeded"], ECANCELED: [125, "operation canceled"],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrnoName = keyof typeof TABLE;

/** errno numbers by name: `E.ENOENT`. */
export const E = Object.fromEntries(Object.entries(TABLE).map(([name, [number]]) => [name, number])) as Readonly<
  Record<ErrnoName, number>
>;

/** "ENOENT" of 2; "errno 200" where the table has no name. */
export function errnoName(errno: number): string {
  for (const name in TABLE) if (TABLE[name as ErrnoName][0] === errno) return name;
  return `errno ${errno}`;
}

/** "no such file or directory" of 2, as Go prints it: Docker's messages carry Go's words. */
export function errnoText(errno: number): string {
  for (const name in TABLE) if (TABLE[name as ErrnoName][0] === errno) return TABLE[name as ErrnoName][1];
  return `errno ${errno}`;
}
