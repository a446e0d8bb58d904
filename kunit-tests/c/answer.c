// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel, or C with the kernel's types, answers to the questions that the crates answer. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include "vk_kunit.h"

int vk_kunit_proc_int(int *value, int min, int max, int write, void *buffer, unsigned long *len,
		      long long *pos)
{
	struct ctl_table table = {
		.procname = "vk_kunit",
		.data = value,
		.maxlen = sizeof(*value),
		.mode = 0644,
		.extra1 = &min,
		.extra2 = &max,
	};

	return proc_dointvec_minmax(&table, write, buffer, len, pos);
}

int vk_kunit_proc_uint(unsigned int *value, unsigned int min, unsigned int max, int write,
		       void *buffer, unsigned long *len, long long *pos)
{
	struct ctl_table table = {
		.procname = "vk_kunit",
		.data = value,
		.maxlen = sizeof(*value),
		.mode = 0644,
		.extra1 = &min,
		.extra2 = &max,
	};

	return proc_douintvec_minmax(&table, write, buffer, len, pos);
}

/*
 * With the bounds that fs/pipe.c has in its table, from which the kernel calls the handler through
 * a pointer too: its ENDBR is not sealed.
 */
int vk_kunit_proc_pipe_size(unsigned int *value, int write, void *buffer, unsigned long *len,
			    long long *pos)
{
	static proc_handler *handler;
	struct ctl_table table = {
		.procname = "vk_kunit",
		.data = value,
		.maxlen = sizeof(*value),
		.mode = 0644,
		.extra1 = SYSCTL_ONE,
	};

	if (!handler) {
		unsigned long address;

		vk_kunit_symbol("proc_dopipe_max_size", &address);
		handler = (proc_handler *)address;
	}
	return handler ? handler(&table, write, buffer, len, pos) : -ENOENT;
}

int vk_kunit_proc_ulong(unsigned long *value, unsigned long min, unsigned long max, int write,
			void *buffer, unsigned long *len, long long *pos)
{
	struct ctl_table table = {
		.procname = "vk_kunit",
		.data = value,
		.maxlen = sizeof(*value),
		.mode = 0644,
		.extra1 = &min,
		.extra2 = &max,
	};

	return proc_doulongvec_minmax(&table, write, buffer, len, pos);
}

bool vk_kunit_sysfs_streq(const char *one, const char *other)
{
	return sysfs_streq(one, other);
}

int vk_kunit_kstrtoul(const char *text, unsigned long *value)
{
	return kstrtoul(text, 10, value);
}

unsigned int vk_kunit_gfp_transhuge(void)
{
	return (__force unsigned int)GFP_TRANSHUGE;
}

unsigned int vk_kunit_gfp_transhuge_light(void)
{
	return (__force unsigned int)GFP_TRANSHUGE_LIGHT;
}

unsigned int vk_kunit_gfp_direct_reclaim(void)
{
	return (__force unsigned int)__GFP_DIRECT_RECLAIM;
}

unsigned int vk_kunit_gfp_kswapd_reclaim(void)
{
	return (__force unsigned int)__GFP_KSWAPD_RECLAIM;
}

unsigned int vk_kunit_gfp_noretry(void)
{
	return (__force unsigned int)__GFP_NORETRY;
}

unsigned long vk_kunit_commit_limit(int ratio, unsigned long kbytes, unsigned long ram,
				    unsigned long hugetlb, long swap)
{
	unsigned long share = kbytes / (PAGE_SIZE / 1024);

	if (!kbytes)
		share = (ram - hugetlb) * ratio / 100;
	return share + swap;
}

long vk_kunit_allowed(unsigned long limit, unsigned long admin_reserve,
		      unsigned long user_reserve, bool is_admin, bool has_mm,
		      unsigned long total_vm)
{
	long allowed = limit;

	if (!is_admin)
		allowed -= admin_reserve;
	if (has_mm)
		allowed -= min_t(long, total_vm / 32, user_reserve);
	return allowed;
}

bool vk_kunit_fits(long pages, unsigned long ram, long swap)
{
	return !(pages > ram + swap);
}
