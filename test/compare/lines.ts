/**
 * Command lines that are run through Debian's docker and through mdk, one after the other, and what may differ. IMAGE is busybox, on both
 * sides under the same name; MADE is the full id that `create` printed last.
 */

export interface Line {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** Why the answers differ, as a row of what is different from Docker. A difference that is none is an error, too. */
  readonly differs?: string;
  /** What of the answer is compared: all, or the exit status alone where the text is a moment's. */
  readonly only?: "status";
}

/** Words between blanks; a blank inside single quotes is the word's. */
export function line(text: string, how: Omit<Line, "args"> = {}): Line {
  return { args: [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!), ...how };
}

const sentence = "Docker 28's sentence; Debian's docker is 20.10";
const execStatus = "Docker 28: 127 for a program that is not there, and the sentence on standard error";

/** In groups that need nothing of one another: each leaves nothing. */
export const GROUPS: Readonly<Record<string, readonly Line[]>> = {
  "create, start, wait, rm": [
    line("create --name c1 IMAGE sh -c 'echo out; sleep 0.2; echo err >&2; exit 7'"), line("ps -q"), line("inspect -f {{.State.Status}} c1"), line("start c1"), line("wait c1"),
    line("inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Paused}} {{.State.Restarting}} {{.State.OOMKilled}} {{.State.Dead}}' c1"), line("logs c1"), line("start -a c1"),
    line("logs --tail 1 c1"), line("ps -a --format '{{.Names}} {{.State}}'"), line("rm c1"), line("rm c1"), line("start c1"), line("wait c1"), line("stop c1"), line("kill c1"), line("restart c1"), line("logs c1"),
    line("inspect c1"), line("port c1"), line("top c1"), line("pause c1"), line("unpause c1"), line("rename c1 c2"), line("update -m 100m c1"), line("exec c1 true"), line("attach c1"), line("rm -f c1"), line("container inspect c1"),
  ],
  "run and its exit status": [
    line("run --rm IMAGE true"), line("run --rm IMAGE false"), line("run --rm IMAGE sh -c 'exit 42'"), line("run --rm IMAGE sh -c 'kill -9 $$'"), line("run --rm IMAGE sh -c 'kill -TERM $$'"),
    line("run --rm IMAGE nothing"), line("run --rm IMAGE /etc"), line("run --rm IMAGE /etc/passwd"), line("run --rm --entrypoint nothing IMAGE"), line("run --rm -w relative IMAGE true"),
    line("run --rm -u nobody-there IMAGE true"), line("run --rm -u 1000:nogroup-there IMAGE true"), line("run --rm IMAGE echo a b"), line("run --rm -i IMAGE cat", { stdin: "text\n" }), line("run --rm IMAGE cat", { stdin: "text\n" }),
    line("run --rm -a stdout IMAGE sh -c 'echo out; echo err >&2'"), line("run --rm -a stderr IMAGE sh -c 'echo out; echo err >&2'"), line("run"), line("run --rm"), line("run --rm --name a/b IMAGE true"),
    line("run --rm --nothing IMAGE true"), line("run --rm IMAGE --nothing"), line("run --rm -it IMAGE true", { stdin: "" }), line("run --rm -d -a stdout IMAGE true", { differs: sentence }), line("run --rm --restart always IMAGE true", { differs: sentence }),
    line("run --restart sometimes IMAGE true", { differs: sentence }), line("run --restart on-failure:x IMAGE true", { differs: sentence }), line("run --rm -m 1m IMAGE true"), line("run --rm -m x IMAGE true"), line("run --rm --cpus 99 IMAGE true"), line("run --rm --cpus x IMAGE true"),
    line("run --rm -p 1:2:3:4 IMAGE true", { differs: sentence }), line("run --rm -p x IMAGE true"), line("run --rm -v /a:/b:/c:/d IMAGE true"), line("run --rm -v relative:/b:wrong IMAGE true", { differs: "mdk has no named volumes yet" }),
    line("run --rm --stop-signal NOPE IMAGE true"), line("run --rm --ulimit nothing=1 IMAGE true"), line("run --rm --cap-add NOTHING IMAGE true"), line("run --rm --network nowhere IMAGE true"), line("run --rm -e = IMAGE true"),
    line("run --rm --env-file /nowhere IMAGE true"), line("run --rm --pid nonsense IMAGE true"), line("run --rm --ipc nonsense IMAGE true"), line("run --rm --uts nonsense IMAGE true"), line("run --rm --health-cmd true --no-healthcheck IMAGE true"),
  ],
  "what is inside": [
    line("run --rm -h here IMAGE hostname"), line("run --rm -h here --domainname there IMAGE cat /proc/sys/kernel/domainname"), line("run --rm -e A=1 -e B IMAGE sh -c 'echo $A-$B'"), line("run --rm IMAGE sh -c 'echo $PATH $HOME'"), line("run --rm -u 1000:1000 IMAGE id"),
    line("run --rm --group-add 7 IMAGE id -G"), line("run --rm -w /tmp/new IMAGE pwd"), line("run --rm --read-only IMAGE touch /x"), line("run --rm --tmpfs /t:size=1m IMAGE sh -c 'df -k /t | tail -n 1 | tr -s \" \" | cut -d\" \" -f1,2'"),
    line("run --rm --shm-size 8m IMAGE sh -c 'df -k /dev/shm | tail -n 1 | tr -s \" \" | cut -d\" \" -f1,2'"), line("run --rm --cap-drop ALL IMAGE grep CapEff /proc/self/status"), line("run --rm IMAGE grep CapEff /proc/self/status"),
    line("run --rm --cap-add NET_ADMIN IMAGE grep CapEff /proc/self/status"), line("run --rm --ulimit nofile=100:200 IMAGE sh -c 'ulimit -n; ulimit -Hn'"), line("run --rm --security-opt no-new-privileges IMAGE grep NoNewPrivs /proc/self/status"),
    line("run --rm --sysctl net.ipv4.ip_forward=1 IMAGE cat /proc/sys/net/ipv4/ip_forward"), line("run --rm --add-host a:1.2.3.4 IMAGE grep 1.2.3.4 /etc/hosts"), line("run --rm --dns 9.9.9.9 --dns-search x.test --dns-option ndots:3 IMAGE cat /etc/resolv.conf"),
    line("run --rm --network none IMAGE ls /sys/class/net"), line("run --rm IMAGE ls /sys/class/net"), line("run --rm --init IMAGE sh -c 'tr \"\\0\" \" \" </proc/1/cmdline'"), line("run --rm --mac-address 02:00:00:00:00:09 IMAGE cat /sys/class/net/eth0/address"),
    line("run --rm --pids-limit 20 IMAGE sh -c 'for i in $(seq 40); do sleep 1 & done 2>/dev/null; wait; echo over'", { only: "status" }), line("run --rm --oom-score-adj 100 IMAGE cat /proc/self/oom_score_adj"), line("run --rm IMAGE stat -c '%a %n' / /tmp /etc /dev/null /dev/shm /proc/sys"), line("run --rm IMAGE sh -c 'ls -d /dev/*'"),
    line("run --rm IMAGE sh -c 'awk \"{print \\$3}\" /proc/mounts | sort -u | grep -v cgroup2'"), line("run --rm IMAGE cat /proc/kcore"), line("run --rm IMAGE sh -c 'echo x >/proc/sys/kernel/domainname'"), line("run --rm IMAGE sh -c umask"),
  ],
  "a running container": [
    line("run -d --name r1 -l k=v -e E=1 IMAGE sleep 1000"), line("run --name r1 IMAGE true"), line("create --name r1 IMAGE"), line("exec r1 echo in"), line("exec r1 false"), line("exec r1 nothing", { differs: execStatus }), line("exec -u 1000 r1 id -u"), line("exec -w /tmp r1 pwd"), line("exec -w nowhere r1 pwd", { differs: "a directory that is no absolute path is refused before anything is started" }),
    line("exec -e X=2 r1 sh -c 'echo $E$X'"), line("exec -i r1 cat", { stdin: "typed" }), line("exec -d r1 sleep 5"), line("exec -t r1 true", { stdin: "" }), line("exec r1"), line("exec --privileged r1 sh -c 'echo ok'", { differs: "runc asks for capabilities that the machine does not have" }), line("exec -u nobody-there r1 true", { differs: execStatus }),
    line("start r1"), line("rm r1", { differs: sentence }), line("pause r1"), line("pause r1"), line("exec r1 true"), line("rm r1", { differs: sentence }), line("ps --format '{{.Names}} {{.State}}'"), line("inspect -f '{{.State.Status}} {{.State.Paused}} {{.State.Running}}' r1"), line("unpause r1"), line("unpause r1"), line("rename r1 r2"), line("rename r2 r2"), line("rename r2 'a b'"), line("rename r2"),
    line("inspect -f {{.Name}} r2"), line("top r2 -o pid,comm,nothing", { only: "status" }), line("update --cpus 0.5 -m 100m r2", { differs: "a swap limit that was never named follows the memory limit" }), line("update --cpus 0.5 -m 100m --memory-swap 200m r2"), line("inspect -f '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}' r2"), line("update r2"), line("update --cpu-quota 10000 r2"), line("update -m 1m r2"), line("update --restart always r2"), line("update --restart nonsense r2", { differs: sentence }),
    line("inspect -f {{.HostConfig.RestartPolicy.Name}} r2"), line("kill -s NOPE r2"), line("kill -s WINCH r2"), line("inspect -f {{.State.Running}} r2"), line("port r2"), line("port r2 80"), line("stop -t 0 r2"), line("inspect -f '{{.State.Status}} {{.State.ExitCode}}' r2"), line("stop r2"), line("kill r2"), line("pause r2"), line("top r2"),
    line("attach r2"), line("exec r2 true"), line("restart -t 0 r2"), line("inspect -f {{.State.Running}} r2"), line("rm -f r2"), line("ps -aq"),
  ],
  "inspect of what was asked": [
    line("create --name i1 -h h -u 1:2 -w /w -e A=b -l x=y --entrypoint e -p 80 --expose 81 --restart on-failure:4 -m 64m --memory-swap 128m --memory-reservation 32m --cpus 0.5 -c 512 --pids-limit 9 --read-only --init --tmpfs /t:ro --cap-add SYS_TIME --cap-drop CHOWN --dns 1.1.1.1 --add-host q:1.1.1.1 --group-add 5 --sysctl net.ipv4.ip_forward=1 --ulimit nofile=9:9 --security-opt no-new-privileges --shm-size 1m --stop-signal INT --stop-timeout 3 --log-opt max-size=1m --oom-score-adj 5 --health-cmd h --health-interval 3s -v /tmp:/v:ro IMAGE arg"),
    ...[".Config.Hostname", ".Config.User", ".Config.WorkingDir", "json .Config.Entrypoint", "json .Config.Cmd", "json .Config.ExposedPorts", ".Config.StopSignal", "json .Config.StopTimeout", "json .Config.Labels", ".Path", "json .Args",
      "json .HostConfig.RestartPolicy", ".HostConfig.Memory", ".HostConfig.MemorySwap", ".HostConfig.MemoryReservation", ".HostConfig.NanoCpus", ".HostConfig.CpuShares", "json .HostConfig.PidsLimit", ".HostConfig.ReadonlyRootfs", "json .HostConfig.Init",
      "json .HostConfig.Tmpfs", "json .HostConfig.CapDrop", "json .HostConfig.Dns", "json .HostConfig.ExtraHosts", "json .HostConfig.GroupAdd", "json .HostConfig.Sysctls", "json .HostConfig.Ulimits", "json .HostConfig.SecurityOpt",
      ".HostConfig.ShmSize", "json .HostConfig.LogConfig", ".HostConfig.OomScoreAdj", "json .HostConfig.Binds", ".HostConfig.IpcMode", ".HostConfig.PidMode", ".HostConfig.UTSMode", ".HostConfig.CgroupParent", "json .HostConfig.Devices",
      "json .HostConfig.PortBindings", ".HostConfig.PublishAllPorts", ".HostConfig.AutoRemove", ".HostConfig.Privileged", ".RestartCount", ".Platform", ".State.Status", "json .State.Health", "len .Mounts", "(index .Mounts 0).Destination", "(index .Mounts 0).RW",
    ].map((path) => line(`inspect -f '{{${path}}}' i1`)),
    line("inspect -f {{.Nothing}} i1"), line("inspect -f '{{' i1"), line("inspect --type image i1", { differs: sentence }), line("inspect --type nonsense i1", { differs: sentence }), line("rm i1"),
  ],
  "lists": [
    line("ps --format '{{.Names}}'"), line("ps -f nothing=x"), line("ps -f status=nonsense"), line("ps -f x"), line("ps --format '{{.Nothing}}'"), line("ps -n x"), line("images --format '{{.Repository}}'", { only: "status" }), line("container ls -q"), line("container prune -f"),
    line("container nothing", { differs: "mdk prints its own help" }), line("nothing", { differs: "mdk names itself" }), line("stats --no-stream --format '{{.Name}}'"), line("events --since 0s --until 0s -f type=nothing"), line("logs"), line("rm"), line("stop"), line("exec"), line("rename a"), line("wait"), line("kill"), line("port"), line("top"), line("update"),
  ],
};
