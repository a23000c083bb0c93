/* What Swift's Glibc module leaves out. Functions give -1 and set errno, as those that they stand for. */
#ifndef ESGZ_CLINUX_H
#define ESGZ_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

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

#endif
