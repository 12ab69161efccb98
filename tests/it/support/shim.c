/* Stands before the C library of a program under test (LD_PRELOAD): lets flushes fail, keeps what a power cut would
 * leave, and puts the wall clock. SHIM_CONTROL names a file with the numbers below, which the test changes at any time;
 * SHIM_FOLDER the folder whose files are watched; SHIM_DURABLE, if set, the folder that holds of each file what was last
 * flushed, and nothing of what was written since. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
  _Atomic int64_t clock;   /* seconds that the wall clock is ahead */
  _Atomic int64_t flushes; /* flushes of watched files so far */
  _Atomic int64_t first;   /* number of the first flush that fails; 0 = none */
  _Atomic int64_t count;   /* how many fail from there */
  _Atomic int64_t frozen;  /* 1 = writes to watched files fail as on a file system that turned read-only */
};

static struct control *control;
static const char *folder, *durable;
static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("SHIM_CONTROL");
  int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) control = map;
  if (fd >= 0) close(fd);
  folder = getenv("SHIM_FOLDER");
  durable = getenv("SHIM_DURABLE");
}

/* The name below the watched folder, or NULL. */
static const char *below(const char *path) {
  size_t length = folder ? strlen(folder) : 0;
  if (!length || strncmp(path, folder, length)) return NULL;
  return path[length] == '/' ? path + length + 1 : path[length] ? NULL : "";
}

static void place(char *out, const char *name) {
  snprintf(out, PATH_MAX, "%s/%s", durable, name);
  for (char *at = out + strlen(durable) + 1; (at = strchr(at, '/')); at++) {
    *at = 0;
    mkdir(out, 0700);
    *at = '/';
  }
}

/* A folder is flushed: names that are gone from it are gone. Before that a file that was removed may come back. */
static void forget(int fd, const char *name) {
  char at[PATH_MAX];
  place(at, name);
  DIR *there = opendir(at);
  struct dirent *entry;
  while (there && (entry = readdir(there)))
    if (entry->d_type == DT_REG && faccessat(fd, entry->d_name, F_OK, 0)) unlinkat(dirfd(there), entry->d_name, 0);
  if (there) closedir(there);
}

/* All of the file as it is now, whole or not at all. */
static void keep(int fd, const char *name) {
  static char block[65536];
  char to[PATH_MAX], new[PATH_MAX + 8];
  struct stat facts;
  if (fstat(fd, &facts)) return;
  if (S_ISDIR(facts.st_mode)) {
    forget(fd, name);
    return;
  }
  pthread_mutex_lock(&keeping);
  place(to, name);
  snprintf(new, sizeof new, "%s~", to);
  int out = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  off_t at = 0;
  ssize_t got;
  while (out >= 0 && (got = pread(fd, block, sizeof block, at)) > 0) {
    if (write(out, block, got) != got) abort();
    at += got;
  }
  if (out < 0 || got < 0) abort();
  close(out);
  syscall(SYS_rename, new, to);
  pthread_mutex_unlock(&keeping);
}

/* The name of an open watched file, or NULL; it is in `path`. */
static const char *watched(int fd, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = control ? readlink(link, path, PATH_MAX - 1) : -1;
  if (length <= 0) return NULL;
  path[length] = 0;
  return below(path);
}

static int is_frozen(int fd) {
  char path[PATH_MAX];
  if (!control || !control->frozen || !watched(fd, path)) return 0;
  errno = EROFS;
  return 1;
}

ssize_t write(int fd, const void *from, size_t size) {
  return is_frozen(fd) ? -1 : syscall(SYS_write, fd, from, size);
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  return is_frozen(fd) ? -1 : syscall(SYS_pwrite64, fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off_t at) {
  return is_frozen(fd) ? -1 : syscall(SYS_pwrite64, fd, from, size, at);
}
int ftruncate(int fd, off_t size) { return is_frozen(fd) ? -1 : syscall(SYS_ftruncate, fd, size); }
int ftruncate64(int fd, off_t size) { return is_frozen(fd) ? -1 : syscall(SYS_ftruncate, fd, size); }

static int flush(int fd, long number) {
  char path[PATH_MAX];
  const char *name = watched(fd, path);
  if (name) {
    int64_t now = atomic_fetch_add(&control->flushes, 1) + 1, first = control->first;
    if (first && now >= first && now < first + control->count) {
      errno = EIO;
      return -1;
    }
  }
  int done = syscall(number, fd);
  if (name && done == 0 && durable) keep(fd, name);
  return done;
}

int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

int rename(const char *from, const char *to) {
  int done = syscall(SYS_rename, from, to);
  const char *old = below(from), *new = below(to);
  if (done == 0 && durable && old && new) {
    char a[PATH_MAX], b[PATH_MAX];
    place(a, old);
    place(b, new);
    /* What was never flushed has a name and no content. */
    if (syscall(SYS_rename, a, b)) close(open(b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    errno = 0;
  }
  return done;
}

int clock_gettime(clockid_t id, struct timespec *at) {
  int done = syscall(SYS_clock_gettime, id, at);
  if (done == 0 && control && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += control->clock;
  return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
