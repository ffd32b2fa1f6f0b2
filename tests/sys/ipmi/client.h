/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a client of /dev/ipmi0 does, for the tests: open, send, wait, receive.
 * Knows nothing of the driver but <sys/ipmi.h>.
 */
#ifndef _TESTS_SYS_IPMI_CLIENT_H_
#define	_TESTS_SYS_IPMI_CLIENT_H_

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/ipmi.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define	NODE		"/dev/ipmi0"
#define	ANSWER_MS	20000	/* Longer than any answer takes. */

struct answer {
	struct ipmi_addr	addr;
	struct ipmi_recv	recv;
	uint8_t			data[1024];
};

/* A descriptor; the test is skipped where there is no device. */
static inline int
client_open(void)
{
	int fd;

	fd = open(NODE, O_RDWR);
	if (fd < 0 && errno == ENOENT)
		atf_tc_skip("there is no " NODE);
	ATF_REQUIRE_MSG(fd >= 0, "open: %s", strerror(errno));
	return (fd);
}

static inline int
client_send(int fd, uint8_t netfn, uint8_t cmd, const void *data,
    size_t length, long msgid)
{
	struct ipmi_system_interface_addr addr;
	struct ipmi_req req;

	memset(&addr, 0, sizeof(addr));
	addr.addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE;
	addr.channel = IPMI_BMC_CHANNEL;
	memset(&req, 0, sizeof(req));
	req.addr = (unsigned char *)&addr;
	req.addr_len = sizeof(addr);
	req.msgid = msgid;
	req.msg.netfn = netfn;
	req.msg.cmd = cmd;
	req.msg.data_len = length;
	req.msg.data = (unsigned char *)(uintptr_t)data;
	return (ioctl(fd, IPMICTL_SEND_COMMAND, &req));
}

static inline int
client_send_device_id(int fd, long msgid)
{

	return (client_send(fd, IPMI_APP_REQUEST, IPMI_GET_DEVICE_ID, NULL, 0,
	    msgid));
}

/* Does a completion come in time? */
static inline bool
client_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return (poll(&pfd, 1, ANSWER_MS) == 1 && (pfd.revents & POLLIN) != 0);
}

/* One of the two RECEIVE ioctls, with room for so many bytes. */
static inline int
client_receive(int fd, unsigned long request, struct answer *answer,
    size_t room)
{

	memset(answer, 0, sizeof(*answer));
	answer->recv.addr = (unsigned char *)&answer->addr;
	answer->recv.addr_len = sizeof(answer->addr);
	answer->recv.msg.data = answer->data;
	answer->recv.msg.data_len = room;
	return (ioctl(fd, request, &answer->recv));
}

/* A whole round trip; the answer's completion code is 0. */
static inline void
client_ask(int fd, uint8_t cmd, const void *data, size_t length,
    struct answer *answer)
{
	static long msgid = 1000;

	msgid++;
	ATF_REQUIRE_EQ_MSG(0, client_send(fd, IPMI_APP_REQUEST, cmd, data,
	    length, msgid), "send: %s", strerror(errno));
	ATF_REQUIRE_MSG(client_wait(fd), "no answer to command %#x", cmd);
	ATF_REQUIRE_EQ_MSG(0, client_receive(fd, IPMICTL_RECEIVE_MSG, answer,
	    sizeof(answer->data)), "receive: %s", strerror(errno));
	ATF_REQUIRE_EQ(msgid, answer->recv.msgid);
	ATF_REQUIRE_EQ(cmd, answer->recv.msg.cmd);
	ATF_REQUIRE(answer->recv.msg.data_len >= 1);
	ATF_REQUIRE_EQ_MSG(0, answer->data[0], "completion code %#x",
	    answer->data[0]);
}

#define	WATCHDOG_RUNNING	0x40	/* In the first byte after the completion code. */

/* Get Watchdog Timer. */
static inline void
client_ask_watchdog(struct answer *answer)
{
	int fd;

	fd = client_open();
	client_ask(fd, IPMI_GET_WDOG, NULL, 0, answer);
	close(fd);
	ATF_REQUIRE(answer->recv.msg.data_len >= 9);
}

#endif /* !_TESTS_SYS_IPMI_CLIENT_H_ */
