//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vestibule_domain::network;

pub(super) struct Places {
    free: Arc<Semaphore>,
    most: u32,
    most_per_address: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place of one connection, and of what it has asked for; free again when this goes.
pub(super) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: u32, most_per_address: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most as usize)),
            most,
            most_per_address,
            taken: Mutex::default(),
        }
    }

    /// A place for somebody at `address`; `None` for one whose address speaks for many. No place when they are all taken,
    /// or too many of them by this address.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let address = address.map(network);
        if let Some(address) = address {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let count = taken.entry(address).or_default();
            if *count >= self.most_per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            places: Arc::clone(self),
            address,
            _permit: permit,
        })
    }

    /// Ends when nobody has a place any more.
    pub(super) async fn all_free(&self) {
        // An error would say that nobody can have one.
        let _ = self.free.acquire_many(self.most).await;
    }
}

impl Place {
    /// Whether others may soon find none: then nobody keeps a place without need. In all, that is when three of four are
    /// taken; of an address, when half of its own are.
    pub(super) fn is_scarce(&self) -> bool {
        let places = &self.places;
        if places.free.available_permits() < places.most.div_ceil(4) as usize {
            return true;
        }
        self.address.is_some_and(|address| {
            let taken = places.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let count = taken.get(&address).copied().unwrap_or_default();
            count > places.most_per_address.div_ceil(2)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut taken = self
            .places
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = taken.entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, address: &str) -> Option<Place> {
        places.take(Some(address.parse().unwrap()))
    }

    #[test]
    fn nobody_takes_more_than_their_share() {
        let places = Arc::new(Places::new(5, 2));
        let first = take(&places, "2001:db8::1").unwrap();
        let second = take(&places, "2001:db8::2").unwrap();
        assert!(take(&places, "2001:db8::3").is_none(), "the same /64");
        let neighbour = take(&places, "2001:db8:0:1::1").unwrap();
        drop((first, second));
        assert!(take(&places, "2001:db8::3").is_some());
        drop(neighbour);
        let taken = places.taken.lock().unwrap();
        assert!(taken.is_empty(), "nobody is remembered: {taken:?}");
    }

    #[test]
    fn who_speaks_for_many_may_take_all_and_no_more() {
        let places = Arc::new(Places::new(3, 1));
        let taken: Vec<_> = (0..3).map_while(|_| places.take(None)).collect();
        assert_eq!(taken.len(), 3);
        assert!(places.take(None).is_none());
        assert!(taken[0].is_scarce());
    }
}
