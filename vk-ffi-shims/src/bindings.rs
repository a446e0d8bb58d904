//! Made by `cargo xtask bindings` from `include/vk_shims.h`; do not edit.

pub const VK_TRAMPOLINE_BYTES: u32 = 48;
pub const VK_KIND_PASS: vk_kind = 0;
pub const VK_KIND_SHADOW: vk_kind = 1;
pub const VK_KIND_REPL: vk_kind = 2;
pub const VK_KIND_AROUND: vk_kind = 3;
pub type vk_kind = ::core::ffi::c_uint;
pub const VK_SUBJECT_NONE: vk_subject = 0;
pub const VK_SUBJECT_CURRENT: vk_subject = 1;
pub const VK_SUBJECT_MM: vk_subject = 2;
pub const VK_SUBJECT_VMA: vk_subject = 3;
pub const VK_SUBJECT_TASK: vk_subject = 4;
pub const VK_SUBJECT_VMA_OR_CURRENT: vk_subject = 5;
pub const VK_SUBJECT_SECOND_VMA_OR_CURRENT: vk_subject = 6;
pub const VK_SUBJECT_FAULT: vk_subject = 7;
pub type vk_subject = ::core::ffi::c_uint;
pub const VK_FEATURE_LIFECYCLE: vk_feature = 0;
pub const VK_FEATURE_SYSCTL: vk_feature = 1;
pub const VK_FEATURE_OVERCOMMIT: vk_feature = 2;
pub const VK_FEATURE_THP: vk_feature = 3;
pub const VK_FEATURE_THP_DEFRAG: vk_feature = 4;
pub const VK_FEATURE_THP_SHMEM: vk_feature = 5;
pub const VK_FEATURE_THP_ZERO_PAGE: vk_feature = 6;
pub const VK_FEATURE_THP_VOTE: vk_feature = 7;
pub const VK_FEATURE_THP_VOTE_SCAN: vk_feature = 8;
pub const VK_FEATURE_THP_VOTE_FILE: vk_feature = 9;
pub const VK_FEATURE_PARAMETERS: vk_feature = 10;
pub const VK_FEATURE_PERMISSION: vk_feature = 11;
pub const VK_FEATURE_PROTECTION: vk_feature = 12;
pub const VK_FEATURE_MAPS: vk_feature = 13;
pub const VK_FEATURE_MIN_ADDR: vk_feature = 14;
pub const VK_FEATURE_DESCRIPTORS: vk_feature = 15;
pub const VK_FEATURE_PIPES: vk_feature = 16;
pub const VK_FEATURE_MOUNTS: vk_feature = 17;
pub const VK_FEATURE_THREADS: vk_feature = 18;
pub const VK_FEATURE_LOG: vk_feature = 19;
pub const VK_FEATURE_FILES: vk_feature = 20;
pub const VK_FEATURES: vk_feature = 21;
pub type vk_feature = ::core::ffi::c_uint;
pub const VK_STATE_ABSENT: vk_state = 0;
pub const VK_STATE_PLANNED: vk_state = 1;
pub const VK_STATE_ARMED: vk_state = 2;
pub const VK_STATE_DRAINING: vk_state = 3;
pub type vk_state = ::core::ffi::c_uint;
pub const VK_BACKEND_FTRACE: vk_backend = 0;
pub const VK_BACKEND_INLINE: vk_backend = 1;
pub type vk_backend = ::core::ffi::c_uint;
pub const VK_CHOICE_AUTO: vk_choice = 0;
pub const VK_CHOICE_FTRACE: vk_choice = 1;
pub const VK_CHOICE_PREFER: vk_choice = 2;
pub const VK_CHOICE_INLINE: vk_choice = 3;
pub type vk_choice = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn vk_resolve() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_hook_count() -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_refusal(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_feature_refused(feature: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_hook_id(hook: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_code(id: ::core::ffi::c_uint, nth: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_arguments(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_takes(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_hook_is_named(id: ::core::ffi::c_uint) -> bool;
}
unsafe extern "C" {
    pub fn vk_hook_held(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_hook_refuse(
        id: ::core::ffi::c_uint,
        why: *const ::core::ffi::c_uchar,
        len: ::core::ffi::c_ulong,
    );
}
unsafe extern "C" {
    pub fn vk_hook_symbol(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_feature_name(feature: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_hook_feature(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_kind(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_subject(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_state(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_address(id: ::core::ffi::c_uint) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_hook_entry(
        id: ::core::ffi::c_uint,
        out: *mut ::core::ffi::c_uchar,
        len: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_arm(id: ::core::ffi::c_uint) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_hook_disarm(id: ::core::ffi::c_uint) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_hook_lead(id: ::core::ffi::c_uint, to: ::core::ffi::c_ulong);
}
unsafe extern "C" {
    pub fn vk_hooks_synchronize();
}
unsafe extern "C" {
    pub fn vk_hooks_drain(
        timeout_ms: ::core::ffi::c_uint,
        pid: *mut ::core::ffi::c_int,
        id: *mut ::core::ffi::c_uint,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_flight_enter(id: ::core::ffi::c_uint) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_flight_leave(id: ::core::ffi::c_uint, slot: ::core::ffi::c_int);
}
unsafe extern "C" {
    pub fn vk_hooks_barrier();
}
unsafe extern "C" {
    pub fn vk_say(is_error: bool, text: *const ::core::ffi::c_uchar, len: ::core::ffi::c_ulong);
}
unsafe extern "C" {
    pub fn vk_hooks_choice() -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_choice(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_choose(
        id: ::core::ffi::c_uint,
        choice: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_hook_may_be_inline(id: ::core::ffi::c_uint) -> bool;
}
unsafe extern "C" {
    pub fn vk_hook_backend(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_next(id: ::core::ffi::c_uint) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_decide(id: ::core::ffi::c_uint, backend: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_hook_is_shared(id: ::core::ffi::c_uint) -> bool;
}
unsafe extern "C" {
    pub fn vk_hook_is_patched(id: ::core::ffi::c_uint) -> bool;
}
unsafe extern "C" {
    pub fn vk_hook_rival(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
pub const VK_OWNER_NONE: vk_owner = 0;
pub const VK_OWNER_FTRACE: vk_owner = 1;
pub const VK_OWNER_JUMP_LABEL: vk_owner = 2;
pub const VK_OWNER_STATIC_CALL: vk_owner = 3;
pub const VK_OWNER_ALTERNATIVE: vk_owner = 4;
pub const VK_OWNER_KPROBE: vk_owner = 5;
pub const VK_OWNER_BUG: vk_owner = 6;
pub const VK_OWNER_HOOK: vk_owner = 7;
pub type vk_owner = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn vk_inline_refusal() -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_text_lock();
}
unsafe extern "C" {
    pub fn vk_text_unlock();
}
unsafe extern "C" {
    pub fn vk_text_read(
        at: ::core::ffi::c_ulong,
        out: *mut ::core::ffi::c_uchar,
        len: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_text_write(
        at: ::core::ffi::c_ulong,
        bytes: *const ::core::ffi::c_uchar,
        len: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_text_sync();
}
unsafe extern "C" {
    pub fn vk_text_catch(
        site: ::core::ffi::c_ulong,
        to: ::core::ffi::c_ulong,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_text_release(site: ::core::ffi::c_ulong);
}
unsafe extern "C" {
    pub fn vk_text_is_probed(start: ::core::ffi::c_ulong, len: ::core::ffi::c_uint) -> bool;
}
unsafe extern "C" {
    pub fn vk_text_owner(
        start: ::core::ffi::c_ulong,
        len: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_text_fixup(insn: ::core::ffi::c_ulong) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_text_has_jump_tables() -> bool;
}
unsafe extern "C" {
    pub fn vk_function_len(function: ::core::ffi::c_ulong) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_hook_parts(
        id: ::core::ffi::c_uint,
        parts: *mut ::core::ffi::c_ulong,
        room: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_hook_stub(id: ::core::ffi::c_uint) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_hook_trampoline(id: ::core::ffi::c_uint) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_hook_enter(id: ::core::ffi::c_uint, state: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_hook_bypass(id: ::core::ffi::c_uint) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_hook_was_bypassed(id: ::core::ffi::c_uint, is_bypassed: bool) -> bool;
}
unsafe extern "C" {
    pub fn vk_bypass_watch(period_ms: ::core::ffi::c_uint) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_bypass_unwatch();
}
unsafe extern "C" {
    pub fn vk_subject_current() -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_subject_mm(mm: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_subject_vma(vma: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_brief_enter_mm(mm: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_brief_enter_vma(vma: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_brief_leave();
}
unsafe extern "C" {
    pub fn vk_ns_tree(ns: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_tree_mark(tree: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_tree_unmark(tree: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_ns_parent(ns: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_ns_id(ns: *const ::core::ffi::c_void) -> ::core::ffi::c_ulonglong;
}
unsafe extern "C" {
    pub fn vk_ns_level(ns: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_ns_is_descendant(
        ns: *const ::core::ffi::c_void,
        ancestor: *const ::core::ffi::c_void,
    ) -> bool;
}
unsafe extern "C" {
    pub fn vk_ns_init_pid(
        ns: *const ::core::ffi::c_void,
        comm: *mut ::core::ffi::c_uchar,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_ns_tasks(ns: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_ns_files(ns: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_ns_below_current(ns: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_ns_admin(ns: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_ns_memory_max(
        ns: *const ::core::ffi::c_void,
        memory: *mut ::core::ffi::c_ulonglong,
        swap: *mut ::core::ffi::c_ulonglong,
    );
}
unsafe extern "C" {
    pub fn vk_ns_of_init(nr: ::core::ffi::c_int) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_ns_of_id(id: ::core::ffi::c_ulonglong) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_ns_each(
        found: ::core::option::Option<
            unsafe extern "C" fn(
                ns: *const ::core::ffi::c_void,
                data: *mut ::core::ffi::c_void,
            ) -> bool,
        >,
        data: *mut ::core::ffi::c_void,
    );
}
unsafe extern "C" {
    pub fn vk_folio_memcg(folio: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_memcg_parent(memcg: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_memcg_id(memcg: *const ::core::ffi::c_void) -> ::core::ffi::c_ulonglong;
}
unsafe extern "C" {
    pub fn vk_memcg_with(
        id: ::core::ffi::c_ulonglong,
        found: ::core::option::Option<
            unsafe extern "C" fn(memcg: *const ::core::ffi::c_void, data: *mut ::core::ffi::c_void),
        >,
        data: *mut ::core::ffi::c_void,
    ) -> bool;
}
unsafe extern "C" {
    pub fn vk_places_watch() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_places_unwatch();
}
unsafe extern "C" {
    pub fn vk_overcommit_account(pages: ::core::ffi::c_long);
}
unsafe extern "C" {
    pub fn vk_overcommit_committed() -> ::core::ffi::c_ulonglong;
}
unsafe extern "C" {
    pub fn vk_ram_pages() -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_hugetlb_pages() -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_swap_pages() -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_overcommit_host(
        mode: *mut ::core::ffi::c_int,
        ratio: *mut ::core::ffi::c_int,
        kbytes: *mut ::core::ffi::c_ulong,
    );
}
unsafe extern "C" {
    pub fn vk_overcommit_reserves(admin: *mut ::core::ffi::c_long, user: *mut ::core::ffi::c_long);
}
unsafe extern "C" {
    pub fn vk_mm_total_pages(mm: *const ::core::ffi::c_void) -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_overcommit_in_flight(
        mm: *const ::core::ffi::c_void,
        pages: ::core::ffi::c_long,
    ) -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_overcommit_charge(mm: *const ::core::ffi::c_void, pages: ::core::ffi::c_long);
}
unsafe extern "C" {
    pub fn vk_ns_accounted_pages(
        ns: *const ::core::ffi::c_void,
        unlocked: *mut ::core::ffi::c_long,
    ) -> ::core::ffi::c_long;
}
unsafe extern "C" {
    pub fn vk_may_recount() -> bool;
}
unsafe extern "C" {
    pub fn vk_host_commit_open() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_host_commit_close();
}
pub const VK_RESERVE_AS_HOST: vk_reserve = 0;
pub const VK_RESERVE_HONOURED: vk_reserve = 1;
pub const VK_RESERVE_IGNORED: vk_reserve = 2;
pub type vk_reserve = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn vk_overcommit_warn(pages: ::core::ffi::c_long);
}
pub const VK_PARAMETER_OVERCOMMIT_MEMORY: vk_parameter = 0;
pub const VK_PARAMETER_OVERCOMMIT_RATIO: vk_parameter = 1;
pub const VK_PARAMETER_OVERCOMMIT_KBYTES: vk_parameter = 2;
pub const VK_PARAMETER_MAX_MAP_COUNT: vk_parameter = 3;
pub const VK_PARAMETER_MMAP_MIN_ADDR: vk_parameter = 4;
pub const VK_PARAMETER_NR_OPEN: vk_parameter = 5;
pub const VK_PARAMETER_PIPE_MAX_SIZE: vk_parameter = 6;
pub const VK_PARAMETER_PIPE_USER_PAGES_HARD: vk_parameter = 7;
pub const VK_PARAMETER_PIPE_USER_PAGES_SOFT: vk_parameter = 8;
pub const VK_PARAMETER_MOUNT_MAX: vk_parameter = 9;
pub const VK_PARAMETER_THREADS_MAX: vk_parameter = 10;
pub const VK_PARAMETER_DMESG_RESTRICT: vk_parameter = 11;
pub const VK_PARAMETER_FILE_MAX: vk_parameter = 12;
pub const VK_PARAMETER_ADMIN_RESERVE_KBYTES: vk_parameter = 13;
pub const VK_PARAMETER_USER_RESERVE_KBYTES: vk_parameter = 14;
pub const VK_PARAMETERS: vk_parameter = 15;
pub type vk_parameter = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn vk_parameter_of(table: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_parameter_host(
        parameter: ::core::ffi::c_uint,
        bits: *mut ::core::ffi::c_ulonglong,
    ) -> bool;
}
unsafe extern "C" {
    pub fn vk_parameter_widen(
        parameter: ::core::ffi::c_uint,
        greatest: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_parameter_narrow(parameter: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_edge_tighten(parameter: ::core::ffi::c_uint, edge: ::core::ffi::c_ulonglong);
}
unsafe extern "C" {
    pub fn vk_edge_set(parameter: ::core::ffi::c_uint, edge: ::core::ffi::c_ulonglong);
}
unsafe extern "C" {
    pub fn vk_parameters_shadow_host();
}
unsafe extern "C" {
    pub fn vk_files_forget();
}
unsafe extern "C" {
    pub fn vk_may_write(op: ::core::ffi::c_uint) -> bool;
}
pub const VK_THP_FILE_NONE: vk_thp_file = 0;
pub const VK_THP_FILE_ENABLED: vk_thp_file = 1;
pub const VK_THP_FILE_OTHER: vk_thp_file = 2;
pub const VK_THP_FILE_DEFRAG: vk_thp_file = 3;
pub const VK_THP_FILE_SHMEM_ENABLED: vk_thp_file = 4;
pub const VK_THP_FILE_USE_ZERO_PAGE: vk_thp_file = 5;
pub type vk_thp_file = ::core::ffi::c_uint;
pub const VK_TVA_SMAPS: vk_tva = 0;
pub const VK_TVA_PAGEFAULT: vk_tva = 1;
pub const VK_TVA_KHUGEPAGED: vk_tva = 2;
pub const VK_TVA_FORCED_COLLAPSE: vk_tva = 3;
pub type vk_tva = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn vk_vma_is_anonymous(vma: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_vma_flags(vma: *const ::core::ffi::c_void) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_vma_thp_disable(vma: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_thp_unsupported() -> bool;
}
unsafe extern "C" {
    pub fn vk_vma_is_too_small(vma: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_vma_is_shmem(vma: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_vma_is_huge_pfn(vma: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_vm_flags_hugepage(vm_flags: ::core::ffi::c_ulong) -> bool;
}
unsafe extern "C" {
    pub fn vk_vm_flags_nohugepage(vm_flags: ::core::ffi::c_ulong) -> bool;
}
unsafe extern "C" {
    pub fn vk_pmd_order() -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_thpsize_order(kobj: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_thp_host_enabled() -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_thp_host_defrag() -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_thp_gfp_bits(
        transhuge_light: *mut ::core::ffi::c_uint,
        direct_reclaim: *mut ::core::ffi::c_uint,
        kswapd_reclaim: *mut ::core::ffi::c_uint,
        noretry: *mut ::core::ffi::c_uint,
    );
}
unsafe extern "C" {
    pub fn vk_thp_gate_open() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_thp_gate_close() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_thp_gate_is_open() -> bool;
}
unsafe extern "C" {
    pub fn vk_shmem_host() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_shmem_orders(
        always: *mut ::core::ffi::c_ulong,
        inherit: *mut ::core::ffi::c_ulong,
        within_size: *mut ::core::ffi::c_ulong,
        madvise: *mut ::core::ffi::c_ulong,
    );
}
unsafe extern "C" {
    pub fn vk_shmem_is_internal(inode: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_shmem_mount_huge(inode: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_shmem_is_regular(inode: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_shmem_size_pages(inode: *const ::core::ffi::c_void) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_shmem_vma_is_anon(vma: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_shmem_aligned_area(
        file: *const ::core::ffi::c_void,
        addr: ::core::ffi::c_ulong,
        len: ::core::ffi::c_ulong,
        pgoff: ::core::ffi::c_ulong,
        flags: ::core::ffi::c_ulong,
    ) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_zero_page_host() -> bool;
}
unsafe extern "C" {
    pub fn vk_fault_vma(fault: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_zero_page_deny(fault: *mut ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_zero_page_raise() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_zero_page_lower();
}
unsafe extern "C" {
    pub fn vk_range_mm(range: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_range_pages(range: *const ::core::ffi::c_void) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_range_vm_flags(range: *const ::core::ffi::c_void) -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_range_is_shmem(range: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_range_memcg(range: *const ::core::ffi::c_void) -> *const ::core::ffi::c_void;
}
pub type vk_range_found = ::core::option::Option<
    unsafe extern "C" fn(
        memcg: *const ::core::ffi::c_void,
        pages: ::core::ffi::c_uint,
        data: *mut ::core::ffi::c_void,
    ),
>;
unsafe extern "C" {
    pub fn vk_range_each(
        range: *const ::core::ffi::c_void,
        found: vk_range_found,
        data: *mut ::core::ffi::c_void,
    );
}
unsafe extern "C" {
    pub fn vk_copy_out(
        buffer: *mut ::core::ffi::c_void,
        room: ::core::ffi::c_ulong,
        text: *const ::core::ffi::c_uchar,
        len: ::core::ffi::c_ulong,
    ) -> bool;
}
unsafe extern "C" {
    pub fn vk_registry_lock() -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_registry_unlock(flags: ::core::ffi::c_ulong);
}
unsafe extern "C" {
    pub fn vk_event_lock() -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_event_unlock(flags: ::core::ffi::c_ulong);
}
unsafe extern "C" {
    pub fn vk_control_lock();
}
unsafe extern "C" {
    pub fn vk_control_trylock() -> bool;
}
unsafe extern "C" {
    pub fn vk_control_unlock();
}
unsafe extern "C" {
    pub fn vk_sleep_ms(ms: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_rcu_read_lock();
}
unsafe extern "C" {
    pub fn vk_rcu_read_unlock();
}
unsafe extern "C" {
    pub fn vk_cache_create(
        name: *const ::core::ffi::c_char,
        size: ::core::ffi::c_uint,
        align: ::core::ffi::c_uint,
    ) -> *mut ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_cache_destroy(cache: *mut ::core::ffi::c_void);
}
unsafe extern "C" {
    pub fn vk_cache_alloc(
        cache: *mut ::core::ffi::c_void,
        may_sleep: bool,
    ) -> *mut ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn vk_synchronize_rcu();
}
unsafe extern "C" {
    pub fn vk_rcu_barrier();
}
unsafe extern "C" {
    pub fn vk_call_rcu(
        head: *mut ::core::ffi::c_void,
        fn_: ::core::option::Option<unsafe extern "C" fn(head: *mut ::core::ffi::c_void)>,
    );
}
unsafe extern "C" {
    pub fn vk_module_get();
}
unsafe extern "C" {
    pub fn vk_module_try_get() -> bool;
}
unsafe extern "C" {
    pub fn vk_module_put();
}
unsafe extern "C" {
    pub fn vk_clock_ns() -> ::core::ffi::c_ulonglong;
}
unsafe extern "C" {
    pub fn vk_coarse_jiffies() -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_current_pid() -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_current_comm(comm: *mut ::core::ffi::c_uchar);
}
unsafe extern "C" {
    pub fn vk_opener_admin(file: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_current_admin() -> bool;
}
unsafe extern "C" {
    pub fn vk_later(delay_ms: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn vk_later_cancel();
}
unsafe extern "C" {
    pub fn vk_bell_rung() -> ::core::ffi::c_ulong;
}
unsafe extern "C" {
    pub fn vk_bell_ring();
}
unsafe extern "C" {
    pub fn vk_bell_wait(rung: ::core::ffi::c_ulong) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn vk_bell_settle();
}
unsafe extern "C" {
    pub fn vk_may_wait(iocb: *const ::core::ffi::c_void) -> bool;
}
unsafe extern "C" {
    pub fn vk_build_release() -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_build_id(
        out: *mut ::core::ffi::c_uchar,
        room: ::core::ffi::c_uint,
    ) -> ::core::ffi::c_uint;
}
unsafe extern "C" {
    pub fn vk_build_type(
        i: ::core::ffi::c_uint,
        signature: *mut ::core::ffi::c_ulonglong,
    ) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_build_wanted(
        i: ::core::ffi::c_uint,
        must_have_type: *mut bool,
    ) -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_running_release() -> *const ::core::ffi::c_char;
}
unsafe extern "C" {
    pub fn vk_running_notes(len: *mut ::core::ffi::c_ulong) -> *const ::core::ffi::c_uchar;
}
unsafe extern "C" {
    pub fn vk_running_btf(len: *mut ::core::ffi::c_ulong) -> *const ::core::ffi::c_uchar;
}
unsafe extern "C" {
    pub fn vk_build_allows_btf() -> bool;
}
unsafe extern "C" {
    pub fn vk_build_refuse(why: *const ::core::ffi::c_uchar, len: ::core::ffi::c_ulong);
}
