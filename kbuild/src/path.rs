//! Paths as a makefile can say them.

use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// Returns how the rules in `dir` name `path`, a file of a package of the author's own: from
/// `$(src)`, so that the checkout can be moved.
pub(crate) fn from_src(dir: &Path, path: &Path) -> Result<String, Error> {
    let path = path
        .canonicalize()
        .map_err(|error| Error::Read(path.to_owned(), error))?;
    Ok(format!("$(src)/{}", plain(&relative(dir, &path))?))
}

/// Returns `path` if a makefile and a shell take it as it is.
pub(crate) fn plain(path: &Path) -> Result<&str, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@,~".contains(&byte);
    match path.to_str() {
        Some(text) if text.bytes().all(is_plain) => Ok(text),
        _ => Err(Error::OddPath(path.to_owned())),
    }
}

/// Returns the way from the directory `from` to `to`; both are absolute and have no links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_to_what_is_shared() {
        let way = |from: &str, to: &str| relative(from.as_ref(), to.as_ref());
        assert_eq!(
            way("/w/module", "/w/module/src/lib.rs"),
            Path::new("src/lib.rs")
        );
        assert_eq!(
            way("/w/module", "/w/leaf/lib.rs"),
            Path::new("../leaf/lib.rs")
        );
        assert_eq!(way("/w/a/b", "/x"), Path::new("../../../x"));
        assert_eq!(way("/w/modul", "/w/module/x"), Path::new("../module/x"));
    }

    #[test]
    fn refuses_what_make_would_read_otherwise() {
        for path in ["/a b", "/a$b", "/a#b", "/a:b", "/a%b", "/a'b"] {
            assert!(
                matches!(plain(path.as_ref()), Err(Error::OddPath(_))),
                "{path}"
            );
        }
        assert_eq!(
            plain("/r/index.example-1f/x-0.1.0+2/src".as_ref()).ok(),
            Some("/r/index.example-1f/x-0.1.0+2/src")
        );
    }
}
