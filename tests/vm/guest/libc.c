/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The few functions of libc that the tests need, over raw system calls, so that a
 * static program is made without a FreeBSD userland to link with.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/linker.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

long	raw_call(long number, long a, long b, long c, long d, long e, long f);
int	main(int argc, char **argv);
void	start(long *stack) __attribute__((__noreturn__));

/* Errors come back negative: the kernel reports them in the carry flag. */
__asm__(
    "	.text\n"
    "	.globl	raw_call\n"
    "raw_call:\n"
    "	movq	%rdi, %rax\n"
    "	movq	%rsi, %rdi\n"
    "	movq	%rdx, %rsi\n"
    "	movq	%rcx, %rdx\n"
    "	movq	%r8, %r10\n"
    "	movq	%r9, %r8\n"
    "	movq	8(%rsp), %r9\n"
    "	syscall\n"
    "	jnc	1f\n"
    "	negq	%rax\n"
    "1:	ret\n"
    "	.globl	_start\n"
    "_start:\n"
    "	xorl	%ebp, %ebp\n"
    "	andq	$-16, %rsp\n"
    "	call	start\n");

static int the_errno;

int *
__error(void)
{

	return (&the_errno);
}

static long
checked(long result)
{

	if (result >= 0)
		return (result);
	the_errno = -result;
	return (-1);
}

#define	CALL(n, a, b, c, d, e, f)					\
	checked(raw_call(SYS_##n, (long)(a), (long)(b), (long)(c),	\
	    (long)(d), (long)(e), (long)(f)))
#define	CALL3(n, a, b, c)	CALL(n, a, b, c, 0, 0, 0)

void	_exit(int status) { CALL3(exit, status, 0, 0); for (;;) continue; }
int	close(int fd) { return (CALL3(close, fd, 0, 0)); }
int	dup2(int fd, int to) { return (CALL3(dup2, fd, to, 0)); }
pid_t	fork(void) { return (CALL3(fork, 0, 0, 0)); }
int	kill(pid_t pid, int sig) { return (CALL3(kill, pid, sig, 0)); }
int	kldfind(const char *name) { return (CALL3(kldfind, name, 0, 0)); }
int	kldload(const char *name) { return (CALL3(kldload, name, 0, 0)); }
int	kldunload(int id) { return (CALL3(kldunload, id, 0, 0)); }
int	reboot(int how) { return (CALL3(reboot, how, 0, 0)); }
int	shm_unlink(const char *name) { return (CALL3(shm_unlink, name, 0, 0)); }

int
execve(const char *path, char *const argv[], char *const environment[])
{

	return (CALL3(execve, path, argv, environment));
}

int
ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *data;

	va_start(ap, request);
	data = va_arg(ap, void *);
	va_end(ap);
	return (CALL3(ioctl, fd, request, data));
}

int
kldstat(int id, struct kld_file_stat *file)
{

	return (CALL3(kldstat, id, file, 0));
}

void *
mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{

	return ((void *)CALL(mmap, at, size, prot, flags, fd, offset));
}

int
shm_open(const char *name, int flags, mode_t mode)
{

	return (CALL(shm_open2, name, flags, mode, 0, NULL, 0));
}

int
open(const char *path, int flags, ...)
{

	return (CALL3(open, path, flags, 0));
}

int
poll(struct pollfd *fds, nfds_t count, int ms)
{

	return (CALL3(poll, fds, count, ms));
}

ssize_t
read(int fd, void *data, size_t size)
{

	return (CALL3(read, fd, data, size));
}

int
stat(const char *path, struct stat *sb)
{

	return (CALL(fstatat, AT_FDCWD, path, sb, 0, 0, 0));
}

int
sysctlbyname(const char *name, void *old, size_t *oldsize, const void *new,
    size_t newsize)
{

	return (CALL(__sysctlbyname, name, strlen(name), old, oldsize, new,
	    newsize));
}

pid_t
waitpid(pid_t pid, int *status, int options)
{

	return (CALL(wait4, pid, status, options, 0, 0, 0));
}

ssize_t
write(int fd, const void *data, size_t size)
{

	return (CALL3(write, fd, data, size));
}

int
pause(void)
{

	return (poll(NULL, 0, -1));
}

