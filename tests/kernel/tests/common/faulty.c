/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that breaks one rule in each function, and one that reaches registers in every way.
 * It needs no headers: what it declares is what the kernel exports.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

extern void *malloc(u64, void *, int);
extern void free(void *, void *);
extern void _mtx_init(volatile u64 *, const char *, const char *, int);
extern void DELAY(int);
extern int pause_sbt(const char *, long, long, int);
extern int kproc_create(void (*)(void *), void *, void **, int, int, const char *, ...);
extern void kproc_exit(int);
extern int _sleep(const void *, void *, int, const char *, long, long, int);
extern void callout_init(void *, int);
extern int callout_reset_sbt_on(void *, long, long, void (*)(void *), void *, int, int);
extern int _callout_stop_safe(void *, int);
extern void cv_init(void *, const char *);
extern u8 M_TEMP[];

#define	MS		(4294967L)
#define	M_WAITOK	2

static const int version[3] = { KERNEL, KERNEL, KERNEL };
static const struct { int version, type; const void *data; const char *name; }
    depend = { 1, 1, version, "kernel" };
static const void *const entry
    __attribute__((used, section("set_modmetadata_set"))) = &depend;

u64 mutex[4];
u64 callout[8];
u64 condvar[2];
int calls;

int
overflow(int depth)
{
	volatile u8 frame[600];

	frame[depth % 600] = depth;
	return (overflow(depth + 1) + frame[0]);
}

int
jump_over_the_guard(int n)
{
	volatile u8 frame[40000];

	frame[n] = 1;
	return (frame[n]);
}

int
use_after_free(void)
{
	volatile int *p = malloc(64, M_TEMP, M_WAITOK);

	free((void *)p, M_TEMP);
	return (p[4]);
}

void
write_beyond(void)
{
	volatile u8 *p = malloc(128, M_TEMP, M_WAITOK);

	p[128] = 1;
}

int
read_junk(void)
{
	return (*(volatile int *)malloc(4, M_TEMP, M_WAITOK));
}

void
write_to_code(void)
{
	*(volatile u8 *)&read_junk = 0;
}

int
null_pointer(volatile int *p)
{
	return (p[2]);
}

int
user_pointer(volatile int *p)
{
	return (*p);
}

void
undefined(void)
{
	__builtin_trap();
}

int
divide(int a, volatile int b)
{
	return (a / b);
}

void
call_pointer(void (*f)(void))
{
	f();
}

void
spin(void)
{
	for (;;)
		__asm__ volatile("" ::: "memory");
}

void
leak(void)
{
	malloc(48, M_TEMP, M_WAITOK);
	_mtx_init(&mutex[3], "left mutex", 0, 0);
	cv_init(condvar, "left condvar");
}

static void
never_ends(void *arg)
{
	for (;;)
		pause_sbt("nap", 100 * MS, 0, 0);
}

static void
ends(void *arg)
{
	pause_sbt("nap", 100 * MS, 0, 0);
	calls++;
	kproc_exit(0);
}

void
start_endless(void)
{
	void *p;

	kproc_create(never_ends, 0, &p, 0, 0, "endless%d", 7);
}

int
start_and_wait(void)
{
	void *p;

	kproc_create(ends, 0, &p, 0, 0, "short");
	_sleep(p, 0, 0x400, "wait", 0, 0, 0);
	return (calls);
}

static void
tick(void *arg)
{
	calls++;
	DELAY(5000);
	callout_reset_sbt_on(callout, 10 * MS, 0, tick, arg, -1, 0);
}

int
run_callout(void)
{
	callout_init(callout, 1);
	callout_reset_sbt_on(callout, 10 * MS, 0, tick, 0, -1, 0);
	pause_sbt("nap", 100 * MS, 0, 0);
	_callout_stop_safe(callout, 1);
	int after = calls;
	pause_sbt("nap", 100 * MS, 0, 0);
	return (after * 100 + calls - after);
}

void
leave_callout(void)
{
	callout_init(callout, 1);
	callout_reset_sbt_on(callout, 10000 * MS, 0, tick, 0, -1, 0);
}

u64
port_read(u16 port, int width)
{
	u8 b;
	u16 w;
	u32 l;

	switch (width) {
	case 1:
		__asm__ volatile("inb %%dx, %0" : "=a"(b) : "d"(port));
		return (b);
	case 2:
		__asm__ volatile("inw %%dx, %0" : "=a"(w) : "d"(port));
		return (w);
	default:
		__asm__ volatile("inl %%dx, %0" : "=a"(l) : "d"(port));
		return (l);
	}
}

u64
port_write(u16 port, int width, u32 value)
{
	switch (width) {
	case 1:
		__asm__ volatile("outb %0, %%dx" :: "a"((u8)value), "d"(port));
		break;
	case 2:
		__asm__ volatile("outw %0, %%dx" :: "a"((u16)value), "d"(port));
		break;
	default:
		__asm__ volatile("outl %0, %%dx" :: "a"(value), "d"(port));
	}
	return (0);
}

/* Every register but the accumulator must survive the access. */
u64
port_read_many(u16 port, long count)
{
	u64 sum = 0;
	u8 b;

	for (long i = 0; i < count; i++) {
		__asm__ volatile("inb %%dx, %0" : "=a"(b) : "d"(port));
		sum += b * (i + 1);
	}
	return (sum);
}

/* Only padding behind it gives room. */
__attribute__((naked)) u64
port_read_last(u16 port)
{
	__asm__ volatile("xorl %eax, %eax\nmovl %edi, %edx\njmp 1f\n1: inb %dx, %al\nret");
}

/* Too tight to be rewritten: a target, one byte, and a short jump. */
u64
port_read_trapped(u16 port)
{
	u64 b = 0x1100;

	__asm__ volatile("jmp 1f\n1: inb %%dx, %%al\njmp 2f\n2:" : "+a"(b) : "d"(port));
	return (b);
}

u64
memory_read(volatile void *p, int width)
{
	switch (width) {
	case 1:
		return (*(volatile u8 *)p);
	case 2:
		return (*(volatile u16 *)p);
	default:
		return (*(volatile u32 *)p);
	}
}

void
memory_write(volatile void *p, int width, u32 value)
{
	switch (width) {
	case 1:
		*(volatile u8 *)p = value;
		break;
	case 2:
		*(volatile u16 *)p = value;
		break;
	default:
		*(volatile u32 *)p = value;
	}
}

void
memory_write_constant(volatile u8 *p)
{
	p[1] = 0x61;
}

long
many_arguments(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	return (a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i);
}

#ifdef MISSING
extern void no_such_function(void);
extern int no_such_variable;

int
wants(void)
{
	no_such_function();
	return (no_such_variable);
}
#endif
