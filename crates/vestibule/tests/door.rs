//! The door in this process, with Rocket behind it.

use std::sync::Arc;

use rocket::http::Status;
use vestibule::{Front, Signals, SystemClock, claim_port};

use crate::app::cheap;
use crate::every_route::has_all_headers;
use crate::raw::{Raw, get};

#[rocket::get("/panic")]
fn panic() -> &'static str {
    panic!("on purpose")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_ours_costs_one_answer_and_not_the_connection() {
    let mut config = cheap();
    config.server.port = 0;
    let listener = claim_port(&mut config).await.unwrap();
    let rocket = vestibule::rocket(&config, Arc::new(SystemClock)).await;
    let rocket = rocket.unwrap().mount("/", rocket::routes![panic]);
    let front = Front::new(rocket.ignite().await.unwrap(), &config).await;
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(front.unwrap().serve(listener, Signals::new().unwrap()));

    let mut raw = Raw(tokio::net::TcpStream::connect(address).await.unwrap());
    for _ in 0..3 {
        raw.send(get("/panic", "")).await.unwrap();
        let answer = raw.answer().await;
        assert_eq!(answer.status, Status::InternalServerError);
        assert!(answer.body.contains("The fault is ours"));
        assert!(!answer.body.contains("on purpose"));
        has_all_headers(&answer, "a fault");
        raw.send(get("/login", "")).await.unwrap();
        assert_eq!(raw.answer().await.status, Status::Ok);
    }
    served.abort();
}
