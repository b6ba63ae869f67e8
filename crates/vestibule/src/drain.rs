use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Data, Request, Shutdown, async_trait};
use tokio::sync::watch;
use tokio::time::sleep;

/// Counts the requests in flight, so that a shutdown is over when they are: to be attached.
///
/// Rocket by itself waits for its whole grace period whenever a connection is open, be it idle.
#[derive(Clone, Default)]
pub struct Drain(Arc<watch::Sender<usize>>);

/// How long after the last answer was written its bytes have to leave.
const LINGER: Duration = Duration::from_millis(200);

impl Drain {
    /// Ends once `shutdown` has been asked for and every request is answered.
    pub fn over(&self, shutdown: Shutdown) -> impl Future<Output = ()> + use<> {
        let mut count = self.0.subscribe();
        async move {
            shutdown.await;
            loop {
                // An error says that nobody counts any more: then nobody is served either.
                let _ = count.wait_for(|count| *count == 0).await;
                sleep(LINGER).await;
                if *count.borrow() == 0 {
                    return;
                }
            }
        }
    }
}

/// In a request's cache, and so counted until Rocket lets go of the request, its answer written.
struct InFlight(Arc<watch::Sender<usize>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[async_trait]
impl Fairing for Drain {
    fn info(&self) -> Info {
        Info {
            name: "Requests in flight",
            kind: Kind::Request,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _data: &mut Data<'_>) {
        self.0.send_modify(|count| *count += 1);
        let count = InFlight(Arc::clone(&self.0));
        request.local_cache(|| count);
    }
}
