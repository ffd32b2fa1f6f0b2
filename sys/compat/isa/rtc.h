/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for <isa/rtc.h>, which <machine/efi.h> includes for the sake of a
 * macro that nothing here uses.
 */
