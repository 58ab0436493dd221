/*
 * Preloaded (LD_PRELOAD) into a server under test: makes one call to the disk fail with EIO.
 *
 * FAILING_DISK names a file. When it is there and holds "<call> <suffix>", the next such call (fsync or pwrite) on a file whose name
 * ends with the suffix fails, once: the file is renamed to <file>.done first, so that one call alone has it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int must_fail(const char *call, int fd) {
  const char *order = getenv("FAILING_DISK");
  if (order == NULL || access(order, F_OK) != 0) return 0;
  int saved = errno;
  char wanted[16] = "", suffix[64] = "", link[64], name[4096], done[4096];
  FILE *file = fopen(order, "r");
  if (file == NULL) return 0;
  int found = fscanf(file, "%15s %63s", wanted, suffix);
  fclose(file);
  errno = saved;
  if (found != 2 || strcmp(wanted, call) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < (ssize_t)strlen(suffix)) return 0;
  name[length] = 0;
  if (strcmp(name + length - strlen(suffix), suffix) != 0) return 0;
  snprintf(done, sizeof done, "%s.done", order);
  return rename(order, done) == 0;
}

#define REAL(name) static __typeof__(&name) real; if (real == NULL) real = dlsym(RTLD_NEXT, #name)
#define FAIL_IF(call, fd) if (must_fail(call, fd)) { errno = EIO; return -1; }

int fsync(int fd) { REAL(fsync); FAIL_IF("fsync", fd); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL_IF("fsync", fd); return real(fd); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { REAL(pwrite); FAIL_IF("pwrite", fd); return real(fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { REAL(pwrite64); FAIL_IF("pwrite", fd); return real(fd, bytes, count, at); }
