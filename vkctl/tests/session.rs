//! Whole commands against a device that answers as the module would.

#[path = "fake/device.rs"]
mod device;

use std::process::Output;

use device::{vkctl, Device};
use serde_json::{json, Value};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn lists_what_the_module_says() {
    let device = Device::answering(
        "ok\nns:40 parent=host level=1 pid=812 tasks=3 state=live policy=own enforced=yes a=1 comm=redis-server\n",
    );
    let output = device.vkctl("list");
    assert_eq!(device.request(), "vkernel 1 list\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        "NS     PARENT  LEVEL  PID  TASKS  STATE  POLICY  ENFORCED  KEYS  COMM\n\
         ns:40  host    1      812  3      live   own     yes       a=1   redis-server\n"
    );
    assert_eq!(stderr(&output), "");
}

#[test]
fn json_may_stand_before_or_behind_the_verb() {
    for line in ["--json features", "features --json"] {
        let device = Device::answering("ok\nthp state=served armed=yes\n");
        let output = device.vkctl(line);
        assert_eq!(
            object(&output),
            json!({"version": 1, "verb": "features", "warnings": [], "notes": [],
                   "features": [{"name": "thp", "state": "served", "armed": true}]})
        );
    }
}

#[test]
fn an_empty_list_says_what_to_do() {
    let output = Device::answering("ok\n").vkctl("list");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("vkctl list --all"));
}

#[test]
fn a_change_sends_all_its_lines_at_once() {
    let device = Device::answering("ok\nwarning: container 5 maps more than its limit\n");
    let output = device.vkctl("set ns:5 vm.overcommit_memory=2 vm.overcommit_ratio=80");
    assert_eq!(
        device.request(),
        "vkernel 1 set ns:5\nvm.overcommit_memory=2\nvm.overcommit_ratio=80\n"
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "warning: container 5 maps more than its limit\n"
    );
}

#[test]
fn a_refusal_names_line_and_key() {
    let answer = "error EINVAL line=2 key=thp: unknown key\n";
    let output = Device::answering(answer).vkctl("set ns:5 thp=1");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "vkctl: \"thp=1\": thp: unknown key (EINVAL)\nhint: `vkctl set --help` lists the keys\n"
    );
    let output = Device::answering(answer).vkctl("set ns:5 thp=1 --json");
    assert_eq!(output.status.code(), Some(1));
    let error = &object(&output)["error"];
    assert_eq!(object(&output)["version"], 1);
    assert_eq!(error["errno"], "EINVAL");
    assert_eq!(error["line"], 2);
    assert_eq!(error["key"], "thp");
    assert_eq!(error["message"], "unknown key");
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_refusal_names_the_line_of_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "# policy\na=1\n\nb=2\n").unwrap();
    let path = file.path().display();
    let device = Device::answering("error EINVAL line=3 key=b: unknown key\n");
    let output = device.vkctl(&format!("set ns:5 -f {path}"));
    assert_eq!(device.request(), "vkernel 1 set ns:5\na=1\nb=2\n");
    assert!(stderr(&output).starts_with(&format!("vkctl: {path}:4: b: unknown key")));
}

#[test]
fn watch_prints_each_event_as_it_comes() {
    let answer =
        "ok\n7 1234 born ns:40 parent=host level=1 pid=812 policy=none comm=\x1b[31m\nlost 3\n";
    let device = Device::answering(answer);
    let output = device.vkctl("watch");
    assert_eq!(device.request(), "vkernel 1 watch\n");
    assert_eq!(
        stdout(&output),
        "7 1234 born ns:40 parent=host level=1 pid=812 policy=none comm=\\u{1b}[31m\nlost 3\n"
    );
    // The module's stream does not end, so one that does is a failure.
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ended the stream"));
}

#[test]
fn watch_prints_one_object_per_line() {
    let device = Device::answering("ok\n7 1234 unhooked thp\nlost 3\n");
    let output = device.vkctl("watch --json");
    let text = stdout(&output);
    let objects: Vec<Value> = text
        .lines()
        .take(2)
        .map(|line| serde_json::from_str(line).expect("one object per line"))
        .collect();
    assert_eq!(objects[0]["event"], "unhooked");
    assert_eq!(objects[0]["feature"], "thp");
    assert_eq!(objects[1]["count"], 3);
    assert!(objects.iter().all(|object| object["version"] == 1));
}

#[test]
fn watch_tells_why_it_is_refused() {
    let output = Device::answering("error EINVAL line=2 key=x: unknown key\n").vkctl("watch");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("x: unknown key (EINVAL)"));
}

#[test]
fn says_who_may_change() {
    let output = Device::answering("error EPERM: not allowed\n").vkctl("unset ns:5");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("CAP_SYS_ADMIN in the initial user namespace"));
}

#[test]
fn says_how_to_load_the_module() {
    let output = vkctl("/nonexistent/vkernel", "list");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("not loaded"));
    assert!(stderr(&output).contains("modprobe vkernel"));
    let output = vkctl("/nonexistent/vkernel", "list --json");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(object(&output)["error"]["errno"], "ENOENT");
}

#[test]
fn an_answer_that_is_none_is_refused() {
    for answer in ["", "what\n", "ok\nstray words here\n"] {
        let output = Device::answering(answer).vkctl("list");
        assert_eq!(output.status.code(), Some(1), "{answer:?}");
        assert!(stderr(&output).contains("(EPROTO)"), "{answer:?}");
    }
}

#[test]
fn a_wrong_command_line_asks_nothing() {
    for line in [
        "show 4027",
        "show redis",
        "set ns:5",
        "set ns:5 a",
        "set ns:5 a=1 a=2",
        "frobnicate",
        "",
    ] {
        let device = Device::answering("ok\n");
        let output = device.vkctl(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(!stderr(&output).is_empty(), "{line:?}");
        assert!(device.is_unused(), "{line:?}");
    }
}

#[test]
fn a_process_that_is_not_there_asks_nothing() {
    let device = Device::answering("ok\n");
    let output = device.vkctl("set pid:4194305 a=1 --json");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(object(&output)["error"]["errno"], "ESRCH");
    assert!(device.is_unused());
}

#[test]
fn help_completions_and_manual_need_no_module() {
    for (line, part) in [
        ("--help", "Examples:"),
        ("help set", "vm.overcommit_memory"),
        ("completions bash", "_vkctl"),
        ("man", ".TH vkctl"),
        ("--version", "vkctl 0."),
    ] {
        let output = vkctl("/nonexistent/vkernel", line);
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(stdout(&output).contains(part), "{line}");
    }
}
