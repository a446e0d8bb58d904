// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel that the module was built for, and the one that runs.
 *
 * `cargo xtask module` writes generated/vkernel-build.h into the kernel's tree before it builds.
 * Without MODVERSIONS nothing else at load can see a changed prototype or layout.
 */
#include <linux/module.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include "vk_series.h"

#if __has_include(<generated/vkernel-build.h>)
#include <generated/vkernel-build.h>
#else
#define VK_BUILD_RELEASE ""
#define VK_BUILD_ID
#define VK_BUILD_TYPES
#endif

static const unsigned char vk_recorded_id[] = { VK_BUILD_ID };

static const struct {
	const char *name;
	unsigned long long signature;
} vk_recorded_types[] = { VK_BUILD_TYPES };

static char *vk_allow;
module_param_named(allow, vk_allow, charp, 0444);
MODULE_PARM_DESC(allow, "btf: run on another build of the kernel if its BTF is the same where it matters");

bool vk_build_allows_btf(void)
{
	return vk_allow && !strcmp(vk_allow, "btf");
}

const char *vk_build_release(void)
{
	return VK_BUILD_RELEASE;
}

unsigned int vk_build_id(unsigned char *out, unsigned int room)
{
	unsigned int len = min_t(unsigned int, room, sizeof(vk_recorded_id));

	memcpy(out, vk_recorded_id, len);
	return len;
}

const char *vk_build_type(unsigned int i, unsigned long long *signature)
{
	if (i >= ARRAY_SIZE(vk_recorded_types))
		return NULL;
	*signature = vk_recorded_types[i].signature;
	return vk_recorded_types[i].name;
}

const char *vk_build_wanted(unsigned int i, bool *must_have_type)
{
	const char *const *structs = vk_structs;
	const struct vk_symbol *symbols;

	if (i < VK_HOOKS) {
		/* One that is found in data has the type of the pointer to it. */
		*must_have_type = !vk_hook_table[i]->find;
		return vk_hook_table[i]->symbol;
	}
	*must_have_type = true;
	for (i -= VK_HOOKS; *structs; structs++, i--)
		if (!i)
			return *structs;
	*must_have_type = false;
	for (symbols = vk_site_symbols; symbols->name; symbols++, i--)
		if (!i)
			return symbols->name;
	for (symbols = vk_symbols; symbols->name && i; symbols++)
		i--;
	return symbols->name;
}

const char *vk_running_release(void)
{
	return init_utsname()->release;
}

static const unsigned char *vk_running_section(const char *start, const char *stop,
					       unsigned long *len)
{
	struct vk_symbol *first = NULL, *last = NULL;

	if (!vk_symbols_resolve()) {
		first = vk_symbol(start);
		last = vk_symbol(stop);
	}
	if (!first || !last || last->address < first->address)
		return NULL;
	*len = last->address - first->address;
	return (const unsigned char *)first->address;
}

const unsigned char *vk_running_notes(unsigned long *len)
{
	return vk_running_section("__start_notes", "__stop_notes", len);
}

const unsigned char *vk_running_btf(unsigned long *len)
{
	return vk_running_section("__start_BTF", "__stop_BTF", len);
}

void vk_build_refuse(const unsigned char *why, unsigned long len)
{
	static char text[256];
	struct vk_hook *h;
	unsigned int i;

	len = min(len, sizeof(text) - 1);
	memcpy(text, why, len);
	text[len] = '\0';
	pr_err("%s: nothing is armed: %s\n", KBUILD_MODNAME, text);
	for (i = 0; i < VK_FEATURES; i++)
		vk_feature_refusal[i] = text;
	vk_each_hook(h, i)
		h->refusal = text;
}
