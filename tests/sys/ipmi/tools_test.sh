# SPDX-License-Identifier: BSD-2-Clause
#
# ipmi(4) as an administrator meets it: through kldstat(8), sysctl(8) and ipmitool.

require_device()
{
	[ -c /dev/ipmi0 ] || atf_skip "there is no /dev/ipmi0"
}

atf_test_case node
node_body()
{
	require_device
	# root and operator, by number: a small root has no names.
	atf_check -o inline:"0 5 crw-rw----\n" stat -f "%u %g %Sp" /dev/ipmi0
}

atf_test_case module
module_body()
{
	require_device
	atf_check -o match:"isa/ipmi|pci/ipmi|acpi/ipmi|ipmi_" kldstat -v
}

atf_test_case described
described_head()
{
	atf_set descr "Every sysctl of the driver says what it is"
}
described_body()
{
	require_device
	for root in hw.ipmi dev.ipmi.0.bmc dev.ipmi.0.interface \
	    dev.ipmi.0.stats dev.ipmi.0.latency_us dev.ipmi.0.recorder \
	    dev.ipmi.0.watchdog; do
		for name in $(sysctl -N $root); do
			case $(sysctl -nd "$name") in
			"") atf_fail "$name has no description" ;;
			esac
		done
	done
}

atf_test_case ipmitool
ipmitool_head()
{
	atf_set require.progs ipmitool
}
ipmitool_body()
{
	require_device
	# It complains of vendors' names that are not installed.
	atf_check -o match:"IPMI Version" -e ignore ipmitool -I open mc info
	atf_check -o match:"Watchdog Timer Is" -e ignore ipmitool -I open mc watchdog get
}

atf_init_test_cases()
{
	atf_add_test_case node
	atf_add_test_case module
	atf_add_test_case described
	atf_add_test_case ipmitool
}
