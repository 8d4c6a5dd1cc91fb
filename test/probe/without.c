/*
 * A kernel without something, for a program and all that it starts: a seccomp filter answers as such a kernel would.
 *   without netfilter COMMAND…    socket(AF_NETLINK, …, NETLINK_NETFILTER) says EPROTONOSUPPORT
 * Needs root: the filter goes in without no_new_privs, so that containers are as they always are.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)

static struct sock_filter netfilter[] = {
    LOAD(nr), UNLESS(SYS_socket, 5), LOAD(args[0]), UNLESS(AF_NETLINK, 3), LOAD(args[2]), UNLESS(12 /* NETLINK_NETFILTER */, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int main(int count, char **words) {
    struct sock_fprog program = {sizeof netfilter / sizeof *netfilter, netfilter};
    if (count < 3 || strcmp(words[1], "netfilter") != 0) return 2;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return perror("seccomp"), 1;
    execvp(words[2], words + 2);
    return perror(words[2]), 127;
}
