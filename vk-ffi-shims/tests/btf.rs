//! Signatures of types, on BTF made here field by field.

use vk_ffi_shims::btf::{Btf, BtfError};
use vk_ffi_shims::line::{Difference, Line};

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const TYPEDEF: u32 = 8;
const CONST: u32 = 10;
const FUNC: u32 = 12;
const PROTO: u32 = 13;

/// A type section and a string section in the making.
struct Maker {
    types: Vec<u8>,
    strings: Vec<u8>,
    layout: Vec<u8>,
    count: u32,
}

impl Maker {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            layout: Vec::new(),
            count: 0,
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        at
    }

    /// Adds a type and returns its number.
    fn add(&mut self, name: &str, kind: u32, vlen: u32, size: u32, tail: &[u32]) -> u32 {
        let name = self.string(name);
        let info = kind << 24 | vlen;
        for word in [name, info, size].iter().chain(tail) {
            self.types.extend(word.to_le_bytes());
        }
        self.count += 1;
        self.count
    }

    fn int(&mut self, name: &str, size: u32) -> u32 {
        self.add(name, INT, 0, size, &[size * 8])
    }

    fn function(&mut self, name: &str, result: u32, parameters: &[u32]) -> u32 {
        let mut tail = Vec::new();
        for (nth, parameter) in parameters.iter().enumerate() {
            tail.extend([self.string(&format!("p{nth}")), *parameter]);
        }
        let proto = self.add("", PROTO, parameters.len() as u32, result, &tail);
        self.add(name, FUNC, 1, proto, &[])
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let mut tail = Vec::new();
        for (name, of, bit) in members {
            tail.extend([self.string(name), *of, *bit]);
        }
        self.add(name, STRUCT, members.len() as u32, size, &tail)
    }

    fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let layout = self.layout.len() as u32;
        let header_len = if layout > 0 { 32 } else { 24 };
        let mut bytes = Vec::new();
        for word in [0x0001_eb9f, header_len, 0, types, types, strings] {
            bytes.extend(u32::to_le_bytes(word));
        }
        if layout > 0 {
            for word in [types + strings, layout] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes.extend(&self.layout);
        bytes
    }

    fn signature(&self, name: &str) -> Option<u64> {
        // Storage for every type, for some, and for hardly any: the answer is the same.
        let of = |room: usize| {
            let (bytes, mut index) = (self.bytes(), vec![0; room]);
            let btf = Btf::parse(&bytes, &mut index).expect("well-formed");
            btf.signature(name).expect("well-formed")
        };
        let found = of(64);
        assert_eq!(found, of(3));
        assert_eq!(found, of(1));
        found
    }
}

/// `int f(struct mm *mm, long pages)` with these choices.
fn function(result: &str, size: u32, pointee: &str, pointer_kind: u32) -> Option<u64> {
    let mut btf = Maker::new();
    let result = btf.int(result, 4);
    let long = btf.int("long", size);
    let mm = btf.add(pointee, FWD, 0, 0, &[]);
    let pointer = btf.add("", pointer_kind, 0, mm, &[]);
    btf.function("f", result, &[pointer, long]);
    btf.signature("f")
}

#[test]
fn a_function_is_its_result_and_its_parameters() {
    let plain = function("int", 8, "mm", PTR);
    assert!(plain.is_some());
    assert_eq!(plain, function("int", 8, "mm", PTR));
    assert_ne!(plain, function("int", 4, "mm", PTR));
    assert_ne!(plain, function("int", 8, "vma", PTR));
}

#[test]
fn a_further_parameter_is_a_difference() {
    let of = |count: usize| {
        let mut btf = Maker::new();
        let int = btf.int("int", 4);
        btf.function("f", 0, &vec![int; count]);
        btf.signature("f")
    };
    assert_eq!(of(2), of(2));
    assert_ne!(of(2), of(3));
}

