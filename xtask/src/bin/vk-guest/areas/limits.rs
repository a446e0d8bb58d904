//! Kernel parameters and what they limit: seen and enforced in one container, not next to it.

pub(crate) mod common;
mod exhausted;
mod files;
mod guards;
mod log;
mod memory;
mod opened;
mod profile;
mod protection;
mod tasks;

use crate::area::{checks, Area, Module};
use common::*;
use exhausted::*;
use files::*;
use guards::*;
use log::*;
use memory::*;
use opened::*;
use profile::*;
use protection::*;
use tasks::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "limits",
    module: Module::Loaded,
    checks: checks![
        // These load the module again: the fewer hooks are in, the sooner it goes.
        hooks_are_in_while_a_key_needs_them,
        protect_host_refuses_writes_to_the_hosts_values,
        each_key_is_seen_inside_and_nowhere_else,
        several_keys_are_set_at_once_or_not_at_all,
        a_key_that_is_not_served_is_refused_with_its_reason,
        what_is_laxer_than_the_host_is_refused_where_none_may_be,
        a_host_that_turns_stricter_is_followed,
        refused_writes_are_counted_by_key_and_logged_once_per_burst,
        root_of_a_user_namespace_writes_where_the_host_said_so,
        sysctl_a_works_inside_and_shows_the_private_values,
        sixteen_readers_and_writers_in_each_of_four_containers_see_whole_values,
        the_sample_profile_names_all_that_cannot_be_set,
        the_sample_profile_is_applied_but_for_what_cannot_be_set,
        a_profile_of_which_the_kernel_refuses_a_part_changes_nothing,
        the_hosts_max_map_count_is_what_the_checks_take_it_for,
        a_lower_max_map_count_is_enforced_inside_and_nowhere_else,
        a_higher_max_map_count_is_granted_inside_and_nowhere_else,
        whose_max_map_count_is_not_the_least_is_held_to_it_too,
        a_container_that_exhausts_its_limits_leaves_the_others_theirs,
        a_java_machine_is_convinced_of_its_mappings,
        a_lower_nr_open_is_enforced_inside_and_nowhere_else,
        a_higher_nr_open_is_granted_inside_and_nowhere_else,
        a_crooked_nr_open_is_rounded_as_the_kernel_does,
        pipe_max_size_is_enforced_inside_and_nowhere_else,
        a_new_pipe_is_no_larger_than_pipe_max_size,
        pipe_user_pages_soft_is_enforced_inside_and_nowhere_else,
        pipe_user_pages_hard_is_enforced_inside_and_nowhere_else,
        mount_max_is_enforced_inside_and_nowhere_else,
        threads_max_is_enforced_inside_and_nowhere_else,
        the_hosts_threads_max_holds_beside_a_containers,
        threads_of_nested_namespaces_count_for_the_outer_one,
        file_max_is_enforced_inside_and_nowhere_else,
        the_hosts_file_max_holds_beside_a_containers,
        files_of_nested_namespaces_count_for_the_outer_one,
        a_file_counts_until_its_last_holder_closes_it,
        mmap_min_addr_is_enforced_inside_and_nowhere_else,
        a_floor_above_all_addresses_leaves_none_inside,
        dmesg_restrict_is_enforced_inside_and_nowhere_else,
        bpf_programs_for_kernel_parameters_have_their_say,
        security_modules_have_their_say,
    ],
};
