//! What the C shims of a kernel series stand on, read from their source: there is no second list.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace;

/// The C shims of one kernel series.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shims {
    /// The functions that are diverted.
    pub(crate) hooks: Vec<String>,
    /// The symbols that are looked up, hooks that are found by their name included.
    pub(crate) symbols: Vec<String>,
    /// The structures whose fields are fetched, as `struct NAME`.
    pub(crate) structs: Vec<String>,
    /// Those of the symbols that are called.
    pub(crate) called: Vec<String>,
}

impl Shims {
    /// Reads the source for `series`: `7.2`.
    ///
    /// # Errors
    ///
    /// There is no file for the series, or it lists nothing.
    pub(crate) fn read(series: &str) -> Result<Self> {
        let dir = dir();
        let file = dir.join(format!("series_{}.c", series.replace('.', "_")));
        let mut own = fs::read_to_string(&file)
            .with_context(|| format!("no shims for Linux {series}: {}", file.display()))?;
        let site = dir.join(format!("site_{}.c", series.replace('.', "_")));
        own += &fs::read_to_string(&site)
            .with_context(|| format!("no shims for Linux {series}: {}", site.display()))?;
        let mut shared = String::new();
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".c") && !name.starts_with("series_") && !name.starts_with("site_") {
                shared += &fs::read_to_string(&path)?;
            }
        }
        let shims = Self::parse(&own, &shared);
        let is_whole = !shims.hooks.is_empty() && !shims.symbols.is_empty();
        is_whole
            .then_some(shims)
            .with_context(|| format!("no list of hooks or symbols in {}", file.display()))
    }

    fn parse(own: &str, shared: &str) -> Self {
        let calls = each_after(own, "VK_BIND_CALL(").chain(each_after(shared, "VK_BIND_CALL("));
        let lines: Vec<HookLine> = of_gcc(own).filter_map(HookLine::parse).collect();
        let by_name = lines.iter().filter(|line| line.is_by_name);
        let mut symbols = strings(table(own, "struct vk_symbol vk_symbols[] = {"));
        symbols.extend(strings(table(
            own,
            "struct vk_symbol vk_site_symbols[] = {",
        )));
        symbols.extend(by_name.map(|line| line.function.to_owned()));
        Self {
            hooks: lines.iter().map(|line| line.function.to_owned()).collect(),
            symbols,
            structs: strings(table(own, "const char *const vk_structs[] = {")),
            called: calls.map(first_string).collect(),
        }
    }

    /// Returns everything by name, each once.
    pub(crate) fn names(&self) -> Vec<&str> {
        let all = self.hooks.iter().chain(&self.structs).chain(&self.symbols);
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Tells whether `name` must have a type in a kernel's BTF.
    ///
    /// Variables have none there, nor have functions whose name is not unique: those are found in
    /// a structure, and have the type of the pointer to them.
    pub(crate) fn must_have_type(&self, name: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|it| it == name);
        let is_looked_up = is_in(&self.hooks) && is_in(&self.symbols);
        is_looked_up || is_in(&self.structs) || is_in(&self.called)
    }

    /// Returns the symbols that are variables.
    pub(crate) fn globals(&self) -> impl Iterator<Item = &str> {
        let names = self.symbols.iter().map(String::as_str);
        // The kernel's own marks at the ends of a section are no variables.
        names.filter(|name| !self.must_have_type(name) && !name.starts_with("__st"))
    }
}

/// What a line `VK_HOOK...(` of C says of the function.
struct HookLine<'a> {
    function: &'a str,
    /// Whether it is found by its name.
    is_by_name: bool,
}

