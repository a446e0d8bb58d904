//! Which kernel parameters the module serves, and which hooks each of them needs.

use vk_ffi_shims::{Feature, Parameter};
use vk_sysctl::Key as Sysctl;

/// The key, the kernel's variable and the features of each parameter that is served.
#[rustfmt::skip]
pub const SERVED: [(Sysctl, Parameter, [Feature; 2]); Parameter::ALL.len()] = [
    (Sysctl::OvercommitMemory, Parameter::OvercommitMemory, [Feature::Sysctl, Feature::Overcommit]),
    (Sysctl::OvercommitRatio, Parameter::OvercommitRatio, [Feature::Sysctl, Feature::Overcommit]),
    (Sysctl::OvercommitKbytes, Parameter::OvercommitKbytes, [Feature::Sysctl, Feature::Overcommit]),
    (Sysctl::AdminReserveKbytes, Parameter::AdminReserveKbytes, [Feature::Parameters, Feature::Overcommit]),
    (Sysctl::UserReserveKbytes, Parameter::UserReserveKbytes, [Feature::Parameters, Feature::Overcommit]),
    (Sysctl::MaxMapCount, Parameter::MaxMapCount, [Feature::Parameters, Feature::Maps]),
    (Sysctl::MmapMinAddr, Parameter::MmapMinAddr, [Feature::Parameters, Feature::MinAddr]),
    (Sysctl::NrOpen, Parameter::NrOpen, [Feature::Parameters, Feature::Descriptors]),
    (Sysctl::PipeMaxSize, Parameter::PipeMaxSize, [Feature::Parameters, Feature::Pipes]),
    (Sysctl::PipeUserPagesHard, Parameter::PipeUserPagesHard, [Feature::Parameters, Feature::Pipes]),
    (Sysctl::PipeUserPagesSoft, Parameter::PipeUserPagesSoft, [Feature::Parameters, Feature::Pipes]),
    (Sysctl::MountMax, Parameter::MountMax, [Feature::Parameters, Feature::Mounts]),
    (Sysctl::ThreadsMax, Parameter::ThreadsMax, [Feature::Parameters, Feature::Threads]),
    (Sysctl::DmesgRestrict, Parameter::DmesgRestrict, [Feature::Parameters, Feature::Log]),
    (Sysctl::FileMax, Parameter::FileMax, [Feature::Parameters, Feature::Files]),
];

/// The key of each variable.
const KEYS: [Option<Sysctl>; Parameter::ALL.len()] = {
    let mut keys = [None; Parameter::ALL.len()];
    let mut at = 0;
    while at < SERVED.len() {
        let (key, parameter, _) = SERVED[at];
        keys[parameter as usize] = Some(key);
        at += 1;
    }
    keys
};

/// Returns the hooks that the key needs: those of its file, and those of its effect.
pub fn features(key: Sysctl) -> &'static [Feature] {
    let row = SERVED.iter().find(|(its, ..)| *its == key);
    row.map_or(&[], |(.., features)| features)
}

/// Returns the key of a variable.
pub fn served_by(parameter: Parameter) -> Option<Sysctl> {
    KEYS.get(parameter as usize).copied().flatten()
}

/// Returns the kernel's variable of a key.
pub fn parameter_of(key: Sysctl) -> Option<Parameter> {
    let row = SERVED.iter().find(|(its, ..)| *its == key);
    row.map(|&(_, parameter, _)| parameter)
}
