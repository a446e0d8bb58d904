//! BTF, a kernel's description of its own types: finds a type by name and boils it down to a number.
//!
//! Two kernels whose functions and structures have equal signatures agree on how they are called
//! and where their fields are. Names of typedefs and of parameters, qualifiers and tags do not
//! count: they change no byte.
//!
//! The format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of the kernel.

const MAGIC: u32 = 0xeb9f;
const HEADER_LEN: usize = 24;
const HEADER_LEN_WITH_LAYOUT: usize = 32;
const TYPE_LEN: usize = 12;
/// The length of a member of a structure.
const MEMBER_LEN: usize = 12;

/// How deep types may be nested by value or as function types: the stack is the kernel's.
const MAX_DEPTH: u32 = 24;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// Why BTF cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BtfError {
    /// It does not begin with a header of this format.
    Header,
    /// A type or a string lies outside its section.
    Truncated,
    /// A kind of type that neither this crate nor the data itself describes.
    Kind {
        /// Its number.
        kind: u32,
    },
    /// Types are nested deeper than any kernel's.
    Depth,
}

impl core::fmt::Display for BtfError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Header => f.write_str("no BTF header"),
            Self::Truncated => f.write_str("the BTF ends too early"),
            Self::Kind { kind } => write!(f, "BTF kind {kind} is not known"),
            Self::Depth => f.write_str("BTF types are nested too deep"),
        }
    }
}

impl core::error::Error for BtfError {}

/// The types of one kernel.
///
/// Types have no fixed size, so finding one by number means walking; `index` holds where every
/// so-manieth begins.
#[derive(Clone, Copy, Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    layout: &'a [u8],
    index: &'a [u32],
    stride: u32,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub struct Prototype<'b> {
    btf: &'b Btf<'b>,
    id: u32,
}

/// How large a general register is.
const REGISTER_BYTES: u32 = 8;

/// A type as it is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing<'b> {
    /// Nothing.
    Void,
    /// A number of so many bytes, or a structure that is passed as one.
    Number {
        /// How many.
        size: u32,
        /// Whether it has a sign.
        is_signed: bool,
    },
    /// A pointer, to a structure or union of this name; empty for anything else.
    Pointer(&'b [u8]),
    /// What is not passed in one register, or not in a general one.
    Other,
}

impl<'b> Prototype<'b> {
    fn record(&self) -> Result<Type<'b>, BtfError> {
        self.btf.get(self.id)?.ok_or(BtfError::Truncated)
    }

    /// Returns how many arguments it takes.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn arguments(&self) -> Result<u32, BtfError> {
        self.record().map(|found| found.vlen)
    }

    /// Returns what argument `nth` crosses as, from 1; 0 is what the function returns. `None` past the
    /// last.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn crossing(&self, nth: u32) -> Result<Option<Crossing<'b>>, BtfError> {
        let found = self.record()?;
        let Some(before) = nth.checked_sub(1) else {
            return self.btf.crossing(found.size).map(Some);
        };
        let mut parameters = found.tail.chunks_exact(8);
        let parameter = parameters.find({
            let mut at = 0_u32;
            move |_| {
                let is_it = at == before;
                at = at.wrapping_add(1);
                is_it
            }
        });
        let Some(parameter) = parameter else {
            return Ok(None);
        };
        let id = word(parameter, 4).ok_or(BtfError::Truncated)?;
        self.btf.crossing(id).map(Some)
    }
}

/// One record of the type section.
#[derive(Clone, Copy)]
struct Type<'a> {
    name_off: u32,
    kind: u32,
    flag: bool,
    vlen: u32,
    /// A size or the number of another type, by kind.
    size: u32,
    /// What follows the record.
    tail: &'a [u8],
}

