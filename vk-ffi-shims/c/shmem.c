// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of shared memory: what mm/shmem.c looks at when it is asked for them.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/shmem_fs.h>
#include "vk_series.h"

DEFINE_STATIC_CALL_NULL(vk_vma_is_anon_shmem, *(bool (*)(const struct vm_area_struct *))NULL);

static unsigned long *vk_shmem_always, *vk_shmem_inherit, *vk_shmem_within_size, *vk_shmem_madvise;
static int *vk_shmem_huge;
static struct vfsmount **vk_shm_mnt;

void vk_shmem_bind(void)
{
	VK_BIND_CALL(vk_vma_is_anon_shmem, "vma_is_anon_shmem");
	VK_BIND(vk_shmem_always, "huge_shmem_orders_always");
	VK_BIND(vk_shmem_inherit, "huge_shmem_orders_inherit");
	VK_BIND(vk_shmem_within_size, "huge_shmem_orders_within_size");
	VK_BIND(vk_shmem_madvise, "huge_shmem_orders_madvise");
	VK_BIND(vk_shmem_huge, "shmem_huge");
	VK_BIND(vk_shm_mnt, "shm_mnt");
}

int vk_shmem_host(void)
{
	return VK_READ(vk_shmem_huge);
}

void vk_shmem_orders(unsigned long *always, unsigned long *inherit, unsigned long *within_size,
		     unsigned long *madvise)
{
	*always = VK_READ(vk_shmem_always);
	*inherit = VK_READ(vk_shmem_inherit);
	*within_size = VK_READ(vk_shmem_within_size);
	*madvise = VK_READ(vk_shmem_madvise);
}

bool vk_shmem_is_internal(const void *inode)
{
	return ((const struct inode *)inode)->i_sb == (*vk_shm_mnt)->mnt_sb;
}

unsigned int vk_shmem_mount_huge(const void *inode)
{
	const struct shmem_sb_info *info = ((const struct inode *)inode)->i_sb->s_fs_info;

	return info->huge;
}

bool vk_shmem_is_regular(const void *inode)
{
	return S_ISREG(((const struct inode *)inode)->i_mode);
}

unsigned long vk_shmem_size_pages(const void *inode)
{
	return DIV_ROUND_UP_ULL((unsigned long long)i_size_read(inode), PAGE_SIZE);
}

bool vk_shmem_vma_is_anon(const void *vma)
{
	return static_call(vk_vma_is_anon_shmem)(vma);
}

/*
 * Where a mapping that may have huge pages goes: aligned for them, as shmem_get_unmapped_area()
 * does when the host's own word lets them in. A place that the program fixed stays.
 */
unsigned long vk_shmem_aligned_area(const void *file, unsigned long addr, unsigned long len,
				    unsigned long pgoff, unsigned long flags)
{
	if (flags & MAP_FIXED)
		return static_call(vk_original_shmem_get_unmapped_area)((struct file *)file, addr,
									len, pgoff, flags);
	return thp_get_unmapped_area((struct file *)file, addr, len, pgoff, flags);
}
