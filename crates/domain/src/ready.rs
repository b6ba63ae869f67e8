use std::sync::Arc;

use crate::Outage;
use crate::ports::Backend;

/// Whether visitors can be served now.
pub struct Ready {
    /// All that has to answer for that.
    pub backends: Vec<Arc<dyn Backend>>,
}

impl Ready {
    /// Asks each backend in turn.
    ///
    /// # Errors
    /// The first [`Outage`].
    pub async fn check(&self) -> Result<(), Outage> {
        for backend in &self.backends {
            backend.ping().await?;
        }
        Ok(())
    }
}