int
usleep(useconds_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000L };

	return (CALL3(nanosleep, &t, NULL, 0));
}

time_t
time(time_t *where __unused)
{
	struct timespec t;

	CALL3(clock_gettime, CLOCK_MONOTONIC, &t, 0);
	return (t.tv_sec);
}

/* A page or more each, with its size in front. */
void *
malloc(size_t size)
{
	size_t *base;

	size += 2 * sizeof(*base);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE,
	    -1, 0);
	if (base == MAP_FAILED)
		return (NULL);
	*base = size;
	return (base + 2);
}

void
free(void *memory)
{
	size_t *base = memory;

	if (base != NULL)
		CALL3(munmap, base - 2, base[-2], 0);
}

void *
memcpy(void *to, const void *from, size_t size)
{
	const char *q = from;
	char *p = to;

	while (size-- > 0)
		*p++ = *q++;
	return (to);
}

void *
memset(void *to, int value, size_t size)
{
	char *p = to;

	while (size-- > 0)
		*p++ = value;
	return (to);
}

int
memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *p = a, *q = b;

	for (; size > 0; p++, q++, size--)
		if (*p != *q)
			return (*p - *q);
	return (0);
}

size_t
strlen(const char *s)
{
	const char *p = s;

	while (*p != '\0')
		p++;
	return (p - s);
}

int
strncmp(const char *a, const char *b, size_t size)
{

	for (; size > 0; a++, b++, size--)
		if (*a != *b || *a == '\0')
			return ((unsigned char)*a - (unsigned char)*b);
	return (0);
}

int
strcmp(const char *a, const char *b)
{

	return (strncmp(a, b, SIZE_MAX));
}

char *
strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (; *s != '\0'; s++)
		if (*s == c)
			last = s;
	return ((char *)(uintptr_t)last);
}

size_t
strlcat(char *to, const char *from, size_t size)
{
	size_t n;

	for (n = strlen(to); *from != '\0' && n + 1 < size; n++)
		to[n] = *from++;
	to[n] = '\0';
	return (n);
}

size_t
strlcpy(char *to, const char *from, size_t size)
{

	*to = '\0';
	return (strlcat(to, from, size));
}

char *
strerror(int error)
{
	static char text[32];

	snprintf(text, sizeof(text), "error %d", error);
	return (text);
}

long
strtol(const char *s, char **end __unused, int base)
{
	long value = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		value = value * base + *s - '0';
	return (value);
}

/* Digits of a number, the last first; how many. */
static int
digits(char *to, unsigned long value, unsigned int base)
{
	int n = 0;

	do
		to[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	return (n);
}

/* %d %u %x %o %s %c, with j, l, z and #; no widths. */
int
vsnprintf(char *to, size_t size, const char *format, va_list ap)
{
	char number[24];
	const char *text;
	size_t n = 0;
	long value;
	int count;
	bool wide;

#define	PUT(c) do { if (n + 1 < size) to[n++] = (c); } while (0)
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			PUT(*format);
			continue;
		}
		wide = false;
		while (*++format == 'j' || *format == 'l' || *format == 'z' ||
		    *format == '#')
			wide |= *format != '#';
		if (*format == 's') {
			for (text = va_arg(ap, char *); *text != '\0'; text++)
				PUT(*text);
			continue;
		}
		if (*format == 'd')
			value = wide ? va_arg(ap, long) : va_arg(ap, int);
		else
			value = wide ? va_arg(ap, long) :
			    (long)va_arg(ap, unsigned int);
		if (*format == 'c') {
			PUT((char)value);
			continue;
		}
		if (*format == 'd' && value < 0) {
			PUT('-');
			value = -value;
		}
		count = digits(number, value, *format == 'x' ? 16 :
		    *format == 'o' ? 8 : 10);
		while (count > 0)
			PUT(number[--count]);
	}
#undef PUT
	to[n] = '\0';
	return (n);
}

int
snprintf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(to, size, format, ap);
	va_end(ap);
	return (n);
}

int
printf(const char *format, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	return (write(STDOUT_FILENO, line, n));
}

void
start(long *stack)
{

	_exit(main((int)*stack, (char **)(stack + 1)));
}
