//! `/dev/vkernel`: one request per write, its whole answer by reads on the same open file.
//!
//! `watch` has an answer without an end: a read waits for the next line, interruptibly and with no
//! lock held, or says EAGAIN with O_NONBLOCK. The next request ends the stream.

use crate::control::{self, Opener};
use crate::reply::Reply;
use kernel::{
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    new_mutex,
    prelude::*,
    sync::Mutex,
};
use vk_ffi_shims::{bell, may_wait, opener_is_admin, Namespace, ReadGuard};
use vk_reference_module::{Errno, Refusal, REQUEST_MAX};

pub(crate) type Registration = MiscDeviceRegistration<Door>;

/// An open file of the device.
#[pin_data]
pub(crate) struct Door {
    opener: Opener,
    #[pin]
    reply: Mutex<Reply>,
    /// `MiscDevice` sets no owner in its file_operations, so an open file would not keep the module.
    /// Let go of last.
    _keep: vk_ffi_shims::Pin,
}

impl Door {
    /// Reads on, at most to the end of the line if it streams; `None` if nothing has happened yet.
    fn read(&self, iov: &mut IovIterDest<'_>) -> Result<Option<usize>> {
        let mut reply = self.reply.lock();
        if reply.must_wait()? {
            return Ok(None);
        }
        let mut pos = reply.answer.pos;
        let read = iov.simple_read_from_buffer(&mut pos, reply.answer.bytes())?;
        if read == 0 && reply.is_stream() {
            // There was something to read, and a stream has no end.
            return Err(EFAULT);
        }
        reply.answer.pos = pos;
        Ok(Some(read))
    }
}

pub(crate) fn register() -> Result<Pin<KBox<Registration>>> {
    let options = MiscDeviceOptions { name: c"vkernel" };
    KBox::pin_init(MiscDeviceRegistration::register(options), GFP_KERNEL)
}

#[vtable]
impl MiscDevice for Door {
    type Ptr = Pin<KBox<Self>>;

    fn open(file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        // misc_deregister() waits for an open that is under way, so the module is still here.
        let keep = vk_ffi_shims::Pin::try_new().ok_or(ENODEV)?;
        let read = ReadGuard::new();
        let ns = Namespace::of_current(&read).map(Namespace::id);
        drop(read);
        let opener = Opener {
            is_admin: opener_is_admin(file),
            ns,
        };
        KBox::try_pin_init(
            try_pin_init!(Self {
                opener,
                reply <- new_mutex!(Reply::new()),
                _keep: keep,
            }),
            GFP_KERNEL,
        )
    }

    /// Reads on. The file's own position is of no use: write(2) that fails does not set it back.
    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        if iov.is_empty() {
            return Ok(0);
        }
        let door = kiocb.file();
        loop {
            let rung = bell::rung();
            if let Some(read) = door.read(iov)? {
                return Ok(read);
            }
            if !may_wait(&kiocb) {
                return Err(EAGAIN);
            }
            bell::wait(rung).map_err(|_| ERESTARTSYS)?;
        }
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        use core::fmt::Write;
        let door = kiocb.file();
        let mut reply = door.reply.lock();
        reply.clear();

        let len = iov.len();
        let refuse = |reply: &mut Reply, refusal: Refusal<'_>| {
            reply.clear();
            let _ = writeln!(reply.answer, "{refusal}");
            Err(Error::from_errno(refusal.errno.to_errno()))
        };
        if len > REQUEST_MAX {
            return refuse(
                &mut reply,
                Refusal::plain(Errno::EMSGSIZE, "a request has at most 65536 bytes"),
            );
        }
        let mut request = KVVec::new();
        // A part of a request is not a request.
        if iov.copy_from_iter_vec(&mut request, GFP_KERNEL)? != len {
            return Err(EFAULT);
        }
        match control::answer(&door.opener, &request, &mut reply) {
            Ok(()) if reply.answer.is_short() => refuse(
                &mut reply,
                Refusal::plain(Errno::ENOMEM, "no memory for the answer"),
            ),
            Ok(()) => Ok(len),
            Err(refusal) => refuse(&mut reply, refusal),
        }
    }
}
