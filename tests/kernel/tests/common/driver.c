/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A well-behaved ISA driver for a device of two ports and an interrupt line, and the ways in which
 * it can leave things behind, chosen by hint.fake.N.leak.  It needs no headers: what it declares is
 * what the kernels of 13, 14 and 15 export and lay out.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef void *device_t;

extern void *memset(void *, int, u64);
extern int printf(const char *, ...);
extern int device_printf(device_t, const char *, ...);
extern void *device_get_softc(device_t);
extern int device_get_unit(device_t);
extern const char *device_get_name(device_t);
extern void device_set_desc(device_t, const char *);
extern void *device_get_sysctl_ctx(device_t);
extern void *device_get_sysctl_tree(device_t);
extern int resource_int_value(const char *, int, const char *, int *);
extern void *bus_alloc_resource(device_t, int, int *, u64, u64, u64, u32);
extern int bus_setup_intr(device_t, void *, int, int (*)(void *), void (*)(void *), void *, void **);
extern int bus_teardown_intr(device_t, void *, void *);
extern void make_dev_args_init_impl(void *, u64);
extern int make_dev_s(void *, void **, const char *, ...);
extern void destroy_dev(void *);
extern int devfs_set_cdevpriv(void *, void (*)(void *));
extern int devfs_get_cdevpriv(void **);
extern void selrecord(void *, void *);
extern void selwakeup(void *);
extern void seldrain(void *);
extern void *eventhandler_register(void *, const char *, void *, void *, int);
extern void *eventhandler_find_list(const char *);
extern void eventhandler_deregister(void *, void *);
extern int sysctl_handle_int(void *, void *, long, void *);
extern void *sysctl_add_oid(void *, void *, int, const char *, int, void *, long,
    int (*)(void *, void *, long, void *), const char *, const char *, const char *);
extern int sysctl_ctx_init(void *);
extern int sysctl_ctx_free(void *);
extern int pause_sbt(const char *, long, long, int);
extern int config_intrhook_establish(void *);
extern void config_intrhook_disestablish(void *);
extern int driver_module_handler(void *, int, void *);
extern void module_register_init(const void *);
extern void _mtx_init(volatile u64 *, const char *, const char *, int);
extern void _mtx_destroy(volatile u64 *);
extern void __mtx_lock_flags(volatile u64 *, int, const char *, int);
extern void __mtx_unlock_flags(volatile u64 *, int, const char *, int);
extern void *malloc(u64, void *, int);
extern void free(void *, void *);
extern u8 M_TEMP[], sysctl___hw[], device_probe_desc[], device_attach_desc[], device_detach_desc[];
#if KERNEL >= 1500000
extern int bus_release_resource_old(device_t, int, int, void *);
#define	bus_release_resource	bus_release_resource_old
#else
extern int bus_release_resource(device_t, int, int, void *);
#endif

enum { LEAK_IRQ = 1, LEAK_NODE = 2, LEAK_HANDLER = 4, LEAK_PORT = 8, FAIL_ATTACH = 16,
    DEVICE_CONTEXT = 32 };
enum { EBUSY = 16, ENXIO = 6, ENOTTY = -3 };
#define	WITH_INTR	1

struct softc {
	device_t dev;
	void *port, *irq, *intr, *cdev, *tag, *sbt_tag;
	int port_rid, irq_rid, opens, events, destroyed, leak;
	u64 mtx[4];
	u64 sel[9], own_ctx[2];
	void *ctx;
	struct {
#if KERNEL < 1400000
		void *prev;
#endif
		void *next;
		u64 state;
		void (*func)(void *);
		void *arg;
	} hook;
};

struct resource { void *i; u64 tag, handle; };

static int attached = 0, level = 3, hooked = 0;

static void
lock(struct softc *sc)
{
	__mtx_lock_flags(&sc->mtx[3], 0, "", 0);
}

static void
unlock(struct softc *sc)
{
	__mtx_unlock_flags(&sc->mtx[3], 0, "", 0);
}

static u8
in(struct softc *sc, int reg)
{
	u8 value;

	__asm volatile("inb %w1, %0" : "=a"(value) :
	    "Nd"((u16)(((struct resource *)sc->port)->handle + reg)));
	return (value);
}

static void
out(struct softc *sc, int reg, u8 value)
{
	__asm volatile("outb %0, %w1" : : "a"(value),
	    "Nd"((u16)(((struct resource *)sc->port)->handle + reg)));
}

