//! The decoder's time beside that of others: runs the benches of vk-hook/peers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{presets, Table};

use super::kernel::Decoder;
use super::text::Text;
use crate::command::Command;
use crate::lab::Lab;
use crate::step::step;
use crate::{cache, workspace};

/// Whom the others are compared with: the fastest, though it knows no VEX and no EVEX.
const MARK: &str = "lde";

/// Times all decoders on the same texts, in one run, and prints a table.
///
/// # Errors
///
/// The benches cannot be run.
pub(crate) fn run(lab: &Lab, decoder: &Decoder) -> Result<()> {
    let target = workspace::dir().join("target/peers");
    let texts = target.join("texts");
    cache::make_empty(&texts)?;
    let criterion = target.join("criterion");
    cache::remove_dir(&criterion)?;
    for (file, text) in [
        ("vmlinux", Text::vmlinux(lab)?),
        ("librustc", Text::rustc()?),
    ] {
        fs::write(texts.join(file).with_extension("text"), &text.bytes)?;
        println!("{file}: {}, {} bytes", text.name, text.bytes.len());
    }
    let advice = "see criterion's message";
    step(&lab.cache.logs(), "peers", advice, |step| {
        Command::new("cargo")
            .dir(workspace::dir().join("vk-hook/peers"))
            .args(["bench", "--locked"])
            .env("CARGO_TARGET_DIR", &target)
            .env("CRITERION_HOME", &criterion)
            .env("VK_INSN_TEXTS", &texts)
            .env("VK_INSN_KERNEL", decoder.program())
            .run(step)
    })?;
    println!("{}", table(&criterion)?);
    Ok(())
}

fn table(criterion: &Path) -> Result<Table> {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    let of_mark = format!("of {MARK}'s time");
    table.set_header(["text", "decoder", "ms", of_mark.as_str()]);
    for text in names(criterion)? {
        let dir = criterion.join(&text);
        let mark = millis(&dir.join(MARK))?;
        for decoder in names(&dir)? {
            let time = millis(&dir.join(&decoder))?;
            let (time, part) = (format!("{time:.1}"), format!("{:.2}", time / mark));
            table.add_row([text.clone(), decoder, time, part]);
        }
    }
    Ok(table)
}

/// The names of the directories in `dir`, without criterion's reports.
fn names(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("no {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "report" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The median of one measurement.
fn millis(dir: &Path) -> Result<f64> {
    let path = dir.join("new/estimates.json");
    let json = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    let nanos = json["median"]["point_estimate"].as_f64();
    Ok(nanos.context("no median")? / 1e6)
}
