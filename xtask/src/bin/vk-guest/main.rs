//! The guest's first program: sets the machine up, runs what was asked for, reports, ends it.

#![deny(unsafe_code)]

mod actor;
mod area;
mod areas;
mod bench;
mod bpf;
mod btf;
mod calls;
mod cgroup;
mod churn;
mod commitment;
mod container;
mod crowd;
mod demo;
mod device;
mod dmesg;
mod doctor;
mod door;
mod fault;
mod firstborn;
mod init;
mod kernel_text;
mod khugepaged;
mod leaks;
mod limited;
mod loaded;
mod mapping;
mod meminfo;
mod module;
mod namespace;
mod neighbour;
mod nested;
mod oci;
mod pairs;
mod policy;
mod port;
mod problem;
mod program;
mod row;
mod scout;
mod selftests;
mod sequence;
mod setting;
mod shell;
mod slab;
mod stream;
mod swap;
mod test;
mod torture;
mod tracer;
mod userfault;
mod values;
mod walk;
mod watchdog;
mod ways;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        None if std::process::id() == 1 => init::run(),
        Some("work") => work::run(),
        Some("measure") => bench::run_measured(std::env::args().skip(2)),
        Some("act") => actor::run(std::env::args().skip(2)),
        Some("churn") => churn::run(),
        Some("scout") => scout::run(),
        _ => {
            eprintln!("vk-guest is the first program of a guest; `cargo xtask test` runs it");
            ExitCode::FAILURE
        }
    }
}
