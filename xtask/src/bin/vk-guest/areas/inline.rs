//! The inline back end: the same policies, by jumps of our own behind the ftrace nop.

mod again;
mod choice;
mod jump;
mod stuck;
mod trace;
mod when;

use crate::area::{checks, Area, Module};
use again::*;
use choice::*;
use jump::*;
use stuck::*;
use trace::*;
use when::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "inline",
    module: Module::Inline,
    checks: checks![
        jumps_stand_behind_the_nop_and_are_restored_byte_for_byte,
        trampolines_do_what_the_jumps_displace,
        what_cannot_be_inline_stays_with_ftrace_and_says_why,
        one_hook_is_inline_and_the_others_are_not,
        auto_is_inline_where_a_bpf_program_has_the_function,
        a_choice_is_refused_where_it_cannot_be,
        an_unknown_back_end_is_refused_at_load,
        the_switch_of_ftrace_is_not_for_inline_hooks,
        cycles_of_arm_and_disarm_under_load,
        two_loads_and_unloads_under_load,
        a_kprobe_on_the_jump_keeps_it_in,
        a_kprobe_on_displaced_instructions_keeps_it_out,
        a_breakpoint_in_a_part_of_the_function_keeps_it_out,
        whichever_step_fails_nothing_is_left,
        the_way_back_from_a_trampoline_is_unknown_and_said_to_be,
        a_livepatch_comes_first,
        a_livepatch_elsewhere_goes_in_and_out_under_load,
        each_container_reads_its_own,
        the_host_keeps_its_own,
        a_write_from_inside_is_refused,
        a_malformed_write_is_refused_as_by_the_kernel,
        reads_in_pieces_give_what_the_kernel_gives,
        mode_1_grants_what_the_host_refuses,
        mode_2_refuses_above_its_limit_with_the_kernels_line,
        mode_2_grants_below_its_limit,
        the_ratio_is_of_the_containers_memory,
        what_is_unmapped_is_given_back,
        a_fork_is_refused_for_the_sum_of_its_mappings,
        the_hosts_sum_has_what_containers_map_and_nothing_refused,
        noreserve_is_charged_in_mode_2,
        a_segment_with_noreserve_is_charged_in_mode_2,
        brk_is_judged,
        the_stack_is_judged,
        a_host_in_mode_2_is_not_starved_by_a_container_in_mode_1,
        the_knobs_of_huge_pages_are_turned_by_jumps,
        every_way_to_memory_follows_defrag,
        the_defrag_file_is_the_containers_own_and_the_hosts_stays,
        the_shmem_files_are_the_containers_own_and_the_hosts_stay,
        a_forked_range_is_collapsed_once_more_pages_are_for_it,
        a_shared_memfd_is_collapsed_once_more_pages_are_for_it,
        nobody_votes_about_a_collapse_on_request,
        the_default_holds_before_the_first_instruction,
        namespaces_that_exist_at_load_are_adopted,
        forks_and_new_namespaces_do_not_escape,
        a_dead_namespace_is_gone_within_5_s,
        the_function_tracer_comes_first,
        the_function_tracer_comes_second,
        the_graph_tracer_comes_second,
        a_kprobe_comes_second,
        a_kretprobe_comes_second,
        an_fprobe_comes_second,
    ],
};