impl<'a> HookLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (word, rest) = line.split_once('(')?;
        // Behind the hook's own name, where it has one.
        let nth = match word {
            "VK_HOOK" | "VK_HOOK_STATIC" => 0,
            "VK_HOOK_AS" | "VK_HOOK_STATIC_AS" | "VK_HOOK_FOUND" | "VK_HOOK_ELSEWHERE" => 1,
            _ => return None,
        };
        Some(Self {
            function: rest.split(',').nth(nth)?.trim(),
            is_by_name: !matches!(word, "VK_HOOK_FOUND" | "VK_HOOK_ELSEWHERE"),
        })
    }
}

/// Returns the lines but those for kernels that clang compiled; distributions' are gcc's.
fn of_gcc(source: &str) -> impl Iterator<Item = &str> {
    let mut is_of_clang = false;
    source.lines().filter(move |line| {
        match *line {
            "#ifdef CONFIG_CC_IS_CLANG" => is_of_clang = true,
            "#else" | "#endif" => is_of_clang = false,
            _ => {}
        }
        !is_of_clang
    })
}

fn dir() -> PathBuf {
    workspace::dir().join("vk-ffi-shims/c")
}

/// Returns the texts behind each `mark`.
fn each_after<'a>(source: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(mark).skip(1)
}

/// Returns the text between `begin` and the end of the table.
fn table<'a>(source: &'a str, begin: &str) -> &'a str {
    let rest = source.split_once(begin).map_or("", |(_, rest)| rest);
    rest.split_once("\n};").map_or(rest, |(inside, _)| inside)
}

fn first_string(source: &str) -> String {
    source.split('"').nth(1).unwrap_or_default().to_owned()
}

/// Returns what stands between quotation marks.
fn strings(source: &str) -> Vec<String> {
    let parts = source.split('"').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: &str = r#"
struct vk_symbol vk_symbols[] = {
	{ "do_it", .feature = VK_FEATURE_THP },
	{ "a_number", .feature = VK_FEATURE_THP },
	{ "__start_notes", .feature = VK_FEATURES },
	{ }
};
const char *const vk_structs[] = {
	"struct pid", "struct upid",
	NULL
};
	VK_BIND_CALL(vk_do_it, "do_it");
VK_HOOK(x, PRE(ANYONE), int, long);
VK_HOOK_FOUND(own_y, y, vk_find_y,
	      SHADOW(CURRENT), void);
VK_HOOK_AS(own_z, __z, REPLACE(MM), void, struct mm_struct *);
VK_HOOK_DECLARE(no, void);
#ifdef CONFIG_CC_IS_CLANG
VK_HOOK_STATIC_AS(own_v, of_clang, AROUND(POLICY), void);
#else
VK_HOOK_STATIC_AS(own_v, v, AROUND(POLICY), void);
#endif
"#;

    #[test]
    fn reads_the_lists_of_a_series() {
        let shims = Shims::parse(SERIES, "VK_BIND_CALL(vk_z, \"z\");");
        assert_eq!(shims.hooks, ["x", "y", "__z", "v"]);
        let symbols = ["do_it", "a_number", "__start_notes", "x", "__z", "v"];
        assert_eq!(shims.symbols, symbols);
        assert_eq!(shims.structs, ["struct pid", "struct upid"]);
        assert_eq!(shims.called, ["do_it", "z"]);
        assert_eq!(shims.globals().collect::<Vec<_>>(), ["a_number"]);
        assert!(shims.must_have_type("struct pid"));
        assert!(shims.must_have_type("x"));
        assert!(!shims.must_have_type("y"));
        assert!(!shims.must_have_type("a_number"));
    }

    #[test]
    fn the_series_that_are_served_have_their_lists() -> Result<()> {
        for series in ["7.2", "6.12"] {
            let shims = Shims::read(series)?;
            for name in [
                "__vm_enough_memory",
                "struct pid_namespace",
                "min_free_kbytes",
            ] {
                assert!(shims.names().contains(&name), "{series}: {name}");
            }
            assert!(shims.must_have_type("start_stop_khugepaged"), "{series}");
        }
        assert!(Shims::read("2.6").is_err());
        Ok(())
    }
}
