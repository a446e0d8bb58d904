//! What redis makes of its container's overcommit mode.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Error, Result};

use crate::container::{wait_until, Container};
use crate::demo::cast::Cast;
use crate::demo::postgres::oom_kills;
use crate::demo::role::{LIMITED, PLAIN, REDIS, SPARSE};
use crate::policy::{ADMIN_RESERVE, RATIO, USER_RESERVE};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program;
use crate::setting::{Setting, OVERCOMMIT};

/// What redis prints at its start when a fork of its could be refused.
pub(crate) const WARNING: &str = "WARNING Memory overcommit must be enabled!";

/// The data set: values that the allocator rounds up to 1 MiB and not beyond.
const VALUES: &str = "64";
const VALUE_BYTES: &str = "1048000";
const DATA_BYTES: u64 = 64 << 20;

/// How long saving may take.
const SAVE_LIMIT: Duration = Duration::from_secs(60);

/// The beginning of `SET key VALUE` with a value of 64 MiB, for which redis makes room at once; as long
/// as nothing of it comes, next to nothing of the room is touched.
const ANNOUNCEMENT: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$67108864\r\n";
const ANNOUNCED_BYTES: u64 = 64 << 20;

/// A redis-server in a container, asked from the host.
struct Redis<'a> {
    container: &'a Container,
    socket: String,
}

impl<'a> Redis<'a> {
    fn of(container: &'a Container) -> Self {
        // Nothing more has to run in the container: its limit may be too small for that.
        let socket = format!("/proc/{}/root/tmp/redis.sock", container.pid());
        Self { container, socket }
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        let client = ["redis-cli", "-s", &self.socket];
        program::output(&[&client[..], words].concat())
    }

    /// Gives it the data set.
    fn fill(&self) -> Result<()> {
        let filled = self.ask(&["debug", "populate", VALUES, "value", VALUE_BYTES]);
        let counters = ["held", "limit", "failcnt", "recounts"].map(|it| self.container.stat(it));
        filled.with_context(|| format!("held, limit, failcnt, recounts: {counters:?}"))?;
        let used = self.field("memory", "used_memory")?.parse::<u64>()?;
        ensure!(used >= DATA_BYTES, "redis holds {used} bytes only");
        Ok(())
    }

    /// Asks for a save by a child, and returns the answer.
    fn begin_save(&self) -> Result<String> {
        self.ask(&["bgsave"])
    }

    /// Expects that a child saves the data.
    fn saves(&self) -> Outcome {
        let answer = self.begin_save()?;
        expect_contains("the answer", &answer, "Background saving started")?;
        expect_eq("the end of the save", self.save_status()?.as_str(), "ok")?;
        let dump = format!("/proc/{}/root/tmp/dump.rdb", self.container.pid());
        let is_written = std::fs::metadata(&dump).is_ok_and(|file| file.len() > 0);
        expect(is_written, "no dump.rdb", "one with the data")
    }

    /// Waits until no child saves, and returns how the last one ended.
    fn save_status(&self) -> Result<String> {
        let is_idle = || {
            matches!(
                self.field("persistence", "rdb_bgsave_in_progress")
                    .as_deref(),
                Ok("0")
            )
        };
        if !wait_until(SAVE_LIMIT, is_idle) {
            bail!("redis still saves after {} s", SAVE_LIMIT.as_secs());
        }
        self.field("persistence", "rdb_last_bgsave_status")
    }

    fn field(&self, section: &str, name: &str) -> Result<String> {
        let info = self.ask(&["info", section])?;
        let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
        let found = lines.find(|(its, _)| *its == name);
        let (_, value) = found.with_context(|| format!("redis tells no {name}"))?;
        Ok(value.to_owned())
    }
}

/// With overcommit 1 redis is content with its container.
pub(crate) fn starts_without_its_warning(cast: &Cast) -> Outcome {
    let log = cast.get(&REDIS)?.log()?;
    expect(!log.contains(WARNING), WARNING, "no such line in its log")
}

/// Without a policy it sees the host's mode and warns: the same program.
pub(crate) fn warns_without_a_policy(cast: &Cast) -> Outcome {
    expect_contains("its log", &cast.get(&PLAIN)?.log()?, WARNING)
}

/// With overcommit 1 a fork of the whole data set is granted.
///
/// Where an allocator sees mode 1 it maps with MAP_NORESERVE, and nothing of that would be judged at
/// the fork. The kernel hears of it while the host is in mode 2, with a limit that nobody reaches.
pub(crate) fn forks_for_bgsave(cast: &Cast) -> Outcome {
    let redis = Redis::of(cast.get(&REDIS)?);
    let mode = redis.container.read(OVERCOMMIT)?;
    expect_eq("the mode inside", mode.as_str(), "1")?;
    let _ratio = Setting::put(RATIO, "1000")?;
    let _host = Setting::put(OVERCOMMIT, "2")?;
    redis.fill()?;
    redis.saves()
}

/// With a limit of 96 MiB a fork of 64 MiB is refused, and redis goes on; the same redis forks once
/// its container is in mode 1.
pub(crate) fn cannot_fork_under_a_limit(cast: &Cast) -> Outcome {
    // Without them the data set fits below the limit, and twice the data set does not.
    let _none = [
        Setting::put(ADMIN_RESERVE, "0")?,
        Setting::put(USER_RESERVE, "0")?,
    ];
    let redis = Redis::of(cast.get(&LIMITED)?);
    redis.fill()?;
    let answer = redis.begin_save()?;
    expect(!answer.contains("started"), answer, "a refusal")?;
    expect_eq("the end of the save", redis.save_status()?.as_str(), "err")?;
    let log = redis.container.log()?;
    expect_contains("its log", &log, "fork: Cannot allocate memory")?;
    expect_eq("the answer to PING", redis.ask(&["ping"])?.as_str(), "PONG")?;
    let mode_1 = ["vkctl", "set", "oci:limited", "vm.overcommit_memory=1"];
    program::output(&mode_1)?;
    redis.saves()
}

/// A data set of which one mapping is larger than all memory of the container: mode 0 refuses the
/// fork for that, mode 2 for twice the data set. In mode 1 the same redis saves it.
pub(crate) fn saves_in_mode_1_what_modes_0_and_2_refuse() -> Outcome {
    let cast = Cast::start(&[&SPARSE])?;
    let container = cast.get(&SPARSE)?;
    let redis = Redis::of(container);
    expect_eq("a value", redis.ask(&["set", "small", "1"])?.as_str(), "OK")?;
    let mut sender = UnixStream::connect(&redis.socket)?;
    sender.write_all(ANNOUNCEMENT)?;
    let used = || {
        redis
            .field("memory", "used_memory")?
            .parse()
            .map_err(Error::new)
    };
    let has_room = || used().is_ok_and(|used: u64| used >= ANNOUNCED_BYTES);
    expect(
        wait_until(SAVE_LIMIT, has_room),
        format!("redis holds {:?} bytes", used()),
        format!("{ANNOUNCED_BYTES} and more"),
    )?;
    let killed_before = oom_kills(container)?;
    for (mode, why) in [("0", "its largest mapping"), ("2", "its sum")] {
        container.set(&[("vm.overcommit_memory", mode)])?;
        let answer = redis.begin_save()?;
        expect(
            !answer.contains("started"),
            format!("in mode {mode}: {answer}"),
            format!("refused for {why}"),
        )?;
    }
    expect_contains("its log", &container.log()?, "fork: Cannot allocate memory")?;
    container.set(&[("vm.overcommit_memory", "1")])?;
    redis.saves()?;
    expect_eq("the processes killed", oom_kills(container)?, killed_before)
}
