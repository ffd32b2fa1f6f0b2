/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel options that change structures a module sees, as GENERIC sets
 * them.  Used only when no kernel build directory supplies the real file.
 */
#define	SMP	1
#define	MAC	1
#define	VIMAGE	1
