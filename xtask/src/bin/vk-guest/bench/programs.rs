//! What huge pages do to two programs whose makers say the opposite of them: redis, which forks to
//! save, and mariadb. The host is at `always`, and the container at each word.
//!
//! The time that a task ran counts instructions here. What translating addresses costs a real
//! processor is in no number.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::{Container, Runtime};
use crate::khugepaged::huge_kb_of;
use crate::oci::Spec;
use crate::policy::{set, target};
use crate::setting::{Setting, THP};
use crate::{module, port, program};

const WORDS: [&str; 2] = ["never", "always"];

const READY_LIMIT: Duration = Duration::from_secs(120);

const SAVE_LIMIT: Duration = Duration::from_secs(120);

/// How many values redis is given, of 1,000 bytes each; and how many more while it saves.
const VALUES: &str = "60000";
const WRITES: u64 = 20_000;

const QUERIES: u64 = 2000;

const SLAP: &[&str] = &[
    "mariadb-slap",
    "--no-defaults",
    "--socket=/tmp/mariadb.sock",
    "--auto-generate-sql",
    "--auto-generate-sql-load-type=mixed",
    "--concurrency=1",
];

/// Transactions of 20 statements on so many rows.
const SYSBENCH: &[&str] = &[
    "sysbench",
    "oltp_read_write",
    "--db-driver=mysql",
    "--mysql-socket=/tmp/mariadb.sock",
    "--mysql-user=root",
    "--mysql-db=vk",
    "--tables=1",
    "--table-size=50000",
    "--threads=1",
    "--time=0",
    "--rand-seed=1",
];

const TRANSACTIONS: u64 = 500;

/// Runs both at each word, and tells.
///
/// # Errors
///
/// A program does not serve, or the module refuses.
pub(crate) fn run() -> Result<()> {
    let _always = Setting::put(THP, "always")?;
    module::load(&[])?;
    for word in WORDS {
        redis(word).with_context(|| format!("redis at {word}"))?;
        mariadb(word).with_context(|| format!("mariadb at {word}"))?;
    }
    module::unload_when_unused()
}

/// What a program used so far, all its threads together.
#[derive(Clone, Copy)]
struct Used {
    instructions: u64,
    faults: u64,
}

impl Used {
    fn by(pid: u32) -> Result<Self> {
        let mut instructions = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let word = text.split(' ').next().context("no run time")?;
            instructions += word.parse::<u64>()?;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, words) = stat.rsplit_once(") ").context("no name")?;
        let faults = words.split(' ').nth(7).context("no faults")?.parse()?;
        Ok(Self {
            instructions,
            faults,
        })
    }
}

fn start(name: &str, argv: &[&str], ready: &str, word: &str) -> Result<Container> {
    let spec = Spec::new(name, argv).memory_max(768 << 20);
    let container = Container::create(Runtime::Crun, spec)?;
    set(&target(container.namespace()?), &[("thp_enabled", word)])?;
    container.begin()?;
    container.wait_for_log(ready, READY_LIMIT)?;
    Ok(container)
}

/// Says what `work`, which is so many requests, took a program.
fn tell(what: &str, pid: u32, requests: u64, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = Used::by(pid)?;
    work()?;
    let after = Used::by(pid)?;
    let instructions = (after.instructions - before.instructions) / requests;
    let faults = after.faults - before.faults;
    let huge_kb = huge_kb_of(pid)?;
    port::say(format!(
        "{what:<34} {instructions:>9} instructions each, {faults:>7} faults, {huge_kb:>7} kB of huge pages"
    ));
    Ok(())
}

fn redis(word: &str) -> Result<()> {
    let argv = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        "/tmp/redis.sock",
        "--dir",
        "/tmp",
        "--save",
        "",
        "--disable-thp",
        "no",
        // The save goes on as long as the writes do.
        "--rdb-key-save-delay",
        "100",
    ];
    let container = start("redis", &argv, "Ready to accept connections", word)?;
    let pid = container.pid();
    let socket = format!("/proc/{pid}/root/tmp/redis.sock");
    let ask = |words: &[&str]| program::output(&[&["redis-cli", "-s", &socket], words].concat());
    let writes = |count: &str| {
        let words = ["-t", "set", "-d", "1000", "-r", VALUES, "-q", "-n", count];
        program::output(&[&["redis-benchmark", "-s", &socket], &words[..]].concat()).map(|_| ())
    };
    tell(&format!("redis at {word}, filled"), pid, 60_000, || {
        writes(VALUES)
    })?;
    let count = WRITES.to_string();
    tell(&format!("redis at {word}, alone"), pid, WRITES, || {
        writes(&count)
    })?;
    ask(&["bgsave"])?;
    tell(
        &format!("redis at {word}, while it saves"),
        pid,
        WRITES,
        || writes(&count),
    )?;
    let field = |section: &str, name: &str| -> Result<String> {
        let info = ask(&["info", section])?;
        let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
        let found = lines.find(|(its, _)| *its == name);
        Ok(found.with_context(|| format!("no {name}"))?.1.to_owned())
    };
    let still = field("persistence", "rdb_bgsave_in_progress")?;
    let saved = crate::container::wait_until(SAVE_LIMIT, || {
        field("persistence", "rdb_bgsave_in_progress").is_ok_and(|it| it == "0")
    });
    let copied_kb = field("persistence", "rdb_last_cow_size")?.parse::<u64>()? >> 10;
    port::say(format!(
        "redis at {word}: the fork took {} us, {copied_kb} kB were copied; saved: {saved}, after the writes: {still}",
        field("stats", "latest_fork_usec")?,
    ));
    container.stop()
}

fn mariadb(word: &str) -> Result<()> {
    let argv = [
        "mariadbd",
        "--no-defaults",
        "--user=mysql",
        "--datadir=/var/lib/mysql",
        "--socket=/tmp/mariadb.sock",
        "--pid-file=/tmp/mariadb.pid",
        "--skip-networking",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
    ];
    let container = start("mariadb", &argv, "ready for connections", word)?;
    let queries = format!("--number-of-queries={QUERIES}");
    let slap = || container.output(&[SLAP, &[&queries]].concat()).map(|_| ());
    for round in ["first", "second"] {
        let what = format!("mariadb at {word}, {round} round");
        tell(&what, container.pid(), QUERIES, slap)?;
    }
    sysbench(&container, word)?;
    container.stop()
}

/// What sysbench's transactions take the server.
fn sysbench(container: &Container, word: &str) -> Result<()> {
    let socket = "--socket=/tmp/mariadb.sock";
    let create = "create database vk";
    container.output(&["mariadb", "--no-defaults", socket, "-e", create])?;
    let does = |more: &[&str]| container.output(&[SYSBENCH, more].concat()).map(|_| ());
    does(&["prepare"])?;
    let events = format!("--events={TRANSACTIONS}");
    for round in ["first", "second"] {
        let what = format!("sysbench at {word}, {round} round");
        tell(&what, container.pid(), TRANSACTIONS, || {
            does(&[&events, "run"])
        })?;
    }
    Ok(())
}
