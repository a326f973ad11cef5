/* Counts the bytes that a process copies, exchanges with the system, decrypts and hashes.
 *
 * Loaded with LD_PRELOAD into each service. The counts are in the file $MAILCASE_TOUCHED/<pid>, which
 * is mapped, so that they can be read while the process runs. Pieces below LEAST bytes do not count:
 * they are headers and numbers. What a program does to bytes in its own loops is not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LEAST 1024
enum { COPIED, RECEIVED, SENT, DECRYPTED, HASHED, KINDS };

static uint64_t nowhere[KINDS];
static uint64_t *counts = nowhere;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("MAILCASE_TOUCHED");
    char path[4096];
    if (!folder || snprintf(path, sizeof path, "%s/%d", folder, getpid()) >= (int)sizeof path) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (!ftruncate(file, sizeof nowhere)) {
        void *mapped = mmap(0, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mapped != MAP_FAILED) counts = mapped;
    }
    close(file);
}

static void count(int kind, ssize_t size) {
    if (size >= LEAST) __atomic_fetch_add(&counts[kind], (uint64_t)size, __ATOMIC_RELAXED);
}

/* Without the library's own functions, which are these. */
void *memmove(void *to, const void *from, size_t size) {
    char *target = to;
    const char *source = from;
    count(COPIED, (ssize_t)size);
    if (target <= source || target >= source + size)
        for (size_t i = 0; i < size; i++) target[i] = source[i];
    else
        for (size_t i = size; i-- > 0;) target[i] = source[i];
    return to;
}
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    return memmove(to, from, size);
}
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room) {
    if (size > room) abort();
    return memmove(to, from, size);
}
void *__memmove_chk(void *to, const void *from, size_t size, size_t room) {
    if (size > room) abort();
    return memmove(to, from, size);
}

#define COUNTED(kind, type, name, parameters, arguments)                    \
    type name parameters {                                                  \
        static type(*real) parameters;                                      \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);      \
        type done = real arguments;                                         \
        count(kind, (ssize_t)done);                                         \
        return done;                                                        \
    }

COUNTED(RECEIVED, ssize_t, read, (int f, void *b, size_t n), (f, b, n))
COUNTED(RECEIVED, ssize_t, pread64, (int f, void *b, size_t n, off_t o), (f, b, n, o))
COUNTED(RECEIVED, ssize_t, readv, (int f, const struct iovec *v, int n), (f, v, n))
COUNTED(RECEIVED, ssize_t, recv, (int f, void *b, size_t n, int g), (f, b, n, g))
COUNTED(RECEIVED, ssize_t, recvmsg, (int f, struct msghdr *m, int g), (f, m, g))
COUNTED(SENT, ssize_t, write, (int f, const void *b, size_t n), (f, b, n))
COUNTED(SENT, ssize_t, pwrite64, (int f, const void *b, size_t n, off_t o), (f, b, n, o))
COUNTED(SENT, ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n))
COUNTED(SENT, ssize_t, send, (int f, const void *b, size_t n, int g), (f, b, n, g))
COUNTED(SENT, ssize_t, sendmsg, (int f, const struct msghdr *m, int g), (f, m, g))

/* Python loads OpenSSL for itself alone, so that it is not among the next objects of RTLD_NEXT. */
static void *in_library(const char *library, const char *name) {
    void *found = dlsym(dlopen(library, RTLD_LAZY | RTLD_NOLOAD), name);
    if (!found) abort();
    return found;
}
int SSL_read_ex(void *session, void *buffer, size_t size, size_t *done) {
    static int (*real)(void *, void *, size_t, size_t *);
    if (!real) real = (int (*)(void *, void *, size_t, size_t *))in_library("libssl.so.3", "SSL_read_ex");
    int ok = real(session, buffer, size, done);
    if (ok == 1) count(DECRYPTED, (ssize_t)*done);
    return ok;
}
int EVP_DigestUpdate(void *context, const void *data, size_t size) {
    static int (*real)(void *, const void *, size_t);
    if (!real) real = (int (*)(void *, const void *, size_t))in_library("libcrypto.so.3", "EVP_DigestUpdate");
    count(HASHED, (ssize_t)size);
    return real(context, data, size);
}
