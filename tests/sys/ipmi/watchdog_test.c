/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * watchdog(4) against what the BMC says of its timer.  Arms timers of minutes and
 * stops them; runs only if asked for, and not where one is armed already.
 */
#include <sys/param.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/watchdog.h>

#include "client.h"

#define	USE		0x07
/* The longest countdown, in 100 ms. */
#define	LONGEST		65530
/*
 * A shared memory object, for the kernel keeps it whatever becomes of the process, from
 * before a case arms until its cleanup part.  That runs after a skipped body as well,
 * and a timer that is not the test's own must stay as it is.
 */
#define	MARK		"/ipmi_watchdog_test"

struct reading {
	uint8_t		use;
	uint8_t		actions;
	unsigned int	initial;	/* 100 ms */
	unsigned int	present;
};

static struct reading
ask_bmc(void)
{
	struct reading reading;
	struct answer answer;

	client_ask_watchdog(&answer);
	reading.use = answer.data[1];
	reading.actions = answer.data[2];
	reading.initial = answer.data[5] | answer.data[6] << 8;
	reading.present = answer.data[7] | answer.data[8] << 8;
	return (reading);
}

/* The interface took an int of seconds before it took an sbintime_t. */
static int
set_timeout(int fido, int seconds)
{
	sbintime_t exact;

	exact = (sbintime_t)seconds << 32;
	return (ioctl(fido, WDIOC_SETTIMEOUT,
	    IOCPARM_LEN(WDIOC_SETTIMEOUT) == sizeof(seconds) ?
	    (void *)&seconds : (void *)&exact));
}

/*
 * What the BMC is to count for so many seconds, in 100 ms.  With the older interface
 * the kernel asks for the next power of two of nanoseconds.
 */
static unsigned int
countdown(int seconds)
{
	uint64_t asked, ns;

	ns = asked = (uint64_t)seconds * 1000000000;
	if (IOCPARM_LEN(WDIOC_SETTIMEOUT) == sizeof(seconds))
		for (ns = 1; ns <= asked; ns *= 2)
			;
	return (MIN(howmany(ns, 100000000), LONGEST));
}

static int
begin(const atf_tc_t *tc)
{
	int fido, mark;

	(void)shm_unlink(MARK);
	if (!atf_tc_get_config_var_as_bool_wd(tc, "ipmi_watchdog", false))
		atf_tc_skip("arms the watchdog: set ipmi_watchdog to allow it");
	if ((ask_bmc().use & WATCHDOG_RUNNING) != 0)
		atf_tc_skip("the watchdog is armed already");
	mark = shm_open(MARK, O_CREAT | O_RDWR, 0600);
	ATF_REQUIRE_MSG(mark >= 0, MARK ": %s", strerror(errno));
	close(mark);
	fido = open("/dev/" _PATH_WATCHDOG, O_RDWR);
	ATF_REQUIRE_MSG(fido >= 0, "fido: %s", strerror(errno));
	return (fido);
}

static void
stop(void)
{
	int fido;

	if (shm_unlink(MARK) != 0)
		return;
	fido = open("/dev/" _PATH_WATCHDOG, O_RDWR);
	if (fido >= 0)
		(void)set_timeout(fido, 0);
}

ATF_TC_WITH_CLEANUP(arm_and_stop);
ATF_TC_HEAD(arm_and_stop, tc)
{

	atf_tc_set_md_var(tc, "descr", "The BMC counts what was asked for");
}
ATF_TC_BODY(arm_and_stop, tc)
{
	/* Not powers of two, and the longest that the timer can count. */
	static const int timeouts[] = { 128, 69, 300, 6553 };
	struct reading reading;
	size_t i;
	int fido;

	fido = begin(tc);
	for (i = 0; i < nitems(timeouts); i++) {
		ATF_REQUIRE_EQ_MSG(0, set_timeout(fido, timeouts[i]), "%s",
		    strerror(errno));
		reading = ask_bmc();
		ATF_CHECK_MSG((reading.use & WATCHDOG_RUNNING) != 0, "not running");
		ATF_CHECK_EQ(IPMI_SET_WD_TIMER_SMS_OS, reading.use & USE);
		ATF_CHECK_MSG((reading.actions & 7) != 0, "no action");
		ATF_CHECK_EQ_MSG(countdown(timeouts[i]), reading.initial,
		    "%d s: %u00 ms", timeouts[i], reading.initial);
		ATF_CHECK(reading.present <= reading.initial);
	}
	ATF_REQUIRE_EQ(0, set_timeout(fido, 0));
	ATF_CHECK_MSG((ask_bmc().use & WATCHDOG_RUNNING) == 0, "still running");
	close(fido);
}
ATF_TC_CLEANUP(arm_and_stop, tc)
{

	stop();
}

ATF_TC_WITH_CLEANUP(a_pat_restarts_the_countdown);
ATF_TC_HEAD(a_pat_restarts_the_countdown, tc)
{

	atf_tc_set_md_var(tc, "descr", "A second pat is told to the BMC");
}
ATF_TC_BODY(a_pat_restarts_the_countdown, tc)
{
	unsigned int left;
	int fido;

	fido = begin(tc);
	ATF_REQUIRE_EQ(0, set_timeout(fido, 120));
	usleep(2500000);
	left = ask_bmc().present;
	ATF_REQUIRE_EQ(0, set_timeout(fido, 120));
	ATF_CHECK_MSG(ask_bmc().present > left, "%u00 ms were left", left);
	ATF_REQUIRE_EQ(0, set_timeout(fido, 0));
	close(fido);
}
ATF_TC_CLEANUP(a_pat_restarts_the_countdown, tc)
{

	stop();
}

ATF_TP_ADD_TCS(tp)
{

	ATF_TP_ADD_TC(tp, arm_and_stop);
	ATF_TP_ADD_TC(tp, a_pat_restarts_the_countdown);
	return (atf_no_error());
}
