//! The table of keys.

use vk_sysctl::{
    CType, Capability, Enforcer, Exceed, Key, Namespaced, Order, Scope, Standing, Unit,
    Unsupported, Value, NAMESPACED, TABLE, UNSUPPORTED,
};

#[test]
fn each_key_has_its_row() {
    for (key, entry) in Key::ALL.into_iter().zip(TABLE) {
        assert_eq!(entry.key, key);
        assert_eq!(key.entry(), entry);
        assert_eq!(key.name(), entry.name);
        assert_eq!(key.ctype(), entry.ctype);
        assert_eq!(key.to_string(), entry.name);
        assert_eq!(Key::from_name(entry.name.as_bytes()), Some(key));
        let (_, procname) = entry.name.split_once('.').unwrap();
        assert_eq!(procname, key.procname());
    }
}

#[test]
fn all_keys_of_the_plan_are_there() {
    let planned = [
        "vm.overcommit_memory",
        "vm.overcommit_ratio",
        "vm.overcommit_kbytes",
        "vm.admin_reserve_kbytes",
        "vm.user_reserve_kbytes",
        "vm.max_map_count",
        "vm.mmap_min_addr",
        "fs.nr_open",
        "fs.file-max",
        "fs.pipe-max-size",
        "fs.pipe-user-pages-hard",
        "fs.pipe-user-pages-soft",
        "fs.mount-max",
        "kernel.threads-max",
        "kernel.pid_max",
        "kernel.dmesg_restrict",
    ];
    let names: Vec<&str> = TABLE.iter().map(|entry| entry.name).collect();
    assert_eq!(names, planned);
}

#[test]
fn other_names_are_no_keys() {
    let names: [&[u8]; 6] = [
        b"",
        b"vm",
        b"overcommit_memory",
        b"vm.overcommit_memory\n",
        b"vm/overcommit_memory",
        b"vm.swappiness",
    ];
    for name in names {
        assert_eq!(Key::from_name(name), None);
    }
}

/// The bounds of each row, as the `extra1` and `extra2` of the kernel's tables have them.
#[test]
fn rows_are_those_of_the_kernels_tables() {
    let int = |min, max| CType::Int { min, max };
    let expected = [
        (Key::OvercommitMemory, int(0, 2), Unit::Mode),
        (Key::OvercommitRatio, CType::INT, Unit::Percent),
        (Key::OvercommitKbytes, CType::UNSIGNED_LONG, Unit::Kbytes),
        (Key::AdminReserveKbytes, CType::UNSIGNED_LONG, Unit::Kbytes),
        (Key::UserReserveKbytes, CType::UNSIGNED_LONG, Unit::Kbytes),
        (Key::MaxMapCount, int(0, i32::MAX), Unit::Mappings),
        (Key::MmapMinAddr, CType::UNSIGNED_LONG, Unit::Bytes),
        (
            Key::NrOpen,
            // sysctl_nr_open_min and _max of fs/file.c, on 64 bits.
            CType::UnsignedInt {
                min: u64::BITS,
                max: (i32::MAX as u32) & u64::BITS.wrapping_neg(),
            },
            Unit::Descriptors,
        ),
        (
            Key::FileMax,
            CType::UnsignedLong {
                min: 0,
                max: i64::MAX as u64,
            },
            Unit::Files,
        ),
        (Key::PipeMaxSize, CType::PipeSize, Unit::Bytes),
        (Key::PipeUserPagesHard, CType::UNSIGNED_LONG, Unit::Pages),
        (Key::PipeUserPagesSoft, CType::UNSIGNED_LONG, Unit::Pages),
        (Key::MountMax, int(1, i32::MAX), Unit::Mounts),
        // MAX_THREADS is FUTEX_TID_MASK.
        (Key::ThreadsMax, int(1, 0x3fff_ffff), Unit::Threads),
        // RESERVED_PIDS + 1 and PID_MAX_LIMIT.
        (Key::PidMax, int(301, 4 * 1024 * 1024), Unit::Pid),
        (Key::DmesgRestrict, int(0, 1), Unit::Mode),
    ];
    assert_eq!(expected.len(), Key::COUNT);
    for (key, ctype, unit) in expected {
        assert_eq!(key.ctype(), ctype, "{key}");
        assert_eq!(key.entry().unit, unit, "{key}");
    }
}

#[test]
fn only_ratio_and_kbytes_zero_each_other() {
    for entry in TABLE {
        let expected = match entry.key {
            Key::OvercommitRatio => Some(Key::OvercommitKbytes),
            Key::OvercommitKbytes => Some(Key::OvercommitRatio),
            _ => None,
        };
        assert_eq!(entry.zeroes, expected);
    }
}

#[test]
fn handlers_that_ask_for_a_capability_are_marked() {
    for entry in TABLE {
        let expected = match entry.key {
            Key::MmapMinAddr => Some(Capability::SysRawio),
            Key::DmesgRestrict => Some(Capability::SysAdmin),
            _ => None,
        };
        assert_eq!(entry.capability, expected);
    }
}

#[test]
fn effects_are_the_accountings_or_a_hooks() {
    for entry in TABLE {
        let is_accounting =
            entry.name.starts_with("vm.overcommit_") || entry.name.ends_with("_reserve_kbytes");
        match entry.enforcer {
            Enforcer::Overcommit => assert!(is_accounting, "{}", entry.name),
            Enforcer::Hooks(hooks) => assert!(!is_accounting && !hooks.is_empty()),
            _ => unreachable!(),
        }
        let is_pid_max = entry.key == Key::PidMax;
        assert_eq!(entry.scope != Scope::Machine, is_pid_max);
        // What has no order cannot be laxer.
        assert!(entry.order != Order::None || entry.exceed == Exceed::May);
    }
}

