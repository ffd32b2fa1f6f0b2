/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The module's life: refuses to go while a descriptor is open; comes and goes, if
 * asked for, without leaving anything behind.
 */
#include <sys/param.h>
#include <sys/linker.h>
#include <sys/malloc.h>
#include <sys/sysctl.h>

#include <stdlib.h>

#include "client.h"

#define	MODULE	"ipmi.ko"

static struct kld_file_stat
loaded_file(void)
{
	struct kld_file_stat file;
	int id;

	id = kldfind(MODULE);
	if (id < 0)
		atf_tc_skip(MODULE " is not loaded");
	memset(&file, 0, sizeof(file));
	file.version = sizeof(file);
	ATF_REQUIRE_EQ(0, kldstat(id, &file));
	return (file);
}

static void
await_device(void)
{
	int fd, i;

	for (i = 0; i < 1000; i++) {
		fd = open(NODE, O_RDWR);
		if (fd >= 0) {
			close(fd);
			return;
		}
		usleep(20000);
	}
	atf_tc_fail("no " NODE " 20 s after the module was loaded");
}

static void
cycle(const struct kld_file_stat *file)
{
	struct answer answer;
	int fd, i;

	ATF_REQUIRE_EQ_MSG(0, kldunload(kldfind(MODULE)), "unload: %s",
	    strerror(errno));
	ATF_CHECK_ERRNO(ENOENT, open(NODE, O_RDWR) == -1);
	ATF_REQUIRE_MSG(kldload(file->pathname) >= 0, "load %s: %s",
	    file->pathname, strerror(errno));
	await_device();
	fd = client_open();
	for (i = 0; i < 5; i++)
		client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &answer);
	ATF_REQUIRE_EQ(0, client_send_device_id(fd, 1));
	close(fd);
}

/* Allocations of each malloc(9) type that are in use, as vmstat -m has them. */
struct usage {
	char	name[MALLOC_MAX_NAME];
	int64_t	count;
};

static size_t
usage_now(struct usage *usage, size_t room)
{
	const struct malloc_type_stream_header *header;
	const struct malloc_type_stats *stats;
	const char *at;
	char *stream;
	size_t n, size;
	uint32_t cpu;

	size = 0;
	ATF_REQUIRE_EQ(0, sysctlbyname("kern.malloc_stats", NULL, &size, NULL,
	    0));
	size += size / 8;
	stream = malloc(size);
	ATF_REQUIRE(stream != NULL);
	ATF_REQUIRE_EQ(0, sysctlbyname("kern.malloc_stats", stream, &size,
	    NULL, 0));
	header = (const void *)stream;
	at = stream + sizeof(*header);
	for (n = 0; n < header->mtsh_count && n < room; n++) {
		memcpy(usage[n].name, at, MALLOC_MAX_NAME);
		usage[n].count = 0;
		at += sizeof(struct malloc_type_header);
		for (cpu = 0; cpu < header->mtsh_maxcpus; cpu++) {
			stats = (const void *)at;
			usage[n].count += stats->mts_numallocs;
			usage[n].count -= stats->mts_numfrees;
			at += sizeof(*stats);
		}
	}
	free(stream);
	return (n);
}

static int64_t
find(const struct usage *usage, size_t n, const char *name)
{

	while (n-- > 0)
		if (strcmp(usage[n].name, name) == 0)
			return (usage[n].count);
	return (0);
}

/* One each a thread, and the kernel frees dead threads when it comes to it. */
static bool
counts_threads(const char *type)
{

	return (strcmp(type, "umtx") == 0 || strcmp(type, "kdtrace") == 0);
}

struct snapshot {
	struct usage	usage[1024];
	size_t		n;
};

/*
 * An allocation a cycle in both halves is a leak.  The rest of the machine
 * allocates as well, and some types by the batch, but not twice in step with
 * the cycles.
 */
static void
check_growth(const struct snapshot snapshots[3], long half)
{
	const struct usage *last;
	int64_t middle, growth1, growth2;
	size_t i;

	for (i = 0; i < snapshots[2].n; i++) {
		last = &snapshots[2].usage[i];
		middle = find(snapshots[1].usage, snapshots[1].n, last->name);
		growth1 = middle - find(snapshots[0].usage, snapshots[0].n,
		    last->name);
		growth2 = last->count - middle;
		ATF_CHECK_MSG(growth1 < half || growth2 < half ||
		    counts_threads(last->name),
		    "%s: %jd, then %jd allocations more, after %ld cycles each",
		    last->name, (intmax_t)growth1, (intmax_t)growth2, half);
	}
}

ATF_TC_WITHOUT_HEAD(stays_while_open);
ATF_TC_BODY(stays_while_open, tc)
{
	struct answer answer;
	int fd;

	fd = client_open();
	(void)loaded_file();
	ATF_CHECK_ERRNO(EBUSY, kldunload(kldfind(MODULE)) == -1);
	client_ask(fd, IPMI_GET_DEVICE_ID, NULL, 0, &answer);
	close(fd);
}

ATF_TC(load_and_unload);
ATF_TC_HEAD(load_and_unload, tc)
{

	atf_tc_set_md_var(tc, "descr",
	    "The module comes and goes and no allocation stays");
	atf_tc_set_md_var(tc, "timeout", "3600");
}
ATF_TC_BODY(load_and_unload, tc)
{
	static struct snapshot snapshots[3];
	struct kld_file_stat file;
	struct answer answer;
	long half, n;
	int i;

	if (!atf_tc_get_config_var_as_bool_wd(tc, "ipmi_unload", false))
		atf_tc_skip("unloads the driver: set ipmi_unload to allow it");
	client_ask_watchdog(&answer);
	if ((answer.data[1] & WATCHDOG_RUNNING) != 0)
		atf_tc_skip("the watchdog is armed, and unloading stops it");
	half = atf_tc_get_config_var_as_long_wd(tc, "ipmi_cycles", 10) / 2;
	ATF_REQUIRE_MSG(half > 0, "ipmi_cycles is less than two");
	file = loaded_file();
	/* The first round may fill caches. */
	cycle(&file);
	cycle(&file);
	for (i = 0; i < 3; i++) {
		for (n = 0; i > 0 && n < half; n++)
			cycle(&file);
		snapshots[i].n = usage_now(snapshots[i].usage,
		    nitems(snapshots[i].usage));
	}
	check_growth(snapshots, half);
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, stays_while_open);
	ATF_TP_ADD_TC(tp, load_and_unload);
	return (atf_no_error());
}
