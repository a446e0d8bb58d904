//! Whether vk-overcommit computes what the kernel computes: its verdicts beside those of the
//! kernel's own C, cut out of the source and compiled when the check runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::report::Report;
use crate::root::Root;
use crate::source::{self, Unpacked};
use crate::step::{self, Step};

mod case;

use case::{Answer, Case};
use fastrand::Rng;

/// The check's name.
pub(crate) const NAME: &str = "build/overcommit-is-the-kernels";

/// How many cases are compared, and how many go through a file at once.
const CASES: usize = 1_000_000;
const BATCH: usize = 100_000;

/// The program around the kernel's functions.
const ANSWER: &str = include_str!("formula/answer.c");

/// What is cut out of the source, in an order in which C can read it.
const FUNCTIONS: &[(&str, &str)] = &[
    (
        "include/linux/percpu_counter.h",
        "percpu_counter_read_positive",
    ),
    ("include/linux/mman.h", "vm_acct_memory"),
    ("include/linux/mman.h", "vm_unacct_memory"),
    ("mm/util.c", "vm_commit_limit"),
    ("mm/util.c", "__vm_enough_memory"),
];

/// How the kernel is compiled, as far as arithmetic knows.
const FLAGS: &[&str] = &[
    "-std=gnu11",
    "-O2",
    "-fno-strict-overflow",
    "-Wall",
    "-Werror",
];

/// Compares the answers, where the lab has the kernel's source.
///
/// # Errors
///
/// The stock kernel's version cannot be read.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    let Unpacked { root, dir, .. } = match source::unpacked(cache)? {
        Ok(unpacked) => unpacked,
        Err(why) => {
            report.skipped(NAME, why);
            return Ok(());
        }
    };
    let outcome = step::unannounced(&cache.logs(), NAME, |step| {
        compare(step, cache, &root, &dir)
    });
    match outcome {
        Ok(None) => report.ok(NAME),
        Ok(Some(difference)) => report.failed(NAME, difference),
        Err(error) => report.failed(NAME, format!("{error:#}, expected C to compile and answer")),
    }
    Ok(())
}

/// Compares all cases; returns the first difference.
fn compare(step: &Step, cache: &Cache, root: &Root, source: &Path) -> Result<Option<String>> {
    // In the cache, which the root has at the same path.
    let scratch = tempfile::tempdir_in(cache.dir())?;
    let dir = scratch.path();
    compile(step, root, source, dir)?;
    let mut rng = Rng::with_seed(1);
    for _ in 0..CASES / BATCH {
        let cases: Vec<_> = (0..BATCH).map(|_| Case::any(&mut rng)).collect();
        let answers = ask(step, root, dir, &cases)?;
        let mut both = cases.iter().zip(answers);
        let difference = both.find_map(|(case, kernels)| differs(case, kernels));
        if difference.is_some() {
            return Ok(difference);
        }
    }
    Ok(None)
}

fn compile(step: &Step, root: &Root, source: &Path, dir: &Path) -> Result<()> {
    let mut cut = String::new();
    for (file, name) in FUNCTIONS {
        let text = fs::read_to_string(source.join(file))
            .with_context(|| format!("no {file} in {}", source.display()))?;
        let function = function(&text, name).with_context(|| format!("no {name}() in {file}"))?;
        cut.push_str(function);
    }
    fs::write(dir.join("kernel.inc"), cut)?;
    fs::write(dir.join("answer.c"), ANSWER)?;
    let gcc = root.command("gcc", dir)?.args(FLAGS);
    gcc.args(["answer.c", "-o", "answer"]).run(step)
}

/// Cuts a function out of a C file: from the line with its name to the next that is a brace.
fn function<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let call = format!(" {name}(");
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_outside = !line.starts_with(|it: char| it.is_whitespace() || it == '/');
        let is_declared = line.trim_end().ends_with(';');
        if is_outside && line.contains(&call) && !is_declared {
            let body = text.get(start..)?;
            let end = body.find("\n}\n")?;
            return body.get(..end + "\n}\n".len());
        }
        start += line.len();
    }
    None
}

/// Has the kernel's functions answer.
fn ask(step: &Step, root: &Root, dir: &Path, cases: &[Case]) -> Result<Vec<Answer>> {
    let words = cases.iter().flat_map(Case::words);
    let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    fs::write(dir.join("cases"), bytes)?;
    let program = dir.join("answer");
    let program = root.command(&program.to_string_lossy(), dir)?;
    program.args(["cases", "answers"]).run(step)?;
    let bytes = fs::read(dir.join("answers"))?;
    let words = bytes.chunks_exact(8).map(|word| {
        let word = word.try_into().expect("a chunk of eight bytes");
        u64::from_ne_bytes(word)
    });
    let words: Vec<_> = words.collect();
    let answers: Vec<_> = words.chunks_exact(3).map(answer).collect();
    anyhow::ensure!(
        answers.len() == cases.len(),
        "{} answers to {} cases",
        answers.len(),
        cases.len()
    );
    Ok(answers)
}

fn answer(words: &[u64]) -> Answer {
    Answer {
        limit_pages: words[0],
        errno: words[1] as i64,
        committed_pages: words[2] as i64,
    }
}

fn differs(case: &Case, kernels: Answer) -> Option<String> {
    let ours = case.answer();
    (ours != kernels).then(|| format!("{case:?}: {ours:?}, expected the kernel's {kernels:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
/* one() is below. */
int one(int);
static inline int other(void)
{
	return one(1);
}
int one(int more)
{
	if (more) {
		more++;
	}
	return more;
}
EXPORT_SYMBOL(one);
";

    #[test]
    fn cuts_a_function_out() {
        let one = function(TEXT, "one").unwrap();
        assert!(one.starts_with("int one(int more)\n{\n"));
        assert!(one.ends_with("\treturn more;\n}\n"));
        assert_eq!(function(TEXT, "two"), None);
    }

    #[test]
    fn cases_are_the_same_in_every_run() {
        let first = |seed| Case::any(&mut Rng::with_seed(seed)).words();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}