#[test]
fn a_type_accepts_its_own_values_within_bounds() {
    let bounded = CType::Int { min: 0, max: 2 };
    assert!(bounded.accepts(Value::Int(0)));
    assert!(bounded.accepts(Value::Int(2)));
    assert!(!bounded.accepts(Value::Int(3)));
    assert!(!bounded.accepts(Value::Int(-1)));
    assert!(!bounded.accepts(Value::UnsignedLong(1)));
    assert!(!bounded.accepts(Value::UnsignedInt(1)));
    let uint = CType::UnsignedInt { min: 10, max: 20 };
    assert!(uint.accepts(Value::UnsignedInt(10)));
    assert!(uint.accepts(Value::UnsignedInt(20)));
    assert!(!uint.accepts(Value::UnsignedInt(9)));
    assert!(!uint.accepts(Value::UnsignedInt(21)));
    assert!(!uint.accepts(Value::Int(15)));
    let long = CType::UnsignedLong { min: 10, max: 20 };
    assert!(long.accepts(Value::UnsignedLong(10)));
    assert!(long.accepts(Value::UnsignedLong(20)));
    assert!(!long.accepts(Value::UnsignedLong(9)));
    assert!(!long.accepts(Value::UnsignedLong(21)));
    assert!(!long.accepts(Value::Int(15)));
    assert!(CType::PipeSize.accepts(Value::UnsignedInt(4096)));
    assert!(CType::PipeSize.accepts(Value::UnsignedInt(1 << 31)));
    assert!(!CType::PipeSize.accepts(Value::UnsignedInt(2048)));
    assert!(!CType::PipeSize.accepts(Value::UnsignedInt(4097)));
    assert!(!CType::PipeSize.accepts(Value::UnsignedLong(4096)));
    assert_eq!(bounded.zero(), Value::Int(0));
    assert_eq!(uint.zero(), Value::UnsignedInt(0));
    assert_eq!(long.zero(), Value::UnsignedLong(0));
}

#[test]
fn a_type_accepts_its_least_and_greatest() {
    for entry in TABLE {
        assert!(entry.ctype.accepts(entry.ctype.least()), "{}", entry.name);
        assert!(entry.ctype.accepts(entry.ctype.greatest()));
    }
    assert_eq!(CType::INT.size_bytes(), 4);
    assert_eq!(CType::UNSIGNED_INT.size_bytes(), 4);
    assert_eq!(CType::PipeSize.size_bytes(), 4);
    assert_eq!(CType::UNSIGNED_LONG.size_bytes(), 8);
}

#[test]
fn words_for_people() {
    assert_eq!(CType::INT.to_string(), "int");
    assert_eq!(CType::UNSIGNED_INT.to_string(), "unsigned int");
    assert_eq!(CType::PipeSize.to_string(), "unsigned int");
    assert_eq!(CType::UNSIGNED_LONG.to_string(), "unsigned long");
    assert_eq!(Unit::Mode.to_string(), "mode");
    assert_eq!(Unit::Kbytes.to_string(), "KiB");
    assert_eq!(Value::Int(-5).to_string(), "-5");
    assert_eq!(Value::UnsignedInt(5).to_string(), "5");
    assert_eq!(Value::UnsignedLong(5).to_string(), "5");
    assert_eq!(Capability::SysRawio.to_string(), "CAP_SYS_RAWIO");
    assert_eq!(
        Key::FileMax.entry().table.to_string(),
        "fs/file_table.c:146"
    );
}

#[test]
fn a_name_has_one_standing() {
    for key in Key::ALL {
        let name = key.name().as_bytes();
        assert_eq!(Standing::of(name), Some(Standing::Private(key)));
        assert_eq!(Unsupported::from_name(name), None);
        assert_eq!(Namespaced::from_name(name), None);
    }
    for row in NAMESPACED {
        let name = format!("{}{}", row.name, below(row.name));
        assert_eq!(
            Standing::of(name.as_bytes()),
            Some(Standing::Namespaced(row)),
            "{name}"
        );
    }
    for row in UNSUPPORTED {
        let name = format!("{}{}", row.name, below(row.name));
        assert_eq!(
            Standing::of(name.as_bytes()),
            Some(Standing::Unsupported(row)),
            "{name}"
        );
        assert!(!row.reason.is_empty() && !row.reason.ends_with('.'));
    }
}

/// A name below a directory.
fn below(name: &str) -> &'static str {
    if name.ends_with(['.', '_']) {
        "anything"
    } else {
        ""
    }
}

#[test]
fn unknown_names_have_no_standing() {
    for name in [
        "",
        "net",
        "net.",
        "vm.dirty",
        "vm.dirty_",
        "vm.max_map_cuont",
        "kernel.hostname2",
        "vm.swappiness\n",
        "cpu_profile",
    ] {
        assert_eq!(Standing::of(name.as_bytes()), None, "{name}");
    }
}

/// The keys of the sample profile that this project began with.
#[test]
fn the_sample_profile_is_told_apart() {
    let private = [
        "fs.file-max",
        "fs.nr_open",
        "vm.max_map_count",
        "vm.mmap_min_addr",
    ];
    let namespaced = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.msg_next_id",
        "net.ipv4.ip_forward",
    ];
    let unsupported = ["net.nf_conntrack_max", "net.core.busy_poll"];
    let of = |name: &str| Standing::of(name.as_bytes());
    assert!(private
        .into_iter()
        .all(|name| matches!(of(name), Some(Standing::Private(_)))));
    assert!(namespaced
        .into_iter()
        .all(|name| matches!(of(name), Some(Standing::Namespaced(_)))));
    assert!(unsupported
        .into_iter()
        .all(|name| matches!(of(name), Some(Standing::Unsupported(_)))));
}
