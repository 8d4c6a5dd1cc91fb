/**
 * THE CONTRACT between TypeScript and the Zig shim, in both directions. `shim/generate.ts` turns this file into
 * `shim/plan.zig`; golden plans in `test/plan/` bind the two sides.
 *
 * A closed subset of TypeScript: interfaces, the width names below, string, boolean, `T | null`, readonly arrays,
 * unions of string literals (Zig enum) and unions of one-member objects (Zig union(enum)). Steps are named after system
 * calls and take what the man page says, flags already numeric. A step never decides: a choice is made by the planner.
 *
 *   TypeScript                                  shim
 *   spawn mdk-shim, fd 3 = the channel ───────▶ launcher
 *   one message: length of the plan,
 *   SCM_RIGHTS [plan memfd, descriptors…] ────▶ parses everything before it clones anything
 *                                               launcher ─▶ monitor ─▶ cage ─▶ init
 *   report socket  ◀── created + [netns, netlink socket, sockets of a resolver]     init
 *   (network)      ─── one byte "g" ─────────▶ init          (end of file instead: abort)
 *   report socket  ◀── ready; end of file: the program runs; failed, even after ready: it does not
 *   channel        ◀── exited (monitor, after the exit record) ─── "d": cleaned up ──▶ monitor ends when its readers have everything
 *   channel        ─── "h", length + SCM_RIGHTS [output, reports, plan memfd, descriptors…] ──▶ monitor: how probes of its health run
 *   channel        ─── "n", SCM_RIGHTS [UDP socket, TCP socket, view of names] ──▶ monitor: it is the container's resolver
 *   channel        ─── "p", SCM_RIGHTS [network namespace], or nothing with it ──▶ monitor: it passes the ports on, out of that namespace or its own
 *   channel (exec) ─── "k": given up ────────▶ monitor kills the process, which may be ready by now
 */

/** Widths are names: a JavaScript number holds 53 bits, so 64-bit values travel as decimal strings. */
export type U8 = number;
export type U16 = number;
export type U32 = number;
export type I32 = number;
export type U64 = string;

/** Index into the descriptors that came with the plan, the plan's own memfd not counted. */
export type Fd = U32;

/** What the shim is asked to do. */
export type Plan = { run: Run } | { exec: Exec };

/** A container from nothing to its end: launcher, monitor, cage and init. */
export interface Run {
  /** Full id, for messages and for the log's attributes. */
  id: string;
  monitor: Monitor;
  /** The run lock's file: locked (F_OFD_SETLK, whole file) before anything else; held by the monitor only. */
  run_lock: Fd;
  /** The op lock's file, already locked: closed by monitor and cage at once, by init at execve. */
  op_lock: Fd | null;
  /**
   * CLONE_NEW* of init. Without CLONE_NEWPID among them the pid namespace is somebody else's, and no death of PID 1 takes the container
   * along: the cage stays outside of it, and cage and monitor each kill the processes of `monitor.procs` when the other one ends.
   */
  namespaces: U32;
  /** cgroup v2 directory into which init is cloned (CLONE_INTO_CGROUP); null without a v2 hierarchy. */
  cgroup: Fd | null;
  /** SOCK_SEQPACKET of init's reports; monitor and cage close it. */
  report: Fd;
  /** The monitor keeps init's mount namespace open until the client was told (a slow last unmount: it syncs). */
  hold_mounts: boolean;
  /** What init does, in this order. */
  steps: readonly Step[];
}

/** One more process in a running container: launcher, exec monitor (in the cage's pid namespace), the process. */
export interface Exec {
  /** Id of the exec, for messages. */
  id: string;
  monitor: Monitor;
  /** pidfd of the cage: its pid namespace becomes that of the exec monitor. */
  cage: Fd;
  /** pidfd of init: its pid namespace becomes that of the process. Other namespaces are steps. */
  init: Fd;
  /** Lock of the exec's record, taken by the command: the monitor keeps it as long as the process lives. */
  run_lock: Fd;
  /** As Run.cgroup. */
  cgroup: Fd | null;
  report: Fd;
  steps: readonly Step[];
}

