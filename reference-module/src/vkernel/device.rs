//! `/dev/vkernel`: one request per write, its whole answer by reads on the same open file.

use crate::control::{self, Opener};
use crate::output::Output;
use kernel::{
    fs::{File, Kiocb},
    iov::{IovIterDest, IovIterSource},
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    new_mutex,
    prelude::*,
    sync::Mutex,
};
use vk_ffi_shims::{opener_is_admin, Namespace, ReadGuard};
use vk_reference_module::{Errno, Refusal, REQUEST_MAX};

pub(crate) type Registration = MiscDeviceRegistration<Door>;

/// An open file of the device.
#[pin_data]
pub(crate) struct Door {
    opener: Opener,
    /// `MiscDevice` sets no owner in its file_operations, so an open file would not keep the module.
    _keep: vk_ffi_shims::Pin,
    #[pin]
    answer: Mutex<Output>,
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
                _keep: keep,
                answer <- new_mutex!(Output::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// Reads on. The file's own position is of no use: write(2) that fails does not set it back.
    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let door = kiocb.file();
        let mut answer = door.answer.lock();
        let mut pos = answer.pos;
        let read = iov.simple_read_from_buffer(&mut pos, answer.bytes())?;
        answer.pos = pos;
        Ok(read)
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        use core::fmt::Write;
        let door = kiocb.file();
        let mut answer = door.answer.lock();
        answer.clear();

        let len = iov.len();
        let refuse = |answer: &mut Output, refusal: Refusal<'_>| {
            answer.clear();
            let _ = writeln!(answer, "{refusal}");
            Err(Error::from_errno(refusal.errno.to_errno()))
        };
        if len > REQUEST_MAX {
            return refuse(
                &mut answer,
                Refusal::plain(Errno::EMSGSIZE, "a request has at most 65536 bytes"),
            );
        }
        let mut request = KVVec::new();
        // A part of a request is not a request.
        if iov.copy_from_iter_vec(&mut request, GFP_KERNEL)? != len {
            return Err(EFAULT);
        }
        match control::answer(&door.opener, &request, &mut answer) {
            Ok(()) if answer.is_short() => refuse(
                &mut answer,
                Refusal::plain(Errno::ENOMEM, "no memory for the answer"),
            ),
            Ok(()) => Ok(len),
            Err(refusal) => refuse(&mut answer, refusal),
        }
    }
}
