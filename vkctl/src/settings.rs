//! The KEY=VALUE pairs of `set`, from the command line and from files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;

/// One value to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
    /// Where the user wrote it.
    pub(crate) origin: String,
}

/// Reads the pairs of `file`, if any, then those of the command line.
///
/// # Errors
///
/// The file cannot be read, a pair is none, a key stands twice, or there is no pair at all.
pub(crate) fn collect(words: &[String], file: Option<&Path>) -> Result<Vec<Setting>, Failure> {
    let mut settings = match file {
        Some(path) => parse_file(&path.display().to_string(), &read(path)?)?,
        None => Vec::new(),
    };
    for word in words {
        settings.push(parse(word, format!("{word:?}"))?);
    }
    if settings.is_empty() {
        return Err(Failure::usage("there is no KEY=VALUE to set"));
    }
    refuse_twice(&settings)?;
    Ok(settings)
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => fs::read_to_string(path),
    };
    text.map_err(|e| Failure::usage(format_args!("{}: {e}", path.display())))
}

fn parse_file(name: &str, text: &str) -> Result<Vec<Setting>, Failure> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(i, line)| parse(line, format!("{name}:{}", i + 1)))
        .collect()
}

/// Reads one pair; spaces around `=` are allowed, as in sysctl.conf(5).
fn parse(word: &str, origin: String) -> Result<Setting, Failure> {
    let Some((key, value)) = word.split_once('=') else {
        return Err(at(origin, "this is no KEY=VALUE"));
    };
    Ok(Setting {
        key: key.trim().to_owned(),
        value: value.trim().to_owned(),
        origin,
    })
}

fn refuse_twice(settings: &[Setting]) -> Result<(), Failure> {
    for (i, setting) in settings.iter().enumerate() {
        if let Some(first) = settings[..i].iter().find(|s| s.key == setting.key) {
            let sentence = format!("{} stands at {} already", setting.key, first.origin);
            return Err(at(setting.origin.clone(), &sentence));
        }
    }
    Ok(())
}

fn at(origin: String, sentence: &str) -> Failure {
    Failure {
        origin: Some(origin),
        ..Failure::usage(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn reads_lines_and_remembers_where_they_stood() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            &file,
            "# policy\n\nthp_enabled = never\nvm.overcommit_memory=2\n",
        )
        .unwrap();
        let settings = collect(&words(&["a=b=c"]), Some(file.path())).unwrap();
        let keys: Vec<_> = settings.iter().map(|s| (&*s.key, &*s.value)).collect();
        assert_eq!(
            keys,
            [
                ("thp_enabled", "never"),
                ("vm.overcommit_memory", "2"),
                ("a", "b=c")
            ]
        );
        assert!(settings[0].origin.ends_with(":3"));
        assert_eq!(settings[2].origin, "\"a=b=c\"");
    }

    #[test]
    fn refuses_what_cannot_be_set() {
        let refused = |list: &[&str]| collect(&words(list), None).unwrap_err();
        assert!(refused(&[]).message.contains("no KEY=VALUE to set"));
        assert_eq!(refused(&["thp"]).origin.as_deref(), Some("\"thp\""));
        let twice = refused(&["a=1", "b=1", "a=2"]);
        assert_eq!(twice.message, "a stands at \"a=1\" already");
        assert_eq!(twice.exit_code(), 2);
    }

    #[test]
    fn names_a_file_that_is_not_there() {
        let failure = collect(&[], Some(Path::new("/nonexistent/policy"))).unwrap_err();
        assert!(failure.message.starts_with("/nonexistent/policy: "));
    }
}