/** The resident part: owns the streams, writes the log, records the exit. */
export interface Monitor {
  /** cgroup v2 directory of monitors (CLONE_INTO_CGROUP). */
  cgroup: Fd | null;
  /** `tasks` files of the v1 hierarchies: the monitor writes "0" to each. */
  tasks: readonly Fd[];
  /** Listening SOCK_SEQPACKET unix socket for attach and wait clients (protocol: shim/attach.zig); null: none. */
  listener: Fd | null;
  /** A client that is connected from the start, as one accepted from the listener that has said hello. */
  client: Fd | null;
  /** The hello of `client`, of the kind ATTACH_*: which streams it takes and whether it feeds stdin. */
  client_streams: U32;
  streams: Streams;
  log: Log | null;
  /** Directory descriptor in which `exit` is written (tmp and rename), and of an exec `process`, its pid. */
  record: Fd | null;
  /** memory.events (v2) or memory.oom_control (v1) of the container: a positive oom_kill sets `oom`. */
  oom: Fd | null;
  /** v1 or v2 `cgroup.procs` of the container: every process in it is killed until it is empty. Null: the pid namespace suffices. */
  procs: Fd | null;
  /** v2 `cgroup.kill` of the same (since 5.14): what is in groups below it dies too. Null without one. */
  kill: Fd | null;
  /** Kept open as long as the container lives: the bound sockets of published ports. */
  hold: readonly Fd[];
  /** Ports that the monitor itself passes on to the container, once "p" has come. Empty: the kernel leads them, or there are none. */
  proxied: readonly Proxied[];
  /** The channel stays with the client: `exited` is sent there and "d" awaited. False: detached from the start. */
  client_cleans: boolean;
  /** When the channel ends before the container does, that is killed: a step of a build, which nobody would go on with. */
  ends_with_client: boolean;
  /** argv of the cleanup when no client does it; argv[0] is an absolute path. Empty: nothing to do. */
  cleanup: readonly string[];
  /** Environment of the cleanup. */
  cleanup_env: readonly string[];
  /** Waiters are told after the cleanup rather than after the record: `--rm`. */
  tell_after_cleanup: boolean;
  /** Null: the container's health is not checked. */
  health: Health | null;
}

/** A published port that the monitor passes on (shim/proxy.zig). */
export interface Proxied {
  /** A bound socket, kept open as long as the container lives; that of TCP listens when "p" comes. */
  socket: Fd;
  /** UDP; else TCP. */
  datagrams: boolean;
  /** Where it leads in the container's network: "172.17.0.2", "fd00::2". */
  address: string;
  port: U16;
  /** As whom a client comes whose own address is not to be seen there: one of the host itself, or of the other family. Null: as the container. */
  gateway: string | null;
}

/** When a container's health is looked at (shim/health.zig): the plan of the probe, an Exec, comes over the channel once init exists. */
export interface Health {
  interval_ms: U32;
  /** A probe that takes longer is killed, and has failed. */
  timeout_ms: U32;
  /** So long after the container's start failures do not count, and probes come at the interval that follows. */
  start_period_ms: U32;
  start_interval_ms: U32;
  /** Failures in a row that make it unhealthy. */
  retries: U32;
  /** v1 `freezer.state` or v2 `cgroup.events` of the container: nobody looks at one that is frozen. Null: none can be. */
  freezer: Fd | null;
  /** argv of what is executed when it turns so; empty: nothing. */
  action: readonly string[];
}

/** The process's standard streams as the monitor sees them. */
export interface Streams {
  /** True: a pseudo terminal that the `terminal` step opens; false: pipes. */
  terminal: boolean;
  /** The process gets a stdin that clients can write to; false: /dev/null (or nobody types on the terminal). */
  open_stdin: boolean;
  /** stdin ends when the first client that fed it ends it. */
  stdin_once: boolean;
  /** Descriptors of a foreground client, served by the monitor itself. */
  handed_stdin: Fd | null;
  handed_stdout: Fd | null;
  handed_stderr: Fd | null;
  /** A reader that takes nothing for so many milliseconds while bytes wait for it is dropped. */
  reader_ms: U32;
}

/** Docker's json-file log. */
export interface Log {
  /** The container's directory. */
  directory: Fd;
  /** File name in it: `<id>-json.log`; rotated files get .1, .2 … */
  name: string;
  /** Rotation size in bytes; "0": never. */
  max_size: U64;
  /** Files kept, the current one included. */
  max_files: U32;
}

