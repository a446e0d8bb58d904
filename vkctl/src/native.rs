//! Parameters that the kernel keeps per namespace: written from inside the container's.
//!
//! A process of ours enters the namespaces, this program again (`vkctl inside`): whoever enters a user
//! namespace must have one thread. `/proc/sys` shows each process its own.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{pidfd_open, Pid, PidfdFlags};
use rustix::thread::{
    move_into_thread_name_spaces, set_thread_gid, set_thread_uid, ThreadNameSpaceType,
};
use serde_json::{json, Value};
use vk_sysctl::Namespace;

use crate::failure::Failure;
use crate::profile::Wanted;

/// Writes all of it inside the namespaces of `pid`, or nothing; returns what was there.
///
/// # Errors
///
/// The kernel refuses one of them.
pub(crate) fn write(
    pid: u32,
    wanted: &[(Namespace, Wanted)],
) -> Result<Vec<(Namespace, Wanted)>, Failure> {
    let mut before = Vec::new();
    for (kind, one) in wanted {
        match exchange(pid, *kind, one) {
            Ok(old) => {
                let name = one.name.clone();
                before.push((*kind, Wanted { name, value: old }));
            }
            Err(failure) => {
                restore(pid, &before);
                return Err(failure);
            }
        }
    }
    Ok(before)
}

/// Writes back what was there.
pub(crate) fn restore(pid: u32, before: &[(Namespace, Wanted)]) {
    for (kind, one) in before.iter().rev() {
        if let Err(failure) = exchange(pid, *kind, one) {
            eprintln!("vkctl: {} is not what it was: {failure}", one.name);
        }
    }
}

/// Has a process of ours write one of them; returns what it read before.
fn exchange(pid: u32, kind: Namespace, one: &Wanted) -> Result<String, Failure> {
    let order = json!({
        "pid": pid, "kind": kind.to_string(), "path": path_of(&one.name), "value": one.value,
    });
    let output = run(&order).map_err(|e| Failure::io("cannot run vkctl inside", &e))?;
    let reply: Value = serde_json::from_slice(&output).unwrap_or_default();
    match (reply["old"].as_str(), reply["error"].as_str()) {
        (Some(old), _) => Ok(old.to_owned()),
        (None, why) => {
            let errno = reply["errno"].as_str().unwrap_or("EIO");
            let why = why.unwrap_or("the process inside ended");
            Err(Failure::refused(
                errno,
                format_args!("{}={}: {why}", one.name, one.value),
            ))
        }
    }
}

fn run(order: &Value) -> io::Result<Vec<u8>> {
    let mut child = Command::new("/proc/self/exe")
        .arg("inside")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(order.to_string().as_bytes())?;
    }
    Ok(child.wait_with_output()?.stdout)
}

/// The file of a parameter: dots are slashes, as sysctl(8) has it.
pub(crate) fn path_of(name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/{}", name.replace('.', "/")))
}

/// The verb `inside`: enters, exchanges, and tells by a line of JSON.
///
/// # Errors
///
/// The order cannot be read.
pub(crate) fn inside() -> Result<(), Failure> {
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|e| Failure::io("stdin", &e))?;
    let order: Value = serde_json::from_str(&text).map_err(Failure::usage)?;
    let reply = match obey(&order) {
        Ok(old) => json!({ "old": old }),
        Err(error) => {
            let failure = Failure::io("the kernel refuses it", &error);
            json!({ "error": failure.message, "errno": failure.errno })
        }
    };
    println!("{reply}");
    Ok(())
}

fn obey(order: &Value) -> io::Result<String> {
    let word = |name| order[name].as_str().ok_or(io::ErrorKind::InvalidInput);
    let (kind, path, value) = (word("kind")?, word("path")?, word("value")?);
    if let Some(pid) = order["pid"].as_u64() {
        enter(pid, kind)?;
        if kind == "pid" {
            // Only a child is in the pid namespace.
            return in_child(path, value);
        }
    }
    let old = fs::read_to_string(path)?;
    fs::write(path, value)?;
    Ok(old.trim_end().to_owned())
}

fn in_child(path: &str, value: &str) -> io::Result<String> {
    let order = json!({ "kind": "pid", "path": path, "value": value });
    let reply: Value = serde_json::from_slice(&run(&order)?)?;
    let refused = || io::Error::other(reply["error"].as_str().unwrap_or("no answer").to_owned());
    reply["old"].as_str().map(str::to_owned).ok_or_else(refused)
}

/// Enters the namespace of that kind, and the user namespace that owns it if that is not ours.
fn enter(pid: u64, kind: &str) -> io::Result<()> {
    let flag = match kind {
        "ipc" => ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
        "net" => ThreadNameSpaceType::NETWORK,
        "uts" => ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        "pid" => ThreadNameSpaceType::PROCESS_ID,
        "user" => ThreadNameSpaceType::USER,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::NotFound)?;
    let file = pidfd_open(pid, PidfdFlags::empty())?;
    let same = |kind: &str| -> io::Result<bool> {
        let link = |who: &str| fs::read_link(format!("/proc/{who}/ns/{kind}"));
        Ok(link(&pid.as_raw_nonzero().to_string())? == link("self")?)
    };
    if same(kind)? {
        return Err(io::Error::other(
            "the container shares this namespace with the host",
        ));
    }
    let is_user = !same("user")?;
    let all = if is_user {
        flag | ThreadNameSpaceType::USER
    } else {
        flag
    };
    move_into_thread_name_spaces(file.as_fd(), all)?;
    if is_user {
        // Its root, to whom the files belong.
        set_thread_gid(rustix::process::Gid::ROOT)?;
        set_thread_uid(rustix::process::Uid::ROOT)?;
    }
    Ok(())
}
