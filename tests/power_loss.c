/* For processes that load this library (LD_PRELOAD): whenever a write-ahead log is put on disk, a copy of what is on disk
   then is kept beside it as FILE-wal.durable, for tests of a machine that loses its power. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void keep(int file) {
    char link[64], path[PATH_MAX], kept[PATH_MAX + 16], block[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1), got;
    if (length < 4 || memcmp(path + length - 4, "-wal", 4)) return;
    path[length] = 0;
    snprintf(kept, sizeof kept, "%s.durable", path);
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (from >= 0 && to >= 0 && (got = read(from, block, sizeof block)) > 0)
        if (write(to, block, got) != got) break;
    close(from);
    close(to);
}

int fsync(int file) {
    int result = syscall(SYS_fsync, file);
    keep(file);
    return result;
}

int fdatasync(int file) {
    int result = syscall(SYS_fdatasync, file);
    keep(file);
    return result;
}
