// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of files: what a method of sysfs or proc was given as its buffer.
 */
#include <linux/string.h>
#include "vk_shims.h"

bool vk_copy_out(void *buffer, unsigned long room, const unsigned char *text, unsigned long len)
{
	if (len > room)
		return false;
	memcpy(buffer, text, len);
	return true;
}
