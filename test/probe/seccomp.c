/*
 * The kernel as a witness of a seccomp filter: installs the one in a file and asks for every call number in every calling
 * convention. The caller has turned "allow" into errno 200, so that no call is ever carried out, exit and write
 * included: answers go to shared memory, and the child ends by an illegal instruction.
 *   seccomp FILTER HIGHEST   prints "abi number errno" lines
 *   seccomp FILTER           prints the median of 41 installations in nanoseconds
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sock_filter code[4096];
static struct sock_fprog program = {0, code};

static int install(void) {
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static long native(long number) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(-1L), "S"(-1L), "d"(-1L) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = -1, x1 __asm__("x1") = -1, x2 __asm__("x2") = -1;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

#if defined(__x86_64__)
static long compat(long number) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(-1L), "c"(-1L), "d"(-1L) : "r8", "r9", "r10", "r11", "memory");
    return (int)result;
}
#endif

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(void) {
    enum { TIMES = 41 };
    int64_t *took = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < TIMES; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct timespec from, to;
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            clock_gettime(CLOCK_MONOTONIC, &from);
            if (install() != 0) _exit(1);
            clock_gettime(CLOCK_MONOTONIC, &to);
            took[i] = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
            _exit(0);
        }
        waitpid(child, 0, 0);
    }
    qsort(took, TIMES, sizeof *took, by_value);
    printf("%lld\n", (long long)took[TIMES / 2]);
}

static void sweep(const char *abi, long (*call)(long), long first, long count) {
    int32_t *answers = mmap(0, (size_t)count * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (install() != 0) __builtin_trap();
        for (long i = 0; i < count; i++) {
            // The kernel kills who makes uretprobe and uprobe by hand, before it looks at a filter (since 6.14).
            if (call == native && (first + i == 335 || first + i == 336)) continue;
            answers[i] = (int32_t)-call(first + i);
        }
        __builtin_trap();
    }
    waitpid(child, 0, 0);
    for (long i = 0; i < count; i++) printf("%s %ld %d\n", abi, i, answers[i]);
}

int main(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : 0;
    if (file == 0) return 2;
    program.len = (unsigned short)fread(code, sizeof *code, 4096, file);
    if (argc == 2) {
        measure();
        return 0;
    }
    long count = atol(argv[2]) + 1;
    sweep("native", native, 0, count);
#if defined(__x86_64__)
    sweep("compat", compat, 0, count);
    sweep("x32", native, 0x40000000, count);
#endif
    return 0;
}
