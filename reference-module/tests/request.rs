//! Requests on the control device, good and bad.

use vk_reference_module::{Errno, Request, Target, Verb, REQUEST_MAX};

fn refusal(text: &[u8]) -> String {
    match Request::parse(text) {
        Ok(request) => format!("understood as {request:?}"),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn understands_a_request_with_lines() {
    let request = Request::parse(b"vkernel 1 set ns:42\nthp_enabled=never\n\nvm.x=a=b\n")
        .expect("it is well formed");
    assert_eq!(request.verb, Verb::Set);
    assert_eq!(request.target, Some(Target::Namespace(42)));
    let lines: Vec<_> = request
        .lines()
        .map(|line| line.map(|line| (line.number, line.key, line.value)))
        .collect::<Result<_, _>>()
        .expect("every line has a =");
    let expected: [(u32, &[u8], &[u8]); 2] = [(2, b"thp_enabled", b"never"), (4, b"vm.x", b"a=b")];
    assert_eq!(lines, expected);
}

#[test]
fn does_without_the_last_newline() {
    assert!(Request::parse(b"vkernel 1 list").is_ok());
    assert!(Request::parse(b"vkernel 1 show default").is_ok());
}

#[test]
fn names_the_line_and_the_word_that_is_wrong() {
    for (text, expected) in [
        (&b""[..], "error EINVAL line=1: a request begins with: vkernel 1 VERB [TARGET]"),
        (b"hello", "error EINVAL line=1: a request begins with: vkernel 1 VERB [TARGET]"),
        (b"vkernel 2 list", "error EINVAL line=1 key=2: this module speaks version 1 of the protocol"),
        (b"vkernel", "error EINVAL line=1: this module speaks version 1 of the protocol"),
        (b"vkernel 1 set\na=b", "error EINVAL line=1 key=set: a target is missing: ns:N or default"),
        (b"vkernel 1 show 42", "error EINVAL line=1 key=42: a target is ns:N or default"),
        (b"vkernel 1 show ns:", "error EINVAL line=1 key=ns:: a target is ns:N or default"),
        (b"vkernel 1 show ns:-1", "error EINVAL line=1 key=ns:-1: a target is ns:N or default"),
        (
            b"vkernel 1 show ns:99999999999999999999",
            "error EINVAL line=1 key=ns:99999999999999999999: a target is ns:N or default",
        ),
        (b"vkernel 1 list ns:1", "error EINVAL line=1 key=ns:1: this verb takes no target"),
        (b"vkernel 1 show ns:1 x", "error EINVAL line=1 key=x: too many words"),
        (b"vkernel 1 \x07\n", "error EOPNOTSUPP line=1 key=?: unknown verb; there are list, show, stat, features, hooks, owner, watch, set, unset, arm, disarm"),
    ] {
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn names_a_line_without_an_equals_sign() {
    let request =
        Request::parse(b"vkernel 1 set default\nthp_enabled=never\nfoo").expect("first line");
    let last = request.lines().last().expect("two lines");
    let refusal = last.expect_err("foo is no line");
    assert_eq!(
        refusal.to_string(),
        "error EINVAL line=3 key=foo: a line is KEY=VALUE"
    );
}

#[test]
fn refuses_what_is_too_long() {
    let text = vec![b'x'; REQUEST_MAX + 1];
    let refusal = Request::parse(&text).expect_err("one byte too many");
    assert_eq!(refusal.errno, Errno::EMSGSIZE);
    assert_eq!(refusal.errno.to_errno(), -90);
}
