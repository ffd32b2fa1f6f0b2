/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * As much of atf-c(3) as the tests use, for a machine that has nothing but a kernel:
 * each test case runs in a process of its own and ends in one line on the console.
 */
#ifndef _TESTS_VM_GUEST_ATF_C_H_
#define	_TESTS_VM_GUEST_ATF_C_H_

#include <stdbool.h>
#include <stddef.h>

typedef int atf_error_t;

typedef struct atf_tc {
	const char	*name;
	void		(*head)(struct atf_tc *);
	void		(*body)(const struct atf_tc *);
	void		(*cleanup)(const struct atf_tc *);
	long		 timeout;		/* Seconds. */
} atf_tc_t;

typedef struct atf_tp {
	atf_tc_t	*cases[64];
	size_t		 count;
} atf_tp_t;

atf_error_t atf_no_error(void);
void	atf_tp_add(atf_tp_t *tp, atf_tc_t *tc);
void	atf_tc_set_md_var(atf_tc_t *tc, const char *name, const char *value);
bool	atf_tc_get_config_var_as_bool_wd(const atf_tc_t *tc, const char *name,
	    bool otherwise);
long	atf_tc_get_config_var_as_long_wd(const atf_tc_t *tc, const char *name,
	    long otherwise);
void	atf_tc_fail(const char *format, ...) __attribute__((__noreturn__))
	    __attribute__((__format__(__printf__, 1, 2)));
void	atf_tc_fail_nonfatal(const char *format, ...)
	    __attribute__((__format__(__printf__, 1, 2)));
void	atf_tc_skip(const char *format, ...) __attribute__((__noreturn__))
	    __attribute__((__format__(__printf__, 1, 2)));

/* What a test program defines and the runner calls. */
atf_error_t atf_add_test_cases(atf_tp_t *tp);

#define	ATF_CASE(tc, h, c)						\
	static void tc##_body(const atf_tc_t *);			\
	static atf_tc_t tc##_case = {					\
		.name = #tc, .head = h, .body = tc##_body, .cleanup = c	\
	}
#define	ATF_TC(tc)							\
	static void tc##_head(atf_tc_t *);				\
	ATF_CASE(tc, tc##_head, NULL)
#define	ATF_TC_WITHOUT_HEAD(tc)		ATF_CASE(tc, NULL, NULL)
#define	ATF_TC_WITH_CLEANUP(tc)						\
	static void tc##_head(atf_tc_t *);				\
	static void tc##_cleanup(const atf_tc_t *);			\
	ATF_CASE(tc, tc##_head, tc##_cleanup)
#define	ATF_UNUSED	__attribute__((__unused__))
#define	ATF_TC_HEAD(tc, var)	static void tc##_head(atf_tc_t *var ATF_UNUSED)
#define	ATF_TC_BODY(tc, var)						\
	static void tc##_body(const atf_tc_t *var ATF_UNUSED)
#define	ATF_TC_CLEANUP(tc, var)						\
	static void tc##_cleanup(const atf_tc_t *var ATF_UNUSED)
#define	ATF_TP_ADD_TCS(tp)	atf_error_t atf_add_test_cases(atf_tp_t *tp)
#define	ATF_TP_ADD_TC(tp, tc)	atf_tp_add(tp, &tc##_case)

#define	ATF_SAY(how, format, ...)					\
	how("%s:%d: " format, __FILE__, __LINE__, ##__VA_ARGS__)
#define	ATF_REQUIRE(x)							\
	((x) ? (void)0 : ATF_SAY(atf_tc_fail, "%s", #x))
#define	ATF_CHECK(x)							\
	((x) ? (void)0 : ATF_SAY(atf_tc_fail_nonfatal, "%s", #x))
#define	ATF_REQUIRE_MSG(x, ...)						\
	((x) ? (void)0 : ATF_SAY(atf_tc_fail, __VA_ARGS__))
#define	ATF_CHECK_MSG(x, ...)						\
	((x) ? (void)0 : ATF_SAY(atf_tc_fail_nonfatal, __VA_ARGS__))
#define	ATF_REQUIRE_EQ(a, b)						\
	ATF_REQUIRE_MSG((a) == (b), "%s != %s", #a, #b)
#define	ATF_CHECK_EQ(a, b)						\
	ATF_CHECK_MSG((a) == (b), "%s != %s (%jd, %jd)", #a, #b,	\
	    (intmax_t)(a), (intmax_t)(b))
#define	ATF_REQUIRE_EQ_MSG(a, b, ...)	ATF_REQUIRE_MSG((a) == (b), __VA_ARGS__)
#define	ATF_CHECK_EQ_MSG(a, b, ...)	ATF_CHECK_MSG((a) == (b), __VA_ARGS__)
#define	ATF_CHECK_ERRNO(expected, x) do {				\
	bool atf_failed = (x);						\
	int atf_errno = errno;						\
									\
	ATF_CHECK_MSG(atf_failed && atf_errno == (expected),		\
	    "%s: %s, errno %d, not %s", #x,				\
	    atf_failed ? "true" : "false", atf_errno, #expected);	\
} while (0)

#endif /* !_TESTS_VM_GUEST_ATF_C_H_ */
