/* What Swift's Glibc module leaves out. Functions give -1 and set errno, as those that they stand for. */
#ifndef ESGZ_CLINUX_H
#define ESGZ_CLINUX_H

/*
 * Without _GNU_SOURCE: the other C modules see the system's headers without it, and the compiler refuses, depending on
 * which module it has read first, two that see a structure of theirs differently. What is missing is called by number.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <malloc.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The same on all machines that Swift runs on. */
#ifndef O_PATH
#define O_PATH 010000000
#endif

/* Opens `path` below the directory `root`, which nothing on the way can leave: `..`, absolute links and those of /proc. */
static inline int esgz_open_in_root(int root, const char *path, int flags, unsigned mode) {
    struct open_how how = {
        .flags = (unsigned long long)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Directories as places to name others from; needs no right to read them. */
static inline int esgz_open_directory(const char *path) {
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static inline int esgz_open_directory_in_root(int root, const char *path) {
    return esgz_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
}

static inline int esgz_make_device(int directory, const char *name, mode_t kind, unsigned major, unsigned minor) {
    return mknodat(directory, name, kind, makedev(major, minor));
}

/* Gives the calling thread mounts of its own; what it mounts is seen by nobody else, and goes with it. */
static inline int esgz_leave_mounts(void) {
    if (syscall(SYS_unshare, CLONE_NEWNS) != 0) return -1;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* What `esgz_spawn_isolated` was doing when it failed. */
enum esgz_step { esgz_step_clone, esgz_step_streams, esgz_step_proc, esgz_step_execute };

struct esgz_complaint {
    int step;
    int error;
};

/* The part of `esgz_spawn_isolated` that the new process does; calls nothing that a fork of a program with threads may not. */
static inline struct esgz_complaint esgz_become(
    const char *path, char *const arguments[], const int streams[3], int keeps_session, int complaints) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (!keeps_session) setsid();
    struct esgz_complaint complaint = {esgz_step_streams, 0};
    for (int number = 0; number < 3; number++) {
        /* A descriptor that has its number already would keep the flag that closes it. */
        int result = streams[number] == number ? fcntl(number, F_SETFD, 0) : dup2(streams[number], number);
        if (result < 0) goto failed;
    }
    if (complaints != 3 && syscall(SYS_dup3, complaints, 3, O_CLOEXEC) < 0) goto failed;
    /* Nothing of this program may be seen by what the runtime starts. Older kernels lack the call; all is O_CLOEXEC. */
    syscall(SYS_close_range, 4U, ~0U, 0U);
    complaint.step = esgz_step_proc;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) goto failed;
    complaint.step = esgz_step_execute;
    execv(path, arguments);
failed:
    complaint.error = errno;
    return complaint;
}

/*
 * Runs a program as the first process of new process and mount namespaces: when it ends, so does everything that it has
 * started, and when the calling thread ends, so does it. `streams` become its standard input, output and error.
 * Gives the process as `*process` says, to wait for, and as a descriptor; -1 with `*step` when it could not be run.
 */
static inline int esgz_spawn_isolated(
    const char *path, char *const arguments[], const int streams[3], int keeps_session, pid_t *process, int *step) {
    int complaints[2];
    *step = esgz_step_clone;
    if (syscall(SYS_pipe2, complaints, O_CLOEXEC) != 0) return -1;
    int descriptor = -1;
    /* As fork, which cannot make namespaces; the third argument is the same for all machines. */
    long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD | SIGCHLD;
    long child = syscall(SYS_clone, flags, NULL, &descriptor, NULL, NULL);
    if (child == 0) {
        struct esgz_complaint complaint = esgz_become(path, arguments, streams, keeps_session, complaints[1]);
        /* Until the streams are in place, 3 may be anybody's. */
        int place = complaint.step == esgz_step_streams ? complaints[1] : 3;
        if (write(place, &complaint, sizeof complaint) < 0) _exit(126);
        _exit(127);
    }
    int error = errno;
    close(complaints[1]);
    struct esgz_complaint complaint;
    if (child > 0 && read(complaints[0], &complaint, sizeof complaint) == sizeof complaint) {
        error = complaint.error;
        *step = complaint.step;
        waitpid((pid_t)child, NULL, 0);
        close(descriptor);
        child = -1;
    }
    close(complaints[0]);
    *process = (pid_t)child;
    if (child < 0) {
        errno = error;
        return -1;
    }
    return descriptor;
}

#endif
