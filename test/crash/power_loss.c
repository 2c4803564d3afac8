/*
 * Preloaded into a server: writes down what it does to the files below one folder, so that a test
 * can rebuild what a power cut would have left. The page cache survives kill -9; this journal knows
 * what was synced.
 *
 *   POWER_ROOT     absolute path of the folder
 *   POWER_JOURNAL  path of the journal, which is appended to
 *   POWER_FAULT    optional: KIND:PATTERN:NUMBER, for files whose path below the root, when opened,
 *                  is as the shell's pattern
 *     ignore  syncs are answered and do not happen (NUMBER is of no meaning)
 *     slow    each sync takes NUMBER ms instead of 5
 *     eio     syncs fail with EIO, from the NUMBERth on
 *     full    writes fail with ENOSPC, from the NUMBERth on
 *
 * A record is a head (see struct head) and `size` bytes: data, or a path below the root. It is
 * written before the call that it tells of, so a call that a kill interrupts is the last one of the
 * journal. Everything is done under one lock but syncs, which have a record before and after.
 * gcc -shared -fPIC -O2 -o power_loss.so power_loss.c -lpthread
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define KNOWN_MAX 4096
#define SYNC_MS 5

struct head {
  char type; /* o: open, w: write, t: truncate, s: sync begins, d: sync done, x: the last write
                failed; r: rename, u: remove, m: mkdir, M: mapped for writing */
  char flag; /* o: 1 made, 2 emptied, 4 a folder */
  char pad[2];
  uint32_t size;
  uint64_t inode;
  uint64_t offset; /* also: new size, number of the sync */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static char root[PATH_MAX];
static size_t root_size;
static char fault[16], fault_pattern[64];
static long fault_number, sync_count, faulty_count;

static struct {
  uint64_t inode;
  char matches;
} known[KNOWN_MAX];
static int known_count;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWER_JOURNAL"), *folder = getenv("POWER_ROOT");
  const char *rule = getenv("POWER_FAULT");
  if (path == NULL || folder == NULL) return;
  root_size = strlen(strcpy(root, folder));
  journal = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) _exit(97);
  if (rule != NULL && sscanf(rule, "%15[a-z]:%63[^:]:%ld", fault, fault_pattern, &fault_number) != 3)
    _exit(98);
}

static void note(struct head head, const struct iovec *parts, int count) {
  struct iovec all[IOV_MAX];
  size_t whole = sizeof head;
  all[0] = (struct iovec){&head, sizeof head};
  for (int i = 0; i < count; i++) {
    all[i + 1] = parts[i];
    whole += parts[i].iov_len;
  }
  head.size = whole - sizeof head;
  if (syscall(SYS_writev, journal, all, count + 1) != (long)whole) _exit(96);
}

static void note_text(char type, char flag, uint64_t inode, const char *text) {
  struct iovec part = {(char *)text, strlen(text)};
  note((struct head){.type = type, .flag = flag, .inode = inode}, &part, 1);
}

/* The path below the root, or NULL when it is elsewhere. */
static const char *below(const char *path, char *buffer) {
  if (journal < 0) return NULL;
  if (path[0] != '/') {
    if (getcwd(buffer, PATH_MAX) == NULL || strlen(buffer) + strlen(path) + 2 > PATH_MAX)
      return NULL;
    path = strcat(strcat(buffer, "/"), path);
  }
  if (strncmp(path, root, root_size) != 0) return NULL;
  if (path[root_size] == '\0') return "";
  return path[root_size] == '/' ? path + root_size + 1 : NULL;
}

static int index_of(uint64_t inode) {
  for (int i = 0; i < known_count; i++)
    if (known[i].inode == inode) return i;
  return -1;
}

static void learn(uint64_t inode, const char *path) {
  int at = index_of(inode);
  if (at < 0) at = known_count++;
  if (at == KNOWN_MAX) _exit(95);
  known[at].inode = inode;
  known[at].matches = fault[0] != '\0' && fnmatch(fault_pattern, path, 0) == 0;
}

/* Whether a descriptor is a file or folder below the root; call with the lock held. */
static int is_ours(int fd, struct stat *stat, int *at) {
  if (journal < 0 || fstat(fd, stat) != 0) return 0;
  if (!S_ISREG(stat->st_mode) && !S_ISDIR(stat->st_mode)) return 0;
  return (*at = index_of(stat->st_ino)) >= 0;
}