static int
filter(void *arg)
{
	/* FILTER_STRAY or FILTER_SCHEDULE_THREAD */
	return ((in(arg, 1) & 1) ? 4 : 1);
}

static void
handler(void *arg)
{
	struct softc *sc = arg;

	in(sc, 0);
	lock(sc);
	sc->events++;
	selwakeup(sc->sel);
	unlock(sc);
}

static void
dtor(void *arg)
{
	struct softc *sc = *(struct softc **)arg;

	lock(sc);
	sc->opens--;
	unlock(sc);
	seldrain(sc->sel);
	free(arg, M_TEMP);
}

static int
d_open(void *cdev, int flags, int type, void *td)
{
	struct softc *sc = *(struct softc **)((u8 *)cdev + 168);
	struct softc **priv = malloc(8, M_TEMP, 2);
	int error;

	*priv = sc;
	error = devfs_set_cdevpriv(priv, dtor);
	if (error != 0) {
		free(priv, M_TEMP);
		return (error);
	}
	lock(sc);
	sc->opens++;
	unlock(sc);
	return (0);
}

static int
d_ioctl(void *cdev, u64 cmd, void *data, int flags, void *td)
{
	struct softc **priv;
	int error;

	error = devfs_get_cdevpriv((void **)&priv);
	if (error != 0)
		return (error);
	switch (cmd) {
	case 0x40044601:		/* read the number of events */
		*(int *)data = (*priv)->events;
		return (0);
	case 0x80014602:		/* write the device */
		out(*priv, 0, *(u8 *)data);
		return (0);
	case 0xc0044603:		/* add one */
		++*(int *)data;
		return (0);
	}
	return (ENOTTY);
}

static int
d_poll(void *cdev, int events, void *td)
{
	struct softc **priv;
	int revents = 0;

	if (devfs_get_cdevpriv((void **)&priv) != 0)
		return (0);
	lock(*priv);
	if ((*priv)->events > 0)
		revents = events & 1;
	else
		selrecord(td, (*priv)->sel);
	unlock(*priv);
	return (revents);
}

static struct {
	int version;
	u32 flags;
	const char *name;
	void *open, *fdopen, *close, *read, *write, *ioctl, *poll, *rest[14];
} cdevsw = { 0x5c48c353, 0, "fake", d_open, 0, 0, 0, 0, d_ioctl, d_poll };

static void
wd_event(void *arg, u32 cmd, int *error)
{
	struct softc *sc = arg;

	out(sc, 1, cmd);
	*error = 0;
}

static void
startup(void *arg)
{
	struct softc *sc = arg;

	config_intrhook_disestablish(&sc->hook);
	hooked++;
}

/* Takes half a second, asleep. */
static int
slow(void *oid, void *arg1, long arg2, void *req)
{
	pause_sbt("slow", 1l << 31, 0, 0);
	return (sysctl_handle_int(oid, arg1, arg2, req));
}

static int
probe(device_t dev)
{
	device_set_desc(dev, "Fake device");
	return (-20);
}

static void
release(struct softc *sc)
{
	if (sc->intr != 0 && (sc->leak & LEAK_IRQ) == 0)
		bus_teardown_intr(sc->dev, sc->irq, sc->intr);
	if (sc->irq != 0 && (sc->leak & LEAK_IRQ) == 0)
		bus_release_resource(sc->dev, 1, sc->irq_rid, sc->irq);
	if (sc->port != 0 && (sc->leak & LEAK_PORT) == 0)
		bus_release_resource(sc->dev, 4, sc->port_rid, sc->port);
	_mtx_destroy(&sc->mtx[3]);
}

