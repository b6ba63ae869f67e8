//! The door: connections, and how long and how many of them are put up with. Behind it is Rocket, which would wait for ever
//! for whoever is slow, and take as many as come.

mod answer;
mod gate;
mod head;
mod places;
mod system;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rocket::local::asynchronous::Client;
use rocket::{Ignite, Rocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::warn;
use vestibule_web::Proxies;

use crate::Config;
use answer::Answer;
use gate::{Gate, Patience, Turn};
use places::{Place, Places};
use system::{is_of_one, most_connections};

pub use system::Signals;

/// What is in flight when the program is asked to end has this long.
const GRACE: Duration = Duration::from_secs(30);

/// A connection that has asked for nothing yet has this long to do so then: its request may be on its way.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How long we listen on after the last word, so that it is not lost with what nobody has read.
const LINGER: Duration = Duration::from_secs(1);

/// How many are told at the same time that there is no place for them; the rest are shown the door without a word.
const MOST_TOLD: usize = 32;

/// How many connections the system keeps for us until we take them. Source: tokio's `TcpListener::bind`.
const MOST_WAITING: u32 = 1024;

/// How long to wait when the system has no more files for us.
const OUT_OF_FILES: Duration = Duration::from_millis(100);

/// The pages, open to visitors.
pub struct Front {
    pages: Client,
    patience: Patience,
    places: Arc<Places>,
    told: Semaphore,
    stop: watch::Sender<bool>,
}

impl Front {
    /// Opens the pages as `config` says; [`Front::serve`] lets visitors in.
    ///
    /// # Errors
    /// Rocket's, for pages that cannot be opened.
    pub async fn new(pages: Rocket<Ignite>, config: &Config) -> Result<Self, rocket::Error> {
        let server = &config.server;
        Ok(Self {
            pages: Client::untracked(pages).await?,
            patience: Patience {
                header: server.header_timeout,
                body: server.body_timeout,
                idle: server.idle_timeout,
            },
            places: Arc::new(Places::new(
                most_connections(server.max_connections),
                server.max_connections_per_address,
            )),
            told: Semaphore::new(MOST_TOLD),
            stop: watch::Sender::new(false),
        })
    }

    /// Serves whoever comes until the program is asked to end, by Ctrl-C or SIGTERM; then lets nobody in any more, answers
    /// what is in flight, and closes what is idle. A second time is an order.
    ///
    /// # Errors
    /// When the system does not hand the listener over.
    pub async fn serve(self, listener: TcpListener, mut signals: Signals) -> io::Result<()> {
        let front = Arc::new(self);
        loop {
            tokio::select! {
                biased;
                () = signals.next() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => front.let_in(stream, peer),
                    Err(e) if is_of_one(&e) => {}
                    Err(e) => {
                        warn!("no connection can be taken: {e}");
                        sleep(OUT_OF_FILES).await;
                    }
                },
            }
        }
        front.let_in_who_waits(listener)?;
        front.stop.send_replace(true);
        tokio::select! {
            () = front.places.all_free() => {}
            () = sleep(GRACE) => warn!("not all that was in flight could be answered in {GRACE:?}"),
            () = signals.next() => {}
        }
        Ok(())
    }

    /// Whoever was told by the system that they are connected, and nobody else.
    fn let_in_who_waits(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        for _ in 0..MOST_WAITING {
            let Ok((stream, peer)) = listener.accept() else {
                break;
            };
            stream.set_nonblocking(true)?;
            self.let_in(TcpStream::from_std(stream)?, peer);
        }
        Ok(())
    }

    fn let_in(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let front = Arc::clone(self);
        // Without it, an answer may wait for a word from the other side.
        let _ = stream.set_nodelay(true);
        let address = (!self.speaks_for_many(peer.ip())).then_some(peer.ip());
        match self.places.take(address) {
            Some(place) => drop(tokio::spawn(front.attend(stream, peer, Arc::new(place)))),
            None => drop(tokio::spawn(
                async move { front.turn_away(stream, peer).await },
            )),
        }
    }

    /// Whether one address stands for any number of visitors: that of a trusted proxy, or of one on this very machine.
    fn speaks_for_many(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let proxies = self.pages.rocket().state::<Proxies>();
        peer == Ipv4Addr::LOCALHOST
            || peer == Ipv6Addr::LOCALHOST
            || proxies.is_some_and(|proxies| proxies.trusts(peer))
    }

    /// One connection, from its first byte to its last.
    async fn attend(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Arc<Place>) {
        let turn = Arc::new(Turn::default());
        let gate = Gate::new(stream, Arc::clone(&turn), self.patience);
        let service = service_fn(|request: Request<Incoming>| {
            // Said at once: hyper reads on while the answer is made.
            turn.asked(request.body().size_hint().exact());
            let (front, place, turn) = (Arc::clone(&self), Arc::clone(&place), Arc::clone(&turn));
            async move { Ok::<_, Infallible>(front.answer(request, peer, &place, &turn).await) }
        });
        let mut connection = http1::Builder::new()
            .max_buf_size(2 * head::MOST_BYTES)
            .serve_connection(TokioIo::new(gate), service);
        tokio::select! {
            biased;
            _ = &mut connection => {}
            () = self.time_to_go(&turn) => {
                Pin::new(&mut connection).graceful_shutdown();
                let _ = (&mut connection).await;
            }
        }
        let (mut stream, refusal) = connection.into_parts().io.into_inner().into_parts();
        if let Some(status) = refusal {
            let said = self.refusal(peer, status).await;
            let _ = timeout(self.patience.body, stream.write_all(&said)).await;
        }
        if refusal.is_some() || turn.is_cut_off() {
            linger(stream).await;
        }
    }

    /// Ends when a connection has to, as soon as it owes no answer.
    async fn time_to_go(&self, turn: &Turn) {
        let mut stop = self.stop.subscribe();
        // An error would say that the door is gone.
        let _ = stop.wait_for(|stop| *stop).await;
        if !turn.was_used() {
            sleep(LAST_WORD).await;
        }
    }

    /// The answer to one request, whatever becomes of the connection meanwhile: what has begun is done to its end.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        place: &Arc<Place>,
        turn: &Turn,
    ) -> Answer {
        let (head, body) = request.into_parts();
        let body = answer::body(body, self.patience.body).await;
        let (front, place_of_request) = (Arc::clone(&self), Arc::clone(place));
        let answered = tokio::spawn(async move {
            let _place = place_of_request;
            match body {
                Ok(body) => answer::ask(&front.pages, peer, &head, &body).await,
                Err(status) => answer::refuse(&front.pages, peer, &head.headers, status).await,
            }
        });
        let mut answer = match answered.await {
            Ok(answer) => answer,
            Err(_panicked) => answer::refuse(&self.pages, peer, &HeaderMap::new(), 500).await,
        };
        if turn.is_cut_off() || place.is_scarce() || *self.stop.borrow() {
            answer::close(&mut answer);
        }
        turn.answered();
        answer
    }

    /// What is said where nothing has been read that can be made sense of.
    async fn refusal(&self, peer: SocketAddr, status: u16) -> Vec<u8> {
        let answer = answer::refuse(&self.pages, peer, &HeaderMap::new(), status).await;
        answer::written(answer).await
    }

    /// Tells somebody that there is no place for them, if there is time for it.
    async fn turn_away(&self, mut stream: TcpStream, peer: SocketAddr) {
        let Ok(_told) = self.told.try_acquire() else {
            return;
        };
        let said = self.refusal(peer, 503).await;
        if let Ok(Ok(())) = timeout(LINGER, stream.write_all(&said)).await {
            linger(stream).await;
        }
    }
}

/// Closes a connection on which something may come that nobody reads. Closed at once, it would be reset, and the last
/// answer be lost on its way. Source: RFC 9112, section 9.6.
async fn linger(mut stream: TcpStream) {
    let last = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, last).await;
}