impl<'a> Btf<'a> {
    /// Reads `bytes`; `index` is storage: the more of it, the faster are look-ups.
    ///
    /// # Errors
    ///
    /// `bytes` is no BTF, or has kinds of types that cannot be stepped over.
    pub fn parse(bytes: &'a [u8], index: &'a mut [u32]) -> Result<Self, BtfError> {
        let word = |at| word(bytes, at).ok_or(BtfError::Header);
        let header_len = word(4)? as usize;
        if word(0)? & 0xffff != MAGIC || header_len < HEADER_LEN {
            return Err(BtfError::Header);
        }
        let body = bytes.get(header_len..).ok_or(BtfError::Header)?;
        let section = |at| -> Result<&'a [u8], BtfError> {
            let (start, len) = (word(at)?, word(at.wrapping_add(4))?);
            part(body, start as usize, len as usize).ok_or(BtfError::Truncated)
        };
        let mut btf = Self {
            types: section(8)?,
            strings: section(16)?,
            layout: match header_len >= HEADER_LEN_WITH_LAYOUT {
                true => section(24)?,
                false => &[],
            },
            index: &[],
            stride: 1,
        };
        let count = btf.walk(|_, _| {})?;
        let room = u32::try_from(index.len()).unwrap_or(u32::MAX).max(1);
        btf.stride = count.checked_div(room).unwrap_or(0).saturating_add(1);
        let stride = btf.stride;
        btf.walk(|nth, at| {
            if nth.checked_rem(stride) == Some(0) {
                let slot = nth.checked_div(stride).unwrap_or(0) as usize;
                if let Some(entry) = index.get_mut(slot) {
                    *entry = at;
                }
            }
        })?;
        btf.index = index;
        Ok(btf)
    }

    /// Returns the signature of the function `name`, or of all functions that have this name.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn function(&self, name: &str) -> Result<Option<u64>, BtfError> {
        self.find(name, |btf, found, hash| match found.kind {
            FUNC => btf.hash_type(hash, found.size, 0).map(|()| true),
            _ => Ok(false),
        })
    }

    /// Returns the signature of the structure `name`: its size, and each field's name, place and type.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn structure(&self, name: &str) -> Result<Option<u64>, BtfError> {
        self.find(name, |btf, found, hash| match found.kind {
            STRUCT => btf.hash_members(hash, found, 0).map(|()| true),
            _ => Ok(false),
        })
    }

    /// Returns the signature that a record of types keeps under `name`: `struct task_struct` or `do_mmap`.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn signature(&self, name: &str) -> Result<Option<u64>, BtfError> {
        match name.strip_prefix("struct ") {
            Some(name) => self.structure(name),
            None => self.function(name),
        }
    }

    /// Calls `visit` with the name and the prototype of each function.
    ///
    /// # Errors
    ///
    /// The BTF is malformed, or what `visit` says.
    pub fn each_function<E: From<BtfError>>(
        &self,
        mut visit: impl FnMut(&'a [u8], Prototype<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < self.types.len() {
            let (found, next) = self.read(at)?;
            if found.kind == FUNC {
                let name = self.string(found.name_off)?;
                visit(
                    name,
                    Prototype {
                        btf: self,
                        id: found.size,
                    },
                )?;
            }
            at = next;
        }
        Ok(())
    }

    /// Returns the prototype of what the field `field` of the structure `name` points to; `None` if there is
    /// no such field, or it points to no function.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn method(&self, name: &str, field: &str) -> Result<Option<Prototype<'_>>, BtfError> {
        let mut at = 0;
        while at < self.types.len() {
            let (found, next) = self.read(at)?;
            if found.kind == STRUCT && self.is_named(&found, name.as_bytes()) {
                for member in found.tail.chunks_exact(MEMBER_LEN) {
                    let part = |at| word(member, at).ok_or(BtfError::Truncated);
                    if self.string(part(0)?)? == field.as_bytes() {
                        return self.pointed_prototype(part(4)?);
                    }
                }
            }
            at = next;
        }
        Ok(None)
    }

    /// Returns the prototype that the type `id` points to, if it does.
    fn pointed_prototype(&self, mut id: u32) -> Result<Option<Prototype<'_>>, BtfError> {
        for _ in 0..MAX_DEPTH {
            match self.get(id)? {
                Some(found) if found.kind == FUNC_PROTO => {
                    return Ok(Some(Prototype { btf: self, id }));
                }
                Some(found) if found.kind == PTR || is_transparent(found.kind) => id = found.size,
                _ => return Ok(None),
            }
        }
        Err(BtfError::Depth)
    }

    /// Sums the signatures of the types of this name: the order in the file says nothing.
    fn find(
        &self,
        name: &str,
        mut add: impl FnMut(&Self, Type<'a>, &mut Hash) -> Result<bool, BtfError>,
    ) -> Result<Option<u64>, BtfError> {
        let mut sum = None;
        let mut at = 0;
        while at < self.types.len() {
            let (found, next) = self.read(at)?;
            if self.is_named(&found, name.as_bytes()) {
                let mut hash = Hash::new();
                if add(self, found, &mut hash)? {
                    sum = Some(sum.unwrap_or(0_u64).wrapping_add(hash.0));
                }
            }
            at = next;
        }
        Ok(sum)
    }

    /// Calls `visit` with the place of each type in the order of their numbers; returns how many.
    fn walk(&self, mut visit: impl FnMut(u32, u32)) -> Result<u32, BtfError> {
        let (mut nth, mut at) = (0_u32, 0);
        while at < self.types.len() {
            visit(nth, u32::try_from(at).map_err(|_| BtfError::Truncated)?);
            at = self.read(at)?.1;
            nth = nth.saturating_add(1);
        }
        Ok(nth)
    }

    /// Reads the type at `at`, and says where the next one begins.
    fn read(&self, at: usize) -> Result<(Type<'a>, usize), BtfError> {
        let field = |offset: usize| word(self.types, at.wrapping_add(offset));
        let read = || Some((field(0)?, field(4)?, field(8)?));
        let (name_off, info, size) = read().ok_or(BtfError::Truncated)?;
        let (kind, vlen) = ((info >> 24) & 0x7f, info & 0xff_ffff);
        let tail_len = self.tail_len(kind, vlen)?;
        let start = at.saturating_add(TYPE_LEN);
        let tail = part(self.types, start, tail_len).ok_or(BtfError::Truncated)?;
        let found = Type {
            name_off,
            kind,
            flag: info >> 31 != 0,
            vlen,
            size,
            tail,
        };
        Ok((found, start.saturating_add(tail_len)))
    }

    fn tail_len(&self, kind: u32, vlen: u32) -> Result<usize, BtfError> {
        let (once, each) = match kind {
            INT | VAR | DECL_TAG => (4, 0),
            ARRAY => (12, 0),
            STRUCT | UNION | DATASEC | ENUM64 => (0, 12),
            ENUM | FUNC_PROTO => (0, 8),
            PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => (0, 0),
            // A kernel newer than this crate describes its kinds itself.
            kind => match self.layout.get((kind as usize).wrapping_mul(4)..) {
                Some([once, each, ..]) => (usize::from(*once), usize::from(*each)),
                _ => return Err(BtfError::Kind { kind }),
            },
        };
        Ok(once.saturating_add(each.saturating_mul(vlen as usize)))
    }

    /// Returns type number `id`; `void`, number 0, has none.
    fn get(&self, id: u32) -> Result<Option<Type<'a>>, BtfError> {
        let Some(nth) = id.checked_sub(1) else {
            return Ok(None);
        };
        let slot = nth.checked_div(self.stride).unwrap_or(0) as usize;
        let begin = self.index.get(slot).ok_or(BtfError::Truncated)?;
        let mut at = *begin as usize;
        for _ in 0..nth.checked_rem(self.stride).unwrap_or(0) {
            at = self.read(at)?.1;
        }
        self.read(at).map(|(found, _)| Some(found))
    }

    /// Says what the type `id` is passed as.
    fn crossing(&self, id: u32) -> Result<Crossing<'_>, BtfError> {
        let Some(found) = self.bare(id)? else {
            return Ok(Crossing::Void);
        };
        // BTF_INT_SIGNED of the encoding; an enumeration says it in its flag.
        let is_signed = match found.kind {
            INT => word(found.tail, 0).is_some_and(|encoding| encoding & 1 << 24 != 0),
            _ => found.flag,
        };
        match found.kind {
            INT | ENUM | ENUM64 => Ok(Crossing::Number {
                size: found.size,
                is_signed,
            }),
            PTR => match self.bare(found.size)? {
                Some(to) if matches!(to.kind, STRUCT | UNION | FWD) => {
                    self.string(to.name_off).map(Crossing::Pointer)
                }
                _ => Ok(Crossing::Pointer(&[])),
            },
            // As large as a general register, and the kernel has no floating point: it is in one.
            STRUCT | UNION if found.size == REGISTER_BYTES => Ok(Crossing::Number {
                size: found.size,
                is_signed: false,
            }),
            _ => Ok(Crossing::Other),
        }
    }

    fn string(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        let rest = self.strings.get(offset as usize..);
        let mut parts = rest.ok_or(BtfError::Truncated)?.split(|byte| *byte == 0);
        parts.next().ok_or(BtfError::Truncated)
    }

    fn is_named(&self, found: &Type<'_>, name: &[u8]) -> bool {
        let rest = self.strings.get(found.name_off as usize..);
        rest.and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    /// Adds the type `id` as it is passed or stored.
    fn hash_type(&self, hash: &mut Hash, id: u32, depth: u32) -> Result<(), BtfError> {
        let depth = deeper(depth)?;
        let Some(found) = self.bare(id)? else {
            hash.byte(0);
            return Ok(());
        };
        hash.byte(found.kind as u8);
        match found.kind {
            PTR => self.hash_pointee(hash, found.size, depth),
            ARRAY => {
                // The element's type, and after the index's type, how many.
                hash.word(word(found.tail, 8).ok_or(BtfError::Truncated)?);
                let element = word(found.tail, 0).ok_or(BtfError::Truncated)?;
                self.hash_type(hash, element, depth)
            }
            STRUCT | UNION if found.name_off == 0 => self.hash_members(hash, found, depth),
            STRUCT | UNION => {
                hash.word(found.size);
                self.hash_name(hash, &found)
            }
            ENUM | ENUM64 => self.hash_values(hash, found),
            FUNC_PROTO => self.hash_prototype(hash, found, depth),
            // An integer's encoding says whether it has a sign, and how many bits.
            _ => {
                hash.word(found.size);
                hash.bytes(found.tail);
                Ok(())
            }
        }
    }

    /// What a pointer points to does not change the pointer: a named type counts by its name.
    fn hash_pointee(&self, hash: &mut Hash, id: u32, depth: u32) -> Result<(), BtfError> {
        match self.bare(id)? {
            Some(found) if matches!(found.kind, STRUCT | UNION | FWD | ENUM | ENUM64) => {
                self.hash_name(hash, &found)
            }
            _ => self.hash_type(hash, id, depth),
        }
    }

    fn hash_prototype(&self, hash: &mut Hash, found: Type<'a>, depth: u32) -> Result<(), BtfError> {
        hash.word(found.vlen);
        self.hash_type(hash, found.size, depth)?;
        for parameter in found.tail.chunks_exact(8) {
            let id = word(parameter, 4).ok_or(BtfError::Truncated)?;
            self.hash_type(hash, id, depth)?;
        }
        Ok(())
    }

    fn hash_members(&self, hash: &mut Hash, found: Type<'a>, depth: u32) -> Result<(), BtfError> {
        let depth = deeper(depth)?;
        hash.word(found.size);
        hash.word(found.vlen);
        hash.byte(u8::from(found.flag));
        for member in found.tail.chunks_exact(MEMBER_LEN) {
            let field = |at| word(member, at).ok_or(BtfError::Truncated);
            hash.bytes(self.string(field(0)?)?);
            hash.byte(0);
            hash.word(field(8)?);
            self.hash_type(hash, field(4)?, depth)?;
        }
        Ok(())
    }

    fn hash_values(&self, hash: &mut Hash, found: Type<'a>) -> Result<(), BtfError> {
        hash.word(found.size);
        let each = if found.kind == ENUM { 8 } else { 12 };
        for value in found.tail.chunks_exact(each) {
            let name = word(value, 0).ok_or(BtfError::Truncated)?;
            hash.bytes(self.string(name)?);
            hash.byte(0);
            hash.bytes(value.get(4..).unwrap_or_default());
        }
        Ok(())
    }

    fn hash_name(&self, hash: &mut Hash, found: &Type<'_>) -> Result<(), BtfError> {
        hash.bytes(self.string(found.name_off)?);
        hash.byte(0);
        Ok(())
    }

    /// Returns the type `id` without typedefs, qualifiers and tags around it.
    fn bare(&self, mut id: u32) -> Result<Option<Type<'a>>, BtfError> {
        for _ in 0..MAX_DEPTH {
            match self.get(id)? {
                Some(found) if is_transparent(found.kind) => id = found.size,
                other => return Ok(other),
            }
        }
        Err(BtfError::Depth)
    }
}

/// Whether a type of this kind is another one under a name or with a mark.
fn is_transparent(kind: u32) -> bool {
    matches!(
        kind,
        TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG | DECL_TAG
    )
}

fn deeper(depth: u32) -> Result<u32, BtfError> {
    match depth {
        MAX_DEPTH.. => Err(BtfError::Depth),
        depth => Ok(depth.wrapping_add(1)),
    }
}

fn part(bytes: &[u8], start: usize, len: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(len)?)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = part(bytes, at, 4)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// 64-bit FNV-1a.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_le_bytes());
    }
}