static int open_noted(int folder, const char *path, int flags, mode_t mode) {
  char buffer[PATH_MAX];
  const char *name = folder == AT_FDCWD || path[0] == '/' ? below(path, buffer) : NULL;
  if (name == NULL) return syscall(SYS_openat, folder, path, flags, mode);
  struct stat stat;
  pthread_mutex_lock(&lock);
  int is_new = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
  int fd = syscall(SYS_openat, folder, path, flags, mode);
  int error = errno;
  if (fd >= 0 && fstat(fd, &stat) == 0 && (S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode))) {
    char flag = (is_new ? 1 : 0) | (flags & O_TRUNC ? 2 : 0) | (S_ISDIR(stat.st_mode) ? 4 : 0);
    learn(stat.st_ino, name);
    note_text('o', flag, stat.st_ino, name);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define MODE_OF(flags, mode)                                   \
  mode_t mode = 0;                                             \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                       \
    va_list more;                                              \
    va_start(more, flags);                                     \
    mode = va_arg(more, mode_t);                               \
    va_end(more);                                              \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(folder, path, flags, mode);
}
int creat(const char *path, mode_t mode) {
  return open_noted(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* offset -1: at the descriptor's own place, which moves. */
static ssize_t write_noted(int fd, const struct iovec *parts, int count, off_t offset) {
  struct stat stat;
  int at;
  size_t whole = 0;
  for (int i = 0; i < count; i++) whole += parts[i].iov_len;
  pthread_mutex_lock(&lock);
  int ours = is_ours(fd, &stat, &at);
  if (ours && known[at].matches && strcmp(fault, "full") == 0 && ++faulty_count >= fault_number) {
    pthread_mutex_unlock(&lock);
    errno = ENOSPC;
    return -1;
  }
  if (ours) {
    off_t place = offset;
    if (offset < 0) {
      int appends = fcntl(fd, F_GETFL) & O_APPEND;
      place = appends ? stat.st_size : lseek(fd, 0, SEEK_CUR);
    }
    note((struct head){.type = 'w', .inode = stat.st_ino, .offset = place}, parts, count);
  } else {
    pthread_mutex_unlock(&lock); /* It may be a pipe, and wait. */
  }
  ssize_t done = offset < 0 ? syscall(SYS_writev, fd, parts, count)
                            : syscall(SYS_pwritev, fd, parts, count, offset, 0);
  int error = errno;
  if (ours) {
    if (done != (ssize_t)whole) {
      struct head head = {.type = 'x', .inode = stat.st_ino, .offset = done < 0 ? 0 : done};
      note(head, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
  }
  errno = error;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  struct iovec part = {(void *)bytes, size};
  return write_noted(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_noted(fd, parts, count, -1);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  struct iovec part = {(void *)bytes, size};
  return write_noted(fd, &part, 1, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  return pwrite(fd, bytes, size, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return write_noted(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_noted(fd, parts, count, offset);
}

int ftruncate(int fd, off_t size) {
  struct stat stat;
  int at;
  pthread_mutex_lock(&lock);
  if (is_ours(fd, &stat, &at))
    note((struct head){.type = 't', .inode = stat.st_ino, .offset = size}, NULL, 0);
  int result = syscall(SYS_ftruncate, fd, size);
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int sync_noted(int fd) {
  struct stat stat;
  int at;
  pthread_mutex_lock(&lock);
  if (!is_ours(fd, &stat, &at)) {
    pthread_mutex_unlock(&lock);
    return syscall(SYS_fsync, fd);
  }
  const char *kind = known[at].matches ? fault : "";
  uint64_t number = ++sync_count;
  int fails = strcmp(kind, "eio") == 0 && ++faulty_count >= fault_number;
  if (strcmp(kind, "ignore") == 0 || fails) {
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return fails ? -1 : 0;
  }
  note((struct head){.type = 's', .inode = stat.st_ino, .offset = number}, NULL, 0);
  pthread_mutex_unlock(&lock);
  /* The journal is the disk: nothing has to reach a real one, but that takes its time. */
  long ms = strcmp(kind, "slow") == 0 ? fault_number : SYNC_MS;
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
  pthread_mutex_lock(&lock);
  note((struct head){.type = 'd', .inode = stat.st_ino, .offset = number}, NULL, 0);
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int fd) { return sync_noted(fd); }
int fdatasync(int fd) { return sync_noted(fd); }

int rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  const char *old_name = below(from, a), *new_name = below(to, b);
  pthread_mutex_lock(&lock);
  if (old_name != NULL && new_name != NULL) {
    struct iovec parts[] = {{(char *)old_name, strlen(old_name) + 1},
                            {(char *)new_name, strlen(new_name)}};
    note((struct head){.type = 'r'}, parts, 2);
  }
  int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

static int remove_noted(int folder, const char *path, int flags) {
  char buffer[PATH_MAX];
  const char *name = folder == AT_FDCWD || path[0] == '/' ? below(path, buffer) : NULL;
  pthread_mutex_lock(&lock);
  if (name != NULL && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0)
    note_text('u', 0, 0, name);
  int result = syscall(SYS_unlinkat, folder, path, flags);
  pthread_mutex_unlock(&lock);
  return result;
}
int unlink(const char *path) { return remove_noted(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) {
  return remove_noted(folder, path, flags);
}
int rmdir(const char *path) { return remove_noted(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode) {
  char buffer[PATH_MAX];
  const char *name = below(path, buffer);
  pthread_mutex_lock(&lock);
  if (name != NULL && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0)
    note_text('m', 0, 0, name);
  int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  pthread_mutex_unlock(&lock);
  return result;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  struct stat stat;
  int index;
  if (fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE) {
    pthread_mutex_lock(&lock);
    if (is_ours(fd, &stat, &index))
      note((struct head){.type = 'M', .inode = stat.st_ino}, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset) {
  return mmap(at, size, protection, flags, fd, offset);
}
