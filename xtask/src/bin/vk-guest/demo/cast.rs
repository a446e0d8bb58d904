//! Running containers, each in its role: the policy was in before the first instruction.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::Container;
use crate::demo::role::Role;
use crate::program;

/// How long a data base may take until it serves.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// A container in its role.
pub(crate) struct Member {
    /// Its role.
    pub(crate) role: &'static Role,
    /// The container.
    pub(crate) container: Container,
}

impl Member {
    /// Lets the program begin, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// The runtime refuses, or the program does not become ready.
    pub(crate) fn begin(&self) -> Result<()> {
        self.container.begin()?;
        self.container.wait_for_log(self.role.ready, READY_LIMIT)
    }
}

/// Containers that run at the same time.
pub(crate) struct Cast {
    members: Vec<Member>,
}

impl Cast {
    /// Makes a container for each role, and sets its policy; no program has begun.
    ///
    /// # Errors
    ///
    /// A runtime or vkctl refuses.
    pub(crate) fn create(roles: &[&'static Role]) -> Result<Self> {
        let mut members = Vec::new();
        for role in roles {
            let container = Container::create(role.runtime, role.spec())?;
            set_policy(role)?;
            members.push(Member { role, container });
        }
        Ok(Self { members })
    }

    /// Makes containers for these roles and lets them begin.
    ///
    /// # Errors
    ///
    /// As [`Cast::create`] and [`Member::begin`].
    pub(crate) fn start(roles: &[&'static Role]) -> Result<Self> {
        let cast = Self::create(roles)?;
        cast.members.iter().try_for_each(Member::begin)?;
        Ok(cast)
    }

    /// Returns them all.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns the container in the role `role`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn get(&self, role: &Role) -> Result<&Container> {
        let mut members = self.members.iter();
        let member = members.find(|member| member.role.name == role.name);
        let member = member.with_context(|| format!("no container runs as {}", role.name))?;
        Ok(&member.container)
    }

    /// Stops and removes them.
    ///
    /// # Errors
    ///
    /// A runtime refuses.
    pub(crate) fn stop(self) -> Result<()> {
        self.members
            .into_iter()
            .try_for_each(|it| it.container.stop())
    }
}

/// Sets the policy of a container by its name, as a user would.
fn set_policy(role: &Role) -> Result<()> {
    if role.policy.is_empty() {
        return Ok(());
    }
    let target = format!("oci:{}", role.name);
    let mut words = vec!["vkctl", "set", &target];
    words.extend(role.policy);
    program::output(&words).map(|_| ())
}