#[test]
fn typedefs_qualifiers_and_numbering_are_none() {
    let mut plain = Maker::new();
    let long = plain.int("unsigned long", 8);
    plain.function("f", long, &[long]);

    let mut dressed = Maker::new();
    dressed.int("char", 1);
    let long = dressed.int("unsigned long", 8);
    let alias = dressed.add("vm_flags_t", TYPEDEF, 0, long, &[]);
    let constant = dressed.add("", CONST, 0, alias, &[]);
    dressed.function("g", 0, &[]);
    dressed.function("f", alias, &[constant]);

    assert_eq!(plain.signature("f"), dressed.signature("f"));
}

#[test]
fn a_structure_is_where_its_fields_are() {
    let of = |size, second: (&str, u32), wide: bool| {
        let mut btf = Maker::new();
        let int = btf.int("int", 4);
        let long = btf.int("long", 8);
        let kind = if wide { long } else { int };
        btf.structure("s", size, &[("a", int, 0), (second.0, kind, second.1)]);
        btf.signature("struct s")
    };
    let plain = of(16, ("b", 64), true);
    assert!(plain.is_some());
    assert_eq!(plain, of(16, ("b", 64), true));
    assert_ne!(plain, of(24, ("b", 64), true));
    assert_ne!(plain, of(16, ("c", 64), true));
    assert_ne!(plain, of(16, ("b", 32), true));
    assert_ne!(plain, of(16, ("b", 64), false));
}

#[test]
fn an_anonymous_structure_inside_counts_with_its_fields() {
    let of = |bit| {
        let mut btf = Maker::new();
        let int = btf.int("int", 4);
        let inner = btf.structure("", 8, &[("x", int, bit)]);
        btf.structure("s", 8, &[("", inner, 0)]);
        btf.signature("struct s")
    };
    assert_eq!(of(0), of(0));
    assert_ne!(of(0), of(32));
}

#[test]
fn a_structure_behind_a_pointer_counts_by_its_name() {
    let of = |size| {
        let mut btf = Maker::new();
        let other = btf.structure("other", size, &[]);
        let pointer = btf.add("", PTR, 0, other, &[]);
        btf.structure("s", 8, &[("p", pointer, 0)]);
        btf.signature("struct s")
    };
    assert_eq!(of(8), of(16));
}

#[test]
fn an_enumeration_counts_with_its_values() {
    let of = |value| {
        let mut btf = Maker::new();
        let name = btf.string("TVA_SMAPS");
        let choice = btf.add("tva_type", ENUM, 1, 4, &[name, value]);
        btf.function("f", 0, &[choice]);
        btf.signature("f")
    };
    assert_eq!(of(0), of(0));
    assert_ne!(of(0), of(1));
}

