//! The kernel's own selftests that `selftests` runs in a container: which, and how they are called.

/// One call of a selftest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selftest {
    /// What the report calls it.
    pub name: &'static str,
    /// The program, of `tools/testing/selftests/mm`.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// Whether it wants to be run by a user without privileges.
    pub is_for_nobody: bool,
}

impl Selftest {
    /// Returns the program's name in the payload.
    pub fn payload(&self) -> String {
        payload(self.program)
    }
}

/// Returns the name of `program` in the payload.
pub fn payload(program: &str) -> String {
    format!("mm-{program}")
}

const fn plain(program: &'static str) -> Selftest {
    with(program, program, &[])
}

const fn with(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
) -> Selftest {
    Selftest {
        name,
        program,
        arguments,
        is_for_nobody: false,
    }
}

/// Those of memory management, with the arguments of `run_vmtests.sh`, shorter where those are
/// minutes: huge pages, copy on write, KSM, and what charges or maps. (`ksm_tests`, `migration` and
/// `memfd_secret` want libraries that nothing else of the lab needs.)
pub const MM: &[Selftest] = &[
    plain("prctl_thp_disable"),
    with("transhuge-stress", "transhuge-stress", &["-d", "5"]),
    plain("khugepaged"),
    with("khugepaged-shmem", "khugepaged", &["all:shmem"]),
    plain("split_huge_page_test"),
    plain("folio_split_race_test"),
    plain("cow"),
    plain("ksm_functional_tests"),
    plain("madv_populate"),
    plain("guard-regions"),
    plain("merge"),
    plain("mkdirty"),
    plain("mremap_test"),
    plain("mremap_dontunmap"),
    plain("map_populate"),
    plain("map_fixed_noreplace"),
    plain("mlock2-tests"),
    plain("mdwe_test"),
    plain("droppable"),
    plain("soft-dirty"),
    plain("process_madv"),
    plain("mrelease_test"),
    plain("pagemap_ioctl"),
    Selftest {
        is_for_nobody: true,
        ..plain("on-fault-limit")
    },
];

/// Returns the programs of `tests`, each once.
pub fn programs(tests: &[Selftest]) -> Vec<&'static str> {
    let mut programs: Vec<_> = tests.iter().map(|test| test.program).collect();
    programs.sort_unstable();
    programs.dedup();
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_call_once() {
        let mut names: Vec<_> = MM.iter().map(|test| test.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MM.len());
    }

    #[test]
    fn builds_a_program_once_for_all_its_calls() {
        let programs = programs(MM);
        let calls = |program| MM.iter().filter(|test| test.program == program).count();
        assert_eq!(calls("khugepaged"), 2);
        assert_eq!(programs.iter().filter(|&&it| it == "khugepaged").count(), 1);
    }
}