static int
attach(device_t dev)
{
	struct softc *sc = device_get_softc(dev);
	struct {
		u64 size;
		int flags;
		void *devsw, *cred;
		u32 uid, gid;
		int mode, unit;
		void *drv1, *drv2;
	} args;

	sc->dev = dev;
	resource_int_value(device_get_name(dev), device_get_unit(dev), "leak", &sc->leak);
	_mtx_init(&sc->mtx[3], "fake", 0, 0);
	sc->port = bus_alloc_resource(dev, 4, &sc->port_rid, 0, ~0ul, 1, 2);
	sc->irq = bus_alloc_resource(dev, 1, &sc->irq_rid, 0, ~0ul, 1, 6);
	if (sc->port == 0 || sc->irq == 0 || (sc->leak & FAIL_ATTACH) != 0) {
		release(sc);
		return (ENXIO);
	}
	bus_setup_intr(dev, sc->irq, 0, filter, handler, sc, &sc->intr);
	make_dev_args_init_impl(&args, sizeof(args));
	args.flags = 0x28;
	args.devsw = &cdevsw;
	args.gid = 5;
	args.mode = 0660;
	args.unit = device_get_unit(dev);
	args.drv1 = sc;
	if (make_dev_s(&args, &sc->cdev, "fake%d", device_get_unit(dev)) != 0)
		printf("no node\n");
	/* The device's own context lives longer than the softc. */
	sc->ctx = sc->own_ctx;
	if ((sc->leak & DEVICE_CONTEXT) != 0)
		sc->ctx = device_get_sysctl_ctx(dev);
	else
		sysctl_ctx_init(sc->ctx);
	sysctl_add_oid(sc->ctx, device_get_sysctl_tree(dev), -1, "events",
	    0x80040002, &sc->events, 0, sysctl_handle_int, "I", "Interrupts so far", 0);
	sysctl_add_oid(sc->ctx, device_get_sysctl_tree(dev), -1, "slow",
	    0x80040002, &sc->events, 0, slow, "I", "The same, slowly", 0);
	sc->tag = eventhandler_register(0, "watchdog_list", wd_event, sc, 0);
	sc->hook.func = startup;
	sc->hook.arg = sc;
	config_intrhook_establish(&sc->hook);
	attached++;
	device_printf(dev, "level %d\n", level);
	return (0);
}

static int
detach(device_t dev)
{
	struct softc *sc = device_get_softc(dev);

	lock(sc);
	if (sc->opens > 0) {
		unlock(sc);
		return (EBUSY);
	}
	unlock(sc);
	if ((sc->leak & LEAK_NODE) == 0)
		destroy_dev(sc->cdev);
	if ((sc->leak & LEAK_HANDLER) == 0)
		eventhandler_deregister(eventhandler_find_list("watchdog_list"), sc->tag);
	if (sc->ctx == sc->own_ctx)
		sysctl_ctx_free(sc->ctx);
	release(sc);
	attached--;
	return (0);
}

static const struct { void *desc, *func; } methods[] = {
	{ device_probe_desc, probe },
	{ device_attach_desc, attach },
	{ device_detach_desc, detach },
	{ 0, 0 },
};
static struct {
	const char *name;
	const void *methods;
	u64 size;
	void *bases;
	u32 refs;
	void *ops;
} driver = { "fake", methods, sizeof(struct softc) };

static struct { void *chain, *arg; const char *bus; void *driver, *devclass; int pass; }
    driver_data = { 0, 0, "isa", &driver, 0, 0x7fffffff };
static const struct { const char *name; void *handler, *priv; }
    module = { "isa/fake", driver_module_handler, &driver_data };

#define	SET(set, symbol)						\
	static const void *const set##symbol				\
	    __attribute__((used, section("set_" #set))) = &symbol

struct metadata { int version, type; const void *data; const char *name; };
static const int version[3] = { KERNEL, KERNEL, KERNEL };
static const struct metadata depend = { 1, 1, version, "kernel" };
static const struct metadata registration = { 1, 2, &module, "isa/fake" };
SET(modmetadata_set, depend);
SET(modmetadata_set, registration);

static struct {
	u32 subsystem, order;
#if KERNEL >= 1400000
	void *next;
#endif
	const void *func, *udata;
} init = { 0x3100000, 0x1000000, .func = module_register_init, .udata = &module };
SET(sysinit_set, init);

static struct oid {
	void *children, *parent;
#if KERNEL < 1400000
	void *link;
#else
	void *link[3];
#endif
	int number;
	u32 kind;
	void *arg1;
	long arg2;
	const char *name;
	void *handler;
	const char *format;
	int refcnt;
	u32 running;
	const char *descr, *label;
} node = { .parent = sysctl___hw, .number = -1, .kind = 0x80040001, .name = "fake",
	.format = "N", .descr = "Fake driver" },
    leaf = { .parent = &node, .number = -1, .kind = 0xc00c0002, .arg1 = &level,
	.name = "level", .handler = sysctl_handle_int, .format = "I", .descr = "How much" },
    hooks = { .parent = &node, .number = -1, .kind = 0x80040002, .arg1 = &hooked,
	.name = "hooked", .handler = sysctl_handle_int, .format = "I", .descr = "Hooks run" };
SET(sysctl_set, node);
SET(sysctl_set, leaf);
SET(sysctl_set, hooks);
