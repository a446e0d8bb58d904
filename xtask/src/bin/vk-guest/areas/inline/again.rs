//! Checks of other areas, once more with the module's hooks by the inline back end.

use crate::area::Area;
use crate::areas::{coexist, hook, knobs, overcommit, registry, sysctl};
use crate::problem::{fail, Outcome};

/// Makes a check of the same name of each: `again!(sysctl: the_host_keeps_its_own)`.
macro_rules! again {
    ($area:ident: $($check:ident),* $(,)?) => {
        $(pub(super) fn $check() -> Outcome {
            run(&$area::AREA, stringify!($check))
        })*
    };
}

again!(sysctl:
    each_container_reads_its_own,
    the_host_keeps_its_own,
    a_write_from_inside_is_refused,
    a_malformed_write_is_refused_as_by_the_kernel,
    reads_in_pieces_give_what_the_kernel_gives,
);

again!(overcommit:
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
);

again!(knobs:
    every_way_to_memory_follows_defrag,
    the_defrag_file_is_the_containers_own_and_the_hosts_stays,
    the_shmem_files_are_the_containers_own_and_the_hosts_stay,
    a_forked_range_is_collapsed_once_more_pages_are_for_it,
    a_shared_memfd_is_collapsed_once_more_pages_are_for_it,
    nobody_votes_about_a_collapse_on_request,
);

again!(registry:
    the_default_holds_before_the_first_instruction,
    namespaces_that_exist_at_load_are_adopted,
    forks_and_new_namespaces_do_not_escape,
    a_dead_namespace_is_gone_within_5_s,
);

again!(hook:
    the_function_tracer_comes_first,
    the_function_tracer_comes_second,
    the_graph_tracer_comes_second,
    a_kprobe_comes_second,
    a_kretprobe_comes_second,
    an_fprobe_comes_second,
);

again!(coexist:
    a_livepatch_comes_first,
    a_livepatch_elsewhere_goes_in_and_out_under_load,
);

fn run(area: &Area, name: &str) -> Outcome {
    match area.checks.iter().find(|check| check.name == name) {
        Some(check) => (check.run)(),
        None => fail(format!("no {}/{name}", area.name), "it in its area"),
    }
}
