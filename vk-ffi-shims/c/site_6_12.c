// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 6.12: how a function is diverted, and what a namespace is called. For every module.
 */
#include <linux/err.h>
#include "vk_series.h"

struct vk_symbol vk_site_symbols[] = {
	/* What tells this kernel from another: c/build.c. */
	{ "__start_notes", .feature = VK_FEATURES },
	{ "__stop_notes", .feature = VK_FEATURES },
	{ "__start_BTF", .feature = VK_FEATURES },
	{ "__stop_BTF", .feature = VK_FEATURES },
	{ }
};

void vk_site_bind(void)
{
}

/* ---- Sites: none ---- */

unsigned long vk_function_site(unsigned long function)
{
	return 0;
}

bool vk_function_is_patched(unsigned long function)
{
	return false;
}

unsigned long vk_site_direct(unsigned long site)
{
	return 0;
}

const char *vk_site_refusal(void)
{
	return "direct jumps by ftrace need Linux 7.x";
}

int vk_site_divert(struct vk_hook *h)
{
	return -EOPNOTSUPP;
}

int vk_site_restore(struct vk_hook *h)
{
	return -EOPNOTSUPP;
}

/* ---- Namespaces ---- */

/* This series numbers namespaces by inode only, and those come again: no id. */
unsigned long long vk_ns_id(const void *ns)
{
	return 0;
}

const void *vk_ns_look_up(unsigned long long id)
{
	return ERR_PTR(-EOPNOTSUPP);
}