#[test]
fn the_length_of_an_array_counts() {
    let of = |len| {
        let mut btf = Maker::new();
        let int = btf.int("int", 4);
        let array = btf.add("", ARRAY, 0, 0, &[int, int, len]);
        btf.structure("s", 64, &[("a", array, 0)]);
        btf.signature("struct s")
    };
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn functions_of_one_name_count_together_in_any_order() {
    let of = |sizes: &[u32]| {
        let mut btf = Maker::new();
        for size in sizes {
            let int = btf.int("int", *size);
            btf.function("enabled_show", int, &[]);
        }
        btf.signature("enabled_show")
    };
    assert_eq!(of(&[4, 8]), of(&[8, 4]));
    assert_ne!(of(&[4, 8]), of(&[4]));
}

#[test]
fn a_name_is_found_whole_and_by_its_kind() {
    let mut btf = Maker::new();
    btf.function("do_mmap", 0, &[]);
    assert_eq!(btf.signature("do_mm"), None);
    assert_eq!(btf.signature("do_mmap2"), None);
    assert_eq!(btf.signature("struct do_mmap"), None);
    assert!(btf.signature("do_mmap").is_some());
}

#[test]
fn names_every_function_and_nothing_else() {
    let mut btf = Maker::new();
    let int = btf.int("int", 4);
    btf.function("do_mmap", int, &[]);
    btf.structure("mm_struct", 8, &[]);
    btf.function("do_munmap", int, &[int]);
    let (bytes, mut index) = (btf.bytes(), [0; 8]);
    let mut names = Vec::new();
    let btf = Btf::parse(&bytes, &mut index).expect("well-formed");
    let visited = btf.each_function(|name, _prototype| {
        names.push(name);
        Ok::<(), BtfError>(())
    });
    assert_eq!(visited, Ok(()));
    assert_eq!(names, [&b"do_mmap"[..], b"do_munmap"]);
}

#[test]
fn an_unknown_kind_is_stepped_over_only_with_its_layout() {
    const NOVEL: u32 = 30;
    let mut btf = Maker::new();
    btf.add("", NOVEL, 2, 0, &[1, 2, 3]);
    btf.function("f", 0, &[]);
    let bytes = btf.bytes();
    let refused = Btf::parse(&bytes, &mut [0; 8]).map(|_| ());
    assert_eq!(refused, Err(BtfError::Kind { kind: NOVEL }));

    // Four bytes once and four for each of two elements.
    btf.layout = vec![0; 4 * 31];
    btf.layout[4 * 30] = 4;
    btf.layout[4 * 30 + 1] = 4;
    assert!(btf.signature("f").is_some());
}

#[test]
fn what_is_cut_off_or_turns_in_a_circle_is_refused() {
    let mut btf = Maker::new();
    let int = btf.int("int", 4);
    btf.structure("s", 4, &[("a", int, 0)]);
    btf.add("loop", TYPEDEF, 0, 3, &[]);
    btf.function("f", 3, &[]);
    btf.function("g", 99, &[]);
    let whole = btf.bytes();
    let mut index = [0; 8];
    let circle = Btf::parse(&whole, &mut index).expect("well-formed");
    assert_eq!(circle.signature("f"), Err(BtfError::Depth));
    assert_eq!(circle.signature("g"), Err(BtfError::Truncated));
    for len in 0..whole.len() {
        let refused = Btf::parse(&whole[..len], &mut [0; 8]).is_err();
        assert!(refused);
    }
}

/// Compares `VK_HOOK(f, ..., int, struct mm *, long)`, with these changes, with `int f(struct mm *, long)`.
fn line(codes: &[u8], takes: &str) -> Option<Difference> {
    let mut btf = Maker::new();
    let int = btf.add("int", INT, 0, 4, &[SIGNED | 32]);
    let long = btf.add("long", INT, 0, 8, &[SIGNED | 64]);
    let mm = btf.add("mm", FWD, 0, 0, &[]);
    let pointer = btf.add("", PTR, 0, mm, &[]);
    btf.function("g", long, &[]);
    btf.function("f", int, &[pointer, long]);
    let (bytes, mut index) = (btf.bytes(), vec![0; 64]);
    let btf = Btf::parse(&bytes, &mut index).expect("well-formed");
    let mut found = Vec::new();
    btf.each_function(|name, prototype| {
        if name == b"f" {
            found.push(Line { codes, takes }.difference(&prototype)?);
        }
        Ok::<(), BtfError>(())
    })
    .expect("well-formed");
    assert_eq!(found.len(), 1);
    found[0]
}

/// `BTF_INT_SIGNED`, where a record has its encoding.
const SIGNED: u32 = 1 << 24;

#[test]
fn a_line_says_what_a_function_returns_and_takes() {
    let takes = "const struct mm *, long";
    assert_eq!(line(&[41, 82, 81], takes), None);
    assert_eq!(line(&[40, 82, 81], takes), Some(Difference::Returns));
    assert_eq!(line(&[0, 82, 81], takes), Some(Difference::Returns));
    assert_eq!(line(&[41, 82], "struct mm *"), Some(Difference::Arguments));
    assert_eq!(line(&[41, 82, 81, 81], takes), Some(Difference::Arguments));
    assert_eq!(line(&[41, 81, 81], takes), Some(Difference::Argument(1)));
    assert_eq!(line(&[41, 82, 80], takes), Some(Difference::Argument(2)));
    assert_eq!(line(&[41, 82, 41], takes), Some(Difference::Argument(2)));
    assert_eq!(line(&[], takes), Some(Difference::Returns));
}

#[test]
fn a_line_says_which_structure_a_pointer_leads_to() {
    let codes = [41, 82, 81];
    assert_eq!(line(&codes, "struct mm *, long"), None);
    // A typedef may stand for it.
    assert_eq!(line(&codes, "mm_t *, long"), None);
    for other in [
        "struct mm_struct *, long",
        "void *, long",
        "union vma *, long",
    ] {
        assert_eq!(
            line(&codes, other),
            Some(Difference::Argument(1)),
            "{other}"
        );
    }
}

#[test]
fn a_structure_as_large_as_a_register_is_passed_as_a_number() {
    for (size, expected) in [(8, None), (16, Some(Difference::Argument(1)))] {
        let mut btf = Maker::new();
        let int = btf.add("int", INT, 0, 4, &[SIGNED | 32]);
        let flags = btf.structure("", size, &[]);
        btf.function("f", int, &[flags]);
        let (bytes, mut index) = (btf.bytes(), vec![0; 64]);
        let btf = Btf::parse(&bytes, &mut index).expect("well-formed");
        let takes = "unsigned long";
        let codes = &[41, 80];
        let compared = btf.each_function(|_name, prototype| {
            let difference = Line { codes, takes }.difference(&prototype)?;
            assert_eq!(difference, expected, "{size} bytes");
            Ok::<(), BtfError>(())
        });
        assert_eq!(compared, Ok(()));
    }
}

/// `struct kobj_attribute` with a method behind a typedef and one that is another, and a field that is
/// none.
fn attribute() -> Vec<u8> {
    let mut btf = Maker::new();
    let long = btf.int("long", 8);
    let kobj = btf.add("kobject", FWD, 0, 0, &[]);
    let kobj = btf.add("", PTR, 0, kobj, &[]);
    let show = btf.add("", PROTO, 1, long, &[0, kobj]);
    let show = btf.add("", PTR, 0, show, &[]);
    let show = btf.add("show_t", TYPEDEF, 0, show, &[]);
    let store = btf.add("", PROTO, 2, long, &[0, kobj, 0, long]);
    let store = btf.add("", PTR, 0, store, &[]);
    btf.structure("attribute", 8, &[("show", long, 0)]);
    let members = [
        ("attr", long, 0),
        ("show", show, 64),
        ("store", store, 128),
        ("kobj", kobj, 192),
    ];
    btf.structure("kobj_attribute", 32, &members);
    btf.bytes()
}

#[test]
fn a_method_is_what_a_field_points_to() -> Result<(), BtfError> {
    let (bytes, mut index) = (attribute(), [0; 4]);
    let btf = Btf::parse(&bytes, &mut index)?;
    let line = Line {
        codes: &[80, 82],
        takes: "struct kobject *",
    };
    let show = btf.method("kobj_attribute", "show")?.expect("a method");
    assert_eq!(line.difference(&show)?, None);
    let store = btf.method("kobj_attribute", "store")?.expect("a method");
    assert_eq!(line.difference(&store)?, Some(Difference::Arguments));
    Ok(())
}

#[test]
fn what_is_no_method_is_none() -> Result<(), BtfError> {
    let (bytes, mut index) = (attribute(), [0; 4]);
    let btf = Btf::parse(&bytes, &mut index)?;
    for (structure, field) in [
        ("kobj_attribute", "attr"),
        ("kobj_attribute", "kobj"),
        ("kobj_attribute", "sho"),
        ("attribute", "show"),
        ("no_such", "show"),
    ] {
        let found = btf.method(structure, field)?.is_some();
        assert!(!found, "{structure}.{field}");
    }
    Ok(())
}
