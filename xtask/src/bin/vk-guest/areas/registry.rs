//! The registry: each pid namespace is known from its birth to its end, and whose policy applies.

mod filled;
mod holder;
pub(crate) mod life;
mod memory;
mod nesting;
mod pair;
mod subjects;

use crate::area::{checks, Area, Module};
use filled::*;
use life::*;
use memory::*;
use nesting::*;
use subjects::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "registry",
    module: Module::Loaded,
    checks: checks![
        the_default_holds_before_the_first_instruction,
        the_default_holds_for_the_first_program_of_a_container,
        namespaces_that_exist_at_load_are_adopted,
        nested_namespaces_inherit_three_deep,
        a_value_of_its_own_wins_and_unset_gives_the_outer_back,
        a_change_reaches_what_is_nested_at_once,
        a_change_reaches_all_that_are_left_below,
        what_is_born_below_a_policy_has_it_first_thing,
        forks_and_new_namespaces_do_not_escape,
        setns_does_not_lead_out,
        a_user_namespace_does_not_lead_out,
        thirty_two_deep_is_still_inside,
        who_enters_a_namespace_has_its_policy,
        a_dead_namespace_is_gone_within_5_s,
        a_dying_namespace_takes_no_policy_and_ends_once,
        a_thousand_namespaces_while_policies_are_set,
        smaps_read_from_the_host_show_the_containers_policy,
        memory_written_from_the_host_follows_the_containers_policy,
        khugepaged_follows_the_containers_policy,
        memory_filled_by_the_hosts_userfaultfd_follows_the_containers_policy,
        shared_memory_filled_by_userfaultfd_is_committed_by_who_fills_it,
        namespaces_that_share_memory_ask_each_for_itself,
        a_containers_pages_are_its_own,
        the_pages_of_containers_that_exist_at_load_are_theirs,
        pages_are_their_own_from_the_exec_of_the_init,
        pages_follow_the_init_that_is_moved,
        pages_of_a_cgroup_that_two_are_in_abstain,
        pages_of_a_cgroup_shared_with_the_outside_are_the_outsides,
        pages_of_nested_cgroups_are_those_of_the_one_around,
        pages_of_a_dead_namespace_are_nobodys,
        pages_of_the_oldest_of_many_places_are_nobodys,
    ],
};