/** One thing that init (or the exec'd process) does; the first that fails ends it with a `failed` report. */
export type Step =
  | { write: Write }
  | { write_proc: WriteProc }
  | { unshare: Unshare }
  | { setns: Setns }
  | { setns_path: SetnsPath }
  | { mount: Mount }
  | { fsmount: Fsmount }
  | { move_mount: MoveMount }
  | { open_tree: OpenTree }
  | { borrow_tree: BorrowTree }
  | { mount_setattr: MountSetattr }
  | { pivot_root: PivotRoot }
  | { mkdir: Mkdir }
  | { mknod: Mknod }
  | { symlink: Symlink }
  | { sethostname: Name }
  | { setdomainname: Name }
  | { terminal: Terminal }
  | { dup_streams: Owner }
  | { created: Created }
  | { wait_go: Nothing }
  | { keyctl_join: Name }
  | { setrlimit: Rlimit }
  | { prctl: Prctl }
  | { drop_bounding: Bounding }
  | { capset: Capset }
  | { setgroups: Groups }
  | { setresgid: Id }
  | { setresuid: Id }
  | { umask: Umask }
  | { chdir: Path }
  | { seccomp: Seccomp }
  | { clone_inside: CloneInside }
  | { clone_into: CloneInto }
  | { ready: Nothing }
  | { execve: Execve };

/** write(2) of the whole text to a descriptor: joins a v1 cgroup with "0" to `tasks`. */
export interface Write {
  fd: Fd;
  text: string;
}

/** Writes below /proc after checking that the opened file is on procfs (CVE-2025-52881). */
export interface WriteProc {
  path: string;
  text: string;
}

export interface Unshare {
  flags: U32;
}

/** setns(2) with a pidfd or namespace descriptor. */
export interface Setns {
  fd: Fd;
  flags: U32;
}

/**
 * setns(2) with a namespace of /proc, opened when the step comes: "/proc/self/ns/mnt" makes the root of our mount namespace our
 * own root (namespaces(7), fs/namespace.c mntns_install), which is how one leaves a chroot.
 */
export interface SetnsPath {
  path: string;
  flags: U32;
}

/** mount(2): propagation changes and remounts. */
export interface Mount {
  source: string | null;
  target: string;
  type: string | null;
  flags: U32;
  data: string | null;
}

/** A new file system: fsopen, fsconfig for each option, fsmount, move_mount onto the target. */
export interface Fsmount {
  type: string;
  options: readonly Option[];
  /** MOUNT_ATTR_*. */
  attributes: U32;
  target: string;
  /** RESOLVE_* for opening the target (openat2): NO_SYMLINKS where a link in the image must not redirect it. */
  resolve: U64;
}

/** fsconfig: FSCONFIG_SET_STRING, or FSCONFIG_SET_FLAG where value is null. */
export interface Option {
  key: string;
  value: string | null;
}

/** A detached mount that came with the plan, attached to the target. */
export interface MoveMount {
  fd: Fd;
  target: string;
  resolve: U64;
}

/** Clones the tree at source and attaches it to target: a bind mount, with attributes and propagation of its own. */
export interface OpenTree {
  source: string;
  target: string;
  /** AT_RECURSIVE, AT_SYMLINK_NOFOLLOW (of the source), or 0. */
  flags: U32;
  attr_set: U64;
  attr_clr: U64;
  propagation: U64;
  resolve: U64;
}

/**
 * The same with a source in another mount namespace: setns there, open_tree, setns back. What is at the source belongs to somebody
 * else and is opened without following links; it must be of the file system's type.
 */
export interface BorrowTree {
  /** pidfd of a process in it. */
  from: Fd;
  source: string;
  /** f_type of statfs(2). */
  magic: U32;
  target: string;
  attr_set: U64;
  attr_clr: U64;
  propagation: U64;
  resolve: U64;
}

/** mount_setattr(2) of the mount at path. */
export interface MountSetattr {
  path: string;
  flags: U32;
  attr_set: U64;
  attr_clr: U64;
  propagation: U64;
}

/** Attaches the detached root over "/", enters it, pivots and detaches the old root: from here on every path is the container's. */
export interface PivotRoot {
  root: Fd;
}

export interface Mkdir {
  path: string;
  mode: U32;
  /** EEXIST is no error. */
  exist_ok: boolean;
}

/** mknod(2), then chmod (no umask) and chown. */
export interface Mknod {
  path: string;
  /** S_IF* with permissions. */
  mode: U32;
  /** Device number as the kernel encodes it; 0 for files. */
  dev: U32;
  uid: U32;
  gid: U32;
  /** EEXIST is no error, and what is there stays as it is. */
  exist_ok: boolean;
}

