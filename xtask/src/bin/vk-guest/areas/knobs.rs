//! The knobs of huge pages beside `enabled`: each container turns its own, whatever the host's says.

mod defrag;
mod khugepaged;
mod matrix;
mod memory;
mod passed_on;
mod scans;
mod shmem;
mod vote;
mod zero_page;

use crate::area::{checks, Area, Module};
use defrag::{
    an_allocation_tries_as_hard_as_the_containers_word_says,
    memory_filled_from_the_host_tries_as_the_containers_word_says,
    the_defrag_file_is_the_containers_own_and_the_hosts_stays,
};
use khugepaged::{
    a_process_gets_on_the_list_when_its_policy_starts_to_allow,
    khugepaged_collapses_a_containers_shared_memory_and_none_of_the_hosts,
    khugepaged_leaves_a_container_alone_that_wants_none_of_it,
    what_lets_a_container_have_more_is_taken_back_while_khugepaged_works,
};
use matrix::{
    every_way_to_memory_follows_defrag, every_way_to_memory_follows_enabled,
    every_way_to_memory_follows_shmem_enabled, every_way_to_memory_follows_use_zero_page,
};
use passed_on::{
    a_fork_and_a_moved_mapping_follow_the_containers_word, what_is_nested_has_the_outer_ones_knobs,
};
use scans::{
    what_is_collapsed_does_not_depend_on_defrag,
    what_is_collapsed_does_not_depend_on_use_zero_page, what_is_collapsed_follows_enabled,
    what_is_collapsed_follows_khugepaged, what_is_collapsed_follows_shmem_enabled,
};
use shmem::{
    shared_memory_follows_the_containers_word_as_the_hosts_own_would,
    the_hosts_deny_stands_above_a_containers_word,
    the_shmem_files_are_the_containers_own_and_the_hosts_stay,
    what_is_written_to_a_memfd_follows_the_containers_word,
};
use vote::{
    a_forked_range_is_collapsed_once_more_pages_are_for_it,
    a_shared_file_is_collapsed_once_more_pages_are_for_it,
    a_shared_memfd_is_collapsed_once_more_pages_are_for_it,
    empty_zero_and_swapped_entries_do_not_vote, nobody_votes_about_a_collapse_on_request,
    pages_of_a_cgroup_that_two_share_do_not_vote, pages_of_a_container_that_ended_vote_as_the_host,
    pages_of_the_host_vote_as_the_host,
};
use zero_page::{
    a_read_gets_the_zero_page_as_the_containers_word_says,
    the_zero_page_file_is_the_containers_own_and_the_hosts_stays,
};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "knobs",
    module: Module::Loaded,
    checks: checks![
        an_allocation_tries_as_hard_as_the_containers_word_says,
        memory_filled_from_the_host_tries_as_the_containers_word_says,
        the_defrag_file_is_the_containers_own_and_the_hosts_stays,
        shared_memory_follows_the_containers_word_as_the_hosts_own_would,
        the_hosts_deny_stands_above_a_containers_word,
        what_is_written_to_a_memfd_follows_the_containers_word,
        the_shmem_files_are_the_containers_own_and_the_hosts_stay,
        a_read_gets_the_zero_page_as_the_containers_word_says,
        the_zero_page_file_is_the_containers_own_and_the_hosts_stays,
        khugepaged_leaves_a_container_alone_that_wants_none_of_it,
        khugepaged_collapses_a_containers_shared_memory_and_none_of_the_hosts,
        a_process_gets_on_the_list_when_its_policy_starts_to_allow,
        a_fork_and_a_moved_mapping_follow_the_containers_word,
        what_is_nested_has_the_outer_ones_knobs,
        every_way_to_memory_follows_enabled,
        every_way_to_memory_follows_shmem_enabled,
        every_way_to_memory_follows_defrag,
        every_way_to_memory_follows_use_zero_page,
        what_is_collapsed_follows_enabled,
        what_is_collapsed_follows_shmem_enabled,
        what_is_collapsed_follows_khugepaged,
        what_is_collapsed_does_not_depend_on_defrag,
        what_is_collapsed_does_not_depend_on_use_zero_page,
        what_lets_a_container_have_more_is_taken_back_while_khugepaged_works,
        a_forked_range_is_collapsed_once_more_pages_are_for_it,
        a_shared_memfd_is_collapsed_once_more_pages_are_for_it,
        a_shared_file_is_collapsed_once_more_pages_are_for_it,
        pages_of_the_host_vote_as_the_host,
        pages_of_a_cgroup_that_two_share_do_not_vote,
        pages_of_a_container_that_ended_vote_as_the_host,
        empty_zero_and_swapped_entries_do_not_vote,
        nobody_votes_about_a_collapse_on_request,
    ],
};