export interface Symlink {
  target: string;
  path: string;
}

export interface Name {
  name: string;
}

/** Opens the container's own ptmx, sends the master to the monitor and makes the slave 0, 1, 2; a new session (setsid). */
export interface Terminal {
  /** Owner of the slave. */
  uid: U32;
  rows: U16;
  columns: U16;
  /** Bind the slave over /dev/console, and make it the controlling terminal; false for an exec, where `clone_inside` does the latter. */
  console: boolean;
}

/**
 * Of an exec: leaves the steps that follow to a child in the pid namespace that `setns` chose. The container's processes see
 * only that one, when it holds nothing any more that is not theirs: with CAP_SYS_PTRACE they reach into whatever they see (CVE-2016-9962).
 */
export interface CloneInside {
  /** 0 becomes its controlling terminal. */
  terminal: boolean;
}

/**
 * Leaves the steps that follow to a child in the pid namespace of a process, the cage's child as well: it is init, and `created` is said once
 * more, with its pid. That namespace is somebody else's, who may look into what is in it: nothing that is open or seen from here on may
 * lead out of the container (CVE-2016-9962).
 */
export interface CloneInto {
  /** pidfd. */
  fd: Fd;
}

/** Makes the monitor's pipes 0, 1, 2 (with /dev/null for a closed stdin), owned by the user; a new session (setsid). */
export interface Owner {
  uid: U32;
  gid: U32;
}

/** Reports `created`. */
export interface Created {
  /** Send the network namespace and a NETLINK_ROUTE socket of it along. */
  network: boolean;
  /**
   * And the sockets of a resolver on 127.0.0.11 (shim/netlink.zig): UDP, TCP, and, where the kernel has it, NETLINK_NETFILTER, by which
   * port 53 is led to them. The port that both are bound to; 0: any, the usual way, since the program may want port 53 itself. Null: none.
   */
  resolver_port: U16 | null;
}

export interface Nothing {}

export interface Rlimit {
  /** RLIMIT_*. */
  resource: U32;
  soft: U64;
  hard: U64;
}

export interface Prctl {
  option: I32;
  arg2: U64;
  arg3: U64;
  arg4: U64;
  arg5: U64;
}

/** PR_CAPBSET_DROP of every capability that the kernel knows and the mask does not keep. */
export interface Bounding {
  keep: U64;
}

/** Capability sets as masks. */
export interface Capset {
  effective: U64;
  permitted: U64;
  inheritable: U64;
}

export interface Groups {
  gids: readonly U32[];
}

export interface Id {
  id: U32;
}

export interface Umask {
  mask: U32;
}

export interface Path {
  path: string;
}

export interface Seccomp {
  /** struct sock_filter[], base64. */
  filter: string;
  /** SECCOMP_FILTER_FLAG_*. */
  flags: U32;
}

/** Tries the paths in order as execvp(3) does: what counts at the end is EACCES if seen, else the last error. */
export interface Execve {
  paths: readonly string[];
  argv: readonly string[];
  envp: readonly string[];
}

/** What the shim says. One datagram each. */
export type Report = { created: Pid } | { ready: Nothing } | { failed: Failed } | { cut: Cut } | { exited: Exited };

export interface Pid {
  /** Pid of init, or of the exec'd process, in the pid namespace of /proc as mdk sees it. */
  pid: I32;
}

/** A step, or the shim's own set-up, that failed. */
export interface Failed {
  /** Name of the step: "launch" before the steps begin. */
  step: string;
  /** Its index in the list; 0 for "launch". */
  index: U32;
  /** The system call, or what was attempted. */
  call: string;
  errno: U16;
  /** The path, name or descriptor it was about; empty where there is none. */
  object: string;
}

/** Nobody reads the client's output any more; the program goes on. */
export interface Cut {
  /** The reader is there and takes nothing; false: it is gone. */
  stalled: boolean;
}

/** The container, or the exec'd process, has ended. */
export interface Exited {
  /** As a shell says it: the status, or 128 + signal. */
  code: U8;
  /** The kernel's out-of-memory killer acted in the container's cgroup. */
  oom: boolean;
  /** The client's readers have not taken everything: the monitor goes on serving them, and its end says that it is through. */
  pending: boolean;
}
